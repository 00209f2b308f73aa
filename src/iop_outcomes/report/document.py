"""The report: released exhibits in the protocol's order, on one page that needs nothing else."""

import re
from dataclasses import dataclass, field
from functools import partial
from importlib.resources import files

import pandas as pd
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.analysis.estimates import main_rows
from iop_outcomes.analysis.robustness import Robustness
from iop_outcomes.analysis.seal import unsealed
from iop_outcomes.cohort.definitions_agree import nothing_compared
from iop_outcomes.cohort.time_at_risk import nobody_followed
from iop_outcomes.protocol.freezing import UNFROZEN, Standing
from iop_outcomes.protocol.parsing import protocol_hash
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.strategies import Mechanism, StrategyKind
from iop_outcomes.protocol.time_zero import Moment
from iop_outcomes.records.schema import empty_table
from iop_outcomes.report.asked_for import exhibits_asked_for, figures_asked_for, tables_asked_for
from iop_outcomes.report.by_outcome import (
    by_what_they_count_as,
    numbers_at_risk,
    truth_of_outcomes,
)
from iop_outcomes.report.clusters_page import cluster_exhibits, cluster_tables
from iop_outcomes.report.definitions_page import definition_exhibits, definition_tables
from iop_outcomes.report.design_diagram import design_diagram, design_in_words
from iop_outcomes.report.disclosure import Released, release
from iop_outcomes.report.drawing import svg
from iop_outcomes.report.few_clusters import few_clusters_sentences
from iop_outcomes.report.figures import (
    DIFFERENCES,
    cumulative_incidence_plot,
    flow_diagram,
    forest_plot,
    love_plot,
    propensity_overlap_plot,
)
from iop_outcomes.report.hazards_page import band_words
from iop_outcomes.report.means_page import (
    mean_exhibits,
    mean_sentences,
    mean_tables,
    units_of,
)
from iop_outcomes.report.metrics import metrics_text
from iop_outcomes.report.modifiers_page import modifier_exhibits
from iop_outcomes.report.provenance import data_hash, package_versions
from iop_outcomes.report.quality_page import margins, quality_exhibits
from iop_outcomes.report.seal_page import seal_sentences
from iop_outcomes.report.tables import (
    Exhibit,
    attrition_table,
    baseline_table,
    effects_table,
    exits_table,
    outcomes_table,
    robustness_table,
    worse_side,
)
from iop_outcomes.report.target_trial import protocol_exhibits
from iop_outcomes.report.time_page import time_table
from iop_outcomes.report.wording import DAYS_ON, population, spelling, verdict_sentences, words
from iop_outcomes.vocabulary import Measure, Method

FLOW = {
    Moment.START: "Flow of people from admission to analysis, by arm.",
    Moment.EXIT: (
        "Flow of people from their planned exit to analysis, by what came of them: at time zero "
        "nobody's arm was known."
    ),
}


@dataclass(frozen=True)
class Findings:
    """Everything the report is made from; none of it has a row per person.

    Attributes
    ----------
    attrition, agreement, time_at_risk
        Of the cohort.
    weighting
        Its tables without the weights.
    ledger, broken_rules, provenance, truth, missingness, anonymity
        Of the records.
    """

    attrition: pd.DataFrame
    balance: pd.DataFrame
    sample_size: pd.DataFrame
    propensity: pd.DataFrame
    comparison: Comparison
    robustness: Robustness
    ledger: pd.DataFrame
    broken_rules: pd.DataFrame
    provenance: pd.DataFrame
    truth: pd.DataFrame
    missingness: pd.DataFrame = field(default_factory=partial(empty_table, "missingness"))
    anonymity: pd.DataFrame = field(default_factory=partial(empty_table, "anonymity"))
    agreement: pd.DataFrame = field(default_factory=nothing_compared)
    time_at_risk: pd.DataFrame = field(default_factory=nobody_followed)
    seal: pd.DataFrame = field(default_factory=unsealed)
    clusters: pd.DataFrame = field(default_factory=pd.DataFrame)


