"""What the effects must not depend on, and how they turn when the question is turned."""

from dataclasses import replace

import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import effects

KEY = ["outcome", "method", "measure"]


def by_key(estimates: pd.DataFrame) -> pd.DataFrame:
    return estimates.set_index(KEY).sort_index()


def test_relabelling_the_arms_turns_every_contrast_around(comparison, road, study):
    """Overlap weights favour neither arm, so only the signs change."""
    strategies = {
        "intervention": ["short-term residential", "long-term residential"],
        "comparator": ["intensive outpatient"],
    }
    relabelled = study(strategies=strategies)
    cohort, weighting = road(relabelled)
    there, back = by_key(comparison.estimates), by_key(effects(cohort, weighting, relabelled))
    swap = {"risk_intervention": "risk_comparator", "risk_comparator": "risk_intervention"}
    for (outcome, method, measure), row in there.iterrows():
        other = back.loc[outcome, method, swap.get(measure, measure)]
        estimate, low, high = row["estimate"], row["conf_low"], row["conf_high"]
        if measure.endswith("difference"):
            expected = [-estimate, -high, -low]
        elif measure.endswith("_ratio"):
            expected = [1 / estimate, 1 / high, 1 / low]
        else:
            expected = [estimate, low, high]
        found = other[["estimate", "conf_low", "conf_high"]].tolist()
        assert found == pytest.approx(expected, rel=1e-7, abs=1e-9)
        assert other["std_error"] == pytest.approx(row["std_error"], rel=1e-7)


def test_relabelling_the_arms_turns_the_att_into_the_atc(road, study):
    strategies = {
        "intervention": ["short-term residential", "long-term residential"],
        "comparator": ["intensive outpatient"],
    }
    treated, control = study(estimand="ATT"), study(estimand="ATC", strategies=strategies)
    there, back = (by_key(effects(*road(p), p))["estimate"] for p in (treated, control))
    differences = ["risk_difference", "rmst_difference"]
    for key in there[there.index.get_level_values("measure").isin(differences)].index:
        assert back[key] == pytest.approx(-there[key], rel=1e-7)


def test_another_horizon_changes_no_weight_and_no_follow_up(cohort, weighting, road, study):
    sooner = study(outcomes={"relapse": {"horizon_days": 90}})
    other, reweighted = road(sooner)
    pd.testing.assert_frame_equal(reweighted.weights, weighting.weights)
    pd.testing.assert_frame_equal(other.follow_up, cohort.follow_up)


def test_a_risk_read_earlier_is_where_the_curve_then_stood(comparison, cohort, weighting, study):
    sooner = study(outcomes={"relapse": {"horizon_days": 90}})
    early = by_key(effects(cohort, weighting, sooner)).loc["relapse", "iptw"]
    curves = comparison.curves.query("outcome == 'relapse' and method == 'iptw' and day == 90")
    for _, point in curves.iterrows():
        row = early.loc[f"risk_{point['arm']}"]
        assert row[["estimate", "conf_low", "conf_high"]].tolist() == pytest.approx(
            point[["risk", "conf_low", "conf_high"]].tolist(), rel=1e-9
        )


def test_who_stands_where_in_the_tables_does_not_matter(comparison, cohort, weighting, study):
    def shuffled(table):
        return table.sample(frac=1, random_state=5, ignore_index=True)

    again = effects(
        replace(cohort, persons=shuffled(cohort.persons), follow_up=shuffled(cohort.follow_up)),
        replace(weighting, weights=shuffled(weighting.weights)),
        study(),
    )
    pd.testing.assert_frame_equal(again, comparison.estimates, rtol=1e-8)
