"""The canonical tables: what a row means, and what every column may hold.

Days are whole numbers on each person's own clock: only differences between them mean anything, so
no calendar date comes past this station. The year of an admission is the finest date kept.
"""

from dataclasses import dataclass, field, fields, replace
from functools import partial

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from iop_outcomes.errors import RecordsError
from iop_outcomes.quiet_tables import QuietTables
from iop_outcomes.records.accounts import (
    ANONYMITY,
    BROKEN_RULES,
    LEDGER,
    MISSINGNESS,
    PROVENANCE,
    QUARANTINE,
    TRUTH,
)
from iop_outcomes.records.column import DTYPE, Column, Kind
from iop_outcomes.vocabulary import EventKind, ExitReason, LevelOfCare, Modality

PERSON = Column(Kind.TEXT, "one de-identified individual")
DAY = Column(Kind.WHOLE, "day on the person's clock", low=-40_000, high=40_000)  # a long life

# One row per person. Further columns are things known about the person that do not change.
PERSONS = {
    "person_id": Column(Kind.TEXT, "one de-identified individual", unique=True),
    "first_observed_day": replace(
        DAY, meaning="day from which the records are complete", nullable=True
    ),
    "last_observed_day": replace(
        DAY, meaning="last day on which anything could be known; empty if nothing is", nullable=True
    ),
}

# One row per stay at one level of care; a transfer is a new stay. Further columns are things
# recorded at its admission.
STAYS = {
    "stay_id": Column(Kind.TEXT, "one stay", unique=True),
    "person_id": PERSON,
    "facility_id": Column(Kind.TEXT, "random code of the facility", True),
    "level_of_care": Column(Kind.TEXT, "as admitted", among=tuple(LevelOfCare)),
    "start_day": replace(DAY, meaning="day of admission"),
    "end_day": replace(
        DAY, meaning="day of exit; empty while open or if only banded", nullable=True
    ),
    "exit_reason": Column(Kind.TEXT, "empty while open", True, among=tuple(ExitReason)),
    "admission_year": Column(Kind.WHOLE, "calendar year", True, low=1990, high=2100),
    "age_years": Column(
        Kind.WHOLE,
        "completed years at admission, or the youngest of the band",
        True,
        low=0,
        high=90,
    ),
}

# One row per session or contact.
SERVICES = {
    "person_id": PERSON,
    "day": DAY,
    "service": Column(Kind.TEXT, "what was done"),
    "hours": Column(Kind.NUMBER, "length", True, low=0, high=24),
    "modality": Column(Kind.TEXT, "how it was given", True, among=tuple(Modality), optional=True),
}

# One row per drug test result.
TESTS = {
    "person_id": PERSON,
    "day": DAY,
    "substance": Column(Kind.TEXT, "what was looked for"),
    "result": Column(Kind.TEXT, "", among=("positive", "negative", "inconclusive", "missed")),
    "panel": Column(Kind.TEXT, "version of the panel it was one of", True, optional=True),
}

# One row per score of an instrument.
SCORES = {
    "person_id": PERSON,
    "day": DAY,
    "instrument": Column(Kind.TEXT, "one word in lower case, e.g. phq9, gad7"),
    "score": Column(Kind.NUMBER, "total", low=0, high=1000),
}

# One row per dated event that is not the end of a stay.
EVENTS = {
    "person_id": PERSON,
    "day": DAY,
    "kind": Column(Kind.TEXT, "what happened", among=tuple(EventKind)),
    "month_end": Column(
        Kind.WHOLE,
        "of a death: 1 if its date was the last of a month, where sources put a day nobody knows",
        True,
        low=0,
        high=1,
        optional=True,
    ),
}

# One row per substance and day of self-reported use (timeline follow-back). A day without a row is
# a day without reported use only if it was asked about, which no row says.
REPORTED_USE = {
    "person_id": PERSON,
    "day": DAY,
    "substance": Column(Kind.TEXT, "what was used"),
}

TABLES = {
    "persons": PERSONS,
    "stays": STAYS,
    "services": SERVICES,
    "tests": TESTS,
    "scores": SCORES,
    "events": EVENTS,
    "reported_use": REPORTED_USE,
    "provenance": PROVENANCE,
    "quarantine": QUARANTINE,
    "ledger": LEDGER,
    "broken_rules": BROKEN_RULES,
    "missingness": MISSINGNESS,
    "anonymity": ANONYMITY,
    "truth": TRUTH,
}
OPEN = {"persons", "stays"}  # tables that may have further columns: covariates


def empty_table(name: str) -> pd.DataFrame:
    """A canonical table without rows: what a source that cannot fill it has."""
    return conform(name, pd.DataFrame(columns=list(TABLES[name])))


