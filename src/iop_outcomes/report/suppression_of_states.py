"""What is hidden of where people are."""

import numpy as np
import pandas as pd

from iop_outcomes.report.small_counts import is_small
from iop_outcomes.report.steps_told import most_steps_told
from iop_outcomes.vocabulary import Method

NUMBERS = ["days", "std_error", "conf_low", "conf_high"]
TOGETHER = "other states together"
FEWEST_NAMED = 3


def days_in_states(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """Days in states that few people of an arm are seen in, with those of another state.

    Days in all states add up to the horizon, so one is never hidden alone; and what is hidden in
    one arm is hidden in both. Unweighted days tell how many are not in sight, if these are few.
    """
    hidden = pd.Series(False, table.index)
    for method, rows in table.groupby("method", sort=False):
        few = _with_cover(rows.groupby("state", sort=False)["people_ever"], k)
        unweighted = method == str(Method.UNADJUSTED)
        whole = unweighted and is_small(rows["missing"], k).any()
        whole |= is_small(rows["few_left_out"], k).any()
        hidden[rows.index] = whole | rows["state"].isin(few)
    shown = table.drop(columns=["people_ever", "missing", "few_left_out"])
    shown[NUMBERS] = shown[NUMBERS].mask(hidden)
    return shown


def _with_cover(ever, k: int) -> list[str]:
    """States that few are seen in, and that with the fewest of the others, for cover."""
    small = ever.agg(lambda people: bool(is_small(people, k).any()))
    if not small.any():
        return []
    most = ever.max()
    others = most[~small & (most >= k)].sort_values(kind="stable")
    return [*small.index[small], *others.index[:1]]


def state_curves(table: pd.DataFrame, k: int) -> pd.DataFrame:
    """A day is told where each state has nobody or enough, and so many more or fewer than before.

    States that few people of the arm are seen in are told together with the next; and so are
    others, those with the fewest people first, while that lets more days be told.
    """
    parts = []
    for (arm, method), rows in table.groupby(["arm", "method"], sort=False):
        if is_small(rows["few_left_out"], k).any():
            continue
        people, together = _told(rows, k)
        named = rows.assign(state=rows["state"].where(~rows["state"].isin(together), TOGETHER))
        kept = named[named["day"].isin(people)]
        kept = kept.groupby(["day", "state"], sort=False)["probability"].sum().reset_index()
        parts.append(kept.assign(arm=arm, method=method))
    columns = ["arm", "method", "day", "state", "probability"]
    nothing = pd.DataFrame(columns=columns).astype({"day": "Int64", "probability": "float64"})
    found = pd.concat([nothing, *parts], ignore_index=True)[columns]
    return found.assign(probability=np.clip(found["probability"], 0, 1))


def _told(rows: pd.DataFrame, k: int) -> tuple[list[int], list[str]]:
    """Days of an arm that may be told, and the states told together for that."""
    people = rows.pivot(index="day", columns="state", values="people_there").astype("int64")
    together = _with_cover(rows.groupby("state", sort=False)["people_ever"], k)
    rarest = [
        state for state in people.max().sort_values(kind="stable").index if people[state].any()
    ]
    best: tuple[list[int], list[str]] = ([], together)
    while True:
        apart = people.drop(columns=together)
        counts = np.column_stack([apart, people[together].sum(axis=1)])
        days = people.index[most_steps_told(counts, k)].tolist()
        if len(days) > len(best[0]):
            best = days, list(together)
        waiting = [state for state in rarest if state not in together]
        if len(days) >= len(people) / 2 or len(waiting) <= FEWEST_NAMED:
            return best
        # One alone would be told by itself under another name.
        together = [*together, *waiting[: 1 if together else 2]]
