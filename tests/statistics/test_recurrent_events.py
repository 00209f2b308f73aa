"""Mean numbers of events that can come again: by hand, by law, and against a planted truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.estimating_equations import estimated_weights, influence
from iop_outcomes.statistics.histories.recurrent_events import (
    EventHistory,
    event_history,
    mean_events,
    mean_events_derivative,
    recurrent_risk_sets,
)
from iop_outcomes.statistics.survival.contrasts import difference
from iop_outcomes.statistics.survival.curves import cumulative_hazard, cumulative_incidence
from iop_outcomes.statistics.survival.risk_sets import risk_sets
from iop_outcomes.statistics.survival.weighted_arms import weighted_arms
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=50)
DAYS = np.arange(0, 40)


@st.composite
def histories(draw, dying=True):
    """Up to eight people with tied events, days out of sight, deaths and weights."""
    rows, people = [], draw(st.integers(1, 8))
    for person in range(people):
        day = draw(st.integers(-1, 3))
        for _ in range(draw(st.integers(1, 4))):
            start = day + draw(st.sampled_from([0, 0, 2]))
            day = start + draw(st.integers(1, 5))
            rows.append([person, start, day, draw(st.integers(0, 2)), False])
        rows[-1][4] = dying and draw(st.booleans())
    return (
        event_history(*(np.array(column) for column in zip(*rows, strict=True))),
        np.array(draw(st.lists(st.floats(0.1, 5), min_size=people, max_size=people))),
    )


def curve(history, weight=None):
    return mean_events(recurrent_risk_sets(history, weight)).at(DAYS)


# By hand


def test_ghosh_lin_by_hand():
    """Four people in sight from day 0; b dies on day 2, on which a and c relapse; c dies on day 5.

    day | at risk | alive before | relapses | dies | mean
      2 | a b c d |      1       |   a, c   |  b   | 2/4
      3 | a c d   |     3/4      |   a      |      | 1/2 + 3/4 * 1/3 = 3/4
      5 | c d     |     3/4      |   d      |  c   | 3/4 + 3/4 * 1/2 = 9/8
      6 | d       |     3/8      |   d      |      | 9/8 + 3/8 * 1 = 3/2
    """
    history = event_history(
        person=[0, 0, 0, 1, 2, 2, 3, 3],
        start=[0, 2, 3, 0, 0, 2, 0, 5],
        stop=[2, 3, 4, 2, 2, 5, 5, 6],
        events=[1, 1, 0, 0, 1, 0, 1, 1],
        terminal=[0, 0, 0, 1, 0, 1, 0, 0],
    )
    found = mean_events(recurrent_risk_sets(history))
    assert found.at([1, 2, 3, 5, 6]) == pytest.approx([0, 1 / 2, 3 / 4, 9 / 8, 3 / 2], rel=1e-15)
    if_nobody_died = mean_events(
        recurrent_risk_sets(event_history(*(getattr(history, n) for n in COLUMNS)))
    )
    assert if_nobody_died.at(6) == pytest.approx(1 / 2 + 1 / 3 + 1 / 2 + 1, rel=1e-15)


COLUMNS = ("person", "start", "stop", "events")


def test_a_relapse_on_the_day_of_death_counts():
    """One of two relapses and dies on day 1: 1/2, and then 1/2 * 1 from the other on day 2."""
    history = event_history([0, 1], [0, 0], [1, 2], [1, 1], [True, False])
    assert mean_events(recurrent_risk_sets(history)).at([1, 2]).tolist() == [0.5, 1.0]


def test_someone_readmitted_is_not_at_risk_meanwhile():
    """a is away on days 3 to 6; b relapses on day 5, alone at risk: 1, not 1/2."""
    history = event_history([0, 0, 1], [0, 6, 0], [2, 9, 5], [0, 0, 1])
    assert mean_events(recurrent_risk_sets(history)).at(5) == 1.0


def test_two_relapses_on_a_day_are_two_events():
    assert curve(event_history([0, 1], [0, 0], [3, 3], [2, 0]))[3] == 1.0


def test_whoever_is_at_risk_on_day_0_starts_on_day_minus_1():
    assert curve(event_history([0, 1], [-1, -1], [0, 4], [1, 0]))[0] == 0.5


def test_weights_of_intervals_multiply_those_of_people():
    history = event_history([0, 0, 1], [0, 2, 0], [2, 4, 4], [1, 1, 0])
    sets = recurrent_risk_sets(history, [2, 1], [1, 0.5, 3])
    assert mean_events(sets).at([2, 4]) == pytest.approx([2 / 5, 2 / 5 + 1 / 4])


def test_if_everyone_dies_on_a_day_nothing_comes_after():
    history = event_history([0, 1], [0, 0], [3, 3], [1, 0], [True, True])
    sets = recurrent_risk_sets(history)
    assert mean_events(sets).at([3, 30]).tolist() == [0.5, 0.5]
    assert mean_events_derivative(sets, 9) == pytest.approx([0.25, -0.25])


# By law


@laws
@given(histories(), st.data())
def test_a_weight_of_k_is_k_people(drawn, data):
    history, _ = drawn
    copies = np.array(data.draw(st.lists(st.integers(1, 3), min_size=history.people,
                                         max_size=history.people)))  # fmt: skip
    times = copies[history.person]
    number = np.concatenate([np.arange(k) for k in times])
    columns = [np.repeat(getattr(history, n), times) for n in (*COLUMNS[1:], "terminal")]
    person = np.repeat(history.person, times) * 3 + number
    copied = event_history(person, *columns)
    assert curve(history, copies) == pytest.approx(curve(copied), abs=1e-12)
    weighted = mean_events_derivative(recurrent_risk_sets(history, copies), 12)
    each = mean_events_derivative(recurrent_risk_sets(copied), 12)
    assert each[person] == pytest.approx(np.repeat(weighted[history.person], times), abs=1e-9)


@laws
@given(histories(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(drawn, random):
    history, weight = drawn
    order = list(range(history.person.size))
    random.shuffle(order)
    columns = (getattr(history, n)[order] for n in (*COLUMNS, "terminal"))
    shuffled = EventHistory(*columns, history.people)
    assert curve(shuffled, weight) == pytest.approx(curve(history, weight), abs=1e-12)


@laws
@given(histories(), st.integers(1, 15))
def test_the_derivative_is_what_a_little_weight_does(drawn, until):
    history, weight = drawn
    also = 1 + history.stop % 3  # of intervals, as censoring weights are
    derivative = mean_events_derivative(recurrent_risk_sets(history, weight, also), until)
    for person in range(history.people):
        step = np.zeros_like(weight)
        step[person] = 1e-5 * weight[person]
        up, down = (
            mean_events(recurrent_risk_sets(history, weight + sign * step, also)).at(until)
            for sign in (1, -1)
        )
        assert (up - down) / (2 * step[person]) == pytest.approx(
            derivative[person], rel=1e-5, abs=1e-7
        )


@laws
@given(histories(), st.integers(1, 15))
def test_influences_sum_to_zero(drawn, until):
    history, weight = drawn
    derivative = mean_events_derivative(recurrent_risk_sets(history, weight), until)
    assert (weight * derivative).sum() == pytest.approx(0, abs=1e-9)


@laws
@given(histories(dying=False))
def test_without_deaths_it_is_nelson_aalen_of_all_events(drawn):
    history, weight = drawn
    each = weight[history.person]
    expected = np.zeros(DAYS.size)
    for day in np.unique(history.stop):
        at_risk = (history.start < day) & (day <= history.stop)
        jump = (each * history.events)[history.stop == day].sum() / each[at_risk].sum()
        expected += np.where(day <= DAYS, jump, 0)
    assert curve(history, weight) == pytest.approx(expected, rel=1e-12)


@st.composite
def first_events(draw):
    n = draw(st.integers(1, 20))
    day = np.array(draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)))
    cause = np.array(draw(st.lists(st.sampled_from([0, 1, 2]), min_size=n, max_size=n)))
    return day, cause, np.array(draw(st.lists(st.floats(0.2, 4), min_size=n, max_size=n)))


@laws
@given(first_events())
def test_of_first_events_alone_it_is_the_cumulative_hazard(people):
    day, cause, weight = people
    rows = event_history(np.arange(day.size), np.zeros(day.size), day, cause == 1)
    hazard = cumulative_hazard(risk_sets(day, np.where(cause == 1, 1, 0), weight))
    assert curve(rows, weight) == pytest.approx(hazard.at(DAYS), abs=1e-12)


@laws
@given(first_events())
def test_if_the_event_also_ends_history_it_is_the_cumulative_incidence(people):
    """Aalen-Johansen is Ghosh-Lin when nobody comes back after the first event."""
    day, cause, weight = people
    rows = event_history(np.arange(day.size), np.zeros(day.size), day, cause == 1, cause > 0)
    incidence = cumulative_incidence(day, cause, weight)
    assert curve(rows, weight) == pytest.approx(incidence.at(DAYS), abs=1e-12)


@laws
@given(histories())
def test_death_only_lowers_the_mean(drawn):
    history, weight = drawn
    undying = event_history(*(getattr(history, n) for n in COLUMNS), people=history.people)
    assert (curve(history, weight) <= curve(undying, weight) + 1e-12).all()


# Arms


def test_the_difference_of_arms_is_that_of_their_means_with_independent_errors():
    history, treated = planted(np.random.default_rng(4), 60)
    weight = np.ones(history.people)

    def read(mine):
        sets = recurrent_risk_sets(history, mine)
        return mean_events(sets).at(50), mean_events_derivative(sets, 50)

    one, other = weighted_arms(read, treated, weight)
    both = difference(one, other)
    assert both.value == pytest.approx(one.value - other.value)
    assert both.std_error() == pytest.approx(np.hypot(one.std_error(), other.std_error()))
    assert not (one.influence[~treated].any() or other.influence[treated].any())


def test_estimated_weights_reach_the_difference_through_the_shared_formula():
    rng = np.random.default_rng(5)
    history, treated = planted(rng, 60)
    x = np.column_stack([np.ones(history.people), rng.normal(size=history.people)])
    fit = fit_propensity(treated, x)
    weight = balancing_weights(treated, fit.probability, Estimand.ATE)
    estimated = estimated_weights(treated, fit.probability, x, Estimand.ATE)

    def read(mine):
        sets = recurrent_risk_sets(history, mine)
        return mean_events(sets).at(50), mean_events_derivative(sets, 50)

    one, _ = weighted_arms(read, treated, weight, estimated)
    slope = np.where(treated, read(np.where(treated, weight, 0))[1], 0)
    assert one.influence == pytest.approx(influence(slope, weight, estimated))


def test_an_arm_without_weight_is_told():
    with pytest.raises(PositivityError, match="nobody in the comparator arm has a weight"):
        weighted_arms(lambda w: (0.0, w), [True, True], [1, 1])


# What cannot be


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (([], [], [], []), "nobody is at risk on any day"),
        (([0], [3], [3], [1]), "holds no day: intervals are .start, stop."),
        (([0], [0], [np.nan], [1]), "lacks its first or last day"),
        (([0, 0], [0, 1], [2, 3], [0, 0]), "two intervals of a person overlap"),
        (([-1], [0], [3], [1]), "not of one of 0 people"),
        (([1], [0], [3], [1], None, 1), "not of one of 1 people; number them from 0"),
        (([0], [0], [3], [-1]), "fewer than no events"),
        (([0, 0], [0, 2], [2, 3], [0, 0], [True, False]), "at risk after the terminal event"),
    ],
)
def test_histories_that_cannot_be_are_told(rows, words):
    with pytest.raises(CohortError, match=words):
        event_history(*rows)


def test_a_negative_weight_is_told():
    with pytest.raises(CohortError, match="a weight is negative or not a number"):
        recurrent_risk_sets(event_history([0], [0], [1], [1]), [-1])
    with pytest.raises(CohortError, match="a weight for each of 1 people"):
        recurrent_risk_sets(event_history([0], [0], [1], [1]), [1, 1])


# Against a planted truth


def planted(rng, people, rate=0.04, death=0.006, horizon=100):
    """Relapses and death hasten each other through a frailty Z of 1/2 or 3/2; whole days.

    Relapses come at Z times `rate` a day, death at Z times `death`, sight ends at random.
    """
    frailty = rng.choice([0.5, 1.5], people)
    dies = np.ceil(rng.exponential(1 / (death * frailty)))
    ends = np.minimum(dies, rng.integers(20, 2 * horizon, people))
    columns = [[], [], [], [], []]
    for person in range(people):
        day = np.arange(1, ends[person] + 1)
        came = rng.poisson(rate * frailty[person], day.size)
        stops = np.append(day[:-1][came[:-1] > 0], ends[person])
        starts = np.append(0, stops[:-1])
        counts = np.append(came[:-1][came[:-1] > 0], came[-1])
        ended = np.zeros(stops.size, bool)
        ended[-1] = dies[person] == ends[person]
        for column, values in zip(
            columns, (np.full(stops.size, person), starts, stops, counts, ended), strict=True
        ):
            column.append(values)
    return (
        event_history(*(np.concatenate(column) for column in columns), people=people),
        np.arange(people) % 2 == 0,
    )


@pytest.mark.slow
def test_ghosh_lin_finds_a_planted_mean_and_its_intervals_cover_it():
    """A day s is lived through with probability exp(-death * Z * (s - 1)): events on it are the
    mean of rate * Z over those alive before it. 400 samples of 250: coverage of 95% within 92.5%
    to 97.5% (about 2.3 Monte Carlo errors), bias within 3 of its own errors. Treating death as
    censoring overstates the mean by more than a quarter.
    """
    day = np.arange(1, 101)
    truth = np.mean([(0.04 * z * np.exp(-0.006 * z * (day - 1))).sum() for z in (0.5, 1.5)])
    rng = np.random.default_rng(11)
    value, error, naive = [], [], []
    for _ in range(400):
        history, _ = planted(rng, 250)
        sets = recurrent_risk_sets(history)
        value.append(float(mean_events(sets).at(100)))
        error.append(np.sqrt((mean_events_derivative(sets, 100) ** 2).sum()))
        undying = event_history(*(getattr(history, n) for n in COLUMNS))
        naive.append(float(mean_events(recurrent_risk_sets(undying)).at(100)))
    value, error = np.array(value), np.array(error)
    assert abs(value.mean() - truth) < 3 * value.std() / 20
    assert 0.925 < np.mean(np.abs(value - truth) < 1.96 * error) < 0.975
    assert error.mean() == pytest.approx(value.std(), rel=0.1)
    assert np.mean(naive) > 1.25 * truth
