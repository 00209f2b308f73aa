"""The stage `comparison`: outcomes if all had entered one arm, against the other."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.adherence_weighting import EntryWeights, arms_under_strategies
from iop_outcomes.analysis.arms import Arms, arms_at_risk, reading_days
from iop_outcomes.analysis.definitions_compared import definitions_compared
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.estimates import AS_ENROLLED, Estimate, main_method, tidy
from iop_outcomes.analysis.exits import exits_by_arm
from iop_outcomes.analysis.weighting import Weighting
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.protocol.specification import Outcome, Protocol
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.statistics.estimating_equations import (
    Uncertainty,
    estimated_weights,
    uncertainty,
)
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Arm, Measure, Method

CURVE = {
    **dict.fromkeys(("day", "risk", "conf_low", "conf_high"), "float64"),
    **dict.fromkeys(("at_risk", "events"), "int64"),
}
SIGN = {Arm.INTERVENTION: 1.0, Arm.COMPARATOR: -1.0}


@dataclass(frozen=True)
class Comparison:
    """The effects.

    Attributes
    ----------
    estimates
        One row per outcome, method and measure: the attributes of `Estimate`.
    arms
        One row per outcome, method and arm: `people` with the outcome known and `missing`;
        `events`, `competing` and `censored` by the horizon; `median_days` to the event;
        `restricted_mean_days` before it up to the horizon (a competing event counting as never),
        and its standard error.
    curves
        One row per outcome, method, arm and day: `risk` with its interval, people `at_risk`
        before the day and `events` up to it.
    exits
        One row per arm, level of care of the index stay and reason of exit: `people`, and their
        share of the arm, as enrolled and weighted.
    definitions, definition_arms
        As `estimates` and `arms`, under each `definition` of the outcomes that have several.
    """

    estimates: pd.DataFrame
    arms: pd.DataFrame
    curves: pd.DataFrame
    exits: pd.DataFrame
    definitions: pd.DataFrame
    definition_arms: pd.DataFrame


def compare(cohort: Cohort, weighting: Weighting, protocol: Protocol) -> Comparison:
    """Risks of every outcome in both arms, unadjusted and weighted, and their contrasts.

    Standard errors come from the stacked estimating equations of the propensity model and the
    risks, summed within clusters where the protocol names them.
    """
    study = _Study(cohort, weighting, protocol)
    analyses = list(study.analyses())
    return Comparison(
        estimates=tidy(e for analysis in analyses for e in analysis.estimates()),
        arms=pd.DataFrame([row for analysis in analyses for row in analysis.arm_rows()]),
        curves=pd.concat([analysis.curves() for analysis in analyses], ignore_index=True),
        exits=exits_by_arm(cohort.exits, weighting.weights),
        **definitions_compared(
            cohort, protocol, lambda told, asked: _Study(told, weighting, asked).analyses()
        ),
    )


def effects(cohort: Cohort, weighting: Weighting, protocol: Protocol) -> pd.DataFrame:
    """The `estimates` of `compare` alone."""
    study = _Study(cohort, weighting, protocol)
    return tidy(e for analysis in study.analyses() for e in analysis.estimates())


class _Study:
    """Cohort, weights and protocol as arrays, ready for any outcome."""

    def __init__(self, cohort: Cohort, weighting: Weighting, protocol: Protocol):
        self.people = cohort.persons.merge(weighting.weights, on="person_id", validate="one_to_one")
        if len(self.people) != len(cohort.persons):
            raise CohortError(
                "the weights are not of the people of this cohort; weight the cohort again"
            )
        self.follow_up, self.protocol = cohort.follow_up, protocol
        self.arms_followed = cohort.arms_followed
        model = design(self.people, protocol.analysis.covariates)
        self.treated, self.baseline = model.treated, model.columns
        self.weight = self.people["weight"].to_numpy(float)
        self.estimated = estimated_weights(
            model.treated,
            self.people["propensity"].to_numpy(float),
            model.columns,
            protocol.estimand,
        )
        meant = balancing_weights(model.treated, self.people["propensity"], protocol.estimand)
        scale = self.weight / meant  # any one number an arm: estimators normalise
        if any(
            np.ptp(scale[arm]) > 1e-6 * scale[arm].max() for arm in (self.treated, ~self.treated)
        ):
            raise CohortError(
                f"the weights were made for another estimand than {protocol.estimand}; weight the "
                "cohort again under this protocol"
            )
        self.cluster = self._cluster()

    def _cluster(self) -> NDArray | None:
        name = self.protocol.analysis.cluster
        if name is None:
            return None
        if name not in self.people or self.people[name].isna().any():
            raise ProtocolError(
                f"protocol.analysis.cluster: `{name}` is not recorded for everyone in the cohort"
            )
        return self.people[name].factorize()[0]  # numbers: they are sorted a thousand times

    def analyses(self) -> Iterator["_Analysis"]:
        for outcome in self.protocol.outcomes:
            rows = self.follow_up[self.follow_up["outcome"] == outcome.name]
            ends = self.people[["person_id"]].merge(rows, on="person_id", validate="one_to_one")
            for method, arms in self._arms(ends, outcome):
                yield _Analysis(self, outcome, method, arms)

    def _arms(self, ends: pd.DataFrame, outcome: Outcome) -> Iterator[tuple[Method, Arms]]:
        known = np.ones_like(self.weight)
        yield Method.UNADJUSTED, arms_at_risk(ends, self.treated, known, outcome)
        yield (
            Method.IPTW,
            arms_at_risk(ends, self.treated, self.weight, outcome, self.estimated),
        )
        if self.protocol.strategies.kind is not StrategyKind.INITIATE:
            yield (
                Method.PER_PROTOCOL,
                arms_under_strategies(
                    ends,
                    self.arms_followed,
                    outcome,
                    self.protocol.strategies,
                    self.baseline,
                    EntryWeights(self.treated, self.weight, self.estimated),
                ),
            )


@dataclass(frozen=True)
class _Analysis:
    """One outcome under one method."""

    study: _Study
    outcome: Outcome
    method: Method
    arms: Arms

    def _uncertainty(self, influences: NDArray) -> Uncertainty:
        return uncertainty(
            influences, self.study.protocol.analysis.confidence_level, self.study.cluster
        )

    def estimates(self) -> Iterator[Estimate]:
        arms, until = self.arms, self.arms.horizon
        risk = {arm: arms.risk(arm, until) for arm in Arm}
        moved = {arm: arms.risk_influence(arm, until) for arm in Arm}
        for arm, measure in (
            (Arm.INTERVENTION, Measure.RISK_INTERVENTION),
            (Arm.COMPARATOR, Measure.RISK_COMPARATOR),
        ):
            spread = self._uncertainty(moved[arm])
            low, high = risk_limits(risk[arm], spread.std_error, spread.critical)
            yield self._estimate(measure, risk[arm], spread, low, high, [arm])
        one, other = risk[Arm.INTERVENTION], risk[Arm.COMPARATOR]
        difference = moved[Arm.INTERVENTION] - moved[Arm.COMPARATOR]
        yield self._wald(Measure.RISK_DIFFERENCE, one - other, difference)
        if one > 0 and other > 0:  # else the ratio or its logarithm is no number
            ratio = moved[Arm.INTERVENTION] / one - moved[Arm.COMPARATOR] / other
            spread = self._uncertainty(ratio)
            width = np.exp(spread.critical * spread.std_error)
            yield self._estimate(
                Measure.RISK_RATIO, one / other, spread, one / other / width, one / other * width
            )
        if self.outcome.horizon_days is not None:
            free = {arm: arms.restricted_mean(arm, until) for arm in Arm}
            influences = sum(SIGN[arm] * arms.restricted_mean_influence(arm, until) for arm in Arm)
            yield self._wald(
                Measure.RMST_DIFFERENCE,
                free[Arm.INTERVENTION] - free[Arm.COMPARATOR],
                influences,
            )

    def _wald(self, measure: Measure, value: float, influences: NDArray) -> Estimate:
        spread = self._uncertainty(influences)
        half = spread.critical * spread.std_error
        return self._estimate(measure, value, spread, value - half, value + half)

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
            estimand=AS_ENROLLED
            if self.method is Method.UNADJUSTED
            else self.study.protocol.estimand,
            horizon_days=self.outcome.horizon_days,
            estimate=float(value),
            std_error=spread.std_error,
            conf_low=float(low),
            conf_high=float(high),
            se_method=self._se_method(spread),
            n=self.arms.people_in(about),
            effective_n=sum(self.arms.effective(arm) for arm in about),
            clusters=spread.clusters,
            verdict=noninferiority(low, high, margin.risk_difference, self.outcome.better)
            if judged
            else None,
            smallest_cell=min(self.arms.smallest_cell(arm) for arm in about),
            fewest_missing=min((n for n in map(self.arms.missing.get, about) if n), default=0),
        )

    def _se_method(self, spread: Uncertainty) -> str:
        known = self.method is Method.UNADJUSTED
        base = "influence function" if known else "stacked estimating equations"
        if spread.clusters is None:
            return base
        by = self.study.protocol.analysis.cluster
        return f"{base}, clustered by {by} (CR1, t with {spread.clusters - 1} df)"

    def arm_rows(self) -> Iterator[dict]:
        arms, until = self.arms, self.arms.horizon
        clocked = self.outcome.horizon_days is not None
        for arm in Arm:
            mean = arms.restricted_mean(arm, until) if clocked else np.nan
            error = (
                self._uncertainty(arms.restricted_mean_influence(arm, until)).std_error
                if clocked
                else np.nan
            )
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

        Nothing for outcomes at exit, which have no clock.
        """
        keys, tables = ["outcome", "method", "arm"], []
        for arm in Arm if self.outcome.horizon_days is not None else ():
            told = reading_days(self.outcome.horizon_days)
            days = np.unique([*told, *self.arms.event_days(arm)])
            risk = np.array([self.arms.risk(arm, day) for day in days])
            spreads = [self._uncertainty(self.arms.risk_influence(arm, day)) for day in days]
            errors = np.array([spread.std_error for spread in spreads])
            low, high = risk_limits(risk, errors, spreads[0].critical)
            at_risk, events = self.arms.at_risk_and_events(arm, days)
            numbers = (days, risk, low, high, at_risk, events)
            table = pd.DataFrame(dict(zip(CURVE, numbers, strict=True)))
            names = (self.outcome.name, str(self.method), str(arm))
            tables.append(table.assign(**dict(zip(keys, names, strict=True))))
        nothing = pd.DataFrame(columns=[*keys, *CURVE]).astype(CURVE | dict.fromkeys(keys, "str"))
        return pd.concat([nothing, *tables], ignore_index=True)


def risk_limits(
    risk: NDArray | float, std_error: NDArray | float, critical: float
) -> tuple[NDArray, NDArray]:
    r"""Confidence limits of a risk on the complementary log-log scale, so that they stay in [0, 1].

    .. math:: 1 - (1 - F)^{\exp(\pm z\,\mathrm{se} / ((1 - F)\,|\log(1 - F)|))}

    A risk of 0 or 1 has no spread to show: both limits are the risk itself.

    Examples
    --------
    >>> low, high = risk_limits(0.5, 0.05, 1.96)
    >>> round(float(low), 3), round(float(high), 3)
    (0.407, 0.601)
    """
    risk = np.asarray(risk, float)
    inside = (risk > 1e-12) & (risk < 1 - 1e-12)
    survival = np.where(inside, 1 - risk, 0.5)
    exponent = critical * np.asarray(std_error) / (survival * -np.log(survival))
    exponent = np.minimum(exponent, 500.0)  # as far as it matters; exp would overflow at 710
    low = np.where(inside, 1 - survival ** np.exp(-exponent), risk)
    high = np.where(inside, 1 - survival ** np.exp(exponent), risk)
    return low, high
