"""Repeated events on the road: the mean number a person, the ratio of rates, what leaves."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.cohort.repeats import repeats
from iop_outcomes.errors import CohortError
from iop_outcomes.records.schema import Records, empty_table
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.steps_told import steps_told
from iop_outcomes.statistics.cox.regression import fit_cox
from iop_outcomes.statistics.estimating_equations import influence, uncertainty
from iop_outcomes.statistics.histories.recurrent_events import (
    event_history,
    mean_events,
    mean_events_derivative,
    recurrent_risk_sets,
)

USES = {"definition": "every return to use", "events": ["return to use"], "horizon_days": 180}
AGAIN = {"definition": "every readmission", "events": ["readmission"], "horizon_days": 365}


@pytest.fixture(scope="module")
def asked(study):
    return study(analysis={"recurrent_events": {"uses": USES, "readmissions": AGAIN}})


@pytest.fixture(scope="module")
def walked(road, asked):
    cohort, weighting = road(asked)
    return cohort, weighting, compare(cohort, weighting, asked)


def row(found, measure, name="uses", method="iptw"):
    table = found.recurrent
    keys = (table["recurrent"] == name) & (table["method"] == method)
    return table[keys].set_index("measure").loc[measure]


# From records to histories


def test_a_history_is_cut_where_something_happens_and_where_people_go_away(study):
    """In care to day 28; used on days 10, 40 and twice on 60; readmitted 100 to 120; died 150."""
    history = told_of(
        study,
        stays=[("short-term residential", 0, 28), ("inpatient", 100, 120)],
        events=[(10, "return to use"), (40, "return to use"), (60, "return to use"),
                (60, "return to use"), (150, "death")],
    )  # fmt: skip
    uses = history[history["recurrent"] == "uses"]
    assert uses[["start_day", "stop_day", "events", "died", "away"]].to_numpy().tolist() == [
        [0, 10, 1, False, True],
        [10, 28, 0, False, True],
        [28, 40, 1, False, False],
        [40, 60, 1, False, False],
        [60, 100, 0, False, False],
        [100, 120, 0, False, True],
        [120, 150, 0, True, False],
    ]
    again = history[history["recurrent"] == "readmissions"]
    events = again[again["events"] == 1]
    assert events[["stop_day", "away"]].to_numpy().tolist() == [[100, False]]


def test_whoever_was_not_seen_for_a_day_has_no_history(study):
    assert told_of(study, [("short-term residential", 0, None)], [], last=0).empty


def told_of(study, stays, events, last=400):
    protocol = study(analysis={"recurrent_events": {"uses": USES, "readmissions": AGAIN}})
    records = Records(
        persons=pd.DataFrame(
            {"person_id": ["P"], "first_observed_day": [-100], "last_observed_day": [last]}
        ),
        stays=pd.DataFrame(stays, columns=["level_of_care", "start_day", "end_day"]).assign(
            stay_id=[f"s{number}" for number in range(len(stays))],
            person_id="P",
            facility_id="F",
            exit_reason=["completed" if stay[2] is not None else None for stay in stays],
            admission_year=2020,
            age_years=40,
        ),
        events=pd.DataFrame(events, columns=["day", "kind"]).assign(person_id="P")
        if events
        else empty_table("events"),
    )
    people = pd.DataFrame(
        {"person_id": ["P"], "index_day": [0], "last_observed_day": [last], "stay_row": [0]}
    )
    return repeats(people, records, protocol.analysis.recurrent_events)


# Numbers


@pytest.mark.parametrize("method", ["unadjusted", "iptw"])
def test_means_are_those_of_the_functions_on_arrays(walked, method):
    cohort, weighting, found = walked
    people = cohort.persons.merge(weighting.weights, on="person_id")
    weight = people["weight"].to_numpy() if method == "iptw" else np.ones(len(people))
    rows = cohort.history[cohort.history["recurrent"] == "uses"]
    moved = {}
    for arm in ("intervention", "comparator"):
        members = np.flatnonzero(people["arm"] == arm)
        place = pd.Index(people["person_id"].iloc[members]).get_indexer(rows["person_id"])
        mine = place >= 0
        history = event_history(
            place[mine],
            rows["start_day"].to_numpy()[mine],
            rows["stop_day"].to_numpy()[mine],
            rows["events"].to_numpy()[mine],
            rows["died"].to_numpy()[mine],
            members.size,
        )
        sets = recurrent_risk_sets(history, weight[members])
        told = row(found, f"mean_events_{arm}", method=method)
        assert told["estimate"] == pytest.approx(mean_events(sets).at(180), abs=1e-12)
        moved[arm] = np.zeros(len(people))
        moved[arm][members] = mean_events_derivative(sets, 180)
    if method == "unadjusted":
        difference = moved["intervention"] - moved["comparator"]
        clusters = people["facility_id"].factorize()[0]
        error = uncertainty(influence(difference, weight), 0.95, clusters).std_error
        told = row(found, "mean_events_difference", method=method)
        assert told["std_error"] == pytest.approx(error, abs=1e-12)


def test_weighted_errors_know_that_the_weights_were_estimated(walked):
    found = walked[2]
    assert row(found, "mean_events_difference")["se_method"].startswith("stacked")
    assert row(found, "mean_events_difference", method="unadjusted")["se_method"].startswith(
        "influence function"
    )


def test_the_rate_is_per_day_outside_care_and_jail(walked):
    cohort, weighting, found = walked
    people = cohort.persons.merge(weighting.weights, on="person_id").set_index("person_id")
    rows = cohort.history[
        (cohort.history["recurrent"] == "uses")
        & ~cohort.history["away"]
        & (cohort.history["start_day"] < 180)
    ]
    last = rows["stop_day"].clip(upper=180).to_numpy(float)
    event = rows["events"].mask(rows["stop_day"] > 180, 0).to_numpy(int) > 0
    treated = rows["person_id"].map(people["arm"]).eq("intervention").to_numpy(float)
    fit = fit_cox(
        last, event, treated[:, None], entry=rows["start_day"].to_numpy(float),
        weight=rows["person_id"].map(people["weight"]).to_numpy(float),
    )  # fmt: skip
    told = row(found, "rate_ratio")
    assert told["estimate"] == pytest.approx(np.exp(fit.coefficients[0]), abs=1e-12)


def test_counts_add_up_to_the_people_and_the_curve_ends_on_the_mean(walked):
    found = walked[2]
    counts = found.recurrent_counts
    parts = counts[["none", "once", "twice", "more_often"]].sum(axis=1)
    assert (parts == counts["people"]).all()
    curve = found.recurrent_curves
    for arm in ("intervention", "comparator"):
        mine = curve[(curve["recurrent"] == "uses") & (curve["method"] == "iptw")]
        last = mine[mine["arm"] == arm].iloc[-1]
        told = row(found, f"mean_events_{arm}")
        assert last["day"] == 180
        for one, other in (("mean", "estimate"), ("conf_low", "conf_low")):
            assert last[one] == pytest.approx(told[other], abs=1e-12)


def test_of_four_people_the_means_are_those_worked_by_hand(study):
    """Comparator: events on days 1 and 3, death on day 2 of one of two: 1/2 + 1/2 * 1/1 = 1."""
    found = by_hand(
        study,
        {
            "A": ("short-term residential", [1], 2, True),
            "B": ("short-term residential", [3], 4, False),
            "C": ("intensive outpatient", [2, 3], 4, False),
            "D": ("intensive outpatient", [], 4, False),
        },
    )
    for measure, value in (("comparator", 1.0), ("intervention", 1.0), ("difference", 0.0)):
        told = row(found, f"mean_events_{measure}", method="unadjusted")
        assert told["estimate"] == pytest.approx(value, abs=1e-12)


def by_hand(study, people, horizon=4):
    protocol = alone(study, horizon)
    persons, stays, events = [], [], []
    for name, (level, uses, last, died) in people.items():
        persons.append((name, -400, last))
        stays.append((f"s{name}", name, f"F{name}", level, 0, 0, "completed", 2020, 40))
        events += [(name, day, "return to use") for day in uses]
        events += [(name, last, "death")] if died else []
    columns = ["stay_id", "person_id", "facility_id", "level_of_care", "start_day", "end_day",
               "exit_reason", "admission_year", "age_years"]  # fmt: skip
    records = Records(
        persons=pd.DataFrame(
            persons, columns=["person_id", "first_observed_day", "last_observed_day"]
        ),
        stays=pd.DataFrame(stays, columns=columns).assign(
            age_years=[40 + number % 2 for number in range(len(stays))]
        ),
        events=pd.DataFrame(events, columns=["person_id", "day", "kind"]),
    )
    cohort = assemble_cohort(records, protocol)
    weights = weight_cohort(cohort.persons, protocol)
    return compare(cohort, weights, protocol)


def alone(study, horizon):
    protocol = study(
        eligibility={"recorded": [], "washout_days": 0},
        estimand="ATE",
        analysis={
            "covariates": ["age_years"],
            "cluster": None,
            "recurrent_events": {"uses": {**USES, "horizon_days": horizon}},
        },
        outcomes={"relapse": {"horizon_days": 4}},
    )
    only = tuple(each for each in protocol.outcomes if each.name == "relapse")
    return replace(protocol, outcomes=only, noninferiority={})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_rates_and_deaths_are_found(study, seed):
    """Uses at 0.02 and 0.03 a day until death at 0.004 a day; the end of sight is independent."""
    rng, people = np.random.default_rng(seed), {}
    for number in range(1200):
        treated = bool(rng.random() < 0.5)
        death, sight = int(np.ceil(rng.exponential(250))), int(rng.integers(60, 300))
        last = min(death, sight)
        days = np.flatnonzero(rng.random(last) < (0.03 if treated else 0.02)) + 1
        level = "intensive outpatient" if treated else "short-term residential"
        people[f"P{number:04d}"] = (level, days.tolist(), last, death <= sight)
    found = by_hand(study, people, horizon=100)
    days = np.arange(1, 101)
    alive = np.exp(-0.004 * (days - 1))
    for arm, rate in (("intervention", 0.03), ("comparator", 0.02)):
        told = row(found, f"mean_events_{arm}")
        assert abs(told["estimate"] - rate * alive.sum()) < 3.5 * told["std_error"]
    told = row(found, "rate_ratio")
    assert abs(np.log(told["estimate"] / 1.5)) < 3.5 * told["std_error"]


def test_a_horizon_after_everyone_was_in_sight_is_refused(study):
    levels = ["short-term residential"] * 2 + ["intensive outpatient"] * 2
    people = {name: (level, [1, 2], 5, False) for name, level in zip("ABCD", levels, strict=True)}
    with pytest.raises(CohortError, match="in sight up to day 50"):
        by_hand(study, people, horizon=50)


# What leaves


def curve(people_with, events, in_sight):
    size = len(people_with)
    return pd.DataFrame(
        {
            "recurrent": "uses", "method": "iptw", "arm": "comparator",
            "day": range(0, 10 * size, 10), "mean": np.array(events) / 100, "conf_low": 0.0,
            "conf_high": 1.0, "people_with": people_with, "events": events, "in_sight": in_sight,
            "few_left_out": 0,
        }
    )  # fmt: skip


def test_a_step_that_few_people_make_again_and_again_is_not_told():
    """By day 20 nobody had a first one, and 15 events came: they can be one person's."""
    table = curve([0, 20, 20, 40], [0, 20, 35, 60], [90] * 4)
    assert release(table).table["day"].tolist() == [0, 10, 30]


