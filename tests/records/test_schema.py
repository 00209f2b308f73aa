"""The contract of the canonical tables: types, refusals, and what a refusal must not say."""

import pandas as pd
import pytest

from iop_outcomes.records.schema import TABLES, conform, empty_table
from iop_outcomes.vocabulary import EventKind, ExitReason, LevelOfCare

# Values that stand out in a message, should one ever quote them.
NAME, LARGE, BROKEN = "Zebediah", 987654, 9876.54


def spoilt(table, column, *values):
    """The table with a column that holds these values."""
    return table.assign(**{column: pd.Series(values, dtype=object)})


def test_the_contracts_types_hold_however_the_values_came(stays):
    as_text = stays.astype("str").where(stays.notna())
    for table in (stays, as_text, stays.astype(object)):
        assert conform("stays", table).dtypes.map(str).to_dict() == {
            "stay_id": "str",
            "person_id": "str",
            "facility_id": "str",
            "level_of_care": "str",
            "start_day": "Int64",
            "end_day": "Int64",
            "exit_reason": "str",
            "admission_year": "Int64",
            "age_years": "Int64",
        }


def test_the_same_values_make_the_same_table_however_they_came(stays):
    as_text = stays.astype("str").where(stays.notna())
    pd.testing.assert_frame_equal(conform("stays", as_text), conform("stays", stays))


def test_to_conform_twice_is_to_conform_once(stays):
    once = conform("stays", stays)
    pd.testing.assert_frame_equal(conform("stays", once), once)


def test_a_table_without_rows_still_has_its_types():
    for name, contract in TABLES.items():
        table = empty_table(name)
        assert list(table.columns) == list(contract)
        assert len(table) == 0
    assert str(empty_table("scores")["score"].dtype) == "Float64"


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([7.0, 12.0], ["7", "12"]),
        ([7, 12], ["7", "12"]),
        ([7.0, None], ["7", None]),
        (["7", "012"], ["7", "012"]),
        ([7.5, 12.0], ["7.5", "12.0"]),
    ],
)
def test_codes_that_came_as_numbers_are_meant_as_written(stays, codes, expected):
    facility = conform("stays", stays.assign(facility_id=codes))["facility_id"]
    assert [None if pd.isna(code) else code for code in facility] == expected


@pytest.mark.parametrize(
    ("column", "good", "bad", "must"),
    [
        ("start_day", 0, NAME, "must hold a whole number"),
        ("start_day", 0, BROKEN, "must hold a whole number"),
        ("start_day", 0, "inf", "must hold a whole number"),
        ("start_day", 0, None, "must not be empty"),
        ("start_day", 0, LARGE, "must be at most 40000"),
        ("start_day", 0, -LARGE, "must be at least -40000"),
        ("end_day", 30, NAME, "must hold a whole number"),
        ("age_years", 40, LARGE, "must be at most 90"),
        ("age_years", 40, -1, "must be at least 0"),
        ("admission_year", 2023, 1989, "must be at least 1990"),
        ("stay_id", NAME, NAME, "must not repeat a value"),
        ("stay_id", "S1", None, "must not be empty"),
        ("person_id", "P", None, "must not be empty"),
        ("level_of_care", "inpatient", None, "must not be empty"),
        ("level_of_care", "inpatient", NAME, f"must be one of {[*map(str, LevelOfCare)]}"),
        ("exit_reason", "completed", NAME, f"must be one of {[*map(str, ExitReason)]}"),
    ],
)
def test_a_refusal_names_table_column_rule_how_many_rows_and_the_first(
    stays, refusal, column, good, bad, must
):
    assert refusal(conform, "stays", spoilt(stays, column, good, bad)) == (
        f"stays: column {column} {must}: 1 row(s) do not, the first is row 2"
    )


@pytest.mark.parametrize(
    ("table", "column", "value", "must"),
    [
        ("events", "kind", NAME, f"must be one of {[*map(str, EventKind)]}"),
        ("events", "day", BROKEN, "must hold a whole number"),
        ("scores", "score", NAME, "must hold a number"),
        ("scores", "score", LARGE, "must be at most 1000"),
        ("scores", "score", "inf", "must be at most 1000"),
        ("scores", "score", None, "must not be empty"),
        ("services", "hours", 25, "must be at most 24"),
        ("services", "modality", NAME, "must be one of ['in person', 'telehealth']"),
        ("tests", "result", NAME, "must be one of ['positive', 'negative', "),
        ("events", "month_end", 2, "must be at most 1"),
    ],
)
def test_every_table_holds_its_rows_to_its_own_contract(refusal, table, column, value, must):
    row = {
        **{"person_id": "P", "day": 3, "kind": "death", "instrument": "phq9", "score": 12},
        **{"service": "group", "hours": 3, "substance": "opioid", "result": "missed"},
        **{"modality": "telehealth", "panel": "2019", "month_end": 1},
    }
    rows = pd.DataFrame([{name: {**row, column: value}[name] for name in TABLES[table]}])
    assert refusal(conform, table, rows).startswith(f"{table}: column {column} {must}")


