"""A site's export: one CSV file for each canonical table, in its columns."""

from pathlib import Path

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass

from iop_outcomes.records.extract import numbers_where_possible, provenance, read_extract
from iop_outcomes.records.schema import TABLES, Records

NEEDED = ("persons", "stays")
OFFERED = ("services", "tests", "scores", "events", "truth")


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class SiteExport:
    """Where the files lie.

    Attributes
    ----------
    folder
        Below data/raw. `persons.csv` and `stays.csv` must be in it; `services.csv`, `tests.csv`,
        `scores.csv` and `events.csv` may be.
    """

    folder: str = "."


def read(raw: Path, source: SiteExport) -> Records:
    """Read every table that is there."""
    folder = raw / source.folder
    here = [*NEEDED, *(name for name in OFFERED if (folder / f"{name}.csv").is_file())]
    files = [folder / f"{name}.csv" for name in here]
    tables = {
        name: read_extract(path, TABLES[name], may_have_no_rows=name in OFFERED)
        for name, path in zip(here, files, strict=True)
    }
    for name in NEEDED:
        covariates = [column for column in tables[name] if column not in TABLES[name]]
        tables[name] = numbers_where_possible(tables[name], covariates)
    return Records(**tables, provenance=provenance(raw, files, map(len, tables.values())))
