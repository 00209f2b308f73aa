"""Lengths of stay that are known in bands: risks at their edges, and bounds of mean days."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.drawing import COLOUR, NAMES, canvas, capital, wrapped
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, METHOD, number, percent, spelling, words
from iop_outcomes.vocabulary import Arm, Measure, Method

RISK = {Arm.INTERVENTION: Measure.RISK_INTERVENTION, Arm.COMPARATOR: Measure.RISK_COMPARATOR}
MARK = {Arm.INTERVENTION: "o", Arm.COMPARATOR: "s"}


def exit_risks_table(exit_risks: Released, protocol: Protocol) -> Exhibit:
    """Risks of leaving by each reason, by the days the protocol asks for, and their difference."""
    names, table = spelling(protocol), exit_risks.table
    interval = f"{100 * protocol.analysis.confidence_level:g}% CI"
    rows = []
    for (exit_, day, method), cell in _asked(table).groupby(["exit", "day", "method"], sort=False):
        by = cell.set_index("measure")
        rows.append(
            {
                "Left for": capital(words(str(exit_), names)),
                "By day": f"{day}",
                "Analysis": METHOD[protocol.strategies.kind][Method(method)],
                **{
                    f"Risk, {names[arm]} ({interval})": _with_interval(by, RISK[arm], percent)
                    for arm in Arm
                },
                f"Risk difference, points ({interval})": _with_interval(
                    by, Measure.RISK_DIFFERENCE, percent
                ),
                f"Hazard ratio to the horizon ({interval})": _ratio(by, table, str(exit_), method),
            }
        )
    return Exhibit(
        "exit_risks",
        "Leaving the index stay by the edges of the bands in which its length is known.",
        pd.DataFrame(rows),
        "Of people whose length of stay is known. Between edges nobody knows who had left. Every "
        "reason of exit competes with every other; "
        "risks in per cent. Hazard ratio: cause-specific, in continuous time, proportional within "
        "and across bands (complementary log-log); not estimated where an arm never leaves for a "
        f"reason. {hidden_note(protocol)}",
    )


def _asked(table: pd.DataFrame) -> pd.DataFrame:
    order = list(dict.fromkeys(table["exit"]))
    read = table[table["read"] & table["measure"].ne(str(Measure.HAZARD_RATIO))]
    place = read["exit"].map({name: place for place, name in enumerate(order)})
    return read.assign(place=place).sort_values(["place", "day"], kind="stable")


def _with_interval(by: pd.DataFrame, measure: Measure, spelled) -> str:
    row = by.loc[str(measure)]
    if pd.isna(row["estimate"]):
        return HIDDEN
    low, high = spelled(row["conf_low"]), spelled(row["conf_high"])
    return f"{spelled(row['estimate'])} ({low} to {high})"


def _ratio(by: pd.DataFrame, table: pd.DataFrame, exit_: str, method: object) -> str:
    """Told once, on the row of the horizon."""
    if by["day"].iloc[0] != table["day"].max():
        return ""
    rows = table[(table["exit"] == exit_) & (table["method"] == method)]
    rows = rows.set_index("measure")
    if str(Measure.HAZARD_RATIO) not in rows.index:
        return "" if exit_ == table["exit"].iloc[0] else "not estimated"
    return _with_interval(rows, Measure.HAZARD_RATIO, lambda value: number(value, 2))


def days_in_care_table(days_in_care: Released, protocol: Protocol) -> Exhibit:
    """Bounds of the mean days in the index stay, by arm, and of their difference."""
    names = spelling(protocol)
    interval = f"{100 * protocol.analysis.confidence_level:g}% interval around both"
    rows = [
        {
            "Arm": names[Arm(row["arm"])] if row["arm"] in list(Arm) else "Difference",
            "Analysis": METHOD[protocol.strategies.kind][Method(row["method"])],
            "Mean days, at least": number(row["days_lower"]),
            "At most": number(row["days_upper"]),
            capital(interval): HIDDEN
            if pd.isna(row["conf_low"])
            else f"{number(row['conf_low'])} to {number(row['conf_high'])}",
        }
        for row in days_in_care.table.to_dict("records")
    ]
    horizon = int(days_in_care.table["horizon_days"].iloc[0])
    return Exhibit(
        "days_in_care",
        f"Mean days in the index stay up to day {horizon}: bounds, not a value.",
        pd.DataFrame(rows),
        "At least: everyone leaves on the first day of their band; at most: on its last. The least "
        "difference is the intervention's lower bound less the comparator's upper one. The "
        "interval reaches from the lower limit of the one to the upper limit of the other. "
        f"{hidden_note(protocol)}",
    )


def exit_risks_plot(exit_risks: Released, names: Mapping[str, str] = NAMES) -> Figure:
    """Weighted risks of leaving at the edges of bands, as points: between them nothing is known."""
    table = exit_risks.table[exit_risks.table["method"] == str(Method.IPTW)]
    exits = [name for name, rows in table.groupby("exit", sort=False) if _any_told(rows)]
    exits = exits or list(dict.fromkeys(table["exit"]))[:1]
    with canvas(3.2 + 2.0 * min(len(exits), 3), 0.6 + 2.3 * -(-len(exits) // 3)) as figure:
        panels = figure.subplots(
            -(-len(exits) // 3), min(len(exits), 3), squeeze=False, sharex=True, sharey=True
        ).ravel()
        for axes, name in zip(panels, exits, strict=False):
            rows = table[table["exit"] == name]
            for arm in Arm:
                told = rows[rows["measure"] == str(RISK[arm])].dropna(subset="estimate")
                shift = 0.4 if arm is Arm.COMPARATOR else -0.4
                axes.errorbar(
                    told["day"] + shift,
                    told["estimate"],
                    [told["estimate"] - told["conf_low"], told["conf_high"] - told["estimate"]],
                    fmt=MARK[arm], ms=3.5, color=COLOUR[arm], linewidth=0.8, label=names[arm],
                )  # fmt: skip
            axes.set_title(capital(wrapped(words(str(name), names), 30)), fontsize=9)
            axes.set(xlim=(0, table["day"].max() * 1.03), ylim=(0, None))
            axes.set_xticks(sorted(table.loc[table["read"], "day"].unique()))
        for axes in panels[len(exits) :]:
            axes.set_axis_off()
        panels[0].yaxis.set_major_formatter(PercentFormatter(1, 0))
        figure.supxlabel("Days since admission: edges of bands", fontsize=9)
        figure.supylabel("Left by then", fontsize=9)
        figure.legend(*panels[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
    return figure


def _any_told(rows: pd.DataFrame) -> bool:
    return bool(rows["estimate"].notna().any())
