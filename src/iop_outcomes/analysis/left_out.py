"""Does it hang on one facility: the main risk difference without each cluster in turn."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms_among import cells, rows_of
from iop_outcomes.analysis.estimates import Estimate
from iop_outcomes.analysis.outcome_analysis import OutcomeAnalysis
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.without_clusters import Without, without_each_cluster
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.errors import StudyError
from iop_outcomes.protocol.standard_errors import ClusterErrors
from iop_outcomes.statistics.clusters.cluster_robust import effective_clusters
from iop_outcomes.statistics.clusters.few_clusters import (
    LeftOut,
    cluster_influence,
    require_clusters_in_both_arms,
)
from iop_outcomes.statistics.effects.all_or_none import all_or_none
from iop_outcomes.statistics.estimating_equations import Uncertainty, uncertainty
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.vocabulary import Arm

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
    without: Sequence[Without] | None = None,
) -> pd.DataFrame:
    """The risk difference of the analyses given, with each cluster left out in turn.

    With up to `most_clusters` clusters the people who stay are weighted and analysed anew, every
    model fitted again. With more, the estimate is the whole one less the sum of the cluster's
    influences, which is right to first order; unless the protocol asks for other standard errors
    than CR1. The jackknife's intervals without a cluster are made of the others' estimates.

    Parameters
    ----------
    without
        The analyses without each cluster, where they are made already.

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
    few = count <= most_clusters and count * member.size <= MOST_ROWS
    # Influences know CR1 alone: an interval without a cluster is made as that of everyone.
    clusters = study.protocol.analysis.standard_errors.clusters
    refits = few or clusters is not ClusterErrors.CR1
    if without is None and refits:
        without = without_each_cluster(cohort, study)
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


def _of_an_outcome(analysis: OutcomeAnalysis, without: Sequence[Without] | None) -> Iterator[dict]:
    whole = analysis.risk_difference()
    plan = analysis.study.protocol.analysis
    if without is None:
        each = _by_influence(analysis, whole)
    elif plan.standard_errors.clusters is ClusterErrors.JACKKNIFE:
        each = _by_the_others(analysis, whole, without)
    else:
        each = _told(analysis, without)
    for found in each:
        yield {**found, "whole": whole.estimate, "whole_verdict": whole.verdict}


def _row(estimate: float, low: float, high: float, verdict: str | None) -> dict:
    numbers = {"estimate": estimate, "conf_low": low, "conf_high": high}
    return {**numbers, "verdict": verdict, "not_estimated": ""}


def _told(analysis: OutcomeAnalysis, without: Sequence[Without]) -> Iterator[dict]:
    for found in without:
        if isinstance(found, str):
            yield {**_row(np.nan, np.nan, np.nan, None), "not_estimated": found}
        else:
            e = found.difference[analysis.outcome.name]
            yield _row(e.estimate, e.conf_low, e.conf_high, e.verdict)


def _by_the_others(
    analysis: OutcomeAnalysis, whole: Estimate, without: Sequence[Without]
) -> Iterator[dict]:
    r"""Intervals by the jackknife, leaving out a second cluster to first order.

    .. math:: d_{h \mid g} = \frac{G - 1}{G - 2} \Big(d_h + \frac{d_g}{G - 1}\Big)

    with d what leaving out one cluster moves.
    """
    level = analysis.study.protocol.analysis.confidence_level
    each = np.array([found.difference[analysis.outcome.name].estimate for found in without])
    moved, rest = each - whole.estimate, each.size - 1
    for g, estimate in enumerate(each):
        second = rest / (rest - 1) * (np.delete(moved, g) + moved[g] / rest)
        spread = LeftOut(np.arange(rest), estimate + second, estimate).uncertainty(level)
        yield _with_limits(analysis, estimate, spread)


def _with_limits(analysis: OutcomeAnalysis, estimate: float, spread: Uncertainty) -> dict:
    margin = analysis.study.protocol.noninferiority.get(analysis.outcome.name)
    half = spread.critical * spread.std_error
    low, high = estimate - half, estimate + half
    verdict = margin and noninferiority(low, high, margin.risk_difference, analysis.outcome.better)
    return _row(estimate, low, high, verdict)


def _by_influence(analysis: OutcomeAnalysis, whole: Estimate) -> Iterator[dict]:
    study, arms = analysis.study, analysis.arms
    plan = study.protocol.analysis
    if any(all_or_none(arms.risk(arm, arms.horizon)) for arm in Arm):
        why = "nobody or everybody in an arm had it"
        nothing = {**_row(np.nan, np.nan, np.nan, None), "not_estimated": why}
        yield from (nothing for _ in np.unique(study.cluster))
        return
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
        yield _with_limits(analysis, whole.estimate - moved, spread)


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
