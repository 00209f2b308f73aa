"""Tables as people read them: released numbers formatted, one caption, one note."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from iop_outcomes.protocol.specification import Outcome, Protocol
from iop_outcomes.report.balance_note import farthest_note, who_weighs
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.effects_notes import (
    days_note,
    errors_note,
    estimators_note,
    hazards_note,
    intervals_note,
    numbers_needed_note,
)
from iop_outcomes.report.figures import DIFFERENCES, balance_rows
from iop_outcomes.report.score_words import in_units
from iop_outcomes.report.suppression_of_means import mean_decimals
from iop_outcomes.report.wording import (
    HIDDEN,
    MEASURE,
    count,
    interval,
    methods_note,
    number,
    percent,
    scaled,
    spelling,
    when,
    words,
)
from iop_outcomes.vocabulary import NO_EXIT, Arm, Direction, ExitReason, Measure, Method

OF_DAYS = (
    Measure.RMST_DIFFERENCE,
    Measure.RMTL_RATIO,
    Measure.HAZARD_RATIO,
    Measure.SUBDISTRIBUTION_HAZARD_RATIO,
)
HIDDEN_NOTE = f"{HIDDEN}: not shown, so that no group of one to {{most}} people can be told apart."


@dataclass(frozen=True)
class Exhibit:
    """A table ready to be set.

    Attributes
    ----------
    name
        File name and anchor.
    caption
        What it shows, in one sentence.
    table
        Cells as text; column names are the header.
    note
        What a reader must know below it.
    """

    name: str
    caption: str
    table: pd.DataFrame
    note: str = ""

    @property
    def text_columns(self) -> set[str]:
        """Columns of words, which are set flush left; numbers are set flush right."""
        starts = self.table.apply(lambda column: column.str.contains(r"^[–−\d]").mean())
        return {column for column in self.table.columns if not starts[column] >= 0.5}


def baseline_table(balance: Released, sample_size: Released, protocol: Protocol) -> Exhibit:
    """Table 1: who the people were at time zero, as enrolled and weighted, without p-values."""
    names = spelling(protocol)
    size = sample_size.table.set_index("arm")
    columns = {
        **{arm: f"{names[arm]} (n = {count(size.loc[arm, 'people'])})" for arm in Arm},
        **{
            f"weighted {arm}": f"{names[arm]}, weighted "
            f"(effective n = {count(size.loc[arm, 'effective'])})"
            for arm in Arm
        },
    }
    rows = []
    for _, row in balance_rows(balance, names).iterrows():
        cells = {"Characteristic": row["label"]}
        for arm in Arm:
            cells[columns[arm]] = _level(row, arm, "")
            cells[columns[f"weighted {arm}"]] = _level(row, arm, "weighted_")
        cells["SMD before"] = number(row["smd_before"], 2)
        cells["SMD after"] = number(row["smd_after"], 2)
        rows.append(cells)
    order = ["Characteristic", *columns.values(), "SMD before", "SMD after"]
    return Exhibit(
        "baseline",
        "Characteristics at time zero, before and after weighting.",
        pd.DataFrame(rows)[order],
        "Counts with per cent, or means with standard deviations. SMD: standardised mean "
        "difference, over the pooled standard deviation before weighting. "
        f"{who_weighs(size, names)}{farthest_note(balance, names)}{hidden_note(protocol)}",
    )


def _level(row: pd.Series, arm: Arm, kind: str) -> str:
    if "value_intervention" not in row or (
        pd.isna(row.get("level")) and pd.isna(row.get(f"value_{arm}"))
    ):
        return ""  # a covariate with very many levels, told by its worst SMD alone
    value = row[f"{kind}value_{arm}"]
    if pd.isna(row["level"]):
        return f"{number(value)} ({number(row[f'{kind}spread_{arm}'])})"
    if pd.isna(value):
        return HIDDEN
    share = percent(value)
    return f"{share}%" if kind else f"{count(row[f'people_{arm}'])} ({share}%)"


def effects_table(
    estimates: Released,
    truth: Released | None,
    protocol: Protocol,
    warnings: Iterable[str] = (),
) -> Exhibit:
    """Absolute and relative effects on every outcome, unadjusted and weighted.

    `warnings` are sentences about the standard errors, which stand below.
    """
    names = spelling(protocol)
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    level = f"{100 * protocol.analysis.confidence_level:g}% CI"
    methods = [method for method in Method if str(method) in set(estimates.table["method"])]
    rows, decimals = [], mean_decimals(estimates.table)
    for (name, measure), both in estimates.table.groupby(["outcome", "measure"], sort=False):
        outcome = outcomes[str(name)]
        by_method = both.set_index("method")
        row = {
            "Outcome": f"{words(outcome.name, names)} {when(outcome)}",
            "Measure": MEASURE[Measure(str(measure))].format(**names) + in_units(outcome),
        }
        for method in methods:
            label = f"{names[method]} ({level})"
            row[label] = (
                interval({**by_method.loc[str(method)], "measure": measure}, decimals.get(name))
                if str(method) in by_method.index
                else _without(method, str(measure))
            )
        if truth is not None:
            row["Planted truth"] = _planted(truth, outcome, str(measure), protocol)
        rows.append(row)
    note = (
        f"Risks in per cent; differences are {names['intervention']} minus "
        f"{names['comparator']}, ratios {names['intervention']} over {names['comparator']}. "
        f"{errors_note(estimates, protocol)}{' '.join([*warnings, hidden_note(protocol)])}"
    )
    if protocol.score_outcomes:
        note += " Means are in their own units, and no ratio is made of them."
    note += days_note(estimates) + intervals_note(protocol) + hazards_note(protocol)
    note += methods_note(protocol) + estimators_note(protocol)
    note += numbers_needed_note(estimates, protocol)
    if truth is not None:
        note += " Planted truth: what the simulation was built to have, for the last column."
    return Exhibit("effects", "Effects on every outcome.", pd.DataFrame(rows), note)


def _without(method: Method, measure: str) -> str:
    """What stands where there is no estimate: nothing, if the method never makes this one."""
    beside = method in (Method.G_COMPUTATION, Method.AIPW, Method.TMLE)
    return "" if beside and measure in OF_DAYS else HIDDEN


def _planted(truth: Released, outcome: Outcome, measure: str, protocol: Protocol) -> str:
    table = truth.table
    found = table[
        (table["outcome"] == outcome.name)
        & (table["measure"] == measure)
        & (table["estimand"] == str(protocol.estimand))
    ]
    return scaled(found["truth"].iloc[0], measure) if len(found) else ""


def outcomes_table(arms: Released, protocol: Protocol) -> Exhibit:
    """How follow-up stood at the horizon, in people."""
    names = spelling(protocol)
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    table = arms.table[arms.table["method"] == str(Method.UNADJUSTED)]
    rows = [
        {
            "Outcome": f"{words(row['outcome'], names)} {when(outcomes[row['outcome']])}",
            "Arm": names[Arm(row["arm"])],
            "People": count(row["people"]),
            "Events": count(row["events"]),
            "Competing events": count(row["competing"]),
            "Censored before": count(row["censored"]),
            "Outcome not known": count(row["missing"]),
            "Median days": _median(row),
            "Mean days (RMST)": number(row["restricted_mean_days"]),
        }
        for row in table.to_dict("records")
    ]
    return Exhibit(
        "outcomes",
        "People, events and follow-up, unweighted.",
        pd.DataFrame(rows),
        "Median: the day by which half had the outcome, with its interval. Mean: days before the "
        "outcome, up to the horizon; who can no longer have it counts as free of it to the end. "
        f"{hidden_note(protocol)}",
    )


def _median(row: Mapping[str, object]) -> str:
    if pd.isna(row["restricted_mean_days"]):
        return HIDDEN
    days, low, high = (row.get(name) for name in ("median_days", "median_low", "median_high"))
    if pd.isna(low):  # without a lower limit there is no upper one
        return "not reached" if pd.isna(days) else f"{days:g}"
    if pd.isna(days):
        return f"not reached (from {low:g})"
    return f"{days:g} ({low:g} to {'not reached' if pd.isna(high) else f'{high:g}'})"


def exits_table(exits: Released, protocol: Protocol) -> Exhibit:
    """How index stays ended, by level of care."""
    names, table = spelling(protocol), exits.table
    by_level = table.groupby("level_of_care")["arm"].nunique().eq(1).all()
    # A level of care that both arms share is told by arm.
    columns = {
        (arm, level): f"{level if by_level else f'{names[Arm(arm)]}, {level}'} (people)"
        for arm in map(str, Arm)
        for level in table.loc[table["arm"] == arm, "level_of_care"].unique()
    }
    cells = {
        (row.reason, columns[row.arm, row.level_of_care]): count(row.people)
        for row in table.itertuples()
    }
    reasons = [str(reason) for reason in (*ExitReason, NO_EXIT) if reason in set(table["reason"])]
    rows = [
        {"Exit": reason, **{c: cells.get((reason, c), "0") for c in columns.values()}}
        for reason in reasons
    ]
    return Exhibit(
        "exits",
        "How the index stay ended, by level of care.",
        pd.DataFrame(rows),
        f"Unweighted. {hidden_note(protocol)}",
    )


def robustness_table(alternatives: Released, protocol: Protocol) -> Exhibit:
    """The weighted risk difference under every alternative protocol."""
    names, table = spelling(protocol), alternatives.table
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    table = table[table["measure"].isin(DIFFERENCES)]
    decimals = mean_decimals(table)
    difference = "Difference, points or units" if decimals else "Risk difference, points"
    rows = [
        {
            "Alternative": row["alternative"],
            "Outcome": f"{words(row['outcome'], names)}, {_read(row, outcomes[row['outcome']])}",
            "Estimand": row["estimand"],
            "n": count(row["n"]),
            difference: interval(row, decimals.get(row["outcome"]))
            + in_units(outcomes[row["outcome"]], " "),
            "Verdict": row["verdict"] if isinstance(row["verdict"], str) else "",
        }
        for row in table.to_dict("records")
    ]
    return Exhibit(
        "robustness",
        f"The {'' if decimals else 'risk '}difference when one line of the protocol changes.",
        pd.DataFrame(rows),
        hidden_note(protocol),
    )


def _read(row: Mapping[str, object], outcome: Outcome) -> str:
    """When an alternative reads an outcome, which the protocol may read otherwise."""
    if not pd.isna(row["horizon_days"]):
        return f"day {row['horizon_days']}"
    if outcome.score is not None:
        return "in its window"
    unclocked = outcome.horizon_days is None and not outcome.at_exit
    return when(outcome) if unclocked else "at exit"


def attrition_table(attrition: Released, protocol: Protocol) -> Exhibit:
    """The flow diagram in numbers."""
    names = spelling(protocol)
    rows = [
        {
            "Criterion": row["criterion"],
            "Arm": names[Arm(row["arm"])],
            "Left out": count(row["excluded"]),
            "Remaining": count(row["remaining"]),
        }
        for row in attrition.table.to_dict("records")
    ]
    note = "Criteria that left out few people are told together."
    return Exhibit("attrition", "Who was left out, and why.", pd.DataFrame(rows), note)


def worse_side(protocol: Protocol) -> dict[str, float]:
    """Each outcome's margin as a risk difference on the side that is worse."""
    direction = {outcome.name: outcome.better for outcome in protocol.outcomes}
    return {
        name: margin.risk_difference * (1 if direction[name] is Direction.LOWER else -1)
        for name, margin in protocol.noninferiority.items()
    }


def hidden_note(protocol: Protocol) -> str:
    """What a dash means below a table of counts."""
    return HIDDEN_NOTE.format(most=protocol.disclosure.smallest_count - 1)
