"""An admission of a few nights, while the other care stays open, pauses that care."""

from dataclasses import replace

import numpy as np

from iop_outcomes.cohort.episode_rules import EpisodeRules
from iop_outcomes.cohort.segments import LEVELS, Stretches


def levels_paused(rules: EpisodeRules) -> list[int]:
    """Places in LEVELS of the care that an admission may interrupt."""
    return [LEVELS.index(level) for level in rules.interrupted]


def pause(stretches: Stretches, rules: EpisodeRules) -> tuple[Stretches, np.ndarray]:
    """Give the nights of an interruption to the care that they interrupt.

    An interruption has the interrupted care on the day before and on the day after, and a stay of
    that care open on each of its days: its clinic did not let the person go.

    Returns
    -------
    stretches
        With the level of care of interruptions changed.
    paused
        Whether a stretch is an interruption. Shape (stretches,).
    """
    level, block = stretches.level, stretches.block
    paused = np.zeros(len(level), bool)
    if not len(level):
        return stretches, paused
    opens = np.ones(len(level), bool)
    opens[1:] = (level[1:] != level[:-1]) | (block[1:] != block[:-1])
    begins = np.flatnonzero(opens)
    run = np.cumsum(opens) - 1
    closes = np.append(begins[1:], len(level)) - 1
    nights = stretches.until[closes] - stretches.start[begins]
    short = nights <= rules.interruption_days
    admitted = np.isin(level[begins], [LEVELS.index(level) for level in rules.interrupting])
    before = _neighbour(level[begins], block[begins], 1)
    after = _neighbour(level[begins], block[begins], -1)
    changed = level.copy()
    for care in levels_paused(rules):
        open_throughout = np.logical_and.reduceat(stretches.open_at[care], begins)
        pauses = short & admitted & open_throughout & (before == care) & (after == care)
        changed[pauses[run]] = care
        paused |= pauses[run]
    return replace(stretches, level=changed), paused


def _neighbour(level: np.ndarray, block: np.ndarray, step: int) -> np.ndarray:
    """Level of the run before (step 1) or after (-1) within a block; -1 where there is none."""
    beside = np.roll(level, step)
    beside[np.roll(block, step) != block] = -1
    beside[0 if step == 1 else -1] = -1
    return beside
