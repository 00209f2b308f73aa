"""Lengths of stay in bands: by hand, by law, against statsmodels and a planted truth."""

import numpy as np
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import CohortError, PositivityError, ProtocolError
from iop_outcomes.statistics.coarse_time.exit_hazards import Link, fit_exit_hazards
from iop_outcomes.statistics.coarse_time.grouped_risks import mean_days_bounds, risk_at_edge
from iop_outcomes.statistics.coarse_time.grouped_time import (
    TEDS_LENGTH_BANDS,
    grouped_exits,
    length_bands,
    pattern_uncertainty,
)

laws = settings(derandomize=True, deadline=None, max_examples=30)
LINKS = list(Link)


def stays(rng, people, bands=4):
    """Two covariates, weights, exits by two causes and some losses; everyone can stay."""
    x = np.column_stack([rng.integers(0, 2, people), rng.integers(0, 3, people)]).astype(float)
    band = np.minimum(rng.geometric(0.25 + 0.1 * x[:, 0]) - 1, bands)
    return x, band, rng.choice([0, 1, 2], people, p=[0.1, 0.5, 0.4]), rng.uniform(0.5, 2, people)


def none(rows):
    return np.empty((rows, 0))


# By hand


def test_bands_of_teds_are_days_to_30_and_seven_bands_beyond():
    bands = TEDS_LENGTH_BANDS
    assert bands.first[-8:].tolist() == [30, 31, 46, 61, 91, 121, 181, 366]
    assert bands.last[-8:].tolist() == [30, 45, 60, 90, 120, 180, 365, np.inf]
    assert bands.of([1, 30, 45, 46, 365, 366, 2000]).tolist() == [0, 29, 30, 31, 35, 36, 36]


@pytest.mark.parametrize("link", LINKS)
def test_risks_and_bounds_by_hand(link):
    """Twelve people in bands 1-7, 8-30 and 31 on; without covariates a model changes nothing.

    band  | reach | complete | drop out | stay
    1-7   |  12   |    3     |    2     |  7
    8-30  |   7   |    4     |    1     |  2

    Completed by day 7: 3/12, by day 30: 3/12 + 7/12 * 4/7 = 7/12. Days up to day 40, lower:
    (5 * 1 + 5 * 8 + 2 * 31) / 12; upper: (5 * 7 + 5 * 30 + 2 * 40) / 12.
    """
    bands = length_bands([7, 30, np.inf])
    exits = grouped_exits(
        none(5), [0, 0, 1, 1, 2], [1, 2, 1, 2, 0], bands.size, frequency=[3, 2, 4, 1, 2]
    )
    fit = fit_exit_hazards(exits, link)
    assert fit.probability(none(1))[0] == pytest.approx(
        np.array([[3 / 12, 2 / 12], [4 / 7, 1 / 7]]), rel=1e-9
    )
    assert risk_at_edge(fit, 1, 1).value == pytest.approx(7 / 12, rel=1e-9)
    days = mean_days_bounds(fit, bands, 40)
    assert days.lower.value == pytest.approx((5 * 1 + 5 * 8 + 2 * 31) / 12, rel=1e-9)
    assert days.upper.value == pytest.approx((5 * 7 + 5 * 30 + 2 * 40) / 12, rel=1e-9)


def test_someone_lost_from_sight_counts_to_the_end_of_the_band_and_no_further():
    """Of 4 one leaves in the first band and one is lost at its end: of the other 2 one leaves."""
    exits = grouped_exits(none(4), [0, 0, 1, 2], [1, 0, 1, 0], 2)
    fit = fit_exit_hazards(exits)
    assert fit.probability(none(1)).ravel() == pytest.approx([1 / 4, 1 / 2])


def test_a_cause_by_which_nobody_leaves_in_a_band_has_no_hazard_there():
    exits = grouped_exits(none(5), [0, 0, 1, 1, 2], [1, 2, 1, 0, 0], 2)
    for link in LINKS:
        fit = fit_exit_hazards(exits, link)
        assert fit.log_hazard[1, 1] == -np.inf
        assert fit.probability(none(1))[0, 1, 1] == 0
        assert np.isfinite(risk_at_edge(fit, 1, 1).derivative).all()


