"""Time told in other ways than by an outcome's risk: lengths in bands, repeats, states."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.values import STRICT, Text
from iop_outcomes.vocabulary import READMISSION, EventKind, ExitReason

REASONS = tuple(map(str, ExitReason))
REPEATS = (READMISSION, EventKind.RETURN_TO_USE, EventKind.OVERDOSE, EventKind.EMERGENCY_VISIT)
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


def _known_reason(reason: str) -> str:
    if reason not in REASONS:
        raise ValueError(f"{reason!r} is no reason of exit; known are {list(REASONS)}")
    return reason


def _known_repeat(kind: str) -> str:
    known = list(map(str, REPEATS))
    if kind not in known:
        raise ValueError(f"{kind!r} is nothing that is counted again and again; known are {known}")
    return kind


Reason = Annotated[
    str, AfterValidator(_known_reason), WithJsonSchema({"type": "string", "enum": list(REASONS)})
]
Repeat = Annotated[
    str,
    AfterValidator(_known_repeat),
    WithJsonSchema({"type": "string", "enum": list(map(str, REPEATS))}),
]
Horizon = Annotated[int, Field(gt=0)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LengthsInBands:
    """Lengths of the index stay that a source knows in bands of days, as TEDS-D does.

    Attributes
    ----------
    read_at_days
        Last days of bands on which risks are read, ascending; the last is the horizon.
    exits
        A name for each group of reasons of exit; reasons that no group has are by themselves.
    """

    read_at_days: Annotated[tuple[Horizon, ...], Field(min_length=1)]
    exits: dict[Name, tuple[Reason, ...]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if list(self.read_at_days) != sorted(set(self.read_at_days)):
            raise ValueError(f"read_at_days: {list(self.read_at_days)} must ascend, each day once")
        reasons = [reason for group in self.exits.values() for reason in group]
        twice = sorted({reason for reason in reasons if reasons.count(reason) > 1})
        if twice:
            raise ValueError(f"exits: {twice} cannot be in two groups")
        return self

    @property
    def horizon_days(self) -> int:
        """The last day read."""
        return self.read_at_days[-1]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RecurrentEvents:
    """Something that can happen to a person again and again, and is counted each time.

    Attributes
    ----------
    definition
        What counts, in the words of the methods section.
    events
        Kinds of event; `readmission` is the first night of a later episode of care by day and
        night. What happens on one day counts once.
    horizon_days
        Day from time zero up to which events are counted.
    """

    definition: Text
    events: Annotated[tuple[Repeat, ...], Field(min_length=1)]
    horizon_days: Horizon


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StatesPlan:
    """Where people are on each day: in which care, in the community, after a return to use.

    Attributes
    ----------
    horizon_days
        Day from time zero up to which days in each state are counted.
    """

    horizon_days: Horizon
