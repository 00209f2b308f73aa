"""Matching that makes the sum of all distances as small as it can be: pairs, and full matching."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.matching.matched_sets import Matching, matching, matching_from_sets
from iop_outcomes.statistics.matching.matching_sample import (
    Caliper,
    CaliperUnit,
    Discard,
    MatchingSample,
    matching_sample,
)
from iop_outcomes.statistics.matching.nearest_neighbour import nearest_neighbour_matching
from iop_outcomes.statistics.matching.subclassification import subclass_weights
from iop_outcomes.vocabulary import Estimand

# Each possible pair takes a few dozen bytes; beyond this many a matching needs gigabytes.
LARGEST_NUMBER_OF_POSSIBLE_PAIRS = 20_000_000


def optimal_pair_matching(
    treated: ArrayLike,
    distance: ArrayLike,
    estimand: Estimand = Estimand.ATT,
    *,
    caliper: Caliper | None = None,
    stratum: ArrayLike | None = None,
    discard: Discard = Discard.NOBODY,
) -> Matching:
    """Match one to one, without replacement, so that the sum of distances is least.

    As many people as possible are matched first; among all ways to match that many the sum of
    distances is the least. The sum is unique, and where distances tie the pairs need not be.
    Parameters and errors are those of `nearest_neighbour_matching`.

    Raises
    ------
    CohortError
        Besides the rest: there are too many possible pairs.

    References
    ----------
    Rosenbaum (1989), JASA 84:1024-1032. Crouse (2016), IEEE Transactions on Aerospace and
    Electronic Systems 52:1679-1696 (dense assignment). Jonker & Volgenant (1987), Computing
    38:325-340 (sparse assignment).

    Examples
    --------
    Greedy matching would give 0.05 + 0.3; the best is 0.1 + 0.15.

    >>> treated, distance = [True, True, False, False], [0.5, 0.3, 0.45, 0.6]
    >>> optimal_pair_matching(treated, distance).distance.round(6)
    array([0.1 , 0.15])
    """
    sample = matching_sample(treated, distance, estimand, caliper, stratum, discard)
    solve = _assign_all if np.isinf(sample.caliper_width) else _assign_within_caliper
    found = [
        solve(sample, sample.focal[focal], sample.donors[donors])
        for focal, donors in _strata(sample)
    ]
    return matching(sample, np.concatenate([*found, np.empty((0, 2), int)]))


def full_matching(
    treated: ArrayLike,
    distance: ArrayLike,
    estimand: Estimand = Estimand.ATT,
    *,
    caliper: Caliper | None = None,
    stratum: ArrayLike | None = None,
    discard: Discard = Discard.NOBODY,
) -> Matching:
    """Put everyone into sets of one treated and some controls, or one control and some treated.

    The sum of distances between the one and the others of every set is least, with no limit on
    the size of a set. It is a minimum-weight edge cover, which a maximum-weight matching gives:
    everyone starts with their own nearest person, and a pair is worth making when it costs less
    than the two nearest it replaces. Whoever has nobody within the caliper stays unmatched. Where
    distances tie the sum is unique and the sets need not be.

    Parameters
    ----------
    estimand
        ATT, ATC or ATE: whom the weights of the sets average over. The sets do not depend on it.

    Raises
    ------
    CohortError
        As `nearest_neighbour_matching`; or there are too many possible pairs.

    References
    ----------
    Rosenbaum (1991), JRSS B 53:597-610. Hansen (2004), JASA 99:609-618. Schrijver (2003),
    Combinatorial Optimization, chapters 19 and 27 (edge covers from matchings).

    Examples
    --------
    >>> found = full_matching([True, True, False, False, False], [0.2, 0.7, 0.1, 0.3, 0.6])
    >>> found.matched_set
    array([0, 1, 0, 0, 1])
    >>> found.distance.sum().round(6)
    np.float64(0.3)
    """
    if estimand not in (Estimand.ATE, Estimand.ATT, Estimand.ATC):
        raise ProtocolError(
            f"full matching cannot average over the {estimand} population; ask for the ATE, the "
            "ATT or the ATC"
        )
    sample = matching_sample(treated, distance, Estimand.ATT, caliper, stratum, discard)
    within = None
    if np.isfinite(sample.caliper_width):
        within = Caliper(sample.caliper_width, CaliperUnit.DISTANCE)
    nearest = np.full(sample.treated.size, -1)
    for arm in (Estimand.ATT, Estimand.ATC):
        found = nearest_neighbour_matching(
            treated, distance, arm, replacement=True, caliper=within, stratum=stratum,
            discard=discard,
        )  # fmt: skip
        seeker, chosen = found.treated, found.control
        if arm is Estimand.ATC:
            seeker, chosen = chosen, seeker
        nearest[seeker] = chosen
    edges = _stars(_edge_cover(sample, nearest), sample.distance)
    matched_set = _components(edges, sample.treated.size)
    weight = subclass_weights(sample.treated, matched_set, estimand)
    return matching_from_sets(sample, edges, matched_set, weight, estimand)


def _strata(sample: MatchingSample) -> list[tuple[NDArray, NDArray]]:
    """Positions of focal persons and of donors, stratum by stratum, where both are."""
    groups = []
    for rows in (sample.focal, sample.donors):
        number = sample.stratum[rows]
        order = np.argsort(number, kind="stable")
        labels, start = np.unique(number[order], return_index=True)
        groups.append(dict(zip(labels.tolist(), np.split(order, start[1:]), strict=True)))
    focal, donors = groups
    return [(focal[label], donors[label]) for label in focal if label in donors]


def _few_enough(pairs: int) -> None:
    if pairs > LARGEST_NUMBER_OF_POSSIBLE_PAIRS:
        raise CohortError(
            f"optimal matching would weigh {pairs} possible pairs and allows "
            f"{LARGEST_NUMBER_OF_POSSIBLE_PAIRS}; add exact strata, narrow the caliper or match "
            "nearest neighbours"
        )


def _assign_all(sample: MatchingSample, focal: NDArray, donors: NDArray) -> NDArray:
    from scipy.optimize import linear_sum_assignment

    _few_enough(focal.size * donors.size)
    x = sample.distance
    row, column = linear_sum_assignment(np.abs(x[focal][:, None] - x[donors]))
    return np.column_stack([focal[row], donors[column]])


def _assign_within_caliper(sample: MatchingSample, focal: NDArray, donors: NDArray) -> NDArray:
    x, width = sample.distance, sample.caliper_width
    row, column = _within(x[focal], x[donors], np.full(focal.size, width))
    apart = np.abs(x[focal[row]] - x[donors[column]])
    # To stay alone costs more than any rearrangement of the others could save.
    alone = 2.0 + min(focal.size, donors.size)
    # A width of 0 is that of people who all stand at one point.
    return _cheapest(focal, donors, row, column, 1 + apart / (width or 1.0), alone)


def _cheapest(
    focal: NDArray, donors: NDArray, row: NDArray, column: NDArray, cost: NDArray, alone: float
) -> NDArray:
    """Pairs, where staying alone has its price. All costs are above 0: a sparse 0 is no edge."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import min_weight_full_bipartite_matching

    seekers, row = np.unique(row, return_inverse=True)
    each = np.arange(seekers.size)
    table = csr_array(
        (
            np.append(cost, np.full(each.size, alone)),
            (np.append(row, each), np.append(column, donors.size + each)),
        ),
        shape=(each.size, donors.size + each.size),
    )
    row, column = min_weight_full_bipartite_matching(table)
    paired = column < donors.size
    return np.column_stack([focal[seekers[row[paired]]], donors[column[paired]]])


