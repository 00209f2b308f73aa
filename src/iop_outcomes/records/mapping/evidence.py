"""What the cells of one column look like, whatever its name says."""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from iop_outcomes.records.mapping.codebook import site_exports

NEARLY_ALL = 0.95  # of the recorded cells: a few typing errors do not make another column of it
SAMPLE = 100
LIKE_A_DATE = r"\d{1,4}[-./ ]\w{1,3}[-./ ]\d{2,4}.*|\d{8}"  # looked at first: it is quick
YEARS = (1900, 2100)
SPREADSHEET_DAYS = 20_000  # days since 1900 of a date after 1954


@dataclass(frozen=True)
class Evidence:
    """The recorded cells of a column, counted.

    Attributes
    ----------
    rows
        Rows of the table, empty cells included.
    counts
        Distinct texts without blanks around (index) and how many cells hold each.
    """

    rows: int
    counts: pd.Series

    @property
    def recorded(self) -> int:
        """How many cells are not empty."""
        return int(self.counts.sum())

    @property
    def unique(self) -> bool:
        """Whether every row has a value of its own."""
        return self.recorded == self.rows == len(self.counts)

    @cached_property
    def numbers(self) -> pd.Series:
        """The distinct texts as numbers; missing where they are none."""
        return pd.to_numeric(self.texts, errors="coerce")

    @cached_property
    def texts(self) -> pd.Series:
        """The distinct texts, indexed by themselves."""
        return pd.Series(self.counts.index, index=self.counts.index, dtype="str")

    def share(self, found: pd.Series) -> float:
        """The share of recorded cells that hold one of the texts found."""
        return float(self.counts[found.to_numpy(bool)].sum() / max(self.recorded, 1))

    @cached_property
    def whole(self) -> bool:
        """Whether nearly all are whole numbers."""
        return self.share(self.numbers.notna() & (self.numbers % 1 == 0)) >= NEARLY_ALL

    def between(self, low: float, high: float) -> bool:
        """Whether nearly all are numbers within these bounds."""
        return self.share(self.numbers.between(low, high)) >= NEARLY_ALL

    @cached_property
    def date_formats(self) -> tuple[str, ...]:
        """The ways of writing dates in which nearly all cells are one, in the codebook's order."""
        first = self.texts.head(SAMPLE)
        if not len(first) or first.str.fullmatch(LIKE_A_DATE).mean() < NEARLY_ALL / 2:
            return ()
        likely = [
            form
            for form in site_exports()["dates"]
            if as_dates(first, form).notna().mean() >= NEARLY_ALL / 2
        ]
        return tuple(
            form for form in likely if self.share(as_dates(self.texts, form).notna()) >= NEARLY_ALL
        )

    @property
    def days(self) -> bool:
        """Whether nearly all are whole numbers that may count days."""
        return self.whole and self.between(-40_000, 40_000) and not self.date_formats

    @property
    def spreadsheet_dates(self) -> bool:
        """Whether the whole numbers are what a spreadsheet makes of dates."""
        return self.whole and bool(self.numbers.min() >= SPREADSHEET_DAYS)


def evidence_of(cells: pd.Series) -> Evidence:
    """Count the cells of a column.

    Examples
    --------
    >>> found = evidence_of(pd.Series(["2024-03-01", "2024-04-02 ", None], dtype="str"))
    >>> found.recorded, found.unique, found.date_formats
    (2, False, ('%Y-%m-%d',))
    """
    counts = cells.dropna().str.strip().value_counts(sort=False)
    return Evidence(len(cells), counts[counts.index != ""])


def as_dates(texts: pd.Series, form: str) -> pd.Series:
    """The texts as dates written so; missing where they are none, or of an unlikely year."""
    found = pd.to_datetime(texts, format=form, errors="coerce")
    return found.where(found.dt.year.between(*YEARS))
