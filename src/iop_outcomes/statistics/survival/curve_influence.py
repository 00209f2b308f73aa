r"""Influence of every person on a whole curve, and the curve's variance on every day.

Between entry and exit a row's influence at day t is a combination of a few functions of t, the
same for everybody (the basis), with coefficients that depend on its entry alone; after its exit it
is another combination of them. So squares, summed over people or clusters, are sums of products of
coefficients that change only on days of entry and exit: the variance on all days costs one sorting
of the rows, and never a table of people by days.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.risk_sets import CENSORED, EVENT, RiskSets


@dataclass(frozen=True)
class CurveInfluence:
    """Influence of each row on a step curve, at every step.

    Attributes
    ----------
    day
        Days at which the curve steps. Shape (days,).
    basis
        Functions of the day. Shape (functions, days).
    entry, position
        Index of each row's first day at risk, and of its last. Shape (n,).
    inside, outside
        Coefficients of each row, its weight included, before its last day and from it on. Shape
        (functions, n).
    """

    day: NDArray
    basis: NDArray
    entry: NDArray
    position: NDArray
    inside: NDArray
    outside: NDArray

    def at(self, days: ArrayLike) -> NDArray:
        """Influence of each row on the curve's height on each of `days`. Shape (n, len(days))."""
        where = np.searchsorted(self.day, np.atleast_1d(days), side="right") - 1
        found = np.zeros((self.position.size, where.size))
        for column, j in enumerate(where):
            if j < 0:
                continue
            functions = self.basis[:, j]
            during = (self.entry <= j) & (j < self.position)
            after = self.position <= j
            found[during, column] = functions @ self.inside[:, during]
            found[after, column] = functions @ self.outside[:, after]
        return found

    def variance(
        self, person: ArrayLike | None = None, cluster: ArrayLike | None = None
    ) -> NDArray:
        """Variance of the curve at each of `day`: the infinitesimal jackknife. Shape (days,).

        Parameters
        ----------
        person
            Whose row it is, where people have several: influences are summed before they are
            squared. Shape (n,).
        cluster
            Cluster of each row. Influences are summed within clusters and the variance multiplied
            by G / (G - 1), as `estimating_equations.uncertainty` does. Shape (n,).

        Raises
        ------
        CohortError
            Everyone belongs to one cluster.
        """
        if cluster is None:
            return self._sum_of_squares(None if person is None else np.asarray(person))
        groups = np.unique(np.asarray(cluster)).size
        if groups < 2:
            raise CohortError(
                "everyone belongs to one cluster, so the spread between clusters cannot be seen; "
                "leave the cluster out"
            )
        return self._sum_of_squares(np.asarray(cluster)) * groups / (groups - 1)

    def _sum_of_squares(self, group: NDArray | None) -> NDArray:
        when, before, after = self._changes() if group is None else self._changes_within(group)
        total = np.zeros(self.day.size)
        for b in range(len(self.basis)):
            for c in range(b + 1):
                change = after[b] * after[c] - before[b] * before[c]
                product = np.bincount(when, change, minlength=self.day.size)[: self.day.size]
                twice = 1 if b == c else 2
                total += twice * self.basis[b] * self.basis[c] * np.cumsum(product)
        return np.maximum(total, 0.0)

    def _changes(self) -> tuple[NDArray, NDArray, NDArray]:
        """Each row's coefficients change at its entry and at its exit."""
        nothing = np.zeros_like(self.inside)
        return (
            np.concatenate([self.entry, self.position]),
            np.concatenate([nothing, self.inside], axis=1),
            np.concatenate([self.inside, self.outside], axis=1),
        )

    def _changes_within(self, group: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Each group's coefficients change whenever those of one of its rows do."""
        _, member = np.unique(group, return_inverse=True)
        when, before, after = self._changes()
        who = np.concatenate([member, member])
        order = np.lexsort((when, who))
        change = (after - before)[:, order]
        running = np.cumsum(change, axis=1)
        first = np.flatnonzero(np.diff(who[order], prepend=-1))
        size = np.diff(np.append(first, order.size))
        start = np.repeat(running[:, first] - change[:, first], size, axis=1)
        after = running - start
        return when[order], after - change, after


def event_free_influence(sets: RiskSets, weight: ArrayLike | None = None) -> CurveInfluence:
    """Influence on the event-free curve: on Kaplan-Meier's where no event competes.

    Unweighted and without a second row a person, its variance is Greenwood's exactly.

    Parameters
    ----------
    sets
        The risk sets.
    weight
        The weights they were counted with. Shape (n,).

    References
    ----------
    Reid (1981), Annals of Statistics 9:78-92. Therneau & Grambsch (2000), Modeling Survival Data,
    section 7.

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.risk_sets import risk_sets
    >>> event_free_influence(risk_sets([1, 2, 3, 4], [1, 1, 1, 1])).variance().tolist()
    [0.046875, 0.0625, 0.046875, 0.0]
    """
    curve, each = sets.event_free, sets.per_survivor
    expected = _from_nought(each * sets.hazard)
    entry, leaves = _entry(sets), sets.cause != CENSORED
    # Once nobody is left the curve is 0 for good, and so is every influence.
    at_exit = expected[sets.position + 1] - np.where(leaves, each[sets.position], 0.0)
    none = np.zeros(sets.position.size)
    return _weighted(
        sets,
        weight,
        basis=[curve, curve * expected[1:]],
        inside=[-expected[entry], none + 1],
        outside=[at_exit - expected[entry], none],
    )


def cumulative_hazard_influence(sets: RiskSets, weight: ArrayLike | None = None) -> CurveInfluence:
    """Influence on the Nelson-Aalen curve of leaving by any cause.

    Parameters
    ----------
    sets
        The risk sets.
    weight
        The weights they were counted with. Shape (n,).

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.risk_sets import risk_sets
    >>> cumulative_hazard_influence(risk_sets([1, 2], [1, 0])).variance().tolist()
    [0.125, 0.125]
    """
    expected = _from_nought(sets.hazard * sets.share)
    entry, leaves = _entry(sets), sets.cause != CENSORED
    jump = np.where(leaves, sets.share[sets.position], 0.0)
    none = np.zeros(sets.position.size)
    return _weighted(
        sets,
        weight,
        basis=[np.ones_like(sets.day), expected[1:]],
        inside=[expected[entry], none - 1],
        outside=[jump - expected[sets.position + 1] + expected[entry], none],
    )


def incidence_influence(sets: RiskSets, weight: ArrayLike | None = None) -> CurveInfluence:
    """Influence on the Aalen-Johansen curve of the event.

    The same numbers as `survival.incidence_derivative`, times the weight, for all days at once.

    Parameters
    ----------
    sets
        The risk sets.
    weight
        The weights they were counted with. Shape (n,).

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.risk_sets import risk_sets
    >>> incidence_influence(risk_sets([1, 2, 3, 4], [1, 2, 1, 0])).variance()[:2].tolist()
    [0.046875, 0.046875]
    """
    direct = sets.event_free_before * sets.share
    curve = np.cumsum(direct * sets.events)
    each = sets.per_survivor
    leaving = _from_nought(each * sets.hazard)
    lost = _from_nought(direct * sets.events * sets.share + curve * each * sets.hazard)
    entry, position = _entry(sets), sets.position
    has_event = np.where(sets.cause == EVENT, direct[position], 0.0)
    leaves = np.where(sets.cause != CENSORED, each[position], 0.0)
    none = np.zeros(position.size)
    return _weighted(
        sets,
        weight,
        basis=[np.ones_like(curve), curve, curve * leaving[1:] - lost[1:]],
        inside=[lost[entry], -leaving[entry], none + 1],
        outside=[
            has_event + curve[position] * leaves - lost[position + 1] + lost[entry],
            leaving[position + 1] - leaving[entry] - leaves,
            none,
        ],
    )


def _from_nought(step: NDArray) -> NDArray:
    return np.concatenate([[0.0], np.cumsum(step)])


def _entry(sets: RiskSets) -> NDArray:
    return np.zeros(sets.position.size, int) if sets.entry is None else sets.entry


def _weighted(
    sets: RiskSets,
    weight: ArrayLike | None,
    basis: list[NDArray],
    inside: list[NDArray],
    outside: list[NDArray],
) -> CurveInfluence:
    weight = np.ones(sets.position.size) if weight is None else np.asarray(weight, float)
    return CurveInfluence(
        day=sets.day,
        basis=np.array(basis),
        entry=_entry(sets),
        position=sets.position,
        inside=np.array(inside) * weight,
        outside=np.array(outside) * weight,
    )
