"""Curves, restricted means and competing risks of real people: against R's numbers."""

import re

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.survival.competing_risks import cause_curves, event_free_at
from iop_outcomes.statistics.survival.contrasts import difference, log_ratio, two_arms
from iop_outcomes.statistics.survival.curve_influence import event_free_influence
from iop_outcomes.statistics.survival.curve_limits import (
    Scale,
    greenwood_variance,
    limits,
    quantile_limits,
)
from iop_outcomes.statistics.survival.curves import (
    event_free_curve,
    event_free_derivative,
    quantile_day,
)
from iop_outcomes.statistics.survival.fine_gray import fit_fine_gray
from iop_outcomes.statistics.survival.fine_gray_weights import CensoringRiskSet
from iop_outcomes.statistics.survival.gray_test import gray_test
from iop_outcomes.statistics.survival.pseudo_observations import Jackknife, pseudo_observations
from iop_outcomes.statistics.survival.restricted_means import (
    restricted_mean,
    restricted_mean_derivative,
    time_lost,
    time_lost_derivative,
)
from iop_outcomes.statistics.survival.risk_sets import numbers_at_risk, risk_sets

SCALES = {
    "plain": Scale.PLAIN,
    "log": Scale.LOG,
    "log-log": Scale.LOG_LOG,
    "logit": Scale.LOGIT,
    "arcsin": Scale.ARCSINE,
}


@pytest.fixture(scope="module")
def vectors(shared):
    return lambda name: pd.read_csv(shared / "reference/results/vectors" / f"{name}.csv")


def told(term):
    """'treat=1, site=0;t=90' as a dictionary."""
    return {key: value for key, value in re.findall(r"(\w+)=([\w.]+)", term)}


def chosen(table, term):
    """The people of a stratum such as 'treat=1, site=0', or all."""
    who = np.ones(len(table), bool)
    for key, value in told(term).items():
        if key in ("treat", "site"):
            who &= (table[key.upper()] == int(value)).to_numpy()
    return who


def weighted_sets(uis, weight, who):
    return risk_sets(uis["TIME"][who], uis["CENSOR"][who], weight[who])


# Kaplan-Meier


@pytest.mark.parametrize("strata", ["1", "treat", "site", "treatsite"])
def test_kaplan_meier_of_uis_on_every_day(uis, vectors, strata):
    """survfit(Surv(time, event) ~ ..., conf.type='log-log'): every row of its curves."""
    for name, rows in vectors(f"uis_km_{strata}").groupby("stratum"):
        who = chosen(uis, name)
        sets = risk_sets(uis["TIME"][who], uis["CENSOR"][who])
        curve, error = event_free_curve(sets), np.sqrt(greenwood_variance(sets))
        lower, upper = limits(curve.value, error)
        at = np.searchsorted(sets.day, rows["time"])
        assert sets.at_risk[at].tolist() == rows["n_risk"].tolist()
        for ours, column in (
            (curve.value, "surv"),
            (error, "se_surv"),
            (lower, "lower_loglog"),
            (upper, "upper_loglog"),
        ):
            known = rows[column].notna().to_numpy()
            assert ours[at][known] == pytest.approx(rows[column][known].to_numpy(), rel=1e-9)


@pytest.mark.parametrize("name", list(SCALES))
def test_limits_and_quartiles_of_uis(uis, reference, name):
    """survfit(conf.type=...) and quantile() of it, overall and by arm."""
    case, estimator = "a01_uis_kaplan_meier", f"Kaplan-Meier, CI {name}"
    for term, row in reference(case, estimator, "S(t)").iterrows():
        who, until = chosen(uis, term), float(told(term)["t"])
        sets = risk_sets(uis["TIME"][who], uis["CENSOR"][who])
        at = np.searchsorted(sets.day, until, side="right") - 1
        height, error = sets.event_free[at], np.sqrt(greenwood_variance(sets))[at]
        ends = np.array(limits(height, error, scale=SCALES[name])).ravel()
        assert [height, error] == pytest.approx([row["estimate"], row["std_error"]], rel=1e-9)
        if not np.isnan(row["ci_low"]):
            assert ends == pytest.approx([row["ci_low"], row["ci_high"]], rel=1e-9)
    for term, row in reference(case, estimator, "time quantile").iterrows():
        who, share = chosen(uis, term), float(told(term)["p"])
        sets = risk_sets(uis["TIME"][who], uis["CENSOR"][who])
        curve = event_free_curve(sets)
        lower, upper = limits(curve.value, np.sqrt(greenwood_variance(sets)), scale=SCALES[name])
        ends = quantile_limits(curve, lower, upper, share)
        ours = [np.nan if day is None else day for day in (quantile_day(curve, share), *ends)]
        theirs = row[["estimate", "ci_low", "ci_high"]].to_numpy(float)
        assert ours == pytest.approx(theirs, nan_ok=True)


