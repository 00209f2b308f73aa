"""Survival of lung cancer, the field's worked example, against R's survival and survRM2.

The data belong to R's survival and are not copied here: this runs where Rscript is, and is skipped
elsewhere. Numbers of R 4.2.2 with survival 3.5-3 (3.8-11 gives the same), survRM2 (ties, scale and
weights as each test says); the stacked errors are those of the exact equations in R.
"""

import numpy as np
import pytest

from iop_outcomes.statistics.cox.logrank import log_rank
from iop_outcomes.statistics.cox.proportional_hazards import (
    TimeTransform,
    proportional_hazards_test,
)
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.risk_sets import Ties
from iop_outcomes.statistics.cox.variance import (
    Sandwich,
    coefficient_derivative,
    person_influences,
)
from iop_outcomes.statistics.estimating_equations import estimated_weights
from iop_outcomes.statistics.survival.contrasts import difference, log_ratio, two_arms
from iop_outcomes.statistics.survival.curve_influence import event_free_influence
from iop_outcomes.statistics.survival.curve_limits import Scale, greenwood_variance, limits
from iop_outcomes.statistics.survival.curves import event_free_curve, event_free_derivative
from iop_outcomes.statistics.survival.pseudo_observations import Jackknife, pseudo_observations
from iop_outcomes.statistics.survival.restricted_means import (
    restricted_mean,
    restricted_mean_derivative,
    time_lost,
    time_lost_derivative,
)
from iop_outcomes.statistics.survival.risk_sets import risk_sets
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

MALE, FEMALE = 1, 2


@pytest.fixture(scope="module")
def lung(data_of_r):
    table = data_of_r("survival", "lung")
    return table.assign(died=table["status"].eq(2).astype(int))


def errors(fit, **sandwich):
    covariance = Sandwich(**sandwich).covariance(coefficient_derivative(fit), fit.weight)
    return np.sqrt(np.diag(covariance))


@pytest.mark.parametrize(
    ("ties", "coefficients", "std_errors"),
    [
        (Ties.EFRON, [-0.51321851711, 0.01704533185], [0.167457962356, 0.009223273477]),
        (Ties.BRESLOW, [-0.5125647915, 0.0170128892], [0.167462063142, 0.009221953685]),
    ],
)
def test_cox(lung, ties, coefficients, std_errors):
    """A1 and A2: coxph(~ sex + age); it stops 3e-9 short of the maximum."""
    fit = fit_cox(lung["time"], lung["died"], lung[["sex", "age"]], ties=ties)
    assert fit.coefficients == pytest.approx(coefficients, rel=1e-8)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(std_errors, rel=1e-8)


def test_cox_with_clusters_and_with_weights(lung):
    """A3, cluster(inst), and A4, weights 1 + (age > 60) + 0.5 (sex == 2), robust."""
    known = lung.dropna(subset=["inst"])
    fit = fit_cox(known["time"], known["died"], known[["sex", "age"]])
    assert fit.coefficients == pytest.approx([-0.51166829587, 0.01703349597], rel=1e-8)
    robust = errors(fit, cluster=known["inst"].to_numpy())
    assert robust == pytest.approx([0.128230601685, 0.007327393074], rel=1e-7)
    weight = 1 + (lung["age"] > 60) + 0.5 * (lung["sex"] == FEMALE)
    fit = fit_cox(lung["time"], lung["died"], lung[["sex"]], weight=weight)
    assert fit.coefficients == pytest.approx([-0.5902864216], rel=1e-8)
    assert errors(fit) == pytest.approx([0.1662378819], rel=1e-8)


def test_proportional_hazards_and_log_rank(lung):
    """A5: cox.zph, km, which is exact; A6: survdiff."""
    fit = fit_cox(lung["time"], lung["died"], lung[["sex", "age"]])
    found = proportional_hazards_test(fit, TimeTransform.KM)
    assert [*found.statistic, found.overall_statistic] == pytest.approx(
        [2.6076717035, 0.2092028264, 2.7707853759], rel=1e-8
    )
    test = log_rank(lung["time"], lung["died"], lung["sex"])
    assert test.statistic == pytest.approx(10.32674195, rel=1e-8)


@pytest.mark.parametrize(
    ("sex", "value", "error", "on_log", "on_log_log"),
    [
        (MALE, 0.3360878346, 0.04342358884, (0.2609005038, 0.4329429455),
         (0.2527291433, 0.4213021682)),
        (FEMALE, 0.5264630302, 0.05973685399, (0.4214863408, 0.6575855379),
         (0.4035798233, 0.6353162328)),
    ],
)  # fmt: skip
def test_kaplan_meier_at_a_year(lung, sex, value, error, on_log, on_log_log):
    """B1 and B2: survfit, conf.type "log" and "log-log"."""
    mine = lung[lung["sex"] == sex]
    sets = risk_sets(mine["time"], mine["died"])
    at = np.searchsorted(sets.day, 365, side="right") - 1
    spread = np.sqrt(greenwood_variance(sets))[at]
    assert event_free_curve(sets).at(365) == pytest.approx(value, rel=1e-9)
    assert spread == pytest.approx(error, rel=1e-9)
    for scale, expected in ((Scale.LOG, on_log), (Scale.LOG_LOG, on_log_log)):
        assert np.ravel(limits(value, spread, scale=scale)) == pytest.approx(expected, rel=1e-8)


