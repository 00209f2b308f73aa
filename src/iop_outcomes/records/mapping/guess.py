"""All files of an export together: one table each, one calendar, one name for one thing."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date

from iop_outcomes.records.mapping.candidates import Candidate
from iop_outcomes.records.mapping.columns import ColumnGuess, Confidence
from iop_outcomes.records.mapping.dates import CalendarGuess, guess_calendar, held_against
from iop_outcomes.records.mapping.tables import GUESSED, TableGuess, guess_table, with_covariates

ONE_ROW_PER_PERSON = (
    "no file looks like one row for each stay; a table with one row for each person, ready for "
    "analysis, is read by a source of kind table (protocol/examples/uis.yaml)"
)


@dataclass(frozen=True)
class MappingGuess:
    """A first guess at how an export reads as records.

    Attributes
    ----------
    tables
        What was found, in our order, one file each.
    calendar
        How dates are written; None for an export in days.
    remarks
        Files and sheets that are not used, and why, a sentence each.
    """

    tables: tuple[TableGuess, ...]
    calendar: CalendarGuess | None
    remarks: tuple[str, ...]

    def table(self, name: str) -> TableGuess | None:
        """One of our tables; None if no file looks like it."""
        return next((each for each in self.tables if each.table == name), None)

    @property
    def absent(self) -> tuple[str, ...]:
        """Tables that must be there and that no file looks like."""
        needed = ("persons", "stays") if self.calendar is None else ("stays",)
        return tuple(name for name in needed if self.table(name) is None)

    def words_found(self, table: str, target: str) -> tuple[str, ...]:
        """Our words that many people have in a coded column, as far as they are known."""
        guess = self.table(table)
        column = guess.column(target) if guess else None
        return column.codes.found if column and column.codes else ()


def guess_mapping(
    candidates: Iterable[Candidate], remarks: Iterable[str] = (), today: date | None = None
) -> MappingGuess:
    """Guess which table each file is, and which of its columns is which of ours.

    Parameters
    ----------
    candidates
        The tables of the export.
    remarks
        What was said already of sheets that are no tables.
    today
        The day of the export; today if not given.
    """
    said = list(remarks)
    best: dict[str, TableGuess] = {}
    for candidate in candidates:
        guess, why_not = guess_table(candidate)
        if guess is None:
            said.append(why_not)
            continue
        first = best.setdefault(guess.table, guess)
        if first is not guess:
            better, worse = sorted([first, guess], key=lambda each: -each.weight)
            best[guess.table] = better
            said.append(
                f"{worse.candidate.name} is not used: {better.candidate.name} looks like "
                f"{guess.table} as well, and each table is one file; put them together"
            )
    found = [best[name] for name in GUESSED if name in best]
    calendar = guess_calendar(found, today or date.today())
    found = [held_against(guess, calendar) for guess in found]
    if calendar is None:
        found = [_asked_for_last_day(guess) for guess in found]
    said += _dates_beside(found, calendar)
    if "stays" not in best:
        said.append(ONE_ROW_PER_PERSON)
    return MappingGuess(_with_all_covariates(found), calendar, tuple(said))


def _with_all_covariates(found: list[TableGuess]) -> tuple[TableGuess, ...]:
    """Stays first: what was known at admission is nearer than what is known of a person."""
    scores = [guess for guess in found if guess.table == "scores"]
    taken = {word for guess in scores for word in _instruments(guess)} | {"age_years"}
    filled = {}
    for guess in sorted(found, key=lambda each: each.table != "stays"):
        filled[guess.table] = with_covariates(guess, taken)
        taken |= {each.target for each in filled[guess.table].covariates}
    return tuple(filled[guess.table] for guess in found)


def _instruments(scores: TableGuess) -> set[str]:
    column = scores.column("instrument")
    if column is None:
        return set()
    return {column.constant} if column.constant else set(column.codes.found)


def _asked_for_last_day(guess: TableGuess) -> TableGuess:
    """In days, only the export can say until when people were seen."""
    if guess.table != "persons" or guess.column("last_observed_day"):
        return guess
    reason = "no column says until which day each person was seen; without it nothing is known"
    asked = ColumnGuess("last_observed_day", None, Confidence.UNKNOWN, reason)
    return replace(guess, columns=(*guess.columns, asked))


def _dates_beside(found: list[TableGuess], calendar: CalendarGuess | None) -> list[str]:
    """Dates that no calendar will turn into days are refused when the records are read."""
    if calendar is not None:
        return []
    return [
        f"{guess.candidate.name} holds dates in columns that are not used: take them out of the "
        "export, or it will be refused"
        for guess in found
        if guess.candidate.dated
    ]
