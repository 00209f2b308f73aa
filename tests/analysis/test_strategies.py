"""Strategies over time walked along the whole road: looking back, cloned, and while sustained."""

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.calibration.immortal_time import CLONED, EVER, EVER_ADJUSTED, estimates
from iop_outcomes.calibration.step_down import (
    StepDownWorld,
    planted_effect,
    simulate_step_down,
    step_down_records,
)
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import PositivityError, ProtocolError
from iop_outcomes.protocol.linting import lint
from iop_outcomes.protocol.parsing import parse_draft, parse_protocol
from iop_outcomes.records.schema import Records

WORLD = StepDownWorld()
RELAPSE = {
    "definition": "return to use",
    "events": ["return to use"],
    "competing": ["death"],
    "horizon_days": 180,
}
ARMS = {
    "intervention": ["intensive outpatient"],
    "intervention_name": "stepping down",
    "comparator_name": "not stepping down",
}
GRACE = {"kind": "grace_period", "grace_days": 14, "after": ["short-term residential"]}
STEP_DOWN = {
    "title": "A step-down whose effect is planted",
    "question": "Does stepping down within two weeks prevent relapse?",
    "source": {"kind": "site_export", "folder": "simulated"},
    "eligibility": {"minimum_age_years": 18, "washout_days": 60},
    "strategies": {**ARMS, **GRACE},
    "time_zero": {"at": "exit from the index stay", "episode_gap_days": 7},
    "outcomes": {"relapse": RELAPSE},
    "causal_contrast": "per protocol",
    "estimand": "ATE",
    "analysis": {"covariates": ["severity"]},
}


def differences(records, protocol):
    """The risk difference by method, of everyone in the records."""
    cohort = assemble_cohort(records, protocol)
    found = compare(cohort, weight_cohort(cohort.persons, protocol), protocol).estimates
    return found[found["measure"] == "risk_difference"].set_index("method")


@pytest.fixture(scope="module")
def people():
    return simulate_step_down(WORLD, 3000, np.random.SeedSequence(5))


@pytest.fixture(scope="module")
def found(people):
    protocol = parse_protocol(STEP_DOWN, "protocol")
    return differences(step_down_records(people, WORLD), protocol)


# A step-down within a grace period


def test_looking_back_on_the_road_is_looking_back_in_the_formula(found, people):
    """The same people through the tables and through the arrays: the same wrong numbers."""
    formula = estimates(people, WORLD).set_index("method")
    for method, name in (("unadjusted", EVER), ("iptw", EVER_ADJUSTED)):
        for number in ("estimate", "std_error", "conf_low", "conf_high"):
            assert found.loc[method, number] == pytest.approx(formula.loc[name, number], rel=1e-9)


def test_only_the_clones_find_the_planted_effect(found):
    truth = planted_effect(WORLD, 100_000, np.random.SeedSequence(1)).risk_difference
    assert found.loc["unadjusted", "conf_high"] < truth - 0.05
    assert found.loc["iptw", "conf_high"] < truth
    assert found.loc["per_protocol", "conf_low"] < truth < found.loc["per_protocol", "conf_high"]


def test_clones_on_the_road_are_the_clones_of_the_formula_but_for_the_terms_of_the_day(
    found, people
):
    """The road describes the day by a curve, the formula by a line, as it was simulated."""
    formula = estimates(people, WORLD).set_index("method").loc[CLONED]
    assert found.loc["per_protocol", "estimate"] == pytest.approx(formula["estimate"], abs=0.01)
    assert found.loc["per_protocol", "std_error"] == pytest.approx(formula["std_error"], rel=0.15)


def test_whoever_is_in_both_arms_is_counted_once(found):
    assert found["n"].tolist() == [3000, 3000, 3000]


