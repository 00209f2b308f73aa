"""What a site's columns and codes are guessed to be, and what is never written down."""

from datetime import date

import pytest
import yaml
from openpyxl import Workbook

from iop_outcomes.errors import IdentifierError
from iop_outcomes.records.mapping.candidates import read_candidates
from iop_outcomes.records.mapping.codebook import question_about, site_exports, word_of
from iop_outcomes.records.mapping.guess import guess_mapping
from iop_outcomes.records.mapping.written import guess_summary, mapping_text
from iop_outcomes.records.schema import TABLES
from iop_outcomes.vocabulary import EventKind, ExitReason, LevelOfCare

TODAY = date(2030, 6, 1)
STAYS = """
    client_id | site | loc | adm_date   | dsch_dt    | discharge_reason | age | gender | shoe
    A         | N    | IOP | 01/20/2022 | 03/01/2022 | Completed        | 34  | F      | 39
    B         | S    | IOP | 02/14/2022 | 02/20/2022 | AMA              | 51  | M      | 44
    C         | S    | PHP | 05/30/2023 | 06/25/2023 | Transfer         | 47  | M      | 43
"""
DAYS = """
    PatientID | LevelOfCare | AdmitDay | DischDay
    A         | 2.1         | 0        | 40
    B         | 3.1         | 5        | 9
    C         | 1.5         | 2        |
"""
PEOPLE = """
    PatientID | FirstSeen | LastSeen | Sex
    A         | -400      | 180      | F
    B         | -30       | 90       | M
"""


@pytest.fixture
def guessed(raw, drawn):
    """Write files in which every drawn row stands for twelve people, and guess their mapping."""

    def of(times=12, today=TODAY, **tables):
        paths = []
        for name, text in tables.items():
            table = drawn(text)
            table = table.loc[table.index.repeat(times)].reset_index(drop=True)
            whose = next(name for name in table if name.lower().startswith(("client", "patient")))
            table[whose] = table[whose].astype(str) + [f"-{k % times}" for k in range(len(table))]
            paths.append(raw / f"{name}.csv")
            table.to_csv(paths[-1], index=False)
        return guess_mapping(*read_candidates(paths), today=today)

    return of


def found(guess, table):
    """Our columns to theirs."""
    return {each.target: each.column for each in guess.table(table).columns}


def line(text, words):
    (only,) = [each.strip() for each in text.splitlines() if words in each]
    return only


def test_usual_names_are_recognised_and_sure(guessed):
    guess = guessed(stays=STAYS)
    assert found(guess, "stays") == {
        "person_id": "client_id",
        "facility_id": "site",
        "level_of_care": "loc",
        "start_day": "adm_date",
        "end_day": "dsch_dt",
        "exit_reason": "discharge_reason",
        "age_years": "age",
    }
    assert {each.confidence for each in guess.table("stays").columns} == {"sure"}
    assert [(each.target, each.column) for each in guess.table("stays").covariates] == [
        ("sex", "gender")
    ]


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("patient", "person_id"),
        ("ClientNo", "person_id"),
        ("AdmitDt", "start_day"),
        ("ADMISSION DATE", "start_day"),
        ("dc_date", "end_day"),
        ("dschDate", "end_day"),
        ("ASAM-Level", "level_of_care"),
        ("DischargeStatus", "exit_reason"),
        ("age_at_admission", "age_years"),
        ("clinic_id", "facility_id"),
    ],
)
def test_names_are_read_whatever_their_spelling(guessed, theirs, ours):
    header = dict(
        person_id="client_id", start_day="adm_date", end_day="dsch_dt", level_of_care="loc",
        exit_reason="discharge_reason", age_years="age", facility_id="site",
    )  # fmt: skip
    renamed = STAYS.replace(f" {header[ours]} ", f" {theirs} ", 1)
    assert found(guessed(stays=renamed), "stays")[ours] == theirs


def test_every_name_of_the_codebook_is_one_of_our_columns():
    for table, columns in site_exports()["columns"].items():
        assert set(columns) <= set(TABLES[table])


