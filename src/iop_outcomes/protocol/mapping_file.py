"""`source: {mapping: mapping.yaml}`: how a site's columns and codes read, in a file of its own.

Its content takes the place of the keys that could stand in `source` itself, so that the protocol's
hash covers it and whoever reads the records need not know where it was written.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from iop_outcomes.errors import ProtocolError, StudyError
from iop_outcomes.protocol.complaints import refuse_blanks, unknown_key
from iop_outcomes.protocol.yaml_files import read_yaml

# The keys at each place of the file; tests hold them against the source's own types.
TOP = ("tables", "calendar", "profile")
KEYS = {
    "tables": ("persons", "stays", "services", "tests", "scores", "events"),
    "tables.*": ("file", "sheet", "columns", "covariates"),
    "tables.*.columns.*": ("column", "words", "standard", "constant"),
    "tables.*.covariates.*": ("column", "words", "standard", "constant"),
    "calendar": ("begins", "cut", "format"),
    "profile": ("method", "agreement_id", "signed_by", "signed_on"),
}


def with_mapping(section: Any, folder: Path, where: str) -> Any:
    """A protocol's section with the file that `source.mapping` names in its place.

    Parameters
    ----------
    folder
        Of the params file; the mapping lies in it or below.
    where
        Begins every complaint about the section.

    Raises
    ------
    ProtocolError
        The name leads outside, the file cannot be read, holds an unknown key or a `???`, or says
        what `source` says too.
    """
    source = section.get("source") if isinstance(section, Mapping) else None
    if not isinstance(source, Mapping) or "mapping" not in source:
        return section
    at = f"{where}.source"
    if source.get("kind") != "site_export":
        raise ProtocolError(f"{at}.mapping: only a source of kind site_export has one")
    path = _inside(folder, source["mapping"], f"{at}.mapping")
    found = read_mapping(path)
    twice = sorted(set(found) & set(source))
    if twice:
        raise ProtocolError(f"{at}: {twice} stand(s) here and in {path}; keep one of the two")
    kept = {key: value for key, value in source.items() if key != "mapping"}
    return {**section, "source": {**kept, **found}}


def read_mapping(path: Path) -> dict[str, Any]:
    """The content of a mapping file: `tables`, `calendar` and `profile`, as far as it has them.

    Raises
    ------
    ProtocolError
        Names the file and the place in it.
    """
    found = read_yaml(path, "mend protocol.source.mapping, or write it (`iop-outcomes init`)")
    _known(found, TOP, f"{path}")
    for pattern, names in KEYS.items():
        for place, value in _at(found, pattern.split(".")):
            # A bare name stands for the column of that name.
            if not (isinstance(value, str) and pattern.count(".") == 3):
                _known(value, names, f"{path}: {place}")
    refuse_blanks(found, f"{path}: ")
    return found


def mapping_path(section: Any, folder: Path) -> Path | None:
    """The mapping file that a protocol's section names; None if it names none."""
    source = section.get("source") if isinstance(section, Mapping) else None
    if not isinstance(source, Mapping) or not isinstance(source.get("mapping"), str):
        return None
    return folder / source["mapping"]


@contextmanager
def told_of(path: Path | None) -> Iterator[None]:
    """Let complaints about `protocol.source` name the mapping file, where it stands in one.

    Examples
    --------
    >>> with told_of(Path("mapping.yaml")):
    ...     raise ProtocolError("protocol.source.tables: say where ['persons'] are found")
    Traceback (most recent call last):
    iop_outcomes.errors.ProtocolError: mapping.yaml: tables: say where ['persons'] are found
    """
    try:
        yield
    except StudyError as error:
        if path is None:
            raise
        inside = rf"protocol\.source\.((?:{'|'.join(TOP)})\b(?:\.\w+)*)"
        said = re.sub(f"^{inside}", lambda found: f"{path}: {found[1]}", str(error))
        said = re.sub(inside, lambda found: f"{found[1]} in {path}", said)
        said = re.sub(r"protocol\.source(?!\.?\w)", lambda _: str(path), said)
        raise type(error)(said) from None


def _inside(folder: Path, name: Any, at: str) -> Path:
    if not isinstance(name, str) or not name.strip():
        raise ProtocolError(f"{at}: write the name of a file beside the params file")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise ProtocolError(f"{at}: the file must lie in the params file's folder, or below it")
    return path


def _at(values: Any, steps: list[str], place: str = "") -> Iterator[tuple[str, Any]]:
    """The values at the end of `steps`, each with its place; `*` is every key."""
    if not steps:
        yield place, values
    elif isinstance(values, Mapping):
        for key in values if steps[0] == "*" else set(values) & {steps[0]}:
            yield from _at(values[key], steps[1:], f"{place}.{key}" if place else str(key))


def _known(values: Any, names: tuple[str, ...], where: str) -> None:
    if not isinstance(values, Mapping):
        raise ProtocolError(f"{where}: write it as keys with values; known are {list(names)}")
    for key in values:
        if key not in names:
            raise unknown_key(where, str(key), names)
