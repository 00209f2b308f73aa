"""The design in one picture: what is looked at before, on and after day 0.

After Schneeweiss et al. (2019), Annals of Internal Medicine 170:398-406. Grey tones, hatching and
words carry everything, so that it prints.
"""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.report.drawing import INK, canvas, capital, wrapped
from iop_outcomes.report.score_words import read_as_score
from iop_outcomes.report.wording import MINUS, spelling, when, words

OPEN_DAYS = 90  # drawn length of a window whose end is not a day
LABEL_WIDTH, ENDS_WIDTH = 30, 54  # characters of a line
WITH_SCORES = ("site_export",)
STYLES = {
    "look back": {"facecolor": "white", "hatch": "///", "edgecolor": INK},
    "baseline": {"facecolor": "white", "hatch": "...", "edgecolor": INK},
    "time zero": {"facecolor": INK, "edgecolor": INK},
    "follow-up": {"facecolor": "#dcdcdc", "edgecolor": INK},
}


@dataclass(frozen=True)
class Window:
    """A stretch of days in which something is looked at.

    Attributes
    ----------
    label
        What is looked at.
    first_day, last_day
        Both counted; `last_day` None: it has no day.
    style
        One of `STYLES`.
    ends
        What else ends it.
    """

    label: str
    first_day: int
    last_day: int | None
    style: str
    ends: str = ""

    @property
    def days(self) -> str:
        """Its days in brackets, as such diagrams write them.

        Examples
        --------
        >>> Window("x", -60, -1, "look back").days, Window("x", 0, 0, "time zero").days
        ('days [−60, −1]', 'day 0')
        """
        first, last = _written(self.first_day), _written(self.last_day)
        return f"day {first}" if first == last else f"days [{first}, {last}]"


def windows(protocol: Protocol) -> list[Window]:
    """The windows of a protocol, from the earliest to the latest."""
    asked, names = protocol.eligibility, spelling(protocol)
    washout, baseline = asked.washout_days, protocol.time_zero.baseline_window_days
    found = []
    if washout:
        label = "no treatment (washout); records must reach back so far"
        if protocol.strategies.kind is StrategyKind.GRACE_PERIOD:
            label += ", both from the start of the index stay"
        found.append(Window(label, -washout, -1, "look back"))
    if protocol.source.get("kind") in WITH_SCORES:
        label = "baseline scores: the last one in the window"
        found.append(Window(label, -baseline, 0, "baseline"))
    arms = protocol.strategies
    assigned = f"{names['intervention']} or {names['comparator']}"
    if arms.kind is StrategyKind.GRACE_PERIOD:
        assigned = "everyone in both strategies"
    found.append(Window(f"eligibility, covariates, {assigned}", 0, 0, "time zero"))
    if arms.grace_days is not None:
        label = f"grace period: {names['intervention']} starts or does not"
        ends = "censored in the strategy that is contradicted"
        found.append(Window(label, 0, arms.grace_days, "baseline", ends))
    if arms.sustained_days is not None:
        ends = "censored on leaving the strategy"
        found.append(Window("staying in the strategy", 1, arms.sustained_days, "baseline", ends))
    found += [_of_outcome(outcome, protocol) for outcome in protocol.outcomes]
    return found


def _of_outcome(outcome: Outcome, protocol: Protocol) -> Window:
    label = f"follow-up: {words(outcome.name, spelling(protocol))}"
    competing = f"a competing event ({', '.join(outcome.competes)})" if outcome.competes else ""
    if outcome.score is not None:
        first, last = outcome.score.days or (1, None)
        return Window(label, first, last, "follow-up", read_as_score(outcome.score))
    if outcome.horizon_days is None:
        ends = "read at exit from the index stay" if outcome.at_exit else f"read {when(outcome)}"
        ends += f", or {competing}" if competing else ""
        return Window(label, 0, None, "follow-up", ends)
    ends = f"until it happens, {competing}{', ' if competing else ''}or the end of records"
    return Window(label, outcome.first_day, outcome.horizon_days, "follow-up", ends)


