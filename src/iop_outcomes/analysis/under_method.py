"""Numbers that are functions of everyone's weights, under one method: influence and spread."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.analysis.estimates import clustered_words
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.estimating_equations import (
    EstimatedWeights,
    Uncertainty,
    influence,
    uncertainty,
)
from iop_outcomes.vocabulary import Arm, Method

METHODS = (Method.UNADJUSTED, Method.IPTW)


@dataclass(frozen=True)
class UnderMethod:
    """The people of a study with the weights of a method.

    Attributes
    ----------
    study
        The people.
    method
        `UNADJUSTED`, where everyone weighs one, or `IPTW`.
    """

    study: StudyArrays
    method: Method

    @cached_property
    def weight(self) -> NDArray:
        """Everyone's weight. Shape (people,)."""
        entry = self.study.entry
        return entry.weight if self.method is Method.IPTW else np.ones(entry.treated.size)

    @property
    def estimated(self) -> EstimatedWeights | None:
        """Where the weights came from; None if they are known."""
        return self.study.entry.estimated if self.method is Method.IPTW else None

    def members(self, arm: Arm, known: NDArray) -> NDArray:
        """Rows of those in an arm who weigh something and of whom the outcome is known."""
        treated = self.study.entry.treated
        in_arm = treated if arm is Arm.INTERVENTION else ~treated
        return np.flatnonzero(in_arm & known & (self.weight > 0))

    def left_out(self, arm: Arm, known: NDArray) -> NDArray:
        """Rows of those in an arm who weigh nothing, where all others weigh alike."""
        members = self.members(arm, known)
        weight = self.weight[members]
        if not weight.size or np.ptp(weight) > 1e-9 * weight.max():
            return members[:0]
        treated = self.study.entry.treated
        in_arm = treated if arm is Arm.INTERVENTION else ~treated
        return np.flatnonzero(in_arm & known & (self.weight == 0))

    def require_both_arms(self, known: NDArray, where: str) -> None:
        """Refuse an arm of which nothing is known, or that lies within one cluster."""
        for arm in Arm:
            if not self.members(arm, known).size:
                raise CohortError(f"{where}: nothing is known of anyone in the {arm} arm")
        self.study.require_clusters([np.flatnonzero(known)], where)

    def influence(self, members: NDArray, derivative: NDArray) -> NDArray:
        """Influence of everyone on a number whose derivative by the members' weights is given.

        Those outside speak through the model of the weights. Shape (people,).
        """
        whole = np.zeros(self.weight.size)
        whole[members] = derivative
        return influence(whole, self.weight, self.estimated)

    def uncertainty(self, influences: NDArray) -> Uncertainty:
        """Standard error and critical value of a number with these influences."""
        cluster = self.study.cluster
        if self.method is Method.IPTW:
            influences, cluster = self.study.entry.spread(influences, cluster)
        return uncertainty(influences, self.study.protocol.analysis.confidence_level, cluster)

    def se_method(self, spread: Uncertainty) -> str:
        """Where the standard error comes from, in words."""
        entry = self.study.entry
        base = entry.se_method if self.method is Method.IPTW else "influence function"
        return clustered_words(base, spread.clusters, self.study.protocol.analysis.cluster)
