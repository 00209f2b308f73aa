"""Weights for censoring: how alike those still told of are to everyone, and how large they are."""

from collections.abc import Iterator, Mapping

import pandas as pd

from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.protocol.specification import Outcome, Protocol
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import number, spelling, when, words
from iop_outcomes.vocabulary import Arm

FAR_FROM_ONE = 0.1  # of a mean of stabilised weights
ALSO_LEFT = (
    "Whoever left the strategy is not told of either, and weighted for too; the weights shown are "
    "without those. "
)
MOST_LEVELS = 20  # of a covariate told level by level
DAYS_SHOWN = 2  # every second day on which numbers at risk are told
NOTE = (
    "Told of on a day: people who had the outcome (or what forecloses it) by then, or are followed "
    "still. Differences are to everyone of the arm at time zero, over the standard deviation in "
    "the arm, both weighted for entering the arm; the largest of all covariates. Weights: those "
    "for censoring alone, stabilised, before any cap; their mean should be near 1. Effective "
    "number: under all weights. "
)


def censoring_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """What goes to the gate; nothing if the protocol does not weight for censoring."""
    if comparison.censoring.empty:
        return {}
    return {
        "censoring": comparison.censoring,
        "censoring_balance": comparison.censoring_balance,
    }


def censoring_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> Iterator[Exhibit]:
    """A table of days and weights, and for each outcome one of covariates at the horizon."""
    if "censoring" not in shown:
        return
    yield _by_day(shown["censoring"].table, protocol)
    for outcome in protocol.outcomes:
        yield _by_covariate(shown["censoring_balance"].table, outcome, protocol)


def _by_day(table: pd.DataFrame, protocol: Protocol) -> Exhibit:
    names, starts = spelling(protocol), protocol.strategies.kind is StrategyKind.INITIATE
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    rows = []
    for (outcome, arm), days in table.groupby(["outcome", "arm"], sort=False):
        # The last ones of the even days, the horizon among them.
        for row in days[::-1][::DAYS_SHOWN][::-1].to_dict("records"):
            if row["day"] == 0:
                continue
            rows.append(
                {
                    "Outcome": f"{words(str(outcome), names)} {when(outcomes[str(outcome)])}",
                    "Arm": names[Arm(str(arm))],
                    "Day": "at exit" if pd.isna(row["day"]) else f"{row['day']:g}",
                    "Largest SMD, not weighted for censoring": number(row["largest_smd_before"], 2),
                    "Weighted": number(row["largest_smd_after"], 2),
                    "Mean weight": number(row["mean_weight"], 2),
                    "Largest weight": number(row["largest_weight"]),
                    "Effective number": number(row["effective"]),
                }
            )
    return Exhibit(
        "censoring",
        "Weights for censoring, and whether those still told of are like everyone of their arm.",
        pd.DataFrame(rows),
        f"{NOTE}{'' if starts else ALSO_LEFT}{_far_from_one(table, protocol)}"
        f"{hidden_note(protocol)}",
    )


def _far_from_one(table: pd.DataFrame, protocol: Protocol) -> str:
    """Where the mean of the weights says that the model of losses does not hold."""
    names = spelling(protocol)
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    last = table.groupby(["outcome", "arm"], sort=False).tail(1)
    far = last[(last["mean_weight"] - 1).abs() > FAR_FROM_ONE]
    told = [
        f"{words(row['outcome'], names)} {when(outcomes[row['outcome']])}, "
        f"{names[Arm(row['arm'])]}: {number(row['mean_weight'], 2)}"
        for row in far.to_dict("records")
    ]
    if not told:
        return ""
    return (
        f"The mean weight is far from 1 ({'; '.join(told)}): the model of who is lost does not "
        "fit, or a few people stand for very many; name other covariates in analysis.censoring, "
        "or read the risk on an earlier day. "
    )


def _by_covariate(table: pd.DataFrame, outcome: Outcome, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    mine = table[table["outcome"] == outcome.name]
    levels = mine[mine["arm"] == str(Arm.INTERVENTION)]["covariate"].value_counts()
    rows = []
    for (covariate, level), arms in mine.groupby(
        ["covariate", mine["level"].fillna("")], sort=False
    ):
        if levels[covariate] > MOST_LEVELS:
            continue
        label = words(str(covariate), names)
        cells = {"Characteristic": f"{label}: {level}" if level else label}
        for arm in Arm:
            row = arms[arms["arm"] == str(arm)].iloc[0]
            cells[f"{names[arm]}, not weighted for censoring"] = number(row["smd_before"], 2)
            cells[f"{names[arm]}, weighted"] = number(row["smd_after"], 2)
        rows.append(cells)
    return Exhibit(
        f"censoring_{outcome.name}",
        f"{words(outcome.name, names).capitalize()} {when(outcome)}: standardised differences of "
        "those told of to everyone of their arm at time zero.",
        pd.DataFrame(rows),
        f"Covariates with more than {MOST_LEVELS} levels are in the largest alone. "
        f"{hidden_note(protocol)}",
    )
