"""With what the effect changes: the best linear projection of everyone's effect."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms_among import cells
from iop_outcomes.analysis.cluster_terms import compared
from iop_outcomes.analysis.design import recorded
from iop_outcomes.analysis.estimators import OutcomeValues, outcome_values
from iop_outcomes.analysis.predicted_risk import as_enrolled
from iop_outcomes.analysis.propensity_score import columns_among
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.subgroup_levels import MOST_LEVELS
from iop_outcomes.errors import CohortError, ProtocolError, StudyError
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.statistics.effects.effect_modification import (
    best_linear_projection,
    joint_test,
)
from iop_outcomes.statistics.effects.multiplicity import simultaneous_intervals
from iop_outcomes.statistics.effects.outcome_models import fit_outcome_models
from iop_outcomes.statistics.effects.risks import Propensity, estimated_propensity
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.vocabulary import Arm

WHERE = "protocol.analysis.effect_modifiers"
CELLS = [f"{kind}_{arm}" for kind in ("events", "event_free") for arm in Arm]
MODIFIERS = {
    "outcome": "str",
    "horizon_days": "Int64",
    **dict.fromkeys(("covariate", "level"), "str"),
    "reference": "bool",
    **dict.fromkeys(("coefficient", "std_error", "conf_low", "conf_high"), "float64"),
    "joint_p": "float64",
    "se_method": "str",
    **dict.fromkeys(CELLS, "int64"),
}


@dataclass(frozen=True)
class Modifier:
    """One row of the table: a number, or a level of a covariate.

    Attributes
    ----------
    covariate, level
        Their names; no level for a number.
    column
        The number, or 1 for those who have the level; None for the level that others are compared
        with. Shape (people,).
    who
        True for those it tells of: everyone, or those who have the level. Shape (people,).
    """

    covariate: str
    level: str | None
    column: NDArray | None
    who: NDArray


def effect_modifiers(study: StudyArrays) -> pd.DataFrame:
    """How the risk difference changes with the protocol's `effect_modifiers`, all in one line.

    The pseudo-outcomes of AIPW are regressed on the modifiers: of everyone whose outcome is known,
    whatever the estimand, each counting once. Standard errors know that both models were
    estimated; intervals hold all coefficients of an outcome at once.

    Returns
    -------
    DataFrame
        One row per outcome that is a risk, covariate and level: the `coefficient`, missing for the
        `reference` level; `joint_p` that all of an outcome are zero. None if none are asked for.

    Raises
    ------
    ProtocolError
        A name is no covariate of the protocol, is its cluster, or does not vary.
    CohortError, PositivityError
        A model cannot be fitted to an outcome.
    """
    asked = [each for name in _names(study) for each in _modifiers(study.people[name])]
    rows = [
        row
        for outcome in (study.protocol.risk_outcomes if asked else ())
        for row in _of_an_outcome(study, outcome, asked)
    ]
    return pd.DataFrame(rows, columns=list(MODIFIERS)).astype(MODIFIERS)


def _names(study: StudyArrays) -> tuple[str, ...]:
    plan = study.protocol.analysis
    for name in plan.effect_modifiers:
        if name == plan.cluster or name not in study.covariates:
            raise ProtocolError(
                f"{WHERE}: `{name}` is not among the covariates {list(study.covariates)} or is the "
                "cluster; name covariates in which the arms are made alike"
            )
    return tuple(dict.fromkeys(plan.effect_modifiers))


def _modifiers(values: pd.Series) -> Iterator[Modifier]:
    name, values = str(values.name), recorded(values)
    if pd.api.types.is_numeric_dtype(values) and not values.isin((0.0, 1.0)).all():
        yield Modifier(name, None, values.to_numpy(float), np.ones(len(values), bool))
        return
    words = {0.0: "no", 1.0: "yes"}
    levels = sorted(values.unique())
    if not 2 <= len(levels) <= MOST_LEVELS:
        raise ProtocolError(
            f"{WHERE}: `{name}` has {len(levels)} level(s) in the cohort; name a covariate with 2 "
            f"to {MOST_LEVELS}, or a number"
        )
    for place, level in enumerate(levels):
        who = values.eq(level).to_numpy()
        yield Modifier(
            name, words.get(level, str(level)), who.astype(float) if place else None, who
        )


def _of_an_outcome(study: StudyArrays, outcome: Outcome, asked: list[Modifier]) -> Iterator[dict]:
    arms = as_enrolled(study, outcome)
    with _said_of(outcome):
        values = outcome_values(arms)
        columns = [each.column for each in asked if each.column is not None]
        found, p_value = _projected(study, values, np.column_stack(columns))
    told = iter(found)
    for each in asked:
        blank = dict.fromkeys(("coefficient", "std_error", "conf_low", "conf_high"), np.nan)
        yield {
            "outcome": outcome.name,
            "horizon_days": outcome.horizon_days,
            "covariate": each.covariate,
            "level": each.level,
            "reference": each.column is None,
            **(blank if each.column is None else next(told)),
            "joint_p": p_value,
            "se_method": _se_method(study, values),
            **cells(arms, each.who),
        }


def _projected(
    study: StudyArrays, values: OutcomeValues, columns: NDArray
) -> tuple[list[dict[str, float]], float]:
    """Coefficients with their intervals, and the p-value of all being zero."""
    plan, known = study.protocol.analysis, values.known
    treated, cluster = study.entry.treated[known], study.cluster
    cluster = None if cluster is None else cluster[known]
    outcome = values.value[known]
    predicted = fit_outcome_models(outcome, treated, study.outcome_columns[known], values.link)
    line = columns[known] - columns[known].mean(axis=0)
    found = best_linear_projection(
        outcome,
        treated,
        _propensity(study, known),
        predicted,
        np.column_stack([np.ones(len(line)), line]),
    )
    beta, influence = found.coefficients[1:], found.influence[:, 1:]
    limits = simultaneous_intervals(
        beta, influence, plan.confidence_level, seed=plan.propensity.seed, cluster=cluster
    )
    names = ("coefficient", "std_error", "conf_low", "conf_high")
    numbers = zip(beta, limits.std_error, limits.lower, limits.upper, strict=True)
    told = [dict(zip(names, map(float, each), strict=True)) for each in numbers]
    return told, joint_test(beta, influence, cluster).p_value


def _propensity(study: StudyArrays, known: NDArray) -> Propensity:
    """Of everyone as it is; where outcomes are not known, fitted again to those who are."""
    if known.all():
        return study.propensity
    model = study.propensity_design
    if not compared(model, known).sum() == known.sum():
        raise CohortError(
            f"among people whose outcome is known, a {study.protocol.analysis.cluster} has people "
            "in one arm only; write `propensity.clusters: means`"
        )
    treated, columns = model.treated[known], columns_among(model, known)
    return estimated_propensity(treated, fit_propensity(treated, columns).probability, columns)


def _se_method(study: StudyArrays, values: OutcomeValues) -> str:
    base = "stacked estimating equations"
    base += ", pseudo-observations taken as data" if values.pseudo else ""
    by = study.protocol.analysis.cluster
    return f"{base}, clustered by {by} (CR1, t)" if by else base


@contextmanager
def _said_of(outcome: Outcome) -> Iterator[None]:
    try:
        yield
    except StudyError as error:
        raise type(error)(f"{WHERE}: {outcome.name}: {error}") from None
