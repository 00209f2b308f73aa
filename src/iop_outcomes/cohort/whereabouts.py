"""Where everyone is on each day since time zero: in which care, outside it, in jail, or dead."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.cohort.community import Place, controlled_days, death_days
from iop_outcomes.cohort.episodes import build_episodes
from iop_outcomes.cohort.recurrence import readmission_days
from iop_outcomes.records.schema import Records
from iop_outcomes.vocabulary import DAY_AND_NIGHT, EventKind, LevelOfCare, State

COLUMNS = {
    "person_id": "str",
    "start_day": "Int64",
    "stop_day": "Int64",
    "state": "str",
    "moves_to": "str",
}
STATES = tuple(State)
INTENSIVE = (LevelOfCare.PARTIAL_HOSPITALIZATION, LevelOfCare.INTENSIVE_OUTPATIENT)
OUTPATIENT = (LevelOfCare.OUTPATIENT, LevelOfCare.AMBULATORY_WITHDRAWAL_MANAGEMENT)
SPAN = ["person_id", "start_day", "end_day"]


def whereabouts(persons: pd.DataFrame, records: Records, horizon_days: int) -> pd.DataFrame:
    """Everyone's intervals in one state each, up to the horizon or the end of sight.

    Of what holds on one day the later in `State` counts: death before jail, jail before care by
    day and night, that before care without nights, and any care before the community. In the
    community, a return to use lasts until the next admission to any care. Care by day and night
    from the first readmission on is being readmitted.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `index_day`, `last_observed_day`, `stay_row`.

    Returns
    -------
    pd.DataFrame
        One row per interval (start, stop]: `person_id`, `start_day`, `stop_day`, `state`, and
        the state it `moves_to` on its last day, itself if the person stays or is lost from sight.
        Nobody is in it who was not seen for a day.
    """
    zero = persons["index_day"].astype("Int64")
    death = persons["person_id"].map(death_days(records)).astype("Int64") - zero
    seen = persons["last_observed_day"].astype("Int64") - zero
    dies = (death <= seen).fillna(False)
    until = seen.mask(dies, horizon_days).clip(upper=horizon_days).fillna(0)
    people = persons.assign(until=until.astype("int64"))[until.ge(1).to_numpy(bool)]
    people = people.reset_index(drop=True)
    drawn = np.full((len(people), horizon_days + 2), STATES.index(State.COMMUNITY), np.int8)
    for state, spans in _layers(people, records):
        drawn[_covered(spans, people, horizon_days)] = STATES.index(state)
    return _intervals(people, drawn)


def nobody_anywhere() -> pd.DataFrame:
    """The table of `whereabouts` without a row."""
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def _layers(people: pd.DataFrame, records: Records) -> list[tuple[State, pd.DataFrame]]:
    """Spans of each state, those that count more after the others; ends are no more in them."""
    stays = records.stays
    by_day = stays[SPAN].assign(end_day=stays["end_day"].astype("Int64") + 1)
    least = stays["start_day"].astype("Int64") + 1
    end = stays["end_day"].astype("Int64")
    by_night = stays[SPAN].assign(end_day=end.mask((end < least).fillna(False), least))
    nights = _at(stays, DAY_AND_NIGHT)
    built = build_episodes(stays)
    episode = built.stay_rows.drop_duplicates("stay_row").set_index("stay_row")["episode"]
    index = people[["person_id"]].assign(episode=people["stay_row"].map(episode))
    again = readmission_days(built, index).groupby("person_id")["readmission_day"].min()
    since = (stays["start_day"] >= stays["person_id"].map(again)).fillna(False).to_numpy(bool)
    jail = controlled_days(records)
    death = death_days(records).rename("start_day").rename_axis("person_id").reset_index()
    return [
        (State.AFTER_USE, _after_use(people, records)),
        (State.OUTPATIENT, by_day[_at(stays, OUTPATIENT)]),
        (State.INTENSIVE, by_day[_at(stays, INTENSIVE)]),
        (State.CARE, by_night[nights]),
        (State.READMITTED, by_night[nights & since]),
        (State.JAIL, jail[jail["place"].eq(str(Place.JAIL))][SPAN]),
        (State.DEAD, death.assign(end_day=pd.NA)),
    ]


def _at(stays: pd.DataFrame, levels: tuple[LevelOfCare, ...]) -> NDArray:
    return stays["level_of_care"].isin([str(level) for level in levels]).to_numpy(bool)


def _after_use(people: pd.DataFrame, records: Records) -> pd.DataFrame:
    """From each return to use after time zero until the next admission to any care."""
    events = records.events[records.events["kind"].eq(str(EventKind.RETURN_TO_USE))]
    zero = events["person_id"].map(people.set_index("person_id")["index_day"]).astype("Int64")
    uses = events.loc[(events["day"] > zero).fillna(False), ["person_id", "day"]]
    pairs = uses.merge(records.stays[["person_id", "start_day"]], on="person_id")
    pairs = pairs[pairs["start_day"] >= pairs["day"]]
    ends = pairs.groupby(["person_id", "day"])["start_day"].min().rename("end_day")
    found = uses.drop_duplicates().join(ends, on=["person_id", "day"])
    return found.set_axis(SPAN, axis=1)


def _covered(spans: pd.DataFrame, people: pd.DataFrame, horizon_days: int) -> NDArray:
    """Days since time zero that lie in spans. Shape (people, days)."""
    place = pd.Index(people["person_id"]).get_indexer(spans["person_id"])
    spans, place = spans[place >= 0], place[place >= 0]
    zero = people["index_day"].to_numpy("int64")[place]
    first = spans["start_day"].to_numpy("int64") - zero
    last = spans["end_day"].astype("Int64").fillna(2 * 10**6).to_numpy("int64") - zero
    days = horizon_days + 2
    change = np.zeros((len(people), days), np.int16)
    first, last = np.clip(first, 0, days), np.clip(last, 0, days)
    for day, sign in ((first, 1), (last, -1)):
        inside = (last > first) & (day < days)
        np.add.at(change, (place[inside], day[inside]), sign)
    return np.cumsum(change, axis=1) > 0


def _intervals(people: pd.DataFrame, drawn: NDArray) -> pd.DataFrame:
    """Rows of days with one state, run by run."""
    until = people["until"].to_numpy()
    day = np.arange(drawn.shape[1])
    counted = day[None, :] < until[:, None]
    begins = counted.copy()
    begins[:, 1:] &= drawn[:, 1:] != drawn[:, :-1]
    person, start = np.nonzero(begins)
    last = np.append(person[1:] != person[:-1], True)[: len(person)]
    stop = np.where(last, until[person], np.append(start[1:], 0)[: len(start)])
    words = np.array([str(state) for state in STATES])
    table = pd.DataFrame(
        {
            "person_id": people["person_id"].to_numpy()[person],
            "start_day": start,
            "stop_day": stop,
            "state": words[drawn[person, start]],
            # The state of the day on which sight ends is known: a move then is seen.
            "moves_to": words[drawn[person, stop]],
        }
    )
    return table.astype(COLUMNS)
