"""Definitions of outcomes that ask for what the source, as described, does not hold."""

from collections.abc import Iterator, Mapping
from typing import Any

from iop_outcomes.protocol.definitions.definition import Definition, Evidence
from iop_outcomes.protocol.definitions.event_rules import FirstEvent
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.rules.finding import Finding, Severity
from iop_outcomes.protocol.rules.sources import sight
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.vocabulary import EventKind

EVERYTHING = frozenset(Evidence)
OF_USE = frozenset({Evidence.USE, Evidence.ANY_USE})


def evidence(source: Mapping[str, Any]) -> frozenset[Evidence]:
    """What definitions may find in a source, as the protocol describes it.

    Examples
    --------
    >>> "weekly tests" in evidence({"kind": "teds_d", "files": ["a.csv"]})
    False
    """
    match source.get("kind"):
        case "teds_a":
            return frozenset()
        case "teds_d":
            return frozenset({Evidence.STAYS, Evidence.EXITS, Evidence.STATUS_AT_EXIT})
        case "table":
            exits = {Evidence.EXITS} if source.get("exit_reason") else set()
            held = {Evidence.STAYS, Evidence.AFTERWARDS, *exits}
        case "trial":
            held = {Evidence.STAYS, Evidence.EXITS, Evidence.AFTERWARDS}
            tested, told = source.get("urines"), source.get("reported_use")
            held |= {Evidence.WEEKLY_TESTS, *OF_USE} if tested else set()
            held |= OF_USE if told else set()
            served = source.get("doses") or source.get("contacts")
            held |= {Evidence.SERVICES} if served else set()
        case "site_export" if isinstance(source.get("tables"), Mapping):
            held = _of_tables(source["tables"])
        case _:
            return EVERYTHING
    return frozenset(held | _of_events(source))


def _of_events(source: Mapping[str, Any]) -> set[Evidence]:
    """Events are evidence, and a charted return to use is a record of use."""
    kinds = sight(source).kinds
    held = {Evidence.EVENTS} if kinds & set(map(str, EventKind)) else set()
    return held | ({Evidence.ANY_USE} if str(EventKind.RETURN_TO_USE) in kinds else set())


def _of_tables(tables: Mapping[str, Any]) -> set[Evidence]:
    held = {Evidence.STAYS, Evidence.STATUS_AT_EXIT}
    held |= {Evidence.WEEKLY_TESTS, *OF_USE} if "tests" in tables else set()
    for need, table, column in (
        (Evidence.EXITS, "stays", "exit_reason"),
        (Evidence.AFTERWARDS, "persons", "last_observed_day"),
        (Evidence.SERVICES, "services", "service"),
        (Evidence.HOURS, "services", "hours"),
        (Evidence.SCORES, "scores", "score"),
    ):
        mapped = tables.get(table)
        columns = mapped.get("columns") if isinstance(mapped, Mapping) else None
        held |= {need} if isinstance(columns, Mapping) and column in columns else set()
    return held


def definition_the_source_cannot_support(protocol: Protocol) -> Iterator[Finding]:
    """A definition whose evidence is not there would be told of nobody, or wrongly of everybody.

    The run would refuse it once the records are read; here it is said before.
    """
    kind = protocol.source.get("kind")
    for outcome in protocol.outcomes:
        for name in outcome.definitions:
            lacking = _lacking(definition(name), protocol.source)
            main = name == outcome.definition_id
            if lacking:
                yield Finding(
                    rule="definition-the-source-cannot-support",
                    severity=Severity.ERROR,
                    place=f"outcomes.{outcome.name}."
                    + ("definition_id" if main else "other_definitions"),
                    sentence=f"{name} needs {lacking}, and a source of kind {kind}, as described, "
                    "holds none",
                    mend="choose a definition that it supports (docs/definitions.md), or name the "
                    "table that holds them under protocol.source",
                )


def score_the_source_cannot_show(protocol: Protocol) -> Iterator[Finding]:
    """A score of which the source holds none would be known of nobody."""
    kind = protocol.source.get("kind")
    for outcome in protocol.score_outcomes:
        if Evidence.SCORES not in evidence(protocol.source):
            yield Finding(
                rule="score-the-source-cannot-show",
                severity=Severity.ERROR,
                place=f"outcomes.{outcome.name}.score",
                sentence=f"a source of kind {kind}, as described, holds no scores",
                mend="read the outcome by `events`, or name the table of scores under "
                "protocol.source",
            )


def _lacking(asked: Definition, source: Mapping[str, Any]) -> list[str]:
    held = evidence(source)
    lacking = [str(need) for need in asked.needs if need not in held]
    shown = sight(source).kinds
    if isinstance(asked.rule, FirstEvent) and not lacking:
        lacking = [] if shown & set(asked.kinds) else list(asked.kinds)
    for component in asked.components:
        lacking += [need for need in _lacking(definition(component), source) if need not in lacking]
    return lacking


def comparison_of_descriptive_outcomes(protocol: Protocol) -> Iterator[Finding]:
    """A definition marked descriptive may be set beside another one, and no effect is told by it.

    Use in the month before discharge is use inside for a resident and use outside for an
    outpatient: the arms would differ by where people were.
    """
    for outcome in protocol.outcomes:
        for name in outcome.other_definitions:
            if definition(name).descriptive:
                yield Finding(
                    rule="comparison-of-descriptive-outcomes",
                    severity=Severity.WARNING,
                    place=f"outcomes.{outcome.name}.other_definitions",
                    sentence=f"{name} is descriptive: the report tells how far it agrees, and no "
                    "effect",
                    mend="leave it out if the effect is what is asked",
                )
