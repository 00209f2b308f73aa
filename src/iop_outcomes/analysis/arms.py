"""The two arms of one outcome as weighted risk sets, side by side."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.statistics.survival import (
    CENSORED,
    COMPETING,
    EVENT,
    RiskSets,
    StepCurve,
    incidence_curve,
    incidence_derivative,
    quantile_day,
    restricted_mean,
    restricted_mean_derivative,
    risk_sets,
)
from iop_outcomes.statistics.weights import effective_sample_size
from iop_outcomes.vocabulary import Arm, Status

CAUSE = {
    Status.EVENT: EVENT,
    Status.COMPETING: COMPETING,
    Status.CENSORED: CENSORED,
    Status.NO_EVENT: CENSORED,
}
AT_EXIT = 1.0  # outcomes read at exit have one day, on which everybody leaves


def reading_days(horizon_days: int) -> NDArray:
    """Even days from time zero to the horizon on which numbers at risk are told.

    Examples
    --------
    >>> reading_days(90)
    array([ 0, 15, 30, 45, 60, 75, 90])
    """
    return np.round(np.linspace(0, horizon_days, 7)).astype(int)


@dataclass(frozen=True)
class ArmsAtRisk:
    """Two sets of risk sets; a derivative has an entry for everyone, 0 outside the arm.

    Attributes
    ----------
    horizon
        Day at which risks are read.
    members
        Row numbers of each arm's people whose outcome is known.
    missing
        People of each arm whose outcome is not known.
    sets, weight, day, cause
        Of the members, by arm.
    size
        People in both arms, missing ones included.
    """

    horizon: float
    members: dict[Arm, NDArray]
    missing: dict[Arm, int]
    sets: dict[Arm, RiskSets]
    weight: dict[Arm, NDArray]
    day: dict[Arm, NDArray]
    cause: dict[Arm, NDArray]
    size: int

    def people(self, arm: Arm) -> int:
        """People whose outcome is known."""
        return self.members[arm].size

    def effective(self, arm: Arm) -> float:
        """Their effective number."""
        return effective_sample_size(self.weight[arm])

    def risk(self, arm: Arm, until: float) -> float:
        """Cumulative incidence by day `until`."""
        return float(incidence_curve(self.sets[arm]).at(until))

    def restricted_mean(self, arm: Arm, until: float) -> float:
        """Mean days before the event up to day `until`; a competing event counts as never."""
        return restricted_mean(self.sets[arm], until)

    def risk_derivative(self, arm: Arm, until: float) -> NDArray:
        """Derivative of `risk` by everyone's weight. Shape (size,)."""
        return self._spread(arm, incidence_derivative(self.sets[arm], until))

    def restricted_mean_derivative(self, arm: Arm, until: float) -> NDArray:
        """Derivative of `restricted_mean` by everyone's weight. Shape (size,)."""
        return self._spread(arm, restricted_mean_derivative(self.sets[arm], until))

    def _spread(self, arm: Arm, derivative: NDArray) -> NDArray:
        whole = np.zeros(self.size)
        whole[self.members[arm]] = derivative
        return whole

    def median_days(self, arm: Arm) -> float:
        """Day by which half had the event; nan if that is never reached."""
        curve = incidence_curve(self.sets[arm])
        median = quantile_day(StepCurve(curve.day, 1 - curve.value, start=1.0), 0.5)
        return np.nan if median is None else median

    def event_days(self, arm: Arm) -> NDArray:
        """Distinct days of events up to the horizon."""
        day = self.day[arm]
        return np.unique(day[(self.cause[arm] == EVENT) & (day <= self.horizon)])

    def at_risk_and_events(self, arm: Arm, days: NDArray) -> tuple[NDArray, NDArray]:
        """People observed up to each day or longer, and people with the event by then."""
        everyone = np.sort(self.day[arm])
        events = np.sort(self.day[arm][self.cause[arm] == EVENT])
        at_risk = everyone.size - np.searchsorted(everyone, days, side="left")
        return at_risk, np.searchsorted(events, days, side="right")

    def counts(self, arm: Arm) -> dict[str, int]:
        """People by how their follow-up stood at the horizon."""
        by_then = self.day[arm] <= self.horizon
        cause = self.cause[arm]
        return {
            "people": self.people(arm),
            "missing": self.missing[arm],
            "events": int((by_then & (cause == EVENT)).sum()),
            "competing": int((by_then & (cause == COMPETING)).sum()),
            "censored": int(((self.day[arm] < self.horizon) & (cause == CENSORED)).sum()),
        }

    def smallest_cell(self, arm: Arm) -> int:
        """The smaller of those with and those without the event by the horizon, zeros aside."""
        events = self.counts(arm)["events"]
        return min((n for n in (events, self.people(arm) - events) if n), default=0)


def arms_at_risk(
    ends: pd.DataFrame, treated: NDArray, weight: NDArray, outcome: Outcome
) -> ArmsAtRisk:
    """Split one outcome's follow-up by arm and count its risk sets.

    Parameters
    ----------
    ends
        One row per person, in the order of `treated` and `weight`: `days`, `status`.

    Raises
    ------
    CohortError
        The outcome is not known for anyone in an arm.
    """
    clocked = outcome.horizon_days is not None
    known = (ends["status"] != Status.MISSING).to_numpy(bool)
    day = ends["days"].astype("float64").to_numpy() if clocked else np.full(len(ends), AT_EXIT)
    cause = ends["status"].map(CAUSE).fillna(CENSORED).to_numpy(int)
    if not clocked:
        cause = np.where(cause == EVENT, EVENT, CENSORED)
    members = {
        arm: np.flatnonzero(who & known)
        for arm, who in ((Arm.INTERVENTION, treated), (Arm.COMPARATOR, ~treated))
    }
    for arm, rows in members.items():
        if not rows.size:
            raise CohortError(
                f"protocol.outcomes.{outcome.name}: it is not known for anyone in the {arm} arm"
            )
    return ArmsAtRisk(
        horizon=float(outcome.horizon_days) if clocked else AT_EXIT,
        members=members,
        missing={
            arm: int((who & ~known).sum())
            for arm, who in ((Arm.INTERVENTION, treated), (Arm.COMPARATOR, ~treated))
        },
        sets={arm: risk_sets(day[m], cause[m], weight[m]) for arm, m in members.items()},
        weight={arm: weight[m] for arm, m in members.items()},
        day={arm: day[m] for arm, m in members.items()},
        cause={arm: cause[m] for arm, m in members.items()},
        size=len(ends),
    )
