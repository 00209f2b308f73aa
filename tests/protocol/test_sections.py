"""The sections of a target trial that may be left out, and what they may not say."""

from dataclasses import asdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iop_outcomes.cohort.episode_rules import EpisodeRules
from iop_outcomes.protocol.execution import moments
from iop_outcomes.protocol.intercurrent_events import Handling
from iop_outcomes.protocol.outcomes import MissingOutcome
from iop_outcomes.protocol.parsing import parse_draft, read_draft, read_protocol, written_out
from iop_outcomes.protocol.time_zero import EpisodeGaps, Moment

DEATH = {"strategy": "competing", "reason": "who has died can no longer relapse"}
LEAVING = {
    "kinds": ["dropped out"],
    "strategy": "treatment policy",
    "for_outcomes": {"discontinuation": "the outcome itself"},
    "reason": "people who leave are followed like everyone else",
}


@pytest.fixture
def draft(written, changed, study):
    """The small protocol with some of its places changed, as it is written."""

    def read(**places):
        values = study
        for path, value in places.items():
            values = changed(values, f"protocol.{path.replace('__', '.')}", value)
        return read_draft(written(values))

    return read


# ---------------------------------------------------------------- what is left out


def test_a_protocol_without_the_further_sections_says_what_is_done_anyway(written, study):
    protocol = read_protocol(written(study))
    assert protocol.strategies.kind == "initiate"
    assert protocol.causal_contrast == "intention to treat"
    assert protocol.assignment.mechanism == "not randomised"
    assert protocol.follow_up.ends == ("death", "end of records")
    assert protocol.follow_up.longest_days is None
    assert protocol.intercurrent_events == {}
    assert protocol.missing_data.rule("relapse") is MissingOutcome.COMPLETE_CASES
    assert set(moments(protocol).values()) == {Moment.START}


def test_a_protocol_written_out_reads_as_the_same_protocol(written, study):
    protocol = read_protocol(written(study))
    assert parse_draft(written_out(protocol), "protocol") == protocol


def test_the_repositorys_own_study_written_out_reads_as_itself(root):
    protocol = read_protocol(root / "params.yaml")
    assert parse_draft(written_out(protocol), "protocol") == protocol
    assert protocol.intercurrent_events
    assert protocol.assignment.reason
    assert protocol.missing_data.reason


# ---------------------------------------------------------------- episodes


def test_one_gap_for_all_levels_stands_for_the_rules_it_amounts_to(draft):
    zero = draft(time_zero__episode_gap_days=9).time_zero
    assert zero.rules == EpisodeGaps.of_one_gap(9)
    assert set(zero.rules.gap_same_level_days.values()) == {9}
    assert (zero.rules.gap_transition_days, zero.rules.interruption_days) == (9, 0)


def test_gaps_by_level_keep_their_default_where_none_is_written(draft):
    zero = draft(time_zero={"episodes": {"gap_same_level_days": {"outpatient": 45}}}).time_zero
    assert zero.rules.gap_same_level_days["outpatient"] == 45
    assert zero.rules.gap_same_level_days["intensive outpatient"] == 14
    assert zero.rules.gap_same_level_days["short-term residential"] == 1
    assert (zero.rules.gap_transition_days, zero.rules.interruption_days) == (7, 7)


def test_the_defaults_are_those_by_which_the_cohort_builds_episodes():
    here, there = EpisodeGaps(), EpisodeRules()
    assert here.gap_same_level_days == there.gap_same_level
    assert here.gap_transition_days == there.gap_transition
    assert here.interruption_days == there.interruption_days
    assert here.incarceration_days == there.incarceration_days


@pytest.mark.parametrize(
    ("time_zero", "said"),
    [
        ({}, "the key `episode_gap_days` is missing (or `episodes`, for a gap of its own at each "
         "level of care)"),
        ({"episode_gap_days": 7, "episodes": {}},
         "`episode_gap_days` and `episodes` say the same thing twice; keep one of the two"),
    ],
)  # fmt: skip
def test_episodes_have_one_rule(complaint_about, time_zero, said):
    assert complaint_about("time_zero", time_zero) == f"protocol.time_zero: {said}"


def test_a_gap_of_an_unknown_level_names_the_known_ones(complaint_about):
    gaps = {"gap_same_level_days": {"residential": 3}}
    said = complaint_about("time_zero", {"episodes": gaps})
    assert said.startswith(
        "protocol.time_zero.episodes.gap_same_level_days.residential: "
        "'residential' is no level of care; known are ['withdrawal management', "
    )


