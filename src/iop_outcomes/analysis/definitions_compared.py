"""The effect on each outcome under every definition that the protocol reads it by."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Protocol as Shape

import pandas as pd

from iop_outcomes.analysis.estimates import Estimate, tidy
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.outcomes import BY_EVENTS, Outcome
from iop_outcomes.protocol.specification import Protocol

ARMS = {
    **dict.fromkeys(("outcome", "definition", "method", "arm"), "str"),
    **dict.fromkeys(("people", "missing", "events", "competing", "censored"), "int64"),
    **dict.fromkeys(("median_days", "median_low", "median_high"), "float64"),
    **dict.fromkeys(("restricted_mean_days", "restricted_mean_error"), "float64"),
}


class Analysis(Shape):
    """One outcome under one method."""

    def estimates(self) -> Iterator[Estimate]:
        """Its risks and contrasts."""

    def arm_rows(self) -> Iterator[dict]:
        """How follow-up stood in each arm."""


Analyses = Callable[[Cohort, Protocol], Iterable[Analysis]]


def definitions_compared(
    cohort: Cohort, protocol: Protocol, analyses: Analyses
) -> dict[str, pd.DataFrame]:
    """Estimate what each definition makes of each outcome that has more than one.

    Every definition is analysed as an outcome of its own, of the same people with the same weights.
    A margin was justified for the main definition alone, so there are no verdicts. Definitions
    marked descriptive are left out: they are not to be compared between arms.

    Parameters
    ----------
    analyses
        Analyses of a cohort under a protocol, for every outcome and method.

    Returns
    -------
    dict
        `definitions`, as `Comparison.estimates`, and `definition_arms`, as `Comparison.arms`; both
        with `definition` beside `outcome`, the main one first, and without rows if no outcome has
        other definitions.
    """
    asked = {
        f"{outcome.name}_{number}": (outcome, name)
        for outcome in protocol.outcomes
        for number, name in enumerate(_comparable(outcome))
    }
    told, under = _as_outcomes(cohort, protocol, asked) if asked else (cohort, protocol)
    found = list(analyses(told, under)) if asked else []
    estimates = tidy(estimate for analysis in found for estimate in analysis.estimates())
    rows = [row for analysis in found for row in analysis.arm_rows()]
    columns = [column for column in ARMS if column != "definition"]
    arms = pd.DataFrame(rows, columns=columns if not rows else None)
    return {
        "definitions": _named(estimates, asked),
        "definition_arms": _named(arms, asked).astype(ARMS),
    }


def _comparable(outcome: Outcome) -> tuple[str, ...]:
    """Readings whose effects are told; none if the outcome is read one way only."""
    if not outcome.other_definitions:
        return ()
    others = [name for name in outcome.other_definitions if not definition(name).descriptive]
    return (outcome.readings[0], *others)


def _as_outcomes(
    cohort: Cohort, protocol: Protocol, asked: Mapping[str, tuple[Outcome, str]]
) -> tuple[Cohort, Protocol]:
    """The same people and question with an outcome for each definition."""
    tables, outcomes = [], []
    for name, (outcome, reading) in asked.items():
        main = reading == outcome.readings[0]
        rows = cohort.follow_up if main else cohort.definitions
        rows = rows[rows["outcome"] == outcome.name]
        rows = rows if main else rows[rows["definition"] == reading]
        tables.append(rows[cohort.follow_up.columns].assign(outcome=name))
        outcomes.append(_read_by(outcome, reading, name))
    under = replace(
        protocol,
        outcomes=tuple(outcomes),
        noninferiority={},
        intercurrent_events={},
        # Beside the weighted estimates of a definition nothing is shown.
        analysis=replace(protocol.analysis, estimators=(), hazards=None),
        missing_data=replace(protocol.missing_data, outcomes={}),
    )
    return replace(cohort, follow_up=pd.concat(tables, ignore_index=True)), under


def _read_by(outcome: Outcome, reading: str, name: str) -> Outcome:
    alone = {"name": name, "other_definitions": ()}
    if reading == BY_EVENTS:
        return replace(outcome, **alone, substances=())
    told_by = definition(reading)
    return replace(
        outcome,
        **alone,
        definition_id=reading,
        events=(),
        competing=(),
        first_day=1,
        horizon_days=outcome.horizon_days if told_by.clocked else None,
        substances=outcome.substances if told_by.reads_use else (),
    )


def _named(table: pd.DataFrame, asked: Mapping[str, tuple[Outcome, str]]) -> pd.DataFrame:
    """Outcomes by their own names, with the definition beside them."""
    names = table["outcome"].map({name: outcome.name for name, (outcome, _) in asked.items()})
    readings = table["outcome"].map({name: reading for name, (_, reading) in asked.items()})
    told = table.assign(outcome=names.astype("str"), definition=readings.astype("str"))
    rest = [column for column in told.columns if column not in ("outcome", "definition")]
    return told[["outcome", "definition", *rest]]
