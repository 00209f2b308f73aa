r"""Residuals of a Cox model, and each person's influence on its coefficients.

The derivative of the coefficients by a row's weight is its score residual times the inverse
information. So the influences of `estimating_equations` follow: weights known (Lin & Wei), weights
estimated (the propensity model stacked on top), several rows a person and clusters as sums.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.cox import score as cox_score
from iop_outcomes.statistics.cox.regression import CoxFit
from iop_outcomes.statistics.cox.risk_sets import hazard_sums
from iop_outcomes.statistics.estimating_equations import EstimatedWeights


def martingale_residuals(fit: CoxFit) -> NDArray:
    """Events of each row less those expected of it while at risk. Shape (n,).

    Weighted, they sum to zero in each stratum. A row of weight 0 counts as without event.

    Examples
    --------
    Exchangeable people: the one who leaves first has met one third of an event.

    >>> from iop_outcomes.statistics.cox.regression import fit_cox
    >>> fit = fit_cox([1, 1, 1], [1, 0, 0], [[0.0], [-1], [1]])
    >>> martingale_residuals(fit).round(12)
    array([ 0.66666667, -0.33333333, -0.33333333])
    """
    return fit.rows.restore(fit.rows.event - cox_score.expected_events(fit.rows, fit.sums))


def score_residuals(fit: CoxFit) -> NDArray:
    """Derivative of the score by each row's weight: Lin & Wei's residuals. Shape (n, columns).

    Weighted, they sum to zero.
    """
    return fit.rows.restore(cox_score.score_residuals(fit.rows, fit.sums)) @ fit.mixing


def coefficient_derivative(fit: CoxFit) -> NDArray:
    """Derivative of the coefficients by each row's weight. Shape (n, columns).

    Times the weight it is `dfbeta` of R's survival.
    """
    return score_residuals(fit) @ fit.covariance


@dataclass(frozen=True)
class SchoenfeldResiduals:
    """What the covariates of those who have the event are above those at risk.

    Attributes
    ----------
    row
        Place of each event in the caller's arrays; by stratum, then day. Shape (events,).
    day
        Shape (events,).
    residual
        Covariates less their mean at risk. Shape (events, columns).
    scaled
        Coefficients plus residual times covariance times the total weight of the events: their
        course over time is that of the log hazard ratio. Shape (events, columns).
    """

    row: NDArray
    day: NDArray
    residual: NDArray
    scaled: NDArray


def schoenfeld_residuals(fit: CoxFit) -> SchoenfeldResiduals:
    """Schoenfeld residuals of every event.

    References
    ----------
    Schoenfeld (1982), Biometrika 69:239-241; scaled: Grambsch & Therneau (1994), Biometrika
    81:515-526.
    """
    rows = fit.rows
    place = rows.past[rows.failed] - 1
    residual = (rows.covariates[rows.failed] - fit.sums.mean[place]) @ fit.mixing
    events = rows.event_weight.sum()
    return SchoenfeldResiduals(
        row=rows.order[rows.failed],
        day=rows.day[place],
        residual=residual,
        scaled=fit.coefficients + residual @ fit.covariance * events,
    )


def person_influences(
    derivative: NDArray,
    weight: NDArray,
    person: NDArray | None = None,
    estimated: EstimatedWeights | None = None,
) -> NDArray:
    """Influence of each person on estimates that depend on weighted rows.

    Parameters
    ----------
    derivative
        Of the estimates by each row's weight: `coefficient_derivative` or `survival_derivative`.
        Shape (n,) or (n, estimates).
    weight
        Of each row. Shape (n,).
    person
        Whose row it is, any labels; every row its own person if absent. Shape (n,).
    estimated
        Where the weights came from; None if they are known. Its gradient has a row for each row,
        its influence one for each person, in the order of sorted labels.

    Returns
    -------
    NDArray
        Shape (persons,) or (persons, estimates); persons in the order of their sorted labels.

    Notes
    -----
    `estimating_equations.uncertainty` turns a column into a standard error. With known weights
    and independent persons it is the robust error of R's `coxph`, which has no small-sample
    factor; with clusters it is R's times sqrt(G / (G - 1)), which is CR1 where R's is CR0.

    References
    ----------
    Lin & Wei (1989), Journal of the American Statistical Association 84:1074-1078. Estimated
    weights: Shu, Young, Toh & Wang (2021), Biometrics 77:1101-1117; Hajage et al. (2018),
    Biometrical Journal 60:1151-1163.
    """
    own = weight[(slice(None),) + (None,) * (derivative.ndim - 1)] * derivative
    if person is not None:
        own = _sums(own, person)
    if estimated is None:
        return own
    if len(estimated.influence) != len(own) or len(estimated.gradient) != len(derivative):
        raise CohortError(
            f"the model of the weights knows {len(estimated.influence)} people and "
            f"{len(estimated.gradient)} rows, the outcome {len(own)} and {len(derivative)}"
        )
    return own + estimated.influence @ (estimated.gradient.T @ derivative)


def robust_covariance(influences: NDArray, cluster: NDArray | None = None) -> NDArray:
    """Sum of squared influences, or of their sums in clusters. Shape (estimates, estimates).

    CR0: no small-sample factor, as R's `coxph` has none.

    Examples
    --------
    >>> influences = np.array([[1.0], [2.0]])
    >>> robust_covariance(influences), robust_covariance(influences, [7, 7])
    (array([[5.]]), array([[9.]]))
    """
    sums = influences if cluster is None else _sums(influences, cluster)
    return sums.T @ sums


@dataclass(frozen=True)
class Sandwich:
    """Who belongs together, and where the weights came from.

    Attributes
    ----------
    person
        Whose each row is; every row its own person if None. Shape (n,).
    cluster
        Cluster of each person, in the order of sorted labels; None if persons are independent.
        Shape (persons,).
    estimated
        See `person_influences`.
    """

    person: NDArray | None = None
    cluster: NDArray | None = None
    estimated: EstimatedWeights | None = None

    def covariance(self, derivative: NDArray, weight: NDArray) -> NDArray:
        """`robust_covariance` of the influences that `derivative` has."""
        return robust_covariance(
            person_influences(derivative, weight, self.person, self.estimated), self.cluster
        )


def robust_score_statistic(fit: CoxFit, sandwich: Sandwich | None = None) -> float:
    """Chi-squared of the score test that every coefficient is 0, with the robust variance.

    References
    ----------
    Lin & Wei (1989), Journal of the American Statistical Association 84:1074-1078.
    """
    at_zero = hazard_sums(fit.rows, np.zeros(fit.centre.size))
    residuals = fit.rows.restore(cox_score.score_residuals(fit.rows, at_zero))
    covariance = (sandwich or Sandwich()).covariance(residuals, fit.weight)
    score = cox_score.score(fit.rows, at_zero)
    return float(score @ np.linalg.solve(covariance, score))


def _sums(values: NDArray, label: NDArray) -> NDArray:
    _, member = np.unique(label, return_inverse=True)
    columns = values[:, None] if values.ndim == 1 else values
    sums = np.column_stack([np.bincount(member, column) for column in columns.T])
    return sums[:, 0] if values.ndim == 1 else sums
