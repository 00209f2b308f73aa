"""What a careful reviewer would say: one test for each way a protocol goes wrong."""

import re
from pathlib import Path

import pytest

from iop_outcomes.protocol.definitions.reading import read_definitions
from iop_outcomes.protocol.linting import RULES, lint, lint_alternatives
from iop_outcomes.protocol.parsing import parse_draft, read_alternatives, read_draft
from iop_outcomes.protocol.rules.columns import variables
from iop_outcomes.protocol.rules.definitions import evidence
from iop_outcomes.protocol.rules.finding import Severity
from iop_outcomes.protocol.rules.sources import sight

EVENTS = {
    "death": {"strategy": "competing", "reason": "who has died can have neither"},
    "completion": {
        "kinds": ["completed", "transferred", "terminated by the facility", "other"],
        "strategy": "treatment policy",
        "for_outcomes": {"discontinuation": "competing"},
        "reason": "who has completed can no longer drop out",
    },
}
EXITS = ["completed", "transferred", "terminated by the facility", "other", "death"]


@pytest.fixture
def sound(study, changed):
    """The small protocol mended until no rule has anything to say."""
    study = changed(study, "protocol.outcomes.discontinuation.competing", EXITS)
    study = changed(study, "protocol.intercurrent_events", EVENTS)
    return study["protocol"]


@pytest.fixture
def found(sound, changed):
    """Rule, severity and place of what is said of the sound protocol after some changes."""

    def of(changes):
        values = {"protocol": sound}
        for path, value in changes.items():
            values = changed(values, f"protocol.{path}", value)
        findings = lint(parse_draft(values["protocol"], "protocol"))
        return {(each.rule, str(each.severity), each.place) for each in findings}

    return of


def test_a_sound_protocol_has_no_findings(found):
    assert found({}) == set()


def test_the_repositorys_own_study_has_no_findings(root):
    path = root / "params.yaml"
    assert lint(read_draft(path)) == ()
    assert lint_alternatives(read_draft(path), read_alternatives(path)) == {}


@pytest.mark.parametrize("example", ["uis", "help", "teds_d", "ctn0094"])
def test_the_examples_have_warnings_and_no_errors(root, example):
    path = root / f"src/iop_outcomes/protocol/examples/{example}.yaml"
    severities = {finding.severity for finding in lint(read_draft(path))}
    assert severities == {Severity.WARNING}


# ---------------------------------------------------------------- time zero


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"follow_up": {"starts": "exit from the index stay"}}, "follow_up.starts"),
        ({"follow_up": {"starts": "decision or referral"}}, "follow_up.starts"),
        ({"eligibility.judged_at": "exit from the index stay"}, "eligibility.judged_at"),
        ({"assignment": {"at": "exit from the index stay"}}, "assignment.at"),
        ({"assignment": {"at": "decision or referral"}}, "assignment.at"),
    ],
)
def test_a_moment_that_is_not_time_zero_is_an_error(found, changes, place):
    assert ("misaligned-time-zero", "error", place) in found(changes)


def test_moving_time_zero_alone_leaves_behind_all_that_are_said_to_be_elsewhere(found):
    start = "start of the index stay"
    rules = found(
        {
            "time_zero.at": "exit from the index stay",
            "eligibility.judged_at": start,
            "assignment": {"at": start},
            "follow_up": {"starts": start},
        }
    )
    places = {place for rule, _, place in rules if rule == "misaligned-time-zero"}
    assert places == {"eligibility.judged_at", "assignment.at", "follow_up.starts"}


def test_moving_all_four_moments_together_misaligns_nothing(found):
    later = "exit from the index stay"
    rules = found(
        {
            "time_zero.at": later,
            "eligibility.judged_at": later,
            "assignment": {"at": later},
            "follow_up": {"starts": later},
        }
    )
    assert {rule for rule, _, _ in rules} == {"not-executed"}


@pytest.mark.parametrize(
    ("by", "severity"),
    [
        ("exit_reason", "error"),
        ("level_of_care_at_exit", "error"),
        ("discontinuation", "error"),
        ("dropped_out", "error"),
        ("stepped_down_within_14_days", "error"),
        ("stepped_down", "warning"),
        ("sessions_attended", "warning"),
    ],
)
def test_arms_told_apart_by_something_later_are_immortal_time(found, by, severity):
    rules = found({"strategies.by": by})
    assert ("strategy-decided-later", severity, "strategies.by") in rules


