"""Outcomes: how each is read, the margin it is held to, and what is done where it is unknown."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.definitions.definition import Definition
from iop_outcomes.protocol.definitions.reading import Identifier
from iop_outcomes.protocol.definitions.reading import definition as of_registry
from iop_outcomes.protocol.outcome_readings import contradictions_of_readings
from iop_outcomes.protocol.scores import Score, contradictions_of_score
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.protocol.values import STRICT, Kind, Share, Text
from iop_outcomes.vocabulary import Direction

BY_EVENTS = "events"  # what the reading of an outcome is called that has no definition's name


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Outcome:
    """One outcome, and everything needed to read it from the records.

    It is read by its events, by a definition of the registry (docs/definitions.md), or as a score.

    Attributes
    ----------
    name
        One word; the column and file name.
    definition
        What counts, in the words of the methods section. With `definition_id` it may be left out:
        the registry's name of it is used.
    definition_id
        The definition that it is read by, in place of `events`, `competing` and `first_day`.
    events
        Kinds of event that count; reasons of exit are those of the index stay.
    competing
        Kinds of event after which the outcome can no longer happen.
    horizon_days
        Day from time zero at which the risk is read. None: the outcome is read at exit from the
        index stay, whenever that is; or its definition tells yes or no and has no clock. With
        `score` it is left out.
    first_day
        First day after time zero on which an event counts; earlier ones are history.
    clock
        What the days of the outcome, and its horizon, are counted on: days since `time zero`; days
        since the `exit from the index stay`, of those who got there; or `days in the community`
        since time zero, a clock that stands still by day and night in care and in jail.
    better
        Whether a lower or a higher risk (or mean score) is better.
    other_definitions
        Definitions that it is read by besides, so that the report can show how far they agree and
        what becomes of the effect. No verdict is passed on them.
    substances
        Whose use counts, as the tests spell them; for definitions of use.
    score
        The number that it is, in place of all that makes it happen or not; its means are compared.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    definition: str | None = None
    definition_id: Identifier | None = None
    events: tuple[Kind, ...] = ()
    competing: tuple[Kind, ...] = ()
    horizon_days: Annotated[int, Field(gt=0)] | None
    first_day: Annotated[int, Field(ge=0, le=1)] = 1
    clock: Clock = Clock.TIME_ZERO
    better: Direction = Direction.LOWER
    other_definitions: tuple[Identifier, ...] = ()
    substances: tuple[Text, ...] = ()
    score: Score | None = None

    @model_validator(mode="after")
    def _apart(self) -> Self:
        shared = sorted(set(self.events) & set(self.competing))
        if shared:
            raise ValueError(f"{shared} cannot be both the event and a competing event")
        return self

    @model_validator(mode="after")
    def _read_as_it_can_be(self) -> Self:
        scored = self.score is not None
        for sentence in (contradictions_of_score if scored else contradictions_of_readings)(self):
            raise ValueError(sentence)
        return self

    @property
    def told_by(self) -> Definition | None:
        """The definition that it is read by; None if it is read by its events."""
        return None if self.definition_id is None else of_registry(self.definition_id)

    @property
    def readings(self) -> tuple[str, ...]:
        """What each way of reading it is called, the main one first."""
        return (self.definition_id or BY_EVENTS, *self.other_definitions)

    @property
    def definitions(self) -> tuple[str, ...]:
        """Identifiers of the definitions among its readings."""
        return tuple(name for name in self.readings if name != BY_EVENTS)

    @property
    def meaning(self) -> str:
        """What counts, in words."""
        told_by = self.told_by
        return self.definition or (told_by.name if told_by else "")

    @property
    def counts(self) -> tuple[str, ...]:
        """Kinds of event that count, as far as it is read from kinds of event."""
        told_by = self.told_by
        return self.events if told_by is None else told_by.kinds

    @property
    def competes(self) -> tuple[str, ...]:
        """Kinds of event after which it can no longer happen."""
        told_by = self.told_by
        return self.competing if told_by is None else told_by.competing

    @property
    def at_exit(self) -> bool:
        """Whether it is read at the exit from the index stay."""
        if self.score is not None:
            return False
        return self.horizon_days is None and (self.told_by is None or bool(self.counts))


def named_outcomes(outcomes: Any) -> Any:
    """Outcomes as the file writes them: a mapping, so that an alternative can change one line."""
    if isinstance(outcomes, tuple) and all(isinstance(outcome, Outcome) for outcome in outcomes):
        return outcomes  # a protocol copied with another part changed
    if not isinstance(outcomes, Mapping):
        raise ValueError("write the outcomes as a mapping: a name, then what it means")
    return tuple(
        {"name": name, **({"horizon_days": None} if "score" in outcome else {}), **outcome}
        if isinstance(outcome, Mapping)
        else outcome
        for name, outcome in outcomes.items()
    )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Margin:
    """The largest excess risk of the intervention that is still acceptable.

    Attributes
    ----------
    risk_difference
        As a share: 0.10 is ten in a hundred people.
    reference_risk
        Risk expected under the comparator, as a share: what the margin is large or small against.
        None if nobody knows.
    justification
        Why this much and no more.
    set_by
        Who decided, and when, before outcomes were read.
    """

    risk_difference: Share
    reference_risk: Share | None = None
    justification: Annotated[str, Field(min_length=10)]
    set_by: Text


class MissingOutcome(StrEnum):
    """What is done about people of whom nothing is known after time zero."""

    COMPLETE_CASES = "complete cases"


class MissingCovariate(StrEnum):
    """What is done about covariates that were not recorded."""

    WORDS_AS_A_LEVEL = "words as a level of their own, numbers refused"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class MissingData:
    """What is done where a value is not known.

    Attributes
    ----------
    covariates
        A word that was not recorded is a level of its own; a number that was not recorded must be
        asked for (`eligibility.recorded`), or the run is refused.
    outcomes
        Rule by outcome; those left out have the rule `complete cases`: people of whom nothing is
        known after time zero are left out and counted, and people followed for a while are
        censored where the records end.
    reason
        Why that is fair, in the words of the methods section.
    """

    covariates: MissingCovariate = MissingCovariate.WORDS_AS_A_LEVEL
    outcomes: dict[str, MissingOutcome] = Field(default_factory=dict)
    reason: Text | None = None

    def rule(self, outcome: str) -> MissingOutcome:
        """The rule of an outcome."""
        return self.outcomes.get(outcome, MissingOutcome.COMPLETE_CASES)
