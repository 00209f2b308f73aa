"""Balancing weights: by hand, by law, against R."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.weighting.covariate_patterns import covariate_patterns
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import (
    balancing_weights,
    effective_sample_size,
    effective_sample_sizes,
    stabilized_weights,
    tilt,
    weight_slopes,
)
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=100)
estimands = st.sampled_from(list(Estimand))
propensities = st.lists(st.floats(0.02, 0.98), min_size=1, max_size=20).map(np.array)


@pytest.mark.parametrize(
    ("estimand", "treated", "untreated"),
    [  # at a propensity of 1/5 and of 4/5
        (Estimand.ATE, [5, 5 / 4], [5 / 4, 5]),
        (Estimand.ATT, [1, 1], [1 / 4, 4]),
        (Estimand.ATC, [4, 1 / 4], [1, 1]),
        (Estimand.ATO, [4 / 5, 1 / 5], [1 / 5, 4 / 5]),
        (Estimand.ATM, [1, 1 / 4], [1 / 4, 1]),
    ],
)
def test_by_hand(estimand, treated, untreated):
    e = [0.2, 0.8]
    assert balancing_weights([True, True], e, estimand) == pytest.approx(treated, rel=1e-12)
    assert balancing_weights([False, False], e, estimand) == pytest.approx(untreated, rel=1e-12)


@laws
@given(propensities, estimands)
def test_weight_times_probability_of_the_arm_is_the_tilt_in_both_arms(e, estimand):
    everyone = np.ones(e.size, bool)
    for treated, probability in ((everyone, e), (~everyone, 1 - e)):
        assert balancing_weights(treated, e, estimand) * probability == pytest.approx(
            tilt(e, estimand), rel=1e-12
        )


@laws
@given(propensities, estimands, st.booleans())
def test_slopes_are_what_a_little_more_propensity_changes(e, estimand, treated):
    """Central differences; the kink of ATM at one half is kept away from."""
    e = np.where(np.abs(e - 0.5) < 1e-3, 0.45, e)
    arm, step = np.full(e.size, treated), 1e-5 * e * (1 - e)
    up, down = (balancing_weights(arm, e + sign * step, estimand) for sign in (1, -1))
    assert weight_slopes(arm, e, estimand) == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_at_one_half_the_matching_weight_takes_its_right_slope():
    """Beyond one half the treated weigh (1 - e)/e, with slope -4; the others weigh 1."""
    assert weight_slopes([True, False], [0.5, 0.5], Estimand.ATM).tolist() == [-4, 0]


@laws
@given(propensities, st.data())
def test_relabelling_the_arms_swaps_att_and_atc_and_nothing_else(e, data):
    treated = np.array(data.draw(st.lists(st.booleans(), min_size=e.size, max_size=e.size)))
    other = {Estimand.ATT: Estimand.ATC, Estimand.ATC: Estimand.ATT}
    for estimand in Estimand:
        relabelled = balancing_weights(~treated, 1 - e, other.get(estimand, estimand))
        assert relabelled == pytest.approx(balancing_weights(treated, e, estimand), rel=1e-9)


@laws
@given(st.integers(0, 10_000), st.integers(15, 120), st.integers(1, 5))
def test_overlap_weights_balance_every_modelled_covariate_exactly(seed, n, columns):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=(n, columns)) * 10 ** rng.normal()])
    scaled = design / np.sqrt((design**2).mean(axis=0))
    treated = rng.random(n) < expit(scaled @ rng.normal(0, 0.7, columns + 1))
    try:
        e = fit_propensity(treated, design).probability
    except PositivityError:
        return  # there is nothing to balance
    weight = balancing_weights(treated, e, Estimand.ATO)
    means = [np.average(scaled[arm], axis=0, weights=weight[arm]) for arm in (treated, ~treated)]
    assert means[0] == pytest.approx(means[1], abs=1e-8)


@pytest.mark.parametrize("bad", [0.0, 1.0, np.nan])
@pytest.mark.parametrize("estimand", list(Estimand))
def test_a_score_that_is_no_probability_gives_no_weight(estimand, bad):
    with pytest.raises(PositivityError, match="between 0 and 1"):
        balancing_weights([True, False], [0.5, bad], estimand)


@laws
@given(st.lists(st.floats(0.01, 100), min_size=1, max_size=30), st.floats(0.01, 100))
def test_effective_sample_size_is_at_most_the_number_of_people_in_any_unit(weight, scale):
    size = effective_sample_size(weight)
    assert 1 - 1e-9 <= size <= len(weight) * (1 + 1e-9)
    assert effective_sample_size(np.array(weight) * scale) == pytest.approx(size, rel=1e-9)


def test_effective_sample_size_by_hand():
    """Weights 3, 1, 1, 1: 6^2 / 12."""
    assert effective_sample_size([3, 1, 1, 1]) == 3


def test_a_frequency_counts_people_and_a_weight_does_not():
    """Three people of weight 1 and one of weight 3: 6^2 / 12. One person of weight 9: 1."""
    assert effective_sample_size([1, 3], frequency=[3, 1]) == 3
    assert effective_sample_size([9]) == 1
    assert effective_sample_sizes([1, 0, 0], [1, 1, 3], [2, 3, 1]) == (2, 3)


def test_an_arm_without_weight_has_no_effective_size():
    with pytest.raises(CohortError, match="nobody has a weight above 0"):
        effective_sample_sizes([True, False], [0, 1])


@laws
@given(st.integers(0, 10_000), estimands)
def test_weights_of_patterns_are_the_weights_of_their_people(seed, estimand):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(120), rng.integers(0, 2, 120), rng.integers(0, 4, 120)])
    treated = rng.random(120) < expit(design @ [0.2, 0.5, -0.2])
    patterns = covariate_patterns(treated, design)
    first, people = patterns.first, patterns.frequency
    try:
        one = fit_propensity(treated, design).probability
        other = fit_propensity(treated[first], design[first], people).probability
    except PositivityError:
        return
    for weights, counts in ((balancing_weights, {}), (stabilized_weights, {"frequency": people})):
        of_people = weights(treated, one, estimand)
        of_patterns = weights(treated[first], other, estimand, **counts)
        assert patterns.expand(of_patterns) == pytest.approx(of_people, rel=1e-9)
    assert effective_sample_sizes(treated[first], of_patterns, people) == pytest.approx(
        effective_sample_sizes(treated, of_people), rel=1e-9
    )


def test_stabilized_weights_by_hand():
    """A quarter is treated. At a propensity of 1/2: (1/4) / (1/2) and (3/4) / (1/2)."""
    treated = [True, False, False, False]
    assert stabilized_weights(treated, [0.5] * 4, Estimand.ATE).tolist() == [0.5, 1.5, 1.5, 1.5]


@laws
@given(propensities, estimands)
def test_stabilizing_multiplies_an_arm_by_one_number(e, estimand):
    treated = np.arange(e.size) % 2 == 0
    ratio = stabilized_weights(treated, e, estimand) / balancing_weights(treated, e, estimand)
    for arm, share in ((treated, treated.mean()), (~treated, 1 - treated.mean())):
        assert ratio[arm] == pytest.approx(share, rel=1e-12)


@pytest.mark.parametrize("estimand", list(Estimand))
def test_weights_of_uis_agree_with_r(exposure, shared, estimand):
    """WeightIt 1.5.1: get_w_from_ps(ps, treat, estimand), person by person."""
    vectors = shared / "reference" / "results" / "vectors"
    table = pd.read_csv(vectors / f"uis_{exposure.name}_ps_weights.csv")
    ours = balancing_weights(exposure.treated, exposure.fit.probability, estimand)
    assert ours == pytest.approx(table[f"w_{estimand}"].to_numpy(), rel=1e-8)


@pytest.mark.parametrize("estimand", list(Estimand))
def test_effective_sample_sizes_of_uis_agree_with_r(exposure, reference, estimand):
    """R 4.2.2: sum(w)^2 / sum(w^2), by arm and over all."""
    case = f"{exposure.case}a_uis_{exposure.name}_propensity_weights"
    rows = reference(case, f"weights {estimand}", "ESS")["estimate"]
    weight = balancing_weights(exposure.treated, exposure.fit.probability, estimand)
    sizes = [
        effective_sample_size(weight[arm])
        for arm in (exposure.treated, ~exposure.treated, np.ones_like(exposure.treated))
    ]
    terms = [f"{exposure.name}=1", f"{exposure.name}=0", "all"]
    assert sizes == pytest.approx(rows[terms].to_list(), rel=1e-8)
