"""Nuisance models that never saw the people they predict."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    PredictedOutcomes,
    fit_regression,
    known_outcomes,
    predict,
)
from iop_outcomes.statistics.effects.risks import Propensity, known_propensity

# Given covariates (n, columns) and what is to be predicted (n,), a learner returns the function
# that predicts it from covariates. Logistic, penalised, boosted: anything that keeps to this.
Predictor = Callable[[NDArray], NDArray]
Learner = Callable[[NDArray, NDArray], Predictor]


def assign_folds(
    treated: ArrayLike, folds: int, seed: int, cluster: ArrayLike | None = None
) -> NDArray:
    """Deal people, or whole clusters, into folds of like size.

    Parameters
    ----------
    treated
        True in the intervention arm; people are dealt arm by arm so that every fold has its share
        of both. Shape (n,).
    folds
        How many, at least 2.
    seed
        Of the shuffle.
    cluster
        People of one cluster share a fold: they are too alike to predict each other. Shape (n,).

    Returns
    -------
    NDArray
        Fold of each person, 0 to folds - 1. Shape (n,).

    Raises
    ------
    CohortError
        There are fewer people in an arm, or fewer clusters, than folds.

    Examples
    --------
    >>> np.bincount(assign_folds([1, 1, 1, 1, 0, 0, 0, 0], 2, seed=1)).tolist()
    [4, 4]
    """
    a = np.asarray(treated, bool)
    if folds < 2:
        raise CohortError(f"cross-fitting needs at least 2 folds and {folds} was given")
    rng = np.random.default_rng(seed)
    if cluster is not None:
        labels, member = np.unique(cluster, return_inverse=True)
        _require_enough(labels.size, folds, "clusters")
        return (rng.permutation(labels.size) % folds)[member]
    _require_enough(min(a.sum(), (~a).sum()), folds, "people in an arm")
    fold = np.empty(a.size, int)
    for arm in (a, ~a):
        fold[arm] = rng.permutation(arm.sum()) % folds
    return fold


def cross_fit(
    outcome: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike,
    fold: ArrayLike,
    propensity_learner: Learner,
    outcome_learner: Learner,
    cluster: ArrayLike | None = None,
) -> tuple[Propensity, PredictedOutcomes]:
    """Predict each fold's propensity and outcomes with models fitted to the other folds.

    Both come back as known: cross-fitted nuisances add nothing to the influences to first order
    if they converge fast enough (both faster than n to the power -1/4).

    Parameters
    ----------
    outcome
        Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    covariates
        Without an intercept; as the learners like them. Shape (n, columns).
    fold
        Given, or from `assign_folds`. Shape (n,).
    propensity_learner, outcome_learner
        See `Learner`; the outcome is learnt in each arm on its own.
    cluster
        To check that no cluster is cut by the folds. Shape (n,).

    Raises
    ------
    CohortError
        A cluster lies in two folds, or an arm is empty outside some fold.

    References
    ----------
    Chernozhukov et al. (2018), Econometrics Journal 21:C1-C68 (DML2).

    Examples
    --------
    >>> mean = lambda covariates, target: lambda new: np.full(len(new), target.mean())
    >>> propensity, predicted = cross_fit(
    ...     [1.0, 0, 1, 1], [True, False, True, False], np.ones((4, 1)), [0, 0, 1, 1], mean, mean)
    >>> predicted.comparator.value
    array([1., 1., 0., 0.])
    """
    y, a = np.asarray(outcome, float), np.asarray(treated, bool)
    x, fold = np.asarray(covariates, float), np.asarray(fold)
    if cluster is not None:
        labels, member = np.unique(cluster, return_inverse=True)
        if len(set(zip(member.tolist(), fold.tolist(), strict=True))) > labels.size:
            raise CohortError("a cluster lies in two folds; deal folds by cluster (assign_folds)")
    e, one, other = np.empty(y.size), np.empty(y.size), np.empty(y.size)
    for held_out in np.unique(fold):
        mine, rest = fold == held_out, fold != held_out
        for arm, name in ((a, "intervention"), (~a, "comparator")):
            if not (arm & rest).any():
                raise CohortError(
                    f"the {name} arm is empty outside fold {held_out}; use fewer folds"
                )
        e[mine] = propensity_learner(x[rest], a[rest].astype(float))(x[mine])
        one[mine] = outcome_learner(x[rest & a], y[rest & a])(x[mine])
        other[mine] = outcome_learner(x[rest & ~a], y[rest & ~a])(x[mine])
    return known_propensity(e), known_outcomes(one, other)


def regression_learner(link: Link) -> Learner:
    """Regression at its maximum likelihood, with an intercept.

    Examples
    --------
    >>> learn = regression_learner(Link.IDENTITY)
    >>> line = learn(np.array([[0.0], [1.0], [2.0]]), np.array([1.0, 3.0, 5.0]))
    >>> line(np.array([[4.0]])).round(9)
    array([9.])
    """

    def learn(covariates: NDArray, target: NDArray) -> Predictor:
        fit = fit_regression(target, _with_intercept(covariates), link)
        return lambda new: predict(_with_intercept(new), fit.coefficients, link).value

    return learn


def penalised_logistic_learner(penalty: float) -> Learner:
    r"""Logistic regression with a ridge penalty, which separation cannot break.

    Minimises the negative log-likelihood plus :math:`\lambda \|\beta\|^2 / 2` over standardised
    columns; the intercept is free.

    Parameters
    ----------
    penalty
        :math:`\lambda > 0`; 1 is a standard normal prior on the standardised coefficients.

    Examples
    --------
    >>> learn = penalised_logistic_learner(1.0)
    >>> separated = learn(np.array([[0.0], [0.0], [1.0], [1.0]]), np.array([0.0, 0.0, 1.0, 1.0]))
    >>> separated(np.array([[0.0], [1.0]])).round(3)
    array([0.261, 0.739])
    """

    def learn(covariates: NDArray, target: NDArray) -> Predictor:
        centre, scale = covariates.mean(axis=0), covariates.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)

        def design(new: NDArray) -> NDArray:
            return _with_intercept((new - centre) / scale)

        beta = _ridge(design(covariates), target, penalty)
        return lambda new: expit(design(new) @ beta)

    return learn


def _ridge(x: NDArray, target: NDArray, penalty: float) -> NDArray:
    ridge = penalty * np.diag([0.0] + [1.0] * (x.shape[1] - 1))
    beta = np.zeros(x.shape[1])
    # An arm where everyone has one outcome would send the free intercept to infinity.
    share = np.clip(target.mean(), 0.5 / (target.size + 1), 1 - 0.5 / (target.size + 1))
    if not 0 < target.mean() < 1:
        return np.array([np.log(share / (1 - share)), *beta[1:]])
    beta[0] = np.log(share / (1 - share))
    for _ in range(100):
        mean = expit(x @ beta)
        hessian = (x * (mean * (1 - mean))[:, None]).T @ x + ridge
        step = np.linalg.solve(hessian, x.T @ (target - mean) - ridge @ beta)
        beta = beta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-12:
            break
    return beta


def _with_intercept(covariates: NDArray) -> NDArray:
    return np.column_stack([np.ones(len(covariates)), covariates])


def _require_enough(count: int, folds: int, what: str) -> None:
    if count < folds:
        raise CohortError(f"{count} {what} cannot be dealt into {folds} folds; use fewer folds")
