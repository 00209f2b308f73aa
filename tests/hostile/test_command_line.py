"""The command itself, as a process of its own: what a shell and DVC see of a hostile file."""

import os
import subprocess
import sys

import pytest

from iop_outcomes.cli import main


@pytest.fixture
def command(study):
    """Run the records station in a new process."""

    def run(**environment):
        params, data = study.write_params(), study.folder / "data"
        return subprocess.run(
            [sys.executable, "-m", "iop_outcomes", "records", "--params", params, "--data", data],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
            env={**os.environ, **environment},
        )

    return run


FAULTS = {
    "a day beyond all numbers": lambda text: text.replace(",0,", f",{2**63},"),
    "letters of Latin-1, on a machine that knows ASCII alone": lambda text: text.replace(
        "-f1", "-fé"
    ).encode("latin-1"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_hostile_file_is_one_sentence_and_status_2(study, command, fault):
    study.spoil("stays.csv", FAULTS[fault])
    done = command(LC_ALL="C", PYTHONUTF8="0", PYTHONWARNINGS="default")
    assert done.returncode == 2, done.stderr
    assert done.stdout == ""
    assert done.stderr.startswith("iop-outcomes: ")
    assert len(done.stderr.splitlines()) == 1
    assert "zanzibar" not in done.stderr
    assert not (study.folder / "data/records").exists()


def test_a_clean_file_is_silence_and_a_refused_one_leaves_its_records_as_they_were(study, command):
    done = command()
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    before = {p.name: p.read_bytes() for p in (study.folder / "data/records").iterdir()}
    assert "stays.parquet" in before
    study.spoil("stays.csv", lambda text: text[:-12])
    done = command()
    assert (done.returncode, done.stdout) == (2, "")
    assert "stays.csv has 1 row(s) with fewer cells than its header" in done.stderr
    assert {p.name: p.read_bytes() for p in (study.folder / "data/records").iterdir()} == before


GUESSED = {
    "a text that is called a workbook": ("stays.xlsx", lambda text: text, "no Excel workbook"),
    "a workbook cut short": ("stays.xlsx", lambda text: "PK\x03\x04zanzibar", "no Excel workbook"),
    "a text in UTF-16": ("stays.csv", lambda text: text.encode("utf-16"), "is text in UTF-16"),
    "a text with semicolons": ("stays.csv", lambda t: t.replace(",", ";"), "by semicolons"),
    "a row cut short": ("stays.csv", lambda text: text[:-12], "1 row(s) with fewer cells"),
}


@pytest.mark.parametrize("fault", GUESSED)
def test_a_guess_at_a_hostile_file_is_one_sentence_too(study, monkeypatch, capsys, fault):
    name, change, said = GUESSED[fault]
    study.spoil("stays.csv", change)
    file = (study.raw / "stays.csv").rename(study.raw / name)
    guess = study.folder / "guess"
    monkeypatch.setattr(
        sys, "argv", ["iop-outcomes", "init", "--from", str(file), "--into", str(guess)]
    )
    with pytest.raises(SystemExit) as stop:
        main()
    told = capsys.readouterr()
    assert (stop.value.code, told.out) == (2, "")
    assert len(told.err.splitlines()) == 1
    assert said in told.err
    assert "zanzibar" not in told.err
    assert not (guess / "mapping.yaml").exists()
