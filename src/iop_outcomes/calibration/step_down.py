"""A step-down whose effect is known.

People leave residential care as planned. On each of the next 14 days they may step down to
intensive outpatient care, less readily the more severe their illness; if they step down, relapse
is less likely for 60 days. Who relapses first never steps down.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from iop_outcomes.records.schema import Records
from iop_outcomes.vocabulary import Arm, EventKind, ExitReason, LevelOfCare


@dataclass(frozen=True, kw_only=True)
class StepDownWorld:
    """How people step down and relapse: log odds a day, `severity` and `hidden` per unit.

    Attributes
    ----------
    start, start_severity, start_hidden
        Of stepping down on days 1 to `grace_days`; severity and the hidden trait are standard
        normal, and only severity is recorded.
    start_same_day
        Of stepping down on the very day of the exit; None if nobody does.
    relapse, relapse_severity, relapse_hidden
        Of relapse on each day from 1.
    after_exit, half_life_days
        Excess right after the exit, and how fast it fades.
    effect, effect_days
        What the step-down changes, from the day after it and for how many days.
    grace_days, horizon_days
        Last day on which a step-down counts; day at which the risk is read.
    """

    start: float = -2.9
    start_severity: float = -0.5
    start_hidden: float = 0.0
    start_same_day: float | None = None
    relapse: float = -4.85
    relapse_severity: float = 0.5
    relapse_hidden: float = 0.0
    after_exit: float = float(np.log(2.6))
    half_life_days: float = 14.0
    effect: float = float(np.log(0.70))
    effect_days: int = 60
    grace_days: int = 14
    horizon_days: int = 180


@dataclass(frozen=True)
class People:
    """What happens to each person: days from the exit, infinite if not. Arrays of shape (n,)."""

    severity: NDArray
    start_day: NDArray
    relapse_day: NDArray


@dataclass(frozen=True, kw_only=True)
class PlantedEffect:
    """Risks by the horizon if all had followed either strategy, and the Monte Carlo error."""

    risk_intervention: float
    risk_comparator: float
    risk_difference: float
    monte_carlo_error: float


def simulate_step_down(
    world: StepDownWorld, persons: int, seed: np.random.SeedSequence, forced: Arm | None = None
) -> People:
    """Walk people from their exit to the horizon; the same seed is the same luck whatever the arm.

    Parameters
    ----------
    forced
        Everyone follows this arm's strategy: to step down on their own day and on the last of the
        grace period if they have not by then, or never to. None: everyone as they would.
    """
    rng = np.random.default_rng(seed)
    severity, hidden = rng.normal(size=persons), rng.normal(size=persons)
    ready = world.start_severity * severity + world.start_hidden * hidden
    frail = world.relapse + world.relapse_severity * severity + world.relapse_hidden * hidden
    start, relapse = np.full(persons, np.inf), np.full(persons, np.inf)
    for day in range(world.horizon_days + 1):
        relapse_luck, start_luck = rng.random(persons), rng.random(persons)
        if day > 0:
            helped = (start < day) & (day <= start + world.effect_days)
            recent = world.after_exit * 0.5 ** (day / world.half_life_days)
            odds = frail + recent + world.effect * helped
            relapse[np.isinf(relapse) & (relapse_luck < expit(odds))] = day
        readiness = world.start if day > 0 else world.start_same_day
        if day > world.grace_days or forced is Arm.COMPARATOR or readiness is None:
            continue
        goes = start_luck < expit(readiness + ready)
        if forced is Arm.INTERVENTION and day == world.grace_days:
            goes[:] = True
        start[goes & np.isinf(start) & np.isinf(relapse)] = day
    return People(severity, start, relapse)


def step_down_records(people: People, world: StepDownWorld, stay_days: int = 28) -> Records:
    """The people as a site's records: a residential stay, its planned exit, and what came after.

    `severity` is a covariate of persons; the hidden trait is not recorded.
    """
    count = people.severity.size
    who = pd.Series([f"P{number}" for number in range(count)])
    persons = pd.DataFrame(
        {
            "person_id": who,
            "first_observed_day": -365,
            "last_observed_day": stay_days + world.horizon_days,
            "severity": people.severity,
        }
    )
    started, relapsed = np.isfinite(people.start_day), np.isfinite(people.relapse_day)
    stays = pd.DataFrame(
        {
            "person_id": pd.concat([who, who[started]], ignore_index=True),
            "level_of_care": [str(LevelOfCare.SHORT_TERM_RESIDENTIAL)] * count
            + [str(LevelOfCare.INTENSIVE_OUTPATIENT)] * int(started.sum()),
            "start_day": np.append(np.zeros(count), stay_days + people.start_day[started]),
            "end_day": np.append(np.full(count, stay_days), np.full(int(started.sum()), np.nan)),
            "exit_reason": [str(ExitReason.COMPLETED)] * count + [None] * int(started.sum()),
            "facility_id": None,
            "admission_year": 2024,
            "age_years": 40,
        }
    )
    events = pd.DataFrame(
        {
            "person_id": who[relapsed],
            "day": stay_days + people.relapse_day[relapsed],
            "kind": str(EventKind.RETURN_TO_USE),
        }
    )
    return Records(
        persons=persons,
        stays=stays.assign(stay_id=[f"S{number}" for number in range(len(stays))]),
        events=events,
    )


def planted_effect(
    world: StepDownWorld, persons: int, seed: np.random.SeedSequence
) -> PlantedEffect:
    """Simulate everyone under both strategies, with the same luck."""
    risk = {
        arm: np.isfinite(simulate_step_down(world, persons, seed, arm).relapse_day) for arm in Arm
    }
    each = risk[Arm.INTERVENTION].astype(float) - risk[Arm.COMPARATOR]
    return PlantedEffect(
        risk_intervention=float(risk[Arm.INTERVENTION].mean()),
        risk_comparator=float(risk[Arm.COMPARATOR].mean()),
        risk_difference=float(each.mean()),
        monte_carlo_error=float(each.std() / np.sqrt(persons)),
    )
