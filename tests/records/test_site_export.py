"""A site's export: one CSV file for each canonical table."""

import hashlib

import pandas as pd
import pytest

from iop_outcomes.records.ingestion import check_source
from iop_outcomes.records.schema import TABLES
from iop_outcomes.records.simulation import simulate_records

PERSONS = """
    person_id | first_observed_day | last_observed_day
    P         | 0                  | 180
"""
STAYS = """
    stay_id | person_id | facility_id | level_of_care | start_day | end_day | exit_reason | beck
    S1      | P         | 7           | outpatient    | 0         | 30      | completed   | 12
    S2      | P         | 7           | inpatient     | 90        |         |             |
"""
EVENTS = """
    person_id | day | kind
    P         | 12  | return to use
"""


@pytest.fixture(scope="module")
def simulated():
    return simulate_records(300, seed=11)


@pytest.fixture
def site(export, drawn):
    """The folder of a site that exported these tables; its stays have a few columns more."""

    def of(stays=STAYS, **tables):
        folder = export(persons=PERSONS, **tables)
        whole = drawn(stays).assign(admission_year=2023, age_years=40, sex=["female", None])
        whole.to_csv(folder / "stays.csv", index=False)
        return folder

    return of


def test_what_was_exported_is_what_is_read(simulated, raw, read):
    """The full round trip: records, CSV, records."""
    for name in ("persons", "stays", "scores", "events"):
        getattr(simulated, name).to_csv(raw / f"{name}.csv", index=False)
    again = read(raw, kind="site_export")
    for name in TABLES:
        # How they were read, and what of that is told, is not what they say.
        if name not in {"provenance", "ledger", "broken_rules", "missingness", "anonymity"}:
            pd.testing.assert_frame_equal(
                getattr(again, name), getattr(simulated, name), check_dtype=name != "stays"
            )


def test_canonical_columns_come_back_with_their_types(simulated, raw, read):
    for name in ("persons", "stays"):
        getattr(simulated, name).to_csv(raw / f"{name}.csv", index=False)
    stays = read(raw, kind="site_export").stays[list(TABLES["stays"])]
    pd.testing.assert_frame_equal(stays, simulated.stays[list(TABLES["stays"])])


def test_covariates_are_numbers_where_every_recorded_cell_is_one(site, read):
    stays = read(site(), kind="site_export").stays
    assert (str(stays["beck"].dtype), str(stays["sex"].dtype)) == ("Float64", "str")
    assert stays["beck"].iloc[0] == 12
    assert stays["beck"].isna().tolist() == stays["sex"].isna().tolist() == [False, True]


def test_codes_of_facilities_stay_as_written(site, read):
    stays = read(site(), kind="site_export").stays
    assert stays["facility_id"].tolist() == ["7", "7"]


def test_the_tables_a_site_does_not_have_are_empty(site, read):
    records = read(site(), kind="site_export")
    assert not any(
        len(getattr(records, name)) for name in ("services", "tests", "scores", "events")
    )
    assert records.provenance["file"].tolist() == ["persons.csv", "stays.csv"]


def test_a_table_with_a_header_alone_says_that_nobody_had_any(site, read):
    folder = site(events="person_id | day | kind")
    records = read(folder, kind="site_export")
    assert len(records.events) == 0
    assert records.provenance.set_index("file")["rows"].to_dict() == {
        "persons.csv": 1,
        "stays.csv": 2,
        "events.csv": 0,
    }


@pytest.mark.parametrize("lacking", ["persons", "stays"])
def test_persons_and_stays_must_be_there(site, read, refusal, lacking):
    folder = site()
    (folder / f"{lacking}.csv").unlink()
    message = refusal(read, folder, kind="site_export")
    assert message.startswith(f"{folder / lacking}.csv is not there; ")


@pytest.mark.parametrize("name", ["persons", "stays"])
def test_persons_and_stays_must_have_rows(site, read, refusal, name):
    path = site() / f"{name}.csv"
    path.write_text(path.read_text("utf-8").splitlines()[0] + "\n", "utf-8")
    message = refusal(read, path.parent, kind="site_export")
    assert message.endswith(f"{name}.csv has a header and no rows; export it again")


def test_a_missing_folder_is_named(raw, read, refusal):
    message = refusal(read, raw, kind="site_export", folder="site_b")
    assert str(raw / "site_b") in message


def test_the_files_may_lie_in_a_folder_below(site, read, raw):
    folder = site()
    below = raw / "site_b"
    below.mkdir()
    for path in folder.glob("*.csv"):
        path.rename(below / path.name)
    records = read(raw, kind="site_export", folder="site_b")
    assert records.provenance["file"].tolist() == ["site_b/persons.csv", "site_b/stays.csv"]


def test_provenance_counts_the_rows_and_fingerprints_the_bytes_of_every_file(site, read):
    folder = site(events=EVENTS)
    provenance = read(folder, kind="site_export").provenance.set_index("file")
    assert provenance["rows"].to_dict() == {"persons.csv": 1, "stays.csv": 2, "events.csv": 1}
    for name, fingerprint in provenance["sha256"].items():
        assert fingerprint == hashlib.sha256((folder / name).read_bytes()).hexdigest()


