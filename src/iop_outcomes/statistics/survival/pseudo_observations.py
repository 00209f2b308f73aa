r"""Pseudo-observations: what each person contributes to a curve, as if nobody were censored.

Regress them on covariates with a robust variance. Two kinds, which differ by the order of 1/n:

* leave-one-out, the definition of Andersen, Klein & Rosthøj (2003):
  :math:`n \hat\theta - (n - 1) \hat\theta_{(-i)}`; as prodlim::jackknife;
* infinitesimal: :math:`\hat\theta + n \phi_i` with the influence :math:`\phi_i`; as
  survival::pseudo.

Without censoring both are the person's own outcome.
"""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.contrasts import Derivative, Number
from iop_outcomes.statistics.survival.risk_sets import COMPETING, EVENT, RiskSets, risk_sets


class Jackknife(StrEnum):
    """Which pseudo-observations."""

    LEAVE_ONE_OUT = "leave-one-out"
    INFINITESIMAL = "infinitesimal"


def pseudo_observations(
    number: Number,
    derivative: Derivative,
    day: ArrayLike,
    cause: ArrayLike,
    until: float,
    entry: ArrayLike | None = None,
    kind: Jackknife = Jackknife.LEAVE_ONE_OUT,
) -> NDArray:
    """Pseudo-observations of a number read from risk sets at a day. Shape (n,).

    Parameters
    ----------
    number, derivative
        As in `contrasts.two_arms`; the derivative is used by the infinitesimal kind only.
    day, cause, entry
        As in `risk_sets.risk_sets`, one row a person. Shape (n,).
    until
        The day.
    kind
        Leave-one-out unless told otherwise. People alike in day, cause and entry share one
        recomputation.

    Raises
    ------
    CohortError
        There is one person only.

    References
    ----------
    Andersen, Klein & Rosthøj (2003), Biometrika 90:15-27. Parner, Andersen & Overgaard (2023),
    Scandinavian Journal of Statistics 50:1243-1265.

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.curves import (
    ...     restricted_mean, restricted_mean_derivative,
    ... )
    >>> pseudo_observations(
    ...     restricted_mean, restricted_mean_derivative, [1, 2, 3, 4], [1, 1, 1, 1], 3
    ... ).round(9).tolist()
    [1.0, 2.0, 3.0, 3.0]
    """
    sets = risk_sets(day, cause, None, entry)
    people, whole = sets.position.size, number(sets, until)
    if people < 2:
        raise CohortError("one person alone cannot be left out; pseudo-observations need two")
    if kind is Jackknife.INFINITESIMAL:
        return whole + people * derivative(sets, until)
    first = np.zeros(people, int) if sets.entry is None else sets.entry
    alike, member = np.unique(
        np.column_stack([first, sets.position, sets.cause]), axis=0, return_inverse=True
    )
    without = [number(_without(sets, *one), until) for one in alike]
    return people * whole - (people - 1) * np.array(without)[member.ravel()]


def _without(sets: RiskSets, first: int, last: int, cause: int) -> RiskSets:
    """The counts with one person fewer."""
    at_risk, events, competing = sets.at_risk.copy(), sets.events.copy(), sets.competing.copy()
    at_risk[first : last + 1] -= 1
    events[last] -= cause == EVENT
    competing[last] -= cause == COMPETING
    return RiskSets(sets.day, at_risk, events, competing, sets.position, sets.cause, sets.entry)
