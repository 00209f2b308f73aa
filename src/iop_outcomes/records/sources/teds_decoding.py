"""The cells of a TEDS file to the records' words, block of rows by block of rows."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.deidentification import refuse_identifiers
from iop_outcomes.records.sources.teds_cells import Cells
from iop_outcomes.records.sources.teds_contract import (
    WHOLE,
    Coding,
    Series,
    Variable,
    Vintage,
    vintage_of_year,
    vintages,
    year_column,
)
from iop_outcomes.records.sources.teds_files import open_file

MISSING, STRANGER = -1, -2
NOTHING = Coding(codes={-9: None}, labels={})  # what others fill such columns with

Rows = NDArray[np.bool_] | slice


@dataclass(frozen=True)
class Decoded:
    """What one file says.

    Attributes
    ----------
    year
        Year of discharge, or admission, of each row.
    position
        Variable to the place of each row's word among the variable's `words`, followed by
        NOT_COLLECTED and LEFT_OUT; -1 is missing.
    """

    year: NDArray[np.int16]
    position: dict[str, NDArray[np.int8]]


@dataclass(frozen=True)
class Tally:
    """What was met in the columns of one file, to be judged when all of it was read.

    Attributes
    ----------
    strangers
        Variable and column to rows with something that the codebook does not have.
    uncollected
        Variable and column to rows with something of a year in which it was not collected.
    as_code, as_label
        Columns with cells that can only be read so.
    """

    strangers: Counter[tuple[str, str]] = field(default_factory=Counter)
    uncollected: Counter[tuple[str, str]] = field(default_factory=Counter)
    as_code: set[str] = field(default_factory=set)
    as_label: set[str] = field(default_factory=set)


def decode_file(path: Path, asked: dict[str, Variable], series: Series = "teds_d") -> Decoded:
    """Read the variables asked for.

    Raises
    ------
    RecordsError
        A year, a code or a label is not in the codebooks, a column is missing, or there is no row.
    IdentifierError
        A column that the series does not have is named as an identifier.
    """
    file, year = open_file(path), year_column(series)
    if year not in file.columns:
        raise RecordsError(
            f"{path} lacks the column(s) ['{year}']; is the header line there, and spelled so?"
        )
    _refuse_named_identifiers(list(file.columns), path, series)
    column = {
        name: next((own for own in variable.columns if own in file.columns), None)
        for name, variable in asked.items()
    }
    written = {file.columns[own]: own for own in [year, *filter(None, column.values())]}
    years, positions, tally = [], {name: [] for name in asked}, Tally()
    for block in file.blocks(list(written)):
        cells = {written[name]: found for name, found in block.items()}
        years.append(years_of(cells[year], path, series))
        rows = rows_by_vintage(years[-1], series)
        for name, variable in asked.items():
            for vintage in rows:
                _refuse_absence(variable, vintage, column[name], path)
            own = column[name]
            positions[name].append(
                _positions(cells.get(own), own, variable, rows, len(years[-1]), tally)
            )
    if not sum(map(len, years)):
        raise RecordsError(f"{path} has a header and no rows; export it again")
    _judge(tally, path)
    return Decoded(
        np.concatenate(years), {name: np.concatenate(positions.pop(name)) for name in asked}
    )


def _refuse_named_identifiers(columns: list[str], path: Path, series: Series) -> None:
    """No cell of a column that no vintage has is read; its name is looked at all the same."""
    published = {column for vintage in vintages(series) for column in vintage.columns}
    others = [column for column in columns if column not in published]
    if others:
        refuse_identifiers(pd.DataFrame([["0"] * len(others)], columns=others), source=str(path))


def years_of(cells: Cells, path: Path, series: Series) -> NDArray[np.int16]:
    """The year of each row; refuses a file with one whose codes are not known."""
    wholes = [WHOLE.fullmatch(cell) for cell in cells.distinct]
    years = np.array([int(whole[1][:5]) if whole else 0 for whole in wholes] + [0], np.int32)
    year, known = years[cells.position], vintage_of_year(series)
    if not set(np.unique(year).tolist()) <= set(known):
        raise RecordsError(
            f"{path}: column {year_column(series)} holds a year whose codes are not known; known "
            f"are {list(known)}"
        )
    return year.astype(np.int16)


def rows_by_vintage(year: NDArray[np.int16], series: Series) -> dict[Vintage, Rows]:
    """Which rows each vintage among these years describes."""
    known = vintage_of_year(series)
    found = list(dict.fromkeys(known[one] for one in np.unique(year).tolist()))
    if len(found) == 1:
        return {found[0]: slice(None)}
    return {vintage: np.isin(year, vintage.years) for vintage in found}


def _refuse_absence(variable: Variable, vintage: Vintage, own: str | None, path: Path) -> None:
    """A variable that every study needs has to be there."""
    if variable.optional:
        return
    if not variable.collected_in(vintage):
        raise RecordsError(
            f"{path}: the files of {vintage.name} have no {variable.name} at admission, only the "
            "setting at discharge (SERVSETD); to compare by that, write `level_of_care: "
            "at_discharge` in protocol.source"
        )
    if own is None:
        names = " (or ".join(variable.columns) + ")" * (len(variable.columns) - 1)
        raise RecordsError(f"{path} lacks the column {names}")


def _positions(
    cells: Cells | None,
    own: str | None,
    variable: Variable,
    rows_of: dict[Vintage, Rows],
    count: int,
    tally: Tally,
) -> NDArray[np.int8]:
    """Where each row's word is; `own` is the name of the column in the file."""
    positions = np.empty(count, np.int8)
    for vintage, rows in rows_of.items():
        collected = variable.collected_in(vintage)
        if cells is None:
            positions[rows] = len(variable.words) + collected
            continue
        which = cells.position[rows]
        if collected:
            place = _places(
                cells.distinct, which, own, variable, variable.codings[vintage.block], tally
            )
            positions[rows] = place[which]
            strangers = tally.strangers
        else:
            place = _places(cells.distinct, which, own, variable, NOTHING, Tally())
            positions[rows] = np.where(place[which] == STRANGER, STRANGER, len(variable.words))
            strangers = tally.uncollected
        if (place == STRANGER).any():
            strangers[variable.name, own] += int((positions[rows] == STRANGER).sum())
    return positions


