"""Outcomes of a cohort, by events or by a definition, and how far the definitions agree."""

import pandas as pd
import pytest

from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import CohortError
from iop_outcomes.records.schema import Records, conform

# Treatment of three weeks from day 0, in words of one letter a week: P +++, Q --+, R oo-, S -+o.
# R's time zero is day 10, and so is their first week.
WEEKS = {"P": "+++", "Q": "--+", "R": "oo-", "S": "-+o"}
START = {"P": 0, "Q": 0, "R": 10, "S": 0}
FOUND = {"+": "positive", "-": "negative"}
RELAPSE = {"definition_id": "REL-MOK", "horizon_days": 20, "substances": ["opiates"]}
UNTIL_REPORTED = """
    person_id | day | kind
    P         | 3   | return to use
    R         | 15  | return to use
    S         | 9   | death
"""


@pytest.fixture
def trial(drawn):
    """Records of four people with weekly urines; two of them in each arm."""

    def of(events="person_id | day | kind", **persons):
        ids = list(WEEKS)
        stays = pd.DataFrame(
            {
                "stay_id": [f"S{name}" for name in ids],
                "person_id": ids,
                "facility_id": None,
                "level_of_care": ["intensive outpatient", "short-term residential"] * 2,
                "start_day": START.values(),
                "end_day": None,
                "planned_end_day": [day + 20 for day in START.values()],
                "exit_reason": None,
                "admission_year": 2023,
                "age_years": [30, 40, 50, 60],
            }
        )
        tests = [
            (name, START[name] + 7 * week + 2, "opiates", FOUND[letter])
            for name, word in WEEKS.items()
            for week, letter in enumerate(word)
            if letter in FOUND
        ]
        seen = {"first_observed_day": -100, "last_observed_day": 60, **persons}
        return Records(
            persons=pd.DataFrame({"person_id": ids, **seen}),
            stays=stays,
            tests=conform(
                "tests", pd.DataFrame(tests, columns=["person_id", "day", "substance", "result"])
            ),
            events=conform("events", drawn(events)),
        )

    return of


@pytest.fixture
def told(trial, protocol):
    """The cohort of the four under one outcome, written so."""

    def of(outcome, events="person_id | day | kind", **persons):
        return assemble_cohort(trial(events, **persons), protocol(outcomes={"relapse": outcome}))

    return of


def test_a_week_is_told_on_its_last_day_counted_from_time_zero(told, expect):
    """First week positive or missed: P in week 1, Q in week 3, R in week 1 and S in week 2."""
    expect(
        told(RELAPSE).follow_up,
        """
        person_id | outcome | days | status | reason  | source  | source_row
        P         | relapse | 6    | event  | REL-MOK | REL-MOK |
        Q         | relapse | 20   | event  | REL-MOK | REL-MOK |
        R         | relapse | 6    | event  | REL-MOK | REL-MOK |
        S         | relapse | 13   | event  | REL-MOK | REL-MOK |
        """,
    )


def test_who_has_no_such_week_is_censored_with_the_last_one_in_which_it_could_begin(told, expect):
    expect(
        told({**RELAPSE, "definition_id": "REL-SHU"}).follow_up,
        """
        person_id | days | status   | reason
        P         | 6    | event    | REL-SHU
        Q         | 20   | event    | REL-SHU
        R         | 20   | censored | end of planned weeks
        S         | 13   | event    | REL-SHU
        """,
    )


def test_whose_planned_weeks_begin_after_time_zero_is_told_so_many_days_later(trial, protocol):
    """P's stay begins five days before the randomisation from which weeks count."""
    records = trial()
    before = records.stays.iloc[:1].assign(
        stay_id="SP0", start_day=-5, end_day=-1, planned_end_day=None, exit_reason="transferred"
    )
    records = Records(
        persons=records.persons,
        stays=pd.concat([before, records.stays], ignore_index=True),
        tests=records.tests,
    )
    cohort = assemble_cohort(records, protocol(outcomes={"relapse": RELAPSE}))
    days = cohort.follow_up.set_index("person_id")["days"]
    assert days["P"] == 5 + 6


