"""Cells that look like a number, a day or nothing, and are something else."""

import pytest


def put(column, value, row=5):
    """Put a value, in quotation marks, into one row (counted from 1) of a column."""

    def change(text):
        header, *rows = text.splitlines()
        place = header.split(",").index(column)
        chosen = rows if row is None else [rows[row - 1]]
        for each in chosen:
            cells = each.split(",")
            cells[place] = '"' + value.replace('"', '""') + '"'
            rows[rows.index(each)] = ",".join(cells)
        return "\n".join([header, *rows]) + "\n"

    return change


NO_DAY = {
    "NULL": "is no number",
    "NA": "is no number",
    "N/A": "is no number",
    "None": "is no number",
    "nan": "is no number",
    ".": "is no number",
    "-": "is no number",
    "?": "is no number",
    "TRUE": "is no number",
    "1,000": "is no number",
    "1.000,5": "is no number",
    "12,5": "is no number",
    "12 days": "is no number",
    "0x1F": "is no number",
    "1_0": "is no number",
    "\uff11\uff12": "is no number",
    "1e": "is no number",
    "5-": "is no number",
    "3.5": "is no whole number",
    "1e-3": "is no whole number",
    "inf": "is no whole number",
    "-Infinity": "is no whole number",
    "1e400": "is no whole number",
    "-1e400": "is no whole number",
    "40001": "is above the highest that it may be",
    "-40001": "is below the lowest that it may be",
    "1e19": "is above the highest that it may be",
    "99999": "is above the highest that it may be",
    str(2**63): "is above the highest that it may be",
    str(2**64): "is above the highest that it may be",
    str(-(2**63) - 1): "is below the lowest that it may be",
    "-9e18": "is below the lowest that it may be",
}
DAYS = {
    "stays": ("start_day", "end_day"),
    "persons": ("first_observed_day", "last_observed_day"),
    "events": ("day",),
}


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, columns in DAYS.items() for column in columns]
)
def test_what_is_no_day_is_set_aside_and_never_read_as_nothing(study, table, column):
    """Every value in a row of its own; the twenty events are told once more, of other people."""
    if table == "events":
        study.spoil("events.csv", lambda text: text + text.split("\n", 1)[1].replace("r0", "r1"))
    study.source["largest_quarantine"] = 1
    for row, value in enumerate(NO_DAY, 1):
        study.spoil(f"{table}.csv", put(column, value, row))
    records = study.read()
    aside = records.quarantine[records.quarantine["table"] == table]
    told = dict(zip(aside["row"], aside["rule"], strict=True))
    assert [told.get(row) for row in range(1, len(NO_DAY) + 1)] == [
        f"{column} {why}" for why in NO_DAY.values()
    ]
    ledger = records.ledger.set_index("table").loc[table]
    assert ledger["read"] == ledger["accepted"] + ledger["duplicates"] + ledger["quarantined"]
    assert ledger["read"] == 40


SAME_DAY = ["{}", "+{}", "0{}", "{}.0", "{}.", "{}e0", " {} ", "\u00a0{}", "\t{}", "{}.000", "-{}"]


def test_a_whole_number_spelled_otherwise_is_the_same_day(study, clean):
    """Nought with a minus too; and a day before day nought is a day."""
    for row, form in enumerate(SAME_DAY, 5):
        study.spoil(
            "stays.csv", put("start_day", form.format(clean.stays["start_day"][row - 1]), row)
        )
    study.spoil("stays.csv", put("start_day", "-1", 20))
    records = study.read()
    days = clean.stays["start_day"].tolist()
    assert (len(SAME_DAY), days[14]) == (11, 0)
    assert records.stays["start_day"].tolist() == [*days[:19], -1, *days[20:]]
    assert records.quarantine.empty


@pytest.mark.parametrize("value", ["NULL", "1,000", "inf", str(2**63)])
def test_a_whole_column_of_what_is_no_day_is_refused(study, refuses, value):
    study.spoil("stays.csv", put("start_day", value, row=None))
    refuses(study, "stays", "40 of 40")


# Column, value, and what is said. Whether it is a person's cell or a program's, it stops the file.
PROGRAMS = {
    "a missing value of a spreadsheet": ("facility_id", "#N/A", "errors of a spreadsheet"),
    "a lost reference": ("start_day", "#REF!", "errors of a spreadsheet"),
    "a division by nought": ("age_years", "#DIV/0!", "errors of a spreadsheet"),
    "a column too narrow to show its dates": ("end_day", "########", "errors of a spreadsheet"),
    "a formula": ("facility_id", "=1+2", "formulas; export their values"),
    "a formula that starts a program": ("facility_id", "=cmd|'/c calc'!A1", "formulas; export"),
    "the same with a plus": ("facility_id", "+cmd|'/c calc'!A1", "formulas; export"),
    "the same behind a sum": ("facility_id", "-2+3+cmd|'/c calc'!A1", "formulas; export"),
    "a function of old spreadsheets": ("facility_id", "@SUM(1+1)*2", "formulas; export"),
    "a formula in a day": ("start_day", "=A1+1", "formulas; export their values"),
    "a formula behind a tab": ("facility_id", "\t=1+2", "formulas; export their values"),
    "a number cut short": ("person_id", "1.23457E+11", "that a spreadsheet cut short"),
    "a day cut short": ("start_day", "1.00E+02", "that a spreadsheet cut short"),
}


