"""Weights of a cohort, and what is shown of them before any outcome is read."""

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.errors import PositivityError
from iop_outcomes.vocabulary import Estimand


@pytest.fixture
def seven(drawn):
    """One of the four healthy and two of the three sick entered the intervention."""
    return drawn("""
        person_id | arm          | sick
        A         | intervention | 0
        B         | comparator   | 0
        C         | comparator   | 0
        D         | comparator   | 0
        E         | intervention | 1
        F         | intervention | 1
        G         | comparator   | 1
    """)


def test_weights_by_hand(seven, study):
    """Propensity 1/4 in health and 2/3 in sickness; ATE weights are one over the arm's chance."""
    protocol = study(estimand="ATE", analysis={"covariates": ["sick"]})
    table = weight_cohort(seven, protocol).weights
    assert table["person_id"].tolist() == list("ABCDEFG")
    assert table["propensity"].tolist() == pytest.approx([1 / 4] * 4 + [2 / 3] * 3)
    assert table["weight"].tolist() == pytest.approx([4, 4 / 3, 4 / 3, 4 / 3, 3 / 2, 3 / 2, 3])


def test_balance_by_hand(seven, study):
    """Two of three against one of four before; the whole cohort's three of seven in both after."""
    protocol = study(estimand="ATE", analysis={"covariates": ["sick"]})
    (row,) = weight_cohort(seven, protocol).balance.to_dict("records")
    assert (row["covariate"], row["level"]) == ("sick", "yes")
    assert (row["people_intervention"], row["people_comparator"]) == (2, 1)
    assert row["value_intervention"] == pytest.approx(2 / 3)
    assert row["value_comparator"] == pytest.approx(1 / 4)
    assert row["weighted_value_intervention"] == pytest.approx(3 / 7)
    assert row["weighted_value_comparator"] == pytest.approx(3 / 7)
    ruler = np.sqrt((2 / 9 + 3 / 16) / 2)
    assert row["smd_before"] == pytest.approx((2 / 3 - 1 / 4) / ruler)
    assert row["smd_after"] == pytest.approx(0, abs=1e-9)


def test_sample_sizes_by_hand(seven, study):
    """Intervention 4, 3/2, 3/2; comparator 4/3 three times and 3; both sum to 7."""
    protocol = study(estimand="ATE", analysis={"covariates": ["sick"]})
    table = weight_cohort(seven, protocol).sample_size.set_index("arm")
    assert table["people"].to_dict() == {"intervention": 3, "comparator": 4}
    assert table.loc["intervention", "effective"] == pytest.approx(49 / (16 + 4.5))
    assert table.loc["comparator", "effective"] == pytest.approx(49 / (16 / 3 + 9))
    assert table["largest_share"].tolist() == pytest.approx([4 / 7, 3 / 7])


def test_bins_of_the_propensity_by_hand(seven, study):
    """Propensities 1/4 and 2/3; the arms' weights 4 and 3, and 4 and 3, of 7."""
    protocol = study(estimand="ATE", analysis={"covariates": ["sick"]})
    bins = weight_cohort(seven, protocol).propensity.query("people > 0")
    middle = (bins["low"] + bins["high"]) / 2
    assert np.abs(middle - [1 / 4, 2 / 3, 1 / 4, 2 / 3]).max() < 0.05
    assert bins["arm"].tolist() == ["intervention"] * 2 + ["comparator"] * 2
    assert bins["people"].tolist() == [1, 2, 3, 1]
    assert bins["weighted_share"].tolist() == pytest.approx([4 / 7, 3 / 7, 4 / 7, 3 / 7])


def test_overlap_weights_leave_no_difference_in_any_modelled_covariate(weighting):
    assert weighting.balance["smd_before"].abs().max() > 0.1
    assert weighting.balance["smd_after"].abs().max() < 1e-8


def test_a_spline_balances_the_mean_of_its_covariate_too(road, study):
    _, weighting = road(study(analysis={"covariates": ["bs(age_years, df=4)", "sex"]}))
    assert weighting.balance["smd_after"].abs().max() < 1e-8


@pytest.mark.parametrize("estimand", list(Estimand))
def test_every_estimand_brings_the_arms_nearer(road, study, estimand):
    balance = road(study(estimand=str(estimand)))[1].balance
    assert balance["smd_after"].abs().max() < 0.5 * balance["smd_before"].abs().max()


