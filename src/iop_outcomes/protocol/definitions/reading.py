"""The files of definitions, read and checked."""

from collections.abc import Mapping
from dataclasses import fields
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, TypeAdapter, ValidationError, WithJsonSchema

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.complaints import refuse_blanks, unknown_key
from iop_outcomes.protocol.definitions.care_rules import CareRule
from iop_outcomes.protocol.definitions.definition import Answer, Definition
from iop_outcomes.protocol.definitions.event_rules import EventRule
from iop_outcomes.protocol.definitions.weekly_rules import Condition, WeeklyRule, Weeks
from iop_outcomes.protocol.yaml_files import read_yaml

FOLDER = Path(__file__).parent
DEFINITION = TypeAdapter(Definition)
RULES = {
    get_args(rule.__annotations__["by"])[0]: rule
    for rule in (*get_args(WeeklyRule), *get_args(CareRule), *get_args(EventRule))
}
PARTS = {"weeks": Weeks, "conditions": Condition}  # mappings within a rule
# A file is called as its identifier, so the names are known before any file is read.
IDENTIFIERS = tuple(sorted(path.stem.upper().replace("_", "-") for path in FOLDER.glob("*.yaml")))
NEAR = 3  # identifiers that a complaint offers


def _known_identifier(identifier: str) -> str:
    if identifier not in IDENTIFIERS:
        near = get_close_matches(identifier.upper(), IDENTIFIERS, n=NEAR)
        hint = f"did you mean {' or '.join(near)}?" if near else "docs/definitions.md lists them"
        raise ValueError(f"no definition is called {identifier}; {hint}")
    return identifier


Identifier = Annotated[
    str,
    AfterValidator(_known_identifier),
    WithJsonSchema({"type": "string", "enum": list(IDENTIFIERS)}),
]


def read_definitions(folder: Path = FOLDER) -> dict[str, Definition]:
    """Every definition by its identifier, in alphabetical order.

    Raises
    ------
    ProtocolError
        A file is not YAML, has an unknown, missing or doubled key or a value that cannot be, is
        not called as its identifier, or names a component that is not there or has no day.

    Examples
    --------
    >>> read_definitions()["REL-0094"].name
    'relapse: four weeks in a row positive, mixed or missed'
    """
    if folder == FOLDER:
        return dict(_own())
    return _read(folder)


def definition(identifier: str) -> Definition:
    """The definition of this identifier.

    Raises
    ------
    ProtocolError
        There is none; says which one was meant.
    """
    known = _own()
    if identifier not in known:
        raise unknown_key("definitions", identifier, known)
    return known[identifier]


def parse_definition(values: Any, where: str) -> Definition:
    """Check plain values against the types of a definition; `where` begins every complaint."""
    if not isinstance(values, Mapping):
        raise ProtocolError(f"{where}: holds no keys; it needs `id:`, `name:` and the others")
    refuse_blanks(values, where)
    try:
        return DEFINITION.validate_python(values)
    except ValidationError as error:
        raise _complaint(error, values, where) from None


@cache
def _own() -> dict[str, Definition]:
    return _read(FOLDER)


def _read(folder: Path) -> dict[str, Definition]:
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        values = read_yaml(path, "definitions lie in one folder")
        one = parse_definition(values, path.name)
        if path.name != f"{one.id.lower().replace('-', '_')}.yaml":
            raise ProtocolError(f"{path.name}: the file must be called as its id, {one.id}")
        found[one.id] = one
    for one in found.values():
        for component in one.components:
            if component not in found:
                raise ProtocolError(f"{one.id}: its component {component} is not defined")
            if found[component].answer != Answer.TIME:
                raise ProtocolError(f"{one.id}: its component {component} has no day")
    return found


def _complaint(error: ValidationError, values: Mapping[str, Any], where: str) -> ProtocolError:
    """The first complaint: path, fault, remedy."""
    first = error.errors()[0]
    # The word that tells the rules apart stands in the path although nobody wrote it there.
    path = [part for part in first["loc"] if part not in RULES]
    parent = ".".join([where, *map(str, path[:-1])])
    at = ".".join([where, *map(str, path)])
    match first["type"]:
        case "unexpected_keyword_argument":
            known = [field.name for field in fields(_type_at(path[:-1], values))]
            return unknown_key(parent, str(path[-1]), known)
        case "missing" | "missing_keyword_only_argument":
            return ProtocolError(f"{parent}: the key `{path[-1]}` is missing")
        case "union_tag_invalid" | "union_tag_not_found":
            return ProtocolError(f"{at}: `by` must be one of {list(RULES)}")
        case "value_error":
            return ProtocolError(f"{at}: {first['ctx']['error']}")
        case _:
            return ProtocolError(f"{at}: {first['msg'][0].lower()}{first['msg'][1:]}")


def _type_at(path: list[str | int], values: Mapping[str, Any]) -> type:
    inner = [part for part in path if isinstance(part, str)]
    if not inner:
        return Definition
    rule = values["rule"]
    by = rule["by"] if isinstance(rule, Mapping) else rule.by
    return PARTS.get(inner[-1], RULES[by])
