"""Optimal pair and full matching: by hand, against trying everything, against linear programs."""

from itertools import combinations, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from iop_outcomes.errors import CohortError, PositivityError, ProtocolError
from iop_outcomes.statistics.matching import optimal_matching
from iop_outcomes.statistics.matching.matching_sample import Caliper, CaliperUnit
from iop_outcomes.statistics.matching.nearest_neighbour import (
    MatchingOrder,
    nearest_neighbour_matching,
)
from iop_outcomes.statistics.matching.optimal_matching import full_matching, optimal_pair_matching
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=80)
T, C = True, False
calipers = st.sampled_from([None, Caliper(0.5, CaliperUnit.DISTANCE), Caliper(1)])


def people(seed: int, n: int, tied: bool):
    """Arms, distances and strata with someone in either arm."""
    random = np.random.default_rng(seed)
    treated = random.random(n) < random.uniform(0.2, 0.8)
    treated[:2] = True, False
    distance = random.integers(0, 5, n) / 2 if tied else random.normal(size=n)
    return treated, distance, random.integers(0, 2, n)


def allowed(treated, distance, stratum, width):
    """Every pair that may be made, and its distance."""
    rows, columns = np.flatnonzero(treated), np.flatnonzero(~treated)
    pairs = [
        (int(i), int(j), abs(distance[i] - distance[j]))
        for i in rows for j in columns
        if stratum[i] == stratum[j] and abs(distance[i] - distance[j]) <= width
    ]  # fmt: skip
    return pairs


def best_pairs(pairs, treated):
    """Most pairs, then the least sum, by trying every way to give the treated a control."""
    length = {(i, j): d for i, j, d in pairs}
    rows = np.flatnonzero(treated).tolist()
    columns = np.flatnonzero(~treated).tolist() + [-1] * len(rows)
    best = (0, 0.0)
    for chosen in set(permutations(columns, len(rows))):
        made = [length[pair] for pair in zip(rows, chosen, strict=True) if pair in length]
        best = min(best, (-len(made), sum(made)))
    return -best[0], best[1]


def cover_by_trying_all(pairs):
    """Least sum of pairs that reach everyone who can be reached."""
    reach = {("t", i) for i, _, _ in pairs} | {("c", j) for _, j, _ in pairs}
    best = np.inf
    for size in range(1, len(reach)):
        for chosen in combinations(pairs, size):
            if {("t", i) for i, _, _ in chosen} | {("c", j) for _, j, _ in chosen} == reach:
                best = min(best, sum(d for _, _, d in chosen))
    return best


def test_greedy_regrets_what_optimal_foresees():
    """0.50 takes 0.45 and leaves 0.60 to 0.30; the other way round costs 0.25 and not 0.35."""
    treated, distance = [T, T, C, C], [0.50, 0.30, 0.45, 0.60]
    greedy = nearest_neighbour_matching(treated, distance)
    optimal = optimal_pair_matching(treated, distance)
    assert greedy.distance.sum() == pytest.approx(0.35, rel=1e-12)
    assert optimal.distance.sum() == pytest.approx(0.25, rel=1e-12)
    assert optimal.matched_set.tolist() == [0, 1, 1, 0]
    assert optimal.weight.tolist() == [1, 1, 1, 1]


def test_within_a_caliper_as_many_as_possible_come_before_the_shortest():
    """5.0 and 5.1 would leave 5.5 and 4.6 alone; two pairs of 0.4 are made instead."""
    treated, distance = [T, T, C, C], [5.0, 5.5, 5.1, 4.6]
    found = optimal_pair_matching(treated, distance, caliper=Caliper(0.45, CaliperUnit.DISTANCE))
    assert sorted(found.distance.round(6)) == [0.4, 0.4]
    greedy = nearest_neighbour_matching(
        treated, distance, order=MatchingOrder.CLOSEST, caliper=Caliper(0.45, CaliperUnit.DISTANCE)
    )
    assert greedy.distance.round(6).tolist() == [0.1]


