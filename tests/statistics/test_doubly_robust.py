"""G-formula, AIPW and weighted regression: by hand, by law, from their equations, in truth."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from statsmodels.treatment.treatment_effects import TreatmentEffect

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.effects.doubly_robust import (
    augmented_risks,
    inverse_weighted_outcome_models,
    standardized_risks,
    weighted_regression,
)
from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    fit_outcome_models,
    fit_regression,
    known_outcomes,
    predict,
)
from iop_outcomes.statistics.effects.risks import estimated_propensity, known_propensity
from iop_outcomes.statistics.effects.targeted import targeted_risks
from iop_outcomes.statistics.effects.weighted_risks import weighted_risks
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=20)
POPULATIONS = [Estimand.ATE, Estimand.ATT, Estimand.ATC, Estimand.ATO]


def people(seed, n=150):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=n), rng.random(n) < 0.4])
    treated = rng.random(n) < expit(design @ [-0.2, 0.6, 0.5])
    outcome = (rng.random(n) < expit(design @ [-0.3, 0.7, -0.5] + 0.4 * treated)).astype(float)
    return outcome, treated, design


def nuisances(outcome, treated, design, weight=None, pooled=False, link=Link.LOGIT):
    """Both models, fitted with everyone counted as often as the weight says."""
    fit = fit_regression(treated, design, Link.LOGIT, weight)
    e = predict(design, fit.coefficients, Link.LOGIT).value
    return estimated_propensity(treated, e, design, weight), fit_outcome_models(
        outcome, treated, design, link, pooled=pooled, weight=weight
    )


def estimate(method, estimand, outcome, treated, design, weight):
    """Risks by any method, everything fitted with the weight."""
    propensity, predicted = nuisances(outcome, treated, design, weight, "pooled" in method)
    if method.startswith("g-formula"):
        return standardized_risks(
            treated, predicted, estimand, propensity=propensity, weight=weight
        )
    if method.startswith("AIPW"):
        return augmented_risks(
            outcome, treated, propensity, predicted, estimand,
            weight=weight, normalised="normalised" in method,
        )  # fmt: skip
    if method == "TMLE":
        return targeted_risks(outcome, treated, propensity, predicted, estimand, weight=weight)
    if method == "IPTW":
        return weighted_risks(outcome, treated, propensity, estimand, weight)
    if method.startswith("IPWRA"):
        reweighted = inverse_weighted_outcome_models(
            outcome, treated, design, propensity, estimand, Link.LOGIT,
            pooled="pooled" in method, weight=weight,
        )  # fmt: skip
        return standardized_risks(
            treated, reweighted, estimand, propensity=propensity, weight=weight
        )
    link = Link(method.removeprefix("regression "))
    return weighted_regression(
        outcome, treated, propensity, estimand, link, covariates=design[:, 1:], weight=weight
    ).risks


METHODS = [
    "IPTW", "g-formula", "g-formula, pooled", "AIPW", "AIPW, pooled", "AIPW, normalised", "TMLE",
    "IPWRA", "IPWRA, pooled", "regression identity", "regression logit",
]  # fmt: skip


# By hand


def test_the_g_formula_by_hand():
    """Means 3 and 1 of the arms without the covariate, 6 and 3 with it. Three people are without
    it and five with it; of the four in the intervention arm, two and two.
    """
    group = np.array([0, 0, 0, 1, 1, 1, 1, 1])
    treated = np.array([1, 1, 0, 1, 1, 0, 0, 0], bool)
    outcome = np.array([2, 4, 1, 5, 7, 2, 3, 4.0])
    design = np.column_stack([np.ones(8), group])
    predicted = fit_outcome_models(outcome, treated, design, Link.IDENTITY)
    risks = standardized_risks(treated, predicted, Estimand.ATE)
    assert risks.intervention == pytest.approx((3 * 3 + 5 * 6) / 8, rel=1e-12)
    assert risks.comparator == pytest.approx((3 * 1 + 5 * 3) / 8, rel=1e-12)
    att = standardized_risks(treated, predicted, Estimand.ATT)
    assert att.comparator == pytest.approx((2 * 1 + 2 * 3) / 4, rel=1e-12)


def test_aipw_by_hand():
    """Everyone is predicted 0.5 and 0.25. The intervention's residuals 0.5, -0.5, 0.5 are weighted
    2, 2, 1.25: they sum to 0.625. The comparator's -0.25, 0.75, -0.25, weighted 2, 2, 5: -0.25.
    """
    treated = np.array([1, 1, 1, 0, 0, 0], bool)
    e = known_propensity([0.5, 0.5, 0.8, 0.5, 0.5, 0.8])
    flat = known_outcomes([0.5] * 6, [0.25] * 6)
    outcome = [1, 0, 1, 0, 1, 0]
    with pytest.raises(PositivityError, match="one person carries 56% of the weight of the comp"):
        augmented_risks(outcome, treated, e, flat, Estimand.ATE)
    e = known_propensity([0.5, 0.5, 0.8, 0.5, 0.5, 0.75])  # the last weight is now 4
    plain = augmented_risks(outcome, treated, e, flat, Estimand.ATE)
    assert plain.intervention == pytest.approx(0.5 + 0.625 / 6, rel=1e-12)
    assert plain.comparator == pytest.approx(0.25 + 0 / 6, rel=1e-12)
    normalised = augmented_risks(outcome, treated, e, flat, Estimand.ATE, normalised=True)
    assert normalised.intervention == pytest.approx(0.5 + 0.625 / 5.25, rel=1e-12)


# Laws


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("estimand", POPULATIONS)
def test_an_influence_is_what_the_estimate_gains_when_a_person_counts_more(method, estimand):
    """Counting one person 1e-5 more and less, every model fitted again: the definition of the
    infinitesimal jackknife, and so the sandwich of all stacked equations.
    """
    outcome, treated, design = people(seed=1)
    risks = estimate(method, estimand, outcome, treated, design, np.ones(outcome.size))
    for person in (0, 17, 40, 93):
        step = np.zeros(outcome.size)
        step[person] = 1e-5
        more, less = (
            estimate(method, estimand, outcome, treated, design, 1 + sign * step)
            for sign in (1, -1)
        )
        for arm in ("intervention", "comparator"):
            gained = (getattr(more, arm) - getattr(less, arm)) / 2e-5
            found = getattr(risks, f"influence_{arm}")[person]
            assert found == pytest.approx(gained, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("link", list(Link))
def test_so_is_the_influence_on_a_conditional_coefficient(link):
    outcome, treated, design = people(seed=1)

    def found(weight):
        propensity, _ = nuisances(outcome, treated, design, weight)
        return weighted_regression(
            outcome, treated, propensity, Estimand.ATO, link, covariates=design[:, 1:],
            weight=weight,
        )  # fmt: skip

    whole = found(np.ones(outcome.size))
    for person in (0, 17, 40):
        step = np.zeros(outcome.size)
        step[person] = 1e-5
        gained = (found(1 + step).coefficient - found(1 - step).coefficient) / 2e-5
        assert whole.influence[person] == pytest.approx(gained, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("method", METHODS)
def test_influences_sum_to_zero(method):
    outcome, treated, design = people(seed=2)
    for estimand in POPULATIONS:
        risks = estimate(method, estimand, outcome, treated, design, np.ones(outcome.size))
        assert risks.influence_intervention.sum() == pytest.approx(0, abs=1e-9)
        assert risks.influence_comparator.sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_a_row_of_weight_three_is_three_people(method):
    outcome, treated, design = people(seed=3)
    count = np.random.default_rng(4).integers(1, 4, outcome.size)
    copies = np.repeat(np.arange(outcome.size), count)
    many = estimate(
        method, Estimand.ATT, outcome[copies], treated[copies], design[copies], np.ones(copies.size)
    )
    few = estimate(method, Estimand.ATT, outcome, treated, design, count.astype(float))
    assert few.comparator == pytest.approx(many.comparator, rel=1e-9)
    assert few.influence_comparator == pytest.approx(
        np.bincount(copies, many.influence_comparator), rel=1e-7, abs=1e-12
    )


@laws
@given(st.integers(0, 10_000), st.sampled_from(METHODS), st.sampled_from(POPULATIONS))
def test_relabelling_the_arms_turns_the_risks_round(seed, method, estimand):
    outcome, treated, design = people(seed)
    mirrored = {Estimand.ATT: Estimand.ATC, Estimand.ATC: Estimand.ATT}.get(estimand, estimand)
    one = np.ones(outcome.size)
    here = estimate(method, estimand, outcome, treated, design, one)
    there = estimate(method, mirrored, outcome, ~treated, design, one)
    assert there.comparator == pytest.approx(here.intervention, rel=1e-8)
    assert there.intervention == pytest.approx(here.comparator, rel=1e-8)
    assert there.influence_comparator == pytest.approx(
        here.influence_intervention, rel=1e-6, abs=1e-10
    )


def stratified(seed, n=240):
    """People of six kinds, and a column for each."""
    rng = np.random.default_rng(seed)
    kind = np.arange(n) % 6
    treated = rng.random(n) < np.linspace(0.3, 0.7, 6)[kind]
    outcome = (rng.random(n) < np.linspace(0.7, 0.3, 6)[kind]).astype(float)
    outcome[:24], treated[:24] = np.arange(24) // 6 % 2, np.arange(24) // 12  # no cell is constant
    return outcome, treated, (kind[:, None] == np.arange(6)).astype(float), kind


@laws
@given(st.integers(0, 10_000))
def test_saturated_models_all_give_nonparametric_standardisation(seed):
    outcome, treated, design, kind = stratified(seed)
    cell = np.array([outcome[(kind == k) & treated].mean() for k in range(6)])
    direct = cell[kind].mean()
    for method in ("IPTW", "g-formula", "AIPW", "AIPW, normalised", "TMLE", "IPWRA"):
        risks = estimate(method, Estimand.ATE, outcome, treated, design, np.ones(outcome.size))
        assert risks.intervention == pytest.approx(direct, rel=1e-8)
        # Delta method: each person of a cell deviates from it over the cell's share treated.
        share = np.array([treated[kind == k].mean() for k in range(6)])[kind]
        by_hand = (treated * (outcome - cell[kind]) / share + cell[kind] - direct) / outcome.size
        assert risks.influence_intervention == pytest.approx(by_hand, rel=1e-6, abs=1e-10)


def test_aipw_without_an_outcome_model_is_horvitz_thompson_or_hajek():
    outcome, treated, design = people(seed=5)
    propensity, _ = nuisances(outcome, treated, design)
    nothing = known_outcomes(np.zeros(outcome.size), np.zeros(outcome.size))
    plain = augmented_risks(outcome, treated, propensity, nothing, Estimand.ATE)
    assert plain.intervention == pytest.approx(
        np.mean(treated * outcome / propensity.probability), rel=1e-12
    )
    hajek = augmented_risks(outcome, treated, propensity, nothing, Estimand.ATE, normalised=True)
    weighted = weighted_risks(outcome, treated, propensity, Estimand.ATE)
    assert hajek.influence_comparator == pytest.approx(weighted.influence_comparator, abs=1e-15)


@pytest.mark.parametrize(
    ("link", "scale"),
    [
        (Link.IDENTITY, lambda risk: risk),
        (Link.LOG, np.log),
        (Link.LOGIT, lambda risk: np.log(risk / (1 - risk))),
    ],
)
@pytest.mark.parametrize("estimand", POPULATIONS)
def test_a_regression_on_the_arm_alone_is_the_contrast_of_weighted_risks(link, scale, estimand):
    outcome, treated, design = people(seed=6)
    propensity, _ = nuisances(outcome, treated, design)
    risks = weighted_risks(outcome, treated, propensity, estimand)
    found = weighted_regression(outcome, treated, propensity, estimand, link)
    assert found.coefficient == pytest.approx(
        scale(risks.intervention) - scale(risks.comparator), rel=1e-9
    )
    step = 1e-6
    slope = [(scale(risk + step) - scale(risk - step)) / (2 * step)
             for risk in (risks.intervention, risks.comparator)]  # fmt: skip
    by_delta = slope[0] * risks.influence_intervention - slope[1] * risks.influence_comparator
    assert found.influence == pytest.approx(by_delta, rel=1e-6, abs=1e-12)
    assert found.risks.intervention == pytest.approx(risks.intervention, rel=1e-9)


def test_taken_as_known_the_models_owe_nothing():
    """Then the influences are those of the efficient influence function alone."""
    outcome, treated, design = people(seed=7)
    propensity, predicted = nuisances(outcome, treated, design)
    e, m = propensity.probability, predicted.intervention.value
    known = augmented_risks(outcome, treated, known_propensity(e), predicted.known(), Estimand.ATE)
    plain = m + treated * (outcome - m) / e
    assert known.influence_intervention == pytest.approx((plain - plain.mean()) / outcome.size)


# Against statsmodels


@pytest.mark.parametrize(
    ("method", "estimand"),
    [(method, Estimand.ATE) for method in ("ipw", "ra", "aipw", "ipw_ra")]
    + [(method, Estimand.ATT) for method in ("ipw", "ra", "ipw_ra")],
)
def test_treatment_effects_agree_with_statsmodels(method, estimand):
    """statsmodels 0.15 TreatmentEffect (after Stata's teffects): effect_group 'all' or 1, errors
    from the stacked moment conditions (GMM, HC0), which it differentiates numerically, so errors
    to 1e-7. Outcome models are linear, one an arm. The propensity model has six columns because
    its ipw_ra takes the last six parameters for it, however many there are.
    """
    rng = np.random.default_rng(1)
    n = 400
    design = np.column_stack([np.ones(n), rng.normal(size=(n, 4)), rng.random(n) < 0.4])
    treated = rng.random(n) < expit(design @ [-0.2, 0.4, 0.3, 0, -0.2, 0.5])
    outcome = design @ [1, 2, -1, 0.5, 0, 1] + treated * (0.5 + 0.3 * design[:, 1])
    outcome = outcome + rng.normal(size=n)
    logit = sm.Logit(treated.astype(float), design).fit(disp=0, tol=1e-14)
    theirs = TreatmentEffect(sm.OLS(outcome, design), treated.astype(int), results_select=logit)
    group = {} if estimand is Estimand.ATE else {"effect_group": 1}
    found = getattr(theirs, method)(return_results=True, **group).results_gmm

    propensity, predicted = nuisances(outcome, treated, design, link=Link.IDENTITY)
    if method == "ipw":
        risks = weighted_risks(outcome, treated, propensity, estimand)
    elif method == "aipw":
        risks = augmented_risks(outcome, treated, propensity, predicted, estimand)
    else:
        if method == "ipw_ra":
            predicted = inverse_weighted_outcome_models(
                outcome, treated, design, propensity, estimand, Link.IDENTITY
            )
        risks = standardized_risks(treated, predicted, estimand)
    change = risks.influence_intervention - risks.influence_comparator
    assert risks.intervention - risks.comparator == pytest.approx(found.params[0], rel=1e-10)
    assert risks.comparator == pytest.approx(found.params[1], rel=1e-10)
    assert uncertainty(change, 0.95).std_error == pytest.approx(found.bse[0], rel=1e-7)


# Refusals


def test_separation_in_an_arms_outcome_model_is_refused():
    treated = np.repeat([True, False], 6)
    covariate = np.tile([0, 0, 0, 1, 1, 1], 2)
    outcome = np.array([1, 0, 1, 0, 1, 0, 0, 0, 0, 1, 1, 1])
    with pytest.raises(CohortError, match="foretell the outcome of some people"):
        fit_outcome_models(outcome, treated, np.column_stack([np.ones(12), covariate]), Link.LOGIT)


def test_a_population_of_nobody_is_refused():
    outcome, treated, design = people(seed=8)
    _, predicted = nuisances(outcome, treated, design)
    with pytest.raises(CohortError, match="nobody belongs to the population of the ATT"):
        standardized_risks(treated, predicted, Estimand.ATT, weight=~treated)


def test_an_arm_with_one_outcome_is_refused():
    outcome, treated, design = people(seed=8)
    propensity, predicted = nuisances(outcome, treated, design)
    with pytest.raises(CohortError, match=r"people of the intervention arm have the same outcome"):
        augmented_risks(outcome * ~treated, treated, propensity, predicted, Estimand.ATE)


# The planted truth


def planted(seed, n):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    treated = rng.random(n) < expit(0.8 * x[:, 0] - 0.5 * x[:, 1] ** 2 + 0.3)
    one, other = (
        expit(0.9 * x[:, 0] - 0.8 * x[:, 1] ** 2 + 0.2 + effect) for effect in (-0.6, 0.0)
    )
    outcome = (rng.random(n) < np.where(treated, one, other)).astype(float)
    right = np.column_stack([np.ones(n), x[:, 0], x[:, 1] ** 2])
    wrong = np.column_stack([np.ones(n), x[:, 1]])
    return outcome, treated, right, wrong, float(np.mean(one - other))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["AIPW", "TMLE", "IPWRA"])
@pytest.mark.parametrize("broken", ["neither", "outcome", "propensity", "both"])
def test_one_right_model_is_enough_and_two_wrong_ones_are_not(method, broken):
    """300 studies of 800 people; each model in turn lacks the causes. With a right one the bias
    is within its Monte Carlo error and 95% intervals hold the truth 91% to 98% of the time.
    """
    truth = np.mean([planted(seed, 200_000)[-1] for seed in range(3)])
    found, covered = [], []
    for seed in range(300):
        outcome, treated, right, wrong, _ = planted(1000 + seed, 800)
        for_outcome = wrong if broken in ("outcome", "both") else right
        for_arm = wrong if broken in ("propensity", "both") else right
        propensity = estimated_propensity(
            treated, fit_propensity(treated, for_arm).probability, for_arm
        )
        predicted = fit_outcome_models(outcome, treated, for_outcome, Link.LOGIT)
        if method == "AIPW":
            risks = augmented_risks(outcome, treated, propensity, predicted, Estimand.ATE)
        elif method == "TMLE":
            risks = targeted_risks(outcome, treated, propensity, predicted, Estimand.ATE)
        else:
            reweighted = inverse_weighted_outcome_models(
                outcome, treated, for_outcome, propensity, Estimand.ATE, Link.LOGIT
            )
            risks = standardized_risks(treated, reweighted, Estimand.ATE)
        change = risks.influence_intervention - risks.influence_comparator
        spread = uncertainty(change, 0.95)
        found.append(risks.intervention - risks.comparator)
        covered.append(abs(found[-1] - truth) <= spread.critical * spread.std_error)
    bias, noise = np.mean(found) - truth, np.std(found) / np.sqrt(300)
    if broken == "both":
        assert abs(bias) > 0.04
    else:
        assert abs(bias) < 3.5 * noise
        assert 0.91 <= np.mean(covered) <= 0.98