def test_the_hazard_ratio_of_two_groups_by_hand():
    """One band: 1/4 and 1/2 leave. Complementary log-log: log(log 2 / log(4/3)); logit: log 3."""
    exits = grouped_exits([[0], [0], [1], [1]], [0, 1, 0, 1], [1, 0, 1, 0], 1, [1, 3, 2, 2])
    ratio = fit_exit_hazards(exits).coefficients[0, 0]
    assert ratio == pytest.approx(np.log(np.log(2) / np.log(4 / 3)), rel=1e-9)
    assert fit_exit_hazards(exits, Link.LOGIT).coefficients[0, 0] == pytest.approx(np.log(3))


# By law


@pytest.mark.parametrize("link", LINKS)
def test_without_covariates_risk_at_an_edge_is_a_share_and_its_error_that_of_a_share(link):
    rng = np.random.default_rng(1)
    _, band, cause, weight = stays(rng, 200)
    cause = np.where(cause == 0, 1, cause)
    fit = fit_exit_hazards(grouped_exits(none(200), band, cause, 4, weight=weight), link)
    left = (band <= 2) & (cause == 2)
    share = np.average(left, weights=weight)
    found = risk_at_edge(fit, 2, 2)
    assert found.value == pytest.approx(share, rel=1e-10)
    assert found.derivative == pytest.approx((left - share) / weight.sum(), abs=1e-12)


@pytest.mark.parametrize("link", LINKS)
def test_a_frequency_of_k_is_k_people_and_a_weight_of_k_moves_estimates_alike(link):
    rng = np.random.default_rng(2)
    x, band, cause, weight = stays(rng, 120)
    times = rng.integers(1, 4, 120)
    counted = fit_exit_hazards(grouped_exits(x, band, cause, 4, times, weight), link)
    copied = fit_exit_hazards(
        grouped_exits(*(np.repeat(c, times, axis=0) for c in (x, band, cause)), 4,
                      weight=np.repeat(weight, times)), link
    )  # fmt: skip
    weighed = fit_exit_hazards(grouped_exits(x, band, cause, 4, weight=times * weight), link)
    assert counted.coefficients == pytest.approx(copied.coefficients, rel=1e-8)
    assert counted.coefficients == pytest.approx(weighed.coefficients, rel=1e-8)
    place = rng.integers(0, 9, 120)
    for cluster, spread in ((None, None), (place, np.repeat(place, times))):
        one = pattern_uncertainty(
            weight * risk_at_edge(counted, 1, 2).derivative, times, cluster=cluster
        )
        ones = np.ones(times.sum())
        each = np.repeat(weight, times) * risk_at_edge(copied, 1, 2).derivative
        assert one.std_error == pytest.approx(
            pattern_uncertainty(each, ones, cluster=spread).std_error, rel=1e-8
        )


@laws
@given(st.randoms(use_true_random=False), st.sampled_from(LINKS))
def test_neither_the_order_of_rows_nor_units_nor_origins_matter(random, link):
    x, band, cause, weight = stays(np.random.default_rng(3), 90)
    order = list(range(90))
    random.shuffle(order)
    straight = fit_exit_hazards(grouped_exits(x, band, cause, 4, weight=weight), link)
    moved = np.column_stack([x[:, 0] * 100 + 7, x[:, 1] / 9])[order]
    shuffled = fit_exit_hazards(
        grouped_exits(moved, band[order], cause[order], 4, weight=weight[order]), link
    )
    assert shuffled.coefficients * [100, 1 / 9] == pytest.approx(straight.coefficients, rel=1e-7)
    assert risk_at_edge(shuffled, 1, 3).derivative == pytest.approx(
        risk_at_edge(straight, 1, 3).derivative[order], abs=1e-10
    )


@pytest.mark.parametrize("link", LINKS)
def test_the_derivative_is_what_a_little_weight_does(link):
    x, band, cause, weight = stays(np.random.default_rng(4), 80)
    bands, treated = length_bands([7, 14, 30, 60, np.inf]), x * [0, 1] + [1, 0]

    def read(mine):
        fit = fit_exit_hazards(grouped_exits(x, band, cause, 4, weight=mine), link)
        days = mean_days_bounds(fit, bands, 45, treated)
        risks = risk_at_edge(fit, 1, 2), risk_at_edge(fit, 2, 3, treated)
        return fit, [*risks, days.lower, days.upper]

    fit, exact = read(weight)
    for person in (0, 7, 31):
        step = np.zeros(80)
        step[person] = 1e-4
        (up, above), (down, below) = read(weight + step), read(weight - step)
        ratio = (up.coefficients - down.coefficients)[1, 0] / 2e-4
        assert fit.coefficient_derivative(2, 0)[person] == pytest.approx(ratio, rel=1e-5, abs=1e-8)
        for estimate, high, low in zip(exact, above, below, strict=True):
            assert estimate.derivative[person] == pytest.approx(
                (high.value - low.value) / 2e-4, rel=1e-5, abs=1e-7
            )


