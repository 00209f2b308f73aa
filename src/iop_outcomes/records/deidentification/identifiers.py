"""The kinds of identifier that the gate looks for, in the words of its refusal."""

from dataclasses import dataclass
from enum import StrEnum


class Identifier(StrEnum):
    """What identifies a person, after 45 CFR 164.514(b)(2)(i), in the order of its list."""

    NAME = "names"
    ADDRESS = "street addresses"
    PLACE = "postal codes or places finer than a state"
    COORDINATES = "coordinates"
    DATE = "dates finer than a year"
    AGE = "ages above 89"
    PHONE = "telephone or fax numbers"
    EMAIL = "e-mail addresses"
    SOCIAL_SECURITY = "social security numbers"
    RECORD = "medical record numbers"
    ACCOUNT = "plan, account or licence numbers"
    VEHICLE = "vehicle identifiers"
    DEVICE = "device identifiers"
    URL = "web addresses"
    IP = "IP addresses"
    BIOMETRIC = "photographs or biometrics"
    HASH = "hashes, which can be made again from an identifier"
    FREE_TEXT = "free text"


@dataclass(frozen=True)
class Finding:
    """Where one kind of identifier was found.

    Attributes
    ----------
    position
        Of the column in the table, from 0; -1 is the header line.
    cells
        How many of its recorded cells.
    """

    identifier: Identifier
    position: int
    cells: int
