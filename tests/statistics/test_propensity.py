"""Logistic regression for the propensity score: by law, against statsmodels and R."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.estimating_equations import estimated_weights, influence
from iop_outcomes.statistics.weighting.propensity import (
    MaximumLikelihood,
    coefficient_influence,
    dependent_columns,
    fit_propensity,
    fitted_weights,
)
from iop_outcomes.vocabulary import Estimand

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


def test_columns_that_separate_by_themselves_are_named():
    """Column 2 is met in one arm only; the others are not to blame."""
    treated, design = people(seed=2)
    rare = treated & (np.arange(treated.size) < 60)
    with pytest.raises(PositivityError, match=r"by themselves columns \[2\] of the design"):
        fit_propensity(treated, np.insert(design, 2, rare, axis=1))


def test_a_level_that_one_person_has_is_separation():
    treated, design = people(seed=3)
    alone = np.arange(treated.size) == 7
    with pytest.raises(PositivityError, match=r"columns \[4\] of the design"):
        fit_propensity(treated, np.column_stack([design, alone]))


def test_covariates_that_separate_only_together_are_refused():
    """Neither coordinate tells the arms apart, their sum does."""
    rng = np.random.default_rng(4)
    x = rng.normal(size=(200, 2))
    with pytest.raises(PositivityError, match="the covariates separate the arms: some"):
        fit_propensity(x.sum(axis=1) > 0, np.column_stack([np.ones(200), x]))


@pytest.mark.parametrize("arm", [0, 1])
def test_an_empty_arm_is_called_so(arm):
    with pytest.raises(PositivityError, match="everyone is in one arm"):
        fit_propensity(np.full(5, arm), np.column_stack([np.ones(5), range(5)]))


@pytest.mark.parametrize(
    ("treated", "value"),
    [([0, 1, 0, 1], np.nan), ([0, 1, 0, 1], np.inf), ([0, 1, 0, 2], 1.0), ([0, 1, 0, np.nan], 1.0)],
)
def test_what_is_no_number_is_refused(treated, value):
    with pytest.raises(CohortError, match="missing, infinite or negative"):
        fit_propensity(treated, np.column_stack([np.ones(4), [1, 2, 2, value]]))


def test_arrays_of_different_length_are_refused():
    with pytest.raises(CohortError, match="differ in their number of rows"):
        fit_propensity([0, 1, 0], np.ones((4, 1)))


@pytest.mark.parametrize("cap", [5, 25])
def test_few_people_in_an_arm_and_strong_covariates_still_converge(cap):
    """The score is zero where the steps end."""
    rng = np.random.default_rng(5)
    severity = np.minimum(rng.exponential(size=20_000) ** 2, cap)
    treated = rng.random(20_000) < expit(-7 + 0.4 * severity)
    design = np.column_stack([np.ones(20_000), severity])
    fit = fit_propensity(treated, design)
    assert design.T @ (treated - fit.probability) == pytest.approx([0, 0], abs=1e-7)


def test_a_maximum_that_leaves_somebody_without_a_chance_is_refused():
    """There is a maximum, and at it the outlier enters one arm for certain, to seven digits."""
    rng = np.random.default_rng(6)
    severity = np.append(rng.normal(size=500), 60.0)
    treated = np.append(rng.random(500) < expit(severity[:-1]), True)
    with pytest.raises(PositivityError, match=r"all but separate the arms.*cap a covariate"):
        fit_propensity(treated, np.column_stack([np.ones(501), severity]))


# Patterns and frequencies


@laws
@given(st.integers(0, 10_000), st.integers(2, 4))
def test_a_frequency_of_k_is_k_copies(seed, k):
    treated, design = people(seed)
    copies = np.repeat(np.arange(treated.size), np.where(treated, k, 1))
    copied = fit_propensity(treated[copies], design[copies])
    counted = fit_propensity(treated, design, np.where(treated, k, 1))
    assert counted.coefficients == pytest.approx(copied.coefficients, rel=1e-8, abs=1e-10)
    assert counted.covariance == pytest.approx(copied.covariance, rel=1e-8, abs=1e-12)
    assert counted.probability[copies] == pytest.approx(copied.probability, rel=1e-9)


@laws
@given(st.integers(0, 10_000))
def test_the_order_of_people_does_not_matter(seed):
    treated, design = people(seed)
    order = np.random.default_rng(seed).permutation(treated.size)
    shuffled = fit_propensity(treated[order], design[order])
    assert shuffled.probability == pytest.approx(
        fit_propensity(treated, design).probability[order], rel=1e-9
    )


def categorical(n=130_000, seed=8):
    """Three categorical covariates: 24 patterns, whatever the number of people."""
    rng = np.random.default_rng(seed)
    codes = [rng.integers(0, levels, n) for levels in (2, 3, 4)]
    dummies = [c == j for c in codes for j in range(1, c.max() + 1)]
    design = np.column_stack([np.ones(n), *dummies])
    return rng.random(n) < expit(design @ [-0.5, 0.6, -0.4, 0.2, 0.3, -0.3, 0.5]), design


def test_many_people_of_few_patterns_are_fitted_by_patterns_to_the_same_answer(monkeypatch):
    treated, design = categorical()
    by_pattern = fit_propensity(treated, design)
    name = "iop_outcomes.statistics.weighting.propensity.patterns_are_worth_it"
    monkeypatch.setattr(name, lambda design: False)
    by_person = fit_propensity(treated, design)  # more rows than MANY: begins from a sample
    assert by_pattern.coefficients == pytest.approx(by_person.coefficients, rel=1e-9)
    assert by_pattern.covariance == pytest.approx(by_person.covariance, rel=1e-6, abs=1e-12)
    assert by_pattern.probability == pytest.approx(by_person.probability, rel=1e-10)


def test_many_people_agree_with_statsmodels():
    """Logit by Newton's method; 130 000 people, so that ours begins from a sample of them."""
    treated, design = categorical()
    design = np.column_stack([design, np.random.default_rng(9).normal(2023, 0.8, treated.size)])
    centred = design - [*[0] * 7, 2023]
    theirs = sm.Logit(treated.astype(float), centred).fit(disp=0, tol=1e-14)
    assert fit_propensity(treated, design).coefficients[1:] == pytest.approx(
        theirs.params[1:], rel=1e-8
    )


