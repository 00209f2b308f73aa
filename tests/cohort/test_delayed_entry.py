"""People of a data frame who came under observation after time zero."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pandas as pd
import pytest

import iop_outcomes as iop
from iop_outcomes.analysis.arms import arms_at_risk
from iop_outcomes.analysis.arms_among import among
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.report.disclosure import release
from iop_outcomes.vocabulary import Arm

HORIZON = 8


def relapse(**changes) -> iop.TimeToEvent:
    asked = {"event": "ended", "horizon_days": HORIZON, "competing": {2: "death"}}
    return iop.TimeToEvent("day", **{**asked, "entry": "seen", **changes})


def frame_of(*rows: tuple[int, int, int, int]) -> pd.DataFrame:
    """People of both arms alike: how many, day of entry, last day, and how it ended."""
    people = [
        (arm, seen, day, ended)
        for arm in (1, 0)
        for count, seen, day, ended in rows
        for _ in range(count)
    ]
    frame = pd.DataFrame(people, columns=["arm", "seen", "day", "ended"])
    return frame.assign(age=np.arange(len(frame)) % 7)


# Twelve from the start, two of whom relapse on day 2; six who enter after day 2; one relapse on
# day 4, one death on day 5.
FRAME = frame_of((2, 0, 2, 1), (9, 0, 9, 0), (1, 0, 4, 1), (5, 2, 9, 0), (1, 3, 5, 2))


def study(frame=FRAME, outcome=None, **changes) -> iop.FrameStudy:
    return iop.cohort_from_frame(
        frame, arm="arm", intervention=1, comparator=0, outcomes={"relapse": outcome or relapse()},
        covariates=["age", *changes.get("subgroups", [])], **changes,
    )  # fmt: skip


def walked(*args, **changes) -> iop.Comparison:
    found = study(*args, **changes)
    return iop.compare(
        found.cohort, iop.weight_cohort(found.cohort.persons, found.protocol), found.protocol
    )


def as_enrolled(table: pd.DataFrame) -> pd.DataFrame:
    return table[table["method"].eq("unadjusted")]


# By hand


def test_nobody_is_at_risk_before_their_day_of_entry():
    """Day 2: 2 of 12. Day 4: 1 of 10 + 5 + 1. Day 5: a death, of 15, which no relapse follows."""
    risk = 1 - (1 - Fraction(2, 12)) * (1 - Fraction(1, 16))
    found = as_enrolled(walked().estimates).set_index("measure")["estimate"]
    assert found["risk_intervention"] == pytest.approx(float(risk), rel=1e-12)
    without = as_enrolled(walked(outcome=relapse(entry=None)).estimates).set_index("measure")
    assert without["estimate"]["risk_intervention"] == pytest.approx(3 / 18, rel=1e-12)


def test_days_before_the_event_count_from_time_zero():
    """8 less the area under the risk: 2/12 from day 2, 7/32 from day 4."""
    risks = [(2, Fraction(2, 12)), (4, 1 - Fraction(10, 12) * Fraction(15, 16))]
    lost = risks[0][1] * 2 + risks[1][1] * 4
    arms = as_enrolled(walked().arms).set_index("arm")
    found = arms.loc["intervention", "restricted_mean_days"]
    assert found == pytest.approx(float(8 - lost), rel=1e-12)


def test_numbers_at_risk_grow_when_people_enter():
    curves = as_enrolled(walked().curves).query("arm == 'intervention'").set_index("day")
    assert curves["at_risk"].to_dict() == {0: 12, 1: 12, 2: 12, 3: 15, 4: 16, 5: 15, 7: 14, 8: 14}


def test_a_number_at_risk_that_grows_by_few_is_hidden():
    table = pd.DataFrame(
        {
            "outcome": "relapse", "arm": "intervention", "day": [0, 1, 2],
            "at_risk": [100, 105, 120], "enrolled": 200,
        }
    )  # fmt: skip
    assert release(table).table["at_risk"].isna().tolist() == [False, True, False]


def test_entry_at_time_zero_for_everyone_is_no_delayed_entry():
    late = walked(FRAME.assign(seen=0))
    plain = walked(FRAME, outcome=relapse(entry=None))
    for name in ("estimates", "arms", "curves"):
        pd.testing.assert_frame_equal(getattr(late, name), getattr(plain, name), rtol=1e-12)


def test_an_event_on_day_0_counts_for_those_seen_from_time_zero_on():
    frame = frame_of((2, 0, 0, 1), (18, 0, 9, 0), (4, 3, 9, 0))
    found = as_enrolled(walked(frame).estimates).set_index("measure")["estimate"]
    assert found["risk_comparator"] == pytest.approx(2 / 20, rel=1e-12)


# R


def test_weighted_risks_and_errors_are_those_of_survfit(root):
    """survival 3.5-3: survfit(Surv(entry, day, state) ~ 1, weights=, id=), every day."""
    people = pd.read_csv(root / "tests/parity/data/curves.csv")
    table = pd.read_csv(root / "tests/parity/expected/curves.csv", dtype={"term": str})
    rows = table[(table["block"] == "states delayed") & (table["term"] == "event")]
    words = {0: "censored", 1: "event", 2: "competing event"}
    ends = pd.DataFrame(
        {
            "status": people["cause"].map(words),
            "days": people["day"],
            "entry_day": people["entry"].astype("Int64"),
        }
    )
    both = pd.concat([ends, ends], ignore_index=True)
    treated = np.arange(len(both)) < len(ends)
    outcome = replace(study().protocol.outcomes[0], horizon_days=20)
    arms = arms_at_risk(both, treated, np.tile(people["weight"].to_numpy(), 2), outcome)
    for row in rows.itertuples():
        day = float(row.day)
        assert arms.risk(Arm.INTERVENTION, day) == pytest.approx(row.value, rel=1e-10)
        error = np.sqrt((arms.risk_influence(Arm.INTERVENTION, day) ** 2).sum())
        assert error == pytest.approx(row.std_error, rel=1e-10)


# Parts


def test_among_some_people_entry_is_theirs():
    people = pd.concat([FRAME] * 3, ignore_index=True)
    some = people["age"].lt(4).to_numpy()
    ends = people.assign(
        status=people["ended"].map({0: "censored", 1: "event", 2: "competing event"}),
        days=people["day"], entry_day=people["seen"].astype("Int64"),
    )  # fmt: skip
    treated, weight = people["arm"].eq(1).to_numpy(), 1 + people["age"].to_numpy(float)
    outcome = study().protocol.outcomes[0]
    part = among(arms_at_risk(ends, treated, weight, outcome), some)
    alone = arms_at_risk(ends[some], treated[some], weight[some], outcome)
    for arm in Arm:
        assert part.risk(arm, 8) == pytest.approx(alone.risk(arm, 8), rel=1e-12)


def test_a_subgroup_with_too_few_followed_before_others_enter_is_not_estimated():
    """Of the women nearly nobody is seen on the first days."""
    frame = pd.concat([FRAME] * 4, ignore_index=True)
    frame["sex"] = np.where(frame["seen"].gt(0) | frame.index.isin([0, 1]), "female", "male")
    found = walked(frame, subgroups=["sex"]).subgroups.set_index("level")["not_estimated"]
    assert found["female"] == "too few are followed before others enter"


# What is refused


def test_too_few_at_risk_while_others_have_still_to_enter_are_refused_with_a_day_to_begin_on():
    frame = frame_of((5, 0, 9, 0), (1, 0, 3, 1), (20, 4, 9, 0))
    said = (
        r"relapse\.entry: in the intervention arm fewer than 11 people are under observation on "
        r"day 1, .* count days from day 4 on"
    )
    with pytest.raises(CohortError, match=said):
        study(frame)


def test_an_empty_beginning_is_refused():
    frame = frame_of((20, 2, 9, 0), (1, 2, 3, 1))
    with pytest.raises(CohortError, match=r"fewer than 11 people .* on day 1, .* from day 2 on"):
        study(frame)


def test_a_gap_in_the_middle_is_refused():
    frame = frame_of((12, 0, 3, 0), (1, 0, 2, 1), (20, 5, 9, 0))
    with pytest.raises(CohortError, match=r"on day 4, .* from day 5 on"):
        study(frame)


def test_few_at_risk_after_everyone_entered_are_as_for_any_curve():
    frame = frame_of((12, 0, 9, 0), (9, 1, 3, 1), (10, 0, 4, 1))
    assert as_enrolled(walked(frame).estimates)["estimate"].notna().all()


def test_entry_after_the_end_of_follow_up_is_refused():
    with pytest.raises(CohortError, match=r"`seen` is not before `day` for 1 people"):
        study(FRAME.assign(seen=FRAME["seen"].where(FRAME.index != 3, 9)))


def test_entry_that_is_not_known_is_refused():
    seen = FRAME["seen"].astype("Int64").mask(FRAME.index == 3)
    with pytest.raises(CohortError, match=r"`seen` is empty for 1 people who were followed; write"):
        study(FRAME.assign(seen=seen))


def test_the_column_of_entry_is_no_covariate():
    with pytest.raises(ProtocolError, match=r"`seen` belongs to the outcome relapse"):
        iop.cohort_from_frame(
            FRAME, arm="arm", intervention=1, comparator=0, covariates=["seen"],
            outcomes={"relapse": relapse()},
        )  # fmt: skip


@pytest.mark.parametrize(
    "asked", [{"estimators": ["aipw"]}, {"censoring": {}}, {"hazards": {}}], ids=str
)
def test_what_does_not_know_delayed_entry_is_refused_beside_it(asked):
    with pytest.raises(ProtocolError, match=r"not executed where people enter late, as in the ou"):
        study(**asked)


def test_the_outcome_says_in_the_protocol_that_people_enter_late():
    assert "since day `seen`" in study().protocol.outcomes[0].definition
