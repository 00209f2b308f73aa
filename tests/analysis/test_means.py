"""Outcomes that are a number: the road equals the arrays, and a table worked by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import iop_outcomes as iop
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.scored_arms import given_away
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.effects.doubly_robust import augmented_risks, standardized_risks
from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    PredictedOutcomes,
    fit_outcome_models,
)
from iop_outcomes.statistics.effects.risks import Estimated, estimated_propensity
from iop_outcomes.statistics.effects.targeted import targeted_risks
from iop_outcomes.statistics.effects.weighted_risks import unadjusted_risks, weighted_risks
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.vocabulary import Estimand

MEANS = ["mean_intervention", "mean_comparator", "mean_difference"]
BESIDE = ["g-computation", "aipw", "tmle"]


def walked(frame: pd.DataFrame, outcome=None, **asked):
    """The whole road of a frame with the outcome `y`."""
    given = {"covariates": ["x", "site"], "estimand": "ATE"} | asked
    outcomes = {"y": outcome or iop.Continuous("y", range=(0, 27))}
    study = iop.cohort_from_frame(frame, arm="care", intervention=1, outcomes=outcomes, **given)
    weighting = iop.weight_cohort(study.cohort.persons, study.protocol)
    return study, weighting, iop.compare(study.cohort, weighting, study.protocol)


def estimates(*road, **asked) -> pd.DataFrame:
    return walked(*road, **asked)[2].estimates.set_index(["method", "measure"])


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    """Scores of 400 people at 8 sites; one in ten is not known, the worse off sooner."""
    rng = np.random.default_rng(8)
    x, site = rng.normal(size=400), rng.integers(0, 8, 400)
    care = rng.random(400) < 1 / (1 + np.exp(-0.7 * x + 0.1 * site))
    y = np.clip(np.round(10 - 2 * care + 2 * x + 0.3 * site + rng.normal(0, 4, 400)), 0, 27)
    y[rng.random(400) < 0.05 + 0.01 * y / 2] = np.nan
    return pd.DataFrame(
        {"care": care.astype(int), "x": x, "site": pd.Series(site).map("site {}".format), "y": y}
    )


def arrays(study: iop.FrameStudy, weighting: iop.Weighting):
    """Scores, who is known, arms, propensity and design, in the order of the people."""
    score = study.cohort.scores["score"].to_numpy()
    model = design(study.cohort.persons, study.protocol.analysis.covariates)
    e = weighting.weights["propensity"].to_numpy()
    known = ~np.isnan(score)
    propensity = estimated_propensity(model.treated, e, model.columns)
    return np.where(known, score, 0.0), known, model.treated, propensity, model.columns


# By hand


def test_means_standard_deviations_and_their_error_on_a_table_worked_by_hand():
    """Of four people with x = 0 three enter care, of four with x = 1 one does.

    The weights for everyone are 4/3, 4/3, 4/3 and 4 in either arm, and the weighted means
    (4/3 x (4 + 6 + 8) + 4 x 10) / 8 = 8 in care, (4 x 12 + 4/3 x (14 + 16 + 18)) / 8 = 14 without.
    """
    frame = pd.DataFrame(
        {
            "care": [1, 1, 1, 0, 1, 0, 0, 0],
            "x": [0, 0, 0, 0, 1, 1, 1, 1],
            "site": "one",
            "y": [4, 6, 8, 12, 10, 14, 16, 18],
        }
    )
    _, _, found = walked(frame, covariates=["x"])
    means = found.means.set_index(["method", "arm"])
    assert means.loc[("unadjusted", "intervention"), "mean"] == 7.0
    assert means.loc[("unadjusted", "comparator"), "mean"] == 15.0
    assert means.loc[("unadjusted", "intervention"), "standard_deviation"] == pytest.approx(
        np.sqrt(20 / 3)  # deviations -3 -1 1 3, squares 20, over n - 1
    )
    plain = found.estimates.set_index(["method", "measure"])
    # Squares 20 and 20, over n squared in each arm: the root of 20/16 + 20/16.
    assert plain.loc[("unadjusted", "mean_difference"), "std_error"] == pytest.approx(np.sqrt(2.5))
    weighted = plain.loc["iptw"]["estimate"]
    assert weighted.loc[MEANS].tolist() == pytest.approx([8.0, 14.0, -6.0], rel=1e-9)
    # Weights 4/3 (three) and 4: deviations -4 -2 0 2, so 80/3 + 16 over 8 - (16/3 + 16)/8.
    assert means.loc[("iptw", "intervention"), "standard_deviation"] == pytest.approx(
        np.sqrt((80 / 3 + 16) / (8 - 64 / 24)), rel=1e-9
    )


def test_wald_limits_reach_as_far_to_both_sides_and_no_ratio_is_made(frame):
    rows = walked(frame)[2].estimates
    half = rows["conf_high"] - rows["estimate"]
    assert np.allclose(half, 1.959963984540054 * rows["std_error"])
    assert np.allclose(half, rows["estimate"] - rows["conf_low"])
    assert rows["measure"].unique().tolist() == MEANS


# The road equals the arrays


@pytest.mark.parametrize("estimand", list(Estimand))
def test_means_on_the_road_are_those_of_the_array_functions(frame, estimand):
    study, weighting, found = walked(frame, estimand=str(estimand), estimators=BESIDE)
    y, known, treated, propensity, columns = arrays(study, weighting)
    seen = known.astype(float)
    predicted = fit_outcome_models(y, treated, columns, Link.IDENTITY, weight=seen)
    share = fit_outcome_models(y / 27, treated, columns, Link.LOGIT, weight=seen)
    inside = PredictedOutcomes(
        *(Estimated(27 * s.value, 27 * s.gradient) for s in (share.intervention, share.comparator)),
        share.influence,
    )
    given = (y, treated, propensity)
    of_score = propensity if estimand in (Estimand.ATO, Estimand.ATM) else None
    expected = {
        "unadjusted": unadjusted_risks(y[known], treated[known]),
        "iptw": weighted_risks(*given, estimand, seen),
        "g_computation": standardized_risks(treated, predicted, estimand, propensity=of_score),
        "aipw": augmented_risks(*given, predicted, estimand, known=known, normalised=True),
        "tmle": targeted_risks(*given, inside, estimand, bounds=(0, 27), known=known),
    }
    rows = found.estimates.set_index(["method", "measure"])
    for method, means in expected.items():
        one, other = means.influence_intervention, means.influence_comparator
        numbers = [means.intervention, means.comparator, means.intervention - means.comparator]
        errors = [uncertainty(moved, 0.95).std_error for moved in (one, other, one - other)]
        assert rows.loc[method]["estimate"].loc[MEANS].tolist() == pytest.approx(numbers, rel=1e-12)
        assert rows.loc[method]["std_error"].loc[MEANS].tolist() == pytest.approx(errors, rel=1e-12)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"cluster": "site", "covariates": ["x"]},
        {"weighting": "entropy balancing"},
        {"weighting": "nearest neighbours", "estimand": "ATT"},
        {"limits": {"winsorize": 0.95}},
        {"estimators": ["g-computation", "aipw"], "outcome_model": ["x"]},
        *(
            {"cluster": "site", "covariates": ["x"], "standard_errors": errors}
            for errors in (
                {"clusters": "jackknife"},
                {"clusters": "CR2", "weights": "known"},
                {"clusters": "wild bootstrap", "weights": "known", "repeats": 199},
            )
        ),
    ],
    ids=str,
)
def test_the_mean_of_ones_and_zeros_is_the_risk_however_it_is_asked_for(frame, asked):
    """A yes or no read as a number: estimates, errors and n of its means are those of its risks."""
    high = (frame["y"] > 10).astype("Float64").mask(frame["y"].isna())
    number = estimates(frame.assign(y=high), iop.Continuous("y"), **asked)
    risk = estimates(frame.assign(y=high), iop.Binary("y"), **asked)
    for method in number.index.unique("method"):
        for mean in MEANS:
            one, other = number.loc[method, mean], risk.loc[method, mean.replace("mean", "risk")]
            if method in (
                "g_computation",
                "aipw",
            ):  # models of a number are linear, of a yes logistic
                assert one["n"] == other["n"]
                continue
            for column in ("estimate", "std_error", "effective_n"):
                assert one[column] == pytest.approx(other[column], rel=1e-9), (method, mean)
            told = ["n", "clusters", "se_method", "smallest_cell", "fewest_missing"]
            pd.testing.assert_series_equal(one[told], other[told], check_names=False)


# Laws


@settings(max_examples=8, deadline=None)
@given(shift=st.floats(-1e3, 1e3), scale=st.floats(0.01, 1e3))
def test_another_origin_moves_the_means_and_another_unit_scales_all(frame, shift, scale):
    before = estimates(frame, iop.Continuous("y"), estimators=BESIDE[:2])
    after = estimates(
        frame.assign(y=frame["y"] * scale + shift), iop.Continuous("y"), estimators=BESIDE[:2]
    )
    moved = np.where(before.index.get_level_values("measure") == "mean_difference", 0.0, shift)
    near = {"rtol": 1e-8, "atol": 1e-8 * (1 + abs(shift))}
    assert np.allclose(after["estimate"], before["estimate"] * scale + moved, **near)
    assert np.allclose(after["std_error"], before["std_error"] * scale, **near)


def test_tmle_follows_the_unit_of_its_range(frame):
    before = estimates(frame, estimators=["tmle"]).loc[("tmle", "mean_difference")]
    tenfold = iop.Continuous("y", range=(5, 275))
    after = estimates(frame.assign(y=10 * frame["y"] + 5), tenfold, estimators=["tmle"])
    after = after.loc[("tmle", "mean_difference")]
    assert after["estimate"] == pytest.approx(10 * before["estimate"], rel=1e-9)
    assert after["std_error"] == pytest.approx(10 * before["std_error"], rel=1e-9)


def test_arms_that_change_their_names_change_the_sign(frame):
    here = estimates(frame).xs("mean_difference", level="measure")["estimate"]
    there = estimates(frame.assign(care=1 - frame["care"]))
    there = there.xs("mean_difference", level="measure")["estimate"]
    assert np.allclose(here, -there, rtol=1e-9)


def test_a_number_beside_a_yes_or_no_changes_nothing_of_either(frame):
    both = frame.assign(high=(frame["y"] > 10).astype("Int64").mask(frame["y"].isna()))
    outcomes = {"y": iop.Continuous("y"), "high": iop.Binary("high")}
    asked = {"arm": "care", "intervention": 1, "covariates": ["x", "site"]}
    study = iop.cohort_from_frame(both, outcomes=outcomes, **asked)
    weighting = iop.weight_cohort(study.cohort.persons, study.protocol)
    found = iop.compare(study.cohort, weighting, study.protocol)
    for name, alone in (("y", iop.Continuous("y")), ("high", iop.Binary("high"))):
        only = iop.cohort_from_frame(both, outcomes={name: alone}, **asked)
        one = iop.compare(only.cohort, weighting, only.protocol)
        for table in ("estimates", "means", "arms"):
            whole = getattr(found, table)
            part = whole[whole["outcome"] == name].reset_index(drop=True)
            theirs = getattr(one, table)
            pd.testing.assert_frame_equal(part[theirs.columns], theirs, check_dtype=False)


# What is counted


def test_who_has_no_score_is_counted_by_arm_and_left_out(frame):
    _, _, found = walked(frame)
    unknown, care = frame["y"].isna(), frame["care"] == 1
    means = found.means[found.means["method"] == "unadjusted"].set_index("arm")
    assert means["missing"].to_dict() == {
        "intervention": (unknown & care).sum(),
        "comparator": (unknown & ~care).sum(),
    }
    assert means["people"].to_dict() == {
        "intervention": (~unknown & care).sum(),
        "comparator": (~unknown & ~care).sum(),
    }
    whole = found.estimates[found.estimates["measure"] == "mean_difference"]
    assert (whole["n"] == (~unknown).sum()).all()


@pytest.mark.parametrize(
    ("scores", "people"),
    [
        ([1] * 3 + [0] * 11, 3),  # as a risk gives them away
        ([0] * 3 + [1] * 11, 3),
        ([0] * 6 + [1] * 6, 6),
        (range(11), 11),  # all differ: a sum of eleven
        ([5] * 30 + [6], 1),
        ([0] * 30 + [9, 9], 2),
        ([*range(30), 10_000], 1),  # one person is nearly all of the sum
        ([4, 4], 2),
    ],
)
def test_of_nearly_equal_scores_a_mean_gives_away_those_who_differ(scores, people):
    assert given_away(np.array(list(scores), float)) == people


def test_people_left_out_by_a_match_are_given_away_by_what_is_left(frame):
    """All scores of an arm less those of the matched are those of the few without a match."""
    asked = {"weighting": "nearest neighbours", "estimand": "ATT", "matching": {"caliper": 0.02}}
    _, weighting, found = walked(frame, **asked)
    rows = found.means.set_index(["method", "arm"])
    out = frame[(frame["care"] == 1) & (weighting.weights["weight"].to_numpy() == 0)]["y"].dropna()
    assert 0 < len(out) < rows.loc[("unadjusted", "intervention"), "people"]
    assert rows.loc[("iptw", "intervention"), "smallest_cell"] <= len(out)


# Refused


@pytest.mark.parametrize(
    ("changed", "outcome", "said"),
    [
        ({"y": "many"}, iop.Continuous("y"), "outcomes.y: `y` holds no numbers"),
        ({"y": [True, False] * 200}, iop.Continuous("y"), "for a yes or no write Binary"),
        ({"y": np.inf}, iop.Continuous("y"), "outcomes.y: `y` is infinite for 400 of 400 people"),
        ({"y": 30.0}, iop.Continuous("y", range=(0, 27)), "400 score.* outside its range of 0 to"),
        ({"y": np.nan}, iop.Continuous("y"), "outcomes.y: it is not known for anyone in the"),
        ({"y": 3.0}, iop.Continuous("y"), "everyone in the intervention arm has the same score"),
    ],
)
def test_a_column_that_is_no_outcome_is_refused_in_words(frame, changed, outcome, said):
    with pytest.raises(CohortError, match=said):
        walked(frame.assign(**changed), outcome)


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"estimators": ["tmle"]}, r"outcomes.y.score.range: tmle moves predictions between"),
        (
            {"noninferiority": {"y": {"risk_difference": 0.1, "justification": "as an example",
                                      "set_by": "nobody"}}},
            "noninferiority.y: a margin on a difference of means is not executed yet",
        ),
        ({"covariates": ["y"]}, "`y` belongs to the outcome y"),
    ],
)  # fmt: skip
def test_what_cannot_be_asked_of_a_number_is_refused_in_words(frame, asked, said):
    with pytest.raises(ProtocolError, match=said):
        walked(frame, iop.Continuous("y"), **asked)


def test_an_arm_within_one_cluster_is_refused(frame):
    alone = frame.assign(site=frame["site"].where(frame["care"] == 0, "site 1"))
    with pytest.raises(CohortError, match=r"protocol.outcomes.y: .*one cluster"):
        walked(alone, cluster="site", covariates=["x"])
