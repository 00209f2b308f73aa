"""How long people were followed, and how much of it in a controlled environment."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from iop_outcomes.cohort.community import Place, days_between
from iop_outcomes.cohort.paused_clock import clock_without
from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.vocabulary import Arm, Status

COUNTS = ("people", "missing", "people_in_care", "people_in_jail", "people_outside")
DAYS = ("person_days", "care_days", "jail_days")


def time_at_risk(
    persons: pd.DataFrame,
    ends: pd.DataFrame,
    controlled: pd.DataFrame,
    outcomes: Sequence[Outcome],
) -> pd.DataFrame:
    """Add up the days of follow-up, to its end or to the horizon, and those not in the community.

    Outcomes read at exit have no days and no rows. Days that are of care and of jail count as care.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `arm`, `index_day`.
    ends
        As `outcomes_told` returns.
    controlled
        As `controlled_days` returns.

    Returns
    -------
    pd.DataFrame
        One row per outcome and arm: `outcome`, `arm`; `people` followed, and those `missing`;
        `person_days`, of them `care_days` and `jail_days`; and the people who have any such day,
        `people_in_care`, `people_in_jail`, or any other, `people_outside`.
    """
    tables = [
        _of_outcome(persons, ends[ends["outcome"] == outcome.name], controlled, outcome)
        for outcome in outcomes
        if outcome.horizon_days is not None
    ]
    return pd.concat([nobody_followed(), *tables], ignore_index=True)


def nobody_followed() -> pd.DataFrame:
    """The table of `time_at_risk` without a row."""
    words, numbers = dict.fromkeys(("outcome", "arm"), "str"), dict.fromkeys(COUNTS + DAYS, "int64")
    return pd.DataFrame(columns=[*words, *numbers]).astype(words | numbers)


def _of_outcome(
    persons: pd.DataFrame, ends: pd.DataFrame, controlled: pd.DataFrame, outcome: Outcome
) -> pd.DataFrame:
    people = persons[["person_id", "arm", "index_day"]].merge(
        ends[["person_id", "days", "until_day", "status"]], on="person_id", validate="one_to_one"
    )
    known = people["status"].ne(str(Status.MISSING)) & people["until_day"].notna()
    followed = people[known].reset_index(drop=True)
    begin, end = _window(followed, controlled, outcome)
    care = controlled[controlled["place"].eq(str(Place.CARE))]
    whose = followed["person_id"]
    in_care = days_between(whose, begin, end, care)
    either = days_between(whose, begin, end, controlled)
    days = end - begin
    told = pd.DataFrame(
        {
            "arm": followed["arm"],
            "people": 1,
            "people_in_care": in_care > 0,
            "people_in_jail": either > in_care,
            "people_outside": days > either,
            "person_days": days,
            "care_days": in_care,
            "jail_days": either - in_care,
        }
    )
    by_arm = told.groupby("arm").sum().reindex([str(arm) for arm in Arm], fill_value=0)
    missing = people.loc[~known, "arm"].value_counts()
    by_arm["missing"] = [int(missing.get(arm, 0)) for arm in by_arm.index]
    table = by_arm.rename_axis("arm").reset_index().assign(outcome=outcome.name)
    return table[list(nobody_followed().columns)].astype(dict.fromkeys(COUNTS + DAYS, "int64"))


def _window(
    followed: pd.DataFrame, controlled: pd.DataFrame, outcome: Outcome
) -> tuple[pd.Series, pd.Series]:
    """First day of each person's follow-up on their own clock, and the day on which it ended."""
    until = followed["until_day"].astype("int64")
    begin = followed["index_day"].astype("int64")
    if outcome.clock is Clock.COMMUNITY:
        clock = clock_without(pd.Index(followed["person_id"]), controlled)
        who, start = np.arange(len(followed)), begin.to_numpy()
        # `after` counts from a day that has run; the one before day 0 is the last that is none.
        horizon = clock.after(who, start - 1, outcome.horizon_days) + 1
    else:
        begin = until - followed["days"].astype("int64")
        horizon = begin.to_numpy() + outcome.horizon_days
    return begin, until.clip(upper=pd.Series(horizon, until.index))
