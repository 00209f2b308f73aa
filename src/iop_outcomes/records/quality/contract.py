"""Cells that break the contract of their column: the row is set aside, the file is not refused.

`schema.conform` holds a whole table to its contract; here the same contract is read row by row.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from iop_outcomes.records.column import Column, Kind
from iop_outcomes.records.schema import TABLES

# What a cell may be, in the words of params.yaml, and how the report says it of a column.
CELL_RULES = {
    "empty": "{column} is empty",
    "not_a_number": "{column} is no number",
    "not_whole": "{column} is no whole number",
    "too_low": "{column} is below the lowest that it may be",
    "too_high": "{column} is above the highest that it may be",
    "unknown_word": "{column} is no word that the records know",
    "unknown_code": "{column} is a code that protocol.source does not name",
    "no_date": "{column} is no date",
    "after_the_cut": "{column} lies after the cut of the export",
    "another_year": "{column} is another year than that of the date",
    "repeated": "{column} stands in several rows that differ",
}


@dataclass(frozen=True)
class Fault:
    """Rows of one table whose cell cannot be used.

    Attributes
    ----------
    key
        One of CELL_RULES.
    name
        In the words of the report; names a column, never a value.
    rows
        True where the fault is; one for each row of the table.
    hint
        What the cell could have been, for whoever mends the export or the protocol.
    """

    table: str
    key: str
    name: str
    rows: pd.Series
    hint: str = ""


def fault(table: str, key: str, column: str, rows: pd.Series, hint: str = "") -> Fault:
    """A fault in a column, in the words of CELL_RULES."""
    return Fault(table, key, CELL_RULES[key].format(column=column), rows.fillna(False), hint)


def cell_faults(name: str, table: pd.DataFrame) -> list[Fault]:
    """The rows of a table that break the contract of a column, by what they break.

    A value that repeats another's where it must not is told by `repetitions`, once repeated rows
    are gone.
    """
    return [
        fault(name, key, column, rows, hint)
        for column, spec in TABLES[name].items()
        for key, rows, hint in _broken(table[column], spec)
        if rows.any()
    ]


def _broken(values: pd.Series, spec: Column) -> Iterator[tuple[str, pd.Series, str]]:
    filled = values.notna()
    if not spec.nullable:
        yield "empty", ~filled, ""
    if spec.kind is not Kind.TEXT:
        number = pd.to_numeric(values, errors="coerce")
        yield "not_a_number", filled & number.isna(), ""
        if spec.kind is Kind.WHOLE:
            yield "not_whole", number.notna() & (number % 1 != 0), ""
        if spec.low is not None:
            yield "too_low", number < spec.low, f"the lowest is {spec.low:g}"
        if spec.high is not None:
            yield "too_high", number > spec.high, f"the highest is {spec.high:g}"
    elif spec.among is not None:
        allowed = [str(word) for word in spec.among]
        yield "unknown_word", filled & ~values.isin(allowed), f"it may be one of {allowed}"


def comparable(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """The same rows with equal cells for what means the same, so that 7 and 7.0 are one value."""

    def plain(values: pd.Series, spec: Column) -> pd.Series:
        if spec.kind is Kind.TEXT:
            return values.astype("str").mask(values.isna())
        return pd.to_numeric(values).astype("Float64")

    return table.assign(**{c: plain(table[c], spec) for c, spec in TABLES[name].items()})


def duplicates(name: str, table: pd.DataFrame) -> pd.Series:
    """Rows that repeat an earlier one.

    A stay's own number does not make it another stay, if everything else is the same; the smallest
    number is kept, so that which one it is does not hang on the order of the rows.
    """
    if name != "stays":
        return table.duplicated()
    ordered = table.sort_values("stay_id", kind="stable")
    return ordered.drop(columns="stay_id").duplicated().reindex(table.index)


def repetitions(name: str, table: pd.DataFrame) -> list[Fault]:
    """All rows that share what must stand in one row; none of them is known to be the right one."""
    return [
        fault(name, "repeated", column, rows)
        for column, spec in TABLES[name].items()
        if spec.unique and (rows := table[column].duplicated(keep=False)).any()
    ]