# ---------------------------------------------------------------- strategies


GRACE = {
    "kind": "grace_period", "grace_days": 14, "after": ["inpatient"], "comparator": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("strategies", "said"),
    [
        ({"kind": "grace_period"},
         "the key `grace_days` is missing; `kind: grace_period` needs it"),
        ({"kind": "sustained"},
         "the key `sustained_days` is missing; `kind: sustained` needs it"),
        ({"grace_days": 14},
         "`grace_days` does not belong to `kind: initiate`; leave it out"),
        ({"kind": "grace_period", "grace_days": 14},
         "the key `after` is missing; `kind: grace_period` needs it"),
        ({**GRACE, "sustained_days": 56},
         "`sustained_days` does not belong to `kind: grace_period`; leave it out"),
        ({**GRACE, "comparator": ["outpatient"]},
         "`comparator` does not belong to `kind: grace_period`; leave it out"),
        ({"comparator": []}, "the key `comparator` is missing; `kind: initiate` needs it"),
        ({**GRACE, "closing_days": 16},
         "`closing_days`: a grace period to day 14 has no more than 15 days"),
        ({**GRACE, "by": "strategy"},
         "a grace period is told by `level_of_care`; leave `by` out"),
    ],
)  # fmt: skip
def test_each_kind_of_strategy_has_its_days_and_no_other(complaint_about, study, strategies, said):
    written = {**study["protocol"]["strategies"], **strategies}
    assert complaint_about("strategies", written) == f"protocol.strategies: {said}"


def test_a_word_that_is_none_of_the_known_is_answered_with_them(complaint_about):
    assert complaint_about("causal_contrast", "as treated") == (
        "protocol.causal_contrast: choose among 'intention to treat' or 'per protocol'"
    )
    assert "choose among 'initiate', 'sustained' or 'grace_period'" in complaint_about(
        "strategies.kind", "start"
    )


# ---------------------------------------------------------------- intercurrent events


def test_an_event_is_dealt_with_alike_in_all_outcomes_but_those_it_names(draft):
    event = draft(intercurrent_events={"leaving": LEAVING}).intercurrent_events["leaving"]
    assert event.handling("relapse") is Handling.TREATMENT_POLICY
    assert event.handling("discontinuation") is Handling.OUTCOME
    assert event.kinds_of("leaving") == ("dropped out",)


def test_an_event_named_after_a_kind_is_of_that_kind_and_others_of_none(draft):
    care = {"strategy": "treatment policy", "reason": "part of starting either strategy"}
    death = DEATH | {"for_outcomes": {"discontinuation": "treatment policy"}}
    named = draft(intercurrent_events={"death": death, "medication": care}).intercurrent_events
    assert [event.kinds_of(name) for name, event in named.items()] == [("death",), ()]


@pytest.mark.parametrize(
    ("events", "said"),
    [
        ({"death": DEATH | {"strategy": "composite",
                            "for_outcomes": {"discontinuation": "treatment policy"}}},
         "intercurrent_events.death says `composite` of 'death', but outcomes.relapse names it "
         "under `competing`, which is `competing`; make both say one thing"),
        ({"death": DEATH},
         "intercurrent_events.death says `competing` of 'death', but outcomes.discontinuation "
         "names it under neither `events` nor `competing`, which is `treatment policy`; make both "
         "say one thing"),
        ({"leaving": {**LEAVING, "for_outcomes": {}}},
         "intercurrent_events.leaving says `treatment policy` of 'dropped out', but outcomes."
         "discontinuation names it under `events`, which is `the outcome itself`; make both say "
         "one thing"),
        ({"leaving": LEAVING, "dropout": LEAVING},
         "intercurrent_events.dropout: 'dropped out' stands under 'leaving' too"),
    ],
)  # fmt: skip
def test_two_places_that_deal_differently_with_one_event_are_both_named(
    complaint_about, events, said
):
    assert complaint_about("intercurrent_events", events) == f"protocol: {said}"


def test_composite_is_an_event_of_a_bad_outcome_and_no_event_of_a_good_one(draft):
    composite = {"strategy": "composite", "reason": "who died has not completed either"}
    bad = {"definition": "any", "events": ["return to use", "death"], "horizon_days": 90}
    good = {
        "definition": "completed", "events": ["completed"], "horizon_days": None,
        "better": "higher",
    }  # fmt: skip
    for outcome in (bad, good):
        protocol = draft(
            outcomes={"one": outcome}, intercurrent_events={"death": composite}, noninferiority={}
        )
        assert protocol.intercurrent_events["death"].handling("one") is Handling.COMPOSITE


