"""Per protocol against a planted truth: who is sicker enters residential care, and leaves sooner.

Up to day 30 people may drop out; of residential care the more readily the more severe their
illness, of intensive outpatient care all alike. Who has dropped out relapses sooner. The question
is what if nobody had dropped out.
"""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from iop_outcomes.cohort.adherence import adherence
from iop_outcomes.cohort.cloning import censor_artificially, decision_days
from iop_outcomes.cohort.strategies import Sustain
from iop_outcomes.statistics.estimating_equations import estimated_weights, uncertainty
from iop_outcomes.statistics.survival.censoring import Decisions, fit_decisions, weights_without
from iop_outcomes.statistics.survival.changing_weights import followed
from iop_outcomes.statistics.survival.curves import (
    CENSORED,
    EVENT,
    cumulative_incidence,
    incidence_derivative,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Arm, Estimand, Status

RULE = Sustain(until_day=30)
HORIZON = 90
LEVEL = {True: "intensive outpatient", False: "short-term residential"}
ARM_OF = {LEVEL[True]: str(Arm.INTERVENTION), LEVEL[False]: str(Arm.COMPARATOR)}


def walk(severity, treated, rng, *, may_leave):
    """Day of dropping out and of relapse, infinite if not; leaving on a day acts from the next."""
    exit_day, relapse = np.full(severity.size, np.inf), np.full(severity.size, np.inf)
    for day in range(1, HORIZON + 1):
        luck = rng.random((2, severity.size))
        hazard = expit(-5 + 0.6 * severity - 0.4 * treated + 1.2 * (exit_day < day))
        relapse[np.isinf(relapse) & (luck[0] < hazard)] = day
        leaves = np.isinf(exit_day) & (luck[1] < expit(-4.3 + 0.8 * severity * ~treated))
        if may_leave and day <= RULE.until_day:
            exit_day[leaves] = day
    return exit_day, relapse


def truth(n, seed):
    severity = np.random.default_rng(seed).normal(size=n)
    one, other = (
        walk(severity, arm, np.random.default_rng([seed, 1]), may_leave=False)[1] <= HORIZON
        for arm in (True, False)
    )
    return (one.mean() - other.mean()), (one.astype(float) - other).std() / np.sqrt(n)


def study(n, seed):
    """Risk difference with and without censoring weights, and the error of the first."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(size=n)
    treated = rng.random(n) < expit(0.2 - 0.7 * severity)
    exit_day, relapse = walk(severity, treated, rng, may_leave=True)
    number = pd.Series(range(n))
    left = np.isfinite(exit_day)
    entered = pd.DataFrame(
        {
            "person_id": number,
            "arm": pd.Series(treated).map(LEVEL).map(ARM_OF),
            "index_day": 0,
            "exit_day": pd.Series(exit_day).where(left).astype("Int64"),
            "exit_reason": np.where(left, "dropped out", None),
            "stay_row": number,
        }
    )
    stays = pd.DataFrame(
        {"person_id": number, "level_of_care": pd.Series(treated).map(LEVEL), "start_day": 0}
    )
    relapsed = relapse <= HORIZON
    ends = pd.DataFrame(
        {
            "person_id": number,
            "outcome": "relapse",
            "days": np.minimum(relapse, HORIZON).astype(int),
            "status": np.where(relapsed, "event", "censored"),
            "reason": "as walked",
            "source": "events",
            "source_row": number,
        }
    ).astype({"days": "Int64", "source_row": "Int64"})
    broke = adherence(entered, stays, ARM_OF, RULE)
    clones = censor_artificially(ends, broke)
    days = decision_days(ends, broke, RULE.window)
    design = np.column_stack([np.ones(n), severity])
    score = fit_propensity(treated, design).probability
    base = balancing_weights(treated, score, Estimand.ATE)
    estimated = estimated_weights(treated, score, design, Estimand.ATE)
    cause = np.where(clones["status"] == Status.EVENT, EVENT, CENSORED)
    weighted, unweighted, influences = 0.0, 0.0, np.zeros(n)
    for sign, arm in ((1, treated), (-1, ~treated)):
        rows = days[arm[days["position"]]]  # leaving has a model of its own in each arm
        who, day = rows["position"].to_numpy(), rows["day"].to_numpy()
        flags = [rows[name].to_numpy() for name in ("undecided", "decided")]
        terms = np.column_stack([np.ones(who.size), severity[who], day])
        model = fit_decisions(Decisions(who, day, *flags, terms, n, RULE.until_day))
        end = np.where(arm, clones["days"].to_numpy(float), np.nan)
        under = followed(model, weights_without(model), end, cause, base)
        weighted += sign * under.risk(HORIZON)
        influences += sign * under.influence(incidence_derivative, HORIZON, estimated)
        curve = cumulative_incidence(end[arm], cause[arm], base[arm])
        unweighted += sign * float(curve.at(HORIZON))
    return weighted, uncertainty(influences, 0.95).std_error, unweighted


def test_leaving_is_weighted_for_and_the_truth_is_found():
    planted, error = truth(100_000, seed=1)
    weighted, std_error, _ = study(4000, seed=2)
    assert planted < -0.05
    assert abs(weighted - planted) < 2.5 * np.hypot(std_error, error)
    assert 0.01 < std_error < 0.04


@pytest.mark.slow
def test_intervals_cover_the_truth_and_censoring_without_weights_misses_it():
    """300 studies of 2,000 people; 0.91 is three standard errors below 95%, 0.98 two above."""
    planted, error = truth(1_000_000, seed=1)
    weighted, std_error, unweighted = np.array([study(2000, [3, k]) for k in range(300)]).T
    spread = weighted.std()
    covered = (np.abs(weighted - planted) < 1.96 * std_error).mean()
    print(  # noqa: T201
        f"truth {planted:.4f} ({error:.4f}) weighted {weighted.mean():.4f} unweighted "
        f"{unweighted.mean():.4f} spread {spread:.4f} error {std_error.mean():.4f} "
        f"coverage {covered:.3f}"
    )
    assert abs(weighted.mean() - planted) < 3.5 * np.hypot(spread / np.sqrt(300), error)
    assert 0.91 <= covered <= 0.98
    assert std_error.mean() / spread == pytest.approx(1, abs=0.13)
    assert unweighted.mean() - planted > 0.02
