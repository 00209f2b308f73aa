"""What two risks say: differences, ratios, numbers needed to treat, each with its interval."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.risks import Risks
from iop_outcomes.statistics.estimating_equations import Uncertainty
from iop_outcomes.vocabulary import Direction

# How influences become a standard error and a law: persons, clusters, or a bootstrap.
Spread = Callable[[NDArray], Uncertainty]


class Scale(StrEnum):
    """Scale on which an interval is symmetric."""

    IDENTITY = "identity"
    LOG = "log"
    LOGIT = "logit"
    CLOGLOG = "complementary log-log"  # log(-log(1 - risk)), the log-log limits of a survival


@dataclass(frozen=True)
class Effect:
    """An estimate with its interval.

    Attributes
    ----------
    estimate, lower, upper
        On the measure's own scale.
    std_error
        On the scale of the interval: for a ratio, of its logarithm.
    scale
        Where the interval is symmetric.
    spread
        The standard error's law and name.
    """

    estimate: float
    lower: float
    upper: float
    std_error: float
    scale: Scale
    spread: Uncertainty


def absolute_risk(
    risk: float, influence: NDArray, spread: Spread, scale: Scale = Scale.LOGIT
) -> Effect:
    """A risk whose limits stay between 0 and 1; a mean on the identity scale.

    Parameters
    ----------
    risk
        Of one arm.
    influence
        Of each person on it. Shape (n,).
    spread
        Such as `functools.partial(uncertainty, confidence_level=0.95)`.
    scale
        Logit or complementary log-log for risks, identity for means.

    Raises
    ------
    CohortError
        The scale needs a risk strictly between 0 and 1.

    Examples
    --------
    >>> from functools import partial
    >>> from iop_outcomes.statistics.estimating_equations import uncertainty
    >>> outcome = np.repeat([1.0, 0.0], [10, 10])
    >>> spread = partial(uncertainty, confidence_level=0.95)
    >>> limits = absolute_risk(0.5, (outcome - 0.5) / 20, spread)
    >>> round(limits.lower, 4), round(limits.upper, 4)
    (0.2939, 0.7061)
    """
    if scale is Scale.IDENTITY:
        return _transformed(risk, influence, spread, scale, lambda value: value)
    if not 0 < risk < 1:
        raise CohortError(
            f"a risk of {risk:g} has no {scale} limits; use the identity scale for means, and "
            "TMLE or weighted means where AIPW leaves 0 to 1"
        )
    if scale is Scale.LOGIT:
        middle, slope = np.log(risk / (1 - risk)), 1 / (risk * (1 - risk))
        back = lambda value: 1 / (1 + np.exp(-value))  # noqa: E731
    elif scale is Scale.CLOGLOG:
        middle = np.log(-np.log1p(-risk))
        slope = -1 / ((1 - risk) * np.log1p(-risk))
        back = lambda value: -np.expm1(-np.exp(value))  # noqa: E731
    else:
        middle, slope, back = np.log(risk), 1 / risk, np.exp
    return _transformed(middle, slope * influence, spread, scale, back)


def risk_difference(risks: Risks, spread: Spread) -> Effect:
    """Intervention minus comparator; of means, the mean difference.

    Examples
    --------
    >>> from functools import partial
    >>> from iop_outcomes.statistics.estimating_equations import uncertainty
    >>> risks = Risks(0.5, 0.25, np.array([0.1, -0.1, 0, 0]), np.array([0, 0, 0.1, -0.1]))
    >>> round(risk_difference(risks, partial(uncertainty, confidence_level=0.95)).std_error, 6)
    0.2
    """
    change = risks.influence_intervention - risks.influence_comparator
    return _transformed(
        risks.intervention - risks.comparator, change, spread, Scale.IDENTITY, lambda value: value
    )


def risk_ratio(risks: Risks, spread: Spread) -> Effect:
    """Intervention over comparator, its interval on the log scale.

    Raises
    ------
    CohortError
        A risk is not above 0.

    Examples
    --------
    >>> from functools import partial
    >>> from iop_outcomes.statistics.estimating_equations import uncertainty
    >>> risks = Risks(0.5, 0.25, np.array([0.1, -0.1, 0, 0]), np.array([0, 0, 0.1, -0.1]))
    >>> risk_ratio(risks, partial(uncertainty, confidence_level=0.95)).estimate
    2.0
    """
    one, other = risks.intervention, risks.comparator
    if min(one, other) <= 0:
        raise CohortError(
            f"risks of {one:g} and {other:g} have no ratio; report their difference instead"
        )
    change = risks.influence_intervention / one - risks.influence_comparator / other
    return _transformed(np.log(one / other), change, spread, Scale.LOG, np.exp)


def odds_ratio(risks: Risks, spread: Spread) -> Effect:
    """Marginal odds of the intervention over those of the comparator, interval on the log scale.

    Raises
    ------
    CohortError
        A risk is not between 0 and 1.

    Examples
    --------
    >>> from functools import partial
    >>> from iop_outcomes.statistics.estimating_equations import uncertainty
    >>> risks = Risks(0.5, 0.25, np.array([0.1, -0.1, 0, 0]), np.array([0, 0, 0.1, -0.1]))
    >>> round(odds_ratio(risks, partial(uncertainty, confidence_level=0.95)).estimate, 12)
    3.0
    """
    one, other = risks.intervention, risks.comparator
    if not (0 < one < 1 and 0 < other < 1):
        raise CohortError(
            f"risks of {one:g} and {other:g} have no odds ratio; report their difference instead"
        )
    change = risks.influence_intervention / (one * (1 - one)) - risks.influence_comparator / (
        other * (1 - other)
    )
    log_odds = np.log(one / (1 - one)) - np.log(other / (1 - other))
    return _transformed(log_odds, change, spread, Scale.LOG, np.exp)


@dataclass(frozen=True)
class NumberNeeded:
    """People to treat for one more (NNTB) or one fewer (NNTH) to have the better outcome.

    Attributes
    ----------
    number
        1 over the absolute risk difference; infinite if there is none.
    beneficial
        Whether the intervention looks better (NNTB) or worse (NNTH).
    limits
        The interval's two ends, from most harm to most benefit: number and whether beneficial.
    through_infinity
        The interval of the risk difference holds zero, so this one runs from a number needed to
        harm through infinity to a number needed to benefit.
    """

    number: float
    beneficial: bool
    limits: tuple[tuple[float, bool], tuple[float, bool]]
    through_infinity: bool

    def phrase(self) -> str:
        """As Altman writes it.

        Examples
        --------
        >>> number_needed_to_treat(-0.1, -0.25, 0.05, Direction.LOWER).phrase()
        'NNTB 10 (NNTH 20 to infinity to NNTB 4)'
        """
        ends = [f"{_kind(good)} {_rounded(number)}" for number, good in self.limits]
        between = " to infinity to " if self.through_infinity else " to "
        return f"{_kind(self.beneficial)} {_rounded(self.number)} ({between.join(ends)})"


def number_needed_to_treat(
    difference: float, lower: float, upper: float, better: Direction
) -> NumberNeeded:
    """Turn a risk difference and its limits round, keeping benefit and harm apart.

    Parameters
    ----------
    difference, lower, upper
        Risk difference, intervention minus comparator, with its confidence limits.
    better
        Whether a lower or a higher risk is better.

    References
    ----------
    Altman (1998), BMJ 317:1309-1312.

    Examples
    --------
    >>> number_needed_to_treat(-0.1, -0.2, -0.05, Direction.LOWER).phrase()
    'NNTB 10 (NNTB 20 to NNTB 5)'
    """
    sign = -1.0 if better is Direction.LOWER else 1.0
    worst, best = sorted((sign * lower, sign * upper))
    benefit = sign * difference

    def needed(gain: float) -> tuple[float, bool]:
        return (1 / abs(gain) if gain else np.inf), gain >= 0

    number, beneficial = needed(benefit)
    limits = needed(worst), needed(best)
    return NumberNeeded(number, beneficial, limits, through_infinity=worst < 0 < best)


def _transformed(
    middle: float,
    influence: NDArray,
    spread: Spread,
    scale: Scale,
    back: Callable[[float], float],
) -> Effect:
    """Interval symmetric on the scale, carried back."""
    law = spread(influence)
    half = law.critical * law.std_error
    ends = [float(back(value)) for value in (middle, middle - half, middle + half)]
    return Effect(ends[0], ends[1], ends[2], law.std_error, scale, law)


def _kind(beneficial: bool) -> str:
    return "NNTB" if beneficial else "NNTH"


def _rounded(number: float) -> str:
    """Rounded up, as whole people are treated; a shade of rounding error adds nobody."""
    return "infinity" if np.isinf(number) else f"{np.ceil(number - 1e-9):.0f}"