def test_a_column_short_in_any_table_is_named(site, read, refusal):
    folder = site(events="person_id | day\nP | 3")
    assert "events.csv lacks the column(s) ['kind']" in refusal(read, folder, kind="site_export")


def test_a_word_that_the_records_do_not_know_is_never_quoted(site, read, refusal):
    folder = site(stays=STAYS.replace("outpatient ", "Zebediah "))
    message = refusal(read, folder, kind="site_export")
    assert message.startswith(
        "stays: 1 of 2 rows cannot be so, most often level_of_care is no word that the records "
        "know (1, the first is row 1); it may be one of ['withdrawal management', "
    )
    found = read(folder, kind="site_export", largest_quarantine=0.5)
    assert "Zebediah" not in message + found.quarantine.to_csv() + found.broken_rules.to_csv()
    assert found.stays["stay_id"].tolist() == ["S2"]


def test_events_of_someone_who_is_not_in_persons_are_counted(site, read, refusal):
    folder = site(events=EVENTS + "    R | 3 | death")
    message = refusal(read, folder, kind="site_export")
    assert message.startswith("events: 1 of 2 rows cannot be so, most often a row of events whose")
    found = read(folder, kind="site_export", largest_quarantine=0.5)
    assert found.quarantine.to_dict("records") == [
        {
            **{"table": "events", "file": "events.csv", "row": 2},
            "rule": "a row of events whose person is not in persons",
        }
    ]


BAD_CELLS = """
    person_id | day | kind
    P         | 12  | return to use
    P         | 1.5 | overdose
    P         | x   | overdose
    P         |     | overdose
    P         | 3   | relapse
              | 3   | overdose
    P         | 12  | return to use
"""


def test_a_cell_that_breaks_its_contract_sets_its_row_aside(site, read):
    found = read(site(events=BAD_CELLS), kind="site_export", largest_quarantine=1)
    assert found.quarantine.set_index("row")["rule"].sort_index().to_dict() == {
        2: "day is no whole number",
        3: "day is no number",
        4: "day is empty",
        5: "kind is no word that the records know",
        6: "person_id is empty",
    }
    ledger = found.ledger.set_index("table").loc["events"]
    assert ledger.tolist() == ["events.csv", 7, 1, 1, 5]
    assert found.events["day"].tolist() == [12]


def test_two_rows_that_tell_different_things_of_one_person_are_both_set_aside(export, read):
    persons = """
        person_id | first_observed_day | last_observed_day
        P         | 0                  | 180
        P         | 0                  | 180
        Q         | 0                  | 90
        Q         | 0                  | 91
    """
    stays = "\n".join(
        [
            "stay_id | person_id | facility_id | level_of_care | start_day | end_day | exit_reason"
            " | admission_year | age_years",
            *(f"S{k} | {who} | 7 | outpatient | 0 | 9 | | 2023 | 40" for k, who in enumerate("PQ")),
        ]
    )
    found = read(export(persons=persons, stays=stays), kind="site_export", largest_quarantine=0.5)
    assert found.quarantine[["table", "row", "rule"]].to_numpy().tolist() == [
        ["persons", 3, "person_id stands in several rows that differ"],
        ["persons", 4, "person_id stands in several rows that differ"],
        ["stays", 2, "a row of stays whose person is not in persons"],
    ]
    assert found.ledger.set_index("table").loc["persons"].tolist() == ["persons.csv", 4, 1, 1, 2]


def test_one_bad_cell_in_ten_thousand_rows_costs_one_row(simulated, raw, read):
    for name in ("persons", "stays"):
        getattr(simulated, name).to_csv(raw / f"{name}.csv", index=False)
    lines = (raw / "stays.csv").read_text("utf-8").splitlines()
    header, rows = lines[0], lines[1:]
    level = header.split(",").index("level_of_care")
    many = [row.split(",") for row in rows * -(-10_000 // len(rows))][:10_000]
    for number, row in enumerate(many):
        row[0] = f"S{number}"
        row[header.split(",").index("facility_id")] = f"F{number // len(rows)}"
    many[4711][level] = "unknowable"
    (raw / "stays.csv").write_text("\n".join([header, *map(",".join, many)]) + "\n", "utf-8")
    found = read(raw, kind="site_export")
    assert found.quarantine[["table", "row"]].to_numpy().tolist() == [["stays", 4712]]
    assert len(found.stays) == 9_999


def test_the_report_of_what_is_missing_comes_with_the_records(site, read):
    found = read(site(), kind="site_export")
    exits = found.missingness.query("variable == 'exit_reason' and place.isna()")
    assert exits[["level_of_care", "rows", "missing"]].fillna("all").to_numpy().tolist() == [
        ["all", 2, 1],
        ["inpatient", 1, 1],
        ["outpatient", 1, 0],
    ]
    assert found.anonymity["smallest_group"].tolist()[0] == 1


def test_a_rule_of_quality_that_there_is_not_names_those_that_there_are(refusal):
    message = refusal(check_source, {"kind": "site_export", "quality": {"ends_befor_start": {}}})
    assert "unknown rule `ends_befor_start`; known are [" in message
    assert "'ends_before_start'" in message
