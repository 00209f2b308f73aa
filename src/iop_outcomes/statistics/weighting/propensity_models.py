"""Propensity scores for more covariates than maximum likelihood can bear, or of unknown shape.

Each is a `PropensityModel`: `Ridge().fit(treated, design)` in place of `fit_propensity`.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csc_matrix, issparse
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.weighting.logistic_regression import (
    SEPARATED_LOG_ODDS,
    logistic_regression,
)
from iop_outcomes.statistics.weighting.propensity import PropensityFit
from iop_outcomes.statistics.weighting.regression_design import checked, separated

# Strengths tried, strongest first. On standardized columns the information of a person is at most
# a quarter, so the first leaves hardly more than the intercept and the last hardly shrinks.
RIDGE_STRENGTHS = np.logspace(1, -6, 22)
# Of the strength at which the first coefficient leaves zero.
LASSO_SHARES = np.logspace(0, -4, 30)
# How far the lasso may miss its optimality conditions: the unit of its strength.
UNSETTLED = 1e-5


@dataclass(frozen=True)
class Ridge:
    r"""Logistic regression with a penalty on the squares of the coefficients.

    Maximizes the log-likelihood per person less :math:`\frac{\lambda}{2} \sum_j s_j^2 \gamma_j^2`;
    s are standard deviations (over n), the intercept is free. glmnet and glum write it so.

    Attributes
    ----------
    strength
        Lambda; None to choose the one of `RIDGE_STRENGTHS` with the least deviance in
        cross-validation.
    folds, seed
        Of the cross-validation. Folds are dealt within arms.

    Examples
    --------
    >>> design = np.column_stack([np.ones(6), [0, 1, 2, 0, 1, 2]])
    >>> fit = Ridge(strength=0.1).fit([0, 0, 1, 0, 1, 1], design)
    >>> fit.coefficients.round(4)
    array([-1.6335,  1.6335])
    """

    strength: float | None = None
    folds: int = 10
    seed: int = 1

    def fit(
        self, treated: ArrayLike, design: ArrayLike, frequency: ArrayLike | None = None
    ) -> PropensityFit:
        """Fit to people, or to patterns of `frequency` people."""
        a, x, f = checked(treated, design, frequency)
        strength = self.strength
        if strength is None:
            strength = _least_deviance(a, x, f, RIDGE_STRENGTHS, _ridge_path, self.folds, self.seed)
        found = logistic_regression(a, x, f, ridge=_positive(strength))
        return PropensityFit(found.coefficients, found.probability, found.covariance, strength)


@dataclass(frozen=True)
class Lasso:
    r"""Logistic regression with a penalty on the sizes of the coefficients (glum).

    Maximizes the log-likelihood per person less :math:`\lambda \sum_j s_j |\gamma_j|`. Most
    coefficients become 0. The design may be a scipy sparse matrix. There is no covariance: the
    choice of covariates is not smooth, so uncertainty needs a bootstrap.

    Attributes
    ----------
    strength
        Lambda; None to choose it by cross-validation among 30 values, from that at which the
        first coefficient leaves zero down to a ten-thousandth of it.
    folds, seed
        Of the cross-validation. Folds are dealt within arms.

    References
    ----------
    Tian, Schuemie & Suchard (2018), International Journal of Epidemiology 47:2005-2014.
    """

    strength: float | None = None
    folds: int = 10
    seed: int = 1

    def fit(
        self, treated: ArrayLike, design: ArrayLike, frequency: ArrayLike | None = None
    ) -> PropensityFit:
        """Fit to people, or to patterns of `frequency` people."""
        x = csc_matrix(design, dtype=float) if issparse(design) else np.asarray(design, float)
        checks = np.ones((x.shape[0], 1)) * x.sum() if issparse(x) else x
        a, _, f = checked(treated, checks, frequency)
        strength = self.strength
        if strength is None:
            strengths = LASSO_SHARES * _first_to_leave(a, x, f)
            strength = _least_deviance(a, x, f, strengths, _lasso_path, self.folds, self.seed)
        coefficients = _lasso_path(a, x, f, np.array([_positive(strength)]))[0]
        return PropensityFit(coefficients, expit(x @ coefficients), None, strength)


@dataclass(frozen=True)
class BoostedTrees:
    """Gradient boosting (scikit-learn), each person predicted by trees that never saw them.

    Takes covariates as they are: no dummies, splines or interactions are needed, and an intercept
    does no harm. Without cross-fitting trees would learn each person's own arm by heart. The
    answer depends on the order of the rows through the folds, so keep the seed. A row that stands
    for several people gets the mean of their predictions.

    References
    ----------
    McCaffrey, Ridgeway & Morral (2004), Psychological Methods 9:403-425. Chernozhukov et al.
    (2018), Econometrics Journal 21:C1-C68.
    """

    trees: int = 200
    learning_rate: float = 0.05
    leaves: int = 8
    smallest_leaf: int = 20
    folds: int = 5
    seed: int = 1

    def fit(
        self, treated: ArrayLike, design: ArrayLike, frequency: ArrayLike | None = None
    ) -> PropensityFit:
        """Fit to people, or to patterns of `frequency` people."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        a, x, f = checked(treated, design, frequency)
        dealt = _deal(a, f, self.folds, self.seed)
        total = np.zeros(a.size)
        for fold in range(self.folds):
            learnt = np.repeat(np.arange(a.size), (f - dealt[:, fold]).astype(int))
            machine = HistGradientBoostingClassifier(
                max_iter=self.trees,
                learning_rate=self.learning_rate,
                max_leaf_nodes=self.leaves,
                min_samples_leaf=self.smallest_leaf,
                early_stopping=False,
                random_state=self.seed,
            )
            machine.fit(x[learnt], a[learnt] > 0)
            held = dealt[:, fold] > 0
            total[held] += dealt[held, fold] * machine.predict_proba(x[held])[:, 1]
        e = total / np.where(f > 0, f, 1.0)
        if np.minimum(e, 1 - e)[f > 0].min() < expit(-SEPARATED_LOG_ODDS):
            raise separated(a, x)
        return PropensityFit(None, e, None)


