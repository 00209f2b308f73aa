"""Outcomes: what competes with them, what they leave unsaid, and how long they are followed."""

from collections.abc import Iterator

from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.rules.finding import Finding, Severity
from iop_outcomes.protocol.rules.sources import EXITS, sight
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.strategies import BREAKS, StrategyKind
from iop_outcomes.protocol.time_zero import FollowUpEnd
from iop_outcomes.vocabulary import Direction, ExitReason, LevelOfCare

DEATH = str(ExitReason.DEATH)
COMPLETED = str(ExitReason.COMPLETED)
# Reasons of exit that say who decided to leave, when: an outcome about leaving has some of them.
LEAVING = EXITS - {DEATH, str(ExitReason.INCARCERATED)}
PROGRAMME_DAYS = 28  # planned length of most short-term residential programmes
AROUND_THE_CLOCK = {
    str(LevelOfCare.INPATIENT),
    str(LevelOfCare.SHORT_TERM_RESIDENTIAL),
    str(LevelOfCare.LONG_TERM_RESIDENTIAL),
}
SHORT_STAYS = AROUND_THE_CLOCK - {str(LevelOfCare.LONG_TERM_RESIDENTIAL)}


def death_left_unsaid(protocol: Protocol) -> Iterator[Finding]:
    """Who died can no longer have the outcome; censoring says that they still could.

    Treating death as censoring estimates a risk in a world where nobody dies (Andersen, Geskus, de
    Witte & Putter 2012, International Journal of Epidemiology 41:861-870).
    """
    told = DEATH in sight(protocol.source).kinds
    for outcome in protocol.outcomes:
        # A definition of the registry says itself what becomes of the dead, in words.
        if outcome.told_by is not None or DEATH in (*outcome.events, *outcome.competing):
            continue
        if outcome.score is not None:
            yield from _death_before_the_score(protocol, outcome)
            continue
        if outcome.horizon_days is None:
            yield from _death_at_exit(protocol, outcome)
            continue
        yield Finding(
            rule="death-as-censoring",
            severity=Severity.ERROR if told else Severity.WARNING,
            place=f"outcomes.{outcome.name}.competing",
            sentence="death is neither the outcome nor a competing event, so whoever dies is "
            "censored as if the outcome could still happen"
            + ("" if told else "; the source, as described, does not tell who died"),
            mend="add `death` to `competing`, or to `events` for a composite"
            + ("" if told else ", if the records can tell"),
        )


def outcome_that_breaks_the_strategy(protocol: Protocol) -> Iterator[Finding]:
    """Under a strategy of staying nobody leaves, so leaving is no outcome of it."""
    if protocol.strategies.kind is not StrategyKind.SUSTAINED:
        return
    for outcome in protocol.outcomes:
        breaking = sorted(set(outcome.counts) & set(map(str, BREAKS)))
        if breaking:
            yield Finding(
                rule="outcome-that-breaks-the-strategy",
                severity=Severity.ERROR,
                place=f"outcomes.{outcome.name}.events",
                sentence=f"{breaking} break the strategy, so under it nobody could have the "
                "outcome",
                mend="leave the outcome to a study of starting (`initiate`)",
            )


def _death_at_exit(protocol: Protocol, outcome: Outcome) -> Iterator[Finding]:
    """At exit there is no clock to stop: whoever died counts as not having had the outcome."""
    if DEATH in protocol.intercurrent_events:
        return
    counts = "a success" if outcome.better is Direction.LOWER else "no success"
    yield Finding(
        rule="death-left-unsaid",
        severity=Severity.WARNING,
        place=f"outcomes.{outcome.name}.competing",
        sentence=f"death is neither the outcome nor a competing event, so it counts as {counts}",
        mend="add `death` to `competing`, or say under `intercurrent_events` that it is composite",
    )


def _death_before_the_score(protocol: Protocol, outcome: Outcome) -> Iterator[Finding]:
    """The dead have no score: means are of those who lived and came, whom the arms may select."""
    if DEATH in protocol.intercurrent_events:
        return
    yield Finding(
        rule="death-left-unsaid",
        severity=Severity.WARNING,
        place=f"outcomes.{outcome.name}.score",
        sentence="who dies before it has no score and counts as not known, so means are of those "
        "who lived",
        mend="say so under `intercurrent_events` (death: competing), and show deaths by arm beside "
        "it",
    )


