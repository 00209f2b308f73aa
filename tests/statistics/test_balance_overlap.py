"""How far distributions cover each other: by hand, by law, against scipy and a planted truth.

Against R: test_balance_of_uis_agrees_with_r, tests/parity/test_propensity_balance_agrees_with_r.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.weighting.overlap import (
    equipoise,
    kolmogorov_smirnov,
    overlap_coefficient,
    preference_score,
)

laws = settings(derandomize=True, deadline=None, max_examples=60)
MEASURES = [kolmogorov_smirnov, overlap_coefficient]


@st.composite
def people(draw, levels=60):
    n = draw(st.integers(12, 60))
    value = draw(st.lists(st.integers(0, levels), min_size=n, max_size=n))
    treated = draw(st.permutations([True] * (n // 3) + [False] * (n - n // 3)))
    weight = draw(st.lists(st.floats(0.1, 5), min_size=n, max_size=n))
    return np.array(value, float), np.array(treated), np.array(weight)


def test_kolmogorov_smirnov_by_hand():
    """Up to 2: 3/4 of the weight of one arm, 1/2 of the other."""
    value, treated = [1, 2, 3, 1, 3], [True, True, True, False, False]
    assert kolmogorov_smirnov(value, treated, [2, 1, 1, 1, 1]) == pytest.approx(0.25)


@laws
@given(people())
def test_kolmogorov_smirnov_without_weights_is_that_of_scipy(table):
    """scipy.stats.ks_2samp, method='asymp'."""
    value, treated, _ = table
    theirs = stats.ks_2samp(value[treated], value[~treated], method="asymp").statistic
    assert kolmogorov_smirnov(value, treated) == pytest.approx(theirs, abs=1e-12)


def test_overlap_of_levels_by_hand():
    """Shares 1/2, 1/4, 1/4 and 0, 1/4, 3/4: 0 + 1/4 + 1/4."""
    value, treated = [0, 0, 1, 2, 1, 2, 2, 2], [True] * 4 + [False] * 4
    assert overlap_coefficient(value, treated) == pytest.approx(0.5)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0, 2.0])
def test_overlap_of_two_normal_laws_is_what_it_should_be(shift):
    """Two normal laws a distance d apart share 2 Phi(-d / 2), less what kernels blur."""
    treated = np.arange(40_000) < 20_000
    value = np.tile(stats.norm.ppf((np.arange(20_000) + 0.5) / 20_000), 2) + shift * treated
    assert overlap_coefficient(value, treated) == pytest.approx(
        2 * stats.norm.cdf(-shift / 2), abs=0.01
    )


@pytest.mark.parametrize("measure", MEASURES)
@laws
@given(table=people())
def test_relabelling_order_and_units_do_not_matter(measure, table):
    value, treated, weight = table
    found = measure(value, treated, weight)
    order = np.random.default_rng(1).permutation(value.size)
    assert measure(value[order], treated[order], weight[order]) == pytest.approx(found, rel=1e-9)
    if measure is kolmogorov_smirnov or 2 * treated.sum() != treated.size:
        assert measure(value, ~treated, weight) == pytest.approx(found, rel=1e-9)
    assert measure(0.25 * value + 3, treated, weight) == pytest.approx(found, rel=1e-6)
    assert -1e-9 <= found <= 1 + 1e-9


@pytest.mark.parametrize("measure", MEASURES)
@laws
@given(table=people(), data=st.data())
def test_a_frequency_of_k_is_k_copies(measure, table, data):
    value, treated, weight = table
    n = value.size
    count = np.array(data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
    copies = np.repeat(np.arange(n), count)
    if np.unique(value).size > 20 and 2 * count[treated].sum() == count.sum():
        return  # either arm is the smaller one
    assert measure(value, treated, weight, count) == pytest.approx(
        measure(value[copies], treated[copies], weight[copies]), rel=1e-8
    )


@pytest.mark.parametrize("measure", MEASURES)
def test_an_arm_without_weight_is_refused(measure):
    with pytest.raises(CohortError, match="an arm has no people"):
        measure([1, 2, 3], [True, False, False], [0, 1, 1])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused(measure, bad):
    with pytest.raises(CohortError, match="finite covariates"):
        measure([1, 2, bad], [True, False, False])


def test_a_uniform_arm_has_no_density_unless_a_bandwidth_is_given():
    value = np.array([5.0, 5.0, *np.arange(30)])
    treated = np.arange(32) < 2
    with pytest.raises(CohortError, match="does not vary in this covariate"):
        overlap_coefficient(value, treated)
    assert 0 < overlap_coefficient(value, treated, bandwidth=2.0) < 1


def test_preference_scores_by_hand():
    """A fifth is treated: at a propensity of a fifth there is no preference; even odds are four
    times those.
    """
    treated = np.arange(10) < 2
    score = preference_score(treated, np.where(treated, 0.5, 0.2))
    assert score == pytest.approx(np.where(treated, 0.8, 0.5), rel=1e-12)


def test_equipoise_by_hand():
    """Preference .8 in one arm, .5 in the other."""
    treated = np.arange(10) < 2
    found = equipoise(treated, np.where(treated, 0.5, 0.2))
    assert (found.everyone, found.intervention, found.comparator) == (0.8, 0.0, 1.0)


def test_equipoise_counts_people():
    treated, e = np.array([True, False, False]), np.array([0.5, 0.5, 0.05])
    count = np.array([4, 3, 1])
    copies = np.repeat(np.arange(3), count)
    assert equipoise(treated, e, count) == equipoise(treated[copies], e[copies])


@pytest.mark.parametrize("bad", [0.0, 1.0, np.nan])
def test_a_preference_needs_a_probability(bad):
    with pytest.raises(PositivityError, match="scores between 0 and 1"):
        preference_score([True, False], [0.5, bad])
