"""Cox regression of UIS: every row of a03, and those of a09 (drop-out from care).

R 4.2.2, survival 3.5-3, `coxph(control = coxph.control(eps = 1e-11, iter.max = 60))`.
"""

from functools import cache

import numpy as np
from scipy import stats

from iop_outcomes.statistics.cox.curves import baseline_hazard, predicted_survival
from iop_outcomes.statistics.cox.proportional_hazards import (
    TimeTransform,
    proportional_hazards_test,
)
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.risk_sets import Ties
from iop_outcomes.statistics.cox.variance import (
    Sandwich,
    coefficient_derivative,
    robust_score_statistic,
    schoenfeld_residuals,
)
from iop_outcomes.statistics.survival.curve_limits import limits
from iop_outcomes.statistics.survival.curves import event_free_curve
from iop_outcomes.statistics.survival.risk_sets import risk_sets

MAIN = ["age", "beck", "ndrugtx", "ivhx3", "race", "treat", "site"]
MODELS = {
    "unadjusted": ["treat"],
    "main effects": MAIN,
    "stratified on site": ["age", "beck", "ndrugtx", "ivhx2", "ivhx3", "race", "treat"],
    "Hosmer-Lemeshow final": [
        "age", "beck", "nd1", "nd2", "ivhx3", "race", "treat", "site", "age:site", "race:site",
    ],
    "drop-out, unadjusted": ["treat"],
    "drop-out, adjusted": ["age", "beck", "ndrugtx", "ivhx2", "ivhx3", "race", "treat", "site"],
}  # fmt: skip
NO_CONCORDANCE = "Harrell's C is not offered: no decision in a comparison rests on it"


