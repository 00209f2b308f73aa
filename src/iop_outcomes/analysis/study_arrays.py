"""Cohort, weights and protocol as arrays, in the order of the people."""

from collections.abc import Iterable
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.censoring_weighting import Censoring
from iop_outcomes.analysis.cluster_terms import recorded_clusters, with_cluster_terms
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.entry_weights import entry_weights
from iop_outcomes.analysis.weighting import Weighting
from iop_outcomes.analysis.weighting_plan import strength_of
from iop_outcomes.cohort.assembly import Cohort
from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.protocol.specification import Outcome, Protocol
from iop_outcomes.statistics.clusters.few_clusters import require_clusters_in_both_arms
from iop_outcomes.statistics.effects.risks import Propensity, estimated_propensity


class StudyArrays:
    """Everything about the people that no outcome changes.

    Attributes
    ----------
    people
        `Cohort.persons` with their weights.
    baseline
        Columns of the covariates, the first of ones. Shape (people, columns).
    propensity_design
        The same with what the propensity model knows of clusters.
    covariates
        Names of the variables that these columns are made of.
    entry
        In which arm people are, and the weights of entering it.
    cluster
        Whose outcomes are alike, as numbers; None if people are independent. Shape (people,).
    protocol, arms_followed
        The protocol, and `Cohort.arms_followed`.
    """

    def __init__(self, cohort: Cohort, weighting: Weighting, protocol: Protocol):
        self.people = cohort.persons.merge(weighting.weights, on="person_id", validate="one_to_one")
        if len(self.people) != len(cohort.persons):
            raise CohortError(
                "the weights are not of the people of this cohort; weight the cohort again"
            )
        self.protocol, self.arms_followed = protocol, cohort.arms_followed
        self._follow_up, self._scores = cohort.follow_up, cohort.scores
        model = design(self.people, protocol.analysis.covariates)
        self.baseline, self.covariates = model.columns, model.covariates
        strength = strength_of(weighting.plan, protocol)
        name = protocol.analysis.cluster
        self.cluster = None if name is None else recorded_clusters(self.people, name)
        self.propensity_design = with_cluster_terms(model, self.people, protocol.analysis)
        self.entry = entry_weights(self.people, self.propensity_design, protocol, strength)

    @cached_property
    def outcome_columns(self) -> NDArray:
        """Columns of the outcome models, the first of ones. Shape (people, columns)."""
        terms = self.protocol.analysis.outcome_model
        if not terms:
            return self.baseline
        return design(self.people, terms, "protocol.analysis.outcome_model").columns

    @cached_property
    def censoring(self) -> Censoring | None:
        """How people are weighted for censoring; None if they are not."""
        plan = self.protocol.analysis.censoring
        if plan is None:
            return None
        if not plan.covariates:
            return Censoring(plan, self.baseline, self.covariates)
        model = design(self.people, plan.covariates, "protocol.analysis.censoring.covariates")
        return Censoring(plan, model.columns, model.covariates)

    @cached_property
    def propensity(self) -> Propensity:
        """The probability of entering the intervention, with what estimating it adds.

        Raises
        ------
        PositivityError
            Somebody's cluster has people in one arm only.
        """
        if not (self.entry.weight > 0).all():
            raise PositivityError(
                f"some people's {self.protocol.analysis.cluster} has people in one arm only, so "
                "they have no propensity score; leave this out, or write "
                "`propensity.clusters: means`"
            )
        probability = self.people["propensity"].to_numpy(float)
        columns = self.propensity_design.columns
        return estimated_propensity(self.entry.treated, probability, columns)

    def require_clusters(self, rows: Iterable[NDArray], where: str) -> None:
        """Refuse an arm that lies within one cluster, of those in these rows."""
        if self.cluster is None:
            return
        known = np.concatenate([*rows])
        try:
            require_clusters_in_both_arms(self.entry.treated[known], self.cluster[known])
        except CohortError as error:
            raise CohortError(f"{where}: {error}") from None

    def ends(self, outcome: Outcome) -> pd.DataFrame:
        """Follow-up of an outcome, in the order of the people."""
        rows = self._follow_up[self._follow_up["outcome"] == outcome.name]
        return self.people[["person_id"]].merge(rows, on="person_id", validate="one_to_one")

    def scores(self, outcome: Outcome) -> pd.Series:
        """Scores of an outcome that is a number, in the order of the people; some not known."""
        rows = self._scores[self._scores["outcome"] == outcome.name]
        whose = self.people[["person_id"]].merge(rows, on="person_id", validate="one_to_one")
        return whose["score"]
