"""Hours of sessions by week: dose, and how evenly it was taken. Everyone begins on day 0."""

import pandas as pd
import pytest

from iop_outcomes.cohort.session_hours import (
    hours_attended,
    longest_gap,
    variation_of_hours,
    weeks_in_dose,
)


@pytest.fixture(scope="session")
def sessions(drawn):
    """Index and services of drawn people; each session is written day:hours, or day: if unsaid."""

    def of(text):
        table = drawn(text)
        index = table[["person_id"]].assign(
            index_day=0, last_observed_day=table.get("last_observed_day", 90)
        )
        index = index.astype({"last_observed_day": "Int64"})
        each = table.set_index("person_id")["sessions"].dropna().str.split(" ").explode()
        day, hours = (each.str.split(":").str[place] for place in (0, 1))
        services = pd.DataFrame(
            {"day": day.astype("Int64"), "hours": pd.to_numeric(hours).astype("Float64")}
        )
        return index, services.reset_index()

    return of


def test_a_week_of_nine_hours_is_in_dose_and_weeks_after_leaving_are_not(sessions):
    """P takes nine hours in weeks 1 and 2 and leaves; a share of weeks survived would be 1."""
    index, services = sessions(
        """
        person_id | sessions
        P         | 0:3 2:3 4:3 7:3 9:3 13:3
        Q         | 0:3 2:3 4:2.5
        R         |
        """
    )
    assert weeks_in_dose(index, services, 9, 8).tolist() == [2 / 8, 0, 0]


def test_a_week_runs_from_the_day_of_admission_and_not_from_a_monday(sessions):
    index, services = sessions(
        """
        person_id | sessions
        P         | 4:5 6:4
        Q         | 4:5 7:4
        R         | -1:5 0:4
        """
    )
    assert weeks_in_dose(index, services, 9, 2).tolist() == [0.5, 0, 0]


def test_a_week_that_hangs_on_a_session_of_unknown_length_cannot_be_told(sessions):
    index, services = sessions(
        """
        person_id | sessions
        P         | 0:9 2:
        Q         | 0:6 2:
        """
    )
    assert weeks_in_dose(index, services, 9, 2).tolist() == [0.5, pd.NA]


def test_planned_weeks_that_were_not_all_seen_are_missing(sessions):
    index, services = sessions(
        """
        person_id | sessions | last_observed_day
        P         | 0:9      | 13
        Q         | 0:9      | 12
        R         | 0:9      |
        """
    )
    assert weeks_in_dose(index, services, 9, 2).tolist() == [0.5, pd.NA, pd.NA]


def test_hours_of_the_first_days(sessions):
    index, services = sessions(
        """
        person_id | sessions          | last_observed_day
        P         | 0:3 29:2.5 30:3   | 90
        Q         |                   | 90
        R         | 0:3 1:            | 90
        S         | 0:3 31:           | 90
        T         | 0:3               | 28
        """
    )
    assert hours_attended(index, services, 30).tolist() == [5.5, 0, pd.NA, 3, pd.NA]


def test_variation_by_hand(sessions):
    """P: 6, 0, 6, 0 hours, mean 3, every week 3 away from it. Q: the same every week."""
    index, services = sessions(
        """
        person_id | sessions
        P         | 0:6 14:6
        Q         | 0:3 7:3 14:3 21:3
        R         |
        S         | 0:3 7:
        """
    )
    found = variation_of_hours(index, services, 4).tolist()
    assert found == [1, 0, pd.NA, pd.NA]


def test_the_longest_gap_ends_with_the_last_week_and_not_with_the_last_session(sessions):
    index, services = sessions(
        """
        person_id | sessions         | last_observed_day
        P         | 0:3 3:3 10:3     | 90
        Q         | 9:3 12:3 20:3    | 90
        R         | 0:3 9:3 18:3     | 90
        S         |                  | 90
        T         | 0:3              | 20
        U         | 0:3              | 19
        """
    )
    found = longest_gap(index, services, 3).tolist()
    assert found == [11, 9, 9, 21, 21, pd.NA]


def test_people_keep_their_order_whatever_that_of_the_sessions(sessions):
    index, services = sessions(
        """
        person_id | sessions
        Z         | 0:3
        A         | 0:1 1:1
        """
    )
    services = services.iloc[::-1]
    assert hours_attended(index, services, 7).to_dict() == {"Z": 3, "A": 2}
    assert longest_gap(index, services, 1).to_dict() == {"Z": 7, "A": 6}
