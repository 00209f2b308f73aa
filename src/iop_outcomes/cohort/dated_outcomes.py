"""Definitions that read dated rows, each told of the people of an index.

`Course` holds who they are and what the records say; every function takes it and the rule, and
tells `time`, `status` and `reason`, or a `status`, or a `value`, in the order of the people.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass

import pandas as pd

from iop_outcomes.cohort.attendance_gaps import END_OF_RECORDS, attendance
from iop_outcomes.cohort.community import days_in_the_community
from iop_outcomes.cohort.engagement import engagement, followed_up
from iop_outcomes.cohort.episodes import build_episodes
from iop_outcomes.cohort.first_use import days_of_use
from iop_outcomes.cohort.readmission import ReadmissionRules, readmissions, readmitted_within
from iop_outcomes.cohort.recurrence import recurrences
from iop_outcomes.cohort.retention import causes_of_exit, left_for, length_of_stay, retained_past
from iop_outcomes.cohort.scores import return_to_hospital, score_in_window, score_relapse
from iop_outcomes.cohort.session_hours import (
    hours_attended,
    longest_gap,
    variation_of_hours,
    weeks_in_dose,
)
from iop_outcomes.cohort.status_at_exit import status_at_exit
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.definitions import care_rules as care
from iop_outcomes.protocol.definitions import event_rules as events
from iop_outcomes.records.schema import Records
from iop_outcomes.vocabulary import EventKind, ExitReason, Status

NOT_KNOWN = "not known"


@dataclass(frozen=True)
class Course:
    """People from their index stay on, and the records of everyone.

    Attributes
    ----------
    people
        One row per person: all columns of the index stay, `stay_row`, its place among the stays,
        `index_day`, `exit_day` and `last_observed_day`.
    records
        Everyone's.
    competing
        Kinds of event, or reasons of exit from the index stay, after which nothing counts.
    substances
        Whose use counts; empty: as the definition says.
    """

    people: pd.DataFrame
    records: Records
    competing: tuple[str, ...] = ()
    substances: Collection[str] = ()


def course(
    records: Records,
    index: pd.DataFrame,
    competing: tuple[str, ...] = (),
    substances: Collection[str] = (),
) -> Course:
    """Look the index stays up.

    Parameters
    ----------
    index
        One row per person: `person_id`, `stay_id`.

    Raises
    ------
    CohortError
        An index stay is not among the stays, is another person's, or a person has two.
    """
    if index["person_id"].duplicated().any():
        raise CohortError("index: a person has two index stays; keep one row a person")
    stays = records.stays.assign(stay_row=range(len(records.stays)))
    people = index[["person_id", "stay_id"]].merge(
        stays, on=["person_id", "stay_id"], how="left", validate="one_to_one"
    )
    absent = int(people["stay_row"].isna().sum())
    if absent:
        raise CohortError(
            f"index: {absent} index stay(s) are not among the stays of their person; take them "
            "from the same records"
        )
    seen = records.persons.set_index("person_id")["last_observed_day"]
    people = people.assign(
        index_day=people["start_day"].astype("Int64"),
        exit_day=people["end_day"].astype("Int64"),
        last_observed_day=people["person_id"].map(seen).astype("Int64"),
    )
    return Course(people, records, competing, substances)


def _length(of: Course, rule: care.LengthOfStay) -> pd.DataFrame:
    return _value(of, length_of_stay(of.people))


def _retained(of: Course, rule: care.RetainedPast) -> pd.DataFrame:
    return _status(of, retained_past(of.people, rule.days, of.people["last_observed_day"]))


def _exit_for(of: Course, rule: care.ExitFor) -> pd.DataFrame:
    return of.people[["person_id"]].assign(status=left_for(of.people, rule.reasons, of.competing))


def _cause(of: Course, rule: care.CauseOfExit) -> pd.DataFrame:
    found = causes_of_exit(of.people, of.people["last_observed_day"])
    return pd.concat([of.people[["person_id"]], found], axis=1)


def _gap(of: Course, rule: care.AttendanceGap) -> pd.DataFrame:
    found = attendance(
        of.people, of.records.services, of.records.stays, of.records.events, rule.gap_days
    )
    status = pd.Series(str(Status.COMPETING), index=found.index, dtype="str")
    status = status.mask(found["reason"].eq(str(ExitReason.DROPPED_OUT)), str(Status.EVENT))
    status = status.mask(found["reason"].eq(END_OF_RECORDS), str(Status.CENSORED))
    return pd.DataFrame(
        {
            "person_id": found["person_id"],
            "time": found["day"] - of.people["index_day"],
            "status": status.mask(found["day"].isna(), str(Status.MISSING)),
            "reason": found["reason"].fillna(NOT_KNOWN),
        }
    )


def _engagement(of: Course, rule: care.Engagement) -> pd.DataFrame:
    found = engagement(of.people, of.records.services, of.records.stays, rule)
    return _status(of, found["initiated" if rule.step == "initiation" else "engaged"])


def _follow_up(of: Course, rule: care.FollowUpCare) -> pd.DataFrame:
    found = followed_up(of.records.stays, of.records.services, _seen(of), rule)
    return _status(of, _of_index_discharge(of, found, "followed_up"))


def _return(of: Course, rule: events.ReturnToHospital) -> pd.DataFrame:
    found = return_to_hospital(
        of.records.stays, _seen(of), rule.levels, rule.within_days, rule.transfer_days
    )
    return _status(of, _of_index_discharge(of, found, "returned"))


def _dose(of: Course, rule: care.WeeksInDose) -> pd.DataFrame:
    return _value(of, weeks_in_dose(of.people, of.records.services, rule.hours, rule.weeks))


def _hours(of: Course, rule: care.HoursAttended) -> pd.DataFrame:
    return _value(of, hours_attended(of.people, of.records.services, rule.days))


def _regularity(of: Course, rule: care.Regularity) -> pd.DataFrame:
    measure = variation_of_hours if rule.measure == "variation" else longest_gap
    return _value(of, measure(of.people, of.records.services, rule.weeks))


def _community(of: Course, rule: care.DaysInTheCommunity) -> pd.DataFrame:
    return _value(of, days_in_the_community(of.people, of.records, rule.days))


def _returns(of: Course, rule: care.NumberOfReadmissions) -> pd.DataFrame:
    how = ReadmissionRules(gap_days=rule.gap_days, step_up_days=rule.step_up_days)
    found = recurrences(of.people, of.records, rule.days, how)
    told = _value(of, found["readmissions"].where(found["complete"]))
    return told.assign(days_at_risk=found["days_at_risk"].to_numpy())


def _use(of: Course, rule: events.FirstUse) -> pd.DataFrame:
    records, substances = of.records, of.substances or rule.substances
    charted = records.events[records.events["kind"].eq(str(EventKind.RETURN_TO_USE))]
    used = days_of_use(
        records.tests, records.reported_use, records.services, substances, rule.prescription_days
    )
    days = pd.concat([used, charted[["person_id", "day"]]]) if rule.charted else used
    return _until(of, _first_after_index(of, days), "use")


def _event(of: Course, rule: events.FirstEvent) -> pd.DataFrame:
    rows = of.records.events
    kinds = [str(kind) for kind in rule.kinds]
    happened = rows[rows["kind"].isin(kinds)]
    return _until(of, _first_after_index(of, happened), " or ".join(kinds))


def _readmission(of: Course, rule: events.Readmission) -> pd.DataFrame:
    people = of.people
    built = build_episodes(of.records.stays)
    row = built.stay_rows.drop_duplicates("stay_row").set_index("stay_row")["episode"]
    index = people[["person_id"]].assign(episode=people["stay_row"].map(row))
    how = ReadmissionRules(gap_days=rule.gap_days, step_up_days=rule.step_up_days)
    found = readmissions(built, index, how)
    if rule.within_days is None:
        return _until(of, found["readmission_day"], "readmission")
    returned = readmitted_within(found, rule.within_days, people["last_observed_day"])
    status = _status(of, returned)["status"]
    died = _competing_day(of) - found["end_day"] <= rule.within_days
    died = died.fillna(False).astype(bool) & status.ne(str(Status.EVENT))
    return people[["person_id"]].assign(status=status.mask(died, str(Status.COMPETING)))


def _score(of: Course, rule: events.ScoreInWindow) -> pd.DataFrame:
    return score_in_window(of.people, of.records.scores, rule)[["person_id", "status"]]


def _score_relapse(of: Course, rule: events.ScoreRelapse) -> pd.DataFrame:
    found = score_relapse(of.people, of.records.scores, of.records.stays, rule)
    return found[["person_id", "time", "status", "reason"]]


def _exit_status(of: Course, rule: events.StatusAtExit) -> pd.DataFrame:
    return of.people[["person_id"]].assign(status=status_at_exit(of.people, rule))


DATED: dict[type, Callable[[Course, object], pd.DataFrame]] = {
    care.LengthOfStay: _length,
    care.RetainedPast: _retained,
    care.ExitFor: _exit_for,
    care.CauseOfExit: _cause,
    care.AttendanceGap: _gap,
    care.Engagement: _engagement,
    care.FollowUpCare: _follow_up,
    care.WeeksInDose: _dose,
    care.HoursAttended: _hours,
    care.Regularity: _regularity,
    care.DaysInTheCommunity: _community,
    care.NumberOfReadmissions: _returns,
    events.FirstUse: _use,
    events.FirstEvent: _event,
    events.Readmission: _readmission,
    events.ReturnToHospital: _return,
    events.ScoreInWindow: _score,
    events.ScoreRelapse: _score_relapse,
    events.StatusAtExit: _exit_status,
}


def _value(of: Course, value: pd.Series) -> pd.DataFrame:
    return of.people[["person_id"]].assign(value=value.astype("Float64").to_numpy())


def _status(of: Course, answer: pd.Series) -> pd.DataFrame:
    """Yes is an event, no is none, and what cannot be told is missing."""
    words = {True: str(Status.EVENT), False: str(Status.NO_EVENT)}
    status = answer.astype("object").map(words).fillna(str(Status.MISSING))
    return of.people[["person_id"]].assign(status=status.to_numpy())


def _until(of: Course, event_day: pd.Series, reason: str) -> pd.DataFrame:
    """Follow everyone to their event, what competes with it, or the end of their records."""
    people = of.people
    last = people["last_observed_day"]
    event = pd.Series(event_day.astype("Int64").array, index=people.index)
    competing = _competing_day(of)
    happens = event.notna() & ~(competing < event).fillna(False)
    ended = ~happens & competing.notna()
    status = pd.Series(str(Status.CENSORED), index=people.index, dtype="str")
    words = pd.Series(END_OF_RECORDS, index=people.index, dtype="str")
    unseen = ~happens & ~ended & last.isna()
    for which, what, why in (
        (happens, Status.EVENT, reason),
        (ended, Status.COMPETING, " or ".join(of.competing)),
        (unseen, Status.MISSING, NOT_KNOWN),
    ):
        status, words = status.mask(which, str(what)), words.mask(which, why)
    day = event.where(happens, competing.where(ended, last))
    return people[["person_id"]].assign(time=day - people["index_day"], status=status, reason=words)


def _first_after_index(of: Course, rows: pd.DataFrame) -> pd.Series:
    """The first day of `rows` after time zero; what happens on that day is history."""
    start = of.people.set_index("person_id")["index_day"]
    day = rows["day"].astype("Int64")
    later = rows[(day > rows["person_id"].map(start).astype("Int64")).fillna(False)]
    first = later.groupby("person_id")["day"].min()
    return of.people["person_id"].map(first).astype("Int64")


def _competing_day(of: Course) -> pd.Series:
    """The first day on which something happened that competes."""
    rows, people = of.records.events, of.people
    happened = rows.loc[rows["kind"].isin(of.competing), ["person_id", "day"]]
    left = people.loc[people["exit_reason"].isin(of.competing), ["person_id", "exit_day"]]
    both = pd.concat([happened, left.set_axis(["person_id", "day"], axis=1)])
    return _first_after_index(of, both)


def _seen(of: Course) -> pd.Series:
    return of.records.persons.set_index("person_id")["last_observed_day"].astype("Int64")


def _of_index_discharge(of: Course, found: pd.DataFrame, answer: str) -> pd.Series:
    """The answer for the discharge that ended the chain of stays with the index stay in it."""
    pairs = of.people[["person_id", "exit_day"]].merge(found, on="person_id")
    ended = pairs[pairs["discharge_day"] >= pairs["exit_day"]]
    first = ended.sort_values("discharge_day", kind="stable").drop_duplicates("person_id")
    return of.people["person_id"].map(first.set_index("person_id")[answer])
