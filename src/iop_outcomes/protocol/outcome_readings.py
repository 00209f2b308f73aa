"""What an outcome may not say of the definitions it is read by, each in a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from iop_outcomes.protocol.definitions.definition import Answer, Definition, Evidence
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.vocabulary import EventKind, ExitReason

if TYPE_CHECKING:
    from iop_outcomes.protocol.outcomes import Outcome


# What is over with the exit; death and jail may come later, too.
REASONS_OF_EXIT = set(map(str, ExitReason)) - set(map(str, EventKind))


def contradictions_of_readings(outcome: Outcome) -> Iterator[str]:
    """Sentences on keys that the definitions of an outcome contradict, or that are missing."""
    if outcome.definition_id is None:
        yield from _read_by_events(outcome)
    else:
        yield from _read_by_definition(outcome)
    yield from _clock(outcome)
    yield from _others(outcome)
    yield from _substances(outcome)


def _read_by_events(outcome: Outcome) -> Iterator[str]:
    for key in ("definition", "events"):
        if not getattr(outcome, key):
            yield f"the key `{key}` is missing"


def _read_by_definition(outcome: Outcome) -> Iterator[str]:
    asked = definition(outcome.definition_id)
    said = [key for key in ("events", "competing") if getattr(outcome, key)]
    said += ["first_day"] * (outcome.first_day != 1)
    if said:
        yield f"{asked.id} says what `{said[0]}` would say; take the key out"
    if asked.descriptive:
        yield f"{asked.id} is descriptive, not to be compared between arms; choose another"
    yield from _cannot_be_a_risk(outcome, asked)
    if not asked.clocked and outcome.horizon_days is not None:
        yield f"{asked.id} tells yes or no and has no clock; write `horizon_days: null`"


def _clock(outcome: Outcome) -> Iterator[str]:
    if outcome.clock is Clock.TIME_ZERO:
        return
    if outcome.horizon_days is None:
        yield f"without `horizon_days` it has no clock; take `clock: {outcome.clock}` out"
    if outcome.other_definitions:
        yield f"definitions count from time zero, not on `clock: {outcome.clock}`; leave others out"
    if outcome.clock is Clock.EXIT:
        past = sorted(REASONS_OF_EXIT & {*outcome.events, *outcome.competing})
        if past:
            yield f"{past} happen at the exit from which it would be counted; take them out"


def _others(outcome: Outcome) -> Iterator[str]:
    readings = outcome.readings
    for name in outcome.other_definitions:
        if readings.count(name) > 1:
            yield f"{name} is named twice; once is enough"
        yield from _cannot_be_a_risk(outcome, definition(name))


def _cannot_be_a_risk(outcome: Outcome, asked: Definition) -> Iterator[str]:
    if asked.answer == Answer.NUMBER:
        yield f"{asked.id} tells a number, which has no risk; choose one with a time or a yes or no"
    if asked.clocked and outcome.horizon_days is None:
        yield f"{asked.id} tells a time; say in `horizon_days` by which day it is read"
    if outcome.clock is Clock.EXIT:
        yield f"{asked.id} counts from time zero; an outcome on another clock is read by `events`"
    if asked.better != outcome.better:
        yield (
            f"{asked.id} is better {asked.better} and the outcome {outcome.better}: one is the "
            "other's contrary; choose a definition of the same thing, or change `better`"
        )


def _substances(outcome: Outcome) -> Iterator[str]:
    asked = [definition(name) for name in outcome.definitions]
    weekly = [one.id for one in asked if Evidence.WEEKLY_TESTS in one.needs]
    if weekly and not outcome.substances:
        yield f"{weekly[0]} reads weekly tests; name in `substances` whose findings count"
    if outcome.substances and not any(one.reads_use for one in asked):
        yield "`substances` is read by definitions of use alone, and none is named; take it out"
