"""For whom, and whether it hangs on one facility: what is hidden, and how it is set."""

from dataclasses import replace

import pandas as pd
import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol, read_section
from iop_outcomes.report import document
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import write_report
from iop_outcomes.vocabulary import Verdict

LEVEL = {
    "outcome": "relapse", "method": "iptw", "estimand": "ATO", "horizon_days": 180,
    "covariate": "sex", "risk_intervention": 0.5, "risk_comparator": 0.4, "estimate": 0.1,
    "std_error": 0.02, "conf_low": 0.05, "conf_high": 0.15, "shrunken": 0.08,
    "shrunken_error": 0.02, "largest_smd": 0.05, "interaction_p": 0.04, "interaction_p_holm": 0.08,
    "people_intervention": 100, "people_comparator": 200, "events_intervention": 50,
    "event_free_intervention": 50, "events_comparator": 80, "event_free_comparator": 120,
    "fewest_apart": 0, "fewest_uncounted": 0, "not_estimated": "",
}  # fmt: skip
NUMBERS = ["estimate", "conf_low", "conf_high", "risk_intervention", "risk_comparator"]
TOGETHER = ["shrunken", "interaction_p", "interaction_p_holm"]


def levels(**changes: dict) -> pd.DataFrame:
    """Levels of a covariate by name, each as `LEVEL` with what is given changed."""
    return pd.DataFrame([{**LEVEL, "level": name, **rest} for name, rest in changes.items()])


def hidden(table: pd.DataFrame) -> list[str]:
    """Levels without an effect after their release."""
    shown = release(table).table
    gone = shown["estimate"].isna()
    assert shown.loc[gone, NUMBERS].isna().all(axis=None)
    return shown.loc[gone, "level"].tolist()


# ---------------------------------------------------------------- the rule of subgroups


def test_levels_with_enough_people_and_events_are_shown():
    shown = release(levels(female={}, male={})).table
    assert shown[[*NUMBERS, *TOGETHER, "people_intervention"]].notna().all(axis=None)


@pytest.mark.parametrize(
    "few",
    [
        {"people_intervention": 4, "events_intervention": 0, "event_free_intervention": 4},
        {"people_comparator": 10},
        {"events_intervention": 1},
        {"event_free_comparator": 10},
    ],
)
def test_a_level_with_few_people_or_events_is_hidden_with_the_other(few):
    """The whole less the other level would tell it."""
    assert hidden(levels(female={}, male=few)) == ["female", "male"]


def test_a_level_without_events_may_be_shown():
    """Nobody is no few, as everywhere at the gate."""
    assert hidden(levels(female={}, male={"events_intervention": 0})) == []


def test_of_many_levels_as_many_are_hidden_as_make_enough_together():
    """3 and 5 events are 8, so a third level joins; the fourth is shown."""
    table = levels(
        alcohol={"events_intervention": 3},
        cannabis={"events_intervention": 5},
        opioid={"events_intervention": 30},
        stimulant={},
    )
    assert hidden(table) == ["alcohol", "cannabis", "opioid"]


def test_what_all_levels_say_together_is_hidden_with_the_first_of_them():
    table = levels(alcohol={"events_intervention": 3}, cannabis={}, opioid={})
    shown = release(table).table
    assert shown["estimate"].isna().tolist() == [True, True, False]
    assert shown[TOGETHER].isna().all(axis=None)


def test_a_covariate_is_not_hidden_for_another():
    few = levels(female={}, male={"events_intervention": 3})
    other = levels(no={}, yes={}).assign(covariate="homeless")
    assert hidden(pd.concat([few, other], ignore_index=True)) == ["female", "male"]


def test_a_level_that_is_nearly_one_of_another_covariate_is_hidden():
    """The two differ by ten people, whose outcome the two effects would tell."""
    assert hidden(levels(no={}, yes={"fewest_apart": 10})) == ["no", "yes"]
    assert hidden(levels(no={}, yes={"fewest_apart": 11})) == []


