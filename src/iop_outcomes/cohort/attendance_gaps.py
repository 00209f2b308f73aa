"""Dropout read from attendance: the first gap that is too long.

The day of dropout is the last day attended; that it was one is known only when the gap has grown
too long, and nothing may be told before. Whoever is last seen before that is censored on the last
day attended, not on the last day of the records: otherwise the most recent people look retained.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.cohort.paused_clock import NEVER, PausedClock, paused_clock
from iop_outcomes.vocabulary import DAY_AND_NIGHT, EventKind, ExitReason

PLANNED = (ExitReason.COMPLETED, ExitReason.TRANSFERRED)
TAKEN_AWAY = (EventKind.DEATH, EventKind.INCARCERATED)
DROPPED_OUT, END_OF_RECORDS = str(ExitReason.DROPPED_OUT), "end of records"


def attendance(
    index: pd.DataFrame,
    services: pd.DataFrame,
    stays: pd.DataFrame,
    events: pd.DataFrame,
    gap_days: int,
) -> pd.DataFrame:
    """Follow each person's attendance until its first gap of more than `gap_days` days.

    The day of admission is the first day attended. Nights in care by day and night are no part of a
    gap. Attendance ends, in this order:

    - with a planned exit if the gap before it is not too long; what is attended later belongs to
      other care;
    - with death or jail, on its day, if the gap before it is not too long;
    - with dropout, on the last day attended before the gap;
    - with the records, on the last day attended, if the gap could not be seen to the end.

    Parameters
    ----------
    index
        One row per person: `person_id`, `level_of_care`, `index_day`, `exit_day`, `exit_reason`,
        `last_observed_day`.
    services
        `person_id`, `day`.
    stays
        `person_id`, `level_of_care`, `start_day`, `end_day`.
    events
        `person_id`, `day`, `kind`.
    gap_days
        The longest gap that is none: 14 in intensive outpatient care, 30 in outpatient care.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `index`: `person_id`; `day`, the end of attendance;
        `reason`; `known_day`, on which that could first be said; `mature_until`, the last day of
        which anything may be told of the person, `gap_days` before the end of the records. All
        missing but the first if the last observed day is, or for care by day and night.

    Examples
    --------
    Sessions on days 2 and 4, then nothing, seen until day 17 and until day 18:

    >>> index = pd.DataFrame({
    ...     "person_id": ["P", "Q"], "level_of_care": "intensive outpatient", "index_day": 0,
    ...     "exit_day": None, "exit_reason": None, "last_observed_day": [17, 18],
    ... })
    >>> services = pd.DataFrame({"person_id": ["P", "P", "Q", "Q"], "day": [2, 4, 2, 4]})
    >>> none = pd.DataFrame(
    ...     columns=["person_id", "level_of_care", "start_day", "end_day", "day", "kind"]
    ... )
    >>> found = attendance(index, services, none, none, gap_days=14)
    >>> found[["day", "reason", "known_day"]].to_numpy(object).tolist()
    [[4, 'end of records', 17], [4, 'dropped out', 18]]
    """
    index = index.reset_index(drop=True)
    people = pd.Index(index["person_id"])
    clock = paused_clock(people, stays)
    who = np.arange(len(people))
    cut = index["last_observed_day"].astype("Int64")
    exit_day = _days(index["exit_day"].where(_left_for(index, PLANNED)))
    last_seen = _days(cut)
    last, following = _before_first_gap(
        _attended(index, people, services, np.minimum(exit_day, last_seen)), clock, gap_days
    )
    grown = clock.after(who, last, gap_days)  # one more day, and the gap is too long
    taken, why = _first_taken(index, people, events, last)

    left = (exit_day <= grown) & (exit_day < NEVER)
    taken_away = ~left & (taken <= np.minimum(grown, last_seen)) & (taken < following)
    unseen = ~left & ~taken_away & (following == NEVER) & (last_seen < grown)
    reason = np.select(
        [left, taken_away, unseen],
        [index["exit_reason"].to_numpy(object), why, END_OF_RECORDS],
        DROPPED_OUT,
    )
    known = np.select([left, taken_away, unseen], [exit_day, taken, last_seen], grown)
    nights = index["level_of_care"].isin([str(level) for level in DAY_AND_NIGHT])
    unknown = (cut.isna() | nights).to_numpy(bool)
    return pd.DataFrame(
        {
            "person_id": index["person_id"],
            "day": pd.arrays.IntegerArray(np.where(taken_away, taken, last), unknown),
            "reason": pd.Series(reason, dtype="str").mask(unknown),
            "known_day": pd.arrays.IntegerArray(known, unknown.copy()),
            "mature_until": (cut - gap_days).mask(unknown),
        }
    )


def attending_past(found: pd.DataFrame, days: int, index_day: pd.Series) -> pd.Series:
    """Whether attendance went on for more than `days` days, of those who can be told of.

    Nobody with less than `days` plus the longest gap of records counts, whatever is known of them:
    of recent people only those who left early would.

    Parameters
    ----------
    found
        As `attendance` returns.
    index_day
        In its order.

    Returns
    -------
    pd.Series
        True, False or missing. A planned exit, death or jail before that day is False.
    """
    from_start = found["day"] - index_day.astype("Int64")
    mature = (found["mature_until"] - index_day.astype("Int64") >= days).fillna(False)
    return (from_start > days).astype("boolean").where(mature.astype(bool)).rename("attending")


def _attended(
    index: pd.DataFrame, people: pd.Index, services: pd.DataFrame, until: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Who and on which day, in order, from admission up to `until`, each day once."""
    whose = people.get_indexer(services["person_id"])
    person = np.concatenate([np.arange(len(people)), whose[whose >= 0]])
    day = np.concatenate([_days(index["index_day"]), _days(services["day"])[whose >= 0]])
    first = _days(index["index_day"])[person]
    kept = (day == first) | ((day > first) & (day <= until[person]))
    pairs = np.unique(np.stack([person[kept], day[kept]]), axis=1)
    return pairs[0], pairs[1]


