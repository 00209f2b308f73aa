"""Several causes: curves, Gray's test and Fine-Gray regression, by hand and by law."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.competing_risks import cause_curves
from iop_outcomes.statistics.survival.curves import event_free_curve, incidence_curve
from iop_outcomes.statistics.survival.fine_gray import fit_fine_gray
from iop_outcomes.statistics.survival.fine_gray_weights import (
    CensoringRiskSet,
    observation_probability,
)
from iop_outcomes.statistics.survival.gray_test import gray_test
from iop_outcomes.statistics.survival.risk_sets import risk_sets

laws = settings(derandomize=True, deadline=None, max_examples=50)


@st.composite
def people(draw, causes=(0, 1, 2, 3)):
    n = draw(st.integers(1, 25))

    def each(values):
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    day = each(st.integers(1, 9))
    entry = np.minimum(each(st.integers(0, 8)), day - 1)
    return day, each(st.sampled_from(causes)), each(st.floats(0.1, 10.0)), entry


def tied_people(n=200, seed=1):
    """Days 1 to 10, two covariates, a third censored; some enter late."""
    random = np.random.default_rng(seed)
    x = np.column_stack([random.integers(0, 2, n), random.normal(size=n).round(2)])
    day = np.minimum(1 + random.geometric(0.15 * np.exp(0.3 * x[:, 1] - 0.4 * x[:, 0])), 10)
    cause = random.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3])
    entry = np.maximum(0, day - random.integers(1, 9, n))
    return day, cause, x, random.uniform(0.5, 2.0, n), entry


# Curves of every cause


def test_three_causes_by_hand():
    """Eight people. Day 1: one of cause 1, one of cause 2; day 2 (six at risk): a censoring and two
    of cause 3; day 4 (three at risk): one of cause 1.

    event-free: 6/8, then * 4/6 = 1/2, then * 2/3 = 1/3
    cause 1: 1/8 + 1/2 * 1/3 = 7/24; cause 2: 1/8; cause 3: 3/4 * 2/6 = 1/4
    """
    curves = cause_curves([1, 1, 2, 2, 2, 4, 5, 5], [1, 2, 0, 3, 3, 1, 0, 0])
    expected = {1: Fraction(7, 24), 2: Fraction(1, 8), 3: Fraction(1, 4)}
    assert curves.causes == (1, 2, 3)
    for cause, share in expected.items():
        assert curves.incidence[cause].at(4) == pytest.approx(float(share), rel=1e-14)
    assert curves.event_free.at(4) == pytest.approx(1 / 3, rel=1e-14)


@laws
@given(people())
def test_on_every_day_the_causes_and_being_event_free_add_up_to_one(table):
    day, cause, weight, entry = table
    curves = cause_curves(day, cause, weight, entry)
    total = curves.event_free.value + sum(curve.value for curve in curves.incidence.values())
    assert total == pytest.approx(np.ones_like(total), abs=1e-12)
    influence = curves.event_free_influence().at(curves.event_free.day)
    for one in curves.causes:
        influence = influence + curves.incidence_influence(one).at(curves.event_free.day)
    assert influence == pytest.approx(np.zeros_like(influence), abs=1e-8)


@laws
@given(people(causes=(0, 1)))
def test_one_cause_alone_is_one_less_kaplan_meier(table):
    day, cause, weight, entry = table
    curves = cause_curves(day, cause, weight, entry)
    sets = risk_sets(day, cause, weight, entry)
    assert curves.incidence[1].value == pytest.approx(1 - event_free_curve(sets).value, abs=1e-12)
    assert curves.incidence_influence(1).variance() == pytest.approx(
        curves.event_free_influence().variance(), abs=1e-9
    )


def test_if_nobody_leaves_there_is_one_cause_that_never_happens():
    curves = cause_curves([3, 4], [0, 0])
    assert curves.incidence[1].at([3, 9]).tolist() == [0, 0]
    assert curves.event_free.at(9) == 1


@pytest.mark.parametrize("cause", [[1, np.nan], [1, -1], [1, 1.5]])
def test_causes_are_whole_numbers(cause):
    with pytest.raises(CohortError, match="whole number"):
        cause_curves([1, 2], cause)


# Gray's test


def test_grays_test_without_competing_events_and_ties_is_the_log_rank_test():
    """Scores O - E of the log-rank test: five people, one event a day.

    day | at risk in A of all | event | expected in A
      1 |      3 of 5         |   A   |  3/5
      2 |      2 of 4         |   B   |  1/2
      3 |      2 of 3         |   A   |  2/3
      4 |      1 of 2         |   B   |  1/2
      5 |      1 of 1         |   A   |   1
    """
    test = gray_test([1, 3, 5, 2, 4], [1, 1, 1, 1, 1], ["A", "A", "A", "B", "B"])
    expected = 3 / 5 + 1 / 2 + 2 / 3 + 1 / 2 + 1
    assert test.score == pytest.approx([3 - expected, expected - 3], rel=1e-12)


@laws
@given(people(causes=(0, 1, 2)), st.data())
def test_grays_test_knows_no_order_of_rows_no_names_and_no_unit_of_time(table, data):
    day, cause, _, _ = table
    group = np.array(data.draw(st.lists(st.integers(0, 1), min_size=len(day), max_size=len(day))))
    try:
        plain = gray_test(day, cause, group)
    except CohortError:
        return
    order = np.array(data.draw(st.permutations(range(len(day)))))
    changed = gray_test(day[order] * 7, cause[order], np.where(group[order], "a", "z"))
    assert changed.statistic == pytest.approx(plain.statistic, rel=1e-7, abs=1e-9)


def test_grays_test_needs_two_groups_and_an_event():
    with pytest.raises(CohortError, match="one group only"):
        gray_test([1, 2], [1, 1], [0, 0])
    with pytest.raises(CohortError, match="cannot be compared"):
        gray_test([1, 2], [0, 0], [0, 1])


@pytest.mark.slow
def test_grays_test_rejects_one_in_twenty_where_nothing_differs():
    """2000 samples of two alike groups of 60, tied on 12 days, a quarter censored."""
    random = np.random.default_rng(6)
    rejected = 0
    for _ in range(2000):
        day = np.minimum(random.geometric(0.15, 120), 12)
        cause = random.choice([0, 1, 2], 120, p=[0.25, 0.45, 0.3])
        rejected += gray_test(day, cause, np.arange(120) % 2).p_value < 0.05
    assert rejected / 2000 == pytest.approx(0.05, abs=0.015)


# Fine-Gray


@pytest.mark.parametrize("convention", list(CensoringRiskSet))
def test_censoring_probability_by_hand(convention):
    """Day 1: an event and a censoring among four; day 2: a censoring among two.

    After the event three could have been censored: G = 2/3; with it four: G = 3/4. Then 1/2 of it.
    """
    sets = risk_sets([1, 1, 2, 3], [1, 0, 0, 1])
    seen = observation_probability(sets, np.ones(4), np.zeros(4, int), convention)
    first = {CensoringRiskSet.AFTER_EVENTS: 2 / 3, CensoringRiskSet.WITH_EVENTS: 3 / 4}[convention]
    assert seen.before[0] == pytest.approx([1, first, first / 2])


def test_entry_probability_by_hand():
    """Four people: two from the start, one from the end of day 1, one from the end of day 2.

    Of the three under observation just after day 2 one is new: H(2) = 2/3. Of the three after day
    1 one is new: H(1) = 2/3 of that. So on days 1, 2 and 3: 4/9, 2/3, 1 had entered before.
    """
    sets = risk_sets([1, 2, 3, 3, 3], [0, 0, 1, 1, 1], entry=[0, 0, 0, 1, 2])
    seen = observation_probability(
        sets, np.ones(5), np.zeros(5, int), CensoringRiskSet.AFTER_EVENTS
    )
    stay = np.array([1, 2 / 3, 2 / 3 * 2 / 3])  # of censoring: 1 of 3, then 1 of 3
    at_risk = sets.at_risk.tolist()
    assert at_risk == [3, 3, 3]
    assert seen.before[0] == pytest.approx(stay * [4 / 9, 2 / 3, 1])


def test_fine_gray_without_censoring_keeps_everyone_else_at_risk():
    """Two treated (event day 1, competing day 1) and two others (event days 2 and 3).

    With r = exp(beta): L = r / (2r + 2) * 1 / (r + 2) * 1 / (r + 1), where the one with the
    competing event stays. d log L = 0: 1 = 2r / (2r + 2) + r / (r + 2) + r / (r + 1).
    """
    fit = fit_fine_gray([1, 1, 2, 3], [1, 2, 1, 1], [[1.0], [1.0], [0.0], [0.0]])
    r = np.exp(fit.coefficients[0])
    assert 2 * r / (r + 1) + r / (r + 2) == pytest.approx(1, rel=1e-9)


OPTIONS = ["plain", "with events", "groups", "delayed", "delayed groups"]


def options(name, day, entry):
    chosen = {}
    if "groups" in name:
        chosen["censoring_group"] = np.arange(day.size) % 2
    if "delayed" in name:
        chosen["entry"] = entry
    if name == "with events":
        chosen["convention"] = CensoringRiskSet.WITH_EVENTS
    return chosen


@pytest.mark.parametrize("name", OPTIONS)
def test_influences_are_what_a_little_more_weight_changes(name):
    """Of coefficients, of one person's incidence, and of the mean incidence of all, with the
    distributions of censoring and entry estimated anew each time.
    """
    day, cause, x, weight, entry = tied_people(60)
    chosen = options(name, day, entry)
    treated = np.column_stack([np.ones(60), x[:, 1]])

    def numbers(w):
        fit = fit_fine_gray(day, cause, x, w, **chosen)
        one = fit.incidence([1.0, 0.3], 6)
        return fit, [*fit.coefficients, one.value, fit.standardised_incidence(treated, 6).value]

    fit, _ = numbers(weight)
    exact = np.column_stack(
        [
            fit.influence,
            fit.incidence([1.0, 0.3], 6).influence,
            fit.standardised_incidence(treated, 6).influence,
        ]
    )
    for i in range(0, 60, 5):
        step = 1e-5 * np.eye(60)[i]
        change = np.subtract(numbers(weight + step)[1], numbers(weight - step)[1]) / 2e-5
        assert exact[i] == pytest.approx(weight[i] * change, abs=1e-8)
    assert exact.sum(axis=0) == pytest.approx(np.zeros(4), abs=1e-10)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_weight_of_k_is_k_people_and_the_order_of_rows_is_nothing(name):
    day, cause, x, _, entry = tied_people(60)
    copies = 1 + np.arange(60) % 3
    member = np.random.default_rng(0).permutation(np.repeat(np.arange(60), copies))
    chosen = options(name, day, entry)
    repeated = {k: v if k == "convention" else v[member] for k, v in chosen.items()}
    weighted = fit_fine_gray(day, cause, x, copies, **chosen)
    copied = fit_fine_gray(day[member], cause[member], x[member], **repeated)
    assert copied.coefficients == pytest.approx(weighted.coefficients, rel=1e-8)
    summed = np.zeros_like(weighted.influence)
    np.add.at(summed, member, copied.influence)
    assert summed == pytest.approx(weighted.influence, abs=1e-9)
    factor = 60 / 59  # G / (G - 1) of clusters
    assert copied.covariance(cluster=member) == pytest.approx(weighted.covariance() * factor)


def test_units_of_time_and_of_covariates_do_not_matter():
    day, cause, x, weight, entry = tied_people()
    plain = fit_fine_gray(day, cause, x, weight, entry)
    scaled = fit_fine_gray(day * 0.5, cause, 1e6 + 1000 * x, weight, entry * 0.5)
    assert scaled.coefficients * 1000 == pytest.approx(plain.coefficients, rel=1e-7)


def test_entry_at_zero_is_no_delay_and_one_group_is_none():
    day, cause, x, weight, _ = tied_people()
    plain = fit_fine_gray(day, cause, x, weight)
    same = fit_fine_gray(day, cause, x, weight, np.zeros(200), np.ones(200))
    assert same.coefficients == pytest.approx(plain.coefficients, rel=1e-9)
    assert same.influence == pytest.approx(plain.influence, abs=1e-12)


def test_with_one_group_the_model_returns_aalen_johansen():
    """A covariate that moves nothing: the baseline is nearly the Aalen-Johansen curve."""
    day, cause, _, _, _ = tied_people(2000, seed=4)
    nothing = np.tile([-1.0, 1.0], 1000)[:, None]
    doubled = [np.repeat(column[:1000], 2) for column in (day, cause)]
    fit = fit_fine_gray(*doubled, nothing)
    assert fit.coefficients == pytest.approx([0], abs=1e-10)
    sets = risk_sets(*doubled)
    # exp(-hazard) for the product of (1 - hazard): the ties of a day are a few per cent of it
    assert fit.incidence([0.0], 9).value == pytest.approx(
        float(incidence_curve(sets).at(9)), abs=0.02
    )


def test_what_fine_gray_cannot_answer_is_one_sentence():
    with pytest.raises(CohortError, match="nobody had the event"):
        fit_fine_gray([1, 2], [0, 2], [[0], [1]])
    with pytest.raises(CohortError, match="the same for everyone"):
        fit_fine_gray([1, 2, 3], [1, 0, 1], [[1], [1], [1]])
    with pytest.raises(CohortError, match="infinite or zero"):
        fit_fine_gray([1, 1, 2, 2], [1, 1, 0, 0], [[1], [1], [0], [0]])
    with pytest.raises(CohortError, match="nobody was under observation"):
        fit_fine_gray([2, 2, 6, 6], [1, 2, 1, 0], [[1], [0], [0], [1]], entry=[0, 0, 4, 4])
    with pytest.raises(CohortError, match="one cluster"):
        day, cause, x, _, _ = tied_people()
        fit_fine_gray(day, cause, x).covariance(cluster=np.ones(200))


@laws
@given(people(causes=(0, 1, 2)), st.data())
def test_whatever_people_come_the_answer_is_a_number_or_one_sentence(table, data):
    day, cause, weight, entry = table
    x = np.array(data.draw(st.lists(st.integers(0, 2), min_size=len(day), max_size=len(day))))
    assume(x.size > 0)
    for came in (None, entry):
        try:
            fit = fit_fine_gray(day, cause, x[:, None], weight, came)
        except CohortError as refused:
            assert str(refused).count("\n") == 0
        else:
            assert np.isfinite(fit.influence).all()
            assert np.isfinite(fit.coefficients).all()


@pytest.mark.slow
def test_fine_gray_finds_a_planted_effect_also_with_late_entry():
    """Fine and Gray's (1999) design: F1(t | x) = 1 - (1 - 0.6 (1 - exp(-t / 10)))^exp(0.5 x), days
    rounded up, censoring and entry at random; 300 samples of 400 people. Mean within 3 standard
    errors of 0.5 and 95% limits that hold.
    """
    random = np.random.default_rng(12)
    for delayed in (False, True):
        found, held = [], 0
        for _ in range(300):
            n = 900 if delayed else 400
            x = random.integers(0, 2, n)
            ratio = np.exp(0.5 * x)
            ever = 1 - 0.4**ratio
            first = random.random(n) < ever
            u = random.random(n) * ever
            t = -10 * np.log(1 - (1 - (1 - u) ** (1 / ratio)) / 0.6)
            other = random.exponential(8, n)
            latent = np.ceil(np.where(first, t, other) * 10)
            censored = random.integers(50, 400, n)
            day, cause = np.minimum(latent, censored), np.where(first, 1, 2) * (latent <= censored)
            entry = random.integers(0, 80, n) if delayed else np.full(n, -1)
            kept = entry < day
            late = entry[kept] if delayed else None
            fit = fit_fine_gray(day[kept], cause[kept], x[kept, None], entry=late)
            error = np.sqrt(fit.covariance()[0, 0])
            found.append(fit.coefficients[0])
            held += abs(found[-1] - 0.5) < 1.96 * error
        assert np.mean(found) == pytest.approx(0.5, abs=3 * np.std(found) / np.sqrt(300))
        assert held / 300 == pytest.approx(0.95, abs=0.038)