@dataclass(frozen=True)
class Report:
    """Text files by their path below the report's folder."""

    files: dict[str, str] = field(default_factory=dict)


def write_report(findings: Findings, protocol: Protocol, standing: Standing = UNFROZEN) -> Report:
    """Release every table, draw every figure and set the page.

    `standing` says how the protocol stands to the frozen one.

    Returns
    -------
    Report
        `report.html`, `summary.md`, `metrics.json`, figures as SVG and tables as CSV; the same
        bytes for the same findings, protocol and packages.
    """
    gate = _Gate(protocol.disclosure.smallest_count)
    shown = _released(findings, protocol, gate)
    figures = {name: svg(figure, name) for name, figure in _figures(shown, protocol).items()}
    exhibits = _exhibits(shown, protocol)
    verdicts = [
        *seal_sentences(shown["seal"], protocol),
        *_verdicts(shown["estimates"], shown["arms"], protocol),
        *mean_sentences(shown, protocol),
        *few_clusters_sentences(shown, protocol),
    ]
    facts = {
        "standing": standing,
        "design": design_in_words(protocol),
        "protocol_hash": protocol_hash(protocol),
        "data_hash": data_hash(findings.provenance),
        "profile": protocol.source.get("profile", {}).get("method", "safe_harbor"),
        "suppressed": gate.suppressed,
        "versions": package_versions(),
        "simulated": not findings.truth.empty,
        "randomised": protocol.assignment.mechanism is Mechanism.RANDOMISED,
        "cloned": protocol.strategies.kind is StrategyKind.GRACE_PERIOD,
        "band": band_words(protocol),
        "flow": FLOW[protocol.strategies.time_zero],
    }
    page = _page(protocol, exhibits, figures, verdicts, facts)
    return Report(
        {
            "report.html": page,
            "summary.md": _summary(protocol, verdicts, facts),
            "metrics.json": metrics_text(shown["estimates"], facts),
            **{f"figures/{name}.svg": drawing for name, drawing in figures.items()},
            **{f"tables/{e.name}.csv": e.table.to_csv(index=False) for e in exhibits.values()},
            **{
                f"tables/data_{name}.csv": released.table.to_csv(index=False)
                for name, released in shown.items()
            },
        }
    )


class _Gate:
    """Releases tables under one policy and counts what it hid."""

    def __init__(self, smallest_count: int):
        self.smallest_count, self.suppressed = smallest_count, 0

    def __call__(self, table: pd.DataFrame, beside: pd.DataFrame | None = None) -> Released:
        released = release(table, self.smallest_count, beside)
        self.suppressed += released.suppressed
        return released


def _released(findings: Findings, protocol: Protocol, gate: _Gate) -> dict[str, Released]:
    tables = {
        "ledger": findings.ledger,
        "broken_rules": findings.broken_rules,
        "missingness": margins(findings.missingness),
        "anonymity": findings.anonymity,
        "attrition": findings.attrition,
        "balance": findings.balance,
        "sample_size": findings.sample_size,
        "propensity": findings.propensity,
        "seal": findings.seal,
        "estimates": findings.comparison.estimates,
        "arms": findings.comparison.arms,
        "curves": main_rows(findings.comparison.curves),
        "at_risk": numbers_at_risk(findings.comparison, protocol),
        "exits": by_what_they_count_as(findings.comparison.exits, protocol),
        "time_at_risk": findings.time_at_risk,
    }
    tables |= cluster_tables(findings.clusters, findings.comparison)
    tables |= mean_tables(findings.comparison) | tables_asked_for(findings.comparison)
    if not findings.truth.empty:
        tables["truth"] = truth_of_outcomes(findings.truth, protocol)
    shown = {name: gate(table) for name, table in tables.items()}
    # Of the alternatives only what the report prints: their unadjusted risks, less the planned
    # ones, would count the people between two horizons or in a left-out group.
    others = findings.robustness.estimates
    others = main_rows(others[others["measure"].isin(DIFFERENCES)])
    shown |= {"robustness": gate(others, tables["estimates"])}
    told = definition_tables(findings.comparison, findings.agreement, protocol)
    return shown | {
        name: gate(table, tables["estimates"] if name == "definition_effects" else None)
        for name, table in told.items()
    }


