"""A number read in each arm from everyone's weights, with one influence a person."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import PositivityError
from iop_outcomes.statistics.estimating_equations import EstimatedWeights, influence
from iop_outcomes.statistics.survival.contrasts import Estimate

NumberAndDerivative = Callable[[NDArray], tuple[float, NDArray]]


def weighted_arms(
    read: NumberAndDerivative,
    treated: ArrayLike,
    weight: ArrayLike,
    estimated: EstimatedWeights | None = None,
) -> tuple[Estimate, Estimate]:
    """One number of each arm, the treated arm's first, where people have several rows each.

    Parameters
    ----------
    read
        From a weight for everyone, zero outside an arm, the number and its derivative by each
        person's weight: mean events or expected days, made from risk sets with that weight.
    treated
        True in the intervention arm. Shape (people,).
    weight
        Balancing weights, >= 0. Shape (people,).
    estimated
        What estimating the propensity score adds; None if the weights are known.

    Raises
    ------
    PositivityError
        An arm has nobody with any weight.

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.contrasts import difference
    >>> y = np.array([3.0, 5.0, 1.0, 1.0])
    >>> def mean(weight):
    ...     value = np.average(y, weights=weight)
    ...     return value, (y - value) / weight.sum()
    >>> found = difference(*weighted_arms(mean, [True, True, False, False], np.ones(4)))
    >>> found.value, round(found.std_error(), 6)
    (3.0, 0.707107)
    """
    treated, weight = np.asarray(treated, bool), np.asarray(weight, float)
    found = []
    for arm, name in ((treated, "intervention"), (~treated, "comparator")):
        if not (weight[arm] > 0).any():
            raise PositivityError(
                f"nobody in the {name} arm has a weight above zero, so there is nothing to "
                "compare; widen eligibility or mend the weights"
            )
        value, derivative = read(np.where(arm, weight, 0.0))
        slope = np.where(arm, derivative, 0.0)
        found.append(Estimate(float(value), influence(slope, weight, estimated)))
    return found[0], found[1]
