"""Survival, cumulative incidence and restricted means: by hand and by law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.statistics.survival.curves import (
    CENSORED,
    COMPETING,
    EVENT,
    cumulative_incidence,
    event_free_curve,
    incidence_curve,
    incidence_derivative,
    quantile_day,
    restricted_mean,
    restricted_mean_derivative,
    risk_sets,
)

laws = settings(derandomize=True, deadline=None, max_examples=100)


@st.composite
def people(draw, causes=(CENSORED, EVENT, COMPETING)):
    """Tied days from 0, causes and weights of up to 25 people."""
    n = draw(st.integers(1, 25))

    def each(values):
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    return (
        each(st.integers(0, 9)),
        each(st.sampled_from(causes)),
        each(st.floats(0.1, 10.0)),
    )


def swapped(cause):
    """The same people, with the competing event as the event."""
    return np.choose(cause, [CENSORED, COMPETING, EVENT])


# By hand


def test_incidence_by_hand():
    """Six people; an event and a competing event share day 3.

    day | at risk | event-free before | event | competing | incidence
      1 |    6    |        1          |   1   |     0     | 1/6
      3 |    4    |       5/6         |   1   |     1     | 1/6 + 5/6 * 1/4 = 3/8
      5 |    1    |       5/12        |   1   |     0     | 3/8 + 5/12     = 19/24
    """
    curve = cumulative_incidence([1, 2, 3, 3, 4, 5], [1, 0, 1, 2, 0, 1])
    assert curve.at([1, 3, 5]) == pytest.approx([1 / 6, 3 / 8, 19 / 24], rel=1e-15)


def test_event_free_probability_and_restricted_mean_by_hand():
    """The same six: 5/6 after day 1, 5/6 * 2/4 = 5/12 after day 3, 0 after day 5.

    Days free up to day 6: 1 * 1 + 2 * 5/6 + 2 * 5/12 = 7/2.
    """
    curve = event_free_curve(risk_sets([1, 2, 3, 3, 4, 5], [1, 0, 1, 2, 0, 1]))
    assert curve.at([0, 1, 2, 3, 4, 5]) == pytest.approx([1, 5 / 6, 5 / 6, 5 / 12, 5 / 12, 0])
    assert curve.area(6) == pytest.approx(7 / 2, rel=1e-15)


def test_a_curve_steps_on_the_day_and_not_before():
    curve = cumulative_incidence([3, 9], [1, 0])
    assert curve.at([0, 2.999, 3, 8]).tolist() == [0, 0, 0.5, 0.5]


def test_a_censoring_on_a_day_of_events_leaves_after_them():
    assert cumulative_incidence([2, 2], [1, 0]).at(2) == 0.5


def test_if_everyone_is_censored_nothing_happens():
    sets = risk_sets([1, 2, 2, 5], [0, 0, 0, 0])
    assert incidence_curve(sets).at([0, 2, 100]).tolist() == [0, 0, 0]
    assert event_free_curve(sets).area(4) == 4
    assert not incidence_derivative(sets, 3).any()
    assert not restricted_mean_derivative(sets, 3).any()


def test_if_everyone_has_the_event_on_one_day_the_curve_jumps_to_one():
    sets = risk_sets([4, 4, 4], [1, 1, 1])
    assert incidence_curve(sets).at([3, 4, 9]).tolist() == [0, 1, 1]
    assert event_free_curve(sets).area(9) == 4
    assert not incidence_derivative(sets, 9).any()


def test_one_person_with_one_event():
    sets = risk_sets([7], [1], [0.3])
    assert incidence_curve(sets).at([6, 7]).tolist() == [0, 1]
    assert event_free_curve(sets).area(10) == 7


def test_someone_followed_for_zero_days_is_at_risk_on_day_zero_alone():
    assert cumulative_incidence([0, 0, 1, 2], [1, 0, 1, 0]).at([0, 1]).tolist() == [
        1 / 4,
        1 / 4 + 3 / 4 * 1 / 2,
    ]


def test_a_weight_of_zero_is_nobody_even_on_the_last_day():
    assert cumulative_incidence([1, 2], [1, 0], [1, 0]).at([1, 2]).tolist() == [1, 1]


def test_follow_up_beyond_the_last_day_keeps_the_last_height():
    curve = event_free_curve(risk_sets([1, 2], [1, 0]))
    assert curve.at(50) == 0.5
    assert curve.area(5) == pytest.approx(1 + 4 * 0.5)


@pytest.mark.parametrize(
    ("day", "cause", "share", "expected"),
    [
        ([1, 2, 3], [1, 1, 1], 0.5, 2.0),  # 2/3, 1/3, 0: crosses one half on day 2
        ([1, 2, 3, 4], [1, 1, 1, 1], 0.5, 2.5),  # level at one half from day 2 to day 3
        ([1, 2, 3, 4], [1, 1, 1, 1], 0.25, 1.5),  # level at three quarters from day 1 to day 2
        ([1, 2, 3, 4], [1, 1, 0, 1], 0.5, 3.0),  # a censoring inside the level stretch ends nothing
        ([1, 2, 3], [1, 0, 0], 0.5, None),  # two thirds for ever
        ([1, 2], [0, 0], 0.5, None),
        ([1, 2, 3, 4], [1, 1, 0, 0], 0.5, 3.0),  # level to the end of follow-up on day 4, as in R
    ],
)
def test_where_survival_is_level_at_the_quantile_the_middle_is_taken(day, cause, share, expected):
    """The last row is `findq` of survival's quantile.survfit: "a flat at the end of the curve"."""
    assert quantile_day(event_free_curve(risk_sets(day, cause)), share) == expected


# By law


