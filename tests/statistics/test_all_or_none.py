"""Limits of risks of 0 and 1, and of differences of which one is such."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from iop_outcomes.statistics.effects.all_or_none import (
    all_or_none,
    all_or_none_limits,
    difference_limits,
)


@pytest.mark.parametrize("n", [1, 11, 200])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_limits_are_those_of_clopper_and_pearson(n, level):
    for events in (0, n):
        reference = proportion_confint(events, n, alpha=1 - level, method="beta")
        assert all_or_none_limits(events / n, n, level) == pytest.approx(reference, abs=1e-12)


def test_limits_of_a_difference_are_newcombes_where_those_of_the_risks_are_wilsons():
    limits = np.array([proportion_confint(k, n, method="wilson") for k, n in ((56, 70), (48, 80))])
    found = difference_limits(np.array([56 / 70, 48 / 80]), limits[:, 0], limits[:, 1])
    reference = confint_proportions_2indep(56, 70, 48, 80, method="newcomb", compare="diff")
    assert found == pytest.approx(reference, abs=1e-12)
    assert found == pytest.approx((0.0524314724, 0.333872654), abs=1e-9)  # Newcombe 1998


@given(st.floats(1, 1e4), st.floats(0.5, 0.99))
def test_more_people_or_less_confidence_narrow_the_limits(n, level):
    low, high = all_or_none_limits(0.0, n, level)
    assert low == 0
    assert 0 < all_or_none_limits(0.0, n + 1, level)[1] < high < 1
    assert all_or_none_limits(0.0, n, level - 0.1)[1] < high


@given(st.floats(0, 1), st.integers(1, 500))
def test_relabelling_the_arms_flips_the_limits(risk, n):
    pairs = [(risk, risk / 2, (1 + risk) / 2), (0.0, *all_or_none_limits(0.0, n, 0.95))]
    low, high = difference_limits(*map(np.array, zip(*pairs, strict=True)))
    assert difference_limits(*map(np.array, zip(*pairs[::-1], strict=True))) == (-high, -low)


def test_a_sum_of_weights_that_is_one_but_for_rounding_is_all():
    assert all_or_none(0.0)
    assert all_or_none(sum([0.1] * 10))
    assert not all_or_none(0.999)
