"""One function per figure of the field; each takes released tables and returns a Figure."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, PercentFormatter

from iop_outcomes.analysis.estimates import main_rows
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.drawing import (
    COLOUR,
    FAINT,
    INK,
    LINE,
    NAMES,
    RED,
    SIGNED,
    canvas,
    capital,
    wrapped,
)
from iop_outcomes.report.wording import count, words
from iop_outcomes.vocabulary import Arm, Measure

DIFFERENCES = [str(Measure.RISK_DIFFERENCE), str(Measure.MEAN_DIFFERENCE)]
RISK_DIFFERENCE = "Risk difference, percentage points"
NO_UNITS: Mapping[str, str] = {}


def flow_diagram(attrition: Released, names: Mapping[str, str] = NAMES) -> Figure:
    """Who was admitted, who was left out and why, who remains: one column per arm."""
    table = attrition.table
    criteria = list(dict.fromkeys(table["criterion"]))
    cell = table.set_index(["criterion", "arm"])
    with canvas(7.2, 0.8 + 0.8 * len(criteria)) as figure:
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set(xlim=(0, 3), ylim=(0.6 - len(criteria), 0.7))
        for step, criterion in enumerate(criteria):
            y = 0.5 - step if step else 0
            axes.text(1.5, y, wrapped(criterion, 36), ha="center", va="center", fontsize=8.5)
        for arm, x, side, align in (
            (Arm.INTERVENTION, 0.5, 0.06, "left"),
            (Arm.COMPARATOR, 2.5, -0.06, "right"),
        ):
            axes.text(x, 0.5, capital(names[arm]), ha="center", weight="bold", color=COLOUR[arm])
            for step, criterion in enumerate(criteria):
                row = cell.loc[(criterion, arm)]
                box = {"boxstyle": "round,pad=0.45", "fc": "white", "ec": COLOUR[arm]}
                people = f"n = {count(row['remaining'])}"
                axes.text(x, -step, people, ha="center", va="center", bbox=box)
                if step:
                    arrow = {"arrowstyle": "-|>", "color": FAINT, "shrinkA": 12, "shrinkB": 12}
                    axes.annotate("", (x, -step), (x, 1 - step), arrowprops=arrow)
                    lost = f"{count(row['excluded'])} left out"
                    style = {"va": "center", "fontsize": 8, "color": FAINT}
                    axes.text(x + side, 0.5 - step, lost, ha=align, **style)
    return figure


def love_plot(balance: Released, names: Mapping[str, str] = NAMES, largest: int = 10) -> Figure:
    """Standardised mean difference of every covariate before and after weighting.

    A covariate with more than `largest` levels is drawn as its worst level.
    """
    rows = balance_rows(balance, names, largest).dropna(subset=["smd_before", "smd_after"])
    rows = rows.sort_values("smd_before", key=np.abs, kind="stable").reset_index(drop=True)
    with canvas(6.4, 1.2 + 0.24 * len(rows)) as figure:
        axes = figure.subplots()
        y = np.arange(len(rows))
        axes.axvspan(-0.1, 0.1, color="#eef2f5", zorder=0, label="within ±0.1")
        axes.axvline(0, color=FAINT, linewidth=0.8)
        axes.scatter(
            rows["smd_before"], y, marker="o", s=26, fc="white", ec=INK, label="before weighting"
        )
        axes.scatter(
            rows["smd_after"], y, marker="D", s=22, color=COLOUR[Arm.INTERVENTION],
            label="after weighting",
        )  # fmt: skip
        axes.set(
            yticks=y,
            yticklabels=rows["label"],
            xlabel="Standardised mean difference (pooled SD before weighting)",
        )
        axes.xaxis.set_major_formatter(SIGNED)
        axes.margins(y=0.03)
        figure.legend(loc="outside upper center", ncols=3)
    return figure


def balance_rows(
    balance: Released, names: Mapping[str, str] = NAMES, largest: int = 10
) -> pd.DataFrame:
    """Balance with a `label` per row; a covariate with very many levels as its worst one."""
    parts = []
    for covariate, rows in balance.table.groupby("covariate", sort=False):
        if len(rows) > largest:
            worst = rows[["smd_before", "smd_after"]].abs().max()
            label = f"{words(str(covariate), names)} (largest of {len(rows)})"
            rows = pd.DataFrame([{"covariate": covariate, "label": label, **worst}])
        else:
            # A number that is 0 or 1 has one row, for those who have it: its name says it all.
            level = rows["level"].where(rows["level"].ne("yes") | (len(rows) > 1))
            name = words(str(covariate), names)
            rows = rows.assign(label=(name + ": " + level).fillna(name))
        parts.append(rows)
    return pd.concat(parts, ignore_index=True)


def propensity_overlap_plot(propensity: Released, names: Mapping[str, str] = NAMES) -> Figure:
    """Distribution of the propensity score by arm, as enrolled (up) and weighted (down)."""
    with canvas(6.4, 3.0) as figure:
        axes = figure.subplots()
        for arm, bins in propensity.table.groupby("arm", sort=False):
            width = bins["high"] - bins["low"]
            for share, sign in ((bins["share"], 1), (bins["weighted_share"], -1)):
                axes.stairs(
                    sign * share / width,
                    [*bins["low"], bins["high"].iloc[-1]],
                    fill=True,
                    color=COLOUR[Arm(arm)],
                    alpha=0.45,
                    label=names[Arm(arm)] if sign > 0 else None,
                )
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.set(
            xlim=(0, 1),
            xlabel=f"Probability of entering {names[Arm.INTERVENTION]}",
            ylabel="Density",
        )
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{abs(value):g}"))
        axes.margins(y=0.15)
        axes.text(0.99, 0.99, "as enrolled", transform=axes.transAxes, ha="right", va="top")
        axes.text(0.99, 0.01, "weighted", transform=axes.transAxes, ha="right", va="bottom")
        figure.legend(loc="outside upper center", ncols=2)
    return figure


def cumulative_incidence_plot(
    curves: Released,
    at_risk: Released,
    outcome: str,
    horizon_days: int,
    names: Mapping[str, str] = NAMES,
) -> Figure:
    """Probability of the outcome by each day with its interval, and numbers at risk below.

    The numbers at risk are people, unweighted. Steps that few people stand behind were joined
    when the curves were released; the released points are joined by lines, because a staircase
    through them would lie below the curve.
    """
    table = main_rows(curves.table[curves.table["outcome"] == outcome])
    numbers = at_risk.table[at_risk.table["outcome"] == outcome]
    with canvas(6.4, 4.2) as figure:
        axes, below = figure.subplots(2, height_ratios=[5, 1])
        for arm, curve in table.groupby("arm", sort=False):
            arm = Arm(arm)
            x = curve["day"]
            band = {"color": COLOUR[arm], "alpha": 0.15, "linewidth": 0}
            axes.fill_between(x, curve["conf_low"], curve["conf_high"], **band)
            axes.plot(
                x, curve["risk"], color=COLOUR[arm], linestyle=LINE[arm],
                label=names[arm],
            )  # fmt: skip
        axes.set(
            xlim=(0, horizon_days),
            ylim=(0, None),
            ylabel=f"Probability of {words(outcome, names)}",
            xlabel={**NAMES, **names}["clock"],
        )
        ticks = sorted(numbers["day"].unique())
        axes.set_xticks(ticks)
        axes.yaxis.set_major_formatter(PercentFormatter(1, 0))
        axes.legend(loc="upper left")
        _numbers_below(below, numbers, names, horizon_days)
    return figure


def _numbers_below(
    axes: Axes, numbers: pd.DataFrame, names: Mapping[str, str], horizon_days: int
) -> None:
    axes.set_axis_off()
    axes.set(xlim=(0, horizon_days), ylim=(-2.2, 0.6))
    axes.text(0, 0.1, "Number at risk", fontsize=8, weight="bold", ha="left")
    for line, arm in enumerate(Arm, start=1):
        axes.text(
            -0.055, -line, names[arm], color=COLOUR[arm], fontsize=8, ha="right",
            transform=axes.get_yaxis_transform(),
        )  # fmt: skip
        for row in numbers[numbers["arm"] == str(arm)].itertuples():
            axes.text(row.day, -line, count(row.at_risk), fontsize=8, ha="center")


def forest_plot(
    estimates: Released,
    alternatives: Released | None = None,
    margins: Mapping[str, float] | None = None,
    truth: Released | None = None,
    names: Mapping[str, str] = NAMES,
    units: Mapping[str, str] = NO_UNITS,
) -> Figure:
    """Risk differences with their intervals: unadjusted, as planned, and under alternatives.

    Parameters
    ----------
    estimates
        `Comparison.estimates`, released.
    alternatives
        `Robustness.estimates`, released.
    margins
        Non-inferiority margin by outcome, on the side that is worse (negative where a higher risk
        is better).
    truth
        Planted truths; a cross marks those of the planned analysis.
    units
        What outcomes that are a number count; each has a panel of its own scale, of mean
        differences.
    """
    table = _forest_rows(estimates, alternatives, names)
    alone = table["measure"].eq(str(Measure.MEAN_DIFFERENCE)).any()  # each panel has its own scale
    outcomes, labels = (list(dict.fromkeys(table[c])) for c in ("outcome", "label"))
    place = {label: -row for row, label in enumerate(labels)}
    with canvas(3.4 + 2.9 * len(outcomes), 1.3 + 0.3 * len(labels)) as figure:
        panels = figure.subplots(1, len(outcomes), squeeze=False, sharey=True)[0]
        for axes, outcome in zip(panels, outcomes, strict=True):
            part = table[table["outcome"] == outcome]
            means = part["measure"].eq(str(Measure.MEAN_DIFFERENCE)).all()
            scale = 1 if means else 100
            axes.axvline(0, color=FAINT, linewidth=0.8)
            if margins and outcome in margins:
                axes.axvline(100 * margins[outcome], color=RED, linestyle=":", label="margin")
            for row in part.itertuples():
                colour, y = (INK if row.planned else FAINT), place[row.label]
                axes.plot([scale * row.conf_low, scale * row.conf_high], [y, y], color=colour)
                axes.plot(scale * row.estimate, y, "D" if row.planned else "o", color=colour, ms=5)
            if truth is not None:
                known = _planted(part, truth)
                y = [place[label] for label in known["label"]]
                axes.plot(100 * known["truth"], y, "x", color=RED, label="planted truth")
            axes.set(title=capital(words(outcome, names)))
            axes.xaxis.set_major_formatter(SIGNED)
            if alone:
                unit = units.get(outcome)
                counted = "Mean difference" + (f", {unit}" if unit else "")
                axes.set_xlabel(counted if means else RISK_DIFFERENCE)
        panels[0].set_yticks(list(place.values()), labels)
        minus = f"({names[Arm.INTERVENTION]} minus {names[Arm.COMPARATOR]})"
        figure.supxlabel(minus if alone else f"{RISK_DIFFERENCE} {minus}", fontsize=9)
        legend = {}
        for axes in panels:
            marks, texts = axes.get_legend_handles_labels()
            legend |= dict(zip(texts, marks, strict=True))
        if legend:
            figure.legend(legend.values(), legend.keys(), loc="outside upper right", ncols=2)
    return figure


def _forest_rows(
    estimates: Released, alternatives: Released | None, names: Mapping[str, str]
) -> pd.DataFrame:
    own = estimates.table[estimates.table["measure"].isin(DIFFERENCES)]
    planned = main_rows(own)
    beside = own[~own.index.isin(planned.index)]
    parts = [
        beside.assign(label=beside["method"].map({**NAMES, **names}), planned=False),
        planned.assign(label="As planned (" + planned["estimand"] + ")", planned=True),
    ]
    if alternatives is not None:
        others = alternatives.table
        others = main_rows(others[others["measure"].isin(DIFFERENCES)])
        parts.append(others.assign(label=others["alternative"].map(capital), planned=False))
    table = pd.concat(parts, ignore_index=True)
    table["label"] = table["label"].map(lambda label: wrapped(label, 40))
    return table


def _planted(part: pd.DataFrame, truth: Released) -> pd.DataFrame:
    """The truth of the planned row, if it is known: `label`, `truth`."""
    table = truth.table
    known = table[table["measure"] == str(Measure.RISK_DIFFERENCE)]
    keys = ["outcome", "horizon_days", "estimand"]
    planned = part.loc[part["planned"], [*keys, "label"]]
    found = planned.merge(known[[*keys, "truth"]], on=keys, validate="many_to_one")
    return found.astype({"truth": float})
