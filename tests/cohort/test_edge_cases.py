"""The twenty cases that any implementation must get right, in their usual order.

Each is shown in its smallest form; the rooms' own tests go further. Day 0 is the first day drawn.
"""

import pandas as pd
import pytest

from iop_outcomes.cohort.attendance_gaps import attendance
from iop_outcomes.cohort.engagement import followed_up
from iop_outcomes.cohort.first_use import days_of_use, last_clear_test
from iop_outcomes.cohort.modality import modality_of_care
from iop_outcomes.cohort.readmission import readmissions, readmitted_within
from iop_outcomes.cohort.retention import left_for, length_of_stay
from iop_outcomes.errors import IdentifierError
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.records.files.extract import read_extract
from iop_outcomes.records.sources.calendar import Calendar, dates_to_days
from iop_outcomes.records.urine_weeks import urine_weeks

NOTHING = pd.DataFrame(
    columns=["person_id", "level_of_care", "start_day", "end_day", "day", "kind", "substance"]
)
WEEK_ONE = pd.DataFrame({"person_id": ["P"], "first_day": [0], "last_day": [6]})


@pytest.fixture(scope="session")
def attended(drawn):
    """The end of attendance of P in intensive outpatient care, given sessions and events."""

    def of(sessions, events="person_id | day | kind", **seen):
        index = pd.DataFrame(
            {
                "person_id": ["P"],
                "level_of_care": "intensive outpatient",
                "index_day": 0,
                "exit_day": None,
                "exit_reason": None,
                **seen,
            }
        )
        services = pd.DataFrame({"person_id": "P", "day": sessions})
        found = attendance(index, services, NOTHING, drawn(events), gap_days=14)
        return found[["day", "reason"]].to_numpy(object).tolist()[0]

    return of


@pytest.fixture(scope="session")
def counted():
    """Rows by the rule that they break and that only warns."""

    def of(found):
        warned = found.broken_rules[found.broken_rules["severity"] == "warning"]
        return dict(zip(warned["rule"], warned["rows"], strict=True))

    return of


def test_01_a_transfer_on_the_same_day_is_one_episode_of_two_segments_and_no_readmission(built):
    found = built("""
        level_of_care         | start_day | end_day
        long-term residential | 0         | 28
        intensive outpatient  | 28        | 88
    """)
    assert found.segments[["episode", "segment"]].to_numpy().tolist() == [[1, 1], [1, 2]]
    assert readmissions(found, found.episodes)["readmission_day"].isna().all()


def test_02_eight_days_between_care_begin_a_new_episode_followed_up_in_30_days_not_in_7(
    built, drawn
):
    """Discharged on 1 March, in intensive outpatient care from 9 March; transitions take 7 days."""
    stays = """
        level_of_care         | start_day | end_day
        long-term residential | 0         | 28
        intensive outpatient  | 36        | 60
    """
    assert built(stays).episodes["episode"].tolist() == [1, 2]
    table = drawn(stays).assign(person_id="P", age_years=40)
    seen = pd.Series({"P": 365})
    answers = {
        name: followed_up(table, NOTHING, seen, definition(name).rule)["followed_up"].tolist()
        for name in ("RET-FUI-7", "RET-FUI-30")
    }
    assert answers == {"RET-FUI-7": [False], "RET-FUI-30": [True]}


def test_03_a_day_of_intensive_outpatient_care_during_a_night_of_detox_belongs_to_detox(
    expect_segments,
):
    expect_segments(
        """
        level_of_care         | start_day | end_day
        intensive outpatient  | 0         | 30
        withdrawal management | 10        | 11
        """,
        """
        level_of_care         | start_day | end_day | days
        intensive outpatient  | 0         | 9       | 10
        withdrawal management | 10        | 11      | 1
        intensive outpatient  | 11        | 30      | 20
        """,
    )


