"""Limits where an arm shows no spread: nobody in it had the event, or everybody.

A standard error of 0 would make the verdict of a study in which nobody relapsed certain after a
dozen people.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from iop_outcomes.analysis.arms import Arms
from iop_outcomes.analysis.precision import Precision
from iop_outcomes.analysis.readings import ArmNumbers
from iop_outcomes.statistics.effects.all_or_none import (
    all_or_none,
    all_or_none_limits,
    difference_limits,
)
from iop_outcomes.vocabulary import Arm

Limits = tuple[float, float]
SAID = "limits of Clopper and Pearson for nobody or everybody, square-and-add for a difference"


@dataclass(frozen=True)
class NoSpread:
    """Limits of the risks of both arms, of which one at least shows no spread.

    Attributes
    ----------
    risks
        The risks.
    arms
        The people they are of.
    level
        Of the intervals.
    """

    risks: ArmNumbers
    arms: Arms
    level: float

    def of(self, arm: Arm) -> bool:
        """Whether nobody or everybody in an arm had the event."""
        return all_or_none(self.risks.of_arm[arm])

    def limits(self, arm: Arm) -> Limits:
        """Limits of the risk of an arm without spread."""
        return all_or_none_limits(self.risks.of_arm[arm], self.followed(arm), self.level)

    def followed(self, arm: Arm) -> float:
        """Effective number of people of an arm, less the share censored before the horizon."""
        counts = self.arms.counts(arm)
        share = 1 - counts["censored"] / counts["people"]
        return max(self.arms.effective(arm) * share, 1e-9)  # of nobody all is possible

    def difference(self, of_arm: Mapping[Arm, Limits]) -> Limits:
        """Limits of the difference of the risks, from those of each."""
        lower, upper = np.transpose([of_arm[arm] for arm in Arm])
        return difference_limits([self.risks.of_arm[arm] for arm in Arm], lower, upper)

    def days(self, free: ArmNumbers, spread: Mapping[Arm, Precision], until: float) -> Limits:
        """Limits of the difference in days before the event, where nobody of an arm had it.

        At worst those who might have had it had it at once: days before it are then fewer by as
        much of the horizon as the upper limit of their risk.
        """
        of_arm = {
            arm: (until * (1 - self.limits(arm)[1]), until)
            if self.of(arm) and self.risks.of_arm[arm] < 0.5
            else spread[arm].limits(free.of_arm[arm])
            for arm in Arm
        }
        lower, upper = np.transpose([of_arm[arm] for arm in Arm])
        return difference_limits([free.of_arm[arm] for arm in Arm], lower, upper)
