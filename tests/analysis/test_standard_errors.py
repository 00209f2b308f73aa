"""Standard errors as the protocol asks for them: what they are equal to, and what they are called.

Small studies with eight facilities, and UIS where R has the number.
"""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from iop_outcomes.analysis.comparison import compare, effects
from iop_outcomes.analysis.estimates import main_method
from iop_outcomes.analysis.outcome_analysis import outcome_analyses
from iop_outcomes.analysis.readings import numbers_of, risk_by
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.protocol.execution import refuse_unexecuted
from iop_outcomes.protocol.parsing import parse_protocol, read_section, written_out
from iop_outcomes.records.ingestion import read_records
from iop_outcomes.statistics.clusters.cluster_robust import (
    ClusterCorrection,
    cluster_robust_regression,
)
from iop_outcomes.statistics.clusters.few_clusters import leave_one_cluster_out
from iop_outcomes.statistics.clusters.wild_bootstrap import wild_cluster_bootstrap
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.statistics.survival.curves import incidence_derivative
from iop_outcomes.vocabulary import Arm, Direction

KNOWN = {"weights": "known"}
JACKKNIFE = {"clusters": "jackknife"}
CR2 = {"weights": "known", "clusters": "CR2"}
WILD = {"weights": "known", "clusters": "wild bootstrap", "repeats": 199, "seed": 5}
ASKED = {"known": KNOWN, "jackknife": JACKKNIFE, "CR2": CR2, "wild": WILD}
LOG = ("risk_ratio", "odds_ratio", "rmtl_ratio")


@pytest.fixture(scope="module")
def asked(study):
    """The small study with standard errors, and its other places changed."""

    def change(errors, **places):
        analysis = {"standard_errors": errors, **places.pop("analysis", {})}
        return study(analysis=analysis, **places)

    return change


@pytest.fixture(scope="module")
def found(cohort, weighting, asked):
    """The comparison of the small study under each kind of standard error, made once."""
    made = {}

    def look(kind):
        if kind not in made:
            made[kind] = compare(cohort, weighting, asked(ASKED[kind]))
        return made[kind]

    return look


def main_rows(comparison, outcome, method="iptw"):
    table = comparison.estimates.query("outcome == @outcome and method == @method")
    return table.set_index("measure")


def main_analysis(arrays, outcome):
    return next(
        a
        for a in outcome_analyses(arrays)
        if a.outcome.name == outcome and a.method is main_method(arrays.protocol)
    )


@pytest.fixture(scope="module")
def completion(cohort, weighting, asked):
    """Completion as a regression: outcome, design, cluster and weight of those it is known of."""
    arrays = StudyArrays(cohort, weighting, asked(CR2))
    told = arrays.ends(next(o for o in arrays.protocol.outcomes if o.name == "completion"))
    known = (told["status"] != "missing").to_numpy(bool)
    treated = arrays.entry.treated[known].astype(float)
    return {
        "outcome": (told["status"] == "event").to_numpy(float)[known],
        "design": np.column_stack([treated, 1 - treated]),
        "cluster": arrays.cluster[known],
        "weight": arrays.entry.weight[known],
    }


# Weights taken as known


@pytest.fixture(scope="module")
def uis(shared):
    """Estimates of relapse on UIS with the weights taken as known, by measure."""

    def walk(estimand, **errors):
        section = read_section(
            files("iop_outcomes") / "protocol" / "examples" / "uis.yaml", "protocol"
        )
        section |= {"estimand": estimand}
        section["analysis"] = {**section["analysis"], "standard_errors": errors}
        protocol = parse_protocol(section, "protocol")
        cohort = assemble_cohort(read_records(shared / "data" / "uis", protocol), protocol)
        table = effects(cohort, weight_cohort(cohort.persons, protocol), protocol)
        return table.query("outcome == 'relapse' and method == 'iptw'").set_index("measure")

    return walk


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
def test_known_weights_give_the_sandwich_of_r(uis, shared, estimand):
    """sandwich 3.0.2: sandwich(glm(y180 ~ treat, weights = w)), HC0, by link."""
    table = pd.read_csv(shared / "reference" / "results" / "a05c_uis_treat_weighted_outcomes.csv")
    theirs = table[table["estimator"] == f"IPTW {estimand}; outcome y180"].set_index("estimand")
    ours = uis(estimand, **KNOWN)
    for measure, name in (
        ("risk_difference", "RD [HC0]"),
        ("risk_ratio", "logRR [HC0]"),
        ("odds_ratio", "logOR [HC0]"),
    ):
        expected = theirs.loc[name]
        assert ours.loc[measure, "std_error"] == pytest.approx(expected["std_error"], rel=1e-7)
        low = ours.loc[measure, "conf_low"]
        low = np.log(low) if measure in LOG else low
        assert low == pytest.approx(expected["ci_low"], rel=1e-6)
        assert ours.loc[measure, "se_method"] == "weights taken as known"


