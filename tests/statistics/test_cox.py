"""Cox regression: by hand, by law, and where there is nothing to estimate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.hazard_regression import PHReg

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.cox.curves import (
    baseline_hazard,
    predicted_survival,
    survival_derivative,
)
from iop_outcomes.statistics.cox.proportional_hazards import (
    TimeTransform,
    proportional_hazards_test,
)
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.cox.risk_sets import Ties
from iop_outcomes.statistics.cox.variance import (
    Sandwich,
    coefficient_derivative,
    martingale_residuals,
    person_influences,
    robust_covariance,
    robust_score_statistic,
    schoenfeld_residuals,
    score_residuals,
)
from iop_outcomes.statistics.estimating_equations import EstimatedWeights, uncertainty

laws = settings(derandomize=True, deadline=None, max_examples=12)
seeds = st.integers(0, 10**6)
ties_of_both_kinds = pytest.mark.parametrize("ties", Ties)


def hazard_ratio(*args, **kwargs):
    return np.exp(fit_cox(*args, **kwargs).coefficients[0])


# By hand: a is the hazard ratio of the exposed

ONE_TIE = ([1, 1, 2], [1, 1, 0], [[1], [0], [1]])


def test_breslow_ties_by_hand():
    """Two of three people have the event on day 1, one exposed of two, and the unexposed.

    Likelihood a / (2a + 1)^2: largest where 1 = 2 * 2a / (2a + 1), at a = 1/2. Each event's exposed
    share is then 1/2, its variance 1/4, and the information 2/4.
    """
    fit = fit_cox(*ONE_TIE, ties=Ties.BRESLOW)
    assert np.exp(fit.coefficients[0]) == pytest.approx(1 / 2, rel=1e-12)
    assert fit.covariance[0, 0] == pytest.approx(2, rel=1e-12)
    assert fit.log_likelihood == pytest.approx(np.log(1 / 8), rel=1e-12)
    assert fit.log_likelihood_at_zero == pytest.approx(np.log(1 / 9), rel=1e-12)


def test_efron_ties_by_hand():
    """The second event faces the risk set less half of each event: 2a + 1 - (a + 1)/2.

    Likelihood a / ((2a + 1) (3a + 1)/2): largest where 2a/(2a + 1) + 3a/(3a + 1) = 1, at 6 a^2 = 1.
    """
    a = 1 / np.sqrt(6)
    fit = fit_cox(*ONE_TIE)
    shares = np.array([2 * a / (2 * a + 1), 3 * a / (3 * a + 1)])
    assert np.exp(fit.coefficients[0]) == pytest.approx(a, rel=1e-12)
    assert fit.covariance[0, 0] == pytest.approx(1 / np.sum(shares * (1 - shares)), rel=1e-12)
    likelihood = a / ((2 * a + 1) * (3 * a + 1) / 2)
    assert fit.log_likelihood == pytest.approx(np.log(likelihood), rel=1e-12)


def test_weighted_ties_by_hand():
    """The unexposed weighs 2. Breslow: 1 = 3 * 2a/(2a + 2), a = 1/2. Efron: both events weigh 3/2,
    1 = 3/2 (2a/(2a + 2) + 3a/(3a + 2)), 12 a^2 + 5a = 4.
    """
    weight = [1, 2, 1]
    assert hazard_ratio(*ONE_TIE, weight=weight, ties=Ties.BRESLOW) == pytest.approx(0.5)
    assert hazard_ratio(*ONE_TIE, weight=weight) == pytest.approx(
        (np.sqrt(217) - 5) / 24, rel=1e-12
    )


def test_late_entry_by_hand():
    """Exposed (0, 2] with the event; unexposed (0, 1] with the event and (1, 3] without.

    Both events have one exposed and one unexposed at risk: 1 = 2a/(a + 1), a = 1. If the late one
    had been there from the start: 1 = a/(a + 2) + a/(a + 1), a^2 = 2.
    """
    rows = ([2, 1, 3], [1, 1, 0], [[1], [0], [0]])
    assert hazard_ratio(*rows, entry=[0, 0, 1]) == pytest.approx(1, rel=1e-12)
    assert hazard_ratio(*rows) == pytest.approx(np.sqrt(2), rel=1e-12)


def test_strata_and_offsets_by_hand():
    """An exposed event against one unexposed; elsewhere an unexposed one against two exposed:
    1 = a/(a + 1) + 2a/(2a + 1), 2 a^2 = 1. An offset of log 3 for the exposed divides a by 3.
    """
    rows = ([1, 2, 1, 2, 2], [1, 0, 1, 0, 0], [[1], [0], [0], [1], [1]])
    stratum = ["x", "x", "y", "y", "y"]
    assert hazard_ratio(*rows, stratum=stratum) == pytest.approx(1 / np.sqrt(2), rel=1e-12)
    known = np.log([3, 1, 1, 3, 3])
    assert hazard_ratio(*rows, stratum=stratum, offset=known) == pytest.approx(
        1 / np.sqrt(2) / 3, rel=1e-12
    )


def test_residuals_by_hand():
    """Breslow at a = 1/2: the hazard of day 1 is 2/(2a + 1) = 1, the mean exposure 1/2.

    | exposed | event | risk | martingale | score                             |
    |    1    |   1   | 1/2  | 1 - 1/2    | (1 - 1/2) - 1/2 (1 - 1/2) = 1/4   |
    |    0    |   1   |  1   | 1 - 1      | (0 - 1/2) - (0 - 1/2) = 0         |
    |    1    |   0   | 1/2  | 0 - 1/2    | -1/2 (1 - 1/2) = -1/4             |

    Information 1/2, so the coefficient's influences are twice the score residuals.
    """
    fit = fit_cox(*ONE_TIE, ties=Ties.BRESLOW)
    assert martingale_residuals(fit) == pytest.approx([1 / 2, 0, -1 / 2], abs=1e-12)
    assert score_residuals(fit)[:, 0] == pytest.approx([1 / 4, 0, -1 / 4], abs=1e-12)
    assert coefficient_derivative(fit)[:, 0] == pytest.approx([1 / 2, 0, -1 / 2], abs=1e-12)
    schoenfeld = schoenfeld_residuals(fit)
    assert sorted(schoenfeld.row) == [0, 1]
    assert schoenfeld.residual[:, 0] == pytest.approx([1 / 2, -1 / 2], abs=1e-12)
    scaled = fit.coefficients[0] + np.array([1 / 2, -1 / 2]) * 2 * 2  # covariance 2, 2 events
    assert schoenfeld.scaled[:, 0] == pytest.approx(scaled, abs=1e-12)


def test_martingale_residuals_of_efron_by_hand():
    """At a: hazards h1 = 1/(2a + 1) and h2 = 2/(3a + 1), of which a tied event meets half of h2."""
    a = 1 / np.sqrt(6)
    first, second = 1 / (2 * a + 1), 2 / (3 * a + 1)
    expected = [1 - a * (first + second / 2), 1 - (first + second / 2), -a * (first + second)]
    assert martingale_residuals(fit_cox(*ONE_TIE)) == pytest.approx(expected, abs=1e-12)


@ties_of_both_kinds
def test_baseline_hazards_and_survival_by_hand(ties):
    """Breslow at a = 1/2: 2/(2a + 1) = 1. Efron at 6 a^2 = 1: 1/(2a + 1) + 2/(3a + 1)."""
    a, hazard = {
        Ties.BRESLOW: (1 / 2, 1.0),
        Ties.EFRON: (6**-0.5, 1 / (2 * 6**-0.5 + 1) + 2 / (3 * 6**-0.5 + 1)),
    }[ties]
    fit = fit_cox(*ONE_TIE, ties=ties)
    assert baseline_hazard(fit).at([0.9, 1, 5]) == pytest.approx([0, hazard, hazard], rel=1e-12)
    predicted = predicted_survival(fit, [[0], [1]], [0, 1])
    expected = [[1, np.exp(-hazard)], [1, np.exp(-hazard * a)]]
    assert predicted.survival == pytest.approx(np.array(expected), rel=1e-12)
    assert predicted.std_error[:, 0].tolist() == [0, 0]


def test_the_error_of_predicted_survival_by_hand():
    """Breslow at a = 1/2, unexposed: hazard 1 with its own variance 2/(2a + 1)^2 = 1/2, and the
    coefficient's variance 2 times (0 - 1/2)^2: 1/2 + 1/2 = 1; of survival, exp(-1) times that.
    """
    fit = fit_cox(*ONE_TIE, ties=Ties.BRESLOW)
    error = predicted_survival(fit, [[0]], [1]).std_error.item()
    assert error == pytest.approx(np.exp(-1), rel=1e-12)


# By law


def people(seed, *, tied=True, n=40):
    """Days, events, two covariates, weights, entries and strata; everyone is followed for a day."""
    rng = np.random.default_rng(seed)
    x = np.column_stack([rng.integers(0, 2, n), rng.normal(40, 9, n)])
    hazard = np.exp(0.5 * x[:, 0] - 0.02 * x[:, 1])
    time, limit = rng.exponential(8 / hazard, n), rng.uniform(2, 15, n)
    day = np.minimum(time, limit) + 1
    if tied:
        day = np.ceil(day)
    return {
        "day": day,
        "event": time <= limit,
        "covariates": x,
        "weight": rng.gamma(4, 0.25, n) + 0.05,
        "entry": np.minimum(rng.integers(0, 3, n), day - 1),
        "stratum": rng.integers(0, 2, n),
    }


def close(ours, theirs, rel=1e-8):
    assert ours == pytest.approx(theirs, rel=rel, abs=1e-9 * np.abs(theirs).max())


def same_model(one, other):
    close(one.coefficients, other.coefficients)
    close(one.covariance, other.covariance)
    assert one.log_likelihood - one.log_likelihood_at_zero == pytest.approx(
        other.log_likelihood - other.log_likelihood_at_zero, rel=1e-8
    )


@laws
@given(seeds)
def test_a_weight_of_k_is_k_copies_under_breslow(seed):
    """Point, model error and hazard; and the robust error, if the copies are one person."""
    mine = people(seed)
    copies = np.random.default_rng(seed).integers(1, 4, mine["day"].size)
    repeated = {name: np.repeat(column, copies, axis=0) for name, column in mine.items()}
    del repeated["weight"]
    whole = fit_cox(**repeated, ties=Ties.BRESLOW)
    weighted = fit_cox(**{**mine, "weight": copies}, ties=Ties.BRESLOW)
    same_model(weighted, whole)
    close(baseline_hazard(weighted, [0, 40], 1).value, baseline_hazard(whole, [0, 40], 1).value)
    close(
        person_influences(coefficient_derivative(weighted), weighted.weight),
        person_influences(
            coefficient_derivative(whole), whole.weight, np.repeat(np.arange(copies.size), copies)
        ),
    )


@laws
@given(seeds)
def test_under_efron_a_weight_is_copies_of_those_without_an_event(seed):
    mine = people(seed)
    copies = np.where(mine["event"], 1, 3)
    repeated = {name: np.repeat(column, copies, axis=0) for name, column in mine.items()}
    del repeated["weight"]
    same_model(fit_cox(**{**mine, "weight": copies}), fit_cox(**repeated))


def test_under_efron_copies_of_an_event_are_tied_and_a_weight_is_not():
    """The first event counts twice. As a weight it faces everyone twice, as Breslow's copies do;
    the second of Efron's copies faces half of both copies.
    """
    rows = {"day": [1, 2, 3], "event": [1, 1, 0], "covariates": [[1.0], [0], [1]]}
    twice = {name: np.repeat(column, [2, 1, 1], axis=0) for name, column in rows.items()}
    weighted = fit_cox(**rows, weight=[2, 1, 1]).coefficients
    assert weighted == pytest.approx(fit_cox(**twice, ties=Ties.BRESLOW).coefficients, rel=1e-10)
    assert weighted != pytest.approx(fit_cox(**twice).coefficients, rel=1e-2)


@ties_of_both_kinds
@laws
@given(seeds)
def test_a_weight_of_zero_is_nobody_even_among_tied_events(ties, seed):
    mine = people(seed)
    kept = np.arange(mine["day"].size) % 5 != 0
    some = fit_cox(**{name: column[kept] for name, column in mine.items()}, ties=ties)
    zero = fit_cox(**{**mine, "weight": np.where(kept, mine["weight"], 0)}, ties=ties)
    same_model(zero, some)
    close(coefficient_derivative(zero)[kept], coefficient_derivative(some))
    for transform in TimeTransform:
        assert proportional_hazards_test(zero, transform).statistic == pytest.approx(
            proportional_hazards_test(some, transform).statistic, rel=1e-8
        )


@ties_of_both_kinds
@laws
@given(seeds, st.floats(1e-3, 1e3))
def test_only_ratios_of_weights_matter_to_points_and_robust_errors(ties, seed, factor):
    mine = people(seed)
    one, other = (fit_cox(**{**mine, "weight": mine["weight"] * k}, ties=ties) for k in (1, factor))
    close(one.coefficients, other.coefficients)
    close(one.covariance, other.covariance * factor)
    for tested in (
        lambda fit: coefficient_derivative(fit) * fit.weight[:, None],
        lambda fit: schoenfeld_residuals(fit).scaled,
        lambda fit: proportional_hazards_test(fit, sandwich=Sandwich()).statistic,
        lambda fit: robust_score_statistic(fit),
        lambda fit: baseline_hazard(fit, [0, 40], 0).value,
    ):
        close(tested(one), tested(other), rel=1e-7)


def test_doubled_weights_double_what_takes_weights_for_people():
    """R's cox.zph does so too: its variance is the weighted information, robust = TRUE or not."""
    mine = people(3)
    one, two = (fit_cox(**{**mine, "weight": mine["weight"] * k}) for k in (1, 2))
    statistics = [proportional_hazards_test(fit).overall_statistic for fit in (one, two)]
    assert statistics[1] == pytest.approx(2 * statistics[0], rel=1e-9)


