"""Comparisons within facilities: the propensity model with terms of clusters."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.cluster_terms import propensity_design
from iop_outcomes.analysis.comparison import compare, effects
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.errors import PositivityError, ProtocolError
from iop_outcomes.statistics.clusters.within_clusters import (
    cluster_intercepts,
    cluster_means,
    within_cluster_weights,
)
from iop_outcomes.statistics.estimating_equations import (
    estimated_weights,
    influence,
    uncertainty,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

EFFECT = -0.1
TERMS = ("none", "fixed effects", "means", "within")


def drawn(seed: int, *, told_by_means: bool = False, people: int = 3000, facilities: int = 20):
    """Facilities that send people to one care, and whose people fare worse whatever the care.

    What the facility does is told by the mean age of its people, or by nothing recorded.
    """
    rng = np.random.default_rng(seed)
    facility = np.arange(people) % facilities
    older = np.where(rng.permutation(facilities) % 2, 1.0, -1.0)
    age = np.round(rng.normal(40 + 3 * older[facility], 8))
    means = pd.Series(age).groupby(facility).transform("mean").to_numpy()
    habit = (means - means.mean()) / 3 if told_by_means else rng.permutation(older)[facility]
    treated = rng.random(people) < 1 / (1 + np.exp(-0.6 * habit - (age - 40) / 20))
    risk = 0.45 + 0.15 * habit + 0.005 * (age - 40) + EFFECT * treated
    event = rng.random(people) < np.clip(risk, 0.01, 0.99)
    ids = [f"H{k:05d}" for k in range(people)]
    arm = np.where(treated, "intervention", "comparator")
    persons = {
        "person_id": ids,
        "arm": arm,
        "index_day": 0,
        "age_years": age,
        "facility_id": np.char.add("F", facility.astype(str)),
    }
    follow_up = {
        "person_id": ids,
        "outcome": "completion",
        "days": pd.array([None] * people, "Int64"),
        "status": np.where(event, "event", "no event"),
    }
    return Cohort(
        persons=pd.DataFrame(persons),
        follow_up=pd.DataFrame(follow_up),
        exits=pd.DataFrame({"person_id": ids, "arm": arm, "level_of_care": "x", "reason": "y"}),
        attrition=pd.DataFrame(),
    )


@pytest.fixture(scope="module")
def asking(study):
    """The protocol of one outcome at exit, with terms of clusters and what else is changed."""

    def protocol(terms: str, estimand: str = "ATE", **analysis):
        plan = {"covariates": ["age_years"], "propensity": {"clusters": terms}, **analysis}
        at_exit = study(
            outcomes={"completion": {"events": ["completed"], "horizon_days": None}},
            noninferiority={},
            analysis=plan,
            estimand=estimand,
        )
        return replace(at_exit, outcomes=at_exit.outcomes[-1:], noninferiority={})

    return protocol


def difference(cohort: Cohort, protocol) -> pd.Series:
    found = effects(cohort, weight_cohort(cohort.persons, protocol), protocol)
    return found.query("measure == 'risk_difference' and method == 'iptw'").iloc[0]


# The facility as confounder


def errors(asking, terms: str, estimand: str, told_by_means: bool) -> float:
    """Mean error of the weighted risk difference over several draws."""
    draws = [
        difference(drawn(seed, told_by_means=told_by_means), asking(terms, estimand))["estimate"]
        for seed in range(6)
    ]
    return float(np.mean(draws)) - EFFECT


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO"])
@pytest.mark.parametrize("terms", ["fixed effects", "within"])
def test_where_the_facility_confounds_comparisons_within_facilities_are_right(
    asking, terms, estimand
):
    assert errors(asking, terms, estimand, told_by_means=False) == pytest.approx(0, abs=0.02)


@pytest.mark.parametrize("terms", ["none", "means"])
def test_a_facility_that_no_covariate_tells_of_confounds_without_terms_and_with_means(
    asking, terms
):
    """Mundlak's terms know of a facility what the means of its covariates know."""
    assert errors(asking, terms, "ATE", told_by_means=False) > 0.05


