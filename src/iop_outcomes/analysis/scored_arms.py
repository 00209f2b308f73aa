"""The two arms of an outcome that is a number: means, their spread, and what they give away."""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import known_for_someone
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.specification import Outcome
from iop_outcomes.statistics.estimating_equations import EstimatedWeights, influence
from iop_outcomes.statistics.weighting.weights import effective_sample_size
from iop_outcomes.vocabulary import Arm


@dataclass(frozen=True, kw_only=True)
class ScoredArms:
    """Everyone in one arm with one weight, and their scores.

    Attributes
    ----------
    members
        Row numbers of each arm's people whose score is known.
    missing
        People of each arm whose score is not known.
    score, weight
        Of each arm's members.
    everyone
        The weights of all people of the study. Shape (people,).
    estimated
        Where the weights came from; None if they are known.
    few_left_out
        Where an arm's people weigh alike or not at all, the fewest people that the sum of the
        scores left out gives away: it is that of everyone less that of those who weigh.
    """

    members: dict[Arm, NDArray]
    missing: dict[Arm, int]
    score: dict[Arm, NDArray]
    weight: dict[Arm, NDArray]
    everyone: NDArray
    estimated: EstimatedWeights | None
    few_left_out: dict[Arm, int]

    def people(self, arm: Arm) -> int:
        """People whose score is known."""
        return self.members[arm].size

    def people_in(self, arms: Collection[Arm]) -> int:
        """People whose score is known in any of the arms."""
        return sum(self.people(arm) for arm in arms)

    def effective(self, arm: Arm) -> float:
        """Their effective number."""
        return effective_sample_size(self.weight[arm])

    def mean(self, arm: Arm) -> float:
        """Weighted mean score (Hajek)."""
        return float(np.average(self.score[arm], weights=self.weight[arm]))

    def mean_influence(self, arm: Arm) -> NDArray:
        """Influence of everyone in the study on it. Shape (people,).

        A risk at exit is the mean of ones and zeros, and this is the same algebra; those outside
        the arm speak through the propensity model.
        """
        apart = np.zeros(self.everyone.size)
        apart[self.members[arm]] = (self.score[arm] - self.mean(arm)) / self.weight[arm].sum()
        return influence(apart, self.everyone, self.estimated)

    def standard_deviation(self, arm: Arm) -> float:
        r"""Spread of the scores, unbiased for equal weights.

        .. math:: \sum_i w_i (y_i - \bar y)^2 \Big/ \Big(\sum_i w_i - \sum_i w_i^2/\sum_i w_i\Big)

        under the root; nan of one person.
        """
        weight = self.weight[arm]
        freedom = weight.sum() - weight @ weight / weight.sum()
        if not freedom > 1e-12 * weight.sum():
            return np.nan
        return float(np.sqrt(weight @ (self.score[arm] - self.mean(arm)) ** 2 / freedom))

    def smallest_cell(self, arm: Arm) -> int:
        """The smallest number of people whom a mean of the arm gives away, zeros aside."""
        fewest = (given_away(self.score[arm]), self.few_left_out.get(arm, 0))
        return min((people for people in fewest if people), default=0)


def scored_arms(
    score: pd.Series,
    treated: NDArray,
    weight: NDArray,
    outcome: Outcome,
    estimated: EstimatedWeights | None = None,
) -> ScoredArms:
    """Split the scores by arm.

    Parameters
    ----------
    score
        One per person, in the order of `treated` and `weight`; missing where it is not known.

    Raises
    ------
    CohortError
        The score is not known for anyone in an arm, or is one and the same for all in it.
    """
    values = score.to_numpy(float)
    known = ~np.isnan(values)
    in_arm = {Arm.INTERVENTION: treated, Arm.COMPARATOR: ~treated}
    weighs = weight > 0  # whoever has no match or was trimmed is not of the people this is about
    members = {arm: np.flatnonzero(who & known & weighs) for arm, who in in_arm.items()}
    for arm, rows in members.items():
        known_for_someone(rows, arm, outcome)
        if np.ptp(values[rows]) == 0:
            raise CohortError(
                f"protocol.outcomes.{outcome.name}: everyone in the {arm} arm has the same score, "
                "so how far its mean may be off cannot be seen; widen eligibility, or leave the "
                "outcome out"
            )
    out = {arm: values[who & known & ~weighs] for arm, who in in_arm.items()}
    return ScoredArms(
        members=members,
        missing={arm: int((who & ~known & weighs).sum()) for arm, who in in_arm.items()},
        score={arm: values[rows] for arm, rows in members.items()},
        weight={arm: weight[rows] for arm, rows in members.items()},
        everyone=weight,
        estimated=estimated,
        few_left_out={
            arm: given_away(out[arm])
            for arm, rows in members.items()
            if out[arm].size and np.ptp(weight[rows]) <= 1e-9 * weight[rows].max()
        },
    )


def given_away(score: NDArray) -> int:
    """The fewest people whom a mean of these scores gives away, zeros aside.

    All of them; or, if half or more have the score in the middle, those who differ from it: of ones
    and zeros the smaller number. One, if one person's distance from the middle is more than
    that of all others together: the mean is then nearly theirs (dominance, Hundepool et al. 2012).

    Examples
    --------
    Three of fourteen have the event; two of forty score at all; one sum is one person's.

    >>> import numpy as np
    >>> given_away(np.repeat([1.0, 0.0], [3, 11])), given_away(np.repeat([9.0, 0.0], [2, 38]))
    (3, 2)
    >>> given_away(np.array([*range(20), 5000.0]))
    1
    """
    middle = np.quantile(score, 0.5, method="lower")
    apart = np.abs(score - middle)
    if apart.any() and 2 * apart.max() > apart.sum():
        return 1
    differ = int((apart > 0).sum())
    return differ if 0 < 2 * differ <= score.size else int(score.size)
