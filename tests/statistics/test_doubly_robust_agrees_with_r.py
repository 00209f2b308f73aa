"""Risks and their contrasts on UIS, against published R packages (a05, a06, a07)."""

from functools import partial

import numpy as np
import pytest

from iop_outcomes.statistics.effects.doubly_robust import (
    augmented_risks,
    inverse_weighted_outcome_models,
    standardized_risks,
    weighted_regression,
)
from iop_outcomes.statistics.effects.effect_measures import odds_ratio, risk_difference, risk_ratio
from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    fit_outcome_models,
    fit_regression,
    known_outcomes,
)
from iop_outcomes.statistics.effects.risks import (
    Risks,
    arm_weights,
    augmented_mean,
    estimated_propensity,
    known_propensity,
)
from iop_outcomes.statistics.effects.targeted import targeted_risks
from iop_outcomes.statistics.effects.weighted_risks import unadjusted_risks, weighted_risks
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.vocabulary import Estimand

persons = partial(uncertainty, confidence_level=0.95)
HORIZONS = [180, 365]
MEASURES = {"RD": risk_difference, "logRR": risk_ratio, "logOR": odds_ratio}


def outcome_by(exposure, day):
    return ((exposure.day <= day) & (exposure.event == 1)).astype(float)


def propensity_of(exposure):
    return estimated_propensity(exposure.treated, exposure.fit.probability, exposure.design)


def error(influence):
    return np.sqrt(np.sum(influence**2))


def agrees(risks, reference, case, name, exposure, rel=1e-8, rel_error=1e-6, suffix=""):
    """Difference, log ratio and log odds ratio, with their standard errors."""
    for estimand, measure in MEASURES.items():
        row = reference(case, name, estimand + suffix).loc[exposure.name]
        found = measure(risks, persons)
        value = found.estimate if estimand == "RD" else np.log(found.estimate)
        assert value == pytest.approx(row["estimate"], rel=rel)
        assert found.std_error == pytest.approx(row["std_error"], rel=rel_error)
        if estimand == "RD":
            assert found.lower == pytest.approx(row["ci_low"], rel=1e-5)


@pytest.mark.parametrize("day", HORIZONS)
def test_unadjusted_contrasts_agree_with_sandwich(exposure, reference, day):
    """sandwich 3.0.2, HC0 of glm with identity, log and logit link."""
    case = f"{exposure.case}c_uis_{exposure.name}_weighted_outcomes"
    risks = unadjusted_risks(outcome_by(exposure, day), exposure.treated)
    name = f"unweighted; outcome y{day}"
    agrees(risks, reference, case, name, exposure, rel_error=1e-8, suffix=" [HC0]")


@pytest.mark.parametrize("day", HORIZONS)
@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
def test_weighted_contrasts_agree_with_sandwich_and_weightit(exposure, reference, estimand, day):
    """Weights known: sandwich 3.0.2, HC0. Weights estimated: WeightIt 1.5.1, vcov='asympt', at
    the packages' own convergence, so to 1e-6.
    """
    case = f"{exposure.case}c_uis_{exposure.name}_weighted_outcomes"
    name, population = f"IPTW {estimand}; outcome y{day}", Estimand(estimand)
    outcome, e = outcome_by(exposure, day), exposure.fit.probability
    known = weighted_risks(outcome, exposure.treated, known_propensity(e), population)
    agrees(known, reference, case, name, exposure, rel_error=1e-8, suffix=" [HC0]")
    risks = weighted_risks(outcome, exposure.treated, propensity_of(exposure), population)
    agrees(risks, reference, case, name, exposure, rel=1e-6, suffix=" [M-estimation]")


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
@pytest.mark.parametrize(
    ("link", "term"), [(Link.IDENTITY, "RD"), (Link.LOG, "logRR"), (Link.LOGIT, "logOR")]
)
def test_weighted_regressions_agree_with_weightit(exposure, reference, link, term, estimand):
    """WeightIt 1.5.1 glm_weightit with gaussian, quasipoisson('log') and binomial."""
    case = f"{exposure.case}c_uis_{exposure.name}_weighted_outcomes"
    row = reference(case, f"IPTW {estimand}; outcome y180", f"{term} [M-estimation]")
    found = weighted_regression(
        outcome_by(exposure, 180), exposure.treated, propensity_of(exposure), Estimand(estimand),
        link,
    )  # fmt: skip
    assert found.coefficient == pytest.approx(row.loc[exposure.name, "estimate"], rel=1e-6)
    assert error(found.influence) == pytest.approx(row.loc[exposure.name, "std_error"], rel=1e-6)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO", "ATM"])
