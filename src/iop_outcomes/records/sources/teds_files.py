"""TEDS-D files as they come: comma- or tab-separated text, zipped or not, SPSS, Stata, R, Parquet.

Whatever the format, a file is its column names and a stream of blocks of a few hundred thousand
rows, in which each column asked for is a list of distinct cells, as text, and one position per row.
Columns that are not asked for are never read.
"""

import struct
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyreadstat
import rdata
from pyarrow import parquet

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.sources.teds_cells import Block, as_block
from iop_outcomes.records.sources.teds_text import read_text

BLOCK_ROWS = 250_000

Reader = tuple[list[str], Callable[[list[str]], Iterator[Block]]]


@dataclass(frozen=True)
class RawFile:
    """A file that was found to be a table.

    Attributes
    ----------
    columns
        Name in capitals to name as written.
    blocks
        Reads the columns of these written names.
    """

    columns: dict[str, str]
    blocks: Callable[[list[str]], Iterator[Block]]


def open_file(path: Path) -> RawFile:
    """Read a file's column names, by its suffix, and say how to read on.

    Raises
    ------
    RecordsError
        It is not there, is of another kind, or is no table.
    """
    if not path.is_file():
        raise RecordsError(
            f"{path} is not there; put the extract in {path.parent}, or mend protocol.source"
        )
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise RecordsError(f"{path}: a file of this kind is not read; known are {sorted(READERS)}")
    names, blocks = reader(path)
    columns = {name.strip().upper(): name for name in names}
    if len(columns) < len(names):
        raise RecordsError(
            f"{path} has two columns of the same name; is the header line there, each name once?"
        )
    return RawFile(columns, lambda wanted: _read_ahead(blocks(wanted)))


def _read_ahead(blocks: Iterator[Block]) -> Iterator[Block]:
    """The same blocks, each read while the one before it is being decoded."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = reader.submit(next, blocks, None)
            yield block


def _parquet(path: Path) -> Reader:
    def blocks(wanted: list[str]) -> Iterator[Block]:
        with _whole(path, "Parquet", pa.ArrowException, OSError), parquet.ParquetFile(path) as file:
            for name in wanted:
                if pa.types.is_nested(file.schema_arrow.field(name).type):
                    raise RecordsError(f"{path}: column {name} holds no plain cells; export codes")
            yield from map(as_block, file.iter_batches(BLOCK_ROWS, columns=wanted))

    with _whole(path, "Parquet", pa.ArrowException, OSError):
        return parquet.read_schema(path).names, blocks


def _spss(path: Path) -> Reader:
    def blocks(wanted: list[str]) -> Iterator[Block]:
        with _whole(path, "SPSS", pyreadstat.ReadstatError, UnicodeDecodeError):
            tables = pyreadstat.read_file_in_chunks(
                pyreadstat.read_sav, str(path), BLOCK_ROWS, usecols=wanted, user_missing=True
            )  # -9 is declared missing there
            yield from (as_block(_record_batch(table)) for table, _ in tables)

    with _whole(path, "SPSS", pyreadstat.ReadstatError, UnicodeDecodeError):
        return pyreadstat.read_sav(str(path), metadataonly=True)[1].column_names, blocks


def _stata(path: Path) -> Reader:
    def blocks(wanted: list[str]) -> Iterator[Block]:
        with (
            _whole(path, "Stata", ValueError, OSError, struct.error),
            pd.read_stata(
                path, columns=wanted, convert_categoricals=False, chunksize=BLOCK_ROWS
            ) as tables,
        ):
            yield from (as_block(_record_batch(table)) for table in tables)

    with (
        _whole(path, "Stata", ValueError, OSError, struct.error),
        pd.read_stata(path, iterator=True) as file,
    ):
        return list(file.variable_labels()), blocks


@contextmanager
def _whole(path: Path, format_: str, *complaints: type[Exception]) -> Iterator[None]:
    """What a reader complains of in a damaged file, in words that quote no cell."""
    try:
        yield
    except complaints:
        raise RecordsError(
            f"{path} is no {format_} file, or a damaged one; download or export it again"
        ) from None


def _r(path: Path) -> Reader:
    """The one table of an R file, which has to be read whole: it takes some GiB for a year."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of attributes that only R has a use for
            reader = rdata.read_rds if path.suffix.lower() == ".rds" else rdata.read_rda
            found = reader(path)
    except Exception:  # whatever a damaged file makes the parser stumble over
        raise RecordsError(f"{path} is no R file; download or export it again") from None
    objects = found.values() if isinstance(found, dict) else [found]
    tables = [each for each in objects if isinstance(each, pd.DataFrame)]
    if len(tables) != 1:
        raise RecordsError(f"{path} holds {len(tables)} tables; save the one table alone")
    return list(map(str, tables[0].columns)), lambda wanted: (
        as_block(_record_batch(tables[0].iloc[start : start + BLOCK_ROWS][wanted]))
        for start in range(0, len(tables[0]), BLOCK_ROWS)
    )


READERS = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".zip"), read_text),
    ".sav": _spss,
    ".dta": _stata,
    **dict.fromkeys((".rdata", ".rda", ".rds"), _r),
    ".parquet": _parquet,
}


def _record_batch(table: pd.DataFrame) -> pa.RecordBatch:
    return pa.RecordBatch.from_pandas(table, preserve_index=False)
