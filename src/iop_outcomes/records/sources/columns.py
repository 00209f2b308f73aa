"""How a column of somebody's file becomes one of the records: their names and codes to ours."""

import re
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
WHOLE = re.compile(r"^([+-]?\d+)\.0+$")
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
    words, unnamed = recoded_where_named(cells, origin)
    strangers = int(unnamed.sum())
    if strangers:
        raise RecordsError(
            f"column {origin.column}: {strangers} row(s) hold a code that protocol.source does not "
            f"name; {words_named(origin)}"
        )
    return words


def recoded_where_named(cells: pd.DataFrame, origin: From) -> tuple[pd.Series, pd.Series]:
    """The same column, missing where a code has no word; and which rows these are."""
    none = pd.Series(False, index=cells.index)
    if origin.column is None:
        return pd.Series(origin.constant, index=cells.index), none
    values = cells[origin.column]
    if origin.words is None and origin.standard is None:
        return values, none
    words = plain_codes(values).map(_words_of_codes(origin))
    return words, words.isna() & values.notna()


def words_named(origin: From) -> str:
    """Which codes `origin` names, for whoever has to name one more."""
    return f"it names {sorted(_crosswalk(origin))}"


def plain_codes(values: pd.Series) -> pd.Series:
    """Codes as people say them: programs write 1 as 1.0 beside empty cells.

    Examples
    --------
    >>> plain_codes(pd.Series([" 1.0", "2.5", "01", None])).tolist()
    ['1', '2.5', '01', nan]
    """
    return values.str.strip().str.replace(WHOLE, r"\1", regex=True)


def _words_of_codes(origin: From) -> dict[str, str]:
    """The crosswalk, also where itself names a code such as 1.0."""
    named = _crosswalk(origin)
    return {WHOLE.sub(r"\1", code): word for code, word in named.items()} | named


def _crosswalk(origin: From) -> dict[str, str]:
    return {**standards().get(origin.standard or "", {}), **(origin.words or {})}
