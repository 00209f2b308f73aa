"""Nearest-neighbour matching on a line, in memory linear in the number of people.

People stand on a line by their distance (the propensity score or its logit), stratum by stratum.
The nearest free donor of a focal person is then one of two: the first one free below and the first
one free above, found without looking at anybody who is taken (Tarjan 1975, Journal of the ACM
22:215-225).
"""

from dataclasses import dataclass
from enum import StrEnum
from heapq import heapify, heappop, heapreplace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.matching.matched_sets import Matching, matching
from iop_outcomes.statistics.matching.matching_sample import (
    Caliper,
    Discard,
    MatchingSample,
    matching_sample,
)
from iop_outcomes.vocabulary import Estimand


class MatchingOrder(StrEnum):
    """Who chooses first when nobody may be matched twice."""

    LARGEST = "largest distance first"
    SMALLEST = "smallest distance first"
    CLOSEST = "closest pair first"
    DATA = "order of the rows"


def nearest_neighbour_matching(
    treated: ArrayLike,
    distance: ArrayLike,
    estimand: Estimand = Estimand.ATT,
    *,
    ratio: int = 1,
    fixed_ratio: bool = False,
    replacement: bool = False,
    order: MatchingOrder = MatchingOrder.LARGEST,
    caliper: Caliper | None = None,
    stratum: ArrayLike | None = None,
    discard: Discard = Discard.NOBODY,
) -> Matching:
    """Greedy matching of each focal person to the nearest donors.

    The focal arm is the one whose effect is averaged: the treated for the ATT, the controls for
    the ATC. Everyone chooses one donor before anyone chooses a second.

    Ties are decided by rows, as in MatchIt 4.7. People stand in line by distance, those of equal
    distance by row. Of donors equally near, the one who stands nearer in line is chosen, and of one
    on each side the one before. Of focal persons whose turn is the same the earlier row chooses.
    Without ties the order of rows changes nothing, save for `MatchingOrder.DATA`.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    distance
        Propensity scores, or their logits: `matching_distance`. Shape (n,).
    estimand
        ATT or ATC, of those who find a match.
    ratio
        Largest number of donors in a set.
    fixed_ratio
        Dissolve the sets of fewer donors than `ratio`; their members stay unmatched. Otherwise
        the number of donors varies from 1 to `ratio`.
    replacement
        Whether a donor may belong to several sets. The order then does not matter.
    order
        Who chooses first.
    caliper
        Largest distance within a pair.
    stratum
        Pairs are made only within a stratum; any labels. Shape (n,).
    discard
        Who is set aside first.

    Raises
    ------
    CohortError
        An arm is empty, a distance is missing, there are fewer donors than `ratio`, or nobody
        finds a match.
    ProtocolError
        The estimand, the ratio or the caliper make no sense.

    References
    ----------
    Rubin (1973), Biometrics 29:159-183. Austin (2011), Pharmaceutical Statistics 10:150-161
    (calipers). Ho, Imai, King & Stuart (2011), Journal of Statistical Software 42(8).

    Examples
    --------
    >>> treated = [True, True, False, False, False]
    >>> found = nearest_neighbour_matching(treated, [0.6, 0.5, 0.55, 0.3, 0.1])
    >>> found.treated, found.control, found.distance.round(6)
    (array([0, 1]), array([2, 3]), array([0.05, 0.2 ]))
    >>> from iop_outcomes.statistics.matching.matching_sample import CaliperUnit
    >>> near = Caliper(0.1, CaliperUnit.DISTANCE)
    >>> nearest_neighbour_matching(treated, [0.6, 0.5, 0.55, 0.3, 0.1], caliper=near).weight
    array([1., 0., 1., 0., 0.])
    """
    sample = matching_sample(treated, distance, estimand, caliper, stratum, discard)
    _possible(ratio, sample.donors.size)
    line = _line(sample)
    if replacement:
        pairs = _with_replacement(line, ratio)
    elif order is MatchingOrder.CLOSEST:
        pairs = _closest_first(line, ratio)
    else:
        pairs = _in_turn(line, ratio, _turns(sample, order))
    if fixed_ratio:
        pairs = _complete_sets(pairs, ratio)
    return matching(sample, pairs, replacement)


@dataclass(frozen=True)
class _Line:
    """Donors in line by stratum, distance and row, and where each focal person stands.

    `rows` and `donor_x` are the donors' rows and distances, in line. `place` of them stand before
    a focal person; those of the focal person's stratum reach from `first` up to `last`.
    """

    rows: NDArray
    donor_x: NDArray
    focal: NDArray
    x: NDArray
    first: NDArray
    place: NDArray
    last: NDArray
    width: float


def _line(sample: MatchingSample) -> _Line:
    x, stratum = sample.distance, sample.stratum
    everyone = np.sort(np.concatenate([sample.focal, sample.donors]))
    line = everyone[np.lexsort((x[everyone], stratum[everyone]))]
    gives = np.zeros(x.size, bool)
    gives[sample.donors] = True
    before = np.empty(x.size, int)
    before[line] = np.cumsum(gives[line])
    rows, focal = line[gives[line]], sample.focal
    return _Line(
        rows=rows,
        donor_x=x[rows],
        focal=focal,
        x=x[focal],
        first=np.searchsorted(stratum[rows], stratum[focal], side="left"),
        place=before[focal],
        last=np.searchsorted(stratum[rows], stratum[focal], side="right"),
        width=sample.caliper_width,
    )


