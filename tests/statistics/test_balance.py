"""Standardized mean differences: by hand, by law, against R."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.weighting.balance import (
    DENOMINATOR,
    Denominator,
    differences_by_group,
    mean_difference,
    standardized_mean_difference,
    variance_ratio,
)
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=100)
ARMS = [True, True, False, False]


def test_by_hand():
    """Means 4 and 1, variances (n - 1) 8 and 2: 3 over the root of 5."""
    assert standardized_mean_difference([2, 6, 0, 2], ARMS) == pytest.approx(3 / np.sqrt(5))


def test_an_indicator_has_the_variance_of_a_share():
    """Shares 1/2 and 1/4, variances 1/4 and 3/16: 1/4 over the root of 7/32."""
    value = [1, 0, 1, 0, 1, 0, 0, 0]
    smd = standardized_mean_difference(value, [True] * 4 + [False] * 4)
    assert smd == pytest.approx(0.25 / np.sqrt(7 / 32))


def test_weights_move_the_means_and_not_the_ruler():
    """Weights 3 and 1 make the first mean 3; the ruler is still the root of 5."""
    smd = standardized_mean_difference([2, 6, 0, 2], ARMS, [3, 1, 1, 1])
    assert smd == pytest.approx((3 - 1) / np.sqrt(5))


@pytest.mark.parametrize("value", [0.0, 1.0, 0.1, 17.0])
def test_a_constant_column_differs_by_nothing(value):
    assert standardized_mean_difference([value] * 4, ARMS, [0.1, 0.7, 0.2, 0.3]) == 0


def test_someone_alone_in_an_arm_shows_no_spread():
    """Mean 5 against mean 1; variances 0 and 2, so the ruler is 1."""
    assert standardized_mean_difference([5, 0, 2], [True, False, False]) == pytest.approx(4)


@pytest.mark.parametrize(
    ("denominator", "variance"),
    [
        (Denominator.POOLED, 5),  # (8 + 2) / 2
        (Denominator.INTERVENTION, 8),
        (Denominator.COMPARATOR, 2),
        (Denominator.EVERYONE, 19 / 3),  # squares about 2.5 over n - 1
        (Denominator.WEIGHTED, 29 / 6),  # weighted squares about 7/3, 58/3, over 6 - 12/6
    ],
)
def test_every_denominator_by_hand(denominator, variance):
    """Weights 3, 1, 1, 1 at 2, 6, 0, 2: means 3 and 1."""
    smd = standardized_mean_difference([2, 6, 0, 2], ARMS, [3, 1, 1, 1], denominator)
    assert smd == pytest.approx(2 / np.sqrt(variance), rel=1e-12)


def test_the_ruler_can_have_weights_of_its_own():
    """Before weighting, on the ruler of the overlap population: 4 and 1 over the weighted SD."""
    value, weight = [2, 6, 0, 2], [3, 1, 1, 1]
    before = standardized_mean_difference(
        value, ARMS, denominator=Denominator.WEIGHTED, ruler_weight=weight
    )
    after = standardized_mean_difference(value, ARMS, weight, Denominator.WEIGHTED)
    assert before / after == pytest.approx(3 / 2, rel=1e-12)


def test_every_estimand_has_its_ruler():
    assert set(DENOMINATOR) == set(Estimand)


def test_arms_that_differ_where_nobody_varies_have_no_standardized_difference():
    with pytest.raises(CohortError, match=r"does not vary.*\(pooled\)"):
        standardized_mean_difference([1, 1, 0, 0], ARMS)
    with pytest.raises(CohortError, match="use the pooled denominator"):
        standardized_mean_difference([1, 1, 0, 5], ARMS, denominator=Denominator.INTERVENTION)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_is_refused(bad):
    with pytest.raises(CohortError, match="finite covariates"):
        standardized_mean_difference([1, 2, 3, bad], ARMS)


def test_an_arm_without_weight_is_refused():
    with pytest.raises(CohortError, match="an arm has no people"):
        mean_difference([1, 2, 3, 4], ARMS, [1, 1, 0, 0])


def test_arrays_of_different_length_are_refused():
    with pytest.raises(CohortError, match="differ in length"):
        mean_difference([1, 2, 3], ARMS)


def test_variance_ratio_by_hand():
    """Variances 8 and 2; with weights 3 and 1: 3 * 1 + 9 = 12 over 4 - 10/4, which is 8 again."""
    assert variance_ratio([2, 6, 0, 2], ARMS) == pytest.approx(4)
    assert variance_ratio([2, 6, 0, 2], ARMS, [3, 1, 1, 1]) == pytest.approx(4)


def test_a_variance_ratio_needs_variance():
    with pytest.raises(CohortError, match="no ratio of variances"):
        variance_ratio([2, 6, 1, 1], ARMS)


def test_groups_by_hand():
    """In a the arms differ by 1 on an indicator's root of 1/8; b is alike; c has one arm."""
    group = np.array(["a"] * 4 + ["b"] * 4 + ["c"])
    value = np.array([1, 0, 0, 0, 1, 0, 1, 0, 1])
    treated = np.array([1, 1, 0, 0, 1, 1, 0, 0, 1], bool)
    found = differences_by_group(value, treated, group)
    assert found.group.tolist() == ["a", "b"]
    assert found.difference == pytest.approx([0.5 / np.sqrt(1 / 8), 0])
    assert found.one_armed.tolist() == ["c"]