def test_a_name_that_may_mean_two_things_is_told_by_its_cells(guessed):
    places = STAYS.replace("| loc |", "| level |").replace("| site |", "| program |")
    levels = STAYS.replace("| loc |", "| program |")
    assert found(guessed(stays=places), "stays")["facility_id"] == "program"
    assert found(guessed(stays=levels), "stays")["level_of_care"] == "program"


def test_codes_tell_a_column_whose_name_does_not_and_it_is_marked(guessed):
    text = mapping_text(guessed(stays=STAYS.replace("| loc |", "| x12 |")))
    assert "level_of_care:  # CHECK: its codes read like level_of_care" in text
    assert "column: x12" in text


def test_a_name_that_is_only_alike_is_marked_with_what_it_is_like(guessed):
    text = mapping_text(guessed(stays=STAYS.replace("| adm_date ", "| planned_admission_date ")))
    assert line(text, "start_day") == (
        "start_day: planned_admission_date  # CHECK: its name is only like `admission date`"
    )


def test_of_two_columns_that_fit_the_one_that_says_more_is_taken_and_the_other_named(guessed):
    ages = STAYS.replace("| shoe", "| age_at_admission")
    ages = ages.replace("| 39", "| 34").replace("| 44", "| 51").replace("| 43", "| 47")
    assert line(mapping_text(guessed(stays=ages)), "age_years") == (
        "age_years: age_at_admission  # CHECK: `age` would fit as well"
    )
    numbered = "client_id | id | admit_date | loc\nA | 7 | 2022-01-20 | IOP"
    assert found(guessed(stays=numbered), "stays")["person_id"] == "client_id"


def test_a_file_without_rows_tells_nothing_and_is_said(guessed, raw):
    guessed(stays=STAYS)
    (raw / "events.csv").write_text("client_id,event_date,event_type\n")
    guess = guess_mapping(*read_candidates([raw / "stays.csv", raw / "events.csv"]), today=TODAY)
    assert guess.remarks == ("events.csv is not used: it has a header and no rows to tell by",)


def test_a_name_with_other_cells_than_it_may_have_is_not_used_and_said(guessed):
    text = mapping_text(guessed(stays=STAYS.replace("| 34  ", "| old ")))
    assert "age_years:" not in text
    assert "`age` is named like age_years, and holds other than numbers from 0 to 90" in text


def test_columns_that_nothing_is_known_of_are_listed(guessed):
    assert line(mapping_text(guessed(stays=STAYS)), "not used") == "# not used: shoe"


@pytest.mark.parametrize(
    ("name", "header", "row", "table"),
    [
        ("a", "client_id | admit_date | loc", "A | 2022-01-20 | IOP", "stays"),
        ("b", "client_id | service_date | service | hrs", "A | 2022-01-20 | group | 3", "services"),
        ("c", "client_id | collection_date | drug | result", "A | 2022-01-20 | THC | pos", "tests"),
        ("d", "client_id | date | instrument | score", "A | 2022-01-20 | PHQ-9 | 12", "scores"),
        ("e", "client_id | event_date | event_type", "A | 2022-01-20 | relapse", "events"),
        ("f", "client_id | last_seen | gender", "A | 2022-01-20 | F", "persons"),
        ("Demographics", "client_id | gender", "A | F", "persons"),
        ("tox", "client_id | date | result", "A | 2022-01-20 | negative", "tests"),
        (
            "g",
            "patient | loc | admitted | dc_reason | phq9",
            "A | 2.1 | 2022-01-20 | 1 | 3",
            "stays",
        ),
    ],
)
def test_which_table_a_file_is_shows_in_its_columns(guessed, name, header, row, table):
    guess = guessed(**{name: f"{header}\n{row}"})
    assert [each.table for each in guess.tables] == [table]


def test_a_file_like_none_of_ours_is_left_out_and_said(guessed):
    guess = guessed(stays=STAYS, cars="client_id | colour\nA | red\n")
    assert [each.table for each in guess.tables] == ["stays"]
    assert guess.remarks == ("cars.csv is not used: its columns look like none of ours",)