class Cox:
    """Cox models of one outcome, by the reference's names of them."""

    def __init__(self, people, day, event):
        self.people, self.day, self.event = people, people[day].to_numpy(), people[event].to_numpy()
        self.fitted = cache(self._fitted)

    def _fitted(self, model, ties):
        stratum = self.people["site"] if model == "stratified on site" else None
        return fit_cox(
            self.day, self.event, self.people[MODELS[model]], stratum=stratum, ties=Ties(ties)
        )

    def hazard_ratio(self, model, ties, term, log, how=None, cluster=None):
        fit, place = self.fitted(model, ties), MODELS[model].index(term)
        covariance = fit.covariance
        if how:
            sandwich = Sandwich(cluster=self.people[cluster] if cluster else None)
            covariance = sandwich.covariance(coefficient_derivative(fit), fit.weight)
        error = np.sqrt(covariance[place, place])
        return {"estimate": fit.coefficients[place], "std_error": error, "exp": not log}

    def test(self, model, ties, what, df):
        """R prints Wald's statistic to two decimals, and its p without them."""
        fit = self.fitted(model, ties)
        wald = fit.coefficients @ np.linalg.solve(fit.covariance, fit.coefficients)
        statistic = {
            "LR": 2 * (fit.log_likelihood - fit.log_likelihood_at_zero),
            "Wald": wald,
            "Score": fit.score_statistic,
            "robust score": robust_score_statistic(fit),
        }[what]
        shown = round(statistic, 2) if what == "Wald" else statistic
        return {"estimate": shown, "p_value": stats.chi2.sf(statistic, int(df))}

    def size(self, model, ties, what):
        fit = self.fitted(model, ties)
        sizes = {
            "partial loglik, null": fit.log_likelihood_at_zero,
            "partial loglik, model": fit.log_likelihood,
            "n": fit.weight.size,
            "events": fit.rows.event.sum(),
        }
        return {"estimate": sizes[what]}

    def baseline(self, model, ties, t):
        return {"estimate": float(baseline_hazard(self.fitted(model, ties)).at(float(t)))}

    def predicted(self, model, ties, profile, t):
        """Two people, one of each programme."""
        person = [30, 15, 3, 0, 0, int(profile) - 1, 0]
        found = predicted_survival(self.fitted(model, ties), [person], [float(t)])
        height, error = found.survival[0, 0], found.std_error[0, 0]
        low, high = limits(height, error)
        return {"estimate": height, "std_error": error, "ci_low": low[0], "ci_high": high[0]}

    def proportional(self, model, ties, transform, term, df):
        """cox.zph: the exact score test of survival 3.0 and later; a factor is one term."""
        names = ["ivhx" if name == "ivhx2" else name for name in MODELS[model] if name != "ivhx3"]
        if "ivhx2" not in MODELS[model]:
            names = MODELS[model]
        columns = [[MODELS[model].index(name)] for name in names if name != "ivhx"]
        if "ivhx" in names:
            columns.insert(names.index("ivhx"), [MODELS[model].index(f"ivhx{k}") for k in (2, 3)])
        found = self._zph(model, ties, transform, tuple(map(tuple, columns)))
        if term == "GLOBAL":
            statistic, p_value = found.overall_statistic, found.overall_p_value
        else:
            place = names.index(term)
            statistic, p_value = found.statistic[place], found.p_value[place]
        return {"estimate": statistic, "p_value": p_value}

    def _zph(self, model, ties, transform, terms):
        return proportional_hazards_test(
            self.fitted(model, ties), TimeTransform(transform), terms=terms
        )

    def approximated(self, model, ties, transform, term, df):
        """Grambsch & Therneau's first statistic, which we do not offer, from our residuals."""
        fit = self.fitted(model, ties)
        found = schoenfeld_residuals(fit)
        curve = event_free_curve(risk_sets(self.day, self.event))
        time = {
            "identity": lambda day: day,
            "rank": stats.rankdata,
            "log": np.log,
            "km": lambda day: 1 - curve.at(day - 0.5),
        }[transform](found.day)
        centred, events = time - time.mean(), time.size
        if term == "GLOBAL":
            along = centred @ found.residual
            statistic = events * (along @ fit.covariance @ along) / np.sum(centred**2)
        else:
            place = MODELS[model].index(term)
            along = (centred @ found.residual @ fit.covariance)[place] * events
            statistic = along**2 / (fit.covariance[place, place] * events * np.sum(centred**2))
        return {"estimate": statistic, "p_value": stats.chi2.sf(statistic, int(df))}

    def rows(self, numbers):
        cox = r"Cox (?P<model>.+), ties (?P<ties>efron|breslow)"
        ratio = r"(?P<log>log)?HR : (?P<term>.+)"
        tested = r"(?P<term>.+);df=(?P<df>\d+)"
        return {
            rf"{cox} : {ratio}": numbers(self.hazard_ratio),
            rf"{cox}, (?P<how>robust|cluster\((?P<cluster>\w+)\)) : {ratio}": numbers(
                self.hazard_ratio
            ),
            rf"{cox}(?:, robust)? : (?P<what>LR|Wald|Score|robust score) chisq : df=(?P<df>\d+)":
                numbers(self.test),
            rf"{cox} : (?P<what>partial loglik, \w+|n|events) : ": numbers(self.size),
            rf"{cox}, cox.zph (?P<transform>\w+) : PH score test chisq : {tested}": numbers(
                self.proportional
            ),
            rf"{cox}, Grambsch-Therneau approx (?P<transform>\w+) : PH approx chisq : {tested}":
                numbers(self.approximated),
        }  # fmt: skip

    def curve_rows(self, numbers):
        cox = r"Cox (?P<model>.+), ties (?P<ties>efron|breslow)"
        return {
            rf"{cox} : baseline cumulative hazard : t=(?P<t>\d+)": numbers(self.baseline),
            rf"{cox} : predicted S\(t\) : profile (?P<profile>\d);t=(?P<t>\d+)": numbers(
                self.predicted
            ),
        }


def test_cox(uis_people, every_row, numbers):
    cox = Cox(uis_people, "time", "event")
    every_row(
        "a03_uis_cox",
        {**cox.rows(numbers), **cox.curve_rows(numbers)},
        {"Cox .* : Harrell C : ": NO_CONCORDANCE},
    )


def test_drop_out(uis_people, every_row, numbers):
    every_row(
        "a09_uis_dropout_competing",
        Cox(uis_people, "ret_time", "dropout").rows(numbers),
        {"Cox .* : Harrell C : ": NO_CONCORDANCE},
        part="Cox",
    )
