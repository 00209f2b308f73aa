"""Who is at risk and who leaves on each day, with weights, and the step curves made of it.

Days are counted as survival analysis does: follow-up from `entry` to `day` is the interval
(entry, day], so someone who enters at the end of day 3 is first at risk on day 4. Events on a day
come before the censorings of that day. A person may have several rows, one for each interval.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError

CENSORED, EVENT, COMPETING = 0, 1, 2


@dataclass(frozen=True)
class StepCurve:
    """A right-continuous step function of days since time zero.

    Attributes
    ----------
    day
        Days at which the curve steps, ascending. Shape (steps,).
    value
        Height from each day until the next. Shape (steps,).
    start
        Height before the first step.
    """

    day: NDArray
    value: NDArray
    start: float

    def at(self, day: ArrayLike) -> NDArray:
        """Height on each `day`; of the same shape."""
        heights = np.concatenate([[self.start], self.value])
        return heights[np.searchsorted(self.day, day, side="right")]

    def area(self, until: float) -> float:
        """Area from day 0 to `until`; under a survival curve, the restricted mean in days."""
        before = self.day < until
        edges = np.concatenate([[0.0], self.day[before], [until]])
        heights = np.concatenate([[self.start], self.value[before]])
        return float(np.sum(np.diff(edges) * heights))


@dataclass(frozen=True)
class RiskSets:
    """Weighted counts on each day on which anyone's follow-up ends.

    Attributes
    ----------
    day
        Distinct days, ascending. Shape (days,).
    at_risk, events, competing
        Sums of weights: under observation on that day; ending it with the event; ending it with a
        competing event. Censorings on a day leave after that day's events. Shape (days,).
    position
        Index in `day` of each row's last day. Shape (n,).
    cause
        CENSORED, EVENT or COMPETING. Shape (n,).
    entry
        How many of `day` lie before each row's first day at risk; None if everyone is at risk from
        the beginning. Shape (n,).
    """

    day: NDArray
    at_risk: NDArray
    events: NDArray
    competing: NDArray
    position: NDArray
    cause: NDArray
    entry: NDArray | None = None

    @property
    def share(self) -> NDArray:
        """What one unit of weight is of those at risk, each day; 0 where nobody has any weight."""
        nobody = np.zeros_like(self.at_risk)
        return np.divide(1.0, self.at_risk, out=nobody, where=self.at_risk > 0)

    @property
    def hazard(self) -> NDArray:
        """Share of those at risk who leave by any cause, each day."""
        # The sums can round to a hair above 1 on the last day.
        return np.minimum((self.events + self.competing) * self.share, 1.0)

    @property
    def event_free(self) -> NDArray:
        """Probability of neither event nor competing event by each day."""
        return np.cumprod(1 - self.hazard)

    @property
    def event_free_before(self) -> NDArray:
        """The same, just before each day."""
        return np.concatenate([[1.0], self.event_free[:-1]])

    @property
    def per_survivor(self) -> NDArray:
        """One over the weight of those at risk who stay, each day; 0 where nobody stays.

        When everyone at risk leaves on a day, no weight can change what comes after: 0, not 1/0.
        """
        stay = 1 - self.hazard
        some = (stay > 1e-12) & (self.at_risk > 0)
        return np.divide(1.0, self.at_risk * stay, out=np.zeros_like(stay), where=some)


def risk_sets(
    day: ArrayLike,
    cause: ArrayLike,
    weight: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> RiskSets:
    """Count, with weights, who is at risk and who leaves on each day.

    Parameters
    ----------
    day
        Days from time zero to the end of follow-up, >= 0. Shape (n,).
    cause
        CENSORED, EVENT or COMPETING. Shape (n,).
    weight
        Balancing or censoring weights, >= 0; all one if absent. Shape (n,).
    entry
        Day at whose end each row came under observation, before `day`; if absent, everyone is at
        risk from the beginning, day 0 included. Shape (n,).

    Raises
    ------
    CohortError
        There is nobody; a day, weight or cause is missing or cannot be; an entry is not before its
        end.

    Examples
    --------
    The second person comes under observation at the end of day 1 and is at risk on day 2:

    >>> sets = risk_sets([2, 3, 1], [1, 0, 1], entry=[0, 1, 0])
    >>> sets.day.tolist(), sets.at_risk.tolist()
    ([1.0, 2.0, 3.0], [2.0, 2.0, 1.0])
    """
    day, cause = np.asarray(day, float), np.asarray(cause)
    weight = np.ones_like(day) if weight is None else np.asarray(weight, float)
    _check(day, cause, weight)
    distinct, position = _distinct(day)

    def on_each_day(amount):
        return np.bincount(position, amount, minlength=distinct.size)

    at_risk = np.cumsum(on_each_day(weight)[::-1])[::-1]
    first = None
    if entry is not None:
        first = _first_day_at_risk(distinct, day, np.asarray(entry, float))
        at_risk = _less_those_still_to_come(at_risk, weight, first, position)
    return RiskSets(
        day=distinct,
        at_risk=at_risk,
        events=on_each_day(weight * (cause == EVENT)),
        competing=on_each_day(weight * (cause == COMPETING)),
        position=position,
        cause=cause,
        entry=first,
    )


def numbers_at_risk(
    at: ArrayLike,
    day: ArrayLike,
    weight: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> NDArray:
    """Rows under observation on each day `at`, or the sum of their weights.

    Examples
    --------
    >>> numbers_at_risk([0, 2, 3], [1, 2, 4]).tolist()
    [3.0, 2.0, 1.0]
    >>> numbers_at_risk([0, 2, 3], [1, 2, 4], weight=[1, 2, 0.5]).tolist()
    [3.5, 2.5, 0.5]
    """
    at, day = np.asarray(at, float), np.asarray(day, float)
    weight = np.ones_like(day) if weight is None else np.asarray(weight, float)

    def sum_from(moment: NDArray, side: str) -> NDArray:
        order = np.argsort(moment, kind="stable")
        behind = np.concatenate([np.cumsum(weight[order][::-1])[::-1], [0.0]])
        return behind[np.searchsorted(moment[order], at, side=side)]

    still_there = sum_from(day, "left")
    if entry is None:
        return still_there
    return still_there - sum_from(np.asarray(entry, float), "left")


def _check(day: NDArray, cause: NDArray, weight: NDArray) -> None:
    if not day.size:
        raise CohortError("there is nobody to follow, so there is no curve; widen the cohort")
    if day.shape != cause.shape or day.shape != weight.shape:
        raise CohortError(
            f"days, causes and weights must be one a row, but there are {day.size}, {cause.size} "
            f"and {weight.size}"
        )
    if not (np.isfinite(day).all() and day.min() >= 0):
        raise CohortError(
            "a follow-up ends on a day that is missing, infinite or before day 0; leave these "
            "people out, or mend their days"
        )
    if not (np.isfinite(weight).all() and weight.min() >= 0 and weight.max() > 0):
        raise CohortError(
            "a weight is missing, infinite or negative, or all weights are 0; mend the weights"
        )
    if not ((cause == CENSORED) | (cause == EVENT) | (cause == COMPETING)).all():
        raise CohortError(
            f"a cause is none of {CENSORED} (censored), {EVENT} (event) and {COMPETING} "
            "(competing event); recode it"
        )


def _distinct(day: NDArray) -> tuple[NDArray, NDArray]:
    """`numpy.unique` with positions; whole days are counted, which is faster than sorting."""
    largest = day.max()
    if largest > 4 * day.size + 1000:
        return np.unique(day, return_inverse=True)
    whole = day.astype(np.int64)
    if (whole != day).any():
        return np.unique(day, return_inverse=True)
    found = np.bincount(whole) > 0
    return np.flatnonzero(found).astype(float), (np.cumsum(found) - 1)[whole]


def _first_day_at_risk(distinct: NDArray, day: NDArray, entry: NDArray) -> NDArray:
    if entry.shape != day.shape or np.isnan(entry).any() or (entry >= day).any():
        raise CohortError(
            "somebody's day of entry is missing or not before the end of follow-up, so they were "
            "never at risk; leave these rows out, or mend their days"
        )
    return np.searchsorted(distinct, entry, side="right")


def _less_those_still_to_come(
    at_risk: NDArray, weight: NDArray, first: NDArray, position: NDArray
) -> NDArray:
    size = at_risk.size + 1
    to_come = np.cumsum(np.bincount(first, weight, minlength=size)[::-1])[::-1][1:]
    # Sums of weights that cancel leave a hair; whether anyone is there is counted in whole rows.
    some = weight > 0
    arrived = np.cumsum(np.bincount(first, some, minlength=size))[:-1]
    gone = np.concatenate([[0], np.cumsum(np.bincount(position, some, minlength=size))[:-2]])
    return np.where(arrived > gone, at_risk - to_come, 0.0)
