"""A researcher's data frame and the pipeline's records find the same numbers."""

from functools import cache
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest

import iop_outcomes as iop
from iop_outcomes.protocol.parsing import parse_protocol, read_section

EXAMPLE = files("iop_outcomes") / "protocol" / "examples" / "uis.yaml"
PLAIN = ["sex", "primary_substance", "homeless", "age_years", "phq9"]


def same(ours: pd.DataFrame, theirs: pd.DataFrame) -> None:
    """Every number to 1e-12, every word and count exactly."""
    pd.testing.assert_frame_equal(ours, theirs, rtol=1e-12, atol=1e-12)


def walked(study: iop.FrameStudy) -> tuple[iop.Weighting, iop.Comparison]:
    weighting = iop.weight_cohort(study.cohort.persons, study.protocol)
    return weighting, iop.compare(study.cohort, weighting, study.protocol)


# UIS, as anyone downloads it


@pytest.fixture(scope="module")
def uis(shared) -> pd.DataFrame:
    raw = pd.read_csv(shared / "data" / "uis" / "uis.csv")
    return raw.rename(
        columns={"AGE": "age_years", "BECK": "beck", "NDT": "prior_treatments", "LEN.T": "stayed"}
    ).assign(
        injecting=raw["IV"].map({1: "never", 2: "previous", 3: "recent"}),
        race=raw["RACE"].map({0: "white", 1: "non-white"}),
        programme=raw["SITE"].map({0: "A", 1: "B"}),
        left=1,
    )


@pytest.fixture(scope="module")
def of_frame(uis):
    @cache
    def walk(estimand):
        return walked(
            iop.cohort_from_frame(
                uis,
                arm="TREAT",
                intervention=1,
                comparator=0,
                person_id="ID",
                outcomes={
                    "relapse": iop.TimeToEvent("TIME", event="CENSOR", horizon_days=180),
                    "leaving_treatment": iop.TimeToEvent("stayed", event="left", horizon_days=90),
                },
                covariates=[
                    *("age_years", "beck", "prior_treatments", "injecting", "race", "programme"),
                ],
                estimand=estimand,
                noninferiority=read_section(EXAMPLE, "protocol")["noninferiority"],
            )
        )

    return walk


@pytest.mark.parametrize("estimand", ["ATT", "ATM"])
def test_three_lines_on_uis_give_every_number_of_the_example_protocol(shared, of_frame, estimand):
    section = {**read_section(EXAMPLE, "protocol"), "estimand": estimand}
    protocol = parse_protocol(section, "protocol")
    cohort = iop.assemble_cohort(iop.read_records(shared / "data" / "uis", protocol), protocol)
    weighting = iop.weight_cohort(cohort.persons, protocol)
    comparison = iop.compare(cohort, weighting, protocol)
    ours, found = of_frame(estimand)
    same(found.estimates, comparison.estimates)
    same(found.arms, comparison.arms)
    same(found.curves, comparison.curves)
    same(ours.balance, weighting.balance)
    same(ours.sample_size, weighting.sample_size)


@pytest.mark.parametrize("estimand", ["ATE", "ATT", "ATC", "ATO"])
def test_three_lines_on_uis_give_the_weighted_risks_of_r(shared, of_frame, estimand):
    """R 4.2.2, WeightIt 1.5.1: lm_weightit, vcov='asympt'."""
    case = shared / "reference" / "results" / "a05c_uis_treat_weighted_outcomes.csv"
    table = pd.read_csv(case, dtype={"term": "str"}).set_index(["estimator", "estimand", "term"])
    rows = of_frame(estimand)[1].estimates.set_index(["outcome", "method", "measure"])
    for measure, name, scale in (
        ("risk_difference", "RD [M-estimation]", lambda value: value),
        ("risk_ratio", "logRR [M-estimation]", np.log),
    ):
        ours = rows.loc[("relapse", "iptw", measure)]
        theirs = table.loc[(f"IPTW {estimand}; outcome y180", name, "treat")]
        assert scale(ours["estimate"]) == pytest.approx(theirs["estimate"], rel=1e-6)
        assert ours["std_error"] == pytest.approx(theirs["std_error"], rel=1e-6)


# Simulated records, laid out as a frame


@pytest.fixture(scope="module")
def flat(cohort) -> pd.DataFrame:
    """A person's baseline and all outcomes in one row, in an order of its own."""
    frame = cohort.persons.rename(columns={"arm": "care"}).drop(columns="index_day")
    codes = {"event": 1, "censored": 0, "competing event": 2}
    for name, ends in cohort.follow_up.groupby("outcome"):
        of_person = ends.set_index("person_id")
        status = frame["person_id"].map(of_person["status"])
        if name == "completion":
            known = {"event": "yes", "no event": "no", "competing event": "no"}
            frame[name] = status.map(known)
        else:
            frame[f"{name}_days"] = frame["person_id"].map(of_person["days"])
            frame[f"{name}_ended"] = status.map(codes)
    return frame.sample(frac=1, random_state=7)


