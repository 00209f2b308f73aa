"""A site's own columns and codes, read as ours."""

import pytest
import yaml
from openpyxl import Workbook

from iop_outcomes.records.ingestion import check_source

ADMISSIONS = """
    Client | Program | ASAM | In  | Out | How | Age | Gender | Unit
    17     | north   | 2.1  | 0   | 40  | C   | 34  | F      | 3
    17     | north   | 1    | 41  |     |     | 34  | F      | 3
    18     | south   | 3.1  | 5   | 9   | AMA | 51  | M      | 4
"""
CLIENTS = """
    Client | Last
    17     | 180
    18     | 90
"""
TABLES = {
    "persons": {
        "file": "clients.csv",
        "columns": {
            "person_id": "Client",
            "first_observed_day": {"constant": 0},
            "last_observed_day": "Last",
        },
    },
    "stays": {
        "file": "admissions.csv",
        "columns": {
            "person_id": "Client",
            "facility_id": "Program",
            "level_of_care": {"column": "ASAM", "standard": "asam_3"},
            "start_day": "In",
            "end_day": "Out",
            "exit_reason": {"column": "How", "words": {"C": "completed", "AMA": "dropped out"}},
            "age_years": "Age",
        },
        "covariates": {"sex": {"column": "Gender", "words": {"F": "female", "M": "male"}}},
    },
}


@pytest.fixture
def mapped(export, read):
    """Read the site's two files by TABLES, one of them changed."""

    def of(change=None, admissions=ADMISSIONS, clients=CLIENTS, **more):
        folder = export(admissions=admissions, clients=clients)
        tables = {name: {**table} for name, table in TABLES.items()}
        for name, changed in (change or {}).items():
            tables[name] = {**tables.get(name, {}), **changed}
        return read(folder, kind="site_export", tables=tables, **more)

    return of


def test_their_columns_and_codes_become_ours(mapped):
    stays = mapped().stays
    assert stays["person_id"].tolist() == ["17", "17", "18"]
    assert stays["level_of_care"].tolist() == [
        "intensive outpatient", "outpatient", "long-term residential"
    ]  # fmt: skip
    assert stays["end_day"].tolist()[0] == 40
    assert stays["exit_reason"].isna().tolist() == [False, True, False]
    assert stays["sex"].tolist() == ["female", "female", "male"]


def test_rows_without_a_number_of_their_own_are_numbered(mapped):
    assert mapped().stays["stay_id"].tolist() == ["stay 1", "stay 2", "stay 3"]


def test_columns_that_are_not_named_stay_outside(mapped):
    assert "Unit" not in mapped().stays.columns


def test_a_constant_stands_in_every_row(mapped):
    assert mapped().persons["first_observed_day"].tolist() == [0, 0]


def test_an_excel_sheet_and_a_csv_file_read_alike(mapped, raw):
    from_csv = mapped().stays
    book = Workbook()
    book.create_sheet("cover")
    sheet = book.create_sheet("Admissions")
    for line in (raw / "admissions.csv").read_text().splitlines():
        sheet.append([cell or None for cell in line.split(",")])
    book.save(raw / "admissions.xlsx")
    from_excel = mapped({"stays": {"file": "admissions.xlsx", "sheet": "Admissions"}}).stays
    assert from_excel.equals(from_csv)


def test_a_code_without_a_word_is_counted_and_not_told(mapped, refusal):
    message = refusal(mapped, admissions=ADMISSIONS.replace("AMA", "ZZ9"))
    assert message == (
        "stays: 1 of 3 rows cannot be so, most often How is a code that protocol.source does not "
        "name (1, the first is row 3); it names ['AMA', 'C']; mend the export, or raise "
        "protocol.source.largest_quarantine"
    )


def test_rows_with_a_code_without_a_word_are_set_aside_and_never_silently_unknown(mapped):
    found = mapped(admissions=ADMISSIONS.replace("AMA", "ZZ9"), largest_quarantine=0.5)
    assert found.stays["stay_id"].tolist() == ["stay 1", "stay 2"]
    assert found.quarantine[["table", "file", "row", "rule"]].to_numpy().tolist() == [
        ["stays", "admissions.csv", 3, "How is a code that protocol.source does not name"]
    ]
    assert "ZZ9" not in found.quarantine.to_csv()


def test_a_level_of_care_that_asam_leaves_open_must_be_said(mapped, refusal):
    """3.5 says how intensive the care is, and not how long it is meant to last."""
    open_level = ADMISSIONS.replace("| 3.1 ", "| 3.5 ")
    message = refusal(mapped, admissions=open_level)
    assert "ASAM is a code that protocol.source does not name (1, the first is row 3)" in message
    said = {"column": "ASAM", "standard": "asam_3", "words": {"3.5": "short-term residential"}}
    columns = {**TABLES["stays"]["columns"], "level_of_care": said}
    stays = mapped({"stays": {"columns": columns}}, admissions=open_level).stays
    assert stays["level_of_care"].tolist()[2] == "short-term residential"


