r"""Hazard and survival curves that a Cox model predicts.

.. math:: \hat S(t \mid x) = \exp\{-e^{x^\top\hat\beta} \hat\Lambda_0(t)\}

with the hazard of the model's own ties: Breslow's, or Efron's, which takes each tied event out of
the risk set of the next. Right-continuous in days; level after the last event.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.cox import score as cox_score
from iop_outcomes.statistics.cox.regression import CoxFit
from iop_outcomes.statistics.survival.risk_sets import StepCurve


def baseline_hazard(
    fit: CoxFit, covariates: ArrayLike | None = None, stratum: object = None
) -> StepCurve:
    """Cumulative hazard at given covariates, offset 0.

    Parameters
    ----------
    covariates
        One value for each column; all 0 if absent. Shape (columns,).
    stratum
        Label of the stratum; only where the model has several.

    References
    ----------
    Breslow (1972), Journal of the Royal Statistical Society B 34:216-217; Efron (1977), Journal of
    the American Statistical Association 72:557-565.

    Examples
    --------
    Equal hazards: one of four, then one of two.

    >>> from iop_outcomes.statistics.cox.regression import fit_cox
    >>> fit = fit_cox([1, 1, 1, 1, 2, 2], [1, 0, 1, 0, 1, 1], [[0], [0], [1], [1], [0], [1]])
    >>> baseline_hazard(fit, [1]).at([0, 1]).round(9)
    array([0.        , 0.36666667])
    """
    x = np.zeros(fit.centre.size) if covariates is None else np.asarray(covariates, float)
    chosen = _chosen(fit, stratum)
    scale = np.exp((x - fit.centre) @ fit.coefficients - fit.sums.shift)
    return StepCurve(fit.rows.day[chosen], np.cumsum(fit.sums.hazard[chosen]) * scale, start=0.0)


@dataclass(frozen=True)
class PredictedSurvival:
    """Survival of people of given covariates.

    Attributes
    ----------
    day
        Shape (days,).
    survival, std_error
        Probability of no event by each day, and its standard error. Shape (people, days).
    """

    day: NDArray
    survival: NDArray
    std_error: NDArray


def predicted_survival(
    fit: CoxFit,
    covariates: ArrayLike,
    day: ArrayLike,
    *,
    stratum: object = None,
    covariance: NDArray | None = None,
) -> PredictedSurvival:
    r"""Survival at given covariates, with the model's standard errors.

    .. math:: \operatorname{var} \hat\Lambda(t \mid x) = e^{2 x^\top\beta} \Big(
        \sum_{s \le t} \frac{d\hat\Lambda_0(s)}{S_0(s)} + q^\top V q \Big), \qquad
        q = \int_0^t (x - \bar x(s)) \, d\hat\Lambda_0(s)

    Parameters
    ----------
    covariates
        One row for each person to predict. Shape (people, columns).
    day
        Shape (days,).
    stratum
        Label of the stratum; only where the model has several.
    covariance
        Of the coefficients; the fit's own if absent. Shape (columns, columns).

    Notes
    -----
    The first part of the variance takes weights for counts of people. With balancing weights take
    `survival_derivative` and `person_influences` instead.

    References
    ----------
    Tsiatis (1981), Annals of Statistics 9:93-108; Link (1984), Biometrics 40:601-610.
    """
    x = np.atleast_2d(np.asarray(covariates, float)) - fit.centre
    day = np.atleast_1d(np.asarray(day, float))
    parts = _Curve.of(fit, day, stratum)
    covariance = fit.covariance if covariance is None else covariance
    scale = np.exp(x @ fit.coefficients)[:, None]
    gradient = x[:, None, :] * parts.hazard[:, None] - parts.mean_hazard @ fit.mixing
    variance = parts.variance + np.einsum("mtj,jk,mtk->mt", gradient, covariance, gradient)
    survival = np.exp(-scale * parts.hazard)
    return PredictedSurvival(day, survival, survival * scale * np.sqrt(variance))


def survival_derivative(
    fit: CoxFit, covariates: ArrayLike, day: float, stratum: object = None
) -> NDArray:
    """Derivative of the predicted survival on one day by each row's weight. Shape (n,).

    For standard errors with balancing weights and of contrasts: see
    `cox_variance.person_influences`.

    Parameters
    ----------
    covariates
        One value for each column. Shape (columns,).
    """
    rows, sums = fit.rows, fit.sums
    x = np.asarray(covariates, float) - fit.centre
    parts = _Curve.of(fit, np.array([day], float), stratum)
    counted = np.zeros(rows.day.size)
    counted[_chosen(fit, stratum)] = rows.day[_chosen(fit, stratum)] <= day

    taken = rows.over_days_at_risk(rows.from_first_day(sums.hazard_variance * counted))
    place = rows.past[rows.failed] - 1
    taken[rows.failed] -= (sums.variance_spared * counted)[place]
    own = -sums.risk * taken
    own[rows.failed] += (sums.hazard_per_weight * counted)[place]

    gradient = x * parts.hazard[0] - parts.mean_hazard[0] @ fit.mixing
    in_turned = fit.mixing @ fit.covariance @ gradient
    by_coefficients = cox_score.score_residuals(rows, sums) @ in_turned
    scale = np.exp(x @ fit.coefficients)
    survival = np.exp(-scale * parts.hazard[0])
    return rows.restore(-survival * scale * (own * np.exp(-sums.shift) + by_coefficients))


@dataclass(frozen=True)
class _Curve:
    """Sums over the risk sets up to each day, at the covariates' centre."""

    hazard: NDArray
    variance: NDArray
    mean_hazard: NDArray

    @classmethod
    def of(cls, fit: CoxFit, day: NDArray, stratum: object) -> "_Curve":
        chosen = _chosen(fit, stratum)
        until = np.searchsorted(fit.rows.day[chosen], day, side="right")

        def up_to(values, power=1):
            start = np.zeros((1, *values.shape[1:]))
            sums = np.concatenate([start, np.cumsum(values[chosen], axis=0)])[until]
            return sums * np.exp(-power * fit.sums.shift)

        return cls(
            up_to(fit.sums.hazard), up_to(fit.sums.hazard_variance, 2), up_to(fit.sums.mean_hazard)
        )


def _chosen(fit: CoxFit, stratum: object) -> slice:
    """The risk sets of a stratum."""
    if stratum is None:
        if fit.strata.size > 1:
            raise CohortError(
                f"the model has {fit.strata.size} strata, each with its own hazard; name one"
            )
        return slice(None)
    code = np.flatnonzero(fit.strata == stratum)
    if not code.size:
        raise CohortError("the model has no stratum of that label")
    return slice(*np.searchsorted(fit.rows.stratum, [code[0], code[0] + 1]))
