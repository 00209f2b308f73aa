r"""Restricted mean time without the event, and time lost to it, up to a horizon.

RMST and RMTL add up to the horizon. Contrasts of two arms: `contrasts.two_arms`, then
`difference` or `log_ratio`. The variance is the sum of squared influences. With weights it is not
the number that survfit prints as se(rmean), which counts weights as people: doubling every weight
shrinks that one by the square root of two and this one not at all.
"""

from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.curves import (
    incidence_curve,
    restricted_mean,
    restricted_mean_derivative,
)
from iop_outcomes.statistics.survival.risk_sets import RiskSets

__all__ = [
    "check_horizon",
    "last_day_told",
    "restricted_mean",
    "restricted_mean_derivative",
    "time_lost",
    "time_lost_derivative",
]


def time_lost(sets: RiskSets, until: float) -> float:
    r"""Mean days lost to the event up to `until`: :math:`\int_0^\tau \hat F(t)\,dt`.

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.risk_sets import risk_sets
    >>> time_lost(risk_sets([1, 2, 4, 4], [2, 1, 0, 0]), 4)
    0.5
    """
    return incidence_curve(sets).area(until)


def time_lost_derivative(sets: RiskSets, until: float) -> NDArray:
    """Derivative of `time_lost` by each row's weight. Shape (n,)."""
    return -restricted_mean_derivative(sets, until)


def last_day_told(sets: RiskSets) -> float | None:
    """Last day up to which the curves are known; None if they are known for good.

    After the last day of follow-up nothing is known, unless everyone at risk on it left: then the
    curves stay where they are.

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.risk_sets import risk_sets
    >>> last_day_told(risk_sets([1, 3], [1, 0])), last_day_told(risk_sets([1, 3], [0, 1]))
    (3.0, None)
    """
    weighted = sets.at_risk > 0
    if (sets.hazard[weighted] >= 1 - 1e-12).any():
        return None
    return float(sets.day[weighted][-1])


def check_horizon(sets: RiskSets, until: float) -> None:
    """Refuse a horizon beyond the last day on which anyone was followed.

    Raises
    ------
    CohortError
        The horizon is not above 0, or somebody event-free is followed to an earlier day at most.
    """
    last = last_day_told(sets)
    if not until > 0:
        raise CohortError(f"the horizon is {until:g} days; it must lie after day 0")
    if last is not None and until > last:
        raise CohortError(
            f"the horizon is day {until:g} but nobody was followed beyond day {last:g}, so the "
            "mean up to it is not known; choose an earlier horizon"
        )
