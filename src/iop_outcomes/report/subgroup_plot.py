"""The forest plot of one outcome's subgroups."""

from collections.abc import Mapping

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iop_outcomes.analysis.estimates import main_rows
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.drawing import FAINT, INK, NAMES, SIGNED, canvas, capital, wrapped
from iop_outcomes.report.wording import HIDDEN, p_value, words
from iop_outcomes.vocabulary import Arm, Measure


def subgroup_plot(
    subgroups: Released, estimates: Released, outcome: str, names: Mapping[str, str] = NAMES
) -> Figure:
    """Risk differences of everyone and within every level, with what tells levels apart beside.

    Parameters
    ----------
    subgroups
        `Comparison.subgroups`, released.
    estimates
        `Comparison.estimates`, released: the row of everyone.
    outcome
        Whose subgroups.
    """
    table = subgroups.table[subgroups.table["outcome"] == outcome]
    whole = main_rows(estimates.table[estimates.table["outcome"] == outcome])
    whole = whole[whole["measure"] == str(Measure.RISK_DIFFERENCE)].iloc[0]
    lines = len(table) + table["covariate"].nunique() + 1
    with canvas(7.6, 1.0 + 0.27 * lines) as figure:
        axes = figure.subplots()
        axes.axvline(0, color=FAINT, linewidth=0.8)
        labels = {0: f"Everyone ({whole['estimand']})"}
        _draw(axes, 0, whole, marker="D", colour=INK)
        if not pd.isna(whole["estimate"]):
            axes.axvline(100 * whole["estimate"], color=FAINT, linewidth=0.8, linestyle=":")
        y = 0
        for covariate, levels in table.groupby("covariate", sort=False):
            y -= 1
            labels[y] = capital(words(str(covariate), names))
            _p_value(axes, y, levels.iloc[0])
            for row in levels.to_dict("records"):
                y -= 1
                labels[y] = wrapped(str(row["level"]), 34)
                _draw(axes, y, row, marker="o", colour=FAINT)
        headings = set(labels) - {0} - _level_lines(table)
        axes.set_yticks(list(labels), list(labels.values()))
        for place, text in zip(labels, axes.get_yticklabels(), strict=True):
            text.set_weight("bold" if place in headings else "normal")
        axes.tick_params(axis="y", length=0)
        axes.set(ylim=(y - 0.7, 0.7))
        axes.set_xlabel(
            f"Risk difference, percentage points\n({names[Arm.INTERVENTION]} minus "
            f"{names[Arm.COMPARATOR]})"
        )
        axes.xaxis.set_major_formatter(SIGNED)
    return figure


def _level_lines(table: pd.DataFrame) -> set[int]:
    """Places of the levels, which come below the name of their covariate."""
    places, y = set(), 0
    for _, levels in table.groupby("covariate", sort=False):
        places |= set(range(y - 1 - len(levels), y - 1))
        y -= 1 + len(levels)
    return places


def _draw(axes: Axes, y: int, row: Mapping, marker: str, colour: str) -> None:
    if pd.isna(row["estimate"]):
        axes.text(0.01, y, HIDDEN, transform=axes.get_yaxis_transform(), va="center", color=FAINT)
        return
    axes.plot([100 * row["conf_low"], 100 * row["conf_high"]], [y, y], color=colour)
    axes.plot(100 * row["estimate"], y, marker, color=colour, ms=5)


def _p_value(axes: Axes, y: int, row: Mapping) -> None:
    text = HIDDEN
    if not pd.isna(row["interaction_p"]):
        adjusted = p_value(row["interaction_p_holm"])
        text = f"interaction p {p_value(row['interaction_p'])} (adjusted {adjusted})"
    beside = axes.get_yaxis_transform()
    axes.text(1.02, y, text, transform=beside, va="center", fontsize=8, color=INK)
