"""Standard errors of weighted contrasts: by hand, from the equations themselves, against R."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.special import expit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import (
    estimated_weights,
    influence,
    uncertainty,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=100)
influences = st.lists(st.floats(-1, 1), min_size=4, max_size=30).map(np.array)


def people(seed, n=300):
    """Arms and a binary outcome that share their causes."""
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=(n, 2)), rng.random(n) < 0.4])
    treated = rng.random(n) < expit(design @ [-0.2, 0.7, -0.4, 0.5])
    outcome = (rng.random(n) < expit(design @ [-0.5, 0.8, 0.3, -0.6])).astype(float)
    return treated, design, outcome


def share_derivative(outcome, weight, arm):
    """Of a weighted share in an arm, by everyone's weight."""
    share = np.average(outcome[arm], weights=weight[arm])
    return np.where(arm, (outcome - share) / weight[arm].sum(), 0.0)


def difference_derivative(outcome, weight, treated):
    return share_derivative(outcome, weight, treated) - share_derivative(outcome, weight, ~treated)


# Persons


def test_the_standard_error_of_an_unweighted_share_by_hand():
    """Three events in eight: the root of p(1 - p)/n."""
    outcome = np.array([1, 1, 1, 0, 0, 0, 0, 0.0])
    everyone, weight = np.ones(8, bool), np.ones(8)
    spread = uncertainty(influence(share_derivative(outcome, weight, everyone), weight), 0.95)
    assert spread.std_error == pytest.approx(np.sqrt(3 / 8 * 5 / 8 / 8), rel=1e-12)
    assert spread.critical == pytest.approx(1.959963984540054, rel=1e-12)
    assert spread.clusters is None


@pytest.mark.parametrize("estimand", list(Estimand))
@pytest.mark.parametrize("seed", [1, 2])
def test_the_error_is_the_sandwich_of_the_stacked_equations(seed, estimand):
    """All equations in one vector, their derivative taken numerically (central differences)."""
    treated, design, outcome = people(seed)
    e = fit_propensity(treated, design)
    weight = balancing_weights(treated, e.probability, estimand)
    risks = [np.average(outcome[arm], weights=weight[arm]) for arm in (treated, ~treated)]

    def equations(theta):
        gamma, (one, other) = theta[:-2], theta[-2:]
        propensity = expit(design @ gamma)
        weighted = balancing_weights(treated, propensity, estimand)
        return np.column_stack(
            [
                design * (treated - propensity)[:, None],
                weighted * treated * (outcome - one),
                weighted * ~treated * (outcome - other),
            ]
        )

    theta = np.array([*e.coefficients, *risks])
    steps = 1e-6 * np.eye(theta.size)
    bread = np.column_stack(
        [(equations(theta + s) - equations(theta - s)).sum(axis=0) / 2e-6 for s in steps]
    )
    meat = equations(theta)
    covariance = np.linalg.inv(bread) @ (meat.T @ meat) @ np.linalg.inv(bread).T
    contrast = np.array([0, 0, 0, 0, 1, -1.0])
    estimated = estimated_weights(treated, e.probability, design, estimand)
    ours = influence(difference_derivative(outcome, weight, treated), weight, estimated)
    assert uncertainty(ours, 0.95).std_error == pytest.approx(
        np.sqrt(contrast @ covariance @ contrast), rel=1e-7
    )


@pytest.mark.parametrize(
    ("estimand", "arm"), [(Estimand.ATT, "intervention"), (Estimand.ATC, "comparator")]
)
def test_an_arm_that_stands_for_itself_owes_nothing_to_the_propensity_model(estimand, arm):
    treated, design, outcome = people(seed=3)
    mine = treated if arm == "intervention" else ~treated
    e = fit_propensity(treated, design).probability
    weight = balancing_weights(treated, e, estimand)
    derivative = share_derivative(outcome, weight, mine)
    estimated = estimated_weights(treated, e, design, estimand)
    assert influence(derivative, weight, estimated) == pytest.approx(
        influence(derivative, weight), abs=1e-15
    )


