"""Small counts of people, and the other counts that must hide with them."""

import pandas as pd

from iop_outcomes.vocabulary import Estimand, Method


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


def gives_away_few(table: pd.DataFrame, smallest_count: int) -> pd.Series:
    """Which numbers that rest on events give away few people; of the index of `table`.

    Parameters
    ----------
    table
        With `method`, `estimand`, `smallest_cell` and `fewest_missing`.
    """
    small = is_small(table["smallest_cell"], smallest_count)
    # A risk that only one number of people can have tells how many are missing. Among those whose
    # own effect is averaged, weights leave an arm's risk as it is; and so does g-computation, but
    # for its last digit, where the outcome hardly depends on the covariates.
    unweighted = table["method"].isin([str(Method.UNADJUSTED), str(Method.G_COMPUTATION)])
    unweighted |= table["estimand"].isin([str(Estimand.ATT), str(Estimand.ATC)])
    return small | (unweighted & is_small(table["fewest_missing"], smallest_count))
