"""For whom the effect is larger: groups of predicted risk, and the best linear projection."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.effects.cross_fitting import assign_folds, penalised_logistic_learner
from iop_outcomes.statistics.effects.effect_modification import (
    best_linear_projection,
    joint_test,
)
from iop_outcomes.statistics.effects.multiplicity import simultaneous_intervals
from iop_outcomes.statistics.effects.outcome_models import Link, fit_outcome_models
from iop_outcomes.statistics.effects.risk_groups import comparator_risk, risk_groups
from iop_outcomes.statistics.effects.risks import estimated_propensity
from iop_outcomes.statistics.weighting.balance import standardized_mean_difference
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.vocabulary import Arm

NAMES = ["age_years", "sex"]


def drawn(seed: int, people: int = 3000, *, of_women: float = 0.0, of_risk: float = 0.0) -> Cohort:
    """People whose risk rises with age, and whose care lowers it: by 0.1, and more if asked.

    More for women, and more by the risk that they run without it (from the mean on).
    """
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 65, people).astype(float)
    sex = rng.choice(["female", "male"], people)
    facility = rng.integers(0, 30, people)
    treated = rng.random(people) < 1 / (1 + np.exp(-(age - 40) / 20))
    risk = 0.3 + 0.01 * (age - 18)
    gain = 0.1 + of_women * (sex == "female") + of_risk * (risk - risk.mean())
    event = rng.random(people) < risk - treated * gain
    ids = [f"H{k:05d}" for k in range(people)]
    arm = np.where(treated, "intervention", "comparator")
    persons = {
        "person_id": ids,
        "arm": arm,
        "index_day": 0,
        "age_years": age,
        "sex": sex,
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
    """The protocol of one outcome at exit, asking for whom."""

    def protocol(estimand: str = "ATE", **analysis):
        at_exit = study(
            outcomes={"completion": {"events": ["completed"], "horizon_days": None}},
            noninferiority={},
            analysis={"covariates": NAMES, "cluster": None, **analysis},
            estimand=estimand,
        )
        return replace(at_exit, outcomes=at_exit.outcomes[-1:], noninferiority={})

    return protocol


def compared(cohort: Cohort, protocol):
    return compare(cohort, weight_cohort(cohort.persons, protocol), protocol)


def arrays(cohort: Cohort):
    """Outcome, arm and columns of the models."""
    treated = cohort.persons["arm"].eq("intervention").to_numpy()
    outcome = cohort.follow_up["status"].eq("event").to_numpy(float)
    return outcome, treated, design(cohort.persons, NAMES).columns


# Groups of predicted risk


def test_risk_groups_are_those_of_the_array_functions(asking):
    cohort = drawn(1)
    for cluster in (None, "facility_id"):
        protocol = asking(risk_groups=4, cluster=cluster)
        found = compared(cohort, protocol).subgroups
        outcome, treated, columns = arrays(cohort)
        by = None if cluster is None else cohort.persons[cluster].factorize()[0]
        fold = assign_folds(treated, 5, 1, by)
        risk = comparator_risk(
            outcome, treated, columns[:, 1:], penalised_logistic_learner(1.0), fold
        )
        member = risk_groups(risk, 4)
        for place, row in enumerate(found.to_dict("records")):
            who = member == place
            assert row["people_intervention"] == (who & treated).sum()
            weight = weight_cohort(cohort.persons, protocol).weights["weight"].to_numpy()
            one, other = (
                np.average(outcome[who & arm], weights=weight[who & arm])
                for arm in (treated, ~treated)
            )
            assert row["estimate"] == pytest.approx(one - other, rel=1e-12)


def test_nobody_predicts_their_own_group():
    """With noise alone a model grown on the people it predicts makes groups that differ."""
    rng = np.random.default_rng(3)
    noise, treated = rng.normal(size=(200, 40)), rng.random(200) < 0.5
    outcome = (rng.random(200) < 0.5).astype(float)
    learner = penalised_logistic_learner(1.0)
    spread = {}
    for name, fold in (("seen", None), ("folds", assign_folds(treated, 5, 1))):
        top = risk_groups(comparator_risk(outcome, treated, noise, learner, fold), 2) == 1
        spread[name] = outcome[top & ~treated].mean() - outcome[~top & ~treated].mean()
    assert spread["seen"] > 0.4
    assert abs(spread["folds"]) < 0.25


def interaction(asking, seed: int, **effect: float) -> float:
    found = compared(drawn(seed, **effect), asking(risk_groups=4)).subgroups
    return float(found["interaction_p"].iloc[0])


def test_an_effect_that_grows_with_the_risk_is_found_and_one_for_all_is_not(asking):
    assert all(interaction(asking, seed, of_risk=1.0) < 0.01 for seed in range(3))
    p_values = np.array([interaction(asking, seed, people=1200) for seed in range(30)])
    assert (p_values < 0.05).mean() < 0.2
    assert 0.3 < p_values.mean() < 0.7


def test_groups_come_in_the_order_of_their_risk_with_a_name_each(asking):
    found = compared(drawn(1), asking(risk_groups=3)).subgroups
    assert set(found["covariate"]) == {"predicted risk"}
    assert found["level"].tolist() == ["1 of 3 (lowest)", "2 of 3", "3 of 3 (highest)"]
    assert found["risk_comparator"].is_monotonic_increasing
    people = found["people_intervention"] + found["people_comparator"]
    assert people.sum() == 3000
    assert people.between(900, 1100).all()


def test_groups_of_risk_count_among_the_covariates_looked_at(asking):
    found = compared(drawn(1), asking(risk_groups=2, subgroups=["sex"])).subgroups
    assert found["covariate"].drop_duplicates().tolist() == ["sex", "predicted risk"]
    each = found.drop_duplicates("covariate")
    assert (each["interaction_p_holm"] >= each["interaction_p"]).all()
    assert each["interaction_p_holm"].max() > each["interaction_p"].min()


def test_groups_of_risk_stand_under_matched_weights_and_with_censoring(road, study):
    matched = study(estimand="ATT", analysis={"risk_groups": 3, "weighting": "nearest neighbours"})
    found = compare(*road(matched), matched).subgroups
    assert found.groupby("outcome").size().eq(3).all()
    assert found["estimate"].notna().all()


def test_too_few_different_risks_for_the_groups_are_refused(asking):
    with pytest.raises(CohortError, match=r"risk_groups: completion: too many people share"):
        compared(drawn(1), asking(risk_groups=10, outcome_model=["sex"]))


def test_more_folds_than_clusters_are_refused(asking):
    cohort = drawn(1)
    persons = cohort.persons.assign(facility_id=cohort.persons["facility_id"].str[:2])
    few = replace(cohort, persons=persons)
    protocol = asking(risk_groups=2, cluster="facility_id", propensity={"folds": 11})
    with pytest.raises(CohortError, match="clusters cannot be dealt into 11 folds"):
        compared(few, protocol)


# The line through everyone's effect


@pytest.mark.parametrize("cluster", [None, "facility_id"])
def test_the_line_is_that_of_the_array_functions(asking, cluster):
    cohort = drawn(2)
    protocol = asking("ATO", effect_modifiers=NAMES, cluster=cluster)
    found = compared(cohort, protocol).effect_modifiers
    outcome, treated, columns = arrays(cohort)
    by = None if cluster is None else cohort.persons[cluster].to_numpy()
    age = cohort.persons["age_years"].to_numpy()
    male = cohort.persons["sex"].eq("male").to_numpy(float)
    e = fit_propensity(treated, columns).probability
    line = best_linear_projection(
        outcome,
        treated,
        estimated_propensity(treated, e, columns),
        fit_outcome_models(outcome, treated, columns, Link.LOGIT),
        np.column_stack([np.ones(len(age)), age - age.mean(), male - male.mean()]),
    )
    coefficients, influence = line.coefficients[1:], line.influence[:, 1:]
    limits = simultaneous_intervals(coefficients, influence, 0.95, seed=1, cluster=by)
    rows = found[~found["reference"]]
    np.testing.assert_allclose(rows["coefficient"], coefficients, rtol=1e-12)
    np.testing.assert_allclose(rows["std_error"], limits.std_error, rtol=1e-12)
    np.testing.assert_allclose(rows["conf_low"], limits.lower, rtol=1e-10)
    expected = joint_test(coefficients, influence, by).p_value
    assert found["joint_p"].iloc[0] == pytest.approx(expected, rel=1e-9)
    assert found["level"].fillna("").tolist() == ["", "female", "male"]
    assert found["reference"].tolist() == [False, True, False]


def test_a_planted_modifier_is_found_whatever_the_estimand(asking):
    for seed, estimand in enumerate(("ATE", "ATT", "ATO")):
        cohort = drawn(seed, people=4000, of_women=0.15)
        found = compared(cohort, asking(estimand, effect_modifiers=NAMES)).effect_modifiers
        men = found[found["level"] == "male"].iloc[0]
        assert men["conf_low"] < 0.15 < men["conf_high"]
        assert men["conf_low"] > 0
        age = found[found["covariate"] == "age_years"].iloc[0]
        assert age["conf_low"] < 0 < age["conf_high"]
        assert found["joint_p"].iloc[0] < 0.001


def test_where_there_is_no_modifier_one_is_found_about_as_often_as_the_level_says(asking):
    p_values, held = [], []
    for seed in range(40):
        found = compared(drawn(seed, people=700), asking(effect_modifiers=NAMES)).effect_modifiers
        p_values.append(found["joint_p"].iloc[0])
        told = found[~found["reference"]]
        held.append(((told["conf_low"] < 0) & (told["conf_high"] > 0)).all())
    assert np.mean(np.array(p_values) < 0.05) < 0.15
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(held) > 0.85


def test_people_whose_outcome_is_not_known_are_left_out_of_the_line(asking):
    cohort = drawn(2)
    gone = np.arange(3000) % 7 == 0
    status = cohort.follow_up["status"].mask(gone, "missing")
    with_gaps = replace(cohort, follow_up=cohort.follow_up.assign(status=status))
    without = replace(
        cohort,
        persons=cohort.persons[~gone].reset_index(drop=True),
        follow_up=cohort.follow_up[~gone].reset_index(drop=True),
    )
    protocol = asking(effect_modifiers=NAMES)
    one, other = (compared(each, protocol).effect_modifiers for each in (with_gaps, without))
    for column in ("coefficient", "std_error", "joint_p"):
        np.testing.assert_allclose(one[column], other[column], rtol=1e-8)


def test_censored_people_are_told_of_by_pseudo_observations(road, study):
    protocol = study(analysis={"effect_modifiers": ["homeless", "phq9"]})
    found = compare(*road(protocol), protocol).effect_modifiers
    methods = found.groupby("outcome")["se_method"].first()
    assert "pseudo-observations" in methods["relapse"]
    assert "clustered by facility_id (CR1, t)" in methods["relapse"]
    assert "pseudo-observations" not in methods["completion"]
    assert found.loc[found["covariate"] == "homeless", "level"].tolist()[:2] == ["no", "yes"]


@pytest.mark.parametrize(
    ("analysis", "sentence"),
    [
        ({"effect_modifiers": ["shoe_size"]}, "`shoe_size` is not among the covariates"),
        ({"effect_modifiers": ["facility_id"], "cluster": "facility_id"}, "or is the cluster"),
    ],
)
def test_a_modifier_that_is_no_covariate_is_refused(asking, analysis, sentence):
    with pytest.raises(ProtocolError, match=rf"effect_modifiers: .*{sentence}"):
        compared(drawn(1), asking(**analysis))


@pytest.mark.parametrize(
    ("analysis", "changes", "sentence"),
    [
        (
            {"effect_modifiers": ["sex"], "weighting": "nearest neighbours"},
            {"estimand": "ATT"},
            r"effect_modifiers: \['sex'\] are not executed with `weighting: nearest neighbours`",
        ),
        (
            {"effect_modifiers": ["sex"], "limits": {"trim": 0.1}},
            {},
            "leave out `limits`",
        ),
        (
            {"effect_modifiers": ["sex"]},
            {"strategies": {"kind": "sustained", "sustained_days": 56}},
            "tell of starting care",
        ),
    ],
)
def test_where_everyones_score_is_not_there_the_line_is_refused(study, analysis, changes, sentence):
    if "strategies" in changes:
        at_exit = {"completion": {"horizon_days": 90}}
        changes = {**changes, "causal_contrast": "per protocol", "outcomes": at_exit}
    with pytest.raises(ProtocolError, match=sentence):
        study(analysis=analysis, **changes)


def test_clones_have_no_risk_under_the_comparator(study):
    with pytest.raises(ProtocolError, match=r"analysis\.risk_groups: a risk under the comparator"):
        study(
            analysis={"risk_groups": 4},
            strategies={
                "kind": "grace_period",
                "grace_days": 14,
                "after": ["short-term residential"],
                "comparator": [],
            },
            time_zero={"at": "exit from the index stay"},
            causal_contrast="per protocol",
            estimand="ATE",
            outcomes={"completion": {"horizon_days": 90}},
        )


def test_without_asking_there_is_neither(comparison):
    assert comparison.effect_modifiers.empty
    assert "predicted risk" not in set(comparison.subgroups["covariate"])


# Prognosis


def test_prognostic_balance_is_that_of_the_array_functions(asking):
    cohort, protocol = drawn(1), asking()
    weighting = weight_cohort(cohort.persons, protocol)
    (row,) = compare(cohort, weighting, protocol).prognosis.to_dict("records")
    outcome, treated, columns = arrays(cohort)
    risk = comparator_risk(outcome, treated, columns[:, 1:], penalised_logistic_learner(1.0))
    weight = weighting.weights["weight"].to_numpy()
    before = standardized_mean_difference(risk, treated)
    after = standardized_mean_difference(risk, treated, weight)
    assert row["prognostic_smd_before"] == pytest.approx(before, rel=1e-12)
    assert row["prognostic_smd_after"] == pytest.approx(after, rel=1e-12)
    assert before > 0.5
    assert abs(after) < 0.05
    assert row["smallest_cell"] == min((outcome[~treated] == kind).sum() for kind in (0, 1))


def test_an_arm_whose_people_all_have_one_outcome_tells_of_no_risk(asking):
    cohort = drawn(1, people=400)
    comparators = cohort.persons["arm"] == str(Arm.COMPARATOR)
    status = cohort.follow_up["status"].mask(comparators, "no event")
    same = replace(cohort, follow_up=cohort.follow_up.assign(status=status))
    protocol = asking()
    found = compared(same, protocol).prognosis.iloc[0]
    assert found["smallest_cell"] == 0
    assert np.isnan(found["prognostic_smd_after"])


def test_the_score_of_everyone_is_on_the_same_people_as_the_weights(asking):
    cohort, protocol = drawn(1, people=400), asking()
    study = StudyArrays(cohort, weight_cohort(cohort.persons, protocol), protocol)
    assert study.outcome_columns.shape == (400, 3)
