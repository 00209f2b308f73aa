"""A small protocol, ways of changing one line of it, and the complaint that follows."""

from copy import deepcopy

import pytest
import yaml

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.parsing import read_alternatives, read_protocol

STUDY = """\
protocol:
  title: A study of nobody
  question: Does anything help?
  source: {kind: site_export, folder: simulated}
  eligibility: {minimum_age_years: 18, washout_days: 60, recorded: [phq9]}
  strategies:
    intervention: [intensive outpatient]
    comparator: [short-term residential, long-term residential]
    by: level_of_care
    intervention_name: intensive outpatient care
    comparator_name: residential care
  time_zero: {episode_gap_days: 7, baseline_window_days: 14}
  outcomes:
    relapse:
      definition: first recorded return to use
      events: [return to use]
      competing: [death]
      horizon_days: 180
      first_day: 1
      better: lower
    discontinuation:
      definition: leaving the index stay by dropping out
      events: [dropped out]
      competing: [completed]
      horizon_days: 90
      first_day: 1
      better: lower
  estimand: ATO
  analysis: {covariates: [age_years, sex], cluster: facility_id, confidence_level: 0.95}
  noninferiority:
    relapse: {risk_difference: 0.10, justification: ten in a hundred, set_by: this file}
  disclosure: {smallest_count: 11}
  labels: {age_years: age}
"""
# One other value for every value of the small protocol.
OTHERWISE = {
    "title": "Another",
    "question": "Another?",
    "source.kind": "table",
    "source.folder": "elsewhere",
    "eligibility.minimum_age_years": 21,
    "eligibility.washout_days": 61,
    "eligibility.recorded": [],
    "strategies.intervention": ["outpatient"],
    "strategies.comparator": ["long-term residential", "short-term residential"],
    "strategies.by": "level",
    "strategies.intervention_name": "IOP",
    "strategies.comparator_name": "residence",
    "time_zero.episode_gap_days": 8,
    "time_zero.baseline_window_days": 15,
    "outcomes.relapse.definition": "second recorded return to use",
    "outcomes.relapse.events": ["overdose"],
    "outcomes.relapse.competing": [],
    "outcomes.relapse.horizon_days": 181,
    "outcomes.relapse.first_day": 0,
    "outcomes.relapse.better": "higher",
    "outcomes.discontinuation.definition": "leaving",
    "outcomes.discontinuation.events": ["other"],
    "outcomes.discontinuation.competing": ["death"],
    "outcomes.discontinuation.horizon_days": None,
    "outcomes.discontinuation.first_day": 0,
    "outcomes.discontinuation.better": "higher",
    "estimand": "ATE",
    "analysis.covariates": ["sex", "age_years"],
    "analysis.cluster": None,
    "analysis.confidence_level": 0.951,
    "noninferiority.relapse.risk_difference": 0.11,
    "noninferiority.relapse.justification": "eleven in a hundred",
    "noninferiority.relapse.set_by": "another file",
    "disclosure.smallest_count": 12,
    "labels.age_years": "years of age",
}
MISSING = object()


@pytest.fixture(scope="session")
def study_text():
    """The params file of a study."""
    return STUDY


@pytest.fixture
def study():
    """The same as plain values, free to be changed."""
    return yaml.safe_load(STUDY)


@pytest.fixture(scope="session")
def otherwise():
    """Every value of the study by its path, and another one for it."""
    return OTHERWISE


@pytest.fixture
def written(tmp_path):
    """Write a params file, given as text or as plain values; returns its path."""

    def write(content):
        text = content if isinstance(content, str) else yaml.safe_dump(content, sort_keys=False)
        path = tmp_path / "params.yaml"
        path.write_text(text, "utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def changed():
    """Plain values with the one at a dotted path replaced, added, or (if none is given) gone."""

    def change(values, path, value=MISSING):
        values = deepcopy(values)
        *above, last = path.split(".")
        section = values
        for key in above:
            section = section[key]
        if value is MISSING:
            del section[last]
        else:
            section[last] = value
        return values

    return change


@pytest.fixture
def complaint():
    """What reading the protocol, or its alternatives, of a file says when it refuses."""

    def of(path, read=read_protocol):
        with pytest.raises(ProtocolError) as caught:
            read(path)
        message = str(caught.value)
        assert "\n" not in message, "a complaint is one sentence"
        return message

    return of


@pytest.fixture
def complaint_about(complaint, written, changed, study):
    """The complaint about the small protocol after changing one of its lines."""

    def about(path, value=MISSING):
        return complaint(written(changed(study, f"protocol.{path}", value)))

    return about


@pytest.fixture
def complaint_about_alternative(complaint, written, study):
    """The complaint about the small protocol with this `robustness` section."""

    def about(alternatives):
        return complaint(written({**study, "robustness": alternatives}), read_alternatives)

    return about