def test_a_column_the_file_does_not_have_is_named(mapped, refusal):
    assert "lacks the column(s) ['Out']" in refusal(
        mapped, admissions=ADMISSIONS.replace("Out", "End")
    )


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            {"stays": {"columns": {"person_id": "Client"}}},
            "say where ['level_of_care', 'start_day']",
        ),
        ({"stays": {"columns": {**TABLES["stays"]["columns"], "loc": "ASAM"}}}, "unknown ['loc']"),
        ({"stays": {"covariates": {"age_years": "Age"}}}, "['age_years'] are columns of the table"),
        (
            {"events": {"file": "admissions.csv", "columns": {
                "person_id": "Client", "day": "In", "kind": {"constant": "overdose"}},
                "covariates": {"sex": "Gender"}}},
            "only ['persons', 'stays'] have covariates",
        ),
    ],
)  # fmt: skip
def test_a_mapping_that_cannot_be_is_refused_by_its_path(mapped, refusal, change, complaint):
    message = refusal(mapped, change)
    assert message.startswith("protocol.source.tables.")
    assert complaint in message


def test_a_mapping_without_persons_or_stays_says_what_is_absent(read, raw, refusal):
    tables = {"stays": TABLES["stays"]}
    message = refusal(read, raw, kind="site_export", tables=tables)
    assert message == "protocol.source.tables: say where ['persons'] are found"


@pytest.mark.parametrize(
    ("origin", "path"),
    [
        ({}, "columns.person_id"),
        ({"column": "Client", "constant": 1}, "columns.person_id"),
        ({"column": "Client", "wrods": {}}, "columns.person_id.wrods"),
        ({"column": "ASAM", "standard": "asam_2"}, "columns.person_id.standard"),
    ],
)
def test_an_origin_is_a_column_or_a_constant(refusal, origin, path):
    tables = {"stays": {"file": "a.csv", "columns": {"person_id": origin}}}
    message = refusal(check_source, {"kind": "site_export", "tables": tables})
    assert message.startswith(f"protocol.source.tables.stays.{path}")


def test_a_table_that_records_do_not_have_is_refused(refusal):
    tables = {"visits": {"file": "a.csv", "columns": {}}}
    assert "protocol.source.tables.visits" in refusal(
        check_source, {"kind": "site_export", "tables": tables}
    )


def test_the_mapping_that_the_data_page_shows_is_one_that_is_read(root):
    """What people copy must be right."""
    page = (root / "data/README.md").read_text("utf-8")
    source = yaml.safe_load(page.split("```yaml\n")[1].split("```")[0])["source"]
    kind, mapping = check_source(source)
    assert kind == "site_export"
    assert list(mapping.tables) == ["persons", "stays"]


DATED = """
    Client | ASAM | In         | Out        | How
    17     | 2.1  | 2024-03-01 | 2024-04-10 | C
    17     | 2.1  | 2024-06-01 |            |
    18     | 3.1  | 2024-02-27 | 2024-03-01 | AMA
"""
CALENDAR = {"begins": "2024-01-01", "cut": "2024-12-31"}
AGREEMENT = {"method": "limited_data_set", "agreement_id": "DUA-7"}


def dated_source(**more):
    names = ("person_id", "level_of_care", "start_day", "end_day", "exit_reason")
    columns = {name: TABLES["stays"]["columns"][name] for name in names}
    stays = {"file": "admissions.csv", "columns": columns}
    return {"kind": "site_export", "tables": {"stays": stays}, "calendar": CALENDAR, **more}


def test_one_file_of_dated_stays_is_enough_under_an_agreement(export, read):
    records = read(export(admissions=DATED), **dated_source(profile=AGREEMENT))
    assert records.stays["start_day"].tolist() == [0, 92, 0]
    assert records.stays["end_day"].tolist()[:1] == [40]
    assert records.persons["last_observed_day"].tolist() == [305, 308]
    assert records.stays["admission_year"].tolist() == [2024, 2024, 2024]


def test_a_cell_that_is_no_date_sets_its_row_aside(export, read, refusal):
    """Persons are nobody's file here, so no ledger speaks of them."""
    folder = export(admissions=DATED.replace("2024-06-01", "June"))
    source = dated_source(profile=AGREEMENT)
    assert "start_day is no date (1, the first is row 2); dates are read as %Y-%m-%d" in refusal(
        read, folder, **source
    )
    records = read(folder, **source, largest_quarantine=0.4)
    assert records.quarantine["row"].tolist() == [2]
    assert records.stays["start_day"].tolist() == [0, 0]
    assert records.ledger["table"].tolist() == ["stays"]


def test_no_date_comes_into_the_records(export, read):
    records = read(export(admissions=DATED), **dated_source(profile=AGREEMENT))
    for name in ("persons", "stays"):
        assert "2024-" not in getattr(records, name).to_csv()


def test_dates_without_an_agreement_are_refused_with_what_it_takes(export, read, refusal):
    message = refusal(read, export(admissions=DATED), **dated_source())
    assert message.startswith("protocol.source.calendar: safe_harbor lets no dates in")
    assert "agreement_id" in message
