"""Everyone in both arms: who is censored when, and what counts before. A grace period of 14 days.

Everyone leaves residential care on day 0 and is seen to day 180 unless said otherwise. Step-downs
are read from the stays, row by row.
"""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.cohort.cloning import (
    censor_artificially,
    decision_days,
    grace_clones,
    with_last_known,
)
from iop_outcomes.cohort.strategies import DecisionWindow, GracePeriod
from iop_outcomes.errors import CohortError

laws = settings(derandomize=True, deadline=None, max_examples=25)
GRACE = GracePeriod()
FORTNIGHT = GRACE.window


@pytest.fixture
def starts(drawn):
    """When the drawn people started, and what excused them; a table as `starts_after` makes it."""

    def of(text):
        table = drawn(text)
        unsaid = {"start_day": None, "excuse_day": None, "start_row": None}
        table = table.assign(**{name: unsaid[name] for name in unsaid if name not in table})
        return table.astype(dict.fromkeys(unsaid, "Int64"))

    return of


@pytest.fixture
def ends(drawn):
    """How the drawn people's follow-up ends, before anything is cloned."""

    def of(text):
        table = drawn(text)
        unsaid = {"outcome": "relapse", "reason": "as drawn", "source": "events", "source_row": 7}
        table = table.assign(**{name: unsaid[name] for name in unsaid if name not in table})
        return table.astype({"days": "Int64", "source_row": "Int64"})

    return of


@pytest.fixture
def cloned(starts, ends):
    """Follow-up of both clones."""

    def of(started, ended, grace=GRACE):
        return censor_artificially(ends(ended), grace_clones(starts(started), grace))

    return of


def test_a_start_within_the_grace_period_contradicts_not_starting_on_that_day(cloned, expect):
    expect(
        cloned(
            """
            person_id | start_day
            P         | 5
            """,
            """
            person_id | days | status
            P         | 180  | censored
            """,
        ),
        """
        arm          | days | status                | artificially_censored_day
        intervention | 180  | censored              |
        comparator   | 5    | artificially censored | 5
        """,
    )


def test_no_start_by_the_end_of_the_last_day_contradicts_starting_on_that_day(cloned, expect):
    expect(
        cloned(
            "person_id\nP",
            """
            person_id | days | status
            P         | 60   | event
            """,
        ),
        """
        arm          | days | status                | artificially_censored_day
        intervention | 14   | artificially censored | 14
        comparator   | 60   | event                 |
        """,
    )


def test_a_contradiction_says_why_and_names_the_row_it_was_read_from(cloned, expect):
    """What did not happen has no row; what ended follow-up before keeps the row of its own."""
    expect(
        cloned(
            """
            person_id | start_day | start_row
            P         | 5         | 31
            Q         |           |
            """,
            """
            person_id | days | status
            P         | 180  | censored
            Q         | 180  | censored
            """,
        ),
        """
        person_id | arm          | reason                           | source | source_row
        P         | intervention | as drawn                         | events | 7
        P         | comparator   | started within the grace period  | stays  | 31
        Q         | intervention | no start within the grace period | stays  |
        Q         | comparator   | as drawn                         | events | 7
        """,
    )


def test_a_start_on_the_last_day_is_in_time_and_one_a_day_later_is_not(cloned, expect):
    expect(
        cloned(
            """
            person_id | start_day
            P         | 14
            Q         | 15
            """,
            """
            person_id | days | status
            P         | 180  | censored
            Q         | 180  | censored
            """,
        ),
        """
        person_id | arm          | days | status
        P         | intervention | 180  | censored
        P         | comparator   | 14   | artificially censored
        Q         | intervention | 14   | artificially censored
        Q         | comparator   | 180  | censored
        """,
    )


def test_a_start_on_the_day_of_the_exit_leaves_the_other_clone_no_day(cloned, expect):
    expect(
        cloned(
            """
            person_id | start_day
            P         | 0
            """,
            """
            person_id | days | status
            P         | 40   | event
            """,
        ),
        """
        arm          | days | status
        intervention | 40   | event
        comparator   | 0    | artificially censored
        """,
    )


def test_an_event_before_any_start_counts_for_both_clones(cloned, expect):
    expect(
        cloned(
            """
            person_id | start_day
            P         |
            Q         | 9
            """,
            """
            person_id | days | status
            P         | 6    | event
            Q         | 6    | event
            """,
        ),
        """
        person_id | arm          | days | status
        P         | intervention | 6    | event
        P         | comparator   | 6    | event
        Q         | intervention | 6    | event
        Q         | comparator   | 6    | event
        """,
    )


