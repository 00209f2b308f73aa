"""Days in the community, three clocks for one relapse, and time that is never silently at risk."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iop_outcomes.cohort.community import (
    community_days,
    controlled_days,
    days_between,
    days_in_the_community,
)
from iop_outcomes.cohort.recurrence import readmission_days, recurrences

# P: residential care, relapse on day 50, nine nights in hospital before. Q: intensive outpatient
# care all along, relapse on the same day.
STAYS = """
    person_id | level_of_care          | start_day | end_day | exit_reason
    P         | short-term residential | 0         | 28      | completed
    P         | inpatient              | 40        | 49      | completed
    Q         | intensive outpatient   | 0         | 30      | completed
"""
BOTH_RELAPSE = """
    person_id | day | kind
    P         | 50  | return to use
    Q         | 50  | return to use
"""


def outcome(**changed):
    asked = {
        "definition": "return to use",
        "events": ["return to use"],
        "competing": ["death"],
        "horizon_days": 90,
    }
    return {"outcomes": {"relapse": {**asked, **changed}}}


@pytest.fixture(scope="session")
def followed(assembled, seen, expect):
    """Hold the follow-up of drawn people on a clock against a drawn one."""

    def check(clock, expected, stays=STAYS, **given):
        cohort = assembled(stays, under=outcome(clock=clock), **given)
        expect(seen(cohort.follow_up), expected)

    return check


@pytest.fixture(scope="session")
def spans(records, rows):
    """Spans of controlled days of drawn records, as tuples."""

    def of(stays, **given):
        found = controlled_days(records(stays, bystanders=False, **given))
        return [tuple(row.values())[1:] for row in rows(found)]

    return of


# ---------------------------------------------------------------- three clocks


def test_one_relapse_has_a_day_on_each_clock(followed):
    """Of P's 50 days 28 were in residence and 9 in hospital, and 22 came after the exit."""
    for clock, days in (
        ("time zero", {"P": 50, "Q": 50}),
        ("exit from the index stay", {"P": 22, "Q": 20}),
        ("days in the community", {"P": 13, "Q": 50}),
    ):
        followed(
            clock,
            f"""
            person_id | days        | until_day | status | reason        | source | source_row
            P         | {days["P"]} | 50        | event  | return to use | events | 0
            Q         | {days["Q"]} | 50        | event  | return to use | events | 1
            """,
            events=BOTH_RELAPSE,
        )


def test_what_happens_before_the_exit_is_history_on_its_clock(followed):
    followed(
        "exit from the index stay",
        """
        person_id | days | until_day | status   | reason
        P         | 52   | 80        | event    | return to use
        Q         | 335  | 365       | censored | end of records
        """,
        events="""
            person_id | day | kind
            P         | 10  | return to use
            P         | 28  | return to use
            P         | 80  | return to use
            Q         | 30  | return to use
        """,
    )


def test_whoever_was_not_seen_to_leave_alive_is_missing_on_the_clock_of_the_exit(followed):
    followed(
        "exit from the index stay",
        """
        person_id | days | status   | reason               | source
        died      |      | missing  | died before the exit | stays
        in care   |      | missing  | no exit recorded     | stays
        jailed    | 345  | censored | end of records       | persons
        """,
        stays="""
            person_id | level_of_care        | start_day | end_day | exit_reason
            died      | intensive outpatient | 0         | 20      | death
            in care   | intensive outpatient | 0         |         |
            jailed    | intensive outpatient | 0         | 20      | incarcerated
        """,
    )


def test_a_death_after_the_exit_competes_on_its_clock(followed):
    followed(
        "exit from the index stay",
        """
        person_id | days | status          | reason
        P         | 12   | competing event | death
        Q         | 335  | censored        | end of records
        """,
        events="person_id | day | kind\nP | 40 | death",
    )


def test_what_happens_in_care_happens_where_the_clock_of_the_community_stood_still(followed):
    followed(
        "days in the community",
        """
        person_id | days | until_day | status   | reason
        P         | 12   | 44        | event    | return to use
        Q         | 365  | 365       | censored | end of records
        """,
        events="person_id | day | kind\nP | 44 | return to use",
    )


