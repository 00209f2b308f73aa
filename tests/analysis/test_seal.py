"""No outcome is read before the arms are as alike as the protocol asks."""

from dataclasses import replace

import pytest

from iop_outcomes.analysis.comparison import compare, effects
from iop_outcomes.analysis.seal import seal_table
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.analysis_plan import Seal

REASON = "the committee saw the balance and agreed"


@pytest.fixture(scope="module")
def sealed(road, study):
    """ATE weights, which leave some imbalance, under a protocol with a seal."""

    def of(**seal):
        protocol = study(estimand="ATE", analysis={"seal": seal})
        return (*road(protocol), protocol)

    return of


def test_a_seal_that_holds_lets_everything_through(sealed):
    cohort, weighting, protocol = sealed(largest_smd=0.1, smallest_effective_share=0.5)
    assert weighting.seal["holds"].tolist() == [True, True]
    assert len(effects(cohort, weighting, protocol))


def test_what_was_found_stands_beside_its_limit(sealed):
    _, weighting, _ = sealed(
        largest_smd=0.1, smallest_effective_share=0.99, smallest_equipoise=0.99
    )
    table = weighting.seal.set_index("condition")
    size = weighting.sample_size
    assert table["limit"].to_dict() == {
        "largest_smd": 0.1,
        "smallest_effective_share": 0.99,
        "smallest_equipoise": 0.99,
    }
    assert table.loc["largest_smd", "found"] == weighting.balance["smd_after"].abs().max()
    share = (size["effective"] / size["people"]).min()
    assert table.loc["smallest_effective_share", "found"] == share
    within = size["in_equipoise"].sum() / size["people"].sum()
    assert table.loc["smallest_equipoise", "found"] == within
    assert table["holds"].tolist() == [True, False, False]


@pytest.mark.parametrize(
    ("seal", "words"),
    [
        ({"largest_smd": 0.0001}, r"0\.0\d\d \(\w+.*\) and may be at most 0.0001; add terms"),
        ({"smallest_effective_share": 0.99}, r"arm is 0\.9\d\d of its people .* at least 0.99"),
        ({"smallest_equipoise": 0.99}, r"in equipoise is 0\.9\d\d and has to be at least 0.99"),
    ],
)
def test_a_broken_seal_says_what_failed_by_how_much_and_how_to_mend_it(sealed, seal, words):
    cohort, weighting, protocol = sealed(**{"largest_smd": None, **seal})
    for read in (compare, effects):
        with pytest.raises(CohortError, match=words) as refused:
            read(cohort, weighting, protocol)
        assert "seal.broken_because" in str(refused.value)


def test_a_reason_opens_a_broken_seal(sealed):
    cohort, weighting, protocol = sealed(largest_smd=0.0001, broken_because=REASON)
    assert weighting.seal["holds"].tolist() == [False]
    assert len(effects(cohort, weighting, protocol))


def test_weights_made_before_the_seal_was_set_are_held_to_it(sealed, road, study):
    cohort, weighting = road(study(estimand="ATE"))
    assert weighting.seal.empty
    _, _, protocol = sealed(largest_smd=0.0001)
    with pytest.raises(CohortError, match="seal does not hold"):
        effects(cohort, weighting, protocol)


def test_a_limit_that_is_just_met_holds(weighting):
    size = weighting.sample_size
    share = float((size["effective"] / size["people"]).min())
    for limit, holds in ((share, True), (share + 1e-6, False)):
        seal = Seal(largest_smd=None, smallest_effective_share=limit)
        assert seal_table(weighting.balance, size, seal)["holds"].tolist() == [holds]


def test_the_seal_is_judged_without_a_look_at_any_outcome(cohort, study):
    protocol = study(estimand="ATE", analysis={"seal": {"largest_smd": 0.0001}})
    blind = replace(cohort, follow_up=cohort.follow_up[:0])
    assert not weight_cohort(blind.persons, protocol).seal["holds"].any()
