r"""Simultaneous bands: limits that hold the whole curve at once, not one day at a time.

The curve's deviation is, in large samples, the Gaussian process that one gets by multiplying each
person's influence by a standard normal number and summing (the multiplier bootstrap). Given the
influences, that process is normal with covariance :math:`\sum_i \phi_i(s) \phi_i(t)`, so it is
drawn from this covariance directly, which is the same law and needs no pass over people.
Weights, clusters, delayed entry and competing events are in the influences and need nothing more.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError


def simultaneous_critical(
    influences: NDArray,
    spread: ArrayLike,
    confidence_level: float = 0.95,
    draws: int = 20_000,
    seed: int = 0,
) -> float:
    """Half-width, in units of `spread`, of a band that holds on all days together.

    Give it to `curve_limits.limits` as `critical`, with `spread` as the standard error.

    Parameters
    ----------
    influences
        One row a person (or cluster), one column a day. Shape (n, days).
    spread
        The band's shape over the days: standard errors for bands of equal precision, or
        `hall_wellner_spread`. Days on which it is 0 are left out. Shape (days,).
    confidence_level
        Of the band as a whole.
    draws, seed
        How many processes are drawn, and from where.

    Raises
    ------
    CohortError
        The curve is certain on every day.

    References
    ----------
    Lin, Fleming & Wei (1994), Biometrika 81:73-81. Nair (1984), Technometrics 26:265-275.

    Examples
    --------
    On one day it is the normal quantile, up to the noise of drawing:

    >>> one_day = np.array([[0.3], [-0.3], [0.4], [-0.4]])
    >>> 1.93 < simultaneous_critical(one_day, np.sqrt([0.5])) < 1.99
    True
    """
    spread = np.asarray(spread, float)
    some = spread > 0
    if not some.any():
        raise CohortError(
            "the curve has no uncertainty on any of these days, so it has no band; ask for days on "
            "which somebody has had the event and somebody is still at risk"
        )
    process = influences[:, some] / spread[some]
    size, axes = np.linalg.eigh(process.T @ process)
    root = axes * np.sqrt(np.maximum(size, 0.0))
    random = np.random.default_rng(seed)
    largest = np.concatenate(
        [
            np.abs(random.standard_normal((part, size.size)) @ root.T).max(axis=1)
            for part in np.diff(np.linspace(0, draws, 2 + draws // 2000).astype(int))
            if part
        ]
    )
    return float(np.quantile(largest, confidence_level))


def hall_wellner_spread(survival: ArrayLike, std_error: ArrayLike, people: float) -> NDArray:
    r"""Shape of the Hall-Wellner band: :math:`\hat S (1 + n \hat\sigma^2) / \sqrt n`.

    :math:`\hat\sigma` is the standard error over :math:`\hat S`. The band is narrow early, where
    bands of equal precision are wide. It is 0, and so left out, where the standard error is.

    Parameters
    ----------
    survival, std_error
        Of the curve. Shape (days,).
    people
        n; with weights, their effective number. Any n gives a band that holds; it moves width
        between early and late days.

    References
    ----------
    Hall & Wellner (1980), Biometrika 67:133-143.

    Examples
    --------
    >>> hall_wellner_spread([0.5], [0.05], 100).item()
    0.1
    """
    survival, std_error = np.asarray(survival, float), np.asarray(std_error, float)
    relative = np.divide(std_error, survival, out=np.zeros_like(survival), where=survival > 0)
    height = survival * (1 + people * relative**2) / np.sqrt(people)
    return np.where(std_error > 0, height, 0.0)