def test_a_prognostic_score_is_a_covariate_like_any_other():
    """A score that is a sum of covariates differs by the sum of their differences in means."""
    rng = np.random.default_rng(1)
    x, treated = rng.normal(size=(50, 2)), np.arange(50) < 20
    score = x @ [0.7, -0.2]
    parts = [mean_difference(column, treated) for column in x.T]
    spread = np.sqrt((score[treated].var(ddof=1) + score[~treated].var(ddof=1)) / 2)
    assert standardized_mean_difference(score, treated) == pytest.approx(
        (0.7 * parts[0] - 0.2 * parts[1]) / spread, rel=1e-10
    )


@st.composite
def people(draw):
    n = draw(st.integers(4, 30))
    value = draw(st.lists(st.integers(-5, 5), min_size=n, max_size=n))
    weight = draw(st.lists(st.floats(0.1, 5), min_size=n, max_size=n))
    treated = draw(st.permutations([True] * (n // 2) + [False] * (n - n // 2)))
    return np.array(value, float), np.array(treated), np.array(weight)


@laws
@given(people())
def test_relabelling_the_arms_changes_the_sign(table):
    value, treated, weight = table
    assert standardized_mean_difference(value, ~treated, weight) == pytest.approx(
        -standardized_mean_difference(value, treated, weight), abs=1e-12
    )


@laws
@given(people(), st.floats(0.1, 50), st.floats(2, 50))
def test_the_unit_of_a_number_does_not_matter(table, scale, shift):
    value, treated, weight = table
    value = value * 1.5 + 3.25  # a number, not an indicator, in either unit
    assert standardized_mean_difference(value * scale + shift, treated, weight) == pytest.approx(
        standardized_mean_difference(value, treated, weight), abs=1e-7
    )


@laws
@given(people(), st.sampled_from(Denominator), st.data())
def test_a_frequency_of_k_is_k_copies(table, denominator, data):
    value, treated, weight = table
    n = value.size
    count = np.array(data.draw(st.lists(st.integers(1, 3), min_size=n, max_size=n)))
    copies = np.repeat(np.arange(n), count)
    try:
        copied = standardized_mean_difference(
            value[copies], treated[copies], weight[copies], denominator
        )
    except CohortError:
        return  # somebody stands alone
    counted = standardized_mean_difference(value, treated, weight, denominator, count)
    assert counted == pytest.approx(copied, rel=1e-8, abs=1e-12)


@laws
@given(people(), st.sampled_from(Denominator))
def test_the_order_of_people_and_the_scale_of_weights_do_not_matter(table, denominator):
    value, treated, weight = table
    order = np.random.default_rng(2).permutation(value.size)
    try:
        smd = standardized_mean_difference(value, treated, weight, denominator)
    except CohortError:
        return
    again = standardized_mean_difference(
        value[order], treated[order], 7 * weight[order], denominator
    )
    assert again == pytest.approx(smd, rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("stage", ["unadjusted", "adjusted"])
def test_differences_of_uis_agree_with_r(exposure, reference, uis, stage):
    """cobalt 4.6.2: bal.tab(weightit, estimand='ATE', binary='std'): pooled, unweighted SD."""
    case = f"{exposure.case}b_uis_{exposure.name}_balance"
    columns = {
        **exposure.columns,
        "ivhx_1": uis["IV"] == 1,
        "ivhx_2": uis["IV"] == 2,
        "ivhx_3": uis["IV"] == 3,
        "prop.score": exposure.fit.probability,
    }
    weight = balancing_weights(exposure.treated, exposure.fit.probability, Estimand.ATE)
    for term, row in reference(case, "balance ATE", f"SMD, {stage}").iterrows():
        smd = standardized_mean_difference(
            columns[term], exposure.treated, weight if stage == "adjusted" else None
        )
        assert smd == pytest.approx(row["estimate"], rel=1e-8)
