"""Where people are, on the road: expected days in each state, and what leaves of them."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.cohort.whereabouts import whereabouts
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.records.schema import Records, empty_table
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.steps_told import most_steps_told
from iop_outcomes.statistics.estimating_equations import influence, uncertainty
from iop_outcomes.statistics.histories.multi_state import (
    expected_days_derivative,
    occupancy,
    sojourns,
)
from iop_outcomes.vocabulary import State

STATES = tuple(map(str, State))
RESIDENTIAL, IOP = "short-term residential", "intensive outpatient"


@pytest.fixture(scope="module")
def asked(study):
    return study(analysis={"states": {"horizon_days": 180}})


@pytest.fixture(scope="module")
def walked(road, asked):
    cohort, weighting = road(asked)
    return cohort, weighting, compare(cohort, weighting, asked)


def days(found, state, method="iptw"):
    table = found.days_in_states
    keys = (table["state"] == str(state)) & (table["method"] == method)
    return table[keys].set_index("arm")


# From records to states


def spans_of(stays, events=(), last=200, horizon=100):
    records = Records(
        persons=pd.DataFrame(
            {"person_id": ["P"], "first_observed_day": [-100], "last_observed_day": [last]}
        ),
        stays=pd.DataFrame(
            stays, columns=["level_of_care", "start_day", "end_day", "exit_reason"]
        ).assign(
            stay_id=[f"s{number}" for number in range(len(stays))],
            person_id="P",
            facility_id="F",
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
    found = whereabouts(people, records, horizon)
    return found[["start_day", "stop_day", "state", "moves_to"]].to_numpy().tolist()


def test_residential_then_intensive_outpatient_then_use_then_again_in_care():
    """The last day of IOP is a day of it; a night's stay ends on the day of discharge."""
    found = spans_of(
        [(RESIDENTIAL, 0, 28, "transferred"), (IOP, 28, 50, "completed"),
         ("inpatient", 80, 85, "completed")],
        [(60, "return to use")],
    )  # fmt: skip
    assert found == [
        [0, 28, State.CARE, State.INTENSIVE],
        [28, 51, State.INTENSIVE, State.COMMUNITY],
        [51, 60, State.COMMUNITY, State.AFTER_USE],
        [60, 80, State.AFTER_USE, State.READMITTED],
        [80, 85, State.READMITTED, State.COMMUNITY],
        [85, 100, State.COMMUNITY, State.COMMUNITY],
    ]


def test_death_lasts_and_the_end_of_sight_is_no_move():
    dead = spans_of([(RESIDENTIAL, 0, 10, "completed")], [(40, "death")], last=60)
    assert dead[-1] == [40, 100, State.DEAD, State.DEAD]
    lost = spans_of([(RESIDENTIAL, 0, 10, "completed")], last=60)
    assert lost[-1] == [10, 60, State.COMMUNITY, State.COMMUNITY]


def test_jail_counts_before_care_and_lasts_until_something_is_seen_outside():
    found = spans_of(
        [(IOP, 0, 20, "incarcerated"), ("outpatient", 45, 50, "completed")], horizon=60
    )
    assert [row[2:] for row in found] == [
        [State.INTENSIVE, State.JAIL],
        [State.JAIL, State.OUTPATIENT],
        [State.OUTPATIENT, State.COMMUNITY],
        [State.COMMUNITY, State.COMMUNITY],
    ]
    assert [row[:2] for row in found] == [[0, 20], [20, 45], [45, 51], [51, 60]]


def test_whoever_was_not_seen_for_a_day_is_nowhere():
    assert spans_of([(IOP, 0, None, None)], last=0) == []


def test_a_move_on_the_last_day_of_sight_is_seen():
    assert spans_of([(RESIDENTIAL, 0, 30, "completed")], last=30) == [
        [0, 30, State.CARE, State.COMMUNITY]
    ]


# Numbers


