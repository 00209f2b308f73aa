"""Models of the outcome given the covariates: one an arm, or one for both."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular
from scipy.special import expit, logit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.risks import Estimated
from iop_outcomes.statistics.estimating_equations import EstimatedWeights
from iop_outcomes.statistics.weighting.propensity import dependent_columns

# Newton's method needs about ten where there is a maximum.
STEPS = 30


class Link(StrEnum):
    """How a mean follows from the linear predictor; each is its family's canonical link."""

    IDENTITY = "identity"  # least squares; a binary outcome gives risk differences
    LOG = "log"  # quasi-Poisson; risk ratios
    LOGIT = "logit"  # (fractional) logistic; odds ratios

    def mean(self, predictor: NDArray) -> NDArray:
        """Mean outcome at a linear predictor."""
        return {"identity": np.positive, "log": np.exp, "logit": expit}[self.value](predictor)

    def slope(self, mean: NDArray) -> NDArray:
        """Derivative of the mean by the linear predictor, at a mean."""
        if self is Link.IDENTITY:
            return np.ones_like(mean)
        return mean if self is Link.LOG else mean * (1 - mean)

    def predictor(self, mean: NDArray) -> NDArray:
        """Linear predictor at a mean."""
        return {"identity": np.positive, "log": np.log, "logit": logit}[self.value](mean)


@dataclass(frozen=True)
class RegressionFit:
    """Coefficients at the root of the score equations, with one influence a person.

    Attributes
    ----------
    coefficients
        Shape (columns,).
    influence
        Influence of each person on the coefficients, zero where the weight is. Shape (n, columns).
    """

    coefficients: NDArray
    influence: NDArray


@dataclass(frozen=True)
class PredictedOutcomes:
    """Each person's predicted mean outcome under both arms.

    Attributes
    ----------
    intervention, comparator
        Predictions, and their derivatives by the models' coefficients.
    influence
        Influence of each person on the coefficients. Shape (n, coefficients).
    """

    intervention: Estimated
    comparator: Estimated
    influence: NDArray

    def known(self) -> "PredictedOutcomes":
        """The same predictions, taken as known."""
        return known_outcomes(self.intervention.value, self.comparator.value)


def known_outcomes(intervention: ArrayLike, comparator: ArrayLike) -> PredictedOutcomes:
    """Predictions that owe nothing to a model fitted to these people, such as cross-fitted ones.

    Examples
    --------
    >>> known_outcomes([0.2, 0.3], [0.4, 0.5]).influence.shape
    (2, 0)
    """
    one, other = np.asarray(intervention, float), np.asarray(comparator, float)
    if not (np.isfinite(one).all() and np.isfinite(other).all()):
        raise CohortError(
            "an outcome model predicts a missing or infinite outcome; mend its learner"
        )
    empty = np.empty((one.size, 0))
    return PredictedOutcomes(Estimated(one, empty), Estimated(other, empty), empty)


def fit_regression(
    outcome: ArrayLike,
    design: ArrayLike,
    link: Link,
    weight: ArrayLike | None = None,
    estimated: EstimatedWeights | None = None,
) -> RegressionFit:
    r"""Weighted regression with a canonical link, by iteratively reweighted least squares.

    .. math:: \sum_i w_i x_i (y_i - g^{-1}(x_i^\top \beta)) = 0

    Parameters
    ----------
    outcome
        Any number (identity), 0 or more (log), in [0, 1] (logit). Shape (n,).
    design
        Columns of the model, the intercept among them, in any units. Shape (n, columns).
    link
        How the mean follows from the linear predictor.
    weight
        Weights; people of weight zero are not fitted. Shape (n,).
    estimated
        Where the weights came from; None if they are known.

    Raises
    ------
    CohortError
        A column follows from the others, the outcome lies outside the link's range, or the
        covariates separate the outcomes, so that there is no maximum.

    References
    ----------
    McCullagh & Nelder (1989), Generalized Linear Models, chapter 2. Zou (2004), American Journal
    of Epidemiology 159:702-706 (log link for risk ratios).

    Examples
    --------
    >>> fit_regression([1, 0, 0, 0], np.ones((4, 1)), Link.LOGIT).coefficients.round(6)
    array([-1.098612])
    """
    y, x = np.asarray(outcome, float), np.asarray(design, float)
    w = np.ones(y.size) if weight is None else np.asarray(weight, float)
    fitted = w > 0
    _require_range(y[fitted], link)
    if found := dependent_columns(x[fitted]):
        raise CohortError(
            f"columns {found} of the outcome model follow from its other columns among the "
            f"{fitted.sum()} people it is fitted to; leave them out or merge levels"
        )
    mixing = np.linalg.qr(x[fitted]).R  # on an orthogonal basis units cannot matter
    basis = solve_triangular(mixing, x.T, trans="T").T
    beta = _solve(y[fitted], basis[fitted], link, w[fitted])
    mean = link.mean(basis @ beta)
    bread = np.linalg.inv((basis * (w * link.slope(mean))[:, None])[fitted].T @ basis[fitted])
    residual = np.where(fitted, y - mean, 0.0)
    score = basis * (w * residual)[:, None]
    if estimated is not None:
        score += estimated.influence @ (estimated.gradient.T @ (basis * residual[:, None]))
    unmixing = solve_triangular(mixing, np.eye(x.shape[1])).T
    return RegressionFit(beta @ unmixing, score @ bread @ unmixing)


