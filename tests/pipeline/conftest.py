"""Studies small enough to walk in a test, and the command line without a new process."""

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from iop_outcomes.cli import main
from iop_outcomes.records.simulation import simulate_records


@dataclass
class Result:
    status: int
    out: str
    err: str


@pytest.fixture
def command(monkeypatch, capsys):
    """Run `iop-outcomes` with arguments in a folder; gives status, out and err."""

    def run(folder: Path, *arguments: str) -> Result:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["iop-outcomes", *arguments])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = stop.code or 0
        captured = capsys.readouterr()
        return Result(status, captured.out, captured.err)

    return run


@pytest.fixture(scope="session")
def _simulated(tmp_path_factory, root):
    folder = tmp_path_factory.mktemp("simulated")
    records = simulate_records(1500, seed=5, facilities=8)
    (folder / "data/raw/simulated").mkdir(parents=True)
    for name in ("persons", "stays", "scores", "events"):
        getattr(records, name).to_csv(folder / f"data/raw/simulated/{name}.csv", index=False)
    shutil.copy(root / "params.yaml", folder)
    return folder


@pytest.fixture
def study(_simulated, tmp_path):
    """A folder with a protocol and simulated raw files, to spoil at will."""
    folder = tmp_path / "study"
    shutil.copytree(_simulated, folder)
    return folder


@pytest.fixture
def change():
    """Change one value of a study's params.yaml, by its dotted path."""

    def apply(folder: Path, path: str, value) -> None:
        params = yaml.safe_load((folder / "params.yaml").read_text("utf-8"))
        *parents, key = path.split(".")
        section = params
        for parent in parents:
            section = section[parent]
        section[key] = value
        (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")

    return apply
