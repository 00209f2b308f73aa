"""Relapse known to lie between tests: by hand, by law, and against a planted truth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.coarse_time.interval_censoring import innermost_intervals, turnbull
from iop_outcomes.statistics.coarse_time.scheduled_tests import fit_scheduled_hazards
from iop_outcomes.statistics.survival.curves import event_free_curve
from iop_outcomes.statistics.survival.risk_sets import risk_sets

laws = settings(derandomize=True, deadline=None, max_examples=60)
INF = np.inf
WEEKS = 7.0 * np.arange(1, 11)


def none(rows):
    return np.empty((rows, 0))


@st.composite
def intervals(draw):
    """Up to 15 people: days known exactly, between two tests, or only to be later; weights."""
    n = draw(st.integers(1, 15))
    left = np.array(draw(st.lists(st.integers(0, 9), min_size=n, max_size=n)), float)
    wide = draw(st.lists(st.sampled_from([0, 1, 3, 5, INF]), min_size=n, max_size=n))
    weight = np.array(draw(st.lists(st.floats(0.2, 4), min_size=n, max_size=n)))
    return left, left + np.array(wide), weight


# By hand


def test_turnbull_by_hand():
    """Relapse in week 1, in week 2, in one of them, in neither: masses p, q maximise
    p q (p + q) (1 - p - q), so that p + q = 3/4 and p = q.
    """
    masses = turnbull([0, 7, 0, 14], [7, 14, 14, INF])
    assert masses.left.tolist() == [0, 7, 14]
    assert masses.right.tolist() == [7, 14, INF]
    assert masses.mass == pytest.approx([3 / 8, 3 / 8, 1 / 4], rel=1e-9)
    assert masses.log_likelihood == pytest.approx(np.log(3 / 8 * 3 / 8 * 3 / 4 / 4))


def test_between_two_tests_the_curve_may_lie_anywhere_between_its_bounds():
    low, high = turnbull([0, 7, 14], [7, 14, INF]).survival_bounds([[0, 7], [10, 99]])
    assert low == pytest.approx(np.array([[1, 2 / 3], [1 / 3, 0]]))
    assert high == pytest.approx(np.array([[1, 2 / 3], [2 / 3, 1 / 3]]))


def test_an_interval_does_not_hold_its_left_day():
    """One relapses on day 7 exactly, the other after a clean test that day."""
    masses = turnbull([7, 7], [7, 14])
    assert list(zip(masses.left, masses.right, strict=True)) == [(7, 7), (7, 14)]
    assert masses.mass == pytest.approx([0.5, 0.5])
    assert turnbull([7, 0], [7, 7]).mass.tolist() == [1.0]  # but its right day


def test_innermost_intervals_begin_at_a_left_end_and_end_at_the_next_right_end():
    """Turnbull's regions of (0, 3], (1, 5], (4, 6], (8, inf]: (1, 3], (4, 5], (8, inf]."""
    left, right = innermost_intervals([0, 1, 4, 8], [3, 5, 6, INF])
    assert left.tolist() == [1, 4, 8]
    assert right.tolist() == [3, 5, INF]


def test_hazards_between_visits_by_hand():
    """The four people of Turnbull's example; without covariates the two agree at the visits."""
    fit = fit_scheduled_hazards([7, 14], [0, 1, 0, 2], [1, 2, 2, 0], none(4))
    assert np.exp(-np.cumsum(fit.hazard)) == pytest.approx([5 / 8, 1 / 4], rel=1e-9)
    assert fit.risk(1, none(1))[0] == pytest.approx([3 / 4], rel=1e-9)


def test_where_nobody_can_have_relapsed_the_hazard_is_zero():
    """All are seen clean on day 14, and two of three are positive on day 21."""
    fit = fit_scheduled_hazards([7, 14, 21], [2, 2, 3], [3, 3, 0], none(3))
    assert fit.hazard[:2].tolist() == [0, 0]
    assert fit.risk(2, none(1))[0] == pytest.approx([2 / 3])


def test_a_hazard_that_the_data_drive_to_nothing_is_nothing():
    """(0, 2] and (1, 3] overlap in step 2 alone: Turnbull puts all their mass there."""
    clean, positive = [0, 1, 0, 1, 3], [2, 3, 2, 3, 0]
    fit = fit_scheduled_hazards([7, 14, 21], clean, positive, none(5))
    masses = turnbull([0, 7, 0, 7, 21], [14, 21, 14, 21, INF])
    assert fit.hazard[[0, 2]] == pytest.approx([0, 0], abs=1e-8)
    assert masses.left.tolist() == [7, 21]
    assert fit.risk(2, none(1))[0] == pytest.approx([0.8], abs=1e-8)
    assert masses.mass == pytest.approx([0.8, 0.2])


