"""Urines by week as a table of letters: what a week counts as, and the first window that relapses.

A word has a letter a week: `+` positive, `-` negative, `*` both or inconclusive, `o` missed
although required, `_` none required. Weeks count from 1. A week in which none was required counts
as nothing: it interrupts a run and is no part of a share.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.definitions.weekly_rules import LongestRun, Missed, WeeksInWindow
from iop_outcomes.records.urine_weeks import MISSING, MIXED, NEGATIVE, NOT_REQUIRED, POSITIVE

ALPHABET = (POSITIVE, NEGATIVE, MIXED, MISSING, NOT_REQUIRED)
CODE = {letter: ord(letter) for letter in ALPHABET}
END = 0  # fills the row after a person's last week
COUNTED = {"positive": CODE[POSITIVE], "negative": CODE[NEGATIVE], "missed": CODE[MISSING]}
RESULTS = [CODE[POSITIVE], CODE[NEGATIVE], CODE[MIXED]]


@dataclass(frozen=True)
class UsePatterns:
    """Everyone's weeks, a row each.

    Attributes
    ----------
    person_id
        Whose. Shape (n,).
    letters
        Codes of the letters; 0 after the last week. Shape (n, weeks of the longest).
    weeks
        Planned weeks of each person. Shape (n,).
    retained
        Number of the last week with a result; 0 if there is none. Shape (n,).
    """

    person_id: pd.Index
    letters: NDArray[np.uint8]
    weeks: NDArray[np.int64]
    retained: NDArray[np.int64]


def use_patterns(words: pd.Series) -> UsePatterns:
    """Lay words out in letters.

    Parameters
    ----------
    words
        As `records.urine_weeks.urine_weeks` returns: one word a person, indexed by `person_id`.

    Raises
    ------
    CohortError
        A word is missing or holds another letter; says how many, never the word.
    """
    absent = int(words.isna().sum())
    if absent:
        raise CohortError(f"weekly urines: {absent} person(s) have no word; leave them out")
    texts = np.asarray(words.to_numpy(object), dtype="U")
    codes = texts.view(np.uint32).reshape(len(texts), texts.itemsize // 4)
    strange = int((~np.isin(codes, [END, *CODE.values()])).any(axis=1).sum())
    if strange:
        raise CohortError(
            f"weekly urines: {strange} word(s) hold a letter that is none of {' '.join(ALPHABET)}; "
            "spell weeks so"
        )
    letters = codes.astype(np.uint8)
    return UsePatterns(
        person_id=words.index,
        letters=letters,
        weeks=(letters != END).sum(axis=1),
        retained=_last(np.isin(letters, RESULTS)),
    )


def recoded(letters: NDArray[np.uint8], missed: Missed, mixed: str) -> NDArray[np.uint8]:
    """Say what missed and mixed weeks count as.

    Parameters
    ----------
    letters
        Shape (n, weeks).
    missed
        As the rules of definitions spell it.
    mixed
        `positive`, `negative` or `half`, which leaves the letter.

    Returns
    -------
    NDArray
        Of the same shape. Where missed weeks are left out, the others have moved up.
    """
    change = np.arange(128, dtype=np.uint8)
    if mixed != "half":
        change[CODE[MIXED]] = COUNTED[mixed]
    if missed in COUNTED:
        change[CODE[MISSING]] = COUNTED[missed]
    found = change[letters]
    gap = letters == CODE[MISSING]
    if missed == "left out":
        return _closed_up(found, (letters != END) & ~gap)
    if missed == "as most weeks":
        negative = (letters == CODE[NEGATIVE]).sum(axis=1)
        other = np.isin(letters, [CODE[POSITIVE], CODE[MIXED]]).sum(axis=1)
        usual = np.where(negative > other, CODE[NEGATIVE], CODE[POSITIVE])
        return np.where(gap, usual[:, None], found).astype(np.uint8)
    if missed == "negative between negatives":
        clean = found == CODE[NEGATIVE]
        between = np.zeros_like(gap)
        between[:, 1:-1] = gap[:, 1:-1] & clean[:, :-2] & clean[:, 2:]
        found[between] = CODE[NEGATIVE]
    return found


def first_window(words: pd.Series, rule: WeeksInWindow) -> pd.DataFrame:
    """The first window of weeks of which enough count.

    With window w and threshold h, window i of N weeks is told as week i + w - h, and whoever has
    none is told the same week of the last window, (N - w + 1) + (w - h), as in the published
    tables; `time_reported` may ask for the first or the last week of the window instead.

    Parameters
    ----------
    words
        One word a person, indexed by `person_id`.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `words`: `person_id`, `week`, `event`; both missing
        where planned treatment is shorter than the window.

    Examples
    --------
    Four positive or missed weeks in a row, seen from the third:

    >>> rule = WeeksInWindow(
    ...     by="weeks in a window", counted="positive", missed="positive", mixed="positive",
    ...     window_weeks=4, at_least_weeks=4, first_week=3,
    ... )
    >>> words = pd.Series({"P": "++--o+*o-", "Q": "++++-----", "R": "++--"})
    >>> first_window(words, rule)[["week", "event"]].to_numpy(object).tolist()
    [[5, True], [6, False], [<NA>, <NA>]]
    """
    given = use_patterns(words)
    letters = recoded(given.letters, rule.missed, rule.mixed)
    width, need = rule.window_weeks, rule.at_least_weeks
    last = (letters != END).sum(axis=1)
    if rule.last_week is not None:
        last = np.minimum(last, rule.last_week)
    windows = last - width + 1 - (rule.first_week - 1)
    within = _sums(letters[:, rule.first_week - 1 :] == COUNTED[rule.counted], width)
    hit = (within >= need) & (np.arange(within.shape[1]) < windows[:, None])
    event = hit.any(axis=1) & (given.retained >= rule.retained_weeks)
    place = np.where(event, hit.argmax(axis=1) if hit.shape[1] else 0, windows - 1)
    shift = {"first week": 0, "window offset": width - need, "last week": width - 1}
    unknown = windows < 1
    return pd.DataFrame(
        {
            "person_id": given.person_id,
            "week": pd.arrays.IntegerArray(
                place + rule.first_week + shift[rule.time_reported], unknown
            ),
            "event": pd.arrays.BooleanArray(event, unknown.copy()),
        }
    )


def longest_run(words: pd.Series, rule: LongestRun) -> pd.DataFrame:
    """How many weeks in a row count, at most.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `words`: `person_id`, `value`; missing without a week.
    """
    given = use_patterns(words)
    letters = recoded(given.letters, rule.missed, rule.mixed)
    counts = letters == COUNTED[rule.counted]
    so_far = counts.cumsum(axis=1)
    before = np.maximum.accumulate(np.where(counts, 0, so_far), axis=1)
    return numbers(given, (so_far - before).max(axis=1), given.weeks == 0)


def numbers(of: UsePatterns, value: NDArray, unknown: NDArray[np.bool_]) -> pd.DataFrame:
    """A number of each person: `person_id`, `value`."""
    known = pd.arrays.FloatingArray(value.astype(np.float64), unknown.copy())
    return pd.DataFrame({"person_id": of.person_id, "value": known})


def _closed_up(letters: NDArray[np.uint8], kept: NDArray[np.bool_]) -> NDArray[np.uint8]:
    closed = np.full_like(letters, END)
    row, _ = np.nonzero(kept)
    closed[row, (kept.cumsum(axis=1) - 1)[kept]] = letters[kept]
    return closed


def _last(marks: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number of the last marked column, counting from 1; 0 if there is none."""
    return (marks * np.arange(1, marks.shape[1] + 1)).max(axis=1, initial=0)


def _sums(counts: NDArray[np.bool_], width: int) -> NDArray[np.int64]:
    """How many count in each window, from left to right. Shape (n, windows of the longest)."""
    total = np.zeros((len(counts), counts.shape[1] + 1), np.int64)
    np.cumsum(counts, axis=1, out=total[:, 1:])
    return total[:, width:] - total[:, :-width]
