"""Whose follow-up ends early: weighted as the arrays say, and mended where it can be."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

import iop_outcomes as iop
from iop_outcomes.analysis.adherence_weighting import arms_under_strategies
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.errors import CohortError, PositivityError, ProtocolError
from iop_outcomes.protocol.linting import lint
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.survival.censoring import Decisions, fit_decisions, weights_without
from iop_outcomes.statistics.survival.changing_weights import followed
from iop_outcomes.statistics.survival.curves import (
    CENSORED,
    incidence_derivative,
    restricted_mean_derivative,
)
from iop_outcomes.statistics.survival.loss_to_follow_up import fit_losses, loss_weights
from iop_outcomes.statistics.survival.multiplied_weights import StrategyFactor, followed_under
from iop_outcomes.vocabulary import Arm

HORIZON = 60
RELAPSE = iop.TimeToEvent("days", event="ended", horizon_days=HORIZON)
WELL = iop.Binary("well", better="higher")
# Daily rates of relapse and of being lost. Who is ill relapses sooner; in the one arm the ill are
# lost, in the other the well.
RELAPSES, ILLNESS, EFFECT, LOST = 0.012, 0.8, -0.4, 0.010


def people(count: int, seed: int, lost: float = LOST, dependence: float = 0.7) -> pd.DataFrame:
    """People whose sight is lost as their illness says, with what would have been seen."""
    draw = np.random.default_rng(seed)
    illness, age = draw.normal(size=(2, count))
    arm = draw.random(count) < expit(0.4 * illness)
    rate = RELAPSES * np.exp(ILLNESS * illness + EFFECT * arm)
    relapse = np.ceil(draw.exponential(1 / rate))
    leaving = np.exp(dependence * illness * np.where(arm, 1, -1))
    sight = np.ceil(draw.exponential(1 / (lost * leaving))) if lost else np.full(count, 90.0)
    sight = np.minimum(sight, 90)
    well = draw.random(count) < expit(0.5 + 0.4 * arm - illness)
    asked = draw.random(count) < expit(1 + leaving.clip(0, 3) - 1)
    return pd.DataFrame(
        {
            "arm": arm.astype(int),
            "illness": illness,
            "age": age,
            "days": np.minimum(relapse, sight).astype(int),
            "ended": (relapse <= sight).astype(int),
            "well": pd.array(np.where(well, 1, 0), dtype="Int64"),
            "asked": asked,
        }
    )


def true_difference() -> float:
    """Of the risks of relapse, over the law of illness."""
    illness, weight = np.polynomial.hermite_e.hermegauss(80)
    rate = RELAPSES * np.exp(ILLNESS * illness)
    risk = [-np.expm1(-HORIZON * rate * np.exp(EFFECT * arm)) @ weight for arm in (1, 0)]
    return (risk[0] - risk[1]) / weight.sum()


def frame_study(frame: pd.DataFrame, outcome=RELAPSE, **changes) -> iop.FrameStudy:
    asked = {"covariates": ["illness"], **changes}
    return iop.cohort_from_frame(
        frame, arm="arm", intervention=1, comparator=0, outcomes={"relapse": outcome}, **asked
    )


def walked(frame: pd.DataFrame, outcome=RELAPSE, **changes) -> iop.Comparison:
    found = frame_study(frame, outcome, **changes)
    weighting = iop.weight_cohort(found.cohort.persons, found.protocol)
    return iop.compare(found.cohort, weighting, found.protocol)


def weighted(comparison: iop.Comparison, measure: str = "risk_difference") -> pd.Series:
    found = comparison.estimates.query("method == 'iptw' and measure == @measure")
    assert len(found) == 1
    return found.iloc[0]


def on_day(table: pd.DataFrame, day: int) -> pd.DataFrame:
    return table[table["day"].eq(day).fillna(False)]


NUMBERS = ["estimate", "std_error", "conf_low", "conf_high"]
EVERY_DAY = {"interval_days": 1}


@pytest.fixture(scope="module")
def frame():
    return people(800, seed=1)


# The arrays


def person_days(frame: pd.DataFrame, who: np.ndarray, edges: np.ndarray) -> Decisions:
    """Every day on which somebody of an arm could be lost, one row each."""
    rows = []
    for person in np.flatnonzero(who):
        day, ended = frame["days"].iloc[person], frame["ended"].iloc[person]
        lost = not ended and day < HORIZON
        last = day if lost else min(day, HORIZON) - 1
        rows += [(person, d, lost and d == day) for d in range(int(edges[0]), int(last) + 1)]
    person, day, decided = (np.array(column) for column in zip(*rows, strict=True))
    step = np.searchsorted(edges, day, side="right") - 1
    levels = np.eye(edges.size - 1)[:, 1:][step]
    design_ = np.column_stack([np.ones(day.size), frame["illness"].to_numpy()[person], levels])
    return Decisions(
        person=person, day=day, undecided=np.ones(day.size, bool), decided=decided, design=design_,
        people=len(frame), last_day=HORIZON - 1,
    )  # fmt: skip


def test_the_road_is_the_pooled_logistic_regression_on_person_days(frame):
    """Listed day by day and weighted by the arrays for artificial censoring: the same numbers."""
    road = walked(frame, censoring={**EVERY_DAY, "stabilised": False})
    found = frame_study(frame)
    weighting = iop.weight_cohort(found.cohort.persons, found.protocol)
    entry = StudyArrays(found.cohort, weighting, found.protocol).entry
    day, cause = frame["days"].to_numpy(float), frame["ended"].to_numpy()
    moved = {}
    for arm, who in ((Arm.INTERVENTION, entry.treated), (Arm.COMPARATOR, ~entry.treated)):
        columns = np.column_stack([np.ones(len(frame)), frame["illness"]])
        edges = fit_losses(np.where(who, day, np.nan), cause, columns, HORIZON).edges
        model = fit_decisions(person_days(frame, who, edges))
        arrays = followed(
            model, weights_without(model), np.where(who, day, np.nan), cause, entry.weight
        )
        moved[arm] = arrays.influence(incidence_derivative, HORIZON, entry.estimated)
        measure = weighted(road, f"risk_{arm}")
        assert measure["estimate"] == pytest.approx(arrays.risk(HORIZON), rel=1e-12)
        error = uncertainty(moved[arm], 0.95).std_error
        assert measure["std_error"] == pytest.approx(error, rel=1e-9)
    error = uncertainty(moved[Arm.INTERVENTION] - moved[Arm.COMPARATOR], 0.95).std_error
    assert weighted(road)["std_error"] == pytest.approx(error, rel=1e-9)


def test_the_weight_of_a_day_is_one_over_the_fitted_probability_of_being_there(frame):
    """By hand: one covariate of two levels, one step, so that the model is a share of days."""
    day, cause = np.array([2.0, 4, 4, 1, 4, 4]), np.array([0, 0, 1, 0, 0, 0])
    group = np.array([0, 0, 0, 1, 1, 1])
    model = fit_losses(day, cause, np.column_stack([np.ones(6), group]), 4, edges=np.array([0.0]))
    # Days on which they could be lost: 3 + 4 + 3 with one loss, and 2 + 4 + 4 with one.
    # Who relapses on day 4 cannot be lost that day; days from 4 on do not matter.
    assert model.probability[:, 0] == pytest.approx([1 / 11] * 3 + [1 / 10] * 3, rel=1e-9)
    weights = loss_weights(model, 4, stabilised=False).weight
    assert weights[0] == pytest.approx([(11 / 10) ** k for k in range(5)], rel=1e-9)
    assert weights[5] == pytest.approx([(10 / 9) ** k for k in range(5)], rel=1e-9)


# Laws


def test_where_nobody_is_lost_every_weight_is_1_and_no_number_changes():
    frame = people(500, seed=2, lost=0)
    plain, found = walked(frame), walked(frame, censoring={})
    weights = found.censoring[["mean_weight", "largest_weight"]]
    assert (weights.to_numpy() == 1).all()
    ours, theirs = (c.estimates[c.estimates["measure"] != "none"] for c in (found, plain))
    pd.testing.assert_frame_equal(
        ours[["outcome", "measure", "method", *NUMBERS, "effective_n"]],
        theirs[["outcome", "measure", "method", *NUMBERS, "effective_n"]],
        rtol=1e-12, atol=1e-12,
    )  # fmt: skip


def test_covariates_that_nothing_depends_on_hardly_move_anything():
    frame = people(1000, seed=3, dependence=0)
    plain = weighted(walked(frame))
    found = weighted(walked(frame, censoring={"covariates": ["age"]}))
    assert found["estimate"] == pytest.approx(plain["estimate"], abs=plain["std_error"] / 10)
    assert found["std_error"] == pytest.approx(plain["std_error"], rel=0.01)


def test_stabilising_changes_no_estimate(frame):
    ours, theirs = (
        walked(frame, censoring={"stabilised": asked}).estimates.query("method == 'iptw'")
        for asked in (True, False)
    )
    for name in (*NUMBERS, "effective_n"):
        assert ours[name].to_numpy() == pytest.approx(theirs[name].to_numpy(), rel=1e-9)


def test_telling_weights_every_day_or_once_a_week_is_nearly_the_same(frame):
    daily, weekly = (weighted(walked(frame, censoring=each)) for each in (EVERY_DAY, {}))
    assert weekly["estimate"] == pytest.approx(daily["estimate"], abs=0.002)
    assert weekly["std_error"] == pytest.approx(daily["std_error"], rel=0.01)


def test_the_order_of_the_rows_does_not_matter(frame):
    again = frame.sample(frac=1, random_state=4)
    ours, theirs = (weighted(walked(each, censoring={})) for each in (frame, again))
    assert ours[NUMBERS].astype(float).to_numpy() == pytest.approx(
        theirs[NUMBERS].astype(float).to_numpy(), rel=1e-9
    )


def test_the_cap_is_on_stabilised_weights_and_pulls_towards_no_weighting(frame):
    plain, whole = weighted(walked(frame)), weighted(walked(frame, censoring={}))
    capped = walked(frame, censoring={"truncate": 1.3})
    assert capped.censoring["largest_weight"].max() > 1.3, "told before the cap"
    low, high = sorted([plain["estimate"], whole["estimate"]])
    assert low < weighted(capped)["estimate"] < high


# What it mends


def test_losses_by_illness_bias_the_plain_estimate_and_weights_mend_it():
    """Six thousand people: the plain one is off by many standard errors, the weighted by few."""
    frame, truth = people(6000, seed=5), true_difference()
    plain, found = weighted(walked(frame)), weighted(walked(frame, censoring={}))
    assert abs(plain["estimate"] - truth) > 4 * plain["std_error"]
    assert abs(found["estimate"] - truth) < 2 * found["std_error"]


@pytest.mark.slow
@pytest.mark.parametrize("first", [10_000, 20_000])
def test_intervals_cover_the_truth_as_often_as_they_say(first):
    """Of two hundred, 0.905 is three standard errors less than 0.95, 0.985 more than two more."""
    truth, rows = true_difference(), []
    for seed in range(first, first + 200):
        frame = people(1500, seed)
        rows.append([weighted(walked(frame, censoring=each)) for each in ({}, None)])
    ours, plain = (pd.DataFrame([row[k] for row in rows]) for k in range(2))
    covered = ours["conf_low"].le(truth) & ours["conf_high"].ge(truth)
    assert 0.905 <= covered.mean() <= 0.985
    assert abs(ours["estimate"].mean() - truth) < 0.006
    assert ours["std_error"].mean() == pytest.approx(ours["estimate"].std(), rel=0.12)
    assert abs(plain["estimate"].mean() - truth) > 0.03


# Outcomes that are not known


@pytest.fixture(scope="module")
def asked_of_some(frame):
    return frame.assign(well=frame["well"].where(frame["asked"]))


def test_a_yes_or_no_is_weighted_by_the_probability_of_being_known(asked_of_some):
    road = walked(asked_of_some, WELL, censoring={"stabilised": False})
    found = frame_study(asked_of_some, WELL)
    weighting = iop.weight_cohort(found.cohort.persons, found.protocol)
    entry = StudyArrays(found.cohort, weighting, found.protocol).entry
    known = asked_of_some["well"].notna().to_numpy()
    value = asked_of_some["well"].fillna(0).to_numpy(float)
    for arm, who in ((Arm.INTERVENTION, entry.treated), (Arm.COMPARATOR, ~entry.treated)):
        x = np.column_stack([np.ones(len(known)), asked_of_some["illness"]])[who]
        beta = np.zeros(2)
        for _ in range(30):  # Newton's method, written out
            p = expit(x @ beta)
            step = np.linalg.solve((x * (p * (1 - p))[:, None]).T @ x, x.T @ (known[who] - p))
            beta = beta + step
        weight = entry.weight[who] / expit(x @ beta) * known[who]
        expected = np.average(value[who], weights=weight)
        assert weighted(road, f"risk_{arm}")["estimate"] == pytest.approx(expected, rel=1e-10)


def test_unknown_outcomes_are_weighted_for_on_every_day_of_follow_up(frame):
    """Nothing known of some after time zero: their likes stand in for them from day 0 on."""
    gone = ~frame["asked"]
    frame = frame.astype({"days": "Int64", "ended": "Int64"}).assign(
        days=lambda t: t["days"].mask(gone), ended=lambda t: t["ended"].mask(gone)
    )
    found = walked(frame, censoring={})
    at_start = on_day(found.censoring, 0).set_index("arm")
    assert at_start["gone"].sum() == gone.sum()
    assert (at_start["largest_smd_after"] < at_start["largest_smd_before"]).all()
    assert (at_start["largest_smd_after"] < 0.05).all()


# Balance


def test_weights_make_those_still_told_of_like_everyone_of_their_arm():
    found = walked(people(4000, seed=6), censoring={"covariates": ["illness", "age"]})
    last = on_day(found.censoring, HORIZON)
    assert (last["largest_smd_before"] > 0.1).all()
    assert (last["largest_smd_after"] < 0.05).all()
    assert last["mean_weight"].between(0.9, 1.1).all()
    rows = on_day(found.censoring_balance, HORIZON).set_index(["arm", "covariate"])
    largest = rows["smd_before"].abs().groupby("arm").max()
    assert largest.to_dict() == last.set_index("arm")["largest_smd_before"].to_dict()


def test_the_difference_of_a_day_is_that_of_the_people_told_of(frame):
    """Before weighting for censoring: means under the weights of entering the arm alone."""
    found = frame_study(frame, censoring={})
    weighting = iop.weight_cohort(found.cohort.persons, found.protocol)
    rows = iop.compare(found.cohort, weighting, found.protocol).censoring_balance
    weight, who = weighting.weights["weight"].to_numpy(), frame["arm"].eq(1).to_numpy()
    told = who & (frame["ended"].eq(1) | frame["days"].ge(30)).to_numpy()
    x = frame["illness"].to_numpy()
    expected = np.average(x[told], weights=weight[told]) - np.average(x[who], weights=weight[who])
    (row,) = on_day(rows[rows["arm"] == "intervention"], 30).to_dict("records")
    assert row["smd_before"] == pytest.approx(expected / x[who].std(), rel=1e-12)
    assert (row["told_with"], row["gone_with"]) == (told.sum(), (who & ~told).sum())


# What is refused


def test_covariates_that_are_not_there_are_named(frame):
    with pytest.raises(ProtocolError, match=r"shoe_size"):
        frame_study(frame, censoring={"covariates": ["shoe_size"]})


def test_what_is_not_known_at_time_zero_cannot_be_a_covariate_of_it(frame):
    with pytest.raises(ProtocolError, match=r"censoring\.covariates: `ended` belongs to the outc"):
        frame_study(frame, censoring={"covariates": ["ended"]})


def test_the_linter_reads_its_covariates_too(frame):
    renamed = frame.rename(columns={"age": "sessions_attended"})
    found = frame_study(renamed, censoring={"covariates": ["sessions_attended"]})
    places = {finding.place for finding in lint(found.protocol)}
    assert any("analysis.censoring.covariates" in place for place in places)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"estimators": ["aipw"]}, "`estimators`"),
        ({"weighting": "nearest neighbours", "estimand": "ATT"}, "nearest neighbours"),
        ({"limits": {"trim": 0.05}}, "`limits.trim`"),
    ],
)
def test_what_it_cannot_be_combined_with_is_said(frame, changes, named):
    with pytest.raises(ProtocolError, match=rf"analysis\.censoring: .*{named}"):
        walked(frame, censoring={}, **changes)


def test_more_columns_than_people_lost_are_refused_with_arm_and_outcome():
    frame = people(300, seed=7, lost=0)
    frame.loc[frame.index[frame["ended"].eq(0)][:2], "days"] = 20
    with pytest.raises(CohortError, match=r"censoring: relapse, \w+ arm: fewer people were lost"):
        walked(frame, censoring={"covariates": ["illness", "age"]})


def test_covariates_that_tell_exactly_who_is_lost_are_refused():
    frame = people(400, seed=8, lost=0)
    gone = frame["age"].gt(0.5) & frame["ended"].eq(0)
    frame = frame.assign(gone=frame["age"].gt(0.5).astype(int))
    frame.loc[gone, "days"] = 10
    frame.loc[frame["age"].gt(0.5), "ended"] = 0
    frame.loc[frame["age"].gt(0.5), "days"] = 10
    with pytest.raises(PositivityError, match="tell exactly who stays in sight"):
        walked(frame, covariates=["illness"], censoring={"covariates": ["gone"]})


# Together with weights for leaving a strategy


SUSTAINED = {
    "strategies": {"kind": "sustained", "sustained_days": 56},
    "causal_contrast": "per protocol",
    "outcomes": {"completion": {"horizon_days": 120}, "discontinuation": {"horizon_days": 90}},
    "noninferiority": {},
}


@pytest.fixture(scope="module")
def sustained(road, study):
    def walk(censoring):
        analysis = {"censoring": censoring, "covariates": ["age_years", "phq9"]}
        protocol = study(**SUSTAINED, analysis=analysis)
        cohort, weighting = road(protocol)
        arrays = StudyArrays(cohort, weighting, protocol)
        outcome = protocol.outcomes[0]
        return arrays, outcome, arms_under_strategies(
            arrays.ends(outcome), cohort.arms_followed, outcome, protocol.strategies,
            arrays.baseline, arrays.entry, arrays.censoring,
        )  # fmt: skip

    return walk


def test_weights_for_censoring_multiply_those_for_leaving_the_strategy(sustained):
    """Each person's last weight over that of the strategy alone is the weight of being followed."""
    _, outcome, plain = sustained(None)
    arrays, _, both = sustained({"stabilised": False, "interval_days": 1})
    for arm in Arm:
        under, rows = both.under[arm], np.unique(both.under[arm].person)
        _, known, lost = under.factors
        column = np.minimum(both.day[arm], outcome.horizon_days).astype(int)
        of_strategy = plain.under[arm]
        last = of_strategy.weights.weight.shape[1] - 1
        alone = (
            arrays.entry.weight[rows] * of_strategy.weights.weight[rows, np.minimum(column, last)]
        )
        assert both.weight[arm] == pytest.approx(
            alone * known.weight[rows, 0] * lost.weight[rows, column], rel=1e-12
        )


