"""One study walked to its report, and studies drawn by hand from a few groups of people."""

from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare, effects
from iop_outcomes.analysis.robustness import Robustness, compare_alternatives
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.calibration.planted_truth import planted_truth
from iop_outcomes.cohort.assembly import Cohort, assemble_cohort
from iop_outcomes.protocol.parsing import (
    parse_protocol,
    read_alternatives,
    read_protocol,
    read_section,
)
from iop_outcomes.records.quality import set_aside
from iop_outcomes.records.quality.accounting import accounts
from iop_outcomes.records.schema import empty_table
from iop_outcomes.records.simulation import simulate_records
from iop_outcomes.report import document
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import Findings, numbers_at_risk, write_report
from iop_outcomes.vocabulary import Arm

OF_OUTCOMES = {"intercurrent_events", "missing_data"}
NO_TRUTH = ["events", "competing", "horizon_days", "estimand", "measure", "truth"]


@pytest.fixture(scope="session")
def protocol(root):
    """The protocol of this repository's own study."""
    return read_protocol(root / "params.yaml")


@pytest.fixture(scope="session")
def protocol_with(root):
    """The same protocol with some of its sections replaced."""

    def build(**sections):
        own = read_section(root / "params.yaml", "protocol")
        if "outcomes" in sections:  # these speak of the outcomes that are gone
            own = {key: own[key] for key in own if key not in OF_OUTCOMES}
        return parse_protocol({**own, **sections}, "")

    return build


@pytest.fixture(scope="session")
def records():
    return simulate_records(4000, seed=3)


@pytest.fixture(scope="session")
def findings(records, protocol, root):
    """What the report of 4,000 simulated people is made from, with two alternatives."""
    alternatives = read_alternatives(root / "params.yaml")
    two = ("everyone eligible, not only the overlap", "relapse read at day 90")
    cohort = assemble_cohort(records, protocol)
    stays = records.stays.copy()
    stays.loc[:11, "end_day"] = stays.loc[:11, "start_day"] - 1  # twelve that cannot be so
    stays["employed"] = stays["employed"].mask(stays["facility_id"] == "F007")  # nor asked there
    said = accounts(set_aside({"persons": records.persons, "stays": stays}))
    return Findings(
        attrition=cohort.attrition,
        agreement=cohort.agreement,
        time_at_risk=cohort.time_at_risk,
        comparison=compare(cohort, weighting := weight_cohort(cohort.persons, protocol), protocol),
        balance=weighting.balance,
        sample_size=weighting.sample_size,
        propensity=weighting.propensity,
        clusters=weighting.clusters,
        robustness=compare_alternatives(records, {name: alternatives[name] for name in two}),
        **{name: said[name] for name in ("ledger", "broken_rules", "missingness", "anonymity")},
        provenance=pd.DataFrame({"file": ["persons.csv"], "rows": [4000], "sha256": ["3f"]}),
        truth=planted_truth(4000, seed=3),
    )


@pytest.fixture(scope="session")
def files(findings, protocol):
    """The files of its report, by path."""
    return write_report(findings, protocol).files


@pytest.fixture(scope="session")
def real_files(findings, protocol):
    """The files of the same report if no truth were known, as of real records."""
    return write_report(replace(findings, truth=findings.truth[:0]), protocol).files


@pytest.fixture(scope="session")
def released(findings, protocol):
    """The tables that its figures are drawn from, by name."""
    tables = {
        "attrition": findings.attrition,
        "balance": findings.balance,
        "sample_size": findings.sample_size,
        "propensity": findings.propensity,
        "estimates": findings.comparison.estimates,
        "arms": findings.comparison.arms,
        "curves": findings.comparison.curves,
        "at_risk": numbers_at_risk(findings.comparison, protocol),
        "exits": findings.comparison.exits,
    }
    beside = {"robustness": release(findings.robustness.estimates, beside=tables["estimates"])}
    return {name: release(table) for name, table in tables.items()} | beside


@pytest.fixture(scope="session")
def released_tables():
    """The tables of numbers among a report's files, as somebody outside reads them."""

    def read(report: dict[str, str]) -> dict[str, pd.DataFrame]:
        start, end = "tables/data_", ".csv"
        return {
            path.removeprefix(start).removesuffix(end): pd.read_csv(StringIO(text))
            for path, text in report.items()
            if path.startswith(start)
        }

    return read