@ties_of_both_kinds
@laws
@given(seeds)
def test_the_order_of_rows_changes_nothing(ties, seed):
    mine = people(seed)
    order = np.random.default_rng(seed).permutation(mine["day"].size)
    one = fit_cox(**mine, ties=ties)
    other = fit_cox(**{name: column[order] for name, column in mine.items()}, ties=ties)
    same_model(one, other)
    for residuals in (martingale_residuals, score_residuals, coefficient_derivative):
        close(residuals(one)[order], residuals(other), rel=1e-7)


@ties_of_both_kinds
@laws
@given(seeds)
def test_only_the_order_of_days_matters(ties, seed):
    """A clock that runs ever faster changes nothing, nor a test that counts people and ranks."""
    mine = people(seed)
    faster = {**mine, "day": mine["day"] ** 2 + 3, "entry": mine["entry"] ** 2 + 3}
    one, other = fit_cox(**mine, ties=ties), fit_cox(**faster, ties=ties)
    same_model(one, other)
    for transform in (TimeTransform.KM, TimeTransform.RANK):
        ours, theirs = (proportional_hazards_test(fit, transform) for fit in (one, other))
        assert ours.overall_statistic == pytest.approx(theirs.overall_statistic, rel=1e-8)


@ties_of_both_kinds
@laws
@given(seeds)
def test_cutting_rows_into_intervals_changes_nothing(ties, seed):
    mine = people(seed)
    size = mine["day"].size
    cut = np.floor((mine["entry"] + mine["day"]) / 2)
    cut = np.where(cut > mine["entry"], cut, mine["day"])  # of one day: not to be cut
    second = cut < mine["day"]
    pieces = {name: np.concatenate([column, column[second]]) for name, column in mine.items()}
    pieces["day"][:size] = cut
    pieces["event"][:size] &= ~second
    pieces["entry"][size:] = cut[second]
    person = np.concatenate([np.arange(size), np.flatnonzero(second)])
    whole, cut_up = fit_cox(**mine, ties=ties), fit_cox(**pieces, ties=ties)
    same_model(whole, cut_up)
    close(
        person_influences(coefficient_derivative(whole), whole.weight),
        person_influences(coefficient_derivative(cut_up), cut_up.weight, person),
    )
    close(martingale_residuals(whole), np.bincount(person, martingale_residuals(cut_up)))
    for sandwiches in ((None, None), (Sandwich(), Sandwich(person))):
        ours, theirs = (
            proportional_hazards_test(fit, TimeTransform.KM, sandwich=sandwich).overall_statistic
            for fit, sandwich in zip((whole, cut_up), sandwiches, strict=True)
        )
        assert ours == pytest.approx(theirs, rel=1e-8)


