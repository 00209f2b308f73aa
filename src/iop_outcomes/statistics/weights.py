"""Weights that turn two unlike groups into samples of one target population."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

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

    Examples
    --------
    >>> balancing_weights([True, True, False], [0.5, 0.75, 0.5], Estimand.ATO)
    array([0.5 , 0.25, 0.5 ])
    """
    treated, e = np.asarray(treated, bool), np.asarray(propensity, float)
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


def effective_sample_size(weight: ArrayLike) -> float:
    """Size of an unweighted sample of like precision: (sum w)^2 / sum w^2.

    Examples
    --------
    >>> effective_sample_size([1, 1, 1, 1]), effective_sample_size([4, 0, 0, 0])
    (4.0, 1.0)
    """
    weight = np.asarray(weight, float)
    return float(weight.sum() ** 2 / (weight**2).sum())