@laws
@given(st.integers(0, 10_000), st.integers(4, 8), st.booleans(), calipers, st.booleans())
def test_optimal_pairs_are_the_best_of_all(seed, n, tied, caliper, strata):
    treated, distance, stratum = people(seed, n, tied)
    stratum = stratum if strata else np.zeros(n)
    width = np.inf
    if caliper is not None:
        width = caliper.width
        if caliper.unit is CaliperUnit.FULL_SAMPLE_SD:
            width *= distance.std(ddof=1)
    expected = (0, 0.0)
    if width > 0:
        expected = best_pairs(allowed(treated, distance, stratum, width), treated)
    if not expected[0]:
        with pytest.raises((CohortError, ProtocolError)):
            optimal_pair_matching(treated, distance, caliper=caliper, stratum=stratum)
        return
    found = optimal_pair_matching(treated, distance, caliper=caliper, stratum=stratum)
    assert found.treated.size == expected[0]
    assert found.distance.sum() == pytest.approx(expected[1], rel=1e-10, abs=1e-12)
    assert np.unique(found.treated).size == np.unique(found.control).size == found.treated.size
    assert (found.distance <= width).all()
    assert (stratum[found.treated] == stratum[found.control]).all()


@laws
@given(
    st.integers(0, 10_000), st.integers(4, 60), st.booleans(), st.sampled_from(list(MatchingOrder))
)
def test_optimal_total_distance_is_never_above_greedy(seed, n, tied, order):
    treated, distance, stratum = people(seed, n, tied)
    try:
        greedy = nearest_neighbour_matching(treated, distance, order=order, stratum=stratum)
    except CohortError:
        return
    optimal = optimal_pair_matching(treated, distance, stratum=stratum)
    assert optimal.treated.size == greedy.treated.size
    assert optimal.distance.sum() <= greedy.distance.sum() + 1e-12


@laws
@given(st.integers(0, 10_000), st.integers(4, 60), st.booleans())
def test_within_a_caliper_optimal_matches_at_least_as_many(seed, n, tied):
    treated, distance, stratum = people(seed, n, tied)
    caliper = Caliper(0.5, CaliperUnit.DISTANCE)
    try:
        greedy = nearest_neighbour_matching(treated, distance, caliper=caliper, stratum=stratum)
    except CohortError:
        return
    optimal = optimal_pair_matching(treated, distance, caliper=caliper, stratum=stratum)
    assert optimal.treated.size >= greedy.treated.size
    if optimal.treated.size == greedy.treated.size:
        assert optimal.distance.sum() <= greedy.distance.sum() + 1e-12


def test_full_matching_by_hand():
    """Treated at 0, 10; controls at 1, 2, 9, 30: sets {0; 1, 2} and {10; 9, 30}."""
    treated, distance = [T, T, C, C, C, C], [0, 10, 1, 2, 9, 30]
    found = full_matching(treated, distance)
    assert found.matched_set.tolist() == [0, 1, 0, 0, 1, 1]
    assert found.distance.sum() == 1 + 2 + 1 + 20
    assert found.weight.tolist() == [1] * 6
    # Everyone: each set of three weighs 3 of 6, shared by 1 and by 2.
    assert full_matching(treated, distance, Estimand.ATE).weight.tolist() == [1] * 6


def test_full_matching_leaves_out_whoever_has_nobody_within_the_caliper():
    treated, distance = [T, T, C, C, C, C], [0, 10, 1, 2, 9, 30]
    found = full_matching(treated, distance, caliper=Caliper(5, CaliperUnit.DISTANCE))
    assert found.matched_set.tolist() == [0, 1, 0, 0, 1, -1]
    assert (found.unmatched_treated, found.unmatched_control) == (0, 1)
    # ATT: one treated among two controls, one beside one; 3 controls share the weight.
    assert found.weight.tolist() == [1, 1, 0.75, 0.75, 1.5, 0]


def test_full_matching_with_ties_still_makes_sets_around_one_person():
    """Four people at one point and one beside: no set has two of both arms."""
    found = full_matching([T, T, C, C, T], [1, 1, 1, 1, 1.5])
    for k in range(found.matched_set.max() + 1):
        arms = np.array([T, T, C, C, T])[found.matched_set == k]
        assert min(arms.sum(), (~arms).sum()) == 1
    assert found.distance.sum() == 0.5


