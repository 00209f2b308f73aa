"""Limits of curves, of their quantiles, and simultaneous bands."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import trapezoid
from scipy.optimize import brentq

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.bands import hall_wellner_spread, simultaneous_critical
from iop_outcomes.statistics.survival.curve_influence import (
    event_free_influence,
    incidence_influence,
)
from iop_outcomes.statistics.survival.curve_limits import (
    Scale,
    greenwood_variance,
    limits,
    quantile_limits,
)
from iop_outcomes.statistics.survival.curves import event_free_curve, incidence_curve
from iop_outcomes.statistics.survival.risk_sets import StepCurve, risk_sets

laws = settings(derandomize=True, deadline=None, max_examples=60)

# By hand


@pytest.mark.parametrize(
    ("scale", "forth", "back", "slope"),
    [
        (Scale.PLAIN, lambda p: p, lambda x: x, lambda p: 1.0),
        (Scale.LOG, np.log, np.exp, lambda p: 1 / p),
        (
            Scale.LOG_LOG,
            lambda p: np.log(-np.log(p)),
            lambda x: np.exp(-np.exp(x)),
            lambda p: 1 / (p * np.log(p)),
        ),
        (
            Scale.LOGIT,
            lambda p: np.log(p / (1 - p)),
            lambda x: 1 / (1 + np.exp(-x)),
            lambda p: 1 / (p * (1 - p)),
        ),
        (
            Scale.ARCSINE,
            lambda p: np.arcsin(np.sqrt(p)),
            lambda x: np.sin(x) ** 2,
            lambda p: 1 / (2 * np.sqrt(p * (1 - p))),
        ),
    ],
)
def test_limits_are_the_normal_ones_of_the_transformed_value(scale, forth, back, slope):
    half = 1.96 * 0.06 * abs(slope(0.4))
    expected = sorted([back(forth(0.4) - half), back(forth(0.4) + half)])
    lower, upper = limits([0.4], [0.06], 1.96, scale)
    assert [lower.item(), upper.item()] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("scale", list(Scale))
def test_where_nothing_is_uncertain_both_limits_are_the_value(scale):
    lower, upper = limits([0.0, 1.0, 0.5], [0.0, 0.0, 0.0], scale=scale)
    assert lower.tolist() == upper.tolist() == [0.0, 1.0, 0.5]


@laws
@given(st.floats(0.001, 0.999), st.floats(1e-6, 0.5), st.sampled_from(list(Scale)))
def test_limits_hold_the_value_and_stay_probabilities(value, error, scale):
    lower, upper = limits([value], [error], scale=scale)
    assert 0 <= lower <= value <= upper <= 1


def test_a_median_whose_band_never_comes_down_has_no_upper_limit():
    curve = StepCurve(np.array([1.0, 2.0]), np.array([0.6, 0.4]), 1.0)
    ends = quantile_limits(curve, np.array([0.4, 0.2]), np.array([0.8, 0.6]), 0.5)
    assert ends == (1.0, None)


def test_the_day_on_which_the_last_one_leaves_is_no_upper_limit():
    """There the curve falls to 0 and has no band; R's survfit gives NA there as well."""
    curve = StepCurve(np.array([1.0, 2.0]), np.array([0.6, 0.0]), 1.0)
    ends = quantile_limits(curve, np.array([0.4, 0.0]), np.array([0.8, 0.0]), 0.5)
    assert ends == (1.0, None)


# Bands


def bridge_within(width, share):
    """Probability that a Brownian bridge stays within +-width on [0, a]; Hall & Wellner (1980).

    Its height x at a is normal with variance a (1 - a), and up to there it is a bridge from 0 to x,
    which stays inside with probability sum (-1)^k exp(-2 k w (k w - x) / a) (reflection).
    """
    k = np.arange(-40, 41)[:, None]
    x = np.linspace(-width, width, 4001)
    inside = ((-1.0) ** k * np.exp(-2 * k * width * (k * width - x) / share)).sum(axis=0)
    return trapezoid(inside * stats.norm.pdf(x, scale=np.sqrt(share * (1 - share))), x)


def many_people(n=4000, seed=5):
    random = np.random.default_rng(seed)
    day = np.minimum(np.ceil(random.exponential(300, n)), np.ceil(random.uniform(50, 600, n)))
    event = random.random(n) < 0.7
    return day, event.astype(int)


