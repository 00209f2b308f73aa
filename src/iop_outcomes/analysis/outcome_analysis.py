"""One outcome under one method: what is estimated, counted and drawn."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.adherence_weighting import arms_under_strategies
from iop_outcomes.analysis.arms import Arms, ArmsAtRisk, arms_at_risk, reading_days
from iop_outcomes.analysis.entry_weights import KNOWN
from iop_outcomes.analysis.estimates import AS_ENROLLED, Estimate, main_method
from iop_outcomes.analysis.estimators import ModelledRisks, modelled_risks
from iop_outcomes.analysis.precision import (
    ArmMeans,
    ErrorsOf,
    Jackknife,
    Precision,
    weights_as_known,
)
from iop_outcomes.analysis.readings import ArmNumbers, Reading, days_free, numbers_of, risk_by
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.protocol.standard_errors import ClusterErrors, WeightsTakenAs
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.statistics.clusters.few_clusters import require_clusters_in_both_arms
from iop_outcomes.statistics.effects.effect_measures import Scale
from iop_outcomes.statistics.estimating_equations import Uncertainty, uncertainty
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.vocabulary import Arm, Measure, Method

KEYS = ("outcome", "method", "arm")
CURVE = {
    **dict.fromkeys(("day", "risk", "conf_low", "conf_high"), "float64"),
    **dict.fromkeys(("at_risk", "events", "few_left_out"), "int64"),
}


NO_CURVE = pd.DataFrame(columns=[*KEYS, *CURVE]).astype(CURVE | dict.fromkeys(KEYS, "str"))
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
    weighted = arms_at_risk(ends, entry.treated, entry.weight, outcome, entry.estimated)
    require_clusters(study, outcome, as_enrolled)
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
        arms = arms_under_strategies(ends, followed, outcome, strategies, study.baseline, entry)
        if study.protocol.analysis.standard_errors.weights is WeightsTakenAs.KNOWN:
            arms = weights_as_known(arms)
        errors = errors_of_main(study, arms, without)
        yield OutcomeAnalysis(study, outcome, Method.PER_PROTOCOL, arms, errors=errors)


def errors_of_main(study: StudyArrays, arms: Arms, without: Sequence[Arms]) -> ErrorsOf | None:
    """Standard errors of the main method; None where influences are summed."""
    plan, asked = study.protocol.analysis, study.protocol.analysis.standard_errors.clusters
    if asked is ClusterErrors.CR1:
        return None
    if asked is ClusterErrors.JACKKNIFE:
        return Jackknife(tuple(without), plan.confidence_level, str(plan.cluster))
    return ArmMeans(arms, study.cluster, study.protocol)


def require_clusters(study: StudyArrays, outcome: Outcome, arms: ArmsAtRisk) -> None:
    """Refuse an arm that lies within one cluster."""
    if study.cluster is None:
        return
    known = np.concatenate([arms.members[arm] for arm in Arm])
    try:
        require_clusters_in_both_arms(study.entry.treated[known], study.cluster[known])
    except CohortError as error:
        raise CohortError(f"protocol.outcomes.{outcome.name}: {error}") from None


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
        spread = self.uncertainty(reading.change)
        return Precision(
            spread.std_error, spread.critical, spread.clusters, self._se_method(spread)
        )

    def uncertainty(self, influences: NDArray) -> Uncertainty:
        """Standard error and critical value from influences, summed within clusters."""
        level = self.study.protocol.analysis.confidence_level
        influences, cluster = self.spread(influences)
        return uncertainty(influences, level, cluster)

    def estimates(self) -> Iterator[Estimate]:
        """Risks of both arms and their contrasts."""
        risks = self._risks()
        for arm, measure in (
            (Arm.INTERVENTION, Measure.RISK_INTERVENTION),
            (Arm.COMPARATOR, Measure.RISK_COMPARATOR),
        ):
            spread = self.precision(risks.alone(arm))
            low, high = spread.risk_limits(risks.of_arm[arm])
            yield self._estimate(measure, risks.of_arm[arm], spread, low, high, [arm])
        yield self.risk_difference(risks)
        for measure, scale in (
            (Measure.RISK_RATIO, Scale.LOG),
            (Measure.ODDS_RATIO, Scale.LOGIT),
        ):
            if risks.have(scale):  # else the ratio or its logarithm is no number
                yield from self._ratio(measure, risks.difference(scale))
        if self.outcome.horizon_days is not None and self.modelled is None:
            yield self._difference(
                Measure.RMST_DIFFERENCE, numbers_of(self.arms, *days_free(self.arms.horizon))
            )

    def risk_difference(self, risks: ArmNumbers | None = None) -> Estimate:
        """The number that verdicts are of."""
        return self._difference(Measure.RISK_DIFFERENCE, risks or self._risks())

    def _risks(self) -> ArmNumbers:
        if self.modelled is None:
            return numbers_of(self.arms, *risk_by(self.arms.horizon))
        return ArmNumbers(
            of_arm={arm: self.modelled.risk(arm) for arm in Arm},
            influence={arm: self.modelled.influence(arm) for arm in Arm},
        )

    def _ratio(self, measure: Measure, reading: Reading) -> Iterator[Estimate]:
        spread = self.precision(reading)
        if np.isfinite(spread.std_error):  # without one of the clusters it may be no number
            value = reading.value
            low, high = spread.limits(value)
            yield self._estimate(measure, np.exp(value), spread, np.exp(low), np.exp(high))

    def _difference(self, measure: Measure, numbers: ArmNumbers) -> Estimate:
        reading = numbers.difference()
        spread = self.precision(reading)
        return self._estimate(measure, reading.value, spread, *spread.limits(reading.value))

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
            estimand=AS_ENROLLED
            if self.method is Method.UNADJUSTED
            else self.study.protocol.estimand,
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
        if self.modelled is not None:
            base = self.modelled.se_method
        if spread.clusters is None:
            return base
        by = self.study.protocol.analysis.cluster
        if by is None:  # how many sets there are is a number of people
            return f"{base}, clustered by matched set (CR1, t)"
        return f"{base}, clustered by {by} (CR1, t with {spread.clusters - 1} df)"

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
                "median_days": arms.median_days(arm) if clocked else np.nan,
                "restricted_mean_days": mean,
                "restricted_mean_error": error,
            }

    def curves(self) -> pd.DataFrame:
        """Days on which a curve steps, and those on which numbers at risk are told.

        Nothing for outcomes at exit, which have no clock, or under the estimators beside.
        """
        tables = []
        drawn = self.outcome.horizon_days is not None and self.modelled is None
        for arm in Arm if drawn else ():
            told = reading_days(self.outcome.horizon_days)
            days = np.unique([*told, *self.arms.event_days(arm)])
            risk = np.array([self.arms.risk(arm, day) for day in days])
            read = [numbers_of(self.arms, *risk_by(day), only=arm).alone(arm) for day in days]
            limits = [self.precision(each).risk_limits(each.value) for each in read]
            low, high = np.transpose(limits)
            at_risk, events = self.arms.at_risk_and_events(arm, days)
            numbers = (days, risk, low, high, at_risk, events, self.arms.few_left_out(arm))
            table = pd.DataFrame(dict(zip(CURVE, numbers, strict=True)))
            names = (self.outcome.name, str(self.method), str(arm))
            tables.append(table.assign(**dict(zip(KEYS, names, strict=True))))
        return pd.concat([NO_CURVE, *tables], ignore_index=True)


def curves_of(analyses: Iterable[OutcomeAnalysis]) -> pd.DataFrame:
    """The curves of all analyses, one below the other."""
    return pd.concat([NO_CURVE, *(each.curves() for each in analyses)], ignore_index=True)
