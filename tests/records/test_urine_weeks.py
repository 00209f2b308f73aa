"""Urines by week: one letter a week, one word a person."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.records.schema import conform, empty_table
from iop_outcomes.records.urine_weeks import planned_weeks, urine_weeks

REQUIRED = """
    person_id | first_day | last_day
    P         | 10        | 30
"""


@pytest.fixture(scope="session")
def words(drawn):
    """Words of tests drawn with bars, for opioids unless others are said."""

    def of(tests, required=REQUIRED, substances=("opioid",)):
        return urine_weeks(conform("tests", drawn(tests)), drawn(required), substances).to_dict()

    return of


@pytest.mark.parametrize(
    ("first", "second", "letter"),
    [
        ("positive", "positive", "+"),
        ("negative", "negative", "-"),
        ("positive", "negative", "*"),
        ("negative", "positive", "*"),
        ("inconclusive", "inconclusive", "*"),
        ("inconclusive", "negative", "*"),
        ("inconclusive", "positive", "*"),
        ("positive", "missed", "+"),
        ("missed", "negative", "-"),
        ("missed", "missed", "o"),
    ],
)
def test_two_days_of_one_week_make_one_letter(words, first, second, letter):
    tests = f"""
        person_id | day | substance | result
        P         | 11  | opioid    | {first}
        P         | 14  | opioid    | {second}
    """
    assert words(tests) == {"P": f"{letter}oo"}


def test_a_day_is_positive_if_any_of_the_substances_was_found(words):
    """One urine with opioids and no methadone is a positive urine, not a mixed week."""
    tests = """
        person_id | day | substance | result
        P         | 11  | opioid    | positive
        P         | 11  | methadone | negative
        P         | 11  | cocaine   | positive
        P         | 18  | opioid    | negative
        P         | 18  | methadone | negative
        P         | 18  | cocaine   | positive
    """
    assert words(tests, substances=["opioid", "methadone"]) == {"P": "+-o"}
    assert words(tests, substances=["methadone"]) == {"P": "--o"}
    assert words(tests, substances=["cocaine"]) == {"P": "++o"}


@pytest.mark.parametrize(
    ("day", "word"),
    [
        (9, "ooo"),
        (10, "+oo"),
        (16, "+oo"),
        (17, "o+o"),
        (23, "o+o"),
        (24, "oo+"),
        (30, "oo+"),
        (31, "ooo"),
    ],
)
def test_weeks_are_counted_from_the_first_required_day_to_the_last(words, day, word):
    tests = f"person_id | day | substance | result\nP | {day} | opioid | positive"
    assert words(tests) == {"P": word}


def test_the_last_week_may_be_shorter(words):
    required = "person_id | first_day | last_day\nP | 0 | 7"
    tests = """
        person_id | day | substance | result
        P         | 0   | opioid    | negative
        P         | 8   | opioid    | positive
    """
    assert words(tests, required) == {"P": "-o"}


def test_a_week_between_two_periods_is_not_required_but_a_result_in_it_counts(words):
    required = """
        person_id | first_day | last_day
        P         | 0         | 13
        P         | 36        | 41
        Q         | 0         | 6
    """
    tests = """
        person_id | day | substance | result
        P         | 0   | opioid    | negative
        P         | 22  | opioid    | positive
        P         | 41  | opioid    | negative
    """
    assert words(tests, required) == {"P": "-o_+_-", "Q": "o"}


def test_periods_that_overlap_are_one(words):
    required = """
        person_id | first_day | last_day
        P         | 0         | 20
        P         | 10        | 34
    """
    tests = "person_id | day | substance | result\nP | 34 | opioid | negative"
    assert words(tests, required) == {"P": "oooo-"}


def test_who_gave_no_urine_has_a_word_and_who_owes_none_has_not(words):
    tests = """
        person_id | day | substance | result
        R         | 11  | opioid    | positive
        P         | 11  | cocaine   | positive
    """
    assert words(tests) == {"P": "ooo"}


def test_a_misspelt_substance_is_no_missing_urine(words, refusal):
    tests = "person_id | day | substance | result\nP | 11 | opioid | positive"
    message = refusal(words, tests, substances=["opioids"])
    assert message == "tests: none looked for ['opioids']; spell substances as the tests do"


def test_a_period_that_ends_before_it_begins_is_refused(words, refusal):
    tests = "person_id | day | substance | result\nP | 11 | opioid | positive"
    required = "person_id | first_day | last_day\nP | 11 | 10"
    assert refusal(words, tests, required).startswith("1 period(s) of required urines end before")


def test_treatment_is_planned_from_each_randomisation_to_its_planned_end(drawn):
    stays = drawn("""
        person_id | start_day | planned_end_day
        P         | -5        |
        P         | 3         | 86
        P         | 50        | 190
    """)
    assert planned_weeks(stays).to_numpy().tolist() == [["P", 3, 86], ["P", 50, 190]]


def test_stays_that_plan_nothing_cannot_say_when_a_urine_was_due(stays, refusal):
    assert refusal(planned_weeks, stays).startswith("stays: no column planned_end_day")


def test_two_screens_of_one_day_that_contradict_each_other_are_mixed(drawn):
    tests = drawn("""
        person_id | day | substance | result
        P         | 1   | opioid    | positive
        P         | 1   | opioid    | negative
        Q         | 1   | opioid    | positive
        Q         | 1   | heroin    | negative
    """)
    required = pd.DataFrame({"person_id": ["P", "Q"], "first_day": [0, 0], "last_day": [6, 6]})
    words = urine_weeks(tests, required, ["opioid", "heroin"])
    assert words.to_dict() == {"P": "*", "Q": "+"}


@settings(deadline=None, max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(-10, 60), st.sampled_from(["positive", "negative", "missed"])),
        max_size=30,
    )
)
def test_a_word_has_a_letter_for_each_week_and_the_order_of_the_tests_does_not_matter(results):
    """By the definition, week by week."""
    rows = [("P", day, "opioid", result, None) for day, result in [(-99, "negative"), *results]]
    tests = pd.DataFrame(rows, columns=list(empty_table("tests")))
    required = pd.DataFrame({"person_id": ["P"], "first_day": [0], "last_day": [45]})
    expected = ""
    for week in range(7):
        days: dict[int, set[str]] = {}
        for day, result in results:
            if 7 * week <= day <= min(7 * week + 6, 45) and result != "missed":
                days.setdefault(day, set()).add(result)
        letter = {"positive": "+", "negative": "-"}
        kinds = {letter[one.pop()] if len(one) == 1 else "*" for one in days.values()}
        expected += "*" if len(kinds) > 1 else kinds.pop() if kinds else "o"
    assert urine_weeks(tests, required, ["opioid"]).to_dict() == {"P": expected}
    assert urine_weeks(tests[::-1], required, ["opioid"]).to_dict() == {"P": expected}
