"""Lengths of stay in bands on the road: risks at edges, bounds of days, what is refused."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.exits_in_bands import edges_of
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.parsing import parse_protocol, read_section
from iop_outcomes.records.ingestion import read_records
from iop_outcomes.records.schema import Records
from iop_outcomes.report.disclosure import release
from iop_outcomes.statistics.coarse_time.exit_hazards import fit_exit_hazards
from iop_outcomes.statistics.coarse_time.grouped_risks import mean_days_bounds, risk_at_edge
from iop_outcomes.statistics.coarse_time.grouped_time import grouped_exits, length_bands
from iop_outcomes.statistics.estimating_equations import influence, uncertainty
from iop_outcomes.vocabulary import ExitReason

LEFT_EARLY = ["dropped out", "terminated by the facility"]
OTHERS = [str(reason) for reason in ExitReason if reason not in LEFT_EARLY]
ASKED = {"read_at_days": [30, 60, 90], "exits": {"discontinuation": LEFT_EARLY, "rest": OTHERS}}
BANDS = ((31, 45), (46, 60), (61, 90), (91, 120), (121, 180), (181, 365), (366, None))


def with_lengths(study, **plan):
    return study(
        outcomes={"discontinuation": {"competing": [r for r in OTHERS if "not recorded" not in r]}},
        analysis={"lengths_in_bands": plan or ASKED},
    )


def in_bands(records: Records) -> Records:
    """The same stays as TEDS-D would know them."""
    stays = records.stays.copy()
    length = (stays["end_day"] - stays["start_day"]).clip(lower=1)
    stays["length_low_days"], stays["length_high_days"] = length, length
    for low, high in BANDS:
        inside = (length >= low) & (length <= (high or 10_000))
        stays.loc[inside.fillna(False), "length_low_days"] = low
        stays.loc[inside.fillna(False), "length_high_days"] = pd.NA if high is None else high
    stays["end_day"] = stays["end_day"].mask((length > 30).fillna(False))
    return replace(records, stays=stays)


def at(table, exit_, day, method="iptw"):
    rows = table[table["exit"].eq(exit_) & table["day"].eq(day) & table["method"].eq(method)]
    return rows.set_index("measure")


@pytest.fixture(scope="module")
def exact(road, study):
    protocol = with_lengths(study)
    return (*road(protocol), protocol)


@pytest.fixture(scope="module")
def found(exact):
    return compare(*exact)


@pytest.mark.parametrize("method", ["unadjusted", "iptw"])
def test_with_exact_days_it_says_what_the_ordinary_road_says(found, method):
    """Same risks, same clustered errors with the weights stacked, same intervals."""
    ordinary = found.estimates
    ordinary = ordinary[
        ordinary["outcome"].eq("discontinuation") & ordinary["method"].eq(method)
    ].set_index("measure")
    grouped = at(found.exit_risks, "discontinuation", 90, method)
    for measure in ("risk_intervention", "risk_comparator", "risk_difference"):
        for number in ("estimate", "std_error", "conf_low", "conf_high"):
            assert grouped.loc[measure, number] == pytest.approx(
                ordinary.loc[measure, number], abs=1e-12
            )
        assert grouped.loc[measure, "se_method"] == ordinary.loc[measure, "se_method"]


def test_it_equals_the_functions_on_arrays_person_by_person(exact, found):
    cohort, weighting, _ = exact
    people = cohort.persons.merge(weighting.weights, on="person_id").merge(
        cohort.lengths, on="person_id"
    )
    one = people["arm"].eq("comparator") & people["status"].ne("missing")
    arm, weight = people[one], people.loc[one, "weight"].to_numpy()
    bands = length_bands([*range(1, 91), np.inf])
    left = arm["status"].eq("event").to_numpy()
    low = arm["low_days"].to_numpy(float)
    band = np.where(left, bands.of(np.maximum(low, 1)), np.minimum(low, 90) - (low < 90))
    early = arm["reason"].isin(LEFT_EARLY).to_numpy()
    cause = np.where(left & (band < 90), np.where(early, 1, 2), 0)
    exits = grouped_exits(np.empty((len(arm), 0)), band, cause, bands.size, weight=weight)
    fit = fit_exit_hazards(exits)
    row = at(found.exit_risks, "discontinuation", 60).loc["risk_comparator"]
    assert row["estimate"] == pytest.approx(risk_at_edge(fit, 1, 59).value, abs=1e-12)
    days = found.days_in_care[found.days_in_care["method"].eq("iptw")].set_index("arm")
    bounds = mean_days_bounds(fit, bands, 90)
    assert days.loc["comparator", "days_lower"] == pytest.approx(bounds.lower.value, abs=1e-12)
    # Days are known exactly, so that there is nothing between the bounds.
    assert days.loc["comparator", "days_upper"] == pytest.approx(bounds.lower.value, abs=1e-9)
    known = influence(bounds.lower.derivative, weight)
    assert uncertainty(known, 0.95).std_error > 0


def test_bands_say_at_their_edges_what_exact_days_say(records, exact, found, study):
    """Nobody is lost from sight in a band here, so that nothing is lost by banding."""
    followed = records.persons.assign(last_observed_day=10_000)
    complete = replace(records, persons=followed)
    protocol = with_lengths(study)
    told = {}
    for name, source in (("exact", complete), ("banded", in_bands(complete))):
        cohort = assemble_cohort(source, with_lengths(study)) if name == "exact" else None
        asked = protocol
        if cohort is None:  # an outcome by day is refused there, one at exit is not
            asked = at_exit(study)
            cohort = assemble_cohort(source, asked)
        told[name] = compare(cohort, weight_cohort(cohort.persons, asked), asked)
    for day in (30, 60, 90):
        rows = [at(told[name].exit_risks, "discontinuation", day) for name in told]
        numbers = ["estimate", "std_error", "conf_low", "conf_high"]
        a, b = (table.drop(index="hazard_ratio", errors="ignore")[numbers] for table in rows)
        np.testing.assert_allclose(a, b, atol=1e-12)
    days = {name: found.days_in_care.set_index(["method", "arm"]) for name, found in told.items()}
    low = days["banded"]["days_lower"] <= days["exact"]["days_lower"] + 1e-9
    high = days["banded"]["days_upper"] >= days["exact"]["days_upper"] - 1e-9
    assert low.all() and high.all()
    assert (days["banded"]["days_upper"] - days["banded"]["days_lower"]).min() > 1


def at_exit(study, **plan):
    """Outcomes at exit, as TEDS-D has them."""
    outcome = {"definition": "completed", "events": ["completed"], "horizon_days": None}
    base = study(analysis={"lengths_in_bands": plan or ASKED})
    only = tuple(each for each in base.outcomes if each.name == "completion")
    assert outcome["events"] == list(only[0].events)
    return replace(base, outcomes=only, noninferiority={})


def test_a_day_within_a_band_is_refused_and_the_edges_beside_it_are_named(records, study):
    protocol = at_exit(study, read_at_days=[30, 75])
    cohort = assemble_cohort(in_bands(records), protocol)
    with pytest.raises(ProtocolError, match=r"day 75 lies within a band .* are 60 and 90"):
        compare(cohort, weight_cohort(cohort.persons, protocol), protocol)


def test_days_that_nobody_left_on_are_edges_unless_the_bands_are_those_of_teds():
    assert edges_of(np.array([1.0, 31]), np.array([1.0, 45]), 60)[-3:].tolist() == [30, 45, 60]
    assert edges_of(np.array([3.0, 10]), np.array([5.0, 14]), 16).tolist() == [
        1, 2, 5, 6, 7, 8, 9, 14, 15, 16,
    ]  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_planted_ratio_of_hazards_is_found_through_bands(seed, study, banded_world):
    """Leaving at 0.010 and 0.015 a day for dropping out, at 0.005 in both arms for completing."""
    found = banded_world(seed)
    ratio = at(found.exit_risks, "dropped out", 90, "unadjusted").loc["hazard_ratio"]
    assert abs(np.log(ratio["estimate"] / 1.5)) < 3.5 * ratio["std_error"]
    row = at(found.exit_risks, "dropped out", 60, "unadjusted")
    for measure, hazard in (("risk_comparator", 0.010), ("risk_intervention", 0.015)):
        total = hazard + 0.005
        truth = hazard / total * (1 - np.exp(-60 * total))
        assert abs(row.loc[measure, "estimate"] - truth) < 3.5 * row.loc[measure, "std_error"]


@pytest.fixture(scope="module")
def banded_world(study):
    def made(seed: int):
        rng, size = np.random.default_rng(seed), 6000
        treated = rng.random(size) < 0.5
        drop = rng.exponential(1 / np.where(treated, 0.015, 0.010))
        complete = rng.exponential(1 / 0.005, size)
        names = [f"P{number:05d}" for number in range(size)]
        stays = pd.DataFrame(
            {
                "stay_id": names,
                "person_id": names,
                "facility_id": [f"F{number % 40}" for number in range(size)],
                "level_of_care": np.where(
                    treated, "intensive outpatient", "short-term residential"
                ),
                "start_day": 0,
                "end_day": np.ceil(np.minimum(drop, complete)).astype(int),
                "exit_reason": np.where(drop < complete, "dropped out", "completed"),
                "admission_year": 2020,
                "age_years": rng.integers(18, 70, size),
            }
        )
        persons = pd.DataFrame(
            {"person_id": names, "first_observed_day": -400, "last_observed_day": 400}
        )
        protocol = study(
            eligibility={"recorded": []},
            analysis={
                "covariates": ["age_years"],
                "cluster": None,
                "lengths_in_bands": {"read_at_days": [60, 90]},
            },
        )
        only = tuple(each for each in protocol.outcomes if each.name == "completion")
        protocol = replace(protocol, outcomes=only, noninferiority={})
        cohort = assemble_cohort(in_bands(Records(persons, stays)), protocol)
        return compare(cohort, weight_cohort(cohort.persons, protocol), protocol)

    return made


def test_retention_of_the_teds_sample_is_one_less_the_risk_of_leaving(shared, root):
    """RET-30 and RET-90 go through the ordinary road; both roads say the same."""
    section = read_section(root / "src/iop_outcomes/protocol/examples/teds_d.yaml", "protocol")
    section["analysis"] = {**section["analysis"], "lengths_in_bands": ASKED}
    protocol = parse_protocol(section, "protocol")
    cohort = assemble_cohort(read_records(shared / "data/teds_d", protocol), protocol)
    found = compare(cohort, weight_cohort(cohort.persons, protocol), protocol)
    for outcome, day in (("retained_30", 30), ("retained_90", 90)):
        for method in ("unadjusted", "iptw"):
            rows = found.estimates
            rows = rows[rows["outcome"].eq(outcome) & rows["method"].eq(method)]
            rows = rows.set_index("measure")
            grouped = at(found.exit_risks, "any reason", day, method)
            for measure in ("risk_intervention", "risk_comparator"):
                kept, gone = rows.loc[measure], grouped.loc[measure]
                assert kept["estimate"] == pytest.approx(1 - gone["estimate"], abs=1e-12)
                assert kept["std_error"] == pytest.approx(gone["std_error"], abs=1e-10)  # Newton's


# What leaves


def counted(drawn_rows):
    """Rows of one method with so many gone, of 100 in each arm, at edges 10, 20 and 30."""
    rows = []
    for exit_, (one, other) in drawn_rows.items():
        for day, left, right in zip((10, 20, 30), one, other, strict=True):
            for measure, gone in (("risk_intervention", left), ("risk_comparator", right)):
                rows.append(
                    {"exit": exit_, "day": day, "measure": measure, "method": "iptw",
                     "estimate": gone / 100, "std_error": 0.01, "conf_low": 0.0, "conf_high": 1.0,
                     "se_method": "", "read": True, "left": gone, "people": 100, "missing": 0,
                     "few_left_out": 0}
                )  # fmt: skip
            both = {**rows[-1], "measure": "risk_difference", "left": pd.NA}
            rows.append({**both, "estimate": (left - right) / 100})
    return pd.DataFrame(rows).astype({"left": "Int64"})


def told(drawn_rows):
    table = release(counted(drawn_rows)).table
    return table.pivot(index=["exit", "day"], columns="measure", values="estimate").notna()


def test_an_edge_at_which_few_have_left_since_the_last_is_not_told():
    shown = told(
        {
            "any reason": ((20, 25, 60), (20, 40, 60)),
            "dropped out": ((20, 25, 60), (20, 40, 60)),
        }
    ).loc["any reason"]
    assert shown["risk_intervention"].tolist() == [True, False, True]
    assert shown["risk_comparator"].tolist() == [True, True, True]
    assert shown["risk_difference"].tolist() == [True, False, True]


def test_a_reason_of_few_is_hidden_with_another_in_both_arms():
    shown = told(
        {
            "any reason": ((40, 60, 64), (40, 60, 75)),
            "dropped out": ((20, 40, 40), (20, 40, 55)),
            "completed": ((20, 20, 20), (20, 20, 20)),
            "death": ((0, 0, 4), (0, 0, 0)),
        }
    )
    assert not shown.loc["death"].any().any()
    assert not shown.loc["completed"].any().any()
    assert shown.loc[("dropped out", 30)].all()
    assert not shown.loc[("dropped out", 20), "risk_intervention"]  # the hidden ones rise by four


def test_where_few_stay_the_edge_is_not_told_and_no_count_leaves():
    shown = told(
        {"any reason": ((20, 40, 95), (20, 40, 60)), "completed": ((20, 40, 95), (20, 40, 60))}
    )
    assert shown.loc["any reason", "risk_intervention"].tolist() == [True, True, False]
    table = release(counted({"any reason": ((20,) * 3, (20,) * 3)})).table
    assert not {"left", "people", "missing", "few_left_out"} & set(table.columns)
