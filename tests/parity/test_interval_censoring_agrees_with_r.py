"""Relapse known to lie between tests: against R and statsmodels."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from iop_outcomes.statistics.coarse_time.interval_censoring import turnbull
from iop_outcomes.statistics.coarse_time.scheduled_tests import fit_scheduled_hazards

PARITY = Path(__file__).parent
INF = np.inf
WEEKS = 7.0 * np.arange(1, 11)
DATA = pd.read_csv(PARITY / "data" / "scheduled_tests.csv")
EXPECTED = pd.read_csv(PARITY / "expected" / "scheduled_tests.csv").set_index(["estimator", "term"])
X = DATA[["arm", "age"]].to_numpy(float)
S = [f"S({day:.0f})" for day in WEEKS]


@pytest.mark.parametrize("weights", ["none", "weight"])
def test_turnbull_agrees_with_r(weights):
    """survival 3.5-3, survfit(Surv(left, right, type = "interval2"), weights) stops its EM early:
    1.7e-5 away with weights, where EM carried on until masses move by 1e-16 is where we are.
    """
    weight = DATA["weight"] if weights == "weight" else None
    masses = turnbull(DATA["left"], DATA["right"], weight)
    _, high = masses.survival_bounds(WEEKS)
    carried_on = EXPECTED.loc[f"EM to 1e-16;{weights}", "estimate"]
    stopped = EXPECTED.loc[f"survfit interval2;{weights}", "estimate"]
    assert high == pytest.approx(carried_on.loc[S], abs=1e-8)
    assert masses.log_likelihood == pytest.approx(carried_on.loc["log-likelihood"], rel=1e-10)
    assert high == pytest.approx(stopped.loc[S], abs=3e-5)


def test_scheduled_hazards_and_their_errors_agree_with_r():
    """Own likelihood in R: optim BFGS, one Newton step; sandwich with a numerical Hessian."""
    fit = fit_scheduled_hazards(WEEKS, DATA["clean"], DATA["positive"], X, DATA["weight"])
    theirs = EXPECTED.loc["own likelihood by BFGS and Newton"]
    weight = DATA["weight"].to_numpy()
    error = np.sqrt(((weight[:, None] * fit.coefficient_derivative) ** 2).sum(axis=0))
    assert fit.coefficients == pytest.approx(theirs.loc[["arm", "age"], "estimate"], rel=1e-6)
    assert error == pytest.approx(theirs.loc[["arm", "age"], "std_error"], rel=1e-6)
    levels = theirs.loc[[f"visit{k}" for k in range(1, 10)], "estimate"]
    assert np.log(fit.hazard[:9]) == pytest.approx(levels, rel=1e-6)
    assert fit.hazard[9] == 0  # nobody's relapse is known to lie in the last week


def test_without_missed_tests_it_is_the_complementary_log_log_model():
    """R: glm(y ~ 0 + visit + arm + age, binomial("cloglog"), weights), and statsmodels' GLM."""
    seen = DATA[(DATA["positive"] == 0) | (DATA["positive"] == DATA["clean"] + 1)]
    x, clean, positive, weight = (
        seen[columns].to_numpy() for columns in (["arm", "age"], "clean", "positive", "weight")
    )
    fit = fit_scheduled_hazards(WEEKS, clean, positive, x, weight)
    theirs = EXPECTED.loc["glm cloglog without missed tests", "estimate"]
    assert fit.coefficients == pytest.approx(theirs.loc[["arm", "age"]], rel=1e-6)
    who, step = np.nonzero(np.arange(1, 10) <= np.maximum(clean, positive)[:, None])
    design = np.column_stack([np.eye(9)[step], x[who]])
    family = sm.families.Binomial(sm.families.links.CLogLog())
    glm = sm.GLM(step + 1 == positive[who], design, family, freq_weights=weight[who])
    found = glm.fit(tol=1e-14, maxiter=200).params
    assert fit.coefficients == pytest.approx(found[9:], rel=1e-6)


def test_lengths_of_stay_in_bands_agree_with_r():
    """survfit(Surv(L, R, type = "interval2")): days 1 to 30 as (d - 1, d], then TEDS-D's bands."""
    left = [0, 2, 6, 13, 20, 27, 29, 30, 45, 60, 90, 120, 180, 365]
    right = [1, 3, 7, 14, 21, 28, 30, 45, 60, 90, 120, 180, 365, INF]
    counts = [12, 15, 18, 20, 14, 22, 9, 16, 12, 15, 8, 6, 3, 4]
    expected = [
        0.93103448, 0.84482759, 0.74137931, 0.62643678, 0.54597701, 0.41954023, 0.36781609,
        0.27586207, 0.20689655, 0.12068966, 0.07471264, 0.04022989, 0.02298851,
    ]  # fmt: skip
    low, high = turnbull(left, right, counts).survival_bounds(right[:-1])
    assert low == pytest.approx(expected, abs=5e-9)
    assert high == pytest.approx(expected, abs=5e-9)
