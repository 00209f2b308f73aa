"""Survival, cumulative incidence and restricted means: against R and statsmodels."""

import re

import numpy as np
import pandas as pd
import pytest
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from iop_outcomes.statistics.survival.curves import (
    CENSORED,
    COMPETING,
    EVENT,
    cumulative_incidence,
    event_free_curve,
    incidence_curve,
    incidence_derivative,
    quantile_day,
    restricted_mean,
    restricted_mean_derivative,
    risk_sets,
)


def swapped(cause):
    """The same people, with the competing event as the event."""
    return np.choose(cause, [CENSORED, COMPETING, EVENT])


# Against statsmodels


def tied_people(n, seed):
    rng = np.random.default_rng(seed)
    return rng.integers(1, 30, n), rng.choice([0, 1, 2], n, p=[0.3, 0.4, 0.3])


def test_kaplan_meier_and_its_error_agree_with_statsmodels():
    """SurvfuncRight: product limit with Greenwood's error."""
    day, cause = tied_people(200, seed=1)
    single = np.minimum(cause, 1)
    theirs = SurvfuncRight(day, single)
    days = theirs.surv_times[:-1]  # when nobody is left Greenwood's formula is 0/0
    sets = risk_sets(day, single)
    errors = [np.sqrt(np.sum(incidence_derivative(sets, t) ** 2)) for t in days]
    assert event_free_curve(sets).at(days) == pytest.approx(theirs.surv_prob[:-1], rel=1e-9)
    assert errors == pytest.approx(theirs.surv_prob_se[:-1], rel=1e-9)


def test_weighted_incidence_agrees_with_statsmodels():
    """CumIncidenceRight with frequency weights; it gives no error for these."""
    day, cause = tied_people(200, seed=2)
    weight = np.random.default_rng(3).uniform(0.2, 4, 200)
    theirs = CumIncidenceRight(day, cause, freq_weights=weight)
    for kind, incidence in zip((cause, swapped(cause)), theirs.cinc, strict=True):
        ours = cumulative_incidence(day, kind, weight).at(theirs.times)
        assert ours == pytest.approx(incidence, rel=1e-9)


# Against R


@pytest.mark.parametrize("arm", [0, 1])
def test_kaplan_meier_of_uis_agrees_with_r(uis, reference, arm):
    """survival 3.5.3: summary(survfit(Surv(time, event) ~ treat)), Greenwood's standard error."""
    mine = uis[uis["TREAT"] == arm]
    sets = risk_sets(mine["TIME"], mine["CENSOR"])
    rows = reference("a01_uis_kaplan_meier", "Kaplan-Meier, CI log-log", "S(t)")
    for day in (30, 90, 180, 270, 365, 500, 540, 720):
        row = rows.loc[f"treat={arm};t={day}"]
        error = np.sqrt(np.sum(incidence_derivative(sets, day) ** 2))
        assert event_free_curve(sets).at(day) == pytest.approx(row["estimate"], rel=1e-9)
        assert error == pytest.approx(row["std_error"], rel=1e-9)


def test_medians_of_uis_are_142_and_201_and_a_half_days(uis):
    """R: quantile(survfit(Surv(time, event) ~ treat), 0.5); the second by the midpoint rule."""
    medians = [
        quantile_day(event_free_curve(risk_sets(mine["TIME"], mine["CENSOR"])), 0.5)
        for _, mine in uis.groupby("TREAT")
    ]
    assert medians == [142.0, 201.5]


def test_quartiles_of_uis_agree_with_r(uis, reference):
    """R: quantile(survfit(Surv(time, event) ~ treat), c(.25, .5, .75))."""
    rows = reference("a01_uis_kaplan_meier", "Kaplan-Meier, CI log-log", "time quantile")
    for arm, mine in uis.groupby("TREAT"):
        curve = event_free_curve(risk_sets(mine["TIME"], mine["CENSOR"]))
        for share in (0.25, 0.5, 0.75):
            assert quantile_day(curve, share) == rows.loc[f"treat={arm};p={share}", "estimate"]


@pytest.mark.parametrize("until", [180, 365, 540])
def test_restricted_means_of_uis_agree_with_r(uis, reference, until):
    """survRM2 1.0.4: rmst2(time, event, treat, tau), Greenwood plug-in variance."""
    rows = reference("a04_uis_rmst", "RMST", "RMST")
    difference = reference("a04_uis_rmst", "RMST", "RMST difference").loc[f"arm1-arm0;tau={until}"]
    mean, variance = {}, {}
    for arm, mine in uis.groupby("TREAT"):
        sets = risk_sets(mine["TIME"], mine["CENSOR"])
        mean[arm] = restricted_mean(sets, until)
        variance[arm] = np.sum(restricted_mean_derivative(sets, until) ** 2)
        row = rows.loc[f"arm{arm};tau={until}"]
        assert mean[arm] == pytest.approx(row["estimate"], rel=1e-9)
        assert np.sqrt(variance[arm]) == pytest.approx(row["std_error"], rel=1e-9)
    assert mean[1] - mean[0] == pytest.approx(difference["estimate"], rel=1e-9)
    assert np.sqrt(sum(variance.values())) == pytest.approx(difference["std_error"], rel=1e-9)


