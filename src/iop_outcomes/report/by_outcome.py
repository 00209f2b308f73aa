"""Tables of results set beside the outcomes of the protocol, before they pass the gate."""

import pandas as pd

from iop_outcomes.analysis.arms import reading_days
from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.specification import Outcome, Protocol
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.vocabulary import ExitReason, Method


def by_what_they_count_as(exits: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Exits with `counts_as`: the readings at exit whose events the reason is among."""
    counting = _reasons_counted(protocol)
    if not counting:
        return exits
    classes = exits["reason"].map(
        lambda reason: ", ".join(name for name, reasons in counting.items() if reason in reasons)
    )
    return exits.assign(counts_as=classes)


def _reasons_counted(protocol: Protocol) -> dict[str, tuple[str, ...]]:
    """Reasons of exit by the reading that counts them: its events are their sum."""
    found = {
        outcome.name: outcome.counts
        for outcome in protocol.outcomes
        if outcome.horizon_days is None and outcome.counts
    }
    reasons = set(map(str, ExitReason))
    for outcome in protocol.outcomes:
        for name in outcome.other_definitions:
            asked = definition(name)
            if not asked.clocked and reasons & set(asked.kinds):
                found[f"{outcome.name} by {name}"] = asked.kinds
    return found


def numbers_at_risk(comparison: Comparison, protocol: Protocol) -> pd.DataFrame:
    """People at risk on even days up to each horizon, one row per outcome, arm and day.

    `enrolled` counts those whose outcome is not known too.
    """
    arms = comparison.arms
    starts = protocol.strategies.kind is StrategyKind.INITIATE
    method = Method.UNADJUSTED if starts else Method.PER_PROTOCOL  # people, without weights
    curves = comparison.curves[comparison.curves["method"] == str(method)]
    told = [
        curves[
            (curves["outcome"] == outcome.name)
            & curves["day"].isin(reading_days(outcome.horizon_days))
        ]
        for outcome in protocol.outcomes
        if outcome.horizon_days is not None
    ]
    table = pd.concat([curves[:0], *told], ignore_index=True)
    keys = ["outcome", "method", "arm"]
    table = table.merge(arms[[*keys, "people", "missing"]], on=keys, validate="many_to_one")
    table["enrolled"] = table["people"] + table["missing"]
    return table[["outcome", "arm", "day", "at_risk", "enrolled"]]


def truth_of_outcomes(truth: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """The planted truths that the protocol's outcomes have, with `outcome` for their events."""

    def of(outcome: Outcome) -> pd.DataFrame:
        found = truth[
            (truth["events"] == "; ".join(sorted(outcome.events)))
            & (truth["horizon_days"] == outcome.horizon_days)
        ]
        return found.assign(outcome=outcome.name)

    # A truth is planted on the clock of time zero, and no other clock has it.
    clocked = [
        outcome
        for outcome in protocol.outcomes
        if outcome.horizon_days is not None and outcome.clock is Clock.TIME_ZERO
    ]
    nothing = truth[:0].assign(outcome="")
    table = pd.concat([nothing, *(of(outcome) for outcome in clocked)], ignore_index=True)
    columns = ["outcome", "horizon_days", "estimand", "measure", "truth", "monte_carlo_error"]
    return table[columns]
