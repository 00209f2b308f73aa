"""Survival, cumulative incidence and restricted means: by hand, by law, against R, statsmodels."""

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.duration.survfunc import CumIncidenceRight, SurvfuncRight

from iop_outcomes.statistics.survival import (
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

laws = settings(derandomize=True, deadline=None, max_examples=100)


@st.composite
def people(draw, causes=(CENSORED, EVENT, COMPETING)):
    """Tied days from 0, causes and weights of up to 25 people."""
    n = draw(st.integers(1, 25))

    def each(values):
        return np.array(draw(st.lists(values, min_size=n, max_size=n)))

    return (
        each(st.integers(0, 9)),
        each(st.sampled_from(causes)),
        each(st.floats(0.1, 10.0)),
    )


def swapped(cause):
    """The same people, with the competing event as the event."""
    return np.choose(cause, [CENSORED, COMPETING, EVENT])


# By hand


def test_incidence_by_hand():
    """Six people; an event and a competing event share day 3.

    day | at risk | event-free before | event | competing | incidence
      1 |    6    |        1          |   1   |     0     | 1/6
      3 |    4    |       5/6         |   1   |     1     | 1/6 + 5/6 * 1/4 = 3/8
      5 |    1    |       5/12        |   1   |     0     | 3/8 + 5/12     = 19/24
    """
    curve = cumulative_incidence([1, 2, 3, 3, 4, 5], [1, 0, 1, 2, 0, 1])
    assert curve.at([1, 3, 5]) == pytest.approx([1 / 6, 3 / 8, 19 / 24], rel=1e-15)


def test_event_free_probability_and_restricted_mean_by_hand():
    """The same six: 5/6 after day 1, 5/6 * 2/4 = 5/12 after day 3, 0 after day 5.

    Days free up to day 6: 1 * 1 + 2 * 5/6 + 2 * 5/12 = 7/2.
    """
    curve = event_free_curve(risk_sets([1, 2, 3, 3, 4, 5], [1, 0, 1, 2, 0, 1]))
    assert curve.at([0, 1, 2, 3, 4, 5]) == pytest.approx([1, 5 / 6, 5 / 6, 5 / 12, 5 / 12, 0])
    assert curve.area(6) == pytest.approx(7 / 2, rel=1e-15)


def test_a_curve_steps_on_the_day_and_not_before():
    curve = cumulative_incidence([3, 9], [1, 0])
    assert curve.at([0, 2.999, 3, 8]).tolist() == [0, 0, 0.5, 0.5]


def test_a_censoring_on_a_day_of_events_leaves_after_them():
    assert cumulative_incidence([2, 2], [1, 0]).at(2) == 0.5


def test_if_everyone_is_censored_nothing_happens():
    sets = risk_sets([1, 2, 2, 5], [0, 0, 0, 0])
    assert incidence_curve(sets).at([0, 2, 100]).tolist() == [0, 0, 0]
    assert event_free_curve(sets).area(4) == 4
    assert not incidence_derivative(sets, 3).any()
    assert not restricted_mean_derivative(sets, 3).any()


def test_if_everyone_has_the_event_on_one_day_the_curve_jumps_to_one():
    sets = risk_sets([4, 4, 4], [1, 1, 1])
    assert incidence_curve(sets).at([3, 4, 9]).tolist() == [0, 1, 1]
    assert event_free_curve(sets).area(9) == 4
    assert not incidence_derivative(sets, 9).any()


def test_one_person_with_one_event():
    sets = risk_sets([7], [1], [0.3])
    assert incidence_curve(sets).at([6, 7]).tolist() == [0, 1]
    assert event_free_curve(sets).area(10) == 7


def test_someone_followed_for_zero_days_is_at_risk_on_day_zero_alone():
    assert cumulative_incidence([0, 0, 1, 2], [1, 0, 1, 0]).at([0, 1]).tolist() == [
        1 / 4,
        1 / 4 + 3 / 4 * 1 / 2,
    ]


def test_a_weight_of_zero_is_nobody_even_on_the_last_day():
    assert cumulative_incidence([1, 2], [1, 0], [1, 0]).at([1, 2]).tolist() == [1, 1]


def test_follow_up_beyond_the_last_day_keeps_the_last_height():
    curve = event_free_curve(risk_sets([1, 2], [1, 0]))
    assert curve.at(50) == 0.5
    assert curve.area(5) == pytest.approx(1 + 4 * 0.5)


@pytest.mark.parametrize(
    ("day", "cause", "share", "expected"),
    [
        ([1, 2, 3], [1, 1, 1], 0.5, 2.0),  # 2/3, 1/3, 0: crosses one half on day 2
        ([1, 2, 3, 4], [1, 1, 1, 1], 0.5, 2.5),  # level at one half from day 2 to day 3
        ([1, 2, 3, 4], [1, 1, 1, 1], 0.25, 1.5),  # level at three quarters from day 1 to day 2
        ([1, 2, 3, 4], [1, 1, 0, 1], 0.5, 3.0),  # a censoring inside the level stretch ends nothing
        ([1, 2, 3], [1, 0, 0], 0.5, None),  # two thirds for ever
        ([1, 2], [0, 0], 0.5, None),
        ([1, 2, 3, 4], [1, 1, 0, 0], 0.5, 3.0),  # level to the end of follow-up on day 4, as in R
    ],
)
def test_where_survival_is_level_at_the_quantile_the_middle_is_taken(day, cause, share, expected):
    """The last row is `findq` of survival's quantile.survfit: "a flat at the end of the curve"."""
    assert quantile_day(event_free_curve(risk_sets(day, cause)), share) == expected


# By law


@laws
@given(people(), st.data())
def test_a_weight_of_k_is_k_people(table, data):
    day, cause, _ = table
    copies = np.array(data.draw(st.lists(st.integers(1, 5), min_size=len(day), max_size=len(day))))
    weighted, copied = (
        risk_sets(day, cause, copies),
        risk_sets(np.repeat(day, copies), np.repeat(cause, copies)),
    )
    days = np.arange(11)
    for curve in (incidence_curve, event_free_curve):
        assert curve(weighted).at(days) == pytest.approx(curve(copied).at(days), abs=1e-12)


@laws
@given(people())
def test_everyone_is_event_free_or_had_one_of_the_causes(table):
    day, cause, weight = table
    days = np.arange(11)
    whole = (
        cumulative_incidence(day, cause, weight).at(days)
        + cumulative_incidence(day, swapped(cause), weight).at(days)
        + event_free_curve(risk_sets(day, cause, weight)).at(days)
    )
    assert whole == pytest.approx(np.ones(11), abs=1e-12)


@laws
@given(people())
def test_incidence_never_falls_and_stays_a_probability(table):
    value = cumulative_incidence(*table).value
    assert (np.diff(value) >= 0).all()
    assert value.min() >= 0
    assert value.max() <= 1 + 1e-12


@laws
@given(people(), st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(table, random):
    order = list(range(len(table[0])))
    random.shuffle(order)
    shuffled = risk_sets(*(column[order] for column in table))
    straight = risk_sets(*table)
    for curve in (incidence_curve, event_free_curve):
        assert curve(shuffled).value == pytest.approx(curve(straight).value, abs=1e-12)
    for derivative in (incidence_derivative, restricted_mean_derivative):
        assert derivative(shuffled, 5) == pytest.approx(derivative(straight, 5)[order], abs=1e-9)


@laws
@given(people(), st.floats(0.01, 100))
def test_the_scale_of_the_weights_does_not_matter(table, scale):
    day, cause, weight = table
    curve, scaled = (cumulative_incidence(day, cause, weight * c) for c in (1, scale))
    assert scaled.value == pytest.approx(curve.value, abs=1e-12)


@laws
@given(people(), st.floats(0.1, 30), st.floats(0.5, 12))
def test_scaling_time_scales_the_restricted_mean(table, scale, until):
    day, cause, weight = table
    mean = restricted_mean(risk_sets(day, cause, weight), until)
    scaled = restricted_mean(risk_sets(day * scale, cause, weight), until * scale)
    assert scaled == pytest.approx(mean * scale, rel=1e-9)


@laws
@given(people(causes=(EVENT,)), st.integers(0, 9))
def test_without_censoring_risk_is_a_share_and_restricted_time_a_mean(table, until):
    day, cause, weight = table
    sets = risk_sets(day, cause, weight)
    assert incidence_curve(sets).at(until) == pytest.approx(
        np.average(day <= until, weights=weight), abs=1e-12
    )
    assert event_free_curve(sets).area(until) == pytest.approx(
        np.average(np.minimum(day, until), weights=weight), abs=1e-12
    )


@laws
@given(people(causes=(CENSORED, EVENT)), st.floats(0, 12))
def test_without_competing_events_the_restricted_mean_is_the_area_under_survival(table, until):
    sets = risk_sets(*table)
    assert restricted_mean(sets, until) == pytest.approx(event_free_curve(sets).area(until))


def test_who_can_no_longer_relapse_counts_as_free_of_it_to_the_end():
    """Four people, ten days: relapse on day 2 costs 8, death on day 1 costs nothing."""
    assert restricted_mean(risk_sets([1, 2, 10, 10], [2, 1, 0, 0]), 10) == pytest.approx(10 - 8 / 4)


def central_difference(estimate, weight):
    step = 1e-5 * weight
    change = [
        estimate(weight + step * one) - estimate(weight - step * one) for one in np.eye(weight.size)
    ]
    return np.array(change) / (2 * step)


@laws
@given(people(), st.floats(0, 12))
def test_the_derivative_of_incidence_is_what_a_little_more_weight_changes(table, until):
    day, cause, weight = table
    numerical = central_difference(
        lambda w: float(cumulative_incidence(day, cause, w).at(until)), weight
    )
    exact = incidence_derivative(risk_sets(day, cause, weight), until)
    assert exact == pytest.approx(numerical, abs=1e-8 / weight.min())


@laws
@given(people(), st.floats(0, 12))
def test_the_derivative_of_the_restricted_mean_is_what_a_little_more_weight_changes(table, until):
    day, cause, weight = table
    numerical = central_difference(
        lambda w: restricted_mean(risk_sets(day, cause, w), until), weight
    )
    exact = restricted_mean_derivative(risk_sets(day, cause, weight), until)
    assert exact == pytest.approx(numerical, abs=1e-7 / weight.min())


@laws
@given(people(), st.floats(0, 12))
def test_influences_sum_to_zero(table, until):
    sets = risk_sets(*table)
    for derivative in (incidence_derivative, restricted_mean_derivative):
        assert np.sum(table[2] * derivative(sets, until)) == pytest.approx(0, abs=1e-10)


@laws
@given(people(causes=(CENSORED, EVENT)), st.integers(0, 9))
def test_unweighted_the_influence_variance_is_greenwoods(table, until):
    """S(t)^2 * sum of d / (n (n - d)), as long as somebody is left."""
    day, cause, _ = table
    sets = risk_sets(day, cause)
    survival = float(event_free_curve(sets).at(until))
    past = sets.day <= until
    n, d = sets.at_risk[past], sets.events[past]
    if survival > 0:
        greenwood = survival**2 * np.sum(d / (n * (n - d)))
        assert np.sum(incidence_derivative(sets, until) ** 2) == pytest.approx(greenwood, abs=1e-12)


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
    which uses another formula and is up to 0.7% larger.
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
