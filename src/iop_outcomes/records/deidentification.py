"""The gate in: refuse files that hold direct identifiers."""

import re

import pandas as pd

from iop_outcomes.errors import IdentifierError

# Names under which direct identifiers travel (45 CFR 164.514(b)(2)); a gate, not a proof.
NAMES = re.compile(
    r"(^|_)(name|surname|firstname|lastname|ssn|mrn|phone|telephone|fax|e?mail|address|street|zip"
    r"|zipcode|postcode|birth_?date|dob|ip|url|license|licence|plate|account)(_|$)",
    re.IGNORECASE,
)
# Shapes that direct identifiers have wherever they stand.
SHAPES = {
    "social security numbers": r"^\d{3}-\d{2}-\d{4}$",
    "e-mail addresses": r"^[^@\s]+@[^@\s]+\.[^@\s]+$",
    "telephone numbers": r"^\+?1?[ .-]?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}$",
    "full dates": r"^(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})(?:[T ].*)?$",
}


def refuse_identifiers(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return `table` unchanged, or raise with the names (never the values) of suspect columns.

    Parameters
    ----------
    table
        Cells as text.
    source
        What the message calls the file.
    """
    for column in table.columns:
        if NAMES.search(column):
            raise IdentifierError(
                f"{source}: the column `{column}` looks like a direct identifier; take it out of "
                "the export, and tell the data steward"
            )
        text = table[column].dropna()
        for what, shape in SHAPES.items():
            if text.str.contains(shape, regex=True).any():
                raise IdentifierError(
                    f"{source}: the column `{column}` seems to hold {what}; take it out of the "
                    "export (days since admission and a year are enough), and tell the data steward"
                )
    return table
