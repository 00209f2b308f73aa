"""What looking back makes of a step-down whose effect is known, and what cloning makes of it.

Comparing those who stepped down with those who did not credits the step-down with the days it took
to get there: who relapsed before could not. It also compares people of different severity. Each
naive method is therefore there twice, as it is and adjusted for severity.
"""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.calibration.step_down import (
    People,
    PlantedEffect,
    StepDownWorld,
    simulate_step_down,
)
from iop_outcomes.cohort.cloning import censor_artificially, decision_days, grace_clones
from iop_outcomes.cohort.strategies import DecisionWindow, GracePeriod
from iop_outcomes.statistics.estimating_equations import (
    estimated_weights,
    influence,
    uncertainty,
)
from iop_outcomes.statistics.survival.censoring import (
    Decisions,
    fit_decisions,
    weights_with,
    weights_without,
)
from iop_outcomes.statistics.survival.changing_weights import followed
from iop_outcomes.statistics.survival.curves import (
    CENSORED,
    EVENT,
    incidence_curve,
    incidence_derivative,
    risk_sets,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Arm, Estimand, Status

EVER, EVER_ADJUSTED = "ever stepped down", "ever stepped down, adjusted"
LANDMARK, LANDMARK_ADJUSTED = "landmark", "landmark, adjusted"
CLONED = "clone, censor, weight"
METHODS = (EVER, EVER_ADJUSTED, LANDMARK, LANDMARK_ADJUSTED, CLONED)


def estimates(
    people: People,
    world: StepDownWorld,
    *,
    closing_days: int = 1,
    confidence_level: float = 0.95,
) -> pd.DataFrame:
    """The risk difference by five methods, with the interval that each would print.

    Parameters
    ----------
    closing_days
        Of the grace period, see `strategies.GracePeriod`.

    Returns
    -------
    pd.DataFrame
        One row per method: `method`, `estimate`, `std_error`, `conf_low`, `conf_high`.
    """
    rows = []
    for method, (estimate, influences) in _methods(people, world, closing_days):
        spread = uncertainty(influences, confidence_level)
        half = spread.critical * spread.std_error
        rows.append((method, estimate, spread.std_error, estimate - half, estimate + half))
    columns = ["method", "estimate", "std_error", "conf_low", "conf_high"]
    return pd.DataFrame(rows, columns=columns)


def repeats(
    world: StepDownWorld,
    *,
    studies: int,
    persons: int,
    seed: np.random.SeedSequence,
    closing_days: int = 1,
    each: Callable[[Iterable], Iterable] = iter,
) -> pd.DataFrame:
    """The `estimates` of many studies, each of people of its own; one row per `study` and method.

    Parameters
    ----------
    each
        Wraps the studies, to show progress.
    """
    found = [
        estimates(simulate_step_down(world, persons, luck), world, closing_days=closing_days)
        for luck in each(seed.spawn(studies))
    ]
    return pd.concat(found, keys=range(studies), names=["study"]).reset_index("study")


def performance(found: pd.DataFrame, truth: PlantedEffect) -> pd.DataFrame:
    """Bias and coverage of each method, with their Monte Carlo errors.

    Parameters
    ----------
    found
        As `repeats` returns.

    Returns
    -------
    pd.DataFrame
        Indexed by `method`: the `mean` estimate, its `bias` and `bias_error`, which holds the
        error of the truth too; the `spread` of the estimates over studies and the `mean_std_error`
        they print; `coverage` of their intervals and `coverage_error`.
    """
    covers = found["conf_low"].le(truth.risk_difference) & found["conf_high"].ge(
        truth.risk_difference
    )
    by = found.assign(covers=covers).groupby("method", sort=False)
    spread, studies = by["estimate"].std(), by.size()
    coverage = by["covers"].mean()
    return pd.DataFrame(
        {
            "mean": by["estimate"].mean(),
            "bias": by["estimate"].mean() - truth.risk_difference,
            "bias_error": np.hypot(spread / np.sqrt(studies), truth.monte_carlo_error),
            "spread": spread,
            "mean_std_error": by["std_error"].mean(),
            "coverage": coverage,
            "coverage_error": np.sqrt(coverage * (1 - coverage) / studies),
        }
    )


def _methods(
    people: People, world: StepDownWorld, closing_days: int
) -> Iterator[tuple[str, tuple[float, NDArray]]]:
    ever = people.start_day <= world.grace_days
    everyone = np.ones(ever.size, bool)
    got_so_far = people.relapse_day > world.grace_days
    yield EVER, _two_groups(people, world, ever, everyone, adjusted=False)
    yield EVER_ADJUSTED, _two_groups(people, world, ever, everyone, adjusted=True)
    yield LANDMARK, _two_groups(people, world, ever, got_so_far, adjusted=False)
    yield LANDMARK_ADJUSTED, _two_groups(people, world, ever, got_so_far, adjusted=True)
    yield CLONED, _cloned(people, world, closing_days)


def _two_groups(
    people: People, world: StepDownWorld, treated: NDArray, kept: NDArray, *, adjusted: bool
) -> tuple[float, NDArray]:
    """Risk difference between two groups of those kept, and everyone's influence on it."""
    treated, severity, relapse = treated[kept], people.severity[kept], people.relapse_day[kept]
    weight, estimated = np.ones(treated.size), None
    if adjusted:
        design = np.column_stack([np.ones(treated.size), severity])
        propensity = fit_propensity(treated, design).probability
        weight = balancing_weights(treated, propensity, Estimand.ATE)
        estimated = estimated_weights(treated, propensity, design, Estimand.ATE)
    day = np.minimum(relapse, world.horizon_days)
    cause = np.where(relapse <= world.horizon_days, EVENT, CENSORED)
    difference, derivative = 0.0, np.zeros(treated.size)
    for sign, group in ((1, treated), (-1, ~treated)):
        sets = risk_sets(day[group], cause[group], weight[group])
        difference += sign * float(incidence_curve(sets).at(world.horizon_days))
        derivative[group] = sign * incidence_derivative(sets, world.horizon_days)
    return difference, influence(derivative, weight, estimated)


def _cloned(people: People, world: StepDownWorld, closing_days: int) -> tuple[float, NDArray]:
    """The same through the tables of a study: cloned, censored, weighted."""
    ends, starts = _tables(people, world)
    grace = GracePeriod(days=world.grace_days, closing_days=closing_days)
    first_day = 1 if world.start_same_day is None else 0
    window = DecisionWindow(first_day=first_day, last_day=grace.days, closing_days=closing_days)
    days = decision_days(ends, starts, window)
    position, day = days["position"].to_numpy(), days["day"].to_numpy()
    terms = [np.ones(day.size), people.severity[position], day / world.grace_days]
    if first_day == 0:
        terms.append(day == 0)
    model = fit_decisions(
        Decisions(
            person=position,
            day=day,
            undecided=days["undecided"].to_numpy(),
            decided=days["decided"].to_numpy(),
            design=np.column_stack(terms),
            people=people.severity.size,
            last_day=grace.days,
        )
    )
    clones = censor_artificially(ends, grace_clones(starts, grace))
    difference, influences = 0.0, np.zeros(people.severity.size)
    for sign, arm, weights in (
        (1, Arm.INTERVENTION, weights_with(model, closing_days)),
        (-1, Arm.COMPARATOR, weights_without(model)),
    ):
        arm_ends = clones[clones["arm"] == arm]
        cause = np.where(arm_ends["status"] == Status.EVENT, EVENT, CENSORED)
        under = followed(model, weights, arm_ends["days"].to_numpy(float), cause)
        difference += sign * under.risk(world.horizon_days)
        influences += sign * under.influence(incidence_derivative, world.horizon_days)
    return difference, influences


def _tables(people: People, world: StepDownWorld) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Follow-up and starts as a cohort has them."""
    number = np.arange(people.severity.size)
    relapsed = people.relapse_day <= world.horizon_days
    ends = pd.DataFrame(
        {
            "person_id": number,
            "outcome": "relapse",
            "days": np.minimum(people.relapse_day, world.horizon_days).astype(int),
            "status": np.where(relapsed, str(Status.EVENT), str(Status.CENSORED)),
            "reason": np.where(relapsed, "return to use", "end of records"),
            "source": np.where(relapsed, "events", "persons"),
            "source_row": number,
        }
    ).astype({"days": "Int64", "source_row": "Int64"})
    day = pd.Series(people.start_day).where(np.isfinite(people.start_day)).astype("Int64")
    starts = pd.DataFrame(
        {
            "person_id": number,
            "start_day": day,
            "start_row": pd.Series(number, dtype="Int64").where(day.notna()),
            "excuse_day": pd.Series(pd.NA, range(number.size), dtype="Int64"),
        }
    )
    return ends, starts
