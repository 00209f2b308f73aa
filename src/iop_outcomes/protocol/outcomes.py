"""Outcomes: how each is read, the margin it is held to, and what is done where it is unknown."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.values import STRICT, Kind, Share, Text
from iop_outcomes.vocabulary import Direction


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Outcome:
    """One outcome, and everything needed to read it from the records.

    Attributes
    ----------
    name
        One word; the column and file name.
    definition
        What counts, in the words of the methods section.
    events
        Kinds of event that count; reasons of exit are those of the index stay.
    competing
        Kinds of event after which the outcome can no longer happen.
    horizon_days
        Day from time zero at which the risk is read. None: the outcome is read at exit from the
        index stay, whenever that is.
    first_day
        First day after time zero on which an event counts; earlier ones are history.
    better
        Whether a lower or a higher risk is better.
    """

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
    definition: str
    events: Annotated[tuple[Kind, ...], Field(min_length=1)]
    competing: tuple[Kind, ...] = ()
    horizon_days: Annotated[int, Field(gt=0)] | None
    first_day: Annotated[int, Field(ge=0, le=1)] = 1
    better: Direction = Direction.LOWER

    @model_validator(mode="after")
    def _apart(self) -> Self:
        shared = sorted(set(self.events) & set(self.competing))
        if shared:
            raise ValueError(f"{shared} cannot be both the event and a competing event")
        return self


def named_outcomes(outcomes: Any) -> Any:
    """Outcomes as the file writes them: a mapping, so that an alternative can change one line."""
    if isinstance(outcomes, tuple) and all(isinstance(outcome, Outcome) for outcome in outcomes):
        return outcomes  # a protocol copied with another part changed
    if not isinstance(outcomes, Mapping):
        raise ValueError("write the outcomes as a mapping: a name, then what it means")
    return tuple(
        {"name": name, **outcome} if isinstance(outcome, Mapping) else outcome
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
