"""Reports of studies unlike this repository's own: other outcomes, other clocks, few people."""

import re
from io import StringIO

import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.robustness import compare_alternatives
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.calibration.planted_truth import planted_truth
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.records.simulation import simulate_records
from iop_outcomes.report.document import Findings, write_report

RELAPSE = {"definition": "return to use", "events": ["return to use"], "competing": ["death"],
           "horizon_days": 90}  # fmt: skip
COMPLETION = {"definition": "completed", "events": ["completed"], "horizon_days": None,
              "better": "higher"}  # fmt: skip


@pytest.fixture(scope="module")
def small_records():
    return simulate_records(900, seed=1, facilities=6)


@pytest.fixture(scope="module")
def report_of(small_records, protocol_with):
    """The files of a report of other outcomes."""

    def build(outcomes: dict, truth: bool, **changes) -> dict[str, str]:
        sections = {"analysis": {"covariates": ["age_years", "sex"]}, **changes}
        protocol = protocol_with(outcomes=outcomes, noninferiority={}, **sections)
        cohort = assemble_cohort(small_records, protocol)
        weighting = weight_cohort(cohort.persons, protocol)
        planted = planted_truth(500, seed=1, facilities=6)
        findings = Findings(
            attrition=cohort.attrition,
            balance=weighting.balance,
            sample_size=weighting.sample_size,
            propensity=weighting.propensity,
            comparison=compare(cohort, weighting, protocol),
            robustness=compare_alternatives(small_records, {}),
            ledger=small_records.ledger,
            broken_rules=small_records.broken_rules,
            provenance=pd.DataFrame({"sha256": ["3f"]}),
            truth=planted if truth else planted[:0],
        )
        return write_report(findings, protocol).files

    return build


@pytest.mark.parametrize("truth", [True, False], ids=["simulated", "real"])
@pytest.mark.parametrize(
    "outcomes",
    [
        {"relapse": RELAPSE},
        {"completion": COMPLETION},
        {"relapse": RELAPSE, "completion": COMPLETION},
    ],
    ids=["on the clock", "at exit", "both"],
)
def test_outcomes_on_the_clock_and_at_exit_are_reported(report_of, outcomes, truth):
    report = report_of(outcomes, truth)
    for name, outcome in outcomes.items():
        clocked = outcome["horizon_days"] is not None
        assert (f"figures/incidence_{name}.svg" in report) == clocked
        assert f"On {name}, " in report["summary.md"]
        assert f"{name} {'by day 90' if clocked else 'at exit'}" in report["tables/effects.csv"]


def test_few_people_whose_outcome_is_not_known_are_spoken_of(report_of):
    """Some stays are open: their exit is not known, and they are too few to be counted."""
    summary = report_of({"completion": COMPLETION}, False)["summary.md"]
    assert "For some people the outcome is not known" in summary


BESIDE = {"covariates": ["age_years", "sex"], "estimators": ["g-computation", "aipw"]}


@pytest.mark.parametrize(
    ("estimand", "said"),
    [("ATE", "(doubly robust)"), ("ATO", "only as right as that score is")],
)
def test_estimators_stand_beside_the_weighted_effects(report_of, estimand, said):
    report = report_of({"relapse": RELAPSE}, True, analysis=BESIDE, estimand=estimand)
    table = pd.read_csv(StringIO(report["tables/effects.csv"]), keep_default_na=False)
    methods = ["Unadjusted", "G-computation", "AIPW", "Weighted"]
    assert table.columns[2:-1].tolist() == [f"{method} (95% CI)" for method in methods]
    days = table[table["Measure"].str.contains("RMST")].iloc[0]
    assert [days[f"{method} (95% CI)"] != "" for method in methods] == [True, False, False, True]
    page = report["report.html"]
    assert said in page
    assert "pseudo-observations taken as data" in page
    assert "G-computation" in report["figures/forest.svg"]


def test_the_number_needed_to_treat_is_told_of_the_weighted_effect(report_of):
    page = report_of({"relapse": RELAPSE}, True)["report.html"]
    assert re.search(r"\(NNTH\): relapse by day 90 NNT[BH] [\d]+ \(", page)
