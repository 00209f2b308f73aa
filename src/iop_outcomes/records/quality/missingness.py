"""What was not recorded: by variable, level of care and place, on any engine narwhals knows."""

from collections.abc import Iterator, Sequence

import narwhals as nw
import pandas as pd
from narwhals.typing import IntoFrame

from iop_outcomes.records.engine import counted, lazily
from iop_outcomes.records.schema import MISSINGNESS, TABLES, conform, empty_table
from iop_outcomes.vocabulary import LEFT_OUT, NOT_COLLECTED

UNASKED = (NOT_COLLECTED, LEFT_OUT)
NOT_RECORDED = "not recorded"  # the place of rows without one
LEVEL = "level_of_care"
PLACES = ("facility_id", "state")
TEXTS = (nw.String, nw.Categorical, nw.Enum, nw.Object)


def missingness(
    frame: IntoFrame,
    table: str = "stays",
    place: str | None = None,
    not_collected: Sequence[str] = UNASKED,
) -> pd.DataFrame:
    """Count the rows without a value, by variable, level of care and place.

    Parameters
    ----------
    frame
        A canonical table with its covariates: a pandas frame, a DuckDB relation, a Polars frame ...
    table
        Its name. Columns that its contract never leaves empty are not counted.
    place
        Column that tells where the rows are from; None if nothing does.
    not_collected
        Words that stand for a value that nobody asked for.

    Returns
    -------
    DataFrame
        In the columns of `MISSINGNESS`: all rows together, by level of care, by place, and by both.

    Examples
    --------
    >>> stays = pd.DataFrame(
    ...     {"level_of_care": ["inpatient", "outpatient"], "sex": [None, "female"]}
    ... )
    >>> found = missingness(stays)
    >>> found[["variable", "level_of_care", "rows", "missing"]].to_numpy().tolist()
    [['sex', nan, 2, 1], ['sex', 'inpatient', 1, 1], ['sex', 'outpatient', 1, 0]]
    """
    narwhal = nw.from_native(frame)
    schema = narwhal.collect_schema()
    keys = [column for column in (LEVEL, place) if column in schema]
    variables = _variables(schema, table)
    parts = _counted(narwhal.lazy(), variables, schema, keys, not_collected) if variables else ()
    columns = ["variable", *keys, "rows", "missing", "not_collected"]
    cells = pd.concat([pd.DataFrame(columns=columns), *parts], ignore_index=True)
    cells = cells.rename(columns={place: "place"} if place else {})
    return _with_totals(cells, table, variables)


def missingness_of(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """The missingness of canonical tables; stays are told apart by facility, else by state."""
    found = []
    for name, table in tables.items():
        if len(table):
            with lazily(_collected(name, table)) as frame:
                found.append(missingness(frame, name, _place(table)))
    return pd.concat(found, ignore_index=True) if found else empty_table("missingness")


def _collected(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Without the columns that most sources do not have, where this one has none of them."""
    never = [c for c, spec in TABLES[name].items() if spec.optional and table[c].isna().all()]
    return table.drop(columns=never)


def _place(table: pd.DataFrame) -> str | None:
    there = [name for name in PLACES if name in table.columns and table[name].notna().any()]
    return there[0] if there else None


def _variables(schema: nw.Schema, table: str) -> list[str]:
    always = {name for name, spec in TABLES[table].items() if not spec.nullable}
    return [name for name in schema.names() if name not in always]


def _counted(
    frame: nw.LazyFrame,
    variables: list[str],
    schema: nw.Schema,
    keys: list[str],
    not_collected: Sequence[str],
) -> Iterator[pd.DataFrame]:
    """Rows by the values of `keys`, one table per variable."""
    by = {f"key_{k}": nw.col(key) for k, key in enumerate(keys)} or {"key_0": nw.lit(0)}
    flags = {}
    for k, variable in enumerate(variables):
        words = _possible(schema[variable], not_collected)
        flags[f"missing_{k}"] = nw.col(variable).is_null()
        flags[f"uncollected_{k}"] = _among(variable, words) if words else nw.lit(False)
    sums = [nw.col(name).sum() for name in flags]
    cells = counted(
        frame.select(**by, **flags).group_by(*by).agg(nw.len().alias("rows"), *sums), list(by)
    )
    for k, variable in enumerate(variables):
        counts = {"missing": cells[f"missing_{k}"], "not_collected": cells[f"uncollected_{k}"]}
        values = {key: cells[f"key_{n}"] for n, key in enumerate(keys)}
        yield pd.DataFrame({"variable": variable, **values, "rows": cells["rows"], **counts})


def _possible(dtype: nw.dtypes.DType, words: Sequence[str]) -> list[str]:
    """The words that a column of this type can hold."""
    if isinstance(dtype, nw.Enum):
        return [word for word in words if word in dtype.categories]
    return list(words) if dtype in TEXTS else []


def _among(variable: str, words: Sequence[str]) -> nw.Expr:
    # Word by word: an empty cell is among no words for some engines and unknown for others.
    same = [(nw.col(variable) == word).fill_null(False) for word in words]
    return nw.any_horizontal(*same, ignore_nulls=True)


def _with_totals(cells: pd.DataFrame, table: str, variables: list[str]) -> pd.DataFrame:
    numbers = ["rows", "missing", "not_collected"]
    cells = cells.astype(dict.fromkeys(numbers, "int64"))
    keys = [key for key in (LEVEL, "place") if key in cells.columns]
    cells = cells.astype(dict.fromkeys(keys, "str"))
    if "place" in keys:
        cells["place"] = cells["place"].fillna(NOT_RECORDED)
    sets = [[], *([key] for key in keys), *([keys] if len(keys) > 1 else [])]
    sums = [
        cells.groupby(["variable", *some], dropna=False, sort=True)[numbers].sum().reset_index()
        for some in sets
    ]
    found = pd.concat(sums, ignore_index=True).reindex(columns=list(MISSINGNESS)[1:])
    order = found["variable"].map({name: k for k, name in enumerate(variables)})
    found = found.loc[order.sort_values(kind="stable").index]
    return conform("missingness", found.assign(table=table)[list(MISSINGNESS)]).reset_index(
        drop=True
    )
