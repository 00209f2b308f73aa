"""Which column of a file is which of ours: by its name, and by what its cells look like."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import NamedTuple

import pandas as pd

from iop_outcomes.records.mapping.codebook import CODED, instrument_of, plain_name, site_exports
from iop_outcomes.records.mapping.codes import MOST_CODES, Codes, guess_codes, known_share
from iop_outcomes.records.mapping.evidence import NEARLY_ALL, Evidence
from iop_outcomes.records.schema import TABLES
from iop_outcomes.records.sources.calendar import DAYS

TOLD_BY_CODES = 0.8  # of the cells, for a column whose name says nothing
MOST_NAMES = 200  # of services or substances
NUMBERS = {
    "age_years": (0, 90),
    "admission_year": (1990, 2100),
    "hours": (0, 24),
    "score": (0, 1000),
}
ALL_DAYS = {column for columns in DAYS.values() for column in columns}
# What a name of the site's may mean otherwise, unless it is our own.
ASKED = {
    "first_observed_day": "from this day on, would earlier treatment be in the export?",
    "last_observed_day": "would a relapse until this day be in the export, and none after it?",
}


class Confidence(StrEnum):
    """How far a guess can be trusted."""

    SURE = "sure"
    UNSURE = "unsure"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class ColumnGuess:
    """Where one column of ours is found.

    Attributes
    ----------
    target
        Ours.
    column
        Theirs; None if none looks like it.
    reason
        Why it is not sure, in words.
    codes
        Of a coded column.
    constant
        The value of every row, where a column's name says it.
    """

    target: str
    column: str | None
    confidence: Confidence
    reason: str = ""
    codes: Codes | None = None
    constant: str | None = None


class Match(NamedTuple):
    """A column that may be the target; the larger `by_name` and `by_values`, the better."""

    target: str
    column: str
    by_name: int
    by_values: int
    reason: str


EXACT, LIKE, NOT = 2, 1, 0
TOLD, GOOD, ODD, BAD = 3, 2, 1, 0


def guess_columns(
    table: str, cells: pd.DataFrame, evidence: dict[str, Evidence]
) -> tuple[list[ColumnGuess], list[str]]:
    """Find the columns of one of our tables in a file.

    Parameters
    ----------
    table
        One of `persons`, `stays`, `services`, `tests`, `scores`, `events`.
    cells
        As written.
    evidence
        By column of `cells`.

    Returns
    -------
    list of ColumnGuess
        In the order of the table; those that no column looks like and that must be there are
        among them, as unknown.
    list of str
        Columns that have the name of one of ours and other cells than it may have.
    """
    matches = [
        match
        for target, names in targets(table).items()
        for match in _matches(target, names, evidence)
    ]
    chosen = _assigned([match for match in matches if match.by_values != BAD])
    _only_dates_left(table, chosen, evidence)
    used = [guess.column for guess in chosen.values()]
    remarks = [
        f"`{match.column}` is named like {match.target}, {match.reason}"
        for match in matches
        if match.by_values == BAD and match.target not in chosen and match.column not in used
    ]
    person = chosen.get("person_id")
    people = cells[person.column] if person else None
    found = []
    for target in targets(table):
        if target in chosen:
            guess, remark = _with_codes(chosen[target], cells, people)
            remarks += remark
            found += [guess] if guess else []
        elif _needed(table, target):
            found.append(ColumnGuess(target, None, Confidence.UNKNOWN, "no column looks like it"))
    return found, remarks


def targets(table: str) -> dict[str, list[str]]:
    """Our columns of a table that can be guessed, in its order, with the names that sites use."""
    book = site_exports()
    names = {"person_id": book["person_id"], **book["columns"][table]}
    return {target: names[target] for target in TABLES[table] if target in names}


def _needed(table: str, target: str) -> bool:
    return not TABLES[table][target].nullable and target != "stay_id"


def _matches(target: str, names: list[str], evidence: dict[str, Evidence]) -> Iterator[Match]:
    for column, looks in evidence.items():
        by_name, like = _by_name(plain_name(column), names)
        if by_name == NOT:
            if target in CODED and known_share(target, looks.counts) >= TOLD_BY_CODES:
                reason = f"its codes read like {target}, and its name does not say so"
                yield Match(target, column, NOT, TOLD, reason)
            continue
        by_values, reason = _by_values(target, looks)
        if by_values != BAD:
            only_like = f"its name is only like `{like}`" if by_name == LIKE else ""
            asked = ASKED.get(target, "") if column != target else ""
            reason = "; ".join(filter(None, [only_like, reason, asked]))
        yield Match(target, column, by_name, by_values, reason)


def _by_name(name: str, names: list[str]) -> tuple[int, str]:
    """How near a column's name is to those that sites use; one of several words may be inside."""
    if name in names:
        return EXACT, name
    inside = [each for each in names if " " in each and f" {each} " in f" {name} "]
    return (LIKE, max(inside, key=len)) if inside else (NOT, "")


