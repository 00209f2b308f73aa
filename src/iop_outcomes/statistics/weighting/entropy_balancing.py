r"""Entropy balancing: weights that give an arm the covariate means of a population, exactly.

Of all weights that do so these lie closest to equal ones. They have the form
:math:`\exp(x_i^\top \lambda)`, and lambda minimizes a convex function of as many numbers as there
are means, however many people there are (Hainmueller 2012).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.estimating_equations import EstimatedWeights
from iop_outcomes.vocabulary import Estimand

# Part of a standard deviation by which means may still differ at the end.
IMBALANCE = 1e-10
# Directions in which an arm varies less than this (share of its largest variance) are constant.
CONSTANT = 1e-13
# A mean outside a constant direction by more than this, in standard deviations, cannot be reached.
OUT_OF_REACH = 1e-6
# Change of a weight's logarithm that a last step may still ask for.
SETTLED = 1e-3
ROUNDS = 200


@dataclass(frozen=True)
class EntropyBalancing:
    """Weights, and what their estimation adds to the uncertainty of what they are used for.

    Attributes
    ----------
    weight
        Sums, in each arm, to the number of people of the population that is stood for; 1 for
        those who stand for themselves. Shape (n,).
    estimated
        Gradient and influence of the multipliers lambda and, with them, of the means that are
        aimed at; for `influence` of the estimating equations.
    """

    weight: NDArray
    estimated: EstimatedWeights


def entropy_balancing(
    treated: ArrayLike,
    covariates: ArrayLike,
    estimand: Estimand,
    frequency: ArrayLike | None = None,
) -> EntropyBalancing:
    r"""Reweight an arm, or both, to the covariate means of the estimand's population.

    For an arm whose people have weights :math:`w_i = \exp(x_i^\top \lambda)` and for the means mu
    of the population aimed at, the equations

    .. math:: \sum_{i \in arm} w_i (x_i - \mu) = 0, \qquad \sum_{i \in target} (x_i - \mu) = 0

    are solved by Newton's method. Their influences are stacked: with H the weighted sum of
    squares and products about mu, W the sum of the arm's weights and N the size of the target,

    .. math:: \phi_i = -H^{-1} [1_{arm} w_i (x_i - \mu) - 1_{target} (W / N) (x_i - \mu)]

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    covariates
        Columns whose means are to agree; an intercept, columns that never vary and columns that
        follow from others do no harm. Add squares to balance variances. Shape (n, columns).
    estimand
        ATT reweights the comparator arm, ATC the intervention arm, ATE both.
    frequency
        People who share each row, arm included; 1 if absent. Shape (n,).

    Raises
    ------
    CohortError
        The estimand has no fixed population (ATO, ATM), or a value is missing.
    PositivityError
        No positive weights give the arm these means; or an arm is empty.

    References
    ----------
    Hainmueller (2012), Political Analysis 20:25-46. Zhao & Percival (2017), Journal of Causal
    Inference 5:20160010.

    Examples
    --------
    The intervention has mean 1; of comparators at 0, 1 and 3 those below count more.

    >>> found = entropy_balancing([True, False, False, False], [[1], [0], [1], [3]], Estimand.ATT)
    >>> found.weight.round(4)
    array([1.   , 0.436, 0.346, 0.218])
    """
    treated = np.asarray(treated, bool)
    x = np.asarray(covariates, float)
    people = np.ones(treated.size) if frequency is None else np.asarray(frequency, float)
    _check(treated, x, people)
    everyone = np.ones(treated.size, bool)
    plan = {
        Estimand.ATT: [(~treated, treated)],
        Estimand.ATC: [(treated, ~treated)],
        Estimand.ATE: [(treated, everyone), (~treated, everyone)],
    }.get(estimand)
    if plan is None:
        raise CohortError(
            f"entropy balancing needs a population fixed beforehand, which {estimand} is not; "
            "choose ATE, ATT or ATC, or overlap weights, which balance these means anyhow"
        )
    weight, gradients, influences = np.ones(treated.size), [], []
    for arm, target in plan:
        weight[arm], gradient, influence = _reweighted(x, people, arm, target)
        gradients.append(gradient)
        influences.append(influence)
    return EntropyBalancing(
        weight, EstimatedWeights(np.column_stack(gradients), np.column_stack(influences))
    )


def _check(treated: NDArray, x: NDArray, people: NDArray) -> None:
    if x.ndim != 2 or not len(x) == treated.size == people.size:
        raise CohortError(
            "arm, covariates and frequency differ in their number of rows; give one row per person "
            "or pattern in each"
        )
    if not (np.isfinite(x).all() and np.isfinite(people).all() and (people >= 0).all()):
        raise CohortError(
            "covariates or frequency hold a missing, infinite or negative value where none can be; "
            "fill it, or leave out those rows"
        )
    if not 0 < people[treated].sum() < people.sum():
        raise PositivityError(
            "everyone is in one arm and nobody in the other, so there are no means to agree on; "
            "look at eligibility and at the strategies"
        )


def _reweighted(
    x: NDArray, people: NDArray, arm: NDArray, target: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """Weights of an arm; gradient and influence of everyone, for that arm's multipliers."""
    size = people[target].sum()
    aim = people[target] @ x[target] / size
    directions = _directions(x[arm] - aim, people[arm])
    away = (x - aim) @ directions
    share = _tilt(away[arm], people[arm])
    weight = share * size
    gradient, score = np.zeros_like(away), np.zeros_like(away)
    gradient[arm] = away[arm] * weight[:, None]
    score[arm] = gradient[arm]
    # With N = W = size the target's deviations enter with a factor of 1.
    score[target] -= away[target]
    curvature = (away[arm] * (people[arm] * weight)[:, None]).T @ away[arm]
    return weight, gradient, -np.linalg.solve(curvature, score.T).T


