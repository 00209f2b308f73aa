"""Where people are: expected days in each state, and the share of an arm in each by day."""

from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.drawing import FAINT, INK, NAMES, canvas, capital, wrapped
from iop_outcomes.report.suppression_of_states import TOGETHER
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, METHOD, number, spelling
from iop_outcomes.vocabulary import Arm, Method, State

# From the community upwards: distinct without red against green, and in print by their order.
AREA = {
    State.COMMUNITY: "#56B4E9",
    State.AFTER_USE: "#E69F00",
    State.OUTPATIENT: "#CCEBDF",
    State.INTENSIVE: "#009E73",
    State.CARE: "#5B4B8A",
    State.READMITTED: "#CC79A7",
    State.JAIL: "#7a6a2f",
    State.DEAD: "#222222",
    TOGETHER: "#c8c8c8",
}


def states_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> Iterator[Exhibit]:
    """Expected days in each state by arm, and their difference."""
    if "days_in_states" in shown:
        yield _days(shown["days_in_states"].table, protocol)


def states_figures(shown: Mapping[str, Released], protocol: Protocol) -> dict[str, Figure]:
    """Stacked shares of both arms."""
    if "state_curves" not in shown:
        return {}
    return {
        "states": occupancy_plot(
            shown["state_curves"], protocol.analysis.states.horizon_days, spelling(protocol)
        )
    }


def _days(table: pd.DataFrame, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    interval = f"{100 * protocol.analysis.confidence_level:g}% CI"
    rows = []
    for (state, method), cell in table.groupby(["state", "method"], sort=False):
        by = cell.set_index("arm")
        rows.append(
            {
                "State": capital(str(state)),
                "Analysis": METHOD[protocol.strategies.kind][Method(method)],
                **{f"Days, {names[arm]} ({interval})": _cell(by.loc[str(arm)]) for arm in Arm},
                f"Difference ({interval})": _cell(by.loc["difference"]),
            }
        )
    order = list(dict.fromkeys(row["State"] for row in rows))
    rows.sort(key=lambda row: order.index(row["State"]))
    told_by = sorted(set(table.loc[table["method"] == str(Method.IPTW), "se_method"]))
    horizon = int(table["horizon_days"].iloc[0])
    return Exhibit(
        "days_in_states",
        f"Expected days in each state from time zero to day {horizon}.",
        pd.DataFrame(rows),
        "The days of an arm add up to the horizon. Of what holds on a day the lower row counts. A "
        "return to use lasts, in the community, until the next admission. Partial hospitalization "
        "is intensive outpatient care here. No assumption of how moves hang on the past. Standard "
        f"errors of weighted rows: {'; '.join(told_by)}. {hidden_note(protocol)}",
    )


def _cell(row: pd.Series) -> str:
    if pd.isna(row["days"]):
        return HIDDEN
    return f"{number(row['days'])} ({number(row['conf_low'])} to {number(row['conf_high'])})"


def occupancy_plot(curves: Released, horizon_days: int, names: Mapping[str, str] = NAMES) -> Figure:
    """Weighted share of each arm in each state, stacked, by day."""
    table = curves.table[curves.table["method"] == str(Method.IPTW)]
    states = [s for s in AREA if (table.loc[table["state"] == str(s), "probability"] > 0).any()]
    with canvas(7.6, 3.6) as figure:
        panels = figure.subplots(1, 2, sharex=True, sharey=True)
        for axes, arm in zip(panels, Arm, strict=True):
            rows = table[table["arm"] == str(arm)]
            share = rows.pivot(index="day", columns="state", values="probability").fillna(0)
            heights = [share[str(s)] if str(s) in share else 0 * share.index for s in states]
            axes.set_title(wrapped(capital(names[arm]), 40), fontsize=9)
            if len(share) > 1:
                axes.stackplot(
                    share.index.astype(float), heights, colors=[AREA[s] for s in states],
                    labels=[capital(str(s)) for s in states], edgecolor="white", linewidth=0.4,
                )  # fmt: skip
                axes.plot(share.index.astype(float), [1.0] * len(share), "|", color=FAINT, ms=4)
            else:
                axes.text(0.5, 0.5, HIDDEN, transform=axes.transAxes, color=INK)
            axes.set(xlim=(0, horizon_days), ylim=(0, 1), xlabel=NAMES["clock"])
        panels[0].yaxis.set_major_formatter(PercentFormatter(1, 0))
        marks, texts = [], []
        for axes in panels:
            if not marks:
                marks, texts = axes.get_legend_handles_labels()
        if marks:
            figure.legend(marks[::-1], texts[::-1], loc="outside lower center", ncols=2, fontsize=8)
    return figure
