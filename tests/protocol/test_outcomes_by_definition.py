"""An outcome is read by its events or by a definition of the registry, and by others besides."""

from datetime import date

import pytest

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.execution import refuse_unexecuted
from iop_outcomes.protocol.freezing import freeze, lock_text, read_lock, standing
from iop_outcomes.protocol.intercurrent_events import Handling, read_as
from iop_outcomes.protocol.parsing import parse_draft, parse_protocol, written_out
from iop_outcomes.report.wording import when

WEEKLY = {"definition_id": "REL-0094", "horizon_days": 90, "substances": ["opiates"]}


@pytest.fixture
def relapse(study, changed):
    """The outcome of the small protocol that is written so."""

    def of(**written):
        section = changed(study, "protocol.outcomes.relapse", written)["protocol"]
        return parse_protocol(section, "protocol").outcomes[0]

    return of


@pytest.fixture
def complaint_of(relapse):
    """What is said when the outcome is refused, below its own place."""

    def of(**written):
        with pytest.raises(ProtocolError) as caught:
            relapse(**written)
        message = str(caught.value)
        assert "\n" not in message, "a complaint is one sentence"
        assert message.startswith("protocol.outcomes.relapse")
        return message.removeprefix("protocol.outcomes.relapse")

    return of


@pytest.fixture
def by_events(study):
    """The outcome of the small protocol as it is written, with other lines added."""
    own = study["protocol"]["outcomes"]["relapse"]
    return lambda **more: {**own, **more}


def test_a_definition_says_what_counts_what_competes_and_what_it_is_called(relapse):
    found = relapse(definition_id="REL-OD", horizon_days=90)
    assert found.meaning == "first overdose, fatal or not"
    assert (found.counts, found.competes) == (("overdose",), ("death",))
    assert found.readings == ("REL-OD",)


def test_words_of_the_methods_section_go_before_the_name_of_the_registry(relapse):
    assert relapse(definition="an overdose", definition_id="REL-OD", horizon_days=9).meaning == (
        "an overdose"
    )


def test_an_outcome_of_events_is_what_it_was(relapse, by_events):
    found = relapse(**by_events())
    assert found.readings == ("events",)
    assert found.definitions == ()
    assert (found.counts, found.competes) == (found.events, found.competing)


def test_other_definitions_stand_behind_the_main_one(relapse, by_events):
    main = relapse(**WEEKLY, other_definitions=["REL-SCH", "REL-JOH"])
    assert main.readings == main.definitions == ("REL-0094", "REL-SCH", "REL-JOH")
    found = relapse(**by_events(other_definitions=["REL-USE"]))
    assert found.readings == ("events", "REL-USE")
    assert found.definitions == ("REL-USE",)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            {"definition_id": "REL-0095"},
            ".definition_id: no definition is called REL-0095; did you",
        ),
        ({"definition_id": "rel-sch"}, "did you mean REL-SCH"),
        ({"definition_id": "qqqq"}, "docs/definitions.md lists them"),
        ({"other_definitions": ["REL-SCH", "REL-SHCA"]}, ".other_definitions.1: no definition"),
        ({"events": ["return to use"]}, "REL-0094 says what `events` would say; take the key out"),
        ({"competing": ["death"]}, "REL-0094 says what `competing` would say"),
        ({"first_day": 0}, "REL-0094 says what `first_day` would say"),
        ({"definition_id": "RED-FUD"}, "RED-FUD tells a number, which has no risk"),
        ({"other_definitions": ["RET-LOS"]}, "RET-LOS tells a number, which has no risk"),
        ({"definition_id": "REL-DIS", "horizon_days": None}, "REL-DIS is descriptive"),
        ({"definition_id": "REL-JOH"}, "REL-JOH tells yes or no and has no clock"),
        ({"horizon_days": None}, "REL-0094 tells a time; say in `horizon_days`"),
        (
            {"definition_id": "REL-JOH", "horizon_days": None, "other_definitions": ["REL-SCH"]},
            "REL-SCH tells a time; say in `horizon_days`",
        ),
        ({"other_definitions": ["RET-30"]}, "RET-30 is better higher and the outcome lower"),
        ({"better": "higher"}, "REL-0094 is better lower and the outcome higher"),
        ({"other_definitions": ["REL-0094"]}, "REL-0094 is named twice"),
        ({"other_definitions": ["REL-SCH", "REL-SCH"]}, "REL-SCH is named twice"),
        ({"substances": []}, "REL-0094 reads weekly tests; name in `substances`"),
        ({"clock": "exit from the index stay"}, "REL-0094 counts from time zero"),
    ],
)
def test_what_a_definition_cannot_be_asked_is_refused_in_a_sentence(complaint_of, written, said):
    assert said in complaint_of(**{**WEEKLY, **written})


