"""docs/library.md: every public name once, called as it is called and described as it describes
itself."""

import inspect
import re
from pathlib import Path

import pytest

import iop_outcomes

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "library.md").read_text("utf-8")
ROWS = dict(re.findall(r"^\| `(\w+)([^|]*\|[^|]*) \|$", PAGE, re.MULTILINE))


def row(name: str) -> str:
    """What the page says of a name: for a function the arguments that it must have."""
    thing = getattr(iop_outcomes, name)
    line = inspect.getdoc(thing).splitlines()[0]
    if not inspect.isfunction(thing):
        return f"` | {line}"
    asked = [
        f"{each.name}=..." if each.kind is each.KEYWORD_ONLY else each.name
        for each in inspect.signature(thing).parameters.values()
        if each.default is each.empty and each.kind is not each.VAR_KEYWORD
    ]
    return f"({', '.join(asked)})` | {line}"


@pytest.mark.parametrize("name", iop_outcomes.__all__)
def test_a_public_name_stands_on_the_page_as_it_is(name):
    assert ROWS[name] == row(name)


def test_the_page_holds_no_other_name_and_none_twice():
    assert sorted(ROWS) == sorted(iop_outcomes.__all__)
    assert len(re.findall(r"^\| `", PAGE, re.MULTILINE)) == len(ROWS)
