"""SAMHSA TEDS-A: one row per admission, and no person in it.

For monitoring who is admitted where. A row has no exit, no length of stay and no outcome: neither
retention nor relapse can be asked of these records. Words are those of TEDS-D, so that admissions
and discharges can be laid side by side.
"""

from pathlib import Path
from typing import Annotated

import pandas as pd
from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from iop_outcomes.records.schema import Records
from iop_outcomes.records.sources.teds_contract import variables
from iop_outcomes.records.sources.teds_stays import as_records, read_stays


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class TedsA:
    """Where the files lie, below data/raw.

    Attributes
    ----------
    files
        In any of the formats SAMHSA offers but SAS; each may hold several years.
    """

    files: Annotated[tuple[str, ...], Field(min_length=1)]


def read(raw: Path, source: TedsA) -> Records:
    """Read files of any years and stack their admissions."""
    stays, provenance = read_stays(raw, source.files, variables("teds_a"), "teds_a")
    stays = stays.rename(columns={"year": "admission_year"})
    return as_records(stays.assign(end_day=pd.NA, exit_reason=None), "admission ", provenance, {})
