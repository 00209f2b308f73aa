"""Episodes of drawn stays.

A drawn stay is one of person P at facility A, and nothing is recorded of its exit, unless drawn.
"""

import pytest

from iop_outcomes.cohort.episode_rules import EpisodeRules
from iop_outcomes.cohort.episodes import build_episodes


@pytest.fixture(scope="session")
def built(drawn):
    """Build episodes of the drawn stays under changed rules."""

    def of(stays, persons=None, **rules):
        table = drawn(stays)
        usual = {"person_id": "P", "facility_id": "A", "end_day": None, "exit_reason": None}
        table = table.assign(**{name: usual[name] for name in usual if name not in table})
        persons = None if persons is None else drawn(persons)
        return build_episodes(table.astype({"end_day": "Int64"}), EpisodeRules(**rules), persons)

    return of


@pytest.fixture(scope="session")
def expect_segments(built, expect):
    """Hold the segments of drawn stays against drawn segments."""

    def equal(stays, segments, **rules):
        expect(built(stays, **rules).segments, segments)

    return equal


@pytest.fixture(scope="session")
def expect_episodes(built, expect):
    """Hold the episodes of drawn stays against drawn episodes."""

    def equal(stays, episodes, persons=None, **rules):
        expect(built(stays, persons, **rules).episodes, episodes)

    return equal