@pytest.mark.parametrize("fault", PROGRAMS)
def test_what_programs_leave_in_a_cell_stops_the_file(study, refuses, fault):
    column, value, said = PROGRAMS[fault]
    study.spoil("stays.csv", put(column, value))
    told = refuses(study, f"stays.csv: 1 cell(s) of column `{column}` hold", said)
    assert value not in told


def test_a_column_that_nobody_asked_for_is_told_by_its_number(study, refuses):
    study.spoil("stays.csv", lambda text: text.replace("beck", "zanzibar", 1))
    study.spoil("stays.csv", put("zanzibar", "#N/A"))
    refuses(study, "1 cell(s) of column 10 hold errors of a spreadsheet")


NO_COVARIATE = {
    "NA": "1 cell(s) are no plain number",
    "NULL": "1 cell(s) are no plain number",
    "None": "1 cell(s) are no plain number",
    "nan": "1 cell(s) are no plain number",
    ".": "1 cell(s) are no plain number",
    "-": "1 cell(s) are no plain number",
    "1,234": "1 cell(s) are no plain number",
    "9,5": "1 cell(s) are no plain number",
    "1 234": "1 cell(s) are no plain number",
    "50%": "1 cell(s) are no plain number",
    "<5": "1 cell(s) are no plain number",
    "$5": "1 cell(s) are no plain number",
    "points": "1 cell(s) are no plain number",
    "inf": "1 cell(s) hold a number without end",
    "1e400": "1 cell(s) hold a number without end",
}


@pytest.mark.parametrize("value", NO_COVARIATE)
def test_a_number_among_numbers_does_not_turn_them_all_into_words(study, refuses, value):
    study.spoil("stays.csv", put("beck", value))
    refuses(study, f"column beck: {NO_COVARIATE[value]}")


def test_a_whole_column_with_decimal_commas_is_refused_and_not_read_as_words(study, refuses):
    study.spoil("stays.csv", put("beck", "9,5", row=None))
    refuses(study, "column beck: 40 cell(s) are no plain number")


def test_words_that_look_like_nothing_stay_words_among_words(study):
    for row, word in enumerate(["None", "NA", "white", "null", "7"] * 8, 1):
        study.spoil("stays.csv", put("beck", word, row))
    assert study.read().stays["beck"].tolist() == ["None", "NA", "white", "null", "7"] * 8


WORDS = {
    "a word in capitals": ("level_of_care", "Outpatient", "level_of_care is no word"),
    "a code in place of a word": ("level_of_care", "3.5", "level_of_care is no word"),
    "NULL in place of nothing": ("exit_reason", "NULL", "exit_reason is no word"),
    "an age as a word": ("age_years", "forty", "age_years is no number"),
    "an age below nought": ("age_years", "-1", "age_years is below the lowest"),
    "a year of two digits": ("admission_year", "23", "admission_year is below the lowest"),
    "a person of blanks": ("person_id", " \u00a0 ", "person_id is empty"),
}


def test_words_that_cannot_be_are_set_aside_and_counted(study):
    """Each in a row of its own."""
    study.source["largest_quarantine"] = 1
    for row, (column, value, _) in enumerate(WORDS.values(), 1):
        study.spoil("stays.csv", put(column, value, row))
    records = study.read()
    ledger = records.ledger.set_index("table").loc["stays"]
    assert ledger[["read", "accepted", "quarantined"]].tolist() == [40, 40 - len(WORDS), len(WORDS)]
    told = records.quarantine.set_index("row")["rule"].sort_index()
    assert told.index.tolist() == list(range(1, len(WORDS) + 1))
    for found, (_, _, rule) in zip(told, WORDS.values(), strict=True):
        assert found.startswith(rule)


def test_two_rows_of_one_person_that_differ_are_both_set_aside_with_all_that_is_theirs(study):
    """Row 5 becomes another row of the person of row 6, who has a stay; 5's stay is nobody's."""
    study.spoil("persons.csv", put("person_id", "zanzibar005"))
    records = study.read()
    assert records.ledger.set_index("table")["quarantined"].to_dict() == {
        "persons": 2, "stays": 2, "events": 1,
    }  # fmt: skip
    assert records.ledger["read"].tolist() == [40, 40, 20]


def test_a_row_of_units_below_the_header_is_refused(study, refuses):
    units = "\nstay_id,person_id,,,days,days,,year,years,points\n"
    study.spoil("stays.csv", lambda text: text.replace("\n", units, 1))
    refuses(study, "column beck: 1 cell(s) are no plain number")
