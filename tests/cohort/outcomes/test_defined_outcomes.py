"""From the identifier of a definition and the records to an answer for each person."""

from dataclasses import replace

import pandas as pd
import pytest

from iop_outcomes.cohort.dated_outcomes import DATED
from iop_outcomes.cohort.defined_outcomes import (
    WEEKLY,
    composite_outcome,
    defined_outcome,
    weekly_outcome,
)
from iop_outcomes.errors import CohortError, RecordsError
from iop_outcomes.protocol.definitions.definition import Answer
from iop_outcomes.protocol.definitions.event_rules import FirstOf
from iop_outcomes.protocol.definitions.reading import RULES, definition, read_definitions
from iop_outcomes.records.schema import Records, conform

# P: residential, then intensive outpatient care, back on day 80. Q: dies on day 50; their index
# stay is the second. R: an open stay, seen until day 200.
STAYS = """
    stay_id | person_id | level_of_care         | start_day | end_day | exit_reason | planned
    p1      | P         | long-term residential | 0         | 28      | completed   | 27
    p2      | P         | intensive outpatient  | 30        | 50      | completed   |
    p3      | P         | withdrawal management | 80        | 85      | completed   |
    q0      | Q         | outpatient            | -300      | -280    | completed   |
    q1      | Q         | intensive outpatient  | 0         | 40      | dropped out | 27
    r1      | R         | intensive outpatient  | 0         |         |             | 27
"""
INDEX = """
    person_id | stay_id
    R         | r1
    P         | p1
    Q         | q1
"""
EVENTS = """
    person_id | day | kind
    Q         | 50  | death
    R         | 70  | overdose
    R         | 60  | emergency visit
    R         | 0   | return to use
"""
TESTS = """
    person_id | day | substance | result
    P         | 1   | opioid    | negative
    P         | 8   | opioid    | negative
    Q         | 1   | opioid    | negative
    Q         | 20  | opioid    | positive
    R         | 1   | opioid    | positive
    R         | 8   | opioid    | positive
"""
SERVICES = """
    person_id | day | service | hours
    P         | 31  | group   | 3
    Q         | 2   | group   | 3
    Q         | 4   | group   | 3
    R         | 2   | group   | 9
    R         | 30  | group   | 3
"""
SCORES = """
    person_id | day | instrument | score
    P         | 0   | phq9       | 20
    P         | 150 | phq9       | 4
    Q         | 0   | gad7       | 15
    R         | 0   | phq9       | 8
"""
REPORTS = "person_id | day | substance\nP | 90 | opioid"
STATUS = {
    "employment": ["employed"] * 6,
    "employment_at_exit": ["employed", None, None, None, "unemployed", None],
    "living": ["homeless"] * 6,
    "living_at_exit": ["independent", None, None, None, "homeless", None],
    "arrests_at_exit": ["none", None, None, None, "one", None],
    "self_help_attendance": ["none"] * 6,
    "self_help_attendance_at_exit": ["1-3 times", None, None, None, "none", None],
    "frequency_of_use_at_exit": ["none", None, None, None, "daily", None],
}


@pytest.fixture(scope="module")
def index(drawn):
    return drawn(INDEX)


@pytest.fixture(scope="module")
def records(drawn):
    stays = drawn(STAYS).rename(columns={"planned": "planned_end_day"})
    stays = stays.assign(facility_id=None, admission_year=2023, age_years=40, **STATUS)
    seen = pd.DataFrame(
        {
            "person_id": ["P", "Q", "R"],
            "first_observed_day": -400,
            "last_observed_day": [400, 50, 200],
        }
    )
    return Records(
        persons=seen, stays=stays,
        **{
            name: conform(name, drawn(text))
            for name, text in (
                ("events", EVENTS), ("tests", TESTS), ("services", SERVICES),
                ("scores", SCORES), ("reported_use", REPORTS),
            )
        },
    )  # fmt: skip


@pytest.fixture(scope="module")
def without(records):
    """The same records with some tables empty."""

    def of(*tables):
        kept = {"persons": records.persons, "stays": records.stays}
        rest = ("events", "tests", "services", "scores", "reported_use")
        kept |= {name: getattr(records, name) for name in rest if name not in tables}
        return Records(**kept)

    return of


@pytest.fixture(scope="module")
def answers(records, index, expect):
    """Hold the answer of a definition against a drawn one; people stand in the order R, P, Q."""

    def check(name, expected):
        expect(defined_outcome(name, records, index, ["opioid"]), expected)

    return check


def test_every_rule_has_a_computation():
    assert {*WEEKLY, *DATED, FirstOf} == set(RULES.values())


@pytest.mark.parametrize("name", list(read_definitions()))
def test_every_definition_is_told_of_everyone_in_the_order_asked(records, index, name):
    found = defined_outcome(name, records, index, ["opioid"])
    columns = {
        Answer.TIME: {"time", "status"},
        Answer.YES_OR_NO: {"status"},
        Answer.NUMBER: {"value"},
    }[definition(name).answer]
    assert found["person_id"].tolist() == ["R", "P", "Q"]
    assert columns <= set(found.columns) <= {"person_id", "reason", "days_at_risk"} | columns
    possible = {"event", "competing event", "censored", "no event", "missing"}
    if "status" in found:
        assert set(found["status"]) <= possible
    if "time" in found:
        assert found["time"].notna().tolist() == found["status"].ne("missing").tolist()


