"""Work, housing, arrests and self-help as they were recorded at exit."""

import pytest

from iop_outcomes.cohort.status_at_exit import status_at_exit
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.definitions.reading import definition, read_definitions
from iop_outcomes.vocabulary import LEFT_OUT, NOT_COLLECTED

AT_EXIT = [one for one in read_definitions().values() if one.rule.by == "status at exit"]


@pytest.fixture(scope="session")
def status(drawn):
    def of(name, stays):
        return status_at_exit(drawn(stays), definition(name).rule).tolist()

    return of


def test_work_is_kept_or_lost_by_those_who_had_some(status):
    assert status(
        "FUN-WORK",
        """
        employment         | employment_at_exit
        employed           | employed
        employed           | unemployed
        employed           | not in labor force
        employed           |
        unemployed         | employed
                           | employed
        not in labor force | employed
        """,
    ) == ["event", "no event", "no event", "missing", "missing", "missing", "missing"]


def test_housing_is_found_by_those_who_had_none_of_their_own(status):
    assert status(
        "FUN-HOUSE",
        """
        living      | living_at_exit
        homeless    | independent
        dependent   | dependent
        independent | independent
        """,
    ) == ["event", "no event", "missing"]


def test_self_help_is_taken_up_however_often_by_those_who_did_not_attend(status):
    assert status(
        "FUN-HELP",
        """
        self_help_attendance    | self_help_attendance_at_exit
        none                    | some, frequency unknown
        none                    | none
        8-30 times              | 8-30 times
        """,
    ) == ["event", "no event", "missing"]


def test_an_arrest_is_asked_of_everyone_and_needs_no_column_at_admission(status):
    assert status(
        "FUN-ARREST",
        """
        arrests_at_exit
        none
        one
        two or more
        not collected
        not in this file
        """,
    ) == ["no event", "event", "event", "missing", "missing"]


def test_use_at_discharge_is_some_or_daily(status):
    stays = "frequency_of_use_at_exit\nnone\nsome\ndaily\n "
    assert status("REL-DIS", stays) == ["no event", "event", "event"]


def test_what_was_not_collected_is_spelled_as_the_source_spells_it():
    assert {one.rule.unrecorded for one in AT_EXIT} == {(NOT_COLLECTED, LEFT_OUT)}


def test_a_source_without_the_column_cannot_be_asked(status):
    with pytest.raises(CohortError, match="no column `living_at_exit`"):
        status("FUN-HOUSE", "living\nhomeless")
    with pytest.raises(CohortError, match="no column `living`"):
        status("FUN-HOUSE", "living_at_exit\nhomeless")


def test_a_word_spelled_otherwise_is_no_silent_no(status):
    with pytest.raises(CohortError) as caught:
        status(
            "FUN-WORK",
            """
            employment | employment_at_exit
            employed   | Employed
            employed   | employed
            """,
        )
    assert str(caught.value).startswith("stays: 1 row(s) of column employment_at_exit hold a word")
