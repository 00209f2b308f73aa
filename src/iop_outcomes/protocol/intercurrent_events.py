"""What may happen between time zero and the outcome, and how each is dealt with (ICH E9(R1))."""

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.values import KINDS, STRICT, Kind
from iop_outcomes.vocabulary import Direction, EventKind


class Handling(StrEnum):
    """Strategies for intercurrent events, in the words of ICH E9(R1) where it has any."""

    TREATMENT_POLICY = "treatment policy"  # follow-up goes on as if it had not happened
    COMPOSITE = "composite"  # it counts as a bad outcome
    COMPETING = "competing"  # it forecloses the outcome, and is counted beside it
    OUTCOME = "the outcome itself"
    HYPOTHETICAL = "hypothetical"  # as if it could not happen
    WHILE_AT_RISK = "while at risk"  # only the time before it counts


def _no_principal_stratum(value: Any) -> Any:
    if value == "principal stratum":
        raise ValueError(
            "`principal stratum` is refused: nobody can be told at time zero to be of those who "
            f"would (not) have it under both strategies; choose among {list(map(str, Handling))}"
        )
    return value


HandlingRule = Annotated[
    Handling,
    BeforeValidator(_no_principal_stratum),
    WithJsonSchema({"type": "string", "enum": list(map(str, Handling))}),
]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class IntercurrentEvent:
    """Something that may happen after time zero and changes what an outcome means.

    Attributes
    ----------
    kinds
        The kinds of event it is in the records. Left out: the kind it is named after; none if its
        name is of no kind (a start of medication, a step to other care).
    strategy
        How it is dealt with, for every outcome that `for_outcomes` does not name.
    for_outcomes
        Outcome to the strategy for it alone.
    reason
        Why so, in the words of the methods section.
    """

    kinds: tuple[Kind, ...] | None = None
    strategy: HandlingRule
    for_outcomes: dict[str, HandlingRule] = Field(default_factory=dict)
    reason: Annotated[str, Field(min_length=10)]

    @model_validator(mode="after")
    def _kinds_are_given(self) -> Self:
        if self.kinds == ():
            raise ValueError("`kinds` is empty; name the kinds of event, or leave the key out")
        return self

    def kinds_of(self, name: str) -> tuple[str, ...]:
        """The kinds of event in the records that it is."""
        if self.kinds is not None:
            return self.kinds
        return (name,) if name in KINDS else ()

    def handling(self, outcome: str) -> Handling:
        """How it is dealt with for an outcome."""
        return self.for_outcomes.get(outcome, self.strategy)


def read_as(kind: str, outcome: Outcome) -> tuple[Handling, ...]:
    """What an outcome makes of a kind of event, as it is read from the records.

    A composite is an event of an outcome that is bad; where the outcome is good, it is whatever
    does not count as it. What a definition of the registry makes of kinds that it does not name, it
    says in words only (a missed urine may count as use): nothing contradicts it.
    """
    if outcome.score is not None:  # who died has none
        return (Handling.COMPETING if kind == EventKind.DEATH else Handling.TREATMENT_POLICY,)
    if kind in outcome.counts:
        good = outcome.better is Direction.HIGHER
        return (Handling.OUTCOME,) if good else (Handling.OUTCOME, Handling.COMPOSITE)
    if kind in outcome.competes:
        return (Handling.COMPETING,)
    if outcome.told_by is not None:
        return (Handling.TREATMENT_POLICY, Handling.COMPOSITE, Handling.OUTCOME)
    if outcome.horizon_days is None and outcome.better is Direction.HIGHER:
        return (Handling.COMPOSITE, Handling.TREATMENT_POLICY)
    return (Handling.TREATMENT_POLICY,)


def contradictions(
    named: Mapping[str, IntercurrentEvent], outcomes: Iterable[Outcome]
) -> Iterator[str]:
    """Sentences on events that two places of a protocol deal with differently.

    What is not read from the records yet (hypothetical, while at risk) is no contradiction: it is
    refused for itself.
    """
    not_read = (Handling.HYPOTHETICAL, Handling.WHILE_AT_RISK)
    for outcome in outcomes:
        seen: dict[str, str] = {}
        for name, event in named.items():
            said = event.handling(outcome.name)
            for kind in event.kinds_of(name):
                if kind in seen:
                    yield f"intercurrent_events.{name}: {kind!r} stands under {seen[kind]!r} too"
                seen[kind] = name
                found = read_as(kind, outcome)
                if said not in (*found, *not_read):
                    yield (
                        f"intercurrent_events.{name} says `{said}` of {kind!r}, but outcomes."
                        f"{outcome.name} {_place(kind, outcome)}, which is `{found[0]}`; make both "
                        "say one thing"
                    )


def _place(kind: str, outcome: Outcome) -> str:
    if outcome.score is not None:
        return "is a score, which the dead have not and others have whatever happened"
    if outcome.told_by is not None:
        return f"is read by {outcome.definition_id}"
    for part in ("events", "competing"):
        if kind in getattr(outcome, part):
            return f"names it under `{part}`"
    return "names it under neither `events` nor `competing`"
