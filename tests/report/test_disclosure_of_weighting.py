"""What a weighting that leaves people out may say of them, and what a broken seal says.

Matched people weigh alike: a weighted share, times how many are left, is a number of people.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.analysis.seal import SEAL, unsealed
from iop_outcomes.protocol.analysis_plan import Seal, Weighting, WeightLimits
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import write_report
from iop_outcomes.report.seal_page import seal_sentences
from iop_outcomes.report.wording import population

ARMS = ("intervention", "comparator")
INSIDE = ("weighted_people", "left_out", "in_equipoise", "smallest_level", "smallest_cell")


def balance(stayed: dict[str, list[int]], gone: dict[str, list[int]]) -> pd.DataFrame:
    """A covariate of levels whose people stayed or were left out, all who stayed weighing alike."""
    rows = []
    for place in range(len(stayed["intervention"])):
        row = {"covariate": "drug", "level": f"{place}", "smd_before": 0.2, "smd_after": 0.01}
        for arm in ARMS:
            everyone = sum(stayed[arm]) + sum(gone[arm])
            people = stayed[arm][place] + gone[arm][place]
            row |= {
                f"people_{arm}": people,
                f"value_{arm}": people / max(everyone, 1),
                f"weighted_value_{arm}": stayed[arm][place] / max(sum(stayed[arm]), 1),
                f"weighted_people_{arm}": stayed[arm][place],
                f"left_out_{arm}": sum(gone[arm]),
            }
        rows.append(row)
    return pd.DataFrame(rows)


def shown_levels(**counts) -> pd.DataFrame:
    return release(balance(**counts)).table


def test_nothing_more_is_hidden_where_nobody_was_left_out():
    table = shown_levels(
        stayed={"intervention": [100, 200], "comparator": [150, 150]},
        gone={"intervention": [0, 0], "comparator": [0, 0]},
    )
    assert table.notna().all(axis=None)
    assert not [name for name in table if name.startswith(INSIDE)]


def test_a_level_of_which_few_were_left_out_has_no_weighted_share_in_either_arm():
    """3 of the first level were left out; the smallest other level of the arm covers them."""
    table = shown_levels(
        stayed={"intervention": [100, 200, 300], "comparator": [150, 150, 300]},
        gone={"intervention": [3, 40, 50], "comparator": [20, 20, 20]},
    )
    for arm in ARMS:
        assert table[f"weighted_value_{arm}"].isna().tolist() == [True, True, False]
        assert table[f"people_{arm}"].notna().all()
    assert table["smd_after"].notna().all()


def test_a_level_in_which_few_stayed_has_no_weighted_share():
    table = shown_levels(
        stayed={"intervention": [5, 30, 200], "comparator": [50, 50, 135]},
        gone={"intervention": [60, 60, 60], "comparator": [20, 20, 20]},
    )
    assert table["weighted_value_comparator"].isna().tolist() == [True, True, False]


def test_where_few_of_an_arm_were_left_out_no_weighted_value_tells_how_many():
    number = {"covariate": "age", "level": None, "value_intervention": 40.0}
    number |= {"weighted_value_intervention": 41.0, "left_out_intervention": 3}
    number |= {"weighted_spread_intervention": 9.0, "smd_before": 0.1, "smd_after": 0.0}
    levels = balance(
        stayed={"intervention": [100, 200], "comparator": [150, 150]},
        gone={"intervention": [3, 0], "comparator": [0, 0]},
    )
    table = release(pd.concat([levels, pd.DataFrame([number])], ignore_index=True)).table
    assert table.filter(regex="^weighted_").isna().all(axis=None)
    assert table["smd_after"].notna().all()


COUNT = st.one_of(st.integers(0, 14), st.integers(15, 80))


@settings(max_examples=30, deadline=None)
@given(st.data(), st.integers(1, 5), st.sampled_from([11, 6]))
def test_no_weighted_share_is_shown_over_few_who_stayed_or_few_who_did_not(data, levels, k):
    of = st.lists(COUNT, min_size=levels, max_size=levels)
    stayed, gone = ({arm: data.draw(of) for arm in ARMS} for _ in range(2))
    if any(sum(stayed[arm]) == 0 for arm in ARMS):
        return
    shown = release(balance(stayed, gone), k).table
    for arm in ARMS:
        told = shown[f"weighted_value_{arm}"].notna().to_numpy()
        for counts in (np.array(stayed[arm]), np.array(gone[arm])):
            if not sum(gone[arm]):
                break
            assert not ((counts[told] > 0) & (counts[told] < k)).any()
            # What is not told of a covariate is no small count either.
            assert not 0 < counts[~told].sum() < k or not told.any()
        assert not (told.any() and 0 < sum(gone[arm]) < k)


@pytest.fixture
def sizes():
    return pd.DataFrame(
        {
            "arm": ARMS,
            "people": [500, 600],
            "effective": [497.0, 497.0],
            "largest_share": [0.01, 0.01],
            "trimmed": [0, 0],
            "unmatched": [3, 103],
            "in_equipoise": [400, 595],
            "equipoise": [0.8, 0.99],
            "overlap_before": 0.75,
            "overlap_after": 0.9,
            "smallest_level": 800,
        }
    )


def test_how_many_found_no_match_is_hidden_with_what_would_tell_it(sizes):
    """5 of the comparator arm are not in equipoise, so their share is hidden too."""
    one, other = release(sizes).table.set_index("arm").to_dict("records")
    hidden = ["effective", "largest_share", "trimmed", "unmatched", "equipoise"]
    assert [name for name, value in one.items() if pd.isna(value)] == hidden
    assert [name for name, value in other.items() if pd.isna(value)] == ["equipoise"]
    assert (one["people"], other["people"], other["unmatched"]) == (500, 600, 103)
    assert not {"in_equipoise", "smallest_level"} & set(one)


def test_the_overlap_of_a_score_that_few_share_is_hidden(sizes):
    assert (
        release(sizes.assign(smallest_level=4))
        .table[["overlap_before", "overlap_after"]]
        .isna()
        .all(axis=None)
    )


BINS = """
    arm          | low | high | people | weighted_people | weighted_share
    intervention | 0.0 | 0.5  | 100    | 95              | 0.5
    intervention | 0.5 | 0.8  | 100    | 50              | 0.3
    intervention | 0.8 | 1.0  | 100    | 30              | 0.2
