"""Where people are: expected days in each state up to the horizon, by arm."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.under_method import METHODS, UnderMethod
from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import Uncertainty
from iop_outcomes.statistics.histories.multi_state import (
    Occupancy,
    expected_days_derivative,
    occupancy,
    sojourns,
)
from iop_outcomes.vocabulary import Arm, State

WHERE = "protocol.analysis.states"
DIFFERENCE = "difference"
STATES = tuple(map(str, State))
DRAWN = 25  # days on which occupancy is told, the first and the last among them
DAYS = {
    **dict.fromkeys(("state", "arm", "method", "se_method"), "str"),
    "horizon_days": "Int64",
    **dict.fromkeys(("days", "std_error", "conf_low", "conf_high"), "float64"),
    **dict.fromkeys(("people_ever", "missing", "few_left_out"), "Int64"),
}
CURVES = {
    **dict.fromkeys(("state", "arm", "method"), "str"),
    "day": "Int64",
    "probability": "float64",
    **dict.fromkeys(("people_there", "people_ever", "few_left_out"), "Int64"),
}


@dataclass(frozen=True)
class StateNumbers:
    """What is told of states.

    Attributes
    ----------
    days_in_states
        One row per method, state and arm, and for their difference: expected `days` in the state
        from time zero to the horizon; `people_ever`, people of the arm seen in it.
    state_curves
        One row per method, state, arm and day: its probability; `people_there` on the day.
    """

    days_in_states: pd.DataFrame
    state_curves: pd.DataFrame


def state_numbers(study: StudyArrays, places: pd.DataFrame) -> StateNumbers:
    """Occupancy of states by arm, unadjusted and weighted, by Aalen and Johansen's estimate.

    Parameters
    ----------
    places
        `Cohort.whereabouts`.

    Raises
    ------
    CohortError
        Of an arm nobody was in sight, or not up to the horizon.
    """
    days, curves = [], []
    for method in METHODS if study.protocol.analysis.states else ():
        found = _States(UnderMethod(study, method), places)
        days += list(found.days())
        curves += list(found.curves())
    return StateNumbers(
        pd.DataFrame(days, columns=list(DAYS)).astype(DAYS),
        pd.DataFrame(curves, columns=list(CURVES)).astype(CURVES),
    )


@dataclass(frozen=True)
class _States:
    """Occupancy in both arms under one method."""

    under: UnderMethod
    places: pd.DataFrame

    def __post_init__(self):
        self.under.require_both_arms(self.known, WHERE)
        stop = self.places["stop_day"].to_numpy(float)
        for arm in Arm:
            if stop[self._in_arm(arm)].max() < self.horizon:
                raise CohortError(
                    f"{WHERE}: nobody in the {arm} arm was in sight up to day {self.horizon}; "
                    "write an earlier horizon_days"
                )

    @property
    def horizon(self) -> int:
        """Day up to which days count."""
        return self.under.study.protocol.analysis.states.horizon_days

    @cached_property
    def person(self) -> NDArray:
        """Row of the study's people that each interval is of."""
        people = pd.Index(self.under.study.people["person_id"])
        return people.get_indexer(self.places["person_id"])

    @cached_property
    def known(self) -> NDArray:
        """Who was in sight for a day."""
        return np.bincount(self.person, minlength=len(self.under.study.people)) > 0

    def _in_arm(self, arm: Arm) -> NDArray:
        return np.isin(self.person, self.under.members(arm, self.known))

    @cached_property
    def found(self) -> dict[Arm, tuple[NDArray, Occupancy]]:
        """Members and occupancy, by arm."""
        number = {state: place for place, state in enumerate(STATES)}
        occupied = {}
        for arm in Arm:
            members, mine = self.under.members(arm, self.known), self._in_arm(arm)
            rows = self.places[mine]
            own = sojourns(
                np.searchsorted(members, self.person[mine]),
                rows["start_day"].to_numpy(float),
                rows["stop_day"].to_numpy(float),
                rows["state"].map(number).to_numpy(int),
                rows["moves_to"].map(number).to_numpy(int),
                len(STATES),
                members.size,
            )
            occupied[arm] = members, occupancy(own, self.under.weight[members])
        return occupied

    def _ever(self, rows: NDArray) -> NDArray:
        """How many of these people are seen in each state. Shape (states,)."""
        mine = self.places[np.isin(self.person, rows)]
        ever = mine.drop_duplicates(["person_id", "state"])["state"].value_counts()
        return ever.reindex(STATES, fill_value=0).to_numpy(int)

    def _few_left_out(self, arm: Arm) -> int:
        """The fewest people left out who are seen in a state, or not; 0 if nobody is left out."""
        out = self.under.left_out(arm, self.known)
        ever = self._ever(out)
        return int(min((n for n in [*ever, *(out.size - ever)] if n), default=0))

    def days(self) -> Iterator[dict]:
        """Expected days in each state that anyone is seen in."""
        expected, moved, cells = {}, {}, {}
        for arm, (members, found) in self.found.items():
            expected[arm] = found.expected_days(self.horizon)
            slopes = expected_days_derivative(found, self.horizon)
            moved[arm] = [self.under.influence(members, slope) for slope in slopes.T]
            treated = self.under.study.entry.treated == (arm is Arm.INTERVENTION)
            cells[arm] = {
                "missing": int((treated & ~self.known & (self.under.weight > 0)).sum()),
                "few_left_out": self._few_left_out(arm),
            }
        ever = {arm: self._ever(members) for arm, (members, _) in self.found.items()}
        for place, state in enumerate(STATES):
            if not any(ever[arm][place] for arm in Arm):
                continue
            for arm in Arm:
                spread = self.under.uncertainty(moved[arm][place])
                told = {**cells[arm], "people_ever": ever[arm][place]}
                yield self._row(state, str(arm), expected[arm][place], spread, told)
            one, other = (moved[arm][place] for arm in (Arm.INTERVENTION, Arm.COMPARATOR))
            more = expected[Arm.INTERVENTION][place] - expected[Arm.COMPARATOR][place]
            yield self._row(state, DIFFERENCE, more, self.under.uncertainty(one - other), {})

    def _row(
        self, state: str, arm: str, value: float, spread: Uncertainty, cells: dict[str, int]
    ) -> dict:
        half = spread.critical * spread.std_error
        return {
            "state": state,
            "arm": arm,
            "method": str(self.under.method),
            "se_method": self.under.se_method(spread),
            "horizon_days": self.horizon,
            "days": float(value),
            "std_error": spread.std_error,
            "conf_low": float(value - half),
            "conf_high": float(value + half),
            **dict.fromkeys(("people_ever", "missing", "few_left_out"), pd.NA),
            **cells,
        }

    def curves(self) -> Iterator[dict]:
        """Probability of each state on even days."""
        days = np.unique(np.round(np.linspace(0, self.horizon, DRAWN)).astype(int))
        start, stop = (self.places[f"{end}_day"].to_numpy(int) for end in ("start", "stop"))
        for arm, (members, found) in self.found.items():
            mine, ever = self._in_arm(arm), self._ever(members)
            few = self._few_left_out(arm)
            for day in days:
                probability = found.at(day)
                there = mine & (start <= day) & ((stop > day) | (stop == self.horizon))
                count = self.places.loc[there, "state"].value_counts()
                for place, state in enumerate(STATES):
                    yield {
                        "state": state,
                        "arm": str(arm),
                        "method": str(self.under.method),
                        "day": int(day),
                        "probability": float(probability[place]),
                        "people_there": int(count.get(state, 0)),
                        "people_ever": ever[place],
                        "few_left_out": few,
                    }
