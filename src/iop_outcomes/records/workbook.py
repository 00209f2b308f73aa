"""An Excel workbook as a table of text, with what a workbook hides brought to light."""

from datetime import date, datetime
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from iop_outcomes.errors import RecordsError


def read_workbook(path: Path, sheet: str | None = None) -> pd.DataFrame:
    """Read one sheet: the first row is the header, cells are text, empty cells are missing.

    Parameters
    ----------
    path
        An .xlsx file.
    sheet
        Its name; needed where the workbook has several. A hidden sheet must be named to be read.

    Raises
    ------
    RecordsError
        The file is no workbook; it has several sheets, hidden ones or merged cells; a formula was
        never computed; a header is empty or stands twice.
    """
    try:
        book = load_workbook(path, read_only=False, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError):
        raise RecordsError(f"{path} is no Excel workbook; save it as .xlsx again") from None
    chosen = book[_sheet_name(book, path, sheet)]
    _refuse_uncomputed(path, chosen)
    if chosen.merged_cells.ranges:
        raise RecordsError(
            f"{path}: {len(chosen.merged_cells.ranges)} group(s) of merged cells leave cells "
            "without a value; unmerge them and fill the values down"
        )
    rows = [[_text(cell) for cell in row] for row in chosen.iter_rows(values_only=True)]
    rows = [row for row in rows if any(cell is not None for cell in row)]
    if not rows:
        raise RecordsError(f"{path} is empty; export it again")
    header, *body = rows
    used = [k for k in range(len(header)) if header[k] is not None or any(r[k] for r in body)]
    names = [header[k] for k in used]
    if None in names or len(set(names)) < len(names):
        raise RecordsError(f"{path}: every column needs a header of its own in the first row")
    return pd.DataFrame([[row[k] for k in used] for row in body], columns=names, dtype="str")


def _refuse_uncomputed(path: Path, values) -> None:
    """A formula that no program has computed yet would read as an empty cell."""
    written = load_workbook(path, data_only=False)[values.title]
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


def _sheet_name(book, path: Path, sheet: str | None) -> str:
    if sheet is not None:
        if sheet not in book.sheetnames:
            raise RecordsError(f"{path} has no sheet `{sheet}`; check its name in protocol.source")
        return sheet
    hidden = [s for s in book.worksheets if s.sheet_state != "visible"]
    if hidden:
        raise RecordsError(
            f"{path} has {len(hidden)} hidden sheet(s), which may hold what must not leave; delete "
            "them, or name the sheet to read in protocol.source"
        )
    if len(book.worksheets) > 1:
        raise RecordsError(
            f"{path} has {len(book.worksheets)} sheets; name the one to read in protocol.source"
        )
    return book.sheetnames[0]


def _text(cell: object) -> str | None:
    """A cell as it would stand in a CSV file: whole numbers without their .0."""
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return None
    if isinstance(cell, bool):
        return str(int(cell))
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date):
        return cell.isoformat()[:10]
    return str(cell).strip()
