"""Linear regression whose errors are alike within clusters, also when clusters are few."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import Uncertainty
from iop_outcomes.statistics.weighting.propensity import dependent_columns


class ClusterCorrection(StrEnum):
    """What is done about residuals being smaller than errors."""

    CR0 = "CR0"  # nothing
    CR1 = "CR1"  # times G/(G - 1)
    CR1S = "CR1S"  # times G/(G - 1) (n - 1)/(n - k): Stata, and sandwich's HC1
    CR2 = "CR2"  # Bell & McCaffrey: unbiased if errors are independent and alike
    CV3 = "CV3"  # jackknife over clusters: tends to be too wide rather than too narrow


@dataclass(frozen=True)
class ClusterRobustRegression:
    """Least squares, its covariance between clusters, and degrees of freedom a coefficient.

    Attributes
    ----------
    coefficients
        Shape (columns,).
    covariance
        Shape (columns, columns).
    degrees_of_freedom
        Of each coefficient: Satterthwaite's for CR2, else clusters - 1. Shape (columns,).
    correction
        Which correction the covariance has.
    clusters
        Number of clusters.
    influence
        Influence of each person on the coefficients, without correction. Shape (n, columns).
    one_cluster
        Coefficients that rest on a single cluster, such as the effect of an arm that is one site:
        no correction can see their spread between clusters. Shape (columns,).
    """

    coefficients: NDArray
    covariance: NDArray
    degrees_of_freedom: NDArray
    correction: ClusterCorrection
    clusters: int
    influence: NDArray
    one_cluster: NDArray

    def uncertainty(self, column: int, confidence_level: float) -> Uncertainty:
        """Standard error and critical value of one coefficient.

        Raises
        ------
        CohortError
            The coefficient rests on one cluster.
        """
        if self.one_cluster[column]:
            raise CohortError(
                f"coefficient {column} cannot be estimated without one of the clusters, so its "
                "spread between clusters cannot be seen; compare within clusters, or persons"
            )
        df = float(self.degrees_of_freedom[column])
        return Uncertainty(
            std_error=float(np.sqrt(self.covariance[column, column])),
            critical=float(stats.t.ppf((1 + confidence_level) / 2, df)),
            clusters=self.clusters,
            se_method=f"{self.correction}, t({df:.3g})",
        )


def cluster_robust_regression(
    outcome: ArrayLike,
    design: ArrayLike,
    cluster: ArrayLike,
    correction: ClusterCorrection = ClusterCorrection.CR2,
    weight: ArrayLike | None = None,
) -> ClusterRobustRegression:
    r"""Weighted least squares with a cluster-robust covariance.

    .. math::
        V = M \Big(\sum_g X_g^\top W_g A_g r_g r_g^\top A_g W_g X_g\Big) M,
        \qquad M = (X^\top W X)^{-1}

    CR2 takes :math:`A_g = [(I - H)(I - H)^\top]_{gg}^{-1/2}` with a working model of independent
    errors of one variance (weights are inverse probabilities, not inverse variances), and a
    pseudo-inverse where clusters have their own intercepts.

    Parameters
    ----------
    outcome
        Shape (n,).
    design
        Columns of the model, the intercept among them. Shape (n, columns).
    cluster
        Any labels. Shape (n,).
    correction
        See `ClusterCorrection`.
    weight
        Known weights above 0; one if absent. Shape (n,).

    Raises
    ------
    CohortError
        A weight is not above 0, there is one cluster, a column follows from the others, or (CV3)
        a column is lost when a cluster is left out.

    References
    ----------
    Bell & McCaffrey (2002), Survey Methodology 28:169-181. Pustejovsky & Tipton (2018), Journal
    of Business & Economic Statistics 36:672-683. MacKinnon, Nielsen & Webb (2023), Journal of
    Econometrics 232:272-299.

    Examples
    --------
    >>> fit = cluster_robust_regression([0.0, 1, 2, 5], np.ones((4, 1)), [1, 1, 2, 2])
    >>> float(fit.coefficients[0]), float(fit.degrees_of_freedom[0].round(6))
    (2.0, 1.0)
    """
    y, x = np.asarray(outcome, float), np.asarray(design, float)
    w = np.ones(y.size) if weight is None else np.asarray(weight, float)
    _, member = np.unique(cluster, return_inverse=True)
    count = int(member.max()) + 1
    if not (w > 0).all():
        # A cluster of nobody would count as one more cluster.
        raise CohortError("a weight is 0, negative or missing; leave those people out")
    if count < 2:
        raise CohortError(
            "everyone belongs to one cluster, so the spread between clusters cannot be seen; use "
            "standard errors of persons"
        )
    if found := dependent_columns(x * np.sqrt(w)[:, None]):
        raise CohortError(
            f"columns {found} follow from the other columns; leave them out or merge levels"
        )
    mixing = np.linalg.qr(x).R  # on an orthogonal basis units cannot matter
    basis = np.linalg.solve(mixing.T, x.T).T
    bread = np.linalg.inv((basis * w[:, None]).T @ basis)
    beta = bread @ basis.T @ (w * y)
    residual = y - basis @ beta
    parts = [np.flatnonzero(member == g) for g in range(count)]
    unmixing = np.linalg.inv(mixing)
    df = np.full(x.shape[1], count - 1.0)
    if correction is ClusterCorrection.CR2:
        covariance, df = _bell_mccaffrey(basis, w, residual, parts, bread, unmixing)
    elif correction is ClusterCorrection.CV3:
        covariance = _jackknife(basis, w, residual, parts, bread)
    else:
        sums = np.array([basis[g].T @ (w[g] * residual[g]) for g in parts])
        covariance = bread @ (sums.T @ sums) @ bread * _factor(correction, count, *x.shape)
    return ClusterRobustRegression(
        coefficients=unmixing @ beta,
        covariance=unmixing @ covariance @ unmixing.T,
        degrees_of_freedom=df,
        correction=correction,
        clusters=count,
        influence=(basis * (w * residual)[:, None]) @ bread @ unmixing.T,
        one_cluster=_rests_on_one_cluster(basis, w, parts, bread, unmixing),
    )


def effective_clusters(
    design: ArrayLike,
    cluster: ArrayLike,
    column: int,
    weight: ArrayLike | None = None,
    correlation: float = 1.0,
) -> float:
    r"""Number of equal clusters that would tell as much about a coefficient.

    .. math::
        G^* = G \Big/ \Big(1 + \frac{1}{G} \sum_g (\gamma_g - \bar\gamma)^2 / \bar\gamma^2\Big)

    with :math:`\gamma_g` cluster g's part of the coefficient's variance if errors within
    clusters have the given correlation. Far fewer than G: trust no G - 1 degrees of freedom.

    Parameters
    ----------
    design, cluster, weight
        See `cluster_robust_regression`.
    column
        Which coefficient.
    correlation
        Of errors within clusters, 0 to 1; 1 is the worst case.

    References
    ----------
    Carter, Schnepel & Steigerwald (2017), Review of Economics and Statistics 99:698-709.

    Examples
    --------
    >>> round(effective_clusters(np.ones((6, 1)), [1, 1, 2, 2, 3, 3], 0), 9)
    3.0
    """
    x = np.asarray(design, float)
    w = np.ones(len(x)) if weight is None else np.asarray(weight, float)
    _, member = np.unique(cluster, return_inverse=True)
    basis, mixing = np.linalg.qr(x * np.sqrt(w)[:, None])
    toward = np.linalg.solve(mixing, np.eye(x.shape[1]))[column]
    lever = np.sqrt(w) * (basis @ toward)
    together = np.bincount(member, lever) ** 2
    apart = np.bincount(member, lever**2)
    gamma = correlation * together + (1 - correlation) * apart
    return float(gamma.sum() ** 2 / np.sum(gamma**2))


def _rests_on_one_cluster(
    x: NDArray, w: NDArray, parts: list[NDArray], bread: NDArray, contrasts: NDArray
) -> NDArray:
    """Whether a contrast lies in what a cluster alone can tell."""
    root = np.linalg.cholesky(bread)  # in this basis everyone together tells the identity
    toward = contrasts @ root
    alone = np.zeros(len(contrasts), bool)
    for g in parts:
        lever = (np.sqrt(w[g])[:, None] * x[g]) @ root
        values, vectors = np.linalg.eigh(np.eye(len(contrasts)) - lever.T @ lever)
        only_here = toward @ vectors[:, values < 1e-9]
        alone |= np.sum(only_here**2, axis=1) > 1e-12 * np.sum(toward**2, axis=1)
    return alone


def _factor(correction: ClusterCorrection, clusters: int, n: int, k: int) -> float:
    if correction is ClusterCorrection.CR0:
        return 1.0
    factor = clusters / (clusters - 1)
    return factor if correction is ClusterCorrection.CR1 else factor * (n - 1) / (n - k)


def _adjustment(x: NDArray, w: NDArray, score: NDArray, bread: NDArray, square: NDArray) -> NDArray:
    """A_g applied to columns, where A_g is the inverse root of a cluster's block.

    The block is the identity less something of rank 2k, so its root is taken in 2k dimensions
    and no cluster is too large.
    """
    k = x.shape[1]
    q, r = np.linalg.qr(np.hstack([x, w[:, None] * x]))
    core = np.zeros((2 * k, 2 * k))
    core[:k, :k] = bread @ square @ bread
    core[:k, k:] = core[k:, :k] = -bread
    values, vectors = np.linalg.eigh(np.eye(r.shape[0]) + r @ core @ r.T)
    # A direction that its cluster's own intercept fits exactly has no residual to enlarge.
    root = np.where(values > 1e-10, 1 / np.sqrt(np.where(values > 1e-10, values, 1.0)), 0.0)
    inside = q.T @ score
    return score + q @ (vectors @ ((root - 1)[:, None] * (vectors.T @ inside)))


def _bell_mccaffrey(
    x: NDArray, w: NDArray, residual: NDArray, parts: list[NDArray], bread: NDArray,
    contrasts: NDArray,
) -> tuple[NDArray, NDArray]:  # fmt: skip
    """CR2 covariance, and Satterthwaite's degrees of freedom of each contrast."""
    square = (x * (w**2)[:, None]).T @ x
    adjusted = [_adjustment(x[g], w[g], w[g][:, None] * x[g], bread, square) for g in parts]
    sums = np.array([a.T @ residual[g] for a, g in zip(adjusted, parts, strict=True)])
    covariance = bread @ (sums.T @ sums) @ bread
    df = np.empty(len(contrasts))
    for j, contrast in enumerate(contrasts):
        z = [a @ (bread @ contrast) for a in adjusted]
        own = np.array([v @ v for v in z])
        unweighted = np.array([x[g].T @ v for g, v in zip(parts, z, strict=True)])
        weighted = np.array([x[g].T @ (w[g] * v) for g, v in zip(parts, z, strict=True)])
        cross = weighted @ bread @ unweighted.T
        products = (
            np.diag(own) - cross - cross.T + unweighted @ bread @ square @ bread @ unweighted.T
        )
        df[j] = np.trace(products) ** 2 / np.sum(products**2)
    return covariance, df


def _jackknife(
    x: NDArray, w: NDArray, residual: NDArray, parts: list[NDArray], bread: NDArray
) -> NDArray:
    """Covariance of the coefficients with each cluster left out, about the full ones."""
    whole = np.linalg.inv(bread)
    shifts = []
    for g in parts:
        rest = whole - (x[g] * w[g][:, None]).T @ x[g]
        if np.linalg.eigvalsh(rest).min() < 1e-10 * np.linalg.eigvalsh(whole).max():
            raise CohortError(
                "without one of the clusters a coefficient cannot be estimated, so clusters "
                "cannot be left out in turn; use CR2"
            )
        shifts.append(np.linalg.solve(rest, x[g].T @ (w[g] * residual[g])))
    return (len(parts) - 1) / len(parts) * np.array(shifts).T @ np.array(shifts)
