"""What pauses care without ending it: a few nights in hospital, and jail where the rules say so."""


def test_a_week_in_hospital_pauses_intensive_outpatient_care_and_does_not_end_it(expect_segments):
    expect_segments(
        """
        person_id | level_of_care        | start_day | end_day | exit_reason
        P         | intensive outpatient | 0         | 60      | completed
        P         | inpatient            | 20        | 27      | completed
        """,
        """
        level_of_care        | end_day | days | interrupted_days | exit_reason | concurrent
        intensive outpatient | 60      | 61   | 7                | completed   | True
        """,
    )


def test_eight_nights_in_hospital_are_a_step_up_and_a_step_down(expect_segments):
    expect_segments(
        """
        level_of_care        | start_day | end_day | exit_reason
        intensive outpatient | 0         | 60      | completed
        inpatient            | 20        | 28      | completed
        """,
        """
        level_of_care        | start_day | end_day | interrupted_days | exit_reason | transition
        intensive outpatient | 0         | 19      | 0                |             |
        inpatient            | 20        | 28      | 0                | completed   | step-up
        intensive outpatient | 28        | 60      | 0                | completed   | step-down
        """,
    )


def test_nights_in_two_hospitals_after_each_other_are_one_admission(expect_segments):
    expect_segments(
        """
        level_of_care        | facility_id | start_day | end_day
        intensive outpatient | A           | 0         | 60
        inpatient            | B           | 20        | 25
        inpatient            | C           | 25        | 29
        """,
        """
        segment | level_of_care        | facility_id | start_day | end_day
        1       | intensive outpatient | A           | 0         | 19
        2       | inpatient            | B           | 20        | 29
        3       | intensive outpatient | A           | 29        | 60
        """,
    )


def test_each_of_several_admissions_pauses_for_itself(expect_segments):
    expect_segments(
        """
        level_of_care        | start_day | end_day
        intensive outpatient | 0         | 60
        inpatient            | 10        | 14
        inpatient            | 30        | 37
        """,
        """
        segment | start_day | end_day | days | interrupted_days
        1       | 0         | 60      | 61   | 11
        """,
    )


def test_treatment_of_the_addiction_is_never_an_interruption(expect_segments):
    expect_segments(
        """
        person_id | level_of_care          | start_day | end_day
        P         | intensive outpatient   | 0         | 60
        P         | short-term residential | 20        | 23
        Q         | intensive outpatient   | 0         | 60
        Q         | withdrawal management  | 20        | 23
        Q         | inpatient              | 23        | 25
        """,
        """
        person_id | segment | level_of_care          | start_day | end_day
        P         | 1       | intensive outpatient   | 0         | 19
        P         | 2       | short-term residential | 20        | 23
        P         | 3       | intensive outpatient   | 23        | 60
        Q         | 1       | intensive outpatient   | 0         | 19
        Q         | 2       | withdrawal management  | 20        | 23
        Q         | 3       | inpatient              | 23        | 25
        Q         | 4       | intensive outpatient   | 25        | 60
        """,
    )


def test_hospital_is_an_interruption_only_while_the_other_care_stays_open(expect_segments):
    """P's clinic closed the stay and opened another; Q's admission came first."""
    expect_segments(
        """
        person_id | level_of_care        | start_day | end_day | exit_reason
        P         | intensive outpatient | 0         | 20      | transferred
        P         | inpatient            | 20        | 24      | transferred
        P         | intensive outpatient | 24        | 60      | completed
        Q         | inpatient            | 0         | 4       | completed
        Q         | intensive outpatient | 0         | 60      | completed
        """,
        """
        person_id | segment | level_of_care        | transition | exit_reason | interrupted_days
        P         | 1       | intensive outpatient |            | transferred | 0
        P         | 2       | inpatient            | step-up    | transferred | 0
        P         | 3       | intensive outpatient | step-down  | completed   | 0
        Q         | 1       | inpatient            |            | completed   | 0
        Q         | 2       | intensive outpatient | step-down  | completed   | 0
        """,
    )


def test_an_admission_from_which_nobody_came_back_is_no_interruption(expect_episodes):
    expect_episodes(
        """
        level_of_care        | start_day | end_day | exit_reason
        intensive outpatient | 0         | 24      | dropped out
        inpatient            | 20        | 25      | death
        """,
        """
        episode | segments | end_day | outcome
        1       | 2        | 25      | death
        """,
    )


def test_what_is_interrupted_and_by_what_are_rules(expect_segments):
    stays = """
        level_of_care | start_day | end_day
        outpatient    | 0         | 60
        inpatient     | 20        | 22
        """
    expect_segments(
        stays,
        """
        segment | level_of_care
        1       | outpatient
        2       | inpatient
        3       | outpatient
        """,
    )
    expect_segments(
        stays,
        """
        segment | level_of_care | interrupted_days
        1       | outpatient    | 2
        """,
        interrupted=("intensive outpatient", "outpatient"),
    )


IN_JAIL = """
    level_of_care        | start_day | end_day | exit_reason
    intensive outpatient | 0         | 30      | incarcerated
    intensive outpatient | 50        | 90      | completed
    """


def test_jail_ends_an_episode_unless_the_rules_say_that_it_pauses(expect_segments, expect_episodes):
    """Edge case 10 of the domain brief: twenty days in jail."""
    expect_episodes(
        IN_JAIL,
        """
        episode | start_day | end_day | outcome
        1       | 0         | 30      | incarcerated
        2       | 50        | 90      | completed
        """,
    )
    expect_segments(
        IN_JAIL,
        """
        episode | segment | start_day | end_day | days | interrupted_days | exit_reason
        1       | 1       | 0         | 90      | 91   | 19               | completed
        """,
        incarceration_days=20,
    )
    expect_episodes(
        IN_JAIL,
        """
        episode | outcome
        1       | incarcerated
        2       | completed
        """,
        incarceration_days=19,
    )


def test_where_jail_ends_an_episode_a_short_time_there_does_too(expect_episodes):
    expect_episodes(
        """
        level_of_care        | start_day | end_day | exit_reason
        intensive outpatient | 0         | 30      | incarcerated
        intensive outpatient | 33        | 90      | completed
        """,
        """
        episode | outcome
        1       | incarcerated
        2       | completed
        """,
    )


def test_another_level_of_care_after_jail_is_a_transition_and_no_pause(expect_segments):
    expect_segments(
        """
        level_of_care        | start_day | end_day | exit_reason
        intensive outpatient | 0         | 30      | incarcerated
        outpatient           | 50        | 90      | completed
        """,
        """
        episode | segment | level_of_care        | days | interrupted_days | transition | gap_days
        1       | 1       | intensive outpatient | 31   | 0                |            |
        1       | 2       | outpatient           | 41   | 0                | step-down  | 20
        """,
        incarceration_days=30,
    )
