"""A year of TEDS-D: this package's reader against pandas.read_csv with the same recoding.

    python benchmarks/teds_d_year.py [rows]

Makes a file of 1.7 million discharges in the layout of 2019 from the contract's codes, in a
temporary folder, and reads it in a process of its own with each: wall time and largest resident
memory. `reader` stops at the words, as `pandas` does. `records` is what a study calls, which takes
the file's SHA-256, counts what is missing by level of care and state and how far people could be
told apart, and holds every table to its contract. `parquet` writes the records as the study does,
and `pandas_parquet` its words.
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from iop_outcomes.records.ingestion import read_records
from iop_outcomes.records.sources.teds_contract import codebook, variables, vintage_of_year
from iop_outcomes.records.sources.teds_stays import read_stays
from iop_outcomes.workspace import Workspace

YEAR = 2019
ROWS = 1_700_000
MIB = 1 << 20


def main() -> None:
    """Make the file, read it with both, and say how they compare."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / vintage_of_year()[YEAR].file
        make_year(path, rows)
        say(f"{rows} rows, 76 columns, {path.stat().st_size // MIB} MiB, {os.cpu_count()} cores")
        race = {name: run(name, path) for name in READERS}
    for name, result in race.items():
        seconds, memory = result["seconds"], result["memory"]
        say(f"{name:>14}: {seconds:6.1f} s, {memory:6.0f} MiB at the most")
    for name, other in OURS.items():
        ours, theirs = race[name], race[other]
        say(
            f"{name} / {other}: wall time {ours['seconds'] / theirs['seconds']:.2f}, "
            f"memory {ours['memory'] / theirs['memory']:.2f}, "
            f"same counts of every word: {ours['counts'] == theirs['counts']}"
        )


def make_year(path: Path, rows: int, seed: int = 1) -> None:
    """Discharges whose columns are drawn at random from the codes of 2019, independently."""
    random = np.random.default_rng(seed)
    book = codebook(vintage_of_year()[YEAR].block)
    columns = {}
    for name in vintage_of_year()[YEAR].columns:
        codes = list(book[name].codes) if name in book else []
        columns[name] = random.choice(codes or [-9], rows).astype(np.int16)
    columns["DISYR"][:] = YEAR
    columns["CASEID"] = np.arange(20191000000, 20191000000 + rows)
    csv.write_csv(pa.table(columns), path, csv.WriteOptions(quoting_style="none"))


def run(name: str, path: Path) -> dict:
    """What one reader needs, measured by itself in a fresh process."""
    out = subprocess.run(
        [sys.executable, __file__, name, str(path)], capture_output=True, text=True, check=True
    )
    return json.loads(out.stdout)


def with_reader(path: Path) -> pd.DataFrame:
    """The stays as the package reads them, not yet held to their contract."""
    return read_stays(path.parent, [path.name], variables())[0]


def with_records(path: Path) -> pd.DataFrame:
    """The stays of whole records."""
    source = {"kind": "teds_d", "files": [path.name]}
    return read_records(path.parent, SimpleNamespace(source=source)).stays


def with_pandas(path: Path) -> pd.DataFrame:
    """The same words with what anyone would write."""
    table = pd.read_csv(path)
    block = vintage_of_year()[YEAR].block
    stays = {}
    for name, variable in variables().items():
        column = next(column for column in variable.columns if column in table)
        if variable.bands:
            stays["end_day"] = table[column].where(table[column].between(1, 30))
            for end, which in (("length_low_days", 0), ("length_high_days", 1)):
                days = {code: code for code in range(1, 31)}
                days |= {code: band[which] for code, band in variable.bands.items()}
                stays[end] = table[column].map(days)
        else:
            stays[name] = table[column].map(variable.codings[block].codes)
    return pd.DataFrame(stays)


def with_parquet(path: Path) -> pd.DataFrame:
    """The stays of whole records, which are on the disk too."""
    source = {"kind": "teds_d", "files": [path.name]}
    records = read_records(path.parent, SimpleNamespace(source=source))
    Workspace(path.parent / "study").write("records", records)
    return records.stays


def with_pandas_parquet(path: Path) -> pd.DataFrame:
    """The same words with what anyone would write, on the disk too."""
    stays = with_pandas(path)
    stays.to_parquet(path.with_suffix(".parquet"))
    return stays


READERS = {
    "reader": with_reader,
    "records": with_records,
    "parquet": with_parquet,
    "pandas": with_pandas,
    "pandas_parquet": with_pandas_parquet,
}
OURS = {"reader": "pandas", "records": "pandas", "parquet": "pandas_parquet"}  # raced against


def measure(name: str, path: Path) -> dict:
    """Seconds, largest resident memory in MiB, and how often each word was read."""
    start = time.perf_counter()
    stays = READERS[name](path)
    seconds = time.perf_counter() - start
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counts = {
        column: {str(word): int(n) for word, n in sorted(stays[column].value_counts().items()) if n}
        for column in (*variables(), "end_day", "length_low_days", "length_high_days")
        if column in stays and not pd.api.types.is_numeric_dtype(stays[column])
    }
    for column in ("age_years", "end_day", "length_low_days", "length_high_days"):
        counts[column] = float(stays[column].astype("float64").sum())
    return {"seconds": seconds, "memory": memory, "counts": counts}


def say(line: str) -> None:
    """One line to whoever asked."""
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    if len(sys.argv) == 3:
        say(json.dumps(measure(sys.argv[1], Path(sys.argv[2]))))
    else:
        main()