@pytest.mark.parametrize("method", ["unadjusted", "iptw"])
def test_days_are_those_of_the_functions_on_arrays(walked, method):
    cohort, weighting, found = walked
    people = cohort.persons.merge(weighting.weights, on="person_id")
    weight = people["weight"].to_numpy() if method == "iptw" else np.ones(len(people))
    rows, moved = cohort.whereabouts, {}
    for arm in ("intervention", "comparator"):
        members = np.flatnonzero(people["arm"] == arm)
        place = pd.Index(people["person_id"].iloc[members]).get_indexer(rows["person_id"])
        mine = rows[place >= 0]
        own = sojourns(
            place[place >= 0],
            mine["start_day"],
            mine["stop_day"],
            mine["state"].map(STATES.index),
            mine["moves_to"].map(STATES.index),
            len(STATES),
            members.size,
        )
        occupied = occupancy(own, weight[members])
        expected = occupied.expected_days(180)
        assert expected.sum() == pytest.approx(180)
        for place_of, state in enumerate(STATES):
            told = days(found, state, method)
            if len(told):
                assert told.loc[arm, "days"] == pytest.approx(expected[place_of], abs=1e-12)
        moved[arm] = np.zeros((len(people), len(STATES)))
        moved[arm][members] = expected_days_derivative(occupied, 180)
    if method == "unadjusted":
        difference = (moved["intervention"] - moved["comparator"])[:, STATES.index(State.CARE)]
        clusters = people["facility_id"].factorize()[0]
        error = uncertainty(influence(difference, weight), 0.95, clusters).std_error
        told = days(found, State.CARE, method).loc["difference"]
        assert told["std_error"] == pytest.approx(error, abs=1e-12)
    else:
        assert days(found, State.CARE).loc["difference", "se_method"].startswith("stacked")


def test_the_days_of_an_arm_add_up_to_the_horizon_and_shares_to_one(walked):
    found = walked[2]
    table = found.days_in_states
    sums = table.groupby(["method", "arm"])["days"].sum()
    for method in ("unadjusted", "iptw"):
        assert sums[method, "comparator"] == pytest.approx(180, abs=1e-9)
        assert sums[method, "difference"] == pytest.approx(0, abs=1e-9)
    shares = found.state_curves.groupby(["method", "arm", "day"])["probability"].sum()
    np.testing.assert_allclose(shares, 1, atol=1e-12)


def study_of(study, people, horizon):
    """A study of people: (level, nights or days of it, last day seen, day of death or None)."""
    protocol = study(
        eligibility={"recorded": [], "washout_days": 0},
        estimand="ATE",
        analysis={
            "covariates": ["age_years"],
            "cluster": None,
            "states": {"horizon_days": horizon},
        },
    )
    only = tuple(each for each in protocol.outcomes if each.name == "completion")
    protocol = replace(protocol, outcomes=only, noninferiority={})
    names = [f"P{number:04d}" for number in range(len(people))]
    level, stayed, last, died = zip(*people, strict=True)
    stays = pd.DataFrame(
        {
            "stay_id": names, "person_id": names, "facility_id": names, "level_of_care": level,
            "start_day": 0, "end_day": stayed, "exit_reason": "completed", "admission_year": 2020,
            "age_years": [40 + number % 2 for number in range(len(people))],
        }
    )  # fmt: skip
    persons = pd.DataFrame(
        {"person_id": names, "first_observed_day": -400, "last_observed_day": last}
    )
    deaths = [(name, day, "death") for name, day in zip(names, died, strict=True) if day]
    events = pd.DataFrame(deaths, columns=["person_id", "day", "kind"])
    records = Records(persons, stays, events=events if deaths else empty_table("events"))
    cohort = assemble_cohort(records, protocol)
    return compare(cohort, weight_cohort(cohort.persons, protocol), protocol)


def test_of_four_people_the_days_are_those_worked_by_hand(study):
    """Two nights and four nights of six days; IOP for days 0 and 1, and for days 0 to 2."""
    found = study_of(
        study,
        [
            (RESIDENTIAL, 2, 9, None),
            (RESIDENTIAL, 4, 9, None),
            (IOP, 1, 9, None),
            (IOP, 2, 9, None),
        ],
        horizon=6,
    )
    told = {state: days(found, state, "unadjusted")["days"].to_dict() for state in STATES}
    assert told[State.CARE] == {"intervention": 0, "comparator": 3, "difference": -3}
    assert told[State.INTENSIVE] == {"intervention": 2.5, "comparator": 0, "difference": 2.5}
    assert told[State.COMMUNITY] == {"intervention": 3.5, "comparator": 3, "difference": 0.5}


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_planted_exits_and_deaths_are_found_through_censoring(study, seed):
    """Nights end at 1/20 and IOP at 1/40 a day; death at 1/200 a day; sight ends at random."""
    rng, people = np.random.default_rng(seed), []
    for _ in range(1500):
        treated = bool(rng.random() < 0.5)
        stayed = int(rng.geometric(1 / 40 if treated else 1 / 20))
        death, sight = int(rng.geometric(1 / 200)), int(rng.integers(30, 200))
        people.append(
            (
                IOP if treated else RESIDENTIAL,
                min(stayed - treated, max(death - 1, 0) if treated else death),
                min(sight, death) if death <= sight else sight,
                death if death <= sight else None,
            )
        )
    found = study_of(study, people, horizon=60)
    day = np.arange(60)
    for arm, state, p in (
        ("intervention", State.INTENSIVE, 1 / 40),
        ("comparator", State.CARE, 1 / 20),
    ):
        told = days(found, state).loc[arm]
        truth = ((1 - p) ** day * (1 - 1 / 200) ** day).sum()
        assert abs(told["days"] - truth) < 3.5 * told["std_error"]
        dead = days(found, State.DEAD).loc[arm]
        assert abs(dead["days"] - (1 - (1 - 1 / 200) ** day).sum()) < 3.5 * dead["std_error"]


