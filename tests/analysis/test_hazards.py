"""Hazard ratios, their tests, bands, days lost and medians on the road."""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from iop_outcomes.analysis.arms import arms_at_risk
from iop_outcomes.analysis.comparison import compare, effects
from iop_outcomes.analysis.hazards import NO_FINITE_RATIO, Hazards, hazard_rows
from iop_outcomes.analysis.outcome_analysis import outcome_analyses
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.execution import unexecuted
from iop_outcomes.protocol.parsing import parse_protocol, read_section
from iop_outcomes.protocol.survival_plan import HazardPlan
from iop_outcomes.records.ingestion import read_records
from iop_outcomes.records.schema import Records
from iop_outcomes.statistics.cox.logrank import weighted_log_rank
from iop_outcomes.statistics.cox.proportional_hazards import proportional_hazards_test
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.variance import (
    Sandwich,
    coefficient_derivative,
    person_influences,
)
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.survival.bands import simultaneous_critical
from iop_outcomes.statistics.survival.curve_limits import Scale, incidence_limits
from iop_outcomes.statistics.survival.fine_gray import fit_fine_gray
from iop_outcomes.vocabulary import Arm

BOTH = {"ratio": "both"}
RATIOS = ["hazard_ratio", "subdistribution_hazard_ratio"]
KEY = ["outcome", "method", "measure"]


def by_key(table: pd.DataFrame) -> pd.DataFrame:
    return table.set_index(KEY).sort_index()


@pytest.fixture(scope="module")
def asked(cohort, weighting, study):
    """The small study with hazard ratios of both kinds, persons independent."""
    return compare(cohort, weighting, study(analysis={"hazards": BOTH, "cluster": None}))


@pytest.fixture(scope="module")
def arrays(cohort, weighting, study):
    return StudyArrays(cohort, weighting, study(analysis={"hazards": BOTH, "cluster": None}))


def followed(arrays, name="discontinuation"):
    """Day and cause of an outcome up to its horizon, of everyone."""
    outcome = next(o for o in arrays.protocol.outcomes if o.name == name)
    weight = np.ones(len(arrays.people))
    rows = hazard_rows(arms_at_risk(arrays.ends(outcome), arrays.entry.treated, weight, outcome))
    day, cause = np.zeros(weight.size), np.zeros(weight.size, int)
    order = np.concatenate(
        [np.flatnonzero(arrays.entry.treated), np.flatnonzero(~arrays.entry.treated)]
    )
    day[order], cause[order] = rows.day, rows.cause
    return day, cause, arrays.entry.treated


# Only when asked


def test_hazard_ratios_are_told_only_when_asked_for(comparison):
    assert not set(comparison.estimates["measure"]) & set(RATIOS)
    assert comparison.proportional_hazards.empty


def test_asking_for_them_changes_nothing_else(asked, cohort, weighting, study):
    without = effects(cohort, weighting, study(analysis={"cluster": None}))
    rest = asked.estimates[~asked.estimates["measure"].isin(RATIOS)].reset_index(drop=True)
    pd.testing.assert_frame_equal(rest, without)


def test_no_verdict_rests_on_a_hazard_ratio_and_outcomes_at_exit_have_none(asked):
    rows = asked.estimates[asked.estimates["measure"].isin(RATIOS)]
    assert rows["verdict"].isna().all()
    assert set(rows["outcome"]) == {"relapse", "discontinuation"}
    assert rows.groupby(["outcome", "method"])["measure"].apply(list).tolist() == [RATIOS] * 4


@pytest.mark.parametrize(
    ("kind", "measures"),
    [("cause-specific", RATIOS[:1]), ("subdistribution", RATIOS[1:])],
)
def test_one_kind_may_be_asked_for(cohort, weighting, study, kind, measures):
    found = effects(cohort, weighting, study(analysis={"hazards": {"ratio": kind}}))
    assert [m for m in found["measure"].unique() if m in RATIOS] == measures


# As the array functions


