"""How long care may stop and still be one segment, or one episode."""

import pytest

from iop_outcomes.cohort.episode_rules import EpisodeRules
from iop_outcomes.errors import CohortError, ProtocolError


def test_stepping_down_on_the_day_of_discharge_is_one_episode_of_two_segments(built, expect):
    """Edge case 1 of the domain brief."""
    care = built("""
        level_of_care          | start_day | end_day | exit_reason
        short-term residential | 0         | 28      | transferred
        intensive outpatient   | 28        | 88      | completed
    """)
    expect(
        care.segments,
        """
        segment | level_of_care          | start_day | end_day | days | transition | gap_days
        1       | short-term residential | 0         | 28      | 28   |            |
        2       | intensive outpatient   | 28        | 88      | 61   | step-down  | 0
        """,
    )
    expect(
        care.episodes,
        """
        start_day | end_day | first_level_of_care    | first_exit_reason | outcome   | segments
        0         | 88      | short-term residential | transferred       | completed | 2
        """,
    )


def test_another_level_of_care_a_day_after_the_longest_gap_is_a_new_episode(expect_segments):
    """Edge case 2 of the domain brief: out on 1 March, in on 9 March; and P on 8 March."""
    expect_segments(
        """
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 28
        P         | intensive outpatient   | 35        | 88
        Q         | short-term residential | 0         | 28
        Q         | intensive outpatient   | 36        | 88
        """,
        """
        person_id | episode | segment | transition | gap_days
        P         | 1       | 1       |            |
        P         | 1       | 2       | step-down  | 7
        Q         | 1       | 1       |            |
        Q         | 2       | 1       |            | 8
        """,
    )


@pytest.mark.parametrize(
    ("level", "longest"),
    [
        ("withdrawal management", 1),
        ("inpatient", 1),
        ("short-term residential", 1),
        ("long-term residential", 1),
        ("partial hospitalization", 14),
        ("intensive outpatient", 14),
        ("outpatient", 30),
        ("ambulatory withdrawal management", 14),
    ],
)
def test_the_same_care_goes_on_after_a_gap_as_long_as_its_level_allows(
    expect_segments, level, longest
):
    expect_segments(
        f"""
        person_id | level_of_care | start_day      | end_day
        P         | {level}       | 0              | 100
        P         | {level}       | {100 + longest}  | 300
        Q         | {level}       | 0              | 100
        Q         | {level}       | {101 + longest}  | 300
        """,
        f"""
        person_id | episode | segment | start_day     | end_day | gap_days
        P         | 1       | 1       | 0             | 300     |
        Q         | 1       | 1       | 0             | 100     |
        Q         | 2       | 1       | {101 + longest} | 300     | {longest + 1}
        """,
    )


def test_the_gap_of_a_level_can_be_set_and_the_others_stay(expect_segments):
    expect_segments(
        """
        level_of_care        | start_day | end_day
        intensive outpatient | 0         | 10
        intensive outpatient | 14        | 20
        outpatient           | 100       | 110
        outpatient           | 140       | 150
        """,
        """
        episode | level_of_care        | start_day | end_day
        1       | intensive outpatient | 0         | 10
        2       | intensive outpatient | 14        | 20
        3       | outpatient           | 100       | 150
        """,
        gap_same_level={"intensive outpatient": 3},
    )


def test_steps_are_named_by_the_intensity_of_care(expect_segments):
    expect_segments(
        """
        level_of_care           | start_day | end_day
        withdrawal management   | 0         | 5
        short-term residential  | 5         | 30
        long-term residential   | 31        | 90
        partial hospitalization | 92        | 100
        inpatient               | 103       | 110
        outpatient              | 115       | 120
        """,
        """
        episode | segment | level_of_care           | transition | gap_days
        1       | 1       | withdrawal management   |            |
        1       | 2       | short-term residential  | step-down  | 0
        1       | 3       | long-term residential   | lateral    | 1
        1       | 4       | partial hospitalization | step-down  | 2
        1       | 5       | inpatient               | step-up    | 3
        1       | 6       | outpatient              | step-down  | 5
        """,
    )


def test_a_return_to_the_same_residence_after_two_days_is_a_new_episode_though_another_would_not(
    expect_segments,
):
    """The gap of the same level decides, also where that of a transition is longer."""
    expect_segments(
        """
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 28
        P         | short-term residential | 30        | 50
        Q         | short-term residential | 0         | 28
        Q         | long-term residential  | 30        | 50
        """,
        """
        person_id | episode | segment | transition
        P         | 1       | 1       |
        P         | 2       | 1       |
        Q         | 1       | 1       |
        Q         | 1       | 2       | lateral
        """,
    )


def test_changing_the_facility_at_the_same_level_is_one_segment(expect_segments):
    expect_segments(
        """
        level_of_care        | facility_id | start_day | end_day | exit_reason
        intensive outpatient | A           | 0         | 30      | transferred
        intensive outpatient | B           | 35        | 90      | completed
        """,
        """
        episode | segment | facility_id | start_day | end_day | days | exit_reason | concurrent
        1       | 1       | B           | 0         | 90      | 91   | completed   | False
        """,
    )


