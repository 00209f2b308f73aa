"""What is compared: two strategies, how people came to them, and which contrast is asked."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.time_zero import Moment
from iop_outcomes.protocol.values import LEVELS, STRICT, Days, Text


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
        stay; `grace_period`, to start within `grace_days`.
    intervention, comparator
        Values of `by` that start each strategy.
    by
        What tells the strategies apart: `level_of_care`, or another column of the stays.
    intervention_name, comparator_name
        What the report calls them.
    grace_days
        Last day after time zero on which a start counts; for `grace_period` alone.
    sustained_days
        Last day after time zero on which leaving breaks the strategy; for `sustained` alone.
    """

    kind: StrategyKind = StrategyKind.INITIATE
    intervention: Annotated[tuple[str, ...], Field(min_length=1)]
    comparator: Annotated[tuple[str, ...], Field(min_length=1)]
    by: str = "level_of_care"
    intervention_name: str
    comparator_name: str
    grace_days: Days | None = None
    sustained_days: Annotated[int, Field(gt=0)] | None = None

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
    def _days_of_its_kind(self) -> Self:
        for kind, name, days in (
            (StrategyKind.GRACE_PERIOD, "grace_days", self.grace_days),
            (StrategyKind.SUSTAINED, "sustained_days", self.sustained_days),
        ):
            if (self.kind is kind) != (days is not None):
                raise ValueError(
                    f"the key `{name}` is missing; `kind: {kind}` needs it"
                    if days is None
                    else f"`{name}` belongs to `kind: {kind}`, and the kind is {self.kind}"
                )
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Assignment:
    """How people came to their strategy, and why their arms can be compared.

    Attributes
    ----------
    mechanism
        `not randomised`, or `randomised` for a trial's records.
    at
        The moment at which the strategy of a person is known; it must be time zero.
    reason
        Why people alike in the covariates may count as if a coin had been tossed, in the words of
        the methods section.
    """

    mechanism: Mechanism = Mechanism.NOT_RANDOMISED
    at: Moment = Moment.START
    reason: Text | None = None
