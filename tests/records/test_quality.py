"""Every row read is accepted, a duplicate, or set aside under a rule; and the ledger proves it."""

import pandas as pd
import pytest

from iop_outcomes.records.ingestion import check_source
from iop_outcomes.records.quality import RULES, Severity, set_aside
from iop_outcomes.records.simulation import simulate_records


def broken(sorted_rows, table):
    rows = sorted_rows.quarantine
    return rows[rows["table"] == table][["row", "rule"]].to_numpy().tolist()


def warnings(sorted_rows):
    rules = sorted_rows.broken_rules
    return rules[rules["severity"] == "warning"][["table", "rule", "rows"]].to_numpy().tolist()


# ---------------------------------------------------------------- quarantine


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


def test_a_person_observed_last_before_first_is_set_aside_with_all_their_rows(sort):
    found = sort(
        persons="person_id | first_observed_day | last_observed_day\nP | 10 | 9\nQ | 9 | 9",
        stays="""
            person_id | level_of_care | start_day | end_day
            P         | outpatient    | 9         | 9
            Q         | outpatient    | 9         | 9
        """,
    )
    assert broken(found, "persons") == [[1, "a person observed last before first"]]
    assert broken(found, "stays") == [[1, "a row of stays whose person is not in persons"]]


ONE_STAY = "person_id | level_of_care | start_day | end_day\nP | outpatient | 0 | 20"


def test_what_happens_after_death_cannot_have_happened(sort):
    """The day of death counts as lived."""
    found = sort(
        stays=f"{ONE_STAY}\nP | outpatient | 21 | 30",
        services="person_id | day | service | hours\nP | 20 | group | 3\nP | 22 | group | 3",
        tests="person_id | day | substance | result\nP | 20 | opioids | negative\n"
        "P | 22 | opioids | negative",
        scores="person_id | day | instrument | score\nP | 20 | phq9 | 3\nP | 22 | phq9 | 3",
        events="person_id | day | kind\nP | 20 | death\nP | 20 | overdose\nP | 21 | overdose",
    )
    assert broken(found, "stays") == [[2, "a stay that starts after death"]]
    assert broken(found, "services") == [[2, "a session after death"]]
    assert broken(found, "tests") == [[2, "a test after death"]]
    assert broken(found, "scores") == [[2, "a score after death"]]
    assert broken(found, "events") == [[3, "an event after death"]]


def test_an_exit_by_death_is_a_death_too(sort):
    stays = """
        person_id | level_of_care | start_day | end_day | exit_reason
        P         | outpatient    | 0         | 20      | death
        P         | outpatient    | 21        | 30      |
        Q         | outpatient    | 0         |         | death
        Q         | outpatient    | 30        |         |
    """
    found = sort(stays=stays, services="person_id | day | service | hours\nP | 22 | group | 3")
    assert broken(found, "stays") == [[2, "a stay that starts after death"]]
    assert broken(found, "services") == [[1, "a session after death"]]


def test_an_event_after_the_last_observed_day_is_set_aside(sort):
    found = sort(stays=ONE_STAY, events="person_id | day | kind\nP|100|overdose\nP|101|overdose")
    assert broken(found, "events") == [[2, "an event after the last observed day"]]


def test_a_score_beyond_the_highest_of_its_instrument_is_set_aside(sort):
    scores = """
        person_id | day | instrument | score
        P         | 0   | phq9       | 27
        P         | 1   | phq9       | 28
        P         | 2   | gad7       | 22
        P         | 3   | another    | 900
    """
    found = sort(stays=ONE_STAY, scores=scores)
    assert [row for row, _ in broken(found, "scores")] == [2, 3]
    assert {rule for _, rule in broken(found, "scores")} == {
        "a score beyond the highest of its instrument"
    }


@pytest.mark.parametrize(
    ("age", "rule"),
    [
        (90, None),  # 90 and over
        (91, "age_years is above the highest that it may be"),
        (-1, "age_years is below the lowest that it may be"),
        (17.5, "age_years is no whole number"),
        ("forty", "age_years is no number"),
    ],
)
def test_an_age_that_nobody_has_sets_its_row_aside(sort, age, rule):
    header, row = ONE_STAY.splitlines()
    found = sort(stays=f"{header} | age_years\n{row} | {age}\nQ | outpatient | 0 | 9 | 40")
    assert broken(found, "stays") == ([[1, rule]] if rule else [])