def test_a_gap_is_measured_from_the_last_of_all_exits(expect_segments):
    expect_segments(
        """
        level_of_care        | start_day | end_day
        intensive outpatient | 0         | 30
        outpatient           | 20        | 60
        intensive outpatient | 65        | 90
        """,
        """
        episode | segment | level_of_care        | start_day | end_day | gap_days
        1       | 1       | intensive outpatient | 0         | 30      |
        1       | 2       | outpatient           | 31        | 60      | 0
        1       | 3       | intensive outpatient | 65        | 90      | 5
        """,
    )


def test_without_gaps_only_the_same_day_continues_an_episode(expect_segments):
    expect_segments(
        """
        level_of_care          | start_day | end_day
        short-term residential | 0         | 28
        intensive outpatient   | 28        | 60
        outpatient             | 60        | 90
        partial hospitalization| 91        | 99
        """,
        """
        episode | segment | level_of_care
        1       | 1       | short-term residential
        1       | 2       | intensive outpatient
        1       | 3       | outpatient
        2       | 1       | partial hospitalization
        """,
        gap_transition=0,
    )


def test_a_transfer_whose_next_admission_is_not_seen_is_no_success(expect_episodes):
    """Edge case 9 of the domain brief; of Q the next admission is seen, and how that ended."""
    expect_episodes(
        """
        person_id | level_of_care          | start_day | end_day | exit_reason
        P         | short-term residential | 0         | 28      | transferred
        Q         | short-term residential | 0         | 28      | transferred
        Q         | intensive outpatient   | 30        | 60      | completed
        """,
        """
        person_id | first_exit_reason | outcome
        P         | transferred       | transferred
        Q         | transferred       | completed
        """,
    )


def test_the_outcome_of_an_episode_is_that_of_its_last_segment(expect_episodes):
    expect_episodes(
        """
        person_id | level_of_care          | start_day | end_day | exit_reason
        P         | short-term residential | 0         | 28      | completed
        P         | intensive outpatient   | 30        | 60      | dropped out
        Q         | short-term residential | 0         | 28      | completed
        Q         | intensive outpatient   | 30        |         |
        """,
        """
        person_id | end_day | first_level_of_care    | first_exit_reason | outcome     | open
        P         | 60      | short-term residential | completed         | dropped out | False
        Q         |         | short-term residential | completed         |             | True
        """,
    )


def test_care_under_way_when_the_records_begin_is_left_truncated(expect_episodes):
    """Edge case 8 of the domain brief."""
    expect_episodes(
        """
        person_id | level_of_care        | start_day | end_day
        P         | intensive outpatient | -20       | 30
        P         | intensive outpatient | 200       | 230
        Q         | intensive outpatient | 0         | 30
        R         | intensive outpatient | 0         | 30
        """,
        """
        person_id | episode | left_truncated
        P         | 1       | True
        P         | 2       | False
        Q         | 1       | False
        R         | 1       |
        """,
        persons="""
        person_id | first_observed_day
        P         | 0
        Q         | 0
        R         |
        """,
    )


def test_without_knowing_when_the_records_begin_no_care_is_called_seen_from_its_beginning(
    expect_episodes,
):
    expect_episodes(
        """
        level_of_care        | start_day | end_day
        intensive outpatient | -20       | 30
        """,
        """
        episode | left_truncated
        1       |
        """,
    )


@pytest.mark.parametrize(
    ("persons", "message"),
    [
        ("person_id | age \n P | 3", "episodes: persons lack the column(s) ['first_observed_day']"),
        ("person_id | first_observed_day \n P | 0 \n P | 9", "episodes: persons must have one row"),
    ],
)
def test_persons_who_do_not_say_since_when_they_are_seen_are_refused(built, persons, message):
    with pytest.raises(CohortError) as caught:
        built("level_of_care | start_day | end_day \n inpatient | 0 | 5", persons)
    assert str(caught.value).startswith(message)


def test_an_episode_of_withdrawal_management_alone_is_marked(expect_episodes):
    """Edge case 18 of the domain brief."""
    expect_episodes(
        """
        person_id | level_of_care                    | start_day | end_day
        P         | withdrawal management            | 0         | 5
        P         | ambulatory withdrawal management | 6         | 9
        Q         | withdrawal management            | 0         | 5
        Q         | intensive outpatient             | 6         | 60
        """,
        """
        person_id | episode | segments | withdrawal_management_only
        P         | 1       | 2        | True
        Q         | 1       | 2        | False
        """,
    )


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"gap_transition": -1}, "gap_transition: must be a whole number of days, 0 or more"),
        ({"interruption_days": 2.5}, "interruption_days: must be a whole number"),
        ({"gap_same_level": {"outpatient": True}}, "gap_same_level.outpatient: must be a whole"),
        ({"gap_same_level": {"prison": 3}}, "gap_same_level: ['prison'] is no level of care"),
        ({"interrupting": ("outpatient",)}, "interrupting: only care by day and night"),
        ({"interrupted": ("inpatient",)}, "interrupted: an admission is a transfer from"),
    ],
)
def test_rules_that_make_no_sense_are_refused(rules, message):
    with pytest.raises(ProtocolError) as caught:
        EpisodeRules(**rules)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)
