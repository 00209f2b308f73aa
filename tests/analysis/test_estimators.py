"""G-computation, AIPW and TMLE beside the weighted estimates: the road equals the arrays."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare, effects
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.estimates import main_rows
from iop_outcomes.analysis.robustness import compare_alternatives
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.calibration.planted_truth import planted_truth
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.records.simulation import simulate_records
from iop_outcomes.statistics.effects.doubly_robust import augmented_risks, standardized_risks
from iop_outcomes.statistics.effects.effect_measures import odds_ratio, risk_difference, risk_ratio
from iop_outcomes.statistics.effects.outcome_models import Link, fit_outcome_models
from iop_outcomes.statistics.effects.risks import estimated_propensity
from iop_outcomes.statistics.effects.targeted import targeted_risks
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.survival.curves import (
    incidence_curve,
    incidence_derivative,
)
from iop_outcomes.statistics.survival.pseudo_observations import pseudo_observations
from iop_outcomes.vocabulary import Estimand

BESIDE = ["g_computation", "aipw", "tmle"]
RISKS = ["risk_intervention", "risk_comparator", "risk_difference", "risk_ratio", "odds_ratio"]
COVARIATES = ["age_years", "sex", "primary_substance", "homeless", "phq9"]


def asking(*estimators, **analysis):
    return {"covariates": COVARIATES, "estimators": list(estimators), **analysis}


def by_key(estimates):
    return estimates.set_index(["outcome", "method", "measure"]).sort_index()


def at_exit_alone(protocol):
    return replace(
        protocol,
        outcomes=tuple(o for o in protocol.outcomes if o.horizon_days is None),
        noninferiority={},
    )


@pytest.fixture(scope="module")
def asked(road, study):
    """The small study with all that its censored outcomes allow; AIPW and TMLE at exit."""
    protocol = study(estimand="ATE", analysis=asking("g-computation", "aipw"))
    cohort, weighting = road(protocol)
    return protocol, cohort, weighting, compare(cohort, weighting, protocol)


# What stands beside the answer


def test_estimators_stand_between_the_unadjusted_and_the_weighted_and_tell_risks_alone(asked):
    table = asked[-1].estimates
    rows = table[table["outcome"] == "relapse"]
    assert rows["method"].drop_duplicates().tolist() == [
        "unadjusted", "g_computation", "aipw", "iptw",
    ]  # fmt: skip
    assert rows[rows["method"] == "aipw"]["measure"].tolist() == RISKS
    assert rows[rows["method"] == "aipw"]["estimand"].eq("ATE").all()


def test_the_weighted_rows_stay_the_answer_and_have_the_verdicts(asked, study):
    _, cohort, weighting, comparison = asked
    without = study(estimand="ATE")
    alone = effects(cohort, weighting, without)
    theirs = comparison.estimates
    pd.testing.assert_frame_equal(
        theirs[theirs["method"].isin(["unadjusted", "iptw"])].reset_index(drop=True), alone
    )
    assert set(main_rows(theirs)["method"]) == {"iptw"}
    assert set(theirs.dropna(subset="verdict")["method"]) == {"iptw"}


def test_they_add_no_people_days_or_curves(asked):
    comparison = asked[-1]
    assert set(comparison.arms["method"]) == {"unadjusted", "iptw"}
    assert set(comparison.curves["method"]) == {"unadjusted", "iptw"}


def test_definitions_and_alternatives_are_told_by_the_answer_alone(records, road, study):
    protocol = study(
        estimand="ATE",
        outcomes={"relapse": {"other_definitions": ["REL-READ"]}},
        analysis=asking("g-computation"),
    )
    cohort, weighting = road(protocol)
    definitions = compare(cohort, weighting, protocol).definitions
    assert set(definitions["method"]) == {"unadjusted", "iptw"}
    alternatives = compare_alternatives(records, {"the same": protocol}).estimates
    assert set(alternatives["method"]) == {"unadjusted", "iptw"}


def test_everyone_counts_once_in_g_computation_and_by_weight_in_aipw(asked):
    rows = by_key(asked[-1].estimates).loc["relapse"]
    for method, as_in in (("g_computation", "unadjusted"), ("aipw", "iptw")):
        for column in ("n", "effective_n", "smallest_cell", "fewest_missing"):
            assert rows.loc[(method, "risk_difference"), column] == pytest.approx(
                rows.loc[(as_in, "risk_difference"), column]
            )


def test_the_standard_error_says_that_pseudo_observations_are_taken_as_data(asked):
    se = by_key(asked[-1].estimates)["se_method"]
    base, by = "stacked estimating equations", "clustered by facility_id (CR1, t with 7 df)"
    assert se["relapse", "aipw", "risk_ratio"] == (
        f"{base}, pseudo-observations taken as data, {by}"
    )
    assert se["completion", "aipw", "risk_ratio"] == f"{base}, {by}"


# The road equals the arrays


def arrays(protocol, cohort, weighting, outcome):
    """Outcome, arm and models of a study, as its researcher would make them."""
    people = cohort.persons.merge(weighting.weights, on="person_id")
    ends = cohort.follow_up[cohort.follow_up["outcome"] == outcome]
    people = people.merge(ends[["person_id", "days", "status"]], on="person_id")
    model = design(people, protocol.analysis.covariates)
    propensity = estimated_propensity(model.treated, people["propensity"], model.columns)
    return people, model, propensity


def expected_rows(risks, cluster):
    def spread(influence):
        return uncertainty(influence, 0.95, cluster)

    return {
        "risk_difference": risk_difference(risks, spread),
        "risk_ratio": risk_ratio(risks, spread),
        "odds_ratio": odds_ratio(risks, spread),
    }


def assert_rows_are(rows, risks, cluster):
    assert rows.loc["risk_intervention", "estimate"] == pytest.approx(risks.intervention, rel=1e-12)
    assert rows.loc["risk_comparator", "estimate"] == pytest.approx(risks.comparator, rel=1e-12)
    for measure, effect in expected_rows(risks, cluster).items():
        found = rows.loc[measure, ["estimate", "std_error", "conf_low", "conf_high"]].tolist()
        expected = [effect.estimate, effect.std_error, effect.lower, effect.upper]
        assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO", "ATM"])
def test_outcomes_at_exit_are_0_or_1_with_logistic_models(road, study, estimand):
    everything = study(estimand=estimand, analysis=asking("g-computation", "aipw", "tmle"))
    cohort, weighting = road(everything)
    protocol = at_exit_alone(everything)
    # Nobody's outcome is missing here; whom that touches has tests of its own.
    left = cohort.follow_up["status"].replace("missing", "no event")
    cohort = replace(cohort, follow_up=cohort.follow_up.assign(status=left))
    rows = by_key(effects(cohort, weighting, protocol)).loc["completion"]
    people, model, propensity = arrays(protocol, cohort, weighting, "completion")
    y, a, population = people["status"].eq("event"), model.treated, Estimand(estimand)
    cluster = people["facility_id"].to_numpy()
    predicted = fit_outcome_models(y, a, model.columns, Link.LOGIT)
    for method, risks in {
        "g_computation": standardized_risks(a, predicted, population, propensity=propensity),
        "aipw": augmented_risks(y, a, propensity, predicted, population),
        "tmle": targeted_risks(y, a, propensity, predicted, population),
    }.items():
        assert_rows_are(rows.loc[method], risks, cluster)


def test_censored_outcomes_are_pseudo_observations_within_arms_with_linear_models(asked):
    protocol, cohort, weighting, comparison = asked
    rows = by_key(comparison.estimates).loc["relapse"]
    people, model, propensity = arrays(protocol, cohort, weighting, "relapse")
    cause = people["status"].map({"event": 1, "competing event": 2, "censored": 0}).to_numpy()
    day, a, y = people["days"].to_numpy(float), model.treated, np.empty(len(people))
    for arm in (a, ~a):
        y[arm] = pseudo_observations(
            lambda sets, until: float(incidence_curve(sets).at(until)),
            incidence_derivative, day[arm], cause[arm], 180,
        )  # fmt: skip
    predicted = fit_outcome_models(y, a, model.columns, Link.IDENTITY)
    cluster = people["facility_id"].to_numpy()
    g = standardized_risks(a, predicted, Estimand.ATE)
    assert_rows_are(rows.loc["g_computation"], g, cluster)
    aipw = augmented_risks(y, a, propensity, predicted, Estimand.ATE)
    assert_rows_are(rows.loc["aipw"], aipw, cluster)


def test_the_outcome_model_has_terms_of_its_own(road, study, asked):
    protocol = study(
        estimand="ATE", analysis=asking("g-computation", outcome_model=["bs(age_years, df=4)"])
    )
    _, cohort, weighting, _ = asked
    rows = by_key(effects(cohort, weighting, at_exit_alone(protocol))).loc["completion"]
    people, model, _ = arrays(protocol, cohort, weighting, "completion")
    columns = design(people, ["bs(age_years, df=4)"]).columns
    known = people["status"].ne("missing").to_numpy(float)
    y = people["status"].eq("event")
    predicted = fit_outcome_models(y, model.treated, columns, Link.LOGIT, weight=known)
    g = standardized_risks(model.treated, predicted, Estimand.ATE)
    assert_rows_are(rows.loc["g_computation"], g, people["facility_id"].to_numpy())


# Laws


def test_saturated_models_make_all_estimators_one(road, study):
    """Where both models hold every cell there is, nothing is left for either to mend."""
    cells = ["sex * homeless"]
    protocol = study(
        estimand="ATE",
        eligibility={"recorded": ["phq9", "homeless"]},
        analysis={
            "covariates": cells,
            "estimators": ["g-computation", "aipw", "tmle"],
            "cluster": None,
        },
    )
    cohort, weighting = road(protocol)
    left = cohort.follow_up["status"].replace("missing", "no event")
    cohort = replace(cohort, follow_up=cohort.follow_up.assign(status=left))
    rows = by_key(effects(cohort, weighting, at_exit_alone(protocol))).loc["completion"]
    for method in BESIDE:
        for column in ("estimate", "std_error", "conf_low", "conf_high"):
            assert rows.loc[method][column].to_dict() == pytest.approx(
                rows.loc["iptw"][column].to_dict(), rel=1e-7
            )


def test_relabelling_the_arms_turns_every_contrast_around(asked, road, study):
    relabelled = study(
        estimand="ATE",
        analysis=asking("g-computation", "aipw"),
        strategies={
            "intervention": ["short-term residential", "long-term residential"],
            "comparator": ["intensive outpatient"],
        },
    )
    there = by_key(asked[-1].estimates)
    back = by_key(effects(*road(relabelled), relabelled))
    for method in ("g_computation", "aipw"):
        one, other = there.loc["relapse", method], back.loc["relapse", method]
        assert other.loc["risk_difference", "estimate"] == pytest.approx(
            -one.loc["risk_difference", "estimate"], rel=1e-8
        )
        for ratio in ("risk_ratio", "odds_ratio"):
            assert other.loc[ratio, "estimate"] == pytest.approx(
                1 / one.loc[ratio, "estimate"], rel=1e-8
            )
            assert other.loc[ratio, "std_error"] == pytest.approx(one.loc[ratio, "std_error"])


def test_aipw_finds_the_planted_effect_of_intensive_outpatient_care(study):
    protocol = study(estimand="ATE", analysis=asking("g-computation", "aipw"))
    records = simulate_records(3000, seed=7, facilities=40, log_hazard_ratio=0.3)
    cohort = assemble_cohort(records, protocol)
    found = by_key(effects(cohort, weight_cohort(cohort.persons, protocol), protocol))
    truth = planted_truth(20_000, seed=7, facilities=40, log_hazard_ratio=0.3)
    truth = truth[(truth["events"] == "return to use") & (truth["horizon_days"] == 180)]
    truth = truth[truth["estimand"] == "ATE"].set_index("measure")
    for method in ("g_computation", "aipw"):
        row = found.loc["relapse", method, "risk_difference"]
        planted = truth.loc["risk_difference"]
        error = np.hypot(row["std_error"], planted["monte_carlo_error"])
        assert abs(row["estimate"] - planted["truth"]) < 3 * error


# Outcomes that are not known


@pytest.fixture
def ten(cohort, drawn):
    """Ten people whose outcome is read at exit; of J nothing is known."""
    ends = drawn("""
        person_id | arm          | old | status
        A         | intervention | no  | event
        B         | intervention | no  | no event
        C         | intervention | yes | event
        D         | intervention | yes | no event
        E         | comparator   | no  | event
        F         | comparator   | no  | no event
        G         | comparator   | no  | no event
        H         | comparator   | yes | event
        I         | comparator   | yes | no event
        J         | comparator   | yes | missing
    """)
    persons = ends[["person_id", "arm", "old"]]
    return replace(
        cohort,
        persons=persons,
        follow_up=ends.assign(outcome="completion", days=pd.array([None] * 10, "Int64")),
        exits=persons[["person_id", "arm"]].assign(level_of_care="inpatient", reason="other"),
    )


def test_who_is_not_known_counts_in_the_population_and_in_no_model(ten, study):
    """Comparator: 1 of 3 young and 1 of 2 old have the event; half of the ten people are old."""
    protocol = at_exit_alone(
        study(
            estimand="ATE",
            analysis={
                "covariates": ["old"],
                "cluster": None,
                "estimators": ["g-computation", "aipw", "tmle"],
            },
        )
    )
    rows = by_key(effects(ten, weight_cohort(ten.persons, protocol), protocol))
    for method in BESIDE:
        found = rows.loc["completion", method]
        assert found.loc["risk_comparator", "estimate"] == pytest.approx((1 / 3 + 1 / 2) / 2)
        assert found.loc["risk_comparator", "n"] == 5
        assert found.loc["risk_comparator", "fewest_missing"] == 1


def test_aipw_counts_the_residuals_of_those_who_are_known_as_if_they_were_of_all(road, study):
    """Everyone twice, and the second copies in one arm not known: the first ones speak for them.

    The outcome model is poor here (age alone), so that the residuals matter.
    """
    protocol = at_exit_alone(
        study(
            estimand="ATE",
            analysis=asking("aipw", "tmle", outcome_model=["age_years"], cluster=None),
        )
    )
    cohort, _ = road(study(estimand="ATE"))
    known = cohort.follow_up["status"].replace("missing", "no event")
    once = replace(cohort, follow_up=cohort.follow_up.assign(status=known))

    def again(table):
        return table.assign(person_id="again " + table["person_id"].astype("str"))

    ends = again(once.follow_up)
    copies = again(once.persons)
    compared = ends["person_id"].isin(copies.loc[copies["arm"] == "comparator", "person_id"])
    unknown = ends["status"].mask(compared, "missing")
    twice = replace(
        once,
        persons=pd.concat([once.persons, copies], ignore_index=True),
        follow_up=pd.concat([once.follow_up, ends.assign(status=unknown)], ignore_index=True),
    )
    one, two = (
        by_key(effects(each, weight_cohort(each.persons, protocol), protocol)).loc["completion"]
        for each in (once, twice)
    )
    people, model, propensity = arrays(
        protocol, once, weight_cohort(once.persons, protocol), "completion"
    )
    y, columns = people["status"].eq("event"), design(people, ["age_years"]).columns
    predicted = fit_outcome_models(y, model.treated, columns, Link.LOGIT)
    hajek = augmented_risks(y, model.treated, propensity, predicted, Estimand.ATE, normalised=True)
    found = two.loc["aipw"]["estimate"]
    assert found["risk_comparator"] == pytest.approx(hajek.comparator, rel=1e-7)
    assert found["risk_intervention"] == pytest.approx(hajek.intervention, rel=1e-7)
    assert two.loc["tmle"]["estimate"].to_dict() == pytest.approx(
        one.loc["tmle"]["estimate"].to_dict(), rel=1e-7
    )


# What is refused


def test_tmle_is_refused_where_follow_up_was_censored_before_the_horizon(asked, study):
    _, cohort, weighting, _ = asked
    protocol = study(estimand="ATE", analysis=asking("tmle"))
    with pytest.raises(CohortError, match=r"estimators: tmle of relapse: some people were cens"):
        effects(cohort, weighting, protocol)


@pytest.mark.parametrize(
    ("analysis", "named"),
    [
        ({"weighting": "entropy balancing"}, "weighting: entropy balancing"),
        ({"propensity": {"model": "lasso"}}, "propensity.model: lasso"),
        ({"limits": {"trim": 0.1}}, "limits"),
    ],
)
def test_estimators_beside_other_weights_are_refused_by_the_protocol(study, analysis, named):
    with pytest.raises(ProtocolError, match=rf"analysis\.estimators: .*aipw.*`{named}`"):
        study(estimand="ATE", analysis=asking("aipw", **analysis))


def test_a_term_of_the_outcome_model_that_is_not_there_is_named(asked, study):
    _, cohort, weighting, _ = asked
    protocol = study(estimand="ATE", analysis=asking("aipw", outcome_model=["shoe_size"]))
    with pytest.raises(ProtocolError, match=r"analysis\.outcome_model: .*shoe_size"):
        effects(cohort, weighting, protocol)


def test_an_outcome_that_an_arm_never_had_is_named(ten, study):
    protocol = at_exit_alone(
        study(
            estimand="ATE",
            analysis={"covariates": ["old"], "cluster": None, "estimators": ["aipw"]},
        )
    )
    none = ten.follow_up["status"].mask(ten.follow_up["arm"] == "comparator", "no event")
    never = replace(ten, follow_up=ten.follow_up.assign(status=none))
    with pytest.raises(CohortError, match=r"the outcome model of completion: .*same outcome"):
        effects(never, weight_cohort(never.persons, protocol), protocol)


def test_a_risk_beyond_certainty_is_refused_and_not_told(ten, drawn, study):
    """The comparator's risk rises by the score, which the intervention arm has more of."""
    protocol = study(
        estimand="ATT",
        analysis={
            "covariates": ["old"],
            "outcome_model": ["score"],
            "cluster": None,
            "estimators": ["g-computation"],
        },
    )
    protocol = replace(protocol, outcomes=protocol.outcomes[:1], noninferiority={})
    ends = drawn("""
        person_id | score | days | status
        A         | 9     | 180  | censored
        B         | 8     | 20   | event
        C         | 7     | 180  | censored
        D         | 9     | 20   | event
        E         | 1     | 180  | censored
        F         | 2     | 180  | censored
        G         | 3     | 90   | censored
        H         | 4     | 30   | event
        I         | 5     | 30   | event
        J         | 6     | 30   | event
    """)
    persons = ten.persons.merge(ends[["person_id", "score"]], on="person_id")
    steep = replace(ten, persons=persons, follow_up=ends.assign(outcome="relapse"))
    with pytest.raises(CohortError, match=r"g-computation of relapse: .* outside 0 to 1"):
        effects(steep, weight_cohort(persons, protocol), protocol)


def test_an_arm_within_one_facility_has_no_clustered_error(asked, study):
    _, cohort, weighting, _ = asked
    arm = cohort.persons["arm"] == "intervention"
    alone = cohort.persons.assign(facility_id=cohort.persons["facility_id"].mask(arm, "F"))
    with pytest.raises(CohortError, match=r"outcomes\.relapse: the intervention arm lies within"):
        effects(replace(cohort, persons=alone), weighting, study(estimand="ATE"))
