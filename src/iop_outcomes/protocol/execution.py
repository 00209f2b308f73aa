"""What a protocol can say and the code does not do yet: refused in words, never ignored.

Whoever teaches the cohort or the analysis one of these takes it out of here.
"""

from collections.abc import Iterator

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.intercurrent_events import Handling
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.strategies import CausalContrast, StrategyKind
from iop_outcomes.protocol.time_zero import FollowUpEnd, Moment

NOT_DONE = (Handling.HYPOTHETICAL, Handling.WHILE_AT_RISK)


def refuse_unexecuted(protocol: Protocol, where: str = "protocol") -> None:
    """Refuse a protocol that asks for what is not executed.

    Raises
    ------
    ProtocolError
        Names the first place and what is executed instead.
    """
    for place, sentence in unexecuted(protocol):
        raise ProtocolError(f"{where}.{place}: {sentence}")


def unexecuted(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Places of the protocol that ask for what is not executed, each with a sentence."""
    kind = protocol.strategies.kind
    if kind is not StrategyKind.INITIATE:
        yield (
            "strategies.kind",
            f"`{kind}` is not executed yet; write `initiate`, and read the result as the effect "
            "of starting",
        )
    if protocol.causal_contrast is not CausalContrast.INTENTION_TO_TREAT:
        yield (
            "causal_contrast",
            f"`{protocol.causal_contrast}` is not executed yet: nobody is censored on leaving a "
            "strategy; write `intention to treat`",
        )
    if protocol.time_zero.episodes is not None:
        yield (
            "time_zero.episodes",
            "gaps by level of care are not executed yet; write one gap for all, `episode_gap_days`",
        )
    for place, moment in moments(protocol).items():
        if moment is not Moment.START:
            yield place, f"`{moment}` is not executed; write `{Moment.START}`"
    ends = protocol.follow_up.ends
    if set(ends) != {FollowUpEnd.DEATH, FollowUpEnd.END_OF_RECORDS}:
        yield (
            "follow_up.ends",
            f"{list(map(str, ends))} is not executed; write "
            f"[{FollowUpEnd.DEATH}, {FollowUpEnd.END_OF_RECORDS}]",
        )
    for name, event in protocol.intercurrent_events.items():
        for outcome in protocol.outcomes:
            handling = event.handling(outcome.name)
            if handling in NOT_DONE:
                yield (
                    f"intercurrent_events.{name}",
                    f"`{handling}` is not executed yet (for {outcome.name}); choose among "
                    f"{[str(each) for each in Handling if each not in NOT_DONE]}",
                )
                break


def moments(protocol: Protocol) -> dict[str, Moment]:
    """The four moments that a target trial has at once, by the place that says each."""
    return {
        "time_zero.at": protocol.time_zero.at,
        "eligibility.judged_at": protocol.eligibility.judged_at,
        "assignment.at": protocol.assignment.at,
        "follow_up.starts": protocol.follow_up.starts,
    }