def design_diagram(protocol: Protocol) -> Figure:
    """Washout, baseline windows, time zero and follow-up of each outcome, one line each."""
    found = windows(protocol)
    ends = [wrapped(window.ends, ENDS_WIDTH) for window in found]
    heights = [1.0 + 0.32 * (text.count("\n") + 1) * bool(text) for text in ends]
    tops = np.cumsum([0.0, *heights])
    with canvas(7.4, 1.1 + 0.42 * tops[-1]) as figure:
        axes = figure.subplots()
        _lay_out(axes, found, float(tops[-1]))
        axes.axvline(0, color=INK, linewidth=1.2, zorder=1)
        title = capital(wrapped(f"time zero: {protocol.time_zero.at}", 44))
        low, high = axes.get_xlim()
        axes.set_title(title, x=-low / (high - low), ha="center", fontsize=9, weight="bold")
        for top, window, text in zip(tops, found, ends, strict=False):
            _draw(axes, window, float(top), text)
        labels = [wrapped(capital(window.label), LABEL_WIDTH) for window in found]
        axes.set_yticks([top + 0.45 for top in tops[:-1]], labels)
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
    return figure


def _lay_out(axes: Axes, found: list[Window], height: float) -> None:
    """Room for every window and for the words to the right of day 0, and days that do not touch."""
    first = _place(min(window.first_day for window in found))
    last = max(_place(max(_drawn_to(window) for window in found)), -1.3 * first)
    room = last - first
    axes.set(xlim=(first - 0.03 * room, last + 0.06 * room), ylim=(height + 0.1, -0.2))
    days = sorted(
        {day for window in found for day in (window.first_day, window.last_day) if day is not None},
        key=abs,
    )
    shown = [0]
    for day in days:
        if all(abs(_place(day) - _place(other)) > 0.06 * room for other in shown):
            shown.append(day)
    axes.set_xticks([_place(day) for day in shown], [_written(day) for day in shown])
    axes.set_xlabel("Days from time zero (spaced by their square root)")


def design_in_words(protocol: Protocol) -> str:
    """What the diagram shows, for those who cannot see it."""
    lines = [
        f"{window.label}, {window.days}{', ' if window.ends else ''}{window.ends}"
        for window in windows(protocol)
    ]
    return f"Design of the study. Time zero: {protocol.time_zero.at}. {capital('; '.join(lines))}."


def _draw(axes: Axes, window: Window, top: float, ends: str) -> None:
    middle = top + 0.45
    start, stop = _edges(window)
    axes.barh(
        middle, stop - start, 0.52, left=start, zorder=2, linewidth=0.8, **STYLES[window.style]
    )
    if window.last_day is None:
        beyond = {"arrowstyle": "-|>", "color": INK, "shrinkA": 0, "shrinkB": 0}
        axes.annotate("", (stop + 0.8, middle), (stop, middle), arrowprops=beyond)
    written = {"fontsize": 8, "va": "center", "zorder": 3}
    low, high = axes.get_xlim()
    aside = 0.012 * (high - low)
    if window.style == "follow-up" and stop - start > 0.3 * (high - low):
        axes.text((start + stop) / 2, middle, window.days, ha="center", **written)
    else:
        axes.text(max(stop, 0) + aside, middle, window.days, ha="left", **written)
    if ends:
        axes.text(aside, top + 0.78, ends, va="top", fontsize=7.5)


def _edges(window: Window) -> tuple[float, float]:
    """Where its bar begins and ends: a day is the stretch between it and its neighbour nearer 0."""
    if window.style == "time zero":
        return -0.12, 0.12
    last = _drawn_to(window)
    return _place(min(window.first_day, max(window.first_day - 1, 0))), _place(
        max(last, min(last + 1, 0))
    )


def _drawn_to(window: Window) -> int:
    return OPEN_DAYS if window.last_day is None else window.last_day


def _written(day: int | None) -> str:
    return "exit" if day is None else str(day).replace("-", MINUS)


def _place(day: int) -> float:
    return float(np.sign(day) * np.sqrt(abs(day)))
