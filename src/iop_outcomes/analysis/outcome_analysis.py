"""One outcome under one method: what is estimated, counted and drawn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.adherence_weighting import arms_under_strategies
from iop_outcomes.analysis.arms import Arms, arms_at_risk
from iop_outcomes.analysis.censoring_weighting import arms_still_followed
from iop_outcomes.analysis.entry_weights import KNOWN
from iop_outcomes.analysis.estimates import AS_ENROLLED, Estimate, clustered_words, main_method
from iop_outcomes.analysis.estimators import ModelledRisks, modelled_risks
from iop_outcomes.analysis.hazards import Hazards, hazard_rows
from iop_outcomes.analysis.median_days import median_days
from iop_outcomes.analysis.no_spread import SAID, Limits, NoSpread
from iop_outcomes.analysis.precision import (
    ErrorsOf,
    Precision,
    errors_of_main,
    weights_as_known,
)
from iop_outcomes.analysis.readings import (
    ArmNumbers,
    Reading,
    days_free,
    days_lost,
    numbers_of,
    risk_by,
)
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.protocol.standard_errors import WeightsTakenAs
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.statistics.effects.effect_measures import Scale
from iop_outcomes.statistics.estimating_equations import Uncertainty, uncertainty
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.statistics.survival.curve_limits import Scale as RiskScale
from iop_outcomes.vocabulary import Arm, Measure, Method

NO_SPREAD = 1e-10  # of a standard error: what is left of sums that cancel
NO_MEDIAN = dict.fromkeys(("median_days", "median_low", "median_high"), np.nan)
WithoutCluster = dict[str, Arms]  # of the main method, by outcome


def outcome_analyses(
    study: StudyArrays, without: Sequence[WithoutCluster] = ()
) -> Iterator["OutcomeAnalysis"]:
    """Every outcome that happens or does not, under every method.

    Parameters
    ----------
    without
        The arms without each cluster, for the jackknife.
    """
    for outcome in study.protocol.risk_outcomes:
        yield from _by_method(study, outcome, [arms[outcome.name] for arms in without])


def _by_method(
    study: StudyArrays, outcome: Outcome, without: Sequence[Arms]
) -> Iterator["OutcomeAnalysis"]:
    ends, entry = study.ends(outcome), study.entry
    as_enrolled = arms_at_risk(ends, entry.treated, np.ones(len(ends)), outcome)
    weighted = _weighted(study, outcome, ends)
    study.require_clusters(as_enrolled.members.values(), f"protocol.outcomes.{outcome.name}")
    yield OutcomeAnalysis(study, outcome, Method.UNADJUSTED, as_enrolled)
    for modelled in modelled_risks(study, outcome, as_enrolled):
        plain = modelled.method is Method.G_COMPUTATION  # everyone counts once in its models
        arms = as_enrolled if plain else weighted
        yield OutcomeAnalysis(study, outcome, modelled.method, arms, modelled)
    strategies = study.protocol.strategies
    if strategies.kind is StrategyKind.INITIATE:
        errors = errors_of_main(study, weighted, without)
        yield OutcomeAnalysis(study, outcome, Method.IPTW, weighted, errors=errors)
    else:
        yield OutcomeAnalysis(study, outcome, Method.IPTW, weighted)
        followed = study.arms_followed
        arms = arms_under_strategies(
            ends, followed, outcome, strategies, study.baseline, entry, study.censoring
        )
        if study.protocol.analysis.standard_errors.weights is WeightsTakenAs.KNOWN:
            arms = weights_as_known(arms)
        errors = errors_of_main(study, arms, without)
        yield OutcomeAnalysis(study, outcome, Method.PER_PROTOCOL, arms, errors=errors)


def _weighted(study: StudyArrays, outcome: Outcome, ends: pd.DataFrame) -> Arms:
    entry = study.entry
    if study.censoring is None:
        return arms_at_risk(ends, entry.treated, entry.weight, outcome, entry.estimated)
    arms = arms_still_followed(ends, outcome, entry, study.censoring)
    known = study.protocol.analysis.standard_errors.weights is WeightsTakenAs.KNOWN
    return weights_as_known(arms) if known else arms


@dataclass(frozen=True)
class OutcomeAnalysis:
    """One outcome under one method: estimates, counts and curves."""

    study: StudyArrays
    outcome: Outcome
    method: Method
    arms: Arms
    modelled: ModelledRisks | None = None  # of estimators beside, which read no curves
    errors: ErrorsOf | None = None  # None: influences summed, within clusters where they are named

    def spread(self, influences: NDArray) -> tuple[NDArray, NDArray | None]:
        """Influences of those it is about, and within what they are summed; see `EntryWeights`."""
        if self.method is Method.IPTW:
            return self.study.entry.spread(influences, self.study.cluster)
        return influences, self.study.cluster

    def precision(self, reading: Reading) -> Precision:
        """Standard error and limits of a number, as the protocol asks for them."""
        if self.errors is not None:
            return self.errors(reading)
        return self._summed(reading.change)

    def _summed(self, influences: NDArray) -> Precision:
        spread = self.uncertainty(influences)
        return Precision(
            spread.std_error, spread.critical, spread.clusters, self._se_method(spread)
        )

    def uncertainty(self, influences: NDArray) -> Uncertainty:
        """Standard error and critical value from influences, summed within clusters."""
        level = self.study.protocol.analysis.confidence_level
        influences, cluster = self.spread(influences)
        return uncertainty(influences, level, cluster)

    @property
    def scale(self) -> RiskScale:
        """On which intervals of risks are made."""
        return RiskScale(str(self.study.protocol.analysis.risk_interval))

    @property
    def timed(self) -> bool:
        """Whether its days are read: not of outcomes at exit, nor by the estimators beside."""
        return self.outcome.horizon_days is not None and self.modelled is None

    @cached_property
    def hazards(self) -> Hazards | None:
        """Hazards of both arms; None if they are not asked for, or there are no days."""
        plan = self.study.protocol.analysis.hazards
        return Hazards(hazard_rows(self.arms), plan) if plan and self.timed else None

    def estimates(self) -> Iterator[Estimate]:
        """Risks of both arms and their contrasts, then days, then hazard ratios if asked for."""
        risks = self._risks()
        for arm, measure in (
            (Arm.INTERVENTION, Measure.RISK_INTERVENTION),
            (Arm.COMPARATOR, Measure.RISK_COMPARATOR),
        ):
            spread, limits = self._of_arm(risks, arm)
            yield self._estimate(measure, risks.of_arm[arm], spread, *limits, [arm])
        yield self.risk_difference(risks)
        for measure, scale in (
            (Measure.RISK_RATIO, Scale.LOG),
            (Measure.ODDS_RATIO, Scale.LOGIT),
        ):
            # Else the ratio or its logarithm is no number, or an arm's spread cannot be seen.
            if risks.have(scale) and not any(map(self._no_spread(risks).of, Arm)):
                yield from self._ratio(measure, risks.difference(scale))
        if self.timed:
            yield from self._days()
        for ratio in self.hazards.ratios() if self.hazards else ():
            if ratio.value is not None:
                yield from self._hazard_ratio(ratio.measure, ratio.value, ratio.influence)

    def risk_difference(self, risks: ArmNumbers | None = None) -> Estimate:
        """The number that verdicts are of."""
        risks = risks or self._risks()
        without = self._no_spread(risks)
        if not any(map(without.of, Arm)):
            return self._difference(Measure.RISK_DIFFERENCE, risks)
        reading = risks.difference()
        spread = self._said(self.precision(reading))
        limits = without.difference({arm: self._of_arm(risks, arm)[1] for arm in Arm})
        return self._estimate(Measure.RISK_DIFFERENCE, reading.value, spread, *limits)

    def _no_spread(self, risks: ArmNumbers) -> NoSpread:
        return NoSpread(risks, self.arms, self.study.protocol.analysis.confidence_level)

    def _said(self, spread: Precision) -> Precision:
        return replace(spread, se_method=f"{spread.se_method}, {SAID}")

    def _of_arm(self, risks: ArmNumbers, arm: Arm) -> tuple[Precision, Limits]:
        """Standard error and limits of the risk of an arm."""
        spread, without = self.precision(risks.alone(arm)), self._no_spread(risks)
        if without.of(arm):
            return self._said(spread), without.limits(arm)
        return spread, spread.risk_limits(risks.of_arm[arm], self.scale)

    def _risks(self) -> ArmNumbers:
        if self.modelled is None:
            return numbers_of(self.arms, *risk_by(self.arms.horizon))
        return ArmNumbers(
            of_arm={arm: self.modelled.risk(arm) for arm in Arm},
            influence={arm: self.modelled.influence(arm) for arm in Arm},
        )

    def _days(self) -> Iterator[Estimate]:
        """Mean days before the event, and lost to it: these and those add up to the horizon."""
        until = self.arms.horizon
        free, risks = numbers_of(self.arms, *days_free(until)), self._risks()
        if all(risks.of_arm.values()):
            found = self._difference(Measure.RMST_DIFFERENCE, free)
            yield from [found] if found.std_error > NO_SPREAD * until else []
        else:
            reading = free.difference()
            spread = {arm: self.precision(free.alone(arm)) for arm in Arm}
            limits = self._no_spread(risks).days(free, spread, until)
            about = self._said(self.precision(reading))
            yield self._estimate(Measure.RMST_DIFFERENCE, reading.value, about, *limits)
        lost = numbers_of(self.arms, *days_lost(until))
        if all(days > 1e-12 * until for days in lost.of_arm.values()):  # else it is no number
            yield from self._ratio(Measure.RMTL_RATIO, lost.difference(Scale.LOG))

    def _hazard_ratio(
        self, measure: Measure, logarithm: float, moved: NDArray
    ) -> Iterator[Estimate]:
        """Influences summed, whatever errors the protocol asks for: its `se_method` says so."""
        spread = self._summed(moved)
        ends = np.exp([logarithm, *spread.limits(logarithm)])
        if spread.std_error > NO_SPREAD:
            yield self._estimate(measure, ends[0], spread, ends[1], ends[2])

    def _ratio(self, measure: Measure, reading: Reading) -> Iterator[Estimate]:
        spread = self.precision(reading)
        # Without one of the clusters it may be no number; if all had it on one day nothing varies.
        if np.isfinite(spread.std_error) and spread.std_error > NO_SPREAD:
            value = reading.value
            low, high = spread.limits(value)
            yield self._estimate(measure, np.exp(value), spread, np.exp(low), np.exp(high))

    def _difference(self, measure: Measure, numbers: ArmNumbers) -> Estimate:
        reading = numbers.difference()
        spread = self.precision(reading)
        return self._estimate(measure, reading.value, spread, *spread.limits(reading.value))

    @property
    def estimand(self) -> str:
        """Whose effect it is."""
        unadjusted = self.method is Method.UNADJUSTED
        return AS_ENROLLED if unadjusted else self.study.protocol.estimand

    def _estimate(
        self,
        measure: Measure,
        value: float,
        spread: Precision,
        low: float,
        high: float,
        about: list[Arm] | None = None,
    ) -> Estimate:
        about = about or list(Arm)
        margin = self.study.protocol.noninferiority.get(self.outcome.name)
        main = self.method is main_method(self.study.protocol)
        judged = margin and measure is Measure.RISK_DIFFERENCE and main
        return Estimate(
            outcome=self.outcome.name,
            measure=measure,
            method=self.method,
            estimand=self.estimand,
            horizon_days=self.outcome.horizon_days,
            estimate=float(value),
            std_error=spread.std_error,
            conf_low=float(low),
            conf_high=float(high),
            se_method=spread.se_method,
            n=self.arms.people_in(about),
            effective_n=sum(self.arms.effective(arm) for arm in about),
            clusters=None if self.study.cluster is None else spread.clusters,
            verdict=noninferiority(low, high, margin.risk_difference, self.outcome.better)
            if judged
            else None,
            smallest_cell=min(self.arms.smallest_cell(arm) for arm in about),
            fewest_missing=min((n for n in map(self.arms.missing.get, about) if n), default=0),
        )

    def _se_method(self, spread: Uncertainty) -> str:
        entry, asked = self.study.entry, self.study.protocol.analysis.standard_errors.weights
        known = asked is WeightsTakenAs.KNOWN
        base = {
            Method.UNADJUSTED: "influence function",
            Method.PER_PROTOCOL: KNOWN if known else entry.se_method_followed,
        }.get(self.method, entry.se_method)
        if self.study.censoring is not None and self.method is Method.IPTW:
            base = KNOWN if known else entry.se_method_followed
        if self.modelled is not None:
            base = self.modelled.se_method
        return clustered_words(base, spread.clusters, self.study.protocol.analysis.cluster)

    def arm_rows(self) -> Iterator[dict]:
        """People by how their follow-up stood at the horizon, and their days, by arm.

        Nothing under the estimators beside: their people are those of the other methods.
        """
        arms, until = self.arms, self.arms.horizon
        clocked = self.outcome.horizon_days is not None
        for arm in Arm if self.modelled is None else ():
            mean = arms.restricted_mean(arm, until) if clocked else np.nan
            free = numbers_of(arms, *days_free(until)).alone(arm) if clocked else None
            error = self.precision(free).std_error if clocked else np.nan
            yield {
                "outcome": self.outcome.name,
                "method": str(self.method),
                "arm": str(arm),
                **arms.counts(arm),
                **(median_days(arms, arm, self.uncertainty, self.scale) if clocked else NO_MEDIAN),
                "restricted_mean_days": mean,
                "restricted_mean_error": error,
            }
