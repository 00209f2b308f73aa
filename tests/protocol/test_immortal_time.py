"""Which comparisons have immortal time, told from their timing alone."""

import pytest

from iop_outcomes.protocol.immortal_time import WORDS, Timing, immortal_time


@pytest.mark.parametrize(
    ("comparison", "timing", "expected"),
    [
        (
            "by the level of care that was entered on day 0",
            {"arm_decided_by_day": 0, "events_count_from_day": 1},
            Timing.ALIGNED,
        ),
        (
            "the same, the day of admission counting",
            {"arm_decided_by_day": 0, "events_count_from_day": 0},
            Timing.ALIGNED,
        ),
        (
            "by an earlier treatment",
            {"arm_decided_by_day": -30, "events_count_from_day": 1},
            Timing.ALIGNED,
        ),
        (
            "stepped down within 14 days of the exit, events from day 1",
            {"arm_decided_by_day": 14, "events_count_from_day": 1},
            Timing.IMMORTAL_TIME,
        ),
        (
            "the same, events from the last day on which a step-down counts",
            {"arm_decided_by_day": 14, "events_count_from_day": 14},
            Timing.IMMORTAL_TIME,
        ),
        (
            "the same among those event-free by then",
            {"arm_decided_by_day": 14, "events_count_from_day": 15},
            Timing.LANDMARK,
        ),
        (
            "the same with everyone cloned into both arms",
            {"arm_decided_by_day": 14, "events_count_from_day": 1, "cloned": True},
            Timing.CLONED,
        ),
        (
            "ever stepped down",
            {"arm_decided_by_day": None, "events_count_from_day": 15},
            Timing.IMMORTAL_TIME,
        ),
        (
            "ever stepped down, cloned",
            {"arm_decided_by_day": None, "events_count_from_day": 1, "cloned": True},
            Timing.CLONED,
        ),
    ],
)
def test_the_arm_must_be_known_before_events_count_or_everyone_be_in_both(
    comparison, timing, expected
):
    assert immortal_time(**timing) is expected, comparison


def test_every_timing_is_explained():
    assert set(WORDS) == set(Timing)
    assert "clone everyone into both arms" in Timing.IMMORTAL_TIME.words
