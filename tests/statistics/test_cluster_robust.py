"""Regression with few clusters: by hand, by law, against statsmodels, and in simulated studies."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.clusters.cluster_robust import (
    ClusterCorrection,
    cluster_robust_regression,
    effective_clusters,
)
from iop_outcomes.statistics.clusters.within_clusters import cluster_means, within_cluster
from iop_outcomes.statistics.estimating_equations import uncertainty

laws = settings(derandomize=True, deadline=None, max_examples=30)


def sites(seed, clusters=8, between=0.7):
    """Unequal sites whose people are alike; the arm varies within and between them."""
    rng = np.random.default_rng(seed)
    size = rng.integers(3, 25, clusters)
    cluster = np.repeat(np.arange(clusters), size)
    treated = rng.random(cluster.size) < rng.uniform(0.2, 0.8, clusters)[cluster]
    treated[np.cumsum(size) - 1], treated[np.cumsum(size) - 2] = True, False
    x = rng.normal(size=cluster.size) + rng.normal(size=clusters)[cluster]
    y = 1 + x + rng.normal(0, between, clusters)[cluster] + rng.normal(size=cluster.size)
    return y, np.column_stack([np.ones(cluster.size), treated, x]), cluster


def errors(fit):
    return np.sqrt(np.diag(fit.covariance))


# By hand


def test_a_mean_of_two_clusters_by_hand():
    """Values 0, 1 and 2, 5: mean 2, residual sums -3 and 3, so CR0 has variance 18/16."""
    value, cluster, one = np.array([0.0, 1, 2, 5]), [1, 1, 2, 2], np.ones((4, 1))
    variance = {
        correction: float(
            cluster_robust_regression(value, one, cluster, correction).covariance[0, 0]
        )
        for correction in ClusterCorrection
    }
    assert variance["CR0"] == pytest.approx(18 / 16, rel=1e-12)
    assert variance["CR1"] == pytest.approx(18 / 16 * 2, rel=1e-12)
    assert variance["CR1S"] == pytest.approx(18 / 16 * 2 * 3 / 3, rel=1e-12)
    # The block is I - 11'/4 with root of 1/2 along (1, 1): each sum is multiplied by root 2.
    assert variance["CR2"] == pytest.approx(18 / 16 * 2, rel=1e-12)
    # Without either, the mean is 3.5 or 0.5: 1/2 (1.5^2 + 1.5^2).
    assert variance["CV3"] == pytest.approx(2.25, rel=1e-12)


def test_clusters_of_one_make_cr2_the_welch_t_test():
    """Two groups of persons: HC2's error is Welch's, and Satterthwaite's degrees of freedom are
    Bell & McCaffrey's, by hand (a + b)^2 / (a^2/(m - 1) + b^2/(n - 1)) with a = 1/m, b = 1/n.
    """
    rng = np.random.default_rng(1)
    y, treated = rng.normal(size=19), np.arange(19) < 7
    fit = cluster_robust_regression(y, np.column_stack([np.ones(19), treated]), np.arange(19))
    welch = stats.ttest_ind(y[treated], y[~treated], equal_var=False)
    assert fit.coefficients[1] / errors(fit)[1] == pytest.approx(welch.statistic, rel=1e-10)
    a, b = 1 / 7, 1 / 12
    assert fit.degrees_of_freedom[1] == pytest.approx(
        (a + b) ** 2 / (a**2 / 6 + b**2 / 11), rel=1e-10
    )


def test_effective_clusters_by_hand():
    """A mean of clusters of 1, 1, 1 and 3, wholly alike within: parts 1, 1, 1, 9 of its variance,
    (12)^2 / 84; not alike at all: parts 1, 1, 1, 3, (6)^2 / 12.
    """
    cluster = [1, 2, 3, 4, 4, 4]
    one = np.ones((6, 1))
    assert effective_clusters(one, cluster, 0) == pytest.approx(144 / 84, rel=1e-12)
    assert effective_clusters(one, cluster, 0, correlation=0) == pytest.approx(3, rel=1e-12)


@pytest.mark.parametrize("correction", ["CR0", "CR1", "CR1S", "CR2"])
def test_an_arm_that_is_one_site_gets_no_standard_error(correction):
    """Ten equal sites, one of them treated. Its residuals sum to zero whatever it did, so every
    sandwich would show a small error with degrees of freedom to spare.
    """
    cluster = np.repeat(np.arange(10), 20)
    design = np.column_stack([np.ones(200), cluster == 0])
    assert effective_clusters(design, cluster, 1) < 1.3
    fit = cluster_robust_regression(
        np.random.default_rng(2).normal(size=200), design, cluster, ClusterCorrection(correction)
    )
    assert fit.one_cluster.tolist() == [False, True]
    with pytest.raises(CohortError, match="coefficient 1 cannot be estimated without one of the"):
        fit.uncertainty(1, 0.95)


def test_intercepts_of_sites_rest_on_them_and_the_arms_effect_does_not():
    y, x, cluster = sites(seed=9)
    fit = cluster_robust_regression(
        y, np.column_stack([x[:, 1], cluster[:, None] == np.arange(8)]), cluster
    )
    assert fit.one_cluster.tolist() == [False] + [True] * 8


# Laws


@pytest.mark.parametrize("seed", range(3))
def test_cr2_is_unbiased_where_errors_are_independent_and_alike(seed):
    """Its expectation over such errors is the classical variance."""
    _, x, cluster = sites(seed)
    covariance = np.zeros((3, 3))
    for person in np.eye(cluster.size):  # errors of one person at a time add up to all of them
        covariance += cluster_robust_regression(person, x, cluster).covariance
    assert covariance == pytest.approx(np.linalg.inv(x.T @ x), rel=1e-7, abs=1e-10)


@laws
@given(st.integers(0, 10_000), st.sampled_from(list(ClusterCorrection)))
def test_units_order_and_labels_do_not_matter(seed, correction):
    y, x, cluster = sites(seed)
    rng = np.random.default_rng(seed)
    order, weight = rng.permutation(y.size), rng.uniform(0.2, 4, y.size)
    unit = np.array([1, 10, 1e-5])
    plain = cluster_robust_regression(y, x, cluster, correction, weight)
    moved = cluster_robust_regression(
        y[order], (x * unit)[order], np.char.add("site ", cluster[order].astype(str)), correction,
        weight[order] * 3,
    )  # fmt: skip
    assert errors(moved) * unit == pytest.approx(errors(plain), rel=1e-7)
    assert moved.degrees_of_freedom == pytest.approx(plain.degrees_of_freedom, rel=1e-6)


@laws
@given(st.integers(0, 10_000))
def test_the_corrections_lie_in_their_order(seed):
    y, x, cluster = sites(seed)
    found = [
        errors(cluster_robust_regression(y, x, cluster, correction))
        for correction in (ClusterCorrection.CR0, ClusterCorrection.CR2, ClusterCorrection.CV3)
    ]
    assert (found[0] <= found[1] * (1 + 1e-9)).all()
    assert (found[0] <= found[2] * (1 + 1e-9)).all()


@laws
@given(st.integers(0, 10_000))
def test_degrees_of_freedom_never_exceed_the_clusters(seed):
    y, x, cluster = sites(seed)
    assert (cluster_robust_regression(y, x, cluster).degrees_of_freedom <= 8 + 1e-9).all()


def test_cr1_is_the_uncertainty_of_the_influences():
    y, x, cluster = sites(seed=3)
    fit = cluster_robust_regression(y, x, cluster, ClusterCorrection.CR1)
    ours = uncertainty(fit.influence[:, 1], 0.95, cluster)
    theirs = fit.uncertainty(1, 0.95)
    assert theirs.std_error == pytest.approx(ours.std_error, rel=1e-10)
    assert theirs.critical == pytest.approx(ours.critical, rel=1e-10)
    assert theirs.se_method == ours.se_method == "CR1, t(7)"


def test_a_weighted_difference_of_arms_is_a_weighted_regression():
    y, x, cluster = sites(seed=4)
    weight, treated = np.random.default_rng(4).uniform(0.5, 3, y.size), x[:, 1] == 1
    fit = cluster_robust_regression(y, x[:, :2], cluster, weight=weight)
    means = [np.average(y[arm], weights=weight[arm]) for arm in (treated, ~treated)]
    assert fit.coefficients[1] == pytest.approx(means[0] - means[1], rel=1e-10)
    assert fit.uncertainty(1, 0.95).se_method.startswith("CR2, t(")


def test_cr1s_agrees_with_statsmodels():
    """WLS, cov_type 'cluster' with its correction G/(G - 1) (n - 1)/(n - k)."""
    y, x, cluster = sites(seed=5)
    weight = np.random.default_rng(5).uniform(0.5, 3, y.size)
    theirs = sm.WLS(y, x, weights=weight).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    ours = cluster_robust_regression(y, x, cluster, ClusterCorrection.CR1S, weight)
    assert errors(ours) == pytest.approx(theirs.bse, rel=1e-10)


# Within clusters


def test_cluster_means_and_deviations_by_hand():
    columns, cluster = np.array([[1.0, 0], [3, 1], [5, 1]]), ["A", "A", "B"]
    assert cluster_means(columns, cluster) == pytest.approx(np.array([[2, 0.5], [2, 0.5], [5, 1]]))
    assert cluster_means(columns, cluster, [3, 1, 2])[:, 0] == pytest.approx([1.5, 1.5, 5])
    assert within_cluster(columns, cluster)[:, 0] == pytest.approx([-1, 1, 0])


@laws
@given(st.integers(0, 10_000))
def test_three_ways_within_clusters_are_one(seed):
    """Deviations, intercepts for every cluster, and Mundlak's cluster means."""
    y, x, cluster = sites(seed)
    weight = np.random.default_rng(seed).uniform(0.5, 2, y.size)
    inner = x[:, 1:]

    def slopes(outcome, design):
        root = np.sqrt(weight)
        return np.linalg.lstsq(design * root[:, None], outcome * root)[0]

    deviations = slopes(within_cluster(y, cluster, weight), within_cluster(inner, cluster, weight))
    dummies = cluster[:, None] == np.arange(8)
    assert slopes(y, np.column_stack([inner, dummies]))[:2] == pytest.approx(deviations, rel=1e-7)
    mundlak = np.column_stack([inner, cluster_means(inner, cluster, weight), np.ones(y.size)])
    assert slopes(y, mundlak)[:2] == pytest.approx(deviations, rel=1e-7)


