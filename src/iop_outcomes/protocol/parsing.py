"""params.yaml to Protocol; an unknown or missing key is an error that names its path."""

import json
from collections.abc import Hashable, Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import date
from difflib import get_close_matches
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_type_hints

import yaml
from pydantic import TypeAdapter, ValidationError

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.specification import Protocol

PROTOCOL = TypeAdapter(Protocol)


def read_protocol(path: Path | str) -> Protocol:
    """Read the `protocol` section of a params file.

    Raises
    ------
    ProtocolError
        The file is missing or is not YAML; a key is unknown, missing, doubled or has a value that
        cannot be.
    """
    return parse_protocol(read_section(path, "protocol"), "protocol")


def read_alternatives(path: Path | str) -> dict[str, Protocol]:
    """Read the protocols that differ from the main one as the `robustness` section says."""
    base = read_section(path, "protocol")
    parse_protocol(base, "protocol")
    changes = read_section(path, "robustness", default={})
    if not isinstance(changes, Mapping):
        raise ProtocolError("robustness: write a name for each alternative, then what changes")
    return {
        name: parse_protocol(_overlay(base, change, f"robustness.{name}"), f"robustness.{name}")
        for name, change in changes.items()
    }


def parse_protocol(section: Mapping[str, Any], where: str) -> Protocol:
    """Check a mapping against the protocol's types; `where` begins every complaint."""
    outcomes = section.get("outcomes") if isinstance(section, Mapping) else None
    for name, outcome in outcomes.items() if isinstance(outcomes, Mapping) else ():
        if isinstance(outcome, Mapping) and "name" in outcome:
            raise ProtocolError(
                f"{where}.outcomes.{name}: unknown key `name`; its name is the key it stands under"
            )
    try:
        return PROTOCOL.validate_python(section)
    except ValidationError as error:
        raise ProtocolError(_sentence(error, section, where)) from None


def protocol_hash(protocol: Protocol) -> str:
    """Twelve hexadecimal digits that change whenever the protocol's meaning does.

    Comments, spacing and the order of keys in the file do not count.
    """
    plain = asdict(protocol)
    plain["outcomes"] = {outcome["name"]: outcome for outcome in plain["outcomes"]}
    canonical = json.dumps(_spelled(plain), sort_keys=True, ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()[:12]


def _spelled(value: Any) -> Any:
    """The same value with every key and date as text, so that it can be put in order."""
    if isinstance(value, Mapping):
        return {str(key): _spelled(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_spelled(inner) for inner in value]
    return value.isoformat() if isinstance(value, date) else value


def read_section(path: Path | str, name: str, default: Any = None) -> Any:
    """One top-level section of a params file, as plain values."""
    try:
        text = Path(path).read_text("utf-8")
    except FileNotFoundError:
        raise ProtocolError(
            f"{path} is not there; run this from a study's folder, or name its file with --params"
        ) from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise ProtocolError(f"{path} is not a text file in UTF-8; save it as one") from None
    try:
        sections = yaml.load(text, Loader=_NoDoubledKeys)  # a safe loader: see below
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ProtocolError(f"{path}{line}: {problem}") from None
    if not isinstance(sections, dict):
        raise ProtocolError(f"{path} holds no sections; it needs `protocol:`")
    if name not in sections and default is None:
        raise ProtocolError(f"{path} has no section `{name}:`; it has {sorted(map(str, sections))}")
    return sections.get(name) or default


class _NoDoubledKeys(yaml.SafeLoader):
    """A safe loader for which a key written twice is an error, not the last one winning."""

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, Hashable):
                raise yaml.constructor.ConstructorError(
                    None, None, "a key must be a word or a number", key_node.start_mark
                )
            if key in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key `{key}` stands twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _overlay(base: Mapping[str, Any], change: Any, where: str) -> dict[str, Any]:
    if not isinstance(change, Mapping):
        raise ProtocolError(f"{where}: write what changes, e.g. {{estimand: ATE}}")
    merged = {
        key: _overlay(base[key], value, f"{where}.{key}")
        if isinstance(base.get(key), Mapping)
        else value
        for key, value in change.items()
    }
    return {**base, **merged}


def _sentence(error: ValidationError, section: Mapping[str, Any], where: str) -> str:
    """The first complaint: path, fault, remedy."""
    first = error.errors()[0]
    path = _written_path(first["loc"], section)
    at = ".".join([where, *path])
    parent = ".".join([where, *path[:-1]])
    match first["type"]:
        case "unexpected_keyword_argument":
            known = [field.name for field in fields(_type_at(first["loc"][:-1]))]
            near = get_close_matches(path[-1], known, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"known are {known}"
            return f"{parent}: unknown key `{path[-1]}`; {hint}"
        case "missing" | "missing_keyword_only_argument":
            return f"{parent}: the key `{path[-1]}` is missing"
        case "value_error":
            return f"{at}: {first['ctx']['error']}"
        case _:
            return f"{at}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _written_path(location: tuple[str | int, ...], section: Mapping[str, Any]) -> list[str]:
    """The path as the file spells it: outcomes are numbered inside and named in the file."""
    path = [str(part) for part in location]
    if path[:1] == ["outcomes"] and len(path) > 1 and isinstance(section["outcomes"], Mapping):
        path[1] = list(section["outcomes"])[int(path[1])]
    return path


def _type_at(location: tuple[str | int, ...]) -> Any:
    """The dataclass of the protocol at `location`; numbers and names of entries lead no deeper."""
    target: Any = Protocol
    for part in location:
        hint = get_type_hints(target).get(part)
        inner = [kind for kind in (hint, *get_args(hint)) if is_dataclass(kind)]
        target = inner[0] if inner else target
    return target
