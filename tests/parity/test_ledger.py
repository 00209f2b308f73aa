"""The page of parity is that of the ledgers, and every row of a ledger is whole."""

import runpy

import pytest

LEDGERS = ("propensity", "matching", "effects", "curves", "cox", "time")
HEAD = ["what", "ours", "reference", "difference", "why"]


def test_the_page_is_written_from_the_ledgers(root):
    page = runpy.run_path(str(root / ".ci/write_parity.py"))["parity_page"]()
    assert (root / "docs/parity.md").read_text("utf-8") == page


@pytest.mark.parametrize("name", LEDGERS)
def test_every_row_says_what_is_ours_what_is_theirs_and_why(root, name):
    lines = (root / f"tests/parity/ledger/{name}.md").read_text("utf-8").strip().splitlines()
    cells = [[cell.strip() for cell in _cells(line)] for line in lines]
    assert cells[0] == HEAD
    for row in cells[2:]:
        assert len(row) == len(HEAD), row[0]
        assert all(row), row[0]


def _cells(line):
    return line.strip().strip("|").replace("\\|", "!").split("|")
