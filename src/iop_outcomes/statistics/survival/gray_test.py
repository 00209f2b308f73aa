r"""Gray's test: do cumulative incidences of an event differ between groups, others competing?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.risk_sets import risk_sets


@dataclass(frozen=True)
class GrayTest:
    """Result of Gray's test.

    Attributes
    ----------
    statistic
        Chi-square.
    degrees_of_freedom
        Groups less one.
    p_value
        Its upper tail.
    score
        Events less those expected if subdistribution hazards were equal, by group in ascending
        order of the labels. Shape (groups,).
    covariance
        Of the scores of all groups but the last. Shape (groups - 1, groups - 1).
    """

    statistic: float
    degrees_of_freedom: int
    p_value: float
    score: NDArray
    covariance: NDArray


@dataclass(frozen=True)
class _Days:
    """Counts of one stratum by group and day. Arrays have shape (groups, days)."""

    at_risk: NDArray
    events: NDArray
    competing: NDArray
    free_before: NDArray
    free: NDArray
    without_before: NDArray


def gray_test(
    day: ArrayLike,
    cause: ArrayLike,
    group: ArrayLike,
    strata: ArrayLike | None = None,
    rho: float = 0.0,
) -> GrayTest:
    r"""Compare subdistribution hazards of the event between groups.

    Each group's event counts are set against its share of the risk set that keeps those who had a
    competing event, :math:`R_k = Y_k (1 - \hat F_{1k}(t-)) / \hat S_k(t-)`, weighted by
    :math:`(1 - \hat F_1^0(t-))^\rho`. The variance, with its correction for tied days, is Gray's.
    Strata are added up.

    Parameters
    ----------
    day
        Days from time zero to the end of follow-up, >= 0. Shape (n,).
    cause
        CENSORED, EVENT or COMPETING. Shape (n,).
    group
        Labels. Shape (n,).
    strata
        Labels; everyone is in one if absent. Shape (n,).
    rho
        0 weighs all days alike; above 0, early ones more.

    Raises
    ------
    CohortError
        There is one group only, or the scores have no variance.

    References
    ----------
    Gray (1988), Annals of Statistics 16:1141-1154.

    Examples
    --------
    Two groups with the same follow-up do not differ:

    >>> test = gray_test([1, 2, 3, 1, 2, 3], [1, 2, 0, 1, 2, 0], [0, 0, 0, 1, 1, 1])
    >>> round(test.statistic, 12), test.degrees_of_freedom
    (0.0, 1)
    """
    day, cause = np.asarray(day, float), np.asarray(cause)
    label, member = np.unique(np.asarray(group), return_inverse=True)
    if label.size < 2:
        raise CohortError("there is one group only, so there is nothing to compare it with")
    stratum = np.zeros(day.size) if strata is None else np.asarray(strata)
    score, covariance = np.zeros(label.size), np.zeros((label.size, label.size))
    for one in np.unique(stratum):
        mine = stratum == one
        days = _days(day[mine], cause[mine], member[mine], label.size)
        part, spread = _score(days, rho)
        score, covariance = score + part, covariance + spread
    kept = covariance[:-1, :-1]
    if np.linalg.matrix_rank(kept) < label.size - 1:
        raise CohortError(
            "the groups' events cannot be compared: a group has no event or nobody else is at risk "
            "on its days; merge groups"
        )
    statistic = float(score[:-1] @ np.linalg.solve(kept, score[:-1]))
    freedom = label.size - 1
    return GrayTest(statistic, freedom, float(stats.chi2.sf(statistic, freedom)), score, kept)


def _days(day: NDArray, cause: NDArray, member: NDArray, groups: int) -> _Days:
    """Counts of every group on the days of all."""
    whole = risk_sets(day, cause)
    size = whole.day.size

    def by_group(who: NDArray) -> NDArray:
        cell = member[who] * size + whole.position[who]
        return np.bincount(cell, minlength=groups * size).reshape(groups, size).astype(float)

    leaving = by_group(np.ones(day.size, bool))
    at_risk = np.cumsum(leaving[:, ::-1], axis=1)[:, ::-1]
    events, competing = by_group(cause == 1), by_group(cause == 2)
    share = _over(1.0, at_risk)
    free = np.cumprod(1 - (events + competing) * share, axis=1)
    free_before = np.hstack([np.ones((groups, 1)), free[:, :-1]])
    incidence = np.cumsum(free_before * events * share, axis=1)
    without_before = 1 - np.hstack([np.zeros((groups, 1)), incidence[:, :-1]])
    return _Days(at_risk, events, competing, free_before, free, without_before)


def _over(top: ArrayLike, bottom: NDArray) -> NDArray:
    """A quotient that is 0 where nobody is at risk."""
    return np.divide(top, bottom, out=np.zeros(bottom.shape), where=bottom > 1e-12)


def _score(days: _Days, rho: float) -> tuple[NDArray, NDArray]:
    """Score of each group and its covariance in one stratum."""
    occurred = days.events.sum(axis=0)
    present = days.at_risk > 0
    # Risk set as if nobody had left by a competing event, over (1 - F): Y / S(t-).
    censoring = np.where(present, _over(days.at_risk, days.free_before), 0.0)
    together = censoring.sum(axis=0)
    subdistribution = censoring * days.without_before
    pooled = np.cumsum(_over(occurred, together))
    pooled_before = np.concatenate([[0.0], pooled[:-1]])
    emphasis = (1 - pooled_before) ** rho
    expected = subdistribution * _over(occurred, subdistribution.sum(axis=0))
    score = (emphasis * (days.events - expected)).sum(axis=1)
    return score, _covariance(days, occurred, censoring, pooled, pooled_before, emphasis)


def _covariance(
    days: _Days,
    occurred: NDArray,
    censoring: NDArray,
    pooled: NDArray,
    pooled_before: NDArray,
    emphasis: NDArray,
) -> NDArray:
    """Gray's (1988) variance, section 3, with the hypergeometric correction of tied days."""
    together = censoring.sum(axis=0)
    share = _over(censoring, np.broadcast_to(together, censoring.shape))
    groups = len(censoring)
    # Weight with which an event in group r on a day enters the score of group k: [k, r, day].
    direct = emphasis * censoring[:, None] * (np.eye(groups)[:, :, None] - share[None])
    hazard = _over(occurred, together * (1 - pooled_before))
    later = np.cumsum((direct * hazard)[:, :, ::-1], axis=2)[:, :, ::-1] - direct * hazard
    kept = _over(np.broadcast_to(1 - pooled, days.free.shape), days.free)
    variance = np.zeros((groups, groups))
    for r in range(groups):
        there = (days.at_risk[r] > 0) & (days.free_before[r] > 0)
        for_event = there & (occurred > 0)
        lost = np.where(days.free[r] > 1e-12, 1 - kept[r], 1.0)
        effect = direct[:, r] + lost * later[:, r]
        tied = _tie_correction(occurred, together * days.free_before[r])
        amount = tied * days.free_before[r] * _over(occurred, together * days.at_risk[r])
        amount = np.where(for_event, amount, 0.0)
        variance += (effect * amount) @ effect.T
        other = there & (days.competing[r] > 0) & (days.free[r] > 1e-12)
        effect = kept[r] * later[:, r]
        tied = _tie_correction(days.competing[r], days.at_risk[r])
        amount = tied * days.free_before[r] ** 2 * _over(days.competing[r], days.at_risk[r] ** 2)
        amount = np.where(other, amount, 0.0)
        variance += (effect * amount) @ effect.T
    return variance


def _tie_correction(count: NDArray, among: NDArray) -> NDArray:
    return 1 - np.where(count > 1, _over(count - 1, among - 1), 0.0)
