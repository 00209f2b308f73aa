"""Who may be matched with whom: the distance, the caliper, exact strata, the common support."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logit

from iop_outcomes.errors import CohortError, PositivityError, ProtocolError
from iop_outcomes.vocabulary import Estimand


class DistanceScale(StrEnum):
    """On which scale two propensity scores are compared."""

    PROBABILITY = "probability"
    LOGIT = "logit"


class CaliperUnit(StrEnum):
    """What a caliper of 1 is. Standard deviations divide by n - 1."""

    FULL_SAMPLE_SD = "standard deviations in the full sample"  # MatchIt, HADES
    POOLED_WITHIN_ARM_SD = "standard deviations pooled within arms"  # Austin (2011)
    DISTANCE = "units of the distance"


class Discard(StrEnum):
    """Who is set aside because their distance lies beyond that of the other arm."""

    NOBODY = "nobody"
    TREATED = "treated beyond the range of the controls"
    CONTROLS = "controls beyond the range of the treated"
    BOTH = "everyone beyond the range that the arms share"


@dataclass(frozen=True)
class Caliper:
    """Largest distance within a pair, on the scale of the distance that is matched on.

    Attributes
    ----------
    width
        A pair may be this far apart and no farther; above 0.
    unit
        What the width counts.
    """

    width: float
    unit: CaliperUnit = CaliperUnit.FULL_SAMPLE_SD


@dataclass(frozen=True)
class MatchingSample:
    """People who may be matched, checked, and seen from the arm that looks for matches.

    Attributes
    ----------
    treated
        True in the intervention arm. Shape (n,).
    distance
        Where people stand on the line; finite. Shape (n,).
    stratum
        Number of the exact stratum. Shape (n,).
    estimand
        ATT or ATC: whose effect is averaged.
    focal
        Rows of the arm whose effect is averaged, those set aside left out; ascending.
    donors
        Rows of the other arm, those set aside left out; ascending.
    caliper_width
        Largest distance within a pair, in units of the distance; infinite if there is none.
    """

    treated: NDArray
    distance: NDArray
    stratum: NDArray
    estimand: Estimand
    focal: NDArray
    donors: NDArray
    caliper_width: float


def matching_distance(propensity: ArrayLike, scale: DistanceScale) -> NDArray:
    """Propensity scores on the scale on which they are compared. Shape (n,).

    Raises
    ------
    PositivityError
        A propensity of 0 or 1 has no logit.

    Examples
    --------
    >>> matching_distance([0.5, 0.75], DistanceScale.LOGIT).round(6)
    array([0.      , 1.098612])
    """
    propensity = np.asarray(propensity, float)
    if scale is DistanceScale.PROBABILITY:
        return propensity
    beyond = ~((propensity > 0) & (propensity < 1))
    if beyond.any():
        raise PositivityError(
            f"the propensity of {int(beyond.sum())} people is not between 0 and 1, so it has no "
            "logit; narrow eligibility to people who could have entered either arm, or match on "
            "the probability"
        )
    return logit(propensity)


def matching_sample(
    treated: ArrayLike,
    distance: ArrayLike,
    estimand: Estimand,
    caliper: Caliper | None = None,
    stratum: ArrayLike | None = None,
    discard: Discard = Discard.NOBODY,
) -> MatchingSample:
    """Check the people and say who may be matched with whom.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    distance
        Propensity scores, or their logits: `matching_distance`. Shape (n,).
    estimand
        ATT or ATC.
    caliper
        Largest distance within a pair. Its standard deviation is that of the people who were not
        set aside (MatchIt's `std.caliper=TRUE`).
    stratum
        Pairs are made only within a stratum; any labels. Shape (n,).
    discard
        Who is set aside first.

    Raises
    ------
    CohortError
        An arm is empty, a distance or a stratum is missing, or nobody is in the common support.
    ProtocolError
        The estimand is not ATT or ATC, or the caliper is not above 0.

    Examples
    --------
    >>> sample = matching_sample([True, False, False], [0.4, 0.3, 0.6], Estimand.ATT)
    >>> sample.focal, sample.donors
    (array([0]), array([1, 2]))
    """
    if estimand not in (Estimand.ATT, Estimand.ATC):
        raise ProtocolError(
            f"matching finds matches for one arm, so it cannot average over the {estimand} "
            "population; ask for the ATT or the ATC"
        )
    treated, distance = np.asarray(treated, bool), np.asarray(distance, float)
    if not np.isfinite(distance).all():
        raise CohortError(
            f"the distance of {int((~np.isfinite(distance)).sum())} people is missing or infinite, "
            "so they cannot be matched; leave them out beforehand or mend their propensity"
        )
    _both_arms(treated, "has nobody to match")
    kept = _in_support(treated, distance, discard)
    _both_arms(treated[kept], "has nobody in the common support; set discard to nobody")
    return MatchingSample(
        treated=treated,
        distance=distance,
        stratum=_stratum_number(stratum, treated.size),
        estimand=estimand,
        focal=np.flatnonzero(kept & (treated == (estimand is Estimand.ATT))),
        donors=np.flatnonzero(kept & (treated != (estimand is Estimand.ATT))),
        caliper_width=_caliper_width(caliper, treated[kept], distance[kept]),
    )


def _both_arms(treated: NDArray, fault: str) -> None:
    for members, name in ((treated, "intervention"), (~treated, "comparator")):
        if not members.any():
            raise CohortError(f"the {name} arm {fault}")


def _in_support(treated: NDArray, distance: NDArray, discard: Discard) -> NDArray:
    kept = np.ones(treated.size, bool)
    for arm, when in ((treated, Discard.TREATED), (~treated, Discard.CONTROLS)):
        if discard in (when, Discard.BOTH):
            low, high = distance[~arm].min(), distance[~arm].max()
            kept &= ~arm | ((distance >= low) & (distance <= high))
    return kept


def _stratum_number(stratum: ArrayLike | None, n: int) -> NDArray:
    if stratum is None:
        return np.zeros(n, int)
    stratum = np.asarray(stratum)
    missing = stratum != stratum  # only a missing value differs from itself
    if stratum.dtype == object:
        missing = missing | np.equal(stratum, None)
    if np.any(missing):
        raise CohortError(
            f"the exact stratum of {int(np.sum(missing))} people is missing, so they cannot be "
            "matched; leave them out beforehand or give them a stratum of their own"
        )
    return np.unique(stratum, return_inverse=True)[1]


def _caliper_width(caliper: Caliper | None, treated: NDArray, distance: NDArray) -> float:
    if caliper is None:
        return np.inf
    if not caliper.width > 0:
        raise ProtocolError(
            f"a caliper of {caliper.width:g} allows no pair; give a width above 0 or no caliper"
        )
    if caliper.unit is CaliperUnit.DISTANCE:
        return float(caliper.width)
    groups = [distance]
    if caliper.unit is CaliperUnit.POOLED_WITHIN_ARM_SD:
        groups = [distance[treated], distance[~treated]]
    if min(group.size for group in groups) < 2:
        raise CohortError(
            "a caliper in standard deviations needs two people in each arm; give it in units of "
            "the distance"
        )
    return float(caliper.width * np.sqrt(np.mean([group.var(ddof=1) for group in groups])))
