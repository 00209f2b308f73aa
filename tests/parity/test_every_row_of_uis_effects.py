"""Weighted, modelled and doubly robust effects in UIS: every row of a05c, a05d, a06c, a06d, a07.

R 4.2.2 with survey 4.1-1, sandwich 3.0-2, WeightIt 1.5.1, PSweight 2.1.2, riskRegression
2022.11.28 and stdReg 3.4.2, and the reference's own R code.
"""

from functools import partial

import numpy as np
import pytest
from scipy import stats

from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.variance import coefficient_derivative, person_influences
from iop_outcomes.statistics.effects.doubly_robust import augmented_risks, standardized_risks
from iop_outcomes.statistics.effects.effect_measures import odds_ratio, risk_difference, risk_ratio
from iop_outcomes.statistics.effects.outcome_models import (
    Link,
    fit_outcome_models,
    fit_regression,
    known_outcomes,
)
from iop_outcomes.statistics.effects.risks import Risks, arm_weights, augmented_mean
from iop_outcomes.statistics.effects.weighted_risks import unadjusted_risks, weighted_risks
from iop_outcomes.statistics.estimating_equations import uncertainty
from iop_outcomes.statistics.survival.contrasts import difference, two_arms
from iop_outcomes.statistics.survival.restricted_means import (
    restricted_mean,
    restricted_mean_derivative,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity, fitted_weights
from iop_outcomes.vocabulary import Estimand

persons = partial(uncertainty, confidence_level=0.95)
MEASURES = {"RD": risk_difference, "RR": risk_ratio, "OR": odds_ratio}
PROGRAM = r"(?P<kind>unweighted|IPTW \w+); outcome (?P<y>y\d+)"
MODELS = r"(?P<models>one|separate) outcome models?"
MODELLED = rf"{MODELS}; outcome (?P<y>y\d+)"
CONTRAST = r"(?P<log>log)?(?P<measure>RD|RR|OR)"


def contrast(risks, measure, log=None, factor=1.0):
    """Our effect and its limits; `factor` of its error is another program's small-sample one."""
    found = MEASURES[measure](risks, lambda influence: persons(factor * influence))
    cells = {"estimate": found.estimate, "ci_low": found.lower, "ci_high": found.upper}
    if measure != "RD":
        middle = {name: np.log(value) for name, value in cells.items()}
        cells = middle if log else cells
        cells["p_value"] = 2 * stats.norm.sf(abs(middle["estimate"] / found.std_error))
    return cells if measure != "RD" and not log else cells | {"std_error": found.std_error}


def risk(risks, arm, factor=1.0):
    """One arm's risk with its limits on the plain scale."""
    side = "intervention" if arm == "1" else "comparator"
    error = persons(factor * getattr(risks, f"influence_{side}")).std_error
    return {"estimate": getattr(risks, side), "std_error": error}


class Weighted:
    """Weighted risks of one exposure; with `n` people some programs hold a factor of n."""

    def __init__(self, uis):
        self.uis, self.n = uis, uis.treated.size
        self.survey = np.sqrt(self.n / (self.n - 1))

    def weight(self, kind):
        return np.ones(self.n) if kind == "unweighted" else self.uis.weight(kind.split()[1])

    def risks(self, kind, y, estimated=False):
        outcome, treated = self.uis.values(y), self.uis.treated
        name = kind.split()[-1].removesuffix("stab")
        if kind == "unweighted" or "trim" in kind:
            return unadjusted_risks(outcome, treated, self.weight(kind))
        # An arm's share of the arm's weights stays where all are stabilised by one factor.
        propensity = self.uis.estimated if estimated else self.uis.known
        return weighted_risks(outcome, treated, propensity, Estimand(name))

    def risk(self, kind, y, arm):
        return risk(self.risks(kind, y), arm, self.survey)

    def contrast(self, kind, y, log, measure, error):
        factor = {"survey SE": self.survey, "HC1": np.sqrt(self.n / (self.n - 2))}.get(error, 1.0)
        risks = self.risks(kind, y, estimated=error == "M-estimation")
        if error in ("HC2", "HC3"):
            # The leverage in a regression on the arm alone is the share of the arm's weight.
            weight, arm = self.weight(kind), self.uis.treated
            share = weight / np.where(arm, weight[arm].sum(), weight[~arm].sum())
            factor = (1 - share) ** (-0.5 if error == "HC2" else -1.0)
        if error == "OLS":
            # One variance for both arms: the influences' squares, shared out by their sizes.
            sizes = np.where(self.uis.treated, self.uis.treated.sum(), (~self.uis.treated).sum())
            influence = risks.influence_intervention - risks.influence_comparator
            variance = np.sum((influence * sizes) ** 2) / (self.n - 2)
            spread = np.sqrt(variance * sum(1 / np.unique(sizes)))
            factor = spread / persons(influence).std_error
        return contrast(risks, measure, log, factor)

    def untreated_propensity(self, y):
        """Horvitz & Thompson: AIPW whose outcome model predicts nothing; sd/sqrt(n) has n - 1."""
        treated, nothing = self.uis.treated, known_outcomes(*np.zeros((2, self.n)))
        risks = augmented_risks(self.uis.values(y), treated, self.uis.known, nothing, Estimand.ATE)
        return contrast(risks, "RD", factor=self.survey)

    def psweight(self, kind, y, arm=None, log=None, measure=None):
        risks = weighted_risks(
            self.uis.values(y), self.uis.treated, self.uis.estimated, Estimand(kind)
        )
        return risk(risks, arm) if arm else contrast(risks, measure, log)

    def psweight_augmented(self, kind, y, arm=None, log=None, measure=None):
        """For the ATT PSweight averages over everyone tilted by e(x), ours over the treated: its
        definition is met from our parts (test_doubly_robust_agrees_with_r tells why ours is kept).
        """
        outcome, treated = self.uis.values(y), self.uis.treated
        models = fit_outcome_models(outcome, treated, self.uis.design, Link.LOGIT)
        if kind == "ATT":
            risks = self._tilted(outcome, models)
        else:
            risks = augmented_risks(
                outcome, treated, self.uis.estimated, models, Estimand(kind), normalised=True
            )
        return risk(risks, arm) if arm else contrast(risks, measure, log)

    def _tilted(self, outcome, models):
        propensity = self.uis.estimated
        weights = arm_weights(self.uis.treated, propensity, Estimand.ATT, np.ones(self.n))
        tilted = type(weights[0])(propensity.probability, propensity.gradient)
        means, influences = [], []
        for side, arm in zip((models.intervention, models.comparator), weights, strict=True):
            mean, own, by_propensity, by_outcome = augmented_mean(outcome, side, tilted, arm, True)
            means.append(mean)
            owed = propensity.influence @ by_propensity + models.influence @ by_outcome
            influences.append(own + owed)
        return Risks(*means, *influences)


def test_weighted_outcomes(uis_exposure, every_row, numbers):
    uis, found = uis_exposure, Weighted(uis_exposure)
    iterated = partial(numbers, rel=1e-6)
    psweight = r"PSweight (?P<kind>\w+); outcome (?P<y>y\d+)"
    augmented = r"PSweight augmented \(doubly robust\) (?P<kind>\w+); outcome (?P<y>y\d+)"
    every_row(
        f"{uis.case}c_uis_{uis.name}_weighted_outcomes",
        {
            rf"{PROGRAM} : risk \(Hajek\) : \w+=(?P<arm>\d)": numbers(found.risk),
            rf"{PROGRAM} : {CONTRAST} \[(?P<error>survey SE|HC\d|OLS)\] : \w+": numbers(
                found.contrast
            ),
            rf"{PROGRAM} : {CONTRAST} \[(?P<error>M-estimation)\] : \w+": iterated(found.contrast),
            r"IPTW ATE Horvitz-Thompson; outcome (?P<y>\w+) : RD \[plain\] : \w+": numbers(
                found.untreated_propensity
            ),
            rf"{psweight} : mean or risk : \w+=(?P<arm>\d)": iterated(found.psweight),
            rf"{psweight} : {CONTRAST} : \w+": iterated(found.psweight),
            rf"{augmented} : mean or risk : \w+=(?P<arm>\d)": iterated(found.psweight_augmented),
            rf"{augmented} : {CONTRAST} : \w+": iterated(found.psweight_augmented),
        },
    )


class Modelled:
    """G-computation and AIPW of one exposure."""

    def __init__(self, uis):
        self.uis, self.n = uis, uis.treated.size
        self.of_sd = np.sqrt(self.n / (self.n - 1))  # R's sd divides by n - 1

    def predicted(self, y, models):
        return fit_outcome_models(
            self.uis.values(y), self.uis.treated, self.uis.design, Link.LOGIT,
            pooled=models == "one",
        )  # fmt: skip

    def gcomp(self, y, models="one", estimand="ATE"):
        return standardized_risks(self.uis.treated, self.predicted(y, models), Estimand(estimand))

    def aipw(self, y, models="one", estimand="ATE", known=False, normalised=False):
        predicted = self.predicted(y, models)
        return augmented_risks(
            self.uis.values(y), self.uis.treated, self.uis.known if known else self.uis.estimated,
            predicted.known() if known else predicted, Estimand(estimand), normalised=normalised,
        )  # fmt: skip

    def horvitz_thompson(self, y):
        treated, nothing = self.uis.treated, known_outcomes(*np.zeros((2, self.n)))
        return augmented_risks(
            self.uis.values(y), treated, self.uis.estimated, nothing, Estimand.ATE
        )

    def stacked(self, method, y, models=None, arm=None, log=None, measure=None):
        if method == "IPW":
            risks = weighted_risks(
                self.uis.values(y), self.uis.treated, self.uis.estimated, Estimand.ATE
            )
        else:
            risks = {"AIPW": self.aipw, "gcomp": self.gcomp}[method](y, models)
        return risk(risks, arm) if arm else contrast(risks, measure, log)

    def known(self, models, y, estimand, arm=None, log=None, measure=None):
        risks = self.aipw(y, models, estimand, known=True)
        if arm:
            return risk(risks, "1" if arm == "treated" else "0", self.of_sd)
        return contrast(risks, measure, log, self.of_sd)

    def points(self, models, y, estimand=None, arm=None):
        """Points without an error."""
        if estimand is None:
            risks = self.aipw(y, models, normalised=True)
        else:
            risks = self.gcomp(y, models, estimand)
        if arm:
            return {"estimate": risks.intervention if arm == "treated" else risks.comparator}
        return {"estimate": risks.intervention - risks.comparator}

    def riskregression(self, method, y, arm=None, measure=None):
        """Its ratio has an error and limits on the plain scale, ours on the log scale."""
        risks = {
            "GFORMULA": self.gcomp, "AIPTW": self.aipw, "IPTW": self.horvitz_thompson
        }[method](y)  # fmt: skip
        if arm:
            return risk(risks, arm)
        if measure == "RD":
            return contrast(risks, "RD")
        found = risk_ratio(risks, persons)
        error = found.estimate * found.std_error
        return {"estimate": found.estimate, "std_error": error, "null": 1.0}

    def stdreg(self, y, arm=None, log=None, measure=None):
        risks = self.gcomp(y)
        return risk(risks, arm, self.of_sd) if arm else contrast(risks, measure, log, self.of_sd)

    def conditional(self, y, log, name, robust=None):
        design = np.column_stack([self.uis.design, self.uis.treated])
        link = Link.LOGIT if name == "logistic regression" else Link.LOG
        fit = fit_regression(self.uis.values(y), design, link)
        error = persons(fit.influence[:, -1]).std_error
        if not robust:
            # Maximum likelihood: the inverse information, which fit_propensity keeps.
            covariance = fit_propensity(self.uis.values(y), design).covariance
            error = np.sqrt(covariance[-1, -1])
        return {"estimate": fit.coefficients[-1], "std_error": error, "exp": not log}


def test_doubly_robust_outcomes(uis_exposure, every_row, numbers):
    uis, found = uis_exposure, Modelled(uis_exposure)
    stacked = rf"stacked M-estimation (?P<method>\w+) ATE(, {MODELS})?; outcome (?P<y>y\d+)"
    rr = r"riskRegression (?P<method>\w+) ATE; outcome (?P<y>y\d+)"
    stdreg = r"stdReg g-computation ATE; outcome (?P<y>y\d+)"
    aipw = rf"AIPW (?P<estimand>ATE|ATT), {MODELLED}"
    gcomp = rf"g-computation (?P<estimand>ATE|ATT), {MODELLED}"
    conditional = r"(?P<name>logistic regression|modified Poisson), adjusted; outcome (?P<y>y\d+)"
    every_row(
        f"{uis.case}d_uis_{uis.name}_doubly_robust",
        {
            rf"{stacked} : risk : \w+=(?P<arm>\d)": numbers(found.stacked),
            rf"{stacked} : {CONTRAST} : \w+": numbers(found.stacked),
            rf"{aipw} : risk or mean, (?P<arm>\w+) : \w+": numbers(found.known),
            rf"{aipw} : {CONTRAST} : \w+": numbers(found.known),
            rf"{gcomp} : risk or mean, (?P<arm>\w+) : \w+": numbers(found.points),
            rf"{gcomp} : RD : \w+;point": numbers(found.points),
            rf"AIPW ATE Hajek-normalised, {MODELLED} : RD : \w+;point": numbers(found.points),
            rf"{rr} : risk : \w+=(?P<arm>\d)": numbers(found.riskregression),
            rf"{rr} : (?P<measure>RD|RR) : \w+": numbers(found.riskregression),
            rf"{stdreg} : risk : \w+=(?P<arm>\d)": numbers(found.stdreg),
            rf"{stdreg} : {CONTRAST} : \w+": numbers(found.stdreg),
            rf"{conditional} : (?P<log>log)?(OR|RR)(?P<robust> \[HC0\])? : \w+": numbers(
                found.conditional
            ),
        },
    )


@pytest.mark.parametrize("uis_exposure", ["treat"], indirect=True)
def test_bootstrap(uis_exposure, every_row, numbers):
    """2 000 bootstraps, of which each error is known to about 1.6%: within 5%, as the mean of the
    replicates and the percentile limits are, which hold the bootstrap's own bias and noise.
    """
    uis, modelled, weighted = uis_exposure, Modelled(uis_exposure), Weighted(uis_exposure)
    day, event, weight = uis.table["time"], uis.table["event"], uis.weight("ATE")
    owed = fitted_weights(uis.fit, uis.treated, uis.design, Estimand.ATE)

    def risks(method, separate):
        models = "separate" if separate else "one"
        if method.startswith("iptw"):
            kind = f"IPTW {method[5:].upper()}"
            return contrast(weighted.risks(kind, "y365", estimated=True), "RD")
        return contrast(getattr(modelled, method)("y365", models), "RD")

    def hazard_ratio():
        fit = fit_cox(day, event, uis.treated[:, None], weight=weight)
        influence = person_influences(coefficient_derivative(fit), weight, estimated=owed)
        error = persons(influence[:, 0]).std_error
        return {"estimate": fit.coefficients[0], "std_error": error}

    def restricted_means():
        found = difference(
            *two_arms(
                restricted_mean, restricted_mean_derivative, uis.treated, day, event, 365, weight,
                estimated=owed,
            )
        )  # fmt: skip
        return {"estimate": found.value, "std_error": found.std_error()}

    boot, term = "nonparametric bootstrap, B=2000", "y365 / tau=365"
    roughly = partial(numbers, rel=0.05, rel_error=0.05, why="noise and bias of 2 000 draws")
    every_row(
        "a07_uis_bootstrap",
        {
            rf"{boot} : rd_crude : {term}": roughly(
                lambda: contrast(weighted.risks("unweighted", "y365"), "RD")
            ),
            rf"{boot} : (?P<method>iptw_at[eo]|gcomp|aipw)(?P<separate>_sep)?_rd : {term}": roughly(
                risks
            ),
            rf"{boot} : iptw_ate_loghr : {term}": roughly(hazard_ratio),
            rf"{boot} : iptw_ate_rmst365_diff : {term}": roughly(restricted_means),
        },
    )
