"""What is compared: two strategies, how people came to them, and which contrast is asked."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.time_zero import Moment
from iop_outcomes.protocol.values import LEVELS, STRICT, Days, Level, Text
from iop_outcomes.vocabulary import ExitReason

# Reasons of exit that break a strategy that is to be sustained; the others fulfil or end it.
BREAKS = (
    ExitReason.DROPPED_OUT,
    ExitReason.TERMINATED,
    ExitReason.OTHER,
    ExitReason.NOT_RECORDED,
)


class StrategyKind(StrEnum):
    """What a strategy asks after its first day."""

    INITIATE = "initiate"  # start it; whatever follows is part of it
    SUSTAINED = "sustained"  # start it and stay in it
    GRACE_PERIOD = "grace_period"  # start it within so many days


class Mechanism(StrEnum):
    """How people came to their strategy."""

    NOT_RANDOMISED = "not randomised"
    RANDOMISED = "randomised"


class CausalContrast(StrEnum):
    """Which departures from a strategy belong to it."""

    INTENTION_TO_TREAT = "intention to treat"
    PER_PROTOCOL = "per protocol"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Strategies:
    """The two treatment strategies, each as the admissions that start it.

    Attributes
    ----------
    kind
        What a strategy asks after its first day: `initiate`, whatever follows; `sustained`, to
        stay; `grace_period`, to start within `grace_days` of a planned exit.
    intervention, comparator
        Values of `by` that start each strategy. A grace period has no comparator of its own: it is
        not to start the intervention within that time.
    by
        What tells the strategies apart: `level_of_care`, or another column of the stays.
    intervention_name, comparator_name
        What the report calls them.
    sustained_days
        Last day after time zero on which leaving breaks the strategy; for `sustained` alone.
    after
        Levels of care whose first planned exit is time zero; for `grace_period`, as all that
        follow.
    grace_days
        Last day after time zero on which a start counts.
    closing_days
        Last days of the grace period on which those who start stand in for those who never do: 1
        for the strategy as it is written, more where hardly anyone starts on the last day.
    """

    kind: StrategyKind = StrategyKind.INITIATE
    intervention: Annotated[tuple[str, ...], Field(min_length=1)]
    comparator: tuple[str, ...] = ()
    by: str = "level_of_care"
    intervention_name: str
    comparator_name: str
    sustained_days: Annotated[int, Field(gt=0)] | None = None
    after: tuple[Level, ...] = ()
    grace_days: Days | None = None
    closing_days: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _apart(self) -> Self:
        shared = sorted(set(self.intervention) & set(self.comparator))
        if shared:
            raise ValueError(f"{shared} cannot start both strategies")
        if self.by == "level_of_care":
            unknown = sorted({*self.intervention, *self.comparator} - set(LEVELS))
            if unknown:
                raise ValueError(f"{unknown} is no level of care; known are {list(LEVELS)}")
        return self

    @model_validator(mode="after")
    def _keys_of_its_kind(self) -> Self:
        grace = self.kind is StrategyKind.GRACE_PERIOD
        for name, given, belongs, needed in (
            ("grace_days", self.grace_days is not None, grace, grace),
            ("after", bool(self.after), grace, grace),
            ("closing_days", self.closing_days != 1, grace, False),
            (
                "sustained_days",
                self.sustained_days is not None,
                self.kind is StrategyKind.SUSTAINED,
                self.kind is StrategyKind.SUSTAINED,
            ),
            ("comparator", bool(self.comparator), not grace, not grace),
        ):
            if needed and not given:
                raise ValueError(f"the key `{name}` is missing; `kind: {self.kind}` needs it")
            if given and not belongs:
                raise ValueError(f"`{name}` does not belong to `kind: {self.kind}`; leave it out")
        return self

    @model_validator(mode="after")
    def _grace_period_holds_together(self) -> Self:
        if self.kind is not StrategyKind.GRACE_PERIOD or self.grace_days is None:
            return self
        if self.by != "level_of_care":
            raise ValueError("a grace period is told by `level_of_care`; leave `by` out")
        if self.closing_days > self.grace_days + 1:
            raise ValueError(
                f"`closing_days`: a grace period to day {self.grace_days} has no more than "
                f"{self.grace_days + 1} days"
            )
        return self

    @property
    def contrast(self) -> CausalContrast:
        """The contrast that the kind asks: staying and grace periods are per protocol."""
        if self.kind is StrategyKind.INITIATE:
            return CausalContrast.INTENTION_TO_TREAT
        return CausalContrast.PER_PROTOCOL

    @property
    def time_zero(self) -> Moment:
        """The moment at which the kind lets a trial begin."""
        return Moment.EXIT if self.kind is StrategyKind.GRACE_PERIOD else Moment.START


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Assignment:
    """How people came to their strategy, and why their arms can be compared.

    Attributes
    ----------
    mechanism
        `not randomised`, or `randomised` for a trial's records.
    at
        The moment at which people enter their strategy (both, in a grace period); it must be time
        zero, and is if left out.
    reason
        Why people alike in the covariates may count as if a coin had been tossed, in the words of
        the methods section.
    """

    mechanism: Mechanism = Mechanism.NOT_RANDOMISED
    at: Moment | None = None
    reason: Text | None = None
