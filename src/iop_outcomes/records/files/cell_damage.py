"""What programs leave in cells on the way to an extract: errors, formulas, numbers cut short."""

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.files.headers import TOLD

# RE2's syntax. Each would pass for a word, and some for a number, if nobody looked.
DAMAGE = {
    r"[\x{FFFD}\x00-\x08\x0B\x0C\x0E-\x1F\x7F]": (
        "letters that were lost or damaged on the way; export again in UTF-8"
    ),
    r"^#(?:N/A|N/D|REF!|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|SPILL!|CALC!|GETTING_DATA|#+)$": (
        "errors of a spreadsheet; mend their formulas and export the values"
    ),
    r"^(?:[=@]|[+\-].*[(|!])": "formulas; export their values",
    r"^[+\-]?\d(?:\.\d+)?[eE]\+\d{2,3}$": (
        "long numbers that a spreadsheet cut short, as in 1.2E+11; format the column as text and "
        "export again"
    ),
}
TOTAL = re.compile(r"(?:(?:grand|sub)[ -]?)?totals?\s*:?|sums?\s*:?", re.IGNORECASE)


def refuse_damage(table: pd.DataFrame, path: Path, needed: Sequence[str] = ()) -> pd.DataFrame:
    """Return a table of text unchanged, or refuse it for what no record can hold.

    Raises
    ------
    RecordsError
        Cells hold damage or a formula; the header stands again among the rows; the
        last row is a total. Tells needed columns by name, others by number, and never a value.
    """
    texts = [_text(column) for column in pa.Table.from_pandas(table, preserve_index=False).columns]
    _refuse_patterns(texts, table, path, needed)
    repeated = _headers_again(table)
    if repeated:
        raise RecordsError(
            f"{path} has its header line again in {repeated} row(s); put one file under the other "
            "without it"
        )
    last = table.iloc[-1].dropna() if len(table) else pd.Series(dtype="str")
    if len(last) and TOTAL.fullmatch(last.iloc[0]):
        raise RecordsError(f"{path} ends with a row of totals; delete it, since it is nobody's")
    return table


def _text(column: pa.ChunkedArray) -> pa.Array:
    return column.cast(pa.large_string()).combine_chunks()


def _refuse_patterns(
    texts: Sequence[pa.Array], table: pd.DataFrame, path: Path, needed: Sequence[str]
) -> None:
    everything = pa.chunked_array(texts, pa.large_string())  # most files hold none of it anywhere
    for pattern, what in DAMAGE.items():
        if not pc.any(pc.match_substring_regex(everything, pattern)).as_py():
            continue
        counts = [pc.sum(pc.match_substring_regex(each, pattern)).as_py() or 0 for each in texts]
        damaged = [number for number, count in enumerate(counts) if count]
        raise RecordsError(
            f"{path}: {sum(counts)} cell(s) of column {_told(table, damaged, needed)} hold {what}"
        )


def _told(table: pd.DataFrame, columns: Sequence[int], needed: Sequence[str]) -> str:
    names = [str(name) for name in table.columns]
    told = [f"`{names[k]}`" if names[k] in needed else str(k + 1) for k in columns[:TOLD]]
    return ", ".join(told) + (f" and {len(columns) - TOLD} more" if len(columns) > TOLD else "")


def _headers_again(table: pd.DataFrame) -> int:
    again = pd.Series(True, index=table.index)
    for name in table.columns:
        if not again.any():
            return 0
        again &= (table[name] == name).fillna(False)
    return int(again.sum())
