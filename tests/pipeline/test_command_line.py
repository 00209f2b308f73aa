"""What a person sees who runs a station by hand: progress, results, or one clear sentence."""

import pytest

from iop_outcomes.stages import STAGES


def expect_one_sentence(result, *parts):
    assert result.status == 2
    assert result.out == ""
    assert result.err.startswith("iop-outcomes: ")
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err
    for part in parts:
        assert part in result.err


def test_the_stations_run_by_hand_in_order_and_leave_a_report(study, command):
    for station in list(STAGES)[1:]:
        result = command(study, station)
        assert result.status == 0, result.err
    assert (study / "data/report/report.html").stat().st_size > 50_000
    leftovers = [path for path in (study / "data").rglob("*.part")]
    assert leftovers == []


def test_simulating_makes_files_that_the_records_station_reads(study, command, change, monkeypatch):
    monkeypatch.setattr("iop_outcomes.stages.TRUTH_PERSONS", 2_000)
    change(study, "simulation.persons", 300)
    simulated = command(study, "simulate")
    assert simulated.status == 0
    assert "Simulating people" in simulated.err
    assert command(study, "records").status == 0
    assert (study / "data/records/truth.parquet").is_file()


def test_check_tells_how_good_the_records_are_once_they_were_read(study, command):
    assert "Rows of the export" not in command(study, "check").out
    assert command(study, "records").status == 0
    said = command(study, "check")
    assert said.status == 0
    for part in ("Rows of the export", "What was not recorded", "k-anonymity"):
        assert part in said.out


def test_check_tells_the_hash_and_touches_no_record(study, command):
    result = command(study, "check")
    assert result.status == 0
    assert "is a protocol (hash " in result.out
    assert not (study / "data/records").exists()


def test_the_version_is_printed(study, command):
    assert command(study, "version").out.strip().count(".") == 2


def test_a_missing_protocol_is_one_sentence(tmp_path, command):
    expect_one_sentence(command(tmp_path, "records"), "params.yaml is not there", "--params")


def test_a_missing_file_is_one_sentence(study, command):
    (study / "data/raw/simulated/stays.csv").unlink()
    expect_one_sentence(command(study, "records"), "stays.csv is not there", "protocol.source")


def test_an_empty_file_is_one_sentence(study, command):
    (study / "data/raw/simulated/stays.csv").write_text("")
    expect_one_sentence(command(study, "records"), "stays.csv is empty")


def test_a_file_with_a_header_alone_is_one_sentence(study, command):
    path = study / "data/raw/simulated/stays.csv"
    path.write_text(path.read_text().splitlines()[0] + "\n")
    expect_one_sentence(command(study, "records"), "stays.csv", "no rows")


def test_a_column_short_is_one_sentence_that_names_it_and_no_value(study, command):
    path = study / "data/raw/simulated/stays.csv"
    path.write_text(path.read_text().replace("end_day", "end", 1))
    result = command(study, "records")
    expect_one_sentence(result, "stays.csv lacks the column(s) ['end_day']")
    assert "P00" not in result.err


def test_a_file_without_its_header_line_shows_no_values(study, command):
    path = study / "data/raw/simulated/persons.csv"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    result = command(study, "records")
    expect_one_sentence(result, "lacks the column(s)")
    assert "P00" not in result.err


def test_an_unknown_key_in_params_is_one_sentence_with_a_suggestion(study, command, change):
    change(study, "protocol.eligibility.washout_day", 60)
    for station in ("check", "records", "report"):
        expect_one_sentence(
            command(study, station), "protocol.eligibility: unknown key `washout_day`",
            "did you mean `washout_days`?",
        )  # fmt: skip


def test_an_unknown_key_of_the_source_is_one_sentence(study, command, change):
    change(study, "protocol.source.foldr", "simulated")
    expect_one_sentence(command(study, "check"), "protocol.source.foldr: unknown key")


def test_an_arm_with_nobody_in_it_is_one_sentence(study, command, change):
    command(study, "records")
    change(study, "protocol.strategies.comparator", ["inpatient"])
    expect_one_sentence(
        command(study, "cohort"), "nobody is left in the comparator arm", "protocol.strategies"
    )


def test_an_outcome_nobody_has_is_one_sentence(study, command, change):
    command(study, "records")
    change(study, "protocol.outcomes.relapse.events", ["overdose"])
    expect_one_sentence(
        command(study, "cohort"), "protocol.outcomes.relapse: nobody has it", "overdose"
    )


def test_covariates_that_separate_the_arms_are_one_sentence(study, command, change):
    command(study, "records")
    command(study, "cohort")
    change(study, "protocol.analysis.covariates", ["level_of_care"])
    expect_one_sentence(command(study, "weighting"), "separate the arms")


def test_an_unknown_covariate_is_one_sentence_that_names_those_there_are(study, command, change):
    command(study, "records")
    command(study, "cohort")
    change(study, "protocol.analysis.covariates", ["age"])
    expect_one_sentence(command(study, "weighting"), "['age']", "age_years")


def test_a_station_run_too_early_says_which_comes_before(study, command):
    expect_one_sentence(command(study, "cohort"), "persons.parquet is not there yet", "records")


def test_a_damaged_artefact_says_how_to_make_it_again(study, command):
    command(study, "records")
    (study / "data/records/stays.parquet").write_bytes(b"PAR1 nothing")
    expect_one_sentence(
        command(study, "cohort"), "stays.parquet is damaged", "dvc repro -f records"
    )


def test_a_failed_station_leaves_the_old_artefact_whole(study, command, change):
    command(study, "records")
    before = (study / "data/records/stays.parquet").read_bytes()
    (study / "data/raw/simulated/events.csv").write_text("person_id,day\n")
    assert command(study, "records").status == 2
    assert (study / "data/records/stays.parquet").read_bytes() == before


@pytest.mark.parametrize("arguments", [["fly"], ["records", "--fast"]])
def test_a_word_that_is_no_command_is_refused_with_usage(study, command, arguments):
    result = command(study, *arguments)
    assert result.status == 2
    assert "Traceback" not in result.err
