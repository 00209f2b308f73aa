"""Dates that nobody observed, and columns that most sources do not have."""

import pandas as pd
import pytest

from iop_outcomes.records.panels import days_looked_through
from iop_outcomes.records.schema import TABLES, conform, empty_table
from iop_outcomes.records.sources.calendar import Calendar, dates_to_days

TO_DAY_11 = "person_id | level_of_care | start_day | end_day\nP | outpatient | 0 | 11"
STAYS = """
    stay_id | person_id | level_of_care        | start_day | end_day | exit_reason | age_years | {}
    S1      | P         | intensive outpatient | 0         | 30      | completed   | 40        | |
""".format("facility_id | admission_year")
PERSONS = "person_id | first_observed_day | last_observed_day\nP | -10 | 90"


@pytest.fixture(scope="session")
def marked(sort):
    """Rows that break the rule whose name begins so."""

    def of(begins, quality=None, **tables):
        rules = sort(quality=quality, **tables).broken_rules
        return rules.loc[rules["rule"].str.startswith(begins), "rows"].sum()

    return of


# ---------------------------------------------------------------- deaths at the end of a month


def death(day, month_end=1, kind="death"):
    return f"person_id | day | kind | month_end\nP | {day} | {kind} | {month_end}"


@pytest.mark.parametrize(
    ("events", "rows"),
    [
        (death(12), 1),
        (death(42), 1),
        (death(43), 0),  # longer than any month
        (death(11), 0),  # something was seen of them on the very day
        (death(30, month_end=0), 0),
        (death(30, month_end=""), 0),
        (death(30, kind="overdose"), 0),
    ],
)
def test_a_death_on_the_last_of_a_month_is_marked_up_to_a_month_after_the_last_sign(
    marked, events, rows
):
    assert marked("a death on the last day", stays=TO_DAY_11, events=events) == rows


def test_any_row_of_the_person_is_a_sign_and_none_after_death(marked):
    given = {"stays": TO_DAY_11, "events": death(60)}
    assert marked("a death on the last day", **given) == 0
    for table in (
        {"services": "person_id | day | service | hours\nP | 50 | group | 3"},
        {"tests": "person_id | day | substance | result\nP | 50 | opioid | negative"},
        {"scores": "person_id | day | instrument | score\nP | 50 | phq9 | 3"},
    ):
        assert marked("a death on the last day", **given, **table) == 1


def test_how_long_before_is_the_protocols_to_set(marked):
    week = {"death_at_month_end": {"limits": {"days": 7}}}
    told = [
        marked("a death on the last day", week, stays=TO_DAY_11, events=death(day))
        for day in (18, 19)
    ]
    assert told == [1, 0]


def test_month_ends_are_told_of_deaths_alone_and_kept_where_the_export_says_them():
    events = pd.DataFrame(
        {
            "person_id": "P",
            "day": ["2024-02-29", "2024-02-28", "2024-02-29", "2024-04-30"],
            "kind": ["death", "death", "overdose", "death"],
            "month_end": [None, None, None, 0],
        }
    )
    stays = pd.DataFrame(
        {"person_id": ["P"], "start_day": "2024-01-01", "end_day": None, "admission_year": None}
    )
    calendar = Calendar(begins="2024-01-01", cut="2024-12-31")
    found = dates_to_days({"stays": stays, "events": events}, calendar)[0]["events"]
    assert conform("events", found)["month_end"].tolist() == [1, 0, pd.NA, 0]


# ---------------------------------------------------------------- stays of a day


def of_days(level, *lengths):
    rows = [f"P | {level} | {k} | {k + length}" for k, length in enumerate(lengths)]
    return "\n".join(["person_id | level_of_care | start_day | end_day", *rows])


@pytest.mark.parametrize(
    ("stays", "rows"),
    [
        (of_days("inpatient", *[0] * 3, *[1] * 3, *[9] * 14), 6),
        (of_days("inpatient", *[0] * 2, *[1] * 2, *[9] * 16), 0),
        (of_days("inpatient", *[0] * 9, *[9] * 10), 0),  # 19 stays say little
        (of_days("withdrawal management", *[1] * 10, *[3] * 10), 0),
        (of_days("withdrawal management", *[1] * 11, *[3] * 9), 11),
    ],
)
def test_stays_of_a_day_are_marked_where_they_are_too_many_of_a_level(marked, stays, rows):
    assert marked("a stay of one day", stays=stays) == rows


