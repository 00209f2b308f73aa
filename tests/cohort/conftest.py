"""Small cohorts from drawn tables.

Two people stand by in every cohort, so that neither arm is empty and somebody has the outcome:
one in intensive outpatient and one in short-term residential care, both admitted on day 0 after
years without treatment, both back to use on day 40. `seen` leaves them out again.

Episodes are built of drawn stays without bystanders: of person P at facility A, and nothing is
recorded of an exit, unless drawn.
"""

import pandas as pd
import pytest

from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.cohort.episode_rules import EpisodeRules
from iop_outcomes.cohort.episodes import build_episodes
from iop_outcomes.cohort.follow_up import follow_up, happenings
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.parsing import parse_protocol
from iop_outcomes.records.schema import Records, conform

BYSTANDERS = ["bystander in IOP", "bystander in residence"]
IN_CARE = pd.DataFrame(
    {
        "person_id": BYSTANDERS,
        "level_of_care": ["intensive outpatient", "short-term residential"],
        "start_day": 0,
        "end_day": 30,
        "exit_reason": "completed",
    }
)
RELAPSES = pd.DataFrame({"person_id": BYSTANDERS, "day": 40, "kind": "return to use"})
SIGHT = {"first_observed_day": -2000, "last_observed_day": 365}
PROTOCOL = {
    "title": "A study of a handful",
    "question": "Does anything help?",
    "source": {"kind": "site_export"},
    "eligibility": {"minimum_age_years": 18, "washout_days": 0},
    "strategies": {
        "intervention": ["intensive outpatient"],
        "comparator": ["short-term residential"],
        "intervention_name": "intensive outpatient care",
        "comparator_name": "residential care",
    },
    "time_zero": {"episode_gap_days": 7},
    "outcomes": {
        "relapse": {
            "definition": "return to use",
            "events": ["return to use"],
            "competing": ["death"],
            "horizon_days": 90,
        }
    },
    "estimand": "ATO",
    "analysis": {"covariates": ["age_years"]},
}


@pytest.fixture(scope="session")
def rows():
    """A table as plain rows, whatever its types; missing cells are None."""

    def of(table):
        return table.astype(object).where(table.notna(), None).to_dict("records")

    return of


@pytest.fixture(scope="session")
def expect(drawn, rows):
    """Hold the columns of a table that a drawn one has against it."""

    def equal(actual, text):
        expected = drawn(text)
        assert rows(actual[list(expected.columns)].reset_index(drop=True)) == rows(expected)

    return equal


@pytest.fixture(scope="session")
def ends(drawn):
    """Follow-up of the drawn people, given the drawn events."""

    def of(outcome, people, events="person_id | day | kind"):
        persons = drawn(people)
        usual = {"index_day": 0, "last_observed_day": 180, "exit_day": None, "exit_reason": None}
        persons = persons.assign(
            **{name: value for name, value in usual.items() if name not in persons},
            stay_row=range(len(persons)),
            person_row=range(len(persons)),
        ).astype({"exit_day": "Int64", "last_observed_day": "Int64", "exit_reason": object})
        return follow_up(persons, happenings(persons, conform("events", drawn(events))), outcome)

    return of


@pytest.fixture(scope="session")
def protocol():
    """A protocol with some of its sections changed."""

    def of(**sections):
        changed = {
            name: {**PROTOCOL[name], **value}
            if isinstance(PROTOCOL.get(name), dict) and name != "outcomes"
            else value
            for name, value in sections.items()
        }
        return parse_protocol({**PROTOCOL, **changed}, "protocol")

    return of


@pytest.fixture(scope="session")
def records(drawn):
    """Records of the drawn stays and of the bystanders.

    Everyone is seen from day -2000 to day 365 unless a column of persons is given: one value for
    all, or values by person.
    """

    def of(stays=None, *, events=None, scores=None, services=None, bystanders=True, **persons):
        both = [drawn(text) for text in [stays] if text] + [IN_CARE] * bystanders
        stays = pd.concat([_complete(table) for table in both], ignore_index=True)
        ids = stays["person_id"].drop_duplicates()
        persons = {**SIGHT, **persons}
        return Records(
            persons=pd.DataFrame(
                {"person_id": ids, **{name: _by_person(ids, name, persons) for name in persons}}
            ),
            stays=stays.assign(stay_id=range(len(stays)), facility_id=None, admission_year=2023),
            events=pd.concat([drawn(events or "person_id | day | kind")] + [RELAPSES] * bystanders),
            **({"scores": drawn(scores)} if scores else {}),
            **({"services": drawn(services)} if services else {}),
        )

    return of


def _complete(stays):
    unsaid = {"end_day": None, "exit_reason": None, "age_years": 40}
    return stays.assign(**{name: unsaid[name] for name in unsaid if name not in stays})


def _by_person(ids, column, persons):
    value = persons[column]
    if not isinstance(value, dict):
        return value
    return [value.get(person, SIGHT.get(column)) for person in ids]


@pytest.fixture(scope="session")
def seen():
    """Rows of a cohort's table that are not about bystanders."""
    return lambda table: table[~table["person_id"].isin(BYSTANDERS)]


@pytest.fixture(scope="session")
def assembled(records, protocol):
    """The cohort of drawn stays (and events, scores, days of sight) under a changed protocol."""

    def of(stays=None, *, under=None, **given):
        return assemble_cohort(records(stays, **given), protocol(**under or {}))

    return of


@pytest.fixture(scope="session")
def complaint(assembled):
    """What assembling says when it refuses."""

    def of(*stays, **given):
        with pytest.raises(CohortError) as caught:
            assembled(*stays, **given)
        message = str(caught.value)
        assert "\n" not in message, "a complaint is one sentence"
        return message

    return of


@pytest.fixture(scope="session")
def entered(assembled, seen):
    """Who of the drawn people is compared."""

    def of(stays, **given):
        return seen(assembled(stays, **given).persons)["person_id"].tolist()

    return of


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
