"""What a protocol that reads well holds."""

from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from iop_outcomes.protocol.parsing import read_alternatives, read_protocol
from iop_outcomes.vocabulary import Direction, Estimand


def test_outcomes_keep_the_order_of_the_file(written, study):
    outcomes = study["protocol"]["outcomes"]
    names = ["relapse", "discontinuation"]
    assert [o.name for o in read_protocol(written(study)).outcomes] == names
    study["protocol"]["outcomes"] = dict(reversed(outcomes.items()))
    assert [o.name for o in read_protocol(written(study)).outcomes] == names[::-1]


def test_lists_of_the_file_keep_their_order(written, changed, study):
    terms = ["sex", "bs(age_years, df=3)", "C(state)"]
    path = written(changed(study, "protocol.analysis.covariates", terms))
    assert read_protocol(path).analysis.covariates == tuple(terms)


def test_what_need_not_be_written_has_the_customary_value(written, changed, study):
    for path in (
        *("eligibility.recorded", "strategies.by", "time_zero.baseline_window_days"),
        *("outcomes.relapse.competing", "outcomes.relapse.first_day", "outcomes.relapse.better"),
        *("analysis.cluster", "analysis.confidence_level"),
        *("noninferiority", "disclosure", "labels"),
    ):
        study = changed(study, f"protocol.{path}")
    protocol = read_protocol(written(study))
    relapse = protocol.outcomes[0]
    assert protocol.strategies.by == "level_of_care"
    assert (relapse.competing, relapse.first_day, relapse.better) == ((), 1, Direction.LOWER)
    assert (protocol.eligibility.recorded, protocol.time_zero.baseline_window_days) == ((), 14)
    assert (protocol.analysis.cluster, protocol.analysis.confidence_level) == (None, 0.95)
    assert protocol.disclosure.smallest_count == 11
    assert (protocol.noninferiority, protocol.labels) == ({}, {})


def test_an_outcome_without_horizon_is_read_at_exit(written, changed, study):
    path = written(changed(study, "protocol.outcomes.discontinuation.horizon_days", None))
    assert read_protocol(path).outcomes[1].horizon_days is None


def test_a_protocol_cannot_be_changed_once_read(written, study):
    protocol = read_protocol(written(study))
    with pytest.raises(FrozenInstanceError):
        protocol.estimand = Estimand.ATE
    with pytest.raises(FrozenInstanceError):
        protocol.eligibility.washout_days = 0


def test_a_protocol_can_be_copied_with_one_part_changed(written, study):
    """What a notebook does to ask "and what if?"."""
    protocol = read_protocol(written(study))
    copy = replace(protocol, estimand=Estimand.ATE)
    assert asdict(copy) == {**asdict(protocol), "estimand": Estimand.ATE}


@pytest.mark.parametrize("example", ["uis", "help", "teds_d", "ctn0094"])
def test_the_examples_are_protocols(root, example):
    path = root / "src/iop_outcomes/protocol/examples" / f"{example}.yaml"
    assert read_protocol(path).outcomes
    assert read_alternatives(path) == {}


def test_the_repositorys_own_study_is_a_protocol_with_alternatives(root):
    path = root / "params.yaml"
    protocol, alternatives = read_protocol(path), read_alternatives(path)
    assert [outcome.name for outcome in protocol.outcomes] == ["relapse", "discontinuation"]
    assert alternatives
    assert all(alternative != protocol for alternative in alternatives.values())
