"""When a step-down begins to be possible, and when it happened. Days on each person's clock."""

import pytest
from pydantic import ValidationError

from iop_outcomes.cohort.planned_exits import planned_exits
from iop_outcomes.cohort.starts import starts_after
from iop_outcomes.cohort.strategies import GracePeriod, Sustain

GRACE = GracePeriod()
LEVELS = {
    "residential": "short-term residential",
    "halfway": "long-term residential",
    "IOP": "intensive outpatient",
    "OP": "outpatient",
    "detox": "withdrawal management",
    "inpatient": "inpatient",
}


@pytest.fixture
def stays(drawn):
    """Stays as drawn, levels of care in short."""

    def of(text):
        table = drawn(text)
        if "exit_reason" not in table:
            table = table.assign(exit_reason=None)
        return table.assign(level_of_care=table["level"].map(LEVELS)).astype(
            {"start_day": "Int64", "end_day": "Int64"}
        )

    return of


@pytest.fixture
def exits(stays):
    return lambda text: planned_exits(stays(text), GRACE)


@pytest.fixture
def started(stays):
    """Starts after the planned exits of the drawn stays."""

    def of(text):
        table = stays(text)
        return starts_after(planned_exits(table, GRACE), table, GRACE.starts, GRACE.excuses)

    return of


def test_time_zero_is_the_first_planned_exit_from_residential_care(exits, expect):
    expect(
        exits(
            """
            person_id | level       | start_day | end_day | exit_reason
            P         | residential | 0         | 28      | completed
            Q         | residential | 300       | 328     | completed
            Q         | residential | 0         | 10      | dropped out
            Q         | inpatient   | 100       | 121     | transferred
            R         | IOP         | 0         | 60      | completed
            S         | residential | 0         |         |
            """
        ),
        """
        person_id | index_day | stay_row | level_of_care
        P         | 28        | 0        | short-term residential
        Q         | 121       | 3        | inpatient
        """,
    )


def test_moving_to_another_house_on_the_same_day_is_no_exit(exits, expect):
    """P moves and leaves later; Q is still in another house; R leaves two houses on one day; S
    goes to detox, if only for that day."""
    expect(
        exits(
            """
            person_id | level       | start_day | end_day | exit_reason
            P         | residential | 0         | 28      | transferred
            P         | halfway     | 28        | 90      | completed
            Q         | residential | 0         | 28      | completed
            Q         | halfway     | 10        |         |
            R         | residential | 0         | 28      | completed
            R         | detox       | 25        | 28      | completed
            S         | residential | 0         | 28      | completed
            S         | detox       | 28        | 28      | completed
            """
        ),
        """
        person_id | index_day
        P         | 90
        R         | 28
        """,
    )


def test_an_admission_the_day_after_is_not_known_on_the_day_of_the_exit(exits, expect):
    expect(
        exits(
            """
            person_id | level       | start_day | end_day | exit_reason
            P         | residential | 0         | 28      | completed
            P         | halfway     | 29        | 90      | completed
            """
        ),
        """
        person_id | index_day
        P         | 28
        """,
    )


def test_who_is_already_in_the_care_to_be_started_cannot_start_it(exits, expect):
    """P has been in IOP since day 20; Q begins on the day of the exit, which is a start; R's IOP
    was over before."""
    expect(
        exits(
            """
            person_id | level       | start_day | end_day | exit_reason
            P         | residential | 0         | 28      | completed
            P         | IOP         | 20        | 80      | completed
            Q         | residential | 0         | 28      | completed
            Q         | IOP         | 28        | 80      | completed
            R         | residential | 0         | 28      | completed
            R         | IOP         | -50       | -5      | completed
            """
        ),
        """
        person_id | index_day
        Q         | 28
        R         | 28
        """,
    )


def test_a_start_is_the_first_stay_in_that_care_from_the_day_of_the_exit(started, expect):
    expect(
        started(
            """
            person_id | level       | start_day | end_day | exit_reason
            P         | residential | 0         | 28      | completed
            P         | IOP         | 40        | 60      |
            P         | IOP         | 35        | 39      |
            Q         | residential | 0         | 28      | completed
            Q         | IOP         | 28        | 60      |
            R         | residential | 0         | 28      | completed
            R         | OP          | 30        | 60      |
            R         | IOP         | -90       | -60     |
            """
        ),
        """
        person_id | start_day | start_row
        P         | 7         | 2
        Q         | 0         | 4
        R         |           |
        """,
    )


def test_care_by_day_and_night_excuses_and_the_stay_left_does_not(started, expect):
    expect(
        started(
            """
            person_id | level       | start_day | end_day | exit_reason
            P         | residential | 0         | 28      | completed
            P         | detox       | 36        | 40      |
            P         | IOP         | 40        | 60      |
            Q         | residential | 28        | 28      | completed
            """
        ),
        """
        person_id | start_day | excuse_day | excuse_row
        P         | 12        | 8          | 1
        Q         |           |            |
        """,
    )


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ({"days": -1}, "greater than or equal to 0"),
        ({"days": 14, "closing_days": 16}, "no more than 15 days"),
        ({"starts": ["inpatient"]}, "cannot both start the strategy and excuse"),
        ({"starts": []}, "at least 1 item"),
        ({"day": 14}, "Unexpected keyword argument"),
    ],
)
def test_a_grace_period_that_contradicts_itself_is_refused(written, complaint):
    with pytest.raises(ValidationError, match=complaint):
        GracePeriod(**written)


def test_completion_cannot_break_a_sustained_strategy():
    with pytest.raises(ValidationError, match="fulfil the strategy"):
        Sustain(until_day=90, breaks=["completed"])


def test_the_closing_days_are_the_last_of_the_grace_period():
    window = GracePeriod(days=14, closing_days=5).window
    assert (window.first_day, window.first_closing_day, window.last_day) == (0, 10, 14)
