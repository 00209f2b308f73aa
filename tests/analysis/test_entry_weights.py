"""What estimating the weights adds to uncertainty, and whose weights they are."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import effects
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import estimated_weights, influence
from iop_outcomes.statistics.matching.matched_effects import (
    ClusterCorrection,
    Contrast,
    cluster_robust_error,
    matched_contrast,
    matched_means,
)
from iop_outcomes.statistics.matching.matching_sample import (
    Caliper,
    DistanceScale,
    matching_distance,
)
from iop_outcomes.statistics.matching.nearest_neighbour import nearest_neighbour_matching
from iop_outcomes.statistics.weighting.entropy_balancing import entropy_balancing
from iop_outcomes.statistics.weighting.propensity import fitted_weights
from iop_outcomes.statistics.weighting.propensity_models import Ridge
from iop_outcomes.vocabulary import Estimand

TERMS = ["age_years", "sex", "homeless", "phq9"]
STACKED = "stacked estimating equations"
KNOWN = "weights taken as known"


@pytest.fixture(scope="module")
def told(cohort):
    """The cohort with everyone's completion known, read at exit."""
    follow_up = cohort.follow_up.query("outcome == 'completion'")
    known = follow_up.loc[follow_up["status"] != "missing", "person_id"]
    return replace(
        cohort,
        persons=cohort.persons[cohort.persons["person_id"].isin(known)].reset_index(drop=True),
        follow_up=follow_up[follow_up["person_id"].isin(known)].reset_index(drop=True),
        exits=cohort.exits[cohort.exits["person_id"].isin(known)].reset_index(drop=True),
    )


@pytest.fixture(scope="module")
def asked(study):
    def of(estimand="ATT", **plan):
        protocol = study(
            estimand=estimand,
            noninferiority={},
            analysis={"covariates": TERMS, "cluster": None, **plan},
        )
        alone = tuple(o for o in protocol.outcomes if o.name == "completion")
        return replace(protocol, outcomes=alone, noninferiority={})

    return of


@pytest.fixture(scope="module")
def difference(told, asked):
    """The weighted risk difference of completion under a plan."""

    def of(estimand="ATT", **plan):
        protocol = asked(estimand, **plan)
        table = effects(told, weight_cohort(told.persons, protocol), protocol)
        rows = table.query("method == 'iptw' and measure == 'risk_difference'")
        return rows.iloc[0]

    return of


@pytest.fixture(scope="module")
def arrays(told):
    model = design(told.persons, TERMS)
    rows = told.persons[["person_id"]].merge(told.follow_up, on="person_id")
    return model, rows["status"].eq("event").to_numpy(float)


def difference_of_means(outcome, treated, weight, estimated=None):
    """Hajek's difference and its standard error, written out."""
    derivative, value = np.zeros(outcome.size), {}
    for arm, sign in ((treated, 1), (~treated, -1)):
        value[sign] = np.average(outcome[arm], weights=weight[arm])
        derivative[arm] = sign * (outcome[arm] - value[sign]) / weight[arm].sum()
    moved = influence(derivative, weight, estimated)
    return value[1] - value[-1], np.sqrt(np.sum(moved**2))


def expect(row, estimate, error):
    assert row["estimate"] == pytest.approx(estimate, rel=1e-12)
    assert row["std_error"] == pytest.approx(error, rel=1e-12)


def test_entropy_balancing_stacks_its_own_equations(difference, arrays):
    model, outcome = arrays
    for estimand in ("ATE", "ATT", "ATC"):
        found = entropy_balancing(model.treated, model.columns[:, 1:], Estimand(estimand))
        row = difference(estimand, weighting="entropy balancing")
        expect(row, *difference_of_means(outcome, model.treated, found.weight, found.estimated))
        assert row["se_method"] == STACKED


@pytest.mark.parametrize("penalty", [0.05, None])
def test_a_ridge_stacks_its_equations_with_the_penalty_as_given(difference, arrays, penalty):
    model, outcome = arrays
    fit = Ridge(penalty, 5, 1).fit(model.treated, model.columns)
    found = fitted_weights(fit, model.treated, model.columns, Estimand.ATE)
    weight = np.where(model.treated, 1 / fit.probability, 1 / (1 - fit.probability))
    row = difference("ATE", propensity={"model": "ridge", "penalty": penalty})
    expect(row, *difference_of_means(outcome, model.treated, weight, found))
    assert row["se_method"] == f"{STACKED}, penalty taken as given"


@pytest.mark.parametrize(
    "plan",
    [
        {"propensity": {"model": "lasso", "penalty": 0.01}},
        {"propensity": {"model": "boosted trees", "folds": 2}},
        {"weighting": "subclasses"},
    ],
)
def test_weights_without_a_derivative_are_taken_as_known_and_it_is_said(
    difference, asked, told, arrays, plan
):
    model, outcome = arrays
    weight = weight_cohort(told.persons, asked(**plan)).weights["weight"].to_numpy()
    row = difference(**plan)
    expect(row, *difference_of_means(outcome, model.treated, weight))
    assert row["se_method"] == KNOWN


