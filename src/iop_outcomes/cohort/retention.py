"""How long the index stay went on, and why it ended."""

from collections.abc import Iterable

import pandas as pd

from iop_outcomes.cohort.episode_rules import DAY_AND_NIGHT
from iop_outcomes.vocabulary import ExitReason, Status

BANDS = ("length_low_days", "length_high_days")


def length_of_stay(stays: pd.DataFrame) -> pd.Series:
    """Nights in care by day and night; in other care days from first to last, both counted.

    Nobody stays for less than a day: an exit on the day of admission is a stay of one day.

    Parameters
    ----------
    stays
        One row per stay: `level_of_care`, `start_day`, `end_day`.

    Returns
    -------
    pd.Series
        Days, in the order of `stays`; missing while open and where the day of exit is not known.

    Examples
    --------
    >>> stays = pd.DataFrame({
    ...     "level_of_care": ["inpatient", "inpatient", "outpatient"],
    ...     "start_day": [0, 0, 0], "end_day": [28, 0, 28],
    ... })
    >>> length_of_stay(stays).tolist()
    [28, 1, 29]
    """
    nights = stays["level_of_care"].isin([str(level) for level in DAY_AND_NIGHT])
    days = stays["end_day"].astype("Int64") - stays["start_day"].astype("Int64")
    return (days + (~nights).astype("int64")).clip(lower=1).rename("value")


def retained_past(stays: pd.DataFrame, days: int, last_observed_day: pd.Series) -> pd.Series:
    """Whether the index stay went on for more than `days` days after its first day.

    A stay of which only a band of lengths is known is answered where the whole band lies on one
    side: past 90 days can be told from bands that end at 90, past 75 days cannot.

    Parameters
    ----------
    stays
        One row per stay: `start_day`, `end_day`, `exit_reason`, and `length_low_days`,
        `length_high_days` if the source has bands.
    last_observed_day
        In the order of `stays`: a stay that is still open is followed so far.

    Returns
    -------
    pd.Series
        True, False, or missing where it cannot be told.

    Examples
    --------
    >>> stays = pd.DataFrame({
    ...     "start_day": 0, "end_day": [30, 31, None, None],
    ...     "exit_reason": ["completed", "completed", None, None],
    ... })
    >>> retained_past(stays, 30, pd.Series([90, 90, 90, 20])).tolist()
    [False, True, True, <NA>]
    """
    start = stays["start_day"].astype("Int64")
    length = stays["end_day"].astype("Int64") - start
    open_until = (last_observed_day.astype("Int64") - start).where(stays["exit_reason"].isna())
    longer = (length > days).astype("boolean")
    longer = longer.mask(length.isna() & (open_until > days).fillna(False), True)
    if set(BANDS) <= set(stays.columns):
        low, high = (stays[band].astype("Int64") for band in BANDS)
        longer = longer.mask(length.isna() & (low > days).fillna(False), True)
        longer = longer.mask(length.isna() & (high <= days).fillna(False), False)
    return longer.rename("retained")


def left_for(
    stays: pd.DataFrame, reasons: Iterable[ExitReason], competing: Iterable[str] = ()
) -> pd.Series:
    """Whether the index stay ended for one of `reasons`, as a status.

    Parameters
    ----------
    stays
        One row per stay: `exit_reason`.
    competing
        Reasons after which nobody could have left for one of `reasons`.

    Returns
    -------
    pd.Series
        A `Status`: no event for any other reason, missing while open or if none was recorded.

    Examples
    --------
    >>> stays = pd.DataFrame({"exit_reason": ["completed", "dropped out", "death", None]})
    >>> left_for(stays, [ExitReason.COMPLETED], ["death"]).tolist()
    ['event', 'no event', 'competing event', 'missing']
    """
    reason = stays["exit_reason"]
    found = pd.Series(str(Status.NO_EVENT), index=stays.index, dtype="str")
    unknown = reason.isna() | reason.eq(str(ExitReason.NOT_RECORDED))
    found = found.mask(unknown, str(Status.MISSING))
    found = found.mask(reason.isin([str(one) for one in competing]), str(Status.COMPETING))
    return found.mask(reason.isin([str(one) for one in reasons]), str(Status.EVENT))


def causes_of_exit(stays: pd.DataFrame, last_observed_day: pd.Series) -> pd.DataFrame:
    """When each index stay ended and why, every reason of exit competing with every other.

    Parameters
    ----------
    stays
        One row per stay: `start_day`, `end_day`, `exit_reason`.
    last_observed_day
        In the order of `stays`.

    Returns
    -------
    pd.DataFrame
        In the order of `stays`: `time` in days, at least 1; `status`; `reason`. An open stay is
        censored on the last observed day; a stay that ended nobody knows when is missing.
    """
    start = stays["start_day"].astype("Int64")
    exit_days = (stays["end_day"].astype("Int64") - start).clip(lower=1)
    is_open = stays["end_day"].isna() & stays["exit_reason"].isna()
    seen = (last_observed_day.astype("Int64") - start).where(is_open)
    time = exit_days.fillna(seen)
    status = pd.Series(str(Status.EVENT), index=stays.index, dtype="str")
    status = status.mask(is_open, str(Status.CENSORED)).mask(time.isna(), str(Status.MISSING))
    unsaid = str(ExitReason.NOT_RECORDED)
    reason = stays["exit_reason"].fillna(unsaid).mask(is_open, "end of records")
    return pd.DataFrame(
        {"time": time, "status": status, "reason": reason.mask(time.isna(), "not known")}
    )
