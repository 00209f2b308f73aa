"""The two arms of one outcome as weighted risk sets, side by side.

Everyone in one arm with one weight (`ArmsAtRisk`), or everyone in the arms whose strategy they
follow, with weights that change by day (`ArmsFollowed`): what is read from them is the same.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.statistics.estimating_equations import EstimatedWeights, influence
from iop_outcomes.statistics.survival.changing_weights import StrategyFollowUp
from iop_outcomes.statistics.survival.curves import (
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
from iop_outcomes.statistics.survival.multiplied_weights import MultipliedFollowUp
from iop_outcomes.statistics.weighting.weights import effective_sample_size
from iop_outcomes.vocabulary import Arm, Status

CAUSE = {
    Status.EVENT: EVENT,
    Status.COMPETING: COMPETING,
    Status.CENSORED: CENSORED,
    Status.ARTIFICIALLY_CENSORED: CENSORED,
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


Derivative = Callable[[RiskSets, float], NDArray]


@dataclass(frozen=True, kw_only=True)
class Arms:
    """Risk sets of two arms, and what is read from them.

    Attributes
    ----------
    horizon
        Day at which risks are read.
    missing
        People of each arm whose outcome is not known.
    sets
        Weighted counts by day, by arm.
    weight, day, cause
        Of each arm's people whose outcome is known: the weight they last bore, and how and when
        their follow-up ended.
    """

    horizon: float
    missing: dict[Arm, int]
    sets: dict[Arm, RiskSets]
    weight: dict[Arm, NDArray]
    day: dict[Arm, NDArray]
    cause: dict[Arm, NDArray]

    def people(self, arm: Arm) -> int:
        """People whose outcome is known."""
        return self.day[arm].size

    def people_in(self, arms: Collection[Arm]) -> int:
        """People whose outcome is known in any of the arms, each counted once."""
        return sum(self.people(arm) for arm in arms)

    def effective(self, arm: Arm) -> float:
        """Their effective number."""
        return effective_sample_size(self.weight[arm])

    def risk(self, arm: Arm, until: float) -> float:
        """Cumulative incidence by day `until`."""
        return float(incidence_curve(self.sets[arm]).at(until))

    def restricted_mean(self, arm: Arm, until: float) -> float:
        """Mean days before the event up to day `until`; a competing event counts as never."""
        return restricted_mean(self.sets[arm], until)

    def risk_influence(self, arm: Arm, until: float) -> NDArray:
        """Influence of everyone in the study on `risk`. Shape (people,)."""
        return self.influence(arm, incidence_derivative, until)

    def restricted_mean_influence(self, arm: Arm, until: float) -> NDArray:
        """Influence of everyone in the study on `restricted_mean`. Shape (people,)."""
        return self.influence(arm, restricted_mean_derivative, until)

    def influence(self, arm: Arm, derivative: Derivative, until: float) -> NDArray:
        """Influence of everyone on a number whose derivative by the weights is given."""
        raise NotImplementedError

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

    def few_left_out(self, arm: Arm) -> int:
        """The fewest people whom the weighting left out that a risk gives away; 0 if none."""
        return 0

    def smallest_cell(self, arm: Arm) -> int:
        """The smaller of those with and those without the event by the horizon, zeros aside."""
        events = self.counts(arm)["events"]
        return min((n for n in (events, self.people(arm) - events) if n), default=0)


@dataclass(frozen=True, kw_only=True)
class ArmsAtRisk(Arms):
    """Everyone in one arm, with one weight for all days.

    Attributes
    ----------
    members
        Row numbers of each arm's people whose outcome is known.
    everyone
        The weights of all people of the study. Shape (people,).
    estimated
        Where the weights came from; None if they are known.
    fewest_left_out
        Where people of an arm weigh alike or not at all, the fewest left out with or without the
        event, 0 aside: their number less that of everyone would be counted.
    entry
        Of each arm's people whose outcome is known, the day after which they are at risk; empty
        where everyone is from the beginning.
    """

    members: dict[Arm, NDArray]
    everyone: NDArray
    estimated: EstimatedWeights | None
    fewest_left_out: dict[Arm, int] = field(default_factory=dict)
    entry: dict[Arm, NDArray] = field(default_factory=dict)

    def at_risk_and_events(self, arm: Arm, days: NDArray) -> tuple[NDArray, NDArray]:
        """People under observation on each day, and people with the event by then."""
        at_risk, events = super().at_risk_and_events(arm, days)
        to_come = np.sort(self.entry.get(arm, np.empty(0)))
        return at_risk - (to_come.size - np.searchsorted(to_come, days, side="left")), events

    def few_left_out(self, arm: Arm) -> int:
        """The fewest people whom the weighting left out that a risk gives away; 0 if none."""
        return self.fewest_left_out.get(arm, 0)

    def smallest_cell(self, arm: Arm) -> int:
        """The smallest number of people that a risk gives away, zeros aside."""
        fewest = (super().smallest_cell(arm), self.few_left_out(arm))
        return min((n for n in fewest if n), default=0)

    def influence(self, arm: Arm, derivative: Derivative, until: float) -> NDArray:
        """Influence of everyone; those outside the arm speak through the propensity model."""
        whole = np.zeros(self.everyone.size)
        whole[self.members[arm]] = derivative(self.sets[arm], until)
        return influence(whole, self.everyone, self.estimated)


@dataclass(frozen=True, kw_only=True)
class ArmsFollowed(Arms):
    """People followed in an arm while they follow its strategy, with weights that change by day.

    Attributes
    ----------
    under
        The weighted follow-up under each strategy, of all people of the study.
    estimated
        Where the weights at time zero came from; None if they are known.
    """

    under: dict[Arm, StrategyFollowUp | MultipliedFollowUp]
    estimated: EstimatedWeights | None

    def influence(self, arm: Arm, derivative: Derivative, until: float) -> NDArray:
        """Influence of everyone; a person who is in both arms counts once in a contrast."""
        return self.under[arm].influence(derivative, until, self.estimated)

    def people_in(self, arms: Collection[Arm]) -> int:
        """People whose outcome is known in any of the arms, each counted once."""
        return np.unique(np.concatenate([self.under[arm].person for arm in arms])).size


def arms_at_risk(
    ends: pd.DataFrame,
    treated: NDArray,
    weight: NDArray,
    outcome: Outcome,
    estimated: EstimatedWeights | None = None,
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
    day, cause, known = day_and_cause(ends, outcome)
    in_arm = {Arm.INTERVENTION: treated, Arm.COMPARATOR: ~treated}
    # Whoever weighs nothing (no match, trimmed) is not of the people this is about.
    out = {arm: np.flatnonzero(who & known & (weight == 0)) for arm, who in in_arm.items()}
    in_arm = {arm: who & (weight > 0) for arm, who in in_arm.items()}
    horizon = float(outcome.horizon_days or AT_EXIT)
    members = {arm: np.flatnonzero(who & known) for arm, who in in_arm.items()}
    for arm, rows in members.items():
        known_for_someone(rows, arm, outcome)
    late = entry_days(ends)
    entry = {} if late is None else {arm: late[m] for arm, m in members.items()}
    return ArmsAtRisk(
        horizon=horizon,
        members=members,
        missing={arm: int((who & ~known).sum()) for arm, who in in_arm.items()},
        sets={
            arm: risk_sets(day[m], cause[m], weight[m], entry.get(arm))
            for arm, m in members.items()
        },
        weight={arm: weight[m] for arm, m in members.items()},
        day={arm: day[m] for arm, m in members.items()},
        cause={arm: cause[m] for arm, m in members.items()},
        everyone=weight,
        estimated=estimated,
        fewest_left_out={
            arm: _fewest((cause[out[arm]] == EVENT) & (day[out[arm]] <= horizon))
            for arm, m in members.items()
            if np.ptp(weight[m]) <= 1e-9 * weight[m].max()
        },
        entry=entry,
    )


def _fewest(event: NDArray) -> int:
    """The smaller number of those with and those without the event, zeros aside."""
    return min((n for n in (int(event.sum()), int((~event).sum())) if n), default=0)


def known_for_someone(rows: NDArray, arm: Arm, outcome: Outcome) -> None:
    """Refuse an arm in which nobody's outcome is known."""
    if not rows.size:
        raise CohortError(
            f"protocol.outcomes.{outcome.name}: it is not known for anyone in the {arm} arm"
        )


def entry_days(ends: pd.DataFrame) -> NDArray | None:
    """Day after which each person is at risk, before day 0 for those seen from time zero on.

    None where nobody enters late, which only outcomes of a data frame can.
    """
    if "entry_day" not in ends or not (ends["entry_day"] > 0).fillna(False).any():
        return None
    entry = ends["entry_day"].astype("float64").to_numpy()
    return np.where(entry > 0, entry, -1.0)


def day_and_cause(ends: pd.DataFrame, outcome: Outcome) -> tuple[NDArray, NDArray, NDArray]:
    """Day and cause with which each follow-up ends, and for whom they are known."""
    clocked = outcome.horizon_days is not None
    known = (ends["status"] != Status.MISSING).to_numpy(bool)
    day = ends["days"].astype("float64").to_numpy() if clocked else np.full(len(ends), AT_EXIT)
    cause = ends["status"].map(CAUSE).fillna(CENSORED).to_numpy(int)
    if not clocked:
        cause = np.where(cause == EVENT, EVENT, CENSORED)
    return day, cause, known
