"""TEDS-D in every format that is read: the same rows are the same records."""

import zipfile

import pandas as pd
import pyreadstat
import pytest
import rdata
from pandas.testing import assert_frame_equal

from iop_outcomes.errors import IdentifierError
from iop_outcomes.records.sources import teds_files, teds_text

ROW = {
    **{"DISYR": 2019, "SERVICES": 6, "REASON": 1, "LOS": 20, "AGE": 5, "GENDER": 1, "RACE": 5},
    **{"EDUC": 3, "EMPLOY": 1, "LIVARAG": 3, "SUB1": 2, "NOPRIOR": 0, "PSYPROB": 2},
    **{"PSOURCE": 1, "STFIPS": 24},
}


@pytest.fixture(scope="module")
def codes(shared):
    """The real rows of 2017 to 2020, as codes."""
    return pd.read_csv(shared / "data/teds_d/sample_2017_2020_codes.csv")


@pytest.fixture(scope="module")
def labels(shared, codes):
    """The same rows as labels, under the names of the codebook."""
    path = shared / "data/teds_d/sample_2017_2020_labels.csv"
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    return table.set_axis(codes.columns, axis=1)


@pytest.fixture(scope="module")
def expected(shared, read):
    files = ["sample_2017_2020_codes.csv"]
    return read(shared / "data/teds_d", kind="teds_d", files=files).stays


def write_sav(table, path):
    pyreadstat.write_sav(table, path, missing_ranges={"LOS": [-9], "ARRESTS": [-9]})


def write_zip(table, path):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/tedsd.csv", table.to_csv(index=False))


WRITERS = {
    "year.csv": lambda table, path: table.to_csv(path, index=False),
    "year.CSV": lambda table, path: table.to_csv(path, index=False),
    "commas.tsv": lambda table, path: table.to_csv(path, index=False),
    "tabs.tsv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "tabs.csv": lambda table, path: table.to_csv(path, index=False, sep="\t"),
    "bom.csv": lambda table, path: table.to_csv(path, index=False, encoding="utf-8-sig"),
    "windows.csv": lambda table, path: table.to_csv(path, index=False, lineterminator="\r\n"),
    "quoted.csv": lambda table, path: table.to_csv(path, index=False, quoting=1),
    "year.zip": write_zip,
    "year.sav": write_sav,
    "year.dta": lambda table, path: table.to_stata(path, write_index=False),
    "year.parquet": lambda table, path: table.to_parquet(path, index=False),
    "lower.csv": lambda table, path: table.rename(columns=str.lower).to_csv(path, index=False),
    "lower.sav": lambda table, path: pyreadstat.write_sav(table.rename(columns=str.lower), path),
    "year.rdata": lambda table, path: rdata.write_rda(path, {"tedsd": table}),
    "year.rds": lambda table, path: rdata.write_rds(path, table),
    "factors.rda": lambda table, path: rdata.write_rda(
        path, {"tedsd": table.astype(object).astype(str).astype("category")}
    ),
    "floats.parquet": lambda table, path: table.astype(float).to_parquet(path, index=False),
    "words.parquet": lambda table, path: table.astype(str).to_parquet(path, index=False),
    "words.dta": lambda table, path: (
        table.astype(object).astype("str").to_stata(path, write_index=False)
    ),
    "categories.parquet": lambda table, path: table.astype("category").to_parquet(
        path, index=False
    ),
}


@pytest.mark.parametrize("name", WRITERS)
def test_the_real_rows_are_the_same_records_in_every_format(codes, expected, raw, read, name):
    WRITERS[name](codes, raw / name)
    assert_frame_equal(read(raw, kind="teds_d", files=[name]).stays, expected)


@pytest.mark.parametrize("name", ["year.csv", "tabs.tsv", "year.zip", "year.parquet", "year.dta"])
def test_labels_and_codes_of_the_real_rows_are_the_same_records(labels, expected, raw, read, name):
    """With the words of whoever decoded them, such as 65+."""
    WRITERS[name](labels, raw / name)
    assert_frame_equal(read(raw, kind="teds_d", files=[name]).stays, expected)


def test_the_words_of_each_years_own_codebook_are_the_same_records(
    shared, codes, expected, raw, read
):
    """En dashes from 2017 to 2019, other capitals in 2020."""
    decoded = codes.astype(object)
    names = pd.read_csv(
        shared / "data/teds_d/labels_2020_2022.csv", dtype=str, keep_default_na=False
    )
    books = {2020: names[names["vintage"] == "2020"]}
    for year in (2017, 2018, 2019):
        path = shared / f"data/teds_d/codebook_{year}.csv"
        books[year] = pd.read_csv(path, dtype=str, keep_default_na=False)
    for year, book in books.items():
        rows = codes["DISYR"] == year
        for column, item in book.groupby("variable"):
            if column in codes and column != "DISYR":
                words = dict(zip(item["code"], item["value_label"], strict=True))
                decoded.loc[rows, column] = codes.loc[rows, column].astype(str).map(words)
    assert decoded.notna().all().all()
    decoded.to_csv(raw / "words.csv", index=False)
    assert_frame_equal(read(raw, kind="teds_d", files=["words.csv"]).stays, expected)


