"""What is hidden of lengths of stay that are known in bands."""

import numpy as np
import pandas as pd

from iop_outcomes.report.small_counts import is_small, with_complements
from iop_outcomes.report.steps_told import steps_told
from iop_outcomes.vocabulary import Measure, Method

NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]
INSIDE = ["left", "people", "missing", "few_left_out"]
RISKS = [str(Measure.RISK_INTERVENTION), str(Measure.RISK_COMPARATOR)]


def exit_risks(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """An edge is told where, of every exit, nobody left since the last one told, or enough did.

    The first exit is any: the others add up to it, so that few are hidden with another. Those
    hidden count as one, and so do those who stayed. A difference is told where both risks are.
    """
    shown = table.drop(columns=INSIDE)
    for method, rows in table.groupby("method", sort=False):
        hidden = _exits_hidden(rows, k)
        told = None
        for measure in RISKS:
            arm = rows[rows["measure"] == measure]
            edges = _edges_told(arm, hidden, k)
            few = is_small(arm["few_left_out"], k).any()
            few |= method == str(Method.UNADJUSTED) and is_small(arm["missing"], k).any()
            own = set() if few else edges
            shown.loc[arm.index[~arm["day"].isin(own)], NUMBERS] = np.nan
            told = own if told is None else told & own
        both = rows[~rows["measure"].isin(RISKS)]
        shown.loc[both.index[~both["day"].isin(told)], NUMBERS] = np.nan
        shown.loc[rows.index[rows["exit"].isin(hidden)], NUMBERS] = np.nan
    return shown


def _exits_hidden(rows: pd.DataFrame, k: int) -> set[str]:
    """Exits of few people of an arm, and those that cover them; the same in both arms."""
    whole, hidden = rows["exit"].iloc[0], set()
    last = rows[rows["day"] == rows["day"].max()]
    left = last.pivot_table(index="exit", columns="measure", values="left", sort=False)[RISKS]
    left = left.drop(index=whole).astype("int64")
    before = None
    while before != hidden:
        before = set(hidden)
        for measure in RISKS:
            already = pd.Series(left.index.isin(hidden), left.index)
            found = with_complements(left[measure], k, already)
            hidden |= set(found.index[found])
    return hidden


def _edges_told(arm: pd.DataFrame, hidden: set[str], k: int) -> set[int]:
    """Days of an arm that may be told."""
    whole = arm["exit"].iloc[0]
    left = arm.pivot(index="day", columns="exit", values="left").astype("int64")
    read = arm.drop_duplicates("day").set_index("day")["read"].loc[left.index]
    apart = [left[name].to_numpy() for name in left.columns if name not in {whole, *hidden}]
    together = left[[*hidden]].sum(axis=1).to_numpy()
    stayed = arm["people"].iloc[0] - left[whole].to_numpy()
    steps = np.flatnonzero((stayed == 0) | (stayed >= k)).tolist()
    # The last first, where the risk is read, then the days asked for, then the others.
    order = sorted(steps, key=lambda step: (step != steps[-1], not read.iloc[step], step))
    return set(left.index[steps_told(np.column_stack([*apart, together]), k, order)])


def days_in_care(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Mean days of arms in which few left, or stayed, are of few; both arms' difference with them.

    Unweighted means tell how many are missing, if these are few.
    """
    unweighted = table["method"].eq(str(Method.UNADJUSTED))
    hidden = is_small(table["smallest_cell"], k) | (unweighted & is_small(table["missing"], k))
    hidden = hidden.groupby(table["method"]).transform("any")
    shown = table.drop(columns=["smallest_cell", "missing"])
    numbers = ["days_lower", "days_upper", "conf_low", "conf_high"]
    shown[numbers] = shown[numbers].mask(hidden)
    return shown
