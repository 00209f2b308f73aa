"""How wide the interval around a curve is: day by day, or for all days at once."""

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from iop_outcomes.protocol.analysis_plan import AnalysisPlan
from iop_outcomes.protocol.survival_plan import Bands
from iop_outcomes.statistics.estimating_equations import Uncertainty, uncertainty
from iop_outcomes.statistics.survival.bands import simultaneous_critical

Spread = Callable[[NDArray], tuple[NDArray, NDArray | None]]


def curve_band(
    influences: Iterable[NDArray], spread: Spread, plan: AnalysisPlan
) -> tuple[NDArray, float]:
    """Standard errors of a curve on each day, and how many of them its interval takes.

    Few clusters tell their spread badly: day by day the interval is then Student's and not the
    normal one, and one for all days is wider in the same ratio.

    Parameters
    ----------
    influences
        Of everyone in the study on the curve's height, day after day. Each of shape (people,).
    spread
        From influences to those of whom the curve is about, and within what they are summed.
    """
    simultaneous = plan.bands is Bands.SIMULTANEOUS
    found: list[Uncertainty] = []
    moved: list[NDArray] = []
    for each in influences:
        own, cluster = spread(each)
        found.append(uncertainty(own, plan.confidence_level, cluster))
        if simultaneous:
            moved.append(own if cluster is None else _summed(own, cluster))
    errors, critical = np.array([each.std_error for each in found]), found[0].critical
    if not simultaneous or not errors.any():
        return errors, critical
    together = simultaneous_critical(np.column_stack(moved), errors, plan.confidence_level)
    wider = critical / stats.norm.ppf((1 + plan.confidence_level) / 2)  # 1 without clusters
    return errors, together * wider


def _summed(influences: NDArray, cluster: NDArray) -> NDArray:
    """Sums within clusters, scaled as `uncertainty` scales them. Shape (clusters,)."""
    labels, member = np.unique(cluster, return_inverse=True)
    return np.bincount(member, influences) * np.sqrt(labels.size / (labels.size - 1))
