"""A small study of simulated records, and that study with a line changed."""

from collections.abc import Callable, Mapping

import pytest

from iop_outcomes.analysis.comparison import Comparison, compare
from iop_outcomes.analysis.weighting import Weighting, weight_cohort
from iop_outcomes.cohort.assembly import Cohort, assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.records.schema import Records
from iop_outcomes.records.simulation import simulate_records

MARGIN = {
    "risk_difference": 0.10,
    "justification": "ten in a hundred, for the tests",
    "set_by": "the tests",
}
STUDY = {
    "title": "A small study",
    "question": "Does the comparison do what it says?",
    "source": {"kind": "site_export", "folder": "simulated"},
    "eligibility": {"minimum_age_years": 18, "washout_days": 60, "recorded": ["phq9"]},
    "strategies": {
        "intervention": ["intensive outpatient"],
        "comparator": ["short-term residential", "long-term residential"],
        "intervention_name": "intensive outpatient care",
        "comparator_name": "residential care",
    },
    "time_zero": {"episode_gap_days": 7},
    "outcomes": {
        "relapse": {
            "definition": "first return to use",
            "events": ["return to use"],
            "competing": ["death"],
            "horizon_days": 180,
        },
        "discontinuation": {
            "definition": "dropping out or being terminated",
            "events": ["dropped out", "terminated by the facility"],
            "competing": ["completed", "transferred", "incarcerated", "death", "other"],
            "horizon_days": 90,
        },
        "completion": {
            "definition": "completing the index stay",
            "events": ["completed"],
            "horizon_days": None,
            "better": "higher",
        },
    },
    "estimand": "ATO",
    "analysis": {
        "covariates": ["age_years", "sex", "primary_substance", "homeless", "phq9"],
        "cluster": "facility_id",
    },
    "noninferiority": {"relapse": MARGIN, "completion": MARGIN},
}


def overlaid(base: Mapping, changes: Mapping) -> dict:
    merged = {
        key: overlaid(base[key], value)
        if isinstance(value, Mapping) and isinstance(base.get(key), Mapping)
        else value
        for key, value in changes.items()
    }
    return {**base, **merged}


@pytest.fixture(scope="session")
def study() -> Callable[..., Protocol]:
    """The protocol of the small study, with what is given changed."""
    return lambda **changes: parse_protocol(overlaid(STUDY, changes), "protocol")


@pytest.fixture(scope="session")
def records() -> Records:
    return simulate_records(1500, seed=20260711, facilities=8)


@pytest.fixture(scope="session")
def road(records) -> Callable[[Protocol], tuple[Cohort, Weighting]]:
    """From the records to the weights, under a protocol."""

    def walk(protocol: Protocol) -> tuple[Cohort, Weighting]:
        cohort = assemble_cohort(records, protocol)
        return cohort, weight_cohort(cohort.persons, protocol)

    return walk


@pytest.fixture(scope="session")
def cohort(road, study) -> Cohort:
    return road(study())[0]


@pytest.fixture(scope="session")
def weighting(road, study) -> Weighting:
    return road(study())[1]


@pytest.fixture(scope="session")
def comparison(cohort, weighting, study) -> Comparison:
    return compare(cohort, weighting, study())
