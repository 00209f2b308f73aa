"""The grammar of verdicts."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from iop_outcomes.statistics.noninferiority import noninferiority
from iop_outcomes.vocabulary import Direction, Verdict

laws = settings(derandomize=True, deadline=None, max_examples=200)
MARGIN = 0.10
GRAMMAR = [
    # A lower risk is better; the margin is 0.10.
    # lower, upper, verdict
    (-0.08, -0.02, Verdict.SUPERIOR),
    (-0.03, 0.06, Verdict.NONINFERIOR),
    (0.02, 0.06, Verdict.NONINFERIOR_AND_WORSE),
    (-0.12, 0.12, Verdict.INCONCLUSIVE),
    (0.02, 0.14, Verdict.INCONCLUSIVE),
    (0.12, 0.18, Verdict.INFERIOR),
    # Ends that touch a line have not crossed it.
    (-0.05, 0.00, Verdict.NONINFERIOR),
    (0.00, 0.05, Verdict.NONINFERIOR),
    (-0.02, 0.10, Verdict.INCONCLUSIVE),
    (0.02, 0.10, Verdict.INCONCLUSIVE),
    (0.10, 0.14, Verdict.INCONCLUSIVE),
]
limits = st.tuples(st.floats(-0.9, 0.9), st.floats(-0.9, 0.9)).map(sorted)
margins = st.floats(0.01, 0.5)


@pytest.mark.parametrize(("lower", "upper", "verdict"), GRAMMAR)
def test_where_a_lower_risk_is_better(lower, upper, verdict):
    assert noninferiority(lower, upper, MARGIN, Direction.LOWER) is verdict


@pytest.mark.parametrize(("lower", "upper", "verdict"), GRAMMAR)
def test_where_a_higher_risk_is_better_all_is_mirrored(lower, upper, verdict):
    assert noninferiority(-upper, -lower, MARGIN, Direction.HIGHER) is verdict


def test_an_interval_that_ends_exactly_on_the_margin_does_not_clear_it():
    assert noninferiority(-0.02, MARGIN, MARGIN, Direction.LOWER) is Verdict.INCONCLUSIVE
    assert noninferiority(-MARGIN, 0.02, MARGIN, Direction.HIGHER) is Verdict.INCONCLUSIVE


@laws
@given(limits, margins)
def test_the_directions_are_mirror_images(interval, margin):
    lower, upper = interval
    assert noninferiority(lower, upper, margin, Direction.LOWER) is noninferiority(
        -upper, -lower, margin, Direction.HIGHER
    )


@laws
@given(limits, margins, st.floats(0, 0.5))
def test_more_risk_never_makes_the_verdict_kinder(interval, margin, shift):
    lower, upper = interval
    kindness = list(Verdict)  # from superior to inferior
    before = noninferiority(lower, upper, margin, Direction.LOWER)
    after = noninferiority(lower + shift, upper + shift, margin, Direction.LOWER)
    assert kindness.index(after) >= kindness.index(before)


@laws
@given(limits, margins, st.floats(0, 0.5))
def test_a_wider_margin_never_takes_non_inferiority_away(interval, margin, more):
    good = {Verdict.SUPERIOR, Verdict.NONINFERIOR, Verdict.NONINFERIOR_AND_WORSE}
    for direction in Direction:
        if noninferiority(*interval, margin, direction) in good:
            assert noninferiority(*interval, margin + more, direction) in good
