"""Everyone's exit from the index stay as band of days and cause, and where the bands end."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.time_plans import LengthsInBands
from iop_outcomes.statistics.coarse_time.grouped_time import (
    TEDS_LENGTH_BANDS,
    LengthBands,
    length_bands,
)
from iop_outcomes.vocabulary import ExitReason, Status

WHERE = "protocol.analysis.lengths_in_bands"


@dataclass(frozen=True)
class BandedExits:
    """Everyone's exit as band and cause.

    Attributes
    ----------
    bands
        Up to the horizon; the last is open.
    band, cause
        As `GroupedExits` has them. Shape (people,).
    known
        For whom they are known. Shape (people,).
    names
        Of the causes, from 1 on.
    """

    bands: LengthBands
    band: NDArray
    cause: NDArray
    known: NDArray
    names: tuple[str, ...]


def banded_exits(told: pd.DataFrame, plan: LengthsInBands) -> BandedExits:
    """Bands of the source up to the horizon, and where in them everyone left.

    Parameters
    ----------
    told
        As `lengths_in_bands` returns, in the order of the people.
    """
    left = told["status"].eq(str(Status.EVENT)).to_numpy()
    low = told["low_days"].astype("float64").to_numpy()
    high = told["high_days"].astype("float64").fillna(np.inf).to_numpy()
    edges = edges_of(low[left], high[left], plan.horizon_days)
    for day in plan.read_at_days:
        _require_edge(day, edges, low[left], high[left])
    bands = length_bands([*edges, np.inf])
    band = np.full(len(told), -1)
    band[left] = bands.of(low[left])
    still = told["status"].eq(str(Status.CENSORED)).to_numpy()
    # Still there on the last day of so many bands; after the last edge nothing more is asked.
    passed = np.searchsorted(edges, low[still], side="right")
    band[still] = np.where(passed == len(edges), len(edges), passed - 1)
    group = {reason: name for name, reasons in plan.exits.items() for reason in reasons}
    reason = told["reason"].map(lambda reason: group.get(reason, reason))
    early = left & (band < len(edges))
    order = [*plan.exits, *map(str, ExitReason)]
    names = tuple(name for name in order if (reason[early] == name).any())
    number = {name: place for place, name in enumerate(names, start=1)}
    cause = np.where(left, reason.map(number).fillna(0), 0).astype(int)
    cause[band == len(edges)] = 0
    return BandedExits(bands, band, cause, band >= 0, names)


def edges_of(low: NDArray, high: NDArray, horizon_days: int) -> NDArray:
    """Last days of bands up to the horizon: days that no band has on both sides.

    Bands that are all of TEDS-D's have its edges, whether somebody left in each or not.

    Examples
    --------
    >>> edges_of(np.array([2.0, 4]), np.array([2.0, 6]), 7).tolist()
    [1.0, 2.0, 3.0, 6.0, 7.0]
    """
    days = np.arange(1.0, horizon_days + 1)
    teds = {*zip(TEDS_LENGTH_BANDS.first.tolist(), TEDS_LENGTH_BANDS.last.tolist(), strict=True)}
    if {*zip(low.tolist(), high.tolist(), strict=True)} <= teds and (high > low).any():
        return days[np.isin(days, TEDS_LENGTH_BANDS.last)]
    begun = np.searchsorted(np.sort(low), days, side="right")
    ended = np.searchsorted(np.sort(high), days, side="right")
    return days[begun == ended]


def _require_edge(day: int, edges: NDArray, low: NDArray, high: NDArray) -> None:
    if day in edges:
        return
    cut = (low <= day) & (high > day)
    below = edges[edges < day].max(initial=0)
    above = high[cut].max(initial=0)
    teds = TEDS_LENGTH_BANDS.last
    above = above if cut.any() else teds[teds > day].min()
    known = [f"{edge:g}" for edge in (below, above) if 0 < edge < np.inf]
    raise ProtocolError(
        f"{WHERE}.read_at_days: day {day} lies within a band of days, and nobody knows who had "
        f"left by then; the edge(s) beside it are {' and '.join(known)}: read it there"
    )
