"""What makes stays one episode: the longest gaps, what only interrupts, which care ranks higher."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.time_zero import SAME_LEVEL_DAYS
from iop_outcomes.vocabulary import DAY_AND_NIGHT, LevelOfCare

# Going to a higher number is a step up. The two kinds of residential care differ in length, not in
# intensity; withdrawal management at home asks for visits as outpatient care does.
INTENSITY = {
    LevelOfCare.WITHDRAWAL_MANAGEMENT: 6,
    LevelOfCare.INPATIENT: 5,
    LevelOfCare.SHORT_TERM_RESIDENTIAL: 4,
    LevelOfCare.LONG_TERM_RESIDENTIAL: 4,
    LevelOfCare.PARTIAL_HOSPITALIZATION: 3,
    LevelOfCare.INTENSIVE_OUTPATIENT: 2,
    LevelOfCare.OUTPATIENT: 1,
    LevelOfCare.AMBULATORY_WITHDRAWAL_MANAGEMENT: 1,
}


@dataclass(frozen=True, kw_only=True)
class EpisodeRules:
    """When a stay continues what came before it.

    A gap is the number of days from one exit to the next admission: 0 on the same day.

    Attributes
    ----------
    gap_same_level
        Longest gap, in days, after which the same level of care goes on as if it had never
        stopped; by level of care, and levels left out keep their default.
    gap_transition
        Longest gap, in days, after which another level of care is the next segment of the same
        episode.
    interruption_days
        Longest admission, in nights, that pauses the care around it instead of ending it.
    interrupting
        Levels of care that may be such an admission. Nothing in the records says whether an
        admission was medical; inpatient care while the other care stays open is taken for it.
        Withdrawal management and residential care treat the addiction, so by default they are not.
    interrupted
        Levels of care that are paused; none by day and night, where it would be a transfer.
    incarceration_days
        Longest gap, in days, after an exit to jail that pauses the episode instead of ending it;
        it replaces the other two gaps there. 0: jail ends the episode.

    Examples
    --------
    >>> EpisodeRules(gap_same_level={"outpatient": 45}).gap_same_level["outpatient"]
    45
    >>> EpisodeRules(gap_same_level={"outpatient": 45}).gap_same_level["intensive outpatient"]
    14
    """

    gap_same_level: Mapping[str, int] = field(default_factory=dict)
    gap_transition: int = 7
    interruption_days: int = 7
    interrupting: tuple[str, ...] = (LevelOfCare.INPATIENT,)
    interrupted: tuple[str, ...] = (LevelOfCare.INTENSIVE_OUTPATIENT,)
    incarceration_days: int = 0

    def __post_init__(self):
        for name in ("gap_same_level", "interrupting", "interrupted"):
            unknown = sorted(set(getattr(self, name)) - set(LevelOfCare))
            if unknown:
                known = [str(level) for level in LevelOfCare]
                raise ProtocolError(f"{name}: {unknown} is no level of care; known are {known}")
        nights = [str(level) for level in DAY_AND_NIGHT]
        if not set(self.interrupting) <= set(nights):
            raise ProtocolError(
                f"interrupting: only care by day and night interrupts; choose among {nights}"
            )
        if set(self.interrupted) & set(nights):
            raise ProtocolError(
                f"interrupted: an admission is a transfer from, not a pause of, any of {nights}; "
                "leave them out"
            )
        names = ("gap_transition", "interruption_days", "incarceration_days")
        days = {name: getattr(self, name) for name in names}
        days |= {f"gap_same_level.{level}": gap for level, gap in self.gap_same_level.items()}
        for name, value in days.items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 0:
                raise ProtocolError(f"{name}: must be a whole number of days, 0 or more")
        gaps = {**SAME_LEVEL_DAYS, **self.gap_same_level}
        object.__setattr__(self, "gap_same_level", gaps)
