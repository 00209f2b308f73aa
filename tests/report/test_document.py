"""The report as a whole: its files, what every one of them says, and what none may say."""

import json
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest

from iop_outcomes.protocol.parsing import protocol_hash
from iop_outcomes.report.document import truth_of_outcomes, write_report
from iop_outcomes.report.provenance import data_hash
from iop_outcomes.report.wording import percent

PEOPLE = {
    "people", "remaining", "excluded", "missing", "events", "competing", "censored", "at_risk", "n",
    "people_intervention", "people_comparator",
}  # fmt: skip
VOID = {"meta", "br", "hr", "img", "link", "input", "wbr"}


class Page(HTMLParser):
    """Elements of a page with their attributes, text and ancestors; refuses what does not close."""

    def __init__(self, text: str):
        super().__init__()
        self.elements: list[dict] = []
        self.open: list[dict] = []
        self.body_text: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open, [element["tag"] for element in self.open]

    def handle_starttag(self, tag, attrs):
        element = {"tag": tag, "text": "", "within": [e["tag"] for e in self.open], **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag, attrs):
        self.elements.append(
            {"tag": tag, "text": "", "within": [e["tag"] for e in self.open], **dict(attrs)}
        )

    def handle_endtag(self, tag):
        assert self.open and self.open[-1]["tag"] == tag, f"</{tag}> closes nothing"
        self.open.pop()

    def handle_data(self, data):
        for element in self.open:
            element["text"] += data
        if any(element["tag"] == "body" for element in self.open) and data.strip():
            self.body_text.append(data.strip())

    def all(self, *tags: str) -> list[dict]:
        return [element for element in self.elements if element["tag"] in tags]

    def one(self, tag: str) -> dict:
        (element,) = self.all(tag)
        return element


@pytest.fixture(scope="module")
def page(files):
    return Page(files["report.html"])


@pytest.fixture(scope="module")
def tables(files, released_tables):
    return released_tables(files)


# ---------------------------------------------------------------- files


def test_the_report_is_a_page_a_summary_metrics_figures_and_tables(files):
    figures = {
        "design",
        "flow",
        "love",
        "overlap",
        "incidence_relapse",
        "incidence_discontinuation",
        "forest",
    }
    tables = {"protocol", "attrition", "baseline", "effects", "outcomes", "exits", "robustness"}
    numbers = {f"data_{name}" for name in ("attrition", "balance", "estimates", "arms", "curves")}
    assert {"report.html", "summary.md", "metrics.json"} <= set(files)
    assert {path for path in files if path.endswith(".svg")} == {
        f"figures/{f}.svg" for f in figures
    }
    assert {f"tables/{name}.csv" for name in tables | numbers} <= set(files)


def test_every_figure_and_table_of_the_page_is_also_a_file(files, page):
    assert files["report.html"].count("<svg") == sum(path.endswith(".svg") for path in files)
    assert {f"tables/{table['id']}.csv" for table in page.all("table")} <= set(files)


def test_the_same_findings_give_the_same_bytes(files, findings, protocol):
    again = write_report(findings, protocol).files
    assert {path for path in files if files[path] != again[path]} == set()
    assert list(files) == list(again)


def test_every_file_is_text_that_can_be_written(files):
    for path, text in files.items():
        assert text.encode("utf-8"), path
        assert ".." not in path


# ---------------------------------------------------------------- simulated or not


def test_the_first_words_of_the_page_say_that_the_records_are_simulated(page):
    assert page.body_text[0] == "These records are simulated."


def test_the_first_words_of_the_summary_say_so_too(files):
    _title, _, lead, *_ = files["summary.md"].splitlines()
    assert lead.startswith("These records are simulated")


def test_nothing_says_so_where_no_truth_was_planted(real_files, protocol):
    page = Page(real_files["report.html"])
    assert page.body_text[0] == protocol.title
    words = page.one("body")["text"] + real_files["summary.md"]
    for spoken_by_the_protocol in (protocol.title, "before the records were simulated"):
        words = words.replace(spoken_by_the_protocol, "")
    assert "simulated" not in words
    assert "lanted truth" not in "\n".join(real_files.values())
    assert "tables/data_truth.csv" not in real_files


def test_real_records_carry_the_warning_that_assignment_was_not_random(real_files):
    assert "differences that were not recorded can explain any of this" in real_files["report.html"]


def test_the_planted_truth_stands_beside_the_estimates(files, findings, protocol):
    effects = pd.read_csv(StringIO(files["tables/effects.csv"]))
    truth = truth_of_outcomes(findings.truth, protocol)
    own = truth[(truth["estimand"] == "ATO") & (truth["measure"] == "risk_difference")]
    rows = effects[effects["Measure"].str.startswith("Risk difference")]
    assert rows["Planted truth"].astype(str).tolist() == [percent(value) for value in own["truth"]]
    assert rows["Outcome"].tolist() == ["relapse by day 180", "discontinuation by day 90"]
    assert effects["Planted truth"].notna().all()
    assert "planted truth" in files["figures/forest.svg"]


