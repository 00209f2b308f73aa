"""The page on the records: what it shows, what `check` prints of it, and what neither may tell."""

import re
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from iop_outcomes.records.anonymity import quasi_identifier_risk
from iop_outcomes.records.schema import empty_table
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import write_report
from iop_outcomes.report.quality_page import (
    anonymity_table,
    margins,
    missingness_table,
    places_table,
    quality_exhibits,
)
from iop_outcomes.report.quality_text import quality_text
from iop_outcomes.report.small_counts import is_small, with_complements

SAID = ("ledger", "broken_rules", "missingness", "anonymity")
few = settings(max_examples=40, deadline=None)
THRESHOLDS = st.sampled_from([11, 6])


@pytest.fixture(scope="module")
def gaps(drawn):
    """Missingness drawn as `variable | level_of_care | place | rows | missing | not_collected`."""
    return lambda text: drawn(text).assign(table="stays")


def shares(table: pd.DataFrame, **where) -> list:
    for column, value in where.items():
        table = table[table[column].fillna("all") == value]
    return [None if pd.isna(share) else share for share in table["share_missing"]]


# ---------------------------------------------------------------- missingness leaves as shares

PHQ9 = """
    variable | level_of_care | place | rows | missing | not_collected
    phq9     |               |       | 1000 | 100     | 0
    phq9     | outpatient    |       | 600  | 60      | 0
    phq9     | inpatient     |       | 300  | 25      | 0
    phq9     | intensive     |       | 100  | 15      | 0
    phq9     | outpatient    | IA    | 600  | 60      | 0
"""


def test_shares_are_told_by_level_and_never_by_level_and_place(gaps):
    shown = release(margins(gaps(PHQ9))).table
    assert shares(shown, place="all") == [0.1, 0.1, 0.083, 0.15]
    assert len(shown) == 4
    assert len(release(gaps(PHQ9)).table) == 4
    assert not {"rows", "missing", "not_collected"} & set(shown.columns)


def test_a_level_where_few_values_are_missing_is_hidden_and_another_with_it(gaps):
    few_missing = PHQ9.replace("300  | 25 ", "300  | 5  ").replace("600  | 60 ", "600  | 80 ")
    shown = release(margins(gaps(few_missing))).table
    assert shares(shown, place="all") == [0.1, 0.133, None, None]


def test_a_level_where_few_values_are_recorded_is_hidden(gaps):
    """297 of 300 are missing, so 3 are not."""
    few_known = PHQ9.replace("300  | 25 ", "300  | 297").replace("1000 | 100", "1000 | 372")
    shown = release(margins(gaps(few_known))).table
    assert shares(shown, place="all")[2] is None


def test_few_missing_values_altogether_hide_the_total_and_show_the_zeros(gaps):
    rare = """
        variable | level_of_care | place | rows | missing | not_collected
        phq9     |               |       | 1000 | 4       | 0
        phq9     | outpatient    |       | 600  | 0       | 0
        phq9     | inpatient     |       | 400  | 4       | 0
    """
    assert shares(release(margins(gaps(rare))).table) == [None, 0.0, None]


def test_what_was_hidden_is_counted(gaps):
    rare = PHQ9.replace("300  | 25 ", "300  | 5  ").replace("600  | 60 ", "600  | 80 ")
    assert release(margins(gaps(rare))).suppressed == 4


COUNT = st.one_of(st.integers(0, 14), st.integers(15, 60))
CELLS = st.lists(st.tuples(COUNT, COUNT, COUNT).filter(any), min_size=1, max_size=5)
PARTS = ["missing", "not_collected", "recorded"]


def missing_table(cells: list[tuple[int, int, int]], margin: str) -> pd.DataFrame:
    """Counts of one variable, for all rows and by the values of one margin."""
    table = pd.DataFrame([tuple(map(sum, zip(*cells, strict=True))), *cells], columns=PARTS)
    names = [None, *(f"{margin} {k}" for k in range(len(cells)))]
    other = "place" if margin == "level_of_care" else "level_of_care"
    return table.assign(
        **{margin: names, other: None}, table="stays", variable="phq9", rows=table.sum(axis=1)
    )


