"""Does it hang on one facility: the answer without each of them in turn."""

from dataclasses import replace

import numpy as np
import pytest

from iop_outcomes.analysis.comparison import effects
from iop_outcomes.analysis.estimates import main_method
from iop_outcomes.analysis.left_out import BY_INFLUENCE, REFITTED, left_out
from iop_outcomes.analysis.outcome_analysis import outcome_analyses
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.statistics.clusters.few_clusters import (
    cluster_influence,
    leave_one_cluster_out,
)
from iop_outcomes.vocabulary import Arm

OUTCOMES = ["relapse", "discontinuation", "completion"]


def main_analyses(arrays: StudyArrays) -> list:
    return [a for a in outcome_analyses(arrays) if a.method is main_method(arrays.protocol)]


@pytest.fixture(scope="module")
def arrays(road, study):
    return StudyArrays(*road(study()), study())


@pytest.fixture(scope="module")
def refitted(comparison):
    return comparison.left_out


@pytest.fixture(scope="module")
def by_influence(cohort, arrays):
    return left_out(cohort, arrays, main_analyses(arrays), most_clusters=7)


def without(cohort, facility, study):
    """The risk differences of the whole road without the people of a facility."""
    persons = cohort.persons[cohort.persons["facility_id"] != facility].reset_index(drop=True)
    stay = {
        name: table[table["person_id"].isin(persons["person_id"])]
        for name, table in (("follow_up", cohort.follow_up), ("exits", cohort.exits))
    }
    rest = replace(cohort, persons=persons, **stay)
    found = effects(rest, weight_cohort(persons, study()), study())
    return found.query("measure == 'risk_difference' and method == 'iptw'").set_index("outcome")


def test_there_is_a_row_for_every_outcome_and_facility(refitted, cohort):
    facilities = set(cohort.persons["facility_id"])
    assert list(dict.fromkeys(refitted["outcome"])) == OUTCOMES
    for _, rows in refitted.groupby("outcome"):
        assert set(rows["cluster"]) == facilities
        assert len(rows) == len(facilities)


def test_without_a_facility_is_the_whole_road_without_its_people(refitted, cohort, study):
    """Weighted and analysed anew: estimate, interval and verdict."""
    for facility in sorted(set(cohort.persons["facility_id"]))[:2]:
        expected = without(cohort, facility, study)
        rows = refitted[refitted["cluster"] == facility].set_index("outcome")
        assert (rows["how"] == REFITTED).all()
        for number in ("estimate", "conf_low", "conf_high"):
            np.testing.assert_allclose(rows[number], expected[number].loc[OUTCOMES], rtol=1e-9)
        assert (
            rows["verdict"].fillna("").tolist()
            == expected.loc[OUTCOMES, "verdict"].fillna("").tolist()
        )


def test_the_whole_stands_beside_each(refitted, comparison):
    main = comparison.estimates.query("measure == 'risk_difference' and method == 'iptw'")
    main = main.set_index("outcome")
    for outcome, rows in refitted.groupby("outcome"):
        assert (rows["whole"] == main.loc[outcome, "estimate"]).all()
        assert set(rows["whole_verdict"].dropna()) == set(main.loc[[outcome], "verdict"].dropna())


def test_the_road_leaves_out_as_the_array_function_does(cohort, arrays, refitted, study):
    """`leave_one_cluster_out` with the same estimate of those who are kept."""
    keep = cohort.persons.set_index("person_id")

    def relapse(kept):
        ids = arrays.people.loc[kept, "person_id"]
        persons = keep.loc[ids].reset_index()
        rest = replace(cohort, persons=persons)
        found = effects(rest, weight_cohort(persons, study()), study())
        rows = found.query(
            "outcome == 'relapse' and measure == 'risk_difference' and method == 'iptw'"
        )
        return rows["estimate"].iloc[0]

    expected = leave_one_cluster_out(relapse, arrays.cluster)
    rows = refitted[refitted["outcome"] == "relapse"]
    np.testing.assert_allclose(rows["estimate"], expected.estimate, rtol=1e-9)
    assert rows["whole"].iloc[0] == pytest.approx(expected.whole, rel=1e-12)