def test_an_unadjusted_ratio_is_that_of_the_array_function(asked, arrays):
    day, cause, treated = followed(arrays)
    fit = fit_cox(day, cause == 1, treated[:, None])
    error = uncertainty(coefficient_derivative(fit)[:, 0], 0.95).std_error
    row = by_key(asked.estimates).loc[("discontinuation", "unadjusted", "hazard_ratio")]
    log_ratio = fit.coefficients[0]
    assert np.log(row["estimate"]) == pytest.approx(log_ratio, abs=1e-12)
    assert row["std_error"] == pytest.approx(error, rel=1e-12)
    assert np.log([row["conf_low"], row["conf_high"]]) == pytest.approx(
        log_ratio + np.array([-1, 1]) * stats.norm.ppf(0.975) * error, rel=1e-12
    )
    assert row["se_method"] == "influence function"


def test_a_weighted_ratio_has_the_stacked_error_of_the_array_function(asked, arrays):
    day, cause, treated = followed(arrays)
    weight = arrays.entry.weight
    fit = fit_cox(day, cause == 1, treated[:, None], weight=weight)
    moved = person_influences(coefficient_derivative(fit), weight, estimated=arrays.entry.estimated)
    row = by_key(asked.estimates).loc[("discontinuation", "iptw", "hazard_ratio")]
    assert np.log(row["estimate"]) == pytest.approx(fit.coefficients[0], abs=1e-12)
    assert row["std_error"] == pytest.approx(uncertainty(moved[:, 0], 0.95).std_error, rel=1e-12)
    assert row["se_method"] == "stacked estimating equations"


@pytest.mark.parametrize("method", ["unadjusted", "iptw"])
def test_a_subdistribution_ratio_is_fine_and_grays(asked, arrays, method):
    day, cause, treated = followed(arrays)
    weight = arrays.entry.weight if method == "iptw" else np.ones(day.size)
    fit = fit_fine_gray(day, cause, treated[:, None], weight, censoring_group=treated)
    estimated = arrays.entry.estimated if method == "iptw" else None
    moved = person_influences(fit.influence[:, 0] / weight, weight, estimated=estimated)
    row = by_key(asked.estimates).loc[("discontinuation", method, RATIOS[1])]
    assert np.log(row["estimate"]) == pytest.approx(fit.coefficients[0], abs=1e-12)
    assert row["std_error"] == pytest.approx(uncertainty(moved, 0.95).std_error, rel=1e-12)


def test_fine_and_grays_influence_over_the_weight_is_the_derivative_by_it():
    """So that what estimating the weights adds can be put on top; by small steps, censored too."""
    rng = np.random.default_rng(3)
    day, cause = rng.integers(1, 40, 80), rng.choice([0, 1, 2], 80, p=[0.3, 0.5, 0.2])
    treated, weight = rng.random(80) < 0.5, rng.uniform(0.5, 2, 80)

    def log_ratio(weight):
        fit = fit_fine_gray(day, cause, treated[:, None], weight, censoring_group=treated)
        return fit.coefficients[0], fit.influence[:, 0] / weight

    for person in range(0, 80, 9):
        step = np.where(np.arange(80) == person, 1e-4, 0.0)
        slope = (log_ratio(weight + step)[0] - log_ratio(weight - step)[0]) / 2e-4
        assert log_ratio(weight)[1][person] == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_ties_may_be_counted_as_breslow_does(cohort, weighting, study, arrays):
    plan = {"ratio": "cause-specific", "ties": "breslow"}
    found = by_key(effects(cohort, weighting, study(analysis={"hazards": plan})))
    day, cause, treated = followed(arrays)
    fit = fit_cox(day, cause == 1, treated[:, None], ties="breslow")
    ratio = found.loc[("discontinuation", "unadjusted", "hazard_ratio"), "estimate"]
    assert np.log(ratio) == pytest.approx(fit.coefficients[0], abs=1e-12)


