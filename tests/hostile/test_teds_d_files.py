"""TEDS-D files that were cut, packed or turned wrongly, in every format that SAMHSA offers."""

import zipfile

import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest
from pyarrow import parquet

ROWS = 40


def discharges():
    """Forty discharges of 2019, in codes."""
    number = range(ROWS)
    same = {"DISYR": 2019, "REASON": 1, "GENDER": 1, "RACE": 5, "EDUC": 3, "EMPLOY": 1}
    same |= {"LIVARAG": 3, "SUB1": 2, "NOPRIOR": 0, "PSYPROB": 2, "PSOURCE": 1, "STFIPS": 24}
    varied = {"SERVICES": [6 + k % 2 for k in number], "LOS": [1 + k % 30 for k in number]}
    return pd.DataFrame({**same, **varied, "AGE": [1 + k % 12 for k in number]})


def as_text(table):
    return table.to_csv(index=False, lineterminator="\n")


@pytest.fixture
def teds(study):
    """The study with one TEDS-D file of these bytes as all its records."""

    def write(name, content=None):
        if content is not None:
            (study.raw / name).write_bytes(
                content.encode() if isinstance(content, str) else content
            )
        study.source = {"kind": "teds_d", "files": [name]}
        return study

    return write


@pytest.fixture(scope="module")
def expected(tmp_path_factory, new_study):
    """The stays of those discharges."""
    study = new_study(tmp_path_factory.mktemp("teds") / "study")
    discharges().to_csv(study.raw / "clean.csv", index=False)
    study.source = {"kind": "teds_d", "files": ["clean.csv"]}
    return study.read().stays


def cell(column, value, row=5):
    """A change of one cell (row counted from 1) of a text."""

    def change(text):
        header, *rows = text.splitlines()
        cells = rows[row - 1].split(",")
        cells[header.split(",").index(column)] = value
        rows[row - 1] = ",".join(cells)
        return "\n".join([header, *rows]) + "\n"

    return change


def body(change):
    return lambda text: "\n".join(
        change(row) if k else row for k, row in enumerate(text.strip().split("\n"))
    )


