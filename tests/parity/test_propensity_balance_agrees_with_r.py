"""Propensity scores, weights, entropy balancing and balance against R, on 260 simulated people.

Made by scripts/propensity_balance.R with base R 4.2.2, at glm.control(epsilon=1e-15); no R is
needed here.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from iop_outcomes.statistics.weighting.balance import (
    Denominator,
    mean_difference,
    standardized_mean_difference,
    variance_ratio,
)
from iop_outcomes.statistics.weighting.covariate_patterns import covariate_patterns
from iop_outcomes.statistics.weighting.entropy_balancing import entropy_balancing
from iop_outcomes.statistics.weighting.overlap import (
    equipoise,
    kolmogorov_smirnov,
    overlap_coefficient,
)
from iop_outcomes.statistics.weighting.propensity import coefficient_influence, fit_propensity
from iop_outcomes.statistics.weighting.propensity_models import Ridge
from iop_outcomes.statistics.weighting.trimming import trim_for_precision, winsorize_weights
from iop_outcomes.statistics.weighting.weights import (
    balancing_weights,
    effective_sample_size,
    effective_sample_sizes,
    stabilized_weights,
)
from iop_outcomes.vocabulary import Estimand

MODEL = ["age", "severity", "housed", "opioid", "stimulant"]
CLOSED = {"rel": 1e-9, "abs": 1e-13}


@pytest.fixture(scope="module")
def people(root):
    return pd.read_csv(root / "tests/parity/data/propensity_balance.csv")


@pytest.fixture(scope="module")
def expected(root):
    table = pd.read_csv(root / "tests/parity/expected/propensity_balance.csv", dtype={"term": str})

    def rows(method):
        found = table[table["method"] == method]
        assert len(found), method
        return found.set_index("term")["estimate"]

    return rows


@pytest.fixture(scope="module")
def treated(people):
    return people["iop"].to_numpy(bool)


@pytest.fixture(scope="module")
def design(people):
    return np.column_stack([np.ones(len(people)), people[MODEL]])


@pytest.fixture(scope="module")
def fit(treated, design):
    return fit_propensity(treated, design)


def test_the_propensity_model(fit, treated, design, expected):
    """glm(binomial): coefficients, model errors, and HC0 written out."""
    assert fit.coefficients == pytest.approx(expected("propensity").to_numpy(), rel=1e-9)
    errors = np.sqrt(np.diag(fit.covariance))
    assert errors == pytest.approx(expected("propensity error").to_numpy(), rel=1e-9)
    influence = coefficient_influence(fit, treated, design)
    assert np.sqrt((influence**2).sum(axis=0)) == pytest.approx(
        expected("propensity HC0").to_numpy(), rel=1e-9
    )


def test_the_propensity_model_of_patterns(treated, design, expected):
    patterns = covariate_patterns(treated, design)
    assert patterns.first.size == 159
    fit = fit_propensity(treated[patterns.first], design[patterns.first], patterns.frequency)
    assert fit.coefficients == pytest.approx(expected("propensity").to_numpy(), rel=1e-9)


def test_ridge(treated, design, expected):
    """Newton's method on standardized columns (over n), penalty 0.05 / 2 per person."""
    fit = Ridge(strength=0.05).fit(treated, design)
    assert fit.coefficients == pytest.approx(expected("ridge 0.05").to_numpy(), rel=1e-9)


def test_stabilized_weights(fit, treated, expected):
    weight = stabilized_weights(treated, fit.probability, Estimand.ATE)
    sizes = effective_sample_sizes(treated, weight)
    assert [weight.sum(), weight.max(), *sizes] == pytest.approx(
        expected("stabilized ATE").to_numpy(), rel=1e-9
    )


@pytest.mark.parametrize("share", [0.9, 0.95, 0.975, 0.99])
def test_winsorizing_at_quantiles(fit, treated, expected, share):
    """quantile(w, share, type=3), as WeightIt::trim takes it."""
    rows = expected("quantile type 3")
    weight = balancing_weights(treated, fit.probability, Estimand.ATE)
    found = winsorize_weights(weight, share, both_tails=True)
    low = rows[f"{round(1 - share, 3):g}"]
    assert [found.low, found.high] == pytest.approx([low, rows[f"{share:g}"]], rel=1e-9)
    assert [found.weight.min(), found.weight.max()] == [found.low, found.high]


