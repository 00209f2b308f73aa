"""Follow-up under several weights at once, each of which may change from day to day.

A person's weight on a day is the weight at time zero times one factor for each reason why others
are no longer followed: leaving a strategy, being lost, never being seen. The factors have models of
their own, whose estimation adds to the influences one after the other.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.statistics.estimating_equations import EstimatedWeights, influence
from iop_outcomes.statistics.survival.censoring import DecisionModel, StrategyWeights
from iop_outcomes.statistics.survival.changing_weights import IntervalsFollowed, interval_risk_sets
from iop_outcomes.statistics.survival.curves import CENSORED


class Factor(Protocol):
    """A weight by day with a model behind it: `LossWeights`, `KnownWeights`, `StrategyFactor`."""

    @property
    def first_day(self) -> NDArray:
        """First day of each column of the weights. Shape (columns,)."""
        ...

    @property
    def weight(self) -> NDArray:
        """Shape (people, columns)."""
        ...

    @property
    def share(self) -> NDArray:
        """What all weights of a column are times, to stabilise them. Shape (columns,)."""
        ...

    def of_the_model(self, moved: NDArray) -> NDArray:
        """Influence through the model of a number that log weights move. Shape (people,)."""
        ...


@dataclass(frozen=True)
class StrategyFactor:
    """Weights for leaving a strategy, as a factor among others."""

    model: DecisionModel
    weights: StrategyWeights

    @property
    def first_day(self) -> NDArray:
        """Every day up to the last one that matters."""
        return np.arange(self.weights.weight.shape[1], dtype=float)

    @property
    def weight(self) -> NDArray:
        """Shape (people, columns)."""
        return self.weights.weight

    @property
    def share(self) -> NDArray:
        """These are not stabilised. Shape (columns,)."""
        return np.ones(self.weights.weight.shape[1])

    def of_the_model(self, moved: NDArray) -> NDArray:
        """As `StrategyFollowUp.influence_of` adds it."""
        onwards = np.cumsum(moved[:, ::-1], axis=1)[:, ::-1]
        by_day = self.weights.slope * onwards[:, self.weights.acts_from]
        days = self.model.decisions
        return self.model.influence @ (self.model.basis.T @ by_day[days.person, days.day])


@dataclass(frozen=True)
class MultipliedFollowUp(IntervalsFollowed):
    """Everyone followed, as intervals of days on which no weight changes.

    Attributes
    ----------
    weight
        Borne on each interval. Shape (intervals,).
    columns
        Of each factor, the column borne on each interval.
    base
        Each person's weight at time zero; 0 for whoever is not one of them. Shape (people,).
    factors
        What else people are weighted by.
    known
        Whether the factors are taken as known, so that their models add nothing to influences.
    """

    weight: NDArray
    columns: tuple[NDArray, ...]
    base: NDArray
    factors: tuple[Factor, ...]
    known: bool = False

    def taken_as_known(self) -> "MultipliedFollowUp":
        """See `IntervalsFollowed.taken_as_known`."""
        return replace(self, known=True)

    def influence_of(self, slope: NDArray, estimated: EstimatedWeights | None = None) -> NDArray:
        """See `IntervalsFollowed.influence_of`; the model of every factor adds its own."""
        moved = self.weight * slope
        whole = np.bincount(self.person, moved, minlength=self.base.size)
        # By the weight at time zero, so that whoever bears none has no part in it.
        own = np.divide(whole, self.base, out=np.zeros_like(whole), where=self.base > 0)
        found = influence(own, self.base, estimated)
        for factor, column in () if self.known else zip(self.factors, self.columns, strict=True):
            by_column = np.zeros(factor.weight.shape)
            np.add.at(by_column, (self.person, column), moved)
            found = found + factor.of_the_model(by_column)
        return found

    def last_borne(self) -> NDArray:
        """The weight each person bore last; 0 for those never followed. Shape (people,).

        Not stabilised: what stabilises is the same for everyone on a day, and not from day to day.
        """
        last = np.zeros_like(self.base)
        plain = self.weight.copy()
        for factor, column in zip(self.factors, self.columns, strict=True):
            plain /= factor.share[column]
        last[self.person] = plain  # a person's intervals stand in the order of days
        return last

    def among(self, who: NDArray) -> "MultipliedFollowUp":
        """The intervals of some of the people, under the weights of the whole."""
        stays = who[self.person]
        sets, entry = interval_risk_sets(
            self.sets.day[self.entry[stays]] + 1,
            self.sets.day[self.sets.position[stays]],
            self.sets.cause[stays],
            self.weight[stays],
        )
        columns = tuple(column[stays] for column in self.columns)
        person, weight = self.person[stays], self.weight[stays]
        return replace(self, sets=sets, entry=entry, person=person, weight=weight, columns=columns)


def followed_under(
    factors: Sequence[Factor],
    day: ArrayLike,
    cause: ArrayLike,
    base: ArrayLike | None = None,
) -> MultipliedFollowUp:
    """Put everyone's days and all their weights together.

    Parameters
    ----------
    day
        Day on which follow-up ends, >= 0; NaN for those never followed. Shape (people,).
    cause
        CENSORED, EVENT or COMPETING. Shape (people,).
    base
        Weights at time zero; all one if absent. Shape (people,).

    Examples
    --------
    Whoever is followed from day 2 on counts for the one who was lost on day 1:

    >>> from iop_outcomes.statistics.survival.loss_to_follow_up import fit_losses, loss_weights
    >>> model = fit_losses([1, 3, 3], [0, 1, 0], np.ones((3, 1)), horizon=3)
    >>> under = followed_under([loss_weights(model, 3)], [1, 3, 3], [0, 1, 0])
    >>> round(under.risk(3), 6)
    0.5
    """
    day, cause = np.asarray(day, float), np.asarray(cause)
    base = np.ones_like(day) if base is None else np.asarray(base, float)
    first = np.unique(np.concatenate([[0.0], *(factor.first_day for factor in factors)]))
    person, cell = np.nonzero(first <= np.ceil(day)[:, None])
    last = np.minimum(np.append(first[1:] - 1, np.inf)[cell], day[person])
    ends = np.where(last == day[person], cause[person], CENSORED)
    columns = tuple(
        np.searchsorted(factor.first_day, first, side="right")[cell] - 1 for factor in factors
    )
    weight = base[person]
    for factor, column in zip(factors, columns, strict=True):
        weight = weight * factor.weight[person, column]
    sets, entry = interval_risk_sets(first[cell], last, ends, weight)
    return MultipliedFollowUp(sets, entry, person, weight, columns, base, tuple(factors))
