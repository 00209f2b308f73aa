"""Propensity score, weights, entropy balancing and balance of lalonde, the field's worked example.

The data belong to the R package MatchIt and are not copied here: this runs where Rscript and
MatchIt are, and is skipped elsewhere. The numbers were made with R 4.2.2: glm(binomial), WeightIt
1.5.1 and 2.0.0 (weightit; lm_weightit with vcov 'HC0' and 'asympt'), cobalt 4.6.2 (bal.tab).
"""

import numpy as np
import pytest

from iop_outcomes.statistics.estimating_equations import (
    EstimatedWeights,
    influence,
    uncertainty,
)
from iop_outcomes.statistics.weighting.balance import (
    Denominator,
    mean_difference,
    standardized_mean_difference,
    variance_ratio,
)
from iop_outcomes.statistics.weighting.entropy_balancing import entropy_balancing
from iop_outcomes.statistics.weighting.overlap import kolmogorov_smirnov
from iop_outcomes.statistics.weighting.propensity import fit_propensity, fitted_weights
from iop_outcomes.statistics.weighting.trimming import winsorize_weights
from iop_outcomes.statistics.weighting.weights import (
    balancing_weights,
    effective_sample_sizes,
    stabilized_weights,
)
from iop_outcomes.vocabulary import Estimand

NAMES = ["age", "educ", "hispan", "white", "married", "nodegree", "re74", "re75"]
GOLDEN = [  # difference in re78, its error with known and with estimated weights, effective sizes
    ("ATE", 224.6763083, 909.4776682, 876.1931912, 58.32666148, 329.0077594),
    ("ATT", 1214.071221, 824.0517114, 798.1546278, 185, 99.8153863),
    ("ATO", 1242.200631, 775.0972999, 738.7490402, 145.6359485, 166.1014306),
    ("ATM", 1119.521189, 772.5822907, 758.4525, 154.1804957, 147.3175121),
    ("ATC", -186.9158991, 1164.70054, 1130.982189, None, None),
]


@pytest.fixture(scope="module")
def lalonde(data_of_r):
    table = data_of_r("MatchIt", "lalonde")
    for race in ("black", "hispan", "white"):
        table[race] = (table["race"] == race).astype(float)
    return table


@pytest.fixture(scope="module")
def treated(lalonde):
    return lalonde["treat"].to_numpy(bool)


@pytest.fixture(scope="module")
def design(lalonde):
    return np.column_stack([np.ones(len(lalonde)), lalonde[NAMES]])


@pytest.fixture(scope="module")
def fit(treated, design):
    return fit_propensity(treated, design)


def contrast(treated, outcome, weight):
    """Weighted difference in means, and its derivative by everyone's weight."""
    one, other = (np.average(outcome[arm], weights=weight[arm]) for arm in (treated, ~treated))
    slope = np.where(
        treated,
        (outcome - one) / weight[treated].sum(),
        (other - outcome) / weight[~treated].sum(),
    )
    return one - other, slope


def test_coefficients(fit):
    """glm at its own convergence of 1e-8 in the deviance."""
    golden = [
        -1.663281595, 0.01577707099, 0.161306877, -2.081734119, -3.065367729, -0.8321132713,
        0.7072968811, -7.177668568e-5, 5.344644639e-5,
    ]  # fmt: skip
    assert fit.coefficients == pytest.approx(golden, rel=1e-7)


@pytest.mark.parametrize(("estimand", "value", "known", "stacked", "one", "other"), GOLDEN)
def test_weighted_differences(
    lalonde, treated, design, fit, estimand, value, known, stacked, one, other
):
    estimand = Estimand(estimand)
    weight = balancing_weights(treated, fit.probability, estimand)
    found, slope = contrast(treated, lalonde["re78"].to_numpy(), weight)
    assert found == pytest.approx(value, rel=1e-7)
    assert uncertainty(influence(slope, weight), 0.95).std_error == pytest.approx(known, rel=1e-7)
    estimated = fitted_weights(fit, treated, design, estimand)
    assert uncertainty(influence(slope, weight, estimated), 0.95).std_error == pytest.approx(
        stacked, rel=1e-7
    )
    if one is not None:
        assert effective_sample_sizes(treated, weight) == pytest.approx((one, other), rel=1e-7)


