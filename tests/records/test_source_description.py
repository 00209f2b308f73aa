"""What is said about a `source` that no reader understands."""

import pytest

from iop_outcomes.records.ingestion import check_source

TABLE = {
    "kind": "table",
    "file": "trial.csv",
    "person_id": "id",
    "level_of_care": "inpatient",
    "strategy": {"column": "arm", "words": {0: "usual", 1: "new"}},
    "last_observed_day": ["time"],
    "events": [{"kind": "death", "day": "time", "when": {"status": 1}}],
    "covariates": {"age": "age", "sex": {"column": "sex", "words": {1: "male"}}},
}


@pytest.mark.parametrize("source", [{}, {"kind": None}, {"kind": "csv"}, {"kind": ["table"]}])
def test_an_unknown_kind_is_answered_with_the_known_ones(refusal, source):
    assert refusal(check_source, source) == (
        "protocol.source.kind must be one of ['site_export', 'table', 'teds_a', 'teds_d', 'trial']"
    )


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ({"kind": "site_export", "foldr": "x"}, "foldr"),
        ({"kind": "teds_d", "files": ["a.csv"], "file": "b.csv"}, "file"),
        ({**TABLE, "ages": "age"}, "ages"),
        ({**TABLE, "strategy": {"colum": "arm", "column": "arm"}}, "strategy.colum"),
        ({**TABLE, "events": [{**TABLE["events"][0], "if": 1}]}, "events.0.if"),
        ({**TABLE, "covariates": {"age": {"column": "age", "word": {}}}}, "covariates.age.word"),
    ],
)
def test_an_unknown_key_is_named_by_its_path(refusal, source, path):
    assert refusal(check_source, source) == (
        f"protocol.source.{path}: unknown key for a source of kind {source['kind']}"
    )


@pytest.mark.parametrize("key", ["file", "person_id", "level_of_care", "strategy", "covariates"])
def test_a_missing_key_is_named_by_its_path(refusal, key):
    source = {name: value for name, value in TABLE.items() if name != key}
    assert refusal(check_source, source).startswith(f"protocol.source.{key}: ")


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ({"kind": "site_export", "folder": 3}, "folder"),
        ({"kind": "teds_d", "files": "a.csv"}, "files"),
        ({**TABLE, "last_observed_day": "time"}, "last_observed_day"),
        ({**TABLE, "covariates": ["age"]}, "covariates"),
        ({**TABLE, "strategy": {"column": 3}}, "strategy.column"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_its_path(refusal, source, path):
    assert refusal(check_source, source).startswith(f"protocol.source.{path}: ")


def test_a_source_without_files_is_refused_before_any_is_read(refusal):
    assert refusal(check_source, {"kind": "teds_d", "files": []}).startswith(
        "protocol.source.files: "
    )


def test_a_bare_name_stands_for_the_column_of_that_name():
    kind, source = check_source(TABLE)
    assert kind == "table"
    assert source.covariates["age"].column == "age"
    assert source.covariates["age"].words is None


def test_codes_are_compared_as_text_however_the_protocol_spells_them():
    _, source = check_source(TABLE)
    assert source.strategy.words == {"0": "usual", "1": "new"}
    assert source.events[0].when == {"status": "1"}
