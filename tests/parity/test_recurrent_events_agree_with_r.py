"""Recurrent events against R's survival, on days heavily tied and on the bladder tumours."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.risk_sets import Ties
from iop_outcomes.statistics.cox.variance import (
    coefficient_derivative,
    person_influences,
    robust_covariance,
)
from iop_outcomes.statistics.histories.recurrent_events import (
    event_history,
    mean_events,
    mean_events_derivative,
    recurrent_risk_sets,
)
from iop_outcomes.statistics.histories.recurrent_layouts import (
    andersen_gill_rows,
    pwp_gap_time_rows,
    pwp_total_time_rows,
    wlw_rows,
)

PARITY = Path(__file__).parent
DATA = pd.read_csv(PARITY / "data" / "recurrent_events.csv")
EXPECTED = pd.read_csv(PARITY / "expected" / "recurrent_events.csv").set_index(
    ["estimator", "term"]
)
LAYOUTS = {
    "Andersen-Gill": andersen_gill_rows,
    "PWP total time": lambda history: pwp_total_time_rows(history, 3),
    "PWP gap time": lambda history: pwp_gap_time_rows(history, 3),
    "WLW": lambda history: wlw_rows(history, 3),
}


def history(table, terminal=True):
    return event_history(
        table["person"], table["start"], table["stop"], table["events"],
        table["terminal"] if terminal else None,
    )  # fmt: skip


def of_people(column):
    return DATA.groupby("person")[column].first().to_numpy(float)


@pytest.mark.parametrize("day", [7, 14, 21, 28])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("arm", [0, 1])
@pytest.mark.parametrize("estimator", ["survfit cumhaz", "Ghosh-Lin"])
def test_mean_events_and_their_error_agree_with_r(estimator, arm, weighted, day):
    """survival 3.5-3: survfit(Surv(start, stop, events) ~ 1, id, weights, robust = TRUE), cumhaz
    and std.chaz; Ghosh-Lin: own R code with a numerical infinitesimal jackknife (hence 1e-6).
    """
    weight = np.where(of_people("arm") == arm, of_people("weight") if weighted else 1.0, 0.0)
    sets = recurrent_risk_sets(history(DATA, terminal=estimator == "Ghosh-Lin"), weight)
    term = f"arm={arm};weights={'weight' if weighted else 'none'};t={day}"
    row = EXPECTED.loc[(estimator, term)]
    error = np.sqrt(((weight * mean_events_derivative(sets, day)) ** 2).sum())
    assert mean_events(sets).at(day) == pytest.approx(row["estimate"], rel=1e-10)
    assert error == pytest.approx(
        row["std_error"], rel=1e-10 if estimator == "survfit cumhaz" else 1e-6
    )


def cox(rows, covariates, weight, ties):
    """Coefficients and robust errors clustered by person."""
    mine = weight[rows.person]
    fit = fit_cox(
        rows.stop, rows.event, covariates[rows.person], entry=rows.start, weight=mine,
        stratum=rows.stratum, ties=ties,
    )  # fmt: skip
    each = person_influences(coefficient_derivative(fit), mine, rows.person)
    return fit.coefficients, np.sqrt(np.diag(robust_covariance(each)))


@pytest.mark.parametrize("ties", list(Ties))
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_cox_models_of_recurrent_events_agree_with_r(name, ties):
    """survival 3.5-3: coxph(Surv(start, stop, events) ~ arm + strata, weights, cluster)."""
    rows = LAYOUTS[name](history(DATA.assign(terminal=0)))
    found, error = cox(rows, of_people("arm")[:, None], of_people("weight"), ties)
    expected = EXPECTED.loc[(name, ties.value)]
    assert found[0] == pytest.approx(expected["estimate"], rel=1e-8)
    assert error[0] == pytest.approx(expected["std_error"], rel=1e-8)


# Bladder tumours: they come with R's survival and are not copied


@pytest.fixture(scope="module")
def bladder(data_of_r):
    return {name: data_of_r("survival", name) for name in ("bladder1", "bladder2")}


def bladder2(bladder):
    table = bladder["bladder2"]
    person = table["id"].factorize()[0]
    people = table.groupby("id", sort=False).first()
    mine = event_history(person, table["start"], table["stop"], table["event"])
    return mine, people[["rx", "number", "size"]].to_numpy(float)


@pytest.mark.parametrize(
    ("layout", "estimate", "error"),
    [
        (andersen_gill_rows, -0.46468695294, 0.26556081190),
        (pwp_total_time_rows, -0.333488726, 0.204786772),
        (pwp_gap_time_rows, -0.279004515, 0.215623869),
        (lambda history: wlw_rows(history, 4), -0.58479345741, 0.30794625818),
    ],
)
def test_cox_models_of_bladder_tumours_agree_with_r(bladder, layout, estimate, error):
    """coxph(... ~ rx + number + size + strata(enum), cluster = id), Efron: D1 to D4. WLW is R's on
    its own layout of the data, `bladder`.
    """
    mine, covariates = bladder2(bladder)
    found, robust = cox(layout(mine), covariates, np.ones(mine.people), Ties.EFRON)
    assert found[0] == pytest.approx(estimate, rel=1e-8)
    assert robust[0] == pytest.approx(error, rel=1e-8)


def test_mean_tumours_agree_with_r(bladder):
    """D6: survfit(Surv(start, stop, event) ~ rx, bladder2, id = id), cumhaz."""
    mine, covariates = bladder2(bladder)
    expected = {
        1: [0.7168283869, 1.4467741864, 2.0998824602],
        2: [0.4473736424, 0.8898365037, 1.6528627748],
    }
    for rx, values in expected.items():
        sets = recurrent_risk_sets(mine, covariates[:, 0] == rx)
        assert mean_events(sets).at([12, 24, 48]) == pytest.approx(values, rel=1e-9)


def test_ghosh_lin_of_tumours_shares_risk_sets_among_ties_which_mets_does_not(bladder):
    """D7. mets::recurrentMarginal breaks ties one after the other and finds 2.221 at 48 months in
    the placebo arm, 2.3% too much; risk sets of n, n - 1, ... for events that share a month are as
    far off.
    """
    table = bladder["bladder1"].query("stop > start")
    person, labels = table["id"].factorize()
    mine = event_history(
        person, table["start"], table["stop"], table["status"] == 1, table["status"].isin([2, 3])
    )
    arm = table.groupby("id")["treatment"].first().loc[labels]
    expected = {
        "placebo": [0.6967332904, 1.372498422, 1.887864076, 2.171965957],
        "pyridoxine": [0.7185347205, 1.266869872, 1.77846919, 2.447019838],
        "thiotepa": [0.4638336036, 0.8339075075, 1.263437258, 1.546293662],
    }
    for name, values in expected.items():
        sets = recurrent_risk_sets(mine, (arm == name).to_numpy(float))
        assert mean_events(sets).at([12, 24, 36, 48]) == pytest.approx(values, rel=1e-9)
    sets = recurrent_risk_sets(mine, (arm == "placebo").to_numpy(float))
    one_by_one = sum(
        alive / (n - i)
        for day, n, d, alive in zip(
            sets.day, sets.at_risk, sets.events, sets.alive_before, strict=True
        )
        for i in range(int(d))
        if day <= 48
    )
    assert 1.02 < 2.221008927 / mean_events(sets).at(48) < 1.03
    assert 1.02 < one_by_one / mean_events(sets).at(48) < 1.03