def test_stabilized_and_winsorized_weights(treated, fit):
    """WeightIt::weightit(stabilize=TRUE), sum; WeightIt::trim(at=.99), maximum."""
    assert stabilized_weights(treated, fit.probability, Estimand.ATE).sum() == pytest.approx(
        597.2082355, rel=1e-8
    )
    weight = balancing_weights(treated, fit.probability, Estimand.ATE)
    assert winsorize_weights(weight, 0.99).weight.max() == pytest.approx(12.7241206, rel=1e-8)


def test_entropy_balancing(lalonde, treated):
    """weightit(method='ebal', estimand='ATT'). Its M-estimation takes the means of the treated as
    known, 780.88; the equations that estimate them as well give 789.74, which is what WeightIt
    itself gives for CBPS and IPT, whose weights are the same here. Ours is the latter; 1 000
    bootstrap samples gave 814.
    """
    found = entropy_balancing(treated, lalonde[NAMES], Estimand.ATT)
    value, slope = contrast(treated, lalonde["re78"].to_numpy(), found.weight)
    assert value == pytest.approx(1273.261814, rel=1e-9)
    assert effective_sample_sizes(treated, found.weight)[1] == pytest.approx(98.45783442, rel=1e-9)
    stacked = uncertainty(influence(slope, found.weight, found.estimated), 0.95).std_error
    assert stacked == pytest.approx(789.7448001, rel=1e-9)
    fixed = EstimatedWeights(
        found.estimated.gradient, found.estimated.influence * ~treated[:, None]
    )
    assert uncertainty(influence(slope, found.weight, fixed), 0.95).std_error == pytest.approx(
        780.880125, rel=1e-8
    )


def test_balance(lalonde, treated, fit):
    """bal.tab(estimand='ATE', binary='raw' and 'std', stats=c('m', 'v', 'ks')), adjusted."""
    weight = balancing_weights(treated, fit.probability, Estimand.ATE)
    columns = {name: lalonde[name].to_numpy(float) for name in [*NAMES, "black"]}
    columns["prop.score"] = fit.probability
    for measure, golden in (
        (standardized_mean_difference, {
            "prop.score": 0.1359653895, "age": -0.1675675864, "educ": 0.1296017900,
            "re74": -0.2739894287, "re75": -0.1578626972, "black": 0.1302498135,
            "hispan": 0.0156367392, "white": -0.1378154904, "married": -0.2101569013,
            "nodegree": -0.1156865115,
        }),
        (mean_difference, {
            "black": 0.0499261801, "hispan": 0.0046635359, "white": -0.0545897161,
            "married": -0.0943639911, "nodegree": -0.0547120791,
        }),
        (variance_ratio, {
            "age": 0.3689154452, "educ": 0.5657426235, "re74": 0.8208296925, "re75": 0.9561537542,
        }),
        (kolmogorov_smirnov, {
            "age": 0.1912058304, "educ": 0.0767988750, "re74": 0.3121388424, "re75": 0.1526003552,
        }),
    ):  # fmt: skip
        for name, theirs in golden.items():
            assert measure(columns[name], treated, weight) == pytest.approx(theirs, rel=1e-7)


@pytest.mark.parametrize(
    ("estimand", "pooled", "intervention"),
    [
        ("ATE", -0.1675675864, -0.2143539441),
        ("ATT", 0.09290867831, 0.1188496061),
        ("ATO", 0.0, 0.0),
        ("ATM", -0.0094443, -0.0120812),
    ],
)
def test_the_age_difference_on_two_rulers(lalonde, treated, fit, estimand, pooled, intervention):
    weight = balancing_weights(treated, fit.probability, Estimand(estimand))
    for denominator, golden in (
        (Denominator.POOLED, pooled),
        (Denominator.INTERVENTION, intervention),
    ):
        found = standardized_mean_difference(lalonde["age"], treated, weight, denominator)
        assert found == pytest.approx(golden, rel=1e-5, abs=2e-8)
