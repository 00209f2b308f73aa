"""With what the effect changes: the table of the best linear projection."""

from collections.abc import Iterator, Mapping

import pandas as pd

from iop_outcomes.protocol.specification import Outcome, Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, number, p_value, spelling, when, words

NOTE = (
    "How much the risk difference changes, in percentage points, per unit of a number or against "
    "the reference level: the best linear projection of everyone's effect on all of these together "
    "(DR-learner), of everyone whose outcome is known, each counting once, whatever the estimand. "
    "Intervals hold all coefficients of the outcome at once (max-t). Joint p: of none of them "
    "mattering, one test for the outcome; no coefficient is tested by itself. "
)


def modifier_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> Iterator[Exhibit]:
    """A table for each outcome that is a risk, if the protocol asks for effect modifiers."""
    if "effect_modifiers" in shown:
        table = shown["effect_modifiers"].table
        for outcome in protocol.risk_outcomes:
            yield _modifiers(table[table["outcome"] == outcome.name], outcome, protocol)


def _modifiers(table: pd.DataFrame, outcome: Outcome, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    level = f"{100 * protocol.analysis.confidence_level:g}% CI, simultaneous"
    rows = [
        {
            "Covariate": _label(row, names),
            f"Change of the risk difference, points ({level})": _change(row),
            "Joint p": "" if place else _tested(row),
        }
        for place, row in enumerate(table.to_dict("records"))
    ]
    methods = "; ".join(dict.fromkeys(table["se_method"]))
    return Exhibit(
        f"effect_modifiers_{outcome.name}",
        f"{words(outcome.name, names).capitalize()} {when(outcome)}: with what the effect changes.",
        pd.DataFrame(rows),
        f"{NOTE}Standard errors: {methods}. {hidden_note(protocol)}",
    )


def _label(row: Mapping, names: Mapping[str, str]) -> str:
    name = words(row["covariate"], names)
    return f"{name}, for each unit" if pd.isna(row["level"]) else f"{name}: {row['level']}"


def _change(row: Mapping) -> str:
    if row["reference"]:
        return "reference"
    if pd.isna(row["coefficient"]):
        return HIDDEN
    value, low, high = (
        number(100 * row[name], 2) for name in ("coefficient", "conf_low", "conf_high")
    )
    return f"{value} ({low} to {high})"


def _tested(row: Mapping) -> str:
    return HIDDEN if pd.isna(row["joint_p"]) else p_value(row["joint_p"])