def test_weighted_kaplan_meier_at_a_year(lung):
    """B4: survfit(weights of A4, robust = TRUE)."""
    expected = {MALE: (0.3179467399, 0.04429699477), FEMALE: (0.5356556312, 0.06131730429)}
    for sex, (value, error) in expected.items():
        mine = lung[lung["sex"] == sex]
        weight = (1 + (mine["age"] > 60) + 0.5 * (mine["sex"] == FEMALE)).to_numpy(float)
        sets = risk_sets(mine["time"], mine["died"], weight)
        at = np.searchsorted(sets.day, 365, side="right") - 1
        assert event_free_curve(sets).at(365) == pytest.approx(value, rel=1e-9)
        spread = np.sqrt(event_free_influence(sets, weight).variance())[at]
        assert spread == pytest.approx(error, rel=1e-9)


def test_restricted_means_to_a_year(lung):
    """B3: survRM2, women against men; its errors are Greenwood's, ours of influences."""
    given = (lung["sex"] == FEMALE, lung["time"], lung["died"], 365)
    women, men = two_arms(restricted_mean, restricted_mean_derivative, *given)
    assert (men.value, women.value) == pytest.approx((241.4950852, 297.4654095), rel=1e-9)
    assert men.std_error() == pytest.approx(10.35822649, rel=1e-7)
    assert women.std_error() == pytest.approx(10.79132398, rel=1e-7)
    apart = difference(women, men)
    assert apart.std_error() == pytest.approx(14.95812586, rel=1e-7)
    lost = log_ratio(*two_arms(time_lost, time_lost_derivative, *given))
    assert np.exp(log_ratio(women, men).value) == pytest.approx(1.231765894, rel=1e-9)
    ends = np.exp(lost.value + np.array([-1, 0, 1]) * 1.959963984540054 * lost.std_error())
    assert ends == pytest.approx([0.3839123483, 0.5468170281, 0.7788466911], rel=1e-7)


def test_pseudo_observations_at_a_year(lung):
    """M: survival::pseudo, which takes infinitesimal jackknife values."""
    values = pseudo_observations(
        lambda sets, until: float(event_free_curve(sets).at(until)), event_free_derivative,
        lung["time"], lung["died"], 365, kind=Jackknife.INFINITESIMAL,
    )  # fmt: skip
    expected = [-0.2422739146, 1.124222502, 1.124222502, -0.05279658694, 1.124222502]
    assert values[:5] == pytest.approx(expected, rel=1e-8)
    assert values.mean() == pytest.approx(0.4092416245, rel=1e-9)


@pytest.fixture(scope="module")
def weighted(lung):
    """S3: women against men, propensity of age, ph.ecog, ph.karno; 225 with these and inst."""
    known = lung.dropna(subset=["inst", "age", "ph.ecog", "ph.karno"])
    assert len(known) == 225
    treated = (known["sex"] == FEMALE).to_numpy(bool)
    design = np.column_stack([np.ones(225), known[["age", "ph.ecog", "ph.karno"]]])
    probability = fit_propensity(treated, design).probability
    return known["time"], known["died"], treated, probability, design


@pytest.mark.parametrize(
    ("ties", "estimand", "log_ratio_of_hazards", "robust", "stacked"),
    [
        (Ties.EFRON, "ATE", -0.5002674283, 0.1641880952, 0.158662346),
        (Ties.EFRON, "ATT", -0.4791054564, 0.1671514806, None),
        (Ties.EFRON, "ATO", -0.4913634248, 0.1646841842, None),
        (Ties.BRESLOW, "ATE", -0.4998334846, 0.1639279076, 0.1584109519),
        (Ties.BRESLOW, "ATT", -0.478665076, 0.1668922472, None),
        (Ties.BRESLOW, "ATO", -0.4909343211, 0.1644293041, None),
    ],
)
def test_weighted_cox(weighted, ties, estimand, log_ratio_of_hazards, robust, stacked):
    day, died, treated, probability, design = weighted
    weight = balancing_weights(treated, probability, Estimand(estimand))
    fit = fit_cox(day, died, treated[:, None], weight=weight, ties=ties)
    assert fit.coefficients[0] == pytest.approx(log_ratio_of_hazards, rel=1e-7)
    assert errors(fit)[0] == pytest.approx(robust, rel=1e-7)
    if stacked is not None:
        model = estimated_weights(treated, probability, design, Estimand(estimand))
        derivative = coefficient_derivative(fit)[:, 0]
        moved = person_influences(derivative, weight, estimated=model)
        assert np.sqrt(np.sum(moved**2)) == pytest.approx(stacked, rel=1e-6)


def test_weighted_restricted_means_have_not_the_errors_that_survfit_prints(weighted):
    """T: weights of the ATE taken as known; survfit prints 8.010 and 6.845."""
    day, died, treated, probability, _ = weighted
    weight = balancing_weights(treated, probability, Estimand.ATE)
    given = (treated, day, died, 365, weight)
    women, men = two_arms(restricted_mean, restricted_mean_derivative, *given)
    assert (men.value, women.value) == pytest.approx((244.9077567, 298.2218836), rel=1e-8)
    found = men.std_error(), women.std_error(), difference(women, men).std_error()
    assert found == pytest.approx((10.30308027, 10.92696729, 15.0183913), rel=1e-8)
