"""Outcome definitions are files; a file that says something else than it may is refused by name."""

from dataclasses import FrozenInstanceError

import pytest
import yaml

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.definitions.definition import ANSWERS, Evidence
from iop_outcomes.protocol.definitions.page import definitions_page
from iop_outcomes.protocol.definitions.reading import (
    FOLDER,
    RULES,
    definition,
    parse_definition,
    read_definitions,
)

RELAPSE = {
    "id": "REL-TEST",
    "name": "four weeks in a row positive",
    "domain": "relapse",
    "citation": "Nobody, for this test.",
    "needs": ["weekly tests"],
    "rule": {
        "by": "weeks in a window",
        "counted": "positive",
        "missed": "positive",
        "mixed": "positive",
        "window_weeks": 4,
        "at_least_weeks": 4,
    },
    "answer": "time to event",
    "missing": "A missed urine counts as positive.",
    "time": "Weeks of planned treatment.",
    "better": "lower",
}
CONDITION = {"counted": "negative", "weeks": {"first": 12, "last": 15}, "at_least": 3}
CONDITIONS = {
    "by": "conditions on weeks",
    "missed": "positive",
    "mixed": "positive",
    "conditions": [CONDITION],
}
SHARE = {"by": "share of weeks", "counted": "negative", "missed": "positive", "mixed": "half"}
PUBLISHED = 62  # columns of the table of published endpoints of CTN-0094, two for those with a time


def complaint(**changed):
    """What is said of the relapse with other values; a value of ... takes the key out."""
    values = {key: value for key, value in {**RELAPSE, **changed}.items() if value is not ...}
    with pytest.raises(ProtocolError) as caught:
        parse_definition(values, "rel_test.yaml")
    message = str(caught.value)
    assert "\n" not in message, "a complaint is one sentence"
    return message


def of_rule(**changed):
    return complaint(rule={**RELAPSE["rule"], **changed})


def write(folder, *definitions):
    for one in definitions:
        name = one["id"].lower().replace("-", "_")
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(one, sort_keys=False), "utf-8")
    return folder


def refusal(folder):
    with pytest.raises(ProtocolError) as caught:
        read_definitions(folder)
    return str(caught.value)


def test_every_definition_that_is_shipped_keeps_to_the_types():
    shipped = read_definitions()
    assert len(shipped) == len(list(FOLDER.glob("*.yaml"))) >= 90
    assert list(shipped) == sorted(shipped, key=lambda name: name.lower().replace("-", "_"))


@pytest.mark.parametrize(
    "wanted",
    [
        "RET-LOS RET-30 RET-90 RET-COMP RET-CR RET-INIT RET-IET RET-WC RET-FUI-7 RET-FUI-30",
        "RET-DOSE RET-HOURS RET-GAP-14 RET-GAP-30 ATT-CV ATT-GAP",
        "REL-DIS REL-FIRST REL-0094 REL-0051 REL-LEE16 REL-SCH REL-JOH REL-DROP REL-OD REL-COMP",
        "REL-READ REL-READ-30 REL-READ-90 REL-READ-180 REL-READ-365",
        "MH-PHQ9-RESP MH-PHQ9-REM MH-PHQ9-REL MH-GAD7-RESP MH-GAD7-REM MH-GAD7-REL MH-READ-30",
        "FUN-WORK FUN-SCHOOL FUN-HOUSE FUN-ARREST FUN-HELP",
    ],
)
def test_the_outcomes_that_trials_and_registers_use_are_defined(wanted):
    assert set(wanted.split()) <= set(read_definitions())


def test_no_two_definitions_claim_the_same_published_column():
    claimed = [column for one in read_definitions().values() for column in one.published_as]
    assert len(claimed) == len(set(claimed)) == PUBLISHED


def test_a_definition_with_a_time_is_published_as_two_columns_and_any_other_as_one():
    for one in read_definitions().values():
        if one.published_as:
            assert len(one.published_as) == (2 if one.answer == "time to event" else 1), one.id


def test_every_kind_of_rule_has_a_definition_that_uses_it_and_a_known_answer():
    used = {one.rule.by for one in read_definitions().values()}
    assert used == set(RULES) == set(ANSWERS)


