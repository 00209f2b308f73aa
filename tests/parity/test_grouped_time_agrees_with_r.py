"""Lengths of stay in bands: against R, on counts of patterns with an empty cell."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.coarse_time.exit_hazards import Link, fit_exit_hazards
from iop_outcomes.statistics.coarse_time.grouped_risks import mean_days_bounds, risk_at_edge
from iop_outcomes.statistics.coarse_time.grouped_time import (
    grouped_exits,
    length_bands,
    pattern_uncertainty,
)

PARITY = Path(__file__).parent
LINKS = list(Link)
DATA = pd.read_csv(PARITY / "data" / "grouped_time.csv")
EXPECTED = pd.read_csv(PARITY / "expected" / "grouped_time.csv").set_index(["estimator", "term"])
X = DATA[["arm", "age"]].to_numpy(float)


@pytest.mark.parametrize("column", [0, 1])
def test_proportional_hazards_and_their_errors_agree_with_r(column):
    """glm(binomial("cloglog"), epsilon = 1e-15) on person-bands; sandwich clustered by person, and
    by facility with G / (G - 1), on the observed information. The third error is R's
    sandwich::vcovCL(type = "HC0"), whose bread is the expected information: 0.02% to 0.2% apart.
    """
    term = ("arm", "age")[column]
    exits = grouped_exits(X, DATA["band"], np.minimum(DATA["cause"], 1), 6, DATA["frequency"])
    fit = fit_exit_hazards(exits)
    derivative = fit.coefficient_derivative(1, column)
    for who, cluster in (("person", None), ("facility", DATA["facility"])):
        theirs = EXPECTED.loc[(f"glm cloglog by {who}", term)]
        spread = pattern_uncertainty(derivative, exits.frequency, cluster=cluster)
        assert fit.coefficients[0, column] == pytest.approx(theirs["estimate"], rel=1e-7)
        assert spread.std_error == pytest.approx(theirs["std_error"], rel=1e-7)
    expected = EXPECTED.loc[("glm cloglog expected information", term), "std_error"]
    ours = pattern_uncertainty(derivative, exits.frequency).std_error
    assert 1e-4 < abs(ours / expected - 1) < 3e-3
    levels = [EXPECTED.loc[("glm cloglog by person", f"band{b}"), "estimate"] for b in range(6)]
    assert fit.log_hazard[:, 0] == pytest.approx(levels, rel=1e-6)


@pytest.mark.parametrize("link", LINKS)
def test_hazards_by_cause_agree_with_r(link):
    """LOGIT: nnet::multinom(reltol = 1e-16), which knows no hazard of zero, so that band 4 with its
    empty cell is joined to the next. PROPORTIONAL_HAZARDS: own likelihood in R.
    """
    band, bands, name = DATA["band"], 6, "own likelihood by BFGS and Newton"
    if link is Link.LOGIT:
        band, bands, name = band - (band >= 5), 5, "multinom bands 4 and 5 joined"
    exits = grouped_exits(X, band, DATA["cause"], bands, DATA["frequency"])
    found = fit_exit_hazards(exits, link).coefficients
    for cause in (1, 2):
        for column, term in enumerate(("arm", "age")):
            row = EXPECTED.loc[(name, f"cause{cause};{term}"), "estimate"]
            assert found[cause - 1, column] == pytest.approx(row, rel=2e-6)


def test_shares_and_bounds_agree_with_r():
    """mean() of indicators, and of pmin(first or last day of the band, 100)."""
    plain = DATA[(DATA["cause"] > 0) | (DATA["band"] == 6)]
    exits = grouped_exits(
        np.empty((len(plain), 0)), plain["band"], plain["cause"], 6, plain["frequency"]
    )
    fit = fit_exit_hazards(exits)
    for cause, band in ((1, 3), (2, 5)):
        share = EXPECTED.loc[("shares", f"cause{cause};band{band}"), "estimate"]
        assert risk_at_edge(fit, cause, band).value == pytest.approx(share, rel=1e-9)
    days = mean_days_bounds(fit, length_bands([1, 2, 7, 30, 60, 180, np.inf]), 100)
    for name in ("lower", "upper"):
        row = EXPECTED.loc[("bounds of mean days", name), "estimate"]
        assert getattr(days, name).value == pytest.approx(row, rel=1e-9)
