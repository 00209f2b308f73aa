"""Trimming, truncation, winsorizing: by hand, by law. Against R: test_balance_of_uis_agrees_with_r
and tests/parity/test_propensity_balance_agrees_with_r.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.estimating_equations import EstimatedWeights
from iop_outcomes.statistics.weighting.trimming import (
    trim_for_precision,
    trim_symmetrically,
    truncate_weights,
    winsorize_weights,
)

laws = settings(derandomize=True, deadline=None, max_examples=100)
propensities = st.lists(st.floats(0.001, 0.999), min_size=6, max_size=40).map(np.array)
weights = st.lists(st.floats(0.01, 100), min_size=4, max_size=40).map(np.array)


def test_trimming_keeps_its_bounds():
    """1 - 0.1 is a rounding error away from 0.9."""
    found = trim_symmetrically([1, 0, 1, 0, 1], [0.1, 0.9, 0.0999, 0.9001, 0.5], 0.1)
    assert found.kept.tolist() == [True, True, False, False, True]
    assert (found.low, found.high) == (0.1, 0.9)


def test_trimming_at_zero_drops_nobody():
    assert trim_symmetrically([1, 0], [1e-9, 1 - 1e-9], 0.0).kept.all()


def test_trimming_that_empties_an_arm_is_refused():
    with pytest.raises(PositivityError, match="leaves an arm without people"):
        trim_symmetrically([1, 0, 0], [0.95, 0.5, 0.4], 0.1)


@pytest.mark.parametrize("least", [-0.1, 0.5, np.nan])
def test_a_bound_that_is_none_is_refused(least):
    with pytest.raises(CohortError, match=r"at least 0 and below 0\.5"):
        trim_symmetrically([1, 0], [0.5, 0.5], least)


@pytest.mark.parametrize("bad", [0.0, 1.0, np.nan, 1.2])
@pytest.mark.parametrize("trim", [lambda a, e: trim_symmetrically(a, e, 0.1), trim_for_precision])
def test_a_score_that_is_no_probability_is_refused(trim, bad):
    with pytest.raises(PositivityError, match="between 0 and 1"):
        trim([1, 0, 1], [0.5, 0.5, bad])


@pytest.mark.parametrize("bad", [-1.0, np.nan, np.inf])
@pytest.mark.parametrize("limit", [lambda w: truncate_weights(w, 10), winsorize_weights])
def test_a_weight_that_is_none_is_refused(limit, bad):
    with pytest.raises(CohortError, match="weights have to be finite"):
        limit([1, 2, bad])


def test_crumps_rule_by_hand():
    """Costs 4, 4, 25/4 and 10.5: the largest is within twice their mean, 12.4. With 0.01 in
    place of the last its cost is 101; without it the mean of 4, 4, 25/4 is 4.75, so the bound is
    9.5 and scores below 1/2 - root(1/4 - 1/9.5) are dropped.
    """
    everyone = trim_for_precision([1, 0, 1, 0], [0.5, 0.5, 0.2, 0.107])
    assert everyone.kept.all()
    assert everyone.low == 0
    found = trim_for_precision([1, 0, 1, 0], [0.5, 0.5, 0.2, 0.01])
    assert found.kept.tolist() == [True, True, True, False]
    assert found.low == pytest.approx(0.5 - np.sqrt(0.25 - 1 / 9.5), rel=1e-12)


@laws
@given(propensities)
def test_no_other_cut_costs_less_precision(e):
    treated = np.arange(e.size) % 2 == 0
    try:
        kept = trim_for_precision(treated, e).kept
    except PositivityError:
        return
    cost = 1 / (e * (1 - e))
    if cost.max() <= 2 * cost.mean():
        assert kept.all()
        return
    cuts = [cost <= bound for bound in cost]
    best = min(cost[cut].sum() / cut.sum() ** 2 for cut in cuts)
    assert cost[kept].sum() / kept.sum() ** 2 == pytest.approx(best, rel=1e-9)


@laws
@given(propensities, st.data())
def test_trimming_counts_people_and_not_patterns(e, data):
    people = np.array(data.draw(st.lists(st.integers(1, 4), min_size=e.size, max_size=e.size)))
    treated = np.arange(e.size) % 2 == 0
    copies = np.repeat(np.arange(e.size), people)
    try:
        counted = trim_for_precision(treated, e, people)
    except PositivityError:
        return
    copied = trim_for_precision(treated[copies], e[copies])
    assert counted.low == pytest.approx(copied.low, rel=1e-9)
    assert (counted.kept[copies] == copied.kept).all()


def test_truncation_by_hand():
    found = truncate_weights([0.5, 10, 12, 30], 10)
    assert found.weight.tolist() == [0.5, 10, 10, 10]
    assert found.limited.tolist() == [False, False, True, True]


@pytest.mark.parametrize("largest", [0, -1, np.nan])
def test_a_cap_of_nothing_is_refused(largest):
    with pytest.raises(CohortError, match="truncated at a value above 0"):
        truncate_weights([1, 2], largest)


def test_a_capped_weight_no_longer_moves_with_the_model():
    known = EstimatedWeights(gradient=np.full((3, 2), 7.0), influence=np.ones((3, 2)))
    found = truncate_weights([1, 20, 3], 10).estimated(known)
    assert found.gradient.tolist() == [[7, 7], [0, 0], [7, 7]]
    assert found.influence.tolist() == known.influence.tolist()


@pytest.mark.parametrize(
    ("share", "high"),
    [
        (0.6, 3),  # place 3 of 5: the third
        (0.7, 4),  # place 3.5 is as near to the third as to the fourth: the even one
        (0.9, 4),  # place 4.5 likewise: the fourth
        (0.95, 5),  # place 4.75
    ],
)
def test_the_quantile_is_the_weight_of_the_nearest_person(share, high):
    """R: quantile(1:5, share, type=3)."""
    assert winsorize_weights([5, 3, 1, 2, 4], share).high == high


@laws
@given(weights, st.floats(0.55, 0.99), st.booleans(), st.data())
def test_winsorizing_counts_people_and_not_patterns(weight, share, both, data):
    n = weight.size
    people = np.array(data.draw(st.lists(st.integers(1, 4), min_size=n, max_size=n)))
    copies = np.repeat(np.arange(n), people)
    counted = winsorize_weights(weight, share, both, frequency=people)
    copied = winsorize_weights(weight[copies], share, both)
    assert counted.weight[copies].tolist() == copied.weight.tolist()
    assert counted.high == pytest.approx(
        np.quantile(weight[copies], share, method="closest_observation")
    )


@laws
@given(weights, st.floats(0.55, 0.99), st.booleans())
def test_winsorizing_moves_who_lies_outside_and_nobody_else(weight, share, both):
    found = winsorize_weights(weight, share, both)
    assert (found.weight[~found.limited] == weight[~found.limited]).all()
    assert np.isin(found.weight[found.limited], [found.low, found.high]).all()
    assert found.weight.max() <= found.high


@pytest.mark.parametrize("share", [0.5, 1.0, 99, np.nan])
def test_a_share_that_is_none_is_refused(share):
    with pytest.raises(CohortError, match=r"share between 0\.5 and 1"):
        winsorize_weights([1, 2, 3], share)
