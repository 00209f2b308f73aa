"""Logistic regression by Newton's method on blocks of rows.

A block of standardized rows fits into the processor's cache, so that a pass over the people costs
one symmetric product and no copy of the design. Measured against glum, statsmodels and R by
benchmarks/propensity.py.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from iop_outcomes.errors import PositivityError
from iop_outcomes.statistics.weighting.regression_design import (
    ROWS_AT_ONCE,
    Standardization,
    all_but_separated,
    checked,
    orthogonal,
    separated,
    standardization,
)

# Beyond this log-odds a fitted probability is 0 or 1 to 7 digits.
SEPARATED_LOG_ODDS = 16.0
ROUNDS = 60
MANY = 100_000  # rows beyond which a sample of them tells where to begin
# The last step, in standard deviations, whose square is the error left behind; and among many
# people, where it is also the relative error of the covariance and a pass costs a second.
LAST_STEP, LAST_STEP_OF_MANY = 1e-9, 1e-7


@dataclass(frozen=True)
class LogisticFit:
    """A maximum, penalized or not, of the likelihood.

    Attributes
    ----------
    coefficients
        Log odds per unit of each column. Shape (columns,).
    probability
        Fitted probabilities. Shape (n,).
    covariance
        Inverse of the (penalized) information. Shape (columns, columns).
    """

    coefficients: NDArray
    probability: NDArray
    covariance: NDArray


@dataclass(frozen=True)
class _At:
    """The likelihood at some coefficients, and how it changes there."""

    log_likelihood: float
    score: NDArray
    information: NDArray
    probability: NDArray
    largest_log_odds: float


def logistic_regression(
    outcome: ArrayLike,
    design: ArrayLike,
    frequency: ArrayLike | None = None,
    ridge: float = 0.0,
    start: NDArray | None = None,
) -> LogisticFit:
    r"""Coefficients that maximize the log-likelihood, less a ridge penalty if one is wanted.

    .. math:: \sum_i f_i [a_i \log e_i + (1 - a_i) \log(1 - e_i)]
        - \frac{\lambda}{2} \sum_i f_i \sum_j s_j^2 \gamma_j^2

    with :math:`s_j` the standard deviation of column j. The intercept is never penalized.

    Parameters
    ----------
    outcome
        0 or 1. Shape (n,).
    design
        Columns of the model, the intercept among them. Shape (n, columns).
    frequency
        People who share each row; 1 if absent. Shape (n,).
    ridge
        The strength lambda of the penalty, per person and on standardized columns.
    start
        Coefficients to begin from. Shape (columns,).

    Raises
    ------
    CohortError
        A column follows from the others, or what is given is no number.
    PositivityError
        The columns tell the outcomes apart.

    Examples
    --------
    >>> logistic_regression([1, 0, 0, 0], np.ones((4, 1))).probability.round(12)
    array([0.25, 0.25, 0.25, 0.25])
    """
    a, x, f = checked(outcome, design, frequency)
    ruler = standardization(x, f)
    if ridge > 0:
        ruler = Standardization(
            ruler.intercept, ruler.shift, np.where(ruler.scale == 0, 1.0, ruler.scale)
        )
        mixing = None
    else:
        mixing = orthogonal(x, f, ruler)
    problem = _Problem(a, x, f, ruler, mixing, ridge * f.sum() * ruler.slopes)
    back = ruler.back if mixing is None else ruler.back @ mixing
    begin = problem.begin() if start is None else np.linalg.solve(back, start)
    coefficients, at = problem.climb(begin)
    covariance = back @ np.linalg.inv(at.information) @ back.T
    return LogisticFit(back @ coefficients, at.probability, (covariance + covariance.T) / 2)


@dataclass(frozen=True)
class _Problem:
    """What is maximized: everything but the coefficients."""

    outcome: NDArray
    design: NDArray
    frequency: NDArray
    ruler: Standardization
    mixing: NDArray | None
    penalty: NDArray

    def begin(self) -> NDArray:
        """Coefficients to climb from: everyone alike, or the answer of a sample of many rows."""
        begin = np.zeros(self.design.shape[1])
        if self.ruler.intercept is not None and self.mixing is None:
            share = self.frequency @ self.outcome / self.frequency.sum()
            begin[self.ruler.intercept] = np.log(share / (1 - share))
        if len(self.design) <= MANY:
            return begin
        some = slice(None, None, len(self.design) // (MANY // 4))
        sample = _Problem(
            self.outcome[some], self.design[some], self.frequency[some], self.ruler, self.mixing,
            # What too few have to be told by a sample stays where it is.
            self.penalty * self.frequency[some].sum() / self.frequency.sum() + 1e-3,
        )  # fmt: skip
        try:
            return sample.climb(begin, rounds=8)[0]
        except PositivityError:
            return begin

    def climb(self, begin: NDArray, rounds: int = ROUNDS) -> tuple[NDArray, _At]:
        """Newton's steps, halved where they overshoot, until they no longer move anything."""
        last = LAST_STEP if len(self.design) <= MANY else LAST_STEP_OF_MANY
        beta, at, before = begin, self.at(begin), np.inf
        for _ in range(rounds):
            try:
                step = np.linalg.solve(at.information, at.score)
            except np.linalg.LinAlgError:
                break
            length = np.abs(step).max()
            if length < last:
                if at.largest_log_odds > SEPARATED_LOG_ODDS:
                    raise all_but_separated()
                return beta + step, replace(at, probability=self.probability(beta + step))
            # Towards a maximum steps shrink; where there is none they go on and on.
            if at.largest_log_odds > SEPARATED_LOG_ODDS and length > before / 2:
                break
            before = length
            for _ in range(20):
                new = self.at(beta + step)
                if new.log_likelihood >= at.log_likelihood - 1e-9 * abs(at.log_likelihood):
                    break
                step = step / 2
            beta, at = beta + step, new
        if rounds < ROUNDS and at.largest_log_odds <= SEPARATED_LOG_ODDS:
            return beta, at
        raise separated(self.outcome, self.design)

    def probability(self, beta: NDArray) -> NDArray:
        """Fitted probabilities. Shape (n,)."""
        e = np.empty(len(self.design))
        for block, z in self.blocks():
            e[block] = expit(z @ (beta / self.unit))
        return e

    @property
    def unit(self) -> NDArray:
        """What a row of a block still has to be divided by to be standardized."""
        return self.ruler.scale if self.mixing is None else np.ones(self.ruler.scale.size)

    def blocks(self) -> Iterator[tuple[slice, NDArray]]:
        """Rows in their order, counted from where columns far from 0 lie."""
        moved = self.ruler.shift.any()
        for start in range(0, len(self.design), ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            if self.mixing is not None:
                yield block, self.ruler.apply(self.design[block]) @ self.mixing
            elif moved:
                yield block, self.design[block] - self.ruler.shift
            else:
                yield block, self.design[block]

    def at(self, beta: NDArray) -> _At:
        """Likelihood, score and information, block by block."""
        size, unit = beta.size, self.unit
        score, information = np.zeros(size), np.zeros((size, size))
        probability = np.empty(len(self.design))
        likelihood, largest = 0.0, 0.0
        gamma, buffer = beta / unit, np.empty((ROWS_AT_ONCE, size))
        for block, z in self.blocks():
            a, f = self.outcome[block], self.frequency[block]
            log_odds = z @ gamma
            e = expit(log_odds)
            probability[block] = e
            away = np.abs(log_odds)
            largest = max(largest, float(away.max()))
            agrees = np.where(a > 0, log_odds, -log_odds)
            likelihood += f @ (np.minimum(agrees, 0.0) - np.log1p(np.exp(-away)))
            score += (f * (a - e)) @ z
            rows = np.multiply(z, np.sqrt(f * e * (1 - e))[:, None], out=buffer[: len(z)])
            information += rows.T @ rows
        return _At(
            float(likelihood - self.penalty @ beta**2 / 2),
            score / unit - self.penalty * beta,
            information / np.outer(unit, unit) + np.diag(self.penalty),
            probability,
            largest,
        )
