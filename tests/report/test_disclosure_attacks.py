"""An attacker with what is shown, the totals, arithmetic and linear programming.

People come in whole, non-negative numbers. Whatever is drawn, no hidden cell of 1 to k - 1 people
may be pinned to one value, and hidden cells of one total are together no small count themselves.
"""

from itertools import pairwise

import numpy as np
import pandas as pd
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from iop_outcomes.report.disclosure import release
from iop_outcomes.report.suppression import is_small, with_complements

THRESHOLDS = st.sampled_from([11, 6])
COUNT = st.one_of(st.integers(0, 14), st.integers(15, 80))
ARMS = ("intervention", "comparator")
PHASES = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
few_examples = settings(max_examples=40, deadline=None, phases=PHASES)
more_examples = settings(max_examples=80, deadline=None, phases=PHASES)


def bounds(shown: pd.Series, total: float) -> list[tuple[float, float]]:
    """Least and greatest value that every hidden cell can have, its row adding up to `total`."""
    hidden = shown.isna().to_numpy()
    left = total - shown.sum()
    found = []
    for place in range(hidden.sum()):
        aim = np.eye(hidden.sum())[place]
        ends = [
            linprog(sign * aim, A_eq=np.ones((1, hidden.sum())), b_eq=[left], bounds=(0, None))
            for sign in (1, -1)
        ]
        found.append((ends[0].fun, -ends[1].fun))
    return found


def assert_safe(true: pd.Series, shown: pd.Series, k: int) -> None:
    """No cell of 1 to k - 1 is shown, pinned, or the rest of a total that is known."""
    true, shown = true.astype("float64"), shown.astype("float64")
    assert (shown.dropna() == true[shown.notna()]).all(), "what is shown is true"
    assert not is_small(shown, k).any(), "a small cell is shown"
    total = true.sum()
    if 0 < total < k:  # a total so small is not told itself
        return
    for value, (low, high) in zip(true[shown.isna()], bounds(shown, total), strict=True):
        assert not 0 < value < k or high - low >= 1, f"{value:g} can only be {low:g}"
    if shown.isna().any():
        assert true[shown.isna()].sum() >= k, "together they are a small count"


# ---------------------------------------------------------------- counts with a total


@more_examples
@given(st.lists(COUNT, min_size=1, max_size=7), THRESHOLDS)
def test_covered_cells_are_not_pinned_by_their_total(cells, k):
    true = pd.Series(cells)
    assert_safe(true, true.astype("Int64").mask(with_complements(true, k)), k)


@given(st.lists(st.one_of(st.just(0), st.integers(11, 80)), min_size=1, max_size=7), THRESHOLDS)
def test_nothing_is_hidden_where_nothing_is_small(cells, k):
    assert not with_complements(pd.Series(cells), k).any()


@given(st.lists(COUNT, min_size=1, max_size=7), THRESHOLDS)
def test_nobody_is_shown_as_nobody(cells, k):
    true = pd.Series(cells)
    assert not with_complements(true, k)[true == 0].any()


# ---------------------------------------------------------------- exits

LEVEL = st.dictionaries(
    st.sampled_from(["completed", "dropped out", "transferred", "death", "other"]),
    COUNT.filter(bool),
    min_size=1,
)
EXITS = st.fixed_dictionaries(
    {
        "intervention": st.dictionaries(st.just("outpatient"), LEVEL, min_size=1),
        "comparator": st.dictionaries(st.sampled_from(["short", "long"]), LEVEL, min_size=1),
    }
)


def exits_table(arms: dict) -> pd.DataFrame:
    rows = [
        (arm, level, reason, people)
        for arm, levels in arms.items()
        for level, reasons in levels.items()
        for reason, people in reasons.items()
    ]
    table = pd.DataFrame(rows, columns=["arm", "level_of_care", "reason", "people"])
    share = table["people"] / table.groupby("arm")["people"].transform("sum")
    return table.assign(share=share, weighted_share=share)


@few_examples
@given(EXITS, THRESHOLDS)
def test_exits_are_safe_from_whoever_knows_the_people_of_each_level_of_care(arms, k):
    table = exits_table(arms)
    shown = release(table, k).table
    for _, level in table.groupby(["arm", "level_of_care"]):
        assert_safe(level["people"], shown.loc[level.index, "people"], k)


@few_examples
@given(EXITS, THRESHOLDS)
def test_exits_are_safe_from_whoever_knows_the_people_of_each_arm(arms, k):
    table = exits_table(arms)
    shown = release(table, k).table
    for _, arm in table.groupby("arm"):
        assert_safe(arm["people"], shown.loc[arm.index, "people"], k)