def test_rules_of_weeks_need_weekly_tests_and_no_other_rule_does():
    for one in read_definitions().values():
        weekly = type(one.rule).__module__.endswith("weekly_rules")
        assert weekly == (Evidence.WEEKLY_TESTS in one.needs), one.id


def test_use_at_discharge_is_descriptive_and_nothing_else_is():
    assert [one.id for one in read_definitions().values() if one.descriptive] == ["REL-DIS"]


def test_a_definition_cannot_be_changed_once_read():
    with pytest.raises(FrozenInstanceError):
        definition("REL-0094").name = "another"
    with pytest.raises(FrozenInstanceError):
        definition("REL-0094").rule.window_weeks = 3


def test_the_page_of_definitions_is_made_of_their_files_and_of_nothing_else(root):
    page = (root / "docs/definitions.md").read_text("utf-8")
    assert page == definitions_page(read_definitions()), "run python .ci/write_definitions.py"


def test_the_page_has_a_row_for_each_definition_and_all_rows_have_the_same_columns(root):
    lines = (root / "docs/definitions.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith("|")]
    assert len({line.count("|") for line in rows}) == 1
    named = {line.split("|")[1].strip() for line in rows} - {"id", "---"}
    assert named == set(read_definitions())


def test_an_identifier_that_is_not_there_is_met_with_the_one_that_was_meant():
    with pytest.raises(ProtocolError, match="unknown key `REL-0095`; did you mean `REL-0094`"):
        definition("REL-0095")


def test_an_unknown_key_is_named_wherever_it_stands():
    assert "rel_test.yaml: unknown key `citaton`; did you mean `citation`?" in complaint(
        citaton="Nobody, again."
    )
    assert "rel_test.yaml.rule: unknown key `window`; did you mean `window_weeks`?" in of_rule(
        window=4
    )
    inner = {**CONDITIONS, "conditions": [{**CONDITION, "at_lest": 3}]}
    assert "rel_test.yaml.rule.conditions.0: unknown key `at_lest`" in complaint(rule=inner)
    inner = {**CONDITIONS, "conditions": [{**CONDITION, "weeks": {"frist": 12}}]}
    assert "conditions.0.weeks: unknown key `frist`; did you mean `first`?" in complaint(rule=inner)
    assert "rule.weeks: unknown key `lst`; did you mean `last`?" in complaint(
        rule={**SHARE, "weeks": {"lst": 3}}
    )


def test_a_missing_key_is_named():
    assert complaint(citation=...) == "rel_test.yaml: the key `citation` is missing"
    short = {key: value for key, value in RELAPSE["rule"].items() if key != "missed"}
    assert complaint(rule=short) == "rel_test.yaml.rule: the key `missed` is missing"


def test_a_rule_that_nothing_computes_is_refused():
    assert "rule: `by` must be one of ['weeks in a window'," in of_rule(by="a hunch")
    assert "rule: `by` must be one of" in complaint(rule={"window_weeks": 4})


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"id": "relapse"}, "rel_test.yaml.id: string should match"),
        ({"citation": "Somebody"}, "rel_test.yaml.citation: string should"),
        ({"missing": "no full stop at the end"}, "rel_test.yaml.missing: string should match"),
        ({"needs": []}, "rel_test.yaml.needs: tuple should have at least 1 item"),
        ({"needs": ["a hunch"]}, "rel_test.yaml.needs.0: input should be"),
        ({"better": "taller"}, "rel_test.yaml.better: input should be"),
        ({"domain": "weather"}, "rel_test.yaml.domain: input should be"),
        ({"competing": ["rain"]}, "rel_test.yaml.competing.0: 'rain' is no kind of event"),
        ({"answer": "number"}, "tells ['time to event', 'yes or no'] here, not number"),
        ({"rule": SHARE}, "tells ['number'] here, not time to event"),
        ({"rule": {**SHARE, "at_least": 0.5}}, "tells ['yes or no'] here, not time to event"),
        ({"note": "???"}, "rel_test.yaml.note is still `???`"),
    ],
)
def test_a_value_that_cannot_be_is_refused(changed, what):
    assert what in complaint(**changed)


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"at_least_weeks": 5}, "a window cannot hold more weeks than it is long"),
        ({"first_week": 13, "last_week": 15}, "no window fits between"),
        ({"first_week": 0}, "greater than or equal to 1"),
        ({"mixed": "half"}, "input should be 'positive' or 'negative'"),
        ({"missed": "forgotten"}, "input should be 'positive', 'negative', 'missed'"),
        ({"window_weeks": "four"}, "should be a valid integer"),
    ],
)
def test_a_window_that_cannot_be_is_refused(changed, what):
    assert what in of_rule(**changed)


