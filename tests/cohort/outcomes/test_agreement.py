"""Several definitions of one outcome side by side."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iop_outcomes.cohort.agreement import agreement, cohen_kappa
from iop_outcomes.errors import CohortError

STRICT = """
    person_id | time | status
    P         | 10   | event
    Q         | 40   | event
    R         | 90   | censored
    S         | 20   | censored
    T         | 15   | competing event
    U         |      | missing
"""
LOOSE = """
    person_id | time | status
    P         | 4    | event
    Q         | 6    | event
    R         | 30   | event
    S         | 20   | censored
    T         | 15   | competing event
    U         | 5    | event
"""


def test_kappa_by_hand():
    """Ten people: 4 yes by both, 3 no by both, 2 and 1 by one only.

    Equal: 7/10. Yes: 6/10 and 5/10, so by chance 6/10 * 5/10 + 4/10 * 5/10 = 1/2.
    """
    first = [True] * 4 + [False] * 3 + [True] * 2 + [False]
    second = [True] * 4 + [False] * 3 + [False] * 2 + [True]
    assert cohen_kappa(first, second) == pytest.approx((0.7 - 0.5) / (1 - 0.5))


def test_kappa_of_two_that_always_differ_is_minus_one():
    assert cohen_kappa([True, False], [False, True]) == -1


def test_kappa_says_nothing_where_chance_would_agree_throughout():
    assert np.isnan(cohen_kappa([True, True], [True, True]))
    assert np.isnan(cohen_kappa([], []))
    assert cohen_kappa([True, True], [True, False]) == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_kappa_does_not_care_which_is_first_nor_whether_yes_means_no(pairs):
    first, second = np.array(pairs).T
    found = [
        cohen_kappa(first, second),
        cohen_kappa(second, first),
        cohen_kappa(~first, ~second),
    ]
    assert np.isnan(found).all() or found == pytest.approx([found[0]] * 3)
    assert np.isnan(found[0]) or -1 <= found[0] <= 1


def test_a_pair_by_hand(drawn):
    """By day 30 P has both and Q and R the loose one only; nobody can tell S, who left on day 20.

    T died and has neither; U is unknown. Equal are P and T, 2 of 4; yes are 1 of 4 and 3 of 4, so
    by chance 3/16 + 3/16. P is told on day 10 and on day 4.
    """
    (row,) = agreement({"strict": drawn(STRICT), "loose": drawn(LOOSE)}, 30).to_dict("records")
    assert row["kappa"] == pytest.approx((2 / 4 - 6 / 16) / (1 - 6 / 16))
    assert (row["first"], row["second"], row["people"]) == ("strict", "loose", 4)
    assert (row["first_events"], row["second_events"], row["both_events"]) == (1, 3, 1)
    assert row["median_shift"] == -6


def test_whoever_is_censored_on_the_horizon_was_seen_up_to_it(drawn):
    told = {"strict": drawn(STRICT), "loose": drawn(LOOSE)}
    assert agreement(told, 20)["people"].tolist() == [5]
    assert agreement(told, 21)["people"].tolist() == [4]


def test_without_a_horizon_a_censored_person_has_no_event(drawn):
    (row,) = agreement({"strict": drawn(STRICT), "loose": drawn(LOOSE)}).to_dict("records")
    assert (row["people"], row["first_events"], row["second_events"]) == (5, 2, 3)
    assert row["median_shift"] == np.median([-6, -34])


def test_the_order_of_people_does_not_matter(drawn):
    told = {"strict": drawn(STRICT), "loose": drawn(LOOSE)}
    turned = {**told, "loose": told["loose"].iloc[::-1]}
    assert agreement(told, 30).equals(agreement(turned, 30))


def test_every_pair_is_compared_once(drawn):
    told = {name: drawn(STRICT) for name in ("one", "two", "three")}
    pairs = agreement(told)[["first", "second"]].to_numpy().tolist()
    assert pairs == [["one", "two"], ["one", "three"], ["two", "three"]]


def test_definitions_without_a_time_have_no_shift_and_no_horizon(drawn):
    told = {"one": drawn(STRICT).drop(columns="time"), "two": drawn(LOOSE)}
    assert agreement(told)["median_shift"].isna().all()
    with pytest.raises(CohortError, match="one has no time; ask without a horizon"):
        agreement(told, 30)


def test_definitions_of_other_people_are_not_compared(drawn):
    told = {"one": drawn(STRICT), "two": drawn(LOOSE).iloc[1:]}
    with pytest.raises(CohortError, match="two is told of other people"):
        agreement(told)
