"""One analysis-ready table, one row per person: a trial's data set, or anyone's."""

from dataclasses import field
from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from iop_outcomes.records.files.extract import numbers_where_possible, provenance, read_extract
from iop_outcomes.records.quality import LARGEST_SHARE, Policy, Quality
from iop_outcomes.records.quality.accounting import accounts
from iop_outcomes.records.quality.contract import Fault, fault
from iop_outcomes.records.quality.sorting import Sorted, judge, settle
from iop_outcomes.records.schema import Records, conform
from iop_outcomes.records.sources.columns import (
    STRICT,
    WHOLE,
    Source,
    as_codes,
    plain_codes,
    recoded_where_named,
    words_named,
)

PEOPLE = "persons"  # the table that a row of the file is accounted for under


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Event:
    """A dated event: `kind` on the day in `day`, for those whose columns hold what `when` says."""

    kind: str
    day: str
    when: Annotated[dict[str, str], BeforeValidator(as_codes)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OneTable:
    """How one row per person reads as records. Day 0 is the day the file counts from.

    Attributes
    ----------
    file
        Below data/raw.
    level_of_care
        The level every row was admitted to.
    strategy
        What tells the arms apart; becomes the column `strategy` of the stays.
    end_day
        Day of exit from the stay; None if the file does not say.
    exit_reason
        Why people left, if one reason stands for all.
    last_observed_day
        Column or columns whose latest day is the end of sight; empty cells mean that nothing is
        known after day 0.
    covariates
        Names in the records to columns of the file.
    largest_quarantine
        Share of the rows that may be set aside before the file is refused.
    quality
        Rules that are treated otherwise than by themselves.
    """

    file: str
    person_id: str
    level_of_care: str
    strategy: Source
    age_years: str | None = None
    facility_id: str | None = None
    end_day: str | None = None
    exit_reason: str | None = None
    last_observed_day: Annotated[tuple[str, ...], Field(min_length=1)]
    events: tuple[Event, ...] = ()
    covariates: dict[str, Source]
    largest_quarantine: Annotated[float, Field(ge=0, le=1)] = LARGEST_SHARE
    quality: Quality = field(default_factory=dict)


def read(raw: Path, source: OneTable) -> Records:
    """Read the file and lay each row out as a person, a stay and their events."""
    path = raw / source.file
    cells = read_extract(path, _needed(source))
    _refuse_other_words(source)
    tables, faults = _laid_out(cells, source)
    origin = provenance(raw, [path], [len(cells)])
    found = _sorted(cells, tables, faults, source, origin["file"].iloc[0])
    return Records(**found.tables, **accounts(found), provenance=origin)


def _needed(source: OneTable) -> list[str]:
    origins = (source.strategy, *source.covariates.values())
    return sorted(
        {
            source.person_id,
            *filter(None, (source.age_years, source.facility_id, source.end_day)),
            *source.last_observed_day,
            *(column for event in source.events for column in (event.day, *event.when)),
            *(origin.column for origin in origins if origin.column is not None),
        }
    )


def _refuse_other_words(source: OneTable) -> None:
    """What the protocol says of every row alike is no fault of a row."""
    stay = {"stay_id": "S", "person_id": "P", "facility_id": None, "start_day": 0, "end_day": None}
    words = {"level_of_care": source.level_of_care, "exit_reason": source.exit_reason}
    unknown = {"admission_year": None, "age_years": None}
    conform("stays", pd.DataFrame([stay | words | unknown]))
    kinds = [{"person_id": "P", "day": 0, "kind": event.kind} for event in source.events]
    conform("events", pd.DataFrame(kinds, columns=["person_id", "day", "kind"]))


def _laid_out(cells: pd.DataFrame, source: OneTable) -> tuple[dict[str, pd.DataFrame], list[Fault]]:
    """The tables, whose index is the row of the file; and the cells that could not be read."""
    person_id = cells[source.person_id]
    faults, columns = [], {}
    for name, origin in {"strategy": source.strategy, **source.covariates}.items():
        columns[name], unnamed = recoded_where_named(cells, origin)
        if unnamed.any():
            hint = words_named(origin)
            faults.append(fault("stays", "unknown_code", origin.column, unnamed, hint))
    days = {name: _days(cells[name]) for name in source.last_observed_day}
    faults += [
        fault(PEOPLE, "not_a_number", name, day.isna() & cells[name].notna())
        for name, day in days.items()
    ]
    persons = pd.DataFrame(
        {
            "person_id": person_id,
            "first_observed_day": 0,
            "last_observed_day": pd.DataFrame(days).max(axis=1, skipna=False),
        }
    )
    seen = persons["last_observed_day"].notna()
    for event in source.events:
        for column, unsaid in _unsaid(cells, event).items():
            faults.append(fault(PEOPLE, "empty", column, unsaid & seen))
    stays = pd.DataFrame(
        {
            "stay_id": person_id,
            "person_id": person_id,
            "facility_id": cells[source.facility_id] if source.facility_id else None,
            "level_of_care": source.level_of_care,
            "start_day": 0,
            "end_day": cells[source.end_day] if source.end_day else None,
            "exit_reason": source.exit_reason,
            "admission_year": None,
            "age_years": cells[source.age_years] if source.age_years else None,
            "strategy": columns.pop("strategy"),
        }
    )
    covariates = pd.DataFrame(columns, index=cells.index)
    events = [_event(cells, person_id, event) for event in source.events]
    tables = {
        "persons": persons,
        "stays": stays.join(numbers_where_possible(covariates, covariates.columns)),
        **({"events": pd.concat(events)} if events else {}),
    }
    return tables, faults


def _days(cells: pd.Series) -> pd.Series:
    return pd.to_numeric(cells, errors="coerce")


def _event(cells: pd.DataFrame, person_id: pd.Series, event: Event) -> pd.DataFrame:
    # An event on an unknown day ends nobody's follow-up on any day; such people have no last
    # observed day either, and count as missing.
    happened = cells[event.day].notna() & _as_said(cells, event)
    return pd.DataFrame(
        {
            "person_id": person_id[happened],
            "day": cells.loc[happened, event.day],
            "kind": event.kind,
        }
    )


def _as_said(cells: pd.DataFrame, event: Event) -> pd.Series:
    """Whose columns hold what `when` says."""
    said = pd.Series(True, index=cells.index)
    for column, code in event.when.items():
        said &= plain_codes(cells[column]) == WHOLE.sub(r"\1", code)
    return said


def _unsaid(cells: pd.DataFrame, event: Event) -> dict[str, pd.Series]:
    """Who is not known to have had the event, or when: not the same as being without it."""
    unsaid = {column: cells[column].isna() for column in event.when}
    if event.when:
        unsaid[event.day] = cells[event.day].isna() & _as_said(cells, event)
    return unsaid


def _sorted(
    cells: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    faults: list[Fault],
    source: OneTable,
    file: str,
) -> Sorted:
    """Rows of the file: used, a duplicate, or set aside whole, whichever part of it is wrong."""
    # Two rows of one person that differ anywhere contradict each other, also where the tables made
    # of them would agree.
    used = cells[_needed(source)].drop_duplicates()
    differ = used.loc[used[source.person_id].duplicated(keep=False), source.person_id].dropna()
    repeated = cells[source.person_id].isin(differ)
    faults = [*faults, fault(PEOPLE, "repeated", source.person_id, repeated)]
    policy = Policy(source.largest_quarantine, source.quality)
    judged = judge(tables, policy, faults)
    aside = judged.aside.drop_duplicates("row").assign(table=PEOPLE)
    kept = {
        name: table[~table.index.isin(aside["row"])].reset_index(drop=True)
        for name, table in judged.kept.items()
    }
    again = len(set(judged.duplicates[PEOPLE]) - set(aside["row"]))
    return settle(kept, aside, {PEOPLE: len(cells)}, {PEOPLE: again}, policy, {PEOPLE: file})