def test_a_later_day_of_the_same_person_is_never_earlier_on_the_clock_of_the_community(records):
    spans = controlled_days(records(STAYS, bystanders=False))
    people = pd.DataFrame({"person_id": ["P"], "index_day": 0})
    lived = [community_days(people.assign(days=day), people, spans).iloc[0] for day in range(60)]
    assert set(np.diff(lived)) == {0, 1}
    assert lived[28] == 0 and lived[40] == lived[49] == 12 and lived[59] == 22


@given(
    st.lists(st.tuples(st.integers(-20, 60), st.integers(0, 30)), max_size=6),
    st.integers(0, 80),
    st.integers(-10, 10),
)
def test_days_lived_in_the_community_are_counted_one_by_one(drawn_spans, days, index_day):
    spans = pd.DataFrame(
        [("P", first, first + length) for first, length in drawn_spans],
        columns=["person_id", "start_day", "end_day"],
    ).astype({"start_day": "Int64", "end_day": "Int64"})
    people = pd.DataFrame({"person_id": ["P"], "index_day": [index_day]})
    away = {day for first, length in drawn_spans for day in range(first, first + length)}
    expected = len(set(range(index_day, index_day + days)) - away)
    assert community_days(people.assign(days=days), people, spans).tolist() == [expected]
    between = days_between(
        people["person_id"], people["index_day"], people["index_day"] + days, spans
    )
    assert between.tolist() == [days - expected]


# ---------------------------------------------------------------- controlled environments


def test_nights_are_controlled_without_the_day_of_discharge_and_a_stay_of_one_date_has_none(spans):
    assert spans("""
        person_id | level_of_care         | start_day | end_day
        P         | withdrawal management | 0         | 5
        P         | inpatient             | 9         | 9
        P         | intensive outpatient  | 5         | 40
        P         | long-term residential | 50        |
    """) == [(0, 5, "care by day and night"), (50, None, "care by day and night")]


IOP = (
    "person_id | level_of_care | start_day | end_day | exit_reason\nP | intensive outpatient | 0 |"
)


def test_jail_lasts_until_the_person_is_next_seen_outside(spans):
    jailed = "person_id | day | kind\nP | 20 | incarcerated"
    sessions = "person_id | day | service | hours\nP | 15 | group | 3\nP | 40 | group | 3"
    assert spans(f"{IOP} | ", events=jailed, services=sessions) == [(20, 40, "jail")]
    assert spans(f"{IOP} | ", events=f"{jailed}\nP | 33 | overdose") == [(20, 33, "jail")]
    assert spans(f"{IOP} | ", events=f"{jailed}\nP | 25 | death") == [(20, 25, "jail")]


def test_jail_of_which_no_release_is_known_goes_on(spans):
    assert spans(f"{IOP} 20 | incarcerated") == [(20, None, "jail")]


def test_a_jail_told_twice_is_one(spans):
    jailed = "person_id | day | kind\nP | 20 | incarcerated"
    assert spans(f"{IOP} 20 | incarcerated", events=jailed) == [(20, None, "jail")]


# ---------------------------------------------------------------- time at risk


@pytest.fixture(scope="session")
def at_risk(assembled, expect):
    """Hold the time at risk of drawn people and both bystanders against a drawn one."""

    def check(clock, expected, stays=STAYS, **given):
        expect(assembled(stays, under=outcome(clock=clock), **given).time_at_risk, expected)

    return check


def test_days_followed_are_added_up_to_the_horizon_and_told_apart_by_where_they_were(at_risk):
    """Bystanders relapse on day 40, the one in residence after 30 nights; P and Q on day 50."""
    at_risk(
        "time zero",
        """
        arm          | people | missing | person_days | care_days | jail_days | people_in_care
        intervention | 2      | 0       | 90          | 0         | 0         | 0
        comparator   | 2      | 0       | 90          | 67        | 0         | 2
        """,
        events=BOTH_RELAPSE,
    )


def test_on_the_clock_of_the_exit_only_days_after_it_are_followed(at_risk):
    at_risk(
        "exit from the index stay",
        """
        arm          | people | person_days | care_days
        intervention | 2      | 30          | 0
        comparator   | 2      | 32          | 9
        """,
        events=BOTH_RELAPSE,
    )


