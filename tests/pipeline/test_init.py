"""`iop-outcomes init`: from an export's files to a study that `check` and `records` accept."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from iop_outcomes.protocol.parsing import read_protocol
from iop_outcomes.stages import STAGES

ANSWERS = {
    'justification: "???"': "justification: ten in a hundred is the most that may be given up",
    'set_by: "???"': "set_by: the quality team, before an outcome was read",
    'agreement_id: "???"': "agreement_id: DUA-7",
}
PEOPLE = 240


@pytest.fixture
def rng():
    return np.random.default_rng(11)


@pytest.fixture
def dated(tmp_path, rng):
    """An export with ISO dates and English codes, one file of stays and two beside it."""
    people = np.array([f"C{k:03d}" for k in range(PEOPLE)])
    start = pd.Timestamp("2022-01-10") + pd.to_timedelta(rng.integers(0, 500, PEOPLE), "D")
    end = start + pd.to_timedelta(rng.integers(5, 80, PEOPLE), "D")
    stays = pd.DataFrame(
        {
            "client_id": people,
            "site": rng.choice(["N", "S"], PEOPLE),
            "level_of_care": np.resize(["Intensive Outpatient", "Long-term residential"], PEOPLE),
            "admission_date": start.strftime("%Y-%m-%d"),
            "discharge_date": end.strftime("%Y-%m-%d"),
            "discharge_reason": rng.choice(["Completed", "AMA", "Transferred"], PEOPLE),
            "age": rng.integers(18, 80, PEOPLE),
            "gender": rng.choice(["F", "M"], PEOPLE),
            "locker": rng.integers(1, 9, PEOPLE),
        }
    )
    some = rng.random(PEOPLE) < 0.5
    later = start[some] + pd.to_timedelta(rng.integers(1, 150, some.sum()), "D")
    events = {"client_id": people[some], "event_date": later.strftime("%Y-%m-%d"),
              "event": "relapse"}  # fmt: skip
    scores = {"client_id": people, "date": start.strftime("%Y-%m-%d"), "measure": "PHQ-9",
              "score": rng.integers(0, 27, PEOPLE)}  # fmt: skip
    return written(tmp_path, stays=stays, relapses=pd.DataFrame(events), phq=pd.DataFrame(scores))


@pytest.fixture
def in_days(tmp_path, rng):
    """A workbook with days and the fourth edition's levels, in two sheets."""
    people = [f"P{k:03d}" for k in range(PEOPLE)]
    clients = pd.DataFrame(
        {
            "PatientID": people,
            "FirstSeen": -400,
            "LastSeen": 200,
            "Sex": np.resize(["F", "M"], PEOPLE),
        }
    )
    start = rng.integers(0, 30, PEOPLE)
    admissions = pd.DataFrame(
        {
            "PatientID": people,
            "ProgramID": np.resize(["a", "b"], PEOPLE),
            "ASAM": np.resize(["2.1", "3.1", "1.5", "3.5"], PEOPLE),
            "AdmitDay": start,
            "DischDay": start + rng.integers(3, 90, PEOPLE),
            "DischStatus": np.resize(["completed", "dropped out", "transferred"], PEOPLE),
            "AgeAtAdmission": rng.integers(18, 80, PEOPLE),
        }
    )
    path = tmp_path / "site.xlsx"
    with pd.ExcelWriter(path) as book:
        clients.to_excel(book, sheet_name="Clients", index=False)
        admissions.to_excel(book, sheet_name="Admissions", index=False)
    return [path]


@pytest.fixture
def awkward(tmp_path, rng):
    """Codes of the site's own, rare ones, days that may be months, and a column nobody knows."""
    level = np.resize(["A", "B", "RTC"], PEOPLE)
    reason = np.resize(["1", "2", "AMA"], PEOPLE).astype(object)
    reason[:4] = "moved to the coast"
    table = pd.DataFrame(
        {
            "patient": [f"Q{k:03d}" for k in range(PEOPLE)],
            "loc": level,
            "admitted": np.resize(["03/04/2022", "05/06/2022"], PEOPLE),
            "disch_dt": np.resize(["07/08/2022", "09/08/2022"], PEOPLE),
            "dc_reason": reason,
            "x7": rng.integers(0, 1000, PEOPLE),
        }
    )
    return written(tmp_path, visits=table)