def test_the_linter_flags_the_naive_step_down_and_lets_the_cloned_one_pass():
    """Told apart by what happened later, whether the column or the day of assignment says so."""
    arms = {**ARMS, "comparator": ["outpatient"]}
    initiated = {**STEP_DOWN, "causal_contrast": "intention to treat", "strategies": arms}
    by_column = {
        **initiated,
        "strategies": {**arms, "by": "stepped_down_within_14_days", "intervention": ["yes"],
                       "comparator": ["no"]},
    }  # fmt: skip
    at_exit = {
        **initiated,
        "time_zero": {"episode_gap_days": 7},
        "assignment": {"at": "exit from the index stay"},
    }

    def said(values):
        return {finding.rule: finding for finding in lint(parse_draft(values, "protocol"))}

    assert "immortal time" in said(by_column)["strategy-decided-later"].sentence
    assert "immortal time" in said(at_exit)["misaligned-time-zero"].sentence
    assert "grace_period" in said(by_column)["strategy-decided-later"].mend
    assert set(said(STEP_DOWN)) == {"intercurrent-events-left-unsaid"}


def test_nobody_who_starts_on_the_last_day_leaves_no_one_to_stand_in(people):
    early = step_down_records(people, WORLD)
    late = early.stays["start_day"].eq(28 + 14)
    records = Records(persons=early.persons, stays=early.stays[~late], events=early.events)
    with pytest.raises(PositivityError, match="ask for more closing days"):
        differences(records, parse_protocol(STEP_DOWN, "protocol"))
    lenient = {**STEP_DOWN, "strategies": {**ARMS, **GRACE, "closing_days": 3}}
    assert np.isfinite(
        differences(records, parse_protocol(lenient, "protocol")).loc["per_protocol", "estimate"]
    )


@pytest.mark.slow
def test_over_many_studies_the_road_of_clones_is_within_half_a_point_of_the_truth():
    """100 studies of 3,000: the mean is known to about 0.25 points, the truth to 0.05."""
    truth = planted_effect(WORLD, 1_000_000, np.random.SeedSequence(1)).risk_difference
    protocol = parse_protocol(STEP_DOWN, "protocol")
    rows = [
        differences(step_down_records(simulate_step_down(WORLD, 3000, luck), WORLD), protocol)
        for luck in np.random.SeedSequence(8).spawn(100)
    ]
    by_method = pd.concat(rows).groupby("method")["estimate"].mean()
    assert by_method["per_protocol"] == pytest.approx(truth, abs=0.005)
    assert by_method["unadjusted"] == pytest.approx(-0.18, abs=0.01)


# A strategy that is to be sustained

SUSTAINED = {
    **STEP_DOWN,
    "strategies": {
        **ARMS,
        "kind": "sustained",
        "sustained_days": 30,
        "comparator": ["short-term residential"],
    },
    "time_zero": {"episode_gap_days": 7},
    "outcomes": {"relapse": {**RELAPSE, "horizon_days": 90}},
}


@pytest.fixture(scope="module")
def leavers():
    """Records in which the sicker leave residential care sooner and then relapse sooner.

    Everyone's care would go on to day 60; nobody's relapse depends on the arm.
    """
    rng = np.random.default_rng(11)
    count = 4000
    severity = rng.normal(size=count)
    residential = rng.random(count) < 1 / (1 + np.exp(-severity))
    exit_day, relapse = np.full(count, 60), np.full(count, 0)
    left = np.zeros(count, bool)
    for day in range(1, 91):
        hazard = 1 / (1 + np.exp(5 - 0.6 * severity - 1.2 * left))
        relapse[(relapse == 0) & (rng.random(count) < hazard)] = day
        leaves = rng.random(count) < 1 / (1 + np.exp(3.8 - 0.8 * severity * residential))
        leaves &= ~left & (day <= 30)
        exit_day[leaves] = day
        left |= leaves
    who = pd.Series([f"P{number}" for number in range(count)])
    care = np.where(residential, "short-term residential", "intensive outpatient")
    return Records(
        persons=pd.DataFrame(
            {
                "person_id": who,
                "first_observed_day": -365,
                "last_observed_day": 90,
                "severity": severity,
            }
        ),
        stays=pd.DataFrame(
            {
                "stay_id": who,
                "person_id": who,
                "level_of_care": care,
                "start_day": 0,
                "end_day": exit_day,
                "exit_reason": np.where(left, "dropped out", "completed"),
                "facility_id": None,
                "admission_year": 2024,
                "age_years": 40,
            }
        ),
        events=pd.DataFrame(
            {
                "person_id": who[relapse > 0],
                "day": relapse[relapse > 0],
                "kind": "return to use",
            }
        ),
    )


