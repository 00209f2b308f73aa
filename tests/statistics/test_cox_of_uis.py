"""Cox regression and log-rank tests of UIS: against R's survival and survey.

R 4.2.2, survival 3.5.3, `coxph(..., control = coxph.control(eps = 1e-11, iter.max = 60))`, which
leaves the coefficients 4e-10 short of the maximum: with eps = 1e-17 they agree to 14 digits.
"""

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.cox.curves import baseline_hazard, predicted_survival
from iop_outcomes.statistics.cox.logrank import log_rank, weighted_log_rank
from iop_outcomes.statistics.cox.proportional_hazards import (
    TimeTransform,
    proportional_hazards_test,
)
from iop_outcomes.statistics.cox.regression import CoxFit, fit_cox
from iop_outcomes.statistics.cox.risk_sets import Ties, hazard_sums, sort_into_risk_sets
from iop_outcomes.statistics.cox.rows import survival_rows
from iop_outcomes.statistics.cox.variance import (
    Sandwich,
    coefficient_derivative,
    martingale_residuals,
    robust_score_statistic,
    schoenfeld_residuals,
    score_residuals,
)
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

MAIN = ["age", "beck", "ndrugtx", "ivhx3", "race", "treat", "site"]
# name of the model in R's results: its columns here, and of each term of cox.zph
MODELS = {
    "Cox unadjusted": ["treat"],
    "Cox main effects": MAIN,
    "Cox stratified on site": ["age", "beck", "ndrugtx", "ivhx2", "ivhx3", "race", "treat"],
    "Cox Hosmer-Lemeshow final": [
        "age", "beck", "nd1", "nd2", "ivhx3", "race", "treat", "site", "age:site", "race:site",
    ],
}  # fmt: skip
TERMS = {"Cox stratified on site": [[0], [1], [2], [3, 4], [5], [6]]}
of_all_models = pytest.mark.parametrize("name", MODELS)
ties_of_both_kinds = pytest.mark.parametrize("ties", Ties)


@pytest.fixture(scope="module")
def people(uis) -> pd.DataFrame:
    found = uis.rename(columns=str.lower).rename(columns={"ndt": "ndrugtx"})
    for level in (2, 3):
        found[f"ivhx{level}"] = (found["iv"] == level).astype(float)
    for name in ("age", "race"):
        found[f"{name}:site"] = found[name] * found["site"]
    return found


def fitted(people, name, ties=Ties.EFRON) -> CoxFit:
    stratum = people["site"] if name == "Cox stratified on site" else None
    return fit_cox(
        people["time"], people["censor"], people[MODELS[name]], stratum=stratum, ties=ties
    )


def robust_errors(fit, **sandwich):
    covariance = Sandwich(**sandwich).covariance(coefficient_derivative(fit), fit.weight)
    return np.sqrt(np.diag(covariance))


@ties_of_both_kinds
@of_all_models
def test_coefficients_errors_and_likelihoods_agree(people, reference, name, ties):
    fit, case = fitted(people, name, ties), f"{name}, ties {ties}"
    rows = reference("a03_uis_cox", case, "logHR").loc[MODELS[name]]
    assert fit.coefficients == pytest.approx(rows["estimate"], rel=1e-8)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(rows["std_error"], rel=1e-8)
    for quantity, ours in (
        ("partial loglik, null", fit.log_likelihood_at_zero),
        ("partial loglik, model", fit.log_likelihood),
        ("LR chisq", 2 * (fit.log_likelihood - fit.log_likelihood_at_zero)),
        ("Score chisq", fit.score_statistic),
    ):
        theirs = reference("a03_uis_cox", case, quantity)["estimate"].item()
        assert ours == pytest.approx(theirs, rel=1e-8)


@ties_of_both_kinds
@of_all_models
def test_robust_errors_and_scores_agree(people, reference, name, ties):
    """robust = TRUE: Lin and Wei's errors, without a small-sample factor."""
    fit, case = fitted(people, name, ties), f"{name}, ties {ties}, robust"
    rows = reference("a03_uis_cox", case, "logHR").loc[MODELS[name]]
    assert robust_errors(fit) == pytest.approx(rows["std_error"], rel=1e-8)
    score = reference("a03_uis_cox", case, "robust score chisq")["estimate"].item()
    assert robust_score_statistic(fit) == pytest.approx(score, rel=1e-8)