def _before_first_gap(
    attended: tuple[NDArray[np.int64], NDArray[np.int64]], clock: PausedClock, gap_days: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The last day before each person's first long gap, and the day on which they came back."""
    person, day = attended
    same = np.append(person[1:] == person[:-1], False)
    following = np.where(same, np.append(day[1:], 0), NEVER)
    paused = clock.stood(person, np.where(same, following - 1, day)) - clock.stood(person, day)
    long = ~same | (following - day - paused > gap_days)
    place = np.flatnonzero(long)
    first = place[np.unique(person[place], return_index=True)[1]]
    return day[first], following[first]


def _first_taken(
    index: pd.DataFrame, people: pd.Index, events: pd.DataFrame, last: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray]:
    """The first death or jail on or after the last day attended, by events or as reason of exit."""
    exits = index.loc[_left_for(index, TAKEN_AWAY), ["person_id", "exit_day", "exit_reason"]]
    table = pd.concat(
        [
            events.loc[
                events["kind"].isin([str(kind) for kind in TAKEN_AWAY]),
                ["person_id", "day", "kind"],
            ],
            exits.set_axis(["person_id", "day", "kind"], axis=1),
        ]
    )
    person = people.get_indexer(table["person_id"])
    table = table.assign(person=person, day=_days(table["day"]))[person >= 0]
    table = table[table["day"].to_numpy() >= last[table["person"]]]
    first = table.sort_values(["person", "day", "kind"]).drop_duplicates("person")
    day = np.full(len(people), NEVER)
    why = np.full(len(people), "", dtype=object)
    day[first["person"]], why[first["person"]] = first["day"], first["kind"]
    return day, why


def _left_for(index: pd.DataFrame, reasons: tuple) -> pd.Series:
    return index["exit_reason"].isin([str(reason) for reason in reasons])


def _days(values: pd.Series) -> NDArray[np.int64]:
    return values.astype("Int64").fillna(int(NEVER)).to_numpy("int64")
