"""For whom: the effect within the levels of a covariate, as the road tells it."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from iop_outcomes.analysis.arms import arms_at_risk
from iop_outcomes.analysis.arms_among import among
from iop_outcomes.analysis.estimates import main_method
from iop_outcomes.analysis.outcome_analysis import outcome_analyses
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.analysis.subgroup_levels import subgroup_levels
from iop_outcomes.analysis.subgroups import subgroups
from iop_outcomes.analysis.weighting import weight_cohort
from iop_outcomes.calibration.step_down import (
    StepDownWorld,
    simulate_step_down,
    step_down_records,
)
from iop_outcomes.cohort.assembly import Cohort, assemble_cohort
from iop_outcomes.errors import ProtocolError
from iop_outcomes.protocol.parsing import parse_protocol
from iop_outcomes.statistics.effects.multiplicity import holm, simultaneous_intervals
from iop_outcomes.statistics.effects.subgroups import (
    SubgroupEffects,
    empirical_bayes,
    interaction_test,
)
from iop_outcomes.statistics.estimating_equations import influence
from iop_outcomes.statistics.survival.changing_weights import interval_risk_sets
from iop_outcomes.statistics.survival.curves import incidence_curve
from iop_outcomes.vocabulary import Arm

ASKED = {"analysis": {"subgroups": ["sex", "homeless", "age_years"]}}
WORLD = StepDownWorld()
STEP_DOWN = {
    "title": "A step-down",
    "question": "Does stepping down within two weeks prevent relapse?",
    "source": {"kind": "site_export", "folder": "simulated"},
    "strategies": {
        "kind": "grace_period",
        "grace_days": 14,
        "after": ["short-term residential"],
        "intervention": ["intensive outpatient"],
        "intervention_name": "stepping down",
        "comparator_name": "not stepping down",
    },
    "eligibility": {"minimum_age_years": 18, "washout_days": 60},
    "time_zero": {"at": "exit from the index stay", "episode_gap_days": 7},
    "outcomes": {
        "relapse": {
            "definition": "return to use",
            "events": ["return to use"],
            "competing": ["death"],
            "horizon_days": 180,
        }
    },
    "causal_contrast": "per protocol",
    "estimand": "ATE",
    "analysis": {"covariates": ["severity"], "subgroups": ["severity"]},
}
AT_EXIT = {"completion": {"definition": "as drawn", "events": ["completed"], "horizon_days": None}}


def main_analyses(study: StudyArrays) -> dict:
    method = main_method(study.protocol)
    return {a.outcome.name: a for a in outcome_analyses(study) if a.method is method}


def told(study: StudyArrays) -> pd.DataFrame:
    return subgroups(study, main_analyses(study).values())


def differences_of(arms) -> tuple[float, np.ndarray]:
    one, other = (arms.risk(arm, arms.horizon) for arm in Arm)
    moved = [arms.risk_influence(arm, arms.horizon) for arm in Arm]
    return one - other, moved[0] - moved[1]


@pytest.fixture(scope="module")
def asked(study):
    return study(**ASKED)


@pytest.fixture(scope="module")
def arrays(road, asked):
    return StudyArrays(*road(asked), asked)


@pytest.fixture(scope="module")
def table(arrays):
    return told(arrays)


# Levels


def test_words_are_levels_zero_and_one_no_and_yes_and_numbers_are_cut_at_quartiles():
    words = pd.Series(["b", None, "a", "b"], dtype="str", name="sex")
    assert subgroup_levels(words).levels == ("a", "b", "not recorded")
    assert subgroup_levels(words).member.tolist() == [1, 2, 0, 1]
    assert subgroup_levels(pd.Series([1.0, 0, 1], name="homeless")).levels == ("no", "yes")
    ages = subgroup_levels(pd.Series(np.arange(18.0, 58), name="age_years"))
    assert ages.levels == ("up to 27", "over 27 to 37", "over 37 to 47", "over 47")
    assert np.bincount(ages.member).tolist() == [10, 10, 10, 10]


def test_quartiles_that_are_one_value_make_fewer_levels():
    many_zeros = pd.Series([0.0] * 30 + [2.0] * 5 + [7.0] * 5, name="days")
    assert subgroup_levels(many_zeros).levels == ("up to 0", "over 0")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"subgroups": ["shoe_size"]}, "`shoe_size` is not among the covariates"),
        ({"subgroups": ["facility_id"]}, "`facility_id` is the cluster"),
        (
            {"subgroups": ["facility_id"], "cluster": None, "covariates": ["sex", "facility_id"]},
            None,
        ),
    ],
)
def test_a_name_that_is_no_covariate_or_is_the_cluster_is_refused(road, study, changes, sentence):
    protocol = study(analysis=changes)
    arrays = StudyArrays(*road(protocol), protocol)
    if sentence is None:
        assert set(told(arrays)["level"]) == set(arrays.people["facility_id"])
    else:
        with pytest.raises(ProtocolError, match=rf"protocol\.analysis\.subgroups: {sentence}"):
            told(arrays)


def test_a_covariate_with_one_level_or_with_many_is_refused():
    many = pd.Series([f"F{k}" for k in range(11)], name="county")
    for values, number in ((many, 11), (pd.Series(["a", "a"], name="county"), 1)):
        with pytest.raises(ProtocolError, match=rf"`county` has {number} level"):
            subgroup_levels(values)


# A level is the analysis of its people


def test_everyone_as_a_subgroup_is_the_whole(arrays):
    everyone = np.ones(len(arrays.people), bool)
    for analysis in main_analyses(arrays).values():
        (whole, moves), (part, part_moves) = (
            differences_of(arms) for arms in (analysis.arms, among(analysis.arms, everyone))
        )
        assert part == whole
        np.testing.assert_array_equal(part_moves, moves)


def test_a_level_is_the_analysis_of_its_people_alone_under_the_weights_of_the_whole(arrays, table):
    """Whoever is outside moves nothing, were the weights known."""
    who = (arrays.people["sex"] == "female").to_numpy()
    for name, analysis in main_analyses(arrays).items():  # noqa: B007 (in the query)
        ends, entry = arrays.ends(analysis.outcome), arrays.entry
        alone = arms_at_risk(
            ends[who].reset_index(drop=True), entry.treated[who], entry.weight[who],
            analysis.outcome,
        )  # fmt: skip
        known = replace(among(analysis.arms, who), estimated=None)
        (expected, moves), (found, found_moves) = map(differences_of, (alone, known))
        assert found == pytest.approx(expected, rel=1e-12)
        np.testing.assert_allclose(found_moves[who], moves, rtol=1e-12, atol=1e-18)
        assert (found_moves[~who] == 0).all()
        row = table.query("outcome == @name and level == 'female'").iloc[0]
        assert row["estimate"] == pytest.approx(expected, rel=1e-12)


def test_the_numbers_of_a_covariate_are_those_of_the_array_functions(arrays, table, asked):
    level = (arrays.people["homeless"] == 1).to_numpy().astype(int)
    for name, analysis in main_analyses(arrays).items():  # noqa: B007 (in the query)
        found = [differences_of(among(analysis.arms, level == k)) for k in (0, 1)]
        effects = SubgroupEffects(
            np.array([0, 1]),
            np.bincount(level),
            np.array([estimate for estimate, _ in found]),
            np.column_stack([moves for _, moves in found]),
        )
        limits = simultaneous_intervals(
            effects.estimate, effects.influence, 0.95, seed=1, cluster=arrays.cluster
        )
        drawn = empirical_bayes(effects.estimate, limits.std_error)
        rows = table.query("outcome == @name and covariate == 'homeless'")
        expected = {
            "estimate": effects.estimate,
            "std_error": limits.std_error,
            "conf_low": limits.lower,
            "conf_high": limits.upper,
            "shrunken": drawn.estimate,
            "shrunken_error": drawn.std_error,
            "interaction_p": np.full(2, interaction_test(effects, arrays.cluster).p_value),
        }
        for column, numbers in expected.items():
            np.testing.assert_allclose(rows[column], numbers, rtol=1e-12, err_msg=column)


def test_p_values_are_adjusted_for_the_number_of_covariates_an_outcome_at_a_time(table):
    for _, rows in table.groupby("outcome"):
        each = rows.drop_duplicates("covariate")
        assert len(each) == 3
        np.testing.assert_allclose(each["interaction_p_holm"], holm(each["interaction_p"]))


def test_two_levels_and_their_shares_move_the_whole_as_everyone_moves_it(arrays):
    r"""A share is linear: :math:`R = \sum \pi_l R_l`, and so its influences by the product rule."""
    analysis = main_analyses(arrays)["completion"]
    arms, level = analysis.arms, (arrays.people["sex"] == "female").to_numpy()
    for arm in Arm:
        whole = arms.risk_influence(arm, arms.horizon)
        weight, rows = arms.weight[arm], arms.members[arm]
        summed = np.zeros(level.size)
        for who in (level, ~level):
            part = among(arms, who)
            share = weight[who[rows]].sum() / weight.sum()
            slope = np.zeros(level.size)
            slope[rows] = (who[rows] - share) / weight.sum()
            moves_share = influence(slope, arms.everyone, arms.estimated)
            summed += share * part.risk_influence(arm, arms.horizon)
            summed += part.risk(arm, arms.horizon) * moves_share
        np.testing.assert_allclose(summed, whole, rtol=0, atol=1e-15)


def test_relabelling_the_arms_flips_the_effects_and_nothing_else(road, study, arrays, table):
    strategies = {
        "intervention": ["short-term residential", "long-term residential"],
        "comparator": ["intensive outpatient"],
    }
    other = study(strategies=strategies, **ASKED)
    flipped = told(StudyArrays(*road(other), other))
    for column, sign in (
        ("estimate", -1),
        ("shrunken", -1),
        ("std_error", 1),
        ("interaction_p", 1),
    ):
        np.testing.assert_allclose(flipped[column], sign * table[column], rtol=1e-6)
    assert (flipped["people_comparator"] == table["people_intervention"]).all()


def test_levels_hold_everyone_and_their_cells_the_known(table, cohort, comparison):
    sizes = cohort.persons["arm"].value_counts()
    events = comparison.arms.query("method == 'iptw'").set_index(["outcome", "arm"])["events"]
    for (outcome, _), rows in table.groupby(["outcome", "covariate"]):
        for arm in Arm:
            assert rows[f"people_{arm}"].sum() == sizes[arm]
            assert rows[f"events_{arm}"].sum() == events[outcome, arm]


# Found and not found


def drawn_cohort(people: int, effect: dict[str, float], seed: int = 7) -> Cohort:
    """People whose care depends on their age; a risk of 0.5, less the effect of their sex."""
    rng = np.random.default_rng(seed)
    age = rng.integers(18, 65, people).astype(float)
    sex = rng.choice(["female", "male"], people)
    treated = rng.random(people) < 1 / (1 + np.exp(-(age - 40) / 15))
    risk = 0.3 + 0.005 * (age - 18) - treated * pd.Series(sex).map(effect).to_numpy()
    ids = [f"H{k:05d}" for k in range(people)]
    arm = np.where(treated, "intervention", "comparator")
    event = rng.random(people) < risk
    return Cohort(
        persons=pd.DataFrame(
            {"person_id": ids, "arm": arm, "index_day": 0, "age_years": age, "sex": sex}
        ),
        follow_up=pd.DataFrame(
            {"person_id": ids, "outcome": "completion", "days": pd.array([None] * people, "Int64"),
             "status": np.where(event, "event", "no event")}
        ),
        exits=pd.DataFrame({"person_id": ids, "arm": arm, "level_of_care": "x", "reason": "y"}),
        attrition=pd.DataFrame(),
    )  # fmt: skip


@pytest.fixture(scope="module")
def of_sex(study):
    """The subgroups by sex of a drawn cohort."""
    analysis = {"covariates": ["age_years", "sex"], "cluster": None, "subgroups": ["sex"]}

    def found(cohort: Cohort) -> pd.DataFrame:
        protocol = replace(
            study(outcomes=AT_EXIT, noninferiority={}, analysis=analysis, estimand="ATE"),
            outcomes=study(outcomes=AT_EXIT, noninferiority={}).outcomes[-1:],
            noninferiority={},
        )
        weighting = weight_cohort(cohort.persons, protocol)
        return told(StudyArrays(cohort, weighting, protocol)).set_index("level")

    return found


def test_an_effect_that_only_women_have_is_found_in_women(of_sex):
    found = of_sex(drawn_cohort(4000, {"female": 0.2, "male": 0.0}))
    assert found.loc["female", "conf_low"] < -0.2 < found.loc["female", "conf_high"] < 0
    assert found.loc["male", "conf_low"] < 0 < found.loc["male", "conf_high"]
    assert (found["interaction_p"] < 1e-4).all()
    assert (found["largest_smd"] < 0.1).all()
    # Effects that differ for certain are hardly drawn together.
    np.testing.assert_allclose(found["shrunken"], found["estimate"], atol=0.02)


def test_levels_of_one_effect_are_found_to_differ_about_as_often_as_the_level_says(of_sex):
    p_values = [
        of_sex(drawn_cohort(600, {"female": 0.1, "male": 0.1}, seed))["interaction_p"].iloc[0]
        for seed in range(40)
    ]
    assert np.mean(np.array(p_values) < 0.05) < 0.15
    assert 0.3 < np.mean(p_values) < 0.7


def test_a_level_without_known_outcomes_in_an_arm_has_no_effect_and_says_why(of_sex):
    cohort = drawn_cohort(900, {"female": 0.1, "male": 0.1})
    unknown = (cohort.persons["arm"] == "comparator") & (cohort.persons["sex"] == "female")
    status = cohort.follow_up["status"].mask(unknown, "missing")
    found = of_sex(replace(cohort, follow_up=cohort.follow_up.assign(status=status)))
    assert found["not_estimated"].to_dict() == {"female": "nobody in an arm", "male": ""}
    assert found.loc["female", ["estimate", "conf_low", "shrunken"]].isna().all()
    # One level cannot differ from itself.
    assert found["interaction_p"].isna().all()
    assert found.loc["male", "conf_low"] < found.loc["male", "estimate"]


def test_a_level_in_which_nobody_has_the_event_has_no_effect_and_says_why(of_sex):
    cohort = drawn_cohort(900, {"female": 0.1, "male": 0.1})
    women = cohort.persons["sex"] == "female"
    status = cohort.follow_up["status"].mask(women, "no event")
    found = of_sex(replace(cohort, follow_up=cohort.follow_up.assign(status=status)))
    assert found.loc["female", "not_estimated"] == "nobody or everybody in an arm had it"


def test_an_arm_of_a_level_within_one_cluster_shows_no_spread_and_says_so(road, study):
    protocol = study(**ASKED)
    cohort, _ = road(protocol)
    women = (cohort.persons["sex"] == "female") & (cohort.persons["arm"] == "comparator")
    elsewhere = women & (cohort.persons["facility_id"] != cohort.persons["facility_id"].mode()[0])
    ids = set(cohort.persons.loc[elsewhere, "person_id"])
    status = cohort.follow_up["status"].mask(cohort.follow_up["person_id"].isin(ids), "missing")
    cohort = replace(cohort, follow_up=cohort.follow_up.assign(status=status))
    table = told(StudyArrays(cohort, weight_cohort(cohort.persons, protocol), protocol))
    said = table.query("level == 'female'")["not_estimated"]
    assert set(said) == {"an arm lies within one facility_id"}


def test_fewer_clusters_than_differences_to_test_are_refused(road, study, records):
    protocol = study(analysis={"subgroups": ["age_years"]})
    cohort, _ = road(protocol)
    few = cohort.persons["facility_id"].isin(sorted(cohort.persons["facility_id"].unique())[:3])
    cohort = replace(cohort, persons=cohort.persons[few].reset_index(drop=True))
    with pytest.raises(ProtocolError, match=r"subgroups: `age_years`: 3 clusters cannot test 3"):
        told(StudyArrays(cohort, weight_cohort(cohort.persons, protocol), protocol))


# People who are cloned


@pytest.fixture(scope="module")
def cloned():
    people = simulate_step_down(WORLD, 1500, np.random.SeedSequence(5))
    protocol = parse_protocol(STEP_DOWN, "protocol")
    cohort = assemble_cohort(step_down_records(people, WORLD), protocol)
    return StudyArrays(cohort, weight_cohort(cohort.persons, protocol), protocol)


def test_clones_are_restricted_with_the_weights_they_bear(cloned):
    """Whoever is outside might as well weigh nothing; everyone inside is the whole."""
    analysis = main_analyses(cloned)["relapse"]
    who = subgroup_levels(cloned.people["severity"]).member == 0
    part = among(analysis.arms, who)
    for arm in Arm:
        under = analysis.arms.under[arm]
        weight = under.weights.weight[under.person, under.column] * who[under.person]
        last = under.sets.day[under.sets.position]
        sets, _ = interval_risk_sets(under.column, last, under.sets.cause, weight)
        expected = incidence_curve(sets).at(part.horizon)
        assert part.risk(arm, part.horizon) == pytest.approx(expected, rel=1e-12)
        everyone = among(analysis.arms, np.ones(who.size, bool))
        for read in ("risk", "risk_influence"):
            np.testing.assert_allclose(
                getattr(everyone, read)(arm, part.horizon),
                getattr(analysis.arms, read)(arm, part.horizon),
                rtol=1e-12,
            )


def test_subgroups_of_clones_are_told_under_the_main_method(cloned):
    table = told(cloned)
    assert set(table["method"]) == {"per_protocol"}
    assert table["estimate"].notna().all()
    assert table["largest_smd"].isna().all()  # everyone is in both arms


def test_without_subgroups_there_are_none(comparison):
    assert comparison.subgroups.empty
    assert "interaction_p" in comparison.subgroups
