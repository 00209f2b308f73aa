"""Uncertainty of weighted estimates whose weights were themselves estimated.

Every estimate here is a smooth function of the people's weights. If D_i is its derivative by
person i's weight w_i, then w_i D_i is the person's influence with the weights taken as known; the
estimated propensity score adds (sum_j D_j dw_j/dgamma) times the person's influence on gamma.
This is the sandwich of the stacked estimating equations, written as one number a person, so that
clusters are sums and contrasts are differences.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.weighting.weights import weight_slopes
from iop_outcomes.vocabulary import Estimand


@dataclass(frozen=True)
class EstimatedWeights:
    """What the propensity model adds to the uncertainty of a weighted estimate.

    Attributes
    ----------
    gradient
        Derivative of each weight by the model's coefficients. Shape (n, columns).
    influence
        Influence of each person on the coefficients. Shape (n, columns).
    """

    gradient: NDArray
    influence: NDArray


def estimated_weights(
    treated: NDArray, propensity: NDArray, design: NDArray, estimand: Estimand
) -> EstimatedWeights:
    """Gradient and influence of a logistic propensity model at its maximum.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    propensity
        Fitted probabilities. Shape (n,).
    design
        Columns of the model. Shape (n, columns).
    estimand
        Whose effect the weights average.
    """
    x = np.linalg.qr(design).Q  # the answer does not depend on units; the arithmetic does
    variance = propensity * (1 - propensity)
    covariance = np.linalg.inv((x * variance[:, None]).T @ x)
    slope = weight_slopes(treated, propensity, estimand)
    return EstimatedWeights(
        gradient=x * (slope * variance)[:, None],
        influence=(x * (treated - propensity)[:, None]) @ covariance,
    )


def influence(
    derivative: NDArray, weight: NDArray, estimated: EstimatedWeights | None = None
) -> NDArray:
    """Influence of each person on a weighted estimate. Shape (n,).

    Parameters
    ----------
    derivative
        Derivative of the estimate by each person's weight. Shape (n,).
    weight
        The weights. Shape (n,).
    estimated
        Where the weights came from; None if they are known.

    Examples
    --------
    A mean of 0 and 1, unweighted: each person's deviation over n.

    >>> influence(np.array([-0.25, 0.25]), np.ones(2))
    array([-0.25,  0.25])
    """
    own = weight * derivative
    if estimated is None:
        return own
    return own + estimated.influence @ (estimated.gradient.T @ derivative)


@dataclass(frozen=True)
class Uncertainty:
    """A standard error and the law its interval follows.

    Attributes
    ----------
    std_error
        On the scale of the influences.
    critical
        Half-width of the interval in standard errors.
    clusters
        Number of clusters summed over; None if persons are independent.
    se_method
        Name of the standard error and of its law.
    """

    std_error: float
    critical: float
    clusters: int | None
    se_method: str = "sandwich, normal"


def uncertainty(
    influences: NDArray, confidence_level: float, cluster: NDArray | None = None
) -> Uncertainty:
    r"""Sandwich standard error from influences.

    Independent persons: :math:`\sqrt{\sum_i \phi_i^2}` and the normal law. G clusters: the
    influences are summed within each, the variance is multiplied by G/(G-1) (CR1), and the
    interval uses Student's t with G - 1 degrees of freedom.

    Parameters
    ----------
    influences
        Shape (n,).
    cluster
        Cluster of each person, any labels. Shape (n,).

    Raises
    ------
    CohortError
        There is one cluster only, so its spread cannot be seen.

    References
    ----------
    Stefanski & Boos (2002), American Statistician 56:29-38. Cameron & Miller (2015), Journal of
    Human Resources 50:317-372.

    Examples
    --------
    >>> round(uncertainty(np.array([0.3, -0.3, 0.4, -0.4]), 0.95).std_error, 6)
    0.707107
    >>> uncertainty(np.array([0.3, -0.3, 0.4, -0.4]), 0.95, np.array([1, 2, 1, 2])).clusters
    2
    """
    tail = (1 + confidence_level) / 2
    if cluster is None:
        spread = float(np.sqrt(np.sum(influences**2)))
        return Uncertainty(spread, float(stats.norm.ppf(tail)), None)
    _, member = np.unique(cluster, return_inverse=True)
    sums = np.bincount(member, influences)
    if sums.size < 2:
        raise CohortError(
            "everyone belongs to one cluster, so the spread between clusters cannot be seen; set "
            "protocol.analysis.cluster to null"
        )
    spread = float(np.sqrt(np.sum(sums**2) * sums.size / (sums.size - 1)))
    critical = float(stats.t.ppf(tail, sums.size - 1))
    return Uncertainty(spread, critical, int(sums.size), f"CR1, t({sums.size - 1})")
