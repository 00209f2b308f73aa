"""Every kind of weighting on the road is that of the arrays, and says what it did."""

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import effects
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.execution import refuse_unexecuted
from iop_outcomes.statistics.matching.matching_sample import (
    Caliper,
    DistanceScale,
    matching_distance,
)
from iop_outcomes.statistics.matching.nearest_neighbour import nearest_neighbour_matching
from iop_outcomes.statistics.matching.subclassification import subclassification
from iop_outcomes.statistics.weighting.entropy_balancing import entropy_balancing
from iop_outcomes.statistics.weighting.overlap import (
    equipoise,
    kolmogorov_smirnov,
    overlap_coefficient,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.propensity_models import BoostedTrees, Lasso, Ridge
from iop_outcomes.statistics.weighting.trimming import trim_symmetrically, winsorize_weights
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Arm, Estimand

TERMS = ["age_years", "sex", "primary_substance", "homeless", "phq9"]


@pytest.fixture(scope="module")
def weigh(cohort, study):
    """Weights of the small study under another plan, with the arrays they come from."""

    def of(estimand="ATT", **plan):
        analysis = {"covariates": TERMS, "cluster": None, **plan}
        protocol = study(estimand=estimand, analysis=analysis)
        return weight_cohort(cohort.persons, protocol), protocol

    return of


@pytest.fixture(scope="module")
def model(cohort):
    return design(cohort.persons, TERMS)


def logit(model):
    e = fit_propensity(model.treated, model.columns).probability
    return matching_distance(e, DistanceScale.LOGIT)


# Propensity models


@pytest.mark.parametrize(
    ("plan", "fit"),
    [
        ({"model": "ridge", "penalty": 0.02}, Ridge(strength=0.02)),
        ({"model": "ridge", "folds": 3, "seed": 5}, Ridge(folds=3, seed=5)),
        ({"model": "lasso", "penalty": 0.01}, Lasso(strength=0.01)),
        ({"model": "boosted trees", "folds": 2}, BoostedTrees(folds=2)),
    ],
)
def test_the_propensity_is_that_of_the_model_asked_for(weigh, model, plan, fit):
    weighting, _ = weigh(propensity=plan)
    expected = fit.fit(model.treated, model.columns)
    assert weighting.weights["propensity"].tolist() == expected.probability.tolist()
    chosen = weighting.plan.set_index("key").loc["strength", "value"]
    assert float(chosen) == expected.strength


def test_patterns_of_categorical_covariates_give_the_same_weights_as_rows(cohort, study):
    """Beyond 40 000 people who repeat each other they are counted first; fewer are not."""
    protocol = study(analysis={"covariates": ["sex", "primary_substance", "homeless"]})
    few = cohort.persons[["arm", "sex", "primary_substance", "homeless"]]
    many = pd.concat([few] * 40, ignore_index=True)
    few, many = (t.assign(person_id=np.arange(len(t)).astype(str)) for t in (few, many))
    assert len(many) > 40_000
    rows, patterns = (weight_cohort(people, protocol).weights for people in (few, many))
    for column in ("propensity", "weight"):
        expected = np.tile(rows[column], 40)
        assert np.abs(patterns[column] - expected).max() < 1e-10


# Kinds of weights


def test_entropy_balancing_makes_the_means_agree(weigh, model):
    weighting, _ = weigh(weighting="entropy balancing")
    expected = entropy_balancing(model.treated, model.columns[:, 1:], Estimand.ATT).weight
    assert weighting.weights["weight"].tolist() == expected.tolist()
    assert weighting.balance["smd_after"].abs().max() < 1e-8


@pytest.mark.parametrize("replacement", [False, True])
def test_neighbours_are_those_on_the_logit_within_the_caliper(weigh, model, replacement):
    plan = {"ratio": 2, "caliper": 0.1, "replacement": replacement}
    weighting, _ = weigh(weighting="nearest neighbours", matching=plan)
    expected = nearest_neighbour_matching(
        model.treated, logit(model), Estimand.ATT, ratio=2, replacement=replacement,
        caliper=Caliper(0.1),
    )  # fmt: skip
    assert weighting.weights["weight"].tolist() == expected.weight.tolist()
    sizes = weighting.sample_size.set_index("arm")["unmatched"].to_dict()
    assert sizes == {
        "intervention": expected.unmatched_treated,
        "comparator": expected.unmatched_control,
    }


def test_neighbours_share_what_they_must(weigh, cohort):
    plan = {"exact": ["sex", "homeless"]}
    weights = weigh("ATC", weighting="nearest neighbours", matching=plan)[0].weights
    people = cohort.persons.merge(weights, on="person_id").dropna(subset="matched_set")
    sets = people.groupby("matched_set")
    assert (sets.size() == 2).all()
    for name in ("sex", "homeless", "arm"):
        assert (sets[name].nunique() == (2 if name == "arm" else 1)).all()


def test_whoever_finds_no_match_weighs_nothing_and_belongs_to_no_set(weigh):
    weights = weigh(weighting="nearest neighbours")[0].weights
    unmatched = weights["weight"] == 0
    assert unmatched.any()
    assert weights["matched_set"].isna().equals(unmatched)


def test_sets_that_share_a_person_are_one(drawn, study):
    """A and B both take C: with replacement they are one set, and so is D with E."""
    people = drawn("""
        person_id | arm          | sick | score
        A         | intervention | 0    | 0
        B         | intervention | 0    | 0
        C         | comparator   | 0    | 0
        D         | intervention | 1    | 9
        E         | comparator   | 1    | 9
        F         | comparator   | 1    | 9
    """)
    analysis = {
        "covariates": ["sick"],
        "weighting": "nearest neighbours",
        "matching": {"replacement": True, "caliper": None},
    }
    weights = weight_cohort(people, study(estimand="ATT", analysis=analysis)).weights
    sets = weights.set_index("person_id")["matched_set"]
    assert sets["A"] == sets["B"] == sets["C"]
    assert sets["D"] == sets[["E", "F"]].dropna().item() != sets["A"]


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC"])
def test_subclasses_are_quantiles_of_the_propensity(weigh, model, estimand):
    weighting, _ = weigh(estimand, weighting="subclasses", subclasses=7)
    e = weighting.weights["propensity"]
    expected = subclassification(model.treated, e, Estimand(estimand), 7).weight
    assert weighting.weights["weight"].tolist() == expected.tolist()


# Limits


def test_trimming_drops_people_and_fits_the_propensity_again(weigh, model):
    weighting, _ = weigh("ATE", limits={"trim": 0.3})
    first = fit_propensity(model.treated, model.columns).probability
    kept = trim_symmetrically(model.treated, first, 0.3).kept
    assert (~kept).sum() > 0
    again = fit_propensity(model.treated[kept], model.columns[kept]).probability
    weights = weighting.weights
    assert (weights["trimmed"].to_numpy() == ~kept).all()
    assert (weights.loc[~kept, "weight"] == 0).all()
    assert weights.loc[kept, "propensity"].tolist() == pytest.approx(again.tolist(), rel=1e-12)
    expected = balancing_weights(model.treated[kept], again, Estimand.ATE)
    assert weights.loc[kept, "weight"].tolist() == pytest.approx(expected.tolist(), rel=1e-12)
    trimmed = weighting.sample_size.set_index("arm")["trimmed"].to_dict()
    assert trimmed == {
        "intervention": (model.treated & ~kept).sum(),
        "comparator": (~model.treated & ~kept).sum(),
    }


def test_a_level_that_left_with_the_trimmed_is_no_column_of_the_second_fit(study):
    """The rare level is nearly always treated; without it the others are fitted as if alone."""
    rows = [("common", "intervention", 40), ("common", "comparator", 60)]
    rows += [("other", "intervention", 50), ("other", "comparator", 50)]
    rows += [("rare", "intervention", 19), ("rare", "comparator", 1)]
    people = pd.DataFrame(
        [{"drug": drug, "arm": arm} for drug, arm, many in rows for _ in range(many)]
    ).assign(person_id=lambda t: t.index.astype(str))
    analysis = {"covariates": ["drug"], "limits": {"trim": 0.1}}
    weights = weight_cohort(people, study(estimand="ATE", analysis=analysis)).weights
    assert weights["trimmed"].equals(people["drug"].eq("rare"))
    by_drug = weights["propensity"].groupby(people["drug"]).mean()
    assert by_drug[["common", "other"]].tolist() == pytest.approx([0.4, 0.5])


def test_no_weight_is_above_where_it_is_truncated(weigh, model):
    plain = weigh("ATE")[0].weights["weight"]
    weights = weigh("ATE", limits={"truncate": 2.5})[0].weights["weight"]
    assert plain.max() > 2.5
    assert weights.tolist() == np.minimum(plain, 2.5).tolist()


def test_the_arm_that_stands_for_itself_is_not_winsorized(weigh, model):
    plain = weigh("ATT")[0].weights["weight"]
    weights = weigh("ATT", limits={"winsorize": 0.9})[0].weights["weight"]
    expected = winsorize_weights(plain, 0.9, among=~model.treated).weight
    assert weights.tolist() == expected.tolist()
    assert (weights[model.treated] == 1).all()


# What is shown of them


@pytest.mark.parametrize(
    "plan", [{}, {"weighting": "nearest neighbours"}, {"limits": {"trim": 0.3}}]
)
def test_distributions_are_compared_as_the_arrays_compare_them(weigh, cohort, model, plan):
    weighting, _ = weigh(**plan)
    weights, balance = weighting.weights, weighting.balance.set_index("covariate")
    for name in ("age_years", "phq9"):
        value = cohort.persons[name].to_numpy(float)
        weight = weights["weight"]
        assert balance.loc[name, "ks_before"] == kolmogorov_smirnov(value, model.treated)
        assert balance.loc[name, "ks_after"] == kolmogorov_smirnov(value, model.treated, weight)
    shares = weighting.balance.dropna(subset="level")
    apart = shares["weighted_value_intervention"] - shares["weighted_value_comparator"]
    assert shares["ks_after"].tolist() == pytest.approx(apart.abs().tolist(), abs=1e-12)
    assert shares["variance_ratio_after"].isna().all()
    kept = ~weights["trimmed"].to_numpy()
    e, treated = weights["propensity"].to_numpy()[kept], model.treated[kept]
    size = weighting.sample_size.set_index("arm")
    found = equipoise(treated, e)
    assert size["equipoise"].to_dict() == {
        "intervention": found.intervention,
        "comparator": found.comparator,
    }
    expected = overlap_coefficient(e, treated, weights["weight"].to_numpy()[kept])
    assert size["overlap_after"].tolist() == [expected] * 2


def test_people_who_weigh_something_are_counted_by_level_and_arm(weigh, cohort):
    weighting, _ = weigh(weighting="nearest neighbours")
    people = cohort.persons.merge(weighting.weights.query("weight > 0"), on="person_id")
    rows = weighting.balance.query("covariate == 'sex'").set_index("level")
    for arm in map(str, Arm):
        counted = people[people["arm"] == arm]["sex"].value_counts()
        assert rows[f"weighted_people_{arm}"].to_dict() == counted.to_dict()


# What cannot be done is said before


@pytest.mark.parametrize(
    ("estimand", "plan", "words"),
    [
        ("ATO", {"weighting": "entropy balancing"}, "analysis.weighting.*ATO population"),
        ("ATE", {"weighting": "nearest neighbours"}, "ATT or ATC"),
        ("ATM", {"weighting": "subclasses"}, "ATE or ATT or ATC"),
        (
            "ATT",
            {"weighting": "nearest neighbours", "limits": {"winsorize": 0.9}},
            "analysis.limits: weights are not truncated",
        ),
    ],
)
def test_a_weighting_that_cannot_stand_for_the_estimand_is_refused(study, estimand, plan, words):
    with pytest.raises(ProtocolError, match=words):
        refuse_unexecuted(study(estimand=estimand, analysis=plan))


def test_large_weights_are_limited_in_one_way(study):
    with pytest.raises(ProtocolError, match="choose one"):
        study(analysis={"limits": {"truncate": 10, "winsorize": 0.99}})


def test_a_covariate_to_be_shared_that_nobody_has_is_named(weigh):
    with pytest.raises(ProtocolError, match=r"matching.exact: the cohort has no \['shoes'\]"):
        weigh(weighting="nearest neighbours", matching={"exact": ["shoes"]})


def test_every_kind_walks_the_whole_road(weigh, cohort):
    for estimand, plan in (
        ("ATE", {"weighting": "entropy balancing"}),
        ("ATC", {"weighting": "nearest neighbours", "matching": {"replacement": True}}),
        ("ATE", {"weighting": "subclasses"}),
        ("ATO", {"limits": {"trim": 0.3}}),
    ):
        weighting, protocol = weigh(estimand, **plan)
        table = effects(cohort, weighting, protocol)
        assert table[["estimate", "std_error", "conf_low", "conf_high"]].notna().all(axis=None)
