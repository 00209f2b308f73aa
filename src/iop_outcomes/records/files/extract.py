"""One raw file, opened with suspicion: missing, damaged, short of a column, or naming someone."""

import re
from collections.abc import Iterable, Sequence
from hashlib import file_digest
from os.path import normpath
from pathlib import Path

import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.deidentification import SAFE_HARBOR, Profile, refuse_identifiers
from iop_outcomes.records.files.cell_damage import refuse_damage
from iop_outcomes.records.files.delimited_text import read_delimited_text
from iop_outcomes.records.files.parquet_file import read_parquet_file
from iop_outcomes.records.files.workbook import read_workbook

TEXT, WORKBOOKS, PARQUET = (".csv", ".csv.gz", ".txt"), (".xlsx", ".xlsm"), (".parquet",)
FEW, MANY_NUMBERS = 0.05, 20  # words for each number; numbers that differ
# Marks for a number that is not known, and numbers as people write them. A column of numbers with
# any of these among them would become a column of words, and each number a category.
NO_NUMBER = re.compile(r"n/?a|null|nan|none|nil|[.?*-]+", re.IGNORECASE)
OTHER_SPELLING = re.compile(
    r"[<>~$\u20ac\u00a3]?\s*[+\-\u2212]?\d+(?:[ ,.'\u00a0\u202f\u2019]\d{3})*(?:[.,]\d+)?\s*%?"
)


def read_extract(
    path: Path,
    needed: Iterable[str],
    may_have_no_rows: bool = False,
    sheet: str | None = None,
    profile: Profile = SAFE_HARBOR,
) -> pd.DataFrame:
    """Read a CSV file, an Excel sheet or a Parquet file as text; empty cells are missing.

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
        The file is not there, is empty, is no table, lacks a column, or holds what programs leave
        in cells on the way.
    IdentifierError
        It seems to hold a direct identifier.
    """
    needed = list(needed)
    try:
        _refuse_what_is_no_file(path)
        table = _read(path, needed, sheet)
    except OSError as error:
        reason = (error.strerror or "it broke off").lower()
        raise RecordsError(
            f"{path} cannot be read ({reason}); check it and who may read it"
        ) from None
    if table.empty and not may_have_no_rows:
        raise RecordsError(f"{path} has a header and no rows; export it again")
    return refuse_damage(refuse_identifiers(table, str(path), profile), path, needed)


def _refuse_what_is_no_file(path: Path) -> None:
    if path.is_dir():
        raise RecordsError(f"{path} is a folder and no file; mend protocol.source")
    if not path.is_file():
        raise RecordsError(
            f"{path} is not there; put the extract in {path.parent}, or mend protocol.source"
        )


def _read(path: Path, needed: Sequence[str], sheet: str | None) -> pd.DataFrame:
    name = path.name.lower()
    if name.endswith(WORKBOOKS):
        return read_workbook(path, sheet, needed)
    if sheet is not None:
        raise RecordsError(f"{path} has no sheets; take `sheet` out of protocol.source")
    if name.endswith(PARQUET):
        return read_parquet_file(path, needed)
    if name.endswith(TEXT):
        return read_delimited_text(path, needed)
    known = [*TEXT, *WORKBOOKS, *PARQUET]
    raise RecordsError(
        f"{path}: a file of this kind is not read; unpack it or export it as one of {known}"
    )


def numbers_where_possible(table: pd.DataFrame, columns: Iterable[str]) -> pd.DataFrame:
    """Turn those of `columns` into numbers whose every recorded cell is one; leave words as text.

    Raises
    ------
    RecordsError
        A column seems to be meant as numbers and has words, marks such as NA, or numbers such as
        1,234 and 9,5 among them; or a number too large to be one. Says how many.

    Examples
    --------
    >>> cells = pd.DataFrame({"beck": ["9", None], "race": ["white", "7"]})
    >>> numbers_where_possible(cells, cells.columns).dtypes.map(str).tolist()
    ['Float64', 'str']
    """
    found = {}
    for column in columns:
        values = pd.to_numeric(table[column], errors="coerce")
        words = table.loc[table[column].notna() & values.isna(), column].astype("str")
        infinite = int(values.abs().eq(float("inf")).sum())
        if infinite:
            raise RecordsError(
                f"column {column}: {infinite} cell(s) hold a number without end; mend the export"
            )
        if words.empty:
            found[column] = values.astype("Float64")
        elif _meant_as_numbers(values.dropna(), words):
            raise RecordsError(
                f"column {column}: {len(words)} cell(s) are no plain number, as the others are or "
                "could be; leave a cell empty where nothing is known, write numbers with a point "
                "and no other mark, or put a letter before each if they are codes"
            )
    return table.assign(**found)


def _meant_as_numbers(numbers: pd.Series, words: pd.Series) -> bool:
    """Whether a column would become words, and each number a category, by a few cells."""
    if len(words) <= FEW * len(numbers) and numbers.nunique() > MANY_NUMBERS:
        return True
    spelled = words.str.fullmatch(OTHER_SPELLING)
    marks = words.str.fullmatch(NO_NUMBER)
    return bool((spelled | marks).all()) and (len(numbers) > 0 or bool(spelled.any()))


def provenance(folder: Path, files: Iterable[Path], rows: Iterable[int]) -> pd.DataFrame:
    """One row per raw file: `file` (path below `folder`), `rows`, `sha256`.

    Raises
    ------
    RecordsError
        A file does not lie below the folder, where it would escape what is kept and recorded.
    """
    return pd.DataFrame(
        {
            "file": below(folder, path),
            "rows": count,
            "sha256": digest(path),
        }
        for path, count in zip(files, rows, strict=True)
    )


def below(folder: Path, path: Path) -> str:
    """A file's path below a folder, by what is written: data kept elsewhere may be linked in.

    Examples
    --------
    >>> below(Path("data/raw"), Path("data/raw/site/../people.csv"))
    'people.csv'
    """
    inside, asked = Path(normpath(folder)), Path(normpath(path))
    if not asked.is_relative_to(inside):
        raise RecordsError(
            f"{path} lies outside {folder}; put it there and mend protocol.source, so that it is "
            "kept and recorded with the rest"
        )
    return asked.relative_to(inside).as_posix()


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, however large it is."""
    with path.open("rb") as stream:
        return file_digest(stream, "sha256").hexdigest()
