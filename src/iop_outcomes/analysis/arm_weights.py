"""The weights that the protocol asks for: by propensity or entropy, of matches or subclasses.

Weights of some people may be 0: those whom trimming left out, and those who found no match.
"""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from iop_outcomes.analysis.design import Design, recorded
from iop_outcomes.analysis.propensity_score import PropensityScore, columns_among
from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.protocol.analysis_plan import (
    AnalysisPlan,
    ClusterTerms,
    MatchingPlan,
    Weighting,
    WeightLimits,
)
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.statistics.clusters.within_clusters import within_cluster_weights
from iop_outcomes.statistics.estimating_equations import EstimatedWeights
from iop_outcomes.statistics.matching.matched_sets import Matching
from iop_outcomes.statistics.matching.matching_sample import (
    Caliper,
    DistanceScale,
    matching_distance,
)
from iop_outcomes.statistics.matching.nearest_neighbour import nearest_neighbour_matching
from iop_outcomes.statistics.matching.subclassification import subclassification
from iop_outcomes.statistics.weighting.entropy_balancing import entropy_balancing
from iop_outcomes.statistics.weighting.trimming import truncate_weights, winsorize_weights
from iop_outcomes.statistics.weighting.weights import balancing_weights
from iop_outcomes.vocabulary import Estimand

SUBCLASSES = 5  # Cochran: five remove nine tenths of the bias of one covariate


@dataclass(frozen=True)
class ArmWeights:
    """Weights, and what has to be known of how they were made.

    Attributes
    ----------
    weight
        0 for those left out. Shape (people,).
    matched_set
        Number of the matched set, -1 for those in none; None without matching. Sets that share a
        person, which matching with replacement allows, are one. Shape (people,).
    limited
        True for those whose weight was truncated or winsorized. Shape (people,).
    balanced
        Gradient and influence where the weights come from entropy balancing, else None.
    """

    weight: NDArray
    matched_set: NDArray | None
    limited: NDArray
    balanced: EstimatedWeights | None = None


def arm_weights(
    people: pd.DataFrame, model: Design, score: PropensityScore, protocol: Protocol
) -> ArmWeights:
    """Weights of everyone, of whom only those kept are looked at.

    Parameters
    ----------
    people
        `Cohort.persons`, for the covariates that neighbours must share.
    model
        Of the same people.
    """
    kept = score.kept
    found = _weights(people[kept], model, score, protocol)
    found = _limited(found, model.treated[kept], protocol)
    return found if kept.all() else _of_everyone(found, kept)


def _weights(
    people: pd.DataFrame, model: Design, score: PropensityScore, protocol: Protocol
) -> ArmWeights:
    kept, plan, estimand = score.kept, protocol.analysis, protocol.estimand
    treated, e = model.treated[kept], score.probability[kept]
    nobody = np.zeros(treated.size, bool)
    if plan.weighting is Weighting.ENTROPY_BALANCING:
        found = entropy_balancing(treated, columns_among(model, kept)[:, 1:], estimand)
        return ArmWeights(found.weight, None, nobody, found.estimated)
    if plan.weighting is Weighting.NEAREST_NEIGHBOURS:
        asked = plan.matching or MatchingPlan()
        matched = nearest_neighbour_matching(
            treated,
            matching_distance(e, DistanceScale.LOGIT),
            estimand,
            ratio=asked.ratio,
            replacement=asked.replacement,
            caliper=None if asked.caliper is None else Caliper(asked.caliper),
            stratum=_strata(people, _shared(asked.exact, plan)),
        )
        return ArmWeights(matched.weight, _matched_sets(matched), nobody)
    if plan.weighting is Weighting.SUBCLASSES:
        many = plan.subclasses or SUBCLASSES
        return ArmWeights(subclassification(treated, e, estimand, many).weight, None, nobody)
    weight = balancing_weights(treated, e, estimand)
    if plan.propensity.clusters is ClusterTerms.WITHIN:
        cluster = model.compared_within[kept]
        weight = within_cluster_weights(treated, weight, cluster, estimand).weight
    return ArmWeights(weight, None, nobody)


def _shared(exact: tuple[str, ...], plan: AnalysisPlan) -> tuple[str, ...]:
    """What neighbours share: within clusters the cluster too."""
    within = plan.propensity.clusters is ClusterTerms.WITHIN
    return tuple(dict.fromkeys((*exact, str(plan.cluster)))) if within else exact


def _strata(people: pd.DataFrame, exact: tuple[str, ...]) -> NDArray | None:
    """One number for each combination of the covariates that neighbours share."""
    if not exact:
        return None
    unknown = [name for name in exact if name not in people.columns]
    if unknown:
        raise ProtocolError(f"protocol.analysis.matching.exact: the cohort has no {unknown}")
    values = pd.DataFrame({name: recorded(people[name]) for name in exact})
    return values.groupby(list(exact), sort=True).ngroup().to_numpy()


def _matched_sets(matched: Matching) -> NDArray:
    """Set of each person, -1 outside; sets that share people are joined."""
    if matched.matched_set is not None:
        return matched.matched_set
    n = matched.weight.size
    pairs = coo_array((np.ones(matched.treated.size), (matched.treated, matched.control)), (n, n))
    _, piece = connected_components(pairs, directed=False)
    return np.where(matched.weight > 0, piece, -1)


def _limited(found: ArmWeights, treated: NDArray, protocol: Protocol) -> ArmWeights:
    limits: WeightLimits = protocol.analysis.limits
    if limits.truncate is not None:
        act = truncate_weights(found.weight, limits.truncate)
    elif limits.winsorize is not None:
        # The arm that stands for itself has one weight, which would only blur the quantile.
        among = {Estimand.ATT: ~treated, Estimand.ATC: treated}.get(protocol.estimand)
        act = winsorize_weights(found.weight, limits.winsorize, among=among)
    else:
        return found
    balanced = None if found.balanced is None else act.estimated(found.balanced)
    return replace(found, weight=act.weight, limited=act.limited, balanced=balanced)


def _of_everyone(found: ArmWeights, kept: NDArray) -> ArmWeights:
    """The same, with those who were trimmed: they weigh nothing and move nothing."""

    def spread(values: NDArray | None, other: float) -> NDArray | None:
        if values is None:
            return None
        whole = np.full((kept.size, *values.shape[1:]), other, values.dtype)
        whole[kept] = values
        return whole

    balanced = found.balanced and EstimatedWeights(
        spread(found.balanced.gradient, 0.0), spread(found.balanced.influence, 0.0)
    )
    return ArmWeights(
        spread(found.weight, 0.0),
        spread(found.matched_set, -1),
        spread(found.limited, False),
        balanced,
    )


def require_same_weights(weight: NDArray, meant: NDArray, treated: NDArray, protocol: Protocol):
    """Refuse weights that are not those meant, up to a factor an arm: estimators normalise.

    Raises
    ------
    CohortError
        They were made for another estimand, or otherwise than the protocol says.
    """
    weighs = meant > 0
    same = bool(((weight > 0) == weighs).all())
    for arm in (treated & weighs, ~treated & weighs):
        scale = weight[arm] / meant[arm]
        same = same and np.ptp(scale) <= 1e-6 * scale.max()
    if not same:
        raise CohortError(
            f"the weights were made for another estimand than {protocol.estimand}, or otherwise "
            "than its `analysis` says; weight the cohort again under this protocol"
        )
