"""Outcomes that are a number in the report: what is hidden, how precisely means leave, words."""

from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.robustness import compare_alternatives
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.records.simulation import simulate_records
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import Findings, write_report
from iop_outcomes.report.suppression_of_means import mean_decimals

ROW = {
    "outcome": "depression", "method": "unadjusted", "arm": "intervention", "people": 300,
    "missing": 40, "mean": 9.123456, "standard_deviation": 5.123456, "std_error": 0.3,
    "smallest_cell": 300,
}  # fmt: skip
ESTIMATE = {
    "outcome": "depression", "measure": "mean_difference", "method": "iptw", "estimand": "ATO",
    "horizon_days": None, "estimate": -1.23456, "std_error": 0.34567, "conf_low": -1.91234,
    "conf_high": -0.55678, "se_method": "by hand", "n": 500, "effective_n": 450.5,
    "clusters": None, "verdict": None, "smallest_cell": 240, "fewest_missing": 0,
}  # fmt: skip


def means(*rows: dict) -> pd.DataFrame:
    return pd.DataFrame([{**ROW, **row} for row in rows])


def estimates(*rows: dict) -> pd.DataFrame:
    whole = ["horizon_days", "n", "clusters", "smallest_cell", "fewest_missing"]
    return pd.DataFrame([{**ESTIMATE, **row} for row in rows]).astype(dict.fromkeys(whole, "Int64"))


# What is hidden


@pytest.mark.parametrize(
    ("row", "mean_hidden", "people_hidden"),
    [
        ({}, False, False),
        ({"people": 10, "smallest_cell": 10}, True, True),
        ({"people": 11, "smallest_cell": 11}, False, False),
        ({"smallest_cell": 3}, True, False),  # nearly everyone has one score
        ({"missing": 10}, True, True),  # the arm's size is known
        ({"missing": 0}, False, False),
        ({"missing": 11}, False, False),
    ],
)
def test_a_mean_and_its_spread_rest_on_enough_people_and_tell_of_no_few(
    row, mean_hidden, people_hidden
):
    shown = release(means(row)).table.loc[0]
    assert shown[["mean", "standard_deviation"]].isna().all() == mean_hidden
    assert shown[["people", "missing"]].isna().all() == people_hidden


def test_what_a_mean_gives_away_is_itself_not_shown_and_neither_is_a_largest_score():
    assert list(release(means({})).table) == [
        *("outcome", "method", "arm", "people", "missing", "mean", "standard_deviation"),
        "decimals",
    ]


def test_an_arm_whose_mean_is_hidden_under_one_method_is_hidden_under_all():
    """Where few found no match, all scores less those of the matched are those of the few."""
    table = means({}, {"method": "iptw", "people": 296, "missing": 40, "smallest_cell": 4})
    other = means({"arm": "comparator"})
    shown = release(pd.concat([table, other], ignore_index=True)).table
    assert shown["mean"].isna().tolist() == [True, True, False]


def test_the_people_and_the_spread_of_the_matched_do_not_tell_how_many_found_none():
    table = means({}, {"method": "iptw", "people": 260, "missing": 35})
    shown = release(table).table
    for column in ("people", "missing", "standard_deviation"):
        assert shown[column].isna().tolist() == [False, True], column
    assert shown["mean"].notna().all()


def test_an_estimate_of_a_mean_that_rests_on_few_people_is_hidden_with_its_interval():
    shown = release(estimates({"smallest_cell": 10}, {"outcome": "days"})).table
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    assert shown[numbers].isna().all(axis=1).tolist() == [True, False]


@pytest.mark.parametrize(("n", "hidden"), [(495, True), (485, False), (500, False)])
def test_the_people_of_a_mean_less_those_of_a_risk_are_none_or_enough(n, hidden):
    risk = {"outcome": "relapse", "measure": "risk_difference", "horizon_days": 180, "n": 500}
    shown = release(estimates(risk, {"n": n})).table
    assert shown["n"].isna().tolist() == [False, hidden]


# How precisely


@pytest.mark.parametrize(
    ("std_error", "decimals"),
    [(738.7, 0), (12.0, 0), (9.0, 1), (0.34, 1), (0.05, 2), (0.004, 3), (1e-6, 3)],
)
def test_a_mean_has_as_many_decimals_as_its_error_has_a_digit_for(std_error, decimals):
    assert mean_decimals(estimates({"std_error": std_error})) == {"depression": decimals}


