"""The stage `comparison`: outcomes if all had entered one arm, against the other."""

from dataclasses import dataclass

import pandas as pd

from iop_outcomes.analysis.censoring_balance import censoring_balance
from iop_outcomes.analysis.definitions_compared import definitions_compared
from iop_outcomes.analysis.estimates import main_method, tidy
from iop_outcomes.analysis.exits import exits_by_arm
from iop_outcomes.analysis.grouped_lengths import grouped_lengths
from iop_outcomes.analysis.left_out import left_out
from iop_outcomes.analysis.outcome_analysis import outcome_analyses
from iop_outcomes.analysis.proportional_hazards import proportional_hazards
from iop_outcomes.analysis.recurrent import recurrent_numbers
from iop_outcomes.analysis.seal import require_seal
from iop_outcomes.analysis.states import state_numbers
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.subgroups import subgroups
from iop_outcomes.analysis.weighting import Weighting
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
        One row per outcome, covariate of `analysis.subgroups` and level: the main risk difference
        within it, with simultaneous intervals and the test that all levels have one effect.
    proportional_hazards
        One row per outcome, method and hazard ratio: the test that it does not change with time.
        No rows unless `analysis.hazards` asks for hazard ratios.
    left_out
        One row per outcome and cluster: the main risk difference without it. Names facilities.
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


def compare(cohort: Cohort, weighting: Weighting, protocol: Protocol) -> Comparison:
    """Risks of every outcome in both arms, unadjusted and weighted, and their contrasts.

    Standard errors come from the stacked estimating equations of the propensity model and the
    risks, summed within clusters where the protocol names them.
    """
    require_seal(weighting.balance, weighting.sample_size, protocol)
    study = StudyArrays(cohort, weighting, protocol)
    analyses = list(outcome_analyses(study))
    main = [analysis for analysis in analyses if analysis.method is main_method(protocol)]
    return Comparison(
        estimates=tidy(e for analysis in analyses for e in analysis.estimates()),
        arms=pd.DataFrame([row for analysis in analyses for row in analysis.arm_rows()]),
        curves=pd.concat([analysis.curves() for analysis in analyses], ignore_index=True),
        exits=exits_by_arm(cohort.exits, weighting.weights),
        subgroups=subgroups(study, main),
        left_out=left_out(cohort, study, main),
        **vars(censoring_balance(study, main)),
        **vars(grouped_lengths(study, cohort.lengths)),
        **vars(recurrent_numbers(study, cohort.history)),
        **vars(state_numbers(study, cohort.whereabouts)),
        proportional_hazards=proportional_hazards(analyses),
        **definitions_compared(
            cohort,
            protocol,
            lambda told, asked: outcome_analyses(StudyArrays(told, weighting, asked)),
        ),
    )


def effects(cohort: Cohort, weighting: Weighting, protocol: Protocol) -> pd.DataFrame:
    """The `estimates` of `compare` alone."""
    require_seal(weighting.balance, weighting.sample_size, protocol)
    study = StudyArrays(cohort, weighting, protocol)
    return tidy(e for analysis in outcome_analyses(study) for e in analysis.estimates())