def test_means_are_right_where_the_means_of_covariates_tell_what_the_facility_does(asking):
    assert errors(asking, "means", "ATE", told_by_means=True) == pytest.approx(0, abs=0.02)
    assert errors(asking, "none", "ATE", told_by_means=True) > 0.05


# The road says what the array functions say


def by_hand(cohort: Cohort, terms: str, estimand: Estimand) -> tuple[float, float]:
    """Risk difference and its clustered standard error from the array functions alone."""
    people = cohort.persons
    treated = people["arm"].eq("intervention").to_numpy()
    age, cluster = people["age_years"].to_numpy(float), people["facility_id"].to_numpy()
    known_of = {
        "none": np.empty((treated.size, 0)),
        "means": cluster_means(age, cluster)[:, None],
    }.get(terms, cluster_intercepts(cluster))
    columns = np.column_stack([np.ones(treated.size), age, known_of])
    e = fit_propensity(treated, columns).probability
    weight = balancing_weights(treated, e, estimand)
    estimated = estimated_weights(treated, e, columns, estimand)
    if terms == "within":
        within = within_cluster_weights(treated, weight, cluster, estimand, estimated)
        weight, estimated = within.weight, within.estimated
    outcome = cohort.follow_up["status"].eq("event").to_numpy()
    risks, moves = [], []
    for arm in (treated, ~treated):
        risks.append(np.average(outcome[arm], weights=weight[arm]))
        slope = arm * (outcome - risks[-1]) / weight[arm].sum()
        moves.append(influence(slope, weight, estimated))
    spread = uncertainty(moves[0] - moves[1], 0.95, cluster)
    return risks[0] - risks[1], spread.std_error


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATM"])
@pytest.mark.parametrize("terms", TERMS)
def test_the_road_says_what_the_array_functions_say(asking, terms, estimand):
    cohort = drawn(1)
    found = difference(cohort, asking(terms, estimand))
    estimate, std_error = by_hand(cohort, terms, Estimand(estimand))
    assert found["estimate"] == pytest.approx(estimate, rel=1e-12)
    assert found["std_error"] == pytest.approx(std_error, rel=1e-8)  # another basis of the columns
    assert found["se_method"].startswith("stacked estimating equations")


def test_fixed_effects_are_what_the_facility_as_a_covariate_is(asking):
    cohort = drawn(2)
    one = difference(cohort, asking("fixed effects"))
    other = difference(cohort, asking("none", covariates=["age_years", "facility_id"]))
    assert one["estimate"] == pytest.approx(other["estimate"], rel=1e-10)
    assert one["std_error"] == pytest.approx(other["std_error"], rel=1e-8)


def test_within_facilities_neighbours_come_from_the_same_facility(asking):
    cohort = drawn(3, people=800)
    protocol = asking("within", "ATT", weighting="nearest neighbours")
    weights = weight_cohort(cohort.persons, protocol).weights
    sets = weights.dropna(subset="matched_set").merge(cohort.persons, on="person_id")
    assert sets.groupby("matched_set")["facility_id"].nunique().eq(1).all()
    assert len(sets) > 300
    assert "taken as known" in difference(cohort, protocol)["se_method"]


def test_order_of_the_people_and_names_of_facilities_change_nothing(asking):
    cohort = drawn(4, people=900)
    persons = cohort.persons.assign(facility_id="Z" + cohort.persons["facility_id"].str[::-1])
    shuffled = replace(cohort, persons=persons.sample(frac=1, random_state=1, ignore_index=True))
    for terms in TERMS[1:]:
        one, other = (difference(each, asking(terms)) for each in (cohort, shuffled))
        assert other["estimate"] == pytest.approx(one["estimate"], rel=1e-9)
        assert other["std_error"] == pytest.approx(one["std_error"], rel=1e-7)


# Facilities with one arm


def with_one_armed(cohort: Cohort, facilities: int) -> Cohort:
    """The same people, but some facilities now have nobody in the comparator arm."""
    names = [f"F{k}" for k in range(facilities)]
    persons = cohort.persons
    arm = persons["arm"].mask(persons["facility_id"].isin(names), "intervention")
    return replace(cohort, persons=persons.assign(arm=arm))


