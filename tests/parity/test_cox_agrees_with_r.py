"""Cox regression and log-rank tests: against R's survival on simulated, heavily tied days.

tests/parity/scripts/cox.R made the data and the expected values with R 4.2.2 and survival 3.5-3:
coxph(ties = , weights = , cluster = , control = coxph.control(eps = 1e-11)), cox.zph, residuals,
basehaz(centered = FALSE), survfit(newdata = ), survdiff(rho = 0).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.statistics.cox.curves import baseline_hazard, predicted_survival
from iop_outcomes.statistics.cox.logrank import log_rank, weighted_log_rank
from iop_outcomes.statistics.cox.proportional_hazards import (
    TimeTransform,
    proportional_hazards_test,
)
from iop_outcomes.statistics.cox.regression import CoxFit, fit_cox
from iop_outcomes.statistics.cox.risk_sets import Ties
from iop_outcomes.statistics.cox.variance import (
    Sandwich,
    coefficient_derivative,
    martingale_residuals,
    robust_score_statistic,
    schoenfeld_residuals,
    score_residuals,
)
from iop_outcomes.statistics.estimating_equations import estimated_weights
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

HERE = Path(__file__).parent
COLUMNS = ["arm", "age", "use"]
PROFILES = {"profile 1": [1, 30, 0], "profile 2": [0, 55, 1]}


def table(name):
    return pd.read_csv(HERE / "data" / f"{name}.csv")


PEOPLE, INTERVALS = table("cox_people"), table("cox_intervals")
EXPECTED = pd.read_csv(
    HERE / "expected" / "cox.csv", dtype={"term": str, "place": str}, keep_default_na=False
)


def expected(model, quantity):
    found = EXPECTED[EXPECTED["model"].eq(model) & EXPECTED["quantity"].eq(quantity)]
    assert len(found), (model, quantity)
    return found


@dataclass(frozen=True)
class Case:
    """A model of the R script."""

    name: str
    fit: CoxFit
    sandwich: Sandwich | None
    single_stratum: bool

    def values(self, quantity):
        return expected(self.name, quantity)["value"].to_numpy()


SETTINGS = {
    "plain": (PEOPLE, {}, None),
    "weights": (PEOPLE, {"weight": "weight"}, Sandwich()),
    "strata": (PEOPLE, {"stratum": "region"}, None),
    "entry": (PEOPLE, {"entry": "entry"}, None),
    "offset": (PEOPLE, {"offset": "known"}, None),
    "cluster": (PEOPLE, {}, Sandwich(cluster=PEOPLE["site"])),
    "everything": (
        PEOPLE,
        {"entry": "entry", "weight": "weight", "stratum": "region"},
        Sandwich(cluster=PEOPLE["site"]),
    ),
    "intervals": (
        INTERVALS,
        {"entry": "entry", "weight": "weight"},
        Sandwich(person=INTERVALS["person"].to_numpy()),
    ),
    "intervals by site": (
        INTERVALS,
        {"entry": "entry", "weight": "weight"},
        Sandwich(
            person=INTERVALS["person"].to_numpy(),
            cluster=INTERVALS.groupby("person")["site"].first().to_numpy(),
        ),
    ),
}


def cases(*settings):
    return pytest.mark.parametrize(
        "case", [f"{t} {s}" for t in Ties for s in settings], indirect=True
    )


of_all = cases(*SETTINGS)
with_robust_errors = cases(*(name for name, setting in SETTINGS.items() if setting[2] is not None))
with_residuals = cases("plain", "weights", "everything", "intervals")
with_predictions = cases("plain", "weights", "entry", "intervals")


@pytest.fixture
def case(request):
    ties, setting = request.param.split(" ", 1)
    rows, columns, sandwich = SETTINGS[setting]
    fit = fit_cox(
        rows["day"], rows["event"], rows[COLUMNS], ties=Ties(ties),
        **{argument: rows[column] for argument, column in columns.items()},
    )  # fmt: skip
    return Case(request.param, fit, sandwich, "stratum" not in columns)


@of_all
def test_coefficients_errors_and_likelihood_agree(case):
    fit = case.fit
    assert fit.coefficients == pytest.approx(case.values("coefficient"), rel=1e-10)
    errors = np.sqrt(np.diag(fit.covariance))
    assert errors == pytest.approx(case.values("model error"), rel=1e-10)
    likelihoods = [fit.log_likelihood_at_zero, fit.log_likelihood]
    assert likelihoods == pytest.approx(case.values("log likelihood"), rel=1e-13)
    assert fit.score_statistic == pytest.approx(case.values("score test")[0], rel=1e-11)


@with_robust_errors
def test_robust_and_clustered_errors_agree(case):
    """R's robust variance is CR0: no factor for the number of people or clusters."""
    derivative = coefficient_derivative(case.fit)
    errors = np.sqrt(np.diag(case.sandwich.covariance(derivative, case.fit.weight)))
    assert errors == pytest.approx(case.values("robust error"), rel=1e-10)
    score = robust_score_statistic(case.fit, case.sandwich)
    assert score == pytest.approx(case.values("robust score test")[0], rel=1e-10)