def written(folder, **tables):
    paths = []
    for name, table in tables.items():
        paths.append(folder / f"{name}.csv")
        table.to_csv(paths[-1], index=False)
    return paths


@pytest.fixture
def begun(tmp_path, command):
    """Run init on files; gives the study's folder and what was printed."""

    def run(paths, into="study"):
        arguments = [part for path in paths for part in ("--from", str(path))]
        result = command(tmp_path, "init", *arguments, "--into", into)
        assert result.status == 0, result.err
        return tmp_path / into, result.out

    return run


def answer(folder, **more):
    """Put answers in place of what was asked; `more` is text to text, in mapping.yaml."""
    for name in ("mapping.yaml", "params.yaml"):
        path = folder / name
        text = path.read_text("utf-8")
        for question, reply in {**ANSWERS, **more.get("answers", {})}.items():
            text = text.replace(question, reply)
        path.write_text(text, "utf-8")


def ledger(folder):
    table = pd.read_parquet(folder / "data/records/ledger.parquet")
    return {row.table: (row.read, row.accepted) for row in table.itertuples()}


def refused(result, *parts):
    assert result.status == 2
    assert result.err.startswith("iop-outcomes: ")
    assert result.err.count("\n") == 1
    for part in parts:
        assert part in result.err


def test_an_export_with_dates_and_usual_names_is_read_to_the_last_row(dated, begun, command):
    folder, _ = begun(dated)
    refused(command(folder, "check"), "mapping.yaml: profile.agreement_id is still `???`")
    answer(folder)
    assert command(folder, "check").status == 0
    result = command(folder, "records")
    assert result.status == 0, result.err
    rows = {path.stem: len(pd.read_csv(path)) for path in dated}
    read = ledger(folder)
    assert read["stays"] == (PEOPLE, PEOPLE)
    assert read["events"] == (rows["relapses"],) * 2
    assert read["scores"] == (rows["phq"],) * 2


def test_an_export_in_days_with_asam_levels_is_read_to_the_last_row(in_days, begun, command):
    folder, _ = begun(in_days)
    refused(command(folder, "check"), "mapping.yaml: tables.stays.columns.level_of_care.words.3.5")
    answer(folder, answers={'"3.5": "???"': '"3.5": short-term residential'})
    assert command(folder, "check").status == 0
    result = command(folder, "records")
    assert result.status == 0, result.err
    assert ledger(folder) == {"persons": (PEOPLE, PEOPLE), "stays": (PEOPLE, PEOPLE)}
    stays = pd.read_parquet(folder / "data/records/stays.parquet")
    assert stays["level_of_care"].value_counts().to_dict() == dict.fromkeys(
        ["intensive outpatient", "long-term residential", "outpatient", "short-term residential"],
        PEOPLE // 4,
    )


def test_an_awkward_export_asks_until_nothing_is_guessed(awkward, begun, command):
    folder, printed = begun(awkward)
    text = (folder / "mapping.yaml").read_text("utf-8")
    assert "coast" not in text + printed
    answers = {
        '"A": "???"': '"A": intensive outpatient',
        '"B": "???"': '"B": outpatient',
        '"RTC": "???"': '"RTC": long-term residential',
        '"1": "???"': '"1": completed',
        '"2": "???"': '"2": terminated by the facility',
        'format: "???"': 'format: "%d/%m/%Y"',
        '"???": "???"': '"moved to the coast": other',  # four people: only someone there may say it
    }
    for question in [*answers, 'agreement_id: "???"']:
        assert question in text, question
    for question, reply in answers.items():
        refused(command(folder, "check"), "mapping.yaml: ", "is still `???`")
        answer(folder, answers={question: reply})
    params = folder / "params.yaml"
    params.write_text(params.read_text("utf-8").replace('- "???"', "- level_of_care"), "utf-8")
    assert command(folder, "check").status == 0
    assert command(folder, "records").status == 0
    assert ledger(folder)["stays"] == (PEOPLE, PEOPLE)


