"""Targeted minimum loss estimation: outcome models moved until the weights have nothing to add."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, logit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.outcome_models import PredictedOutcomes
from iop_outcomes.statistics.effects.risks import (
    Estimated,
    Propensity,
    Risks,
    arm_weights,
    known_arms,
    target_population,
)
from iop_outcomes.vocabulary import Estimand

# A prediction of exactly 0 or 1 has no logit and could never be moved.
NEAREST_TO_CERTAIN = 1e-9


def targeted_risks(
    outcome: ArrayLike,
    treated: ArrayLike,
    propensity: Propensity,
    predicted: PredictedOutcomes,
    estimand: Estimand,
    *,
    bounds: tuple[float, float] = (0.0, 1.0),
    weight: ArrayLike | None = None,
    known: ArrayLike | None = None,
) -> Risks:
    r"""Targeted minimum loss estimation (TMLE) with a logistic fluctuation an arm.

    Predictions :math:`\hat m_a` are moved along the logit scale by one number an arm,

    .. math::
        \sum_{i: A_i = a} w_i (y_i - m^*_a(x_i)) = 0, \qquad
        m^*_a = \mathrm{expit}(\mathrm{logit}(\hat m_a) + \epsilon_a),

    and averaged over the target population, so that a risk can never leave its bounds. The
    balancing weights are weights of the fluctuation and not its covariate, which is steadier.

    Parameters
    ----------
    outcome
        Within the bounds. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    propensity, predicted
        Estimated, known or cross-fitted; what was estimated enters the influences. Predictions
        outside the bounds are pulled inside.
    estimand
        Whose risks are estimated.
    bounds
        Least and largest possible outcome.
    weight
        How much each person counts, such as membership in a subgroup; one if absent. Shape (n,).
    known
        True where the outcome is known; everyone if absent. Others count in the population, with
        their predictions, and add no residual. Shape (n,).

    Raises
    ------
    CohortError
        An outcome lies outside the bounds; an arm is empty or shows a single outcome.
    PositivityError
        One person carries more than half of an arm's weight.

    References
    ----------
    van der Laan & Rubin (2006), International Journal of Biostatistics 2(1):11. Gruber & van der
    Laan (2010), the same 6(1):26 (bounded outcomes).

    Examples
    --------
    >>> from iop_outcomes.statistics.effects.outcome_models import known_outcomes
    >>> from iop_outcomes.statistics.effects.risks import known_propensity
    >>> treated, outcome = np.array([1, 1, 0, 0, 0, 0], bool), np.array([1, 0, 1, 0, 0, 0])
    >>> coin, half = known_propensity(np.full(6, 0.5)), known_outcomes([0.5] * 6, [0.5] * 6)
    >>> round(targeted_risks(outcome, treated, coin, half, Estimand.ATE).comparator, 12)
    0.25
    """
    y, a, s, seen = known_arms(outcome, treated, weight, known)
    low, width = bounds[0], bounds[1] - bounds[0]
    y = np.where(seen > 0, (y - low) / width, 0.0)
    if (y < 0).any() or (y > 1).any():
        raise CohortError(
            f"some outcomes lie outside {bounds[0]:g} to {bounds[1]:g}, the bounds of the "
            "fluctuation; give the least and the largest possible outcome"
        )
    target = target_population(a, propensity, estimand, s)
    weights = arm_weights(a, propensity, estimand, seen)
    means, influences = [], []
    for side, arm in zip((predicted.intervention, predicted.comparator), weights, strict=True):
        moved = Estimated((side.value - low) / width, side.gradient / width)
        mean, own, by_propensity, by_outcome = _targeted_mean(y, moved, target, arm)
        owed = propensity.influence @ by_propensity + predicted.influence @ by_outcome
        means.append(low + width * mean)
        influences.append(width * (own + owed))
    return Risks(*means, *influences)


def fluctuation(outcome: NDArray, predicted: NDArray, weight: NDArray) -> float:
    """Shift on the logit scale after which weighted residuals sum to zero, by Newton's method.

    Examples
    --------
    >>> round(fluctuation(np.array([1.0, 1, 1, 0]), np.full(4, 0.5), np.ones(4)), 6)
    1.098612
    """
    seen = weight > 0
    y, offset, w = outcome[seen], logit(predicted[seen]), weight[seen] / weight.sum()
    shift, widest = 0.0, 1.0
    for _ in range(100):
        mean = expit(offset + shift)
        step = float(w @ (y - mean)) / float(w @ (mean * (1 - mean)))
        # Where predictions are nearly certain Newton's step is wild; it may grow but not leap.
        step = float(np.clip(step, -widest, widest))
        shift += step
        if abs(step) < 1e-13 * max(1.0, abs(shift)):
            break
    return shift


def _targeted_mean(
    outcome: NDArray, predicted: Estimated, target: Estimated, weight: Estimated
) -> tuple[float, NDArray, NDArray, NDArray]:
    """Mean, own influence, and derivatives by both models, through the fluctuation."""
    inside = np.clip(predicted.value, NEAREST_TO_CERTAIN, 1 - NEAREST_TO_CERTAIN)
    shift = fluctuation(outcome, inside, weight.value)
    moved = expit(logit(inside) + shift)
    spread = moved * (1 - moved)
    gradient = predicted.gradient * (spread / (inside * (1 - inside)))[:, None]
    t, total, w = target.value, target.value.sum(), weight.value
    mean = t @ moved / total
    residual = np.where(w > 0, outcome - moved, 0.0)
    # The mean moves by this much for each unit by which the residuals' sum is off.
    leverage = (t @ spread / total) / (w @ spread)
    own = t * (moved - mean) / total + leverage * w * residual
    by_propensity = target.gradient.T @ (moved - mean) / total + leverage * (
        weight.gradient.T @ residual
    )
    by_outcome = gradient.T @ (t / total - leverage * w)
    return float(mean), own, by_propensity, by_outcome