def test_clusters_widen_a_hazard_ratio_as_they_do_a_risk(cohort, weighting, study, arrays):
    found = by_key(effects(cohort, weighting, study(analysis={"hazards": BOTH})))
    day, cause, treated = followed(arrays)
    weight = arrays.entry.weight
    fit = fit_cox(day, cause == 1, treated[:, None], weight=weight)
    moved = person_influences(coefficient_derivative(fit), weight, None, arrays.entry.estimated)
    facility = cohort.persons["facility_id"].factorize()[0]
    spread = uncertainty(moved[:, 0], 0.95, facility)
    row = found.loc[("discontinuation", "iptw", "hazard_ratio")]
    assert row["std_error"] == pytest.approx(spread.std_error, rel=1e-12)
    assert np.log(row["conf_high"] / row["estimate"]) == pytest.approx(
        spread.critical * spread.std_error, rel=1e-12
    )


# Are the hazards proportional


def test_the_test_of_proportional_hazards_is_the_array_functions(asked, arrays):
    day, cause, treated = followed(arrays)
    weight = arrays.entry.weight
    rows = asked.proportional_hazards.set_index(KEY)
    plain = proportional_hazards_test(fit_cox(day, cause == 1, treated[:, None]))
    stacked = Sandwich(estimated=arrays.entry.estimated)
    weighted = proportional_hazards_test(
        fit_cox(day, cause == 1, treated[:, None], weight=weight), sandwich=stacked
    )
    for method, test in (("unadjusted", plain), ("iptw", weighted)):
        row = rows.loc[("discontinuation", method, "hazard_ratio")]
        assert row["chi_squared"] == pytest.approx(test.overall_statistic, rel=1e-9)
        assert row["p_value"] == pytest.approx(test.overall_p_value, rel=1e-9)
        assert (row["df"], row["transform"], row["not_tested"]) == (1, "km", "")
    equal = weighted_log_rank(day, cause == 1, treated, weight=weight, sandwich=stacked)
    weighted_row = rows.loc[("discontinuation", "iptw", "hazard_ratio")]
    assert weighted_row["equality_test"] == "log-rank"
    assert weighted_row["equality_p"] == pytest.approx(equal.p_value, rel=1e-9)


def test_of_subdistribution_hazards_there_is_no_test_and_it_is_said(asked):
    rows = asked.proportional_hazards.query("measure == 'subdistribution_hazard_ratio'")
    assert rows["not_tested"].eq("proportional subdistribution hazards are not tested").all()
    assert rows["chi_squared"].isna().all()
    # Gray's test knows no weights.
    assert rows.set_index("method")["equality_p"].isna().groupby("method").all().to_dict() == {
        "iptw": True,
        "unadjusted": False,
    }


# What cannot be

PEOPLE = {
    "nobody of an arm has it": [(5, 0), (9, 0), (4, 1), (6, 1)],
    "the arms never meet at risk": [(1, 1), (2, 1), (8, 1), (9, 1)],
    "all tied on one day": [(7, 1), (7, 0), (7, 1), (7, 1), (9, 0), (9, 0)],
}


def hazards_of(case):
    ends = pd.DataFrame(PEOPLE[case], columns=["days", "had"])
    ends["status"] = np.where(ends["had"] == 1, "event", "censored")
    treated = np.arange(len(ends)) < 2 if len(ends) == 4 else np.arange(len(ends)) % 2 == 0
    outcome = parse_protocol(read_section(UIS, "protocol"), "").outcomes[0]
    arms = arms_at_risk(ends, treated, np.ones(len(ends)), outcome)
    return Hazards(hazard_rows(arms), HazardPlan(ratio="both"))


UIS = files("iop_outcomes") / "protocol" / "examples" / "uis.yaml"


def test_without_an_event_in_an_arm_there_is_no_ratio_and_a_sentence():
    for ratio in hazards_of("nobody of an arm has it").ratios():
        assert ratio.value is None
        assert ratio.none_because == "nobody in the intervention arm had the event by the horizon"


def test_an_infinite_ratio_is_none_and_a_sentence():
    for ratio in hazards_of("the arms never meet at risk").ratios():
        assert (ratio.value, ratio.none_because) == (None, NO_FINITE_RATIO)


def test_events_all_on_one_day_have_a_ratio():
    """Two of three against one of three: Breslow's ratio is that of the shares."""
    found = {ratio.measure: ratio.value for ratio in hazards_of("all tied on one day").ratios()}
    assert np.exp(found["subdistribution_hazard_ratio"]) == pytest.approx(2.0, rel=1e-9)
    assert np.isfinite(found["hazard_ratio"])


