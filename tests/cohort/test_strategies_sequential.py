"""Triggers of a step up, and the trials that begin on them."""

import pytest

from iop_outcomes.cohort.cloning import censor_artificially, decision_days, grace_clones
from iop_outcomes.cohort.sequential_trials import sequential_trials, trial_follow_up
from iop_outcomes.cohort.starts import BY_TRIAL, starts_after
from iop_outcomes.cohort.strategies import GracePeriod
from iop_outcomes.cohort.triggers import missed_weeks, positive_tests, score_rises
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.specification import Outcome

GRACE = GracePeriod()
RELAPSE = Outcome(
    name="relapse",
    definition="overdose or death",
    events=("overdose",),
    competing=("death",),
    horizon_days=90,
)
SHORT = {
    "OP": "outpatient",
    "IOP": "intensive outpatient",
    "PHP": "partial hospitalization",
    "residential": "short-term residential",
}


@pytest.fixture
def stays(drawn):
    def of(text):
        table = drawn(text)
        unsaid = {"end_day": None, "exit_reason": None, "level": "OP"}
        table = table.assign(**{name: unsaid[name] for name in unsaid if name not in table})
        return table.assign(level_of_care=table["level"].map(SHORT)).astype(
            {"start_day": "Int64", "end_day": "Int64", "exit_reason": object}
        )

    return of


@pytest.fixture
def trials(drawn, stays):
    """Trials of the drawn stays; everyone is seen to day 365."""

    def of(stayed, triggered):
        table = stays(stayed)
        persons = table[["person_id"]].drop_duplicates().assign(last_observed_day=365)
        return sequential_trials(
            persons.astype({"last_observed_day": "Int64"}), table, drawn(triggered)
        )

    return of


# Triggers


def test_a_positive_test_triggers_once_a_day(drawn, expect):
    tests = drawn(
        """
        person_id | day | substance | result
        P         | 4   | opioid    | positive
        P         | 4   | cocaine   | positive
        P         | 9   | opioid    | negative
        P         | 11  | opioid    | missed
        Q         | 2   | cannabis  | positive
        """
    )
    expect(positive_tests(tests), "person_id | day\nP | 4\nQ | 2")
    expect(positive_tests(tests, ["cocaine"]), "person_id | day\nP | 4")


def test_two_missed_weeks_trigger_on_the_day_after_them(drawn, stays, expect):
    """Weeks of P are days 10-16, 17-23, 24-30, 31-37: services in the first and the last."""
    services = drawn("person_id | day\nP | 10\nP | 37")
    found = missed_weeks(stays("person_id | start_day | end_day\nP | 10 | 40"), services)
    expect(found, "person_id | day\nP | 31")


def test_every_further_missed_week_triggers_again(drawn, stays, expect):
    """Three whole weeks after the first without a service; the rest of the stay is no week."""
    services = drawn("person_id | day\nP | 3")
    found = missed_weeks(stays("person_id | start_day | end_day\nP | 0 | 30"), services)
    expect(found, "person_id | day\nP | 21\nP | 28")


def test_a_service_on_the_last_day_of_a_week_saves_it(drawn, stays):
    services = drawn("person_id | day\nP | 6\nP | 20")
    assert missed_weeks(stays("person_id | start_day | end_day\nP | 0 | 20"), services).empty


def test_after_the_last_service_of_an_open_stay_nobody_knows_about_missed_weeks(
    drawn, stays, expect
):
    services = drawn("person_id | day\nP | 1\nP | 27\nQ | 1")
    found = missed_weeks(stays("person_id | start_day\nP | 0\nQ | 0\nR | 0"), services)
    expect(found, "person_id | day\nP | 21")


def test_a_stay_of_less_than_a_week_misses_none(drawn, stays):
    services = drawn("person_id | day\nP | 90")
    assert missed_weeks(stays("person_id | start_day | end_day\nP | 0 | 5"), services, 1).empty


def test_one_stays_weeks_do_not_run_into_the_next(drawn, stays):
    """The last week of the first stay and the first of the second are missed."""
    services = drawn("person_id | day\nP | 1\nP | 27")
    two = stays("person_id | start_day | end_day\nP | 0 | 13\nP | 14 | 27")
    assert missed_weeks(two, services).empty


def test_without_any_service_in_the_records_no_week_can_be_called_missed(drawn, stays):
    with pytest.raises(CohortError, match="hold no services"):
        missed_weeks(
            stays("person_id | start_day\nP | 0"), drawn("person_id | day").astype("Int64")
        )


def test_a_score_five_above_the_lowest_of_the_stay_triggers(drawn, stays, expect):
    """P creeps up by 3 and 2 from 8; Q falls, then rises by 5; R had the low score before the
    stay; S fills in two questionnaires of one kind on a day; T another instrument;
    U had the low score in an earlier stay."""
    scores = drawn(
        """
        person_id | day | instrument | score
        P         | 1   | phq9       | 8
        P         | 9   | phq9       | 11
        P         | 20  | phq9       | 13
        Q         | 1   | phq9       | 20
        Q         | 9   | phq9       | 12
        Q         | 16  | phq9       | 17
        R         | -9  | phq9       | 2
        R         | 3   | phq9       | 9
        R         | 99  | phq9       | 27
        S         | 3   | phq9       | 9
        S         | 3   | phq9       | 19
        T         | 3   | gad7       | 1
        T         | 9   | gad7       | 20
        U         | 3   | phq9       | 4
        U         | 80  | phq9       | 15
        """
    )
    everyone = "\n".join(f"{person} | 0 | 60" for person in "PQRSTU")
    people = stays(f"person_id | start_day | end_day\n{everyone}\nU | 70 | 90")
    expect(score_rises(people, scores), "person_id | day\nP | 20\nQ | 16")
    expect(score_rises(people, scores, "gad7"), "person_id | day\nT | 9")


