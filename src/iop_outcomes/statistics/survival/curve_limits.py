"""Confidence limits of curves, day by day, and of the days at which curves reach a level."""

from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.statistics.survival.curves import quantile_day
from iop_outcomes.statistics.survival.risk_sets import RiskSets, StepCurve


class Scale(StrEnum):
    """The scale on which a curve is taken to be normal.

    The default everywhere is LOG_LOG, which stays within 0 and 1 and keeps its coverage in small
    samples (Borgan & Liestøl 1990). R's survfit takes LOG unless told otherwise; SAS takes LOG_LOG.
    """

    PLAIN = "plain"
    LOG = "log"
    LOG_LOG = "log-log"
    LOGIT = "logit"
    ARCSINE = "arcsine"


def limits(
    value: ArrayLike,
    std_error: ArrayLike,
    critical: float = 1.959963984540054,
    scale: Scale = Scale.LOG_LOG,
) -> tuple[NDArray, NDArray]:
    r"""Lower and upper limits of probabilities, kept within 0 and 1.

    Where the standard error is 0 or the value is 0 or 1, both limits are the value itself: no
    formula that rests on a standard error says more there. This is the case before the first
    event and after everybody has left, and it is no sign of certainty.

    Parameters
    ----------
    value
        Probabilities. Shape (days,).
    std_error
        Of the probabilities themselves, not of a transformed one. Shape (days,).
    critical
        Half-width in standard errors: a normal or Student quantile, or that of a simultaneous band.
    scale
        PLAIN: :math:`S`. LOG: :math:`\log S`. LOG_LOG: :math:`\log(-\log S)`. LOGIT:
        :math:`\log(S/(1-S))`. ARCSINE: :math:`\arcsin\sqrt S`. Standard errors by the delta method.

    References
    ----------
    Borgan & Liestøl (1990), Scandinavian Journal of Statistics 17:35-41.

    Examples
    --------
    >>> lower, upper = limits([0.5], [0.1])
    >>> lower.round(4).item(), upper.round(4).item()
    (0.2952, 0.6745)
    """
    value, std_error = np.atleast_1d(np.asarray(value, float)), np.atleast_1d(std_error)
    lower, upper = value.copy(), value.copy()
    inner = (value > 0) & (value < 1) & (std_error > 0)
    p, half = value[inner], critical * np.asarray(std_error, float)[inner]
    if scale is Scale.PLAIN:
        ends = p - half, p + half
    elif scale is Scale.LOG:
        width = np.minimum(half / p, 500.0)
        ends = p * np.exp(-width), p * np.exp(width)
    elif scale is Scale.LOG_LOG:
        # As far as it matters; exp would overflow at 710.
        width = np.minimum(half / (p * -np.log(p)), 500.0)
        ends = p ** np.exp(width), p ** np.exp(-width)
    elif scale is Scale.LOGIT:
        odds, width = p / (1 - p), half / (p * (1 - p))
        ends = tuple(1 / (1 + 1 / (odds * np.exp(side * width))) for side in (-1, 1))
    else:
        angle, width = np.arcsin(np.sqrt(p)), half / (2 * np.sqrt(p * (1 - p)))
        ends = tuple(np.sin(np.clip(angle + side * width, 0, np.pi / 2)) ** 2 for side in (-1, 1))
    lower[inner], upper[inner] = (np.clip(end, 0, 1) for end in ends)
    return lower, upper


def incidence_limits(
    risk: ArrayLike,
    std_error: ArrayLike,
    critical: float = 1.959963984540054,
    scale: Scale = Scale.LOG_LOG,
) -> tuple[NDArray, NDArray]:
    """Lower and upper limits of risks (cumulative incidences): those of the share without it.

    A risk of 0 or 1, up to the last digits of a sum of weights, has no width: see `limits`.

    Parameters
    ----------
    risk
        Probabilities of the event by some day. Any shape.
    std_error, critical, scale
        As in `limits`; the scale is that of 1 - risk.

    Returns
    -------
    tuple
        Of the shape of `risk`.

    Examples
    --------
    >>> lower, upper = incidence_limits(0.5, 0.05, 1.96)
    >>> round(float(lower), 3), round(float(upper), 3)
    (0.407, 0.601)
    """
    given = np.asarray(risk, float)
    value = np.atleast_1d(given)
    inside = (value > 1e-12) & (value < 1 - 1e-12)
    error = np.where(inside, np.broadcast_to(std_error, value.shape), 0.0)
    without = limits(1 - value, error, critical, scale)
    lower, upper = (
        np.where(inside, 1 - side, value).reshape(given.shape) for side in reversed(without)
    )
    return lower, upper


def greenwood_variance(sets: RiskSets) -> NDArray:
    r"""Greenwood's variance of the event-free curve on each day of `sets`. Shape (days,).

    :math:`\hat S^2(t) \sum_{s \le t} d(s) / (n(s) (n(s) - d(s)))`, 0 once nobody is left. It takes
    weights for numbers of people, so with weights that are not, use
    `curve_influence.event_free_influence`.

    References
    ----------
    Greenwood (1926), Reports on Public Health and Medical Subjects 33.

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.risk_sets import risk_sets
    >>> greenwood_variance(risk_sets([1, 2, 3, 4], [1, 1, 1, 1])).tolist()
    [0.046875, 0.0625, 0.046875, 0.0]
    """
    return sets.event_free**2 * np.cumsum(sets.hazard * sets.per_survivor)


def nelson_aalen_variance(sets: RiskSets) -> NDArray:
    r"""Aalen's variance of the cumulative hazard, :math:`\sum d(s) / n(s)^2`. Shape (days,).

    Larger than the influence variance of tied days, :math:`\sum d (n - d) / n^3`, which counts the
    deaths of one day as binomial.

    Examples
    --------
    >>> from iop_outcomes.statistics.survival.risk_sets import risk_sets
    >>> nelson_aalen_variance(risk_sets([1, 2], [1, 1])).tolist()
    [0.25, 1.25]
    """
    return np.cumsum(sets.hazard * sets.share)


def quantile_limits(
    curve: StepCurve, lower: NDArray, upper: NDArray, share: float
) -> tuple[float | None, float | None]:
    """Limits of the day by which `share` of people had the event, where the band crosses 1 - share.

    The rule for level stretches is that of `survival.quantile_day`. Days on which the curve is 0
    have no band and are not read.

    Parameters
    ----------
    curve
        A survival curve.
    lower, upper
        Its limits at `curve.day`. Shape (days,).
    share
        Between 0 and 1; one half for the median.

    Returns
    -------
    tuple
        Days; None where the band never gets there.

    References
    ----------
    Brookmeyer & Crowley (1982), Biometrics 38:29-41.

    Examples
    --------
    >>> curve = StepCurve(np.array([1.0, 2.0, 3.0]), np.array([0.8, 0.5, 0.2]), 1.0)
    >>> quantile_limits(curve, np.array([0.6, 0.3, 0.1]), np.array([0.9, 0.7, 0.55]), 0.5)
    (2.0, None)
    """
    some = curve.value > 0
    first, last = (
        quantile_day(StepCurve(curve.day[some], side[some], curve.start), share)
        for side in (lower, upper)
    )
    return first, last
