"""How the definition changes the answer: what of it leaves, and how it stands on the page."""

from dataclasses import replace
from io import StringIO

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import release
from iop_outcomes.report.document import write_report

COUNTS = """
    outcome | definition | arm          | people | missing | events | competing | censored
    relapse | events     | intervention | 368    | 0       | 271    | 0         | 0
    relapse | events     | comparator   | 278    | 0       | 188    | 0         | 0
    relapse | narrower   | intervention | 368    | 0       | 265    | 0         | 0
    relapse | narrower   | comparator   | 278    | 0       | 170    | 0         | 0
    relapse | wider      | intervention | 368    | 0       | 339    | 3         | 4
    relapse | wider      | comparator   | 278    | 0       | 254    | 0         | 0
"""
PAIRS = """
    outcome | first  | second   | people | first_events | second_events | both_events | kappa | median_shift | smallest_cell
    relapse | events | narrower | 646    | 459          | 435           | 435         | 0.91  | 7            | 6
    relapse | events | wider    | 646    | 459          | 593           | 459         | 0.36  | 14           | 24
    relapse | events | equal    | 646    | 459          | 459           | 459         | 1     | 0            | 90
"""  # noqa: E501
ARMS = ("intervention", "comparator")
NAMES = ("events", "REL-A", "REL-B", "REL-C")


@pytest.fixture
def shown(drawn):
    """Events that are shown, by definition and arm, of the drawn counts with some cells changed."""

    def of(**columns):
        table = drawn(COUNTS).assign(**columns)
        return release(table).table.pivot(index="definition", columns="arm", values="events")

    return of


@pytest.fixture(scope="module")
def page_table(files):
    return pd.read_csv(StringIO(files["tables/definitions_relapse.csv"]), dtype=str)


# ---------------------------------------------------------------- counts


def test_counts_that_differ_by_few_people_from_the_main_ones_are_hidden_in_both_arms(shown):
    """In the first arm 271 less 265 are six people whom only one of the two tells the event of."""
    found = shown()
    assert found.loc["narrower"].isna().all()
    assert found.loc["events", list(ARMS)].tolist() == [271, 188]


def test_competing_and_censored_people_that_are_not_told_need_no_cover(shown):
    assert shown().loc["wider", list(ARMS)].tolist() == [339, 254]


def test_the_competing_people_of_the_main_definition_are_told_elsewhere_and_are_covered(shown):
    """Three competing events stand in the table of outcomes, where 271 events would tell them."""
    main = {"competing": [3, 0, 0, 0, 0, 0], "censored": [400, 0, 0, 0, 0, 0]}
    people = {"people": [674, 278, 674, 278, 674, 278]}
    assert shown(**people, **main).loc["events"].isna().all()


def test_the_same_count_under_another_name_does_not_tell_a_hidden_one(shown):
    main = {"competing": [3, 0, 0, 0, 0, 0], "censored": [400, 0, 0, 0, 0, 0]}
    people = {"people": [674, 278, 674, 278, 674, 278]}
    found = shown(**people, **main, events=[271, 188, 271, 188, 339, 254])
    assert found.loc["narrower"].isna().all()
    assert found.loc["wider"].notna().all()


def test_people_of_whom_few_cannot_be_told_are_hidden_with_their_events(drawn):
    table = drawn(COUNTS).assign(missing=[0, 0, 0, 0, 4, 0], people=[368, 278, 368, 278, 364, 278])
    found = release(table).table.set_index(["definition", "arm"])
    assert found.loc["wider", ["people", "missing", "events"]].isna().all(axis=None)
    assert found.loc[("events", "intervention"), "people"] == 368


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 120)] * 4), min_size=2, max_size=4))
def test_no_two_shown_counts_of_an_arm_differ_by_few_people(cells):
    rows = [
        (name, arm, max(people, events), events)
        for name, (one, events_one, other, events_other) in zip(NAMES, cells, strict=False)
        for arm, people, events in zip(ARMS, (one, other), (events_one, events_other), strict=True)
    ]
    table = pd.DataFrame(rows, columns=["definition", "arm", "people", "events"])
    table = table.assign(outcome="relapse", missing=0, competing=0, censored=0)
    found = release(table).table
    for _, arm in found.groupby("arm"):
        for column in ("people", "events"):
            told = arm[column].dropna().astype(int).tolist()
            assert not any(0 < count < 11 for count in told)
            assert not any(0 < abs(one - other) < 11 for one in told for other in told)
    hidden = found["events"].isna().groupby(found["definition"]).nunique()
    assert (hidden == 1).all(), "one arm alone would be told by the difference"


