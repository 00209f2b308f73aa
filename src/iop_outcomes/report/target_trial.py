"""The protocol as readers of target trials expect it: one row per element, trial beside records."""

from collections.abc import Iterator, Mapping

import pandas as pd

from iop_outcomes.protocol.analysis_plan import AnalysisPlan
from iop_outcomes.protocol.execution import moments
from iop_outcomes.protocol.intercurrent_events import IntercurrentEvent
from iop_outcomes.protocol.linting import lint
from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.standard_errors import ClusterErrors, WeightsTakenAs
from iop_outcomes.protocol.strategies import CausalContrast, Mechanism, StrategyKind
from iop_outcomes.report.clusters_page import compared_within
from iop_outcomes.report.drawing import capital
from iop_outcomes.report.margin_row import margin_row
from iop_outcomes.report.score_words import read_as_score
from iop_outcomes.report.tables import Exhibit
from iop_outcomes.report.wording import (
    population,
    spelling,
    when,
    words,
)
from iop_outcomes.vocabulary import Direction

COLUMNS = ("Element", "Target trial", "In these records")
SAME = "the same"
CONTRAST = {
    CausalContrast.INTENTION_TO_TREAT: (
        "intention to treat: being assigned to a strategy, followed or not",
        "starting a strategy, whatever follows",
    ),
    CausalContrast.PER_PROTOCOL: (
        "per protocol: following the strategy",
        "censored on leaving the strategy, and weighted for it",
    ),
}
ASKED = {
    StrategyKind.INITIATE: "start {name}; later care as it comes",
    StrategyKind.SUSTAINED: "start {name} and stay in it up to day {days}",
}
Row = tuple[str, str, str]


def protocol_exhibits(protocol: Protocol) -> tuple[Exhibit, ...]:
    """The protocol's tables, in the order of the page."""
    return target_trial_table(protocol), findings_table(protocol)


def target_trial_table(protocol: Protocol) -> Exhibit:
    """The protocol as the rows of a target-trial table (Hernan & Robins 2016, AJE 183:758-764)."""
    names = spelling(protocol)
    rows = [
        ("Question", protocol.question, SAME),
        _eligibility(protocol, names),
        *_strategies(protocol, names),
        _assignment(protocol, names),
        _time_zero(protocol),
        _follow_up(protocol),
        *(_outcome(outcome, names) for outcome in protocol.outcomes),
        ("Causal contrast", *CONTRAST[protocol.causal_contrast]),
        *_intercurrent_events(protocol, names),
        (
            "Estimand",
            f"{population(protocol)}; {_contrast(protocol)}",
            f"{protocol.estimand} weights",
        ),
        _analysis(protocol, names),
        *(
            margin_row(name, margin, protocol, names)
            for name, margin in protocol.noninferiority.items()
        ),
        *_missing_data(protocol, names),
        (
            "Disclosure",
            "none",
            f"counts of 1 to {protocol.disclosure.smallest_count - 1} people not shown",
        ),
    ]
    return Exhibit(
        "protocol",
        "The target trial as specified, and how these records stand in for it.",
        pd.DataFrame(rows, columns=list(COLUMNS)),
    )


def findings_table(protocol: Protocol) -> Exhibit:
    """What `iop-outcomes check` has to say of the protocol; no rows if nothing."""
    rows = [
        (str(found.severity), found.place, f"{capital(found.sentence)}. {capital(found.mend)}.")
        for found in lint(protocol)
    ]
    return Exhibit(
        "findings",
        "What a reviewer would ask about this protocol.",
        pd.DataFrame(rows, columns=["Severity", "Place", "Finding"], dtype="str"),
    )


def _eligibility(protocol: Protocol, names: Mapping[str, str]) -> Row:
    asked = protocol.eligibility
    criteria = [f"aged {asked.minimum_age_years} or over"]
    here = [f"judged at the {moments(protocol)['eligibility.judged_at']}"]
    if asked.washout_days:
        grace = protocol.strategies.kind is StrategyKind.GRACE_PERIOD
        before = "before the index stay" if grace else "before"
        criteria.append(f"no treatment in the {asked.washout_days} days {before}")
        here.append(
            f"records must reach back {asked.washout_days} days; withdrawal management does not "
            "count as treatment"
        )
    here += [f"{words(name, names)} recorded at time zero" for name in asked.recorded]
    return "Eligibility", "; ".join(criteria), "; ".join(here)


