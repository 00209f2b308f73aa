"""Outcomes that are a number, in tables and sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.analysis.estimates import main_rows
from iop_outcomes.protocol.specification import Outcome, Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.score_words import in_units
from iop_outcomes.report.suppression_of_means import mean_decimals
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import (
    HIDDEN,
    count,
    interval,
    not_known,
    number,
    spelling,
    when,
    words,
)
from iop_outcomes.vocabulary import Arm, Direction, Measure, Method


def mean_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """What goes to the gate; nothing if no outcome is a number."""
    return {} if comparison.means.empty else {"means": comparison.means}


def mean_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> Iterator[Exhibit]:
    """People, means and standard deviations by arm."""
    if "means" not in shown:
        return
    names, table = spelling(protocol), shown["means"].table
    outcomes = {each.name: each for each in protocol.outcomes}
    rows = []
    for (name, arm), methods in table.groupby(["outcome", "arm"], sort=False):
        outcome, by_method = outcomes[str(name)], methods.set_index("method")
        enrolled = by_method.loc[str(Method.UNADJUSTED)]
        told = {
            "Outcome": f"{words(outcome.name, names)} {when(outcome)}{in_units(outcome)}",
            "Arm": names[Arm(str(arm))],
            "People": count(enrolled["people"]),
            "Outcome not known": count(enrolled["missing"]),
        }
        for method, row in by_method.iterrows():
            told[f"{names[Method(str(method))]}, mean (SD)"] = _spread(row)
        rows.append(told)
    yield Exhibit(
        "means",
        "Outcomes that are a number, by arm.",
        pd.DataFrame(rows),
        "SD: standard deviation of the scores, under the weights of its column. Who has no score "
        f"in the window is left out and counted. {hidden_note(protocol)}",
    )


def mean_sentences(shown: Mapping[str, Released], protocol: Protocol) -> list[str]:
    """The difference in means of every outcome that is a number, in words, without a verdict."""
    if "means" not in shown:
        return []
    outcomes = {each.name: each for each in protocol.outcomes}
    estimates, people = shown["estimates"].table, shown["means"].table
    rows = main_rows(estimates)
    rows = rows[rows["measure"] == str(Measure.MEAN_DIFFERENCE)].to_dict("records")
    decimals = mean_decimals(estimates)
    people = people[people["method"] == str(Method.UNADJUSTED)]
    return [_sentence(row, outcomes[row["outcome"]], decimals, people, protocol) for row in rows]


def _sentence(
    row: Mapping[str, Any],
    outcome: Outcome,
    decimals: Mapping[str, int],
    people: pd.DataFrame,
    protocol: Protocol,
) -> str:
    names = spelling(protocol)
    name = words(outcome.name, names)
    if pd.isna(row["estimate"]):
        return f"On {name}, the counts are too small to be shown."
    better = "a lower" if outcome.better is Direction.LOWER else "a higher"
    level = f"{100 * protocol.analysis.confidence_level:g}% confidence interval"
    unknown = not_known(people[people["outcome"] == outcome.name])
    difference = interval(row, decimals.get(outcome.name)) + in_units(outcome, " ")
    return (
        f"On {name}, no margin can be set yet, so nothing is claimed about non-inferiority. Mean "
        f"difference {when(outcome)}, {names['intervention']} minus {names['comparator']}: "
        f"{difference} ({level}; {better} mean is better).{unknown}"
    )


def units_of(protocol: Protocol) -> dict[str, str]:
    """What each outcome that is a number counts; empty where the protocol does not say."""
    return {each.name: each.score.unit or "" for each in protocol.score_outcomes}


def _spread(row: pd.Series) -> str:
    if pd.isna(row["mean"]):
        return HIDDEN
    mean, spread = (number(row[name], row["decimals"]) for name in ("mean", "standard_deviation"))
    return f"{mean} ({spread})"