def test_04_two_residential_stays_at_once_are_one_segment_of_the_longer_stays_facility(
    expect_segments,
):
    expect_segments(
        """
        level_of_care          | facility_id | start_day | end_day
        short-term residential | A           | 0         | 10
        short-term residential | B           | 5         | 28
        """,
        """
        level_of_care          | facility_id | start_day | end_day | concurrent
        short-term residential | B           | 0         | 28      | True
        """,
    )


def test_05_a_death_within_the_gap_is_the_exit_and_a_later_one_comes_after_dropout(attended):
    seen = {"last_observed_day": 60}
    soon, late = (f"person_id | day | kind\nP | {day} | death" for day in (10, 30))
    assert attended([2, 5], soon, **seen) == [10, "death"]
    assert attended([2, 5], late, **seen) == [5, "dropped out"]


def test_06_an_open_stay_whose_last_service_was_10_days_before_the_cut_is_censored_there(attended):
    assert attended([2, 30], last_observed_day=40) == [2, "dropped out"]
    assert attended([2, 16, 30], last_observed_day=40) == [30, "end of records"]


def test_07_a_residential_stay_of_one_date_has_a_length_of_one_day(drawn):
    stays = drawn("""
        level_of_care          | start_day | end_day
        short-term residential | 0         | 0
        short-term residential | 0         | 1
        short-term residential | 0         | 28
    """)
    assert length_of_stay(stays).tolist() == [1, 1, 28]


CASE_8 = """
    person_id | level_of_care        | start_day | end_day
    early     | intensive outpatient | -5        | 30
    first day | intensive outpatient | 0         | 30
"""


def test_08_who_was_in_care_when_the_records_began_is_left_out_and_counted(assembled, seen):
    """Delayed entry, for whoever wants to keep them, needs another analysis."""
    cohort = assembled(CASE_8, first_observed_day=0)
    assert seen(cohort.persons)["person_id"].tolist() == ["first day"]
    row = cohort.attrition.set_index(["criterion", "arm"])["excluded"]
    assert row["the index stay began within the records", "intervention"] == 1


def test_08_where_nobody_was_the_flow_diagram_says_nothing_of_it(assembled):
    criteria = set(assembled(CASE_8, first_observed_day=-5).attrition["criterion"])
    assert "the index stay began within the records" not in criteria


def test_08_an_episode_under_way_when_the_records_begin_is_marked(built):
    stays = "level_of_care | start_day | end_day\nintensive outpatient | -5 | 30"
    found = built(stays, persons="person_id | first_observed_day\nP | 0")
    assert found.episodes["left_truncated"].tolist() == [True]


def test_09_a_transfer_whose_next_admission_nobody_saw_is_a_transfer_and_no_success(built, drawn):
    stays = """
        level_of_care          | start_day | end_day | exit_reason
        short-term residential | 0         | 20      | transferred
    """
    assert built(stays).episodes["outcome"].tolist() == ["transferred"]
    assert left_for(drawn(stays), ["completed"]).tolist() == ["no event"]


def test_10_three_weeks_in_jail_pause_an_episode_or_end_it_as_the_rules_say(built):
    stays = """
        level_of_care        | start_day | end_day | exit_reason
        intensive outpatient | 0         | 30      | incarcerated
        intensive outpatient | 50        | 90      | completed
    """
    assert built(stays).episodes["outcome"].tolist() == ["incarcerated", "completed"]
    paused = built(stays, incarceration_days=30)
    assert paused.episodes["outcome"].tolist() == ["completed"]
    assert paused.segments["interrupted_days"].tolist() == [19]


CASE_11 = """
    person_id | level_of_care        | start_day | end_day
    P         | intensive outpatient | 0         | 30
    Q         | intensive outpatient | 0         | 30
"""
CASE_11_SESSIONS = """
    person_id | day | service | hours | modality
    P         | 1   | group   | 3     | telehealth
    P         | 3   | group   | 3     | telehealth
    Q         | 1   | group   | 3     | telehealth
    Q         | 3   | group   | 3     | in person
"""


