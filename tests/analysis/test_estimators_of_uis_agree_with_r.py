"""G-computation, AIPW and TMLE of UIS on the whole road, against R."""

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


@pytest.fixture(scope="module")
def uis(shared):
    """UIS by programme length or by site (the other a covariate), with all three estimators."""
    section = read_section(files("iop_outcomes") / "protocol" / "examples" / "uis.yaml", "protocol")
    estimators = {"estimators": ["g-computation", "aipw", "tmle"]}
    found = {}
    for exposure in ("treat", "site"):
        analysis = dict(section["analysis"]) | estimators
        protocol = parse_protocol({**section, "analysis": analysis}, "protocol")
        cohort = assemble_cohort(read_records(shared / "data" / "uis", protocol), protocol)
        if exposure == "site":
            persons = cohort.persons
            long = persons["arm"].eq("intervention").astype(float)
            at_b = np.where(persons["programme"] == "B", "intervention", "comparator")
            cohort = replace(cohort, persons=persons.assign(arm=at_b, long_programme=long))
            terms = ("age_years", "beck", "prior_treatments", "injecting", "race", "long_programme")
            protocol = replace(protocol, analysis=replace(protocol.analysis, covariates=terms))
        weighting = weight_cohort(cohort.persons, protocol)
        found[exposure] = (
            effects(cohort, weighting, protocol)
            .set_index(["outcome", "method", "measure"])
            .sort_index()
            .loc["relapse"]
        )
    return found


@pytest.mark.parametrize(("exposure", "case"), [("treat", "a05d"), ("site", "a06d")])
@pytest.mark.parametrize(("method", "name"), [("aipw", "AIPW"), ("g_computation", "gcomp")])
def test_uis_agrees_with_stacked_equations_in_r(uis, shared, exposure, case, method, name):
    """The reference's own R code, one outcome model an arm: points to 1e-8, errors to 1e-6."""
    path = shared / "reference" / "results" / f"{case}_uis_{exposure}_doubly_robust.csv"
    table = pd.read_csv(path, dtype={"term": "str"})
    estimator = f"stacked M-estimation {name} ATE, separate outcome models; outcome y180"
    rows = table[table["estimator"] == estimator].set_index(["estimand", "term"])
    ours = uis[exposure].loc[method]
    for measure, theirs, scale in (
        ("risk_intervention", ("risk", f"{exposure}=1"), float),
        ("risk_comparator", ("risk", f"{exposure}=0"), float),
        ("risk_difference", ("RD", exposure), float),
        ("risk_ratio", ("logRR", exposure), np.log),
        ("odds_ratio", ("logOR", exposure), np.log),
    ):
        row = rows.loc[theirs]
        assert scale(ours.loc[measure, "estimate"]) == pytest.approx(row["estimate"], rel=1e-8)
        assert ours.loc[measure, "std_error"] == pytest.approx(row["std_error"], rel=1e-6)


@pytest.mark.parametrize("exposure", ["treat", "site"])
def test_tmle_of_uis_lies_near_aipw(uis, exposure):
    """No published package gives this TMLE; both are efficient, so they are near each other."""
    tmle, aipw = (uis[exposure].loc[name, "risk_difference"] for name in ("tmle", "aipw"))
    assert tmle["estimate"] == pytest.approx(aipw["estimate"], abs=0.01 * aipw["std_error"])
    assert tmle["std_error"] == pytest.approx(aipw["std_error"], rel=1e-3)
