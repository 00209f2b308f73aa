"""Matching and subclassification of UIS: every row of a05f and a06f.

R 4.2.2 with MatchIt 4.7.1, cobalt 4.6.2, sandwich 3.0-2 and survival 3.5-3. Everything starts from
our own propensity score.
"""

from functools import cache

import numpy as np
from scipy import stats

from iop_outcomes.statistics.clusters.cluster_robust import ClusterCorrection
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.variance import Sandwich, coefficient_derivative
from iop_outcomes.statistics.effects.doubly_robust import standardized_risks
from iop_outcomes.statistics.effects.outcome_models import Link, fit_outcome_models
from iop_outcomes.statistics.matching.matched_effects import (
    Contrast,
    cluster_robust_error,
    matched_contrast,
    matched_means,
    weighted_means,
)
from iop_outcomes.statistics.matching.matching_sample import (
    Caliper,
    DistanceScale,
    matching_distance,
)
from iop_outcomes.statistics.matching.nearest_neighbour import (
    MatchingOrder,
    nearest_neighbour_matching,
)
from iop_outcomes.statistics.matching.subclassification import (
    stratified_difference,
    subclassification,
)
from iop_outcomes.statistics.weighting.balance import DENOMINATOR, standardized_mean_difference
from iop_outcomes.statistics.weighting.weights import effective_sample_size
from iop_outcomes.vocabulary import Estimand

CORRECTIONS = {"HC0": ClusterCorrection.CR0, "HC1": ClusterCorrection.CR1S}
CONTRASTS = {
    "RD": Contrast.DIFFERENCE,
    "difference": Contrast.DIFFERENCE,
    "RR": Contrast.LOG_RATIO,
    "OR": Contrast.LOG_ODDS_RATIO,
}
VARIANTS = {
    "nn_caliper": {},
    "nn_caliper_smallest": {"order": MatchingOrder.SMALLEST},
    "nn_caliper_data": {"order": MatchingOrder.DATA},
    "nn_caliper_closest": {"order": MatchingOrder.CLOSEST},
    "nn_nocaliper": {"caliper": None},
    "nn_caliper_replace": {"replacement": True},
    "nn_2to1_caliper": {"ratio": 2},
}


class Study:
    """Columns as cobalt names them, and Cox models of chosen people."""

    def __init__(self, uis):
        self.uis, self.treated = uis, uis.treated
        self.day, self.event = uis.table["time"].to_numpy(), uis.table["event"].to_numpy()
        self.columns = uis.columns | {
            f"ivhx_{level}": uis.table[f"ivhx{level}"].to_numpy() for level in (1, 2, 3)
        }

    def smd(self, column, weight, estimand):
        return {
            "estimate": standardized_mean_difference(
                column, self.treated, weight, DENOMINATOR[Estimand(estimand)]
            )
        }

    def robust_hazard_ratio(self, weight, sets, log):
        who = weight > 0
        fit = fit_cox(
            self.day[who], self.event[who], self.treated[who, None], weight=weight[who]
        )  # fmt: skip
        sandwich = Sandwich(cluster=None if sets is None else sets[who])
        covariance = sandwich.covariance(coefficient_derivative(fit), fit.weight)
        error = np.sqrt(covariance[0, 0])
        return {"estimate": fit.coefficients[0], "std_error": error, "exp": not log}

    def stratified_hazard_ratio(self, sets, log):
        who = sets >= 0
        fit = fit_cox(
            self.day[who], self.event[who], self.treated[who, None], stratum=sets[who]
        )  # fmt: skip
        error = np.sqrt(fit.covariance[0, 0])
        return {"estimate": fit.coefficients[0], "std_error": error, "exp": not log}