def exit_as_censoring(protocol: Protocol) -> Iterator[Finding]:
    """Leaving care is no end of sight: who drops out is not like those who stay.

    Censored at the exit, they are taken to fare as those who stayed (Hernan & Robins, What If,
    chapter 12); and of several ways to leave, each is then overstated by one minus Kaplan-Meier.
    """
    if FollowUpEnd.EXIT in protocol.follow_up.ends:
        yield Finding(
            rule="competing-event-as-censoring",
            severity=Severity.ERROR,
            place="follow_up.ends",
            sentence="follow-up would end by censoring at the exit from the index stay, and "
            "leaving care says much about the outcome",
            mend="follow people beyond the exit, and name the exits that foreclose an outcome "
            "under its `competing`",
        )


def exits_left_unsaid(protocol: Protocol) -> Iterator[Finding]:
    """Who completed cannot drop out any more: completion forecloses leaving, and so does transfer.

    Left out of `competing` people would be followed as if it could still happen.
    """
    known = sight(protocol.source).kinds & LEAVING - {str(ExitReason.NOT_RECORDED)}
    for outcome in protocol.outcomes:
        leaving = set(outcome.events) & LEAVING
        if not leaving or outcome.horizon_days is None:
            continue
        unsaid = sorted(known - {*outcome.events, *outcome.competing})
        if unsaid:
            yield Finding(
                rule="exits-left-unsaid",
                severity=Severity.ERROR if COMPLETED in unsaid else Severity.WARNING,
                place=f"outcomes.{outcome.name}.competing",
                sentence=f"an exit that is {unsaid} forecloses it and is not named, so people "
                "would be followed as if it could still happen",
                mend="add what forecloses it to `competing`",
            )


def horizon_beyond_follow_up(protocol: Protocol) -> Iterator[Finding]:
    """A risk is read no later than people are followed."""
    longest = protocol.follow_up.longest_days
    for outcome in protocol.outcomes if longest is not None else ():
        last, key = outcome.horizon_days, "horizon_days"
        if outcome.score is not None and outcome.score.days is not None:
            last, key = outcome.score.days[1], "score.days"
        if last is not None and last > longest:
            yield Finding(
                rule="horizon-beyond-follow-up",
                severity=Severity.ERROR,
                place=f"outcomes.{outcome.name}.{key}",
                sentence=f"it is day {last}, and follow-up ends on day {longest}",
                mend="read the risk earlier, or follow people longer",
            )


def stays_of_another_length(protocol: Protocol) -> Iterator[Finding]:
    """A 28-day programme empties by design: nobody is retained in it for 90 days.

    What is read at exit, or counts completion as leaving, compares planned lengths of stay.
    """
    arms = protocol.strategies
    if arms.by != "level_of_care":
        return
    clocks = [set(arm) & AROUND_THE_CLOCK for arm in (arms.intervention, arms.comparator)]
    if bool(clocks[0]) == bool(clocks[1]):
        return
    short = (clocks[0] | clocks[1]) & SHORT_STAYS
    for outcome in protocol.outcomes:
        if outcome.at_exit:
            sentence = (
                "it is read at exit, and the arms are planned for stays of different length: "
                "a longer one leaves more time to drop out, and less to return"
            )
            mend = "read it by a day if exits have days; else say so beside the result"
        elif COMPLETED in outcome.events and short and outcome.horizon_days > PROGRAMME_DAYS:
            sentence = (
                f"completion counts as leaving, and {sorted(short)} is planned for about "
                f"{PROGRAMME_DAYS} days, so nobody can stay until day {outcome.horizon_days}"
            )
            mend = "make completion compete, or ask who is in any care by then"
        else:
            continue
        yield Finding(
            rule="stays-of-another-length",
            severity=Severity.WARNING if outcome.horizon_days is None else Severity.ERROR,
            place=f"outcomes.{outcome.name}",
            sentence=sentence,
            mend=mend,
        )


def intercurrent_events_left_unsaid(protocol: Protocol) -> Iterator[Finding]:
    """An estimand says what is done about each event that may come in between (ICH E9(R1))."""
    named = {
        kind
        for name, event in protocol.intercurrent_events.items()
        for kind in event.kinds_of(name)
    }
    if not protocol.intercurrent_events:
        yield Finding(
            rule="intercurrent-events-left-unsaid",
            severity=Severity.WARNING,
            place="intercurrent_events",
            sentence="the protocol names none; what does not compete is followed as if it had not "
            "happened",
            mend="name each with a strategy and a reason: death, jail, transfer, other care",
        )
        return
    for outcome in protocol.outcomes:
        unsaid = [kind for kind in outcome.competes if kind not in named]
        if unsaid:
            yield Finding(
                rule="intercurrent-events-left-unsaid",
                severity=Severity.WARNING,
                place=f"outcomes.{outcome.name}.competing",
                sentence=f"{unsaid} compete with it and have no row under `intercurrent_events`",
                mend="name them there with a reason",
            )
