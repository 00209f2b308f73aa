"""Survival, log-rank tests and restricted means in UIS: every row of a01, a02, a04, and the curves
of a08 (stays in care) and a09 (drop-out); test_every_row_of_uis_stays, test_every_row_of_uis_cox
and test_every_row_of_competing_risks have the others of these two.

R 4.2.2 with survival 3.5-3, survRM2 1.0-4 and sandwich 3.0-2.
"""

import re
from functools import cache, partial

import numpy as np
from scipy import stats

from iop_outcomes.statistics.cox.logrank import log_rank
from iop_outcomes.statistics.effects.outcome_models import Link, fit_regression
from iop_outcomes.statistics.survival.contrasts import difference, log_ratio, two_arms
from iop_outcomes.statistics.survival.curve_limits import (
    Scale,
    greenwood_variance,
    limits,
    quantile_limits,
)
from iop_outcomes.statistics.survival.curves import event_free_curve, quantile_day
from iop_outcomes.statistics.survival.pseudo_observations import Jackknife, pseudo_observations
from iop_outcomes.statistics.survival.restricted_means import (
    restricted_mean,
    restricted_mean_derivative,
    time_lost,
    time_lost_derivative,
)
from iop_outcomes.statistics.survival.risk_sets import numbers_at_risk, risk_sets

COVARIATES = ["age", "beck", "ndrugtx", "ivhx2", "ivhx3", "race", "site"]
SCALES = {"arcsin": Scale.ARCSINE}
NUMBERS = {
    "RMST": (restricted_mean, restricted_mean_derivative),
    "RMTL": (time_lost, time_lost_derivative),
}


class Curves:
    """Kaplan-Meier curves, and what is read from them, of people grouped by a column."""

    def __init__(self, people, day, event):
        self.people, self.day, self.event = people, people[day].to_numpy(), people[event].to_numpy()
        self.sets = cache(self._sets)

    def members(self, group):
        """The people of 'treat=1, site=0', or all."""
        who = np.ones(len(self.people), bool)
        for column, level in re.findall(r"(\w+)=(\d)", group):
            who &= (self.people[column] == int(level)).to_numpy()
        return who

    def _sets(self, group):
        who = self.members(group)
        return risk_sets(self.day[who], self.event[who])

    def height(self, group, t):
        sets = self.sets(group)
        at = np.searchsorted(sets.day, float(t), side="right") - 1
        return sets.event_free[at], np.sqrt(greenwood_variance(sets))[at]

    def survival(self, scale, group, t):
        height, error = self.height(group, t)
        low, high = limits(height, error, scale=SCALES.get(scale) or Scale(scale))
        return {"estimate": height, "std_error": error, "ci_low": low[0], "ci_high": high[0]}

    def quantile(self, scale, group, p):
        sets = self.sets(group)
        curve, error = event_free_curve(sets), np.sqrt(greenwood_variance(sets))
        ends = limits(curve.value, error, scale=SCALES.get(scale) or Scale(scale))
        low, high = quantile_limits(curve, *ends, float(p))
        return {"estimate": quantile_day(curve, float(p)), "ci_low": low, "ci_high": high}

    def at_risk(self, group, t):
        return {"estimate": numbers_at_risk([float(t)], self.day[self.members(group)])[0]}

    def events(self, group, t):
        sets = self.sets(group)
        return {"estimate": sets.events[sets.day <= float(t)].sum()}

    def mean(self, group, tau):
        sets = self.sets(group)
        error = np.sqrt(np.sum(restricted_mean_derivative(sets, float(tau)) ** 2))
        return {"estimate": restricted_mean(sets, float(tau)), "std_error": error}

    def change(self, one, other, t):
        (a, of_a), (b, of_b) = self.height(one, t), self.height(other, t)
        return {"estimate": a - b, "std_error": np.hypot(of_a, of_b)}

    def log_log_test(self, one, other, t):
        """Klein et al. (2007): both heights and errors are ours, the formula stands there."""
        (a, of_a), (b, of_b) = self.height(one, t), self.height(other, t)
        spread = np.hypot(of_a / (a * np.log(a)), of_b / (b * np.log(b)))
        statistic = ((np.log(-np.log(a)) - np.log(-np.log(b))) / spread) ** 2
        return {"estimate": statistic, "p_value": stats.chi2.sf(statistic, 1)}

    def rows(self, numbers):
        """Patterns of what R's survfit prints."""
        of = r"(?P<group>[^;]+);t=(?P<t>\d+)"
        scaled, pair = r"Kaplan-Meier, CI (?P<scale>[\w-]+)", r"(?P<one>.+) {} (?P<other>.+)"
        return {
            rf"{scaled} : S\(t\) : {of}": numbers(self.survival),
            rf"{scaled} : time quantile : (?P<group>[^;]+);p=(?P<p>[\d.]+)": numbers(
                self.quantile
            ),
            rf"Kaplan-Meier : number at risk : {of}": numbers(self.at_risk),
            rf"Kaplan-Meier : cumulative events : {of}": numbers(self.events),
            r"Kaplan-Meier : RMST : (?P<group>[^;]+);tau=(?P<tau>\d+)": numbers(self.mean),
            rf"Kaplan-Meier difference : S\(t\) difference : {pair.format('minus')};t=(?P<t>\d+)":
                numbers(self.change),
            rf"Kaplan-Meier difference, log-log test : chisq\(1\) : {pair.format('vs')}"
            r";t=(?P<t>\d+)": numbers(self.log_log_test),
        }  # fmt: skip

    def restricted(self, what, tau, arm="treat", side=None):
        one, other = two_arms(*NUMBERS[what], self.people[arm], self.day, self.event, float(tau))
        if side is not None:
            found = one if side == "1" else other
            return {"estimate": found.value, "std_error": found.std_error()}
        return one, other

    def restricted_difference(self, what, tau, arm="treat"):
        found = difference(*self.restricted(what, tau, arm))
        return {"estimate": found.value, "std_error": found.std_error()}

    def restricted_ratio(self, what, tau, arm="treat"):
        found = log_ratio(*self.restricted(what, tau, arm))
        return {"estimate": found.value, "std_error": found.std_error(), "exp": True}

    def rmst_rows(self, numbers, estimator="RMST", arm="treat"):
        """Patterns of what survRM2 prints."""
        both = r"arm1-arm0;tau=(?P<tau>\d+)"
        return {
            rf"{estimator} : (?P<what>RMST|RMTL) : arm(?P<side>\d);tau=(?P<tau>\d+)": numbers(
                partial(self.restricted, arm=arm)
            ),
            rf"{estimator} : (?P<what>RMST) difference : {both}": numbers(
                partial(self.restricted_difference, arm=arm)
            ),
            rf"{estimator} : (?P<what>RMST|RMTL) ratio : {both}": numbers(
                partial(self.restricted_ratio, arm=arm)
            ),
        }


