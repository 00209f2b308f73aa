"""The distinct cells of a column: what is looked at, however many rows there are."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

# Marks that cannot be seen, and the many strokes that people write for a hyphen.
UNSEEN = r"[\x{00AD}\x{200B}-\x{200F}\x{202A}-\x{202E}\x{2060}\x{FEFF}]"
STROKE = r"[\x{2010}-\x{2015}\x{2212}]"
# Beyond ASCII all counts as a letter: quicker than the classes of Unicode, which are large.
BEYOND = r"\x{80}-\x{10FFFF}"


@dataclass(frozen=True)
class Cells:
    """The distinct texts of a column.

    Attributes
    ----------
    text
        Without blanks around, invisible marks and typographic variants.
    counts
        How many cells of the column hold each. Shape (len(text),).
    """

    text: pa.Array
    counts: NDArray

    def match(self, pattern: str) -> NDArray:
        """Which texts hold the pattern, in the syntax of RE2."""
        return pc.match_substring_regex(self.text, pattern).to_numpy(zero_copy_only=False)

    def are(self, pattern: str) -> NDArray:
        """Which texts are the pattern from end to end."""
        return self.match(f"^(?:{pattern})$")

    def among(self, words: pa.Array) -> NDArray:
        """Which texts are one of these words, in whatever case."""
        lower = pc.utf8_lower(self.text)
        return pc.is_in(lower, value_set=words.cast(lower.type)).to_numpy(zero_copy_only=False)

    def occurrences(self, pattern: str) -> NDArray:
        """How often the pattern occurs in each text."""
        return pc.count_substring_regex(self.text, pattern).to_numpy(zero_copy_only=False)

    def numbers(self) -> NDArray:
        """The texts as numbers; NaN where they are none."""
        return pd.to_numeric(self.text.to_pandas(), errors="coerce").to_numpy(float)

    def only(self, kept: NDArray) -> "Cells":
        """Some of the texts."""
        return Cells(self.text.filter(pa.array(kept)), self.counts[kept])

    def share(self, found: NDArray) -> float:
        """The share of all cells that hold one of the texts found."""
        return self.counts[found].sum() / max(self.counts.sum(), 1)


def distinct_cells(values: pd.Series) -> Cells:
    """The distinct recorded cells of a column.

    Examples
    --------
    >>> cells = distinct_cells(pd.Series(["a", " a", None, "b–c", ""]))
    >>> sorted(zip(cells.text.to_pylist(), cells.counts.tolist()))
    [('a', 2), ('b-c', 1)]
    """
    recorded = values.dropna().astype("str")
    raw = pa.array(recorded, type=pa.large_string(), from_pandas=True).value_counts()
    text = pc.utf8_normalize(raw.field("values"), "NFKC")
    text = pc.replace_substring_regex(text, UNSEEN, "")
    text = pc.replace_substring_regex(text, STROKE, "-")
    first = pa.table({"text": pc.utf8_trim_whitespace(text), "n": raw.field("counts")})
    merged = first.group_by("text").aggregate([("n", "sum")]).combine_chunks()
    cells = Cells(_one_array(merged["text"]), np.asarray(merged["n_sum"], dtype=np.int64))
    return cells.only(~cells.are(""))


def _one_array(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
