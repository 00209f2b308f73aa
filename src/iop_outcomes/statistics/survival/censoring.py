r"""Weights for follow-up that ends because a strategy was left, and risks under the strategy.

A person follows a strategy until the first day on which the data contradict it; there follow-up
is censored artificially. Those who stay are weighted by one over the probability of staying, so
that they stand in for those who left. A decision (a start, an exit) is what makes a person leave
one strategy or keep another. On each day things happen in this order: events, the decision, the
censoring it brings. So a decision on day s changes weights from day s + 1.

With the daily probability :math:`h_{is}` of deciding, given not yet and the covariates, and
:math:`\tau` the last day on which the decision matters:

* "do not decide" censors on the day of the decision. The weight on day t is
  :math:`\prod_{s<t} 1 / (1 - h_{is})`.
* "decide by day :math:`\tau`" censors at the end of day :math:`\tau` those who have not. Those who
  decided on one of the last c days, the closing days, stand in for them: after day :math:`\tau`
  their weight is :math:`1 / (1 - \prod_{s=\tau-c+1}^{\tau} (1 - h_{is}))`; everyone else's is one.

Risks under these weights, and their uncertainty: statistics/survival/changing_weights.py.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.weighting.propensity import (
    PropensityFit,
    dependent_columns,
    fit_propensity,
)


@dataclass(frozen=True)
class Decisions:
    """One row per person and day on which the decision could be taken, or has to be predicted.

    Attributes
    ----------
    person
        Position of the person, 0 to people - 1. Shape (rows,).
    day
        Days from time zero, 0 to `last_day`. Shape (rows,).
    undecided
        True where the person could still decide that day; the model learns from these rows. Shape
        (rows,).
    decided
        True on the day of the decision. Shape (rows,).
    design
        Columns of the model, the intercept and the day's terms among them. Shape (rows, columns).
    people
        How many people there are.
    last_day
        The last day on which a decision matters: the end of a grace period.
    """

    person: NDArray
    day: NDArray
    undecided: NDArray
    decided: NDArray
    design: NDArray
    people: int
    last_day: int


@dataclass(frozen=True)
class DecisionModel:
    """A pooled logistic regression of the decision on person-days.

    Attributes
    ----------
    decisions
        What it was fitted to.
    probability
        Of deciding on each day if undecided; 0 where nothing could be decided. Shape (people,
        last_day + 1).
    decision_day
        Day of the decision, infinite without one. Shape (people,).
    basis
        The design in the units of `influence`. Shape (rows, columns).
    influence
        Of each person on the coefficients of the basis. Shape (people, columns).
    """

    decisions: Decisions
    probability: NDArray
    decision_day: NDArray
    basis: NDArray
    influence: NDArray


@dataclass(frozen=True)
class StrategyWeights:
    """Weights of everyone who still follows a strategy, by day.

    Attributes
    ----------
    weight
        On each day, before its decisions; the last column is every later day. Shape (people,
        last_day + 2).
    slope
        Derivative of the log weight by each day's log odds of deciding. Shape (people,
        last_day + 1).
    acts_from
        The column of `weight` from which each day's decision acts. Shape (last_day + 1,).
    """

    weight: NDArray
    slope: NDArray
    acts_from: NDArray


def fit_decisions(decisions: Decisions) -> DecisionModel:
    """Probability of deciding on each day, by maximum likelihood over undecided person-days.

    Where nobody ever decides it is 0 on every day, without uncertainty.

    Raises
    ------
    PositivityError
        The columns tell exactly who decides and when.
    CohortError
        A column of the design follows from the others.

    Examples
    --------
    Two people, two days; one decides on day 1:

    >>> days = Decisions(
    ...     person=np.array([0, 0, 1, 1]), day=np.array([0, 1, 0, 1]), undecided=np.ones(4, bool),
    ...     decided=np.array([False, True, False, False]), design=np.ones((4, 1)),
    ...     people=2, last_day=1,
    ... )
    >>> fit_decisions(days).probability.round(12)
    array([[0.25, 0.25],
           [0.25, 0.25]])
    """
    learnt = decisions.undecided
    took = decisions.decided & learnt
    probability = np.zeros((decisions.people, decisions.last_day + 1))
    when = np.full(decisions.people, np.inf)
    scores = np.zeros((decisions.people, decisions.design.shape[1]))
    if not took.any():
        return DecisionModel(decisions, probability, when, decisions.design, scores)
    basis, fit = _regression(decisions.design, learnt, decisions.decided[learnt])
    surprise = decisions.decided[learnt] - fit.probability
    np.add.at(scores, decisions.person[learnt], basis[learnt] * surprise[:, None])
    probability[decisions.person, decisions.day] = expit(basis @ fit.coefficients)
    when[decisions.person[took]] = decisions.day[took]
    return DecisionModel(decisions, probability, when, basis, scores @ fit.covariance)


def _regression(
    design: NDArray, learnt: NDArray, decided: NDArray
) -> tuple[NDArray, PropensityFit]:
    """The design on a basis orthogonal where it was learnt from, and the regression on that."""
    if dependent_columns(design[learnt]):
        raise CohortError(
            "on the days on which anyone could decide, a column of the model follows from the "
            "others; leave out a covariate, or describe the day with fewer terms"
        )
    basis = np.linalg.solve(np.linalg.qr(design[learnt]).R.T, design.T).T
    try:
        return basis, fit_propensity(decided, basis[learnt])
    except PositivityError as error:
        raise PositivityError(
            "the covariates and the day tell exactly who decides and who does not, so nobody "
            "stands in for those whose follow-up ends; leave out a covariate, or describe the day "
            "with fewer terms"
        ) from error


def weights_without(model: DecisionModel) -> StrategyWeights:
    """Weights under "do not decide up to the last day".

    Examples
    --------
    With a probability of a quarter a day, who has not decided after two days counts (4/3)^2:

    >>> days = Decisions(
    ...     person=np.array([0, 0, 1, 1]), day=np.array([0, 1, 0, 1]), undecided=np.ones(4, bool),
    ...     decided=np.array([False, True, False, False]), design=np.ones((4, 1)),
    ...     people=2, last_day=1,
    ... )
    >>> (weights_without(fit_decisions(days)).weight[1] * 9).round(6)
    array([ 9., 12., 16.])
    """
    staying = -np.log1p(-model.probability)
    before = np.zeros((len(staying), 1))
    return StrategyWeights(
        weight=np.exp(np.hstack([before, np.cumsum(staying, axis=1)])),
        slope=model.probability,
        acts_from=np.arange(1, staying.shape[1] + 1),
    )


def weights_with(model: DecisionModel, closing_days: int = 1) -> StrategyWeights:
    """Weights under "decide by the last day".

    With one closing day this is exactly the strategy in which people decide at their own pace and
    on the last day whoever has not yet. More closing days lean on more people; they are right if,
    for those event-free at the end, it does not matter later on which of these days they decided.

    Parameters
    ----------
    closing_days
        Last days on which those who decide stand in for those who never do, 1 to last_day + 1.

    Raises
    ------
    PositivityError
        Somebody had not decided by the last day, and nobody decided on the closing days.
    """
    last = model.decisions.last_day
    closing = slice(last + 1 - closing_days, last + 1)
    late = np.isfinite(model.decision_day) & (model.decision_day >= closing.start)
    days = model.decisions
    waiting = days.undecided & (days.day == last) & ~days.decided
    if waiting.any() and not late.any():
        raise PositivityError(
            f"nobody decided on days {closing.start} to {last}, so nobody can stand in for those "
            "who had not by then; ask for more closing days"
        )
    staying = np.log1p(-model.probability[:, closing]).sum(axis=1)
    deciding = np.where(late, -np.expm1(staying), 1.0)
    weight = np.ones((len(late), last + 2))
    weight[:, -1] = 1 / deciding
    slope = np.zeros_like(model.probability)
    slope[:, closing] = -((1 - deciding) / deciding)[:, None] * model.probability[:, closing]
    return StrategyWeights(weight, slope, np.full(last + 1, last + 1))


def stabilized(weights: StrategyWeights, day: ArrayLike, left: ArrayLike) -> NDArray:
    """Weights times the share that stays on each day, so that their mean is about one.

    The factor is the same for everyone on a day, so no risk changes by it; it is for looking at
    weights (their largest, the effective sample size), not for weighting with.

    Parameters
    ----------
    day
        As in `changing_weights.followed`. Shape (people,).
    left
        True for those whose follow-up ended artificially. Shape (people,).

    Returns
    -------
    NDArray
        Shape (people, last_day + 2), as `StrategyWeights.weight`; NaN on days not followed.
    """
    day, left = np.asarray(day, float), np.asarray(left, bool)
    columns = np.arange(weights.weight.shape[1])
    going_on = (day[:, None] > columns[:-1]).sum(axis=0)
    leaving = ((day[:, None] == columns[:-1]) & left[:, None]).sum(axis=0)
    there = going_on + leaving
    kept = np.divide(going_on, there, out=np.ones(there.size), where=there > 0)
    share = np.concatenate([[1.0], np.cumprod(kept)])
    return np.where(columns <= day[:, None], weights.weight * share, np.nan)