@pytest.fixture(scope="session")
def expect():
    """Hold a table to a drawn one, in the columns that are drawn; empty cells are hidden."""

    def same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
        found = found[list(expected.columns)].reset_index(drop=True)

        def plain(table: pd.DataFrame) -> pd.DataFrame:
            number = [c for c in table if pd.api.types.is_numeric_dtype(expected[c])]
            words = [c for c in table if c not in number]
            return table.astype(dict.fromkeys(number, "Float64")).astype(
                dict.fromkeys(words, "str")
            )

        pd.testing.assert_frame_equal(plain(found), plain(expected))

    return same


@pytest.fixture(scope="session")
def findings_of(drawn, protocol_with):
    """Findings of groups of people drawn as a table, and their protocol.

    `people | arm | days | status`, and `level_of_care` and `exit` where they matter. The one
    outcome, read at `horizon_days`, is relapse. An alternative is other people, or another
    horizon.
    """

    def follow(groups: str, horizon_days: int | None):
        outcome = {
            "definition": "as drawn",
            "events": ["dropped out", "terminated by the facility"],
        }
        protocol = protocol_with(
            outcomes={"relapse": {**outcome, "horizon_days": horizon_days}},
            analysis={"covariates": ["age_years"]},
            noninferiority={},
            estimand="ATE",
        )
        return _cohort(drawn(groups)), protocol

    def build(groups: str, horizon_days: int | None = 90, alternatives: dict | None = None):
        cohort, protocol = follow(groups, horizon_days)
        weighting = weight_cohort(cohort.persons, protocol)
        others = [
            effects(*_weighted(*follow(*alternative))).assign(alternative=name)
            for name, alternative in (alternatives or {}).items()
        ]
        nothing = effects(cohort, weighting, protocol)[:0].assign(alternative="")
        found = Findings(
            attrition=cohort.attrition,
            balance=weighting.balance,
            sample_size=weighting.sample_size,
            propensity=weighting.propensity,
            comparison=compare(cohort, weighting, protocol),
            robustness=Robustness(pd.concat(others, ignore_index=True) if others else nothing),
            ledger=empty_table("ledger"),
            broken_rules=empty_table("broken_rules"),
            provenance=pd.DataFrame({"sha256": ["3f"]}),
            truth=pd.DataFrame(columns=NO_TRUTH),
        )
        return found, protocol

    return build


@pytest.fixture(scope="session")
def published(findings_of, released_tables):
    """The released tables of numbers in the report of groups drawn as a table."""

    def publish(groups: str, horizon_days: int | None = 90, alternatives: dict | None = None):
        found = findings_of(groups, horizon_days, alternatives)
        with pytest.MonkeyPatch.context() as patch:  # drawing takes most of a report's time
            patch.setattr(document, "svg", lambda figure, name: "<svg></svg>")
            return released_tables(write_report(*found).files)

    return publish


def _weighted(cohort, protocol):
    return cohort, weight_cohort(cohort.persons, protocol), protocol


def _cohort(groups: pd.DataFrame) -> Cohort:
    for column, value in {"level_of_care": "the only level", "exit": "completed"}.items():
        groups = groups if column in groups else groups.assign(**{column: value})
    people = groups.loc[groups.index.repeat(groups["people"])].reset_index(drop=True)
    people["person_id"] = [f"H{number:04d}" for number in range(len(people))]
    # Ages are dealt alike to both arms, so that nothing but the counts drawn matters.
    ages = np.random.default_rng(1).integers(18, 70, len(people)).astype(float)
    size = people["arm"].value_counts()
    attrition = [("admitted to either strategy", str(arm), size[arm], 0) for arm in Arm]
    return Cohort(
        persons=people[["person_id", "arm", "level_of_care"]].assign(index_day=0, age_years=ages),
        follow_up=people[["person_id", "days", "status"]].assign(outcome="relapse"),
        exits=people[["person_id", "arm", "level_of_care"]].assign(reason=people["exit"]),
        attrition=pd.DataFrame(attrition, columns=["criterion", "arm", "remaining", "excluded"]),
    )
