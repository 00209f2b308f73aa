"""The gate in: no file that names someone comes further."""

import pandas as pd
import pytest
from pydantic import TypeAdapter, ValidationError

from iop_outcomes.errors import IdentifierError
from iop_outcomes.records.deidentification import SAFE_HARBOR, Profile, refuse_identifiers
from iop_outcomes.records.files.extract import read_extract


@pytest.mark.parametrize(
    ("column", "kind"),
    [
        *((name, "names") for name in ("name", "NAME", "Surname", "first_name", "FirstName")),
        *((name, "names") for name in ("patient.name", "Patient Name", "lname", "ptname")),
        *((name, "names") for name in ("mother's maiden name", "emergencyContact", "initials")),
        *((name, "social security") for name in ("ssn", "SSN", "patientSSN", "Social-Security-No")),
        *(
            (name, "medical record")
            for name in ("mrn", "MRN_1", "medical record number", "chartNo")
        ),
        *((name, "dates") for name in ("dob", "BirthDate", "Date of Birth", "patient_dob")),
        *((name, "dates") for name in ("admission_month", "dateofbirth")),
        *((name, "e-mail") for name in ("email", "E_Mail", "e-mail", "EmailAddress")),
        *((name, "telephone") for name in ("phone", "phone_number", "homePhone", "telephone")),
        *((name, "telephone") for name in ("Fax", "cell no.", "téléphone", "phone2")),
        *((name, "street") for name in ("address", "home_address", "street", "addr1")),
        *(
            (name, "postal")
            for name in ("zip", "zipcode", "ZIP+4", "postal.code", "city", "County")
        ),
        *((name, "coordinates") for name in ("latitude", "home longitude", "GPS")),
        *((name, "account") for name in ("license", "account_number", "MedicaidID", "policy no")),
        *((name, "vehicle") for name in ("vin", "license_plate")),
        *((name, "device") for name in ("deviceId", "serial number", "MAC address", "imei")),
        *((name, "web addresses") for name in ("url", "Website")),
        *((name, "IP addresses") for name in ("ip", "ip_address", "ipAddr")),
        *((name, "photographs") for name in ("photo", "fingerprints")),
    ],
)
def test_a_column_named_like_an_identifier_is_refused_however_it_is_spelled(refusal, column, kind):
    """Spreadsheets put spaces, databases put dots, programs put capitals between words."""
    table = pd.DataFrame({"person_id": ["P", "Q"], column: ["x", None]})
    message = refusal(refuse_identifiers, table, "stays.csv", error=IdentifierError)
    assert kind in message
    assert f"(column `{column}`, 1 cell)" in message


def test_all_findings_of_a_file_are_told_in_one_sentence(refusal):
    table = pd.DataFrame(
        {
            "ssn": ["123-45-6789", "123-45-6780", None],
            "start": ["2024-01-31", "0", "2024-02-01"],
            "end": ["2024-03-31", None, "7"],
            "score": ["7", "8", "9"],
        }
    )
    assert refusal(refuse_identifiers, table, "stays.csv", error=IdentifierError) == (
        "stays.csv seems to hold dates finer than a year (columns `start`, `end`, 3 cells) and "
        "social security numbers (column `ssn`, 2 cells); take them out of the export (days since "
        "admission and a year are enough), and tell the data steward"
    )


def test_a_column_named_for_an_identifier_is_refused_even_if_nothing_is_in_it(refusal):
    table = pd.DataFrame({"ssn": [None, None]}, dtype="str")
    message = refusal(refuse_identifiers, table, "a.csv", error=IdentifierError)
    assert "(column `ssn`, 0 cells)" in message


@pytest.mark.parametrize("value", [" 123-45-6789", "123-45-6789\u00a0", "1​23-45-6789"])
def test_a_space_beside_it_or_an_unseen_mark_in_it_does_not_smuggle_an_identifier_in(
    refusal, value
):
    table = pd.DataFrame({"answer": pd.Series([value], dtype="str")})
    assert refusal(refuse_identifiers, table, "a.csv", error=IdentifierError)


@pytest.mark.parametrize(
    "header",
    [
        ["P1", "123-45-6789", "4"],
        ["P1", "James Quill", "4"],
        ["P1", "2024-01-31", "2024-02-07"],
        ["P1", "zeb@example.org", "4"],
    ],
)
def test_a_value_where_the_header_should_be_is_found_and_columns_go_by_number(refusal, header):
    table = pd.DataFrame([["P2", "2024-03-01", "5"], ["P3", "7", "6"]], columns=header)
    message = refusal(refuse_identifiers, table, "a.csv", error=IdentifierError)
    assert "the header line" in message
    assert "column 2" in message
    assert not any(name in message for name in header)


