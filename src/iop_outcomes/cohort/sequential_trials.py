"""A trial begins in every week in which a person could enter one: steps up from outpatient care.

Rules:

* A trial begins on the first trigger of each week of an outpatient stay; weeks are of seven days
  from the first of the stay. Eligibility, the choice of arm and follow-up begin on that day.
* Who is in more intensive care from an earlier day is not eligible; who enters it on the very day
  is, and has stepped up on day 0.
* Who is out of sight on the day is not eligible.
* One person enters as many trials as there are such weeks; their trials are one cluster.
"""

from collections.abc import Iterable

import pandas as pd

from iop_outcomes.cohort.follow_up import follow_up
from iop_outcomes.cohort.starts import BY_TRIAL
from iop_outcomes.cohort.triggers import WEEK
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.vocabulary import LevelOfCare

OUTPATIENT = (LevelOfCare.OUTPATIENT,)
# Care beyond which nobody steps up.
MORE_THAN_OUTPATIENT = tuple(LevelOfCare)[: tuple(LevelOfCare).index(LevelOfCare.OUTPATIENT)]


def sequential_trials(
    persons: pd.DataFrame,
    stays: pd.DataFrame,
    triggers: pd.DataFrame,
    levels: Iterable[LevelOfCare] = OUTPATIENT,
    higher: Iterable[LevelOfCare] = MORE_THAN_OUTPATIENT,
) -> pd.DataFrame:
    """Every trial that every person could enter.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `last_observed_day`.
    stays
        One row per stay: `person_id`, `level_of_care`, `start_day`, `end_day`, `exit_reason`.
    triggers
        One row per person and day: `person_id`, `day`, see `triggers`.
    levels
        Levels of care from which people step up.
    higher
        Levels of care in which nobody is eligible.

    Returns
    -------
    pd.DataFrame
        One row per person and trial, in their order: the columns of the stay, `stay_row`,
        `person_row`, `trial` (counting from 1 for each person), `week` of the stay (from 1),
        `index_day`, `exit_day` and `last_observed_day`.
    """
    numbered = stays.assign(stay_row=range(len(stays)))
    begun = numbered[_at(numbered, levels)].merge(triggers, on="person_id")
    begun = begun[
        (begun["start_day"] <= begun["day"]) & ~(begun["day"] > begun["end_day"]).fillna(False)
    ]
    begun = begun.rename(columns={"day": "index_day"}).merge(
        persons.assign(person_row=range(len(persons)))[
            ["person_id", "last_observed_day", "person_row"]
        ],
        on="person_id",
        validate="many_to_one",
    )
    in_sight = (begun["last_observed_day"] >= begun["index_day"]).fillna(False).astype(bool)
    begun = begun[in_sight & ~_elsewhere(begun, numbered[_at(numbered, higher)])]
    begun = begun.assign(
        week=(begun["index_day"] - begun["start_day"]) // WEEK + 1, exit_day=begun["end_day"]
    ).sort_values(["person_id", "index_day", "stay_row"], kind="stable")
    first = begun.drop_duplicates(["stay_row", "week"]).drop_duplicates(["person_id", "index_day"])
    return first.assign(trial=first.groupby("person_id").cumcount() + 1).reset_index(drop=True)


def trial_follow_up(trials: pd.DataFrame, events: pd.DataFrame, outcome: Outcome) -> pd.DataFrame:
    """Follow every trial from its own time zero, as `follow_up.follow_up` follows a person.

    Parameters
    ----------
    trials
        As `sequential_trials` returns.
    events
        One row per event: `person_id`, `day`, `kind`.

    Returns
    -------
    pd.DataFrame
        One row per trial: `person_id`, `trial`, `outcome`, `days`, `status`, `reason`, `source`,
        `source_row`.
    """
    # follow_up knows people; here every trial is one.
    key = pd.Series([str(row) for row in range(len(trials))], trials.index, dtype="str")
    named = trials.assign(_key=key)
    dated = events.assign(source="events", source_row=range(len(events))).merge(
        named[["person_id", "index_day", "_key"]], on="person_id"
    )
    exits = named[named["exit_day"].notna()]
    happened = pd.concat(
        [
            dated.assign(days=dated["day"] - dated["index_day"])[
                ["_key", "days", "kind", "source", "source_row"]
            ],
            pd.DataFrame(
                {
                    "_key": exits["_key"],
                    "days": (exits["exit_day"] - exits["index_day"]).clip(lower=1),
                    "kind": exits["exit_reason"],
                    "source": "stays",
                    "source_row": exits["stay_row"],
                }
            ),
        ],
        ignore_index=True,
    ).astype({"days": "Int64", "source_row": "Int64"})
    ends = follow_up(
        named.drop(columns="person_id").rename(columns={"_key": "person_id"}),
        happened.rename(columns={"_key": "person_id"}),
        outcome,
    )
    whose = named.set_index("_key").loc[ends["person_id"], list(BY_TRIAL)].reset_index(drop=True)
    return (
        pd.concat([whose, ends.drop(columns="person_id")], axis=1)
        .sort_values(list(BY_TRIAL), kind="stable")
        .reset_index(drop=True)
    )


def _elsewhere(begun: pd.DataFrame, higher: pd.DataFrame) -> pd.Series:
    """Whose trial would begin while they are in more intensive care from an earlier day."""
    both = begun.reset_index(names="_begun")[["_begun", "person_id", "index_day"]].merge(
        higher[["person_id", "start_day", "end_day"]], on="person_id"
    )
    still = both["end_day"].isna() | (both["end_day"] >= both["index_day"])
    inside = (both["start_day"] < both["index_day"]) & still
    return begun.index.isin(both.loc[inside.fillna(False), "_begun"])


def _at(stays: pd.DataFrame, levels: Iterable[LevelOfCare]) -> pd.Series:
    return stays["level_of_care"].isin([str(level) for level in levels])
