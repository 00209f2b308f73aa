"""How far two distributions cover each other: of a covariate, or of the propensity score."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from iop_outcomes.errors import CohortError, PositivityError

GRID = 2000  # cells of the grid on which densities are compared
REACH = 4.0  # how far beyond the extremes densities are followed, in bandwidths


@dataclass(frozen=True)
class Equipoise:
    """Share of people whose treatment could have gone either way.

    Attributes
    ----------
    everyone, intervention, comparator
        Share with a preference score within the bounds, of both arms together and of each.
    """

    everyone: float
    intervention: float
    comparator: float


def kolmogorov_smirnov(
    value: ArrayLike,
    treated: ArrayLike,
    weight: ArrayLike | None = None,
    frequency: ArrayLike | None = None,
) -> float:
    """Largest distance between the arms' weighted cumulative distributions.

    Parameters
    ----------
    value
        A covariate; for an indicator this is the difference in shares. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    weight, frequency
        All one if absent. Shape (n,).

    Examples
    --------
    >>> kolmogorov_smirnov([1, 2, 2, 3], [True, True, False, False])
    0.5
    """
    value, shares = _shares(value, treated, weight, frequency)
    levels, member = np.unique(value, return_inverse=True)
    steps = np.bincount(member, shares[0] - shares[1], levels.size)
    return float(np.abs(np.cumsum(steps)).max())


def overlap_coefficient(
    value: ArrayLike,
    treated: ArrayLike,
    weight: ArrayLike | None = None,
    frequency: ArrayLike | None = None,
    bandwidth: float | None = None,
) -> float:
    r"""Area that lies under both arms' densities: 1 when they are the same, 0 when apart.

    A covariate of up to 20 distinct values counts as a list of levels, whose smaller shares are
    added. Any other gets Gaussian kernel densities with one bandwidth for both arms, by
    Silverman's rule from the smaller arm: 0.9 min(sd, IQR / 1.34) n^(-1/5), unweighted, as R's
    bw.nrd0.

    Parameters
    ----------
    value, treated, weight, frequency
        As for `kolmogorov_smirnov`.
    bandwidth
        Standard deviation of the kernel, in the unit of the covariate.

    Raises
    ------
    CohortError
        The smaller arm is too small or too uniform for a density.

    References
    ----------
    Inman & Bradley (1989), Communications in Statistics 18:3851-3874. Franklin, Rassen, Ackermann,
    Bartels & Schneeweiss (2014), Statistics in Medicine 33:1685-1699.

    Examples
    --------
    Two thirds at level 1 against one third:

    >>> arm = [True, True, True, False, False, False]
    >>> round(overlap_coefficient([1, 1, 0, 1, 0, 0], arm), 6)
    0.666667
    """
    value, shares = _shares(value, treated, weight, frequency)
    levels, member = np.unique(value, return_inverse=True)
    if levels.size <= 20 and bandwidth is None:
        one, other = (np.bincount(member, share, levels.size) for share in shares)
        return float(np.minimum(one, other).sum())
    people = np.ones_like(value) if frequency is None else np.asarray(frequency, float)
    width = bandwidth or _silverman(value, np.asarray(treated, bool), people)
    edges = np.linspace(levels[0] - REACH * width, levels[-1] + REACH * width, GRID + 1)
    one, other = (_density(value, share, edges, width) for share in shares)
    return float(np.trapezoid(np.minimum(one, other), edges))


def preference_score(
    treated: ArrayLike, propensity: ArrayLike, frequency: ArrayLike | None = None
) -> NDArray:
    """Propensity score as it would be if both arms were equally common.

    Its log odds are those of the propensity score less those of the share treated.

    References
    ----------
    Walker et al. (2013), Comparative Effectiveness Research 3:11-20.

    Examples
    --------
    >>> preference_score([True, False, False, False], [0.25, 0.25, 0.25, 0.25])
    array([0.5, 0.5, 0.5, 0.5])
    """
    treated, e = np.asarray(treated, bool), np.asarray(propensity, float)
    share = np.average(treated, weights=frequency)
    if not (0 < share < 1 and (e > 0).all() and (e < 1).all()):
        raise PositivityError(
            "a preference score needs people in both arms and propensity scores between 0 and 1; "
            "trim whoever could only enter one arm"
        )
    return expit(logit(e) - logit(share))


def equipoise(
    treated: ArrayLike,
    propensity: ArrayLike,
    frequency: ArrayLike | None = None,
    low: float = 0.3,
    high: float = 0.7,
) -> Equipoise:
    """Share of people with a preference score from `low` to `high`.

    Walker asks for at least half of either arm; HADES's diagnostic for a fifth of everyone.

    Examples
    --------
    >>> equipoise([True, True, False, False], [0.9, 0.5, 0.5, 0.1])
    Equipoise(everyone=0.5, intervention=0.5, comparator=0.5)
    """
    treated = np.asarray(treated, bool)
    score = preference_score(treated, propensity, frequency)
    people = np.ones_like(score) if frequency is None else np.asarray(frequency, float)
    within = (score >= low) & (score <= high)
    return Equipoise(
        *(
            float(np.average(within[who], weights=people[who]))
            for who in (np.ones_like(treated), treated, ~treated)
        )
    )


def _shares(
    value: ArrayLike, treated: ArrayLike, weight: ArrayLike | None, frequency: ArrayLike | None
) -> tuple[NDArray, tuple[NDArray, NDArray]]:
    """The values, and each row's share of the intervention's and of the comparator's weight."""
    value, treated = np.asarray(value, float), np.asarray(treated, bool)
    mass = np.ones_like(value)
    for factor in (weight, frequency):
        mass = mass if factor is None else mass * np.asarray(factor, float)
    if not (np.isfinite(value).all() and np.isfinite(mass).all() and (mass >= 0).all()):
        raise CohortError(
            "overlap needs finite covariates and weights that are not negative; leave out who has "
            "a missing value"
        )
    arms = [np.where(arm, mass, 0.0) for arm in (treated, ~treated)]
    if not all(arm.sum() > 0 for arm in arms):
        raise CohortError("an arm has no people with a weight above 0, so it cannot be compared")
    return value, tuple(arm / arm.sum() for arm in arms)


