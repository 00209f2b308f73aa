"""The cells of one column of one block of a TEDS file: distinct texts, and which each row has."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


@dataclass(frozen=True)
class Cells:
    """One column of one block: its distinct cells, and which of them each row has; -1 is empty."""

    distinct: list[str]
    position: NDArray[np.int32]


Block = dict[str, Cells]


def as_block(batch: pa.RecordBatch) -> Block:
    """Every column of a batch, whatever its types."""
    return {name: _cells(batch.column(name)) for name in batch.schema.names}


def _cells(column: pa.Array) -> Cells:
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    position = pc.fill_null(column.indices, -1).to_numpy(zero_copy_only=False)
    return Cells([_as_text(cell) for cell in column.dictionary.to_pylist()], position)


def _as_text(cell: object) -> str:
    """A cell as text; bytes of an older file are latin-1, which has a reading for any of them."""
    if not isinstance(cell, bytes):
        return "" if cell is None or cell != cell else str(cell)
    try:
        return cell.decode("utf-8")
    except UnicodeDecodeError:
        return cell.decode("latin-1")
