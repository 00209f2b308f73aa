"""Logistic regression for the propensity score: by law, against statsmodels and R."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import PositivityError
from iop_outcomes.statistics.propensity import dependent_columns, fit_propensity

laws = settings(derandomize=True, deadline=None, max_examples=50)


def people(seed, n=150, columns=3):
    """An intercept and some columns; the arms depend on them without being separated."""
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=(n, columns))])
    return rng.random(n) < expit(design @ rng.normal(0, 0.6, columns + 1)), design


def test_with_one_binary_covariate_the_fit_is_the_share_treated_at_each_level():
    """Treated 1 of 4 without it, 2 of 3 with it: log odds log(1/3), and log(2) above them."""
    treated = [1, 0, 0, 0, 1, 1, 0]
    fit = fit_propensity(treated, np.column_stack([np.ones(7), [0, 0, 0, 0, 1, 1, 1]]))
    assert fit.probability == pytest.approx([1 / 4] * 4 + [2 / 3] * 3, rel=1e-12)
    assert fit.coefficients == pytest.approx([np.log(1 / 3), np.log(2) - np.log(1 / 3)], rel=1e-12)
    # The variance of a log odds is 1/cases + 1/others; of their difference, the sum.
    assert np.diag(fit.covariance) == pytest.approx([1 + 1 / 3, 1 + 1 / 3 + 1 / 2 + 1], rel=1e-12)


@laws
@given(st.integers(0, 10_000))
def test_every_column_sums_alike_over_those_treated_and_over_the_probabilities(seed):
    treated, design = people(seed)
    fit = fit_propensity(treated, design)
    assert design.T @ (treated - fit.probability) == pytest.approx(np.zeros(4), abs=1e-9)


@laws
@given(st.integers(0, 10_000), st.lists(st.floats(-8, 8), min_size=4, max_size=4))
def test_units_do_not_matter(seed, powers):
    treated, design = people(seed)
    unit = 10.0 ** np.array(powers)
    fit, scaled = fit_propensity(treated, design), fit_propensity(treated, design * unit)
    assert scaled.probability == pytest.approx(fit.probability, rel=1e-9)
    assert scaled.coefficients * unit == pytest.approx(fit.coefficients, rel=1e-7, abs=1e-10)
    assert scaled.covariance * np.outer(unit, unit) == pytest.approx(fit.covariance, rel=1e-7)


def test_where_a_scale_begins_does_not_matter():
    treated, design = people(seed=1)
    moved = design + np.array([0, 38, -100, 273.15])
    assert fit_propensity(treated, moved).probability == pytest.approx(
        fit_propensity(treated, design).probability, rel=1e-8
    )


@pytest.mark.parametrize("n", [300, 3000])
def test_a_calendar_year_separates_nobody(n):
    """Only the distance between years can matter, not that they count from the year 0."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        year, treated = rng.choice([2022, 2023, 2024], n), rng.random(n) < 0.5
        fit, since = (
            fit_propensity(treated, np.column_stack([np.ones(n), year - start]))
            for start in (0, 2023)
        )
        assert fit.probability == pytest.approx(since.probability, rel=1e-6)


@laws
@given(st.integers(0, 10_000))
def test_relabelling_the_arms_gives_the_other_probability(seed):
    treated, design = people(seed)
    assert fit_propensity(~treated, design).probability == pytest.approx(
        1 - fit_propensity(treated, design).probability, rel=1e-8
    )


@pytest.mark.parametrize("seed", range(5))
def test_coefficients_and_errors_agree_with_statsmodels(seed):
    """GLM(Binomial), iteratively reweighted least squares to a step of 1e-14 in the deviance."""
    treated, design = people(seed)
    fit = fit_propensity(treated, design)
    theirs = sm.GLM(treated.astype(float), design, family=sm.families.Binomial()).fit(
        tol=1e-14, tol_criterion="params", maxiter=100
    )
    assert fit.coefficients == pytest.approx(theirs.params, rel=1e-8)
    assert fit.covariance == pytest.approx(theirs.cov_params(), rel=1e-8, abs=1e-12)


