"""Rules that read a person's weekly urines: what a week counts as, and how weeks are put together.

A week is positive, negative, mixed or missed; in others no urine was required. Rules first say what
a missed and a mixed week count as, then what is asked of the weeks.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.values import STRICT

Counted = Literal["positive", "negative", "missed"]
# `left out`: the weeks that are left stand side by side. `as most weeks`: negative if more of the
# person's weeks are negative than positive or mixed, otherwise positive. `negative between
# negatives`: if both neighbours are negative; missed otherwise.
Missed = Literal[
    "positive", "negative", "missed", "left out", "as most weeks", "negative between negatives"
]
Week = Annotated[int, Field(ge=1)]
Weight = Annotated[float, Field(gt=0)]
# Which week is reported when a window of w weeks first holds h that count. `window offset` is the
# first week of the window plus w - h, as in the published tables.
Reported = Literal["first week", "window offset", "last week"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Weeks:
    """A choice of weeks: from a first to a last one, so many at the end, or those named.

    Attributes
    ----------
    first, last
        Both counted; None: to the end.
    final
        So many weeks at the end of planned treatment.
    among
        These weeks only.
    """

    first: Week = 1
    last: Week | None = None
    final: Week | None = None
    among: tuple[Week, ...] = ()

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ranged = self.first != 1 or self.last is not None
        if ranged + (self.final is not None) + bool(self.among) > 1:
            raise ValueError("say `first` and `last`, or `final`, or `among`, not two of them")
        if self.last is not None and self.last < self.first:
            raise ValueError("the last week comes before the first")
        return self

    @property
    def needed(self) -> int:
        """Weeks that planned treatment must have for the choice to mean anything."""
        return max(self.first, self.last or 0, self.final or 0, *self.among)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Weekly:
    missed: Missed
    mixed: Literal["positive", "negative"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class _Counting:
    missed: Missed
    mixed: Literal["positive", "negative", "half"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WeeksInWindow(_Weekly):
    """The first window of weeks of which enough count.

    Attributes
    ----------
    missed, mixed
        What such a week counts as.
    counted
        Which weeks count.
    window_weeks, at_least_weeks
        Length of the window, and how many of its weeks must count.
    first_week, last_week
        Weeks in which a window may lie.
    time_reported
        Which week is told. Who never has such a window is told the same week of the last window
        that there was.
    retained_weeks
        Who came last before this week does not have it.
    """

    by: Literal["weeks in a window"]
    counted: Counted
    window_weeks: Week
    at_least_weeks: Week
    first_week: Week = 1
    last_week: Week | None = None
    time_reported: Reported = "window offset"
    retained_weeks: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.at_least_weeks > self.window_weeks:
            raise ValueError("a window cannot hold more weeks than it is long")
        if self.last_week is not None and self.last_week - self.first_week < self.window_weeks - 1:
            raise ValueError("no window fits between the first and the last week")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LongestRun(_Weekly):
    """How many weeks in a row count, at most."""

    by: Literal["longest run of weeks"]
    counted: Counted


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NumberOfWeeks(_Counting):
    """How many of the chosen weeks count; a mixed week that counts half counts half."""

    by: Literal["number of weeks"]
    counted: Counted
    weeks: Weeks = Field(default_factory=Weeks)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ShareOfWeeks(_Counting):
    """Which share of the chosen weeks counts.

    Attributes
    ----------
    counted
        Which weeks count; a mixed week that counts half counts half.
    weeks
        Of which weeks, after those to be left out were.
    weights
        Weeks that weigh something and how much; every week of `weeks` weighs one if empty.
    retained_only
        Weeks after the last one with a result are no part of the whole.
    one_minus
        Tell the share that does not count.
    at_least
        Ask only whether the share is as large as this.
    retained_weeks
        Whose last result came before this week has a share of 0.
    """

    by: Literal["share of weeks"]
    counted: Counted
    weeks: Weeks = Field(default_factory=Weeks)
    weights: dict[Week, Weight] = Field(default_factory=dict)
    retained_only: bool = False
    one_minus: bool = False
    at_least: Annotated[float, Field(gt=0, le=1)] | None = None
    retained_weeks: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _one_choice(self) -> Self:
        if self.weights and self.weeks != Weeks():
            raise ValueError("`weights` names its weeks; take `weeks` out")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Condition:
    """How many of some weeks must, or may at most, count."""

    counted: Counted
    weeks: Weeks
    at_least: Annotated[int, Field(ge=1)] | None = None
    at_most: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("say `at_least` or `at_most`")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AllOfWeeks(_Weekly):
    """Whether every condition on the weeks holds."""

    by: Literal["conditions on weeks"]
    conditions: Annotated[tuple[Condition, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WeightedIndex:
    r"""An index that later positive weeks lower more than early ones.

    .. math:: highest \cdot \Bigl(1 - \frac{\sum_k penalty_k}{total}\Bigr)

    Attributes
    ----------
    highest
        The index of a person without a positive or missed week.
    weeks
        Weeks that count, from the first.
    step_weeks
        Neighbouring weeks with the same penalty. The penalties rise evenly from step to step.
    first_penalty, last_penalty
        Of a positive week in the first and in the last step; of a mixed week, half of it.
    missed_penalty
        Of a missed week, whenever it is.
    total_penalty
        With so much the index is 0.
    retained_weeks
        Whose last result came before this week has an index of 0.
    """

    by: Literal["weighted index of weeks"]
    highest: Weight
    weeks: Annotated[int, Field(ge=2)]
    step_weeks: Week
    first_penalty: Weight
    last_penalty: Weight
    missed_penalty: Weight
    total_penalty: Weight
    retained_weeks: Annotated[int, Field(ge=0)] = 0

    @model_validator(mode="after")
    def _steps(self) -> Self:
        if self.weeks % self.step_weeks or self.weeks == self.step_weeks:
            raise ValueError("`weeks` must be two or more whole steps of `step_weeks`")
        return self


WeeklyRule = WeeksInWindow | LongestRun | NumberOfWeeks | ShareOfWeeks | AllOfWeeks | WeightedIndex
