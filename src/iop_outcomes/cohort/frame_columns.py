"""Columns of a researcher's data frame: found by name, and read as numbers or words."""

from collections.abc import Collection, Hashable, Iterable
from difflib import get_close_matches
from typing import Any

import narwhals as nw
import numpy as np
import pandas as pd

from iop_outcomes.errors import CohortError, ProtocolError

Codes = Hashable | Collection[Hashable]
WHERE = "cohort_from_frame"
NUMBERS = {"integer", "floating", "mixed-integer-float", "decimal"}
MANY_NUMBERS = 10  # beyond which they are no codes of a covariate with levels
SHOWN = 20  # names of columns that a complaint lists


def as_pandas(frame: Any) -> pd.DataFrame:
    """The frame as pandas holds it, its rows numbered from 0; polars and Arrow are copied.

    Raises
    ------
    CohortError
        It is no data frame, has no rows, or has two columns of one name.
    """
    if isinstance(frame, pd.DataFrame) and frame.columns.has_duplicates:
        twice = sorted(map(str, frame.columns[frame.columns.duplicated()].unique()))
        raise CohortError(f"{WHERE}: the columns {twice} stand twice; keep one of each")
    try:
        table = nw.from_native(frame, eager_only=True).to_pandas()
    except TypeError:
        raise CohortError(
            f"{WHERE}: a {type(frame).__name__} is no data frame; give one of pandas, polars or "
            "Arrow, with one row per person"
        ) from None
    if table.empty:
        raise CohortError(f"{WHERE}: the data frame has no rows; give one row per person")
    return table.reset_index(drop=True)


def column(frame: pd.DataFrame, name: str, place: str) -> pd.Series:
    """A column by its name.

    Raises
    ------
    ProtocolError
        There is none; names those that are near, or all there are.
    """
    if name in frame.columns:
        return frame[name]
    names = [str(each) for each in frame.columns]
    near = get_close_matches(str(name), names, n=3)
    listed = names[:SHOWN] + ["..."] * (len(names) > SHOWN)
    hint = f"did you mean {near}?" if near else f"it has {listed}"
    raise ProtocolError(f"{WHERE}.{place}: the data frame has no column `{name}`; {hint}")


def as_codes(codes: Codes) -> tuple[Any, ...]:
    """One code stands for a list of one.

    Examples
    --------
    >>> as_codes(1), as_codes("yes"), as_codes([1, 2])
    ((1,), ('yes',), (1, 2))
    """
    many = isinstance(codes, Collection) and not isinstance(codes, str | bytes)
    return tuple(codes) if many else (codes,)


def refuse_shared_codes(meanings: dict[str, Iterable[Any]], place: str) -> None:
    """Refuse a code that means two things."""
    seen: dict[Any, str] = {}
    for meaning, codes in meanings.items():
        for code in codes:
            if code in seen:
                raise ProtocolError(
                    f"{WHERE}.{place}: the code {code!r} stands under `{seen[code]}` and under "
                    f"`{meaning}`; keep it under one"
                )
            seen[code] = meaning


def kind_of(values: pd.Series) -> str:
    """What a column holds, in a word, for complaints about codes that are not found in it."""
    numbers = pd.api.types.is_numeric_dtype(values.convert_dtypes())
    return "numbers" if numbers else "text"


def known_at_entry(values: pd.Series, place: str) -> pd.Series:
    """A column as numbers, yes or no, or words; numbers that pandas keeps as objects are numbers.

    Raises
    ------
    CohortError
        It holds dates, numbers without end, or words among numbers.
    """
    if pd.api.types.is_datetime64_any_dtype(values) or pd.api.types.is_timedelta64_dtype(values):
        raise CohortError(
            f"{WHERE}.{place}: `{values.name}` holds dates, which no model can use; make it a "
            "number of days"
        )
    _refuse_mixed(values, place)
    if values.dtype == object:
        held = pd.api.types.infer_dtype(values, skipna=True)
        if held in NUMBERS:
            values = pd.to_numeric(values).astype("Float64")
        elif held == "boolean":
            values = values.astype("boolean")
    if pd.api.types.is_numeric_dtype(values):
        endless = int(np.isinf(values.astype("Float64").to_numpy(float, na_value=np.nan)).sum())
        if endless:
            raise CohortError(
                f"{WHERE}.{place}: `{values.name}` is infinite for {endless} of {len(values)} "
                "people; mend it, or empty it where it is not known"
            )
    return values


def _refuse_mixed(values: pd.Series, place: str) -> None:
    """Words among many numbers are gaps that somebody wrote out, not levels of a covariate."""
    if not (pd.api.types.is_object_dtype(values) or pd.api.types.is_string_dtype(values)):
        return
    held = values.dropna()
    numbers = pd.to_numeric(held, errors="coerce")
    words = int(numbers.isna().sum())
    if words and numbers.nunique() > MANY_NUMBERS:
        raise CohortError(
            f"{WHERE}.{place}: `{values.name}` holds numbers, and something else for {words} of "
            f"{len(values)} people; empty it where it is not known, and make it numbers"
        )
