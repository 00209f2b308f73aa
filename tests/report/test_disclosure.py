"""The rules of the gate out, one table at a time."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.errors import DisclosureError
from iop_outcomes.report.disclosure import Released, release
from iop_outcomes.report.suppression import RULES

# ---------------------------------------------------------------- the gate itself


def test_only_release_makes_a_released_table():
    with pytest.raises(DisclosureError, match="only release"):
        Released(pd.DataFrame({"people": [3]}), 0)


def test_a_table_that_no_rule_knows_does_not_pass():
    with pytest.raises(DisclosureError, match="no disclosure rule"):
        release(pd.DataFrame({"people": [300], "facility": ["F001"]}))


@pytest.mark.parametrize("columns", [sorted(columns) for columns, _ in RULES])
def test_a_table_with_a_row_per_person_does_not_pass(columns):
    with pytest.raises(DisclosureError):
        release(pd.DataFrame({"person_id": ["P000001"], **{name: [100] for name in columns}}))


def test_a_complaint_quotes_no_value_of_the_table():
    with pytest.raises(DisclosureError) as complaint:
        release(pd.DataFrame({"person_id": ["P000123"], "age_years": [47]}))
    assert "P000123" not in str(complaint.value)
    assert "47" not in str(complaint.value)


def test_releasing_leaves_the_table_itself_alone(drawn):
    table = drawn("""
        arm          | people | effective | largest_share
        intervention | 5      | 4.5       | 0.3
        comparator   | 500    | 450.5     | 0.01
    """)
    before = table.copy()
    release(table)
    pd.testing.assert_frame_equal(table, before)


def test_what_was_hidden_is_counted(drawn):
    table = drawn("""
        arm          | people | effective | largest_share
        intervention | 5      | 4.5       | 0.3
        comparator   | 500    | 450.5     | 0.01
    """)
    assert release(table).suppressed == 3


# ---------------------------------------------------------------- attrition

STEP_OF_THREE = """
    criterion | arm          | remaining | excluded
    admitted  | intervention | 500       | 0
    admitted  | comparator   | 400       | 0
    adult     | intervention | 497       | 3
    adult     | comparator   | 380       | 20
    untreated | intervention | 450       | 47
    untreated | comparator   | 350       | 30
"""


def test_a_criterion_that_leaves_out_few_is_told_together_with_the_next(drawn, expect):
    expect(
        release(drawn(STEP_OF_THREE)).table,
        drawn("""
            criterion        | arm          | remaining | excluded
            admitted         | intervention | 500       | 0
            admitted         | comparator   | 400       | 0
            adult; untreated | intervention | 450       | 50
            adult; untreated | comparator   | 350       | 50
        """),
    )


def test_a_step_of_three_is_small_for_any_smallest_count_above_it(drawn):
    assert len(release(drawn(STEP_OF_THREE), 4).table) == 4
    assert len(release(drawn(STEP_OF_THREE), 3).table) == 6


def test_the_last_criterion_joins_the_one_before_it_if_few_are_left_out(drawn, expect):
    table = drawn("""
        criterion | arm          | remaining | excluded
        admitted  | intervention | 500       | 0
        admitted  | comparator   | 400       | 0
        adult     | intervention | 450       | 50
        adult     | comparator   | 380       | 20
        untreated | intervention | 445       | 5
        untreated | comparator   | 350       | 30
    """)
    expect(
        release(table).table,
        drawn("""
            criterion        | arm          | remaining | excluded
            admitted         | intervention | 500       | 0
            admitted         | comparator   | 400       | 0
            adult; untreated | intervention | 445       | 55
            adult; untreated | comparator   | 350       | 50
        """),
    )


def test_if_all_criteria_leave_out_few_only_those_who_remain_are_told(drawn, expect):
    table = drawn("""
        criterion | arm          | remaining | excluded
        admitted  | intervention | 500       | 0
        admitted  | comparator   | 400       | 0
        adult     | intervention | 496       | 4
        adult     | comparator   | 400       | 0
        untreated | intervention | 493       | 3
        untreated | comparator   | 400       | 0
    """)
    expect(
        release(table).table,
        drawn("""
            criterion                  | arm          | remaining | excluded
            admitted; adult; untreated | intervention | 493       | 0
            admitted; adult; untreated | comparator   | 400       | 0
        """),
    )


def test_a_criterion_that_leaves_out_nobody_stays(drawn, expect):
    table = drawn("""
        criterion | arm          | remaining | excluded
        admitted  | intervention | 500       | 0
        admitted  | comparator   | 400       | 0
        adult     | intervention | 500       | 0
        adult     | comparator   | 400       | 0
        untreated | intervention | 500       | 0
        untreated | comparator   | 380       | 20
    """)
    released = release(table)
    expect(released.table, table)
    assert released.suppressed == 0


def test_the_few_who_remain_are_not_what_the_left_out_leave_of_those_before(drawn):
    """100 less 95 is 5."""
    table = drawn("""
        criterion | arm          | remaining | excluded
        admitted  | intervention | 100       | 0
        admitted  | comparator   | 300       | 0
        adult     | intervention | 5         | 95
        adult     | comparator   | 200       | 100
    """)
    shown = release(table).table
    shown = shown[shown["arm"] == "intervention"]
    numbers = shown[["remaining", "excluded"]].astype("float64")
    left = numbers["remaining"].shift() - numbers["excluded"]
    assert not left.between(1, 10).any()


# ---------------------------------------------------------------- balance

BALANCE = """
    covariate | level  | people_intervention | people_comparator
    sex       | female | 200                 | 150
    sex       | male   | 300                 | 250
    substance | none   | 3                   | 0
    substance | opioid | 40                  | 200
    substance | other  | 457                 | 200
    homeless  | yes    | 120                 | 396