@pytest.mark.parametrize(
    "by",
    ["programme", "strategy", "referral_source", "planned_sessions", "prior_stay_within_90_days"],
)
def test_arms_told_apart_by_what_is_known_at_admission_are_not(found, by):
    assert found({"strategies.by": by}) == set()


# ---------------------------------------------------------------- covariates


@pytest.mark.parametrize(
    "term",
    [
        *("living_arrangement_at_exit", "length_high_days", "bs(length_of_stay, df=3)"),
        *("age_years:relapse", "C(exit_reason)", "return_to_use", "death"),
    ],
)
def test_a_covariate_measured_after_time_zero_is_an_error(found, term):
    rules = found({"analysis.covariates": ["age_years", term]})
    assert rules == {("covariate-after-time-zero", "error", "analysis.covariates")}


def test_eligibility_by_what_is_known_later_is_an_error(found):
    rules = found({"eligibility.recorded": ["phq9", "employment_at_exit"]})
    assert rules == {("covariate-after-time-zero", "error", "eligibility.recorded")}


@pytest.mark.parametrize("term", ["sessions", "weekly_hours", "C(doses_given)", "days_retained"])
def test_a_covariate_that_care_decides_is_a_warning(found, term):
    rules = found({"analysis.covariates": ["age_years", term]})
    assert rules == {("covariate-that-care-decides", "warning", "analysis.covariates")}


@pytest.mark.parametrize(
    "term",
    [
        *("prior_sessions", "visits_before", "baseline_hours", "doses_last_year", "sex"),
        *("history_of_dropout", "prior_episodes", "planned_hours", "C(facility_id)"),
    ],
)
def test_a_covariate_that_says_it_was_before_is_taken_at_its_word(found, term):
    assert found({"analysis.covariates": ["age_years", term]}) == set()


@pytest.mark.parametrize(
    ("term", "names"),
    [
        ("age_years", ("age_years",)),
        ("bs(age_years, df=3)", ("age_years",)),
        ("age_years:sex", ("age_years", "sex")),
        ("np.log(bmi + 1)", ("bmi",)),
        ('C(state, Treatment("NY"))', ("state",)),
        ("poly(phq9, degree = 2)", ("phq9",)),
        ("1", ()),
    ],
)
def test_the_names_that_a_term_reads(term, names):
    assert variables(term) == names


# ---------------------------------------------------------------- new users, contrast


def test_new_users_without_a_washout_are_an_error(found):
    asked = {"question": "Do new users relapse less?", "eligibility.washout_days": 0}
    assert found(asked) == {("washout-of-new-users", "error", "eligibility.washout_days")}
    assert found({**asked, "eligibility.washout_days": 30}) == set()
    assert found({"eligibility.washout_days": 0}) == set()


def test_a_contrast_of_another_strategy_is_an_error(found):
    assert ("contrast-of-another-strategy", "error", "causal_contrast") in found(
        {"causal_contrast": "per protocol"}
    )
    sustained = {"strategies.kind": "sustained", "strategies.sustained_days": 56}
    assert ("contrast-of-another-strategy", "error", "causal_contrast") in found(sustained)
    both = found({**sustained, "causal_contrast": "per protocol"})
    assert "contrast-of-another-strategy" not in {rule for rule, _, _ in both}


def test_leaving_is_no_outcome_of_a_strategy_of_staying(found):
    sustained = {
        "strategies.kind": "sustained",
        "strategies.sustained_days": 56,
        "causal_contrast": "per protocol",
    }
    rule = ("outcome-that-breaks-the-strategy", "error", "outcomes.discontinuation.events")
    assert found(sustained) == {rule}
    assert rule not in found({})


# ---------------------------------------------------------------- what the source can show

