"""Contrasts of two risks: by hand, against statsmodels, and Altman's numbers needed to treat."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.proportion import confint_proportions_2indep

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.effect_measures import (
    Scale,
    absolute_risk,
    number_needed_to_treat,
    odds_ratio,
    risk_difference,
    risk_ratio,
)
from iop_outcomes.statistics.effects.risks import Risks
from iop_outcomes.statistics.effects.weighted_risks import unadjusted_risks
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.survival.curves import (
    cumulative_incidence,
    incidence_derivative,
    risk_sets,
)
from iop_outcomes.vocabulary import Direction

laws = settings(derandomize=True, deadline=None, max_examples=100)
persons = partial(uncertainty, confidence_level=0.95)


def counted(events, people, events_0, people_0):
    outcome = np.repeat([1, 0, 1, 0], [events, people - events, events_0, people_0 - events_0])
    return unadjusted_risks(outcome, np.arange(people + people_0) < people)


RISKS = counted(56, 70, 48, 80)


def test_the_difference_agrees_with_statsmodels():
    """56/70 against 48/80 (Newcombe 1998); confint_proportions_2indep, method 'wald'."""
    found = risk_difference(RISKS, persons)
    assert (found.estimate, found.scale) == (pytest.approx(0.2), Scale.IDENTITY)
    assert (found.lower, found.upper) == pytest.approx(
        confint_proportions_2indep(56, 70, 48, 80, method="wald"), rel=1e-9
    )


def test_the_ratio_agrees_with_statsmodels():
    """confint_proportions_2indep, compare 'ratio', method 'log': Katz."""
    found = risk_ratio(RISKS, persons)
    assert found.estimate == pytest.approx(4 / 3)
    assert (found.lower, found.upper) == pytest.approx((1.076626423, 1.651248511), rel=1e-8)
    theirs = confint_proportions_2indep(56, 70, 48, 80, compare="ratio", method="log")
    assert (found.lower, found.upper) == pytest.approx(theirs, rel=1e-9)


def test_the_odds_ratio_agrees_with_statsmodels():
    """confint_proportions_2indep, compare 'odds-ratio', method 'logit': Woolf."""
    found = odds_ratio(RISKS, persons)
    assert found.std_error == pytest.approx(np.sqrt(1 / 56 + 1 / 14 + 1 / 48 + 1 / 32), rel=1e-9)
    theirs = confint_proportions_2indep(56, 70, 48, 80, compare="odds-ratio", method="logit")
    assert (found.lower, found.upper) == pytest.approx(theirs, rel=1e-9)


def test_logit_limits_of_a_risk_by_hand():
    """56 of 70: the log odds log(56/14), its variance 1/56 + 1/14."""
    found = absolute_risk(RISKS.intervention, RISKS.influence_intervention, persons)
    half = stats.norm.ppf(0.975) * np.sqrt(1 / 56 + 1 / 14)
    odds = 4 * np.exp([-half, half])
    assert (found.lower, found.upper) == pytest.approx(odds / (1 + odds), rel=1e-9)


def test_complementary_log_log_limits_are_the_log_log_limits_of_kaplan_meier():
    """By hand: log(-log S) with Greenwood's error over |log S|."""
    day, event = np.array([1, 2, 2, 3, 4, 5, 6, 7]), np.array([1, 1, 0, 1, 0, 1, 0, 1])
    risk = float(cumulative_incidence(day, event).at(5))
    derivative = incidence_derivative(risk_sets(day, event), 5)
    found = absolute_risk(risk, derivative, persons, Scale.CLOGLOG)
    survival = 1 - risk
    half = 1.959963984540054 * np.sqrt(np.sum(derivative**2)) / (survival * -np.log(survival))
    limits = 1 - survival ** np.exp([-half, half])
    assert (found.lower, found.upper) == pytest.approx(limits, rel=1e-9)


def test_a_mean_is_not_confined():
    found = absolute_risk(-3.0, np.array([0.5, -0.5]), persons, Scale.IDENTITY)
    assert (found.lower + found.upper) / 2 == pytest.approx(-3.0)
    assert absolute_risk(40.0, np.array([1.0, -1.0]), persons, Scale.IDENTITY).upper > 40


