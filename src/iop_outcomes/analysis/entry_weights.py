"""The weights of entering an arm as arrays, and where they came from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.arm_weights import ArmWeights, arm_weights, require_same_weights
from iop_outcomes.analysis.design import Design
from iop_outcomes.analysis.propensity_score import PropensityScore, columns_among, learner
from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.analysis_plan import ClusterTerms, PropensityModel, Weighting
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.standard_errors import WeightsTakenAs
from iop_outcomes.statistics.clusters.within_clusters import within_cluster_weights
from iop_outcomes.statistics.estimating_equations import EstimatedWeights, estimated_weights
from iop_outcomes.statistics.weighting.propensity import fitted_weights
from iop_outcomes.statistics.weighting.weights import balancing_weights

STACKED = "stacked estimating equations"
KNOWN = "weights taken as known"
KNOWN_AT_ENTRY = "weights of entering an arm taken as known"


@dataclass(frozen=True)
class EntryWeights:
    """How people came to the arm they entered.

    Attributes
    ----------
    treated
        True in the intervention arm. Shape (people,).
    weight
        Their weights; 0 for those left out. Shape (people,).
    estimated
        Where these came from; None where they are taken as known.
    se_method
        What standard errors say of the weights.
    matched_set
        Number of the matched set, -1 for those in none; None without matching. Shape (people,).
    """

    treated: NDArray
    weight: NDArray
    estimated: EstimatedWeights | None
    se_method: str = STACKED
    matched_set: NDArray | None = None

    @property
    def se_method_followed(self) -> str:
        """The same where people are weighted for leaving a strategy too, by a model of its own."""
        return STACKED if self.se_method != KNOWN else f"{STACKED}, {KNOWN_AT_ENTRY}"

    def spread(
        self, influences: NDArray, cluster: NDArray | None
    ) -> tuple[NDArray, NDArray | None]:
        """Influences of those who weigh something, and within what they are summed.

        Matched sets are the clusters where none are named. Whoever weighs nothing moves nothing
        and is no cluster.
        """
        cluster = self.matched_set if cluster is None else cluster
        weighs = self.weight > 0
        if weighs.all():
            return influences, cluster
        return influences[weighs], None if cluster is None else cluster[weighs]


def entry_weights(
    people: pd.DataFrame, model: Design, protocol: Protocol, strength: float = 0.0
) -> EntryWeights:
    """The weights of the station `weighting`, and what estimating them adds to uncertainty.

    Parameters
    ----------
    people
        One row per person: `propensity`, `weight`, and `trimmed` or `one_armed` if somebody was.
    model
        Of the same people.
    strength
        Of the propensity model's penalty, as it was given or chosen.

    Raises
    ------
    CohortError
        The weights were made for another estimand, or everyone belongs to one matched set.
    """
    weight = people["weight"].to_numpy(float)
    trimmed, alone = (_marked(people, name) for name in ("trimmed", "one_armed"))
    probability = people["propensity"].to_numpy(float)
    score = PropensityScore(probability, ~(trimmed | alone), alone, strength)
    made = arm_weights(people, model, score, protocol)
    require_same_weights(weight, made.weight, model.treated, protocol)
    estimated = _estimated(made, model, score, protocol)
    sets = made.matched_set
    alone = sets is not None and np.unique(sets[sets >= 0]).size < 2
    if alone and protocol.analysis.cluster is None:
        raise CohortError(
            "everyone matched belongs to one matched set, so the spread between sets cannot be "
            "seen; match without replacement, or within a caliper"
        )
    se_method = _se_method(estimated, made, protocol)
    return EntryWeights(model.treated, made.weight, estimated, se_method, sets)


def _marked(people: pd.DataFrame, name: str) -> NDArray:
    return people[name].to_numpy(bool) if name in people else np.zeros(len(people), bool)


def _estimated(
    made: ArmWeights, model: Design, score: PropensityScore, protocol: Protocol
) -> EstimatedWeights | None:
    """Gradient and influence of the weights as made, if they have one."""
    plan = protocol.analysis
    if plan.standard_errors.weights is WeightsTakenAs.KNOWN:
        return None
    smooth = plan.propensity.model in (PropensityModel.LOGISTIC, PropensityModel.RIDGE)
    if plan.weighting is Weighting.ENTROPY_BALANCING:
        return made.balanced
    if plan.weighting is not Weighting.INVERSE_PROBABILITY or not smooth:
        return None
    kept, e = score.kept, score.probability[score.kept]
    treated, columns = model.treated[kept], columns_among(model, kept)
    if plan.propensity.model is PropensityModel.LOGISTIC:
        found = estimated_weights(treated, e, columns, protocol.estimand)
    else:
        fit = learner(plan.propensity, score.strength).fit(treated, columns)
        found = fitted_weights(fit, treated, columns, protocol.estimand)
    if plan.propensity.clusters is ClusterTerms.WITHIN:
        weight = balancing_weights(treated, e, protocol.estimand)
        cluster = model.compared_within[kept]
        found = within_cluster_weights(treated, weight, cluster, protocol.estimand, found).estimated
    if made.limited.any():  # a capped weight no longer moves
        moves = ~made.limited[kept][:, None]
        found = EstimatedWeights(found.gradient * moves, found.influence)
    if kept.all():
        return found
    gradient, influence = (np.zeros((kept.size, found.gradient.shape[1])) for _ in range(2))
    gradient[kept], influence[kept] = found.gradient, found.influence
    return EstimatedWeights(gradient, influence)


def _se_method(estimated: EstimatedWeights | None, made: ArmWeights, protocol: Protocol) -> str:
    if estimated is None:
        return KNOWN
    plan, words = protocol.analysis, [STACKED]
    by_propensity = plan.weighting is Weighting.INVERSE_PROBABILITY
    if plan.propensity.model is PropensityModel.RIDGE and by_propensity:
        words.append("penalty taken as given")
    if made.limited.any():
        words.append("largest weights taken as known")
    return ", ".join(words)