class Matched(Study):
    """Nearest-neighbour matching of one exposure."""

    def __init__(self, uis):
        super().__init__(uis)
        self.distance = matching_distance(uis.fit.probability, DistanceScale.LOGIT)
        self.columns["distance"] = self.distance
        self.found = cache(self._found)

    def _found(self, variant):
        options = {"caliper": Caliper(0.2), **VARIANTS.get(variant, {})}
        if variant == f"nn_caliper_exact_{self.uis.other}":
            options["stratum"] = self.uis.table[self.uis.other]
        return nearest_neighbour_matching(self.treated, self.distance, **options)

    def size(self, variant, what):
        found = self.found(variant)
        sizes = {
            "matched treated": np.unique(found.treated).size,
            "matched control": np.unique(found.control).size,
            "unmatched treated": found.unmatched_treated,
            "unmatched control": found.unmatched_control,
            "ESS control": effective_sample_size(found.weight[~self.treated]),
            "SD of logit PS (all units)": self.found("nn_caliper").caliper_width / 0.2,
            "caliper width on logit PS": found.caliper_width,
            "mean pair distance": found.distance.mean(),
            "max pair distance": found.distance.max(),
            "sum of pair distances": found.distance.sum(),
        }
        return {"estimate": sizes[what]}

    def balance(self, variant, stage, term):
        weight = self.found(variant).weight if stage == "adjusted" else np.ones(self.treated.size)
        return self.smd(self.columns[term], weight, "ATT")

    def effect(self, variant, y, measure, correction, log=None):
        means = matched_means(self.uis.values(y), self.treated, self.found(variant))
        contrast = matched_contrast(means, CONTRASTS[measure])
        error = cluster_robust_error(contrast, CORRECTIONS[correction])
        ratio = measure in ("RR", "OR") and not log
        return {"estimate": contrast.estimate, "std_error": error, "exp": ratio}

    def paired(self, variant, y):
        """The paired t error is CR1 of pairs."""
        means = matched_means(self.uis.values(y), self.treated, self.found(variant))
        contrast = matched_contrast(means, Contrast.DIFFERENCE)
        error = cluster_robust_error(contrast, ClusterCorrection.CR1)
        return {"estimate": contrast.estimate, "std_error": error}

    def standardized(self, variant, y):
        """One outcome model an arm in the matched sample, averaged over its treated."""
        weight = self.found(variant).weight
        link = Link.IDENTITY if y == "los" else Link.LOGIT
        models = fit_outcome_models(
            self.uis.values(y), self.treated, self.uis.design, link, weight=weight
        )
        risks = standardized_risks(
            self.treated, models, Estimand.ATT, weight=(weight > 0).astype(float)
        )
        return {"estimate": risks.intervention - risks.comparator}

    def discordant(self, variant, y):
        """Rows of the pairs of whom one has the outcome, those whose treated has it first."""
        found, outcome = self.found(variant), self.uis.values(y) == 1
        one, other = outcome[found.treated], outcome[found.control]
        return {"treated": np.flatnonzero(one & ~other), "control": np.flatnonzero(~one & other)}

    def conditional(self, variant, y):
        """Conditional logistic regression: Cox's likelihood of one day, stratified by pair. Pairs
        alike in the outcome say nothing.
        """
        found = self.found(variant)
        pair = np.concatenate(list(self.discordant(variant, y).values()))
        who = np.concatenate([found.treated[pair], found.control[pair]])
        return fit_cox(
            np.ones(who.size), self.uis.values(y)[who], self.treated[who, None],
            stratum=np.tile(pair, 2),
        )  # fmt: skip

    def conditional_odds_ratio(self, variant, y, log):
        fit = self.conditional(variant, y)
        error = np.sqrt(fit.covariance[0, 0])
        return {"estimate": fit.coefficients[0], "std_error": error, "exp": not log}

    def mcnemar(self, variant, y):
        statistic = self.conditional(variant, y).score_statistic
        return {"estimate": statistic, "p_value": stats.chi2.sf(statistic, 1)}

    def exact_mcnemar(self, variant, y):
        count = [pairs.size for pairs in self.discordant(variant, y).values()]
        return {"p_value": stats.binomtest(count[0], sum(count)).pvalue}

    def hazard_ratio(self, variant, how, log):
        found = self.found(variant)
        if how == "stratified on":
            return self.stratified_hazard_ratio(found.matched_set, log)
        return self.robust_hazard_ratio(found.weight, found.matched_set, log)


