"""The rows of a TEDS file by variable and code, as its codebook prints them."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.sources.teds_cells import Cells
from iop_outcomes.records.sources.teds_contract import (
    CODES,
    WHOLE,
    Item,
    Series,
    codebook,
    fold,
    year_column,
)
from iop_outcomes.records.sources.teds_decoding import rows_by_vintage, years_of
from iop_outcomes.records.sources.teds_files import open_file

NOT_IN_THE_CODEBOOK = "not in the codebook"


def codebook_frequencies(path: Path | str, series: Series = "teds_d") -> pd.DataFrame:
    r"""Count every variable of a file, to lay beside the codebook that came with it.

    Numbers and labels count as the same code. These are counts of people, as they stand in the
    file: they have not passed the gate out.

    Parameters
    ----------
    path
        In any of the formats that a study reads.

    Returns
    -------
    DataFrame
        One row per variable and code: `variable`, `code` (missing for an empty cell and for what
        the codebook does not have), `label`, `rows`.

    Raises
    ------
    RecordsError
        The file is not there, is no table, or has a year that is not known.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder) / "tedsd.csv"
    ...     _ = path.write_text("DISYR,SERVICES\n2019,6\n2019,6\n2019,4\n")
    ...     codebook_frequencies(path)["rows"].tolist()
    [3, 1, 2]
    """
    path, year = Path(path), year_column(series)
    file = open_file(path)
    if year not in file.columns:
        raise RecordsError(f"{path} lacks the column(s) ['{year}']; is it a file of this series?")
    known = {name for block in CODES for name, item in codebook(block).items() if _coded(item)}
    written = {own: name for name, own in file.columns.items() if name in known}
    counts = Counter()
    for block in file.blocks(list(written)):
        cells = {written[own]: found for own, found in block.items()}
        for vintage, rows in rows_by_vintage(years_of(cells[year], path, series), series).items():
            book = codebook(vintage.block)
            for name, found in cells.items():
                if name in book and not _coded(book[name]):
                    continue
                for cell, count in _counted(found, rows):
                    counts[name, *_code(cell, book.get(name))] += count
    table = pd.DataFrame(
        [(*what, count) for what, count in counts.items()],
        columns=["variable", "code", "label", "rows"],
    )
    order = {name: place for place, name in enumerate(written.values())}
    table = table.assign(order=table["variable"].map(order), code=table["code"].astype("Int64"))
    return table.sort_values(["order", "code"], ignore_index=True).drop(columns="order")


def _counted(cells: Cells, rows: slice | np.ndarray) -> list[tuple[str, int]]:
    found = np.bincount(cells.position[rows] + 1, minlength=len(cells.distinct) + 1)
    return [(cell, int(n)) for cell, n in zip(["", *cells.distinct], found, strict=True) if n]


def _coded(item: Item) -> bool:
    """Whether the codebook says what the codes are: not of areas, nor of the case's own number."""
    return bool(item.codes) or item.days_from is not None


def _code(cell: str, item: Item | None) -> tuple[int | None, str]:
    if not cell.strip():
        return None, "empty"
    if item is None:
        return None, NOT_IN_THE_CODEBOOK
    whole = WHOLE.fullmatch(cell)
    if whole is None:
        codes = {fold(label): code for code, label in item.labels()}
        code = codes.get(fold(cell))
    else:
        code = int(whole[1])
    labels = {code: words[0] for code, words in item.elsewhere.items() if words} | item.codes
    if code in labels:
        return code, labels[code]
    if code is not None and item.days_from is not None and code >= item.days_from:
        return code, str(code)
    return None, NOT_IN_THE_CODEBOOK