@of_all
@pytest.mark.parametrize("transform", TimeTransform)
def test_the_test_of_proportional_hazards_agrees(case, transform):
    """cox.zph(transform = , terms = FALSE): by column, then of all."""
    test = proportional_hazards_test(case.fit, transform)
    ours = [*test.statistic, test.overall_statistic]
    assert ours == pytest.approx(case.values(f"zph {transform}"), rel=1e-9)


@with_residuals
def test_residuals_agree(case):
    """Of the first 40 rows; R weighs its dfbeta and does not weigh the others."""
    close = {"rel": 1e-9, "abs": 1e-12}
    martingale = martingale_residuals(case.fit)[:40]
    assert martingale == pytest.approx(case.values("martingale"), **close)
    scores = score_residuals(case.fit)[:40].T.ravel()
    assert scores == pytest.approx(case.values("score residual"), rel=1e-9, abs=1e-10)
    dfbeta = (coefficient_derivative(case.fit) * case.fit.weight[:, None])[:40].T.ravel()
    assert dfbeta == pytest.approx(case.values("dfbeta"), **close)


@with_residuals
def test_schoenfeld_residuals_agree(case):
    """Their sum and sum of squares on each day, since tied events have no order."""
    ours = schoenfeld_residuals(case.fit)
    for quantity, power in (("schoenfeld", 1), ("schoenfeld squared", 2)):
        rows = expected(case.name, quantity)
        day = ours.day if case.single_stratum else np.zeros(ours.day.size)
        sums = pd.DataFrame(ours.residual**power).groupby(day).sum()
        theirs = rows["value"].to_numpy()
        assert sums.to_numpy().T.ravel() == pytest.approx(theirs, rel=1e-9, abs=1e-10)


@of_all
def test_the_baseline_hazard_agrees(case):
    """basehaz(centered = FALSE): covariates and offset 0."""
    rows = expected(case.name, "hazard")
    for term, part in rows.groupby("term"):
        stratum = None if term == "all" else int(term.removeprefix("region="))
        if case.name.endswith("offset"):
            # R puts the mean offset in where it leaves the covariates out.
            part = part.assign(value=part["value"] / np.exp(PEOPLE["known"].mean()))
        curve = baseline_hazard(case.fit, stratum=stratum)
        ours = curve.at(part["place"].astype(float))
        assert ours == pytest.approx(part["value"].to_numpy(), rel=1e-10)


@with_predictions
def test_predicted_survival_and_its_error_agree(case):
    days = [1, 4, 9, 14]
    predicted = predicted_survival(case.fit, list(PROFILES.values()), days)
    assert predicted.survival.ravel() == pytest.approx(case.values("survival"), rel=1e-10)
    assert predicted.std_error.ravel() == pytest.approx(case.values("survival error"), rel=1e-9)


