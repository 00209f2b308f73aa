"""How the definition changes the answer: the same people, read by several definitions."""

from collections.abc import Iterable, Iterator, Mapping

import pandas as pd

from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.analysis.estimates import main_method
from iop_outcomes.protocol.definitions.definition import Definition
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.outcomes import BY_EVENTS, Outcome
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, count, interval, number, spelling, when, words
from iop_outcomes.vocabulary import Arm, Measure, Method

SHOWN = ("outcome", "definition", "arm", "people", "missing", "events", "competing", "censored")
SAME = ""  # the main definition is not compared with itself


def definition_tables(
    comparison: Comparison, agreement: pd.DataFrame, protocol: Protocol
) -> dict[str, pd.DataFrame]:
    """What of the definitions goes to the gate; nothing if every outcome is read one way.

    Of the effects only the weighted risk difference, as of the alternatives: unadjusted risks of
    two definitions would count the people between them. Of the pairs only those with the main one.
    """
    if comparison.definitions.empty and agreement.empty:
        return {}
    main = {outcome.name: outcome.readings[0] for outcome in protocol.outcomes}
    arms, effects = comparison.definition_arms, comparison.definitions
    return {
        "definition_counts": arms.loc[arms["method"] == str(Method.UNADJUSTED), list(SHOWN)],
        "definition_effects": effects[
            (effects["measure"] == str(Measure.RISK_DIFFERENCE))
            & (effects["method"] == str(main_method(protocol)))
        ],
        "agreement": agreement[agreement["first"] == agreement["outcome"].map(main)],
    }


def definition_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> list[Exhibit]:
    """A table for each outcome that is read by several definitions."""
    return [
        _exhibit(outcome, shown, protocol)
        for outcome in protocol.outcomes
        if outcome.other_definitions
    ]


def _exhibit(outcome: Outcome, shown: Mapping[str, Released], protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    level = f"{100 * protocol.analysis.confidence_level:g}% CI"
    tables = {
        name: shown[name].table[shown[name].table["outcome"] == outcome.name]
        for name in ("definition_counts", "definition_effects", "agreement")
    }
    rows = []
    for reading in outcome.readings:
        counts = tables["definition_counts"]
        row = {
            "Definition": _called(reading, outcome),
            **_people(counts[counts["definition"] == reading].set_index("arm"), names),
        }
        row[f"Risk difference, points ({level})"] = _effect(tables["definition_effects"], reading)
        row |= _agrees(tables["agreement"], reading, outcome)
        rows.append(row)
    return Exhibit(
        f"definitions_{outcome.name}",
        f"{words(outcome.name, names).capitalize()} {when(outcome)} under each definition.",
        pd.DataFrame(rows),
        _note(outcome, protocol),
    )


def _called(reading: str, outcome: Outcome) -> str:
    main = " (as in the protocol)" if reading == outcome.readings[0] else ""
    if reading == BY_EVENTS:
        return f"{outcome.meaning}{main}"
    return f"{reading}: {definition(reading).name}{main}"


def _people(by_arm: pd.DataFrame, names: Mapping[str, str]) -> dict[str, str]:
    """People and events; neither for a definition that is not compared between arms."""
    if by_arm.empty:
        return {"People told": HIDDEN, **{f"Events, {names[arm]}": HIDDEN for arm in Arm}}
    return {
        "People told": count(by_arm["people"].sum(skipna=False)),
        **{f"Events, {names[arm]}": count(by_arm.loc[str(arm), "events"]) for arm in Arm},
    }


def _effect(effects: pd.DataFrame, reading: str) -> str:
    found = effects[effects["definition"] == reading].to_dict("records")
    return interval(found[0]) if found else "not compared"


def _agrees(agreement: pd.DataFrame, reading: str, outcome: Outcome) -> dict[str, str]:
    if reading == outcome.readings[0]:
        return {"Kappa": SAME, "Median shift, days": SAME}
    found = agreement[agreement["second"] == reading].iloc[0]
    timed = reading == BY_EVENTS or definition(reading).clocked
    shift = number(found["median_shift"], 0) if timed else "no clock"
    return {"Kappa": number(found["kappa"], 2), "Median shift, days": shift}


def _note(outcome: Outcome, protocol: Protocol) -> str:
    names = spelling(protocol)
    asked = [definition(name) for name in outcome.definitions]
    said = [
        f"Weighted risk differences, {names['intervention']} minus {names['comparator']}.",
        "A margin is justified for the first row alone, so no verdict is passed on the others.",
        "Kappa: agreement with the first row beyond chance, on the people of whom both can tell; 1 "
        "is the same answer for everyone.",
        "Shift: how many days later the event is dated, of those who have both.",
    ]
    if any(not one.clocked for one in asked):
        said.append("A definition without a clock tells yes or no and is not read by a day.")
    if any(one.descriptive for one in asked):
        said.append("Not compared: the definition is descriptive.")
    return " ".join([*said, *_what_they_say(asked), hidden_note(protocol)])


def _what_they_say(asked: Iterable[Definition]) -> Iterator[str]:
    """What each makes of what was not recorded, on which the answer hangs most, and its caveat."""
    missing: dict[str, list[str]] = {}
    for one in asked:
        missing.setdefault(one.missing, []).append(one.id)
    for sentence, names in missing.items():
        yield f"Not recorded ({', '.join(names)}): {sentence}"
    for one in asked:
        if one.note:
            yield f"{one.id}: {one.note}"