def test_known_weights_give_the_restricted_mean_of_r(uis, shared):
    """survival 3.5.3: infinitesimal jackknife of survfit(weights = w), ATE."""
    table = pd.read_csv(shared / "reference" / "results" / "a05e_uis_treat_weighted_survival.csv")
    theirs = table.query("estimator == 'weighted RMST ATE' and estimand == 'RMST difference'").iloc[
        0
    ]
    ours = uis("ATE", **KNOWN).loc["rmst_difference"]
    assert ours["std_error"] == pytest.approx(theirs["std_error"], rel=1e-7)


def test_known_weights_move_no_estimate_and_no_row_without_weights(found, comparison):
    for name in ("estimate", "n", "clusters"):
        pd.testing.assert_series_equal(
            found("known").estimates[name], comparison.estimates[name], rtol=1e-12
        )
    beside = ["unadjusted"]
    ours, theirs = (
        table[table["method"].isin(beside)].reset_index(drop=True)
        for table in (found("known").estimates, comparison.estimates)
    )
    pd.testing.assert_frame_equal(ours, theirs)


@pytest.mark.parametrize("kind", ["inverse probability", "entropy balancing"])
def test_known_weights_are_asked_for_whatever_made_them(road, asked, kind):
    protocol = asked(KNOWN, estimand="ATT", analysis={"weighting": kind})
    told = effects(*road(protocol), protocol).query("method == 'iptw'")["se_method"]
    assert set(told) == {"weights taken as known, clustered by facility_id (CR1, t with 7 df)"}


@pytest.fixture(scope="module")
def staying(study):
    """Relapse while staying in care for four weeks, under some standard errors."""

    def asked_for(errors):
        values = written_out(study())
        values["outcomes"] = {"relapse": values["outcomes"]["relapse"]}
        values["noninferiority"] = {"relapse": values["noninferiority"]["relapse"]}
        values["strategies"] |= {"kind": "sustained", "sustained_days": 28}
        values["causal_contrast"] = "per protocol"
        values["analysis"] |= {"standard_errors": errors}
        return parse_protocol(values, "protocol")

    return asked_for


def test_weights_for_leaving_a_strategy_are_known_too(road, staying):
    """The influence is then a person's weights times what their days change, and nothing else."""
    arrays = StudyArrays(*road(staying(KNOWN)), staying(KNOWN))
    analysis = main_analysis(arrays, "relapse")
    for arm in Arm:
        under = analysis.arms.under[arm]
        until = analysis.arms.horizon
        entered = replace(under.sets, position=under.entry, cause=np.zeros(under.entry.size, int))
        slope = incidence_derivative(under.sets, until) - incidence_derivative(entered, until)
        each = under.weights.weight[under.person, under.column] * slope
        own = under.base * np.bincount(under.person, each, minlength=under.base.size)
        np.testing.assert_allclose(analysis.arms.risk_influence(arm, until), own, atol=1e-15)
    names = {e.se_method for e in analysis.estimates()}
    assert names == {"weights taken as known, clustered by facility_id (CR1, t with 7 df)"}


# Jackknife


def without_a_facility(cohort, asked, kept):
    """The relapse rows of the whole road walked by those who are kept."""
    persons = cohort.persons[kept].reset_index(drop=True)
    rest = replace(cohort, persons=persons)
    protocol = asked({})
    return main_rows_of(effects(rest, weight_cohort(persons, protocol), protocol))