def test_of_two_files_for_one_table_one_is_taken_and_the_other_said(guessed):
    guess = guessed(stays_2022=STAYS, stays_2023=STAYS)
    assert guess.table("stays").candidate.name == "stays_2022.csv"
    assert "stays_2023.csv is not used: stays_2022.csv looks like stays as well" in guess.remarks[0]


def test_one_instrument_in_a_columns_name_is_read_and_several_are_asked_for_in_rows(guessed):
    one = "client_id | date | phq9_total\nA | 2022-01-20 | 12"
    columns = yaml.safe_load(mapping_text(guessed(scores=one)))["tables"]["scores"]["columns"]
    assert columns["instrument"] == {"constant": "phq9"}
    assert columns["score"] == "phq9_total"
    undated = "client_id | visit | phq9_total\nA | 2 | 12"
    assert guessed(wave=undated, stays=STAYS).table("scores") is None
    wide = "client_id | date | phq9 | gad7\nA | 2022-01-20 | 12 | 8"
    assert "`phq9`, `gad7` stand side by side" in guessed(scores=wide, stays=STAYS).remarks[0]


def test_instruments_are_given_our_names(guessed):
    rows = (
        "client_id | date | measure | total\nA | 2022-01-20 | PHQ-9 | 12\nB | 2022-01-21 | XY | 3"
    )
    columns = yaml.safe_load(mapping_text(guessed(scores=rows)))["tables"]["scores"]["columns"]
    assert columns["instrument"]["words"] == {"PHQ-9": "phq9", "XY": "???"}


def test_a_name_stands_in_one_place_only(guessed):
    """Covariates of persons and stays, and scores, end up side by side."""
    stays = STAYS.replace("| shoe", "| phq9")
    scores = "client_id | date | instrument | score\nA | 2022-01-20 | phq9 | 12"
    people = "client_id | gender\nA | F"
    guess = guessed(stays=stays, scores=scores, people=people)
    names = [each.target for table in guess.tables for each in table.covariates]
    assert names == ["sex"]
    assert "`gender` looks like sex, which stands elsewhere already" in mapping_text(guess)


# Codes.


@pytest.mark.parametrize(
    ("target", "code", "word"),
    [
        ("level_of_care", "Intensive Outpatient Program", "intensive outpatient"),
        ("level_of_care", "IOP (2.1)", "intensive outpatient"),
        ("level_of_care", "ASAM Level 2.5", "partial hospitalization"),
        ("level_of_care", "3.7-WM", "withdrawal management"),
        ("level_of_care", "LONG-TERM RESIDENTIAL", "long-term residential"),
        ("level_of_care", "2.1 PHP", None),
        ("level_of_care", "Residential", None),
        ("level_of_care", "3.5", None),
        ("level_of_care", "1", None),
        ("exit_reason", "Left AMA", "dropped out"),
        ("exit_reason", "Administrative discharge", "terminated by the facility"),
        ("exit_reason", "unknown", "left, reason not recorded"),
        ("exit_reason", "Discharged", None),
        ("exit_reason", "T", None),
        ("result", "POS", "positive"),
        ("result", "+", "positive"),
        ("result", "P", None),
        ("kind", "Relapsed", "return to use"),
        ("kind", "fatal overdose", None),
    ],
)
def test_codes_have_the_words_that_are_beyond_doubt_and_no_others(target, code, word):
    assert word_of(target, code) == word


def test_our_own_words_are_known_and_no_code_has_two():
    kinds = {"level_of_care": LevelOfCare, "exit_reason": ExitReason, "kind": EventKind}
    for target, words in kinds.items():
        assert [word_of(target, str(word)) for word in words] == [str(word) for word in words]
    for target, words in site_exports()["words"].items():
        codes = [code for listed in words.values() for code in listed]
        assert len(set(codes)) == len(codes), target


