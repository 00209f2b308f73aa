"""What is hidden of the weights for censoring, and of how far they make people alike."""

import pandas as pd

from iop_outcomes.report.small_counts import is_small, with_complements
from iop_outcomes.vocabulary import Method

INSIDE = ["told_of", "gone"]
OF_A_LEVEL = ["told_with", "told_without", "gone_with", "gone_without"]


def censoring(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """A day on which few are told of or gone is hidden, and one that differs by few from another.

    Where weights are alike, a standardised difference counts those gone. People in both arms are
    told of in one and not in the other: their effective number stays inside.
    """
    hidden = is_small(table["told_of"], k) | is_small(table["gone"], k)
    # The horizon goes before the days on the way to it.
    latest_first = table.sort_values("day", ascending=False, kind="stable")
    for _, days in latest_first.groupby(["method", "arm"], sort=False):
        hidden[days.index] |= _near_one_shown(days["gone"], hidden[days.index], k)
    shown = table.drop(columns=INSIDE)
    numbers = [name for name in shown if name not in ("outcome", "method", "arm", "day")]
    shown[numbers] = shown[numbers].mask(hidden)
    followed = table["method"].eq(str(Method.PER_PROTOCOL))
    shown["effective"] = shown["effective"].mask(followed)
    return shown


def censoring_balance(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """The last day of every outcome and arm; a level that few of those gone or told of have hides.

    With it hide as many other levels as make the hidden ones together enough people, and a level
    whose numbers of people differ by few from those of another outcome.
    """
    last = table["day"].isna() | table["day"].eq(
        table.groupby(["outcome", "method", "arm"])["day"].transform("max")
    ).fillna(False)
    kept = table[last.astype(bool)]
    hidden = pd.Series(False, index=kept.index)
    for _, levels in kept.groupby(["outcome", "method", "arm", "covariate"], sort=False):
        few = is_small(levels[OF_A_LEVEL], k).any(axis=1)
        for column in ("told_with", "gone_with"):
            few |= with_complements(levels[column], k, few) if len(levels) > 1 else few
        hidden[levels.index] = few
    level = kept["level"].fillna("")
    for _, alike in kept.groupby(["method", "arm", "covariate", level], sort=False):
        for column in OF_A_LEVEL:
            hidden[alike.index] |= _near_one_shown(alike[column], hidden[alike.index], k)
    shown = kept.drop(columns=OF_A_LEVEL).reset_index(drop=True)
    numbers = ["smd_before", "smd_after"]
    shown[numbers] = shown[numbers].mask(hidden.reset_index(drop=True))
    return shown


def _near_one_shown(count: pd.Series, hidden: pd.Series, k: int) -> pd.Series:
    """Numbers of people that differ, but by few, from one that is shown before them."""
    near = pd.Series(False, index=count.index)
    shown: list[int] = []
    for index, value in count.items():
        if hidden[index]:
            continue
        near[index] = any(0 < abs(value - other) < k for other in shown)
        if not near[index]:
            shown.append(value)
    return near