@few
@given(CELLS, st.sampled_from(["level_of_care", "place"]), THRESHOLDS)
def test_no_small_part_of_a_level_or_a_place_can_be_worked_out(cells, margin, k):
    """The attacker knows all shares that are told, and rows as a safe table would tell them."""
    table = missing_table(cells, margin)
    shown = release(margins(table), k).table
    hidden = shown["share_missing"].isna().to_numpy()
    parts, rows = table[PARTS], table["rows"]
    assert not is_small(parts[~hidden], k).any(axis=None), "a small part is shown"
    assert not is_small(rows[~hidden], k).any(), "shares of few rows are shown"
    inside = np.flatnonzero(hidden[1:]) + 1
    if hidden[0] or not len(inside):
        return  # no total is told, so no part is what others leave of it
    left = parts.loc[inside].sum()
    assert not is_small(left, k).any(), "together they are a small count"
    rows_hidden = with_complements(rows[1:], k)
    n = len(inside)
    equal = [np.tile(np.eye(3)[part], n) for part in range(3)]
    total = list(left)
    for place, cell in enumerate(inside):
        if not rows_hidden[cell]:
            equal.append(np.repeat(np.eye(n)[place], 3))
            total.append(rows[cell])
    for at, value in enumerate(parts.loc[inside].to_numpy().ravel()):
        if 0 < value < k:
            aim = np.eye(3 * n)[at]
            ends = [
                linprog(sign * aim, A_eq=equal, b_eq=total, bounds=(0, None)).fun
                for sign in (1, -1)
            ]
            low, high = ends[0], -ends[1]
            assert high - low >= 1 - 1e-9, f"{value} can only be {low:g}"


@few
@given(CELLS, THRESHOLDS)
def test_nothing_is_hidden_where_nothing_is_small(cells, k):
    table = missing_table(
        [tuple(n if not 0 < n < k else 0 for n in cell) for cell in cells], "place"
    )
    table = table[table["rows"] > 0]
    assert not release(margins(table), k).table["share_missing"].isna().any()


# ---------------------------------------------------------------- k-anonymity leaves as bounds


def risk(groups: list[int], columns=("sex", "state")) -> pd.DataFrame:
    """The risk of people in groups of these sizes, told apart by two columns."""
    people = [(k % 2, k) for k, size in enumerate(groups) for _ in range(size)]
    return quasi_identifier_risk(pd.DataFrame(people, columns=list(columns)), columns)


@pytest.mark.parametrize(
    ("smallest", "told"), [(1, "below 5"), (4, "below 5"), (5, "5 or more"), (10, "5 or more"),
                           (11, "11"), (40, "40")]
)  # fmt: skip
def test_the_smallest_group_is_told_as_a_bound_below_the_smallest_count(smallest, told, protocol):
    shown = anonymity_table(release(risk([50, smallest])).table, protocol)
    assert shown.table["Smallest group, people"].tolist()[0] == told


def test_shares_are_rounded_up_to_steps_of_enough_people():
    """2 of 500 people are alone: 0.4 per cent; steps of 4 per cent are 20 people, of 2 only 10."""
    shown = release(risk([249, 249, 1, 1])).table
    assert shown["share_unique"].tolist()[0] == 0.04
    thousands = release(risk([4999, 4999, 1, 1])).table
    assert thousands["share_unique"].tolist()[0] == 0.01


def test_nobody_alone_is_told_as_nobody():
    assert release(risk([249, 251])).table["share_unique"].tolist() == [0, 0, 0]


def test_of_few_people_nothing_is_told():
    shown = release(risk([3, 4])).table
    assert shown.drop(columns="without").isna().all(axis=None)


def test_the_number_of_people_is_not_told():
    assert "n" not in release(risk([50, 40])).table.columns


