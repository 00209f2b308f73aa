"""Parquet files with damage, nesting, instants and numbers of every type."""

from datetime import UTC, date, datetime, time
from decimal import Decimal

import pyarrow as pa
import pytest
from pyarrow import parquet


@pytest.fixture
def stays(study, tables):
    """Put the stays into a Parquet file with some columns of other types; gives its path."""

    def write(name="stays.parquet", **columns):
        cells = {k: [cell or None for cell in tables["stays"][k]] for k in tables["stays"]}
        made = {k: columns.pop(k, None) for k in cells}
        whole = {k: pa.array(cells[k]) if made[k] is None else made[k](cells[k]) for k in cells}
        more = {k: make([None] * len(tables["stays"])) for k, make in columns.items()}
        parquet.write_table(pa.table({**whole, **more}), study.raw / name)
        study.map_stays(name)
        return study.raw / name

    return write


def typed(kind, as_python=int):
    return lambda cells: pa.array([None if c is None else as_python(c) for c in cells], kind)


def constant(value, kind=None):
    return lambda cells: pa.array([value] * len(cells), kind)


READ = {
    "large text, categories, whole numbers, floats, decimals, an empty text for nothing": {
        "person_id": typed(pa.large_string(), str),
        "level_of_care": lambda cells: pa.array(cells).dictionary_encode(),
        "exit_reason": lambda cells: pa.array([c or "" for c in cells]),
        "start_day": typed(pa.decimal128(12, 2), Decimal),
        "end_day": typed(pa.int16()),
        "admission_year": typed(pa.uint16()),
        "age_years": typed(pa.float32(), float),
        "beck": typed(pa.float16(), float),
    },
    "blanks around text, numbers as categories, a NaN for nothing, numbers without a sign": {
        "level_of_care": lambda cells: pa.array([f" {c}\t" for c in cells]),
        "exit_reason": lambda cells: pa.array(cells).dictionary_encode(),
        "start_day": lambda cells: typed(pa.int64())(cells).dictionary_encode(),
        "end_day": lambda cells: pa.array([float(c or "nan") for c in cells], from_pandas=False),
        "age_years": typed(pa.uint64()),
        "beck": typed(pa.decimal128(12, 4), Decimal),
    },
    "floats of full length, further columns of nulls and of truths": {
        "start_day": typed(pa.float64(), float),
        "beck": typed(pa.float64(), float),
        "nothing": constant(None, pa.null()),
        "employed": constant(True),
    },
}


@pytest.mark.parametrize("fault", READ)
def test_it_is_read_as_if_it_were_clean(stays, study, reads_as, fault):
    stays(**READ[fault])
    reads_as(study)


def test_a_column_of_nulls_alone_is_a_column_of_which_nothing_is_known(stays, study):
    stays(end_day=constant(None, pa.null()), exit_reason=constant(None, pa.null()))
    records = study.read()
    assert records.stays["end_day"].isna().all()
    assert len(records.stays) == 40


def test_truths_are_one_and_nought_as_in_a_workbook(stays, study):
    stays(beck=lambda cells: pa.array([k % 2 == 0 for k in range(len(cells))]))
    assert study.read().stays["beck"].tolist() == [1.0, 0.0] * 20


def test_a_row_of_nulls_is_a_row_and_set_aside(study, stays):
    path = stays()
    whole = parquet.read_table(path)
    nulls = pa.table({name: pa.nulls(1, pa.string()) for name in whole.column_names})
    parquet.write_table(pa.concat_tables([whole, nulls]), path)
    records = study.read()
    ledger = records.ledger.set_index("table").loc["stays"]
    assert ledger[["read", "accepted", "quarantined"]].tolist() == [41, 40, 1]


