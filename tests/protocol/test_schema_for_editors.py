"""The JSON schema by which an editor completes params.yaml: it agrees with the parser."""

import json
from dataclasses import fields

import pytest
import yaml

from iop_outcomes.protocol.parsing import read_draft
from iop_outcomes.protocol.schema_for_editors import SIMULATION
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.records.ingestion import READERS
from iop_outcomes.stages import schema

jsonschema = pytest.importorskip("jsonschema", reason="jsonschema comes with the notebooks")


def as_json(values):
    """Plain values of YAML as JSON has them: every key is text."""
    if isinstance(values, dict):
        return {str(key): as_json(value) for key, value in values.items()}
    return [as_json(value) for value in values] if isinstance(values, list) else values


@pytest.fixture(scope="module")
def editor():
    """The schema, and a way to hold a params file to it."""
    written = json.loads(schema())
    jsonschema.Draft202012Validator.check_schema(written)
    return jsonschema.Draft202012Validator(written)


@pytest.fixture
def complaints(editor):
    return lambda values: [error.message for error in editor.iter_errors(as_json(values))]


@pytest.mark.parametrize("example", ["uis", "help", "teds_d", "ctn0094"])
def test_every_example_is_valid(root, complaints, example):
    path = root / f"src/iop_outcomes/protocol/examples/{example}.yaml"
    assert complaints(yaml.safe_load(path.read_text("utf-8"))) == []


def test_the_repositorys_own_study_is_valid_with_its_alternatives(root, complaints):
    assert complaints(yaml.safe_load((root / "params.yaml").read_text("utf-8"))) == []


@pytest.mark.parametrize(
    "path",
    [
        "titel",
        "eligibility.washout_day",
        "strategies.kinds",
        "time_zero.gap",
        "outcomes.relapse.horizon",
        "outcomes.relapse.name",
        "analysis.covariate",
        "noninferiority.relapse.margin",
        "source.foldr",
        "disclosure.smallest",
        "follow_up",
        "intercurrent_events",
    ],
)
def test_an_unknown_key_is_refused_as_the_parser_refuses_it(complaints, changed, study, path):
    value = {"unknown": 1} if path in ("follow_up", "intercurrent_events") else 1
    assert complaints(study) == []
    assert complaints(changed(study, f"protocol.{path}", value))


def test_an_unknown_key_of_an_alternative_is_refused(complaints, study):
    assert complaints({**study, "robustness": {"all": {"estimand": "ATE"}}}) == []
    assert complaints({**study, "robustness": {"all": {"estimnd": "ATE"}}})
    assert complaints({**study, "robustness": {"all": {"outcomes": {"relapse": {"day": 9}}}}})


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("estimand", "average"),
        ("outcomes.relapse.events", ["relapse"]),
        ("outcomes.relapse.events", []),
        ("outcomes.relapse.first_day", 2),
        ("eligibility.washout_days", "two months"),
        ("noninferiority.relapse.risk_difference", 10),
        ("strategies.kind", "start"),
        ("source.kind", "excel"),
        ("outcomes", {"Relapse or death": {}}),
        ("outcomes", {}),
    ],
)
def test_a_value_that_cannot_be_is_refused(complaints, changed, study, path, value):
    assert complaints(changed(study, f"protocol.{path}", value))


def test_the_simulation_has_the_keys_that_it_has(complaints, study):
    assert complaints({**study, "simulation": {"persons": 10, "seed": 1}}) == []
    assert complaints({**study, "simulation": {"persons": 10, "seed": 1, "sead": 2}})
    assert set(SIMULATION["required"]) <= set(SIMULATION["properties"])


def test_an_editor_offers_the_sections_in_the_order_of_a_target_trial(editor):
    offered = list(editor.schema["$defs"]["Protocol"]["properties"])
    assert offered == [field.name for field in fields(Protocol)]


def test_every_key_of_the_protocol_has_its_docstring_as_help(editor):
    for name, definition in editor.schema["$defs"].items():
        assert "Attributes" not in definition.get("description", ""), name
        if name.partition(".")[0] not in READERS:
            for key, said in definition.get("properties", {}).items():
                assert said["description"], (name, key)


def test_the_help_of_a_key_is_what_its_docstring_says(editor):
    margin = editor.schema["$defs"]["Margin"]["properties"]
    assert margin["risk_difference"]["description"] == (
        "As a share: 0.10 is ten in a hundred people."
    )
    strategies = editor.schema["$defs"]["Strategies"]["properties"]
    assert strategies["intervention"]["description"] == strategies["comparator"]["description"]


def test_every_kind_of_source_can_be_completed(editor):
    kinds = {
        editor.schema["$defs"][choice["$ref"].rpartition("/")[2]]["properties"]["kind"]["const"]
        for choice in editor.schema["$defs"]["Protocol"]["properties"]["source"]["oneOf"]
    }
    assert kinds == set(READERS)


def test_the_parser_reads_what_the_schema_accepts_of_the_small_protocol(
    written, study, complaints, otherwise, changed
):
    """One other value for every value: what one of the two accepts the other accepts too."""
    for path, value in otherwise.items():
        if path.startswith("source"):
            continue
        other = changed(study, f"protocol.{path}", value)
        assert read_draft(written(other))
        assert complaints(other) == [], path
