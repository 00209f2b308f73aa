"""Estimates of any kind when there are few clusters: leave each out in turn."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import Uncertainty


@dataclass(frozen=True)
class LeftOut:
    """An estimate with each cluster left out in turn.

    Attributes
    ----------
    cluster
        Labels. Shape (clusters,).
    estimate
        Estimate without that cluster, everything fitted again. Shape (clusters,).
    whole
        Estimate from everyone.
    """

    cluster: NDArray
    estimate: NDArray
    whole: float

    def influence(self) -> NDArray:
        """What each cluster adds to the estimate. Shape (clusters,)."""
        return self.whole - self.estimate

    def uncertainty(self, confidence_level: float) -> Uncertainty:
        """Jackknife standard error over clusters (CV3) with Student's t(G - 1)."""
        count = self.estimate.size
        spread = np.sqrt((count - 1) / count * np.sum((self.estimate - self.whole) ** 2))
        critical = stats.t.ppf((1 + confidence_level) / 2, count - 1)
        return Uncertainty(float(spread), float(critical), count, f"CV3 jackknife, t({count - 1})")


def leave_one_cluster_out(estimate: Callable[[NDArray], float], cluster: ArrayLike) -> LeftOut:
    """Estimate again without each cluster: who drives the answer, and its CV3 standard error.

    Parameters
    ----------
    estimate
        Given who is kept (bool, shape (n,)), the estimate from them alone, every model fitted
        again.
    cluster
        Any labels. Shape (n,).

    Raises
    ------
    CohortError
        There is one cluster, or the estimate cannot be made without one of them.

    References
    ----------
    MacKinnon, Nielsen & Webb (2023), Journal of Applied Econometrics 38:671-694.

    Examples
    --------
    >>> value = np.array([1.0, 3, 5, 7])
    >>> left = leave_one_cluster_out(lambda kept: value[kept].mean(), ["A", "A", "B", "B"])
    >>> left.estimate, left.influence()
    (array([6., 2.]), array([-2.,  2.]))
    """
    labels, member = np.unique(cluster, return_inverse=True)
    if labels.size < 2:
        raise CohortError(
            "everyone belongs to one cluster, so none can be left out; use standard errors of "
            "persons"
        )
    estimates = []
    for g in range(labels.size):
        try:
            estimates.append(float(estimate(member != g)))
        except CohortError as error:
            raise CohortError(
                f"without cluster {g + 1} of {labels.size} in order there is no estimate "
                f"({error}); use CR1 or the wild bootstrap"
            ) from error
    return LeftOut(labels, np.array(estimates), float(estimate(np.ones(member.size, bool))))


def cluster_influence(influences: ArrayLike, cluster: ArrayLike) -> tuple[NDArray, NDArray]:
    """What each cluster adds to an estimate, to first order, without fitting anything again.

    Returns
    -------
    tuple
        Labels, and the sums of the influences. Shapes (clusters,).

    Examples
    --------
    >>> cluster_influence([0.1, 0.2, -0.3], ["A", "A", "B"])[1].round(6)
    array([ 0.3, -0.3])
    """
    labels, member = np.unique(cluster, return_inverse=True)
    return labels, np.bincount(member, np.asarray(influences, float))


def require_clusters_in_both_arms(treated: ArrayLike, cluster: ArrayLike) -> None:
    """Refuse arms that are one cluster: their influences sum to zero there, whatever it did.

    A cluster-robust error of such an arm's risk is zero, and too small of every contrast.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    cluster
        Any labels. Shape (n,).

    Raises
    ------
    CohortError
        An arm lies within one cluster.

    References
    ----------
    MacKinnon & Webb (2018), Econometrics Journal 21:114-135 (few treated clusters).

    Examples
    --------
    >>> require_clusters_in_both_arms([True, False, True, False], ["A", "A", "B", "B"])
    """
    a, label = np.asarray(treated, bool), np.asarray(cluster)
    for arm, name in ((a, "intervention"), (~a, "comparator")):
        if np.unique(label[arm]).size < 2:
            raise CohortError(
                f"the {name} arm lies within one cluster, so its spread between clusters cannot "
                "be seen; set protocol.analysis.cluster to null and say so, or widen the arm"
            )