def _directions(away: NDArray, people: NDArray) -> NDArray:
    """Combinations of the columns that vary in the arm, scaled to a standard deviation of 1."""
    mean = people @ away / people.sum()
    spread = np.sqrt(people @ (away - mean) ** 2 / people.sum())
    size = np.sqrt(people @ away**2 / people.sum())
    varies = spread > 1e-9 * size
    unit = np.where(varies, spread, np.where(size > 0, size, 1.0))
    scaled = (away - mean) / unit
    variance, axes = np.linalg.eigh((scaled * people[:, None]).T @ scaled / people.sum())
    kept = variance > CONSTANT * max(variance.max(initial=0.0), 1e-300)
    kept &= variance > CONSTANT
    off = axes[:, ~kept].T @ (mean / unit)
    if np.abs(off).max(initial=0.0) > OUT_OF_REACH:
        raise _out_of_reach()
    return (axes[:, kept] / np.sqrt(variance[kept])) / unit[:, None]


def _tilt(away: NDArray, people: NDArray) -> NDArray:
    """Shares exp(away @ lambda), summing to 1 over people, under which `away` has mean 0."""
    multipliers = np.zeros(away.shape[1])
    value, share = _dual(away, people, multipliers)
    # The minimum, where there is one, is minus an entropy: no less than for a single person.
    least = -np.log(people.sum()) - 1e-9
    for _ in range(ROUNDS):
        slope = (people * share) @ away
        if not slope.size:
            return share
        centred = away - slope
        try:
            step = -np.linalg.solve((centred * (people * share)[:, None]).T @ centred, slope)
        except np.linalg.LinAlgError:
            break
        if np.abs(slope).max() < IMBALANCE:
            # On the edge of reach weights only vanish in the limit, and steps never shorten.
            if np.abs(away @ step).max() < SETTLED:
                return share
            break
        descent = slope @ step
        for _ in range(60):
            new, moved = _dual(away, people, multipliers + step)
            # Near the minimum the fall drowns in rounding, so equality will do.
            if new <= value + 1e-4 * descent + 1e-14 * (1 + abs(value)):
                break
            step, descent = step / 2, descent / 2
        multipliers, value, share = multipliers + step, new, moved
        if value < least:
            break
    raise _out_of_reach()


def _dual(away: NDArray, people: NDArray, multipliers: NDArray) -> tuple[float, NDArray]:
    """Logarithm of the mean of exp(away @ lambda), and the shares."""
    log_weight = away @ multipliers
    top = log_weight[people > 0].max()
    weight = np.exp(np.minimum(log_weight - top, 0.0))
    total = people @ weight
    return float(top + np.log(total / people.sum())), weight / total


def _out_of_reach() -> PositivityError:
    return PositivityError(
        "no weights above 0 give one arm the covariate means of the population aimed at, because "
        "some values hardly occur in that arm; balance fewer covariates, merge rare levels, or "
        "narrow eligibility to people who could have entered either arm"
    )