# ---------------------------------------------------------------- duplicates


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
    assert ledger[["read", "accepted", "duplicates", "quarantined"]].tolist() == [3, 2, 1, 0]


def test_which_number_a_repeated_stay_keeps_does_not_hang_on_the_order_of_rows(sort):
    """S1 and S2 are one stay, and keep the smaller number; which another stay has as well."""
    header = "stay_id | person_id | level_of_care | start_day | end_day"
    rows = [
        "S2 | P | outpatient | 0 | 9",
        "S1 | P | outpatient | 0 | 9",
        "S1 | Q | inpatient | 0 | 5",
    ]
    for order in (rows, rows[::-1]):
        found = sort(stays="\n".join([header, *order]))
        assert len(found.tables["stays"]) == 0
        assert found.ledger.set_index("table").loc["stays", "duplicates"] == 1
        assert {rule for _, rule in broken(found, "stays")} == {
            "stay_id stands in several rows that differ"
        }


def test_numbers_are_the_same_however_they_are_written(sort):
    found = sort(
        stays=ONE_STAY,
        scores="person_id | day | instrument | score\nP | 1 | x | 7\nP | 1 | x | 7.0",
    )
    assert found.ledger.set_index("table").loc["scores", "duplicates"] == 1


# ---------------------------------------------------------------- warnings


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
        services="person_id | day | service | hours\nP | 39 | group |\nP | 41 | group |",
    )
    assert len(found.quarantine) == 0
    assert warnings(found) == [
        ["stays", "two stays by day and night at once", 1],
        ["services", "a session outside any stay", 1],
    ]


def test_of_two_stays_that_start_on_one_day_one_is_told_whatever_their_order(sort):
    stays = """
        person_id | level_of_care | start_day | end_day
        P         | inpatient     | 0         | 20
        P         | inpatient     | 0         |
    """
    assert warnings(sort(stays=stays)) == [["stays", "two stays by day and night at once", 1]]


@pytest.mark.parametrize(
    ("level", "longest"),
    [
        ("withdrawal management", 30),
        ("short-term residential", 90),
        ("long-term residential", 365),
        ("intensive outpatient", 365),
        ("outpatient", None),
    ],
)
def test_a_stay_longer_than_plausible_at_its_level_is_counted(sort, level, longest):
    stays = f"""
        person_id | level_of_care | start_day | end_day
        P         | {level}       | 0         | {longest or 3000}
        Q         | {level}       | 0         | {(longest or 3000) + 1}
    """
    said = ["stays", "a stay longer than is plausible at its level of care", 1]
    assert warnings(sort(stays=stays)) == ([said] if longest else [])


def test_an_admission_below_the_age_of_the_registers_is_counted(sort):
    stays = """
        person_id | level_of_care | start_day | end_day | age_years
        P         | outpatient    | 0         | 9       | 12
        P         | outpatient    | 10        | 12      |
        Q         | outpatient    | 0         | 9       | 11
    """
    assert warnings(sort(stays=stays)) == [
        ["stays", "an admission at an age below that of the field's registers", 1]
    ]


def test_nobody_grows_younger(sort):
    stays = """
        person_id | level_of_care | start_day | end_day | age_years
        P         | outpatient    | 40        | 49      | 39
        P         | outpatient    | 10        | 12      | 40
        Q         | outpatient    | 10        | 12      | 40
        Q         | outpatient    | 40        | 49      | 41
    """
    assert warnings(sort(stays=stays)) == [
        ["stays", "a stay at a younger age than at an earlier one", 1]
    ]


@pytest.mark.parametrize(
    ("days", "years", "possible"),
    [
        (0, 0, True),
        (0, 1, False),
        (1, 1, True),  # New Year's Eve
        (365, 0, True),  # 1 January to 31 December of a leap year
        (366, 0, False),
        (366, 2, True),  # 31 December to 1 January, a leap year between
        (365, 2, False),
        (5, -1, False),
        (800, 2, True),
        (800, 1, False),
    ],
)
def test_years_of_admission_fit_the_days_between_the_stays(sort, days, years, possible):
    stays = f"""
        person_id | level_of_care | start_day | end_day | admission_year
        P         | outpatient    | 0         |         | 2020
        P         | outpatient    | {days}    |         | {2020 + years}
    """
    people = "person_id | first_observed_day | last_observed_day\nP | 0 | 1000"
    rule = "a year of admission that the days since an earlier stay rule out"
    told = {name for _, name, _ in warnings(sort(persons=people, stays=stays))}
    assert (rule in told) is not possible


