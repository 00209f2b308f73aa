"""Rules that read what happened: use, events, returns to care, scores, status at exit.

Days are counted from time zero, the start of the index stay, unless a rule says otherwise.
"""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.definitions.care_rules import Days, Levels, Whole
from iop_outcomes.protocol.values import STRICT
from iop_outcomes.vocabulary import EventKind, LevelOfCare

Words = Annotated[tuple[str, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FirstUse:
    """The first day with a positive test or reported use.

    Attributes
    ----------
    substances
        Those that count, unless the caller names others; empty: all that were looked for.
    prescription_days
        A positive test is not use if that substance was given so many days before, or on the day.
    charted
        A return to use among the events counts too, whatever the substance.
    """

    by: Literal["first use"]
    substances: tuple[str, ...] = ()
    prescription_days: Days
    charted: bool = False


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FirstEvent:
    """The first event of one of these kinds."""

    by: Literal["first event"]
    kinds: Annotated[tuple[EventKind, ...], Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Readmission:
    """The first admission by day and night after the index episode has ended.

    Attributes
    ----------
    within_days
        Asks whether there was one so many days after the end of the index episode, that day too.
        None: asks when there was, from time zero.
    gap_days
        An admission sooner than this is a transfer.
    step_up_days
        An admission within so many days after care without nights is a step up.
    """

    by: Literal["readmission"]
    within_days: Whole | None = None
    gap_days: Days
    step_up_days: Days


@dataclass(frozen=True, kw_only=True, config=STRICT)
class FirstOf:
    """The first of several outcomes, which are told apart beside it.

    Attributes
    ----------
    components
        Identifiers of other definitions that have a day.
    """

    by: Literal["first of several"]
    components: Annotated[tuple[str, ...], Field(min_length=2)]


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ReturnToHospital:
    """The first inpatient stay after the discharge from one.

    Attributes
    ----------
    within_days
        After the discharge, that day too.
    levels
        Care that counts as the hospital.
    transfer_days
        A stay that begins within so many days goes on with the one before.
    """

    by: Literal["return to hospital"]
    within_days: Whole
    levels: Levels
    transfer_days: Days


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScoreInWindow:
    """The last score within a window, of those with a high score at time zero.

    Attributes
    ----------
    instrument
        As the scores spell it.
    entry_at_least, entry_days
        The last score within so many days before time zero, or on it, must be as high as this.
    first_day, last_day
        The window; both counted.
    below
        The score must be lower than this.
    fallen_by
        It must have fallen by this share of the score at time zero, or more.
    """

    by: Literal["score in a window"]
    instrument: str
    entry_at_least: float
    entry_days: Days
    first_day: Days
    last_day: Days
    below: float | None = None
    fallen_by: Annotated[float, Field(gt=0, le=1)] | None = None

    @model_validator(mode="after")
    def _asks_one_thing(self) -> Self:
        if (self.below is None) == (self.fallen_by is None):
            raise ValueError("say `below` or `fallen_by`, one of them")
        if self.last_day < self.first_day:
            raise ValueError("the last day comes before the first")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class ScoreRelapse:
    """High scores after a remission: two that lie apart, or one and an admission.

    Attributes
    ----------
    instrument
        As the scores spell it.
    remission_below
        A score lower than this is a remission.
    relapse_from
        A score as high as this may be a relapse.
    apart_days
        A later score as high confirms it, at least so many days on and with none lower between.
    admission_levels
        An admission to this care on or after the day of a high score confirms it, as long as no
        lower score lies between.
    """

    by: Literal["score after remission"]
    instrument: str
    remission_below: float
    relapse_from: float
    apart_days: Whole
    admission_levels: tuple[LevelOfCare, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        if self.relapse_from < self.remission_below:
            raise ValueError("one score cannot be both a remission and a relapse")
        return self


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StatusAtExit:
    """What was recorded at the exit from the index stay.

    Attributes
    ----------
    column
        Of the stays, as recorded at exit; the same at admission is called alike, without
        `_at_exit`.
    among
        Words at admission that are asked about; empty: whatever was recorded, or nothing.
    counted, not_counted
        Words at exit that count, and all others that there are.
    unrecorded
        Words that say nothing was recorded.
    """

    by: Literal["status at exit"]
    column: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*_at_exit$")]
    among: tuple[str, ...] = ()
    counted: Words
    not_counted: Words
    unrecorded: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _apart(self) -> Self:
        shared = sorted(set(self.counted) & set(self.not_counted))
        if shared:
            raise ValueError(f"{shared} cannot both count and not")
        strange = sorted(set(self.among) - {*self.counted, *self.not_counted})
        if strange:
            raise ValueError(f"{strange} is none of the words at exit")
        return self


EventRule = (
    FirstUse
    | FirstEvent
    | Readmission
    | FirstOf
    | ReturnToHospital
    | ScoreInWindow
    | ScoreRelapse
    | StatusAtExit
)