@pytest.mark.parametrize("share", [0.9, 0.99])
def test_winsorizing_spares_the_arm_that_stands_for_itself(fit, treated, expected, share):
    weight = balancing_weights(treated, fit.probability, Estimand.ATT)
    found = winsorize_weights(weight, share, among=~treated)
    rows = expected("quantile type 3 ATT comparators")
    assert found.high == pytest.approx(rows[f"{share:g}"], rel=1e-9)
    assert (found.weight[treated] == 1).all()


def test_crumps_rule(fit, treated, expected):
    """The cut at which the sum of 1/(e(1 - e)) over people squared is least. On the scores as they
    are everyone is kept.
    """
    for method, e in (
        ("Crump", fit.probability),
        ("Crump pushed outwards", expit(2.6 * logit(fit.probability))),
    ):
        found = trim_for_precision(treated, e)
        assert [found.low, found.kept.sum()] == pytest.approx(expected(method).to_numpy(), rel=1e-9)


def test_entropy_balancing(people, treated, expected):
    """The dual by Newton's method, written out in R."""
    for estimand, code, arm in (
        ("ATT", "0", ~treated),
        ("ATC", "1", treated),
        ("ATE", "0", ~treated),
        ("ATE", "1", treated),
    ):
        weight = entropy_balancing(treated, people[MODEL], Estimand(estimand)).weight[arm]
        rows = expected(f"entropy {estimand}")
        tail = f" {code}" if estimand == "ATE" else ""
        share = weight / weight.sum()
        assert effective_sample_size(weight) == pytest.approx(rows[f"ESS {code}"], rel=1e-9)
        assert share[0] == pytest.approx(rows[f"first{tail}"], rel=1e-9)
        assert share.max() == pytest.approx(rows[f"largest{tail}"], rel=1e-9)


@pytest.mark.parametrize("name", ["age", "severity", "housed", "score"])
@pytest.mark.parametrize("weighting", ["none", "ATE", "ATO"])
def test_balance(people, fit, treated, expected, name, weighting):
    """weighted.mean, cov.wt (unbiased) or p(1 - p), and the distance of ecdfs at every value."""
    weight = np.ones(len(people))
    if weighting != "none":
        weight = balancing_weights(treated, fit.probability, Estimand(weighting))
    value = people[name].to_numpy(float)
    rows = expected(f"SMD {weighting}")
    for denominator in Denominator:
        ours = standardized_mean_difference(value, treated, weight, denominator)
        assert ours == pytest.approx(rows[f"{name} {denominator}"], **CLOSED)
    assert mean_difference(value, treated, weight) == pytest.approx(
        expected(f"difference {weighting}")[name], **CLOSED
    )
    assert kolmogorov_smirnov(value, treated, weight) == pytest.approx(
        expected(f"KS {weighting}")[name], **CLOSED
    )
    if name != "housed":
        assert variance_ratio(value, treated, weight) == pytest.approx(
            expected(f"variance ratio {weighting}")[name], **CLOSED
        )


@pytest.mark.parametrize("weighting", ["none", "ATE"])
def test_overlap_of_densities(people, fit, treated, expected, weighting):
    """Gaussian kernels at bw.nrd0 of the smaller arm, summed without bins; ours are binned."""
    weight = None
    if weighting == "ATE":
        weight = balancing_weights(treated, fit.probability, Estimand.ATE)
    ours = overlap_coefficient(people["score"], treated, weight)
    assert ours == pytest.approx(expected(f"overlap {weighting}")["score"], rel=1e-5)
    width = expected("bandwidth")["score"]
    given = overlap_coefficient(people["score"], treated, weight, bandwidth=width)
    assert given == pytest.approx(ours, rel=1e-12)


def test_equipoise(fit, treated, expected):
    found = equipoise(treated, fit.probability)
    rows = expected("equipoise")
    assert [found.everyone, found.intervention, found.comparator] == pytest.approx(
        rows.to_list(), rel=1e-12
    )
