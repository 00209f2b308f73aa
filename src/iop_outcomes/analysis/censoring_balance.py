"""Whether weights for censoring do what they are for: who is still told of, against everyone.

On a day those told of are the people who had the outcome (or what forecloses it) by then, or are
followed still, each with the weight they last bore (not stabilised: what stabilises is the same for
everyone on a day, and not from day to day). Weighted, they should be like everyone who was in the
arm at time zero; unweighted for censoring, they show whom the losses took.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import ArmsFollowed, reading_days
from iop_outcomes.analysis.arms_among import rows_of
from iop_outcomes.analysis.design import recorded
from iop_outcomes.analysis.outcome_analysis import OutcomeAnalysis
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.statistics.survival.curves import CENSORED
from iop_outcomes.statistics.survival.multiplied_weights import StrategyFactor
from iop_outcomes.statistics.weighting.weights import effective_sample_size
from iop_outcomes.vocabulary import Arm

KEYS = dict.fromkeys(("outcome", "method", "arm"), "str") | {"day": "Int64"}
BY_DAY = {
    **KEYS,
    **dict.fromkeys(("told_of", "gone"), "int64"),
    **dict.fromkeys(("mean_weight", "largest_weight", "effective"), "float64"),
    **dict.fromkeys(("largest_smd_before", "largest_smd_after"), "float64"),
}
BY_COVARIATE = {
    **KEYS,
    **dict.fromkeys(("covariate", "level"), "str"),
    **dict.fromkeys(("smd_before", "smd_after"), "float64"),
    **dict.fromkeys(("told_with", "told_without", "gone_with", "gone_without"), "int64"),
}


@dataclass(frozen=True)
class CensoringBalance:
    """Tables of the weights for censoring; empty if the protocol asks for none.

    Attributes
    ----------
    censoring
        One row per outcome, arm and day: people `told_of` and `gone`; mean and largest of the
        stabilised weights for censoring, before any cap; effective number under all weights; the
        largest standardised difference to everyone of the arm at time zero, unweighted and
        weighted for censoring. `day` is missing for an outcome without a clock.
    censoring_balance
        The same differences for every number or level of a covariate, with the people told of and
        gone who have it and have it not (for numbers, all of them).
    """

    censoring: pd.DataFrame
    censoring_balance: pd.DataFrame


def censoring_balance(study: StudyArrays, analyses: Iterable[OutcomeAnalysis]) -> CensoringBalance:
    """Tables of the weights for censoring of every analysis given."""
    by_day: list[dict] = []
    by_covariate: list[dict] = []
    if study.censoring is not None:
        values = dict(_values(study.people[list(study.censoring.covariates)]))
        for analysis in analyses:
            for keys, told in _told(analysis):
                rows = [_difference(name, value, told) for name, value in values.items()]
                by_covariate += [{**keys, **row} for row in rows]
                by_day.append({**keys, **told.weights(), **_largest(rows)})
    return CensoringBalance(
        pd.DataFrame(by_day, columns=list(BY_DAY)).astype(BY_DAY),
        pd.DataFrame(by_covariate, columns=list(BY_COVARIATE)).astype(BY_COVARIATE),
    )


def _values(people: pd.DataFrame) -> Iterator[tuple[tuple[str, str | None], NDArray]]:
    """Numbers as they are, and an indicator for every level of words."""
    for name in people:
        values = recorded(people[name])
        if not pd.api.types.is_numeric_dtype(values):
            for level in sorted(values.unique()):
                yield (name, level), values.eq(level).to_numpy(float)
        else:
            level = "yes" if values.isin((0.0, 1.0)).all() else None
            yield (name, level), values.to_numpy(float)


@dataclass(frozen=True)
class _Told:
    """Of whom is told on a day, in an arm, and what they weigh.

    Attributes
    ----------
    base
        Weight at time zero; 0 for people not in the arm. Shape (people,).
    told
        True for those told of. Shape (people,).
    weight, stabilised
        All weights; and those for censoring alone. Shape (people,).
    """

    base: NDArray
    told: NDArray
    weight: NDArray
    stabilised: NDArray

    @property
    def gone(self) -> NDArray:
        return (self.base > 0) & ~self.told

    def weights(self) -> dict[str, float]:
        mine = self.stabilised[self.told]
        return {
            "told_of": int(self.told.sum()),
            "gone": int(self.gone.sum()),
            "mean_weight": float(mine.mean()) if mine.size else np.nan,
            "largest_weight": float(mine.max()) if mine.size else np.nan,
            "effective": effective_sample_size(self.weight[self.told]) if mine.size else 0.0,
        }


def _told(analysis: OutcomeAnalysis) -> Iterator[tuple[dict, _Told]]:
    arms, horizon = analysis.arms, analysis.outcome.horizon_days
    for arm in Arm:
        for day in [None] if horizon is None else reading_days(horizon):
            keys = {"outcome": analysis.outcome.name, "method": str(analysis.method)}
            keys |= {"arm": str(arm), "day": pd.NA if day is None else int(day)}
            yield keys, _on_a_day(arms, arm, arms.horizon if day is None else float(day))


def _on_a_day(arms: ArmsFollowed, arm: Arm, day: float) -> _Told:
    under, rows = arms.under[arm], rows_of(arms, arm)
    lost = (arms.cause[arm] == CENSORED) & (arms.day[arm] < day)
    rows, borne_on = rows[~lost], np.ceil(np.minimum(arms.day[arm], day)[~lost])
    told = np.zeros(under.base.size, bool)
    told[rows] = True
    weight, stabilised = under.base.copy(), np.ones_like(under.base)
    for factor in under.factors:
        column = np.searchsorted(factor.first_day, borne_on, side="right") - 1
        weight[rows] *= factor.weight[rows, column] / factor.share[column]
        if not isinstance(factor, StrategyFactor):
            stabilised[rows] *= factor.stabilised[rows, column]
    return _Told(under.base, told, weight, stabilised)


def _difference(name: tuple[str, str | None], value: NDArray, on_day: _Told) -> dict:
    """Those told of less everyone of the arm, over the standard deviation in the arm."""
    there, told, gone = on_day.base > 0, on_day.told, on_day.gone
    counted = name[1] is not None
    has = value > 0 if counted else np.ones(value.size, bool)
    row = {"covariate": name[0], "level": name[1]}
    row |= {
        f"{what}_{which}": int((who & having).sum())
        for what, who in (("told", told), ("gone", gone))
        for which, having in (("with", has), ("without", ~has))
    }
    spread = value[there].std()
    everyone = np.average(value[there], weights=on_day.base[there])
    for when, weight in (("before", on_day.base), ("after", on_day.weight)):
        if not told.any():
            row[f"smd_{when}"] = np.nan
            continue
        away = np.average(value[told], weights=weight[told]) - everyone
        row[f"smd_{when}"] = away / spread if spread > 0 else 0.0
    return row


def _largest(rows: list[dict]) -> dict[str, float]:
    return {
        f"largest_smd_{when}": max(abs(row[f"smd_{when}"]) for row in rows)
        for when in ("before", "after")
    }
