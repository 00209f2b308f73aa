"""How dates are written: a format that says day, month and year, and in that order."""

import re
from collections.abc import Iterable

import pandas as pd

from iop_outcomes.errors import RecordsError

LETTERS = set("dmbBYyjHMSfpI")  # of strptime; a time of day may stand beside, and is left off
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
    whole = said & set("Yy") and (("d" in said and said & set("mbB")) or "j" in said)
    if not said <= LETTERS or len(said) < len(letters) or not whole:
        raise ValueError(
            "write day, month and year in strptime's letters, each once, for example %d.%m.%Y"
        )
    return form


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
    dates = pd.to_datetime(cells, format=form, errors="coerce")
    turned = pd.to_datetime(cells, format=other, errors="coerce")
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
