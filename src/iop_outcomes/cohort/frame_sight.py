"""When the people of a data frame are under observation, and whether that is enough.

With delayed entry people come under observation after time zero. Whoever had the outcome before
they could be seen is not in the frame, so nobody counts as at risk before their own day of entry.
"""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.cohort.frame_columns import WHERE
from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import Arm, Status

FEWEST_AT_RISK = 11  # of fewer, who come and go while others have still to enter, nothing is told


def require_comparable(
    ends: pd.DataFrame, arms: pd.Series, horizon: int | None, place: str
) -> None:
    """Refuse an outcome that nobody has, or of which an arm is not followed to its horizon.

    Raises
    ------
    CohortError
        Names the outcome and the arm.
    """
    events = ends[ends["status"].eq(str(Status.EVENT))]
    by_then = events if horizon is None else events[events["days"] <= horizon]
    if by_then.empty:
        when = "" if horizon is None else f" by day {horizon}"
        raise CohortError(
            f"{WHERE}.{place}: nobody has it{when}; check `event_is`, the column and the horizon"
        )
    known = ends["status"].ne(str(Status.MISSING))
    for arm in map(str, Arm):
        mine = ends[known & arms.eq(arm)]
        if mine.empty:
            raise CohortError(f"{WHERE}.{place}: it is not known for anyone in the {arm} arm")
        if horizon is None or mine["days"].max() >= horizon:
            continue
        last = mine[mine["days"].eq(mine["days"].max())]
        if last["status"].eq(str(Status.CENSORED)).any():
            raise CohortError(
                f"{WHERE}.{place}: nobody in the {arm} arm is followed to day {horizon}, so the "
                "risk by then cannot be told; choose an earlier `horizon_days`"
            )


def refuse_impossible_entry(entry: pd.Series, days: pd.Series, place: str) -> None:
    """Refuse days of entry that are missing, or not before the end of follow-up.

    Raises
    ------
    CohortError
        Says how many people it is about.
    """
    known = days.notna()
    missing = int((known & entry.isna()).sum())
    if missing:
        raise CohortError(
            f"{WHERE}.{place}: `{entry.name}` is empty for {missing} people who were followed; "
            "write 0 for those seen from time zero on"
        )
    late = known & (entry >= days).fillna(False) & (entry > 0).fillna(False)
    if late.any():
        raise CohortError(
            f"{WHERE}.{place}: `{entry.name}` is not before `{days.name}` for {int(late.sum())} "
            "people, who were never at risk; mend their days, or leave them out"
        )


def require_early_risk_sets(
    days: pd.Series, entry: pd.Series, arms: pd.Series, horizon: int, place: str
) -> None:
    """Refuse an outcome of which, in an arm, too few are at risk while others have still to enter.

    A curve multiplies what happened on every day since time zero: a day with nobody at risk leaves
    it undefined, and of a handful the first event takes a great part of everyone to come.

    Raises
    ------
    CohortError
        Names the arm, the day and from when on there are enough.
    """
    for arm in map(str, Arm):
        mine = arms.eq(arm) & days.notna()
        few = too_few_until(days[mine].to_numpy(float), entry[mine].to_numpy(float), float(horizon))
        if few is not None:
            first, enough = few
            raise CohortError(
                f"{WHERE}.{place}: in the {arm} arm fewer than {FEWEST_AT_RISK} people are under "
                f"observation on day {first:g}, while others have still to enter, so that risks "
                f"since time zero cannot be told; {_mend(enough, horizon)}"
            )


def _mend(enough: float, horizon: int) -> str:
    if enough >= horizon:
        return "leave those who enter late out, and `entry` with them"
    return (
        f"count days from day {enough:g} on, among those seen after it, or leave those who enter "
        "late out"
    )


def too_few_until(day: NDArray, entry: NDArray, horizon: float) -> tuple[float, float] | None:
    """First day with too few at risk, and the day from which on there are enough; None if always.

    Days after the last entry, on which follow-up only ends, are as for any curve.

    Parameters
    ----------
    day, entry
        Last day of follow-up, and the day after which each person is at risk. Shape (people,).
    horizon
        Who enters later does not matter.
    """
    entry = np.maximum(entry, 0)
    arriving = entry[entry < horizon]
    if arriving.size and not arriving.any():
        return None
    last = arriving.max() if arriving.size else horizon
    changes = np.unique(np.concatenate([[0.0], entry, day]))
    before = changes[changes < last]
    at_risk = np.searchsorted(np.sort(entry), before, side="right") - np.searchsorted(
        np.sort(day), before, side="right"
    )
    few = np.flatnonzero(at_risk < FEWEST_AT_RISK)
    if not few.size:
        return None
    after = np.append(before, last)[few[-1] + 1]
    return np.floor(before[few[0]]) + 1, float(after)
