"""Dates go in, days on each person's own clock come out, and no date comes any further."""

import pandas as pd
import pytest

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.sources.calendar import Calendar, dates_to_days

YEAR = {"begins": "2024-01-01", "cut": "2024-12-31"}
STAYS = """
    person_id | start_day  | end_day    | admission_year
    P         | 2024-02-10 | 2024-03-01 |
    P         | 2024-02-28 |            |
    Q         | 2024-12-31 | 2024-12-31 | 2024
"""


@pytest.fixture
def dated(drawn):
    """The tables with days, and the faults found on the way."""

    def of(calendar=None, **tables):
        tables = {name: drawn(text).astype("str") for name, text in tables.items()}
        tables = {name: table.replace(["nan", "<NA>"], None) for name, table in tables.items()}
        return dates_to_days(tables, Calendar(**(calendar or YEAR)))

    return of


@pytest.fixture
def days(dated):
    """The tables with days, in which no fault was found."""

    def of(calendar=None, **tables):
        found, faults = dated(calendar, **tables)
        assert faults == []
        return found

    return of


def test_day_0_is_the_first_admission_and_a_leap_day_is_a_day(days):
    stays = days(stays=STAYS)["stays"]
    assert stays["start_day"].tolist() == [0, 18, 0]
    assert stays["end_day"].tolist() == [20, pd.NA, 0]


def test_who_has_a_stay_is_a_person_observed_from_the_beginning_to_the_cut(days):
    persons = days(stays=STAYS)["persons"].set_index("person_id")
    assert persons.loc["P"].tolist() == [-40, 325]
    assert persons.loc["Q"].tolist() == [-365, 0]


def test_a_persons_own_last_day_is_kept(days):
    persons = days(
        stays=STAYS,
        persons="""
            person_id | first_observed_day | last_observed_day
            P         |                    | 2024-03-10
            Q         | 2024-12-01         |
        """,
    )["persons"].set_index("person_id")
    assert persons.loc["P"].tolist() == [-40, 29]
    assert persons.loc["Q"].tolist() == [-30, 0]


def test_the_year_of_admission_is_kept_where_nobody_said_it(days):
    assert days(stays=STAYS)["stays"]["admission_year"].tolist() == ["2024", "2024", "2024"]


def test_a_year_that_is_not_the_dates_is_a_fault_of_its_row(dated):
    _, [fault] = dated(stays=STAYS.replace("| 2024\n", "| 2023\n"))
    assert fault.name == "admission_year is another year than that of the date"
    assert fault.rows.tolist() == [False, False, True]


def test_events_before_the_first_admission_have_negative_days(days):
    events = days(stays=STAYS, events="person_id | day\nP | 2024-02-01\nP | 2024-02-11")["events"]
    assert events["day"].tolist() == [-9, 1]


def test_who_was_never_admitted_counts_from_their_first_date(days):
    events = days(stays=STAYS, events="person_id | day\nR | 2024-05-01\nR | 2024-05-03")["events"]
    assert events["day"].tolist() == [0, 2]


def test_a_time_of_day_is_left_off(days):
    calendar = {**YEAR, "format": "%m/%d/%Y %H:%M"}
    stays = """
        person_id | start_day        | end_day          | admission_year
        P         | 02/10/2024 23:59 | 02/11/2024 00:01 |
    """
    assert days(calendar, stays=stays)["stays"]["end_day"].tolist() == [1]


ZONED = {**YEAR, "format": "%Y-%m-%dT%H:%M:%S%z"}


@pytest.mark.parametrize(
    ("begin", "end", "length"),
    [
        ("2024-03-09T23:30:00-05:00", "2024-03-10T03:30:00-04:00", 1),  # clocks go forward
        ("2024-11-03T00:30:00-04:00", "2024-11-03T23:30:00-05:00", 0),  # and back: 24 hours long
        ("2024-02-10T23:00:00-0800", "2024-02-11T01:00:00+0900", 1),  # another zone, no other day
    ],
)
def test_the_day_is_the_one_that_is_written_whatever_the_clock_did(days, begin, end, length):
    stays = f"person_id | start_day | end_day | admission_year\nP | {begin} | {end} |"
    assert days(ZONED, stays=stays)["stays"]["end_day"].tolist() == [length]


def test_times_that_were_all_turned_into_those_of_greenwich_are_refused(days):
    stays = "person_id | start_day | end_day | admission_year\nP | {} | {} |"
    greenwich = stays.format("2024-02-11T04:30:00Z", "2024-02-12T15:00:00Z")
    with pytest.raises(RecordsError, match=r"2 time\(s\) are all written for Greenwich"):
        days(ZONED, stays=greenwich)
    midnight = stays.format("2024-02-11T00:00:00Z", "2024-02-12T00:00:00Z")
    assert days(ZONED, stays=midnight)["stays"]["end_day"].tolist() == [1]
    london = stays.format("2024-02-11T14:30:00+00:00", "2024-04-12T15:00:00+01:00")
    assert days(ZONED, stays=london)["stays"]["end_day"].tolist() == [61]


def test_a_cell_without_its_distance_from_greenwich_is_no_date_of_that_format(dated):
    stays = "person_id | start_day | end_day | admission_year\nP | 2024-02-11T14:30:00 | |"
    _, faults = dated(ZONED, stays=stays)
    assert "start_day is no date" in {fault.name for fault in faults}


def test_the_distance_from_greenwich_stands_at_the_end():
    with pytest.raises(ValueError, match="write %z, the distance from Greenwich, at the end"):
        Calendar(**{**YEAR, "format": "%z %Y-%m-%d"})


def test_moving_all_dates_moves_no_day(days):
    """The clock is the person's own: a date-shifted export gives the same records."""
    moved = STAYS.replace("2024", "2020")
    shifted = {"begins": "2020-01-01", "cut": "2020-12-31"}
    first, second = days(stays=STAYS)["stays"], days(shifted, stays=moved)["stays"]
    pd.testing.assert_frame_equal(
        first.drop(columns="admission_year"), second.drop(columns="admission_year")
    )


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("31.02.2024", "end_day is no date"),
        ("2024-02-30", "end_day is no date"),
        ("2025-01-01", "end_day lies after the cut of the export"),
    ],
)
def test_what_is_no_date_in_the_export_is_a_fault_of_its_row_and_not_told(dated, written, name):
    tables, faults = dated(stays=STAYS.replace("2024-03-01", written))
    assert {fault.name: fault.rows.tolist() for fault in faults if fault.rows.any()} == {
        name: [True, False, False]
    }
    assert tables["stays"]["end_day"].isna().tolist() == [True, True, False]
    assert all(written not in fault.name + fault.hint for fault in faults)


def test_an_export_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="`begins` must come before `cut`"):
        Calendar(begins="2024-12-31", cut="2024-01-01")
