"""Exits from the index stay where its length is known in bands of days: risks at their edges.

Nothing is said of when within a band people left. A day that lies within one is refused, and mean
days have a lower and an upper bound in place of a value.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.exits_in_bands import WHERE, BandedExits, banded_exits
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.under_method import METHODS, UnderMethod
from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.protocol.time_plans import LengthsInBands
from iop_outcomes.statistics.coarse_time.exit_hazards import ExitHazards, fit_exit_hazards
from iop_outcomes.statistics.coarse_time.grouped_risks import mean_days_bounds, risk_at_edge
from iop_outcomes.statistics.coarse_time.grouped_time import grouped_exits
from iop_outcomes.statistics.survival.curve_limits import Scale, incidence_limits
from iop_outcomes.vocabulary import Arm, Measure

ANY = "any reason"
RISK = {Arm.INTERVENTION: Measure.RISK_INTERVENTION, Arm.COMPARATOR: Measure.RISK_COMPARATOR}
RISKS = {
    **dict.fromkeys(("exit", "measure", "method", "se_method"), "str"),
    **dict.fromkeys(("day", "left", "people", "missing", "few_left_out"), "Int64"),
    **dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high"), "float64"),
    "read": "bool",
}
DAYS = {
    **dict.fromkeys(("arm", "method", "se_method"), "str"),
    **dict.fromkeys(("horizon_days", "smallest_cell", "missing"), "Int64"),
    **dict.fromkeys(("days_lower", "days_upper", "conf_low", "conf_high"), "float64"),
}


@dataclass(frozen=True)
class GroupedLengths:
    """What lengths in bands tell.

    Attributes
    ----------
    exit_risks
        One row per `method`, `exit` (a reason or group of reasons, and any), edge (`day`) and
        `measure`: risks of both arms and their difference, and at the horizon the cause-specific
        hazard ratio; `read` where the protocol asks for the day; `left`, people of the arm who had
        left so by then, of `people` known.
    days_in_care
        One row per `method` and arm, and for their difference: `days_lower` and `days_upper`,
        bounds of the mean days in the index stay up to the horizon, and an interval around both.
    """

    exit_risks: pd.DataFrame
    days_in_care: pd.DataFrame


def grouped_lengths(study: StudyArrays, lengths: pd.DataFrame) -> GroupedLengths:
    """Risks of exit at the edges of bands by arm, unadjusted and weighted.

    Parameters
    ----------
    lengths
        `Cohort.lengths`.

    Raises
    ------
    ProtocolError
        A day to be read lies within a band; names the edges around it.
    CohortError
        An arm's lengths are not known, or nobody leaves, or stays, by the horizon.
    """
    plan = study.protocol.analysis.lengths_in_bands
    rows, days = [], []
    if plan is not None:
        told = study.people[["person_id"]].merge(lengths, on="person_id", validate="one_to_one")
        if len(told) != len(study.people):
            raise CohortError(
                f"{WHERE}: the cohort holds no lengths of stay; assemble it under this protocol"
            )
        exits = banded_exits(told, plan)
        for method in METHODS:
            found = _LengthsUnder(UnderMethod(study, method), exits, plan)
            rows += list(found.risks())
            days += list(found.days())
    return GroupedLengths(
        pd.DataFrame(rows, columns=list(RISKS)).astype(RISKS),
        pd.DataFrame(days, columns=list(DAYS)).astype(DAYS),
    )


@dataclass(frozen=True)
class _LengthsUnder:
    """Hazards of both arms under one method."""

    under: UnderMethod
    exits: BandedExits
    plan: LengthsInBands

    def __post_init__(self):
        self.under.require_both_arms(self.exits.known, WHERE)

    def _hazards(self, arm: Arm) -> "_Fitted":
        return self._fitted(self.under.members(arm, self.exits.known), f"the {arm} arm")

    def _fitted(self, members: NDArray, whom: str, covariate: NDArray | None = None) -> "_Fitted":
        """Hazards fitted to counts: people who left alike are one pattern with their weight."""
        found, weight = self.exits, self.under.weight[members]
        alike = [found.band[members], found.cause[members]]
        alike += [] if covariate is None else [covariate[members]]
        patterns, member = np.unique(np.column_stack(alike), axis=0, return_inverse=True)
        member = member.ravel()
        total = np.bincount(member, weight)
        band, cause, *design = patterns.T
        design = np.column_stack(design) if design else np.empty((band.size, 0))
        try:
            exits = grouped_exits(
                design, band.astype(int), cause.astype(int), found.bands.size, weight=total
            )
        except CohortError as error:
            raise CohortError(f"{WHERE}: {whom}: {error}, or read at earlier edges") from None
        return _Fitted(members, member, fit_exit_hazards(exits))

    def risks(self) -> Iterator[dict]:
        """Risks of every exit at every edge, and at the horizon the ratio of hazards."""
        fits = {arm: self._hazards(arm) for arm in Arm}
        ratios = dict(self._ratios())
        last = self.exits.bands.size - 1
        scale = Scale(str(self.under.study.protocol.analysis.risk_interval))
        for place, name in enumerate((ANY, *self.exits.names)):
            for band in range(last + 1):
                found = {arm: fit.risk(place, band) for arm, fit in fits.items()}
                moved = {arm: self._moved(fits[arm], found[arm][1]) for arm in Arm}
                for arm in Arm:
                    spread = self.under.uncertainty(moved[arm])
                    limits = incidence_limits(
                        found[arm][0], spread.std_error, spread.critical, scale
                    )
                    numbers = (found[arm][0], spread, *limits)
                    cells = self._cells(arm, place, band)
                    yield self._row(name, band, RISK[arm], numbers, cells)
                value = found[Arm.INTERVENTION][0] - found[Arm.COMPARATOR][0]
                spread = self.under.uncertainty(moved[Arm.INTERVENTION] - moved[Arm.COMPARATOR])
                half = spread.critical * spread.std_error
                numbers = (value, spread, value - half, value + half)
                yield self._row(name, band, Measure.RISK_DIFFERENCE, numbers, {})
            if place in ratios:
                yield self._row(name, last, Measure.HAZARD_RATIO, ratios[place], {})

    def _moved(self, fit: "_Fitted", derivative: NDArray) -> NDArray:
        return self.under.influence(fit.members, derivative[fit.pattern])

    def _ratios(self) -> Iterator[tuple[int, tuple]]:
        """Hazard ratios in continuous time by cause, proportional within and across bands."""
        members = np.flatnonzero(self.exits.known & (self.under.weight > 0))
        treated = self.under.study.entry.treated.astype(float)
        cause = self.exits.cause[members]
        present = [set(cause[(cause > 0) & (treated[members] == arm)]) for arm in (0, 1)]
        if present[0] != present[1]:
            return  # a reason that one arm does not have: told by its risks alone
        try:
            fit = self._fitted(members, "both arms", treated)
        except (PositivityError, CohortError):
            return
        for cause in range(1, fit.hazards.exits.causes + 1):
            value = float(fit.hazards.coefficients[cause - 1, 0])
            moved = self._moved(fit, fit.hazards.coefficient_derivative(cause, 0))
            spread = self.under.uncertainty(moved)
            half = spread.critical * spread.std_error
            limits = np.exp([value, value - half, value + half])
            yield cause, (limits[0], spread, limits[1], limits[2])

    def _cells(self, arm: Arm, place: int, band: int) -> dict:
        found = self.exits
        members = self.under.members(arm, found.known)
        out = self.under.left_out(arm, found.known)
        in_arm = self.under.study.entry.treated == (arm is Arm.INTERVENTION)
        by_then = int(self._left(members, place, band))
        gone = int(self._left(out, place, found.bands.size - 1))
        return {
            "left": by_then,
            "people": members.size,
            "missing": int((in_arm & (self.under.weight > 0) & ~found.known).sum()),
            "few_left_out": min((n for n in (gone, out.size - gone) if n), default=0),
        }

    def _left(self, rows: NDArray, place: int, band: int) -> int:
        cause = self.exits.cause[rows]
        counts = (cause > 0) if place == 0 else (cause == place)
        return (counts & (self.exits.band[rows] <= band)).sum()

    def _row(self, name: str, band: int, measure: Measure, numbers: tuple, cells: dict) -> dict:
        value, spread, low, high = numbers
        day = int(self.exits.bands.last[band])
        nothing = dict.fromkeys(("left", "people", "missing", "few_left_out"), pd.NA)
        return {
            "exit": name,
            "day": day,
            "measure": str(measure),
            "method": str(self.under.method),
            "estimate": float(value),
            "std_error": spread.std_error,
            "conf_low": float(low),
            "conf_high": float(high),
            "se_method": self.under.se_method(spread),
            "read": day in self.plan.read_at_days,
            **nothing,
            **cells,
        }

    def days(self) -> Iterator[dict]:
        """Bounds of the mean days in the index stay, and of what one arm has more."""
        until = self.plan.horizon_days
        bounds, cells = {}, {}
        for arm in Arm:
            fit = self._hazards(arm)
            found = mean_days_bounds(fit.hazards, self.exits.bands, until)
            bounds[arm] = [
                (each.value, self._moved(fit, each.derivative))
                for each in (found.lower, found.upper)
            ]
            told = self._cells(arm, 0, self.exits.bands.size - 1)
            fewest = (told["left"], told["people"] - told["left"], told["few_left_out"])
            smallest = min((n for n in fewest if n), default=0)
            cells[arm] = {"smallest_cell": smallest, "missing": told["missing"]}
            yield self._days(str(arm), *bounds[arm], cells[arm])
        (low, high), (other_low, other_high) = bounds[Arm.INTERVENTION], bounds[Arm.COMPARATOR]
        yield self._days(
            "difference",
            (low[0] - other_high[0], low[1] - other_high[1]),
            (high[0] - other_low[0], high[1] - other_low[1]),
            {
                name: min((n for n in (cells[arm][name] for arm in Arm) if n), default=0)
                for name in ("smallest_cell", "missing")
            },
        )

    def _days(self, arm: str, lower: tuple, upper: tuple, cells: dict) -> dict:
        below, above = (self.under.uncertainty(bound[1]) for bound in (lower, upper))
        return {
            "arm": arm,
            "method": str(self.under.method),
            "horizon_days": self.plan.horizon_days,
            "days_lower": lower[0],
            "days_upper": upper[0],
            "conf_low": lower[0] - below.critical * below.std_error,
            "conf_high": upper[0] + above.critical * above.std_error,
            "se_method": self.under.se_method(below),
            **cells,
        }


@dataclass(frozen=True)
class _Fitted:
    """Hazards of exit, whose they are, and the pattern of each."""

    members: NDArray
    pattern: NDArray
    hazards: ExitHazards
    read: dict = field(default_factory=dict)  # what was read before: every risk is one of any, too

    def risk(self, place: int, band: int) -> tuple[float, NDArray]:
        """Risk of a cause, or with 0 of all, by the end of a band, and its derivative."""
        exits = self.hazards.exits
        causes = range(1, exits.causes + 1)
        if place:
            causes = [cause for cause in causes if cause == place]  # none: nobody there left so
        for cause in causes:
            if (cause, band) not in self.read:
                self.read[cause, band] = risk_at_edge(self.hazards, cause, band)
        found = [self.read[cause, band] for cause in causes]
        nothing = np.zeros(exits.band.size)
        return sum(each.value for each in found), sum((each.derivative for each in found), nothing)
