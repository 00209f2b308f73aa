"""Matched pairs on the whole road: the example protocol of UIS finds what MatchIt finds.

R 4.2.2 with MatchIt 4.7.1: matchit(treat ~ age + beck + ndrugtx + ivhx + race + site, method =
"nearest", distance = "glm", link = "linear.logit", caliper = 0.2), then sandwich::vcovCL by pair.
"""

from dataclasses import replace
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import effects
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol, read_section
from iop_outcomes.records.ingestion import read_records

EXAMPLE = files("iop_outcomes") / "protocol" / "examples" / "uis.yaml"
CASE, CALIPER = "a05f_uis_treat_matching", "MatchIt nn_caliper"


@pytest.fixture(scope="module")
def matched(shared):
    section = read_section(EXAMPLE, "protocol")
    section["analysis"] = {**section["analysis"], "weighting": "nearest neighbours"}
    protocol = parse_protocol({**section, "estimand": "ATT"}, "protocol")
    cohort = assemble_cohort(read_records(shared / "data" / "uis", protocol), protocol)
    # Of equally near people the earlier row is taken, and R's rows are in the order of the numbers.
    by_number = cohort.persons.sort_values("person_id", key=lambda ids: ids.astype(int))
    cohort = replace(cohort, persons=by_number.reset_index(drop=True))
    weighting = weight_cohort(cohort.persons, protocol)
    return weighting, effects(cohort, weighting, protocol)


@pytest.fixture(scope="module")
def expected(shared):
    table = pd.read_csv(shared / "reference" / "results" / f"{CASE}.csv", dtype={"term": "str"})
    return table.fillna({"term": ""}).set_index(["estimator", "estimand", "term"])


def test_as_many_find_a_match(matched, expected):
    sizes = matched[0].sample_size.set_index("arm")
    for arm, name in (("intervention", "treated"), ("comparator", "control")):
        for ours, theirs in (
            (sizes.loc[arm, "unmatched"], f"unmatched {name}"),
            (sizes.loc[arm, "effective"], f"matched {name}"),
        ):
            assert ours == expected.loc[(CALIPER, theirs, ""), "estimate"].item()


def test_covariates_are_as_alike_in_the_pairs(matched, expected):
    """Theirs divide by the standard deviation of the treated, ours by the pooled one."""
    rows = matched[0].balance.fillna({"level": ""}).set_index(["covariate", "level"])
    for ours, theirs in {
        ("age_years", ""): "age",
        ("beck", ""): "beck",
        ("prior_treatments", ""): "ndrugtx",
        ("injecting", "recent"): "ivhx_3",
        ("programme", "B"): "site",
    }.items():
        row = rows.loc[ours]
        own = {
            stage: expected.loc[(CALIPER, f"SMD, {stage}", theirs), "estimate"].item()
            for stage in ("unadjusted", "adjusted")
        }
        assert row["smd_after"] / row["smd_before"] == pytest.approx(
            own["adjusted"] / own["unadjusted"], rel=1e-8
        )


def test_the_risk_difference_and_its_error_between_pairs(matched, expected):
    """Theirs is HC0 summed by pair; ours, CR1, is that times the root of G / (G - 1)."""
    rows = matched[1].query("outcome == 'relapse' and method == 'iptw'").set_index("measure")
    pairs = expected.loc[(CALIPER, "matched treated", ""), "estimate"].item()
    wider = np.sqrt(pairs / (pairs - 1))
    outcome = f"{CALIPER}; outcome y180"
    for measure, name, scale in (
        ("risk_difference", "RD [cluster HC0]", lambda value: value),
        ("risk_ratio", "logRR [cluster HC0]", np.log),
        ("odds_ratio", "logOR [cluster HC0]", np.log),
    ):
        theirs = expected.loc[(outcome, name, "treat")]
        assert scale(rows.loc[measure, "estimate"]) == pytest.approx(
            theirs["estimate"].item(), rel=1e-8
        )
        assert rows.loc[measure, "std_error"] == pytest.approx(
            theirs["std_error"].item() * wider, rel=1e-6
        )
