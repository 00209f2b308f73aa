"""Records with a known truth, as a site would export them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.schema import STAYS, Records
from iop_outcomes.records.treatment_process import (
    NEVER,
    STEP_DOWN_DAYS,
    Course,
    Each,
    course_of_treatment,
    facility_effects,
    people_at_admission,
    process_seeds,
    propensity,
)
from iop_outcomes.vocabulary import EventKind, ExitReason, LevelOfCare

FOLLOWED_DAYS = 365
# Recorded at admission; everything else about a person stays unknown to the study.
COVARIATES = [
    "age_years",
    "sex",
    "primary_substance",
    "prior_treatment",
    "daily_use",
    "homeless",
    "employed",
    "injects",
    "criminal_justice_referral",
]


def simulate_records(
    persons: int,
    *,
    seed: int,
    facilities: int = 40,
    log_hazard_ratio: float = 0.0,
    each: Each = iter,
) -> Records:
    """A site's records; `calibration.planted_truth` of the same arguments says what is true.

    Parameters
    ----------
    persons
        People in the records; about three in four are eligible for the built-in study.
    seed
        Same seed, same records.
    facilities
        Places of treatment, which differ in whom they admit and how their people fare.
    log_hazard_ratio
        Direct effect of intensive outpatient care on the log odds of returning to use on a day,
        besides what the place itself does; 0 leaves the 180-day risks alike.
    each
        Wraps the loop over days, to show progress.

    Examples
    --------
    >>> records = simulate_records(200, seed=1)
    >>> len(records.persons), set(records.events["kind"]) <= {"return to use", "death"}
    (200, True)
    """
    if persons < 1:
        raise RecordsError("simulation.persons must be at least 1")
    seeds = process_seeds(seed)
    effects = facility_effects(facilities, seeds.facilities)
    people = people_at_admission(persons, facilities, seeds.people)
    rng = np.random.default_rng(seeds.view)
    bed_available = rng.random(persons) < 0.5
    iop = rng.random(persons) < propensity(people, effects, bed_available)
    course = course_of_treatment(
        people, iop, effects, log_hazard_ratio, seeds.course, FOLLOWED_DAYS, each
    )
    return Records(**_as_recorded(people, iop, course, rng))


@dataclass(frozen=True)
class _View:
    """What the site sees: who, and from which day to which; arrays of shape (n,)."""

    base: pd.DataFrame  # one row per person: identifiers and covariates
    index_day: NDArray
    last_day: NDArray

    def dated(self, columns: dict, who: NDArray) -> pd.DataFrame:
        """One row for each of `who`, with their identifier first."""
        return pd.DataFrame({"person_id": self.base["person_id"], **columns})[who]

    def stays(self, level, start, end, reason, who=True) -> pd.DataFrame:
        """Stays of `who` that began before the last day; open if they did not end by then."""
        table = self.base.assign(
            level_of_care=level, start_day=start, end_day=end, exit_reason=reason
        )
        table = table[who & (table["start_day"] <= self.last_day)]
        still_open = table["end_day"] > self.last_day[table.index]
        return table.assign(
            end_day=table["end_day"].astype("Int64").mask(still_open),
            exit_reason=table["exit_reason"].mask(still_open),
        )


def _as_recorded(
    people: pd.DataFrame, iop: NDArray, course: Course, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """What a site's export would show: all of it only up to the last day observed."""
    n = len(people)
    index_day = rng.integers(30, 500, n)
    lost_day = np.ceil(rng.exponential(2500, n)).astype(int)
    seen_days = np.minimum.reduce([rng.integers(120, 541, n), lost_day, course.death_day])
    base = people[COVARIATES].assign(
        person_id=[f"P{number:06d}" for number in rng.permutation(n) + 1],
        facility_id=[f"F{number:03d}" for number in people["facility"] + 1],
        admission_year=rng.choice([2022, 2023, 2024], n),
    )
    view = _View(base, index_day, index_day + seen_days)
    scored = rng.random(n) < 0.95
    scores = {
        "day": index_day - rng.integers(0, 4, n),
        "instrument": "phq9",
        "score": people["phq9"],
    }
    tables = {
        "persons": view.dated(
            {"first_observed_day": 0, "last_observed_day": view.last_day}, np.full(n, True)
        ),
        "stays": _stays(view, people, iop, course, rng),
        "scores": view.dated(scores, scored),
        "events": _events(view, course),
    }
    order = {"stays": ["person_id", "start_day"], "events": ["person_id", "day"]}
    tables = {
        name: table.sort_values(order.get(name, ["person_id"]), ignore_index=True)
        for name, table in tables.items()
    }
    stays = tables["stays"]
    stays.insert(0, "stay_id", [f"S{number + 1:06d}" for number in range(len(stays))])
    return tables


def _stays(
    view: _View, people: pd.DataFrame, iop: NDArray, course: Course, rng: np.random.Generator
) -> pd.DataFrame:
    """Index stays, and what came before and after them."""
    n, index_day = len(people), view.index_day
    residential = np.where(
        people["long_stay"], LevelOfCare.LONG_TERM_RESIDENTIAL, LevelOfCare.SHORT_TERM_RESIDENTIAL
    )
    level = np.where(iop, LevelOfCare.INTENSIVE_OUTPATIENT, residential)
    opioid = people["primary_substance"].eq("opioid").to_numpy()
    detoxified = rng.random(n) < np.where(opioid, 0.4, 0.2)
    recently = people["recently_treated"].to_numpy()
    days_ago = np.where(recently, rng.integers(10, 56, n), rng.integers(70, 171, n))
    treated = recently | (rng.random(n) < 0.04)
    after, back = index_day + course.exit_day + 1, index_day + course.readmission_day
    step_down = np.where(iop, LevelOfCare.OUTPATIENT, LevelOfCare.INTENSIVE_OUTPATIENT)

    def completed(level, start, days, who):
        return view.stays(level, start, start + days, ExitReason.COMPLETED, who)

    table = pd.concat(
        [
            view.stays(level, index_day, index_day + course.exit_day, course.exit_reason),
            completed(LevelOfCare.WITHDRAWAL_MANAGEMENT, index_day - 5, 4, detoxified),
            completed(LevelOfCare.OUTPATIENT, index_day - days_ago - 30, 30, treated),
            completed(step_down, after, STEP_DOWN_DAYS, course.steps_down),
            completed(LevelOfCare.SHORT_TERM_RESIDENTIAL, back, 21, course.readmission_day < NEVER),
        ]
    )
    # The year drawn for a person is that of day 0.
    table["admission_year"] += table["start_day"] // 365
    columns = [name for name in STAYS if name in table.columns]
    return table[[*columns, *(name for name in COVARIATES if name not in columns)]]


def _events(view: _View, course: Course) -> pd.DataFrame:
    days = {
        EventKind.RETURN_TO_USE: view.index_day + course.return_to_use_day,
        EventKind.DEATH: view.index_day + course.death_day,
    }
    return pd.concat(
        [view.dated({"day": day, "kind": kind}, day <= view.last_day) for kind, day in days.items()]
    )
