"""A Parquet file as a table of text, as a CSV file of the same cells would hold it."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.files.headers import check_names, refuse_nameless
from iop_outcomes.records.files.text_cells import trimmed, without_blanks

MOST_CELLS = 1 << 30  # a file of a few bytes may claim to hold any number
LARGEST_EXACT = 2.0**53  # beyond, a float is not the number that was meant


def read_parquet_file(path: Path, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Read a Parquet file: whole numbers without their .0, days of dates, truth as 1 and 0.

    Raises
    ------
    RecordsError
        The file is damaged, lacks a needed column, or has a column that is no column of cells
        (nested, bytes) or whose day depends on where one stands (instants with a time zone).
    """
    try:
        with parquet.ParquetFile(path) as file:
            schema, rows = file.schema_arrow, file.metadata.num_rows
            if rows * len(schema) > MOST_CELLS:
                raise RecordsError(
                    f"{path} claims to have {rows} rows of {len(schema)} columns; export it in "
                    "smaller parts"
                )
            names = [without_blanks(name) for name in schema.names]
            check_names(path, names, needed)
            refuse_nameless(path, [number for number, name in enumerate(names, 1) if not name])
            _refuse_types(path, schema, needed)
            table = file.read()
    except (pa.ArrowException, OSError):
        raise RecordsError(f"{path} is damaged or no Parquet file; export it again") from None
    columns = [_as_text(path, k, column) for k, column in enumerate(table.columns, 1)]
    return pa.table(columns, names=names).to_pandas()


def _refuse_types(path: Path, schema: pa.Schema, needed: Sequence[str]) -> None:
    for number, field in enumerate(schema, 1):
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        where = f"`{field.name}`" if field.name in needed else number
        if pa.types.is_timestamp(kind) and kind.tz is not None:
            raise RecordsError(
                f"{path}: column {where} holds instants with a time zone, so that their day "
                "depends on where one stands; write local dates"
            )
        if not any(accepts(kind) for accepts in CELLS):
            raise RecordsError(
                f"{path}: column {where} holds no plain cells but {_spoken(kind)}; export text, "
                "numbers or dates"
            )


def _spoken(kind: pa.DataType) -> str:
    return "lists or tables" if pa.types.is_nested(kind) else "values of another type"


CELLS = (
    pa.types.is_null,
    pa.types.is_boolean,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_decimal,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_date,
    pa.types.is_timestamp,
)


def _as_text(path: Path, number: int, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    kind, text = column.type, pa.large_string()
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif pa.types.is_date(kind) or pa.types.is_timestamp(kind):
        return pc.utf8_slice_codeunits(column.cast(text), 0, 10)
    elif pa.types.is_decimal(kind):
        return pc.replace_substring_regex(column.cast(text), r"\.0*$", "")
    elif pa.types.is_floating(kind):
        return _number_as_text(path, number, column)
    return trimmed(column.cast(text))


def _number_as_text(path: Path, number: int, column: pa.ChunkedArray) -> pa.ChunkedArray:
    if pa.types.is_float16(column.type):
        column = column.cast(pa.float32())
    finite = pc.if_else(pc.is_finite(column), column, pa.scalar(0, column.type))
    if (pc.max(pc.abs(finite)).as_py() or 0) >= LARGEST_EXACT:
        raise RecordsError(
            f"{path}: column {number} holds numbers that are too long for its type; export them as "
            "text"
        )
    whole = pc.and_(pc.is_finite(column), pc.equal(pc.floor(finite), finite))
    as_whole = pc.floor(finite).cast(pa.int64()).cast(pa.large_string())
    written = pc.if_else(whole, as_whole, column.cast(pa.large_string()))
    return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.large_string()), written)