@laws
@given(people(), st.data())
def test_a_weight_of_k_is_k_people(table, data):
    day, cause, _ = table
    copies = np.array(data.draw(st.lists(st.integers(1, 5), min_size=len(day), max_size=len(day))))
    weighted, copied = (
        risk_sets(day, cause, copies),
        risk_sets(np.repeat(day, copies), np.repeat(cause, copies)),
    )
    days = np.arange(11)
    for curve in (incidence_curve, event_free_curve):
        assert curve(weighted).at(days) == pytest.approx(curve(copied).at(days), abs=1e-12)


@laws
@given(people())
def test_everyone_is_event_free_or_had_one_of_the_causes(table):
    day, cause, weight = table
    days = np.arange(11)
    whole = (
        cumulative_incidence(day, cause, weight).at(days)
        + cumulative_incidence(day, swapped(cause), weight).at(days)
        + event_free_curve(risk_sets(day, cause, weight)).at(days)
    )
    assert whole == pytest.approx(np.ones(11), abs=1e-12)


@laws
@given(people())
def test_incidence_never_falls_and_stays_a_probability(table):
    value = cumulative_incidence(*table).value
    assert (np.diff(value) >= 0).all()
    assert value.min() >= 0
    assert value.max() <= 1 + 1e-12


@laws
@given(people(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table, random):
    order = list(range(len(table[0])))
    random.shuffle(order)
    shuffled = risk_sets(*(column[order] for column in table))
    straight = risk_sets(*table)
    for curve in (incidence_curve, event_free_curve):
        assert curve(shuffled).value == pytest.approx(curve(straight).value, abs=1e-12)
    for derivative in (incidence_derivative, restricted_mean_derivative):
        assert derivative(shuffled, 5) == pytest.approx(derivative(straight, 5)[order], abs=1e-9)


@laws
@given(people(), st.floats(0.01, 100))
def test_the_scale_of_the_weights_does_not_matter(table, scale):
    day, cause, weight = table
    curve, scaled = (cumulative_incidence(day, cause, weight * c) for c in (1, scale))
    assert scaled.value == pytest.approx(curve.value, abs=1e-12)


@laws
@given(people(), st.floats(0.1, 30), st.floats(0.5, 12))
def test_scaling_time_scales_the_restricted_mean(table, scale, until):
    day, cause, weight = table
    mean = restricted_mean(risk_sets(day, cause, weight), until)
    scaled = restricted_mean(risk_sets(day * scale, cause, weight), until * scale)
    assert scaled == pytest.approx(mean * scale, rel=1e-9)


@laws
@given(people(causes=(EVENT,)), st.integers(0, 9))
def test_without_censoring_risk_is_a_share_and_restricted_time_a_mean(table, until):
    day, cause, weight = table
    sets = risk_sets(day, cause, weight)
    assert incidence_curve(sets).at(until) == pytest.approx(
        np.average(day <= until, weights=weight), abs=1e-12
    )
    assert event_free_curve(sets).area(until) == pytest.approx(
        np.average(np.minimum(day, until), weights=weight), abs=1e-12
    )


@laws
@given(people(causes=(CENSORED, EVENT)), st.floats(0, 12))
def test_without_competing_events_the_restricted_mean_is_the_area_under_survival(table, until):
    sets = risk_sets(*table)
    assert restricted_mean(sets, until) == pytest.approx(event_free_curve(sets).area(until))


def test_who_can_no_longer_relapse_counts_as_free_of_it_to_the_end():
    """Four people, ten days: relapse on day 2 costs 8, death on day 1 costs nothing."""
    assert restricted_mean(risk_sets([1, 2, 10, 10], [2, 1, 0, 0]), 10) == pytest.approx(10 - 8 / 4)


def central_difference(estimate, weight):
    step = 1e-5 * weight
    change = [
        estimate(weight + step * one) - estimate(weight - step * one) for one in np.eye(weight.size)
    ]
    return np.array(change) / (2 * step)


@laws
@given(people(), st.floats(0, 12))
def test_the_derivative_of_incidence_is_what_a_little_more_weight_changes(table, until):
    day, cause, weight = table
    numerical = central_difference(
        lambda w: float(cumulative_incidence(day, cause, w).at(until)), weight
    )
    exact = incidence_derivative(risk_sets(day, cause, weight), until)
    assert exact == pytest.approx(numerical, abs=1e-8 / weight.min())


@laws
@given(people(), st.floats(0, 12))
def test_the_derivative_of_the_restricted_mean_is_what_a_little_more_weight_changes(table, until):
    day, cause, weight = table
    numerical = central_difference(
        lambda w: restricted_mean(risk_sets(day, cause, w), until), weight
    )
    exact = restricted_mean_derivative(risk_sets(day, cause, weight), until)
    assert exact == pytest.approx(numerical, abs=1e-7 / weight.min())


@laws
@given(people(), st.floats(0, 12))
def test_influences_sum_to_zero(table, until):
    sets = risk_sets(*table)
    for derivative in (incidence_derivative, restricted_mean_derivative):
        assert np.sum(table[2] * derivative(sets, until)) == pytest.approx(0, abs=1e-10)


@laws
@given(people(causes=(CENSORED, EVENT)), st.integers(0, 9))
def test_unweighted_the_influence_variance_is_greenwoods(table, until):
    """S(t)^2 * sum of d / (n (n - d)), as long as somebody is left."""
    day, cause, _ = table
    sets = risk_sets(day, cause)
    survival = float(event_free_curve(sets).at(until))
    past = sets.day <= until
    n, d = sets.at_risk[past], sets.events[past]
    if survival > 0:
        greenwood = survival**2 * np.sum(d / (n * (n - d)))
        assert np.sum(incidence_derivative(sets, until) ** 2) == pytest.approx(greenwood, abs=1e-12)
