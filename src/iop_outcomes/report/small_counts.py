"""Small counts of people, and the other counts that must hide with them."""

import pandas as pd


def is_small(count, smallest_count: int):
    """Which counts of people may not be shown; of the shape of `count`, a Series or a frame."""
    return ((count >= 1) & (count < smallest_count)).fillna(False).astype(bool)


def with_complements(
    count: pd.Series, smallest_count: int, hidden_already: pd.Series | None = None
) -> pd.Series:
    """Which cells of counts with a known total to hide: the small ones, and their cover.

    The smallest other cells join until the hidden ones are at least two and together no small
    count themselves.

    Examples
    --------
    >>> with_complements(pd.Series([3, 40, 90]), 11).tolist()
    [True, True, False]
    >>> with_complements(pd.Series([0, 40, 90]), 11).tolist()
    [False, False, False]
    """
    hidden = is_small(count, smallest_count)
    if hidden_already is not None:
        hidden |= hidden_already
    if not hidden.any():
        return hidden
    for cell in count[~hidden & (count > 0)].sort_values(kind="stable").index:
        if hidden.sum() > 1 and count[hidden].sum() >= smallest_count:
            break
        hidden[cell] = True
    return hidden
