"""Risks of people whose weight changes from day to day, and their uncertainty.

Follow-up is cut into intervals of days on which each person's weight is constant; curves, risks
and derivatives are those of survival.py. The standard error is the sandwich of the stacked
estimating equations of the weights' model and the risks: one influence a person, to be summed over
arms and then within clusters, so that whoever is cloned counts once.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.statistics.estimating_equations import EstimatedWeights, influence
from iop_outcomes.statistics.survival.censoring import DecisionModel, StrategyWeights
from iop_outcomes.statistics.survival.curves import (
    CENSORED,
    COMPETING,
    EVENT,
    RiskSets,
    incidence_curve,
)


@dataclass(frozen=True)
class IntervalsFollowed(ABC):
    """People followed with weights, as intervals of days on which no weight changes.

    Attributes
    ----------
    sets
        Weighted counts by day; curves and risks are read from them as from any.
    entry
        Index in `sets.day` of the day before each interval. Shape (intervals,).
    person
        Whose interval. Shape (intervals,).
    """

    sets: RiskSets
    entry: NDArray
    person: NDArray

    def risk(self, until: float) -> float:
        """Probability of the event by day `until`, competing events acknowledged."""
        return float(incidence_curve(self.sets).at(until))

    def influence(
        self,
        derivative: Callable[[RiskSets, float], NDArray],
        until: float,
        estimated: EstimatedWeights | None = None,
    ) -> NDArray:
        """Influence of each person on a number read from the risk sets. Shape (people,).

        Parameters
        ----------
        derivative
            Of that number by the weight of whoever is followed from day 0:
            `survival.incidence_derivative` or `survival.restricted_mean_derivative`.
        estimated
            Where the weights at time zero came from; None if they are known.
        """
        entered = replace(self.sets, position=self.entry, cause=np.full(self.entry.size, CENSORED))
        return self.influence_of(
            derivative(self.sets, until) - derivative(entered, until), estimated
        )

    @abstractmethod
    def taken_as_known(self) -> "IntervalsFollowed":
        """The same with weights whose models add nothing to influences."""

    @abstractmethod
    def influence_of(self, slope: NDArray, estimated: EstimatedWeights | None = None) -> NDArray:
        """Influence of each person on a number whose derivative by intervals is known.

        Parameters
        ----------
        slope
            Derivative of the number by the weight of each interval. Shape (intervals,).
        estimated
            Where the weights at time zero came from; None if they are known.
        """


@dataclass(frozen=True)
class StrategyFollowUp(IntervalsFollowed):
    """Everyone followed under one strategy, with weights, as intervals of days.

    Attributes
    ----------
    column
        Which column of the weights each interval bears. Shape (intervals,).
    base
        Each person's weight at time zero. Shape (people,).
    weights, model
        Where the weights came from.
    """

    column: NDArray
    base: NDArray
    weights: StrategyWeights
    model: DecisionModel

    @property
    def weight(self) -> NDArray:
        """The weight borne on each interval. Shape (intervals,)."""
        return self.base[self.person] * self.weights.weight[self.person, self.column]

    def influence_of(self, slope: NDArray, estimated: EstimatedWeights | None = None) -> NDArray:
        """See `IntervalsFollowed.influence_of`; the model of deciding to leave adds its own."""
        each = self.weights.weight[self.person, self.column] * slope
        own = np.bincount(self.person, each, minlength=self.base.size)
        return influence(own, self.base, estimated) + self._of_the_model(each)

    def taken_as_known(self) -> "StrategyFollowUp":
        """See `IntervalsFollowed.taken_as_known`."""
        nothing = np.zeros_like(self.model.influence)
        return replace(self, model=replace(self.model, influence=nothing))

    def _of_the_model(self, each: NDArray) -> NDArray:
        """What estimating the probabilities of deciding adds."""
        by_column = np.zeros_like(self.weights.weight)
        by_column[self.person, self.column] = self.base[self.person] * each
        onwards = np.cumsum(by_column[:, ::-1], axis=1)[:, ::-1]
        moved = self.weights.slope * onwards[:, self.weights.acts_from]
        days = self.model.decisions
        return self.model.influence @ (self.model.basis.T @ moved[days.person, days.day])


def followed(
    model: DecisionModel,
    weights: StrategyWeights,
    day: ArrayLike,
    cause: ArrayLike,
    base: ArrayLike | None = None,
) -> StrategyFollowUp:
    """Put everyone's days under a strategy and their weights together.

    Parameters
    ----------
    day
        Day on which follow-up under the strategy ends, >= 0; NaN for those never followed.
        Shape (people,).
    cause
        CENSORED (artificially or not), EVENT or COMPETING. Shape (people,).
    base
        Weights at time zero; all one if absent. Shape (people,).
    """
    day, cause = np.asarray(day, float), np.asarray(cause)
    base = np.ones_like(day) if base is None else np.asarray(base, float)
    columns = np.arange(weights.weight.shape[1])
    person, column = np.nonzero(columns <= day[:, None])
    last = np.where(column == columns[-1], day[person], column)
    ends = np.where(last == day[person], cause[person], CENSORED)
    weight = base[person] * weights.weight[person, column]
    sets, entry = interval_risk_sets(column, last, ends, weight)
    return StrategyFollowUp(sets, entry, person, column, base, weights, model)


def interval_risk_sets(
    first_day: ArrayLike, last_day: ArrayLike, cause: ArrayLike, weight: ArrayLike
) -> tuple[RiskSets, NDArray]:
    """Count, with weights, who is at risk and who leaves on each day of intervals of days.

    Parameters
    ----------
    first_day, last_day
        First and last day at risk, both counted. Shape (intervals,).
    cause
        What ends the interval: EVENT, COMPETING, or CENSORED if nothing does. Shape (intervals,).
    weight
        Borne on every day of the interval, >= 0. Shape (intervals,).

    Returns
    -------
    sets
        As `survival.risk_sets`, with `position` and `cause` of each interval.
    entry
        Index in `sets.day` of the day before each interval. Shape (intervals,).

    Examples
    --------
    One person counts once on day 1 and twice on day 2, where the event is; another leaves on day 1:

    >>> sets, _ = interval_risk_sets([1, 2, 1], [1, 2, 1], [0, 1, 0], [1, 2, 1])
    >>> sets.day.tolist(), sets.at_risk.tolist(), sets.events.tolist()
    ([0.0, 1.0, 2.0], [0.0, 2.0, 2.0], [0.0, 0.0, 2.0])
    """
    before, last = np.asarray(first_day, float) - 1, np.asarray(last_day, float)
    cause, weight = np.asarray(cause), np.asarray(weight, float)
    distinct, position = np.unique(np.concatenate([before, last]), return_inverse=True)
    entry, leaving = position[: before.size], position[before.size :]

    def on_each_day(where, amount):
        return np.bincount(where, amount, minlength=distinct.size)

    def under_observation(amount):
        change = on_each_day(leaving, amount) - on_each_day(entry, amount)
        return np.cumsum(change[::-1])[::-1]

    # Sums of weights that cancel leave a hair; whether anyone is there is counted in whole people.
    anyone = under_observation(np.ones_like(weight)) > 0
    sets = RiskSets(
        day=distinct,
        at_risk=np.where(anyone, under_observation(weight), 0.0),
        events=on_each_day(leaving, weight * (cause == EVENT)),
        competing=on_each_day(leaving, weight * (cause == COMPETING)),
        position=leaving,
        cause=cause,
    )
    return sets, entry
