"""Text files that were cut, turned or put together wrongly: stays.csv is the one spoilt."""

import gzip

import pytest

NAMES = (
    "stay_id,person_id,facility_id,level_of_care,start_day,end_day,exit_reason,admission_year,"
    "age_years,beck"
)


def lines(change):
    """A change of the list of lines, as one of the text."""
    return lambda text: "\n".join(change(text.splitlines())) + "\n"


def cells(change, row=5):
    """A change of the cells of one row (counted from 1, header apart)."""

    def changed(rows):
        rows[row] = ",".join(change(rows[row].split(",")))
        return rows

    return lines(changed)


def everywhere(change):
    """A change of the cells of every row, the header's too."""
    return lines(lambda rows: [",".join(change(row.split(","))) for row in rows])


def body(change):
    return lines(lambda rows: [rows[0], *(change(row) for row in rows[1:])])


def quoted(text):
    return lines(lambda rows: [",".join(f'"{c}"' for c in row.split(",")) for row in rows])(text)


def _open(row):
    """The last cell of a row with a quotation mark before it and none behind."""
    rest, _, last = row.rpartition(",")
    return f'{rest},"{last}'


REFUSED = {
    "nothing at all": (lambda text: "", "is empty"),
    "blanks and line ends alone": (lambda text: " \n\t\n\r\n  ", "is empty"),
    "a mark of UTF-8 and nothing more": (lambda text: b"\xef\xbb\xbf", "is empty"),
    "a header alone": (lines(lambda rows: rows[:1]), "has a header and no rows"),
    "a header alone without a line end": (lambda text: NAMES, "has a header and no rows"),
    "a header over blank lines": (lambda text: NAMES + "\n\n \n\n", "has a header and no rows"),
    "a header over rows of commas": (lambda text: NAMES + "\n,,,,,,,,,\n", "header and no rows"),
    "no header": (
        lines(lambda rows: rows[1:]),
        "lacks the column(s) ['admission_year', 'age_years'",
    ),
    "a title above the header": (lambda text: "Admissions\n" + text, "lacks the column(s)"),
    "a title above the header, with the commas of a row": (
        lambda text: "Admissions,,,,,,,,,\n" + text,
        "lacks the column(s)",
    ),
    "a line for Excel above the header": (lambda text: "sep=,\n" + text, "a line for Excel (sep=)"),
    "a column gone": (
        everywhere(lambda row: row[:4] + row[5:]),
        "lacks the column(s) ['start_day']",
    ),
    "a header in capitals": (
        lambda text: text.replace(NAMES, NAMES.upper()),
        "from a name there only in capitals",
    ),
    "a header with blanks for strokes": (
        lambda text: text.replace(NAMES, NAMES.replace("_", " ")),
        "differ(s) from a name there only in capitals, blanks or strokes, so rename it",
    ),
    "a needed name twice": (
        everywhere(lambda row: [*row, row[4]]),
        "has 1 name(s) that stand over several columns (number 5, 11)",
    ),
    "a name of no use twice": (
        everywhere(lambda row: [*row, row[9]]),
        "has 1 name(s) that stand over several columns (number 10, 11)",
    ),
    "two names alike but for blanks": (
        lambda text: everywhere(lambda row: [*row, row[4]])(text).replace(
            ",start_day\n", ", start_day \n"
        ),
        "(number 5, 11)",
    ),
    "a column of cells without a name": (
        lines(lambda rows: [rows[0] + ",", *(row + ",1" for row in rows[1:])]),
        "has 1 column(s) with cells and without a name (number 11)",
    ),
    "one cell more in every row": (
        body(lambda row: row + ",7"),
        "has 40 row(s) with more cells than its header, the first in line 2",
    ),
    "one cell more in front of every row": (
        body(lambda row: "7," + row),
        "has 40 row(s) with more cells than its header, the first in line 2",
    ),
    "a comma more at the end of every row": (
        body(lambda row: row + ","),
        "has 40 row(s) with more cells than its header, the first in line 2",
    ),
    "one cell more in one row": (
        cells(lambda row: [*row, "7"]),
        "has 1 row(s) with more cells than its header, the first in line 6",
    ),
    "a comma inside a cell without quotation marks": (
        cells(lambda row: [*row[:2], "zanzibar, annex", *row[3:]]),
        "put quotation marks around cells that hold commas",
    ),
    "one cell less in one row": (
        cells(lambda row: row[:-1]),
        "has 1 row(s) with fewer cells than its header, the first in line 6",
    ),
    "rows without the empty cells at their end": (
        body(lambda row: row.rsplit(",", 1)[0]),
        "has 40 row(s) with fewer cells than its header, the first in line 2",
    ),
    "a cut in the middle of a row": (
        lambda text: text[: text.rindex(",2023")],
        "has 1 row(s) with fewer cells than its header, the first in line 41; it may have been cut",
    ),
    "a cut inside a quoted cell": (lambda text: quoted(text)[:-3], "that do not pair"),
    "a note below the table": (lambda text: text + "Exported on request\n", "fewer cells"),
    "the end mark of an old system": (lambda text: text + "\x1a", "fewer cells than its header"),
    "a quotation mark never closed": (
        cells(lambda row: ['"' + row[0], *row[1:]]),
        "has quotation marks that do not pair in the row that begins in line 6",
    ),
    "a quotation mark never closed, in the last cell": (
        cells(lambda row: [*row[:-1], '"' + row[-1]]),
        "that do not pair in the row that begins in line 6",
    ),
    "a quotation mark never closed, in the header": (
        lambda text: '"' + text,
        "that do not pair in the row that begins in line 1",
    ),
    "two quotation marks that swallow the rows between them": (
        lines(lambda rows: [*rows[:5], _open(rows[5]), *rows[6:9], rows[9] + '"', *rows[10:]]),
        "has 1 cell(s) that hold whole rows, the first in line 6",
    ),
    "quotation marks inside a cell, with backslashes": (
        cells(lambda row: [*row[:2], '"zanzibar \\"annex\\""', *row[3:]]),
        "do not pair in the row that begins in line 6",
    ),
    "letters after a closing quotation mark": (
        cells(lambda row: [f'"{row[0]}"x', *row[1:]]),
        "do not pair in the row that begins in line 6",
    ),
    "single quotation marks around a comma": (
        cells(lambda row: [*row[:2], "'zanzibar, annex'", *row[3:]]),
        "more cells than its header",
    ),
    "semicolons": (lambda text: text.replace(",", ";"), "separated by semicolons"),
    "semicolons and decimal commas": (
        lambda text: text.replace(",", ";").replace(".", ","),
        "separated by semicolons; export it again with commas between the cells (and points in",
    ),
    "tabs": (lambda text: text.replace(",", "\t"), "separated by tabs"),
    "vertical bars": (lambda text: text.replace(",", "|"), "separated by vertical bars"),
    "semicolons under a header of commas": (body(lambda row: row.replace(",", ";")), "fewer cells"),
    "columns of a fixed width": (
        lambda text: "\n".join(
            "".join(cell.ljust(24) for cell in row.split(",")) for row in text.splitlines()
        ),
        "lacks the column(s)",
    ),
    "UTF-16 with a mark, little end first": (
        lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
        "is text in UTF-16; save it as comma-separated text in UTF-8",
    ),
    "UTF-16 with a mark, big end first": (
        lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
        "is text in UTF-16",
    ),
    "UTF-16 without a mark, little end first": (lambda text: text.encode("utf-16-le"), "in UTF-16"),
    "UTF-16 without a mark, big end first": (lambda text: text.encode("utf-16-be"), "in UTF-16"),
    "UTF-32": (lambda text: text.encode("utf-32"), "is text in UTF-16"),
    "Latin-1": (lambda text: text.replace("-f1", "-fé").encode("latin-1"), "not text in UTF-8"),
    "a letter of Windows-1252": (
        lambda text: text.replace("-f1", "-f’").encode("cp1252"),
        "is not text in UTF-8",
    ),
    "half a letter at the very end": (
        lambda text: text.encode() + "é".encode()[:1],
        "is not text in UTF-8",
    ),
    "letters lost in an earlier conversion": (
        lambda text: text.replace("-f1", "-f\ufffd"),
        "10 cell(s) of column `facility_id` hold letters that were lost or damaged",
    ),
    "a NUL byte in a cell": (
        lambda text: text.replace("-f1", "-f\0", 1),
        "holds 1 NUL byte(s)",
    ),
    "a tail of NUL bytes": (lambda text: text.encode() + bytes(512), "holds 512 NUL byte(s)"),
    "a bell in a cell": (
        lambda text: text.replace("-f1", "-f\a", 1),
        "1 cell(s) of column `facility_id` hold letters that were lost or damaged",
    ),
    "a web page": (lambda text: "<!DOCTYPE html><html><td>zanzibar</td></html>", "is a web page"),
    "a table of a web page behind blanks": (lambda text: "\n  <table></table>", "is a web page"),
    "JSON": (lambda text: '{"stays": [{"person_id": "zanzibar"}]}', "is JSON; save it as"),
    "a zip file": (
        lambda text: b"PK\x03\x04" + text.encode(),
        "is a zip file or an Excel workbook",
    ),
    "an old Excel workbook": (
        lambda text: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "is an old or an encrypted Excel workbook",
    ),
    "a gzip file": (lambda text: gzip.compress(text.encode()), "is a gzip file"),
    "a Parquet file": (lambda text: b"PAR1" + bytes(9), "is a Parquet file"),
    "a PDF document": (lambda text: b"%PDF-1.7 zanzibar", "is a PDF document"),
    "a pointer to a file kept elsewhere": (
        lambda text: "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n",
        "lacks the column(s)",
    ),
    "a cell of a million letters": (
        cells(lambda row: [*row[:2], "zanzibar" * 125_000, *row[3:]]),
        "free text (column `facility_id`, 1 cell)",
    ),
    "a quoted cell of a million characters": (
        cells(lambda row: [*row[:2], '"' + "zanzibar" * 125_000 + '"', *row[3:]]),
        "a cell of more than 131072 characters in the row that begins in line 6",
    ),
    "the header again in the middle": (
        lines(lambda rows: [*rows[:20], rows[0], *rows[20:]]),
        "has its header line again in 1 row(s)",
    ),
    "a row of totals": (
        lambda text: text + "Total,zanzibar000,,outpatient,0,1,completed,2023,30,1\n",
        "ends with a row of totals",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_it_is_refused_with_a_sentence(study, refuses, fault):
    change, said = REFUSED[fault]
    study.spoil("stays.csv", change)
    refuses(study, "stays", said)


# Three faults in each study: of persons.csv, of stays.csv and of events.csv.
READ = {
    "a mark of UTF-8, and one before a quoted header, and blanks around cells and names": (
        lambda text: b"\xef\xbb\xbf" + text.encode(),
        lambda text: b"\xef\xbb\xbf" + quoted(text).encode(),
        everywhere(lambda row: [f"  {cell}\t" for cell in row]),
    ),
    "line ends of Windows, of all kinds, and of an old Macintosh": (
        lambda text: text.replace("\n", "\r\n"),
        lambda text: text.replace("\n", "\r\n", 3).replace("\n", "\r", 2).replace("\n", "\r\n", 9),
        lambda text: text.replace("\n", "\r"),
    ),
    "no line end at the end, line ends of Windows and of a Macintosh around quoted cells": (
        lambda text: text.rstrip("\n"),
        lambda text: quoted(text).replace("\n", "\r\n"),
        lambda text: quoted(text).replace("\n", "\r"),
    ),
    "blank lines above the header, in the middle, and at the end of Windows": (
        lambda text: "\n \n" + text,
        lines(lambda rows: [*rows[:9], "", "  ", "", *rows[9:]]),
        lambda text: text.replace("\n", "\r\n") + "\r\n \r\n",
    ),
    "rows of commas, a column of nothing at the end and in the middle": (
        lambda text: text + ",,\n, ,\t\n" * 50,
        everywhere(lambda row: [*row[:3], " ", *row[3:]]),
        everywhere(lambda row: [*row, ""]),
    ),
    "blanks that do not break, marks without width, blanks inside quotation marks": (
        everywhere(lambda row: [f"\u00a0{cell}\u202f" for cell in row]),
        everywhere(lambda row: [f"\u200b{cell}\ufeff" for cell in row]),
        everywhere(lambda row: [f'" {cell} "' for cell in row]),
    ),
    "columns in another order, line ends around a quoted cell, a few cells quoted": (
        everywhere(lambda row: row[::-1]),
        cells(lambda row: [*row[:3], f'"{row[3]}\n"', *row[4:]]),
        cells(lambda row: [f'"{cell}"' for cell in row]),
    ),
}


@pytest.mark.parametrize("faults", READ)
def test_it_is_read_as_if_it_were_clean(study, reads_as, faults):
    for name, change in zip(("persons", "stays", "events"), READ[faults], strict=True):
        study.spoil(f"{name}.csv", change)
    reads_as(study)


def test_a_line_end_and_commas_inside_a_quoted_cell_are_part_of_it(study, reads_as):
    study.spoil("stays.csv", cells(lambda row: [*row[:2], '"north, east\nannex"', *row[3:]]))
    records = study.read()
    assert records.stays["facility_id"][4] == "north, east\nannex"
    assert records.provenance["rows"].tolist() == [40, 40, 20]


def test_doubled_quotation_marks_inside_a_quoted_cell_are_one(study):
    study.spoil("stays.csv", cells(lambda row: [*row[:2], '"the ""annex"""', *row[3:]]))
    assert study.read().stays["facility_id"][4] == 'the "annex"'


def widened(text, count):
    """The file with `count` further columns of small numbers."""
    header, *rows = text.splitlines()
    more = ",".join(f"measure{k:05}" for k in range(count))
    values = ",".join(str(k % 50) for k in range(count))
    return "\n".join([f"{header},{more}", *(f"{row},{values}" for row in rows)])


def test_hundreds_of_columns_are_read_and_none_is_lost(study, reads_as):
    study.spoil("stays.csv", lambda text: widened(text, 100))
    records = study.read()
    assert records.stays.shape == (40, 110)
    assert records.stays["measure00099"].tolist() == [49] * 40
    assert records.stays["beck"].tolist() == [k / 2 for k in range(40)]


def test_ten_thousand_columns_are_refused_since_no_study_has_use_for_them(study, refuses):
    study.spoil("stays.csv", lambda text: widened(text, 9_990))
    refuses(study, "has 10000 columns, more than the 5000 that are read")


def test_ten_thousand_columns_without_those_that_are_needed_are_refused_shortly(study, refuses):
    study.spoil("stays.csv", lambda text: ",".join(f"zanzibar{k}" for k in range(10_000)) + "\n")
    refuses(study, "stays.csv lacks the column(s)")


def test_a_thousand_rows_short_of_a_cell_are_one_sentence(study, refuses):
    study.spoil("stays.csv", lambda text: text + "zanzibar,1\n" * 1000)
    refuses(study, "has 1000 row(s) with fewer cells than its header, the first in line 42")


@pytest.mark.parametrize("table", ["persons", "events"])
def test_a_row_cut_short_is_refused_in_every_table(study, refuses, table):
    study.spoil(f"{table}.csv", lambda text: text[: text.rindex(",")])
    refuses(study, f"{table}.csv has 1 row(s) with fewer cells than its header")


def test_an_empty_table_of_events_with_its_header_says_that_nobody_had_any(study):
    study.spoil("events.csv", lambda text: text.splitlines()[0])
    records = study.read()
    assert len(records.events) == 0
    assert records.provenance["rows"].tolist() == [40, 40, 0]


def test_an_empty_file_of_events_is_not_the_same_as_no_event(study, refuses):
    study.spoil("events.csv", lambda text: "")
    refuses(study, "events.csv is empty")


# The row, counted from 1, and what it becomes.
QUARANTINED = {
    "a stay that ends before it starts": (5, lambda row: [*row[:5], "-9", *row[6:]]),
    "a stay of nobody": (6, lambda row: [row[0], "zanzibar999", *row[2:]]),
    "a person spelled in capitals, who is then nobody": (
        7,
        lambda row: [row[0], row[1].upper(), *row[2:]],
    ),
    "a stay that begins after the last observed day": (
        9,
        lambda row: [*row[:4], "900", "", "", *row[7:]],
    ),
    "a row with nothing but one cell": (11, lambda row: [*[""] * 9, row[9]]),
}


def test_rows_that_cannot_be_are_set_aside_and_counted(study):
    study.source["largest_quarantine"] = 1
    for row, change in QUARANTINED.values():
        study.spoil("stays.csv", cells(change, row))
    records = study.read()
    stays = records.ledger.set_index("table").loc["stays"]
    assert stays[["read", "accepted", "duplicates", "quarantined"]].tolist() == [40, 35, 0, 5]
    assert records.quarantine["table"].tolist() == ["stays"] * 5
    assert sorted(records.quarantine["row"]) == [row for row, _ in QUARANTINED.values()]
    assert len(records.stays) == 35
    assert records.provenance["rows"].tolist() == [40, 40, 20]


def test_a_stay_told_twice_counts_once_and_is_counted(study, reads_as, clean):
    """By another number for the second, since no two stays have the same."""
    study.spoil("stays.csv", lines(lambda rows: [*rows, rows[1].replace("-s000", "-s999")]))
    records = study.read()
    stays = records.ledger.set_index("table").loc["stays"]
    assert stays[["read", "accepted", "duplicates", "quarantined"]].tolist() == [41, 40, 1, 0]
    assert records.stays.equals(clean.stays)


def test_more_than_a_twentieth_set_aside_is_refused(study, refuses):
    study.spoil(
        "stays.csv",
        everywhere(
            lambda row: [*row[:5], *(["-9"] if row[0] != "stay_id" else row[5:6]), *row[6:]]
        ),
    )
    refuses(study, "stays", "40 of 40")


GZIP = {
    "a cut": (lambda data: data[: len(data) // 2], "cannot be unpacked: it was cut off"),
    "a cut of its last byte": (lambda data: data[:-1], "cannot be unpacked"),
    "a byte turned": (
        lambda data: data[:80] + bytes([data[80] ^ 255]) + data[81:],
        "cannot be unpacked",
    ),
    "a file that was never packed": (lambda data: b"stay_id,person_id\n", "no gzip file"),
    "nothing": (lambda data: b"", "is empty"),
}


@pytest.mark.parametrize("fault", GZIP)
def test_a_packed_file_is_refused_after(study, refuses, fault):
    change, said = GZIP[fault]
    packed = gzip.compress((study.raw / "stays.csv").read_bytes(), mtime=0)
    (study.raw / "stays.csv.gz").write_bytes(change(packed))
    study.map_stays("stays.csv.gz")
    refuses(study, "stays.csv.gz", said)


def test_a_packed_file_reads_as_what_is_in_it(study, reads_as):
    (study.raw / "stays.csv.gz").write_bytes(gzip.compress((study.raw / "stays.csv").read_bytes()))
    study.map_stays("stays.csv.gz")
    reads_as(study)


def test_a_packed_file_that_would_fill_the_memory_is_refused(study, refuses, monkeypatch):
    monkeypatch.setattr("iop_outcomes.records.files.delimited_text.LARGEST_UNPACKED_BYTES", 1 << 21)
    (study.raw / "stays.csv.gz").write_bytes(gzip.compress(b"a,b\n" + b"1,1\n" * (1 << 20)))
    study.map_stays("stays.csv.gz")
    refuses(study, "would unpack to more than 2 MiB")
