"""What every test may ask for: tables as people draw them, and the real data if it is here."""

import os
from io import StringIO
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import settings
from pydantic import TypeAdapter

from iop_outcomes.records.quality import Quality, set_aside

# A busy machine is slow and not wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")

ROOT = Path(__file__).resolve().parents[1]
QUALITY = TypeAdapter(Quality)
OPTIONAL = ("facility_id", "end_day", "exit_reason", "admission_year", "age_years")
PERSONS = """
    person_id | first_observed_day | last_observed_day
    P         | 0                  | 100
    Q         | 0                  | 50
"""


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Real public data and reference results, which are never part of the repository."""
    folder = Path(os.environ.get("IOP_OUTCOMES_SHARED", ROOT.parent / "shared"))
    if not (folder / "data").is_dir():
        pytest.skip("the shared data are not here; set IOP_OUTCOMES_SHARED to their folder")
    return folder


@pytest.fixture(scope="session")
def drawn():
    """Parse a table drawn with bars; whole numbers become Int64, empty cells are missing."""

    def parse(text: str) -> pd.DataFrame:
        lines = [line.strip() for line in text.strip().splitlines()]
        cells = "\n".join(",".join(f'"{c.strip()}"' for c in line.split("|")) for line in lines)
        table = pd.read_csv(StringIO(cells), skipinitialspace=True)
        whole = {
            name: "Int64"
            for name in table.columns
            if pd.api.types.is_numeric_dtype(table[name]) and (table[name].dropna() % 1 == 0).all()
        }
        return table.astype(whole)

    return parse


@pytest.fixture(scope="session")
def sort(drawn):
    """Set aside what cannot be so in tables drawn with bars; nothing is too much."""

    def of(largest_share=1.0, quality=None, **tables):
        found = {name: drawn(text) for name, text in {"persons": PERSONS, **tables}.items()}
        stays = found["stays"]
        absent = dict.fromkeys(name for name in OPTIONAL if name not in stays)
        if "stay_id" not in stays:
            absent["stay_id"] = [f"S{k}" for k in range(len(stays))]
        found["stays"] = stays.assign(**absent)
        return set_aside(found, largest_share, quality=QUALITY.validate_python(quality or {}))

    return of
