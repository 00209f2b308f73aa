"""How an export writes its dates, and which years it covers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date

from iop_outcomes.records.mapping.columns import ColumnGuess, Confidence
from iop_outcomes.records.mapping.evidence import Evidence, as_dates
from iop_outcomes.records.mapping.tables import TableGuess
from iop_outcomes.records.sources.calendar import DAYS


@dataclass(frozen=True)
class CalendarGuess:
    """A first guess at the calendar of an export with dates.

    Attributes
    ----------
    formats
        Ways of writing dates that fit all day columns equally well; one if it could be told.
    begins, cut
        First and last day of the years covered, so that nobody's date is told; None where only
        the site can say.
    """

    formats: tuple[str, ...]
    begins: date | None
    cut: date | None


def guess_calendar(tables: Iterable[TableGuess], today: date) -> CalendarGuess | None:
    """The calendar of the day columns that were found; None if none of them holds dates.

    Parameters
    ----------
    today
        A year that is not over yet is not covered to its end.
    """
    tables = list(tables)
    known = any(_is_day(table, each) for table in tables for each in table.columns)
    dated = list(_dated(tables, every=not known))
    if not dated:
        return None
    years = [(target, *_years(looks)) for target, looks in dated]
    admitted = [first for target, first, _ in years if target == "start_day"]
    begins = date(min(admitted), 1, 1) if admitted else None
    cut = date(max(last for *_, last in years), 12, 31)
    return CalendarGuess(
        _formats([looks for _, looks in dated]), begins, None if cut >= today else cut
    )


def held_against(guess: TableGuess, calendar: CalendarGuess | None) -> TableGuess:
    """The guess, unsure of day columns that are written otherwise than the calendar says."""
    columns = []
    for each in guess.columns:
        looks = guess.evidence.get(each.column) if each.column else None
        if looks is not None and calendar is not None and each.target in DAYS[guess.table]:
            each = _in_doubt(each, looks, calendar)
        columns.append(each)
    return replace(guess, columns=tuple(columns))


def _in_doubt(each: ColumnGuess, looks: Evidence, calendar: CalendarGuess) -> ColumnGuess:
    if set(calendar.formats) & set(looks.date_formats):
        return each
    reason = (
        f"it is written as {looks.date_formats[0]}, and one way of writing stands for all columns"
        if looks.date_formats
        else "it holds numbers, and other columns hold dates"
    )
    reason = "; ".join(filter(None, [each.reason, reason]))
    return replace(each, confidence=Confidence.UNSURE, reason=reason)


def _is_day(table: TableGuess, each: ColumnGuess) -> bool:
    return each.target in DAYS[table.table] and each.column is not None


def _dated(tables: list[TableGuess], every: bool) -> Iterator[tuple[str, Evidence]]:
    """The columns of dates that are a day of ours; or every one, where nobody knows which are."""
    for table in tables:
        ours = {each.column: each.target for each in table.columns if _is_day(table, each)}
        for column, looks in table.evidence.items():
            if looks.date_formats and (every or column in ours):
                yield ours.get(column, ""), looks


def _formats(columns: list[Evidence]) -> tuple[str, ...]:
    """The ways of writing that most columns have in common and that leave the fewest cells unread.

    Of ways that fit other columns equally often, the first column's counts.
    """
    fits = {
        form: [form in looks.date_formats for looks in columns]
        for form in dict.fromkeys(form for looks in columns for form in looks.date_formats)
    }
    rank = {form: (sum(fit), -_unread(form, columns)) for form, fit in fits.items()}
    best = [form for form in rank if rank[form] == max(rank.values())]
    return tuple(form for form in best if fits[form] == fits[best[0]])


def _unread(form: str, columns: list[Evidence]) -> int:
    return sum(
        int(looks.counts[as_dates(looks.texts, form).isna().to_numpy()].sum()) for looks in columns
    )


def _years(looks: Evidence) -> tuple[int, int]:
    found = as_dates(looks.texts, looks.date_formats[0]).dt.year
    return int(found.min()), int(found.max())
