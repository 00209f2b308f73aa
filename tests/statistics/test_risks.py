"""Unadjusted and weighted risks: by hand, by law, and what is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.effects.risks import (
    estimated_propensity,
    known_propensity,
    target_population,
)
from iop_outcomes.statistics.effects.weighted_risks import unadjusted_risks, weighted_risks
from iop_outcomes.statistics.estimating_equations import estimated_weights, influence, uncertainty
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=25)


def people(seed, n=200):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=n), rng.random(n) < 0.4])
    treated = rng.random(n) < expit(design @ [-0.2, 0.6, 0.5])
    outcome = (rng.random(n) < expit(design @ [-0.3, 0.7, -0.5] + 0.4 * treated)).astype(float)
    return outcome, treated, design


def test_unadjusted_risks_by_hand():
    """2 of 4 and 1 of 4; variances p(1 - p)/n, which the influences' squares sum to."""
    outcome = [1, 1, 0, 0, 1, 0, 0, 0]
    risks = unadjusted_risks(outcome, [True] * 4 + [False] * 4)
    assert (risks.intervention, risks.comparator) == (0.5, 0.25)
    assert np.sum(risks.influence_intervention**2) == pytest.approx(0.25 / 4, rel=1e-12)
    assert np.sum(risks.influence_comparator**2) == pytest.approx(0.1875 / 4, rel=1e-12)


def test_weighted_risks_by_hand():
    """Propensity 2/3 where the covariate is 1, else 1/3. Inverse weights of the intervention: 3
    for the one without it, 1.5 for the two with it; their outcomes 1, 0, 1: (3 + 1.5) / 6.
    """
    treated = np.array([1, 0, 0, 1, 1, 0], bool)
    share = known_propensity([1 / 3] * 3 + [2 / 3] * 3)
    risks = weighted_risks([1, 0, 1, 0, 1, 1], treated, share, Estimand.ATE)
    assert risks.intervention == pytest.approx(4.5 / 6, rel=1e-12)
    assert risks.comparator == pytest.approx((1.5 * 1 + 3 * 1) / 6, rel=1e-12)


@pytest.mark.parametrize("estimand", list(Estimand))
def test_influences_are_those_of_the_weighted_estimates_elsewhere_in_the_package(estimand):
    outcome, treated, design = people(seed=1)
    e = fit_propensity(treated, design).probability
    weight = balancing_weights(treated, e, estimand)
    risk = np.average(outcome[treated], weights=weight[treated])
    derivative = np.where(treated, (outcome - risk) / weight[treated].sum(), 0.0)
    estimated = estimated_weights(treated, e, design, estimand)
    ours = weighted_risks(outcome, treated, estimated_propensity(treated, e, design), estimand)
    assert ours.intervention == pytest.approx(risk, rel=1e-12)
    assert ours.influence_intervention == pytest.approx(
        influence(derivative, weight, estimated), rel=1e-9, abs=1e-15
    )
    known = weighted_risks(outcome, treated, known_propensity(e), estimand)
    assert known.influence_intervention == pytest.approx(influence(derivative, weight), abs=1e-15)


def test_a_known_propensity_of_one_half_changes_nothing():
    outcome, treated, _ = people(seed=2)
    half = known_propensity(np.full(treated.size, 0.5))
    for estimand in Estimand:
        assert weighted_risks(outcome, treated, half, estimand).comparator == pytest.approx(
            outcome[~treated].mean(), rel=1e-12
        )


@laws
@given(st.integers(0, 10_000), st.sampled_from(list(Estimand)))
def test_relabelling_the_arms_turns_the_risks_round(seed, estimand):
    outcome, treated, design = people(seed)
    e = fit_propensity(treated, design).probability
    mirrored = {Estimand.ATT: Estimand.ATC, Estimand.ATC: Estimand.ATT}.get(estimand, estimand)
    here = weighted_risks(outcome, treated, estimated_propensity(treated, e, design), estimand)
    there = weighted_risks(
        outcome, ~treated, estimated_propensity(~treated, 1 - e, design), mirrored
    )
    assert there.comparator == pytest.approx(here.intervention, rel=1e-9)
    assert there.influence_comparator == pytest.approx(
        here.influence_intervention, rel=1e-7, abs=1e-12
    )


