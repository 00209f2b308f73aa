"""Effects: what each row says, and that it is right."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from iop_outcomes.analysis.comparison import compare, effects
from iop_outcomes.analysis.weighting_plan import plan_table
from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.curves import incidence_curve, risk_sets

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


def test_outcomes_with_a_clock_have_seven_measures_and_those_at_exit_no_time(comparison):
    risks = ["risk_intervention", "risk_comparator", "risk_difference"]
    measures = [*risks, "risk_ratio", "odds_ratio"]
    expected = {
        "relapse": [*measures, "rmst_difference", "rmtl_ratio"],
        "discontinuation": [*measures, "rmst_difference", "rmtl_ratio"],
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
        odds = one / (1 - one) / (other / (1 - other))
        assert value["odds_ratio"] == pytest.approx(odds, rel=1e-12)


def test_the_error_of_a_ratio_and_its_interval_are_those_of_its_logarithm(comparison, cohort):
    table = comparison.estimates
    ratios = table[table["measure"].isin(["risk_ratio", "odds_ratio"])]
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


def weights_of(cohort, values, propensity=0.5):
    ids = cohort.persons["person_id"]
    return pd.DataFrame({"person_id": ids, "propensity": propensity, "weight": values})


def by_hand(weighting, protocol, weights):
    return replace(weighting, plan=plan_table(protocol, 0.0), weights=weights)


def test_unadjusted_shares_at_exit_by_hand(nine, at_exit, weighting):
    """1 of 4 against 2 of 4: H is left out, and what forecloses an outcome at exit is no event."""
    weighting = by_hand(weighting, at_exit, weights_of(nine, 1.0))
    table = effects(nine, weighting, at_exit)
    row = by_key(table).loc["completion", "unadjusted"]
    assert row["estimate"].to_dict() == pytest.approx(
        {
            "odds_ratio": 1 / 3,
            "risk_comparator": 1 / 2,
            "risk_difference": -1 / 4,
            "risk_intervention": 1 / 4,
            "risk_ratio": 1 / 2,
        }
    )
    assert row["std_error"].to_dict() == pytest.approx(
        {
            "odds_ratio": np.sqrt(1 / 1 + 1 / 3 + 1 / 2 + 1 / 2),
            "risk_comparator": np.sqrt(1 / 2 * 1 / 2 / 4),
            "risk_difference": np.sqrt(1 / 4 * 3 / 4 / 4 + 1 / 2 * 1 / 2 / 4),
            "risk_intervention": np.sqrt(1 / 4 * 3 / 4 / 4),
            "risk_ratio": np.sqrt(3 / 4 / (4 * 1 / 4) + 1 / 2 / (4 * 1 / 2)),
        }
    )
    assert row["n"].to_dict() == {
        "odds_ratio": 8,
        "risk_comparator": 4,
        "risk_difference": 8,
        "risk_intervention": 4,
        "risk_ratio": 8,
    }


def test_an_outcome_read_at_exit_is_the_weighted_share(nine, at_exit, weighting):
    """3 of 3+1+1+1 weigh the event; E and F weigh 1 and 2 of 1+2+2+3."""
    weight = np.array([3, 1, 1, 1, 1, 2, 2, 50, 3.0])
    # Overlap weights: 1 - e in the first four's arm and e in the others', up to a scale in each.
    propensity = np.concatenate([1 - weight[:4] / 5, weight[4:] / 60])
    weighting = by_hand(weighting, at_exit, weights_of(nine, weight, propensity))
    row = by_key(effects(nine, weighting, at_exit)).loc["completion", "iptw"]
    assert row.loc["risk_intervention", "estimate"] == pytest.approx(3 / 6)
    assert row.loc["risk_comparator", "estimate"] == pytest.approx(3 / 8)
    assert row.loc["risk_intervention", "effective_n"] == pytest.approx(36 / 12)


def test_a_missing_outcome_is_left_out_and_counted(nine, at_exit, weighting):
    weighting = by_hand(weighting, at_exit, weights_of(nine, 1.0))
    arms = compare(nine, weighting, at_exit).arms.query("method == 'unadjusted'").set_index("arm")
    assert arms["people"].to_dict() == {"intervention": 4, "comparator": 4}
    assert arms["missing"].to_dict() == {"intervention": 0, "comparator": 1}
    assert arms["events"].to_dict() == {"intervention": 1, "comparator": 2}
    assert arms["competing"].to_dict() == {"intervention": 0, "comparator": 0}


def test_every_row_carries_the_fewest_people_it_gives_away(nine, at_exit, weighting):
    """With and without the event 1 and 3 against 2 and 2; nobody missing against one."""
    weighting = by_hand(weighting, at_exit, weights_of(nine, 1.0))
    row = by_key(effects(nine, weighting, at_exit)).loc["completion", "unadjusted"]
    assert row["smallest_cell"].to_dict() == {
        "odds_ratio": 1,
        "risk_comparator": 2,
        "risk_difference": 1,
        "risk_intervention": 1,
        "risk_ratio": 1,
    }
    assert row["fewest_missing"].to_dict() == {
        "odds_ratio": 1,
        "risk_comparator": 1,
        "risk_difference": 1,
        "risk_intervention": 0,
        "risk_ratio": 1,
    }


def test_an_outcome_known_for_nobody_in_an_arm_is_refused(nine, at_exit, weighting):
    weighting = by_hand(weighting, at_exit, weights_of(nine, 1.0))
    comparator = nine.follow_up["arm"] == "comparator"
    unknown = nine.follow_up.assign(status=nine.follow_up["status"].mask(comparator, "missing"))
    with pytest.raises(CohortError, match=r"outcomes\.completion: it is not known.* comparator"):
        effects(replace(nine, follow_up=unknown), weighting, at_exit)


def test_without_an_event_in_an_arm_there_is_a_difference_and_no_ratio(nine, at_exit, weighting):
    weighting = by_hand(weighting, at_exit, weights_of(nine, 1.0))
    first = nine.follow_up["person_id"] == "A"
    none = nine.follow_up.assign(status=nine.follow_up["status"].mask(first, "no event"))
    table = effects(replace(nine, follow_up=none), weighting, at_exit)
    assert not {"risk_ratio", "odds_ratio"} & set(table["measure"])
    row = by_key(table).loc["completion", "unadjusted"]
    assert row.loc["risk_difference", "estimate"] == -0.5
    upper = 1 - 0.025 ** (1 / 4)  # Clopper and Pearson, of 4 people
    limits = row.loc["risk_intervention", ["conf_low", "conf_high"]].tolist()
    assert limits == pytest.approx([0, upper])


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


def test_if_every_event_falls_on_one_day_the_days_lost_are_the_risk_times_the_days_left(
    cohort, weighting, study
):
    """All on day 10: 170 of 180 days are lost by each; clustered errors and all follow suit."""
    relapsed = cohort.follow_up["status"].eq("event")
    together = cohort.follow_up.assign(
        days=pd.array(np.where(relapsed, 10, 400), "Int64"),
        status=np.where(relapsed, "event", "censored"),
    )
    table = by_key(effects(replace(cohort, follow_up=together), weighting, study()))
    for method in ("unadjusted", "iptw"):
        days, risk = (
            table.loc[("relapse", method, f"{name}_difference")] for name in ("rmst", "risk")
        )
        assert days["estimate"] == pytest.approx(-170 * risk["estimate"], rel=1e-9)
        assert days["std_error"] == pytest.approx(170 * risk["std_error"], rel=1e-9)
