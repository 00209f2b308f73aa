"""The files of an export, sheet by sheet, let in for one purpose: to guess how they read."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import pandas as pd
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from iop_outcomes.errors import IdentifierError, RecordsError
from iop_outcomes.records.deidentification import SAFE_HARBOR, Profile, refuse_identifiers
from iop_outcomes.records.deidentification.identifiers import Identifier
from iop_outcomes.records.files.extract import WORKBOOKS, read_extract
from iop_outcomes.records.files.workbook import read_workbook, refuse_other_files


class DatesForGuessing(Profile):
    """Lets dates through the gate, and nothing else, while a mapping is guessed.

    No agreement or signature stands behind it, so records are never read under it: what is kept
    of a date is how it is written and its year. The mapping that is written asks for a profile
    that lets dates in by right, and is refused until someone names its papers.
    """

    @property
    def allowed(self) -> frozenset[Identifier]:
        """Dates alone."""
        return frozenset({Identifier.DATE})


@dataclass(frozen=True)
class Candidate:
    """One table of somebody's, of which nothing is known yet.

    Attributes
    ----------
    path
        The file.
    sheet
        Of a workbook with several sheets.
    cells
        As text, as written; empty cells are missing.
    dated
        Whether any cell reads as a date finer than a year, by the gate's judgement.
    """

    path: Path
    sheet: str | None
    cells: pd.DataFrame
    dated: bool

    @property
    def name(self) -> str:
        """What messages call it: the file, and its sheet if it has several."""
        return f"{self.path.name}, sheet `{self.sheet}`" if self.sheet else self.path.name


def read_candidates(paths: Iterable[Path]) -> tuple[list[Candidate], list[str]]:
    """Read every file, and every sheet of a workbook.

    Returns
    -------
    list of Candidate
        In the order of the files and their sheets.
    list of str
        A sentence for each sheet that is no table.

    Raises
    ------
    RecordsError
        A file cannot be read, has no header line, or hides a sheet; two have the same name.
    IdentifierError
        A file seems to hold an identifier other than dates.
    """
    found, remarks, seen = [], [], {}
    for path in paths:
        if path.name.lower() in seen:
            raise RecordsError(
                f"{seen[path.name.lower()]} and {path} have the same name; rename one of them"
            )
        seen[path.name.lower()] = path
        if not path.is_file():
            raise RecordsError(f"{path} is not there, or no file; check its name")
        sheets = _sheets(path)
        for sheet in sheets:
            try:
                found.append(_candidate(path, sheet))
            except IdentifierError:
                raise
            except RecordsError as error:
                if len(sheets) == 1:
                    raise
                remarks.append(f"{path.name}, sheet `{sheet}` was not read: {error}")
    if not found:
        raise RecordsError("there is no table in the files; export them again")
    return found, remarks


def _candidate(path: Path, sheet: str | None) -> Candidate:
    cells = read_extract(path, (), may_have_no_rows=True, sheet=sheet, profile=DatesForGuessing())
    _refuse_without_header(cells, path)
    return Candidate(path, sheet, cells, _hold_dates(cells))


def _hold_dates(cells: pd.DataFrame) -> bool:
    try:
        refuse_identifiers(cells, "", SAFE_HARBOR)
    except IdentifierError:
        return True  # the same gate let all but dates in a moment ago
    return False


def _refuse_without_header(cells: pd.DataFrame, path: Path) -> None:
    """A first row of values in place of names would end up, as names, in the mapping."""
    names = pd.Series(cells.columns.map(str), dtype="str")
    numbers = int(names.str.fullmatch(r"\s*[-+]?[\d.,/:\s-]*\d[\d.,/:\s-]*").sum())
    if numbers:
        raise RecordsError(
            f"{path} has {numbers} column(s) with a number or a date for a name; is the header "
            "line there?"
        )


def _sheets(path: Path) -> list[str | None]:
    """The sheets to look at; None alone for a file that is one table."""
    if not path.name.lower().endswith(WORKBOOKS) or not path.is_file():
        return [None]
    refuse_other_files(path)
    try:
        book = load_workbook(path, read_only=True)
    except (InvalidFileException, BadZipFile, KeyError, ValueError, OSError):
        return [None]  # reading it says what is wrong
    names = book.sheetnames
    hidden = any(sheet.sheet_state != "visible" for sheet in book.worksheets)
    book.close()
    if len(names) == 1 or hidden:
        read_workbook(path)  # refuses hidden sheets with the sentence that belongs to it
        return [None]
    return list(names)
