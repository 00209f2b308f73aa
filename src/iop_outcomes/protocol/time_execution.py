"""What a protocol can say of time and of censoring, and the code does not do; see `execution`."""

from collections.abc import Iterator

from iop_outcomes.protocol.analysis_plan import ClusterTerms, Weighting
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.standard_errors import ClusterErrors
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.protocol.survival_plan import Bands, HazardRatio

BY_MEANS = (ClusterErrors.CR2, ClusterErrors.WILD_BOOTSTRAP)


def unexecuted_times(protocol: Protocol) -> Iterator[tuple[str, str]]:
    """Places that ask for what is not executed, each with a sentence."""
    yield from _kinds_of_time(protocol)
    yield from _censoring(protocol)
    yield from _hazards(protocol)
    plan = protocol.analysis
    if plan.bands is Bands.SIMULTANEOUS and plan.standard_errors.clusters is not ClusterErrors.CR1:
        yield (
            "analysis.bands",
            f"`{plan.bands}` is not executed with `standard_errors.clusters: "
            f"{plan.standard_errors.clusters}`; write `{Bands.POINTWISE}`, or "
            f"`clusters: {ClusterErrors.CR1}`",
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
        (bool(plan.effect_modifiers), "`effect_modifiers`"),
        (
            plan.propensity.clusters in (ClusterTerms.FIXED_EFFECTS, ClusterTerms.WITHIN),
            f"`propensity.clusters: {plan.propensity.clusters}`",
        ),
        (
            plan.standard_errors.clusters in BY_MEANS,
            f"`standard_errors.clusters: {plan.standard_errors.clusters}`",
        ),
        (bool(protocol.score_outcomes), "outcomes that are a `score`"),
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
