"""Records with a known truth, as a site would export them."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.schema import Records
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


def _as_recorded(
    people: pd.DataFrame, iop: NDArray, course: Course, rng: np.random.Generator
) -> dict[str, pd.DataFrame]:
    """What a site's export would show: all of it only up to the last day observed."""
    n = len(people)
    index_day = rng.integers(30, 500, n)
    lost_day = np.ceil(rng.exponential(2500, n)).astype(int)
    seen_days = np.minimum.reduce([rng.integers(120, 541, n), lost_day, course.death_day])
    last_day = index_day + seen_days
    person_id = np.array([f"P{number:06d}" for number in rng.permutation(n) + 1])
    base = people[COVARIATES].assign(
        person_id=person_id,
        facility_id=[f"F{number:03d}" for number in people["facility"] + 1],
        admission_year=rng.choice([2022, 2023, 2024], n),
    )

    def stays(level, start, end, reason, who):
        table = base.assign(level_of_care=level, start_day=start, end_day=end, exit_reason=reason)
        table = table[who & (start <= last_day)]
        still_open = table["end_day"] > last_day[table.index]
        return table.assign(
            end_day=table["end_day"].astype("Int64").mask(still_open),
            exit_reason=table["exit_reason"].mask(still_open),
        )

    def completed(level, start, days, who):
        return stays(level, start, start + days, ExitReason.COMPLETED, who)

    exit_day = index_day + course.exit_day
    residential = np.where(
        people["long_stay"], LevelOfCare.LONG_TERM_RESIDENTIAL, LevelOfCare.SHORT_TERM_RESIDENTIAL
    )
    level = np.where(iop, LevelOfCare.INTENSIVE_OUTPATIENT, residential)
    opioid = people["primary_substance"].eq("opioid").to_numpy()
    detoxified = rng.random(n) < np.where(opioid, 0.4, 0.2)
    treated_days_ago = np.where(
        people["recently_treated"], rng.integers(10, 56, n), rng.integers(70, 171, n)
    )
    treated = people["recently_treated"].to_numpy() | (rng.random(n) < 0.04)
    all_stays = pd.concat(
        [
            stays(level, index_day, exit_day, course.exit_reason, np.full(n, True)),
            completed(LevelOfCare.WITHDRAWAL_MANAGEMENT, index_day - 5, 4, detoxified),
            completed(LevelOfCare.OUTPATIENT, index_day - treated_days_ago - 30, 30, treated),
            completed(
                np.where(iop, LevelOfCare.OUTPATIENT, LevelOfCare.INTENSIVE_OUTPATIENT),
                exit_day + 1,
                STEP_DOWN_DAYS,
                course.steps_down,
            ),
            completed(
                LevelOfCare.SHORT_TERM_RESIDENTIAL,
                index_day + course.readmission_day,
                21,
                course.readmission_day < NEVER,
            ),
        ]
    ).sort_values(["person_id", "start_day"], ignore_index=True)

    def dated(kind, days):
        table = pd.DataFrame({"person_id": person_id, "day": index_day + days, "kind": kind})
        return table[table["day"] <= last_day]

    events = [
        dated(EventKind.RETURN_TO_USE, course.return_to_use_day),
        dated(EventKind.DEATH, course.death_day),
    ]
    scored = rng.random(n) < 0.95
    return {
        "persons": pd.DataFrame(
            {"person_id": person_id, "first_observed_day": 0, "last_observed_day": last_day}
        ).sort_values("person_id", ignore_index=True),
        "stays": all_stays.assign(stay_id=[f"S{k + 1:06d}" for k in range(len(all_stays))])[
            [
                "stay_id",
                *("person_id", "facility_id", "level_of_care", "start_day", "end_day"),
                *("exit_reason", "admission_year"),
                *COVARIATES,
            ]
        ],
        "scores": pd.DataFrame(
            {
                "person_id": person_id,
                "day": index_day - rng.integers(0, 4, n),
                "instrument": "phq9",
                "score": people["phq9"],
            }
        )[scored].sort_values("person_id", ignore_index=True),
        "events": pd.concat(events).sort_values(["person_id", "day"], ignore_index=True),
    }
