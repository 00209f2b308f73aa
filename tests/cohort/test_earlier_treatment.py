"""What earlier treatment does to time zero. The gap is 7 days, the washout none or 60 days."""

import pytest

BEGINS = "index stay begins the episode, withdrawal management apart"
WASHOUT = {"eligibility": {"washout_days": 60}}


def test_treatment_that_ended_exactly_at_the_washouts_limit_excludes(entered):
    """The limit itself is within, as in edge case 17 of the domain brief."""
    stays = """
        person_id | level_of_care        | start_day | end_day
        at limit  | outpatient           | -90       | -60
        at limit  | intensive outpatient | 0         | 20
        before it | outpatient           | -90       | -61
        before it | intensive outpatient | 0         | 20
    """
    assert entered(stays, under=WASHOUT) == ["before it"]
    assert entered(stays) == ["at limit", "before it"]


def test_the_last_end_of_treatment_counts_and_not_the_last_admission(entered):
    stays = """
        person_id | level_of_care        | start_day | end_day
        P         | outpatient           | -200      | -20
        P         | inpatient            | -150      | -140
        P         | intensive outpatient | 0         | 20
    """
    assert entered(stays, under=WASHOUT) == []


def test_the_records_must_reach_back_as_far_as_the_washout(entered):
    """Edge case 8 of the domain brief: who is already in treatment when the window opens."""
    stays = """
        person_id    | level_of_care        | start_day | end_day
        exactly      | intensive outpatient | 0         | 20
        a day short  | intensive outpatient | 0         | 20
        not known    | intensive outpatient | 0         | 20
    """
    first = {"exactly": -60, "a day short": -59, "not known": None}
    assert entered(stays, first_observed_day=first, under=WASHOUT) == ["exactly"]


def test_stepping_up_from_outpatient_care_within_an_episode_excludes(assembled, seen):
    cohort = assembled("""
        person_id  | level_of_care        | start_day | end_day
        stepped up | outpatient           | -40       | -3
        stepped up | intensive outpatient | 0         | 20
        still in   | outpatient           | -40       | 10
        still in   | intensive outpatient | 0         | 20
        came back  | outpatient           | -40       | -8
        came back  | intensive outpatient | 0         | 20
    """)
    assert seen(cohort.persons)["person_id"].tolist() == ["came back"]
    lost = cohort.attrition.set_index(["criterion", "arm"])["excluded"]
    assert lost[BEGINS, "intervention"] == 2


def test_stepping_down_within_an_episode_stays_with_the_strategy_that_began_it(assembled, seen):
    """Edge case 1 of the domain brief: residential to intensive outpatient on the same day."""
    cohort = assembled("""
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 28
        P         | intensive outpatient   | 28        | 88
    """)
    assert seen(cohort.persons)[["arm", "level_of_care"]].to_numpy().tolist() == [
        ["comparator", "short-term residential"]
    ]


def test_moving_on_after_a_single_day_is_stepping_down_too(assembled, seen):
    """Edge cases 1 and 7 of the domain brief: in and out and in again on one day."""
    cohort = assembled("""
        person_id | level_of_care          | start_day | end_day
        P         | short-term residential | 0         | 0
        P         | intensive outpatient   | 0         | 60
    """)
    assert seen(cohort.persons)["arm"].tolist() == ["comparator"]


@pytest.mark.parametrize("level", ["withdrawal management", "ambulatory withdrawal management"])
def test_withdrawal_management_neither_starts_the_episode_nor_counts_as_treatment(
    assembled, seen, level
):
    cohort = assembled(
        f"""
        person_id | level_of_care        | start_day | end_day
        just now  | {level}              | -5        | -1
        just now  | intensive outpatient | 0         | 20
        last week | {level}              | -20       | -10
        last week | intensive outpatient | 0         | 20
        during    | {level}              | -2        | 3
        during    | intensive outpatient | 0         | 20
    """,
        under=WASHOUT,
    )
    persons = seen(cohort.persons)
    assert persons["person_id"].tolist() == ["during", "just now", "last week"]
    assert persons["index_day"].tolist() == [0, 0, 0]
    assert persons["prior_episodes"].tolist() == [0, 0, 0]


def test_treatment_before_withdrawal_management_still_counts(entered):
    stays = """
        person_id | level_of_care         | start_day | end_day
        P         | outpatient            | -60       | -20
        P         | withdrawal management | -5        | -1
        P         | intensive outpatient  | 0         | 20
    """
    assert entered(stays, under=WASHOUT) == []


def test_withdrawal_management_alone_is_no_strategy(entered):
    """Edge case 18 of the domain brief."""
    stays = """
        person_id | level_of_care         | start_day | end_day
        P         | withdrawal management | 0         | 5
    """
    assert entered(stays) == []


def test_only_the_first_stay_at_a_strategys_level_is_judged(entered):
    """A second chance would choose people by how their first treatment went."""
    stays = """
        person_id | level_of_care          | start_day | end_day | age_years
        P         | intensive outpatient   | 0         | 20      | 17
        P         | short-term residential | 400       | 420     | 18
    """
    assert entered(stays) == []


def test_a_stay_at_no_strategys_level_does_not_use_up_the_first(assembled, seen):
    cohort = assembled("""
        person_id | level_of_care          | start_day | end_day
        P         | outpatient             | -300      | -200
        P         | short-term residential | 0         | 20
        P         | intensive outpatient   | 200       | 260
    """)
    persons = seen(cohort.persons)
    assert persons[["arm", "index_day", "prior_episodes"]].to_numpy().tolist() == [
        ["comparator", 0, 1]
    ]


def test_earlier_episodes_are_counted_and_their_stays_are_not(assembled, seen):
    cohort = assembled("""
        person_id | level_of_care         | start_day | end_day
        P         | outpatient            | -900      | -850
        P         | outpatient            | -500      | -450
        P         | inpatient             | -449      | -440
        P         | withdrawal management | -200      | -190
        P         | intensive outpatient  | 0         | 20
        P         | outpatient            | 300       | 310
    """)
    assert seen(cohort.persons)["prior_episodes"].tolist() == [2]
