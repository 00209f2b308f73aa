"""Lengths in bands, repeated events and states in the report: there if asked for, gated, drawn."""

from dataclasses import replace

import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol, read_section
from iop_outcomes.report.document import write_report

ASKED = {
    "lengths_in_bands": {"read_at_days": [14, 30]},
    "recurrent_events": {
        "readmissions": {
            "definition": "each readmission",
            "events": ["readmission"],
            "horizon_days": 365,
        }
    },
    "states": {"horizon_days": 180},
}
INSIDE = ("few_left_out", "people_ever", "people_there", "people_with", "in_sight", "people_away")


@pytest.fixture(scope="module")
def told(records, findings, root):
    section = read_section(root / "params.yaml", "protocol")
    section["analysis"] = {**section["analysis"], **ASKED}
    protocol = parse_protocol(section, "")
    cohort = assemble_cohort(records, protocol)
    found = compare(cohort, weight_cohort(cohort.persons, protocol), protocol)
    return write_report(replace(findings, comparison=found), protocol).files


def test_each_has_its_section_and_figures(told):
    page = told["report.html"]
    for section, figure in (
        ("lengths-section", "exit_risks"),
        ("recurrent-section", "recurrent_readmissions"),
        ("states-section", "states"),
    ):
        assert f'id="{section}"' in page
        assert told[f"figures/{figure}.svg"].startswith("<?xml")


def test_they_are_not_there_if_nobody_asks(files):
    for section in ("lengths-section", "recurrent-section", "states-section"):
        assert f'id="{section}"' not in files["report.html"]
    assert not any("exit_risks" in path or "recurrent" in path for path in files)


def test_no_count_that_only_the_gate_needs_leaves(told, released_tables):
    tables = released_tables(told)
    for name in ("exit_risks", "recurrent_counts", "recurrent_curves", "days_in_states"):
        assert not set(INSIDE) & set(tables[name].columns)


def test_what_is_hidden_is_a_dash_and_never_not_a_number(told):
    assert "nan" not in told["tables/days_in_states.csv"].lower()
    assert "nan" not in told["tables/exit_risks.csv"].lower()
    assert "nan" not in told["tables/recurrent.csv"].lower()
