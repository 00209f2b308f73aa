"""Excel workbooks that hide, merge, compute or claim too much: stays.xlsx is the one spoilt."""

import re
import zipfile
from datetime import date, datetime, time, timedelta

import pytest
from openpyxl.chart import BarChart
from openpyxl.utils.datetime import CALENDAR_MAC_1904
from openpyxl.worksheet.formula import ArrayFormula

SHEET = "xl/worksheets/sheet1.xml"


def cell(name, value):
    """Put a value into a cell."""

    def change(book):
        book.active[name] = value

    return change


def dated(name, value, form):
    """Put a number into a cell that shows it as a date or a time."""

    def change(book):
        book.active[name] = value
        book.active[name].number_format = form

    return change


def hidden_row(book):
    book.active.row_dimensions[7].hidden = True


def filtered(book):
    book.active.auto_filter.ref = "A1:J41"
    for row in range(10, 20):
        book.active.row_dimensions[row].hidden = True


def hidden_column(book):
    book.active.column_dimensions["J"].hidden = True


def hidden_columns_in_one(book):
    book.active.column_dimensions.group("I", "J", hidden=True)


def very_hidden_sheet(book):
    book.create_sheet("zanzibar").sheet_state = "veryHidden"


def only_a_chart(book):
    book.create_chartsheet("zanzibar").add_chart(BarChart())
    book.remove(book["stays"])


def title_above(book):
    book.active.insert_rows(1)
    book.active["A1"] = "Admissions of the unit"


def two_headers(book):
    book.active.insert_rows(1)
    for column in range(1, 11):
        book.active.cell(1, column, f"part {column}")


def header_again(book):
    book.active.append([each.value for each in book.active[1]])


def second_table_beside(book):
    for row in range(1, 5):
        book.active.cell(row, 12, book.active.cell(row, 1).value)


def without_header(column):
    def change(book):
        book.active.cell(1, column).value = None

    return change


def stray_cell(book):
    book.active["XFD1048576"] = " "


def empty(book):
    book.active.delete_rows(1, 100)


