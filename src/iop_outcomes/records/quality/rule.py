"""One rule: what cannot, or should not, be so, and what becomes of the rows that break it.

A rule is a narwhals expression, so that the same words judge pandas frames, DuckDB relations and
whatever else narwhals knows.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import narwhals as nw

Tables = Mapping[str, nw.LazyFrame]  # each with a column `row`, whatever it counts
Limits = Mapping[str, float]


class Severity(StrEnum):
    """What becomes of a row that breaks a rule."""

    WARNING = "warning"  # it stays in, and is counted
    QUARANTINE = "quarantine"  # it is set aside
    REFUSE = "refuse"  # the whole export is refused


CANNOT_STAY = (Severity.QUARANTINE, Severity.REFUSE)
CANNOT_GO = (Severity.WARNING, Severity.REFUSE)


@dataclass(frozen=True)
class Rule:
    """One thing that cannot, or should not, be so.

    Attributes
    ----------
    key
        In the words of params.yaml.
    name
        In the words of the report.
    table
        Whose rows are judged.
    severity
        Unless the protocol says another.
    broken
        All tables and the limits to the rows of `table` that break it; a row may stand there
        twice.
    limits
        The numbers it judges by, unless the protocol says others.
    allowed
        The severities that a protocol may give it: where the records cannot hold such rows, a
        warning would not do; where tables are judged that are sorted after its own, its rows
        cannot be set aside.
    further_limits
        Names of limits that the protocol may add; None if it may add any.
    """

    key: str
    name: str
    table: str
    severity: Severity
    broken: Callable[[Tables, Limits], nw.LazyFrame]
    limits: Limits = field(default_factory=dict)
    allowed: tuple[Severity, ...] = tuple(Severity)
    further_limits: tuple[str, ...] | None = ()


def rule_of_one_row(
    key: str,
    name: str,
    table: str,
    severity: Severity,
    condition: Callable[[Limits], nw.Expr],
    limits: Limits | None = None,
    allowed: tuple[Severity, ...] = tuple(Severity),
    further_limits: tuple[str, ...] | None = (),
) -> Rule:
    """A rule that needs to see one row at a time; `condition` is true where it is broken."""

    def broken(tables: Tables, limits: Limits) -> nw.LazyFrame:
        return tables[table].filter(condition(limits)).select("row")

    return Rule(key, name, table, severity, broken, limits or {}, allowed, further_limits)