@few
@given(st.lists(st.integers(1, 60), min_size=2, max_size=30), THRESHOLDS)
def test_whatever_share_is_told_as_many_counts_could_be_behind_it_as_the_smallest_count(groups, k):
    """Of n people, the counts told as p per cent lie above p - s and up to p per cent."""
    table, n = risk(groups), sum(groups)
    shown = release(table, k).table
    for column in ("share_unique", "share_below_5", "share_below_11") if n >= k else ():
        told = (100 * shown[column].astype(float)).round().astype(int)
        steps = sorted({*told} - {0})
        for people, per_cent in zip((table[column] * n).round().astype(int), told, strict=True):
            assert (people == 0) == (per_cent == 0)
            assert people <= Fraction(per_cent * n, 100)
            width = next(s for s in (1, 2, 4, 5, 10, 20, 25, 50, 100) if s * n >= 100 * k)
            assert people == 0 or people > Fraction((per_cent - width) * n, 100)
            assert all(step % width == 0 for step in steps)


# ---------------------------------------------------------------- ledger


def test_the_ledger_of_several_files_is_told_without_their_names(drawn):
    """The rules tell that 25 rows were set aside in all: 20 beside it would tell the 5."""
    ledger = drawn("""
        table | file           | read | accepted | duplicates | quarantined
        stays | north/2020.csv | 1000 | 980      | 0          | 20
        stays | north/2021.csv | 2005 | 2000     | 0          | 5
    """)
    shown = release(ledger).table
    assert shown["table"].tolist() == ["stays, file 1", "stays, file 2"]
    assert shown["quarantined"].isna().all()
    assert "north" not in shown.to_csv()


def test_the_ledger_of_one_file_keeps_the_name_of_its_table(drawn):
    ledger = drawn("""
        table   | file | read | accepted | duplicates | quarantined
        persons | a    | 50   | 50       | 0          | 0
        stays   | b    | 90   | 50       | 0          | 40
    """)
    assert release(ledger).table["table"].tolist() == ["persons", "stays"]


# ---------------------------------------------------------------- the page


def test_missingness_is_set_by_level_of_care_in_the_order_of_the_levels(gaps, protocol):
    table = gaps("""
        variable | level_of_care        | place | rows | missing | not_collected
        phq9     |                      |       | 1000 | 100     | 0
        phq9     | outpatient           |       | 600  | 60      | 0
        phq9     | intensive outpatient |       | 400  | 40      | 0
        sex      |                      |       | 1000 | 0       | 0
        sex      | outpatient           |       | 600  | 0       | 0
        sex      | intensive outpatient |       | 400  | 0       | 0
        income   |                      |       | 1000 | 200     | 400
        income   | outpatient           |       | 600  | 200     | 0
        income   | intensive outpatient |       | 400  | 0       | 400
        state    |                      |       | 1000 | 1000    | 0
        state    | outpatient           |       | 600  | 600     | 0
        state    | intensive outpatient |       | 400  | 400     | 0
    """)
    exhibit = missingness_table(release(margins(table)).table, protocol)
    assert exhibit.table.to_dict("records") == [
        {"Variable": "PHQ-9 score", "all": "10.0", "intensive outpatient": "10.0",
         "outpatient": "10.0"},
        {"Variable": "income", "all": "20.0 (40.0)", "intensive outpatient": "0.0 (100.0)",
         "outpatient": "33.3"},
    ]  # fmt: skip
    assert exhibit.note.startswith("Recorded in every row: sex. Recorded in no row: state. Per")