@ties_of_both_kinds
@laws
@given(seeds)
def test_neither_origin_nor_unit_of_a_covariate_matters(ties, seed):
    mine = people(seed)
    moved = {**mine, "covariates": mine["covariates"] * [1, 1e6] + [7, -2e9]}
    one, other = fit_cox(**mine, ties=ties), fit_cox(**moved, ties=ties)
    close(one.coefficients, other.coefficients * [1, 1e6], rel=1e-6)
    close(np.diag(one.covariance), np.diag(other.covariance) * [1, 1e12], rel=1e-6)


@ties_of_both_kinds
@laws
@given(seeds)
def test_strata_are_people_who_never_meet(ties, seed):
    """Moved a hundred days apart, strata share no risk set: a model without strata is the same."""
    mine = people(seed)
    apart = {name: column for name, column in mine.items() if name != "stratum"}
    for name in ("day", "entry"):
        apart[name] = mine[name] + 100 * mine["stratum"]
    same_model(fit_cox(**mine, ties=ties), fit_cox(**apart, ties=ties))


@laws
@given(seeds)
def test_strata_of_one_are_left_out(seed):
    """Someone alone in a stratum meets nobody; thousands of small strata are one array each."""
    mine = people(seed)
    alone = {name: np.concatenate([column, column[:5]]) for name, column in mine.items()}
    alone["stratum"] = np.concatenate([mine["stratum"], 10 + np.arange(5)])
    same_model(fit_cox(**mine), fit_cox(**alone))


