"""Which stays are one episode. The gap is 7 days throughout."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_of

from iop_outcomes.cohort.episodes import link_episodes


@pytest.fixture
def expect_episodes(drawn, rows):
    """Link the drawn stays, and hold the numbers of their episodes against the drawn ones."""

    def equal(text, gap_days=7):
        expected = drawn(text)
        linked = link_episodes(expected.drop(columns="episode"), gap_days)
        assert rows(linked) == rows(expected)

    return equal


def test_stepping_down_continues_the_episode(expect_episodes):
    expect_episodes("""
        person_id | start_day | end_day | level_of_care        | episode
        P         | 0         | 28      | inpatient            | 1
        P         | 29        | 88      | intensive outpatient | 1
    """)


def test_a_transfer_on_the_same_day_continues_the_episode(expect_episodes):
    """Edge case 1 of the domain brief."""
    expect_episodes("""
        person_id | start_day | end_day | level_of_care          | episode
        P         | 0         | 28      | short-term residential | 1
        P         | 28        | 88      | intensive outpatient   | 1
    """)


def test_a_gap_exactly_at_the_limit_continues_the_episode(expect_episodes):
    """At the limit as in edge case 17 of the domain brief: the limit itself is still within."""
    expect_episodes("""
        person_id | start_day | end_day | episode
        P         | 0         | 28      | 1
        P         | 35        | 88      | 1
    """)


def test_a_return_a_day_after_the_limit_is_a_new_episode(expect_episodes):
    """Edge case 2 of the domain brief: out on 1 March, in on 9 March."""
    expect_episodes("""
        person_id | start_day | end_day | level_of_care          | episode
        P         | 0         | 28      | short-term residential | 1
        P         | 36        | 88      | intensive outpatient   | 2
    """)


def test_without_a_gap_only_the_same_day_continues_an_episode(expect_episodes):
    expect_episodes(
        """
        person_id | start_day | end_day | episode
        P         | 0         | 28      | 1
        P         | 28        | 40      | 1
        P         | 41        | 50      | 2
    """,
        gap_days=0,
    )


def test_a_stay_inside_another_does_not_end_it(expect_episodes):
    expect_episodes("""
        person_id | start_day | end_day | level_of_care        | episode
        P         | 0         | 90      | intensive outpatient | 1
        P         | 10        | 14      | inpatient            | 1
        P         | 95        | 120     | outpatient           | 1
    """)


def test_stays_that_overlap_are_one_episode(expect_episodes):
    """As edge case 4 of the domain brief asks of two facilities at once."""
    expect_episodes("""
        person_id | start_day | end_day | facility_id | episode
        P         | 0         | 20      | F1          | 1
        P         | 12        | 40      | F2          | 1
    """)


def test_an_open_stay_is_continued_by_every_later_one(expect_episodes):
    expect_episodes("""
        person_id | start_day | end_day | episode
        P         | 0         |         | 1
        P         | 300       | 310     | 1
        P         | 900       |         | 1
    """)


def test_an_open_stay_does_not_reach_back(expect_episodes):
    expect_episodes("""
        person_id | start_day | end_day | episode
        P         | 0         | 10      | 1
        P         | 300       |         | 2
    """)


def test_a_stay_of_one_day_is_a_stay(expect_episodes):
    """Edge case 7 of the domain brief."""
    expect_episodes("""
        person_id | start_day | end_day | episode
        P         | 0         | 0       | 1
        P         | 7         | 7       | 1
        P         | 15        | 15      | 2
    """)


def test_episodes_count_from_one_in_each_person(expect_episodes):
    expect_episodes("""
        person_id | start_day | end_day | episode
        P         | 0         | 10      | 1
        P         | 100       | 110     | 2
        Q         | 3         | 400     | 1
        Q         | 500       |         | 2
        R         | 5         |         | 1
    """)


def test_the_order_of_rows_in_the_file_does_not_matter(drawn, expect):
    stays = drawn("""
        person_id | start_day | end_day
        Q         | 3         | 5
        P         | 100       | 110
        P         | 0         | 10
    """)
    expect(
        link_episodes(stays, 7),
        """
        person_id | start_day | episode
        P         | 0         | 1
        P         | 100       | 2
        Q         | 3         | 1
    """,
    )


STAYS = any_of.lists(
    any_of.tuples(
        any_of.sampled_from("PQ"),
        any_of.integers(0, 60),
        any_of.one_of(any_of.none(), any_of.integers(0, 20)),
    ),
    min_size=1,
    max_size=8,
)


def episodes_of(stays, gap_days):
    """Episode of each stay, in the order given."""
    table = pd.DataFrame(
        {
            "person_id": [person for person, _, _ in stays],
            "start_day": [start for _, start, _ in stays],
            "end_day": [None if days is None else start + days for _, start, days in stays],
        }
    ).astype({"start_day": "Int64", "end_day": "Int64"})
    return link_episodes(table, gap_days)["episode"].sort_index().tolist()


@given(STAYS, any_of.integers(0, 20))
@settings(max_examples=30, deadline=None)
def test_a_wider_gap_never_makes_more_episodes(stays, gap_days):
    narrow, wide = episodes_of(stays, gap_days), episodes_of(stays, gap_days + 5)
    assert all(few <= many for few, many in zip(wide, narrow, strict=True))


@given(STAYS, any_of.permutations(range(8)))
@settings(max_examples=30, deadline=None)
def test_shuffled_stays_have_the_same_episodes(stays, order):
    order = [place for place in order if place < len(stays)]
    shuffled = episodes_of([stays[place] for place in order], 7)
    assert shuffled == [episodes_of(stays, 7)[place] for place in order]