def mgus2(shared):
    """Months to plasma-cell malignancy (1) or death without it (2), by sex."""
    table = pd.read_csv(shared / "reference" / "data" / "mgus2.csv")
    progressed = table["pstat"] == 1
    return (
        table["ptime"].where(progressed, table["futime"]).to_numpy(),
        np.where(progressed, 1, 2 * table["death"]),
        {"female": (table["sex"] == "F").to_numpy(int)},
    )


def melanoma(shared):
    """Days to death from melanoma (1) or from other causes (2), by ulceration."""
    table = pd.read_csv(shared / "reference" / "data" / "Melanoma.csv")
    return (
        table["time"].to_numpy(),
        table["status"].map({1: 1, 2: 0, 3: 2}).to_numpy(),
        {"ulcer": table["ulcer"].to_numpy()},
    )


@pytest.mark.parametrize("program", ["Aalen-Johansen survfit, CI plain", "Aalen-Johansen prodlim"])
@pytest.mark.parametrize(
    ("read", "case", "causes"),
    [
        (mgus2, "a10_mgus2_competing_risks", ("pcm", "death")),
        (melanoma, "a11_melanoma_competing_risks", ("melanoma", "other")),
    ],
)
def test_aalen_johansen_and_its_error_agree_with_r(shared, reference, read, case, causes, program):
    """survival 3.5.3, whose error is the infinitesimal jackknife, and prodlim 2019.11.13, whose
    error is Greenwood's type: the influence error is both of these. It is not that of cmprsk,
    which uses another formula and is up to 1.4% larger.
    """
    day, status, groups = read(shared)
    for cause, name in ((status, causes[0]), (swapped(status), causes[1])):
        for term, row in reference(case, program, f"CIF {name}").iterrows():
            group, until = (part.split("=") for part in term.split(";"))
            if group[0] not in groups:
                continue
            who = groups[group[0]] == int(group[1])
            sets, until = risk_sets(day[who], cause[who]), float(until[1])
            error = np.sqrt(np.sum(incidence_derivative(sets, until) ** 2))
            assert incidence_curve(sets).at(until) == pytest.approx(row["estimate"], rel=1e-9)
            assert error == pytest.approx(row["std_error"], rel=1e-9)


@pytest.mark.parametrize(
    ("read", "case", "causes"),
    [
        (mgus2, "a10_mgus2_competing_risks", ("pcm", "death")),
        (melanoma, "a11_melanoma_competing_risks", ("melanoma", "other")),
    ],
)
def test_time_before_one_of_several_causes_agrees_with_r(shared, reference, read, case, causes):
    """survival 3.5.3: summary(survfit, rmean=tau); its restricted mean time in a cause's state is
    the time lost to that cause, and our mean is the horizon less this. The error is R's
    infinitesimal jackknife, residuals(survfit, times=tau, type='auc').
    """
    day, status, groups = read(shared)
    kinds = dict(zip(causes, (status, swapped(status)), strict=True))
    rows = reference(case, "Aalen-Johansen survfit", "restricted mean time in state")
    for term, row in rows.iterrows():
        group, state, tau = re.fullmatch(r"\w+=(\d), (.+);tau=(\d+)", term).groups()
        (column,), until = groups.values(), float(tau)
        who = column == int(group)
        if state == "(s0)":
            sets = risk_sets(day[who], np.minimum(status[who], 1))
            mean = restricted_mean(sets, until)
        else:
            sets = risk_sets(day[who], kinds[state][who])
            mean = until - restricted_mean(sets, until)
        error = np.sqrt(np.sum(restricted_mean_derivative(sets, until) ** 2))
        assert mean == pytest.approx(row["estimate"], rel=1e-9)
        assert error == pytest.approx(row["std_error"], rel=1e-9)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
def test_weighted_kaplan_meier_agrees_with_r(exposure, reference, shared, estimand):
    """survival 3.5.3: survfit(Surv(time, event) ~ arm, weights, robust=TRUE), with the weights R
    used; its robust error is the infinitesimal jackknife with weights treated as known.
    """
    case = f"{exposure.case}e_uis_{exposure.name}_weighted_survival"
    rows = reference(case, f"weighted Kaplan-Meier {estimand}, robust SE, CI plain", "S(t)")
    vectors = shared / "reference" / "results" / "vectors"
    table = pd.read_csv(vectors / f"uis_{exposure.name}_ps_weights.csv")
    weight = table[f"w_{estimand}"].to_numpy()
    for term, row in rows.iterrows():
        arm, until = (float(part.split("=")[1]) for part in term.split(";"))
        risk, derivative = exposure.risk(exposure.treated == arm, weight, until)
        assert 1 - risk == pytest.approx(row["estimate"], rel=1e-9)
        assert np.sqrt(np.sum((weight * derivative) ** 2)) == pytest.approx(
            row["std_error"], rel=1e-9
        )
