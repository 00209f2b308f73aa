"""The tests of proportional hazards as they are set, and the name of a curve's band."""

from collections.abc import Mapping

import pandas as pd

from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.survival_plan import Bands
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import HIDDEN, MEASURE, number, p_value, spelling, when, words
from iop_outcomes.vocabulary import Measure

CHANGES = "changes with time: an average over these days, and over others it would be another"
NOT_SEEN = "not seen to change with time, which is no proof that it does not"


def hazards_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """What goes to the gate; nothing if no hazard ratios are asked for."""
    table = comparison.proportional_hazards
    return {} if table.empty else {"proportional_hazards": table}


def hazards_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> list[Exhibit]:
    """The table of the tests, if there is one."""
    if "proportional_hazards" not in shown:
        return []
    names = spelling(protocol)
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    table = shown["proportional_hazards"].table
    untested = table["not_tested"].fillna("").ne("")  # nothing is hidden there: it was not made
    rows = [
        {
            "Outcome": f"{words(row['outcome'], names)} {when(outcomes[row['outcome']])}",
            "Ratio": MEASURE[Measure(row["measure"])].format(**names),
            "Arms": names[row["method"]],
            "Chi squared": "" if none else number(row["chi_squared"], 2),
            "df": "" if none else number(row["df"], 0),
            "p": "" if none else p_value(row["p_value"]),
            "The ratio": _says(row, 1 - protocol.analysis.confidence_level),
        }
        for row, none in zip(table.to_dict("records"), untested, strict=True)
    ]
    return [
        Exhibit(
            "proportional_hazards",
            "Are the hazards proportional: does a hazard ratio stay the same over the follow-up?",
            pd.DataFrame(rows),
            "Score test that the ratio does not change with time, which is counted by one less "
            "the Kaplan-Meier curve, so that late days with few people count less. Where it "
            f"does (p below {1 - protocol.analysis.confidence_level:.2g}), the ratio averages "
            "over the follow-up and depends on its length; the risks and mean days do not rest on "
            "it. Tests that the arms do not differ at all (log-rank; Gray's) stand in "
            f"data_proportional_hazards.csv; neither proves arms alike. {hidden_note(protocol)}",
        )
    ]


def _says(row: Mapping[str, object], threshold: float) -> str:
    if pd.isna(row["not_tested"]):
        return HIDDEN
    if row["not_tested"]:
        return str(row["not_tested"])
    return CHANGES if float(row["p_value"]) < threshold else NOT_SEEN


def band_words(protocol: Protocol) -> str:
    """What the interval around a curve is called in its caption."""
    if protocol.analysis.bands is Bands.SIMULTANEOUS:
        return "simultaneous confidence bands, which hold all days at once"
    return "pointwise confidence intervals"
