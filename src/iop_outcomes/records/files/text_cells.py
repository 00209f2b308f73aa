"""Text of a cell without what cannot be seen around it."""

import pyarrow as pa
import pyarrow.compute as pc

# Blanks of every width, and marks of no width, which editors and web pages leave behind.
BLANKS = (
    " \t\r\n\f\v\u0085\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009"
    "\u200a\u2028\u2029\u202f\u205f\u3000\u200b\u200c\u200d\u200e\u200f\u2060\ufeff"
)


def without_blanks(text: str) -> str:
    """A text without blanks around.

    Examples
    --------
    >>> without_blanks("\u00a0day\u200b ")
    'day'
    """
    return text.strip(BLANKS)


def trimmed(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Cells of text without blanks around; a cell of nothing else is missing.

    Examples
    --------
    >>> trimmed(pa.chunked_array([[" a", "\u00a0", None]])).to_pylist()
    ['a', None, None]
    """
    text = pc.utf8_trim(column.cast(pa.large_string()), BLANKS)
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.large_string()), text)