def _figures(shown: dict[str, Released], protocol: Protocol) -> dict[str, Figure]:
    names = spelling(protocol)
    figures = {
        "design": design_diagram(protocol),
        "flow": flow_diagram(shown["attrition"], names),
        "love": love_plot(shown["balance"], names),
        "overlap": propensity_overlap_plot(shown["propensity"], names),
    }
    for outcome in protocol.outcomes:
        if outcome.horizon_days is not None:
            figures[f"incidence_{outcome.name}"] = cumulative_incidence_plot(
                shown["curves"],
                shown["at_risk"],
                outcome.name,
                outcome.horizon_days,
                names | ({"clock": DAYS_ON[outcome.clock]} if outcome.clock in DAYS_ON else {}),
            )
    figures["forest"] = forest_plot(
        shown["estimates"], shown["robustness"], worse_side(protocol), shown.get("truth"), names,
        units_of(protocol),
    )  # fmt: skip
    return figures | figures_asked_for(shown, protocol)


def _exhibits(shown: dict[str, Released], protocol: Protocol) -> dict[str, Exhibit]:
    warnings = few_clusters_sentences(shown, protocol)
    exhibits = [
        *protocol_exhibits(protocol),
        *quality_exhibits(shown, protocol),
        attrition_table(shown["attrition"], protocol),
        baseline_table(shown["balance"], shown["sample_size"], protocol),
        effects_table(shown["estimates"], shown.get("truth"), protocol, warnings),
        outcomes_table(shown["arms"], protocol),
        *mean_exhibits(shown, protocol),
        time_table(shown["time_at_risk"], protocol),
        exits_table(shown["exits"], protocol),
        robustness_table(shown["robustness"], protocol),
        *definition_exhibits(shown, protocol),
        *exhibits_asked_for(shown, protocol),
        *modifier_exhibits(shown, protocol),
        *cluster_exhibits(shown, protocol),
    ]
    return {exhibit.name: exhibit for exhibit in exhibits}


def _verdicts(estimates: Released, arms: Released, protocol: Protocol) -> list[str]:
    table = main_rows(estimates.table)
    # Whose outcome is known is the same under every method, and told of people in one arm only.
    followed = arms.table[arms.table["method"] == str(Method.UNADJUSTED)]
    rows = table[table["measure"] == str(Measure.RISK_DIFFERENCE)]
    return [
        verdict_sentences(row, followed[followed["outcome"] == row["outcome"]], protocol)
        for row in rows.to_dict("records")
    ]


def _page(
    protocol: Protocol,
    exhibits: dict[str, Exhibit],
    figures: dict[str, str],
    verdicts: list[str],
    facts: dict,
) -> str:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    names = spelling(protocol)
    environment.filters["words"] = lambda name: words(name, names)
    template = files("iop_outcomes.report").joinpath("templates", "report.html.j2")
    return environment.from_string(template.read_text("utf-8")).render(
        protocol=protocol,
        names=names,
        population=population(protocol),
        exhibits=exhibits,
        figures={name: Markup(_inline(name, drawing)) for name, drawing in figures.items()},
        verdicts=verdicts,
        facts=facts,
    )


def _inline(name: str, drawing: str) -> str:
    """An SVG file as an element of a page: without prologue, its ids told apart by its name."""
    element = drawing[drawing.index("<svg") :]
    return re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{name}-", element)


def _summary(protocol: Protocol, verdicts: list[str], facts: dict) -> str:
    lead = "These records are simulated, with a planted truth.\n\n" if facts["simulated"] else ""
    lines = "\n".join(f"- {sentence}" for sentence in verdicts)
    return (
        f"# {protocol.title}\n\n{lead}{lines}\n\n"
        f"Protocol {facts['protocol_hash']}, data {facts['data_hash']}. "
        f"{' '.join(facts['standing'].sentences())}\n"
    )
