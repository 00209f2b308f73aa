"""What is known at time zero, which is day 0 for everyone; the window is 14 days."""

import pytest

from iop_outcomes.cohort.baseline import baseline_scores
from iop_outcomes.records.schema import conform, empty_table


@pytest.fixture
def known(drawn):
    """Scores known at time zero, as {person: {instrument: score}}."""

    def of(scores, window_days=14):
        scores = conform("scores", drawn(scores))
        index = scores[["person_id"]].drop_duplicates().assign(index_day=0)
        table = baseline_scores(index, scores, window_days)
        return {person: row.dropna().to_dict() for person, row in table.iterrows()}

    return of


def test_the_last_score_in_the_window_wins(known):
    assert known("""
        person_id | day | instrument | score
        P         | -2  | phq9       | 12
        P         | -10 | phq9       | 20
        P         | -5  | phq9       | 16
    """) == {"P": {"phq9": 12}}


def test_a_score_after_time_zero_never_counts(known):
    assert known("""
        person_id | day | instrument | score
        P         | 1   | phq9       | 3
        P         | -4  | phq9       | 12
        Q         | 1   | phq9       | 3
    """) == {"P": {"phq9": 12}}


def test_the_day_of_admission_and_the_windows_limit_are_within(known):
    """The limit itself is within, as in edge case 17 of the domain brief."""
    assert known("""
        person_id | day | instrument | score
        P         | 0   | phq9       | 12
        Q         | -14 | phq9       | 13
        R         | -15 | phq9       | 14
    """) == {"P": {"phq9": 12}, "Q": {"phq9": 13}}


def test_a_window_of_no_days_is_the_day_of_admission(known):
    scores = """
        person_id | day | instrument | score
        P         | 0   | phq9       | 12
        Q         | -1  | phq9       | 13
    """
    assert known(scores, window_days=0) == {"P": {"phq9": 12}}


def test_each_instrument_has_its_own_last_score(known):
    assert known("""
        person_id | day | instrument | score
        P         | -3  | phq9       | 12
        P         | -1  | gad7       | 9
        P         | -8  | gad7       | 15
    """) == {"P": {"phq9": 12, "gad7": 9}}


def test_of_two_scores_on_one_day_the_later_row_counts(known):
    assert known("""
        person_id | day | instrument | score
        P         | -3  | phq9       | 12
        P         | -3  | phq9       | 15
    """) == {"P": {"phq9": 15}}


def test_without_scores_nothing_is_known(drawn):
    index = drawn("person_id | index_day\nP | 0")
    table = baseline_scores(index, empty_table("scores"), 14)
    assert (len(table), len(table.columns)) == (0, 0)
