"""Per protocol: the day on which people left the strategy they had entered.

Rules:

* Leaving the index stay for a reason that breaks the strategy contradicts it on the day of exit.
* Entering the other strategy's care before a planned exit contradicts it on that day.
* A planned exit fulfils the strategy: nothing after it, or on its day, contradicts it.
* Nothing after `until_day` contradicts it. Death and jail are no choice: they neither break nor
  fulfil it, and nothing after them contradicts it.
"""

import numpy as np
import pandas as pd

from iop_outcomes.cohort.strategies import Sustain
from iop_outcomes.vocabulary import Arm, ExitReason

ENTERED_THE_OTHER = "entered the other strategy"


def adherence(
    entered: pd.DataFrame,
    stays: pd.DataFrame,
    arm_of: dict[str, str],
    rule: Sustain,
    by: str = "level_of_care",
) -> pd.DataFrame:
    """When each person broke or fulfilled the strategy of their own arm.

    Parameters
    ----------
    entered
        One row per person: `person_id`, `arm`, `index_day`, and of the index stay `exit_day`,
        `exit_reason`, `stay_row`.
    stays
        One row per stay: `person_id`, `start_day` and the column `by`.
    arm_of
        The arm that a value of `by` starts.
    by
        What tells the strategies apart.

    Returns
    -------
    pd.DataFrame
        One row per person. For `cloning.censor_artificially`: `person_id`, `arm`,
        `artificially_censored_day`, `reason`, `source`, `source_row`. For `cloning.decision_days`,
        in which leaving is what is decided: `start_day` and `start_row` of it, and `excuse_day`,
        the first day on which it is too late to leave.
    """
    index = entered.set_index("person_id")
    exit_day = (index["exit_day"] - index["index_day"]).clip(lower=1).astype("float64")
    reason = index["exit_reason"].astype("object")
    # A stay that ended, nobody knows why, reads like one that ended for a reason not recorded.
    reason = reason.where(reason.notna() | exit_day.isna(), str(ExitReason.NOT_RECORDED))
    breaks = reason.isin([str(one) for one in rule.breaks])
    switch_day, switch_row = _switches(index, stays, arm_of, by)
    over = exit_day.mask(breaks).fillna(np.inf)
    switched = switch_day.where(switch_day < over, np.inf)
    left = exit_day.where(breaks, np.inf).fillna(np.inf)
    day = np.minimum(left, switched)
    broke = (day <= rule.until_day) & np.isfinite(day)
    by_exit = broke & (left <= switched)
    words = reason.astype("str").where(by_exit, ENTERED_THE_OTHER)
    row = index["stay_row"].astype("Int64").where(by_exit, switch_row)
    found = pd.DataFrame(
        {
            "arm": index["arm"].astype("str"),
            "artificially_censored_day": day.where(broke).astype("Int64"),
            "reason": words.where(broke).astype("str"),
            "source": pd.Series("stays", index.index, dtype="str").where(broke),
            "source_row": row.where(broke),
            "start_day": day.where(broke).astype("Int64"),
            "start_row": row.where(broke),
            "excuse_day": over.where(np.isfinite(over) & ~broke).astype("Int64"),
        }
    )
    return found.reset_index()


def _switches(
    index: pd.DataFrame, stays: pd.DataFrame, arm_of: dict[str, str], by: str
) -> tuple[pd.Series, pd.Series]:
    """First day, after time zero, of a stay that starts the other strategy, and its row."""
    other = stays.assign(_row=range(len(stays)), _arm=stays[by].map(arm_of))
    other = other[other["_arm"].isin([str(arm) for arm in Arm])]
    other = other.merge(
        index[["arm", "index_day"]], left_on="person_id", right_index=True, validate="many_to_one"
    )
    other = other[(other["_arm"] != other["arm"]) & (other["start_day"] > other["index_day"])]
    other = other.assign(_day=other["start_day"] - other["index_day"])
    first = other.sort_values(["_day", "_row"], kind="stable").drop_duplicates("person_id")
    first = first.set_index("person_id").reindex(index.index)
    return first["_day"].astype("float64").fillna(np.inf), first["_row"].astype("Int64")
