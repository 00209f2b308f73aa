"""Estimators beside the weighted one: g-computation, AIPW and TMLE.

All three predict everyone's outcome under both arms, from a model fitted in each arm to the people
whose outcome is known, and average over the population of the estimand: everyone in the cohort
counts in it, whether their own outcome is known or not.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import ArmsAtRisk
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.errors import CohortError, StudyError
from iop_outcomes.protocol.analysis_plan import Estimator
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.statistics.effects.doubly_robust import augmented_risks, standardized_risks
from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    PredictedOutcomes,
    fit_outcome_models,
)
from iop_outcomes.statistics.effects.risks import Risks
from iop_outcomes.statistics.effects.targeted import targeted_risks
from iop_outcomes.statistics.survival.curves import (
    EVENT,
    RiskSets,
    incidence_curve,
    incidence_derivative,
)
from iop_outcomes.statistics.survival.pseudo_observations import pseudo_observations
from iop_outcomes.vocabulary import Arm, Estimand, Method

METHOD = {
    Estimator.G_COMPUTATION: Method.G_COMPUTATION,
    Estimator.AIPW: Method.AIPW,
    Estimator.TMLE: Method.TMLE,
}
WHERE = "protocol.analysis.estimators"


@dataclass(frozen=True)
class OutcomeValues:
    """Each person's outcome as one number.

    Attributes
    ----------
    value
        1 for the event by the horizon and 0 without, or pseudo-observations of it; 0 where it is
        not known. Shape (people,).
    known
        True where it is known. Shape (people,).
    pseudo
        Whether someone was censored before the horizon, so that these are pseudo-observations.
    """

    value: NDArray
    known: NDArray
    pseudo: bool

    @property
    def link(self) -> Link:
        """Pseudo-observations leave 0 to 1, which a logistic model cannot."""
        return Link.IDENTITY if self.pseudo else Link.LOGIT


def outcome_values(arms: ArmsAtRisk) -> OutcomeValues:
    """Outcomes at the horizon; where follow-up was censored before it, pseudo-observations.

    These are made within each arm, of its cumulative incidence at the horizon.
    """
    value, known = np.zeros(arms.everyone.size), np.zeros(arms.everyone.size, bool)
    pseudo = any(arms.counts(arm)["censored"] for arm in Arm)
    for arm, rows in arms.members.items():
        day, cause = arms.day[arm], arms.cause[arm]
        known[rows] = True
        if pseudo:
            value[rows] = pseudo_observations(_risk, incidence_derivative, day, cause, arms.horizon)
        else:
            value[rows] = (cause == EVENT) & (day <= arms.horizon)
    return OutcomeValues(value, known, pseudo)


def _risk(sets: RiskSets, until: float) -> float:
    return float(incidence_curve(sets).at(until))


@dataclass(frozen=True)
class ModelledRisks:
    """The risks of an outcome by an estimator that models it.

    Attributes
    ----------
    method
        The estimator.
    risks
        Of both arms, with one influence a person.
    se_method
        Where their standard errors come from.
    """

    method: Method
    risks: Risks
    se_method: str

    def risk(self, arm: Arm) -> float:
        """Risk of an arm."""
        return self.risks.intervention if arm is Arm.INTERVENTION else self.risks.comparator

    def influence(self, arm: Arm) -> NDArray:
        """Influence of everyone in the study on it. Shape (people,)."""
        if arm is Arm.INTERVENTION:
            return self.risks.influence_intervention
        return self.risks.influence_comparator


def modelled_risks(
    study: StudyArrays, outcome: Outcome, arms: ArmsAtRisk
) -> Iterator[ModelledRisks]:
    """Risks by every estimator of the protocol, in the order of `Estimator`.

    Parameters
    ----------
    arms
        Follow-up of the outcome by arm; its weights are not used.

    Raises
    ------
    CohortError, PositivityError
        An estimator cannot be used on this outcome; names both.
    """
    asked = [each for each in Estimator if each in study.protocol.analysis.estimators]
    if not asked:
        return
    values = outcome_values(arms)
    with said_of(f"the outcome model of {outcome.name}"):
        predicted = fit_outcome_models(
            values.value,
            study.entry.treated,
            study.outcome_columns,
            values.link,
            weight=values.known.astype(float),
        )
    for estimator in asked:
        with said_of(f"{estimator} of {outcome.name}"):
            risks = estimated_risks(estimator, study, values, predicted)
            _require_risks(risks)
        yield ModelledRisks(METHOD[estimator], risks, _se_method(values))


@contextmanager
def said_of(what: str) -> Iterator[None]:
    """Say in every complaint what was being estimated."""
    try:
        yield
    except StudyError as error:
        raise type(error)(f"{WHERE}: {what}: {error}") from None


def estimated_risks(
    estimator: Estimator, study: StudyArrays, values: OutcomeValues, predicted: PredictedOutcomes
) -> Risks:
    """Risks, or mean scores, of both arms by one estimator."""
    treated, estimand = study.entry.treated, study.protocol.estimand
    if estimator is Estimator.G_COMPUTATION:
        seen = estimand in (Estimand.ATE, Estimand.ATT, Estimand.ATC)
        propensity = None if seen else study.propensity
        return standardized_risks(treated, predicted, estimand, propensity=propensity)
    given = (values.value, treated, study.propensity, predicted, estimand)
    if estimator is Estimator.TMLE:
        if values.pseudo:
            raise CohortError(
                "some people were censored before the horizon, and pseudo-observations leave the "
                "range of 0 to 1 that its fluctuation needs; take aipw, or an earlier horizon"
            )
        return targeted_risks(*given, known=values.known)
    # Undivided by its own weights, a sum over those whose outcome is known would be too small.
    return augmented_risks(*given, known=values.known, normalised=not values.known.all())


def _require_risks(risks: Risks) -> None:
    if not all(-1e-12 < risk < 1 + 1e-12 for risk in (risks.intervention, risks.comparator)):
        raise CohortError(
            "it puts the risk of an arm outside 0 to 1; leave it out, name fewer terms in "
            "protocol.analysis.outcome_model, or narrow eligibility"
        )


def _se_method(values: OutcomeValues) -> str:
    base = "stacked estimating equations"
    return f"{base}, pseudo-observations taken as data" if values.pseudo else base