def _within(x: NDArray, others: NDArray, width: NDArray) -> tuple[NDArray, NDArray]:
    """Positions of every two that are at most a width of the first apart."""
    order = np.argsort(others, kind="stable")
    # Rounding of x - width must not lose a pair on the very edge of the caliper.
    slack = 1e-9 * (np.abs(x) + width)
    first = np.searchsorted(others[order], x - width - slack, side="left")
    count = np.searchsorted(others[order], x + width + slack, side="right") - first
    _few_enough(int(count.sum()))
    row = np.repeat(np.arange(x.size), count)
    start = np.repeat(first - np.append(0, np.cumsum(count)[:-1]), count)
    column = order[np.arange(row.size) + start]
    near = np.abs(x[row] - others[column]) <= width[row]
    return row[near], column[near]


def _edge_cover(sample: MatchingSample, nearest: NDArray) -> NDArray:
    """Pairs that cover everyone who has somebody within the caliper, at the least distance."""
    x = sample.distance
    covered = nearest >= 0
    own = np.where(covered, np.abs(x - x[nearest]), 0.0)
    made = [np.empty((0, 2), int)]
    for focal_at, donors_at in _strata(sample):
        focal, donors = sample.focal[focal_at], sample.donors[donors_at]
        focal, donors = focal[covered[focal]], donors[covered[donors]]
        if not focal.size:
            continue
        reach = np.minimum(own[focal] + own[donors].max(), sample.caliper_width)
        row, column = _within(x[focal], x[donors], reach)
        saved = own[focal[row]] + own[donors[column]]
        saved = saved - np.abs(x[focal[row]] - x[donors[column]])
        worth = saved > 0
        if worth.any():
            alone = 2 * saved.max()
            cost = alone - saved[worth]
            made.append(_cheapest(focal, donors, row[worth], column[worth], cost, alone))
    pairs = np.concatenate(made)
    rest = covered.copy()
    rest[pairs.ravel()] = False
    rest = np.flatnonzero(rest)
    swap = ~sample.treated[rest]
    own_pairs = np.column_stack([rest, nearest[rest]])
    own_pairs[swap] = own_pairs[swap][:, ::-1]
    return np.unique(np.concatenate([pairs, own_pairs]), axis=0)


def _stars(edges: NDArray, x: NDArray) -> NDArray:
    """Without pairs whose two people have others besides: ties at distance 0 leave a few."""
    degree = np.bincount(edges.ravel())
    keep = np.ones(len(edges), bool)
    doubtful = np.flatnonzero((degree[edges] > 1).all(axis=1))
    for k in doubtful[np.argsort(-np.abs(np.diff(x[edges[doubtful]], axis=1)[:, 0]))]:
        if (degree[edges[k]] > 1).all():
            keep[k] = False
            degree[edges[k]] -= 1
    return edges[keep]


def _components(edges: NDArray, n: int) -> NDArray:
    """Number of each person's set, by its first row from 0; -1 for those without. Shape (n,)."""
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    graph = csr_array((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(n, n))
    label = connected_components(graph, directed=False)[1]
    members = np.unique(edges)
    found, first, number = np.unique(label[members], return_index=True, return_inverse=True)
    rank = np.empty(found.size, int)
    rank[np.argsort(first)] = np.arange(found.size)
    matched_set = np.full(n, -1)
    matched_set[members] = rank[number]
    return matched_set
