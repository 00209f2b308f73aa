"""SAMHSA TEDS-D: one row per discharge, and no person in it.

What the file cannot say, these records do not hold: there is no follow-up after discharge, so
relapse and readmission cannot be asked of them, and a length of stay above 30 days is a band, so
it has no day. A word that the year's file could not hold is "not collected"; a value that was not
recorded is missing.
"""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from iop_outcomes.records.schema import Records
from iop_outcomes.records.sources.teds_contract import Variable, variables
from iop_outcomes.records.sources.teds_stays import as_records, read_stays

NO_SETTING = "a discharge without a setting at discharge"


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TedsD:
    """Where the yearly files lie, below data/raw, and which setting counts as the level of care.

    Attributes
    ----------
    files
        In any of the formats SAMHSA offers but SAS; each may hold several years.
    level_of_care
        At admission, or at discharge: that of 2006-2014 is known at discharge only. Discharges
        without a setting at discharge are then set aside.
    """

    files: Annotated[tuple[str, ...], Field(min_length=1)]
    level_of_care: Literal["at_admission", "at_discharge"] = "at_admission"


def read(raw: Path, source: TedsD) -> Records:
    """Read files of any vintages and stack their discharges."""
    stays, provenance = read_stays(raw, source.files, _asked(source))
    without = {}
    if source.level_of_care == "at_discharge":
        without[NO_SETTING] = stays["level_of_care"].isna().to_numpy()
    never = pd.Series(pd.NA, index=stays.index, dtype="Int64")
    stays = stays.rename(columns={"year": "discharge_year"}).assign(admission_year=never)
    return as_records(stays, "discharge ", provenance, without)


def _asked(source: TedsD) -> dict[str, Variable]:
    asked = dict(variables())
    if source.level_of_care == "at_discharge":
        at_exit = asked["level_of_care_at_exit"]
        asked["level_of_care"] = replace(at_exit, name="level_of_care", optional=False)
    return asked