def test_two_admissions_at_two_places_on_one_day_are_counted_both(sort):
    stays = """
        person_id | facility_id | level_of_care | start_day | end_day
        P         | F1          | outpatient    | 0         | 9
        P         | F2          | outpatient    | 0         | 8
        P         | F3          | outpatient    | 9         | 12
        Q         |             | outpatient    | 0         | 9
        Q         | F1          | inpatient     | 0         | 9
    """
    assert warnings(sort(stays=stays)) == [
        ["stays", "two stays that start at two facilities on one day", 2]
    ]


def test_deaths_that_do_not_agree_are_counted(sort):
    """A stay may be closed on paper some days after death: it is told and left in."""
    found = sort(
        stays="""
            person_id | level_of_care | start_day | end_day | exit_reason
            P         | outpatient    | 0         | 12      | completed
            Q         | outpatient    | 0         | 9       | death
        """,
        events="person_id | day | kind\nP | 10 | death\nP | 11 | death\nQ | 10 | death",
    )
    assert warnings(found) == [
        ["events", "a death after the person's first day of death", 1],
        ["stays", "a stay that ends after death", 1],
        ["stays", "an exit by death on another day than death", 1],
    ]


def test_sessions_tests_and_scores_beyond_the_end_of_sight_are_counted(sort):
    found = sort(
        stays="person_id | level_of_care | start_day | end_day\nQ | outpatient | 0 |",
        services="person_id | day | service | hours\nQ | 50 | group | 3\nQ | 51 | group | 3",
        tests="person_id | day | substance | result\nQ | 51 | opioids | negative",
        scores="person_id | day | instrument | score\nQ | 51 | phq9 | 3",
    )
    assert warnings(found) == [
        ["services", "a session after the last observed day", 1],
        ["tests", "a test after the last observed day", 1],
        ["scores", "a score after the last observed day", 1],
    ]


def test_a_test_missed_where_people_sleep_is_counted_but_not_on_the_days_of_coming_and_going(sort):
    found = sort(
        stays="""
            person_id | level_of_care          | start_day | end_day
            P         | short-term residential | 0         | 20
            Q         | intensive outpatient   | 0         | 20
        """,
        tests="""
            person_id | day | substance | result
            P         | 0   | opioids   | missed
            P         | 1   | opioids   | missed
            P         | 2   | opioids   | negative
            P         | 20  | opioids   | missed
            Q         | 1   | opioids   | missed
        """,
    )
    assert warnings(found) == [["tests", "a test missed during a stay by day and night", 1]]


def test_two_results_of_one_day_that_do_not_agree_are_counted_both(sort):
    """Edge case 15 of the domain brief."""
    tests = """
        person_id | day | substance | result
        P         | 1   | cocaine   | positive
        P         | 1   | cocaine   | negative
        P         | 1   | opioids   | negative
        P         | 2   | cocaine   | negative
        Q         | 1   | cocaine   | missed
    """
    assert warnings(sort(stays=ONE_STAY, tests=tests)) == [
        ["tests", "two tests of one day for one substance, positive and negative", 2]
    ]


def test_a_positive_screen_for_the_prescribed_medication_is_no_relapse(sort):
    """Edge case 13 of the domain brief. A supply lasts 28 days; a screen for opiates finds neither.

    day | substance     | given            | explained
    30  | buprenorphine | buprenorphine, 2 | yes, 28 days later
    31  | buprenorphine | buprenorphine, 2 | no, the supply is used up
    1   | buprenorphine | buprenorphine, 2 | no, not yet given
    20  | Opioids       | buprenorphine, 2 | yes
    20  | opiates       | buprenorphine, 2 | no
    20  | methadone     | buprenorphine, 2 | no
    9   | methadone     | methadone, 9     | yes (another person)
    """
    found = sort(
        stays="person_id | level_of_care | start_day | end_day\nP | outpatient | 0 |\n"
        "Q | outpatient | 0 |",
        services="""
            person_id | day | service                | hours
            P         | 2   | Buprenorphine-naloxone |
            Q         | 9   | methadone dose         |
        """,
        tests="""
            person_id | day | substance     | result
            P         | 30  | buprenorphine | positive
            P         | 31  | buprenorphine | positive
            P         | 1   | buprenorphine | positive
            P         | 20  | Opioids       | positive
            P         | 21  | opioids       | negative
            P         | 20  | opiates       | positive
            P         | 20  | methadone     | positive
            Q         | 9   | methadone     | positive
        """,
    )
    rule = "a positive screen that prescribed medication explains: no relapse"
    assert warnings(found) == [["tests", rule, 3]]


