"""How people enter, leave, return to use and die: the process behind the simulated records.

A daily multistate model whose constants were set so that completion, transfers, drop-out and
length of stay by level of care resemble the TEDS-D tables of 2004. A latent severity that nobody
records drives the covariates, drop-out and return to use. It drives assignment only through the
covariates, so that adjustment can succeed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from iop_outcomes.errors import RecordsError
from iop_outcomes.vocabulary import ExitReason

Each = Callable[[Iterable], Iterable]
NEVER = 100_000  # a day that does not come

# Log odds of entering intensive outpatient rather than residential care.
ENTRY = {
    "homeless": -1.1, "prior_treatment": -0.45, "daily_use": -0.6, "employed": 0.7,
    "phq9": -0.03, "opioid": -0.35, "injects": -0.3, "criminal_justice_referral": 0.35,
    "bed_available": -0.8, "constant": 0.95,
}  # fmt: skip
# Log odds of dropping out, each day in the index stay; terminations feel half of it.
DROP_OUT = {
    "severity": 0.30, "homeless": 0.25, "age": -0.015, "daily_use": 0.2, "employed": -0.2,
    "stimulant": 0.2,
}  # fmt: skip
# Log odds of returning to use, each day until it happens.
RETURN_TO_USE = {
    "severity": 0.45, "daily_use": 0.35, "opioid": 0.30, "stimulant": 0.15,
    "prior_treatment": 0.20, "homeless": 0.30, "phq9": 0.02, "employed": -0.20, "age": -0.010,
    "criminal_justice_referral": -0.10, "constant": -5.70,
}  # fmt: skip
# Daily log odds of leaving, (residential, intensive outpatient).
DROP_OUT_CONSTANT = (-5.65, -5.50)
TERMINATION_CONSTANT = (-6.35, -5.95)
OTHER_EXIT_CONSTANT = (-6.25, -6.45)
# What the place does to the odds of returning to use on a day.
IN_RESIDENTIAL, IN_INTENSIVE_OUTPATIENT, IN_STEP_DOWN = np.log([0.10, 0.60, 0.70])
AFTER_RESIDENTIAL, RESIDENTIAL_HALF_LIFE_DAYS = np.log(2.6), 14
AFTER_UNPLANNED, UNPLANNED_HALF_LIFE_DAYS = np.log(1.8), 30
STEP_DOWN_DAYS = 60
FACILITY_SPREAD = {"entry": 0.8, "drop_out": 0.35, "return_to_use": 0.25}


@dataclass(frozen=True)
class Course:
    """What happens to each person: days from admission, NEVER if not. Arrays of shape (n,)."""

    exit_day: NDArray
    exit_reason: NDArray
    steps_down: NDArray
    return_to_use_day: NDArray
    death_day: NDArray
    readmission_day: NDArray


class Seeds(NamedTuple):
    """One source of luck for each part, so that asking for more of one leaves the others alone."""

    people: np.random.SeedSequence
    facilities: np.random.SeedSequence
    course: np.random.SeedSequence
    view: np.random.SeedSequence
    truth: np.random.SeedSequence


def process_seeds(seed: int) -> Seeds:
    """Independent streams grown from one number."""
    return Seeds(*np.random.SeedSequence(seed).spawn(len(Seeds._fields)))


def facility_effects(facilities: int, seed: np.random.SeedSequence) -> dict[str, NDArray]:
    """Log odds that each facility adds to entering, dropping out and returning to use."""
    if facilities < 1:
        raise RecordsError("simulation.facilities must be at least 1")
    rng = np.random.default_rng(seed)
    return {what: rng.normal(0, spread, facilities) for what, spread in FACILITY_SPREAD.items()}


def people_at_admission(n: int, facilities: int, seed: np.random.SeedSequence) -> pd.DataFrame:
    """Everyone at admission: what is recorded, and the severity that is not."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(size=n)
    facility = rng.integers(0, facilities, n)
    age = np.clip(rng.gamma(9, 4.1, n) + 3, 18, 80).astype(int)
    minor = rng.random(n) < 0.03
    age = np.where(minor, rng.integers(14, 18, n), age)
    sex = np.where(rng.random(n) < 0.36, "female", "male")
    substance = rng.choice(
        ["alcohol", "opioid", "stimulant", "cannabis"], n, p=[0.36, 0.30, 0.20, 0.14]
    )
    opioid = substance == "opioid"

    def chance(log_odds):
        return (rng.random(n) < expit(log_odds)).astype(int)

    prior = chance(0.55 + 0.5 * severity)
    long_stay = rng.random(n) < 0.45
    residential = np.where(long_stay, rng.gamma(3.2, 30, n), rng.normal(26, 3, n))
    return pd.DataFrame(
        {
            "severity": severity,
            "facility": facility,
            "age_years": age,
            "sex": sex,
            "primary_substance": substance,
            "prior_treatment": prior,
            "daily_use": chance(-0.35 + 0.6 * severity + 0.5 * opioid),
            "homeless": chance(-1.75 + 0.5 * severity),
            "employed": chance(-0.75 - 0.5 * severity),
            "injects": chance(-2.2 + 0.4 * severity + 2.2 * opioid),
            "criminal_justice_referral": chance(-0.7 - 0.1 * severity),
            "phq9": np.clip(np.round(10.5 + 3.2 * severity + rng.normal(0, 4.3, n)), 0, 27),
            "recently_treated": rng.random(n) < np.where(prior == 1, 0.11, 0.03),
            "long_stay": long_stay,
            "planned_outpatient": np.clip(np.round(rng.gamma(2.2, 32, n)), 3, 330),
            "planned_residential": np.clip(np.round(residential), 3, 330),
        }
    )


