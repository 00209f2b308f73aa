"""What cannot be so: rows that contradict themselves or each other, set aside and accounted for.

Every row that was read is accepted, a duplicate of an accepted one, or in quarantine under the
first rule it breaks. Warnings leave rows where they are and count them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.vocabulary import EventKind, LevelOfCare

Tables = Mapping[str, pd.DataFrame]
DAY_AND_NIGHT = (
    LevelOfCare.WITHDRAWAL_MANAGEMENT,
    LevelOfCare.INPATIENT,
    LevelOfCare.SHORT_TERM_RESIDENTIAL,
    LevelOfCare.LONG_TERM_RESIDENTIAL,
)
LARGEST_SHARE = 0.05


class Severity(StrEnum):
    """What becomes of a row that breaks a rule."""

    QUARANTINE = "quarantine"
    WARNING = "warning"


@dataclass(frozen=True)
class Rule:
    """One thing that cannot, or should not, be so.

    Attributes
    ----------
    name
        In the words of the report.
    table
        Whose rows are judged.
    broken
        All tables to a boolean column over the rows of `table`.
    """

    name: str
    table: str
    severity: Severity
    broken: Callable[[Tables], pd.Series]


@dataclass(frozen=True)
class Sorted:
    """The rows that may be used, and where the others went.

    Attributes
    ----------
    tables
        Without duplicates and quarantined rows.
    quarantine
        One row per row set aside: `table`, `row` (counted from 1 in the file), `rule`.
    ledger
        One row per table: rows `read`, `accepted`, `duplicates`, `quarantined`.
    broken_rules
        One row per rule that any row breaks: `table`, `rule`, `severity`, `rows`.
    """

    tables: dict[str, pd.DataFrame]
    quarantine: pd.DataFrame
    ledger: pd.DataFrame
    broken_rules: pd.DataFrame


def set_aside(tables: Tables, largest_share: float = LARGEST_SHARE) -> Sorted:
    """Sort the rows of conforming tables into accepted, duplicate and quarantined ones.

    Parameters
    ----------
    tables
        Canonical tables that hold their contract.
    largest_share
        Of a table's rows that may be set aside before the whole export is refused.

    Raises
    ------
    RecordsError
        More than that share of a table breaks a rule: the export is wrong, not its rows.

    Examples
    --------
    >>> persons = pd.DataFrame({"person_id": ["P"], "last_observed_day": [9]})
    >>> stay = {"person_id": "P", "level_of_care": "outpatient", "start_day": 5, "end_day": 3}
    >>> found = set_aside({"persons": persons, "stays": pd.DataFrame([stay])}, largest_share=1)
    >>> found.quarantine["rule"].tolist()
    ['a stay that ends before it starts']
    """
    kept = {name: table.reset_index(drop=True) for name, table in tables.items()}
    read = {name: len(table) for name, table in kept.items()}
    twice = {name: _duplicates(name, table) for name, table in kept.items()}
    kept = {name: table[~twice[name]] for name, table in kept.items()}
    aside = []
    for rule in RULES:
        if rule.severity is Severity.QUARANTINE and rule.table in kept:
            broken = rule.broken(kept).fillna(False).astype(bool)
            rows = kept[rule.table].index[broken]
            aside.append(pd.DataFrame({"table": rule.table, "row": rows + 1, "rule": rule.name}))
            kept[rule.table] = kept[rule.table][~broken]
    quarantine = pd.concat(
        [pd.DataFrame(columns=["table", "row", "rule"]), *(part for part in aside if len(part))],
        ignore_index=True,
    ).astype({"table": "str", "row": "int64", "rule": "str"})
    ledger = pd.DataFrame(
        {
            "table": name,
            "read": read[name],
            "accepted": len(kept[name]),
            "duplicates": int(twice[name].sum()),
            "quarantined": int((quarantine["table"] == name).sum()),
        }
        for name in kept
    )
    _refuse_if_too_many(ledger, quarantine, largest_share)
    kept = {name: table.reset_index(drop=True) for name, table in kept.items()}
    return Sorted(kept, quarantine, ledger, _broken_rules(kept, quarantine))


def _duplicates(name: str, table: pd.DataFrame) -> pd.Series:
    # A stay's own number does not make it another stay, if everything else is the same.
    compared = table.drop(columns="stay_id", errors="ignore") if name == "stays" else table
    return compared.duplicated()


def _refuse_if_too_many(
    ledger: pd.DataFrame, quarantine: pd.DataFrame, largest_share: float
) -> None:
    for row in ledger.itertuples():
        if row.quarantined > largest_share * row.read:
            worst = quarantine.loc[quarantine["table"] == row.table, "rule"].value_counts()
            raise RecordsError(
                f"{row.table}: {row.quarantined} of {row.read} rows cannot be so, most often "
                f"{worst.index[0]} ({worst.iloc[0]}); mend the export, or raise "
                "protocol.source.largest_quarantine"
            )


def _broken_rules(tables: Tables, quarantine: pd.DataFrame) -> pd.DataFrame:
    """Rows by the rule they break: set aside, or (for warnings) among the accepted."""
    aside = quarantine["rule"].value_counts()
    rows = []
    for rule in RULES:
        if rule.severity is Severity.QUARANTINE:
            count = int(aside.get(rule.name, 0))
        else:
            known = rule.table in tables
            count = int(rule.broken(tables).fillna(False).sum()) if known else 0
        rows.append((rule.table, rule.name, str(rule.severity), count))
    table = pd.DataFrame(rows, columns=["table", "rule", "severity", "rows"])
    return table[table["rows"] > 0].reset_index(drop=True)


def _of_strangers(table: str) -> Callable[[Tables], pd.Series]:
    return lambda tables: ~tables[table]["person_id"].isin(tables["persons"]["person_id"])


def _backwards(tables: Tables) -> pd.Series:
    return tables["stays"]["end_day"] < tables["stays"]["start_day"]


def _last_day(tables: Tables, table: str) -> pd.Series:
    last = tables["persons"].set_index("person_id")["last_observed_day"].astype("float64")
    return tables[table]["person_id"].map(last).astype("float64")


def _starts_unseen(tables: Tables) -> pd.Series:
    return tables["stays"]["start_day"].astype("float64") > _last_day(tables, "stays")


def _happens_unseen(tables: Tables) -> pd.Series:
    return tables["events"]["day"].astype("float64") > _last_day(tables, "events")


def _after_death(table: str, column: str) -> Callable[[Tables], pd.Series]:
    def broken(tables: Tables) -> pd.Series:
        events = tables.get("events", pd.DataFrame({"person_id": [], "day": [], "kind": []}))
        deaths = events[events["kind"] == EventKind.DEATH]
        first = deaths.groupby("person_id")["day"].min().to_dict()
        death = tables[table]["person_id"].map(first).astype("float64")
        return tables[table][column].astype("float64") > death

    return broken


def _overlapping(tables: Tables) -> pd.Series:
    """Two places by day and night at once."""
    stays = tables["stays"]
    inside = stays[stays["level_of_care"].isin([str(level) for level in DAY_AND_NIGHT])]
    inside = inside.sort_values(["person_id", "start_day"], kind="stable")
    until = inside["end_day"].astype("float64").fillna(float("inf"))
    latest = until.groupby(inside["person_id"]).cummax().groupby(inside["person_id"]).shift()
    return (inside["start_day"].astype("float64") < latest).reindex(stays.index, fill_value=False)


def _outside_any_stay(tables: Tables) -> pd.Series:
    services, stays = tables["services"], tables["stays"]
    pairs = services.reset_index(names="row")[["row", "person_id", "day"]].merge(
        stays[["person_id", "start_day", "end_day"]], on="person_id"
    )
    end = pairs["end_day"].astype("float64").fillna(float("inf"))
    within = pairs["day"].ge(pairs["start_day"]) & pairs["day"].astype("float64").le(end)
    return ~pd.Series(services.index.isin(pairs.loc[within, "row"]), index=services.index)


DATED = ("services", "tests", "scores", "events")
RULES = (
    *(
        Rule(f"a row of {name} whose person is not in persons", name, Severity.QUARANTINE, broken)
        for name in ("stays", *DATED)
        for broken in [_of_strangers(name)]
    ),
    Rule("a stay that ends before it starts", "stays", Severity.QUARANTINE, _backwards),
    Rule(
        "a stay that starts after the last observed day",
        "stays",
        Severity.QUARANTINE,
        _starts_unseen,
    ),
    Rule("an event after the last observed day", "events", Severity.QUARANTINE, _happens_unseen),
    Rule(
        "a stay that starts after death",
        "stays",
        Severity.QUARANTINE,
        _after_death("stays", "start_day"),
    ),
    Rule("a session after death", "services", Severity.QUARANTINE, _after_death("services", "day")),
    Rule("two stays by day and night at once", "stays", Severity.WARNING, _overlapping),
    Rule("a session outside any stay", "services", Severity.WARNING, _outside_any_stay),
)
