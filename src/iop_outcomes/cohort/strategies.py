"""Strategies as rules over time: enter, enter and stay, or start within a grace period.

Each rule says for every person and arm on which day, if any, the data first contradict it. There
follow-up under the arm is censored artificially; who stays is weighted
(statistics/survival/censoring.py).
"""

from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.specification import STRICT
from iop_outcomes.protocol.strategies import BREAKS
from iop_outcomes.vocabulary import DAY_AND_NIGHT, ExitReason, LevelOfCare

RESIDENTIAL = (
    LevelOfCare.INPATIENT,
    LevelOfCare.SHORT_TERM_RESIDENTIAL,
    LevelOfCare.LONG_TERM_RESIDENTIAL,
)
PLANNED_EXITS = (ExitReason.COMPLETED, ExitReason.TRANSFERRED)

Levels = Annotated[tuple[LevelOfCare, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True)
class DecisionWindow:
    """Days after time zero on which a decision contradicts an arm.

    Attributes
    ----------
    first_day, last_day
        Both counted.
    closing_days
        As in `GracePeriod`.
    """

    first_day: int
    last_day: int
    closing_days: int = 1

    @property
    def first_closing_day(self) -> int:
        """The first of the closing days."""
        return self.last_day + 1 - self.closing_days


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Sustain:
    """Per protocol: stay in the care entered until its planned end, up to a day.

    Attributes
    ----------
    until_day
        Last day after time zero on which leaving breaks the strategy.
    breaks
        Reasons of exit from the index stay that break it. After any other exit there is nothing
        left to break.
    """

    until_day: Annotated[int, Field(gt=0)]
    breaks: Annotated[tuple[ExitReason, ...], Field(min_length=1)] = BREAKS

    @model_validator(mode="after")
    def _planned_exits_fulfil(self) -> Self:
        planned = sorted(set(self.breaks) & set(PLANNED_EXITS))
        if planned:
            raise ValueError(f"{planned} fulfil the strategy and cannot break it")
        return self

    @property
    def window(self) -> DecisionWindow:
        """A stay of one day ends on day 1, so nobody leaves on day 0."""
        return DecisionWindow(first_day=1, last_day=self.until_day)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class GracePeriod:
    """Start a level of care within so many days of time zero, or do not within that time.

    At time zero nobody's arm is known, so everyone is cloned into both. Who enters care around the
    clock before starting is excused: from there on neither arm can be contradicted.

    Attributes
    ----------
    days
        Last day after time zero on which a start counts; 0 is the day of time zero itself.
    starts
        Levels of care of which one is to be started.
    excuses
        Levels of care in which nobody can start.
    closing_days
        Last days of the grace period on which those who start stand in for those who never do:
        1 for the strategy as it is written, more where hardly anyone starts on the last day.
    """

    days: Annotated[int, Field(ge=0)] = 14
    starts: Levels = (LevelOfCare.INTENSIVE_OUTPATIENT,)
    excuses: tuple[LevelOfCare, ...] = DAY_AND_NIGHT
    closing_days: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _hold_together(self) -> Self:
        shared = sorted(set(self.starts) & set(self.excuses))
        if shared:
            raise ValueError(f"{shared} cannot both start the strategy and excuse from it")
        if self.closing_days > self.days + 1:
            raise ValueError(
                f"closing_days: a grace period to day {self.days} has no more than "
                f"{self.days + 1} days"
            )
        return self

    @property
    def window(self) -> DecisionWindow:
        """The grace period."""
        return DecisionWindow(first_day=0, last_day=self.days, closing_days=self.closing_days)
