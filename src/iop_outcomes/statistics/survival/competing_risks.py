"""Cumulative incidence of every one of several causes, with its uncertainty."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.curve_influence import (
    CurveInfluence,
    event_free_influence,
    incidence_influence,
)
from iop_outcomes.statistics.survival.curves import event_free_curve, incidence_curve
from iop_outcomes.statistics.survival.risk_sets import (
    CENSORED,
    COMPETING,
    EVENT,
    RiskSets,
    StepCurve,
    risk_sets,
)


def incidence_at(sets: RiskSets, until: float) -> float:
    """Cumulative incidence of the event by day `until`."""
    return float(incidence_curve(sets).at(until))


def event_free_at(sets: RiskSets, until: float) -> float:
    """Probability of neither event nor competing event by day `until`."""
    return float(event_free_curve(sets).at(until))


@dataclass(frozen=True)
class CauseCurves:
    """Probabilities of being event-free and of having left by each cause; they add up to 1.

    Attributes
    ----------
    causes
        The causes' labels, ascending.
    event_free
        Neither of them yet.
    incidence
        By cause.
    sets
        Risk sets by cause, each with that cause as the event.
    weight
        Shape (n,).
    """

    causes: tuple[int, ...]
    event_free: StepCurve
    incidence: dict[int, StepCurve]
    sets: dict[int, RiskSets]
    weight: NDArray

    def incidence_influence(self, cause: int) -> CurveInfluence:
        """Influence of each row on the cumulative incidence of a cause, all days."""
        return incidence_influence(self.sets[cause], self.weight)

    def event_free_influence(self) -> CurveInfluence:
        """Influence of each row on the event-free probability, all days."""
        return event_free_influence(self.sets[self.causes[0]], self.weight)


def cause_curves(
    day: ArrayLike,
    cause: ArrayLike,
    weight: ArrayLike | None = None,
    entry: ArrayLike | None = None,
) -> CauseCurves:
    """Aalen-Johansen curves of all causes.

    Causes that share a day share its risk set: no tie is broken, at random or otherwise.

    Parameters
    ----------
    day
        Days from time zero to the end of follow-up, >= 0. Shape (n,).
    cause
        0 if censored, else the label of the cause, a whole number above 0. Shape (n,).
    weight
        Balancing or censoring weights, >= 0; all one if absent. Shape (n,).
    entry
        Day at whose end each row came under observation. Shape (n,).

    Raises
    ------
    CohortError
        A cause is not a whole number, 0 or above; or as `risk_sets.risk_sets`.

    References
    ----------
    Aalen & Johansen (1978), Scandinavian Journal of Statistics 5:141-150.

    Examples
    --------
    >>> curves = cause_curves([1, 2, 2, 3], [1, 2, 3, 0])
    >>> [curves.incidence[cause].at(2).item() for cause in curves.causes]
    [0.25, 0.25, 0.25]
    >>> curves.event_free.at(2).item()
    0.25
    """
    day, label = np.asarray(day, float), np.asarray(cause)
    if label.size and not (np.isfinite(label) & (label >= 0) & (label == np.floor(label))).all():
        raise CohortError(
            "a cause is missing or not a whole number, 0 for censored or a label above 0; recode it"
        )
    weight = np.ones_like(day) if weight is None else np.asarray(weight, float)
    causes = tuple(int(one) for one in np.unique(label) if one > 0) or (EVENT,)
    whole = risk_sets(day, np.where(label > 0, EVENT, CENSORED), weight, entry)
    sets = {one: _with_event(whole, label, one, weight) for one in causes}
    return CauseCurves(
        causes=causes,
        event_free=event_free_curve(whole),
        incidence={one: incidence_curve(of_one) for one, of_one in sets.items()},
        sets=sets,
        weight=weight,
    )


def _with_event(whole: RiskSets, label: NDArray, cause: int, weight: NDArray) -> RiskSets:
    """The same risk sets with one cause as the event and the others competing."""
    events = np.bincount(whole.position, weight * (label == cause), minlength=whole.day.size)
    # By subtraction causes could sum to a hair more than all exits; each is summed by itself.
    other = np.bincount(
        whole.position, weight * ((label != cause) & (label > 0)), minlength=whole.day.size
    )
    kind = np.where(label == cause, EVENT, np.where(label > 0, COMPETING, CENSORED))
    return replace(whole, events=events, competing=other, cause=kind)
