"""For whom, and whether it hangs on one facility: subgroups and the answers without a facility."""

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.analysis.left_out import REFITTED
from iop_outcomes.protocol.specification import Outcome, Protocol
from iop_outcomes.protocol.standard_errors import ClusterErrors
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.subgroup_plot import subgroup_plot
from iop_outcomes.report.tables import Exhibit, hidden_note
from iop_outcomes.report.wording import (
    HIDDEN,
    count,
    number,
    p_value,
    percent,
    spelling,
    when,
    words,
)
from iop_outcomes.vocabulary import Arm

SUBGROUPS_NOTE = (
    "Every level is an analysis of its people under the weights of the whole study. These make the "
    "arms alike in the whole and not in each level: where the largest SMD within a level is above "
    "0.1, part of its difference may be who the people were. Intervals hold all levels of a "
    "covariate at once. Interaction p: of the levels having one effect; adjusted (Holm) for the "
    "covariates looked at, for this outcome. Drawn together: levels moved toward their mean by as "
    "much as luck explains their spread (empirical Bayes). "
)
BY_RISK_NOTE = (
    "Predicted risk: groups by the risk under {comparator}, predicted by a model that is fitted to "
    "others of that arm (cross-fitted); that they were predicted is not in the intervals. "
)
CLONED_NOTE = "Without SMDs: everyone is in both arms at time zero. "


def subgroup_tables(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """What goes to the gate; nothing of what the protocol does not ask for."""
    names = ("subgroups", "effect_modifiers", "left_out")
    tables = {name: getattr(comparison, name) for name in names}
    return {name: table for name, table in tables.items() if not table.empty}


def subgroup_figures(shown: Mapping[str, Released], protocol: Protocol) -> dict[str, Figure]:
    """A forest plot for each outcome, if there are subgroups."""
    return {
        f"subgroups_{outcome.name}": subgroup_plot(
            shown["subgroups"], shown["estimates"], outcome.name, spelling(protocol)
        )
        for outcome in (protocol.risk_outcomes if "subgroups" in shown else ())
    }


def subgroup_exhibits(shown: Mapping[str, Released], protocol: Protocol) -> Iterator[Exhibit]:
    """A table of subgroups for each outcome, and one of what leaving out a facility does."""
    if "subgroups" in shown:
        for outcome in protocol.risk_outcomes:
            yield _subgroups(shown["subgroups"].table, outcome, protocol)
    if "left_out" in shown:
        yield _left_out(shown["left_out"].table, protocol)


def _subgroups(table: pd.DataFrame, outcome: Outcome, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    table = table[table["outcome"] == outcome.name]
    interval = f"{100 * protocol.analysis.confidence_level:g}% CI, simultaneous"
    cloned = table["largest_smd"].isna().all() and table["estimate"].notna().any()
    rows = []
    for covariate, levels in table.groupby("covariate", sort=False):
        for place, row in enumerate(levels.to_dict("records")):
            cells = {"Subgroup": f"{words(str(covariate), names)}: {row['level']}"}
            cells |= {f"People, {names[arm]}": count(row[f"people_{arm}"]) for arm in Arm}
            cells |= {f"Risk, {names[arm]}": percent(row[f"risk_{arm}"]) for arm in Arm}
            cells[f"Risk difference, points ({interval})"] = _difference(row)
            cells["Drawn together"] = percent(row["shrunken"])
            if not cloned:
                cells["Largest SMD within"] = _smd(row["largest_smd"])
            cells["Interaction p (adjusted)"] = "" if place else _tested(row)
            rows.append(cells)
    return Exhibit(
        f"subgroups_{outcome.name}",
        f"{words(outcome.name, names).capitalize()} {when(outcome)}, within subgroups.",
        pd.DataFrame(rows),
        f"{SUBGROUPS_NOTE}{_by_risk(protocol)}{CLONED_NOTE if cloned else ''}People as enrolled; "
        f"risks weighted, in per cent. {_errors_note(protocol)}{hidden_note(protocol)}",
    )


def _by_risk(protocol: Protocol) -> str:
    asked = protocol.analysis.risk_groups is not None
    return BY_RISK_NOTE.format(**spelling(protocol)) if asked else ""


def _errors_note(protocol: Protocol) -> str:
    """Errors within levels, where those of the whole are others; nothing where they are not."""
    asked = protocol.analysis.standard_errors.clusters
    within = f"Standard errors within levels: {ClusterErrors.CR1}, not {asked}. "
    return "" if asked is ClusterErrors.CR1 else within


def _difference(row: Mapping) -> str:
    if pd.isna(row["estimate"]):
        why = row["not_estimated"]
        return f"not estimated: {why}" if isinstance(why, str) and why else HIDDEN
    low, high = percent(row["conf_low"]), percent(row["conf_high"])
    return f"{percent(row['estimate'])} ({low} to {high})"


def _smd(value: float) -> str:
    return "nothing alike" if np.isinf(value) else number(value, 2)


def _tested(row: Mapping) -> str:
    if pd.isna(row["interaction_p"]):
        return HIDDEN
    return f"{p_value(row['interaction_p'])} ({p_value(row['interaction_p_holm'])})"


def _left_out(table: pd.DataFrame, protocol: Protocol) -> Exhibit:
    names = spelling(protocol)
    outcomes = {outcome.name: outcome for outcome in protocol.outcomes}
    place = words(str(protocol.analysis.cluster), names)
    rows = [
        {
            "Outcome": f"{words(row['outcome'], names)} {when(outcomes[row['outcome']])}",
            "Clusters": count(row["clusters"]),
            "Effective number": number(row["effective_clusters"]),
            "Lowest to highest risk difference, points": _range(row),
            "Largest move, points": percent(row["largest_move"]),
            "Verdict would be another without": _moved(row, protocol),
            "No estimate without": count(row["not_estimated"]),
            "In the range": count(row["told"]),
        }
        for row in table.to_dict("records")
    ]
    refitted = bool((table["how"] == REFITTED).all())
    how = (
        "The people who stay were weighted and analysed anew each time."
        if refitted
        else "Told by influence, to first order, without fitting anything again."
    )
    return Exhibit(
        "left_out",
        f"The risk difference with the people of each cluster ({place}) left out in turn.",
        pd.DataFrame(rows),
        f"{how} Effective number: equal clusters that would tell as much about the arm that has "
        "fewer; where it is small, trust no interval. Which cluster it is, is not told; in the "
        "range are those that have, and leave, enough people with and without the outcome. "
        f"{hidden_note(protocol)}",
    )


def _range(row: Mapping) -> str:
    if pd.isna(row["lowest"]):
        return HIDDEN
    return f"{percent(row['lowest'])} to {percent(row['highest'])}"


def _moved(row: Mapping, protocol: Protocol) -> str:
    if row["outcome"] not in protocol.noninferiority:
        return "no margin"
    return HIDDEN if pd.isna(row["verdicts_moved"]) else f"{row['verdicts_moved']:g}"
