"""One raw file, opened with suspicion: missing, empty, short of a column, or naming someone."""

from collections.abc import Iterable
from hashlib import file_digest
from pathlib import Path

import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.deidentification import SAFE_HARBOR, Profile, refuse_identifiers
from iop_outcomes.records.workbook import read_workbook


def read_extract(
    path: Path,
    needed: Iterable[str],
    may_have_no_rows: bool = False,
    sheet: str | None = None,
    profile: Profile = SAFE_HARBOR,
) -> pd.DataFrame:
    """Read a CSV file or an Excel sheet as text, as written; empty cells are missing.

    Parameters
    ----------
    path
        The file.
    needed
        Columns it must have.
    may_have_no_rows
        A header alone is an answer too: nobody had such an event.
    sheet
        Of an Excel workbook.
    profile
        How the records were de-identified.

    Raises
    ------
    RecordsError
        The file is not there, is empty, is no table, or lacks a column.
    IdentifierError
        It seems to hold a direct identifier.
    """
    if not path.is_file():
        raise RecordsError(
            f"{path} is not there; put the extract in {path.parent}, or mend protocol.source"
        )
    table = read_workbook(path, sheet) if path.suffix == ".xlsx" else _read_csv(path)
    # Only the missing names are told: without a header line, the found ones are somebody's values.
    lacking = [column for column in needed if column not in table.columns]
    if lacking:
        raise RecordsError(
            f"{path} lacks the column(s) {lacking}; is the header line there, and spelled so?"
        )
    if table.empty and not may_have_no_rows:
        raise RecordsError(f"{path} has a header and no rows; export it again")
    return refuse_identifiers(table, str(path), profile)


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        # "None" and "NA" are codes in some extracts: only the empty cell is missing.
        table = pd.read_csv(path, dtype=str, keep_default_na=False, na_values=[""])
    except pd.errors.EmptyDataError:
        raise RecordsError(f"{path} is empty; export it again") from None
    except pd.errors.ParserError:
        raise RecordsError(
            f"{path} has rows with more cells than its header; export it again as "
            "comma-separated text with quotes"
        ) from None
    except UnicodeDecodeError:
        raise RecordsError(f"{path} is not text in UTF-8; export it again as one") from None
    if not isinstance(table.index, pd.RangeIndex):
        raise RecordsError(f"{path} has more cells in its rows than in its header; export it again")
    return table


def numbers_where_possible(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Turn those of `columns` into numbers whose every recorded cell is one; leave the rest text.

    Examples
    --------
    >>> cells = pd.DataFrame({"beck": ["9", None], "race": ["white", "7"]})
    >>> numbers_where_possible(cells, cells.columns).dtypes.map(str).tolist()
    ['Float64', 'str']
    """
    number = {column: pd.to_numeric(table[column], errors="coerce") for column in columns}
    return table.assign(
        **{
            column: values.astype("Float64")
            for column, values in number.items()
            if not (values.isna() & table[column].notna()).any()
        }
    )


def provenance(folder: Path, files: Iterable[Path], rows: Iterable[int]) -> pd.DataFrame:
    """One row per raw file: `file` (path below `folder`), `rows`, `sha256`."""
    return pd.DataFrame(
        {
            "file": path.relative_to(folder).as_posix(),
            "rows": count,
            "sha256": digest(path),
        }
        for path, count in zip(files, rows, strict=True)
    )


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, however large it is."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