@dataclass(frozen=True, repr=False)
class Records(QuietTables):
    """Validated tables; to hold one is to know that every row passed its contract.

    Attributes
    ----------
    persons, stays
        Everyone, and their stays.
    services, tests, scores, events, reported_use
        What a source can fill; empty where it cannot.
    provenance
        The raw files that were read.
    quarantine, ledger, broken_rules
        Rows set aside and why; rows accounted for by file; how many broke which rule.
    missingness, anonymity
        What was not recorded, by level of care and place; how far people could be told apart.
    truth
        Planted truths; empty unless the records are simulated.
    """

    persons: pd.DataFrame
    stays: pd.DataFrame
    services: pd.DataFrame = field(default_factory=partial(empty_table, "services"))
    tests: pd.DataFrame = field(default_factory=partial(empty_table, "tests"))
    scores: pd.DataFrame = field(default_factory=partial(empty_table, "scores"))
    events: pd.DataFrame = field(default_factory=partial(empty_table, "events"))
    reported_use: pd.DataFrame = field(default_factory=partial(empty_table, "reported_use"))
    provenance: pd.DataFrame = field(default_factory=partial(empty_table, "provenance"))
    quarantine: pd.DataFrame = field(default_factory=partial(empty_table, "quarantine"))
    ledger: pd.DataFrame = field(default_factory=partial(empty_table, "ledger"))
    broken_rules: pd.DataFrame = field(default_factory=partial(empty_table, "broken_rules"))
    missingness: pd.DataFrame = field(default_factory=partial(empty_table, "missingness"))
    anonymity: pd.DataFrame = field(default_factory=partial(empty_table, "anonymity"))
    truth: pd.DataFrame = field(default_factory=partial(empty_table, "truth"))

    def __post_init__(self):
        for item in fields(self):
            object.__setattr__(self, item.name, conform(item.name, getattr(self, item.name)))
        known = pa.array(self.persons["person_id"], pa.large_string())
        for name in ("stays", "services", "tests", "scores", "events", "reported_use"):
            whose = pa.array(getattr(self, name)["person_id"], pa.large_string())
            # Text that was put together has chunks, and does not compare with text that has none.
            same = type(whose) is type(known) and whose.equals(known)
            strangers = 0 if not len(whose) or same else _not_among(whose, known)
            if strangers:
                raise RecordsError(
                    f"{name}: {strangers} row(s) belong to a person who is not in persons; "
                    "export the persons of the same people"
                )
        backwards = int((self.stays["end_day"] < self.stays["start_day"]).sum())
        if backwards:
            raise RecordsError(f"stays: {backwards} stay(s) end before they start; mend the export")


def completed(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """A table with all columns of its contract that may be left out, empty where they were."""
    left_out = [column for column, spec in TABLES[name].items() if spec.optional]
    return table.assign(**{column: None for column in left_out if column not in table.columns})


def conform(name: str, table: pd.DataFrame) -> pd.DataFrame:
    """Give a table its types and hold it to its contract.

    Raises
    ------
    RecordsError
        A column is missing or holds what it may not; says how many rows and which is the first,
        never the value.
    """
    contract, table = TABLES[name], completed(name, table)
    lacking = [column for column in contract if column not in table.columns]
    if lacking:
        raise RecordsError(f"{name}: lacks the column(s) {lacking}")
    if name not in OPEN and len(table.columns) > len(contract):
        table = table[list(contract)]
    typed = {column: _typed(table[column], spec, name) for column, spec in contract.items()}
    return table.assign(**typed)


def _typed(values: pd.Series, spec: Column, table: str) -> pd.Series:
    where = f"{table}: column {values.name}"
    if spec.kind is Kind.TEXT:
        typed = _as_text(values)
    elif values.dtype == DTYPE[spec.kind]:
        typed = values
    else:
        number = pd.to_numeric(values, errors="coerce")
        _refuse(number.isna() & values.notna(), f"{where} must hold {spec.kind}")
        if spec.kind is Kind.WHOLE:
            _refuse(number.notna() & (number % 1 != 0), f"{where} must hold {spec.kind}")
        typed = number.astype(DTYPE[spec.kind])
    empty = typed.isna()
    if not spec.nullable:
        _refuse(empty, f"{where} must not be empty")
    if empty.all():
        return typed
    # Numbered rows are in order, which is seen sooner than that no two are the same.
    if spec.unique and not _rises(typed):
        _refuse(typed.duplicated(), f"{where} must not repeat a value")
    if spec.among is not None:
        allowed = [str(value) for value in spec.among]
        _refuse(_strangers(values, typed, allowed), f"{where} must be one of {allowed}")
    if spec.low is not None:
        _refuse((typed < spec.low).fillna(False), f"{where} must be at least {spec.low:g}")
    if spec.high is not None:
        _refuse((typed > spec.high).fillna(False), f"{where} must be at most {spec.high:g}")
    return typed


def _strangers(values: pd.Series, typed: pd.Series, allowed: list[str]) -> pd.Series:
    """Rows with another word; of categories each is looked at once."""
    if not isinstance(values.dtype, pd.CategoricalDtype):
        return typed.notna() & ~typed.isin(allowed)
    strange = np.append(~values.cat.categories.isin(allowed), False)
    return pd.Series(strange[values.cat.codes], index=values.index)


def _as_text(values: pd.Series) -> pd.Series:
    if values.dtype == "str":
        return values
    if isinstance(values.dtype, pd.CategoricalDtype):
        words = pa.Array.from_pandas(values.array).cast(pa.large_string())
        return pd.Series(words, index=values.index, dtype="str", name=values.name)
    # Codes that look like numbers come as numbers from some files; 7.0 is then meant as "7".
    typed = values.astype("Int64").astype("str") if _whole(values) else values.astype("str")
    return typed.mask(values.isna())


def _rises(texts: pd.Series) -> bool:
    words = pa.array(texts, pa.large_string())
    return bool(pc.all(pc.less(words[:-1], words[1:]), skip_nulls=False).as_py())


def _not_among(whose: pa.Array, known: pa.Array) -> int:
    return len(whose) - (pc.sum(pc.is_in(whose, value_set=known)).as_py() or 0)


def _whole(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and bool((values.dropna() % 1 == 0).all())


def _refuse(wrong: pd.Series, must: str) -> None:
    wrong = wrong.to_numpy(bool)
    if wrong.any():
        raise RecordsError(
            f"{must}: {int(wrong.sum())} row(s) do not, the first is row {int(wrong.argmax()) + 1}"
        )
