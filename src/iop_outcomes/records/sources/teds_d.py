"""SAMHSA TEDS-D: one row per discharge, and no person in it.

What the file cannot say, these records do not hold: there is no follow-up after discharge, so
relapse and readmission cannot be asked of them, and a length of stay above 30 days is a band, so
it has no day.
"""

from functools import cache
from pathlib import Path
from typing import Annotated

import pandas as pd
import yaml
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.extract import provenance, read_extract
from iop_outcomes.records.schema import Records

CODEBOOK = Path(__file__).with_name("codebooks") / "teds_d.yaml"


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TedsD:
    """Where the yearly files lie, below data/raw."""

    files: Annotated[tuple[str, ...], Field(min_length=1)]


@cache
def codebook() -> dict:
    """The vintages, variables and codes that are read."""
    return yaml.safe_load(CODEBOOK.read_text("utf-8"))


def read(raw: Path, source: TedsD) -> Records:
    """Read yearly files with numeric codes and stack their discharges."""
    paths = [raw / file for file in source.files]
    tables = [read_extract(path, ["DISYR"]) for path in paths]
    stays = pd.concat(
        [_stays(table, path) for table, path in zip(tables, paths, strict=True)],
        ignore_index=True,
    )
    # CASEID names an episode, is not in every vintage, and must not look like a person.
    stays["person_id"] = [f"discharge {number + 1}" for number in range(len(stays))]
    stays["stay_id"] = stays["person_id"]
    return Records(
        persons=pd.DataFrame(
            {
                "person_id": stays["person_id"],
                "first_observed_day": None,
                "last_observed_day": None,
            }
        ),
        stays=stays,
        provenance=provenance(raw, paths, map(len, tables)),
    )


def _stays(cells: pd.DataFrame, path: Path) -> pd.DataFrame:
    book = codebook()
    years = set(cells["DISYR"].dropna())
    unknown = years - {str(year) for year in book["years"]}
    if unknown or not years:
        raise RecordsError(
            f"{path}: column DISYR holds a year whose codes are not known; known are "
            f"{book['years']}"
        )
    words = {name: _decoded(cells, name, spec, path) for name, spec in book["variables"].items()}
    days = _lengths_of_stay(_present(cells, ["LOS"], path), path)
    return pd.DataFrame(
        {
            "facility_id": None,
            "start_day": 0,
            "end_day": days,
            "admission_year": None,
            "discharge_year": cells["DISYR"],
            **words,
        }
    )


def _lengths_of_stay(codes: pd.Series, path: Path) -> pd.Series:
    """Days of stays up to 30 days; longer ones are bands (31 to 37), -9 is missing: no day."""
    number = pd.to_numeric(codes, errors="coerce")
    known = number.isin([-9, *range(1, 38)])
    strangers = int((~known & codes.notna()).sum())
    if strangers:
        raise RecordsError(
            f"{path}: column LOS holds codes that the codebook does not, in {strangers} row(s); "
            "are these its numeric codes, and not days?"
        )
    return number.where(number.between(1, 30))


def _decoded(cells: pd.DataFrame, name: str, spec: dict, path: Path) -> pd.Series:
    codes = _present(cells, spec["columns"], path)
    words = codes.map({str(code): word for code, word in spec["codes"].items()})
    missing = codes.isna() | codes.isin([str(code) for code in spec.get("missing", [])])
    strangers = int((words.isna() & ~missing).sum())
    if strangers:
        raise RecordsError(
            f"{path}: column {codes.name} holds codes that the codebook does not, in {strangers} "
            f"row(s); are these the numeric codes of {name}?"
        )
    return words


def _present(cells: pd.DataFrame, names: list[str], path: Path) -> pd.Series:
    for name in names:
        if name in cells.columns:
            return cells[name]
    raise RecordsError(f"{path} lacks the column {' (or '.join(names)}{')' * (len(names) - 1)}")
