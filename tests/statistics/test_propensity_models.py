"""Penalized and boosted propensity scores: by law, against scikit-learn, statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.special import expit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import influence
from iop_outcomes.statistics.weighting.propensity import (
    coefficient_influence,
    fit_propensity,
    fitted_weights,
)
from iop_outcomes.statistics.weighting.propensity_models import BoostedTrees, Lasso, Ridge
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=12)
strengths = st.floats(-3, 0).map(lambda power: 10.0**power)


def people(seed, n=300, columns=6):
    """Covariates in units from 1/100 to 100; only the first two matter."""
    rng = np.random.default_rng(seed)
    unit = np.logspace(-2, 2, columns)
    covariates = rng.normal(size=(n, columns))
    treated = rng.random(n) < expit(-0.3 + covariates[:, 0] - 0.6 * covariates[:, 1])
    return treated, np.column_stack([np.ones(n), 3 + covariates * unit])


def score(treated, design, fit, people=None):
    """Per person, by the coefficients of standardized columns (over n)."""
    f = np.ones(len(design)) if people is None else people
    mean = f @ design[:, 1:] / f.sum()
    spread = np.sqrt(f @ (design[:, 1:] - mean) ** 2 / f.sum())
    slopes = (f * (treated - fit.probability)) @ (design[:, 1:] - mean) / spread / f.sum()
    return slopes, fit.coefficients[1:] * spread


@laws
@given(st.integers(0, 10_000), strengths)
def test_at_the_ridge_the_score_is_the_strength_times_the_coefficient(seed, strength):
    treated, design = people(seed)
    fit = Ridge(strength).fit(treated, design)
    slopes, coefficients = score(treated, design, fit)
    assert slopes == pytest.approx(strength * coefficients, abs=1e-10)
    assert fit.probability.mean() == pytest.approx(treated.mean(), rel=1e-10)


@laws
@given(st.integers(0, 10_000), strengths)
def test_at_the_lasso_no_score_is_larger_than_the_strength(seed, strength):
    treated, design = people(seed)
    fit = Lasso(strength).fit(treated, design)
    slopes, coefficients = score(treated, design, fit)
    active = coefficients != 0
    assert slopes[active] == pytest.approx(strength * np.sign(coefficients[active]), abs=2e-6)
    assert (np.abs(slopes) <= strength + 2e-6).all()


@laws
@given(st.integers(0, 10_000), st.integers(2, 4))
@pytest.mark.parametrize("model", [Ridge(0.02), Lasso(0.02)])
def test_a_frequency_of_k_is_k_copies(model, seed, k):
    treated, design = people(seed, n=150)
    count = np.where(treated, k, 1)
    copies = np.repeat(np.arange(150), count)
    counted = model.fit(treated, design, count)
    copied = model.fit(treated[copies], design[copies])
    assert counted.probability[copies] == pytest.approx(copied.probability, abs=2e-6)


@pytest.mark.parametrize("model", [Ridge(0.02), Lasso(0.02)])
def test_units_and_origins_do_not_matter(model):
    treated, design = people(1)
    other = design.copy()
    other[:, 1:] = 40 + 1e3 * design[:, 1:]
    assert model.fit(treated, other).probability == pytest.approx(
        model.fit(treated, design).probability, abs=2e-6
    )


@pytest.mark.parametrize("model", [Ridge(0.02), Lasso(0.02)])
def test_columns_that_follow_from_each_other_or_never_vary_are_borne(model):
    treated, design = people(2)
    more = np.column_stack([design, design[:, 1], np.full(len(design), 7.0)])
    fit = model.fit(treated, more)
    assert np.isfinite(fit.coefficients).all()
    assert fit.coefficients[-1] == pytest.approx(0, abs=1e-12)


def test_a_penalty_bears_covariates_that_separate_the_arms():
    design = np.column_stack([np.ones(8), range(8)])
    fit = Ridge(0.1).fit(np.arange(8) > 3, design)
    assert 0 < fit.probability.min() < fit.probability.max() < 1


def test_more_columns_than_people_are_borne():
    treated, design = people(3, n=40, columns=60)
    assert np.isfinite(Ridge(0.1).fit(treated, design).coefficients).all()
    assert (Lasso(0.1).fit(treated, design).coefficients != 0).sum() < 40


@pytest.mark.parametrize("strength", [0.1, 0.003])
def test_ridge_agrees_with_scikit_learn(strength):
    """LogisticRegression(C = 1 / (n strength), newton-cholesky), on standardized columns."""
    from sklearn.linear_model import LogisticRegression

    treated, design = people(4)
    mean, spread = design[:, 1:].mean(axis=0), design[:, 1:].std(axis=0)
    theirs = LogisticRegression(
        C=1 / (len(design) * strength), solver="newton-cholesky", tol=1e-12, max_iter=1000
    ).fit((design[:, 1:] - mean) / spread, treated)
    ours = Ridge(strength).fit(treated, design).coefficients
    assert ours[1:] * spread == pytest.approx(theirs.coef_[0], rel=1e-8)


def test_lasso_agrees_with_statsmodels():
    """Logit.fit_regularized(method='l1', alpha = n strength, not on the constant), SLSQP."""
    treated, design = people(5)
    mean, spread = design[:, 1:].mean(axis=0), design[:, 1:].std(axis=0)
    standardized = np.column_stack([np.ones(len(design)), (design[:, 1:] - mean) / spread])
    penalty = np.full(design.shape[1], 0.03 * len(design))
    penalty[0] = 0
    theirs = sm.Logit(treated.astype(float), standardized).fit_regularized(
        alpha=penalty, disp=0, acc=1e-13, maxiter=1000, trim_mode="off"
    )
    ours = Lasso(0.03).fit(treated, design).coefficients[1:] * spread
    assert ours == pytest.approx(theirs.params[1:], abs=2e-5)


def test_a_sparse_design_gives_the_lasso_of_the_dense_one():
    rng = np.random.default_rng(6)
    dummies = rng.random((400, 12)) < 0.1
    design = np.column_stack([np.ones(400), dummies])
    treated = rng.random(400) < expit(dummies @ rng.normal(size=12))
    dense, sparse = (Lasso(0.005).fit(treated, x) for x in (design, csr_matrix(design)))
    assert sparse.coefficients == pytest.approx(dense.coefficients, abs=1e-8)


# Choosing the strength


@pytest.mark.parametrize("model", [Ridge(), Lasso()])
def test_cross_validation_is_the_same_again_and_beats_both_ends(model):
    """300 people, 40 covariates of which two matter: the truth is nearer than unpenalized."""
    treated, design = people(7, columns=40)
    truth = expit(
        -0.3 + (design[:, 1] - 3) / 1e-2 - 0.6 * (design[:, 2] - 3) / np.logspace(-2, 2, 40)[1]
    )
    fit, again = (model.fit(treated, design) for _ in range(2))
    assert fit.strength == again.strength
    assert 1e-6 < fit.strength < 1
    free = fit_propensity(treated, design)
    assert np.mean((fit.probability - truth) ** 2) < np.mean((free.probability - truth) ** 2)


def test_cross_validation_deals_people_and_not_patterns():
    rng = np.random.default_rng(8)
    design = np.column_stack([np.ones(24), np.indices((2, 3, 4)).reshape(3, -1).T])
    design, treated = np.vstack([design, design]), np.arange(48) < 24
    count = rng.integers(1, 12, 48)
    copies = np.repeat(np.arange(48), count)
    assert Ridge(folds=4).fit(treated, design, count).strength == (
        Ridge(folds=4).fit(treated[copies], design[copies]).strength
    )


@pytest.mark.parametrize("model", [Ridge(), Lasso(), BoostedTrees()])
def test_folds_need_people_in_both_arms(model):
    treated, design = np.arange(60) < 3, people(9, n=60)[1]
    with pytest.raises(CohortError, match="as many people in each arm as folds"):
        model.fit(treated, design)


def test_folds_of_half_people_are_refused():
    treated, design = people(10)
    with pytest.raises(CohortError, match="whole number"):
        Ridge().fit(treated, design, np.full(len(design), 0.5))


@pytest.mark.parametrize("model", [Ridge(0.0), Lasso(-1.0), Ridge(np.nan)])
def test_a_strength_that_is_none_is_refused(model):
    with pytest.raises(CohortError, match="a number above 0"):
        model.fit(*people(11))


def test_the_lasso_needs_an_intercept():
    treated, design = people(12)
    with pytest.raises(CohortError, match="needs an intercept"):
        Lasso(0.1).fit(treated, design[:, 1:])


# Influence


def test_the_influence_of_a_person_on_the_ridge_is_what_a_little_more_of_them_changes():
    """With the penalty's sum held: 0.05 per person of the unweighted sample, at fixed scales."""
    treated, design = people(13, columns=3)
    n = len(design)
    design[:, 1:] = (design[:, 1:] - design[:, 1:].mean(axis=0)) / design[:, 1:].std(axis=0)
    fit = Ridge(0.05).fit(treated, design)
    step = 1e-5
    more = np.ones(n)
    more[17] += step

    def moved():
        gamma = fit.coefficients.copy()
        penalty = 0.05 * more.sum() * np.array([0, 1, 1, 1])
        for _ in range(20):
            e = expit(design @ gamma)
            slope = (more * (treated - e)) @ design - penalty * gamma
            gamma += np.linalg.solve(
                (design * (more * e * (1 - e))[:, None]).T @ design + np.diag(penalty), slope
            )
        return gamma

    ours = coefficient_influence(fit, treated, design)[17]
    assert (moved() - fit.coefficients) / step == pytest.approx(ours, rel=1e-3)


