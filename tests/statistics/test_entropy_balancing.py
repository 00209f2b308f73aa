"""Entropy balancing: by hand, by law, from the equations themselves, against a planted truth.

Against R: tests/parity/test_propensity_balance_agrees_with_r and test_propensity_of_lalonde.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.estimating_equations import influence, uncertainty
from iop_outcomes.statistics.weighting.covariate_patterns import covariate_patterns
from iop_outcomes.statistics.weighting.entropy_balancing import entropy_balancing
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=50)
FIXED = [Estimand.ATT, Estimand.ATC, Estimand.ATE]
fixed = st.sampled_from(FIXED)


def people(seed, n=200, tied=False):
    """Two covariates that arms and outcome share."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, (n, 2)).astype(float) if tied else rng.normal(size=(n, 2))
    treated = rng.random(n) < expit(0.5 * (x[:, 0] - x[:, 0].mean()) - 0.4 * x[:, 1])
    return treated, x, x @ [1.0, -0.5] + rng.normal(size=n)


def aim(treated, estimand):
    """Who is stood for."""
    return {Estimand.ATT: treated, Estimand.ATC: ~treated, Estimand.ATE: treated | True}[estimand]


def difference(treated, outcome, weight):
    """Weighted difference in means, and its derivative by everyone's weight."""
    means = [np.average(outcome[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    slopes = [
        arm * (outcome - mean) / weight[arm].sum()
        for arm, mean in zip((treated, ~treated), means, strict=True)
    ]
    return means[0] - means[1], slopes[0] - slopes[1]


def test_by_hand():
    """Comparators at 0, 1 and 3 for a mean of 1: weights r^-1, 1 and r^2 with 2 r^3 = 1."""
    found = entropy_balancing([True, False, False, False], [[1], [0], [1], [3]], Estimand.ATT)
    r = 0.5 ** (1 / 3)
    expected = np.array([1 / r, 1, r**2])
    assert found.weight == pytest.approx([1, *expected / expected.sum()], rel=1e-10)


def test_an_indicator_is_balanced_like_a_rate():
    """Half of 2 treated and a quarter of 4 comparators have it: they weigh 1 and 1/3."""
    treated = [True, True, False, False, False, False]
    found = entropy_balancing(treated, [[1], [0], [1], [0], [0], [0]], Estimand.ATT)
    assert found.weight == pytest.approx([1, 1, 1, 1 / 3, 1 / 3, 1 / 3], rel=1e-10)


@laws
@given(st.integers(0, 10_000), fixed)
def test_means_agree_with_those_of_the_population(seed, estimand):
    treated, x, _ = people(seed)
    weight = entropy_balancing(treated, x, estimand).weight
    stood_for = aim(treated, estimand)
    for arm in (treated, ~treated):
        assert np.average(x[arm], axis=0, weights=weight[arm]) == pytest.approx(
            x[stood_for].mean(axis=0), abs=1e-8
        )
        assert weight[arm].sum() == pytest.approx(stood_for.sum(), rel=1e-9)
        assert (weight > 0).all()


@laws
@given(st.integers(0, 10_000), fixed)
def test_logarithms_of_weights_are_linear_in_the_covariates(seed, estimand):
    """Which of all weights with these means are the most even ones."""
    treated, x, _ = people(seed)
    weight = entropy_balancing(treated, x, estimand).weight
    for arm in (treated, ~treated):
        design = np.column_stack([np.ones(arm.sum()), x[arm]])
        fitted = design @ np.linalg.lstsq(design, np.log(weight[arm]), rcond=None)[0]
        assert fitted == pytest.approx(np.log(weight[arm]), abs=1e-8)


@laws
@given(st.integers(0, 10_000), fixed)
def test_weights_of_patterns_are_the_weights_of_their_people(seed, estimand):
    treated, x, outcome = people(seed, tied=True)
    patterns = covariate_patterns(treated, x)
    by_person = entropy_balancing(treated, x, estimand)
    by_pattern = entropy_balancing(
        treated[patterns.first], x[patterns.first], estimand, patterns.frequency
    )
    assert patterns.expand(by_pattern.weight) == pytest.approx(by_person.weight, rel=1e-8)
    _, slope = difference(treated, outcome, by_person.weight)
    none = np.zeros(patterns.first.size)
    one = influence(slope, by_person.weight, by_person.estimated)
    other = by_person.weight * slope + patterns.expand(
        influence(patterns.total(slope), none, by_pattern.estimated)
    )
    assert other == pytest.approx(one, rel=1e-6, abs=1e-10)


@laws
@given(st.integers(0, 10_000), fixed, st.floats(-6, 6), st.floats(-1000, 1000))
def test_units_and_origins_do_not_matter(seed, estimand, power, origin):
    treated, x, _ = people(seed)
    moved = (x + origin) * [10.0**power, 1.0]
    assert entropy_balancing(treated, moved, estimand).weight == pytest.approx(
        entropy_balancing(treated, x, estimand).weight, rel=1e-6
    )


@laws
@given(st.integers(0, 10_000), fixed)
def test_relabelling_the_arms_swaps_att_and_atc(seed, estimand):
    treated, x, _ = people(seed)
    swap = {Estimand.ATT: Estimand.ATC, Estimand.ATC: Estimand.ATT}
    assert entropy_balancing(~treated, x, swap.get(estimand, estimand)).weight == pytest.approx(
        entropy_balancing(treated, x, estimand).weight, rel=1e-8
    )


@laws
@given(st.integers(0, 10_000), fixed)
def test_the_order_of_people_does_not_matter(seed, estimand):
    treated, x, _ = people(seed)
    order = np.random.default_rng(seed).permutation(treated.size)
    assert entropy_balancing(treated[order], x[order], estimand).weight == pytest.approx(
        entropy_balancing(treated, x, estimand).weight[order], rel=1e-7
    )


def test_columns_that_say_nothing_new_do_no_harm():
    """An intercept, the same column twice, and all levels of a factor."""
    treated, x, _ = people(1, tied=True)
    levels = (x[:, :1] == np.arange(4)).astype(float)
    plain = entropy_balancing(treated, np.column_stack([levels[:, 1:], x[:, 1]]), Estimand.ATE)
    more = np.column_stack([np.ones(len(x)), levels, levels[:, 1] * 5, x[:, 1]])
    assert entropy_balancing(treated, more, Estimand.ATE).weight == pytest.approx(
        plain.weight, rel=1e-8
    )


# Uncertainty


@pytest.mark.parametrize("estimand", FIXED)
def test_the_error_is_the_sandwich_of_the_stacked_equations(estimand):
    """Means aimed at, multipliers and weighted means in one vector, derivatives numerical."""
    treated, x, outcome = people(2)
    stood_for = aim(treated, estimand)
    found = entropy_balancing(treated, x, estimand)
    value, slope = difference(treated, outcome, found.weight)
    arms = [arm for arm in (treated, ~treated) if not (arm == stood_for).all()]

    def weights(multipliers):
        weight = np.ones(treated.size)
        for arm, lam in zip(arms, np.split(multipliers, len(arms)), strict=True):
            weight[arm] = np.exp(x[arm] @ lam)
        return weight

    def equations(theta):
        mean, multipliers, (one, other) = theta[:2], theta[2:-2], theta[-2:]
        weight = weights(multipliers)
        balance = [(arm * weight)[:, None] * (x - mean) for arm in arms]
        return np.column_stack(
            [
                stood_for[:, None] * (x - mean),
                *balance,
                treated * weight * (outcome - one),
                ~treated * weight * (outcome - other),
            ]
        )

    multipliers = np.concatenate(
        [
            np.linalg.lstsq(
                np.column_stack([np.ones(arm.sum()), x[arm]]), np.log(found.weight[arm]), rcond=None
            )[0][1:]
            for arm in arms
        ]
    )
    risks = [np.average(outcome[arm], weights=found.weight[arm]) for arm in (treated, ~treated)]
    theta = np.array([*x[stood_for].mean(axis=0), *multipliers, *risks])
    assert equations(theta).sum(axis=0) == pytest.approx(np.zeros(theta.size), abs=1e-6)
    steps = 1e-6 * np.eye(theta.size)
    bread = np.column_stack(
        [(equations(theta + s) - equations(theta - s)).sum(axis=0) / 2e-6 for s in steps]
    )
    meat = equations(theta)
    covariance = np.linalg.inv(bread) @ (meat.T @ meat) @ np.linalg.inv(bread).T
    contrast = np.array([*np.zeros(theta.size - 2), 1, -1])
    ours = uncertainty(influence(slope, found.weight, found.estimated), 0.95).std_error
    assert value == pytest.approx(risks[0] - risks[1], rel=1e-12)
    assert ours == pytest.approx(np.sqrt(contrast @ covariance @ contrast), rel=1e-7)


def test_influences_sum_to_zero():
    treated, x, outcome = people(3)
    for estimand in FIXED:
        found = entropy_balancing(treated, x, estimand)
        _, slope = difference(treated, outcome, found.weight)
        assert influence(slope, found.weight, found.estimated).sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("estimand", FIXED)
def test_intervals_cover_a_planted_effect(estimand):
    """The outcome is linear in the covariates, so the effect is 2 in every population."""
    covered = []
    for seed in range(500):
        treated, x, outcome = people(seed)
        found = entropy_balancing(treated, x, estimand)
        value, slope = difference(treated, outcome + 2 * treated, found.weight)
        spread = uncertainty(influence(slope, found.weight, found.estimated), 0.95)
        covered.append(abs(value - 2) < spread.critical * spread.std_error)
    assert 0.92 < np.mean(covered) < 0.97


# What cannot be balanced


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        ([5.0], [1, 2, 3, 4]),  # beyond everyone
        ([4.0], [1, 2, 3, 4]),  # only the last could count
        ([2.0], [3, 3, 3, 3]),  # they do not vary
        ([0.5], [0, 0, 0, 0]),  # a level that nobody has
    ],
)
def test_means_out_of_reach_are_refused(mine, theirs):
    treated = np.arange(5) < 1
    with pytest.raises(PositivityError, match="no weights above 0"):
        entropy_balancing(treated, np.array([*mine, *theirs])[:, None], Estimand.ATT)


def test_means_within_reach_one_by_one_and_not_together_are_refused():
    """Comparators on the diagonal cannot have a mean off it."""
    x = np.array([[0.2, 0.8], [0, 0], [1, 1], [0.5, 0.5]])
    with pytest.raises(PositivityError, match="no weights above 0"):
        entropy_balancing([True, False, False, False], x, Estimand.ATT)


def test_many_people_out_of_reach_are_refused_and_do_not_take_forever():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(20_000, 5))
    treated = x[:, 0] > 1
    x[treated, 1] += 40
    with pytest.raises(PositivityError, match="no weights above 0"):
        entropy_balancing(treated, x, Estimand.ATT)


@pytest.mark.parametrize("estimand", [Estimand.ATO, Estimand.ATM])
def test_a_population_that_is_not_fixed_beforehand_is_refused(estimand):
    with pytest.raises(CohortError, match="population fixed beforehand"):
        entropy_balancing([True, False], [[1.0], [2.0]], estimand)


def test_an_empty_arm_is_called_so():
    with pytest.raises(PositivityError, match="everyone is in one arm"):
        entropy_balancing([True, True], [[1.0], [2.0]], Estimand.ATT)


def test_what_is_no_number_is_refused():
    with pytest.raises(CohortError, match="missing, infinite or negative"):
        entropy_balancing([True, False], [[1.0], [np.nan]], Estimand.ATT)


def test_arrays_of_different_length_are_refused():
    with pytest.raises(CohortError, match="differ in their number of rows"):
        entropy_balancing([True, False], [[1.0]], Estimand.ATT)