TEDS = {"source": {"kind": "teds_d", "files": ["a.csv"]}, "eligibility.recorded": []}
AT_DISCHARGE = {
    "completion": {
        "definition": "completed",
        "events": ["completed"],
        "competing": ["death"],
        "horizon_days": None,
        "better": "higher",
    }
}
DISCHARGES = {
    **TEDS,
    "noninferiority": {},
    "intercurrent_events": {"death": EVENTS["death"]},
    "strategies.comparator": ["long-term residential"],
    "outcomes": AT_DISCHARGE,
}


def test_relapse_cannot_be_asked_of_discharges(found):
    rules = found(TEDS)
    assert ("outcome-the-source-cannot-show", "error", "outcomes.relapse.events") in rules
    assert ("day-the-source-does-not-have", "error", "outcomes.relapse.horizon_days") in rules


def test_a_part_of_an_outcome_that_cannot_be_shown_is_a_warning(found):
    both = {"completion": AT_DISCHARGE["completion"] | {"events": ["completed", "overdose"]}}
    rules = found({**DISCHARGES, "outcomes": both})
    assert ("outcome-the-source-cannot-show", "warning", "outcomes.completion.events") in rules


def test_a_reason_of_discharge_is_no_relapse_whatever_it_is_called(found):
    outcome = {"relapse": AT_DISCHARGE["completion"] | {"events": ["dropped out"]}}
    rules = found({**DISCHARGES, "outcomes": outcome})
    assert ("relapse-from-discharges", "error", "outcomes.relapse") in rules


def test_nothing_can_be_asked_of_admissions(found):
    rules = found({**DISCHARGES, "source": {"kind": "teds_a", "files": ["a.csv"]}})
    assert ("outcome-the-source-cannot-show", "error", "outcomes.completion.events") in rules


def test_pooled_residential_care_is_a_mixture_in_teds_and_nowhere_else(found):
    both = ["short-term residential", "long-term residential"]
    mixture = ("mixture-of-residential-care", "warning", "strategies.comparator")
    assert mixture in found({**DISCHARGES, "strategies.comparator": both})
    assert mixture not in found(DISCHARGES)
    assert mixture not in found({"strategies.comparator": both})


SITE = {"kind": "site_export", "tables": {"stays": {"file": "s.csv", "columns": {}}}}


@pytest.mark.parametrize(
    ("source", "kind", "shown"),
    [
        ({"kind": "site_export", "folder": "."}, "return to use", True),
        (SITE, "return to use", False),
        (SITE, "completed", False),
        ({"kind": "site_export", "tables": {"events": {"file": "e.csv", "columns": {"kind": "k"}}}},
         "return to use", True),
        ({"kind": "site_export", "tables": {"events": {"file": "e.csv", "columns": {
            "kind": {"column": "k", "words": {"R": "return to use"}}}}}}, "overdose", False),
        ({"kind": "site_export", "tables": {"events": {"file": "e.csv", "columns": {
            "kind": {"constant": "overdose"}}}}}, "overdose", True),
        ({"kind": "table", "events": [{"kind": "return to use"}]}, "return to use", True),
        ({"kind": "table", "events": [{"kind": "return to use"}]}, "death", False),
        ({"kind": "table", "exit_reason": "left, reason not recorded"},
         "left, reason not recorded", True),
        ({"kind": "trial", "events": [{"kind": "death"}]}, "death", True),
        ({"kind": "trial"}, "return to use", False),
        ({"kind": "teds_d"}, "dropped out", True),
        ({"kind": "teds_d"}, "overdose", False),
    ],
)  # fmt: skip
def test_what_a_source_can_show_is_read_from_its_description(source, kind, shown):
    assert (kind in sight(source).kinds) is shown


# ---------------------------------------------------------------- competing events, horizons


def test_death_unnamed_is_censoring_where_the_records_tell_it(found):
    alive = {"completion": EVENTS["completion"]}
    rules = found({"outcomes.relapse.competing": [], "intercurrent_events": alive})
    assert ("death-as-censoring", "error", "outcomes.relapse.competing") in rules


def test_death_unnamed_is_a_warning_where_the_records_cannot_tell_it(found):
    table = {"kind": "table", "events": [{"kind": "return to use"}]}
    rules = found(
        {
            "source": table,
            "outcomes": {"relapse": {"definition": "use", "events": ["return to use"],
                                     "horizon_days": 90}},
            "intercurrent_events": {},
        }
    )  # fmt: skip
    assert ("death-as-censoring", "warning", "outcomes.relapse.competing") in rules


