"""The protocol as a table: every element, the trial beside the records, nothing left unsaid."""

import pytest

from iop_outcomes.protocol.parsing import parse_draft, read_protocol, read_section
from iop_outcomes.report.target_trial import COLUMNS, findings_table, target_trial_table


@pytest.fixture(scope="module")
def rows(root):
    """The table of the built-in study with some sections replaced: element to its two cells."""

    def of(**sections):
        section = {**read_section(root / "params.yaml", "protocol"), **sections}
        table = target_trial_table(parse_draft(section, "protocol")).table
        assert list(table.columns) == list(COLUMNS)
        return {row[0]: tuple(row[1:]) for row in table.itertuples(index=False)}

    return of


def test_the_elements_stand_in_the_order_of_a_target_trial(rows):
    elements = list(dict.fromkeys(element.partition(":")[0] for element in rows()))
    assert elements == [
        *("Question", "Eligibility", "Strategy", "Assignment", "Time zero", "Follow-up", "Outcome"),
        *("Causal contrast", "Intercurrent event", "Estimand", "Analysis", "Margin"),
        *("Missing data", "Disclosure"),
    ]


def test_no_cell_is_empty(rows):
    assert all(all(cells) for cells in rows().values())


def test_every_outcome_margin_and_intercurrent_event_has_its_row(rows, root):
    protocol, table = read_protocol(root / "params.yaml"), rows()
    for outcome in protocol.outcomes:
        assert outcome.definition in table[f"Outcome: {outcome.name}"][0]
    for name, event in protocol.intercurrent_events.items():
        assert str(event.strategy) in table[f"Intercurrent event: {name}"][0]
    for name in protocol.noninferiority:
        assert "10 percentage points" in table[f"Margin: {name}"][0]


def test_a_row_of_an_event_says_for_which_outcome_it_is_dealt_with_otherwise(rows):
    assert rows()["Intercurrent event: planned exit"] == (
        "treatment policy; competing for discontinuation",
        "The end of the index stay does not end the risk of relapse; who has completed or moved on "
        "can no longer drop out. Read from: completed, transferred, other.",
    )


def test_an_assignment_that_was_not_random_says_what_stands_in_for_it(rows):
    trial, here = rows()["Assignment"]
    assert trial == "at random, known to all"
    assert here.startswith("not randomised; weighted for bs(age_years, df=3), sex, ")
    assert "Who enters which care depends on the covariates" in here


def test_an_assignment_that_was_random_does_not_deny_it(rows):
    _, here = rows(assignment={"mechanism": "randomised"})["Assignment"]
    assert here.startswith("randomised; also weighted for ")
    assert "not randomised" not in here


def test_what_is_left_out_is_said_and_not_skipped(rows):
    table = rows(intercurrent_events={}, missing_data={}, follow_up={})
    assert table["Intercurrent events"][0] == "not specified"
    assert table["Follow-up"][0] == "from time zero until the outcome or death"
    assert "complete cases" in table["Missing data: relapse, discontinuation"][1]


@pytest.mark.parametrize(
    ("better", "reference", "said"),
    [
        ("lower", 0.55, "; at a risk of 55% under the comparator, a risk ratio of 1.18"),
        ("lower", 0.25, "; at a risk of 25% under the comparator, a risk ratio of 1.40"),
        ("higher", 0.50, "; at a risk of 50% under the comparator, a risk ratio of 0.80"),
        ("higher", 0.10, ""),
        ("lower", None, ""),
    ],
)
def test_a_margin_is_told_as_a_ratio_at_its_reference_risk(rows, better, reference, said):
    outcome = {
        "definition": "as an example", "events": ["return to use"], "horizon_days": 90,
        "better": better,
    }  # fmt: skip
    margin = {
        "risk_difference": 0.1, "reference_risk": reference, "justification": "as an example",
        "set_by": "nobody",
    }  # fmt: skip
    table = rows(
        outcomes={"relapse": outcome},
        noninferiority={"relapse": margin},
        missing_data={},
        intercurrent_events={},
    )
    assert table["Margin: relapse"][0] == f"10 percentage points of risk difference{said}"


def test_gaps_by_level_are_listed(rows):
    _, here = rows(time_zero={"episodes": {}})["Time zero"]
    assert "stays within 7 days belong to one episode, at one level of care within 1 " in here
    assert "30 (outpatient)" in here


ARMS = {
    "intervention": ["intensive outpatient"], "intervention_name": "care",
    "comparator_name": "less care",
}  # fmt: skip


@pytest.mark.parametrize(
    ("strategies", "said"),
    [
        ({"kind": "sustained", "sustained_days": 56}, "start care and stay in it up to day 56"),
        ({}, "start care; later care as it comes"),
    ],
)
def test_each_kind_of_strategy_is_told_in_words(rows, strategies, said):
    arms = {**ARMS, "comparator": ["outpatient"], **strategies}
    assert rows(strategies=arms)["Strategy: care"][0] == said


def test_a_grace_period_is_told_with_its_clones(rows):
    table = rows(
        strategies={
            **ARMS, "kind": "grace_period", "grace_days": 14, "after": ["short-term residential"],
        },
        time_zero={"at": "exit from the index stay", "episode_gap_days": 7},
    )  # fmt: skip
    assert table["Strategy: care"][0] == "start it within 14 days"
    assert "by day 14 is censored then" in table["Strategy: care"][1]
    assert table["Strategy: less care"][0] == "do not start care within 14 days"
    assert table["Assignment"][1].startswith("everyone is cloned into both strategies")
    assert "the first that was planned, from short-term residential" in table["Time zero"][1]
    assert "judged at the exit from the index stay" in table["Eligibility"][1]


def test_a_sound_protocol_leaves_nothing_to_ask(protocol):
    assert findings_table(protocol).table.empty


def test_what_a_reviewer_would_ask_is_a_row_each(protocol_with):
    table = findings_table(protocol_with(intercurrent_events={})).table
    assert table[["Severity", "Place"]].to_numpy().tolist() == [["warning", "intercurrent_events"]]
    assert table["Finding"].str.endswith(".").all()
