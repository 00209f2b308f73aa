"""Response, remission and relapse by the PHQ-9; return to hospital."""

from dataclasses import replace

import pandas as pd
import pytest

from iop_outcomes.cohort.scores import return_to_hospital, score_in_window, score_relapse
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.vocabulary import LevelOfCare

NO_STAYS = "person_id | level_of_care | start_day"
RELAPSE = definition("MH-PHQ9-REL").rule


@pytest.fixture(scope="session")
def scored(drawn):
    """Index and scores of drawn people; each score is written day:score. Time zero is day 0."""

    def of(text):
        table = drawn(text)
        each = table.set_index("person_id")["phq9"].dropna().str.split(" ").explode()
        scores = pd.DataFrame(
            {
                "day": each.str.split(":").str[0].astype("Int64"),
                "instrument": "phq9",
                "score": each.str.split(":").str[1].astype(float),
            }
        ).reset_index()
        return table[["person_id"]].assign(index_day=0), scores

    return of


@pytest.fixture(scope="session")
def answers(scored, expect):
    """Hold an answer by a definition against a drawn one."""

    def check(name, people, expected):
        index, scores = scored(people)
        expect(score_in_window(index, scores, definition(name).rule), expected)

    return check


@pytest.fixture(scope="session")
def relapsed(scored, drawn, expect):
    def check(people, expected, stays=NO_STAYS, rule=RELAPSE):
        index, scores = scored(people)
        expect(score_relapse(index, scores, drawn(stays), rule), expected)

    return check


def test_response_is_a_fall_by_half_and_remission_a_score_below_five(answers):
    people = """
        person_id | phq9
        P         | 0:20 150:10
        Q         | 0:20 150:11
        R         | 0:10 150:4
        S         | 0:10 150:5
    """
    for name, status in (
        ("MH-PHQ9-RESP", ["event", "no event", "event", "event"]),
        ("MH-PHQ9-REM", ["no event", "no event", "event", "no event"]),
    ):
        rows = zip("PQRS", status, strict=True)
        answers(name, people, "person_id | status\n" + "\n".join(map(" | ".join, rows)))


def test_the_last_score_of_the_window_counts_not_the_best(answers):
    answers(
        "MH-PHQ9-REM",
        """
        person_id | phq9
        P         | 0:15 130:3 200:9
        Q         | 0:15 130:9 200:3 250:12
        """,
        """
        person_id | entry_score | later_score | status
        P         | 15          | 9           | no event
        Q         | 15          | 3           | event
        """,
    )


def test_both_ends_of_the_window_belong_to_it(answers):
    answers(
        "MH-PHQ9-REM",
        """
        person_id | phq9
        P         | 0:15 119:3
        Q         | 0:15 120:3
        R         | 0:15 240:3
        S         | 0:15 241:3
        """,
        """
        person_id | status
        P         | missing
        Q         | event
        R         | event
        S         | missing
        """,
    )


def test_only_people_with_a_high_score_at_time_zero_are_asked_about(answers):
    """The last score within 14 days before it, or on the day; one after it is no baseline."""
    answers(
        "MH-PHQ9-REM",
        """
        person_id | phq9
        P         | 0:9 150:3
        Q         | 0:10 150:3
        R         | -14:12 150:3
        S         | -15:12 150:3
        T         | -10:8 -2:12 150:3
        U         | -10:12 -2:8 150:3
        V         | 1:20 150:3
        W         |
        """,
        """
        person_id | status
        P         | missing
        Q         | event
        R         | event
        S         | missing
        T         | event
        U         | missing
        V         | missing
        W         | missing
        """,
    )


def test_scores_of_another_instrument_are_not_looked_at(scored):
    index, scores = scored("person_id | phq9\nP | 0:20 150:3")
    found = score_in_window(index, scores, definition("MH-GAD7-REM").rule)
    assert found["status"].tolist() == ["missing"]


