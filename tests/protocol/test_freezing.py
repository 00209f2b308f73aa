"""A protocol put to rest: what it was, on which day, and what has changed since."""

import re
from dataclasses import replace
from datetime import date

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.freezing import (
    LOCK,
    NOT_FROZEN,
    Standing,
    freeze,
    lock_text,
    read_lock,
    standing,
)
from iop_outcomes.protocol.parsing import protocol_hash, read_draft

ALTERNATIVES = {"everyone": {"estimand": "ATE"}}
MAY, JUNE = date(2024, 5, 1), date(2024, 6, 1)


@pytest.fixture
def protocol(written, study):
    return read_draft(written(study))


@pytest.fixture
def at_rest(protocol):
    """Freeze a protocol, the small one unless another is given."""

    def put(given=protocol, alternatives=ALTERNATIVES, **more):
        usual = {"by": "A. Person", "on": MAY, "version": "0.1.0", "after_results": False}
        return freeze(given, alternatives, **{**usual, **more})

    return put


@pytest.fixture
def lock(tmp_path):
    """Write a lock file; returns its path."""

    def write(text):
        path = tmp_path / LOCK
        path.write_text(text, "utf-8")
        return path

    return write


# ---------------------------------------------------------------- the lock file


def test_a_frozen_protocol_is_read_back_from_its_file(at_rest, lock):
    frozen = at_rest()
    assert read_lock(lock(lock_text(frozen))) == frozen


def test_the_file_is_the_same_bytes_for_the_same_protocol_day_and_person(at_rest):
    assert lock_text(at_rest()) == lock_text(at_rest())
    assert lock_text(at_rest()) != lock_text(at_rest(on=JUNE))


def test_no_file_and_a_file_of_remarks_alone_are_not_frozen(lock, tmp_path):
    assert read_lock(tmp_path / LOCK) is None
    assert read_lock(lock(NOT_FROZEN)) is None


def test_the_repositorys_own_file_can_be_read(root):
    """DVC needs a file that is there: the report depends on it, frozen or not."""
    assert (root / LOCK).is_file()
    read_lock(root / LOCK)
    report = yaml.safe_load((root / "dvc.yaml").read_text("utf-8"))["stages"]["report"]
    assert LOCK in report["deps"]


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("frozen_on: '2024-05-01'", "frozen_on: '2024-04-01'"),
        ("frozen_by: A. Person", "frozen_by: B. Person"),
        ("horizon_days: 180", "horizon_days: 90"),
        ("estimand: ATE", "estimand: ATT"),
        ("after_results: false", "after_results: true"),
    ],
)
def test_an_edit_by_hand_breaks_the_seal(at_rest, lock, then, now):
    text = lock_text(at_rest())
    assert then in text
    with pytest.raises(ProtocolError, match="edited since it was sealed; restore it from git"):
        read_lock(lock(text.replace(then, now, 1)))


@pytest.mark.parametrize("text", ["frozen", "[a, b]", "protocol: {}", "seal: 1"])
def test_a_file_that_freeze_did_not_write_is_refused(lock, text):
    with pytest.raises(ProtocolError, match=re.escape(LOCK)):
        read_lock(lock(text))


def test_remarks_and_line_breaks_do_not_break_the_seal(at_rest, lock):
    """Editors rewrap and reindent; only values count."""
    text = lock_text(at_rest())
    rewritten = yaml.safe_dump(yaml.safe_load(text), sort_keys=True, width=60)
    assert read_lock(lock(f"# a remark\n{rewritten}")) == at_rest()


# ---------------------------------------------------------------- how a protocol stands to it


def test_an_unchanged_protocol_is_computed_under_the_frozen_one(protocol, at_rest):
    found = standing(protocol, ALTERNATIVES, at_rest())
    assert found.sentences() == (
        f"Computed under the frozen protocol {protocol_hash(protocol)}, frozen on 2024-05-01 by "
        "A. Person.",
    )
    assert found.facts["frozen"] is True


def test_without_a_frozen_protocol_nothing_is_claimed(protocol):
    found = standing(protocol, ALTERNATIVES, None)
    assert found == Standing(frozen=None)
    assert found.sentences() == (
        "The protocol is not frozen: nothing shows that it came before the results.",
    )
    assert found.facts == {"frozen": False}


def test_a_changed_protocol_is_said_to_be_not_the_frozen_one_and_where(
    written, changed, study, at_rest
):
    study = changed(study, "protocol.outcomes.relapse.horizon_days", 90)
    study = changed(study, "protocol.estimand", "ATE")
    found = standing(read_draft(written(study)), ALTERNATIVES, at_rest())
    (sentence,) = found.sentences()
    assert sentence.startswith("NOT the frozen protocol (")
    assert "frozen on 2024-05-01 by A. Person" in sentence
    assert sentence.endswith("changed since at outcomes.relapse.horizon_days, estimand.")
    assert found.facts["frozen"] is False


def test_every_value_that_changes_the_hash_is_named_by_its_place(
    written, changed, study, at_rest, otherwise
):
    frozen = at_rest()
    for path, value in otherwise.items():
        now = read_draft(written(changed(study, f"protocol.{path}", value)))
        assert standing(now, ALTERNATIVES, frozen).changed == (path,)


