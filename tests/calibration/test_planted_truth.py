"""A planted truth is what it claims to be, and the study of this repository finds it."""

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import effects
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.calibration.planted_truth import planted_truth
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import read_protocol
from iop_outcomes.records.simulation import simulate_records
from iop_outcomes.records.treatment_process import NEVER, Course
from iop_outcomes.vocabulary import Estimand, Measure

SEED = 20261123
OF_HAZARDS = {Measure.HAZARD_RATIO, Measure.SUBDISTRIBUTION_HAZARD_RATIO}
OF_MEANS = {each for each in Measure if each.startswith("mean_")}  # no score is simulated
PLANTED = set(Measure) - OF_HAZARDS - OF_MEANS  # hazards depend on whom the arms have left


@pytest.fixture(scope="module")
def null():
    """The truth of twenty thousand people where the kind of care has no effect of its own."""
    return planted_truth(20_000, seed=SEED)


@pytest.fixture(scope="module")
def harm():
    """The same people, and intensive outpatient care raises the odds of relapse on any day."""
    return planted_truth(20_000, seed=SEED, log_hazard_ratio=0.3)


@pytest.fixture(scope="module")
def found(root):
    """The protocol of this repository on its own simulated records."""
    protocol = read_protocol(root / "params.yaml")
    cohort = assemble_cohort(simulate_records(9000, seed=SEED), protocol)
    table = effects(cohort, weight_cohort(cohort.persons, protocol), protocol)
    return table.set_index(["outcome", "method", "measure"])


def relapse(truth, measure, estimand="ATO", horizon_days=180):
    row = truth[
        truth["events"].eq("return to use")
        & truth["measure"].eq(measure)
        & truth["estimand"].eq(estimand)
        & truth["horizon_days"].eq(horizon_days)
    ]
    return row.iloc[0]


# The truth is a truth


def test_every_outcome_day_estimand_and_measure_has_one_truth(null):
    key = ["events", "horizon_days", "estimand", "measure"]
    assert len(null) == 2 * 4 * len(Estimand) * len(PLANTED)
    assert not null.duplicated(key).any()
    assert null["truth"].notna().all()


def test_risks_are_probabilities_that_grow_with_time(null):
    risks = null[null["measure"].isin(["risk_intervention", "risk_comparator"])]
    assert risks["truth"].between(0, 1).all()
    for _, rows in risks.groupby(["events", "estimand", "measure"]):
        assert rows.sort_values("horizon_days")["truth"].is_monotonic_increasing


def test_contrasts_are_those_of_the_risks(null):
    wide = null.pivot(
        index=["events", "horizon_days", "estimand"], columns="measure", values="truth"
    )
    one, other = wide["risk_intervention"], wide["risk_comparator"]
    assert wide["risk_difference"].tolist() == pytest.approx((one - other).tolist(), abs=1e-12)
    assert wide["risk_ratio"].tolist() == pytest.approx((one / other).tolist(), rel=1e-12)
    odds = one / (1 - one) / (other / (1 - other))
    assert wide["odds_ratio"].tolist() == pytest.approx(odds.tolist(), rel=1e-12)


