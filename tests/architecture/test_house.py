"""The house rules that a machine can hold."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import iop_outcomes

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def test_imports_only_go_down():
    result = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_file_can_be_read_in_a_sitting_and_a_function_does_one_thing(path):
    text = path.read_text("utf-8")
    assert text.count("\n") <= 320
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            documented = ast.get_docstring(node) is not None
            start = node.body[1 if documented and len(node.body) > 1 else 0].lineno
            assert node.end_lineno - start < 70, node.name


def test_every_module_opens_with_what_it_is_for():
    for path in SOURCES:
        assert ast.get_docstring(ast.parse(path.read_text("utf-8"))), path


def test_every_public_name_can_be_fetched_and_is_documented():
    for name in iop_outcomes.__all__:
        assert getattr(iop_outcomes, name).__doc__
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = iop_outcomes.nothing
    assert set(iop_outcomes.__all__) == set(iop_outcomes._HOME) <= set(dir(iop_outcomes))


def test_importing_the_package_loads_no_heavy_library():
    code = "import sys, iop_outcomes; print(*sorted(sys.modules))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.split())
    assert not loaded & {"numpy", "pandas", "scipy", "matplotlib", "pydantic"}


def test_nothing_tracked_names_a_download_address_of_packages():
    index = re.compile(r"https?://[^\s\"']*(pypi|pythonhosted|/simple)", re.IGNORECASE)
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    if tracked.returncode:
        pytest.skip("not a git checkout")
    for name in tracked.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix in {
            "",
            ".py",
            ".yaml",
            ".yml",
            ".toml",
            ".lock",
            ".md",
            ".txt",
            ".cfg",
        }:
            assert not index.search(path.read_text("utf-8", errors="ignore")), name
