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
    from iop_outcomes.cohort.agreement import agreement
    from iop_outcomes.cohort.assembly import Cohort, assemble_cohort
    from iop_outcomes.cohort.defined_outcomes import defined_outcome
    from iop_outcomes.cohort.episodes import build_episodes
    from iop_outcomes.cohort.frame_outcomes import Binary, TimeToEvent
    from iop_outcomes.cohort.frame_scores import Continuous
    from iop_outcomes.cohort.from_frame import FrameStudy, cohort_from_frame
    from iop_outcomes.errors import StudyError
    from iop_outcomes.protocol.definitions.reading import read_definitions
    from iop_outcomes.protocol.linting import lint
    from iop_outcomes.protocol.parsing import protocol_hash, read_alternatives, read_protocol
    from iop_outcomes.protocol.specification import Protocol
    from iop_outcomes.records.ingestion import read_records
    from iop_outcomes.records.schema import Records
    from iop_outcomes.records.simulation import simulate_records
    from iop_outcomes.records.urine_weeks import urine_weeks
    from iop_outcomes.report.design_diagram import design_diagram
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
    "Binary": "cohort.frame_outcomes",
    "Continuous": "cohort.frame_scores",
    "Cohort": "cohort.assembly",
    "Comparison": "analysis.comparison",
    "Estimate": "analysis.estimates",
    "FrameStudy": "cohort.from_frame",
    "Protocol": "protocol.specification",
    "Records": "records.schema",
    "Released": "report.disclosure",
    "Robustness": "analysis.robustness",
    "StudyError": "errors",
    "TimeToEvent": "cohort.frame_outcomes",
    "Weighting": "analysis.weighting",
    "agreement": "cohort.agreement",
    "assemble_cohort": "cohort.assembly",
    "build_episodes": "cohort.episodes",
    "codebook_frequencies": "records.sources.teds_frequencies",
    "cohort_from_frame": "cohort.from_frame",
    "compare": "analysis.comparison",
    "compare_alternatives": "analysis.robustness",
    "cumulative_incidence_plot": "report.figures",
    "defined_outcome": "cohort.defined_outcomes",
    "design_diagram": "report.design_diagram",
    "flow_diagram": "report.figures",
    "forest_plot": "report.figures",
    "lint": "protocol.linting",
    "love_plot": "report.figures",
    "planted_truth": "calibration.planted_truth",
    "propensity_overlap_plot": "report.figures",
    "protocol_hash": "protocol.parsing",
    "read_alternatives": "protocol.parsing",
    "read_definitions": "protocol.definitions.reading",
    "read_protocol": "protocol.parsing",
    "read_records": "records.ingestion",
    "release": "report.disclosure",
    "simulate_records": "records.simulation",
    "urine_weeks": "records.urine_weeks",
    "weight_cohort": "analysis.weighting",
}

__all__ = [
    "Binary",
    "Cohort",
    "Comparison",
    "Continuous",
    "Estimate",
    "FrameStudy",
    "Protocol",
    "Records",
    "Released",
    "Robustness",
    "StudyError",
    "TimeToEvent",
    "Weighting",
    "agreement",
    "assemble_cohort",
    "build_episodes",
    "codebook_frequencies",
    "cohort_from_frame",
    "compare",
    "compare_alternatives",
    "cumulative_incidence_plot",
    "defined_outcome",
    "design_diagram",
    "flow_diagram",
    "forest_plot",
    "lint",
    "love_plot",
    "planted_truth",
    "propensity_overlap_plot",
    "protocol_hash",
    "read_alternatives",
    "read_definitions",
    "read_protocol",
    "read_records",
    "release",
    "simulate_records",
    "urine_weeks",
    "weight_cohort",
]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