def test_an_event_in_the_grace_period_but_after_the_start_counts_for_the_starter_only(
    cloned, expect
):
    expect(
        cloned(
            """
            person_id | start_day
            P         | 3
            """,
            """
            person_id | days | status
            P         | 6    | event
            """,
        ),
        """
        arm          | days | status
        intervention | 6    | event
        comparator   | 3    | artificially censored
        """,
    )


def test_an_event_on_the_day_of_the_start_comes_first_and_counts_for_both(cloned, expect):
    expect(
        cloned(
            """
            person_id | start_day
            P         | 6
            """,
            """
            person_id | days | status
            P         | 6    | event
            """,
        ),
        """
        arm          | days | status
        intervention | 6    | event
        comparator   | 6    | event
        """,
    )


def test_an_event_on_the_last_day_of_grace_counts_for_both_and_one_on_the_next_for_one(
    cloned, expect
):
    expect(
        cloned(
            "person_id\nP\nQ",
            """
            person_id | days | status
            P         | 14   | event
            Q         | 15   | event
            """,
        ),
        """
        person_id | arm          | days | status
        P         | intervention | 14   | event
        P         | comparator   | 14   | event
        Q         | intervention | 14   | artificially censored
        Q         | comparator   | 15   | event
        """,
    )


def test_a_death_in_the_grace_period_competes_in_both_clones(cloned, expect):
    expect(
        cloned(
            "person_id\nP",
            """
            person_id | days | status          | reason
            P         | 10   | competing event | death
            """,
        ),
        """
        arm          | days | status          | reason | artificially_censored_day
        intervention | 10   | competing event | death  |
        comparator   | 10   | competing event | death  |
        """,
    )


def test_who_goes_out_of_sight_in_the_grace_period_is_censored_in_both_as_anyone(cloned, expect):
    expect(
        cloned(
            "person_id\nP",
            """
            person_id | days | status
            P         | 10   | censored
            """,
        ),
        """
        arm          | days | status   | artificially_censored_day
        intervention | 10   | censored |
        comparator   | 10   | censored |
        """,
    )


def test_on_the_last_observed_day_a_contradiction_says_more_than_the_end_of_records(cloned, expect):
    expect(
        cloned(
            """
            person_id | start_day
            P         | 10
            Q         |
            """,
            """
            person_id | days | status
            P         | 10   | censored
            Q         | 14   | censored
            """,
        ),
        """
        person_id | arm          | days | status
        P         | intervention | 10   | censored
        P         | comparator   | 10   | artificially censored
        Q         | intervention | 14   | artificially censored
        Q         | comparator   | 14   | censored
        """,
    )


def test_readmission_before_a_start_excuses_both_clones_to_the_end(cloned, expect):
    expect(
        cloned(
            """
            person_id | start_day | excuse_day
            P         |           | 8
            Q         | 12        | 8
            R         | 8         | 8
            """,
            """
            person_id | days | status
            P         | 180  | censored
            Q         | 180  | censored
            R         | 180  | censored
            """,
        ),
        """
        person_id | arm          | days | status
        P         | intervention | 180  | censored
        P         | comparator   | 180  | censored
        Q         | intervention | 180  | censored
        Q         | comparator   | 180  | censored
        R         | intervention | 180  | censored
        R         | comparator   | 180  | censored
        """,
    )


def test_readmission_after_a_start_or_after_the_grace_period_excuses_nothing(cloned, expect):
    expect(
        cloned(
            """
            person_id | start_day | excuse_day
            P         | 5         | 8
            Q         |           | 15
            """,
            """
            person_id | days | status
            P         | 180  | censored
            Q         | 180  | censored
            """,
        ),
        """
        person_id | arm          | days | status
        P         | intervention | 180  | censored
        P         | comparator   | 5    | artificially censored
        Q         | intervention | 14   | artificially censored
        Q         | comparator   | 180  | censored
        """,
    )


def test_who_is_not_seen_after_time_zero_stays_missing_in_both(cloned, expect):
    expect(
        cloned(
            "person_id\nP",
            """
            person_id | days | status
            P         |      | missing
            """,
        ),
        """
        arm          | days | status  | artificially_censored_day
        intervention |      | missing |
        comparator   |      | missing |
        """,
    )


def test_an_outcome_read_at_exit_cannot_end_on_a_day(cloned):
    with pytest.raises(CohortError, match=r"\['completed'\] are read at exit and have no days"):
        cloned(
            "person_id\nP",
            """
            person_id | days | status   | outcome
            P         |      | no event | completed
            """,
        )