def test_an_absent_ratio_has_no_estimate_and_a_row_that_says_why(cohort, weighting, study):
    treated = cohort.persons.set_index("person_id")["arm"].eq("intervention")
    follow_up = cohort.follow_up.copy()
    mine = follow_up["outcome"].eq("discontinuation")
    mine &= follow_up["person_id"].map(treated) & follow_up["status"].eq("event")
    follow_up.loc[mine, "status"] = "censored"
    none = replace(cohort, follow_up=follow_up)
    found = compare(none, weighting, study(analysis={"hazards": BOTH}))
    rows = found.estimates.query("outcome == 'discontinuation'")
    assert not set(rows["measure"]) & {*RATIOS, "risk_ratio", "rmtl_ratio"}
    said = found.proportional_hazards.query("outcome == 'discontinuation'")["not_tested"]
    assert set(said) == {"nobody in the intervention arm had the event by the horizon"}


def test_events_of_one_day_leave_proportional_hazards_untested(cohort, weighting, study):
    follow_up = cohort.follow_up.copy()
    mine = follow_up["outcome"].eq("discontinuation") & follow_up["status"].eq("event")
    follow_up.loc[mine, "days"] = 1
    found = compare(
        replace(cohort, follow_up=follow_up), weighting, study(analysis={"hazards": BOTH})
    )
    rows = found.proportional_hazards.set_index(KEY)
    said = rows.loc[("discontinuation", "iptw", "hazard_ratio"), "not_tested"]
    assert "all events fall on one day" in said
    assert ("discontinuation", "iptw", "hazard_ratio") in by_key(found.estimates).index


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"outcomes": {"relapse": {"horizon_days": None, "competing": []}}}, "hazards"),
        ({"analysis": {"hazards": BOTH}}, "hazards.ratio"),
    ],
)
def test_what_is_not_executed_is_refused_in_words(study, changes, place):
    own = study(analysis={"hazards": {"ratio": "cause-specific"}})
    if place == "hazards":
        outcomes = tuple(o for o in own.outcomes if o.horizon_days is None)
        asked = replace(own, outcomes=outcomes, noninferiority={})
    else:
        analysis = study(**changes).analysis
        kind = replace(own.strategies, kind="sustained", sustained_days=30)
        asked = replace(own, analysis=analysis, strategies=kind, causal_contrast="per protocol")
    assert f"analysis.{place}" in dict(unexecuted(asked))


def test_a_word_that_is_none_is_answered_with_those_there_are(study):
    with pytest.raises(ProtocolError, match=r"analysis\.hazards\.ratio: .*cause-specific"):
        study(analysis={"hazards": {"ratio": "cox"}})


# While a strategy is followed, with weights that change by day


@pytest.fixture(scope="module")
def leavers():
    """Three hundred people, the sicker of whom leave residential care and relapse sooner."""
    rng = np.random.default_rng(2)
    count = 300
    severity = rng.normal(size=count).round(2)
    residential = rng.random(count) < 1 / (1 + np.exp(-severity))
    exit_day = np.where(rng.random(count) < 0.3, rng.integers(5, 30, count), 60)
    relapse = np.ceil(rng.exponential(60 * np.exp(-0.5 * severity))).astype(int)
    who = pd.Series([f"P{number:03}" for number in range(count)])
    care = np.where(residential, "short-term residential", "intensive outpatient")
    seen = {"first_observed_day": -365, "last_observed_day": 90, "severity": severity}
    return Records(
        persons=pd.DataFrame({"person_id": who, **seen}),
        stays=pd.DataFrame(
            {
                "stay_id": who,
                "person_id": who,
                "level_of_care": care,
                "start_day": 0,
                "end_day": exit_day,
                "facility_id": "F1",
                "admission_year": 2020,
                "age_years": 40.0,
                "exit_reason": np.where(exit_day < 60, "dropped out", "completed"),
            }
        ),
        events=pd.DataFrame({"person_id": who, "kind": "return to use", "day": relapse})[
            relapse <= 90
        ],
    )


