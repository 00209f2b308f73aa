"""Outcome models: by hand, against statsmodels, and what is refused."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    fit_outcome_models,
    fit_regression,
    known_outcomes,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity

laws = settings(derandomize=True, deadline=None, max_examples=25)
FAMILIES = {
    Link.IDENTITY: sm.families.Gaussian(),
    Link.LOG: sm.families.Poisson(),
    Link.LOGIT: sm.families.Binomial(),
}


def people(seed, n=200):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=n), rng.random(n) < 0.4])
    treated = rng.random(n) < expit(design @ [-0.2, 0.6, 0.5])
    outcome = (rng.random(n) < expit(design @ [-0.3, 0.7, -0.5] + 0.4 * treated)).astype(float)
    return outcome, treated, design


@pytest.mark.parametrize("link", list(Link))
@pytest.mark.parametrize("seed", [1, 2])
def test_coefficients_and_sandwich_agree_with_statsmodels(link, seed):
    """GLM with var_weights and cov_type HC0; its sandwich squares the weights, as ours does."""
    outcome, _, design = people(seed)
    weight = np.random.default_rng(seed).uniform(0.3, 3, outcome.size)
    theirs = sm.GLM(outcome, design, family=FAMILIES[link], var_weights=weight).fit(
        tol=1e-14, tol_criterion="params", maxiter=100, cov_type="HC0"
    )
    ours = fit_regression(outcome, design, link, weight)
    assert ours.coefficients == pytest.approx(theirs.params, rel=1e-8)
    assert np.sqrt(np.sum(ours.influence**2, axis=0)) == pytest.approx(theirs.bse, rel=1e-8)


def test_a_logistic_fit_is_the_propensity_models_fit():
    outcome, _, design = people(seed=3)
    assert fit_regression(outcome, design, Link.LOGIT).coefficients == pytest.approx(
        fit_propensity(outcome, design).coefficients, rel=1e-9
    )


def test_a_bounded_outcome_is_modelled_like_a_risk():
    """Shares of days abstinent: fractional logistic regression (Papke & Wooldridge 1996); the
    predictions of a saturated model are the means.
    """
    share, group = np.array([0.2, 0.4, 0.9, 0.5]), np.array([0, 0, 1, 1])
    fit = fit_regression(share, np.column_stack([np.ones(4), group]), Link.LOGIT)
    assert expit(np.cumsum(fit.coefficients)) == pytest.approx([0.3, 0.7], rel=1e-10)


@laws
@given(st.integers(0, 10_000), st.sampled_from(list(Link)))
def test_units_do_not_matter(seed, link):
    outcome, treated, design = people(seed)
    one, other = (
        fit_outcome_models(outcome, treated, columns, link)
        for columns in (design, design * [1, 1e5, 1e-5])
    )
    assert other.comparator.value == pytest.approx(one.comparator.value, rel=1e-8)
    moved = [side.influence @ side.comparator.gradient.T for side in (one, other)]
    np.testing.assert_allclose(moved[1], moved[0], rtol=1e-6, atol=1e-10)


def test_one_model_an_arm_is_one_model_with_every_interaction():
    outcome, treated, design = people(seed=4)
    apart = fit_outcome_models(outcome, treated, design, Link.LOGIT)
    full = np.column_stack([design, design * treated[:, None]])
    fit = fit_regression(outcome, full, Link.LOGIT)
    assert apart.comparator.value == pytest.approx(expit(design @ fit.coefficients[:3]), rel=1e-9)


def test_a_pooled_model_moves_everyone_by_the_same_on_its_scale():
    outcome, treated, design = people(seed=5)
    predicted = fit_outcome_models(outcome, treated, design, Link.IDENTITY, pooled=True)
    assert np.ptp(predicted.intervention.value - predicted.comparator.value) < 1e-12


def test_large_numbers_are_no_separation():
    """Costs in dollars, log link: what matters is the spread, not the size."""
    cost = np.array([80_000_000.0, 90_000_000, 70_000_000, 60_000_000])
    assert fit_regression(cost, np.ones((4, 1)), Link.LOG).coefficients == pytest.approx(
        [np.log(75_000_000)], rel=1e-12
    )


@pytest.mark.parametrize("far", [40.0, 90.0])
def test_someone_foretold_with_near_certainty_is_no_separation(far):
    """One covariate value far out puts a log odds of 25, or of 50, on one person; the rest have a
    maximum, and statsmodels finds the same.
    """
    covariate = np.array([-2.0, -1, -0.5, 0, 0.5, 1, 2, -1, 0, 1, far])
    outcome = np.array([0, 0, 1, 0, 1, 0, 1, 1, 0, 1, 1.0])
    design = np.column_stack([np.ones(11), covariate])
    theirs = sm.GLM(outcome, design, family=sm.families.Binomial()).fit(
        tol=1e-14, tol_criterion="params", maxiter=100
    )
    ours = fit_regression(outcome, design, Link.LOGIT)
    assert abs(design @ ours.coefficients).max() > 20
    assert ours.coefficients == pytest.approx(theirs.params, rel=1e-8)


# Refusals


@pytest.mark.parametrize("link", [Link.LOGIT, Link.LOG])
def test_covariates_that_foretell_the_outcome_are_refused(link):
    design = np.column_stack([np.ones(6), [0, 0, 0, 1, 1, 1]])
    with pytest.raises(CohortError, match="foretell the outcome of some people with certainty"):
        fit_regression([0, 0, 0, 1, 0, 1], design, link)


def test_a_constant_outcome_is_refused():
    with pytest.raises(CohortError, match="all 3 people of an arm have the same outcome"):
        fit_regression([0, 0, 0], np.ones((3, 1)), Link.LOGIT)


def test_a_column_that_is_constant_in_an_arm_is_refused_by_its_place():
    outcome, treated, design = people(seed=6)
    with pytest.raises(CohortError, match=r"columns \[\d\] of the outcome model follow"):
        fit_outcome_models(outcome, treated, np.column_stack([design, treated]), Link.LOGIT)


@pytest.mark.parametrize(("link", "outcome"), [(Link.LOGIT, [0, 2, 1]), (Link.LOG, [-1, 2, 1])])
def test_an_outcome_outside_the_link_is_refused(link, outcome):
    with pytest.raises(CohortError, match=f"outside what a {link} link can model"):
        fit_regression(outcome, np.ones((3, 1)), link)


def test_a_learner_that_predicts_nothing_is_refused():
    with pytest.raises(CohortError, match="missing or infinite outcome"):
        known_outcomes([0.1, np.nan], [0.2, 0.3])
