"""One analysis-ready table, one row per person: a trial's data set, or anyone's."""

from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import BeforeValidator, Field
from pydantic.dataclasses import dataclass

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.extract import numbers_where_possible, provenance, read_extract
from iop_outcomes.records.schema import Records
from iop_outcomes.records.sources.columns import STRICT, Source, as_codes, recoded


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


def read(raw: Path, source: OneTable) -> Records:
    """Read the file and lay each row out as a person, a stay and their events."""
    path = raw / source.file
    needed = {
        source.person_id,
        *filter(None, (source.age_years, source.facility_id, source.end_day)),
        *source.last_observed_day,
        *(column for event in source.events for column in (event.day, *event.when)),
        *(
            origin.column
            for origin in (source.strategy, *source.covariates.values())
            if origin.column is not None
        ),
    }
    cells = read_extract(path, sorted(needed))
    person_id = cells[source.person_id]
    days = pd.DataFrame({name: _days(cells[name]) for name in source.last_observed_day})
    covariates = pd.DataFrame(
        {name: recoded(cells, origin) for name, origin in source.covariates.items()}
    )
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
            "strategy": recoded(cells, source.strategy),
        }
    )
    events = [_event(cells, person_id, event) for event in source.events]
    return Records(
        persons=pd.DataFrame(
            {
                "person_id": person_id,
                "first_observed_day": 0,
                "last_observed_day": days.max(axis=1, skipna=False),
            }
        ),
        stays=stays.join(numbers_where_possible(covariates, covariates.columns)),
        **({"events": pd.concat(events, ignore_index=True)} if events else {}),
        provenance=provenance(raw, [path], [len(cells)]),
    )


def _days(cells: pd.Series) -> pd.Series:
    """Days as numbers; only an empty cell is a day that is not known."""
    days = pd.to_numeric(cells, errors="coerce")
    wrong = int((days.isna() & cells.notna()).sum())
    if wrong:
        raise RecordsError(f"column {cells.name}: {wrong} row(s) hold something that is no day")
    return days


def _event(cells: pd.DataFrame, person_id: pd.Series, event: Event) -> pd.DataFrame:
    # An event on an unknown day ends nobody's follow-up on any day; such people have no last
    # observed day either, and count as missing.
    happened = cells[event.day].notna()
    for column, code in event.when.items():
        happened &= cells[column] == code
    return pd.DataFrame(
        {
            "person_id": person_id[happened],
            "day": cells.loc[happened, event.day],
            "kind": event.kind,
        }
    )