@laws
@given(seeds)
def test_without_ties_both_likelihoods_are_one(seed):
    mine = people(seed, tied=False)
    same_model(fit_cox(**mine), fit_cox(**mine, ties=Ties.BRESLOW))


@ties_of_both_kinds
@laws
@given(seeds, st.floats(-1, 1))
def test_what_an_offset_takes_the_coefficient_loses(ties, seed, known):
    mine = people(seed)
    offset = known * mine["covariates"][:, 0]
    one, other = fit_cox(**mine, ties=ties), fit_cox(**mine, offset=offset, ties=ties)
    close(one.coefficients, other.coefficients + np.array([known, 0]), rel=1e-7)
    close(one.covariance, other.covariance, rel=1e-7)


@ties_of_both_kinds
@laws
@given(seeds)
def test_weighted_residuals_sum_to_zero(ties, seed):
    mine = people(seed)
    fit = fit_cox(**mine, ties=ties)
    martingale = np.bincount(mine["stratum"], fit.weight * martingale_residuals(fit))
    assert martingale == pytest.approx([0, 0], abs=1e-9)
    assert fit.weight @ score_residuals(fit) == pytest.approx([0, 0], abs=1e-6)
    schoenfeld = schoenfeld_residuals(fit)
    assert fit.weight[schoenfeld.row] @ schoenfeld.residual == pytest.approx([0, 0], abs=1e-6)


