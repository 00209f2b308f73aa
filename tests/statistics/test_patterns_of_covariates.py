"""Covariate patterns: by hand, by law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.weighting import covariate_patterns as module
from iop_outcomes.statistics.weighting.covariate_patterns import (
    covariate_patterns,
    patterns_are_worth_it,
)

laws = settings(derandomize=True, deadline=None, max_examples=100)
cells = st.sampled_from([0.0, -0.0, 1.0, 2.0, 0.1, -1e300, 5e-324])
tables = st.lists(st.lists(cells, min_size=2, max_size=2), min_size=1, max_size=40).map(np.array)


def test_by_hand():
    """Three kinds of people; the first kind twice, in rows 0 and 2."""
    patterns = covariate_patterns([1, 0, 1, 1], [[7, 1], [7, 1], [7, 1], [7, 2]])
    assert patterns.first.tolist() == [0, 1, 3]
    assert patterns.frequency.tolist() == [2, 1, 1]
    assert patterns.member.tolist() == [0, 1, 0, 2]
    assert patterns.expand(np.array([10, 20, 30])).tolist() == [10, 20, 10, 30]
    assert patterns.total([1, 2, 3, 4]).tolist() == [4, 2, 4]


@laws
@given(tables)
def test_patterns_are_the_distinct_rows(rows):
    patterns = covariate_patterns(rows)
    assert patterns.first.size == len({tuple(row + 0.0) for row in rows})
    assert (rows[patterns.first][patterns.member] == rows).all()
    assert patterns.frequency.sum() == len(rows)
    assert (np.diff(patterns.first) > 0).all()
    assert patterns.total(np.ones(len(rows))).tolist() == patterns.frequency.tolist()


@laws
@given(tables)
def test_rows_that_share_a_sum_are_told_apart_all_the_same(rows):
    """Every sum alike, as if by accident: the rows themselves are sorted."""
    usual = covariate_patterns(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_keys", lambda tables: np.zeros(len(rows), np.uint64))
        sorted_ = covariate_patterns(rows)
    for name in ("first", "frequency", "member"):
        assert getattr(sorted_, name).tolist() == getattr(usual, name).tolist()


def test_whole_numbers_in_any_type_are_one_pattern():
    as_float, as_byte = np.array([0.0, 1, 1, 3]), np.array([0, 1, 1, 3], np.int8)
    assert (
        covariate_patterns(as_byte).member.tolist() == covariate_patterns(as_float).member.tolist()
    )


def test_many_dummies_do_not_collide():
    """20 000 rows of 40 zeros and ones, all different, and each of them twice."""
    bits = np.unique(np.random.default_rng(1).integers(0, 2, (20_000, 40)), axis=0)
    patterns = covariate_patterns(np.vstack([bits, bits]).astype(float))
    assert patterns.first.size == len(bits)
    assert (patterns.frequency == 2).all()


def test_patterns_pay_where_rows_repeat_and_not_where_they_do_not():
    random = np.random.default_rng(2)
    assert patterns_are_worth_it(random.integers(0, 4, (50_000, 3)).astype(float))
    assert not patterns_are_worth_it(random.normal(size=(50_000, 3)))
    assert not patterns_are_worth_it(np.ones((100, 3)))


@pytest.mark.parametrize("bad", [[np.nan, 1], [np.inf, -np.inf], ["a", "b"], [None, 1]])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(CohortError, match="a pattern is made of finite numbers"):
        covariate_patterns(bad)


def test_arrays_of_different_length_are_refused():
    with pytest.raises(CohortError, match="differ in length"):
        covariate_patterns([1, 2], [[1], [2], [3]])
