"""Rules that see rows of several people's tables side by side: strangers, death, the end of sight.

A rule judges by tables that were sorted before its own: persons, then events, then stays, then the
rest. What it says of a row can so never change by what is set aside later.
"""

from collections.abc import Callable

import narwhals as nw

from iop_outcomes.records.quality.rule import CANNOT_STAY, Limits, Rule, Severity, Tables
from iop_outcomes.vocabulary import EventKind, ExitReason

Broken = Callable[[Tables, Limits], nw.LazyFrame]
DAY = {"stays": "start_day"}  # the column that dates a row; `day` elsewhere


def _dated(tables: Tables, table: str) -> nw.LazyFrame:
    return tables[table].select("row", "person_id", day=nw.col(DAY.get(table, "day")))


def _of_strangers(table: str) -> Broken:
    return lambda tables, _: (
        tables[table]
        .select("row", "person_id")
        .join(tables["persons"].select("person_id"), on="person_id", how="anti")
        .select("row")
    )


def _unseen(table: str) -> Broken:
    return lambda tables, _: (
        _dated(tables, table)
        .join(tables["persons"].select("person_id", "last_observed_day"), on="person_id")
        .filter(nw.col("day") > nw.col("last_observed_day"))
        .select("row")
    )


def days_of_death(tables: Tables, exits_too: bool) -> nw.LazyFrame:
    """Each dead person's first recorded day of death: `person_id`, `death_day`.

    `exits_too` counts exits by death from a stay as well.
    """
    deaths = (
        tables["events"]
        .filter(nw.col("kind") == str(EventKind.DEATH))
        .select("person_id", death_day=nw.col("day"))
    )
    if exits_too:
        exits = tables["stays"].filter(
            nw.col("exit_reason") == str(ExitReason.DEATH), ~nw.col("end_day").is_null()
        )
        deaths = nw.concat([deaths, exits.select("person_id", death_day=nw.col("end_day"))])
    return deaths.group_by("person_id").agg(nw.col("death_day").min())


def _after_death(table: str) -> Broken:
    # Events are sorted before stays, so exits from stays cannot judge them.
    return lambda tables, _: (
        _dated(tables, table)
        .join(days_of_death(tables, exits_too=True), on="person_id")
        .filter(nw.col("day") > nw.col("death_day"))
        .select("row")
    )


def _event_after_death(which: nw.Expr) -> Broken:
    return lambda tables, _: (
        tables["events"]
        .filter(which)
        .join(days_of_death(tables, exits_too=False), on="person_id")
        .filter(nw.col("day") > nw.col("death_day"))
        .select("row")
    )


A_DEATH = nw.col("kind") == str(EventKind.DEATH)


def _ends_after_death(tables: Tables, _: Limits) -> nw.LazyFrame:
    # When the day of death is not known, some sources write the last of the month: a stay that
    # is closed some days after death happens.
    exit_reason = nw.col("exit_reason")
    return (
        tables["stays"]
        .filter(exit_reason.is_null() | (exit_reason != str(ExitReason.DEATH)))
        .join(days_of_death(tables, exits_too=False), on="person_id")
        .filter(nw.col("end_day") > nw.col("death_day"))
        .select("row")
    )


def _another_death(tables: Tables, _: Limits) -> nw.LazyFrame:
    return (
        tables["stays"]
        .filter(nw.col("exit_reason") == str(ExitReason.DEATH), ~nw.col("end_day").is_null())
        .join(days_of_death(tables, exits_too=False), on="person_id")
        .filter(nw.col("end_day") != nw.col("death_day"))
        .select("row")
    )


# What a row of a table is called in the report; "a row of ..." if not named here.
ROW = {
    "stays": "a stay that starts",
    "services": "a session",
    "tests": "a test",
    "scores": "a score",
    "events": "an event",
    "reported_use": "a day of reported use",
}


def of_strangers(table: str) -> Rule:
    """Whose rows these are must be known."""
    return Rule(
        f"{table}_of_strangers",
        f"a row of {table} whose person is not in persons",
        table,
        Severity.QUARANTINE,
        _of_strangers(table),
        allowed=CANNOT_STAY,
    )


def unseen(table: str) -> Rule:
    """Nothing can be known after the last day on which anything could be.

    A stay or an event there would count for or against somebody; a session there says that the
    end of sight is wrong.
    """
    counts = table in ("stays", "events")
    return Rule(
        f"{table}_unseen",
        f"{ROW.get(table, f'a row of {table}')} after the last observed day",
        table,
        Severity.QUARANTINE if counts else Severity.WARNING,
        _unseen(table),
    )


def after_death(table: str) -> Rule:
    """Nothing happens to the dead; a day of death counts as lived."""
    return Rule(
        f"{table}_after_death",
        f"{ROW.get(table, f'a row of {table}')} after death",
        table,
        Severity.QUARANTINE,
        _event_after_death(~A_DEATH) if table == "events" else _after_death(table),
    )


LATER_DEATH = Rule(
    "later_death",
    "a death after the person's first day of death",
    "events",
    Severity.WARNING,
    _event_after_death(A_DEATH),
)
ENDS_AFTER_DEATH = Rule(
    "ends_after_death", "a stay that ends after death", "stays", Severity.WARNING, _ends_after_death
)
ANOTHER_DEATH = Rule(
    "another_death",
    "an exit by death on another day than death",
    "stays",
    Severity.WARNING,
    _another_death,
)
