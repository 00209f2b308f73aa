"""What during outpatient care asks for more: positive tests, missed weeks, rising scores.

A trigger is dated on the first day on which it is known.
"""

from collections.abc import Collection

import numpy as np
import pandas as pd

from iop_outcomes.errors import CohortError

WEEK = 7
TRIGGER = ["person_id", "day"]


def positive_tests(tests: pd.DataFrame, substances: Collection[str] | None = None) -> pd.DataFrame:
    """Days with a positive test of any of `substances` (of all, if none is named).

    Parameters
    ----------
    tests
        One row per result: `person_id`, `day`, `substance`, `result`.

    Returns
    -------
    pd.DataFrame
        One row per person and day: `person_id`, `day`.

    Examples
    --------
    >>> tests = pd.DataFrame({"person_id": ["P", "P"], "day": [3, 9], "substance": "opioid",
    ...                       "result": ["negative", "positive"]})
    >>> positive_tests(tests).values.tolist()
    [['P', 9]]
    """
    counted = tests["result"].eq("positive")
    if substances is not None:
        counted &= tests["substance"].isin(list(substances))
    return _days(tests[counted])


def missed_weeks(stays: pd.DataFrame, services: pd.DataFrame, weeks: int = 2) -> pd.DataFrame:
    """The day after each run of `weeks` weeks of a stay without a single service.

    Weeks are of seven days from the first of the stay; only whole weeks of the stay count. A
    longer run triggers again with every further week.

    Parameters
    ----------
    stays
        One row per stay: `person_id`, `start_day`, `end_day`; open stays run to the person's last
        service, after which nobody can say whether weeks were missed.
    services
        One row per session or contact: `person_id`, `day`.

    Raises
    ------
    CohortError
        The records hold no services at all, so that every week would look missed.
    """
    if services.empty:
        raise CohortError(
            "the records hold no services, so nobody can tell which weeks were missed; choose "
            "another trigger or add the services to the export"
        )
    stays = stays.assign(_stay=range(len(stays)))[["person_id", "_stay", "start_day", "end_day"]]
    last = services.groupby("person_id")["day"].max().astype("float64")
    end = stays["end_day"].astype("float64").fillna(stays["person_id"].map(last))
    whole = ((end - stays["start_day"].astype("float64") + 1) // WEEK).fillna(0)
    whole = whole.clip(lower=0).astype(int).to_numpy()
    row = np.repeat(np.arange(len(stays)), whole)
    week = np.arange(whole.sum()) - np.repeat(np.cumsum(whole) - whole, whole)
    attended = services[TRIGGER].merge(stays, on="person_id")
    attended = attended.assign(_week=(attended["day"] - attended["start_day"]) // WEEK)
    seen = pd.MultiIndex.from_frame(attended[["_stay", "_week"]])
    missed = ~pd.MultiIndex.from_arrays([row, week]).isin(seen)
    # A run ends here if all of the last weeks, none of them of another stay, were missed.
    so_far = np.concatenate([np.zeros(weeks), np.cumsum(missed)])
    run = (so_far[weeks:] - so_far[:-weeks] == weeks) & (week >= weeks - 1)
    return _days(
        pd.DataFrame(
            {
                "person_id": stays["person_id"].to_numpy()[row[run]],
                "day": stays["start_day"].to_numpy()[row[run]] + (week[run] + 1) * WEEK,
            }
        )
    )


def score_rises(
    stays: pd.DataFrame, scores: pd.DataFrame, instrument: str = "phq9", rise: float = 5
) -> pd.DataFrame:
    """Days on which a score is at least `rise` points above the lowest before it in the stay.

    Parameters
    ----------
    stays
        One row per stay: `person_id`, `start_day`, `end_day`.
    scores
        One row per score: `person_id`, `day`, `instrument`, `score`.
    """
    dated = scores[scores["instrument"] == instrument].merge(
        stays.assign(_stay=range(len(stays)))[["person_id", "_stay", "start_day", "end_day"]],
        on="person_id",
    )
    within = (dated["day"] >= dated["start_day"]) & ~(dated["day"] > dated["end_day"]).fillna(False)
    dated = dated[within].sort_values(["_stay", "day"], kind="stable")
    lowest = dated.groupby("_stay")["score"].cummin()
    # Scores of one day do not come before each other.
    by_day = lowest.groupby([dated["_stay"], dated["day"]]).transform("min")
    first_of_day = ~dated.duplicated(["_stay", "day"])
    earlier = by_day[first_of_day].groupby(dated.loc[first_of_day, "_stay"]).shift()
    earlier = earlier.reindex(dated.index).groupby([dated["_stay"], dated["day"]]).transform("max")
    return _days(dated[dated["score"] - earlier >= rise])


def _days(rows: pd.DataFrame) -> pd.DataFrame:
    found = rows[TRIGGER].drop_duplicates().sort_values(TRIGGER, kind="stable")
    return found.astype({"day": "Int64"}).reset_index(drop=True)
