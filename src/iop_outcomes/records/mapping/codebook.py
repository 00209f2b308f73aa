"""The names and codes that sites use, read from a file and looked up by what they look like."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from iop_outcomes.records.deidentification.column_names import in_words
from iop_outcomes.records.schema import TABLES
from iop_outcomes.records.sources import columns

CODEBOOK = Path(columns.__file__).with_name("codebooks") / "site_exports.yaml"
CODED = {"level_of_care": "stays", "exit_reason": "stays", "result": "tests", "kind": "events"}
LEVEL = re.compile(r"^(?:asam|level|loc|lvl|of care|\s)+")
ASAM = re.compile(r"^(?P<level>\d(?:\.\d)?)(?P<wm> ?wm)?(?: (?P<after>[a-z].*))?$")
ASAM_LAST = re.compile(r"^(?P<before>[a-z].*) (?P<level>\d(?:\.\d)?)(?P<wm> ?wm)?$")


@cache
def site_exports() -> dict[str, Any]:
    """The codebook as plain values."""
    return yaml.safe_load(CODEBOOK.read_text("utf-8"))


def plain_name(column: str) -> str:
    """A column's name in lower case, its words apart.

    Examples
    --------
    >>> plain_name("AdmDate"), plain_name("ADM-DATE"), plain_name("phq9_total")
    ('adm date', 'adm date', 'phq9 total')
    """
    return in_words(column).strip("_").replace("_", " ")


def plain_code(code: str) -> str:
    """A code in lower case with single blanks; points and plus signs stay.

    Examples
    --------
    >>> plain_code("Non-intensive  Outpatient"), plain_code("Level 2.1"), plain_code("+")
    ('non intensive outpatient', 'level 2.1', '+')
    """
    return re.sub(r"[^a-z0-9.+]+", " ", code.lower()).strip(" .") or code.strip()


@cache
def allowed(target: str) -> tuple[str, ...]:
    """Our words of a coded column."""
    return tuple(map(str, TABLES[CODED[target]][target].among))


@cache
def _words(target: str) -> dict[str, str]:
    ours = {plain_code(word): word for word in allowed(target)}
    theirs = site_exports()["words"][target].items()
    return ours | {plain_code(code): word for word, codes in theirs for code in codes}


@cache
def _open(target: str) -> dict[str, str]:
    asked = site_exports()["open"].get(target, {})
    return {plain_code(code): question for question, codes in asked.items() for code in codes}


@cache
def _instruments() -> dict[str, str]:
    return {plain_code(n): k for k, names in site_exports()["instruments"].items() for n in names}


@cache
def asam() -> dict[str, str]:
    """ASAM's levels of the third and the fourth edition; they contradict each other nowhere."""
    return {level: word for words in columns.standards().values() for level, word in words.items()}


def word_of(target: str, code: str) -> str | None:
    """Our word for a site's code; None if no published or usual meaning is known.

    Examples
    --------
    >>> word_of("level_of_care", "IOP"), word_of("level_of_care", "ASAM 2.5 (PHP)")
    ('intensive outpatient', 'partial hospitalization')
    >>> word_of("exit_reason", "AMA"), word_of("exit_reason", "C")
    ('dropped out', None)
    """
    plain = plain_code(code)
    found = _words(target).get(plain)
    return _level_of(plain) if found is None and target == "level_of_care" else found


def question_about(target: str, code: str) -> str | None:
    """What to find out about a code whose name is known and whose meaning is not."""
    plain = plain_code(code)
    asked = _open(target)
    bare = LEVEL.sub("", plain) if target == "level_of_care" else plain
    return asked.get(plain) or asked.get(bare)


def instrument_of(code: str) -> str | None:
    """Our name of an instrument.

    Examples
    --------
    >>> instrument_of("PHQ-9"), instrument_of("GAD7"), instrument_of("mood")
    ('phq9', 'gad7', None)
    """
    return _instruments().get(plain_code(code))


def instrument_in_name(column: str) -> str | None:
    """The instrument whose total a column holds, by its name.

    Examples
    --------
    >>> instrument_in_name("PHQ9_total"), instrument_in_name("phq9_item1")
    ('phq9', None)
    """
    name = plain_name(column)
    endings = ["", *(f" {ending}" for ending in site_exports()["totals"])]
    found = {_instruments().get(name.removesuffix(end)) for end in endings if name.endswith(end)}
    return next(iter(found - {None}), None)


def _level_of(plain: str) -> str | None:
    """The level that an ASAM number beside words stands for, if both say the same."""
    found = ASAM.match(LEVEL.sub("", plain)) or ASAM_LAST.match(LEVEL.sub("", plain))
    if found is None:
        return None
    parts = found.groupdict()
    number = parts["level"] + ("-WM" if parts["wm"] else "")
    beside = parts.get("after") or parts.get("before")
    # A bare `1` or `4` may be anybody's own numbering.
    if beside is None and "." not in number and plain == parts["level"]:
        return None
    said = {asam().get(number), _words("level_of_care").get(beside) if beside else None} - {None}
    return said.pop() if len(said) == 1 else None
