r"""Who is at risk together on the days of events, and sums over them at given coefficients.

A risk set belongs to one stratum and one day on which somebody in it has the event. A row is at
risk in a run of consecutive risk sets: those after its entry up to and including its last day. So
every sum over risk sets is a running sum over the *distinct* days, whatever the number of rows.

Tied events enter through terms. Breslow's likelihood has one term per risk set; Efron's has one per
event, the l-th of d tied events (from 0) facing a risk set from which the share l/d of each of
the d is already gone:

.. math:: S_0 - \tfrac{l}{d} D_0, \qquad S_0 = \sum_{at\ risk} w_i e^{\eta_i}, \quad
          D_0 = \sum_{events} w_i e^{\eta_i}

References
----------
Efron (1977), Journal of the American Statistical Association 72:557-565; Breslow (1974),
Biometrics 30:89-99; weights as Binder (1992), Biometrika 79:139-147, who sums over Breslow's
terms; a tied event's share of the weights of its day is their mean (Therneau & Grambsch 2000,
Modeling Survival Data, section 3.3).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.statistics.cox.rows import SurvivalRows

CHUNK = 1 << 16  # rows per matrix product: bounds the copies without slowing the arithmetic


class Ties(StrEnum):
    """How the likelihood counts events that share a day."""

    EFRON = "efron"
    BRESLOW = "breslow"


@dataclass(frozen=True)
class RowsAtRisk:
    """Rows sorted by the last risk set they belong to, and the risk sets.

    Attributes
    ----------
    order
        Where each sorted row stands in the caller's arrays. Shape (n,).
    covariates, weight, offset, event
        Sorted rows; `event` only where the weight is positive. Shapes (n, columns) and (n,).
    first, past
        A row is at risk in the sets first, ..., past - 1. Shape (n,).
    end, entry
        As the caller gave them and in the caller's order. Shape (n,).
    stratum, day, events
        Of each risk set, by stratum and day; strata as codes; unweighted number of events.
        Shape (sets,).
    event_weight, event_covariates
        Sums over each set's events: of the weights, and of the weighted covariates.
        Shapes (sets,) and (sets, columns).
    leaving, failing
        Sparse (sets, n): +1 in the last set of a row and -1 in the one before its first; 1 in
        the set in which it has the event.
    term, gone, share
        Set of each term of the likelihood; part of the tied events gone; part of the day's event
        weight it counts. Ascending by set. Shape (terms,).
    """

    order: NDArray
    covariates: NDArray
    weight: NDArray
    offset: NDArray
    event: NDArray
    first: NDArray
    past: NDArray
    end: NDArray
    entry: NDArray | None
    stratum: NDArray
    day: NDArray
    events: NDArray
    event_weight: NDArray
    event_covariates: NDArray
    leaving: Any
    failing: Any
    term: NDArray
    gone: NDArray
    share: NDArray

    @property
    def failed(self) -> NDArray:
        """Sorted positions of the rows with an event. Shape (events,)."""
        return np.flatnonzero(self.event)

    def restore(self, values: NDArray) -> NDArray:
        """The same values in the order of the caller's rows."""
        restored = np.empty_like(values)
        restored[self.order] = values
        return restored

    def from_first_day(self, values: NDArray) -> NDArray:
        """Running sums of `values` over the risk sets of each stratum."""
        return _running(values, self.stratum)

    def over_days_at_risk(self, values: NDArray, rows: slice = slice(None)) -> NDArray:
        """Sum, for each row, of running sums' steps over the risk sets it belongs to.

        Parameters
        ----------
        values
            What `from_first_day` returned. Shape (sets, ...).
        rows
            Which of the sorted rows.
        """
        first, past = self.first[rows], self.past[rows]
        column = (slice(None),) + (None,) * (values.ndim - 1)
        reached = np.where((past > first)[column], values[past - 1], 0.0)
        # A row that was there from its stratum's first set on has nothing to take away.
        inside = (past > first) & (first > 0)
        inside[inside] = self.stratum[first[inside] - 1] == self.stratum[first[inside]]
        if inside.any():
            reached[inside] -= values[first[inside] - 1]
        return reached


def sort_into_risk_sets(given: SurvivalRows, ties: Ties) -> RowsAtRisk:
    """Find every row's risk sets."""
    from scipy.sparse import csr_array

    day, entry, stratum, weight = given.day, given.entry, given.stratum, given.weight
    event = given.event & (weight > 0)  # a weight of 0 is nobody, and ties with nobody
    distinct = np.unique(day[event])
    base = distinct.size + 1  # days count from 1 within a stratum, so that 0 is before them all
    reached = np.searchsorted(distinct, day, side="right")
    missed = (
        np.zeros_like(reached) if entry is None else np.searchsorted(distinct, entry, side="right")
    )
    last = stratum * base + reached
    sets, counts = np.unique(last[event], return_counts=True)
    past = np.searchsorted(sets, last, side="right")
    first = np.minimum(np.searchsorted(sets, stratum * base + missed, side="right"), past)

    order = np.argsort(past, kind="stable")
    event, first, past = event[order], first[order], past[order]
    weight, covariates = weight[order], given.covariates[order]
    of_set = sets // base
    shape = (sets.size, day.size)
    inside = past > first
    late = inside & (first > 0)
    late[late] = of_set[first[late] - 1] == of_set[first[late]]
    out, back, failed = (np.flatnonzero(who) for who in (inside, late, event))
    leaving = csr_array(
        (
            np.concatenate([np.ones(out.size), -np.ones(back.size)]),
            (np.concatenate([past[out] - 1, first[back] - 1]), np.concatenate([out, back])),
        ),
        shape=shape,
    )
    failing = csr_array((np.ones(failed.size), (past[failed] - 1, failed)), shape=shape)
    weighted = scaled(failing, weight)
    term, gone, share = _terms(counts, ties)
    return RowsAtRisk(
        order=order, covariates=covariates, weight=weight, offset=given.offset[order], event=event,
        first=first, past=past, end=day, entry=entry,
        stratum=of_set, day=distinct[sets % base - 1], events=counts,
        event_weight=weighted.sum(axis=1), event_covariates=weighted @ covariates,
        leaving=leaving, failing=failing, term=term, gone=gone, share=share,
    )  # fmt: skip


