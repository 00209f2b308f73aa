"""Relapse that is known to lie between two tests: the curve without a model.

Someone tested on scheduled days is known to have relapsed after the last clean test and by the
first positive one: in (left, right]. Whoever is clean at the last test has right = inf. A day of
relapse that is known exactly has left = right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError


@dataclass(frozen=True)
class IntervalMasses:
    """Probability of the event in each innermost interval; elsewhere it cannot be.

    Attributes
    ----------
    left, right
        Intervals (left, right], or one day where left = right. Ascending. Shape (intervals,).
    mass
        Probability, > 0; the data do not say where within the interval it lies. (intervals,).
    log_likelihood
        Weighted, at its maximum.
    """

    left: NDArray
    right: NDArray
    mass: NDArray
    log_likelihood: float

    def survival_bounds(self, day: ArrayLike) -> tuple[NDArray, NDArray]:
        """Lowest and highest probability of no event by each `day` that fit the data equally.

        The two agree except within an innermost interval, where nobody was tested.

        Examples
        --------
        >>> masses = turnbull([0, 7, 14], [7, 14, np.inf])
        >>> low, high = masses.survival_bounds([7, 10, 14])
        >>> low.round(6).tolist(), high.round(6).tolist()
        ([0.666667, 0.333333, 0.333333], [0.666667, 0.666667, 0.333333])
        """
        day = np.asarray(day, float)
        surely = np.concatenate([[0.0], np.cumsum(self.mass)])[
            np.searchsorted(self.right, day, side="right")
        ]
        exact = self.left == self.right
        # An exact day begins with itself; an interval just after its left end.
        begun = (self.left[:, None] < day.ravel()) | (
            exact[:, None] & (self.left[:, None] <= day.ravel())
        )
        perhaps = (self.mass @ begun).reshape(day.shape)
        return 1 - perhaps, 1 - surely


def turnbull(left: ArrayLike, right: ArrayLike, weight: ArrayLike | None = None) -> IntervalMasses:
    r"""Maximum-likelihood distribution of a day known by intervals only.

    All mass lies in innermost intervals, those that begin at a left end and end at the next right
    end. The masses maximise :math:`\sum_i w_i \log \sum_{j \subset i} p_j`, found by a sequence of
    non-negative least squares and a line search until the slope of no mass is above 1 by more than
    1e-10. There is no standard error of the usual kind, as the curve converges at the cube root of
    the number of people; use a bootstrap.

    Parameters
    ----------
    left, right
        Ends of (left, right]; equal where the day is known, right = inf where it is only known to
        be later. Shape (n,).
    weight
        Weights, >= 0; all one if absent. Shape (n,).

    Raises
    ------
    CohortError
        There is nobody, or an interval ends before it begins.

    References
    ----------
    Turnbull (1976), JRSS B 38:290-295. Wang (2007), JRSS B 69:185-198.

    Examples
    --------
    Relapses in the first and in the second week; the third overlaps both:

    >>> masses = turnbull([0, 7, 0], [7, 14, 14])
    >>> masses.right.tolist(), masses.mass.round(9).tolist()
    ([7.0, 14.0], [0.5, 0.5])
    """
    left, right, weight = _checked(left, right, weight)
    inner_left, inner_right = innermost_intervals(left, right)
    # People with the same interval are counted together.
    pairs, who = np.unique(np.column_stack([left, right]), axis=0, return_inverse=True)
    total = np.bincount(who, weight)
    inside = (pairs[:, :1] <= inner_left) & (inner_right <= pairs[:, 1:])
    # A day known exactly lies in (left, right] only if it is after left.
    exact = inner_left == inner_right
    inside &= ~(exact & (pairs[:, :1] == inner_left) & (pairs[:, :1] < pairs[:, 1:]))
    mass, height = _maximum(inside.astype(float), total)
    kept = mass > 0
    return IntervalMasses(inner_left[kept], inner_right[kept], mass[kept], height)


def innermost_intervals(left: ArrayLike, right: ArrayLike) -> tuple[NDArray, NDArray]:
    """Intervals that begin at a left end and end at the next right end, with no other between.

    Examples
    --------
    >>> innermost_intervals([0, 3, 3], [7, 14, 3])
    (array([3., 3.]), array([3., 7.]))
    """
    left, right = np.asarray(left, float), np.asarray(right, float)
    exact = left == right
    # On one day: a known day begins, known days and intervals end, then intervals begin after it.
    value = np.concatenate([left, right])
    kind = np.concatenate([np.where(exact, 0, 2), np.ones_like(right)])
    order = np.lexsort((kind, value))
    value, begins = value[order], (kind[order] != 1)
    found = np.flatnonzero(begins[:-1] & ~begins[1:])
    return value[found], value[found + 1]


def _checked(
    left: ArrayLike, right: ArrayLike, weight: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray]:
    left, right = np.asarray(left, float), np.asarray(right, float)
    weight = np.ones(left.shape) if weight is None else np.asarray(weight, float)
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise CohortError("a weight is negative or not a number; mend the weights")
    counted = weight > 0
    left, right, weight = left[counted], right[counted], weight[counted]
    if not left.size:
        raise CohortError("nobody was ever tested; widen eligibility")
    if not (np.isfinite(left).all() and (right >= left).all()):
        raise CohortError(
            "the first positive test is missing or comes before the last clean one; order the "
            "tests, and let right be inf where none was positive"
        )
    return left, right, weight


def _maximum(inside: NDArray, total: NDArray) -> tuple[NDArray, float]:
    """Masses that maximise sum of total * log(inside @ mass), by constrained Newton steps."""
    from scipy.optimize import nnls

    total_weight = total.sum()
    share = total / total_weight
    mass = np.full(inside.shape[1], 1 / inside.shape[1])
    height = share @ np.log(inside @ mass)
    for _ in range(500):
        ratio = inside / (inside @ mass)[:, None]
        slope = share @ ratio
        if slope.max() - 1 < 1e-10 and (slope[mass > 0] > 1 - 1e-7).all():
            break
        # Quadratic in the new masses, with their sum held at 1 by a heavy extra row.
        root = np.sqrt(share)[:, None]
        heavy = np.full((1, mass.size), 1e3)
        found, _ = nnls(
            np.vstack([root * ratio, heavy]), np.concatenate([2 * root[:, 0], [1e3]]),
            maxiter=100 * mass.size,
        )  # fmt: skip
        direction, step = found / found.sum() - mass, 1.0
        while step > 1e-12:
            tried = mass + step * direction
            chance = inside @ tried
            if (chance > 0).all() and share @ np.log(chance) >= height:
                break
            step /= 2
        else:
            break
        mass, height = tried, share @ np.log(chance)
    # Self-consistency: one step of EM leaves a maximum where it is and cleans rounding.
    mass = mass * (share @ (inside / (inside @ mass)[:, None]))
    mass = np.where(mass > 1e-9, mass, 0.0)
    mass /= mass.sum()
    return mass, float(total @ np.log(inside @ mass))
