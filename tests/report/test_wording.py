"""Numbers and verdicts as the report spells them."""

from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from iop_outcomes.report.wording import (
    HIDDEN,
    MINUS,
    VERDICT,
    count,
    interval,
    number,
    percent,
    population,
    scaled,
    verdict_sentences,
    words,
)
from iop_outcomes.vocabulary import Estimand, Measure, Verdict

# ---------------------------------------------------------------- numbers


def test_the_minus_sign_is_a_minus_sign():
    assert number(-3.14) == "−3.1"
    assert "-" not in number(-3.14)


@pytest.mark.parametrize("value", [-0.0, -0.04, -1e-17])
def test_nothing_is_minus_nothing(value):
    assert number(value) == "0.0"


@pytest.mark.parametrize("value", [None, np.nan, pd.NA])
@pytest.mark.parametrize("spell", [number, count, percent])
def test_what_is_hidden_is_a_dash(spell, value):
    assert spell(value) == HIDDEN


def test_a_dash_is_not_a_minus_sign():
    assert HIDDEN != MINUS


@pytest.mark.parametrize(
    "people, spelled",
    [(0, "0"), (999, "999"), (1000, "1\u202f000"), (1234567, "1\u202f234\u202f567")],
)
def test_thousands_of_people_are_set_apart_by_a_narrow_space_that_does_not_break(people, spelled):
    assert count(people) == spelled


def test_shares_are_told_in_per_cent():
    assert percent(0.1234) == "12.3"
    assert percent(-0.1234, 0) == "−12"


def test_risks_are_told_in_per_cent_ratios_and_days_as_they_are():
    assert scaled(0.1234, Measure.RISK_DIFFERENCE) == "12.3"
    assert scaled(1.234, Measure.RISK_RATIO) == "1.23"
    assert scaled(-12.34, Measure.RMST_DIFFERENCE) == "−12.3"


def test_an_interval_is_hidden_with_its_estimate():
    row = {"measure": "risk_ratio", "estimate": 0.9, "conf_low": 0.8, "conf_high": 1.05}
    assert interval(row) == "0.90 (0.80 to 1.05)"
    assert interval({**row, "estimate": np.nan}) == HIDDEN


@given(st.floats(-1e6, 1e6), st.integers(0, 3))
def test_a_spelled_number_can_be_read_back(value, decimals):
    spelled = number(value, decimals)
    assert float(spelled.replace(MINUS, "-")) == pytest.approx(value, abs=0.51 * 10**-decimals)
    assert not spelled.startswith(MINUS) or float(spelled.replace(MINUS, "-")) < 0


def test_a_column_is_spelled_by_its_label_or_without_underscores():
    assert words("phq9", {"phq9": "PHQ-9 score"}) == "PHQ-9 score"
    assert words("prior_treatment", {}) == "prior treatment"


@pytest.mark.parametrize("estimand", Estimand)
def test_every_estimand_says_whom_it_averages_over(estimand, protocol_with):
    assert "{" not in population(protocol_with(estimand=str(estimand)))


# ---------------------------------------------------------------- verdicts

MARGIN = {"risk_difference": 0.075, "justification": "as an example", "set_by": "nobody"}
NUMBERS = {"outcome": "staying", "measure": "risk_difference", "method": "iptw", "estimate": 0.02,
           "conf_low": -0.01, "conf_high": 0.05}  # fmt: skip
FORBIDDEN = ("as effective", "no difference was", "caused", "significant", "p =", "p <", "prove")
KNOWN = [(500, 0), (400, 0)]


@pytest.fixture(scope="module")
def protocol_of(protocol_with):
    outcome = {"definition": "as drawn", "events": ["completed"], "horizon_days": 90}
    built = {
        (better, margin is None): protocol_with(
            outcomes={"staying": {**outcome, "better": better}},
            noninferiority={"staying": margin} if margin else {},
        )
        for better in ("lower", "higher")
        for margin in (MARGIN, None)
    }
    return lambda better, margin: built[better, margin is None]


@pytest.fixture(scope="module")
def sentence(protocol_of):
    """The sentences about one verdict; `known` are people and missing of both arms."""

    def write(verdict, better="lower", margin=MARGIN, known=KNOWN, **numbers) -> str:
        arms = pd.DataFrame(known, columns=["people", "missing"], dtype="Int64")
        row = {**NUMBERS, "verdict": verdict, **numbers}
        return verdict_sentences(row, arms, protocol_of(better, margin))

    return write


@pytest.mark.parametrize("better", ["lower", "higher"])
@pytest.mark.parametrize(
    "verdict, says",
    [
        ("superior", "was superior to residential care: the whole interval lies on its side"),
        ("non-inferior", "was non-inferior to residential care: the whole interval lies within"),
        (
            "non-inferior and statistically worse",
            "was non-inferior to residential care and statistically worse: the whole interval",
        ),
        ("inconclusive", "the comparison is inconclusive: the interval reaches beyond"),
        ("inferior", "was inferior to residential care: the whole interval lies beyond"),
    ],
)
def test_every_verdict_has_its_sentence_whichever_way_is_better(sentence, verdict, says, better):
    text = sentence(verdict, better)
    assert text.startswith("On staying, ")
    assert says in text
    assert f"a {better} percentage is better" in text
    assert "intensive outpatient care minus residential care: 2.0 (−1.0 to 5.0)" in text