def scaled(matrix: Any, value: NDArray) -> Any:
    """The sparse `matrix` with each row of people multiplied by its `value`. Shape (sets, n)."""
    from scipy.sparse import csr_array

    data = matrix.data * value[matrix.indices]
    return csr_array((data, matrix.indices, matrix.indptr), shape=matrix.shape)


@dataclass(frozen=True)
class HazardSums:
    """Sums over the risk sets at given coefficients.

    With the terms l of a risk set, their hazards h_l = weight of the term / size of its risk set,
    the part a_l gone and the mean covariates x_l of those left:

    Attributes
    ----------
    log_likelihood
        Of the coefficients, up to nothing: no constant is left out.
    shift
        Taken from every linear predictor, so that none overflows; `hazard` carries its inverse.
    risk
        exp(linear predictor - shift) of the sorted rows. Shape (n,).
    at_risk, failing
        Weighted sums of the covariates times `risk`. Shape (sets, columns).
    hazard, spared
        Sums of h_l, and of a_l h_l, by which tied events are spared. Shape (sets,).
    mean_hazard, mean_spared
        The same, times x_l. Shape (sets, columns).
    hazard_variance
        Sum of h_l over the size of the risk set of l. Shape (sets,).
    variance_spared
        The same, times a_l. Shape (sets,).
    hazard_per_weight
        What one more unit of weight of an event adds to the hazard. Shape (sets,).
    mean
        Mean of x_l over the terms. Shape (sets, columns).
    """

    log_likelihood: float
    shift: float
    risk: NDArray
    at_risk: NDArray
    failing: NDArray
    hazard: NDArray
    spared: NDArray
    mean_hazard: NDArray
    mean_spared: NDArray
    hazard_variance: NDArray
    variance_spared: NDArray
    hazard_per_weight: NDArray
    mean: NDArray


def hazard_sums(rows: RowsAtRisk, coefficients: NDArray) -> HazardSums:
    """Sums over the risk sets at `coefficients` of the rows' covariates."""
    predictor = rows.covariates @ coefficients + rows.offset
    shift = float(predictor.max())
    risk = np.exp(predictor - shift)
    weighted = rows.weight * risk
    failing = scaled(rows.failing, weighted)
    size_failing, failing = failing.sum(axis=1), failing @ rows.covariates
    leaving = scaled(rows.leaving, weighted)
    # Rounding of entries and exits must not leave fewer at risk than have the event.
    size = np.maximum(_running_back(leaving.sum(axis=1), rows.stratum), size_failing)
    at_risk = _running_back(leaving @ rows.covariates, rows.stratum)

    gone = rows.gone
    left = size[rows.term] - gone * size_failing[rows.term]
    counted = rows.event_weight[rows.term] * rows.share
    failed = rows.event
    with np.errstate(divide="ignore", invalid="ignore"):  # infinite coefficients: told by the fit
        likelihood = np.sum(rows.weight[failed] * (predictor[failed] - shift))
        likelihood -= np.sum(counted * np.log(left))
        h = counted / left
        unit = rows.share / left
        zero, one, two = (_by_set(rows, h / left * power) for power in (1.0, gone, gone**2))
        mean, mean_gone = (_by_set(rows, unit * power) for power in (1.0, gone))
    return HazardSums(
        log_likelihood=float(likelihood),
        shift=shift,
        risk=risk,
        at_risk=at_risk,
        failing=failing,
        hazard=_by_set(rows, h),
        spared=_by_set(rows, gone * h),
        mean_hazard=zero[:, None] * at_risk - one[:, None] * failing,
        mean_spared=one[:, None] * at_risk - two[:, None] * failing,
        hazard_variance=zero,
        variance_spared=one,
        hazard_per_weight=mean,
        mean=mean[:, None] * at_risk - mean_gone[:, None] * failing,
    )


def _terms(counts: NDArray, ties: Ties) -> tuple[NDArray, NDArray, NDArray]:
    if ties == Ties.BRESLOW:
        return np.arange(counts.size), np.zeros(counts.size), np.ones(counts.size)
    term = np.repeat(np.arange(counts.size), counts)
    place = np.arange(term.size) - np.repeat(np.cumsum(counts) - counts, counts)
    return term, place / counts[term], 1 / counts[term]


def _by_set(rows: RowsAtRisk, values: NDArray) -> NDArray:
    return np.bincount(rows.term, values, minlength=rows.day.size)


def _running(values: NDArray, stratum: NDArray) -> NDArray:
    """Running sums within strata, by doubling: nothing is subtracted, so nothing cancels."""
    if stratum[0] == stratum[-1]:
        return np.cumsum(values, axis=0)
    total, reach = values.copy(), 1
    longest = np.bincount(stratum).max()
    while reach < longest:
        same = np.flatnonzero(stratum[reach:] == stratum[:-reach])
        total[same + reach] += total[same]
        reach *= 2
    return total


def _running_back(values: NDArray, stratum: NDArray) -> NDArray:
    return _running(values[::-1], stratum[::-1])[::-1]
