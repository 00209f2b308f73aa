"""Column names of a raw file: each there, each once, and each column with one."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from iop_outcomes.errors import RecordsError

MOST_COLUMNS = 5_000
TOLD = 5  # columns that a sentence points at


def check_names(path: Path, names: Sequence[str | None], needed: Sequence[str]) -> None:
    """Refuse a file whose names do not tell its columns apart, or lack one that is needed.

    Parameters
    ----------
    path
        What the message calls the file.
    names
        As read, without blanks around; None where there is none.
    needed
        Columns the file must have.

    Raises
    ------
    RecordsError
        Tells the names that are missing. The names that are there are not told: without a header
        line they are somebody's values.
    """
    lacking = [column for column in needed if column not in names]
    if lacking:
        folded = {_folded(name) for name in names if name}
        near = [column for column in lacking if _folded(column) in folded]
        hint = (
            f"{near} differ(s) from a name there only in capitals, blanks or strokes, so rename it"
            if near
            else "is the header line there, and spelled so?"
        )
        raise RecordsError(f"{path} lacks the column(s) {lacking}; {hint}")
    if len(names) > MOST_COLUMNS:
        raise RecordsError(
            f"{path} has {len(names)} columns, more than the {MOST_COLUMNS} that are read; export "
            "those that the protocol needs"
        )
    often = {name for name, count in Counter(names).items() if name and count > 1}
    if often:
        where = [number for number, name in enumerate(names, 1) if name in often]
        raise RecordsError(
            f"{path} has {len(often)} name(s) that stand over several columns "
            f"(number {listed(where)}); every column needs a header of its own"
        )


def refuse_nameless(path: Path, numbers: Sequence[int]) -> None:
    """Refuse columns, counted from 1, that hold cells and have no name."""
    if numbers:
        raise RecordsError(
            f"{path} has {len(numbers)} column(s) with cells and without a name "
            f"(number {listed(numbers)}); every column needs a header of its own in the first row"
        )


def listed(numbers: Sequence[int]) -> str:
    """The first few of many numbers, for a sentence.

    Examples
    --------
    >>> listed([1, 4]), listed(range(1, 9))
    ('1, 4', '1, 2, 3, 4, 5 and 3 more')
    """
    told = ", ".join(map(str, numbers[:TOLD]))
    return told if len(numbers) <= TOLD else f"{told} and {len(numbers) - TOLD} more"


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