def _possible(ratio: int, donors: int) -> None:
    if ratio < 1 or ratio != int(ratio):
        raise ProtocolError(f"a matching ratio of {ratio} is not a whole number above 0")
    if ratio > donors:
        raise CohortError(
            f"a matching ratio of {ratio} asks for more people than the {donors} who can be "
            "chosen; lower the ratio"
        )


def _turns(sample: MatchingSample, order: MatchingOrder) -> NDArray:
    """Positions of focal persons in the order in which they choose."""
    sign = {MatchingOrder.LARGEST: -1, MatchingOrder.SMALLEST: 1, MatchingOrder.DATA: 0}[order]
    return np.argsort(sign * sample.distance[sample.focal], kind="stable")


class _FreeDonors:
    """Donors not yet taken. Lists, because single look-ups in arrays are several times slower."""

    def __init__(self, line: _Line):
        self.width = line.width
        self.rows, self.x = line.rows.tolist(), line.donor_x.tolist()
        # Slot k of `down` is the k-th donor from 1 on, and 0 is nobody; slot k of `up` is the k-th
        # from 0 on, and the last slot is nobody. A taken slot points on to the next candidate.
        slots = range(line.rows.size + 1)
        self.down, self.up = list(slots), list(slots)

    def nearest(self, x: float, first: int, place: int, last: int) -> tuple[float, int] | None:
        """Distance to the nearest free donor within the caliper, and its number in line."""
        low, high = _follow(self.down, place) - 1, _follow(self.up, place)
        to_low = x - self.x[low] if low >= first else np.inf
        to_high = self.x[high] - x if high < last else np.inf
        to, donor = (to_low, low) if to_low <= to_high else (to_high, high)
        return None if to > self.width or to == np.inf else (to, donor)

    def take(self, donor: int) -> int:
        """Row of a donor, who is not free from now on."""
        self.down[donor + 1] = donor
        self.up[donor] = donor + 1
        return self.rows[donor]

    def is_free(self, donor: int) -> bool:
        return self.up[donor] == donor


def _follow(pointers: list[int], slot: int) -> int:
    """The slot that pointers lead to, halving the path for those who come later."""
    while pointers[slot] != slot:
        pointers[slot] = slot = pointers[pointers[slot]]
    return slot


def _in_turn(line: _Line, ratio: int, turns: NDArray) -> NDArray:
    free = _FreeDonors(line)
    focal, donor = [], []
    for _ in range(ratio):
        served = []
        looks = (line.x, line.first, line.place, line.last, line.focal, np.arange(line.focal.size))
        for x, first, place, last, row, number in zip(
            *(part[turns].tolist() for part in looks), strict=True
        ):
            found = free.nearest(x, first, place, last)
            if found is not None:
                focal.append(row)
                donor.append(free.take(found[1]))
                served.append(number)
        turns = np.array(served, int)  # whoever found nobody now will find nobody later
    return np.array([focal, donor], int).T


def _closest_first(line: _Line, ratio: int) -> NDArray:
    """Repeatedly the closest pair of all.

    The queue may hold a donor who has been taken since. Whoever is left is farther away, so an
    outdated entry comes too early, never too late, and is then renewed.
    """
    free = _FreeDonors(line)
    looks = [part.tolist() for part in (line.x, line.first, line.place, line.last)]
    rows = line.focal.tolist()
    focal, donor = [], []
    seekers = range(len(rows))
    for _ in range(ratio):
        nearest = ((free.nearest(*(part[k] for part in looks)), k) for k in seekers)
        queue = [(found[0], k, found[1]) for found, k in nearest if found is not None]
        heapify(queue)
        served = []
        while queue:
            _, k, chosen = queue[0]
            if free.is_free(chosen):
                focal.append(rows[k])
                donor.append(free.take(chosen))
                served.append(k)
                heappop(queue)
                continue
            found = free.nearest(*(part[k] for part in looks))
            if found is None:
                heappop(queue)
            else:
                heapreplace(queue, (found[0], k, found[1]))
        seekers = sorted(served)
    return np.array([focal, donor], int).T


def _with_replacement(line: _Line, ratio: int) -> NDArray:
    """Everyone takes a step outwards at once, `ratio` times."""
    low, high = line.place - 1, line.place.copy()
    pairs = []
    for _ in range(ratio):
        at_high = np.minimum(high, line.rows.size - 1)
        to_low = np.where(low >= line.first, line.x - line.donor_x[low], np.inf)
        to_high = np.where(high < line.last, line.donor_x[at_high] - line.x, np.inf)
        down, to = to_low <= to_high, np.minimum(to_low, to_high)
        found = np.isfinite(to) & (to <= line.width)
        donor = line.rows[np.where(down, low, at_high)]
        pairs.append(np.column_stack([line.focal, donor])[found])
        # Whoever has left the stratum stays outside it.
        low = np.maximum(low - down, line.first - 1)
        high = np.minimum(high + ~down, line.last)
    return np.concatenate(pairs)


def _complete_sets(pairs: NDArray, ratio: int) -> NDArray:
    if not len(pairs):
        return pairs
    _, number, size = np.unique(pairs[:, 0], return_inverse=True, return_counts=True)
    complete = size[number] == ratio
    if not complete.any():
        raise CohortError(
            f"nobody finds all of {ratio} matches; lower the ratio, widen the caliper or let the "
            "ratio vary"
        )
    return pairs[complete]
