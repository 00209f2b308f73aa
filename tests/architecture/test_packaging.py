"""pyproject.toml, requirements.lock and environment.yml describe one environment."""

import re
import tomllib
from pathlib import Path

import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text("utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
PINS = [
    Requirement(line.removesuffix("\\").strip())
    for line in LOCK.splitlines()
    if re.match(r"\w", line)
]


def asked() -> list[Requirement]:
    extras = [line for lines in PROJECT["optional-dependencies"].values() for line in lines]
    return [Requirement(line) for line in [*PROJECT["dependencies"], *extras]]


def test_every_requirement_is_pinned_to_a_version_it_allows():
    pinned: dict[str, set[str]] = {}
    for pin in PINS:
        (only,) = pin.specifier
        assert only.operator == "=="
        pinned.setdefault(pin.name.lower().replace("_", "-"), set()).add(only.version)
    for requirement in asked():
        versions = pinned[requirement.name.lower()]
        assert all(version in requirement.specifier for version in versions), requirement


def test_every_pin_has_a_hash_and_no_address():
    blocks = re.split(r"\n(?=\w)", LOCK.strip())
    assert len(blocks) == len(PINS)
    assert all("--hash=sha256:" in block for block in blocks)
    assert "://" not in LOCK
    assert "index-url" not in LOCK


def test_conda_users_get_the_same_packages():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    *pip_lines, own = environment["dependencies"][-1]["pip"]
    assert own == "-e ."
    assert sorted(pip_lines) == sorted(
        line.removesuffix("\\").strip() for line in LOCK.splitlines() if re.match(r"\w", line)
    )
    assert f"python{PROJECT['requires-python']}" in environment["dependencies"]


def test_the_lock_covers_every_python_the_project_allows():
    for python in ("3.11.0", "3.12.1", "3.13.0"):
        here = {"python_full_version": python, "python_version": python[:4]}
        linux = {**here, "sys_platform": "linux", "platform_system": "Linux"}
        names = [pin.name for pin in PINS if pin.marker is None or pin.marker.evaluate(linux)]
        assert len(names) == len(set(names))
        assert {"numpy", "pandas", "scipy", "dvc"} <= set(names)


def test_the_version_is_told_once():
    from importlib.metadata import version

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert version("iop-outcomes") == PROJECT["version"] == citation["version"]
    assert f"## {PROJECT['version']}" in (ROOT / "CHANGELOG.md").read_text("utf-8")
