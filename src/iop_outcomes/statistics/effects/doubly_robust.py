"""Estimators that use a model of the outcome: the g-formula, AIPW, and weighted regression."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    PredictedOutcomes,
    fit_outcome_models,
    fit_regression,
)
from iop_outcomes.statistics.effects.risks import (
    Estimated,
    Propensity,
    Risks,
    arm_weights,
    augmented_mean,
    checked_arms,
    known_arms,
    target_population,
)
from iop_outcomes.statistics.estimating_equations import EstimatedWeights
from iop_outcomes.vocabulary import Estimand


def standardized_risks(
    treated: ArrayLike,
    predicted: PredictedOutcomes,
    estimand: Estimand,
    *,
    propensity: Propensity | None = None,
    weight: ArrayLike | None = None,
) -> Risks:
    r"""G-computation: predicted outcomes averaged over the target population.

    .. math:: \hat\mu_a = \sum_i t_i \hat m_a(x_i) \Big/ \sum_i t_i

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    predicted
        From `fit_outcome_models`.
    estimand
        Whose risks are estimated.
    propensity
        Needed for ATO and ATM only, whose populations are made of it.
    weight
        How much each person counts in the population, such as membership in a subgroup; one if
        absent. Shape (n,).

    References
    ----------
    Robins (1986), Mathematical Modelling 7:1393-1512. Sjölander (2016), European Journal of
    Epidemiology 31:563-574 (its sandwich).

    Examples
    --------
    >>> from iop_outcomes.statistics.effects.outcome_models import known_outcomes
    >>> predicted = known_outcomes([0.2, 0.4], [0.3, 0.7])
    >>> standardized_risks([True, False], predicted, Estimand.ATC).comparator
    0.7
    """
    a = np.asarray(treated, bool)
    s = np.ones(a.size) if weight is None else np.asarray(weight, float)
    target = target_population(a, propensity, estimand, s)
    nobody = Estimated(np.zeros(a.size), np.zeros_like(target.gradient))
    means, influences = [], []
    for side in (predicted.intervention, predicted.comparator):
        mean, own, by_propensity, by_outcome = augmented_mean(
            side.value, side, target, nobody, normalised=False
        )
        owed = 0.0 if propensity is None else propensity.influence @ by_propensity
        means.append(mean)
        influences.append(own + owed + predicted.influence @ by_outcome)
    return Risks(*means, *influences)


def augmented_risks(
    outcome: ArrayLike,
    treated: ArrayLike,
    propensity: Propensity,
    predicted: PredictedOutcomes,
    estimand: Estimand,
    *,
    weight: ArrayLike | None = None,
    known: ArrayLike | None = None,
    normalised: bool = False,
) -> Risks:
    r"""Augmented inverse probability weighting (AIPW).

    .. math::
        \hat\mu_a = \frac{\sum_i t_i \hat m_a(x_i)}{\sum_i t_i}
        + \frac{\sum_{i: A_i = a} w_i (y_i - \hat m_a(x_i))}{\sum_i t_i}

    For ATE, ATT and ATC it is right if either model is. The populations of ATO and ATM are made
    of the propensity score, so there a good outcome model cannot save a wrong propensity model.

    Parameters
    ----------
    outcome
        Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    propensity, predicted
        Estimated, known or cross-fitted; what was estimated enters the influences.
    estimand
        Whose risks are estimated.
    weight
        How much each person counts, such as membership in a subgroup; one if absent. Shape (n,).
    known
        True where the outcome is known; everyone if absent. Others count in the population, with
        their predictions, and add no residual. Shape (n,).
    normalised
        Divide the residuals' sum by the sum of the weights (Hajek) rather than by the size of the
        target population; steadier when weights are large, and needed where outcomes are unknown,
        or their share of the residuals would count as nothing.

    Raises
    ------
    CohortError
        An arm is empty or shows a single outcome.
    PositivityError
        One person carries more than half of an arm's weight.

    References
    ----------
    Robins, Rotnitzky & Zhao (1994), JASA 89:846-866. Lunceford & Davidian (2004), Statistics in
    Medicine 23:2937-2960. Chernozhukov et al. (2018), Econometrics Journal 21:C1-C68.

    Examples
    --------
    Predictions that are exact leave the weights nothing to do:

    >>> from iop_outcomes.statistics.effects.outcome_models import known_outcomes
    >>> from iop_outcomes.statistics.effects.risks import known_propensity
    >>> treated, one = np.array([1, 1, 0, 0], bool), np.array([0.1, 0.4, 0.2, 0.5])
    >>> exact = known_outcomes(one, one + 0.1)
    >>> outcome = np.where(treated, one, one + 0.1)
    >>> coin = known_propensity(np.full(4, 0.5))
    >>> round(augmented_risks(outcome, treated, coin, exact, Estimand.ATE).intervention, 12)
    0.3
    """
    y, a, s, seen = known_arms(outcome, treated, weight, known)
    target = target_population(a, propensity, estimand, s)
    weights = arm_weights(a, propensity, estimand, seen)
    means, influences = [], []
    for side, arm in zip((predicted.intervention, predicted.comparator), weights, strict=True):
        mean, own, by_propensity, by_outcome = augmented_mean(y, side, target, arm, normalised)
        means.append(mean)
        influences.append(
            own + propensity.influence @ by_propensity + predicted.influence @ by_outcome
        )
    return Risks(*means, *influences)


@dataclass(frozen=True)
class WeightedRegression:
    """A regression on the arm, weighted to the estimand's population.

    Attributes
    ----------
    coefficient
        Of the arm: a risk difference (identity), log risk ratio (log) or log odds ratio (logit);
        conditional on the covariates if there are any.
    influence
        Influence of each person on the coefficient. Shape (n,).
    risks
        Predictions of the regression, standardised to the estimand's population.
    """

    coefficient: float
    influence: NDArray
    risks: Risks


def weighted_regression(
    outcome: ArrayLike,
    treated: ArrayLike,
    propensity: Propensity,
    estimand: Estimand,
    link: Link,
    *,
    covariates: ArrayLike | None = None,
    weight: ArrayLike | None = None,
) -> WeightedRegression:
    """Regress the outcome on the arm with balancing weights (a marginal structural model).

    Parameters
    ----------
    outcome
        Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    propensity
        Estimated or known.
    estimand
        Whose effect is estimated.
    link
        Scale of the coefficient.
    covariates
        Further columns, without an intercept. Shape (n, columns).
    weight
        How many people each row stands for; one if absent. Shape (n,).

    References
    ----------
    Robins, Hernán & Brumback (2000), Epidemiology 11:550-560. Wooldridge (2007), Journal of
    Econometrics 141:1281-1301 (weighted regression adjustment).

    Examples
    --------
    >>> from iop_outcomes.statistics.effects.risks import known_propensity
    >>> treated, outcome = np.array([1, 1, 1, 1, 0, 0, 0, 0]), np.array([1, 0, 0, 0, 1, 1, 0, 0])
    >>> coin = known_propensity(np.full(8, 0.5))
    >>> round(weighted_regression(outcome, treated, coin, Estimand.ATE, Link.LOGIT).coefficient, 6)
    -1.098612
    """
    y, a, s = checked_arms(outcome, treated, weight)
    arms = arm_weights(a, propensity, estimand, s)
    w = arms[0].value + arms[1].value
    estimated = EstimatedWeights(arms[0].gradient + arms[1].gradient, propensity.influence)
    design = np.ones((y.size, 1))
    if covariates is not None:
        design = np.column_stack([design, np.asarray(covariates, float)])
    fit = fit_regression(y, np.column_stack([design, a]), link, w, estimated)
    predicted = fit_outcome_models(y, a, design, link, pooled=True, weight=w, estimated=estimated)
    return WeightedRegression(
        coefficient=float(fit.coefficients[-1]),
        influence=fit.influence[:, -1],
        risks=standardized_risks(a, predicted, estimand, propensity=propensity, weight=s),
    )


def inverse_weighted_outcome_models(
    outcome: ArrayLike,
    treated: ArrayLike,
    design: ArrayLike,
    propensity: Propensity,
    estimand: Estimand,
    link: Link,
    *,
    pooled: bool = False,
    weight: ArrayLike | None = None,
) -> PredictedOutcomes:
    """Outcome models fitted with balancing weights, whose own uncertainty enters the influences.

    `standardized_risks` of these predictions is inverse-probability-weighted regression
    adjustment (IPWRA), which is doubly robust.

    Parameters
    ----------
    outcome, treated, propensity, estimand, link, weight
        See `weighted_regression`.
    design
        Covariates with an intercept, without the arm. Shape (n, columns).
    pooled
        See `fit_outcome_models`.

    Examples
    --------
    >>> from iop_outcomes.statistics.effects.risks import known_propensity
    >>> predicted = inverse_weighted_outcome_models(
    ...     [1.0, 2, 3, 5], [1, 1, 0, 0], np.ones((4, 1)), known_propensity(np.full(4, 0.5)),
    ...     Estimand.ATE, Link.IDENTITY)
    >>> predicted.comparator.value
    array([4., 4., 4., 4.])
    """
    y, a, s = checked_arms(outcome, treated, weight)
    arms = arm_weights(a, propensity, estimand, s)
    return fit_outcome_models(
        y, a, design, link, pooled=pooled, weight=arms[0].value + arms[1].value,
        estimated=EstimatedWeights(arms[0].gradient + arms[1].gradient, propensity.influence),
    )  # fmt: skip