def main_rows_of(estimates):
    rows = estimates.query("outcome == 'relapse' and method == 'iptw'").set_index("measure")
    return rows["estimate"].where(~rows.index.isin(LOG), np.log(rows["estimate"].clip(1e-300)))


def test_the_jackknife_is_the_array_function_walked_down_the_road(found, cohort, asked):
    """Every measure: its standard error is CV3 of the estimates without each facility."""
    table = main_rows(found("jackknife"), "relapse")
    walked = {}

    def estimate(kept, measure):
        key = kept.tobytes()
        if key not in walked:
            walked[key] = without_a_facility(cohort, asked, kept)
        return walked[key][measure]

    for measure in table.index:
        left = leave_one_cluster_out(
            lambda kept, measure=measure: estimate(kept, measure), cohort.persons["facility_id"]
        )
        spread = left.uncertainty(0.95)
        row = table.loc[measure]
        assert row["std_error"] == pytest.approx(spread.std_error, rel=1e-9), measure
        assert row["clusters"] == 8
        if measure.endswith("difference"):
            half = stats.t.ppf(0.975, 7) * spread.std_error
            limits = [row["estimate"] - half, row["estimate"] + half]
            assert row[["conf_low", "conf_high"]].tolist() == pytest.approx(limits, rel=1e-9)
    assert set(table["se_method"]) == {
        "weights made anew without each facility_id in turn (jackknife about the whole estimate, "
        "CV3; t with 7 df)"
    }


def test_the_jackknife_of_a_strategy_that_is_followed_makes_all_its_weights_anew(road, staying):
    cohort, _ = road(staying({}))
    told = {}
    for name, errors in (("CR1", {}), ("jackknife", JACKKNIFE)):
        table = effects(*road(staying(errors)), staying(errors))
        rows = table.query("measure == 'risk_difference'").set_index("method")
        told[name] = rows
        assert rows.loc["iptw", "se_method"].endswith("(CR1, t with 7 df)")
    summed, left_out = (told[name].loc["per_protocol"] for name in ("CR1", "jackknife"))
    assert left_out["estimate"] == summed["estimate"]
    assert 1 < left_out["std_error"] / summed["std_error"] < 1.6
    each = []
    for facility in cohort.persons["facility_id"].unique():
        persons = cohort.persons[cohort.persons["facility_id"] != facility].reset_index(drop=True)
        followed = cohort.arms_followed
        rest = replace(
            cohort,
            persons=persons,
            arms_followed=followed[followed["person_id"].isin(persons["person_id"])],
        )
        found = effects(rest, weight_cohort(persons, staying({})), staying({}))
        rows = found.query("measure == 'risk_difference' and method == 'per_protocol'")
        each.append(rows["estimate"].iloc[0])
    moved = np.array(each) - summed["estimate"]
    assert left_out["std_error"] == pytest.approx(np.sqrt(7 / 8 * np.sum(moved**2)), rel=1e-9)


def test_the_jackknife_without_an_estimate_says_so(road, asked, study):
    """All but a handful of an arm are in one facility: without it the arm lies in one cluster."""
    cohort, _ = road(study())
    entered = (cohort.persons["arm"] == "intervention").to_numpy()
    number = np.arange(entered.size)
    place = np.where(entered, np.where(number % 9, "A", "B"), np.where(number % 2, "C", "B"))
    persons = cohort.persons.assign(facility_id=place)
    weighting = weight_cohort(persons, asked(JACKKNIFE))
    with pytest.raises(CohortError, match=r"standard_errors\.clusters: without cluster \d of 3 in"):
        effects(replace(cohort, persons=persons), weighting, asked(JACKKNIFE))


def test_leaving_out_a_facility_then_has_an_interval_of_the_jackknife(found, cohort, asked):
    """A second one is left out to first order: within a tenth of walking the road again."""
    told = found("jackknife").left_out.query("outcome == 'relapse'").set_index("cluster")
    facility = told.index[0]
    persons = cohort.persons[cohort.persons["facility_id"] != facility].reset_index(drop=True)
    rest = replace(cohort, persons=persons)
    again = effects(rest, weight_cohort(persons, asked(JACKKNIFE)), asked(JACKKNIFE))
    expected = again.query(
        "outcome == 'relapse' and method == 'iptw' and measure == 'risk_difference'"
    ).iloc[0]
    ours = told.loc[facility]
    assert ours["estimate"] == pytest.approx(expected["estimate"], rel=1e-9)
    width = ours["conf_high"] - ours["conf_low"]
    assert width == pytest.approx(expected["conf_high"] - expected["conf_low"], rel=0.1)