SUSTAINED = {
    "title": "Sustained",
    "question": "Does it?",
    "source": {"kind": "site_export", "folder": "simulated"},
    "eligibility": {"minimum_age_years": 18, "washout_days": 60},
    "strategies": {
        "kind": "sustained",
        "sustained_days": 30,
        "intervention": ["intensive outpatient"],
        "comparator": ["short-term residential"],
        "intervention_name": "intensive outpatient care",
        "comparator_name": "residential care",
    },
    "time_zero": {"episode_gap_days": 7},
    "outcomes": {"relapse": {"definition": "use", "events": ["return to use"], "horizon_days": 60}},
    "causal_contrast": "per protocol",
    "estimand": "ATE",
    "analysis": {"covariates": ["severity"], "hazards": {"ratio": "cause-specific"}},
}


def analysed(records):
    """Log ratio and influences by method, and whose they are."""
    protocol = parse_protocol(SUSTAINED, "protocol")
    cohort = assemble_cohort(records, protocol)
    study = StudyArrays(cohort, weight_cohort(cohort.persons, protocol), protocol)
    found = {a.method: next(a.hazards.ratios()) for a in outcome_analyses(study)}
    return {str(m): (r.value, r.influence) for m, r in found.items()}, study.people["person_id"]


@pytest.fixture(scope="module")
def whole(leavers):
    return analysed(leavers)


@pytest.mark.parametrize("method", ["unadjusted", "iptw", "per_protocol"])
def test_leaving_a_person_out_moves_the_ratio_by_as_much_as_her_influence(
    whole, without_some, method
):
    """Both models of the weights fitted again, to first order: the whole road is in it."""
    found, people = whole
    value, influence = found[method]
    moved = np.array([value - rest[method][0] for _, rest in without_some])
    place = [int(np.flatnonzero(people == person)[0]) for person, _ in without_some]
    assert moved == pytest.approx(influence[place], rel=0.12, abs=2e-4)


@pytest.fixture(scope="module")
def without_some(leavers, whole):
    found, people = whole
    largest = np.argsort(-np.abs(found["per_protocol"][1]))[[0, 3, 9, 20, 40, 80]]

    def rest(person):
        return replace(
            leavers,
            **{
                name: getattr(leavers, name)[lambda t: t["person_id"] != person]
                for name in ("persons", "stays", "events")
            },
        )

    return [(people[k], analysed(rest(people[k]))[0]) for k in largest]


def test_rows_of_those_followed_count_the_events_of_the_weighted_risk_sets(leavers):
    protocol = parse_protocol(SUSTAINED, "protocol")
    cohort = assemble_cohort(leavers, protocol)
    study = StudyArrays(cohort, weight_cohort(cohort.persons, protocol), protocol)
    followed_arms = next(a.arms for a in outcome_analyses(study) if a.method == "per_protocol")
    rows = hazard_rows(followed_arms)
    for arm, who in ((Arm.INTERVENTION, rows.treated), (Arm.COMPARATOR, ~rows.treated)):
        sets = followed_arms.sets[arm]
        told = sets.events[sets.day <= 60].sum()
        assert rows.weight[who & rows.event].sum() == pytest.approx(told, rel=1e-12)
    assert (rows.entry < rows.day).all()


def test_those_still_followed_have_a_ratio_too(cohort, weighting, study):
    """Weights for censoring change by day; where hardly anyone is lost they hardly matter."""
    plan = {"hazards": {"ratio": "cause-specific"}, "cluster": None}
    asked = study(analysis=plan), study(analysis={**plan, "censoring": {}})
    alone = [replace(p, outcomes=p.outcomes[:1], noninferiority={}) for p in asked]
    without, found = (by_key(effects(cohort, weighting, protocol)) for protocol in alone)
    row = ("relapse", "iptw", "hazard_ratio")
    assert found.loc[row, "estimate"] == pytest.approx(without.loc[row, "estimate"], rel=0.02)
    assert found.loc[row, "std_error"] == pytest.approx(without.loc[row, "std_error"], rel=0.05)


# Days lost


