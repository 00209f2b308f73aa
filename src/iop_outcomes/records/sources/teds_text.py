"""TEDS as text: separated by commas or tabs, packed in a zip file or not."""

import csv
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pyarrow import csv as arrow_csv

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.files.file_kinds import kind_of
from iop_outcomes.records.sources.teds_cells import Block, as_block

# Cells are told apart fastest in small pieces, and decoded fastest in large ones.
PIECE_BYTES = 1 << 20
PIECES_IN_A_BLOCK = 16
LARGEST_UNPACKED_BYTES = 4 << 30  # the pooled file of 2006-2014 has less than 3 GiB
LONGEST_HEADER_BYTES = 1 << 20
CELL = pa.dictionary(pa.int32(), pa.binary())
KIND_BYTES = 4096
OTHER_MARKS = {";": "semicolons", "|": "vertical bars"}


def read_text(path: Path) -> tuple[list[str], Callable[[list[str]], Iterator[Block]]]:
    """The column names of a text, and how to read on.

    Raises
    ------
    RecordsError
        It is no text, is empty, or is separated by other marks.
    """
    with _bytes_of(path) as stream:
        first = stream.read(LONGEST_HEADER_BYTES)
    if not first:
        raise RecordsError(f"{path} is empty; export it again")
    kind = kind_of(first[:KIND_BYTES])
    if kind:
        raise RecordsError(f"{path} holds {kind}; give it as comma-separated text or unpacked")
    header = re.split(rb"[\r\n]", first, maxsplit=1)[0]
    if b"\x00" in header or not header.strip():
        raise RecordsError(f"{path} does not begin with a header line of text; export it again")
    line = header.decode("latin-1").removeprefix("\u00ef\u00bb\u00bf")  # a mark of UTF-8
    # The bundles of 2015-2019 are called tsv and hold commas: only the header knows.
    delimiter = max(",\t", key=line.count)
    for mark, marks in OTHER_MARKS.items():
        if line.count(mark) > line.count(delimiter):
            raise RecordsError(
                f"{path} is separated by {marks}; export it with commas or tabs between the cells"
            )
    names = next(csv.reader([line], delimiter=delimiter))
    return names, lambda wanted: _text_blocks(path, names, delimiter, wanted)


def _text_blocks(
    path: Path, names: list[str], delimiter: str, wanted: list[str]
) -> Iterator[Block]:
    try:
        with _bytes_of(path) as stream:
            batches = arrow_csv.open_csv(
                stream,
                arrow_csv.ReadOptions(column_names=names, skip_rows=1, block_size=PIECE_BYTES),
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
            while pieces := list(islice(batches, PIECES_IN_A_BLOCK)):
                yield as_block(_joined(pieces))
    except pa.ArrowInvalid as error:  # its message quotes the row
        if "Empty CSV" in str(error):
            return
        raise RecordsError(
            f"{path} has rows with more or fewer cells than its header; download or export it again"
        ) from None


def _joined(pieces: list[pa.RecordBatch]) -> pa.RecordBatch:
    table = pa.Table.from_batches(pieces).unify_dictionaries().combine_chunks()
    return table.to_batches()[0] if len(table) else pieces[0]


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