# Separation


@pytest.mark.parametrize(
    ("treated", "covariate"),
    [
        ([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6]),  # a threshold tells the arms apart
        ([0, 0, 1, 0, 1, 1], [0, 0, 0, 0, 1, 1]),  # everyone with it entered one arm
        ([0, 1, 0, 0, 1, 1], [1, 2, 2, 2, 2, 3]),  # they meet at a single value
        ([1, 1, 1, 1, 1, 1], [1, 2, 3, 4, 5, 6]),  # nobody entered the other arm
        ([0, 0, 0, 1, 1, 1], [1e-7, 2e-7, 3e-7, 4e-7, 5e-7, 6e-7]),  # whatever the unit
    ],
)
def test_covariates_that_separate_the_arms_are_refused(treated, covariate):
    design = np.column_stack([np.ones(6), covariate])
    with pytest.raises(PositivityError, match="the covariates separate the arms"):
        fit_propensity(treated, design)


def test_one_exception_is_enough_for_a_fit():
    treated = [0, 0, 0, 1, 0, 1, 1, 1]
    fit = fit_propensity(treated, np.column_stack([np.ones(8), range(8)]))
    assert fit.coefficients[1] > 1
    assert (fit.probability > 0).all()
    assert (fit.probability < 1).all()


def test_a_rare_arm_is_not_separation():
    treated = np.arange(5000) < 3
    covariate = np.tile([0.0, 1.0], 2500)
    fit = fit_propensity(treated, np.column_stack([np.ones(5000), covariate]))
    assert fit.probability[[0, 1]] == pytest.approx([2 / 2500, 1 / 2500], rel=1e-9)


# Columns that say nothing new


def test_independent_columns_are_all_kept():
    assert dependent_columns(people(seed=4)[1]) == []


@pytest.mark.parametrize("factor", [1.0, -3.0, 1e-6, 1e6])
def test_a_repeated_column_is_found_in_any_unit(factor):
    _, design = people(seed=5)
    assert dependent_columns(np.column_stack([design, design[:, 1] * factor])) in ([1], [4])


def test_a_column_that_follows_from_several_others_is_found():
    level = np.arange(60) % 3
    indicators = (level[:, None] == [0, 1, 2]).astype(float)
    assert len(dependent_columns(np.column_stack([np.ones(60), indicators]))) == 1


def test_a_column_of_zeros_is_found():
    assert dependent_columns(np.column_stack([np.ones(5), np.zeros(5), np.arange(5)])) == [1]


def test_a_calendar_year_is_not_mistaken_for_a_constant():
    year = 2021.0 + np.arange(90) % 3
    assert dependent_columns(np.column_stack([np.ones(90), year])) == []


# Against R


def test_coefficients_of_uis_agree_with_r(exposure, reference):
    """R 4.2.2: glm(arm ~ age + beck + ndrugtx + ivhx + race + ..., binomial, epsilon=1e-14).

    glm takes its standard errors from the weights one step before the last, which are good to
    the square root of epsilon: 1e-7, so they are compared to 1e-6.
    """
    case = f"{exposure.case}a_uis_{exposure.name}_propensity_weights"
    rows = reference(case, "logistic propensity model", "coefficient (log OR)")
    rows = rows.loc[list(exposure.columns)]
    assert exposure.fit.coefficients == pytest.approx(rows["estimate"].to_numpy(), rel=1e-8)
    assert np.sqrt(np.diag(exposure.fit.covariance)) == pytest.approx(
        rows["std_error"].to_numpy(), rel=1e-6
    )


def test_propensity_scores_of_uis_agree_with_r(exposure, shared):
    """R 4.2.2: fitted(glm(...)), person by person."""
    vectors = shared / "reference" / "results" / "vectors"
    table = pd.read_csv(vectors / f"uis_{exposure.name}_ps_weights.csv")
    assert exposure.fit.probability == pytest.approx(table["ps"].to_numpy(), rel=1e-8)
