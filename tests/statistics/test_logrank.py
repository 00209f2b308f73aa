"""Log-rank tests: by hand, by law, and where there is nothing to compare."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import survdiff

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.cox.logrank import log_rank, weighted_log_rank
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.risk_sets import Ties
from iop_outcomes.statistics.cox.variance import Sandwich, robust_score_statistic

laws = settings(derandomize=True, deadline=None, max_examples=20)
seeds = st.integers(0, 10**6)


def people(seed, groups=3, n=60):
    rng = np.random.default_rng(seed)
    return {
        "day": rng.integers(1, 12, n),
        "event": rng.random(n) < 0.6,
        "group": rng.integers(0, groups, n),
        "stratum": rng.integers(0, 2, n),
    }


def test_two_groups_by_hand():
    """Group a leaves on days 1, 1 and 3+, group b on 1, 2 and 4+.

    day | at risk a, b | events a, b | expected a    | variance
      1 |     3, 3     |    2, 1     | 3 * 1/2 = 3/2 | 3 * 3/5 * 1/4 = 9/20
      2 |     1, 2     |    0, 1     | 1/3           | 1 * 1/3 * 2/3 = 2/9
    """
    test = log_rank([1, 1, 3, 1, 2, 4], [1, 1, 0, 1, 1, 0], list("aaabbb"))
    variance = 9 / 20 + 2 / 9
    assert test.group.tolist() == ["a", "b"]
    assert test.observed.tolist() == [2, 2]
    assert test.expected == pytest.approx([11 / 6, 13 / 6], rel=1e-14)
    assert test.covariance == pytest.approx(variance * np.array([[1, -1], [-1, 1]]), rel=1e-14)
    assert test.statistic == pytest.approx((1 / 6) ** 2 / variance, rel=1e-12)
    assert test.degrees == 1


def test_a_weighted_test_by_hand():
    """Event of a on day 1 at weight 2, of b on day 2; b has one more, of weight 1 throughout.

    day | at risk a, b | expected a    | what each adds to observed - expected of a
      1 |     2, 2     | 2 * 1/2 = 1   | hazard 2/4: a 2(1 - 1/2 - 1/4), each b 1/2 * 1/2 = 1/4
      2 |     0, 2     | 0             | nothing: all at risk are of b

    Deviation 2 - 1 = 1, and people add 1/2, 1/4, 1/4: chi squared 1 / (1/4 + 1/16 + 1/16) = 8/3.
    """
    test = weighted_log_rank([1, 2, 3], [1, 1, 0], list("abb"), weight=[2, 1, 1])
    assert test.observed.tolist() == [2, 1]
    assert test.expected == pytest.approx([1, 2], rel=1e-14)
    assert test.statistic == pytest.approx(8 / 3, rel=1e-12)


@laws
@given(seeds)
def test_agrees_with_statsmodels(seed):
    """survdiff(time, status, group, strata = ): log-rank with the hypergeometric variance."""
    mine = people(seed)
    ours = log_rank(**mine)
    theirs = survdiff(mine["day"], mine["event"], mine["group"], strata=mine["stratum"])
    assert ours.statistic == pytest.approx(theirs[0], rel=1e-9)
    assert ours.p_value == pytest.approx(theirs[1], rel=1e-8)


@laws
@given(seeds)
def test_without_ties_it_is_the_score_test_of_a_cox_model(seed):
    mine = people(seed, groups=2)
    mine["day"] = np.random.default_rng(seed).permutation(mine["day"].size)
    test = log_rank(**mine)
    group = mine.pop("group")
    fit = fit_cox(**mine, covariates=group[:, None])
    assert test.statistic == pytest.approx(fit.score_statistic, rel=1e-9)


@laws
@given(seeds)
def test_the_weighted_test_is_the_robust_score_test_of_a_cox_model(seed):
    mine = people(seed)
    weight = np.random.default_rng(seed).gamma(3, 0.3, 60)
    cluster = np.arange(60) % 17
    test = weighted_log_rank(**mine, weight=weight, sandwich=Sandwich(cluster=cluster))
    group = mine.pop("group")
    fit = fit_cox(**mine, covariates=group[:, None] == [1, 2], weight=weight, ties=Ties.BRESLOW)
    ours = robust_score_statistic(fit, Sandwich(cluster=cluster))
    assert test.statistic == pytest.approx(ours, rel=1e-8)


@laws
@given(seeds, st.floats(1e-3, 1e3))
def test_neither_labels_nor_units_nor_order_matter(seed, factor):
    mine = people(seed)
    order = np.random.default_rng(seed).permutation(60)
    other = {name: column[order] for name, column in mine.items()}
    other["group"] = np.array(["z", "y", "x"])[other["group"]]
    other["day"] = other["day"] ** 2
    assert log_rank(**mine).statistic == pytest.approx(log_rank(**other).statistic, rel=1e-9)
    weight = np.random.default_rng(seed).gamma(3, 0.3, 60)
    assert weighted_log_rank(**mine, weight=weight).statistic == pytest.approx(
        weighted_log_rank(**other, weight=weight[order] * factor).statistic, rel=1e-8
    )


@laws
@given(seeds)
def test_cutting_rows_into_intervals_changes_nothing(seed):
    mine = people(seed)
    cut = np.where(mine["day"] > 1, 1, mine["day"])
    second = mine["day"] > 1
    pieces = {name: np.concatenate([column, column[second]]) for name, column in mine.items()}
    pieces["day"][:60] = cut
    pieces["event"][:60] &= ~second
    entry = np.concatenate([np.zeros(60), cut[second]])
    test, cut_up = log_rank(**mine), log_rank(**pieces, entry=entry)
    assert cut_up.expected == pytest.approx(test.expected, rel=1e-10)
    assert cut_up.statistic == pytest.approx(test.statistic, rel=1e-9)


def test_a_group_never_at_risk_with_others_takes_no_degree_of_freedom():
    """Group c has left before anyone has the event."""
    day, event, group = [2, 3, 4, 5, 1, 1], [1, 1, 1, 0, 0, 0], list("ababcc")
    test = log_rank(day, event, group)
    assert test.degrees == 1
    assert test.expected[2] == 0
    assert test.statistic == pytest.approx(log_rank(day[:4], event[:4], group[:4]).statistic)


def test_groups_that_never_meet_are_tested_apart():
    """Groups a and b are of one stratum, c and d of another: two tests of one degree, added."""
    mine = people(4, groups=2)
    mine["group"] = np.array(list("abcd"))[mine["group"] + 2 * mine["stratum"]]
    parts = [
        log_rank(*(mine[name][mine["stratum"] == one] for name in ("day", "event", "group")))
        for one in (0, 1)
    ]
    both = log_rank(**mine)
    assert both.degrees == 2
    assert both.statistic == pytest.approx(sum(part.statistic for part in parts), rel=1e-10)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (([1, 2], [1, 1], ["a", "a"]), "needs two groups at least"),
        (([1, 2], [0, 0], ["a", "b"]), "nobody has the event"),
        (([1, 2], [0, 1], ["a", "b"]), "cannot be compared"),
        (([1, 1], [1, 1], ["a", "b"]), "cannot be compared"),
        (([1, -2], [1, 1], ["a", "b"]), "some rows end before day 0"),
        (([1, np.nan], [1, 1], ["a", "b"]), "some days are missing"),
    ],
)
def test_what_cannot_be_compared_is_told_in_a_sentence(rows, words):
    with pytest.raises(CohortError, match=words):
        log_rank(*rows)
