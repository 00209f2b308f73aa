"""Does it hang on one facility: the main risk difference without each cluster in turn."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arm_weights import arm_weights
from iop_outcomes.analysis.arms_among import cells, rows_of
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.estimates import Estimate, main_method
from iop_outcomes.analysis.outcome_analysis import OutcomeAnalysis, outcome_analyses
from iop_outcomes.analysis.propensity_score import propensity_score
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.weighting import weights_table
from iop_outcomes.analysis.weighting_plan import plan_table
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.errors import StudyError
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.statistics.clusters.cluster_robust import effective_clusters
from iop_outcomes.statistics.clusters.few_clusters import (
    cluster_influence,
    require_clusters_in_both_arms,
)
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.vocabulary import Arm, Measure

MOST_CLUSTERS = 60  # fitted again without each; beyond, and for very many people, by influence
MOST_ROWS = 2_000_000  # clusters times people
REFITTED, BY_INFLUENCE = "refitted", "by influence"
COLUMNS = {
    **dict.fromkeys(("outcome", "method", "cluster", "how"), "str"),
    **dict.fromkeys(("estimate", "conf_low", "conf_high"), "float64"),
    "verdict": "str",
    "whole": "float64",
    **dict.fromkeys(("whole_verdict", "not_estimated"), "str"),
    **dict.fromkeys(("smallest_cell", "clusters"), "int64"),
    "effective_clusters": "float64",
}


def left_out(
    cohort: Cohort,
    study: StudyArrays,
    analyses: Iterable[OutcomeAnalysis],
    most_clusters: int = MOST_CLUSTERS,
) -> pd.DataFrame:
    """The risk difference of the analyses given, with each cluster left out in turn.

    With up to `most_clusters` clusters the people who stay are weighted and analysed anew, every
    model fitted again. With more, the estimate is the whole one less the sum of the cluster's
    influences, which is right to first order.

    Returns
    -------
    DataFrame
        One row per outcome and cluster: `estimate` with its interval and `verdict` without the
        cluster, or why it is `not_estimated`; `whole` and `whole_verdict` from everyone;
        `smallest_cell`, the fewest people, 0 aside, with or without the event in an arm of the
        cluster or of the rest; and how many `clusters` there are, of which as many as
        `effective_clusters` count in the arm that has fewer. No rows if persons are independent.
    """
    analyses = list(analyses)
    if study.cluster is None or not analyses:
        return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)
    member, count = study.cluster, int(study.cluster.max()) + 1
    refits = count <= most_clusters and count * member.size <= MOST_ROWS
    without = _refitted(cohort, study, count) if refits else None
    names = study.people[str(study.protocol.analysis.cluster)].astype("str")
    rows = [
        {
            "outcome": analysis.outcome.name,
            "method": str(analysis.method),
            "cluster": names[int(np.argmax(member == g))],
            "how": REFITTED if refits else BY_INFLUENCE,
            **found,
            "smallest_cell": _smallest_cell(analysis, member == g),
            "clusters": count,
            "effective_clusters": _effective_clusters(analysis),
        }
        for analysis in analyses
        for g, found in enumerate(_of_an_outcome(analysis, without))
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _of_an_outcome(
    analysis: OutcomeAnalysis, without: list[dict[str, Estimate] | str] | None
) -> Iterator[dict]:
    whole = _difference(analysis)
    each = _by_influence(analysis, whole) if without is None else _told(analysis, without)
    for found in each:
        yield {**found, "whole": whole.estimate, "whole_verdict": whole.verdict}


def _difference(analysis: OutcomeAnalysis) -> Estimate:
    return next(e for e in analysis.estimates() if e.measure is Measure.RISK_DIFFERENCE)


def _row(estimate: float, low: float, high: float, verdict: str | None) -> dict:
    numbers = {"estimate": estimate, "conf_low": low, "conf_high": high}
    return {**numbers, "verdict": verdict, "not_estimated": ""}


def _told(analysis: OutcomeAnalysis, without: list[dict[str, Estimate] | str]) -> Iterator[dict]:
    for found in without:
        if isinstance(found, str):
            yield {**_row(np.nan, np.nan, np.nan, None), "not_estimated": found}
        else:
            e = found[analysis.outcome.name]
            yield _row(e.estimate, e.conf_low, e.conf_high, e.verdict)


def _refitted(cohort: Cohort, study: StudyArrays, count: int) -> list[dict[str, Estimate] | str]:
    """The main risk differences by outcome without each cluster, or why there are none."""
    place = pd.Index(study.people["person_id"])
    numbered = {}  # people by number: identifiers would be compared a hundred times
    for name in ("persons", "follow_up", "exits", "arms_followed"):
        table = getattr(cohort, name)
        numbered[name] = table.assign(person_id=place.get_indexer(table["person_id"]))
    whole = replace(cohort, **numbered)
    # The estimators beside are not asked again.
    protocol = replace(study.protocol, analysis=replace(study.protocol.analysis, estimators=()))
    return [_again(whole, study.cluster != g, protocol) for g in range(count)]


@dataclass(frozen=True)
class _Weights:
    """What of a weighting an analysis needs; the tables that show it are not made again."""

    weights: pd.DataFrame
    plan: pd.DataFrame


def _again(whole: Cohort, stays: NDArray, protocol: Protocol) -> dict[str, Estimate] | str:
    tables = {
        name: table[stays[table["person_id"]]].reset_index(drop=True)
        for name in ("persons", "follow_up", "exits", "arms_followed")
        for table in (getattr(whole, name),)
    }
    rest = replace(whole, **tables)
    try:
        study = StudyArrays(rest, _weighted(rest.persons, protocol), protocol)
        return {
            analysis.outcome.name: _difference(analysis)
            for analysis in outcome_analyses(study)
            if analysis.method is main_method(protocol)
        }
    except StudyError as error:  # everyone together could be analysed, so it is for want of these
        return str(error)


def _weighted(persons: pd.DataFrame, protocol: Protocol) -> _Weights:
    model = design(persons, protocol.analysis.covariates)
    score = propensity_score(model, protocol.analysis)
    made = arm_weights(persons, model, score, protocol)
    return _Weights(weights_table(persons, score, made), plan_table(protocol, score.strength))


def _by_influence(analysis: OutcomeAnalysis, whole: Estimate) -> Iterator[dict]:
    study, arms = analysis.study, analysis.arms
    plan = study.protocol.analysis
    margin = study.protocol.noninferiority.get(analysis.outcome.name)
    change = np.subtract(*(arms.risk_influence(arm, arms.horizon) for arm in Arm))
    labels, added = cluster_influence(change, study.cluster)
    known = np.zeros(change.size, bool)
    known[np.concatenate([rows_of(arms, arm) for arm in Arm])] = True
    for g, moved in zip(labels, added, strict=True):
        stays = study.cluster != g
        told = stays & known
        try:
            require_clusters_in_both_arms(study.entry.treated[told], study.cluster[told])
            spread = uncertainty(change[stays], plan.confidence_level, study.cluster[stays])
        except StudyError as error:
            yield {**_row(np.nan, np.nan, np.nan, None), "not_estimated": str(error)}
            continue
        estimate = whole.estimate - moved
        half = spread.critical * spread.std_error
        low, high = estimate - half, estimate + half
        verdict = margin and noninferiority(
            low, high, margin.risk_difference, analysis.outcome.better
        )
        yield _row(estimate, low, high, verdict)


def _smallest_cell(analysis: OutcomeAnalysis, who: NDArray) -> int:
    """Fewest people, 0 aside, with or without the event in an arm of some or of the others."""
    counts = [*cells(analysis.arms, who).values(), *cells(analysis.arms, ~who).values()]
    return min((people for people in counts if people), default=0)


def _effective_clusters(analysis: OutcomeAnalysis) -> float:
    """Of the arm that has fewer: equal clusters that would tell as much about its risk."""
    arms, cluster = analysis.arms, analysis.study.cluster
    return min(
        effective_clusters(
            np.ones((arms.people(arm), 1)), cluster[rows_of(arms, arm)], 0, arms.weight[arm]
        )
        for arm in Arm
    )
