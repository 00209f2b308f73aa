"""In which arms people are followed, and on which day, if any, their data contradict one."""

import pandas as pd

from iop_outcomes.cohort.adherence import adherence
from iop_outcomes.cohort.cloning import grace_clones
from iop_outcomes.cohort.index_stays import arm_of, grace_period
from iop_outcomes.cohort.strategies import DecisionWindow, Sustain
from iop_outcomes.protocol.specification import Strategies
from iop_outcomes.protocol.strategies import StrategyKind

COLUMNS = {
    **dict.fromkeys(("person_id", "arm"), "str"),
    "artificially_censored_day": "Int64",
    **dict.fromkeys(("reason", "source"), "str"),
    **dict.fromkeys(("source_row", "start_day", "excuse_day"), "Int64"),
}


def arms_followed(
    eligible: pd.DataFrame, stays: pd.DataFrame, strategies: Strategies
) -> pd.DataFrame:
    """Everyone's arms: none to be contradicted, their own, or both as clones.

    Parameters
    ----------
    eligible
        One row per person, as `index_stays.index_stays` returns, with `exit_day`.
    stays
        Of the records.

    Returns
    -------
    pd.DataFrame
        No row where a strategy asks only to be started; one row per person where it is to be
        sustained, two in a grace period: `person_id`, `arm`, `artificially_censored_day` and the
        `reason`, `source` and `source_row` of it, empty if the arm is never contradicted; and for
        the model of deciding `start_day`, the day of the decision (a start, or an exit that breaks
        the strategy), and `excuse_day`, the first day on which it can no longer be taken.
    """
    if strategies.kind is StrategyKind.GRACE_PERIOD:
        found = _clones(eligible, strategies)
    elif strategies.kind is StrategyKind.SUSTAINED:
        rule = Sustain(until_day=strategies.sustained_days or 0)
        found = adherence(eligible, stays, arm_of(strategies), rule, strategies.by)
    else:
        return nobody_contradicted()
    return found[list(COLUMNS)].astype(COLUMNS).reset_index(drop=True)


def nobody_contradicted() -> pd.DataFrame:
    """The arms of strategies that ask only to be started: no row."""
    return pd.DataFrame(columns=list(COLUMNS)).astype(COLUMNS)


def decision_window(strategies: Strategies) -> DecisionWindow:
    """The days on which a decision contradicts an arm."""
    if strategies.kind is StrategyKind.GRACE_PERIOD:
        return grace_period(strategies).window
    return Sustain(until_day=strategies.sustained_days or 0).window


def _clones(eligible: pd.DataFrame, strategies: Strategies) -> pd.DataFrame:
    starts = eligible[["person_id", "start_day_after", "start_row", "excuse_day"]]
    starts = starts.rename(columns={"start_day_after": "start_day"})
    clones = grace_clones(starts, grace_period(strategies))
    return clones.merge(starts, on="person_id", validate="many_to_one")
