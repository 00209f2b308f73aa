"""Intervals of weighted Cox models, over simulated studies whose marginal hazard ratio is known."""

import numpy as np
import pytest
from scipy import stats

from iop_outcomes.statistics.cox.logrank import weighted_log_rank
from iop_outcomes.statistics.cox.proportional_hazards import proportional_hazards_test
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.variance import (
    Sandwich,
    coefficient_derivative,
    person_influences,
)
from iop_outcomes.statistics.estimating_equations import estimated_weights, uncertainty
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

STUDIES, PEOPLE, LOG_RATIO = 500, 400, np.log(1.5)


def study(rng, log_ratio=LOG_RATIO):
    """One study; its marginal hazards are proportional, though hazards given x are not.

    Everyone has a rank of frailty, uniform over people and correlated with x, and the event where
    the cumulative hazard of its arm reaches -log(rank): marginally, exponential days in each arm.
    """
    x = rng.normal(size=PEOPLE)
    treated = rng.random(PEOPLE) < 1 / (1 + np.exp(-0.8 * x))
    rank = stats.norm.cdf(0.7 * x + np.sqrt(1 - 0.7**2) * rng.normal(size=PEOPLE))
    time = np.ceil(-np.log(rank) * 200 / np.exp(log_ratio * treated))
    limit = np.ceil(rng.uniform(60, 400, PEOPLE))
    design = np.column_stack([np.ones(PEOPLE), x])
    propensity = fit_propensity(treated, design).probability
    weight = balancing_weights(treated, propensity, Estimand.ATE)
    estimated = estimated_weights(treated, propensity, design, Estimand.ATE)
    return np.minimum(time, limit), time <= limit, treated, weight, estimated


@pytest.mark.slow
def test_intervals_that_know_the_weights_were_estimated_cover_and_robust_ones_are_too_wide():
    """Unweighted intervals miss; robust ones cover too much; stacked ones 95 in 100 times."""
    rng = np.random.default_rng(20250301)
    estimates, errors, hits = [], {"robust": [], "stacked": []}, {"robust": 0, "stacked": 0}
    hits["unweighted"] = 0
    for _ in range(STUDIES):
        day, event, treated, weight, estimated = study(rng)
        fit = fit_cox(day, event, treated[:, None], weight=weight)
        estimates.append(fit.coefficients[0])
        derivative = coefficient_derivative(fit)[:, 0]
        for name, model in (("robust", None), ("stacked", estimated)):
            found = uncertainty(person_influences(derivative, weight, estimated=model), 0.95)
            errors[name].append(found.std_error)
            far = abs(fit.coefficients[0] - LOG_RATIO)
            hits[name] += far < found.critical * found.std_error
        plain = fit_cox(day, event, treated[:, None])
        far = abs(plain.coefficients[0] - LOG_RATIO)
        hits["unweighted"] += far < 1.96 * np.sqrt(plain.covariance[0, 0])
    coverage = {name: count / STUDIES for name, count in hits.items()}
    spread = np.std(estimates)
    ratio = {name: np.mean(found) / spread for name, found in errors.items()}
    assert np.mean(estimates) == pytest.approx(LOG_RATIO, abs=3.5 * spread / np.sqrt(STUDIES))
    assert 0.925 < coverage["stacked"] < 0.975
    assert coverage["robust"] > 0.975
    assert coverage["unweighted"] < 0.3
    assert 0.91 < ratio["stacked"] < 1.09
    assert ratio["robust"] > 1.15


@pytest.mark.slow
def test_weighted_tests_keep_their_level_where_they_know_of_the_weights():
    """No effect: of 500 studies, 5 in 100 should be rejected; model errors reject far more."""
    rng = np.random.default_rng(20250302)
    rejected = dict.fromkeys(["log-rank", "proportional", "proportional, model"], 0)
    for _ in range(STUDIES):
        day, event, treated, weight, estimated = study(rng, log_ratio=0.0)
        sandwich = Sandwich(estimated=estimated)
        test = weighted_log_rank(day, event, treated, weight=weight, sandwich=sandwich)
        rejected["log-rank"] += test.p_value < 0.05
        fit = fit_cox(day, event, treated[:, None], weight=weight)
        for name, known in (("proportional", sandwich), ("proportional, model", None)):
            found = proportional_hazards_test(fit, sandwich=known)
            rejected[name] += found.overall_p_value < 0.05
    share = {name: count / STUDIES for name, count in rejected.items()}
    assert 0.025 < share["log-rank"] < 0.08
    assert 0.025 < share["proportional"] < 0.08
    assert share["proportional, model"] > 0.1
