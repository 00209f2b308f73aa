"""Weights under which both arms weigh as much in every cluster, and what estimating them adds."""

import numpy as np
import pytest
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.clusters.within_clusters import (
    cluster_intercepts,
    one_armed,
    within_cluster_weights,
)
from iop_outcomes.statistics.estimating_equations import estimated_weights, influence
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand


@pytest.fixture(scope="module")
def people():
    rng = np.random.default_rng(4)
    cluster = rng.integers(0, 5, 400)
    x = rng.normal(0.3 * cluster, 1)
    treated = rng.random(400) < expit(0.4 * x + 0.5 * (cluster - 2))
    outcome = (rng.random(400) < expit(x - cluster + treated)).astype(float)
    design = np.column_stack([np.ones(400), x, cluster_intercepts(cluster)])
    return cluster, treated, outcome, design


def fitted(people, estimand, counted=None):
    """Weights within clusters of people who count so often each, and the propensity score."""
    _, treated, _, design = people
    counted = np.ones(treated.size) if counted is None else counted
    e = fit_propensity(treated, design, counted).probability
    w = balancing_weights(treated, e, estimand)
    return e, w


def difference(people, estimand, counted):
    """The weighted difference as its definition says, of people who count so often each."""
    cluster, treated, outcome, _ = people
    _, w = fitted(people, estimand, counted)
    parts, differences = [], []
    for g in np.unique(cluster):
        arms = [(cluster == g) & arm for arm in (treated, ~treated)]
        sums = [counted[arm] @ w[arm] for arm in arms]
        means = [
            counted[arm] @ (w * outcome)[arm] / total for arm, total in zip(arms, sums, strict=True)
        ]
        differences.append(means[0] - means[1])
        parts.append(
            {
                Estimand.ATE: counted[cluster == g].sum(),
                Estimand.ATT: sums[0],
                Estimand.ATC: sums[1],
            }.get(estimand, sum(sums) / 2)
        )
    return np.average(differences, weights=parts)


@pytest.mark.parametrize("estimand", list(Estimand))
def test_the_difference_is_the_average_of_the_clusters_and_its_influences_its_derivatives(
    people, estimand
):
    """A person counted a little more often moves the estimate by their influence."""
    cluster, treated, outcome, design = people
    e, w = fitted(people, estimand)
    estimated = estimated_weights(treated, e, design, estimand)
    found = within_cluster_weights(treated, w, cluster, estimand, estimated)
    moves = np.zeros(treated.size)
    risks = []
    for arm, sign in ((treated, 1), (~treated, -1)):
        risk = np.average(outcome[arm], weights=found.weight[arm])
        slope = arm * (outcome - risk) / found.weight[arm].sum()
        moves += sign * influence(slope, found.weight, found.estimated)
        risks.append(risk)
    once = np.ones(treated.size)
    whole = difference(people, estimand, once)
    assert risks[0] - risks[1] == pytest.approx(whole, rel=1e-12)
    for person in range(0, 400, 57):
        more, less = once.copy(), once.copy()
        more[person] += 1e-4
        less[person] -= 1e-4
        moved = difference(people, estimand, more) - difference(people, estimand, less)
        assert moves[person] == pytest.approx(moved / 2e-4, rel=2e-5, abs=1e-9)


def test_both_arms_weigh_as_much_in_every_cluster(people):
    cluster, treated, _, _ = people
    for estimand, part in ((Estimand.ATE, 1.0), (Estimand.ATT, treated), (Estimand.ATC, ~treated)):
        weight = within_cluster_weights(
            treated, fitted(people, estimand)[1], cluster, estimand
        ).weight
        size = np.bincount(cluster, np.broadcast_to(part, treated.shape))
        for arm in (treated, ~treated):
            np.testing.assert_allclose(np.bincount(cluster[arm], weight[arm]), size, rtol=1e-12)


def test_with_fixed_effects_overlap_weights_are_alike_within_clusters_as_they_are(people):
    """The score equations of the intercepts say so."""
    cluster, treated, _, _ = people
    _, w = fitted(people, Estimand.ATO)
    found = within_cluster_weights(treated, w, cluster, Estimand.ATO)
    np.testing.assert_allclose(found.weight, w, rtol=1e-8)


def test_a_cluster_with_one_arm_is_told_and_refused():
    treated, cluster = np.array([True, True, False]), np.array(["A", "B", "B"])
    assert one_armed(treated, cluster).tolist() == [True, False, False]
    with pytest.raises(PositivityError, match="in one arm only"):
        within_cluster_weights(treated, np.ones(3), cluster, Estimand.ATE)
    with pytest.raises(CohortError, match="above 0"):
        within_cluster_weights(treated, np.zeros(3), cluster, Estimand.ATE)
