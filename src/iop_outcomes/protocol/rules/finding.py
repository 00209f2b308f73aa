"""What a rule says when a protocol breaks it."""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """Whether a protocol may be run with it."""

    ERROR = "error"  # the number would answer another question, or none
    WARNING = "warning"  # it can be meant; say so, or mend it


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One complaint about a protocol.

    Attributes
    ----------
    rule
        The rule's id, in words joined by hyphens.
    severity
        Error or warning.
    place
        Path in the file, below `protocol`.
    sentence
        What is wrong, and why it matters.
    mend
        What to write instead.
    """

    rule: str
    severity: Severity
    place: str
    sentence: str
    mend: str
