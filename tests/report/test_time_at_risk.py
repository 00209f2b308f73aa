"""How long people were followed and where: what is shown of it, and what is hidden."""

import pytest

from iop_outcomes.report.disclosure import release
from iop_outcomes.report.time_page import time_table

TABLE = """
    outcome | arm          | people   | missing   | person_days | care_days | jail_days | {}
    relapse | intervention | {people} | {missing} | 9000        | 600       | 90        | {who}
"""


@pytest.fixture
def shown(drawn):
    """The released row of an arm; hidden cells are missing."""

    def of(people=200, missing=0, in_care=40, in_jail=20, outside=200):
        text = TABLE.format(
            "people_in_care | people_in_jail | people_outside",
            people=people,
            missing=missing,
            who=f"{in_care} | {in_jail} | {outside}",
        )
        return release(drawn(text)).table.iloc[0]

    return of


def hidden(row):
    return [
        name for name in ("people", "person_days", "care_days", "jail_days") if row.isna()[name]
    ]


def test_days_of_enough_people_are_shown_and_how_many_had_any_is_not(shown):
    row = shown()
    assert hidden(row) == []
    told = ["outcome", "arm", "people", "person_days", "care_days", "jail_days"]
    assert list(row.index) == told


@pytest.mark.parametrize(
    ("given", "cells"),
    [
        ({"in_jail": 3}, ["jail_days"]),
        ({"in_jail": 0}, []),
        ({"in_care": 10}, ["care_days"]),
        ({"in_care": 197}, ["care_days"]),
        ({"in_care": 200}, []),
        ({"in_care": 200, "outside": 4}, ["care_days", "jail_days"]),
        ({"missing": 2}, ["people", "person_days", "care_days", "jail_days"]),
        ({"people": 8, "in_care": 0, "in_jail": 0, "outside": 0}, ["people", "person_days"]),
    ],
)
def test_days_of_few_people_are_hidden_and_so_is_a_sum_that_would_tell_them(shown, given, cells):
    assert hidden(shown(**given))[: len(cells)] == cells
    assert len(cells) > 1 or hidden(shown(**given)) == cells


def test_the_report_tells_days_followed_beside_the_outcomes(files):
    table = files["tables/time_at_risk.csv"]
    assert "Of these in care by day and night" in table
    assert 'id="time_at_risk"' in files["report.html"]


def test_days_of_care_are_shares_of_the_days_followed(findings, protocol):
    exhibit = time_table(release(findings.time_at_risk), protocol)
    rows = exhibit.table.to_dict("records")
    raw = findings.time_at_risk.to_dict("records")
    assert len(rows) == len(raw) == 2 * len(protocol.outcomes)
    for row, days in zip(rows, raw, strict=True):
        share = f"({100 * days['care_days'] / days['person_days']:.1f}%)"
        assert row["Of these in care by day and night"].endswith((share, "–"))