def test_influences_sum_to_zero_at_the_estimate():
    treated, design, outcome = people(seed=4)
    e = fit_propensity(treated, design).probability
    for estimand in Estimand:
        weight = balancing_weights(treated, e, estimand)
        estimated = estimated_weights(treated, e, design, estimand)
        derivative = difference_derivative(outcome, weight, treated)
        assert influence(derivative, weight, estimated).sum() == pytest.approx(0, abs=1e-9)


def test_the_units_of_the_covariates_do_not_matter():
    treated, design, outcome = people(seed=5)
    e = fit_propensity(treated, design).probability
    weight = balancing_weights(treated, e, Estimand.ATE)
    derivative = difference_derivative(outcome, weight, treated)
    plain, scaled = (
        influence(derivative, weight, estimated_weights(treated, e, columns, Estimand.ATE))
        for columns in (design, design * [1, 1e6, 1e-6, 12])
    )
    assert scaled == pytest.approx(plain, rel=1e-8, abs=1e-15)


# Clusters


def test_clusters_by_hand():
    """Sums 0.5 and -0.5; their squares, times 2/(2 - 1); Student's t with one degree."""
    spread = uncertainty(np.array([0.2, -0.4, 0.3, -0.1]), 0.95, np.array(["A", "B", "A", "B"]))
    assert spread.std_error == pytest.approx(np.sqrt((0.25 + 0.25) * 2), rel=1e-12)
    assert spread.critical == pytest.approx(stats.t.ppf(0.975, 1), rel=1e-12)
    assert spread.clusters == 2


@laws
@given(influences)
def test_with_everyone_a_cluster_of_one_the_error_is_that_of_persons_and_cr1(values):
    n = values.size
    alone = uncertainty(values, 0.95, np.arange(n))
    assert alone.std_error == pytest.approx(
        uncertainty(values, 0.95).std_error * np.sqrt(n / (n - 1)), rel=1e-9
    )
    assert alone.clusters == n


@laws
@given(influences, st.data())
def test_what_clusters_are_called_and_their_order_do_not_matter(values, data):
    n = values.size
    cluster = np.array(
        [0, 1, *data.draw(st.lists(st.integers(0, 4), min_size=n - 2, max_size=n - 2))]
    )
    order = np.array(data.draw(st.permutations(range(n))))
    names = np.array(["north", "west", "F7", "south", "east"])[cluster]
    assert uncertainty(values[order], 0.9, names[order]).std_error == pytest.approx(
        uncertainty(values, 0.9, cluster).std_error, abs=1e-12
    )


@pytest.mark.parametrize("clusters", [2, 5, 40])
def test_the_interval_follows_student_with_one_degree_less_than_clusters(clusters):
    spread = uncertainty(np.ones(clusters), 0.9, np.arange(clusters))
    assert spread.critical == pytest.approx(stats.t.ppf(0.95, clusters - 1), rel=1e-12)


def test_a_single_cluster_cannot_show_its_spread():
    with pytest.raises(CohortError, match=r"one cluster.*protocol\.analysis\.cluster"):
        uncertainty(np.array([0.1, -0.1]), 0.95, np.array(["A", "A"]))


def test_clustered_errors_agree_with_statsmodels():
    """WLS of the outcome on the arm, cov_type='cluster' without its small-sample correction,
    then CR1's G/(G - 1); statsmodels' own correction has (n - 1)/(n - k) besides.
    """
    treated, design, outcome = people(seed=6)
    cluster = np.random.default_rng(7).integers(0, 12, treated.size)
    e = fit_propensity(treated, design).probability
    weight = balancing_weights(treated, e, Estimand.ATO)
    theirs = sm.WLS(outcome, sm.add_constant(treated.astype(float)), weights=weight).fit(
        cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False}
    )
    ours = influence(difference_derivative(outcome, weight, treated), weight)
    assert uncertainty(ours, 0.95, cluster).std_error == pytest.approx(
        theirs.bse[1] * np.sqrt(12 / 11), rel=1e-9
    )


