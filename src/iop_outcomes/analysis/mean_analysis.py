"""One outcome that is a number, under one method: means of both arms and their difference."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.estimates import Estimate
from iop_outcomes.analysis.estimators import (
    METHOD,
    ModelledRisks,
    OutcomeValues,
    estimated_risks,
    said_of,
)
from iop_outcomes.analysis.outcome_analysis import OutcomeAnalysis
from iop_outcomes.analysis.precision import errors_of_main
from iop_outcomes.analysis.readings import ArmNumbers, numbers_of
from iop_outcomes.analysis.scored_arms import ScoredArms, scored_arms
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.protocol.analysis_plan import Estimator
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    PredictedOutcomes,
    fit_outcome_models,
)
from iop_outcomes.statistics.effects.risks import Estimated, Risks
from iop_outcomes.statistics.effects.targeted import targeted_risks
from iop_outcomes.vocabulary import Arm, Measure, Method

MEANS = {
    **dict.fromkeys(("outcome", "method", "arm"), "str"),
    **dict.fromkeys(("people", "missing"), "int64"),
    **dict.fromkeys(("mean", "standard_deviation", "std_error"), "float64"),
    "smallest_cell": "int64",
}
OF_ARM = {Arm.INTERVENTION: Measure.MEAN_INTERVENTION, Arm.COMPARATOR: Measure.MEAN_COMPARATOR}


def mean_analyses(
    study: StudyArrays, without: Sequence[Mapping[str, "KnownMeans"]] = ()
) -> Iterator["MeanAnalysis"]:
    """Every outcome of the protocol that is a number, under every method.

    Parameters
    ----------
    without
        The weighted means without each cluster, by outcome, for the jackknife.
    """
    for outcome in study.protocol.score_outcomes:
        score, entry = study.scores(outcome), study.entry
        as_enrolled = scored_arms(score, entry.treated, np.ones(len(score)), outcome)
        weighted = scored_arms(score, entry.treated, entry.weight, outcome, entry.estimated)
        study.require_clusters(as_enrolled.members.values(), f"protocol.outcomes.{outcome.name}")
        yield MeanAnalysis(study, outcome, Method.UNADJUSTED, as_enrolled)
        for modelled in modelled_means(study, outcome, score.to_numpy(float)):
            plain = modelled.method is Method.G_COMPUTATION  # everyone counts once in its models
            arms = as_enrolled if plain else weighted
            yield MeanAnalysis(study, outcome, modelled.method, arms, modelled)
        errors = errors_of_main(study, weighted, [means[outcome.name] for means in without])
        yield MeanAnalysis(study, outcome, Method.IPTW, weighted, errors=errors)


@dataclass(frozen=True)
class KnownMeans:
    """Weighted means of both arms, without the people they are of."""

    of_arm: dict[Arm, float]

    def mean(self, arm: Arm) -> float:
        """Weighted mean score."""
        return self.of_arm[arm]


def means_without(study: StudyArrays) -> dict[str, KnownMeans]:
    """Weighted means of every outcome that is a number, by outcome."""
    return {
        analysis.outcome.name: KnownMeans({arm: analysis.arms.mean(arm) for arm in Arm})
        for analysis in mean_analyses(study)
        if analysis.method is Method.IPTW
    }


def means_table(analyses: Iterable["MeanAnalysis"]) -> pd.DataFrame:
    """`Comparison.means`, without a row if no outcome is a number."""
    rows = [row for analysis in analyses for row in analysis.arm_rows()]
    return pd.DataFrame(rows, columns=list(MEANS)).astype(MEANS)


@dataclass(frozen=True)
class MeanAnalysis(OutcomeAnalysis):
    """One outcome that is a number, under one method; its intervals are Wald's."""

    arms: ScoredArms

    def estimates(self) -> Iterator[Estimate]:
        """Means of both arms and their difference."""
        means = self._means()
        for arm, measure in OF_ARM.items():
            spread = self.precision(means.alone(arm))
            value = means.of_arm[arm]
            yield self._estimate(measure, value, spread, *spread.limits(value), [arm])
        yield self._difference(Measure.MEAN_DIFFERENCE, means)

    def _means(self) -> ArmNumbers:
        if self.modelled is not None:
            return self._risks()
        return numbers_of(
            self.arms, lambda arms, arm: arms.mean(arm), lambda arms, arm: arms.mean_influence(arm)
        )

    def arm_rows(self) -> Iterator[dict]:
        """People, mean and standard deviation by arm; nothing under the estimators beside."""
        means = self._means() if self.modelled is None else None
        for arm in Arm if means is not None else ():
            yield {
                "outcome": self.outcome.name,
                "method": str(self.method),
                "arm": str(arm),
                "people": self.arms.people(arm),
                "missing": self.arms.missing[arm],
                "mean": means.of_arm[arm],
                "standard_deviation": self.arms.standard_deviation(arm),
                "std_error": self.precision(means.alone(arm)).std_error,
                "smallest_cell": self.arms.smallest_cell(arm),
            }


def modelled_means(study: StudyArrays, outcome: Outcome, score: NDArray) -> Iterator[ModelledRisks]:
    """Mean scores by every estimator of the protocol, in the order of `Estimator`.

    The outcome models are linear; TMLE's are logistic on the share of the range that a score is,
    so that no prediction leaves it (Gruber & van der Laan 2010).

    Parameters
    ----------
    score
        Of everyone; nan where it is not known. Shape (people,).
    """
    known = ~np.isnan(score)
    values = OutcomeValues(np.where(known, score, 0.0), known, pseudo=False)
    for estimator in Estimator:
        if estimator not in study.protocol.analysis.estimators:
            continue
        with said_of(f"{estimator} of {outcome.name}"):
            if estimator is Estimator.TMLE:
                risks = _targeted(study, outcome, values)
            else:
                predicted = _predicted(study, values, values.value, Link.IDENTITY)
                risks = estimated_risks(estimator, study, values, predicted)
        yield ModelledRisks(METHOD[estimator], risks, "stacked estimating equations")


def _predicted(
    study: StudyArrays, values: OutcomeValues, score: NDArray, link: Link
) -> PredictedOutcomes:
    known = values.known.astype(float)
    return fit_outcome_models(score, study.entry.treated, study.outcome_columns, link, weight=known)


def _targeted(study: StudyArrays, outcome: Outcome, values: OutcomeValues) -> Risks:
    low, high = outcome.score.range
    share = np.where(values.known, (values.value - low) / (high - low), 0.0)
    found = _predicted(study, values, share, Link.LOGIT)
    sides = (
        Estimated(low + (high - low) * side.value, (high - low) * side.gradient)
        for side in (found.intervention, found.comparator)
    )
    return targeted_risks(
        values.value,
        study.entry.treated,
        study.propensity,
        PredictedOutcomes(*sides, found.influence),
        study.protocol.estimand,
        bounds=(low, high),
        known=values.known,
    )