# By law


@laws
@given(intervals())
def test_the_masses_are_a_maximum(people):
    """Kuhn-Tucker: the slope of every innermost interval is at most the sum of the weights, and
    equals it where there is mass.
    """
    left, right, weight = people
    masses = turnbull(left, right, weight)

    def holds(inner_left, inner_right):
        inside = (left[:, None] <= inner_left) & (inner_right <= right[:, None])
        exact = inner_left == inner_right
        return inside & ~(exact & (left[:, None] == inner_left) & (left < right)[:, None])

    chance = holds(masses.left, masses.right) @ masses.mass
    slope = (weight / chance) @ holds(*innermost_intervals(left, right)) / weight.sum()
    assert masses.mass.sum() == pytest.approx(1)
    assert slope.max() == pytest.approx(1, abs=1e-7)
    kept = (weight / chance) @ holds(masses.left, masses.right) / weight.sum()
    assert kept == pytest.approx(1, abs=1e-6)


@laws
@given(st.data())
def test_with_exact_days_it_is_kaplan_meier(data):
    n = data.draw(st.integers(1, 20))
    day = np.array(data.draw(st.lists(st.integers(1, 9), min_size=n, max_size=n)), float)
    event = np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    weight = np.array(data.draw(st.lists(st.floats(0.2, 4), min_size=n, max_size=n)))
    low, high = turnbull(day, np.where(event, day, INF), weight).survival_bounds(day)
    curve = event_free_curve(risk_sets(day, event.astype(int), weight)).at(day)
    # A last day without an event leaves its mass somewhere after it.
    assert high == pytest.approx(curve, abs=1e-7)
    assert low == pytest.approx(curve, abs=1e-7)


@laws
@given(st.lists(st.integers(1, 60), min_size=1, max_size=30))
def test_in_bands_that_do_not_overlap_survival_at_the_edges_is_a_share(days):
    edges = np.array([0, 7, 14, 30, 60])
    days = np.array(days)
    band = np.searchsorted(edges, days)
    low, high = turnbull(edges[band - 1], edges[band]).survival_bounds(edges)
    share = [(days > edge).mean() for edge in edges]
    assert low == pytest.approx(share, abs=1e-9)
    assert high == pytest.approx(share, abs=1e-9)


@laws
@given(intervals(), st.data())
def test_a_weight_of_k_is_k_people_and_the_order_of_rows_does_not_matter(people, data):
    left, right, _ = people
    sizes = st.lists(st.integers(0, 3), min_size=left.size, max_size=left.size)
    copies = np.array(data.draw(sizes.filter(any)))
    weighted = turnbull(left, right, copies)
    copied = turnbull(*(np.repeat(end, copies)[::-1] for end in (left, right)))
    assert copied.log_likelihood == pytest.approx(weighted.log_likelihood, abs=1e-8)
    assert copied.left.tolist() == weighted.left.tolist()


def scheduled(rng, people, ratio=0.5):
    """Weekly tests for ten weeks, a quarter of them missed; relapse at 2% a day, arm and age."""
    x = np.column_stack([np.arange(people) % 2, rng.integers(0, 3, people)]).astype(float)
    day = rng.exponential(50 * np.exp(-ratio * x[:, 0] + 0.2 * x[:, 1]))
    seen = rng.random((people, 10)) > 0.25
    after = day[:, None] <= WEEKS
    positive = np.where((seen & after).any(axis=1), (seen & after).argmax(axis=1) + 1, 0)
    clean = np.where(seen & ~after, np.arange(1, 11), 0).max(axis=1)
    return x, clean, positive


def test_on_a_schedule_without_covariates_the_two_ways_agree_at_the_visits():
    _, clean, positive = scheduled(np.random.default_rng(1), 150)
    weight = np.random.default_rng(2).uniform(0.5, 2, 150)
    fit = fit_scheduled_hazards(WEEKS, clean, positive, none(150), weight)
    days = np.append(0, WEEKS)
    right = np.where(positive > 0, days[positive], INF)
    low, high = turnbull(days[clean], right, weight).survival_bounds(WEEKS)
    assert low == pytest.approx(high)
    assert np.exp(-np.cumsum(fit.hazard)) == pytest.approx(high, abs=1e-7)


