"""Risks at the edges of bands, and bounds on days, read from hazards of leaving.

Between edges nothing is known: a risk is read at an edge only, and mean days have a lower bound
(everyone leaves on the first day of the band) and an upper one (on its last).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.errors import ProtocolError
from iop_outcomes.statistics.coarse_time.exit_hazards import ExitHazards
from iop_outcomes.statistics.coarse_time.grouped_time import LengthBands, profiles


@dataclass(frozen=True)
class GroupedEstimate:
    """A number averaged over people, and its derivative by one person's weight.

    Attributes
    ----------
    value
        In the units of what was asked.
    derivative
        Shape (patterns,). Times the weight it is the influence of each person of a pattern; see
        `estimating_equations.influence` and, for patterns, `grouped_time.pattern_uncertainty`.
    """

    value: float
    derivative: NDArray


@dataclass(frozen=True)
class MeanDays:
    """Bounds of mean days: the truth lies between, wherever within bands people leave.

    Attributes
    ----------
    lower, upper
        Days.
    """

    lower: GroupedEstimate
    upper: GroupedEstimate

    def less(self, other: "MeanDays") -> "MeanDays":
        """Bounds of the days gained over `other`, of the same fit.

        Where within bands people leave may differ between the two, so that the least gain is the
        lower bound less the other's upper one.
        """
        return MeanDays(_difference(self.lower, other.upper), _difference(self.upper, other.lower))


def _difference(one: GroupedEstimate, other: GroupedEstimate) -> GroupedEstimate:
    return GroupedEstimate(one.value - other.value, one.derivative - other.derivative)


def risk_at_edge(
    hazards: ExitHazards, cause: int, band: int, design: NDArray | None = None
) -> GroupedEstimate:
    r"""Probability of having left by a cause by the last day of a band, averaged over people.

    .. math:: F_k(b) = \sum_{s \le b} S(s - 1) \, p_k(s)

    Parameters
    ----------
    cause
        1, 2, ...
    band
        Index, from 0.
    design
        Everyone's covariates as they are to be, for instance all in one arm; as they are if absent.
        Shape (patterns, columns).

    Examples
    --------
    >>> from iop_outcomes.statistics.coarse_time.exit_hazards import fit_exit_hazards
    >>> from iop_outcomes.statistics.coarse_time.grouped_time import grouped_exits
    >>> exits = grouped_exits(np.empty((3, 0)), [0, 1, 2], [1, 1, 0], 2, frequency=[4, 3, 3])
    >>> round(risk_at_edge(fit_exit_hazards(exits), 1, 1).value, 12)
    0.7
    """
    exits = hazards.exits
    if not (0 <= band < exits.bands and 1 <= cause <= exits.causes):
        raise ProtocolError(
            f"a risk is asked for at an edge or by a cause that is not there; use bands 0 to "
            f"{exits.bands - 1} and causes 1 to {exits.causes}"
        )
    reward = np.zeros((exits.bands, exits.causes))
    reward[: band + 1, cause - 1] = 1
    return _averaged(hazards, reward, 0.0, design)


def mean_days_bounds(
    hazards: ExitHazards, bands: LengthBands, until: float, design: NDArray | None = None
) -> MeanDays:
    """Bounds of the mean days until leaving by any cause, up to day `until`.

    Parameters
    ----------
    bands
        Those of the fit.
    until
        Days beyond it do not count; the last band is capped there.
    design
        As in `risk_at_edge`.

    Examples
    --------
    Four leave within days 1 to 7, three within 8 to 30; three stay at least to day 31:

    >>> from iop_outcomes.statistics.coarse_time.exit_hazards import fit_exit_hazards
    >>> from iop_outcomes.statistics.coarse_time.grouped_time import grouped_exits, length_bands
    >>> bands = length_bands([7, 30, np.inf])
    >>> exits = grouped_exits(np.empty((3, 0)), [0, 1, 2], [1, 1, 0], 2, frequency=[4, 3, 3])
    >>> found = mean_days_bounds(fit_exit_hazards(exits), bands, 30)
    >>> round(found.lower.value, 9), round(found.upper.value, 9)
    (11.8, 20.8)
    """
    if bands.size != hazards.exits.bands:
        raise ProtocolError(
            f"there are {bands.size} bands and hazards of {hazards.exits.bands}; use the bands "
            "that the hazards were fitted with"
        )
    found = []
    for ends in (bands.first, bands.last):
        days = np.minimum(ends, until)
        reward = np.repeat(days[:-1, None], hazards.exits.causes, axis=1)
        found.append(_averaged(hazards, reward, float(days[-1]), design))
    return MeanDays(*found)


def _averaged(
    hazards: ExitHazards, reward: NDArray, end: float, design: NDArray | None
) -> GroupedEstimate:
    """Mean of a reward that hangs on band and cause of the exit, `end` for those who stay.

    With V(s) the reward expected of someone still there after band s, the mean moves with the
    probability of leaving in band s by cause k as S(s - 1) (reward(s, k) - V(s)).
    """
    exits = hazards.exits
    if design is not None and np.shape(design) != exits.design.shape:
        raise ProtocolError(
            f"the covariates as they are to be are {np.shape(design)} and those of the fit "
            f"{exits.design.shape}; give one row for each pattern"
        )
    total = exits.total / exits.total.sum()
    x, profile = exits.profiles if design is None else profiles(design)
    share = np.bincount(profile, total)
    chance = hazards.probability(x)
    stays = 1 - chance.sum(axis=2)
    reached = np.cumprod(np.hstack([np.ones((len(x), 1)), stays[:, :-1]]), axis=1)
    ahead = np.empty((len(x), exits.bands + 1))
    ahead[:, -1] = end
    for band in range(exits.bands - 1, -1, -1):
        ahead[:, band] = chance[:, band] @ reward[band] + stays[:, band] * ahead[:, band + 1]
    by_chance = reached[:, :, None] * (reward[None] - ahead[:, 1:, None])
    by_predictor = share[:, None, None] * hazards.pulled_back(x, by_chance)
    value = float(share @ ahead[:, 0])
    through_fit = hazards.derivative(by_predictor.sum(axis=0), by_predictor.sum(axis=1).T @ x)
    return GroupedEstimate(value, through_fit + (ahead[profile, 0] - value) / exits.total.sum())
