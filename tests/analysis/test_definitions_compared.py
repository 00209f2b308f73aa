"""The effect under several definitions: the numbers of an analysis of its own, without verdicts."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.robustness import compare_alternatives
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort

OTHERS = {"relapse": {"other_definitions": ["REL-USE", "REL-READ", "REL-READ-180"]}}
ALONE = {
    "relapse": {
        "definition": None, "definition_id": "REL-READ", "events": [], "competing": [],
    }
}  # fmt: skip
NUMBERS = ["estimate", "std_error", "conf_low", "conf_high", "n", "effective_n", "smallest_cell"]


@pytest.fixture(scope="module")
def asked(study):
    return study(outcomes=OTHERS)


@pytest.fixture(scope="module")
def found(road, asked):
    return compare(*road(asked), asked)


def by(table, **values):
    rows = table[[all(row[k] == v for k, v in values.items()) for row in table.to_dict("records")]]
    return rows.reset_index(drop=True)


def test_every_definition_has_every_estimate_and_the_main_one_is_first(found):
    told = found.definitions
    assert set(told["outcome"]) == {"relapse"}
    assert told["definition"].drop_duplicates().tolist() == [
        "events", "REL-USE", "REL-READ", "REL-READ-180",
    ]  # fmt: skip
    assert set(told["method"]) == {"unadjusted", "iptw"}
    clocked = told[told["definition"] != "REL-READ-180"]
    assert clocked.groupby("definition")["measure"].nunique().eq(7).all()
    unclocked = by(told, definition="REL-READ-180")
    assert "rmst_difference" not in set(unclocked["measure"])
    assert unclocked["horizon_days"].isna().all()


def test_the_main_definition_has_the_numbers_it_has_anyway(found):
    main = by(found.definitions, definition="events")
    own = by(found.estimates, outcome="relapse")
    pd.testing.assert_frame_equal(main[NUMBERS], own[NUMBERS])
    arms = by(found.definition_arms, definition="events").drop(columns="definition")
    pd.testing.assert_frame_equal(
        arms, by(found.arms, outcome="relapse"), check_dtype=False, check_column_type=False
    )


def test_no_verdict_is_passed_on_a_definition_that_no_margin_was_justified_for(found):
    assert by(found.estimates, outcome="relapse")["verdict"].notna().any()
    assert found.definitions["verdict"].isna().all()


def test_another_definition_has_the_numbers_of_an_outcome_that_is_read_by_it(found, road, study):
    alone = study(outcomes=ALONE)
    own = by(compare(*road(alone), alone).estimates, outcome="relapse")
    beside = by(found.definitions, definition="REL-READ")
    pd.testing.assert_frame_equal(beside[NUMBERS], own[NUMBERS])


def test_a_charted_return_to_use_is_the_same_read_by_events_or_by_the_registry(found):
    """These records hold no test: two ways through the code, one answer."""
    one, other = (by(found.definitions, definition=name) for name in ("events", "REL-USE"))
    pd.testing.assert_frame_equal(one[NUMBERS], other[NUMBERS])


def test_a_definition_without_a_clock_is_a_share_of_those_it_can_be_told_of(road, study):
    asked = study(outcomes={"completion": {"other_definitions": ["RET-COMPT"]}})
    cohort, weighting = road(asked)
    found = compare(cohort, weighting, asked)
    rows = cohort.definitions.merge(cohort.persons[["person_id", "arm"]], on="person_id")
    known = rows[rows["status"] != "missing"]
    share = known["status"].eq("event").groupby(known["arm"]).mean()
    told = by(found.definitions, definition="RET-COMPT", method="unadjusted").set_index("measure")
    for arm in ("intervention", "comparator"):
        assert told.loc[f"risk_{arm}", "estimate"] == pytest.approx(share[arm])


def test_a_descriptive_definition_is_told_and_not_compared_between_arms(records, study):
    """Use before discharge is use inside for a resident: it may agree, and has no effect."""
    use = np.where(records.stays.index % 3 == 0, "daily", "none")
    asked = study(
        outcomes={
            "leaving": {
                "definition": "dropping out", "events": ["dropped out"], "horizon_days": None,
                "other_definitions": ["REL-DIS"],
            }
        }
    )  # fmt: skip
    at_exit = replace(records, stays=records.stays.assign(frequency_of_use_at_exit=use))
    cohort = assemble_cohort(at_exit, asked)
    found = compare(cohort, weight_cohort(cohort.persons, asked), asked)
    assert cohort.agreement["second"].tolist() == ["REL-DIS"]
    assert cohort.agreement["people"].item() > 0
    assert set(found.definitions["definition"]) == {"events"}


def test_outcomes_with_one_definition_are_not_among_them(comparison):
    assert comparison.definitions.empty
    assert list(comparison.definitions)[:2] == ["outcome", "definition"]
    assert comparison.definition_arms.empty
    assert {"outcome", "definition", "arm", "people", "events"} <= set(comparison.definition_arms)


def test_alternatives_are_read_by_the_main_definition_alone(records, study):
    """The same numbers, whatever else the outcome is read by."""
    tables = [
        compare_alternatives(records, {"all": study(estimand="ATE", outcomes=outcomes)}).estimates
        for outcomes in (OTHERS, {})
    ]
    pd.testing.assert_frame_equal(*tables)