def test_days_lost_and_days_before_it_add_up_to_the_horizon(comparison):
    found = by_key(comparison.estimates)
    arms = comparison.arms.set_index(["outcome", "method", "arm"])[
        "restricted_mean_days"
    ].sort_index()
    for method in ("unadjusted", "iptw"):
        free = arms["relapse", method]
        ratio = found.loc[("relapse", method, "rmtl_ratio"), "estimate"]
        lost = 180 - free
        assert ratio == pytest.approx(lost["intervention"] / lost["comparator"], rel=1e-12)


# Bands


def test_a_simultaneous_band_is_wider_and_moves_no_risk(comparison, cohort, weighting, study):
    found = compare(cohort, weighting, study(analysis={"bands": "simultaneous"})).curves
    day_by_day = comparison.curves
    pd.testing.assert_series_equal(found["risk"], day_by_day["risk"])
    inside = found["risk"].between(1e-12, 1 - 1e-12)
    assert (found["conf_low"] < day_by_day["conf_low"])[inside].all()
    assert (found["conf_high"] > day_by_day["conf_high"])[inside].all()


def test_a_band_is_the_array_functions(arrays, cohort, weighting, study):
    plan = {"bands": "simultaneous", "cluster": None}
    found = compare(cohort, weighting, study(analysis=plan)).curves
    analysis = next(
        a for a in outcome_analyses(arrays) if (a.outcome.name, a.method) == ("relapse", "iptw")
    )
    keys = ["outcome", "method", "arm"]
    mine = found.set_index(keys).sort_index().loc[("relapse", "iptw", "comparator")]
    moved = np.column_stack(
        [analysis.arms.risk_influence(Arm.COMPARATOR, day) for day in mine["day"]]
    )
    errors = np.sqrt((moved**2).sum(axis=0))
    critical = simultaneous_critical(moved, errors)
    low, high = incidence_limits(mine["risk"].to_numpy(), errors, critical)
    assert mine["conf_low"].to_numpy() == pytest.approx(low, abs=1e-12)
    assert mine["conf_high"].to_numpy() == pytest.approx(high, abs=1e-12)


# The scale of the interval of a risk


@pytest.mark.parametrize("scale", list(Scale)[:3])
def test_the_interval_of_a_risk_is_made_on_the_scale_asked_for(cohort, weighting, study, scale):
    plan = {"risk_interval": str(scale), "cluster": None}
    found = by_key(effects(cohort, weighting, study(analysis=plan)))
    row = found.loc[("relapse", "iptw", "risk_comparator")]
    low, high = incidence_limits(row["estimate"], row["std_error"], scale=scale)
    ours = [row["conf_low"], row["conf_high"]]
    assert ours == pytest.approx([float(low), float(high)], rel=1e-12)


# Medians


def test_a_median_lies_within_its_interval_and_is_absent_where_it_is_not_reached(comparison):
    arms = comparison.arms[comparison.arms["outcome"] == "relapse"]
    assert (arms["median_low"] <= arms["median_days"]).all()
    assert (arms["median_days"] <= arms["median_high"]).all()
    rest = comparison.arms[comparison.arms["outcome"] != "relapse"]
    assert rest[["median_days", "median_high"]].isna().all(axis=None)


def test_days_far_from_the_median_need_not_be_looked_at(arrays, monkeypatch):
    """Every day by itself has the same intervals as days looked over."""
    analyses = [a for a in outcome_analyses(arrays) if a.outcome.horizon_days]
    quick = [row for analysis in analyses for row in analysis.arm_rows()]
    monkeypatch.setattr("iop_outcomes.analysis.median_days.AT_ONCE", 1)
    slow = [row for analysis in analyses for row in analysis.arm_rows()]
    pd.testing.assert_frame_equal(pd.DataFrame(quick), pd.DataFrame(slow))


# UIS, as R has it


@pytest.fixture(scope="module")
def uis(shared):
    """UIS with the whole follow-up before the horizon, which is what R was given."""

    def walk(**analysis):
        section = read_section(UIS, "protocol")
        section["outcomes"]["relapse"]["horizon_days"] = 1200
        section["analysis"] |= {"hazards": BOTH, **analysis}
        protocol = parse_protocol(section, "protocol")
        cohort = assemble_cohort(read_records(shared / "data" / "uis", protocol), protocol)
        weighting = weight_cohort(cohort.persons, protocol)
        return compare(cohort, weighting, protocol)

    return walk


