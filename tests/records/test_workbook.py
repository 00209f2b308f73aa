"""Excel workbooks: what they hide, merge or compute must not be lost in silence."""

import pandas as pd
import pytest
from openpyxl import Workbook

from iop_outcomes.records.files.extract import read_extract
from iop_outcomes.records.files.workbook import read_workbook


@pytest.fixture
def workbook(raw):
    """Write rows as the only sheet of a workbook; gives its path, after `change` had its way."""

    def write(rows, change=lambda book: None):
        book = Workbook()
        for row in rows:
            book.active.append(row)
        change(book)
        book.save(raw / "export.xlsx")
        return raw / "export.xlsx"

    return write


ROWS = [["person", "days", "note"], ["P1", 12, None], ["P2", 12.5, "007"]]


def test_cells_are_text_as_a_csv_file_would_hold_them(workbook):
    table = read_workbook(workbook(ROWS))
    assert table.columns.tolist() == ["person", "days", "note"]
    assert table["days"].tolist() == ["12", "12.5"]
    assert table["note"].isna().tolist() == [True, False]
    assert table["note"][1] == "007"


def test_a_workbook_and_a_csv_file_of_the_same_cells_read_alike(workbook, raw):
    path = workbook([[str(cell) if cell is not None else None for cell in row] for row in ROWS])
    read_workbook(path).to_csv(raw / "export.csv", index=False)
    pd.testing.assert_frame_equal(
        read_extract(path, ["person"]), read_extract(raw / "export.csv", ["person"])
    )


def test_numbers_stored_as_text_are_the_same_numbers(workbook):
    rows = [["day"], ["12"], [" 13 "], [14]]
    assert read_workbook(workbook(rows))["day"].tolist() == ["12", "13", "14"]


def test_empty_rows_and_columns_around_the_table_are_no_part_of_it(workbook):
    rows = [["person", None, "days"], ["P1", None, 3], [None, None, None], ["P2", None, 4]]
    assert read_workbook(workbook(rows)).to_numpy().tolist() == [["P1", "3"], ["P2", "4"]]


def hide(book):
    book.create_sheet("Zebediah").sheet_state = "hidden"


def test_a_hidden_sheet_is_refused_and_its_name_not_told(workbook, refusal):
    message = refusal(read_workbook, workbook(ROWS, hide))
    assert "1 hidden sheet(s)" in message
    assert "Zebediah" not in message


def test_a_named_sheet_is_read_whatever_else_is_there(workbook):
    path = workbook(ROWS, lambda book: (hide(book), book.create_sheet("other")))
    assert len(read_workbook(path, "Sheet")) == 2


def test_one_of_several_sheets_must_be_named(workbook, refusal):
    path = workbook(ROWS, lambda book: book.create_sheet("other"))
    assert "has 2 sheets; name the one to read" in refusal(read_workbook, path)
    assert "no sheet `third`" in refusal(read_workbook, path, "third")


def test_merged_cells_are_refused_because_all_but_one_of_them_are_empty(workbook, refusal):
    path = workbook(ROWS, lambda book: book.active.merge_cells("A2:A3"))
    assert "1 group(s) of merged cells" in refusal(read_workbook, path)


def test_a_formula_that_was_never_computed_is_refused_rather_than_read_as_empty(workbook, refusal):
    path = workbook([["person", "days"], ["P1", "=1+2"]])
    assert "1 formula(s) hold no value yet" in refusal(read_workbook, path)


@pytest.mark.parametrize("header", [["person", None], ["person", "person"]])
def test_every_column_needs_a_header_of_its_own(workbook, refusal, header):
    assert "header of its own" in refusal(read_workbook, workbook([header, ["P1", "3"]]))


def test_an_empty_sheet_is_refused(workbook, refusal):
    assert "is empty" in refusal(read_workbook, workbook([]))


def test_what_only_bears_the_name_of_a_workbook_is_refused(raw, refusal):
    (raw / "export.xlsx").write_text("<html>not found</html>")
    assert "is no Excel workbook" in refusal(read_workbook, raw / "export.xlsx")


def test_a_date_in_a_cell_is_refused_like_a_date_in_a_text(workbook):
    from datetime import date

    from iop_outcomes.errors import IdentifierError

    path = workbook([["person", "seen"], ["P1", date(2024, 1, 31)]])
    with pytest.raises(IdentifierError) as refused:
        read_extract(path, ["person"])
    assert "`seen`" in str(refused.value)
    assert "2024" not in str(refused.value)
