"""What the walk through a reference file counts, and what it does not let pass."""

from io import StringIO

import pandas as pd
import pytest

TABLE = """
estimator | estimand | term | estimate | std_error | ci_low    | ci_high  | p_value
risk      | RD       | y    | 0.5      | 0.1       | 0.3040036 | 0.695996 | 5.733e-07
risk      | HR       | y    | 2.0      |           |           |          |
rank      | W        | y    | 7        |           |           |          | 0.5
"""


@pytest.fixture
def table():
    read = pd.read_csv(StringIO(TABLE), sep=r"\s*\|\s*", engine="python")
    return read.astype({"estimate": float})


@pytest.fixture
def pattern(numbers):
    def of(cells, **tolerance):
        return numbers(lambda: cells, **{"rel_error": 1e-3, "why": "rounded", **tolerance})

    return of


def wrong(account_of, table, compared, listed=None):
    return account_of(table, compared, {"rank : .*": "not offered"} if listed is None else listed)


def test_normal_limits_and_p_follow_from_a_number_and_its_error(account_of, table, pattern):
    compared = {
        "risk : RD : y": pattern({"estimate": 0.5, "std_error": 0.1}),
        "risk : HR : y": pattern({"estimate": 0.69314718056, "std_error": 0.1, "exp": True}),
    }
    found = wrong(account_of, table, compared)
    assert found.wrong == []
    assert (found.rows, found.compared, found.listed) == (3, 2, {"not offered": 1})


@pytest.mark.parametrize(
    ("cells", "fault"),
    [
        ({"estimate": 0.50001, "std_error": 0.1}, "estimate ours 0.50001"),
        ({"estimate": 0.5, "std_error": 0.2}, "std_error ours 0.2"),
        ({"estimate": 0.5}, "std_error ours None"),
        ({"estimate": float("nan"), "std_error": 0.1}, "estimate ours nan"),
    ],
)
def test_a_number_that_differs_or_lacks_is_named(account_of, table, pattern, cells, fault):
    compared = {
        "risk : RD : y": pattern(cells),
        "risk : HR : y": pattern({"estimate": 2.0}),
    }
    assert fault in " ".join(wrong(account_of, table, compared).wrong)


def test_a_row_that_nothing_or_two_patterns_match_is_named(account_of, table, pattern):
    good = {"estimate": 2.0}
    compared = {"risk : HR : y": pattern(good), "risk : H. : y": pattern(good)}
    faults = wrong(account_of, table, compared).wrong
    assert "risk : RD : y: 0 patterns match, one has to" in faults
    assert "risk : HR : y: 2 patterns match, one has to" in faults


def test_a_reason_without_rows_is_named(account_of, table, pattern):
    compared = {
        "risk : RD : y": pattern({"estimate": 0.5, "std_error": 0.1}),
        "risk : HR : y": pattern({"estimate": 2.0}),
    }
    stale = {"rank : .*": "not offered", "trend : .*": "not offered either"}
    assert wrong(account_of, table, compared, stale).wrong == ["no row is like 'trend : .*'"]


def test_a_looser_tolerance_needs_a_reason(numbers):
    with pytest.raises(AssertionError):
        numbers(dict, rel=0.01)
