"""Hours of sessions by week: how much care was taken, and how evenly.

Weeks are of seven days from time zero, which is the first day of week 1. Weeks after somebody left
are weeks without hours: to leave them out would reward leaving.
"""

import numpy as np
import pandas as pd

WEEK = 7


def weeks_in_dose(
    index: pd.DataFrame, services: pd.DataFrame, hours: float, weeks: int
) -> pd.Series:
    """The share of planned weeks with at least so many hours.

    Parameters
    ----------
    index
        One row per person: `person_id`, `index_day`, `last_observed_day`.
    services
        `person_id`, `day`, `hours`. A week with sessions of unknown length is in dose if the known
        ones are enough, and cannot be told otherwise.
    hours
        Needed in a week: 9 in intensive outpatient care.
    weeks
        Planned, from time zero.

    Returns
    -------
    pd.Series
        Indexed by `person_id`, in the order of `index`; missing of people not seen for all the
        weeks, and where a week cannot be told.

    Examples
    --------
    >>> index = pd.DataFrame({"person_id": ["P"], "index_day": 0, "last_observed_day": 90})
    >>> services = pd.DataFrame({"person_id": "P", "day": [0, 2, 4, 7, 9], "hours": 3.0})
    >>> weeks_in_dose(index, services, hours=9, weeks=8).tolist()
    [0.125]
    """
    known, unsaid = _weekly(index, services, weeks)
    enough = known >= hours
    share = enough.mean(axis=1).astype("Float64")
    cannot_tell = (~enough & unsaid).any(axis=1)
    return share.mask(cannot_tell | ~_seen(index, weeks * WEEK)).rename("value")


def hours_attended(index: pd.DataFrame, services: pd.DataFrame, days: int) -> pd.Series:
    """Hours of sessions on the first `days` days, the day of admission being the first.

    Returns
    -------
    pd.Series
        Indexed by `person_id`, in the order of `index`; missing of people not seen for so long,
        and if the length of one of the sessions is not known.
    """
    among = _within(index, services, days)
    by_person = among.groupby("person_id")["hours"]
    people = index["person_id"]
    total = by_person.sum().reindex(people, fill_value=0.0).astype("Float64")
    unsaid = (
        among["hours"].isna().groupby(among["person_id"]).any().reindex(people, fill_value=False)
    )
    return total.mask(unsaid | ~_seen(index, days)).rename("value")


def variation_of_hours(index: pd.DataFrame, services: pd.DataFrame, weeks: int) -> pd.Series:
    """Standard deviation over mean of the weekly hours; 0 if every week has the same.

    The standard deviation divides by the number of weeks: these are all the weeks there are, and
    no sample of them.

    Returns
    -------
    pd.Series
        Indexed by `person_id`, in the order of `index`; missing of people not seen for so long,
        without any hours, and if the length of one of the sessions is not known.

    Examples
    --------
    Six hours in one week, none in the next:

    >>> index = pd.DataFrame({"person_id": ["P"], "index_day": 0, "last_observed_day": 90})
    >>> services = pd.DataFrame({"person_id": ["P"], "day": 1, "hours": 6.0})
    >>> variation_of_hours(index, services, weeks=2).tolist()
    [1.0]
    """
    known, unsaid = _weekly(index, services, weeks)
    mean = known.mean(axis=1)
    variation = (known.std(axis=1, ddof=0) / mean.mask(mean == 0)).astype("Float64")
    return variation.mask(unsaid.any(axis=1) | ~_seen(index, weeks * WEEK)).rename("value")


def longest_gap(index: pd.DataFrame, services: pd.DataFrame, weeks: int) -> pd.Series:
    """Days from one day attended to the next, at most, over so many weeks.

    The day of admission is attended. The days after the last session count too, up to the end of
    the last week, so that leaving is a long gap and not the end of counting.

    Returns
    -------
    pd.Series
        Indexed by `person_id`, in the order of `index`; missing of people not seen for so long.
    """
    start = index.set_index("person_id")["index_day"].astype("Int64")
    among = _within(index, services, weeks * WEEK)[["person_id", "since"]]
    edges = pd.DataFrame(
        {"person_id": np.tile(start.index, 2), "since": np.repeat([0, weeks * WEEK], len(start))}
    )
    days = pd.concat([among.astype({"since": "int64"}), edges]).sort_values(["person_id", "since"])
    gaps = days["since"].diff().where(days["person_id"].eq(days["person_id"].shift()))
    longest = gaps.groupby(days["person_id"]).max().reindex(start.index).astype("Float64")
    return longest.mask(~_seen(index, weeks * WEEK)).rename("value")


def _within(index: pd.DataFrame, services: pd.DataFrame, days: int) -> pd.DataFrame:
    """Services on the first `days` days, with the days `since` time zero."""
    start = index.set_index("person_id")["index_day"]
    since = services["day"].astype("Int64") - services["person_id"].map(start).astype("Int64")
    dated = services.assign(since=since)
    return dated[since.between(0, days - 1).fillna(False)]


def _weekly(
    index: pd.DataFrame, services: pd.DataFrame, weeks: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Known hours by person and week, and whether some session is of unknown length."""
    among = _within(index, services, weeks * WEEK)
    cells = [among["person_id"], (among["since"] // WEEK).astype("int64").rename("week")]
    known = among["hours"].astype("float64").groupby(cells).sum().unstack("week")
    unsaid = among["hours"].isna().groupby(cells).any().unstack("week")
    people, columns = index["person_id"], range(weeks)
    return (
        known.reindex(index=people, columns=columns).fillna(0.0),
        unsaid.reindex(index=people, columns=columns).eq(True),
    )


def _seen(index: pd.DataFrame, days: int) -> pd.Series:
    """Whether somebody was seen on each of the first `days` days."""
    people = index.set_index("person_id")
    seen = people["last_observed_day"].astype("Int64") - people["index_day"].astype("Int64")
    return (seen >= days - 1).fillna(False).astype(bool)
