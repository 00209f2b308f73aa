"""A small study to spoil: its files are read by the command line, as a site would read them.

Every cell that says who or where holds the word CANARY, which no message may tell.
"""

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
import yaml
from openpyxl import Workbook

from iop_outcomes.cli import main
from iop_outcomes.records.ingestion import read_records
from iop_outcomes.records.schema import TABLES

CANARY = "zanzibar"
PERSONS = 40
LEVELS = ("intensive outpatient", "short-term residential", "outpatient", "inpatient")
REASONS = ("completed", "dropped out", "transferred", "")


def _tables() -> dict[str, pd.DataFrame]:
    """Forty people with a stay each, and an event for every second; all text, as in a file."""
    number = range(PERSONS)
    persons = {
        "person_id": [f"{CANARY}{k:03}" for k in number],
        "first_observed_day": ["-365"] * PERSONS,
        "last_observed_day": [str(200 + k) for k in number],
    }
    stays = {
        "stay_id": [f"{CANARY}-s{k:03}" for k in number],
        "person_id": persons["person_id"],
        "facility_id": [f"{CANARY}-f{k % 4}" for k in number],
        "level_of_care": [LEVELS[k % 4] for k in number],
        "start_day": [str(k % 7) for k in number],
        "end_day": ["" if k % 4 == 3 else str(20 + k) for k in number],
        "exit_reason": [REASONS[k % 4] for k in number],
        "admission_year": ["2023"] * PERSONS,
        "age_years": [str(20 + k) for k in number],
        "beck": [str(k / 2) for k in number],
    }
    events = {
        "person_id": persons["person_id"][::2],
        "day": [str(100 + k) for k in number][::2],
        "kind": ["return to use"] * (PERSONS // 2),
    }
    tables = {"persons": persons, "stays": stays, "events": events}
    return {name: pd.DataFrame(cells, dtype="str") for name, cells in tables.items()}


@dataclass
class Study:
    """A folder with a protocol and raw files."""

    folder: Path
    base: dict
    source: dict = field(default_factory=lambda: {"kind": "site_export"})

    @property
    def raw(self) -> Path:
        return self.folder / "data/raw"

    def write_params(self) -> Path:
        params = {"protocol": {**self.base["protocol"], "source": self.source}}
        path = self.folder / "params.yaml"
        path.write_text(json.dumps(params, default=str), "utf-8")  # which is YAML too
        return path

    def spoil(self, name: str, change) -> None:
        """Put what `change` makes of a file's text in its place: text, or bytes."""
        path = self.raw / name
        spoilt = change(path.read_text("utf-8"))
        path.write_bytes(spoilt if isinstance(spoilt, bytes) else spoilt.encode())

    def read(self):
        return read_records(self.raw, SimpleNamespace(source=self.source))

    def map_stays(self, file: str, sheet: str | None = None) -> None:
        """Let the stays be read from another file, in our columns."""
        names = {
            name: {column: column for column, spec in TABLES[name].items() if not spec.optional}
            for name in TABLES
        }
        self.source = {
            "kind": "site_export",
            "tables": {
                "persons": {"file": "persons.csv", "columns": names["persons"]},
                "stays": {
                    "file": file,
                    **({"sheet": sheet} if sheet else {}),
                    "columns": names["stays"],
                    "covariates": {"beck": "beck"},
                },
                "events": {"file": "events.csv", "columns": names["events"]},
            },
        }


@pytest.fixture(scope="session")
def base(root):
    return yaml.safe_load((root / "params.yaml").read_text("utf-8"))


@pytest.fixture(scope="session")
def tables():
    """The clean tables, as text; copy before changing."""
    return _tables()


@pytest.fixture(scope="session")
def new_study(base, tables):
    """The clean study in a folder: persons.csv, stays.csv and events.csv."""

    texts = {
        f"{name}.csv": table.to_csv(index=False, lineterminator="\n")
        for name, table in tables.items()
    }

    def make(folder: Path) -> Study:
        made = Study(folder, base)
        made.raw.mkdir(parents=True)
        for name, text in texts.items():
            (made.raw / name).write_text(text, "utf-8")
        return made

    return make


@pytest.fixture
def study(tmp_path, new_study):
    """The clean study, to spoil."""
    return new_study(tmp_path / "study")


@pytest.fixture(scope="session")
def clean(tmp_path_factory, new_study):
    """The records of the clean study."""
    return new_study(tmp_path_factory.mktemp("clean") / "study").read()


@pytest.fixture
def station(monkeypatch, capsys):
    """Run `iop-outcomes records` on a study; gives status, out and err."""

    def run(study: Study):
        params = study.write_params()
        data = study.folder / "data"
        arguments = ["records", "--params", str(params), "--data", str(data)]
        monkeypatch.setattr(sys, "argv", ["iop-outcomes", *arguments])
        capsys.readouterr()
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        captured = capsys.readouterr()
        return SimpleNamespace(status=status, out=captured.out, err=captured.err)

    return run


@pytest.fixture
def refuses(station):
    """One sentence on stderr, exit status 2, no cell told, nothing written; gives the sentence."""

    def sentence(study: Study, *said: str, longest=600) -> str:
        result = station(study)
        assert result.status == 2, result.err
        assert result.out == ""
        assert result.err.startswith("iop-outcomes: ")
        assert result.err.endswith("\n")
        assert len(result.err.splitlines()) == 1, "a refusal is one sentence"
        told = result.err.replace(str(study.folder), "")
        assert CANARY not in told.lower(), "a refusal tells no cell"
        assert "Traceback" not in told
        assert len(told) < longest
        for part in said:
            assert part in told, told
        assert not (study.folder / "data/records").exists()
        return told

    return sentence


@pytest.fixture
def reads_as(clean):
    """The records equal the clean ones, and each row of each file is accounted for."""

    def compare(study: Study, expected=clean, names=("persons", "stays", "events")):
        records = study.read()
        for name in names:
            found, due = getattr(records, name), getattr(expected, name)
            assert sorted(found.columns) == sorted(due.columns)
            pd.testing.assert_frame_equal(found[due.columns], due)
        adds_up(records)
        return records

    def adds_up(records):
        ledger, rows = records.ledger.set_index("table"), records.provenance["rows"]
        accounted = ledger["accepted"] + ledger["duplicates"] + ledger["quarantined"]
        assert (ledger["read"] == accounted).all()
        assert rows.tolist() == ledger["read"].tolist()
        assert rows.tolist() == [PERSONS, PERSONS, PERSONS // 2]

    return compare


@pytest.fixture
def workbook(study, tables):
    """Put the stays into a workbook that `change` spoils, read in place of stays.csv."""

    def write(change=lambda book: None, name="stays.xlsx", sheet=None, table=tables["stays"]):
        book = Workbook()
        book.active.title = "stays"
        book.active.append(list(table.columns))
        for row in table.itertuples(index=False):
            book.active.append([_number_or_text(cell) for cell in row])
        change(book)
        book.save(study.raw / name)
        study.map_stays(name, sheet)
        return study.raw / name

    return write


def _number_or_text(cell: str) -> str | int | float | None:
    if cell.lstrip("-").isdigit():
        return int(cell)
    return float(cell) if "." in cell else cell or None