@laws
@given(st.integers(0, 10_000), st.integers(4, 7), st.booleans(), calipers)
def test_full_matching_is_the_best_of_all(seed, n, tied, caliper):
    treated, distance, stratum = people(seed, n, tied)
    width = np.inf
    if caliper is not None:
        width = caliper.width
        if caliper.unit is CaliperUnit.FULL_SAMPLE_SD:
            width *= distance.std(ddof=1)
    pairs = allowed(treated, distance, stratum, width) if width > 0 else []
    if not pairs:
        with pytest.raises((CohortError, ProtocolError)):
            full_matching(treated, distance, caliper=caliper, stratum=stratum)
        return
    found = full_matching(treated, distance, caliper=caliper, stratum=stratum)
    assert found.distance.sum() == pytest.approx(cover_by_trying_all(pairs), rel=1e-10, abs=1e-12)


@laws
@given(st.integers(0, 10_000), st.integers(8, 60), st.booleans(), calipers)
def test_full_matching_reaches_the_bound_of_its_linear_program(seed, n, tied, caliper):
    """Covers with fractions of pairs cost no less; the graph of two arms is bipartite."""
    treated, distance, stratum = people(seed, n, tied)
    try:
        found = full_matching(treated, distance, caliper=caliper, stratum=stratum)
    except (CohortError, ProtocolError):
        return
    pairs = allowed(treated, distance, stratum, found.caliper_width)
    covers = np.zeros((n, len(pairs)))
    for k, (i, j, _) in enumerate(pairs):
        covers[[i, j], k] = 1
    reach = covers.any(axis=1)
    bound = linprog([d for _, _, d in pairs], A_ub=-covers[reach], b_ub=-np.ones(reach.sum()))
    assert found.distance.sum() == pytest.approx(bound.fun, rel=1e-9, abs=1e-9)
    assert ((found.matched_set >= 0) == reach).all()
    assert (found.distance <= found.caliper_width).all()
    for k in range(found.matched_set.max() + 1):
        members = found.matched_set == k
        assert min(treated[members].sum(), (~treated)[members].sum()) == 1
        assert np.unique(stratum[members]).size == 1
        assert (found.pair_set == k).sum() == members.sum() - 1


@laws
@given(st.integers(0, 10_000), st.integers(4, 40), st.sampled_from(["ATE", "ATT", "ATC"]))
def test_weights_of_full_matching_spread_both_arms_alike_over_the_sets(seed, n, name):
    treated, distance, _ = people(seed, n, tied=False)
    found = full_matching(treated, distance, Estimand(name))
    spread = [
        np.bincount(found.matched_set[arm], found.weight[arm], minlength=n) / arm.sum()
        for arm in (treated, ~treated)
    ]
    assert spread[0] == pytest.approx(spread[1], abs=1e-12)
    population = {"ATE": np.ones(n, bool), "ATT": treated, "ATC": ~treated}[name]
    share = np.bincount(found.matched_set[population], minlength=n) / population.sum()
    assert spread[0] == pytest.approx(share, abs=1e-12)


@pytest.mark.parametrize("match", [optimal_pair_matching, full_matching])
def test_too_many_possible_pairs_say_so(match, monkeypatch):
    monkeypatch.setattr(optimal_matching, "LARGEST_NUMBER_OF_POSSIBLE_PAIRS", 3)
    with pytest.raises(CohortError, match="weigh 4 possible pairs and allows 3"):
        match([T, T, C, C], [0, 1, 3, 3.5], caliper=Caliper(9, CaliperUnit.DISTANCE))


@pytest.mark.parametrize("match", [optimal_pair_matching, full_matching])
@pytest.mark.parametrize(
    ("treated", "distance", "options", "sentence"),
    [
        ([T, T], [1, 2], {}, "comparator arm has nobody"),
        ([T, C], [1, np.nan], {}, "distance of 1 people is missing"),
        ([T, C], [1, 2], {"estimand": Estimand.ATO}, "cannot average over the ATO"),
        ([T, C], [1, 2], {"caliper": Caliper(0.5, CaliperUnit.DISTANCE)}, "nobody is matched"),
        ([T, C], [1, 2], {"stratum": ["A", "B"]}, "nobody is matched"),
    ],
)
def test_what_cannot_be_matched_says_why(match, treated, distance, options, sentence):
    with pytest.raises((CohortError, ProtocolError, PositivityError), match=sentence):
        match(treated, distance, **options)
