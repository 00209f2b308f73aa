"""What was not recorded, counted by hand and on two engines."""

import duckdb
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.records.quality.accounting import anonymity_of
from iop_outcomes.records.quality.missingness import (
    NOT_RECORDED,
    UNASKED,
    missingness,
    missingness_of,
)
from iop_outcomes.records.schema import MISSINGNESS

STAYS = """
    level_of_care        | state | sex    | phq9 | homeless
    intensive outpatient | IA    | female | 9    | not collected
    intensive outpatient | IA    |        |      | not collected
    intensive outpatient | OH    | male   |      |
    inpatient            | OH    |        | 12   | yes
    inpatient            |       | male   | 3    | no
"""
INTENSIVE = "intensive outpatient"
# variable | level | place | rows | missing | not collected, as counted in the table above.
SEX = {
    ("all", "all"): (5, 2, 0),
    (INTENSIVE, "all"): (3, 1, 0),
    ("inpatient", "all"): (2, 1, 0),
    ("all", "IA"): (2, 1, 0),
    ("all", "OH"): (2, 1, 0),
    ("all", NOT_RECORDED): (1, 0, 0),
    (INTENSIVE, "IA"): (2, 1, 0),
    (INTENSIVE, "OH"): (1, 0, 0),
    ("inpatient", "OH"): (1, 1, 0),
    ("inpatient", NOT_RECORDED): (1, 0, 0),
}


def counts(found: pd.DataFrame, variable: str) -> dict[tuple, tuple]:
    rows = found[found["variable"] == variable].astype(object).fillna("all")
    return {
        (row.level_of_care, row.place): (row.rows, row.missing, row.not_collected)
        for row in rows.itertuples()
    }


def relation(table: pd.DataFrame, connection):
    return connection.from_arrow(pa.Table.from_pandas(table, preserve_index=False))


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as opened:
        yield opened


@pytest.fixture(params=["pandas", "duckdb"])
def engine(request, connection):
    """A table as a frame of each engine."""
    return (lambda table: table) if request.param == "pandas" else lambda t: relation(t, connection)


def test_missing_values_are_counted_by_level_of_care_and_place(engine, drawn):
    assert counts(missingness(engine(drawn(STAYS)), place="state"), "sex") == SEX


def test_what_nobody_asked_for_is_told_apart_from_what_nobody_wrote_down(engine, drawn):
    found = counts(missingness(engine(drawn(STAYS)), place="state"), "homeless")
    assert found["all", "all"] == (5, 1, 2)
    assert found[INTENSIVE, "all"] == (3, 1, 2)
    assert found["all", "IA"] == (2, 0, 2)


def test_numbers_words_and_categories_are_counted_alike(drawn):
    stays = drawn(STAYS)
    expected = missingness(stays, place="state")
    for kind in ("category", object):
        again = missingness(stays.astype(dict.fromkeys(["sex", "homeless"], kind)), place="state")
        pd.testing.assert_frame_equal(again, expected)
    assert counts(expected, "phq9")["all", "all"] == (5, 2, 0)


def test_the_place_itself_may_be_missing(drawn):
    found = counts(missingness(drawn(STAYS), place="state"), "state")
    assert (found["all", "all"], found["inpatient", "all"]) == ((5, 1, 0), (2, 1, 0))


def test_without_a_level_or_a_place_all_rows_are_told_together(engine):
    services = pd.DataFrame({"person_id": ["P", "Q"], "day": 1, "service": "x", "hours": [2, None]})
    found = missingness(engine(services), "services")
    assert found.drop(columns=["level_of_care", "place"]).to_numpy().tolist() == [
        ["services", "hours", 2, 1, 0]
    ]
    assert found[["level_of_care", "place"]].isna().all(axis=None)


def test_what_a_contract_never_leaves_empty_is_not_counted(stays):
    assert set(missingness(stays)["variable"]) == {
        "facility_id", "end_day", "exit_reason", "admission_year", "age_years"
    }  # fmt: skip