def test_the_horizon_is_told_rather_than_a_step_close_before_it():
    table = curve([0, 20, 35, 40], [0, 20, 35, 60], [90] * 4)
    assert release(table).table["day"].tolist() == [0, 10, 30]


def test_a_tail_of_few_in_sight_is_cut_and_so_is_what_would_tell_of_it():
    table = curve([0, 20, 40, 45], [0, 20, 40, 50], [90, 80, 70, 9])
    assert release(table).table["day"].tolist() == [0, 10]


def test_few_people_with_more_than_one_hide_all_counts_of_how_often():
    counts = pd.DataFrame(
        {
            "recurrent": "uses", "arm": ["intervention", "comparator"], "people": [100, 100],
            "missing": 0, "none": [60, 60], "once": [36, 20], "twice": [4, 20],
            "more_often": [0, 0], "died": [0, 5], "days_at_risk": [900, 900], "days_away": [90, 90],
            "people_away": [50, 3],
        }
    )  # fmt: skip
    shown = release(counts).table
    assert shown.loc[0, ["none", "once", "twice", "more_often"]].isna().all()
    assert shown.loc[1, ["none", "once", "twice", "more_often"]].tolist() == [60, 20, 20, 0]
    assert shown["died"].isna().tolist() == [False, True]
    assert shown["days_away"].isna().tolist() == [False, True]
    assert "people_away" not in shown


def test_steps_are_told_in_the_order_of_their_importance():
    counts = np.array([[5, 0], [11, 0], [14, 20], [30, 20]])
    assert steps_told(counts, 11, [3, 1]).tolist() == [False, True, False, True]
    assert steps_told(counts, 11, [2, 3]).tolist() == [False, False, True, True]
