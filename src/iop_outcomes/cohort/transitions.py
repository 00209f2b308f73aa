"""Which stretches of care belong to one segment, which segments to one episode."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from iop_outcomes.cohort.episode_rules import INTENSITY, EpisodeRules
from iop_outcomes.cohort.segments import LEVELS, Stretches


class Transition(StrEnum):
    """How a segment follows the one before it in its episode."""

    STEP_DOWN = "step-down"
    STEP_UP = "step-up"
    LATERAL = "lateral"


@dataclass(frozen=True)
class Joined:
    """Stretches numbered by segment and episode, both counting on over everyone.

    Attributes
    ----------
    segment, episode
        Number of each stretch's segment and episode. Shape (stretches,), as all that follow.
    begins
        Whether a stretch begins its segment.
    gap
        Days since the last exit; -1 for a person's first stretch.
    jailed
        Days in jail between the stretch and the one before it, if they are one segment.
    """

    segment: np.ndarray
    episode: np.ndarray
    begins: np.ndarray
    gap: np.ndarray
    jailed: np.ndarray


def join(stretches: Stretches, rules: EpisodeRules) -> Joined:
    """Apply the longest gaps to all that follow each other in a person.

    Only blocks of stays have a gap between them; what touches or overlaps is 0 days apart.
    """
    person, level, block = stretches.person, stretches.level, stretches.block
    size = len(person)
    same_person, same_level, same_block = (np.zeros(size, bool) for _ in range(3))
    for same, values in ((same_person, person), (same_level, level), (same_block, block)):
        same[1:] = values[1:] == values[:-1]
    before = block - ~same_block  # blocks are numbered in order, so the one before is one less
    from_jail = stretches.block_jailed[before] & ~same_block & same_person
    longest = np.array([rules.gap_same_level[level] for level in LEVELS])
    limit = np.where(same_level, longest[level], rules.gap_transition)
    limit = np.where(from_jail, rules.incarceration_days, limit)
    gap = np.where(same_block, 0, stretches.start - stretches.block_end[before])
    gap = np.where(same_person, gap, -1)
    continues = same_person & (gap <= limit)
    one_segment = continues & same_level
    away = np.zeros(size, np.int64)
    away[1:] = stretches.start[1:] - stretches.until[:-1]
    return Joined(
        segment=np.cumsum(~one_segment) - 1,
        episode=np.cumsum(~continues) - 1,
        begins=~one_segment,
        gap=gap,
        jailed=np.where(one_segment & from_jail, away, 0),
    )


def transition_codes(level: np.ndarray, episode: np.ndarray) -> np.ndarray:
    """Place in `Transition` of how each segment followed; -1 where it begins an episode.

    Parameters
    ----------
    level, episode
        Of the segments, in order. Shape (segments,).

    Examples
    --------
    Residential care, then intensive outpatient and outpatient care; and later inpatient care:

    >>> transition_codes(np.array([2, 5, 6, 1]), np.array([0, 0, 0, 1])).tolist()
    [-1, 0, 0, -1]
    """
    intensity = np.array([INTENSITY[level] for level in LEVELS])[level]
    rise = np.zeros(len(level), int)
    rise[1:] = intensity[1:] - intensity[:-1]
    codes = np.select([rise < 0, rise > 0], [0, 1], 2)
    first = np.ones(len(level), bool)
    first[1:] = episode[1:] != episode[:-1]
    return np.where(first, -1, codes)