Path = Callable[[NDArray, NDArray, NDArray, NDArray], NDArray]


def _least_deviance(
    a: NDArray, x: NDArray, f: NDArray, strengths: NDArray, path: Path, folds: int, seed: int
) -> float:
    """The strength whose fits to all folds but one predict that one best, summed over folds."""
    deviance = np.zeros(strengths.size)
    dealt = _deal(a, f, folds, seed)
    for fold in range(folds):
        held = dealt[:, fold]
        for k, coefficients in enumerate(path(a, x, f - held, strengths)):
            if np.isfinite(coefficients).all():
                log_odds = x @ coefficients
                # log(1 + exp(-z)) of the arm received, without overflow
                deviance[k] += held @ np.logaddexp(0.0, np.where(a > 0, -log_odds, log_odds))
            else:
                deviance[k] = np.inf
    return float(strengths[np.argmin(deviance)])


def _deal(a: NDArray, f: NDArray, folds: int, seed: int) -> NDArray:
    """People of each row in each fold, dealt within arms. Shape (n, folds)."""
    if (f % 1 != 0).any():
        raise CohortError(
            "cross-validation deals people into folds, so each frequency has to be a whole number"
        )
    if min(f[a > 0].sum(), f[a <= 0].sum()) < folds or folds < 2:
        raise CohortError(
            f"{folds} folds need at least 2 folds and as many people in each arm as folds; use "
            "fewer, or give the strength of the penalty"
        )
    random = np.random.default_rng(seed)
    dealt = np.zeros((a.size, folds))
    for arm in (a > 0, a <= 0):
        people = np.repeat(np.flatnonzero(arm), f[arm].astype(int))
        np.add.at(dealt, (people, random.permutation(people.size) % folds), 1.0)
    return dealt