def test_leaving_the_strategy_is_no_loss(sustained):
    """It is weighted for by a model of its own: whoever left is not among the lost of this one."""
    _, outcome, both = sustained({})
    for arm in Arm:
        model = both.under[arm].factors[-1].model
        ended = both.day[arm] < outcome.horizon_days
        assert (both.cause[arm][ended] == CENSORED).mean() > 0.2, "many left the strategy"
        assert model.share_staying[-1] > 0.8, "few were lost"


def test_weights_of_a_strategy_as_one_factor_of_several_are_those_of_the_strategy_alone(sustained):
    """The same risks and influences, by intervals of days that may hold several."""
    _, _, plain = sustained(None)
    for arm in Arm:
        under = plain.under[arm]
        rows = np.unique(under.person)
        day, cause = np.full(under.base.size, np.nan), np.zeros(under.base.size, int)
        day[rows], cause[rows] = plain.day[arm], plain.cause[arm]
        factors = [StrategyFactor(under.model, under.weights)]
        found = followed_under(factors, day, cause, under.base)
        assert found.risk(90) == pytest.approx(under.risk(90), rel=1e-12)
        for derivative in (incidence_derivative, restricted_mean_derivative):
            ours = found.influence(derivative, 90, plain.estimated)
            theirs = under.influence(derivative, 90, plain.estimated)
            assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)


def test_with_weights_taken_as_known_only_the_errors_change(frame):
    stacked = weighted(walked(frame, censoring={}))
    known = weighted(walked(frame, censoring={}, standard_errors={"weights": "known"}))
    assert known["estimate"] == stacked["estimate"]
    assert known["std_error"] != pytest.approx(stacked["std_error"], rel=1e-4)
    assert known["std_error"] == pytest.approx(stacked["std_error"], rel=0.3)
    assert known["se_method"].startswith("weights taken as known")