@pytest.mark.parametrize(
    ("age", "weekly", "usual"),
    [(40, 9, True), (40, 8.5, False), (40, 19, True), (40, 19.5, False),
     (17, 6, True), (17, 5.5, False), ("", 8.5, False)],
)  # fmt: skip
def test_an_intensive_outpatient_stay_has_the_hours_of_its_level(sort, age, weekly, usual):
    """Two whole weeks; the sessions of the broken third week do not count, nor do other stays."""
    stays = f"""
        person_id | level_of_care        | start_day | end_day | age_years
        P         | intensive outpatient | 10        | 25      | {age}
        Q         | intensive outpatient | 10        | 25      | 40
        Q         | outpatient           | 26        | 40      | 40
    """
    services = f"""
        person_id | day | service | hours
        P         | 10  | group   | {weekly}
        P         | 23  | group   | {weekly}
        P         | 24  | group   | 3
        Q         | 30  | group   | 1
    """
    rule = "an intensive outpatient stay whose mean week has fewer or more hours than the level"
    found = sort(stays=stays, services=services)
    assert warnings(found) == ([] if usual else [["stays", rule, 1]])


# ---------------------------------------------------------------- what the protocol may change


def test_an_export_that_is_mostly_wrong_is_refused_whole(sort, refusal):
    stays = """
        person_id | level_of_care | start_day | end_day
        P         | outpatient    | 8         | 10
        P         | outpatient    | 9         | 0
    """
    assert refusal(sort, 0.4, stays=stays) == (
        "stays: 1 of 2 rows cannot be so, most often a stay that ends before it starts (1, the "
        "first is row 2); mend the export, or raise protocol.source.largest_quarantine"
    )


BACKWARDS = """
    person_id | level_of_care | start_day | end_day
    P         | outpatient    | 0         | 1
    P         | outpatient    | 2         | 3
    P         | outpatient    | 9         | 0
    R         | outpatient    | 9         | 10
"""


def test_a_share_of_its_own_takes_a_rule_out_of_the_common_share(sort, refusal):
    """One of four rows breaks each of two rules; a quarter is borne in common."""
    assert "2 of 4 rows" in refusal(sort, 0.25, stays=BACKWARDS)
    own = {"ends_before_start": {"largest_share": 0.25}}
    assert len(sort(0.25, stays=BACKWARDS, quality=own).quarantine) == 2
    own = {"a stay that ends before it starts": {"largest_share": 0.2}}  # by its name, too
    message = refusal(sort, 0.25, stays=BACKWARDS, quality=own)
    assert message.endswith("raise protocol.source.quality.ends_before_start.largest_share")


def test_a_rule_may_refuse_at_the_first_row(sort, refusal):
    message = refusal(sort, stays=BACKWARDS, quality={"ends_before_start": {"severity": "refuse"}})
    assert message.endswith("or bear some in protocol.source.quality.ends_before_start")


OVERLAP = """
    person_id | level_of_care | start_day | end_day
    P         | inpatient     | 0         | 9
    P         | inpatient     | 5         | 12
    P         | inpatient     | 12        | 14
"""


def test_a_warning_may_set_rows_aside_or_refuse(sort, refusal):
    key = "overlapping_day_and_night"
    found = sort(stays=OVERLAP, quality={key: {"severity": "quarantine"}})
    assert broken(found, "stays") == [[2, "two stays by day and night at once"]]
    message = refusal(sort, stays=OVERLAP, quality={key: {"severity": "refuse"}})
    assert message.startswith("stays: 1 of 3 rows cannot be so, most often two stays by day and")
    message = refusal(sort, stays=OVERLAP, quality={key: {"largest_share": 0.3}})
    assert message == (
        "stays: 1 of 3 accepted rows are two stays by day and night at once; mend the export, or "
        "raise protocol.source.quality.overlapping_day_and_night.largest_share"
    )


