"""Does an arm depend on surviving? The rule that tells immortal time from a study's timing."""

from enum import StrEnum


class Timing(StrEnum):
    """How the day on which the arm is known lies to the day from which events count."""

    ALIGNED = "aligned"
    CLONED = "cloned"
    LANDMARK = "landmark"
    IMMORTAL_TIME = "immortal time"

    @property
    def words(self) -> str:
        """What it means, for a complaint or a report."""
        return WORDS[self]


WORDS = {
    Timing.ALIGNED: "the arm is known when follow-up begins",
    Timing.CLONED: (
        "the arm is decided during follow-up; everyone is followed in both arms until their data "
        "contradict one, and weighted for that"
    ),
    Timing.LANDMARK: (
        "follow-up begins only after the arm is known, so whoever had the outcome before is left "
        "out: the answer is about those who got so far, and events before are not compared"
    ),
    Timing.IMMORTAL_TIME: (
        "the arm is decided by something that happens while events already count, so who has the "
        "event first can no longer enter that arm, and its members could not have had the event "
        "before they did: immortal time; clone everyone into both arms and censor them when their "
        "data contradict one"
    ),
}


def immortal_time(
    *, arm_decided_by_day: int | None, events_count_from_day: int, cloned: bool = False
) -> Timing:
    """Tell whether being in an arm means having been event-free for a while.

    Immortal time is when all three hold: something after time zero decides the arm; events already
    count on the last day on which it can; and not everyone is followed in both arms until then.

    Parameters
    ----------
    arm_decided_by_day
        Last day after time zero on which something can still decide the arm: 0 or less for what is
        known at time zero, the end of a grace period, or None for "ever during follow-up".
    events_count_from_day
        First day after time zero on which an event counts.
    cloned
        Everyone is cloned into both arms, censored artificially and weighted.

    Examples
    --------
    Stepped down within 14 days or not, and every relapse from day 1 counts:

    >>> immortal_time(arm_decided_by_day=14, events_count_from_day=1)
    <Timing.IMMORTAL_TIME: 'immortal time'>
    >>> immortal_time(arm_decided_by_day=14, events_count_from_day=15)
    <Timing.LANDMARK: 'landmark'>
    >>> immortal_time(arm_decided_by_day=14, events_count_from_day=1, cloned=True)
    <Timing.CLONED: 'cloned'>
    >>> immortal_time(arm_decided_by_day=0, events_count_from_day=1)
    <Timing.ALIGNED: 'aligned'>
    """
    if arm_decided_by_day is not None and arm_decided_by_day <= 0:
        return Timing.ALIGNED
    if cloned:
        return Timing.CLONED
    if arm_decided_by_day is not None and events_count_from_day > arm_decided_by_day:
        return Timing.LANDMARK
    return Timing.IMMORTAL_TIME
