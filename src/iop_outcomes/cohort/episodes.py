"""Stays joined into segments of one level of care and episodes of treatment."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from iop_outcomes.cohort.episode_rules import EpisodeRules
from iop_outcomes.cohort.interruptions import levels_paused, pause
from iop_outcomes.cohort.membership import Members, ends_of_segments, facilities, members
from iop_outcomes.cohort.segments import GRAVITY, LEVELS, StayDays, Stretches, stay_days, sweep
from iop_outcomes.cohort.transitions import Joined, Transition, join, transition_codes
from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import WITHDRAWAL_MANAGEMENT


@dataclass(frozen=True)
class Episodes:
    """Everyone's care as segments and episodes.

    Attributes
    ----------
    segments
        One row per stretch of one level of care, in order of person and day: `person_id`;
        `episode` and `segment`, counting from 1 in each person and in each episode;
        `level_of_care`; `facility_id` of its longest stay, which may lie after its start;
        `start_day`; `end_day`, the day of discharge after nights and the last day of service
        otherwise, empty while open; `days`, the nights or days of service from first to last;
        `interrupted_days`, those of them away in another hospital or in jail; `exit_reason`, empty
        if open, not recorded, or if other care took over before the stay had ended; `transition`
        from the segment before it, empty where it begins an episode; `gap_days` since the last
        exit, empty for the first segment of a person; `concurrent`, whether another stay went on
        at the same time, the day of a transfer apart.
    episodes
        One row per episode: `person_id`, `episode`, `start_day`, `end_day`, `first_level_of_care`,
        `first_exit_reason` and `outcome`, which are the exit reasons of its first and its last
        segment, `segments`, how many it has, `open`, `withdrawal_management_only`, and
        `left_truncated`: whether it was under way when the records began, empty if not known.
    stay_rows
        One row per segment and stay that was going on in it: `person_id`, `episode`, `segment`,
        `stay_row`, the place of the stay in the table given, counting from 0, and `displaced`,
        whether the stay was at another level of care than the segment.
    """

    segments: pd.DataFrame
    episodes: pd.DataFrame
    stay_rows: pd.DataFrame


def build_episodes(
    stays: pd.DataFrame, rules: EpisodeRules | None = None, persons: pd.DataFrame | None = None
) -> Episodes:
    """Join each person's stays into segments and episodes.

    On each day the most intensive care counts. An open stay goes on for ever. An exit to another
    level of care on the same day leaves the day to the more intensive of the two.

    Parameters
    ----------
    stays
        One row per stay, in any order: `person_id`, `level_of_care`, `facility_id`, `start_day`,
        `end_day`, `exit_reason`.
    rules
        The longest gaps, and what is only an interruption; the defaults if None.
    persons
        `person_id` and `first_observed_day`, one row per person, to tell which episodes were
        already under way on that day.

    Raises
    ------
    CohortError
        The stays lack a column or a value, or end before they start.

    Examples
    --------
    From residential to intensive outpatient care on one day:

    >>> stays = pd.DataFrame({
    ...     "person_id": "P", "facility_id": ["A", "B"],
    ...     "level_of_care": ["short-term residential", "intensive outpatient"],
    ...     "start_day": [0, 28], "end_day": [28, 88],
    ...     "exit_reason": ["transferred", "completed"],
    ... })
    >>> built = build_episodes(stays)
    >>> built.segments[["episode", "segment", "days", "transition"]].to_numpy().tolist()
    [[1, 1, 28, nan], [1, 2, 61, 'step-down']]
    >>> built.episodes["outcome"].tolist()
    ['completed']
    """
    rules = EpisodeRules() if rules is None else rules
    given = stay_days(stays)
    stretches, paused = pause(sweep(given, levels_paused(rules)), rules)
    joined = join(stretches, rules)
    begins = np.flatnonzero(joined.begins)
    belongs = members(given, stretches, joined.segment, stretches.level[begins])
    segments = _segments(given, stretches, joined, paused, belongs)
    return Episodes(
        segments=segments,
        episodes=_episodes(segments, persons),
        stay_rows=_stay_rows(given, segments, belongs),
    )


def link_episodes(stays: pd.DataFrame, gap_days: int) -> pd.DataFrame:
    """Number each person's episodes: a stay within `gap_days` of the last exit continues one.

    An open stay (no end day) is continued by every later one. Stays that overlap or touch belong
    together. A stay whose end is unknown but that has ended counts as open.

    Parameters
    ----------
    stays
        One row per stay: `person_id`, `start_day`, `end_day`.
    gap_days
        Largest number of days between an exit and the next admission within an episode.

    Returns
    -------
    pd.DataFrame
        The stays, sorted by person and day, with `episode` counting from 1 within each person.
    """
    table = stays.sort_values(["person_id", "start_day", "end_day"], kind="stable")
    until = table["end_day"].astype("float64").fillna(float("inf"))
    latest = until.groupby(table["person_id"]).cummax()
    latest_before = latest.groupby(table["person_id"]).shift()
    new = latest_before.isna() | (table["start_day"].astype("float64") - latest_before > gap_days)
    return table.assign(episode=new.groupby(table["person_id"]).cumsum().astype("int64"))


def _segments(
    given: StayDays, stretches: Stretches, joined: Joined, paused: np.ndarray, belongs: Members
) -> pd.DataFrame:
    begins = np.flatnonzero(joined.begins)
    closes = np.append(begins[1:], len(joined.begins)) - 1
    person, level = stretches.person[begins], stretches.level[begins]
    start, until = stretches.start[begins], stretches.until[closes[: len(begins)]]
    episode, gap = joined.episode[begins], joined.gap[begins]
    ends = ends_of_segments(given, belongs, level, until)
    away = np.where(paused, stretches.until - stretches.start, joined.jailed)
    return pd.DataFrame(
        {
            "person_id": given.people.take(person),
            "episode": episode - episode[_first_of(person)] + 1,
            "segment": np.arange(len(begins)) - _first_of(episode) + 1,
            "level_of_care": _words(level, LEVELS),
            "facility_id": _facility_ids(given, belongs),
            "start_day": _days(start + given.first_day),
            "end_day": _days(ends.day + given.first_day, ends.open),
            "days": _days(until - start, ends.open),
            "interrupted_days": _days(_over(np.add, away, begins)),
            "exit_reason": _words(ends.gravity - 1, GRAVITY[1:]),
            "transition": _words(transition_codes(level, episode), Transition),
            "gap_days": _days(gap, gap < 0),
            "concurrent": _over(np.logical_or, stretches.crowded, begins),
        }
    )


def _episodes(segments: pd.DataFrame, persons: pd.DataFrame | None) -> pd.DataFrame:
    begins = np.flatnonzero(segments["segment"] == 1)
    closes = np.append(begins[1:], len(segments))[: len(begins)] - 1
    admitted = ["person_id", "episode", "start_day", "level_of_care", "exit_reason"]
    first = segments[admitted].take(begins).reset_index(drop=True)
    last = segments[["segment", "end_day", "exit_reason"]].take(closes).reset_index(drop=True)
    prepares = segments["level_of_care"].isin([str(level) for level in WITHDRAWAL_MANAGEMENT])
    return pd.DataFrame(
        {
            "person_id": first["person_id"],
            "episode": first["episode"],
            "start_day": first["start_day"],
            "end_day": last["end_day"],
            "first_level_of_care": first["level_of_care"],
            "first_exit_reason": first["exit_reason"],
            "outcome": last["exit_reason"],
            "segments": last["segment"],
            "open": last["end_day"].isna(),
            "withdrawal_management_only": _over(np.logical_and, prepares.to_numpy(), begins),
            "left_truncated": _left_truncated(first, persons),
        }
    )


def _stay_rows(given: StayDays, segments: pd.DataFrame, belongs: Members) -> pd.DataFrame:
    row = given.row[belongs.stay]
    order = np.lexsort((row, belongs.segment))
    of_segment = segments[["person_id", "episode", "segment"]].take(belongs.segment[order])
    return of_segment.assign(stay_row=row[order], displaced=belongs.displaced[order]).reset_index(
        drop=True
    )


def _left_truncated(first: pd.DataFrame, persons: pd.DataFrame | None) -> pd.Series:
    """Whether care had begun before the records did."""
    if persons is None:
        return pd.Series(pd.NA, first.index, dtype="boolean")
    lacking = [name for name in ("person_id", "first_observed_day") if name not in persons]
    if lacking:
        raise CohortError(f"episodes: persons lack the column(s) {lacking}; add them")
    if persons["person_id"].duplicated().any():
        raise CohortError("episodes: persons must have one row per person; mend the export")
    seen_from = persons.set_index("person_id")["first_observed_day"].astype("Int64")
    return first["start_day"] < first["person_id"].map(seen_from).astype("Int64")


def _facility_ids(given: StayDays, belongs: Members) -> pd.Index:
    """The last place is that of an unknown facility."""
    return given.facilities.append(pd.Index([None], dtype=given.facilities.dtype)).take(
        facilities(given, belongs)
    )


def _first_of(values: np.ndarray) -> np.ndarray:
    """Place of the first of each run of equal values."""
    new = np.ones(len(values), bool)
    new[1:] = values[1:] != values[:-1]
    return np.flatnonzero(new)[np.cumsum(new) - 1]


def _over(how: np.ufunc, values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    return how.reduceat(values, begins) if len(begins) else values


def _days(values: np.ndarray, unknown: np.ndarray | None = None) -> pd.arrays.IntegerArray:
    unknown = np.zeros(len(values), bool) if unknown is None else unknown
    return pd.arrays.IntegerArray(values.astype(np.int64), unknown)


def _words(codes: np.ndarray, words: Iterable[str]) -> pd.Series:
    """Spell codes; those below 0 are missing."""
    texts = pd.array([*map(str, words), None], dtype="str")
    return pd.Series(texts.take(codes))
