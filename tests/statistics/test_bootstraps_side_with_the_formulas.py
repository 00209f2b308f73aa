"""Standard errors for which a reference is wrong, against 2,000 bootstraps of whole people.

On UIS by treatment and by site (skipped without the shared data) and on simulated people of forty
sites. The Monte Carlo error of a standard error by 2,000 bootstraps is 1.6%; formulas are of first
order, so ours may be some per cent off in a few hundred people, always less than what they are
preferred to.
"""

import numpy as np
import pytest

from iop_outcomes.statistics.cox.curves import predicted_survival, survival_derivative
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.variance import coefficient_derivative, person_influences
from iop_outcomes.statistics.estimating_equations import estimated_weights
from iop_outcomes.statistics.survival.competing_risks import cause_curves
from iop_outcomes.statistics.survival.restricted_means import (
    restricted_mean,
    restricted_mean_derivative,
)
from iop_outcomes.statistics.survival.risk_sets import risk_sets
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

pytestmark = pytest.mark.slow
BOOTSTRAPS, HORIZON, ATE = 2000, 180, Estimand.ATE


def spread_of(number, n, seed=7, clusters=None):
    """Standard deviation of a number over people, or whole clusters, drawn again."""
    luck, members = np.random.default_rng(seed), None
    if clusters is not None:
        members = [np.flatnonzero(clusters == label) for label in np.unique(clusters)]
    found = []
    for _ in range(BOOTSTRAPS):
        if members is None:
            rows = luck.integers(0, n, n)
        else:
            drawn = luck.integers(0, len(members), len(members))
            rows = np.concatenate([members[place] for place in drawn])
        found.append(number(rows))
    return np.std(found, axis=0, ddof=1)


def design_of(exposure):
    return np.column_stack([*exposure.columns.values()])


def weights(treated, design):
    return balancing_weights(treated, fit_propensity(treated, design).probability, ATE)


def test_the_error_of_a_weighted_restricted_mean_is_not_the_one_that_survfit_prints(exposure):
    """Weights go along with their people; survfit's plug-in counts weights as people."""
    day, event, treated = exposure.day, exposure.event, exposure.treated
    design = design_of(exposure)
    weight = weights(treated, design)[treated]
    day, event = day[treated], event[treated]

    def mean(rows):
        return restricted_mean(risk_sets(day[rows], event[rows], weight[rows]), HORIZON)

    derivative = restricted_mean_derivative(risk_sets(day, event, weight), HORIZON)
    bootstrap = spread_of(mean, day.size)
    ours = np.sqrt(np.sum((weight * derivative) ** 2))
    printed = np.sqrt(np.sum(weight * derivative**2))
    assert ours / bootstrap == pytest.approx(1, abs=0.05)
    assert printed / bootstrap < 0.8


def test_a_weighted_cox_model_knows_that_its_weights_were_estimated(exposure):
    """Propensity and Efron's Cox model fitted again; the robust error takes weights as known."""
    day, event, treated = exposure.day, exposure.event, exposure.treated
    design = design_of(exposure)

    def log_ratio(rows):
        t = treated[rows]
        weight = weights(t, design[rows])
        return fit_cox(day[rows], event[rows] == 1, t[:, None], weight=weight).coefficients[0]

    probability = fit_propensity(treated, design).probability
    weight = balancing_weights(treated, probability, ATE)
    fit = fit_cox(day, event == 1, treated[:, None], weight=weight)
    derivative = coefficient_derivative(fit)[:, 0]
    estimated = estimated_weights(treated, probability, design, ATE)
    stacked, robust = (
        np.sqrt(np.sum(person_influences(derivative, weight, estimated=model) ** 2))
        for model in (estimated, None)
    )
    bootstrap = spread_of(log_ratio, day.size)
    assert stacked / bootstrap == pytest.approx(1, abs=0.06)
    assert stacked < robust


def test_standardised_risks_over_a_cox_model_vary_more_than_riskregression_says(
    exposure, reference
):
    """The model fitted again, and averaged over the people drawn; nobody exposed, day 180."""
    day, event, covariates = exposure.day, exposure.event, design_of(exposure)[:, 1:]
    table = np.column_stack([exposure.treated, covariates])

    def risk(rows):
        fit = fit_cox(day[rows], event[rows] == 1, table[rows])
        unexposed = np.column_stack([np.zeros(rows.size), covariates[rows]])
        few, which = np.unique(unexposed, axis=0, return_inverse=True)
        return np.mean(1 - predicted_survival(fit, few, [HORIZON]).survival[which, 0])

    theirs = reference(
        f"{exposure.case}e_uis_{exposure.name}_weighted_survival",
        "riskRegression survival GFORMULA ATE",
        "risk by t",
    ).loc[f"{exposure.name}=0;t=180"]
    everyone = np.arange(day.size)
    assert risk(everyone) == pytest.approx(theirs["estimate"], rel=1e-8)
    fit = fit_cox(day, event == 1, table)
    unexposed = np.column_stack([np.zeros(day.size), covariates])
    few, which = np.unique(unexposed, axis=0, return_inverse=True)
    predicted = 1 - predicted_survival(fit, few, [HORIZON]).survival[:, 0]
    share = np.bincount(which) / day.size
    by_the_model = sum(
        -part * survival_derivative(fit, row, HORIZON) for part, row in zip(share, few, strict=True)
    )
    moved = by_the_model + (predicted[which] - share @ predicted) / day.size
    bootstrap = spread_of(risk, day.size)
    assert np.sqrt(np.sum(moved**2)) / bootstrap == pytest.approx(1, abs=0.05)
    assert theirs["std_error"] / bootstrap < 0.98


def test_clustered_errors_of_several_causes_need_the_clusters():
    """survfit of several states takes `cluster` and does not use it: its error is far too small."""
    luck = np.random.default_rng(11)
    site = np.repeat(np.arange(40), 20)
    rate = np.exp(0.8 * luck.normal(size=40))[site]
    day = np.ceil(luck.exponential(30 / rate)).clip(1, 60)
    cause = np.where(day == 60, 0, luck.choice([1, 2], 800, p=[0.6, 0.4]))

    def by_30(rows):
        curves = cause_curves(day[rows], cause[rows], np.ones(rows.size))
        return curves.incidence[1].at(30)

    everyone = cause_curves(day, cause, np.ones(800))
    influence = everyone.incidence_influence(1)
    at = np.searchsorted(everyone.incidence[1].day, 30, side="right") - 1
    clustered = np.sqrt(influence.variance(cluster=site))[at]
    single = np.sqrt(influence.variance())[at]
    bootstrap = spread_of(by_30, 800, clusters=site)
    assert clustered / bootstrap == pytest.approx(1, abs=0.08)
    assert single / bootstrap < 0.8
