"""Steps up from outpatient care on a trigger: sequential trials against a planted truth.

Each Monday of the first four weeks a person may have a positive test, the more likely the more
severe their illness; for two weeks after one they may step up, the more readily the more severe.
Stepping up makes relapse less likely. So who steps up is sicker, and got there without relapse.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from iop_outcomes.cohort.cloning import censor_artificially, decision_days, grace_clones
from iop_outcomes.cohort.sequential_trials import sequential_trials, trial_follow_up
from iop_outcomes.cohort.starts import BY_TRIAL, starts_after
from iop_outcomes.cohort.strategies import GracePeriod
from iop_outcomes.cohort.triggers import positive_tests
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.survival.censoring import (
    Decisions,
    fit_decisions,
    weights_with,
    weights_without,
)
from iop_outcomes.statistics.survival.changing_weights import followed
from iop_outcomes.statistics.survival.curves import CENSORED, EVENT, incidence_derivative
from iop_outcomes.vocabulary import Arm, Status

GRACE = GracePeriod(closing_days=1)
HORIZON, WEEKS = 60, 4
RELAPSE = Outcome(
    name="relapse",
    definition="return to use",
    events=("return to use",),
    horizon_days=HORIZON,
)


@dataclass(frozen=True)
class Course:
    severity: NDArray
    positive: NDArray  # (people, weeks)
    start_day: NDArray
    relapse_day: NDArray


def walk(severity, first_day, rng, forced=None):
    """Days from `first_day` of each person (0, or a Monday with a positive test) to the horizon."""
    n, days = severity.size, HORIZON + 1 + (7 * WEEKS if forced is None else 0)
    start, relapse = np.full(n, np.inf), np.full(n, np.inf)
    last_positive = np.full(n, -np.inf) if forced is None else np.zeros(n)
    positive = np.zeros((n, WEEKS), bool)
    for day in range(days):
        luck = rng.random((3, n))
        if day > 0:
            hazard = expit(-4.0 + 0.6 * severity - 0.9 * (start < day))
            relapse[np.isinf(relapse) & (luck[0] < hazard)] = day
        free = np.isinf(start) & np.isinf(relapse)
        week, monday = np.divmod(first_day + day, 7)
        tested = free & (monday == 0) & (week < WEEKS) & (luck[1] < expit(0.4 + 0.7 * severity))
        if forced is None:
            positive[tested, np.minimum(week, WEEKS - 1)[tested]] = True
        last_positive[tested] = day
        goes = free & (day - last_positive <= GRACE.days) & (luck[2] < expit(-2.8 + 0.5 * severity))
        if day <= GRACE.days and forced is Arm.COMPARATOR:
            goes[:] = False
        if day == GRACE.days and forced is Arm.INTERVENTION:
            goes = free
        start[goes] = day
    return Course(severity, positive, start, relapse)


def watched(n, seed):
    rng = np.random.default_rng(seed)
    return walk(rng.normal(size=n), np.zeros(n, int), rng)


def truth(n, seed):
    """Everyone who enters a trial, from its first day under either strategy with the same luck."""
    course = watched(n, seed)
    person, week = np.nonzero(course.positive)
    risk = {}
    for arm in Arm:
        rng = np.random.default_rng([seed, 1])
        forced = walk(course.severity[person], 7 * week, rng, arm)
        risk[arm] = forced.relapse_day <= HORIZON
    each = risk[Arm.INTERVENTION].astype(float) - risk[Arm.COMPARATOR]
    return each.mean(), each.std() / np.sqrt(n)


def tables(course):
    """Records of the people walked: outpatient stays, steps up, positive tests, relapses."""
    ids = np.array([f"P{k:06d}" for k in range(course.severity.size)])
    person, week = np.nonzero(course.positive)
    up = np.flatnonzero(np.isfinite(course.start_day))
    used = np.flatnonzero(np.isfinite(course.relapse_day))
    stays = pd.concat(
        [
            pd.DataFrame({"person_id": ids, "level_of_care": "outpatient", "start_day": 0}),
            pd.DataFrame(
                {
                    "person_id": ids[up],
                    "level_of_care": "intensive outpatient",
                    "start_day": course.start_day[up],
                }
            ),
        ],
        ignore_index=True,
    ).astype({"start_day": "Int64"})
    last = HORIZON + 7 * WEEKS
    persons = pd.DataFrame({"person_id": ids, "last_observed_day": last})
    tests = pd.DataFrame({"person_id": ids[person], "day": 7 * week, "result": "positive"})
    events = pd.DataFrame(
        {"person_id": ids[used], "day": course.relapse_day[used], "kind": "return to use"}
    )
    return (
        persons.astype({"last_observed_day": "Int64"}),
        stays.assign(
            end_day=pd.Series(pd.NA, stays.index, "Int64"),
            exit_reason=pd.Series(None, stays.index, object),
        ),
        tests.astype({"day": "Int64"}),
        events.astype({"day": "Int64"}),
    )


def estimate(course):
    """Risk difference over all trials, its standard error by person and as if trials were people.

    Returns also the naive difference, "stepped up within 14 days" against "did not".
    """
    persons, stays, tests, events = tables(course)
    trials = sequential_trials(persons, stays, positive_tests(tests))
    starts = starts_after(trials, stays, GRACE.starts, GRACE.excuses, BY_TRIAL)
    ends = trial_follow_up(trials, events, RELAPSE)
    days = decision_days(ends, starts, GRACE.window, BY_TRIAL)
    person = pd.Index(persons["person_id"]).get_indexer(trials["person_id"])
    position, day = days["position"].to_numpy(), days["day"].to_numpy()
    terms = [np.ones(day.size), course.severity[person][position], day / GRACE.days]
    rows = [days[name].to_numpy() for name in ("undecided", "decided")]
    model = fit_decisions(
        Decisions(position, day, *rows, np.column_stack(terms), len(trials), GRACE.days)
    )
    clones = censor_artificially(ends, grace_clones(starts, GRACE, BY_TRIAL), BY_TRIAL)
    difference, influences = 0.0, np.zeros(len(trials))
    for sign, arm, of in (
        (1, Arm.INTERVENTION, weights_with),
        (-1, Arm.COMPARATOR, weights_without),
    ):
        clone = clones[clones["arm"] == arm]
        cause = np.where(clone["status"] == Status.EVENT, EVENT, CENSORED)
        under = followed(model, of(model), clone["days"].to_numpy(float), cause)
        difference += sign * under.risk(HORIZON)
        influences += sign * under.influence(incidence_derivative, HORIZON)
    stepped_up = (starts["start_day"] <= GRACE.days).fillna(False).to_numpy(bool)
    relapsed = (ends["status"].eq(Status.EVENT) & ends["days"].le(HORIZON)).to_numpy(bool)
    naive = relapsed[stepped_up].mean() - relapsed[~stepped_up].mean()
    by_person, as_people = (
        uncertainty(influences, 0.95, cluster).std_error for cluster in (person, None)
    )
    return difference, by_person, as_people, naive


def test_one_person_enters_many_trials_and_the_truth_is_found():
    planted, error = truth(40_000, seed=1)
    course = watched(2000, seed=2)
    assert course.positive.sum() > 1.3 * course.positive.any(axis=1).sum()
    difference, std_error, _, naive = estimate(course)
    assert planted < -0.05
    assert abs(difference - planted) < 2.5 * np.hypot(std_error, error)
    assert naive < planted - 2 * std_error


@pytest.mark.slow
def test_intervals_by_person_cover_the_truth_and_those_by_trial_are_too_sure():
    """300 studies of 1,000 people; 0.91 is three standard errors below 95%, 0.98 two above."""
    planted, error = truth(400_000, seed=1)
    found = np.array([estimate(watched(1000, [3, study])) for study in range(300)])
    difference, by_person, as_people, naive = found.T
    bias, spread = difference.mean() - planted, difference.std()
    covered = (np.abs(difference - planted) < 1.96 * by_person).mean()
    print(  # noqa: T201
        f"truth {planted:.4f} ({error:.4f}) mean {difference.mean():.4f} naive {naive.mean():.4f} "
        f"spread {spread:.4f} by person {by_person.mean():.4f} as people {as_people.mean():.4f} "
        f"coverage {covered:.3f}"
    )
    assert abs(bias) < 3.5 * np.hypot(spread / np.sqrt(300), error)
    assert 0.91 <= covered <= 0.98
    assert by_person.mean() / spread == pytest.approx(1, abs=0.13)
    assert as_people.mean() < by_person.mean()
    assert naive.mean() - planted < -0.05
