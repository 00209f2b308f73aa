"""What the report says of standard errors: which they are, and when clusters are few."""

from dataclasses import replace
from html import unescape

import pandas as pd
import pytest

from iop_outcomes.protocol.standard_errors import StandardErrors
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import write_report
from iop_outcomes.report.effects_notes import errors_note
from iop_outcomes.report.few_clusters import few_clusters_sentences
from iop_outcomes.report.target_trial import target_trial_table

CLUSTER = {
    "outcome": "relapse", "method": "iptw", "cluster": "F1", "how": "refitted", "estimate": 0.1,
    "conf_low": 0.0, "conf_high": 0.2, "verdict": "inconclusive", "whole": 0.1,
    "whole_verdict": "inconclusive", "not_estimated": "", "smallest_cell": 40, "clusters": 8,
    "effective_clusters": 5.25,
}  # fmt: skip


def shown(**effective):
    """The released answers without a cluster, with an effective number for each outcome."""
    rows = [
        {**CLUSTER, "outcome": outcome, "effective_clusters": number}
        for outcome, number in effective.items()
    ]
    return {"left_out": release(pd.DataFrame(rows))}


@pytest.fixture
def asking(protocol):
    """The protocol of this repository's own study, with parts of its plan changed."""

    def change(**plan):
        return replace(protocol, analysis=replace(protocol.analysis, **plan))

    return change


def test_few_clusters_are_told_with_their_effective_number_and_what_mends_it(protocol):
    told = few_clusters_sentences(shown(relapse=5.25, discontinuation=9.9), protocol)
    assert told == [
        "Few clusters (facility): by size and weight, those of the arm that has fewer count as 5.2 "
        "(relapse by day 180), 9.9 (discontinuation by day 90) equal ones. Summed within so few "
        "(CR1), standard errors tend to be too small and intervals too narrow, so a verdict may be "
        "too sure; analysis.standard_errors: {clusters: jackknife} in the protocol mends most of "
        "it."
    ]


def test_only_outcomes_with_few_clusters_are_named(protocol):
    (told,) = few_clusters_sentences(shown(relapse=37.6, discontinuation=6.0), protocol)
    assert "discontinuation" in told
    assert "relapse" not in told


def test_enough_clusters_or_none_need_no_word(protocol):
    assert few_clusters_sentences(shown(relapse=10.0), protocol) == []
    assert few_clusters_sentences({}, protocol) == []


def test_where_it_was_mended_nothing_is_said(asking):
    protocol = asking(standard_errors=StandardErrors(clusters="jackknife"))
    assert few_clusters_sentences(shown(relapse=5.0), protocol) == []


def test_what_mends_it_is_what_can_be_executed(asking):
    for plan in (
        {"weighting": "nearest neighbours"},
        {"standard_errors": StandardErrors(weights="known")},
    ):
        (told,) = few_clusters_sentences(shown(relapse=5.0), asking(**plan))
        assert "{weights: known, clusters: CR2}" in told


def test_the_page_says_so_beside_the_verdicts_and_below_the_effects(findings, protocol):
    few = findings.comparison.left_out.assign(effective_clusters=5.2)
    told = replace(findings, comparison=replace(findings.comparison, left_out=few))
    files = write_report(told, protocol).files
    (sentence,) = few_clusters_sentences(shown(relapse=5.2, discontinuation=5.2), protocol)
    assert unescape(files["report.html"]).count(sentence) == 2
    assert sentence in files["summary.md"]
    assert "Few clusters" not in write_report(findings, protocol).files["report.html"]


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ({}, "standard errors from stacked estimating equations, clustered by facility"),
        ({"weights": "known"}, "standard errors with the weights taken as known, clustered by"),
        ({"clusters": "jackknife"}, "standard errors by the jackknife, with the weights made anew"),
        (
            {"weights": "known", "clusters": "CR2"},
            "standard errors with the weights taken as known, by CR2, clustered by facility",
        ),
    ],
)
def test_the_target_trial_says_which_standard_errors_are_made(asking, errors, said):
    table = target_trial_table(asking(standard_errors=StandardErrors(**errors))).table
    assert said in table.set_index("Element").loc["Analysis", "In these records"]


def test_errors_are_told_by_column_and_for_rows_that_have_others(protocol):
    rows = pd.DataFrame(
        {
            "outcome": "relapse", "horizon_days": 180, "estimand": "ATO", "estimate": 0.1,
            "std_error": 0.02, "conf_low": 0.0, "conf_high": 0.2, "n": 900, "effective_n": 700.0,
            "clusters": 8, "verdict": None, "smallest_cell": 40, "fewest_missing": 0,
            "method": ["unadjusted", "aipw", "iptw", "iptw", "iptw"],
            "measure": [*["risk_difference"] * 3, "risk_ratio", "hazard_ratio"],
            "se_method": ["influence", "stacked", "jackknife", "jackknife", "stacked"],
        }
    )  # fmt: skip
    assert errors_note(release(rows), protocol) == (
        "Standard errors. Unadjusted: influence; AIPW and Weighted (hazard ratio, cause-specific): "
        "stacked; Weighted: jackknife. "
    )