def test_a_code_that_only_the_site_can_tell_is_asked_with_a_question(guessed):
    text = mapping_text(guessed(stays=STAYS.replace("PHP", "RTC").replace("AMA", "Zed")))
    asked = "short-term or long-term residential?"
    assert line(text, '"RTC"').startswith('"RTC": "???"  # CHECK: residential treatment of')
    assert line(text, '"RTC"').endswith(asked)
    assert line(text, '"Zed"') == '"Zed": "???"  # CHECK: what does it mean there?'
    assert question_about("level_of_care", "ASAM 3.5").endswith(asked)


def test_codes_of_fewer_than_eleven_people_are_counted_asked_for_and_not_written(guessed):
    stays = STAYS.replace("Transfer", "Escaped").replace("| AMA ", "| Zed ").replace("PHP", "IOP")
    text = mapping_text(guessed(stays=stays.replace("S    | IOP", "S    | RTC", 1), times=10))
    for code in ("RTC", "Escaped", "Zed", "Completed"):
        assert code not in text
    assert '"IOP": intensive outpatient' in text  # twenty people
    asked = '"???": "???"  # CHECK: '
    assert line(text, "3 codes") == f"{asked}3 codes of fewer than 11 people: add them by hand"
    assert line(text, "1 fur") == f"{asked}1 further code of fewer than 11 people: add it by hand"


def test_people_are_counted_and_not_their_rows(guessed, raw):
    """Twenty tests of one person say no more of a code than one."""
    tests = (
        "client_id | date | drug | result\nA | 2022-01-20 | THC | odd\nB | 2022-01-21 | THC | pos"
    )
    guess = guessed(tests=tests)
    table = raw / "tests.csv"
    table.write_text(table.read_text().replace("A-1", "A-0").replace("A-2", "A-0"))
    guess = guess_mapping(*read_candidates([table]), today=TODAY)
    assert "odd" not in mapping_text(guess)
    assert "1 further code of fewer than 11 people" in mapping_text(guess)


def test_words_that_are_ours_already_need_no_list(guessed):
    stays = STAYS.replace("PHP", "outpatient").replace("IOP", "intensive outpatient")
    text = mapping_text(guessed(stays=stays))
    assert line(text, "level_of_care") == "level_of_care: loc"
    assert guessed(stays=stays).words_found("stays", "level_of_care") == (
        "intensive outpatient", "outpatient",
    )  # fmt: skip


def test_asam_levels_are_read_by_their_standard_and_the_edition_that_fits(guessed):
    def standard(text):
        return line(mapping_text(guessed(episodes=text, people=PEOPLE)), "standard")

    assert standard(DAYS) == "standard: asam_4"
    assert standard(DAYS.replace("1.5", "3.3")) == "standard: asam_3"
    assert standard(DAYS.replace("1.5", "2.5")) == (
        "standard: asam_3  # CHECK: asam_3 or asam_4? the codes fit both"
    )


def test_a_sites_own_numbers_are_not_taken_for_asam(guessed):
    own = DAYS.replace("2.1", "1 ").replace("3.1", "2 ").replace("1.5", "4 ")
    text = mapping_text(guessed(episodes=own, people=PEOPLE))
    assert "standard" not in text
    assert '"4": "???"' in text


def test_texts_that_are_no_codes_are_not_listed(guessed, raw):
    path = raw / "stays.csv"
    guessed(stays=STAYS)
    first, *rows = path.read_text().splitlines()
    rows = [row.replace("IOP", f"IOP {k} x") for k, row in enumerate(rows * 2)]
    path.write_text("\n".join([first, *rows]))
    text = mapping_text(guess_mapping(*read_candidates([path]), today=TODAY))
    assert "IOP 7" not in text
    assert line(text, "level_of_care:") == 'level_of_care: "???"  # CHECK: no column looks like it'


# Dates and days.