"""


def balance(table: pd.DataFrame, size: tuple[int, int] = (500, 400)) -> pd.DataFrame:
    for arm, people in zip(("intervention", "comparator"), size, strict=True):
        share = table[f"people_{arm}"] / people
        table = table.assign(
            **{f"value_{arm}": share, f"weighted_value_{arm}": share.clip(0.01, 0.99)},
            **{f"spread_{arm}": np.nan, f"weighted_spread_{arm}": np.nan},
        )
    return table.assign(smd_before=0.2, smd_after=0.02)


def test_a_hidden_level_is_never_alone_so_the_total_gives_nothing_away(drawn, expect):
    expect(
        release(balance(drawn(BALANCE))).table,
        drawn("""
            covariate | level  | people_intervention | people_comparator
            sex       | female | 200                 | 150
            sex       | male   | 300                 | 250
            substance | none   |                     | 0
            substance | opioid |                     | 200
            substance | other  | 457                 | 200
            homeless  | yes    | 120                 |
        """),
    )


def test_those_without_a_trait_are_protected_where_only_those_with_it_have_a_row(drawn):
    """396 of 400 are homeless: that is four who are not."""
    shown = release(balance(drawn(BALANCE))).table.set_index("covariate").loc["homeless"]
    assert shown[["people_comparator", "value_comparator", "smd_before"]].isna().all()
    assert shown[["people_intervention", "value_intervention"]].notna().all()


def test_shares_are_hidden_with_their_counts_and_what_is_weighted_with_either(drawn):
    shown = release(balance(drawn(BALANCE))).table
    for arm in ("intervention", "comparator"):
        assert (shown[f"value_{arm}"].isna() == shown[f"people_{arm}"].isna()).all()
    either = shown[["people_intervention", "people_comparator"]].isna().any(axis=1)
    linked = ["smd_before", "smd_after", "weighted_value_intervention", "weighted_value_comparator"]
    assert (shown[linked].isna().all(axis=1) == either).all()


def test_a_level_that_nobody_has_is_shown_as_zero(drawn):
    shown = release(balance(drawn(BALANCE))).table
    assert shown.loc[shown["level"] == "none", "people_comparator"].item() == 0


def test_means_of_numbers_are_shown(drawn):
    table = balance(drawn(BALANCE).assign(level=lambda t: t["level"].astype("str")))
    number = {"covariate": "age_years", "value_intervention": 40.5, "value_comparator": 41.5}
    table = pd.concat([table, pd.DataFrame([{**number, "smd_before": 0.1}])], ignore_index=True)
    assert release(table).table.iloc[-1][list(number)].tolist() == list(number.values())


# ---------------------------------------------------------------- overlap, exits, sample size


def test_neighbouring_bins_join_until_each_holds_enough_people_or_none(drawn, expect):
    table = drawn("""
        arm          | low  | high | people | weighted_share
        intervention | 0.0  | 0.25 | 0      | 0
        intervention | 0.25 | 0.5  | 4      | 0.1
        intervention | 0.5  | 0.75 | 16     | 0.3
        intervention | 0.75 | 1.0  | 80     | 0.6
        comparator   | 0.0  | 0.25 | 75     | 0.7
        comparator   | 0.25 | 0.5  | 20     | 0.2
        comparator   | 0.5  | 0.75 | 0      | 0
        comparator   | 0.75 | 1.0  | 5      | 0.1
    """)
    shown = release(table).table
    expect(
        shown.round(9),
        drawn("""
            arm          | low  | high | share | weighted_share
            intervention | 0.0  | 0.25 | 0     | 0
            intervention | 0.25 | 0.75 | 0.2   | 0.4
            intervention | 0.75 | 1.0  | 0.8   | 0.6
            comparator   | 0.0  | 0.25 | 0.75  | 0.7
            comparator   | 0.25 | 1.0  | 0.25  | 0.3
        """),
    )
    assert "people" not in shown


EXITS = """
    arm          | level_of_care | reason      | people | share | weighted_share
    intervention | outpatient    | completed   | 300    | 0.6   | 0.6
    intervention | outpatient    | dropped out | 196    | 0.392 | 0.4
    intervention | outpatient    | death       | 4      | 0.008 | 0.0
    comparator   | residential   | completed   | 300    | 0.6   | 0.5
    comparator   | residential   | dropped out | 200    | 0.4   | 0.5
