"""How alike the two arms are at time zero."""

import numpy as np
from numpy.typing import ArrayLike


def standardized_mean_difference(
    value: ArrayLike, treated: ArrayLike, weight: ArrayLike | None = None
) -> float:
    """Weighted difference in means over the unweighted pooled standard deviation.

    The denominator ignores the weights, so the same ruler measures before and after. A column of
    zeros and ones has variance p(1 - p); any other column divides by n - 1. This is cobalt's
    convention for the ATE with `binary="std"`.

    Parameters
    ----------
    value
        A covariate, or the indicator of one of its levels. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    weight
        Balancing weights; all one if absent. Shape (n,).

    Returns
    -------
    float
        Intervention minus comparator, in standard deviations; 0 for a constant column.

    References
    ----------
    Austin (2009), Statistics in Medicine 28:3083-3107.

    Examples
    --------
    >>> round(standardized_mean_difference([1, 3, 0, 2], [True, True, False, False]), 6)
    0.707107
    """
    value, treated = np.asarray(value, float), np.asarray(treated, bool)
    weight = np.ones_like(value) if weight is None else np.asarray(weight, float)
    mean = [np.average(value[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    ddof = 0 if np.isin(value, (0.0, 1.0)).all() else 1
    # Someone alone in an arm shows no spread.
    variance = [
        value[arm].var(ddof=ddof) if arm.sum() > ddof else 0.0 for arm in (treated, ~treated)
    ]
    spread = np.sqrt(np.mean(variance))
    return float((mean[0] - mean[1]) / spread) if spread > 0 else 0.0
