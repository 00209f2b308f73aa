"""The stage `comparison`: outcomes if all had entered one arm, against the other."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pandas as pd

from iop_outcomes.analysis.censoring_balance import censoring_balance
from iop_outcomes.analysis.definitions_compared import ARMS, definitions_compared
from iop_outcomes.analysis.effect_modifiers import effect_modifiers
from iop_outcomes.analysis.estimates import main_method, tidy
from iop_outcomes.analysis.exits import exits_by_arm
from iop_outcomes.analysis.grouped_lengths import grouped_lengths
from iop_outcomes.analysis.left_out import left_out
from iop_outcomes.analysis.mean_analysis import mean_analyses, means_table
from iop_outcomes.analysis.outcome_analysis import OutcomeAnalysis, outcome_analyses
from iop_outcomes.analysis.outcome_curves import curves_of
from iop_outcomes.analysis.predicted_risk import prognosis
from iop_outcomes.analysis.proportional_hazards import proportional_hazards
from iop_outcomes.analysis.recurrent import recurrent_numbers
from iop_outcomes.analysis.seal import require_seal
from iop_outcomes.analysis.states import state_numbers
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.subgroups import subgroups
from iop_outcomes.analysis.weighting import Weighting
from iop_outcomes.analysis.without_clusters import arms_without, for_the_jackknife
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.quiet_tables import QuietTables


@dataclass(frozen=True, repr=False)
class Comparison(QuietTables):
    """The effects.

    Attributes
    ----------
    estimates
        One row per outcome, method and measure: the attributes of `Estimate`.
    arms
        One row per outcome, method and arm: `people` with the outcome known and `missing`;
        `events`, `competing` and `censored` by the horizon; `median_days` to the event
        with its interval, `median_low` to `median_high`; `restricted_mean_days` before it up to
        the horizon (a competing event counting as never), and its standard error.
    curves
        One row per outcome, method, arm and day: `risk` with its interval, people `at_risk`
        before the day and `events` up to it; `few_left_out`, the fewest people left out by the
        weighting that its risks give away.
    exits
        One row per arm, level of care of the index stay and reason of exit: `people`, and their
        share of the arm, as enrolled and weighted.
    definitions, definition_arms
        As `estimates` and `arms`, under each `definition` of the outcomes that have several.
    subgroups
        One row per outcome, covariate of `analysis.subgroups` (and `predicted risk`, if there are
        `risk_groups`) and level: the main risk difference within it, with simultaneous intervals
        and the test that all levels have one effect.
    effect_modifiers
        One row per outcome, covariate of `analysis.effect_modifiers` and level: how much the risk
        difference changes with it; see `effect_modifiers`.
    prognosis
        One row per outcome: how alike the arms are in its predicted risk; see `prognosis`.
    left_out
        One row per outcome and cluster: the main risk difference without it. Names facilities.
    means
        One row per outcome that is a number, method and arm: `people` with it known and `missing`,
        `mean` and `standard_deviation` under the weights of the method, the mean's `std_error`, and
        the fewest people whom these give away.
    proportional_hazards
        One row per outcome, method and hazard ratio: the test that it does not change with time.
        No rows unless `analysis.hazards` asks for hazard ratios.
    censoring, censoring_balance
        Of `analysis.censoring`: see `CensoringBalance`.
    exit_risks, days_in_care
        Of `analysis.lengths_in_bands`: see `GroupedLengths`.
    recurrent, recurrent_counts, recurrent_curves
        Of `analysis.recurrent_events`: see `RecurrentNumbers`.
    days_in_states, state_curves
        Of `analysis.states`: see `StateNumbers`.
    """

    estimates: pd.DataFrame
    arms: pd.DataFrame
    curves: pd.DataFrame
    exits: pd.DataFrame
    definitions: pd.DataFrame
    definition_arms: pd.DataFrame
    subgroups: pd.DataFrame
    effect_modifiers: pd.DataFrame
    prognosis: pd.DataFrame
    left_out: pd.DataFrame
    censoring: pd.DataFrame
    censoring_balance: pd.DataFrame
    exit_risks: pd.DataFrame
    days_in_care: pd.DataFrame
    recurrent: pd.DataFrame
    recurrent_counts: pd.DataFrame
    recurrent_curves: pd.DataFrame
    days_in_states: pd.DataFrame
    state_curves: pd.DataFrame
    proportional_hazards: pd.DataFrame
    means: pd.DataFrame = field(default_factory=lambda: means_table([]))


def compare(cohort: Cohort, weighting: Weighting, protocol: Protocol) -> Comparison:
    """Risks of every outcome in both arms, unadjusted and weighted, and their contrasts.

    Of outcomes that are a number their means, which follow the risks in `estimates`.

    Unless the protocol asks for other standard errors, they come from the stacked estimating
    equations of the weights and the risks, summed within clusters where it names them.
    """
    require_seal(weighting.balance, weighting.sample_size, protocol)
    study = StudyArrays(cohort, weighting, protocol)
    without = for_the_jackknife(cohort, study)
    analyses = list(outcome_analyses(study, arms_without(without)))
    means = list(mean_analyses(study, arms_without(without)))
    main = [analysis for analysis in analyses if analysis.method is main_method(protocol)]
    rows = [row for analysis in analyses for row in analysis.arm_rows()]
    return Comparison(
        estimates=tidy(e for analysis in (*analyses, *means) for e in analysis.estimates()),
        arms=pd.DataFrame(rows) if rows else _no_arms(),
        curves=curves_of(analyses),
        exits=exits_by_arm(cohort.exits, weighting.weights),
        subgroups=subgroups(study, main),
        effect_modifiers=effect_modifiers(study),
        prognosis=prognosis(study),
        left_out=left_out(cohort, study, main, without=without),
        means=means_table(means),
        **vars(censoring_balance(study, main)),
        **vars(grouped_lengths(study, cohort.lengths)),
        **vars(recurrent_numbers(study, cohort.history)),
        **vars(state_numbers(study, cohort.whereabouts)),
        proportional_hazards=proportional_hazards(analyses),
        **definitions_compared(
            cohort,
            protocol,
            lambda told, asked: _analyses(told, StudyArrays(told, weighting, asked)),
        ),
    )


def effects(cohort: Cohort, weighting: Weighting, protocol: Protocol) -> pd.DataFrame:
    """The `estimates` of `compare` alone."""
    require_seal(weighting.balance, weighting.sample_size, protocol)
    study = StudyArrays(cohort, weighting, protocol)
    without = arms_without(for_the_jackknife(cohort, study))
    found = (*outcome_analyses(study, without), *mean_analyses(study, without))
    return tidy(e for analysis in found for e in analysis.estimates())


def _no_arms() -> pd.DataFrame:
    columns = {name: kind for name, kind in ARMS.items() if name != "definition"}
    return pd.DataFrame(columns=list(columns)).astype(columns)


def _analyses(cohort: Cohort, study: StudyArrays) -> Iterator[OutcomeAnalysis]:
    return outcome_analyses(study, arms_without(for_the_jackknife(cohort, study)))
