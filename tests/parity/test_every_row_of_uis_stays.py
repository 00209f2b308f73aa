"""Completion, retention and days in care of UIS: every row of a08 that is no curve; those are in
test_every_row_of_uis_curves.

R 4.2.2 with sandwich 3.0-2 and MASS 7.3-58.2.
"""

from functools import cache

import numpy as np
from scipy import stats

from iop_outcomes.statistics.clusters.cluster_robust import (
    ClusterCorrection,
    cluster_robust_regression,
)
from iop_outcomes.statistics.effects.weighted_risks import unadjusted_risks
from iop_outcomes.statistics.weighting.propensity import fit_propensity

COVARIATES = ["age", "beck", "ndrugtx", "ivhx2", "ivhx3", "race", "site"]
OLS = "an error for one variance of everybody is not offered; ours are robust (HC0 below)"


def test_retention(uis_people, every_row, numbers):
    people, treated = uis_people, uis_people["treat"] == 1
    names = ["(Intercept)", "treat", *COVARIATES]
    design = np.column_stack([np.ones(len(people)), people["treat"], people[COVARIATES]])
    n, columns = design.shape

    def logistic(outcome, log, term):
        fit, place = fit_propensity(people[outcome], design), names.index(term)
        error = np.sqrt(fit.covariance[place, place])
        return {"estimate": fit.coefficients[place], "std_error": error, "exp": not log}

    @cache
    def linear(error):
        correction = {"HC2": ClusterCorrection.CR2, "HC3": ClusterCorrection.CV3}
        return cluster_robust_regression(
            people["los"], design, np.arange(n), correction.get(error, ClusterCorrection.CR0)
        )

    def days(term, error=None):
        """CV3 of single people is HC3 but for (n - 1)/n; HC1 has n/(n - k)."""
        fit, place = linear(error), names.index(term)
        factor = {"HC1": n / (n - columns), "HC3": n / (n - 1)}.get(error, 1.0)
        estimate = {"estimate": fit.coefficients[place]}
        if error is None:
            return estimate | dict.fromkeys(("std_error", "ci_low", "ci_high", "p_value"), OLS)
        return estimate | {"std_error": np.sqrt(factor * fit.covariance[place, place])}

    def clustered_days(term, error):
        correction = {"HC0": ClusterCorrection.CR0, "HC1": ClusterCorrection.CR1S}[error]
        fit, place = (
            cluster_robust_regression(people["los"], design, people["cl10"], correction),
            names.index(term),
        )
        error = np.sqrt(fit.covariance[place, place])
        return {"estimate": fit.coefficients[place], "std_error": error}

    def welch():
        """The influences of each arm's mean with n - 1, and Student's law with Welch's degrees."""
        risks = unadjusted_risks(people["los"], treated)
        parts = [
            (np.sum(influence**2) * size / (size - 1), size)
            for influence, size in (
                (risks.influence_intervention, treated.sum()),
                (risks.influence_comparator, (~treated).sum()),
            )
        ]
        variance = sum(part for part, _ in parts)
        law = stats.t(variance**2 / sum(part**2 / (size - 1) for part, size in parts))
        change, error = risks.intervention - risks.comparator, np.sqrt(variance)
        half = law.ppf(0.975) * error
        return {
            "estimate": change, "std_error": error, "ci_low": change - half,
            "ci_high": change + half, "p_value": 2 * law.sf(abs(change) / error),
        }  # fmt: skip

    def share(outcome, arm):
        risks = unadjusted_risks(people[outcome], treated)
        side = "intervention" if arm == "1" else "comparator"
        error = np.sqrt(np.sum(getattr(risks, f"influence_{side}") ** 2))
        wilson = "Wilson's limits of one proportion are not offered; ours are logit or log-log"
        return {
            "estimate": getattr(risks, side), "std_error": error, "ci_low": wilson,
            "ci_high": wilson,
        }  # fmt: skip

    linear_rows = "linear, length of stay"
    every_row(
        "a08_uis_retention",
        {
            r"proportion : (?P<outcome>\w+) : treat=(?P<arm>\d)": numbers(share),
            r"logistic, (?P<outcome>\w+) : (?P<log>log)?OR : (?P<term>.+)": numbers(logistic),
            rf"{linear_rows}(?:, (?P<error>HC\d))? : days : (?P<term>.+)": numbers(days),
            rf"{linear_rows}, cluster cl10 (?P<error>HC\d) : days : (?P<term>.+)": numbers(
                clustered_days
            ),
            r"Welch t test, length of stay : .*": numbers(welch),
        },
        {
            "negative binomial, length of stay : .*": "no model of counts of days is offered",
            "Wilcoxon rank sum, length of stay : .*": "no rank test of stays is offered",
        },
        part="others",
    )
