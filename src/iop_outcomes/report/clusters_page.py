"""How alike the arms are inside facilities, and in the risk that their people ran anyhow."""

import re
from collections.abc import Iterator, Mapping

import pandas as pd

from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.protocol.analysis_plan import ClusterTerms
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, count, number, percent, spelling, when, words
from iop_outcomes.vocabulary import Arm

COMPARED = {
    ClusterTerms.NONE: "The propensity model knows nothing of the {place}: people are compared "
    "across.",
    ClusterTerms.FIXED_EFFECTS: "The propensity model has an intercept for each {place} (fixed "
    "effects): people are compared within.",
    ClusterTerms.MEANS: "The propensity model has the means of the covariates in each {place} "
    "beside them (Mundlak): what the {place} does beyond these means is not made alike.",
    ClusterTerms.WITHIN: "The propensity model has an intercept for each {place}, and both arms "
    "weigh as much in each: people are compared within.",
}
WITHIN = (ClusterTerms.FIXED_EFFECTS, ClusterTerms.WITHIN)


def cluster_tables(clusters: pd.DataFrame, comparison: Comparison) -> dict[str, pd.DataFrame]:
    """What goes to the gate; nothing of what there is not."""
    tables = {"clusters": clusters, "prognosis": comparison.prognosis}
    return {name: table for name, table in tables.items() if not table.empty}


def cluster_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> Iterator[Exhibit]:
    """Balance inside facilities where they are named, and balance of the predicted risk."""
    if "clusters" in shown:
        yield _clusters(shown["clusters"].table.iloc[0], protocol)
    if "prognosis" in shown:
        yield _prognosis(shown["prognosis"].table, protocol)


def _clusters(row: pd.Series, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    place = words(str(protocol.analysis.cluster), names)
    rows = [
        {
            "Largest SMD inside": f"{kind} weighting",
            "Median": number(row[f"median_{kind}"], 2),
            "90th percentile": number(row[f"ninth_decile_{kind}"], 2),
            "At most 0.1": _share(row[f"alike_{kind}"]),
        }
        for kind in ("before", "after")
    ]
    return Exhibit(
        "clusters",
        f"How alike the arms are inside each cluster ({place}).",
        pd.DataFrame(rows),
        f"{_compared(protocol)} {_one_armed(row, protocol)}Of {count(row['told'])} of "
        f"{count(row['clusters'])} clusters, those with enough people of both arms: the largest "
        "standardised mean difference of any covariate, over the standard deviations of the whole. "
        "In small clusters some of it is luck. Which cluster it is, is not told. "
        f"{hidden_note(protocol)}",
    )


def _compared(protocol: Protocol) -> str:
    """How the propensity model knows of the clusters."""
    plan, names = protocol.analysis, spelling(protocol)
    named = re.compile(rf"\b{re.escape(str(plan.cluster))}\b")
    terms = plan.propensity.clusters
    if terms is ClusterTerms.NONE and any(named.search(term) for term in plan.covariates):
        terms = ClusterTerms.FIXED_EFFECTS
    return COMPARED[terms].format(place=words(str(plan.cluster), names))


def _share(value: float) -> str:
    return HIDDEN if pd.isna(value) else f"{percent(value, 0)}%"


def _one_armed(row: pd.Series, protocol: Protocol) -> str:
    """How many clusters have one arm, of how many people, and what became of these."""
    if row["one_armed"] == 0:
        return "Every cluster has people in both arms. "
    names = spelling(protocol)
    within = protocol.analysis.propensity.clusters in WITHIN
    fate = "are left out, for nothing compares them" if within else "are compared across clusters"
    people = " and ".join(
        f"{'some' if pd.isna(n) else count(n)} of {names[arm]}"
        for arm in Arm
        if pd.isna(n := row[f"one_armed_{arm}"]) or n
    )
    many = "Some clusters" if pd.isna(row["one_armed"]) else f"{count(row['one_armed'])} cluster(s)"
    return f"{many} had people in one arm only; their people ({people}) {fate}. "


def _prognosis(table: pd.DataFrame, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    rows = [
        {
            "Predicted risk": f"{words(row['outcome'], names)} {when(outcomes[row['outcome']])}",
            "SMD before": number(row["prognostic_smd_before"], 2),
            "SMD after": number(row["prognostic_smd_after"], 2),
        }
        for row in table.to_dict("records")
    ]
    return Exhibit(
        "prognosis",
        f"How alike the arms are in the risk predicted under {names['comparator']}.",
        pd.DataFrame(rows),
        "Prognostic scores: a model of the outcome on the covariates, fitted to people of "
        f"{names['comparator']}, predicts everyone. An imbalance counts here as much as it bears "
        f"on the outcome. Looked at after the weights were made. {hidden_note(protocol)}",
    )


def compared_within(protocol: Protocol) -> str:
    """What the weights make alike besides the covariates; nothing if that is all."""
    terms = protocol.analysis.propensity.clusters
    if terms is ClusterTerms.NONE:
        return ""
    place = words(str(protocol.analysis.cluster), spelling(protocol))
    if terms is ClusterTerms.MEANS:
        return f", and their means by {place}"
    return f", and within each {place} ({terms})" if terms in WITHIN else ""
