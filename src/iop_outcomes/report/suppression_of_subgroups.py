"""What is hidden of subgroups, of effect modifiers, and of the answers without one facility."""

import pandas as pd

from iop_outcomes.report.small_counts import is_small, with_complements
from iop_outcomes.vocabulary import Arm

PEOPLE = [f"people_{arm}" for arm in Arm]
CELLS = [f"{kind}_{arm}" for kind in ("events", "event_free") for arm in Arm]
OF_A_LEVEL = [
    *(f"risk_{arm}" for arm in Arm),
    *("estimate", "conf_low", "conf_high", "largest_smd", "not_estimated"),
]
OF_ALL_LEVELS = ["shrunken", "interaction_p", "interaction_p_holm"]
INSIDE = ["std_error", "shrunken_error", *CELLS, "fewest_apart", "fewest_uncounted"]
FEWEST_FACILITIES = 3  # of fewer, the lowest and the highest would each be one that is known


def subgroups(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """A level with few people or events is hidden, and others with it until these are enough.

    The whole less the levels shown is the hidden ones together: their people, and those with and
    those without the event, are none or enough in each arm. A level that is nearly a level of a
    covariate before it is hidden for the few between the two. What all levels say together is
    hidden with the first of them. People by arm are those of Table 1, hidden as there.
    """
    shown = table.drop(columns=INSIDE).astype(dict.fromkeys(PEOPLE, "Int64"))
    for _, levels in table.groupby(["outcome", "covariate"], sort=False):
        few = {column: with_complements(levels[column], k) for column in PEOPLE}
        hidden = few[PEOPLE[0]] | few[PEOPLE[1]]
        hidden |= is_small(levels["fewest_apart"], k) | is_small(levels["fewest_uncounted"], k)
        before = None
        while before is None or not hidden.equals(before):
            before = hidden.copy()
            for column in (*PEOPLE, *CELLS):
                hidden = with_complements(levels[column], k, hidden)
        for column in PEOPLE:
            shown.loc[few[column].index[few[column]], column] = pd.NA
        shown.loc[hidden.index[hidden], OF_A_LEVEL] = None
        if hidden.any():
            shown.loc[levels.index, OF_ALL_LEVELS] = None
    return shown


def effect_modifiers(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """A coefficient of a level with few people with or without the event is hidden, with cover.

    With the level that others are compared with all of its covariate are hidden, and with any of
    an outcome their joint test. A number is told of everyone.
    """
    shown = table.drop(columns=["std_error", *CELLS])
    for _, rows in table.groupby("outcome", sort=False):
        gone = pd.Series(False, index=rows.index)
        for _, levels in rows.groupby("covariate", sort=False):
            gone[levels.index] = _few_behind(levels, k)
        told = gone & ~rows["reference"]
        shown.loc[told.index[told], ["coefficient", "conf_low", "conf_high"]] = None
        if gone.any():
            shown.loc[rows.index, "joint_p"] = None
    return shown


def _few_behind(levels: pd.DataFrame, k: int) -> pd.Series:
    if levels["level"].isna().all():
        return is_small(levels[CELLS], k).any(axis=1)
    hidden, before = pd.Series(False, index=levels.index), None
    while before is None or not hidden.equals(before):
        before = hidden.copy()
        for column in CELLS:
            hidden = with_complements(levels[column], k, hidden)
    return hidden | bool(hidden[levels["reference"]].any())


def left_out(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Which facility it is stays inside: shown is the range, one row per outcome.

    The whole less an answer without a facility is that facility: only those count for the range
    that have, and leave, enough people with and without the event in each arm, or none.
    """
    rows = []
    for outcome, without in table.groupby("outcome", sort=False):
        told = without[without["estimate"].notna() & ~is_small(without["smallest_cell"], k)]
        enough = len(told) >= FEWEST_FACILITIES
        judged = without[without["estimate"].notna() & without["whole_verdict"].notna()]
        rows.append(
            {
                "outcome": outcome,
                "method": without["method"].iloc[0],
                "how": without["how"].iloc[0],
                "clusters": without["clusters"].iloc[0],
                "effective_clusters": without["effective_clusters"].iloc[0],
                "told": len(told),
                "not_estimated": int(without["estimate"].isna().sum()),
                "lowest": told["estimate"].min() if enough else None,
                "highest": told["estimate"].max() if enough else None,
                "largest_move": (told["estimate"] - told["whole"]).abs().max() if enough else None,
                "verdicts_moved": int((judged["verdict"] != judged["whole_verdict"]).sum())
                if enough and len(judged)
                else None,
            }
        )
    numbers = dict.fromkeys(("lowest", "highest", "largest_move", "effective_clusters"), "float64")
    counts = dict.fromkeys(("clusters", "told", "not_estimated", "verdicts_moved"), "Int64")
    return pd.DataFrame(rows).astype(numbers | counts)
