"""One raw file, opened with suspicion."""

import hashlib

import pandas as pd
import pytest

from iop_outcomes.records.files.extract import numbers_where_possible, provenance, read_extract


@pytest.fixture
def extract(raw):
    """A file with these bytes."""

    def write(content):
        path = raw / "people.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def test_a_missing_file_is_named_with_where_to_put_it(raw, refusal):
    path = raw / "people.csv"
    assert refusal(read_extract, path, []) == (
        f"{path} is not there; put the extract in {raw}, or mend protocol.source"
    )


def test_a_folder_is_no_file(raw, refusal):
    assert refusal(read_extract, raw, []) == f"{raw} is a folder and no file; mend protocol.source"


@pytest.mark.parametrize("content", ["", "\n", "\n\n\n"])
def test_an_empty_file_is_to_be_exported_again(extract, refusal, content):
    path = extract(content)
    assert refusal(read_extract, path, ["a"]) == f"{path} is empty; export it again"


def test_a_header_alone_is_to_be_exported_again(extract, refusal):
    path = extract("a,b\n")
    assert refusal(read_extract, path, ["a"]) == (
        f"{path} has a header and no rows; export it again"
    )


def test_a_header_alone_is_an_answer_where_nobody_need_have_anything(extract):
    table = read_extract(extract("a,b\n"), ["a"], may_have_no_rows=True)
    assert (list(table.columns), len(table)) == (["a", "b"], 0)


def test_a_missing_column_is_named(extract, refusal):
    path = extract("a,b\n1,2\n")
    assert refusal(read_extract, path, ["a", "c", "d"]) == (
        f"{path} lacks the column(s) ['c', 'd']; is the header line there, and spelled so?"
    )


def test_without_a_header_line_the_first_person_is_not_quoted(extract, refusal):
    assert "Zebediah" not in refusal(read_extract, extract("Zebediah,4\nAnn,5\n"), ["a", "b"])


@pytest.mark.parametrize(
    ("content", "mark"),
    [("a;b\n1;2\n", "semicolons"), ("a\tb\n1\t2\n", "tabs"), ("a|b\n1|2\n", "vertical bars")],
)
def test_a_file_not_separated_by_commas_is_told_what_it_has(extract, refusal, content, mark):
    message = refusal(read_extract, extract(content), ["a", "b"])
    assert f"seems to be separated by {mark}; export it again with commas" in message


def test_blanks_around_a_name_are_no_part_of_it(extract):
    assert list(read_extract(extract(" a ,\u00a0b\n1,2\n"), ["a", "b"]).columns) == ["a", "b"]


def test_a_name_spelled_otherwise_is_told_to_be_near(extract, refusal):
    message = refusal(read_extract, extract("Person ID,b\n1,2\n"), ["person_id", "b"])
    assert (
        "['person_id'] differ(s) from a name there only in capitals, blanks or strokes" in message
    )
    assert "Person ID" not in message


@pytest.mark.parametrize(
    "content",
    ["a,b\n1,2,3\n4,5,6\n", "a,b\n1,2\n4,5,6\n", "a,b\n1,2,\n4,5,\n", "a,b\n1,2,3,4\n5,6,7,8\n"],
    ids=["in every row", "in a later row", "trailing commas", "two more"],
)
def test_more_cells_than_the_header_has_names_is_refused_rather_than_shifted(
    extract, refusal, content
):
    path = extract(content)
    message = refusal(read_extract, path, ["a"])
    assert message.startswith(f"{path} has ")
    assert "more cells" in message


def test_an_open_quote_is_refused_rather_than_swallowing_the_rest(extract, refusal):
    assert refusal(read_extract, extract('a,b\n"1,2\n3,4\n'), ["a"])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\nJosé,1\n".encode("latin-1"), "is not text in UTF-8; export it again as one"),
        ("a,b\n1,2\n".encode("utf-16"), "is text in UTF-16; save it as comma-separated text"),
        (b"PK\x03\x04\x00\xff\xfe", "is a zip file or an Excel workbook; save it as comma-sep"),
    ],
    ids=["latin-1", "utf-16", "a spreadsheet"],
)
def test_a_file_that_is_not_utf_8_says_what_it_is(extract, refusal, content, said):
    path = extract(content)
    assert refusal(read_extract, path, ["a"]).startswith(f"{path} {said}")


def test_the_mark_that_spreadsheets_put_before_utf_8_is_not_part_of_a_name(extract):
    assert list(read_extract(extract("\ufeffa,b\n1,2\n"), ["a", "b"]).columns) == ["a", "b"]


def test_every_cell_is_text_as_written_and_only_the_empty_cell_is_missing(extract):
    table = read_extract(extract('a,b\n007,None\nNA,\n1.50,"x, y"\n'), ["a", "b"])
    assert table["a"].tolist() == ["007", "NA", "1.50"]
    assert table["b"].dropna().tolist() == ["None", "x, y"]
    assert table["b"].isna().tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "2.5", None], [1.0, 2.5, None]),
        (["1", "two"], ["1", "two"]),
        (["", "1"], ["", "1"]),
        ([None, None], [None, None]),
    ],
    ids=["numbers and gaps", "a word among them", "a blank among them", "nothing at all"],
)
def test_covariates_become_numbers_only_if_every_recorded_cell_is_one(cells, expected):
    column = numbers_where_possible(pd.DataFrame({"beck": cells}, dtype="str"), ["beck"])["beck"]
    assert [None if pd.isna(cell) else cell for cell in column] == expected


def test_provenance_tells_each_files_rows_and_fingerprint(raw):
    (raw / "site").mkdir()
    paths = [raw / "a.csv", raw / "site" / "b.csv"]
    for path in paths:
        path.write_bytes(path.name.encode())
    table = provenance(raw, paths, [3, 0])
    assert table["file"].tolist() == ["a.csv", "site/b.csv"]
    assert table["rows"].tolist() == [3, 0]
    assert table["sha256"].tolist() == [
        hashlib.sha256(name).hexdigest() for name in (b"a.csv", b"b.csv")
    ]
