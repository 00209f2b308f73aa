"""Two arms read from their curves: differences and ratios with one influence a person."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import EstimatedWeights, influence, uncertainty
from iop_outcomes.statistics.survival.risk_sets import RiskSets, risk_sets

Number = Callable[[RiskSets, float], float]
Derivative = Callable[[RiskSets, float], NDArray]


@dataclass(frozen=True)
class Estimate:
    """A number and how far each person moves it.

    Attributes
    ----------
    value
        The estimate.
    influence
        Of each person. Shape (people,).
    """

    value: float
    influence: NDArray

    def std_error(self, cluster: NDArray | None = None) -> float:
        """Sandwich standard error; see `estimating_equations.uncertainty`."""
        return uncertainty(self.influence, 0.95, cluster).std_error

    def interval(
        self, confidence_level: float = 0.95, cluster: NDArray | None = None
    ) -> tuple[float, float]:
        """Value less and plus the half-width: normal, or Student's with clusters."""
        found = uncertainty(self.influence, confidence_level, cluster)
        half = found.critical * found.std_error
        return self.value - half, self.value + half


def difference(first: Estimate, second: Estimate) -> Estimate:
    """First minus second; people who are in both count once.

    Examples
    --------
    >>> one, other = Estimate(0.5, np.array([0.1, 0.0])), Estimate(0.2, np.array([0.0, 0.1]))
    >>> round(difference(one, other).value, 12), difference(one, other).influence.tolist()
    (0.3, [0.1, -0.1])
    """
    return Estimate(first.value - second.value, first.influence - second.influence)


def log_ratio(first: Estimate, second: Estimate) -> Estimate:
    """Logarithm of first over second, by the delta method.

    Raises
    ------
    CohortError
        One of them is not above 0.

    Examples
    --------
    >>> one, other = Estimate(0.5, np.array([0.1, 0.0])), Estimate(0.25, np.array([0.0, 0.1]))
    >>> round(log_ratio(one, other).value, 6), log_ratio(one, other).influence.tolist()
    (0.693147, [0.2, -0.4])
    """
    if not (first.value > 0 and second.value > 0):
        raise CohortError(
            "one of the two numbers is 0, so their ratio is not a number; read the difference, or "
            "a later day"
        )
    return Estimate(
        float(np.log(first.value / second.value)),
        first.influence / first.value - second.influence / second.value,
    )


def two_arms(
    number: Number,
    derivative: Derivative,
    treated: ArrayLike,
    day: ArrayLike,
    cause: ArrayLike,
    until: float,
    weight: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    estimated: EstimatedWeights | None = None,
) -> tuple[Estimate, Estimate]:
    """One number of each arm's risk sets, the treated arm's first.

    Parameters
    ----------
    number, derivative
        A number read from risk sets at a day, and its derivative by each row's weight:
        `survival.restricted_mean` and `survival.restricted_mean_derivative`,
        `restricted_means.time_lost` and `time_lost_derivative`, `competing_risks.incidence_at`
        and `survival.incidence_derivative`, `competing_risks.event_free_at` and
        `survival.event_free_derivative`.
    treated
        True in the intervention arm. Shape (people,).
    day, cause, weight, entry
        As in `risk_sets.risk_sets`, one row a person. Shape (people,).
    until
        The day.
    estimated
        What estimating the propensity score adds; None if the weights are known.

    Raises
    ------
    CohortError
        An arm is empty.

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.curves import (
    ...     restricted_mean, restricted_mean_derivative,
    ... )
    >>> one, other = two_arms(
    ...     restricted_mean, restricted_mean_derivative, [True, True, False, False],
    ...     [2, 4, 1, 2], [1, 0, 1, 1], until=4,
    ... )
    >>> difference(one, other).value
    1.5
    """
    treated, day, cause = np.asarray(treated, bool), np.asarray(day, float), np.asarray(cause)
    weight = np.ones_like(day) if weight is None else np.asarray(weight, float)
    found = []
    for arm in (treated, ~treated):
        if not arm.any():
            raise CohortError("one arm has nobody in it, so nothing can be compared")
        came = None if entry is None else np.asarray(entry, float)[arm]
        sets = risk_sets(day[arm], cause[arm], weight[arm], came)
        slope = np.zeros(day.size)
        slope[arm] = derivative(sets, until)
        found.append(Estimate(number(sets, until), influence(slope, weight, estimated)))
    return found[0], found[1]