@laws
@given(st.integers(1, 49), st.sampled_from([Scale.LOGIT, Scale.CLOGLOG]))
def test_limits_of_a_risk_lie_between_0_and_1_and_about_it(events, scale):
    risks = counted(events, 50, 10, 20)
    found = absolute_risk(risks.intervention, risks.influence_intervention, persons, scale)
    assert 0 < found.lower < found.estimate < found.upper < 1


@laws
@given(st.integers(1, 39), st.integers(1, 29))
def test_relabelling_the_arms_turns_every_measure_round(events, events_0):
    here, there = counted(events, 40, events_0, 30), counted(events_0, 30, events, 40)
    assert risk_difference(there, persons).lower == pytest.approx(
        -risk_difference(here, persons).upper, abs=1e-12
    )
    for measure in (risk_ratio, odds_ratio):
        assert measure(there, persons).lower == pytest.approx(1 / measure(here, persons).upper)


def test_clusters_widen_and_name_the_interval():
    by_site = partial(uncertainty, confidence_level=0.95, cluster=np.arange(150) % 7)
    found = risk_difference(RISKS, by_site)
    assert found.spread.se_method == "CR1, t(6)"
    assert risk_difference(RISKS, persons).spread.se_method == "sandwich, normal"
    assert found.upper - found.estimate == pytest.approx(stats.t.ppf(0.975, 6) * found.std_error)


# Numbers needed to treat


@pytest.mark.parametrize(
    ("limits", "better", "phrase"),
    [
        ((-0.10, -0.20, -0.05), Direction.LOWER, "NNTB 10 (NNTB 20 to NNTB 5)"),
        ((0.10, 0.05, 0.20), Direction.LOWER, "NNTH 10 (NNTH 5 to NNTH 20)"),
        ((0.10, 0.05, 0.20), Direction.HIGHER, "NNTB 10 (NNTB 20 to NNTB 5)"),
        # Altman's example of an interval through infinity: ARR 10%, -5% to 25%.
        ((0.10, -0.05, 0.25), Direction.HIGHER, "NNTB 10 (NNTH 20 to infinity to NNTB 4)"),
        ((-0.10, -0.25, 0.05), Direction.HIGHER, "NNTH 10 (NNTH 4 to infinity to NNTB 20)"),
        ((0.0, -0.1, 0.1), Direction.LOWER, "NNTB infinity (NNTH 10 to infinity to NNTB 10)"),
        ((-0.3, -0.4, -0.21), Direction.LOWER, "NNTB 4 (NNTB 5 to NNTB 3)"),  # rounded up
    ],
)
def test_numbers_needed_to_treat_as_altman_writes_them(limits, better, phrase):
    assert number_needed_to_treat(*limits, better).phrase() == phrase


@laws
@given(st.floats(-0.5, 0.5), st.floats(0.001, 0.4))
def test_the_number_needed_covers_what_its_difference_covers(difference, half):
    found = number_needed_to_treat(
        difference, difference - half, difference + half, Direction.LOWER
    )
    assert found.through_infinity == (abs(difference) < half)
    assert found.beneficial == (difference <= 0)
    worst, best = (1 / n if good else -1 / n for n, good in found.limits)
    assert (worst, best) == pytest.approx((-difference - half, -difference + half), abs=1e-12)


# Refusals


def risks_of(one, other):
    return Risks(one, other, np.array([0.1, -0.1]), np.array([0.1, -0.1]))


@pytest.mark.parametrize("risk", [0.0, 1.0, -0.02, 1.01])
def test_a_risk_at_or_beyond_its_end_has_no_limits(risk):
    with pytest.raises(CohortError, match=r"has no logit limits.*TMLE"):
        absolute_risk(risk, np.array([0.1, -0.1]), persons)


def test_ratios_of_nothing_are_refused():
    with pytest.raises(CohortError, match="have no ratio"):
        risk_ratio(risks_of(0.2, 0.0), persons)
    with pytest.raises(CohortError, match="have no odds ratio"):
        odds_ratio(risks_of(1.0, 0.5), persons)


def test_one_cluster_is_refused():
    alone = partial(uncertainty, confidence_level=0.95, cluster=["A", "A"])
    with pytest.raises(CohortError, match="one cluster"):
        risk_difference(risks_of(0.2, 0.1), alone)
