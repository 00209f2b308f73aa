"""A site's export: one file or sheet for each canonical table, in its columns or in their own."""

from dataclasses import field
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import Field
from pydantic.dataclasses import dataclass

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.deidentification import SAFE_HARBOR, Profile
from iop_outcomes.records.deidentification.identifiers import Identifier
from iop_outcomes.records.files.extract import numbers_where_possible, provenance, read_extract
from iop_outcomes.records.quality import LARGEST_SHARE, Quality, set_aside
from iop_outcomes.records.quality.accounting import accounts
from iop_outcomes.records.quality.contract import Fault, fault
from iop_outcomes.records.schema import OPEN, TABLES, Records
from iop_outcomes.records.sources.calendar import Calendar, dates_to_days
from iop_outcomes.records.sources.columns import (
    STRICT,
    From,
    Source,
    recoded_where_named,
    words_named,
)

NEEDED = ("persons", "stays")
OFFERED = ("services", "tests", "scores", "events", "truth")
Table = Literal["persons", "stays", "services", "tests", "scores", "events"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class OneMapping:
    """Where one canonical table is found, and how its columns are called there.

    Attributes
    ----------
    file
        Below the export's folder: .csv, .csv.gz, .xlsx or .parquet.
    sheet
        Of a workbook.
    columns
        Canonical column to theirs. A column that may be empty may be left out; without `stay_id`
        the rows are numbered.
    covariates
        Further columns of persons or stays: name in the records to theirs.
    """

    file: str
    sheet: str | None = None
    columns: dict[str, Source]
    covariates: dict[str, Source] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class SiteExport:
    """Where the files lie.

    Attributes
    ----------
    folder
        Below data/raw.
    tables
        How each table is found. Without it the folder holds `persons.csv` and `stays.csv`, and
        may hold `services.csv`, `tests.csv`, `scores.csv` and `events.csv`, in our columns.
    calendar
        How dates are written, if the day columns hold dates. `persons` may then be left out.
    profile
        How the records were de-identified, and by whose leave they hold dates if they do.
    largest_quarantine
        Share of a table's rows that may be set aside before the export is refused.
    quality
        Rules that are treated otherwise than by themselves.
    """

    folder: str = "."
    tables: Annotated[dict[Table, OneMapping], Field(min_length=1)] | None = None
    calendar: Calendar | None = None
    profile: Profile = SAFE_HARBOR
    largest_quarantine: Annotated[float, Field(ge=0, le=1)] = LARGEST_SHARE
    quality: Quality = field(default_factory=dict)


def read(raw: Path, source: SiteExport) -> Records:
    """Read every table that is there."""
    if source.calendar is not None and Identifier.DATE not in source.profile.allowed:
        raise RecordsError(
            f"protocol.source.calendar: {source.profile.method} lets no dates in; name the "
            "data use agreement (profile: {method: limited_data_set, agreement_id: ...}), or the "
            "expert who signed"
        )
    folder = raw / source.folder
    mappings = _mappings(source, folder)
    tables, faults, files, rows = {}, [], {}, []
    for name, mapping in mappings.items():
        path = folder / mapping.file
        cells = read_extract(path, _needed(mapping), name in OFFERED, mapping.sheet, source.profile)
        tables[name], unnamed = _laid_out(name, mapping, cells) if source.tables else (cells, [])
        faults += unnamed
        files[name] = path
        rows.append(len(cells))
    if source.calendar is not None:
        tables, no_dates = dates_to_days(tables, source.calendar)
        faults += no_dates
    for name in NEEDED:
        covariates = [column for column in tables[name] if column not in TABLES[name]]
        tables[name] = numbers_where_possible(tables[name], covariates)
    truth = {"truth": tables.pop("truth")} if "truth" in tables else {}
    origin = provenance(raw, files.values(), rows)
    found = set_aside(
        tables,
        source.largest_quarantine,
        quality=source.quality,
        found=faults,
        files=dict(zip(files, origin["file"], strict=True)),
    )
    return Records(**found.tables, **truth, **accounts(found), provenance=origin)


def _mappings(source: SiteExport, folder: Path) -> dict[str, OneMapping]:
    if source.tables is None:
        _refuse_passed_over(folder)
        here = [*NEEDED, *(name for name in OFFERED if (folder / f"{name}.csv").is_file())]
        return {
            name: OneMapping(
                file=f"{name}.csv",
                columns={
                    column: From(column=column)
                    for column, spec in TABLES[name].items()
                    if not spec.optional
                },
            )
            for name in here
        }
    needed = NEEDED if source.calendar is None else ("stays",)
    absent = [name for name in needed if name not in source.tables]
    if absent:
        raise RecordsError(f"protocol.source.tables: say where {absent} are found")
    for name, mapping in source.tables.items():
        where = f"protocol.source.tables.{name}"
        strangers = sorted(set(mapping.columns) - set(TABLES[name]))
        if strangers:
            raise RecordsError(f"{where}.columns: unknown {strangers}; known are {[*TABLES[name]]}")
        unsaid = [
            column
            for column, spec in TABLES[name].items()
            if not spec.nullable and column not in mapping.columns and column != "stay_id"
        ]
        if unsaid:
            raise RecordsError(f"{where}.columns: say where {unsaid} stand(s)")
        if mapping.covariates and name not in OPEN:
            raise RecordsError(f"{where}: only {sorted(OPEN)} have covariates")
        doubled = sorted(set(mapping.covariates) & set(TABLES[name]))
        if doubled:
            raise RecordsError(f"{where}.covariates: {doubled} are columns of the table itself")
    return dict(source.tables)


def _refuse_passed_over(folder: Path) -> None:
    """A table that nobody looks for under its name would be missed by nobody."""
    ours = [f"{name}.csv" for name in (*NEEDED, *OFFERED)]
    others = sorted(
        path.name
        for path in (folder.iterdir() if folder.is_dir() else ())
        if path.name not in ours and path.stem.lower() in (*NEEDED, *OFFERED)
    )
    if others:
        raise RecordsError(
            f"{folder} holds {others}, which would not be read; call the tables {ours}, or say in "
            "protocol.source.tables where each is found"
        )


def _needed(mapping: OneMapping) -> list[str]:
    origins = [*mapping.columns.values(), *mapping.covariates.values()]
    return sorted({origin.column for origin in origins if origin.column is not None})


def _laid_out(
    name: str, mapping: OneMapping, cells: pd.DataFrame
) -> tuple[pd.DataFrame, list[Fault]]:
    """Their cells under our names, and the cells whose code has no word.

    What they do not have is empty, and other columns stay away.
    """
    columns, faults = {}, []
    for ours, origin in {**mapping.columns, **mapping.covariates}.items():
        columns[ours], unnamed = recoded_where_named(cells, origin)
        if unnamed.any():
            hint = words_named(origin)
            faults.append(fault(name, "unknown_code", origin.column, unnamed, hint))
    empty = dict.fromkeys(TABLES[name])
    table = pd.DataFrame({**empty, **columns}, index=cells.index)
    if name == "stays" and "stay_id" not in mapping.columns:
        table["stay_id"] = [f"stay {number + 1}" for number in range(len(table))]
    return table, faults
