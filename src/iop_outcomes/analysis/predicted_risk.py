"""What people would risk under the comparator: how alike the arms are in it, and groups by it."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import ArmsAtRisk, arms_at_risk
from iop_outcomes.analysis.arms_among import cells
from iop_outcomes.analysis.balance_tables import smallest_level
from iop_outcomes.analysis.estimators import outcome_values
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.subgroup_levels import Subgroups
from iop_outcomes.errors import StudyError
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.statistics.effects.cross_fitting import assign_folds, penalised_logistic_learner
from iop_outcomes.statistics.effects.risk_groups import comparator_risk, risk_groups
from iop_outcomes.statistics.weighting.balance import standardized_mean_difference
from iop_outcomes.vocabulary import Arm

PREDICTED = "predicted risk"  # stands where the name of a covariate stands
WHERE = "protocol.analysis.risk_groups"
# Of a ridge on standardised columns: as nothing against hundreds of people, and nothing separates.
PENALTY = 1.0
PROGNOSIS = {
    "outcome": "str",
    "horizon_days": "Int64",
    **dict.fromkeys(("prognostic_smd_before", "prognostic_smd_after"), "float64"),
    "smallest_cell": "int64",
}


def prognosis(study: StudyArrays) -> pd.DataFrame:
    """How alike the arms are in the risk that the comparator arm's people tell of.

    A logistic model of each outcome on the columns of the outcome model (of pseudo-observations,
    where follow-up was censored), fitted in the comparator arm, predicts everyone; the arms'
    standardised mean differences in this prognostic score tell which imbalance matters.

    Returns
    -------
    DataFrame
        One row per outcome that is a risk, none where everyone is in both arms:
        `prognostic_smd_before` and `_after`, missing if the arm's people all have one outcome, and
        `smallest_cell`, the fewest people with or without the event in that arm, or of an arm
        who share a score with few values.

    References
    ----------
    Stuart, Lee & Leacy (2013), Journal of Clinical Epidemiology 66:S84-S90.
    """
    rows = []
    cloned = study.protocol.strategies.kind is StrategyKind.GRACE_PERIOD
    for outcome in () if cloned else study.protocol.risk_outcomes:
        arms = as_enrolled(study, outcome)
        counts = cells(arms, np.ones(len(study.people), bool))
        few = len(study.people)
        of_arm = [counts[f"{kind}_{Arm.COMPARATOR}"] for kind in ("events", "event_free")]
        told = {"prognostic_smd_before": np.nan, "prognostic_smd_after": np.nan}
        if min(of_arm):
            risk, treated = _predicted(study, arms, None), study.entry.treated
            few = smallest_level(risk, treated)
            told = {
                "prognostic_smd_before": standardized_mean_difference(risk, treated),
                "prognostic_smd_after": standardized_mean_difference(
                    risk, treated, study.entry.weight
                ),
            }
        names = {"outcome": outcome.name, "horizon_days": outcome.horizon_days}
        rows.append(names | told | {"smallest_cell": min(*of_arm, few)})
    return pd.DataFrame(rows, columns=list(PROGNOSIS)).astype(PROGNOSIS)


def grouped_by_risk(study: StudyArrays, outcome: Outcome) -> Subgroups:
    """Everyone in groups of like predicted risk of an outcome under the comparator.

    Nobody is predicted by a model that saw them, or somebody of their cluster.

    Raises
    ------
    CohortError
        There are too few people, clusters or different risks for so many folds or groups.
    """
    plan = study.protocol.analysis
    arms, groups = as_enrolled(study, outcome), plan.risk_groups or 0
    with _said_of(outcome):
        fold = assign_folds(
            study.entry.treated, plan.propensity.folds, plan.propensity.seed, study.cluster
        )
        member = risk_groups(_predicted(study, arms, fold), groups)
    return Subgroups(PREDICTED, tuple(_names(groups)), member)


def as_enrolled(study: StudyArrays, outcome: Outcome) -> ArmsAtRisk:
    """Follow-up of an outcome in the arms that people entered, unweighted."""
    treated = study.entry.treated
    return arms_at_risk(study.ends(outcome), treated, np.ones(treated.size), outcome)


def _predicted(study: StudyArrays, arms: ArmsAtRisk, fold: NDArray | None) -> NDArray:
    values = outcome_values(arms)
    columns = study.outcome_columns[:, 1:]
    learner = penalised_logistic_learner(PENALTY)
    treated = study.entry.treated
    return comparator_risk(values.value, treated, columns, learner, fold, values.known)


def _names(groups: int) -> Iterator[str]:
    for group in range(1, groups + 1):
        end = {1: " (lowest)", groups: " (highest)"}.get(group, "")
        yield f"{group} of {groups}{end}"


@contextmanager
def _said_of(outcome: Outcome) -> Iterator[None]:
    try:
        yield
    except StudyError as error:
        raise type(error)(f"{WHERE}: {outcome.name}: {error}") from None