def test_differences_of_survival_between_arms(uis, reference):
    """Greenwood's errors in quadrature."""
    rows = reference("a01_uis_kaplan_meier", "Kaplan-Meier difference", "S(t) difference")
    for term, row in rows.iterrows():
        column = "TREAT" if term.startswith("treat") else "SITE"
        arms = two_arms(
            event_free_at, event_free_derivative, uis[column], uis["TIME"], uis["CENSOR"],
            float(told(term)["t"]),
        )  # fmt: skip
        between = difference(*arms)
        assert between.value == pytest.approx(row["estimate"], rel=1e-9)
        assert between.std_error() == pytest.approx(row["std_error"], rel=1e-9)


def test_retention_in_uis(uis, reference):
    """survfit(Surv(ret_time, dropout) ~ treat), and mean days in care up to 90 and 180."""
    planned = np.where(uis["TREAT"] == 1, 180, 90)
    rows = reference("a09_uis_dropout_competing", "Kaplan-Meier, CI log-log", "S(t)")
    left = (uis["LEN.T"] < planned).astype(int)
    day = np.minimum(uis["LEN.T"], planned)
    for term, row in rows.iterrows():
        who, until = chosen(uis, term), float(told(term)["t"])
        sets = risk_sets(day[who], left[who])
        at = np.searchsorted(sets.day, until, side="right") - 1
        error = np.sqrt(greenwood_variance(sets))[at]
        assert sets.event_free[at] == pytest.approx(row["estimate"], rel=1e-9)
        assert error == pytest.approx(row["std_error"], rel=1e-9)
    rows = reference("a08_uis_retention", "Kaplan-Meier", "RMST")
    for term, row in rows.iterrows():
        who, until = chosen(uis, term), float(told(term)["tau"])
        sets = risk_sets(uis["LEN.T"][who], np.ones(int(who.sum()), int))
        error = np.sqrt(np.sum(restricted_mean_derivative(sets, until) ** 2))
        assert restricted_mean(sets, until) == pytest.approx(row["estimate"], rel=1e-9)
        assert error == pytest.approx(row["std_error"], rel=1e-9)


# Weighted


@pytest.mark.parametrize("name", ["treat", "site"])
def test_weighted_kaplan_meier_on_every_day(uis, vectors, name):
    """survfit(weights=w_ATE, robust=TRUE, conf.type='log-log'): the infinitesimal jackknife."""
    weight = vectors(f"uis_{name}_ps_weights")["w_ATE"].to_numpy()
    for stratum, rows in vectors(f"uis_{name}_weighted_km_ATE").groupby("stratum"):
        who = chosen(uis, stratum)
        sets = weighted_sets(uis, weight, who)
        error = np.sqrt(event_free_influence(sets, weight[who]).variance())
        lower, upper = limits(sets.event_free, error)
        at = np.searchsorted(sets.day, rows["time"])
        at_risk = numbers_at_risk(rows["time"], uis["TIME"][who], weight[who])
        assert at_risk == pytest.approx(rows["n_risk"].to_numpy(), rel=1e-9)
        for ours, column in (
            (sets.event_free, "surv"),
            (error, "se_robust"),
            (lower, "lower_loglog"),
            (upper, "upper_loglog"),
        ):
            known = rows[column].notna().to_numpy()
            assert ours[at][known] == pytest.approx(rows[column][known].to_numpy(), rel=1e-8)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
def test_weighted_restricted_means(exposure, reference, vectors, estimand):
    """a05e, a06e: jackknife residuals of the weighted curve, weights treated as known."""
    case = f"{exposure.case}e_uis_{exposure.name}_weighted_survival"
    weight = vectors(f"uis_{exposure.name}_ps_weights")[f"w_{estimand}"].to_numpy()
    for term, row in reference(case, f"weighted RMST {estimand}", "RMST difference").iterrows():
        until = float(told(term)["tau"])
        arms = two_arms(
            restricted_mean, restricted_mean_derivative, exposure.treated, exposure.day,
            exposure.event, until, weight,
        )  # fmt: skip
        between = difference(*arms)
        assert between.value == pytest.approx(row["estimate"], rel=1e-8)
        assert between.std_error() == pytest.approx(row["std_error"], rel=1e-8)
        for arm, label in zip(arms, (1, 0), strict=True):
            of_arm = reference(case, f"weighted RMST {estimand}", "RMST").loc[
                f"{exposure.name}={label};tau={until:g}"
            ]
            assert arm.value == pytest.approx(of_arm["estimate"], rel=1e-8)
            assert arm.std_error() == pytest.approx(of_arm["std_error"], rel=1e-8)


# Restricted means and pseudo-observations


