"""Doubly robust and cluster-robust estimates: against what R made of simulated people.

`scripts/doubly_robust.R` makes both the people and the expected numbers (R 4.2.2, sandwich 3.0-2);
none of this needs R to run.
"""

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.clusters.cluster_robust import (
    ClusterCorrection,
    cluster_robust_regression,
)
from iop_outcomes.statistics.clusters.few_clusters import leave_one_cluster_out
from iop_outcomes.statistics.effects.doubly_robust import (
    augmented_risks,
    inverse_weighted_outcome_models,
    standardized_risks,
)
from iop_outcomes.statistics.effects.outcome_models import Link, fit_outcome_models
from iop_outcomes.statistics.effects.risks import estimated_propensity, known_propensity
from iop_outcomes.statistics.effects.targeted import targeted_risks
from iop_outcomes.statistics.effects.weighted_risks import weighted_risks
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.vocabulary import Estimand


@pytest.fixture(scope="module")
def people(root):
    return pd.read_csv(root / "tests" / "parity" / "data" / "doubly_robust.csv")


@pytest.fixture(scope="module")
def expected(root):
    table = pd.read_csv(root / "tests" / "parity" / "expected" / "doubly_robust.csv")

    def rows(method):
        found = table[table["method"] == method].set_index("term")
        assert len(found), method
        return found

    return rows


def nuisances(people):
    design = np.column_stack([np.ones(len(people)), people[["age", "severity", "housed"]]])
    treated, outcome = people["iop"].to_numpy(bool), people["relapse"].to_numpy(float)
    e = fit_propensity(treated, design).probability
    propensity = estimated_propensity(treated, e, design)
    predicted = fit_outcome_models(outcome, treated, design, Link.LOGIT)
    return outcome, treated, design, propensity, predicted


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
@pytest.mark.parametrize(
    "method", ["IPTW", "g-formula", "AIPW", "AIPW normalised", "TMLE", "IPWRA"]
)
def test_risks_agree_with_glm(people, expected, method, estimand):
    """R's glm (epsilon 1e-15) and the textbook sums; the TMLE is a quasibinomial glm of the
    outcome on an intercept, with the logit of the prediction as offset and balancing weights.
    """
    outcome, treated, design, propensity, predicted = nuisances(people)
    population = Estimand(estimand)
    if method == "IPTW":
        risks = weighted_risks(outcome, treated, propensity, population)
    elif method == "TMLE":
        risks = targeted_risks(outcome, treated, propensity, predicted, population)
    elif method.startswith("AIPW"):
        risks = augmented_risks(
            outcome, treated, propensity, predicted, population, normalised="normal" in method
        )
    else:
        if method == "IPWRA":
            predicted = inverse_weighted_outcome_models(
                outcome, treated, design, propensity, population, Link.LOGIT
            )
        risks = standardized_risks(treated, predicted, population, propensity=propensity)
    row = expected(f"{method} {estimand}")["estimate"]
    assert risks.intervention == pytest.approx(row["intervention"], rel=1e-8)
    assert risks.comparator == pytest.approx(row["comparator"], rel=1e-8)


def test_the_error_of_aipw_with_known_models_agrees_with_its_formula(people, expected):
    outcome, treated, _, propensity, predicted = nuisances(people)
    known = known_propensity(propensity.probability)
    risks = augmented_risks(outcome, treated, known, predicted.known(), Estimand.ATE)
    row = expected("AIPW ATE known").loc["difference"]
    change = risks.influence_intervention - risks.influence_comparator
    assert risks.intervention - risks.comparator == pytest.approx(row["estimate"], rel=1e-8)
    assert np.sqrt(np.sum(change**2)) == pytest.approx(row["std_error"], rel=1e-8)


def regression(people):
    design = np.column_stack([np.ones(len(people)), people[["iop", "age", "severity", "housed"]]])
    return people["days"], design, people["site"]


@pytest.mark.parametrize("correction", list(ClusterCorrection))
@pytest.mark.parametrize("weighted", ["unweighted", "weighted"])
def test_cluster_robust_errors_agree_with_r(people, expected, correction, weighted):
    """sandwich vcovCL of lm: CR0 is HC0 with cadjust FALSE, CR1 is HC0 with TRUE, CR1S is HC1.
    CR2 with its degrees of freedom, and CV3, are the script's dense formula and its refits.
    """
    rows = expected(f"{correction} {weighted}")
    weight = people["weight"] if weighted == "weighted" else None
    fit = cluster_robust_regression(*regression(people), correction, weight)
    assert fit.coefficients == pytest.approx(rows["estimate"].to_numpy(), rel=1e-10)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(
        rows["std_error"].to_numpy(), rel=1e-10
    )
    if correction is ClusterCorrection.CR2:
        assert fit.degrees_of_freedom == pytest.approx(rows["df"].to_numpy(), rel=1e-9)
    else:
        assert (fit.degrees_of_freedom == 13).all()


@pytest.mark.parametrize("correction", [ClusterCorrection.CR2, ClusterCorrection.CV3])
def test_cr2_and_the_jackknife_agree_with_sandwich(people, expected, correction):
    """vcovCL: CR2 is HC2 with cadjust TRUE, CV3 is HC3 with cadjust FALSE. Both hold a factor
    (G - 1)/G of its own, so that HC2 with cadjust FALSE is smaller than Bell & McCaffrey's.
    """
    fit = cluster_robust_regression(*regression(people), correction)
    assert np.sqrt(np.diag(fit.covariance)) == pytest.approx(
        expected(f"{correction} by sandwich")["std_error"].to_numpy(), rel=1e-10
    )


def test_cr2_with_an_intercept_for_every_site_agrees_with_the_formula(people, expected):
    """There a block of I - H is singular, and the root is a pseudo-inverse's."""
    rows = expected("CR2 fixed effects")
    sites = people["site"].to_numpy()[:, None] == np.unique(people["site"])
    design = np.column_stack([people[["iop", "age"]], sites])
    fit = cluster_robust_regression(people["days"], design, people["site"])
    assert np.sqrt(np.diag(fit.covariance))[:2] == pytest.approx(rows["std_error"], rel=1e-9)
    assert fit.degrees_of_freedom[:2] == pytest.approx(rows["df"], rel=1e-8)


def test_leaving_each_site_out_of_any_estimate_agrees_with_refits_in_r(people, expected):
    outcome, design, site = (np.asarray(part, float) for part in regression(people))

    def slope(kept):
        return np.linalg.lstsq(design[kept], outcome[kept])[0][1]

    left = leave_one_cluster_out(slope, site)
    row = expected("CV3 unweighted").loc["iop"]
    assert left.whole == pytest.approx(row["estimate"], rel=1e-10)
    assert left.uncertainty(0.95).std_error == pytest.approx(row["std_error"], rel=1e-9)