def _ridge_path(a: NDArray, x: NDArray, f: NDArray, strengths: NDArray) -> NDArray:
    """Coefficients at each strength, each begun from the last; not finite where there are none."""
    found = np.full((strengths.size, x.shape[1]), np.inf)
    start = None
    for k, strength in enumerate(strengths):
        try:
            start = logistic_regression(a, x, f, ridge=strength, start=start).coefficients
        except PositivityError:  # weaker penalties only lead further out
            break
        found[k] = start
    return found


def _moments(x, f: NDArray) -> tuple[int, NDArray, NDArray]:
    """Which column is the intercept, and means and standard deviations of all."""
    low, high = (_flat(end) for end in (x.min(axis=0), x.max(axis=0)))
    constant = np.flatnonzero((low == high) & (low != 0))
    if not constant.size:
        raise CohortError(
            "a penalized propensity model needs an intercept, a column of ones, among its columns"
        )
    mean = _flat(f @ x) / f.sum()
    squares = x.multiply(x) if issparse(x) else x**2
    variance = _flat(f @ squares) / f.sum() - mean**2
    return int(constant[0]), mean, np.sqrt(np.maximum(variance, 0.0))


def _flat(row) -> NDArray:
    return np.asarray(row.toarray() if issparse(row) else row, float).ravel()


def _first_to_leave(a: NDArray, x, f: NDArray) -> float:
    intercept, _, spread = _moments(x, f)
    score = np.abs(_flat((f * (a - f @ a / f.sum())) @ x)) / f.sum()
    score[intercept] = 0.0
    return float((score / np.where(spread > 1e-12, spread, np.inf)).max())


def _lasso_path(a: NDArray, x, f: NDArray, strengths: NDArray) -> NDArray:
    """Coefficients at each strength, strongest first. Shape (strengths, columns)."""
    from glum import GeneralizedLinearRegressor

    intercept, _, spread = _moments(x, f)
    free = np.flatnonzero(spread > 1e-9 * np.maximum(spread.max(), 1e-300))
    used = f > 0
    rows = x[used][:, free] if issparse(x) else np.asfortranarray(x[used][:, free])
    found = np.zeros((strengths.size, x.shape[1]))
    machine = GeneralizedLinearRegressor(
        family="binomial", l1_ratio=1.0, scale_predictors=True, gradient_tol=1e-6,
        max_iter=1000, warm_start=True,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what it would say is checked below
        for k, strength in enumerate(strengths):
            machine.set_params(alpha=strength).fit(rows, a[used], sample_weight=f[used])
            found[k, free] = machine.coef_
            found[k, intercept] = machine.intercept_ / _flat(x[:1])[intercept]
    _settled(a, x, f, found[-1], strengths[-1])
    return found


def _settled(a: NDArray, x, f: NDArray, coefficients: NDArray, strength: float) -> None:
    """Raise unless the weakest penalty's fit is the optimum that it claims to be."""
    intercept, mean, spread = _moments(x, f)
    residual = f * (a - expit(x @ coefficients)) / f.sum()
    varies = spread > 0
    varies[intercept] = False
    scaled = (_flat(residual @ x) - residual.sum() * mean)[varies] / spread[varies]
    active = coefficients[varies] != 0
    missed = np.where(
        active,
        np.abs(scaled - strength * np.sign(coefficients[varies])),
        np.maximum(np.abs(scaled) - strength, 0.0),
    )
    if max(missed.max(initial=0.0), abs(residual.sum())) > UNSETTLED:
        raise CohortError(
            f"the lasso did not settle at strength {strength:.3g}; use a stronger penalty, or "
            "leave out covariates that follow from each other"
        )


def _positive(strength: float) -> float:
    if not strength > 0:
        raise CohortError("a penalty's strength is a number above 0; without one use no penalty")
    return float(strength)
