"""Cells in which somebody wrote freely, and labels that are only long."""

import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from iop_outcomes.records.deidentification.cells import BEYOND, Cells
from iop_outcomes.records.deidentification.known_words import FUNCTION_WORDS, LABEL_WORDS

WORD = rf"[A-Za-z{BEYOND}][A-Za-z'{BEYOND}]+"
MANY_WORDS = 8
# Who writes about someone uses these; who labels a category does not.
NARRATIVE = (
    rf"(?i)(?:^|[^A-Za-z{BEYOND}])(?:he|she|his|him|her|hers|i|my|me|we|they|their|them|pts?|patient"
    r"|client|states|stated|reports|denies|denied|endorses|says|said|told|called|wants|wanted|lives"
    rf"|feels|felt)(?:$|[^A-Za-z{BEYOND}])"
)
_KNOWN = rf"(?i)\b(?:{'|'.join(sorted(LABEL_WORDS | FUNCTION_WORDS, key=len, reverse=True))})\b"


def hold_free_text(cells: Cells) -> NDArray:
    """Which texts somebody wrote: long or telling of a person, and not said again and again.

    Examples
    --------
    >>> from iop_outcomes.records.deidentification.cells import distinct_cells
    >>> import pandas as pd
    >>> told = "Came late again and said that his brother had relapsed"
    >>> label = "4 years of college, university, BA/BS, some postgraduate study, or more"
    >>> hold_free_text(distinct_cells(pd.Series([told, label]))).tolist()
    [True, False]
    """
    words = cells.occurrences(WORD)
    many = (words >= MANY_WORDS) & ~_are_labels(cells)
    narrative = cells.match(NARRATIVE)
    rare = cells.counts < 3
    endless = pc.utf8_length(cells.text).to_numpy(zero_copy_only=False) > 200
    return (many & (rare | narrative)) | ((words >= 4) & narrative & rare) | endless


def hold_remarks(cells: Cells) -> NDArray:
    """Which texts are more than a code, in a column that is named for remarks."""
    return (cells.occurrences(WORD) >= 2) & ~_are_labels(cells)


def _are_labels(cells: Cells) -> NDArray:
    left: pa.Array = pc.replace_substring_regex(cells.text, _KNOWN, "")
    return ~pc.match_substring_regex(left, r"\p{L}").to_numpy(zero_copy_only=False)
