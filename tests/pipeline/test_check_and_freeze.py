"""`check`, `freeze` and `schema` as a person at a terminal sees them."""

import json
from datetime import date

import yaml

LOCK = "protocol.lock.yaml"


def lines(result):
    return result.out.splitlines()


def test_check_of_a_sound_protocol_says_so_and_touches_nothing(study, command):
    before = sorted(study.rglob("*"))
    result = command(study, "check", "--strict")
    assert result.status == 0
    assert lines(result)[0].startswith("params.yaml is a protocol (hash ")
    assert lines(result)[-1] == "0 error(s), 0 warning(s)"
    assert sorted(study.rglob("*")) == before


def test_a_warning_is_printed_and_counts_only_when_asked(study, command, change):
    change(study, "protocol.intercurrent_events", {})
    result = command(study, "check")
    assert result.status == 0
    assert result.err == ""
    assert lines(result)[-2].startswith("warning: protocol.intercurrent_events: the protocol names")
    assert lines(result)[-2].endswith("[intercurrent-events-left-unsaid]")
    strict = command(study, "check", "--strict")
    assert strict.status == 2
    assert strict.out == result.out
    assert strict.err == (
        "iop-outcomes: params.yaml: 0 error(s), 1 warning(s); mend what is listed above\n"
    )


def test_an_error_is_printed_on_one_line_with_its_mend_and_fails(study, command, change):
    change(study, "protocol.analysis.covariates", ["age_years", "employment_at_exit"])
    result = command(study, "check")
    assert result.status == 2
    assert lines(result)[-2] == (
        "error: protocol.analysis.covariates: `employment_at_exit` was recorded at discharge, so "
        "it is not known at time zero; use what was recorded at admission "
        "[covariate-after-time-zero]"
    )
    assert result.err.count("\n") == 1


def test_all_that_is_wrong_is_listed_at_once(study, command, change):
    change(study, "protocol.follow_up.starts", "exit from the index stay")
    change(study, "protocol.strategies.by", "exit_reason")
    change(study, "protocol.noninferiority.relapse.justification", "clinically relevant")
    result = command(study, "check")
    rules = [line.rpartition("[")[2] for line in lines(result) if line.startswith("error: ")]
    assert rules == [
        "misaligned-time-zero]", "strategy-decided-later]", "margin-without-justification]",
        "not-executed]",
    ]  # fmt: skip


def test_an_alternative_that_goes_wrong_is_named(study, command, change):
    change(study, "robustness.late", {"outcomes": {"relapse": {"horizon_days": 400}}})
    result = command(study, "check")
    assert result.status == 2
    assert "error: robustness.late.outcomes.relapse.horizon_days: it is day 400" in result.out


def test_what_is_not_executed_stops_the_stations_in_words(study, command, change):
    command(study, "records")
    change(study, "protocol.time_zero.at", "decision or referral")
    for station in ("records", "cohort", "robustness"):
        result = command(study, station)
        assert result.status == 2
        assert result.err == (
            "iop-outcomes: protocol.time_zero.at: `decision or referral` is not executed for "
            "`kind: initiate`; write `start of the index stay`\n"
        )


def test_freezing_writes_the_protocol_its_hash_the_day_and_the_name(study, command):
    result = command(study, "freeze", "--by", "A. Person")
    assert result.status == 0
    assert result.out.startswith(f"{LOCK}: protocol ")
    lock = yaml.safe_load((study / LOCK).read_text("utf-8"))
    assert lock["protocol_hash"] in command(study, "check").out
    assert (lock["frozen_on"], lock["frozen_by"]) == (date.today().isoformat(), "A. Person")
    assert lock["after_results"] is False
    assert lock["protocol"]["outcomes"]["relapse"]["horizon_days"] == 180
    assert set(lock["robustness"]) == set(
        yaml.safe_load((study / "params.yaml").read_text("utf-8"))["robustness"]
    )


def test_check_says_how_the_protocol_stands_to_the_frozen_one(study, command, change):
    assert "The protocol is not frozen" in command(study, "check").out
    command(study, "freeze", "--by", "A. Person")
    assert "This is the frozen protocol " in command(study, "check").out
    change(study, "protocol.outcomes.relapse.horizon_days", 120)
    said = command(study, "check").out
    assert "NOT the frozen protocol (" in said
    assert "changed since at outcomes.relapse.horizon_days." in said


def test_a_frozen_protocol_is_amended_with_a_reason_only(study, command, change):
    command(study, "freeze", "--by", "A. Person")
    before = (study / LOCK).read_bytes()
    change(study, "protocol.outcomes.relapse.horizon_days", 120)
    refused = command(study, "freeze", "--by", "A. Person")
    assert refused.status == 2
    assert "say why: --because REASON" in refused.err
    assert (study / LOCK).read_bytes() == before
    reason = ("--because", "the records end on day 120")
    assert command(study, "freeze", "--by", "A. Person", *reason).status == 0
    assert "because the records end on day 120." in command(study, "check").out


def test_a_protocol_with_errors_is_not_frozen(study, command, change):
    change(study, "protocol.analysis.covariates", ["length_of_stay"])
    result = command(study, "freeze", "--by", "A. Person")
    assert result.status == 2
    assert result.err == (
        "iop-outcomes: params.yaml: 1 error(s), 0 warning(s); `iop-outcomes check` lists them\n"
    )
    assert not (study / LOCK).exists()


def test_freezing_after_results_is_recorded(study, command):
    (study / "data/comparison").mkdir()
    command(study, "freeze", "--by", "A. Person")
    assert yaml.safe_load((study / LOCK).read_text("utf-8"))["after_results"] is True


def test_a_lock_edited_by_hand_is_one_sentence(study, command):
    command(study, "freeze", "--by", "A. Person")
    path = study / LOCK
    path.write_text(path.read_text("utf-8").replace("A. Person", "B. Person"), "utf-8")
    result = command(study, "check")
    assert result.status == 2
    assert result.err.startswith(f"iop-outcomes: {LOCK}: edited since it was sealed")
    assert result.err.count("\n") == 1


def test_freezing_names_who_does_it(study, command):
    result = command(study, "freeze")
    assert result.status == 2
    assert "Traceback" not in result.err


def test_the_schema_is_printed_as_json(study, command):
    result = command(study, "schema")
    assert result.status == 0
    assert "protocol" in json.loads(result.out)["properties"]