@pytest.mark.parametrize(
    ("cell", "form"),
    [
        ("2022-01-20", "%Y-%m-%d"), ("01/20/2022", "%m/%d/%Y"), ("20/01/2022", "%d/%m/%Y"),
        ("20.01.2022", "%d.%m.%Y"), ("20-Jan-2022", "%d-%b-%Y"),
        ("2022-01-20 08:30", "%Y-%m-%d %H:%M"),
    ],
)  # fmt: skip
def test_dates_are_read_as_they_are_written(guessed, cell, form):
    text = mapping_text(guessed(stays=f"client_id | admit_date | loc\nA | {cell} | IOP"))
    calendar = yaml.safe_load(text)["calendar"]
    assert calendar == {"begins": date(2022, 1, 1), "cut": date(2022, 12, 31), "format": form}


def test_day_and_month_that_cannot_be_told_apart_are_asked_for(guessed):
    text = mapping_text(guessed(stays="client_id | admit_date | loc\nA | 03/04/2022 | IOP"))
    assert line(text, "format:") == (
        'format: "???"  # CHECK: %m/%d/%Y and %d/%m/%Y fit all dates; write the one that is meant'
    )


def test_a_column_written_otherwise_than_the_rest_is_marked(guessed):
    text = mapping_text(guessed(stays=STAYS.replace("03/01/2022", "2022-03-01")
                                .replace("02/20/2022", "2022-02-20")
                                .replace("06/25/2023", "2023-06-25")))  # fmt: skip
    marked = [each for each in text.splitlines() if "one way of writing stands for all" in each]
    assert len(marked) == 1


def test_the_end_of_a_year_that_is_not_over_is_asked_for(guessed):
    text = mapping_text(guessed(stays=STAYS, today=date(2023, 7, 1)))
    assert line(text, "cut:").startswith('cut: "???"  # CHECK: ')


def test_a_calendar_asks_for_the_papers_that_let_dates_in(guessed):
    profile = yaml.safe_load(mapping_text(guessed(stays=STAYS)))["profile"]
    assert profile == {"method": "limited_data_set", "agreement_id": "???"}


def test_dates_whose_meaning_is_not_known_still_make_a_calendar(guessed):
    unnamed = STAYS.replace("adm_date", "t1      ").replace("dsch_dt", "t2     ")
    mapping = yaml.safe_load(mapping_text(guessed(stays=unnamed)))
    assert mapping["tables"]["stays"]["columns"]["start_day"] == "???"
    assert mapping["calendar"] == {
        "begins": "???", "cut": date(2023, 12, 31), "format": "%m/%d/%Y",
    }  # fmt: skip
    assert set(mapping["tables"]) == {"stays"}


def test_an_export_in_days_has_no_calendar_and_needs_no_papers(guessed):
    mapping = yaml.safe_load(mapping_text(guessed(episodes=DAYS, people=PEOPLE)))
    assert set(mapping) == {"tables"}
    assert mapping["tables"]["persons"]["columns"] == {
        "person_id": "PatientID",
        "first_observed_day": "FirstSeen",
        "last_observed_day": "LastSeen",
    }  # fmt: skip


def test_what_must_be_there_and_is_not_is_asked_for(guessed):
    absent = yaml.safe_load(mapping_text(guessed(episodes=DAYS)))["tables"]["persons"]
    assert absent["file"] == "???"
    assert set(absent["columns"].values()) == {"???"}
    unseen = PEOPLE.replace("LastSeen", "Lastly")
    text = mapping_text(guessed(episodes=DAYS, people=unseen))
    assert line(text, "last_observed_day").startswith('last_observed_day: "???"  # CHECK: ')


def test_an_export_without_stays_asks_for_them_and_names_the_other_way(guessed):
    guess = guessed(people=PEOPLE)
    assert yaml.safe_load(mapping_text(guess))["tables"]["stays"]["file"] == "???"
    assert "is read by a source of kind table" in guess.remarks[0]


def test_dates_that_no_calendar_reads_are_said_beforehand(guessed):
    dated = PEOPLE.replace("Sex", "signed_up").replace("| F", "| 2021-02-03").replace("| M", "|")
    (remark,) = guessed(episodes=DAYS, people=dated).remarks
    assert remark.startswith("people.csv holds dates in columns that are not used")


