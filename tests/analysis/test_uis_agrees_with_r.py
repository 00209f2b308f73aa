"""The whole road on public data: the example protocol of UIS finds what R finds.

R 4.2.2 with WeightIt 1.5.1 (lm_weightit, vcov='asympt'), cobalt, survRM2 and survival; the
propensity model is that of the example, treat ~ age + beck + ndrugtx + ivhx + race + site.
"""

from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol, read_section
from iop_outcomes.records.ingestion import read_records

EXAMPLE = files("iop_outcomes") / "protocol" / "examples" / "uis.yaml"


@pytest.fixture(scope="module")
def uis_road(shared):
    """Weighting and comparison of UIS for an estimand."""

    def walk(estimand):
        section = {**read_section(EXAMPLE, "protocol"), "estimand": estimand}
        protocol = parse_protocol(section, "protocol")
        cohort = assemble_cohort(read_records(shared / "data" / "uis", protocol), protocol)
        weighting = weight_cohort(cohort.persons, protocol)
        return weighting, compare(cohort, weighting, protocol)

    return walk


@pytest.fixture(scope="module")
def expected(shared):
    def row(case, estimator, estimand, term):
        table = pd.read_csv(shared / "reference" / "results" / f"{case}.csv", dtype={"term": "str"})
        found = table[
            table["estimator"].eq(estimator)
            & table["estimand"].eq(estimand)
            & table["term"].eq(term)
        ]
        assert len(found) == 1
        return found.iloc[0]

    return row


def relapse(comparison, method, measure):
    table = comparison.estimates.set_index(["outcome", "method", "measure"])
    return table.loc[("relapse", method, measure)]


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
def test_weighted_risks_of_relapse(uis_road, expected, estimand):
    """To 1e-6, WeightIt's own convergence; the intervals are Wald's on both sides."""
    _, comparison = uis_road(estimand)
    for measure, name, scale in (
        ("risk_difference", "RD [M-estimation]", lambda value: value),
        ("risk_ratio", "logRR [M-estimation]", np.log),
    ):
        ours = relapse(comparison, "iptw", measure)
        theirs = expected(
            "a05c_uis_treat_weighted_outcomes", f"IPTW {estimand}; outcome y180", name, "treat"
        )
        assert ours["std_error"] == pytest.approx(theirs["std_error"], rel=1e-6)
        for column, limit in (
            ("estimate", "estimate"),
            ("conf_low", "ci_low"),
            ("conf_high", "ci_high"),
        ):
            assert scale(ours[column]) == pytest.approx(theirs[limit], rel=1e-6)


def test_unadjusted_restricted_means(uis_road, expected):
    """survRM2: rmst2(time, event, treat, tau=180)."""
    _, comparison = uis_road("ATE")
    ours = relapse(comparison, "unadjusted", "rmst_difference")
    theirs = expected("a04_uis_rmst", "RMST", "RMST difference", "arm1-arm0;tau=180")
    for column, limit in (
        ("estimate", "estimate"),
        ("std_error", "std_error"),
        ("conf_low", "ci_low"),
        ("conf_high", "ci_high"),
    ):
        assert ours[column] == pytest.approx(theirs[limit], rel=1e-9)


def test_weighted_restricted_means(uis_road, expected):
    """survival: weighted survfit. Its error takes the weights as known, ours does not."""
    _, comparison = uis_road("ATE")
    case = "a05e_uis_treat_weighted_survival"
    theirs = expected(case, "weighted RMST ATE", "RMST difference", "arm1-arm0;tau=180")
    ours = relapse(comparison, "iptw", "rmst_difference")
    assert ours["estimate"] == pytest.approx(theirs["estimate"], rel=1e-8)
    assert ours["std_error"] < theirs["std_error"]


def test_median_days_to_relapse(uis_road):
    """survival: quantile(survfit(Surv(time, event) ~ treat), 0.5)."""
    arms = uis_road("ATE")[1].arms.query("outcome == 'relapse' and method == 'unadjusted'")
    medians = arms.set_index("arm")["median_days"]
    assert medians.to_dict() == {"intervention": 201.5, "comparator": 142.0}


def test_balance_of_every_covariate(uis_road, expected):
    """cobalt: bal.tab(weightit, estimand='ATE', binary='std')."""
    weighting, _ = uis_road("ATE")
    rows = weighting.balance.fillna({"level": ""}).set_index(["covariate", "level"])
    for ours, theirs in {
        ("age_years", ""): "age",
        ("beck", ""): "beck",
        ("prior_treatments", ""): "ndrugtx",
        ("injecting", "never"): "ivhx_1",
        ("injecting", "previous"): "ivhx_2",
        ("injecting", "recent"): "ivhx_3",
        ("race", "non-white"): "race",
        ("programme", "B"): "site",
    }.items():
        for column, stage in (("smd_before", "unadjusted"), ("smd_after", "adjusted")):
            smd = expected("a05b_uis_treat_balance", "balance ATE", f"SMD, {stage}", theirs)
            assert rows.loc[ours, column] == pytest.approx(smd["estimate"], rel=1e-8)


def test_effective_sample_sizes(uis_road, expected):
    """R: sum(w)^2 / sum(w^2) by arm."""
    case = "a05a_uis_treat_propensity_weights"
    sizes = uis_road("ATO")[0].sample_size.set_index("arm")["effective"]
    for arm, term in (("intervention", "treat=1"), ("comparator", "treat=0")):
        theirs = expected(case, "weights ATO", "ESS", term)
        assert sizes[arm] == pytest.approx(theirs["estimate"], rel=1e-8)
