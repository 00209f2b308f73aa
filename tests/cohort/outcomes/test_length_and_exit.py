"""How long index stays went on and why they ended."""

import pandas as pd
import pytest

from iop_outcomes.cohort.retention import causes_of_exit, left_for, length_of_stay, retained_past
from iop_outcomes.statistics.survival.curves import COMPETING, EVENT, cumulative_incidence
from iop_outcomes.vocabulary import ExitReason


@pytest.fixture(scope="session")
def stays(drawn):
    def of(text):
        table = drawn(text)
        usual = {"start_day": 0, "end_day": None, "exit_reason": None, "last_observed_day": 400}
        for name, value in usual.items():
            if name not in table:
                table[name] = value
        whole = {"start_day": "Int64", "end_day": "Int64", "last_observed_day": "Int64"}
        return table.astype({**whole, "exit_reason": object})

    return of


def test_length_counts_nights_where_people_sleep_and_days_where_they_do_not(stays):
    """Edge case 7: admitted and discharged on one date is a stay of one day."""
    table = stays(
        """
        level_of_care           | start_day | end_day
        short-term residential  | 3         | 31
        short-term residential  | 3         | 4
        short-term residential  | 3         | 3
        intensive outpatient    | 3         | 31
        intensive outpatient    | 3         | 3
        partial hospitalization | 3         |
        """
    )
    assert length_of_stay(table).tolist() == [28, 1, 1, 29, 1, pd.NA]


def test_retained_past_a_day_means_after_it(stays):
    table = stays(
        """
        end_day | exit_reason | last_observed_day
        29      | completed   | 400
        30      | completed   | 400
        31      | completed   | 400
        10      | death       | 10
                |             | 31
                |             | 30
                |             |
                | dropped out | 400
        """
    )
    found = retained_past(table, 30, table["last_observed_day"])
    assert found.tolist() == [False, False, True, False, True, pd.NA, pd.NA, pd.NA]


@pytest.mark.parametrize(
    ("days", "answers"),
    [
        (30, [False, True, True, True, True]),
        (31, [False, pd.NA, True, True, True]),
        (45, [False, False, True, True, True]),
        (60, [False, False, False, True, True]),
        (90, [False, False, False, False, True]),
        (75, [False, False, False, pd.NA, True]),
    ],
)
def test_bands_of_length_are_told_where_all_of_one_lies_on_one_side(stays, days, answers):
    """The codes of TEDS-D for 30, 31-45, 46-60, 61-90 and over 90 days; 31 and 75 cut one."""
    table = stays(
        """
        end_day | length_low_days | length_high_days | exit_reason
        30      | 30              | 30               | completed
                | 31              | 45               | completed
                | 46              | 60               | completed
                | 61              | 90               | completed
                | 91              | 120              | completed
        """
    )
    assert retained_past(table, days, table["last_observed_day"]).tolist() == answers


def test_a_transfer_counts_as_completion_only_where_the_definition_says_so(stays):
    table = stays(
        """
        exit_reason
        completed
        transferred
        dropped out
        incarcerated
        death
        left, reason not recorded
        """
    )
    away = ["death", "incarcerated"]
    completed = left_for(table, [ExitReason.COMPLETED], away)
    assert completed.tolist() == [
        "event", "no event", "no event", "competing event", "competing event", "missing",
    ]  # fmt: skip
    either = left_for(table, [ExitReason.COMPLETED, ExitReason.TRANSFERRED], away)
    assert either.tolist()[:3] == ["event", "event", "no event"]


def test_an_open_stay_has_not_ended_for_any_reason(stays):
    table = stays(
        """
        exit_reason | end_day
        completed   | 1
                    |
        """
    )
    assert left_for(table, [ExitReason.COMPLETED]).tolist() == ["event", "missing"]


def test_every_reason_of_exit_is_a_cause_and_open_stays_are_censored(stays, expect):
    table = stays(
        """
        end_day | exit_reason | last_observed_day
        20      | completed   | 400
        0       | dropped out | 400
        9       |             | 400
                |             | 50
                | transferred | 400
                |             |
        """
    )
    expect(
        causes_of_exit(table, table["last_observed_day"]),
        """
        time | status   | reason
        20   | event    | completed
        1    | event    | dropped out
        9    | event    | left, reason not recorded
        50   | censored | end of records
             | missing  | not known
             | missing  | not known
        """,
    )


def test_the_incidences_of_all_causes_add_up_to_those_no_longer_there(stays):
    """The law that one minus Kaplan-Meier for each cause breaks: it adds up to more than one."""
    table = stays(
        """
        end_day | exit_reason | last_observed_day
        10      | dropped out | 400
        20      | completed   | 400
        20      | dropped out | 400
        28      | completed   | 400
        30      | death       | 400
                |             | 25
                |             | 60
        """
    )
    found = causes_of_exit(table, table["last_observed_day"])
    time, left = found["time"].astype(float), found["status"].eq("event")
    causes = sorted(found.loc[left, "reason"].unique())
    gone = cumulative_incidence(time, left.astype(int)).at(30)
    each, naive = [], []
    for cause in causes:
        mine = found["reason"].eq(cause)
        as_competing = mine.map({True: EVENT, False: COMPETING}).where(left, 0)
        each.append(cumulative_incidence(time, as_competing).at(30))
        naive.append(cumulative_incidence(time, mine.astype(int)).at(30))
    assert causes == ["completed", "death", "dropped out"]
    assert sum(each) == pytest.approx(gone)
    assert sum(naive) > gone + 0.1
