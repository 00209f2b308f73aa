"""Everything that can happen to a person again and again, and the days on which it could."""

from collections.abc import Iterable

import pandas as pd

from iop_outcomes.cohort.community import controlled_days, death_days
from iop_outcomes.cohort.episodes import build_episodes
from iop_outcomes.cohort.recurrence import readmission_days
from iop_outcomes.protocol.time_plans import RecurrentEvents
from iop_outcomes.records.schema import Records
from iop_outcomes.vocabulary import READMISSION

HISTORY = {
    **dict.fromkeys(("person_id", "recurrent"), "str"),
    **dict.fromkeys(("start_day", "stop_day", "events"), "Int64"),
    **dict.fromkeys(("died", "away"), "bool"),
}


def repeats(
    persons: pd.DataFrame, records: Records, asked: dict[str, RecurrentEvents]
) -> pd.DataFrame:
    """Everyone's days since time zero as intervals that end with an event, a death or a move.

    Intervals are (start, stop]: day 0 comes before the first. An event on day 0 is history; what
    happens on one day counts once; events come before the death of their day. A day in care by day
    and night, or in jail, is one on which the person is away.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `index_day`, `last_observed_day`, `stay_row`.
    asked
        `analysis.recurrent_events`.

    Returns
    -------
    pd.DataFrame
        One row per interval and name: `person_id`, `recurrent`, `start_day`, `stop_day`, `events`
        and whether the person `died` on the last day, whether they were `away`. Nobody is in it
        who was not seen for a day after time zero, or of whom nobody knows for how long.
    """
    if not asked:
        return nothing_repeated()
    people = _in_sight(persons, records)
    places = _places(people, records)
    happened = _dated(persons, records, asked)
    tables = [
        _intervals(people, places, _counted(happened, plan.events)).assign(recurrent=name)
        for name, plan in asked.items()
    ]
    return pd.concat([nothing_repeated(), *tables], ignore_index=True)[list(HISTORY)]


def nothing_repeated() -> pd.DataFrame:
    """The table of `repeats` without a row."""
    return pd.DataFrame(columns=list(HISTORY)).astype(HISTORY)


def _in_sight(persons: pd.DataFrame, records: Records) -> pd.DataFrame:
    """How many days everyone was in sight, and whether they died on the last."""
    zero = persons["index_day"].astype("Int64")
    death = persons["person_id"].map(death_days(records)).astype("Int64") - zero
    seen = persons["last_observed_day"].astype("Int64") - zero
    died = (death <= seen).fillna(False)
    people = pd.DataFrame(
        {
            "person_id": persons["person_id"],
            "index_day": zero,
            "until": seen.mask(died, death),
            "died": died.astype(bool),
        }
    )
    return people[(people["until"] >= 1).fillna(False)]


def _places(people: pd.DataFrame, records: Records) -> pd.DataFrame:
    """First and last day of each stretch away, on everyone's own clock; stretches may overlap."""
    spans = controlled_days(records).merge(people, on="person_id", validate="many_to_one")
    start = (spans["start_day"].astype("Int64") - spans["index_day"]).clip(lower=0)
    stop = (spans["end_day"].astype("Int64") - spans["index_day"]).fillna(spans["until"])
    stop = stop.mask(stop > spans["until"], spans["until"])
    found = pd.DataFrame({"person_id": spans["person_id"], "start_day": start, "stop_day": stop})
    return found[found["stop_day"] > found["start_day"]]


def _dated(
    persons: pd.DataFrame, records: Records, asked: dict[str, RecurrentEvents]
) -> pd.DataFrame:
    """Whatever is counted, by person and day since time zero."""
    events = records.events[["person_id", "day", "kind"]]
    if any(READMISSION in plan.events for plan in asked.values()):
        built = build_episodes(records.stays)
        episode = built.stay_rows.drop_duplicates("stay_row").set_index("stay_row")["episode"]
        index = persons[["person_id"]].assign(episode=persons["stay_row"].map(episode))
        again = readmission_days(built, index).set_axis(["person_id", "day"], axis=1)
        events = pd.concat([events, again.assign(kind=READMISSION)], ignore_index=True)
    dated = events.merge(persons[["person_id", "index_day"]], on="person_id")
    return dated.assign(day=dated["day"].astype("Int64") - dated["index_day"].astype("Int64"))


def _counted(happened: pd.DataFrame, kinds: Iterable[str]) -> pd.DataFrame:
    counts = happened["kind"].isin([str(kind) for kind in kinds]) & (happened["day"] >= 1)
    return happened.loc[counts, ["person_id", "day"]].drop_duplicates()


def _intervals(people: pd.DataFrame, places: pd.DataFrame, counted: pd.DataFrame) -> pd.DataFrame:
    """Cut everyone's time in sight wherever something happens or they come or go."""
    ends = people[["person_id", "until"]].set_axis(["person_id", "day"], axis=1)
    cuts = [ends, ends.assign(day=0), counted]
    cuts += [
        places[["person_id", name]].set_axis(["person_id", "day"], axis=1)
        for name in ("start_day", "stop_day")
    ]
    points = pd.concat(cuts).merge(people, on="person_id", validate="many_to_one")
    points = points[(points["day"] >= 0) & (points["day"] <= points["until"])]
    points = points.drop_duplicates(["person_id", "day"]).sort_values(["person_id", "day"])
    start = points.groupby("person_id")["day"].shift()
    rows = points.assign(start_day=start, stop_day=points["day"])[start.notna()]
    rows = rows.reset_index(drop=True)
    key = pd.MultiIndex.from_frame(rows[["person_id", "stop_day"]])
    events = key.isin(pd.MultiIndex.from_frame(counted.astype({"day": "Int64"})))
    return rows.assign(
        events=events.astype(int),
        died=rows["died"] & rows["stop_day"].eq(rows["until"]),
        away=_away(rows, places),
    ).astype({name: kind for name, kind in HISTORY.items() if name != "recurrent"})[
        [name for name in HISTORY if name != "recurrent"]
    ]


def _away(rows: pd.DataFrame, places: pd.DataFrame) -> pd.Series:
    """Intervals that lie in a stretch away; they are cut where stretches begin and end."""
    line = pd.concat(
        [
            places[["person_id", "start_day"]].set_axis(["person_id", "day"], axis=1).assign(c=1),
            places[["person_id", "stop_day"]].set_axis(["person_id", "day"], axis=1).assign(c=-1),
        ]
    )
    change = line.groupby(["person_id", "day"])["c"].sum()
    key = pd.MultiIndex.from_frame(rows[["person_id", "start_day"]])
    # What begins before the first interval begins on day 0, which is its start.
    here = pd.Series(change.reindex(key).fillna(0).to_numpy(), rows.index)
    return here.groupby(rows["person_id"]).cumsum().gt(0)