"""


def test_exits_of_few_are_hidden_with_the_smallest_other_exit_of_their_level(drawn, expect):
    shown = release(drawn(EXITS)).table
    expect(
        shown,
        drawn("""
            arm          | level_of_care | reason      | people | share | weighted_share
            intervention | outpatient    | completed   | 300    | 0.6   | 0.6
            intervention | outpatient    | dropped out |        |       |
            intervention | outpatient    | death       |        |       |
            comparator   | residential   | completed   | 300    | 0.6   | 0.5
            comparator   | residential   | dropped out | 200    | 0.4   | 0.5
        """),
    )


def test_a_level_of_care_that_few_entered_is_not_what_the_other_levels_leave_of_the_arm(drawn):
    """Shares tell that the arm is 500; 300 and 196 are shown, so 4 died elsewhere."""
    table = drawn(EXITS.replace("outpatient    | death", "detoxification | death"))
    shown = release(table).table
    arm = shown[shown["arm"] == "intervention"].astype({"people": "float64"})
    size = (arm["people"] / arm["share"]).mean()
    assert not 1 <= size - arm["people"].sum() <= 10


def test_the_size_of_a_small_arm_is_hidden_with_its_weights(drawn, expect):
    table = drawn("""
        arm          | people | effective | largest_share
        intervention | 10     | 9.5       | 0.12
        comparator   | 11     | 10.5      | 0.11
    """)
    expect(
        release(table).table,
        drawn("""
            arm          | people | effective | largest_share
            intervention |        |           |
            comparator   | 11     | 10.5      | 0.11
        """),
    )
    assert release(table, 6).suppressed == 0


def test_planted_truths_pass_as_they_are(drawn):
    table = drawn("""
        outcome | horizon_days | estimand | measure         | truth
        relapse | 180          | ATO      | risk_difference | 0.002
    """)
    pd.testing.assert_frame_equal(release(table).table, table)


def test_rows_set_aside_are_not_what_the_accepted_leave_of_those_read(drawn, expect):
    table = drawn("""
        table  | read | accepted | duplicates | quarantined
        stays  | 500  | 484      | 12         | 4
        events | 300  | 300      | 0          | 0
    """)
    expect(
        release(table).table,
        drawn("""
            table  | read | accepted | duplicates | quarantined
            stays  | 500  | 484      |            |
            events | 300  | 300      | 0          | 0
        """),
    )


def test_a_rule_that_few_rows_break_is_not_the_rest_of_all_set_aside(drawn, expect):
    table = drawn("""
        table | rule            | severity   | rows
        stays | backwards       | quarantine | 4
        stays | after death     | quarantine | 30
        stays | overlapping     | warning    | 11
    """)
    expect(
        release(table).table,
        drawn("""
            table | rule            | severity   | rows
            stays | backwards       | quarantine |
            stays | after death     | quarantine |
            stays | overlapping     | warning    | 11
        """),
    )


def test_a_released_table_cannot_be_exchanged_for_another():
    attrition = pd.DataFrame(
        {"criterion": ["a", "a"], "arm": list("xy"), "remaining": [50, 60], "excluded": [0, 0]}
    )
    released = release(attrition)
    with pytest.raises(DisclosureError, match="only release"):
        replace(released, table=attrition.assign(remaining=3))
