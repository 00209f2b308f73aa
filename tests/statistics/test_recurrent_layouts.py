"""Rows of Cox models for events that can come again: by hand."""

import pytest

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.histories.recurrent_events import event_history
from iop_outcomes.statistics.histories.recurrent_layouts import (
    andersen_gill_rows,
    pwp_gap_time_rows,
    pwp_total_time_rows,
    wlw_rows,
)

LAYOUTS = (
    andersen_gill_rows,
    pwp_total_time_rows,
    pwp_gap_time_rows,
    lambda history: wlw_rows(history, 3),
)


def test_rows_of_a_person_with_two_events_and_days_away():
    """At risk on days 1-3 (event), 6-8, 9-10 (event), 11-12; given out of order."""
    mine = event_history([0] * 4, [10, 0, 8, 5], [12, 3, 10, 8], [0, 1, 1, 0])

    def table(rows):
        return [
            (int(a), int(b), bool(c), int(d))
            for a, b, c, d in zip(rows.start, rows.stop, rows.event, rows.stratum, strict=True)
        ]

    assert table(andersen_gill_rows(mine)) == [
        (0, 3, True, 0), (5, 8, False, 0), (8, 10, True, 0), (10, 12, False, 0),
    ]  # fmt: skip
    assert table(pwp_total_time_rows(mine)) == [
        (0, 3, True, 1), (5, 8, False, 2), (8, 10, True, 2), (10, 12, False, 3),
    ]  # fmt: skip
    assert table(pwp_gap_time_rows(mine)) == [
        (0, 3, True, 1), (2, 5, False, 2), (5, 7, True, 2), (0, 2, False, 3),
    ]  # fmt: skip
    assert table(pwp_gap_time_rows(mine, most=2)) == table(pwp_gap_time_rows(mine))[:3]
    assert table(wlw_rows(mine, 2)) == [
        (0, 3, True, 1), (0, 3, False, 2), (5, 8, False, 2), (8, 10, True, 2),
    ]  # fmt: skip


def test_two_events_on_a_day_have_no_order_for_a_cox_model():
    twice = event_history([0], [0], [3], [2])
    for layout in LAYOUTS:
        with pytest.raises(CohortError, match="two events of a person share a day"):
            layout(twice)