def test_a_horizon_after_everyone_was_in_sight_is_refused(study):
    people = [(level, 2, 9, None) for level in (RESIDENTIAL, RESIDENTIAL, IOP, IOP)]
    with pytest.raises(CohortError, match="in sight up to day 30"):
        study_of(study, people, horizon=30)


def test_they_are_refused_for_strategies_that_ask_for_more_than_a_start(study):
    for key, plan in (
        ("states", {"horizon_days": 90}),
        ("lengths_in_bands", {"read_at_days": [30]}),
        (
            "recurrent_events",
            {"uses": {"definition": "uses", "events": ["return to use"], "horizon_days": 90}},
        ),
    ):
        with pytest.raises(ProtocolError, match=f"analysis.{key}.*sustained"):
            study(
                strategies={"kind": "sustained", "sustained_days": 28},
                causal_contrast="per protocol",
                outcomes={"completion": {"horizon_days": 60}},
                analysis={key: plan},
            )


# What leaves


def stays_in(ever):
    """Days of one method in states that so many people of (intervention, comparator) are in."""
    rows = []
    for state, people in ever.items():
        for arm, count in zip(("intervention", "comparator"), people, strict=True):
            rows.append((state, arm, count))
        rows.append((state, "difference", pd.NA))
    table = pd.DataFrame(rows, columns=["state", "arm", "people_ever"])
    return table.assign(
        method="iptw", se_method="", horizon_days=90, days=1.0, std_error=1.0, conf_low=0.0,
        conf_high=2.0, missing=0, few_left_out=0,
    ).astype({"people_ever": "Int64"})  # fmt: skip


def test_a_state_of_few_is_hidden_with_that_of_the_next_in_both_arms():
    shown = release(
        stays_in({"in the community": (90, 80), "in jail": (40, 30), "dead": (3, 20)})
    ).table
    told = shown.groupby("state")["days"].count()
    assert told.to_dict() == {"dead": 0, "in jail": 0, "in the community": 3}
    assert "people_ever" not in shown


def curves_of(people):
    rows = [
        (state, day, count)
        for state, counts in people.items()
        for day, count in zip((0, 30, 60, 90), counts, strict=True)
    ]
    table = pd.DataFrame(rows, columns=["state", "day", "people_there"])
    ever = table.groupby("state")["people_there"].transform("max")
    return table.assign(
        arm="comparator", method="iptw", probability=table["people_there"] / 100,
        people_ever=ever, few_left_out=0,
    )  # fmt: skip


def test_a_day_on_which_few_have_moved_since_the_last_is_not_told():
    shown = release(
        curves_of(
            {"in the community": (0, 30, 35, 60), "in care by day and night": (100, 70, 65, 40)}
        )
    ).table
    assert sorted(set(shown["day"])) == [0, 30, 90]


def test_states_of_few_people_are_told_together():
    shown = release(
        curves_of(
            {
                "in the community": (0, 30, 45, 60),
                "in care by day and night": (80, 50, 35, 20),
                "in outpatient care": (20, 17, 14, 12),
                "dead": (0, 3, 6, 8),
            }
        )
    ).table
    assert set(shown["state"]) == {
        "in the community", "in care by day and night", "other states together",
    }  # fmt: skip
    assert sorted(set(shown["day"])) == [0, 30, 60, 90]


def test_of_steps_up_and_down_the_most_are_told_and_none_of_few():
    counts = np.array([[40, 0], [38, 2], [25, 15], [24, 16], [12, 28]])
    assert most_steps_told(counts, 11).tolist() == [True, False, True, False, True]
