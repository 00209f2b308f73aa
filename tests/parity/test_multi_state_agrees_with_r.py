"""Where people are on each day: against R's survival, on days heavily tied."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.histories.multi_state import (
    expected_days_derivative,
    occupancy,
    occupancy_derivative,
    sojourns,
)
from iop_outcomes.statistics.survival.contrasts import difference
from iop_outcomes.statistics.survival.weighted_arms import weighted_arms

PARITY = Path(__file__).parent
DATA = pd.read_csv(PARITY / "data" / "multi_state.csv")
EXPECTED = pd.read_csv(PARITY / "expected" / "multi_state.csv").set_index(
    ["entry", "arm", "weights", "estimator", "t"]
)


def fitted(arm, entry, weights):
    """Occupancy and weight of each stretch without a gap; "from 0": first in residential care."""
    mine = DATA[DATA["arm"] == arm]
    if entry == "from 0":
        people = mine.groupby("person")
        kept = people["stretch"].nunique().eq(1) & people["start"].min().eq(0)
        mine = mine[mine["person"].map(kept & people["state"].first().eq(0))]
    person, _ = mine["stretch"].factorize()
    rows = sojourns(person, mine["start"], mine["stop"], mine["state"], mine["moves_to"], 5)
    weight = mine.groupby("stretch")["weight"].first().to_numpy()
    weight = weight if weights == "weight" else np.ones(rows.people)
    return occupancy(rows, weight), weight


def errors(derivative, weight):
    return np.sqrt(((weight[:, None] * derivative) ** 2).sum(axis=0))


@pytest.mark.parametrize("weights", ["none", "weight"])
@pytest.mark.parametrize("entry", ["all", "from 0"])
@pytest.mark.parametrize("arm", [0, 1])
def test_occupancy_agrees_with_r(arm, entry, weights):
    """survival 3.5-3: survfit(Surv(start, stop, event) ~ 1, id, istate, weights, p0), pstate,
    std.err and rmean. R holds p0 fixed: errors are compared where all begin in one state.
    """
    found, weight = fitted(arm, entry, weights)
    for day in (7, 21, 35):
        theirs = EXPECTED.loc[(entry, arm, weights, "pstate", day)]
        assert found.at(day) == pytest.approx(theirs["estimate"], abs=1e-12)
        if entry == "from 0":
            ours = errors(occupancy_derivative(found, day), weight)
            assert ours == pytest.approx(theirs["std_error"], rel=1e-9, abs=1e-12)
    theirs = EXPECTED.loc[(entry, arm, weights, "rmean", 35)]
    assert found.expected_days(35) == pytest.approx(theirs["estimate"], rel=1e-12)


@pytest.mark.parametrize("arm", [0, 1])
def test_the_error_r_gives_for_weighted_expected_days_forgets_the_weights(arm):
    """survfit's se(rmean) of several states is the root of the sum of squared derivatives, where
    the influence is weight times derivative; unweighted the two are one.
    """
    found, weight = fitted(arm, "from 0", "none")
    theirs = EXPECTED.loc[("from 0", arm, "none", "rmean", 35), "std_error"]
    assert errors(expected_days_derivative(found, 35), weight) == pytest.approx(theirs, rel=1e-9)
    found, weight = fitted(arm, "from 0", "weight")
    theirs = EXPECTED.loc[("from 0", arm, "weight", "rmean", 35), "std_error"]
    derivative = expected_days_derivative(found, 35)
    assert errors(derivative, np.ones_like(weight)) == pytest.approx(theirs, rel=1e-9)
    assert (errors(derivative, weight) > 1.02 * theirs).all()


@pytest.mark.parametrize("arm", [0, 1])
def test_estimating_where_people_begin_is_part_of_the_error(arm):
    """Own R code: the product limit day by day, numerical infinitesimal jackknife (hence 1e-6)."""
    found, weight = fitted(arm, "all", "weight")
    for day in (7, 21, 35):
        theirs = EXPECTED.loc[("own code", arm, "weight", "pstate", day)]
        assert found.at(day) == pytest.approx(theirs["estimate"], abs=1e-12)
        ours = errors(occupancy_derivative(found, day), weight)
        assert ours == pytest.approx(theirs["std_error"], rel=1e-6)
    theirs = EXPECTED.loc[("own code", arm, "weight", "rmean", 35)]
    ours = errors(expected_days_derivative(found, 35), weight)
    assert ours == pytest.approx(theirs["std_error"], rel=1e-6)


def test_days_gained_in_each_state_sum_to_zero_between_arms():
    person, labels = DATA["person"].factorize()
    rows = sojourns(person, DATA["start"], DATA["stop"], DATA["state"], DATA["moves_to"], 5)
    people = DATA.groupby("person").first().loc[labels]

    def days_in(state):
        def read(weight):
            found = occupancy(rows, weight)
            return found.expected_days(35)[state], expected_days_derivative(found, 35)[:, state]

        return read

    gained = [
        difference(*weighted_arms(days_in(state), people["arm"] == 1, people["weight"]))
        for state in range(5)
    ]
    assert sum(each.value for each in gained) == pytest.approx(0, abs=1e-10)
    assert sum(each.influence for each in gained) == pytest.approx(0, abs=1e-10)
