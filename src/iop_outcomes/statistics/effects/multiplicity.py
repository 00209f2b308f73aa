"""Several estimates at once: their covariance, and p-values and intervals that count them all."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError


def influence_covariance(
    influences: NDArray, cluster: ArrayLike | None = None
) -> tuple[NDArray, int | None]:
    """Covariance of several estimates from their influences, and the number of clusters.

    The matrix whose diagonal is the square of `uncertainty`'s standard errors: clusters are
    summed and their products multiplied by G/(G - 1).

    Parameters
    ----------
    influences
        Shape (n, estimates).
    cluster
        Any labels. Shape (n,).

    Examples
    --------
    >>> influence_covariance(np.array([[0.1, 0.2], [-0.1, -0.2]]))[0].round(6)
    array([[0.02, 0.04],
           [0.04, 0.08]])
    """
    if cluster is None:
        return influences.T @ influences, None
    labels, member = np.unique(cluster, return_inverse=True)
    if labels.size < 2:
        raise CohortError(
            "everyone belongs to one cluster, so the spread between clusters cannot be seen; set "
            "protocol.analysis.cluster to null"
        )
    sums = np.column_stack([np.bincount(member, column) for column in influences.T])
    return sums.T @ sums * labels.size / (labels.size - 1), labels.size


def holm(p_values: ArrayLike) -> NDArray:
    """P-values adjusted for how many there are, step by step from the smallest.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6:65-70.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    array([0.03, 0.06, 0.06])
    """
    p = np.asarray(p_values, float)
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (p.size - np.arange(p.size)))
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted


@dataclass(frozen=True)
class SimultaneousIntervals:
    """Intervals that hold all true effects at once with the given probability.

    Attributes
    ----------
    lower, upper
        Shape (estimates,).
    std_error
        Of each estimate alone. Shape (estimates,).
    critical
        Half-width in standard errors, one for all.
    p_value
        Of each effect being zero, adjusted (single-step max-t). Shape (estimates,).
    """

    lower: NDArray
    upper: NDArray
    std_error: NDArray
    critical: float
    p_value: NDArray


def simultaneous_intervals(
    estimate: ArrayLike,
    influences: NDArray,
    confidence_level: float,
    *,
    seed: int,
    draws: int = 100_000,
    cluster: ArrayLike | None = None,
) -> SimultaneousIntervals:
    """Max-t intervals: the critical value is simulated from the estimates' correlation.

    Parameters
    ----------
    estimate
        Shape (estimates,).
    influences
        Shape (n, estimates).
    seed, draws
        Of the simulation, multivariate normal, or Student's t(G - 1) with clusters.
    cluster
        Any labels. Shape (n,).

    References
    ----------
    Hothorn, Bretz & Westfall (2008), Biometrical Journal 50:346-363.

    Examples
    --------
    >>> apart = np.array([[0.1, 0], [-0.1, 0], [0, 0.1], [0, -0.1]])
    >>> found = simultaneous_intervals([0.0, 0.3], apart, 0.95, seed=1)
    >>> round(found.critical, 1)  # of two independent ones; 1.96 of one alone
    2.2
    """
    theta = np.asarray(estimate, float)
    covariance, clusters = influence_covariance(influences, cluster)
    error = np.sqrt(np.diag(covariance))
    if not (error > 0).all():
        raise CohortError("an estimate has no uncertainty to adjust; leave it out")
    rng = np.random.default_rng(seed)
    values, vectors = np.linalg.eigh(covariance / np.outer(error, error))
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn = rng.standard_normal((draws, theta.size)) @ root.T
    if clusters is not None:
        drawn /= np.sqrt(rng.chisquare(clusters - 1, size=(draws, 1)) / (clusters - 1))
    largest = np.sort(np.abs(drawn).max(axis=1))
    critical = float(np.quantile(largest, confidence_level))
    farther = draws - np.searchsorted(largest, np.abs(theta / error))
    return SimultaneousIntervals(
        lower=theta - critical * error,
        upper=theta + critical * error,
        std_error=error,
        critical=critical,
        p_value=(1 + farther) / (1 + draws),
    )
