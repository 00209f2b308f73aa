"""An outcome told of people by a definition: from its identifier and the records to a column."""

from collections.abc import Callable, Collection

import pandas as pd

from iop_outcomes.cohort.composites import Composite, first_of
from iop_outcomes.cohort.dated_outcomes import DATED, Course, course
from iop_outcomes.cohort.use_patterns import first_window, longest_run
from iop_outcomes.cohort.use_summaries import (
    conditions_hold,
    number_of_weeks,
    share_of_weeks,
    weighted_index,
)
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.definitions import weekly_rules as weekly
from iop_outcomes.protocol.definitions.definition import Answer, Definition, Evidence
from iop_outcomes.protocol.definitions.event_rules import (
    FirstEvent,
    FirstOf,
    ScoreInWindow,
    ScoreRelapse,
)
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.records.schema import Records
from iop_outcomes.records.urine_weeks import planned_weeks, urine_weeks
from iop_outcomes.vocabulary import Status

WEEKLY: dict[type, Callable[[pd.Series, object], pd.DataFrame]] = {
    weekly.WeeksInWindow: first_window,
    weekly.LongestRun: longest_run,
    weekly.NumberOfWeeks: number_of_weeks,
    weekly.ShareOfWeeks: share_of_weeks,
    weekly.AllOfWeeks: conditions_hold,
    weekly.WeightedIndex: weighted_index,
}
# Tables and columns of the records that evidence lies in; one of them is enough.
FOUND_IN = {
    Evidence.WEEKLY_TESTS: [("tests", "result")],
    Evidence.USE: [("tests", "result"), ("reported_use", "substance")],
    Evidence.ANY_USE: [("tests", "result"), ("reported_use", "substance"), ("events", "kind")],
    Evidence.EVENTS: [("events", "kind")],
    Evidence.STAYS: [("stays", "start_day")],
    Evidence.EXITS: [("stays", "exit_reason")],
    Evidence.AFTERWARDS: [("persons", "last_observed_day")],
    Evidence.SERVICES: [("services", "service")],
    Evidence.HOURS: [("services", "hours")],
    Evidence.SCORES: [("scores", "score")],
}


def weekly_outcome(asked: Definition, words: pd.Series) -> pd.DataFrame:
    """Tell an outcome that is read from weekly urines.

    Parameters
    ----------
    asked
        A definition that needs weekly tests.
    words
        One word a person, as `records.urine_weeks.urine_weeks` returns.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `words`: `person_id`, and `time` in weeks and `status`,
        `status` alone, or `value`, as the definition answers.

    Examples
    --------
    >>> words = pd.Series({"P": "--oo+*+---", "Q": "----------"})
    >>> weekly_outcome(definition("REL-0094"), words)[["time", "status"]].to_numpy().tolist()
    [[3, 'event'], [7, 'censored']]
    """
    found = WEEKLY[type(asked.rule)](words, asked.rule)
    if asked.answer == Answer.NUMBER:
        return found
    happened = found["event"] if "event" in found else found["value"].astype("boolean")
    never = Status.CENSORED if asked.answer == Answer.TIME else Status.NO_EVENT
    spelled = {True: str(Status.EVENT), False: str(never)}
    status = happened.astype("object").map(spelled).fillna(str(Status.MISSING))
    told = found[["person_id"]].assign(status=status)
    return told.assign(time=found["week"]) if asked.answer == Answer.TIME else told


