"""Survival, cumulative incidence, hazard and restricted mean, and their derivatives by weights."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.statistics.survival.risk_sets import (
    CENSORED,
    COMPETING,
    EVENT,
    RiskSets,
    StepCurve,
    risk_sets,
)

__all__ = [
    "CENSORED",
    "COMPETING",
    "EVENT",
    "RiskSets",
    "StepCurve",
    "cumulative_hazard",
    "cumulative_hazard_derivative",
    "cumulative_incidence",
    "event_free_curve",
    "event_free_derivative",
    "incidence_curve",
    "incidence_derivative",
    "quantile_day",
    "restricted_mean",
    "restricted_mean_derivative",
    "risk_sets",
]


def cumulative_incidence(
    day: ArrayLike,
    cause: ArrayLike,
    weight: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> StepCurve:
    r"""Aalen-Johansen estimate of the probability of an event by each day.

    .. math:: \hat F(t) = \sum_{s \le t} \hat S(s-) \, d_1(s) / n(s)

    Causes that share a day share its risk set, so ties need no random breaking.
    Censorings on a day of events leave the risk set after them.

    Parameters
    ----------
    day
        Days from time zero to the end of follow-up, >= 0. Shape (n,).
    cause
        CENSORED, EVENT or COMPETING. Shape (n,).
    weight
        Balancing or censoring weights, >= 0; all one if absent. Shape (n,).
    entry
        Day at whose end each row came under observation. Shape (n,).

    Returns
    -------
    StepCurve
        Starts at 0.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5:141-150.

    Examples
    --------
    Of five people, one relapses on day 1, one dies on day 2, one relapses on day 3:

    >>> curve = cumulative_incidence([1, 2, 3, 4, 4], [1, 2, 1, 0, 0])
    >>> curve.at([2, 3])
    array([0.2, 0.4])
    """
    return incidence_curve(risk_sets(day, cause, weight, entry))


def incidence_curve(sets: RiskSets) -> StepCurve:
    """`cumulative_incidence` of risk sets already counted."""
    steps = sets.event_free_before * sets.events * sets.share
    return StepCurve(sets.day, np.cumsum(steps), start=0.0)


def event_free_curve(sets: RiskSets) -> StepCurve:
    """Probability of neither event nor competing event; Kaplan-Meier's where none competes.

    Examples
    --------
    >>> event_free_curve(risk_sets([1, 2, 3, 4], [1, 0, 1, 0])).at(3).item()
    0.375
    """
    return StepCurve(sets.day, sets.event_free, start=1.0)


def cumulative_hazard(sets: RiskSets) -> StepCurve:
    """Nelson-Aalen estimate of the cumulative hazard of leaving by any cause.

    For one cause of several, count the others as censored. Ties are steps of d / n
    (Fleming-Harrington's correction, one death after the other, is not made).

    References
    ----------
    Aalen (1978), Annals of Statistics 6:701-726.

    Examples
    --------
    >>> cumulative_hazard(risk_sets([1, 2, 3, 4], [1, 0, 1, 0])).at(3).item()
    0.75
    """
    return StepCurve(sets.day, np.cumsum(sets.hazard), start=0.0)


def cumulative_hazard_derivative(sets: RiskSets, until: float) -> NDArray:
    r"""Derivative of the cumulative hazard at day `until` by each row's weight. Shape (n,).

    :math:`1[\text{exit by } \tau] / n(s) - \sum_{u \le s \wedge \tau} h(u) / n(u)`, from the day
    of entry. Its square, summed unweighted, is :math:`\sum d (n - d) / n^3`.
    """
    share = np.where(sets.day <= until, sets.share, 0.0)
    return _derivative(sets, np.zeros_like(share), -share)


def event_free_derivative(sets: RiskSets, until: float) -> NDArray:
    r"""Derivative of the event-free probability at day `until` by each row's weight. Shape (n,).

    With :math:`a(s) = 1 / (n(s) (1 - h(s)))`:
    :math:`-\hat S(\tau) (1[\text{exit by } \tau]\, a(s) - \sum_{u \le s \wedge \tau} a(u) h(u))`.
    The infinitesimal jackknife of Kaplan-Meier; unweighted, its squares sum to Greenwood's
    variance.

    Examples
    --------
    >>> event_free_derivative(risk_sets([1, 2, 3, 4], [1, 1, 1, 1]), 2).round(12).tolist()
    [-0.125, -0.125, 0.125, 0.125]
    """
    height = float(event_free_curve(sets).at(until))
    lost = np.where(sets.day <= until, height * sets.per_survivor, 0.0)
    return _derivative(sets, np.zeros_like(lost), lost)


def quantile_day(curve: StepCurve, share: float) -> float | None:
    """First day by which `share` of people had the event; None if the curve never gets there.

    Where the survival curve is level at exactly 1 - share, the middle of that level stretch is
    taken, as R's survival does.

    Parameters
    ----------
    curve
        A survival curve.

    Examples
    --------
    >>> quantile_day(event_free_curve(risk_sets([1, 2, 3, 4], [1, 1, 1, 1])), 0.5)
    2.5
    """
    level = 1 - share
    reached = np.flatnonzero(curve.value <= level + 1e-12)
    if not reached.size:
        return None
    first = reached[0]
    if abs(curve.value[first] - level) > 1e-12:
        return float(curve.day[first])
    lower = reached[curve.value[reached] < level - 1e-12]
    end = lower[0] if lower.size else -1  # a curve that ends level ends with the last day seen
    return float((curve.day[first] + curve.day[end]) / 2)


def incidence_derivative(sets: RiskSets, until: float) -> NDArray:
    r"""Derivative of the cumulative incidence at day `until` by each person's weight.

    With S the event-free curve, n the weighted risk set, h the hazard of leaving by any cause and
    :math:`R(s) = F(\tau) - F(s)`, a weight added to someone who leaves on day s changes
    :math:`F(\tau)` by

    .. math:: \frac{S(s-)}{n(s)} 1[\text{event}] - \frac{R(s)}{n(s)\,(1-h(s))} 1[\text{exit}]

    and each day spent at risk takes away its expectation. Weight times derivative is the
    person's influence; the influences sum to zero.

    Returns
    -------
    NDArray
        Shape (n,).

    References
    ----------
    The product integral's derivative: Gill & Johansen (1990), Annals of Statistics 18:1501-1555.

    Examples
    --------
    Without censoring the incidence is a share, and the derivative is that of a mean:

    >>> incidence_derivative(risk_sets([1, 2, 3, 4], [1, 1, 1, 1]), 2).round(12).tolist()
    [0.125, 0.125, -0.125, -0.125]
    """
    curve = incidence_curve(sets)
    counted = sets.day <= until
    remaining = np.where(counted, curve.at(until) - curve.value, 0.0)
    direct = np.where(counted, sets.event_free_before * sets.share, 0.0)
    return _derivative(sets, direct, remaining * sets.per_survivor)


def restricted_mean(sets: RiskSets, until: float) -> float:
    r"""Mean days up to `until` before the event, a competing event counting as never.

    .. math:: \tau - \int_0^\tau \hat F(t)\,dt

    Without competing events this is the restricted mean survival time; with them, the horizon less
    the restricted mean time lost to the event, so that it always points the way the risk points.

    References
    ----------
    Royston & Parmar (2013), BMC Medical Research Methodology 13:152. Conner & Trinquart (2021),
    Statistics in Medicine 40:2177-2196.

    Examples
    --------
    Of four people, one relapses on day 2 and one dies on day 1:

    >>> restricted_mean(risk_sets([1, 2, 4, 4], [2, 1, 0, 0]), 4)
    3.5
    """
    return until - incidence_curve(sets).area(until)


def restricted_mean_derivative(sets: RiskSets, until: float) -> NDArray:
    r"""Derivative of `restricted_mean` by each person's weight.

    The derivative of :math:`\hat F(t)`, see `incidence_derivative`, summed over the days from the
    exit to the horizon, with its sign turned.

    Returns
    -------
    NDArray
        Shape (n,).

    Examples
    --------
    >>> sets = risk_sets([1, 2, 3, 4], [1, 1, 1, 1])
    >>> restricted_mean_derivative(sets, 4).round(12).tolist()
    [-0.375, -0.125, 0.125, 0.375]
    """
    curve = incidence_curve(sets)
    days_left = np.maximum(until - sets.day, 0)
    edges = np.minimum(np.concatenate([sets.day, [np.inf]]), until)
    areas = curve.value * np.maximum(np.diff(edges), 0)
    area_left = np.cumsum(areas[::-1])[::-1]
    direct = sets.event_free_before * sets.share * days_left
    remaining = area_left - curve.value * days_left
    return -_derivative(sets, direct, remaining * sets.per_survivor)


def _derivative(sets: RiskSets, direct: NDArray, lost: NDArray) -> NDArray:
    """What leaving adds (an event: `direct`) and takes (any exit: `lost`), less expectation."""
    expected = np.cumsum(direct * sets.events * sets.share - lost * sets.hazard)
    gain = np.where(sets.cause == EVENT, direct[sets.position], 0.0)
    loss = np.where(sets.cause != CENSORED, lost[sets.position], 0.0)
    awaited = np.concatenate([[0.0], expected])[0 if sets.entry is None else sets.entry]
    return gain - loss - (expected[sets.position] - awaited)