def test_a_relapse_is_two_high_scores_apart_with_none_lower_between(relapsed):
    """Dated on the first of the two, known on the second; time runs from the remission."""
    relapsed(
        """
        person_id | phq9
        P         | 0:20 30:4 60:10 74:12
        Q         | 0:20 30:4 60:10 73:12
        R         | 0:20 30:4 60:10 67:9 74:12
        S         | 0:20 30:4 60:10 67:11 74:12 88:15
        T         | 0:20 30:4 60:10
        """,
        """
        person_id | time | status   | reason     | known_day
        P         | 30   | event    | phq9       | 74
        Q         | 43   | censored | last score |
        R         | 44   | censored | last score |
        S         | 30   | event    | phq9       | 74
        T         | 30   | censored | last score |
        """,
    )


def test_nobody_relapses_who_was_never_well(relapsed):
    relapsed(
        """
        person_id | phq9
        P         | 0:20 30:5 60:12 90:12
        Q         | 0:4 60:12 90:12
        R         |
        """,
        """
        person_id | time | status  | reason
        P         |      | missing | never in remission
        Q         |      | missing | never in remission
        R         |      | missing | never in remission
        """,
    )


def test_an_admission_confirms_a_high_score_unless_a_lower_one_came_between(relapsed):
    relapsed(
        """
        person_id | phq9
        P         | 0:20 30:4 60:10
        Q         | 0:20 30:4 60:10 63:3
        R         | 0:20 30:4 60:10
        S         | 0:20 30:4
        """,
        """
        person_id | time | status   | known_day
        P         | 30   | event    | 65
        Q         | 33   | censored |
        R         | 30   | censored |
        S         | 0    | censored |
        """,
        stays="""
        person_id | level_of_care         | start_day
        P         | inpatient             | 65
        Q         | inpatient             | 65
        R         | short-term residential | 65
        R         | inpatient             | 59
        S         | inpatient             | 65
        """,
    )


def test_without_admissions_only_scores_confirm(relapsed):
    rule = replace(RELAPSE, admission_levels=())
    relapsed(
        "person_id | phq9\nP | 0:20 30:4 60:10",
        "person_id | status\nP | censored",
        "person_id | level_of_care | start_day\nP | inpatient | 65",
        rule,
    )


def test_the_first_confirmed_high_score_is_the_relapse(relapsed):
    """The high score of day 40 stands alone, a low one follows it; that of day 60 is confirmed."""
    relapsed(
        "person_id | phq9\nP | 0:20 30:4 40:11 50:6 60:12 80:13 90:14 110:3 120:10 140:10",
        "person_id | time | known_day\nP | 30 | 80",
    )


def test_a_readmission_on_day_thirty_counts_and_a_transfer_is_none(drawn, expect):
    """Edge case 17, for hospitals; a stay that begins a day after the last goes on with it."""
    stays = drawn(
        """
        person_id | level_of_care         | start_day | end_day
        P         | inpatient             | 0         | 10
        P         | inpatient             | 40        | 45
        Q         | inpatient             | 0         | 10
        Q         | inpatient             | 41        | 45
        R         | inpatient             | 0         | 10
        R         | inpatient             | 11        | 20
        S         | inpatient             | 0         | 10
        S         | short-term residential | 12        | 20
        T         | inpatient             | 0         | 10
        U         | inpatient             | 0         |
        """
    ).assign(age_years=40)
    seen = pd.Series({"P": 90, "Q": 90, "R": 90, "S": 90, "T": 39, "U": 90}, dtype="Int64")
    expect(
        return_to_hospital(stays, seen, [LevelOfCare.INPATIENT], 30, 1),
        """
        person_id | discharge_day | days | returned
        P         | 10            | 30   | True
        P         | 45            |      | False
        Q         | 10            | 31   | False
        Q         | 45            |      | False
        R         | 20            |      | False
        S         | 10            |      | False
        T         | 10            |      |
        """,
    )