def test_what_may_be_unknown_may_be_empty(stays, persons):
    unknown = ["facility_id", "end_day", "exit_reason", "admission_year", "age_years"]
    assert conform("stays", stays.assign(**dict.fromkeys(unknown)))[unknown].isna().all(axis=None)
    unseen = ["first_observed_day", "last_observed_day"]
    assert conform("persons", persons.assign(**dict.fromkeys(unseen)))[unseen].isna().all(axis=None)


def test_a_refusal_counts_every_wrong_row_and_names_the_first(stays, refusal):
    four = pd.concat([stays, stays], ignore_index=True).assign(stay_id=["1", "2", "3", "4"])
    four = four.assign(start_day=["0", NAME, "1", NAME])
    assert refusal(conform, "stays", four).endswith(": 2 row(s) do not, the first is row 2")


def test_rows_are_counted_from_one_whatever_the_tables_index(stays, refusal):
    turned = spoilt(stays, "start_day", 0, NAME).set_index(pd.Index([900, 901]))
    assert refusal(conform, "stays", turned).endswith("the first is row 2")


@pytest.mark.parametrize(
    ("column", "good", "bad"),
    [
        ("start_day", 0, NAME),
        ("start_day", 0, BROKEN),
        ("start_day", 0, LARGE),
        ("age_years", 40, LARGE),
        ("level_of_care", "inpatient", NAME),
        ("exit_reason", "completed", NAME),
        ("stay_id", NAME, NAME),
    ],
)
def test_a_refusal_never_quotes_a_value(stays, refusal, column, good, bad):
    message = refusal(conform, "stays", spoilt(stays, column, good, bad))
    assert NAME not in message
    assert str(LARGE) not in message
    assert str(BROKEN) not in message


def test_a_missing_column_is_named(stays, refusal):
    table = stays.drop(columns=["start_day", "age_years"])
    assert (
        refusal(conform, "stays", table) == "stays: lacks the column(s) ['start_day', 'age_years']"
    )


def test_a_person_stands_once_in_persons(persons, refusal):
    assert refusal(conform, "persons", persons.assign(person_id=NAME)) == (
        "persons: column person_id must not repeat a value: 1 row(s) do not, the first is row 2"
    )


@pytest.mark.parametrize("name", ["services", "tests", "scores", "events"])
def test_every_row_belongs_to_someone_in_persons(records, refusal, name):
    stranger = pd.DataFrame(
        {
            **{"person_id": ["P", NAME, NAME], "day": 1, "kind": "death", "instrument": "phq9"},
            **{"score": 3, "service": "group", "hours": 1, "substance": "any", "result": "missed"},
        }
    )
    assert refusal(records, **{name: stranger}) == (
        f"{name}: 2 row(s) belong to a person who is not in persons; "
        "export the persons of the same people"
    )


def test_every_stay_belongs_to_someone_in_persons(records, stays, refusal):
    message = refusal(records, stays=stays.assign(person_id=["P", NAME]))
    assert message.startswith("stays: 1 row(s) belong to a person who is not in persons")
    assert NAME not in message


def test_a_person_without_stays_is_no_error(records, stays):
    assert len(records(stays=stays.head(1)).persons) == 2


def test_no_stay_ends_before_it_starts(records, stays, refusal):
    assert refusal(records, stays=stays.assign(end_day=[30, 4])) == (
        "stays: 1 stay(s) end before they start; mend the export"
    )


def test_a_stay_may_end_on_the_day_it_starts(records, stays):
    """Edge case 7 of the domain brief."""
    assert records(stays=stays.assign(end_day=[0, 5])).stays["end_day"].tolist() == [0, 5]


def test_further_columns_of_persons_and_stays_are_kept_as_covariates(records, persons, stays):
    kept = records(persons=persons.assign(born="here"), stays=stays.assign(homeless=[0, 1]))
    assert kept.persons["born"].tolist() == ["here", "here"]
    assert kept.stays["homeless"].tolist() == [0, 1]


@pytest.mark.parametrize("name", ["services", "tests", "scores", "events"])
def test_further_columns_of_the_other_tables_are_dropped(records, name):
    table = pd.DataFrame(
        {
            **{"person_id": ["P"], "day": 1, "kind": "death", "instrument": "phq9", "score": 3},
            **{"service": "group", "hours": 1, "substance": "any", "result": "missed"},
            "note": NAME,
        }
    )
    assert list(getattr(records(**{name: table}), name).columns) == list(TABLES[name])


def test_what_a_source_cannot_fill_is_empty(records):
    held = records()
    assert not any(
        len(getattr(held, name))
        for name in ("services", "tests", "scores", "events", "provenance", "truth")
    )
