"""How alike the arms are inside each cluster: balance on the whole can hide what cancels there."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.cluster_terms import recorded_clusters
from iop_outcomes.analysis.design import Design
from iop_outcomes.protocol.analysis_plan import AnalysisPlan
from iop_outcomes.vocabulary import Arm

CLUSTERS = {
    "cluster": "str",
    **dict.fromkeys((f"{kind}_{arm}" for kind in ("people", "weighing") for arm in Arm), "int64"),
    **dict.fromkeys(("largest_smd_before", "largest_smd_after"), "float64"),
}


def cluster_balance(
    persons: pd.DataFrame, model: Design, weight: NDArray, plan: AnalysisPlan
) -> pd.DataFrame:
    """The largest standardised mean difference within every cluster, before and after weighting.

    Of the columns of the covariates, over the standard deviations that the whole is measured with:
    a cluster has too few people for its own.

    Parameters
    ----------
    persons
        `Cohort.persons`.
    model, weight
        Of the same people; the design of the covariates alone.

    Returns
    -------
    DataFrame
        One row per cluster of `analysis.cluster`, none without it: people of each arm, those of
        them who weigh something, and both differences, missing without people of both arms.
    """
    if plan.cluster is None or plan.cluster not in persons:  # effects will say so
        return pd.DataFrame(columns=list(CLUSTERS)).astype(CLUSTERS)
    member = recorded_clusters(persons, plan.cluster)
    treated, columns = model.treated, model.columns[:, 1:]
    columns = columns / _rulers(columns, treated)
    order = np.argsort(member, kind="stable")
    parts = np.split(order, np.flatnonzero(np.diff(member[order])) + 1)
    names = persons[plan.cluster].astype("str").to_numpy()
    rows = [
        {
            "cluster": names[rows[0]],
            **_people(treated[rows], weight[rows]),
            "largest_smd_before": _largest(columns[rows], treated[rows], np.ones(rows.size)),
            "largest_smd_after": _largest(columns[rows], treated[rows], weight[rows]),
        }
        for rows in parts
    ]
    return pd.DataFrame(rows, columns=list(CLUSTERS)).astype(CLUSTERS)


def _rulers(columns: NDArray, treated: NDArray) -> NDArray:
    """Pooled standard deviation of each column in the whole, as in the table of the baseline."""
    squares, binary = np.zeros(columns.shape[1]), np.isin(columns, (0.0, 1.0)).all(axis=0)
    for arm in (treated, ~treated):
        x = columns[arm]
        share = x.mean(axis=0)
        freedom = max(len(x) - 1, 1)
        spread = ((x - share) ** 2).sum(axis=0) / freedom
        squares += np.where(binary, share * (1 - share), spread) / 2
    # A column that does not vary within either arm separates them, which weighting refuses.
    return np.where(squares > 0, np.sqrt(squares), 1.0)


def _people(treated: NDArray, weight: NDArray) -> dict[str, int]:
    counts = {}
    for arm, who in ((Arm.INTERVENTION, treated), (Arm.COMPARATOR, ~treated)):
        counts[f"people_{arm}"] = int(who.sum())
        counts[f"weighing_{arm}"] = int((weight[who] > 0).sum())
    return counts


def _largest(columns: NDArray, treated: NDArray, weight: NDArray) -> float:
    if any(not weight[arm].sum() > 0 for arm in (treated, ~treated)):
        return np.nan
    one, other = (
        np.average(columns[arm], axis=0, weights=weight[arm]) for arm in (treated, ~treated)
    )
    return float(np.abs(one - other).max())