@ties_of_both_kinds
def test_influences_are_what_moving_a_weight_does(ties):
    """Derivatives of the coefficients and of a predicted survival, against refitting."""
    mine = people(5)
    fit = fit_cox(**mine, ties=ties)
    x, day, step = [1, 35.0], 6, 1e-4

    def refitted(person, move):
        weight = mine["weight"].copy()
        weight[person] += move
        moved = fit_cox(**{**mine, "weight": weight}, ties=ties)
        return np.append(
            moved.coefficients, predicted_survival(moved, x, day, stratum=1).survival.item()
        )

    slopes = [
        (refitted(person, step) - refitted(person, -step)) / (2 * step)
        for person in range(fit.weight.size)
    ]
    coefficients = coefficient_derivative(fit)
    survival = survival_derivative(fit, x, day, 1)
    assert np.column_stack([coefficients, survival]) == pytest.approx(
        np.array(slopes), rel=1e-5, abs=1e-8
    )


@ties_of_both_kinds
@laws
@given(seeds)
def test_agrees_with_statsmodels(ties, seed):
    """PHReg(ties = , entry = , strata = , offset = ), which knows no case weights.

    PHReg counts someone who enters on day 3 as at risk on day 3; here, as in R, from day 4 on.
    Half a day later they mean the same.
    """
    mine = people(seed)
    del mine["weight"]
    offset = np.random.default_rng(seed).normal(0, 0.3, mine["day"].size)
    ours = fit_cox(**mine, offset=offset, ties=ties)
    theirs = PHReg(
        mine["day"], mine["covariates"], status=mine["event"], entry=mine["entry"] + 0.5,
        strata=mine["stratum"], offset=offset, ties=str(ties),
    ).fit(disp=0)  # fmt: skip
    assert ours.coefficients == pytest.approx(theirs.params, rel=1e-6)
    assert np.sqrt(np.diag(ours.covariance)) == pytest.approx(theirs.bse, rel=1e-6)