@pytest.mark.parametrize("day", HORIZONS)
def test_weighted_contrasts_agree_with_psweight(exposure, reference, estimand, day):
    """PSweight 2.1.2, sandwich with numerical derivative."""
    case = f"{exposure.case}c_uis_{exposure.name}_weighted_outcomes"
    risks = weighted_risks(
        outcome_by(exposure, day), exposure.treated, propensity_of(exposure), Estimand(estimand)
    )
    name = f"PSweight {estimand}; outcome y{day}"
    agrees(risks, reference, case, name, exposure, rel=1e-6)


def models(exposure, day, pooled=False):
    return fit_outcome_models(
        outcome_by(exposure, day), exposure.treated, exposure.design, Link.LOGIT, pooled=pooled
    )


@pytest.mark.parametrize("day", HORIZONS)
@pytest.mark.parametrize(
    ("pooled", "tag"), [(True, "one outcome model"), (False, "separate outcome models")]
)
@pytest.mark.parametrize("method", ["AIPW", "gcomp"])
def test_doubly_robust_contrasts_agree_with_stacked_equations(
    exposure, reference, method, pooled, tag, day
):
    """The reference's own R code: sandwich of the stacked scores, derivative by numDeriv; it says
    that riskRegression::ate gives the same to 1e-8.
    """
    case = f"{exposure.case}d_uis_{exposure.name}_doubly_robust"
    predicted = models(exposure, day, pooled)
    if method == "AIPW":
        risks = augmented_risks(
            outcome_by(exposure, day), exposure.treated, propensity_of(exposure), predicted,
            Estimand.ATE,
        )  # fmt: skip
    else:
        risks = standardized_risks(exposure.treated, predicted, Estimand.ATE)
    name = f"stacked M-estimation {method} ATE, {tag}; outcome y{day}"
    agrees(risks, reference, case, name, exposure)
    rows = reference(case, name, "risk")
    for code, arm in ((1, "intervention"), (0, "comparator")):
        row = rows.loc[f"{exposure.name}={code}"]
        assert getattr(risks, arm) == pytest.approx(row["estimate"], rel=1e-8)
        assert error(getattr(risks, f"influence_{arm}")) == pytest.approx(
            row["std_error"], rel=1e-6
        )


@pytest.mark.parametrize("day", HORIZONS)
def test_risks_agree_with_riskregression(exposure, reference, day):
    """riskRegression 2022.11.28 ate(), influence-function errors. Its IPTW is Horvitz-Thompson's,
    which is AIPW with an outcome model that predicts nothing.
    """
    case = f"{exposure.case}d_uis_{exposure.name}_doubly_robust"
    outcome, propensity = outcome_by(exposure, day), propensity_of(exposure)
    predicted = models(exposure, day, pooled=True)
    nothing = known_outcomes(np.zeros(outcome.size), np.zeros(outcome.size))
    found = {
        "GFORMULA": standardized_risks(exposure.treated, predicted, Estimand.ATE),
        "IPTW": augmented_risks(outcome, exposure.treated, propensity, nothing, Estimand.ATE),
        "AIPTW": augmented_risks(outcome, exposure.treated, propensity, predicted, Estimand.ATE),
    }
    for name, risks in found.items():
        rows = reference(case, f"riskRegression {name} ATE; outcome y{day}", "risk")
        for code, arm in ((1, "intervention"), (0, "comparator")):
            row = rows.loc[f"{exposure.name}={code}"]
            assert getattr(risks, arm) == pytest.approx(row["estimate"], rel=1e-7)
            assert error(getattr(risks, f"influence_{arm}")) == pytest.approx(
                row["std_error"], rel=1e-6
            )


