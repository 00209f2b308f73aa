"""What is said of a key that nobody knows, and of a question that nobody has answered."""

from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from iop_outcomes.errors import ProtocolError

BLANK = "???"  # what `iop-outcomes init` writes where only a person can answer


def unknown_key(where: str, key: str, known: Iterable[str]) -> ProtocolError:
    """The complaint about a key, with the one that was meant or all that are known.

    Examples
    --------
    >>> str(unknown_key("calendar", "formt", ["begins", "cut", "format"]))
    'calendar: unknown key `formt`; did you mean `format`?'
    """
    names = list(known)
    near = get_close_matches(key, names, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known are {names}"
    return ProtocolError(f"{where}: unknown key `{key}`; {hint}")


def refuse_blanks(values: Any, where: str) -> None:
    """Refuse values among which a `???` is left: an unanswered question is not a default.

    Parameters
    ----------
    where
        Begins the complaint: a dotted path, or a file's name with a colon and a blank.
    """
    blanks = list(_blanks(values, where))
    if blanks:
        more = f" (and {len(blanks) - 1} more)" if len(blanks) > 1 else ""
        raise ProtocolError(f"{blanks[0]} is still `{BLANK}`{more}; answer it, or delete its line")


def _blanks(values: Any, where: str) -> Iterator[str]:
    between = "" if where.endswith(" ") else "."
    if isinstance(values, Mapping):
        for key, inner in values.items():
            yield from _blanks(inner, f"{where}{between}{key}")
    elif isinstance(values, list):
        for number, inner in enumerate(values):
            yield from _blanks(inner, f"{where}{between}{number}")
    elif isinstance(values, str) and values.strip() == BLANK:
        yield where