# CR2 and the wild bootstrap


CONTRASTS = {
    "risk_intervention": lambda one, other: (1.0, 0.0),
    "risk_comparator": lambda one, other: (0.0, 1.0),
    "risk_difference": lambda one, other: (1.0, -1.0),
    "risk_ratio": lambda one, other: (1 / one, -1 / other),
    "odds_ratio": lambda one, other: (1 / (one * (1 - one)), -1 / (other * (1 - other))),
}


def turned(design, contrast):
    """The design whose first coefficient is a contrast of the arms' means."""
    one, other = contrast
    return design @ np.linalg.inv([[one, other], [-other, one]])


@pytest.mark.parametrize("measure", list(CONTRASTS))
def test_cr2_is_the_regression_of_yes_or_no_on_the_arm(found, completion, measure):
    """Bell & McCaffrey with Satterthwaite's degrees of freedom; ratios by the delta method."""
    table = main_rows(found("CR2"), "completion")
    risks = (table.loc[f"risk_{arm}", "estimate"] for arm in Arm)
    design = turned(completion["design"], CONTRASTS[measure](*risks))
    fit = cluster_robust_regression(
        completion["outcome"], design, completion["cluster"], weight=completion["weight"]
    )
    spread, row = fit.uncertainty(0, 0.95), table.loc[measure]
    assert row["std_error"] == pytest.approx(spread.std_error, rel=1e-9)
    if measure == "risk_difference":
        assert row["estimate"] == pytest.approx(fit.coefficients[0], rel=1e-9)
        reach = row["conf_high"] - row["estimate"]
        assert reach == pytest.approx(spread.critical * spread.std_error, rel=1e-9)
        assert fit.degrees_of_freedom[0] < 7
    assert row["se_method"] == (
        "weights taken as known, clustered by facility_id (CR2, t with Satterthwaite's df)"
    )


@pytest.mark.parametrize("outcome", ["relapse", "discontinuation"])
def test_with_censoring_the_regression_is_of_influences(cohort, weighting, asked, outcome):
    """Without a correction it sums the same influences as CR1 does, days and all."""
    arrays = StudyArrays(cohort, weighting, asked(CR2))
    analysis = main_analysis(arrays, outcome)
    reading = numbers_of(analysis.arms, *risk_by(analysis.arms.horizon)).difference()
    fit = analysis.errors.regression(reading, ClusterCorrection.CR1)
    assert fit.coefficients[0] == pytest.approx(reading.value, rel=1e-12)
    summed = uncertainty(reading.change, 0.95, arrays.cluster)
    assert np.sqrt(fit.covariance[0, 0]) == pytest.approx(summed.std_error, rel=1e-12)


def test_the_wild_bootstrap_is_the_regression_of_yes_or_no_on_the_arm(found, completion):
    row = main_rows(found("wild"), "completion").loc["risk_difference"]
    expected = wild_cluster_bootstrap(
        completion["outcome"],
        turned(completion["design"], (1.0, -1.0)),
        completion["cluster"],
        0,
        0.95,
        draws=199,
        seed=5,
        weight=completion["weight"],
    )
    assert row["conf_low"] == pytest.approx(expected.lower, abs=1e-9)
    assert row["conf_high"] == pytest.approx(expected.upper, abs=1e-9)
    assert row["se_method"] == (
        "weights taken as known, clustered by facility_id (restricted wild cluster bootstrap-t, "
        "Webb, 199 draws, seed 5, test inverted; standard error CR1)"
    )


def test_the_error_beside_a_wild_interval_is_that_of_cr1(found):
    wild, known = (main_rows(found(kind), "completion") for kind in ("wild", "known"))
    np.testing.assert_allclose(wild["std_error"].iloc[2:], known["std_error"].iloc[2:], rtol=1e-9)


