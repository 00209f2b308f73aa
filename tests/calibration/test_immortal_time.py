"""What looking back makes of a step-down whose effect is known, and what cloning makes of it."""

import numpy as np
import pytest

from iop_outcomes.calibration.immortal_time import (
    CLONED,
    EVER,
    EVER_ADJUSTED,
    LANDMARK,
    METHODS,
    estimates,
    performance,
    repeats,
)
from iop_outcomes.calibration.step_down import (
    StepDownWorld,
    planted_effect,
    simulate_step_down,
)
from iop_outcomes.vocabulary import Arm

WORLD = StepDownWorld()
HARMLESS = StepDownWorld(effect=0.0)
SAME_DAY = StepDownWorld(start_same_day=-1.5)
HIDDEN = StepDownWorld(start_hidden=-0.5, relapse_hidden=0.5)
STUDIES = 400


def luck(seed):
    return np.random.SeedSequence(seed)


@pytest.fixture(scope="module")
def truth():
    return planted_effect(WORLD, 100_000, luck(1))


# The planted truth


def test_forced_strategies_are_followed():
    """Everyone asked to step down has by day 14, or relapsed before; nobody asked not to has."""
    down = simulate_step_down(WORLD, 2000, luck(3), Arm.INTERVENTION)
    event_free = down.relapse_day > WORLD.grace_days
    assert (down.start_day[event_free] <= WORLD.grace_days).all()
    assert np.isinf(down.start_day[down.relapse_day < np.minimum(down.start_day, 15)]).all()
    not_down = simulate_step_down(WORLD, 2000, luck(3), Arm.COMPARATOR)
    assert np.isinf(not_down.start_day).all()


def test_luck_is_the_same_whatever_the_arm_until_the_arms_differ():
    """Relapse before anyone has started is the same; with no effect it is the same throughout."""
    free, down, not_down = (
        simulate_step_down(WORLD, 2000, luck(3), arm) for arm in (None, *Arm)
    )  # fmt: skip
    before = not_down.relapse_day <= np.minimum(free.start_day, WORLD.grace_days)
    assert before.any()
    assert (free.relapse_day[before] == not_down.relapse_day[before]).all()
    assert (down.relapse_day[before] == not_down.relapse_day[before]).all()
    assert planted_effect(HARMLESS, 2000, luck(3)).risk_difference == 0


def test_people_who_would_step_down_in_time_are_those_who_do_so_when_asked():
    free = simulate_step_down(WORLD, 2000, luck(3))
    asked = simulate_step_down(WORLD, 2000, luck(3), Arm.INTERVENTION)
    in_time = free.start_day <= WORLD.grace_days
    assert (asked.start_day[in_time] == free.start_day[in_time]).all()
    assert (asked.relapse_day[in_time] == free.relapse_day[in_time]).all()


def test_the_step_down_truly_prevents_three_relapses_in_a_hundred(truth):
    assert truth.risk_difference == pytest.approx(-0.0334, abs=0.002)
    assert truth.risk_comparator == pytest.approx(0.775, abs=0.005)
    assert truth.monte_carlo_error < 0.001
    assert truth.risk_difference == pytest.approx(truth.risk_intervention - truth.risk_comparator)


# One study


def test_in_one_study_only_the_clones_find_the_truth(truth):
    found = estimates(simulate_step_down(WORLD, 3000, luck(5)), WORLD).set_index("method")
    assert found.index.tolist() == list(METHODS)
    assert found.loc[EVER, "estimate"] == pytest.approx(-0.18, abs=0.05)
    assert found.loc[LANDMARK, "estimate"] == pytest.approx(-0.13, abs=0.06)
    for method in (EVER, EVER_ADJUSTED, LANDMARK):
        assert found.loc[method, "conf_high"] < truth.risk_difference, method
    clones = found.loc[CLONED]
    assert clones["conf_low"] < truth.risk_difference < clones["conf_high"]
    assert clones["std_error"] == pytest.approx(0.026, abs=0.004)


def test_a_step_down_without_any_effect_looks_protective_to_whoever_looks_back():
    found = estimates(simulate_step_down(HARMLESS, 3000, luck(6)), HARMLESS).set_index("method")
    assert (found.loc[[EVER, EVER_ADJUSTED], "conf_high"] < 0).all()
    assert found.loc[CLONED, "conf_low"] < 0 < found.loc[CLONED, "conf_high"]


def test_more_closing_days_lean_on_more_people():
    people = simulate_step_down(SAME_DAY, 3000, luck(7))
    one, five = (
        estimates(people, SAME_DAY, closing_days=days).set_index("method").loc[CLONED]
        for days in (1, 5)
    )
    assert five["std_error"] < 0.85 * one["std_error"]
    assert abs(five["estimate"] - one["estimate"]) < 2 * one["std_error"]


# Many studies


def measured(world, closing_days=1):
    """Performance of every method over many studies of 3,000 people, beside the truth."""
    found = repeats(world, studies=STUDIES, persons=3000, seed=luck(2), closing_days=closing_days)
    table = performance(found, planted_effect(world, 400_000, luck(1)))
    print(table.round(4).to_string())  # noqa: T201
    return table


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "closing_days"),
    [(WORLD, 1), (HARMLESS, 1), (SAME_DAY, 1), (SAME_DAY, 5)],
    ids=["as planted", "without effect", "same-day step-downs", "five closing days"],
)
def test_the_clones_are_right_on_average_and_their_intervals_cover(world, closing_days):
    """Of 400 intervals at 95%, 0.91 is four standard errors less and 0.98 three more."""
    table = measured(world, closing_days)
    clones, ever = table.loc[CLONED], table.loc[EVER]
    assert abs(clones["bias"]) < 3.5 * clones["bias_error"]
    assert 0.91 <= clones["coverage"] <= 0.98
    assert clones["mean_std_error"] / clones["spread"] == pytest.approx(1, abs=0.13)
    assert ever["bias"] < -0.12
    assert ever["coverage"] < 0.02
    assert table.loc[EVER_ADJUSTED, "bias"] < -0.04


@pytest.mark.slow
def test_what_nobody_recorded_biases_the_clones_too():
    """Cloning removes immortal time; only what is recorded can be weighted for."""
    table = measured(HIDDEN)
    assert table.loc[CLONED, "bias"] < -0.05
    assert table.loc[CLONED, "coverage"] < 0.5
    assert table.loc[EVER, "bias"] < 2 * table.loc[CLONED, "bias"]