REFUSED = {
    "a hidden row": (hidden_row, "has 1 hidden row(s) and 0 hidden column(s), which would be read"),
    "rows filtered out of sight": (filtered, "has 10 hidden row(s)"),
    "a hidden column": (hidden_column, "has 0 hidden row(s) and 1 hidden column(s)"),
    "hidden columns declared in one": (hidden_columns_in_one, "and 2 hidden column(s)"),
    "a very hidden sheet": (very_hidden_sheet, "has 1 hidden sheet(s)"),
    "two sheets and none named": (
        lambda book: book.create_sheet("b"),
        "has 2 sheets; name the one",
    ),
    "no sheet but a chart": (only_a_chart, "has 0 sheets; name the one to read"),
    "merged cells": (lambda book: book.active.merge_cells("C5:C9"), "1 group(s) of merged cells"),
    "a title above the header": (title_above, "lacks the column(s)"),
    "two rows of headers": (two_headers, "lacks the column(s)"),
    "the header again at the end": (header_again, "has its header line again in 1 row(s)"),
    "a header twice": (cell("J1", "start_day"), "lacks the column(s) ['beck']"),
    "a further header twice": (cell("K1", "beck"), "stand over several columns (number 10, 11)"),
    "a header of one column missing": (without_header(5), "lacks the column(s) ['start_day']"),
    "cells under no header": (
        cell("K5", 7),
        "1 column(s) with cells and without a name (number 11)",
    ),
    "a second table beside the first": (second_table_beside, "(number 1, 12)"),
    "a row of totals": (lambda book: book.active.append(["Total", None, 7]), "a row of totals"),
    "a formula never computed": (cell("E5", "=1+2"), "1 formula(s) hold no value yet"),
    "an array formula never computed": (
        cell("E5", ArrayFormula("E5", "=SUM(E2:E4)")),
        "1 formula(s) hold no value yet",
    ),
    "an error in a day": (cell("E5", "#N/A"), "1 cell(s) of column `start_day` hold errors of a"),
    "an error in a word": (cell("C5", "#REF!"), "1 cell(s) of column `facility_id` hold errors"),
    "a date in a day": (
        cell("E5", date(2024, 1, 31)),
        "dates finer than a year (column `start_day`",
    ),
    "a day shown as a date": (dated("E5", 12, "yyyy-mm-dd"), "dates finer than a year"),
    "a date and time in a word": (cell("C5", datetime(2024, 1, 31, 9)), "dates finer than a year"),
    "a number of twenty digits": (cell("C5", 12345678901234567890), "1 number(s) have more digits"),
    "an empty sheet": (empty, "is empty"),
    "a header alone": (lambda book: book.active.delete_rows(2, 100), "has a header and no rows"),
    "a cell in the farthest corner": (stray_cell, "spans 1048576 rows and 16384 columns"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_it_is_refused_with_a_sentence(study, workbook, refuses, fault):
    change, said = REFUSED[fault]
    workbook(change)
    refuses(study, "stays.xlsx", said)


def blank_rows(book):
    book.active.insert_rows(1, 3)
    book.active.insert_rows(20, 2)


def numbers_as_text(book):
    for row in book.active.iter_rows(min_row=2):
        for each in row:
            each.value = None if each.value is None else f" {each.value}\u00a0"


def wide_headers(book):
    for each in book.active[1]:
        each.value = f" {each.value}\n"


def empty_column(book):
    book.active.insert_cols(4)


def formatted_rows_below(book):
    for row in range(42, 400):
        book.active.cell(row, 1).number_format = "0.00"
        book.active.cell(row, 2).value = "  "


def hidden_and_empty(book):
    book.active.row_dimensions[300].hidden = True
    book.active.column_dimensions.group("M", "XFD", hidden=True)


def floats(book):
    for row in book.active.iter_rows(min_row=2, min_col=5, max_col=5):
        row[0].value = float(row[0].value)


def other_epoch(book):
    book.epoch = CALENDAR_MAC_1904


def comments(book):
    from openpyxl.comments import Comment

    book.active["C5"].comment = Comment("zanzibar", "zanzibar")


READ = {
    "blank rows above and between, an empty column, headers with blanks and line ends around": (
        wide_headers,
        blank_rows,
        empty_column,
    ),
    "numbers stored as text with blanks around, and rows below that hold formats and blanks": (
        numbers_as_text,
        formatted_rows_below,
        hidden_and_empty,
    ),
    "whole numbers with decimals, the calendar of 1904, and comments": (
        floats,
        other_epoch,
        comments,
    ),
}


@pytest.mark.parametrize("fault", READ)
def test_it_is_read_as_if_it_were_clean(study, workbook, reads_as, fault):
    workbook(lambda book: [change(book) for change in READ[fault]])
    reads_as(study)


@pytest.mark.parametrize("suffix", [".XLSX", ".xlsm"])
def test_it_is_a_workbook_in_capitals_and_with_macros_too(study, workbook, reads_as, suffix):
    path = workbook()
    path.rename(path.with_suffix(suffix))
    study.map_stays(f"stays{suffix}")
    reads_as(study)


QUARANTINED = {
    "E2": (cell("E2", time(9, 30)), "start_day is no number"),
    "E3": (cell("E3", timedelta(days=3)), "start_day is no number"),
    "E4": (cell("E4", 45_322), "start_day is above the highest that it may be"),
    "E5": (cell("E5", 3.5), "start_day is no whole number"),
    "D6": (cell("D6", True), "level_of_care is no word that the records know"),
    "E7": (cell("E7", None), "start_day is empty"),
}


def test_times_and_serial_dates_and_truths_are_set_aside_and_counted(study, workbook):
    workbook(lambda book: [change(book) for change, _ in QUARANTINED.values()])
    study.source["largest_quarantine"] = 1
    records = study.read()
    stays = records.ledger.set_index("table").loc["stays"]
    assert stays[["read", "accepted", "quarantined"]].tolist() == [40, 34, 6]
    told = records.quarantine.set_index("row")["rule"].sort_index()
    assert told.to_dict() == {int(name[1:]) - 1: rule for name, (_, rule) in QUARANTINED.items()}


def rewrite(path, change, member=SHEET):
    """Change the text of one part of a workbook."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    parts[member] = change(parts[member])
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            if content is not None:
                archive.writestr(name, content)


def test_a_formula_that_was_computed_reads_as_its_value(study, workbook, reads_as, clean):
    path = workbook(cell("E5", "=1+2"))
    rewrite(path, lambda xml: xml.replace(b"<f>1+2</f><v />", b"<f>1+2</f><v>3</v>"))
    assert clean.stays["start_day"][3] == 3
    reads_as(study)


LAUGHS = b"".join(
    b'<!ENTITY l%d "%s">' % (k, b"&l%d;" % (k - 1) * 10 if k else b"ha") for k in range(12)
)
PARTS = {
    "a sheet cut off": (SHEET, lambda xml: xml[: len(xml) // 2]),
    "a list of sheets that is missing": ("xl/workbook.xml", lambda xml: None),
    "a list of sheets that is nonsense": ("xl/workbook.xml", lambda xml: b"zanzibar"),
    "a list of parts that is missing": ("[Content_Types].xml", lambda xml: None),
    "a word that points nowhere": (
        SHEET,
        lambda xml: re.sub(
            rb't="inlineStr"><is><t>[^<]*</t></is>', b't="s"><v>99</v>', xml, count=1
        ),
    ),
    "styles that are nonsense": ("xl/styles.xml", lambda xml: b"\x00"),
    "a cell that points nowhere": (SHEET, lambda xml: xml.replace(b'r="E5"', b'r="??"')),
    "a number that is none": (SHEET, lambda xml: xml.replace(b"<v>2023</v>", b"<v>2O23</v>", 1)),
    "a definition that grows without end": (
        SHEET,
        lambda xml: (
            b"<!DOCTYPE x [" + LAUGHS + b"]>" + xml.replace(b"<v>2023</v>", b"<v>&l11;</v>", 1)
        ),
    ),
}


@pytest.mark.parametrize("fault", PARTS)
def test_a_workbook_is_refused_for(study, workbook, refuses, fault):
    member, change = PARTS[fault]
    rewrite(workbook(), change, member)
    refuses(study, "stays.xlsx is no Excel workbook, or a damaged one; save it as .xlsx again")


def test_a_workbook_whose_only_sheet_is_missing_is_refused(study, workbook, refuses):
    rewrite(workbook(), lambda xml: None)
    refuses(study, "stays.xlsx has 0 sheets; name the one to read")


BYTES = {
    "nothing": (lambda data: b"", "is empty"),
    "a comma-separated text": (
        lambda data: b"stay_id,person_id\nzanzibar,1\n",
        "no Excel workbook",
    ),
    "a web page": (
        lambda data: b"<html>zanzibar</html>",
        "no Excel workbook but a web page or XML",
    ),
    "an old or an encrypted workbook": (
        lambda data: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
        "no Excel workbook but an old or an encrypted Excel workbook",
    ),
    "a cut": (lambda data: data[: len(data) // 2], "no Excel workbook"),
    "a tail of zeros in place of its end": (
        lambda data: data[:-600] + bytes(600),
        "no Excel workb",
    ),
    "a byte turned": (
        lambda data: data[:3000] + bytes([data[3000] ^ 255]) + data[3001:],
        "no Excel workbook, or a damaged one",
    ),
}


@pytest.mark.parametrize("fault", BYTES)
def test_what_only_bears_the_name_of_a_workbook_is_refused(study, workbook, refuses, fault):
    change, said = BYTES[fault]
    path = workbook()
    path.write_bytes(change(path.read_bytes()))
    refuses(study, "stays.xlsx", said)


def test_a_workbook_that_would_fill_the_memory_is_refused_unopened(
    study, workbook, refuses, monkeypatch
):
    monkeypatch.setattr("iop_outcomes.records.files.workbook.LARGEST_UNPACKED_BYTES", 1 << 20)
    opened = []
    monkeypatch.setattr("iop_outcomes.records.files.workbook.load_workbook", opened.append)
    path = workbook()
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/picture.bin", bytes(3 << 20))
    assert path.stat().st_size < 40_000
    refuses(study, "stays.xlsx would unpack to 3 MiB, more than the 1 MiB that are opened")
    assert opened == []


def test_any_other_zip_file_is_no_workbook(study, refuses):
    with zipfile.ZipFile(study.raw / "stays.xlsx", "w") as archive:
        archive.writestr("stays.csv", "stay_id\nzanzibar\n")
    study.map_stays("stays.xlsx")
    refuses(study, "stays.xlsx is no Excel workbook")


def test_a_sheet_that_is_not_there_is_named(study, workbook, refuses):
    workbook(sheet="Aufnahmen")
    refuses(study, "stays.xlsx has no sheet `Aufnahmen`")


def test_a_sheet_of_a_text_file_is_a_mistake_of_the_protocol(study, refuses):
    study.map_stays("stays.csv", sheet="stays")
    refuses(study, "stays.csv has no sheets; take `sheet` out of protocol.source")


def test_an_identifier_in_a_column_nobody_asked_for_stops_the_file(study, workbook, refuses):
    workbook(lambda book: cell("K1", "patient_name")(book) or cell("K2", "zanzibar")(book))
    refuses(study, "stays.xlsx seems to hold names", "tell the data steward")
