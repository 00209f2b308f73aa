"""`iop-outcomes check`: what a careful reviewer would say of a protocol before it is run."""

from collections.abc import Callable, Iterator, Mapping

from iop_outcomes.protocol.execution import unexecuted
from iop_outcomes.protocol.rules import claims, clocks, definitions, outcomes, sources, timing
from iop_outcomes.protocol.rules.finding import Finding, Severity
from iop_outcomes.protocol.specification import Protocol

Rule = Callable[[Protocol], Iterator[Finding]]


def not_executed(protocol: Protocol) -> Iterator[Finding]:
    """What the code does not do must not be printed as if it had been done."""
    for place, sentence in unexecuted(protocol):
        said, _, mend = sentence.partition("; ")
        yield Finding(
            rule="not-executed",
            severity=Severity.ERROR,
            place=place,
            sentence=said,
            mend=mend,
        )


RULES: tuple[Rule, ...] = (
    timing.misaligned_time_zero,
    timing.strategy_decided_later,
    timing.covariate_after_time_zero,
    timing.covariate_that_care_decides,
    timing.washout_of_new_users,
    timing.contrast_of_another_strategy,
    sources.outcome_the_source_cannot_show,
    sources.relapse_from_discharges,
    sources.day_that_the_source_does_not_have,
    sources.mixture_of_residential_care,
    definitions.definition_the_source_cannot_support,
    definitions.comparison_of_descriptive_outcomes,
    definitions.score_the_source_cannot_show,
    outcomes.death_left_unsaid,
    outcomes.outcome_that_breaks_the_strategy,
    outcomes.exit_as_censoring,
    outcomes.exits_left_unsaid,
    outcomes.horizon_beyond_follow_up,
    outcomes.stays_of_another_length,
    outcomes.intercurrent_events_left_unsaid,
    clocks.compared_from_the_exit,
    clocks.care_taken_out_of_time,
    claims.margin_without_justification,
    claims.margin_too_wide,
    claims.claim_without_margin,
    claims.population_named_otherwise,
    not_executed,
)
# Rules that read the question, which an alternative does not ask anew.
OF_THE_QUESTION = (
    timing.washout_of_new_users,
    claims.claim_without_margin,
    claims.population_named_otherwise,
)


def lint(protocol: Protocol) -> tuple[Finding, ...]:
    """Everything that the rules have to say of a protocol, errors first.

    Examples
    --------
    >>> from iop_outcomes.protocol.parsing import parse_draft
    >>> section = {
    ...     "title": "Which programme?", "question": "Do more people complete it?",
    ...     "source": {"kind": "teds_d", "files": ["tedsd.csv"]},
    ...     "eligibility": {"minimum_age_years": 18, "washout_days": 0},
    ...     "strategies": {
    ...         "intervention": ["intensive outpatient"], "comparator": ["outpatient"],
    ...         "intervention_name": "intensive", "comparator_name": "ordinary",
    ...     },
    ...     "time_zero": {"episode_gap_days": 0},
    ...     "outcomes": {"relapse": {
    ...         "definition": "use again", "events": ["return to use"], "competing": ["death"],
    ...         "horizon_days": None,
    ...     }},
    ...     "estimand": "ATE", "analysis": {"covariates": ["age_years"]},
    ... }
    >>> found = lint(parse_draft(section, "protocol"))
    >>> found[0].rule, found[0].place
    ('outcome-the-source-cannot-show', 'outcomes.relapse.events')
    """
    found = [finding for rule in RULES for finding in rule(protocol)]
    return tuple(sorted(found, key=lambda finding: finding.severity is not Severity.ERROR))


def lint_alternatives(
    protocol: Protocol, alternatives: Mapping[str, Protocol]
) -> dict[str, tuple[Finding, ...]]:
    """What the rules have to say of each alternative that they do not say of the protocol."""
    known = {(finding.rule, finding.place) for finding in lint(protocol)}
    found = {}
    for name, alternative in alternatives.items():
        unasked = {finding for rule in OF_THE_QUESTION for finding in rule(alternative)}
        new = tuple(
            finding
            for finding in lint(alternative)
            if (finding.rule, finding.place) not in known and finding not in unasked
        )
        if new:
            found[name] = new
    return found
