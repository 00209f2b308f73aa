"""Standard errors of matching with replacement: Abadie & Imbens 2006 and, for a score, 2016."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.matching.matched_sets import Matching
from iop_outcomes.statistics.matching.nearest_neighbour import nearest_neighbour_matching
from iop_outcomes.vocabulary import Estimand


def abadie_imbens_error(
    outcome: ArrayLike,
    treated: ArrayLike,
    distance: ArrayLike,
    matching: Matching,
    *,
    stratum: ArrayLike | None = None,
    neighbours: int = 1,
) -> float:
    r"""Standard error of a difference in means after matching with replacement.

    With :math:`\hat Y_i` the mean outcome of the donors of focal person i, :math:`\omega_j` the sum
    of 1/k over the sets of donor j, and N focal persons matched,

    .. math:: N^2 V = \sum_i (Y_i - \hat Y_i - \hat\tau)^2
        + \sum_j \Bigl(\omega_j^2 - \sum_{s \ni j} k_s^{-2}\Bigr) \hat\sigma_j^2,

    where :math:`\hat\sigma_j^2` is the sample variance among the donor and the nearest people of
    their own arm (with one neighbour that of Abadie & Imbens 2006, with more that of R's
    `Matching`). The distance is taken as known; for an estimated propensity use
    `abadie_imbens_propensity_error`. A bootstrap is not valid here (Abadie & Imbens 2008).

    Parameters
    ----------
    outcome
        A value, or 0 and 1 for a risk. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    distance
        What was matched on. Shape (n,).
    matching
        Sets made by `nearest_neighbour_matching` with replacement.
    stratum
        Exact strata within which it was made. Shape (n,).
    neighbours
        People of the own arm whose outcomes show the spread around a donor. Of people equally far
        those who stand next in the order of distance and row count.

    Raises
    ------
    CohortError
        An outcome is missing, or a donor who is used twice has too few neighbours.
    ProtocolError
        The matching was without replacement.

    References
    ----------
    Abadie & Imbens (2006), Econometrica 74:235-267 (fixed k; sets of varying k by the same
    argument). Abadie & Imbens (2008), Econometrica 76:1537-1557.

    Examples
    --------
    Differences 1 and 0 within sets; the donor used twice is 1 away from its own neighbour:
    (0.5 + 2 * 0.5) / 4.

    >>> treated, distance = [True, True, False, False], [0.5, 0.6, 0.55, 0.1]
    >>> found = nearest_neighbour_matching(treated, distance, replacement=True)
    >>> error = abadie_imbens_error([1, 0, 0, 1], treated, distance, found)
    >>> round(error**2, 6)
    0.375
    """
    sets = _focal_sets(outcome, matching)
    own = sets.difference - sets.difference.mean()
    again = np.bincount(sets.donor, sets.share) ** 2 - np.bincount(sets.donor, sets.share**2)
    reused = np.flatnonzero(again > 1e-12)
    spread = _spread(
        np.asarray(outcome, float),
        reused,
        _own_arm(np.asarray(treated, bool), np.asarray(distance, float), stratum),
        neighbours,
    )
    return float(np.sqrt(np.sum(own**2) + again[reused] @ spread) / own.size)


def abadie_imbens_propensity_error(
    outcome: ArrayLike,
    treated: ArrayLike,
    propensity: ArrayLike,
    design: ArrayLike,
    matching: Matching,
    *,
    neighbours: int = 1,
    local: int = 2,
) -> float:
    r"""The same, where the propensity that was matched on is a fitted logistic regression.

    With V the covariance of its coefficients and F the fitted propensity of the focal arm,

    .. math:: V_{2016} = V_{2006} - (d + e)^\top V (d + e) + d^\top V d,

    where d is the derivative of the effect by the coefficients and e the mean over focal persons
    of the covariance of covariates and outcome among donors of like propensity.
    Abadie & Imbens estimate d by matching on all covariates; here it is
    :math:`N^{-1}\sum_i x_i\{(1 - F_i) W_i Y_i - F_i (1 - W_i) Y_i - F_i(1 - F_i)\hat\tau\}`, which
    has the same limit and needs no second matching.

    Parameters
    ----------
    outcome, treated, matching, neighbours
        As in `abadie_imbens_error`; no caliper may have left anyone out and no strata be used.
    propensity
        Fitted probabilities; people were matched on them or on their logit. Shape (n,).
    design
        Columns of the propensity model, the intercept among them. Shape (n, columns).
    local
        Donors nearest to a focal person, at least 2, whose outcomes and covariates show e.

    Raises
    ------
    CohortError
        Someone of the focal arm is unmatched or was set aside; an outcome is missing; or the sample
        is too small for the correction.
    ProtocolError
        The matching was without replacement, or `local` is below 2.

    References
    ----------
    Abadie & Imbens (2016), Econometrica 84:781-807.

    Examples
    --------
    >>> from iop_outcomes.statistics.weighting.propensity import fit_propensity
    >>> x = np.arange(12.0)
    >>> treated = np.isin(x, [2, 4, 5, 8, 10, 11])
    >>> design = np.column_stack([np.ones(12), x])
    >>> propensity = fit_propensity(treated, design).probability
    >>> found = nearest_neighbour_matching(treated, propensity, replacement=True)
    >>> error = abadie_imbens_propensity_error(x + treated, treated, propensity, design, found)
    >>> plain = abadie_imbens_error(x + treated, treated, propensity, found)
    >>> round(plain, 3), round(error, 3)
    (0.736, 0.511)
    """
    outcome, treated = np.asarray(outcome, float), np.asarray(treated, bool)
    propensity, design = np.asarray(propensity, float), np.asarray(design, float)
    if local < 2:
        raise ProtocolError("a local covariance needs 2 donors or more")
    plain = abadie_imbens_error(outcome, treated, propensity, matching, neighbours=neighbours)
    focal = treated == (matching.estimand is Estimand.ATT)
    size = np.unique(matching.pair_set).size
    left_out = int(focal.sum()) - size
    if left_out or matching.discarded_treated or matching.discarded_control:
        raise CohortError(
            "the error for an estimated propensity holds only when everyone of the focal arm is "
            f"matched and nobody was set aside, and {left_out} people have no match; match without "
            "a caliper and discard nobody"
        )
    if np.isnan(outcome).any():
        raise CohortError(
            f"the outcome of {int(np.isnan(outcome).sum())} people is missing; leave them out "
            "before the propensity is fitted"
        )
    f = propensity if matching.estimand is Estimand.ATT else 1 - propensity
    x = np.linalg.qr(design).Q  # neither units nor origins of the covariates can matter
    effect = _focal_sets(outcome, matching).difference.mean()
    d = x.T @ (np.where(focal, 1 - f, -f) * outcome - f * (1 - f) * effect) / size
    e = _local_covariance(outcome, treated, propensity, matching.estimand, x, local) / size
    covariance = np.linalg.inv((x * (f * (1 - f))[:, None]).T @ x)
    variance = plain**2 - (d + e) @ covariance @ (d + e) + d @ covariance @ d
    if not variance > 0:
        raise CohortError(
            "the correction for the estimated propensity is larger than the variance itself: the "
            "sample is too small for it; use fewer covariates, or weighting"
        )
    return float(np.sqrt(variance))


@dataclass(frozen=True)
class _FocalSets:
    """Difference of each focal person from their donors, and the donors' shares in the sets."""

    difference: NDArray
    donor: NDArray
    share: NDArray