# ---------------------------------------------------------------- agreement


def test_agreement_that_rests_on_few_people_of_an_arm_is_hidden(drawn):
    found = release(drawn(PAIRS)).table.set_index("second")
    assert found.loc["narrower", ["kappa", "median_shift"]].isna().all()
    assert found.loc["wider", ["kappa", "median_shift"]].tolist() == [0.36, 14]
    assert found.loc["equal", "kappa"] == 1


def test_of_how_many_people_a_pair_is_told_stays_inside(drawn):
    shown = release(drawn(PAIRS)).table
    assert list(shown) == ["outcome", "first", "second", "kappa", "median_shift"]


@pytest.mark.parametrize("few", [1, 10])
def test_a_pair_that_hardly_anyone_can_be_told_of_by_both_is_hidden(drawn, few):
    table = drawn(PAIRS).assign(people=few, smallest_cell=few)
    assert release(table).table[["kappa", "median_shift"]].isna().all(axis=None)


# ---------------------------------------------------------------- the page


def test_the_page_has_a_section_with_a_row_for_each_definition(files, page_table):
    page = files["report.html"]
    assert "How the definition changes the answer" in page
    assert '<a href="#definitions-section">' in page
    definitions = page_table["Definition"].tolist()
    assert definitions[0].endswith("(as in the protocol)")
    assert [text.split(":")[0] for text in definitions[1:]] == [
        "REL-USE", "REL-READ", "REL-READ-180",
    ]  # fmt: skip
    assert definitions[2] == "REL-READ: readmission to care by day and night"


def test_the_numbers_of_the_page_are_those_that_were_estimated(findings, page_table):
    told = findings.comparison.definitions
    rows = told[(told["measure"] == "risk_difference") & (told["method"] == "iptw")]
    effects = page_table["Risk difference, points (95% CI)"]
    for printed, row in zip(effects, rows.to_dict("records"), strict=True):
        assert printed.startswith(f"{100 * row['estimate']:.1f}".replace("-", "−"))
    agreement = findings.agreement[findings.agreement["first"] == "events"]
    kappas = [f"{kappa:.2f}" for kappa in agreement["kappa"]]
    assert page_table["Kappa"].tolist()[1:] == kappas
    assert page_table["Median shift, days"].tolist()[-1] == "no clock"


def test_the_page_says_what_each_makes_of_what_was_not_recorded_and_its_caveat(files):
    page = files["report.html"]
    assert "Not recorded (REL-READ-180): Whoever was not seen for long enough" in page
    assert "REL-READ-180: An open index episode has no readmission." in page


def test_the_row_of_the_protocol_is_not_compared_with_itself(page_table):
    assert page_table.loc[0, ["Kappa", "Median shift, days"]].isna().all()


def test_unadjusted_risks_of_other_definitions_do_not_leave(released_tables, files):
    effects = released_tables(files)["definition_effects"]
    assert set(effects["method"]) == {"iptw"}
    assert set(effects["measure"]) == {"risk_difference"}
    assert effects["verdict"].isna().all()


def test_a_report_without_other_definitions_has_no_such_section(findings, protocol):
    alone = tuple(replace(outcome, other_definitions=()) for outcome in protocol.outcomes)
    one: Protocol = replace(protocol, outcomes=alone)
    comparison = replace(
        findings.comparison,
        definitions=findings.comparison.definitions[:0],
        definition_arms=findings.comparison.definition_arms[:0],
    )
    bare = replace(findings, comparison=comparison, agreement=findings.agreement[:0])
    files = write_report(bare, one).files
    assert "How the definition changes the answer" not in files["report.html"]
    assert not [name for name in files if "definition" in name or "agreement" in name]
