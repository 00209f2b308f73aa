"""Effects: what each row says, and what it must not depend on."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from iop_outcomes.analysis.comparison import compare, effects, risk_limits
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.statistics.survival import incidence_curve, risk_sets
from iop_outcomes.vocabulary import Direction

KEY = ["outcome", "method", "measure"]


def by_key(estimates: pd.DataFrame) -> pd.DataFrame:
    return estimates.set_index(KEY).sort_index()


# What the table holds


def test_the_columns_that_others_build_on_come_first_and_in_order(comparison):
    assert comparison.estimates.columns[:14].tolist() == [
        "outcome",
        "measure",
        "method",
        "estimand",
        "horizon_days",
        "estimate",
        "std_error",
        "conf_low",
        "conf_high",
        "se_method",
        "n",
        "effective_n",
        "clusters",
        "verdict",
    ]


def test_outcomes_with_a_clock_have_five_measures_and_those_at_exit_no_time(comparison):
    measures = ["risk_intervention", "risk_comparator", "risk_difference", "risk_ratio"]
    expected = {
        "relapse": [*measures, "rmst_difference"],
        "discontinuation": [*measures, "rmst_difference"],
        "completion": measures,
    }
    table = comparison.estimates
    for outcome, named in expected.items():
        for method in ("unadjusted", "iptw"):
            rows = table[(table["outcome"] == outcome) & (table["method"] == method)]
            assert rows["measure"].tolist() == named


def test_every_row_says_whose_effect_it_is_and_when(comparison):
    table = comparison.estimates
    assert table.groupby("method")["estimand"].unique().map(list).to_dict() == {
        "iptw": ["ATO"],
        "unadjusted": ["as enrolled"],
    }
    days = table.groupby("outcome")["horizon_days"].first()
    assert (days["relapse"], days["discontinuation"]) == (180, 90)
    assert table[table["outcome"] == "completion"]["horizon_days"].isna().all()


def test_the_contrasts_are_those_of_the_risks(comparison):
    for _, rows in comparison.estimates.groupby(["outcome", "method"]):
        value = rows.set_index("measure")["estimate"]
        one, other = value["risk_intervention"], value["risk_comparator"]
        assert value["risk_difference"] == pytest.approx(one - other, abs=1e-12)
        assert value["risk_ratio"] == pytest.approx(one / other, rel=1e-12)


def test_the_error_of_a_ratio_and_its_interval_are_those_of_its_logarithm(comparison, cohort):
    ratios = comparison.estimates[comparison.estimates["measure"] == "risk_ratio"]
    critical = stats.t.ppf(0.975, cohort.persons["facility_id"].nunique() - 1)
    for limit, sign in (("conf_low", -1), ("conf_high", 1)):
        expected = np.log(ratios["estimate"]) + sign * critical * ratios["std_error"]
        assert np.log(ratios[limit]).tolist() == pytest.approx(expected.tolist(), rel=1e-9)


def test_the_effects_are_the_estimates_of_the_comparison(comparison, cohort, weighting, study):
    pd.testing.assert_frame_equal(effects(cohort, weighting, study()), comparison.estimates)


# By hand


@pytest.fixture
def nine(drawn, cohort):
    """Nine people whose outcome is read at exit; of H nothing is known."""
    ends = drawn("""
        person_id | arm          | status
        A         | intervention | event
        B         | intervention | no event
        C         | intervention | no event
        D         | intervention | no event
        E         | comparator   | event
        F         | comparator   | event
        G         | comparator   | no event
        H         | comparator   | missing
        I         | comparator   | competing event
    """)
    persons = ends[["person_id", "arm"]].assign(
        age_years=[20, 40, 30, 50, 30, 40, 20, 60, 40], facility_id=list("FGFGFGFGF")
    )
    return replace(
        cohort,
        persons=persons,
        follow_up=ends.assign(outcome="completion", days=pd.array([None] * 9, "Int64")),
        exits=persons[["person_id", "arm"]].assign(level_of_care="inpatient", reason="other"),
    )


@pytest.fixture
def at_exit(study):
    """The study with its outcome at exit alone, and persons independent."""
    protocol = study(analysis={"covariates": ["age_years"], "cluster": None})
    return replace(
        protocol,
        outcomes=protocol.outcomes[2:],
        noninferiority={"completion": protocol.noninferiority["completion"]},
    )


def weights_of(cohort, values):
    ids = cohort.persons["person_id"]
    return pd.DataFrame({"person_id": ids, "propensity": 0.5, "weight": values})


def test_unadjusted_shares_at_exit_by_hand(nine, at_exit, weighting):
    """1 of 4 against 2 of 4: H is left out, and what forecloses an outcome at exit is no event."""
    weighting = replace(weighting, weights=weights_of(nine, 1.0))
    table = effects(nine, weighting, at_exit)
    row = by_key(table).loc["completion", "unadjusted"]
    assert row["estimate"].to_dict() == pytest.approx(
        {
            "risk_comparator": 1 / 2,
            "risk_difference": -1 / 4,
            "risk_intervention": 1 / 4,
            "risk_ratio": 1 / 2,
        }
    )
    assert row["std_error"].to_dict() == pytest.approx(
        {
            "risk_comparator": np.sqrt(1 / 2 * 1 / 2 / 4),
            "risk_difference": np.sqrt(1 / 4 * 3 / 4 / 4 + 1 / 2 * 1 / 2 / 4),
            "risk_intervention": np.sqrt(1 / 4 * 3 / 4 / 4),
            "risk_ratio": np.sqrt(3 / 4 / (4 * 1 / 4) + 1 / 2 / (4 * 1 / 2)),
        }
    )
    assert row["n"].to_dict() == {
        "risk_comparator": 4,
        "risk_difference": 8,
        "risk_intervention": 4,
        "risk_ratio": 8,
    }


def test_an_outcome_read_at_exit_is_the_weighted_share(nine, at_exit, weighting):
    """3 of 3+1+1+1 weigh the event; E and F weigh 1 and 2 of 1+2+2+3."""
    weighting = replace(weighting, weights=weights_of(nine, [3, 1, 1, 1, 1, 2, 2, 50, 3.0]))
    row = by_key(effects(nine, weighting, at_exit)).loc["completion", "iptw"]
    assert row.loc["risk_intervention", "estimate"] == pytest.approx(3 / 6)
    assert row.loc["risk_comparator", "estimate"] == pytest.approx(3 / 8)
    assert row.loc["risk_intervention", "effective_n"] == pytest.approx(36 / 12)


def test_a_missing_outcome_is_left_out_and_counted(nine, at_exit, weighting):
    weighting = replace(weighting, weights=weights_of(nine, 1.0))
    arms = compare(nine, weighting, at_exit).arms.query("method == 'unadjusted'").set_index("arm")
    assert arms["people"].to_dict() == {"intervention": 4, "comparator": 4}
    assert arms["missing"].to_dict() == {"intervention": 0, "comparator": 1}
    assert arms["events"].to_dict() == {"intervention": 1, "comparator": 2}


def test_every_row_carries_the_fewest_people_it_gives_away(nine, at_exit, weighting):
    """With and without the event 1 and 3 against 2 and 2; nobody missing against one."""
    weighting = replace(weighting, weights=weights_of(nine, 1.0))
    row = by_key(effects(nine, weighting, at_exit)).loc["completion", "unadjusted"]
    assert row["smallest_cell"].to_dict() == {
        "risk_comparator": 2,
        "risk_difference": 1,
        "risk_intervention": 1,
        "risk_ratio": 1,
    }
    assert row["fewest_missing"].to_dict() == {
        "risk_comparator": 1,
        "risk_difference": 1,
        "risk_intervention": 0,
        "risk_ratio": 1,
    }


def test_an_outcome_known_for_nobody_in_an_arm_is_refused(nine, at_exit, weighting):
    weighting = replace(weighting, weights=weights_of(nine, 1.0))
    comparator = nine.follow_up["arm"] == "comparator"
    unknown = nine.follow_up.assign(status=nine.follow_up["status"].mask(comparator, "missing"))
    with pytest.raises(CohortError, match=r"outcomes\.completion: it is not known.* comparator"):
        effects(replace(nine, follow_up=unknown), weighting, at_exit)


def test_without_an_event_in_an_arm_there_is_a_difference_and_no_ratio(nine, at_exit, weighting):
    weighting = replace(weighting, weights=weights_of(nine, 1.0))
    first = nine.follow_up["person_id"] == "A"
    none = nine.follow_up.assign(status=nine.follow_up["status"].mask(first, "no event"))
    table = effects(replace(nine, follow_up=none), weighting, at_exit)
    assert "risk_ratio" not in set(table["measure"])
    row = by_key(table).loc["completion", "unadjusted"]
    assert row.loc["risk_difference", "estimate"] == -0.5
    assert row.loc["risk_intervention", ["conf_low", "conf_high"]].tolist() == [0, 0]


def test_the_risk_on_the_clock_is_aalen_johansens_with_the_weights_of_the_people(
    comparison, cohort, weighting
):
    people = cohort.persons.merge(weighting.weights, on="person_id")
    ends = cohort.follow_up[cohort.follow_up["outcome"] == "discontinuation"]
    people = people.merge(ends, on="person_id")
    cause = people["status"].map({"event": 1, "competing event": 2, "censored": 0})
    rows = by_key(comparison.estimates).loc["discontinuation", "iptw"]
    for arm in ("intervention", "comparator"):
        mine = people["arm"] == arm
        sets = risk_sets(people["days"][mine].astype(float), cause[mine], people["weight"][mine])
        risk = incidence_curve(sets).at(90)
        assert rows.loc[f"risk_{arm}", "estimate"] == pytest.approx(risk, rel=1e-12)


# What the answer must not depend on


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
        elif measure == "risk_ratio":
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


# Verdicts


def test_a_verdict_comes_from_the_interval_beside_it(comparison, study):
    judged = comparison.estimates[comparison.estimates["verdict"].notna()]
    assert judged["outcome"].tolist() == ["relapse", "completion"]
    for row, better in zip(judged.itertuples(), (Direction.LOWER, Direction.HIGHER), strict=True):
        margin = study().noninferiority[row.outcome].risk_difference
        verdict = noninferiority(row.conf_low, row.conf_high, margin, better)
        assert row.verdict == str(verdict)


def test_only_weighted_risk_differences_with_a_margin_claim_a_verdict(comparison):
    judged = comparison.estimates[comparison.estimates["verdict"].notna()]
    assert set(judged["method"]) == {"iptw"}
    assert set(judged["measure"]) == {"risk_difference"}
    assert "discontinuation" not in set(judged["outcome"])


def test_the_confidence_level_moves_limits_and_no_estimate(comparison, cohort, weighting, study):
    wider = effects(cohort, weighting, study(analysis={"confidence_level": 0.99}))
    same = ["estimate", "std_error", "n"]
    pd.testing.assert_frame_equal(wider[same], comparison.estimates[same])
    assert (wider["conf_low"] < comparison.estimates["conf_low"]).all()
    assert (wider["conf_high"] > comparison.estimates["conf_high"]).all()


# Clusters


def test_clustered_intervals_follow_student_and_say_so(comparison, cohort):
    row = by_key(comparison.estimates).loc[("relapse", "iptw", "risk_difference")]
    facilities = cohort.persons["facility_id"].nunique()
    half = stats.t.ppf(0.975, facilities - 1) * row["std_error"]
    assert row["clusters"] == facilities
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(
        [row["estimate"] - half, row["estimate"] + half]
    )
    assert row["se_method"] == (
        "stacked estimating equations, clustered by facility_id (CR1, t with 7 df)"
    )


def test_independent_persons_follow_the_normal_law_and_say_so(cohort, weighting, study):
    table = by_key(effects(cohort, weighting, study(analysis={"cluster": None})))
    row = table.loc[("relapse", "iptw", "risk_difference")]
    half = stats.norm.ppf(0.975) * row["std_error"]
    assert pd.isna(row["clusters"])
    assert row["conf_high"] == pytest.approx(row["estimate"] + half)
    assert row["se_method"] == "stacked estimating equations"
    unadjusted = table.loc[("relapse", "unadjusted", "risk_difference")]
    assert unadjusted["se_method"] == "influence function"


def test_clustering_changes_no_estimate(comparison, cohort, weighting, study):
    alone = effects(cohort, weighting, study(analysis={"cluster": None}))
    pd.testing.assert_series_equal(alone["estimate"], comparison.estimates["estimate"])


def test_a_cluster_that_is_not_recorded_is_refused(cohort, weighting, study):
    with pytest.raises(ProtocolError, match=r"protocol\.analysis\.cluster: `county`"):
        effects(cohort, weighting, study(analysis={"cluster": "county"}))
    some = cohort.persons["facility_id"].mask(cohort.persons.index == 0)
    partly = replace(cohort, persons=cohort.persons.assign(facility_id=some))
    with pytest.raises(ProtocolError, match=r"protocol\.analysis\.cluster: `facility_id`"):
        effects(partly, weighting, study())


def test_a_single_cluster_is_refused(cohort, weighting, study):
    one = replace(cohort, persons=cohort.persons.assign(facility_id="F1"))
    with pytest.raises(CohortError, match="one cluster"):
        effects(one, weighting, study())


# Curves, arms and exits


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


# Limits of a risk


@pytest.mark.parametrize("risk", [1e-6, 0.02, 0.5, 0.98, 1 - 1e-6])
@pytest.mark.parametrize("relative", [0.01, 1, 30])
def test_limits_of_a_risk_stay_within_0_and_1_and_around_it(risk, relative):
    low, high = risk_limits(risk, relative * risk * (1 - risk), 1.96)
    assert 0 <= low <= risk <= high <= 1


def test_limits_of_a_risk_agree_with_r(shared):
    """survival 3.5.3: survfit(Surv(time, event) ~ treat, conf.type='log-log'), of S = 1 - risk."""
    path = shared / "reference" / "results" / "a01_uis_kaplan_meier.csv"
    table = pd.read_csv(path)
    rows = table[table["estimator"].eq("Kaplan-Meier, CI log-log") & table["estimand"].eq("S(t)")]
    critical = stats.norm.ppf(0.975)
    low, high = risk_limits(1 - rows["estimate"].to_numpy(), rows["std_error"].to_numpy(), critical)
    assert low == pytest.approx(1 - rows["ci_high"].to_numpy(), rel=1e-9)
    assert high == pytest.approx(1 - rows["ci_low"].to_numpy(), rel=1e-9)


def test_a_risk_of_nothing_or_everything_has_no_width():
    low, high = risk_limits(np.array([0.0, 1.0]), np.zeros(2), 1.96)
    assert low.tolist() == high.tolist() == [0, 1]
