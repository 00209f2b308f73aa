"""The rules of the gate out for what happened to people: estimates, counts, curves."""

import pandas as pd
import pytest

from iop_outcomes.report.disclosure import release

# ---------------------------------------------------------------- estimates

ESTIMATE = {
    "outcome": "relapse", "measure": "risk_difference", "method": "iptw", "estimand": "ATO",
    "horizon_days": 180, "estimate": 0.1, "std_error": 0.02, "conf_low": 0.06, "conf_high": 0.14,
    "se_method": "by hand", "n": 500, "effective_n": 450.5, "clusters": pd.NA,
    "verdict": "inconclusive", "smallest_cell": 40, "fewest_missing": 0,
}  # fmt: skip
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high", "verdict"]


def estimates(*rows: dict) -> pd.DataFrame:
    whole = ["horizon_days", "n", "clusters", "smallest_cell", "fewest_missing"]
    return pd.DataFrame([{**ESTIMATE, **row} for row in rows]).astype(dict.fromkeys(whole, "Int64"))


@pytest.mark.parametrize("few", [1, 10])
def test_an_estimate_that_rests_on_few_people_is_hidden_with_its_interval_and_verdict(few):
    shown = release(estimates({"smallest_cell": few}, {})).table
    assert shown.loc[0, NUMBERS].isna().all()
    assert shown.loc[1, NUMBERS].notna().all()


@pytest.mark.parametrize("enough", [0, 11])
def test_an_estimate_that_rests_on_nobody_or_on_enough_is_shown(enough):
    assert release(estimates({"smallest_cell": enough})).table[NUMBERS].notna().all(axis=None)


def test_how_many_people_an_estimate_gives_away_is_itself_not_shown():
    assert not {"smallest_cell", "fewest_missing"} & set(release(estimates({})).table)


def test_the_smallest_count_is_the_protocols():
    assert release(estimates({"smallest_cell": 7}), 6).table["estimate"].notna().all()
    assert release(estimates({"smallest_cell": 5}), 6).table["estimate"].isna().all()


def test_a_number_of_people_is_hidden_if_few_more_have_no_outcome():
    other = {"outcome": "discontinuation", "n": 400, "fewest_missing": 11}
    shown = release(estimates({"fewest_missing": 10}, other)).table
    assert shown["n"].isna().tolist() == [True, False]
    assert shown["effective_n"].isna().tolist() == [True, False]


@pytest.mark.parametrize(("estimand", "hidden"), [("ATT", True), ("ATC", True), ("ATO", False)])
def test_the_risk_of_an_arm_whose_own_effect_is_averaged_does_not_tell_the_few_not_known(
    estimand, hidden
):
    """Everyone in that arm weighs one, so its risk is a share that only one number can have."""
    shown = release(estimates({"estimand": estimand, "fewest_missing": 10})).table
    assert shown.loc[0, NUMBERS].isna().all() == hidden


@pytest.mark.parametrize(
    ("method", "hidden"), [("unadjusted", True), ("g_computation", True), ("aipw", False)]
)
def test_a_risk_without_weights_does_not_tell_the_few_not_known(method, hidden):
    shown = release(estimates({"method": method, "fewest_missing": 10})).table
    assert shown.loc[0, NUMBERS].isna().all() == hidden


def test_a_number_of_people_near_one_that_stands_beside_it_is_hidden():
    others = estimates({"n": 495, "alternative": "a few less"}, {"n": 480, "alternative": "less"})
    assert release(others, beside=estimates({"n": 500})).table["n"].tolist() == [pd.NA, 480]


def test_a_number_of_people_near_a_larger_one_is_hidden():
    rows = [{"n": n, "alternative": f"the {n}"} for n in (500, 495, 489, 500)]
    assert release(estimates(*rows)).table["n"].tolist() == [500, pd.NA, 489, 500]


def test_a_hidden_number_of_people_is_not_both_arms_less_the_other(drawn):
    """195 are hidden, being near 200; but 425 less 230 are 195."""
    table = drawn("""
        alternative | measure           | n
        as planned  | risk_intervention | 200
        as planned  | risk_comparator   | 200
        as planned  | risk_difference   | 400
        other care  | risk_intervention | 195
        other care  | risk_comparator   | 230
        other care  | risk_difference   | 425
    """)
    shown = release(estimates(*table.to_dict("records"))).table
    n = shown.pivot(index="alternative", columns="measure", values="n").astype("float64")
    planned, other = n.loc["as planned"], n.loc["other care"]
    derived = other["risk_difference"] - other["risk_comparator"]
    assert not 1 <= planned["risk_intervention"] - derived <= 10


# ---------------------------------------------------------------- arms

ARMS = """
    outcome | method | arm          | people | missing | events | competing | censored | median_days | restricted_mean_days | restricted_mean_error
    relapse | iptw   | intervention | 500    | 0       | 100    | 3         | 40       | 90          | 80.5                 | 2.5
    relapse | iptw   | comparator   | 400    | 0       | 100    | 30        | 40       | 91          | 81.5                 | 2.5
"""  # noqa: E501


def test_few_competing_events_are_hidden_with_the_smallest_part_beside_them(drawn, expect):
    expect(
        release(drawn(ARMS)).table,
        drawn("""
            arm          | people | missing | events | competing | censored | median_days
            intervention | 500    | 0       | 100    |           |          | 90
            comparator   | 400    | 0       | 100    | 30        | 40       | 91
        """),
    )


