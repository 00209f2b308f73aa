"""Initiation, engagement and follow-up after a discharge, by drawn contacts."""

import pandas as pd
import pytest

from iop_outcomes.cohort.engagement import engagement, followed_up
from iop_outcomes.protocol.definitions.reading import definition

NO_STAYS = "person_id | level_of_care | start_day | end_day | age_years"
HEDIS, WASHINGTON = definition("RET-IET").rule, definition("RET-WC").rule


@pytest.fixture(scope="session")
def engaged(drawn, expect):
    """Hold who initiated and engaged against a drawn table; index stays begin on day 0."""

    def check(people, expected, rule, stays=NO_STAYS):
        table = drawn(people)
        usual = {
            "level_of_care": "intensive outpatient", "index_day": 0, "exit_day": None,
            "last_observed_day": 90,
        }  # fmt: skip
        for name, value in usual.items():
            if name not in table:
                table[name] = value
        table = table.astype({"exit_day": "Int64", "last_observed_day": "Int64"})
        expect(engagement(table, services(table), drawn(stays), rule), expected)

    return check


@pytest.fixture(scope="session")
def followed(drawn, expect):
    """Hold which discharges were followed up against a drawn table; everyone is seen to day 90."""

    def check(stays, contacts, expected, days=30, seen=None):
        rule = definition(f"RET-FUI-{days}").rule
        table = drawn(stays)
        table["age_years"] = table.get("age_years", 40)
        names = pd.Index(table["person_id"].unique(), name="person_id")
        last = pd.Series(90, index=names, dtype="Int64")
        last.update(pd.Series(seen or {}, dtype="Int64"))
        found = followed_up(table, services(drawn(contacts)), last, rule)
        expect(found, expected)

    return check


def services(table):
    days = table.set_index("person_id")["contacts"].dropna().astype("str").str.split(" ")
    return days.explode().astype("Int64").rename("day").reset_index()


def test_the_first_day_is_no_further_contact_and_day_13_is_the_last_of_fourteen(engaged):
    engaged(
        """
        person_id | contacts
        P         | 0
        Q         | 0 13
        R         | 0 14
        """,
        """
        person_id | initiation_day | initiated
        P         |                | False
        Q         | 13             | True
        R         |                | False
        """,
        HEDIS,
    )


def test_the_washington_circle_counts_fourteen_days_after_the_first(engaged):
    engaged(
        """
        person_id | contacts
        P         | 0 14
        Q         | 0 15
        """,
        """
        person_id | initiation_day | initiated
        P         | 14             | True
        Q         |                | False
        """,
        WASHINGTON,
    )


def test_two_more_days_with_contacts_engage_and_two_contacts_on_one_day_do_not(engaged):
    engaged(
        """
        person_id | contacts
        P         | 0 5 6 39
        Q         | 0 5 6 40
        R         | 0 5 6 6
        S         | 0 20 21 22
        """,
        """
        person_id | initiation_day | initiated | engaged
        P         | 5              | True      | True
        Q         | 5              | True      | False
        R         | 5              | True      | False
        S         |                | False     | False
        """,
        HEDIS,
    )


def test_thirty_and_thirty_four_days_are_two_definitions(engaged):
    contacts = """
        person_id | contacts
        P         | 0 5 6 36
    """
    for rule, answer in ((HEDIS, True), (WASHINGTON, False)):
        engaged(contacts, f"person_id | engaged\nP | {answer}", rule)


def test_a_stay_by_day_and_night_initiates_by_itself_on_the_day_it_ends(engaged):
    engaged(
        """
        person_id | level_of_care          | exit_day | contacts
        P         | short-term residential | 28       | 3 29 62
        Q         | short-term residential | 28       | 3 28 62
        R         | short-term residential |          | 3 28 62
        """,
        """
        person_id | initiation_day | initiated | engaged
        P         | 28             | True      | True
        Q         | 28             | True      | False
        R         |                |           |
        """,
        HEDIS,
    )


