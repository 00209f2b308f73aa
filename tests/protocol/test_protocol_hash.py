"""Twelve digits that stand for a protocol's meaning."""

import re

import pytest

from iop_outcomes.protocol.parsing import protocol_hash, read_protocol


@pytest.fixture
def hashed(written):
    """The hash of a params file, given as text or plain values."""
    return lambda content: protocol_hash(read_protocol(written(content)))


def leaves(values, path=""):
    for key, value in values.items():
        below = f"{path}.{key}" if path else key
        yield from leaves(value, below) if isinstance(value, dict) else [below]


def reversed_keys(values, except_below=()):
    if not isinstance(values, dict):
        return values
    return {
        key: {name: reversed_keys(each) for name, each in value.items()}
        if key in except_below
        else reversed_keys(value, except_below)
        for key, value in reversed(values.items())
    }


def test_the_hash_is_twelve_hexadecimal_digits(hashed, study_text):
    assert re.fullmatch("[0-9a-f]{12}", hashed(study_text))


def test_the_hash_ignores_remarks_and_spacing(hashed, study, study_text):
    remarked = study_text.replace("\n", "   # a remark\n\n")
    assert hashed(remarked) == hashed(study_text) == hashed(study)


def test_the_hash_ignores_the_order_of_keys(hashed, study):
    assert hashed(reversed_keys(study, except_below=["outcomes"])) == hashed(study)


def test_the_hash_ignores_the_order_of_outcomes(hashed, study):
    """The names of outcomes are keys of the file too."""
    outcomes = study["protocol"]["outcomes"]
    turned = {**study["protocol"], "outcomes": dict(reversed(outcomes.items()))}
    assert hashed({"protocol": turned}) == hashed(study)


def test_the_hash_ignores_what_stands_outside_the_protocol(hashed, study):
    other = {"simulation": {"seed": 2}, **study, "robustness": {"all": {"estimand": "ATE"}}}
    assert hashed(other) == hashed(study)


def test_writing_a_customary_value_out_does_not_change_the_hash(hashed, changed, study):
    assert hashed(changed(study, "protocol.outcomes.relapse.first_day")) == hashed(study)
    assert hashed(changed(study, "protocol.disclosure")) == hashed(study)


def test_the_hash_changes_with_any_value(hashed, changed, study, otherwise):
    assert set(otherwise) == set(leaves(study["protocol"])), "a value has no other value here"
    hashes = {hashed(study)} | {
        hashed(changed(study, f"protocol.{path}", value)) for path, value in otherwise.items()
    }
    assert len(hashes) == 1 + len(otherwise)


def test_the_hash_changes_with_a_new_outcome_and_with_a_new_margin(hashed, changed, study):
    outcome = study["protocol"]["outcomes"]["relapse"]
    margin = study["protocol"]["noninferiority"]["relapse"]
    changes = {"outcomes.overdose": outcome, "noninferiority.discontinuation": margin}
    hashes = {hashed(changed(study, f"protocol.{path}", value)) for path, value in changes.items()}
    assert len(hashes | {hashed(study)}) == 3


def test_codes_of_the_source_may_be_numbers_beside_words(hashed, changed, study):
    """`words: {1: never, unknown: not known}` is how many files spell a column."""
    source = {"kind": "table", "words": {1: "never", "unknown": "not known"}}
    assert hashed(changed(study, "protocol.source", source))
