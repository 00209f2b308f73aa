"""Weights for censoring: what is hidden of them, and how the page says whether they work."""

from dataclasses import replace

import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol, read_section
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import write_report

DAY = {
    "outcome": "relapse", "method": "iptw", "arm": "intervention", "day": 180, "told_of": 400,
    "gone": 100, "mean_weight": 1.01, "largest_weight": 2.5, "effective": 350.0,
    "largest_smd_before": 0.2, "largest_smd_after": 0.03,
}  # fmt: skip
LEVEL = {
    "outcome": "relapse", "method": "iptw", "arm": "intervention", "day": 180, "covariate": "sex",
    "smd_before": 0.2, "smd_after": 0.03, "told_with": 200, "told_without": 200, "gone_with": 50,
    "gone_without": 50,
}  # fmt: skip


def days(*changes: dict) -> pd.DataFrame:
    return pd.DataFrame([{**DAY, **rest} for rest in changes]).astype({"day": "Int64"})


def levels(**changes: dict) -> pd.DataFrame:
    rows = [{**LEVEL, "level": name, **rest} for name, rest in changes.items()]
    return pd.DataFrame(rows).astype({"day": "Int64", "level": "str"})


def hidden_days(table: pd.DataFrame) -> list[bool]:
    shown = release(table).table
    assert not {"told_of", "gone"} & set(shown)
    return shown["largest_smd_before"].isna().tolist()


def hidden_levels(table: pd.DataFrame) -> list[str]:
    shown = release(table).table
    assert not {name for name in shown if name.startswith(("told", "gone"))}
    return shown.loc[shown["smd_before"].isna() & shown["smd_after"].isna(), "level"].tolist()


# What is hidden


def test_days_with_enough_people_told_of_and_gone_or_nobody_gone_are_shown():
    table = days({"day": 0, "gone": 0}, {"day": 90, "gone": 60}, {"day": 180})
    assert hidden_days(table) == [False, False, False]


@pytest.mark.parametrize("few", [{"gone": 10}, {"told_of": 10}, {"gone": 1}])
def test_a_day_with_few_gone_or_told_of_is_hidden_whole(few):
    shown = release(days(few)).table
    assert shown.drop(columns=["outcome", "method", "arm", "day"]).isna().all(axis=None)


def test_of_days_between_which_few_are_gone_the_later_is_shown():
    table = days({"day": 30, "gone": 40}, {"day": 60, "gone": 45}, {"day": 90, "gone": 60})
    assert hidden_days(table) == [True, False, False]


def test_so_is_the_same_day_of_another_outcome():
    table = days({"gone": 40}, {"outcome": "death", "gone": 42})
    assert hidden_days(table) == [False, True]


def test_where_people_are_in_both_arms_their_effective_number_stays_inside():
    shown = release(days({"method": "per_protocol"})).table
    assert shown["effective"].isna().all()
    assert shown["mean_weight"].notna().all()


def test_of_covariates_only_the_last_day_is_told():
    table = pd.concat([levels(female={"day": 90}), levels(female={})], ignore_index=True)
    assert release(table).table["day"].tolist() == [180]


def test_an_outcome_without_a_clock_is_told_once():
    table = levels(female={"day": pd.NA}, male={"day": pd.NA})
    assert len(release(table).table) == 2


@pytest.mark.parametrize("few", [{"gone_with": 3}, {"told_with": 10}, {"gone_without": 1}])
def test_a_level_that_few_have_hides_with_another_one(few):
    table = levels(a=few, b={}, c={"gone_with": 90, "told_with": 300})
    assert hidden_levels(table) == ["a", "b"]


def test_yes_alone_hides_where_few_have_it_not():
    assert hidden_levels(levels(yes={"gone_without": 4})) == ["yes"]


def test_a_level_that_differs_by_few_people_from_that_of_another_outcome_is_hidden():
    other = levels(female={"outcome": "death", "gone_with": 52})
    table = pd.concat([levels(female={}), other], ignore_index=True)
    assert release(table).table["smd_after"].isna().tolist() == [False, True]


# The page


@pytest.fixture(scope="module")
def asked(root):
    section = read_section(root / "params.yaml", "protocol")
    censoring = {"covariates": ["age_years", "sex", "phq9", "homeless"]}
    return parse_protocol({**section, "analysis": {**section["analysis"], "censoring": censoring}},
                          "protocol")  # fmt: skip


@pytest.fixture(scope="module")
def files(findings, records, asked):
    cohort = assemble_cohort(records, asked)
    found = compare(cohort, weight_cohort(cohort.persons, asked), asked)
    return write_report(replace(findings, comparison=found), asked).files


@pytest.fixture(scope="module")
def section(files):
    page = files["report.html"]
    return page[page.index('id="censoring-section"') : page.index('id="robustness-section"')]


def test_the_page_tells_balance_and_weights_by_day_and_by_covariate(section, files):
    assert "Whose follow-up ended early" in section
    assert "Largest SMD, not weighted for censoring" in section
    shown = pd.read_csv(pd.io.common.StringIO(files["tables/censoring.csv"]))
    assert {"Day", "Mean weight", "Largest weight", "Effective number"} <= set(shown)
    for outcome in ("relapse", "discontinuation"):
        assert f"tables/censoring_{outcome}.csv" in files


def test_numbers_of_people_gone_leave_in_no_table(files):
    for name, text in files.items():
        header = text.split("\n")[0] if name.endswith(".csv") else ""
        assert "gone" not in header and "told_of" not in header, name


def test_the_trial_table_says_what_those_still_followed_are_weighted_by(files):
    assert (
        "those still followed weighted for who is lost or not known, given"
        in (files["report.html"])
    )
    assert "both are weighted for (analysis)" in files["report.html"]


def test_a_mean_far_from_one_is_said_in_words(findings, asked, records, files):
    assert "far from 1" not in files["report.html"]
    cohort = assemble_cohort(records, asked)
    found = compare(cohort, weight_cohort(cohort.persons, asked), asked)
    off = found.censoring.assign(mean_weight=1.4)
    page = write_report(replace(findings, comparison=replace(found, censoring=off)), asked).files
    assert "The mean weight is far from 1" in page["report.html"]
    assert "1.40): the model of who is lost does not fit" in page["report.html"]


def test_without_the_section_nothing_of_it_is_on_the_page(findings, protocol):
    files = write_report(findings, protocol).files
    assert "censoring-section" not in files["report.html"]
    assert not [name for name in files if "censoring" in name]
