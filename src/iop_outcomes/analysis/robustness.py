"""The stage `robustness`: the same comparison under protocols that differ in one line each."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

import pandas as pd

from iop_outcomes.analysis.comparison import effects
from iop_outcomes.analysis.estimates import tidy
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import StudyError
from iop_outcomes.protocol.outcomes import Outcome
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.quiet_tables import QuietTables
from iop_outcomes.records.schema import Records


@dataclass(frozen=True, repr=False)
class Robustness(QuietTables):
    """Whether the answer hangs on a choice.

    Attributes
    ----------
    estimates
        One row per alternative, outcome, method and measure: `alternative`, then the columns of
        `Comparison.estimates`.
    """

    estimates: pd.DataFrame


def compare_alternatives(
    records: Records,
    alternatives: Mapping[str, Protocol],
    each: Callable[[Iterable], Iterable] = iter,
) -> Robustness:
    """Walk the whole road once for every alternative protocol.

    Parameters
    ----------
    alternatives
        What each is called in the report, and its protocol.
    each
        Wraps the loop, to show progress.
    """
    answers = [_answer(records, name, alternatives[name]) for name in each(list(alternatives))]
    nothing = tidy([]).assign(alternative=pd.Series(dtype="str"))
    table = pd.concat(answers, ignore_index=True) if answers else nothing
    return Robustness(table[["alternative", *table.columns.drop("alternative")]])


def _answer(records: Records, name: str, protocol: Protocol) -> pd.DataFrame:
    # One line differs, and one number for each outcome is asked: its other definitions are not,
    # nor the estimators beside.
    alone = tuple(_by_main_definition(outcome) for outcome in protocol.outcomes)
    analysis = replace(protocol.analysis, estimators=())
    protocol = replace(protocol, outcomes=alone, analysis=analysis)
    try:
        cohort = assemble_cohort(records, protocol)
        found = effects(cohort, weight_cohort(cohort.persons, protocol), protocol)
    except StudyError as error:
        raise type(error)(f"robustness.{name}: {error}") from None
    return found.assign(alternative=name)


def _by_main_definition(outcome: Outcome) -> Outcome:
    told_by = outcome.told_by
    of_use = told_by is not None and told_by.reads_use
    return replace(outcome, other_definitions=(), substances=outcome.substances if of_use else ())