# Refusals


@pytest.mark.parametrize("correction", list(ClusterCorrection))
def test_one_cluster_is_refused(correction):
    with pytest.raises(CohortError, match="everyone belongs to one cluster"):
        cluster_robust_regression([1.0, 2, 3], np.ones((3, 1)), ["A"] * 3, correction)


@pytest.mark.parametrize("weight", [0.0, -1.0, np.nan])
def test_people_who_count_for_nothing_are_refused(weight):
    with pytest.raises(CohortError, match="a weight is 0, negative or missing"):
        cluster_robust_regression(
            [1.0, 2, 3], np.ones((3, 1)), [1, 2, 3], weight=[1.0, 1.0, weight]
        )


def test_a_column_that_follows_is_refused_by_its_place():
    with pytest.raises(CohortError, match=r"columns \[\d\] follow from the other columns"):
        cluster_robust_regression([1.0, 2, 3, 4], np.ones((4, 2)), [1, 1, 2, 2])


def test_a_cluster_without_which_nothing_is_left_cannot_be_left_out():
    design = np.column_stack([np.ones(6), [1, 1, 0, 0, 0, 0]])
    with pytest.raises(CohortError, match="without one of the clusters a coefficient"):
        cluster_robust_regression(
            [1.0, 2, 3, 4, 5, 7], design, [1, 1, 2, 2, 3, 3], ClusterCorrection.CV3
        )


