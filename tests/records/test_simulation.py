"""Simulated records: the same twice, within their own bounds, and like published tables."""

import pandas as pd
import pytest

from iop_outcomes.records.schema import TABLES
from iop_outcomes.records.simulation import simulate_records

STRATEGIES = ["intensive outpatient", "short-term residential", "long-term residential"]


@pytest.fixture(scope="module")
def records():
    return simulate_records(6000, seed=3)


@pytest.fixture(scope="module")
def index_stays(records):
    """Each person's first stay at one of the strategies' levels of care."""
    stays = records.stays[records.stays["level_of_care"].isin(STRATEGIES)]
    return stays.sort_values(["person_id", "start_day"]).drop_duplicates("person_id")


def same(one, other, table):
    return getattr(one, table).equals(getattr(other, table))


def test_the_same_seed_gives_the_same_records():
    one, other = (simulate_records(200, seed=5) for _ in range(2))
    assert all(same(one, other, name) for name in TABLES)


@pytest.mark.parametrize("name", ["stays", "scores", "events"])
def test_another_seed_gives_other_records(name):
    assert not same(simulate_records(200, seed=5), simulate_records(200, seed=6), name)


def test_a_stronger_effect_leaves_everyone_admitted_as_before():
    none, strong = (simulate_records(400, seed=5, log_hazard_ratio=size) for size in (0.0, 1.0))
    key = ["person_id", "level_of_care", "start_day"]
    first = [r.stays[r.stays["level_of_care"].isin(STRATEGIES)] for r in (none, strong)]
    first = [table.drop_duplicates("person_id")[key].reset_index(drop=True) for table in first]
    pd.testing.assert_frame_equal(*first)


def test_a_stronger_effect_brings_more_returns_to_use():
    few, many = (
        simulate_records(1000, seed=5, log_hazard_ratio=size)
        .events["kind"]
        .eq("return to use")
        .sum()
        for size in (-1.0, 1.0)
    )
    assert few < many


@pytest.mark.parametrize("persons", [0, -1])
def test_at_least_one_person_is_simulated(refusal, persons):
    assert refusal(simulate_records, persons, seed=1) == "simulation.persons must be at least 1"


@pytest.mark.parametrize("facilities", [0, -1])
def test_at_least_one_facility_is_simulated(refusal, facilities):
    message = refusal(simulate_records, 10, seed=1, facilities=facilities)
    assert message == "simulation.facilities must be at least 1"


def test_one_person_in_one_facility_is_enough():
    records = simulate_records(1, seed=1, facilities=1)
    assert (len(records.persons), set(records.stays["facility_id"])) == (1, {"F001"})


def test_the_people_and_the_facilities_asked_for_are_there(records):
    assert len(records.persons) == 6000
    assert records.stays["facility_id"].nunique() == 40


def test_the_loop_over_days_can_be_watched():
    days = []

    def each(items):
        for item in items:
            days.append(item)
            yield item

    simulate_records(5, seed=1, each=each)
    assert days == list(range(1, 366))


def test_no_event_and_no_admission_is_recorded_after_the_last_observed_day(records):
    last = records.persons.set_index("person_id")["last_observed_day"]
    for table, day in (("events", "day"), ("scores", "day"), ("stays", "start_day")):
        rows = getattr(records, table)
        assert (rows[day] <= rows["person_id"].map(last)).all(), table
    ended = records.stays[records.stays["end_day"].notna()]
    assert (ended["end_day"] <= ended["person_id"].map(last)).all()


def test_nobody_returns_to_use_after_death(records):
    events = records.events.pivot_table(index="person_id", columns="kind", values="day")
    both = events.dropna()
    assert len(both) > 0
    assert (both["return to use"] <= both["death"]).all()


def test_a_stay_open_at_the_end_has_neither_an_end_nor_a_reason(records):
    stays = records.stays
    assert stays["end_day"].isna().equals(stays["exit_reason"].isna())
    assert stays["end_day"].isna().any()


def test_everyone_has_one_index_stay_and_some_are_too_young(index_stays):
    assert len(index_stays) == 6000
    assert index_stays["age_years"].between(14, 80).all()
    assert 0.01 < (index_stays["age_years"] < 18).mean() < 0.06


def test_exits_resemble_the_published_tables(index_stays, drawn):
    """Per cent of discharges in TEDS 2004, short and long residential care pooled."""
    published = drawn("""
        care        | completed | transferred | dropped out | terminated by the facility
        outpatient  | 37.7      | 17.9        | 23.2        | 14.0
        residential | 52.1      | 13.3        | 21.3        | 6.9
    """).set_index("care")
    closed = index_stays[index_stays["exit_reason"].notna()]
    care = closed["level_of_care"].map(
        lambda level: "outpatient" if level == "intensive outpatient" else "residential"
    )
    share = 100 * pd.crosstab(care, closed["exit_reason"], normalize="index")
    assert ((share[published.columns] - published).abs() < 6).all(axis=None)


def test_the_sicker_enter_residential_care_more_often(index_stays):
    """Confounding is there to be adjusted for."""
    outpatient = index_stays["level_of_care"] == "intensive outpatient"
    for trait in ("homeless", "daily_use", "prior_treatment", "injects"):
        assert index_stays[trait][outpatient].mean() < index_stays[trait][~outpatient].mean()
    assert index_stays["employed"][outpatient].mean() > index_stays["employed"][~outpatient].mean()
