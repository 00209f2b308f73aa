"""The definitions as a page to read: docs/definitions.md is made of it, and of nothing else."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from iop_outcomes.protocol.definitions.definition import Definition, Domain
from iop_outcomes.protocol.definitions.weekly_rules import Condition, Weeks

OPENING = """\
# Outcomes, as they are defined

One row per definition. Each is a file in `src/iop_outcomes/protocol/definitions/`, and this page is
made from those files by `python .ci/write_definitions.py`: change a file, not the page.

A protocol reads an outcome by a definition with `definition_id: REL-0094`, in place of `events`,
`competing` and `first_day`, and by several with `other_definitions: [REL-SCH, REL-DROP]`; those of
weekly urines need `substances: [opiates]`, as the tests spell them. One that tells a time has a
`horizon_days`; one that tells yes or no has `horizon_days: null`; one that tells a number has no
risk and cannot be an outcome. [methods.md](methods.md) says how they are compared.

Weeks are weekly urines of planned treatment, counted from 1; a week is positive, negative, mixed
(both, or inconclusive) or missed. Days are counted from time zero, the start of the index stay.
Definitions marked *as published* equal columns of the table of published endpoints of CTN-0094
(Brandt et al. 2024, Addiction, doi 10.1111/add.16494) for every one of the 1,780 people of it that
the tests read, also where the table differs from the paper that it cites; then the note says so.
"""
HEADINGS = ("id", "definition", "needs", "tells", "rule", "missing", "time", "source", "notes")


def definitions_page(definitions: Mapping[str, Definition]) -> str:
    """All definitions in Markdown, a table for each domain.

    Examples
    --------
    >>> from iop_outcomes.protocol.definitions.reading import definition
    >>> page = definitions_page({"RET-30": definition("RET-30")})
    >>> page.splitlines()[-1][:60]
    '| RET-30 | still in the index stay after day 30 | stays | ye'
    """
    tables = [_table(domain, definitions) for domain in Domain]
    return "\n".join([OPENING, *(table for table in tables if table)])


def _table(domain: Domain, definitions: Mapping[str, Definition]) -> str:
    rows = [_row(one) for one in definitions.values() if one.domain == domain]
    if not rows:
        return ""
    head = [f"## {str(domain).capitalize()}", ""]
    return "\n".join([*head, _line(HEADINGS), _line(["---"] * len(HEADINGS)), *rows, ""])


def _row(one: Definition) -> str:
    tells = f"{one.answer}; {one.better} is better"
    if one.competing:
        tells += f"; competing: {', '.join(one.competing)}"
    notes = [
        "Descriptive only." if one.descriptive else "",
        f"*As published*: {', '.join(one.published_as)}." if one.published_as else "",
        one.note or "",
    ]
    return _line(
        [
            one.id,
            one.name,
            ", ".join(map(str, one.needs)),
            tells,
            _parameters(one.rule),
            one.missing,
            one.time,
            one.citation,
            " ".join(note for note in notes if note),
        ]
    )


def _parameters(rule: Any) -> str:
    """A rule and the parameters that it does not leave at their default."""
    words = [
        f"{item.name.replace('_', ' ')}: {_value(getattr(rule, item.name))}"
        for item in fields(rule)
        if item.name != "by" and getattr(rule, item.name) not in _unsaid(item)
    ]
    return "; ".join([rule.by, *words])


def _unsaid(item: Any) -> tuple[Any, ...]:
    # pydantic keeps the default in a field of its own.
    return (getattr(item.default, "default", item.default), None, (), {}, Weeks())


def _value(value: Any) -> str:
    if isinstance(value, Weeks):
        return _weeks(value)
    if isinstance(value, Condition):
        least = [] if value.at_least is None else [f"at least {value.at_least}"]
        most = [] if value.at_most is None else [f"at most {value.at_most}"]
        return f"{' and '.join(least + most)} {value.counted} in {_weeks(value.weeks)}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(f"week {week} weighs {weight:g}" for week, weight in value.items())
    if isinstance(value, tuple):
        return ", ".join(map(_value, value))
    return f"{value:g}" if isinstance(value, float) else str(value)


def _weeks(weeks: Weeks) -> str:
    if weeks.final is not None:
        return f"the last {weeks.final} week(s)"
    if weeks.among:
        return f"week(s) {', '.join(map(str, weeks.among))}"
    return f"weeks {weeks.first} to {weeks.last or 'the last'}"


def _line(cells: Any) -> str:
    return "| " + " | ".join(str(cell).replace("|", "/") for cell in cells) + " |"