def _log_odds(people: pd.DataFrame, effects: dict[str, float]) -> NDArray:
    column = {
        "constant": 1.0,
        "age": people["age_years"] - 38,
        "phq9": people["phq9"] - 10.5,
        "opioid": people["primary_substance"].eq("opioid"),
        "stimulant": people["primary_substance"].eq("stimulant"),
    }
    terms = [b * np.asarray(column.get(k, people.get(k)), float) for k, b in effects.items()]
    return np.sum(np.broadcast_arrays(*terms), axis=0)


def propensity(people: pd.DataFrame, effects: dict[str, NDArray], bed: NDArray) -> NDArray:
    """Probability of entering intensive outpatient care, with or without a residential bed free."""
    return expit(
        _log_odds(people.assign(bed_available=bed), ENTRY) + effects["entry"][people["facility"]]
    )


def course_of_treatment(
    people: pd.DataFrame,
    iop: NDArray,
    effects: dict[str, NDArray],
    log_hazard_ratio: float,
    seed: np.random.SeedSequence,
    days: int,
    each: Each,
) -> Course:
    """Walk everyone through `days` days. The same seed draws the same luck whatever the arm."""
    rng = np.random.default_rng(seed)
    n, facility = len(people), people["facility"].to_numpy()
    opioid = people["primary_substance"].eq("opioid").to_numpy()
    severity = people["severity"].to_numpy()
    planned_days = np.where(iop, people["planned_outpatient"], people["planned_residential"])
    dropping = _log_odds(people, DROP_OUT) + effects["drop_out"][facility]
    using = _log_odds(people, RETURN_TO_USE) + effects["return_to_use"][facility]
    using = using + log_hazard_ratio * iop
    drop_out, termination, other = (
        np.where(iop, constants[1], constants[0])
        for constants in (DROP_OUT_CONSTANT, TERMINATION_CONSTANT, OTHER_EXIT_CONSTANT)
    )

    inside, alive = np.ones(n, bool), np.ones(n, bool)
    exit_day, used_day, death_day, back_day = (np.full(n, NEVER) for _ in range(4))
    reason = np.full(n, None, object)
    planned, steps_down = np.zeros(n, bool), np.zeros(n, bool)

    def leave(who, day, why):
        exit_day[who], reason[who] = day, why
        inside[who] = False

    for day in each(range(1, days + 1)):
        outside = ~inside
        since = np.where(outside, day - exit_day, 0)
        now = using + inside * np.where(iop, IN_INTENSIVE_OUTPATIENT, IN_RESIDENTIAL)
        now += (outside & ~iop) * AFTER_RESIDENTIAL * 0.5 ** (since / RESIDENTIAL_HALF_LIFE_DAYS)
        now += (outside & ~planned) * AFTER_UNPLANNED * 0.5 ** (since / UNPLANNED_HALF_LIFE_DAYS)
        now += (outside & steps_down & (since <= STEP_DOWN_DAYS)) * IN_STEP_DOWN
        uses = alive & (used_day == NEVER) & (rng.random(n) < expit(now))
        used_day[uses] = day
        used = used_day < NEVER

        risk = 0.9e-5 * 3.0 ** (outside & (since <= 28)) * 2.5**opioid * 2.5**used
        dies = alive & (rng.random(n) < risk)
        death_day[dies] = day
        alive &= ~dies
        leave(inside & dies, day, ExitReason.DEATH)

        hazard = np.cumsum(
            [
                expit(drop_out + 0.7 * (day <= 7) + dropping + 0.6 * used),
                expit(termination + 0.5 * dropping + 1.2 * used),
                expit(other),
            ],
            axis=0,
        )
        luck = rng.random(n)
        leave(inside & (luck < hazard[0]), day, ExitReason.DROPPED_OUT)
        leave(inside & (luck < hazard[1]), day, ExitReason.TERMINATED)
        leave(inside & (luck < hazard[2]), day, ExitReason.OTHER)
        ends = inside & (day >= planned_days)
        moved_on = rng.random(n) < np.where(iop, 0.32, 0.21)
        leave(ends & moved_on, day, ExitReason.TRANSFERRED)
        leave(ends & ~moved_on, day, ExitReason.COMPLETED)
        planned |= ends
        steps_down |= ends & (rng.random(n) < np.where(iop, 0.25, 0.35))

        back = expit(-8.15 + 1.5 * used + 0.2 * severity + 0.25 * ~iop)
        back = alive & (exit_day < day) & (back_day == NEVER) & (rng.random(n) < back)
        back_day[back] = day
    return Course(exit_day, reason, steps_down, used_day, death_day, back_day)