def test_few_still_free_of_everything_are_hidden_though_they_have_no_column(drawn, expect):
    table = drawn(ARMS).assign(people=[147, 400])  # 147 - 100 - 3 - 40: four
    shown = release(table).table
    hidden = shown.loc[0, ["events", "competing", "censored"]].isna()
    assert hidden.sum() >= 2


@pytest.mark.parametrize("events, people", [(3, 500), (497, 500)])
def test_times_are_hidden_where_few_have_the_event_or_few_have_not(drawn, events, people):
    table = drawn(ARMS).assign(events=[events, 100], people=[people, 400], competing=0, censored=0)
    times = ["median_days", "restricted_mean_days", "restricted_mean_error"]
    shown = release(table).table
    assert shown.loc[0, times].isna().all()
    assert shown.loc[1, times].notna().all()
    assert pd.isna(shown.loc[0, "events"])


def test_people_and_events_are_hidden_with_the_few_whose_outcome_is_not_known(drawn):
    """Events over their risk are the people followed, who less the enrolled are the few."""
    shown = release(drawn(ARMS).assign(missing=[4, 40])).table
    assert shown.loc[0, ["people", "missing", "events"]].isna().all()
    assert shown.loc[1, ["people", "missing", "events"]].tolist() == [400, 40, 100]


# ---------------------------------------------------------------- curves and numbers at risk


def test_steps_of_a_curve_wait_until_enough_people_stand_behind_them(drawn, expect):
    table = drawn("""
        outcome | method | arm          | day | risk | conf_low | conf_high | at_risk | events
        relapse | iptw   | intervention | 0   | 0    | 0        | 0         | 300     | 0
        relapse | iptw   | intervention | 5   | 0.02 | 0.01     | 0.03      | 300     | 6
        relapse | iptw   | intervention | 9   | 0.04 | 0.03     | 0.05      | 290     | 12
        relapse | iptw   | intervention | 12  | 0.05 | 0.04     | 0.06      | 280     | 15
        relapse | iptw   | intervention | 30  | 0.1  | 0.05     | 0.15      | 270     | 30
    """)
    shown = release(table).table
    expect(
        shown,
        drawn("""
            day | risk | conf_low | conf_high
            0   | 0    | 0        | 0
            9   | 0.04 | 0.03     | 0.05
            30  | 0.1  | 0.05     | 0.15
        """),
    )
    assert not {"at_risk", "events"} & set(shown)


def test_a_curve_ends_at_its_horizon_and_the_step_before_gives_way_if_too_near(drawn, expect):
    table = drawn("""
        outcome | method | arm          | day | risk | conf_low | conf_high | at_risk | events
        relapse | iptw   | intervention | 0   | 0    | 0        | 0         | 300     | 0
        relapse | iptw   | intervention | 9   | 0.04 | 0.03     | 0.05      | 290     | 12
        relapse | iptw   | intervention | 80  | 0.08 | 0.04     | 0.12      | 280     | 24
        relapse | iptw   | intervention | 90  | 0.1  | 0.05     | 0.15      | 270     | 30
    """)
    expect(
        release(table).table,
        drawn("""
            day | risk
            0   | 0
            9   | 0.04
            90  | 0.1
        """),
    )


def test_the_tail_of_a_curve_with_few_at_risk_is_cut(drawn, expect):
    table = drawn("""
        outcome | method | arm          | day | risk | conf_low | conf_high | at_risk | events
        relapse | iptw   | intervention | 0   | 0    | 0        | 0         | 60      | 0
        relapse | iptw   | intervention | 9   | 0.2  | 0.1      | 0.3       | 60      | 12
        relapse | iptw   | intervention | 60  | 0.8  | 0.7      | 0.9       | 10      | 48
        relapse | iptw   | intervention | 90  | 0.8  | 0.7      | 0.9       | 8       | 48
    """)
    expect(release(table).table, drawn("day | risk\n0 | 0\n9 | 0.2"))
    assert release(table, 6).table["day"].tolist() == [0, 9, 60, 90]


def test_numbers_at_risk_drop_by_nobody_or_by_enough(drawn, expect):
    table = drawn("""
        outcome | arm          | day | at_risk | enrolled
        relapse | intervention | 0   | 100     | 100
        relapse | intervention | 30  | 95      | 100
        relapse | intervention | 60  | 80      | 100
        relapse | intervention | 90  | 80      | 100
        relapse | intervention | 120 | 10      | 100
        relapse | intervention | 150 | 0       | 100
        relapse | comparator   | 0   | 97      | 97
    """)
    expect(
        release(table).table,
        drawn("""
            arm          | day | at_risk
            intervention | 0   | 100
            intervention | 30  |
            intervention | 60  | 80
            intervention | 90  | 80
            intervention | 120 |
            intervention | 150 | 0
            comparator   | 0   | 97
        """),
    )


def test_numbers_at_risk_do_not_tell_the_few_whose_outcome_is_not_known(drawn, expect):
    table = drawn("""
        outcome | arm          | day | at_risk | enrolled
        relapse | intervention | 0   | 96      | 100
        relapse | intervention | 30  | 80      | 100
        relapse | comparator   | 0   | 80      | 100
        relapse | comparator   | 30  | 75      | 100
    """)
    expect(
        release(table).table,
        drawn("""
            arm          | day | at_risk
            intervention | 0   |
            intervention | 30  | 80
            comparator   | 0   | 80
            comparator   | 30  |
        """),
    )
