"""The gate in: no file that names someone comes further."""

import pandas as pd
import pytest

from iop_outcomes.errors import IdentifierError
from iop_outcomes.records.deidentification import refuse_identifiers
from iop_outcomes.records.extract import read_extract


@pytest.mark.parametrize(
    "column",
    [
        *("name", "NAME", "Surname", "first_name", "FirstName", "patient_name", "ssn", "SSN"),
        *("patient_ssn", "mrn", "dob", "birth_date", "BirthDate", "email", "E_Mail", "phone"),
        *("phone_number", "telephone", "fax", "address", "home_address", "street", "zip"),
        *("zipcode", "ip_address", "url", "license", "license_plate", "account_number"),
    ],
)
def test_a_column_named_like_a_direct_identifier_is_refused(refusal, column):
    table = pd.DataFrame({"person_id": ["P"], column: ["x"]})
    assert refusal(refuse_identifiers, table, "stays.csv", error=IdentifierError) == (
        f"stays.csv: the column `{column}` looks like a direct identifier; take it out of the "
        "export, and tell the data steward"
    )


@pytest.mark.parametrize(
    "column",
    [
        *("Patient Name", "last name", "patient.name", "PatientName", "E-mail", "e-mail"),
        *("phone number", "Date of Birth", "date_of_birth", "medical_record_number"),
    ],
)
def test_other_spellings_of_the_same_names_are_refused_too(refusal, column):
    """Spreadsheets put spaces, databases put dots, programs put capitals between words."""
    table = pd.DataFrame({"person_id": ["P"], column: ["x"]})
    assert column in refusal(refuse_identifiers, table, "stays.csv", error=IdentifierError)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("123-45-6789", "social security numbers"),
        ("zebediah@example.org", "e-mail addresses"),
        ("555-123-4567", "telephone numbers"),
        ("(555) 123-4567", "telephone numbers"),
        ("+1 555 123 4567", "telephone numbers"),
        ("2024-01-31", "full dates"),
        ("2024/1/31", "full dates"),
        ("1/31/2024", "full dates"),
        ("31.01.2024", "full dates"),
        ("2024-01-31 08:15", "full dates"),
        ("2024-01-31T08:15:00Z", "full dates"),
    ],
)
def test_a_value_shaped_like_a_direct_identifier_is_refused_in_any_column(refusal, value, what):
    cells = pd.Series(["x", None, value], dtype="str")
    for column in ("person_id", "start_day", "anything"):
        message = refusal(
            refuse_identifiers, pd.DataFrame({column: cells}), "a.csv", error=IdentifierError
        )
        assert message.startswith(f"a.csv: the column `{column}` seems to hold {what}; take it out")
        assert "data steward" in message
        assert value not in message


@pytest.mark.parametrize("value", [" 123-45-6789", "123-45-6789 ", "zebediah@example.org "])
def test_a_space_beside_it_does_not_smuggle_an_identifier_in(refusal, value):
    table = pd.DataFrame({"note": pd.Series([value], dtype="str")})
    assert refusal(refuse_identifiers, table, "a.csv", error=IdentifierError)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("start_day", "-365"),
        ("admission_year", "2024"),
        ("age_years", "40"),
        ("living_arrangement", "unnamed"),
        ("instrument", "phq9"),
        ("facility_id", "F-001-22"),
        ("span", "2017-2020"),
        ("score", "12.5"),
        ("shipping", "no"),
        ("hospitalizations", "3"),
    ],
)
def test_days_years_codes_and_scores_raise_no_alarm(column, value):
    table = pd.DataFrame({column: pd.Series([value], dtype="str")})
    assert refuse_identifiers(table, "a.csv") is table


def test_the_gate_stands_before_the_contract(raw, refusal):
    """A refused file is refused for naming someone, whatever else is wrong with it."""
    path = raw / "stays.csv"
    path.write_text("stay_id,patient_name\nS1,Zebediah\n", "utf-8")
    message = refusal(read_extract, path, ["stay_id"], error=IdentifierError)
    assert "`patient_name`" in message
    assert "Zebediah" not in message


@pytest.mark.parametrize(
    "file",
    [
        "uis/uis.csv",
        "help/HELPrct.csv",
        "teds_d/sample_2017_2020_codes.csv",
        "teds_d/sample_2023_codes.csv",
    ],
)
def test_the_real_files_of_the_examples_raise_no_alarm(shared, file):
    assert len(read_extract(shared / "data" / file, [])) > 200
