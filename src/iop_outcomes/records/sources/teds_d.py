"""SAMHSA TEDS-D: one row per discharge, and no person in it.

What the file cannot say, these records do not hold: there is no follow-up after discharge, so
relapse and readmission cannot be asked of them, and a length of stay above 30 days is a band, so
it has no day. A word that the year's file could not hold is "not collected"; a value that was not
recorded is missing.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from iop_outcomes.records.extract import digest
from iop_outcomes.records.schema import Records
from iop_outcomes.records.sources.teds_contract import Variable, variables
from iop_outcomes.records.sources.teds_decoding import (
    LEFT_OUT,
    NOT_COLLECTED,
    Discharges,
    decode_file,
)


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TedsD:
    """Where the yearly files lie, below data/raw, and which setting counts as the level of care.

    Attributes
    ----------
    files
        In any of the formats SAMHSA offers but R and SAS; each may hold several years.
    level_of_care
        At admission, or at discharge: that of 2006-2014 is known at discharge only. Discharges
        without a setting at discharge are then left out.
    """

    files: Annotated[tuple[str, ...], Field(min_length=1)]
    level_of_care: Literal["at_admission", "at_discharge"] = "at_admission"


def read(raw: Path, source: TedsD) -> Records:
    """Read files of any vintages and stack their discharges."""
    paths = [raw / file for file in source.files]
    stays, rows = read_stays(paths, source.level_of_care)
    # CASEID names an episode, is not in every vintage, and must not look like a person.
    stays["person_id"] = "discharge " + pd.Series(range(1, len(stays) + 1)).astype("str")
    stays["stay_id"] = stays["person_id"]
    never = pd.Series(pd.NA, index=stays.index, dtype="Int64")
    return Records(
        persons=pd.DataFrame(
            {
                "person_id": stays["person_id"],
                "first_observed_day": never,
                "last_observed_day": never,
            }
        ),
        stays=stays.assign(admission_year=never),
        provenance=pd.DataFrame(
            {
                "file": [path.relative_to(raw).as_posix() for path in paths],
                "rows": rows,
                "sha256": [digest(path) for path in paths],
            }
        ),
    )


def read_stays(
    paths: Iterable[Path], level_of_care: str = "at_admission"
) -> tuple[pd.DataFrame, list[int]]:
    """Everything the files say of each discharge, and the rows of each file.

    Where the level of care is asked for as at discharge, discharges without one are left out.
    """
    asked = dict(variables())
    if level_of_care == "at_discharge":
        asked["level_of_care"] = replace(
            asked["level_of_care_at_exit"], name="level_of_care", optional=False
        )
    found = [decode_file(path, asked) for path in paths]
    stays = _stays(found, asked)
    if level_of_care == "at_discharge":
        stays = stays[stays["level_of_care"].notna()].reset_index(drop=True)
    return stays, [len(discharges.year) for discharges in found]


def _stays(found: list[Discharges], asked: dict[str, Variable]) -> pd.DataFrame:
    year = np.concatenate([discharges.year for discharges in found])
    columns = {
        "facility_id": pd.Categorical.from_codes(np.full(len(year), -1, np.int8), categories=[]),
        "start_day": np.zeros(len(year), np.int8),
        "discharge_year": year,
    }
    for name, variable in asked.items():
        position = np.concatenate([discharges.position[name] for discharges in found])
        if variable.bands:
            columns |= _lengths_of_stay(position, variable)
        elif all(isinstance(word, int) for word in variable.words):
            columns[name] = _numbers(position, variable.words)
        elif (position == len(variable.words) + 1).all():
            continue  # no file has it
        else:
            columns[name] = pd.Categorical.from_codes(
                position, categories=[*variable.words, NOT_COLLECTED, LEFT_OUT], validate=False
            )
    return pd.DataFrame(columns)


def _lengths_of_stay(position: NDArray[np.int8], variable: Variable) -> dict[str, pd.Series]:
    """The day of exit where the file has days; the lowest and highest day wherever it has any."""
    low = [variable.bands.get(code, (code, code))[0] for code in variable.words]
    high = [variable.bands.get(code, (code, code))[1] for code in variable.words]
    day = [None if code in variable.bands else code for code in variable.words]
    return {
        "end_day": _numbers(position, day),
        "length_low_days": _numbers(position, low),
        "length_high_days": _numbers(position, high),
    }


def _numbers(position: NDArray[np.int8], numbers: Iterable[int | None]) -> pd.Series:
    """The number at each position; none where there is none, or the position is negative."""
    table = pd.array([*numbers, None], dtype="Int16")
    return pd.Series(table.take(np.where(position < 0, len(table) - 1, position)))
