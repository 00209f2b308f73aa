"""Days in the community: those neither in care by day and night nor in jail.

Whoever is in such care, or in jail, can hardly return to use or be admitted, so these days say
little for or against an arm. They are never silently at risk: a clock can stand still in them, and
`time_at_risk` tells how many there are.
"""

from enum import StrEnum

import numpy as np
import pandas as pd

from iop_outcomes.cohort.paused_clock import clock_without
from iop_outcomes.records.schema import Records
from iop_outcomes.vocabulary import DAY_AND_NIGHT, EventKind, ExitReason

SPAN = ["person_id", "start_day", "end_day"]


class Place(StrEnum):
    """A controlled environment."""

    CARE = "care by day and night"
    JAIL = "jail"


def controlled_days(records: Records) -> pd.DataFrame:
    """Spans of days that people spent in a controlled environment.

    Care by day and night lasts from its first night to its last; the day of discharge is none of
    its days. Of jail only the beginning is recorded, as an event or as the reason of an exit: it
    lasts until something is next seen of the person outside (an admission, a service, a test that
    was not missed, a score, reported use, an event) or until they die. Where nothing is, nobody
    knows of a release, and the span goes on.

    Returns
    -------
    pd.DataFrame
        One row per span, those of one person may overlap: `person_id`, `start_day`, `end_day` (its
        first day that is none of it; empty while it goes on), `place`.

    Examples
    --------
    Jail from day 20 until an admission on day 40:

    >>> stays = pd.DataFrame({
    ...     "stay_id": ["a", "b"], "person_id": "P", "facility_id": None, "admission_year": 2024,
    ...     "level_of_care": ["outpatient", "inpatient"], "start_day": [0, 40],
    ...     "end_day": [20, 45], "exit_reason": ["incarcerated", "completed"], "age_years": 40,
    ... })
    >>> persons = pd.DataFrame(
    ...     {"person_id": ["P"], "first_observed_day": 0, "last_observed_day": 90}
    ... )
    >>> spans = controlled_days(Records(persons, stays))
    >>> spans[["start_day", "end_day", "place"]].to_numpy().tolist()
    [[40, 45, 'care by day and night'], [20, 40, 'jail']]
    """
    stays = records.stays
    nights = stays[stays["level_of_care"].isin([str(level) for level in DAY_AND_NIGHT])]
    care = nights[SPAN].assign(place=str(Place.CARE))
    jail = _in_jail(records).assign(place=str(Place.JAIL))
    spans = pd.concat([care, jail], ignore_index=True)
    return spans[(spans["end_day"] > spans["start_day"]).fillna(True)].reset_index(drop=True)


def community_days(ends: pd.DataFrame, persons: pd.DataFrame, spans: pd.DataFrame) -> pd.Series:
    """Days of follow-up as days lived in the community since time zero.

    What happens in a controlled environment happens on the day on which the clock stood still.

    Parameters
    ----------
    ends
        One row per person: `person_id`, `days` since time zero, empty if not known.
    persons
        In the same order: `person_id`, `index_day`.
    spans
        As `controlled_days` returns.

    Examples
    --------
    In residential care to day 28; on day 30 two days have been lived outside:

    >>> persons = pd.DataFrame({"person_id": ["P", "Q"], "index_day": 0})
    >>> spans = pd.DataFrame({"person_id": ["P"], "start_day": 0, "end_day": 28})
    >>> community_days(persons.assign(days=30), persons, spans).tolist()
    [2, 30]
    """
    clock = clock_without(pd.Index(persons["person_id"]), spans)
    who = np.arange(len(persons))
    start = persons["index_day"].to_numpy("int64")
    days = ends["days"].astype("Int64")
    until = start + days.fillna(0).to_numpy("int64")
    still = clock.stood(who, until - 1) - clock.stood(who, start - 1)
    return (days - still).rename("days")


def days_between(
    people: pd.Series, first: pd.Series, until: pd.Series, spans: pd.DataFrame
) -> pd.Series:
    """How many days of each person's stretch from `first` to before `until` lie in spans.

    Days that lie in several spans count once.
    """
    clock = clock_without(pd.Index(people), spans)
    who = np.arange(len(people))
    first, until = (day.to_numpy("int64") for day in (first, until))
    found = clock.stood(who, until - 1) - clock.stood(who, first - 1)
    return pd.Series(found, index=people.index, dtype="int64")


def days_in_the_community(people: pd.DataFrame, records: Records, days: int) -> pd.Series:
    """How many of the first `days` days since time zero people were alive and in the community.

    Neither the day of death nor any after it counts.

    Parameters
    ----------
    people
        One row per person: `person_id`, `index_day`, `last_observed_day`.

    Returns
    -------
    pd.Series
        Days, in the order of the people; missing if they were not seen for so long and had not
        died.
    """
    begin = people["index_day"].astype("Int64")
    horizon = begin + days
    death = people["person_id"].map(death_days(records)).astype("Int64")
    died = (death < horizon).fillna(False)
    until = horizon.mask(died, death)
    seen = (people["last_observed_day"].astype("Int64") >= horizon - 1).fillna(False)
    away = days_between(people["person_id"], begin, until, controlled_days(records))
    return (until - begin - away).where(died | seen).rename("value")


def death_days(records: Records) -> pd.Series:
    """The day of each dead person's death, by `person_id`."""
    stays, events = records.stays, records.events
    deaths = pd.concat(
        [
            events.loc[events["kind"].eq(str(EventKind.DEATH)), ["person_id", "day"]],
            stays.loc[stays["exit_reason"].eq(str(ExitReason.DEATH)), ["person_id", "end_day"]]
            .dropna()
            .set_axis(["person_id", "day"], axis=1),
        ]
    )
    return deaths.groupby("person_id")["day"].min()


def _in_jail(records: Records) -> pd.DataFrame:
    stays, events = records.stays, records.events
    taken = pd.concat(
        [
            events.loc[events["kind"].eq(str(EventKind.INCARCERATED)), ["person_id", "day"]],
            stays.loc[
                stays["exit_reason"].eq(str(ExitReason.INCARCERATED)) & stays["end_day"].notna(),
                ["person_id", "end_day"],
            ].set_axis(["person_id", "day"], axis=1),
        ]
    ).drop_duplicates()
    pairs = taken.merge(_signs_outside(records), on="person_id")
    released = pairs[pairs["sign_day"] > pairs["day"]].groupby(["person_id", "day"])["sign_day"]
    found = taken.join(released.min(), on=["person_id", "day"])
    return found.set_axis(SPAN, axis=1)


def _signs_outside(records: Records) -> pd.DataFrame:
    """Days on which something was seen of people that jail would not have let happen."""
    events = records.events[records.events["kind"].ne(str(EventKind.INCARCERATED))]
    tests = records.tests[records.tests["result"].ne("missed")]
    dated = [records.services, tests, records.scores, records.reported_use, events]
    signs = [
        records.stays[["person_id", "start_day"]],
        death_days(records).reset_index(),
        *(table[["person_id", "day"]] for table in dated),
    ]
    columns = ["person_id", "sign_day"]
    return pd.concat([table.set_axis(columns, axis=1) for table in signs]).dropna()
