"""Limits where an arm has nobody, or everybody, with the outcome.

The spread seen in such an arm is 0, which says that it is small and not that it is none: of ten
people without a relapse nobody knows that the risk is 0.
"""

import numpy as np
from numpy.typing import NDArray


def all_or_none(risk: float, tolerance: float = 1e-12) -> bool:
    """Whether a risk is 0 or 1, but for the rounding of a sum of weights."""
    return not tolerance < risk < 1 - tolerance


def all_or_none_limits(risk: float, n: float, level: float) -> tuple[float, float]:
    r"""Clopper-Pearson limits of a risk of 0 or of 1.

    .. math:: 1 - (\alpha/2)^{1/n} \text{ above 0, and } (\alpha/2)^{1/n} \text{ below 1}

    Parameters
    ----------
    risk
        0 or 1.
    n
        People, or the effective number of them; not necessarily whole.
    level
        Of the two-sided interval.

    References
    ----------
    Clopper and Pearson (1934), Biometrika 26:404-413.

    Examples
    --------
    >>> low, high = all_or_none_limits(0.0, 10, 0.95)
    >>> low, round(high, 4)
    (0.0, 0.3085)
    """
    tail = float(((1 - level) / 2) ** (1 / n))
    return (0.0, 1 - tail) if risk < 0.5 else (tail, 1.0)


def difference_limits(risks: NDArray, lower: NDArray, upper: NDArray) -> tuple[float, float]:
    r"""Limits of a difference of two risks from the limits of each (MOVER, square-and-add).

    .. math:: d - \sqrt{(p_1 - l_1)^2 + (u_0 - p_0)^2}, \quad
              d + \sqrt{(u_1 - p_1)^2 + (p_0 - l_0)^2}

    Parameters
    ----------
    risks, lower, upper
        Of both arms, the one that is subtracted last. Shape (2,).

    References
    ----------
    Newcombe (1998), Statistics in Medicine 17:873-890; Zou and Donner (2008), Statistics in
    Medicine 27:1693-1702.

    Examples
    --------
    >>> low, high = difference_limits([0.0, 0.0], [0.0, 0.0], [0.3, 0.3])
    >>> round(low, 3), round(high, 3)
    (-0.3, 0.3)
    """
    (one, other), (low, other_low), (high, other_high) = risks, lower, upper
    difference = one - other
    return (
        float(difference - np.hypot(one - low, other_high - other)),
        float(difference + np.hypot(high - one, other - other_low)),
    )