@few_examples
@given(EXITS, THRESHOLDS)
def test_no_share_of_exits_is_shown_whose_count_is_hidden(arms, k):
    shown = release(exits_table(arms), k).table
    hidden = shown["people"].isna()
    assert shown.loc[hidden, ["share", "weighted_share"]].isna().all(axis=None)


# ---------------------------------------------------------------- balance


def levels_table(counts: list[tuple[int, int]], names: list[str]) -> pd.DataFrame:
    table = pd.DataFrame(counts, columns=[f"people_{arm}" for arm in ARMS])
    for arm in ARMS:
        share = table[f"people_{arm}"] / max(table[f"people_{arm}"].sum(), 1)
        table = table.assign(**{f"value_{arm}": share, f"weighted_value_{arm}": share})
    return table.assign(covariate="substance", level=names, smd_before=0.3, smd_after=0.1)


@few_examples
@given(st.lists(st.tuples(COUNT, COUNT), min_size=2, max_size=6), THRESHOLDS)
def test_levels_are_safe_from_whoever_knows_the_people_of_each_arm(counts, k):
    table = levels_table(counts, [f"level {row}" for row in range(len(counts))])
    shown = release(table, k).table
    for arm in ARMS:
        assert_safe(table[f"people_{arm}"], shown[f"people_{arm}"], k)


@few_examples
@given(st.lists(st.tuples(COUNT, COUNT), min_size=2, max_size=6), THRESHOLDS)
def test_neither_shares_nor_differences_stand_in_for_hidden_levels(counts, k):
    table = levels_table(counts, [f"level {row}" for row in range(len(counts))])
    shown = release(table, k).table
    for arm in ARMS:
        hidden = shown[f"people_{arm}"].isna()
        derived = [f"value_{arm}", f"weighted_value_{arm}", "smd_before", "smd_after"]
        assert shown.loc[hidden, derived].isna().all(axis=None)


@more_examples
@given(st.tuples(COUNT, COUNT), st.tuples(COUNT, COUNT), THRESHOLDS)
def test_a_trait_with_one_row_gives_away_neither_those_with_it_nor_those_without(have, lack, k):
    table = levels_table([have], ["yes"])
    for arm, yes, no in zip(ARMS, have, lack, strict=True):
        share = yes / max(yes + no, 1)
        table = table.assign(**{f"value_{arm}": share, f"weighted_value_{arm}": share})
    shown = release(table, k).table
    for arm, yes, no in zip(ARMS, have, lack, strict=True):
        if 0 < yes < k or (0 < no < k and yes):
            told = ["people_" + arm, "value_" + arm, "weighted_value_" + arm, "smd_before"]
            assert shown[told].isna().all(axis=None)


# ---------------------------------------------------------------- attrition

LEFT_OUT = st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=6)


def attrition_table(admitted: tuple[int, int], left_out: list[tuple[int, int]]) -> pd.DataFrame:
    rows, remaining = [], dict(zip(ARMS, admitted, strict=True))
    for step, counts in enumerate([(0, 0), *left_out]):
        for arm, wanted in zip(ARMS, counts, strict=True):
            excluded = min(wanted, remaining[arm])
            remaining[arm] -= excluded
            rows.append((f"criterion {step}", arm, remaining[arm], excluded))
    return pd.DataFrame(rows, columns=["criterion", "arm", "remaining", "excluded"])


@few_examples
@given(st.tuples(st.integers(1, 200), st.integers(1, 200)), LEFT_OUT, THRESHOLDS)
def test_no_small_group_is_the_difference_of_shown_steps(admitted, left_out, k):
    shown = release(attrition_table(admitted, left_out), k).table
    for _, steps in shown.groupby("arm"):
        known = steps["remaining"].astype("float64").tolist()
        out = steps["excluded"].astype("float64").tolist()
        for step in range(1, len(known)):  # either number follows from the other
            if np.isnan(known[step]):
                known[step] = known[step - 1] - out[step]
            if np.isnan(known[step - 1]):
                known[step - 1] = known[step] + out[step]
        assert not any(0 < number < k for number in (*known, *out))
        assert not any(0 < before - after < k for before, after in pairwise(known))


@few_examples
@given(LEFT_OUT, THRESHOLDS)
def test_steps_add_up_and_end_with_those_who_remain(left_out, k):
    table = attrition_table((1000, 900), left_out)
    shown = release(table, k).table
    assert "; ".join(shown["criterion"].unique()) == "; ".join(table["criterion"].unique())
    for arm, steps in shown.groupby("arm"):
        assert (-steps["remaining"].diff() == steps["excluded"]).iloc[1:].all()
        assert steps["excluded"].iloc[0] == 0
        last = table.loc[table["arm"] == arm, "remaining"].iloc[-1]
        assert steps["remaining"].iloc[-1] == last


