"""One definition of an outcome: what it is, who says so, what it needs, how it is read."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.definitions.care_rules import CareRule, CauseOfExit, ExitFor
from iop_outcomes.protocol.definitions.event_rules import (
    EventRule,
    FirstEvent,
    FirstOf,
    FirstUse,
    Readmission,
)
from iop_outcomes.protocol.definitions.weekly_rules import ShareOfWeeks, WeeklyRule
from iop_outcomes.protocol.values import STRICT, Kind
from iop_outcomes.vocabulary import Direction, EventKind, ExitReason

IDENTIFIER = r"^[A-Z]{2,3}(-[A-Z0-9]+)+$"


class Domain(StrEnum):
    """What an outcome is about."""

    RETENTION = "retention"
    ATTENDANCE = "attendance"
    RELAPSE = "relapse"
    ABSTINENCE = "abstinence"
    REDUCTION = "reduction of use"
    MENTAL_HEALTH = "mental health"
    FUNCTIONING = "functioning"


class Evidence(StrEnum):
    """What a source must hold for a definition to be read from it."""

    WEEKLY_TESTS = "weekly tests"
    USE = "tests or reported use"
    ANY_USE = "any record of use"
    EVENTS = "events"
    STAYS = "stays"
    EXITS = "exits"
    STATUS_AT_EXIT = "status at exit"
    AFTERWARDS = "time after the stay"
    SERVICES = "services"
    HOURS = "hours of services"
    SCORES = "scores"


class Answer(StrEnum):
    """What a definition tells of a person."""

    TIME = "time to event"
    YES_OR_NO = "yes or no"
    NUMBER = "number"


# What each rule can tell.
ANSWERS = {
    "weeks in a window": (Answer.TIME, Answer.YES_OR_NO),
    "longest run of weeks": (Answer.NUMBER,),
    "number of weeks": (Answer.NUMBER,),
    "share of weeks": (Answer.NUMBER, Answer.YES_OR_NO),
    "conditions on weeks": (Answer.YES_OR_NO,),
    "weighted index of weeks": (Answer.NUMBER,),
    "length of stay": (Answer.NUMBER,),
    "retained past a day": (Answer.YES_OR_NO,),
    "reason of exit": (Answer.YES_OR_NO,),
    "cause of exit": (Answer.TIME,),
    "gap in attendance": (Answer.TIME,),
    "initiation and engagement": (Answer.YES_OR_NO,),
    "follow-up after discharge": (Answer.YES_OR_NO,),
    "weeks in dose": (Answer.NUMBER,),
    "hours attended": (Answer.NUMBER,),
    "regularity of attendance": (Answer.NUMBER,),
    "days in the community": (Answer.NUMBER,),
    "number of readmissions": (Answer.NUMBER,),
    "first use": (Answer.TIME,),
    "first event": (Answer.TIME,),
    "readmission": (Answer.TIME, Answer.YES_OR_NO),
    "first of several": (Answer.TIME,),
    "return to hospital": (Answer.YES_OR_NO,),
    "score in a window": (Answer.YES_OR_NO,),
    "score after remission": (Answer.TIME,),
    "status at exit": (Answer.YES_OR_NO,),
}


Sentence = Annotated[str, Field(min_length=10, pattern=r"\S\.$")]
Name = Annotated[str, Field(min_length=10)]
Rule = Annotated[WeeklyRule | CareRule | EventRule, Field(discriminator="by")]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Definition:
    """One definition of an outcome, as its file says it.

    Attributes
    ----------
    id
        How the report names it.
    name
        In plain words.
    domain
        What it is about.
    citation
        Who defined it so.
    needs
        What a source must hold; all of it.
    rule
        How it is read, with its parameters.
    answer
        What it tells of a person.
    missing
        What becomes of what was not recorded.
    competing
        After these it can no longer happen.
    time
        From when time runs, in which unit, and what is told of whoever has no event.
    better
        Whether less or more of it is better.
    published_as
        Columns of the table of published endpoints of CTN-0094 (Brandt et al. 2024) that it
        equals.
    descriptive
        Not to be compared between arms.
    note
        What else a reader must know.
    """

    id: Annotated[str, Field(pattern=IDENTIFIER)]
    name: Name
    domain: Domain
    citation: Sentence
    needs: Annotated[tuple[Evidence, ...], Field(min_length=1)]
    rule: Rule
    answer: Answer
    missing: Sentence
    competing: tuple[Kind, ...] = ()
    time: Sentence
    better: Direction
    published_as: tuple[str, ...] = ()
    descriptive: bool = False
    note: Sentence | None = None

    @model_validator(mode="after")
    def _answers_what_its_rule_can(self) -> Self:
        possible = ANSWERS[self.rule.by]
        if isinstance(self.rule, ShareOfWeeks):
            possible = (Answer.NUMBER if self.rule.at_least is None else Answer.YES_OR_NO,)
        if isinstance(self.rule, Readmission):
            possible = (Answer.TIME if self.rule.within_days is None else Answer.YES_OR_NO,)
        if self.answer not in possible:
            raise ValueError(
                f"a rule by {self.rule.by} tells {[str(answer) for answer in possible]} here, not "
                f"{self.answer}"
            )
        return self

    @property
    def components(self) -> tuple[str, ...]:
        """Identifiers of the definitions it is put together from."""
        return self.rule.components if isinstance(self.rule, FirstOf) else ()

    @property
    def kinds(self) -> tuple[str, ...]:
        """Kinds of event and reasons of exit that count, where its rule names any."""
        match self.rule:
            case FirstEvent(kinds=kinds):
                return tuple(map(str, kinds))
            case ExitFor(reasons=reasons):
                return tuple(map(str, reasons))
            case CauseOfExit():
                return tuple(map(str, ExitReason))
            case FirstUse(charted=True):
                return (str(EventKind.RETURN_TO_USE),)
        return ()

    @property
    def reads_use(self) -> bool:
        """Whether whose use counts must, or may, be said by the caller."""
        use = {Evidence.WEEKLY_TESTS, Evidence.USE, Evidence.ANY_USE}
        return bool(use & set(self.needs))

    @property
    def clocked(self) -> bool:
        """Whether it tells when."""
        return self.answer == Answer.TIME