@pytest.mark.parametrize("day", HORIZONS)
def test_the_g_formula_agrees_with_stdreg_but_for_its_factor(exposure, reference, day):
    """stdReg 3.4.2 multiplies the sandwich by n/(n - 1); ours, like riskRegression's, does not."""
    case = f"{exposure.case}d_uis_{exposure.name}_doubly_robust"
    n = exposure.treated.size
    risks = standardized_risks(exposure.treated, models(exposure, day, True), Estimand.ATE)
    row = reference(case, f"stdReg g-computation ATE; outcome y{day}", "RD").loc[exposure.name]
    found = risk_difference(risks, persons)
    assert found.estimate == pytest.approx(row["estimate"], rel=1e-7)
    assert found.std_error * np.sqrt(n / (n - 1)) == pytest.approx(row["std_error"], rel=1e-6)


@pytest.mark.parametrize("day", HORIZONS)
@pytest.mark.parametrize(
    ("pooled", "tag"), [(True, "one outcome model"), (False, "separate outcome models")]
)
def test_points_and_known_errors_agree_with_the_textbook_sums(
    exposure, reference, day, pooled, tag
):
    """The reference's own R code. Its AIPW errors take both models as known and divide by n - 1."""
    case = f"{exposure.case}d_uis_{exposure.name}_doubly_robust"
    outcome, treated, n = outcome_by(exposure, day), exposure.treated, exposure.treated.size
    propensity, predicted = propensity_of(exposure), models(exposure, day, pooled)
    known = known_propensity(propensity.probability)

    def row(name, estimand, term):
        return reference(case, f"{name}, {tag}; outcome y{day}", estimand).loc[term]

    point = f"{exposure.name};point"
    treated_only = standardized_risks(treated, predicted, Estimand.ATT)
    assert treated_only.intervention - treated_only.comparator == pytest.approx(
        row("g-computation ATT", "RD", point)["estimate"], rel=1e-8
    )
    hajek = augmented_risks(outcome, treated, propensity, predicted, Estimand.ATE, normalised=True)
    assert hajek.intervention - hajek.comparator == pytest.approx(
        row("AIPW ATE Hajek-normalised", "RD", point)["estimate"], rel=1e-8
    )
    for estimand in (Estimand.ATE, Estimand.ATT):
        risks = augmented_risks(outcome, treated, known, predicted.known(), estimand)
        found = risk_difference(risks, persons)
        theirs = row(f"AIPW {estimand}", "RD", exposure.name)
        assert found.estimate == pytest.approx(theirs["estimate"], rel=1e-8)
        assert found.std_error * np.sqrt(n / (n - 1)) == pytest.approx(
            theirs["std_error"], rel=1e-8
        )


@pytest.mark.parametrize("day", HORIZONS)
@pytest.mark.parametrize("estimand", [Estimand.ATE, Estimand.ATO])
def test_augmented_contrasts_agree_with_psweight(exposure, reference, estimand, day):
    """PSweight 2.1.2 augmentation=TRUE: Hajek-normalised residuals, one outcome model an arm,
    sandwich with numerical derivative.
    """
    case = f"{exposure.case}c_uis_{exposure.name}_weighted_outcomes"
    risks = augmented_risks(
        outcome_by(exposure, day), exposure.treated, propensity_of(exposure),
        models(exposure, day), estimand, normalised=True,
    )  # fmt: skip
    name = f"PSweight augmented (doubly robust) {estimand}; outcome y{day}"
    agrees(risks, reference, case, name, exposure, rel=1e-6)


def test_psweight_augments_att_toward_propensities_and_we_toward_people(exposure, reference):
    """PSweight's treated population is everyone counted by e(x); ours is those who were treated.
    By its definition our parts give its numbers, but that estimate leans on the propensity model
    even where the outcome models are right, so it is not doubly robust and we do not offer it.
    """
    case = f"{exposure.case}c_uis_{exposure.name}_weighted_outcomes"
    outcome, propensity = outcome_by(exposure, 180), propensity_of(exposure)
    predicted = models(exposure, 180)
    one = np.ones(outcome.size)
    weights = arm_weights(exposure.treated, propensity, Estimand.ATT, one)
    tilted = type(weights[0])(propensity.probability, propensity.gradient)
    means, influences = [], []
    for side, arm in zip((predicted.intervention, predicted.comparator), weights, strict=True):
        mean, own, by_propensity, by_outcome = augmented_mean(outcome, side, tilted, arm, True)
        means.append(mean)
        influences.append(
            own + propensity.influence @ by_propensity + predicted.influence @ by_outcome
        )
    name = "PSweight augmented (doubly robust) ATT; outcome y180"
    agrees(Risks(*means, *influences), reference, case, name, exposure, rel=1e-6)
    ours = augmented_risks(
        outcome, exposure.treated, propensity, predicted, Estimand.ATT, normalised=True
    )
    assert ours.intervention == pytest.approx(outcome[exposure.treated].mean(), rel=1e-12)
    assert abs(ours.intervention - means[0]) > 1e-5