def test_a_sustained_strategy_is_shown_beside_the_one_that_was_only_started(leavers):
    found = differences(leavers, parse_protocol(SUSTAINED, "protocol"))
    assert found.index.tolist() == ["unadjusted", "iptw", "per_protocol"]
    assert found.loc["unadjusted", "conf_high"] < 0, "sicker people enter residential care"
    per_protocol = found.loc["per_protocol"]
    assert per_protocol["conf_low"] < 0 < per_protocol["conf_high"], "no arm changes a relapse"
    assert per_protocol["std_error"] > found.loc["iptw", "std_error"], "fewer are left"


def test_estimators_beside_are_of_the_strategy_as_started(leavers):
    """Everything that makes the arms unlike is in the model, so they find what the weights find."""
    analysis = {"covariates": ["severity"], "estimators": ["g-computation", "aipw", "tmle"]}
    found = differences(leavers, parse_protocol({**SUSTAINED, "analysis": analysis}, "protocol"))
    assert found.index.tolist() == [
        "unadjusted", "g_computation", "aipw", "tmle", "iptw", "per_protocol",
    ]  # fmt: skip
    weighted = found.loc["iptw"]
    for method in ("g_computation", "aipw", "tmle"):
        apart = found.loc[method, "estimate"] - weighted["estimate"]
        assert abs(apart) < 0.5 * weighted["std_error"]


def test_estimators_beside_clones_are_refused():
    analysis = {"covariates": ["severity"], "estimators": ["aipw"]}
    with pytest.raises(ProtocolError, match=r"estimators: .*aipw.* `kind: grace_period`"):
        parse_protocol({**STEP_DOWN, "analysis": analysis}, "protocol")


def test_as_started_a_sustained_strategy_is_the_study_of_starting(leavers):
    """Only the weights for leaving are added: what stands beside is untouched by the kind."""
    started = {
        **SUSTAINED,
        "strategies": {**ARMS, "comparator": ["short-term residential"]},
        "causal_contrast": "intention to treat",
    }
    plain = differences(leavers, parse_protocol(started, "protocol"))
    both = differences(leavers, parse_protocol(SUSTAINED, "protocol"))
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    pd.testing.assert_frame_equal(plain[numbers], both.loc[["unadjusted", "iptw"], numbers])


def test_where_nobody_leaves_following_is_starting(leavers):
    stayed = Records(
        persons=leavers.persons,
        stays=leavers.stays.assign(exit_reason="completed"),
        events=leavers.events,
    )
    found = differences(stayed, parse_protocol(SUSTAINED, "protocol"))
    for number in ("estimate", "std_error"):
        assert found.loc["per_protocol", number] == pytest.approx(found.loc["iptw", number])


def test_the_answer_of_a_sustained_strategy_alone_has_a_verdict(leavers):
    margin = {
        "risk_difference": 0.10, "justification": "ten in a hundred, for the tests",
        "set_by": "the tests",
    }  # fmt: skip
    judged = parse_protocol({**SUSTAINED, "noninferiority": {"relapse": margin}}, "protocol")
    verdicts = differences(leavers, judged)["verdict"]
    assert verdicts.notna().tolist() == [False, False, True]