def test_many_facilities_are_left_out_by_influence(by_influence, arrays):
    assert (by_influence["how"] == BY_INFLUENCE).all()
    for analysis in main_analyses(arrays):
        until = analysis.arms.horizon
        one, other = (analysis.arms.risk_influence(arm, until) for arm in Arm)
        _, added = cluster_influence(one - other, arrays.cluster)
        rows = by_influence[by_influence["outcome"] == analysis.outcome.name]
        np.testing.assert_allclose(rows["estimate"], rows["whole"] - added, rtol=1e-12)


def test_influence_and_refit_agree_to_first_order(by_influence, refitted):
    """With eight facilities a move by influence is within about a quarter of the refitted one."""
    both = by_influence.merge(refitted, on=["outcome", "cluster", "whole"])
    moves = both["estimate_x"] - both["whole"], both["estimate_y"] - both["whole"]
    assert np.corrcoef(*moves)[0, 1] > 0.97
    assert np.abs(moves[0] - moves[1]).max() < 0.01


def test_the_fewest_people_are_those_of_the_facility_or_of_the_rest(refitted, cohort):
    ends = cohort.follow_up.query("outcome == 'completion' and status != 'missing'")
    people = cohort.persons.drop(columns="arm", errors="ignore").merge(
        cohort.persons[["person_id", "arm"]].merge(
            ends[["person_id", "status"]], on="person_id"
        ), on="person_id"
    )  # fmt: skip
    event = people["status"] == "event"
    for row in refitted.query("outcome == 'completion'").itertuples():
        here = people["facility_id"] == row.cluster
        counts = people.groupby([here, people["arm"], event]).size()
        assert row.smallest_cell == counts[counts > 0].min()


def test_facilities_that_weigh_alike_count_as_many_as_they_are(road, study):
    """And if one of eight holds nearly everyone of an arm, it is nearly alone."""
    cohort, _ = road(study())
    for share, expected in ((None, 8.0), (0.97, 1.0)):
        place = np.arange(len(cohort.persons))
        for arm in ("intervention", "comparator"):
            who = np.flatnonzero(cohort.persons["arm"] == arm)
            place[who] = np.arange(who.size) % 8
            if share and arm == "comparator":
                place[who[: int(share * who.size)]] = 0
        persons = cohort.persons.assign(facility_id=[f"F{k}" for k in place])
        drawn = replace(cohort, persons=persons)
        arrays = StudyArrays(drawn, weight_cohort(persons, study()), study())
        table = left_out(drawn, arrays, main_analyses(arrays), most_clusters=7)
        assert table["effective_clusters"].to_numpy() == pytest.approx(expected, rel=0.1)
        assert (table["clusters"] == 8).all()


def test_a_facility_without_which_nothing_can_be_compared_says_so(road, study):
    """All but a handful of an arm are in one facility: without it the arm lies in one cluster."""
    cohort, _ = road(study())
    entered = cohort.persons["arm"] == "intervention"
    place = np.where(entered, np.where(np.arange(len(entered)) % 9, "A", "B"), "C")
    place = np.where(~entered & (np.arange(len(entered)) % 2 == 0), "B", place)
    persons = cohort.persons.assign(facility_id=place)
    drawn = replace(cohort, persons=persons)
    arrays = StudyArrays(drawn, weight_cohort(persons, study()), study())
    for most_clusters in (60, 2):
        table = left_out(drawn, arrays, main_analyses(arrays), most_clusters)
        relapse = table[table["outcome"] == "relapse"].set_index("cluster")
        assert "within one cluster" in relapse.loc["A", "not_estimated"]
        assert relapse.loc["A", ["estimate", "conf_low"]].isna().all()


def test_people_who_are_independent_leave_nobody_out(road, study):
    protocol = study(analysis={"cluster": None})
    arrays = StudyArrays(*road(protocol), protocol)
    table = left_out(road(protocol)[0], arrays, main_analyses(arrays))
    assert table.empty
    assert "effective_clusters" in table
