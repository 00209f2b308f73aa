"""Leaving clusters out, and the wild bootstrap."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.clusters.cluster_robust import (
    ClusterCorrection,
    cluster_robust_regression,
)
from iop_outcomes.statistics.clusters.few_clusters import (
    cluster_influence,
    leave_one_cluster_out,
    require_clusters_in_both_arms,
)
from iop_outcomes.statistics.clusters.wild_bootstrap import (
    WildWeights,
    draw_wild_weights,
    score_bootstrap_uncertainty,
    wild_cluster_bootstrap,
)
from iop_outcomes.statistics.effects.weighted_risks import unadjusted_risks
from iop_outcomes.statistics.estimating_equations import uncertainty

laws = settings(derandomize=True, deadline=None, max_examples=20)


def sites(seed, clusters=9, between=0.5, effect=0.0):
    rng = np.random.default_rng(seed)
    cluster = np.repeat(np.arange(clusters), rng.integers(5, 25, clusters))
    treated = rng.random(cluster.size) < 0.5
    y = effect * treated + rng.normal(0, between, clusters)[cluster]
    y = y + rng.normal(size=cluster.size)
    return y, np.column_stack([np.ones(cluster.size), treated]), cluster


# Leave one out


def test_leaving_clusters_out_by_hand():
    """Means without A, B and C: 6, 5 and 3, of 14/3 in all; times 2/3 of the squares' sum."""
    value, cluster = np.array([2.0, 4, 8]), np.array(["A", "B", "C"])
    left = leave_one_cluster_out(lambda kept: value[kept].mean(), cluster)
    assert left.estimate == pytest.approx([6, 5, 3])
    assert left.influence() == pytest.approx(14 / 3 - np.array([6, 5, 3]))
    spread = left.uncertainty(0.95)
    assert spread.std_error == pytest.approx(value.std(ddof=1) / np.sqrt(3), rel=1e-12)
    assert spread.critical == pytest.approx(stats.t.ppf(0.975, 2))
    assert spread.se_method == "CV3 jackknife, t(2)"


def test_the_jackknife_by_refits_is_the_closed_form_of_a_regression():
    y, x, cluster = sites(seed=1)
    left = leave_one_cluster_out(lambda kept: np.linalg.lstsq(x[kept], y[kept])[0][1], cluster)
    closed = cluster_robust_regression(y, x, cluster, ClusterCorrection.CV3).uncertainty(1, 0.95)
    assert left.uncertainty(0.95).std_error == pytest.approx(closed.std_error, rel=1e-9)


def test_sums_of_influences_are_what_leaving_out_does_to_first_order():
    rng = np.random.default_rng(2)
    cluster = np.repeat(np.arange(40), 50)
    treated, outcome = rng.random(2000) < 0.5, rng.random(2000) < 0.3

    def difference(kept):
        risks = unadjusted_risks(outcome[kept], treated[kept])
        return risks.intervention - risks.comparator

    risks = unadjusted_risks(outcome, treated)
    left = leave_one_cluster_out(difference, cluster)
    labels, sums = cluster_influence(
        risks.influence_intervention - risks.influence_comparator, cluster
    )
    assert (labels == left.cluster).all()
    assert sums * 40 / 39 == pytest.approx(left.influence(), abs=4e-4)
    assert np.corrcoef(sums, left.influence())[0, 1] > 0.999


def test_a_cluster_without_which_an_arm_is_empty_is_named_by_its_place():
    outcome, treated = np.array([1, 0, 1, 0, 1, 0]), np.array([1, 1, 0, 0, 0, 0], bool)
    with pytest.raises(CohortError, match=r"without cluster 1 of 3 in order.*arm is empty"):
        leave_one_cluster_out(
            lambda kept: unadjusted_risks(outcome[kept], treated[kept]).intervention,
            [1, 1, 2, 2, 3, 3],
        )


def test_one_cluster_cannot_be_left_out():
    with pytest.raises(CohortError, match="none can be left out"):
        leave_one_cluster_out(lambda kept: 0.0, ["A", "A"])


def test_an_arm_that_is_one_cluster_is_refused():
    """Its risk's cluster-robust error would be zero, as shown first."""
    treated, site = np.arange(12) < 4, np.arange(12) // 4
    risks = unadjusted_risks(np.arange(12) % 2, treated)
    assert uncertainty(risks.influence_intervention, 0.95, site).std_error == pytest.approx(0)
    with pytest.raises(CohortError, match="the intervention arm lies within one cluster"):
        require_clusters_in_both_arms(treated, site)
    require_clusters_in_both_arms(np.arange(12) % 2 == 0, site)


# Wild bootstrap


@pytest.mark.parametrize("law", list(WildWeights))
def test_wild_weights_have_mean_0_and_variance_1(law):
    drawn = draw_wild_weights(50, 4000, seed=1, law=law)
    assert drawn.mean() == pytest.approx(0, abs=0.01)
    assert drawn.var() == pytest.approx(1, abs=0.01)
    assert np.unique(drawn).size == {"Webb": 6, "Rademacher": 2}[law]


def test_the_restricted_bootstrap_is_its_definition_step_by_step():
    """Each draw refitted in full: restricted residuals times the weights, CR1 t of each refit."""
    y, x, cluster = sites(seed=3, effect=0.3)
    weight = np.random.default_rng(3).uniform(0.5, 2, y.size)
    found = wild_cluster_bootstrap(y, x, cluster, 1, 0.95, draws=199, seed=5, weight=weight)
    centre = np.average(y, weights=weight)
    drawn = draw_wild_weights(9, 199, seed=5)

    def t(outcome):
        fit = cluster_robust_regression(outcome, x, cluster, ClusterCorrection.CR1, weight)
        return abs(fit.coefficients[1]) / np.sqrt(fit.covariance[1, 1])

    farther = sum(t(centre + (y - centre) * draw[cluster]) >= t(y) for draw in drawn)
    assert found.p_value == pytest.approx((1 + farther) / 200, rel=1e-12)


