"""Identifiers planted one by one in a harmless table are found, and never repeated."""

import re

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import IdentifierError
from iop_outcomes.records.deidentification import refuse_identifiers
from iop_outcomes.records.deidentification.cells import distinct_cells
from iop_outcomes.records.deidentification.identifiers import Identifier

ROWS = 24


@pytest.fixture(scope="module")
def harmless():
    """A table with nothing in it that points at anyone."""
    number = range(ROWS)
    return pd.DataFrame(
        {
            "person_id": [f"P{n:06d}" for n in number],
            "facility_id": [f"F{n % 4:03d}" for n in number],
            "level_of_care": ["intensive outpatient", "residential"] * (ROWS // 2),
            "start_day": [str(7 * n - 30) for n in number],
            "admission_year": ["2022", "2023", "2024"] * (ROWS // 3),
            "reason": ["Dropped out of treatment", "Treatment completed"] * (ROWS // 2),
            "diagnosis": ["F10.20", "F11.20", "F14.10", "303.90"] * (ROWS // 4),
        },
        dtype="str",
    )


def planted(table, row, column, cell):
    """The table with one cell more: a column in the middle, empty, and coded around the row."""
    values = pd.Series([None, "1", "2"] * (ROWS // 3), dtype="str")
    values[row] = cell
    other = table.drop(columns=column, errors="ignore")
    other.insert(row % other.shape[1], column, values)
    return other


PLANTED = """
    row | column             | cell                                          | kind
    0   | anything           | 123-45-6789                                   | social security
    1   | score              | 123 45 6789                                   | social security
    2   | other_id           | 123456789                                     | social security
    3   | answer             | her ssn is 123-45-6789.                       | social security
    4   | answer             | xxx-xx-6789                                   | social security
    5   | answer             | 123–45–6789                                   | social security
    6   | reason_code        | 555-123-4567                                  | telephone
    7   | answer             | (555) 123-4567                                | telephone
    8   | answer             | (555)123-4567                                 | telephone
    9   | answer             | +1 555 123 4567                               | telephone
    10  | answer             | 1-555-123-4567                                | telephone
    11  | answer             | 555.123.4567                                  | telephone
    12  | answer             | 5552234567                                    | telephone
    13  | answer             | +44 20 7946 0958                              | telephone
    14  | answer             | 555-123-4567 ext. 12                          | telephone
    15  | answer             | call 555-123-4567 first                       | telephone
    16  | call_back          | 555-0143                                      | telephone
    17  | answer             | zebediah@example.org                          | e-mail
    18  | answer             | write to zeb.quill+x@mail.example.co.uk, soon | e-mail
    19  | answer             | zeb [at] example [dot] org                    | e-mail
    20  | answer             | ＺＥＢ＠example.org                           | e-mail
    21  | start_day          | 2024-01-31                                    | dates
    22  | answer             | 2024/1/31                                     | dates
    23  | answer             | 1/31/24                                       | dates
    0   | answer             | 1/31/2024                                     | dates
    1   | answer             | 31.01.2024                                    | dates
    2   | answer             | 31 Jan 2024                                   | dates
    3   | answer             | January 31st, 2024                            | dates
    4   | answer             | 31JAN2024:08:15:00                            | dates
    5   | answer             | 2024-01-31T08:15:00Z                          | dates
    6   | answer             | 20240131T081500                               | dates
    7   | answer             | 20240131081500                                | dates
    8   | answer             | relapsed on 2024-01-31                        | dates
    9   | answer             | 2024-01                                       | dates
    10  | answer             | Jan 2024                                      | dates
    11  | answer             | 2024Q1                                        | dates
    12  | answer             | 31 de enero de 2024                           | dates
    13  | admission_date     | 20240131                                      | dates
    14  | DischargeDate      | 45322                                         | dates
    15  | date               | 45322.34                                      | dates
    16  | seen_at            | 1706688000                                    | dates
    17  | home_area          | 60614                                         | postal
    18  | answer             | 60614-1234                                    | postal
    19  | answer             | Springfield, IL 62704                         | postal
    20  | zip3               | 036                                           | postal
    21  | answer             | 12 Oak Street                                 | street
    22  | answer             | 1420 N. Elm Tree Ave., Apt 3                  | street
    23  | answer             | PO Box 1234                                   | street
    0   | answer             | 41.8781, -87.6298                             | coordinates
    1   | answer             | 41°52'N                                       | coordinates
    2   | lat                | 41.8781                                       | coordinates
    3   | answer             | https://example.org/zeb                       | web addresses
    4   | answer             | see www.example.org                           | web addresses
    5   | answer             | facebook.com/zeb.quill                        | web addresses
    6   | answer             | 192.168.10.24                                 | IP addresses
    7   | answer             | 2001:db8::ff00:42:8329                        | IP addresses
    8   | answer             | 00:1A:2B:3C:4D:5E                             | device
    9   | answer             | 001A.2B3C.4D5E                                | device
    10  | device             | 490154203237518                               | device
    11  | answer             | 1HGCM82633A004352                             | vehicle
    12  | car                | KLM 4821                                      | vehicle
    13  | answer             | MRN: 00482913                                 | medical record
    14  | answer             | 4111 1111 1111 1111                           | account
    15  | answer             | 1EG4-TE5-MK73                                 | account
    16  | age_years          | 93                                            | ages
    17  | AgeAtAdmission     | 101                                           | ages
    18  | answer             | a 94-year-old                                 | ages
    19  | answer             | Zebediah Quill                                | names
    20  | answer             | Quill, Zebediah J.                            | names
    21  | answer             | ZEBEDIAH QUILL                                | names
    22  | answer             | james quill                                   | names
    23  | answer             | Dr. Quill                                     | names
    0   | answer             | Ana de la Cruz                                | names
    1   | answer             | Łukasz Wójcik                                 | names
    2   | answer             | Иван Петров                                   | names
    3   | answer             | 李小龙                                        | names
    4   | answer             | محمد علي                                      | names
    5   | answer             | seen with Mary Quill                          | names
    6   | answer             | Siobhán O'Brien-Smith                         | names
    7   | answer             | Zebediah Quill, LCSW                          | names
    8   | counselor          | Quill                                         | names
    9   | answer             | Came late, and his brother drove him home     | free text
    10  | answer             | Wants to be nearer to the farm and the horses | free text
    11  | comments           | left early                                    | free text
    12  | answer             | data:image/png;base64,iVBORw0KGgo=            | photographs
    0   | answer             | (212)555-0199                                 | telephone
    1   | answer             | 212 5550199                                   | telephone
    2   | answer             | 011 44 20 7946 0958                           | telephone
    3   | answer             | Monday, January 5th                           | dates
    4   | answer             | Christmas 2023                                | dates
    5   | answer             | zeb at example dot org                        | e-mail
    6   | answer             | t.me/zeb                                      | web addresses
    7   | answer             | Rural Route 2                                 | street
    8   | answer             | 95 y.o.                                       | ages
    9   | answer             | mary-ann quill                                | names
    10  | answer             | Pt. Zebediah reports pain                     | free text
    11  | answer             | Kanye West                                    | names
    13  | person_hash        | 2fd4e1c67a2d28fced849ee1bb76e7391b93eb12      | hashes
"""


def rows_of(table):
    lines = [line.strip() for line in table.strip().splitlines()][1:]
    return [tuple(cell.strip() for cell in line.split("|")) for line in lines]


@pytest.mark.parametrize(("row", "column", "cell", "kind"), rows_of(PLANTED))
def test_a_planted_identifier_is_found_and_not_repeated(harmless, refusal, row, column, cell, kind):
    table = planted(harmless, int(row), column, cell)
    message = refusal(refuse_identifiers, table, "stays.csv", error=IdentifierError)
    assert kind in message
    assert cell not in message
    assert "1 cell)" in message


def test_they_are_more_than_fifty():
    assert len(rows_of(PLANTED)) > 50


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["20240131", "20231205", "19990909"], "dates"),
        (["Zoe", "Mary", "James", "Omar"], "names"),
        (["60614", "94110", "10001"], "postal"),
        (["00482913", "00482914", "00482915"], "medical record"),
        (["88", "91", "90"], "ages"),
    ],
)
def test_what_only_a_whole_column_gives_away_is_found(refusal, values, kind):
    column = {"medical record": "patient_number", "ages": "age", "postal": "area"}.get(kind, "code")
    table = pd.DataFrame({"person_id": [f"P{n}" for n in range(len(values))], column: values})
    message = refusal(refuse_identifiers, table, "stays.csv", error=IdentifierError)
    assert kind in message
    assert not any(value in message for value in values)


def test_numbers_and_dates_that_are_no_text_are_read_as_they_would_be_written(refusal):
    table = pd.DataFrame({"begun": pd.to_datetime(["2024-01-31"]), "score": [1.5]})
    message = refusal(refuse_identifiers, table, "a.csv", error=IdentifierError)
    assert "dates finer than a year (column `begun`, 1 cell)" in message


CELL = st.sampled_from([cell for _, _, cell, _ in rows_of(PLANTED)] + ["7", "F10.20", "yes", None])
TABLE = st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=8)


def verdict(table):
    """The kinds that are told, with the number of their cells."""
    try:
        refuse_identifiers(table, "a.csv")
    except IdentifierError as error:
        return [re.findall(rf"{kind} \([^)]* (\d+) cell", str(error)) for kind in Identifier]
    return []


@settings(max_examples=25, deadline=None)
@given(TABLE, st.randoms(use_true_random=False))
def test_neither_the_order_of_the_rows_nor_of_the_columns_matters(rows, random):
    table = pd.DataFrame(rows, columns=["score", "admission_date", "zip3"], dtype="str")
    shuffled, columns = list(rows), list(table.columns)
    random.shuffle(shuffled)
    random.shuffle(columns)
    other = pd.DataFrame(shuffled, columns=table.columns, dtype="str")[columns]
    assert verdict(table) == verdict(other)


def test_patterns_are_tried_on_distinct_cells_however_many_rows_there_are():
    cells = distinct_cells(pd.Series(["1", "2", " 2", None, "3"] * 50_000))
    assert dict(zip(cells.text.to_pylist(), cells.counts, strict=True)) == {
        "1": 50_000,
        "2": 100_000,
        "3": 50_000,
    }