@pytest.mark.parametrize("terms", ["fixed effects", "within"])
def test_a_facility_with_one_arm_is_left_out_and_counted(asking, terms):
    cohort = with_one_armed(drawn(5), 3)
    protocol = asking(terms)
    weighting = weight_cohort(cohort.persons, protocol)
    alone = cohort.persons["facility_id"].isin(["F0", "F1", "F2"])
    table = weighting.weights
    assert (table["weight"] == 0).eq(alone).all()
    assert table["one_armed"].eq(alone).all()
    assert not table["trimmed"].any()
    assert weighting.sample_size["one_armed"].tolist() == [alone.sum(), 0]
    assert (table.loc[alone, "propensity"] == 1).all()
    rest = replace(
        cohort,
        persons=cohort.persons[~alone].reset_index(drop=True),
        follow_up=cohort.follow_up[~alone].reset_index(drop=True),
    )
    whole, without = (difference(each, protocol) for each in (cohort, rest))
    for column in ("estimate", "std_error", "n"):
        assert whole[column] == pytest.approx(without[column], rel=1e-9)


def test_means_and_no_terms_keep_facilities_with_one_arm(asking):
    cohort = with_one_armed(drawn(5), 3)
    for terms in ("none", "means"):
        weighting = weight_cohort(cohort.persons, asking(terms))
        assert (weighting.weights["weight"] > 0).all()
        assert weighting.sample_size["one_armed"].eq(0).all()


def test_trimming_that_leaves_a_facility_with_one_arm_leaves_it_out_too(asking):
    cohort = drawn(6, people=400, facilities=10)
    protocol = asking("fixed effects", limits={"trim": 0.35})
    weighting = weight_cohort(cohort.persons, protocol)
    table = weighting.weights.merge(cohort.persons, on="person_id")
    assert table["trimmed"].any()
    stays = table[table["weight"] > 0]
    assert stays.groupby("facility_id")["arm"].nunique().eq(2).all()
    assert not (table["trimmed"] & table["one_armed"]).any()
    assert np.isfinite(difference(cohort, protocol)["estimate"])


def test_where_every_facility_has_one_arm_nothing_is_compared_within(asking):
    cohort = drawn(7, people=400)
    place = np.where(cohort.persons["arm"] == "intervention", "A", "B")
    apart = cohort.persons.assign(facility_id=cohort.persons["facility_id"] + place)
    with pytest.raises(PositivityError, match="every facility_id has people in one arm only"):
        weight_cohort(apart, asking("fixed effects"))


def test_estimators_beside_need_everyones_propensity_score(asking):
    cohort = with_one_armed(drawn(5), 3)
    with pytest.raises(PositivityError, match=r"people in one arm only.*means"):
        difference(cohort, asking("fixed effects", estimators=["aipw"]))
    cohort, protocol = drawn(5), asking("fixed effects", estimators=["aipw"])
    found = effects(cohort, weight_cohort(cohort.persons, protocol), protocol)
    aipw = found.query("measure == 'risk_difference' and method == 'aipw'")["estimate"].iloc[0]
    assert aipw == pytest.approx(EFFECT, abs=0.05)


# What is refused


@pytest.mark.parametrize(
    ("analysis", "place", "sentence"),
    [
        (
            {"propensity": {"clusters": "fixed effects", "model": "ridge"}},
            "propensity.clusters",
            "draws clusters together",
        ),
        (
            {"propensity": {"clusters": "within"}, "weighting": "subclasses"},
            "propensity.clusters",
            "`within` is not executed with `weighting: subclasses`",
        ),
        (
            {"propensity": {"clusters": "within"}, "estimators": ["aipw"]},
            "estimators",
            "propensity.clusters: within",
        ),
    ],
)
def test_what_cannot_be_compared_within_is_refused(study, analysis, place, sentence):
    with pytest.raises(ProtocolError, match=rf"analysis\.{place}: .*{sentence}"):
        study(analysis=analysis, estimand="ATE")


