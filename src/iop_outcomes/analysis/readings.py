"""Numbers read from the arms, and those made of both: difference, ratio, odds ratio."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import Arms
from iop_outcomes.statistics.effects.effect_measures import Scale
from iop_outcomes.vocabulary import Arm

SIGN = {Arm.INTERVENTION: 1.0, Arm.COMPARATOR: -1.0}
# A number of an arm, and what everyone in the study adds to it.
OfArm = Callable[[Arms, Arm], float]
Moved = Callable[[Arms, Arm], NDArray]
# What a scale makes of a number (nan where it can make nothing), and the derivative of that.
SCALES: dict[Scale, tuple[Callable[[float], float], Callable[[float], float]]] = {
    Scale.IDENTITY: (lambda value: value, lambda value: 1.0),
    Scale.LOG: (lambda risk: np.log(risk) if risk > 0 else np.nan, lambda risk: 1 / risk),
    Scale.LOGIT: (
        # A sum of weights is not exact.
        lambda risk: np.log(risk / (1 - risk)) if 1e-12 < risk < 1 - 1e-12 else np.nan,
        lambda risk: 1 / (risk * (1 - risk)),
    ),
}


def risk_by(day: float) -> tuple[OfArm, Moved]:
    """Reads the risk by a day."""
    return (
        lambda arms, arm: arms.risk(arm, day),
        lambda arms, arm: arms.risk_influence(arm, day),
    )


def days_free(until: float) -> tuple[OfArm, Moved]:
    """Reads the mean days before the event, up to a day."""
    return (
        lambda arms, arm: arms.restricted_mean(arm, until),
        lambda arms, arm: arms.restricted_mean_influence(arm, until),
    )


def days_lost(until: float) -> tuple[OfArm, Moved]:
    """Reads the mean days after the event, up to a day: what is left of those before it."""
    return (
        lambda arms, arm: until - arms.restricted_mean(arm, until),
        lambda arms, arm: -arms.restricted_mean_influence(arm, until),
    )


@dataclass(frozen=True)
class ArmNumbers:
    """One number in each arm, of the same kind.

    Attributes
    ----------
    of_arm, influence
        The numbers, and what everyone in the study adds to them. Shape (people,).
    again
        Reads the same from other arms; None where that cannot be done.
    """

    of_arm: dict[Arm, float]
    influence: dict[Arm, NDArray]
    again: OfArm | None = None

    def alone(self, arm: Arm) -> "Reading":
        """The number of one arm."""
        return Reading(self, Scale.IDENTITY, {arm: 1.0})

    def difference(self, scale: Scale = Scale.IDENTITY) -> "Reading":
        """The intervention's less the comparator's; of risks also of logarithms or log odds."""
        _, derivative = SCALES[scale]
        slope = {arm: sign * derivative(self.of_arm[arm]) for arm, sign in SIGN.items()}
        return Reading(self, scale, slope)

    def have(self, scale: Scale) -> bool:
        """Whether both arms' numbers can be put on a scale."""
        forward, _ = SCALES[scale]
        return all(np.isfinite(forward(self.of_arm[arm])) for arm in Arm)


@dataclass(frozen=True)
class Reading:
    """A number made of one arm's or both arms', on the scale on which its limits are symmetric.

    Attributes
    ----------
    numbers
        What it is made of.
    scale
        On which the arms' numbers are compared.
    slope
        Its derivative by the number of each arm that it is about.
    """

    numbers: ArmNumbers
    scale: Scale
    slope: dict[Arm, float]

    @property
    def value(self) -> float:
        """The number."""
        return self._made_of(self.numbers.of_arm)

    @property
    def change(self) -> NDArray:
        """What everyone in the study adds to it. Shape (people,)."""
        return sum(slope * self.numbers.influence[arm] for arm, slope in self.slope.items())

    def read(self, arms: Arms) -> float:
        """The same of other arms; nan where it is no number."""
        return self._made_of({arm: self.numbers.again(arms, arm) for arm in self.slope})

    def _made_of(self, of_arm: dict[Arm, float]) -> float:
        forward, _ = SCALES[self.scale]
        if len(self.slope) == 1:
            return float(of_arm[next(iter(self.slope))])
        return float(forward(of_arm[Arm.INTERVENTION]) - forward(of_arm[Arm.COMPARATOR]))


def numbers_of(arms: Arms, of_arm: OfArm, moved: Moved, only: Arm | None = None) -> ArmNumbers:
    """Read one number an arm, or that of one arm alone."""
    asked = list(Arm) if only is None else [only]
    return ArmNumbers(
        {arm: of_arm(arms, arm) for arm in asked}, {arm: moved(arms, arm) for arm in asked}, of_arm
    )
