"""Where people are on each day: by hand and by law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.histories.multi_state import (
    expected_days_derivative,
    occupancy,
    occupancy_derivative,
    sojourns,
)
from iop_outcomes.statistics.survival.curves import (
    cumulative_incidence,
    incidence_derivative,
    restricted_mean,
    restricted_mean_derivative,
)
from iop_outcomes.statistics.survival.risk_sets import risk_sets

laws = settings(derandomize=True, deadline=None, max_examples=40)
STATES = 3


@st.composite
def journeys(draw):
    """Up to eight people between three states, tied days, entries and days out of sight."""
    rows, people = [], draw(st.integers(1, 8))
    for person in range(people):
        day = 0 if person == 0 else draw(st.integers(-1, 4))
        state = draw(st.integers(0, STATES - 1))
        for _ in range(draw(st.integers(1, 4))):
            to = draw(st.integers(0, STATES - 1))
            stop = day + draw(st.integers(1, 5))
            rows.append([person, day, stop, state, to])
            day, state = stop + draw(st.sampled_from([0, 0, 2])), to
    return (
        sojourns(*(np.array(column) for column in zip(*rows, strict=True)), states=STATES),
        np.array(draw(st.lists(st.floats(0.1, 5), min_size=people, max_size=people))),
    )


# By hand


def test_occupancy_and_expected_days_by_hand():
    """Residential (0), IOP (1), community (2); four people, c lost from sight after day 3.

    day | residential | IOP | moves             | probabilities
      0 |  a b c d    |     |                   | 1, 0, 0
      2 |  a b c d    |     | a, b to IOP       | 1/2, 1/2, 0
      4 |  d          | a b | a to community    | 1/2, 1/4, 1/4
      5 |  d          | b   | d to IOP          | 0, 3/4, 1/4
      6 |             | b d | d to community    | 0, 3/8, 5/8

    Days to day 7: residential 2 * 1 + 3 * 1/2; IOP 2 * 1/2 + 1/4 + 3/4 + 3/8; community the rest.
    """
    rows = sojourns(
        person=[0, 0, 1, 1, 2, 3, 3],
        start=[0, 2, 0, 2, 0, 0, 5],
        stop=[2, 4, 2, 8, 3, 5, 6],
        state=[0, 1, 0, 1, 0, 0, 1],
        moves_to=[1, 2, 1, 1, 0, 1, 2],
        states=3,
    )
    found = occupancy(rows)
    assert found.at([1, 2, 4, 5, 6]) == pytest.approx(
        np.array([[8, 0, 0], [4, 4, 0], [4, 2, 2], [0, 6, 2], [0, 3, 5]]) / 8, rel=1e-15
    )
    assert found.expected_days(7) == pytest.approx([3.5, 2.375, 1.125], rel=1e-15)


def test_moves_that_share_a_day_share_its_risk_set():
    """On day 1 one of two goes each way round: both come from those there before."""
    rows = sojourns([0, 1], [0, 0], [1, 1], [0, 1], [1, 0], states=2)
    assert occupancy(rows).at(1).tolist() == [0.5, 0.5]


def test_whoever_enters_late_is_counted_from_then_on():
    """b enters on day 3 in the state; on day 5 one of two leaves."""
    rows = sojourns([0, 1], [0, 3], [5, 9], [0, 0], [1, 0], states=2)
    assert occupancy(rows).at(5).tolist() == [0.5, 0.5]


def test_weights_of_intervals_multiply_those_of_people():
    rows = sojourns([0, 1], [0, 0], [5, 9], [0, 0], [1, 0], states=2)
    found = occupancy(rows, [2, 1], [1, 3])
    assert found.at(5).tolist() == [3 / 5, 2 / 5]


def test_a_horizon_after_the_last_day_keeps_the_last_probabilities():
    rows = sojourns([0, 1], [0, 0], [5, 5], [0, 0], [1, 0], states=2)
    assert occupancy(rows).expected_days(9).tolist() == [7.0, 2.0]
    assert expected_days_derivative(occupancy(rows), 9)[:, 1] == pytest.approx([1.0, -1.0])


# By law


@laws
@given(journeys(), st.integers(1, 25))
def test_everyone_is_somewhere_on_every_day(drawn, until):
    found = occupancy(*drawn)
    assert found.at(np.arange(25)).sum(axis=1) == pytest.approx(np.ones(25), abs=1e-12)
    assert found.expected_days(until).sum() == pytest.approx(until, rel=1e-12)
    assert found.value.min() >= -1e-12
    for derivative in (occupancy_derivative, expected_days_derivative):
        assert derivative(found, until).sum(axis=1) == pytest.approx(0, abs=1e-9)


@laws
@given(journeys(), st.data())
def test_a_weight_of_k_is_k_people(drawn, data):
    rows, _ = drawn
    copies = np.array(data.draw(st.lists(st.integers(1, 3), min_size=rows.people,
                                         max_size=rows.people)))  # fmt: skip
    times = copies[rows.person]
    number = np.concatenate([np.arange(k) for k in times])
    columns = (rows.start, rows.stop, rows.state, rows.moves_to)
    copied = sojourns(
        np.repeat(rows.person, times) * 3 + number, *(np.repeat(c, times) for c in columns), STATES
    )
    days = np.arange(25)
    assert occupancy(rows, copies).at(days) == pytest.approx(occupancy(copied).at(days), abs=1e-12)


@laws
@given(journeys(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(drawn, random):
    rows, weight = drawn
    order = list(range(rows.person.size))
    random.shuffle(order)
    columns = (rows.person, rows.start, rows.stop, rows.state, rows.moves_to)
    shuffled = sojourns(*(column[order] for column in columns), STATES, rows.people)
    found, straight = occupancy(shuffled, weight), occupancy(rows, weight)
    assert found.value == pytest.approx(straight.value, abs=1e-12)
    assert expected_days_derivative(found, 9) == pytest.approx(
        expected_days_derivative(straight, 9), abs=1e-9
    )


@laws
@given(journeys(), st.integers(1, 20))
def test_the_derivative_is_what_a_little_weight_does(drawn, until):
    rows, weight = drawn
    also = 1 + rows.stop % 3  # of intervals, as censoring weights are
    found = occupancy(rows, weight, also)
    exact = occupancy_derivative(found, until), expected_days_derivative(found, until)
    for person in range(rows.people):
        step = np.zeros_like(weight)
        step[person] = 1e-5 * weight[person]
        up, down = (occupancy(rows, weight + sign * step, also) for sign in (1, -1))
        twice = 2 * step[person]
        assert (up.at(until) - down.at(until)) / twice == pytest.approx(
            exact[0][person], rel=1e-4, abs=1e-6
        )
        assert (up.expected_days(until) - down.expected_days(until)) / twice == pytest.approx(
            exact[1][person], rel=1e-4, abs=1e-5
        )


@laws
@given(st.data())
def test_with_one_way_out_it_is_the_cumulative_incidence(data):
    n = data.draw(st.integers(1, 20))
    day = np.array(data.draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)))
    cause = np.array(data.draw(st.lists(st.integers(0, 2), min_size=n, max_size=n)))
    weight = np.array(data.draw(st.lists(st.floats(0.2, 4), min_size=n, max_size=n)))
    start, state = np.zeros(n), np.zeros(n, int)
    found = occupancy(sojourns(np.arange(n), start, day, state, cause, states=3), weight)
    sets = risk_sets(day, cause, weight)
    days = np.arange(12)
    expected = cumulative_incidence(day, cause, weight).at(days)
    assert found.at(days)[:, 1] == pytest.approx(expected, abs=1e-12)
    assert occupancy_derivative(found, 6)[:, 1] == pytest.approx(
        incidence_derivative(sets, 6), abs=1e-9
    )
    assert 8 - found.expected_days(8)[1] == pytest.approx(restricted_mean(sets, 8), abs=1e-9)
    assert -expected_days_derivative(found, 8)[:, 1] == pytest.approx(
        restricted_mean_derivative(sets, 8), abs=1e-9
    )


# What cannot be


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (([0], [0], [3], [0], [2]), "a state is not one of 0 to 1"),
        (([0], [3], [3], [0], [1]), "holds no day"),
        (([0, 0], [0, 2], [3, 5], [0, 1], [1, 1]), "two intervals of a person overlap"),
        (([0, 0], [0, 3], [3, 5], [0, 0], [1, 1]), "next seen in another state"),
    ],
)
def test_sojourns_that_cannot_be_are_told(rows, words):
    with pytest.raises(CohortError, match=words):
        sojourns(*rows, states=2)


def test_if_nobody_is_in_sight_on_day_0_that_is_told():
    rows = sojourns([0], [2], [3], [0], [1], states=2)
    with pytest.raises(CohortError, match="nobody is in sight on day 0"):
        occupancy(rows)
    with pytest.raises(CohortError, match="a weight is negative or not a number"):
        occupancy(rows, [np.nan])
