"""Weights for artificial censoring: by hand, by law, and against a second program's regression."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.estimating_equations import (
    estimated_weights,
    influence,
    uncertainty,
)
from iop_outcomes.statistics.survival.censoring import (
    Decisions,
    fit_decisions,
    stabilized,
    weights_with,
    weights_without,
)
from iop_outcomes.statistics.survival.changing_weights import followed, interval_risk_sets
from iop_outcomes.statistics.survival.curves import (
    CENSORED,
    COMPETING,
    EVENT,
    incidence_curve,
    incidence_derivative,
    restricted_mean,
    restricted_mean_derivative,
    risk_sets,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=40)
NEVER = np.inf


def decisions(start, end, cause, last_day, columns, closing_days=1):
    """Rows of the model, one person and day at a time, as slowly and plainly as can be."""
    rows = []
    for person, (begun, over, why) in enumerate(zip(start, end, cause, strict=True)):
        for day in range(last_day + 1):
            seen = day < over or (day == over and why == CENSORED)
            undecided = seen and day <= begun
            closing = seen and last_day - closing_days < begun < day
            if undecided or closing:
                rows.append((person, day, undecided, day == begun))
    person, day, undecided, decided = (np.array(column) for column in zip(*rows, strict=True))
    return Decisions(
        person=person,
        day=day,
        undecided=undecided,
        decided=decided,
        design=np.column_stack(columns(person, day)),
        people=len(start),
        last_day=last_day,
    )


def arms(start, end, cause, last_day):
    """Follow-up in the arms "decide by the last day" and "do not", events first on a shared day."""
    in_time = start <= last_day
    stops = {"with": np.where(in_time, NEVER, last_day), "without": np.where(in_time, start, NEVER)}
    return {
        arm: (np.minimum(end, stop), np.where((end <= stop) & (cause != CENSORED), cause, CENSORED))
        for arm, stop in stops.items()
    }


def people(seed, n=60, last_day=3, horizon=9):
    """Severity, and days of starting, of an event or competing event, and of the end of sight."""
    rng = np.random.default_rng(seed)
    severity = rng.normal(size=n)
    start = rng.geometric(expit(-1.2 - 0.5 * severity)) - 1.0
    start[start > last_day + 2] = NEVER
    event = rng.geometric(expit(-2 + 0.6 * severity)) - 1.0  # also on the day of time zero
    sight = rng.integers(2, horizon + 3, n)
    end = np.minimum(np.minimum(event, sight), horizon)
    cause = np.where(event <= end, np.where(rng.random(n) < 0.25, COMPETING, EVENT), CENSORED)
    return severity, start, end, cause


# By hand


def test_who_stays_stands_in_for_who_left():
    """Four alike, decisions on days 0 and 1 only; A decides on day 0, B on day 1.

    day | undecided | decide | probability
     0  |     4     |   1    |    1/4
     1  |     3     |   1    |    1/3

    Not deciding: C and D weigh 4/3 on day 1 and 4/3 * 3/2 = 2 from day 2: they are all four.
    Deciding by day 1: A weighs 1, and B weighs 3 from day 2: B, C and D, who would have had to
    decide that day.
    """
    start, end = np.array([0, 1, NEVER, NEVER]), np.array([9, 9, 9, 9])
    rows = decisions(start, end, [CENSORED] * 4, 1, lambda _, day: [day == 0, day == 1])
    model = fit_decisions(rows)
    assert model.probability[3] == pytest.approx([1 / 4, 1 / 3])
    assert weights_without(model).weight[2:] == pytest.approx(np.array([[1, 4 / 3, 2]] * 2))
    assert weights_with(model).weight[:2] == pytest.approx(np.array([[1, 1, 1], [1, 1, 3]]))


def test_risks_under_both_strategies_by_hand():
    """The four above; B has the event on day 5, C on day 1, D on day 7, A never (day 9).

    C's event on day 1 comes before that day's decisions, and counts in both arms. So on day 1
    there are B and D undecided, of whom B decides: the probability is 1/2.

    Deciding by day 1 (D is censored on day 1, after the event of C):
        day 1: A, B, C, D weigh 1 each; C has the event:      1/4
        day 5: A weighs 1, B weighs 2: event of B:            1/4 + 3/4 * 2/3 = 3/4
    Not deciding (A is censored on day 0, B on day 1):
        day 1: B, C, D weigh 4/3 each; C has the event:       1/3
        day 7: D alone, with 4/3 * 2:                         1
    """
    start, end = np.array([0, 1, NEVER, NEVER]), np.array([9, 5, 1, 7])
    cause = np.array([CENSORED, EVENT, EVENT, EVENT])
    rows = decisions(start, end, cause, 1, lambda _, day: [day == 0, day == 1])
    model = fit_decisions(rows)
    ways = arms(start, end, cause, 1)
    under = followed(model, weights_with(model), *ways["with"])
    assert [under.risk(day) for day in (0, 1, 4, 5)] == pytest.approx([0, 1 / 4, 1 / 4, 3 / 4])
    under = followed(model, weights_without(model), *ways["without"])
    assert [under.risk(day) for day in (0, 1, 6, 7)] == pytest.approx([0, 1 / 3, 1 / 3, 1])


def test_with_two_closing_days_whoever_starts_on_either_stands_in():
    """Four alike; A starts on day 0, B on day 1, C on day 2, D never: closing days 1 and 2.

    Of B, C and D two start on the closing days. The daily probabilities are 1/3 and 1/2, and
    1 - 2/3 * 1/2 = 2/3: B and C weigh 3/2 each from day 3, together the three.
    """
    start, end = np.array([0, 1, 2, NEVER]), np.full(4, 9)
    rows = decisions(
        start, end, [CENSORED] * 4, 2, lambda _, day: [day == 0, day == 1, day == 2], closing_days=2
    )
    weights = weights_with(fit_decisions(rows), closing_days=2)
    assert weights.weight[:3, -1] == pytest.approx([1, 3 / 2, 3 / 2])
    assert (weights.weight[:, :-1] == 1).all()


# By law


@laws
@given(st.integers(0, 10_000))
def test_who_stays_weighs_as_much_as_everyone_if_the_model_knows_every_kind_of_person(seed):
    """Two kinds of people, a column for each kind and day, no events."""
    rng = np.random.default_rng(seed)
    kind = np.repeat([0, 1], 20)
    start = np.where(rng.random(40) < 0.7, rng.integers(0, 4, 40), NEVER)
    for some in (0, 1):  # someone of either kind starts on every day, and someone never does
        start[kind == some] = np.concatenate([range(4), [NEVER], start[kind == some][5:]])
    end = np.full(40, 9)

    def columns(person, day):
        return [(kind[person] == k) & (day == d) for k in (0, 1) for d in range(4)]

    model = fit_decisions(decisions(start, end, [CENSORED] * 40, 3, columns))
    without, with_start = weights_without(model).weight, weights_with(model).weight
    for some in (0, 1):
        for day in range(5):
            staying = (kind == some) & (start >= day)
            assert without[staying, day].sum() == pytest.approx(20)
        assert with_start[(kind == some) & (start <= 3), -1].sum() == pytest.approx(20)


@laws
@given(st.integers(0, 10_000))
def test_who_was_sure_to_stay_weighs_one(seed):
    """Nothing can be decided after a start: no weight of "start" changes for early starters, and
    none of anybody before the grace period is over. Nor of those who could never decide."""
    severity, start, end, cause = people(seed, n=300)
    model = fit_decisions(
        decisions(start, end, cause, 3, lambda i, day: [day >= 0, severity[i], day])
    )
    excused = model.probability.sum(axis=1) == 0
    with_start, without = weights_with(model).weight, weights_without(model).weight
    assert (with_start[:, :-1] == 1).all()
    assert (with_start[start < 3] == 1).all()
    assert (with_start >= 1).all() and (without >= 1).all()
    assert (without[:, 0] == 1).all()
    assert (without[excused] == 1).all()
    assert (np.diff(without, axis=1) >= 0).all()


@laws
@given(st.integers(0, 10_000), st.integers(1, 5))
def test_cutting_days_into_intervals_changes_no_count_and_no_derivative(seed, pieces):
    rng = np.random.default_rng(seed)
    day, cause = rng.integers(0, 12, 30), rng.integers(0, 3, 30)
    weight = rng.uniform(0.2, 3, 30)
    cuts = np.sort(rng.integers(-1, 12, (30, pieces)), axis=1)
    first, last, why, whose = [], [], [], []
    for person in range(30):
        edges = [-1, *(c for c in np.unique(cuts[person]) if -1 < c < day[person]), day[person]]
        for before, upto in pairwise(edges):
            first.append(before + 1)
            last.append(upto)
            why.append(cause[person] if upto == day[person] else CENSORED)
            whose.append(person)
    sets, entry = interval_risk_sets(first, last, why, weight[whose])
    whole = risk_sets(day, cause, weight)
    days = np.arange(13)
    assert incidence_curve(sets).at(days) == pytest.approx(
        incidence_curve(whole).at(days), abs=1e-12
    )
    assert (sets.day[entry] == np.array(first) - 1).all()
    entered = replace(sets, position=entry, cause=np.zeros(entry.size, int))
    slope = incidence_derivative(sets, 8) - incidence_derivative(entered, 8)
    assert np.bincount(whose, slope) == pytest.approx(incidence_derivative(whole, 8), abs=1e-12)
    rows = [np.flatnonzero(sets.day == d)[0] for d in np.unique(day)]
    assert sets.at_risk[rows] == pytest.approx(whole.at_risk)


@pytest.mark.parametrize("closing_days", [1, 2])
@pytest.mark.parametrize("weighted", [False, True], ids=["alike at time zero", "weighted then"])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_influence_is_the_derivative_by_a_persons_own_weight(seed, weighted, closing_days):
    """Everything is done again, slowly, with one person counting a little more.

    The regression is statsmodels' (GLM with frequency weights), the weights are products taken
    person by person, and the risk is an Aalen-Johansen sum over all pairs of day and person. The
    change of the risk difference, per unit of the person's weight, is the influence.
    """
    severity, start, end, cause = people(seed, n=50)
    base = np.random.default_rng(seed).uniform(0.5, 2, 50) if weighted else np.ones(50)

    def columns(person, day):
        return [np.ones(len(person)), severity[person], day]

    rows = decisions(start, end, cause, 3, columns, closing_days)
    model = fit_decisions(rows)
    weights = {"with": weights_with(model, closing_days), "without": weights_without(model)}
    ways, risk, found = arms(start, end, cause, 3), 0.0, np.zeros(50)
    for sign, arm in ((1, "with"), (-1, "without")):
        under = followed(model, weights[arm], *ways[arm], base)
        risk += sign * under.risk(9)
        found += sign * under.influence(incidence_derivative, 9)

    def slowly(count):
        return _slow_difference(rows, start, ways, closing_days, base, count)

    assert risk == pytest.approx(slowly(np.ones(50)), abs=1e-9)
    step = 1e-4
    derivative = [
        (slowly(1 + step * (np.arange(50) == i)) - slowly(1 - step * (np.arange(50) == i)))
        / (2 * step)
        for i in range(50)
    ]
    assert found == pytest.approx(np.array(derivative), abs=2e-6)
    assert found.sum() == pytest.approx(0, abs=1e-9)


def _slow_difference(rows, start, ways, closing_days, base, count):
    learnt = rows.undecided
    fit = sm.GLM(
        rows.decided[learnt].astype(float),
        rows.design[learnt],
        family=sm.families.Binomial(),
        freq_weights=count[rows.person[learnt]],
    ).fit(tol=1e-13, tol_criterion="params", maxiter=100)
    chance = dict(
        zip(zip(rows.person, rows.day, strict=True), fit.predict(rows.design), strict=True)
    )

    def weight(arm, person, day):
        if arm == "without":
            return np.prod([1 / (1 - chance.get((person, s), 0)) for s in range(min(day, 4))])
        late = 3 - closing_days < start[person] <= 3
        if day <= 3 or not late:
            return 1.0
        closing = range(4 - closing_days, 4)
        return 1 / (1 - np.prod([1 - chance.get((person, s), 0) for s in closing]))

    def risk(arm):
        day, cause = ways[arm]
        free, total = 1.0, 0.0
        for today in range(10):
            there = [i for i in range(len(day)) if day[i] >= today]
            heavy = {i: count[i] * base[i] * weight(arm, i, today) for i in there}
            at_risk = sum(heavy.values())
            if not at_risk:
                break
            left = {c: sum(heavy[i] for i in there if day[i] == today and cause[i] == c)
                    for c in (EVENT, COMPETING)}  # fmt: skip
            total += free * left[EVENT] / at_risk
            free *= 1 - sum(left.values()) / at_risk
        return total

    return risk("with") - risk("without")


def test_the_influence_on_a_restricted_mean_is_its_derivative_too():
    """With the probabilities of deciding taken as known, by the weight at time zero."""
    severity, start, end, cause = people(seed=5)
    model = fit_decisions(
        decisions(start, end, cause, 3, lambda i, day: [day >= 0, severity[i], day])
    )
    known = replace(model, influence=np.zeros_like(model.influence))
    ends, weights = arms(start, end, cause, 3)["without"], weights_without(model)

    def mean(base):
        return restricted_mean(followed(known, weights, *ends, base).sets, 9)

    found = followed(known, weights, *ends).influence(restricted_mean_derivative, 9)
    step = 1e-6 * np.eye(60)
    derivative = [(mean(1 + one) - mean(1 - one)) / 2e-6 for one in step]
    assert found == pytest.approx(np.array(derivative), abs=1e-7)
    estimated = followed(model, weights, *ends).influence(restricted_mean_derivative, 9)
    assert np.abs(estimated - found).max() > 1e-3  # that they were estimated does matter


def test_estimated_weights_at_time_zero_add_their_own_uncertainty():
    """Nobody leaves before the event, so the risk is that of weighting at time zero alone."""
    rng = np.random.default_rng(3)
    severity = rng.normal(size=80)
    design = np.column_stack([np.ones(80), severity])
    treated = rng.random(80) < expit(severity)
    score = fit_propensity(treated, design).probability
    weight = balancing_weights(treated, score, Estimand.ATE)
    estimated = estimated_weights(treated, score, design, Estimand.ATE)
    day, cause = rng.integers(1, 9, 80), rng.integers(0, 3, 80)
    day_of_arm = np.where(treated, day, np.nan)
    rows = decisions(
        np.where(np.arange(80) == 0, 1, NEVER), day, cause, 1, lambda i, d: [np.ones(len(i))]
    )
    model = fit_decisions(rows)
    weights = weights_without(model)
    unchanged = replace(
        weights, weight=np.ones_like(weights.weight), slope=np.zeros_like(weights.slope)
    )
    under = followed(model, unchanged, day_of_arm, cause, weight)
    sets = risk_sets(day[treated], cause[treated], weight[treated])
    derivative = np.zeros(80)
    derivative[treated] = incidence_derivative(sets, 8)
    assert under.risk(8) == pytest.approx(float(incidence_curve(sets).at(8)))
    assert under.influence(incidence_derivative, 8, estimated) == pytest.approx(
        influence(derivative, weight, estimated)
    )


def test_who_is_not_seen_after_time_zero_counts_nowhere():
    severity, start, end, cause = people(seed=2)

    def risk(who, day):
        rows = decisions(start[who], day, cause[who], 3, lambda i, t: [t >= 0, severity[who][i]])
        model = fit_decisions(rows)
        stop = np.where(start[who] <= 3, start[who], NEVER)
        why = np.where(day <= stop, cause[who], CENSORED)
        under = followed(model, weights_without(model), np.minimum(day, stop), why)
        return under.risk(9), under.influence(incidence_derivative, 9)

    seen = np.arange(60) >= 10
    all_risk, all_influence = risk(np.arange(60), np.where(seen, end, np.nan))
    seen_risk, seen_influence = risk(np.flatnonzero(seen), end[seen])
    assert all_risk == pytest.approx(seen_risk)
    assert all_influence == pytest.approx(np.concatenate([np.zeros(10), seen_influence]))


@laws
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_neither_a_common_weight_nor_stabilizing_changes_a_risk(seed, factor):
    severity, start, end, cause = people(seed)
    model = fit_decisions(
        decisions(start, end, cause, 3, lambda i, day: [day >= 0, severity[i], day])
    )
    day, why = arms(start, end, cause, 3)["without"]
    weights = weights_without(model)
    under = followed(model, weights, day, why)
    left = (day == start) & (start <= 3) & (why == CENSORED)
    stable = stabilized(weights, day, left)
    again = followed(
        model,
        replace(weights, weight=np.nan_to_num(stable)),
        day,
        why,
        np.full(60, factor),
    )
    assert again.risk(9) == pytest.approx(under.risk(9))
    assert again.influence(incidence_derivative, 9) == pytest.approx(
        under.influence(incidence_derivative, 9), abs=1e-12
    )


def test_stabilized_weights_have_mean_one():
    """Exactly one if all are alike and nothing else ends follow-up; nearly so if people differ."""
    rng = np.random.default_rng(8)
    severity = rng.normal(size=4000)
    start = rng.geometric(expit(-1.2 - 0.5 * severity)) - 1.0
    end, cause = np.full(4000, 9.0), np.zeros(4000, int)
    alike = fit_decisions(
        decisions(start, end, cause, 3, lambda _, day: [day == d for d in range(4)])
    )
    differing = fit_decisions(
        decisions(start, end, cause, 3, lambda i, day: [day >= 0, severity[i]])
    )
    for arm, of in (("with", weights_with), ("without", weights_without)):
        day, _ = arms(start, end, cause, 3)[arm]
        left = day < 9
        for model, error in ((alike, 1e-12), (differing, 0.05)):
            means = np.nanmean(stabilized(of(model), day, left), axis=0)
            assert means == pytest.approx(np.ones(5), abs=error), arm


def test_a_person_followed_twice_as_one_cluster_adds_no_certainty():
    """Sequential trials: the same people in two like trials each are not twice as many."""
    severity, start, end, cause = people(seed=11)

    def spread(times, cluster=None):
        table = [np.tile(column, times) for column in (severity, start, end, cause)]
        model = fit_decisions(decisions(*table[1:], 3, lambda i, day: [day >= 0, table[0][i], day]))
        day, why = arms(*table[1:], 3)["without"]
        under = followed(model, weights_without(model), day, why)
        return uncertainty(under.influence(incidence_derivative, 9), 0.95, cluster).std_error

    once, twice = spread(1, np.arange(60)), spread(2, np.tile(np.arange(60), 2))
    assert twice == pytest.approx(once, rel=1e-6)
    assert spread(2) == pytest.approx(spread(1) / np.sqrt(2), rel=1e-6)


# Refusals


def test_where_nobody_decides_nobody_leaves_one_arm_and_nobody_stands_in_for_the_other():
    start, end, cause = np.full(5, NEVER), np.array([2, 3, 5, 9, 9]), np.array([1, 2, 1, 0, 0])
    model = fit_decisions(decisions(start, end, cause, 2, lambda _, day: [day >= 0]))
    under = followed(model, weights_without(model), end, cause)
    known = risk_sets(end, cause)
    assert under.risk(9) == pytest.approx(float(incidence_curve(known).at(9)))
    assert under.influence(incidence_derivative, 9) == pytest.approx(incidence_derivative(known, 9))
    with pytest.raises(PositivityError, match="nobody decided on days 2 to 2"):
        weights_with(model)


def test_nobody_decides_on_the_closing_days():
    start, end = np.array([0, 0, NEVER, NEVER, 1]), np.full(5, 9)
    rows = decisions(start, end, [CENSORED] * 5, 2, lambda _, day: [day >= 0])
    with pytest.raises(PositivityError, match=r"nobody decided on days 2 to 2.*more closing days"):
        weights_with(fit_decisions(rows))


def test_a_covariate_tells_exactly_who_decides():
    start, end = np.array([0, 0, NEVER, NEVER]), np.full(4, 9)
    rows = decisions(start, end, [CENSORED] * 4, 0, lambda i, day: [day >= 0, i < 2])
    with pytest.raises(PositivityError, match="tell exactly who decides"):
        fit_decisions(rows)


def test_a_column_that_follows_from_the_others():
    start, end = np.array([0, 1, NEVER, 0]), np.full(4, 9)
    rows = decisions(start, end, [CENSORED] * 4, 1, lambda _, day: [day >= 0, day, 2 * day])
    with pytest.raises(CohortError, match="follows from the others"):
        fit_decisions(rows)


# Against resampling


@pytest.mark.slow
def test_the_standard_error_agrees_with_a_bootstrap_of_persons():
    """Persons are drawn, so that the clones of one stay together; 500 draws, 4% Monte Carlo."""
    severity, start, end, cause = people(seed=21, n=600)

    def difference(who):
        model = fit_decisions(
            decisions(
                start[who], end[who], cause[who], 3,
                lambda i, day: [np.ones(len(i)), severity[who][i], day],
            )
        )  # fmt: skip
        ways, risk, influences = arms(start[who], end[who], cause[who], 3), 0.0, 0.0
        for sign, arm, of in ((1, "with", weights_with), (-1, "without", weights_without)):
            under = followed(model, of(model), *ways[arm])
            risk += sign * under.risk(9)
            influences = influences + sign * under.influence(incidence_derivative, 9)
        return risk, influences

    _, influences = difference(np.arange(600))
    draws = [
        difference(np.random.default_rng(luck).integers(0, 600, 600))[0]
        for luck in np.random.SeedSequence(4).spawn(500)
    ]
    assert uncertainty(influences, 0.95).std_error == pytest.approx(np.std(draws), rel=0.12)
