"""How far people could be told apart, done by hand."""

from fractions import Fraction

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iop_outcomes.errors import RecordsError
from iop_outcomes.records.anonymity import quasi_identifier_risk


@pytest.fixture
def people():
    """Twenty people in four groups.

    age band | sex | people | reasons for leaving
    18-34    |  f  |   12   | completed, dropped out
    18-34    |  m  |    5   | completed, dropped out
    35-64    |  f  |    2   | dropped out; one not recorded
    35-64    |  m  |    1   | completed
    """
    groups = [("18-34", "f", 12), ("18-34", "m", 5), ("35-64", "f", 2), ("35-64", "m", 1)]
    table = pd.DataFrame([row[:2] for row in groups for _ in range(row[2])])
    table.columns = ["age_band", "sex"]
    reasons = ["completed", "dropped out"] * 8 + ["completed", "dropped out", None, "completed"]
    return table.assign(reason=reasons)


def test_by_hand(people):
    """Without sex: 17 and 3 people. Without the age band: 14 and 6. All together: 12, 5, 2, 1.

    without  | k | below 5 | below 11 | unique | fewest reasons
    nothing  | 1 |  3/20   |   8/20   |  1/20  | 1
    age band | 6 |  0      |   6/20   |  0     | 2
    sex      | 3 |  3/20   |   3/20   |  0     | 2
    """
    risk = quasi_identifier_risk(people, ["age_band", "sex"], ["reason"])
    assert risk["without"].isna().tolist() == [True, False, False]
    assert risk["without"].tolist()[1:] == ["age_band", "sex"]
    assert risk["n"].tolist() == [20, 20, 20]
    assert risk["smallest_group"].tolist() == [1, 6, 3]
    shares = {
        "share_below_5": [Fraction(3, 20), 0, Fraction(3, 20)],
        "share_below_11": [Fraction(8, 20), Fraction(6, 20), Fraction(3, 20)],
        "share_unique": [Fraction(1, 20), 0, 0],
    }
    for column, expected in shares.items():
        assert risk[column].tolist() == [float(share) for share in expected]
    assert risk["distinct_reason"].tolist() == [1, 2, 2]


def test_with_the_only_quasi_identifier_untold_everyone_is_one_group(people):
    risk = quasi_identifier_risk(people, ["sex"])
    assert risk["smallest_group"].tolist() == [6, 20]


def test_those_of_whom_a_thing_is_missing_are_a_group_of_their_own():
    persons = pd.DataFrame({"sex": ["f", None, None]})
    assert quasi_identifier_risk(persons, ["sex"])["smallest_group"].tolist() == [1, 3]


def test_a_category_that_nobody_has_is_no_group():
    persons = pd.DataFrame({"sex": pd.Categorical(["f", "f"], ["f", "m"])})
    assert quasi_identifier_risk(persons, ["sex"])["smallest_group"].tolist() == [2, 2]


def test_a_secret_that_is_recorded_for_nobody_has_no_diversity():
    persons = pd.DataFrame({"sex": ["f", "f"], "hiv": pd.Series([None, None], dtype="str")})
    assert quasi_identifier_risk(persons, ["sex"], ["hiv"])["distinct_hiv"].isna().all()


@pytest.mark.parametrize(
    ("names", "sensitive", "said"),
    [
        ([], [], "name at least one quasi-identifier"),
        (["sex", "sex"], [], "each only once"),
        (["state"], [], r"lacks the column\(s\) \['state'\]"),
        (["sex"], ["sex"], r"\['sex'\] cannot be known and secret at once"),
    ],
)
def test_a_question_without_an_answer_is_refused(people, names, sensitive, said):
    with pytest.raises(RecordsError, match=said):
        quasi_identifier_risk(people, names, sensitive)


def test_nobody_has_no_anonymity(people):
    with pytest.raises(RecordsError, match="of nobody"):
        quasi_identifier_risk(people.head(0), ["sex"])


VALUE = st.sampled_from(["a", "b", "c", None])
PEOPLE = st.lists(st.tuples(VALUE, VALUE, VALUE, VALUE), min_size=1, max_size=40)


@given(PEOPLE)
def test_telling_less_never_makes_anyone_easier_to_find(rows):
    persons = pd.DataFrame(rows, columns=["age", "sex", "state", "secret"], dtype="str")
    risk = quasi_identifier_risk(persons, ["age", "sex", "state"], ["secret"])
    everything, less = risk.iloc[0], risk.iloc[1:]
    assert (less["smallest_group"] >= everything["smallest_group"]).all()
    for column in ("share_below_5", "share_below_11", "share_unique"):
        assert (less[column] <= everything[column]).all()
    assert not (less["distinct_secret"] < everything["distinct_secret"]).any()
