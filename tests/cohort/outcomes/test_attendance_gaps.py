"""Dropout by a gap in attendance, 14 days unless said otherwise; everyone begins on day 0."""

import random

import pandas as pd
import pytest

from iop_outcomes.cohort.attendance_gaps import attendance, attending_past

GAP = 14
NO_STAYS = "person_id | level_of_care | start_day | end_day"
NO_EVENTS = "person_id | day | kind"
PERSONS = ["level_of_care", "index_day", "exit_day", "exit_reason", "last_observed_day"]


@pytest.fixture(scope="session")
def attended(drawn, expect):
    """Hold the end of attendance of drawn people, stays and events against a drawn one.

    `sessions` holds each person's days; a missing column is an open stay in intensive outpatient
    care, seen until day 90.
    """

    def check(people, expected, stays=NO_STAYS, events=NO_EVENTS, gap_days=GAP):
        table = drawn(people)
        usual = ["intensive outpatient", 0, None, None, 90]
        for name, value in zip(PERSONS, usual, strict=True):
            if name not in table:
                table[name] = value
        table = table.astype({"exit_day": "Int64", "last_observed_day": "Int64"})
        days = table.set_index("person_id")["sessions"].dropna().astype("str").str.split(" ")
        services = days.explode().astype("Int64").rename("day").reset_index()
        found = attendance(table, services, drawn(stays), drawn(events), gap_days)
        expect(found, expected)
        return found

    return check


def test_dropout_is_dated_on_the_last_day_attended_and_known_a_gap_later(attended):
    attended(
        """
        person_id | sessions  | last_observed_day
        P         | 0 2 4 7 9 | 90
        """,
        """
        person_id | day | reason      | known_day
        P         | 9   | dropped out | 23
        """,
    )


def test_a_gap_that_cannot_be_seen_to_its_end_censors_on_the_last_day_attended(attended):
    """Edge case 6: an open stay, the last session 10 days before the records end.

    Q is seen for one day less than the gap, R for all of it.
    """
    attended(
        """
        person_id | sessions | last_observed_day
        P         | 0 30     | 40
        Q         | 0 14 26  | 39
        R         | 0 14 26  | 40
        """,
        """
        person_id | day | reason         | known_day
        P         | 0   | dropped out    | 14
        Q         | 26  | end of records | 39
        R         | 26  | dropped out    | 40
        """,
    )


def test_coming_back_on_the_last_day_of_the_gap_is_in_time_and_a_day_later_is_not(attended):
    attended(
        """
        person_id | sessions | last_observed_day
        P         | 0 14 28  | 30
        Q         | 0 15 28  | 30
        """,
        """
        person_id | day | reason         | known_day
        P         | 28  | end of records | 30
        Q         | 0   | dropped out    | 14
        """,
    )


def test_the_day_of_admission_is_attended_also_without_a_session(attended):
    attended(
        """
        person_id | sessions | last_observed_day
        P         |          | 90
        Q         | 10       | 12
        """,
        """
        person_id | day | reason         | known_day
        P         | 0   | dropped out    | 14
        Q         | 10  | end of records | 12
        """,
    )


def test_a_planned_exit_soon_after_the_last_session_is_no_dropout(attended):
    """What is attended after a planned exit is other care and does not put the exit off."""
    attended(
        """
        person_id | sessions | exit_day | exit_reason
        P         | 0 10 20  | 34       | completed
        Q         | 0 10 20  | 35       | completed
        R         | 0 10 20  | 30       | transferred
        S         | 0 10 20  | 30       | dropped out
        T         | 0 10 40  | 20       | completed
        """,
        """
        person_id | day | reason      | known_day
        P         | 20  | completed   | 34
        Q         | 20  | dropped out | 34
        R         | 20  | transferred | 30
        S         | 20  | dropped out | 34
        T         | 10  | completed   | 20
        """,
    )


def test_whoever_dies_within_the_gap_has_died_and_whoever_dies_later_had_dropped_out(attended):
    """Edge case 5: death five days after the last session, by an event or as reason of exit."""
    attended(
        """
        person_id | sessions | exit_day | exit_reason | last_observed_day
        P         | 0 10     |          |             | 15
        Q         | 0 10     |          |             | 24
        R         | 0 10     |          |             | 25
        S         | 0 10     | 15       | death       | 15
        T         | 0 10     | 12       | completed   | 15
        """,
        """
        person_id | day | reason      | known_day
        P         | 15  | death       | 15
        Q         | 24  | death       | 24
        R         | 10  | dropped out | 24
        S         | 15  | death       | 15
        T         | 10  | completed   | 12
        """,
        events="""
        person_id | day | kind
        P         | 15  | death
        Q         | 24  | death
        R         | 25  | death
        T         | 15  | death
        """,
    )


def test_jail_ends_attendance_unless_the_person_was_back_in_time(attended):
    """Edge case 10: jail after the session of day 10; only when it began is known."""
    attended(
        """
        person_id | sessions
        P         | 0 10 40
        Q         | 0 10 20 30
        """,
        """
        person_id | day | reason       | known_day
        P         | 12  | incarcerated | 12
        Q         | 30  | dropped out  | 44
        """,
        events="""
        person_id | day | kind
        P         | 12  | incarcerated
        Q         | 12  | incarcerated
        P         | 13  | return to use
        """,
    )


