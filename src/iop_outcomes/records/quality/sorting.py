"""Rows sorted into accepted ones, duplicates and quarantine; and the ledger that proves it.

Every row that was read is accepted, a duplicate of an accepted one, or in quarantine under the
first rule it breaks. Warnings leave rows where they are and count them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import narwhals as nw
import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.quality.catalogue import DATED, RULES
from iop_outcomes.records.quality.contract import (
    Fault,
    cell_faults,
    comparable,
    duplicates,
    repetitions,
)
from iop_outcomes.records.quality.policy import LARGEST_SHARE, Policy, Treatment
from iop_outcomes.records.quality.rule import Rule, Severity
from iop_outcomes.records.schema import completed, conform, empty_table

Tables = Mapping[str, pd.DataFrame]
# One row per row set aside: `row` is its place in the file, counted from 0.
ASIDE = {"table": "str", "row": "int64", "key": "str", "rule": "str", "hint": "str"}


@dataclass(frozen=True)
class Judged:
    """What the rules said, before it is weighed.

    Attributes
    ----------
    kept
        Conforming tables; the index is a row's place in its file, counted from 0.
    aside
        One row per row set aside, in the columns of ASIDE.
    duplicates
        Places of the rows that repeat another, by table.
    """

    kept: dict[str, pd.DataFrame]
    aside: pd.DataFrame
    duplicates: dict[str, list[int]]


@dataclass(frozen=True)
class Sorted:
    """The rows that may be used, and where the others went.

    Attributes
    ----------
    tables
        Without duplicates and quarantined rows.
    quarantine
        One row per row set aside: `table`, `file`, `row` (counted from 1 in the file), `rule`.
    ledger
        One row per table: rows `read`, `accepted`, `duplicates`, `quarantined`, of its `file`.
    broken_rules
        One row per rule that any row breaks: `table`, `rule`, `severity`, `rows`.
    """

    tables: dict[str, pd.DataFrame]
    quarantine: pd.DataFrame
    ledger: pd.DataFrame
    broken_rules: pd.DataFrame


def set_aside(
    tables: Tables,
    largest_share: float = LARGEST_SHARE,
    *,
    quality: Mapping[str, Treatment] | None = None,
    found: Sequence[Fault] = (),
    files: Mapping[str, str] | None = None,
) -> Sorted:
    """Sort the rows of canonical tables, one file each.

    Parameters
    ----------
    tables
        All columns of the contracts are there; what the cells hold is judged here.
    largest_share
        Of a table's rows that may be set aside before the whole export is refused.
    quality
        Rules that are treated otherwise than by themselves.
    found
        Faults that were found while the tables were laid out.
    files
        Table to the file it was read from; a table that none was read for is not in the ledger.

    Raises
    ------
    RecordsError
        More than that share of a table breaks rules: the export is wrong, not its rows.

    Examples
    --------
    >>> person = {"person_id": "P", "first_observed_day": 0, "last_observed_day": 9}
    >>> stay = {"stay_id": "S", "person_id": "P", "level_of_care": "outpatient", "start_day": 5}
    >>> stays = pd.DataFrame([stay | {"end_day": 3}], columns=empty_table("stays").columns)
    >>> tables = {"persons": pd.DataFrame([person]), "stays": stays}
    >>> set_aside(tables, largest_share=1).quarantine["rule"].tolist()
    ['a stay that ends before it starts']
    """
    policy = Policy(largest_share, quality or {})
    judged = judge(tables, policy, found)
    read = {name: len(table) for name, table in tables.items()}
    kept = {name: table.reset_index(drop=True) for name, table in judged.kept.items()}
    repeated = {name: len(places) for name, places in judged.duplicates.items()}
    return settle(kept, judged.aside, read, repeated, policy, files)


def judge(tables: Tables, policy: Policy, found: Sequence[Fault] = ()) -> Judged:
    """Say of every row whether it may be used. The index of a table is its rows' place in the file.

    A row whose cells cannot be used is set aside before it is looked at as a whole.
    """
    for name, table in tables.items():
        conform(name, table[:0])  # a column that is not there is no fault of a row
    whole = {name: completed(name, table).reset_index(drop=True) for name, table in tables.items()}
    place = {name: table.index for name, table in tables.items()}
    faults = [*found, *(f for name, table in whole.items() for f in cell_faults(name, table))]
    parts = []
    for one in faults:
        broken = whole[one.table].index[one.rows.to_numpy(bool)[whole[one.table].index]]
        parts.append(_aside(one.table, place[one.table][broken], one.key, one.name, one.hint))
        whole[one.table] = whole[one.table].drop(index=broken)
    kept, repeated = {}, {}
    for name, table in whole.items():
        rows = comparable(name, table)
        again = duplicates(name, rows)
        repeated[name] = place[name][again.index[again]].tolist()
        rows = rows[~again]
        for one in repetitions(name, rows):
            broken = one.rows.index[one.rows]
            parts.append(_aside(name, place[name][broken], one.key, one.name, one.hint))
            rows = rows.drop(index=broken, errors="ignore")
        kept[name] = conform(name, table.loc[rows.index])
    for rule in RULES:
        if rule.table in kept and policy.severity(rule) is Severity.QUARANTINE:
            broken = broken_rows(rule, kept, policy)
            parts.append(_aside(rule.table, place[rule.table][broken], rule.key, rule.name, ""))
            kept[rule.table] = kept[rule.table].drop(index=broken)
    kept = {name: table.set_axis(place[name][table.index]) for name, table in kept.items()}
    aside = pd.concat([pd.DataFrame(columns=list(ASIDE)), *(p for p in parts if len(p))])
    return Judged(kept, aside.astype(ASIDE).reset_index(drop=True), repeated)


def _aside(table: str, rows: pd.Index, key: str, rule: str, hint: str) -> pd.DataFrame:
    return pd.DataFrame({"table": table, "row": rows, "key": key, "rule": rule, "hint": hint})


def broken_rows(rule: Rule, tables: Tables, policy: Policy) -> pd.Index:
    """Labels of the rows of the rule's table that break it."""
    if tables[rule.table].empty:
        return tables[rule.table].index
    frames = {
        name: nw.from_native(table.assign(row=table.index)).lazy()
        for name, table in {**_nothing(), **tables}.items()
    }
    rows = rule.broken(frames, policy.limits(rule)).collect("pandas").to_native()["row"]
    return tables[rule.table].index.intersection(pd.Index(rows.unique()), sort=False)


