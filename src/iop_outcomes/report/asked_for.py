"""Pages of the report that are there only where the protocol asks for them."""

from collections.abc import Iterator, Mapping

import pandas as pd
from matplotlib.figure import Figure

from iop_outcomes.analysis.comparison import Comparison
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.censoring_page import censoring_exhibits, censoring_tables
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.hazards_page import hazards_exhibits, hazards_tables
from iop_outcomes.report.lengths_page import days_in_care_table, exit_risks_plot, exit_risks_table
from iop_outcomes.report.recurrent_page import recurrent_exhibits, recurrent_figures
from iop_outcomes.report.states_page import states_exhibits, states_figures
from iop_outcomes.report.subgroups_page import (
    subgroup_exhibits,
    subgroup_figures,
    subgroup_tables,
)
from iop_outcomes.report.tables import Exhibit
from iop_outcomes.report.wording import spelling

KINDS_OF_TIME = (
    *("exit_risks", "days_in_care"),
    *("recurrent", "recurrent_counts", "recurrent_curves"),
    *("days_in_states", "state_curves"),
)


def tables_asked_for(comparison: Comparison) -> dict[str, pd.DataFrame]:
    """What goes to the gate; nothing of what the protocol does not ask for."""
    times = {name: getattr(comparison, name) for name in KINDS_OF_TIME}
    times = {name: table for name, table in times.items() if not table.empty}
    told = subgroup_tables(comparison) | hazards_tables(comparison) | times
    return told | censoring_tables(comparison)


def figures_asked_for(shown: Mapping[str, Released], protocol: Protocol) -> dict[str, Figure]:
    """Their figures."""
    names, figures = spelling(protocol), subgroup_figures(shown, protocol)
    if "exit_risks" in shown:
        figures["exit_risks"] = exit_risks_plot(shown["exit_risks"], names)
    return figures | recurrent_figures(shown, protocol) | states_figures(shown, protocol)


def exhibits_asked_for(shown: Mapping[str, Released], protocol: Protocol) -> Iterator[Exhibit]:
    """Their tables, ready to be set."""
    yield from subgroup_exhibits(shown, protocol)
    yield from hazards_exhibits(shown, protocol)
    yield from censoring_exhibits(shown, protocol)
    if "exit_risks" in shown:
        yield exit_risks_table(shown["exit_risks"], protocol)
        yield days_in_care_table(shown["days_in_care"], protocol)
    yield from recurrent_exhibits(shown, protocol)
    yield from states_exhibits(shown, protocol)
