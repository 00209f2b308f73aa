"""The gate in: refuse files that hold direct identifiers."""

import re

import pandas as pd

from iop_outcomes.errors import IdentifierError

# Names under which direct identifiers travel (45 CFR 164.514(b)(2)); a gate, not a proof.
# Looked for between the words of a column's name, however they are joined.
NAMES = re.compile(
    r"^_(?:name|names|street|mobile|account|ip)_$"
    r"|_(?:first|last|full|middle|maiden|given|family|patient|person|client|member|user|contact"
    r"|mother|father|parent|spouse|guardian|doctor|physician|clinician|counselor|staff)_?names?_"
    r"|_(?:surname|ssn|social_security|mrn|medical_record|phone|telephone|fax|e_?mail|address"
    r"|zip|zip_?code|post_?code|postal_code|birth_?date|birthday|date_of_birth|dob|url|license"
    r"|licence|licen[cs]e_plate|passport|latitude|longitude|ip_address|account_(?:no|number|id)"
    r"|mobile_(?:no|number))_"
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
        if NAMES.search(_in_words(column)):
            raise IdentifierError(
                f"{source}: the column `{column}` looks like a direct identifier; take it out of "
                "the export, and tell the data steward"
            )
        text = table[column].dropna().str.strip()
        for what, shape in SHAPES.items():
            if text.str.contains(shape, regex=True).any():
                raise IdentifierError(
                    f"{source}: the column `{column}` seems to hold {what}; take it out of the "
                    "export (days since admission and a year are enough), and tell the data steward"
                )
    return table


def _in_words(column: str) -> str:
    """A column's name in lower case with one underscore around each word.

    Examples
    --------
    >>> _in_words("Patient Name"), _in_words("dateOfBirth"), _in_words("E-mail")
    ('_patient_name_', '_date_of_birth_', '_e_mail_')
    """
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", column)
    return f"_{re.sub('[^a-z0-9]+', '_', apart.lower()).strip('_')}_"