def test_11_intensive_outpatient_care_by_telehealth_alone_is_marked(drawn, built):
    sessions = drawn(CASE_11_SESSIONS)
    assert modality_of_care(drawn(CASE_11), sessions).tolist() == ["telehealth", "both"]
    assert modality_of_care(built(CASE_11).episodes, sessions).tolist() == ["telehealth", "both"]


def test_11_and_is_counted_among_the_oddities_of_the_records(sort, counted):
    found = sort(stays=CASE_11, services=CASE_11_SESSIONS)
    assert counted(found)["an intensive outpatient stay given by telehealth alone"] == 1


def test_12_the_age_at_the_index_stay_is_used_though_the_person_turns_90_later(assembled, seen):
    cohort = assembled("""
        person_id | level_of_care        | start_day | end_day | age_years
        P         | intensive outpatient | 0         | 30      | 89
        P         | outpatient           | 100       | 160     | 90
    """)
    assert seen(cohort.persons)["age_years"].tolist() == [89]


def test_12_an_age_above_90_does_not_come_in_and_90_stands_for_all_of_them(tmp_path):
    path = tmp_path / "stays.csv"
    path.write_text("age_years\n89\n90\n90\n", "utf-8")
    assert read_extract(path, ["age_years"])["age_years"].tolist() == ["89", "90", "90"]
    path.write_text("age_years\n89\n93\n90\n", "utf-8")
    with pytest.raises(IdentifierError, match="ages above 89"):
        read_extract(path, ["age_years"])


def test_13_a_positive_screen_for_the_prescribed_medication_is_no_use(drawn):
    tests = drawn("""
        person_id | day | substance     | result
        P         | 5   | buprenorphine | positive
        P         | 6   | cocaine       | positive
    """)
    doses = drawn("person_id | day | service\nP | 1 | buprenorphine")
    found = days_of_use(tests, NOTHING, doses, ["buprenorphine", "cocaine"], 28)
    assert found["day"].tolist() == [6]


CASE_14 = """
    person_id | day | substance | result   | panel
    P         | 1   | heroin    | negative | {old}
    P         | 8   | heroin    | negative | with fentanyl
    P         | 8   | fentanyl  | negative | with fentanyl
    P         | 15  | heroin    | positive | {old}
"""


@pytest.mark.parametrize("old", ["without fentanyl", ""])
def test_14_a_negative_on_a_panel_without_fentanyl_says_nothing_of_it(drawn, old):
    """Also one whose panel nobody named, once others are named; a positive counts on any panel."""
    tests = drawn(CASE_14.format(old=old))
    three = WEEK_ONE.assign(last_day=20)
    assert urine_weeks(tests, three, ["heroin", "fentanyl"]).to_dict() == {"P": "*-+"}
    assert urine_weeks(tests, three, ["heroin"])["P"] == ("--+" if old else "*-+")


def test_14_and_does_not_clear_the_time_before_the_first_use(drawn):
    tests = drawn(CASE_14.format(old="without fentanyl"))
    used = pd.Series({"P": 8})
    assert last_clear_test(tests, used, ["heroin"]).tolist() == [1]
    assert last_clear_test(tests, used, ["heroin", "fentanyl"]).isna().all()


def test_14_panels_that_call_all_opioids_alike_are_told_apart_by_whoever_knows_them(drawn):
    tests = drawn("""
        person_id | day | substance | result   | panel
        P         | 1   | opioids   | negative | 2016
        P         | 8   | opioids   | negative | 2019
    """).astype({"panel": "str"})
    two = WEEK_ONE.assign(last_day=13)
    assert urine_weeks(tests, two, ["opioids"], panels=["2019"]).to_dict() == {"P": "*-"}


def test_15_two_screens_of_one_day_that_disagree_are_inconclusive(drawn):
    tests = drawn("""
        person_id | day | substance | result
        P         | 3   | opioid    | positive
        P         | 3   | opioid    | negative
    """)
    assert urine_weeks(tests, WEEK_ONE, ["opioid"]).to_dict() == {"P": "*"}


