"""The contract of one column of a canonical table."""

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What a column holds."""

    TEXT = "text"
    WHOLE = "a whole number"
    NUMBER = "a number"


DTYPE = {Kind.TEXT: "str", Kind.WHOLE: "Int64", Kind.NUMBER: "Float64"}


@dataclass(frozen=True)
class Column:
    """The contract of one column.

    Attributes
    ----------
    meaning
        One line for whoever fills it.
    among
        The only values it may have; None for any.
    low, high
        Bounds, both allowed.
    optional
        The column may be left out: most sources do not have it, and it is then empty.
    """

    kind: Kind
    meaning: str
    nullable: bool = False
    unique: bool = False
    among: tuple[str, ...] | None = None
    low: float | None = None
    high: float | None = None
    optional: bool = False
