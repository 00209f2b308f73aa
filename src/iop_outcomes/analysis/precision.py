"""How precisely a number of the main method is known: the standard errors a protocol can ask for.

Without a word in the protocol influences are summed within clusters (`OutcomeAnalysis`); here are
the others, for when clusters are few. Each takes the influences and the `Reading` they are of.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.analysis.arms import Arms, ArmsAtRisk, ArmsFollowed
from iop_outcomes.analysis.entry_weights import KNOWN
from iop_outcomes.analysis.readings import Reading
from iop_outcomes.analysis.study_arrays import StudyArrays
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.standard_errors import WILD_REPEATS, WILD_SEED, ClusterErrors
from iop_outcomes.statistics.clusters.cluster_robust import (
    ClusterCorrection,
    ClusterRobustRegression,
    cluster_robust_regression,
)
from iop_outcomes.statistics.clusters.few_clusters import LeftOut
from iop_outcomes.statistics.clusters.wild_bootstrap import WildWeights, wild_cluster_bootstrap
from iop_outcomes.statistics.estimating_equations import Uncertainty
from iop_outcomes.statistics.survival.curve_limits import Scale as RiskScale
from iop_outcomes.statistics.survival.curve_limits import incidence_limits

WHERE = "protocol.analysis.standard_errors"


@dataclass(frozen=True)
class Precision(Uncertainty):
    """A standard error, and the limits that go with it.

    Attributes
    ----------
    beyond
        How far below and above the number its limits are, where a test was inverted; None where
        they are `critical` standard errors away on both sides.
    """

    beyond: tuple[float, float] | None = None

    def limits(self, value: float) -> tuple[float, float]:
        """Limits of a number on the scale of its reading."""
        if self.beyond is not None:
            return value - self.beyond[0], value + self.beyond[1]
        half = self.critical * self.std_error
        return value - half, value + half

    def risk_limits(self, risk: float, scale: RiskScale) -> tuple[float, float]:
        """Limits of a risk, which stay within 0 and 1; the scale is for those made of an error."""
        if self.beyond is None:
            low, high = incidence_limits(risk, self.std_error, self.critical, scale)
        else:
            low, high = np.clip(self.limits(risk), 0.0, 1.0)
        return float(low), float(high)


ErrorsOf = Callable[[Reading], Precision]


@dataclass(frozen=True)
class Jackknife:
    """Each cluster left out in turn, everything made anew (CV3).

    Attributes
    ----------
    without
        The arms without each cluster.
    confidence_level
        Of the limits.
    cluster
        What the clusters are.
    """

    without: tuple[Arms, ...]
    confidence_level: float
    cluster: str

    def __call__(self, reading: Reading) -> Precision:
        """Deviations are from the estimate of everyone; not a number where one of them is none."""
        each = np.array([reading.read(arms) for arms in self.without])
        left_out = LeftOut(np.arange(each.size), each, reading.value)
        spread = left_out.uncertainty(self.confidence_level)
        return Precision(
            spread.std_error,
            spread.critical,
            spread.clusters,
            f"weights made anew without each {self.cluster} in turn (jackknife about the whole "
            f"estimate, CV3; t with {each.size - 1} df)",
        )


@dataclass(frozen=True)
class ArmMeans:
    """Arms' numbers as weighted least squares on the arms, weights known: CR2, wild bootstrap.

    A person's outcome is the arm's number plus their influence times the arm's weight over their
    own: 0 or 1 where the number is a risk and nobody was censored before the horizon.
    """

    arms: ArmsAtRisk
    cluster: NDArray
    protocol: Protocol

    def __call__(self, reading: Reading) -> Precision:
        """By the protocol's `clusters`."""
        wild = self.protocol.analysis.standard_errors.clusters is ClusterErrors.WILD_BOOTSTRAP
        return self._wild_bootstrap(reading) if wild else self._bell_mccaffrey(reading)

    def _bell_mccaffrey(self, reading: Reading) -> Precision:
        spread = self._spread(self.regression(reading, ClusterCorrection.CR2))
        return Precision(
            spread.std_error,
            spread.critical,
            spread.clusters,
            f"{self._base} (CR2, t with Satterthwaite's df)",
        )

    def _wild_bootstrap(self, reading: Reading) -> Precision:
        plan = self.protocol.analysis
        asked, level = plan.standard_errors, plan.confidence_level
        draws = asked.repeats or WILD_REPEATS
        seed = WILD_SEED if asked.seed is None else asked.seed
        spread = self._spread(self.regression(reading, ClusterCorrection.CR1))
        below = above = 0.0
        if spread.std_error > 1e-12:  # a risk of 0 or 1 has no spread to redraw
            outcome, design, cluster, weight = self._rows(reading)
            drawn = {"draws": draws, "seed": seed, "weight": weight, "law": WildWeights.WEBB}
            try:
                found = wild_cluster_bootstrap(outcome, design, cluster, 0, level, **drawn)
            except CohortError as error:
                raise CohortError(f"{WHERE}.clusters: {error}") from None
            below, above = found.estimate - found.lower, found.upper - found.estimate
        half = (below + above) / 2
        return Precision(
            spread.std_error,
            half / spread.std_error if half else spread.critical,
            spread.clusters,
            f"{self._base} (restricted wild cluster bootstrap-t, Webb, {draws} draws, seed {seed}, "
            "test inverted; standard error CR1)",
            beyond=(below, above),
        )

    @property
    def _base(self) -> str:
        return f"{KNOWN}, clustered by {self.protocol.analysis.cluster}"

    def regression(self, reading: Reading, kind: ClusterCorrection) -> ClusterRobustRegression:
        """The regression whose first coefficient is the number, linear in the arms' numbers."""
        outcome, design, cluster, weight = self._rows(reading)
        return cluster_robust_regression(outcome, design, cluster, kind, weight)

    def _rows(self, reading: Reading) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Outcome, design, cluster and weight of everyone whose outcome is known."""
        rows, outcome, column = [], [], []
        for place, arm in enumerate(reading.slope):
            members, weight = self.arms.members[arm], self.arms.weight[arm]
            moved = reading.numbers.influence[arm][members] * weight.sum() / weight
            rows.append(members)
            outcome.append(reading.numbers.of_arm[arm] + moved)
            column.append(np.full(members.size, place))
        means = np.eye(len(reading.slope))[np.concatenate(column)]
        design = means @ np.linalg.inv(_numbers_made(tuple(reading.slope.values())))
        who = np.concatenate(rows)
        return np.concatenate(outcome), design, self.cluster[who], self.arms.everyone[who]

    def _spread(self, fit: ClusterRobustRegression) -> Uncertainty:
        try:
            return fit.uncertainty(0, self.protocol.analysis.confidence_level)
        except CohortError:
            raise CohortError(
                f"{WHERE}.clusters: an arm's weight lies within one "
                f"{self.protocol.analysis.cluster}, so its spread between them cannot be seen; set "
                "protocol.analysis.cluster to null and say so, or widen the arm"
            ) from None


def _numbers_made(slope: tuple[float, ...]) -> NDArray:
    """A number as a row by the arms' means, and below it what is at right angles to it."""
    if len(slope) == 1:
        return np.array([slope])
    one, other = slope
    return np.array([[one, other], [-other, one]])


def weights_as_known(arms: ArmsFollowed) -> ArmsFollowed:
    """The same arms, none of whose weights counts as estimated."""
    under = {arm: each.taken_as_known() for arm, each in arms.under.items()}
    return replace(arms, under=under, estimated=None)


def errors_of_main(study: StudyArrays, arms: Arms, without: Sequence[Arms]) -> ErrorsOf | None:
    """Standard errors of the main method; None where influences are summed."""
    plan, asked = study.protocol.analysis, study.protocol.analysis.standard_errors.clusters
    if asked is ClusterErrors.CR1:
        return None
    if asked is ClusterErrors.JACKKNIFE:
        return Jackknife(tuple(without), plan.confidence_level, str(plan.cluster))
    return ArmMeans(arms, study.cluster, study.protocol)
