"""Intervals at risk as the rows of a Cox model for events that can come again.

Andersen & Gill (1982), Annals of Statistics 10:1100-1120; Prentice, Williams & Peterson (1981),
Biometrika 68:373-379; Wei, Lin & Weissfeld (1989), JASA 84:1065-1073. All four want errors
clustered by person.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.histories.recurrent_events import EventHistory


@dataclass(frozen=True)
class CoxRows:
    """Start-stop rows, (start, stop].

    Attributes
    ----------
    person
        Whose row, to carry covariates and weights over and to cluster by. Shape (rows,).
    start, stop, event
        Shape (rows,).
    stratum
        Rows are compared with those of their stratum only. Shape (rows,).
    """

    person: NDArray
    start: NDArray
    stop: NDArray
    event: NDArray
    stratum: NDArray


def andersen_gill_rows(history: EventHistory) -> CoxRows:
    """One stratum, days since time zero: every event counts alike.

    Examples
    --------
    >>> from iop_outcomes.statistics.histories.recurrent_events import event_history
    >>> andersen_gill_rows(event_history([0, 0], [0, 3], [3, 9], [1, 0])).event
    array([ True, False])
    """
    ordered = _ordered(history)
    return _rows(ordered, ordered.start, ordered.stop, np.zeros(ordered.person.size, int))


def pwp_total_time_rows(history: EventHistory, most: int | None = None) -> CoxRows:
    """A stratum for each event by its number, days since time zero.

    Parameters
    ----------
    most
        Events after this many are left out, their risk sets having grown thin; None keeps all.

    Examples
    --------
    >>> from iop_outcomes.statistics.histories.recurrent_events import event_history
    >>> pwp_total_time_rows(event_history([0, 0], [0, 3], [3, 9], [1, 0])).stratum
    array([1, 2])
    """
    ordered = _ordered(history)
    rows = _rows(ordered, ordered.start, ordered.stop, _before(ordered) + 1)
    return _kept(rows, most)


def pwp_gap_time_rows(history: EventHistory, most: int | None = None) -> CoxRows:
    """A stratum for each event by its number, days since the event before.

    Parameters
    ----------
    most
        Events after this many are left out; None keeps all.

    Examples
    --------
    >>> from iop_outcomes.statistics.histories.recurrent_events import event_history
    >>> rows = pwp_gap_time_rows(event_history([0, 0], [0, 3], [3, 9], [1, 0]))
    >>> rows.start, rows.stop
    (array([0., 0.]), array([3., 6.]))
    """
    ordered = _ordered(history)
    # The day of the event before carries on over the person's intervals that ended without one.
    happened = np.flatnonzero(ordered.events > 0)
    earlier = np.searchsorted(happened, np.arange(ordered.person.size)) - 1
    known = _before(ordered) > 0
    origin = np.zeros(ordered.person.size)
    origin[known] = ordered.stop[happened[earlier[known]]]
    rows = _rows(ordered, ordered.start - origin, ordered.stop - origin, _before(ordered) + 1)
    return _kept(rows, most)


def wlw_rows(history: EventHistory, most: int) -> CoxRows:
    """A stratum for each event by its number, in which everyone is at risk of it from the start.

    Parameters
    ----------
    most
        How many events are looked at.

    Examples
    --------
    Someone with one event is at risk of the second on all days:

    >>> from iop_outcomes.statistics.histories.recurrent_events import event_history
    >>> rows = wlw_rows(event_history([0, 0], [0, 3], [3, 9], [1, 0]), 2)
    >>> rows.stratum, rows.stop
    (array([1, 2, 2]), array([3., 3., 9.]))
    """
    ordered = _ordered(history)
    before = _before(ordered)
    number = np.repeat(np.arange(1, most + 1), before.size)
    row = np.tile(np.arange(before.size), most)
    at_risk = before[row] < number
    row, number = row[at_risk], number[at_risk]
    return CoxRows(
        person=ordered.person[row],
        start=ordered.start[row],
        stop=ordered.stop[row],
        event=(ordered.events[row] > 0) & (before[row] + 1 == number),
        stratum=number,
    )


def _ordered(history: EventHistory) -> EventHistory:
    if (history.events > 1).any():
        raise CohortError(
            "two events of a person share a day, and a Cox model has no order for them; count one "
            "event a day"
        )
    order = np.lexsort((history.start, history.person))
    columns = (history.person, history.start, history.stop, history.events, history.terminal)
    return EventHistory(*(column[order] for column in columns), history.people)


def _before(ordered: EventHistory) -> NDArray:
    """Events of the person before each interval."""
    total = np.cumsum(ordered.events) - ordered.events
    first = np.searchsorted(ordered.person, ordered.person)
    return total - total[first]


def _rows(ordered: EventHistory, start: NDArray, stop: NDArray, stratum: NDArray) -> CoxRows:
    return CoxRows(ordered.person, start, stop, ordered.events > 0, stratum)


def _kept(rows: CoxRows, most: int | None) -> CoxRows:
    if most is None:
        return rows
    kept = rows.stratum <= most
    columns = (rows.person, rows.start, rows.stop, rows.event, rows.stratum)
    return CoxRows(*(column[kept] for column in columns))