@cache
def _nothing() -> dict[str, pd.DataFrame]:
    """The tables that a rule may look at, where a source has none of them."""
    return {name: empty_table(name) for name in ("persons", "stays", *DATED)}


def settle(
    kept: dict[str, pd.DataFrame],
    aside: pd.DataFrame,
    read: Mapping[str, int],
    repeated: Mapping[str, int],
    policy: Policy,
    files: Mapping[str, str] | None = None,
) -> Sorted:
    """Account for the rows read, and refuse the export if too many of them break rules.

    Parameters
    ----------
    kept
        The tables as accepted.
    aside
        In the columns of ASIDE.
    read, repeated
        Rows of each file, and those of them that repeat another, by the table of the ledger.
    """
    ledger = pd.DataFrame(
        {
            "table": name,
            "file": None if files is None else files[name],
            "read": rows,
            "accepted": len(kept[name]),
            "duplicates": repeated[name],
            "quarantined": int((aside["table"] == name).sum()),
        }
        for name, rows in read.items()
        if files is None or name in files
    )
    warned = _warned(kept, policy)
    _refuse_if_too_many(aside, read, policy)
    _refuse_if_too_odd(kept, warned, policy)
    quarantine = aside[["table", "row", "rule"]].assign(row=aside["row"] + 1)
    of_table = (files or {}).get
    quarantine.insert(1, "file", quarantine["table"].map(of_table).astype("str"))
    return Sorted(kept, quarantine, ledger, _broken_rules(aside, warned))


def _warned(kept: Tables, policy: Policy) -> list[tuple[Rule, int]]:
    """Accepted rows by the rules that only warn."""
    return [
        (rule, len(broken_rows(rule, kept, policy)))
        for rule in RULES
        if rule.table in kept and policy.severity(rule) is Severity.WARNING
    ]


def _broken_rules(aside: pd.DataFrame, warned: list[tuple[Rule, int]]) -> pd.DataFrame:
    counted = aside.groupby(["table", "rule"], sort=False).size()
    rows = [(table, rule, "quarantine", count) for (table, rule), count in counted.items()]
    rows += [(rule.table, rule.name, "warning", count) for rule, count in warned if count]
    return pd.DataFrame(rows, columns=["table", "rule", "severity", "rows"])


def _refuse_if_too_many(aside: pd.DataFrame, read: Mapping[str, int], policy: Policy) -> None:
    own = aside["key"].map(lambda key: policy.largest_share(key) is not None).astype(bool)
    for (table, _), rows in aside[own].groupby(["table", "rule"], sort=False):
        key = rows["key"].iloc[0]
        share = policy.largest_share(key)
        if len(rows) > share * read[table]:
            raise RecordsError(_sentence(rows, read[table], _remedy(key, share)))
    for table, rows in aside[~own].groupby("table", sort=False):
        if len(rows) > policy.largest_quarantine * read[table]:
            remedy = "mend the export, or raise protocol.source.largest_quarantine"
            raise RecordsError(_sentence(rows, read[table], remedy))


def _refuse_if_too_odd(kept: Tables, warned: list[tuple[Rule, int]], policy: Policy) -> None:
    for rule, count in warned:
        share, rows = policy.largest_share(rule.key), len(kept[rule.table])
        if share is not None and count > share * rows:
            raise RecordsError(
                f"{rule.table}: {count} of {rows} accepted rows are {rule.name}; "
                f"{_remedy(rule.key, share)}"
            )


def _sentence(rows: pd.DataFrame, read: int, remedy: str) -> str:
    worst = rows[rows["rule"] == rows["rule"].value_counts().index[0]]
    hint = f"{worst['hint'].iloc[0]}; " if worst["hint"].iloc[0] else ""
    return (
        f"{rows['table'].iloc[0]}: {len(rows)} of {read} rows cannot be so, most often "
        f"{worst['rule'].iloc[0]} ({len(worst)}, the first is row {worst['row'].min() + 1}); "
        f"{hint}{remedy}"
    )


def _remedy(key: str, share: float) -> str:
    where = f"protocol.source.quality.{key}"
    what = "mend the export, or"
    return f"{what} raise {where}.largest_share" if share else f"{what} bear some in {where}"
