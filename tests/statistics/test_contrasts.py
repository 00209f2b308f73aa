"""Two arms: restricted means, risks, their differences and ratios; pseudo-observations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import estimated_weights
from iop_outcomes.statistics.survival.competing_risks import event_free_at, incidence_at
from iop_outcomes.statistics.survival.contrasts import Estimate, difference, log_ratio, two_arms
from iop_outcomes.statistics.survival.curves import (
    event_free_derivative,
    incidence_derivative,
)
from iop_outcomes.statistics.survival.pseudo_observations import Jackknife, pseudo_observations
from iop_outcomes.statistics.survival.restricted_means import (
    check_horizon,
    last_day_told,
    restricted_mean,
    restricted_mean_derivative,
    time_lost,
    time_lost_derivative,
)
from iop_outcomes.statistics.survival.risk_sets import risk_sets
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=50)
RESTRICTED = restricted_mean, restricted_mean_derivative
LOST = time_lost, time_lost_derivative
RISK = incidence_at, incidence_derivative
FREE = event_free_at, event_free_derivative


@st.composite
def people(draw, least=2):
    n = draw(st.integers(least, 20))

    def each(values):
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    return each(st.integers(1, 9)), each(st.sampled_from([0, 1, 2])), each(st.floats(0.2, 5.0))


# By hand


def test_restricted_means_of_two_arms_by_hand():
    """Treated: days 2 and 4 with events: 3 of 4 days. Others: days 1 and 1: 1 of 4 days.

    Variances ((2 - 3)^2 + (4 - 3)^2) / 4 = 1/2 and 0.
    """
    treated = [True, True, False, False]
    one, other = two_arms(*RESTRICTED, treated, [2, 4, 1, 1], [1, 1, 1, 1], until=4)
    assert (one.value, other.value) == (3.0, 1.0)
    assert difference(one, other).std_error() == pytest.approx(np.sqrt(1 / 2))
    assert log_ratio(one, other).value == pytest.approx(np.log(3))
    assert log_ratio(one, other).std_error() == pytest.approx(np.sqrt(1 / 2) / 3)
    low, high = difference(one, other).interval(0.95)
    assert (low, high) == pytest.approx((2 - 1.385904, 2 + 1.385904), abs=1e-6)


def test_clusters_are_sums_of_influences():
    estimate = Estimate(1.0, np.array([0.3, -0.1, 0.2]))
    assert estimate.std_error(np.array([1, 1, 2])) == pytest.approx(np.sqrt(2 * (0.04 + 0.04)))


def test_an_empty_arm_and_a_ratio_of_nothing_are_refused():
    with pytest.raises(CohortError, match="nobody in it"):
        two_arms(*RISK, [True, True], [1, 2], [1, 1], 2)
    one, other = two_arms(*RISK, [True, False], [1, 2], [1, 0], 2)
    with pytest.raises(CohortError, match="their ratio is not a number"):
        log_ratio(one, other)


def test_a_horizon_beyond_what_anyone_saw_is_refused():
    sets = risk_sets([3, 5], [1, 0])
    check_horizon(sets, 5)
    with pytest.raises(CohortError, match="nobody was followed beyond day 5"):
        check_horizon(sets, 6)
    with pytest.raises(CohortError, match="after day 0"):
        check_horizon(sets, 0)


def test_once_everybody_has_left_the_curves_are_known_for_good():
    sets = risk_sets([3, 5], [1, 2])
    assert last_day_told(sets) is None
    check_horizon(sets, 1000)
    assert restricted_mean(sets, 1000) == pytest.approx(1000 - 997 / 2)


def test_pseudo_observations_without_censoring_are_the_persons_own():
    day, cause = [1, 2, 2, 5], [1, 2, 1, 1]
    for kind in Jackknife:
        risk = pseudo_observations(*RISK, day, cause, 2, kind=kind)
        assert risk == pytest.approx([1, 0, 1, 0], abs=1e-12)
        lost = pseudo_observations(*LOST, day, cause, 4, kind=kind)
        assert lost == pytest.approx([3, 0, 2, 0], abs=1e-12)


def test_leave_one_out_by_hand():
    """Days 1 (event), 2 (censored), 3 (event), S(3): 0 with all three, and without each of them:

    without the first (2 censored, 3 event) 0, without the second 0, without the third 1/2. So
    3 * 0 - 2 * 1/2 = -1 for the third and 0 for the others.
    """
    pseudo = pseudo_observations(*FREE, [1, 2, 3], [1, 0, 1], 3)
    assert pseudo == pytest.approx([0, 0, -1], abs=1e-15)


def test_one_person_has_no_pseudo_observation():
    with pytest.raises(CohortError, match="need two"):
        pseudo_observations(*FREE, [1], [1], 1)


# By law


@laws
@given(people(), st.integers(1, 10))
def test_time_free_and_time_lost_add_up_to_the_horizon(table, until):
    sets = risk_sets(*table)
    assert restricted_mean(sets, until) + time_lost(sets, until) == pytest.approx(until)
    opposite = restricted_mean_derivative(sets, until) + time_lost_derivative(sets, until)
    assert not opposite.any()


@laws
@given(people(least=3), st.integers(1, 10), st.booleans())
def test_leave_one_out_is_recomputed_without_each_person(table, until, delayed):
    day, cause, _ = table
    entry = day - 1 if delayed else None
    n = day.size
    whole = restricted_mean(risk_sets(day, cause, None, entry), until)
    slow = []
    for i in range(n):
        rest = np.arange(n) != i
        came = entry[rest] if delayed else None
        slow.append(restricted_mean(risk_sets(day[rest], cause[rest], None, came), until))
    expected = n * whole - (n - 1) * np.array(slow)
    ours = pseudo_observations(*RESTRICTED, day, cause, until, entry)
    assert ours == pytest.approx(expected, abs=1e-9)


@laws
@given(people(), st.integers(1, 10))
def test_infinitesimal_pseudo_observations_average_to_the_estimate(table, until):
    day, cause, _ = table
    pseudo = pseudo_observations(*RISK, day, cause, until, kind=Jackknife.INFINITESIMAL)
    assert pseudo.mean() == pytest.approx(incidence_at(risk_sets(day, cause), until), abs=1e-9)


def test_estimated_weights_are_the_derivative_of_refitting_the_propensity_score():
    """Adding a little of one person refits the logistic model, the weights and both curves."""
    random = np.random.default_rng(2)
    n = 60
    x = random.normal(size=n)
    design = np.column_stack([np.ones(n), x])
    treated = random.random(n) < 1 / (1 + np.exp(-x))
    day, cause = random.integers(1, 9, n), random.choice([0, 1, 2], n)

    def fitted(count):
        beta = np.zeros(2)
        for _ in range(50):
            p = 1 / (1 + np.exp(-design @ beta))
            bread = (design.T * (count * p * (1 - p))) @ design
            beta = beta + np.linalg.solve(bread, design.T @ (count * (treated - p)))
        return 1 / (1 + np.exp(-design @ beta))

    for number, derivative in (RISK, RESTRICTED, FREE):

        def contrast(count, number=number, derivative=derivative):
            weight = count * balancing_weights(treated, fitted(count), Estimand.ATE)
            arms = two_arms(number, derivative, treated, day, cause, 6, weight)
            return difference(*arms).value

        propensity = fit_propensity(treated, design).probability
        weight = balancing_weights(treated, propensity, Estimand.ATE)
        estimated = estimated_weights(treated, propensity, design, Estimand.ATE)
        arms = two_arms(number, derivative, treated, day, cause, 6, weight, estimated=estimated)
        step = 1e-5
        numerical = [
            (contrast(1 + step * one) - contrast(1 - step * one)) / (2 * step) for one in np.eye(n)
        ]
        assert difference(*arms).influence == pytest.approx(np.array(numerical), abs=1e-7)