def test_clones_and_follow_up_must_be_of_the_same_people(cloned):
    with pytest.raises(CohortError, match="2 person"):
        cloned("person_id\nP", "person_id | days | status\nQ | 10 | event")


# The days on which people could still start


@pytest.fixture
def days(starts, ends, drawn):
    """Rows of the model as one line a person: days undecided, day decided, days predicted."""

    def of(started, ended, window=FORTNIGHT):
        table = decision_days(ends(ended), starts(started), window)

        def line(rows):
            could = rows.loc[rows["undecided"], "day"].tolist()
            rest = rows.loc[~rows["undecided"], "day"].tolist()
            decided = rows.loc[rows["decided"], "day"].tolist()
            return pd.Series(
                {
                    "could": f"{could[0]} to {could[-1]}" if could else None,
                    "did": decided[0] if decided else None,
                    "predicted": f"{rest[0]} to {rest[-1]}" if rest else None,
                }
            )

        return pd.DataFrame(
            [line(rows).rename(who) for who, rows in table.groupby("person_id")]
        ).reset_index(names="person_id")

    return of


def test_people_can_start_until_they_do_or_the_grace_period_is_over(days, expect):
    expect(
        days(
            """
            person_id | start_day
            P         | 0
            Q         | 6
            R         | 20
            """,
            """
            person_id | days | status
            P         | 180  | censored
            Q         | 180  | censored
            R         | 180  | censored
            """,
        ),
        """
        person_id | could   | did | predicted
        P         | 0 to 0  | 0   |
        Q         | 0 to 6  | 6   |
        R         | 0 to 14 |     |
        """,
    )


def test_nobody_can_start_on_the_day_of_an_event_or_after_it_but_on_the_last_day_seen(days, expect):
    expect(
        days(
            """
            person_id | start_day
            P         | 6
            Q         | 6
            R         | 6
            """,
            """
            person_id | days | status
            P         | 6    | event
            Q         | 6    | competing event
            R         | 6    | censored
            """,
        ),
        """
        person_id | could  | did | predicted
        P         | 0 to 5 |     |
        Q         | 0 to 5 |     |
        R         | 0 to 6 | 6   |
        """,
    )


def test_nobody_can_start_while_excused(days, expect):
    expect(
        days(
            """
            person_id | start_day | excuse_day
            P         |           | 4
            Q         | 9         | 4
            R         | 2         | 4
            """,
            """
            person_id | days | status
            P         | 180  | censored
            Q         | 180  | censored
            R         | 180  | censored
            """,
        ),
        """
        person_id | could  | did | predicted
        P         | 0 to 3 |     |
        Q         | 0 to 3 |     |
        R         | 0 to 2 | 2   |
        """,
    )


def test_who_starts_on_a_closing_day_is_predicted_to_the_last(days, expect):
    """Closing days 10 to 14; S has an event on day 13, which ends what can be predicted."""
    expect(
        days(
            """
            person_id | start_day
            P         | 9
            Q         | 10
            R         | 14
            S         | 11
            """,
            """
            person_id | days | status
            P         | 180  | censored
            Q         | 180  | censored
            R         | 180  | censored
            S         | 13   | event
            """,
            GracePeriod(closing_days=5).window,
        ),
        """
        person_id | could   | did | predicted
        P         | 0 to 9  | 9   |
        Q         | 0 to 10 | 10  | 11 to 14
        R         | 0 to 14 | 14  |
        S         | 0 to 11 | 11  | 12 to 12
        """,
    )


def test_who_had_the_event_at_once_has_no_day_to_decide(starts, ends):
    table = decision_days(
        ends("person_id | days | status\nP | 0 | event\nQ | 3 | event"),
        starts("person_id\nP\nQ"),
        FORTNIGHT,
    )
    assert table["person_id"].unique().tolist() == ["Q"]
    assert table["position"].unique().tolist() == [1]


def test_a_decision_is_explained_by_what_was_known_before_its_day(starts, ends, drawn, expect):
    table = decision_days(
        ends("person_id | days | status\nP | 180 | censored"),
        starts("person_id | start_day\nP | 4"),
        DecisionWindow(first_day=0, last_day=4),
    )
    phq9 = drawn(
        """
        person_id | day | phq9
        P         | -3  | 11
        P         | 2   | 17
        P         | 4   | 3
        """
    )
    expect(
        with_last_known(table, phq9, FORTNIGHT),
        """
        day | phq9
        0   | 11
        1   | 11
        2   | 11
        3   | 17
        4   | 17
        """,
    )


