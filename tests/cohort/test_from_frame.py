"""A data frame with one row per person, and the cohort and protocol made of it."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

import iop_outcomes as iop
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.protocol.linting import lint

FRAME = """
    who | treat | age | sex    | time | status | done | clinic
    p1  | 1     | 25  | female | 60   | 1      | 1    | N
    p2  | 1     | 31  | male   | 365  | 0      | 1    | S
    p3  | 1     | 44  |        | 365  | 0      | 0    | N
    p4  | 1     | 39  | male   | 200  | 2      |      | S
    p5  | 0     | 28  | female | 30   | 1      | 0    | N
    p6  | 0     | 35  | male   | 365  | 0      | 1    | S
    p7  | 0     | 50  | female |      |        | 0    | N
    p8  | 0     | 41  | male   | 120  | 1      | 0    | S
"""
RELAPSE = iop.TimeToEvent("time", event="status", horizon_days=365, competing={2: "death"})
DONE = iop.Binary("done", better="higher")


@pytest.fixture
def frame(drawn) -> pd.DataFrame:
    return drawn(FRAME)


@pytest.fixture
def study(frame):
    """The study of the small frame, with the frame or an argument changed."""

    def of(changed=None, **changes):
        asked = {
            "arm": "treat",
            "intervention": 1,
            "comparator": 0,
            "outcomes": {"relapse": RELAPSE, "completion": DONE},
            "covariates": ["age"],
            "person_id": "who",
        }
        return iop.cohort_from_frame(frame if changed is None else changed, **asked | changes)

    return of


# What is made


def test_every_row_becomes_a_person_in_an_arm_as_known_at_time_zero(study, drawn):
    found = study(covariates=["age", "sex"], cluster="clinic").cohort.persons
    expected = drawn("""
        person_id | arm          | index_day | age | sex    | clinic
        p1        | intervention | 0         | 25  | female | N
        p2        | intervention | 0         | 31  | male   | S
        p3        | intervention | 0         | 44  |        | N
        p4        | intervention | 0         | 39  | male   | S
        p5        | comparator   | 0         | 28  | female | N
        p6        | comparator   | 0         | 35  | male   | S
        p7        | comparator   | 0         | 50  | female | N
        p8        | comparator   | 0         | 41  | male   | S
    """)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)


def test_every_outcome_says_how_follow_up_ended_and_in_which_row_it_stands(study, drawn):
    found = study().cohort.follow_up
    expected = drawn("""
        person_id | outcome    | days | until_day | status          | reason     | source_row
        p1        | relapse    | 60   | 60        | event           | relapse    | 0
        p2        | relapse    | 365  | 365       | censored        | censored   | 1
        p3        | relapse    | 365  | 365       | censored        | censored   | 2
        p4        | relapse    | 200  | 200       | competing event | death      | 3
        p5        | relapse    | 30   | 30        | event           | relapse    | 4
        p6        | relapse    | 365  | 365       | censored        | censored   | 5
        p7        | relapse    |      |           | missing         | not known  | 6
        p8        | relapse    | 120  | 120       | event           | relapse    | 7
        p1        | completion |      |           | event           | completion | 0
        p2        | completion |      |           | event           | completion | 1
        p3        | completion |      |           | no event        | no event   | 2
        p4        | completion |      |           | missing         | not known  | 3
        p5        | completion |      |           | no event        | no event   | 4
        p6        | completion |      |           | event           | completion | 5
        p7        | completion |      |           | no event        | no event   | 6
        p8        | completion |      |           | no event        | no event   | 7
    """)
    assert set(found["source"]) == {"data frame"}
    pd.testing.assert_frame_equal(found.drop(columns="source"), expected, check_dtype=False)


def test_the_protocol_writes_out_what_was_asked(study):
    protocol = study(estimand="ATT", cluster="clinic", confidence_level=0.9).protocol
    assert protocol.title == "treat = 1 against treat = 0"
    assert (protocol.estimand, protocol.analysis.covariates) == ("ATT", ("age",))
    assert (protocol.analysis.cluster, protocol.analysis.confidence_level) == ("clinic", 0.9)
    relapse, completion = protocol.outcomes
    assert relapse.definition == "`status` is 1, on day `time`; competing: 2: death"
    assert (relapse.horizon_days, relapse.competing) == (365, ("death",))
    assert (completion.horizon_days, completion.better) == (None, "higher")


def test_the_protocol_has_no_fault_that_lint_calls_an_error(study):
    assert not [finding for finding in lint(study().protocol) if finding.severity == "error"]


def test_the_hash_of_the_protocol_changes_with_the_columns_asked(study):
    other = {"relapse": iop.TimeToEvent("time", event="status", horizon_days=365, event_is=2,
                                        competing={1: "relapse"})}  # fmt: skip
    hashes = {
        iop.protocol_hash(each.protocol)
        for each in (study(), study(outcomes=other), study(estimand="ATT"), study())
    }
    assert len(hashes) == 3


# Codes and kinds of column


@pytest.mark.parametrize(
    ("codes", "intervention", "comparator"),
    [
        (["yes"] * 4 + ["no"] * 4, "yes", "no"),
        (["yes"] * 4 + ["no"] * 4, "yes", None),
        ([True] * 4 + [False] * 4, True, False),
        ([True] * 4 + [False] * 4, 1, 0),
        ([2.0] * 4 + [0.0] * 4, [2], [0]),
        ([1, 1, 2, 2, 0, 0, 3, 3], [1, 2], [0, 3]),
        (pd.Categorical(["b"] * 4 + ["a"] * 4, categories=["a", "b", "c"]), "b", "a"),
    ],
)
def test_arms_are_told_by_codes_of_any_kind(frame, study, codes, intervention, comparator):
    found = study(frame.assign(treat=codes), intervention=intervention, comparator=comparator)
    expected = ["intervention"] * 4 + ["comparator"] * 4
    assert found.cohort.persons["arm"].tolist() == expected


def test_without_a_column_of_names_people_are_called_by_their_row(study):
    persons = study(person_id=None).cohort.persons
    assert persons["person_id"].tolist() == list("12345678")


def test_an_index_of_the_frame_means_nothing(frame, study):
    pd.testing.assert_frame_equal(
        study(frame.set_index(np.zeros(8, int))).cohort.follow_up, study().cohort.follow_up
    )


def test_an_arrow_table_is_a_data_frame_too(frame, study):
    table = pa.Table.from_pandas(frame)
    ours, theirs = study(table, covariates=["age", "sex"]), study(covariates=["age", "sex"])
    for name in ("persons", "follow_up"):
        pd.testing.assert_frame_equal(
            getattr(ours.cohort, name), getattr(theirs.cohort, name), check_dtype=False
        )


def test_a_polars_frame_is_a_data_frame_too(frame, study):
    polars = pytest.importorskip("polars")
    found = study(polars.from_pandas(frame)).cohort.follow_up
    pd.testing.assert_frame_equal(found, study().cohort.follow_up, check_dtype=False)


def test_numbers_that_pandas_keeps_as_objects_are_numbers(frame, study):
    found = study(frame.assign(age=frame["age"].astype("object"))).cohort.persons
    assert pd.api.types.is_numeric_dtype(found["age"])


def test_parts_of_days_are_kept(frame, study):
    found = study(frame.assign(time=frame["time"] + 0.5)).cohort.follow_up
    assert found["days"].iloc[:2].tolist() == [60.5, 365.5]


def test_terms_of_a_formula_name_their_columns(study):
    asked = "np.log(age) + C(sex, contr.treatment(base='male')) + bs(age, include_intercept=False)"
    persons = study(covariates=asked).cohort.persons
    assert persons.columns.tolist() == ["person_id", "arm", "index_day", "age", "sex"]


def test_columns_of_subgroups_and_of_the_outcome_model_come_along(study):
    persons = study(subgroups=["sex"], outcome_model=["age", "clinic"]).cohort.persons
    assert persons.columns.tolist() == ["person_id", "arm", "index_day", "age", "clinic", "sex"]


def test_whoever_lacks_what_must_be_recorded_is_left_out_and_counted(study, drawn):
    found = study(covariates=["age", "sex"], recorded=["sex"]).cohort
    expected = drawn("""
        criterion                 | arm          | remaining | excluded
        in the data frame         | intervention | 4         | 0
        in the data frame         | comparator   | 4         | 0
        sex recorded at time zero | intervention | 3         | 1
        sex recorded at time zero | comparator   | 4         | 0
    """)
    pd.testing.assert_frame_equal(found.attrition, expected, check_dtype=False)
    left = found.follow_up.groupby("outcome")["person_id"].agg(list)
    assert left["relapse"] == left["completion"] == ["p1", "p2", "p4", "p5", "p6", "p7", "p8"]


# What is refused


def times(*days):
    return pd.array(days, dtype="Int64")


REFUSED_FRAMES = {
    "an arm of nobody": (
        {"treat": [2] * 4 + [0] * 4},
        "intervention: nobody is in the intervention arm: `treat`, which holds numbers, is .1.",
    ),
    "codes written as text": ({"treat": ["1"] * 4 + ["0"] * 4}, "which holds text, is .1. for"),
    "an arm not named": (
        {"treat": [1, 1, 1, 2, 0, 0, 0, 0]},
        "`treat` of 1 of 8 people is neither among intervention=.1. nor among comparator=.0.",
    ),
    "an arm not known": (
        {"treat": [1, 1, 1, None, 0, 0, 0, 0]},
        "arm: `treat` is empty for 1 of 8 people",
    ),
    "a person twice": ({"who": ["p1"] * 2 + list("345678")}, "1 of 8 rows repeat a `who`"),
    "a person without a name": ({"who": [None, *"2345678"]}, "`who` is empty in 1 of 8 rows"),
    "negative days": (
        {"time": times(-3, 365, 365, 200, 30, 365, None, 120)},
        "outcomes.relapse: `time` is negative for 1 people",
    ),
    "days without a code": (
        {"time": times(60, 365, 365, 200, 30, 365, 99, 120)},
        "`status` is empty for 1 people whose `time` is known",
    ),
    "a code without days": (
        {"time": times(None, 365, 365, 200, 30, 365, None, 120)},
        "`time` is empty for 1 people whose `status` is known",
    ),
    "days in words": ({"time": list("abcdefgh")}, "`time` holds no numbers"),
    "days as dates": (
        {"time": pd.to_datetime(["2020-01-01"] * 8)},
        "`time` holds dates, which no model can use",
    ),
    "a code not explained": (
        {"status": times(1, 0, 0, 7, 1, 0, None, 1)},
        "`status` holds a code that is not explained, for 1 of 8 people; explained are "
        r"{'event_is': \[1\], 'censored_is': \[0\], 'competing': \[2\]}",
    ),
    "an answer not explained": (
        {"done": times(1, 0, 0, 9, 1, 0, None, 1)},
        "outcomes.completion: `done` holds a code that is not explained",
    ),
    "nobody with the event": ({"done": 0}, "outcomes.completion: nobody has it; check"),
    "nobody with the event in time": (
        {"time": times(400, 400, 400, 400, 400, 400, None, 400)},
        "outcomes.relapse: nobody has it by day 365",
    ),
    "an arm of whom nothing is known": (
        {"done": times(1, 1, 1, 1, None, None, None, None)},
        "outcomes.completion: it is not known for anyone in the comparator arm",
    ),
    "an arm not followed to the horizon": (
        {"time": times(60, 365, 365, 200, 30, 340, None, 120)},
        "outcomes.relapse: nobody in the comparator arm is followed to day 365",
    ),
    "a covariate without end": ({"age": [np.inf] + [40.0] * 7}, "`age` is infinite for 1 of 8"),
    "a covariate that is a date": (
        {"age": pd.to_datetime(["2020-01-01"] * 8)},
        "covariates: `age` holds dates",
    ),
}


@pytest.mark.parametrize("case", REFUSED_FRAMES)
def test_a_frame_is_refused_in_a_sentence_that_names_no_person(frame, study, case):
    changed, sentence = REFUSED_FRAMES[case]
    with pytest.raises(CohortError, match=f"^cohort_from_frame.*{sentence}") as refused:
        study(frame.assign(**changed))
    said = str(refused.value)
    assert "\n" not in said
    assert not [value for value in ("p1", "-3", "99", "340", "7;", "9;") if value in said]


REFUSED_ARGUMENTS = {
    "a column that is not there": ({"covariates": ["agge"]}, "no column `agge`; did you mean"),
    "a column like none": ({"cluster": "xyz"}, r"cluster: .* no column `xyz`; it has \['who', "),
    "an outcome's column": (
        {"outcomes": {"relapse": iop.TimeToEvent("tme", event="status", horizon_days=9)}},
        r"outcomes.relapse: the data frame has no column `tme`; did you mean \['time'\]",
    ),
    "an outcome as covariate": (
        {"covariates": ["age", "done"]},
        "covariates: `done` belongs to the outcome completion, which is not known at time zero",
    ),
    "the arm as covariate": ({"covariates": ["treat"]}, "`treat` tells the arms apart"),
    "one code for both arms": ({"comparator": [0, 1]}, "the code 1 stands under `intervention`"),
    "one code for event and competing": (
        {"outcomes": {"relapse": iop.TimeToEvent("time", event="status", horizon_days=365,
                                                 competing={1: "death"})}},
        "outcomes.relapse: the code 1 stands under `event_is` and under `competing`",
    ),
    "an unknown estimand": ({"estimand": "ALL"}, "cohort_from_frame.estimand: choose among 'ATE'"),
    "an unknown key": ({"clusters": "clinic"}, "unknown key `clusters`; did you mean `cluster`"),
    "no covariate": ({"covariates": []}, "cohort_from_frame.analysis.covariates: "),
    "no outcome": ({"outcomes": {}}, "cohort_from_frame.outcomes: "),
    "a horizon of no day": (
        {"outcomes": {"relapse": iop.TimeToEvent("time", event="status", horizon_days=None)}},
        "outcomes.relapse.horizon_days: say by which day",
    ),
    "a name that no formula can read": ({"covariates": ["age.y"]}, "cannot stand in a formula"),
    "a name that the cohort needs": ({"covariates": ["weight"]}, "`weight` is the name of a"),
    "an outcome that is none": (
        {"outcomes": {"relapse": "time"}},
        "outcomes.relapse: write TimeToEvent",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED_ARGUMENTS)
def test_arguments_that_cannot_be_are_refused_by_their_name(frame, study, case):
    changes, sentence = REFUSED_ARGUMENTS[case]
    frame = frame.assign(**{"age.y": frame["age"], "weight": 70})
    with pytest.raises(ProtocolError, match=sentence):
        study(frame, **changes)


def test_the_comparator_is_asked_for_where_there_are_several_others(frame, study):
    with pytest.raises(CohortError, match="`treat` holds 2 codes; name those of the comparator"):
        study(frame.assign(treat=[1, 1, 1, 1, 0, 0, 2, 2]), comparator=None)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ([1, 2], "a list is no data frame"),
        (pd.DataFrame({"treat": []}), "has no rows"),
        (pd.DataFrame([[1, 2]], columns=["a", "a"]), r"the columns \['a'\] stand twice"),
    ],
)
def test_what_is_no_table_of_people_is_refused(study, given, sentence):
    with pytest.raises(CohortError, match=sentence):
        study(given)


def test_the_example_of_the_readme_runs(root):
    blocks = (root / "README.md").read_text("utf-8").split("```python\n")[1:]
    (example,) = (block.split("```")[0] for block in blocks if "cohort_from_frame" in block)
    there = {}
    exec(example, there)
    assert there["comparison"].estimates["estimate"].notna().all()
