"""The report of a step-down with a planted effect: what looks back stands beside the clones."""

import re
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.robustness import compare_alternatives
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.calibration.step_down import (
    StepDownWorld,
    simulate_step_down,
    step_down_records,
)
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol
from iop_outcomes.report.document import Findings, write_report

MARGIN = {"risk_difference": 0.10, "justification": "for this test alone", "set_by": "the tests"}
STEP_DOWN = {
    "title": "A step-down",
    "question": "Does stepping down within two weeks prevent relapse?",
    "source": {"kind": "site_export", "folder": "simulated"},
    "eligibility": {"minimum_age_years": 18, "washout_days": 60},
    "strategies": {
        "kind": "grace_period",
        "grace_days": 14,
        "after": ["short-term residential"],
        "intervention": ["intensive outpatient"],
        "intervention_name": "stepping down",
        "comparator_name": "not stepping down",
    },
    "time_zero": {"at": "exit from the index stay", "episode_gap_days": 7},
    "outcomes": {
        "relapse": {
            "definition": "return to use",
            "events": ["return to use"],
            "competing": ["death"],
            "horizon_days": 180,
        }
    },
    "causal_contrast": "per protocol",
    "estimand": "ATE",
    "analysis": {"covariates": ["severity"]},
    "noninferiority": {"relapse": MARGIN},
}


@pytest.fixture(scope="module")
def files():
    world = StepDownWorld()
    records = step_down_records(simulate_step_down(world, 2000, np.random.SeedSequence(5)), world)
    protocol = parse_protocol(STEP_DOWN, "protocol")
    week = parse_protocol(
        {**STEP_DOWN, "strategies": {**STEP_DOWN["strategies"], "closing_days": 3}}, "protocol"
    )
    cohort = assemble_cohort(records, protocol)
    weighting = weight_cohort(cohort.persons, protocol)
    findings = Findings(
        attrition=cohort.attrition,
        time_at_risk=cohort.time_at_risk,
        agreement=cohort.agreement,
        balance=weighting.balance,
        sample_size=weighting.sample_size,
        propensity=weighting.propensity,
        comparison=compare(cohort, weighting, protocol),
        robustness=compare_alternatives(records, {"three closing days": week}),
        ledger=records.ledger,
        broken_rules=records.broken_rules,
        provenance=records.provenance,
        truth=records.truth,
    )
    return write_report(findings, protocol).files


@pytest.fixture(scope="module")
def page(files):
    return re.sub(r"\s+", " ", files["report.html"])


def table(files, name):
    return pd.read_csv(StringIO(files[f"tables/{name}.csv"]))


def test_looking_back_stands_beside_the_clones_and_is_said_to_be_wrong(files, page):
    columns = list(table(files, "effects"))
    assert [name.split(" (")[0] for name in columns[2:]] == [
        "Looking back, unadjusted", "Looking back, weighted", "Cloned, censored, weighted",
    ]  # fmt: skip
    assert "which is wrong and only stands beside the clones to be seen" in page
    assert "immortal time" in page


def test_the_verdict_comes_from_the_clones(files):
    effects = table(files, "effects").set_index("Measure")
    cloned = effects.loc["Risk difference, percentage points"].iloc[-1]
    assert cloned in files["summary.md"]
    verdicts = table(files, "data_estimates")
    assert set(verdicts.loc[verdicts["verdict"].notna(), "method"]) == {"per_protocol"}


def test_the_alternative_of_a_grace_period_is_told_by_its_clones(files):
    (row,) = table(files, "robustness").to_dict("records")
    assert row["Alternative"] == "three closing days"
    released = table(files, "data_robustness")
    assert released["method"].unique().tolist() == ["per_protocol"]


def test_no_count_of_clones_leaves(files):
    """Their events less those of who entered the arm would be few people's."""
    arms = table(files, "data_arms").set_index("method")
    counts = ["people", "missing", "events", "competing", "censored"]
    assert arms.loc["per_protocol", counts].isna().all().all()
    assert arms.loc["unadjusted", ["people", "events"]].notna().all().all()


def test_everyone_is_at_risk_in_both_strategies_when_follow_up_begins(files):
    at_risk = table(files, "data_at_risk")
    assert at_risk.loc[at_risk["day"] == 0, "at_risk"].tolist() == [2000, 2000]


def test_the_page_speaks_of_exits_and_clones(page):
    assert "left the index stay as planned" in page
    assert "Days since the exit from the index stay" in page
    assert "Everyone is in both strategies" in page
    assert "nobody&#39;s arm was known" in page or "nobody's arm was known" in page
    assert "outcome is not known; they are left out" not in page
