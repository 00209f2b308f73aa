"""Intervals: the verdicts they give, the clusters they rest on, the limits they keep."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from iop_outcomes.analysis.comparison import effects
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.statistics.survival.curve_limits import incidence_limits
from iop_outcomes.vocabulary import Direction

KEY = ["outcome", "method", "measure"]


def by_key(estimates: pd.DataFrame) -> pd.DataFrame:
    return estimates.set_index(KEY).sort_index()


# Verdicts


def test_a_verdict_comes_from_the_interval_beside_it(comparison, study):
    judged = comparison.estimates[comparison.estimates["verdict"].notna()]
    assert judged["outcome"].tolist() == ["relapse", "completion"]
    for row, better in zip(judged.itertuples(), (Direction.LOWER, Direction.HIGHER), strict=True):
        margin = study().noninferiority[row.outcome].risk_difference
        verdict = noninferiority(row.conf_low, row.conf_high, margin, better)
        assert row.verdict == str(verdict)


def test_only_weighted_risk_differences_with_a_margin_claim_a_verdict(comparison):
    judged = comparison.estimates[comparison.estimates["verdict"].notna()]
    assert set(judged["method"]) == {"iptw"}
    assert set(judged["measure"]) == {"risk_difference"}
    assert "discontinuation" not in set(judged["outcome"])


def test_the_confidence_level_moves_limits_and_no_estimate(comparison, cohort, weighting, study):
    wider = effects(cohort, weighting, study(analysis={"confidence_level": 0.99}))
    same = ["estimate", "std_error", "n"]
    pd.testing.assert_frame_equal(wider[same], comparison.estimates[same])
    assert (wider["conf_low"] < comparison.estimates["conf_low"]).all()
    assert (wider["conf_high"] > comparison.estimates["conf_high"]).all()


# Clusters


def test_clustered_intervals_follow_student_and_say_so(comparison, cohort):
    row = by_key(comparison.estimates).loc[("relapse", "iptw", "risk_difference")]
    facilities = cohort.persons["facility_id"].nunique()
    half = stats.t.ppf(0.975, facilities - 1) * row["std_error"]
    assert row["clusters"] == facilities
    assert [row["conf_low"], row["conf_high"]] == pytest.approx(
        [row["estimate"] - half, row["estimate"] + half]
    )
    assert row["se_method"] == (
        "stacked estimating equations, clustered by facility_id (CR1, t with 7 df)"
    )


def test_independent_persons_follow_the_normal_law_and_say_so(cohort, weighting, study):
    table = by_key(effects(cohort, weighting, study(analysis={"cluster": None})))
    row = table.loc[("relapse", "iptw", "risk_difference")]
    half = stats.norm.ppf(0.975) * row["std_error"]
    assert pd.isna(row["clusters"])
    assert row["conf_high"] == pytest.approx(row["estimate"] + half)
    assert row["se_method"] == "stacked estimating equations"
    unadjusted = table.loc[("relapse", "unadjusted", "risk_difference")]
    assert unadjusted["se_method"] == "influence function"


def test_clustering_changes_no_estimate(comparison, cohort, weighting, study):
    alone = effects(cohort, weighting, study(analysis={"cluster": None}))
    pd.testing.assert_series_equal(alone["estimate"], comparison.estimates["estimate"])


def test_a_cluster_that_is_not_recorded_is_refused(cohort, weighting, study):
    with pytest.raises(ProtocolError, match=r"protocol\.analysis\.cluster: `county`"):
        effects(cohort, weighting, study(analysis={"cluster": "county"}))
    some = cohort.persons["facility_id"].mask(cohort.persons.index == 0)
    partly = replace(cohort, persons=cohort.persons.assign(facility_id=some))
    with pytest.raises(ProtocolError, match=r"protocol\.analysis\.cluster: `facility_id`"):
        effects(partly, weighting, study())


def test_a_single_cluster_is_refused(cohort, weighting, study):
    one = replace(cohort, persons=cohort.persons.assign(facility_id="F1"))
    with pytest.raises(CohortError, match="one cluster"):
        effects(one, weighting, study())


# Limits of a risk


@pytest.mark.parametrize("risk", [1e-6, 0.02, 0.5, 0.98, 1 - 1e-6])
@pytest.mark.parametrize("relative", [0.01, 1, 30])
def test_limits_of_a_risk_stay_within_0_and_1_and_around_it(risk, relative):
    low, high = incidence_limits(risk, relative * risk * (1 - risk), 1.96)
    assert 0 <= low <= risk <= high <= 1


def test_limits_of_a_risk_agree_with_r(shared):
    """survival 3.5.3: survfit(Surv(time, event) ~ treat, conf.type='log-log'), of S = 1 - risk."""
    path = shared / "reference" / "results" / "a01_uis_kaplan_meier.csv"
    table = pd.read_csv(path)
    rows = table[table["estimator"].eq("Kaplan-Meier, CI log-log") & table["estimand"].eq("S(t)")]
    critical = stats.norm.ppf(0.975)
    low, high = incidence_limits(
        1 - rows["estimate"].to_numpy(), rows["std_error"].to_numpy(), critical
    )
    assert low == pytest.approx(1 - rows["ci_high"].to_numpy(), rel=1e-9)
    assert high == pytest.approx(1 - rows["ci_low"].to_numpy(), rel=1e-9)


def test_a_risk_of_nothing_or_everything_has_no_width():
    low, high = incidence_limits(np.array([0.0, 1.0]), np.zeros(2), 1.96)
    assert low.tolist() == high.tolist() == [0, 1]
