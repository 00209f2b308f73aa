"""Weights for being lost and for never being seen: by hand, and their part in standard errors."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.survival.curves import incidence_derivative
from iop_outcomes.statistics.survival.loss_to_follow_up import (
    fit_losses,
    loss_weights,
)
from iop_outcomes.statistics.survival.multiplied_weights import followed_under
from iop_outcomes.statistics.survival.unknown_outcomes import known_weights

HORIZON = 20


def people(count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Day, cause and covariates of some people; of some of them nothing is known."""
    draw = np.random.default_rng(11)
    illness = draw.normal(size=count)
    event = np.ceil(draw.exponential(1 / (0.04 * np.exp(0.6 * illness))))
    lost = np.ceil(draw.exponential(1 / (0.03 * np.exp(0.6 * illness))))
    known = draw.random(count) < expit(1.5 - illness)
    day = np.where(known, np.minimum(np.minimum(event, lost), 30), np.nan)
    return day, (event <= lost).astype(int), np.column_stack([np.ones(count), illness])


@pytest.fixture(scope="module")
def followed():
    return people(400)


def under_both(day, cause, design, edges=None, **asked):
    """Follow-up weighted for being known and for being lost."""
    known = known_weights(np.isfinite(day), design, **asked)
    model = fit_losses(day, cause, design, HORIZON, edges=edges)
    return followed_under([known, loss_weights(model, HORIZON, **asked)], day, cause), model


def test_a_share_of_days_is_the_daily_probability():
    """One step and no covariate: 2 losses on 2 + 3 + 4 + 4 days on which people could be lost."""
    model = fit_losses([1, 2, 4, 9], [0, 0, 0, 1], np.ones((4, 1)), 4, edges=np.zeros(1))
    assert model.probability[:, 0] == pytest.approx([2 / 13] * 4, rel=1e-9)
    assert model.share_staying == pytest.approx([1, 1, 3 / 4, 1 / 2, 1 / 2])


def test_events_come_before_losses_on_a_day():
    """Of two on day 1, one has the event: only the other could be lost on that day."""
    model = fit_losses([1, 1, 3, 3], [0, 1, 0, 0], np.ones((4, 1)), 3, edges=np.array([1.0]))
    assert model.share_staying == pytest.approx([1, 1, 2 / 3, 2 / 3])
    assert model.probability[:, 0] == pytest.approx([1 / 5] * 4, rel=1e-9)


def test_weights_make_up_for_those_lost():
    """No covariate, a step for each day: the weighted curve is the product-limit one."""
    day, cause = np.array([1.0, 2, 2, 3, 4, 4]), np.array([0, 1, 0, 1, 0, 0])
    model = fit_losses(day, cause, np.ones((6, 1)), 4, edges=np.array([1.0, 2.0]))
    plain = followed_under([], day, cause)
    assert followed_under([loss_weights(model, 4)], day, cause).risk(4) == pytest.approx(
        plain.risk(4), rel=1e-12
    )


def test_a_person_not_of_the_arm_weighs_nothing_and_moves_nothing(followed):
    day, cause, design = followed
    some = np.arange(day.size) % 2 == 0
    model = fit_losses(day, cause, design, HORIZON, some)
    alone = fit_losses(day[some], cause[some], design[some], HORIZON)
    assert model.probability[some] == pytest.approx(alone.probability, rel=1e-9)
    assert not model.influence_on_model[~some].any()


@pytest.mark.parametrize("asked", [{}, {"stabilised": False}], ids=str)
def test_the_influence_of_a_person_is_what_leaving_them_out_changes(asked):
    """Every model fitted again without each of 25 of 4,000 people; what is left is of order 1/n."""
    day, cause, design = people(4000)
    whole, model = under_both(day, cause, design, **asked)
    influence = whole.influence(incidence_derivative, HORIZON)
    some = np.arange(0, day.size, 160)
    changes = []
    for person in some:
        rest = np.arange(day.size) != person
        part, _ = under_both(day[rest], cause[rest], design[rest], model.edges[:-1], **asked)
        changes.append(whole.risk(HORIZON) - part.risk(HORIZON))
    assert influence[some] == pytest.approx(changes, abs=0.02 * np.abs(changes).max())
    known = replace(whole, factors=(), columns=()).influence(incidence_derivative, HORIZON)
    assert np.abs(known[some] - changes).max() > 0.1 * np.abs(changes).max(), "models matter"


def test_a_capped_weight_no_longer_moves(followed):
    day, cause, design = followed
    model = fit_losses(day, cause, design, HORIZON)
    weights = loss_weights(model, HORIZON, truncate=1.1)
    assert weights.weight.max() == 1.1 < weights.stabilised.max()
    capped = weights.stabilised > 1.1
    assert not weights.of_the_model(capped.astype(float)).any()
    known = known_weights(np.isfinite(day), design, truncate=1.05)
    assert known.weight.max() == 1.05 < known.stabilised.max()


def test_covariates_that_follow_from_others_are_left_out(followed):
    day, cause, design = followed
    twice = np.column_stack([design, 2 * design[:, 1]])
    once, again = (fit_losses(day, cause, each, HORIZON).probability for each in (design, twice))
    assert again == pytest.approx(once, rel=1e-9)


def test_what_cannot_be_fitted_is_refused(followed):
    day, _, design = followed
    gone = np.where(np.arange(day.size) < 1, 5.0, 30.0)
    with pytest.raises(CohortError, match=r"fewer people were lost \(1\) than .* columns \(2\)"):
        fit_losses(gone, np.zeros(day.size), design, HORIZON)
    with pytest.raises(CohortError, match=r"fewer outcomes are unknown \(1\) than"):
        known_weights(np.arange(day.size) > 0, design)
    tells = np.column_stack([np.ones(day.size), np.arange(day.size) < 40])
    with pytest.raises(PositivityError, match="tell exactly who stays"):
        known_weights(np.arange(day.size) >= 40, tells)