def test_substances_that_nothing_would_read_are_refused(complaint_of, by_events):
    written = by_events(other_definitions=["REL-OD"], substances=["opiates"])
    assert "`substances` is read by definitions of use alone" in complaint_of(**written)


def test_a_weekly_definition_beside_events_needs_substances_too(complaint_of, by_events):
    written = by_events(other_definitions=["REL-OD", "REL-SCH"])
    assert "REL-SCH reads weekly tests" in complaint_of(**written)


def test_an_outcome_of_neither_events_nor_a_definition_lacks_its_events(complaint_of):
    assert complaint_of(definition="something", horizon_days=90) == ": the key `events` is missing"


def test_an_alternative_can_read_an_outcome_by_a_definition(study, changed):
    emptied = {**WEEKLY, "events": [], "competing": []}
    section = changed(study, "protocol.outcomes.relapse", emptied)["protocol"]
    assert parse_protocol(section, "robustness.weekly").outcomes[0].readings == ("REL-0094",)


def test_a_protocol_that_names_definitions_can_be_frozen_and_read_back(study, changed, tmp_path):
    written = {**WEEKLY, "other_definitions": ["REL-SCH"]}
    section = changed(study, "protocol.outcomes.relapse", written)["protocol"]
    protocol = parse_protocol(section, "protocol")
    assert parse_draft(written_out(protocol), "lock") == protocol
    frozen = freeze(
        protocol, {}, by="nobody", on=date(2026, 1, 2), version="0", after_results=False
    )
    lock = tmp_path / "protocol.lock.yaml"
    lock.write_text(lock_text(frozen), "utf-8")
    assert standing(protocol, {}, read_lock(lock)).changed == ()
    other = changed({"protocol": section}, "protocol.outcomes.relapse.definition_id", "REL-0051")
    found = standing(parse_protocol(other["protocol"], "protocol"), {}, read_lock(lock))
    assert found.changed == ("outcomes.relapse.definition_id",)


def test_when_an_outcome_without_a_day_is_read_is_said_by_what_it_is(relapse, by_events):
    read = [
        relapse(**WEEKLY),
        relapse(**by_events(horizon_days=None)),
        relapse(definition_id="RET-COMP", horizon_days=None, better="higher"),
        relapse(**{**WEEKLY, "definition_id": "REL-JOH", "horizon_days": None}),
    ]
    assert [when(outcome) for outcome in read] == [
        "by day 90", "at exit", "at exit", "as REL-JOH reads it",
    ]  # fmt: skip


def test_an_intercurrent_event_may_be_all_that_a_definition_leaves_open(relapse):
    weekly, dated = relapse(**WEEKLY), relapse(definition_id="REL-OD", horizon_days=90)
    assert Handling.COMPOSITE in read_as("death", weekly)  # a missed urine counts as positive
    assert read_as("death", dated) == (Handling.COMPETING,)


@pytest.mark.parametrize(
    ("kind", "other", "refused"),
    [
        ("sustained", "REL-USE", None),
        ("sustained", "REL-READ-180", "tells yes or no without a day"),
        ("grace_period", "REL-USE", "counts from the start of the index stay"),
    ],
)
def test_strategies_that_end_follow_up_refuse_what_they_cannot_cut(
    study, changed, by_events, kind, other, refused
):
    strategies = {
        "sustained": {"kind": kind, "sustained_days": 60},
        "grace_period": {
            "kind": kind,
            "grace_days": 14,
            "comparator": [],
            "after": ["short-term residential"],
        },
    }[kind]
    values = changed(study, "protocol.outcomes", {"relapse": by_events(other_definitions=[other])})
    values = changed(values, "protocol.causal_contrast", "per protocol")
    values = changed(values, "protocol.estimand", "ATE")
    if kind == "grace_period":
        values = changed(values, "protocol.time_zero.at", "exit from the index stay")
    for key, value in strategies.items():
        values = changed(values, f"protocol.strategies.{key}", value)
    protocol = parse_draft(values["protocol"], "protocol")
    if refused is None:
        refuse_unexecuted(protocol)
    else:
        with pytest.raises(ProtocolError, match=refused):
            refuse_unexecuted(protocol)
