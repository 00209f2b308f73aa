"""For whom: the risk difference within every level of a covariate, and whether levels differ."""

from collections.abc import Iterable, Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import ArmsAtRisk
from iop_outcomes.analysis.arms_among import EitherArms, among, cells, in_both_arms, rows_of
from iop_outcomes.analysis.outcome_analysis import OutcomeAnalysis
from iop_outcomes.analysis.predicted_risk import PREDICTED, grouped_by_risk
from iop_outcomes.analysis.predicted_risk import WHERE as OF_RISK
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.subgroup_levels import WHERE, Subgroups, subgroup_levels
from iop_outcomes.cohort.frame_sight import too_few_until
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.protocol.analysis_plan import AnalysisPlan
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.statistics.effects.all_or_none import all_or_none
from iop_outcomes.statistics.effects.multiplicity import holm, simultaneous_intervals
from iop_outcomes.statistics.effects.risks import LARGEST_SHARE
from iop_outcomes.statistics.effects.subgroups import (
    SubgroupEffects,
    empirical_bayes,
    interaction_test,
)
from iop_outcomes.statistics.weighting.balance import standardized_mean_difference
from iop_outcomes.vocabulary import Arm

OF_AN_OUTCOME = (
    *("risk_intervention", "risk_comparator", "estimate", "std_error", "conf_low", "conf_high"),
    *("shrunken", "shrunken_error", "interaction_p"),
)
COUNTS = (
    *("people_intervention", "people_comparator", "events_intervention", "event_free_intervention"),
    *("events_comparator", "event_free_comparator", "fewest_apart"),
    "fewest_uncounted",
)
COLUMNS = {
    **dict.fromkeys(("outcome", "method", "estimand"), "str"),
    "horizon_days": "Int64",
    **dict.fromkeys(("covariate", "level"), "str"),
    **dict.fromkeys((*OF_AN_OUTCOME, "interaction_p_holm", "largest_smd"), "float64"),
    **dict.fromkeys(COUNTS, "int64"),
    "not_estimated": "str",
}


def subgroups(study: StudyArrays, analyses: Iterable[OutcomeAnalysis]) -> pd.DataFrame:
    """Risk differences within the levels of the protocol's `subgroups`, for every analysis given.

    With `risk_groups` each outcome has the groups of its predicted risk besides. Each level is the
    same analysis of its people alone, under the weights of the whole study; no
    model is fitted again. See `COLUMNS` and docs/methods.md for what a row says.

    Returns
    -------
    DataFrame
        One row per outcome, covariate and level; none if the protocol asks for no groups.

    Raises
    ------
    ProtocolError
        A name is no covariate of the protocol, is its cluster, or has too few or many levels.
    """
    asked = [subgroup_levels(study.people[name]) for name in _names(study)]
    about = [_of_the_people(study, which, asked[:k]) for k, which in enumerate(asked)]
    by_risk = study.protocol.analysis.risk_groups is not None
    rows = []
    for analysis in analyses if asked or by_risk else ():
        groups = [grouped_by_risk(study, analysis.outcome)] if by_risk else []
        told = [_of_the_people(study, which, asked) for which in groups]
        rows += _of_an_outcome(study, analysis, [*asked, *groups], [*about, *told])
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)


def _names(study: StudyArrays) -> tuple[str, ...]:
    plan = study.protocol.analysis
    for name in plan.subgroups:
        if name == plan.cluster:
            raise ProtocolError(
                f"{WHERE}: `{name}` is the cluster, whose members are left out in turn instead; "
                "take it out of the subgroups"
            )
        if name not in study.covariates:
            raise ProtocolError(
                f"{WHERE}: `{name}` is not among the covariates {list(study.covariates)}; add it "
                "to protocol.analysis.covariates, so that the arms are made alike in it"
            )
    return tuple(dict.fromkeys(plan.subgroups))


def _of_the_people(
    study: StudyArrays, which: Subgroups, before: list[Subgroups]
) -> dict[int, dict[str, float]]:
    """What no outcome changes: people by arm, balance, and nearness to levels told before."""
    treated = study.entry.treated
    found = {}
    for level in range(len(which.levels)):
        who = which.member == level
        found[level] = {
            "people_intervention": int((who & treated).sum()),
            "people_comparator": int((who & ~treated).sum()),
            "largest_smd": _largest_smd(study, who),
            "fewest_apart": _fewest_apart(who, treated, before),
        }
    return found


def _largest_smd(study: StudyArrays, who: NDArray) -> float:
    """Largest difference of the weighted arms within a level in a column of the model.

    Infinite where the arms have no value in common; missing without two arms, or where everyone
    is cloned into both.
    """
    treated, weight = study.entry.treated[who], study.entry.weight[who]
    cloned = study.protocol.strategies.kind is StrategyKind.GRACE_PERIOD
    if cloned or any(not weight[arm].sum() > 0 for arm in (treated, ~treated)):
        return np.nan
    try:
        return max(
            (
                abs(standardized_mean_difference(column, treated, weight))
                for column in study.baseline[who, 1:].T
            ),
            default=0.0,
        )
    except CohortError:  # differ without spread
        return np.inf


def _fewest_apart(who: NDArray, treated: NDArray, before: list[Subgroups]) -> int:
    """Fewest people of an arm, 0 aside, in just one of this level and one of another covariate."""
    apart = [
        int(((who != (other.member == level)) & arm).sum())
        for other in before
        for level in range(len(other.levels))
        for arm in (treated, ~treated)
    ]
    return min((people for people in apart if people), default=0)