REFUSED = {
    "lists": ({"beck": constant(["zanzibar"])}, "column `beck` holds no plain cells but lists or"),
    "tables in a column nobody asked for": (
        {"more": constant({"who": "zanzibar"})},
        "column 11 holds no plain cells but lists or tables",
    ),
    "bytes": ({"facility_id": constant(b"zanzibar")}, "column `facility_id` holds no plain cells"),
    "times of day": (
        {"start_day": constant(time(9, 30))},
        "column `start_day` holds no plain cells",
    ),
    "lengths of time": (
        {"start_day": constant(7, pa.duration("s"))},
        "column `start_day` holds no plain cells but values of another type",
    ),
    "instants with a time zone": (
        {"start_day": constant(datetime(2024, 1, 31, 23, tzinfo=UTC))},
        "column `start_day` holds instants with a time zone, so that their day depends",
    ),
    "dates": (
        {"start_day": constant(date(2024, 1, 31))},
        "dates finer than a year (column `start_",
    ),
    "local instants": (
        {"start_day": constant(datetime(2024, 1, 31, 9))},
        "dates finer than a year (column `start_day`, 40 cells)",
    ),
    "dates as categories": (
        {"start_day": lambda cells: constant(date(2024, 1, 31))(cells).dictionary_encode()},
        "dates finer than a year (column `start_day`, 40 cells)",
    ),
    "floats beyond whole numbers": (
        {"facility_id": constant(2.0**60)},
        "column 3 holds numbers that are too long for its type",
    ),
    "a number without end": (
        {"beck": constant(float("inf"))},
        "column beck: 40 cell(s) hold a number without end",
    ),
    "days without end": ({"start_day": constant(float("-inf"))}, "40 of 40"),
    "halves of days": ({"start_day": constant(Decimal("1.50"))}, "40 of 40"),
    "errors of a spreadsheet": (
        {"facility_id": constant("#N/A")},
        "40 cell(s) of column `facility_id` hold errors of a spreadsheet",
    ),
    "NUL bytes": ({"facility_id": constant("a\0b")}, "hold letters that were lost or damaged"),
    "people and levels of which nothing is known": (
        {name: constant(None, pa.null()) for name in ("person_id", "level_of_care")},
        "40 of 40",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_it_is_refused_with_a_sentence(stays, study, refuses, fault):
    columns, said = REFUSED[fault]
    stays(**columns)
    refuses(study, said)


def test_two_columns_of_one_name_are_refused(stays, study, refuses):
    path = stays()
    table = parquet.read_table(path).append_column("start_day", pa.array(["1"] * 40))
    parquet.write_table(table, path)
    refuses(study, "stays.parquet has 1 name(s) that stand over several columns (number 5, 11)")


def test_a_missing_column_is_named(stays, study, refuses):
    path = stays()
    parquet.write_table(parquet.read_table(path).drop_columns("start_day"), path)
    refuses(study, "stays.parquet lacks the column(s) ['start_day']")


def test_a_column_with_a_blank_for_a_name_is_refused(stays, study, refuses):
    stays(**{" ": constant("zanzibar")})
    refuses(study, "has 1 column(s) with cells and without a name (number 11)")


def test_a_schema_without_rows_is_refused(stays, study, refuses):
    path = stays()
    parquet.write_table(parquet.read_table(path)[:0], path)
    refuses(study, "stays.parquet has a header and no rows")


BYTES = {
    "nothing": lambda data: b"",
    "a cut in the middle": lambda data: data[: len(data) // 2],
    "a cut of its last byte": lambda data: data[:-1],
    "a footer that claims to be longer than the file": (
        lambda data: data[:-8] + (1 << 30).to_bytes(4, "little") + data[-4:]
    ),
    "a footer of zeros": lambda data: data[:-200] + bytes(192) + data[-8:],
    "pages of zeros": lambda data: data[:4] + bytes(2000) + data[2004:],
    "text": lambda data: b"stay_id,person_id\nzanzibar,1\n",
    "the marks of Parquet around nothing": lambda data: b"PAR1" + bytes(4) + b"PAR1",
}


@pytest.mark.parametrize("fault", BYTES)
def test_damage_is_refused(stays, study, refuses, fault):
    path = stays()
    path.write_bytes(BYTES[fault](path.read_bytes()))
    refuses(study, "stays.parquet is damaged or no Parquet file; export it again")


def test_a_small_file_of_very_many_rows_is_refused_unread(stays, study, refuses, monkeypatch):
    monkeypatch.setattr("iop_outcomes.records.files.parquet_file.MOST_CELLS", 399)
    stays()
    refuses(study, "stays.parquet claims to have 40 rows of 10 columns")