def test_open_stays_are_no_part_of_the_share_and_stays_without_a_day_of_exit_are(marked):
    short = of_days("inpatient", *[0] * 5, *[9] * 15)
    assert marked("a stay of one day", stays=short) == 5
    opened = short + "\nP | inpatient | 50 | " * 20
    assert marked("a stay of one day", stays=opened) == 5


def test_the_share_of_a_level_is_the_protocols_to_set(marked):
    share = {"stays_of_a_day": {"limits": {"inpatient": 0.3}}}
    stays = of_days("inpatient", *[0] * 6, *[9] * 14)
    assert marked("a stay of one day", share, stays=stays) == 0
    assert marked("a stay of one day", stays=stays) == 6


# ---------------------------------------------------------------- telehealth


@pytest.mark.parametrize(
    ("sessions", "rows"),
    [
        ([(1, "telehealth"), (9, "telehealth")], 1),
        ([(1, "telehealth"), (9, "in person")], 0),
        ([(1, "telehealth"), (9, "")], 0),
        ([(1, "telehealth"), (40, "in person")], 1),
        ([], 0),
    ],
)
def test_care_by_telehealth_alone_is_told_of_what_was_given_on_its_days(marked, sessions, rows):
    given = [f"P | {day} | group | 3 | {how}" for day, how in sessions]
    services = "\n".join(["person_id | day | service | hours | modality", *given])
    stays = "person_id | level_of_care | start_day | end_day\nP | intensive outpatient | 0 | 30"
    name = "an intensive outpatient stay given by telehealth"
    assert marked(name, stays=stays, services=services) == rows


# ---------------------------------------------------------------- columns that may be left out


def test_a_column_that_most_sources_lack_is_empty_where_it_is_left_out():
    left_out = {
        (name, column)
        for name, contract in TABLES.items()
        for column, spec in contract.items()
        if spec.optional
    }
    assert left_out == {("services", "modality"), ("tests", "panel"), ("events", "month_end")}
    for name, column in left_out:
        without = empty_table(name).drop(columns=column)
        assert column in conform(name, without)


def test_an_export_is_read_without_them(export, read):
    folder = export(
        persons=PERSONS,
        stays=STAYS,
        services="person_id | day | service | hours\nP | 1 | group | 3",
    )
    found = read(folder, kind="site_export")
    assert found.services["modality"].isna().all()
    assert "modality" not in set(found.missingness["variable"])


def test_and_with_them_their_words_are_held_to_the_contract(export, read):
    services = """
        person_id | day | service | hours | modality
        P         | 1   | group   | 3     | telehealth
        P         | 2   | group   | 3     | by pigeon
    """
    folder = export(persons=PERSONS, stays=STAYS, services=services)
    found = read(folder, kind="site_export", largest_quarantine=1.0)
    assert found.services["modality"].tolist() == ["telehealth"]
    assert found.quarantine["rule"].tolist() == ["modality is no word that the records know"]
    assert "modality" in set(found.missingness["variable"])


# ---------------------------------------------------------------- panels


def test_two_panels_of_one_day_look_for_what_both_do(drawn):
    tests = drawn("""
        person_id | day | substance | panel
        P         | 1   | heroin    | urine
        P         | 1   | fentanyl  | strip
        P         | 8   | heroin    | urine
    """)
    assert days_looked_through(tests, ["heroin", "fentanyl"]).tolist() == [True, False]
    assert days_looked_through(tests, ["heroin"]).tolist() == [True, True]


def test_what_nobody_ever_looked_for_is_not_asked_of_a_panel(drawn):
    tests = drawn("person_id | day | substance | panel\nP | 1 | heroin | urine")
    assert days_looked_through(tests, ["heroin", "nitazenes"]).tolist() == [True]


def test_without_panels_all_tests_are_taken_for_the_same(drawn):
    tests = drawn("person_id | day | substance\nP | 1 | heroin\nP | 2 | fentanyl")
    assert days_looked_through(tests).tolist() == [True, True]