@pytest.mark.parametrize(
    ("rule", "what"),
    [
        ({**SHARE, "weeks": {"last": 3, "final": 2}}, "not two of them"),
        ({**SHARE, "weeks": {"among": [1], "first": 2}}, "not two of them"),
        ({**SHARE, "weeks": {"first": 4, "last": 3}}, "the last week comes before the first"),
        ({**SHARE, "weeks": {"last": 3}, "weights": {1: 2}}, "take `weeks` out"),
        ({**SHARE, "at_least": 1.5}, "less than or equal to 1"),
        (
            {**CONDITIONS, "conditions": [{"counted": "negative", "weeks": {"final": 4}}]},
            "say `at_least` or `at_most`",
        ),
        ({**CONDITIONS, "conditions": []}, "at least 1 item"),
        (
            {
                "by": "score in a window",
                "instrument": "phq9",
                "entry_at_least": 10,
                "entry_days": 14,
                "first_day": 120,
                "last_day": 240,
            },
            "say `below` or `fallen_by`, one of them",
        ),
        (
            {
                "by": "score after remission",
                "instrument": "phq9",
                "remission_below": 10,
                "relapse_from": 5,
                "apart_days": 14,
            },
            "one score cannot be both",
        ),
        (
            {
                "by": "status at exit",
                "column": "work_at_exit",
                "among": ["employed"],
                "counted": ["working"],
                "not_counted": ["idle"],
            },
            "['employed'] is none of the words at exit",
        ),
        (
            {
                "by": "status at exit",
                "column": "work_at_exit",
                "counted": ["working"],
                "not_counted": ["working"],
            },
            "['working'] cannot both count and not",
        ),
        ({"by": "status at exit", "column": "work", "counted": ["x"], "not_counted": ["y"]}, "_at"),
        (
            {
                "by": "weighted index of weeks",
                "highest": 120,
                "weeks": 15,
                "step_weeks": 4,
                "first_penalty": 1,
                "last_penalty": 5,
                "missed_penalty": 1,
                "total_penalty": 45,
            },
            "two or more whole steps",
        ),
    ],
)
def test_rules_that_contradict_themselves_are_refused(rule, what):
    assert what in complaint(rule=rule)


def test_a_file_is_called_as_its_identifier(tmp_path):
    (write(tmp_path, RELAPSE) / "rel_test.yaml").rename(tmp_path / "relapse.yaml")
    assert refusal(tmp_path) == "relapse.yaml: the file must be called as its id, REL-TEST"


def test_a_key_written_twice_is_no_choice_of_the_last(tmp_path):
    text = (write(tmp_path, RELAPSE) / "rel_test.yaml").read_text("utf-8")
    (tmp_path / "rel_test.yaml").write_text(text + "better: higher\n", "utf-8")
    assert "the key `better` stands twice" in refusal(tmp_path)


def test_a_file_without_keys_is_no_definition(tmp_path):
    (tmp_path / "rel_test.yaml").write_text("four in a row\n", "utf-8")
    assert (
        refusal(tmp_path) == "rel_test.yaml: holds no keys; it needs `id:`, `name:` and the others"
    )


def test_a_composite_names_components_that_are_there_and_have_a_day(tmp_path):
    rule = {"by": "first of several", "components": ["REL-TEST", "REL-OTHER"]}
    whole = {**RELAPSE, "id": "REL-ALL", "rule": rule, "needs": ["events"]}
    write(tmp_path, RELAPSE, whole)
    assert refusal(tmp_path) == "REL-ALL: its component REL-OTHER is not defined"
    write(tmp_path, {**RELAPSE, "id": "REL-OTHER", "answer": "yes or no"})
    assert refusal(tmp_path) == "REL-ALL: its component REL-OTHER has no day"
    write(tmp_path, {**RELAPSE, "id": "REL-OTHER"})
    assert list(read_definitions(tmp_path)) == ["REL-ALL", "REL-OTHER", "REL-TEST"]
