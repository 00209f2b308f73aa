r"""Log-rank tests: do two or more groups have the same hazard on every day?

On each day the events are compared with what the groups' shares at risk let expect:

.. math:: O_g - E_g = \sum_t d_g - d \, n_g / n, \qquad
   V_{gh} = \sum_t d \, \frac{n-d}{n-1} \, \frac{n_g}{n} \Big(1[g=h] - \frac{n_h}{n}\Big)
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.cox import score as cox_score
from iop_outcomes.statistics.cox.risk_sets import RowsAtRisk, Ties, hazard_sums, sort_into_risk_sets
from iop_outcomes.statistics.cox.rows import survival_rows
from iop_outcomes.statistics.cox.variance import Sandwich


@dataclass(frozen=True)
class LogRank:
    """A log-rank test.

    Attributes
    ----------
    group
        Labels. Shape (groups,).
    observed, expected
        Events, weighted if the test is, and what they would be with one hazard. Shape (groups,).
    covariance
        Of observed - expected. Shape (groups, groups).
    statistic, degrees, p_value
        Chi-squared; one degree less than there are groups that meet, which they do where both are
        at risk on a day of an event.
    """

    group: NDArray
    observed: NDArray
    expected: NDArray
    covariance: NDArray
    statistic: float
    degrees: int
    p_value: float


def log_rank(
    day: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
) -> LogRank:
    """Log-rank test of people who count as one each, with the hypergeometric variance.

    Parameters
    ----------
    day, event, entry, stratum
        As in `cox.fit_cox`. Shape (n,).
    group
        Any labels, at least two. Shape (n,).

    Raises
    ------
    CohortError
        There is one group; nobody has the event; no two groups ever meet.

    References
    ----------
    Mantel (1966), Cancer Chemotherapy Reports 50:163-170; Peto & Peto (1972), Journal of the Royal
    Statistical Society A 135:185-207. It is `survdiff(rho = 0)` of R's survival.

    Examples
    --------
    One of two in each group falls out on day 1 from a, on day 2 from b: of a, 2/4 + 1/3 expected.

    >>> test = log_rank([1, 3, 2, 4], [1, 0, 1, 0], ["a", "a", "b", "b"])
    >>> test.observed, test.expected.round(6)
    (array([1., 1.]), array([0.833333, 1.166667]))
    """
    labels, rows = _grouped(day, event, group, entry=entry, stratum=stratum, weight=None)
    sums = hazard_sums(rows, np.zeros(labels.size))
    at_risk, events = sums.at_risk, rows.event_weight
    size = at_risk.sum(axis=1)
    shares = at_risk / size[:, None]
    # The last person at risk has no variance: 0/1, not 0/0.
    spread = events * (size - events) / np.maximum(size - 1, 1)
    covariance = np.diag(spread @ shares) - (shares * spread[:, None]).T @ shares
    return _tested(labels, rows, events @ shares, covariance)


def weighted_log_rank(
    day: ArrayLike,
    event: ArrayLike,
    group: ArrayLike,
    *,
    weight: ArrayLike,
    entry: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    sandwich: Sandwich | None = None,
) -> LogRank:
    """Log-rank test of weighted groups: the robust score test of a weighted Cox model.

    The usual variance takes weights for counts of people. This one is the sum of the people's
    squared score residuals at equal hazards, so only ratios of weights matter.

    Parameters
    ----------
    weight
        Balancing weights, >= 0. Shape (n,).
    sandwich
        Rows of one person, clusters, and weights that were estimated.
    day, event, group, entry, stratum
        As in `log_rank`. Shape (n,).

    References
    ----------
    Lin & Wei (1989), Journal of the American Statistical Association 84:1074-1078; Xie & Liu
    (2005), Statistics in Medicine 24:3089-3110, give the weighted test with another variance.
    """
    labels, rows = _grouped(day, event, group, entry=entry, stratum=stratum, weight=weight)
    sums = hazard_sums(rows, np.zeros(labels.size))
    residuals = rows.restore(cox_score.score_residuals(rows, sums))
    own = rows.restore(rows.weight)
    covariance = (sandwich or Sandwich()).covariance(residuals, own)
    return _tested(labels, rows, rows.event_weight @ sums.mean, covariance)


def _grouped(
    day: ArrayLike, event: ArrayLike, group: ArrayLike, **others: ArrayLike | None
) -> tuple[NDArray, RowsAtRisk]:
    labels, member = np.unique(np.asarray(group), return_inverse=True)
    if labels.size < 2:
        raise CohortError("a log-rank test needs two groups at least")
    indicators = (member[:, None] == np.arange(labels.size)).astype(float)
    given = survival_rows(day, event, indicators, **others)
    return labels, sort_into_risk_sets(given, Ties.BRESLOW)


def _tested(labels: NDArray, rows: RowsAtRisk, expected: NDArray, covariance: NDArray) -> LogRank:
    observed = rows.event_covariates.sum(axis=0)
    size = np.sqrt(np.diag(covariance))
    met = size > 1e-6 * size.max()
    if not met.any():
        raise CohortError(
            "on no day of an event are people of two groups at risk of whom some have it and some "
            "do not, so the groups cannot be compared"
        )
    deviation = ((observed - expected) / np.where(met, size, 1.0))[met]
    # The deviations of groups that meet sum to zero: as many directions are empty.
    spread, direction = np.linalg.eigh(
        (covariance / np.outer(size, size).clip(1e-300))[met][:, met]
    )
    kept = spread > 1e-9
    statistic = float(np.sum((direction.T @ deviation)[kept] ** 2 / spread[kept]))
    degrees = int(kept.sum())
    return LogRank(
        group=labels,
        observed=observed,
        expected=expected,
        covariance=covariance,
        statistic=statistic,
        degrees=degrees,
        p_value=float(stats.chi2.sf(statistic, degrees)),
    )
