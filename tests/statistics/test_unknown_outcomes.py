"""AIPW, TMLE and the g-formula where some outcomes are not known: those people still count."""

import numpy as np
import pytest
from scipy.special import expit

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.doubly_robust import augmented_risks, standardized_risks
from iop_outcomes.statistics.effects.outcome_models import Link, fit_outcome_models, fit_regression
from iop_outcomes.statistics.effects.outcome_models import predict as predicted_by
from iop_outcomes.statistics.effects.risks import estimated_propensity
from iop_outcomes.statistics.effects.targeted import targeted_risks
from iop_outcomes.vocabulary import Estimand

METHODS = ["g-formula", "AIPW", "TMLE"]
POPULATIONS = [Estimand.ATE, Estimand.ATT, Estimand.ATC, Estimand.ATO]


def people(seed, n=150, known_share=(1.0, 0.7)):
    """Outcomes of the comparator arm, the second share, are known less often."""
    rng = np.random.default_rng(seed)
    design = np.column_stack([np.ones(n), rng.normal(size=n), rng.random(n) < 0.4])
    treated = rng.random(n) < expit(design @ [-0.2, 0.6, 0.5])
    outcome = (rng.random(n) < expit(design @ [-0.3, 0.7, -0.5] + 0.4 * treated)).astype(float)
    known = rng.random(n) < np.where(treated, *known_share)
    return outcome, treated, design, known


def models(outcome, treated, design, weight, seen, terms=slice(None)):
    fit = fit_regression(treated, design, Link.LOGIT, weight)
    e = predicted_by(design, fit.coefficients, Link.LOGIT).value
    return estimated_propensity(treated, e, design, weight), fit_outcome_models(
        outcome, treated, design[:, terms], Link.LOGIT, weight=seen
    )


def estimate(method, estimand, outcome, treated, design, known, weight, terms=slice(None)):
    """Risks by any method, everything fitted with the weight; outcome models on some terms."""
    propensity, predicted = models(
        np.where(known, outcome, 0), treated, design, weight, weight * known, terms
    )
    seen = np.where(known, outcome, np.nan)  # whatever stands there is not read
    if method == "g-formula":
        return standardized_risks(
            treated, predicted, estimand, propensity=propensity, weight=weight
        )
    if method == "TMLE":
        return targeted_risks(
            seen, treated, propensity, predicted, estimand, weight=weight, known=known
        )
    return augmented_risks(
        seen, treated, propensity, predicted, estimand,
        weight=weight, known=known, normalised=True,
    )  # fmt: skip


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("estimand", POPULATIONS)
def test_an_influence_is_what_the_estimate_gains_when_a_person_counts_more(method, estimand):
    """Every model fitted again, for people whose outcome is known and others'."""
    data = people(seed=1)
    known, one = data[-1], np.ones(data[0].size)
    risks = estimate(method, estimand, *data, one)
    for person in (*np.flatnonzero(~known)[:3], *np.flatnonzero(known)[:3]):
        step = np.zeros(known.size)
        step[person] = 1e-5
        more, less = (estimate(method, estimand, *data, 1 + sign * step) for sign in (1, -1))
        for arm in ("intervention", "comparator"):
            gained = (getattr(more, arm) - getattr(less, arm)) / 2e-5
            found = getattr(risks, f"influence_{arm}")[person]
            assert found == pytest.approx(gained, rel=1e-5, abs=1e-8)


@pytest.mark.parametrize("method", ["AIPW", "TMLE"])
def test_where_everyone_is_known_nothing_changes(method):
    outcome, treated, design, known = people(seed=2, known_share=(1.0, 1.0))
    one = np.ones(known.size)
    told = estimate(method, Estimand.ATE, outcome, treated, design, known, one)
    propensity, predicted = models(outcome, treated, design, one, one)
    given = (outcome, treated, propensity, predicted, Estimand.ATE)
    untold = {
        "AIPW": lambda: augmented_risks(*given, normalised=True),
        "TMLE": lambda: targeted_risks(*given),
    }[method]()
    assert told.comparator == untold.comparator
    assert (told.influence_comparator == untold.influence_comparator).all()


@pytest.mark.parametrize("method", ["AIPW", "TMLE"])
def test_a_good_propensity_score_saves_a_poor_outcome_model_though_an_arm_is_known_less(method):
    """Outcomes of six in ten of one arm are known, by chance; the outcome model has no covariates.

    The truth is the mean of everyone's risk under the comparator, 200,000 people.
    """
    outcome, treated, design, known = people(3, 200_000, known_share=(1.0, 0.6))
    truth = expit(design @ [-0.3, 0.7, -0.5]).mean()
    one = np.ones(known.size)
    found = estimate(method, Estimand.ATE, outcome, treated, design, known, one, terms=slice(0, 1))
    error = np.sqrt(np.sum(found.influence_comparator**2))
    assert abs(found.comparator - truth) < 3 * error < 0.01
    # The model without covariates alone is far off.
    alone = estimate(
        "g-formula", Estimand.ATE, outcome, treated, design, known, one, terms=slice(0, 1)
    )
    assert abs(alone.comparator - truth) > 10 * error


def test_an_arm_of_whom_nothing_is_known_is_refused():
    outcome, treated, design, known = people(seed=4)
    one = np.ones(known.size)
    propensity, predicted = models(outcome, treated, design, one, one)
    with pytest.raises(CohortError, match="comparator arm is empty"):
        augmented_risks(outcome, treated, propensity, predicted, Estimand.ATE, known=treated)
