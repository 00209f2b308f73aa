"""What is hidden of the tables that the records say of themselves: rows, rules, gaps, anonymity."""

import pandas as pd

from iop_outcomes.records.anonymity import SMALL
from iop_outcomes.report.small_counts import is_small, with_complements

# Whole per cents that divide a hundred, so that the last step is as wide as the others.
STEPS = (1, 2, 4, 5, 10, 20, 25, 50, 100)


def ledger(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Rows read are the sum of the others, and files of one table have totals under its rules.

    Files lose their names, which may name a facility.
    """
    parts = ["accepted", "duplicates", "quarantined"]
    counts = table[parts].astype("int64")
    hidden = counts.astype(bool) & False
    before = None
    while before is None or not hidden.equals(before):
        before = hidden.copy()
        for row in table.index:
            hidden.loc[row] = with_complements(counts.loc[row], k, hidden.loc[row])
        for _, files in counts.groupby(table["table"], sort=False):
            for part in parts if len(files) > 1 else ():
                already = hidden.loc[files.index, part]
                hidden.loc[files.index, part] = with_complements(files[part], k, already)
    read = table["read"].astype("Int64")
    shown = table.astype(dict.fromkeys(parts, "Int64")).drop(columns="file", errors="ignore")
    shown[parts] = shown[parts].mask(hidden)
    number = (table.groupby("table").cumcount() + 1).astype("str")
    several = table["table"].duplicated(keep=False)
    name = table["table"].astype("str")
    named = name.where(~several, name + ", file " + number)
    return shown.assign(table=named, read=read.mask(is_small(read, k)))


def broken_rules(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Rows set aside under the rules of one table sum to what its ledger says."""
    hidden = is_small(table["rows"], k)
    for _, rules in table.groupby(["table", "severity"], sort=False):
        hidden[rules.index] = with_complements(rules["rows"], k)
    return table.assign(rows=table["rows"].astype("Int64").mask(hidden))


def missingness(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Shares for all rows, by level of care and by place; never by both.

    Rows with a value, without one, and from where nobody asked are three counts that add up to the
    rows of a level or a place, and over levels or places to those of all. Where one of the three is
    small, the level or place is hidden, with another beside it.
    """
    level, place = table["level_of_care"].notna(), table["place"].notna()
    shown = table[~(level & place)].copy()
    parts = pd.DataFrame(
        {
            "missing": shown["missing"],
            "not_collected": shown["not_collected"],
            "recorded": shown["rows"] - shown["missing"] - shown["not_collected"],
        }
    ).astype("int64")
    rows = shown["rows"].astype("int64")
    small = is_small(parts, k).any(axis=1) | is_small(rows, k)
    hidden = small.copy()
    for _, variable in shown.groupby(["table", "variable"], sort=False):
        total = ~(level | place)[variable.index]
        # Where all together are hidden, no part of them is what the others leave of a total.
        if small[variable.index][total].any():
            continue
        for margin in (level, place):
            cells = variable.index[margin[variable.index]]
            hidden[cells] = _covered(parts.loc[cells], rows[cells], small[cells], k)
    for kind in ("missing", "not_collected"):
        shown[f"share_{kind}"] = (parts[kind] / rows).astype("Float64").mask(hidden)
    return shown.drop(columns=["rows", "missing", "not_collected"])


def _covered(parts: pd.DataFrame, rows: pd.Series, small: pd.Series, k: int) -> pd.Series:
    """Which cells to hide: at least two, and together no small count of any part."""
    hidden = small | with_complements(rows, k)
    while hidden.any():
        together = parts[hidden].sum()
        short = [part for part in parts if 0 < together[part] < k]
        if not short and hidden.sum() > 1:
            break
        by = parts[short[0]] if short else rows
        others = by[~hidden & (by > 0)]
        if others.empty:
            break
        hidden[others.sort_values(kind="stable").index[0]] = True
    return hidden


def anonymity(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """The smallest group as a bound, and shares rounded up to steps of at least k people.

    That somebody is alone in what a stranger could know is no cell of a table and names nobody, so
    that a bound of it is told: below 5, at least 5, or the size itself from the smallest count on.
    The number of those who are alone would be a count of people like any other, and the difference
    of two such numbers one too: every share stands for a whole step of counts, and none for zero
    people but zero. The number of persons is not told; it is that of the ledger less those without
    a stay.
    """
    n = int(table["n"].max()) if len(table) else 0
    shares = [column for column in table.columns if column.startswith("share_")]
    group = table["smallest_group"].astype("Int64")
    at_least = group.where(group >= k, SMALL).where((group >= SMALL) | (group >= k), 1)
    shown = table.drop(columns="n").assign(smallest_group=at_least)
    if n < k:
        hidden = pd.Series(pd.NA, index=table.index)
        return shown.assign(
            smallest_group=hidden.astype("Int64"), **dict.fromkeys(shares, hidden.astype("Float64"))
        )
    step = next(step for step in STEPS if step * n >= 100 * k)
    for column in shares:
        people = (table[column] * n).round().astype("int64")
        shown[column] = (-(-people * 100 // (n * step)) * step / 100).astype("Float64")
    return shown
