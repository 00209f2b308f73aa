"""Time zero: eligibility, assignment and follow-up begin together, and nothing later is used."""

from collections.abc import Iterator

from iop_outcomes.protocol.execution import moments
from iop_outcomes.protocol.rules.columns import (
    later_than_time_zero,
    read_at_time_zero,
    result_of_care,
)
from iop_outcomes.protocol.rules.finding import Finding, Severity
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.time_zero import Moment

# What goes wrong if a moment is earlier or later than time zero.
EARLIER = {
    "eligibility.judged_at": "people who were eligible then need not be so at time zero",
    "assignment.at": (
        "arms are known before follow-up begins, so who had the outcome in between is left out: "
        "those who are left are no longer alike"
    ),
    "follow_up.starts": "events before eligibility and assignment would count",
}
LATER = {
    "eligibility.judged_at": (
        "who is eligible then had to get so far without the outcome: immortal time, and a "
        "selection by what happened meanwhile"
    ),
    "assignment.at": (
        "the arm is decided while events already count, so its members had to be without the "
        "event until then: immortal time"
    ),
    "follow_up.starts": (
        "events between time zero and then are not compared, and whoever had one is left out"
    ),
}


def misaligned_time_zero(protocol: Protocol) -> Iterator[Finding]:
    """Eligibility, assignment and follow-up begin together, or time is immortal.

    Hernan, Sauer, Hernandez-Diaz, Platt & Shrier (2016), Journal of Clinical Epidemiology
    79:70-75: every failure of an emulated trial by immortal time is one of these misalignments.
    """
    order = list(Moment)
    zero = protocol.time_zero.at
    for place, moment in moments(protocol).items():
        if moment is zero:
            continue
        why = (EARLIER if order.index(moment) < order.index(zero) else LATER)[place]
        yield Finding(
            rule="misaligned-time-zero",
            severity=Severity.ERROR,
            place=place,
            sentence=f"it is the {moment}, and time zero is the {zero}: {why}",
            mend=f"write `{zero}`, or move time zero",
        )


def strategy_decided_later(protocol: Protocol) -> Iterator[Finding]:
    """Arms told apart by something after time zero: the arm's members survived until then.

    Suissa (2008), American Journal of Epidemiology 167:492-499.
    """
    by = protocol.strategies.by
    why = later_than_time_zero(by, protocol)
    if why:
        yield Finding(
            rule="strategy-decided-later",
            severity=Severity.ERROR,
            place="strategies.by",
            sentence=f"`{by}` {why}, so being in an arm means having got so far without the event: "
            "immortal time",
            mend="tell the arms apart by what starts the index stay, or write the strategy as a "
            "`grace_period`",
        )
    elif result_of_care(by):
        yield Finding(
            rule="strategy-decided-later",
            severity=Severity.WARNING,
            place="strategies.by",
            sentence=f"`{by}` sounds as if it were known only after time zero, which would make "
            "immortal time",
            mend="make sure that it is known on the day of admission, and name it so",
        )


def covariate_after_time_zero(protocol: Protocol) -> Iterator[Finding]:
    """A covariate measured after time zero may be what the strategy did, or what the outcome is.

    Adjusting for it takes away part of the effect, or opens a path that randomisation would have
    closed (Hernan & Robins, What If, chapter 18).
    """
    for name, place in dict.fromkeys(read_at_time_zero(protocol)):
        why = later_than_time_zero(name, protocol)
        if why:
            yield Finding(
                rule="covariate-after-time-zero",
                severity=Severity.ERROR,
                place=place,
                sentence=f"`{name}` {why}, so it is not known at time zero",
                mend="use what was recorded at admission",
            )


def covariate_that_care_decides(protocol: Protocol) -> Iterator[Finding]:
    """Sessions, hours and length of stay are results of care: they are the effect, not its cause.

    Reads names only; a column that says `prior`, `baseline` or `history` is taken at its word.
    """
    for name, place in dict.fromkeys(read_at_time_zero(protocol)):
        if result_of_care(name) and not later_than_time_zero(name, protocol):
            yield Finding(
                rule="covariate-that-care-decides",
                severity=Severity.WARNING,
                place=place,
                sentence=f"`{name}` sounds like a result of care; weighting by it would take away "
                "part of the effect",
                mend="drop it, or name it so that it is seen to be before (prior_..., ..._before)",
            )


def washout_of_new_users(protocol: Protocol) -> Iterator[Finding]:
    """New users have a time without treatment behind them; without washout they are anybody.

    People already in treatment are over-represented by those who stay long (Ray 2003, American
    Journal of Epidemiology 158:915-920).
    """
    if protocol.eligibility.washout_days:
        return
    said = " ".join([protocol.title, protocol.question, *protocol.labels.values()]).lower()
    if any(words in said for words in ("new user", "new-user", "incident user", "newly treated")):
        yield Finding(
            rule="washout-of-new-users",
            severity=Severity.ERROR,
            place="eligibility.washout_days",
            sentence="the protocol speaks of new users, and nobody is asked for a time without "
            "treatment",
            mend="write the days without treatment before admission (60 is customary), or drop "
            "the word",
        )


def contrast_of_another_strategy(protocol: Protocol) -> Iterator[Finding]:
    """Intention to treat asks of starting; staying and grace periods are per protocol."""
    fit = protocol.strategies.contrast
    if protocol.causal_contrast is not fit:
        yield Finding(
            rule="contrast-of-another-strategy",
            severity=Severity.ERROR,
            place="causal_contrast",
            sentence=f"it is `{protocol.causal_contrast}`, and strategies.kind is "
            f"`{protocol.strategies.kind}`",
            mend=f"write `{fit}`, or another kind of strategy",
        )
