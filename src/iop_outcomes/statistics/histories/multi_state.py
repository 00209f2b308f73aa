"""Where people are on each day and for how long: residential, IOP, community, relapse, care again.

A person's follow-up is cut into intervals (start, stop] in one state, each ending with a move to
another state or without one. Nothing is assumed of how the moves depend on the past: occupancy by
Aalen and Johansen's estimate is right for any process if censoring is independent of it (Datta &
Satten 2001, Statistics & Probability Letters 55:403-411).
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.histories.recurrent_events import check_intervals, interval_weights


@dataclass(frozen=True)
class Sojourns:
    """Everyone's intervals in one state, several a person.

    Attributes
    ----------
    person
        Index, from 0, of whose interval it is. Shape (intervals,).
    start, stop
        The day before the first day in sight, and the last day. Shape (intervals,).
    state
        Index, from 0, of the state. Shape (intervals,).
    moves_to
        Index of the state entered on the last day; `state` itself if none is. Shape (intervals,).
    people, states
        How many there are.
    """

    person: NDArray
    start: NDArray
    stop: NDArray
    state: NDArray
    moves_to: NDArray
    people: int
    states: int


def sojourns(
    person: ArrayLike,
    start: ArrayLike,
    stop: ArrayLike,
    state: ArrayLike,
    moves_to: ArrayLike,
    states: int,
    people: int | None = None,
) -> Sojourns:
    """Put intervals in states together, after seeing that they can be so.

    Parameters
    ----------
    person, start, stop, state, moves_to, states, people
        As in `Sojourns`. Without `people` there are as many as the largest index says.

    Raises
    ------
    CohortError
        An interval is empty, two of a person overlap, a state is unknown, or someone is next seen
        in another state than the one moved to.
    """
    person, state = np.asarray(person, int), np.asarray(state, int)
    start, stop = np.asarray(start, float), np.asarray(stop, float)
    moves_to = np.asarray(moves_to, int)
    people = check_intervals(person, start, stop, people)
    named = np.concatenate([state, moves_to])
    if named.min() < 0 or named.max() >= states:
        raise CohortError(f"a state is not one of 0 to {states - 1}; number the states from 0")
    order = np.lexsort((start, person))
    adjoin = (person[order][1:] == person[order][:-1]) & (start[order][1:] == stop[order][:-1])
    if (adjoin & (state[order][1:] != moves_to[order][:-1])).any():
        raise CohortError(
            "someone is next seen in another state than the one moved to; let `moves_to` of an "
            "interval be the state of the next"
        )
    return Sojourns(person, start, stop, state, moves_to, people, states)


@dataclass(frozen=True)
class Occupancy:
    """Probability of each state by day.

    Attributes
    ----------
    day
        Days after day 0 on which an interval starts or stops, ascending. Shape (days,).
    initial
        Probabilities on day 0. Shape (states,).
    hazard
        Probability of each move on each day, for whoever is in the state just before; rows from,
        columns to, the diagonal making rows sum to zero. Shape (days, states, states).
    at_risk
        Weight in each state just before each day. Shape (days, states).
    weight
        Of each interval. Shape (intervals,).
    row_weight
        Weight of each interval over that of its person. Shape (intervals,).
    rows
        What was counted.
    """

    day: NDArray
    initial: NDArray
    hazard: NDArray
    at_risk: NDArray
    weight: NDArray
    row_weight: NDArray
    rows: Sojourns

    @cached_property
    def value(self) -> NDArray:
        """Probability of each state from each day until the next. Shape (days, states)."""
        heights, now = np.empty_like(self.at_risk), self.initial
        for index, hazard in enumerate(self.hazard):
            now = now + now @ hazard
            heights[index] = now
        return heights

    def at(self, day: ArrayLike) -> NDArray:
        """Probability of each state on each `day`. Shape (..., states)."""
        heights = np.vstack([self.initial, self.value])
        return heights[np.searchsorted(self.day, day, side="right")]

    def expected_days(self, until: float) -> NDArray:
        """Mean days in each state from day 0 to `until`; they sum to `until`. Shape (states,)."""
        before = self.day < until
        edges = np.concatenate([[0.0], self.day[before], [until]])
        return np.diff(edges) @ np.vstack([self.initial, self.value[before]])


def occupancy(
    rows: Sojourns, weight: ArrayLike | None = None, row_weight: ArrayLike | None = None
) -> Occupancy:
    r"""Aalen-Johansen estimate of the probability of each state by day.

    .. math:: \hat p(t) = \hat p(0) \prod_{0 < s \le t} (I + d\hat A(s)), \qquad
              d\hat A_{jk}(s) = d_{jk}(s) / n_j(s)

    The probabilities on day 0 are the shares of those in sight then, who started on or before it
    and stopped after it. Who enters later is counted from then on. Moves that share a day share its
    risk set.

    Parameters
    ----------
    weight
        Of each person, >= 0; all one if absent. Shape (people,).
    row_weight
        Of each interval, multiplying its person's: censoring weights. Shape (intervals,).

    Raises
    ------
    CohortError
        Nobody is in sight on day 0.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5:141-150.

    Examples
    --------
    Two people; one leaves residential care (0) for IOP (1) on day 2:

    >>> rows = sojourns([0, 0, 1], [0, 2, 0], [2, 4, 4], [0, 1, 0], [1, 1, 0], states=2)
    >>> occupancy(rows).at([1, 2]).tolist(), occupancy(rows).expected_days(4).tolist()
    ([[1.0, 0.0], [0.5, 0.5]], [3.0, 1.0])
    """
    each, factor = interval_weights(rows.person, rows.people, weight, row_weight)
    day = np.unique(np.concatenate([rows.start, rows.stop]))
    day = day[day > 0]
    first = np.searchsorted(day, rows.start, side="right")
    after = np.searchsorted(day, rows.stop, side="right")

    def by_state(index, state, amount):
        flat = np.bincount(index * rows.states + state, amount, (day.size + 1) * rows.states)
        return flat.reshape(day.size + 1, rows.states)

    def in_sight(amount):
        change = by_state(after, rows.state, amount) - by_state(first, rows.state, amount)
        return np.cumsum(change[::-1], axis=0)[::-1][1:]

    # Sums of weights that cancel leave a hair; whether anyone is there is counted in whole people.
    anyone = in_sight((each > 0).astype(float)) > 0
    at_risk = np.where(anyone, in_sight(each), 0.0)
    return Occupancy(
        day, _initial(rows, each), _hazard(rows, each, after - 1, at_risk), at_risk,
        each, factor, rows,
    )  # fmt: skip


def _at_the_start(rows: Sojourns) -> NDArray:
    return (rows.start <= 0) & (rows.stop > 0)


def _initial(rows: Sojourns, each: NDArray) -> NDArray:
    there = np.bincount(rows.state, each * _at_the_start(rows), rows.states)
    if not there.sum() > 0:
        raise CohortError(
            "nobody is in sight on day 0, so it is unknown where people begin; count days from a "
            "day on which someone is seen"
        )
    return there / there.sum()


def _hazard(rows: Sojourns, each: NDArray, last: NDArray, at_risk: NDArray) -> NDArray:
    days, states = at_risk.shape
    moved = (rows.moves_to != rows.state) & (last >= 0)
    flat = (last[moved] * states + rows.state[moved]) * states + rows.moves_to[moved]
    # Of no moves at all numpy counts whole numbers.
    counts = np.bincount(flat, each[moved], days * states * states).astype(float)
    counts = counts.reshape(days, states, states)
    there = at_risk[:, :, None]
    hazard = np.divide(counts, there, out=np.zeros_like(counts), where=there > 0)
    corner = np.arange(states)
    hazard[:, corner, corner] = -hazard.sum(axis=2)
    return hazard


def occupancy_derivative(found: Occupancy, until: float) -> NDArray:
    """Derivative of the probability of each state on day `until` by each person's weight.

    Returns
    -------
    NDArray
        Shape (people, states); each row sums to zero.

    Examples
    --------
    >>> rows = sojourns([0, 0, 1], [0, 2, 0], [2, 4, 4], [0, 1, 0], [1, 1, 0], states=2)
    >>> occupancy_derivative(occupancy(rows), 3).tolist()
    [[-0.25, 0.25], [0.25, -0.25]]
    """
    states = found.rows.states
    onwards = np.empty((found.day.size + 1, states, states))
    onwards[-1] = np.eye(states)
    hazard = np.where((found.day <= until)[:, None, None], found.hazard, 0.0)
    for index in range(found.day.size - 1, -1, -1):
        onwards[index] = onwards[index + 1] + hazard[index] @ onwards[index + 1]
    return _derivative(found, onwards, until)


def expected_days_derivative(found: Occupancy, until: float) -> NDArray:
    """Derivative of the mean days in each state up to `until` by each person's weight.

    Returns
    -------
    NDArray
        Shape (people, states); each row sums to zero.

    Examples
    --------
    >>> rows = sojourns([0, 0, 1], [0, 2, 0], [2, 4, 4], [0, 1, 0], [1, 1, 0], states=2)
    >>> expected_days_derivative(occupancy(rows), 4).tolist()
    [[-0.5, 0.5], [0.5, -0.5]]
    """
    states = found.rows.states
    edges = np.minimum(np.concatenate([[0.0], found.day, [max(until, found.day[-1])]]), until)
    stretch = np.diff(edges)
    onwards = np.empty((found.day.size + 1, states, states))
    onwards[-1] = stretch[-1] * np.eye(states)
    for index in range(found.day.size - 1, -1, -1):
        onwards[index] = onwards[index + 1] + found.hazard[index] @ onwards[index + 1]
        onwards[index] += stretch[index] * np.eye(states)
    return _derivative(found, onwards, until)


def _derivative(found: Occupancy, onwards: NDArray, until: float) -> NDArray:
    """From what each state is worth after each day (index 0: day 0) to each person's derivative.

    In state j just before day s, weight moves the hazards of that day; a move to k is worth
    `onwards` of k less that of j, times the probability of j, over the weight in j.
    """
    rows, states = found.rows, found.rows.states
    before = np.vstack([found.initial, found.value])[:-1]
    share = np.divide(before, found.at_risk, out=np.zeros_like(before), where=found.at_risk > 0)
    share *= (found.day <= until)[:, None]
    mean = np.cumsum(share[:, :, None] * (found.hazard @ onwards[1:]), axis=0)
    mean = np.concatenate([np.zeros((1, states, states)), mean])
    first = np.searchsorted(found.day, rows.start, side="right")
    after = np.searchsorted(found.day, rows.stop, side="right")
    each = -(mean[after, rows.state] - mean[first, rows.state])
    moved = np.flatnonzero((rows.moves_to != rows.state) & (after > 0))
    origin, last = rows.state[moved], after[moved] - 1
    gain = onwards[after[moved], rows.moves_to[moved]] - onwards[after[moved], origin]
    each[moved] += share[last, origin][:, None] * gain
    there = _at_the_start(rows)
    at_start = onwards[0][rows.state[there]] - found.initial @ onwards[0]
    each[there] += at_start / found.weight[there].sum()
    each *= found.row_weight[:, None]
    return np.column_stack([np.bincount(rows.person, e, minlength=rows.people) for e in each.T])