class Subclassed(Study):
    """Five subclasses of the propensity score."""

    def __init__(self, uis):
        super().__init__(uis)
        self.columns["distance"] = uis.fit.probability
        self.found = cache(self._found)

    def _found(self, estimand):
        return subclassification(self.treated, self.uis.fit.probability, Estimand(estimand), 5)

    def count(self, estimand, arm, k):
        found = self.found(estimand)
        return {"estimate": (found.treated if arm == "1" else found.control)[int(k) - 1]}

    def cut_point(self, estimand, k):
        return {"estimate": self.found(estimand).cut_points[int(k) - 1]}

    def size(self, estimand, arm):
        weight = self.found(estimand).weight[self.treated == (arm == "1")]
        return {"estimate": effective_sample_size(weight)}

    def balance(self, estimand, term):
        return self.smd(self.columns[term], self.found(estimand).weight, estimand)

    def stratified(self, estimand, y, k=None):
        """Variances of days divide by n - 1, of risks by n."""
        found = stratified_difference(
            self.uis.values(y), self.treated, self.found(estimand).subclass, Estimand(estimand),
            unbiased=y == "los",
        )  # fmt: skip
        if k is None:
            return {"estimate": found.estimate, "std_error": found.std_error}
        place = int(k) - 1
        return {"estimate": found.within[place], "std_error": found.within_std_error[place]}

    def weighted(self, estimand, y):
        """Marginal mean weighting through stratification: everyone their own cluster."""
        means = weighted_means(
            self.uis.values(y), self.treated, self.found(estimand).weight,
            np.arange(self.treated.size),
        )  # fmt: skip
        contrast = matched_contrast(means, Contrast.DIFFERENCE)
        error = cluster_robust_error(contrast, ClusterCorrection.CR0)
        return {"estimate": contrast.estimate, "std_error": error}

    def hazard_ratio(self, estimand, how, log):
        found = self.found(estimand)
        if how == "Cox stratified on subclass":
            return self.stratified_hazard_ratio(found.subclass, log)
        return self.robust_hazard_ratio(found.weight, None, log)


def test_matching(uis_exposure, every_row, numbers):
    uis = uis_exposure
    pairs, strata = Matched(uis), Subclassed(uis)
    name = r"MatchIt (?P<variant>nn_\w+)"
    of = rf"{name}; outcome (?P<y>\w+)"
    five = r"MatchIt subclassification 5, (?P<estimand>AT[ET])"
    of_five = rf"{five}; outcome (?P<y>\w+)"
    change = r"(?:RD|difference)"
    every_row(
        f"{uis.case}f_uis_{uis.name}_matching",
        {
            rf"{name} : (?P<what>(?!SMD).+) : ": numbers(pairs.size),
            rf"{name} : SMD, (?P<stage>\w+) : (?P<term>\w+)": numbers(pairs.balance),
            rf"{of} : (?P<log>log)?(?P<measure>RD|RR|OR|difference) \[cluster (?P<correction>\w+)\]"
            r" : \w+": numbers(pairs.effect),
            rf"{of} : {change} \[paired\] : \w+": numbers(pairs.paired),
            rf"{of} : {change} \[g-computation in matched sample\] : \w+": numbers(
                pairs.standardized
            ),
            rf"{of} : discordant pairs (?P<arm>\w+) only : \w+": numbers(
                lambda arm, **of: {"estimate": pairs.discordant(**of)[arm].size}
            ),
            rf"{of} : McNemar chisq : df=1": numbers(pairs.mcnemar),
            rf"{of} : McNemar exact : ": numbers(pairs.exact_mcnemar),
            rf"{of} : (?P<log>log)?conditional OR : \w+": numbers(pairs.conditional_odds_ratio),
            rf"{name}; Cox, (?P<how>cluster|stratified on) pair : (?P<log>log)?HR : \w+": numbers(
                pairs.hazard_ratio
            ),
            rf"{five} : n : \w+=(?P<arm>\d);subclass=(?P<k>\d)": numbers(strata.count),
            rf"{five} : PS cut point : q(?P<k>\d)": numbers(strata.cut_point),
            rf"{five} : ESS : \w+=(?P<arm>\d)": numbers(strata.size),
            rf"{five} : SMD, adjusted : (?P<term>\w+)": numbers(strata.balance),
            rf"{of_five} : within-subclass {change} : subclass=(?P<k>\d)": numbers(
                strata.stratified
            ),
            rf"{of_five} : {change} \[stratified\] : \w+": numbers(strata.stratified),
            rf"{of_five} : {change} \[MMWS, HC0\] : \w+": numbers(strata.weighted),
            rf"{five}; (?P<how>weighted Cox|Cox stratified on subclass) : (?P<log>log)?HR : \w+":
                numbers(strata.hazard_ratio),
        },
    )  # fmt: skip
