"""Who returns to care by day and night after an episode. The index is everyone's first episode."""

import pandas as pd
import pytest

from iop_outcomes.cohort.readmission import ReadmissionRules, readmissions, readmitted_within
from iop_outcomes.errors import CohortError, ProtocolError


@pytest.fixture
def returns(built):
    """First readmissions after the first episodes of the drawn stays."""

    def of(stays, *, episode_rules=None, **rules):
        care = built(stays, **(episode_rules or {}))
        index = care.episodes.loc[care.episodes["episode"] == 1, ["person_id", "episode"]]
        return readmissions(care, index, ReadmissionRules(**rules))

    return of


@pytest.fixture
def within_30_days(returns):
    """Whether each person is back within 30 days, seen until the day given or long enough."""

    def of(stays, last_observed_day=400, **rules):
        found = returns(stays, **rules)
        seen = pd.Series(last_observed_day, found.index)
        return dict(zip(found["person_id"], readmitted_within(found, 30, seen), strict=True))

    return of


def test_the_first_return_to_care_by_day_and_night_is_the_readmission(returns, expect):
    expect(
        returns("""
            person_id | level_of_care          | start_day | end_day
            P         | intensive outpatient   | 0         | 60
            P         | outpatient             | 80        | 100
            P         | short-term residential | 110       | 138
            P         | inpatient              | 300       | 310
            Q         | short-term residential | 0         | 28
            Q         | withdrawal management  | 100       | 104
            R         | short-term residential | 0         | 28
            R         | outpatient             | 60        | 90
        """),
        """
        person_id | end_day | readmission_day | days | readmission_episode | level_of_care
        P         | 60      | 110             | 50   | 3                   | short-term residential
        Q         | 28      | 100             | 72   | 2                   | withdrawal management
        R         | 28      |                 |      |                     |
        """,
    )


def test_the_readmission_can_be_the_second_segment_of_a_later_episode(returns, expect):
    expect(
        returns("""
            level_of_care          | start_day | end_day
            short-term residential | 0         | 28
            outpatient             | 100       | 150
            inpatient              | 152       | 160
        """),
        """
        days | readmission_episode | readmission_segment
        124  | 2                   | 2
        """,
    )


def test_a_transfer_on_the_same_day_is_no_readmission(within_30_days):
    """Edge case 1 of the domain brief."""
    assert within_30_days("""
        level_of_care          | start_day | end_day
        intensive outpatient   | 0         | 20
        short-term residential | 20        | 48
    """) == {"P": False}


def test_day_30_counts_and_day_31_does_not(within_30_days):
    """Edge case 17 of the domain brief."""
    assert within_30_days("""
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 28
        P         | inpatient              | 58        | 60
        Q         | short-term residential | 0         | 28
        Q         | inpatient              | 59        | 60
    """) == {"P": True, "Q": False}


def test_a_step_up_within_a_week_is_no_readmission_and_one_after_it_is(within_30_days):
    assert within_30_days("""
        person_id | level_of_care          | start_day | end_day
        P         | intensive outpatient   | 0         | 60
        P         | short-term residential | 67        | 90
        Q         | intensive outpatient   | 0         | 60
        Q         | short-term residential | 68        | 90
    """) == {"P": False, "Q": True}


def test_a_step_up_is_none_either_where_the_rules_end_episodes_sooner(within_30_days):
    stays = """
        person_id | level_of_care          | start_day | end_day
        P         | intensive outpatient   | 0         | 60
        P         | short-term residential | 67        | 90
        Q         | long-term residential  | 0         | 60
        Q         | short-term residential | 67        | 90
    """
    sooner = {"gap_transition": 0}
    assert within_30_days(stays, episode_rules=sooner) == {"P": False, "Q": True}
    assert within_30_days(stays, episode_rules=sooner, step_up_days=6) == {"P": True, "Q": True}


def test_two_days_after_the_end_is_a_readmission_and_one_day_is_a_transfer(within_30_days):
    stays = """
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 28
        P         | short-term residential | 30        | 50
        Q         | short-term residential | 0         | 28
        Q         | short-term residential | 29        | 50
    """
    at_once = {"gap_same_level": {"short-term residential": 0}}
    assert within_30_days(stays) == {"P": True, "Q": False}
    assert within_30_days(stays, episode_rules=at_once) == {"P": True, "Q": False}


def test_with_a_gap_of_a_week_a_return_before_it_is_passed_over(returns, expect):
    stays = """
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 28
        P         | short-term residential | 34        | 50
        P         | short-term residential | 80        | 90
        Q         | short-term residential | 0         | 28
        Q         | short-term residential | 35        | 50
    """
    expect(
        returns(stays, gap_days=7),
        """
        person_id | readmission_day | days
        P         | 80              | 52
        Q         | 35              | 7
        """,
    )


def test_nights_in_hospital_that_only_interrupt_other_care_are_no_readmission(within_30_days):
    assert within_30_days("""
        level_of_care          | start_day | end_day
        short-term residential | 0         | 28
        intensive outpatient   | 40        | 90
        inpatient              | 50        | 55
    """) == {"P": False}


def test_whoever_was_not_seen_for_30_days_is_unknown_unless_readmitted(within_30_days):
    stays = """
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 28
        P         | inpatient              | 40        | 41
        Q         | short-term residential | 0         | 28
    """
    assert within_30_days(stays, last_observed_day=58) == {"P": True, "Q": False}
    assert within_30_days(stays, last_observed_day=57) == {"P": True, "Q": pd.NA}


def test_after_an_open_episode_nothing_is_known(within_30_days):
    assert within_30_days("""
        level_of_care        | start_day | end_day
        intensive outpatient | 0         |
        inpatient            | 100       | 120
    """) == {"P": pd.NA}


def test_any_episode_may_be_the_index(built, expect):
    care = built("""
        level_of_care          | start_day | end_day
        inpatient              | 0         | 5
        intensive outpatient   | 100       | 160
        inpatient              | 200       | 205
    """)
    index = pd.DataFrame({"person_id": "P", "episode": [3, 2]})
    expect(
        readmissions(care, index),
        """
        person_id | episode | days
        P         | 3       |
        P         | 2       | 40
        """,
    )


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"person_id": ["P", "P"], "episode": [1, 1]}, "stands twice"),
        ({"person_id": ["P", "P"], "episode": [1, 2]}, "1 index episode(s) are not among"),
        ({"person_id": ["P"]}, "lacks the column(s) ['episode']"),
    ],
)
def test_an_index_that_is_not_of_these_episodes_is_refused(built, index, message):
    care = built("level_of_care | start_day | end_day \n inpatient | 0 | 5")
    with pytest.raises(CohortError) as caught:
        readmissions(care, pd.DataFrame(index))
    assert message in str(caught.value)


def test_days_that_make_no_sense_are_refused():
    with pytest.raises(ProtocolError, match=r"^gap_days: must be a whole number of days"):
        ReadmissionRules(gap_days=-1)
