"""TEDS-D files as they come: comma- or tab-separated text, zipped or not, SPSS, Stata, Parquet.

Whatever the format, a file is its column names and a stream of blocks of a few hundred thousand
rows, in which each column asked for is a list of distinct cells, as text, and one position per row.
Columns that are not asked for are never read.
"""

import csv
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyreadstat
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv
from pyarrow import parquet

from iop_outcomes.errors import RecordsError

BLOCK_ROWS = 250_000
BLOCK_BYTES = 1 << 24
LARGEST_UNPACKED_BYTES = 4 << 30  # the pooled file of 2006-2014 has less than 3 GiB
LONGEST_HEADER_BYTES = 1 << 20
CELL = pa.dictionary(pa.int32(), pa.binary())


@dataclass(frozen=True)
class Cells:
    """One column of one block: its distinct cells, and which of them each row has; -1 is empty."""

    distinct: list[str]
    position: NDArray[np.int32]


Block = dict[str, Cells]


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
        raise RecordsError(f"{path} has two columns of the same name; export it again")
    return RawFile(columns, blocks)


def _text(path: Path) -> tuple[list[str], Callable[[list[str]], Iterator[Block]]]:
    with _bytes_of(path) as stream:
        line = stream.readline(LONGEST_HEADER_BYTES)
    if b"\x00" in line or (line and not line.strip()):
        raise RecordsError(f"{path} does not begin with a header line of text; export it again")
    if not line:
        raise RecordsError(f"{path} is empty; export it again")
    header = line.decode("latin-1").removeprefix("\u00ef\u00bb\u00bf")  # a mark of UTF-8
    # The bundles of 2015-2019 are called tsv and hold commas: only the header knows.
    delimiter = "\t" if header.count("\t") > header.count(",") else ","
    names = next(csv.reader([header.rstrip("\r\n")], delimiter=delimiter))
    return names, lambda wanted: _text_blocks(path, names, delimiter, wanted)


def _text_blocks(
    path: Path, names: list[str], delimiter: str, wanted: list[str]
) -> Iterator[Block]:
    try:
        with _bytes_of(path) as stream:
            batches = arrow_csv.open_csv(
                stream,
                arrow_csv.ReadOptions(column_names=names, skip_rows=1, block_size=BLOCK_BYTES),
                arrow_csv.ParseOptions(delimiter=delimiter),
                arrow_csv.ConvertOptions(
                    include_columns=wanted,
                    column_types=dict.fromkeys(wanted, CELL),
                    # "None" is a value of the labelled files: only the empty cell is missing.
                    null_values=[""],
                    strings_can_be_null=True,
                    check_utf8=False,
                ),
            )
            yield from map(_block, batches)
    except pa.ArrowInvalid as error:  # its message quotes the row
        if "Empty CSV" in str(error):
            return
        raise RecordsError(
            f"{path} has rows with more or fewer cells than its header; download or export it again"
        ) from None


@contextmanager
def _bytes_of(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, or those of the one member of a zip file."""
    if path.suffix.lower() != ".zip":
        with path.open("rb") as stream:
            yield stream
        return
    try:
        with zipfile.ZipFile(path) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            if len(members) != 1:
                raise RecordsError(
                    f"{path} holds {len(members)} files; give a zip file with the one table"
                )
            if members[0].file_size > LARGEST_UNPACKED_BYTES:
                raise RecordsError(
                    f"{path} would unpack to more than {LARGEST_UNPACKED_BYTES >> 20} MiB, which "
                    "no TEDS-D file does; download it again"
                )
            with archive.open(members[0]) as stream:
                yield stream
    except (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError):
        raise RecordsError(
            f"{path} is damaged, encrypted or no zip file; download it again"
        ) from None


def _parquet(path: Path) -> tuple[list[str], Callable[[list[str]], Iterator[Block]]]:
    def blocks(wanted: list[str]) -> Iterator[Block]:
        with parquet.ParquetFile(path) as file:
            yield from map(_block, file.iter_batches(BLOCK_ROWS, columns=wanted))

    try:
        names = parquet.read_schema(path).names
    except (pa.ArrowInvalid, OSError):
        raise RecordsError(f"{path} is no Parquet file; export it again") from None
    return names, blocks


def _spss(path: Path) -> tuple[list[str], Callable[[list[str]], Iterator[Block]]]:
    def blocks(wanted: list[str]) -> Iterator[Block]:
        tables = pyreadstat.read_file_in_chunks(
            pyreadstat.read_sav, str(path), BLOCK_ROWS, usecols=wanted, user_missing=True
        )  # -9 is declared missing there
        yield from (_block(_record_batch(table)) for table, _ in tables)

    try:
        _, about = pyreadstat.read_sav(str(path), metadataonly=True)
    except (pyreadstat.ReadstatError, UnicodeDecodeError):
        raise RecordsError(f"{path} is no SPSS file; export it again") from None
    return about.column_names, blocks


def _stata(path: Path) -> tuple[list[str], Callable[[list[str]], Iterator[Block]]]:
    def blocks(wanted: list[str]) -> Iterator[Block]:
        with pd.read_stata(
            path, columns=wanted, convert_categoricals=False, chunksize=BLOCK_ROWS
        ) as tables:
            yield from (_block(_record_batch(table)) for table in tables)

    try:
        with pd.read_stata(path, iterator=True) as file:
            names = list(file.variable_labels())
    except (ValueError, OSError):
        raise RecordsError(f"{path} is no Stata file; export it again") from None
    return names, blocks


READERS = {
    **dict.fromkeys((".csv", ".tsv", ".tab", ".txt", ".zip"), _text),
    ".sav": _spss,
    ".dta": _stata,
    ".parquet": _parquet,
}


def _record_batch(table: pd.DataFrame) -> pa.RecordBatch:
    return pa.RecordBatch.from_pandas(table, preserve_index=False)


def _block(batch: pa.RecordBatch) -> Block:
    return {name: _cells(batch.column(name)) for name in batch.schema.names}


def _cells(column: pa.Array) -> Cells:
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    position = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)
    return Cells([_as_text(cell) for cell in column.dictionary.to_pylist()], position)


def _as_text(cell: object) -> str:
    """A cell as text; bytes of an older file are latin-1, which has a reading for any of them."""
    if not isinstance(cell, bytes):
        return "" if cell is None or cell != cell else str(cell)
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.decode("latin-1")
