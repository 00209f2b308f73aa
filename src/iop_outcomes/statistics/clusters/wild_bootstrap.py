"""Wild cluster bootstrap: the signs of whole clusters are redrawn, not the clusters."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.clusters.cluster_robust import (
    ClusterCorrection,
    cluster_robust_regression,
)
from iop_outcomes.statistics.estimating_equations import Uncertainty


class WildWeights(StrEnum):
    """What each cluster's residuals are multiplied by; all have mean 0 and variance 1."""

    WEBB = "Webb"  # six values: 6^G draws, for 4 to 12 clusters
    RADEMACHER = "Rademacher"  # -1 or 1: 2^G draws


VALUES = {
    WildWeights.WEBB: np.sqrt([0.5, 1.0, 1.5]),
    WildWeights.RADEMACHER: np.array([1.0]),
}


def draw_wild_weights(
    clusters: int, draws: int, seed: int, law: WildWeights = WildWeights.WEBB
) -> NDArray:
    """Weights of clusters, drawn. Shape (draws, clusters).

    Examples
    --------
    >>> np.unique(draw_wild_weights(5, 200, seed=1) ** 2).round(6)
    array([0.5, 1. , 1.5])
    """
    rng = np.random.default_rng(seed)
    sizes = VALUES[law]
    return rng.choice(np.concatenate([-sizes, sizes]), size=(draws, clusters))


def score_bootstrap_uncertainty(
    influences: ArrayLike,
    confidence_level: float,
    cluster: ArrayLike,
    *,
    draws: int = 9999,
    seed: int,
    law: WildWeights = WildWeights.WEBB,
) -> Uncertainty:
    """CR1 standard error with a critical value from a wild bootstrap of the clusters' scores.

    The influences of each cluster are multiplied by a wild weight and studentised anew; the
    critical value is the quantile of the absolute t. Nothing is fitted again, so it works for
    any estimate with influences. It imposes no null hypothesis, and simulated with 5 to 12
    clusters it rejected a true one as often as CR1 with t(G - 1) did: 7% for eight equal
    clusters, 15% for eight very unequal ones, at a level of 5%. Where models can be fitted again
    `leave_one_cluster_out` was nearer its level.

    Parameters
    ----------
    influences
        Shape (n,).
    cluster
        Any labels. Shape (n,).
    draws, seed, law
        Of the bootstrap.

    Raises
    ------
    CohortError
        There are fewer than three clusters.

    References
    ----------
    Kline & Santos (2012), Journal of Econometric Methods 1:23-41. Webb (2023), Canadian Journal
    of Economics 56:839-858.

    Examples
    --------
    >>> score_bootstrap_uncertainty(
    ...     [0.1, -0.2, 0.3, -0.2], 0.95, [1, 2, 3, 4], draws=99, seed=1).se_method
    'CR1, wild cluster score bootstrap (Webb, 99 draws)'
    """
    labels, member = np.unique(cluster, return_inverse=True)
    count = labels.size
    _require_three(count)
    sums = np.bincount(member, np.asarray(influences, float))
    drawn = draw_wild_weights(count, draws, seed, law) * sums
    factor = count / (count - 1)
    spread = np.sqrt(factor * np.sum((drawn - drawn.mean(axis=1, keepdims=True)) ** 2, axis=1))
    t = np.divide(np.abs(drawn.sum(axis=1)), spread, out=np.full(draws, np.inf), where=spread > 0)
    return Uncertainty(
        std_error=float(np.sqrt(factor * np.sum(sums**2))),
        critical=float(np.quantile(t, confidence_level, method="higher")),
        clusters=count,
        se_method=f"CR1, wild cluster score bootstrap ({law}, {draws} draws)",
    )


@dataclass(frozen=True)
class WildInterval:
    """A coefficient with its p-value and interval from the restricted wild cluster bootstrap.

    Attributes
    ----------
    estimate, lower, upper
        The interval holds the values that the bootstrap does not reject; it need not be
        symmetric.
    p_value
        Two-sided, of the coefficient being zero.
    se_method
        Name.
    """

    estimate: float
    lower: float
    upper: float
    p_value: float
    se_method: str


