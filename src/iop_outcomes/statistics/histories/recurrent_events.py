"""How often, on average, an event that can come again has come by each day.

A person's follow-up is cut into intervals at risk: each ends with a recurrent event, with a
terminal event (death), with both, or with neither; between intervals, as during a readmission,
the person is not at risk. A day belongs to the interval (start, stop], so that whoever is at risk
from day 0 on starts on day -1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.risk_sets import StepCurve


@dataclass(frozen=True)
class EventHistory:
    """Everyone's intervals at risk, several a person.

    Attributes
    ----------
    person
        Index, from 0, of whose interval it is. Shape (intervals,).
    start, stop
        The day before the first day at risk, and the last day at risk. Shape (intervals,).
    events
        Recurrent events on the last day. Shape (intervals,).
    terminal
        True where the person's history ends for good on the last day. Shape (intervals,).
    people
        How many people there are, those never at risk among them.
    """

    person: NDArray
    start: NDArray
    stop: NDArray
    events: NDArray
    terminal: NDArray
    people: int


def event_history(
    person: ArrayLike,
    start: ArrayLike,
    stop: ArrayLike,
    events: ArrayLike,
    terminal: ArrayLike | None = None,
    people: int | None = None,
) -> EventHistory:
    """Put intervals at risk together, after seeing that they can be so.

    Parameters
    ----------
    person, start, stop, events, terminal, people
        As in `EventHistory`. Without `terminal` nothing ends a history for good; without `people`
        there are as many as the largest index says.

    Raises
    ------
    CohortError
        An interval is empty, two of a person overlap, or someone is at risk after the terminal
        event.

    Examples
    --------
    >>> event_history([0, 0, 1], [0, 2, 0], [2, 5, 4], [1, 0, 1]).people
    2
    """
    person, events = np.asarray(person, int), np.asarray(events, int)
    start, stop = np.asarray(start, float), np.asarray(stop, float)
    ended = np.zeros(person.size, bool) if terminal is None else np.asarray(terminal, bool)
    people = check_intervals(person, start, stop, people)
    if (events < 0).any():
        raise CohortError("an interval has fewer than no events; count the events on its last day")
    last = np.full(people, -np.inf)
    np.maximum.at(last, person, stop)
    if (stop[ended] < last[person[ended]]).any():
        raise CohortError(
            "someone is at risk after the terminal event; end the history with it, or mend its day"
        )
    return EventHistory(person, start, stop, events, ended, people)


def check_intervals(person: NDArray, start: NDArray, stop: NDArray, people: int | None) -> int:
    """See that intervals (start, stop] hold at least a day and that nobody is in two at once.

    Returns
    -------
    int
        How many people there are: `people`, or as many as the largest index says.

    Raises
    ------
    CohortError
        There is no interval, one is empty, not finite or of nobody, or two of a person overlap.
    """
    if not person.size:
        raise CohortError("nobody is at risk on any day; widen eligibility")
    size = int(person.max()) + 1 if people is None else people
    if person.min() < 0 or person.max() >= size:
        raise CohortError(f"an interval is not of one of {size} people; number them from 0")
    if not (np.isfinite(start).all() and np.isfinite(stop).all()):
        raise CohortError("an interval at risk lacks its first or last day; end it with the data")
    if (start >= stop).any():
        raise CohortError(
            "an interval at risk holds no day: intervals are (start, stop], so let whoever is at "
            "risk from day 0 on start on day -1"
        )
    order = np.lexsort((start, person))
    same = person[order][1:] == person[order][:-1]
    if (same & (start[order][1:] < stop[order][:-1])).any():
        raise CohortError("two intervals of a person overlap; count each day at risk once")
    return size


def interval_weights(
    person: NDArray, people: int, weight: ArrayLike | None, row_weight: ArrayLike | None
) -> tuple[NDArray, NDArray]:
    """Weight of each interval, and what of it is not its person's.

    Parameters
    ----------
    weight
        Of each person, >= 0; all one if absent. Shape (people,).
    row_weight
        Of each interval, multiplying its person's; all one if absent. Shape (intervals,).

    Raises
    ------
    CohortError
        A weight is negative or not finite, or there are not as many as people or intervals.

    Examples
    --------
    >>> interval_weights(np.array([0, 0, 1]), 2, [2, 3], [1, 0.5, 1])[0]
    array([2., 1., 3.])
    """
    rows = np.ones(person.size) if row_weight is None else np.asarray(row_weight, float)
    own = np.ones(people) if weight is None else np.asarray(weight, float)
    if rows.shape != person.shape or own.shape != (people,):
        raise CohortError(
            f"give a weight for each of {people} people, and one for each of {person.size} "
            "intervals if these have their own"
        )
    each = own[person] * rows
    if not (np.isfinite(each).all() and (each >= 0).all()):
        raise CohortError("a weight is negative or not a number; mend the weights")
    return each, rows


@dataclass(frozen=True)
class RecurrentRiskSets:
    """Weighted counts on each day on which an interval starts or stops.

    Attributes
    ----------
    day
        Distinct days, ascending. Shape (days,).
    at_risk, events, terminal
        Sums of weights: at risk on that day; times recurrent events; of terminal events. (days,).
    first, last
        Index in `day` of each interval's start and stop. Shape (intervals,).
    row_weight
        Weight of each interval over that of its person. Shape (intervals,).
    history
        What was counted.
    """

    day: NDArray
    at_risk: NDArray
    events: NDArray
    terminal: NDArray
    first: NDArray
    last: NDArray
    row_weight: NDArray
    history: EventHistory

    @property
    def share(self) -> NDArray:
        """What one unit of weight is of those at risk, each day; 0 where nobody has any weight."""
        nobody = np.zeros_like(self.at_risk)
        return np.divide(1.0, self.at_risk, out=nobody, where=self.at_risk > 0)

    @property
    def terminal_hazard(self) -> NDArray:
        """Share of those at risk whose history ends for good, each day."""
        return np.minimum(self.terminal * self.share, 1.0)

    @property
    def alive_before(self) -> NDArray:
        """Probability that the history has not ended before each day: Kaplan-Meier's."""
        return np.concatenate([[1.0], np.cumprod(1 - self.terminal_hazard)[:-1]])


