"""What a protocol can say and the code does not do yet: refused in words, never ignored.

Whoever teaches the cohort or the analysis one of these takes it out of here.
"""

from collections.abc import Iterator

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.analysis_plan import PropensityModel, Weighting, WeightLimits
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.intercurrent_events import Handling
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.protocol.survival_plan import HazardRatio
from iop_outcomes.protocol.time_zero import Clock, FollowUpEnd, Moment
from iop_outcomes.vocabulary import Estimand

WEIGHTED_FOR = {
    Weighting.ENTROPY_BALANCING: (Estimand.ATE, Estimand.ATT, Estimand.ATC),
    Weighting.NEAREST_NEIGHBOURS: (Estimand.ATT, Estimand.ATC),
    Weighting.SUBCLASSES: (Estimand.ATE, Estimand.ATT, Estimand.ATC),
}
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
    strategies = protocol.strategies
    if protocol.causal_contrast is not strategies.contrast:
        yield (
            "causal_contrast",
            f"`{protocol.causal_contrast}` is not executed for `kind: {strategies.kind}`; write "
            f"`{strategies.contrast}`, or another kind of strategy",
        )
    for place, moment in moments(protocol).items():
        if moment is not strategies.time_zero:
            yield (
                place,
                f"`{moment}` is not executed for `kind: {strategies.kind}`; write "
                f"`{strategies.time_zero}`",
            )
    if strategies.kind is not StrategyKind.INITIATE:
        for outcome in protocol.outcomes:
            if outcome.horizon_days is None:
                yield (
                    f"outcomes.{outcome.name}.horizon_days",
                    f"an outcome read at exit is not executed for `kind: {strategies.kind}`, whose "
                    "follow-up ends where the strategy is left; give it a horizon",
                )
            if outcome.clock is not Clock.TIME_ZERO:
                yield (
                    f"outcomes.{outcome.name}.clock",
                    f"`{outcome.clock}` is not executed for `kind: {strategies.kind}`, whose days "
                    f"of leaving the strategy count from time zero; write `{Clock.TIME_ZERO}`",
                )
    if strategies.kind is StrategyKind.GRACE_PERIOD and protocol.estimand is not Estimand.ATE:
        yield (
            "estimand",
            f"`{protocol.estimand}` is not executed for a grace period, where everyone is in both "
            f"arms; write `{Estimand.ATE}`",
        )
    yield from _by_definition(protocol)
    yield from _weighting(protocol)
    yield from _estimators(protocol)
    yield from _kinds_of_time(protocol)
    yield from _censoring(protocol)
    yield from _hazards(protocol)
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


