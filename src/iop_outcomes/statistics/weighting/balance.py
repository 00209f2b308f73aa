"""How alike the two arms are at time zero.

Every measure takes weights, and frequencies for rows that stand for several people: a frequency
counts people, a weight does not.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import Estimand


class Denominator(StrEnum):
    """Whose standard deviation a difference in means is divided by."""

    POOLED = "pooled"  # root of the mean of the arms' variances, unweighted
    INTERVENTION = "intervention"  # of the intervention arm, unweighted
    COMPARATOR = "comparator"  # of the comparator arm, unweighted
    EVERYONE = "everyone"  # of both arms as one sample, unweighted
    WEIGHTED = "weighted"  # of both arms as one sample, weighted


# The custom of cobalt: the ruler belongs to the population whose effect is averaged.
DENOMINATOR: dict[Estimand, Denominator] = {
    Estimand.ATE: Denominator.POOLED,
    Estimand.ATT: Denominator.INTERVENTION,
    Estimand.ATC: Denominator.COMPARATOR,
    Estimand.ATO: Denominator.WEIGHTED,
    Estimand.ATM: Denominator.WEIGHTED,
}


@dataclass(frozen=True)
class GroupBalance:
    """Standardized mean differences within groups.

    Attributes
    ----------
    group
        Groups in which both arms have people, sorted. Shape (groups,).
    difference
        One per group. Shape (groups,).
    one_armed
        Groups without people in one of the arms, where nothing can be compared.
    """

    group: NDArray
    difference: NDArray
    one_armed: NDArray


@dataclass(frozen=True)
class _Sample:
    """A covariate with its arms, weights and frequencies, all sound."""

    value: NDArray
    treated: NDArray
    weight: NDArray
    people: NDArray

    @property
    def binary(self) -> bool:
        return bool(((self.value == 0) | (self.value == 1)).all())

    @property
    def arms(self) -> tuple[NDArray, NDArray]:
        return self.treated, ~self.treated

    def share(self, who: NDArray) -> NDArray:
        """Each row's share of the weight of some people. Sums to 1."""
        mass = (self.weight * self.people)[who]
        return mass / mass.sum()

    def mean(self, who: NDArray) -> float:
        return float(self.share(who) @ self.value[who])

    def variance(self, who: NDArray, weighted: bool) -> float:
        """p(1 - p) of a binary column, else the unbiased variance; 0 for someone alone."""
        value, people = self.value[who], self.people[who]
        mass = people * self.weight[who] if weighted else people
        mean = mass @ value / mass.sum()
        if self.binary:
            return float(mean * (1 - mean))
        # For weights, sum(w)^2 - sum(w^2) over sum(w) is what n - 1 is without them.
        squares = people @ self.weight[who] ** 2 if weighted else mass.sum()
        freedom = mass.sum() - squares / mass.sum()
        spread = mass @ (value - mean) ** 2
        return float(spread / freedom) if freedom > 1e-12 * mass.sum() else 0.0


def _sample(
    value: ArrayLike,
    treated: ArrayLike,
    weight: ArrayLike | None,
    frequency: ArrayLike | None,
) -> _Sample:
    value, treated = np.asarray(value, float), np.asarray(treated, bool)
    weight = np.ones_like(value) if weight is None else np.asarray(weight, float)
    people = np.ones_like(value) if frequency is None else np.asarray(frequency, float)
    if not value.shape == treated.shape == weight.shape == people.shape or value.ndim != 1:
        raise CohortError(
            "covariate, arm, weight and frequency differ in length; give one number per person or "
            "pattern in each"
        )
    mass = weight * people
    if not (np.isfinite(value).all() and np.isfinite(mass).all() and (mass >= 0).all()):
        raise CohortError(
            "balance needs finite covariates and weights that are not negative; leave out who has "
            "a missing value, or make missing a level of its own"
        )
    if not (mass[treated].sum() > 0 and mass[~treated].sum() > 0):
        raise CohortError("an arm has no people with a weight above 0, so it cannot be compared")
    return _Sample(value, treated, weight, people)