def _strategies(protocol: Protocol, names: Mapping[str, str]) -> Iterator[Row]:
    arms = protocol.strategies
    if arms.kind is StrategyKind.GRACE_PERIOD:
        yield from _grace_period(protocol, names)
        return
    for side in ("intervention", "comparator"):
        name = names[side]
        yield (
            f"Strategy: {name}",
            ASKED[arms.kind].format(name=name, days=arms.sustained_days),
            f"{words(arms.by, names)}: {', '.join(getattr(arms, side))}",
        )


def _grace_period(protocol: Protocol, names: Mapping[str, str]) -> Iterator[Row]:
    arms = protocol.strategies
    until = f"within {arms.grace_days} days"
    excused = "entering care by day and night first contradicts neither strategy"
    yield (
        f"Strategy: {names['intervention']}",
        f"start it {until}",
        f"{words(arms.by, names)}: {', '.join(arms.intervention)}; who has not by day "
        f"{arms.grace_days} is censored then; {excused}",
    )
    yield (
        f"Strategy: {names['comparator']}",
        f"do not start {names['intervention']} {until}",
        f"whoever starts it {until} is censored on that day; what starts later changes nothing",
    )


def _assignment(protocol: Protocol, names: Mapping[str, str]) -> Row:
    said = protocol.assignment
    covariates = ", ".join(_term(term, names) for term in protocol.analysis.covariates)
    covariates += compared_within(protocol)
    why = f". {capital(said.reason)}" if said.reason else ""
    if protocol.strategies.kind is StrategyKind.GRACE_PERIOD:
        return (
            "Assignment",
            "at random, known to all",
            "everyone is cloned into both strategies and followed until their data contradict "
            f"one; who is left is weighted for {covariates} and the day{why}",
        )
    randomised = said.mechanism is Mechanism.RANDOMISED
    return (
        "Assignment",
        "at random, known to all",
        f"{'randomised; also' if randomised else 'not randomised;'} weighted for {covariates}{why}",
    )


def _time_zero(protocol: Protocol) -> Row:
    zero, rules = protocol.time_zero, protocol.time_zero.rules
    if zero.episodes is None:
        linked = f"stays within {zero.episode_gap_days} days belong to one episode"
    else:
        linked = (
            f"stays within {rules.gap_transition_days} days belong to one episode, at one level "
            "of care within "
            + ", ".join(f"{days} ({level})" for level, days in rules.gap_same_level_days.items())
        )
    grace = protocol.strategies.kind is StrategyKind.GRACE_PERIOD
    first = (
        f"the first that was planned, from {', '.join(protocol.strategies.after)}"
        if grace
        else "the first that starts a strategy"
    )
    return (
        "Time zero",
        "the day of assignment",
        f"{zero.at}, {first}; {linked}; scores count as baseline up to "
        f"{zero.baseline_window_days} days before",
    )


def _follow_up(protocol: Protocol) -> Row:
    longest = protocol.follow_up.longest_days
    until = "" if longest is None else f", at most to day {longest}"
    ends = ", ".join(map(str, protocol.follow_up.ends))
    return (
        "Follow-up",
        f"from time zero until the outcome or death{until}",
        f"from the {moments(protocol)['follow_up.starts']} until the outcome, what competes with "
        f"it, {ends}",
    )


def _outcome(outcome: Outcome, names: Mapping[str, str]) -> Row:
    better = "lower" if outcome.better is Direction.LOWER else "higher"
    told_by = outcome.told_by
    number_of = "risk" if outcome.score is None else "mean"
    if outcome.score is not None:
        here = read_as_score(outcome.score)
    elif told_by is None:
        here = f"first of: {', '.join(outcome.events)}"
        if outcome.horizon_days is not None:
            here += f", from day {outcome.first_day} on"
    else:
        missing = told_by.missing.rstrip(".")
        here = f"by definition {told_by.id}: {told_by.name}; {missing[0].lower()}{missing[1:]}"
    if outcome.competes:
        here += f"; competing: {', '.join(outcome.competes)}"
    if outcome.substances:
        here += f"; use of: {', '.join(outcome.substances)}"
    if outcome.other_definitions:
        here += f"; also read by: {', '.join(outcome.other_definitions)}"
    return (
        f"Outcome: {words(outcome.name, names)}",
        f"{outcome.meaning} ({when(outcome)}; a {better} {number_of} is better)",
        here,
    )