def _by_definition(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Definitions count from the start of the index stay; a yes or no has no day to censor on."""
    kind = protocol.strategies.kind
    for outcome in protocol.outcomes if kind is not StrategyKind.INITIATE else ():
        for name in outcome.definitions:
            main = name == outcome.definition_id
            place = f"outcomes.{outcome.name}." + ("definition_id" if main else "other_definitions")
            if kind is StrategyKind.GRACE_PERIOD:
                yield (
                    place,
                    f"{name} counts from the start of the index stay and is not executed for "
                    f"`kind: {kind}`, whose time zero is its end; read the outcome by `events`",
                )
            elif not definition(name).clocked:
                yield (
                    place,
                    f"{name} tells yes or no without a day and is not executed for `kind: {kind}`, "
                    "whose follow-up ends where the strategy is left; choose one that has a time",
                )


def _weighting(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Whom a weighting can stand for, and what cannot be done to its weights."""
    plan, estimand, kind = protocol.analysis, protocol.estimand, protocol.strategies.kind
    able = WEIGHTED_FOR.get(plan.weighting, tuple(Estimand))
    if estimand not in able:
        yield (
            "analysis.weighting",
            f"`{plan.weighting}` cannot stand for the {estimand} population; write `estimand:` "
            f"{' or '.join(able)}, or `weighting: {Weighting.INVERSE_PROBABILITY}`",
        )
    matched = plan.weighting is Weighting.NEAREST_NEIGHBOURS
    limits = plan.limits
    if matched and not limits.truncate is limits.winsorize is None:
        yield (
            "analysis.limits",
            f"weights are not truncated or winsorized with `weighting: {plan.weighting}`, where "
            "they count matches; leave it out",
        )
    if kind is not StrategyKind.INITIATE and (matched or limits.trim is not None):
        yield (
            "analysis.weighting" if matched else "analysis.limits.trim",
            f"leaving people out of the weighting is not executed for `kind: {kind}`; write "
            f"`weighting: {Weighting.INVERSE_PROBABILITY}` without `trim`",
        )


def _estimators(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Estimators beside need the propensity score of a logistic model, whole, of everyone."""
    plan, kind = protocol.analysis, protocol.strategies.kind
    for asked, found, needed in (
        (kind is not StrategyKind.GRACE_PERIOD, f"kind: {kind}", "choose another kind of strategy"),
        (
            plan.weighting is Weighting.INVERSE_PROBABILITY,
            f"weighting: {plan.weighting}",
            f"write `weighting: {Weighting.INVERSE_PROBABILITY}`",
        ),
        (
            plan.propensity.model is PropensityModel.LOGISTIC,
            f"propensity.model: {plan.propensity.model}",
            f"write `propensity.model: {PropensityModel.LOGISTIC}`",
        ),
        (plan.limits == WeightLimits(), "limits", "leave out `limits`"),
    ):
        if plan.estimators and not asked:
            yield (
                "analysis.estimators",
                f"{list(map(str, plan.estimators))} are not executed with `{found}`; leave them "
                f"out, or {needed}",
            )


def _hazards(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Hazards need days, and Fine-Gray one weight a person."""
    plan, kind = protocol.analysis.hazards, protocol.strategies.kind
    if plan is None:
        return
    if all(outcome.horizon_days is None for outcome in protocol.outcomes):
        yield (
            "analysis.hazards",
            "no outcome has a horizon, and hazards are rates by day; leave it out",
        )
    for by_day, found in (
        (kind is not StrategyKind.INITIATE, f"for `kind: {kind}`"),
        (protocol.analysis.censoring is not None, "together with `analysis.censoring`"),
    ):
        if by_day and HazardRatio.SUBDISTRIBUTION in plan.kinds:
            yield (
                "analysis.hazards.ratio",
                f"`{plan.ratio}` is not executed {found}, whose weights change by day; write "
                f"`{HazardRatio.CAUSE_SPECIFIC}`",
            )


def _censoring(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Weights for censoring multiply weights of entering that leave nobody out."""
    plan = protocol.analysis
    if plan.censoring is None:
        return
    for asked, mend in (
        (bool(plan.estimators), "`estimators`"),
        (plan.weighting is Weighting.NEAREST_NEIGHBOURS, f"`weighting: {plan.weighting}`"),
        (plan.limits.trim is not None, "`limits.trim`"),
    ):
        if asked:
            yield (
                "analysis.censoring",
                f"weighting for censoring is not executed together with {mend}; leave one of them "
                "out",
            )


def _kinds_of_time(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Lengths in bands, repeated events and states know one weight a person."""
    plan, kind = protocol.analysis, protocol.strategies.kind
    for key, asked in (
        ("lengths_in_bands", plan.lengths_in_bands is not None),
        ("recurrent_events", bool(plan.recurrent_events)),
        ("states", plan.states is not None),
    ):
        if asked and kind is not StrategyKind.INITIATE:
            yield (
                f"analysis.{key}",
                f"it is not executed for `kind: {kind}`, whose weights change by day; leave it out",
            )
        if asked and plan.censoring is not None:
            yield (
                f"analysis.{key}",
                "it is not executed with `analysis.censoring`, whose weights change by day; leave "
                "one of them out",
            )


def moments(protocol: Protocol) -> dict[str, Moment]:
    """The four moments that a target trial has at once, by the place that says each."""
    zero = protocol.time_zero.at
    return {
        "time_zero.at": zero,
        "eligibility.judged_at": protocol.eligibility.judged_at or zero,
        "assignment.at": protocol.assignment.at or zero,
        "follow_up.starts": protocol.follow_up.starts or zero,
    }
