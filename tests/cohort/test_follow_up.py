"""How follow-up ends. Everyone is admitted on day 0 and seen until day 180."""

from iop_outcomes.protocol.specification import Outcome

RELAPSE = Outcome(
    name="relapse",
    definition="return to use",
    events=("return to use",),
    competing=("death",),
    horizon_days=90,
)
USE_FROM_THE_FIRST_DAY = Outcome(
    name="first_use",
    definition="use, the day of admission included",
    events=("return to use",),
    horizon_days=90,
    first_day=0,
)


def test_the_first_relapse_ends_follow_up(ends, expect):
    expect(
        ends(
            RELAPSE,
            "person_id\nP",
            """
            person_id | day | kind
            P         | 50  | return to use
            P         | 10  | return to use
        """,
        ),
        """
        person_id | days | status | reason
        P         | 10   | event  | return to use
    """,
    )


def test_without_any_event_follow_up_ends_with_the_records(ends, expect):
    expect(
        ends(
            RELAPSE,
            """
            person_id | last_observed_day
            P         | 180
            Q         | 12
        """,
        ),
        """
        person_id | days | status   | reason
        P         | 180  | censored | end of records
        Q         | 12   | censored | end of records
    """,
    )


def test_days_are_counted_from_time_zero_on_each_persons_own_clock(ends, expect):
    expect(
        ends(
            RELAPSE,
            """
            person_id | index_day | last_observed_day
            P         | 400       | 500
            Q         | -30       | 500
        """,
            """
            person_id | day | kind
            P         | 410 | return to use
            Q         | 0   | return to use
        """,
        ),
        """
        person_id | days | status
        P         | 10   | event
        Q         | 30   | event
    """,
    )


def test_on_a_shared_day_relapse_outranks_death(ends, expect):
    expect(
        ends(
            RELAPSE,
            "person_id\nP",
            """
            person_id | day | kind
            P         | 30  | death
            P         | 30  | return to use
        """,
        ),
        """
        person_id | days | status | reason
        P         | 30   | event  | return to use
    """,
    )


def test_death_forecloses_relapse(ends, expect):
    expect(
        ends(
            RELAPSE,
            "person_id\nP",
            """
            person_id | day | kind
            P         | 30  | death
        """,
        ),
        """
        person_id | days | status          | reason
        P         | 30   | competing event | death
    """,
    )


def test_on_the_last_observed_day_an_event_and_a_death_outrank_the_end_of_records(ends, expect):
    expect(
        ends(
            RELAPSE,
            """
            person_id | last_observed_day
            P         | 30
            Q         | 30
        """,
            """
            person_id | day | kind
            P         | 30  | return to use
            Q         | 30  | death
        """,
        ),
        """
        person_id | days | status
        P         | 30   | event
        Q         | 30   | competing event
    """,
    )


def test_what_is_recorded_after_the_end_of_records_does_not_count(ends, expect):
    expect(
        ends(
            RELAPSE,
            """
            person_id | last_observed_day
            P         | 30
        """,
            """
            person_id | day | kind
            P         | 31  | return to use
        """,
        ),
        """
        person_id | days | status
        P         | 30   | censored
    """,
    )


def test_what_the_outcome_does_not_name_does_not_end_follow_up(ends, expect):
    expect(
        ends(
            RELAPSE,
            """
            person_id | exit_day | exit_reason
            P         | 20       | dropped out
        """,
            """
            person_id | day | kind
            P         | 25  | overdose
        """,
        ),
        """
        person_id | days | status   | reason
        P         | 180  | censored | end of records
    """,
    )


def test_a_relapse_on_or_before_the_day_of_admission_is_history_not_outcome(ends, expect):
    expect(
        ends(
            RELAPSE,
            "person_id\nP",
            """
            person_id | day | kind
            P         | -12 | return to use
            P         | 0   | return to use
        """,
        ),
        """
        person_id | days | status   | reason
        P         | 180  | censored | end of records
    """,
    )


def test_the_day_of_admission_counts_if_the_protocol_says_so(ends, expect):
    expect(
        ends(
            USE_FROM_THE_FIRST_DAY,
            "person_id\nP\nQ",
            """
            person_id | day | kind
            P         | 0   | return to use
            Q         | -1  | return to use
        """,
        ),
        """
        person_id | days | status
        P         | 0    | event
        Q         | 180  | censored
    """,
    )


def test_a_later_relapse_counts_for_someone_with_a_history_of_it(ends, expect):
    expect(
        ends(
            RELAPSE,
            "person_id\nP",
            """
            person_id | day | kind
            P         | 0   | return to use
            P         | 60  | return to use
        """,
        ),
        """
        person_id | days | status
        P         | 60   | event
    """,
    )


def test_an_exit_whose_day_is_not_known_leaves_other_outcomes_alone(ends, expect):
    expect(
        ends(
            RELAPSE,
            """
            person_id | exit_day | exit_reason
            P         |          | dropped out
        """,
            """
            person_id | day | kind
            P         | 50  | return to use
        """,
        ),
        """
        person_id | days | status
        P         | 50   | event
    """,
    )


def test_who_is_not_seen_after_time_zero_is_missing(ends, expect):
    expect(
        ends(
            RELAPSE,
            """
            person_id | last_observed_day
            P         |
        """,
        ),
        """
        person_id | days | status  | reason
        P         |      | missing | not known
    """,
    )