def fit_outcome_models(
    outcome: ArrayLike,
    treated: ArrayLike,
    design: ArrayLike,
    link: Link,
    *,
    pooled: bool = False,
    weight: ArrayLike | None = None,
    estimated: EstimatedWeights | None = None,
) -> PredictedOutcomes:
    """Predict every person's outcome under both arms.

    Parameters
    ----------
    outcome
        Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    design
        Covariates with an intercept, without the arm. Shape (n, columns).
    link
        Identity for means, logit for risks and other bounded outcomes.
    pooled
        One model with the arm as a further column; else one model an arm.
    weight, estimated
        See `fit_regression`. With balancing weights the g-formula on these models is doubly
        robust (inverse-probability-weighted regression adjustment).

    Raises
    ------
    CohortError
        See `fit_regression`.

    Examples
    --------
    With an intercept alone everyone is predicted the mean of the arm:

    >>> predicted = fit_outcome_models([1, 3, 5, 9], [0, 0, 1, 1], np.ones((4, 1)), Link.IDENTITY)
    >>> predicted.intervention.value
    array([7., 7., 7., 7.])
    """
    a, x = np.asarray(treated, bool), np.asarray(design, float)
    w = np.ones(a.size) if weight is None else np.asarray(weight, float)
    if pooled:
        fit = fit_regression(outcome, np.column_stack([x, a]), link, w, estimated)
        one, other = (np.column_stack([x, np.full(a.size, arm)]) for arm in (1.0, 0.0))
        return PredictedOutcomes(
            predict(one, fit.coefficients, link), predict(other, fit.coefficients, link),
            fit.influence,
        )  # fmt: skip
    fits, sides = [], []
    for arm in (a, ~a):
        fits.append(fit_regression(outcome, x, link, w * arm, estimated))
        sides.append(predict(x, fits[-1].coefficients, link))
    nothing = np.zeros_like(x)  # an arm's predictions owe nothing to the other arm's model
    return PredictedOutcomes(
        Estimated(sides[0].value, np.hstack([sides[0].gradient, nothing])),
        Estimated(sides[1].value, np.hstack([nothing, sides[1].gradient])),
        np.hstack([fit.influence for fit in fits]),
    )


def predict(design: NDArray, coefficients: NDArray, link: Link) -> Estimated:
    """Mean outcomes at a design, with their derivatives by the coefficients.

    Examples
    --------
    >>> predict(np.ones((1, 1)), np.array([0.0]), Link.LOGIT).gradient
    array([[0.25]])
    """
    mean = link.mean(design @ coefficients)
    return Estimated(mean, design * link.slope(mean)[:, None])


def _solve(y: NDArray, x: NDArray, link: Link, w: NDArray) -> NDArray:
    """Coefficients by iteratively reweighted least squares.

    Separation shows as a predictor that moves by about one a step for ever, and not by its size:
    someone unlike the rest may be foretold with near certainty by a model that has a maximum.
    """
    mean = y if link is Link.IDENTITY else (y + np.average(y, weights=w)) / 2
    predictor = link.predictor(mean)
    for _ in range(STEPS):
        slope, residual = link.slope(mean), y - mean
        # Who is foretold to the last digit moves nothing, unless the foretelling is wrong.
        certain = slope == 0
        if not np.isfinite(slope).all() or residual[certain].any():
            break
        working = predictor + np.divide(residual, slope, out=np.zeros_like(y), where=~certain)
        root = np.sqrt(w * slope)
        beta = np.linalg.lstsq(x * root[:, None], root * working)[0]
        if link is Link.IDENTITY:
            return beta
        before, predictor = predictor, x @ beta
        mean = link.mean(np.minimum(predictor, 700.0))  # beyond this an exponential overflows
        # Rounding grows with the predictor of whoever is farthest out.
        if np.abs(predictor - before).max() < 1e-11 * max(1.0, np.abs(predictor).max()):
            return beta
    raise CohortError(
        "the covariates of the outcome model foretell the outcome of some people with certainty, "
        "so it has no maximum; leave covariates out, merge levels, or penalise the model"
    )


def _require_range(outcome: NDArray, link: Link) -> None:
    low, high = outcome.min(), outcome.max()
    if (link is Link.LOGIT and (low < 0 or high > 1)) or (link is Link.LOG and low < 0):
        raise CohortError(
            f"the outcome runs from {low:g} to {high:g}, outside what a {link} link can model; "
            "use the identity link"
        )
    if link is not Link.IDENTITY and (high == low):
        raise CohortError(
            f"all {outcome.size} people of an arm have the same outcome, so an outcome model has "
            "nothing to tell apart; widen eligibility or move the horizon"
        )
