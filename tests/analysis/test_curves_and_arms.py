"""Curves, arms and exits beside the effects."""

import pandas as pd
import pytest

KEY = ["outcome", "method", "measure"]


def by_key(estimates: pd.DataFrame) -> pd.DataFrame:
    return estimates.set_index(KEY).sort_index()


def test_curves_start_at_nothing_climb_to_the_estimate_and_stay_within_their_bands(comparison):
    estimates = by_key(comparison.estimates)
    assert set(comparison.curves["outcome"]) == {"relapse", "discontinuation"}
    for (outcome, method, arm), curve in comparison.curves.groupby(["outcome", "method", "arm"]):
        assert curve["day"].iloc[0] == 0
        assert curve["risk"].iloc[0] == 0
        assert (curve["day"].diff().dropna() > 0).all()
        assert (curve["risk"].diff().dropna() >= 0).all()
        assert curve["conf_low"].between(0, curve["risk"]).all()
        assert curve["conf_high"].between(curve["risk"], 1).all()
        row = estimates.loc[(outcome, method, f"risk_{arm}")]
        assert curve["day"].iloc[-1] == row["horizon_days"]
        assert curve[["risk", "conf_low", "conf_high"]].iloc[-1].tolist() == pytest.approx(
            row[["estimate", "conf_low", "conf_high"]].tolist(), rel=1e-9
        )


def test_curves_count_people_unweighted(comparison, cohort):
    size = cohort.persons["arm"].value_counts()
    for (_, _, arm), curve in comparison.curves.groupby(["outcome", "method", "arm"]):
        assert curve["at_risk"].iloc[0] == size[arm]
        assert (curve["at_risk"].diff().dropna() <= 0).all()
        assert (curve["events"].diff().dropna() >= 0).all()
    last = comparison.curves.groupby(["outcome", "method", "arm"])["events"].last()
    arms = comparison.arms.set_index(["outcome", "method", "arm"])["events"]
    assert last.to_dict() == arms[last.index].to_dict()


def test_someone_who_leaves_on_a_day_is_still_at_risk_on_it(comparison, cohort):
    ends = cohort.follow_up[cohort.follow_up["outcome"] == "discontinuation"]
    ends = ends.merge(cohort.persons[["person_id", "arm"]], on="person_id")
    curves = comparison.curves.query("outcome == 'discontinuation' and method == 'iptw'")
    for arm, curve in curves.groupby("arm"):
        days = ends["days"][ends["arm"] == arm]
        expected = [int((days >= day).sum()) for day in curve["day"]]
        assert curve["at_risk"].tolist() == expected


def test_an_arm_is_its_known_and_its_missing_people(comparison, cohort):
    size = cohort.persons["arm"].value_counts()
    arms = comparison.arms
    assert (arms["people"] + arms["missing"]).tolist() == arms["arm"].map(size).tolist()


def test_restricted_means_differ_by_their_difference(comparison):
    estimates = by_key(comparison.estimates)
    arms = comparison.arms.set_index(["outcome", "method", "arm"])["restricted_mean_days"]
    for outcome in ("relapse", "discontinuation"):
        for method in ("unadjusted", "iptw"):
            apart = arms[outcome, method, "intervention"] - arms[outcome, method, "comparator"]
            row = estimates.loc[(outcome, method, "rmst_difference")]
            assert row["estimate"] == pytest.approx(apart, rel=1e-9)


def test_the_median_is_the_day_by_which_half_had_the_event(comparison):
    """A step curve's: at the median it has reached one half, on the day before it has not."""
    arms = comparison.arms.set_index(["outcome", "method", "arm"])["median_days"]
    crossed = 0
    for key, curve in comparison.curves.groupby(["outcome", "method", "arm"]):
        if curve["risk"].iloc[-1] < 0.5:
            horizon = curve["day"].iloc[-1]
            assert pd.isna(arms[key]) or arms[key] > horizon
            continue
        crossed += 1
        assert curve["risk"][curve["day"] >= arms[key]].iloc[0] >= 0.5
        assert curve["risk"][curve["day"] < arms[key]].max() < 0.5
    assert crossed


def test_exits_share_out_everyone_weighted_or_not(comparison, cohort):
    exits = comparison.exits.groupby("arm")
    assert exits["people"].sum().to_dict() == cohort.persons["arm"].value_counts().to_dict()
    assert exits["share"].sum().tolist() == pytest.approx([1, 1])
    assert exits["weighted_share"].sum().tolist() == pytest.approx([1, 1])