def test_the_same_seed_tells_the_same_truth_and_another_another():
    first, again, other = (planted_truth(500, seed=seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first["truth"].equals(other["truth"])


def test_the_reported_error_is_the_spread_between_independent_draws():
    """Forty draws with other people: their standard deviation, to a quarter. One facility, for its
    effect is drawn anew with every seed; with a single one, it moves both arms alike.
    """
    draws = [
        relapse(planted_truth(1000, seed=s, facilities=1), "risk_difference") for s in range(40)
    ]
    spread = np.std([draw["truth"] for draw in draws], ddof=1)
    assert spread == pytest.approx(np.mean([draw["monte_carlo_error"] for draw in draws]), rel=0.25)


def test_a_planted_effect_leaves_the_comparator_as_it_was(null, harm):
    for estimand in Estimand:
        before, after = (relapse(t, "risk_comparator", estimand)["truth"] for t in (null, harm))
        assert before == after


def test_those_who_enter_residential_care_would_relapse_more_often_in_either_arm(null):
    """So a truth that forgot whose effect it is would be found out."""
    for measure in ("risk_intervention", "risk_comparator"):
        outpatient, everyone, residential = (
            relapse(null, measure, estimand)["truth"] for estimand in ("ATT", "ATE", "ATC")
        )
        assert outpatient + 0.03 < everyone < residential - 0.03


def test_without_an_effect_the_risks_of_relapse_at_half_a_year_are_alike(null):
    row = relapse(null, "risk_difference")
    assert abs(row["truth"]) < 3 * row["monte_carlo_error"]


def test_a_log_hazard_ratio_of_three_tenths_is_eight_more_relapses_in_a_hundred(harm):
    assert 0.07 < relapse(harm, "risk_difference")["truth"] < 0.10


def test_a_larger_effect_is_a_larger_difference():
    differences = [
        relapse(planted_truth(3000, seed=SEED, log_hazard_ratio=b), "risk_difference")["truth"]
        for b in (-0.5, 0.0, 0.5)
    ]
    assert differences == sorted(differences)


# The study finds it


def test_the_study_covers_the_planted_null(found, null):
    row = found.loc[("relapse", "iptw", "risk_difference")]
    truth = relapse(null, "risk_difference")["truth"]
    assert row["conf_low"] < truth < row["conf_high"]


def test_without_adjustment_it_does_not(found, null):
    row = found.loc[("relapse", "unadjusted", "risk_difference")]
    truth = relapse(null, "risk_difference")["truth"]
    assert row["conf_high"] < truth - 0.05


def test_the_study_covers_the_truth_about_staying_in_treatment(found, null):
    row = found.loc[("discontinuation", "iptw", "risk_difference")]
    truth = null[
        null["events"].str.contains("dropped out")
        & null["measure"].eq("risk_difference")
        & null["estimand"].eq("ATO")
        & null["horizon_days"].eq(90)
    ]["truth"].item()
    assert row["conf_low"] < truth < row["conf_high"]


def test_a_planted_effect_is_told_from_none(root, harm):
    protocol = read_protocol(root / "params.yaml")
    records = simulate_records(9000, seed=SEED, log_hazard_ratio=0.3)
    cohort = assemble_cohort(records, protocol)
    table = effects(cohort, weight_cohort(cohort.persons, protocol), protocol)
    row = table.set_index(["outcome", "method", "measure"]).loc[
        ("relapse", "iptw", "risk_difference")
    ]
    assert row["conf_low"] > 0
    assert row["conf_low"] < relapse(harm, "risk_difference")["truth"] < row["conf_high"]


@pytest.fixture
def truth_if_all_used_on(monkeypatch):
    """The truth where each person returns to use on the day that a rule gives, in either arm."""

    def of(day_of):
        def course(people, *_):
            never = np.full(len(people), NEVER)
            reason = np.full(len(people), None, object)
            used = np.asarray(day_of(people))
            return Course(never, reason, never > NEVER, used, never, never)

        monkeypatch.setattr("iop_outcomes.calibration.planted_truth.course_of_treatment", course)
        return planted_truth(400, seed=1)

    return of


def test_an_event_on_the_day_of_the_horizon_is_within_it(truth_if_all_used_on):
    truth = truth_if_all_used_on(lambda people: np.full(len(people), 90))
    assert relapse(truth, Measure.RISK_COMPARATOR, horizon_days=90)["truth"] == 1
    assert relapse(truth, Measure.RISK_COMPARATOR, horizon_days=60)["truth"] == 0


def test_who_was_recently_treated_or_is_a_minor_is_no_part_of_the_truth(truth_if_all_used_on):
    truth = truth_if_all_used_on(
        lambda people: np.where(people["recently_treated"] | (people["age_years"] < 18), 1, NEVER)
    )
    assert relapse(truth, Measure.RISK_INTERVENTION)["truth"] == 0