def test_weekly_definitions_read_the_urines_of_planned_weeks(answers):
    """Words of four weeks: ++oo, --oo and -o+o."""
    answers(
        "REL-SCH",
        """
        person_id | time | status
        R         | 1    | event
        P         | 2    | censored
        Q         | 2    | event
        """,
    )
    answers(
        "RED-FUD",
        """
        person_id | value
        R         | 0
        P         | 1
        Q         | 0.5
        """,
    )


def test_weeks_that_were_planned_before_time_zero_are_history(records, drawn):
    """P's urines were planned from day 0; who enters by the stay that begins on day 30 has none."""
    for stay, expected in (("p1", "censored"), ("p2", "missing")):
        index = drawn(f"person_id | stay_id\nP | {stay}")
        found = defined_outcome("REL-SCH", records, index, ["opioid"])
        assert found["status"].tolist() == [expected]


def test_somebody_without_planned_weeks_is_missing(records, index):
    stays = records.stays.assign(
        planned_end_day=records.stays["planned_end_day"].mask(records.stays["person_id"].eq("P"))
    )
    fewer = Records(persons=records.persons, stays=stays, tests=records.tests)
    found = defined_outcome("REL-SCH", fewer, index, ["opioid"])
    assert found["status"].tolist() == ["event", "missing", "event"]


def test_first_use_is_after_time_zero_and_death_forecloses_it(answers):
    answers(
        "REL-FIRST",
        """
        person_id | time | status | reason
        R         | 1    | event  | use
        P         | 90   | event  | use
        Q         | 20   | event  | use
        """,
    )
    answers(
        "REL-OD",
        """
        person_id | time | status          | reason
        R         | 70   | event           | overdose
        P         | 400  | censored        | end of records
        Q         | 50   | competing event | death
        """,
    )


def test_a_fatal_overdose_is_an_overdose(records, index, drawn):
    events = drawn(
        """
        person_id | day | kind
        Q         | 50  | death
        Q         | 50  | overdose
        R         | 49  | death
        R         | 50  | overdose
        """
    )
    found = defined_outcome("REL-OD", replace(records, events=conform("events", events)), index)
    assert found["status"].tolist() == ["competing event", "censored", "event"]


def test_what_was_charted_on_the_day_of_admission_is_history(records, index, without):
    charted = without("tests", "reported_use")
    found = defined_outcome("REL-USE", charted, index)
    assert found["status"].tolist() == ["censored", "censored", "competing event"]


def test_readmission_after_the_episode_whose_step_down_is_part_of_it(answers):
    """P's episode ends on day 50 with outpatient care; they are back on day 80, 30 days later."""
    answers(
        "REL-READ",
        """
        person_id | time | status          | reason
        R         | 200  | censored        | end of records
        P         | 80   | event           | readmission
        Q         | 50   | competing event | death
        """,
    )
    answers(
        "REL-READ-30",
        """
        person_id | status
        R         | missing
        P         | event
        Q         | competing event
        """,
    )


def test_the_composite_has_its_components_beside_it(records, index, expect):
    found = composite_outcome("REL-COMP", records, index, ["opioid"])
    expect(
        found.outcome,
        """
        person_id | time | status | reason
        R         | 1    | event  | REL-USE
        P         | 80   | event  | REL-READ
        Q         | 20   | event  | REL-USE
        """,
    )
    expect(
        found.components,
        """
        component | event | first | alone
        REL-USE   | 3     | 2     | 2
        REL-READ  | 1     | 1     | 1
        REL-ED    | 1     | 0     | 0
        REL-OD    | 1     | 0     | 0
        """,
    )
    with pytest.raises(CohortError, match="REL-OD has no components"):
        composite_outcome("REL-OD", records, index)


def test_retention_of_the_index_stay(answers):
    answers("RET-LOS", "person_id | value\nR |\nP | 28\nQ | 41")
    answers("RET-30", "person_id | status\nR | event\nP | no event\nQ | event")
    answers("RET-COMP", "person_id | status\nR | missing\nP | event\nQ | no event")
    answers(
        "RET-CR",
        """
        person_id | time | status   | reason
        R         | 200  | censored | end of records
        P         | 28   | event    | completed
        Q         | 40   | event    | dropped out
        """,
    )


def test_attendance_of_the_index_stay(answers):
    answers(
        "RET-GAP-14",
        """
        person_id | time | status  | reason
        R         | 2    | event   | dropped out
        P         |      | missing | not known
        Q         | 4    | event   | dropped out
        """,
    )
    answers("RET-DOSE", "person_id | value\nR | 0.125\nP | 0\nQ |")
    answers("RET-IET", "person_id | status\nR | no event\nP | event\nQ | no event")
    answers("RET-FUI-7", "person_id | status\nR | missing\nP | event\nQ | missing")