def test_nights_in_hospital_are_no_part_of_a_gap(attended):
    """Ten nights from day 12: the gap from day 10 to day 34 is 14 days long, to day 35 too long."""
    attended(
        """
        person_id | sessions | last_observed_day
        P         | 10 34    | 34
        Q         | 10 35    | 90
        R         | 10       | 33
        S         | 10       | 34
        T         | 10       | 90
        """,
        """
        person_id | day | reason         | known_day
        P         | 34  | end of records | 34
        Q         | 10  | dropped out    | 34
        R         | 10  | end of records | 33
        S         | 10  | dropped out    | 34
        T         | 10  | end of records | 90
        """,
        stays="""
        person_id | level_of_care         | start_day | end_day
        P         | inpatient             | 12        | 22
        Q         | inpatient             | 12        | 18
        Q         | withdrawal management | 16        | 22
        Q         | outpatient            | 0         | 90
        R         | inpatient             | 12        | 22
        S         | inpatient             | 12        | 22
        T         | inpatient             | 12        |
        """,
    )


def test_care_by_day_and_night_has_no_sessions_to_miss(attended):
    attended(
        """
        person_id | sessions | level_of_care         | last_observed_day
        P         | 0 10     | short-term residential | 90
        Q         | 0 10     | outpatient            |
        """,
        """
        person_id | day | reason | known_day | mature_until
        P         |     |        |           |
        Q         |     |        |           |
        """,
    )


def test_outpatient_care_is_given_thirty_days(attended):
    attended(
        """
        person_id | sessions
        P         | 0 30 59
        """,
        """
        person_id | day | reason      | known_day
        P         | 59  | dropped out | 89
        """,
        gap_days=30,
    )


def test_shares_are_told_only_of_people_with_a_gap_of_records_beyond_the_day(attended):
    """Day 30 can be told of nobody seen for less than 44 days, whatever became of them.

    P left early and would count, R is there and could not: to count P alone makes recent months
    look bad, to count R as retained makes them look good.
    """
    people = """
        person_id | sessions        | last_observed_day
        P         | 0 2             | 43
        Q         | 0 2             | 44
        R         | 0 10 20 30 40   | 43
        S         | 0 10 20 30 40   | 44
        T         | 0 10 20 30      | 44
    """
    found = attended(
        people,
        """
        person_id | day | mature_until
        P         | 2   | 29
        Q         | 2   | 30
        R         | 40  | 29
        S         | 40  | 30
        T         | 30  | 30
        """,
    )
    start = pd.Series([0] * 5)
    assert attending_past(found, 30, start).tolist() == [pd.NA, False, pd.NA, True, False]


def test_nobody_is_an_answer(attended):
    attended("person_id | sessions", "person_id | day | reason | known_day")


def by_hand(person, gap_days):
    """Walk one person day by day: what ends attendance, when, and when it is known."""
    start, cut, days, nights, happened, planned, reason = person
    inside = {day for first, last in nights for day in range(first, last)}
    attended = sorted({start} | {d for d in days if start <= d <= min(cut, planned)})
    last, without, day = start, 0, start
    while without < gap_days and day < 1000:
        day += 1
        if day in attended:
            last, without = day, 0
        elif day not in inside:
            without += 1
    grown, back = day, [d for d in attended if d > last]
    if planned <= grown:
        return last, reason, planned
    taken = sorted(one for one in happened if last <= one[0] <= min(grown, cut))
    if taken and (not back or taken[0][0] < back[0]):
        return taken[0][0], taken[0][1], taken[0][0]
    if not back and cut < grown:
        return last, "end of records", cut
    return last, "dropped out", grown


def test_everyone_ends_as_if_walked_day_by_day():
    """Two thousand made-up courses of 40 days, with hospital stays that overlap."""
    luck = random.Random(7)
    never, gap_days = 10_000, 5

    def made_up():
        start = luck.randint(-3, 3)
        cut = start + luck.randint(0, 40)
        planned = luck.choice([never, never, start + luck.randint(0, cut - start)])
        return (
            start,
            cut,
            [start + luck.randint(0, 40) for _ in range(luck.randint(0, 9))],
            [(s, s + luck.randint(0, 6)) for s in luck.choices(range(40), k=luck.randint(0, 3))],
            [(luck.randint(0, 40), luck.choice(["death", "incarcerated"]))] * luck.randint(0, 1),
            planned,
            None if planned == never else luck.choice(["completed", "transferred"]),
        )

    people = {f"person {k}": made_up() for k in range(2000)}
    index = pd.DataFrame(
        {
            "person_id": list(people),
            "level_of_care": "outpatient",
            "index_day": [one[0] for one in people.values()],
            "exit_day": [one[5] if one[5] < never else None for one in people.values()],
            "exit_reason": [one[6] for one in people.values()],
            "last_observed_day": [one[1] for one in people.values()],
        }
    )
    services = [(name, day) for name, one in people.items() for day in one[2]]
    stays = [(name, "inpatient", *some) for name, one in people.items() for some in one[3]]
    events = [(name, *some) for name, one in people.items() for some in one[4]]
    found = attendance(
        index.astype({"exit_day": "Int64"}),
        pd.DataFrame(services, columns=["person_id", "day"]),
        pd.DataFrame(stays, columns=["person_id", "level_of_care", "start_day", "end_day"]),
        pd.DataFrame(events, columns=["person_id", "day", "kind"]),
        gap_days,
    )
    walked = [by_hand(one, gap_days) for one in people.values()]
    assert found[["day", "reason", "known_day"]].to_numpy(object).tolist() == [
        list(one) for one in walked
    ]
    assert found["reason"].nunique() == 6