def test_a_value_labelled_spss_file_is_read_by_its_codes(codes, expected, raw, read):
    pyreadstat.write_sav(
        codes, raw / "labelled.sav", variable_value_labels={"SERVICES": {6: "IOP", 7: "OP"}}
    )
    assert_frame_equal(read(raw, kind="teds_d", files=["labelled.sav"]).stays, expected)


def test_a_large_file_is_read_in_blocks(codes, expected, raw, read, monkeypatch):
    monkeypatch.setattr(teds_files, "BLOCK_ROWS", 50)
    monkeypatch.setattr(teds_text, "PIECE_BYTES", 4096)
    for name in ("year.csv", "year.zip", "year.sav", "year.dta", "year.parquet"):
        WRITERS[name](codes, raw / name)
        assert_frame_equal(read(raw, kind="teds_d", files=[name]).stays, expected)


def test_the_order_of_columns_is_nothing(codes, expected, raw, read):
    codes[codes.columns[::-1]].to_csv(raw / "year.csv", index=False)
    assert_frame_equal(read(raw, kind="teds_d", files=["year.csv"]).stays, expected)


@pytest.fixture
def refused(raw, read, refusal):
    """The sentence with which a file of these bytes is refused."""

    def of(name, content=None, error=None):
        if content is not None:
            (raw / name).write_bytes(content)
        kinds = {"error": error} if error else {}
        message = refusal(read, raw, kind="teds_d", files=[name], **kinds)
        assert "Jane" not in message
        return message

    return of


def as_csv(*rows):
    return pd.DataFrame(rows).to_csv(index=False).encode()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("gone.csv", None, "is not there; put the extract in"),
        ("year.sas7bdat", b"x", "a file of this kind is not read; known are"),
        ("year.csv", b"", "is empty"),
        ("year.csv", b"\n\n", "does not begin with a header line"),
        ("year.csv", "DISYR,LOS\n2019,1\n".encode("utf-16"), "holds text in UTF-16"),
        ("year.csv", b"Jane Doe,1\nJane Roe,2\n", "lacks the column(s) ['DISYR']"),
        ("year.csv", b"DISYR,LOS,los\n2019,1,2\n", "two columns of the same name"),
        ("year.csv", as_csv(ROW).split(b"\n")[0] + b"\n", "has a header and no rows"),
        ("year.csv", as_csv(ROW) + b"2019,Jane\n", "more or fewer cells than its header"),
        ("year.csv", as_csv(ROW) + as_csv(ROW).split(b"\n")[1][:-6], "more or fewer cells"),
        ("year.zip", b"PK\x03\x04Jane", "is damaged, encrypted or no zip file"),
        ("year.sav", b"Jane Doe", "is no SPSS file"),
        ("year.dta", b"Jane Doe", "is no Stata file"),
        ("year.parquet", b"Jane Doe", "is no Parquet file"),
        ("year.rdata", b"Jane Doe", "is no R file"),
        ("year.rds", b"", "is no R file"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_sentence(refused, name, content, said):
    assert said in refused(name, content)


def test_a_zip_file_of_several_files_is_refused(raw, refused):
    with zipfile.ZipFile(raw / "year.zip", "w") as archive:
        archive.writestr("a.csv", as_csv(ROW))
        archive.writestr("b.csv", as_csv(ROW))
    assert "holds 2 files; give a zip file with the one table" in refused("year.zip")


def test_an_r_file_of_several_tables_is_refused(raw, read, refusal, codes):
    rdata.write_rda(raw / "two.rda", {"one": codes, "two": codes})
    assert "holds 2 tables" in refusal(read, raw, kind="teds_d", files=["two.rda"])


def test_a_zip_file_that_would_fill_the_disk_is_refused(raw, refused, monkeypatch):
    monkeypatch.setattr(teds_text, "LARGEST_UNPACKED_BYTES", 1 << 20)
    with zipfile.ZipFile(raw / "year.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("year.csv", b"0" * (1 << 21))
    assert "would unpack to more than 1 MiB" in refused("year.zip")


def test_a_damaged_zip_file_is_refused(raw, refused, codes):
    write_zip(pd.concat([codes] * 40), raw / "year.zip")
    content = bytearray((raw / "year.zip").read_bytes())
    content[len(content) // 2] ^= 0xFF
    assert "is damaged" in refused("year.zip", bytes(content))


def test_a_column_named_as_an_identifier_is_refused(refused):
    message = refused("year.csv", as_csv({**ROW, "patient_name": "Jane Doe"}), IdentifierError)
    assert "patient_name" in message.lower()


def test_columns_that_are_not_needed_are_never_read(raw, read):
    """Whatever is in them, such as letters of another encoding."""
    header = as_csv({**ROW, "CBSA2010": 1}).replace(b",1\n", b",May\xfc\xe9\n")
    (raw / "year.csv").write_bytes(header)
    assert len(read(raw, kind="teds_d", files=["year.csv"]).stays) == 1
