"""Where time zero lies when each level of care has its own gap, and when it is an exit."""

import pytest

GRACE = {
    "strategies": {
        "kind": "grace_period", "grace_days": 14, "after": ["short-term residential"],
        "comparator": [],
    },
    "time_zero": {"at": "exit from the index stay"},
    "causal_contrast": "per protocol",
    "estimand": "ATE",
}  # fmt: skip
STEPS = """
    person_id | level_of_care          | start_day | end_day | exit_reason
    P         | short-term residential | 0         | 28      | completed
    P         | intensive outpatient   | 33        | 90      | completed
    Q         | short-term residential | 0         | 28      | completed
    Q         | intensive outpatient   | 50        | 90      | completed
    R         | short-term residential | 0         | 10      | dropped out
    S         | short-term residential | 0         | 28      | transferred
    S         | withdrawal management  | 30        | 35      | completed
    S         | intensive outpatient   | 35        | 60      | completed
"""


# Episodes with a gap for each level of care


@pytest.mark.parametrize(
    ("rules", "episodes"),
    [
        ({"episode_gap_days": 7}, 2),
        ({"episode_gap_days": None, "episodes": {}}, 1),
        ({"episode_gap_days": None, "episodes": {"gap_same_level_days": {"outpatient": 9}}}, 2),
    ],
)
def test_a_holiday_ends_an_episode_unless_its_level_of_care_allows_it(
    assembled, seen, expect, rules, episodes
):
    """Ten days between two stays in one outpatient programme, months before what is compared."""
    found = assembled(
        """
        person_id | level_of_care        | start_day | end_day
        P         | outpatient           | 0         | 20
        P         | outpatient           | 30        | 40
        P         | intensive outpatient | 200       | 260
        """,
        under={"time_zero": rules},
    )
    expect(seen(found.persons), f"person_id | prior_episodes\nP | {episodes}")


def test_a_step_down_within_the_gap_of_transitions_does_not_begin_an_episode(entered):
    """Eight days after outpatient care ended; with rules by level a transition may take nine."""
    stays = """
        person_id | level_of_care        | start_day | end_day
        P         | outpatient           | 0         | 20
        P         | intensive outpatient | 28        | 60
    """
    by_level = {"episode_gap_days": None, "episodes": {"gap_transition_days": 9}}
    assert entered(stays, under={"time_zero": {"episode_gap_days": 7}}) == ["P"]
    assert entered(stays, under={"time_zero": by_level}) == []


# Time zero at a planned exit


def test_the_planned_exit_is_time_zero_and_whoever_dropped_out_has_none(assembled, seen, expect):
    found = assembled(STEPS, under=GRACE)
    expect(
        seen(found.persons),
        """
        person_id | index_day | arm          | level_of_care
        P         | 28        | intervention | short-term residential
        Q         | 28        | comparator   | short-term residential
        S         | 28        | comparator   | short-term residential
        """,
    )


def test_everyone_is_followed_in_both_arms_until_their_data_contradict_one(assembled, seen, expect):
    """P starts on day 5; Q waits until day 22, too late; S goes to detoxification first, which
    excuses."""
    found = assembled(STEPS, under=GRACE)
    expect(
        seen(found.arms_followed).sort_values(["person_id", "arm"], ascending=[True, False]),
        """
        person_id | arm          | artificially_censored_day | start_day | excuse_day
        P         | intervention |                           | 5         |
        P         | comparator   | 5                         | 5         |
        Q         | intervention | 14                        | 22        |
        Q         | comparator   |                           | 22        |
        S         | intervention |                           | 7         | 2
        S         | comparator   |                           | 7         | 2
        """,
    )


def test_the_exit_itself_is_no_event_of_the_time_after_it(assembled, seen, expect):
    """Follow-up starts at the exit: completing is history, a relapse on day 12 after it counts."""
    relapse = {
        "definition": "return to use", "events": ["return to use"],
        "competing": ["completed", "death"], "horizon_days": 90,
    }  # fmt: skip
    found = assembled(
        STEPS,
        events="""
        person_id | day | kind
        P         | 20  | return to use
        P         | 40  | return to use
        """,
        under={**GRACE, "outcomes": {"relapse": relapse}},
    )
    expect(
        seen(found.follow_up),
        """
        person_id | days | status   | reason
        P         | 12   | event    | return to use
        Q         | 337  | censored | end of records
        S         | 337  | censored | end of records
        """,
    )
    expect(
        seen(found.exits),
        """
        person_id | reason
        P         | completed
        Q         | completed
        S         | transferred
        """,
    )


def test_the_first_line_of_the_flow_says_what_a_candidate_is(assembled):
    first = assembled(STEPS, under=GRACE).attrition["criterion"].iloc[0]
    assert first == "left the index stay as planned"


def test_treatment_before_the_index_stay_is_washed_out_from_its_start_not_from_its_exit(entered):
    """Outpatient care ended 50 days before the stay and 78 before the exit."""
    stays = """
        person_id | level_of_care          | start_day | end_day | exit_reason
        P         | short-term residential | 0         | 28      | completed
        P         | intensive outpatient   | 33        | 90      | completed
        Q         | outpatient             | -90       | -50     | completed
        Q         | short-term residential | 0         | 28      | completed
    """
    assert entered(stays, under=GRACE) == ["P", "Q"]
    washed = {**GRACE, "eligibility": {"washout_days": 60}}
    assert entered(stays, under=washed) == ["P"]


def test_scores_are_baseline_up_to_the_exit(assembled, seen, expect):
    found = assembled(
        STEPS,
        scores="""
        person_id | day | instrument | score
        P         | 1   | phq9       | 20
        P         | 27  | phq9       | 9
        P         | 29  | phq9       | 3
        """,
        under=GRACE,
    )
    expect(seen(found.persons), "person_id | phq9\nP | 9\nQ |\nS |")


def test_records_without_a_planned_exit_are_refused(complaint):
    said = complaint(
        """
        person_id | level_of_care          | start_day | end_day | exit_reason
        P         | short-term residential | 0         | 28      | dropped out
        """,
        bystanders=False,
        under=GRACE,
    )
    assert said.startswith("no stay in the records at ['short-term residential'] ended as planned")


# Strategies that ask for more than a start


def test_a_strategy_that_asks_only_for_a_start_is_never_contradicted(assembled):
    assert assembled(STEPS).arms_followed.empty


def test_a_sustained_strategy_is_contradicted_where_it_is_left(assembled, seen, expect):
    found = assembled(
        """
        person_id | level_of_care        | start_day | end_day | exit_reason
        P         | intensive outpatient | 0         | 20      | dropped out
        Q         | intensive outpatient | 0         | 60      | completed
        """,
        under={
            "strategies": {"kind": "sustained", "sustained_days": 56},
            "causal_contrast": "per protocol",
        },
    )
    expect(
        seen(found.arms_followed),
        """
        person_id | arm          | artificially_censored_day | reason
        P         | intervention | 20                        | dropped out
        Q         | intervention |                           |
        """,
    )