def test_a_header_over_names_may_be_a_name_too_and_is_not_quoted(refusal):
    table = pd.DataFrame({"Zebediah": ["Ann Quill", "Omar Quill"]})
    message = refusal(refuse_identifiers, table, "a.csv", error=IdentifierError)
    assert "names (column 1, 2 cells)" in message
    assert "Zebediah" not in message


def test_two_columns_of_one_name_are_both_looked_at(refusal):
    table = pd.DataFrame([["7", "123-45-6789"]], columns=["answer", "answer"])
    assert "1 cell" in refusal(refuse_identifiers, table, "a.csv", error=IdentifierError)


def test_of_very_many_columns_some_are_told_and_the_rest_counted(refusal):
    table = pd.DataFrame({f"day {number}": ["2024-01-31"] for number in range(40)})
    message = refusal(refuse_identifiers, table, "a.csv", error=IdentifierError)
    assert "`day 11`, 28 more, 40 cells" in message


@pytest.mark.parametrize(
    "table", [pd.DataFrame(), pd.DataFrame({"a": []}), pd.DataFrame({"a": [None]})]
)
def test_where_nothing_is_nothing_is_found(table):
    assert refuse_identifiers(table, "a.csv") is table


DATED = pd.DataFrame({"start": ["2024-01-31"], "zip": ["60614"], "dob": ["1960-01-31"]})
LIMITED = Profile(method="limited_data_set", agreement_id="DUA-7")
EXPERT = Profile(method="expert_determination", signed_by="A. Expert", signed_on="2024-05-01")


def test_a_limited_data_set_may_hold_dates_and_postal_codes():
    assert refuse_identifiers(DATED, "a.csv", LIMITED) is DATED


def test_an_expert_lets_dates_in_and_no_postal_codes(refusal):
    dates = DATED[["start", "dob"]]
    assert refuse_identifiers(dates, "a.csv", EXPERT) is dates
    message = refusal(refuse_identifiers, DATED, "a.csv", EXPERT, error=IdentifierError)
    assert "postal codes" in message
    assert "dates finer" not in message


@pytest.mark.parametrize("profile", [SAFE_HARBOR, LIMITED, EXPERT])
@pytest.mark.parametrize("cell", ["123-45-6789", "zeb@example.org", "Zebediah Quill", "10.1.2.3"])
def test_no_profile_lets_direct_identifiers_in(refusal, profile, cell):
    table = pd.DataFrame({"answer": [cell]})
    assert refusal(refuse_identifiers, table, "a.csv", profile, error=IdentifierError)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"method": "limited_data_set"}, "needs `agreement_id`"),
        ({"method": "limited_data_set", "agreement_id": " "}, "at least 1 character"),
        ({"method": "expert_determination", "signed_by": "A"}, "needs `signed_on`"),
        ({"agreement_id": "DUA-7"}, "safe_harbor has no `agreement_id`"),
        ({"method": "trust_me"}, "safe_harbor"),
        ({"dates": True}, "[Uu]nexpected"),
    ],
)
def test_a_profile_has_its_papers_and_no_other_keys(written, said):
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(Profile).validate_python(written)


def test_the_gate_stands_before_the_contract(raw, refusal):
    """A refused file is refused for naming someone, whatever else is wrong with it."""
    path = raw / "stays.csv"
    path.write_text("stay_id,patient_name\nS1,Zebediah\n", "utf-8")
    message = refusal(read_extract, path, ["stay_id"], error=IdentifierError)
    assert "`patient_name`" in message
    assert "Zebediah" not in message


def test_no_real_file_about_people_raises_an_alarm(shared):
    """Every one of them, without exception: none holds a full date or free text."""
    files = [
        *("uis/uis.csv", "help/HELPrct.csv", "help/HELPmiss.csv", "help/HELPfull_subset.csv"),
        *("aod_twang/aod.csv", "pharmaco_smoking/pharmaco_smoking.csv"),
    ]
    for pattern in ("teds_?/sample_*.csv", "ctn0094/*.csv", "ctn0094/*.csv.gz", "relapse_alda/*"):
        found = (shared / "data").glob(pattern)
        files += [path.relative_to(shared / "data").as_posix() for path in found]
    files = [file for file in files if ".csv" in file]
    assert len(files) > 30
    for file in files:
        table = pd.read_csv(
            shared / "data" / file, dtype=str, keep_default_na=False, na_values=[""]
        )
        assert refuse_identifiers(table, file) is table


def test_what_describes_data_is_no_extract_and_is_refused_for_its_sentences(shared, refusal):
    path = shared / "data/help/HELPfull_dictionary.csv"
    message = refusal(read_extract, path, ["description"], error=IdentifierError)
    assert "free text (column 2," in message
