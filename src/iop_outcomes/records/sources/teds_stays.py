"""Decoded rows of TEDS as stays: one row each, and as many persons as rows.

CASEID names an episode, is not in every vintage, and must not look like a person; what a row is
called here says what it is.
"""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.files.extract import below, digest
from iop_outcomes.records.quality.accounting import anonymity_of_rows
from iop_outcomes.records.quality.missingness import missingness_of
from iop_outcomes.records.schema import Records, empty_table
from iop_outcomes.records.sources.teds_contract import Series, Variable
from iop_outcomes.records.sources.teds_decoding import (
    Decoded,
    decode_file,
)
from iop_outcomes.vocabulary import LEFT_OUT, NOT_COLLECTED


def read_stays(
    raw: Path, files: Iterable[str], asked: dict[str, Variable], series: Series = "teds_d"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """What the files below `raw` say of each row, `year` among it; and their provenance.

    Raises
    ------
    RecordsError
        A file is given twice, is not there, or is not as its codebook says.
    """
    paths = [raw / file for file in files]
    names = [below(raw, path) for path in paths]
    with ThreadPoolExecutor() as meanwhile:
        digests = meanwhile.map(digest, [path for path in paths if path.is_file()])
        found = [decode_file(path, asked, series) for path in paths]
    provenance = pd.DataFrame(
        {
            "file": names,
            "rows": [len(decoded.year) for decoded in found],
            "sha256": list(digests),
        }
    )
    twice = provenance.loc[provenance["sha256"].duplicated(keep=False), "file"].tolist()
    if twice:
        raise RecordsError(f"{twice} are the same file: name it once in protocol.source.files")
    return _stays(found, asked), provenance


def as_records(
    stays: pd.DataFrame, prefix: str, provenance: pd.DataFrame, left_out: Mapping[str, NDArray]
) -> Records:
    """Records of as many persons as there are stays, of whom nothing is known but these.

    Parameters
    ----------
    prefix
        What each person is called, before the number of the row over all files.
    left_out
        Rule to a boolean for each row that is set aside because of it; no row has two.
    """
    kept = ~np.logical_or.reduce([*left_out.values()]) if left_out else slice(None)
    stays = stays[kept].reset_index(drop=True)
    with ThreadPoolExecutor() as meanwhile:
        missing = meanwhile.submit(missingness_of, {"stays": stays})
        alike = meanwhile.submit(anonymity_of_rows, stays)
        names = _numbered(prefix, int(provenance["rows"].sum()))[kept].reset_index(drop=True)
        never = pd.Series(pd.NA, index=stays.index, dtype="Int64")
        aside = _quarantine(left_out, provenance)
    broken = aside["rule"].value_counts()
    return Records(
        persons=pd.DataFrame(
            {"person_id": names, "first_observed_day": never, "last_observed_day": never}
        ),
        stays=stays.assign(person_id=names, stay_id=names),
        provenance=provenance,
        quarantine=aside,
        ledger=_ledger(provenance, aside),
        broken_rules=pd.DataFrame(
            {"table": "stays", "rule": broken.index, "severity": "quarantine", "rows": broken}
        ),
        missingness=missing.result(),
        anonymity=alike.result(),
    )


def _quarantine(left_out: Mapping[str, NDArray], provenance: pd.DataFrame) -> pd.DataFrame:
    """The rows set aside, counted from 1 in the file of each."""
    ends = provenance["rows"].cumsum().to_numpy()
    parts = [empty_table("quarantine")]
    for rule, rows in left_out.items():
        row = np.flatnonzero(rows)
        file = np.searchsorted(ends, row, side="right")
        parts.append(
            pd.DataFrame(
                {
                    "table": "stays",
                    "file": provenance["file"].to_numpy()[file],
                    "row": row - (ends - provenance["rows"].to_numpy())[file] + 1,
                    "rule": rule,
                }
            )
        )
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _ledger(provenance: pd.DataFrame, aside: pd.DataFrame) -> pd.DataFrame:
    """Rows that say the same are different people here, and none is a duplicate."""
    quarantined = provenance["file"].map(aside["file"].value_counts()).fillna(0).astype(int)
    return pd.DataFrame(
        {
            "table": "stays",
            "file": provenance["file"],
            "read": provenance["rows"],
            "accepted": provenance["rows"] - quarantined,
            "duplicates": 0,
            "quarantined": quarantined,
        }
    )


def _stays(found: list[Decoded], asked: dict[str, Variable]) -> pd.DataFrame:
    year = np.concatenate([decoded.year for decoded in found])
    columns = {
        "facility_id": pd.Categorical.from_codes(np.full(len(year), -1, np.int8), categories=[]),
        "start_day": np.zeros(len(year), np.int8),
        "year": year,
    }
    for name, variable in asked.items():
        position = np.concatenate([decoded.position[name] for decoded in found])
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


def _numbered(prefix: str, count: int) -> pd.Series:
    """Names in order, as text and as numbers."""
    numbers = pa.array(np.arange(1, count + 1)).cast(pa.string())
    padded = pc.utf8_lpad(numbers, len(str(count)), "0")
    return pd.Series(pc.binary_join_element_wise(prefix, padded, ""), dtype="str")


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
