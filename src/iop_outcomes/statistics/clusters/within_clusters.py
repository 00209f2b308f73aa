"""Comparisons of people within clusters: cluster means and deviations from them."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


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
