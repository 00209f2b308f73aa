"""Curves of outcomes: on each day on which one steps, its height, interval and people at risk."""

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import reading_days
from iop_outcomes.analysis.curve_bands import curve_band
from iop_outcomes.analysis.outcome_analysis import OutcomeAnalysis
from iop_outcomes.analysis.readings import numbers_of, risk_by
from iop_outcomes.statistics.survival.curve_limits import incidence_limits
from iop_outcomes.vocabulary import Arm

KEYS = ("outcome", "method", "arm")
CURVE = {
    **dict.fromkeys(("day", "risk", "conf_low", "conf_high"), "float64"),
    **dict.fromkeys(("at_risk", "events", "few_left_out"), "int64"),
}
NO_CURVE = pd.DataFrame(columns=[*KEYS, *CURVE]).astype(CURVE | dict.fromkeys(KEYS, "str"))


def curves_of(analyses: Iterable[OutcomeAnalysis]) -> pd.DataFrame:
    """Days on which a curve steps, and those on which numbers at risk are told.

    Nothing for outcomes at exit, which have no clock, or under the estimators beside.
    """
    drawn = [_curve(each, arm) for each in analyses if each.timed for arm in Arm]
    return pd.concat([NO_CURVE, *drawn], ignore_index=True)


def _curve(analysis: OutcomeAnalysis, arm: Arm) -> pd.DataFrame:
    arms = analysis.arms
    days = np.unique([*reading_days(analysis.outcome.horizon_days), *arms.event_days(arm)])
    risk = np.array([arms.risk(arm, day) for day in days])
    low, high = _limits(analysis, arm, days, risk)
    at_risk, events = arms.at_risk_and_events(arm, days)
    numbers = (days, risk, low, high, at_risk, events, arms.few_left_out(arm))
    table = pd.DataFrame(dict(zip(CURVE, numbers, strict=True)))
    names = (analysis.outcome.name, str(analysis.method), str(arm))
    return table.assign(**dict(zip(KEYS, names, strict=True)))


def _limits(
    analysis: OutcomeAnalysis, arm: Arm, days: NDArray, risk: NDArray
) -> tuple[NDArray, NDArray]:
    if analysis.errors is None:
        moved = (analysis.arms.risk_influence(arm, day) for day in days)
        errors, critical = curve_band(moved, analysis.spread, analysis.study.protocol.analysis)
        return incidence_limits(risk, errors, critical, analysis.scale)
    read = [numbers_of(analysis.arms, *risk_by(day), only=arm).alone(arm) for day in days]
    limits = [analysis.precision(each).risk_limits(each.value, analysis.scale) for each in read]
    low, high = np.transpose(limits)
    return low, high
