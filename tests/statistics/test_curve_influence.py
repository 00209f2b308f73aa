"""Influence on whole curves, delayed entry, several rows a person, clusters: by hand and by law."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.curve_influence import (
    cumulative_hazard_influence,
    event_free_influence,
    incidence_influence,
)
from iop_outcomes.statistics.survival.curve_limits import greenwood_variance
from iop_outcomes.statistics.survival.curves import (
    cumulative_hazard,
    cumulative_hazard_derivative,
    event_free_curve,
    event_free_derivative,
    incidence_curve,
    incidence_derivative,
    restricted_mean,
    restricted_mean_derivative,
)
from iop_outcomes.statistics.survival.risk_sets import (
    CENSORED,
    COMPETING,
    EVENT,
    numbers_at_risk,
    risk_sets,
)

laws = settings(derandomize=True, deadline=None, max_examples=60)
DAYS = np.arange(0, 12)
CURVES = (
    (event_free_curve, event_free_influence, event_free_derivative),
    (incidence_curve, incidence_influence, incidence_derivative),
    (cumulative_hazard, cumulative_hazard_influence, cumulative_hazard_derivative),
)


@st.composite
def people(draw, causes=(CENSORED, EVENT, COMPETING)):
    """Tied days from 1, causes, weights and days of entry of up to 25 people."""
    n = draw(st.integers(1, 25))

    def each(values):
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    day = each(st.integers(1, 9))
    entry = np.minimum(each(st.integers(0, 8)), day - 1)
    return day, each(st.sampled_from(causes)), each(st.floats(0.1, 10.0)), entry


# By hand


def test_someone_who_enters_late_is_at_risk_from_the_next_day():
    """Five people, the last two of whom enter at the end of days 1 and 2.

    day | at risk        | events | event-free
      1 | 1, 2, 3        |   1    | 2/3
      2 | 2, 3, 4        |   1    | 2/3 * 2/3 = 4/9
      3 | 3, 4, 5        |   1    | 4/9 * 2/3 = 8/27
    """
    sets = risk_sets([1, 2, 4, 3, 5], [1, 1, 0, 1, 0], entry=[0, 0, 0, 1, 2])
    assert sets.at_risk.tolist() == [3, 3, 3, 2, 1]
    thirds = [Fraction(2, 3), Fraction(4, 9), Fraction(8, 27)]
    assert event_free_curve(sets).at([1, 2, 3]) == pytest.approx([float(x) for x in thirds])


def test_the_risk_set_may_empty_and_fill_again():
    """Nobody is under observation on days 2 to 4; the curve waits for the two who come at day 4."""
    sets = risk_sets([1, 1, 5, 6], [1, 0, 1, 0], entry=[0, 0, 4, 4])
    assert sets.at_risk.tolist() == [2, 2, 1]
    assert event_free_curve(sets).at([1, 3, 5]).tolist() == [0.5, 0.5, 0.25]


def test_where_nobody_with_weight_is_under_observation_none_is_at_risk_to_the_last_digit():
    """On day 3 someone without weight is alone; the weights of later people leave no hair."""
    weight, entry = [1, 0, 0.1, 0.2, 0.3], [0, 0, 4, 4, 4]
    sets = risk_sets([1, 3, 6, 7, 8], [1, 1, 1, 1, 0], weight, entry)
    assert sets.at_risk[1] == 0


def test_greenwoods_variance_by_hand():
    """Four people, events on days 1 and 3, a censoring on day 2.

    S(3) = 3/4 * 1/2 = 3/8; variance 9/64 * (1/(4*3) + 1/(2*1)) = 9/64 * 7/12 = 21/256.
    """
    sets = risk_sets([1, 2, 3, 4], [1, 0, 1, 0])
    assert greenwood_variance(sets)[2] == pytest.approx(21 / 256, rel=1e-15)
    assert event_free_influence(sets).variance()[2] == pytest.approx(21 / 256, rel=1e-14)


def test_incidence_and_its_variance_by_hand():
    """Four people without censoring: a share p has the variance p (1 - p) / 4 on every day."""
    influence = incidence_influence(risk_sets([1, 2, 2, 3], [1, 1, 2, 1]))
    shares = np.array([1 / 4, 2 / 4, 3 / 4])
    assert influence.variance() == pytest.approx(shares * (1 - shares) / 4, abs=1e-15)


def test_numbers_at_risk_with_and_without_weights():
    """On day 2 those who entered by day 1 and left on day 2 or later."""
    day, entry, weight = [1, 2, 5], [0, 0, 2], [1.0, 2.0, 4.0]
    assert numbers_at_risk([1, 2, 3, 6], day, entry=entry).tolist() == [2, 1, 1, 0]
    assert numbers_at_risk([1, 2, 3, 6], day, weight, entry).tolist() == [3, 2, 4, 0]


# By law


@laws
@given(people())
def test_influence_of_all_days_is_the_derivative_of_each(table):
    day, cause, weight, entry = table
    sets = risk_sets(day, cause, weight, entry)
    for _, influence, derivative in CURVES:
        one_by_one = np.column_stack([weight * derivative(sets, t) for t in DAYS])
        assert influence(sets, weight).at(DAYS) == pytest.approx(one_by_one, abs=1e-9)


@laws
@given(people(), st.integers(1, 10))
def test_with_delayed_entry_the_derivative_is_what_a_little_more_weight_changes(table, until):
    day, cause, weight, entry = table
    sets = risk_sets(day, cause, weight, entry)
    step = 1e-5 * weight

    def numerical(number):
        ends = [
            [number(risk_sets(day, cause, weight + side * one, entry)) for side in (1, -1)]
            for one in np.diag(step)
        ]
        return np.array([above - below for above, below in ends]) / (2 * step)

    for curve, _, derivative in CURVES:
        change = numerical(lambda s, curve=curve: float(curve(s).at(until)))
        assert derivative(sets, until) == pytest.approx(change, abs=1e-7 / weight.min())
    change = numerical(lambda s: restricted_mean(s, until))
    assert restricted_mean_derivative(sets, until) == pytest.approx(change, abs=1e-6 / weight.min())


@laws
@given(people(), st.data())
def test_variance_is_the_sum_of_squares_within_people_and_clusters(table, data):
    day, cause, weight, entry = table
    sets = risk_sets(day, cause, weight, entry)
    labels = st.lists(st.integers(0, 3), min_size=len(day), max_size=len(day))
    cluster = np.array(data.draw(labels))
    member = (cluster[:, None] == np.unique(cluster)).astype(float)
    groups = member.shape[1]
    for _, influence, _ in CURVES:
        found = influence(sets, weight)
        table_of_all = found.at(sets.day)
        assert found.variance() == pytest.approx((table_of_all**2).sum(axis=0), abs=1e-9)
        within = ((member.T @ table_of_all) ** 2).sum(axis=0)
        assert found.variance(person=cluster) == pytest.approx(within, abs=1e-9)
        if groups > 1:
            several = found.variance(cluster=cluster)
            assert several == pytest.approx(within * groups / (groups - 1), abs=1e-9)


@laws
@given(people())
def test_entry_before_the_first_day_is_no_delay(table):
    day, cause, weight, _ = table
    plain, late = risk_sets(day, cause, weight), risk_sets(day, cause, weight, np.zeros(len(day)))
    assert late.at_risk == pytest.approx(plain.at_risk, rel=1e-12)
    for curve, influence, _ in CURVES:
        assert curve(late).value == pytest.approx(curve(plain).value, abs=1e-12)
        late_variance = influence(late, weight).variance()
        assert late_variance == pytest.approx(influence(plain, weight).variance(), abs=1e-10)


@laws
@given(people(), st.data())
def test_cutting_a_persons_time_into_intervals_changes_nothing(table, data):
    """Rows end in a censoring where the next begins; influences are summed within people."""
    day, cause, weight, entry = table
    cuts = [data.draw(st.integers(int(e), int(d))) for e, d in zip(entry, day, strict=True)]
    inside = (entry < cuts) & (cuts < day)
    rows = np.concatenate([np.arange(day.size), np.flatnonzero(inside)])
    first = np.arange(day.size)
    last_day = np.concatenate([np.where(inside, cuts, day), day[inside]])
    kind = np.concatenate([np.where(inside, CENSORED, cause), cause[inside]])
    came = np.concatenate([entry, np.array(cuts)[inside]])
    whole = risk_sets(day, cause, weight, entry)
    cut = risk_sets(last_day, kind, weight[rows], came)
    assert rows[: day.size].tolist() == first.tolist()
    for curve, influence, _ in CURVES:
        assert curve(cut).at(DAYS) == pytest.approx(curve(whole).at(DAYS), abs=1e-9)
        parts = influence(cut, weight[rows])
        summed = np.zeros((day.size, DAYS.size))
        np.add.at(summed, rows, parts.at(DAYS))
        assert summed == pytest.approx(influence(whole, weight).at(DAYS), abs=1e-8)
        at_whole = np.isin(cut.day, whole.day)
        variance = parts.variance(person=rows)[at_whole]
        assert variance == pytest.approx(influence(whole, weight).variance(), abs=1e-8)


@laws
@given(people(), st.data())
def test_a_weight_of_k_is_k_people_in_the_curve_and_one_cluster_in_the_variance(table, data):
    day, cause, _, entry = table
    copies = np.array(data.draw(st.lists(st.integers(1, 4), min_size=len(day), max_size=len(day))))
    member = np.repeat(np.arange(len(day)), copies)
    weighted = risk_sets(day, cause, copies, entry)
    copied = risk_sets(*(np.repeat(column, copies) for column in (day, cause)), None, entry[member])
    for curve, influence, _ in CURVES:
        assert curve(copied).value == pytest.approx(curve(weighted).value, abs=1e-12)
        as_one = influence(copied).variance(person=member)
        assert as_one == pytest.approx(influence(weighted, copies).variance(), abs=1e-9)


@laws
@given(people(causes=(CENSORED, EVENT)))
def test_unweighted_the_variance_is_greenwoods_on_every_day(table):
    day, cause, _, _ = table
    sets = risk_sets(day, cause)
    greenwood = greenwood_variance(sets)
    assert event_free_influence(sets).variance() == pytest.approx(greenwood, abs=1e-10)


def test_with_delayed_entry_greenwoods_variance_is_only_nearly_that_of_the_influences():
    """Those who come late bring nothing of the earlier days, so products of two days do not cancel.

    Ten at risk on day 1, one event; two on day 2, one of whom came at the end of day 1. The other,
    who has the event, brings -1/90 from day 1 and 1/2 from day 2: twice their product is -1/90.
    """
    sets = risk_sets([1] * 9 + [2, 2], [1] + [0] * 8 + [1, 0], entry=[0] * 10 + [1])
    assert greenwood_variance(sets)[1] == pytest.approx((9 / 20) ** 2 * (1 / 90 + 1 / 2))
    assert event_free_influence(sets).variance()[1] == pytest.approx(
        (9 / 20) ** 2 * (1 / 90 + 1 / 2 - 1 / 90)
    )


@laws
@given(people(), st.floats(0.1, 30))
def test_the_unit_of_time_does_not_matter(table, scale):
    day, cause, weight, entry = table
    one, other = (risk_sets(day * c, cause, weight, entry * c) for c in (1.0, scale))
    for _, influence, _ in CURVES:
        assert influence(other, weight).variance() == pytest.approx(
            influence(one, weight).variance(), abs=1e-12
        )


def test_half_days_are_counted_like_whole_ones():
    whole, half = risk_sets([2, 4, 4], [1, 1, 0]), risk_sets([1.5, 2.5, 2.5], [1, 1, 0])
    assert half.day.tolist() == [1.5, 2.5]
    assert half.at_risk.tolist() == whole.at_risk.tolist()


# What cannot be


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (([], []), "nobody to follow"),
        (([1, -2], [1, 0]), "before day 0"),
        (([1, np.nan], [1, 0]), "missing"),
        (([1, 2], [1, 3]), "a cause is none of"),
        (([1, 2], [1, np.nan]), "a cause is none of"),
        (([1, 2], [1, 0], [1, -1]), "negative"),
        (([1, 2], [1, 0], [0, 0]), "all weights are 0"),
        (([1, 2], [1, 0], [1, np.nan]), "missing"),
        (([1, 2], [1]), "one a row"),
        (([1, 2], [1, 0], None, [0, 2]), "not before the end"),
        (([1, 2], [1, 0], None, [0, np.nan]), "not before the end"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(columns, words):
    with pytest.raises(CohortError, match=words):
        risk_sets(*columns)


def test_one_cluster_has_no_spread_to_be_seen():
    influence = event_free_influence(risk_sets([1, 2], [1, 0]))
    with pytest.raises(CohortError, match="one cluster"):
        influence.variance(cluster=["A", "A"])


@pytest.mark.parametrize(
    ("day", "cause"), [([3, 3, 3], [0, 0, 0]), ([3, 3, 3], [1, 1, 1]), ([0, 0], [1, 2]), ([7], [1])]
)
def test_if_all_are_censored_or_all_leave_at_once_nothing_is_uncertain(day, cause):
    sets = risk_sets(day, cause)
    assert event_free_influence(sets).variance().tolist() == [0.0]
    if len(set(cause)) == 1:
        assert incidence_influence(sets).variance().tolist() == [0.0]