@pytest.fixture(scope="module")
def expected(shared):
    def row(case, estimator, estimand, term="treat"):
        table = pd.read_csv(shared / "reference" / "results" / f"{case}.csv", dtype={"term": "str"})
        found = table.query("estimator == @estimator and estimand == @estimand and term == @term")
        assert len(found) == 1
        return found.iloc[0]

    return row


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_uis_ratios_agree_with_coxph(uis, expected, ties):
    """survival 3.5.3; its robust error takes the weights as known, ours is stacked and smaller."""
    found = by_key(uis(hazards={"ratio": "cause-specific", "ties": ties}).estimates)
    ours = found.loc[("relapse", "unadjusted", "hazard_ratio")]
    theirs = expected("a03_uis_cox", f"Cox unadjusted, ties {ties}, robust", "logHR")
    assert np.log(ours["estimate"]) == pytest.approx(theirs["estimate"], rel=1e-9)
    assert ours["std_error"] == pytest.approx(theirs["std_error"], rel=1e-9)
    assert np.log(ours["conf_low"]) == pytest.approx(theirs["ci_low"], rel=1e-9)
    weighted = found.loc[("relapse", "iptw", "hazard_ratio")]
    case = "a05e_uis_treat_weighted_survival"
    theirs = expected(case, f"weighted Cox ATE, ties {ties}", "logHR")
    assert np.log(weighted["estimate"]) == pytest.approx(theirs["estimate"], rel=1e-6)
    assert 0.9 * theirs["std_error"] < weighted["std_error"] < theirs["std_error"]


def test_uis_tests_agree_with_cox_zph_and_survdiff(uis, expected):
    rows = uis().proportional_hazards.set_index(KEY)
    ours = rows.loc[("relapse", "unadjusted", "hazard_ratio")]
    case, estimand = "Cox unadjusted, ties efron, cox.zph km", "PH score test chisq"
    theirs = expected("a03_uis_cox", case, estimand, "GLOBAL;df=1")
    assert ours["chi_squared"] == pytest.approx(theirs["estimate"], rel=1e-6)
    assert ours["p_value"] == pytest.approx(theirs["p_value"], rel=1e-6)
    theirs = expected("a02_uis_logrank", "log-rank", "chisq", "treat;df=1")
    assert ours["equality_p"] == pytest.approx(theirs["p_value"], rel=1e-9)


def test_uis_ratio_of_days_lost_agrees_with_survrm2(shared, expected, uis):
    section = read_section(UIS, "protocol")
    protocol = parse_protocol(section, "protocol")
    cohort = assemble_cohort(read_records(shared / "data" / "uis", protocol), protocol)
    found = effects(cohort, weight_cohort(cohort.persons, protocol), protocol)
    ours = by_key(found).loc[("relapse", "unadjusted", "rmtl_ratio")]
    theirs = expected("a04_uis_rmst", "RMST", "RMTL ratio", "arm1-arm0;tau=180")
    for column, limit in (("estimate", "estimate"), ("conf_low", "ci_low")):
        assert ours[column] == pytest.approx(theirs[limit], rel=1e-9)


@pytest.mark.parametrize("scale", ["log-log", "log", "plain"])
def test_uis_medians_and_their_intervals_agree_with_survfit(uis, expected, scale):
    arms = uis(risk_interval=scale).arms.query("outcome == 'relapse' and method == 'unadjusted'")
    for arm, code in (("intervention", 1), ("comparator", 0)):
        ours = arms.set_index("arm").loc[arm]
        case, term = f"Kaplan-Meier, CI {scale}", f"treat={code};p=0.5"
        theirs = expected("a01_uis_kaplan_meier", case, "time quantile", term)
        assert ours[["median_days", "median_low", "median_high"]].tolist() == [
            theirs["estimate"],
            theirs["ci_low"],
            theirs["ci_high"],
        ]