def test_a_place_stands_out_at_twice_the_share_and_ten_points_more(gaps, protocol):
    """Everywhere 10 per cent: 25 stands out, 19 and 12 do not; 2 against 1 per cent is no gap."""
    table = gaps("""
        variable | level_of_care | place | rows | missing | not_collected
        phq9     |               |       | 2000 | 200     | 0
        phq9     |               | IA    | 400  | 100     | 0
        phq9     |               | OH    | 300  | 57      | 0
        phq9     |               | NV    | 300  | 36      | 0
        phq9     |               | WA    | 1000 | 0       | 0
        sex      |               |       | 2000 | 20      | 0
        sex      |               | IA    | 1000 | 20      | 0
        sex      |               | OH    | 1000 | 0       | 0
    """)
    exhibit = places_table(release(margins(table)).table, protocol)
    assert exhibit.table.to_numpy().tolist() == [["PHQ-9 score", "IA", "25.0", "10.0"]]


def test_each_thing_known_has_a_line_of_its_own(protocol):
    exhibit = anonymity_table(release(risk([50, 50])).table, protocol)
    assert exhibit.table["Known"].tolist() == [
        "all of these: sex; state", "all but sex", "all but state"
    ]  # fmt: skip


def test_the_report_has_the_page(files):
    page = files["report.html"]
    section = page[page.index('<section id="records">') : page.index('<section id="cohort">')]
    for name in ("ledger", "rules", "missingness", "missing_places", "anonymity"):
        assert f'<table id="{name}">' in section
        assert f"tables/{name}.csv" in files


def test_the_facility_that_did_not_ask_stands_out(files):
    assert "employed,F007,100.0" in files["tables/missing_places.csv"]


def test_numbers_leave_as_shares_and_bounds(released_tables, files):
    tables = released_tables(files)
    assert not {"rows", "missing", "n"} & {*tables["missingness"], *tables["anonymity"]}


def test_records_that_say_nothing_of_themselves_have_a_page_without_tables(findings, protocol):
    silent = replace(findings, **{name: empty_table(name) for name in SAID})
    page = write_report(silent, protocol).files["report.html"]
    section = page[page.index('<section id="records">') : page.index('<section id="cohort">')]
    assert "<table" not in section
    assert "<p>" in section


# ---------------------------------------------------------------- check


def text_of(findings, protocol) -> str:
    return quality_text(**{name: getattr(findings, name) for name in SAID}, protocol=protocol)


def test_check_prints_the_same_exhibits_in_aligned_columns(findings, protocol):
    text = text_of(findings, protocol)
    shown = {
        **{name: release(getattr(findings, name)) for name in SAID},
        "missingness": release(margins(findings.missingness)),
    }
    for exhibit in quality_exhibits(shown, protocol):
        lines = text[text.index(exhibit.caption) :].split("\n\n")[1].splitlines()
        for line, cells in zip(lines[-len(exhibit.table) :], exhibit.table.to_numpy(), strict=True):
            said = [cell.replace("\u202f", " ") for cell in cells if cell]
            assert re.split("  +", line.strip()) == said


def test_numbers_stand_below_each_other_and_their_header_ends_where_they_do(findings, protocol):
    lines = text_of(findings, protocol).split("\n\n")[1].splitlines()
    for name in ("Rows read", "Accepted", "Duplicates", "Set aside"):
        end = lines[0].index(name) + len(name)
        assert all(line[end - 1].isdigit() or line[end - 1] == "–" for line in lines[1:])


def test_headers_of_levels_of_care_are_broken_into_lines(findings, protocol):
    text = text_of(findings, protocol)
    block = text[text.index("What was not recorded") :].split("\n\n")[1]
    assert max(map(len, block.splitlines())) <= 100


def test_check_tells_no_small_count(findings, protocol, drawn):
    small = drawn("""
        table | rule                              | severity   | rows
        stays | a stay that ends before it starts | quarantine | 3
    """)
    text = text_of(replace(findings, broken_rules=small), protocol)
    line = next(line for line in text.splitlines() if line.startswith("a stay that ends before"))
    assert line.endswith("–")


def test_check_of_records_without_rows_to_judge_says_so(findings, protocol):
    silent = replace(findings, **{name: empty_table(name) for name in SAID})
    assert text_of(silent, protocol) == "The records say nothing of the rows they were made from."
