"""What holds tables of people shows their names and lengths, and nobody's row."""

from dataclasses import fields

import pandas as pd


class QuietTables:
    """Base of dataclasses that hold tables: a saved notebook keeps whatever was displayed in it.

    The dataclass has to be made with `repr=False`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> @dataclass(frozen=True, repr=False)
    ... class Study(QuietTables):
    ...     persons: pd.DataFrame
    ...     folder: str
    >>> Study(pd.DataFrame({"person_id": ["P1", "P2"]}), "data/raw")
    Study(
      persons: 2 rows of person_id
      folder: 'data/raw'
    )
    """

    def __repr__(self) -> str:
        held = [f"  {field.name}: {_told(getattr(self, field.name))}" for field in fields(self)]
        return "\n".join([f"{type(self).__name__}(", *held, ")"])


def _told(value: object) -> str:
    if isinstance(value, pd.DataFrame):
        rows = f"{len(value)} row{'s' * (len(value) != 1)}"
        return f"{rows} of {', '.join(map(str, value.columns))}"
    return repr(value).replace("\n", "\n  ")
