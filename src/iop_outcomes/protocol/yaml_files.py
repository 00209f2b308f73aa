"""A YAML file as plain values: a key written twice is an error, and so is anything but values."""

from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from iop_outcomes.errors import ProtocolError


def read_yaml(path: Path, where_else: str) -> Any:
    """The plain values of a file.

    Parameters
    ----------
    where_else
        What to do if the file is not there: the second half of the complaint.

    Raises
    ------
    ProtocolError
        The file is missing, is not text, is not YAML, or holds a key twice.
    """
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise ProtocolError(f"{path} is not there; {where_else}") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise ProtocolError(f"{path} is not a text file in UTF-8; save it as one") from None
    try:
        return yaml.load(text, Loader=_NoDoubledKeys)  # a safe loader: see below
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        problem = getattr(error, "problem", None) or "not YAML"
        raise ProtocolError(f"{path}{line}: {problem}") from None


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
