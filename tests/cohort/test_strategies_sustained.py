"""Who broke the strategy they had entered, and on which day: sustained to day 90."""

import pytest

from iop_outcomes.cohort.adherence import adherence
from iop_outcomes.cohort.cloning import censor_artificially, decision_days
from iop_outcomes.cohort.strategies import Sustain

RULE = Sustain(until_day=90)
ARM_OF = {"intensive outpatient": "intervention", "short-term residential": "comparator"}
SHORT = {
    "IOP": "intensive outpatient",
    "residential": "short-term residential",
    "OP": "outpatient",
}


@pytest.fixture
def entered(drawn):
    """One row per person; the index stay is row `stay_row` of the stays."""

    def of(text):
        table = drawn(text)
        unsaid = {"index_day": 0, "stay_row": 0, "exit_day": None, "exit_reason": None}
        table = table.assign(**{name: unsaid[name] for name in unsaid if name not in table})
        return table.astype({"exit_day": "Int64", "index_day": "Int64", "stay_row": "Int64"})

    return of


@pytest.fixture
def kept(entered, drawn):
    """Who kept to the strategy, given further stays."""

    def of(people, further="person_id | level | start_day"):
        stays = drawn(further)
        stays = stays.assign(level_of_care=stays["level"].map(SHORT)).astype({"start_day": "Int64"})
        return adherence(entered(people), stays, ARM_OF, RULE)

    return of


def test_dropping_out_breaks_the_strategy_on_the_day_of_exit(kept, expect):
    expect(
        kept(
            """
            person_id | arm          | index_day | exit_day | exit_reason              | stay_row
            P         | intervention | 100       | 120      | dropped out              | 4
            Q         | comparator   | 0         | 7        | terminated by the facility | 5
            """
        ),
        """
        person_id | artificially_censored_day | reason                     | source_row
        P         | 20                        | dropped out                | 4
        Q         | 7                         | terminated by the facility | 5
        """,
    )


def test_completion_transfer_death_and_an_open_stay_break_nothing(kept, expect):
    expect(
        kept(
            """
            person_id | arm          | exit_day | exit_reason
            P         | intervention | 60       | completed
            Q         | intervention | 28       | transferred
            R         | intervention | 10       | death
            S         | intervention |          |
            """
        ),
        """
        person_id | artificially_censored_day | reason | excuse_day
        P         |                           |        | 60
        Q         |                           |        | 28
        R         |                           |        | 10
        S         |                           |        |
        """,
    )


def test_an_exit_nobody_can_explain_is_read_as_one_whose_reason_was_not_recorded(kept, expect):
    expect(
        kept(
            """
            person_id | arm          | exit_day | exit_reason
            P         | intervention | 12       |
            """
        ),
        """
        person_id | artificially_censored_day | reason
        P         | 12                        | left, reason not recorded
        """,
    )


def test_entering_the_other_strategy_before_a_planned_exit_breaks_it(kept, expect):
    """P steps up on day 15; Q steps down two days after completing; R on the day of completing;
    S only adds outpatient care; T steps up before dropping out, U on the day of dropping out."""
    expect(
        kept(
            """
            person_id | arm          | exit_day | exit_reason
            P         | intervention | 40       | completed
            Q         | comparator   | 28       | completed
            R         | comparator   | 28       | completed
            S         | intervention |          |
            T         | intervention | 30       | dropped out
            U         | intervention | 30       | dropped out
            """,
            """
            person_id | level       | start_day
            P         | residential | 15
            Q         | IOP         | 30
            R         | IOP         | 28
            S         | OP          | 10
            T         | residential | 25
            U         | residential | 30
            """,
        ),
        """
        person_id | artificially_censored_day | reason                     | source_row
        P         | 15                        | entered the other strategy | 0
        Q         |                           |                            |
        R         |                           |                            |
        S         |                           |                            |
        T         | 25                        | entered the other strategy | 4
        U         | 30                        | dropped out                | 0
        """,
    )


def test_what_happens_after_the_last_day_breaks_nothing(kept, expect):
    expect(
        kept(
            """
            person_id | arm          | exit_day | exit_reason
            P         | intervention | 90       | dropped out
            Q         | intervention | 91       | dropped out
            """
        ),
        """
        person_id | artificially_censored_day
        P         | 90
        Q         |
        """,
    )


def test_an_earlier_stay_of_the_other_strategy_breaks_nothing(kept, expect):
    expect(
        kept(
            """
            person_id | arm          | index_day
            P         | intervention | 100
            """,
            """
            person_id | level       | start_day
            P         | residential | 70
            """,
        ),
        """
        person_id | artificially_censored_day
        P         |
        """,
    )


def test_a_relapse_on_the_day_of_dropping_out_still_counts(kept, drawn, expect):
    ends = drawn(
        """
        person_id | outcome | days | status   | reason         | source  | source_row
        P         | relapse | 20   | event    | return to use  | events  | 0
        Q         | relapse | 180  | censored | end of records | persons | 1
        """
    )
    broke = kept(
        """
        person_id | arm          | exit_day | exit_reason
        P         | intervention | 20       | dropped out
        Q         | intervention | 20       | dropped out
        """
    )
    expect(
        censor_artificially(ends, broke),
        """
        person_id | arm          | days | status                | reason
        P         | intervention | 20   | event                 | return to use
        Q         | intervention | 20   | artificially censored | dropped out
        """,
    )
    days = decision_days(ends, broke, RULE.window)
    expect(
        days.groupby("person_id")[["day", "decided"]].agg(["min", "max"]).droplevel(0, axis=1)
        .set_axis(["first", "last", "never", "left"], axis=1).reset_index(),
        """
        person_id | first | last | left
        P         | 1     | 19   | False
        Q         | 1     | 20   | True
        """,
    )  # fmt: skip


def test_after_a_planned_exit_nobody_can_leave_any_more(kept, drawn, expect):
    ends = drawn(
        """
        person_id | outcome | days | status   | reason         | source  | source_row
        P         | relapse | 180  | censored | end of records | persons | 0
        """
    )
    fulfilled = kept("person_id | arm | exit_day | exit_reason\nP | intervention | 28 | completed")
    days = decision_days(ends, fulfilled, RULE.window)["day"]
    assert (days.min(), days.max()) == (1, 27)
