"""Weights are of these people and for this estimand, or there is no answer."""

from dataclasses import replace

import pytest

from iop_outcomes.analysis.comparison import compare
from iop_outcomes.errors import CohortError


def test_weights_of_fewer_people_are_refused_rather_than_answered_for_fewer(road, study):
    cohort, weighting = road(study())
    fewer = replace(weighting, weights=weighting.weights.head(50))
    with pytest.raises(CohortError, match="not of the people of this cohort"):
        compare(cohort, fewer, study())


def test_weights_for_another_estimand_are_refused_rather_than_relabelled(road, study):
    cohort, weighting = road(study(estimand="ATO"))
    with pytest.raises(CohortError, match="for another estimand than ATE"):
        compare(cohort, weighting, study(estimand="ATE"))