@ties_of_both_kinds
@pytest.mark.parametrize(
    ("name", "cluster"),
    [
        ("Cox unadjusted", "cl10"),
        ("Cox main effects", "cl10"),
        ("Cox main effects", "site"),
        ("Cox stratified on site", "cl10"),
    ],
)
def test_clustered_errors_agree(people, reference, name, cluster, ties):
    """cluster = : CR0, no factor for the number of clusters."""
    fit = fitted(people, name, ties)
    case = f"{name}, ties {ties}, cluster({cluster})"
    label = people["site"] if cluster == "site" else (people["id"] - 1) // 10
    rows = reference("a03_uis_cox", case, "logHR").loc[MODELS[name]]
    assert robust_errors(fit, cluster=label) == pytest.approx(rows["std_error"], rel=1e-8)


@pytest.mark.parametrize("transform", TimeTransform)
@of_all_models
def test_the_test_of_proportional_hazards_agrees(people, reference, name, transform):
    """cox.zph(transform = ): the exact score test of survival >= 3.0, not the older formula."""
    test = proportional_hazards_test(fitted(people, name), transform, terms=TERMS.get(name))
    rows = reference(
        "a03_uis_cox", f"{name}, ties efron, cox.zph {transform}", "PH score test chisq"
    )
    ours = [*test.statistic, test.overall_statistic]
    assert ours == pytest.approx(rows["estimate"].to_numpy(), rel=1e-8)
    p_values = [*test.p_value, test.overall_p_value]
    assert p_values == pytest.approx(rows["p_value"].to_numpy(), rel=1e-8)


@ties_of_both_kinds
@pytest.mark.parametrize("name", ["Cox unadjusted", "Cox main effects"])
def test_baseline_hazards_agree(people, reference, name, ties):
    """basehaz(centered = FALSE): Efron's steps under Efron's ties."""
    rows = reference("a03_uis_cox", f"{name}, ties {ties}", "baseline cumulative hazard")
    ours = baseline_hazard(fitted(people, name, ties)).at([90, 180, 365])
    assert ours == pytest.approx(rows["estimate"].to_numpy(), rel=1e-8)


@ties_of_both_kinds
def test_predicted_survival_agrees(people, reference, ties):
    """survfit(fit, newdata = ), with the standard error of survival itself."""
    rows = reference("a03_uis_cox", f"Cox main effects, ties {ties}", "predicted S(t)")
    profiles = [[30, 15, 3, 0, 0, treat, 0] for treat in (0, 1)]
    ours = predicted_survival(fitted(people, "Cox main effects", ties), profiles, [90, 180, 365])
    assert ours.survival.ravel() == pytest.approx(rows["estimate"].to_numpy(), rel=1e-8)
    assert ours.std_error.ravel() == pytest.approx(rows["std_error"].to_numpy(), rel=1e-8)


def test_every_residual_agrees(people, shared):
    """residuals(fit, c("martingale", "score", "dfbeta")) of 575 people."""
    vectors = pd.read_csv(
        shared / "reference" / "results" / "vectors" / "uis_cox_main_efron_residuals.csv"
    )
    fit = fitted(people, "Cox main effects")
    assert vectors["id"].tolist() == people["id"].tolist()
    for ours, prefix in (
        (score_residuals(fit), "score_"),
        (coefficient_derivative(fit), "dfbeta_"),
    ):
        theirs = vectors[[prefix + column for column in MAIN]].to_numpy()
        assert ours == pytest.approx(theirs, rel=1e-8, abs=1e-8 * np.abs(theirs).max())
    martingale = vectors["martingale"].to_numpy()
    assert martingale_residuals(fit) == pytest.approx(martingale, rel=1e-8, abs=1e-9)


def test_every_schoenfeld_residual_agrees(people, shared):
    """residuals(fit, "schoenfeld") and "scaledsch", events of a day in the order of the file."""
    vectors = pd.read_csv(
        shared / "reference" / "results" / "vectors" / "uis_cox_main_efron_schoenfeld.csv"
    )
    ours = schoenfeld_residuals(fitted(people, "Cox main effects"))
    assert ours.day.tolist() == vectors["time"].tolist()
    for values, prefix in ((ours.residual, "sch_"), (ours.scaled, "scaledsch_")):
        theirs = vectors[[prefix + column for column in MAIN]].to_numpy()
        for day in np.unique(ours.day):
            mine = ours.day == day
            assert np.sort(values[mine], axis=0) == pytest.approx(
                np.sort(theirs[mine], axis=0), rel=1e-8, abs=1e-9
            )


