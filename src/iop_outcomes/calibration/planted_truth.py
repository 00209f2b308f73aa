"""What a study of simulated records ought to find."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.records.schema import TRUTH
from iop_outcomes.records.treatment_process import (
    Course,
    Each,
    course_of_treatment,
    facility_effects,
    people_at_admission,
    process_seeds,
    propensity,
)
from iop_outcomes.statistics.weighting.weights import tilt
from iop_outcomes.vocabulary import Arm, Estimand, EventKind, ExitReason, Measure

# What truth is computed for: the events that count, those that compete, the days it is read.
TRUTHS = (
    ((EventKind.RETURN_TO_USE,), (EventKind.DEATH,)),
    (
        (ExitReason.DROPPED_OUT, ExitReason.TERMINATED),
        (
            ExitReason.COMPLETED,
            ExitReason.TRANSFERRED,
            ExitReason.INCARCERATED,
            ExitReason.DEATH,
            ExitReason.OTHER,
        ),
    ),
)
TRUTH_HORIZONS = (30, 60, 90, 180)


def planted_truth(
    persons: int,
    *,
    seed: int,
    facilities: int = 40,
    log_hazard_ratio: float = 0.0,
    each: Each = iter,
) -> pd.DataFrame:
    """Risks if all had entered one arm and if all had entered the other, with the same luck.

    Averaged over people eligible for the built-in study (adults, not recently treated), in the
    facilities of `simulate_records` with the same arguments, tilted to each estimand by the
    probability of entering intensive outpatient care given what is recorded.

    Parameters
    ----------
    persons
        People to average over, each simulated twice; the Monte Carlo error is reported.
    seed, facilities, log_hazard_ratio, each
        As in `simulate_records`.

    Returns
    -------
    pd.DataFrame
        One row per kind of outcome, horizon, estimand and measure, as `records.schema.TRUTH`.
    """
    seeds = process_seeds(seed)
    effects = facility_effects(facilities, seeds.facilities)
    people_seed, course_seed = seeds.truth.spawn(2)
    people = people_at_admission(persons, facilities, people_seed)
    people = people[(people["age_years"] >= 18) & ~people["recently_treated"]]
    people = people.reset_index(drop=True)
    # The bed is a coin that is not recorded, so the propensity is the average over it.
    entry = np.mean(
        [propensity(people, effects, np.full(len(people), bed)) for bed in (True, False)], axis=0
    )
    horizon = max(TRUTH_HORIZONS)
    days = {
        arm: course_of_treatment(
            people,
            np.full(len(people), arm is Arm.INTERVENTION),
            effects,
            log_hazard_ratio,
            course_seed,
            horizon,
            each,
        )
        for arm in Arm
    }
    rows = []
    for events, competing in TRUTHS:
        ended = {arm: _first(course, events, competing) for arm, course in days.items()}
        for by in TRUTH_HORIZONS:
            happened, free = {}, {}
            for arm, (day, is_event) in ended.items():
                happened[arm] = (is_event & (day <= by)).astype(float)
                free[arm] = np.where(is_event, np.minimum(day, by), by).astype(float)
            for estimand in Estimand:
                values = _truths(happened, free, by, tilt(entry, estimand))
                rows += [
                    ("; ".join(sorted(events)), "; ".join(sorted(competing)), by, estimand, *value)
                    for value in values
                ]
    return pd.DataFrame(rows, columns=list(TRUTH))


def _first(course: Course, events: tuple, competing: tuple) -> tuple[NDArray, NDArray]:
    """Day on which follow-up ends, NEVER if not, and whether with the event."""
    if EventKind.RETURN_TO_USE in events:
        day = np.minimum(course.return_to_use_day, course.death_day)
        return day, course.return_to_use_day <= course.death_day
    return course.exit_day, np.isin(course.exit_reason, [str(event) for event in events])


def _truths(
    happened: dict, free: dict, by: int, weight: NDArray
) -> list[tuple[Measure, float, float]]:
    """Measure, value and Monte Carlo error; the two arms share their luck, so they are paired."""

    def mean(values):
        return float(np.average(values, weights=weight))

    def error(values):
        off = weight * (values - mean(values))
        return float(np.sqrt(np.sum(off**2)) / np.sum(weight))

    one, other = happened[Arm.INTERVENTION], happened[Arm.COMPARATOR]
    ratios = []
    if mean(other) > 0:  # else the ratio is no number
        ratio = mean(one) / mean(other)
        ratios = [(Measure.RISK_RATIO, ratio, error(one - ratio * other) / mean(other))]
    p, q = mean(one), mean(other)
    if 0 < p < 1 and 0 < q < 1:
        odds = p / (1 - p) / (q / (1 - q))
        log_error = error(one / (p * (1 - p)) - other / (q * (1 - q)))
        ratios.append((Measure.ODDS_RATIO, odds, odds * log_error))
    lost = {arm: by - days for arm, days in free.items()}
    of_days = []
    if mean(lost[Arm.COMPARATOR]) > 0:
        days = mean(lost[Arm.INTERVENTION]) / mean(lost[Arm.COMPARATOR])
        off = error(lost[Arm.INTERVENTION] - days * lost[Arm.COMPARATOR])
        of_days = [(Measure.RMTL_RATIO, days, off / mean(lost[Arm.COMPARATOR]))]
    return [
        (Measure.RISK_INTERVENTION, mean(one), error(one)),
        (Measure.RISK_COMPARATOR, mean(other), error(other)),
        (Measure.RISK_DIFFERENCE, mean(one - other), error(one - other)),
        *ratios,
        (
            Measure.RMST_DIFFERENCE,
            mean(free[Arm.INTERVENTION] - free[Arm.COMPARATOR]),
            error(free[Arm.INTERVENTION] - free[Arm.COMPARATOR]),
        ),
        *of_days,
    ]
