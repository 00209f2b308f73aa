r"""Weights for follow-up that ends before the horizon because sight of a person was lost.

The daily probability :math:`h_{id}` of being lost, given that a person is followed and without the
event, is a pooled logistic regression on person-days: covariates at time zero, and a level for each
step of days. Rows of a person within a step are alike and are counted instead of listed. Who is
still followed on day t is weighted by

.. math:: W_i(t) = \bar S(t) \prod_{d < t} 1 / (1 - h_{id})

On each day events come first and losses after them, so a loss on day d changes weights from day
d + 1. The stabilising share :math:`\bar S` is the same for everyone on a day, so that no risk
changes by it; a cap on the weights does.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.survival.curves import CENSORED
from iop_outcomes.statistics.weighting.propensity import (
    PropensityFit,
    dependent_columns,
    fit_propensity,
)

MOST_STEPS, LOSSES_A_STEP = 10, 20
TOO_MUCH_IS_TOLD = (
    "the covariates tell exactly who stays in sight and who does not, so nobody stands in for "
    "those who were lost; name fewer covariates"
)


@dataclass(frozen=True)
class LossModel:
    """A pooled logistic regression of being lost, and what it adds to uncertainty.

    Attributes
    ----------
    edges
        First day of each step, and the day after the last one. Shape (steps + 1,).
    probability
        Of being lost on each day of a step. Shape (people, steps).
    basis
        Covariates in the units of `influence_on_model`. Shape (people, columns).
    influence_on_model
        Of each person on the coefficients: those of the basis, then of each step after the first.
        Shape (people, columns + steps - 1).
    share_staying
        Product-limit share not yet lost before each day, from day 0 to the horizon.
    """

    edges: NDArray
    probability: NDArray
    basis: NDArray
    influence_on_model: NDArray
    share_staying: NDArray


@dataclass(frozen=True)
class LossWeights:
    """Weights of everyone still followed, in columns of days.

    Attributes
    ----------
    first_day
        First day of each column; it lasts until the next. Shape (columns,).
    weight
        Shape (people, columns).
    stabilised
        The same times the share staying, before any cap. Shape (people, columns).
    share
        What all weights of a column are times: the share staying, or 1. Shape (columns,).
    model
        Where they came from.
    days_before
        Days of each step of the model before the day that a column stands for. Shape (columns,
        steps).
    moves
        False where a weight is capped. Shape (people, columns).
    """

    first_day: NDArray
    weight: NDArray
    stabilised: NDArray
    share: NDArray
    model: LossModel
    days_before: NDArray
    moves: NDArray

    def of_the_model(self, moved: NDArray) -> NDArray:
        """Influence through the model of a number that log weights move by `moved`.

        Parameters
        ----------
        moved
            Derivative of the number by each log weight. Shape (people, columns).

        Returns
        -------
        NDArray
            Shape (people,).
        """
        model = self.model
        by_step = model.probability * ((moved * self.moves) @ self.days_before)
        gradient = np.concatenate([model.basis.T @ by_step.sum(axis=1), by_step.sum(axis=0)[1:]])
        return model.influence_on_model @ gradient


def fit_losses(
    day: ArrayLike,
    cause: ArrayLike,
    design: ArrayLike,
    horizon: float,
    who: ArrayLike | None = None,
    edges: ArrayLike | None = None,
) -> LossModel:
    """Probability of being lost on each day before the horizon, by maximum likelihood.

    Where nobody is lost it is 0, without uncertainty.

    Parameters
    ----------
    day
        Last day of follow-up, >= 0; NaN for those of whom nothing is known. Shape (people,).
    cause
        CENSORED before the horizon is being lost. Shape (people,).
    design
        Covariates at time zero, a column of ones among them. Shape (people, columns).
    horizon
        Losses from this day on do not matter.
    who
        Whom the model is of; everyone if absent. Shape (people,).
    edges
        First days of the steps, the first one that on which anybody was first lost; up to ten at
        quantiles of the days of loss if absent.

    Raises
    ------
    CohortError
        Fewer are lost than the model has columns.
    PositivityError
        The covariates tell exactly who is lost.

    Examples
    --------
    Two people, one of them lost on day 1, the other followed to day 3: one loss in four days, the
    first of them spent before anybody could be seen to be lost.

    >>> fit_losses([1, 3], [0, 0], np.ones((2, 1)), horizon=3).probability.round(6)
    array([[0.333333],
           [0.333333]])
    """
    day, design = np.ceil(np.asarray(day, float)), np.asarray(design, float)
    some = np.isfinite(day) if who is None else np.asarray(who, bool) & np.isfinite(day)
    lost = some & (np.asarray(cause) == CENSORED) & (day < horizon)
    kept = independent(design, some)
    if not lost.any():
        return _nobody_lost(design[:, kept], horizon)
    if lost.sum() < len(kept):
        raise CohortError(
            f"fewer people were lost ({lost.sum()}) than the model of losses has columns "
            f"({len(kept)}); name fewer covariates"
        )
    edges = _steps(day[lost], horizon) if edges is None else np.append(edges, horizon)
    last = np.where(lost, day, np.minimum(day, horizon) - 1)  # on which they could be lost
    at_risk = np.clip(np.minimum(last[:, None] + 1, edges[1:]) - edges[:-1], 0, None)
    at_risk[~some] = 0
    happened = lost[:, None] & (np.searchsorted(edges, day, side="right")[:, None] - 1
                                == np.arange(edges.size - 1))  # fmt: skip
    basis = orthogonal_among(some, design[:, kept])
    fit, probability = _regression(basis, at_risk, happened)
    surprise = happened - at_risk * probability
    scores = np.column_stack([basis * surprise.sum(axis=1)[:, None], surprise[:, 1:]])
    return LossModel(
        edges=edges,
        probability=np.where(some[:, None], probability, 0.0),
        basis=basis,
        influence_on_model=np.where(some[:, None], scores @ fit.covariance, 0.0),
        share_staying=_share_staying(day, lost, last, some, horizon),
    )


def _nobody_lost(design: NDArray, horizon: float) -> LossModel:
    people = len(design)
    nothing = np.zeros((people, 1))
    edges = np.array([0.0, horizon])
    return LossModel(edges, nothing, design, np.zeros_like(design), np.ones(int(horizon) + 1))


def independent(design: NDArray, some: NDArray) -> list[int]:
    """Columns that do not follow from those before, among some of the people."""
    repeats = set(dependent_columns(design[some])) if some.any() else set()
    return [k for k in range(design.shape[1]) if k not in repeats]


def orthogonal_among(some: NDArray, columns: NDArray) -> NDArray:
    """A basis of the columns that is orthogonal among some of the people, of mean square 1."""
    size = np.sqrt(some.sum())
    return np.linalg.solve(np.linalg.qr(columns[some]).R.T, columns.T).T * size


def _steps(lost_on: NDArray, horizon: float) -> NDArray:
    """First days of steps that hold about as many losses each, and the horizon."""
    steps = int(np.clip(lost_on.size // LOSSES_A_STEP, 1, MOST_STEPS))
    cuts = np.quantile(lost_on, np.arange(steps) / steps, method="higher")
    return np.append(np.unique(cuts), horizon)


def _regression(
    basis: NDArray, at_risk: NDArray, happened: NDArray
) -> tuple[PropensityFit, NDArray]:
    """The model of person-days, told by how many of them are alike; and its probabilities."""
    outcome, rows, frequency = [], [], []
    steps = at_risk.shape[1]
    levels = np.eye(steps)[:, 1:]
    for told, amount in ((False, at_risk - happened), (True, happened.astype(float))):
        person, step = np.nonzero(amount)
        outcome.append(np.full(person.size, told))
        rows.append(np.column_stack([basis[person], levels[step]]))
        frequency.append(amount[person, step])
    try:
        fit = fit_propensity(
            np.concatenate(outcome), np.concatenate(rows), np.concatenate(frequency)
        )
    except PositivityError as error:
        raise PositivityError(TOO_MUCH_IS_TOLD) from error
    columns = basis.shape[1]
    log_odds = (basis @ fit.coefficients[:columns])[:, None] + np.append(
        0.0, fit.coefficients[columns:]
    )
    return fit, 1 / (1 + np.exp(-log_odds))


def _share_staying(
    day: NDArray, lost: NDArray, last: NDArray, some: NDArray, horizon: float
) -> NDArray:
    days = np.arange(int(horizon))
    leaving = np.bincount(day[lost].astype(int), minlength=days.size)[: days.size]
    there = np.sort(last[some])
    at_risk = there.size - np.searchsorted(there, days, side="left")
    staying = 1 - np.divide(leaving, at_risk, out=np.zeros(days.size), where=at_risk > 0)
    return np.concatenate([[1.0], np.cumprod(staying)])


def loss_weights(
    model: LossModel,
    horizon: float,
    interval_days: int = 1,
    stabilised: bool = True,
    truncate: float | None = None,
) -> LossWeights:
    """Weights of those still followed, told anew every so many days.

    Parameters
    ----------
    interval_days
        1: every day. More: one weight for so many days, that of the middle of them.
    stabilised
        Whether weights, and what they are capped at, are times the share staying.
    truncate
        No weight above this number; None: no cap.

    Examples
    --------
    >>> model = fit_losses([1, 3], [0, 0], np.ones((2, 1)), horizon=3)
    >>> loss_weights(model, 3, stabilised=False).weight[1].round(6)
    array([1.  , 1.  , 1.5 , 2.25])
    """
    first = np.arange(0.0, horizon + 1, interval_days)
    middle = (first + np.append(first[1:] - 1, horizon)) / 2
    before = np.clip(np.minimum(middle[:, None], model.edges[1:]) - model.edges[:-1], 0, None)
    plain = np.exp(-np.log1p(-model.probability) @ before.T)
    share = np.interp(middle, np.arange(model.share_staying.size), model.share_staying)
    stable = plain * share
    weight, share = (stable, share) if stabilised else (plain, np.ones_like(share))
    moves = np.ones_like(weight, bool)
    if truncate is not None:
        moves = weight <= truncate
        weight = np.minimum(weight, truncate)
    return LossWeights(first, weight, stable, share, model, before, moves)