def _intercurrent_events(protocol: Protocol, names: Mapping[str, str]) -> Iterator[Row]:
    for name, event in protocol.intercurrent_events.items():
        said = _handling(event, names)
        kinds = event.kinds_of(name)
        read = f" Read from: {', '.join(kinds)}." if kinds and kinds != (name,) else ""
        yield f"Intercurrent event: {name}", said, f"{capital(event.reason.rstrip('.'))}.{read}"
    if not protocol.intercurrent_events:
        yield (
            "Intercurrent events",
            "not specified",
            "what competes with an outcome is counted beside it; all else is treatment policy: "
            "follow-up goes on",
        )


def _handling(event: IntercurrentEvent, names: Mapping[str, str]) -> str:
    own = [f"{handling} for {words(name, names)}" for name, handling in event.for_outcomes.items()]
    return "; ".join([str(event.strategy), *own])


def _contrast(protocol: Protocol) -> str:
    """What is compared of the arms."""
    risks = ["risk difference"] if protocol.risk_outcomes else []
    return ", ".join([*risks, *["mean difference"] * bool(protocol.score_outcomes)])


def _analysis(protocol: Protocol, names: Mapping[str, str]) -> Row:
    plan = protocol.analysis
    risks, scores = protocol.risk_outcomes, protocol.score_outcomes
    compared = " and ".join([*["risks"] * bool(risks), *["means"] * bool(scores)])
    acknowledged = ", competing events acknowledged" if risks else ""
    clustered = f", clustered by {_term(plan.cluster, names)}" if plan.cluster else ""
    return (
        "Analysis",
        f"{compared} by arm{acknowledged}, and their difference",
        f"weighted {compared}{_for_censoring(plan, names)}; standard errors {_errors(plan)}"
        f"{clustered}; {100 * plan.confidence_level:g}% confidence intervals",
    )


def _errors(plan: AnalysisPlan) -> str:
    asked = plan.standard_errors
    if asked.weights is WeightsTakenAs.KNOWN:
        told = "with the weights taken as known"
        return told if asked.clusters is ClusterErrors.CR1 else f"{told}, by {asked.clusters}"
    if asked.clusters is ClusterErrors.JACKKNIFE:
        return "by the jackknife, with the weights made anew"
    return "from stacked estimating equations"


def _for_censoring(plan: AnalysisPlan, names: Mapping[str, str]) -> str:
    """What those still followed are weighted for; nothing if they are not."""
    if plan.censoring is None:
        return ""
    terms = plan.censoring.covariates or plan.covariates
    named = ", ".join(_term(term, names) for term in terms)
    return f", those still followed weighted for who is lost or not known, given {named}"


def _missing_data(protocol: Protocol, names: Mapping[str, str]) -> Iterator[Row]:
    missing = protocol.missing_data
    yield "Missing data: covariates", "none", str(missing.covariates)
    clocked = any(outcome.horizon_days is not None for outcome in protocol.outcomes)
    censored = "; who is seen for a while is censored where their records end" if clocked else ""
    if protocol.score_outcomes:
        censored += "; who has no score in its window is left out and counted"
    weighted = "; both are weighted for (analysis)" if protocol.analysis.censoring else ""
    rules = {outcome.name: missing.rule(outcome.name) for outcome in protocol.outcomes}
    why = f". {capital(missing.reason)}" if missing.reason else ""
    for rule in dict.fromkeys(rules.values()):
        of = [words(name, names) for name, each in rules.items() if each is rule]
        yield (
            f"Missing data: {', '.join(of)}",
            "none",
            f"{rule}: who is not seen after time zero is left out and counted{censored}{weighted}"
            f"{why}",
        )


def _term(term: str, names: Mapping[str, str]) -> str:
    """A covariate by its label; a formula as it stands."""
    return words(term, names) if term.isidentifier() else term
