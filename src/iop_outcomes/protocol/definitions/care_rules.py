"""Rules that read how somebody was in care: stays, exits and services.

Days are counted from time zero, the start of the index stay, unless a rule says otherwise.
"""

from typing import Annotated, Literal

from pydantic import Field
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.values import STRICT
from iop_outcomes.vocabulary import ExitReason, LevelOfCare

Days = Annotated[int, Field(ge=0)]
Whole = Annotated[int, Field(ge=1)]
Levels = Annotated[tuple[LevelOfCare, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class LengthOfStay:
    """Nights in care by day and night, days from the first to the last in other care; at least 1.

    An exit on the day of admission is a stay of one day.
    """

    by: Literal["length of stay"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class RetainedPast:
    """Whether the index stay went on for more than so many days."""

    by: Literal["retained past a day"]
    days: Days


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ExitFor:
    """Whether the index stay ended for one of these reasons."""

    by: Literal["reason of exit"]
    reasons: Annotated[tuple[ExitReason, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CauseOfExit:
    """When and why the index stay ended: every reason competes with every other."""

    by: Literal["cause of exit"]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class AttendanceGap:
    """The first gap in attendance that is too long; dated on the last day attended before it.

    Attributes
    ----------
    gap_days
        A gap of more days than these ends attendance. Nights in care by day and night pause it.
    """

    by: Literal["gap in attendance"]
    gap_days: Whole


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Engagement:
    """Whether care that was begun went on: a further contact, then more of them.

    Attributes
    ----------
    step
        Which of the two is asked.
    within_days
        Days after time zero within which a further contact initiates treatment. A stay by day and
        night initiates it by itself, on its last day.
    further_contacts, further_days
        Days with a contact, and the days after initiation within which they engage.
    """

    by: Literal["initiation and engagement"]
    step: Literal["initiation", "engagement"]
    within_days: Whole
    further_contacts: Whole
    further_days: Whole


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FollowUpCare:
    """Whether a discharge from care by day and night was followed up; the day itself is not asked.

    Attributes
    ----------
    within_days
        Days after the discharge.
    levels
        Care that is discharged from.
    minimum_age_years
        At admission.
    transfer_days
        A stay at one of `levels` that begins within so many days goes on with the one before.
    """

    by: Literal["follow-up after discharge"]
    within_days: Whole
    levels: Levels
    minimum_age_years: Days
    transfer_days: Days


@dataclass(frozen=True, kw_only=True, config=STRICT)
class WeeksInDose:
    """The share of planned weeks with enough hours; weeks after leaving count as without.

    Attributes
    ----------
    hours
        A week with so many is in dose.
    weeks
        Planned, from time zero.
    """

    by: Literal["weeks in dose"]
    hours: Annotated[float, Field(gt=0)]
    weeks: Whole


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HoursAttended:
    """Hours of sessions on the first so many days."""

    by: Literal["hours attended"]
    days: Whole


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Regularity:
    """How evenly somebody attends.

    Attributes
    ----------
    measure
        `variation`: standard deviation over mean of the weekly hours. `longest gap`: days from one
        contact to the next, at most.
    weeks
        From time zero.
    """

    by: Literal["regularity of attendance"]
    measure: Literal["variation", "longest gap"]
    weeks: Annotated[int, Field(ge=2)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class DaysInTheCommunity:
    """How many of the first so many days were lived in the community.

    A day in care by day and night or in jail is none, and neither is one after death.
    """

    by: Literal["days in the community"]
    days: Whole


@dataclass(frozen=True, kw_only=True, config=STRICT)
class NumberOfReadmissions:
    """How many times somebody came back to care by day and night, of several times all.

    Attributes
    ----------
    days
        After time zero; only admissions after the end of the index episode count.
    gap_days
        An admission sooner after the end of the episode before is a transfer.
    step_up_days
        An admission within so many days after care without nights is a step up.
    """

    by: Literal["number of readmissions"]
    days: Whole
    gap_days: Days
    step_up_days: Days


CareRule = (
    LengthOfStay
    | RetainedPast
    | ExitFor
    | CauseOfExit
    | AttendanceGap
    | Engagement
    | FollowUpCare
    | WeeksInDose
    | HoursAttended
    | Regularity
    | DaysInTheCommunity
    | NumberOfReadmissions
)
