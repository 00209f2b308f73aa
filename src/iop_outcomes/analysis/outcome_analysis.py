"""One outcome under one method: what is estimated, counted and drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.adherence_weighting import arms_under_strategies
from iop_outcomes.analysis.arms import Arms, ArmsAtRisk, arms_at_risk, reading_days
from iop_outcomes.analysis.censoring_weighting import arms_still_followed
from iop_outcomes.analysis.curve_bands import curve_band
from iop_outcomes.analysis.estimates import AS_ENROLLED, Estimate, main_method
from iop_outcomes.analysis.estimators import ModelledRisks, modelled_risks
from iop_outcomes.analysis.hazards import Hazards, hazard_rows
from iop_outcomes.analysis.median_days import median_days
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.statistics.clusters.few_clusters import require_clusters_in_both_arms
from iop_outcomes.statistics.effects.effect_measures import Effect, odds_ratio, risk_ratio
from iop_outcomes.statistics.effects.risks import Risks
from iop_outcomes.statistics.estimating_equations import Uncertainty, uncertainty
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.statistics.survival.curve_limits import Scale, incidence_limits
from iop_outcomes.vocabulary import Arm, Measure, Method

CURVE = {
    **dict.fromkeys(("day", "risk", "conf_low", "conf_high"), "float64"),
    **dict.fromkeys(("at_risk", "events", "few_left_out"), "int64"),
}
NO_MEDIAN = dict.fromkeys(("median_days", "median_low", "median_high"), np.nan)
SIGN = {Arm.INTERVENTION: 1.0, Arm.COMPARATOR: -1.0}


def outcome_analyses(study: StudyArrays) -> Iterator["OutcomeAnalysis"]:
    """Every outcome of the protocol under every method."""
    for outcome in study.protocol.outcomes:
        yield from _by_method(study, outcome)


def _by_method(study: StudyArrays, outcome: Outcome) -> Iterator["OutcomeAnalysis"]:
    ends, entry = study.ends(outcome), study.entry
    as_enrolled = arms_at_risk(ends, entry.treated, np.ones(len(ends)), outcome)
    weighted = _weighted(study, outcome, ends)
    _require_clusters(study, outcome, as_enrolled)
    yield OutcomeAnalysis(study, outcome, Method.UNADJUSTED, as_enrolled)
    for modelled in modelled_risks(study, outcome, as_enrolled):
        plain = modelled.method is Method.G_COMPUTATION  # everyone counts once in its models
        arms = as_enrolled if plain else weighted
        yield OutcomeAnalysis(study, outcome, modelled.method, arms, modelled)
    yield OutcomeAnalysis(study, outcome, Method.IPTW, weighted)
    strategies = study.protocol.strategies
    if strategies.kind is not StrategyKind.INITIATE:
        followed = study.arms_followed
        arms = arms_under_strategies(
            ends, followed, outcome, strategies, study.baseline, entry, study.censoring
        )
        yield OutcomeAnalysis(study, outcome, Method.PER_PROTOCOL, arms)


def _weighted(study: StudyArrays, outcome: Outcome, ends: pd.DataFrame) -> Arms:
    entry = study.entry
    if study.censoring is not None:
        return arms_still_followed(ends, outcome, entry, study.censoring)
    return arms_at_risk(ends, entry.treated, entry.weight, outcome, entry.estimated)


def _require_clusters(study: StudyArrays, outcome: Outcome, arms: ArmsAtRisk) -> None:
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

    def spread(self, influences: NDArray) -> tuple[NDArray, NDArray | None]:
        """Influences of those it is about, and within what they are summed; see `EntryWeights`."""
        if self.method is Method.IPTW:
            return self.study.entry.spread(influences, self.study.cluster)
        return influences, self.study.cluster

    def uncertainty(self, influences: NDArray) -> Uncertainty:
        """Standard error and critical value of a number with these influences."""
        level = self.study.protocol.analysis.confidence_level
        influences, cluster = self.spread(influences)
        return uncertainty(influences, level, cluster)

    @property
    def scale(self) -> Scale:
        """On which intervals of risks are made."""
        return Scale(str(self.study.protocol.analysis.risk_interval))

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
        risk, moved = self._risks()
        for arm, measure in (
            (Arm.INTERVENTION, Measure.RISK_INTERVENTION),
            (Arm.COMPARATOR, Measure.RISK_COMPARATOR),
        ):
            spread = self.uncertainty(moved[arm])
            low, high = incidence_limits(risk[arm], spread.std_error, spread.critical, self.scale)
            yield self._estimate(measure, risk[arm], spread, low, high, [arm])
        one, other = risk[Arm.INTERVENTION], risk[Arm.COMPARATOR]
        difference = moved[Arm.INTERVENTION] - moved[Arm.COMPARATOR]
        yield self._wald(Measure.RISK_DIFFERENCE, one - other, difference)
        risks = Risks(one, other, moved[Arm.INTERVENTION], moved[Arm.COMPARATOR])
        if one > 0 and other > 0:  # else the ratio or its logarithm is no number
            yield self._ratio(Measure.RISK_RATIO, risk_ratio(risks, self.uncertainty))
        if all(1e-12 < risk < 1 - 1e-12 for risk in (one, other)):  # a sum of weights is not exact
            yield self._ratio(Measure.ODDS_RATIO, odds_ratio(risks, self.uncertainty))
        if self.timed:
            yield from self._days()
        for ratio in self.hazards.ratios() if self.hazards else ():
            if ratio.value is not None:
                yield self._log_wald(ratio.measure, ratio.value, ratio.influence)

    def _risks(self) -> tuple[dict[Arm, float], dict[Arm, NDArray]]:
        """Risks by arm and what moves them."""
        if self.modelled is not None:
            return (
                {arm: self.modelled.risk(arm) for arm in Arm},
                {arm: self.modelled.influence(arm) for arm in Arm},
            )
        arms, until = self.arms, self.arms.horizon
        return (
            {arm: arms.risk(arm, until) for arm in Arm},
            {arm: arms.risk_influence(arm, until) for arm in Arm},
        )

    def _days(self) -> Iterator[Estimate]:
        """Mean days before the event, and lost to it: these and those add up to the horizon."""
        arms, until = self.arms, self.arms.horizon
        free = {arm: arms.restricted_mean(arm, until) for arm in Arm}
        moved = {arm: arms.restricted_mean_influence(arm, until) for arm in Arm}
        yield self._wald(
            Measure.RMST_DIFFERENCE,
            free[Arm.INTERVENTION] - free[Arm.COMPARATOR],
            sum(SIGN[arm] * moved[arm] for arm in Arm),
        )
        lost = {arm: until - free[arm] for arm in Arm}
        if all(days > 1e-12 * until for days in lost.values()):  # else the ratio is no number
            yield self._log_wald(
                Measure.RMTL_RATIO,
                sum(SIGN[arm] * np.log(lost[arm]) for arm in Arm),
                sum(-SIGN[arm] * moved[arm] / lost[arm] for arm in Arm),
            )

    def _ratio(self, measure: Measure, effect: Effect) -> Estimate:
        return self._estimate(measure, effect.estimate, effect.spread, effect.lower, effect.upper)

    def _wald(self, measure: Measure, value: float, influences: NDArray) -> Estimate:
        spread = self.uncertainty(influences)
        half = spread.critical * spread.std_error
        return self._estimate(measure, value, spread, value - half, value + half)

    def _log_wald(self, measure: Measure, logarithm: float, influences: NDArray) -> Estimate:
        spread = self.uncertainty(influences)
        half = spread.critical * spread.std_error
        ends = np.exp([logarithm, logarithm - half, logarithm + half])
        return self._estimate(measure, ends[0], spread, ends[1], ends[2])

    @property
    def estimand(self) -> str:
        """Whose effect it is."""
        unadjusted = self.method is Method.UNADJUSTED
        return AS_ENROLLED if unadjusted else self.study.protocol.estimand

    def _estimate(
        self,
        measure: Measure,
        value: float,
        spread: Uncertainty,
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
            se_method=self._se_method(spread),
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
        base = {
            Method.UNADJUSTED: "influence function",
            Method.PER_PROTOCOL: self.study.entry.se_method_followed,
        }.get(self.method, self.study.entry.se_method)
        if self.study.censoring is not None and self.method is Method.IPTW:
            base = self.study.entry.se_method_followed
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
            error = (
                self.uncertainty(arms.restricted_mean_influence(arm, until)).std_error
                if clocked
                else np.nan
            )
            yield {
                "outcome": self.outcome.name,
                "method": str(self.method),
                "arm": str(arm),
                **arms.counts(arm),
                **(median_days(arms, arm, self.uncertainty, self.scale) if clocked else NO_MEDIAN),
                "restricted_mean_days": mean,
                "restricted_mean_error": error,
            }

    def curves(self) -> pd.DataFrame:
        """Days on which a curve steps, and those on which numbers at risk are told.

        Nothing for outcomes at exit, which have no clock, or under the estimators beside.
        """
        keys, tables = ["outcome", "method", "arm"], []
        for arm in Arm if self.timed else ():
            told = reading_days(self.outcome.horizon_days)
            days = np.unique([*told, *self.arms.event_days(arm)])
            risk = np.array([self.arms.risk(arm, day) for day in days])
            moved = (self.arms.risk_influence(arm, day) for day in days)
            errors, critical = curve_band(moved, self.spread, self.study.protocol.analysis)
            low, high = incidence_limits(risk, errors, critical, self.scale)
            at_risk, events = self.arms.at_risk_and_events(arm, days)
            numbers = (days, risk, low, high, at_risk, events, self.arms.few_left_out(arm))
            table = pd.DataFrame(dict(zip(CURVE, numbers, strict=True)))
            names = (self.outcome.name, str(self.method), str(arm))
            tables.append(table.assign(**dict(zip(keys, names, strict=True))))
        nothing = pd.DataFrame(columns=[*keys, *CURVE]).astype(CURVE | dict.fromkeys(keys, "str"))
        return pd.concat([nothing, *tables], ignore_index=True)