def test_on_the_closing_days_it_is_what_was_known_before_the_first_of_them(
    starts, ends, drawn, expect
):
    window = DecisionWindow(first_day=0, last_day=4, closing_days=3)
    table = decision_days(
        ends("person_id | days | status\nP | 180 | censored"),
        starts("person_id | start_day\nP | 3"),
        window,
    )
    phq9 = drawn("person_id | day | phq9\nP | -3 | 11\nP | 1 | 17\nP | 3 | 3")
    expect(
        with_last_known(table, phq9, window),
        """
        day | undecided | phq9
        0   | True      | 11
        1   | True      | 11
        2   | True      | 17
        3   | True      | 17
        4   | False     | 17
        """,
    )


# Laws

DAYS = st.one_of(st.none(), st.integers(0, 20))
PERSON = st.tuples(
    DAYS,
    DAYS,
    st.integers(1, 40),
    st.sampled_from(["event", "competing event", "censored"]),
)


def tables(people):
    ids = [f"P{k}" for k in range(len(people))]
    start, excuse, days, status = zip(*people, strict=True)
    starts = pd.DataFrame(
        {"person_id": ids, "start_day": start, "excuse_day": excuse, "start_row": range(len(ids))}
    ).astype({"start_day": "Int64", "excuse_day": "Int64", "start_row": "Int64"})
    ends = pd.DataFrame(
        {
            "person_id": ids,
            "outcome": "relapse",
            "days": days,
            "status": status,
            "reason": "as drawn",
            "source": "events",
            "source_row": range(len(ids)),
        }
    ).astype({"days": "Int64", "source_row": "Int64"})
    return starts, ends


@laws
@given(st.lists(PERSON, min_size=1, max_size=12))
def test_without_any_start_everyone_asked_to_start_is_out_by_day_14(people):
    starts, ends = tables([(None, None, *rest) for _, _, *rest in people])
    clones = censor_artificially(ends, grace_clones(starts, GRACE))
    assert (clones.loc[clones["arm"] == "intervention", "days"] <= 14).all()
    kept = clones[clones["arm"] == "comparator"].reset_index(drop=True)
    assert kept["days"].tolist() == ends["days"].tolist()
    assert kept["status"].tolist() == ends["status"].tolist()


@laws
@given(st.lists(PERSON, min_size=1, max_size=12))
def test_a_person_with_an_event_before_anything_is_decided_has_it_in_both_clones(people):
    starts, ends = tables(people)
    clones = censor_artificially(ends, grace_clones(starts, GRACE))
    both = clones.merge(starts, on="person_id").merge(ends, on="person_id", suffixes=("", "_of"))
    early = both[
        (both["days_of"] <= both["start_day"].fillna(99))
        & (both["days_of"] <= 14)
        & (both["status_of"] != "censored")
    ]
    assert early["status"].tolist() == early["status_of"].tolist()
    assert early["days"].tolist() == early["days_of"].tolist()


@laws
@given(st.lists(PERSON, min_size=1, max_size=12))
def test_nobody_is_followed_longer_than_seen_nor_contradicts_both_arms(people):
    starts, ends = tables(people)
    clones = censor_artificially(ends, grace_clones(starts, GRACE))
    both = clones.merge(ends, on="person_id", suffixes=("", "_of"))
    assert (both["days"] <= both["days_of"]).all()
    left = clones["status"].eq("artificially censored")
    assert left.groupby(clones["person_id"]).sum().max() <= 1
    assert (left == clones["artificially_censored_day"].notna()).all()
    assert (clones["artificially_censored_day"].dropna() == clones.loc[left, "days"]).all()


@laws
@given(st.lists(PERSON, min_size=1, max_size=12), st.integers(1, 15))
def test_who_decides_in_the_rows_of_the_model_is_who_is_censored_for_it(people, closing_days):
    """One row a person and day; a decision ends the undecided days, and the other clone."""
    grace = GracePeriod(closing_days=closing_days)
    starts, ends = tables(people)
    rows = decision_days(ends, starts, grace.window)
    assert not rows.duplicated(["person_id", "day"]).any()
    assert rows["day"].between(0, 14).all()
    assert (rows["undecided"] | (rows["day"] >= grace.window.first_closing_day)).all()
    clones = censor_artificially(ends, grace_clones(starts, grace))
    left = clones[clones["arm"].eq("comparator") & clones["artificially_censored_day"].notna()]
    deciding = rows[rows["decided"]]
    assert dict(zip(deciding["person_id"], deciding["day"], strict=True)) == dict(
        zip(left["person_id"], left["days"], strict=True)
    )
