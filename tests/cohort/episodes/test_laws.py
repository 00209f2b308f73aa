"""Episodes agree with the rules applied day by day, and keep the laws that any such thing must."""

import importlib.util
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as any_of

from iop_outcomes.cohort.episode_rules import EpisodeRules
from iop_outcomes.cohort.episodes import build_episodes, link_episodes
from iop_outcomes.vocabulary import ExitReason, LevelOfCare

COLUMNS = ["level_of_care", "facility_id", "start_day", "end_day", "exit_reason"]
LEVELS = [str(level) for level in LevelOfCare]
REASONS = [None, *map(str, ExitReason)]
# Care that meets interruptions, displacement and lateral steps often, and everything sometimes.
USUAL = ["intensive outpatient", "inpatient", "outpatient", "short-term residential"]


@pytest.fixture(scope="module")
def day_by_day():
    path = Path(__file__).with_name("day_by_day.py")
    spec = importlib.util.spec_from_file_location("day_by_day", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


STAY = any_of.builds(
    lambda level, place, start, days, why: (
        level, place, start, None if days is None else start + days, why,
    ),
    any_of.sampled_from(USUAL) | any_of.sampled_from(LEVELS),
    any_of.sampled_from(["A", "B", None]),
    any_of.integers(0, 40),
    any_of.integers(0, 4) | any_of.integers(0, 25) | any_of.none(),
    any_of.sampled_from(REASONS),
)  # fmt: skip
HISTORY = any_of.lists(STAY, min_size=1, max_size=7)
RULES = any_of.builds(
    lambda same, transition, interruption, jail: EpisodeRules(
        gap_same_level=dict(zip(LEVELS, same, strict=True)),
        gap_transition=transition,
        interruption_days=interruption,
        incarceration_days=jail,
    ),
    any_of.lists(any_of.integers(0, 6), min_size=len(LEVELS), max_size=len(LEVELS)),
    any_of.integers(0, 6),
    any_of.integers(0, 6),
    any_of.integers(0, 12),
)


def table_of(histories):
    """Stays of people P0, P1 and so on."""
    rows = [(f"P{n}", *stay) for n, history in enumerate(histories) for stay in history]
    table = pd.DataFrame(rows, columns=["person_id", *COLUMNS])
    return table.astype({"end_day": "Int64", "facility_id": "str", "exit_reason": "str"})


def told(table):
    """A table as plain rows; missing cells are None."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def same(one, other):
    for name in ("segments", "episodes", "stay_rows"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


def test_many_histories_give_the_same_segments_day_by_day(day_by_day):
    """Seven hundred people at once, so that nothing leaks from one to the next."""
    random = np.random.default_rng(20)
    histories = [
        [
            (
                str(random.choice(USUAL if random.random() < 0.8 else LEVELS)),
                random.choice(["A", "B", None]),
                start := int(random.integers(0, 45)),
                None if random.random() < 0.05 else start + int(random.integers(0, 22)),
                random.choice(REASONS),
            )
            for _ in range(random.integers(1, 8))
        ]
        for _ in range(700)
    ]
    rules = EpisodeRules(
        gap_same_level={"intensive outpatient": 5, "outpatient": 9}, incarceration_days=12
    )
    table = table_of(histories)
    built = build_episodes(table, rules).segments
    horizon = int(table[["start_day", "end_day"]].max().max()) + 2
    by_person = {person: told(rows) for person, rows in built.groupby("person_id")}
    seen = {"transition": set(), "paused": 0, "new": 0, "displaced": 0}
    for n, history in enumerate(histories):
        expected = day_by_day.segments_of(history, rules, horizon)
        actual = [{k: v for k, v in row.items() if k != "person_id"} for row in by_person[f"P{n}"]]
        assert actual == expected, history
        seen["transition"] |= {row["transition"] for row in expected}
        seen["paused"] += any(row["interrupted_days"] for row in expected)
        seen["new"] += expected[-1]["episode"] > 1
        seen["displaced"] += any(row["exit_reason"] is None for row in expected)
    assert seen["transition"] == {None, "step-up", "step-down", "lateral"}
    assert min(seen["paused"], seen["new"], seen["displaced"]) > 20, "the test would see too little"


@given(any_of.lists(HISTORY, min_size=1, max_size=2), RULES)
@settings(max_examples=200, deadline=None)
def test_any_history_under_any_rules_gives_the_same_segments_day_by_day(
    day_by_day, histories, rules
):
    table = table_of(histories)
    built = told(build_episodes(table, rules).segments)
    horizon = 70
    expected = [
        {"person_id": f"P{n}", **row}
        for n, history in enumerate(histories)
        for row in day_by_day.segments_of(history, rules, horizon)
    ]
    assert built == expected


@given(any_of.lists(HISTORY, min_size=1, max_size=3), any_of.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_neither_the_order_of_rows_nor_their_repetition_matters(histories, random):
    table = table_of(histories)
    order = list(range(len(table))) + random.choices(range(len(table)), k=3)
    random.shuffle(order)
    shuffled = build_episodes(table.iloc[order].reset_index(drop=True))
    plain = build_episodes(table)
    pd.testing.assert_frame_equal(shuffled.segments, plain.segments)
    pd.testing.assert_frame_equal(shuffled.episodes, plain.episodes)
    # Each row, wherever it now stands, is found in the segments it was in before.
    where = plain.stay_rows.groupby("stay_row")["segment"].agg(list)
    now = shuffled.stay_rows.groupby("stay_row")["segment"].agg(list)
    assert [where[row] for row in order] == now.tolist()


@given(any_of.lists(HISTORY, min_size=1, max_size=3), any_of.integers(-40_000, 40_000))
@settings(max_examples=60, deadline=None)
def test_later_by_some_days_is_the_same_by_so_many_days_later(histories, days):
    table = table_of(histories)
    late = table.assign(start_day=table["start_day"] + days, end_day=table["end_day"] + days)
    moved, plain = build_episodes(late), build_episodes(table)
    for name in ("segments", "episodes"):
        expected = getattr(plain, name)
        expected = expected.assign(
            start_day=expected["start_day"] + days, end_day=expected["end_day"] + days
        )
        pd.testing.assert_frame_equal(getattr(moved, name), expected)
    pd.testing.assert_frame_equal(moved.stay_rows, plain.stay_rows)


@given(any_of.lists(HISTORY, min_size=2, max_size=3))
@settings(max_examples=60, deadline=None)
def test_another_person_changes_nobody_else(histories):
    table = table_of(histories)
    alone = build_episodes(table[table["person_id"] == "P0"])
    among = build_episodes(table)
    for name in ("segments", "episodes", "stay_rows"):
        others = getattr(among, name)
        pd.testing.assert_frame_equal(getattr(alone, name), others[others["person_id"] == "P0"])


@given(any_of.lists(HISTORY, min_size=3, max_size=3), any_of.permutations(["a", "M", "9"]))
@settings(max_examples=60, deadline=None)
def test_what_people_are_called_does_not_matter(histories, names):
    table = table_of(histories)
    name_of = dict(zip(["P0", "P1", "P2"], names, strict=True))
    renamed = build_episodes(table.assign(person_id=table["person_id"].map(name_of)))
    plain = build_episodes(table)
    for name in ("segments", "episodes", "stay_rows"):
        expected = getattr(plain, name)
        expected = expected.assign(person_id=expected["person_id"].map(name_of).astype("str"))
        expected = expected.sort_values("person_id", kind="stable", ignore_index=True)
        pd.testing.assert_frame_equal(getattr(renamed, name), expected)


@given(any_of.lists(HISTORY, min_size=1, max_size=2), RULES)
@settings(max_examples=60, deadline=None)
def test_segments_of_a_person_follow_each_other_and_share_no_day_of_care(histories, rules):
    segments = build_episodes(table_of(histories), rules).segments
    for _, rows in segments.groupby("person_id"):
        until = rows["start_day"] + rows["days"]
        assert (rows["start_day"].iloc[1:].to_numpy() >= until.iloc[:-1].to_numpy()).all()
        assert rows["end_day"].iloc[:-1].notna().all(), "only the last can be open"
        assert (rows["interrupted_days"] < rows["days"].fillna(10_000)).all()


@given(any_of.lists(HISTORY, min_size=1, max_size=2))
@settings(max_examples=60, deadline=None)
def test_every_stay_is_in_a_segment_and_every_segment_has_a_stay_of_its_own_level(histories):
    table = table_of(histories)
    built = build_episodes(table)
    assert set(built.stay_rows["stay_row"]) == set(range(len(table)))
    keys = ["person_id", "episode", "segment"]
    pairs = built.stay_rows.merge(built.segments, on=keys, validate="many_to_one")
    level = table["level_of_care"].to_numpy()[pairs["stay_row"]]
    assert (pairs["displaced"] == (pairs["level_of_care"] != level)).all()
    assert len(pairs.loc[~pairs["displaced"], keys].drop_duplicates()) == len(built.segments)


@given(any_of.lists(HISTORY, min_size=1, max_size=2), any_of.integers(1, 9))
@settings(max_examples=60, deadline=None)
def test_longer_gaps_never_make_more_episodes(histories, more):
    def episodes(days):
        rules = EpisodeRules(
            gap_same_level=dict.fromkeys(LEVELS, days), gap_transition=days, incarceration_days=days
        )
        return build_episodes(table_of(histories), rules).episodes

    assert len(episodes(3 + more)) <= len(episodes(3))


@given(any_of.lists(HISTORY, min_size=1, max_size=3), any_of.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_one_gap_for_all_care_gives_the_episodes_of_linked_stays(histories, days):
    table = table_of(histories)
    rules = EpisodeRules(
        gap_same_level=dict.fromkeys(LEVELS, days), gap_transition=days, incarceration_days=days
    )
    by_stay = build_episodes(table, rules).stay_rows.groupby("stay_row")["episode"]
    assert (by_stay.min() == by_stay.max()).all(), "a stay is in one episode"
    assert by_stay.first().tolist() == link_episodes(table, days)["episode"].sort_index().tolist()


def test_the_same_stays_give_the_same_tables_twice():
    table = table_of([[("outpatient", "A", 0, 5, None)], [("inpatient", None, 3, None, None)]])
    same(build_episodes(table), build_episodes(table))
