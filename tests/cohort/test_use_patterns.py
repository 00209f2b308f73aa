"""Weekly urines as words: what the rules of definitions make of them, by hand and as published."""

import re
from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.cohort.defined_outcomes import weekly_outcome
from iop_outcomes.cohort.use_patterns import first_window, longest_run
from iop_outcomes.cohort.use_summaries import (
    conditions_hold,
    number_of_weeks,
    share_of_weeks,
    weighted_index,
)
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.definitions.reading import definition
from iop_outcomes.protocol.definitions.weekly_rules import (
    AllOfWeeks,
    Condition,
    LongestRun,
    NumberOfWeeks,
    ShareOfWeeks,
    WeeksInWindow,
)
from iop_outcomes.protocol.definitions.weekly_rules import Weeks as Chosen


def words(*texts):
    return pd.Series(texts, index=[f"person {k}" for k in range(len(texts))], dtype="str")


def window(width, need, **changed):
    rule = {"counted": "positive", "missed": "positive", "mixed": "positive", **changed}
    return WeeksInWindow(by="weeks in a window", window_weeks=width, at_least_weeks=need, **rule)


def told(word, rule):
    """Week and event of one word."""
    week, event = first_window(words(word), rule)[["week", "event"]].to_numpy(object)[0]
    return (None, None) if event is pd.NA else (week, event)


def share(*texts, **changed):
    rule = {"counted": "negative", "missed": "positive", "mixed": "half", **changed}
    found = share_of_weeks(words(*texts), ShareOfWeeks(by="share of weeks", **rule))
    return found["value"].tolist()


def missing(value):
    return value is pd.NA


# The ten words that were worked out beforehand: relapse under four definitions, week and event.
WORKED_OUT = """
    word                                | REL-0094 | REL-DROP | REL-LEE16 | REL-0051
    ooooooooooooooo                     | 1 yes    | 1 yes    | 3 yes     | 3 yes
    *---oo-o-o-o+oo                     | 12 yes   | 12 no    | 5 yes     | 12 yes
    o-ooo-ooooooooooooooooo             | 7 yes    | 7 yes    | 3 yes     | 7 yes
    --++*++++++-++++++-+++-             | 3 yes    | 20 no    | 3 yes     | 3 yes
    -o---o---o--o+----------            | 21 no    | 21 no    | 12 yes    | 21 no
    *+++++++++++o++++++++++o            | 1 yes    | 21 no    | 3 yes     | 3 yes
    -----------------------             | 20 no    | 20 no    | 22 no     | 20 no
    -++++++++-+++-----------            | 2 yes    | 21 no    | 3 yes     | 3 yes
    ++--oo--o-+-+--o----------o-o-oo++o | 31 yes   | 32 no    | 3 yes     | 31 yes
    ++++---+--------------o-            | 1 yes    | 21 no    | 3 yes     | 21 no
"""


@pytest.mark.parametrize("name", ["REL-0094", "REL-DROP", "REL-LEE16", "REL-0051"])
def test_the_words_that_were_worked_out_beforehand(drawn, name):
    table = drawn(WORKED_OUT)
    found = weekly_outcome(definition(name), words(*table["word"]))
    answers = found["status"].map({"event": "yes", "censored": "no"})
    assert (found["time"].astype("str") + " " + answers).tolist() == table[name].tolist()


@pytest.mark.parametrize(
    ("word", "rule", "week", "event"),
    [
        # without an event: the same week of the last window there was, N - h + 1 weeks in all
        ("-" * 23, window(4, 4), 20, False),
        ("-" * 23, window(4, 2), 22, False),
        ("-" * 23, window(1, 1), 23, False),
        ("-" * 23, window(4, 4, first_week=3), 20, False),
        ("-" * 23, window(4, 2, time_reported="first week"), 20, False),
        ("-" * 23, window(4, 2, time_reported="last week"), 23, False),
        ("-" * 23, window(4, 4, last_week=15), 12, False),
        # with one: the first week of the window, moved by w - h
        ("--++------", window(4, 2), 3, True),
        ("--++------", window(4, 2, time_reported="first week"), 1, True),
        ("--++------", window(4, 2, time_reported="last week"), 4, True),
        ("--++++----", window(4, 4), 3, True),
        ("--++++----", window(4, 4, last_week=5), 2, False),
        ("++++--++++", window(4, 4, first_week=2), 7, True),
        ("++++--++++", window(4, 4, first_week=7), 7, True),
        # a window may end with the word, and not after it
        ("------++++", window(4, 4), 7, True),
        ("-------+++", window(4, 4), 7, False),
        # as many weeks as the window is long are enough; fewer can tell nothing
        ("++++", window(4, 4), 1, True),
        ("----", window(4, 4), 1, False),
        ("+++", window(4, 4), None, None),
        ("+++++", window(4, 4, first_week=3), None, None),
        ("++++++", window(4, 4, first_week=3), 3, True),
        # what missed and mixed weeks count as
        ("oo**------", window(4, 4), 1, True),
        ("oo**------", window(4, 4, missed="missed"), 7, False),
        ("oo**------", window(2, 2, missed="missed"), 3, True),
        ("oo**------", window(2, 2, missed="negative", mixed="negative"), 9, False),
        ("++o-o++---", window(4, 4, missed="left out"), 5, False),
        ("++oo++----", window(4, 4, missed="left out"), 1, True),
        ("+++oo", window(4, 4, missed="left out"), None, None),
        # a week in which nothing was due interrupts a run and is no relapse
        ("++_++-----", window(4, 4), 7, False),
        ("__________", window(4, 4), 7, False),
        # whoever came last before week 9 does not have it
        ("----oooo--", window(4, 4, counted="negative", retained_weeks=9), 1, True),
        ("--------oo", window(4, 4, counted="negative", retained_weeks=9), 7, False),
    ],
)
def test_the_first_window_with_enough_weeks(word, rule, week, event):
    assert told(word, rule) == (week, event)


