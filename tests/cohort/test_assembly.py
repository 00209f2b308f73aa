"""What the assembled cohort holds, and what it must not."""

import pandas as pd
import pytest

from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import StudyError
from iop_outcomes.protocol.parsing import read_protocol
from iop_outcomes.records.ingestion import read_records
from iop_outcomes.records.schema import Records
from iop_outcomes.records.simulation import simulate_records

LATER = ("end_day", "exit_day", "exit_reason", "last_observed", "stay_row", "person_row")
P = """
    person_id | level_of_care        | start_day | end_day | exit_reason
    P         | intensive outpatient | 0         | 20      | dropped out
"""
DISCONTINUATION = {
    "definition": "leaving unplanned",
    "events": ["dropped out"],
    "competing": ["completed"],
    "horizon_days": 90,
}
RELAPSE = {"definition": "return to use", "events": ["return to use"], "horizon_days": 90}


@pytest.fixture(scope="module")
def simulated():
    return simulate_records(400, seed=1)


@pytest.fixture(scope="module")
def study(root):
    return read_protocol(root / "params.yaml")


@pytest.fixture(scope="module")
def cohort(simulated, study):
    return assemble_cohort(simulated, study)


def test_persons_hold_nothing_later_than_time_zero(cohort):
    assert not [c for c in cohort.persons for later in LATER if later in c]
    assert not [c for c in cohort.persons if c.startswith("_")]


def test_persons_hold_exactly_what_was_known_at_time_zero(cohort):
    assert set(cohort.persons) == {
        *("person_id", "arm", "index_day", "level_of_care", "facility_id", "admission_year"),
        *("age_years", "sex", "primary_substance", "prior_treatment", "daily_use", "homeless"),
        *("employed", "injects", "criminal_justice_referral", "prior_episodes", "phq9"),
    }


def test_nothing_recorded_after_time_zero_changes_what_persons_hold(simulated, study, cohort):
    """Everything after time zero is scrambled: exits, events, later scores, the end of sight."""
    persons, stays, scores = simulated.persons, simulated.stays, simulated.scores
    later = scores.assign(day=scores["day"] + 60, score=1.0)
    other = stays["level_of_care"].isin(["intensive outpatient", "short-term residential"])
    scrambled = Records(
        persons=persons.assign(last_observed_day=persons["last_observed_day"] + 99),
        stays=stays.assign(exit_reason=stays["exit_reason"].mask(other, "dropped out")),
        scores=pd.concat([scores, later]),
        events=simulated.events.assign(day=simulated.events["day"] + 1),
    )
    again = assemble_cohort(scrambled, study)
    pd.testing.assert_frame_equal(again.persons, cohort.persons)
    assert not again.follow_up.equals(cohort.follow_up)


def test_everyone_has_one_row_and_one_arm(cohort):
    assert cohort.persons["person_id"].is_unique
    assert set(cohort.persons["arm"]) == {"intervention", "comparator"}
    assert cohort.persons["person_id"].is_monotonic_increasing


def test_everyone_has_one_follow_up_for_each_outcome_in_the_protocols_order(cohort, study):
    names = [outcome.name for outcome in study.outcomes]
    assert cohort.follow_up["outcome"].drop_duplicates().tolist() == names
    for name in names:
        people = cohort.follow_up.loc[cohort.follow_up["outcome"] == name, "person_id"]
        assert people.tolist() == cohort.persons["person_id"].tolist()


def test_everyone_is_within_the_flow_diagram(cohort):
    last = cohort.attrition.groupby("arm", sort=False).tail(1).set_index("arm")["remaining"]
    assert last.to_dict() == cohort.persons["arm"].value_counts().to_dict()
    entry = cohort.attrition[cohort.attrition["criterion"] == "admitted to either strategy"]
    assert entry["remaining"].sum() - cohort.attrition["excluded"].sum() == len(cohort.persons)


def test_the_same_records_in_another_order_make_the_same_cohort(simulated, study, cohort):
    shuffled = Records(
        **{
            name: getattr(simulated, name).sample(frac=1, random_state=2)
            for name in ("persons", "stays", "scores", "events")
        }
    )
    again = assemble_cohort(shuffled, study)
    pd.testing.assert_frame_equal(again.persons, cohort.persons)
    pd.testing.assert_frame_equal(
        again.follow_up.drop(columns="source_row"), cohort.follow_up.drop(columns="source_row")
    )
    pd.testing.assert_frame_equal(again.attrition, cohort.attrition)


def test_every_row_of_follow_up_can_be_looked_up_in_the_records(simulated, cohort):
    for table, rows in cohort.follow_up.groupby("source"):
        source = getattr(simulated, table).iloc[rows["source_row"].tolist()]
        assert source["person_id"].tolist() == rows["person_id"].tolist()
        if table == "events":
            assert source["kind"].tolist() == rows["reason"].tolist()
        if table == "stays":
            assert source["exit_reason"].tolist() == rows["reason"].tolist()


def test_exits_tell_how_the_index_stay_ended(assembled, seen, expect):
    cohort = assembled("""
        person_id | level_of_care          | start_day | end_day | exit_reason
        P         | intensive outpatient   | 0         | 20      | dropped out
        P         | outpatient             | 21        | 60      | completed
        Q         | short-term residential | 0         |         |
    """)
    expect(
        seen(cohort.exits),
        """
        person_id | arm          | level_of_care          | reason
        P         | intervention | intensive outpatient   | dropped out
        Q         | comparator   | short-term residential | no exit recorded
    """,
    )


