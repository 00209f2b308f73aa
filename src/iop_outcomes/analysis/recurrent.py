"""Things that happen again and again: mean number a person, and the ratio of rates.

The mean is of everyone in sight, wherever they are, and none come after death (Ghosh & Lin). The
rate is per day at risk: days in care by day and night and in jail are out of it (Andersen & Gill).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import reading_days
from iop_outcomes.analysis.recurrent_tables import TABLES, RecurrentNumbers
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.under_method import METHODS, UnderMethod
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.time_plans import RecurrentEvents
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.variance import coefficient_derivative
from iop_outcomes.statistics.estimating_equations import Uncertainty
from iop_outcomes.statistics.histories.recurrent_events import (
    RecurrentRiskSets,
    event_history,
    mean_events,
    mean_events_derivative,
    recurrent_risk_sets,
)
from iop_outcomes.statistics.histories.recurrent_layouts import CoxRows, andersen_gill_rows
from iop_outcomes.vocabulary import Arm

MEAN = {arm: f"mean_events_{arm}" for arm in Arm}
DIFFERENCE, RATE_RATIO = "mean_events_difference", "rate_ratio"
MOST = 3  # people with so many or more are one count


def recurrent_numbers(study: StudyArrays, history: pd.DataFrame) -> RecurrentNumbers:
    """Mean numbers and ratios of rates of everything in `analysis.recurrent_events`.

    Parameters
    ----------
    history
        `Cohort.history`.

    Raises
    ------
    CohortError
        Of an arm nobody was in sight, or up to the horizon, or nobody has an event.
    """
    found = {name: [] for name in TABLES}
    for name, plan in study.protocol.analysis.recurrent_events.items():
        rows = history[history["recurrent"] == name]
        for method in METHODS:
            told = _Repeated(UnderMethod(study, method), rows, name, plan)
            found["recurrent"] += list(told.estimates())
            found["recurrent_curves"] += list(told.curves())
            found["recurrent_counts"] += list(told.counts()) if method is METHODS[0] else []
    tables = {
        name: pd.DataFrame(found[name], columns=list(types)).astype(types)
        for name, types in TABLES.items()
    }
    return RecurrentNumbers(**tables)


@dataclass(frozen=True)
class _Repeated:
    """One thing under one method."""

    under: UnderMethod
    rows: pd.DataFrame
    name: str
    plan: RecurrentEvents

    def __post_init__(self):
        where = f"protocol.analysis.recurrent_events.{self.name}"
        self.under.require_both_arms(self.known, where)
        for arm in Arm:
            mine = self._in_arm(arm)
            if self.stop[mine].max() < self.plan.horizon_days and not self.died[mine].all():
                raise CohortError(
                    f"{where}: nobody in the {arm} arm was in sight up to day "
                    f"{self.plan.horizon_days}; write an earlier horizon_days"
                )
        if not self.events[self.stop <= self.plan.horizon_days].any():
            raise CohortError(f"{where}: nobody has it by its horizon; check its events")

    @cached_property
    def person(self) -> NDArray:
        """Row of the study's people that each interval is of."""
        return pd.Index(self.under.study.people["person_id"]).get_indexer(self.rows["person_id"])

    @cached_property
    def known(self) -> NDArray:
        """Who was in sight for a day."""
        return np.bincount(self.person, minlength=len(self.under.study.people)) > 0

    @property
    def stop(self) -> NDArray:
        """Last day of each interval."""
        return self.rows["stop_day"].to_numpy(float)

    @property
    def events(self) -> NDArray:
        """Events on it."""
        return self.rows["events"].to_numpy(int)

    @property
    def died(self) -> NDArray:
        """Whether the person died on it."""
        return self.rows["died"].to_numpy(bool)

    def _in_arm(self, arm: Arm) -> NDArray:
        """Intervals of those of an arm who weigh something."""
        return np.isin(self.person, self.under.members(arm, self.known))

    @cached_property
    def sets(self) -> dict[Arm, tuple[NDArray, RecurrentRiskSets]]:
        """Members and weighted counts by day, by arm."""
        found = {}
        for arm in Arm:
            members, mine = self.under.members(arm, self.known), self._in_arm(arm)
            place = np.searchsorted(members, self.person[mine])
            start = self.rows["start_day"].to_numpy(float)[mine]
            history = event_history(
                place, start, self.stop[mine], self.events[mine], self.died[mine], members.size
            )
            found[arm] = members, recurrent_risk_sets(history, self.under.weight[members])
        return found

    def _mean(self, arm: Arm, day: float) -> tuple[float, NDArray]:
        members, sets = self.sets[arm]
        value = float(mean_events(sets).at(day))
        return value, self.under.influence(members, mean_events_derivative(sets, day))

    def estimates(self) -> Iterator[dict]:
        """Means, their difference, the ratio of rates."""
        means = {arm: self._mean(arm, self.plan.horizon_days) for arm in Arm}
        for arm, (value, moved) in means.items():
            spread = self.under.uncertainty(moved)
            limits = mean_limits(value, spread.std_error, spread.critical)
            yield self._row(MEAN[arm], value, spread, limits, [arm])
        (one, moved), (other, moved_other) = means[Arm.INTERVENTION], means[Arm.COMPARATOR]
        spread = self.under.uncertainty(moved - moved_other)
        half = spread.critical * spread.std_error
        value = one - other
        yield self._row(DIFFERENCE, value, spread, (value - half, value + half), list(Arm))
        yield from self._rate_ratio()

    def _rate_ratio(self) -> Iterator[dict]:
        rows, person = self._at_risk()
        if (
            min(rows.event[self.under.study.entry.treated[person] == arm].sum() for arm in (0, 1))
            < 1
        ):
            return  # a rate of nothing has no ratio
        treated = self.under.study.entry.treated[person].astype(float)
        fit = fit_cox(
            rows.stop, rows.event, treated[:, None],
            entry=rows.start, weight=self.under.weight[person],
        )  # fmt: skip
        whole = np.bincount(person, coefficient_derivative(fit)[:, 0], self.known.size)
        everyone = np.arange(self.known.size)
        spread = self.under.uncertainty(self.under.influence(everyone, whole))
        half, value = spread.critical * spread.std_error, float(fit.coefficients[0])
        limits = float(np.exp(value - half)), float(np.exp(value + half))
        yield self._row(RATE_RATIO, float(np.exp(value)), spread, limits, list(Arm))

    def _at_risk(self) -> tuple[CoxRows, NDArray]:
        """Days outside care and jail up to the horizon, as rows of a Cox model."""
        start = self.rows["start_day"].to_numpy(float)
        weighs = self.under.weight[self.person] > 0
        counted = ~self.rows["away"].to_numpy(bool) & (start < self.plan.horizon_days) & weighs
        stop = np.minimum(self.stop, self.plan.horizon_days)
        events = np.where(self.stop <= self.plan.horizon_days, self.events, 0)
        history = event_history(
            self.person[counted], start[counted], stop[counted], events[counted],
            people=self.known.size,
        )  # fmt: skip
        rows = andersen_gill_rows(history)
        return rows, rows.person

    def _often(self, rows: NDArray) -> NDArray:
        """How often each of these people has it by the horizon."""
        by_then = self.stop <= self.plan.horizon_days
        return np.bincount(self.person, self.events * by_then, self.known.size)[rows]

    def _cells(self, arm: Arm) -> tuple[int, int]:
        """The fewest people that a number of an arm gives away, and those not in sight."""
        often = self._often(self.under.members(arm, self.known))
        out = self._often(self.under.left_out(arm, self.known))
        parts = [(often > 0).sum(), (often == 0).sum(), (out > 0).sum(), (out == 0).sum()]
        treated = self.under.study.entry.treated == (arm is Arm.INTERVENTION)
        missing = int((treated & ~self.known & (self.under.weight > 0)).sum())
        return min((int(n) for n in parts if n), default=0), missing

    def _row(
        self,
        measure: str,
        value: float,
        spread: Uncertainty,
        limits: tuple[float, float],
        about: list[Arm],
    ) -> dict:
        cells = [self._cells(arm) for arm in about]
        return {
            "recurrent": self.name,
            "measure": measure,
            "method": str(self.under.method),
            "se_method": self.under.se_method(spread),
            "horizon_days": self.plan.horizon_days,
            "estimate": value,
            "std_error": spread.std_error,
            "conf_low": float(limits[0]),
            "conf_high": float(limits[1]),
            "smallest_cell": min((n for n, _ in cells if n), default=0),
            "fewest_missing": min((n for _, n in cells if n), default=0),
        }

    def counts(self) -> Iterator[dict]:
        """People by how often they have it, as enrolled."""
        horizon = self.plan.horizon_days
        start = self.rows["start_day"].to_numpy(float)
        days = np.clip(np.minimum(self.stop, horizon) - start, 0, None)
        away = self.rows["away"].to_numpy(bool)
        for arm in Arm:
            mine, often = self._in_arm(arm), self._often(self.under.members(arm, self.known))
            yield {
                "recurrent": self.name,
                "arm": str(arm),
                "people": often.size,
                "missing": self._cells(arm)[1],
                "none": int((often == 0).sum()),
                "once": int((often == 1).sum()),
                "twice": int((often == 2).sum()),
                "more_often": int((often >= MOST).sum()),
                "died": int((self.died & mine & (self.stop <= horizon)).sum()),
                "days_at_risk": int(days[mine & ~away].sum()),
                "days_away": int(days[mine & away].sum()),
                "people_away": np.unique(self.person[mine & away & (days > 0)]).size,
            }

    def curves(self) -> Iterator[dict]:
        """The mean number so far, on days on which somebody has it and on even ones."""
        for arm in Arm:
            members, mine = self.under.members(arm, self.known), self._in_arm(arm)
            happened = self.stop[mine & (self.events > 0)]
            days = np.unique([*reading_days(self.plan.horizon_days), *happened])
            first = pd.Series(happened).groupby(self.person[mine & (self.events > 0)]).min()
            last = pd.Series(self.stop[mine]).groupby(self.person[mine]).max()
            out = self._often(self.under.left_out(arm, self.known))
            few = min((int(n) for n in ((out > 0).sum(), (out == 0).sum()) if n), default=0)
            for day in days[days <= self.plan.horizon_days]:
                value, moved = self._mean(arm, day)
                spread = self.under.uncertainty(moved)
                low, high = mean_limits(value, spread.std_error, spread.critical)
                yield {
                    "recurrent": self.name,
                    "method": str(self.under.method),
                    "arm": str(arm),
                    "day": int(day),
                    "mean": value,
                    "conf_low": low,
                    "conf_high": high,
                    "people_with": int((first <= day).sum()),
                    "events": int((happened <= day).sum()),
                    "in_sight": int((last >= day).sum()) if day else members.size,
                    "few_left_out": few,
                }


def mean_limits(value: float, std_error: float, critical: float) -> tuple[float, float]:
    """Confidence limits of a mean number on the log scale, so that they stay above 0.

    Examples
    --------
    >>> low, high = mean_limits(1.0, 0.1, 1.96)
    >>> round(low, 3), round(high, 3)
    (0.822, 1.217)
    """
    if value <= 0:
        return value, value
    factor = float(np.exp(critical * std_error / value))
    return value / factor, value * factor
