"""params.yaml to Protocol; an unknown or missing key is an error that names its path."""

import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.complaints import refuse_blanks, unknown_key
from iop_outcomes.protocol.execution import refuse_unexecuted
from iop_outcomes.protocol.mapping_file import mapping_path, with_mapping
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.yaml_files import read_yaml

PROTOCOL = TypeAdapter(Protocol)


def read_protocol(path: Path | str) -> Protocol:
    """Read the `protocol` section of a params file, and the mapping file it may name.

    Raises
    ------
    ProtocolError
        A file is missing or is not YAML; a key is unknown, missing, doubled, left as `???` or has
        a value that cannot be, or asks for what is not executed.
    """
    return parse_protocol(_protocol_section(path), "protocol")


def read_draft(path: Path | str) -> Protocol:
    """Read the same as it is written, also if it asks for what is not executed."""
    return parse_draft(_protocol_section(path), "protocol")


def read_alternatives(path: Path | str, *, drafts: bool = False) -> dict[str, Protocol]:
    """Read the protocols that differ from the main one as the `robustness` section says.

    Parameters
    ----------
    drafts
        Let them ask for what is not executed.
    """
    parse = parse_draft if drafts else parse_protocol
    base = _protocol_section(path)
    parse(base, "protocol")
    changes = read_section(path, "robustness", default={})
    if not isinstance(changes, Mapping):
        raise ProtocolError("robustness: write a name for each alternative, then what changes")
    found = {}
    for name, change in changes.items():
        where = f"robustness.{name}"
        section = with_mapping(_overlay(base, change, where), Path(path).parent, where)
        found[name] = parse(section, where)
    return found


def parse_protocol(section: Mapping[str, Any], where: str) -> Protocol:
    """Check a mapping against the protocol's types; `where` begins every complaint."""
    protocol = parse_draft(section, where)
    refuse_unexecuted(protocol, where)
    return protocol


def parse_draft(section: Mapping[str, Any], where: str) -> Protocol:
    """Check a mapping against the types alone: it may ask for what is not executed."""
    refuse_blanks(section, where)
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
    return digest(written_out(protocol))[:12]


def digest(values: Any) -> str:
    """SHA-256 of plain values, whatever the order of their keys."""
    canonical = json.dumps(spelled(values), sort_keys=True, ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


def written_out(protocol: Protocol) -> dict[str, Any]:
    """The protocol as a params file would hold it with every customary value written out."""
    plain = spelled(asdict(protocol))
    plain["outcomes"] = {outcome.pop("name"): outcome for outcome in plain["outcomes"]}
    return plain


def spelled(value: Any) -> Any:
    """The same value as YAML and JSON hold it: keys, words and dates as text, lists as lists."""
    if isinstance(value, Mapping):
        return {str(key): spelled(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [spelled(inner) for inner in value]
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, str) else value


def read_section(path: Path | str, name: str, default: Any = None) -> Any:
    """One top-level section of a params file, as plain values."""
    sections = read_yaml(
        Path(path), "run this from a study's folder, or name its file with --params"
    )
    if not isinstance(sections, dict):
        raise ProtocolError(f"{path} holds no sections; it needs `protocol:`")
    if name not in sections and default is None:
        raise ProtocolError(f"{path} has no section `{name}:`; it has {sorted(map(str, sections))}")
    return sections.get(name) or default


def mapping_of(path: Path | str) -> Path | None:
    """The mapping file that `protocol.source` of a params file names; None if it names none."""
    return mapping_path(read_section(path, "protocol"), Path(path).parent)


def _protocol_section(path: Path | str) -> Any:
    return with_mapping(read_section(path, "protocol"), Path(path).parent, "protocol")


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
            return str(unknown_key(parent, path[-1], known))
        case "missing" if isinstance(first["loc"][-1], int):  # a place of a list
            return f"{parent}: the list is too short; it has {path[-1]} of the values that it needs"
        case "missing" | "missing_keyword_only_argument":
            return f"{parent}: the key `{path[-1]}` is missing"
        case "value_error":
            return f"{at}: {first['ctx']['error']}"
        case "enum":
            return f"{at}: choose among {first['ctx']['expected']}"
        case _:
            return f"{at}: {first['msg'][0].lower()}{first['msg'][1:]}"


def _written_path(location: tuple[str | int, ...], section: Mapping[str, Any]) -> list[str]:
    """The path as the file spells it: outcomes are numbered inside and named in the file."""
    path = [str(part) for part in location if part != "[key]"]
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