def test_16_neither_the_time_of_day_nor_the_change_of_clocks_moves_a_day():
    """Clocks go forward in the night to 10 March 2024 where these were written."""
    form = "%Y-%m-%dT%H:%M:%S%z"
    calendar = Calendar(begins="2024-01-01", cut="2024-12-31", format=form)
    stays = pd.DataFrame(
        {
            "person_id": ["P", "P"],
            "start_day": ["2024-03-09T23:59:00-05:00", "2024-03-11T00:01:00-04:00"],
            "end_day": ["2024-03-10T23:59:00-04:00", None],
            "admission_year": None,
        }
    )
    tables, faults = dates_to_days({"stays": stays}, calendar)
    assert faults == []
    assert tables["stays"]["start_day"].tolist() == [0, 2]
    assert tables["stays"]["end_day"].tolist() == [1, pd.NA]


def test_17_a_readmission_on_day_30_is_one_within_30_days(built):
    found = built("""
        person_id | level_of_care         | start_day | end_day
        P         | long-term residential | 0         | 28
        P         | inpatient             | 58        | 60
        Q         | long-term residential | 0         | 28
        Q         | inpatient             | 59        | 60
    """)
    first = readmissions(found, found.episodes[found.episodes["episode"] == 1])
    assert readmitted_within(first, 30, pd.Series([365, 365])).tolist() == [True, False]


def test_18_whoever_had_detox_alone_is_not_compared(entered, built):
    detox = "person_id | level_of_care | start_day | end_day\nP | withdrawal management | 0 | 5"
    assert entered(detox) == []
    assert built(detox).episodes["withdrawal_management_only"].tolist() == [True]


def test_19_a_death_on_the_last_of_a_month_soon_after_the_last_service_is_marked(sort, counted):
    calendar = Calendar(begins="2024-01-01", cut="2024-12-31")
    stays = pd.DataFrame(
        {
            "person_id": ["P", "Q"],
            "start_day": "2024-02-01",
            "end_day": "2024-02-12",
            "admission_year": None,
        }
    )
    events = pd.DataFrame(
        {"person_id": ["P", "Q"], "day": ["2024-02-29", "2024-02-28"], "kind": "death"}
    )
    dated = dates_to_days({"stays": stays, "events": events}, calendar)[0]["events"]
    assert dated[["day", "month_end"]].to_numpy().tolist() == [[28, 1], [27, 0]]
    found = sort(
        stays="""
            person_id | level_of_care | start_day | end_day
            P         | outpatient    | 0         | 11
            Q         | outpatient    | 0         | 11
        """,
        events="""
            person_id | day | kind  | month_end
            P         | 28  | death | 1
            Q         | 27  | death | 0
        """,
    )
    (rule,) = [name for name in counted(found) if "last day of a month" in name]
    assert counted(found)[rule] == 1


@pytest.mark.parametrize(("of_a_day", "marked"), [(4, 0), (5, 5), (15, 15)])
def test_20_stays_of_one_day_are_marked_where_more_than_a_fifth_of_a_level_are(
    sort, counted, of_a_day, marked
):
    """Whoever has no end of a visit may have written its first day for it."""
    rows = [f"P | inpatient | {40 * k} | {40 * k + (k < of_a_day)}" for k in range(of_a_day)]
    rows += [f"Q | inpatient | {40 * k} | {40 * k + 20}" for k in range(of_a_day, 20)]
    rows += ["P | outpatient | 900 | 900"] * 1
    found = sort(
        persons="person_id | first_observed_day | last_observed_day\nP | 0 | 2000\nQ | 0 | 2000",
        stays="\n".join(["person_id | level_of_care | start_day | end_day", *rows]),
    )
    told = [rows for name, rows in counted(found).items() if name.startswith("a stay of one day")]
    assert sum(told) == marked