@pytest.mark.parametrize("transform", TimeTransform)
def test_a_factor_is_tested_as_one_term(transform):
    """cox.zph(terms = TRUE): three indicators of dose have three degrees of freedom."""
    dose = (PEOPLE["dose"].to_numpy()[:, None] == [1, 2, 3]).astype(float)
    x = np.column_stack([PEOPLE["arm"], dose])
    fit = fit_cox(PEOPLE["day"], PEOPLE["event"], x)
    test = proportional_hazards_test(fit, transform, terms=[[0], [1, 2, 3]])
    theirs = expected("efron factor", f"zph {transform}")["value"].to_numpy()
    assert [*test.statistic, test.overall_statistic] == pytest.approx(theirs, rel=1e-10)
    assert test.degrees.tolist() == [1, 3]


@pytest.mark.parametrize(
    ("name", "group", "stratum"),
    [
        ("log-rank arm", "arm", None),
        ("log-rank dose", "dose", None),
        ("log-rank dose by region", "dose", "region"),
    ],
)
def test_log_rank_agrees(name, group, stratum):
    test = log_rank(
        PEOPLE["day"], PEOPLE["event"], PEOPLE[group],
        stratum=None if stratum is None else PEOPLE[stratum],
    )  # fmt: skip
    for quantity, ours in (
        ("observed", test.observed),
        ("expected", test.expected),
        ("variance", test.covariance.ravel()),
        ("chi squared", [test.statistic]),
    ):
        theirs = expected(name, quantity)["value"].to_numpy()
        assert ours == pytest.approx(theirs, rel=1e-11, abs=1e-12)


def test_weighted_log_rank_is_the_robust_score_test_of_a_weighted_cox_model():
    """coxph(ties = "breslow", weights = , robust = TRUE)$rscore."""
    ours = weighted_log_rank(
        PEOPLE["day"], PEOPLE["event"], PEOPLE["dose"], weight=PEOPLE["weight"]
    )
    theirs = expected("weighted log-rank dose", "chi squared")["value"].item()
    assert ours.statistic == pytest.approx(theirs, rel=1e-10)
    assert ours.degrees == 3
    ours = weighted_log_rank(
        PEOPLE["day"], PEOPLE["event"], PEOPLE["arm"], weight=PEOPLE["weight"],
        entry=PEOPLE["entry"], stratum=PEOPLE["region"], sandwich=Sandwich(cluster=PEOPLE["site"]),
    )  # fmt: skip
    theirs = expected("weighted log-rank arm by region and site", "chi squared")["value"].item()
    assert ours.statistic == pytest.approx(theirs, rel=1e-10)


@pytest.mark.parametrize("ties", Ties)
@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATO"])
def test_errors_with_estimated_weights_agree_with_refitting_at_moved_propensities(ties, estimand):
    """The R script differentiates coxph's coefficient numerically by those of the propensity model.

    WeightIt's `coxph_weightit` is not the reference: it has Breslow's ties only and takes the cross
    derivative at unit weights.
    """
    region = (PEOPLE["region"].to_numpy()[:, None] == [2, 3]).astype(float)
    design = np.column_stack([np.ones(len(PEOPLE)), PEOPLE["age"], PEOPLE["use"], region])
    treated = PEOPLE["arm"].to_numpy(bool)
    propensity = fit_propensity(treated, design).probability
    weight = balancing_weights(treated, propensity, Estimand[estimand])
    estimated = estimated_weights(treated, propensity, design, Estimand[estimand])
    fit = fit_cox(PEOPLE["day"], PEOPLE["event"], PEOPLE[["arm"]], weight=weight, ties=ties)
    derivative = coefficient_derivative(fit)
    model = f"{ties} {estimand}"

    def theirs(quantity):
        return expected(model, quantity)["value"].item()

    assert fit.coefficients[0] == pytest.approx(theirs("coefficient"), rel=1e-10)
    for quantity, sandwich in (
        ("robust error", Sandwich()),
        ("stacked error", Sandwich(estimated=estimated)),
        ("stacked error by site", Sandwich(estimated=estimated, cluster=PEOPLE["site"])),
    ):
        error = np.sqrt(sandwich.covariance(derivative, weight)[0, 0])
        assert error == pytest.approx(theirs(quantity), rel=1e-8)