# ---------------------------------------------------------------- the page


def test_the_page_says_its_language_title_and_subject(page, protocol):
    assert page.one("html")["lang"] == "en"
    assert page.one("title")["text"] == protocol.title
    assert page.one("h1")["text"] == protocol.title
    assert any(meta.get("charset") == "utf-8" for meta in page.all("meta"))


def test_headings_do_not_skip_a_level(page):
    levels = [int(heading["tag"][1]) for heading in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_figure_says_what_it_shows(page):
    figures = page.all("figure")
    assert len(figures) == 7
    for figure in figures:
        assert figure["role"] == "img"
        assert len(figure["aria-label"]) > 20
    captions = [caption["text"] for caption in page.all("figcaption")]
    assert captions == [figure["aria-label"] for figure in figures]


def test_every_table_has_a_caption_and_headed_columns_and_rows(files):
    for table in re.findall(r"<table.*?</table>", files["report.html"], re.DOTALL):
        parsed = Page(table)
        assert parsed.one("caption")["text"].endswith(".")
        columns = [cell for cell in parsed.all("th") if cell["scope"] == "col"]
        rows = [cell for cell in parsed.all("th") if cell["scope"] == "row"]
        assert all(cell["text"].strip() for cell in columns)
        assert len(rows) == len(parsed.all("tr")) - 1 > 0
        assert len(parsed.all("td")) == len(rows) * (len(columns) - 1)


def test_the_page_needs_nothing_else(page, files):
    assert not page.all("script", "link", "iframe", "object", "embed", "img", "image")
    for element in page.elements:
        for attribute in ("src", "href", "xlink:href", "data", "srcset", "action"):
            assert element.get(attribute, "#").startswith("#"), element
        assert not any(name.startswith("on") for name in element)
    assert "@import" not in files["report.html"]
    assert all(
        target.startswith("#") for target in re.findall(r"url\(([^)]*)\)", files["report.html"])
    )


def test_every_link_inside_the_page_leads_to_one_place(page, files):
    ids = Counter(element["id"] for element in page.elements if "id" in element)
    links = [
        element[attribute].removeprefix("#")
        for element in page.elements
        for attribute in ("href", "xlink:href")
        if attribute in element
    ]
    links += re.findall(r"url\(#([^)]*)\)", files["report.html"])
    assert links
    assert {link for link in links if ids[link] != 1} == set()


def test_no_id_stands_twice_on_the_page(page):
    ids = Counter(element["id"] for element in page.elements if "id" in element)
    assert [name for name, times in ids.items() if times > 1] == []


def test_words_of_the_protocol_cannot_break_the_page(findings, protocol_with, protocol):
    outcomes = {
        outcome.name: {
            "definition": 'use of <b>any</b> "substance" & more',
            "events": list(outcome.events),
            "horizon_days": outcome.horizon_days,
        }
        for outcome in protocol.outcomes
    }
    hostile = protocol_with(title="</title><script>alert(1)</script>", outcomes=outcomes)
    text = write_report(findings, hostile).files["report.html"]
    page = Page(text)
    assert not page.all("script", "b")
    assert page.one("title")["text"] == hostile.title
    assert 'use of <b>any</b> "substance" & more' in page.one("main")["text"]


def test_a_study_without_alternatives_says_so(findings, protocol):
    none = replace(findings.robustness, estimates=findings.robustness.estimates[:0])
    report = write_report(replace(findings, robustness=none), protocol).files
    assert "The protocol names no alternative." in report["report.html"]


# ---------------------------------------------------------------- verdicts, hashes, metrics


def test_every_outcome_has_its_verdict_on_the_page_and_in_the_summary(page, files, protocol):
    verdicts = [
        line.removeprefix("- ") for line in files["summary.md"].splitlines() if line[:2] == "- "
    ]
    assert len(verdicts) == len(protocol.outcomes)
    for outcome, verdict in zip(protocol.outcomes, verdicts, strict=True):
        assert verdict.startswith(f"On {outcome.name}, ")
        assert verdict in page.one("body")["text"]


def test_the_page_and_the_summary_print_what_they_were_made_from(files, findings, protocol):
    for path in ("report.html", "summary.md"):
        assert protocol_hash(protocol) in files[path]
        assert data_hash(findings.provenance) in files[path]


def test_another_protocol_prints_another_hash(findings, protocol, protocol_with):
    other = write_report(findings, protocol_with(question="Another one?")).files
    assert protocol_hash(protocol) not in "".join(other.values())


def test_the_metrics_are_the_released_weighted_estimates_rounded(files, tables):
    metrics = json.loads(files["metrics.json"])
    weighted = tables["estimates"].query("method == 'iptw'")
    assert set(metrics) - {"protocol", "protocol_hash"} == set(weighted["outcome"])
    for row in weighted.to_dict("records"):
        told = metrics[row["outcome"]][row["measure"]]
        for name in ("estimate", "conf_low", "conf_high"):
            assert told[name] == round(told[name], 4) == pytest.approx(row[name], abs=1e-4)
        assert told.get("verdict") == (row["verdict"] if isinstance(row["verdict"], str) else None)


def test_hidden_estimates_are_null_in_the_metrics(findings_of):
    report = write_report(
        *findings_of("""
            people | arm          | days | status
            5      | intervention | 20   | event
            100    | intervention | 200  | censored
            70     | comparator   | 20   | event
            100    | comparator   | 200  | censored
        """)
    ).files
    told = json.loads(report["metrics.json"])["relapse"]
    assert told["risk_difference"] == dict.fromkeys(("estimate", "conf_low", "conf_high"))
    assert told["risk_comparator"]["estimate"] is not None
    assert "NaN" not in report["metrics.json"]
    assert "On relapse, the counts are too small to be shown." in report["summary.md"]


# ---------------------------------------------------------------- nobody is in it


def test_no_person_of_the_records_is_in_any_file(files, records):
    found = set(re.findall(r"P\d{6}", "\n".join(files.values())))
    assert not found & set(records.persons["person_id"])


def test_no_stay_of_the_records_is_in_any_file(files, records):
    assert not set(re.findall(r"S\d{6}", "\n".join(files.values()))) & set(records.stays["stay_id"])


def test_no_file_names_a_place_on_a_machine(files, root):
    text = "\n".join(files.values())
    assert str(root) not in text
    assert f"{Path.home()}/" not in text


def test_no_count_of_one_to_ten_people_is_released(tables):
    looked_at = set()
    for name, table in tables.items():
        for column in PEOPLE & set(table.columns):
            looked_at.add(column)
            assert not table[column].between(1, 10).any(), (name, column)
            assert (table[column].dropna() % 1 == 0).all(), (name, column)
    assert looked_at == PEOPLE


def test_no_released_share_of_an_arm_is_one_to_ten_people(tables):
    size = tables["sample_size"].set_index("arm")["people"]
    for arm, people in size.items():
        shares = [
            tables["exits"].query("arm == @arm")["share"],
            tables["propensity"].query("arm == @arm")["share"],
            tables["balance"].dropna(subset=["level"])[f"value_{arm}"],
        ]
        for share in shares:
            assert not (share * people).between(0.6, 10.4).any()


def test_no_table_tells_a_count_that_only_the_gate_may_know(tables):
    for name, table in tables.items():
        known_inside = {"smallest_cell", "fewest_missing", "enrolled", "person_id"}
        assert not known_inside & set(table.columns), name
    assert not {"at_risk", "events"} & set(tables["curves"].columns)


def test_formatted_tables_show_a_dash_where_the_numbers_are_hidden(files, tables):
    exits = pd.read_csv(StringIO(files["tables/exits.csv"])).set_index("Exit")
    hidden = tables["exits"][tables["exits"]["people"].isna()]
    assert len(hidden)
    for row in hidden.itertuples():
        assert exits.loc[row.reason, f"{row.level_of_care} (people)"] == "–"
    assert (exits == "–").sum(axis=None) == len(hidden)


# ---------------------------------------------------------------- which truth is whose

TRUTH = """
    events                                 | horizon_days | estimand | measure         | truth
    return to use                          | 90           | ATO      | risk_difference | 0.01
    return to use                          | 180          | ATO      | risk_difference | 0.02
    dropped out; terminated by the facility | 90          | ATO      | risk_difference | 0.03
    dropped out                            | 90           | ATO      | risk_difference | 0.04
"""


@pytest.fixture
def truths(drawn, protocol_with):
    def of(**outcomes) -> dict[str, list]:
        written = {
            name: {"definition": "as drawn", "events": events, "horizon_days": horizon}
            for name, (events, horizon) in outcomes.items()
        }
        protocol = protocol_with(outcomes=written, noninferiority={})
        table = truth_of_outcomes(drawn(TRUTH).assign(monte_carlo_error=0.001), protocol)
        return {name: rows["truth"].tolist() for name, rows in table.groupby("outcome")}

    return of


def test_an_outcome_has_the_truth_of_its_events_at_its_horizon(truths):
    assert truths(
        relapse=(["return to use"], 180),
        leaving=(["terminated by the facility", "dropped out"], 90),
    ) == {"relapse": [0.02], "leaving": [0.03]}


def test_an_outcome_of_other_events_or_another_day_has_no_truth(truths):
    assert truths(overdose=(["overdose"], 180), relapse=(["return to use"], 60)) == {}


def test_an_outcome_read_at_exit_has_no_truth_beside_one_that_has(truths):
    assert truths(at_exit=(["completed"], None), relapse=(["return to use"], 90)) == {
        "relapse": [0.01]
    }


def test_a_study_of_outcomes_at_exit_alone_has_no_truth_and_no_error(truths):
    assert truths(at_exit=(["completed"], None)) == {}
