"""On each day the most intensive care: stays cut into stretches of one level of care."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

from iop_outcomes.cohort.episode_rules import DAY_AND_NIGHT
from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import ExitReason, LevelOfCare

LEVELS = tuple(LevelOfCare)  # most to least intensive; the arrays hold places in it
OVERNIGHT = np.isin(np.arange(len(LEVELS)), [LEVELS.index(level) for level in DAY_AND_NIGHT])
# Of two exits on one day the graver counts, so that a contradiction is never a success. 0: none.
GRAVITY = (
    None,
    ExitReason.NOT_RECORDED,
    ExitReason.COMPLETED,
    ExitReason.OTHER,
    ExitReason.TRANSFERRED,
    ExitReason.DROPPED_OUT,
    ExitReason.TERMINATED,
    ExitReason.INCARCERATED,
    ExitReason.DEATH,
)
NEEDED = ("person_id", "level_of_care", "facility_id", "start_day", "end_day", "exit_reason")


@dataclass(frozen=True)
class StayDays:
    """Stays as arrays of whole numbers, by person and day of admission; days count from the first.

    Attributes
    ----------
    row
        Place of the stay in the table it came from. Shape (stays,), as all that follow.
    person, facility
        Places in `people` and `facilities`; an unknown facility comes after all others.
    level, gravity
        Places in LEVELS and GRAVITY.
    start, end
        Days of admission and exit; an open stay ends on `forever`.
    until
        The first day that no longer counts: the day of exit after nights, the day after it after
        days of service. A stay that begins and ends on one day counts one day.
    repeated
        Whether the same stay came before.
    first_day, forever
        What day 0 is on the clock of the table; the day after everything.
    """

    row: np.ndarray
    person: np.ndarray
    level: np.ndarray
    facility: np.ndarray
    start: np.ndarray
    end: np.ndarray
    until: np.ndarray
    gravity: np.ndarray
    repeated: np.ndarray
    people: pd.Index
    facilities: pd.Index
    first_day: int
    forever: int


@dataclass(frozen=True)
class Stretches:
    """A person's days between any two changes, in order of person and day; no days without care.

    Attributes
    ----------
    person, level, start, until
        Whose days, the most intensive care on them, the first day and the first no longer.
        Shape (stretches,), as all that follow.
    block
        Number of the block: stays that overlap or touch, without a day between.
    crowded
        Whether the person was in another stay, too; the day of a transfer does not make it so.
    open_at
        By level of care that was asked for: whether a stay at it was going on.
    first, last
        The stretches in which each stay begins and ends. Shape (stays,).
    block_end, block_jailed
        Day of the last exit of each block, and whether it was to jail. Shape (blocks,).
    """

    person: np.ndarray
    level: np.ndarray
    start: np.ndarray
    until: np.ndarray
    block: np.ndarray
    crowded: np.ndarray
    open_at: dict[int, np.ndarray]
    first: np.ndarray
    last: np.ndarray
    block_end: np.ndarray
    block_jailed: np.ndarray


def stay_days(stays: pd.DataFrame) -> StayDays:
    """Turn a table of stays into sorted arrays.

    Parameters
    ----------
    stays
        One row per stay: `person_id`, `level_of_care`, `facility_id`, `start_day`, `end_day`,
        `exit_reason`.

    Raises
    ------
    CohortError
        A column or a value that every stay needs is missing, or stays end before they start.
    """
    _refuse_incomplete(stays)
    person, people = pd.factorize(stays["person_id"], sort=True)
    facility, facilities = pd.factorize(stays["facility_id"], sort=True)
    level = pd.Categorical(stays["level_of_care"], [str(level) for level in LEVELS]).codes
    reasons = [str(reason) for reason in GRAVITY[1:]]
    gravity = pd.Categorical(stays["exit_reason"], reasons).codes.astype(np.int8) + 1
    still_open = stays["end_day"].isna().to_numpy()
    start = stays["start_day"].to_numpy(np.int64)
    end = stays["end_day"].fillna(0).to_numpy(np.int64)
    first_day = int(start.min(initial=0))
    latest = max(int(start.max(initial=0)), int(end.max(initial=0, where=~still_open)))
    forever = latest - first_day + 2
    start = start - first_day
    end = np.where(still_open, forever, end - first_day)
    until = np.where(OVERNIGHT[level], np.maximum(end, start + 1), end + 1)
    order = np.lexsort((facility, gravity, level, end, start, person))
    facility = np.where(facility < 0, len(facilities), facility)
    columns = [a[order] for a in (person, level, facility, start, end, gravity)]
    same = np.zeros(len(stays), bool)
    same[1:] = np.logical_and.reduce([values[1:] == values[:-1] for values in columns])
    person, level, facility, start, end, gravity = columns
    return StayDays(
        row=order,
        person=person,
        level=level,
        facility=facility,
        start=start,
        end=end,
        until=np.minimum(until[order], forever),
        gravity=gravity,
        repeated=same,
        people=pd.Index(people),
        facilities=pd.Index(facilities),
        first_day=first_day,
        forever=forever,
    )


def _refuse_incomplete(stays: pd.DataFrame) -> None:
    lacking = [column for column in NEEDED if column not in stays.columns]
    if lacking:
        raise CohortError(f"episodes: the stays lack the column(s) {lacking}; add them")
    for column in ("person_id", "level_of_care", "start_day"):
        empty = int(stays[column].isna().sum())
        if empty:
            raise CohortError(f"episodes: {empty} stay(s) have no {column}; mend the export")
    for column, known in (("level_of_care", LevelOfCare), ("exit_reason", ExitReason)):
        words = [str(word) for word in known]
        strange = int((stays[column].notna() & ~stays[column].isin(words)).sum())
        if strange:
            raise CohortError(f"episodes: {strange} stay(s) have a {column} that is not of {words}")
    backwards = int((stays["end_day"] < stays["start_day"]).sum())
    if backwards:
        raise CohortError(f"episodes: {backwards} stay(s) end before they start; mend the export")


def sweep(stays: StayDays, asked: Collection[int] = ()) -> Stretches:
    """Keep the most intensive care on each day.

    Care is counted along each person's line of days: plus one where a stay begins, minus one where
    it no longer counts. Between two such points nothing changes.

    Parameters
    ----------
    asked
        Places in LEVELS for which to say on which stretches a stay was open.
    """
    span = stays.forever + 1
    line = stays.person * span
    # A stay shares the day of its exit only with the stay that takes over, so it ends before it
    # when stays at one time are counted.
    alone_until = np.minimum(np.maximum(stays.end, stays.start + 1), stays.forever)
    points = _distinct(np.concatenate([line + stays.start, line + stays.until, line + alone_until]))
    begins = np.searchsorted(points, line + stays.start)
    ends = np.searchsorted(points, line + stays.until)
    top = np.full(len(points), -1, np.int8)
    open_at = {}
    for level in reversed(range(len(LEVELS))):
        at_level = stays.level == level
        going_on = _going_on(begins[at_level], ends[at_level], len(points)) > 0
        top[going_on] = level
        if level in asked:
            open_at[level] = going_on
    once = ~stays.repeated
    alone = np.searchsorted(points, line + alone_until)
    crowded = _going_on(begins[once], alone[once], len(points)) > 1

    kept = np.flatnonzero(top >= 0)
    place = np.cumsum(top >= 0) - 1
    opens, block_end, block_jailed = _blocks(stays)
    return Stretches(
        person=points[kept] // span,
        level=top[kept],
        start=points[kept] % span,
        until=points[kept + 1] % span,
        block=np.searchsorted(begins[opens], kept, side="right") - 1,
        crowded=crowded[kept],
        open_at={level: going_on[kept] for level, going_on in open_at.items()},
        first=place[begins],
        last=place[ends - 1],
        block_end=block_end,
        block_jailed=block_jailed,
    )


def _distinct(values: np.ndarray) -> np.ndarray:
    """Each value once, in order; numpy's own takes ten times as long over whole numbers."""
    values.sort()
    return values[np.append(True, values[1:] != values[:-1])[: len(values)]]


def _going_on(begins: np.ndarray, ends: np.ndarray, size: int) -> np.ndarray:
    """How many stays are going on after each point."""
    change = np.bincount(begins, minlength=size) - np.bincount(ends, minlength=size)
    return np.cumsum(change)


def _blocks(stays: StayDays) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where blocks open among the stays, the day of each one's last exit, and if it led to jail."""
    latest = pd.Series(stays.end).groupby(stays.person).cummax().to_numpy()
    new = np.ones(len(stays.row), bool)
    new[1:] = (stays.person[1:] != stays.person[:-1]) | (stays.start[1:] > latest[:-1])
    opens = np.flatnonzero(new)
    block = np.cumsum(new) - 1
    block_end = np.maximum.reduceat(stays.end, opens) if len(opens) else stays.end
    last_exit = np.where(stays.end == block_end[block], stays.gravity, 0)
    gravest = np.maximum.reduceat(last_exit, opens) if len(opens) else last_exit
    return opens, block_end, gravest == GRAVITY.index(ExitReason.INCARCERATED)
