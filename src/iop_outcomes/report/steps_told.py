"""Which steps of cumulative counts may be told, so that no two of them count few people apart."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


def steps_told(counts: NDArray, smallest_count: int, order: Sequence[int]) -> NDArray:
    """Steps between which, and before the first of which, nobody is counted or enough are.

    Parameters
    ----------
    counts
        People counted up to each step, one column for each thing counted; whoever is counted by
        the first step came after nobody. Shape (steps, things).
    order
        Steps in order of importance: one is left out for those before it, never for those after.

    Returns
    -------
    NDArray
        True for steps that may be told. Shape (steps,).

    Examples
    --------
    >>> steps_told(np.array([[3], [12], [14], [30]]), 11, [3, 0, 1, 2]).tolist()
    [False, True, False, True]
    """
    told = np.zeros(len(counts), bool)
    nothing = np.zeros(counts.shape[1])
    for step in order:
        before = np.flatnonzero(told[:step])
        after = np.flatnonzero(told[step + 1 :])
        last = counts[before[-1]] if before.size else nothing
        apart = [counts[step] - last]
        if after.size:
            apart.append(counts[step + 1 + after[0]] - counts[step])
        told[step] = all(((a == 0) | (np.abs(a) >= smallest_count)).all() for a in apart)
    return told


def most_steps_told(counts: NDArray, smallest_count: int) -> NDArray:
    """The most steps that may be told, of counts that go up and down; the last if it may be.

    On every step told each count is nobody or enough people, and so is the difference between two
    told one after the other.

    Parameters
    ----------
    counts
        People in each state on each step. Shape (steps, states).

    Returns
    -------
    NDArray
        True for steps that may be told. Shape (steps,).

    Examples
    --------
    >>> most_steps_told(np.array([[40, 0], [38, 2], [25, 15], [24, 16]]), 11).tolist()
    [True, False, False, True]
    """

    def enough(change: NDArray) -> bool:
        return bool(((change == 0) | (np.abs(change) >= smallest_count)).all())

    length, before = np.zeros(len(counts), int), np.full(len(counts), -1)
    for step, here in enumerate(counts):
        if not enough(here):
            continue
        length[step] = 1
        for earlier in range(step):
            longer = length[earlier] and length[earlier] + 1 > length[step]
            if longer and enough(here - counts[earlier]):
                length[step], before[step] = length[earlier] + 1, earlier
    told = np.zeros(len(counts), bool)
    step = len(counts) - 1 if length.size and length[-1] > 1 else int(np.argmax(length))
    while step >= 0 and length[step]:
        told[step] = True
        step = before[step]
    return told