def test_the_protocol_is_of_what_the_export_holds(dated, begun):
    folder, _ = begun(dated)
    answer(folder)
    protocol = read_protocol(folder / "params.yaml")
    assert [outcome.name for outcome in protocol.outcomes] == ["relapse", "discontinuation"]
    assert protocol.strategies.comparator == ("long-term residential",)
    assert protocol.analysis.covariates == ("age_years", "sex")
    assert (protocol.eligibility.washout_days, protocol.analysis.cluster) == (60, "facility_id")


def test_a_protocol_of_an_export_that_knows_little_promises_little(awkward, begun):
    folder, _ = begun(awkward)
    text = (folder / "params.yaml").read_text("utf-8")
    assert "relapse" not in yaml.safe_load(text)["protocol"]["outcomes"]
    assert re.search(r"minimum_age_years: 0  # CHECK", text)
    assert re.search(r"cluster: null  # CHECK", text)


def test_check_counts_the_lines_that_nobody_has_looked_at(dated, begun, command):
    folder, _ = begun(dated)
    answer(folder)
    marked = sum("# CHECK:" in line for line in (folder / "mapping.yaml").read_text().splitlines())
    said = command(folder, "check").out
    assert f"mapping.yaml: {marked} line(s) are still marked CHECK" in said
    for name in ("mapping.yaml", "params.yaml"):
        path = folder / name
        path.write_text(path.read_text("utf-8").replace("# CHECK:", "# seen:"), "utf-8")
    assert "CHECK" not in command(folder, "check").out


def test_what_was_guessed_is_printed_in_a_line_each(dated, begun):
    _, printed = begun(dated)
    assert re.search(r"^  start_day +admission_date +sure$", printed, re.MULTILINE)
    assert re.search(r"^  exit_reason +discharge_reason +sure$", printed, re.MULTILINE)
    assert "not used: 1 column(s)" in printed
    assert "Copied into study/data/raw" in printed


def test_complaints_of_the_stations_name_the_mapping_and_the_place(dated, begun, command):
    folder, _ = begun(dated)
    answer(folder)
    path = folder / "mapping.yaml"
    path.write_text(path.read_text("utf-8").replace("column: discharge_reason", "column: [a]"))
    refused(command(folder, "check"), "mapping.yaml: tables.stays.columns.exit_reason.column")
    path.write_text(path.read_text("utf-8").replace("start_day:", "begin_day:"))
    path.write_text(path.read_text("utf-8").replace("column: [a]", "column: discharge_reason"))
    refused(command(folder, "records"), "mapping.yaml: tables.stays.columns: unknown ['begin_day']")


# The folder.


def test_raw_files_are_copied_and_kept_out_of_git(dated, begun):
    folder, _ = begun(dated)
    for path in dated:
        assert (folder / "data/raw" / path.name).read_bytes() == path.read_bytes()
    for name in ("raw/stays.csv", "records/stays.parquet", "report/report.html"):
        assert ignored(folder, f"data/{name}")
    for name in ("raw/stays.csv.dvc", "report/summary.md", ".gitignore"):
        assert not ignored(folder, f"data/{name}")


def ignored(folder, name):
    if not (folder / ".git").exists():
        subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    done = subprocess.run(["git", "check-ignore", "--quiet", name], cwd=folder, check=False)
    return done.returncode == 0


def test_the_folder_may_hold_the_export_itself_and_nothing_else(dated, command):
    home = dated[0].parent
    names = [path.name for path in dated]
    (home / ".git").mkdir()
    assert command(home, "init", *names).status == 0
    assert (home / "data/raw" / names[0]).read_bytes() == dated[0].read_bytes()
    refused(command(home, "init", *names), "is there already, and nothing is overwritten")