# What may never be written.


def test_no_persons_value_is_written_but_codes_that_many_share(guessed, raw):
    guess = guessed(stays=STAYS)
    written = mapping_text(guess) + guess_summary(guess)
    cells = {cell for row in (raw / "stays.csv").read_text().splitlines()[1:]
             for cell in row.split(",")}  # fmt: skip
    may_be = {"IOP", "PHP", "Completed", "AMA", "Transfer"}
    values = set(yaml.safe_load(mapping_text(guess))["tables"]["stays"]["columns"]) | may_be
    for cell in cells - values:
        assert f'"{cell}"' not in written
        assert len(cell) < 3 or cell not in written, cell


def test_an_identifier_other_than_a_date_is_refused_before_anything_is_guessed(guessed):
    with pytest.raises(IdentifierError, match="e-mail addresses") as caught:
        guessed(stays=STAYS.replace("| 39", "| a@example.org"))
    assert "example" not in str(caught.value)


def test_a_file_without_a_header_line_is_refused(guessed, raw, refusal):
    guessed(episodes=DAYS, people=PEOPLE)
    path = raw / "people.csv"
    path.write_text("\n".join(path.read_text().splitlines()[1:]))
    message = refusal(read_candidates, [path])
    assert "is the header line there?" in message
    assert "A-0" not in message


def test_the_remarks_on_a_line_cannot_break_out_of_it(guessed):
    """A header may hold a colon and a hash, or be a word that YAML takes for something else."""
    odd = STAYS.replace("| shoe", "| a # b: c").replace("| loc ", "| No ")
    text = mapping_text(guessed(stays=odd))
    assert yaml.safe_load(text)["tables"]["stays"]["columns"]["level_of_care"]["column"] == "No"
    assert line(text, "not used") == "# not used: a # b: c"


# Workbooks.


def workbook(path, **sheets):
    book = Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    book.save(path)
    return book


ADMISSIONS = [["client_id", "loc", "admit_day"], *[[f"P{k}", "IOP", k] for k in range(12)]]
CLIENTS = [["client_id", "last_seen"], *[[f"P{k}", 90 + k] for k in range(12)]]


def test_every_sheet_of_a_workbook_is_looked_at(raw):
    workbook(raw / "site.xlsx", Admissions=ADMISSIONS, Clients=CLIENTS)
    guess = guess_mapping(*read_candidates([raw / "site.xlsx"]), today=TODAY)
    tables = yaml.safe_load(mapping_text(guess))["tables"]
    assert {name: (each["file"], each["sheet"]) for name, each in tables.items()} == {
        "persons": ("site.xlsx", "Clients"), "stays": ("site.xlsx", "Admissions"),
    }  # fmt: skip


def test_a_sheet_that_is_no_table_is_said_and_passed_over(raw):
    workbook(raw / "site.xlsx", Cover=[["Export"], ["made by", "us"]], Admissions=ADMISSIONS)
    guess = guess_mapping(*read_candidates([raw / "site.xlsx"]), today=TODAY)
    assert [each.table for each in guess.tables] == ["stays"]
    assert guess.remarks[0].startswith("site.xlsx, sheet `Cover` was not read")


def test_a_hidden_sheet_is_refused(raw, refusal):
    book = workbook(raw / "site.xlsx", Admissions=ADMISSIONS, Clients=CLIENTS)
    book["Clients"].sheet_state = "hidden"
    book.save(raw / "site.xlsx")
    assert "1 hidden sheet(s)" in refusal(read_candidates, [raw / "site.xlsx"])


def test_two_files_of_one_name_are_refused(raw, refusal, tmp_path):
    assert "have the same name" in refusal(read_candidates, [write_csv(raw), write_csv(tmp_path)])


def write_csv(folder):
    path = folder / "stays.csv"
    path.write_text("client_id,loc,admit_day\nP1,IOP,0\n")
    return path
