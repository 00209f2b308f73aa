"""How dates are written: a format that says day, month and year, and in that order."""

import re
from collections.abc import Iterable

import pandas as pd

from iop_outcomes.errors import RecordsError

# Of strptime; a time of day may stand beside, and its distance from Greenwich; both are left off.
LETTERS = set("dmbBYyjHMSfpIz")
OFFSET = r"\s*(?:Z|UTC|[+-]\d{2}:?\d{2})$"
GREENWICH = ("Z", "UTC", "+0000", "+00:00", "-0000", "-00:00")
WHERE = "protocol.source.calendar.format"
# So many dates, on so many days of the month, are not all in its first twelve days by chance: fewer
# than one in a million sets of 16 would be.
MANY, SEVERAL = 16, 5


def check_format(form: str) -> str:
    """The format, if it says which day it is.

    Raises
    ------
    ValueError
        It has a letter that strptime does not know, or leaves out day, month or year.
    """
    letters = re.findall(r"%(.?)", form.replace("%%", ""))
    said = set(letters)
    if "z" in said and not form.endswith("%z"):
        raise ValueError("write %z, the distance from Greenwich, at the end, where exports have it")
    whole = said & set("Yy") and (("d" in said and said & set("mbB")) or "j" in said)
    if not said <= LETTERS or len(said) < len(letters) or not whole:
        raise ValueError(
            "write day, month and year in strptime's letters, each once, for example %d.%m.%Y"
        )
    return form


def as_written(cells: pd.Series, form: str) -> pd.Series:
    """The days that stand in the cells, whatever the clock did; missing where a cell is none.

    A distance from Greenwich is left off and never reckoned with: a visit at eleven in the evening
    was on that day where it took place.

    Examples
    --------
    >>> cells = pd.Series(["2024-03-10 23:30-05:00", "2024-03-11 00:30-04:00"])
    >>> as_written(cells, "%Y-%m-%d %H:%M%z").dt.strftime("%d").tolist()
    ['10', '11']
    """
    return _clock_times(cells, form).dt.normalize()


def _clock_times(cells: pd.Series, form: str) -> pd.Series:
    if form.endswith("%z"):
        texts = cells.astype("str").where(cells.notna())
        with_offset = texts.str.contains(OFFSET, regex=True, na=False)
        cells = texts.str.replace(OFFSET, "", regex=True).where(with_offset)
        form = form.removesuffix("%z").rstrip()
    return pd.to_datetime(cells, format=form, errors="coerce")


def refuse_greenwich(columns: Iterable[pd.Series], form: str) -> None:
    """Refuse instants that were all written for Greenwich: their day is not that of the place.

    Raises
    ------
    RecordsError
        Says how many there are, never one of them.
    """
    if not form.endswith("%z"):
        return
    cells = pd.concat([column.dropna().astype("str") for column in columns], ignore_index=True)
    offsets = cells.str.extract(f"({OFFSET})")[0].dropna().str.strip()
    times = _clock_times(cells, form).dropna()
    late = int((times != times.dt.normalize()).sum())
    if late and offsets.isin(GREENWICH).all():
        raise RecordsError(
            f"{WHERE}: {late} time(s) are all written for Greenwich (Z, UTC or +00:00), so that "
            "their day depends on where one stands; export local dates"
        )


def refuse_turned_round(columns: Iterable[pd.Series], form: str) -> None:
    """Refuse dates that are read with day and month in each other's place.

    Told by dates that are none in this order and are one in the other; and where each is one in
    both, by many dates on several days of the month, none of them after the twelfth.

    Raises
    ------
    RecordsError
        Says how many dates there are, never one of them.
    """
    if not {"%d", "%m"} <= set(re.findall(r"%.", form)):
        return
    cells = pd.concat([column.dropna().astype("str") for column in columns], ignore_index=True)
    other = form.replace("%d", "%\0").replace("%m", "%d").replace("%\0", "%m")
    dates, turned = as_written(cells, form), as_written(cells, other)
    alone = int((dates.isna() & turned.notna()).sum())
    if alone > int((dates.notna() & turned.isna()).sum()) and turned.notna().sum() > alone:
        raise RecordsError(
            f"{WHERE}: day and month seem to stand the other way round: {alone} of {len(cells)} "
            f"date(s) are one as {other} only; mend the format or the export"
        )
    days = dates.dropna().dt.day
    if len(days) >= MANY and days.nunique() >= SEVERAL and days.max() <= 12:
        raise RecordsError(
            f"{WHERE}: day and month seem to stand the other way round: of {len(days)} date(s) "
            f"none lies after the twelfth of a month; write {other}, or mend the export"
        )
