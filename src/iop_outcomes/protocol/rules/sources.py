"""What each kind of source can show, and outcomes asked of one that cannot."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from iop_outcomes.protocol.rules.finding import Finding, Severity
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.values import KINDS
from iop_outcomes.vocabulary import EventKind, ExitReason, LevelOfCare

EXITS = frozenset(map(str, ExitReason))
EVENTS = frozenset(map(str, EventKind))
TEDS = ("teds_a", "teds_d")
RESIDENTIAL = {str(LevelOfCare.SHORT_TERM_RESIDENTIAL), str(LevelOfCare.LONG_TERM_RESIDENTIAL)}
# Words in the name of an outcome that asks what came after treatment.
AFTERWARDS = ("relapse", "readmission", "return", "recurrence", "reuse", "overdose")


@dataclass(frozen=True)
class Sight:
    """What a source can show of what happens after time zero.

    Attributes
    ----------
    kinds
        Kinds of event that its rows can hold.
    dated
        Whether what it shows has a day.
    """

    kinds: frozenset[str]
    dated: bool = True


def sight(source: Mapping[str, Any]) -> Sight:
    """What a source, as the protocol describes it, can show.

    Examples
    --------
    >>> "return to use" in sight({"kind": "teds_d", "files": ["a.csv"]}).kinds
    False
    >>> "return to use" in sight({"kind": "site_export", "folder": "."}).kinds
    True
    """
    match source.get("kind"):
        case "teds_a":
            return Sight(frozenset(), dated=False)
        case "teds_d":
            return Sight(EXITS, dated=False)
        case "table":
            return Sight(_described(source) | {str(source.get("exit_reason"))} & EXITS)
        case "data frame":
            return Sight(_described(source))
        case "trial":
            return Sight(_described(source) | {str(ExitReason.NOT_RECORDED)})
        case "site_export" if isinstance(source.get("tables"), Mapping):
            tables = source["tables"]
            kinds = _words(tables, "events", "kind", EVENTS)
            return Sight(kinds | _words(tables, "stays", "exit_reason", EXITS))
    return Sight(frozenset(KINDS))


def _described(source: Mapping[str, Any]) -> frozenset[str]:
    events = source.get("events", ())
    rows = events if isinstance(events, list | tuple) else ()
    return frozenset(str(row.get("kind")) for row in rows if isinstance(row, Mapping))


def _words(
    tables: Mapping[str, Any], table: str, column: str, every: frozenset[str]
) -> frozenset[str]:
    """The words that a mapped column can hold: those its codes are mapped to, or every one."""
    mapped = tables.get(table)
    columns = mapped.get("columns") if isinstance(mapped, Mapping) else None
    if not isinstance(columns, Mapping) or column not in columns:
        return frozenset()
    origin = columns[column]
    if not isinstance(origin, Mapping):
        return every
    if origin.get("constant") is not None:
        return frozenset({str(origin["constant"])})
    words = origin.get("words")
    return frozenset(map(str, words.values())) & every if isinstance(words, Mapping) else every


def outcome_the_source_cannot_show(protocol: Protocol) -> Iterator[Finding]:
    """An event that the source cannot hold would be found in nobody, or in the wrong people.

    An error if it can hold none of the outcome's events, a warning if some.

    TEDS-D ends at discharge: use in the 30 days before it is use inside a controlled environment
    for a residential stay, and reaches back before admission for a short one. TEDS-A has no exit
    at all.
    """
    kind, seen = protocol.source.get("kind"), sight(protocol.source)
    for outcome in protocol.outcomes:
        unseen = [event for event in outcome.events if event not in seen.kinds]
        if unseen:
            wholly = len(unseen) == len(outcome.events)
            yield Finding(
                rule="outcome-the-source-cannot-show",
                severity=Severity.ERROR if wholly else Severity.WARNING,
                place=f"outcomes.{outcome.name}.events",
                sentence=f"a source of kind {kind}, as described, cannot show {unseen}",
                mend=f"ask what it can show ({sorted(seen.kinds) or 'no outcome at all'}), or name "
                "the table that holds them under protocol.source",
            )


def relapse_from_discharges(protocol: Protocol) -> Iterator[Finding]:
    """A reason of discharge is no relapse, whatever it is called.

    A register of admissions or discharges has no person in it and no day after the exit.
    """
    kind = protocol.source.get("kind")
    for outcome in protocol.outcomes if kind in TEDS else ():
        named = [word for word in AFTERWARDS if word in outcome.name]
        if named and EXITS & set(outcome.counts):
            yield Finding(
                rule="relapse-from-discharges",
                severity=Severity.ERROR,
                place=f"outcomes.{outcome.name}",
                sentence=f"a source of kind {kind} ends at discharge, so nothing in it is a "
                f"{named[0]}; its events are reasons of exit",
                mend="name the outcome after what is read: completion, discontinuation",
            )


def day_that_the_source_does_not_have(protocol: Protocol) -> Iterator[Finding]:
    """In TEDS-D a length of stay above 30 days is a band: the exit has no day."""
    if protocol.source.get("kind") not in TEDS:
        return
    for outcome in protocol.outcomes:
        if outcome.horizon_days is not None:
            yield Finding(
                rule="day-the-source-does-not-have",
                severity=Severity.ERROR,
                place=f"outcomes.{outcome.name}.horizon_days",
                sentence="stays above 30 days are bands in this source, so most exits have no day",
                mend="read it at exit (horizon_days: null)",
            )


def mixture_of_residential_care(protocol: Protocol) -> Iterator[Finding]:
    """Short- and long-term residential care pooled: the answer then hangs on their mix by state.

    SAMHSA, TEDS 2004 Discharges, Table 2.5; halfway houses are counted among the long-term.
    """
    arms = protocol.strategies
    if protocol.source.get("kind") not in TEDS or arms.by != "level_of_care":
        return
    for name in ("intervention", "comparator"):
        if set(getattr(arms, name)) >= RESIDENTIAL:
            yield Finding(
                rule="mixture-of-residential-care",
                severity=Severity.WARNING,
                place=f"strategies.{name}",
                sentence="short- and long-term residential care are pooled; 61.5% and 42.9% "
                "completed them in TEDS 2004, so the answer hangs on the mix",
                mend="compare with each alone, at least under `robustness`",
            )