def test_an_outcome_more_or_less_is_named_whole(written, changed, study, at_rest):
    more = changed(study, "protocol.outcomes.overdose", study["protocol"]["outcomes"]["relapse"])
    less = changed(study, "protocol.outcomes.discontinuation")
    frozen = at_rest()
    names = [
        standing(read_draft(written(each)), ALTERNATIVES, frozen).changed for each in (more, less)
    ]
    assert names == [("outcomes.overdose",), ("outcomes.discontinuation",)]


def test_the_order_of_keys_and_outcomes_is_no_change(written, study, at_rest):
    outcomes = dict(reversed(study["protocol"]["outcomes"].items()))
    turned = dict(reversed({**study["protocol"], "outcomes": outcomes}.items()))
    now = read_draft(written({"protocol": turned}))
    assert standing(now, ALTERNATIVES, at_rest()).changed == ()


def test_a_key_that_was_not_known_then_is_no_change_while_it_says_the_customary(
    protocol, at_rest, written, changed, study
):
    """A later version of this package may know more; that alone breaks no promise."""
    frozen = at_rest()
    knew_less = {key: value for key, value in frozen.protocol.items() if key != "missing_data"}
    frozen = replace(frozen, protocol=knew_less)
    assert standing(protocol, ALTERNATIVES, frozen).changed == ()
    spoken = changed(study, "protocol.missing_data", {"reason": "because of this"})
    now = standing(read_draft(written(spoken)), ALTERNATIVES, frozen)
    assert now.changed == ("missing_data.reason",)


def test_alternatives_that_came_later_are_named(protocol, at_rest):
    later = {"everyone": {"estimand": "ATT"}, "early": {"outcomes": {}}}
    found = standing(protocol, later, at_rest())
    assert found.changed_alternatives == ("everyone", "early")
    assert found.sentences()[1] == "Robustness analyses that are not as frozen: everyone; early."


def test_freezing_after_results_is_said(protocol, at_rest):
    sentences = standing(protocol, ALTERNATIVES, at_rest(after_results=True)).sentences()
    assert "It was frozen in this state after results had been computed." in sentences


def test_a_sentence_names_a_dozen_places_and_counts_the_rest(protocol):
    found = standing(protocol, {}, freeze(
        protocol, {f"n{i}": {"estimand": "ATE"} for i in range(15)},
        by="A. Person", on=MAY, version="0.1.0", after_results=False,
    ))  # fmt: skip
    assert found.sentences()[1].endswith("n11 and 3 more.")


# ---------------------------------------------------------------- amendments


def test_what_is_frozen_already_is_not_frozen_again(at_rest):
    with pytest.raises(ProtocolError, match="is frozen already, on 2024-05-01 by A"):
        at_rest(before=at_rest())


@pytest.mark.parametrize("because", [None, "", "  why not "])
def test_an_amendment_needs_a_reason(at_rest, because):
    with pytest.raises(ProtocolError, match=r"changed since at robustness\.everyone; to amend it"):
        at_rest(alternatives={}, before=at_rest(), because=because)


def test_an_amendment_keeps_the_earlier_state_and_the_reason(written, changed, study, at_rest):
    first = at_rest()
    earlier = changed(study, "protocol.outcomes.relapse.horizon_days", 90)
    second = at_rest(
        read_draft(written(earlier)),
        before=first, because="the records end on day 90", on=JUNE, after_results=True,
    )  # fmt: skip
    (amendment,) = second.amendments
    assert amendment.protocol_hash == first.protocol_hash
    assert amendment.frozen_on == MAY
    assert amendment.changed == ("outcomes.relapse.horizon_days",)
    sentences = standing(read_draft(written(earlier)), ALTERNATIVES, second).sentences()
    assert sentences == (
        f"Computed under the frozen protocol {second.protocol_hash}, frozen on 2024-06-01 by "
        "A. Person.",
        "It was frozen in this state after results had been computed.",
        f"Amended: as frozen on 2024-05-01 ({first.protocol_hash}) it was changed at "
        "outcomes.relapse.horizon_days, because the records end on day 90.",
    )


@pytest.mark.parametrize("by", ["", " ", "x"])
def test_somebody_answers_for_a_frozen_protocol(at_rest, by):
    with pytest.raises(ProtocolError, match="name who freezes the protocol"):
        at_rest(by=by)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
@given(
    by=st.text(min_size=2).filter(lambda text: len(text.strip()) > 1),
    on=st.dates(),
    name=st.text(),
)
def test_any_name_and_day_survive_the_file(at_rest, tmp_path, by, on, name):
    frozen = at_rest(by=by, on=on, alternatives={name: {"estimand": "ATE"}})
    (tmp_path / LOCK).write_text(lock_text(frozen), "utf-8", newline="\n")
    found = read_lock(tmp_path / LOCK)
    assert [found.frozen_by, *found.robustness] == [by.strip(), name]
    assert found.frozen_on == on
