"""Dates of an export to days on each person's own clock, so that no date comes any further."""

from datetime import date
from typing import Self

import pandas as pd
from pydantic import model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.sources.columns import STRICT

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
        In strptime's letters; a time of day is left off.
    """

    begins: date
    cut: date
    format: str = "%Y-%m-%d"

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.begins >= self.cut:
            raise ValueError("`begins` must come before `cut`")
        return self


def dates_to_days(tables: dict[str, pd.DataFrame], calendar: Calendar) -> dict[str, pd.DataFrame]:
    """Tables with dates in their day columns, as tables with days.

    Day 0 is a person's first admission in the export (their first date of any kind if they have
    none). The year of each admission is kept where the export does not say it.

    Parameters
    ----------
    tables
        Canonical tables whose day columns hold dates as text; `stays` among them. Without
        `persons`, everyone who has a stay is one.

    Raises
    ------
    RecordsError
        A cell is no date in this format, or lies after the cut; says how many, never which.
    """
    if "persons" not in tables:
        people = tables["stays"]["person_id"].dropna().unique()
        everyone = pd.DataFrame({"person_id": people})
        tables = {"persons": everyone.assign(**dict.fromkeys(DAYS["persons"])), **tables}
    dated = {
        name: table.assign(
            **{column: _dates(name, table[column], calendar) for column in DAYS[name]}
        )
        for name, table in tables.items()
    }
    origin = _origins(dated)
    begins, cut = pd.Timestamp(calendar.begins), pd.Timestamp(calendar.cut)
    persons = dated["persons"]
    dated["persons"] = persons.assign(
        first_observed_day=persons["first_observed_day"].fillna(begins),
        last_observed_day=persons["last_observed_day"].fillna(cut),
    )
    stays = dated["stays"]
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
    }


def _dates(table: str, cells: pd.Series, calendar: Calendar) -> pd.Series:
    where = f"{table}: column {cells.name}"
    found = pd.to_datetime(cells, format=calendar.format, errors="coerce").dt.normalize()
    wrong = int((found.isna() & cells.notna()).sum())
    if wrong:
        raise RecordsError(
            f"{where}: {wrong} cell(s) are no date written as {calendar.format}; mend "
            "protocol.source.calendar.format or the export"
        )
    late = int((found > pd.Timestamp(calendar.cut)).sum())
    if late:
        raise RecordsError(
            f"{where}: {late} date(s) lie after the cut; mend protocol.source.calendar.cut or the "
            "export"
        )
    return found.astype("datetime64[s]")


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
