"""How the effect changes with covariates: a line through doubly robust pseudo-outcomes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.multiplicity import influence_covariance
from iop_outcomes.statistics.effects.outcome_models import PredictedOutcomes
from iop_outcomes.statistics.effects.risks import Estimated, Propensity, arm_weights, checked_arms
from iop_outcomes.statistics.weighting.propensity import dependent_columns
from iop_outcomes.vocabulary import Estimand


@dataclass(frozen=True)
class BestLinearProjection:
    """The linear function of some covariates that is nearest to each person's effect.

    Attributes
    ----------
    coefficients
        Change in the risk difference for each unit of each column. Shape (columns,).
    influence
        Influence of each person on the coefficients. Shape (n, columns).
    pseudo_outcome
        Each person's doubly robust pseudo-outcome, whose mean is the AIPW ATE. Shape (n,).
    """

    coefficients: NDArray
    influence: NDArray
    pseudo_outcome: NDArray


def best_linear_projection(
    outcome: ArrayLike,
    treated: ArrayLike,
    propensity: Propensity,
    predicted: PredictedOutcomes,
    design: ArrayLike,
) -> BestLinearProjection:
    r"""Regress AIPW pseudo-outcomes on chosen covariates (a linear DR-learner).

    .. math::
        \psi_i = \hat m_1(x_i) - \hat m_0(x_i) + \frac{A_i (y_i - \hat m_1(x_i))}{\hat e(x_i)}
        - \frac{(1 - A_i)(y_i - \hat m_0(x_i))}{1 - \hat e(x_i)}

    Parameters
    ----------
    outcome
        Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    propensity, predicted
        Estimated, known or cross-fitted; what was estimated enters the influences.
    design
        Covariates to project on, with an intercept; centred ones make it the average effect.
        Shape (n, columns).

    Raises
    ------
    CohortError
        A column follows from the others, or an arm is empty.

    References
    ----------
    Semenova & Chernozhukov (2021), Econometrics Journal 24:264-289. Kennedy (2023), Electronic
    Journal of Statistics 17:3008-3049.

    Examples
    --------
    >>> from iop_outcomes.statistics.effects.outcome_models import known_outcomes
    >>> from iop_outcomes.statistics.effects.risks import known_propensity
    >>> treated, x = np.array([1, 1, 0, 0], bool), np.array([0.0, 1, 0, 1])
    >>> exact = known_outcomes(0.2 + 0.3 * x, np.full(4, 0.5) + 0.1 * x)
    >>> outcome = np.where(treated, exact.intervention.value, exact.comparator.value)
    >>> design = np.column_stack([np.ones(4), x])
    >>> coin = known_propensity(np.full(4, 0.5))
    >>> best_linear_projection(outcome, treated, coin, exact, design).coefficients.round(9)
    array([-0.3,  0.2])
    """
    y, a, s = checked_arms(outcome, treated, None)
    v = np.asarray(design, float)
    if found := dependent_columns(v):
        raise CohortError(f"columns {found} follow from the other columns; leave them out")
    one, other = (
        _pseudo_outcome(y, side, arm)
        for side, arm in zip(
            (predicted.intervention, predicted.comparator),
            arm_weights(a, propensity, Estimand.ATE, s),
            strict=True,
        )
    )
    psi = one[0] - other[0]
    mixing = np.linalg.qr(v).R
    basis = np.linalg.solve(mixing.T, v.T).T
    beta = basis.T @ psi
    own = basis * (psi - basis @ beta)[:, None]
    own += propensity.influence @ ((one[1] - other[1]).T @ basis)
    own += predicted.influence @ ((one[2] - other[2]).T @ basis)
    unmixing = np.linalg.inv(mixing).T
    return BestLinearProjection(beta @ unmixing, own @ unmixing, psi)


@dataclass(frozen=True)
class JointTest:
    """Wald test that several coefficients are all zero.

    Attributes
    ----------
    statistic
        Chi-square, or F with clusters.
    degrees_of_freedom
        Coefficients, and clusters - 1 (infinite without clusters).
    p_value
        Of the null that all are zero.
    """

    statistic: float
    degrees_of_freedom: tuple[int, float]
    p_value: float


def joint_test(
    coefficients: ArrayLike, influence: ArrayLike, cluster: ArrayLike | None = None
) -> JointTest:
    """Test that the effect changes with none of several covariates.

    Parameters
    ----------
    coefficients
        Of a `BestLinearProjection`, without the intercept's. Shape (coefficients,).
    influence
        Their influences. Shape (n, coefficients).
    cluster
        Any labels; the statistic over its degrees is then compared with F(q, G - 1).

    Raises
    ------
    CohortError
        There are no more clusters than coefficients.

    Examples
    --------
    >>> apart = np.array([[0.1, 0], [-0.1, 0], [0, 0.1], [0, -0.1]])
    >>> round(joint_test([0.2, 0.0], apart).statistic, 9)
    2.0
    """
    beta = np.asarray(coefficients, float)
    covariance, clusters = influence_covariance(np.asarray(influence, float), cluster)
    if clusters is not None and clusters - 1 < beta.size:
        raise CohortError(
            f"{clusters} clusters cannot test {beta.size} coefficients together; name fewer "
            "covariates"
        )
    wald = float(beta @ np.linalg.solve(covariance, beta))
    if clusters is None:
        return JointTest(wald, (beta.size, np.inf), float(stats.chi2.sf(wald, beta.size)))
    f = wald / beta.size
    p_value = float(stats.f.sf(f, beta.size, clusters - 1))
    return JointTest(f, (beta.size, clusters - 1.0), p_value)


def _pseudo_outcome(
    outcome: NDArray, predicted: Estimated, weight: Estimated
) -> tuple[NDArray, NDArray, NDArray]:
    """Of one arm, with its derivatives by the propensity model and by the outcome model."""
    residual = outcome - predicted.value
    return (
        predicted.value + weight.value * residual,
        weight.gradient * residual[:, None],
        predicted.gradient * (1 - weight.value)[:, None],
    )
