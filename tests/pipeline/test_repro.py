"""`dvc repro`: everything once, nothing twice, only what a change touches, and the same bytes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

SMALL = {"persons": 2000, "facilities": 8, "log_hazard_ratio": 0.0, "seed": 1}


class Repository:
    """A copy of this repository with a small study, in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder.parent),
            "DVC_NO_ANALYTICS": "1",
        }

    def run(self, *command: str) -> str:
        result = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout + result.stderr

    def repro(self, *flags: str) -> tuple[list[str], list[str]]:
        """Stages that ran, and stages that were skipped."""
        said = self.run("dvc", "repro", *flags)
        ran = re.findall(r"^> iop-outcomes (\w+)", said, re.MULTILINE)
        return ran, re.findall(r"Stage '(\w+)' didn't change, skipping", said)

    def report(self) -> dict[str, bytes]:
        folder = self.folder / "data/report"
        files = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}

    def change(self, change) -> None:
        path = self.folder / "params.yaml"
        params = yaml.safe_load(path.read_text("utf-8"))
        change(params)
        path.write_text(yaml.safe_dump(params, sort_keys=False), "utf-8")


@pytest.fixture(scope="module")
def repository(root, tmp_path_factory):
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=root, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if tracked.returncode:
        pytest.skip("the pipeline's files are listed by git, and this is no git checkout")
    folder = tmp_path_factory.mktemp("home") / "repository"
    for name in tracked.stdout.splitlines():
        if (root / name).is_file() and not name.startswith(("tests/", "dvc.lock")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, folder / name)
    made = Repository(folder)
    made.run("git", "init", "--quiet")
    made.change(
        lambda params: params.update(simulation=SMALL, robustness={"all": {"estimand": "ATE"}})
    )
    return made


STATIONS = ["simulate", "records", "cohort", "weighting", "comparison", "robustness", "report"]


def test_the_road_is_walked_once_and_not_again_and_gives_the_same_bytes_when_forced(repository):
    ran, _ = repository.repro()
    assert ran == STATIONS
    first = repository.report()
    assert {"report.html", "summary.md", "metrics.json"} <= set(first)

    ran, skipped = repository.repro()
    assert (ran, skipped) == ([], STATIONS)

    ran, _ = repository.repro("-f")
    assert ran == STATIONS
    assert repository.report() == first


def test_a_changed_horizon_reruns_the_outcomes_and_not_the_weighting(repository):
    repository.repro()
    repository.change(lambda p: p["protocol"]["outcomes"]["relapse"].update(horizon_days=120))
    ran, skipped = repository.repro()
    assert ran == ["cohort", "comparison", "robustness", "report"]
    assert "weighting" in skipped
    assert "by day 120" in (repository.folder / "data/report/summary.md").read_text("utf-8")


def test_a_changed_margin_reruns_no_cohort(repository):
    repository.repro()
    repository.change(
        lambda p: p["protocol"]["noninferiority"]["relapse"].update(risk_difference=0.05)
    )
    ran, _ = repository.repro()
    assert ran == ["comparison", "robustness", "report"]


def test_freezing_the_protocol_reruns_the_report_alone(repository):
    """What was computed did not change; what the report says of it did."""
    repository.repro()
    repository.run("iop-outcomes", "freeze", "--by", "this test")
    assert repository.repro()[0] == ["report"]
    assert repository.repro()[0] == []


def test_byte_code_is_not_code(repository):
    """A compiled file beside the source must not rerun the stage."""
    repository.repro()
    cache = repository.folder / "src/iop_outcomes/cohort/__pycache__"
    cache.mkdir(exist_ok=True)
    (cache / "assembly.cpython-311.pyc").write_bytes(b"")
    assert repository.repro()[0] == []