def recurrent_risk_sets(
    history: EventHistory, weight: ArrayLike | None = None, row_weight: ArrayLike | None = None
) -> RecurrentRiskSets:
    """Count, with weights, who is at risk and what happens on each day.

    Parameters
    ----------
    weight
        Of each person, >= 0; all one if absent. Shape (people,).
    row_weight
        Of each interval, multiplying its person's: censoring weights. Shape (intervals,).

    Examples
    --------
    >>> sets = recurrent_risk_sets(event_history([0, 0, 1], [0, 2, 0], [2, 5, 4], [1, 0, 1]))
    >>> sets.day.tolist(), sets.at_risk.tolist(), sets.events.tolist()
    ([0.0, 2.0, 4.0, 5.0], [0.0, 2.0, 2.0, 1.0], [0.0, 1.0, 1.0, 0.0])
    """
    each, rows = interval_weights(history.person, history.people, weight, row_weight)
    day, position = np.unique(np.concatenate([history.start, history.stop]), return_inverse=True)
    first, last = position[: each.size], position[each.size :]

    def on_each_day(where, amount):
        return np.bincount(where, amount, minlength=day.size)

    def under_observation(amount):
        change = on_each_day(last, amount) - on_each_day(first, amount)
        return np.cumsum(change[::-1])[::-1]

    # Sums of weights that cancel leave a hair; whether anyone is there is counted in whole people.
    anyone = under_observation((each > 0).astype(float)) > 0
    return RecurrentRiskSets(
        day=day,
        at_risk=np.where(anyone, under_observation(each), 0.0),
        events=on_each_day(last, each * history.events),
        terminal=on_each_day(last, each * history.terminal),
        first=first,
        last=last,
        row_weight=rows,
        history=history,
    )


def mean_events(sets: RecurrentRiskSets) -> StepCurve:
    r"""Mean number of recurrent events by each day, none coming after the terminal event.

    .. math:: \hat\mu(t) = \sum_{s \le t} \hat S(s-) \, d(s) / n(s)

    Ghosh and Lin's estimate, S being the probability that the terminal event has not come; without
    terminal events S is 1 and this is the mean cumulative function of Lawless and Nadeau, the
    Nelson-Aalen estimate of recurrent events. All that happens on a day shares its risk set.

    Parameters
    ----------
    sets
        With the terminal event marked as such. If death were left out as if it censored, the mean
        would be that of a population in which nobody dies.

    References
    ----------
    Lawless & Nadeau (1995), Technometrics 37:158-168. Ghosh & Lin (2000), Biometrics 56:554-562.

    Examples
    --------
    One of two relapses on day 1 and dies on day 2; the other relapses on day 3:

    >>> rows = event_history([0, 0, 1], [0, 1, 0], [1, 2, 3], [1, 0, 1], [False, True, False])
    >>> mean_events(recurrent_risk_sets(rows)).at([1, 2, 3])
    array([0.5, 0.5, 1. ])
    """
    return StepCurve(sets.day, np.cumsum(sets.alive_before * sets.events * sets.share), start=0.0)


def mean_events_derivative(sets: RecurrentRiskSets, until: float) -> NDArray:
    r"""Derivative of `mean_events` at day `until` by each person's weight.

    An event on day s adds S(s-)/n(s); a terminal event takes
    :math:`(\mu(\tau) - \mu(s)) / (n(s) (1 - h(s)))`; each day at risk takes what is expected of
    both.
    Without terminal events the sum of squared influences is Lawless and Nadeau's robust variance;
    with them it is that of Ghosh and Lin's Theorem 1 with jumps left whole.

    Returns
    -------
    NDArray
        Shape (people,). Zero for whoever is never at risk.

    Examples
    --------
    Without censoring the mean is an average, and the derivative that of an average:

    >>> rows = event_history([0, 0, 1], [0, 1, 0], [1, 3, 3], [1, 1, 0])
    >>> mean_events_derivative(recurrent_risk_sets(rows), 3)
    array([ 0.5, -0.5])
    """
    curve = mean_events(sets)
    counted = sets.day <= until
    direct = np.where(counted, sets.alive_before * sets.share, 0.0)
    lost = _per_survivor(sets, np.where(counted, curve.at(until) - curve.value, 0.0))
    expected = np.cumsum(direct * sets.events * sets.share - lost * sets.terminal_hazard)
    history = sets.history
    each = (
        history.events * direct[sets.last]
        - history.terminal * lost[sets.last]
        - (expected[sets.last] - expected[sets.first])
    )
    return np.bincount(history.person, sets.row_weight * each, minlength=history.people)


def _per_survivor(sets: RecurrentRiskSets, lost: NDArray) -> NDArray:
    # When everyone at risk dies on a day, no weight can change what comes after: 0, not 0/0.
    survivors = sets.at_risk * (1 - sets.terminal_hazard)
    some = (1 - sets.terminal_hazard > 1e-12) & (sets.at_risk > 0)
    return np.divide(lost, survivors, out=np.zeros_like(lost), where=some)
