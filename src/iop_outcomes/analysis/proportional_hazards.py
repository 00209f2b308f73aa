"""Are the hazards of the arms proportional, and do they differ at all?"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.hazards import Hazards, LogHazardRatio
from iop_outcomes.analysis.outcome_analysis import OutcomeAnalysis
from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.cox.logrank import log_rank, weighted_log_rank
from iop_outcomes.statistics.cox.proportional_hazards import (
    TimeTransform,
    proportional_hazards_test,
)
from iop_outcomes.statistics.cox.variance import Sandwich, robust_covariance
from iop_outcomes.statistics.survival.gray_test import gray_test
from iop_outcomes.vocabulary import Arm, Measure, Method

COLUMNS = {
    **dict.fromkeys(("outcome", "method", "estimand", "measure", "transform"), "str"),
    **{"chi_squared": "float64", "df": "Int64", "p_value": "float64", "not_tested": "str"},
    **{"equality_test": "str", "equality_p": "float64"},
    **dict.fromkeys(("smallest_cell", "fewest_missing"), "int64"),
}
NO_TEST_OF_SUBDISTRIBUTION = "proportional subdistribution hazards are not tested"


def proportional_hazards(analyses: Iterable[OutcomeAnalysis]) -> pd.DataFrame:
    """Test every hazard ratio shown for being one number all along the follow-up.

    Returns
    -------
    DataFrame
        One row per outcome, method and kind of hazard ratio: `chi_squared` with `df` and `p_value`
        of the score test that the ratio does not change with time, counted by `transform`; or why
        it is `not_tested`. `equality_p` of the test that the hazards do not differ at all
        (log-rank; Gray's, of unweighted and independent people only): a large one is no proof that
        they are alike. `smallest_cell` and `fewest_missing` as in `Estimate`. No rows if the
        protocol asks for no hazard ratios.
    """
    rows = [
        {**_about(analysis), "measure": str(ratio.measure), **_tested(analysis, hazards, ratio)}
        for analysis in analyses
        for hazards in (analysis.hazards,)
        if hazards is not None
        for ratio in hazards.ratios()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _about(analysis: OutcomeAnalysis) -> dict:
    arms = analysis.arms
    return {
        "outcome": analysis.outcome.name,
        "method": str(analysis.method),
        "estimand": str(analysis.estimand),
        "smallest_cell": min(arms.smallest_cell(arm) for arm in Arm),
        "fewest_missing": min((n for n in map(arms.missing.get, Arm) if n), default=0),
    }


@dataclass(frozen=True)
class _OfStudy(Sandwich):
    """Covariance of numbers read from the rows, by the study's weights and clusters."""

    analysis: OutcomeAnalysis | None = None
    hazards: Hazards | None = None

    def covariance(self, derivative: NDArray, weight: NDArray) -> NDArray:
        """Summed within clusters and times G / (G - 1), as the errors of the risks are."""
        moved = [self.hazards.rows.influence(column) for column in derivative.T]
        influences, cluster = self.analysis.spread(np.column_stack(moved))
        groups = 0 if cluster is None else np.unique(cluster).size
        return robust_covariance(influences, cluster) * (groups / (groups - 1) if groups else 1)


def _tested(analysis: OutcomeAnalysis, hazards: Hazards, ratio: LogHazardRatio) -> dict:
    # Unweighted and independent people are what the usual variances are right for.
    plain = analysis.method is Method.UNADJUSTED and analysis.study.cluster is None
    sandwich = None if plain else _OfStudy(analysis=analysis, hazards=hazards)
    if ratio.measure is Measure.SUBDISTRIBUTION_HAZARD_RATIO:
        why = ratio.none_because or NO_TEST_OF_SUBDISTRIBUTION
        return _untested(why) | {"equality_test": "Gray", "equality_p": _gray(hazards, plain)}
    equal = {"equality_test": "log-rank", "equality_p": _log_rank(hazards, sandwich)}
    if ratio.none_because:
        return _untested(ratio.none_because) | equal
    try:
        test = proportional_hazards_test(hazards.cox, TimeTransform.KM, sandwich=sandwich)
    except CohortError as error:
        return _untested(str(error)) | equal
    return {
        "transform": str(TimeTransform.KM),
        "chi_squared": test.overall_statistic,
        "df": test.overall_degrees,
        "p_value": test.overall_p_value,
        "not_tested": "",
        **equal,
    }


def _untested(why: str) -> dict:
    numbers = {"chi_squared": np.nan, "df": None, "p_value": np.nan}
    return {"transform": "", **numbers, "not_tested": why}


def _log_rank(hazards: Hazards, sandwich: Sandwich | None) -> float:
    rows = hazards.rows
    try:
        if sandwich is None:
            return log_rank(rows.day, rows.event, rows.treated).p_value
        return weighted_log_rank(
            rows.day,
            rows.event,
            rows.treated,
            weight=rows.weight,
            entry=rows.entry,
            sandwich=sandwich,
        ).p_value
    except CohortError:
        return np.nan


def _gray(hazards: Hazards, plain: bool) -> float:
    if not plain:
        return np.nan
    try:
        return gray_test(hazards.rows.day, hazards.rows.cause, hazards.rows.treated).p_value
    except CohortError:
        return np.nan
