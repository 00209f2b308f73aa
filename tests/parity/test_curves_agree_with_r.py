"""Curves, Gray's test and Fine-Gray against R, on 120 simulated people who share 21 days.

Made by scripts/curves.R with R 4.2.2, survival 3.5-3, cmprsk 2.2-11; no R is needed here.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from iop_outcomes.statistics.survival.competing_risks import cause_curves, event_free_at
from iop_outcomes.statistics.survival.curve_influence import (
    cumulative_hazard_influence,
    event_free_influence,
)
from iop_outcomes.statistics.survival.curve_limits import (
    Scale,
    greenwood_variance,
    limits,
    nelson_aalen_variance,
    quantile_limits,
)
from iop_outcomes.statistics.survival.curves import (
    cumulative_hazard,
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
from iop_outcomes.statistics.survival.risk_sets import risk_sets

CLOSED = {"rel": 1e-10, "abs": 1e-14}


@pytest.fixture(scope="module")
def people(root):
    return pd.read_csv(root / "tests/parity/data/curves.csv")


@pytest.fixture(scope="module")
def expected(root):
    table = pd.read_csv(root / "tests/parity/expected/curves.csv", dtype={"term": str})

    def rows(block, term):
        found = table[(table["block"] == block) & (table["term"] == term)]
        assert len(found), (block, term)
        return found

    return rows


def event_only(cause):
    return np.where(cause == 1, 1, 0)


def agrees(ours, theirs, days_left_out=None, **closeness):
    """Equal wherever R gives a number."""
    theirs = np.asarray(theirs, float)
    told = ~np.isnan(theirs)
    assert told.any()
    assert np.asarray(ours)[told] == pytest.approx(theirs[told], **(closeness or CLOSED))


# Kaplan-Meier and Nelson-Aalen


@pytest.mark.parametrize(
    ("name", "scale"),
    [
        ("plain", Scale.PLAIN),
        ("log", Scale.LOG),
        ("log-log", Scale.LOG_LOG),
        ("logit", Scale.LOGIT),
        ("arcsin", Scale.ARCSINE),
    ],
)
def test_kaplan_meier_with_greenwoods_error_and_five_kinds_of_limits(people, expected, name, scale):
    """survfit(Surv(day, event) ~ 1, conf.type=...), its cumhaz and std.chaz, and quantile()."""
    sets = risk_sets(people["day"], event_only(people["cause"]))
    curve = event_free_curve(sets)
    error = np.sqrt(greenwood_variance(sets))
    lower, upper = limits(curve.value, error, scale=scale)
    rows = expected(f"unweighted {name}", "survival")
    assert sets.day.tolist() == rows["day"].tolist()
    agrees(curve.value, rows["value"])
    agrees(error, rows["std_error"])
    agrees(lower, rows["lower"])
    agrees(upper, rows["upper"])
    rows = expected(f"unweighted {name}", "hazard")
    agrees(cumulative_hazard(sets).value, rows["value"])
    agrees(np.sqrt(nelson_aalen_variance(sets)), rows["std_error"])
    agrees(sets.at_risk, expected(f"unweighted {name}", "at risk")["value"])
    for row in expected(f"unweighted {name}", "quantile").itertuples():
        ends = quantile_limits(curve, lower, upper, row.day)
        ours = [np.nan if end is None else end for end in (quantile_day(curve, row.day), *ends)]
        assert ours == pytest.approx([row.value, row.lower, row.upper], nan_ok=True)


@pytest.mark.parametrize("block", ["weighted", "clustered", "delayed"])
def test_weighted_curves_with_robust_error(people, expected, block):
    """survfit(weights=, robust=TRUE), cluster=site, and Surv(entry, day, event) with id: the
    infinitesimal jackknife. R does not multiply the clusters' variance by G / (G - 1); we do.
    """
    weight = people["weight"].to_numpy()
    entry = people["entry"] if block == "delayed" else None
    cluster = people["site"] if block == "clustered" else None
    shrink = np.sqrt(5 / 6) if block == "clustered" else 1.0
    sets = risk_sets(people["day"], event_only(people["cause"]), weight, entry)
    rows = expected(block, "survival")
    curve = event_free_curve(sets)
    error = shrink * np.sqrt(event_free_influence(sets, weight).variance(cluster=cluster))
    lower, upper = limits(curve.value, error)
    agrees(curve.value, rows["value"])
    agrees(error, rows["std_error"])
    agrees(lower, rows["lower"])
    agrees(upper, rows["upper"])
    rows = expected(block, "hazard")
    influence = cumulative_hazard_influence(sets, weight)
    agrees(cumulative_hazard(sets).value, rows["value"])
    agrees(shrink * np.sqrt(influence.variance(cluster=cluster)), rows["std_error"])
    agrees(sets.at_risk, expected(block, "at risk")["value"])


# Aalen-Johansen


@pytest.mark.parametrize("block", ["unweighted", "weighted", "clustered", "delayed"])
def test_aalen_johansen_of_every_cause(people, expected, block):
    """survfit with a factor status: infinitesimal jackknife of every state's probability; with
    clusters, R's influence.pstate summed within them, see below.
    """
    weight = None if block == "unweighted" else people["weight"].to_numpy()
    entry = people["entry"] if block == "delayed" else None
    cluster = people["site"] if block == "clustered" else None
    shrink = np.sqrt(5 / 6) if block == "clustered" else 1.0
    curves = cause_curves(people["day"], people["cause"], weight, entry)
    states = {
        "(s0)": (curves.event_free, curves.event_free_influence()),
        "event": (curves.incidence[1], curves.incidence_influence(1)),
        "competing": (curves.incidence[2], curves.incidence_influence(2)),
    }
    for state, (curve, influence) in states.items():
        rows = expected(f"states {block}", state)
        agrees(curve.value, rows["value"])
        agrees(shrink * np.sqrt(influence.variance(cluster=cluster)), rows["std_error"])


def test_survfit_of_several_states_takes_clusters_and_does_not_use_them(people, expected):
    """survfit(Surv(day, state) ~ 1, cluster=site), survival 3.5-3: the error of single people.
    On day 1 the probability is a weighted mean, so its clustered error is known by hand.
    """
    weight = people["weight"].to_numpy()
    influence = cause_curves(people["day"], people["cause"], weight).incidence_influence(1)
    rows = expected("states cluster not used", "event")
    agrees(np.sqrt(influence.variance()), rows["std_error"])
    outcome = (people["day"] == 1) & (people["cause"] == 1)
    away = weight * (outcome - np.average(outcome, weights=weight)) / weight.sum()
    by_hand = np.sqrt(np.sum(away.groupby(people["site"]).sum() ** 2) * 6 / 5)
    ours = np.sqrt(influence.variance(cluster=people["site"]))
    assert ours[0] == pytest.approx(by_hand, rel=1e-12)
    assert abs(rows["std_error"].iloc[0] / by_hand - 1) > 0.02


# Restricted means


@pytest.mark.parametrize("tau", [10, 20])
def test_weighted_restricted_means_with_jackknife_error(people, expected, tau):
    """summary(survfit, rmean=tau) and residuals(survfit, times=tau, type="auc", weighted=TRUE)."""
    weight = people["weight"].to_numpy()
    single = risk_sets(people["day"], event_only(people["cause"]), weight)
    several = risk_sets(people["day"], people["cause"], weight)
    for term, number, derivative, sets in (
        ("restricted mean", restricted_mean, restricted_mean_derivative, single),
        ("time lost", time_lost, time_lost_derivative, several),
    ):
        row = expected("weighted", term).set_index("day").loc[tau]
        assert number(sets, tau) == pytest.approx(row["value"], rel=1e-10)
        error = np.sqrt(np.sum((weight * derivative(sets, tau)) ** 2))
        assert error == pytest.approx(row["std_error"], rel=1e-10)


@pytest.mark.parametrize("tau", [10, 20])
def test_the_weighted_error_that_survfit_prints_takes_weights_for_people(people, expected, tau):
    """se(rmean) of print(survfit) is Greenwood's plug-in with weighted counts: it is reproduced by
    counting weights as people, falls by the square root of two when all weights are doubled, and
    is not used. Here the sum of weights is 1.6 times the number of people.
    """
    row = expected("weighted", "restricted mean as printed").set_index("day").loc[tau]
    weight = people["weight"].to_numpy()

    def greenwood(scale):
        sets = risk_sets(people["day"], event_only(people["cause"]), scale * weight)
        return np.sqrt(np.sum(scale * weight * restricted_mean_derivative(sets, tau) ** 2))

    def robust(scale):
        sets = risk_sets(people["day"], event_only(people["cause"]), scale * weight)
        return np.sqrt(np.sum((scale * weight * restricted_mean_derivative(sets, tau)) ** 2))

    assert greenwood(1) == pytest.approx(row["std_error"], rel=1e-9)
    assert greenwood(2) == pytest.approx(greenwood(1) / np.sqrt(2), rel=1e-12)
    assert robust(2) == pytest.approx(robust(1), rel=1e-12)
    assert robust(1) > 1.2 * greenwood(1)


# Pseudo-observations


def test_both_kinds_of_pseudo_observations(people, root):
    """survival::pseudo is the infinitesimal kind; leave-one-out by refitting survfit 120 times."""
    table = pd.read_csv(root / "tests/parity/expected/curves_pseudo.csv")
    cause = event_only(people["cause"])
    for name, number, derivative, until in (
        ("survival", event_free_at, event_free_derivative, 10),
        ("restricted_mean", restricted_mean, restricted_mean_derivative, 20),
    ):
        for kind, told in (
            (Jackknife.INFINITESIMAL, "infinitesimal"),
            (Jackknife.LEAVE_ONE_OUT, "leave_one_out"),
        ):
            ours = pseudo_observations(number, derivative, people["day"], cause, until, kind=kind)
            assert ours == pytest.approx(table[f"{name}_{told}"], rel=1e-9, abs=1e-10)


# Gray's test


@pytest.mark.parametrize(
    ("block", "groups", "options"),
    [
        ("Gray two groups", "arm", {}),
        ("Gray six groups", "site", {}),
        ("Gray six groups, strata", "site", {"strata": "stratum"}),
        ("Gray two groups, rho 1", "arm", {"rho": 1.0}),
    ],
)
def test_grays_test(people, expected, block, groups, options):
    """cmprsk::cuminc(day, cause, group, strata, rho)$Tests, whose ties are corrected as here."""
    if "strata" in options:
        options = {"strata": people["stratum"]}
    for cause, kind in (("1", people["cause"]), ("2", np.choose(people["cause"], [0, 2, 1]))):
        row = expected(block, cause).iloc[0]
        test = gray_test(people["day"], kind, people[groups], **options)
        assert test.statistic == pytest.approx(row["value"], rel=1e-10)
        assert test.p_value == pytest.approx(row["upper" if "upper" in options else "lower"])


# Fine-Gray


def covariates(people):
    return people[["arm", "x"]].to_numpy(float)


def crr_variance(fit):
    """The variance that Fine and Gray (1999) write down and cmprsk::crr computes.

    eta + psi with psi = int q(u) / pi(u) dM_c(u), pi(u) the number under observation on day u, and
    q(u) summed over X < u <= t. On tied days this is not the derivative of the estimate, in which
    a censoring on day u moves the weights of X <= u on the days t > u, and by 1 / (n - c).
    """
    data = fit.follow_up
    day = data.sets.day
    x, cause = day[data.sets.position], data.sets.cause
    z, risk = data.design, np.exp(data.design @ fit.coefficients)
    before = data.seen.before[0]
    carried = (cause == 2)[:, None] & (x[:, None] < day)
    weights = np.where(carried, before / before[data.sets.position][:, None], 0.0)
    pull = (risk * z.T)[:, :, None] * weights * fit.hazard
    pull -= risk[:, None] * weights * (fit.hazard * fit.mean.T[:, None, :])
    psi = np.zeros_like(z)
    for u in day:
        q = pull[:, x < u][:, :, day >= u].sum(axis=(1, 2))
        under, lost = x >= u, (x == u) & (cause == 0)
        psi += np.outer(lost - under * lost.sum() / under.sum(), q / under.sum())
    own = fit.influence_weights_known @ fit.information
    influence = (own + psi) @ np.linalg.inv(fit.information)
    return np.sum(influence**2, axis=0)


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize("cause", [1, 2])
def test_fine_gray_with_crrs_convention(people, expected, cause, grouped):
    """cmprsk::crr(gtol=1e-13), cengroup for the groups. Coefficients, pseudo-likelihood and
    predicted incidence are the same. Its standard errors are those of the formula it uses, which
    on these tied days differ from the derivative of the estimate by up to 0.1%.
    """
    kind = people["cause"] if cause == 1 else np.choose(people["cause"], [0, 2, 1])
    group = people["stratum"].to_numpy() if grouped else np.zeros(len(people), int)
    fit = fit_fine_gray(
        people["day"],
        kind,
        covariates(people),
        censoring_group=group,
        convention=CensoringRiskSet.WITH_EVENTS,
    )
    block = f"crr {cause}" + (", grouped" if grouped else "")
    rows = pd.concat([expected(block, "arm"), expected(block, "x")])
    assert fit.coefficients == pytest.approx(rows["value"].to_numpy(), rel=1e-8)
    likelihood = expected(block, "log pseudo-likelihood")["value"].item()
    assert fit.log_likelihood == pytest.approx(likelihood, rel=1e-12)
    theirs = rows["std_error"].to_numpy()
    if not grouped:
        assert np.sqrt(crr_variance(fit)) == pytest.approx(theirs, rel=1e-8)
    assert np.sqrt(np.diag(fit.covariance())) == pytest.approx(theirs, rel=1.5e-3)
    for row in expected(block, "incidence").itertuples():
        ours = fit.incidence([1.0, 0.5], row.day).value
        assert ours == pytest.approx(row.value, rel=1e-8)


@pytest.mark.parametrize("delayed", [False, True])
@pytest.mark.parametrize("cause", [1, 2])
def test_fine_gray_with_finegrays_convention(people, expected, cause, delayed):
    """survival::finegray and coxph(ties="breslow", weights=fgwt, cluster=person), whose robust
    error takes the weights as known; ours adds what estimating them does.
    """
    kind = people["cause"] if cause == 1 else np.choose(people["cause"], [0, 2, 1])
    entry = people["entry"] if delayed else None
    fit = fit_fine_gray(people["day"], kind, covariates(people), entry=entry)
    block = f"finegray breslow {cause}" + (", delayed" if delayed else "")
    rows = pd.concat([expected(block, "arm"), expected(block, "x")])
    assert fit.coefficients == pytest.approx(rows["value"].to_numpy(), rel=1e-8)
    likelihood = expected(block, "log pseudo-likelihood")["value"].item()
    assert fit.log_likelihood == pytest.approx(likelihood, rel=1e-10)
    known = np.sqrt(np.sum(fit.influence_weights_known**2, axis=0))
    assert known == pytest.approx(rows["std_error"].to_numpy(), rel=1e-8)
    efron = pd.concat([expected(block.replace("breslow", "efron"), one) for one in ("arm", "x")])
    assert np.abs(efron["value"].to_numpy() - fit.coefficients).max() > 0.004  # ties matter


def test_the_p_value_is_the_tail_of_chi_square(people):
    test = gray_test(people["day"], people["cause"], people["site"])
    assert test.p_value == pytest.approx(stats.chi2.sf(test.statistic, 5))
