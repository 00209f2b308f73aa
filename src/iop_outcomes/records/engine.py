"""DuckDB, which counts millions of rows beside the table that holds them.

The one room that knows an engine. What is asked is a narwhals expression, so that another one can
answer it too; what each answers in its own way is evened out here: the order of rows, the type of a
sum, where missing values stand.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import duckdb
import narwhals as nw
import pandas as pd

# Threads add up in any order; the counts asked for here are whole numbers and do not mind.
THREADS = 2


@contextmanager
def lazily(table: pd.DataFrame) -> Iterator[nw.LazyFrame]:
    """The table as something to ask; nothing of it is copied.

    Examples
    --------
    >>> stays = pd.DataFrame({"sex": ["male", None, "male"], "days": [3, 5, None]})
    >>> with lazily(stays) as frame:
    ...     counted(frame.group_by("sex").agg(nw.col("days").sum()), ["sex"])
        sex  days
    0  male     3
    1   NaN     5
    """
    words = table.select_dtypes("category")
    used = {name: _up_to_the_last_used(words[name].array) for name in words}
    with duckdb.connect(config={"threads": THREADS}) as connection:
        yield nw.from_native(connection.from_df(table.assign(**used))).lazy()


def _up_to_the_last_used(words: pd.Categorical) -> pd.Categorical:
    """The same without the last words if no row has them: nobody then needs to look for them."""
    last = words.codes.max(initial=-1)
    return pd.Categorical.from_codes(words.codes, words.categories[: last + 1], validate=False)


def counted(frame: nw.LazyFrame, by: Sequence[str]) -> pd.DataFrame:
    """The answer, in the order of `by`, missing values last; every other column a whole number."""
    found = frame.collect("pandas").to_native()
    numbers = [column for column in found if column not in by]
    found = found.astype({**dict.fromkeys(by, "str"), **dict.fromkeys(numbers, "int64")})
    return found.sort_values(list(by), ignore_index=True) if by else found