@pytest.mark.parametrize("until", [20, 31, 100, 365, 500])
def test_bounds_of_mean_days_hold_the_mean_of_exact_days(until):
    rng = np.random.default_rng(5)
    day = np.ceil(rng.lognormal(3.5, 1.2, 4000))
    band = TEDS_LENGTH_BANDS.of(day)
    exits = grouped_exits(none(4000), band, np.ones(4000, int), TEDS_LENGTH_BANDS.size)
    found = mean_days_bounds(fit_exit_hazards(exits), TEDS_LENGTH_BANDS, until)
    mean = np.minimum(day, until).mean()
    assert found.lower.value <= mean + 1e-9
    assert mean <= found.upper.value + 1e-9
    if until <= 31:  # days to 30 are exact, and day 31 is where the next band begins
        assert found.lower.value == pytest.approx(found.upper.value)


def test_days_gained_lie_between_the_least_and_the_most():
    rng = np.random.default_rng(10)
    arm = np.arange(3000) % 2
    day = np.ceil(rng.exponential(20 + 20 * arm))
    bands = length_bands([7, 30, 60, np.inf])
    fit = fit_exit_hazards(
        grouped_exits(arm[:, None], bands.of(day), np.ones(3000, int), bands.size)
    )
    one, other = (mean_days_bounds(fit, bands, 90, np.full((3000, 1), a)) for a in (1.0, 0.0))
    gained = one.less(other)
    capped = np.minimum(day, 90)
    assert gained.lower.value < capped[arm == 1].mean() - capped[arm == 0].mean()
    assert gained.upper.value > capped[arm == 1].mean() - capped[arm == 0].mean()
    assert gained.lower.value == pytest.approx(one.lower.value - other.upper.value)
    assert gained.upper.derivative == pytest.approx(one.upper.derivative - other.lower.derivative)


@pytest.mark.parametrize("link", LINKS)
def test_risks_by_cause_and_staying_sum_to_one(link):
    x, band, cause, _ = stays(np.random.default_rng(6), 100)
    fit = fit_exit_hazards(grouped_exits(x, band, cause, 4), link)
    stay = 1 - fit.probability(x).sum(axis=2)
    assert (stay > 0).all()
    whole = sum(risk_at_edge(fit, k, 3).value for k in (1, 2)) + np.prod(stay, axis=1).mean()
    assert whole == pytest.approx(1, abs=1e-12)


# Against statsmodels


def person_bands(x, band, cause, bands):
    """A row for everyone in every band they reach: person, band, cause of leaving in it or 0."""
    person, where = np.nonzero(np.arange(bands) <= band[:, None])
    return person, where, np.where(band[person] == where, cause[person], 0)


def test_proportional_hazards_agree_with_a_complementary_log_log_glm():
    """statsmodels GLM Binomial(CLogLog) on person-bands, freq_weights, tol 1e-14."""
    x, band, cause, weight = stays(np.random.default_rng(7), 300)
    cause = np.minimum(cause, 1)
    person, where, left = person_bands(x, band, cause, 4)
    design = np.column_stack([np.eye(4)[where], x[person]])
    family = sm.families.Binomial(sm.families.links.CLogLog())
    theirs = sm.GLM(left, design, family, freq_weights=weight[person]).fit(tol=1e-14, maxiter=200)
    fit = fit_exit_hazards(grouped_exits(x, band, cause, 4, weight=weight))
    assert fit.log_hazard[:, 0] == pytest.approx(theirs.params[:4], rel=1e-7)
    assert fit.coefficients[0] == pytest.approx(theirs.params[4:], rel=1e-7)


def test_multinomial_exits_agree_with_mnlogit():
    """statsmodels MNLogit on person-bands, Newton."""
    x, band, cause, _ = stays(np.random.default_rng(8), 300)
    person, where, left = person_bands(x, band, cause, 4)
    design = np.column_stack([np.eye(4)[where], x[person]])
    theirs = sm.MNLogit(left, design).fit(disp=0, tol=1e-12).params
    fit = fit_exit_hazards(grouped_exits(x, band, cause, 4), Link.LOGIT)
    assert fit.log_hazard == pytest.approx(theirs[:4], rel=1e-7)
    found = fit.coefficients.T
    assert found == pytest.approx(theirs[4:], rel=1e-7)


