"""Cross-fitting: nobody is predicted by a model that saw them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.cross_fitting import (
    assign_folds,
    cross_fit,
    penalised_logistic_learner,
    regression_learner,
)
from iop_outcomes.statistics.effects.doubly_robust import augmented_risks
from iop_outcomes.statistics.effects.outcome_models import Link
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=50)


def mean_learner(covariates, target):
    share = target.mean()
    return lambda new: np.full(len(new), share)


def stump_boosting(rounds=60, rate=0.2):
    """Gradient boosting of one-split trees on the log odds: any learner will do."""

    def learn(covariates, target):
        splits = [
            (column, cut)
            for column in range(covariates.shape[1])
            for cut in np.quantile(covariates[:, column], [0.1, 0.25, 0.5, 0.75, 0.9])
        ]
        sides = np.array([covariates[:, column] > cut for column, cut in splits])
        start = np.log(target.mean() / (1 - target.mean()))
        score, trees = np.full(len(target), start), []
        for _ in range(rounds):
            residual = target - expit(score)
            gain = [abs(residual[side].sum()) if 5 < side.sum() < side.size - 5 else 0
                    for side in sides]  # fmt: skip
            best = int(np.argmax(gain))
            steps = [4 * rate * residual[sides[best] == above].mean() for above in (False, True)]
            score = score + np.where(sides[best], steps[1], steps[0])
            trees.append((*splits[best], steps))

        def predict(new):
            found = np.full(len(new), start)
            for column, cut, steps in trees:
                found += np.where(new[:, column] > cut, steps[1], steps[0])
            return expit(found)

        return predict

    return learn


def people(seed, n=400):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    treated = rng.random(n) < expit(0.6 * x[:, 0])
    outcome = (rng.random(n) < expit(0.7 * x[:, 0] - 0.5 * x[:, 1] - 0.4 * treated)).astype(float)
    return outcome, treated, x


# Folds


@laws
@given(st.integers(0, 10_000), st.integers(2, 6))
def test_every_fold_has_its_share_of_both_arms(seed, folds):
    treated = np.random.default_rng(seed).random(60) < 0.4
    treated[:12] = np.arange(12) % 2
    fold = assign_folds(treated, folds, seed)
    for arm in (treated, ~treated):
        assert np.ptp(np.bincount(fold[arm], minlength=folds)) <= 1
    assert (fold == assign_folds(treated, folds, seed)).all()


@laws
@given(st.integers(0, 10_000))
def test_clusters_are_never_cut(seed):
    rng = np.random.default_rng(seed)
    cluster = rng.choice(["north", "west", "east", "south", "F7"], 50)
    cluster[:5] = ["north", "west", "east", "south", "F7"]
    fold = assign_folds(rng.random(50) < 0.5, 3, seed, cluster)
    for name in np.unique(cluster):
        assert np.unique(fold[cluster == name]).size == 1


def test_another_seed_deals_otherwise():
    treated = np.arange(40) % 2 == 0
    assert (assign_folds(treated, 2, 1) != assign_folds(treated, 2, 2)).any()


# Fits


def test_each_fold_is_predicted_by_the_others_by_hand():
    """Folds of two and four; the shares treated elsewhere are 2/4 and 1/2."""
    treated = np.array([1, 0, 1, 0, 1, 0], bool)
    propensity, predicted = cross_fit(
        [5.0, 1, 2, 3, 4, 5], treated, np.ones((6, 1)), [0, 0, 1, 1, 1, 1], mean_learner,
        mean_learner,
    )  # fmt: skip
    assert propensity.probability == pytest.approx([0.5] * 6)
    assert predicted.intervention.value == pytest.approx([3, 3, 5, 5, 5, 5])
    assert predicted.comparator.value == pytest.approx([4, 4, 1, 1, 1, 1])
    assert propensity.influence.shape == predicted.influence.shape == (6, 0)


def test_nobody_moves_their_own_predictions():
    outcome, treated, x = people(seed=1)
    fold = assign_folds(treated, 4, seed=1)
    learner = regression_learner(Link.LOGIT)
    before = cross_fit(outcome, treated, x, fold, learner, learner)[1]
    outcome[7] = 1 - outcome[7]
    after = cross_fit(outcome, treated, x, fold, learner, learner)[1]
    same = fold == fold[7]
    for arm in ("intervention", "comparator"):
        assert (getattr(before, arm).value == getattr(after, arm).value)[same].all()


@pytest.mark.parametrize(
    "learner",
    [regression_learner(Link.LOGIT), penalised_logistic_learner(1.0), stump_boosting()],
    ids=["logistic", "penalised", "boosting"],
)
def test_any_learner_serves_aipw(learner):
    outcome, treated, x = people(seed=2, n=1500)
    fold = assign_folds(treated, 5, seed=3)
    propensity, predicted = cross_fit(outcome, treated, x, fold, learner, learner)
    risks = augmented_risks(outcome, treated, propensity, predicted, Estimand.ATE)
    change = risks.influence_intervention - risks.influence_comparator
    truth = np.mean(
        expit(0.7 * x[:, 0] - 0.5 * x[:, 1] - 0.4) - expit(0.7 * x[:, 0] - 0.5 * x[:, 1])
    )
    error = uncertainty(change, 0.95).std_error
    assert abs(risks.intervention - risks.comparator - truth) < 3 * error
    assert 0.02 < error < 0.03


def test_a_vanishing_penalty_is_maximum_likelihood():
    outcome, _, x = people(seed=4)
    free = regression_learner(Link.LOGIT)(x, outcome)(x)
    assert penalised_logistic_learner(1e-9)(x, outcome)(x) == pytest.approx(free, rel=1e-7)


def test_a_great_penalty_leaves_the_share():
    outcome, _, x = people(seed=5)
    assert penalised_logistic_learner(1e9)(x, outcome)(x) == pytest.approx(
        np.full(400, outcome.mean()), rel=1e-5
    )


def test_a_penalised_learner_survives_an_arm_with_one_outcome():
    predict = penalised_logistic_learner(1.0)(np.arange(9.0)[:, None], np.zeros(9))
    assert predict(np.array([[0.0], [9.0]])) == pytest.approx([0.05, 0.05])


# Refusals


@pytest.mark.parametrize(
    ("treated", "folds", "cluster", "message"),
    [
        ([1, 0, 0], 2, None, "1 people in an arm cannot be dealt into 2 folds"),
        ([1, 0, 1, 0], 3, ["A", "A", "B", "B"], "2 clusters cannot be dealt into 3 folds"),
        ([1, 0], 1, None, "at least 2 folds"),
    ],
)
def test_folds_that_cannot_be_dealt_are_refused(treated, folds, cluster, message):
    with pytest.raises(CohortError, match=message):
        assign_folds(treated, folds, 1, cluster)


def test_a_cluster_in_two_folds_is_refused():
    with pytest.raises(CohortError, match="a cluster lies in two folds"):
        cross_fit([1.0, 0, 1, 0], [1, 0, 1, 0], np.ones((4, 1)), [0, 0, 1, 1], mean_learner,
                  mean_learner, cluster=["A", "B", "B", "A"])  # fmt: skip


def test_an_arm_that_lies_in_one_fold_is_refused():
    with pytest.raises(CohortError, match="the intervention arm is empty outside fold 0"):
        cross_fit([1.0, 0, 1, 0], [1, 1, 0, 0], np.ones((4, 1)), [0, 0, 0, 1], mean_learner,
                  mean_learner)  # fmt: skip
