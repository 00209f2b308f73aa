"""Discharges from care by day and night, a transfer within it being none."""

from collections.abc import Iterable

import pandas as pd

from iop_outcomes.vocabulary import LevelOfCare

NEVER = 10**9  # a day after every day: a stay that is still open


def discharges(
    stays: pd.DataFrame, levels: Iterable[LevelOfCare], transfer_days: int
) -> pd.DataFrame:
    """Join stays at some levels of care that follow each other, and tell when each chain ended.

    Parameters
    ----------
    stays
        One row per stay: `person_id`, `level_of_care`, `start_day`, `end_day`, `age_years`.
    levels
        Care that is discharged from; other stays are not looked at.
    transfer_days
        A stay that begins within so many days of the end of the one before goes on with it.

    Returns
    -------
    pd.DataFrame
        One row per chain, in order of person and day: `person_id`, `start_day`, `end_day`, empty
        while one of its stays is open, and `age_years` at its start.

    Examples
    --------
    Moved on day 10, discharged on day 30:

    >>> stays = pd.DataFrame({
    ...     "person_id": "P", "level_of_care": ["inpatient", "short-term residential"],
    ...     "start_day": [0, 10], "end_day": [10, 30], "age_years": 40,
    ... })
    >>> levels = [LevelOfCare.INPATIENT, LevelOfCare.SHORT_TERM_RESIDENTIAL]
    >>> discharges(stays, levels, transfer_days=1)[["start_day", "end_day"]].to_numpy().tolist()
    [[0, 30]]
    """
    among = stays[stays["level_of_care"].isin([str(level) for level in levels])]
    columns = ["person_id", "start_day", "end_day", "age_years"]
    table = among[columns].sort_values(["person_id", "start_day"], kind="stable")
    whose = table["person_id"]
    until = table["end_day"].astype("Int64").fillna(NEVER).astype("int64")
    until_before = until.groupby(whose).cummax().groupby(whose).shift()
    gap = table["start_day"].astype("int64") - until_before
    chain = (gap.isna() | (gap > transfer_days)).cumsum()
    found = (
        table.assign(until=until)
        .groupby(chain, sort=False)
        .agg(
            person_id=("person_id", "first"),
            start_day=("start_day", "first"),
            end_day=("until", "max"),
            age_years=("age_years", "first"),
        )
        .reset_index(drop=True)
        .astype({"start_day": "Int64", "end_day": "Int64"})
    )
    return found.assign(end_day=found["end_day"].mask(found["end_day"] >= NEVER))
