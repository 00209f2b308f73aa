"""When eligibility, assignment and follow-up begin together, and when follow-up ends."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.values import STRICT, Days, Level
from iop_outcomes.vocabulary import LevelOfCare

# Longest gaps at one level of care, in days: care by day and night goes on the next day or has
# ended; visits may pause for a holiday (intensive) or a month.
SAME_LEVEL_DAYS = {
    str(LevelOfCare.WITHDRAWAL_MANAGEMENT): 1,
    str(LevelOfCare.INPATIENT): 1,
    str(LevelOfCare.SHORT_TERM_RESIDENTIAL): 1,
    str(LevelOfCare.LONG_TERM_RESIDENTIAL): 1,
    str(LevelOfCare.PARTIAL_HOSPITALIZATION): 14,
    str(LevelOfCare.INTENSIVE_OUTPATIENT): 14,
    str(LevelOfCare.OUTPATIENT): 30,
    str(LevelOfCare.AMBULATORY_WITHDRAWAL_MANAGEMENT): 14,
}


class Moment(StrEnum):
    """A moment of a person's care, in the order in which they come."""

    DECISION = "decision or referral"
    START = "start of the index stay"
    EXIT = "exit from the index stay"


class Clock(StrEnum):
    """From when, and in which days, the time to an outcome is counted."""

    TIME_ZERO = "time zero"
    EXIT = "exit from the index stay"
    COMMUNITY = "days in the community"


class FollowUpEnd(StrEnum):
    """What ends follow-up besides the outcome itself."""

    DEATH = "death"
    END_OF_RECORDS = "end of records"
    EXIT = "exit from the index stay"


def _with_defaults(gaps: object) -> object:
    return {**SAME_LEVEL_DAYS, **gaps} if isinstance(gaps, dict) else gaps


@dataclass(frozen=True, kw_only=True, config=STRICT)
class EpisodeGaps:
    """When a stay continues what came before it.

    A gap is the number of days from one exit to the next admission: 0 on the same day.

    Attributes
    ----------
    gap_same_level_days
        Longest gap after which the same level of care goes on as if it had never stopped, by
        level of care; levels left out keep their default (day and night 1, outpatient 30, others
        14).
    gap_transition_days
        Longest gap after which another level of care continues the episode.
    interruption_days
        Longest admission, in nights, that pauses intensive outpatient care instead of ending it.
    incarceration_days
        Longest gap after an exit to jail that pauses the episode; 0: jail ends it.
    """

    gap_same_level_days: Annotated[dict[Level, Days], BeforeValidator(_with_defaults)] = Field(
        default_factory=SAME_LEVEL_DAYS.copy
    )
    gap_transition_days: Days = 7
    interruption_days: Days = 7
    incarceration_days: Days = 0

    @classmethod
    def of_one_gap(cls, days: int) -> Self:
        """The rules that one gap for every level, and no interruption, amount to.

        Examples
        --------
        >>> rules = EpisodeGaps.of_one_gap(7)
        >>> set(rules.gap_same_level_days.values()), rules.interruption_days
        ({7}, 0)
        """
        same = dict.fromkeys(SAME_LEVEL_DAYS, days)
        return cls(
            gap_same_level_days=same,
            gap_transition_days=days,
            interruption_days=0,
            incarceration_days=days,
        )


@dataclass(frozen=True, kw_only=True, config=STRICT)
class TimeZero:
    """When eligibility, assignment and follow-up begin together.

    Attributes
    ----------
    at
        The moment that is day 0: the start of the index stay, or the planned exit from it where
        what is compared is starting other care within a grace period.
    episode_gap_days
        A stay that begins within so many days of the last one's end continues its episode: one gap
        for all levels of care.
    episodes
        Finer rules, in place of `episode_gap_days`: a protocol has one of the two.
    baseline_window_days
        Scores count as baseline if taken within so many days before time zero, or on it.
    """

    at: Moment = Moment.START
    episode_gap_days: Days | None = None
    episodes: EpisodeGaps | None = None
    baseline_window_days: Days = 14

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.episode_gap_days is None and self.episodes is None:
            raise ValueError(
                "the key `episode_gap_days` is missing (or `episodes`, for a gap of its own at "
                "each level of care)"
            )
        if self.episode_gap_days is not None and self.episodes is not None:
            raise ValueError(
                "`episode_gap_days` and `episodes` say the same thing twice; keep one of the two"
            )
        return self

    @property
    def rules(self) -> EpisodeGaps:
        """The rules of episodes, whichever way they are written."""
        if self.episodes is not None:
            return self.episodes
        return EpisodeGaps.of_one_gap(self.episode_gap_days or 0)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FollowUp:
    """From when to when people are followed, besides the outcome that ends it.

    Attributes
    ----------
    starts
        The moment from which events count; it must be time zero, and is if left out.
    ends
        What ends follow-up. Death ends it as a competing event or as the outcome, the end of
        records as censoring.
    longest_days
        Last day after time zero on which anything is read; None: as long as the records reach.
    """

    starts: Moment | None = None
    ends: tuple[FollowUpEnd, ...] = (FollowUpEnd.DEATH, FollowUpEnd.END_OF_RECORDS)
    longest_days: Annotated[int, Field(gt=0)] | None = None