@pytest.mark.parametrize("day", HORIZONS)
def test_conditional_models_agree_with_glm_and_sandwich(exposure, reference, day):
    """Adjusted logistic and modified Poisson regression (Zou 2004), sandwich 3.0.2, HC0."""
    case = f"{exposure.case}d_uis_{exposure.name}_doubly_robust"
    design = np.column_stack([exposure.design, exposure.treated])
    for link, name, term in (
        (Link.LOGIT, "logistic regression, adjusted", "logOR [HC0]"),
        (Link.LOG, "modified Poisson, adjusted", "logRR [HC0]"),
    ):
        fit = fit_regression(outcome_by(exposure, day), design, link)
        row = reference(case, f"{name}; outcome y{day}", term).loc[exposure.name]
        assert fit.coefficients[-1] == pytest.approx(row["estimate"], rel=1e-8)
        assert error(fit.influence[:, -1]) == pytest.approx(row["std_error"], rel=1e-6)


def test_tmle_lies_near_aipw(exposure):
    """Both are efficient: they differ by far less than a standard error."""
    outcome, propensity = outcome_by(exposure, 180), propensity_of(exposure)
    predicted = models(exposure, 180)
    aipw, tmle = (
        risk_difference(
            estimate(outcome, exposure.treated, propensity, predicted, Estimand.ATE), persons
        )
        for estimate in (augmented_risks, targeted_risks)
    )
    assert tmle.estimate == pytest.approx(aipw.estimate, abs=0.01 * aipw.std_error)
    assert tmle.std_error == pytest.approx(aipw.std_error, rel=1e-3)


@pytest.mark.parametrize("exposure", ["treat"], indirect=True)
@pytest.mark.parametrize("estimator", ["rd_crude", "iptw_ate_rd", "iptw_ato_rd", "gcomp_rd",
                                       "gcomp_sep_rd", "aipw_rd", "aipw_sep_rd"])  # fmt: skip
def test_errors_agree_with_the_bootstrap(exposure, reference, estimator):
    """2000 nonparametric bootstraps in R (Monte Carlo error of each SE about 1.6%), which were
    made for the programme only: within 5%.
    """
    row = reference("a07_uis_bootstrap", "nonparametric bootstrap, B=2000", estimator)
    outcome, treated, propensity = (
        outcome_by(exposure, 365),
        exposure.treated,
        propensity_of(exposure),
    )
    predicted = models(exposure, 365, pooled="sep" not in estimator)
    risks = {
        "rd": lambda: unadjusted_risks(outcome, treated),
        "iptw": lambda: weighted_risks(
            outcome, treated, propensity, Estimand("ATO" if "ato" in estimator else "ATE")
        ),
        "gcomp": lambda: standardized_risks(treated, predicted, Estimand.ATE),
        "aipw": lambda: augmented_risks(outcome, treated, propensity, predicted, Estimand.ATE),
    }[estimator.split("_")[0]]()
    found = risk_difference(risks, persons)
    assert found.std_error == pytest.approx(row["std_error"].iloc[0], rel=0.05)
    # The mean of the replicates is off the estimate by the bootstrap's own noise and bias.
    assert found.estimate == pytest.approx(row["estimate"].iloc[0], abs=0.05 * found.std_error)


def test_reweighted_outcome_models_lie_between_weighting_and_modelling(exposure):
    outcome, propensity = outcome_by(exposure, 180), propensity_of(exposure)
    predicted = inverse_weighted_outcome_models(
        outcome, exposure.treated, exposure.design, propensity, Estimand.ATE, Link.LOGIT
    )
    risks = standardized_risks(exposure.treated, predicted, Estimand.ATE)
    aipw = augmented_risks(
        outcome, exposure.treated, propensity, models(exposure, 180), Estimand.ATE
    )
    assert risks.comparator == pytest.approx(aipw.comparator, abs=0.002)