def test_the_units_of_the_covariates_do_not_matter():
    outcome, treated, design = people(seed=3)
    e = fit_propensity(treated, design).probability
    plain, scaled = (
        weighted_risks(
            outcome, treated, estimated_propensity(treated, e, columns), Estimand.ATO
        ).influence_comparator
        for columns in (design, design * [1, 1e6, 1e-6])
    )
    assert scaled == pytest.approx(plain, rel=1e-8, abs=1e-15)


def test_a_row_of_weight_three_is_three_people():
    outcome, treated, design = people(seed=4, n=80)
    count = np.random.default_rng(5).integers(1, 4, outcome.size)
    copies = np.repeat(np.arange(outcome.size), count)
    e = fit_propensity(treated[copies], design[copies]).probability
    many = weighted_risks(
        outcome[copies],
        treated[copies],
        estimated_propensity(treated[copies], e, design[copies]),
        Estimand.ATE,
    )
    first = np.searchsorted(copies, np.arange(outcome.size))
    propensity = estimated_propensity(treated, e[first], design, count)
    few = weighted_risks(outcome, treated, propensity, Estimand.ATE, count)
    assert few.intervention == pytest.approx(many.intervention, rel=1e-12)
    assert few.influence_intervention == pytest.approx(
        np.bincount(copies, many.influence_intervention), rel=1e-9, abs=1e-14
    )
    # Three copies of a person are one cluster, and the standard error is the same too.
    assert uncertainty(few.influence_intervention, 0.95, np.arange(outcome.size)).std_error == (
        pytest.approx(uncertainty(many.influence_intervention, 0.95, copies).std_error, rel=1e-9)
    )


def test_a_person_of_weight_zero_is_nobody():
    outcome, treated, _ = people(seed=6)
    kept = np.arange(outcome.size) < 120
    assert unadjusted_risks(outcome, treated, kept).comparator == pytest.approx(
        unadjusted_risks(outcome[kept], treated[kept]).comparator, rel=1e-12
    )


# Refusals


@pytest.mark.parametrize(
    ("outcome", "treated", "message"),
    [
        ([1, 0, 1, 0], [True] * 4, "the comparator arm is empty"),
        ([1, 0, 1, 0], [False] * 4, "the intervention arm is empty"),
        ([1, 0, 1, 1], [True, True, False, False], "all 2 people of the comparator arm have the"),
        ([1, np.nan, 1, 0], [True, True, False, False], "1 outcomes are missing"),
    ],
)
def test_arms_that_cannot_be_compared_are_refused(outcome, treated, message):
    with pytest.raises(CohortError, match=message):
        unadjusted_risks(outcome, treated)


def test_negative_weights_are_refused():
    with pytest.raises(CohortError, match="a weight is negative"):
        unadjusted_risks([1, 0, 1, 0], [1, 1, 0, 0], [1, 1, -1, 1])


def test_a_person_who_would_be_the_whole_arm_is_refused():
    treated = np.array([1, 1, 1, 1, 0, 0, 0, 0], bool)
    exploding = known_propensity([0.001, *[0.5] * 7])
    with pytest.raises(PositivityError, match=r"one person carries 99% of the weight of the inter"):
        weighted_risks([1, 0, 1, 0] * 2, treated, exploding, Estimand.ATE)
    assert weighted_risks([1, 0, 1, 0] * 2, treated, exploding, Estimand.ATO).comparator > 0


@pytest.mark.parametrize("probability", [0.0, 1.0, np.nan])
def test_a_propensity_of_0_or_1_is_refused(probability):
    with pytest.raises(PositivityError, match="could only enter one arm"):
        known_propensity([0.5, probability])
    with pytest.raises(PositivityError, match="could only enter one arm"):
        estimated_propensity([True, False], [0.5, probability], np.ones((2, 1)))


def test_the_overlap_population_needs_a_propensity_score():
    with pytest.raises(PositivityError, match="population of the ATO is made of propensity scores"):
        target_population(np.array([True, False]), None, Estimand.ATO, np.ones(2))
