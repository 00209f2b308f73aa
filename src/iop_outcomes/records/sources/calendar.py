"""Dates of an export to days on each person's own clock, so that no date comes any further."""

from datetime import date
from typing import Annotated, Self

import pandas as pd
from pydantic import AfterValidator, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.records.quality.contract import Fault, fault
from iop_outcomes.records.sources.columns import STRICT
from iop_outcomes.records.sources.date_formats import (
    as_written,
    check_format,
    refuse_greenwich,
    refuse_turned_round,
)
from iop_outcomes.vocabulary import EventKind

# Columns of the canonical tables that hold a day.
DAYS = {
    "persons": ("first_observed_day", "last_observed_day"),
    "stays": ("start_day", "end_day"),
    **dict.fromkeys(("services", "tests", "scores", "events"), ("day",)),
}


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Calendar:
    """How dates are written, and from when to when the export is complete.

    Attributes
    ----------
    begins, cut
        First and last date covered; who has no other is observed from the one to the other.
    format
        In strptime's letters; a time of day is left off, and so is its distance from Greenwich
        (`%z`, at the end): the day is the one that is written.
    """

    begins: date
    cut: date
    format: Annotated[str, AfterValidator(check_format)] = "%Y-%m-%d"

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.begins >= self.cut:
            raise ValueError("`begins` must come before `cut`")
        return self


def dates_to_days(
    tables: dict[str, pd.DataFrame], calendar: Calendar
) -> tuple[dict[str, pd.DataFrame], list[Fault]]:
    """Tables with dates in their day columns, as tables with days; and the cells that are none.

    Day 0 is a person's first admission in the export (their first date of any kind if they have
    none). The year of each admission is kept where the export does not say it.

    Parameters
    ----------
    tables
        Canonical tables whose day columns hold dates as text; `stays` among them. Without
        `persons`, everyone who has a stay is one.

    Returns
    -------
    tuple
        The tables with days, empty where a cell is no date; and the rows of such cells: no date in
        this format, after the cut, or with another year of admission beside it.
    """
    if "persons" not in tables:
        people = tables["stays"]["person_id"].dropna().unique()
        everyone = pd.DataFrame({"person_id": people})
        tables = {"persons": everyone.assign(**dict.fromkeys(DAYS["persons"])), **tables}
    columns = [table[column] for name, table in tables.items() for column in DAYS[name]]
    refuse_turned_round(columns, calendar.format)
    refuse_greenwich(columns, calendar.format)
    dated, faults = {}, []
    for name, table in tables.items():
        days = {column: _dates(table[column], calendar) for column in DAYS[name]}
        for column, dates in days.items():
            faults += _no_dates(name, table[column], dates, calendar)
        dated[name] = table.assign(**days)
    origin = _origins(dated)
    begins, cut = pd.Timestamp(calendar.begins), pd.Timestamp(calendar.cut)
    persons = dated["persons"]
    dated["persons"] = persons.assign(
        first_observed_day=persons["first_observed_day"].fillna(begins),
        last_observed_day=persons["last_observed_day"].fillna(cut),
    )
    if "events" in dated:
        dated["events"] = _with_month_ends(dated["events"])
    stays = dated["stays"]
    faults += _another_year(stays)
    years = stays["admission_year"].fillna(stays["start_day"].dt.year.astype("Int64").astype("str"))
    dated["stays"] = stays.assign(admission_year=years)
    return {
        name: table.assign(
            **{
                column: (table[column] - table["person_id"].map(origin)).dt.days.astype("Int64")
                for column in DAYS[name]
            }
        )
        for name, table in dated.items()
    }, faults


def _dates(cells: pd.Series, calendar: Calendar) -> pd.Series:
    """Dates up to the cut; none where a cell is none or lies after it."""
    found = as_written(cells, calendar.format)
    return found.where(found <= pd.Timestamp(calendar.cut)).astype("datetime64[s]")


def _with_month_ends(events: pd.DataFrame) -> pd.DataFrame:
    """Deaths whose date is the last of a month, while the date is still there to be seen."""
    died = events.get("kind", pd.Series("", index=events.index)).eq(str(EventKind.DEATH))
    told = events["day"].dt.is_month_end.astype("Int64").where(died & events["day"].notna())
    said = events.get("month_end", pd.Series(None, index=events.index, dtype="Int64"))
    return events.assign(month_end=said.where(said.notna(), told))


def _no_dates(name: str, cells: pd.Series, dates: pd.Series, calendar: Calendar) -> list[Fault]:
    lost = cells.notna() & dates.isna()
    if not lost.any():
        return []
    some = as_written(cells, calendar.format).notna()
    column = str(cells.name)
    written = (
        f"dates are read as {calendar.format}; mend protocol.source.calendar.format if they are "
        "written otherwise"
    )
    later = "mend protocol.source.calendar.cut if the export goes further"
    return [
        fault(name, "no_date", column, lost & ~some, written),
        fault(name, "after_the_cut", column, lost & some, later),
    ]


def _another_year(stays: pd.DataFrame) -> list[Fault]:
    said = pd.to_numeric(stays["admission_year"], errors="coerce")
    dated = stays["start_day"].dt.year
    other = said.notna() & dated.notna() & (said != dated)
    return [fault("stays", "another_year", "admission_year", other)] if other.any() else []


def _origins(dated: dict[str, pd.DataFrame]) -> pd.Series:
    """Each person's day 0, by person."""
    first = dated["stays"].groupby("person_id")["start_day"].min()
    anything = pd.concat(
        [
            table.set_index("person_id")[column]
            for name, table in dated.items()
            for column in DAYS[name]
        ]
    )
    return first.combine_first(anything.groupby(level=0).min())
