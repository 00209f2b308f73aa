"""Targeted minimum loss estimation: by hand, by law, at the edge."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.outcome_models import Link, fit_outcome_models, known_outcomes
from iop_outcomes.statistics.effects.risks import estimated_propensity, known_propensity
from iop_outcomes.statistics.effects.targeted import fluctuation, targeted_risks
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.vocabulary import Estimand

laws = settings(derandomize=True, deadline=None, max_examples=50)


def people(seed, n=150):
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=n), rng.random(n) < 0.4])
    treated = rng.random(n) < expit(design @ [-0.2, 0.6, 0.5])
    outcome = (rng.random(n) < expit(design @ [-0.3, 0.7, -0.5] + 0.4 * treated)).astype(float)
    return outcome, treated, design


def test_by_hand_where_all_predictions_of_an_arm_are_one_number():
    """The shift carries it to the weighted mean: outcomes 1, 0, 0 weighted 4, 2, 2 give 1/2."""
    treated = np.array([1, 1, 1, 0, 0], bool)
    e = known_propensity([0.25, 0.5, 0.5, 0.5, 0.5])
    flat = known_outcomes([0.2] * 5, [0.9] * 5)
    risks = targeted_risks([1, 0, 0, 1, 0], treated, e, flat, Estimand.ATE)
    assert risks.intervention == pytest.approx(0.5, rel=1e-12)
    assert risks.comparator == pytest.approx(0.5, rel=1e-12)


@laws
@given(st.integers(0, 10_000))
def test_after_the_shift_the_weighted_residuals_sum_to_zero(seed):
    rng = np.random.default_rng(seed)
    outcome, weight = (rng.random(30) < 0.4).astype(float), rng.uniform(0.1, 5, 30)
    outcome[:2] = 0, 1
    predicted = expit(rng.normal(0, 3, 30))
    shift = fluctuation(outcome, predicted, weight)
    residual = outcome - expit(logit(predicted) + shift)
    assert weight @ residual == pytest.approx(0, abs=1e-9)


@laws
@given(
    st.integers(0, 10_000),
    st.floats(1e-12, 1 - 1e-12),
    st.sampled_from([Estimand.ATE, Estimand.ATT, Estimand.ATC, Estimand.ATO, Estimand.ATM]),
)
def test_risks_stay_between_0_and_1_whatever_is_predicted(seed, certainty, estimand):
    """Predictions from a learner gone wild: certain, nearly certain, and undecided."""
    rng = np.random.default_rng(seed)
    n = 60
    treated, outcome = np.arange(n) % 3 == 0, (np.arange(n) % 4 == 0).astype(float)
    wild = known_outcomes(*rng.choice([0.0, 1.0, certainty, 0.5], size=(2, n)))
    e = known_propensity(rng.uniform(0.1, 0.9, n))
    risks = targeted_risks(outcome, treated, e, wild, estimand)
    for risk in (risks.intervention, risks.comparator):
        assert 0 <= risk <= 1
    assert np.isfinite(risks.influence_intervention).all()


def test_a_bounded_outcome_keeps_its_units():
    """Days abstinent, of 30: the same estimate in days and in shares."""
    share, treated, design = people(seed=1)
    rng = np.random.default_rng(2)
    share = np.clip(0.8 * share + rng.uniform(0, 0.2, share.size), 0, 1)
    e = estimated_propensity(treated, fit_propensity(treated, design).probability, design)
    days, shares = (
        targeted_risks(
            share * most, treated, e,
            fit_outcome_models(share * most, treated, design, Link.IDENTITY), Estimand.ATT,
            bounds=(0, most),
        )
        for most in (30.0, 1.0)
    )  # fmt: skip
    assert days.comparator == pytest.approx(30 * shares.comparator, rel=1e-9)
    assert days.influence_comparator == pytest.approx(
        30 * shares.influence_comparator, rel=1e-7, abs=1e-12
    )


def test_predictions_that_need_no_shift_are_averaged_as_they_are():
    """One model an arm fitted with the balancing weights: the score of its intercept is the
    fluctuation's, so it is solved already.
    """
    outcome, treated, design = people(seed=3)
    e = fit_propensity(treated, design).probability
    weight = np.where(treated, 1 / e, 1 / (1 - e))
    predicted = fit_outcome_models(outcome, treated, design, Link.LOGIT, weight=weight)
    risks = targeted_risks(outcome, treated, known_propensity(e), predicted, Estimand.ATE)
    assert risks.intervention == pytest.approx(predicted.intervention.value.mean(), rel=1e-9)


def test_outcomes_outside_the_bounds_are_refused():
    outcome, treated, _ = people(seed=4)
    half = known_propensity(np.full(outcome.size, 0.5))
    flat = known_outcomes(np.full(outcome.size, 0.5), np.full(outcome.size, 0.5))
    with pytest.raises(CohortError, match="some outcomes lie outside 0 to 1"):
        targeted_risks(outcome * 2, treated, half, flat, Estimand.ATE)