def test_on_the_clock_of_the_community_people_are_followed_until_they_lived_there_so_long(at_risk):
    """P never relapses: 90 days outside are full on day 127, after 37 nights inside."""
    at_risk(
        "days in the community",
        """
        arm          | people | person_days | care_days
        intervention | 2      | 90          | 0
        comparator   | 2      | 167         | 67
        """,
        events="person_id | day | kind\nQ | 50 | return to use",
    )


def test_jail_is_told_apart_from_care_and_the_missing_are_counted(at_risk):
    at_risk(
        "time zero",
        """
        arm          | people | missing | person_days | care_days | jail_days | people_in_jail
        intervention | 2      | 1       | 130         | 10        | 20        | 1
        comparator   | 1      | 0       | 40          | 30        | 0         | 0
        """,
        stays="""
            person_id | level_of_care        | start_day | end_day | exit_reason
            P         | intensive outpatient | 0         | 20      | incarcerated
            P         | inpatient            | 40        | 50      | completed
            unseen    | intensive outpatient | 0         |         |
        """,
        last_observed_day={"unseen": None, "P": 365},
    )


def test_an_outcome_read_at_exit_has_no_days(assembled):
    under = outcome(events=["completed"], competing=[], horizon_days=None)
    assert assembled(STAYS, under=under).time_at_risk.empty


# ---------------------------------------------------------------- numbers told by definitions


def test_days_alive_and_in_the_community_by_hand(records, drawn):
    """P: 100 less 28 and 9. Q died on day 70 after 30 days in jail. R was not seen for so long."""
    held = records(
        f"{STAYS} R | outpatient | 0 | 30 | completed",
        events="""
            person_id | day | kind
            Q         | 20  | incarcerated
            Q         | 50  | overdose
            Q         | 70  | death
        """,
        bystanders=False,
    )
    people = drawn("""
        person_id | index_day | last_observed_day
        P         | 0         | 99
        Q         | 0         | 70
        R         | 0         | 98
    """)
    assert days_in_the_community(people, held, 100).tolist() == [63, 40, pd.NA]


RETURNS = """
    person_id | level_of_care          | start_day | end_day | exit_reason
    P         | short-term residential | 0         | 28      | completed
    P         | intensive outpatient   | 28        | 60      | completed
    P         | inpatient              | 64        | 70      | completed
    P         | inpatient              | 100       | 110     | completed
    P         | intensive outpatient   | 150       | 160     | completed
    P         | withdrawal management  | 180       | 185     | completed
    P         | short-term residential | 185       | 200     | completed
    P         | inpatient              | 400       | 410     | completed
"""


def test_every_return_counts_once_and_neither_a_transfer_nor_a_step_up_does(built, drawn):
    """Day 64 is a step up after four days, day 185 a transfer; 100, 180 and 400 are returns."""
    found = built(RETURNS)
    index = drawn("person_id | episode\nP | 1")
    assert readmission_days(found, index)["readmission_day"].tolist() == [100, 180, 400]


def test_returns_are_counted_to_the_horizon_with_the_days_on_which_they_could_happen(
    records, drawn, expect
):
    people = drawn("""
        person_id | index_day | last_observed_day | stay_row
        P         | 0         | 365               | 0
    """)
    for days, last, expected in (
        (365, 365, "P | 2 | 301 | True"),
        (365, 150, "P | 1 | 106 | False"),
        (99, 365, "P | 0 | 65 | True"),
    ):
        held = records(RETURNS, bystanders=False)
        found = recurrences(people.assign(last_observed_day=last), held, days)
        expect(found, f"person_id | readmissions | days_at_risk | complete\n{expected}")


def test_death_ends_the_count_and_the_days_at_risk(records, drawn, expect):
    people = drawn("""
        person_id | index_day | last_observed_day | stay_row
        P         | 0         | 130               | 0
    """)
    held = records(RETURNS, bystanders=False, events="person_id | day | kind\nP | 130 | death")
    expect(
        recurrences(people, held, 365),
        "person_id | readmissions | days_at_risk | complete\nP | 1 | 86 | True",
    )