# ---------------------------------------------------------------- arms


@few_examples
@given(st.lists(st.tuples(COUNT, COUNT, COUNT, COUNT), min_size=2, max_size=2), THRESHOLDS)
def test_what_became_of_an_arm_is_safe_from_whoever_knows_its_people(arms, k):
    table = pd.DataFrame(arms, columns=["events", "competing", "censored", "still free"])
    table = table.assign(
        people=table.sum(axis=1), missing=0, outcome="relapse", method="iptw", arm=ARMS,
        median_days=50.0, restricted_mean_days=40.0, restricted_mean_error=1.0,
    )  # fmt: skip
    parts = ["events", "competing", "censored"]
    shown = release(table.drop(columns="still free"), k).table
    assert not is_small(shown[parts], k).any(axis=None)
    for row in table.index[table["people"] >= k]:
        true = table.loc[row, [*parts, "still free"]].astype("float64")
        told = shown.loc[row, parts].astype("float64")
        # Those still free have no column: they are what all the other parts leave.
        told["still free"] = true["still free"] if told.notna().all() else np.nan
        assert_safe(true, told, k)


# ---------------------------------------------------------------- numbers at risk and curves

LEAVING = st.lists(st.tuples(COUNT, COUNT), min_size=1, max_size=12)


@few_examples
@given(LEAVING, COUNT, THRESHOLDS)
def test_numbers_at_risk_and_enrolled_differ_by_nobody_or_by_enough(leaving, missing, k):
    at_risk = np.cumsum([sum(step) for step in leaving])[::-1]
    table = pd.DataFrame({"day": range(len(at_risk)), "at_risk": at_risk})
    enrolled = at_risk[0] + missing
    table = table.assign(outcome="relapse", arm="intervention", enrolled=enrolled)
    shown = release(table, k).table
    assert "enrolled" not in shown
    told = [enrolled, *shown["at_risk"].dropna()]
    assert not any(0 < number < k for number in told[1:])
    assert not any(0 < before - after < k for before, after in pairwise(told))


@more_examples
@given(LEAVING, st.integers(0, 40), THRESHOLDS)
def test_no_shown_step_of_a_curve_rests_on_few_events_or_few_at_risk(leaving, stay, k):
    """Each day some have the event and some leave otherwise; the last day is the horizon."""
    events, others = np.array([(0, 0), *leaving]).T
    left_before = np.concatenate([[0], np.cumsum(events + others)[:-1]])
    people = events.sum() + others.sum() + stay
    table = pd.DataFrame(
        {
            "outcome": "relapse", "method": "iptw", "arm": "intervention",
            "day": range(len(events)), "at_risk": people - left_before,
            "events": np.cumsum(events), "risk": np.cumsum(events) / max(people, 1),
            "conf_low": 0.0, "conf_high": 1.0,
        }
    )  # fmt: skip
    days = release(table, k).table["day"].tolist()
    told = table.set_index("day").loc[days]
    steps = np.diff(told["events"], prepend=0)
    assert not ((steps > 0) & (steps < k)).any()
    assert (told["at_risk"] >= k).all()
    horizon = table.iloc[-1]
    if horizon["at_risk"] >= k and table.loc[table["at_risk"] >= k, "events"].max() >= 2 * k:
        assert days[-1] == horizon["day"]


# ---------------------------------------------------------------- overlap


@few_examples
@given(st.lists(COUNT, min_size=2, max_size=10), THRESHOLDS)
def test_every_bin_of_the_overlap_holds_nobody_or_enough(people, k):
    edges = np.linspace(0, 1, len(people) + 1)
    total = sum(people)
    if total < k:
        return  # the arm itself is too small to be told
    table = pd.DataFrame({"arm": "comparator", "low": edges[:-1], "high": edges[1:]})
    share = np.array(people) / total
    shown = release(table.assign(people=people, weighted_share=share), k).table
    counts = shown["share"] * total
    rounding = 0.0005 * total + 1e-9
    assert ((counts < rounding) | (counts > k - rounding)).all()
    assert np.allclose(shown["weighted_share"], shown["share"])
    assert abs(shown["share"].sum() - 1) <= 0.0005 * len(shown) + 1e-9
    assert shown["low"].tolist() == [0.0, *shown["high"].iloc[:-1]]
    assert shown["high"].iloc[-1] == 1