@pytest.mark.parametrize(("estimand", "arm"), [("ATT", "intervention"), ("ATC", "comparator")])
def test_an_arm_that_stands_for_itself_is_not_reweighted(road, study, estimand, arm):
    cohort, weighting = road(study(estimand=estimand))
    assert (weighting.weights["weight"][cohort.persons["arm"] == arm] == 1).all()


def test_the_estimand_changes_no_propensity_and_nothing_before_weighting(road, study, weighting):
    _, other = road(study(estimand="ATE"))
    assert other.weights["propensity"].equals(weighting.weights["propensity"])
    unweighted = ["covariate", "level", "value_intervention", "value_comparator", "smd_before"]
    assert other.balance[unweighted].equals(weighting.balance[unweighted])


def test_each_covariate_is_shown_once_and_each_level_has_its_row(weighting):
    shown = weighting.balance[["covariate", "level"]].fillna("")
    assert list(shown.itertuples(index=False, name=None)) == [
        ("age_years", ""),
        ("sex", "female"),
        ("sex", "male"),
        ("primary_substance", "alcohol"),
        ("primary_substance", "cannabis"),
        ("primary_substance", "opioid"),
        ("primary_substance", "stimulant"),
        ("homeless", "yes"),
        ("phq9", ""),
    ]


def test_the_levels_of_a_word_share_out_everyone(weighting):
    levels = weighting.balance[weighting.balance["covariate"] == "primary_substance"]
    people = weighting.sample_size.set_index("arm")["people"]
    for arm in ("intervention", "comparator"):
        assert levels[f"people_{arm}"].sum() == people[arm]
        assert levels[f"value_{arm}"].sum() == pytest.approx(1)
        assert levels[f"weighted_value_{arm}"].sum() == pytest.approx(1)


def test_people_whose_word_is_not_recorded_are_shown_as_such(cohort, study):
    persons = cohort.persons.assign(
        sex=cohort.persons["sex"].mask(np.arange(len(cohort.persons)) % 10 == 0)
    )
    balance = weight_cohort(persons, study()).balance
    levels = balance[balance["covariate"] == "sex"].set_index("level")
    assert levels.index.tolist() == ["female", "male", "not recorded"]
    unrecorded = levels.loc["not recorded", ["people_intervention", "people_comparator"]].sum()
    assert unrecorded == persons["sex"].isna().sum()


def test_the_bins_of_the_propensity_hold_everyone(cohort, weighting):
    bins = weighting.propensity.groupby("arm")
    assert bins["people"].sum().to_dict() == cohort.persons["arm"].value_counts().to_dict()
    assert bins["weighted_share"].sum().tolist() == pytest.approx([1, 1])
    for _, table in bins:
        assert table["low"].iloc[0] == 0
        assert table["high"].iloc[-1] == 1
        assert np.array_equal(table["low"].iloc[1:], table["high"].iloc[:-1])


def test_an_effective_sample_is_no_larger_than_the_real_one(weighting):
    assert (weighting.sample_size["effective"] <= weighting.sample_size["people"]).all()


def test_who_stands_where_in_the_table_does_not_matter(cohort, weighting, study):
    shuffled = cohort.persons.sample(frac=1, random_state=3, ignore_index=True)
    again = weight_cohort(shuffled, study()).weights.sort_values("person_id", ignore_index=True)
    pd.testing.assert_frame_equal(again, weighting.weights, rtol=1e-9)


def test_weighting_leaves_the_persons_as_they_were(cohort, study):
    before = cohort.persons.copy()
    weight_cohort(cohort.persons, study())
    pd.testing.assert_frame_equal(cohort.persons, before)


def test_people_who_only_ever_enter_one_arm_are_a_matter_of_positivity(cohort, study):
    treated = cohort.persons["arm"].eq("intervention")
    persons = cohort.persons.assign(
        pregnant=np.where(treated & (treated.cumsum() < 30), "yes", "no")
    )
    with pytest.raises(PositivityError, match="narrow eligibility"):
        weight_cohort(persons, study(analysis={"covariates": ["age_years", "pregnant"]}))
