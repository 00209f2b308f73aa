"""On each day the most intensive care counts; nights and days of service are counted as such."""

import pytest

from iop_outcomes.cohort.episode_rules import INTENSITY
from iop_outcomes.cohort.segments import GRAVITY, LEVELS
from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import ExitReason, LevelOfCare


def test_a_night_of_withdrawal_management_belongs_to_it_and_not_to_the_care_around(
    expect_segments,
):
    """Edge case 3 of the domain brief."""
    expect_segments(
        """
        level_of_care         | start_day | end_day | exit_reason
        intensive outpatient  | 0         | 60      | completed
        withdrawal management | 20        | 21      | completed
        """,
        """
        segment | level_of_care         | start_day | end_day | days | exit_reason | concurrent
        1       | intensive outpatient  | 0         | 19      | 20   |             | False
        2       | withdrawal management | 20        | 21      | 1    | completed   | True
        3       | intensive outpatient  | 21        | 60      | 40   | completed   | False
        """,
    )


def test_of_two_facilities_at_once_the_longer_stay_names_the_segment(expect_segments):
    """Edge case 4 of the domain brief."""
    expect_segments(
        """
        level_of_care          | facility_id | start_day | end_day | exit_reason
        short-term residential | A           | 0         | 10      | transferred
        short-term residential | B           | 7         | 28      | completed
        """,
        """
        episode | segment | facility_id | start_day | end_day | days | exit_reason | concurrent
        1       | 1       | B           | 0         | 28      | 28   | completed   | True
        """,
    )


@pytest.mark.parametrize(
    ("stays", "facility"),
    [
        ("A | 0 | 10 \n B | 5 | 15", "A"),  # as long: the one that began earlier
        ("B | 0 | 10 \n A | 0 | 10", "A"),  # and began at once: the first in the alphabet
        ("A | 0 | 90 \n B | 80 |   ", "B"),  # open: longer than any that has ended
        ("  | 0 | 30 \n B | 5 | 15", None),  # not recorded
        ("  | 0 | 10 \n B | 0 | 10", "B"),
    ],
)
def test_the_longer_stay_is_told_without_doubt(built, stays, facility):
    table = built(
        "facility_id | start_day | end_day | level_of_care \n"
        + "\n".join(f"{line} | inpatient" for line in stays.splitlines())
    ).segments
    assert table["facility_id"].astype(object).where(
        table["facility_id"].notna(), None
    ).tolist() == [facility]


def test_a_facility_seen_only_in_displaced_care_does_not_name_the_segment(expect_segments):
    expect_segments(
        """
        level_of_care          | facility_id | start_day | end_day
        outpatient             | A           | 0         | 300
        short-term residential | B           | 0         | 28
        """,
        """
        level_of_care          | facility_id | start_day | end_day
        short-term residential | B           | 0         | 28
        outpatient             | A           | 28        | 300
        """,
    )


def test_a_stay_admitted_and_discharged_on_one_date_counts_one_day(expect_segments):
    """Edge case 7 of the domain brief."""
    expect_segments(
        """
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 5         | 5
        Q         | intensive outpatient   | 5         | 5
        """,
        """
        person_id | start_day | end_day | days
        P         | 5         | 5       | 1
        Q         | 5         | 5       | 1
        """,
    )


def test_nights_are_counted_without_the_day_of_discharge_and_days_of_service_with_the_last(
    expect_segments,
):
    expect_segments(
        """
        person_id | level_of_care                    | start_day | end_day
        P         | withdrawal management            | 0         | 10
        Q         | inpatient                        | 0         | 10
        R         | short-term residential           | 0         | 10
        S         | long-term residential            | 0         | 10
        T         | partial hospitalization          | 0         | 10
        U         | intensive outpatient             | 0         | 10
        V         | outpatient                       | 0         | 10
        W         | ambulatory withdrawal management | 0         | 10
        """,
        """
        person_id | end_day | days
        P         | 10      | 10
        Q         | 10      | 10
        R         | 10      | 10
        S         | 10      | 10
        T         | 10      | 11
        U         | 10      | 11
        V         | 10      | 11
        W         | 10      | 11
        """,
    )


def test_more_intensive_care_displaces_less_whichever_began_first(expect_segments):
    expect_segments(
        """
        person_id | level_of_care           | start_day | end_day
        P         | inpatient               | 0         | 10
        P         | withdrawal management   | 5         | 15
        Q         | outpatient              | 0         | 10
        Q         | partial hospitalization | 5         | 7
        """,
        """
        person_id | segment | level_of_care           | start_day | end_day | days | transition
        P         | 1       | inpatient               | 0         | 5       | 5    |
        P         | 2       | withdrawal management   | 5         | 15      | 10   | step-up
        Q         | 1       | outpatient              | 0         | 4       | 5    |
        Q         | 2       | partial hospitalization | 5         | 7       | 3    | step-up
        Q         | 3       | outpatient              | 8         | 10      | 3    | step-down
        """,
    )