# Uncertainty in the house's own terms


def test_the_house_errors_of_clusters_have_a_factor_that_r_has_not():
    """`uncertainty` is CR1, sqrt(G/(G - 1)) above R's `coxph(cluster = )`, with Student's t."""
    mine = people(1)
    fit = fit_cox(**mine)
    influences = person_influences(coefficient_derivative(fit), fit.weight)
    site = np.arange(40) % 8
    r = np.sqrt(np.diag(robust_covariance(influences, site)))
    house = [uncertainty(column, 0.95, site).std_error for column in influences.T]
    assert house == pytest.approx(r * np.sqrt(8 / 7), rel=1e-12)
    alone = [uncertainty(column, 0.95).std_error for column in influences.T]
    assert alone == pytest.approx(np.sqrt(np.diag(robust_covariance(influences))), rel=1e-12)


def test_a_person_of_several_rows_is_one_person_to_the_model_of_the_weights():
    """Gradient by row, influence by person: the same as with each person in one row."""
    mine = people(2)
    rng = np.random.default_rng(2)
    estimated = EstimatedWeights(rng.normal(size=(40, 3)), rng.normal(size=(40, 3)))
    whole = fit_cox(**mine)
    second = mine["day"] - mine["entry"] > 1
    pieces = {name: np.concatenate([c, c[second]]) for name, c in mine.items()}
    pieces["day"][:40] = np.where(second, mine["entry"] + 1, mine["day"])
    pieces["event"][:40] &= ~second
    pieces["entry"][40:] += 1
    person = np.concatenate([np.arange(40), np.flatnonzero(second)])
    cut = fit_cox(**pieces)
    by_row = EstimatedWeights(estimated.gradient[person], estimated.influence)
    close(
        person_influences(coefficient_derivative(whole), whole.weight, None, estimated),
        person_influences(coefficient_derivative(cut), cut.weight, person, by_row),
    )
    with pytest.raises(CohortError, match="knows 40 people and 40 rows, the outcome 40 and"):
        person_influences(coefficient_derivative(cut), cut.weight, person, estimated)


# Where there is nothing to estimate, or it cannot be


@ties_of_both_kinds
def test_if_everyone_has_the_event_on_one_day_nobody_is_faster(ties):
    fit = fit_cox([3, 3, 3], [1, 1, 1], [[0.0], [1], [5]], ties=ties)
    assert fit.coefficients == pytest.approx([0], abs=1e-12)
    with pytest.raises(CohortError, match="all events fall on one day"):
        proportional_hazards_test(fit)


def test_one_event_in_the_middle_of_a_covariate_has_a_finite_ratio():
    """The mean of the covariate at risk must be 1 of 0, 1, 2: by symmetry the ratio is 1."""
    assert hazard_ratio([1, 2, 2], [1, 0, 0], [[1.0], [0], [2]]) == pytest.approx(1, abs=1e-12)