def test_death_at_exit_counts_as_something_and_must_be_said(found):
    unsaid = {"completion": AT_DISCHARGE["completion"] | {"competing": []}}
    rule = ("death-left-unsaid", "warning", "outcomes.completion.competing")
    assert rule in found({**DISCHARGES, "outcomes": unsaid, "intercurrent_events": {}})
    composite = {"death": {"strategy": "composite", "reason": "who died has not completed"}}
    assert rule not in found({**DISCHARGES, "outcomes": unsaid, "intercurrent_events": composite})


def test_leaving_care_is_no_end_of_sight(found):
    ends = ["death", "end of records", "exit from the index stay"]
    rules = found({"follow_up": {"ends": ends}})
    assert ("competing-event-as-censoring", "error", "follow_up.ends") in rules


@pytest.mark.parametrize(("left_out", "severity"), [("completed", "error"), ("other", "warning")])
def test_an_exit_that_forecloses_an_outcome_about_leaving_is_named(found, left_out, severity):
    competing = [exit for exit in EXITS if exit != left_out]
    kinds = [kind for kind in EVENTS["completion"]["kinds"] if kind != left_out]
    rules = found(
        {
            "outcomes.discontinuation.competing": competing,
            "intercurrent_events.completion.kinds": kinds,
        }
    )
    assert rules == {("exits-left-unsaid", severity, "outcomes.discontinuation.competing")}


def test_a_risk_is_read_no_later_than_people_are_followed(found):
    assert found({"follow_up": {"longest_days": 180}}) == set()
    rules = found({"follow_up": {"longest_days": 179}})
    assert rules == {("horizon-beyond-follow-up", "error", "outcomes.relapse.horizon_days")}


LENGTH_OF_STAY = {
    "definition": "leaving for whatever reason",
    "events": ["completed", "dropped out", "transferred", "terminated by the facility", "other"],
    "competing": ["death"],
    "horizon_days": 90,
}


def test_a_28_day_programme_retains_nobody_for_90_days(found):
    changes = {
        "outcomes.discontinuation": LENGTH_OF_STAY,
        "intercurrent_events": {"death": EVENTS["death"]},
    }
    rule = ("stays-of-another-length", "error", "outcomes.discontinuation")
    assert found(changes) == {rule}
    earlier = {**changes, "outcomes.discontinuation": LENGTH_OF_STAY | {"horizon_days": 28}}
    assert found(earlier) == set()
    long = {**changes, "strategies.comparator": ["long-term residential"]}
    assert found(long) == set()
    alike = {**changes, "strategies.comparator": ["outpatient"]}
    assert found(alike) == set()


def test_what_is_read_at_exit_compares_planned_lengths(found):
    rule = ("stays-of-another-length", "warning", "outcomes.completion")
    assert found(DISCHARGES) == {rule}
    assert found({**DISCHARGES, "strategies.comparator": ["outpatient"]}) == set()


# ---------------------------------------------------------------- intercurrent events


def test_a_protocol_without_intercurrent_events_is_a_warning(found):
    rules = found({"intercurrent_events": {}})
    assert rules == {("intercurrent-events-left-unsaid", "warning", "intercurrent_events")}


def test_a_competing_event_without_a_row_is_a_warning(found):
    rules = found({"intercurrent_events": {"death": EVENTS["death"]}})
    assert rules == {
        ("intercurrent-events-left-unsaid", "warning", "outcomes.discontinuation.competing")
    }


# ---------------------------------------------------------------- margins and claims


@pytest.mark.parametrize(
    "justification",
    ["clinically relevant", "this is the usual and customary margin", "chosen by expert opinion"],
)
def test_words_that_fit_any_margin_are_no_justification(found, justification):
    rules = found({"noninferiority.relapse.justification": justification})
    place = "noninferiority.relapse.justification"
    assert rules == {("margin-without-justification", "error", place)}


