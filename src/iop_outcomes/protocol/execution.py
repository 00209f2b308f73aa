"""What a protocol can say and the code does not do yet: refused in words, never ignored.

Whoever teaches the cohort or the analysis one of these takes it out of here.
"""

from collections.abc import Iterator

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.analysis_plan import (
    AnalysisPlan,
    ClusterTerms,
    PropensityModel,
    Weighting,
    WeightLimits,
)
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.intercurrent_events import Handling
from iop_outcomes.protocol.scores import unexecuted_scores
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.standard_errors import ClusterErrors, WeightsTakenAs
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.protocol.time_execution import unexecuted_times
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
        for outcome in protocol.risk_outcomes:
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
    yield from unexecuted_scores(protocol)
    yield from _weighting(protocol)
    yield from _cluster_terms(protocol.analysis, protocol.strategies.kind)
    yield from _standard_errors(protocol.analysis, strategies.kind)
    yield from _estimators(protocol)
    if protocol.analysis.risk_groups and strategies.kind is StrategyKind.GRACE_PERIOD:
        yield (
            "analysis.risk_groups",
            f"a risk under the comparator is not predicted for `kind: {strategies.kind}`, where "
            "everyone is in both arms; leave it out",
        )
    yield from unexecuted_times(protocol)
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


def _cluster_terms(plan: AnalysisPlan, kind: StrategyKind) -> Iterator[tuple[str, str]]:
    """Comparisons within clusters are made at entry, and by models without a penalty."""
    terms, place = plan.propensity.clusters, "analysis.propensity.clusters"
    if terms is ClusterTerms.NONE:
        return
    if kind is not StrategyKind.INITIATE:
        yield (
            place,
            f"`{terms}` is not executed for `kind: {kind}`, whose weights for leaving a strategy "
            f"have no terms of clusters; write `{ClusterTerms.NONE}`",
        )
    model = plan.propensity.model
    if terms is not ClusterTerms.MEANS and model is not PropensityModel.LOGISTIC:
        yield (
            place,
            f"`{terms}` is not executed with `model: {model}`, which draws clusters together; "
            f"write `{ClusterTerms.MEANS}`, or `model: {PropensityModel.LOGISTIC}`",
        )
    if terms is ClusterTerms.WITHIN and plan.weighting in (
        Weighting.ENTROPY_BALANCING,
        Weighting.SUBCLASSES,
    ):
        yield (
            place,
            f"`{terms}` is not executed with `weighting: {plan.weighting}`; write "
            f"`{ClusterTerms.FIXED_EFFECTS}`, or `weighting: {Weighting.INVERSE_PROBABILITY}`",
        )


def _standard_errors(plan: AnalysisPlan, kind: StrategyKind) -> Iterator[tuple[str, str]]:
    """Errors for few clusters need clusters, and take the weights as one thing or the other."""
    asked, weights = plan.standard_errors.clusters, plan.standard_errors.weights
    place, jackknife = "analysis.standard_errors.clusters", asked is ClusterErrors.JACKKNIFE
    if asked is ClusterErrors.CR1:
        return
    if plan.cluster is None:
        yield (
            place,
            f"`{asked}` needs to know the clusters; name their column in `analysis.cluster`, or "
            f"write `{ClusterErrors.CR1}`",
        )
    needed = WeightsTakenAs.ESTIMATED if jackknife else WeightsTakenAs.KNOWN
    if weights is not needed:
        why = "makes the weights anew without each cluster" if jackknife else "takes them as known"
        yield (
            "analysis.standard_errors.weights",
            f"`{weights}` is not executed with `clusters: {asked}`, which {why}; write `{needed}`, "
            f"or `clusters: {ClusterErrors.CR1}`",
        )
    if jackknife and plan.weighting is Weighting.NEAREST_NEIGHBOURS:
        yield (
            place,
            f"`{asked}` is not executed with `weighting: {plan.weighting}`, whose matches jump "
            f"when people leave; write `{ClusterErrors.CR1}`, or `{ClusterErrors.CR2}` with "
            f"`weights: {WeightsTakenAs.KNOWN}`",
        )
    if not jackknife and kind is not StrategyKind.INITIATE:
        yield (
            place,
            f"`{asked}` is not executed for `kind: {kind}`, whose weights change from day to day; "
            f"write `{ClusterErrors.JACKKNIFE}` or `{ClusterErrors.CR1}`",
        )


def _estimators(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """What predicts outcomes needs the propensity score of a logistic model, whole, of everyone."""
    plan, kind = protocol.analysis, protocol.strategies.kind
    asked = {
        "estimators": list(map(str, plan.estimators)),
        "effect_modifiers": list(plan.effect_modifiers),
    }
    if plan.effect_modifiers and kind is StrategyKind.SUSTAINED:
        yield (
            "analysis.effect_modifiers",
            f"they tell of starting care and are not executed for `kind: {kind}`; leave them out, "
            "or name them in `analysis.subgroups`",
        )
    for fits, found, needed in (
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
        (
            plan.propensity.clusters is not ClusterTerms.WITHIN,
            f"propensity.clusters: {plan.propensity.clusters}",
            f"write `propensity.clusters: {ClusterTerms.FIXED_EFFECTS}`",
        ),
    ):
        for key, named in asked.items():
            if named and not fits:
                yield (
                    f"analysis.{key}",
                    f"{named} are not executed with `{found}`; leave them out, or {needed}",
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
