"""Propensity scores, weights and balance of UIS: every row of a05a, a05b, a06a and a06b.

R 4.2.2 glm (epsilon 1e-14), WeightIt 1.5.1, cobalt 4.6.2 and tableone 0.13.2.
"""

import numpy as np

from iop_outcomes.statistics.matching.matched_effects import weighted_means
from iop_outcomes.statistics.weighting.balance import (
    DENOMINATOR,
    mean_difference,
    standardized_mean_difference,
    variance_ratio,
)
from iop_outcomes.statistics.weighting.overlap import kolmogorov_smirnov
from iop_outcomes.statistics.weighting.weights import effective_sample_size
from iop_outcomes.vocabulary import Estimand

SUMMARIES = {
    "ESS": effective_sample_size,
    "sum": np.sum,
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "median": np.median,
    "sd": lambda w: np.std(w, ddof=1),
    "cv": lambda w: np.std(w, ddof=1) / np.mean(w),
    "q25": lambda w: np.quantile(w, 0.25),
    "q75": lambda w: np.quantile(w, 0.75),
}


def members(uis, term):
    """Everyone, or an arm written as treat=1."""
    return np.full(uis.treated.size, True) if term == "all" else uis.treated == int(term[-1])


def test_propensity_scores_and_weights(uis_exposure, every_row, numbers):
    uis, e = uis_exposure, uis_exposure.fit.probability

    def coefficient(term):
        place = list(uis.columns).index(term)
        error = np.sqrt(uis.fit.covariance[place, place])
        return {"estimate": uis.fit.coefficients[place], "std_error": error}

    def likelihood(what):
        share = uis.treated.mean()
        reached = np.log(np.where(uis.treated, e, 1 - e)).sum()
        alone = np.log(np.where(uis.treated, share, 1 - share)).sum()
        found = {
            "loglik": reached,
            "null deviance": -2 * alone,
            "residual deviance": -2 * reached,
            "AIC": -2 * reached + 2 * uis.design.shape[1],
            "C statistic": np.mean(np.sign(e[uis.treated][:, None] - e[~uis.treated]) + 1) / 2,
        }
        return {"estimate": found[what]}

    every_row(
        f"{uis.case}a_uis_{uis.name}_propensity_weights",
        {
            r"logistic propensity model : coefficient \(log OR\) : (?P<term>.+)": numbers(
                coefficient
            ),
            r"logistic propensity model : (?P<what>[^:(]+) : ": numbers(likelihood),
            r"propensity score : (?P<what>\w+) : (?P<term>.+)": numbers(
                lambda what, term: {"estimate": SUMMARIES[what](e[members(uis, term)])}
            ),
            r"weights (?P<kind>\w+) : (?P<what>\w+) : (?P<term>.+)": numbers(
                lambda kind, what, term: {
                    "estimate": SUMMARIES[what](uis.weight(kind)[members(uis, term)])
                }
            ),
        },
    )


class Balance:
    """Balance of one exposure, covariate by covariate as cobalt names them."""

    def __init__(self, uis):
        self.uis, self.arm = uis, uis.treated
        self.columns = uis.columns | {
            f"ivhx_{level}": uis.table[f"ivhx{level}"].to_numpy() for level in (1, 2, 3)
        }
        self.columns["prop.score"] = uis.fit.probability

    def weight(self, kind, stage):
        return self.uis.weight(kind) if stage == "adjusted" else np.ones(self.arm.size)

    def standardized(self, kind, stage, term):
        return {
            "estimate": standardized_mean_difference(
                self.columns[term], self.arm, self.weight(kind, stage),
                DENOMINATOR[Estimand(kind)], ruler_weight=self.uis.weight(kind),
            )
        }  # fmt: skip

    def measure(self, kind, what, stage, term):
        by_name = {
            "raw difference in proportions": mean_difference,
            "variance ratio": variance_ratio,
            "KS": kolmogorov_smirnov,
        }
        return {"estimate": by_name[what](self.columns[term], self.arm, self.weight(kind, stage))}

    def mean(self, kind, arm, stage, term):
        weight = self.weight(kind, stage)
        both = weighted_means(self.columns[term], self.arm, weight, np.arange(weight.size))
        return {"estimate": both.treated if arm == "1" else both.control}

    def variance(self, kind, arm, stage, term):
        """An arm's variance, as its ratio to that of two people with 0 and 1, which is known."""
        value, who = self.columns[term], self.arm == (arm == "1")
        binary = np.isin(value, (0, 1)).all()
        both = np.append(value[who], [0, 1])
        weight = np.append(self.weight(kind, stage)[who], [1, 1])
        ratio = variance_ratio(both, np.append(np.ones(who.sum(), bool), [False] * 2), weight)
        return ratio * (0.25 if binary else 0.5)

    def spread(self, kind, arm, stage, term):
        return {"estimate": np.sqrt(self.variance(kind, arm, stage, term))}

    def size(self, kind, stage, term):
        weight = self.weight(kind, stage.lower())
        return {"estimate": effective_sample_size(weight[self.arm == (term == "Treated")])}

    def tableone(self, kind, stage, term):
        """Our difference over the root of the mean of WEIGHTED variances, survey's of the days.

        svyvar divides by n - 1 for n whatever the weights are, our variance by the weights' own.
        """
        weight = self.weight(kind, stage)
        variances = []
        for arm in "01":
            found, w = self.variance(kind, arm, stage, term), weight[self.arm == (arm == "1")]
            if not np.isin(self.columns[term], (0, 1)).all():
                found *= (1 - np.sum(w**2) / np.sum(w) ** 2) * w.size / (w.size - 1)
            variances.append(found)
        change = mean_difference(self.columns[term], self.arm, weight)
        return {"estimate": abs(change) / np.sqrt(np.mean(variances))}


def test_balance(uis_exposure, every_row, numbers):
    uis, balance = uis_exposure, Balance(uis_exposure)
    stage = r"(?P<stage>\w+)"
    every_row(
        f"{uis.case}b_uis_{uis.name}_balance",
        {
            rf"balance (?P<kind>\w+) : SMD, {stage} : (?P<term>.+)": numbers(balance.standardized),
            rf"balance (?P<kind>\w+) : M\.(?P<arm>\d), {stage} : (?P<term>.+)": numbers(
                balance.mean
            ),
            rf"balance (?P<kind>\w+) : SD\.(?P<arm>\d), {stage} : (?P<term>.+)": numbers(
                balance.spread
            ),
            rf"balance (?P<kind>\w+) : (?P<what>raw [\w ]+|variance ratio|KS), {stage}"
            r" : (?P<term>.+)": numbers(balance.measure),
            rf"balance (?P<kind>\w+) : ESS table, {stage} : (?P<term>\w+)": numbers(balance.size),
            rf"balance (?P<kind>\w+), tableone : SMD \(absolute\), {stage} : (?P<term>(?!ivhx).+)":
                numbers(balance.tableone),
            rf"balance, tableone : SMD \(absolute\), {stage} : (?P<term>(?!ivhx).+)": numbers(
                lambda stage, term: balance.tableone("ATE", stage, term)
            ),
        },
        {
            r"balance.*, tableone : SMD \(absolute\), \w+ : ivhx":
                "tableone gives a factor one multivariate number (Yang & Dalton); ours has one "
                "for each level",
        },
    )  # fmt: skip
