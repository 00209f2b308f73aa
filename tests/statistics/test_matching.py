"""Nearest-neighbour matching: by hand, by law, against a plain loop over everyone."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError, PositivityError, ProtocolError
from iop_outcomes.statistics.matching.matching_sample import (
    Caliper,
    CaliperUnit,
    Discard,
    DistanceScale,
    matching_distance,
    matching_sample,
)
from iop_outcomes.statistics.matching.nearest_neighbour import (
    MatchingOrder,
    nearest_neighbour_matching,
)
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=150)
IN_DISTANCE = CaliperUnit.DISTANCE
T, C = True, False


def pairs(found) -> list[tuple[int, int]]:
    return list(zip(found.treated.tolist(), found.control.tolist(), strict=True))


@st.composite
def people(draw, tied: bool = True):
    """Arms, distances and strata of 4 to 24 people with someone in either arm."""
    n = draw(st.integers(4, 24))
    random = np.random.default_rng(draw(st.integers(0, 10_000)))
    treated = random.random(n) < random.uniform(0.2, 0.8)
    treated[:2] = True, False
    distance = random.integers(0, 8, n) / 2 if tied else random.normal(size=n)
    return treated, distance, random.integers(0, 3, n)


def plain_loop(treated, distance, stratum, order, width, ratio, replacement) -> set:
    """Everyone looks at everyone: what `nearest_neighbour_matching` promises, word by word."""
    line = sorted(range(treated.size), key=lambda i: (distance[i], i))
    place = {i: k for k, i in enumerate(line)}
    focal = np.flatnonzero(treated).tolist()
    free, made = set(np.flatnonzero(~treated).tolist()), []

    def nearest(i):
        return min(
            (
                (abs(distance[j] - distance[i]), place[j] > place[i], abs(place[j] - place[i]), j)
                for j in free
                if stratum[j] == stratum[i] and (i, j) not in made
                and abs(distance[j] - distance[i]) <= width
            ),
            default=None,
        )  # fmt: skip

    turn = {
        MatchingOrder.LARGEST: lambda i: -distance[i],
        MatchingOrder.SMALLEST: lambda i: distance[i],
        MatchingOrder.DATA: lambda i: i,
    }
    for _ in range(ratio):
        waiting = list(focal)
        while waiting:
            if order is MatchingOrder.CLOSEST:
                now = min(waiting, key=lambda i: (nearest(i) or (np.inf,))[0])
            else:
                now = min(waiting, key=turn[order])
            waiting.remove(now)
            best = nearest(now)
            if best is not None:
                made.append((now, best[-1]))
                free -= set() if replacement else {best[-1]}
    return set(made)


def test_the_largest_chooses_first():
    """0.6 takes 0.55, so 0.5 is left with 0.4."""
    found = nearest_neighbour_matching([T, T, C, C, C], [0.6, 0.5, 0.55, 0.4, 0.1])
    assert pairs(found) == [(0, 2), (1, 3)]
    assert found.distance == pytest.approx([0.05, 0.1], rel=1e-12)
    assert found.matched_set.tolist() == [0, 1, 0, 1, -1]
    assert found.weight.tolist() == [1, 1, 1, 1, 0]
    assert (found.unmatched_treated, found.unmatched_control) == (0, 1)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        (MatchingOrder.LARGEST, [(0, 4), (1, 3), (2, 5)]),  # 73 to 66, 60 to 50, 30 to 5
        (MatchingOrder.SMALLEST, [(0, 3), (1, 5), (2, 4)]),  # 30 to 50, 60 to 66, 73 to 5
        (MatchingOrder.DATA, [(0, 3), (1, 4), (2, 5)]),  # 60 to 66, 73 to 50, 30 to 5
        (MatchingOrder.CLOSEST, [(0, 3), (1, 5), (2, 4)]),  # 6 apart, then 20, then 68
    ],
)
def test_each_order_by_hand(order, expected):
    found = nearest_neighbour_matching([T, T, T, C, C, C], [60, 73, 30, 66, 50, 5], order=order)
    assert pairs(found) == expected


def test_of_tied_controls_the_next_in_line_is_chosen():
    """In line by distance and row: below, that is the later row; above, the earlier one."""
    below = nearest_neighbour_matching([T, C, C], [5, 4, 4])
    above = nearest_neighbour_matching([T, C, C], [5, 6, 6])
    beside = nearest_neighbour_matching([C, T, C], [5, 5, 5])
    either_side = nearest_neighbour_matching([T, C, C], [5, 6, 4])
    assert [pairs(found) for found in (below, above, beside, either_side)] == [
        [(0, 2)], [(0, 1)], [(1, 0)], [(0, 2)],
    ]  # fmt: skip


def test_of_tied_treated_the_earlier_row_chooses():
    found = nearest_neighbour_matching([T, T, C, C], [5, 5, 5.5, 7])
    assert pairs(found) == [(0, 2), (1, 3)]


def test_everyone_chooses_once_before_anyone_chooses_twice():
    treated, distance = [T, T, C, C, C], [10, 9, 9.9, 9.8, 1]
    found = nearest_neighbour_matching(treated, distance, ratio=2)
    assert pairs(found) == [(0, 2), (0, 4), (1, 3)]
    # Sets of two and of one: 1/2, 1/2 and 1, scaled to average 1.
    assert found.weight.tolist() == [1, 1, 0.75, 1.5, 0.75]


def test_a_fixed_ratio_dissolves_incomplete_sets():
    found = nearest_neighbour_matching(
        [T, T, C, C, C], [10, 9, 9.9, 9.8, 1], ratio=2, fixed_ratio=True
    )
    assert pairs(found) == [(0, 2), (0, 4)]
    assert (found.unmatched_treated, found.unmatched_control) == (1, 1)
    assert found.matched_set.tolist() == [0, -1, 0, -1, 0]


def test_with_replacement_everyone_has_their_nearest():
    found = nearest_neighbour_matching([T, T, C, C], [10, 9, 9.9, 1], replacement=True)
    assert pairs(found) == [(0, 2), (1, 2)]
    assert found.weight.tolist() == [1, 1, 1, 0]
    assert found.matched_set is None


def test_the_atc_seeks_a_treated_person_for_every_control():
    found = nearest_neighbour_matching([T, T, C], [10, 9, 9.1], Estimand.ATC)
    assert pairs(found) == [(1, 2)]
    assert found.weight.tolist() == [0, 1, 1]


def test_a_pair_at_the_very_edge_of_the_caliper_is_a_pair():
    caliper = Caliper(0.25, IN_DISTANCE)
    assert pairs(nearest_neighbour_matching([T, C], [0.75, 0.5], caliper=caliper)) == [(0, 1)]


def test_a_caliper_counts_standard_deviations_of_everyone_or_within_arms():
    """Of 1, 2, 3, 6: mean 3, variance 14/3. Within arms: of 1, 3 it is 2, of 2, 6 it is 8."""
    widths = [
        matching_sample([T, C, T, C], [1, 2, 3, 6], Estimand.ATT, Caliper(0.5, unit)).caliper_width
        for unit in CaliperUnit
    ]
    assert widths == pytest.approx([0.5 * np.sqrt(14 / 3), 0.5 * np.sqrt(5), 0.5], rel=1e-12)


@pytest.mark.parametrize(
    ("discard", "kept"),
    [  # treated at 2, 5, 9; controls at 1, 4, 6
        (Discard.NOBODY, [0, 1, 2, 3, 4, 5]),
        (Discard.TREATED, [0, 1, 3, 4, 5]),
        (Discard.CONTROLS, [0, 1, 2, 4, 5]),
        (Discard.BOTH, [0, 1, 4, 5]),
    ],
)
def test_people_beyond_the_range_of_the_other_arm_are_set_aside(discard, kept):
    treated, distance = [T, T, T, C, C, C], [2, 5, 9, 1, 4, 6]
    sample = matching_sample(treated, distance, Estimand.ATT, Caliper(1), discard=discard)
    assert sorted([*sample.focal, *sample.donors]) == kept
    # The caliper's standard deviation is that of the people kept.
    assert sample.caliper_width == pytest.approx(np.std(np.array(distance)[kept], ddof=1))
    found = nearest_neighbour_matching(treated, distance, discard=discard)
    assert found.discarded_treated + found.discarded_control == 6 - len(kept)
    counted = found.unmatched_treated + found.unmatched_control + (found.weight > 0).sum()
    assert counted == len(kept)


def test_distances_are_probabilities_or_logits():
    p = [0.2, 0.5]
    assert matching_distance(p, DistanceScale.PROBABILITY).tolist() == p
    assert matching_distance(p, DistanceScale.LOGIT) == pytest.approx([np.log(0.25), 0], abs=1e-15)


@laws
@given(
    people(),
    st.sampled_from(list(MatchingOrder)),
    st.sampled_from([np.inf, 0.5, 1.5]),
    st.integers(1, 3),
    st.booleans(),
)
def test_it_finds_what_a_loop_over_everyone_finds(sample, order, width, ratio, replacement):
    """With many ties, strata, calipers; replacement makes the order irrelevant."""
    treated, distance, stratum = sample
    ratio = min(ratio, int((~treated).sum()))
    expected = plain_loop(treated, distance, stratum, order, width, ratio, replacement)
    options = {
        "ratio": ratio,
        "replacement": replacement,
        "order": order,
        "stratum": stratum,
        "caliper": None if np.isinf(width) else Caliper(width, IN_DISTANCE),
    }
    if not expected:
        with pytest.raises(CohortError, match="nobody is matched"):
            nearest_neighbour_matching(treated, distance, **options)
        return
    found = nearest_neighbour_matching(treated, distance, **options)
    assert set(pairs(found)) == expected
    assert len(found.treated) == len(expected)


@laws
@given(people(), st.sampled_from(list(MatchingOrder)), st.integers(1, 3), st.booleans())
def test_pairs_keep_to_caliper_and_stratum_and_nobody_is_used_twice(
    sample, order, ratio, replacement
):
    treated, distance, stratum = sample
    ratio = min(ratio, int((~treated).sum()))
    try:
        found = nearest_neighbour_matching(
            treated, distance, ratio=ratio, replacement=replacement, order=order,
            caliper=Caliper(1, IN_DISTANCE), stratum=stratum,
        )  # fmt: skip
    except CohortError:
        return
    assert treated[found.treated].all()
    assert not treated[found.control].any()
    assert (stratum[found.treated] == stratum[found.control]).all()
    assert found.distance == pytest.approx(
        np.abs(distance[found.treated] - distance[found.control])
    )
    assert (found.distance <= 1).all()
    assert len(set(pairs(found))) == found.treated.size
    assert np.bincount(found.pair_set).max() <= ratio
    if not replacement:
        assert np.unique(found.control).size == found.control.size
        members = [set(np.flatnonzero(found.matched_set == k)) for k in np.unique(found.pair_set)]
        assert members == [
            {*found.treated[found.pair_set == k], *found.control[found.pair_set == k]}
            for k in np.unique(found.pair_set)
        ]
    for arm, alone in ((treated, found.unmatched_treated), (~treated, found.unmatched_control)):
        matched = arm & (found.weight > 0)
        assert found.weight[matched].mean() == pytest.approx(1, rel=1e-12)
        assert matched.sum() + alone == arm.sum()


@laws
@given(people(), st.sampled_from(list(MatchingOrder)), st.booleans())
def test_relabelling_the_arms_and_the_estimand_swaps_each_pair(sample, order, replacement):
    treated, distance, _ = sample
    found = [
        nearest_neighbour_matching(
            arm, distance, estimand, order=order, replacement=replacement, caliper=Caliper(3)
        )
        for arm, estimand in ((treated, Estimand.ATT), (~treated, Estimand.ATC))
    ]
    assert pairs(found[0]) == [(b, a) for a, b in pairs(found[1])]
    assert found[0].weight.tolist() == found[1].weight.tolist()
    assert found[0].unmatched_treated == found[1].unmatched_control


@laws
@given(people(tied=False), st.sampled_from(list(MatchingOrder)), st.integers(0, 1000))
def test_without_ties_the_order_of_rows_changes_nothing(sample, order, seed):
    treated, distance, _ = sample
    if order is MatchingOrder.DATA:
        order = MatchingOrder.LARGEST
    shuffled = np.random.default_rng(seed).permutation(treated.size)
    first = nearest_neighbour_matching(treated, distance, order=order, caliper=Caliper(3))
    second = nearest_neighbour_matching(
        treated[shuffled], distance[shuffled], order=order, caliper=Caliper(3)
    )
    original = [(int(shuffled[a]), int(shuffled[b])) for a, b in pairs(second)]
    assert set(original) == set(pairs(first))
    assert second.weight == pytest.approx(first.weight[shuffled], rel=1e-12)


@laws
@given(people(tied=False), st.floats(0.5, 20), st.floats(-5, 5))
def test_neither_unit_nor_origin_of_the_distance_matters(sample, unit, origin):
    treated, distance, _ = sample
    options = {"caliper": Caliper(3), "order": MatchingOrder.CLOSEST}
    first = nearest_neighbour_matching(treated, distance, **options)
    second = nearest_neighbour_matching(treated, origin + unit * distance, **options)
    assert pairs(first) == pairs(second)


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (([T, T], [1, 2]), CohortError, "the comparator arm has nobody to match"),
        (([C, C], [1, 2]), CohortError, "the intervention arm has nobody to match"),
        (([T, C, C], [1, np.nan, np.inf]), CohortError, "distance of 2 people is missing"),
        (([T, C], [1, 2], Estimand.ATE), ProtocolError, "cannot average over the ATE"),
    ],
)
def test_a_sample_that_cannot_be_matched_says_why(arguments, error, sentence):
    with pytest.raises(error, match=sentence):
        nearest_neighbour_matching(*arguments)


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        (
            {"caliper": Caliper(0.5, IN_DISTANCE)},
            CohortError,
            "caliper of 0.5 .* nobody is matched",
        ),
        ({"caliper": Caliper(0)}, ProtocolError, "a caliper of 0 allows no pair"),
        ({"caliper": Caliper(np.nan)}, ProtocolError, "a caliper of nan allows no pair"),
        (
            {"caliper": Caliper(1, CaliperUnit.POOLED_WITHIN_ARM_SD)},
            CohortError,
            "needs two people in each arm",
        ),
        ({"ratio": 3}, CohortError, "ratio of 3 asks for more people than the 2"),
        ({"ratio": 0}, ProtocolError, "ratio of 0 is not a whole number"),
        ({"ratio": 1.5}, ProtocolError, "ratio of 1.5 is not a whole number"),
        (
            {"ratio": 2, "fixed_ratio": True, "caliper": Caliper(1, IN_DISTANCE)},
            CohortError,
            "nobody finds all of 2 matches",
        ),
        ({"stratum": [1, 2, 2]}, CohortError, "nobody is matched"),
        ({"stratum": [1, np.nan, 2]}, CohortError, "stratum of 1 people is missing"),
        ({"stratum": ["A", None, "B"]}, CohortError, "stratum of 1 people is missing"),
        ({"discard": Discard.TREATED}, CohortError, "intervention arm has nobody in the common"),
    ],
)
def test_options_that_cannot_be_met_say_why(options, error, sentence):
    with pytest.raises(error, match=sentence):
        nearest_neighbour_matching([T, C, C], [1, 2, 3], **options)


def test_a_propensity_of_one_has_no_logit():
    with pytest.raises(PositivityError, match="propensity of 2 people is not between 0 and 1"):
        matching_distance([0.5, 1.0, np.nan], DistanceScale.LOGIT)