def test_the_day_of_a_transfer_is_not_being_in_two_places(expect_segments):
    expect_segments(
        """
        level_of_care          | start_day | end_day | exit_reason
        intensive outpatient   | 0         | 30      | transferred
        short-term residential | 30        | 58      | transferred
        intensive outpatient   | 58        | 90      | transferred
        outpatient             | 90        | 120     | completed
        """,
        """
        level_of_care          | start_day | end_day | days | exit_reason | gap_days | concurrent
        intensive outpatient   | 0         | 29      | 30   | transferred |          | False
        short-term residential | 30        | 58      | 28   | transferred | 0        | False
        intensive outpatient   | 58        | 90      | 33   | transferred | 0        | False
        outpatient             | 91        | 120     | 30   | completed   | 0        | False
        """,
    )


def test_a_stay_that_goes_on_beneath_other_care_has_not_ended_where_it_was_displaced(
    expect_segments,
):
    expect_segments(
        """
        level_of_care        | start_day | end_day | exit_reason
        intensive outpatient | 0         | 40      | dropped out
        inpatient            | 30        | 60      | completed
        """,
        """
        segment | level_of_care        | start_day | end_day | exit_reason
        1       | intensive outpatient | 0         | 29      |
        2       | inpatient            | 30        | 60      | completed
        """,
    )


def test_of_two_exits_on_one_day_the_graver_counts(expect_segments):
    expect_segments(
        """
        person_id | facility_id | level_of_care        | start_day | end_day | exit_reason
        P         | A           | intensive outpatient | 0         | 30      | completed
        P         | B           | intensive outpatient | 10        | 30      | dropped out
        Q         | A           | intensive outpatient | 0         | 30      | dropped out
        Q         | B           | intensive outpatient | 10        | 31      | completed
        """,
        """
        person_id | exit_reason
        P         | dropped out
        Q         | completed
        """,
    )


def test_an_open_stay_goes_on_for_ever_beneath_more_intensive_care(expect_segments):
    expect_segments(
        """
        level_of_care        | start_day | end_day | exit_reason
        intensive outpatient | 0         |         |
        inpatient            | 300       | 310     | completed
        outpatient           | 900       | 950     | completed
        """,
        """
        segment | level_of_care        | start_day | end_day | days | exit_reason | concurrent
        1       | intensive outpatient | 0         | 299     | 300  |             | False
        2       | inpatient            | 300       | 310     | 10   | completed   | True
        3       | intensive outpatient | 310       |         |      |             | True
        """,
    )


def test_a_stay_whose_end_is_not_known_but_that_ended_counts_as_open(expect_segments):
    """Sources with bands say that and why a stay ended, but not when."""
    expect_segments(
        """
        level_of_care        | start_day | end_day | exit_reason
        intensive outpatient | 0         |         | completed
        intensive outpatient | 400       | 430     | dropped out
        """,
        """
        episode | segment | start_day | end_day | exit_reason
        1       | 1       | 0         |         |
        """,
    )


def test_every_stay_can_be_found_again(built, expect):
    expect(
        built("""
            person_id | level_of_care         | start_day | end_day
            Q         | outpatient            | 0         | 9
            P         | withdrawal management | 20        | 21
            P         | intensive outpatient  | 0         | 60
            P         | outpatient            | 100       | 130
            P         | withdrawal management | 20        | 21
        """).stay_rows,
        """
        person_id | episode | segment | stay_row | displaced
        P         | 1       | 1       | 2        | False
        P         | 1       | 2       | 1        | False
        P         | 1       | 2       | 2        | True
        P         | 1       | 2       | 4        | False
        P         | 1       | 3       | 2        | False
        P         | 2       | 1       | 3        | False
        Q         | 1       | 1       | 0        | False
        """,
    )


def test_a_table_without_stays_has_no_episodes(built):
    nobody = built("level_of_care | start_day | end_day")
    somebody = built("level_of_care | start_day | end_day \n inpatient | 0 | 5")
    for name in ("segments", "episodes", "stay_rows"):
        assert len(getattr(nobody, name)) == 0
        assert list(getattr(nobody, name).columns) == list(getattr(somebody, name).columns)


@pytest.mark.parametrize(
    ("stays", "message"),
    [
        ("start_day | end_day \n 0 | 5", "lack the column(s) ['level_of_care']; add them"),
        (
            "level_of_care | start_day | end_day \n inpatient | | 5 \n inpatient | 3 | 5",
            "1 stay(s) have no start_day; mend the export",
        ),
        (
            "level_of_care | start_day | end_day \n inpatient | 7 | 5",
            "1 stay(s) end before they start; mend the export",
        ),
        (
            "level_of_care | start_day | end_day \n secret place | 0 | 5",
            "1 stay(s) have a level_of_care that is not of ['withdrawal management', ",
        ),
    ],
)
def test_stays_that_cannot_be_are_refused_in_one_sentence_without_their_values(
    built, stays, message
):
    with pytest.raises(CohortError) as caught:
        built(stays)
    assert str(caught.value).startswith("episodes: ")
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)


def test_every_level_of_care_and_every_exit_has_its_rank():
    assert set(INTENSITY) == set(LEVELS) == set(LevelOfCare)
    assert set(GRAVITY) == {None, *ExitReason}
    falling = [INTENSITY[level] for level in LEVELS]
    assert falling == sorted(falling, reverse=True), "the sweep and the steps agree"