# What cannot be


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((none(2), [0, 1], [0, 0], 1), "nobody leaves before the last edge"),
        ((none(2), [0, 0], [1, 1], 1), "nobody stays beyond band 1, so nothing can be"),
        ((none(3), [0, 1, 1], [1, 1, 1], 3), "nobody stays beyond band 2"),
        ((none(2), [0, 5], [1, 0], 1), "a band is not one of 0 to 1"),
        ((none(2), [0, 1], [1, 0], 1, [1, -1]), "a frequency or weight is negative"),
        (([[1], [1]], [0, 1], [1, 0], 1), "a covariate follows from the others or is constant"),
        (([[1], [np.nan]], [0, 1], [1, 0], 1), "finite numbers"),
    ],
)
def test_exits_that_cannot_be_modelled_are_told(arguments, words):
    with pytest.raises(CohortError, match=words):
        grouped_exits(*arguments)


@pytest.mark.parametrize("link", LINKS)
def test_a_covariate_that_tells_who_leaves_is_told(link):
    exits = grouped_exits([[0], [0], [1], [1]], [0, 0, 1, 1], [1, 1, 0, 0], 1)
    with pytest.raises(PositivityError, match="separate those who leave"):
        fit_exit_hazards(exits, link)


def test_bands_and_edges_that_are_not_there_are_told():
    fit = fit_exit_hazards(grouped_exits(none(3), [0, 1, 2], [1, 1, 0], 2))
    with pytest.raises(ProtocolError, match="use bands 0 to 1 and causes 1 to 1"):
        risk_at_edge(fit, 1, 2)
    with pytest.raises(ProtocolError, match="36 bands and hazards of 2"):
        mean_days_bounds(fit, TEDS_LENGTH_BANDS, 90)
    with pytest.raises(ProtocolError, match="give one row for each pattern"):
        risk_at_edge(fit, 1, 1, none(2))
    with pytest.raises(CohortError, match="missing or below 1"):
        TEDS_LENGTH_BANDS.of([0])
    with pytest.raises(CohortError, match="bands need at least two last days"):
        length_bands([7, 7])


# Against a planted truth


def test_planted_hazard_ratios_survive_the_bands_and_are_covered():
    """Exits by two causes at hazards in a constant ratio, cause 1 at exp(-0.5) times in arm 1 and
    cause 2 at exp(0.4), seen in seven bands only; 300 samples of 800. Bias within 3 of its own
    errors, coverage of 95% within 92.2% to 97.8%, risk at day 30 likewise.
    """
    rng = np.random.default_rng(9)
    truth = np.array([-0.5, 0.4])
    bands = length_bands([3, 7, 14, 30, 60, 90, np.inf])
    ratios, covered, risks = [], [], []
    arm = np.arange(800) % 2
    rate = np.array([0.02, 0.015]) * np.exp(np.outer(arm, truth))
    whole = rate.sum(axis=1)
    risk = np.mean(rate[:, 0] / whole * -np.expm1(-30 * whole))
    for _ in range(300):
        day = np.ceil(rng.exponential(1 / whole))
        cause = 1 + (rng.random(800) < rate[:, 1] / whole)
        exits = grouped_exits(arm[:, None], bands.of(day), cause, bands.size)
        fit = fit_exit_hazards(exits)
        ratios.append(fit.coefficients[:, 0])
        errors = [np.sqrt((fit.coefficient_derivative(k, 0) ** 2).sum()) for k in (1, 2)]
        found = risk_at_edge(fit, 1, 3)
        risks.append(found.value)
        errors.append(np.sqrt((found.derivative**2).sum()))
        away = np.abs(np.append(ratios[-1] - truth, found.value - risk))
        covered.append(away < 1.96 * np.array(errors))
    ratios, covered = np.array(ratios), np.mean(covered, axis=0)
    assert (np.abs(ratios.mean(axis=0) - truth) < 3 * ratios.std(axis=0) / np.sqrt(300)).all()
    assert abs(np.mean(risks) - risk) < 3 * np.std(risks) / np.sqrt(300)
    assert (covered > 0.922).all()
    assert (covered < 0.978).all()