REFUSED = {
    "nothing": (lambda text: "", "is empty"),
    "blank lines alone": (lambda text: "\n\n\n", "does not begin with a header"),
    "a header alone": (lambda text: text.split("\n")[0] + "\n", "has a header and no rows"),
    "no header": (lambda text: text.split("\n", 1)[1], "is the header line there"),
    "a web page": (lambda text: "<!DOCTYPE html><p>zanzibar</p>", "a web page"),
    "a zip file by another name": (
        lambda text: b"PK\x03\x04zanzibar",
        "a zip file or an Excel workbook",
    ),
    "UTF-16 with a mark": (lambda text: text.encode("utf-16"), "UTF-16"),
    "UTF-16 without a mark": (lambda text: text.encode("utf-16-le"), "UTF-16"),
    "semicolons": (lambda text: text.replace(",", ";"), "separated by semicolons"),
    "vertical bars": (lambda text: text.replace(",", "|"), "by vertical bars"),
    "a row cut short": (lambda text: text.rstrip()[:-4], "fewer cells"),
    "a row with one cell more": (body(lambda row: row + ",7"), "more or fewer cells"),
    "a comma more at the end of every row": (body(lambda row: row + ","), "more or fewer cells"),
    "a short row in the middle": (
        lambda text: "\n2019,zanzibar\n".join(text.split("\n", 7)),
        "more or fewer cells",
    ),
    "a quotation mark never closed": (cell("AGE", '"3'), "column AGE holds codes"),
    "a quotation mark never closed, in the first column": (
        cell("DISYR", '"2019'),
        "more or fewer cells",
    ),
    "two quotation marks around whole rows": (
        lambda text: cell("AGE", '3"', row=9)(cell("DISYR", '"2019')(text)),
        "more or fewer cells",
    ),
    "line ends of an old Macintosh, cut": (
        lambda text: text.replace("\n", "\r")[:-7],
        "fewer cells",
    ),
    "a name twice": (lambda text: text.replace("REASON", "LOS", 1), "two columns of the same name"),
    "a name twice in other letters": (lambda text: text.replace("REASON", "los", 1), "same name"),
    "the header again in the middle": (
        lambda text: text + text.split("\n")[0] + "\n",
        "column DISYR holds a year",
    ),
    "a NUL byte in a cell": (cell("AGE", "3\0"), "column AGE holds codes"),
    "a tail of NUL bytes": (lambda text: text.encode() + bytes(64), "fewer cells"),
    "a year of no file": (cell("DISYR", "1999"), "column DISYR holds a year"),
    "no year": (cell("DISYR", ""), "column DISYR holds a year"),
    "a year in words": (cell("DISYR", "zanzibar"), "column DISYR holds a year"),
    "a year with a fraction": (cell("DISYR", "2019.5"), "column DISYR holds a year"),
    "a year of many digits": (cell("DISYR", "2019000000000000"), "column DISYR holds a year"),
    "a code of no book": (cell("AGE", "13"), "column AGE holds codes that the codebook does not"),
    "a word of no book": (cell("AGE", "zanzibar"), "column AGE holds codes"),
    "NULL": (cell("AGE", "NULL"), "column AGE holds codes"),
    "NA": (cell("AGE", "NA"), "column AGE holds codes"),
    "a point": (cell("AGE", "."), "column AGE holds codes"),
    "a fraction of a code": (cell("AGE", "3.5"), "column AGE holds codes"),
    "a code without end": (cell("AGE", "inf"), "column AGE holds codes"),
    "a code with an exponent": (cell("AGE", "3e0"), "column AGE holds codes"),
    "a code beyond all numbers": (cell("AGE", str(2**64)), "column AGE holds codes"),
    "an error of a spreadsheet": (cell("AGE", "#N/A"), "column AGE holds codes"),
    "a formula": (cell("AGE", "=1+2"), "column AGE holds codes"),
    "a label among codes": (cell("SERVICES", "Ambulatory, detoxification"), "more or fewer cells"),
    "a quoted label among codes": (
        cell("GENDER", '"Female"'),
        "the column(s) ['GENDER'] hold codes and labels side by side",
    ),
    "a column that names people": (
        lambda text: body(lambda row: row + ",zanzibar")(text.replace("\n", ",PATIENT_NAME\n", 1)),
        "seems to hold names",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_a_text_is_refused_with_a_sentence(teds, refuses, fault):
    change, said = REFUSED[fault]
    refuses(teds("year.csv", change(as_text(discharges()))), "year.csv", said)


READ = {
    "a mark of UTF-8": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "line ends of Windows": lambda text: text.replace("\n", "\r\n"),
    "line ends of an old Macintosh": lambda text: text.replace("\n", "\r"),
    "no line end at the end": lambda text: text.rstrip(),
    "blank lines in the middle": lambda text: text.replace("\n", "\n\n"),
    "tabs": lambda text: text.replace(",", "\t"),
    "names in lower case": lambda text: text.lower(),
    "blanks around cells": lambda text: text.replace(",", " , "),
    "decimals": body(lambda row: ",".join(f"{each}.0" for each in row.split(","))),
    "quotation marks around every cell": lambda text: "\n".join(
        ",".join(f'"{each}"' for each in row.split(",")) for row in text.strip().split("\n")
    ),
    "letters of Latin-1 in a column of no use": lambda text: body(lambda row: row + ",é")(
        text.replace("\n", ",CBSA2010\n", 1)
    ).encode("latin-1"),
    "five hundred columns more": lambda text: "\n".join(
        row + "".join(f",x{k}" if not number else ",7" for k in range(500))
        for number, row in enumerate(text.strip().split("\n"))
    ),
}


def test_texts_are_read_as_if_they_were_clean(study, expected):
    """All of them at once: each is one more of the files."""
    names = [f"{fault}.csv" for fault in READ]
    for name, change in zip(names, READ.values(), strict=True):
        content = change(as_text(discharges()))
        (study.raw / name).write_bytes(content.encode() if isinstance(content, str) else content)
    study.source = {"kind": "teds_d", "files": names}
    as_often(study.read(), expected, len(READ))


def as_often(records, expected, files):
    """The same stays for each file, in their order."""
    assert records.provenance["rows"].tolist() == [ROWS] * files
    whose = ["stay_id", "person_id"]
    for number in range(files):
        found = records.stays[number * ROWS : (number + 1) * ROWS].reset_index(drop=True)
        pd.testing.assert_frame_equal(found.drop(columns=whose), expected.drop(columns=whose))


def zipped(members, path, **options):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, **options) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path.read_bytes()


ZIPS = {
    "nothing in it": ({}, "holds 0 files"),
    "a folder alone in it": ({"year/": ""}, "holds 0 files"),
    "two files in it": ({"a.csv": as_text(discharges()), "b.csv": "DISYR\n"}, "holds 2 files"),
    "a zip file in it": ({"year.zip": b"PK\x03\x04" + bytes(200)}, "a zip file"),
    "a text in UTF-16 in it": ({"year.csv": as_text(discharges()).encode("utf-16")}, "UTF-16"),
    "an empty text in it": ({"year.csv": ""}, "is empty"),
    "a cut text in it": ({"year.csv": as_text(discharges()).rstrip()[:-4]}, "fewer cells"),
    "a file of another format in it": ({"year.sav": b"$FL2" + bytes(500)}, "an SPSS file"),
}


@pytest.mark.parametrize("fault", ZIPS)
def test_a_zip_file_is_refused_with(study, teds, refuses, fault):
    members, said = ZIPS[fault]
    zipped(members, study.raw / "year.zip")
    refuses(teds("year.zip"), "year.zip", said)


DAMAGE = {
    "a cut in the middle": lambda data: data[: len(data) // 2],
    "a cut of its last bytes": lambda data: data[:-30],
    "zeros in its middle": lambda data: (
        data[: len(data) // 3] + bytes(len(data) // 3) + data[2 * (len(data) // 3) :]
    ),
    "nothing left": lambda data: b"",
    "text in its place": lambda data: b"zanzibar,1\n2,3\n",
}
WRITERS = {
    "year.zip": lambda table, path: zipped({"year.csv": as_text(table)}, path),
    "year.sav": pyreadstat.write_sav,
    "year.dta": lambda table, path: table.to_stata(path, write_index=False),
    "year.parquet": lambda table, path: table.to_parquet(path, index=False),
}


@pytest.mark.parametrize("fault", DAMAGE)
@pytest.mark.parametrize("name", WRITERS)
def test_a_damaged_file_is_refused(study, teds, refuses, name, fault):
    WRITERS[name](pd.concat([discharges()] * 50), study.raw / name)
    refuses(teds(name, DAMAGE[fault]((study.raw / name).read_bytes())), name)


def test_the_same_files_whole_are_read(study, expected):
    for name, write in WRITERS.items():
        write(discharges(), study.raw / name)
    study.source = {"kind": "teds_d", "files": list(WRITERS)}
    as_often(study.read(), expected, len(WRITERS))


def test_a_zip_file_that_would_fill_the_disk_is_refused(study, teds, refuses, monkeypatch):
    """Of a few kilobytes; what it says of its size is looked at before it is unpacked."""
    monkeypatch.setattr("iop_outcomes.records.sources.teds_text.LARGEST_UNPACKED_BYTES", 1 << 20)
    zipped({"year.csv": as_text(discharges()) + "0" * (3 << 20)}, study.raw / "year.zip")
    assert (study.raw / "year.zip").stat().st_size < 10_000
    refuses(teds("year.zip"), "would unpack to more than 1 MiB")


def test_an_encrypted_zip_file_is_refused(study, teds, refuses):
    content = bytearray(zipped({"year.csv": as_text(discharges())}, study.raw / "year.zip"))
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(mark) + place] |= 1  # the flag of an encrypted member
    refuses(teds("year.zip", bytes(content)), "encrypted")


COLUMNS = {
    "lists": pa.array([[1]] * ROWS),
    "tables": pa.array([{"who": "zanzibar"}] * ROWS),
    "dates": pa.array([0] * ROWS, pa.date32()),
    "instants": pa.array([0] * ROWS, pa.timestamp("s", "UTC")),
    "truths": pa.array([True] * ROWS),
    "fractions": pa.array([3.5] * ROWS),
    "a number without end": pa.array([float("inf")] * ROWS),
    "words of no book": pa.array(["zanzibar"] * ROWS),
}


@pytest.mark.parametrize("fault", COLUMNS)
def test_a_parquet_file_with_a_column_of_codes_is_refused_that_holds(study, teds, refuses, fault):
    table = pa.Table.from_pandas(discharges(), preserve_index=False)
    place = table.schema.get_field_index("AGE")
    parquet.write_table(table.set_column(place, "AGE", COLUMNS[fault]), study.raw / "year.parquet")
    refuses(teds("year.parquet"), "year.parquet", "AGE")


def test_a_parquet_column_of_nulls_alone_is_missing(study, teds):
    table = pa.Table.from_pandas(discharges(), preserve_index=False)
    place = table.schema.get_field_index("AGE")
    parquet.write_table(table.set_column(place, "AGE", pa.nulls(ROWS)), study.raw / "year.parquet")
    records = teds("year.parquet").read()
    assert records.stays["age_years"].isna().all()
    assert len(records.stays) == ROWS


def test_other_files_of_that_name_are_refused(study, teds, refuses):
    (study.raw / "folder.csv").mkdir()
    refuses(teds("folder.csv"), "folder.csv")
    refuses(teds("gone.csv"), "gone.csv is not there")
    refuses(teds("year.xlsx", b"PK\x03\x04"), "a file of this kind is not read")


@pytest.mark.parametrize("way", ["../year.csv", "below/../../year.csv", "full"])
def test_a_file_outside_the_raw_folder_is_refused(study, teds, refuses, way):
    outside = study.raw.parent / "year.csv"
    outside.write_text(as_text(discharges()))
    (study.raw / "below").mkdir()
    refuses(teds(str(outside) if way == "full" else way), "outside")