def _of_an_outcome(
    study: StudyArrays,
    analysis: OutcomeAnalysis,
    asked: list[Subgroups],
    about: list[dict[int, dict[str, float]]],
) -> Iterator[dict]:
    found = [_of_a_covariate(analysis, which) for which in asked]
    p_values = np.array([rows[0]["interaction_p"] for rows in found])
    adjusted = np.full(p_values.size, np.nan)
    tested = ~np.isnan(p_values)
    adjusted[tested] = holm(p_values[tested])
    for which, rows, people, p_value in zip(asked, found, about, adjusted, strict=True):
        for level, row in enumerate(rows):
            yield {
                "outcome": analysis.outcome.name,
                "method": str(analysis.method),
                "estimand": str(study.protocol.estimand),
                "horizon_days": analysis.outcome.horizon_days,
                "covariate": which.covariate,
                "level": which.levels[level],
                **people[level],
                **row,
                "interaction_p_holm": p_value,
            }


def _of_a_covariate(analysis: OutcomeAnalysis, which: Subgroups) -> list[dict]:
    """Every level of a covariate for one outcome, and what they say together."""
    study, arms = analysis.study, analysis.arms
    rows, told, influences = [], [], []
    for level in range(len(which.levels)):
        who = which.member == level
        row = {**dict.fromkeys(OF_AN_OUTCOME, np.nan), **cells(arms, who)}
        row["fewest_uncounted"] = _fewest_uncounted(analysis, who)
        row["not_estimated"] = _why_not(study, arms, who)
        if not row["not_estimated"]:
            risks, change = _risk_difference(among(arms, who))
            if any(all_or_none(risks[f"risk_{arm}"]) for arm in Arm):
                row["not_estimated"] = "nobody or everybody in an arm had it"
            else:
                row |= risks
                told.append(level)
                influences.append(change)
        rows.append(row)
    if not told:
        return rows
    influence, cluster = analysis.spread(np.column_stack(influences))
    effects = SubgroupEffects(
        label=np.array(told),
        people=np.bincount(which.member)[told],
        estimate=np.array([rows[level]["estimate"] for level in told]),
        influence=influence,
    )
    numbers = _together(effects, cluster, study.protocol.analysis, which.covariate)
    for place, level in enumerate(told):
        rows[level] |= {name: float(column[place]) for name, column in numbers.items()}
    p_value = rows[told[0]]["interaction_p"]
    return [{**row, "interaction_p": p_value} for row in rows]


def _fewest_uncounted(analysis: OutcomeAnalysis, who: NDArray) -> int:
    """Fewest people, 0 aside, of an arm of a level whose outcome is missing or who weigh nothing.

    Counted where an arm's people weigh alike: its risk is then a share of people, which with all
    its digits tells of how many.
    """
    arms, treated = analysis.arms, analysis.study.entry.treated
    fewest = []
    for arm, entered in ((Arm.INTERVENTION, treated), (Arm.COMPARATOR, ~treated)):
        here = who[rows_of(arms, arm)]
        weight = arms.weight[arm][here]
        if weight.size and np.ptp(weight) <= 1e-9 * weight.max():
            fewest.append(int((who & entered).sum()) - weight.size)
    return min((people for people in fewest if people > 0), default=0)


def _why_not(study: StudyArrays, arms: EitherArms, who: NDArray) -> str:
    """Why a level has no estimate worth the name; nothing if it may have one."""
    if not in_both_arms(arms, who):
        return "nobody in an arm"
    for arm in Arm:
        rows = rows_of(arms, arm)
        weight = arms.weight[arm][who[rows]]
        if not weight.max() <= LARGEST_SHARE * weight.sum():
            return "one person bears most of the weight of an arm"
        late = arms.entry.get(arm) if isinstance(arms, ArmsAtRisk) else None
        here = who[rows]
        if late is not None and too_few_until(arms.day[arm][here], late[here], arms.horizon):
            return "too few are followed before others enter"
        # Influences sum to zero within an arm: a single cluster would seem to have no spread.
        if study.cluster is not None and np.unique(study.cluster[rows[who[rows]]]).size < 2:
            return f"an arm lies within one {study.protocol.analysis.cluster}"
    return ""


def _risk_difference(part: EitherArms) -> tuple[dict[str, float], NDArray]:
    """Risks of a level and their difference, and what everyone adds to that."""
    risk = {arm: part.risk(arm, part.horizon) for arm in Arm}
    change = {arm: part.risk_influence(arm, part.horizon) for arm in Arm}
    told = {f"risk_{arm}": risk[arm] for arm in Arm}
    told["estimate"] = risk[Arm.INTERVENTION] - risk[Arm.COMPARATOR]
    return told, change[Arm.INTERVENTION] - change[Arm.COMPARATOR]


def _together(
    effects: SubgroupEffects, cluster: NDArray | None, plan: AnalysisPlan, covariate: str
) -> dict[str, NDArray]:
    """Intervals that count all levels, the test that they are one, and estimates less luck."""
    limits = simultaneous_intervals(
        effects.estimate,
        effects.influence,
        plan.confidence_level,
        seed=plan.propensity.seed,
        cluster=cluster,
    )
    alone = {"std_error": limits.std_error, "conf_low": limits.lower, "conf_high": limits.upper}
    if effects.estimate.size < 2:
        return alone
    try:
        test = interaction_test(effects, cluster)
    except CohortError as error:
        where = OF_RISK if covariate == PREDICTED else WHERE
        raise ProtocolError(f"{where}: `{covariate}`: {error}") from None
    drawn = empirical_bayes(effects.estimate, limits.std_error)
    return alone | {
        "shrunken": drawn.estimate,
        "shrunken_error": drawn.std_error,
        "interaction_p": np.full(effects.estimate.size, test.p_value),
    }