@pytest.fixture(scope="module")
def flat_study(flat):
    def study(**changes) -> iop.FrameStudy:
        asked = {
            "arm": "care",
            "intervention": "intervention",
            "comparator": "comparator",
            "outcomes": {
                "relapse": iop.TimeToEvent(
                    "relapse_days", event="relapse_ended", horizon_days=180, competing={2: "death"}
                ),
                "discontinuation": iop.TimeToEvent(
                    "discontinuation_days",
                    event="discontinuation_ended",
                    horizon_days=90,
                    competing={2: "another exit"},
                ),
                "completion": iop.Binary(
                    "completion", event_is="yes", no_event_is="no", better="higher"
                ),
            },
            "covariates": ["age_years", "sex", "primary_substance", "homeless", "phq9"],
            "estimand": "ATO",
            "person_id": "person_id",
            "cluster": "facility_id",
        }
        return iop.cohort_from_frame(flat, **asked | changes)

    return study


def test_simulated_records_as_a_frame_give_the_estimates_of_the_road(
    flat_study, comparison, weighting, study
):
    margins = {
        name: {
            "risk_difference": margin.risk_difference,
            "justification": margin.justification,
            "set_by": margin.set_by,
        }
        for name, margin in study().noninferiority.items()
    }
    ours, found = walked(flat_study(noninferiority=margins))
    same(found.estimates, comparison.estimates)
    same(found.arms, comparison.arms)
    same(found.curves, comparison.curves)
    same(ours.balance, weighting.balance)


def test_further_keys_of_the_analysis_do_what_the_protocol_says(flat_study, road, study):
    protocol = study(analysis={"confidence_level": 0.9}, estimand="ATT", noninferiority={})
    cohort, weighting = road(protocol)
    _, found = walked(flat_study(confidence_level=0.9, estimand="ATT"))
    expected = iop.compare(cohort, weighting, protocol).estimates.drop(columns="verdict")
    same(found.estimates.drop(columns="verdict"), expected)


def test_words_of_every_kind_give_one_answer(flat, flat_study):
    """Text, categories, and 0/1 as yes and no."""
    expected = walked(flat_study())[1].estimates
    spelled = flat.assign(
        sex=flat["sex"].astype("category"), homeless=flat["homeless"].astype("object")
    )
    arguments = {"covariates": PLAIN, "arm": "care", "intervention": "intervention"}
    study = flat_study()
    again = iop.cohort_from_frame(
        spelled,
        **arguments,
        outcomes={
            "completion": iop.Binary("completion", event_is="yes", no_event_is="no"),
        },
        estimand=study.protocol.estimand,
        cluster="facility_id",
    )
    found = walked(again)[1].estimates
    numbers = ["measure", "method", "estimate", "std_error", "n"]
    rows = expected[expected["outcome"] == "completion"].reset_index(drop=True)
    pd.testing.assert_frame_equal(found[numbers], rows[numbers], rtol=1e-9)


def test_the_weights_are_made_from_columns_that_hold_no_outcome(flat_study):
    persons = flat_study().cohort.persons
    assert set(persons.columns) == {"person_id", "arm", "index_day", "facility_id", *PLAIN}


def test_a_missing_word_is_a_level_and_a_missing_number_is_refused(flat, flat_study):
    flat = flat.assign(sex=flat["sex"].mask(flat["age_years"] > 60))
    arguments = {
        "arm": "care",
        "intervention": "intervention",
        "outcomes": {"completion": iop.Binary("completion", event_is="yes", no_event_is="no")},
    }
    study = iop.cohort_from_frame(flat, covariates=["sex"], **arguments)
    levels = walked(study)[0].balance["level"]
    assert "not recorded" in levels.tolist()
    holes = flat.assign(phq9=flat["phq9"].mask(flat["age_years"] > 60))
    study = iop.cohort_from_frame(holes, covariates=["phq9"], **arguments)
    with pytest.raises(iop.StudyError, match="phq9 is not recorded for"):
        iop.weight_cohort(study.cohort.persons, study.protocol)
    study = iop.cohort_from_frame(holes, covariates=["phq9"], recorded=["phq9"], **arguments)
    left = study.cohort.attrition.set_index(["criterion", "arm"])["excluded"]
    assert left["phq9 recorded at time zero"].sum() == holes["phq9"].isna().sum()
    assert len(walked(study)[0].weights) == holes["phq9"].notna().sum()


def test_no_exit_is_known_of_a_frame(flat_study):
    assert walked(flat_study())[1].exits.empty


# HELP: nothing is known of 209 of 453 people


def test_three_lines_on_help_give_every_number_of_the_example_protocol(shared):
    raw = pd.read_csv(shared / "data" / "help" / "HELPrct.csv")
    # Two people have a status and no day, which says nothing of when.
    frame = raw.assign(anysubstatus=raw["anysubstatus"].where(raw["daysanysub"].notna()))
    _, found = walked(
        iop.cohort_from_frame(
            frame,
            arm="treat",
            intervention="yes",
            comparator="no",
            person_id="id",
            outcomes={
                "first_use": iop.TimeToEvent("daysanysub", event="anysubstatus", horizon_days=90)
            },
            covariates=["age", "sex", "cesd", "mcs", "pcs", "homeless", "substance"],
        )
    )
    protocol = iop.read_protocol(EXAMPLE.with_name("help.yaml"))
    cohort = iop.assemble_cohort(iop.read_records(shared / "data" / "help", protocol), protocol)
    weighting = iop.weight_cohort(cohort.persons, protocol)
    same(found.estimates, iop.compare(cohort, weighting, protocol).estimates)
    assert found.arms["missing"].sum() == 2 * 209  # as enrolled, and weighted