def test_a_definition_without_a_clock_has_no_days(told, expect):
    """Three weeks in a row at any time: P alone."""
    yes_or_no = {**RELAPSE, "definition_id": "REL-KRU", "horizon_days": None}
    expect(
        told(yes_or_no).follow_up,
        """
        person_id | days | status   | reason
        P         |      | event    | REL-KRU
        Q         |      | no event | no event
        R         |      | no event | no event
        S         |      | no event | no event
        """,
    )


def test_without_other_definitions_both_tables_are_empty_and_have_their_columns(told):
    cohort = told(RELAPSE)
    assert cohort.definitions.empty
    assert list(cohort.definitions) == [*cohort.follow_up, "definition"]
    assert cohort.agreement.empty
    assert {"outcome", "first", "second", "kappa", "median_shift"} <= set(cohort.agreement)


def test_other_definitions_are_followed_beside_events_and_compared_in_pairs(told, expect):
    """By day 20: P and R by events, P Q R S by REL-MOK, P Q S by REL-SHU; S died on day 9."""
    by_events = {
        "definition": "reported return to use",
        "events": ["return to use"],
        "competing": ["death"],
        "horizon_days": 20,
        "other_definitions": ["REL-MOK", "REL-SHU"],
        "substances": ["opiates"],
    }
    cohort = told(by_events, UNTIL_REPORTED)
    assert cohort.definitions.groupby("definition").size().to_dict() == {"REL-MOK": 4, "REL-SHU": 4}
    expect(
        cohort.agreement,
        """
        outcome | first   | second  | people | first_events | second_events | both_events
        relapse | events  | REL-MOK | 4      | 2            | 4             | 2
        relapse | events  | REL-SHU | 4      | 2            | 3             | 1
        relapse | REL-MOK | REL-SHU | 4      | 4            | 3             | 3
        """,
    )
    shift = cohort.agreement["median_shift"].tolist()
    assert shift == [2.0, 3.0, 0.0]  # P 3 to 6 and R 5 to 6; P 3 to 6; the same days
    assert cohort.agreement["kappa"][1] == pytest.approx(-0.5)


def test_a_definition_without_a_clock_is_held_to_what_was_told_by_the_horizon(told, expect):
    """By day 6 only P and R have had a week as REL-MOK counts; three in a row had P alone."""
    early = {**RELAPSE, "horizon_days": 6, "other_definitions": ["REL-KRU"]}
    agreement = told(early).agreement
    expect(
        agreement,
        """
        first   | second  | people | first_events | second_events | both_events
        REL-MOK | REL-KRU | 4      | 2            | 1             | 1
        """,
    )
    assert agreement["median_shift"].isna().all()


def test_the_smallest_cell_of_a_pair_is_told_by_arm(told):
    """P and R are in one arm: P has both, R only the first, so that one person is a cell."""
    early = {**RELAPSE, "horizon_days": 6, "other_definitions": ["REL-KRU"]}
    assert told(early).agreement["smallest_cell"].tolist() == [1]


@pytest.mark.parametrize(
    ("outcome", "said"),
    [
        ({"horizon_days": 21, "definition_id": "REL-SHU"}, "REL-SHU can be told up to day 20"),
        ({"horizon_days": 5}, "nobody has it by REL-MOK"),
        ({"substances": ["cocaine"]}, "tests: none looked for"),
        ({"other_definitions": ["REL-OD"]}, "REL-OD needs"),
    ],
)
def test_what_cannot_be_told_of_these_people_is_refused_with_the_outcome_named(told, outcome, said):
    with pytest.raises(CohortError) as caught:
        told({**RELAPSE, **outcome})
    message = str(caught.value)
    assert message.startswith("protocol.outcomes.relapse: ")
    assert said in message
    assert "\n" not in message


def test_the_order_of_the_records_does_not_matter(trial, protocol):
    asked = protocol(outcomes={"relapse": {**RELAPSE, "other_definitions": ["REL-SHU"]}})
    records = trial()
    shuffled = Records(
        **{
            name: getattr(records, name).sample(frac=1, random_state=3)
            for name in ("persons", "stays", "tests")
        }
    )
    one, other = assemble_cohort(records, asked), assemble_cohort(shuffled, asked)
    for table in ("follow_up", "definitions", "agreement"):
        pd.testing.assert_frame_equal(getattr(one, table), getattr(other, table))
