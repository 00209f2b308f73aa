"""Every row read is accepted, a duplicate, or set aside under a rule; and the ledger proves it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iop_outcomes.records.quality import RULES, set_aside
from iop_outcomes.records.schema import conform
from iop_outcomes.records.simulation import simulate_records

PERSONS = """
    person_id | first_observed_day | last_observed_day
    P         | 0                  | 100
    Q         | 0                  | 50
"""


@pytest.fixture(scope="session")
def sort(drawn):
    """Set aside what cannot be so in tables drawn with bars; nothing is too much."""

    def of(largest_share=1.0, **tables):
        tables = {"persons": PERSONS, **tables}
        found = {}
        for name, text in tables.items():
            table = drawn(text)
            if name == "stays":
                table = table.assign(
                    **{
                        column: None
                        for column in ("facility_id", "exit_reason", "admission_year", "age_years")
                    }
                )
                table.insert(0, "stay_id", [f"S{k}" for k in range(len(table))])
            found[name] = conform(name, table)
        return set_aside(found, largest_share)

    return of


def broken(sorted_rows, table):
    rows = sorted_rows.quarantine
    return rows[rows["table"] == table][["row", "rule"]].to_numpy().tolist()


def test_rows_that_cannot_be_so_go_to_quarantine_with_their_rule_and_row(sort):
    found = sort(
        stays="""
            person_id | level_of_care        | start_day | end_day
            P         | intensive outpatient | 0         | 30
            P         | outpatient           | 40        | 39
            Q         | outpatient           | 51        | 60
            R         | outpatient           | 0         | 5
        """
    )
    assert broken(found, "stays") == [
        [4, "a row of stays whose person is not in persons"],
        [2, "a stay that ends before it starts"],
        [3, "a stay that starts after the last observed day"],
    ]
    assert found.tables["stays"]["start_day"].tolist() == [0]
    assert found.broken_rules["rows"].tolist() == [1, 1, 1]
    assert set(found.broken_rules["severity"]) == {"quarantine"}


def test_what_happens_after_death_cannot_have_happened(sort):
    found = sort(
        stays="""
            person_id | level_of_care | start_day | end_day
            P         | outpatient    | 0         | 20
            P         | outpatient    | 21        | 30
        """,
        services="""
            person_id | day | service | hours
            P         | 20  | group   | 3
            P         | 22  | group   | 3
        """,
        events="""
            person_id | day | kind
            P         | 20  | death
        """,
    )
    assert broken(found, "stays") == [[2, "a stay that starts after death"]]
    assert broken(found, "services") == [[2, "a session after death"]]


def test_an_event_after_the_last_observed_day_is_set_aside(sort):
    found = sort(
        stays="person_id | level_of_care | start_day | end_day\nP | outpatient | 0 | 9",
        events="person_id | day | kind\nP | 100 | overdose\nP | 101 | overdose",
    )
    assert broken(found, "events") == [[2, "an event after the last observed day"]]


def test_a_row_that_stands_twice_counts_once_whatever_its_own_number(sort):
    found = sort(
        stays="""
            person_id | level_of_care | start_day | end_day
            P         | outpatient    | 0         | 9
            P         | outpatient    | 0         | 9
            P         | outpatient    | 0         | 8
        """
    )
    ledger = found.ledger.set_index("table").loc["stays"]
    assert ledger.tolist() == [3, 2, 1, 0]


def test_oddities_that_happen_are_counted_and_left_where_they_are(sort):
    found = sort(
        stays="""
            person_id | level_of_care          | start_day | end_day
            P         | short-term residential | 0         | 20
            P         | inpatient              | 10        | 12
            P         | intensive outpatient   | 11        | 40
            Q         | short-term residential | 0         | 20
            Q         | inpatient              | 20        | 25
        """,
        services="person_id | day | service | hours\nP | 39 | group | 3\nP | 41 | group | 3",
    )
    assert len(found.quarantine) == 0
    assert found.broken_rules.to_numpy().tolist() == [
        ["stays", "two stays by day and night at once", "warning", 1],
        ["services", "a session outside any stay", "warning", 1],
    ]


def test_an_export_that_is_mostly_wrong_is_refused_whole(sort, refusal):
    stays = """
        person_id | level_of_care | start_day | end_day
        P         | outpatient    | 9         | 0
        P         | outpatient    | 8         | 10
    """
    message = refusal(sort, 0.4, stays=stays)
    assert message.startswith(
        "stays: 1 of 2 rows cannot be so, most often a stay that ends before it starts (1)"
    )


def test_simulated_records_break_no_rule():
    records = simulate_records(800, seed=4)
    tables = {name: getattr(records, name) for name in ("persons", "stays", "scores", "events")}
    found = set_aside(tables, largest_share=0)
    assert len(found.quarantine) == 0
    assert found.ledger["duplicates"].sum() == 0
    for name, table in tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table)


def test_every_rule_has_a_name_of_its_own():
    names = [rule.name for rule in RULES]
    assert len(set(names)) == len(names)


@given(st.integers(0, 10_000))
def test_every_row_is_accounted_for_whatever_is_wrong(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 30))
    stays = pd.DataFrame(
        {
            "stay_id": [f"S{k}" for k in range(n)],
            "person_id": rng.choice(["P", "Q", "R"], n),
            "facility_id": None,
            "level_of_care": rng.choice(["outpatient", "inpatient"], n),
            "start_day": rng.integers(0, 4, n),
            "end_day": pd.array(rng.integers(0, 4, n), "Int64"),
            "exit_reason": None,
            "admission_year": None,
            "age_years": None,
        }
    )
    persons = pd.DataFrame(
        {"person_id": ["P", "Q"], "first_observed_day": 0, "last_observed_day": [3, 2]}
    )
    tables = {"persons": conform("persons", persons), "stays": conform("stays", stays)}
    found = set_aside(tables, largest_share=1)
    for row in found.ledger.itertuples():
        assert row.read == row.accepted + row.duplicates + row.quarantined
        assert row.accepted == len(found.tables[row.table])
    again = set_aside(found.tables, largest_share=0)
    assert again.ledger["accepted"].tolist() == found.ledger["accepted"].tolist()