@pytest.mark.parametrize("until", [180, 365, 540])
def test_time_free_and_lost_their_differences_and_ratios(uis, reference, until):
    """survRM2 1.0.4 rmst2(time, event, treat, tau): ratios with limits on the log scale."""
    columns = uis["TREAT"], uis["TIME"], uis["CENSOR"], until
    arms = {
        "RMST": two_arms(restricted_mean, restricted_mean_derivative, *columns),
        "RMTL": two_arms(time_lost, time_lost_derivative, *columns),
    }
    for name, (one, other) in arms.items():
        rows = reference("a04_uis_rmst", "RMST", name)
        for arm, label in ((one, 1), (other, 0)):
            row = rows.loc[f"arm{label};tau={until}"]
            assert arm.value == pytest.approx(row["estimate"], rel=1e-9)
            assert arm.std_error() == pytest.approx(row["std_error"], rel=1e-9)
        row = reference("a04_uis_rmst", "RMST", f"{name} ratio").loc[f"arm1-arm0;tau={until}"]
        ratio = log_ratio(one, other)
        ours = np.exp([ratio.value, *ratio.interval(0.95)])
        theirs = row[["estimate", "ci_low", "ci_high"]].to_numpy(float)
        assert ours == pytest.approx(theirs, rel=1e-9)


def test_pseudo_observations_of_uis(uis, vectors):
    """survival::pseudo(survfit(Surv(time, event) ~ 1), times=365): infinitesimal. Nobody is
    censored before, so they are people's own outcomes and both kinds agree.
    """
    rows = vectors("uis_pseudo")
    for kind in Jackknife:
        for number, derivative, column in (
            (restricted_mean, restricted_mean_derivative, "pseudo_rmst365"),
            (event_free_at, event_free_derivative, "pseudo_surv365"),
        ):
            ours = pseudo_observations(
                number, derivative, uis["TIME"], uis["CENSOR"], 365, kind=kind
            )
            assert ours == pytest.approx(rows[column].to_numpy(), abs=1e-8)


# Competing risks


def mgus2(shared):
    table = pd.read_csv(shared / "reference/data/mgus2.csv")
    progressed = table["pstat"] == 1
    day = table["ptime"].where(progressed, table["futime"]).to_numpy()
    female = (table["sex"] == "F").to_numpy(int)
    covariates = {"female": female, "age": table["age"].to_numpy()}
    return day, np.where(progressed, 1, 2 * table["death"]), covariates


def melanoma(shared):
    table = pd.read_csv(shared / "reference/data/Melanoma.csv")
    cause = table["status"].map({1: 1, 2: 0, 3: 2}).to_numpy()
    covariates = {"ulcer": table["ulcer"], "male": table["sex"]}
    covariates |= {"age": table["age"], "thickness": table["thickness"]}
    return table["time"].to_numpy(), cause, {k: v.to_numpy() for k, v in covariates.items()}


def retention(shared):
    table = pd.read_csv(shared / "reference/data/uis.csv")
    planned = np.where(table["TREAT"] == 1, 180, 90)
    names = {"treat": "TREAT", "age": "AGE", "beck": "BECK", "ndrugtx": "NDT"}
    names |= {"race": "RACE", "site": "SITE"}
    covariates = {name: table[column].to_numpy() for name, column in names.items()}
    return table["LEN.T"].to_numpy(), np.where(table["LEN.T"] >= planned, 2, 1), covariates


STUDIES = [
    (mgus2, "a10_mgus2_competing_risks", "mgus2", ("pcm", "death")),
    (melanoma, "a11_melanoma_competing_risks", "melanoma", ("melanoma", "other")),
    (retention, "a09_uis_dropout_competing", "uis_retention", ("dropout", "completion")),
]


@pytest.mark.parametrize(("read", "case", "name", "labels"), STUDIES)
def test_aalen_johansen_on_every_day(shared, vectors, read, case, name, labels):
    """survfit with a factor status by group: probabilities and jackknife errors of every state."""
    day, cause, covariates = read(shared)
    first = next(iter(covariates))
    for stratum, rows in vectors(f"{name}_aalen_johansen").groupby("stratum"):
        who = covariates[first] == int(stratum.split("=")[1])
        curves = cause_curves(day[who], cause[who])
        assert curves.event_free.at(rows["time"]) == pytest.approx(rows["p_eventfree"], abs=1e-12)
        at = np.searchsorted(curves.event_free.day, rows["time"])
        for number, label in zip((1, 2), labels, strict=True):
            ours = curves.incidence[number].at(rows["time"])
            error = np.sqrt(curves.incidence_influence(number).variance())[at]
            assert ours == pytest.approx(rows[f"cif_{label}"].to_numpy(), rel=1e-10, abs=1e-14)
            theirs = rows[f"se_ij_{label}"].to_numpy()
            assert error == pytest.approx(theirs, rel=1e-8, abs=1e-9)


