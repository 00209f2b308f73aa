"""How a column of somebody's file becomes one of the records: their names and codes to ours."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pandas as pd
import yaml
from pydantic import BeforeValidator, ConfigDict, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.errors import RecordsError

STRICT = ConfigDict(extra="forbid")
STANDARDS = Path(__file__).with_name("codebooks") / "levels_of_care.yaml"


def _short(value: Any) -> Any:
    """A bare name stands for the column of that name, as it is."""
    return {"column": value} if isinstance(value, str) else value


def as_codes(values: Any) -> Any:
    """Codes and words as text, however the file spells them."""
    return {str(k): str(v) for k, v in values.items()} if isinstance(values, Mapping) else values


@dataclass(frozen=True, kw_only=True, config=STRICT)
class From:
    """Where a value comes from: a column of the file, or one value for every row.

    Attributes
    ----------
    column
        Column of the file.
    words
        Code in the file to word in the records; a code that is not named is an error.
    standard
        A published crosswalk of levels of care that `words` adds to: `asam_3` or `asam_4`.
    constant
        The value of every row, where no column says it.
    """

    column: str | None = None
    words: Annotated[dict[str, str] | None, BeforeValidator(as_codes)] = None
    standard: Literal["asam_3", "asam_4"] | None = None
    constant: str | int | None = None

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("name a column, or a constant for every row")
        return self


Source = Annotated[From, BeforeValidator(_short)]


@cache
def standards() -> dict[str, dict[str, str]]:
    """Published names of levels of care to ours, by standard."""
    return {name: as_codes(words) for name, words in yaml.safe_load(STANDARDS.read_text()).items()}


def recoded(cells: pd.DataFrame, origin: From) -> pd.Series:
    """The column of the records that `origin` describes.

    Raises
    ------
    RecordsError
        A code has no word; says how many rows, never the code.
    """
    if origin.column is None:
        return pd.Series(origin.constant, index=cells.index)
    values = cells[origin.column]
    if origin.words is None and origin.standard is None:
        return values
    crosswalk = {**standards().get(origin.standard or "", {}), **(origin.words or {})}
    words = values.str.strip().map(crosswalk)
    strangers = int((words.isna() & values.notna()).sum())
    if strangers:
        raise RecordsError(
            f"column {origin.column}: {strangers} row(s) hold a code that protocol.source does not "
            f"name; it names {sorted(crosswalk)}"
        )
    return words
