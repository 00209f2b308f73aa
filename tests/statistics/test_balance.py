"""Standardized mean differences: by hand, by law, against R."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.statistics.balance import standardized_mean_difference
from iop_outcomes.statistics.weights import balancing_weights
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
