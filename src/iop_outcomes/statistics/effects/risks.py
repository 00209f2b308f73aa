"""Mean outcomes of the two arms, what they stand on, and what each person adds to them.

A risk here is a ratio of sums over people, of which some parts (weights, the target population,
predicted outcomes) come from fitted models. Each part carries its derivative by its model's
coefficients, so that one function, `augmented_mean`, gives every estimator's value and influence.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.weighting.weights import TILT, balancing_weights, weight_slopes
from iop_outcomes.vocabulary import Estimand

# One person with more than this share of an arm's weight IS the estimate of that arm.
LARGEST_SHARE = 0.5


@dataclass(frozen=True)
class Risks:
    """Mean outcome under each arm in one population, with one influence a person on each.

    Attributes
    ----------
    intervention, comparator
        Mean outcomes; risks if the outcome is 0 or 1.
    influence_intervention, influence_comparator
        Influence of each person on the two. Shape (n,).
    """

    intervention: float
    comparator: float
    influence_intervention: NDArray
    influence_comparator: NDArray


@dataclass(frozen=True)
class Estimated:
    """A value a person, and its derivative by the coefficients of the model it came from.

    Attributes
    ----------
    value
        Shape (n,).
    gradient
        Shape (n, coefficients); no columns if nothing was estimated.
    """

    value: NDArray
    gradient: NDArray

    def times(self, factor: NDArray) -> "Estimated":
        """Multiply by something known. Shape of the factor (n,)."""
        return Estimated(self.value * factor, self.gradient * factor[:, None])


@dataclass(frozen=True)
class Propensity:
    """Probability of the intervention, and what its model adds to the uncertainty.

    Attributes
    ----------
    probability
        In (0, 1). Shape (n,).
    gradient
        Derivative of each probability by the model's coefficients. Shape (n, columns).
    influence
        Influence of each person on the coefficients. Shape (n, columns).
    """

    probability: NDArray
    gradient: NDArray
    influence: NDArray


def known_propensity(probability: ArrayLike) -> Propensity:
    """Probabilities that owe nothing to a model: randomised, cross-fitted, or taken as known.

    Examples
    --------
    >>> known_propensity([0.5, 0.5]).influence.shape
    (2, 0)
    """
    e = np.asarray(probability, float)
    _require_inside(e)
    return Propensity(e, np.empty((e.size, 0)), np.empty((e.size, 0)))


def estimated_propensity(
    treated: ArrayLike, probability: ArrayLike, design: ArrayLike, weight: ArrayLike | None = None
) -> Propensity:
    """Probabilities of a logistic model at its maximum, see `fit_propensity`.

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    probability
        Fitted probabilities. Shape (n,).
    design
        Columns of the model. Shape (n, columns).
    weight
        How many people each row stood for when the model was fitted; one if absent. Shape (n,).

    Examples
    --------
    >>> treated = np.array([True, False, False, False])
    >>> estimated_propensity(treated, [0.25] * 4, np.ones((4, 1))).gradient.shape
    (4, 1)
    """
    e, a = np.asarray(probability, float), np.asarray(treated, float)
    _require_inside(e)
    weight = np.ones_like(e) if weight is None else np.asarray(weight, float)
    x = np.linalg.qr(np.asarray(design, float)).Q  # units cannot matter on an orthogonal basis
    gradient = x * (e * (1 - e))[:, None]
    covariance = np.linalg.inv((gradient * weight[:, None]).T @ x)
    return Propensity(e, gradient, (x * (weight * (a - e))[:, None]) @ covariance)


def arm_weights(
    treated: NDArray, propensity: Propensity, estimand: Estimand, weight: NDArray
) -> tuple[Estimated, Estimated]:
    """Balancing weights of the intervention arm and of the comparator, zero outside each.

    Raises
    ------
    PositivityError
        One person carries more than half of an arm's weight.
    """
    balancing = balancing_weights(treated, propensity.probability, estimand)
    slope = weight_slopes(treated, propensity.probability, estimand)
    whole = Estimated(balancing, propensity.gradient * slope[:, None])
    for arm, name in ((treated, "intervention"), (~treated, "comparator")):
        # A row that stands for many people is no single person's weight.
        share = (balancing * np.minimum(weight, 1))[arm].max() / (balancing * weight)[arm].sum()
        if share > LARGEST_SHARE:
            raise PositivityError(
                f"one person carries {share:.0%} of the weight of the {name} arm, so its risk "
                "would be that person's outcome; narrow eligibility, or choose the estimand ATO"
            )
    return whole.times(weight * treated), whole.times(weight * ~treated)


def target_population(
    treated: NDArray, propensity: Propensity | None, estimand: Estimand, weight: NDArray
) -> Estimated:
    """How much each person counts in the population that is averaged over.

    Who entered an arm is seen, so ATT and ATC count people and not their probabilities; with the
    probabilities the estimate would lean on the propensity model even when outcomes are modelled
    well. The overlap (ATO, ATM) exists only through the propensity score.

    Raises
    ------
    CohortError
        Nobody belongs to the population.
    PositivityError
        The population needs a propensity score and there is none.
    """
    seen = {Estimand.ATE: np.ones(treated.size), Estimand.ATT: treated, Estimand.ATC: ~treated}
    if not (weight * seen.get(estimand, 1)).any():
        raise CohortError(
            f"nobody belongs to the population of the {estimand}; choose another estimand or widen "
            "the subgroup"
        )
    if estimand in seen:
        columns = 0 if propensity is None else propensity.gradient.shape[1]
        return Estimated(weight * seen[estimand], np.zeros((treated.size, columns)))
    if propensity is None:
        raise PositivityError(
            f"the population of the {estimand} is made of propensity scores and none were given; "
            "give them, or choose ATE, ATT or ATC"
        )
    height, slope = (part(propensity.probability) for part in TILT[estimand])
    return Estimated(height, propensity.gradient * slope[:, None]).times(weight)


def augmented_mean(
    outcome: NDArray, predicted: Estimated, target: Estimated, weight: Estimated, normalised: bool
) -> tuple[float, NDArray, NDArray, NDArray]:
    r"""Predictions averaged over the target, plus weighted residuals of the people of an arm.

    .. math:: \hat\mu = \frac{\sum_i t_i m_i}{\sum_i t_i} + \frac{\sum_i w_i (y_i - m_i)}{D}

    with D the sum of t (plain) or of w (normalised, Hajek). Without predictions and normalised
    it is the weighted mean; without weights it is the g-formula.

    Returns
    -------
    tuple
        The mean; each person's own influence (n,); its derivatives by the coefficients of the
        propensity model and of the outcome model.
    """
    m, t, w = predicted.value, target.value, weight.value
    residual = np.where(w > 0, outcome - m, 0.0)
    total = t.sum()
    standardized = t @ m / total
    divisor = w.sum() if normalised else total
    correction = w @ residual / divisor
    # Only when divided by its own sum is the correction a mean, which deviates from itself.
    middle = correction if normalised else 0.0
    centre = standardized if normalised else standardized + correction
    own = t * (m - centre) / total + w * (residual - middle) / divisor
    by_propensity = (
        target.gradient.T @ (m - centre) / total + weight.gradient.T @ (residual - middle) / divisor
    )
    by_outcome = predicted.gradient.T @ (t / total - w / divisor)
    return float(standardized + correction), own, by_propensity, by_outcome


def checked_arms(
    outcome: ArrayLike, treated: ArrayLike, weight: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray]:
    """Outcome, arm and weight of a comparison that can be made.

    Raises
    ------
    CohortError
        An arm is empty, or everyone in it has one outcome; a value is missing or infinite; a
        weight is negative.
    """
    y, a = np.asarray(outcome, float), np.asarray(treated, bool)
    s = np.ones(y.size) if weight is None else np.asarray(weight, float)
    if not np.isfinite(y).all():
        raise CohortError(
            f"{(~np.isfinite(y)).sum()} outcomes are missing or infinite; leave those people out "
            "or impute their outcome"
        )
    if not np.isfinite(s).all() or (s < 0).any():
        raise CohortError("a weight is negative, missing or infinite; give weights of 0 or more")
    for arm, name in ((a, "intervention"), (~a, "comparator")):
        seen = y[arm & (s > 0)]
        if seen.size == 0:
            raise CohortError(f"the {name} arm is empty; widen eligibility or mend the strategies")
        if np.ptp(seen) == 0:
            raise CohortError(
                f"all {seen.size} people of the {name} arm have the same outcome, so its "
                "uncertainty cannot be seen; widen eligibility, move the horizon, or give an "
                "exact interval of two proportions"
            )
    return y, a, s


def known_arms(
    outcome: ArrayLike, treated: ArrayLike, weight: ArrayLike | None, known: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Outcome, arm, and how much each person counts in the population and among the outcomes.

    Raises
    ------
    CohortError
        As `checked_arms`, of the people whose outcome is known.
    """
    if known is None:
        y, a, s = checked_arms(outcome, treated, weight)
        return y, a, s, s
    k = np.asarray(known, bool)
    s = np.ones(k.size) if weight is None else np.asarray(weight, float)
    y, a, seen = checked_arms(np.where(k, np.asarray(outcome, float), 0.0), treated, s * k)
    return y, a, s, seen


def _require_inside(probability: NDArray) -> None:
    if not ((probability > 0) & (probability < 1)).all():
        raise PositivityError(
            "a propensity score is 0, 1 or missing: some people could only enter one arm; narrow "
            "eligibility to people who could have entered either"
        )
