"""Outcomes told of the people compared, whichever way the protocol reads them."""

from collections.abc import Sequence

import pandas as pd

from iop_outcomes.cohort.community import community_days, controlled_days
from iop_outcomes.cohort.defined_outcomes import defined_outcome, weeks_planned
from iop_outcomes.cohort.follow_up import (
    COLUMNS,
    follow_up,
    happenings,
    nobody_has_follow_up,
)
from iop_outcomes.errors import CohortError, RecordsError
from iop_outcomes.protocol.definitions.definition import Definition, Evidence
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.records.schema import Records
from iop_outcomes.records.urine_weeks import WEEK
from iop_outcomes.vocabulary import Status

BY_DEFINITION = [*COLUMNS, "definition"]


def outcomes_told(
    persons: pd.DataFrame, records: Records, outcomes: Sequence[Outcome]
) -> pd.DataFrame:
    """Follow everyone for every outcome, by its events or by the definition that it names.

    Parameters
    ----------
    persons
        One row per person: `person_id`, `stay_id` and `stay_row` of the index stay, `index_day`,
        `exit_day`, `exit_reason`, `last_observed_day`, `person_row`.

    Returns
    -------
    pd.DataFrame
        One row per person and outcome, in the order of the outcomes: `person_id`, `outcome`,
        `days`, `until_day`, `status`, `reason`, `source`, `source_row`. What a definition tells has
        the definition as its source and no row: it is read from many.

    Raises
    ------
    CohortError
        The records cannot support a definition.
    """
    happened = happenings(persons, records.events)
    standing_still = any(outcome.clock is Clock.COMMUNITY for outcome in outcomes)
    controlled = controlled_days(records) if standing_still else None
    tables = [
        follow_up(persons, happened, outcome, controlled)
        if outcome.definition_id is None
        else told_by_definition(persons, records, outcome, outcome.definition_id)
        for outcome in outcomes
    ]
    return pd.concat(tables, ignore_index=True) if tables else nobody_has_follow_up()


def other_definitions_told(
    persons: pd.DataFrame, records: Records, outcomes: Sequence[Outcome]
) -> pd.DataFrame:
    """Follow everyone by the other definitions of each outcome.

    Returns
    -------
    pd.DataFrame
        As `outcomes_told` returns, one row per person, outcome and `definition`; no rows if no
        outcome has others.
    """
    tables = [
        told_by_definition(persons, records, outcome, name).assign(definition=name)
        for outcome in outcomes
        for name in outcome.other_definitions
    ]
    return pd.concat([nothing_told(), *tables], ignore_index=True)


def nothing_told() -> pd.DataFrame:
    """The table of `other_definitions_told` without a row."""
    return nobody_has_follow_up().assign(definition=pd.Series(dtype="str"))


def told_by_definition(
    persons: pd.DataFrame, records: Records, outcome: Outcome, identifier: str
) -> pd.DataFrame:
    """Follow-up of one outcome by one definition, in days.

    A definition of weeks tells the number of a week of planned treatment; here it becomes the last
    day of that week. Week w ends 7 w - 1 days after the first planned day, that day being the first
    of week 1: an event of week 1 of a treatment that begins at time zero is on day 6. By then all
    of the week's urines were due, whichever day they were given on.

    Parameters
    ----------
    persons, records
        As in `outcomes_told`.
    identifier
        Of the definition; the outcome says whose use counts and by which day it is read.

    Raises
    ------
    CohortError
        The records cannot support it; time zero is not the start of the index stay; nobody has the
        event, or nobody can be followed to the horizon.
    """
    asked, where = definition(identifier), f"protocol.outcomes.{outcome.name}"
    _hold_time_zero(persons, records, f"{where}: {identifier}")
    index = persons[["person_id", "stay_id"]]
    try:
        found = defined_outcome(asked, records, index, outcome.substances)
    except (CohortError, RecordsError) as error:
        raise CohortError(f"{where}: {error}") from None
    days = pd.Series(pd.NA, index=found.index, dtype="Int64")
    if asked.clocked:
        days = found["time"].astype("Int64")
    if Evidence.WEEKLY_TESTS in asked.needs:
        days = _last_day_of_week(days, persons, records)
        _reaches(days, found["status"], outcome, f"{where}: {identifier}")
    table = pd.DataFrame(
        {
            "person_id": found["person_id"].to_numpy(),
            "outcome": outcome.name,
            "days": days.array,
            "until_day": days.array + persons["index_day"].astype("Int64").array,
            "status": found["status"].to_numpy(),
            "reason": found["reason"] if "reason" in found else _reasons(found["status"], asked),
            "source": identifier,
            "source_row": pd.array([None] * len(found), dtype="Int64"),
        }
    )
    if outcome.clock is Clock.COMMUNITY:
        table["days"] = community_days(table, persons, controlled_days(records)).array
    happened = table["status"].eq(str(Status.EVENT))
    if asked.clocked:
        happened &= (table["days"] <= outcome.horizon_days).fillna(False)
    if not happened.any():
        raise CohortError(
            f"{where}: nobody has it by {identifier}; choose another definition, or mend what the "
            "records hold"
        )
    return table[COLUMNS]


def _hold_time_zero(persons: pd.DataFrame, records: Records, where: str) -> None:
    """Definitions count from the start of the index stay, and tell each person once."""
    start = persons["stay_row"].map(records.stays["start_day"].reset_index(drop=True))
    elsewhere = bool((start.astype("Int64") != persons["index_day"].astype("Int64")).any())
    if elsewhere or persons["person_id"].duplicated().any():
        raise CohortError(
            f"{where} counts from the start of one index stay a person, and this study has another "
            "time zero; read the outcome by its events"
        )


def _last_day_of_week(weeks: pd.Series, persons: pd.DataFrame, records: Records) -> pd.Series:
    planned = weeks_planned(records.stays, persons[["person_id", "stay_id"]])
    first = planned.groupby("person_id")["first_day"].min()
    shift = persons["person_id"].map(first).astype("Int64") - persons["index_day"]
    return shift.reset_index(drop=True) + WEEK * weeks.reset_index(drop=True) - 1


def _reaches(days: pd.Series, status: pd.Series, outcome: Outcome, where: str) -> None:
    """A risk read after the last week that can be told would be of people nobody follows."""
    free = days[status.eq(str(Status.CENSORED)).to_numpy()]
    if outcome.horizon_days is None or free.empty or free.max() >= outcome.horizon_days:
        return
    raise CohortError(
        f"{where} can be told up to day {int(free.max())}, the last week in which it could begin, "
        f"and is read by day {outcome.horizon_days}; read it by then"
    )


def _reasons(status: pd.Series, asked: Definition) -> pd.Series:
    words = {
        str(Status.EVENT): asked.id,
        str(Status.COMPETING): " or ".join(asked.competing),
        str(Status.CENSORED): "end of planned weeks",
        str(Status.NO_EVENT): "no event",
        str(Status.MISSING): "not known",
    }
    return status.map(words).array
