"""Comparisons of people within clusters: means, intercepts, and weights alike in each of them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.estimating_equations import EstimatedWeights
from iop_outcomes.vocabulary import Estimand

# A cluster's part of the population: so much for each of its people, and so much of the weight of
# its intervention and of its comparator arm. The overlap exists only through the weights.
PART: dict[Estimand, tuple[float, float, float]] = {
    Estimand.ATE: (1.0, 0.0, 0.0),
    Estimand.ATT: (0.0, 1.0, 0.0),
    Estimand.ATC: (0.0, 0.0, 1.0),
    Estimand.ATO: (0.0, 0.5, 0.5),
    Estimand.ATM: (0.0, 0.5, 0.5),
}


def cluster_means(
    columns: ArrayLike, cluster: ArrayLike, weight: ArrayLike | None = None
) -> NDArray:
    """Mean of each column in each person's cluster: Mundlak's terms.

    Added to a regression beside the columns themselves, they leave the columns their
    within-cluster slopes.

    Parameters
    ----------
    columns
        Shape (n, columns) or (n,).
    cluster
        Any labels. Shape (n,).
    weight
        Known weights; one if absent. Shape (n,).

    Returns
    -------
    NDArray
        Of the shape of the columns.

    References
    ----------
    Mundlak (1978), Econometrica 46:69-85.

    Examples
    --------
    >>> cluster_means([1.0, 3, 5], ["A", "A", "B"])
    array([2., 2., 5.])
    """
    x = np.asarray(columns, float)
    w = np.ones(len(x)) if weight is None else np.asarray(weight, float)
    _, member = np.unique(cluster, return_inverse=True)
    wide = x.reshape(len(x), -1)
    sums = np.column_stack([np.bincount(member, w * column) for column in wide.T])
    return (sums / np.bincount(member, w)[:, None])[member].reshape(x.shape)


def within_cluster(
    columns: ArrayLike, cluster: ArrayLike, weight: ArrayLike | None = None
) -> NDArray:
    """Deviations from the cluster's mean: regressing them is a regression with fixed effects.

    Parameters
    ----------
    columns, cluster, weight
        See `cluster_means`.

    Examples
    --------
    >>> within_cluster([1.0, 3, 5], ["A", "A", "B"])
    array([-1.,  1.,  0.])
    """
    return np.asarray(columns, float) - cluster_means(columns, cluster, weight)


def one_armed(treated: ArrayLike, cluster: ArrayLike) -> NDArray:
    """People of clusters in which everyone entered the same arm: nothing compares them within.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    cluster
        Any labels. Shape (n,).

    Returns
    -------
    NDArray
        True for people of such clusters. Shape (n,).

    Examples
    --------
    >>> one_armed([True, False, True], ["A", "A", "B"])
    array([False, False,  True])
    """
    a = np.asarray(treated, bool)
    _, member = np.unique(cluster, return_inverse=True)
    share = np.bincount(member, a) / np.bincount(member)
    return ((share == 0) | (share == 1))[member]


def cluster_intercepts(cluster: ArrayLike) -> NDArray:
    """One column of zeros and ones for each cluster but the first: fixed effects.

    Parameters
    ----------
    cluster
        Any labels. Shape (n,).

    Returns
    -------
    NDArray
        Shape (n, clusters - 1).

    Examples
    --------
    >>> cluster_intercepts(["A", "B", "B"])
    array([[0.],
           [1.],
           [1.]])
    """
    labels, member = np.unique(cluster, return_inverse=True)
    return (member[:, None] == np.arange(1, labels.size)).astype(float)


@dataclass(frozen=True)
class WithinWeights:
    """Weights under which both arms weigh as much in every cluster.

    Attributes
    ----------
    weight
        Shape (n,).
    estimated
        Gradient and influence of what made the weights given, and of each cluster's factors.
    """

    weight: NDArray
    estimated: EstimatedWeights


def within_cluster_weights(
    treated: ArrayLike,
    weight: ArrayLike,
    cluster: ArrayLike,
    estimand: Estimand,
    estimated: EstimatedWeights | None = None,
) -> WithinWeights:
    r"""Scale weights so that each arm of a cluster weighs the cluster's part of the population.

    .. math:: \tilde w_i = w_i \, T_g / S_{ga}, \qquad S_{ga} = \sum_{j \in g, a} w_j

    for person i of arm a in cluster g. The part is the cluster's number of people (ATE), its
    intervention arm (ATT), its comparator arm (ATC), or half the weight of both (ATO, ATM). A
    weighted difference is then the average of the differences within clusters, by their parts.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    weight
        Balancing weights, above 0. Shape (n,).
    cluster
        Any labels; each has people in both arms. Shape (n,).
    estimand
        Whose effect is averaged.
    estimated
        Where the weights came from; None if they are known.

    Raises
    ------
    CohortError
        A weight is not above 0.
    PositivityError
        A cluster has people in one arm only.

    References
    ----------
    Li, Zaslavsky & Landrum (2013), Statistics in Medicine 32:3373-3387 (clustered estimator).

    Examples
    --------
    >>> treated, cluster = [True, False, False, True, True, False], list("AAABBB")
    >>> within_cluster_weights(treated, [2, 2, 1, 1, 1, 3], cluster, Estimand.ATE).weight
    array([3. , 2. , 1. , 1.5, 1.5, 3. ])
    """
    a, w = np.asarray(treated, bool), np.asarray(weight, float)
    if not (w > 0).all():
        raise CohortError("weights within clusters have to be above 0; leave the others out")
    if one_armed(a, cluster).any():
        raise PositivityError(
            "a cluster has people in one arm only, so nothing is compared within it; leave it out"
        )
    _, member = np.unique(cluster, return_inverse=True)
    here = member[:, None] == np.arange(member.max() + 1)
    nothing = np.empty((w.size, 0))
    estimated = EstimatedWeights(nothing, nothing) if estimated is None else estimated
    of_arm = [here & arm[:, None] for arm in (a, ~a)]
    sums = [w @ own for own in of_arm]
    moved = [  # what everyone adds to the sum of each arm of each cluster
        own * w[:, None] + estimated.influence @ (estimated.gradient.T @ own) for own in of_arm
    ]
    everyone, one, other = PART[estimand]
    part = everyone * here.sum(axis=0) + one * sums[0] + other * sums[1]
    part_moved = everyone * here + one * moved[0] + other * moved[1]
    factors = [part / total for total in sums]
    influences = [
        (part_moved - factor * change) / total
        for factor, change, total in zip(factors, moved, sums, strict=True)
    ]
    scale = np.where(a, factors[0][member], factors[1][member])
    return WithinWeights(
        scale * w,
        EstimatedWeights(
            np.column_stack(
                [estimated.gradient * scale[:, None], *(own * w[:, None] for own in of_arm)]
            ),
            np.column_stack([estimated.influence, *influences]),
        ),
    )
