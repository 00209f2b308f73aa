"""Relapse and retention after intensive outpatient versus inpatient treatment.

protocol -+
records --+-> cohort -> weighting -> comparison -> robustness -> report
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from iop_outcomes.analysis.comparison import Comparison, compare
    from iop_outcomes.analysis.estimates import Estimate
    from iop_outcomes.analysis.robustness import Robustness, compare_alternatives
    from iop_outcomes.analysis.weighting import Weighting, weight_cohort
    from iop_outcomes.calibration.planted_truth import planted_truth
    from iop_outcomes.cohort.assembly import Cohort, assemble_cohort
    from iop_outcomes.errors import StudyError
    from iop_outcomes.protocol.parsing import protocol_hash, read_alternatives, read_protocol
    from iop_outcomes.protocol.specification import Protocol
    from iop_outcomes.records.ingestion import read_records
    from iop_outcomes.records.schema import Records
    from iop_outcomes.records.simulation import simulate_records
    from iop_outcomes.report.disclosure import Released, release
    from iop_outcomes.report.figures import (
        cumulative_incidence_plot,
        flow_diagram,
        forest_plot,
        love_plot,
        propensity_overlap_plot,
    )

# Where each public name lives. Fetched on first use, so that importing the package is quick.
_HOME = {
    "Cohort": "cohort.assembly",
    "Comparison": "analysis.comparison",
    "Estimate": "analysis.estimates",
    "Protocol": "protocol.specification",
    "Records": "records.schema",
    "Released": "report.disclosure",
    "Robustness": "analysis.robustness",
    "StudyError": "errors",
    "Weighting": "analysis.weighting",
    "assemble_cohort": "cohort.assembly",
    "codebook_frequencies": "records.sources.teds_frequencies",
    "compare": "analysis.comparison",
    "compare_alternatives": "analysis.robustness",
    "cumulative_incidence_plot": "report.figures",
    "flow_diagram": "report.figures",
    "forest_plot": "report.figures",
    "love_plot": "report.figures",
    "planted_truth": "calibration.planted_truth",
    "propensity_overlap_plot": "report.figures",
    "protocol_hash": "protocol.parsing",
    "read_alternatives": "protocol.parsing",
    "read_protocol": "protocol.parsing",
    "read_records": "records.ingestion",
    "release": "report.disclosure",
    "simulate_records": "records.simulation",
    "weight_cohort": "analysis.weighting",
}

__all__ = [
    "Cohort",
    "Comparison",
    "Estimate",
    "Protocol",
    "Records",
    "Released",
    "Robustness",
    "StudyError",
    "Weighting",
    "assemble_cohort",
    "codebook_frequencies",
    "compare",
    "compare_alternatives",
    "cumulative_incidence_plot",
    "flow_diagram",
    "forest_plot",
    "love_plot",
    "planted_truth",
    "propensity_overlap_plot",
    "protocol_hash",
    "read_alternatives",
    "read_protocol",
    "read_records",
    "release",
    "simulate_records",
    "weight_cohort",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
