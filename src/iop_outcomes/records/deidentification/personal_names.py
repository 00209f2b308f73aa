"""Cells that read like the name of a person."""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from iop_outcomes.records.deidentification.cells import BEYOND, Cells
from iop_outcomes.records.deidentification.known_words import GIVEN_NAMES, LABEL_WORDS, PLACES

MOST_WORDS = 5
JOINED = r"[\s,._]+"
LETTER = rf"[A-Za-z{BEYOND}]"
TOKEN = rf"{LETTER}(?:{LETTER}|['.\-])*"
CAPITALISED = rf"\p{{Lu}}(?:{LETTER}|['.\-])+"
PARTICLE = r"(?:de|la|las|los|del|della|da|dos|di|du|van|von|der|den|ter|bin|ibn|al|el|y|e)"
INITIAL = r"\p{Lu}\.?"
TITLE = r"(?:Mr|Mrs|Ms|Miss|Mx|Dr|Prof|Professor|Rev|Hon|Sra|Judge|Officer|Nurse|MR|MRS|MS|DR)"
DEGREE = r"(?:M\.?D|D\.?O|Ph\.?D|Psy\.?D|R\.?N|N\.?P|LCSW|LMFT|LPC|LADC|Jr|Sr|III|Esq)\.?"
SCRIPTS = r"\p{Han}|\p{Hiragana}|\p{Katakana}|\p{Hangul}"
OTHER_SCRIPTS = r"\p{Arabic}|\p{Hebrew}|\p{Devanagari}|\p{Bengali}|\p{Tamil}|\p{Thai}"


def _any_of(words: frozenset[str]) -> str:
    return "|".join(sorted(words, key=len, reverse=True))


PHRASE = rf"{TOKEN}(?:{JOINED}{TOKEN})+"
WORD = rf"\p{{Lu}}(?:{LETTER}|['.\-])*"
LIKE_A_NAME = rf"(?:(?:{WORD}|{PARTICLE})[\s,]+)+{WORD}"
FAR_SCRIPT = (
    rf"(?:{SCRIPTS})(?:{SCRIPTS}|[·・\s])+"
    rf"|(?:{OTHER_SCRIPTS})(?:{OTHER_SCRIPTS}|\p{{M}}|[\s'-])+"
)
APART = rf"[^A-Za-z{BEYOND}]"
WITH_A_LABEL_WORD = rf"(?i)(?:^|{APART})(?:{_any_of(LABEL_WORDS)})(?:$|{APART})"
WITH_A_GIVEN_NAME = rf"(?i)(?:^|[\s,._-])(?:{_any_of(GIVEN_NAMES)})(?:$|[\s,._-])"
TITLED = rf"(?:^|{APART}){TITLE}\.?\s+{CAPITALISED}"
WITH_A_DEGREE = rf"(?:{TOKEN}\s+){{0,3}}{CAPITALISED},?\s+{DEGREE}"
# A given name and a capitalised word after it, in a sentence.
_GIVEN = "|".join(sorted((name.capitalize() for name in GIVEN_NAMES), key=len, reverse=True))
WITHIN = rf"(?:^|{APART})(?:{_GIVEN})\s+(?:{INITIAL}\s+)?[A-Z{BEYOND}][a-z{BEYOND}]+"
_PLACES = pa.array(sorted(PLACES))
_GIVEN_NAMES = pa.array(sorted(GIVEN_NAMES))


def hold_names(cells: Cells) -> NDArray:
    """Which texts are, or hold, the name of a person.

    Two to five words are a name if they are capitalised or one is a common given name, unless one
    of them belongs to the language of labels or all are a place.

    Examples
    --------
    >>> from iop_outcomes.records.deidentification.cells import distinct_cells
    >>> import pandas as pd
    >>> texts = ["Quill, Zebediah", "North Dakota", "Partial Hospitalization", "james quill"]
    >>> hold_names(distinct_cells(pd.Series(texts))).tolist()
    [True, False, False, True]
    """
    capitalised = cells.are(LIKE_A_NAME) & cells.match(CAPITALISED)
    known = cells.are(PHRASE) & cells.match(WITH_A_GIVEN_NAME)
    brief = cells.occurrences(JOINED) < MOST_WORDS
    labelled = cells.match(WITH_A_LABEL_WORD) | cells.among(_PLACES)
    return (
        (((capitalised | known) & brief | cells.are(WITH_A_DEGREE)) & ~labelled)
        | hold_names_surely(cells)
        | cells.are(FAR_SCRIPT)
    )


def hold_names_surely(cells: Cells) -> NDArray:
    """Which texts hold a title or a common given name before a capitalised word."""
    return (cells.match(TITLED) | cells.match(WITHIN)) & ~cells.among(_PLACES)


def hold_a_word_like_a_name(cells: Cells) -> NDArray:
    """Which texts are one capitalised word of no label: under `counselor`, somebody's name."""
    return cells.are(CAPITALISED) & cells.are(r".{3,}") & ~cells.match(WITH_A_LABEL_WORD)


def hold_given_names_alone(cells: Cells) -> NDArray:
    """Which texts are a given name, where such are most of the words of the column."""
    given = cells.among(_GIVEN_NAMES)
    words = cells.are(TOKEN)
    common = given.sum() >= 2 and given.sum() >= words.sum() / 2
    return given if common else np.zeros_like(given)