def test_a_weak_ridge_adds_what_maximum_likelihood_adds():
    treated, design = people(14)
    derivative = np.random.default_rng(15).normal(size=len(design))
    ridge, free = (
        influence(
            derivative, np.zeros(len(design)), fitted_weights(fit, treated, design, Estimand.ATE)
        )
        for fit in (Ridge(1e-9).fit(treated, design), fit_propensity(treated, design))
    )
    assert ridge == pytest.approx(free, rel=1e-4, abs=1e-8)


@pytest.mark.parametrize("model", [Lasso(0.02), BoostedTrees(trees=5)])
def test_what_has_no_derivative_says_so(model):
    treated, design = people(16)
    fit = model.fit(treated, design)
    with pytest.raises(CohortError, match="found by bootstrap"):
        fitted_weights(fit, treated, design, Estimand.ATE)


# Trees


def test_nobody_is_predicted_by_trees_that_saw_them():
    """Arms drawn without regard to covariates, which trees fitted to themselves tell apart."""
    rng = np.random.default_rng(17)
    treated, design = rng.random(400) < 0.5, rng.normal(size=(400, 5))
    e = BoostedTrees(trees=60, smallest_leaf=5).fit(treated, design).probability
    assert abs(e[treated].mean() - e[~treated].mean()) < 0.1


def test_trees_find_an_interaction_that_no_main_effect_shows():
    rng = np.random.default_rng(18)
    x = rng.integers(0, 2, (2000, 2))
    treated = rng.random(2000) < np.where(x[:, 0] == x[:, 1], 0.8, 0.2)
    e = BoostedTrees(trees=60).fit(treated, x).probability
    assert e[x[:, 0] == x[:, 1]].mean() == pytest.approx(0.8, abs=0.05)
    assert e[x[:, 0] != x[:, 1]].mean() == pytest.approx(0.2, abs=0.05)


def test_trees_give_a_pattern_the_mean_of_its_people():
    rng = np.random.default_rng(19)
    design = np.indices((2, 3, 4)).reshape(3, -1).T
    design, treated = np.vstack([design, design]), np.arange(48) < 24
    count = rng.integers(1, 12, 48)
    copies = np.repeat(np.arange(48), count)
    model = BoostedTrees(trees=20)
    counted = model.fit(treated, design, count).probability
    copied = model.fit(treated[copies], design[copies]).probability
    assert counted == pytest.approx(np.bincount(copies, copied) / count, rel=1e-9)
