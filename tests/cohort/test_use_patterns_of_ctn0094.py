"""The published endpoints of CTN-0094, of the 1,780 people of it that are at hand.

561 of them were never randomised; they stay among the words, as they do in the published table
(Balise et al.; Brandt et al. 2024). Counts by arm are of the 1,219 who were.
"""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.cohort.agreement import agreement
from iop_outcomes.cohort.defined_outcomes import weekly_outcome
from iop_outcomes.protocol.definitions.reading import definition, read_definitions

EXACT = 1e-12  # shares are published with 15 digits
PUBLISHED = [one.id for one in read_definitions().values() if one.published_as]


@pytest.fixture(scope="module")
def reference(shared):
    path = shared / "data/ctn0094/outcomes_reference.csv"
    return pd.read_csv(path, dtype={"who": str}).set_index("who")


@pytest.fixture(scope="module")
def randomised(shared, reference):
    """The words of those who were randomised, and the arm they began in."""
    given = pd.read_csv(shared / "data/ctn0094/randomization.csv", dtype={"who": str})
    first = given[given["which"] == 1].set_index("who")["treatment"].rename("arm")
    return reference[["usePatternUDS"]].join(first, how="inner").reset_index()


def relapses(of, asked):
    """How many have the event, by arm."""
    found = weekly_outcome(asked, of.set_index("who")["usePatternUDS"])
    return found["status"].eq("event").groupby(of["arm"].to_numpy()).sum()


def test_the_table_has_1780_people_and_62_columns_of_endpoints(reference):
    assert reference.shape == (1780, 63)
    letters = reference["usePatternUDS"].str.cat()
    found = {letter: letters.count(letter) for letter in "-o+*_"}
    assert found == {"-": 10_873, "o": 25_525, "+": 4_853, "*": 622, "_": 0}


def test_every_published_column_has_a_definition(reference):
    claimed = {column for name in PUBLISHED for column in definition(name).published_as}
    assert claimed == set(reference.columns) - {"usePatternUDS"}


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_definition_equals_what_was_published_of_everyone(reference, name):
    asked = definition(name)
    found = weekly_outcome(asked, reference["usePatternUDS"]).set_index("person_id")
    assert found.index.tolist() == reference.index.tolist()
    answers = {"event": 1.0, "censored": 0.0, "no event": 0.0}
    mine = [found["status"].map(answers)] if "status" in found else [found["value"]]
    if "time" in found:
        mine.insert(0, found["time"])
    for column, values in zip(asked.published_as, mine, strict=True):
        published = reference[column].to_numpy(float)
        assert np.abs(values.to_numpy(float) - published).max() < EXACT, column


def test_events_of_everyone_by_definition(reference):
    names = ["REL-0094", "REL-DROP", "REL-LEE16", "REL-0051", "REL-SCH", "REL-JOH"]
    of = reference.reset_index().assign(arm="all")
    found = {name: int(relapses(of, definition(name))["all"]) for name in names}
    assert list(found.values()) == [1461, 1158, 1702, 1450, 1537, 1618]


def test_events_of_the_randomised_by_definition_and_arm(randomised, expect):
    names = ["REL-0094", "REL-DROP", "REL-LEE16", "REL-0051", "REL-SCH", "REL-JOH"]
    counts = pd.DataFrame({name: relapses(randomised, definition(name)) for name in names})
    counts.insert(0, "n", randomised.groupby("arm").size())
    expect(
        counts.reset_index(names="arm"),
        """
        arm                  | n   | REL-0094 | REL-DROP | REL-LEE16 | REL-0051 | REL-SCH | REL-JOH
        Inpatient BUP        | 138 | 74       | 70       | 121       | 73       | 85      | 100
        Inpatient NR-NTX     | 132 | 90       | 86       | 119       | 89       | 102     | 107
        Methadone            | 278 | 186      | 67       | 260       | 180      | 209     | 234
        Outpatient BUP       | 368 | 273      | 181      | 338       | 270      | 287     | 313
        Outpatient BUP + EMM | 151 | 144      | 102      | 151       | 144      | 147     | 151
        Outpatient BUP + SMM | 152 | 133      | 91       | 152       | 133      | 146     | 152
        """,
    )


@pytest.mark.parametrize(
    ("missed", "buprenorphine", "naltrexone"),
    [("positive", 73, 89), ("missed", 3, 1), ("left out", 5, 3)],
)
def test_what_a_missed_urine_counts_as_turns_the_comparison_of_ctn0051_round(
    randomised, missed, buprenorphine, naltrexone
):
    """One changed parameter of one definition; whoever left is what most relapses are made of."""
    published = definition("REL-0051")
    asked = replace(published, rule=replace(published.rule, missed=missed))
    found = relapses(randomised, asked)
    assert found["Inpatient BUP"] == buprenorphine
    assert found["Inpatient NR-NTX"] == naltrexone


def test_nearly_everyone_who_relapsed_in_ctn0051_had_left(randomised):
    of = randomised[randomised["arm"].str.startswith("Inpatient")]
    words = of.set_index("who")["usePatternUDS"]
    told = {name: weekly_outcome(definition(name), words) for name in ("REL-0051", "REL-DROP")}
    (row,) = agreement(told).to_dict("records")
    assert (row["first_events"], row["both_events"], row["people"]) == (162, 156, 270)
    assert row["kappa"] == pytest.approx(0.954, abs=5e-4)
    assert row["median_shift"] == 0
