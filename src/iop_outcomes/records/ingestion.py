"""Raw extracts to Records, by the reader that the protocol's `source` names."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from pydantic import TypeAdapter, ValidationError

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.schema import Records
from iop_outcomes.records.sources import site_export, table, teds_a, teds_d, trial

READERS = {
    "site_export": (TypeAdapter(site_export.SiteExport), site_export.read),
    "table": (TypeAdapter(table.OneTable), table.read),
    "teds_a": (TypeAdapter(teds_a.TedsA), teds_a.read),
    "teds_d": (TypeAdapter(teds_d.TedsD), teds_d.read),
    "trial": (TypeAdapter(trial.Trial), trial.read),
}


class NamesItsSource(Protocol):
    """Anything that says where its records come from: a protocol does."""

    source: Mapping[str, Any]


def read_records(folder: Path | str, protocol: NamesItsSource) -> Records:
    """Read the extracts below `folder` that `protocol.source` describes.

    Raises
    ------
    RecordsError
        A file is missing or breaks its contract; `source` is not understood.
    IdentifierError
        A file seems to hold a direct identifier.
    """
    kind, description = check_source(protocol.source)
    return READERS[kind][1](Path(folder), description)


def check_source(source: Mapping[str, Any]) -> tuple[str, Any]:
    """The kind of a source, and its description held to that kind's keys."""
    kind = source.get("kind")
    if not isinstance(kind, str) or kind not in READERS:
        raise RecordsError(f"protocol.source.kind must be one of {sorted(READERS)}")
    adapter = READERS[kind][0]
    try:
        return kind, adapter.validate_python({k: v for k, v in source.items() if k != "kind"})
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(["protocol.source", *map(str, first["loc"])])
        if first["type"] == "unexpected_keyword_argument":
            raise RecordsError(f"{at}: unknown key for a source of kind {kind}") from None
        said = str(first["ctx"]["error"]) if first["type"] == "value_error" else first["msg"]
        raise RecordsError(f"{at}: {said[0].lower()}{said[1:]}") from None
