"""Following people while they follow a strategy, weighted for those who left it.

A pooled logistic regression on person-days says how likely a decision was (to start within a grace
period, to leave a strategy that is to be sustained) given the covariates at time zero and the day;
statistics/survival/censoring.py makes weights of it. In a grace period everyone is in both arms
and one model serves both; a sustained strategy has a model for each arm, whose people also bear
the weights of entering it.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import ArmsFollowed, day_and_cause, known_for_someone
from iop_outcomes.analysis.censoring_weighting import Censoring, arms_under
from iop_outcomes.analysis.entry_weights import EntryWeights
from iop_outcomes.cohort.arms_followed import decision_window
from iop_outcomes.cohort.cloning import censor_artificially, decision_days
from iop_outcomes.cohort.strategies import DecisionWindow
from iop_outcomes.protocol.specification import Outcome, Strategies
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.statistics.estimating_equations import EstimatedWeights
from iop_outcomes.statistics.survival.censoring import (
    DecisionModel,
    Decisions,
    StrategyWeights,
    fit_decisions,
    weights_with,
    weights_without,
)
from iop_outcomes.statistics.survival.changing_weights import StrategyFollowUp, followed
from iop_outcomes.statistics.survival.multiplied_weights import StrategyFactor
from iop_outcomes.statistics.weighting.propensity import dependent_columns
from iop_outcomes.vocabulary import Arm

PERSON_AND_DECISION = ["person_id", "start_day", "excuse_day"]


def arms_under_strategies(
    ends: pd.DataFrame,
    arms_followed: pd.DataFrame,
    outcome: Outcome,
    strategies: Strategies,
    baseline: NDArray,
    entry: EntryWeights,
    censoring: Censoring | None = None,
) -> ArmsFollowed:
    """Everyone in the arms they are followed in, until their data contradict one, weighted.

    Parameters
    ----------
    ends
        Follow-up of the outcome, one row per person, in the order of `baseline` and `entry`.
    arms_followed
        `Cohort.arms_followed`.
    baseline
        Columns of the covariates at time zero, the first of ones. Shape (people, columns).
    censoring
        How those lost from sight are weighted for too; None if they are not.

    Raises
    ------
    PositivityError
        Nobody is left to stand in for those who left a strategy.
    CohortError
        The outcome is not known for anyone in an arm.
    """
    window = decision_window(strategies)
    clones = censor_artificially(ends, arms_followed)
    decisions = arms_followed[PERSON_AND_DECISION].drop_duplicates()
    if strategies.kind is StrategyKind.GRACE_PERIOD:
        model = _deciding(ends, decisions, window, baseline, np.ones(len(ends), bool))
        weights = {
            Arm.INTERVENTION: (model, weights_with(model, window.closing_days)),
            Arm.COMPARATOR: (model, weights_without(model)),
        }
        entry = replace(entry, weight=np.ones(len(ends)), estimated=None)
    else:
        weights = {}
        for arm, who in ((Arm.INTERVENTION, entry.treated), (Arm.COMPARATOR, ~entry.treated)):
            model = _deciding(ends, decisions, window, baseline, who)
            weights[arm] = (model, weights_without(model))
    in_arm = {arm: _in_arm(clones, arm, ends) for arm in weights}
    if censoring is None:
        return _followed(in_arm, outcome, weights, entry.weight, entry.estimated)
    by_arm = {
        arm: (mine, mine["arm"].notna().to_numpy(), [StrategyFactor(*weights[arm])])
        for arm, mine in in_arm.items()
    }
    return arms_under(by_arm, outcome, entry, censoring)


def _in_arm(clones: pd.DataFrame, arm: Arm, ends: pd.DataFrame) -> pd.DataFrame:
    """Follow-up of an arm's clones, in the order of the people; empty for those not in it."""
    return clones[clones["arm"] == arm].set_index("person_id").reindex(ends["person_id"])


def _deciding(
    ends: pd.DataFrame,
    decisions: pd.DataFrame,
    window: DecisionWindow,
    baseline: NDArray,
    who: NDArray,
) -> DecisionModel:
    """The model of deciding among some of the people."""
    days = decision_days(ends, decisions, window)
    days = days[who[days["position"]]]
    took = days["decided"] & days["undecided"]
    # Before the first decision of anyone the probability is 0, which no regression can say.
    first = days.loc[took, "day"].min() if took.any() else window.first_day
    days = days[days["day"] >= first]
    position, day = days["position"].to_numpy(), days["day"].to_numpy()
    undecided = days["undecided"].to_numpy()
    columns = np.column_stack([baseline[position], *_terms_of_day(day, window)])
    repeats = set(dependent_columns(columns[undecided])) if undecided.any() else set()
    kept = [k for k in range(columns.shape[1]) if k not in repeats]
    return fit_decisions(
        Decisions(
            person=position,
            day=day,
            undecided=undecided,
            decided=days["decided"].to_numpy(),
            design=columns[:, kept],
            people=len(ends),
            last_day=window.last_day,
        )
    )


def _terms_of_day(day: NDArray, window: DecisionWindow) -> list[NDArray]:
    """The day, its square, and the day of time zero itself, where decisions crowd."""
    share = (day - window.first_day) / max(window.last_day - window.first_day, 1)
    return [share, share**2, (day == 0).astype(float)]


def _followed(
    in_arm: dict[Arm, pd.DataFrame],
    outcome: Outcome,
    weights: dict[Arm, tuple[DecisionModel, StrategyWeights]],
    entry: NDArray,
    estimated: EstimatedWeights | None,
) -> ArmsFollowed:
    parts: dict[str, dict] = {name: {} for name in ("under", "missing", "weight", "day", "cause")}
    for arm, (model, by_day) in weights.items():
        mine = in_arm[arm]
        day, cause, known = day_and_cause(mine, outcome)
        there = mine["arm"].notna().to_numpy()
        rows = np.flatnonzero(known & there)
        known_for_someone(rows, arm, outcome)
        day = np.where(known & there, day, np.nan)
        under = followed(model, by_day, day, cause, entry)
        parts["under"][arm] = under
        parts["missing"][arm] = int((there & ~known).sum())
        parts["weight"][arm] = _last_borne(under, day, rows)
        parts["day"][arm], parts["cause"][arm] = day[rows], cause[rows]
    return ArmsFollowed(
        horizon=float(outcome.horizon_days or 0),
        sets={arm: under.sets for arm, under in parts["under"].items()},
        estimated=estimated,
        **parts,
    )


def _last_borne(under: StrategyFollowUp, day: NDArray, rows: NDArray) -> NDArray:
    last = under.weights.weight.shape[1] - 1
    column = np.minimum(day[rows], last).astype(int)
    return under.base[rows] * under.weights.weight[rows, column]
