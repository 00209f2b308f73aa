"""Outcomes that are a number: a PHQ-9 at follow-up in the records, and lalonde as R has it."""

import shutil
import subprocess
from dataclasses import replace
from io import StringIO

import numpy as np
import pandas as pd
import pytest

import iop_outcomes as iop
from iop_outcomes.analysis.estimates import main_rows
from iop_outcomes.vocabulary import Arm

# Along the pipeline: simulated records with a PHQ-9 at follow-up


@pytest.fixture(scope="module")
def scored(records):
    """The records of the small study, with two more scores of most people, around month six."""
    first = records.stays.drop_duplicates("person_id", keep=False)  # no other stay has a baseline
    rng = np.random.default_rng(4)
    later = [
        first.sample(frac=share, random_state=day)[["person_id", "start_day"]].assign(
            day=lambda people, day=day: people["start_day"] + day,
            instrument="phq9",
            score=lambda people: rng.integers(0, 28, len(people)),
        )
        for day, share in ((165, 0.5), (190, 0.7), (400, 0.9))
    ]
    columns = ["person_id", "day", "instrument", "score"]
    scores = pd.concat([records.scores, *(table[columns] for table in later)], ignore_index=True)
    return replace(records, scores=scores)


DEPRESSION = {
    "definition": "PHQ-9 total half a year after admission",
    "score": {"instrument": "phq9", "days": [150, 210], "unit": "points", "range": [0, 27]},
}


def test_a_follow_up_score_goes_from_the_records_to_the_difference_of_means(scored, study):
    protocol = study(outcomes={"depression": DEPRESSION})
    cohort = iop.assemble_cohort(scored, protocol)
    weighting = iop.weight_cohort(cohort.persons, protocol)
    found = iop.compare(cohort, weighting, protocol)
    told = cohort.persons[["person_id", "arm"]].merge(cohort.scores, on="person_id")
    assert set(told["days"].dropna()) == {165, 190}
    by_arm = told.groupby("arm")["score"]
    means = found.means[found.means["method"] == "unadjusted"].set_index("arm")
    assert means["mean"].to_dict() == pytest.approx(by_arm.mean().to_dict())
    assert means["standard_deviation"].to_dict() == pytest.approx(by_arm.std().to_dict())
    assert means["missing"].to_dict() == by_arm.apply(lambda score: score.isna().sum()).to_dict()
    weight = told.merge(weighting.weights, on="person_id").dropna(subset="score")
    difference = {
        arm: np.average(rows["score"], weights=rows["weight"])
        for arm, rows in weight.groupby("arm")
    }
    main = main_rows(found.estimates[found.estimates["outcome"] == "depression"])
    assert main.set_index("measure").loc["mean_difference", "estimate"] == pytest.approx(
        difference[str(Arm.INTERVENTION)] - difference[str(Arm.COMPARATOR)], rel=1e-12
    )


def test_a_follow_up_score_changes_no_other_number_of_the_study(scored, study, comparison):
    protocol = study(outcomes={"depression": DEPRESSION})
    cohort = iop.assemble_cohort(scored, protocol)
    weighting = iop.weight_cohort(cohort.persons, protocol)
    found = iop.compare(cohort, weighting, protocol)
    rest = found.estimates[found.estimates["outcome"] != "depression"]
    pd.testing.assert_frame_equal(rest, comparison.estimates)
    pd.testing.assert_frame_equal(found.left_out, comparison.left_out)


def test_alternatives_are_told_of_a_score_too(scored, study):
    last = {**DEPRESSION, "score": {**DEPRESSION["score"], "take": "first"}}
    found = iop.compare_alternatives(
        scored, {name: study(outcomes={"depression": each})
                 for name, each in (("as planned", DEPRESSION), ("first", last))}
    ).estimates  # fmt: skip
    told = found[(found["measure"] == "mean_difference") & (found["method"] == "iptw")]
    assert told["estimate"].nunique() == 2


# lalonde


GOLDEN = [  # difference in re78, its error with estimated weights
    ("ATE", 224.6763083, 876.1931912),
    ("ATT", 1214.071221, 798.1546278),
    ("ATO", 1242.200631, 738.7490402),
    ("ATM", 1119.521189, 758.4525),
    ("ATC", -186.9158991, 1130.982189),
]
KNOWN = {"ATE": 909.4776682, "ATT": 824.0517114, "ATO": 775.0972999, "ATM": 772.5822907}


@pytest.fixture(scope="module")
def lalonde() -> pd.DataFrame:
    """The data belong to the R package MatchIt and are not copied here."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        pytest.skip("Rscript is not here")
    code = "data(lalonde, package = 'MatchIt'); write.csv(lalonde, row.names = FALSE)"
    run = subprocess.run([rscript, "-e", code], capture_output=True, text=True, check=False)
    if run.returncode:
        pytest.skip("the R package MatchIt is not here")
    return pd.read_csv(StringIO(run.stdout))


@pytest.mark.parametrize(("estimand", "value", "stacked"), GOLDEN)
def test_three_lines_on_lalonde_give_the_weighted_means_of_r(lalonde, estimand, value, stacked):
    """R 4.2.2, WeightIt 1.5.1 and 2.0.0: lm_weightit, vcov='asympt' and 'HC0'."""
    found = {}
    for weights in ("estimated", "known"):
        study = iop.cohort_from_frame(
            lalonde,
            arm="treat",
            intervention=1,
            comparator=0,
            outcomes={"earnings": iop.Continuous("re78", better="higher", unit="dollars")},
            covariates=["age", "educ", "race", "married", "nodegree", "re74", "re75"],
            estimand=estimand,
            standard_errors={"weights": weights},
        )
        weighting = iop.weight_cohort(study.cohort.persons, study.protocol)
        rows = iop.compare(study.cohort, weighting, study.protocol).estimates
        found[weights] = rows.set_index(["method", "measure"]).loc[("iptw", "mean_difference")]
    assert found["estimated"]["estimate"] == pytest.approx(value, rel=1e-7)
    assert found["estimated"]["std_error"] == pytest.approx(stacked, rel=1e-7)
    if estimand in KNOWN:
        assert found["known"]["std_error"] == pytest.approx(KNOWN[estimand], rel=1e-7)
