"""Three acts against extreme weights, each with its own name.

Trimming drops people whose propensity score is extreme, and with them changes whose effect is
estimated: fit the propensity score again on those who stay. Truncation caps weights at a value
fixed beforehand; winsorizing caps them at their own quantiles. Both keep everyone and let some
confounding back in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.estimating_equations import EstimatedWeights


@dataclass(frozen=True)
class Trimming:
    """Who stays.

    Attributes
    ----------
    kept
        True for those whose propensity score lies within the bounds. Shape (n,).
    low, high
        The bounds; both belong to the range that is kept.
    """

    kept: NDArray
    low: float
    high: float


@dataclass(frozen=True)
class LimitedWeights:
    """Weights after truncation or winsorizing.

    Attributes
    ----------
    weight
        Shape (n,).
    limited
        True for those whose weight was changed. Shape (n,).
    low, high
        The least and the largest weight allowed; `low` is 0 where only large ones are limited.
    """

    weight: NDArray
    limited: NDArray
    low: float
    high: float

    def estimated(self, weights: EstimatedWeights) -> EstimatedWeights:
        """What the propensity model still adds to uncertainty: a capped weight no longer moves.

        The cap is taken as given. For truncation it is; a quantile moves a little with the model.

        Examples
        --------
        >>> known = EstimatedWeights(np.ones((2, 1)), np.ones((2, 1)))
        >>> truncate_weights([1, 30], 10).estimated(known).gradient.ravel()
        array([1., 0.])
        """
        return EstimatedWeights(weights.gradient * ~self.limited[:, None], weights.influence)


def trim_symmetrically(treated: ArrayLike, propensity: ArrayLike, least: float) -> Trimming:
    """Drop everyone whose propensity score lies below `least` or above 1 - `least`.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    propensity
        Shape (n,).
    least
        The smallest score kept, at least 0 and below one half; 0.1 is the rule of thumb.

    Raises
    ------
    CohortError
        `least` is no such number.
    PositivityError
        An arm is left empty, or a score is 0, 1 or missing.

    References
    ----------
    Crump, Hotz, Imbens & Mitnik (2009), Biometrika 96:187-199.

    Examples
    --------
    >>> trim_symmetrically([1, 0, 1, 0], [0.5, 0.05, 0.95, 0.9], 0.1).kept
    array([ True, False, False,  True])
    """
    if not 0 <= least < 0.5:
        raise CohortError(
            "the smallest propensity score to keep has to be at least 0 and below 0.5; 0.1 is usual"
        )
    treated, e = np.asarray(treated, bool), _scores(propensity)
    rounding = 1e-12  # 1 - 0.1 and 0.9 are one bound
    kept = (e >= least - rounding) & (e <= 1 - least + rounding)
    if not (kept & treated).any() or not (kept & ~treated).any():
        raise PositivityError(
            f"trimming at {least:.3g} leaves an arm without people: the arms hardly overlap; trim "
            "less, or narrow eligibility to people who could have entered either arm"
        )
    return Trimming(kept, float(least), float(1 - least))


def trim_for_precision(
    treated: ArrayLike, propensity: ArrayLike, frequency: ArrayLike | None = None
) -> Trimming:
    r"""Drop those whose scores cost the ATE more precision than they bring (Crump's rule).

    Of all bounds, keeps scores in the :math:`[\alpha, 1 - \alpha]` that makes the sum of
    :math:`1 / (e(1-e))` over the square of the number of people least. There

    .. math:: \frac{1}{\alpha(1-\alpha)} = 2 \, E\left[ \frac{1}{e(1-e)} \,\Big|\,
        \frac{1}{e(1-e)} \le \frac{1}{\alpha(1-\alpha)} \right]

    which in a sample may have several solutions, and the best one is taken. Everyone is kept if
    the largest 1/(e(1 - e)) is at most twice their mean.

    Parameters
    ----------
    treated, propensity
        As for `trim_symmetrically`.
    frequency
        People who share each row; 1 if absent. Shape (n,).

    Raises
    ------
    PositivityError
        An arm is left empty, or a score is 0, 1 or missing.

    References
    ----------
    Crump, Hotz, Imbens & Mitnik (2009), Biometrika 96:187-199, Theorem 1 with equal variances.

    Examples
    --------
    >>> trim_for_precision([1, 0, 1, 0], [0.5, 0.5, 0.4, 0.01]).kept
    array([ True,  True,  True, False])
    """
    e = _scores(propensity)
    people = np.ones_like(e) if frequency is None else np.asarray(frequency, float)
    cost = 1 / (e * (1 - e))
    order = np.argsort(cost, kind="stable")
    total, size = np.cumsum((people * cost)[order]), np.cumsum(people[order])
    if cost.max() <= 2 * total[-1] / size[-1]:
        return trim_symmetrically(treated, e, 0.0)
    # Between two neighbouring costs the mean stands still, so each solution is twice a mean.
    bound, above = 2 * total / size, np.append(cost[order][1:], np.inf)
    solutions = np.flatnonzero((bound < above) & (bound >= cost[order]))
    best = solutions[np.argmin((total / size**2)[solutions])]
    return trim_symmetrically(treated, e, float(0.5 - np.sqrt(0.25 - 1 / bound[best])))


def truncate_weights(weight: ArrayLike, largest: float) -> LimitedWeights:
    """Cap weights at a value fixed beforehand.

    Parameters
    ----------
    weight
        Usually stabilized, since a fixed value means nothing without a scale. Shape (n,).
    largest
        The cap; 10 for stabilized weights is the custom of HADES.

    Raises
    ------
    CohortError
        The cap is not above 0.

    Examples
    --------
    >>> truncate_weights([1, 30, 10], 10).weight
    array([ 1., 10., 10.])
    """
    if not largest > 0:
        raise CohortError("weights can only be truncated at a value above 0; 10 is usual")
    weight = _weights(weight)
    return LimitedWeights(np.minimum(weight, largest), weight > largest, 0.0, float(largest))


def winsorize_weights(
    weight: ArrayLike,
    share: float = 0.99,
    both_tails: bool = False,
    frequency: ArrayLike | None = None,
    among: ArrayLike | None = None,
) -> LimitedWeights:
    """Set weights beyond a quantile to that quantile, which is one of the weights.

    The quantile is the weight of the person whose place in the order is nearest to n times the
    share (R's type 3; of two equally near places the even one), over both arms together:
    WeightIt::trim(weight, at=share, lower=both_tails).

    Parameters
    ----------
    weight
        Shape (n,).
    share
        Of people whose weights stay below the cap, between one half and 1.
    both_tails
        Whether small weights are raised to the quantile 1 - share as well.
    frequency
        People who share each row, in whole numbers; 1 if absent. Shape (n,).
    among
        True for those whose weights are looked at and limited; for the ATT WeightIt spares the
        intervention arm, whose weights are all 1. Everyone if absent. Shape (n,).

    Raises
    ------
    CohortError
        The share is no such number, or nobody is looked at.

    References
    ----------
    Hyndman & Fan (1996), American Statistician 50:361-365. Cole & Hernan (2008), American Journal
    of Epidemiology 168:656-664.

    Examples
    --------
    >>> winsorize_weights([1, 2, 3, 100], share=0.75).weight
    array([1., 2., 3., 3.])
    """
    weight = _weights(weight)
    people = np.ones_like(weight) if frequency is None else np.asarray(frequency, float)
    looked_at = np.ones(weight.size, bool) if among is None else np.asarray(among, bool)
    if not 0.5 < share < 1 or not people[looked_at].sum() > 0:
        raise CohortError(
            "weights are winsorized at a share between 0.5 and 1 of at least one person; 0.99 is "
            "usual"
        )
    high = _nearest(weight[looked_at], people[looked_at], share)
    low = _nearest(weight[looked_at], people[looked_at], 1 - share) if both_tails else 0.0
    limited = looked_at & ((weight > high) | (weight < low))
    return LimitedWeights(np.where(limited, np.clip(weight, low, high), weight), limited, low, high)


def _scores(propensity: ArrayLike) -> NDArray:
    e = np.asarray(propensity, float)
    if not ((e > 0) & (e < 1)).all():
        raise PositivityError(
            "propensity scores have to lie between 0 and 1; fit them to people who could have "
            "entered either arm"
        )
    return e


def _weights(weight: ArrayLike) -> NDArray:
    weight = np.asarray(weight, float)
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise CohortError(
            "weights have to be finite and not negative before they are limited; look at where "
            "they come from"
        )
    return weight


def _nearest(weight: NDArray, people: NDArray, share: float) -> float:
    """Quantile of type 3: the weight of the person nearest to place n times share."""
    order = np.argsort(weight, kind="stable")
    until = np.cumsum(people[order])
    place = until[-1] * share
    # R's guard against a product a rounding error away from a half.
    fuzz = 4 * np.finfo(float).eps * max(1.0, abs(place))
    below = np.floor(place - 0.5 + fuzz)
    rest = place - 0.5 - below
    at_half = abs(rest) <= fuzz and below % 2 == 0
    rank = min(max(below if at_half else below + 1, 1.0), until[-1])
    return float(weight[order][np.searchsorted(until, rank - 0.5)])