def test_mental_health_and_functioning_of_the_index_stay(answers):
    answers("MH-PHQ9-REM", "person_id | status\nR | missing\nP | event\nQ | missing")
    answers("MH-GAD7-REM", "person_id | status\nR | missing\nP | missing\nQ | missing")
    answers("FUN-WORK", "person_id | status\nR | missing\nP | event\nQ | no event")
    answers("REL-DIS", "person_id | status\nR | missing\nP | no event\nQ | event")


@pytest.mark.parametrize(
    ("name", "gone", "lacking"),
    [
        ("REL-0094", ["tests"], "['weekly tests']"),
        ("REL-FIRST", ["tests", "reported_use"], "['tests or reported use']"),
        ("REL-USE", ["tests", "reported_use", "events"], "['any record of use']"),
        ("REL-COMP", ["events"], "['events']"),
        ("RET-IET", ["services"], "['services']"),
        ("RET-DOSE", ["services"], "['hours of services']"),
        ("MH-PHQ9-RESP", ["scores"], "['scores']"),
    ],
)
def test_records_that_cannot_support_a_definition_are_refused(index, without, name, gone, lacking):
    with pytest.raises(CohortError) as caught:
        defined_outcome(name, without(*gone), index, ["opioid"])
    assert str(caught.value).startswith(f"{name} needs {lacking}, and these records hold none")


def test_what_is_not_among_the_records_at_all_is_not_told_as_never(records, index):
    """No overdose anywhere: did nobody have one, or did nobody write it down?"""
    events = records.events[records.events["kind"] != "overdose"]
    scores = records.scores[records.scores["instrument"] != "gad7"]
    fewer = replace(records, events=events, scores=scores)
    for name, lacking in (
        ("REL-OD", r"REL-OD needs \['overdose'\]"),
        ("REL-COMP", r"REL-OD needs \['overdose'\]"),
        ("MH-GAD7-REL", r"MH-GAD7-REL needs \['gad7'\]"),
    ):
        with pytest.raises(CohortError, match=lacking):
            defined_outcome(name, fewer, index)


def test_one_kind_of_record_of_use_is_enough_where_any_will_do(index, without):
    for gone in (["tests"], ["reported_use"]):
        assert len(defined_outcome("REL-FIRST", without(*gone), index)) == 3


def test_a_source_that_sees_nobody_after_the_stay_cannot_tell_of_a_return(records, index):
    """As a file of discharges: every row is another person, and nothing is known afterwards."""
    persons = records.persons.assign(last_observed_day=None)
    discharges = Records(persons=persons, stays=records.stays)
    for name in ("REL-READ-30", "MH-READ-30"):
        with pytest.raises(CohortError, match=rf"{name} needs \['time after the stay'\]"):
            defined_outcome(name, discharges, index)
    assert defined_outcome("RET-30", discharges, index)["status"].tolist() == [
        "missing", "no event", "event",
    ]  # fmt: skip


def test_exits_that_nobody_recorded_support_no_definition_of_exits(records, index):
    stays = records.stays.assign(exit_reason=None)
    bare = Records(persons=records.persons, stays=stays)
    with pytest.raises(CohortError, match=r"RET-COMP needs \['exits'\]"):
        defined_outcome("RET-COMP", bare, index)


def test_weekly_definitions_ask_whose_use_counts_and_how_long_treatment_was_planned(records, index):
    with pytest.raises(CohortError, match="REL-0094: name the substances"):
        defined_outcome("REL-0094", records, index)
    bare = Records(
        persons=records.persons,
        stays=records.stays.drop(columns="planned_end_day"),
        tests=records.tests,
    )
    with pytest.raises(RecordsError, match="no column planned_end_day"):
        defined_outcome("REL-0094", bare, index, ["opioid"])


def test_an_index_stay_that_is_not_the_persons_is_refused(records, drawn):
    with pytest.raises(CohortError, match=r"1 index stay\(s\) are not among the stays"):
        defined_outcome("RET-LOS", records, drawn("person_id | stay_id\nP | q1"))
    with pytest.raises(CohortError, match="a person has two index stays"):
        defined_outcome("RET-LOS", records, drawn("person_id | stay_id\nP | p1\nP | p2"))


def test_nobody_is_an_answer(records, drawn):
    nobody = drawn("person_id | stay_id")
    for name in ("RET-LOS", "REL-FIRST", "REL-READ-30", "MH-PHQ9-REL", "RET-GAP-14", "RET-IET"):
        assert defined_outcome(name, records, nobody).empty


def test_one_changed_parameter_is_another_definition():
    words = pd.Series({"P": "o+o+o+----"})
    published = definition("REL-0094")
    stricter = replace(published, rule=replace(published.rule, missed="missed"))
    assert weekly_outcome(published, words)["status"].tolist() == ["event"]
    assert weekly_outcome(stricter, words)["status"].tolist() == ["censored"]
