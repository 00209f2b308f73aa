"""Relapse in CTN-0027 under seven definitions, from the trial's files to the report.

Published endpoints are those of the table of CTN-0094 (Brandt et al. 2024), which gives weeks. The
example takes a checked temperature for the sign that a urine was given, the published table a visit
that was attended; which of the two it is decides what counts as missed, and so as positive.
"""

from copy import deepcopy
from dataclasses import dataclass
from io import StringIO

import pandas as pd
import pytest
import yaml

from iop_outcomes.analysis.comparison import Comparison, compare
from iop_outcomes.analysis.robustness import compare_alternatives
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import Cohort, assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.records.ingestion import read_records
from iop_outcomes.report.document import Findings, write_report

ATTENDED = {"file": "visit.csv.gz", "when": {"what": ["visit", "final"]}}
OTHERS = ["REL-0051", "REL-LEE16", "REL-SCH", "REL-JOH", "REL-SHU", "REL-DROP"]
PUBLISHED = {  # week and event
    "REL-0094": ("RsT_ctnNinetyFour_2023", "RsE_ctnNinetyFour_2023"),
    "REL-0051": ("RsT_ctnFiftyOne_2018", "RsE_ctnFiftyOne_2018"),
    "REL-LEE16": ("RsT_lee_2016", "RsE_lee_2016"),
    "REL-SCH": ("RsT_schottenfeld_2008", "RsE_schottenfeld_2008"),
    "REL-DROP": ("DrT_ctnNinetyFour_2023", "DrE_ctnNinetyFour_2023"),
    "REL-SHU": ("AbT_shufman_1994", "AbE_shufman_1994"),
}


@dataclass(frozen=True)
class Walked:
    """One walk from the raw files to the report."""

    protocol: Protocol
    cohort: Cohort
    comparison: Comparison
    files: dict[str, str]


@pytest.fixture(scope="module")
def walk(root, shared):
    """Walk the example, as it is or as the published table takes the signs of a urine."""
    path = root / "src/iop_outcomes/protocol/examples/ctn0094.yaml"
    written = yaml.safe_load(path.read_text("utf-8"))["protocol"]

    def of(as_published: bool) -> Walked:
        section = deepcopy(written)
        if as_published:
            section["source"]["urines"] |= {"given": [ATTENDED], "finding_is_a_sign": False}
        protocol = parse_protocol(section, "protocol")
        records = read_records(shared / "data/ctn0094", protocol)
        cohort = assemble_cohort(records, protocol)
        weighting = weight_cohort(cohort.persons, protocol)
        comparison = compare(cohort, weighting, protocol)
        findings = Findings(
            attrition=cohort.attrition,
            agreement=cohort.agreement,
            comparison=comparison,
            balance=weighting.balance,
            sample_size=weighting.sample_size,
            propensity=weighting.propensity,
            robustness=compare_alternatives(records, {}),
            **{
                name: getattr(records, name)
                for name in ("ledger", "broken_rules", "missingness", "anonymity")
            },
            provenance=records.provenance,
            truth=records.truth,
        )
        return Walked(protocol, cohort, comparison, write_report(findings, protocol).files)

    return of


@pytest.fixture(scope="module")
def example(walk):
    return walk(as_published=False)


@pytest.fixture(scope="module")
def as_published(walk):
    return walk(as_published=True)


@pytest.fixture(scope="module")
def reference(shared):
    path = shared / "data/ctn0094/outcomes_reference.csv"
    return pd.read_csv(path, dtype={"who": str}).set_index("who")


def told(walked, name):
    """Follow-up by one definition, by person."""
    rows = walked.cohort.definitions
    rows = rows[rows["definition"] == name]
    if name == "REL-0094":
        rows = walked.cohort.follow_up[walked.cohort.follow_up["outcome"] == "relapse"]
    return rows.set_index("person_id")


def weeks(rows):
    """The week on whose last day it was told: week w ends 7 w - 1 days after the first."""
    return (rows["days"] + 1) // 7


def effects(walked):
    told = walked.comparison.definitions
    rows = told[(told["measure"] == "risk_difference") & (told["method"] == "iptw")]
    return rows.set_index("definition")


def test_everyone_of_ctn_0027_is_told_by_every_definition(example):
    assert len(example.cohort.persons) == 646
    assert example.cohort.definitions["definition"].drop_duplicates().tolist() == OTHERS
    counts = example.cohort.definitions.groupby("definition")["person_id"].nunique()
    assert counts.eq(646).all()
    assert not example.cohort.definitions["status"].eq("missing").any()


def test_every_week_is_whole(example):
    days = example.cohort.definitions["days"].dropna()
    assert ((days + 1) % 7 == 0).all()


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_relapses_of_the_cohort_are_the_published_ones(as_published, reference, name):
    """Of 646 people one or two have another week, from the two letters told in tests/records."""
    rows = told(as_published, name)
    week, event = (reference.loc[rows.index, column] for column in PUBLISHED[name])
    assert (rows["status"].eq("event") == event.eq(1)).sum() >= 645
    assert (weeks(rows) == week).sum() >= 644


def test_relapses_by_arm_are_those_of_the_published_words(as_published):
    rows = told(as_published, "REL-0094").join(
        as_published.cohort.persons.set_index("person_id")["arm"]
    )
    assert rows["status"].eq("event").groupby(rows["arm"]).sum().to_dict() == {
        "intervention": 273,
        "comparator": 186,
    }


def test_a_urine_without_a_checked_temperature_counts_as_missed_in_the_example(
    example, as_published
):
    """Ten more relapses than published: the weeks that the files cannot tell of."""
    found = [
        told(walked, "REL-0094")["status"].eq("event").sum() for walked in (example, as_published)
    ]
    assert found == [469, 459]


def test_what_counts_as_missed_decides_which_arm_relapses_more(example):
    """Missed counts as positive, as nothing, or is all that counts."""
    found = effects(example)
    assert found.loc["REL-SHU", "conf_high"] < 0
    assert found.loc["REL-0094", "conf_low"] < 0 < found.loc["REL-0094", "conf_high"]
    assert found.loc["REL-DROP", "conf_low"] > 0


def test_whoever_missed_four_weeks_relapsed_too_but_not_the_other_way_round(example):
    pairs = example.cohort.agreement
    pair = pairs[(pairs["first"] == "REL-0094") & (pairs["second"] == "REL-DROP")].iloc[0]
    assert pair["both_events"] == pair["second_events"] < pair["first_events"]
    assert 0 < pair["kappa"] < 0.6


def test_the_report_has_the_definitions_side_by_side_and_hides_what_few_people_differ_by(example):
    page = example.files["report.html"]
    assert "How the definition changes the answer" in page
    for name in ("REL-0094", *OTHERS):
        assert f"{name}: " in page
    table = pd.read_csv(StringIO(example.files["tables/definitions_relapse.csv"]))
    narrower = table[table["Definition"].str.startswith("REL-0051")].iloc[0]
    counts = example.comparison.definition_arms
    counts = counts[counts["method"] == "unadjusted"].pivot(
        index="definition", columns="arm", values="events"
    )
    between = counts.loc["REL-0094"] - counts.loc["REL-0051"]
    assert between.between(1, 10).any(), "few people relapse by one of them alone"
    assert narrower[["Events, buprenorphine", "Events, methadone", "Kappa"]].eq("–").all()
