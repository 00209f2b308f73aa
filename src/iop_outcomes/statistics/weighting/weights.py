"""Weights that turn two unlike groups into samples of one target population."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.vocabulary import Estimand

# Tilt h(e) of the population that each estimand averages over, and its slope h'(e)
# (Li, Morgan & Zaslavsky 2018, JASA 113:390-400, Table 1).
TILT: dict[Estimand, tuple[Callable[[NDArray], NDArray], Callable[[NDArray], NDArray]]] = {
    Estimand.ATE: (np.ones_like, np.zeros_like),
    Estimand.ATT: (lambda e: e, np.ones_like),
    Estimand.ATC: (lambda e: 1 - e, lambda e: -np.ones_like(e)),
    Estimand.ATO: (lambda e: e * (1 - e), lambda e: 1 - 2 * e),
    Estimand.ATM: (lambda e: np.minimum(e, 1 - e), lambda e: np.where(e < 0.5, 1.0, -1.0)),
}


def tilt(propensity: ArrayLike, estimand: Estimand) -> NDArray:
    """How much each person counts in the estimand's population, up to a constant. Shape (n,).

    Examples
    --------
    >>> tilt([0.5, 0.75], Estimand.ATO)
    array([0.25  , 0.1875])
    """
    return TILT[estimand][0](np.asarray(propensity, float))


def balancing_weights(treated: ArrayLike, propensity: ArrayLike, estimand: Estimand) -> NDArray:
    """Tilt over the probability of the arm received. Not normalised: estimators are Hajek's.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    propensity
        Probability of the intervention given the covariates, in (0, 1). Shape (n,).
    estimand
        Whose effect is averaged.

    Returns
    -------
    NDArray
        Shape (n,).

    Raises
    ------
    PositivityError
        A propensity score is 0, 1 or missing.

    Examples
    --------
    >>> balancing_weights([True, True, False], [0.5, 0.75, 0.5], Estimand.ATO)
    array([0.5 , 0.25, 0.5 ])
    """
    treated, e = np.asarray(treated, bool), np.asarray(propensity, float)
    if not ((e > 0) & (e < 1)).all():
        raise PositivityError(
            "propensity scores have to lie between 0 and 1, or weights are no numbers; fit them to "
            "people who could have entered either arm"
        )
    return tilt(e, estimand) / np.where(treated, e, 1 - e)


def weight_slopes(treated: ArrayLike, propensity: ArrayLike, estimand: Estimand) -> NDArray:
    """Derivative of each balancing weight by its own propensity score. Shape (n,).

    At a propensity of exactly one half ATM has a kink; its left and right slopes differ and the
    right one is taken.

    Examples
    --------
    >>> weight_slopes([True, False], [0.5, 0.5], Estimand.ATO)
    array([-1.,  1.])
    """
    treated, e = np.asarray(treated, bool), np.asarray(propensity, float)
    height, slope = (part(e) for part in TILT[estimand])
    return np.where(treated, (slope * e - height) / e**2, (slope * (1 - e) + height) / (1 - e) ** 2)


def stabilized_weights(
    treated: ArrayLike,
    propensity: ArrayLike,
    estimand: Estimand,
    frequency: ArrayLike | None = None,
) -> NDArray:
    """Balancing weights times the share of people in the arm received.

    For the ATE: the probability of the arm over its probability given covariates, with mean near
    1. An arm's weights only share a factor, so nothing that normalizes weights within arms can
    change; what is read off their size, such as truncation at a fixed value, does.

    Parameters
    ----------
    treated, propensity, estimand
        As for `balancing_weights`.
    frequency
        People who share each row; 1 if absent. Shape (n,).

    Returns
    -------
    NDArray
        Shape (n,).

    References
    ----------
    Robins, Hernan & Brumback (2000), Epidemiology 11:550-560.

    Examples
    --------
    >>> stabilized_weights([True, False, False, False], [0.5, 0.25, 0.25, 0.25], Estimand.ATE)
    array([0.5, 1. , 1. , 1. ])
    """
    treated = np.asarray(treated, bool)
    share = np.average(treated, weights=frequency)
    return np.where(treated, share, 1 - share) * balancing_weights(treated, propensity, estimand)


def effective_sample_size(weight: ArrayLike, frequency: ArrayLike | None = None) -> float:
    """Size of an unweighted sample of like precision: (sum w)^2 / sum w^2 (Kish).

    Parameters
    ----------
    weight
        Weight of each person. Shape (n,).
    frequency
        People who share each row; 1 if absent. Shape (n,).

    Raises
    ------
    CohortError
        Nobody has a weight above 0.

    Examples
    --------
    >>> effective_sample_size([1, 1, 1, 1]), effective_sample_size([4, 0, 0, 0])
    (4.0, 1.0)
    >>> effective_sample_size([1, 3], frequency=[3, 1])
    3.0
    """
    weight = np.asarray(weight, float)
    people = np.ones_like(weight) if frequency is None else np.asarray(frequency, float)
    total = people @ weight
    if not total > 0:
        raise CohortError(
            "nobody has a weight above 0, so there is no sample; look at who was trimmed"
        )
    return float(total**2 / (people @ weight**2))


def effective_sample_sizes(
    treated: ArrayLike, weight: ArrayLike, frequency: ArrayLike | None = None
) -> tuple[float, float]:
    """Effective sample size of the intervention and of the comparator arm.

    Examples
    --------
    >>> effective_sample_sizes([True, True, False, False], [1, 1, 3, 1])
    (2.0, 1.6)
    """
    treated, weight = np.asarray(treated, bool), np.asarray(weight, float)
    people = np.ones_like(weight) if frequency is None else np.asarray(frequency, float)
    return (
        effective_sample_size(weight[treated], people[treated]),
        effective_sample_size(weight[~treated], people[~treated]),
    )
