r"""Score, information and score residuals of Cox's likelihood, each day counted by a factor.

With a factor g of one, these are the derivatives of the log partial likelihood. With g(t), they are
those for the interaction of the covariates with g(t), which is what a test of proportional hazards
asks about.
"""

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.statistics.cox.risk_sets import CHUNK, HazardSums, RowsAtRisk


def score(rows: RowsAtRisk, sums: HazardSums, factor: NDArray | None = None) -> NDArray:
    """First derivative: weighted covariates of events less their means at risk. Shape (columns,).

    Parameters
    ----------
    factor
        How much each risk set counts; all alike if absent. Shape (sets,).
    """
    excess = rows.event_covariates - rows.event_weight[:, None] * sums.mean
    return excess.sum(axis=0) if factor is None else factor @ excess


def information(rows: RowsAtRisk, sums: HazardSums, factor: NDArray | None = None) -> NDArray:
    """Minus the second derivative: covariances at risk, by term. Shape (columns, columns).

    Parameters
    ----------
    factor
        How much each risk set counts; all alike if absent. Shape (sets,).
    """
    each = np.ones_like(sums.hazard) if factor is None else factor
    expected = rows.weight * expected_events(rows, sums, factor)
    squares = np.zeros((rows.covariates.shape[1],) * 2)
    for chunk in _chunks(rows):
        x = rows.covariates[chunk]
        squares += (x * expected[chunk, None]).T @ x
    means = sums.at_risk.T @ (sums.mean_hazard * each[:, None])
    means -= sums.failing.T @ (sums.mean_spared * each[:, None])
    return squares - means


def expected_events(rows: RowsAtRisk, sums: HazardSums, factor: NDArray | None = None) -> NDArray:
    """Hazard that each sorted row met while at risk; tied events meet part of theirs. Shape (n,).

    Parameters
    ----------
    factor
        How much each risk set counts; all alike if absent. Shape (sets,).
    """
    hazard, spared = _times(sums.hazard, factor), _times(sums.spared, factor)
    met = rows.over_days_at_risk(rows.from_first_day(hazard))
    failed = rows.failed
    met[failed] -= spared[rows.past[failed] - 1]
    return sums.risk * met


def score_residuals(rows: RowsAtRisk, sums: HazardSums, factor: NDArray | None = None) -> NDArray:
    r"""Derivative of the score by each sorted row's weight. Shape (n, columns).

    .. math:: \delta_i (x_i - \bar x(t_i)) - \int (x_i - \bar x(t)) e^{\eta_i} \, d\hat\Lambda(t)

    the integral over the days on which the row was at risk.

    Parameters
    ----------
    factor
        How much each risk set counts; all alike if absent. Shape (sets,).

    References
    ----------
    Lin & Wei (1989), Journal of the American Statistical Association 84:1074-1078; with weights
    Binder (1992), Biometrika 79:139-147.
    """
    expected = expected_events(rows, sums, factor)
    mean_hazard = rows.from_first_day(_times(sums.mean_hazard, factor))
    mean_spared = _times(sums.mean_spared, factor)
    each = np.ones_like(sums.hazard) if factor is None else factor
    residuals = np.empty_like(rows.covariates)
    for chunk in _chunks(rows):
        x, out = rows.covariates[chunk], residuals[chunk]
        met = rows.over_days_at_risk(mean_hazard, chunk)
        failed = np.flatnonzero(rows.event[chunk])
        place = rows.past[chunk][failed] - 1
        met[failed] -= mean_spared[place]
        out[:] = sums.risk[chunk, None] * met - x * expected[chunk, None]
        out[failed] += (x[failed] - sums.mean[place]) * each[place, None]
    return residuals


def _times(values: NDArray, factor: NDArray | None) -> NDArray:
    if factor is None:
        return values
    return values * (factor if values.ndim == 1 else factor[:, None])


def _chunks(rows: RowsAtRisk) -> list[slice]:
    size = rows.weight.size
    return [slice(start, min(start + CHUNK, size)) for start in range(0, size, CHUNK)]
