"""Every report says whether its protocol was frozen, and what has changed since."""

import json
from datetime import date

import pytest

from iop_outcomes.protocol.freezing import freeze, standing
from iop_outcomes.report.document import write_report


@pytest.fixture(scope="module")
def frozen(protocol):
    return freeze(
        protocol, {}, by="A. Person", on=date(2024, 5, 1), version="0.1.0", after_results=False
    )


def said(files):
    """Where a reader looks first, and the metrics."""
    page = files["report.html"].replace("&#39;", "'")
    return page, files["summary.md"], json.loads(files["metrics.json"])["protocol"]


def test_a_report_without_a_frozen_protocol_says_so(files):
    sentence = "The protocol is not frozen: nothing shows that it came before the results."
    page, summary, metrics = said(files)
    assert sentence in page
    assert sentence in summary
    assert metrics == {"frozen": False}


def test_a_report_under_the_frozen_protocol_names_its_hash_and_day(findings, protocol, frozen):
    page, summary, metrics = said(
        write_report(findings, protocol, standing(protocol, {}, frozen)).files
    )
    sentence = (
        f"Computed under the frozen protocol {frozen.protocol_hash}, frozen on 2024-05-01 by "
        "A. Person."
    )
    assert sentence in page
    assert sentence in summary
    assert (metrics["frozen"], metrics["frozen_on"]) == (True, "2024-05-01")


def test_a_report_under_another_protocol_says_which_places_changed(findings, protocol_with, frozen):
    other = protocol_with(question="Another one?", estimand="ATE")
    page, summary, metrics = said(write_report(findings, other, standing(other, {}, frozen)).files)
    for text in (page, summary):
        assert f"NOT the frozen protocol ({frozen.protocol_hash}, " in text
        assert "changed since at question, estimand." in text
    assert metrics["frozen"] is False
    assert metrics["changed"] == ["question", "estimand"]


def test_the_same_frozen_protocol_gives_the_same_bytes(findings, protocol, frozen):
    found = standing(protocol, {}, frozen)
    assert write_report(findings, protocol, found) == write_report(findings, protocol, found)