@pytest.mark.parametrize("scale", ["plain", "log", "log-log"])
@pytest.mark.parametrize(("read", "case", "name", "labels"), STUDIES)
def test_limits_of_incidences(shared, reference, read, case, name, labels, scale):
    """survfit(conf.type=...) of several states: limits are taken of each state's probability."""
    day, cause, covariates = read(shared)
    for number, label in zip((1, 2), labels, strict=True):
        rows = reference(case, f"Aalen-Johansen survfit, CI {scale}", f"CIF {label}")
        for term, row in rows.iterrows():
            (group, level), (_, until) = told(term).items()
            if group not in covariates or np.isnan(row["ci_low"]):
                continue
            who = covariates[group] == int(level)
            curves = cause_curves(day[who], cause[who])
            variance = curves.incidence_influence(number).variance()
            at = np.searchsorted(curves.event_free.day, float(until), side="right") - 1
            value, error = curves.incidence[number].value[at], np.sqrt(variance[at])
            ends = np.array(limits(value, error, scale=SCALES[scale])).ravel()
            assert ends == pytest.approx([row["ci_low"], row["ci_high"]], rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("read", "case", "name", "labels"), STUDIES)
def test_grays_test_of_real_people(shared, reference, read, case, name, labels):
    """cmprsk 2.2-11 cuminc()$Tests, rho=0."""
    day, cause, covariates = read(shared)
    group = covariates[next(iter(covariates))]
    for label, kind in zip(labels, (cause, np.choose(cause, [0, 2, 1])), strict=True):
        row = reference(case, "Gray test", f"chisq, {label}").iloc[0]
        test = gray_test(day, kind, group)
        assert test.statistic == pytest.approx(row["estimate"], rel=1e-9)
        assert test.p_value == pytest.approx(row["p_value"], rel=1e-9)


@pytest.mark.parametrize(("read", "case", "name", "labels"), STUDIES)
def test_fine_gray_of_real_people(shared, reference, read, case, name, labels):
    """cmprsk 2.2-11 crr; survival 3.5.3 finegray and coxph(ties='breslow', cluster=id).

    crr's own standard error differs from ours by less than 0.03%: see tests/parity, where its
    formula is written out and met exactly.
    """
    day, cause, covariates = read(shared)
    table = np.column_stack(list(covariates.values())).astype(float)
    for label, kind in zip(labels, (cause, np.choose(cause, [0, 2, 1])), strict=True):
        rows = reference(case, f"Fine-Gray crr, {label}", "logsHR").loc[list(covariates)]
        fit = fit_fine_gray(day, kind, table, convention=CensoringRiskSet.WITH_EVENTS)
        assert fit.coefficients == pytest.approx(rows["estimate"].to_numpy(), rel=1e-6)
        error = np.sqrt(np.diag(fit.covariance()))
        assert error == pytest.approx(rows["std_error"].to_numpy(), rel=5e-4)
        likelihood = reference(case, f"Fine-Gray crr, {label}", "pseudo loglik")["estimate"].item()
        assert fit.log_likelihood == pytest.approx(likelihood, rel=1e-9)
        estimator = f"Fine-Gray finegray+coxph, {label}, ties breslow"
        rows = reference(case, estimator, "logHR").loc[list(covariates)]
        fit = fit_fine_gray(day, kind, table)
        known = np.sqrt(np.sum(fit.influence_weights_known**2, axis=0))
        assert fit.coefficients == pytest.approx(rows["estimate"].to_numpy(), rel=1e-7)
        assert known == pytest.approx(rows["std_error"].to_numpy(), rel=1e-7)


def test_golden_numbers_of_mgus2(shared):
    """R 4.2.2: survfit, cuminc, crr(etime, event, cbind(female, age)) on survival::mgus2."""
    day, cause, covariates = mgus2(shared)
    women = covariates["female"] == 1
    curves = cause_curves(day[women], cause[women])
    at = [60, 120, 240]
    assert curves.incidence[1].at(at) == pytest.approx(
        [0.03978962150, 0.07388566438, 0.10494067419]
    )
    assert curves.incidence[2].at(at) == pytest.approx([0.2639651455, 0.4804900458, 0.6953078030])
    error = np.sqrt((curves.incidence_influence(1).at(at) ** 2).sum(axis=0))
    assert error == pytest.approx([0.007798334, 0.010769797, 0.014262957], abs=1e-9)
    assert gray_test(day, cause, women).statistic == pytest.approx(1.194507825, rel=1e-9)
    table = np.column_stack([women, covariates["age"]]).astype(float)
    fit = fit_fine_gray(day, cause, table, convention=CensoringRiskSet.WITH_EVENTS)
    assert fit.coefficients == pytest.approx([0.26003823788, -0.01733815349], rel=1e-7)
