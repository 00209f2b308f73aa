"""Things that happen again and again: how often, by arm."""

from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure

from iop_outcomes.analysis.recurrent import DIFFERENCE, MEAN, RATE_RATIO
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.drawing import COLOUR, LINE, NAMES, canvas, capital
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, METHOD, count, number, spelling, words
from iop_outcomes.vocabulary import Arm, Method


def recurrent_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> Iterator[Exhibit]:
    """Mean numbers and ratios of rates, and people by how often."""
    if "recurrent" in shown:
        yield _means(shown["recurrent"].table, protocol)
        yield _counts(shown["recurrent_counts"].table, protocol)


def recurrent_figures(shown: Mapping[str, Released], protocol: Protocol) -> dict[str, Figure]:
    """A curve of the mean number for each name."""
    return {
        f"recurrent_{name}": mean_events_plot(
            shown["recurrent_curves"], name, plan.horizon_days, spelling(protocol)
        )
        for name, plan in protocol.analysis.recurrent_events.items()
        if "recurrent_curves" in shown
    }


def _means(table: pd.DataFrame, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    interval = f"{100 * protocol.analysis.confidence_level:g}% CI"
    rows = []
    for (name, method), cell in table.groupby(["recurrent", "method"], sort=False):
        by = cell.set_index("measure")
        horizon = protocol.analysis.recurrent_events[name].horizon_days
        rows.append(
            {
                "Counted": f"{capital(words(str(name), names))} by day {horizon}",
                "Analysis": METHOD[protocol.strategies.kind][Method(method)],
                **{
                    f"Mean a person, {names[arm]} ({interval})": _cell(by, MEAN[arm]) for arm in Arm
                },
                f"Difference ({interval})": _cell(by, DIFFERENCE),
                f"Ratio of rates ({interval})": _cell(by, RATE_RATIO),
            }
        )
    told_by = sorted(set(table.loc[table["method"] == str(Method.IPTW), "se_method"]))
    return Exhibit(
        "recurrent",
        "How often a person has it, counted each time.",
        pd.DataFrame(rows),
        "Mean: of everyone in sight, wherever they are; none come after death, which is not "
        "censored. Ratio of rates: per day at risk, days in care by day and night and in jail "
        "left out, constant over days (Andersen-Gill), each person one cluster at least. Standard "
        f"errors of weighted rows: {'; '.join(told_by)}. {hidden_note(protocol)}",
    )


def _cell(by: pd.DataFrame, measure: str) -> str:
    if measure not in by.index:
        return "not estimated"
    row = by.loc[measure]
    if pd.isna(row["estimate"]):
        return HIDDEN
    decimals = 2 if measure == RATE_RATIO else 3  # most have it once or never
    told = [number(row[name], decimals) for name in ("estimate", "conf_low", "conf_high")]
    return f"{told[0]} ({told[1]} to {told[2]})"


def _counts(table: pd.DataFrame, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    rows = [
        {
            "Counted": capital(words(row["recurrent"], names)),
            "Arm": names[Arm(row["arm"])],
            "People in sight": count(row["people"]),
            "Not in sight": count(row["missing"]),
            "Never": count(row["none"]),
            "Once": count(row["once"]),
            "Twice": count(row["twice"]),
            "More often": count(row["more_often"]),
            "Died": count(row["died"]),
            "Days at risk": count(row["days_at_risk"]),
            "Days away": count(row["days_away"]),
        }
        for row in table.to_dict("records")
    ]
    return Exhibit(
        "recurrent_counts",
        "People by how often it was seen by the horizon, and their days.",
        pd.DataFrame(rows),
        "Unweighted, as enrolled; who was in sight for a part of the time is counted with what was "
        f"seen. Days away: in care by day and night or in jail. {hidden_note(protocol)}",
    )


def mean_events_plot(
    curves: Released, name: str, horizon_days: int, names: Mapping[str, str] = NAMES
) -> Figure:
    """Weighted mean number of events a person by each day, with its interval.

    The released points are joined by lines; steps that few people stand behind were joined before.
    """
    table = curves.table
    table = table[(table["recurrent"] == name) & (table["method"] == str(Method.IPTW))]
    with canvas(6.4, 3.4) as figure:
        axes = figure.subplots()
        for arm, curve in table.groupby("arm", sort=False):
            arm, days = Arm(arm), curve["day"].astype(float)
            band = {"color": COLOUR[arm], "alpha": 0.15, "linewidth": 0}
            axes.fill_between(days, curve["conf_low"], curve["conf_high"], **band)
            axes.plot(days, curve["mean"], color=COLOUR[arm], linestyle=LINE[arm], label=names[arm])
        axes.set(
            xlim=(0, horizon_days),
            ylim=(0, None),
            xlabel=NAMES["clock"],
            ylabel=f"Mean number of {words(name, names)}\na person",
        )
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="upper left")
    return figure
