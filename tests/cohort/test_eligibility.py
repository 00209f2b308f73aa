"""Who may enter, and where the others left."""

import pytest

ADULT = "aged 18 or over"
BEGINS = "index stay begins the episode, withdrawal management apart"


@pytest.fixture
def criteria(assembled):
    """The criteria of the flow diagram, in its order."""
    return lambda stays=None, **given: (
        assembled(stays, **given).attrition["criterion"].drop_duplicates().tolist()
    )


def test_losses_are_counted_by_criterion_and_arm(assembled, expect):
    cohort = assembled(
        """
        person_id | level_of_care          | start_day | end_day | age_years
        minor     | intensive outpatient   | 0         | 20      | 17
        no age    | short-term residential | 0         | 20      |
        treated   | outpatient             | -90       | -20     | 40
        treated   | intensive outpatient   | 0         | 20      | 40
        new       | intensive outpatient   | 0         | 20      | 40
        unscored  | short-term residential | 0         | 20      | 40
    """,
        scores="""
        person_id              | day | instrument | score
        new                    | 0   | phq9       | 12
        bystander in IOP       | 0   | phq9       | 12
        bystander in residence | 0   | phq9       | 12
    """,
        under={"eligibility": {"washout_days": 60, "recorded": ["phq9"]}},
    )
    expect(
        cohort.attrition,
        """
        criterion                          | arm          | remaining | excluded
        admitted to either strategy        | intervention | 4         | 0
        admitted to either strategy        | comparator   | 3         | 0
        aged 18 or over                    | intervention | 3         | 1
        aged 18 or over                    | comparator   | 2         | 1
        records reach back 60 days         | intervention | 3         | 0
        records reach back 60 days         | comparator   | 2         | 0
        no treatment in the 60 days before | intervention | 2         | 1
        no treatment in the 60 days before | comparator   | 2         | 0
        phq9 recorded at time zero         | intervention | 2         | 0
        phq9 recorded at time zero         | comparator   | 1         | 1
    """,
    )


def test_who_fails_two_criteria_is_lost_at_the_first(assembled):
    attrition = assembled(
        """
        person_id | level_of_care        | start_day | end_day | age_years
        P         | outpatient           | -90       | -20     | 17
        P         | intensive outpatient | 0         | 20      | 17
    """,
        under={"eligibility": {"washout_days": 60}},
    ).attrition
    lost = attrition[attrition["excluded"] > 0]
    assert lost[["criterion", "arm", "excluded"]].to_numpy().tolist() == [
        [ADULT, "intervention", 1]
    ]


def test_criteria_stand_in_the_order_of_the_flow_diagram(criteria):
    under = {"eligibility": {"washout_days": 60, "recorded": ["age_years"]}}
    stepped_up = """
        person_id | level_of_care        | start_day | end_day
        P         | outpatient           | -30       | -2
        P         | intensive outpatient | 0         | 20
    """
    assert criteria(stepped_up, under=under) == [
        "admitted to either strategy",
        ADULT,
        BEGINS,
        "records reach back 60 days",
        "no treatment in the 60 days before",
        "age_years recorded at time zero",
    ]


def test_a_washout_of_no_days_asks_for_nothing(criteria):
    assert criteria() == ["admitted to either strategy", ADULT]


def test_the_flow_diagram_calls_columns_by_their_labels(criteria):
    under = {"eligibility": {"recorded": ["age_years"]}, "labels": {"age_years": "age, years"}}
    assert criteria(under=under)[-1] == "age, years recorded at time zero"


@pytest.mark.parametrize(
    ("bystander", "arm"),
    [("intensive outpatient", "comparator"), ("short-term residential", "intervention")],
)
def test_where_nobody_is_left_the_arm_and_the_criterion_are_named(complaint, bystander, arm):
    other = {"comparator": "short-term residential", "intervention": "intensive outpatient"}[arm]
    assert complaint(
        f"""
        person_id | level_of_care | start_day | end_day | age_years
        P         | {bystander}   | 0         | 20      | 40
        Q         | {other}       | 0         | 20      | 17
    """,
        bystanders=False,
    ) == (
        f"nobody is left in the {arm} arm after the criterion `{ADULT}`; widen "
        "protocol.eligibility, or check protocol.strategies and the records"
    )


def test_an_arm_nobody_entered_is_named(complaint):
    message = complaint(
        """
        person_id | level_of_care        | start_day | end_day
        P         | intensive outpatient | 0         | 20
    """,
        bystanders=False,
    )
    assert message.startswith(
        "nobody is left in the comparator arm after the criterion `admitted to either strategy`"
    )


def test_the_age_asked_for_is_old_enough(entered):
    """The limit itself is within, as in edge case 17 of the domain brief."""
    stays = """
        person_id | level_of_care        | start_day | end_day | age_years
        P         | intensive outpatient | 0         | 20      | 18
        Q         | intensive outpatient | 0         | 20      | 17
    """
    assert entered(stays) == ["P"]


def test_a_covariate_to_be_recorded_that_the_records_do_not_hold_is_named(complaint):
    assert complaint(under={"eligibility": {"recorded": ["phq9"]}}) == (
        "protocol.eligibility.recorded: the records hold no `phq9` at time zero"
    )


def test_records_without_either_strategy_are_refused(complaint):
    message = complaint(
        """
        person_id | level_of_care | start_day | end_day
        P         | outpatient    | 0         | 20
    """,
        bystanders=False,
    )
    assert message == (
        "no stay in the records starts either strategy; none has `level_of_care` among "
        "['intensive outpatient', 'short-term residential']"
    )


def test_a_column_that_tells_the_strategies_apart_must_be_there(complaint):
    under = {"strategies": {"by": "programme", "intervention": ["long"], "comparator": ["short"]}}
    assert complaint(under=under).startswith(
        "protocol.strategies.by: the stays have no column `programme`; besides level_of_care "
    )
