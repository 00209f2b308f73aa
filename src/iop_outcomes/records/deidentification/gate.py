"""Look through a table, gather all that it should not hold, and say it in one sentence."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from iop_outcomes.errors import IdentifierError
from iop_outcomes.records.deidentification.cells import Cells, distinct_cells
from iop_outcomes.records.deidentification.column_names import identifiers_named, in_words
from iop_outcomes.records.deidentification.context import found_in_context
from iop_outcomes.records.deidentification.free_text import hold_free_text
from iop_outcomes.records.deidentification.identifiers import Finding, Identifier
from iop_outcomes.records.deidentification.personal_names import hold_names, hold_names_surely
from iop_outcomes.records.deidentification.profiles import SAFE_HARBOR, Profile
from iop_outcomes.records.deidentification.shapes import PLAIN, SHAPES

HEADER = -1
COLUMNS_TOLD = 12


def refuse_identifiers(
    table: pd.DataFrame, source: str, profile: Profile = SAFE_HARBOR
) -> pd.DataFrame:
    """Return `table` unchanged, or raise with all that it should not hold.

    A gate, not a proof: it knows the usual names and shapes of identifiers, and fails closed where
    a harmless column looks like one.

    Parameters
    ----------
    table
        Cells as text; numbers and dates are read as they would be written.
    source
        What the message calls the file.
    profile
        How the records were de-identified: lets some kinds in.

    Raises
    ------
    IdentifierError
        Names kinds, columns and numbers of cells, never a value.

    Examples
    --------
    >>> refuse_identifiers(pd.DataFrame({"start": ["2024-01-31", "12"]}), "stays.csv")
    Traceback (most recent call last):
    iop_outcomes.errors.IdentifierError: stays.csv seems to hold dates finer than a year (column \
`start`, 1 cell); take them out of the export (days since admission and a year are enough), and \
tell the data steward
    """
    findings = [each for each in _findings(table) if each.identifier not in profile.allowed]
    if findings:
        told = _told(findings, list(map(str, table.columns)))
        raise IdentifierError(
            f"{source} seems to hold {told}; take them out of the export (days since admission and "
            "a year are enough), and tell the data steward"
        )
    return table


def _findings(table: pd.DataFrame) -> Iterator[Finding]:
    """All that is found, in the order of the columns; the header line is looked at like a column.

    The texts of all columns are laid end to end, so that each pattern is made ready only once.
    """
    header = distinct_cells(pd.Series(table.columns.map(str), dtype="str"))
    columns = [distinct_cells(table.iloc[:, position]) for position in range(table.shape[1])]
    cells, position = _end_to_end([header, *columns])
    in_header = position == HEADER
    found = {identifier: np.zeros(len(position), bool) for identifier in Identifier}
    condemned = set()
    for number, column in enumerate(columns):
        words, here = in_words(table.columns[number]), position == number
        for identifier in identifiers_named(words):
            found[identifier][here] = True
            condemned.add((identifier, number))
        for identifier, texts in found_in_context(words, column):
            found[identifier][here] |= texts
    suspect = ~cells.are(PLAIN)
    for identifier, texts in _told_by_themselves(cells.only(suspect), in_header[suspect]):
        found[identifier][suspect] |= texts
    for identifier, texts in found.items():
        counts = np.bincount(position[texts] + 1, cells.counts[texts], len(columns) + 1)
        for number, count in enumerate(counts.astype(int), start=HEADER):
            if count or (identifier, number) in condemned:
                yield Finding(identifier, number, int(count))


def _end_to_end(parts: list[Cells]) -> tuple[Cells, NDArray]:
    """All texts in one, and for each the column it stands in."""
    text = pa.concat_arrays([part.text for part in parts])
    counts = np.concatenate([part.counts for part in parts])
    sizes = [len(part.counts) for part in parts]
    return Cells(text, counts), np.repeat(np.arange(len(parts)) + HEADER, sizes)


def _told_by_themselves(cells: Cells, in_header: NDArray) -> Iterator[tuple[Identifier, NDArray]]:
    """What the texts are wherever they stand.

    A header may be long and its words may be capitalised; it is a value in the wrong place if it
    has the shape of one, and then the file has no header line, or columns for people or days.
    """
    for identifier, patterns in SHAPES.items():
        for pattern in patterns:
            yield identifier, cells.match(pattern)
    yield Identifier.NAME, np.where(in_header, hold_names_surely(cells), hold_names(cells))
    yield Identifier.FREE_TEXT, hold_free_text(cells) & ~in_header


def _told(findings: list[Finding], columns: list[str]) -> str:
    parts = []
    for identifier in Identifier:
        here = [each for each in findings if each.identifier is identifier]
        if here:
            where = _where([each.position for each in here], findings, columns)
            cells = sum(each.cells for each in here)
            parts.append(f"{identifier} ({where}, {cells} cell{'s' * (cells != 1)})")
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _where(positions: list[int], findings: list[Finding], columns: list[str]) -> str:
    """The columns by name, or by number where a name may itself be a person's value."""
    unsafe = {each.position for each in findings if each.identifier is Identifier.NAME}
    no_header = any(each.position == HEADER for each in findings)
    inside = [position for position in positions if position != HEADER]
    told = [
        str(position + 1)
        if no_header or (position in unsafe and not identifiers_named(in_words(columns[position])))
        else f"`{' '.join(columns[position].split())}`"
        for position in inside[:COLUMNS_TOLD]
    ]
    more = [f"{len(inside) - COLUMNS_TOLD} more"] if len(inside) > COLUMNS_TOLD else []
    header = ["the header line"] if HEADER in positions else []
    named = [f"column{'s' * (len(inside) > 1)} {', '.join([*told, *more])}"] if inside else []
    return " and ".join([*header, *named])
