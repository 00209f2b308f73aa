"""Mean outcomes of the arms as they are, and of the arms weighted to one population."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.statistics.effects.risks import (
    Estimated,
    Propensity,
    Risks,
    arm_weights,
    augmented_mean,
    checked_arms,
    known_propensity,
)
from iop_outcomes.vocabulary import Estimand


def unadjusted_risks(
    outcome: ArrayLike, treated: ArrayLike, weight: ArrayLike | None = None
) -> Risks:
    """Mean outcome of each arm as it stands.

    Parameters
    ----------
    outcome
        Binary or continuous. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    weight
        How many people each row stands for; one if absent. Shape (n,).

    Raises
    ------
    CohortError
        An arm is empty or shows a single outcome.

    Examples
    --------
    >>> risks = unadjusted_risks([1, 0, 1, 0, 0, 0], [True, True, False, False, False, False])
    >>> risks.intervention, risks.comparator
    (0.5, 0.25)
    """
    y, a, s = checked_arms(outcome, treated, weight)
    return weighted_risks(y, a, known_propensity(np.full(y.size, 0.5)), Estimand.ATE, s)


def weighted_risks(
    outcome: ArrayLike,
    treated: ArrayLike,
    propensity: Propensity,
    estimand: Estimand,
    weight: ArrayLike | None = None,
) -> Risks:
    r"""Mean outcomes weighted by the inverse probability of treatment (Hajek).

    .. math:: \hat\mu_a = \sum_{i: A_i = a} w_i y_i \Big/ \sum_{i: A_i = a} w_i

    The influences stack the weighted means and the propensity model; `known_propensity` leaves
    the model out.

    Parameters
    ----------
    outcome
        Binary or continuous. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    propensity
        From `estimated_propensity` or `known_propensity`.
    estimand
        Whose risks are estimated.
    weight
        How much each person counts apart from this, such as membership in a subgroup or how many
        people a row stands for; one if absent. Shape (n,).

    Raises
    ------
    CohortError
        An arm is empty or shows a single outcome.
    PositivityError
        One person carries more than half of an arm's weight.

    References
    ----------
    Lunceford & Davidian (2004), Statistics in Medicine 23:2937-2960. Li, Morgan & Zaslavsky
    (2018), JASA 113:390-400.

    Examples
    --------
    Two sorts of people; the intervention is rarer in the second, where the outcome is commoner.

    >>> treated = np.array([1, 1, 1, 0, 0, 1, 1, 0, 0, 0], bool)
    >>> outcome = np.array([0, 1, 0, 0, 1, 1, 0, 1, 1, 0])
    >>> share = known_propensity([0.6] * 5 + [0.4] * 5)
    >>> round(weighted_risks(outcome, treated, share, Estimand.ATE).comparator, 6)
    0.583333
    """
    y, a, s = checked_arms(outcome, treated, weight)
    nothing = Estimated(np.zeros(y.size), np.empty((y.size, 0)))
    risks = [
        _weighted_mean(y, nothing, arm, propensity)
        for arm in arm_weights(a, propensity, estimand, s)
    ]
    return Risks(risks[0][0], risks[1][0], risks[0][1], risks[1][1])


def _weighted_mean(
    outcome: NDArray, nothing: Estimated, arm: Estimated, propensity: Propensity
) -> tuple[float, NDArray]:
    columns = propensity.gradient.shape[1]
    everyone = Estimated(np.ones(outcome.size), np.zeros((outcome.size, columns)))
    mean, own, by_propensity, _ = augmented_mean(outcome, nothing, everyone, arm, normalised=True)
    return mean, own + propensity.influence @ by_propensity
