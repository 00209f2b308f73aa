"""Outcomes that are a score: what a protocol has to say of them, and what it may not."""

import pytest

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.linting import lint
from iop_outcomes.protocol.parsing import parse_draft, parse_protocol, protocol_hash

SCORE = {"instrument": "phq9", "days": [150, 210]}
DEATH = {
    "strategy": "competing",
    "for_outcomes": {"discontinuation": "treatment policy"},
    "reason": "who has died has no score",
}
DEPRESSION = {"definition": "PHQ-9 in month six", "score": SCORE}


@pytest.fixture
def scored(study, changed):
    """The small protocol with an outcome that is a score, and changes of it."""

    def build(changes=None, **score):
        outcome = {**DEPRESSION, "score": {**SCORE, **score}}
        values = changed(study, "protocol.outcomes.depression", outcome)
        for path, value in (changes or {}).items():
            values = changed(values, f"protocol.{path}", value)
        return values["protocol"]

    return build


def test_a_score_is_an_outcome_with_a_window_and_without_horizon(scored):
    protocol = parse_protocol(scored(unit="points", range=[0, 27]), "protocol")
    (outcome,) = protocol.score_outcomes
    assert [each.name for each in protocol.risk_outcomes] == ["relapse", "discontinuation"]
    assert (outcome.score.days, outcome.score.take) == ((150, 210), "nearest")
    assert outcome.horizon_days is None
    assert not outcome.at_exit


def test_every_value_of_a_score_is_part_of_the_question(scored):
    changes = ({}, {"days": [150, 209]}, {"take": "last"}, {"unit": "points"}, {"range": [0, 27]})
    hashes = {protocol_hash(parse_protocol(scored(**change), "p")) for change in changes}
    assert len(hashes) == len(changes)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (
            "events",
            ["death"],
            "it is read by `score`, and `events` belongs to outcomes that happen",
        ),
        ("horizon_days", 180, "and `horizon_days` belongs to outcomes that happen; take it out"),
        ("clock", "days in the community", "and `clock` belongs to outcomes that happen"),
        ("other_definitions", ["REL-SCH"], "and `other_definitions` belongs to"),
        ("definition", None, "the key `definition` is missing"),
        ("score.days", [210, 150], "`days` ends before it begins (210 to 150)"),
        ("score.days", [0, 150], "outcomes.depression.score.days"),
        ("score.range", [27, 0], "`range` is the least and then the largest possible score"),
        ("score.take", "best", "choose among 'nearest', 'first' or 'last'"),
        ("score.day", 180, "unknown key `day`; did you mean `days`?"),
        ("score", "phq9", "outcomes.depression.score"),
        (
            "score.days",
            [180],
            "score.days: the list is too short; it has 1 of the values",
        ),
    ],
)
def test_what_a_score_cannot_be_is_refused_with_its_place(scored, path, value, said):
    with pytest.raises(ProtocolError) as refused:
        parse_protocol(scored({f"outcomes.depression.{path}": value}), "protocol")
    assert str(refused.value).startswith("protocol.outcomes.depression")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "place", "said"),
    [
        ({"outcomes.depression.score.days": None}, "outcomes.depression.score.days",
         "say between which days after time zero one counts"),
        ({"noninferiority.depression": {"risk_difference": 0.1, "set_by": "this file",
                                        "justification": "ten in a hundred"}},
         "noninferiority.depression", "a margin on a difference of means is not executed yet"),
        ({"analysis.estimators": ["tmle"]}, "outcomes.depression.score.range",
         "moves predictions between the least and the largest possible score"),
        ({"strategies.kind": "sustained", "strategies.sustained_days": 56,
          "causal_contrast": "per protocol"},
         "outcomes.depression.score", "a score is not executed for `kind: sustained`"),
    ],
)  # fmt: skip
def test_what_is_not_executed_for_a_score_is_refused_in_words(scored, changes, place, said):
    with pytest.raises(ProtocolError) as refused:
        parse_protocol(scored(changes), "protocol")
    assert str(refused.value).startswith(f"protocol.{place}: ")
    assert said in str(refused.value)


def test_death_forecloses_a_score_and_says_so_under_intercurrent_events(scored):
    parse_protocol(scored({"intercurrent_events": {"death": DEATH}}), "protocol")
    policy = {"discontinuation": "treatment policy", "depression": "treatment policy"}
    otherwise = {**DEATH, "for_outcomes": policy}
    with pytest.raises(ProtocolError, match=r"outcomes.depression is a score, which the dead have"):
        parse_protocol(scored({"intercurrent_events": {"death": otherwise}}), "protocol")


def findings(section) -> set[tuple[str, str, str]]:
    found = lint(parse_draft(section, "protocol"))
    return {
        (each.rule, str(each.severity), each.place) for each in found if "depression" in each.place
    }


def test_a_window_beyond_follow_up_is_an_error(scored):
    rule = ("horizon-beyond-follow-up", "error", "outcomes.depression.score.days")
    assert rule in findings(scored({"follow_up": {"longest_days": 200}}))
    assert rule not in findings(scored({"follow_up": {"longest_days": 210}}))


def test_deaths_before_the_score_are_to_be_spoken_of(scored):
    rule = ("death-left-unsaid", "warning", "outcomes.depression.score")
    assert findings(scored()) == {rule}
    assert findings(scored({"intercurrent_events": {"death": DEATH}})) == set()
