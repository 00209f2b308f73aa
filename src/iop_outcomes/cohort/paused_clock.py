"""A clock that stands still during nights in care by day and night."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.vocabulary import DAY_AND_NIGHT

NEVER = np.int64(10**9)  # a day after every day: a stay that is still open
SPAN = np.int64(10**7)  # more than the days between any two that count; keeps people apart


@dataclass(frozen=True)
class PausedClock:
    """Days on which each person's clock stands still, as stretches that do not touch.

    Attributes
    ----------
    person
        Place of the person in the people the clock was made for, ascending. Shape (stretches,).
    start
        First day of each stretch.
    length
        Its days.
    before
        Days of the person's earlier stretches.
    """

    person: NDArray[np.int64]
    start: NDArray[np.int64]
    length: NDArray[np.int64]
    before: NDArray[np.int64]

    def stood(self, person: NDArray[np.int64], until: NDArray[np.int64]) -> NDArray[np.int64]:
        """Days on which a person's clock stood still, up to and with the day `until`."""
        if not len(self.person):
            return np.zeros(len(person), np.int64)
        place = np.searchsorted(self.person * SPAN + self.start, person * SPAN + until, "right") - 1
        within = np.minimum(until + 1 - self.start[place], self.length[place])
        return np.where(self._mine(place, person), self.before[place] + within, 0)

    def after(
        self, person: NDArray[np.int64], day: NDArray[np.int64], days: int
    ) -> NDArray[np.int64]:
        """The day on which the clock has run for `days` days since `day`."""
        target = day - self.stood(person, day) + days
        if not len(self.person):
            return target
        running = self.start - 1 - self.before  # what the clock shows as each stretch begins
        place = np.searchsorted(self.person * SPAN + running, person * SPAN + target, "left") - 1
        stood = self.before[place] + self.length[place]
        return target + np.where(self._mine(place, person), stood, 0)

    def _mine(self, place: NDArray[np.int64], person: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the stretch before a day is the same person's; -1 is before every stretch."""
        return (place >= 0) & (self.person[place] == person)


def paused_clock(people: pd.Index, stays: pd.DataFrame) -> PausedClock:
    """A clock that stands still from each admission to care by day and night until its discharge.

    The day of discharge is none of its days.

    Parameters
    ----------
    people
        Whose, in order.
    stays
        `person_id`, `level_of_care`, `start_day`, `end_day`, empty while open.

    Examples
    --------
    In hospital from day 10 to day 15, fourteen days after day 5 come on day 24:

    >>> stays = pd.DataFrame({
    ...     "person_id": ["P"], "level_of_care": "inpatient", "start_day": 10, "end_day": 15,
    ... })
    >>> clock = paused_clock(pd.Index(["P"]), stays)
    >>> clock.after(np.array([0]), np.array([5]), 14).tolist()
    [24]
    """
    nights = stays["level_of_care"].isin([str(level) for level in DAY_AND_NIGHT])
    return clock_without(people, stays[nights])


def clock_without(people: pd.Index, spans: pd.DataFrame) -> PausedClock:
    """A clock that stands still in spans of days, which may overlap; its last day is none of them.

    Parameters
    ----------
    people
        Whose, in order.
    spans
        `person_id`, `start_day`, `end_day`, empty while a span goes on. Others' are passed over.
    """
    person = people.get_indexer(spans["person_id"])
    start = spans["start_day"].to_numpy("int64")
    end = spans["end_day"].astype("Int64").fillna(int(NEVER)).to_numpy("int64")
    mine = (person >= 0) & (end > start)
    order = np.lexsort((start[mine], person[mine]))
    person, start, end = (column[mine][order] for column in (person, start, end))
    # Stretches that overlap or touch are one: a running end that never goes back to another person.
    reach = np.maximum.accumulate(person * 2 * NEVER + end) - person * 2 * NEVER
    begins = np.ones(len(person), bool)
    begins[1:] = (person[1:] != person[:-1]) | (start[1:] > reach[:-1])
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(begins))[: len(first)] - 1
    person, start, length = person[first], start[first], reach[last] - start[first]
    total = np.cumsum(length) - length
    opens = np.searchsorted(person, person, "left")
    return PausedClock(person, start, length, total - total[opens])
