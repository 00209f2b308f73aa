"""Competing risks: every row of a10 (mgus2), a11 (Melanoma), and those of a09 (completion of care
competes with drop-out) that test_every_row_of_uis_curves and test_every_row_of_uis_cox leave.

R 4.2.2 with survival 3.5-3, cmprsk 2.2-11 and prodlim 2019.11.13.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.survival.competing_risks import cause_curves
from iop_outcomes.statistics.survival.curve_limits import Scale, limits
from iop_outcomes.statistics.survival.curves import restricted_mean, restricted_mean_derivative
from iop_outcomes.statistics.survival.fine_gray import fit_fine_gray
from iop_outcomes.statistics.survival.fine_gray_weights import CensoringRiskSet
from iop_outcomes.statistics.survival.gray_test import gray_test
from iop_outcomes.statistics.survival.restricted_means import time_lost, time_lost_derivative
from iop_outcomes.statistics.survival.risk_sets import risk_sets

AALEN = "cmprsk's cuminc has Aalen's variance, ours is Greenwood's type as survfit's and prodlim's"
OF_CRR = "on tied days crr's formula of the error is not the derivative of its estimate"
EFRON = "Fine-Gray with Efron's ties is not offered: crr has Breslow's, as we do"


class Causes:
    """People who leave by cause 1 or 2, or are censored, in groups of one column."""

    def __init__(self, table, day, cause, labels):
        self.day, self.cause, self.labels = day, cause, labels
        self.covariates = {name: np.asarray(column, float) for name, column in table.items()}
        self.group = next(iter(self.covariates))
        self.curves, self.fine_gray = cache(self._curves), cache(self._fine_gray)

    def members(self, level):
        return self.covariates[self.group] == int(level)

    def number(self, label):
        return self.labels.index(label) + 1

    def kind(self, label):
        """The causes, with the label's as the event."""
        return self.cause if self.number(label) == 1 else np.choose(self.cause, [0, 2, 1])

    def _curves(self, level):
        who = self.members(level)
        return cause_curves(self.day[who], self.cause[who])

    def incidence(self, label, level, t):
        curves, number = self.curves(level), self.number(label)
        at = np.searchsorted(curves.event_free.day, float(t), side="right") - 1
        if at < 0:
            return 0.0, 0.0
        error = np.sqrt(curves.incidence_influence(number).variance()[at])
        return curves.incidence[number].value[at], error

    def limited(self, label, level, t, scale="plain"):
        height, error = self.incidence(label, level, t)
        low, high = limits(height, error, scale=Scale(scale))
        return {"estimate": height, "std_error": error, "ci_low": low[0], "ci_high": high[0]}

    def by_cmprsk(self, label, level, t):
        height, error = self.incidence(label, level, t)
        return {"estimate": height, "std_error": error}

    def event_free(self, level, t):
        curves = self.curves(level)
        at = np.searchsorted(curves.event_free.day, float(t), side="right") - 1
        error = np.sqrt(curves.event_free_influence().variance()[at])
        return {"estimate": curves.event_free.value[at], "std_error": error}

    def mean_time(self, level, state, tau):
        """Event-free, or lost to a cause."""
        who, tau = self.members(level), float(tau)
        if state == "(s0)":
            sets = risk_sets(self.day[who], np.minimum(self.cause[who], 1))
            mean, slope = restricted_mean(sets, tau), restricted_mean_derivative(sets, tau)
        else:
            sets = risk_sets(self.day[who], self.kind(state)[who])
            mean, slope = time_lost(sets, tau), time_lost_derivative(sets, tau)
        return {"estimate": mean, "std_error": np.sqrt(np.sum(slope**2))}

    def gray(self, label):
        found = gray_test(self.day, self.kind(label), self.covariates[self.group])
        return {"estimate": found.statistic, "p_value": found.p_value}

    def table(self):
        return np.column_stack(list(self.covariates.values()))

    def cause_specific(self, label, log, term):
        fit = fit_cox(self.day, self.cause == self.number(label), self.table())
        place = list(self.covariates).index(term)
        error = np.sqrt(fit.covariance[place, place])
        return {"estimate": fit.coefficients[place], "std_error": error, "exp": not log}

    def _fine_gray(self, label, convention=CensoringRiskSet.AFTER_EVENTS):
        return fit_fine_gray(self.day, self.kind(label), self.table(), convention=convention)

    def by_finegray(self, label, log, term):
        """finegray and coxph take the censoring weights as known."""
        fit, place = self.fine_gray(label), list(self.covariates).index(term)
        error = np.sqrt(np.sum(fit.influence_weights_known[:, place] ** 2))
        return {"estimate": fit.coefficients[place], "std_error": error, "exp": not log}

    def by_crr(self, label, log, term):
        fit = self.fine_gray(label, CensoringRiskSet.WITH_EVENTS)
        place = list(self.covariates).index(term)
        error = np.sqrt(fit.covariance()[place, place])
        return {"estimate": fit.coefficients[place], "std_error": error, "exp": not log}

    def likelihood(self, label):
        return {"estimate": self.fine_gray(label, CensoringRiskSet.WITH_EVENTS).log_likelihood}

    def rows(self, numbers):
        of, label = r"\w+=(?P<level>\d);t=(?P<t>\d+)", r"(?P<label>\w+)"
        ratio = r"(?P<log>log)?HR : (?P<term>\w+)"
        survfit, finegray = "Aalen-Johansen survfit", "Fine-Gray finegray\\+coxph"
        return {
            rf"{survfit}, CI (?P<scale>[\w-]+) : CIF {label} : {of}": numbers(self.limited),
            rf"{survfit} : P\(event-free\) : {of}": numbers(self.event_free),
            rf"{survfit} : restricted mean time in state : \w+=(?P<level>\d), (?P<state>.+)"
            r";tau=(?P<tau>\d+)": numbers(self.mean_time),
            rf"cumulative incidence cmprsk : CIF {label} : {of}": numbers(
                self.by_cmprsk, rel_error=0.02, why=AALEN
            ),
            rf"Gray test : chisq, {label} : df=1": numbers(self.gray),
            rf"Aalen-Johansen prodlim : CIF {label} : {of}": numbers(self.limited),
            rf"cause-specific Cox, {label} : {ratio}": numbers(self.cause_specific),
            rf"{finegray}, {label}, ties breslow : {ratio}": numbers(self.by_finegray),
            rf"Fine-Gray crr, {label} : (?P<log>log)?sHR : (?P<term>\w+)": numbers(
                self.by_crr, rel=1e-6, rel_error=5e-4, why=OF_CRR
            ),
            rf"Fine-Gray crr, {label} : pseudo loglik : ": numbers(self.likelihood),
        }


