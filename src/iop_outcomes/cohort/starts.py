"""When people started a level of care after time zero, and what kept them from it."""

from collections.abc import Iterable

import pandas as pd

from iop_outcomes.vocabulary import LevelOfCare

Keys = tuple[str, ...]
BY_PERSON = ("person_id",)
BY_TRIAL = ("person_id", "trial")


def starts_after(
    time_zero: pd.DataFrame,
    stays: pd.DataFrame,
    starts: Iterable[LevelOfCare],
    excuses: Iterable[LevelOfCare],
    by: Keys = BY_PERSON,
) -> pd.DataFrame:
    """First stay after time zero that starts the strategy, and first that excuses from it.

    A stay that begins on the day of time zero counts as day 0; one that began earlier counts for
    nothing, and so does the stay whose end is time zero.

    Parameters
    ----------
    time_zero
        One row per `by`: `person_id`, `index_day`, `stay_row` of the stay that time zero is of.
    stays
        One row per stay: `person_id`, `level_of_care`, `start_day`. Its row numbers are the rows
        that `stay_row` speaks of.

    Returns
    -------
    pd.DataFrame
        One row per row of `time_zero`: `by`, and for `start` and `excuse` the `_day` (days from
        time zero) and `_row` (of the stays); empty where there is none.
    """
    later = time_zero[[*by, "index_day", "stay_row"]].rename(columns={"stay_row": "_index_row"})
    later = later.merge(
        stays.assign(_row=range(len(stays)))[["person_id", "level_of_care", "start_day", "_row"]],
        on="person_id",
    )
    later = later[
        (later["start_day"] >= later["index_day"]) & (later["_row"] != later["_index_row"])
    ]
    later = later.assign(_day=later["start_day"] - later["index_day"])
    later = later.sort_values([*by, "_day", "_row"], kind="stable")
    found = time_zero[list(by)]
    for name, levels in (("start", starts), ("excuse", excuses)):
        among = later["level_of_care"].isin([str(level) for level in levels])
        first = later[among].drop_duplicates(list(by))[[*by, "_day", "_row"]]
        first = first.rename(columns={"_day": f"{name}_day", "_row": f"{name}_row"})
        found = found.merge(first, on=list(by), how="left", validate="one_to_one")
    whole = [f"{name}_{part}" for name in ("start", "excuse") for part in ("day", "row")]
    return found.astype(dict.fromkeys(whole, "Int64"))
