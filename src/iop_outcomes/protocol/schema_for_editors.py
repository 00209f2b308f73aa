"""The params file as JSON schema: an editor then completes keys and shows what they mean."""

from collections.abc import Mapping
from typing import Any

from pydantic.json_schema import GenerateJsonSchema

from iop_outcomes.protocol.parsing import PROTOCOL

HERE = "#/$defs/"
HEADING = "Attributes\n----------\n"
# Codes of a file may be numbers, and one code may stand for a list of one: more than the types of
# the sources let on.
CODES = ("when", "words")
# An outcome is read by its events, or by a definition of the registry.
READ_BY = [
    {"required": ["definition_id"], "properties": {"definition_id": {"type": "string"}}},
    {"required": ["definition", "events"], "properties": {"events": {"minItems": 1}}},
]
SIMULATION = {
    "description": "Records with a planted truth, in place of an extract.",
    "type": "object",
    "additionalProperties": False,
    "required": ["persons", "seed"],
    "properties": {
        "persons": {"type": "integer", "minimum": 1},
        "facilities": {"type": "integer", "minimum": 1},
        "log_hazard_ratio": {
            "type": "number",
            "description": "Direct effect of intensive outpatient care on the relapse hazard.",
        },
        "seed": {"type": "integer", "description": "Same seed, same records."},
    },
}


def params_schema(sources: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """The schema of a params file.

    Parameters
    ----------
    sources
        Kind of source to the JSON schema of its description.
    """
    protocol = PROTOCOL.json_schema(mode="validation")
    defined = {**protocol.pop("$defs"), "Protocol": protocol}
    _outcomes_by_name(defined)
    partial = _partial(defined)
    described = {kind: _source(kind, schema) for kind, schema in sources.items()}
    defined["Protocol"]["properties"]["source"] = {
        "oneOf": [{"$ref": f"{HERE}{kind}"} for kind in described]
    }
    for schemas in described.values():
        defined |= schemas
    for schema in (defined | partial).values():
        _document(schema)
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        "title": "params.yaml of iop_outcomes",
        "type": "object",
        "required": ["protocol"],
        "properties": {
            "protocol": {"$ref": f"{HERE}Protocol"},
            "robustness": {
                "description": "A name for each alternative, then the lines that differ.",
                "type": ["object", "null"],
                "additionalProperties": {"$ref": f"{HERE}SomeProtocol"},
            },
            "simulation": SIMULATION,
        },
        "$defs": defined | partial,
    }


def attributes(section: str) -> dict[str, str]:
    r"""What the Attributes section of a docstring says of each name.

    Examples
    --------
    >>> attributes("low, high\n    In days.\n    Both counted.\nname\n    One word.")
    {'low': 'In days. Both counted.', 'high': 'In days. Both counted.', 'name': 'One word.'}
    """
    said: dict[str, list[str]] = {}
    names: list[str] = []
    for line in filter(str.strip, section.splitlines()):
        if line.startswith(" "):
            for name in names:
                said[name].append(line.strip())
        else:
            names = [name.strip() for name in line.split(",")]
            said |= {name: [] for name in names}
    return {name: " ".join(lines) for name, lines in said.items()}


def _document(schema: dict[str, Any]) -> None:
    """Move what a docstring says of its attributes to the keys that they are, in its order."""
    caption, _, section = schema.get("description", "").partition(HEADING)
    if not section:
        return
    schema["description"] = caption.strip()
    known = schema["properties"]
    said = attributes(section.partition("\n\n")[0])
    described = {name: {**known[name], "description": said[name]} for name in said if name in known}
    schema["properties"] = described | {name: known[name] for name in known.keys() - said}
    for key in schema["properties"].values():
        key.pop("title", None)


def _outcomes_by_name(defined: dict[str, Any]) -> None:
    """The file writes outcomes as a mapping, and the name is the key."""
    outcome = defined["Outcome"]
    name = outcome["properties"].pop("name")
    outcome["required"].remove("name")
    outcome["anyOf"] = READ_BY
    defined["Protocol"]["properties"]["outcomes"] = {
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": name["pattern"]},
        "additionalProperties": {"$ref": f"{HERE}Outcome"},
    }


def _partial(defined: Mapping[str, Any]) -> dict[str, Any]:
    """The same sections with no key that must be there: an alternative says only what differs."""
    objects = {name for name, schema in defined.items() if "properties" in schema}
    renamed = {f"{HERE}{name}": f"{HERE}Some{name}" for name in objects}
    found = {}
    for name in objects:
        schema = _rewritten(defined[name], renamed)
        schema.pop("required", None)
        schema.pop("anyOf", None)
        found[f"Some{name}"] = schema
    found["SomeProtocol"]["properties"]["source"] = {"type": "object"}
    return dict(sorted(found.items()))


def _source(kind: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The definitions of one kind of source, under its name; the first one is the source itself."""
    inner = schema.get("$defs", {})
    renamed = {f"{HERE}{name}": f"{HERE}{kind}.{name}" for name in inner}
    top = {key: value for key, value in schema.items() if key != "$defs"}
    top["properties"] = {"kind": {"const": kind}, **top["properties"]}
    top["required"] = ["kind", *top.get("required", [])]
    if kind == "site_export":
        top["properties"]["mapping"] = {
            "type": "string",
            "description": "A file beside this one that holds tables, calendar and profile.",
        }
    found = {kind: top, **{f"{kind}.{name}": each for name, each in inner.items()}}
    return {name: _as_it_is_written(_rewritten(each, renamed)) for name, each in found.items()}


def _as_it_is_written(schema: dict[str, Any]) -> dict[str, Any]:
    for name in CODES:
        if name in schema.get("properties", {}):
            schema["properties"][name] = {"type": ["object", "null"]}
    if {"column", "constant"} <= set(schema.get("properties", {})):
        _document(schema)
        return {"anyOf": [{"type": "string", "description": "A column, as it is."}, schema]}
    return schema


def _rewritten(value: Any, renamed: Mapping[str, str]) -> Any:
    """A copy with other names behind its references."""
    if isinstance(value, Mapping):
        return {
            key: renamed.get(inner, inner) if key == "$ref" else _rewritten(inner, renamed)
            for key, inner in value.items()
        }
    return [_rewritten(inner, renamed) for inner in value] if isinstance(value, list) else value