def test_principal_strata_are_refused_with_the_reason(complaint_about):
    said = complaint_about(
        "intercurrent_events", {"death": DEATH | {"strategy": "principal stratum"}}
    )
    assert said.startswith(
        "protocol.intercurrent_events.death.strategy: `principal stratum` is refused: nobody can "
        "be told at time zero"
    )


@pytest.mark.parametrize(
    ("section", "value", "place"),
    [
        ("missing_data", {"outcomes": {"relaps": "complete cases"}}, "missing_data.outcomes"),
        ("intercurrent_events",
         {"jail": {"strategy": "treatment policy", "for_outcomes": {"relaps": "competing"},
                   "reason": "as an example"}},
         "intercurrent_events.jail.for_outcomes"),
    ],
)  # fmt: skip
def test_a_section_that_speaks_of_no_outcome_names_those_there_are(
    complaint_about, section, value, place
):
    assert complaint_about(section, value) == (
        f"protocol: {place}: ['relaps'] is no outcome; outcomes are ['relapse', 'discontinuation']"
    )


def test_an_event_without_a_reason_is_refused(complaint_about):
    said = complaint_about("intercurrent_events", {"death": {"strategy": "competing"}})
    assert said == "protocol.intercurrent_events.death: the key `reason` is missing"


def test_a_rule_for_missing_outcomes_that_is_not_executed_is_unknown(complaint_about):
    said = complaint_about("missing_data", {"outcomes": {"relapse": "multiple imputation"}})
    assert said == ("protocol.missing_data.outcomes.relapse: choose among 'complete cases'")


# ---------------------------------------------------------------- what is not executed


STEP_DOWN = {
    "strategies.kind": "grace_period", "strategies.grace_days": 14,
    "strategies.after": ["short-term residential"], "strategies.comparator": [],
    "time_zero.at": "exit from the index stay", "causal_contrast": "per protocol",
    "estimand": "ATE",
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"strategies.kind": "sustained", "strategies.sustained_days": 56}, "causal_contrast"),
        ({"causal_contrast": "per protocol"}, "causal_contrast"),
        ({**STEP_DOWN, "time_zero.at": "start of the index stay"}, "time_zero.at"),
        ({**STEP_DOWN, "estimand": "ATO"}, "estimand"),
        ({**STEP_DOWN, "outcomes.relapse.horizon_days": None}, "outcomes.relapse.horizon_days"),
        ({"time_zero.at": "exit from the index stay"}, "time_zero.at"),
        ({"eligibility.judged_at": "decision or referral"}, "eligibility.judged_at"),
        ({"assignment": {"at": "exit from the index stay"}}, "assignment.at"),
        ({"follow_up": {"starts": "exit from the index stay"}}, "follow_up.starts"),
        ({"follow_up": {"ends": ["death", "end of records", "exit from the index stay"]}},
         "follow_up.ends"),
        ({"intercurrent_events": {"jail": {"strategy": "while at risk", "reason": "an example"}}},
         "intercurrent_events.jail"),
        ({"intercurrent_events": {"jail": {"strategy": "hypothetical", "reason": "an example"}}},
         "intercurrent_events.jail"),
    ],
)  # fmt: skip
def test_what_is_not_executed_is_refused_in_words_and_can_be_read_as_a_draft(
    complaint, written, changed, study, changes, place
):
    for path, value in changes.items():
        study = changed(study, f"protocol.{path}", value)
    path = written(study)
    said = complaint(path)
    assert said.startswith(f"protocol.{place}: ")
    assert "not executed" in said
    assert asdict(read_draft(path))


def test_an_alternative_that_asks_for_what_is_not_executed_is_refused_too(
    complaint_about_alternative,
):
    said = complaint_about_alternative({"as treated": {"causal_contrast": "per protocol"}})
    assert said.startswith("robustness.as treated.causal_contrast: `per protocol` is not executed")


@given(st.integers(0, 400))
def test_every_single_gap_has_rules_of_its_own(days):
    rules = EpisodeGaps.of_one_gap(days)
    assert {rules.gap_transition_days, *rules.gap_same_level_days.values()} == {days}
