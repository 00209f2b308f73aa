"""Matched sets, as pairs and as weights, whatever rule made them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.matching.matching_sample import MatchingSample
from iop_outcomes.vocabulary import Estimand


@dataclass(frozen=True)
class Matching:
    """Matched sets, as pairs and as weights.

    Attributes
    ----------
    treated, control
        Rows of the two people of each pair. A set of one and k is k pairs. Shape (pairs,).
    distance
        How far apart they are. Shape (pairs,).
    pair_set
        Number of the matched set of each pair, from 0, ascending. Shape (pairs,).
    matched_set
        Number of the matched set of each person, -1 if unmatched. None when matching was with
        replacement: a person may then belong to several sets. Shape (n,).
    weight
        Matching weights, 0 if unmatched; they average 1 over the matched people of each arm
        (MatchIt's convention). Shape (n,).
    estimand
        Whose effect the weights average, among those who were matched.
    caliper_width
        Largest distance allowed, in units of the distance; infinite without a caliper.
    unmatched_treated, unmatched_control
        Number of people who found no match or were not needed.
    discarded_treated, discarded_control
        Number of people set aside before matching, not counted among the unmatched.
    """

    treated: NDArray
    control: NDArray
    distance: NDArray
    pair_set: NDArray
    matched_set: NDArray | None
    weight: NDArray
    estimand: Estimand
    caliper_width: float
    unmatched_treated: int
    unmatched_control: int
    discarded_treated: int
    discarded_control: int


def matching(sample: MatchingSample, pairs: NDArray, replacement: bool = False) -> Matching:
    """Sets and weights of pairs of one focal person and one donor.

    A focal person weighs 1. A donor weighs the sum of 1/k over the sets of k donors that it
    belongs to, scaled so that matched donors weigh 1 on average.

    Parameters
    ----------
    sample
        The people.
    pairs
        Rows of the focal person and of the donor, in the order in which they were paired.
        Shape (pairs, 2).
    replacement
        Whether a donor may belong to several sets.

    Raises
    ------
    CohortError
        There is no pair.

    Examples
    --------
    >>> from iop_outcomes.statistics.matching.matching_sample import matching_sample
    >>> sample = matching_sample([True, False, False], [0.4, 0.3, 0.6], Estimand.ATT)
    >>> found = matching(sample, np.array([[0, 1]]))
    >>> found.weight, found.distance.round(6), found.unmatched_control
    (array([1., 1., 0.]), array([0.1]), 1)
    """
    if not len(pairs):
        raise CohortError(
            f"no pair lies within the caliper of {sample.caliper_width:g} and one stratum, so "
            "nobody is matched; widen the caliper or use fewer strata"
        )
    focal, donor = pairs[np.argsort(pairs[:, 0], kind="stable")].T
    persons, pair_set, size = np.unique(focal, return_inverse=True, return_counts=True)
    n = sample.treated.size
    weight = np.bincount(donor, 1 / size[pair_set], minlength=n)
    weight *= (weight > 0).sum() / weight.sum()
    weight[persons] = 1
    matched_set = None
    if not replacement:
        matched_set = np.full(n, -1)
        matched_set[focal] = matched_set[donor] = pair_set
    if sample.estimand is Estimand.ATC:
        focal, donor = donor, focal
    return _counted(sample, focal, donor, pair_set, matched_set, weight, sample.estimand)


def matching_from_sets(
    sample: MatchingSample,
    pairs: NDArray,
    matched_set: NDArray,
    weight: NDArray,
    estimand: Estimand,
) -> Matching:
    """Sets that were made as sets: several of either arm, joined by pairs of treated and control.

    Parameters
    ----------
    pairs
        Rows of the treated and of the control of each pair. Shape (pairs, 2).
    matched_set
        Number of each person's set, -1 if unmatched. Shape (n,).
    weight
        Shape (n,).

    Examples
    --------
    >>> from iop_outcomes.statistics.matching.matching_sample import matching_sample
    >>> sample = matching_sample([True, False, False], [0.4, 0.3, 0.6], Estimand.ATT)
    >>> pairs, one_set = np.array([[0, 1], [0, 2]]), np.zeros(3, int)
    >>> matching_from_sets(sample, pairs, one_set, np.ones(3), Estimand.ATE).distance.round(6)
    array([0.1, 0.2])
    """
    pairs = pairs[np.argsort(matched_set[pairs[:, 0]], kind="stable")]
    treated, control = pairs.T
    return _counted(sample, treated, control, matched_set[treated], matched_set, weight, estimand)


def _counted(
    sample: MatchingSample,
    treated: NDArray,
    control: NDArray,
    pair_set: NDArray,
    matched_set: NDArray | None,
    weight: NDArray,
    estimand: Estimand,
) -> Matching:
    kept = np.zeros(sample.treated.size, bool)
    kept[sample.focal] = kept[sample.donors] = True
    alone = kept & (weight == 0)
    return Matching(
        treated=treated,
        control=control,
        distance=np.abs(sample.distance[treated] - sample.distance[control]),
        pair_set=pair_set,
        matched_set=matched_set,
        weight=weight,
        estimand=estimand,
        caliper_width=sample.caliper_width,
        unmatched_treated=int((alone & sample.treated).sum()),
        unmatched_control=int((alone & ~sample.treated).sum()),
        discarded_treated=int((~kept & sample.treated).sum()),
        discarded_control=int((~kept & ~sample.treated).sum()),
    )