def _focal_sets(outcome: ArrayLike, matching: Matching) -> _FocalSets:
    if matching.matched_set is not None:
        raise ProtocolError(
            "the Abadie-Imbens error is for matching with replacement; without it use the "
            "cluster-robust error"
        )
    outcome = np.asarray(outcome, float)
    focal, donor = matching.treated, matching.control
    if matching.estimand is Estimand.ATC:
        focal, donor = donor, focal
    share = 1 / np.bincount(matching.pair_set)[matching.pair_set]
    within = outcome[focal] - outcome[donor]
    if np.isnan(within).any():
        raise CohortError(
            "the outcome of some matched people is missing; weight for their censoring or leave "
            "them out before matching"
        )
    return _FocalSets(np.bincount(matching.pair_set, share * within), donor, share)


@dataclass(frozen=True)
class _OwnArm:
    """Everyone in line by stratum and arm, and by distance within; `group` says which is which."""

    line: NDArray
    place: NDArray
    group: NDArray
    distance: NDArray


def _own_arm(treated: NDArray, distance: NDArray, stratum: ArrayLike | None) -> _OwnArm:
    stratum = np.zeros(treated.size, int) if stratum is None else np.asarray(stratum)
    group = 2 * np.unique(stratum, return_inverse=True)[1] + treated
    line = np.lexsort((distance, group))
    place = np.empty(line.size, int)
    place[line] = np.arange(line.size)
    return _OwnArm(line, place, group, distance)


def _spread(outcome: NDArray, rows: NDArray, arm: _OwnArm, neighbours: int) -> NDArray:
    """Sample variance among each row's outcome and those of its nearest neighbours."""
    if neighbours < 1:
        raise ProtocolError("the spread around a donor needs 1 neighbour or more")
    at = arm.place[rows][:, None] + np.r_[-neighbours:0, 1 : neighbours + 1]
    near = arm.line[np.clip(at, 0, arm.line.size - 1)]
    allowed = (at >= 0) & (at < arm.line.size) & (arm.group[near] == arm.group[rows][:, None])
    if rows.size and allowed.sum(axis=1).min() < neighbours:
        raise CohortError(
            f"somebody who is matched more than once has fewer than {neighbours} others of their "
            "arm and stratum; use fewer strata or fewer neighbours"
        )
    apart = np.where(allowed, np.abs(arm.distance[near] - arm.distance[rows][:, None]), np.inf)
    order = np.lexsort((-near, apart), axis=1)[:, :neighbours]
    around = outcome[np.take_along_axis(near, order, axis=1)]
    return np.column_stack([outcome[rows], around]).var(axis=1, ddof=1)


def _local_covariance(
    outcome: NDArray, treated: NDArray, propensity: NDArray, estimand: Estimand, x: NDArray,
    local: int,
) -> NDArray:  # fmt: skip
    """Sum over focal persons of the covariance of x and outcome among their nearest donors."""
    found = nearest_neighbour_matching(treated, propensity, estimand, ratio=local, replacement=True)
    donor = found.control if estimand is Estimand.ATT else found.treated
    donor = donor.reshape(-1, local)  # everyone finds `local` donors: there is no caliper
    deviation = outcome[donor] - outcome[donor].mean(axis=1, keepdims=True)
    # The sum of (x - mean x)(y - mean y) is that of x (y - mean y).
    return np.einsum("sl,slk->k", deviation, x[donor]) / (local - 1)