def test_the_beginning_of_another_stay_is_a_contact(engaged):
    engaged(
        """
        person_id | contacts
        P         | 0 5 6
        """,
        """
        person_id | initiated | engaged
        P         | True      | True
        """,
        HEDIS,
        stays="""
        person_id | level_of_care | start_day | end_day
        P         | inpatient     | 20        | 25
        """,
    )


def test_whoever_was_not_seen_long_enough_is_unknown_unless_they_had_met_it(engaged):
    engaged(
        """
        person_id | contacts | last_observed_day
        P         | 0        | 12
        Q         | 0        | 13
        R         | 0 5      | 38
        S         | 0 5      | 39
        T         | 0 5 6 7  | 7
        U         | 0        |
        """,
        """
        person_id | initiated | engaged
        P         |           |
        Q         | False     | False
        R         | True      |
        S         | True      | False
        T         | True      | True
        U         |           |
        """,
        HEDIS,
    )


def test_residential_care_until_the_first_and_outpatient_care_from_the_ninth(followed):
    """Edge case 2: eight days later is follow-up within 30 days and not within 7."""
    stays = """
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 28
        P         | intensive outpatient   | 36        | 60
    """
    for days, answer in ((30, True), (7, False)):
        followed(
            stays,
            "person_id | contacts",
            f"""
            person_id | discharge_day | days | followed_up
            P         | 28            | 8    | {answer}
            """,
            days,
        )


def test_the_day_of_discharge_does_not_count_and_the_last_day_does(followed):
    followed(
        """
        person_id | level_of_care | start_day | end_day
        P         | inpatient     | 0         | 10
        Q         | inpatient     | 0         | 10
        R         | inpatient     | 0         | 10
        """,
        """
        person_id | contacts
        P         | 10
        Q         | 10 40
        R         | 10 41
        """,
        """
        person_id | days | followed_up
        P         |      | False
        Q         | 30   | True
        R         | 31   | False
        """,
    )


def test_a_transfer_within_a_day_is_no_discharge(followed):
    followed(
        """
        person_id | level_of_care         | start_day | end_day
        P         | withdrawal management | 0         | 5
        P         | inpatient             | 5         | 9
        P         | long-term residential | 10        | 40
        Q         | inpatient             | 0         | 9
        Q         | inpatient             | 11        | 20
        """,
        """
        person_id | contacts
        P         | 6 12 41
        Q         | 10 21
        """,
        """
        person_id | discharge_day | days | followed_up
        P         | 40            | 1    | True
        Q         | 9             | 1    | True
        Q         | 20            | 1    | True
        """,
    )


def test_what_happens_once_back_in_such_care_is_no_follow_up(followed):
    followed(
        """
        person_id | level_of_care | start_day | end_day
        P         | inpatient     | 0         | 9
        P         | inpatient     | 15        | 50
        """,
        """
        person_id | contacts
        P         | 15 16
        """,
        """
        person_id | discharge_day | days | followed_up
        P         | 9             |      | False
        P         | 50            |      | False
        """,
    )


def test_discharges_of_children_and_open_stays_are_not_asked_about(followed):
    followed(
        """
        person_id | level_of_care | start_day | end_day | age_years
        P         | inpatient     | 0         | 9       | 12
        Q         | inpatient     | 0         | 9       | 13
        R         | inpatient     | 0         |         | 40
        S         | inpatient     | 0         | 9       |
        T         | outpatient    | 0         | 9       | 40
        """,
        """
        person_id | contacts
        Q         | 11
        """,
        """
        person_id | discharge_day | days | followed_up
        Q         | 9             | 2    | True
        """,
    )


def test_a_discharge_shortly_before_the_records_end_is_unknown_unless_followed_up(followed):
    followed(
        """
        person_id | level_of_care | start_day | end_day
        P         | inpatient     | 0         | 10
        Q         | inpatient     | 0         | 10
        R         | inpatient     | 0         | 10
        """,
        """
        person_id | contacts
        R         | 12
        """,
        """
        person_id | followed_up
        P         |
        Q         | False
        R         | True
        """,
        days=7,
        seen={"P": 16, "Q": 17, "R": 12},
    )
