"""Cells that are identifiers because of the column they stand in."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.records.deidentification import column_names as named
from iop_outcomes.records.deidentification.cells import Cells
from iop_outcomes.records.deidentification.free_text import hold_remarks
from iop_outcomes.records.deidentification.identifiers import Identifier
from iop_outcomes.records.deidentification.personal_names import (
    hold_a_word_like_a_name,
    hold_given_names_alone,
)
from iop_outcomes.records.deidentification.shapes import (
    EIGHT_DIGITS,
    NINE_DIGITS,
    PLATE,
    SIX_DIGITS,
    VEHICLE_NUMBER,
)

MOST = 0.8  # of the cells, where only a column can tell
OLDEST_TOLD = 90  # stands for everyone of 90 and over
# Areas of 20,000 people or fewer, whose first three digits must be 000 (Census 2000 and 2010).
SPARSE_ZIP3 = "036|059|063|102|203|205|369|556|692|753|772|790|821|823|830|831|878|879|884|890|893"
OLD_IN_WORDS = (
    r"(?i)(?:^|\D)(?:9\d|1[01]\d)[\s-]*(?:years?|yrs?|y)\.?[\s/-]*(?:old|o)(?:$|[^a-z])"
    r"|(?:^|[^a-z])aged?\s*[:=]?\s*(?:9[1-9]|1[01]\d)(?:$|\D)"
)
# From 1954 to 2064 as spreadsheets count days, and as computers count seconds and milliseconds.
SERIAL_DAYS, SERIAL_SECONDS = (20_000, 60_000), r"1\d{9}(?:\d{3})?(?:\.0)?"


def found_in_context(words: str, cells: Cells) -> Iterator[tuple[Identifier, NDArray]]:
    """What the texts of a column named `words` are, beyond what they look like."""
    yield Identifier.DATE, _dates(words, cells)
    yield Identifier.AGE, _ages(words, cells)
    yield Identifier.NAME, hold_given_names_alone(cells)
    yield Identifier.SOCIAL_SECURITY, _nine_digits(words, cells)
    vehicle = cells.are(VEHICLE_NUMBER) & cells.match(r"[A-Z]") & cells.match(r"(?:\d.*){4}")
    yield Identifier.VEHICLE, vehicle
    if named.PLACED.search(words) or named.THREE_DIGITS.search(words):
        yield Identifier.PLACE, cells.are(rf"\d{{5}}(?:-?\d{{4}})?(?:\.0)?|{SPARSE_ZIP3}")
    if named.MAPPED.search(words):
        yield Identifier.COORDINATES, _decimal_degrees(cells)
    if named.ABOUT.search(words):
        return
    if named.NUMBERS_OF_PEOPLE.search(words):
        yield Identifier.RECORD, _long_numbers(cells)
    if named.OF_SOMEONE.search(words):
        yield Identifier.NAME, hold_a_word_like_a_name(cells)
    if named.OF_A_CALL.search(words):
        yield Identifier.PHONE, cells.are(r"[2-9]\d{2}[\s.-]?\d{4}")
    if named.OF_A_VEHICLE.search(words):
        mixed = cells.match(r"\d") & cells.match(r"[A-Z]")
        yield Identifier.VEHICLE, cells.are(PLATE) & mixed
    if named.OF_A_DEVICE.search(words):
        yield Identifier.DEVICE, cells.are(r"[\dA-Fa-f-]{32,36}|\d{14,16}|[A-Z]{1,4}[-_]?\d{6,}")
    if named.OF_REMARKS.search(words):
        yield Identifier.FREE_TEXT, hold_remarks(cells)


def _dates(words: str, cells: Cells) -> NDArray:
    eight = cells.are(EIGHT_DIGITS)
    if not named.DATED.search(words):
        return eight if cells.share(eight) >= MOST else np.zeros_like(eight)
    number = cells.numbers()
    serial = (number >= SERIAL_DAYS[0]) & (number < SERIAL_DAYS[1])
    return eight | serial | cells.are(SIX_DIGITS) | cells.are(SERIAL_SECONDS)


def _ages(words: str, cells: Cells) -> NDArray:
    told = cells.match(OLD_IN_WORDS)
    if not named.AGED.search(words) or named.NOT_IN_YEARS.search(words):
        return told
    number = cells.numbers()
    untold = (number > OLDEST_TOLD - 1) & (number < 130)
    return told | untold if (number[untold] > OLDEST_TOLD).any() else told


def _nine_digits(words: str, cells: Cells) -> NDArray:
    found = cells.are(NINE_DIGITS)
    return np.zeros_like(found) if named.OF_A_DICTIONARY.search(words) else found


def _long_numbers(cells: Cells) -> NDArray:
    """Seven digits and more, where nearly all are as long: a hospital's numbers, not a count's."""
    found = cells.are(r"[A-Za-z]{0,4}[-_]?\d[\d-]{6,}(?:\.0)?")
    return found if cells.share(found) >= MOST else np.zeros_like(found)


def _decimal_degrees(cells: Cells) -> NDArray:
    exact = cells.are(r"[-+]?\d{1,3}\.\d{2,}\s?°?\s?[NSEWnsew]?")
    return exact & (np.abs(np.nan_to_num(cells.numbers(), nan=0)) <= 180)
