"""Canonical tables about the reading itself: what was read, set aside, missing, and planted."""

from iop_outcomes.records.column import Column, Kind

# One row per raw file.
PROVENANCE = {
    "file": Column(Kind.TEXT, "path below data/raw"),
    "rows": Column(Kind.WHOLE, "rows read", low=0),
    "sha256": Column(Kind.TEXT, "of the file's bytes"),
}

# One row per row that was set aside.
QUARANTINE = {
    "table": Column(Kind.TEXT, "of the records"),
    "file": Column(Kind.TEXT, "path below data/raw", True),
    "row": Column(Kind.WHOLE, "counted from 1, header apart", low=1),
    "rule": Column(Kind.TEXT, "what cannot be so"),
}

# One row per table and file: read = accepted + duplicates + quarantined.
LEDGER = {
    "table": Column(Kind.TEXT, "of the records"),
    "file": Column(Kind.TEXT, "path below data/raw", True),
    "read": Column(Kind.WHOLE, "rows in the file", low=0),
    "accepted": Column(Kind.WHOLE, "rows used", low=0),
    "duplicates": Column(Kind.WHOLE, "rows that repeat another", low=0),
    "quarantined": Column(Kind.WHOLE, "rows set aside", low=0),
}

# One row per rule that any row breaks.
BROKEN_RULES = {
    "table": Column(Kind.TEXT, "of the records"),
    "rule": Column(Kind.TEXT, "what cannot or should not be so"),
    "severity": Column(Kind.TEXT, "what becomes of the row", among=("quarantine", "warning")),
    "rows": Column(Kind.WHOLE, "rows that break it", low=1),
}

# One row per column of a table, level of care and place; rows for all of either are among them.
MISSINGNESS = {
    "table": Column(Kind.TEXT, "of the records"),
    "variable": Column(Kind.TEXT, "column of it"),
    "level_of_care": Column(Kind.TEXT, "of the rows; empty: all", True),
    "place": Column(Kind.TEXT, "facility or state of the rows; empty: all", True),
    "rows": Column(Kind.WHOLE, "rows there", low=0),
    "missing": Column(Kind.WHOLE, "of them without a value", low=0),
    "not_collected": Column(Kind.WHOLE, "of them from where nobody asks for one", low=0),
}

# First all quasi-identifiers, then each as if it were not told.
ANONYMITY = {
    "without": Column(Kind.TEXT, "quasi-identifier not told; empty: all are told", True),
    "n": Column(Kind.WHOLE, "persons", low=1),
    "smallest_group": Column(Kind.WHOLE, "k: people alike in all of them", low=1),
    "share_below_5": Column(Kind.NUMBER, "of the persons, in groups so small", low=0, high=1),
    "share_below_11": Column(Kind.NUMBER, "of the persons, in groups so small", low=0, high=1),
    "share_unique": Column(Kind.NUMBER, "of the persons, alone in their group", low=0, high=1),
}

# One row per planted truth; only simulated records have any.
TRUTH = {
    "events": Column(Kind.TEXT, "kinds of event, sorted and joined by '; '"),
    "competing": Column(Kind.TEXT, "the same, of competing events"),
    "horizon_days": Column(Kind.WHOLE, "day at which the risk is read", low=1),
    "estimand": Column(Kind.TEXT, "whose effect"),
    "measure": Column(Kind.TEXT, "scale"),
    "truth": Column(Kind.NUMBER, "value under intervention on treatment"),
    "monte_carlo_error": Column(Kind.NUMBER, "standard error of `truth`", low=0),
}
