"""Subclasses of alike propensity, and the weights that average over them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError, ProtocolError
from iop_outcomes.vocabulary import Estimand


@dataclass(frozen=True)
class Subclassification:
    """People divided by their propensity.

    Attributes
    ----------
    subclass
        Number of each person's subclass, from 0. Shape (n,).
    cut_points
        Limits of the subclasses, the outermost among them. Shape (subclasses + 1,).
    treated, control
        People of each arm in each subclass. Shape (subclasses,).
    weight
        Weight of each person: `subclass_weights`. Shape (n,).
    estimand
        Whose effect the weights average.
    """

    subclass: NDArray
    cut_points: NDArray
    treated: NDArray
    control: NDArray
    weight: NDArray
    estimand: Estimand


def subclassification(
    treated: ArrayLike, propensity: ArrayLike, estimand: Estimand, subclasses: int = 5
) -> Subclassification:
    """Divide people at quantiles of the propensity.

    The quantiles (linear interpolation, R's type 7) are those of the estimand's population: the
    treated for the ATT, the controls for the ATC, everyone for the ATE. A subclass holds its lower
    limit and not its upper one; the outermost take in whoever lies beyond them.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    propensity
        Probability of the intervention given the covariates, or any rising function. Shape (n,).
    estimand
        ATE, ATT or ATC.
    subclasses
        How many.

    Raises
    ------
    CohortError
        An arm is empty, a propensity is missing, or propensities tie so much that a subclass is
        empty.
    PositivityError
        A subclass lacks one of the arms.
    ProtocolError
        The estimand or the number of subclasses make no sense.

    References
    ----------
    Rosenbaum & Rubin (1984), JASA 79:516-524.

    Examples
    --------
    >>> halves = subclassification(
    ...     [False, True, False, True], [0.1, 0.2, 0.6, 0.7], Estimand.ATE, 2
    ... )
    >>> halves.subclass, halves.cut_points.round(6)
    (array([0, 0, 1, 1]), array([0.1, 0.4, 0.7]))
    """
    _averages_over_subclasses(estimand)
    if subclasses < 2 or subclasses != int(subclasses):
        raise ProtocolError(f"{subclasses} is not a number of subclasses; ask for 2 or more")
    treated, propensity = np.asarray(treated, bool), np.asarray(propensity, float)
    if not np.isfinite(propensity).all():
        raise CohortError(
            f"the propensity of {int((~np.isfinite(propensity)).sum())} people is missing or "
            "infinite; leave them out beforehand"
        )
    for arm, name in ((treated, "intervention"), (~treated, "comparator")):
        if not arm.any():
            raise CohortError(f"the {name} arm has nobody to put into subclasses")
    population = {
        Estimand.ATE: np.ones_like(treated),
        Estimand.ATT: treated,
        Estimand.ATC: ~treated,
    }[estimand]
    cut_points = np.quantile(propensity[population], np.linspace(0, 1, subclasses + 1))
    subclass = np.searchsorted(cut_points[1:-1], propensity, side="right")
    if np.unique(subclass).size < subclasses:
        raise CohortError(
            f"the propensity takes too few values for {subclasses} subclasses; ask for fewer"
        )
    return Subclassification(
        subclass=subclass,
        cut_points=cut_points,
        treated=np.bincount(subclass[treated], minlength=subclasses),
        control=np.bincount(subclass[~treated], minlength=subclasses),
        weight=subclass_weights(treated, subclass, estimand),
        estimand=estimand,
    )


def subclass_weights(treated: ArrayLike, subclass: ArrayLike, estimand: Estimand) -> NDArray:
    """Weights under which both arms are spread over subclasses like the estimand's population.

    They average 1 over the people of each arm who are in a subclass (MatchIt's convention).
    Shape (n,).

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    subclass
        Number of each person's subclass from 0; -1 for those left out, who weigh 0. Shape (n,).
    estimand
        ATE, ATT or ATC.

    Raises
    ------
    PositivityError
        A subclass lacks one of the arms.

    References
    ----------
    Hong (2010), Journal of Educational and Behavioral Statistics 35:499-531.

    Examples
    --------
    One treated and three controls, then one and one: for the ATT the controls of the first
    subclass share the weight of one.

    >>> treated = np.array([True, False, False, False, True, False])
    >>> subclass_weights(treated, np.array([0, 0, 0, 0, 1, 1]), Estimand.ATT).round(6)
    array([1.      , 0.666667, 0.666667, 0.666667, 1.      , 2.      ])
    """
    treated, subclass = np.asarray(treated, bool), np.asarray(subclass)
    inside = subclass >= 0
    size = subclass.max(initial=-1) + 1
    counts = np.array(
        [np.bincount(subclass[arm & inside], minlength=size) for arm in (~treated, treated)]
    )
    _both_arms(counts)
    share = subclass_shares(counts[1], counts[0], estimand)
    factor = share * counts.sum(axis=1, keepdims=True) / counts
    return np.where(inside, factor[treated.astype(int), subclass], 0.0)


def subclass_shares(treated: NDArray, control: NDArray, estimand: Estimand) -> NDArray:
    """Share of each subclass in the estimand's population, from its people by arm.

    Shape (subclasses,).

    Examples
    --------
    >>> subclass_shares(np.array([1, 3]), np.array([3, 1]), Estimand.ATT)
    array([0.25, 0.75])
    """
    _averages_over_subclasses(estimand)
    counted = {
        Estimand.ATE: treated + control,
        Estimand.ATT: treated,
        Estimand.ATC: control,
    }[estimand]
    return counted / counted.sum()


@dataclass(frozen=True)
class StratifiedDifference:
    """Differences in means within subclasses, and their average.

    Attributes
    ----------
    estimate, std_error
        Average over the estimand's population. The shares of the subclasses are taken as known.
    within, within_std_error
        Of each subclass. Shape (subclasses,).
    influence
        Of each person on the average; 0 for those left out. Shape (n,).
    """

    estimate: float
    std_error: float
    within: NDArray
    within_std_error: NDArray
    influence: NDArray


def stratified_difference(
    outcome: ArrayLike,
    treated: ArrayLike,
    subclass: ArrayLike,
    estimand: Estimand,
    *,
    unbiased: bool = False,
) -> StratifiedDifference:
    """Average the differences in means within subclasses over the estimand's population.

    Parameters
    ----------
    outcome
        A value, or 0 and 1 for a risk. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    subclass
        Number of each person's subclass from 0; -1 for those left out. Shape (n,).
    estimand
        ATE, ATT or ATC.
    unbiased
        Divide the sum of squares of each arm in each subclass by n - 1 and not by n.

    Raises
    ------
    PositivityError
        A subclass lacks one of the arms.
    CohortError
        An outcome is missing; or, if `unbiased`, somebody is alone in an arm of a subclass.

    Examples
    --------
    >>> risk = stratified_difference(
    ...     [1, 0, 1, 0, 0, 0], [True, False] * 3, [0, 0, 1, 1, 1, 1], Estimand.ATT
    ... )
    >>> risk.within, round(risk.estimate, 6)
    (array([1. , 0.5]), 0.666667)
    """
    outcome, treated = np.asarray(outcome, float), np.asarray(treated, bool)
    subclass = np.asarray(subclass)
    inside = np.flatnonzero(subclass >= 0)
    y, k, arm = outcome[inside], subclass[inside], treated[inside].astype(int)
    if np.isnan(y).any():
        raise CohortError(
            f"the outcome of {int(np.isnan(y).sum())} people is missing; weight for their "
            "censoring or leave them out beforehand"
        )
    size = k.max(initial=-1) + 1
    cell = arm * size + k
    counts = np.bincount(cell, minlength=2 * size).reshape(2, size)
    _both_arms(counts)
    if unbiased and (counts < 2).any():
        raise CohortError(
            "somebody is alone in their arm of a subclass, so no spread is seen there; ask for "
            "fewer subclasses"
        )
    share = subclass_shares(counts[1], counts[0], estimand)
    mean = np.bincount(cell, y, minlength=2 * size).reshape(2, size) / counts
    deviation = (y - mean.ravel()[cell]) / counts.ravel()[cell]
    if unbiased:
        deviation *= np.sqrt(counts / (counts - 1)).ravel()[cell]
    deviation *= np.where(arm == 1, 1, -1)
    influence = np.zeros(outcome.size)
    influence[inside] = share[k] * deviation
    return StratifiedDifference(
        estimate=float(share @ (mean[1] - mean[0])),
        std_error=float(np.sqrt(np.sum(influence**2))),
        within=mean[1] - mean[0],
        within_std_error=np.sqrt(np.bincount(k, deviation**2, minlength=size)),
        influence=influence,
    )


def _averages_over_subclasses(estimand: Estimand) -> None:
    if estimand not in (Estimand.ATE, Estimand.ATT, Estimand.ATC):
        raise ProtocolError(
            f"subclasses cannot average over the {estimand} population; ask for the ATE, the ATT "
            "or the ATC"
        )


def _both_arms(counts: NDArray) -> None:
    lacking = np.flatnonzero((counts == 0).any(axis=0))
    if not counts.size:
        raise CohortError("nobody is in a subclass")
    if lacking.size:
        where = ", ".join(
            f"subclass {k + 1} of {counts.shape[1]} has nobody in the "
            f"{'comparator' if counts[0, k] == 0 else 'intervention'} arm"
            for k in lacking[:3]
        )
        more = f" (and {lacking.size - 3} others alike)" if lacking.size > 3 else ""
        raise PositivityError(
            f"{where}{more}; ask for fewer subclasses or narrow eligibility to people who could "
            "have entered either arm"
        )