def test_means_leave_as_precise_as_they_are_printed_and_risks_as_before():
    risk = {"outcome": "relapse", "measure": "risk_difference", "estimate": 0.123456}
    shown = release(estimates({}, risk)).table
    told = shown.loc[0, ["estimate", "std_error", "conf_low", "conf_high"]].tolist()
    assert told == [-1.2, 0.35, -1.9, -0.6]
    assert shown.loc[1, "estimate"] == 0.123
    assert release(means({})).table.loc[0, ["mean", "standard_deviation"]].tolist() == [9.1, 5.1]


# The page


DEPRESSION = {
    "definition": "PHQ-9 total half a year after admission",
    "score": {"instrument": "phq9", "days": [150, 210], "unit": "points"},
}
RELAPSE = {"definition": "return to use", "events": ["return to use"], "competing": ["death"],
           "horizon_days": 90}  # fmt: skip


@pytest.fixture(scope="module")
def scored():
    """Simulated records with a second PHQ-9, half a year later, of most people."""
    records = simulate_records(900, seed=1, facilities=6)
    later = records.stays.drop_duplicates("person_id", keep=False).sample(frac=0.8, random_state=1)
    score = np.random.default_rng(1).integers(0, 28, len(later))
    later = later.assign(day=later["start_day"] + 180, instrument="phq9", score=score)
    columns = ["person_id", "day", "instrument", "score"]
    return replace(records, scores=pd.concat([records.scores, later[columns]], ignore_index=True))


@pytest.fixture(scope="module")
def report_of(scored, protocol_with):
    def build(outcomes: dict, **analysis) -> dict[str, str]:
        analysis = {"covariates": ["age_years", "sex"], **analysis}
        protocol = protocol_with(outcomes=outcomes, noninferiority={}, analysis=analysis)
        cohort = assemble_cohort(scored, protocol)
        weighting = weight_cohort(cohort.persons, protocol)
        findings = Findings(
            attrition=cohort.attrition,
            balance=weighting.balance,
            sample_size=weighting.sample_size,
            propensity=weighting.propensity,
            comparison=compare(cohort, weighting, protocol),
            robustness=compare_alternatives(scored, {"the same": protocol}),
            ledger=scored.ledger,
            broken_rules=scored.broken_rules,
            provenance=pd.DataFrame({"sha256": ["3f"]}),
            truth=scored.truth[:0],
        )
        return write_report(findings, protocol).files

    return build


@pytest.fixture(scope="module")
def both(report_of):
    asked = {"cluster": "facility_id", "subgroups": ["sex"]}
    return report_of({"relapse": RELAPSE, "depression": DEPRESSION}, **asked)


def test_means_stand_in_the_table_of_effects_with_their_unit(both):
    table = pd.read_csv(StringIO(both["tables/effects.csv"]))
    rows = table[table["Outcome"] == "depression from day 150 to 210"]
    assert rows["Measure"].tolist() == [
        "Mean, intensive outpatient care, points",
        "Mean, residential care, points",
        "Mean difference, points",
    ]
    assert rows["Weighted (95% CI)"].str.fullmatch(r"−?\d+\.\d \(−?\d+\.\d to −?\d+\.\d\)").all()


def test_people_and_standard_deviations_stand_by_arm(both):
    table = pd.read_csv(StringIO(both["tables/means.csv"]))
    assert table["Arm"].tolist() == ["intensive outpatient care", "residential care"]
    assert (table["People"].astype(str).str.replace("\u202f", "").astype(int) > 100).all()
    assert table["Weighted, mean (SD)"].str.fullmatch(r"\d+\.\d \(\d\.\d\)").all()


def test_no_verdict_is_passed_on_a_mean_and_no_number_needed_to_treat(both):
    (sentence,) = [line for line in both["summary.md"].splitlines() if "On depression" in line]
    assert "no margin can be set yet, so nothing is claimed about non-inferiority" in sentence
    assert "points (95% confidence interval; a lower mean is better)" in sentence
    assert "people the outcome is not known" in sentence
    needed = both["report.html"].partition("Number needed to treat")[2].partition("</p>")[0]
    assert "relapse" in needed
    assert "depression" not in needed


def test_points_and_percentage_points_never_share_an_axis(both):
    forest = both["figures/forest.svg"]
    assert "Mean difference, points" in forest
    assert "Risk difference, percentage points" in forest


def test_the_page_says_where_a_score_is_not_told_of_yet(both):
    page = both["report.html"]
    assert "Of outcomes that are a number (depression) nothing is told within subgroups" in page
    assert "Mean differences are not told without each cluster yet" in page


def test_a_study_of_a_score_alone_has_a_report(report_of):
    files = report_of({"depression": DEPRESSION})
    assert "Risk difference, percentage points" not in files["report.html"]
    assert "risk is better" not in files["report.html"]
    assert "the phq9 nearest to day 180" in files["report.html"]
    assert not [name for name in files if name.startswith("figures/incidence")]