def test_files_that_lie_in_data_raw_already_stay_where_they_are(dated, command):
    home = dated[0].parent / "study"
    (home / "data/raw").mkdir(parents=True)
    dated[0].rename(home / "data/raw/stays.csv")
    assert command(home, "init", "--from", "data/raw/stays.csv").status == 0
    assert (home / "data/raw/stays.csv").is_file()


@pytest.mark.parametrize("name", ["params.yaml", "notes.txt"])
def test_a_folder_that_holds_something_is_left_as_it_is(dated, command, tmp_path, name):
    study = tmp_path / "study"
    study.mkdir()
    (study / name).write_text("mine")
    result = command(tmp_path, "init", "--from", str(dated[0]), "--into", "study")
    refused(result, f"study/{name} is there already")
    assert [path.name for path in study.iterdir()] == [name]
    assert (study / name).read_text() == "mine"


def test_nothing_is_written_for_an_export_that_is_refused(tmp_path, command):
    path = tmp_path / "stays.csv"
    path.write_text("client_id,loc,admit_day,email\nP1,IOP,0,a@example.org\n")
    result = command(tmp_path, "init", "--from", "stays.csv", "--into", "study")
    refused(result, "e-mail addresses")
    assert "example" not in result.err
    assert not (tmp_path / "study").exists()


def test_init_without_a_file_or_with_a_missing_one_is_one_sentence(tmp_path, command):
    refused(command(tmp_path, "init"), "name the files of the export")
    refused(command(tmp_path, "init", "--from", "no.csv"), "no.csv is not there")


# The pipeline.


def without_code(deps):
    return [dep for dep in deps if not dep.startswith("src/")]


def test_the_pipeline_is_this_repositorys_own_without_simulation_and_code(dated, begun, root):
    """So that neither drifts from the other."""
    folder, _ = begun(dated)
    new = yaml.safe_load((folder / "dvc.yaml").read_text("utf-8"))["stages"]
    own = yaml.safe_load((root / "dvc.yaml").read_text("utf-8"))["stages"]
    assert list(new) == list(STAGES)[1:]
    for name, stage in new.items():
        expected = {**own[name], "deps": without_code(own[name]["deps"])}
        if name == "records":
            expected["deps"] = [f"data/raw/{path.name}" for path in dated] + ["mapping.yaml"]
        if name == "report":
            expected["deps"] = [*expected["deps"], "mapping.yaml"]
        assert stage == expected


@pytest.fixture
def dvc(tmp_path):
    """Run DVC in a folder; gives what it printed."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "DVC_NO_ANALYTICS": "1",
    }

    def run(folder, *command):
        result = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    return run


def test_a_changed_mapping_reruns_the_records_and_an_unchanged_one_does_not(in_days, begun, dvc):
    folder, _ = begun(in_days)
    answer(folder, answers={'"3.5": "???"': '"3.5": short-term residential'})
    dvc(folder, "git", "init", "--quiet")
    dvc(folder, "dvc", "init", "--quiet")
    assert "> iop-outcomes records" in dvc(folder, "dvc", "repro", "records")
    assert "Stage 'records' didn't change, skipping" in dvc(folder, "dvc", "repro", "records")

    path = folder / "mapping.yaml"
    path.write_text(path.read_text("utf-8").replace('"3.5": short', '"3.5": long'), "utf-8")
    assert re.search(r"modified: +mapping.yaml", dvc(folder, "dvc", "status", "records"))
    assert "> iop-outcomes records" in dvc(folder, "dvc", "repro", "records")
    stays = pd.read_parquet(folder / "data/records/stays.parquet")
    assert "short-term residential" not in set(stays["level_of_care"])


def test_the_whole_road_is_walked_from_an_export_to_a_report(dated, begun, command):
    folder, _ = begun(dated)
    answer(folder)
    params = folder / "params.yaml"
    text = params.read_text("utf-8").replace("washout_days: 60", "washout_days: 0")
    params.write_text(text, "utf-8")
    for station in list(STAGES)[1:]:
        result = command(folder, station)
        assert result.status == 0, result.err
    assert (folder / "data/report/report.html").stat().st_size > 50_000
