"""What is said about a key or a value: its path in the file, the fault, and the mend."""

import pytest

from iop_outcomes.protocol.parsing import read_protocol
from iop_outcomes.protocol.specification import KINDS
from iop_outcomes.vocabulary import LevelOfCare


@pytest.mark.parametrize(
    ("parent", "misspelt", "meant"),
    [
        ("", "titel", "title"),
        ("", "outcome", "outcomes"),
        ("eligibility", "minimum_age", "minimum_age_years"),
        ("strategies", "intervention_nam", "intervention_name"),
        ("time_zero", "episode_gap", "episode_gap_days"),
        ("outcomes.relapse", "horizon_day", "horizon_days"),
        ("outcomes.discontinuation", "event", "events"),
        ("analysis", "covariate", "covariates"),
        ("noninferiority.relapse", "risk_diference", "risk_difference"),
        ("disclosure", "smallest_counts", "smallest_count"),
    ],
)
def test_an_unknown_key_is_answered_with_the_nearest_known_one(
    complaint_about, parent, misspelt, meant
):
    at = ".".join(filter(None, ["protocol", parent]))
    path = ".".join(filter(None, [parent, misspelt]))
    assert complaint_about(path, 1) == f"{at}: unknown key `{misspelt}`; did you mean `{meant}`?"


def test_an_unknown_key_like_no_other_is_answered_with_all_known_ones(complaint_about):
    assert complaint_about("time_zero.zzz", 1) == (
        "protocol.time_zero: unknown key `zzz`; "
        "known are ['at', 'episode_gap_days', 'episodes', 'baseline_window_days']"
    )


@pytest.mark.parametrize(
    "path",
    [
        "title",
        "source",
        "eligibility",
        "outcomes",
        "estimand",
        "eligibility.washout_days",
        "strategies.comparator_name",
        "outcomes.relapse.definition",
        "outcomes.relapse.events",
        "outcomes.discontinuation.horizon_days",
        "analysis.covariates",
        "noninferiority.relapse.set_by",
    ],
)
def test_a_missing_key_is_named_with_the_place_where_it_belongs(complaint_about, path):
    parent, _, key = f"protocol.{path}".rpartition(".")
    assert complaint_about(path) == f"{parent}: the key `{key}` is missing"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("eligibility.washout_days", "two months"),
        ("eligibility.washout_days", 60.5),
        ("eligibility.minimum_age_years", -1),
        ("eligibility", [18, 60]),
        ("strategies", None),
        ("strategies.intervention", "intensive outpatient"),
        ("strategies.intervention", []),
        ("outcomes", []),
        ("outcomes", {}),
        ("outcomes.relapse", "return to use"),
        ("outcomes.relapse.horizon_days", 0),
        ("outcomes.relapse.first_day", 2),
        ("outcomes.relapse.better", "smaller"),
        ("estimand", "ato"),
        ("analysis.covariates", "age_years"),
        ("analysis.confidence_level", 95),
        ("noninferiority.relapse.risk_difference", 10),
        ("noninferiority.relapse.justification", "because"),
        ("disclosure.smallest_count", 1),
        ("labels.age_years", 3),
        ("source", "site_export"),
    ],
)
def test_a_value_that_cannot_be_is_named_by_its_path(complaint_about, path, value):
    assert complaint_about(path, value).startswith(f"protocol.{path}: ")


def test_an_estimand_that_is_none_is_answered_with_those_there_are(complaint_about):
    complaint = complaint_about("estimand", "average")
    assert all(f"'{known}'" in complaint for known in ("ATE", "ATT", "ATC", "ATO", "ATM"))


def test_an_outcome_whose_name_cannot_name_a_file_is_named(complaint_about):
    assert complaint_about("outcomes.Relapse or death", {}).startswith(
        "protocol.outcomes.Relapse or death"
    )


def test_an_outcome_bears_the_name_it_stands_under(complaint_about):
    """A `name` inside would make the file and the report speak of different outcomes."""
    complaint = complaint_about("outcomes.discontinuation.name", "retention")
    assert complaint.startswith("protocol.outcomes.discontinuation")


def test_an_unknown_level_of_care_is_answered_with_the_known_ones(complaint_about):
    known = [str(level) for level in LevelOfCare]
    assert complaint_about("strategies.comparator", ["inpatient", "residential"]) == (
        f"protocol.strategies: ['residential'] is no level of care; known are {known}"
    )


def test_strategies_told_apart_by_another_column_may_be_called_anything(written, changed, study):
    study = changed(study, "protocol.strategies.by", "programme")
    study = changed(study, "protocol.strategies.intervention", ["long"])
    study = changed(study, "protocol.strategies.comparator", ["short"])
    assert read_protocol(written(study)).strategies.intervention == ("long",)


def test_no_level_of_care_starts_both_strategies(complaint_about):
    both = ["short-term residential", "intensive outpatient"]
    assert complaint_about("strategies.comparator", both) == (
        "protocol.strategies: ['intensive outpatient'] cannot start both strategies"
    )


@pytest.mark.parametrize("role", ["events", "competing"])
def test_an_unknown_kind_of_event_is_answered_with_the_known_ones(complaint_about, role):
    assert complaint_about(f"outcomes.relapse.{role}", ["relapse"]) == (
        f"protocol.outcomes.relapse.{role}.0: 'relapse' is no kind of event; "
        f"known are {list(KINDS)}"
    )


def test_no_kind_of_event_is_both_the_event_and_a_competing_event(complaint_about):
    assert complaint_about("outcomes.relapse.competing", ["death", "return to use"]) == (
        "protocol.outcomes.relapse: ['return to use'] "
        "cannot be both the event and a competing event"
    )


def test_a_margin_belongs_to_an_outcome(complaint_about):
    margin = {"risk_difference": 0.1, "justification": "ten in a hundred", "set_by": "me, today"}
    assert complaint_about("noninferiority.relaps", margin) == (
        "protocol: noninferiority: ['relaps'] is no outcome; "
        "outcomes are ['relapse', 'discontinuation']"
    )