def _silverman(value: NDArray, treated: NDArray, people: NDArray) -> float:
    smaller = treated if people[treated].sum() <= people[~treated].sum() else ~treated
    x, f = value[smaller], people[smaller]
    n = f.sum()
    order = np.argsort(x, kind="stable")
    until = np.cumsum(f[order])

    def person(place: float) -> float:
        return x[order][np.searchsorted(until, place, side="right")]

    def quantile(share: float) -> float:  # R's type 7
        place = (n - 1) * share
        below = np.floor(place)
        low = person(below)
        return low + (place - below) * (person(min(below + 1, n - 1)) - low)

    mean = f @ x / n
    spread = np.sqrt(f @ (x - mean) ** 2 / (n - 1)) if n > 1 else 0.0
    narrow = min(spread, (quantile(0.75) - quantile(0.25)) / 1.34) or spread
    if not narrow > 0:
        raise CohortError(
            "the smaller arm does not vary in this covariate, so it has no density; compare means, "
            "or give a bandwidth"
        )
    return float(0.9 * narrow * n**-0.2)


def _density(value: NDArray, share: NDArray, edges: NDArray, width: float) -> NDArray:
    """Kernel density at the grid points; people are split between the two points beside them."""
    step = edges[1] - edges[0]
    place = (value - edges[0]) / step
    left = np.minimum(place.astype(int), edges.size - 2)
    right = place - left
    mass = np.bincount(left, share * (1 - right), edges.size)
    mass += np.bincount(left + 1, share * right, edges.size)
    reach = int(np.ceil(8 * width / step))
    offset = np.arange(-reach, reach + 1) * step / width
    kernel = np.exp(-(offset**2) / 2) / (width * np.sqrt(2 * np.pi))
    return np.convolve(mass, kernel)[reach : reach + edges.size]