# Trials


def test_a_trial_begins_on_the_first_trigger_of_every_week(trials, expect):
    expect(
        trials(
            "person_id | start_day\nP | 10",
            "person_id | day\nP | 10\nP | 16\nP | 17\nP | 40",
        ),
        """
        person_id | trial | week | index_day
        P         | 1     | 1    | 10
        P         | 2     | 2    | 17
        P         | 3     | 5    | 40
        """,
    )


def test_triggers_outside_outpatient_care_begin_nothing(trials, expect):
    expect(
        trials(
            """
            person_id | start_day | end_day | level
            P         | 10        | 30      | OP
            P         | 40        | 80      | IOP
            """,
            "person_id | day\nP | 9\nP | 30\nP | 31\nP | 50",
        ),
        "person_id | index_day\nP | 30",
    )


def test_who_is_in_more_intensive_care_since_before_is_not_eligible(trials, expect):
    """P is in IOP on days 20 to 40: a trigger on day 20 is a step up on day 0 of its trial."""
    expect(
        trials(
            """
            person_id | start_day | end_day | level
            P         | 0         |         | OP
            P         | 20        | 40      | IOP
            Q         | 0         |         | OP
            Q         | 10        |         | residential
            """,
            "person_id | day\nP | 20\nP | 29\nP | 40\nP | 50\nQ | 12\nQ | 90",
        ),
        """
        person_id | trial | index_day
        P         | 1     | 20
        P         | 2     | 50
        """,
    )


def test_a_trigger_after_the_end_of_records_begins_nothing(stays, drawn, expect):
    found = sequential_trials(
        drawn("person_id | last_observed_day\nP | 30\nQ | "),
        stays("person_id | start_day\nP | 0\nQ | 0"),
        drawn("person_id | day\nP | 30\nP | 38\nQ | 3"),
    )
    expect(found, "person_id | index_day | last_observed_day\nP | 30 | 30")


def test_each_trial_has_its_own_time_zero_arms_and_end(trials, stays, drawn, expect):
    """P has triggers on days 0 and 7, steps up on day 9 and overdoses on day 30.

    The first trial has the step up on its day 9 and the overdose on day 30; the second on days 2
    and 23. In the second week of Q nothing happens but the end of records on day 365.
    """
    stayed = """
        person_id | start_day | level
        P         | 0         | OP
        P         | 9         | IOP
        Q         | 0         | OP
    """
    found = trials(stayed, "person_id | day\nP | 0\nP | 7\nQ | 8")
    starts = starts_after(found, stays(stayed), GRACE.starts, GRACE.excuses, by=BY_TRIAL)
    expect(
        starts,
        """
        person_id | trial | start_day | start_row | excuse_day
        P         | 1     | 9         | 1         |
        P         | 2     | 2         | 1         |
        Q         | 1     |           |           |
        """,
    )
    ends = trial_follow_up(
        found, drawn("person_id | day | kind\nQ | -4 | overdose\nP | 30 | overdose"), RELAPSE
    )
    expect(
        ends,
        """
        person_id | trial | outcome | days | status   | reason         | source  | source_row
        P         | 1     | relapse | 30   | event    | overdose       | events  | 1
        P         | 2     | relapse | 23   | event    | overdose       | events  | 1
        Q         | 1     | relapse | 357  | censored | end of records | persons | 1
        """,
    )
    expect(
        censor_artificially(ends, grace_clones(starts, GRACE, BY_TRIAL), BY_TRIAL),
        """
        person_id | trial | arm          | days | status
        P         | 1     | intervention | 30   | event
        P         | 1     | comparator   | 9    | artificially censored
        P         | 2     | intervention | 23   | event
        P         | 2     | comparator   | 2    | artificially censored
        Q         | 1     | intervention | 14   | artificially censored
        Q         | 1     | comparator   | 357  | censored
        """,
    )
    days = decision_days(ends, starts, GRACE.window, BY_TRIAL)
    assert days.groupby(["person_id", "trial"]).size().tolist() == [10, 3, 15]
    assert days["position"].unique().tolist() == [0, 1, 2]


def test_leaving_outpatient_care_can_be_the_outcome_of_a_trial(trials, drawn, expect):
    dropout = Outcome(
        name="discontinuation",
        definition="left outpatient care before completing it",
        events=("dropped out",),
        competing=("completed", "transferred", "death"),
        horizon_days=90,
    )
    found = trials(
        """
        person_id | start_day | end_day | exit_reason
        P         | 0         | 25      | dropped out
        Q         | 0         | 60      | completed
        R         | 0         | 7       | dropped out
        """,
        "person_id | day\nP | 5\nP | 15\nQ | 5\nR | 7",
    )
    expect(
        trial_follow_up(found, drawn("person_id | day | kind"), dropout),
        """
        person_id | trial | days | status          | reason      | source | source_row
        P         | 1     | 20   | event           | dropped out | stays  | 0
        P         | 2     | 10   | event           | dropped out | stays  | 0
        Q         | 1     | 55   | competing event | completed   | stays  | 1
        R         | 1     | 1    | event           | dropped out | stays  | 2
        """,
    )


def test_a_person_with_more_than_nine_trials_keeps_them_in_order(trials, drawn):
    found = trials(
        "person_id | start_day\nP | 0",
        "person_id | day\n" + "\n".join(f"P | {7 * week}" for week in range(12)),
    )
    ends = trial_follow_up(found, drawn("person_id | day | kind\nP | 100 | overdose"), RELAPSE)
    assert ends["trial"].tolist() == list(range(1, 13))
    assert ends["days"].tolist() == [100 - 7 * week for week in range(12)]