def defined_outcome(
    asked: Definition | str,
    records: Records,
    index: pd.DataFrame,
    substances: Collection[str] = (),
) -> pd.DataFrame:
    """Tell an outcome of people by a definition.

    Parameters
    ----------
    asked
        A definition or its identifier.
    records
        Everyone's.
    index
        One row per person: `person_id`, and `stay_id` of their index stay, whose start is time
        zero.
    substances
        Whose use counts, for definitions of use; spelled as the tests do.

    Returns
    -------
    pd.DataFrame
        One row per person, in the order of `index`: `person_id`, and `time` (days, or weeks of the
        treatment planned at time zero or later), `status` and `reason`; or `status` alone; or
        `value`, and for numbers of readmissions `days_at_risk`.

    Raises
    ------
    CohortError
        The records cannot support the definition: says what they lack.
    """
    asked = definition(asked) if isinstance(asked, str) else asked
    supported(asked, records)
    if type(asked.rule) in WEEKLY:
        if not substances:
            raise CohortError(f"{asked.id}: name the substances whose use counts")
        words = urine_weeks(records.tests, weeks_planned(records.stays, index), substances)
        told = weekly_outcome(asked, words).set_index("person_id").reindex(index["person_id"])
        if "status" in told:
            told["status"] = told["status"].fillna(str(Status.MISSING))
        return told.reset_index()
    if isinstance(asked.rule, FirstOf):
        return composite_outcome(asked, records, index, substances).outcome
    return _dated(asked, course(records, index, asked.competing, substances))


def weeks_planned(stays: pd.DataFrame, index: pd.DataFrame) -> pd.DataFrame:
    """Periods of weekly urines that were planned at time zero or later: week 1 begins with them.

    Treatment that was planned before is history, whatever is left of it.

    Parameters
    ----------
    stays
        Everyone's, with `planned_end_day`.
    index
        As in `defined_outcome`.

    Returns
    -------
    pd.DataFrame
        As `planned_weeks` returns, of the people of the index.
    """
    periods = planned_weeks(stays)
    start = stays.merge(index[["person_id", "stay_id"]], on=["person_id", "stay_id"])
    zero = periods["person_id"].map(start.set_index("person_id")["start_day"])
    return periods[(periods["first_day"] >= zero).fillna(False)].reset_index(drop=True)


def composite_outcome(
    asked: Definition | str,
    records: Records,
    index: pd.DataFrame,
    substances: Collection[str] = (),
) -> Composite:
    """Tell a composite outcome and the table of its components, which must be shown beside it.

    Parameters
    ----------
    asked, records, index, substances
        As in `defined_outcome`.

    Raises
    ------
    CohortError
        The definition has no components, or the records cannot support it.
    """
    asked = definition(asked) if isinstance(asked, str) else asked
    if not asked.components:
        raise CohortError(f"{asked.id} has no components; ask for defined_outcome")
    supported(asked, records)
    of = course(records, index, asked.competing, substances)
    return first_of({name: _dated(definition(name), of) for name in asked.components})


def supported(asked: Definition, records: Records) -> None:
    """Refuse a definition that these records cannot support.

    Records without a single overdose do not say whether nobody had one or nobody wrote it down: an
    event, or an instrument, that is not among them at all cannot be told of anyone.

    Raises
    ------
    CohortError
        Something the definition needs is not there; names all that is lacking.
    """
    lacking = [
        str(need)
        for need in asked.needs
        if need in FOUND_IN and all(_empty(records, *where) for where in FOUND_IN[need])
    ]
    rule = asked.rule
    if isinstance(rule, FirstEvent) and not lacking:
        kinds = [str(kind) for kind in rule.kinds]
        lacking = [] if records.events["kind"].isin(kinds).any() else kinds
    if isinstance(rule, ScoreInWindow | ScoreRelapse) and not lacking:
        taken = records.scores["instrument"].eq(rule.instrument).any()
        lacking = [] if taken else [rule.instrument]
    if lacking:
        raise CohortError(
            f"{asked.id} needs {lacking}, and these records hold none; choose a definition that "
            "they support"
        )
    for component in asked.components:
        supported(definition(component), records)


def _empty(records: Records, table: str, column: str) -> bool:
    return bool(getattr(records, table)[column].isna().all())


def _dated(asked: Definition, of: Course) -> pd.DataFrame:
    return DATED[type(asked.rule)](of, asked.rule)