# Simulated studies


@pytest.mark.slow
def test_with_ten_unequal_sites_cr2_holds_and_cr0_does_not():
    """2000 studies, the arm fixed by site: 95% intervals of the difference. CR2 with its degrees
    of freedom and CV3 with t(9) hold at least 93%; CR0 with the normal law holds less than 91%.
    """
    rng = np.random.default_rng(6)
    size = np.array([60, 40, 30, 20, 15, 10, 8, 6, 5, 4])
    cluster = np.repeat(np.arange(10), size)
    design = np.column_stack([np.ones(cluster.size), np.isin(cluster, [1, 3, 4, 7])])
    held = dict.fromkeys(("CR0", "CR2", "CV3"), 0)
    for _ in range(2000):
        y = rng.normal(0, 0.4, 10)[cluster] + rng.normal(size=cluster.size)
        for name in held:
            fit = cluster_robust_regression(y, design, cluster, ClusterCorrection(name))
            spread = fit.uncertainty(1, 0.95)
            critical = 1.96 if name == "CR0" else spread.critical
            held[name] += abs(fit.coefficients[1]) <= critical * spread.std_error
    assert held["CR0"] / 2000 < 0.91
    assert held["CR2"] / 2000 > 0.93
    assert held["CV3"] / 2000 > 0.93