def test_a_capped_weight_no_longer_moves(difference, asked, told, arrays):
    model, outcome = arrays
    plan = {"limits": {"truncate": 2.0}}
    weights = weight_cohort(told.persons, asked("ATE", **plan)).weights
    e, weight = weights["propensity"].to_numpy(), weights["weight"].to_numpy()
    found = estimated_weights(model.treated, e, model.columns, Estimand.ATE)
    capped = replace(found, gradient=found.gradient * (weight < 2.0)[:, None])
    row = difference("ATE", **plan)
    expect(row, *difference_of_means(outcome, model.treated, weight, capped))
    assert row["se_method"] == f"{STACKED}, largest weights taken as known"


def test_trimming_is_the_same_as_never_having_had_those_people(difference, told, asked):
    protocol = asked("ATE", limits={"trim": 0.35})
    trimmed = weight_cohort(told.persons, protocol).weights.query("trimmed")["person_id"]
    assert len(trimmed)
    rest = replace(
        told,
        persons=told.persons[~told.persons["person_id"].isin(trimmed)].reset_index(drop=True),
    )
    plain = asked("ATE")
    alone = effects(rest, weight_cohort(rest.persons, plain), plain)
    alone = alone.query("method == 'iptw' and measure == 'risk_difference'").iloc[0]
    row = difference("ATE", limits={"trim": 0.35})
    expect(row, alone["estimate"], alone["std_error"])
    assert row["n"] == alone["n"] == len(told.persons) - len(trimmed)


@pytest.mark.parametrize("estimand", ["ATT", "ATC"])
def test_matched_pairs_are_the_clusters_where_none_are_named(
    difference, arrays, asked, told, estimand
):
    model, outcome = arrays
    plan = {"weighting": "nearest neighbours", "matching": {"ratio": 2}}
    e = weight_cohort(told.persons, asked(estimand, **plan)).weights["propensity"]
    matched = nearest_neighbour_matching(
        model.treated,
        matching_distance(e, DistanceScale.LOGIT),
        Estimand(estimand),
        ratio=2,
        caliper=Caliper(0.2),
    )
    contrast = matched_contrast(matched_means(outcome, model.treated, matched), Contrast.DIFFERENCE)
    row = difference(estimand, **plan)
    expect(row, contrast.estimate, cluster_robust_error(contrast, ClusterCorrection.CR1))
    assert row["se_method"] == f"{KNOWN}, clustered by matched set (CR1, t)"
    assert row["n"] == (matched.weight > 0).sum()
    assert pd.isna(row["clusters"])


def test_a_named_cluster_comes_before_the_matched_sets(difference):
    row = difference(weighting="nearest neighbours", cluster="facility_id")
    assert row["se_method"] == f"{KNOWN}, clustered by facility_id (CR1, t with 7 df)"


def test_all_in_one_matched_set_is_no_spread(told, asked):
    protocol = asked(
        weighting="nearest neighbours",
        covariates=["homeless"],
        matching={"replacement": True, "caliper": None, "ratio": 400},
    )
    weighting = weight_cohort(told.persons, protocol)
    with pytest.raises(CohortError, match="one matched set"):
        StudyArrays(told, weighting, protocol)


@pytest.mark.parametrize(
    ("made", "meant"),
    [
        ({"weighting": "entropy balancing"}, {}),
        ({}, {"weighting": "entropy balancing"}),
        ({"weighting": "nearest neighbours"}, {}),
        ({"weighting": "nearest neighbours"}, {"weighting": "subclasses"}),
        ({"limits": {"truncate": 1.2}}, {}),
        ({}, {"limits": {"truncate": 1.2}}),
        (
            {"weighting": "nearest neighbours"},
            {"weighting": "nearest neighbours", "matching": {"ratio": 2}},
        ),
        ({"limits": {"trim": 0.35}}, {}),
        ({}, {"limits": {"trim": 0.35}}),
        ({}, {"propensity": {"model": "lasso"}}),
        ({}, {"propensity": {"model": "ridge", "penalty": 0.1}}),
    ],
)
def test_weights_made_otherwise_than_the_protocol_says_are_refused(told, asked, made, meant):
    weighting = weight_cohort(told.persons, asked(**made))
    with pytest.raises(CohortError, match="weight the cohort again under this protocol"):
        effects(told, weighting, asked(**meant))


def test_a_risk_of_matched_people_gives_away_those_left_out(difference, told, asked, arrays):
    """Their weights are alike, so everyone's events less theirs are events of the unmatched."""
    model, outcome = arrays
    plan = {"weighting": "nearest neighbours", "matching": {"caliper": 0.02}}
    weight = weight_cohort(told.persons, asked(**plan)).weights["weight"].to_numpy()
    cells = [
        int((outcome[arm & (group == (weight > 0))] == value).sum())
        for arm in (model.treated, ~model.treated)
        for group in (True, False)
        for value in (0, 1)
    ]
    assert difference(**plan)["smallest_cell"] == min(n for n in cells if n)


def test_a_risk_of_people_who_weigh_unlike_gives_away_no_one_left_out(difference):
    trimmed = difference("ATE", limits={"trim": 0.35})
    assert trimmed["smallest_cell"] > 11
