"""The codes of a column, and the words they have here, as far as that can be told.

Only codes that many people share are ever written down: what few have may be anything.
"""

import re
from dataclasses import dataclass, replace
from functools import partial

import pandas as pd

from iop_outcomes.errors import IdentifierError
from iop_outcomes.records.deidentification import refuse_identifiers
from iop_outcomes.records.mapping.codebook import (
    CODED,
    allowed,
    asam,
    instrument_of,
    question_about,
    word_of,
)
from iop_outcomes.records.sources.columns import standards

FEWEST = 11  # people who share a code that is written down
MOST_CODES = 40
MOST_TEXTS = 200  # beyond these, rare ones and typing errors included, a column holds no codes
LONGEST = 60
INSTRUMENT = r"[a-z][a-z0-9_]*"


@dataclass(frozen=True)
class Code:
    """One code of the site.

    Attributes
    ----------
    word
        Ours; None if only someone at the site can say.
    question
        What to ask them.
    """

    code: str
    word: str | None
    question: str = ""


@dataclass(frozen=True)
class Codes:
    """How a coded column reads.

    Attributes
    ----------
    standard
        The published crosswalk that knows most of them.
    edition_told
        Whether the codes tell its edition.
    codes
        Those that `words` must name and that at least `FEWEST` people share.
    rare
        How many further codes fewer people have.
    counted
        What was counted: `people`, or `rows` where no column tells whose a row is.
    found
        The words that at least `FEWEST` people have, in our order.
    """

    standard: str | None = None
    edition_told: bool = True
    codes: tuple[Code, ...] = ()
    rare: int = 0
    counted: str = "people"
    found: tuple[str, ...] = ()

    @property
    def as_they_are(self) -> bool:
        """Whether the column holds our words already."""
        return self.standard is None and not self.codes and not self.rare


def known_share(target: str, counts: pd.Series) -> float:
    """The share of cells whose code has a word here, or is at least known by name.

    Parameters
    ----------
    counts
        Distinct codes (index) and how many cells hold each.
    """
    if len(counts) > MOST_TEXTS:
        return 0.0
    level = target == "level_of_care"
    known = [
        word_of(target, code) is not None
        or question_about(target, code) is not None
        or (level and code in asam() and "." in code)
        for code in counts.index
    ]
    return float(counts[known].sum() / max(counts.sum(), 1))


def guess_codes(target: str, cells: pd.Series, people: pd.Series | None) -> Codes | None:
    """The codes of a column and their words; None if it does not hold codes at all.

    Parameters
    ----------
    target
        The coded column of ours: `level_of_care`, `exit_reason`, `result`, `kind`, `instrument`.
    cells
        As written.
    people
        Whose rows they are, on the same index; None if no column tells, and rows count instead.
    """
    texts = cells.str.strip()
    texts = texts[texts.notna() & (texts != "")]
    shared = _people(texts, people)
    common = shared.index[shared >= FEWEST]
    if len(common) > MOST_CODES or not _may_be_written(common):
        return None
    if not len(common) and len(shared) > MOST_CODES:
        return None
    read = partial(_words_of, target) if target in CODED else _instruments
    codes = read(list(common), list(shared.index.difference(common)))
    return replace(codes, counted="rows" if people is None else "people")


def _people(texts: pd.Series, people: pd.Series | None) -> pd.Series:
    """How many people have each code."""
    if people is None:
        return texts.value_counts(sort=False).sort_index()
    return people[texts.index].groupby(texts).nunique()


def _may_be_written(codes: pd.Index) -> bool:
    """Whether the codes pass the gate by themselves, dates refused."""
    if any(len(code) > LONGEST for code in codes):
        return False
    try:
        refuse_identifiers(pd.DataFrame({"code": pd.Series(codes, dtype="str")}), "")
    except IdentifierError:
        return False
    return True


def _words_of(target: str, common: list[str], rare: list[str]) -> Codes:
    ours = allowed(target)
    if set(common) | set(rare) <= set(ours):
        return Codes(found=_in_order(target, common))
    standard, told = _standard(common, rare) if target == "level_of_care" else (None, True)
    crosswalk = standards().get(standard or "", {})
    codes = tuple(
        Code(code, word_of(target, code), question_about(target, code) or "")
        for code in common
        if code not in crosswalk
    )
    words = [crosswalk[code] for code in common if code in crosswalk]
    words += [code.word for code in codes if code.word]
    left = [code for code in rare if code not in crosswalk]
    found = _in_order(target, words)
    return Codes(standard, told, codes, rare=len(left), found=found)


def _in_order(target: str, words: list[str]) -> tuple[str, ...]:
    return tuple(word for word in allowed(target) if word in words)


def _standard(common: list[str], rare: list[str]) -> tuple[str | None, bool]:
    """The edition of ASAM's levels that the codes are of, and whether they tell it.

    Whole numbers that ASAM does not have are a site's own numbering, all of them.
    """
    everything = [*common, *rare]
    foreign = [code for code in everything if code.isdigit() and code not in asam()]
    exact = [code for code in common if code in asam()]
    if foreign or not any("." in code for code in exact) or 2 * len(exact) < len(common):
        return None, True
    known = {name: sum(code in words for code in everything) for name, words in standards().items()}
    third, fourth = known["asam_3"], known["asam_4"]
    return ("asam_3" if third >= fourth else "asam_4"), third != fourth


def _instruments(common: list[str], rare: list[str]) -> Codes:
    if all(re.fullmatch(INSTRUMENT, code) for code in [*common, *rare]):
        return Codes(found=tuple(sorted(common)))
    codes = tuple(
        Code(code, instrument_of(code), "one word in lower case, e.g. phq9") for code in common
    )
    found = tuple(sorted({code.word for code in codes if code.word}))
    return Codes(codes=codes, rare=len(rare), found=found)