def mgus2(folder):
    table = pd.read_csv(folder / "mgus2.csv")
    progressed = table["pstat"] == 1
    day = table["ptime"].where(progressed, table["futime"]).to_numpy()
    female = {"female": table["sex"] == "F", "age": table["age"]}
    return Causes(female, day, np.where(progressed, 1, 2 * table["death"]), ["pcm", "death"])


def melanoma(folder):
    table = pd.read_csv(folder / "Melanoma.csv")
    covariates = {"ulcer": table["ulcer"], "male": table["sex"]}
    covariates |= {"age": table["age"], "thickness": table["thickness"]}
    cause = table["status"].map({1: 1, 2: 0, 3: 2}).to_numpy()
    return Causes(covariates, table["time"].to_numpy(), cause, ["melanoma", "other"])


@pytest.mark.parametrize(
    ("file", "read"),
    [("a10_mgus2_competing_risks", mgus2), ("a11_melanoma_competing_risks", melanoma)],
)
def test_competing_risks(shared, every_row, numbers, file, read):
    causes = read(shared / "reference" / "data")
    every_row(file, causes.rows(numbers), {"Fine-Gray finegray.*, ties efron : .*": EFRON})


def test_drop_out_and_completion(uis_people, every_row, numbers):
    names = ["treat", "age", "beck", "ndrugtx", "race", "site"]
    causes = Causes(
        {name: uis_people[name] for name in names}, uis_people["los"].to_numpy(),
        np.where(uis_people["completed"] == 1, 2, 1), ["dropout", "completion"],
    )  # fmt: skip
    every_row(
        "a09_uis_dropout_competing",
        causes.rows(numbers),
        {"Fine-Gray finegray.*, ties efron : .*": EFRON},
        part="others",
    )