def test_weights_order_and_units_of_scheduled_hazards():
    rng = np.random.default_rng(3)
    x, clean, positive = scheduled(rng, 120)
    copies, order = rng.integers(0, 4, 120), rng.permutation(120)
    fit = fit_scheduled_hazards(WEEKS, clean, positive, x, copies)
    repeated = (np.repeat(column, copies, axis=0) for column in (clean, positive, x))
    copied = fit_scheduled_hazards(WEEKS, *repeated)
    moved = x[order] * [10, 1] + [3, -1]
    shuffled = fit_scheduled_hazards(WEEKS, clean[order], positive[order], moved, copies[order])
    assert copied.coefficients == pytest.approx(fit.coefficients, rel=1e-7)
    assert shuffled.coefficients * [10, 1] == pytest.approx(fit.coefficients, rel=1e-7)
    assert shuffled.coefficient_derivative * [10, 1] == pytest.approx(
        fit.coefficient_derivative[order], abs=1e-9
    )
    assert (fit.coefficient_derivative[copies == 0] == 0).all()
    assert copies @ fit.coefficient_derivative == pytest.approx([0, 0], abs=1e-8)


def test_the_derivative_is_what_a_little_weight_does():
    rng = np.random.default_rng(4)
    x, clean, positive = scheduled(rng, 100)
    weight = rng.uniform(0.5, 2, 100)
    fit = fit_scheduled_hazards(WEEKS, clean, positive, x, weight)
    _, derivative = fit.risk(5, [[1, 0], [0, 2]])
    for person in (0, 33, 60):
        step = np.zeros(100)
        step[person] = 1e-4
        up, down = (
            fit_scheduled_hazards(WEEKS, clean, positive, x, weight + sign * step)
            for sign in (1, -1)
        )
        assert fit.coefficient_derivative[person] == pytest.approx(
            (up.coefficients - down.coefficients) / 2e-4, rel=1e-5, abs=1e-8
        )
        risks = (up.risk(5, [[1, 0], [0, 2]])[0] - down.risk(5, [[1, 0], [0, 2]])[0]) / 2e-4
        assert derivative[person] == pytest.approx(risks, rel=1e-5, abs=1e-8)


# What cannot be


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([], []), "nobody was ever tested"),
        (([3], [2]), "comes before the last clean one"),
        (([np.nan], [2]), "the first positive test is missing"),
        (([1], [2], [-1]), "a weight is negative"),
        (([1], [2], [0]), "nobody was ever tested"),
    ],
)
def test_intervals_that_cannot_be_are_told(arguments, words):
    with pytest.raises(CohortError, match=words):
        turnbull(*arguments)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([7, 7], [0], [1], none(1)), "not ascending days after day 0"),
        (([7], [0], [2], none(1)), "a visit is not one of 0 to 1"),
        (([7, 14], [1], [1], none(1)), "does not come after the last clean one"),
        (([7], [1], [0], none(1)), "nobody relapses at any visit"),
        (([7], [0, 1], [1, 0], [[1.0], [1.0]]), "follows from the others or is constant"),
        (([7], [0, 1], [1, 0], none(2), [1, np.nan]), "a weight is negative"),
        (([7, 14], [0, 1, 1], [1, 2, 2], none(3)), "everyone still seen by visit 2 has relapsed"),
    ],
)
def test_schedules_that_cannot_be_are_told(arguments, words):
    with pytest.raises(CohortError, match=words):
        fit_scheduled_hazards(*arguments)


def test_a_covariate_that_tells_who_relapses_is_told():
    with pytest.raises(PositivityError, match="separate those who relapse"):
        fit_scheduled_hazards([7], [0, 0, 1, 1], [1, 1, 0, 0], [[1.0], [1.0], [0.0], [0.0]])


# Against a planted truth


def test_a_planted_hazard_ratio_survives_missed_tests_and_is_covered():
    """Hazard ratio exp(0.5), 300 samples of 300: bias within 3 of its own errors, coverage of 95%
    within 92.2% to 97.8%.
    """
    rng = np.random.default_rng(5)
    found = []
    for _ in range(300):
        x, clean, positive = scheduled(rng, 300)
        fit = fit_scheduled_hazards(WEEKS, clean, positive, x)
        error = np.sqrt((fit.coefficient_derivative[:, 0] ** 2).sum())
        found.append((fit.coefficients[0] - 0.5, error))
    away, error = np.array(found).T
    assert abs(away.mean()) < 3 * away.std() / np.sqrt(300)
    assert 0.922 < np.mean(np.abs(away) < 1.96 * error) < 0.978