def test_a_missed_week_between_two_negative_ones_may_count_as_negative():
    rule = window(4, 4, counted="negative", missed="negative between negatives")
    assert told("-o-o-", rule) == (1, True)
    assert told("-oo--", rule) == (2, False)
    assert told("-o-*-", rule) == (2, False)
    assert told("o----", replace(rule, first_week=1)) == (2, True)


def test_short_and_long_words_stand_in_one_table():
    found = first_window(words("++++", "-", "-----++++"), window(4, 4))
    assert found["event"].tolist() == [True, pd.NA, True]
    assert found["week"].tolist() == [1, pd.NA, 6]
    assert found["person_id"].tolist() == ["person 0", "person 1", "person 2"]


def test_nobody_is_an_answer():
    none = words()
    assert first_window(none, window(4, 4)).empty
    assert longest_run(none, definition("ABS-SCO").rule).empty
    assert share_of_weeks(none, definition("RED-KOS").rule).empty
    assert conditions_hold(none, definition("ABS-0094").rule).empty
    assert weighted_index(none, definition("RED-LIN76A").rule).empty


@pytest.mark.parametrize("bad", ["--+x-", "--+é-", "--+ -"])
def test_a_letter_that_is_none_is_refused_and_the_word_is_not_quoted(bad):
    with pytest.raises(CohortError) as caught:
        first_window(words("----", bad), window(4, 4))
    assert str(caught.value).startswith("weekly urines: 1 word(s) hold a letter that is none of")
    assert bad not in str(caught.value)


def test_a_person_without_a_word_is_refused():
    with pytest.raises(CohortError, match=r"1 person\(s\) have no word"):
        first_window(words("----", None), window(4, 4))


@pytest.mark.parametrize(
    ("word", "missed", "run"),
    [
        ("--o--+---", "positive", 3),
        ("--o--+---", "left out", 4),
        ("--o--+---", "negative", 5),
        ("ooooooooo", "left out", 0),
        ("+++++++++", "positive", 0),
        ("--*--____", "positive", 2),
        ("---------", "positive", 9),
    ],
)
def test_the_longest_run(word, missed, run):
    rule = LongestRun(
        by="longest run of weeks", counted="negative", missed=missed, mixed="positive"
    )
    assert longest_run(words(word), rule)["value"].tolist() == [run]


def test_a_mixed_week_is_half_where_it_counts_half():
    rule = NumberOfWeeks(by="number of weeks", counted="negative", missed="positive", mixed="half")
    assert number_of_weeks(words("--*o+", "*****"), rule)["value"].tolist() == [2.5, 2.5]
    rule = replace(rule, mixed="positive", weeks=Chosen(first=2, last=4))
    assert number_of_weeks(words("--*-+", "--"), rule)["value"].tolist() == [2, pd.NA]


def test_shares_of_all_of_those_with_a_urine_and_of_those_while_in_treatment():
    word = "--*+o-oooo"
    assert share(word) == [3.5 / 10]
    assert share(word, missed="left out") == [3.5 / 5]
    assert share(word, retained_only=True) == [3.5 / 6]
    assert share(word, missed="missed", counted="positive", one_minus=True) == [1 - 1.5 / 10]


def test_weeks_in_which_nothing_was_due_are_no_part_of_a_share():
    assert share("-_-_+_") == [2 / 3]


def test_somebody_who_never_came_has_nothing_negative_or_nothing_positive():
    """Which of the two is the best value there is: published definitions do either."""
    assert share("oooo", missed="left out") == [0]
    assert share("oooo", missed="left out", counted="positive", one_minus=True) == [1]


def test_shares_of_some_weeks():
    word = "----++++-+"
    assert share(word, weeks=Chosen(last=4)) == [1]
    assert share(word, weeks=Chosen(first=5, last=8)) == [0]
    assert share(word, weeks=Chosen(final=2)) == [0.5]
    assert share(word, weeks=Chosen(among=(4, 8))) == [0.5]
    assert share(word, weights={1: 1, 5: 2, 9: 1}) == [0.5]


