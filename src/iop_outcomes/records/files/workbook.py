"""An Excel workbook as a table of text, with what a workbook hides brought to light."""

import warnings
import zipfile
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

import pandas as pd
from openpyxl import load_workbook
from openpyxl.workbook import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.files.file_kinds import kind_of
from iop_outcomes.records.files.headers import check_names, refuse_nameless
from iop_outcomes.records.files.text_cells import without_blanks

LARGEST_UNPACKED_BYTES = 1 << 28  # a workbook takes some twenty times this in memory
MOST_CELLS = 20_000_000  # between the corners, empty ones counted
LARGEST_EXACT = 10**15  # a spreadsheet keeps fifteen digits and writes 0 for the others


def read_workbook(path: Path, sheet: str | None = None, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Read one sheet: the first row is the header, cells are text, empty cells are missing.

    Parameters
    ----------
    path
        An .xlsx file.
    sheet
        Its name; needed where the workbook has several. A hidden sheet must be named to be read.
    needed
        Columns it must have.

    Raises
    ------
    RecordsError
        The file is no workbook or a huge one; it has several sheets, hidden sheets, rows or
        columns, or merged cells; a formula was never computed; a number has lost its last digits;
        a header is empty or stands twice, or a needed column is missing.
    """
    refuse_other_files(path)
    book = _load(path, data_only=True)
    chosen = _sheet(book, path, sheet)
    _refuse_spread(path, chosen)
    _refuse_hidden(path, chosen)
    _refuse_uncomputed(path, chosen)
    if chosen.merged_cells.ranges:
        raise RecordsError(
            f"{path}: {len(chosen.merged_cells.ranges)} group(s) of merged cells leave cells "
            "without a value; unmerge them and fill the values down"
        )
    _refuse_long_numbers(path, chosen)
    rows = [[_text(cell) for cell in row] for row in chosen.iter_rows(values_only=True)]
    rows = [row for row in rows if any(cell is not None for cell in row)]
    if not rows:
        raise RecordsError(f"{path} is empty; export it again")
    header, *body = rows
    check_names(path, header, needed)
    used = [k for k, name in enumerate(header) if name is not None]
    unnamed = [k for k, name in enumerate(header) if name is None]
    refuse_nameless(path, [k + 1 for k in unnamed if any(row[k] is not None for row in body)])
    return pd.DataFrame(
        [[row[k] for k in used] for row in body], columns=[header[k] for k in used], dtype="str"
    )


def refuse_other_files(path: Path) -> None:
    """Refuse a file that is no workbook by its first bytes, or would fill the memory."""
    with path.open("rb") as stream:
        first = stream.read(4096)
    if not first:
        raise RecordsError(f"{path} is empty; export it again")
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        kind = None if first.startswith(b"PK") else kind_of(first)
        found = f" but {kind}" if kind else ""
        raise RecordsError(
            f"{path} is no Excel workbook{found}; save it as .xlsx again, without a password"
        ) from None
    if unpacked > LARGEST_UNPACKED_BYTES:
        raise RecordsError(
            f"{path} would unpack to {unpacked >> 20} MiB, more than the "
            f"{LARGEST_UNPACKED_BYTES >> 20} MiB that are opened; export it as CSV"
        )


def _load(path: Path, data_only: bool) -> Workbook:
    try:
        with path.open("rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and menus, which hold no values
            return load_workbook(stream, read_only=False, data_only=data_only)
    except Exception:  # whatever a damaged part of the file does to its parser
        raise RecordsError(
            f"{path} is no Excel workbook, or a damaged one; save it as .xlsx again"
        ) from None


def _sheet(book: Workbook, path: Path, sheet: str | None) -> Worksheet:
    by_name = {each.title: each for each in book.worksheets}
    if sheet is not None:
        if sheet not in by_name:
            raise RecordsError(f"{path} has no sheet `{sheet}`; check its name in protocol.source")
        return by_name[sheet]
    hidden = [s for s in [*book.worksheets, *book.chartsheets] if s.sheet_state != "visible"]
    if hidden:
        raise RecordsError(
            f"{path} has {len(hidden)} hidden sheet(s), which may hold what must not leave; delete "
            "them, or name the sheet to read in protocol.source"
        )
    if len(by_name) != 1:
        raise RecordsError(
            f"{path} has {len(by_name)} sheets; name the one to read in protocol.source"
        )
    return book.worksheets[0]


def _refuse_spread(path: Path, sheet: Worksheet) -> None:
    if sheet.max_row * sheet.max_column > MOST_CELLS:
        raise RecordsError(
            f"{path}: the sheet spans {sheet.max_row} rows and {sheet.max_column} columns; delete "
            "stray cells far from the table, or export it as CSV"
        )


def _refuse_hidden(path: Path, sheet: Worksheet) -> None:
    """Whoever hides or filters rows may take them for left out; they would be read."""
    rows = [number for number, row in sheet.row_dimensions.items() if row.hidden]
    hidden_rows = sum(_filled(sheet, min_row=number, max_row=number) for number in rows)
    spans = [
        (column.min, min(column.max, sheet.max_column))
        for column in sheet.column_dimensions.values()
        if column.hidden and column.min is not None
    ]
    hidden_columns = sum(
        _filled(sheet, min_col=number, max_col=number)
        for first, last in spans
        for number in range(first, last + 1)
    )
    if hidden_rows or hidden_columns:
        raise RecordsError(
            f"{path}: the sheet has {hidden_rows} hidden row(s) and {hidden_columns} hidden "
            "column(s), which would be read; show them or delete them"
        )


def _filled(sheet: Worksheet, **where: int) -> bool:
    rows = sheet.iter_rows(values_only=True, **where)
    return any(_text(cell) is not None for row in rows for cell in row)


def _refuse_uncomputed(path: Path, values: Worksheet) -> None:
    """A formula that no program has computed yet would read as an empty cell."""
    written = _load(path, data_only=False)[values.title]
    uncomputed = sum(
        cell.data_type == "f" and values[cell.coordinate].value is None
        for row in written.iter_rows()
        for cell in row
    )
    if uncomputed:
        raise RecordsError(
            f"{path}: {uncomputed} formula(s) hold no value yet; open the workbook in a "
            "spreadsheet program, save it, and export again"
        )


def _refuse_long_numbers(path: Path, sheet: Worksheet) -> None:
    long = sum(
        isinstance(cell, int | float) and abs(cell) >= LARGEST_EXACT
        for row in sheet.iter_rows(values_only=True)
        for cell in row
    )
    if long:
        raise RecordsError(
            f"{path}: {long} number(s) have more digits than a spreadsheet keeps; enter such codes "
            "as text, from where they came"
        )


def _text(cell: object) -> str | None:
    """A cell as it would stand in a CSV file: whole numbers without their .0."""
    if isinstance(cell, str):
        return without_blanks(cell) or None
    if cell is None:
        return None
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    return without_blanks(str(cell)) or None
