"""Counts, shares, conditions and indices of a person's weekly urines."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.cohort.use_patterns import (
    CODE,
    COUNTED,
    END,
    UsePatterns,
    numbers,
    recoded,
    use_patterns,
)
from iop_outcomes.protocol.definitions.weekly_rules import (
    AllOfWeeks,
    NumberOfWeeks,
    ShareOfWeeks,
    Weeks,
    WeightedIndex,
)
from iop_outcomes.records.urine_weeks import MISSING, MIXED, NOT_REQUIRED, POSITIVE

HALF = 0.5  # what a mixed week counts where it counts half
ROUNDING = 1e-9  # shares are sums of halves over whole numbers: less than this is no difference


def number_of_weeks(words: pd.Series, rule: NumberOfWeeks) -> pd.DataFrame:
    """How many of the chosen weeks count.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `words`: `person_id`, `value`; missing where planned
        treatment is shorter than the rule asks.
    """
    given = use_patterns(words)
    letters = recoded(given.letters, rule.missed, rule.mixed)
    counts = _counted(letters, rule.counted) * _chosen(rule.weeks, letters)
    return numbers(given, counts.sum(axis=1), _too_short(given, rule.weeks.needed))


def share_of_weeks(words: pd.Series, rule: ShareOfWeeks) -> pd.DataFrame:
    """Which share of the chosen weeks counts; 0 if there is no such week.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `words`: `person_id`, `value` (1 or 0 where the rule
        only asks whether the share is large enough); missing where planned treatment is shorter
        than the rule asks.

    Examples
    --------
    >>> rule = ShareOfWeeks(
    ...     by="share of weeks", counted="negative", missed="left out", mixed="half",
    ...     weeks=Weeks(last=4),
    ... )
    >>> share_of_weeks(pd.Series({"P": "-oo-*+++", "Q": "oooooooo"}), rule)["value"].tolist()
    [0.625, 0.0]
    """
    given = use_patterns(words)
    letters = recoded(given.letters, rule.missed, rule.mixed)
    whole = _chosen(rule.weeks, letters) & ~np.isin(letters, [END, CODE[NOT_REQUIRED]])
    column = np.arange(1, letters.shape[1] + 1)
    if rule.retained_only:
        whole &= column <= given.retained[:, None]
    weight = np.array([rule.weights.get(week, 0.0) for week in column] if rule.weights else 1.0)
    part = (_counted(letters, rule.counted) * whole * weight).sum(axis=1)
    total = (whole * weight).sum(axis=1)
    part, total = np.where(total > 0, part, 0), np.where(total > 0, total, 1)
    if rule.one_minus:
        part = total - part
    part = np.where(given.retained >= rule.retained_weeks, part, 0)
    unknown = _too_short(given, max([rule.weeks.needed, *rule.weights]))
    if rule.at_least is not None:
        return numbers(given, part >= rule.at_least * total - ROUNDING, unknown)
    return numbers(given, part / total, unknown)


def conditions_hold(words: pd.Series, rule: AllOfWeeks) -> pd.DataFrame:
    """Whether each condition on the weeks holds: `value` is 1 or 0.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `words`: `person_id`, `value`; missing where planned
        treatment is shorter than a condition asks.
    """
    given = use_patterns(words)
    letters = recoded(given.letters, rule.missed, rule.mixed)
    holds = np.ones(len(letters), bool)
    for condition in rule.conditions:
        chosen = _chosen(condition.weeks, letters)
        counts = ((letters == COUNTED[condition.counted]) & chosen).sum(axis=1)
        if condition.at_least is not None:
            holds &= counts >= condition.at_least
        if condition.at_most is not None:
            holds &= counts <= condition.at_most
    needed = max(condition.weeks.needed for condition in rule.conditions)
    return numbers(given, holds, _too_short(given, needed))


def weighted_index(words: pd.Series, rule: WeightedIndex) -> pd.DataFrame:
    """The index that later positive weeks lower more than early ones.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `words`: `person_id`, `value`; missing where planned
        treatment is shorter than the rule asks.
    """
    given = use_patterns(words)
    steps = rule.weeks // rule.step_weeks
    rise = np.linspace(rule.first_penalty, rule.last_penalty, steps).repeat(rule.step_weeks)
    letters = given.letters[:, : rule.weeks]
    rise = rise[: letters.shape[1]]
    positive = (letters == CODE[POSITIVE]) + HALF * (letters == CODE[MIXED])
    missed = (letters == CODE[MISSING]).sum(axis=1)
    penalty = positive @ rise + rule.missed_penalty * missed
    index = rule.highest * (1 - penalty / rule.total_penalty)
    index = np.where(given.retained >= rule.retained_weeks, index, 0.0)
    return numbers(given, index, _too_short(given, rule.weeks))


def _counted(letters: NDArray[np.uint8], counted: str) -> NDArray[np.float64]:
    half = 0.0 if counted == "missed" else HALF
    return (letters == COUNTED[counted]) + half * (letters == CODE[MIXED])


def _chosen(weeks: Weeks, letters: NDArray[np.uint8]) -> NDArray[np.bool_]:
    column = np.arange(1, letters.shape[1] + 1)
    here = letters != END
    if weeks.final is not None:
        return here & (column > here.sum(axis=1)[:, None] - weeks.final)
    if weeks.among:
        return here & np.isin(column, weeks.among)
    last = letters.shape[1] if weeks.last is None else weeks.last
    return here & (weeks.first <= column) & (column <= last)


def _too_short(given: UsePatterns, needed: int) -> NDArray[np.bool_]:
    return given.weeks < needed