def test_planned_treatment_that_is_too_short_to_be_asked_about_is_missing():
    for asked in (
        {"weeks": Chosen(first=5, last=11)},
        {"weeks": Chosen(final=11)},
        {"weeks": Chosen(among=(4, 11))},
        {"weights": {1: 1, 11: 1}},
    ):
        assert share("----------", **asked) == [pd.NA]
        assert share("-----------", **asked) == [1]


def test_the_first_weeks_with_a_urine_come_from_later_weeks_where_earlier_ones_were_missed():
    assert share("-o-o++", missed="left out", weeks=Chosen(last=3)) == [2 / 3]


def test_a_share_may_only_be_asked_to_be_large_enough():
    """Seven of ten is seven tenths, whatever a computer makes of 0.7."""
    assert share("-------+++", at_least=0.7) == [1]
    assert share("------++++", at_least=0.7) == [0]


def test_missed_weeks_as_most_of_the_others_are():
    rule = {"missed": "as most weeks", "retained_weeks": 3}
    assert share("---+oooo", **rule) == [7 / 8]
    assert share("--++oooo", **rule) == [2 / 8]  # a tie is not most
    assert share("--*+oooo", **rule) == [2.5 / 8]
    assert share("--oooooo", **rule) == [0]  # gone before week 3


def test_conditions_hold_together():
    rule = AllOfWeeks(
        by="conditions on weeks", missed="missed", mixed="positive",
        conditions=(
            Condition(counted="negative", weeks=Chosen(final=4), at_least=3),
            Condition(counted="positive", weeks=Chosen(final=4), at_most=0),
        ),
    )  # fmt: skip
    found = conditions_hold(words("++---o", "++---+", "++---*", "++--oo", "---"), rule)
    assert found["value"].tolist() == [1, 0, 0, 0, pd.NA]


def test_the_weighted_index_by_hand():
    """15 weeks in steps of three that weigh 1 to 5, 45 in all; a missed week weighs 0.22.

    Positive in weeks 1 and 15: 1 + 5 = 6 of 45. Mixed in week 4: half of 2. Two missed: 0.44.
    """
    of = definition("RED-LIN76A").rule
    found = weighted_index(words("-" * 15, "+" + "-" * 13 + "+", "---*oo---------"), of)["value"]
    assert found.tolist() == pytest.approx([120, 120 * (1 - 6 / 45), 120 * (1 - 1.44 / 45)])
    assert weighted_index(words("---" + "o" * 12, "-" * 14), of)["value"].tolist() == [0, pd.NA]


letters = st.text(alphabet="+-*o_", max_size=30)


@settings(max_examples=300, deadline=None)
@given(
    texts=st.lists(letters, min_size=1, max_size=6),
    width=st.integers(1, 6),
    need=st.integers(1, 6),
    first=st.integers(1, 6),
    missed=st.sampled_from(["positive", "negative", "missed", "left out"]),
)
def test_a_window_is_found_as_somebody_would_find_it_who_slides_it_by_hand(
    texts, width, need, first, missed
):
    need = min(need, width)
    rule = window(width, need, first_week=first, missed=missed)
    found = first_window(words(*texts), rule)
    for k, text in enumerate(texts):
        put = {"positive": "+", "negative": "-", "missed": "o", "left out": ""}[missed]
        seen = text.replace("*", "+").replace("o", put)[first - 1 :]
        windows = [seen[i : i + width] for i in range(len(seen) - width + 1)]
        hits = [i for i, some in enumerate(windows) if some.count("+") >= need]
        if not windows:
            assert missing(found["week"][k])
            assert missing(found["event"][k])
        else:
            place = hits[0] if hits else len(windows) - 1
            assert found["event"][k] == bool(hits)
            assert found["week"][k] == place + first + width - need


@settings(max_examples=200, deadline=None)
@given(texts=st.lists(letters.filter(bool), min_size=1, max_size=6))
def test_runs_and_shares_keep_to_their_bounds(texts):
    run = longest_run(words(*texts), definition("ABS-SCOB").rule)["value"]
    assert run.tolist() == [
        max((len(some) for some in re.findall("-+", text)), default=0) for text in texts
    ]
    both = [
        share(*texts, counted="negative", missed="missed"),
        share(*texts, counted="positive", missed="missed"),
    ]
    assert all(0 <= a + b <= 1 for a, b in zip(*both, strict=True))


@settings(max_examples=100, deadline=None)
@given(texts=st.lists(letters.filter(bool), min_size=1, max_size=6))
def test_nobody_relapses_sooner_by_a_rule_that_leaves_out_what_another_counts(texts):
    strict = weekly_outcome(definition("REL-SHU"), words(*texts))["time"]
    loose = weekly_outcome(definition("REL-MOK"), words(*texts))["time"]
    assert (loose <= strict).all()
