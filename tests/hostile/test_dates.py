"""Dates in a site's own export: written in several ways at once, turned round, or no dates."""

from datetime import date, timedelta

import pandas as pd
import pytest

PEOPLE = 80
FORMATS = ("%Y-%m-%d", "%m/%d/%Y", "%d.%m.%Y", "%d %B %Y")
AGREEMENT = {"method": "limited_data_set", "agreement_id": "DUA-7"}
FIRST = date(2023, 1, 1)


def admissions(form="%Y-%m-%d", every=5):
    """Eighty stays of 20 days, one every fifth day from the first of January 2023."""
    begin = [FIRST + timedelta(days=every * k) for k in range(PEOPLE)]
    return pd.DataFrame(
        {
            "Client": [f"zanzibar{k:03}" for k in range(PEOPLE)],
            "ASAM": ["2.1", "3.1"] * (PEOPLE // 2),
            "In": [day.strftime(form) for day in begin],
            "Out": [(day + timedelta(days=20)).strftime(form) for day in begin],
        }
    )


@pytest.fixture
def dated(study):
    """Put a table of admissions into the study, whose dates are written as `form` says."""

    def write(table, form="%Y-%m-%d", **calendar):
        table.to_csv(study.raw / "admissions.csv", index=False)
        columns = {
            "person_id": "Client",
            "level_of_care": {"column": "ASAM", "standard": "asam_3"},
            "start_day": "In",
            "end_day": "Out",
            "exit_reason": {"constant": "completed"},
        }
        study.source = {
            "kind": "site_export",
            "tables": {"stays": {"file": "admissions.csv", "columns": columns}},
            "calendar": {"begins": "2022-01-01", "cut": "2024-12-31", "format": form, **calendar},
            "profile": AGREEMENT,
        }
        return study

    return write


def expected(records, aside=()):
    kept = [k for k in range(PEOPLE) if k + 1 not in aside]
    assert records.stays["person_id"].tolist() == [f"zanzibar{k:03}" for k in kept]
    assert records.stays["start_day"].tolist() == [0] * len(kept)
    assert records.stays["end_day"].tolist() == [20] * len(kept)
    assert records.provenance["rows"].tolist() == [PEOPLE]
    ledger = records.ledger.set_index("table").loc["stays"]
    assert ledger[["read", "accepted", "quarantined"]].tolist() == [PEOPLE, len(kept), len(aside)]
    mine = records.quarantine[records.quarantine["table"] == "stays"]
    assert sorted(mine["row"]) == sorted(aside)


@pytest.mark.parametrize("form", FORMATS)
def test_dates_written_in_four_ways_at_once_are_refused_by_number(dated, refuses, form):
    table = admissions()
    for k, other in enumerate(FORMATS):
        table.iloc[k::4] = admissions(other).iloc[k::4]
    said = refuses(dated(table, form), "stays", "of 80", form.replace("%%", "%"))
    assert any(f"{count} of 80" in said for count in range(55, 66)), said


@pytest.mark.parametrize("form", FORMATS)
def test_a_few_dates_written_otherwise_are_set_aside_and_never_read_as_nothing(dated, form):
    """From the thirteenth on, so that no date reads as another one of the other format."""
    table = admissions(form)
    others = [other for other in FORMATS if other != form]
    rows = [k for k in range(PEOPLE) if (FIRST + timedelta(days=5 * k)).day > 12][: len(others)]
    for row, other in zip(rows, others, strict=True):
        table.loc[row, "In"] = admissions(other)["In"][row]
    expected(dated(table, form).read(), [row + 1 for row in rows])


@pytest.mark.parametrize(
    ("written", "read"),
    [("%d/%m/%Y", "%m/%d/%Y"), ("%m/%d/%Y", "%d/%m/%Y")],
)
def test_days_and_months_the_other_way_round_are_refused(dated, refuses, written, read):
    refuses(dated(admissions(written), read), "day and month")


@pytest.mark.parametrize(
    ("written", "read"),
    [("%d/%m/%Y", "%m/%d/%Y"), ("%m/%d/%Y", "%d/%m/%Y"), ("%d.%m.%y", "%m.%d.%y")],
)
def test_they_are_refused_also_where_each_date_is_one_both_ways(dated, refuses, written, read):
    """Of eighty dates none lies after the twelfth of a month: so dates are not."""
    table = admissions(written)
    days = [date(2023 + k % 2, 1 + k % 12, 1 + (5 * k + k // 12) % 12) for k in range(PEOPLE)]
    table["In"] = table["Out"] = [day.strftime(written) for day in days]
    refuses(dated(table, read), "day and month")


def test_dates_kept_to_the_month_are_no_sign_of_that(dated):
    table = admissions("%m/%d/%Y")
    table["In"] = table["Out"] = [f"{1 + k % 12:02}/01/{2022 + k // 30}" for k in range(PEOPLE)]
    records = dated(table, "%m/%d/%Y").read()
    assert len(records.stays) == PEOPLE
    assert records.stays["admission_year"].value_counts().to_dict() == {
        2022: 30,
        2023: 30,
        2024: 20,
    }


def test_dates_kept_to_the_month_and_turned_round_are_refused(dated, refuses):
    """All in January, and of several years."""
    table = admissions()
    table["In"] = table["Out"] = [f"01/{1 + k % 12:02}/{2022 + k // 30}" for k in range(PEOPLE)]
    refuses(dated(table, "%m/%d/%Y"), "day and month")


NO_DATE = {
    "a day that no month has": "2023-02-30",
    "a month that no year has": "2023-13-01",
    "a date without strokes": "20230115",
    "a year alone": "2023",
    "a month alone": "2023-01",
    "a date with a time that the format has not": "2023-01-15 10:30",
    "a date as a spreadsheet counts": "45000",
    "a date as a computer counts": "1673740800",
    "NULL": "NULL",
    "a date of noughts": "0000-00-00",
    "a lone stroke": "-",
    "today": "today",
    "now": "now",
    "a date that was never entered": "1900-01-01",
    "a date that never comes": "9999-12-31",
    "a date after the cut": "2025-01-01",
    "a year of five digits": "12023-01-15",
}


@pytest.mark.parametrize("column", ["In", "Out"])
def test_cells_that_are_no_date_of_the_export_are_set_aside_and_not_read_as_nothing(dated, column):
    """An end among them is not read as a stay that goes on. Every value in a row of its own."""
    table = admissions()
    table.loc[: len(NO_DATE) - 1, column] = list(NO_DATE.values())
    study = dated(table)
    study.source["largest_quarantine"] = 1
    expected(study.read(), range(1, len(NO_DATE) + 1))


FORMATS_THAT_CANNOT_BE = {
    "no letter of strptime": "%Q-%m-%d",
    "a guess for each cell": "mixed",
    "any way of ISO": "ISO8601",
    "no day": "%Y-%m",
    "no year": "%m/%d",
    "a time alone": "%H:%M",
    "a lone percent sign": "%Y-%m-%",
    "nothing": "",
    "a time zone": "%Y-%m-%d%z",
}


@pytest.mark.parametrize("fault", FORMATS_THAT_CANNOT_BE)
def test_a_format_that_does_not_say_day_month_and_year_is_refused(dated, refuses, fault):
    refuses(dated(admissions(), FORMATS_THAT_CANNOT_BE[fault]), "protocol.source.calendar")


def test_dates_without_leave_are_refused_in_a_column_of_no_use_too(dated, refuses):
    study = dated(admissions().assign(Born="1980-01-31"))
    study.source["profile"] = {"method": "safe_harbor"}
    refuses(study, "protocol.source.calendar: safe_harbor lets no dates in")


def test_a_year_that_the_date_does_not_have_is_set_aside(dated):
    study = dated(admissions().assign(Year=[2023] * 7 + [2019] + [2023] * 65 + [2024] * 7))
    study.source["tables"]["stays"]["columns"]["admission_year"] = "Year"
    expected(study.read(), [8])