def test_a_risk_that_is_a_share_of_people_does_not_tell_the_few_not_counted():
    assert hidden(levels(no={"fewest_uncounted": 2}, yes={})) == ["no", "yes"]


def test_people_are_hidden_as_in_table_1_whatever_happened_to_them():
    """Few events hide an effect; the people stay, because Table 1 shows them."""
    shown = release(levels(a={"events_intervention": 2}, b={}, c={"people_intervention": 5})).table
    assert shown["people_intervention"].isna().tolist() == [True, False, True]
    assert shown["people_comparator"].notna().all()


def test_neither_cells_nor_standard_errors_leave():
    inside = {"events_intervention", "event_free_comparator", "std_error", "fewest_apart"}
    assert not inside & set(release(levels(female={}, male={})).table)


# ---------------------------------------------------------------- the rule of leaving out

FACILITY = {
    "outcome": "relapse", "method": "iptw", "how": "refitted", "conf_low": 0.0, "conf_high": 0.09,
    "verdict": "non-inferior", "whole": 0.05, "whole_verdict": "non-inferior",
    "not_estimated": "", "smallest_cell": 20, "clusters": 4, "effective_clusters": 3.27,
}  # fmt: skip


def facilities(*rows: dict) -> pd.DataFrame:
    named = [{**FACILITY, "cluster": f"F{k}", **row} for k, row in enumerate(rows)]
    return pd.DataFrame(named)


FOUR = ({"estimate": 0.02}, {"estimate": 0.05}, {"estimate": 0.06}, {"estimate": 0.055})


def test_of_facilities_left_out_only_the_range_is_shown():
    shown = release(facilities(*FOUR)).table
    assert "cluster" not in shown
    (row,) = shown.to_dict("records")
    assert (row["lowest"], row["highest"], row["largest_move"]) == (0.02, 0.06, 0.03)
    assert (row["clusters"], row["told"], row["verdicts_moved"]) == (4, 4, 0)
    assert row["effective_clusters"] == 3.3


def test_a_facility_that_has_or_leaves_few_is_not_in_the_range():
    """The whole less the rest would be its few people."""
    few = ({**FOUR[0], "smallest_cell": 10}, *FOUR[1:])
    (row,) = release(facilities(*few)).table.to_dict("records")
    assert (row["lowest"], row["highest"], row["told"]) == (0.05, 0.06, 3)


def test_of_fewer_than_three_there_is_no_range():
    few = (*({**row, "smallest_cell": 3} for row in FOUR[:2]), *FOUR[2:])
    shown = release(facilities(*few)).table
    assert shown[["lowest", "highest", "largest_move", "verdicts_moved"]].isna().all(axis=None)


def test_how_many_facilities_move_the_verdict_is_counted_and_none_without_a_margin():
    moved = facilities({**FOUR[0], "verdict": "inconclusive"}, *FOUR[1:])
    without = facilities(*FOUR).assign(outcome="retention", verdict=None, whole_verdict=None)
    shown = release(pd.concat([moved, without], ignore_index=True)).table.set_index("outcome")
    assert shown.loc["relapse", "verdicts_moved"] == 1
    assert pd.isna(shown.loc["retention", "verdicts_moved"])


def test_a_facility_without_which_there_is_no_estimate_is_counted():
    gone = {"estimate": None, "verdict": None, "not_estimated": "an arm lies within one cluster"}
    shown = release(facilities(gone, *FOUR[1:])).table
    assert shown[["not_estimated", "told", "verdicts_moved"]].iloc[0].tolist() == [1, 3, 0]


# ---------------------------------------------------------------- the page


@pytest.fixture(scope="module")
def asked(root):
    own = read_section(root / "params.yaml", "protocol")
    subgroups = {"subgroups": ["sex", "prior_treatment", "age_years"], "cluster": None}
    own["analysis"] = {**own["analysis"], **subgroups}
    return parse_protocol(own, "protocol")