def test_other_strategies_than_to_start_have_no_terms_of_clusters(study):
    sustained = {"kind": "sustained", "sustained_days": 56}
    with pytest.raises(ProtocolError, match="no terms of clusters"):
        study(
            strategies=sustained,
            analysis={"propensity": {"clusters": "means"}},
            causal_contrast="per protocol",
            outcomes={"completion": {"horizon_days": 90}},
        )


def test_terms_of_clusters_need_their_name(study):
    with pytest.raises(ProtocolError, match="name their column in `cluster`"):
        study(analysis={"cluster": None, "propensity": {"clusters": "means"}})


def test_a_covariate_of_the_facility_is_refused_beside_its_fixed_effect(asking):
    cohort = drawn(8, people=400)
    urban = (cohort.persons["facility_id"].str[1:].astype(int) % 2).astype(float)
    persons = cohort.persons.assign(urban=urban)
    with pytest.raises(ProtocolError, match=r"\['urban'\] do not vary within any facility_id"):
        weight_cohort(persons, asking("fixed effects", covariates=["age_years", "urban"]))
    model = propensity_design(persons, asking("means", covariates=["age_years", "urban"]).analysis)
    assert model.columns.shape[1] == 4  # its mean is itself, and no further term


@pytest.mark.parametrize("terms", TERMS[1:])
def test_a_facility_that_is_a_covariate_already_is_refused(asking, terms):
    covariates = ["age_years", "C(facility_id)"]
    with pytest.raises(ProtocolError, match="`facility_id` is among protocol"):
        weight_cohort(drawn(1).persons, asking(terms, covariates=covariates))


def test_more_means_than_facilities_are_fixed_effects_by_another_name(asking):
    persons = drawn(9, people=400, facilities=3).persons
    rng = np.random.default_rng(1)
    persons = persons.assign(phq9=rng.integers(0, 27, 400).astype(float))
    with pytest.raises(ProtocolError, match="tell all 3 clusters apart"):
        weight_cohort(persons, asking("means", covariates=["age_years", "phq9"]))


# Balance by facility


def test_balance_within_facilities_is_measured_with_the_standard_deviations_of_the_whole(asking):
    cohort, protocol = drawn(1), asking("none")
    weighting = weight_cohort(cohort.persons, protocol)
    people = cohort.persons.merge(weighting.weights, on="person_id")
    arms = people.groupby("arm")["age_years"]
    ruler = np.sqrt(arms.var().mean())
    assert len(weighting.clusters) == 20
    for row in weighting.clusters.itertuples():
        here = people[people["facility_id"] == row.cluster]
        one, other = (here[here["arm"] == arm] for arm in ("intervention", "comparator"))
        assert row.people_intervention == len(one)
        plain = one["age_years"].mean() - other["age_years"].mean()
        weighted = np.average(one["age_years"], weights=one["weight"])
        weighted -= np.average(other["age_years"], weights=other["weight"])
        assert row.largest_smd_before == pytest.approx(abs(plain) / ruler, rel=1e-10)
        assert row.largest_smd_after == pytest.approx(abs(weighted) / ruler, rel=1e-10)


def test_without_clusters_there_is_no_balance_within_them(asking):
    assert weight_cohort(drawn(1).persons, asking("none", cluster=None)).clusters.empty


def test_facilities_are_left_out_in_turn_within_facilities_too(asking):
    cohort, protocol = with_one_armed(drawn(5, people=900), 2), asking("within")
    found = compare(cohort, weight_cohort(cohort.persons, protocol), protocol)
    assert found.left_out["estimate"].notna().all()
    # Without a facility that nothing is compared within, the answer is the same.
    alone = found.left_out[found.left_out["cluster"].isin(["F0", "F1"])]
    np.testing.assert_allclose(alone["estimate"], alone["whole"], rtol=1e-9)


def test_covariates_of_outcome_models_and_subgroups_have_no_terms_of_clusters(asking):
    cohort, protocol = drawn(1), asking("fixed effects")
    arrays = StudyArrays(cohort, weight_cohort(cohort.persons, protocol), protocol)
    columns = design(cohort.persons, ["age_years"]).columns
    assert arrays.baseline.shape == arrays.outcome_columns.shape == columns.shape
    assert arrays.propensity_design.columns.shape[1] == 21
