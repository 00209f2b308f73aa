"""Weights that rest on few people are refused or said to, in words that name no level of anyone."""

import re

import numpy as np
import pandas as pd
import pytest

import iop_outcomes as iop
from iop_outcomes.errors import CohortError, PositivityError


def frame(shift: float, seed: int = 1) -> pd.DataFrame:
    luck = np.random.default_rng(seed)
    entered = luck.random(2000) < 0.5
    severity = luck.normal(size=2000) + shift * entered
    done = luck.random(2000) < 0.3
    return pd.DataFrame({"treat": entered, "severity": severity, "done": done})


def study(table: pd.DataFrame, covariates=("severity",), **asked):
    return iop.cohort_from_frame(
        table, arm="treat", intervention=True, outcomes={"done": iop.Binary("done")},
        covariates=covariates, **asked,
    )  # fmt: skip


def weighted(found) -> iop.Weighting:
    return iop.weight_cohort(found.cohort.persons, found.protocol)


def test_weights_that_rest_on_one_person_are_refused():
    with pytest.raises(
        PositivityError,
        match=r"^the weights of the comparator arm rest on few of its \d+ people: one carries \d+% "
        r"of them \(effective number \d+\.\d\); write `estimand: ATO`, set protocol",
    ):
        weighted(study(frame(shift=2.5), estimand="ATT"))


@pytest.mark.parametrize("seed", range(4))
def test_the_overlap_population_of_the_same_people_is_not(seed):
    sizes = weighted(study(frame(shift=2.5, seed=seed), estimand="ATO")).sample_size
    assert (sizes["largest_share"] < 0.05).all()


def test_in_an_arm_of_few_one_person_may_be_a_quarter():
    few = pd.DataFrame(
        {"treat": [1, 0] * 5, "severity": [1, 2, 3, 1, 2, 3, 2, 2, 5, 1], "done": [0, 1] * 5}
    )
    sizes = weighted(
        iop.cohort_from_frame(
            few, arm="treat", intervention=1, outcomes={"done": iop.Binary("done")},
            covariates=["severity"], estimand="ATT",
        )
    ).sample_size  # fmt: skip
    assert sizes["largest_share"].max() > 0.25


def test_covariates_that_separate_the_arms_are_named_without_their_levels():
    table = frame(shift=0).assign(town=["rare"] + ["common"] * 1999)
    with pytest.raises(
        PositivityError, match=r"^protocol.analysis.covariates: \['town'\] separate"
    ):
        weighted(study(table, ["severity", "town"]))


def test_words_among_numbers_are_gaps_and_no_levels():
    table = frame(shift=0)
    table["severity"] = table["severity"].astype(object)
    table.loc[3, "severity"] = "n/a"
    with pytest.raises(CohortError, match="holds numbers, and something else for 1 of 2000 people"):
        study(table)


def test_numbers_written_as_words_are_levels_where_they_are_codes():
    table = frame(shift=0).assign(state=lambda t: [f"{i % 20:02d}" for i in range(len(t))])
    assert len(weighted(study(table, ["state"])).balance) == 20


def test_what_holds_people_displays_nobody():
    found = study(frame(shift=0))
    cohort, weights = found.cohort, weighted(found)
    for shown in (found, cohort, weights, iop.compare(cohort, weights, found.protocol)):
        assert re.search(r": \d+ rows of \w+", repr(shown))
        assert not re.search(r"^\s*\d+ +\d", repr(shown), re.MULTILINE)  # a row of a table
