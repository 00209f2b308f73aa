"""Weighting those still followed for those who no longer are, or never were.

In each arm one model says who is lost from sight before the horizon, day by day, and another of
whom nothing is known after time zero, given the covariates; statistics/survival makes weights of
them, which multiply those of entering the arm and of following its strategy.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import ArmsFollowed, day_and_cause, known_for_someone
from iop_outcomes.analysis.entry_weights import EntryWeights
from iop_outcomes.errors import StudyError
from iop_outcomes.protocol.censoring_plan import CensoringPlan
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.statistics.survival.curves import CENSORED
from iop_outcomes.statistics.survival.loss_to_follow_up import (
    LossWeights,
    fit_losses,
    loss_weights,
)
from iop_outcomes.statistics.survival.multiplied_weights import followed_under
from iop_outcomes.statistics.survival.unknown_outcomes import KnownWeights, known_weights
from iop_outcomes.vocabulary import Arm, Status

LEFT_THE_STRATEGY = -1  # an end of follow-up that is no loss, told by weights of its own
WHERE = "protocol.analysis.censoring"


@dataclass(frozen=True)
class Censoring:
    """What weighting for censoring needs to know of the people.

    Attributes
    ----------
    plan
        Of the protocol.
    columns
        Of the covariates, the first of ones. Shape (people, columns).
    covariates
        Names of the variables that these columns are made of.
    """

    plan: CensoringPlan
    columns: NDArray
    covariates: tuple[str, ...]

    def factors(
        self, ends: pd.DataFrame, outcome: Outcome, arm: Arm, there: NDArray
    ) -> list[LossWeights | KnownWeights]:
        """Weights of one arm for being lost and for being known, each where it can happen.

        Parameters
        ----------
        ends
            Follow-up in the arm, one row per person of the study: `days`, `status`.
        there
            True for those of the arm. Shape (people,).

        Raises
        ------
        CohortError, PositivityError
            A model cannot be fitted; names the arm and the outcome.
        """
        try:
            return [*self._known(ends, outcome, there), *self._lost(ends, outcome, there)]
        except StudyError as error:
            raise type(error)(f"{WHERE}: {outcome.name}, {arm} arm: {error}") from None

    def _known(self, ends: pd.DataFrame, outcome: Outcome, there: NDArray) -> list[KnownWeights]:
        """None on the clock of the exit: whoever was not seen to leave has no such days."""
        if outcome.clock is Clock.EXIT:
            return []
        _, _, known = day_and_cause(ends, outcome)
        plan = self.plan
        return [known_weights(known, self.columns, there, plan.stabilised, plan.truncate)]

    def _lost(self, ends: pd.DataFrame, outcome: Outcome, there: NDArray) -> list[LossWeights]:
        if outcome.horizon_days is None:
            return []
        day, cause, known = day_and_cause(ends, outcome)
        left = ends["status"].eq(str(Status.ARTIFICIALLY_CENSORED)).to_numpy(bool)
        horizon, plan = float(outcome.horizon_days), self.plan
        model = fit_losses(
            np.where(known & there, day, np.nan),
            np.where(left, LEFT_THE_STRATEGY, cause),
            self.columns,
            horizon,
        )
        return [loss_weights(model, horizon, plan.interval_days, plan.stabilised, plan.truncate)]


def arms_still_followed(
    ends: pd.DataFrame, outcome: Outcome, entry: EntryWeights, censoring: Censoring
) -> ArmsFollowed:
    """Everyone in the arm they entered, weighted for that and for who is no longer followed.

    Follow-up is cut at the horizon, beyond which no weight is known.

    Parameters
    ----------
    ends
        Follow-up of the outcome, one row per person, in the order of `entry` and `censoring`.

    Raises
    ------
    CohortError, PositivityError
        The outcome is not known for anyone in an arm, or a model cannot be fitted.
    """
    in_arm = {Arm.INTERVENTION: entry.treated, Arm.COMPARATOR: ~entry.treated}
    return arms_under(
        {arm: (ends, there, []) for arm, there in in_arm.items()}, outcome, entry, censoring
    )


def arms_under(
    by_arm: dict[Arm, tuple[pd.DataFrame, NDArray, list]],
    outcome: Outcome,
    entry: EntryWeights,
    censoring: Censoring,
) -> ArmsFollowed:
    """Arms whose people bear every weight: of entering, of the strategy, of being followed.

    Parameters
    ----------
    by_arm
        Follow-up of everyone in the arm, who is there, and the factors of its strategy.
    entry
        Weights at time zero.
    """
    parts: dict[str, dict] = {name: {} for name in ("under", "missing", "weight", "day", "cause")}
    for arm, (ends, there, of_strategy) in by_arm.items():
        day, cause, known = day_and_cause(ends, outcome)
        rows = np.flatnonzero(known & there)
        known_for_someone(rows, arm, outcome)
        if outcome.horizon_days is not None:
            beyond = day > outcome.horizon_days
            day = np.where(beyond, outcome.horizon_days, day)
            cause = np.where(beyond, CENSORED, cause)
        day = np.where(known & there, day, np.nan)
        factors = [*of_strategy, *censoring.factors(ends, outcome, arm, there)]
        under = followed_under(factors, day, cause, np.where(there, entry.weight, 0.0))
        parts["under"][arm] = under
        parts["missing"][arm] = int((there & ~known).sum())
        parts["weight"][arm] = under.last_borne()[rows]
        parts["day"][arm], parts["cause"][arm] = day[rows], cause[rows]
    return ArmsFollowed(
        horizon=float(outcome.horizon_days or 1),
        sets={arm: under.sets for arm, under in parts["under"].items()},
        estimated=entry.estimated,
        **parts,
    )
