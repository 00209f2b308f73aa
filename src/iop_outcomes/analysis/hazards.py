"""Hazard ratios of one outcome, arm against arm, from the days up to its horizon.

Days beyond the horizon are not used, so that a hazard ratio is about the days that the risks are
about: it averages over them, and another horizon has another average.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import Arms, ArmsAtRisk, ArmsFollowed
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.survival_plan import HazardPlan, HazardRatio
from iop_outcomes.statistics.cox.regression import CoxFit, fit_cox
from iop_outcomes.statistics.cox.risk_sets import Ties
from iop_outcomes.statistics.cox.variance import coefficient_derivative
from iop_outcomes.statistics.estimating_equations import influence
from iop_outcomes.statistics.survival.fine_gray import fit_fine_gray
from iop_outcomes.statistics.survival.risk_sets import CENSORED, EVENT
from iop_outcomes.vocabulary import Arm, Measure

NO_FINITE_RATIO = (
    "no finite ratio fits: on the days of events, all who had it were of one arm, or only one arm "
    "was at risk"
)


Fit = TypeVar("Fit")


@dataclass(frozen=True)
class HazardRows:
    """Follow-up of both arms up to the horizon, one row a person or an interval of days.

    Attributes
    ----------
    day, cause
        Last day of each row, and what ends it. Shape (n,).
    treated
        True in the intervention arm. Shape (n,).
    weight
        Borne on the days of the row. Shape (n,).
    entry
        Day after which the row is at risk; None if everyone is from the start. Shape (n,).
    influence
        From the derivative of a number by each row's weight, the influence of everyone in the
        study on it, what estimating the weights adds included.
    """

    day: NDArray
    cause: NDArray
    treated: NDArray
    weight: NDArray
    entry: NDArray | None
    influence: Callable[[NDArray], NDArray]

    @property
    def event(self) -> NDArray:
        """True where the row ends with the event. Shape (n,)."""
        return self.cause == EVENT


def hazard_rows(arms: Arms) -> HazardRows:
    """Both arms as rows of one model."""
    if isinstance(arms, ArmsFollowed):
        return _of_those_followed(arms)
    if isinstance(arms, ArmsAtRisk):
        return _of_everyone(arms)
    raise TypeError(f"no rows are known of {type(arms).__name__}")


def _of_everyone(arms: ArmsAtRisk) -> HazardRows:
    members = np.concatenate([arms.members[arm] for arm in Arm])
    day, cause = (np.concatenate([part[arm] for arm in Arm]) for part in (arms.day, arms.cause))

    def of_everyone(derivative: NDArray) -> NDArray:
        whole = np.zeros(arms.everyone.size)
        whole[members] = derivative
        return influence(whole, arms.everyone, arms.estimated)

    return HazardRows(
        day=np.minimum(day, arms.horizon),
        cause=np.where(day <= arms.horizon, cause, CENSORED),
        treated=np.repeat([arm is Arm.INTERVENTION for arm in Arm], [*map(arms.people, Arm)]),
        weight=arms.everyone[members],
        entry=None,
        influence=of_everyone,
    )


def _of_those_followed(arms: ArmsFollowed) -> HazardRows:
    parts: dict[str, list[NDArray]] = {name: [] for name in ("day", "cause", "weight", "entry")}
    kept: dict[Arm, NDArray] = {}
    for arm in Arm:
        under = arms.under[arm]
        entry, day = under.sets.day[under.entry], under.sets.day[under.sets.position]
        kept[arm] = np.flatnonzero(entry < arms.horizon)
        rows = {
            "day": np.minimum(day, arms.horizon),
            "cause": np.where(day <= arms.horizon, under.sets.cause, CENSORED),
            "weight": under.weight,
            "entry": entry,
        }
        for name, values in rows.items():
            parts[name].append(values[kept[arm]])
    sizes = [kept[arm].size for arm in Arm]

    def of_everyone(derivative: NDArray) -> NDArray:
        total = 0.0
        for arm, mine in zip(Arm, np.split(derivative, np.cumsum(sizes)[:-1]), strict=True):
            slope = np.zeros(arms.under[arm].person.size)
            slope[kept[arm]] = mine
            total = total + arms.under[arm].influence_of(slope, arms.estimated)
        return total

    return HazardRows(
        **{name: np.concatenate(values) for name, values in parts.items()},
        treated=np.repeat([arm is Arm.INTERVENTION for arm in Arm], sizes),
        influence=of_everyone,
    )


@dataclass(frozen=True)
class LogHazardRatio:
    """Logarithm of a hazard ratio, intervention over comparator.

    Attributes
    ----------
    measure
        Whose hazards.
    value
        The logarithm; None where there is none.
    influence
        Of everyone in the study on it. Shape (people,).
    none_because
        Why there is none.
    """

    measure: Measure
    value: float | None
    influence: NDArray | None = None
    none_because: str = ""


@dataclass(frozen=True)
class Hazards:
    """The hazards of both arms under one method.

    Attributes
    ----------
    rows
        Follow-up up to the horizon.
    plan
        What was asked for.
    """

    rows: HazardRows
    plan: HazardPlan

    @cached_property
    def cox(self) -> CoxFit | str:
        """The Cox model of the arm alone, or why there is none."""
        rows = self.rows
        return self._without_events() or _fitted(
            lambda: fit_cox(
                rows.day,
                rows.event,
                rows.treated[:, None],
                entry=rows.entry,
                weight=rows.weight,
                ties=Ties(str(self.plan.ties)),
            )
        )

    def ratios(self) -> Iterator[LogHazardRatio]:
        """The ratios asked for."""
        for kind in self.plan.kinds:
            cause_specific = kind is HazardRatio.CAUSE_SPECIFIC
            yield self._cause_specific() if cause_specific else self._subdistribution()

    def _cause_specific(self) -> LogHazardRatio:
        measure, fit = Measure.HAZARD_RATIO, self.cox
        if isinstance(fit, str):
            return LogHazardRatio(measure, None, none_because=fit)
        moved = self.rows.influence(coefficient_derivative(fit)[:, 0])
        return LogHazardRatio(measure, float(fit.coefficients[0]), moved)

    def _subdistribution(self) -> LogHazardRatio:
        """Fine and Gray's, each arm with a censoring distribution of its own."""
        measure, rows = Measure.SUBDISTRIBUTION_HAZARD_RATIO, self.rows
        fit = self._without_events() or _fitted(
            lambda: fit_fine_gray(
                rows.day,
                rows.cause,
                rows.treated[:, None],
                rows.weight,
                censoring_group=rows.treated,
            )
        )
        if isinstance(fit, str):
            return LogHazardRatio(measure, None, none_because=fit)
        # Whoever is in a row has a weight above 0; influence over weight is the derivative.
        moved = rows.influence(fit.influence[:, 0] / rows.weight)
        return LogHazardRatio(measure, float(fit.coefficients[0]), moved)

    def _without_events(self) -> str:
        rows = self.rows
        had = rows.event & (rows.weight > 0)
        without = [
            str(arm)
            for arm, who in ((Arm.INTERVENTION, rows.treated), (Arm.COMPARATOR, ~rows.treated))
            if not (had & who).any()
        ]
        if not without:
            return ""
        return f"nobody in the {' or the '.join(without)} arm had the event by the horizon"


def _fitted(fit: Callable[[], Fit]) -> Fit | str:
    try:
        return fit()
    except CohortError:  # the rows are those of the risks: what fails is the model of the arm alone
        return NO_FINITE_RATIO