@pytest.mark.parametrize(
    ("margin", "reference", "severity"),
    [
        (0.10, None, None),
        (0.10, 0.55, None),
        (0.10, 0.19, "warning"),
        (0.10, 0.10, "error"),
        (0.12, None, "warning"),
        (0.10, 0.90, "error"),
    ],
)
def test_a_margin_is_wide_or_narrow_against_its_reference(found, margin, reference, severity):
    rules = found(
        {
            "noninferiority.relapse.risk_difference": margin,
            "noninferiority.relapse.reference_risk": reference,
        }
    )
    expected = ("margin-too-wide", severity, "noninferiority.relapse.risk_difference")
    assert rules == (set() if severity is None else {expected})


def test_a_margin_of_a_good_outcome_is_held_against_not_having_it(found):
    """Ten fewer in a hundred, where ninety complete: twice as many would not."""
    margin = {
        "risk_difference": 0.10,
        "reference_risk": 0.90,
        "justification": "ten fewer in a hundred",
        "set_by": "this test",
    }
    rules = found({**DISCHARGES, "noninferiority": {"completion": margin}})
    assert ("margin-too-wide", "error", "noninferiority.completion.risk_difference") in rules


def test_a_question_of_noninferiority_has_a_margin_for_each_outcome(found):
    rules = found({"question": "Is it non-inferior for relapse and discontinuation?"})
    assert rules == {("claim-without-margin", "warning", "noninferiority.discontinuation")}


@pytest.mark.parametrize(
    ("question", "estimand", "named_otherwise"),
    [
        ("Do all patients relapse less?", "ATO", True),
        ("Do all patients relapse less?", "ATT", True),
        ("Do all patients relapse less?", "ATE", False),
        ("Would those who could have entered either relapse less?", "ATE", True),
        ("Would those who could have entered either relapse less?", "ATO", False),
        ("Do people relapse less?", "ATO", False),
    ],
)
def test_the_question_speaks_of_the_people_whose_effect_is_averaged(
    found, question, estimand, named_otherwise
):
    rules = found({"question": question, "estimand": estimand})
    expected = {("population-named-otherwise", "warning", "estimand")}
    assert rules == (expected if named_otherwise else set())


# ---------------------------------------------------------------- definitions

WITHOUT_TESTS = {
    "stays": {"columns": {"end_day": "out", "exit_reason": "why"}},
    "persons": {"columns": {"last_observed_day": "last"}},
    "events": {"columns": {"kind": {"constant": "return to use"}}},
}


@pytest.mark.parametrize(
    ("named", "lacking"),
    [
        ("REL-USE", None),
        ("REL-READ", None),
        ("REL-FIRST", "tests or reported use"),
        ("REL-OD", "overdose"),
        ("REL-COMP", "emergency visit"),
    ],
)
def test_a_definition_whose_evidence_is_not_in_the_source_is_an_error(
    sound, changed, named, lacking
):
    values = changed({"protocol": sound}, "protocol.source.tables", WITHOUT_TESTS)
    values = changed(values, "protocol.outcomes.relapse.other_definitions", [named])
    findings = [
        each
        for each in lint(parse_draft(values["protocol"], "protocol"))
        if each.rule == "definition-the-source-cannot-support"
    ]
    if lacking is None:
        assert findings == []
    else:
        (finding,) = findings
        assert finding.severity is Severity.ERROR
        assert finding.place == "outcomes.relapse.other_definitions"
        assert f"{named} needs" in finding.sentence
        assert lacking in finding.sentence


def test_a_register_of_discharges_supports_what_is_recorded_at_exit_and_nothing_later():
    register = evidence({"kind": "teds_d", "files": ["a.csv"]})
    supported = {one.id for one in read_definitions().values() if set(one.needs) <= register}
    assert {"RET-COMP", "FUN-WORK", "REL-DIS"} <= supported
    assert not supported & {"REL-0094", "REL-FIRST", "REL-READ", "MH-PHQ9-REM", "RET-IET"}


def test_a_descriptive_definition_beside_an_outcome_is_told_for_agreement_only(found):
    descriptive = {
        "outcomes.relapse.horizon_days": None,
        "outcomes.relapse.other_definitions": ["REL-DIS"],
    }
    place = "outcomes.relapse.other_definitions"
    assert ("comparison-of-descriptive-outcomes", "warning", place) in found(descriptive)