# One interval, wherever it is seen


@pytest.mark.parametrize("kind", list(ASKED))
def test_a_verdict_comes_from_the_interval_that_is_printed(found, asked, kind):
    for outcome, better in (("relapse", Direction.LOWER), ("completion", Direction.HIGHER)):
        row = main_rows(found(kind), outcome).loc["risk_difference"]
        margin = asked({}).noninferiority[outcome].risk_difference
        verdict = noninferiority(row["conf_low"], row["conf_high"], margin, better)
        assert row["verdict"] == str(verdict)


@pytest.mark.parametrize("kind", list(ASKED))
def test_a_curve_ends_on_the_interval_of_the_risk(found, kind):
    curves = found(kind).curves.query("outcome == 'relapse' and method == 'iptw' and day == 180")
    for arm in Arm:
        row = main_rows(found(kind), "relapse").loc[f"risk_{arm}"]
        end = curves[curves["arm"] == str(arm)].iloc[0]
        for name, limit in (
            ("risk", "estimate"),
            ("conf_low", "conf_low"),
            ("conf_high", "conf_high"),
        ):
            assert end[name] == pytest.approx(row[limit], rel=1e-9)
        assert 0 <= end["conf_low"] <= end["risk"] <= end["conf_high"] <= 1


@pytest.mark.parametrize("kind", list(ASKED))
def test_rows_beside_the_answer_keep_cr1_and_say_so(found, comparison, kind):
    beside = found(kind).estimates.query("method == 'unadjusted'").reset_index(drop=True)
    plain = comparison.estimates.query("method == 'unadjusted'").reset_index(drop=True)
    pd.testing.assert_frame_equal(beside, plain)
    assert beside["se_method"].str.endswith("(CR1, t with 7 df)").all()


@pytest.mark.parametrize("kind", ["jackknife", "CR2", "wild"])
def test_few_facilities_widen_the_interval_and_move_no_estimate(found, comparison, kind):
    ours, plain = (main_rows(each, "relapse") for each in (found(kind), comparison))
    pd.testing.assert_series_equal(ours["estimate"], plain["estimate"], rtol=1e-12)
    if kind != "wild":
        width = (table["conf_high"] - table["conf_low"] for table in (ours, plain))
        assert np.greater(*(each.loc["risk_difference"] for each in width))


def test_estimators_beside_stay_stacked(road, asked):
    protocol = asked(CR2, analysis={"estimators": ["aipw"]})
    rows = effects(*road(protocol), protocol).query("method == 'aipw' and outcome == 'completion'")
    assert set(rows["se_method"]) == {
        "stacked estimating equations, clustered by facility_id (CR1, t with 7 df)"
    }


# What a protocol may not say


@pytest.mark.parametrize(
    ("errors", "places", "place", "sentence"),
    [
        (JACKKNIFE, {"analysis": {"cluster": None}}, "clusters", "needs to know the clusters"),
        ({"clusters": "CR2"}, {}, "weights", "`estimated` is not executed with `clusters: CR2`"),
        ({"clusters": "wild bootstrap"}, {}, "weights", "takes them as known; write `known`"),
        ({**JACKKNIFE, **KNOWN}, {}, "weights", "makes the weights anew without each cluster"),
        (
            JACKKNIFE,
            {"estimand": "ATT", "analysis": {"weighting": "nearest neighbours"}},
            "clusters",
            "matches jump when people leave",
        ),
    ],
)
def test_what_is_not_executed_together_is_refused(asked, errors, places, place, sentence):
    with pytest.raises(ProtocolError, match=rf"analysis\.standard_errors\.{place}: .*{sentence}"):
        refuse_unexecuted(asked(errors, **places))


def test_weights_that_change_by_day_have_no_cr2(staying):
    with pytest.raises(ProtocolError, match="write `jackknife` or `CR1`"):
        refuse_unexecuted(staying(CR2))


@pytest.mark.parametrize("key", ["repeats", "seed"])
def test_draws_belong_to_the_wild_bootstrap(asked, key):
    with pytest.raises(ProtocolError, match=f"`{key}` belongs to `clusters: wild bootstrap`"):
        asked({**CR2, key: 999})
