r"""Weights of those who stay in the subdistribution's risk set after a competing event.

Someone whose competing event was on day X counts on a later day t with the probability of still
being under observation then, given on X:

.. math:: \omega(t) = \frac{\hat G(t-) \hat H(t-)}{\hat G(X-) \hat H(X-)}

G is the product-limit estimate of not being censored, H that of having entered, which runs
backwards in time (Geskus 2011). Both may differ between groups.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.risk_sets import CENSORED, COMPETING, RiskSets


class CensoringRiskSet(StrEnum):
    """Who could have been censored on a day on which others had events.

    AFTER_EVENTS: those left after the day's events, since events come before censorings; as R's
    survival::finegray. WITH_EVENTS: those with events that day too; as cmprsk::crr.
    """

    AFTER_EVENTS = "after events"
    WITH_EVENTS = "with events"


@dataclass(frozen=True)
class ObservationProbability:
    """Probability of being under observation just before each day, by group.

    Attributes
    ----------
    group
        Number of each person's group, from 0. Shape (n,).
    before
        G(t-) H(t-). Shape (groups, days).
    per_survivor
        One over the weight of those at risk of censoring who stay. Shape (groups, days).
    hazard
        Of censoring. Shape (groups, days).
    per_earlier, entry_hazard
        One over the weight of those on each day who had entered earlier; share who had not. Shape
        (groups, days).
    censored, leaves_before
        Whether each person is censored on the last day; whether that day's event takes them out
        before the censorings. Shape (n,).
    """

    group: NDArray
    before: NDArray
    per_survivor: NDArray
    hazard: NDArray
    per_earlier: NDArray
    entry_hazard: NDArray
    censored: NDArray
    leaves_before: NDArray


def observation_probability(
    sets: RiskSets, weight: NDArray, group: NDArray, convention: CensoringRiskSet
) -> ObservationProbability:
    """Estimate G and H on the days of the risk sets.

    Parameters
    ----------
    sets
        Of everyone, one row a person.
    weight
        The weights they were counted with. Shape (n,).
    group
        Number of each person's group, from 0. Shape (n,).
    convention
        Whom a censoring could have met.

    Raises
    ------
    CohortError
        With delayed entry, nobody of a group was under observation for a while.
    """
    groups, size = int(group.max()) + 1, sets.day.size

    def by_group(where: NDArray, amount: NDArray, columns: int = size) -> NDArray:
        cell = group * columns + where
        return np.bincount(cell, amount, minlength=groups * columns).reshape(groups, columns)

    def from_here_on(counts: NDArray) -> NDArray:
        return np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]

    censored = sets.cause == CENSORED
    leaves_before = ~censored & (convention is CensoringRiskSet.AFTER_EVENTS)
    at_risk = from_here_on(by_group(sets.position, weight))
    newly = np.zeros((groups, size))
    if sets.entry is not None:
        came = by_group(sets.entry, weight, size + 1)
        at_risk = at_risk - from_here_on(came)[:, 1:]
        # Those who enter before anyone else have nobody before them to be compared with.
        first = np.arange(size) == np.argmax(came > 0, axis=1)[:, None]
        newly = np.where(first, 0.0, came[:, :-1])
    entry_hazard, per_earlier = _hazard(newly, at_risk)
    if (entry_hazard > 1 - 1e-12).any():
        raise CohortError(
            "for a while nobody was under observation, and later others came in, so those with a "
            "competing event cannot be carried on; start follow-up where people overlap"
        )
    entered = np.cumprod(1 - entry_hazard[:, ::-1], axis=1)[:, ::-1]
    entered = np.hstack([entered[:, 1:], np.ones((groups, 1))])
    met = at_risk - by_group(sets.position, weight * leaves_before)
    hazard, per_survivor = _hazard(by_group(sets.position, weight * censored), met)
    uncensored = np.hstack([np.ones((groups, 1)), np.cumprod(1 - hazard, axis=1)[:, :-1]])
    return ObservationProbability(
        group=group,
        before=uncensored * entered,
        per_survivor=per_survivor,
        hazard=hazard,
        per_earlier=per_earlier,
        entry_hazard=entry_hazard,
        censored=censored,
        leaves_before=leaves_before,
    )


def _hazard(count: NDArray, among: NDArray) -> tuple[NDArray, NDArray]:
    """Share of those at risk, and one over the weight of the rest; 0 where there is nobody."""
    share = np.divide(1.0, among, out=np.zeros_like(among), where=among > 1e-12)
    hazard = np.minimum(count * share, 1.0)
    rest = 1 - hazard
    return hazard, np.divide(share, rest, out=np.zeros_like(rest), where=rest > 1e-12)


@dataclass(frozen=True)
class Subdistribution:
    """Everyone's follow-up as the subdistribution's risk sets see it.

    Attributes
    ----------
    sets, weight
        Risk sets of observed follow-up, and the weights they were counted with.
    design
        Covariates, centred at their weighted mean. Shape (n, columns).
    seen
        Probabilities of being under observation.
    """

    sets: RiskSets
    weight: NDArray
    design: NDArray
    seen: ObservationProbability

    @property
    def carried(self) -> NDArray:
        """One over G(X-) H(X-) for those carried on after a competing event, else 0."""
        there = self.seen.before[self.seen.group, self.sets.position]
        mine = self.sets.cause == COMPETING
        return np.divide(1.0, there, out=np.zeros_like(there), where=mine)

    def total(self, amount: NDArray) -> NDArray:
        """Sum of `amount` over the risk set of each day. Shape (days,)."""
        groups, size = self.seen.before.shape
        last = np.bincount(self.sets.position, amount, minlength=size)
        natural = np.cumsum(last[::-1])[::-1]
        if self.sets.entry is not None:
            came = np.bincount(self.sets.entry, amount, minlength=size + 1)
            natural = natural - np.cumsum(came[::-1])[::-1][1:]
        cell = self.seen.group * size + self.sets.position
        gone = np.bincount(cell, amount * self.carried, minlength=groups * size)
        gone = gone.reshape(groups, size)
        return natural + ((np.cumsum(gone, axis=1) - gone) * self.seen.before).sum(axis=0)

    def borne(self, rate: NDArray) -> NDArray:
        """Sum of a daily `rate` over the days each person is in the risk set. Shape (n,)."""
        upto = np.concatenate([[0.0], np.cumsum(rate)])
        entry = 0 if self.sets.entry is None else self.sets.entry
        own = upto[self.sets.position + 1] - upto[entry]
        return own + self.carried * self.later(rate)[self.seen.group, self.sets.position]

    def later(self, rate: NDArray) -> NDArray:
        """Sum of G H times a daily `rate` over the days after each. Shape (groups, days)."""
        product = self.seen.before * rate
        return np.cumsum(product[:, ::-1], axis=1)[:, ::-1] - product

    def carried_on(self, amount: NDArray) -> NDArray:
        """Sum of amount / (G H) over competing events by each day. Shape (groups, days)."""
        groups, size = self.seen.before.shape
        cell = self.seen.group * size + self.sets.position
        each = np.bincount(cell, amount * self.carried, minlength=groups * size)
        return np.cumsum(each.reshape(groups, size), axis=1)

    def of_observation(self, effect: NDArray) -> NDArray:
        """What estimating G and H adds to an influence. Shape (n,).

        The derivative of the product limits by each person's weight, not its large-sample limit, so
        ties and small risk sets are treated as they are.

        Parameters
        ----------
        effect
            What each day's hazard of censoring, over one less it, moves: those carried on by that
            day against the days after. Shape (groups, days).
        """
        seen, position = self.seen, self.sets.position
        none = np.zeros((len(effect), 1))
        entry = np.zeros(position.size, int) if self.sets.entry is None else self.sets.entry
        by_day = effect * seen.per_survivor
        upto = np.hstack([none, np.cumsum(by_day * seen.hazard, axis=1)])
        last = position + 1 - seen.leaves_before
        expected = upto[seen.group, last] - upto[seen.group, np.minimum(entry, last)]
        moved = np.where(seen.censored, by_day[seen.group, position], 0.0) - expected
        if self.sets.entry is not None:
            # Entries before a day act on it as censorings on the day before, the other way round.
            by_day = np.hstack([none, effect[:, :-1]]) * seen.per_earlier
            upto = np.hstack([none, np.cumsum(by_day * seen.entry_hazard, axis=1)])
            expected = upto[seen.group, position + 1] - upto[seen.group, entry]
            moved = moved - (by_day[seen.group, entry] - expected)
        return self.weight * moved