def test_what_becomes_of_the_dead_is_not_asked_of_a_definition_which_says_so_itself(sound, found):
    """The dead give no urine, and a missed one counts as positive there."""
    sound["outcomes"]["relapse"] = {
        "definition_id": "REL-0094", "horizon_days": 90, "substances": ["opiates"],
    }  # fmt: skip
    composite = {"intercurrent_events.death.for_outcomes": {"relapse": "composite"}}
    assert found(composite) == set()


# ---------------------------------------------------------------- scores


@pytest.mark.parametrize(
    ("source", "severity"),
    [({"kind": "teds_d", "files": ["a.csv"]}, {"error"}), ({"kind": "site_export"}, set())],
)
def test_a_score_asked_of_a_source_without_scores_is_an_error(found, source, severity):
    score = {"definition": "PHQ-9", "score": {"instrument": "phq9", "days": [150, 210]}}
    said = found({"source": source, "outcomes.depression": score})
    assert {s for rule, s, _ in said if rule == "score-the-source-cannot-show"} == severity


# ---------------------------------------------------------------- clocks


def test_arms_compared_from_the_exit_are_described_and_nothing_is_claimed_of_them(found):
    clock = {"outcomes.relapse.clock": "exit from the index stay"}
    rule, place = "compared-from-the-exit", "outcomes.relapse.clock"
    assert found(clock) == {(rule, "error", place)}, "a margin is set on it"
    assert found(clock | {"noninferiority": {}}) == {(rule, "warning", place)}


def test_days_in_care_that_are_taken_out_of_time_are_named(found):
    clock = {"outcomes.relapse.clock": "days in the community"}
    assert found(clock) == {("care-taken-out-of-time", "warning", "outcomes.relapse.clock")}


# ---------------------------------------------------------------- alternatives


@pytest.fixture
def alternatives(sound, changed):
    """Findings of one alternative to the sound protocol."""

    def of(path, value):
        other = changed({"protocol": sound}, f"protocol.{path}", value)["protocol"]
        return lint_alternatives(
            parse_draft(sound, "protocol"), {"other": parse_draft(other, "protocol")}
        )

    return of


def test_an_alternative_is_held_to_the_same_rules(alternatives):
    (finding,) = alternatives("analysis.covariates", ["los"])["other"]
    assert finding.rule == "covariate-after-time-zero"


def test_an_alternative_does_not_ask_the_question_anew(sound, alternatives):
    sound["question"] = "Would those who could have entered either relapse less?"
    assert alternatives("estimand", "ATE") == {}


def test_an_alternative_is_not_blamed_for_what_the_protocol_says(sound, alternatives):
    sound["analysis"]["covariates"] = ["los"]
    assert alternatives("estimand", "ATE") == {}


# ---------------------------------------------------------------- the rules themselves


def test_errors_come_first(found, sound, changed):
    values = changed({"protocol": sound}, "protocol.intercurrent_events", {})
    values = changed(values, "protocol.analysis.covariates", ["los"])
    severities = [finding.severity for finding in lint(parse_draft(values["protocol"], "p"))]
    assert severities == [Severity.ERROR, Severity.WARNING]


def test_every_rule_says_why_and_every_one_is_tried_here():
    tried = Path(__file__).read_text("utf-8")
    for rule in RULES:
        assert rule.__doc__, rule
    ids = set()
    for path in Path(lint.__code__.co_filename).parent.glob("rules/*.py"):
        ids |= set(re.findall(r'rule="([a-z-]+)"', path.read_text("utf-8")))
    assert len(ids) >= len(RULES) - 1  # what is not executed is said in linting.py
    for id_ in ids:
        assert f'"{id_}"' in tried, id_


def test_a_finding_is_one_sentence_about_a_place_with_a_mend(found, sound, changed):
    values = changed({"protocol": sound}, "protocol.follow_up", {"starts": "decision or referral"})
    for finding in lint(parse_draft(values["protocol"], "protocol")):
        for text in (finding.sentence, finding.mend):
            assert text and "\n" not in text and not text.endswith(".")