def _places(
    distinct: list[str],
    which: NDArray[np.int32],
    own: str,
    variable: Variable,
    coding: Coding,
    tally: Tally,
) -> NDArray[np.int8]:
    """Place of the word of each distinct cell; the last is that of the empty cell."""
    place_of = {word: place for place, word in enumerate(variable.words)} | {None: MISSING}
    places = np.full(len(distinct) + 1, MISSING, np.int8)
    there = np.zeros(len(distinct) + 1, bool)
    there[which] = True
    for number in np.flatnonzero(there[:-1]):
        cell = distinct[number]
        if not cell.strip():
            continue
        is_code, by_code = coding.of_code(cell)
        is_label, by_label = coding.of_label(cell)
        if is_code != is_label:
            (tally.as_code if is_code else tally.as_label).add(own)
        word = by_code if is_code else by_label
        places[number] = place_of[word] if is_code or is_label else STRANGER
    return places


def _judge(tally: Tally, path: Path) -> None:
    for (_, own), rows in tally.strangers.items():
        if rows:
            raise RecordsError(
                f"{path}: column {own} holds codes that the codebook does not, in {rows} row(s); "
                "is it as published, in codes or labels of its year?"
            )
    for (_, own), rows in tally.uncollected.items():
        if rows:
            raise RecordsError(
                f"{path}: column {own} was not collected in a year for which it has values, in "
                f"{rows} row(s); leave out what others derived"
            )
    mixed = sorted(tally.as_code & tally.as_label)
    if mixed:
        raise RecordsError(
            f"{path}: the column(s) {mixed} hold codes and labels side by side; take the file as "
            "published"
        )
