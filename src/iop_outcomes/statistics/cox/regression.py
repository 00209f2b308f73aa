"""Cox regression: hazard ratios from days to an event, with ties, weights and delayed entry."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.cox.risk_sets import (
    CHUNK,
    HazardSums,
    RowsAtRisk,
    Ties,
    hazard_sums,
    sort_into_risk_sets,
)
from iop_outcomes.statistics.cox.rows import SurvivalRows, survival_rows
from iop_outcomes.statistics.cox.score import information, score
from iop_outcomes.statistics.weighting.propensity import dependent_columns

MOST_STEPS = 60


@dataclass(frozen=True)
class CoxFit:
    """A Cox model at the maximum of its partial likelihood.

    Attributes
    ----------
    coefficients
        Log hazard ratios per unit of each covariate. Shape (columns,).
    covariance
        Inverse of the observed information: right for unweighted independent rows, and only for
        them. With balancing weights take `cox_variance.person_influences`.
    log_likelihood, log_likelihood_at_zero
        Log partial likelihood at the maximum, and where every coefficient is 0.
    score_statistic
        Chi-squared of the score test that every coefficient is 0.
    steps
        Newton steps taken.
    rows, sums
        The rows, their covariates centred and turned to be orthogonal, and the sums over risk
        sets at the maximum.
    centre, mixing
        covariates given = covariates of the rows @ mixing + centre.
    weight
        In the caller's order. Shape (n,).
    strata
        Labels of the strata, by code.
    """

    coefficients: NDArray
    covariance: NDArray
    log_likelihood: float
    log_likelihood_at_zero: float
    score_statistic: float
    steps: int
    rows: RowsAtRisk
    sums: HazardSums
    centre: NDArray
    mixing: NDArray
    weight: NDArray
    strata: NDArray


def fit_cox(
    day: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    offset: ArrayLike | None = None,
    ties: Ties = Ties.EFRON,
) -> CoxFit:
    r"""Maximise Cox's partial likelihood by Newton's method.

    .. math:: \lambda_s(t \mid x) = \lambda_{0s}(t) \exp(x^\top \beta)

    A row is at risk from after `entry` up to and including `day`; events on a day come before its
    censorings. Days are tied if they are equal to the last bit: give whole days, not years.

    Parameters
    ----------
    day
        Last day of each row, >= 0. A person may have several rows. Shape (n,).
    event
        True where the row ends with the event; False or 0 where it ends without. Shape (n,).
    covariates
        In any units. Shape (n, columns).
    entry
        Day after which the row is at risk, before `day`; from the start if absent. Shape (n,).
    weight
        Balancing or sampling weights, >= 0; all one if absent. A row of weight 0 is nobody.
        Shape (n,).
    stratum
        Rows share a baseline hazard with their stratum only. Any labels. Shape (n,).
    offset
        Known part of the log hazard; 0 if absent. Shape (n,).
    ties
        Efron's likelihood, or Breslow's, for events that share a day.

    Raises
    ------
    CohortError
        Nobody has the event; a covariate is constant or follows from the others; a coefficient is
        infinite; the arrays do not fit together or hold what cannot be.

    Notes
    -----
    Efron's ties are the better approximation when days are coarse. Under Breslow's a weight of
    two counts exactly as two copies of a row; under Efron's only for rows without an event, since
    copies of an event are tied with each other.

    References
    ----------
    Cox (1972), Journal of the Royal Statistical Society B 34:187-220. Ties: see `cox_risk_sets`.

    Examples
    --------
    Exposed people relapse on days 1 and 3, unexposed on 2 and 4. The events have exposed shares
    2a/(2a+2), a/(a+2), a/(a+1) and 0 at hazard ratio a, and a makes their sum 2:

    >>> fit = fit_cox([1, 3, 2, 4], [1, 1, 1, 1], [[1], [1], [0], [0]])
    >>> a = np.exp(fit.coefficients[0])
    >>> round(float(2 * a / (2 * a + 2) + a / (a + 2) + a / (a + 1)), 9)
    2.0
    """
    given = survival_rows(
        day, event, covariates, entry=entry, weight=weight, stratum=stratum, offset=offset
    )
    centre, mixing, turned = _orthogonal(given.covariates, given.weight)
    rows = sort_into_risk_sets(replace(given, covariates=turned), ties)
    return _maximise(rows, given, centre, mixing)


def _maximise(rows: RowsAtRisk, given: SurvivalRows, centre: NDArray, mixing: NDArray) -> CoxFit:
    beta = np.zeros(centre.size)
    start = sums = hazard_sums(rows, beta)
    curvature = information(rows, sums)
    _check_identified(curvature, rows, mixing)
    at_zero = score(rows, sums)
    score_statistic = float(at_zero @ np.linalg.solve(curvature, at_zero))
    slope, typical = at_zero, float(rows.weight[rows.event].mean())
    for steps in range(1, MOST_STEPS + 1):
        try:
            step = np.linalg.solve(curvature, slope)
        except np.linalg.LinAlgError:
            raise _infinite(beta, mixing) from None
        change = float(np.abs(rows.covariates @ step).max())
        # A finite maximum is not far away where the likelihood is flat to nine digits.
        flat = slope @ step < 1e-9 * typical and change > 0.1
        if flat or not np.isfinite(change):
            raise _infinite(beta + step if np.isfinite(change) else beta, mixing)
        beta, sums = _uphill(rows, beta, step, sums)
        curvature = information(rows, sums)
        if change < 1e-7:  # Newton's steps square: what is left is beyond the last digit
            unmixing = np.linalg.inv(mixing)
            return CoxFit(
                coefficients=unmixing @ beta,
                covariance=unmixing @ np.linalg.inv(curvature) @ unmixing.T,
                log_likelihood=sums.log_likelihood,
                log_likelihood_at_zero=start.log_likelihood,
                score_statistic=score_statistic,
                steps=steps,
                rows=rows,
                sums=sums,
                centre=centre,
                mixing=mixing,
                weight=given.weight,
                strata=given.strata,
            )
        slope = score(rows, sums)
    raise CohortError(
        f"the Cox model did not settle in {MOST_STEPS} steps; look for extreme weights or values"
    )


def _uphill(
    rows: RowsAtRisk, beta: NDArray, step: NDArray, before: HazardSums
) -> tuple[NDArray, HazardSums]:
    """The step, halved until the likelihood does not fall by more than rounding."""
    floor = before.log_likelihood - 1e-10 * abs(before.log_likelihood)
    for _ in range(30):
        sums = hazard_sums(rows, beta + step)
        if sums.log_likelihood >= floor:
            break
        step = step / 2
    return beta + step, sums


def _orthogonal(x: NDArray, weight: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Centre the columns and turn them to be orthogonal: neither units nor origins can matter."""
    present = weight > 0
    constant = np.flatnonzero(np.ptp(x[present], axis=0) == 0)
    if constant.size:
        raise CohortError(f"{_columns(constant)} of the covariates is constant; drop it")
    centre = np.average(x, axis=0, weights=weight)
    triangle = np.zeros((0, x.shape[1]))
    for begin in range(0, x.shape[0], CHUNK):
        block = (x[begin : begin + CHUNK] - centre)[present[begin : begin + CHUNK]]
        triangle = np.linalg.qr(np.concatenate([triangle, block]), mode="r")
    dependent = dependent_columns(triangle)
    if dependent:
        raise CohortError(
            f"{_columns(dependent)} of the covariates follows from the others; drop it"
        )
    mixing = triangle / np.sqrt(present.sum())
    unmixing = np.linalg.inv(mixing)
    turned = np.empty_like(x)
    for begin in range(0, x.shape[0], CHUNK):
        turned[begin : begin + CHUNK] = (x[begin : begin + CHUNK] - centre) @ unmixing
    return centre, mixing, turned


def _check_identified(curvature: NDArray, rows: RowsAtRisk, mixing: NDArray) -> None:
    size, direction = np.linalg.eigh(curvature)
    if size[0] < 1e-10 * rows.event_weight.sum():
        raise CohortError(
            f"{_columns(_in_direction(direction[:, 0], mixing))} of the covariates does not differ "
            "between people who are at risk together on a day of an event, so its hazard ratio "
            "cannot be known; drop it, or stratify less finely"
        )


def _infinite(beta: NDArray, mixing: NDArray) -> CohortError:
    return CohortError(
        f"the hazard ratio of {_columns(_in_direction(beta, mixing))} of the covariates is "
        "infinite or zero: on every day of an event it tells who has it; drop the covariate or "
        "merge its categories"
    )


def _in_direction(direction: NDArray, mixing: NDArray) -> NDArray:
    """Columns of the caller that a direction of the turned covariates is about."""
    spread = np.sqrt((mixing**2).sum(axis=0))
    part = np.abs(np.linalg.solve(mixing, direction) * spread)
    return np.flatnonzero(part > part.max() / 2)


def _columns(places: ArrayLike) -> str:
    return f"column {' and '.join(str(place) for place in places)} (from 0)"
