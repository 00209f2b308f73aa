"""Comma-separated text, read so that no row is lost and no cell shifted or made up."""

import csv
import gzip
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv as arrow_csv

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.files.file_kinds import kind_of
from iop_outcomes.records.files.headers import check_names, refuse_nameless
from iop_outcomes.records.files.text_cells import trimmed, without_blanks

OTHER_MARKS = {";": "semicolons", "\t": "tabs", "|": "vertical bars"}
CHUNK_BYTES = 1 << 20
CHUNK_ROWS = 100_000
LARGEST_UNPACKED_BYTES = 1 << 30  # of a gzip file, which may hold a thousand times its size
ENCODING = "utf-8-sig"  # with or without the mark that spreadsheets put first


def read_delimited_text(path: Path, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Read a CSV file in UTF-8, as it is or packed by gzip; the first line is the header.

    Cells are text. Lines without any cell are no rows; a column without a name or any cell is no
    column. Blanks around a name or a cell are no part of it, and an empty cell is missing.

    Raises
    ------
    RecordsError
        The file is something else, is separated by another mark, lacks a needed column, has rows
        with more or fewer cells than the header, or quotation marks that do not pair.
    """
    path = Path(str(path))  # the file as it lies there, whatever its class would make of it
    look = _look(path)
    if not look.filled:
        raise RecordsError(f"{path} is empty; export it again")
    kind = kind_of(look.first)
    if kind:
        raise RecordsError(f"{path} is {kind}; save it as comma-separated text in UTF-8")
    if look.nuls:
        raise RecordsError(
            f"{path} holds {look.nuls} NUL byte(s), as files do that were cut off or damaged; "
            "export it again"
        )
    try:
        names, line = _header(path, needed)
        quick = None if look.quotes or line != 1 else _plain_text(path, len(names))
        table = quick or _quoted_text(path, len(names))
    except UnicodeDecodeError:
        raise RecordsError(f"{path} is not text in UTF-8; export it again as one") from None
    return _named(path, names, [trimmed(column) for column in table.columns])


@dataclass(frozen=True)
class Look:
    """What the bytes of a file tell before any of them is read as text."""

    first: bytes
    filled: bool
    nuls: int
    quotes: bool


@contextmanager
def _bytes_of(path: Path) -> Iterator[BinaryIO]:
    if path.suffix.lower() != ".gz":
        with path.open("rb") as stream:
            yield stream
        return
    try:
        with gzip.open(path) as stream:
            yield stream
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise RecordsError(
            f"{path} cannot be unpacked: it was cut off, is damaged or no gzip file; copy it again"
        ) from None


@contextmanager
def _text_of(path: Path) -> Iterator[TextIOWrapper]:
    with _bytes_of(path) as stream:
        yield TextIOWrapper(stream, encoding=ENCODING, newline="")


def _look(path: Path) -> Look:
    first, filled, nuls, quotes, size = b"", False, 0, False, 0
    with _bytes_of(path) as stream:
        while chunk := stream.read(CHUNK_BYTES):
            size += len(chunk)
            if path.suffix.lower() == ".gz" and size > LARGEST_UNPACKED_BYTES:
                raise RecordsError(
                    f"{path} would unpack to more than {LARGEST_UNPACKED_BYTES >> 20} MiB; unpack "
                    "it and give the file itself, if it is what it should be"
                )
            first = first or chunk[:4096]
            filled = filled or bool(chunk.removeprefix(b"\xef\xbb\xbf").strip())
            nuls += chunk.count(0)
            quotes = quotes or b'"' in chunk
    return Look(first, filled, nuls, quotes)


def _header(path: Path, needed: Sequence[str]) -> tuple[list[str], int]:
    """The names, and the line they stand in."""
    with _text_of(path) as stream:
        cells, line = next(_rows(path, csv.reader(stream, strict=True)))
    names = [without_blanks(cell) for cell in cells]
    if names[0].casefold().startswith("sep="):
        raise RecordsError(
            f"{path} begins with a line for Excel (sep=), not with its header; delete that line"
        )
    found = len(set(needed) & set(names))
    for mark, word in OTHER_MARKS.items():
        others = {without_blanks(name).strip('"') for name in ",".join(names).split(mark)}
        if len(set(needed) & others) > found or (len(names) == 1 and mark in names[0]):
            raise RecordsError(
                f"{path} seems to be separated by {word}; export it again with commas between the "
                "cells (and points in numbers)"
            )
    check_names(path, names, needed)
    return names, line


def _plain_text(path: Path, width: int) -> pa.Table | None:
    """A file without quotation marks, quickly; None if any row is not as the header says."""
    everything = [str(number) for number in range(width)]
    try:
        with _bytes_of(path) as stream:
            return arrow_csv.read_csv(
                stream,
                arrow_csv.ReadOptions(column_names=everything, skip_rows=1),
                arrow_csv.ParseOptions(quote_char=False),
                arrow_csv.ConvertOptions(column_types=dict.fromkeys(everything, pa.large_string())),
            )
    except pa.ArrowInvalid:  # the slow way tells what it is
        return None


def _quoted_text(path: Path, width: int) -> pa.Table:
    """A file with whatever is in it, or what is wrong with its rows."""
    batches, batch = [], []
    more, fewer, swallowed = [], [], []
    with _text_of(path) as stream:
        reader = csv.reader(stream, strict=True)
        rows = _rows(path, reader)
        next(rows)
        for cells, line in rows:
            if len(cells) != width:
                (more if len(cells) > width else fewer).append(line)
                continue
            if reader.line_num > line and _hold_rows(cells):
                swallowed.append(line)
            batch.append(cells)
            if len(batch) == CHUNK_ROWS:
                batches.append(_columns(batch, width))
                batch = []
    _refuse_uneven(path, more, fewer)
    if swallowed:
        raise RecordsError(
            f"{path} has {len(swallowed)} cell(s) that hold whole rows, the first in line "
            f"{swallowed[0]}, as if a quotation mark were left open; export it again"
        )
    return pa.concat_tables([*batches, _columns(batch, width)])


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[list[str], int]]:
    """Rows that hold anything, each with the line in which it begins."""
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and without_blanks(cells[0])):
                yield cells, line
            line = reader.line_num + 1
    except csv.Error as error:
        if "field limit" in str(error):
            raise RecordsError(
                f"{path} has a cell of more than {csv.field_size_limit()} characters in the row "
                f"that begins in line {line}, as if a quotation mark were left open; export it "
                "again"
            ) from None
        raise RecordsError(
            f"{path} has quotation marks that do not pair in the row that begins in line {line}; "
            "export it again, with quotation marks inside a cell doubled"
        ) from None


def _hold_rows(cells: list[str]) -> bool:
    """Whether a line inside a cell has as many commas as a row."""
    return any(
        line.count(",") >= len(cells) - 1 > 0 for cell in cells for line in cell.splitlines()[1:]
    )


def _refuse_uneven(path: Path, more: list[int], fewer: list[int]) -> None:
    if more:
        raise RecordsError(
            f"{path} has {len(more)} row(s) with more cells than its header, the first in line "
            f"{more[0]}; put quotation marks around cells that hold commas, and export it again"
        )
    if fewer:
        raise RecordsError(
            f"{path} has {len(fewer)} row(s) with fewer cells than its header, the first in line "
            f"{fewer[0]}; it may have been cut off, so export it again"
        )


def _columns(rows: list[list[str]], width: int) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [[]] * width
    return pa.table(
        [pa.array(column, pa.large_string()) for column in columns],
        names=[str(number) for number in range(width)],
    )


def _named(path: Path, names: list[str], columns: list[pa.ChunkedArray]) -> pd.DataFrame:
    used = [number for number, name in enumerate(names) if name]
    unnamed = [number for number, name in enumerate(names) if not name]
    refuse_nameless(path, [k + 1 for k in unnamed if columns[k].null_count < len(columns[k])])
    table = pa.table([columns[k] for k in used], names=[names[k] for k in used])
    filled = pa.array([False] * len(table), pa.bool_())
    for column in table.columns:
        if pc.all(filled, min_count=0).as_py():
            break
        filled = pc.or_(filled, column.is_valid().combine_chunks())
    return table.filter(filled).to_pandas()