def test_tables_without_rows_have_nothing_missing(stays):
    empty = missingness_of({"stays": stays[:0]})
    assert list(empty.columns) == list(MISSINGNESS)
    assert len(empty) == 0


def test_stays_are_told_apart_by_facility_and_else_by_state(stays):
    by_facility = missingness_of({"stays": stays})
    assert set(by_facility["place"].dropna()) == {"F1"}
    by_state = missingness_of({"stays": stays.assign(facility_id=None, state="IA")})
    assert set(by_state["place"].dropna()) == {"IA"}
    nowhere = missingness_of({"stays": stays.assign(facility_id=None)})
    assert nowhere["place"].isna().all()


CELL = st.sampled_from(["a", "not collected", "not in this file", None])
ROW = st.tuples(st.sampled_from(["inpatient", "outpatient"]), st.sampled_from(["F1", None]),
                CELL, CELL, st.one_of(st.none(), st.floats(0, 9)))  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(st.lists(ROW, min_size=1, max_size=30))
def test_the_parts_of_any_table_add_up_and_engines_agree(rows):
    columns = ["level_of_care", "facility_id", "sex", "race", "phq9"]
    table = pd.DataFrame(rows, columns=columns).astype({"phq9": "Float64", "facility_id": "str"})
    found = missingness(table, place="facility_id")
    with duckdb.connect() as opened:
        pd.testing.assert_frame_equal(
            missingness(relation(table, opened), place="facility_id"), found
        )
    numbers = ["rows", "missing", "not_collected"]
    for variable, cells in found.groupby("variable"):
        level, place = cells["level_of_care"].notna(), cells["place"].notna()
        total = cells.loc[~level & ~place, numbers].iloc[0]
        assert total["rows"] == len(table)
        assert total["missing"] == table[variable].isna().sum()
        assert total["not_collected"] == table[variable].isin(UNASKED).sum()
        for part in (level & ~place, ~level & place, level & place):
            assert cells.loc[part, numbers].sum().tolist() == total.tolist()


# ---------------------------------------------------------------- k-anonymity of the records


def test_people_are_told_apart_by_what_is_recorded_at_their_first_stay(drawn):
    """Q and R are alike: 25 to 29, female. P's later stay does not count."""
    stays = drawn("""
        stay_id | person_id | start_day | age_years | sex    | race | facility_id
        S1      | P         | 9         | 25        | female |      |
        S2      | P         | 0         | 24        | female |      |
        S3      | Q         | 0         | 25        | female |      |
        S4      | R         | 0         | 29        | female |      |
    """)
    persons = pd.DataFrame({"person_id": ["P", "Q", "R"]})
    risk = anonymity_of(persons, stays)
    assert risk["without"].fillna("nothing").tolist() == ["nothing", "age_band", "sex"]
    assert risk["smallest_group"].tolist() == [1, 3, 1]
    assert risk["share_unique"].tolist() == [1 / 3, 0, 1 / 3]


def test_what_is_known_of_the_person_counts_before_what_is_known_of_the_stay(drawn):
    stays = drawn("person_id | start_day | sex\nP | 0 | female\nQ | 0 | female")
    persons = pd.DataFrame({"person_id": ["P", "Q"], "sex": ["female", "male"]})
    assert anonymity_of(persons, stays)["smallest_group"].tolist() == [1, 2]


def test_an_age_that_was_not_recorded_has_no_band(drawn):
    stays = drawn("person_id | start_day | age_years\nP | 0 | 40\nQ | 0 |\nR | 0 |")
    persons = pd.DataFrame({"person_id": ["P", "Q", "R"]})
    assert anonymity_of(persons, stays)["smallest_group"].tolist() == [1, 3]


def test_records_without_quasi_identifiers_have_no_anonymity_to_tell(drawn):
    stays = drawn("person_id | start_day | phq9\nP | 0 | 9")
    assert len(anonymity_of(pd.DataFrame({"person_id": ["P"]}), stays)) == 0