def test_retention_is_read_from_the_index_stay_and_not_from_a_later_one(assembled, seen, expect):
    cohort = assembled(
        """
        person_id | level_of_care        | start_day | end_day | exit_reason
        P         | intensive outpatient | 0         | 20      | completed
        P         | outpatient           | 21        | 30      | dropped out
        Q         | intensive outpatient | 0         | 25      | dropped out
    """,
        under={"outcomes": {"discontinuation": DISCONTINUATION}},
    )
    expect(
        seen(cohort.follow_up),
        """
        person_id | days | status          | reason
        P         | 20   | competing event | completed
        Q         | 25   | event           | dropped out
    """,
    )


@pytest.mark.parametrize("horizon_days", [41, 90, 3650])
def test_a_changed_horizon_changes_no_row(assembled, horizon_days):
    relapse = {**RELAPSE, "horizon_days": horizon_days}
    one, other = (
        assembled(P, under={"outcomes": {"relapse": outcome}}) for outcome in (RELAPSE, relapse)
    )
    pd.testing.assert_frame_equal(one.follow_up, other.follow_up)


def test_the_last_score_in_the_window_is_a_covariate(assembled, seen):
    cohort = assembled(
        P,
        scores="""
        person_id | day | instrument | score
        P         | -15 | phq9       | 20
        P         | -3  | phq9       | 12
        P         | 1   | phq9       | 3
    """,
    )
    assert seen(cohort.persons)["phq9"].tolist() == [12]


def test_what_the_records_hold_of_persons_and_of_their_admission_are_covariates(
    records, protocol, seen
):
    given = records(
        """
        person_id | level_of_care        | start_day | end_day | homeless
        P         | outpatient           | -300      | -200    | 1
        P         | intensive outpatient | 0         | 20      | 0
    """,
        born={"P": "here", "bystander in IOP": "there", "bystander in residence": "there"},
    )
    persons = seen(assemble_cohort(given, protocol()).persons)
    assert persons[["homeless", "born"]].to_numpy().tolist() == [[0, "here"]]


@pytest.mark.parametrize(
    ("table", "column"),
    [
        *[("persons", column) for column in ("sex", "age_years", "facility_id", "phq9", "arm")],
        *[("stays", column) for column in ("phq9", "prior_episodes", "last_observed_day")],
    ],
)
def test_one_name_for_two_things_is_refused_rather_than_spelt_anew(simulated, study, table, column):
    """Or `sex` of persons.csv and `sex` of stays.csv end up as `sex_x` and `sex_y`."""
    tables = {name: getattr(simulated, name) for name in ("persons", "stays", "scores", "events")}
    tables[table] = tables[table].assign(**{column: 1})
    with pytest.raises(StudyError, match=column):
        assemble_cohort(Records(**tables), study)


def test_who_was_last_observed_before_time_zero_is_counted_and_never_quoted(complaint):
    message = complaint(
        P.replace("    P  ", "    Zebediah  "), last_observed_day={"Zebediah": -987}
    )
    assert message == (
        "1 person(s) were last observed before their index stay began; mend "
        "last_observed_day in the export"
    )


def test_an_outcome_nobody_has_is_an_error(complaint):
    overdose = {"definition": "overdose", "events": ["overdose"], "horizon_days": 90}
    assert complaint(P, under={"outcomes": {"relapse": RELAPSE, "overdose": overdose}}) == (
        "protocol.outcomes.overdose: nobody has it; check its events ['overdose'], its horizon "
        "and what the records hold"
    )


def test_an_outcome_nobody_has_by_its_horizon_is_an_error(complaint):
    """The bystanders return to use on day 40."""
    early = {**RELAPSE, "horizon_days": 39}
    assert complaint(P, under={"outcomes": {"relapse": early}}).startswith(
        "protocol.outcomes.relapse: nobody has it; "
    )


def test_an_outcome_on_the_day_of_the_horizon_is_in_time(assembled):
    """Edge case 17 of the domain brief: the day of the limit counts."""
    on_time = {**RELAPSE, "horizon_days": 40}
    assert (assembled(P, under={"outcomes": {"relapse": on_time}}).follow_up["days"] == 40).any()


def test_an_outcome_of_which_nothing_is_known_is_an_error(complaint):
    message = complaint(
        P,
        last_observed_day=None,
        bystanders=True,
        under={
            "outcomes": {
                "overdose": {"definition": "overdose", "events": ["overdose"], "horizon_days": 90}
            }
        },
    )
    assert message == (
        "protocol.outcomes.overdose: these records know nothing of anyone after time zero that "
        "could show it; a source of discharges cannot answer about relapse, nor one of "
        "admissions about anything later"
    )


@pytest.mark.parametrize(
    ("example", "counts"),
    [
        ("uis", {"relapse": {"event": 464, "censored": 111}, "leaving_treatment": {"event": 575}}),
        ("help", {"first_use": {"event": 188, "censored": 56, "missing": 209}}),
    ],
)
def test_the_trials_of_the_examples_have_the_outcomes_of_their_files(root, shared, example, counts):
    protocol = read_protocol(root / f"src/iop_outcomes/protocol/examples/{example}.yaml")
    cohort = assemble_cohort(read_records(shared / "data" / example, protocol), protocol)
    found = cohort.follow_up.groupby("outcome")["status"].value_counts()
    assert {name: found[name].to_dict() for name in counts} == counts
