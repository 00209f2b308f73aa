"""The kinds of value that keys of the protocol may hold."""

from typing import Annotated

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema

from iop_outcomes.vocabulary import EventKind, ExitReason, LevelOfCare

STRICT = ConfigDict(extra="forbid")
KINDS = tuple(dict.fromkeys([*map(str, ExitReason), *map(str, EventKind)]))
LEVELS = tuple(map(str, LevelOfCare))


def _known_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of event; known are {list(KINDS)}")
    return kind


def _known_level(level: str) -> str:
    if level not in LEVELS:
        raise ValueError(f"{level!r} is no level of care; known are {list(LEVELS)}")
    return level


Kind = Annotated[
    str, AfterValidator(_known_kind), WithJsonSchema({"type": "string", "enum": list(KINDS)})
]
Level = Annotated[
    str, AfterValidator(_known_level), WithJsonSchema({"type": "string", "enum": list(LEVELS)})
]
Share = Annotated[float, Field(gt=0, lt=1)]
Days = Annotated[int, Field(ge=0)]
Text = Annotated[str, Field(min_length=3)]
