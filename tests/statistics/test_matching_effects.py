"""Effects after matching: by hand, by law, by simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.clusters.cluster_robust import ClusterCorrection
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.matching.abadie_imbens import (
    abadie_imbens_error,
    abadie_imbens_propensity_error,
)
from iop_outcomes.statistics.matching.matched_effects import (
    Contrast,
    cluster_robust_error,
    matched_contrast,
    matched_means,
    person_influence,
    weighted_means,
)
from iop_outcomes.statistics.matching.matching_sample import Caliper
from iop_outcomes.statistics.matching.nearest_neighbour import nearest_neighbour_matching
from iop_outcomes.statistics.matching.optimal_matching import full_matching
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=60)
T, C = True, False


def sample(seed: int, n: int = 40):
    """Arms, a distance and a 0/1 outcome that follows it."""
    random = np.random.default_rng(seed)
    x = random.normal(size=n)
    treated = random.random(n) < expit(x - 0.8)
    treated[:2] = True, False
    return treated, x, (random.random(n) < expit(x)).astype(float)


def difference(outcome, treated, found):
    return matched_contrast(matched_means(outcome, treated, found), Contrast.DIFFERENCE)


def test_a_set_of_one_and_two_by_hand():
    """Treated 1 against the mean of 0 and 1, and 1 against 0: (0.5 + 1) / 2."""
    treated, outcome = [T, T, C, C, C], [1, 1, 0, 1, 0]
    found = nearest_neighbour_matching(treated, [10, 5, 9.9, 9.8, 5.1], ratio=2)
    assert sorted(np.bincount(found.pair_set)) == [1, 2]
    assert difference(outcome, treated, found).estimate == pytest.approx(0.75, rel=1e-12)


def test_contrasts_of_one_half_and_one_quarter():
    means = weighted_means([1, 0, 1, 0, 0, 0], [T, T, C, C, C, C], np.ones(6), np.zeros(6))
    found = [matched_contrast(means, contrast).estimate for contrast in Contrast]
    assert found == pytest.approx([0.25, np.log(2), np.log(3)], rel=1e-12)


@laws
@given(st.integers(0, 10_000))
def test_the_cr1_error_of_pairs_is_that_of_the_mean_difference_within_pairs(seed):
    treated, x, outcome = sample(seed)
    found = nearest_neighbour_matching(treated, x)
    contrast = difference(outcome, treated, found)
    if found.treated.size < 2:
        return
    within = outcome[found.treated] - outcome[found.control]
    assert contrast.estimate == pytest.approx(within.mean(), rel=1e-10, abs=1e-12)
    paired = within.std(ddof=1) / np.sqrt(within.size)
    assert cluster_robust_error(contrast, ClusterCorrection.CR1) == pytest.approx(paired, rel=1e-10)
    house = uncertainty(contrast.influence, 0.95, contrast.matched_set)
    assert house.std_error == pytest.approx(paired, rel=1e-10)


@laws
@given(st.integers(0, 10_000), st.sampled_from(list(Contrast)), st.integers(1, 3), st.booleans())
def test_influence_is_what_a_little_more_weight_would_change(seed, contrast, ratio, replacement):
    treated, x, outcome = sample(seed)
    if ratio > (~treated).sum():
        return
    found = nearest_neighbour_matching(treated, x, ratio=ratio, replacement=replacement)
    try:
        whole = matched_contrast(matched_means(outcome, treated, found), contrast)
    except CohortError:
        return
    each = person_influence(whole, treated.size)
    assert each.sum() == pytest.approx(0, abs=1e-10)
    assert (each[found.weight == 0] == 0).all()
    one, step = int(found.treated[0]), 1e-6
    moved = []
    for sign in (1, -1):
        weight = found.weight.copy()
        weight[one] *= 1 + sign * step
        means = weighted_means(outcome, treated, weight, np.zeros(weight.size))
        moved.append(matched_contrast(means, contrast).estimate)
    assert (moved[0] - moved[1]) / (2 * step) == pytest.approx(each[one], rel=1e-4, abs=1e-8)


@laws
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_weights_of_persons_and_rows_of_sets_give_the_same_means(seed, ratio):
    treated, x, outcome = sample(seed)
    if ratio > (~treated).sum():
        return
    found = nearest_neighbour_matching(treated, x, ratio=ratio, replacement=True)
    rows = matched_means(outcome, treated, found)
    persons = weighted_means(outcome, treated, found.weight, np.arange(x.size))
    assert (rows.treated, rows.control) == pytest.approx(
        (persons.treated, persons.control), rel=1e-10, abs=1e-12
    )


def test_full_matching_has_clustered_errors_too():
    treated, x, outcome = sample(7, 200)
    found = full_matching(treated, x)
    contrast = difference(outcome, treated, found)
    sums = np.bincount(contrast.matched_set, contrast.influence)
    assert cluster_robust_error(contrast, ClusterCorrection.CR0) == pytest.approx(
        np.sqrt(np.sum(sums**2)), rel=1e-12
    )


def test_missing_outcomes_of_the_unmatched_are_not_read():
    treated, outcome = [T, C, C], [1, 0, np.nan]
    found = nearest_neighbour_matching(treated, [1, 1.1, 5])
    assert difference(outcome, treated, found).estimate == 1
    with pytest.raises(CohortError, match="outcome of 1 matched people is missing"):
        difference([1, np.nan, 0], treated, found)


def test_what_has_no_contrast_or_no_error_says_why():
    treated = [T, T, C, C]
    found = nearest_neighbour_matching(treated, [1, 2, 1, 2])
    for contrast in (Contrast.LOG_RATIO, Contrast.LOG_ODDS_RATIO):
        with pytest.raises(CohortError, match="report the difference"):
            matched_contrast(matched_means([0, 0, 1, 0], treated, found), contrast)
    one = nearest_neighbour_matching([T, C], [1, 2])
    with pytest.raises(CohortError, match="one matched set"):
        cluster_robust_error(difference([0, 1], [T, C], one))
    with pytest.raises(ProtocolError, match="have no CR2 error"):
        cluster_robust_error(difference([0, 1, 1, 0], treated, found), ClusterCorrection.CR2)


def test_clustering_by_sets_and_persons_by_hand():
    """Controls 1 (in two sets) and 0 (in one), mean 2/3; treated 1, 0, 0, mean 1/3.

    Influences of the rows, in ninths: treated 2, -1, -1; controls 1, 1, -2, taken off. By sets 1,
    -2 and 1; by persons the control has 2 where its rows have 1 and 1.
    """
    treated, outcome = [T, T, T, C, C], [1, 0, 0, 1, 0]
    found = nearest_neighbour_matching(treated, [1, 1.2, 5, 1.1, 5.1], replacement=True)
    error = cluster_robust_error(difference(outcome, treated, found), ClusterCorrection.CR0)
    assert error**2 == pytest.approx((1 + 4 + 1 + (4 - 2)) / 81, rel=1e-12)


def test_abadie_imbens_by_hand():
    """Two treated share one control, whose nearest fellow control is 2 away from it in outcome.

    Within sets: 3 - 1 and 2 - 1, mean 1.5, so 0.25 + 0.25; the control counts 2^2 - 2 times its
    variance of 2^2 / 2. (0.5 + 2 * 2) / 2^2.
    """
    treated, x, outcome = [T, T, C, C], [0.5, 0.6, 0.55, 0.1], [3, 2, 1, 3]
    found = nearest_neighbour_matching(treated, x, replacement=True)
    error = abadie_imbens_error(outcome, treated, x, found)
    assert error**2 == pytest.approx(4.5 / 4, rel=1e-12)


def test_abadie_imbens_without_reuse_is_the_spread_of_differences():
    treated, x, outcome = [T, T, C, C], [1, 2, 1.1, 2.1], [3, 2, 1, 1]
    found = nearest_neighbour_matching(treated, x, replacement=True)
    assert abadie_imbens_error(outcome, treated, x, found) == pytest.approx(
        np.sqrt((0.25 + 0.25) / 4), rel=1e-12
    )


@laws
@given(st.integers(0, 10_000), st.integers(1, 3), st.floats(-50, 50), st.floats(0.1, 10))
def test_abadie_imbens_errors_do_not_mind_origins_and_units(seed, ratio, origin, unit):
    """Of the outcome, and of the columns of the propensity model; nor which arm is called which."""
    treated, x, outcome = sample(seed, 60)
    outcome = outcome + 0.3 * x
    design = np.column_stack([np.ones(x.size), x, np.cos(3 * x)])
    propensity = fit_propensity(treated, design).probability
    found = nearest_neighbour_matching(treated, propensity, ratio=ratio, replacement=True)
    plain = abadie_imbens_error(outcome, treated, propensity, found)
    moved = origin + unit * outcome
    assert abadie_imbens_error(moved, treated, propensity, found) == pytest.approx(
        unit * plain, rel=1e-8
    )
    try:
        full = abadie_imbens_propensity_error(outcome, treated, propensity, design, found)
    except CohortError as error:
        assert "larger than the variance itself" in str(error)
        return
    again = abadie_imbens_propensity_error(moved, treated, propensity, design * 3, found)
    assert again == pytest.approx(unit * full, rel=1e-6)
    relabelled = nearest_neighbour_matching(
        ~treated, propensity, Estimand.ATC, ratio=ratio, replacement=True
    )
    other = abadie_imbens_propensity_error(outcome, ~treated, 1 - propensity, design, relabelled)
    assert other == pytest.approx(full, rel=1e-8)


def planted(seed: int, n: int):
    """A design like that of Abadie & Imbens (2016): the effect is 5 - 20 x1."""
    random = np.random.default_rng(seed)
    x = random.uniform(-0.5, 0.5, (n, 2))
    treated = random.random(n) < expit(x[:, 0] + 2 * x[:, 1])
    outcome = np.where(treated, 5 - 10 * x[:, 0], 10 * x[:, 0]) + random.normal(size=n)
    return treated, np.column_stack([np.ones(n), x]), outcome


def planted_effect(estimand: Estimand) -> float:
    """Average of the effect over the arm, by Gauss-Legendre quadrature of the square."""
    node, weight = np.polynomial.legendre.leggauss(40)
    one, two = np.meshgrid(node / 2, node / 2, indexing="ij")
    e = expit(one + 2 * two)
    share = np.outer(weight, weight) * (e if estimand is Estimand.ATT else 1 - e)
    return float(np.sum(share * (5 - 20 * one)) / share.sum())


@pytest.mark.slow
@pytest.mark.parametrize("estimand", [Estimand.ATT, Estimand.ATC])
def test_the_error_for_an_estimated_propensity_is_the_spread_of_estimates(estimand):
    """600 samples of 800: within 8%, where taking the propensity as known is 10% too small."""
    truth = planted_effect(estimand)
    estimates, known, adjusted = [], [], []
    for seed in range(600):
        treated, design, outcome = planted(seed, 800)
        propensity = fit_propensity(treated, design).probability
        found = nearest_neighbour_matching(treated, propensity, estimand, replacement=True)
        estimates.append(difference(outcome, treated, found).estimate)
        known.append(abadie_imbens_error(outcome, treated, propensity, found))
        adjusted.append(abadie_imbens_propensity_error(outcome, treated, propensity, design, found))
    spread = np.std(estimates, ddof=1)
    assert np.mean(estimates) == pytest.approx(truth, abs=4 * spread / np.sqrt(600))
    assert np.sqrt(np.mean(np.square(adjusted))) == pytest.approx(spread, rel=0.08)
    assert np.sqrt(np.mean(np.square(known))) < 0.9 * spread
    covered = np.abs(np.array(estimates) - truth) < 1.96 * np.array(adjusted)
    assert covered.mean() == pytest.approx(0.95, abs=0.025)


@pytest.mark.parametrize(
    ("options", "keywords", "error", "sentence"),
    [
        ({}, {}, ProtocolError, "for matching with replacement"),
        ({"replacement": True}, {"neighbours": 0}, ProtocolError, "needs 1 neighbour or more"),
        ({"replacement": True}, {"neighbours": 2}, CohortError, "fewer than 2 others of their"),
    ],
)
def test_what_has_no_abadie_imbens_error_says_why(options, keywords, error, sentence):
    treated, x = [T, T, C, C], [1, 1.1, 1.2, 9]
    found = nearest_neighbour_matching(treated, x, **options)
    with pytest.raises(error, match=sentence):
        abadie_imbens_error([1, 0, 1, 0], treated, x, found, **keywords)


def test_the_propensity_error_asks_for_everyone_matched_and_every_outcome():
    treated, x, outcome = sample(3)
    design = np.column_stack([np.ones(x.size), x])
    e = fit_propensity(treated, design).probability
    found = nearest_neighbour_matching(treated, e, replacement=True)
    missing = outcome.copy()
    missing[found.weight == 0] = np.nan
    with pytest.raises(CohortError, match="before the propensity is fitted"):
        abadie_imbens_propensity_error(missing, treated, e, design, found)
    missing[:] = np.nan
    with pytest.raises(CohortError, match="outcome of some matched people is missing"):
        abadie_imbens_error(missing, treated, e, found)
    with pytest.raises(ProtocolError, match="needs 2 donors"):
        abadie_imbens_propensity_error(outcome, treated, e, design, found, local=1)
    few = nearest_neighbour_matching(treated, e, replacement=True, caliper=Caliper(0.02))
    assert few.unmatched_treated > 0
    with pytest.raises(CohortError, match="people have no match"):
        abadie_imbens_propensity_error(outcome, treated, e, design, few)