# Against R, on the risk of returning to drug use by day 180


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
def test_weighted_differences_of_uis_agree_with_r(exposure, reference, estimand):
    """Weights known: sandwich 3.0.2 on glm(y180 ~ arm, weights), HC0, so to 1e-8. Weights
    estimated: WeightIt 1.5.1, lm_weightit and glm_weightit(quasipoisson('log')) with
    vcov='asympt', at the packages' own convergence, so to 1e-6.
    """
    case = f"{exposure.case}c_uis_{exposure.name}_weighted_outcomes"
    name = f"IPTW {estimand}; outcome y180"
    known = reference(case, name, "RD [HC0]").loc[exposure.name]
    estimated = reference(case, name, "RD [M-estimation]").loc[exposure.name]
    ratio = reference(case, name, "logRR [M-estimation]").loc[exposure.name]
    value, errors = contrasts(exposure, Estimand(estimand))
    assert value["difference"] == pytest.approx(known["estimate"], rel=1e-8)
    assert errors["difference, weights known"] == pytest.approx(known["std_error"], rel=1e-8)
    assert errors["difference"] == pytest.approx(estimated["std_error"], rel=1e-6)
    assert value["log ratio"] == pytest.approx(ratio["estimate"], rel=1e-6)
    assert errors["log ratio"] == pytest.approx(ratio["std_error"], rel=1e-6)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO", "ATM"])
def test_weighted_differences_of_uis_agree_with_psweight(exposure, reference, estimand):
    """PSweight 2.1.2: sandwich with estimated propensity score, whose derivative it takes
    numerically, so to 1e-6. The only reference here for ATM.
    """
    case = f"{exposure.case}c_uis_{exposure.name}_weighted_outcomes"
    name = f"PSweight {estimand}; outcome y180"
    value, errors = contrasts(exposure, Estimand(estimand))
    for ours, theirs in (("difference", "RD"), ("log ratio", "logRR")):
        row = reference(case, name, theirs).loc[exposure.name]
        assert value[ours] == pytest.approx(row["estimate"], rel=1e-8)
        assert errors[ours] == pytest.approx(row["std_error"], rel=1e-6)


def contrasts(exposure, estimand):
    """Difference and log ratio of the 180-day risks, and their standard errors."""
    treated, e = exposure.treated, exposure.fit.probability
    weight = balancing_weights(treated, e, estimand)
    estimated = estimated_weights(treated, e, exposure.design, estimand)
    (one, slope), (other, slope_other) = (
        exposure.risk(arm, weight, 180) for arm in (treated, ~treated)
    )
    difference, ratio = slope - slope_other, slope / one - slope_other / other

    def error(derivative, estimated):
        return uncertainty(influence(derivative, weight, estimated), 0.95).std_error

    return {"difference": one - other, "log ratio": np.log(one / other)}, {
        "difference, weights known": error(difference, None),
        "difference": error(difference, estimated),
        "log ratio": error(ratio, estimated),
    }


@pytest.mark.parametrize("until", [180, 365])
@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
def test_weighted_restricted_means_of_uis_agree_with_r(exposure, reference, estimand, until):
    """survival 3.5.3: weighted survfit, its infinitesimal jackknife, weights treated as known."""
    case = f"{exposure.case}e_uis_{exposure.name}_weighted_survival"
    means = reference(case, f"weighted RMST {estimand}", "RMST")
    difference = reference(case, f"weighted RMST {estimand}", "RMST difference").loc[
        f"arm1-arm0;tau={until}"
    ]
    weight = balancing_weights(exposure.treated, exposure.fit.probability, Estimand(estimand))
    found = {}
    for code, arm in ((1, exposure.treated), (0, ~exposure.treated)):
        mean, derivative = exposure.restricted_mean(arm, weight, until)
        row = means.loc[f"{exposure.name}={code};tau={until}"]
        error = uncertainty(influence(derivative, weight), 0.95).std_error
        assert mean == pytest.approx(row["estimate"], rel=1e-8)
        assert error == pytest.approx(row["std_error"], rel=1e-8)
        found[code] = mean, derivative
    assert found[1][0] - found[0][0] == pytest.approx(difference["estimate"], rel=1e-8)
    error = uncertainty(influence(found[1][1] - found[0][1], weight), 0.95).std_error
    assert error == pytest.approx(difference["std_error"], rel=1e-8)
