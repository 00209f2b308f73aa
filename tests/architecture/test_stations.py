"""dvc.yaml, the code and the command line tell the same story."""

from pathlib import Path

import grimp
import pytest
import yaml
from typer.testing import CliRunner

from iop_outcomes.cli import STATIONS, app
from iop_outcomes.stages import STAGES

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = yaml.safe_load((ROOT / "dvc.yaml").read_text("utf-8"))["stages"]
GRAPH = grimp.build_graph("iop_outcomes")
CALLS = {  # the modules whose functions each stage calls
    "simulate": ["records.simulation", "calibration.planted_truth"],
    "records": ["records.ingestion"],
    "cohort": ["cohort.assembly"],
    "weighting": ["analysis.weighting"],
    "comparison": ["analysis.comparison"],
    "robustness": ["analysis.robustness"],
    "report": ["report.document"],
}


def room(module: str) -> str:
    """Folder or file directly under src/iop_outcomes that holds `module`."""
    name = module.split(".")[1]
    path = Path("src/iop_outcomes") / name
    return str(path if (ROOT / path).is_dir() else path.with_suffix(".py"))


def outputs(stage: dict) -> list[str]:
    entries = [*stage["outs"], *stage.get("metrics", [])]
    return [entry if isinstance(entry, str) else next(iter(entry)) for entry in entries]


def test_every_station_is_a_stage_a_command_and_a_function_of_the_same_name():
    assert list(PIPELINE) == list(STAGES) == list(STATIONS)
    for name, stage in PIPELINE.items():
        assert stage["cmd"] == f"iop-outcomes {name}"


def test_every_station_writes_into_the_folder_of_its_name():
    for name, stage in PIPELINE.items():
        folder = "data/raw/simulated" if name == "simulate" else f"data/{name}"
        assert all(out == folder or out.startswith(f"{folder}/") for out in outputs(stage))


def test_the_command_line_describes_every_station_in_the_words_of_the_pipeline():
    shown = CliRunner().invoke(app, ["--help"], terminal_width=200).output
    for name, stage in PIPELINE.items():
        assert STATIONS[name] == stage["desc"]
        assert f"{name} " in shown


@pytest.mark.parametrize("name", PIPELINE)
def test_a_stage_depends_on_all_the_code_it_runs(name):
    called = {f"iop_outcomes.{module}" for module in CALLS[name]}
    upstream = called.union(*(GRAPH.find_upstream_modules(module) for module in called))
    needed = {room(module) for module in upstream if "." in module}
    listed = {dep for dep in PIPELINE[name]["deps"] if dep.startswith("src/")}
    assert listed == needed, f"add: {sorted(needed - listed)}, drop: {sorted(listed - needed)}"


def test_the_stages_call_the_modules_this_test_believes_they_call():
    direct = GRAPH.find_modules_directly_imported_by("iop_outcomes.stages")
    believed = {f"iop_outcomes.{module}" for modules in CALLS.values() for module in modules}
    assert believed <= direct


def test_weighting_cannot_see_an_outcome():
    data = [dep for dep in PIPELINE["weighting"]["deps"] if dep.startswith("data/")]
    assert data == ["data/cohort/persons.parquet"]
    assert not [param for param in PIPELINE["weighting"]["params"] if "outcome" in param]


def test_person_level_artefacts_are_never_pushed_and_released_ones_are_text_in_git_or_cached():
    for name, stage in PIPELINE.items():
        for entry in stage["outs"]:
            if name != "report":
                assert next(iter(entry.values())) == {"push": False}
    metrics = PIPELINE["report"]["metrics"][0]
    assert metrics == {"data/report/metrics.json": {"cache": False}}


def test_every_command_is_documented_and_every_error_class_says_who_mends():
    import iop_outcomes.errors as errors

    for thing in vars(errors).values():
        if isinstance(thing, type) and issubclass(thing, errors.StudyError):
            assert thing.__doc__