def test_an_event_on_day_zero_counts_and_has_no_logarithm():
    rows = ([0, 0, 1, 1, 2, 3], [1, 0, 1, 0, 1, 0], [[1.0], [0], [0], [1], [1], [0]])
    fit = fit_cox(*rows)
    assert np.isfinite(fit.coefficients).all()
    with pytest.raises(CohortError, match="day 0 has no logarithm"):
        proportional_hazards_test(fit, TimeTransform.LOG)


GOOD = {"day": [1, 2, 3, 4], "event": [1, 1, 1, 0], "covariates": [[1.0], [0], [1], [0]]}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"event": [0, 0, 0, 0]}, "nobody has the event"),
        ({"weight": [0, 0, 0, 1]}, "nobody has the event"),
        ({"day": [1, 2, 3, -4]}, "some rows end before day 0"),
        ({"day": [1, 2, 3, np.nan]}, "some days are missing or infinite"),
        ({"day": [1, 2, 3, None]}, "some days are missing or infinite"),
        ({"day": [1, 2, 3, "x"]}, "days must be numbers"),
        ({"day": [1, 2, 3]}, "days must be one number for each of the 4 rows"),
        ({"event": [1, 1, 2, 0]}, "events must be True or False"),
        ({"event": [1, 1, np.nan, 0]}, "some events are missing"),
        ({"weight": [1, 1, 1, -1]}, "weights must be 0 or more"),
        ({"weight": [0, 0, 0, 0]}, "weights must be 0 or more, and some of them more"),
        ({"entry": [1, 0, 0, 0]}, "rows end on or before their day of entry"),
        ({"stratum": [1, 1]}, "strata must be one label for each of the 4 rows"),
        ({"covariates": [1.0, 0, 1, 0]}, "the covariates must be a table"),
        ({"covariates": [[1.0], [0], [np.nan], [0]]}, "some covariates are missing"),
        ({"covariates": [[0.1]] * 4}, r"column 0 \(from 0\) of the covariates is constant"),
        ({"covariates": [[1.0, 2], [0, 0], [1, 2], [0, 0]]}, "follows from the others"),
        ({"stratum": [1, 2, 1, 2]}, "does not differ between people who are at risk together"),
        ({"event": [1, 0, 1, 0]}, "infinite or zero"),
        ({"event": [0, 1, 0, 0]}, "infinite or zero"),
    ],
)
def test_what_cannot_be_is_told_in_a_sentence(change, words):
    with pytest.raises(CohortError, match=words) as raised:
        fit_cox(**{**GOOD, **change})
    assert "\n" not in str(raised.value)


@ties_of_both_kinds
def test_the_covariate_whose_ratio_is_infinite_is_named(ties):
    """Only people of column 1 have the event, among 2000 and with weights."""
    rng = np.random.default_rng(3)
    x = np.column_stack([rng.normal(size=2000), rng.integers(0, 2, 2000), rng.normal(size=2000)])
    day, event = rng.integers(1, 90, 2000), x[:, 1] * (rng.random(2000) < 0.4)
    with pytest.raises(CohortError, match=r"ratio of column 1 \(from 0\) of the covariates is inf"):
        fit_cox(day, event, x, weight=rng.gamma(2, 0.5, 2000), ties=ties)


def test_a_large_but_finite_ratio_is_estimated():
    """Of a thousand exposed and a million's worth of unexposed, five events each."""
    day = np.arange(1, 11)
    rows = (
        np.concatenate([day, [20, 20]]),
        np.concatenate([np.ones(10), [0, 0]]),
        np.concatenate([day % 2, [1, 0]])[:, None],
    )
    weight = np.concatenate([np.ones(10), [1e3, 1e9]])
    assert hazard_ratio(*rows, weight=weight) == pytest.approx(1e6, rel=0.01)


def test_strata_and_their_curves_must_be_named():
    fit = fit_cox(**people(1))
    with pytest.raises(CohortError, match="has 2 strata, each with its own hazard; name one"):
        baseline_hazard(fit)
    with pytest.raises(CohortError, match="no stratum of that label"):
        predicted_survival(fit, [[0, 40]], [5], stratum=9)
