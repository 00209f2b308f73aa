"""Arms of which nobody, or everybody, had the outcome: limits that say how little that shows."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

import iop_outcomes as iop
from iop_outcomes.vocabulary import Verdict

MAIN = "iptw"


def compared(had, asked=None, margin=None, n=30):
    """Arms of n alike people each, whose weights are all alike; `had` of each had the outcome."""
    frame = pd.DataFrame(
        {
            "treat": np.repeat([1, 0], n),
            "x": np.tile(np.arange(n) % 3, 2),
            "done": np.concatenate([np.arange(n) < each for each in had]),
            "day": np.tile(np.arange(1, n + 1) + 10, 2),
        }
    )
    outcome = asked or iop.Binary("done")
    study = iop.cohort_from_frame(
        frame, arm="treat", intervention=1, outcomes={"relapse": outcome}, covariates=["x"],
        noninferiority=None if margin is None else {"relapse": margin},
    )  # fmt: skip
    cohort, protocol = study.cohort, study.protocol
    table = iop.compare(cohort, iop.weight_cohort(cohort.persons, protocol), protocol).estimates
    return table[table["method"] == MAIN].set_index("measure")


def test_nobody_in_one_arm_has_the_limits_of_clopper_and_pearson():
    found = compared((0, 12))
    limits = found.loc["risk_intervention", ["conf_low", "conf_high"]].tolist()
    assert limits == pytest.approx(proportion_confint(0, 30, method="beta"), abs=1e-9)
    assert "Clopper" in found.loc["risk_intervention", "se_method"]
    assert "Clopper" not in found.loc["risk_comparator", "se_method"]


@pytest.mark.parametrize("had", [(0, 12), (30, 12), (12, 30), (30, 0)])
def test_the_difference_has_the_limits_of_both_squared_and_added(had):
    found = compared(had)
    one, other = (found.loc[f"risk_{arm}"] for arm in ("intervention", "comparator"))
    row = found.loc["risk_difference"]
    assert row["conf_low"] == pytest.approx(
        row["estimate"]
        - np.hypot(one["estimate"] - one["conf_low"], other["conf_high"] - other["estimate"])
    )
    assert row["conf_high"] == pytest.approx(
        row["estimate"]
        + np.hypot(one["conf_high"] - one["estimate"], other["estimate"] - other["conf_low"])
    )
    assert row["conf_high"] - row["conf_low"] > 0.1


def test_a_study_of_few_people_none_of_whom_relapsed_shows_no_noninferiority():
    margin = {
        "risk_difference": 0.1,
        "justification": "as an example of one",
        "set_by": "nobody",
    }
    few = compared_days(20, margin)
    assert few.loc["risk_difference", "verdict"] == Verdict.INCONCLUSIVE
    many = compared_days(400, margin)
    assert many.loc["risk_difference", "verdict"] == Verdict.NONINFERIOR
    assert few.loc["risk_difference", ["estimate", "std_error"]].tolist() == [0, 0]


def test_days_before_it_are_at_worst_fewer_by_the_upper_limit_of_the_risk():
    found = compared_days(20)
    upper = proportion_confint(0, 20, method="beta")[1]
    row = found.loc["rmst_difference"]
    assert row["conf_high"] == pytest.approx(10 * upper, rel=1e-9)
    assert row["conf_low"] == pytest.approx(-10 * upper, rel=1e-9)


def compared_days(n, margin=None):
    """Follow-up of 20 days, read at day 10; the one event of each arm comes on day 15."""
    relapse = iop.TimeToEvent("day", event="late", horizon_days=20)
    late = np.tile(np.arange(n) == 0, 2)
    frame = pd.DataFrame(
        {
            "treat": np.repeat([1, 0], n),
            "x": np.tile(np.arange(n) % 3, 2),
            "day": np.where(late, 15, 20),
            "late": late,
        }
    )
    study = iop.cohort_from_frame(
        frame, arm="treat", intervention=1, outcomes={"relapse": relapse}, covariates=["x"],
        noninferiority=None if margin is None else {"relapse": margin},
    )  # fmt: skip
    early = tuple(replace(each, horizon_days=10) for each in study.protocol.outcomes)
    cohort, protocol = study.cohort, replace(study.protocol, outcomes=early)
    table = iop.compare(cohort, iop.weight_cohort(cohort.persons, protocol), protocol).estimates
    return table[table["method"] == MAIN].set_index("measure")


def test_if_all_had_it_on_one_day_nothing_but_risks_is_told():
    frame = pd.DataFrame({"treat": np.repeat([1, 0], 40), "x": np.tile([1, 2, 3, 4], 20)})
    study = iop.cohort_from_frame(
        frame.assign(day=10, had=1), arm="treat", intervention=1,
        outcomes={"relapse": iop.TimeToEvent("day", event="had", horizon_days=60)},
        covariates=["x"], hazards={"ratio": "both"},
    )  # fmt: skip
    cohort, protocol = study.cohort, study.protocol
    table = iop.compare(cohort, iop.weight_cohort(cohort.persons, protocol), protocol).estimates
    told = {"risk_intervention", "risk_comparator", "risk_difference"}
    assert set(table["measure"]) == told
    assert (table["conf_low"] < table["conf_high"]).all()
