"""Probability of treatment given covariates."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import EstimatedWeights
from iop_outcomes.statistics.weighting.covariate_patterns import (
    covariate_patterns,
    patterns_are_worth_it,
)
from iop_outcomes.statistics.weighting.logistic_regression import (
    SEPARATED_LOG_ODDS as SEPARATED_LOG_ODDS,
)
from iop_outcomes.statistics.weighting.logistic_regression import logistic_regression
from iop_outcomes.statistics.weighting.regression_design import (
    Standardization,
    checked,
    standardization,
)
from iop_outcomes.statistics.weighting.weights import weight_slopes
from iop_outcomes.vocabulary import Estimand


@dataclass(frozen=True)
class PropensityFit:
    """A fitted propensity score, and what later steps need to know about its uncertainty.

    Attributes
    ----------
    coefficients
        Log odds per unit of each column of the design; None for trees. Shape (columns,).
    probability
        Fitted probability of treatment, in (0, 1). Shape (n,).
    covariance
        Inverse of the expected information, penalized as the fit was; None where a fit has no
        derivative (lasso, trees). Shape (columns, columns).
    strength
        The penalty's strength, given or chosen by cross-validation; 0 without a penalty.
    """

    coefficients: NDArray | None
    probability: NDArray
    covariance: NDArray | None
    strength: float = 0.0


class PropensityModel(Protocol):
    """Anything that learns a propensity score: one method, one kind of answer."""

    def fit(
        self, treated: ArrayLike, design: ArrayLike, frequency: ArrayLike | None = None
    ) -> PropensityFit:
        """Learn from one row per person, or per pattern of `frequency` people."""
        ...


@dataclass(frozen=True)
class MaximumLikelihood:
    """Logistic regression without a penalty: `fit_propensity` as a `PropensityModel`.

    Examples
    --------
    >>> MaximumLikelihood().fit([1, 0, 0, 0], np.ones((4, 1))).probability.round(12)
    array([0.25, 0.25, 0.25, 0.25])
    """

    def fit(
        self, treated: ArrayLike, design: ArrayLike, frequency: ArrayLike | None = None
    ) -> PropensityFit:
        """See `fit_propensity`."""
        return fit_propensity(treated, design, frequency)


def fit_propensity(
    treated: ArrayLike, design: ArrayLike, frequency: ArrayLike | None = None
) -> PropensityFit:
    r"""Maximum-likelihood logistic regression by Newton's method.

    .. math:: \sum_i f_i x_i (a_i - e_i) = 0, \qquad e_i = 1 / (1 + \exp(-x_i^\top \gamma))

    Where many people share their row, as with categorical covariates, they are counted first and
    the model is fitted to the patterns: the same answer from fewer rows.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    design
        Columns of the model, the intercept among them. Shape (n, columns). Any units
        will do. No column may follow from the others: see `dependent_columns`.
    frequency
        People who share each row, arm included; 1 if absent. Shape (n,).

    Raises
    ------
    PositivityError
        The columns separate the arms, so that some patterns never meet one of them; or an arm
        is empty.
    CohortError
        A column follows from the others or never varies; a value is missing.

    Examples
    --------
    With an intercept alone the probability is the share treated:

    >>> fit_propensity([1, 0, 0, 0], np.ones((4, 1))).probability.round(12)
    array([0.25, 0.25, 0.25, 0.25])
    >>> fit_propensity([1, 0], np.ones((2, 1)), frequency=[1, 3]).probability.round(12)
    array([0.25, 0.25])
    """
    a, x, f = checked(treated, design, frequency)
    if patterns_are_worth_it(x):
        found = covariate_patterns(a, x)
        few = _maximum(a[found.first], x[found.first], found.total(f))
        return replace(few, probability=found.expand(few.probability))
    return _maximum(a, x, f)


def _maximum(a: NDArray, x: NDArray, f: NDArray) -> PropensityFit:
    found = logistic_regression(a, x, f)
    return PropensityFit(found.coefficients, found.probability, found.covariance)


def fitted_weights(
    fit: PropensityFit,
    treated: ArrayLike,
    design: ArrayLike,
    estimand: Estimand,
    frequency: ArrayLike | None = None,
) -> EstimatedWeights:
    r"""What a fitted propensity score adds to the uncertainty of a weighted estimate.

    Each person's influence on the coefficients is

    .. math:: \phi_i = I^{-1} [x_i (a_i - e_i) - \lambda s^2 \gamma]

    with the information I, and with the penalty taken as given beforehand. For maximum likelihood
    on people this is `estimated_weights`. Rows that stand for several people hold what each one
    of them adds, so a derivative has to be summed over a pattern before and expanded after:

    ``patterns.expand(influence(patterns.total(derivative), np.zeros(patterns.first.size), found))``

    Parameters
    ----------
    fit
        From `fit_propensity` or another model with derivatives.
    treated, design, frequency
        What it was fitted to.
    estimand
        Whose effect the weights average.

    Raises
    ------
    CohortError
        The model has no derivatives: a lasso, or trees.

    Examples
    --------
    >>> treated, design = np.array([1, 0, 0, 0]), np.ones((4, 1))
    >>> found = fitted_weights(fit_propensity(treated, design), treated, design, Estimand.ATE)
    >>> found.influence.round(6).ravel()
    array([ 1.      , -0.333333, -0.333333, -0.333333])
    """
    a, x, f = checked(treated, design, frequency)
    columns, _, influence = _standardized_influence(fit, a, x, f)
    e = fit.probability
    slope = weight_slopes(a, e, estimand) * e * (1 - e)
    return EstimatedWeights(gradient=columns * slope[:, None], influence=influence)


def coefficient_influence(
    fit: PropensityFit,
    treated: ArrayLike,
    design: ArrayLike,
    frequency: ArrayLike | None = None,
) -> NDArray:
    """Influence of each person on the coefficients, in the units of the design.

    The sum of its outer products, each times its frequency, is the sandwich covariance HC0.

    Returns
    -------
    NDArray
        Shape (n, columns).

    Examples
    --------
    >>> treated, design = np.array([1, 0, 0, 0]), np.ones((4, 1))
    >>> coefficient_influence(fit_propensity(treated, design), treated, design).round(6).ravel()
    array([ 1.      , -0.333333, -0.333333, -0.333333])
    """
    _, ruler, influence = _standardized_influence(fit, *checked(treated, design, frequency))
    return influence @ ruler.back.T


def _standardized_influence(
    fit: PropensityFit, a: NDArray, x: NDArray, f: NDArray
) -> tuple[NDArray, Standardization, NDArray]:
    if fit.coefficients is None or fit.covariance is None:
        raise CohortError(
            "this propensity model (a lasso, or trees) has no derivative by its data, so its part "
            "in the uncertainty has to be found by bootstrap"
        )
    ruler = standardization(x, f)
    ruler = replace(ruler, scale=np.where(ruler.scale == 0, 1.0, ruler.scale))
    columns = ruler.apply(x)
    # An orthogonal basis of the same columns would do as well; a penalty only knows these.
    variance = f * fit.probability * (1 - fit.probability)
    penalty = fit.strength * ruler.slopes
    information = (columns * variance[:, None]).T @ columns + np.diag(penalty * f.sum())
    score = columns * (a - fit.probability)[:, None] - penalty * ruler.scale * fit.coefficients
    return columns, ruler, np.linalg.solve(information, score.T).T


def dependent_columns(design: NDArray) -> list[int]:
    """Columns that are linear combinations of the others (pivoted QR).

    Examples
    --------
    >>> len(dependent_columns(np.array([[1.0, 0, 1], [1, 1, 2], [1, 2, 3]])))
    1
    """
    size = np.sqrt((design**2).sum(axis=0))
    if not size.all():
        return [int(column) for column in np.flatnonzero(size == 0)]
    r, pivot = qr(design / size, mode="r", pivoting=True)
    diagonal = np.abs(np.diag(r))
    rank = int((diagonal > diagonal[0] * 1e-9).sum())
    return sorted(int(column) for column in pivot[rank:])
