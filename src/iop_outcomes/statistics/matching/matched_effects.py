"""Effects in matched sets and subclasses, with errors that know who was matched with whom."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.clusters.cluster_robust import ClusterCorrection
from iop_outcomes.statistics.matching.matched_sets import Matching
from iop_outcomes.vocabulary import Estimand


class Contrast(StrEnum):
    """What is compared between the two weighted means."""

    DIFFERENCE = "difference"
    LOG_RATIO = "log ratio"
    LOG_ODDS_RATIO = "log odds ratio"


@dataclass(frozen=True)
class MatchedMeans:
    """Weighted means of both arms, and what every row adds to them.

    A row is a person in a set. Without replacement a person has one row; a donor who belongs to
    several sets has a row in each.

    Attributes
    ----------
    treated, control
        Weighted mean outcome of each arm.
    influence_treated, influence_control
        Influence of each row on each mean. Shape (rows,).
    person
        Row of the data that holds the person. Shape (rows,).
    matched_set
        Number of the set. Shape (rows,).
    """

    treated: float
    control: float
    influence_treated: NDArray
    influence_control: NDArray
    person: NDArray
    matched_set: NDArray


@dataclass(frozen=True)
class MatchedContrast:
    """A contrast of matched arms.

    Attributes
    ----------
    estimate
        On the scale that was asked for.
    influence
        Influence of each row on it. Shape (rows,).
    person, matched_set
        As in `MatchedMeans`.
    """

    estimate: float
    influence: NDArray
    person: NDArray
    matched_set: NDArray


def matched_means(outcome: ArrayLike, treated: ArrayLike, matching: Matching) -> MatchedMeans:
    """Mean outcome of each arm in the matched sets.

    Parameters
    ----------
    outcome
        A value, or 0 and 1 for a risk. Only those of matched people are read. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    matching
        The sets.

    Raises
    ------
    CohortError
        A matched person has no outcome.

    Examples
    --------
    >>> from iop_outcomes.statistics.matching.nearest_neighbour import nearest_neighbour_matching
    >>> treated = [True, True, False, False]
    >>> found = nearest_neighbour_matching(treated, [0.6, 0.5, 0.55, 0.4])
    >>> means = matched_means([1, 0, 1, 1], treated, found)
    >>> means.treated, means.control
    (0.5, 1.0)
    """
    treated = np.asarray(treated, bool)
    if matching.matched_set is not None:
        return weighted_means(outcome, treated, matching.weight, matching.matched_set)
    # A set has one row for its focal person, and one of weight 1/k for each of its k donors.
    focal, donor = matching.treated, matching.control
    if matching.estimand is Estimand.ATC:
        focal, donor = donor, focal
    sets, first, size = np.unique(matching.pair_set, return_index=True, return_counts=True)
    return _means(
        np.asarray(outcome, float),
        treated,
        person=np.concatenate([focal[first], donor]),
        weight=np.concatenate([np.ones(sets.size), 1 / size[matching.pair_set]]),
        matched_set=np.concatenate([sets, matching.pair_set]),
    )


def weighted_means(
    outcome: ArrayLike, treated: ArrayLike, weight: ArrayLike, matched_set: ArrayLike
) -> MatchedMeans:
    """Weighted mean outcome of each arm, where a person belongs to one set or subclass at most.

    Parameters
    ----------
    outcome
        Only those of people with a weight are read. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    weight
        0 for those left out. Shape (n,).
    matched_set
        Number of each person's set or subclass. Shape (n,).

    Raises
    ------
    CohortError
        Someone with a weight has no outcome.

    Examples
    --------
    >>> means = weighted_means([1, 0, 1], [True, False, False], [1, 1, 3], [0, 0, 0])
    >>> means.control, means.influence_control.round(4)
    (0.75, array([ 0.    , -0.1875,  0.1875]))
    """
    weight = np.asarray(weight, float)
    person = np.flatnonzero(weight > 0)
    return _means(
        np.asarray(outcome, float),
        np.asarray(treated, bool),
        person=person,
        weight=weight[person],
        matched_set=np.asarray(matched_set)[person],
    )


def matched_contrast(means: MatchedMeans, contrast: Contrast) -> MatchedContrast:
    """Contrast of two means; its influence by the delta method.

    Parameters
    ----------
    means
        Of both arms.
    contrast
        Ratios and odds ratios are on the log scale.

    Raises
    ------
    CohortError
        A ratio of which one side is 0, or odds of which one is 0 or infinite.

    Examples
    --------
    >>> means = weighted_means([1, 0, 1, 0, 0, 0], [True] * 2 + [False] * 4, [1.0] * 6, [0] * 6)
    >>> matched_contrast(means, Contrast.DIFFERENCE).estimate
    0.25
    >>> round(matched_contrast(means, Contrast.LOG_RATIO).estimate, 6)  # log of 0.5 / 0.25
    0.693147
    """
    p, q = means.treated, means.control
    if contrast is Contrast.DIFFERENCE:
        estimate, slopes = p - q, (1.0, 1.0)
    elif contrast is Contrast.LOG_RATIO:
        _inside(p > 0 and q > 0, "ratio")
        estimate, slopes = np.log(p / q), (1 / p, 1 / q)
    else:
        _inside(0 < p < 1 and 0 < q < 1, "odds ratio")
        estimate = np.log(p / (1 - p)) - np.log(q / (1 - q))
        slopes = (1 / (p * (1 - p)), 1 / (q * (1 - q)))
    influence = slopes[0] * means.influence_treated - slopes[1] * means.influence_control
    return MatchedContrast(float(estimate), influence, means.person, means.matched_set)


def person_influence(contrast: MatchedContrast, n: int) -> NDArray:
    """What each person adds to a contrast, over all their sets; 0 for the unmatched. Shape (n,).

    Examples
    --------
    >>> rows = MatchedContrast(0.0, np.array([0.5, -0.2, -0.3]), np.array([0, 2, 2]), np.arange(3))
    >>> person_influence(rows, 3)
    array([ 0.5,  0. , -0.5])
    """
    return np.bincount(contrast.person, contrast.influence, minlength=n)


def cluster_robust_error(
    contrast: MatchedContrast, correction: ClusterCorrection = ClusterCorrection.CR1S
) -> float:
    r"""Standard error that allows for likeness within matched sets.

    Influences are summed within sets. If a person belongs to several sets, likeness within persons
    is allowed for as well (two-way clustering: sets plus persons minus rows). Weights are taken as
    known.

    Parameters
    ----------
    contrast
        The contrast.
    correction
        `CR1S` is `sandwich::vcovCL(cluster = ~subclass, type = "HC1")`, the default for `lm`; `CR0`
        is `type = "HC0", cadjust = FALSE`; `CR1` multiplies by G/(G - 1) alone, and of pairs is the
        error of the mean difference within pairs.

    Raises
    ------
    CohortError
        There is one set only.
    ProtocolError
        The correction is for regressions only.

    References
    ----------
    Abadie & Spiess (2022), JASA 117:983-995. Cameron, Gelbach & Miller (2011), Journal of Business
    and Economic Statistics 29:238-249.

    Examples
    --------
    Two pairs, whose differences are 1 and 0:

    >>> means = weighted_means([1, 1, 0, 1], [True, True, False, False], [1.0] * 4, [0, 1, 0, 1])
    >>> difference = matched_contrast(means, Contrast.DIFFERENCE)
    >>> round(cluster_robust_error(difference, ClusterCorrection.CR0), 6)
    0.353553
    """
    corrections = (ClusterCorrection.CR0, ClusterCorrection.CR1, ClusterCorrection.CR1S)
    if correction not in corrections:
        raise ProtocolError(
            f"matched sets have no {correction} error; ask for {', '.join(corrections)}"
        )
    if np.unique(contrast.matched_set).size < 2:
        raise CohortError(
            "everyone belongs to one matched set, so the spread between sets cannot be seen"
        )
    rows = np.arange(contrast.influence.size)
    ways = [(1, contrast.matched_set)]
    # A person's rows deviate in one direction, so persons less rows is never below 0.
    if np.unique(contrast.person).size < rows.size:
        ways += [(1, contrast.person), (-1, rows)]
    variance = sum(
        sign * _clustered(contrast.influence, members, correction) for sign, members in ways
    )
    return float(np.sqrt(variance))


def _clustered(influence: NDArray, members: NDArray, correction: ClusterCorrection) -> float:
    sums = np.bincount(np.unique(members, return_inverse=True)[1], influence)
    clusters, rows, factor = sums.size, influence.size, 1.0
    if correction is not ClusterCorrection.CR0:
        factor = clusters / (clusters - 1)
    if correction is ClusterCorrection.CR1S:
        factor *= (rows - 1) / (rows - 2)
    return float(factor * np.sum(sums**2))


def _means(
    outcome: NDArray, treated: NDArray, person: NDArray, weight: NDArray, matched_set: NDArray
) -> MatchedMeans:
    y, arm = outcome[person], treated[person]
    if np.isnan(y).any():
        raise CohortError(
            f"the outcome of {int(np.isnan(outcome[np.unique(person)]).sum())} matched people is "
            "missing; weight for their censoring or leave them out before matching"
        )
    mean, influence = [], []
    for own in (arm, ~arm):
        share = np.where(own, weight, 0.0) / weight[own].sum()
        mean.append(float(share @ y))
        influence.append(share * (y - mean[-1]))
    return MatchedMeans(*mean, *influence, person, matched_set)


def _inside(possible: bool, name: str) -> None:
    if not possible:
        raise CohortError(
            f"nobody or everybody in a matched arm had the outcome, so there is no {name}; report "
            "the difference"
        )