def test_a_quarantine_may_warn_where_records_can_hold_such_rows(sort):
    late = "person_id | level_of_care | start_day | end_day\nQ | outpatient | 51 | 60"
    found = sort(stays=late, quality={"stays_unseen": {"severity": "warning"}})
    assert warnings(found) == [["stays", "a stay that starts after the last observed day", 1]]
    assert len(found.tables["stays"]) == 1


def test_the_numbers_a_rule_judges_by_are_the_protocols_to_set(sort):
    stays = "person_id | level_of_care | start_day | end_day\nP | outpatient | 0 | 20"
    limits = {"longer_than_plausible": {"limits": {"outpatient": 10}}}
    assert [rows for _, _, rows in warnings(sort(stays=stays, quality=limits))] == [1]
    scores = "person_id | day | instrument | score\nP | 1 | bdi2 | 64\nP | 1 | phq9 | 28"
    limits = {"beyond_scale": {"limits": {"bdi2": 63}}}
    assert len(sort(stays=stays, scores=scores, quality=limits).quarantine) == 2


@pytest.mark.parametrize(
    ("quality", "said"),
    [
        ({"ends_befor": {}}, "unknown rule `ends_befor`; known are ['empty', "),
        ({"ends_before_start": {"severity": "warning"}},
         "`ends_before_start` may only be one of ['quarantine', 'refuse']"),
        ({"empty": {"severity": "warning"}}, "`empty` may only be one of ['quarantine', 'refuse']"),
        ({"unusual_weekly_hours": {"severity": "quarantine"}},
         "`unusual_weekly_hours` may only be one of ['warning', 'refuse']"),
        ({"empty": {"severity": "refuse", "largest_share": 0.1}}, "leave out its largest_share"),
        ({"too_young": {"limits": {"yongest": 3}}}, "no limits ['yongest']; known are ["),
        ({"longer_than_plausible": {"limits": {"detox": 3}}}, "no limits ['detox']; known are ["),
        ({"empty": {"limits": {"days": 3}}}, "no limits ['days']; known are []"),
        ({"too_young": {}, RULES[0].name: {}, RULES[0].key: {}}, "stands twice"),
    ],
)  # fmt: skip
def test_a_treatment_that_cannot_be_names_what_could(refusal, quality, said):
    message = refusal(check_source, {"kind": "site_export", "quality": quality})
    assert message.startswith("protocol.source.quality: ")
    assert said in message


@pytest.mark.parametrize("wrong", [{"largest_share": 2}, {"severity": "stop"}, {"share": 0.1}])
def test_a_treatment_is_held_to_its_keys(refusal, wrong):
    message = refusal(check_source, {"kind": "site_export", "quality": {"empty": wrong}})
    assert message.startswith("protocol.source.quality.empty.")


# ---------------------------------------------------------------- the catalogue


def test_every_rule_has_a_key_and_a_name_of_its_own():
    assert len({rule.key for rule in RULES}) == len(RULES)
    assert len({rule.name for rule in RULES}) == len(RULES)


def test_every_rule_may_be_what_it_is_by_itself():
    assert all(rule.severity in rule.allowed for rule in RULES)


def test_a_rule_that_sets_aside_judges_by_tables_sorted_before_its_own():
    """Persons, events, stays, the rest: else to sort twice would not be to sort once."""
    order = ["persons", "events", "stays"]
    place = [order.index(rule.table) if rule.table in order else 3 for rule in RULES]
    assert place == sorted(place)


def test_simulated_records_break_no_rule_that_sets_aside():
    records = simulate_records(800, seed=4)
    tables = {name: getattr(records, name) for name in ("persons", "stays", "scores", "events")}
    found = set_aside(tables, largest_share=0)
    assert len(found.quarantine) == 0
    assert found.ledger["duplicates"].sum() == 0
    assert set(found.broken_rules["severity"]) <= {str(Severity.WARNING)}
    for name, table in tables.items():
        pd.testing.assert_frame_equal(found.tables[name], table)