def test_hall_wellner_bands_have_the_published_critical_value():
    """Drawn from the influences of 4000 people on 1 to 365 days, against the law of the bridge up
    to a = n sigma^2 / (1 + n sigma^2). The bridge is read on every moment and the curve on 365
    days, so the drawn value is lower by a hair.
    """
    day, event = many_people()
    sets = risk_sets(day, event)
    days = np.arange(1, 366)
    survival = event_free_curve(sets).at(days)
    error = np.sqrt(greenwood_variance(sets))[np.searchsorted(sets.day, days, side="right") - 1]
    spread = hall_wellner_spread(survival, error, day.size)
    drawn = simultaneous_critical(event_free_influence(sets).at(days), spread)
    growth = day.size * (error[-1] / survival[-1]) ** 2
    exact = brentq(lambda w: bridge_within(w, growth / (1 + growth)) - 0.95, 0.5, 2)
    assert exact - 0.04 < drawn < exact + 0.02


def test_the_law_of_the_bridge_is_kolmogorovs_in_the_limit():
    """1.3581 holds 95% of bridges on the whole of [0, 1]."""
    assert bridge_within(stats.kstwobign.ppf(0.95), 1 - 1e-5) == pytest.approx(0.95, abs=1e-4)


def test_equal_precision_bands_have_nairs_critical_value():
    """Nair (1984): 4 phi(c) / c + phi(c) (c - 1/c) log(b (1 - a) / (a (1 - b))) = 0.05."""
    day, event = many_people()
    sets = risk_sets(day, event)
    days = np.arange(20, 366)
    error = np.sqrt(greenwood_variance(sets))[np.searchsorted(sets.day, days, side="right") - 1]
    drawn = simultaneous_critical(event_free_influence(sets).at(days), error)
    growth = day.size * (error / event_free_curve(sets).at(days)) ** 2
    a, b = (g / (1 + g) for g in growth[[0, -1]])

    def beyond(c):
        odds = np.log(b * (1 - a) / (a * (1 - b)))
        return 4 * stats.norm.pdf(c) / c + stats.norm.pdf(c) * (c - 1 / c) * odds

    exact = brentq(lambda c: beyond(c) - 0.05, 2, 5)
    assert exact - 0.12 < drawn < exact + 0.02


def test_a_band_is_wider_than_limits_and_the_same_for_the_same_seed():
    day, event = many_people(200)
    sets = risk_sets(day, event)
    days = np.arange(10, 300, 10)
    influences = event_free_influence(sets).at(days)
    error = np.sqrt((influences**2).sum(axis=0))
    first, again = (simultaneous_critical(influences, error, seed=3) for _ in range(2))
    assert first == again
    assert first > stats.norm.ppf(0.975)


def test_a_certain_curve_has_no_band():
    with pytest.raises(CohortError, match="no band"):
        simultaneous_critical(np.zeros((3, 2)), [0.0, 0.0])


@pytest.mark.slow
def test_weighted_limits_and_bands_cover_what_they_should():
    """400 samples of 300 people with weights, three causes of leaving and ties; the truth from the
    weighted population. Pointwise 95% limits on day 15, and the whole band of days 3 to 25.
    """
    random = np.random.default_rng(8)
    days = np.arange(3, 26)

    def sample(n):
        x = random.integers(0, 2, n)
        latent = np.ceil(random.exponential(14 - 6 * x))
        cause = random.choice([1, 2], n, p=[0.6, 0.4])
        censored = random.integers(5, 40, n)
        day = np.minimum(latent, censored)
        return day, np.where(latent <= censored, cause, 0), np.where(x == 1, 1.5, 0.5)

    x_share = np.array([0.25, 0.75])  # of weight
    law = np.array([1 - np.exp(-days / mean) for mean in (14, 8)])
    truth = 0.6 * x_share @ law
    held = np.zeros(2)
    for _ in range(400):
        day, cause, weight = sample(300)
        sets = risk_sets(day, cause, weight)
        influences = incidence_influence(sets, weight).at(days)
        value, error = incidence_curve(sets).at(days), np.sqrt((influences**2).sum(axis=0))
        critical = simultaneous_critical(influences, error, draws=2000)
        lower, upper = limits(value, error)
        held[0] += lower[12] <= truth[12] <= upper[12]
        lower, upper = limits(value, error, critical)
        held[1] += (lower <= truth).all() and (truth <= upper).all()
    assert (np.abs(held / 400 - 0.95) < 0.033).all(), held / 400  # three standard errors
