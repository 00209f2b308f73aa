"""The page on the records as plain text: what `iop-outcomes check` says once they were read."""

from itertools import zip_longest
from textwrap import fill, wrap

import pandas as pd

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.quality_page import margins, quality_exhibits
from iop_outcomes.report.tables import Exhibit

WIDTH, COLUMN = 100, 14  # of lines of words, and of headers


def quality_text(
    ledger: pd.DataFrame,
    broken_rules: pd.DataFrame,
    missingness: pd.DataFrame,
    anonymity: pd.DataFrame,
    protocol: Protocol,
) -> str:
    """Say how good the records are, in aligned columns, with small counts hidden.

    A terminal is copied into mails and logs: it shows no more than the report.

    Parameters
    ----------
    ledger, broken_rules, missingness, anonymity
        Of the records.
    protocol
        Whose labels and smallest count hold.

    Returns
    -------
    str
        One block for each table that has rows.
    """
    tables = {
        "ledger": ledger,
        "broken_rules": broken_rules,
        "missingness": margins(missingness),
        "anonymity": anonymity,
    }
    shown = {k: release(table, protocol.disclosure.smallest_count) for k, table in tables.items()}
    exhibits = quality_exhibits(shown, protocol)
    blocks = [_block(exhibit) for exhibit in exhibits if len(exhibit.table)]
    return "\n\n".join(blocks) or "The records say nothing of the rows they were made from."


def _block(exhibit: Exhibit) -> str:
    """Caption, aligned columns, note; words flush left and numbers flush right."""
    table = exhibit.table.astype("str").replace("\u202f", " ", regex=True)
    headers = [wrap(str(name), COLUMN)[::-1] for name in table.columns]
    head = [*zip_longest(*headers, fillvalue="")][::-1]
    cells = [*head, *table.to_numpy().tolist()]
    width = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [name in exhibit.text_columns for name in exhibit.table.columns]
    lines = [
        "  ".join(
            cell.ljust(size) if flush else cell.rjust(size)
            for cell, size, flush in zip(row, width, left, strict=True)
        ).rstrip()
        for row in cells
    ]
    return "\n".join([exhibit.caption, "", *lines, "", fill(exhibit.note, WIDTH)])