"""


def test_bins_join_until_enough_people_stayed_and_enough_did_not(drawn):
    table = release(drawn(BINS)).table
    assert table[["low", "high"]].to_numpy().tolist() == [[0.0, 0.8], [0.8, 1.0]]
    assert table["weighted_share"].tolist() == pytest.approx([0.8, 0.2])


def test_where_few_were_left_out_no_bin_has_a_weighted_share(drawn):
    few = BINS.replace("| 50  ", "| 99  ").replace("| 30  ", "| 100 ")
    table = release(drawn(few)).table
    assert table["share"].tolist() == pytest.approx([1 / 3] * 3, abs=0.001)
    assert table["weighted_share"].isna().all()


def test_exits_have_no_weighted_share_where_somebody_was_left_out(drawn):
    table = drawn("""
        arm          | level_of_care | reason      | people | share | weighted_share
        intervention | outpatient    | completed   | 300    | 0.6   | 0.6
        intervention | outpatient    | dropped out | 200    | 0.4   | 0.4
    """)
    for left_out in (True, False):
        shown = release(table.assign(left_out=left_out)).table
        assert shown["weighted_share"].isna().all() == left_out
        assert shown["people"].notna().all()


def test_counts_of_people_who_stayed_are_not_set_beside_those_of_everyone(drawn):
    table = drawn("""
        outcome | method     | arm          | people | missing | events
        relapse | unadjusted | intervention | 500    | 0       | 100
        relapse | iptw       | intervention | 480    | 0       | 97
    """).assign(competing=0, censored=0, median_days=50)
    table = table.assign(restricted_mean_days=60.0, restricted_mean_error=1.0)
    shown = release(table).table.set_index("method")
    assert shown.loc["unadjusted", ["people", "events"]].tolist() == [500, 100]
    assert shown.loc["iptw", ["people", "events"]].isna().all()


def test_a_curve_is_not_drawn_of_which_few_were_left_out(drawn):
    table = drawn("""
        outcome | method | arm          | day | risk | at_risk | events | few_left_out
        relapse | iptw   | intervention | 0   | 0.0  | 400     | 0      | 4
        relapse | iptw   | intervention | 90  | 0.25 | 300     | 100    | 4
        relapse | iptw   | comparator   | 0   | 0.0  | 400     | 0      | 0
        relapse | iptw   | comparator   | 90  | 0.25 | 300     | 100    | 0
    """)
    shown = release(table.assign(conf_low=table["risk"], conf_high=table["risk"])).table
    assert set(shown["arm"]) == {"comparator"}
    assert "few_left_out" not in shown


# A broken seal


def seal(**found) -> pd.DataFrame:
    rows = [
        (condition, "homeless: yes", limit, value, False, cell)
        for condition, (limit, value, cell) in found.items()
    ]
    return pd.DataFrame(rows, columns=list(SEAL)).astype(SEAL)


def test_a_released_seal_names_no_covariate_and_hides_what_tells_of_few():
    table = release(seal(largest_smd=(0.1, 0.1534, 0), smallest_equipoise=(0.5, 0.02, 7))).table
    assert "where" not in table
    assert "smallest_cell" not in table
    assert table["found"].fillna(-1).tolist() == [0.153, -1]


@pytest.fixture
def broken(protocol):
    reason = Seal(broken_because="the committee saw the balance.")
    return replace(protocol, analysis=replace(protocol.analysis, seal=reason))


def test_a_broken_seal_says_what_failed_and_why_it_was_broken(broken):
    table = release(seal(largest_smd=(0.1, 0.1534, 0), smallest_equipoise=(0.5, 0.02, 7)))
    assert seal_sentences(table, broken) == [
        "The seal on the estimates was broken: the largest standardised mean difference after "
        "weighting is 0.153 and was to be at most 0.100; –% of the people are in equipoise and at "
        "least 50.0% were to be. The reason given: the committee saw the balance."
    ]


def test_a_seal_that_holds_and_no_seal_say_nothing(broken, protocol):
    holds = seal(largest_smd=(0.1, 0.05, 0)).assign(holds=True)
    assert seal_sentences(release(holds), broken) == []
    assert seal_sentences(release(unsealed()), protocol) == []


def test_the_report_and_its_summary_tell_of_a_broken_seal_before_any_verdict(findings, broken):
    files = write_report(replace(findings, seal=seal(largest_smd=(0.1, 0.2, 0))), broken).files
    for name in ("report.html", "summary.md"):
        said = files[name].index("The seal on the estimates was broken")
        assert said < files[name].index("percentage points")


# Whom it is about


def test_the_population_says_who_does_not_count(protocol):
    plan = replace(
        protocol.analysis,
        weighting=Weighting.NEAREST_NEIGHBOURS,
        limits=WeightLimits(trim=0.05),
    )
    said = population(replace(protocol, analysis=plan))
    assert "was between 5.0% and 95.0%" in said
    assert said.endswith("of whom only those count who found a match in the other arm")
