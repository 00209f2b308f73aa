"""What the propensity model knows of the clusters, and whom it cannot compare within one."""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.design import Design, design, recorded
from iop_outcomes.errors import PositivityError, ProtocolError
from iop_outcomes.protocol.analysis_plan import AnalysisPlan, ClusterTerms
from iop_outcomes.statistics.clusters.within_clusters import (
    cluster_intercepts,
    cluster_means,
    one_armed,
)
from iop_outcomes.statistics.weighting.propensity import dependent_columns

WHERE = "protocol.analysis.propensity.clusters"
COMPARED_WITHIN = (ClusterTerms.FIXED_EFFECTS, ClusterTerms.WITHIN)


def recorded_clusters(people: pd.DataFrame, name: str) -> NDArray:
    """Cluster of each person as a number: numbers are sorted a thousand times.

    Raises
    ------
    ProtocolError
        It is not recorded for everyone.
    """
    if name not in people or people[name].isna().any():
        raise ProtocolError(
            f"protocol.analysis.cluster: `{name}` is not recorded for everyone in the cohort"
        )
    return people[name].factorize()[0]


def propensity_design(persons: pd.DataFrame, plan: AnalysisPlan) -> Design:
    """Columns of the propensity model: those of the covariates, and what it knows of clusters.

    With fixed effects, `Design.compared_within` says within which clusters people are compared.

    Raises
    ------
    ProtocolError, CohortError
        As `design`; or the means of the covariates tell every cluster from the others.
    PositivityError
        No cluster has people in both arms.
    """
    model = design(persons, plan.covariates)
    return with_cluster_terms(model, persons, plan)


def with_cluster_terms(model: Design, persons: pd.DataFrame, plan: AnalysisPlan) -> Design:
    """The same design with the columns of the protocol's `propensity.clusters`."""
    terms = plan.propensity.clusters
    if terms is ClusterTerms.NONE:
        return model
    if plan.cluster in model.covariates:
        raise ProtocolError(
            f"{WHERE}: `{plan.cluster}` is among protocol.analysis.covariates, which gives each an "
            f"intercept already; take it out there, or write `{ClusterTerms.NONE}`"
        )
    cluster = recorded_clusters(persons, str(plan.cluster))
    if terms is ClusterTerms.MEANS:
        return replace(model, columns=_with_means(model.columns, cluster))
    alone = one_armed(model.treated, cluster)
    if alone.all():
        raise PositivityError(
            f"{WHERE}: every {plan.cluster} has people in one arm only, so nothing can be compared "
            f"within one; write `{ClusterTerms.MEANS}` or `{ClusterTerms.NONE}`"
        )
    # Where nothing is compared there is nothing to fit: these people get no column.
    intercepts = np.zeros((cluster.size, np.unique(cluster[~alone]).size - 1))
    intercepts[~alone] = cluster_intercepts(cluster[~alone])
    _require_inside(model, intercepts, ~alone, persons, plan)
    columns = np.column_stack([model.columns, intercepts])
    return replace(model, columns=columns, compared_within=cluster)


def _require_inside(
    model: Design, intercepts: NDArray, who: NDArray, persons: pd.DataFrame, plan: AnalysisPlan
) -> None:
    """Refuse covariates that are one number in each cluster: fixed effects say them already."""
    inside = model.columns[who, 1:]
    fitted = np.column_stack([np.ones(int(who.sum())), intercepts[who]])
    left = inside - fitted @ np.linalg.lstsq(fitted, inside, rcond=None)[0]
    seen = np.ptp(inside, axis=0) > 0  # a level that only the others have is no term either
    varies = np.linalg.norm(left, axis=0) > 1e-9 * np.linalg.norm(inside, axis=0)
    if varies[seen].all() and not dependent_columns(left[:, seen]):
        return
    place = persons.loc[who, str(plan.cluster)]
    fixed = [
        name
        for name in model.covariates
        if recorded(persons.loc[who, name]).groupby(place).nunique().max() == 1
    ]
    named = f"{fixed} do not" if fixed else "some combination of the covariates does not"
    raise ProtocolError(
        f"{WHERE}: {named} vary within any {plan.cluster}, so the fixed effects say it already; "
        f"leave it out of protocol.analysis.covariates, or write `{ClusterTerms.MEANS}`"
    )


def _with_means(columns: NDArray, cluster: NDArray) -> NDArray:
    """Mundlak's terms beside the columns; a mean that says nothing new is no term."""
    means = cluster_means(columns[:, 1:], cluster)
    kept = columns
    for mean in means.T:
        tried = np.column_stack([kept, mean])
        centred = tried[:, 1:] - tried[:, 1:].mean(axis=0)
        if np.ptp(mean) > 0 and not dependent_columns(centred):
            kept = tried
    added = kept.shape[1] - columns.shape[1]
    clusters = np.unique(cluster).size
    if added >= clusters - 1:
        raise ProtocolError(
            f"{WHERE}: the means of {columns.shape[1] - 1} columns tell all {clusters} clusters "
            f"apart, as fixed effects would; write `{ClusterTerms.FIXED_EFFECTS}`, or name fewer "
            "covariates"
        )
    return kept


def compared(model: Design, among: NDArray) -> NDArray:
    """Who of some people is in a cluster with both arms; all of them where clusters do not matter.

    Parameters
    ----------
    among
        Those who are asked of; the others are not. Shape (people,).
    """
    if model.compared_within is None:
        return among
    both = among.copy()
    both[among] = ~one_armed(model.treated[among], model.compared_within[among])
    return both
