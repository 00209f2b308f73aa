"""Hazard ratios and their tests as they are shown, and what is hidden of them."""

from dataclasses import replace
from io import StringIO

import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.survival_plan import Bands, HazardPlan, RiskInterval
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import write_report
from iop_outcomes.report.hazards_page import band_words, hazards_exhibits
from iop_outcomes.report.tables import effects_table
from iop_outcomes.report.wording import HIDDEN

NUMBERS = ["chi_squared", "p_value", "not_tested", "equality_p"]


def asking(protocol, **plan):
    return replace(protocol, analysis=replace(protocol.analysis, **plan))


@pytest.fixture(scope="module")
def asked(protocol):
    ratios = HazardPlan(ratio="both")
    return asking(protocol, hazards=ratios, bands=Bands.SIMULTANEOUS)


@pytest.fixture(scope="module")
def shown(findings, records, asked):
    """The files of the report with hazard ratios."""
    cohort = assemble_cohort(records, asked)
    found = compare(cohort, weight_cohort(cohort.persons, asked), asked)
    return write_report(replace(findings, comparison=found), asked).files


def row_of_test(**changes):
    row = {
        "outcome": "relapse",
        "method": "iptw",
        "estimand": "ATO",
        "measure": "hazard_ratio",
        "transform": "km",
        "chi_squared": 4.1234,
        "df": 1,
        "p_value": 0.0423,
        "not_tested": "",
        "equality_test": "log-rank",
        "equality_p": 0.3712,
        "smallest_cell": 40,
        "fewest_missing": 0,
    }
    return pd.DataFrame([row | changes])


@pytest.mark.parametrize(
    ("changes", "hidden"),
    [
        ({}, False),
        ({"smallest_cell": 10}, True),
        ({"smallest_cell": 0}, False),
        ({"fewest_missing": 3}, False),
        ({"fewest_missing": 3, "method": "unadjusted"}, True),
        ({"fewest_missing": 3, "estimand": "ATT"}, True),
    ],
)
def test_a_test_that_few_people_stand_behind_is_hidden_with_its_reason(changes, hidden):
    """The rule of the ratio that it is about."""
    table = release(row_of_test(**changes)).table
    assert table[NUMBERS].isna().all(axis=None) == hidden
    assert not {"smallest_cell", "fewest_missing"} & set(table)


def test_a_test_leaves_as_precise_as_it_is_printed():
    table = release(row_of_test()).table
    assert table[["chi_squared", "p_value", "equality_p"]].iloc[0].tolist() == [4.12, 0.042, 0.371]


@pytest.mark.parametrize(
    ("changes", "chi_squared", "sentence"),
    [
        ({}, "4.12", "an average over these days"),
        ({"p_value": 0.2}, "4.12", "no proof"),
        ({"chi_squared": None, "p_value": None, "not_tested": "nobody"}, "", "nobody"),
        ({"smallest_cell": 4}, HIDDEN, HIDDEN),
    ],
)
def test_what_a_test_says_stands_beside_it_in_words(asked, changes, chi_squared, sentence):
    released = {"proportional_hazards": release(row_of_test(**changes))}
    (exhibit,) = hazards_exhibits(released, asked)
    row = exhibit.table.iloc[0]
    assert row["Chi squared"] == chi_squared
    assert sentence in row["The ratio"]


def test_a_report_that_was_not_asked_has_no_word_of_hazards(files):
    assert "proportional_hazards" not in "".join(files)
    assert "azard ratio" not in files["report.html"]


def test_a_report_that_was_asked_shows_ratios_their_test_and_what_they_are_not(shown):
    page = shown["report.html"]
    assert '<table id="proportional_hazards">' in page
    assert "Hazard ratio, cause-specific" in shown["tables/effects.csv"]
    assert "No verdict rests on them" in page
    assert "neither proves arms alike" in page
    assert "equality_p" in shown["tables/data_proportional_hazards.csv"]


def test_the_caption_names_the_band_that_is_drawn(shown, files, protocol, asked):
    assert "with pointwise confidence intervals; numbers" in files["report.html"]
    assert f"with {band_words(asked)}; numbers" in shown["report.html"]
    assert "simultaneous" in band_words(asked)
    assert band_words(protocol) == "pointwise confidence intervals"


def test_a_scale_that_is_not_the_customary_one_is_named(protocol, released):
    plain = asking(protocol, risk_interval=RiskInterval.PLAIN)
    assert "plain scale" in effects_table(released["estimates"], None, plain).note
    assert "scale" not in effects_table(released["estimates"], None, protocol).note


def test_medians_stand_with_their_intervals(files):
    table = files["tables/outcomes.csv"]
    assert "not reached" in table
    arms = pd.read_csv(StringIO(files["tables/data_arms.csv"]))
    row = arms.query("outcome == 'relapse' and method == 'unadjusted'").iloc[0]
    told = f"{row['median_days']:g} ({row['median_low']:g} to {row['median_high']:g})"
    assert told in table
