"""An alternative is the same study with one line changed."""

from dataclasses import asdict, replace

import pytest

from iop_outcomes.protocol.parsing import read_alternatives, read_protocol
from iop_outcomes.vocabulary import Estimand


@pytest.fixture
def alternative(written, study):
    """The main protocol, and the one that differs from it by this change."""

    def of(change):
        path = written({**study, "robustness": {"another way": change}})
        return read_protocol(path), read_alternatives(path)["another way"]

    return of


def test_one_line_changes_and_the_rest_stays(alternative):
    main, other = alternative({"estimand": "ATE"})
    assert asdict(other) == {**asdict(main), "estimand": Estimand.ATE}


def test_a_line_deep_inside_changes_and_its_neighbours_stay(alternative):
    main, other = alternative({"eligibility": {"washout_days": 180}})
    eligibility = {**asdict(main.eligibility), "washout_days": 180}
    assert asdict(other) == {**asdict(main), "eligibility": eligibility}


def test_one_line_of_one_outcome_changes_and_the_other_outcomes_stay(alternative):
    main, other = alternative({"outcomes": {"relapse": {"horizon_days": 90}}})
    relapse, discontinuation = main.outcomes
    assert other.outcomes == (replace(relapse, horizon_days=90), discontinuation)


def test_a_list_is_replaced_whole(alternative):
    _, other = alternative({"strategies": {"comparator": ["inpatient"]}})
    assert other.strategies.comparator == ("inpatient",)


def test_a_value_can_be_taken_away(alternative):
    _, other = alternative({"analysis": {"cluster": None}})
    assert other.analysis.cluster is None


def test_alternatives_keep_the_order_and_the_names_of_the_file(written, study):
    robustness = {"b, first": {"estimand": "ATE"}, "a, second": {"estimand": "ATT"}}
    path = written({**study, "robustness": robustness})
    assert list(read_alternatives(path)) == list(robustness)


@pytest.mark.parametrize("section", [{}, {"robustness": None}, {"robustness": {}}])
def test_a_study_need_not_have_alternatives(written, study, section):
    assert read_alternatives(written({**study, **section})) == {}


def test_an_unknown_key_in_an_alternative_is_found_by_the_alternatives_name(
    complaint_about_alternative,
):
    assert complaint_about_alternative({"no overlap": {"estimnd": "ATE"}}) == (
        "robustness.no overlap: unknown key `estimnd`; did you mean `estimand`?"
    )


def test_an_unknown_key_deep_in_an_alternative_is_found_by_its_path(complaint_about_alternative):
    assert complaint_about_alternative(
        {"ok": {"estimand": "ATE"}, "early": {"outcomes": {"relapse": {"horizon": 90}}}}
    ) == ("robustness.early.outcomes.relapse: unknown key `horizon`; did you mean `horizon_days`?")


def test_an_impossible_value_in_an_alternative_is_found_by_its_path(complaint_about_alternative):
    complaint = complaint_about_alternative({"wide": {"time_zero": {"episode_gap_days": "wide"}}})
    assert complaint.startswith("robustness.wide.time_zero.episode_gap_days: ")


@pytest.mark.parametrize("change", [None, "ATE", ["estimand", "ATE"]])
def test_an_alternative_that_changes_nothing_nameable_is_told_how_to(
    complaint_about_alternative, change
):
    assert complaint_about_alternative({"no overlap": change}) == (
        "robustness.no overlap: write what changes, e.g. {estimand: ATE}"
    )


def test_a_whole_section_cannot_be_replaced_by_one_value(complaint_about_alternative):
    assert complaint_about_alternative({"adults": {"eligibility": 18}}).startswith(
        "robustness.adults.eligibility: write what changes"
    )


@pytest.mark.parametrize("section", ["everyone", ["ATE", "ATT"]])
def test_alternatives_without_names_are_told_to_have_them(complaint_about_alternative, section):
    assert complaint_about_alternative(section).startswith("robustness: ")


@pytest.mark.parametrize("protocol", [None, "to be written", ["title"]])
def test_alternatives_of_a_protocol_that_is_none_complain_of_the_protocol(
    complaint, written, protocol
):
    path = written({"protocol": protocol, "robustness": {"everyone": {"estimand": "ATE"}}})
    assert complaint(path, read_alternatives)
