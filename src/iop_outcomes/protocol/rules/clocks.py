"""Clocks: what it means to count the time to an outcome otherwise than from time zero."""

from collections.abc import Iterator

from iop_outcomes.protocol.rules.finding import Finding, Severity
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.time_zero import Clock


def compared_from_the_exit(protocol: Protocol) -> Iterator[Finding]:
    """Who got to the exit, alive and without the event, is what the arms did to people.

    To compare from there is to compare among people selected by treatment; a non-inferiority margin
    on such a risk claims an effect that it is not (Hernan & Robins, What If, chapter 8).
    """
    for outcome in protocol.outcomes:
        if outcome.clock is not Clock.EXIT:
            continue
        claimed = outcome.name in protocol.noninferiority
        yield Finding(
            rule="compared-from-the-exit",
            severity=Severity.ERROR if claimed else Severity.WARNING,
            place=f"outcomes.{outcome.name}.clock",
            sentence="counted from the exit, arms are compared among those who got there, after "
            "stays of different length: descriptive only"
            + (", and a margin is set on it" if claimed else ""),
            mend="take the margin away, or count from time zero"
            if claimed
            else "answer the question from time zero, and show this beside it",
        )


def care_taken_out_of_time(protocol: Protocol) -> Iterator[Finding]:
    """Days in care are part of what the arms are: taken out of time, they are no longer compared.

    An arm that keeps people in care for longer has fewer days in which anything could happen.
    """
    for outcome in protocol.outcomes:
        if outcome.clock is Clock.COMMUNITY:
            yield Finding(
                rule="care-taken-out-of-time",
                severity=Severity.WARNING,
                place=f"outcomes.{outcome.name}.clock",
                sentence="days by day and night in care, and in jail, are not counted, and the "
                "arms differ in them by design; people reach the horizon at different dates",
                mend="show the same outcome from time zero, and read the days followed in the "
                "report",
            )