def test_the_interval_holds_what_the_test_does_not_reject():
    y, x, cluster = sites(seed=4, effect=0.4)
    found = wild_cluster_bootstrap(y, x, cluster, 1, 0.9, draws=999, seed=6)
    for end, outside in ((found.lower, -1), (found.upper, 1)):
        for step, rejected in ((outside, True), (-outside, False)):
            moved = y - (end + step * 1e-3) * x[:, 1]
            again = wild_cluster_bootstrap(moved, x, cluster, 1, 0.9, draws=999, seed=6)
            assert (again.p_value <= 0.1) == rejected
    assert (found.lower <= 0 <= found.upper) == (found.p_value > 0.1)


@laws
@given(st.integers(0, 10_000))
def test_a_shift_of_the_outcome_along_the_arm_shifts_the_interval(seed):
    y, x, cluster = sites(seed)
    here, there = (
        wild_cluster_bootstrap(y + 2 * moved * x[:, 1], x, cluster, 1, 0.95, draws=199, seed=1)
        for moved in (0, 1)
    )
    assert there.lower - 2 == pytest.approx(here.lower, abs=1e-6)
    assert there.upper - 2 == pytest.approx(here.upper, abs=1e-6)


def test_many_equal_clusters_give_every_method_one_answer():
    y, x, _ = sites(seed=7, clusters=150, between=0.2)
    cluster = np.arange(y.size) % 150
    fit = cluster_robust_regression(y, x, cluster)
    change = fit.influence[:, 1]
    classic, wild = (
        uncertainty(change, 0.95, cluster),
        score_bootstrap_uncertainty(change, 0.95, cluster, draws=4999, seed=1),
    )
    assert wild.std_error == pytest.approx(classic.std_error, rel=1e-12)
    assert wild.critical == pytest.approx(classic.critical, abs=0.08)
    restricted = wild_cluster_bootstrap(y, x, cluster, 1, 0.95, draws=1999, seed=1)
    half = classic.critical * classic.std_error
    assert restricted.upper - restricted.estimate == pytest.approx(half, rel=0.06)


def test_the_same_seed_gives_the_same_interval_and_names_it():
    y, x, cluster = sites(seed=8)
    one, other = (
        wild_cluster_bootstrap(y, x, cluster, 1, 0.95, draws=199, seed=3) for _ in range(2)
    )
    assert one == other
    assert one.se_method == "restricted wild cluster bootstrap-t (Webb, 199 draws)"


def test_two_clusters_are_too_few():
    with pytest.raises(CohortError, match="a wild bootstrap over 2 clusters"):
        score_bootstrap_uncertainty([0.1, -0.1], 0.95, [1, 2], seed=1)
    with pytest.raises(CohortError, match="a wild bootstrap over 2 clusters"):
        wild_cluster_bootstrap([1.0, 2, 4], np.ones((3, 1)), [1, 1, 2], 0, 0.95, seed=1)


@pytest.mark.slow
def test_the_score_bootstrap_is_no_cure_for_unequal_sites():
    """500 studies without effect, eight very unequal sites: rejected at 5% in more than 10%, like
    CR1 with t(7), and by the jackknife in less. It is offered as what it is.
    """
    rng = np.random.default_rng(9)
    cluster = np.repeat(np.arange(8), [50, 35, 25, 20, 15, 10, 8, 5])
    x = np.column_stack([np.ones(cluster.size), cluster % 2])
    score = classic = jackknife = 0
    for study in range(500):
        y = rng.normal(0, 0.5, 8)[cluster] + rng.normal(size=cluster.size)
        fit = cluster_robust_regression(y, x, cluster, ClusterCorrection.CV3)
        seen, change = abs(fit.coefficients[1]), fit.influence[:, 1]
        spreads = (
            score_bootstrap_uncertainty(change, 0.95, cluster, draws=399, seed=study),
            uncertainty(change, 0.95, cluster),
            fit.uncertainty(1, 0.95),
        )
        beyond = [seen > spread.critical * spread.std_error for spread in spreads]
        score, classic, jackknife = score + beyond[0], classic + beyond[1], jackknife + beyond[2]
    assert score / 500 > 0.10
    assert abs(score - classic) / 500 < 0.04
    assert jackknife / 500 < 0.10


@pytest.mark.slow
def test_with_a_dozen_unequal_sites_the_restricted_bootstrap_nearly_holds_its_level():
    """1000 studies without effect, arm fixed by site (six of twelve): rejected at 5% by the
    restricted bootstrap in 4% to 8.5%, by CR0 with the normal law in more than 11%.
    """
    rng = np.random.default_rng(9)
    cluster = np.repeat(np.arange(12), [40, 35, 30, 28, 25, 22, 20, 18, 15, 12, 10, 8])
    x = np.column_stack([np.ones(cluster.size), cluster % 2])
    wild = naive = 0
    for study in range(1000):
        y = rng.normal(0, 0.5, 12)[cluster] + rng.normal(size=cluster.size)
        # The interval is not needed: a wide level keeps its search short.
        found = wild_cluster_bootstrap(y, x, cluster, 1, 0.5, draws=399, seed=study)
        fit = cluster_robust_regression(y, x, cluster, ClusterCorrection.CR0)
        wild += found.p_value <= 0.05
        naive += abs(fit.coefficients[1]) > 1.96 * np.sqrt(fit.covariance[1, 1])
    assert 0.04 <= wild / 1000 <= 0.085
    assert naive / 1000 > 0.11
