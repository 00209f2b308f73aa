"""Which stays made a segment, and what they say of its end and of its place."""

from dataclasses import dataclass

import numpy as np

from iop_outcomes.cohort.segments import OVERNIGHT, StayDays, Stretches


@dataclass(frozen=True)
class Members:
    """Pairs of a segment and a stay that was going on in it, in order of segments.

    Attributes
    ----------
    segment, stay
        Numbers of the segment and of the stay. Shape (pairs,), as all that follow.
    displaced
        Whether the stay was at another level of care than the segment.
    begins
        Where each segment begins among the pairs. Shape (segments,).
    """

    segment: np.ndarray
    stay: np.ndarray
    displaced: np.ndarray
    begins: np.ndarray


@dataclass(frozen=True)
class Ends:
    """How segments ended.

    Attributes
    ----------
    day
        Day of discharge after nights, last day of service otherwise. Shape (segments,), as all
        that follow.
    open
        Whether the segment has not ended; its day then means nothing.
    gravity
        Place in GRAVITY of the exit reason; 0 where care went on when the segment ended.
    """

    day: np.ndarray
    open: np.ndarray
    gravity: np.ndarray


def members(
    stays: StayDays, stretches: Stretches, segment: np.ndarray, level: np.ndarray
) -> Members:
    """Pair segments with stays: one stay may go on through several segments.

    Parameters
    ----------
    segment
        Number of each stretch's segment. Shape (stretches,).
    level
        Level of care of each segment. Shape (segments,).
    """
    first = segment[stretches.first]
    count = segment[stretches.last] - first + 1
    stay = np.repeat(np.arange(len(count)), count)
    nth = np.arange(len(stay)) - np.repeat(np.cumsum(count) - count, count)
    of_segment = first[stay] + nth
    order = np.argsort(of_segment, kind="stable")
    stay, of_segment = stay[order], of_segment[order]
    return Members(
        segment=of_segment,
        stay=stay,
        displaced=stays.level[stay] != level[of_segment],
        begins=np.searchsorted(of_segment, np.arange(len(level))),
    )


def ends_of_segments(
    stays: StayDays, belongs: Members, level: np.ndarray, until: np.ndarray
) -> Ends:
    """Read the end of each segment from the stay at its level that lasted longest.

    If that stay went on beyond the day on which other care took over, the segment has an end but
    no exit. Of several that ended on one day, the graver exit reason counts.

    Parameters
    ----------
    level, until
        Level of care, and the first day that is no longer the segment's. Shape (segments,).
    """
    # One number puts stays in order: of counting, of exit, of gravity.
    left_on_it = stays.end == stays.until
    rank = ((stays.until * 2 + left_on_it) * 16 + stays.gravity)[belongs.stay]
    last = _largest(np.where(belongs.displaced, -1, rank), belongs.begins)
    exit_day = last // 32 - (last // 16 % 2 == 0)
    still_open = until == stays.forever
    left = (exit_day <= until) & ~still_open
    return Ends(
        day=np.where(OVERNIGHT[level], np.where(left, exit_day, until), until - 1),
        open=still_open,
        gravity=np.where(left, last % 16, 0),
    )


def facilities(stays: StayDays, belongs: Members) -> np.ndarray:
    """Place in `facilities` of each segment's longest stay; an open one is longer than any other.

    Of two as long, the one that began earlier.
    """
    length = np.where(stays.until == stays.forever, stays.forever, stays.until - stays.start)
    order = np.lexsort((stays.facility, stays.start, -length))
    short = np.empty(len(order), np.int64)
    short[order] = np.arange(len(order))
    rank = np.where(belongs.displaced, -1, len(order) - short[belongs.stay])
    return stays.facility[order[len(order) - _largest(rank, belongs.begins)]]


def _largest(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    return np.maximum.reduceat(values, begins) if len(begins) else values