def log_rank_rows(people, day, event, numbers):
    """Patterns of what survdiff prints of two groups or more, in strata or not."""

    @cache
    def test(group, stratum=None):
        column = {"ivhx": "iv"}
        within = None if stratum is None else people[column.get(stratum, stratum)]
        return log_rank(
            people[day], people[event], people[column.get(group, group)], stratum=within
        )

    def chi_squared(group, stratum):
        found = test(group, stratum)
        return {"estimate": found.statistic, "p_value": found.p_value}

    def counts(what, group, stratum, level):
        found = test(group, stratum)
        return {"estimate": getattr(found, what)[found.group == int(level)].item()}

    model = r"(?P<group>\w+)(?: \+ strata\((?P<stratum>\w+)\))?"
    return {
        rf"log-rank : chisq : {model};df=\d": numbers(chi_squared),
        rf"log-rank : (?P<what>observed|expected) : {model};\w+=(?P<level>\d).*": numbers(counts),
        rf"log-rank : variance of O-E, first group : {model}": numbers(
            lambda group, stratum: {"estimate": test(group, stratum).covariance[0, 0]}
        ),
    }


def test_kaplan_meier(uis_people, every_row, numbers):
    every_row("a01_uis_kaplan_meier", Curves(uis_people, "time", "event").rows(numbers))


def test_log_rank(uis_people, every_row, numbers):
    every_row(
        "a02_uis_logrank",
        log_rank_rows(uis_people, "time", "event", numbers),
        {"G-rho test, rho=1 : .*": "the log-rank test alone is offered, no G-rho family"},
    )


def test_restricted_means(uis_people, every_row, numbers):
    """Nobody is censored up to day 365, where survRM2's ANCOVA is a regression of days."""
    curves = Curves(uis_people, "time", "event")
    names = ["intercept", "arm", *COVARIATES]
    design = np.column_stack(
        [np.ones(len(uis_people)), uis_people["treat"], uis_people[COVARIATES]]
    )

    @cache
    def regression(what, link, tau):
        free = np.minimum(curves.day, float(tau))
        return fit_regression(free if what == "RMST" else float(tau) - free, design, link)

    def cells(fit, place, ratio=False):
        error = np.sqrt(np.sum(fit.influence[:, place] ** 2))
        return {"estimate": fit.coefficients[place], "std_error": error, "exp": ratio}

    def pseudo(term):
        values = pseudo_observations(
            restricted_mean, restricted_mean_derivative, curves.day, curves.event, 365,
            kind=Jackknife.INFINITESIMAL,
        )  # fmt: skip
        place = ["(Intercept)", "treat", *COVARIATES].index(term)
        return cells(fit_regression(values, design, Link.IDENTITY), place)

    early = r"tau=(?P<tau>180|365)"
    every_row(
        "a04_uis_rmst",
        {
            **curves.rmst_rows(numbers),
            **curves.rmst_rows(numbers, "RMST, exposure site", "site"),
            rf"RMST ANCOVA : RMST difference : arm1-arm0;{early}": numbers(
                lambda tau: cells(regression("RMST", Link.IDENTITY, tau), 1)
            ),
            rf"RMST ANCOVA : difference-model coefficient : (?P<term>\w+);{early}": numbers(
                lambda term, tau: cells(regression("RMST", Link.IDENTITY, tau), names.index(term))
            ),
            rf"RMST ANCOVA : (?P<what>RMST|RMTL) ratio : arm1-arm0;{early}": numbers(
                lambda what, tau: cells(regression(what, Link.LOG, tau), 1, ratio=True)
            ),
            r"RMST pseudo-observation regression : .* : (?P<term>.+);tau=365": numbers(pseudo),
        },
        {
            "RMST ANCOVA : .*tau=540":
                "no regression of restricted means weighted for censoring (Tian 2014) is offered; "
                "pseudo-observations are",
        },
    )  # fmt: skip


def test_stays(uis_people, every_row, numbers):
    people = uis_people.assign(out=1)
    every_row(
        "a08_uis_retention",
        {
            **Curves(people, "los", "out").rows(numbers),
            **log_rank_rows(people, "los", "out", numbers),
        },
        part="curves",
    )


def test_drop_out(uis_people, every_row, numbers):
    curves = Curves(uis_people, "ret_time", "dropout")
    every_row(
        "a09_uis_dropout_competing",
        {**curves.rows(numbers), **curves.rmst_rows(numbers)},
        part="curves",
    )
