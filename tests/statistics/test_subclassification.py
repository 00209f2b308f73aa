"""Subclasses at quantiles of the propensity: by hand, by law."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError, PositivityError, ProtocolError
from iop_outcomes.statistics.matching.matched_effects import (
    Contrast,
    matched_contrast,
    person_influence,
    weighted_means,
)
from iop_outcomes.statistics.matching.subclassification import (
    stratified_difference,
    subclass_shares,
    subclass_weights,
    subclassification,
)
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=80)
T, C = True, False
AVERAGED = [Estimand.ATE, Estimand.ATT, Estimand.ATC]


def subclasses(seed: int, size: int):
    """Arms, subclasses with two people or more of either arm in each, and outcomes."""
    random = np.random.default_rng(seed)
    subclass = np.concatenate([np.tile(np.arange(size), 4), random.integers(0, size, 30)])
    treated = np.concatenate([np.repeat([T, T, C, C], size), random.random(30) < 0.4])
    return treated, subclass, (random.random(treated.size) < 0.5).astype(float)


@pytest.mark.parametrize(
    ("estimand", "cut_points", "subclass"),
    [  # treated at 0.4, 0.6, 0.8; controls at 0.1, 0.5, 0.6, 0.7
        (Estimand.ATT, [0.4, 0.6, 0.8], [0, 1, 1, 0, 0, 1, 1]),
        (Estimand.ATC, [0.1, 0.55, 0.7], [0, 1, 1, 0, 0, 1, 1]),
        (Estimand.ATE, [0.1, 0.6, 0.8], [0, 1, 1, 0, 0, 1, 1]),
    ],
)
def test_limits_are_quantiles_of_the_population_and_belong_to_the_subclass_above(
    estimand, cut_points, subclass
):
    """0.6 is a limit and lies above it; 0.1 lies beyond the treated and joins the lowest."""
    treated = [T, T, T, C, C, C, C]
    found = subclassification(treated, [0.4, 0.6, 0.8, 0.1, 0.5, 0.6, 0.7], estimand, 2)
    assert found.cut_points == pytest.approx(cut_points, rel=1e-12)
    assert found.subclass.tolist() == subclass
    assert found.treated.tolist() == [1, 2]
    assert found.control.tolist() == [2, 2]


@pytest.mark.parametrize(
    ("estimand", "treated", "control"),
    [  # subclasses of 1 treated and 3 controls, of 2 and 1
        (Estimand.ATT, [1, 1], [4 / 9, 8 / 3]),
        (Estimand.ATC, [9 / 4, 3 / 8], [1, 1]),
        (Estimand.ATE, [12 / 7, 9 / 14], [16 / 21, 12 / 7]),
    ],
)
def test_weights_by_hand(estimand, treated, control):
    weight = subclass_weights([T, C, C, C, T, T, C], [0, 0, 0, 0, 1, 1, 1], estimand)
    assert weight[[0, 4]] == pytest.approx(treated, rel=1e-12)
    assert weight[[1, 6]] == pytest.approx(control, rel=1e-12)


@laws
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from(AVERAGED))
def test_weights_average_one_and_spread_both_arms_like_the_population(seed, size, estimand):
    treated, subclass, _ = subclasses(seed, size)
    weight = subclass_weights(treated, subclass, estimand)
    share = subclass_shares(
        np.bincount(subclass[treated]), np.bincount(subclass[~treated]), estimand
    )
    for arm in (treated, ~treated):
        assert weight[arm].mean() == pytest.approx(1, rel=1e-12)
        spread = np.bincount(subclass[arm], weight[arm]) / arm.sum()
        assert spread == pytest.approx(share, rel=1e-12)


@laws
@given(st.integers(0, 10_000), st.integers(2, 6), st.sampled_from(AVERAGED), st.booleans())
def test_the_average_of_differences_is_the_difference_of_weighted_means(
    seed, size, estimand, left_out
):
    treated, subclass, outcome = subclasses(seed, size)
    if left_out:
        subclass, outcome = subclass.copy(), outcome.copy()
        subclass[-3:], outcome[-3:] = -1, np.nan
    found = stratified_difference(outcome, treated, subclass, estimand)
    weight = subclass_weights(treated, subclass, estimand)
    means = weighted_means(outcome, treated, weight, subclass)
    assert found.estimate == pytest.approx(
        matched_contrast(means, Contrast.DIFFERENCE).estimate, rel=1e-10, abs=1e-12
    )
    assert found.influence.sum() == pytest.approx(0, abs=1e-12)
    arm = (subclass >= 0) & (treated == treated[0])
    moved = found.estimate + (1 if treated[0] else -1) * 1e-3 * weight[0] / arm.sum()
    more = outcome.copy()
    more[0] += 1e-3
    again = stratified_difference(more, treated, subclass, estimand).estimate
    assert again == pytest.approx(moved, rel=1e-9, abs=1e-12)


@laws
@given(st.integers(0, 10_000), st.sampled_from(AVERAGED))
def test_relabelling_the_arms_turns_the_sign(seed, estimand):
    treated, subclass, outcome = subclasses(seed, 3)
    other = {Estimand.ATT: Estimand.ATC, Estimand.ATC: Estimand.ATT}.get(estimand, estimand)
    one = stratified_difference(outcome, treated, subclass, estimand)
    two = stratified_difference(outcome, ~treated, subclass, other)
    assert one.estimate == pytest.approx(-two.estimate, rel=1e-12, abs=1e-15)
    assert one.std_error == pytest.approx(two.std_error, rel=1e-12)


def test_error_of_a_stratified_risk_difference_by_hand():
    """Subclass 1: 1/2 against 1/2 of 2; subclass 2: 1/2 of 2 against 1/4 of 4. ATT: half each."""
    treated = [T, T, C, C, T, T, C, C, C, C]
    outcome = [1, 0, 1, 0, 1, 0, 1, 0, 0, 0]
    found = stratified_difference(outcome, treated, [0] * 4 + [1] * 6, Estimand.ATT)
    assert found.within == pytest.approx([0, 0.25], abs=1e-15)
    first, second = 0.25 / 2 + 0.25 / 2, 0.25 / 2 + 0.1875 / 4
    assert found.within_std_error**2 == pytest.approx([first, second], rel=1e-12)
    assert found.std_error**2 == pytest.approx((first + second) / 4, rel=1e-12)
    unbiased = stratified_difference(
        outcome, treated, [0] * 4 + [1] * 6, Estimand.ATT, unbiased=True
    )
    assert unbiased.within_std_error**2 == pytest.approx([0.5, 0.25 + 0.0625], rel=1e-12)


def test_one_subclass_is_the_crude_difference():
    treated, outcome = np.array([T, T, C, C, C]), np.array([1.0, 0, 1, 0, 0])
    found = stratified_difference(outcome, treated, np.zeros(5, int), Estimand.ATE)
    means = weighted_means(outcome, treated, np.ones(5), np.zeros(5, int))
    crude = matched_contrast(means, Contrast.DIFFERENCE)
    assert found.estimate == pytest.approx(crude.estimate, rel=1e-12)
    assert found.influence == pytest.approx(person_influence(crude, 5), rel=1e-12)


@pytest.mark.parametrize(
    ("treated", "propensity", "estimand", "number", "error", "sentence"),
    [
        ([T, T], [0.1, 0.2], "ATE", 2, CohortError, "comparator arm has nobody to put"),
        ([T, C], [0.1, np.nan], "ATE", 2, CohortError, "propensity of 1 people is missing"),
        ([T, C], [0.1, 0.2], "ATO", 2, ProtocolError, "cannot average over the ATO"),
        ([T, C], [0.1, 0.2], "ATE", 1, ProtocolError, "1 is not a number of subclasses"),
        (
            [C, C, T, T], [0.1, 0.2, 0.8, 0.9], "ATE", 2, PositivityError,
            "subclass 1 of 2 has nobody in the intervention arm, "
            "subclass 2 of 2 has nobody in the comparator arm; ask for fewer",
        ),
        ([C, T, C, T], [0.5] * 4, "ATE", 3, CohortError, "too few values for 3 subclasses"),
    ],
)  # fmt: skip
def test_what_cannot_be_divided_says_why(treated, propensity, estimand, number, error, sentence):
    with pytest.raises(error, match=sentence):
        subclassification(treated, propensity, Estimand(estimand), number)


def test_many_subclasses_that_lack_an_arm_are_counted():
    with pytest.raises(PositivityError, match=r"\(and 2 others alike\)"):
        subclass_weights([T] * 5, np.arange(5), Estimand.ATT)


@pytest.mark.parametrize(
    ("outcome", "subclass", "options", "error", "sentence"),
    [
        ([1, np.nan, 0], [0, 0, 0], {}, CohortError, "outcome of 1 people is missing"),
        ([1, 0, 0], [0, 1, 1], {}, PositivityError, "subclass 1 of 2 has nobody in the comparator"),
        ([1, 0, 0], [0, 0, 0], {"unbiased": True}, CohortError, "alone in their arm"),
        ([1, 0, 0], [-1, -1, -1], {}, CohortError, "nobody is in a subclass"),
    ],
)
def test_a_stratified_difference_that_cannot_be_says_why(
    outcome, subclass, options, error, sentence
):
    with pytest.raises(error, match=sentence):
        stratified_difference(outcome, [T, C, C], subclass, Estimand.ATT, **options)