def test_every_verdict_is_spelled():
    assert set(VERDICT) == set(Verdict)


@pytest.mark.parametrize("verdict", sorted(set(Verdict) - {Verdict.SUPERIOR}))
def test_whatever_is_held_to_the_margin_says_the_margin(sentence, verdict):
    assert "the margin of 7.5 percentage points" in sentence(str(verdict))


def test_non_inferior_and_worse_is_said_in_one_breath(sentence):
    text = sentence("non-inferior and statistically worse", conf_low=0.01)
    assert "non-inferior to residential care and statistically worse" in text
    assert "the whole of it on the wrong side of no difference" in text


@pytest.mark.parametrize(
    "better, low, high, worse",
    [
        ("lower", 0.01, 0.12, True),
        ("lower", -0.12, -0.01, False),
        ("lower", -0.01, 0.12, False),
        ("higher", -0.12, -0.01, True),
        ("higher", 0.01, 0.12, False),
        ("higher", -0.12, 0.01, False),
    ],
)
def test_an_inconclusive_interval_on_the_wrong_side_is_said_to_be(
    sentence, better, low, high, worse
):
    text = sentence("inconclusive", better, conf_low=low, conf_high=high)
    assert ("wrong side of no difference" in text) == worse


def test_without_a_margin_nothing_is_claimed(sentence):
    text = sentence(None, margin=None)
    assert "no margin was set, so nothing is claimed about non-inferiority" in text
    assert "2.0 (−1.0 to 5.0) percentage points" in text
    assert not any(str(verdict) in text.replace("non-inferiority", "") for verdict in Verdict)


def test_a_hidden_estimate_claims_nothing_and_shows_no_number(sentence):
    hidden = dict.fromkeys(["estimate", "conf_low", "conf_high"], np.nan)
    text = sentence(None, **hidden)
    assert text == "On staying, the counts are too small to be shown."


def test_the_confidence_level_is_the_protocols(protocol_with):
    protocol = protocol_with(
        analysis={"covariates": ["age_years"], "confidence_level": 0.975}, noninferiority={}
    )
    arms = pd.DataFrame(KNOWN, columns=["people", "missing"], dtype="Int64")
    row = {**NUMBERS, "outcome": "relapse", "verdict": None}
    assert "97.5% confidence interval" in verdict_sentences(row, arms, protocol)


def test_an_outcome_read_at_exit_is_said_to_be(protocol_with):
    outcome = {"definition": "as drawn", "events": ["completed"], "horizon_days": None}
    protocol = protocol_with(outcomes={"staying": outcome}, noninferiority={})
    arms = pd.DataFrame(KNOWN, columns=["people", "missing"], dtype="Int64")
    assert "Risk difference at exit" in verdict_sentences(
        {**NUMBERS, "verdict": None}, arms, protocol
    )


# ---------------------------------------------------------------- whom the numbers leave out


def test_if_everybody_is_followed_nobody_is_left_out(sentence):
    assert "not known" not in sentence("non-inferior")


def test_people_whose_outcome_is_not_known_are_counted(sentence):
    text = sentence("non-inferior", known=[(1500, 20), (1400, 30)])
    assert "For 50 of 2\u202f950 people the outcome is not known; they are left out" in text


@pytest.mark.parametrize(
    "known",
    [[(pd.NA, pd.NA), (400, 30)], [(pd.NA, pd.NA), (400, 0)], [(pd.NA, pd.NA), (pd.NA, pd.NA)]],
    ids=["few in one arm, many in the other", "few in one arm alone", "few in both arms"],
)
def test_people_too_few_to_be_counted_are_some(sentence, known):
    text = sentence("non-inferior", known=known)
    assert "For some people the outcome is not known; they are left out." in text


# ---------------------------------------------------------------- what is never said


@pytest.fixture(scope="module")
def every_sentence(sentence) -> list[str]:
    bounds = [(-0.2, -0.1), (-0.05, 0.05), (0.01, 0.05), (0.05, 0.2), (0.1, 0.2)]
    known = [KNOWN, [(400, 30), (400, 30)], [(pd.NA, pd.NA), (400, 30)]]
    verdicts = (*map(str, Verdict), None)
    return [
        sentence(verdict, better, margin, people, conf_low=low, conf_high=high, estimate=low)
        for verdict, better, margin, people, (low, high) in product(
            verdicts, ("lower", "higher"), (MARGIN, None), known, bounds
        )
    ]


@pytest.mark.parametrize("word", FORBIDDEN)
def test_no_sentence_says_more_than_its_interval(every_sentence, word):
    assert not [text for text in every_sentence if word in text.lower()]
