"""Days on which use was seen, and the first of several outcomes."""

import pandas as pd
import pytest

from iop_outcomes.cohort.composites import first_of
from iop_outcomes.cohort.first_use import days_of_use, last_clear_test
from iop_outcomes.errors import CohortError

NO_TESTS = "person_id | day | substance | result"
NO_REPORTS = "person_id | day | substance"
NO_DOSES = "person_id | day | service"


@pytest.fixture(scope="session")
def used(drawn):
    """Days of use of person P, for opioids and methadone unless said."""

    def of(tests=NO_TESTS, reports=NO_REPORTS, doses=NO_DOSES, substances=(), days=30):
        found = days_of_use(drawn(tests), drawn(reports), drawn(doses), substances, days)
        return found["day"].tolist()

    return of


def test_use_is_a_positive_test_or_a_reported_day(used):
    tests = """
        person_id | day | substance | result
        P         | 3   | opioid    | negative
        P         | 9   | opioid    | positive
        P         | 12  | opioid    | missed
        P         | 15  | opioid    | inconclusive
    """
    reports = """
        person_id | day | substance
        P         | 5   | opioid
        P         | 9   | opioid
    """
    assert used(tests, reports) == [5, 9]


def test_only_the_substances_that_count_are_use(used):
    tests = """
        person_id | day | substance | result
        P         | 3   | cannabis  | positive
        P         | 9   | opioid    | positive
    """
    assert used(tests, substances=["opioid"]) == [9]
    assert used(tests) == [3, 9]


def test_a_prescribed_substance_explains_its_own_finding_and_no_other(used):
    """Edge case 13; the last dose was on day 10, and explains 30 days."""
    tests = """
        person_id | day | substance | result
        P         | 3   | methadone | positive
        P         | 10  | methadone | positive
        P         | 11  | opioid    | positive
        P         | 40  | methadone | positive
        P         | 41  | methadone | positive
        Q         | 12  | methadone | positive
    """
    doses = """
        person_id | day | service
        P         | 10  | methadone
    """
    assert used(tests, doses=doses) == [3, 11, 41, 12]
    assert used(tests, doses=doses, days=0) == [3, 11, 40, 41, 12]


def test_a_reported_day_is_use_whatever_is_prescribed(used):
    reports = "person_id | day | substance\nP | 11 | methadone"
    doses = "person_id | day | service\nP | 11 | methadone"
    assert used(reports=reports, doses=doses) == [11]


def test_two_tests_of_one_day_that_disagree_are_use(used):
    """Edge case 15, for a day: what was found was there."""
    tests = """
        person_id | day | substance | result
        P         | 3   | opioid    | negative
        P         | 3   | opioid    | positive
    """
    assert used(tests) == [3]


def test_a_substance_that_nobody_looked_for_is_refused(used):
    tests = "person_id | day | substance | result\nP | 3 | opioid | negative"
    with pytest.raises(CohortError, match=r"\['opioids'\] is no substance of the tests"):
        used(tests, substances=["opioids"])
    assert used(substances=["opioids"]) == []


def test_use_began_after_the_last_test_that_found_nothing(drawn):
    tests = drawn(
        """
        person_id | day | substance | result
        P         | 3   | opioid    | negative
        P         | 8   | opioid    | negative
        P         | 9   | opioid    | negative
        P         | 9   | methadone | positive
        P         | 10  | opioid    | missed
        P         | 14  | opioid    | positive
        P         | 20  | opioid    | negative
        Q         | 5   | opioid    | positive
        """
    )
    first = pd.Series({"P": 14, "Q": 5})
    assert last_clear_test(tests, first).tolist() == [8, pd.NA]
    assert last_clear_test(tests, first, ["opioid"]).tolist() == [9, pd.NA]


def test_the_first_component_makes_the_composite_and_the_table_says_which(drawn, expect):
    """On a shared day both are first and neither alone; death before an event forecloses it."""
    parts = {
        "use": """
            person_id | time | status          | reason
            P         | 10   | event           | use
            Q         | 20   | event           | use
            R         | 15   | competing event | death
            S         | 90   | censored        | end of records
            T         |      | missing         | not known
        """,
        "readmission": """
            person_id | time | status          | reason
            P         | 30   | event           | readmission
            Q         | 20   | event           | readmission
            R         | 15   | competing event | death
            S         | 40   | event           | readmission
            T         |      | missing         | not known
        """,
    }
    found = first_of({name: drawn(text) for name, text in parts.items()})
    expect(
        found.outcome,
        """
        person_id | time | status          | reason
        P         | 10   | event           | use
        Q         | 20   | event           | use and readmission
        R         | 15   | competing event | death
        S         | 40   | event           | readmission
        T         |      | missing         | not known
        """,
    )
    expect(
        found.components,
        """
        component   | event | first | alone
        use         | 2     | 2     | 1
        readmission | 3     | 2     | 1
        """,
    )


def test_whatever_comes_first_ends_it_also_if_another_component_goes_on(drawn):
    parts = {
        "use": "person_id | time | status | reason\nP | 30 | event | use",
        "hospital": "person_id | time | status | reason\nP | 15 | competing event | death",
    }
    found = first_of({name: drawn(text) for name, text in parts.items()})
    assert found.outcome[["time", "reason"]].to_numpy().tolist() == [[15, "death"]]
    assert found.components["first"].tolist() == [0, 0]


def test_components_of_different_people_make_no_composite(drawn):
    one = drawn("person_id | time | status | reason\nP | 1 | event | use")
    with pytest.raises(CohortError, match="about different people"):
        first_of({"one": one, "other": one.assign(person_id="Q")})