@pytest.fixture(scope="module")
def with_subgroups(findings, records, asked):
    """The findings of the study with subgroups asked for."""
    cohort = assemble_cohort(records, asked)
    found = compare(cohort, weight_cohort(cohort.persons, asked), asked)
    return replace(findings, comparison=found)


@pytest.fixture(scope="module")
def report(with_subgroups, asked):
    return write_report(with_subgroups, asked).files


def section(page: str, name: str) -> str:
    start = page.index(f'<section id="{name}">')
    return page[start : page.index("</section>", start)]


def test_for_whom_has_a_plot_and_a_table_for_each_outcome(report, asked):
    shown = section(report["report.html"], "for-whom")
    for outcome in asked.outcomes:
        assert f"figures/subgroups_{outcome.name}.svg" in report
        assert f'<table id="subgroups_{outcome.name}">' in shown
    for words in (
        "interaction p",
        "female",
        "age, years: over ",
        "No verdict is passed on a subgroup",
    ):
        assert words in shown


def test_no_verdict_is_passed_on_a_subgroup(report):
    shown = section(report["report.html"], "for-whom")
    assert not [verdict for verdict in Verdict if f"{verdict}" in shown]


def test_without_subgroups_asked_there_is_no_such_section(files):
    assert 'id="for-whom"' not in files["report.html"]
    assert not [path for path in files if "subgroups" in path]


def test_the_effects_of_the_levels_are_printed_as_released(report, released_tables):
    table = released_tables(report)["subgroups"].set_index(["outcome", "level"])
    row = table.loc[("relapse", "female")]
    difference = f"{100 * row['estimate']:.1f}".replace("-", "−")
    assert difference in section(report["report.html"], "for-whom")


def test_people_of_a_level_are_those_of_table_1(report, released_tables):
    tables = released_tables(report)
    keys = ["covariate", "level"]
    people = ["people_intervention", "people_comparator"]
    both = tables["subgroups"].merge(tables["balance"], on=keys, suffixes=("", "_of_table_1"))
    assert set(both["covariate"]) == {"sex", "prior_treatment"}
    for column in people:
        same = both[column].fillna(-1) == both[f"{column}_of_table_1"].fillna(-1)
        assert same.all()


def test_the_robustness_section_says_whether_it_hangs_on_one_facility(files, findings):
    shown = section(files["report.html"], "robustness-section")
    assert '<table id="left_out">' in shown
    assert "left out in turn" in shown
    facilities = findings.comparison.left_out["cluster"].unique()
    table = files["tables/data_left_out.csv"] + files["tables/left_out.csv"]
    assert len(facilities) > 20
    assert not [name for name in facilities if name in table]


def test_a_rare_level_is_neither_printed_nor_drawn_nor_written(
    findings_with_a_rare_level, released_tables
):
    table = released_tables(findings_with_a_rare_level)["subgroups"]
    rare = table[table["covariate"] == "sex"]
    assert (
        rare.loc[rare["level"] == "other", [*NUMBERS, "people_intervention"]].isna().all(axis=None)
    )
    assert rare["estimate"].isna().sum() > 1
    page = section(findings_with_a_rare_level["report.html"], "for-whom")
    assert "sex: other" in page


@pytest.fixture(scope="module")
def findings_with_a_rare_level(findings, records, asked):
    cohort = assemble_cohort(records, asked)
    persons = cohort.persons.copy()
    for arm in ("intervention", "comparator"):
        few = persons.index[persons["arm"] == arm][:6]
        persons.loc[few, "sex"] = "other"
    cohort = replace(cohort, persons=persons)
    weighting = weight_cohort(persons, asked)
    found = replace(
        findings,
        comparison=compare(cohort, weighting, asked),
        balance=weighting.balance,
        sample_size=weighting.sample_size,
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "svg", lambda figure, name: "<svg></svg>")
        return write_report(found, asked).files