def wild_cluster_bootstrap(
    outcome: ArrayLike,
    design: ArrayLike,
    cluster: ArrayLike,
    column: int,
    confidence_level: float,
    *,
    draws: int = 9999,
    seed: int,
    weight: ArrayLike | None = None,
    law: WildWeights = WildWeights.WEBB,
) -> WildInterval:
    """Restricted wild cluster bootstrap (WCR) of one coefficient of a linear regression.

    Residuals come from the model with the coefficient held at the hypothesis; each draw is
    fitted and studentised (CR1) anew; the interval inverts the test. With eight very unequal
    clusters it still rejects a true null in about 9% at a level of 5%, where CR2 and CV3 do in
    8% and CR0 in 24%: look at `effective_clusters` first.

    Parameters
    ----------
    outcome, design, cluster, weight
        See `cluster_robust_regression`.
    column
        Which coefficient.
    draws, seed, law
        Of the bootstrap; the same draws serve every hypothesis.

    Raises
    ------
    CohortError
        There are fewer than three clusters.

    References
    ----------
    Cameron, Gelbach & Miller (2008), Review of Economics and Statistics 90:414-427. Roodman et
    al. (2019), Stata Journal 19:4-60 (its fast algebra).

    Examples
    --------
    >>> y, cluster = np.array([1.0, 2, 2, 3, 4, 6, 1, 2]), np.repeat([1, 2, 3, 4], 2)
    >>> found = wild_cluster_bootstrap(y, np.ones((8, 1)), cluster, 0, 0.9, draws=199, seed=1)
    >>> found.lower < found.estimate < found.upper
    True
    """
    fit = cluster_robust_regression(outcome, design, cluster, ClusterCorrection.CR1, weight)
    _require_three(fit.clusters)
    test = _Restricted(outcome, design, cluster, column, weight, draws, seed, law)
    estimate, error = (
        float(fit.coefficients[column]),
        float(np.sqrt(fit.covariance[column, column])),
    )
    # A p-value that is the level to the last digit rejects.
    level = (1 - confidence_level) * (1 + 1e-9)

    def excess(value: float) -> float:
        return test.p_value(value) - level

    ends = []
    for side in (-1, 1):
        reach = 2.0
        while excess(estimate + side * reach * error) > 0:
            reach *= 2
            if reach > 1e6:
                raise CohortError(
                    "the wild bootstrap rejects no effect however large: the clusters are too few "
                    "or one of them decides the coefficient; report the clusters one by one"
                )
        far = estimate + side * reach * error
        ends.append(brentq(excess, estimate, far, xtol=1e-10 * error))
    name = f"restricted wild cluster bootstrap-t ({law}, {draws} draws)"
    return WildInterval(estimate, ends[0], ends[1], test.p_value(0.0), name)


class _Restricted:
    """The test of one value of a coefficient, for any value, with one set of draws."""

    def __init__(self, outcome, design, cluster, column, weight, draws, seed, law):
        y, x = np.asarray(outcome, float), np.asarray(design, float)
        root = np.ones(y.size) if weight is None else np.sqrt(np.asarray(weight, float))
        y, x = y * root, x * root[:, None]
        _, member = np.unique(cluster, return_inverse=True)
        own, others = x[:, column], np.delete(x, column, axis=1)
        nuisance = np.linalg.qr(others).Q
        # Frisch-Waugh-Lovell: the coefficient is that of its column cleared of the others.
        cleared = own - nuisance @ (nuisance.T @ own)
        self._lever = cleared @ cleared
        # Restricted residuals are linear in the value tested: `base` less value times `cleared`.
        base = y - nuisance @ (nuisance.T @ y)
        full = np.linalg.qr(x).Q
        count = member.max() + 1

        def sums(columns):
            return np.array([columns[member == g].sum(axis=0) for g in range(count)])

        toward = sums(full * cleared[:, None])
        self._parts = [
            (sums(cleared * part), toward @ sums(full * part[:, None]).T)
            for part in (base, cleared)
        ]
        self._factor = count / (count - 1)
        self._drawn = draw_wild_weights(int(count), draws, seed, law)
        self._estimate = cleared @ y / self._lever
        score = sums(cleared * (y - full @ (full.T @ y)))
        self._spread = np.sqrt(self._factor * score @ score) / self._lever

    def p_value(self, value: float) -> float:
        """Share of draws at least as far out as what was seen."""
        (own, cross), (slope, cross_slope) = self._parts
        own, cross = own - value * slope, cross - value * cross_slope
        shift = self._drawn @ own / self._lever
        scores = self._drawn * own - self._drawn @ cross.T
        spread = np.sqrt(self._factor * np.sum(scores**2, axis=1)) / self._lever
        seen = abs(self._estimate - value)
        # Compared without dividing, so that a draw without spread counts as far out.
        farther = np.abs(shift) * self._spread >= seen * spread * (1 - 1e-12)
        return float((1 + farther.sum()) / (1 + farther.size))


def _require_three(clusters: int) -> None:
    if clusters < 3:
        raise CohortError(
            f"a wild bootstrap over {clusters} clusters has too few different draws; report the "
            "clusters one by one"
        )
