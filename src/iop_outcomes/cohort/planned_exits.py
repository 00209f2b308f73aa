"""Time zero of a step-down: the planned exit from residential care."""

from collections.abc import Iterable

import pandas as pd

from iop_outcomes.cohort.strategies import (
    PLANNED_EXITS,
    RESIDENTIAL,
    GracePeriod,
)
from iop_outcomes.vocabulary import DAY_AND_NIGHT, ExitReason, LevelOfCare


def planned_exits(
    stays: pd.DataFrame,
    grace: GracePeriod,
    levels: Iterable[LevelOfCare] = RESIDENTIAL,
    reasons: Iterable[ExitReason] = PLANNED_EXITS,
) -> pd.DataFrame:
    """Each person's first planned exit from residential care into the community.

    An exit is none if the person is in care by day and night on that day by another stay (they
    moved house), and no time zero if they were already in the care to be started (nobody can start
    what they are in). Nothing after the day of the exit is looked at.

    Parameters
    ----------
    stays
        One row per stay: `person_id`, `level_of_care`, `start_day`, `end_day`, `exit_reason`.
    levels, reasons
        Exits from which levels, for which reasons.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `person_id`: the columns of the stay, its `stay_row`,
        and `index_day`, the day of the exit.
    """
    numbered = stays.assign(stay_row=range(len(stays)))
    exits = numbered[
        numbered["level_of_care"].isin([str(level) for level in levels])
        & numbered["exit_reason"].isin([str(reason) for reason in reasons])
        & numbered["end_day"].notna()
    ]
    beside = exits[["person_id", "stay_row", "end_day"]].merge(
        numbered[["person_id", "stay_row", "level_of_care", "start_day", "end_day"]],
        on="person_id",
        suffixes=("", "_other"),
    )
    beside = beside[beside["stay_row"] != beside["stay_row_other"]]
    day, began, ended = beside["end_day"], beside["start_day"], beside["end_day_other"]
    open_or_later = ended.isna() | (ended > day)
    moved = _at(beside, DAY_AND_NIGHT) & (((began <= day) & open_or_later) | (began == day))
    already = _at(beside, grace.starts) & (began < day) & (open_or_later | (ended == day))
    unfit = beside.loc[(moved | already).fillna(False), "stay_row"]
    first = exits[~exits["stay_row"].isin(unfit)].sort_values(
        ["person_id", "end_day", "stay_row"], kind="stable"
    )
    first = first.drop_duplicates("person_id").reset_index(drop=True)
    return first.assign(index_day=first["end_day"])


def _at(stays: pd.DataFrame, levels: Iterable[LevelOfCare]) -> pd.Series:
    return stays["level_of_care"].isin([str(level) for level in levels])
