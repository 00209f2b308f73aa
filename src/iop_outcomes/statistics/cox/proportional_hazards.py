r"""Do hazard ratios stay the same over time? The score test of proportional hazards.

Each covariate gets a companion x g(t), g a transformation of time, and the test asks at the fitted
model whether the companions' coefficients are 0. With the risk sets' covariances V(t):

.. math:: U = \sum g\,(x - \bar x), \qquad
          W = \sum g^2 V - \sum g V \big(\sum V\big)^{-1} \sum g V, \qquad \chi^2 = U^\top W^{-1} U
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.cox import score as cox_score
from iop_outcomes.statistics.cox.regression import CoxFit
from iop_outcomes.statistics.cox.risk_sets import RowsAtRisk
from iop_outcomes.statistics.cox.variance import Sandwich


class TimeTransform(StrEnum):
    """How time is counted as hazard ratios may change with it."""

    KM = "km"  # one minus Kaplan-Meier just before the day: late, thin risk sets count less
    IDENTITY = "identity"
    RANK = "rank"  # of the day among the last days of all rows, ties the mean of theirs
    LOG = "log"


@dataclass(frozen=True)
class ProportionalHazards:
    """Tests that hazard ratios do not change with time.

    Attributes
    ----------
    statistic, degrees, p_value
        Chi-squared test of each term. Shape (terms,).
    overall_statistic, overall_degrees, overall_p_value
        Of all columns together.
    """

    statistic: NDArray
    degrees: NDArray
    p_value: NDArray
    overall_statistic: float
    overall_degrees: int
    overall_p_value: float


def proportional_hazards_test(
    fit: CoxFit,
    transform: TimeTransform = TimeTransform.KM,
    *,
    terms: Sequence[Sequence[int]] | None = None,
    sandwich: Sandwich | None = None,
) -> ProportionalHazards:
    """Score test of proportional hazards, for each term and overall.

    Parameters
    ----------
    transform
        Time's transformation g. Kaplan-Meier's and the ranks are of all strata together, and
        unweighted. Of these transformations only the ranks change where rows are cut in two.
    terms
        Columns of each term, such as the indicators of one factor; each column its own term if
        absent.
    sandwich
        Give it (`Sandwich()` will do) where weights are not counts of people: the variance of the
        score is then its robust one. If absent, the model's information is taken, and weights
        of twice the size give twice the statistic.

    Raises
    ------
    CohortError
        All events fall on one day; day 0 has no logarithm.

    References
    ----------
    Grambsch & Therneau (1994), Biometrika 81:515-526; with the risk sets' own covariances instead
    of their mean, as R's survival since 3.0. Robust: Lin & Wei (1989), Journal of the American
    Statistical Association 84:1074-1078.
    """
    rows, sums = fit.rows, fit.sums
    g = _transformed_time(rows, transform)
    plain, crossed = (cox_score.information(rows, sums, factor) for factor in (None, g))
    projection = np.linalg.solve(plain, crossed)
    u = score = cox_score.score(rows, sums, g) @ fit.mixing
    if sandwich is None:
        variance = cox_score.information(rows, sums, g**2) - crossed @ projection
        variance = fit.mixing.T @ variance @ fit.mixing
    else:
        residuals = cox_score.score_residuals(rows, sums, g)
        residuals -= cox_score.score_residuals(rows, sums) @ projection
        variance = sandwich.covariance(rows.restore(residuals) @ fit.mixing, fit.weight)
    blocks = [[column] for column in range(score.size)] if terms is None else list(terms)
    statistic = np.array([_wald(u[list(b)], variance[np.ix_(b, b)]) for b in blocks])
    degrees = np.array([len(block) for block in blocks])
    overall = _wald(u, variance)
    return ProportionalHazards(
        statistic=statistic,
        degrees=degrees,
        p_value=stats.chi2.sf(statistic, degrees),
        overall_statistic=overall,
        overall_degrees=score.size,
        overall_p_value=float(stats.chi2.sf(overall, score.size)),
    )


def _wald(u: NDArray, variance: NDArray) -> float:
    size = np.sqrt(np.diag(variance))
    scaled = u / size  # units must not decide what is invertible
    return float(scaled @ np.linalg.solve(variance / np.outer(size, size), scaled))


def _transformed_time(rows: RowsAtRisk, transform: TimeTransform) -> NDArray:
    """The transformation at each risk set, centred on the mean event. Shape (sets,)."""
    distinct, place = np.unique(rows.day, return_inverse=True)
    if distinct.size == 1:
        raise CohortError(
            "all events fall on one day, so hazard ratios cannot be seen to change with time"
        )
    if transform == TimeTransform.LOG and distinct[0] <= 0:
        raise CohortError("an event on day 0 has no logarithm; choose another transformation")
    events = np.bincount(place, rows.events)
    if transform == TimeTransform.IDENTITY:
        g = distinct
    elif transform == TimeTransform.LOG:
        g = np.log(distinct)
    elif transform == TimeTransform.RANK:
        ends = np.sort(rows.end[rows.restore(rows.weight) > 0])
        g = (np.searchsorted(ends, distinct) + np.searchsorted(ends, distinct, "right") + 1) / 2
    else:
        g = 1 - _event_free_before(rows, distinct, events)
    return (g - np.average(g, weights=events))[place]


def _event_free_before(rows: RowsAtRisk, day: NDArray, events: NDArray) -> NDArray:
    """Kaplan-Meier just before each distinct day of an event, people counted as one each."""
    people = rows.restore(rows.weight) > 0
    at_risk = people.sum() - np.searchsorted(np.sort(rows.end[people]), day)
    if rows.entry is not None:  # at risk from the day after entry
        at_risk -= people.sum() - np.searchsorted(np.sort(rows.entry[people]), day)
    return np.concatenate([[1.0], np.cumprod(1 - events / at_risk)[:-1]])