def _by_values(target: str, looks: Evidence) -> tuple[int, str]:
    """Whether the cells may be the target's, and what speaks against it."""
    if not looks.recorded:
        return BAD, "and is empty"
    if target in ALL_DAYS:
        return _like_days(looks)
    if target in NUMBERS:
        low, high = NUMBERS[target]
        fits = looks.between(low, high)
        return (GOOD, "") if fits else (BAD, f"and holds other than numbers from {low} to {high}")
    if looks.date_formats:
        return BAD, "and holds dates"
    if target == "stay_id":
        return (GOOD, "") if looks.unique else (BAD, "and is not another one in every row")
    if target == "person_id":
        whose = looks.recorded >= NEARLY_ALL * looks.rows
        return (GOOD, "") if whose else (ODD, "many rows have none")
    if target == "facility_id":
        many = len(looks.counts) > max(looks.rows / 2, MOST_CODES)
        return (BAD, "and nearly every row has another one") if many else (GOOD, "")
    if target in {"service", "substance"}:
        fits = len(looks.counts) <= MOST_NAMES
        return (GOOD, "") if fits else (BAD, f"and holds {len(looks.counts)} different texts")
    return _like_codes(target, looks)


def _like_days(looks: Evidence) -> tuple[int, str]:
    if looks.spreadsheet_dates and not looks.date_formats:
        return ODD, "its numbers look like what a spreadsheet makes of dates"
    if looks.date_formats or looks.days:
        return GOOD, ""
    return BAD, "and holds other than dates all written alike, or whole numbers of days"


def _like_codes(target: str, looks: Evidence) -> tuple[int, str]:
    if target == "instrument":
        known = looks.share(pd.Series([instrument_of(code) is not None for code in looks.texts]))
    else:
        known = known_share(target, looks.counts)
    if known >= 0.5:
        return TOLD, ""
    if len(looks.counts) > MOST_CODES:
        return BAD, f"and holds {len(looks.counts)} different texts"
    return ODD, "most of its codes are not known here"


def _assigned(matches: list[Match]) -> dict[str, ColumnGuess]:
    """Each column to the target it fits best, each target to one column."""
    taken: dict[str, Match] = {}
    # Sorting is stable: of equals, the first of the file.
    for match in sorted(matches, key=_place):
        used = [each.column for each in taken.values()]
        if match.target not in taken and match.column not in used:
            taken[match.target] = match
    used = [each.column for each in taken.values()]
    return {
        target: _guess(match, [each for each in matches if each.column not in used])
        for target, match in taken.items()
    }


def _place(match: Match) -> tuple[int, ...]:
    """Our own name before another, and `client_id` before `id`: more words say more."""
    name = plain_name(match.column)
    ours = name == plain_name(match.target)
    return -match.by_name, -match.by_values, not ours, -len(name.split())


def _guess(match: Match, left: list[Match]) -> ColumnGuess:
    """What a match amounts to, beside the columns that are left over."""
    as_well = [
        f"`{each.column}` would fit as well"
        for each in left
        if each.target == match.target and each[2:4] == match[2:4]
    ]
    reason = "; ".join(filter(None, [match.reason, *as_well]))
    sure = match.by_name == EXACT and not reason
    confidence = Confidence.SURE if sure else Confidence.UNSURE
    return ColumnGuess(match.target, match.column, confidence, reason)


def _only_dates_left(
    table: str, chosen: dict[str, ColumnGuess], evidence: dict[str, Evidence]
) -> None:
    """A day that no name tells is told by the only column of dates."""
    day = "start_day" if table == "stays" else "day"
    taken = [guess.column for guess in chosen.values()]
    dated = [name for name, looks in evidence.items() if looks.date_formats and name not in taken]
    if day in targets(table) and day not in chosen and len(dated) == 1:
        reason = "it is the only column of dates, and its name does not say which"
        chosen[day] = ColumnGuess(day, dated[0], Confidence.UNSURE, reason)


def _with_codes(
    guess: ColumnGuess, cells: pd.DataFrame, people: pd.Series | None
) -> tuple[ColumnGuess | None, list[str]]:
    """The guess with the words of its codes; without them it is none."""
    if guess.target not in {*CODED, "instrument"}:
        return guess, []
    codes = guess_codes(guess.target, cells[guess.column], people)
    if codes is not None:
        return replace(guess, codes=codes), []
    table = CODED.get(guess.target, "scores")
    remark = f"`{guess.column}` is named like {guess.target}, and its texts are no codes"
    if _needed(table, guess.target):
        reason = f"the texts of `{guess.column}` are no codes"
        return ColumnGuess(guess.target, None, Confidence.UNKNOWN, reason), [remark]
    return None, [remark]
