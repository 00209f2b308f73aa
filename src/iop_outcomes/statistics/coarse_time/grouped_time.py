"""Hazards of leaving, by cause, when lengths of stay are known in bands of days only.

TEDS-D tells days 1 to 30 exactly and longer stays in bands. Nothing is guessed about when within a
band people leave: the model is of the probability of leaving in it, and numbers are read at its
edge. All is fitted on counts of covariate patterns; see exit_hazards.py for the model and
grouped_risks.py for what is read from it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import Uncertainty, uncertainty
from iop_outcomes.statistics.weighting.covariate_patterns import covariate_patterns
from iop_outcomes.statistics.weighting.propensity import dependent_columns


@dataclass(frozen=True)
class LengthBands:
    """Bands of whole days, one after another; the last may be open.

    Attributes
    ----------
    first, last
        First and last day of each band; the last of an open one is inf. Shape (bands + 1,).

    Notes
    -----
    Whoever reaches the last band is still there at the last edge; what happens in it is not
    modelled, so that there are `size` = bands modelled.
    """

    first: NDArray
    last: NDArray

    @property
    def size(self) -> int:
        """Bands that are modelled: all but the last."""
        return len(self.first) - 1

    def of(self, day: ArrayLike) -> NDArray:
        """Band of each day.

        Raises
        ------
        CohortError
            A day comes before the first band.

        Examples
        --------
        >>> TEDS_LENGTH_BANDS.of([1, 30, 31, 45, 46, 400]).tolist()
        [0, 29, 30, 30, 31, 36]
        """
        day = np.asarray(day, float)
        if not (day >= self.first[0]).all():
            raise CohortError(
                f"a length of stay is missing or below {self.first[0]:g}, where the bands begin; "
                "mend the length or set the stay aside"
            )
        return np.searchsorted(self.first, day, side="right") - 1


def length_bands(last: ArrayLike) -> LengthBands:
    """Bands from day 1, each to its last day; the last entry may be inf.

    Examples
    --------
    >>> length_bands([7, 30, np.inf]).first.tolist()
    [1.0, 8.0, 31.0]
    """
    last = np.asarray(last, float)
    if last.size < 2 or not (np.diff(np.concatenate([[0.0], last])) > 0).all():
        raise CohortError("bands need at least two last days, ascending from day 1; order them")
    return LengthBands(np.concatenate([[1.0], last[:-1] + 1]), last)


# LOS of TEDS-D: days 1 to 30 as such, then bands. https://www.samhsa.gov/data, codebook of TEDS-D.
TEDS_LENGTH_BANDS = length_bands([*range(1, 31), 45, 60, 90, 120, 180, 365, np.inf])


@dataclass(frozen=True)
class GroupedExits:
    """Patterns of covariates, band and exit, and how many people have each.

    Attributes
    ----------
    design
        Covariates, without an intercept: every band has its own. Shape (patterns, columns).
    band
        Band of the exit; `bands` for those still there at the last edge. Shape (patterns,).
    cause
        1, 2, ... of the exit; 0 if the person was still there at the end of the band and then lost
        from sight. Of no meaning beyond the last edge. Shape (patterns,).
    frequency
        People of the pattern. Shape (patterns,).
    weight
        Of each of them. Shape (patterns,).
    bands, causes
        How many there are.
    """

    design: NDArray
    band: NDArray
    cause: NDArray
    frequency: NDArray
    weight: NDArray
    bands: int
    causes: int

    @cached_property
    def profiles(self) -> tuple[NDArray, NDArray]:
        """Distinct rows of the design, and which of them each pattern has."""
        return profiles(self.design)

    @property
    def total(self) -> NDArray:
        """Weight of all people of each pattern. Shape (patterns,)."""
        return self.frequency * self.weight

    @cached_property
    def leaves(self) -> NDArray:
        """Weight leaving, by profile, band and cause. Shape (profiles, bands, causes)."""
        distinct, profile = self.profiles
        left = (self.band < self.bands) & (self.cause > 0)
        cell = (profile * self.bands + self.band) * self.causes + self.cause - 1
        shape = (len(distinct), self.bands, self.causes)
        return np.bincount(cell[left], self.total[left], np.prod(shape)).reshape(shape)

    @cached_property
    def at_risk(self) -> NDArray:
        """Weight that reaches each band, by profile. Shape (profiles, bands)."""
        distinct, profile = self.profiles
        cell = profile * (self.bands + 1) + self.band
        ends = np.bincount(cell, self.total, len(distinct) * (self.bands + 1))
        ends = ends.reshape(len(distinct), self.bands + 1)
        return np.cumsum(ends[:, ::-1], axis=1)[:, ::-1][:, :-1]


def profiles(design: ArrayLike) -> tuple[NDArray, NDArray]:
    """Distinct rows of a design, and which of them each row is.

    Examples
    --------
    >>> distinct, which = profiles([[1], [0], [1]])
    >>> distinct.ravel(), which
    (array([1., 0.]), array([0, 1, 0]))
    """
    x = np.asarray(design, float)
    found = covariate_patterns(x)
    return x[found.first], found.member


def grouped_exits(
    design: ArrayLike,
    band: ArrayLike,
    cause: ArrayLike,
    bands: int,
    frequency: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> GroupedExits:
    """Put patterns together, after seeing that every band can be modelled.

    Parameters
    ----------
    design, band, cause, frequency, weight, bands
        As in `GroupedExits`; frequencies and weights are one if absent.

    Raises
    ------
    CohortError
        There are no exits, a band or weight cannot be, nobody reaches a band, nobody stays beyond
        one, or a covariate follows from the others.
    """
    x, band, cause = np.asarray(design, float), np.asarray(band, int), np.asarray(cause, int)
    frequency = np.ones(band.size) if frequency is None else np.asarray(frequency, float)
    weight = np.ones(band.size) if weight is None else np.asarray(weight, float)
    total = frequency * weight
    if not (np.isfinite(total).all() and (total >= 0).all()):
        raise CohortError("a frequency or weight is negative or not a number; mend it")
    if band.size and (band.min() < 0 or band.max() > bands or cause.min() < 0):
        raise CohortError(f"a band is not one of 0 to {bands}, or a cause is below 0; number both")
    causes = int(cause[(band < bands) & (total > 0)].max(initial=0))
    if not causes:
        raise CohortError("nobody leaves before the last edge; use bands in which people leave")
    exits = GroupedExits(x, band, cause, frequency, weight, bands, causes)
    stays = exits.at_risk.sum(axis=0) - exits.leaves.sum(axis=(0, 2))
    if (stays <= 1e-12 * total.sum()).any():
        first = int(np.flatnonzero(stays <= 1e-12 * total.sum())[0]) + 1
        raise CohortError(
            f"nobody stays beyond band {first}, so nothing can be modelled from there on; let the "
            f"last, open band begin with band {first}"
        )
    if x.size and dependent_columns(np.column_stack([np.ones(band.size), x])[total > 0]):
        raise CohortError("a covariate follows from the others or is constant; drop it")
    return exits


def pattern_uncertainty(
    influences: NDArray,
    frequency: NDArray,
    confidence_level: float = 0.95,
    cluster: NDArray | None = None,
) -> Uncertainty:
    """`uncertainty` from the influence of one person of each pattern and how many there are.

    Examples
    --------
    >>> pattern_uncertainty(np.array([0.25, -0.25]), np.array([2, 2])).std_error
    0.5
    """
    # Within a cluster influences add up; between independent people their squares do.
    times = np.sqrt(frequency) if cluster is None else frequency
    return uncertainty(influences * times, confidence_level, cluster)
