"""The same comparison under protocols that differ in a line."""

import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import effects
from iop_outcomes.analysis.robustness import compare_alternatives
from iop_outcomes.errors import CohortError, PositivityError, ProtocolError


def test_an_alternative_is_the_whole_road_walked_again(records, road, study):
    alternatives = {
        "everyone": study(estimand="ATE"),
        "sooner": study(outcomes={"relapse": {"horizon_days": 30}}),
    }
    table = compare_alternatives(records, alternatives).estimates
    assert table["alternative"].unique().tolist() == ["everyone", "sooner"]
    for name, protocol in alternatives.items():
        mine = table[table["alternative"] == name].drop(columns="alternative")
        expected = effects(*road(protocol), protocol)
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), expected)


def test_a_longer_washout_leaves_fewer_people(records, study):
    alternatives = {"as planned": study(), "half a year": study(eligibility={"washout_days": 180})}
    n = compare_alternatives(records, alternatives).estimates.groupby("alternative")["n"].max()
    assert n["half a year"] < n["as planned"]


def test_the_alternative_comes_first_and_the_columns_of_the_comparison_after(
    records, comparison, study
):
    table = compare_alternatives(records, {"as planned": study()}).estimates
    assert table.columns.tolist() == ["alternative", *comparison.estimates.columns]


def test_without_alternatives_the_table_is_empty_and_has_its_columns(records, comparison):
    table = compare_alternatives(records, {}).estimates
    assert len(table) == 0
    assert table.columns.tolist() == ["alternative", *comparison.estimates.columns]


def test_progress_sees_every_alternative_in_order(records, study):
    seen = []

    def each(names):
        for name in names:
            seen.append(name)
            yield name

    compare_alternatives(records, {"one": study(), "two": study(estimand="ATT")}, each)
    assert seen == ["one", "two"]


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"eligibility": {"minimum_age_years": 200}}, CohortError, "nobody is left"),
        ({"analysis": {"covariates": ["shoe_size"]}}, ProtocolError, "shoe_size"),
        ({"analysis": {"covariates": ["level_of_care"]}}, PositivityError, "separate the arms"),
    ],
)
def test_a_failure_names_the_alternative_and_keeps_its_kind(records, study, changes, error, says):
    alternatives = {"as planned": study(), "too narrow": study(**changes)}
    with pytest.raises(error, match=rf"^robustness\.too narrow: .*{says}"):
        compare_alternatives(records, alternatives)
