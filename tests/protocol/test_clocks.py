"""From when the time to an outcome is counted: what may be said of it, and what may not."""

import pytest

from iop_outcomes.protocol.parsing import parse_draft, read_protocol
from iop_outcomes.protocol.time_zero import Clock
from iop_outcomes.report.wording import when

EXIT, COMMUNITY = "exit from the index stay", "days in the community"


def test_time_zero_is_the_clock_unless_said(written, study, changed):
    assert read_protocol(written(study)).outcomes[0].clock is Clock.TIME_ZERO
    other = changed(study, "protocol.outcomes.relapse.clock", COMMUNITY)
    assert read_protocol(written(other)).outcomes[0].clock is Clock.COMMUNITY


def test_a_clock_that_there_is_not_is_answered_with_those_that_there_are(complaint_about):
    assert complaint_about("outcomes.relapse.clock", "discharge") == (
        f"protocol.outcomes.relapse.clock: choose among 'time zero', '{EXIT}' or '{COMMUNITY}'"
    )


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        (
            {"clock": EXIT, "horizon_days": None},
            f"without `horizon_days` it has no clock; take `clock: {EXIT}` out",
        ),
        (
            {"clock": EXIT, "events": ["return to use", "dropped out"]},
            "['dropped out'] happen at the exit from which it would be counted; take them out",
        ),
        (
            {"clock": EXIT, "competing": ["completed"]},
            "['completed'] happen at the exit from which it would be counted; take them out",
        ),
        (
            {"clock": EXIT, "definition_id": "REL-READ", "events": [], "competing": []},
            "REL-READ counts from time zero; an outcome on another clock is read by `events`",
        ),
        (
            {"clock": COMMUNITY, "other_definitions": ["REL-READ"]},
            f"definitions count from time zero, not on `clock: {COMMUNITY}`; leave others out",
        ),
    ],
)
def test_a_clock_on_which_an_outcome_cannot_be_counted_is_refused(
    study, changed, complaint, written, outcome, said
):
    relapse = {
        "definition": "first recorded return to use",
        "events": ["return to use"],
        "competing": ["death"],
        "horizon_days": 180,
    }
    path = written(changed(study, "protocol.outcomes.relapse", relapse | outcome))
    assert complaint(path) == f"protocol.outcomes.relapse: {said}"


def test_jail_and_death_may_come_after_the_exit(study, changed):
    values = changed(study, "protocol.outcomes.relapse.clock", EXIT)
    values = changed(values, "protocol.outcomes.relapse.competing", ["death", "incarcerated"])
    assert parse_draft(values["protocol"], "protocol").outcomes[0].clock is Clock.EXIT


def test_another_clock_is_not_executed_where_strategies_have_days_of_their_own(
    study, changed, complaint, written
):
    values = changed(study, "protocol.strategies.kind", "sustained")
    values = changed(values, "protocol.strategies.sustained_days", 28)
    values = changed(values, "protocol.causal_contrast", "per protocol")
    values = changed(values, "protocol.outcomes.relapse.clock", COMMUNITY)
    assert complaint(written(values)).startswith(
        f"protocol.outcomes.relapse.clock: `{COMMUNITY}` is not executed for `kind: sustained`"
    )


@pytest.mark.parametrize(
    ("clock", "said"),
    [
        ("time zero", "by day 180"),
        (EXIT, "by day 180 after the exit"),
        (COMMUNITY, "by day 180 lived in the community"),
    ],
)
def test_a_horizon_is_read_out_with_its_clock(study, changed, clock, said):
    values = changed(study, "protocol.outcomes.relapse.clock", clock)
    assert when(parse_draft(values["protocol"], "protocol").outcomes[0]) == said