def standardized_mean_difference(
    value: ArrayLike,
    treated: ArrayLike,
    weight: ArrayLike | None = None,
    denominator: Denominator = Denominator.POOLED,
    frequency: ArrayLike | None = None,
    ruler_weight: ArrayLike | None = None,
) -> float:
    """Weighted difference in means over a standard deviation.

    The same ruler measures before and after: all denominators but the weighted one ignore the
    weights, and that one takes `ruler_weight`. A column of zeros and ones has variance p(1 - p);
    any other column divides by n - 1. With `DENOMINATOR[estimand]` this is cobalt's convention
    with `binary="std"`. The covariate may be a prognostic score.

    Parameters
    ----------
    value
        A covariate, the indicator of one of its levels, or a score. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    weight
        Balancing weights; all one if absent. Shape (n,).
    denominator
        Whose standard deviation.
    frequency
        People who share each row; 1 if absent. Shape (n,).
    ruler_weight
        Weights of the weighted denominator, where they are not those of the means: the balancing
        weights, for the difference before weighting. `weight` if absent. Shape (n,).

    Returns
    -------
    float
        Intervention minus comparator, in standard deviations; 0 for a constant column.

    Raises
    ------
    CohortError
        A value is missing, an arm is empty, or the arms differ and the denominator is 0.

    References
    ----------
    Austin (2009), Statistics in Medicine 28:3083-3107. Stuart, Lee & Leacy (2013), Journal of
    Clinical Epidemiology 66:S84-S90, on prognostic scores.

    Examples
    --------
    >>> round(standardized_mean_difference([1, 3, 0, 2], [True, True, False, False]), 6)
    0.707107
    """
    sample = _sample(value, treated, weight, frequency)
    difference = sample.mean(sample.treated) - sample.mean(~sample.treated)
    if ruler_weight is not None:
        sample = _sample(value, treated, ruler_weight, frequency)
    return _standardized(difference, sample, denominator)


def mean_difference(
    value: ArrayLike,
    treated: ArrayLike,
    weight: ArrayLike | None = None,
    frequency: ArrayLike | None = None,
) -> float:
    """Weighted difference in means, or for an indicator in shares: cobalt's `binary="raw"`.

    Examples
    --------
    >>> mean_difference([1, 0, 0, 0], [True, True, False, False])
    0.5
    """
    sample = _sample(value, treated, weight, frequency)
    return sample.mean(sample.treated) - sample.mean(~sample.treated)


def differences_by_group(
    value: ArrayLike,
    treated: ArrayLike,
    group: ArrayLike,
    weight: ArrayLike | None = None,
    denominator: Denominator = Denominator.POOLED,
    frequency: ArrayLike | None = None,
    ruler_weight: ArrayLike | None = None,
) -> GroupBalance:
    """Standardized mean differences within each group, each by its own standard deviations.

    Balance on the whole can hide imbalances that cancel between groups.

    Parameters
    ----------
    group
        Code or name of each person's group. Shape (n,).
    value, treated, weight, denominator, frequency, ruler_weight
        As for `standardized_mean_difference`.

    Examples
    --------
    >>> arm = [True, False, True, False, True]
    >>> found = differences_by_group([1, 1, 0, 0, 1], arm, ["a", "a", "b", "b", "c"])
    >>> found.group.tolist(), found.difference.tolist(), found.one_armed.tolist()
    (['a', 'b'], [0.0, 0.0], ['c'])
    """
    sample, group = _sample(value, treated, weight, frequency), np.asarray(group)
    names, member = np.unique(group, return_inverse=True)
    mass = sample.weight * sample.people
    ruler = sample.weight if ruler_weight is None else np.asarray(ruler_weight, float)
    arms = [np.bincount(member[arm], mass[arm], names.size) > 0 for arm in sample.arms]
    both = arms[0] & arms[1]
    differences = [
        standardized_mean_difference(
            sample.value[here], sample.treated[here], sample.weight[here], denominator,
            sample.people[here], ruler[here],
        )
        for here in (member == code for code in np.flatnonzero(both))
    ]  # fmt: skip
    return GroupBalance(names[both], np.array(differences), names[~both])


def variance_ratio(
    value: ArrayLike,
    treated: ArrayLike,
    weight: ArrayLike | None = None,
    frequency: ArrayLike | None = None,
) -> float:
    """Weighted variance in the intervention arm over that in the comparator arm.

    For an indicator it says nothing that the shares do not; cobalt leaves it out.

    Raises
    ------
    CohortError
        The covariate does not vary in the comparator arm.

    Examples
    --------
    >>> variance_ratio([0, 4, 1, 3], [True, True, False, False])
    4.0
    """
    sample = _sample(value, treated, weight, frequency)
    one, other = (sample.variance(arm, weighted=True) for arm in sample.arms)
    if not other > 0:
        raise CohortError(
            "the covariate does not vary in the comparator arm, so there is no ratio of variances; "
            "compare its means"
        )
    return one / other


def _standardized(difference: float, sample: _Sample, denominator: Denominator) -> float:
    everyone = np.ones(sample.value.size, bool)
    who = {
        Denominator.POOLED: sample.arms,
        Denominator.INTERVENTION: sample.arms[:1],
        Denominator.COMPARATOR: sample.arms[1:],
        Denominator.EVERYONE: (everyone,),
        Denominator.WEIGHTED: (everyone,),
    }[denominator]
    weighted = denominator is Denominator.WEIGHTED
    spread = np.sqrt(np.mean([sample.variance(some, weighted) for some in who]))
    size = np.abs(sample.value).max()
    if spread > 1e-12 * size:
        return float(difference / spread)
    if abs(difference) <= 1e-12 * size:
        return 0.0
    raise CohortError(
        f"the covariate does not vary where the standard deviation is taken ({denominator}), and "
        "yet the arms differ in it; use the pooled denominator, or look at the difference itself"
    )