# Influence of each person


@pytest.mark.parametrize("estimand", list(Estimand))
def test_fitted_weights_are_the_estimated_weights_of_the_logistic_model(estimand):
    """Another basis of the same columns: what they add to any estimate is the same."""
    treated, design = people(seed=10)
    fit = fit_propensity(treated, design)
    derivative = np.random.default_rng(11).normal(size=treated.size)
    ours, theirs = (
        influence(derivative, np.zeros(treated.size), found)
        for found in (
            fitted_weights(fit, treated, design, estimand),
            estimated_weights(treated, fit.probability, design, estimand),
        )
    )
    assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-14)


def test_the_influence_of_a_pattern_is_that_of_each_of_its_people():
    treated, design = (values[:2000] for values in categorical())
    rows = np.column_stack([treated, design])
    _, first, member, count = np.unique(
        rows, axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    people_fit = fit_propensity(treated, design)
    pattern_fit = fit_propensity(treated[first], design[first], count)
    one = coefficient_influence(people_fit, treated, design)
    other = coefficient_influence(pattern_fit, treated[first], design[first], count)
    assert other[member.ravel()] == pytest.approx(one, rel=1e-8, abs=1e-14)


def test_the_influence_is_what_a_little_more_of_a_person_changes():
    treated, design = people(seed=12)
    fit = fit_propensity(treated, design)
    more = np.ones(treated.size)
    more[17] += 1e-5
    moved = fit_propensity(treated, design, more).coefficients - fit.coefficients
    assert moved / 1e-5 == pytest.approx(coefficient_influence(fit, treated, design)[17], rel=1e-4)


def test_maximum_likelihood_is_a_propensity_model():
    treated, design = people(seed=13)
    fit = MaximumLikelihood().fit(treated, design)
    assert fit.probability.tolist() == fit_propensity(treated, design).probability.tolist()


# Columns that say nothing new


def test_a_column_that_follows_from_the_others_is_named():
    treated, design = people(seed=14)
    with pytest.raises(CohortError, match=r"columns \[4\] of the design.*follow from the others"):
        fit_propensity(treated, np.column_stack([design, design[:, 1] - 2 * design[:, 2]]))


@pytest.mark.parametrize("constant", [0.0, 3.0, 0.1])
def test_a_column_that_never_varies_is_named(constant):
    treated, design = people(seed=15)
    with pytest.raises(CohortError, match=r"columns \[4\] of the design.*never vary"):
        fit_propensity(treated, np.column_stack([design, np.full(treated.size, constant)]))


def test_powers_of_a_calendar_year_are_told_apart():
    """1, year and year squared are alike to seven digits; centred they are not."""
    rng = np.random.default_rng(16)
    year = rng.choice(np.arange(2015, 2025), 3000)
    treated = rng.random(3000) < expit(0.1 * (year - 2020) + 0.05 * (year - 2020) ** 2 - 0.5)
    raw = np.column_stack([np.ones(3000), year, year**2])
    centred = np.column_stack([np.ones(3000), year - 2020, (year - 2020) ** 2])
    assert fit_propensity(treated, raw).probability == pytest.approx(
        fit_propensity(treated, centred).probability, rel=1e-6
    )


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
