"""The main analyses without each cluster in turn: weighted and analysed anew."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arm_weights import arm_weights
from iop_outcomes.analysis.arms import Arms
from iop_outcomes.analysis.cluster_terms import propensity_design
from iop_outcomes.analysis.estimates import Estimate, main_method
from iop_outcomes.analysis.mean_analysis import means_without
from iop_outcomes.analysis.outcome_analysis import outcome_analyses
from iop_outcomes.analysis.propensity_score import propensity_score
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.weighting import weights_table
from iop_outcomes.analysis.weighting_plan import plan_table
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.errors import CohortError, StudyError
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.standard_errors import ClusterErrors, StandardErrors

TABLES = ("persons", "follow_up", "exits", "arms_followed", "scores")


@dataclass(frozen=True)
class WithoutCluster:
    """What the main analyses find without a cluster.

    Attributes
    ----------
    difference
        The risk difference, by outcome.
    arms
        The arms by outcome, of which risks and days can be read and no influence.
    """

    difference: dict[str, Estimate]
    arms: dict[str, Arms]


Without = WithoutCluster | str  # or why there is nothing


def for_the_jackknife(cohort: Cohort, study: StudyArrays) -> list[Without] | None:
    """The analyses without each cluster, where the protocol's standard errors are made of them."""
    asked = study.protocol.analysis.standard_errors.clusters
    return without_each_cluster(cohort, study) if asked is ClusterErrors.JACKKNIFE else None


def arms_without(without: Sequence[Without] | None) -> list[dict[str, Arms]]:
    """The arms without each cluster, by outcome; all have to be there.

    Raises
    ------
    CohortError
        Without one of the clusters there is no estimate.
    """
    for place, found in enumerate(without or (), start=1):
        if isinstance(found, str):
            raise CohortError(
                f"protocol.analysis.standard_errors.clusters: without cluster {place} of "
                f"{len(without)} in order there is no estimate for the jackknife ({found}); write "
                f"`{ClusterErrors.CR1}`, or `{ClusterErrors.CR2}` with `weights: known`"
            )
    return [found.arms for found in without or ()]


def without_each_cluster(cohort: Cohort, study: StudyArrays) -> list[Without]:
    """What the main analyses find without each cluster, in the order of its numbers."""
    place = pd.Index(study.people["person_id"])
    numbered = {}  # people by number: identifiers would be compared a hundred times
    for name in TABLES:
        table = getattr(cohort, name)
        numbers = place.get_indexer(table["person_id"])
        numbered[name] = table.assign(person_id=numbers)[numbers >= 0]
    whole = replace(cohort, **numbered)
    plan = replace(study.protocol.analysis, estimators=())  # those beside are not asked again
    if plan.standard_errors.clusters is ClusterErrors.JACKKNIFE:
        plan = replace(plan, standard_errors=StandardErrors())
    protocol = replace(study.protocol, analysis=plan)
    count = int(study.cluster.max()) + 1
    return [_again(whole, study.cluster != g, protocol) for g in range(count)]


@dataclass(frozen=True)
class _Weights:
    """What of a weighting an analysis needs; the tables that show it are not made again."""

    weights: pd.DataFrame
    plan: pd.DataFrame


def _again(whole: Cohort, stays: NDArray, protocol: Protocol) -> Without:
    tables = {
        name: table[stays[table["person_id"]]].reset_index(drop=True)
        for name in TABLES
        for table in (getattr(whole, name),)
    }
    rest = replace(whole, **tables)
    try:
        study = StudyArrays(rest, _weighted(rest.persons, protocol), protocol)
        main = [a for a in outcome_analyses(study) if a.method is main_method(protocol)]
        return WithoutCluster(
            {analysis.outcome.name: analysis.risk_difference() for analysis in main},
            {analysis.outcome.name: _read_only(analysis.arms) for analysis in main}
            | means_without(study),
        )
    except StudyError as error:  # everyone together could be analysed, so it is for want of these
        return str(error)


def _read_only(arms: Arms) -> Arms:
    """Without anything that has a row per person, of whom there would be as many as clusters."""
    nobody = np.empty(0, int)
    sets = {arm: replace(each, position=nobody, cause=nobody) for arm, each in arms.sets.items()}
    people = {name: {} for name in ("missing", "weight", "day", "cause")}
    return Arms(horizon=arms.horizon, sets=sets, **people)


def _weighted(persons: pd.DataFrame, protocol: Protocol) -> _Weights:
    model = propensity_design(persons, protocol.analysis)
    score = propensity_score(model, protocol.analysis)
    made = arm_weights(persons, model, score, protocol)
    return _Weights(weights_table(persons, score, made), plan_table(protocol, score.strength))