@pytest.mark.parametrize(
    ("group", "stratum", "term"),
    [
        ("treat", None, "treat;df=1"),
        ("site", None, "site;df=1"),
        ("iv", None, "ivhx;df=2"),
        ("treat", "site", "treat + strata(site);df=1"),
        ("treat", "iv", "treat + strata(ivhx);df=1"),
    ],
)
def test_log_rank_tests_agree(people, reference, group, stratum, term):
    """survdiff(rho = 0): hypergeometric variance."""
    test = log_rank(
        people["time"], people["censor"], people[group],
        stratum=None if stratum is None else people[stratum],
    )  # fmt: skip
    row = reference("a02_uis_logrank", "log-rank", "chisq").loc[term]
    assert test.statistic == pytest.approx(row["estimate"], rel=1e-11)
    assert test.p_value == pytest.approx(row["p_value"], rel=1e-11)
    model = term.split(";")[0]
    for quantity, ours in (("observed", test.observed), ("expected", test.expected)):
        rows = reference("a02_uis_logrank", "log-rank", quantity)
        theirs = rows[rows.index.str.startswith(f"{model};")]["estimate"]
        assert ours == pytest.approx(theirs.to_numpy(), rel=1e-12)
    variance = reference("a02_uis_logrank", "log-rank", "variance of O-E, first group")
    assert test.covariance[0, 0] == pytest.approx(variance.loc[model, "estimate"], rel=1e-11)


# Weighted to balance the arms


def weights(exposure, kind):
    treated, propensity = exposure.treated, exposure.fit.probability
    if kind != "ATEstab":
        return balancing_weights(treated, propensity, Estimand[kind])
    share = treated.mean()
    by_arm = np.where(treated, share, 1 - share)
    return balancing_weights(treated, propensity, Estimand.ATE) * by_arm


of_all_weights = pytest.mark.parametrize("kind", ["ATE", "ATT", "ATC", "ATO", "ATEstab"])


def case_of(exposure):
    return f"{exposure.case}e_uis_{exposure.name}_weighted_survival"


@ties_of_both_kinds
@of_all_weights
def test_weighted_coefficients_and_robust_errors_agree(exposure, reference, kind, ties):
    """coxph(weights = , robust = TRUE): weights taken as known, no small-sample factor."""
    fit = fit_cox(
        exposure.day, exposure.event, exposure.treated[:, None],
        weight=weights(exposure, kind), ties=ties,
    )  # fmt: skip
    case = f"weighted Cox {kind}, ties {ties}"
    row = reference(case_of(exposure), case, "logHR").loc[exposure.name]
    assert fit.coefficients[0] == pytest.approx(row["estimate"], rel=1e-7)
    assert robust_errors(fit)[0] == pytest.approx(row["std_error"], rel=1e-7)
    naive = reference(case_of(exposure), case, "naive SE of logHR").loc[exposure.name, "estimate"]
    assert np.sqrt(fit.covariance[0, 0]) == pytest.approx(naive, rel=1e-7)


@of_all_weights
def test_weighted_and_adjusted_coefficients_agree(exposure, reference, kind):
    columns = {exposure.name: exposure.treated, **exposure.columns}
    del columns["(Intercept)"]
    fit = fit_cox(
        exposure.day, exposure.event, np.column_stack(list(columns.values())),
        weight=weights(exposure, kind),
    )  # fmt: skip
    case = f"weighted Cox {kind}, covariate-adjusted, ties efron"
    rows = reference(case_of(exposure), case, "logHR").loc[list(columns)]
    assert fit.coefficients == pytest.approx(rows["estimate"], rel=1e-6)
    assert robust_errors(fit) == pytest.approx(rows["std_error"], rel=1e-7)


@of_all_weights
def test_survey_takes_the_means_of_efron_and_does_not_spare_tied_events(exposure, reference, kind):
    """survey 4.1-1, svylogrank: chi squared 0.3 to 0.8% from the robust score test of Breslow.

    Its residuals have Efron's means and hazards, of which a tied event should meet a part only but
    meets all. Built that way, with its n/(n - 1), it is met; ours is coxph's: see tests/parity.
    """
    weight = weights(exposure, kind)
    row = reference(case_of(exposure), f"weighted log-rank {kind}", "chisq").loc["df=1"]
    given = survival_rows(exposure.day, exposure.event, exposure.treated[:, None], weight=weight)
    rows = sort_into_risk_sets(given, Ties.EFRON)
    sums = hazard_sums(rows, np.zeros(1))
    met = rows.over_days_at_risk(np.cumsum(sums.hazard))
    met_means = rows.over_days_at_risk(np.cumsum(sums.mean[:, 0] * sums.hazard))
    own = met_means - rows.covariates[:, 0] * met
    own[rows.failed] += (rows.covariates - sums.mean[rows.past - 1])[rows.failed, 0]
    own *= rows.weight
    theirs = own.sum() ** 2 / (own.size * own.var(ddof=1))
    assert theirs == pytest.approx(row["estimate"], rel=1e-6)
    ours = weighted_log_rank(exposure.day, exposure.event, exposure.treated, weight=weight)
    assert ours.statistic == pytest.approx(row["estimate"], rel=1e-2)
