"""How leaving the index stay ends follow-up. Everyone is admitted on day 0, unless drawn."""

from iop_outcomes.protocol.specification import Outcome

RELAPSE = Outcome(
    name="relapse",
    definition="return to use",
    events=("return to use",),
    competing=("death",),
    horizon_days=90,
)
DISCONTINUATION = Outcome(
    name="discontinuation",
    definition="leaving unplanned",
    events=("dropped out", "terminated by the facility"),
    competing=("completed", "transferred", "death"),
    horizon_days=90,
)
COMPLETION_AT_EXIT = Outcome(
    name="completion",
    definition="completing",
    events=("completed",),
    competing=("death",),
    horizon_days=None,
)


def test_completing_treatment_forecloses_discontinuation_rather_than_censoring_it(ends, expect):
    expect(
        ends(
            DISCONTINUATION,
            """
            person_id | exit_day | exit_reason
            P         | 45       | completed
            Q         | 45       | dropped out
            R         | 45       | transferred
        """,
        ),
        """
        person_id | days | status          | reason
        P         | 45   | competing event | completed
        Q         | 45   | event           | dropped out
        R         | 45   | competing event | transferred
    """,
    )


def test_a_transfer_is_no_completion(ends, expect):
    """Edge case 9 of the domain brief: where a transfer led to is not seen."""
    expect(
        ends(
            COMPLETION_AT_EXIT,
            """
            person_id | exit_reason
            P         | transferred
        """,
        ),
        """
        person_id | status
        P         | no event
    """,
    )


def test_who_is_still_in_treatment_when_the_records_end_is_censored_then(ends, expect):
    expect(
        ends(
            DISCONTINUATION,
            """
            person_id | exit_day | exit_reason | last_observed_day
            P         |          |             | 60
        """,
        ),
        """
        person_id | days | status   | reason
        P         | 60   | censored | end of records
    """,
    )


def test_leaving_on_the_day_of_admission_is_a_stay_of_one_day(ends, expect):
    """Edge case 7 of the domain brief."""
    expect(
        ends(
            DISCONTINUATION,
            """
            person_id | index_day | exit_day | exit_reason
            P         | 0         | 0        | dropped out
            Q         | 9         | 9        | completed
        """,
        ),
        """
        person_id | days | status
        P         | 1    | event
        Q         | 1    | competing event
    """,
    )


def test_leaving_on_the_day_of_admission_counts_though_the_records_end_that_day(ends, expect):
    expect(
        ends(
            DISCONTINUATION,
            """
            person_id | exit_day | exit_reason | last_observed_day
            P         | 0        | dropped out | 0
        """,
        ),
        """
        person_id | days | status
        P         | 1    | event
    """,
    )


def test_death_in_the_stay_and_among_the_events_is_one_death(ends, expect):
    expect(
        ends(
            DISCONTINUATION,
            """
            person_id | exit_day | exit_reason
            P         | 45       | death
        """,
            """
            person_id | day | kind
            P         | 45  | death
        """,
        ),
        """
        person_id | days | status          | reason
        P         | 45   | competing event | death
    """,
    )


def test_an_exit_whose_day_is_not_known_is_missing_on_the_clock(ends, expect):
    expect(
        ends(
            DISCONTINUATION,
            """
            person_id | exit_day | exit_reason
            P         |          | dropped out
            Q         |          | completed
        """,
        ),
        """
        person_id | days | status  | reason
        P         |      | missing | not known
        Q         |      | missing | not known
    """,
    )


def test_an_exit_on_an_unknown_day_is_not_overtaken_by_a_dated_death(ends, expect):
    """Dropping out came before the death, so the death cannot have foreclosed it."""
    expect(
        ends(
            DISCONTINUATION,
            """
            person_id | exit_day | exit_reason
            P         |          | dropped out
        """,
            """
            person_id | day | kind
            P         | 90  | death
        """,
        ),
        """
        person_id | days | status
        P         |      | missing
    """,
    )


def test_who_left_for_an_unrecorded_reason_is_not_kept_in_treatment(ends):
    """The stay ended on day 45: nobody was retained to day 180 by it."""
    row = ends(
        DISCONTINUATION,
        """
        person_id | exit_day | exit_reason
        P         | 45       |
    """,
    ).iloc[0]
    assert row["status"] == "missing" or row["days"] <= 45


def test_an_outcome_read_at_exit_needs_no_day(ends, expect):
    expect(
        ends(
            COMPLETION_AT_EXIT,
            """
            person_id | exit_day | exit_reason | last_observed_day
            P         | 20       | completed   | 180
            Q         |          | completed   |
            R         |          | dropped out |
            S         |          | death       |
            T         |          |             | 180
        """,
        ),
        """
        person_id | days | status          | reason
        P         |      | event           | completed
        Q         |      | event           | completed
        R         |      | no event        | dropped out
        S         |      | competing event | death
        T         |      | missing         | no exit recorded
    """,
    )


def test_follow_up_names_the_table_and_the_row_that_ended_it(ends, expect):
    expect(
        ends(
            DISCONTINUATION,
            """
            person_id | exit_day | exit_reason
            P         | 45       | dropped out
            Q         | 45       | dropped out
            R         |          |
        """,
            """
            person_id | day | kind
            R         | 2   | overdose
            Q         | 20  | death
        """,
        ),
        """
        person_id | days | source  | source_row
        P         | 45   | stays   | 0
        Q         | 20   | events  | 1
        R         | 180  | persons | 2
    """,
    )


def test_everyone_has_one_row_for_the_outcome_in_its_name(ends):
    people = """
        person_id | exit_day | exit_reason
        P         | 45       | dropped out
        Q         |          |
    """
    for outcome in (RELAPSE, DISCONTINUATION, COMPLETION_AT_EXIT):
        table = ends(outcome, people)
        assert table["person_id"].tolist() == ["P", "Q"]
        assert set(table["outcome"]) == {outcome.name}
