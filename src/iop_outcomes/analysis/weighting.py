"""The stage `weighting`: make the arms alike at time zero, and show how alike they became.

Design before analysis: nothing here can see an outcome.
"""

from dataclasses import dataclass

import pandas as pd

from iop_outcomes.analysis.arm_weights import ArmWeights, arm_weights
from iop_outcomes.analysis.balance_tables import (
    balance_table,
    propensity_table,
    sample_size_table,
)
from iop_outcomes.analysis.cluster_balance import cluster_balance
from iop_outcomes.analysis.cluster_terms import with_cluster_terms
from iop_outcomes.analysis.design import design
from iop_outcomes.analysis.propensity_score import PropensityScore, propensity_score
from iop_outcomes.analysis.seal import seal_table
from iop_outcomes.analysis.weighting_plan import plan_table
from iop_outcomes.errors import PositivityError
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.quiet_tables import QuietTables
from iop_outcomes.vocabulary import Arm, Estimand

ONE_PERSON, FEW = 0.25, 20


@dataclass(frozen=True, repr=False)
class Weighting(QuietTables):
    """Weights and the evidence that they work.

    Attributes
    ----------
    weights
        One row per person: `person_id`, `propensity`, `weight` (0 for those left out), `trimmed`,
        `one_armed` (nobody of their cluster is in the other arm, and people are compared within
        clusters), and `matched_set`, missing for those in none.
    balance
        One row per number or level of a covariate. For a level (or a number that is 0 or 1) the
        `people` in each arm who have it, those of them who weigh something (`weighted_people`) and
        their shares; for a number its means and standard deviations; unweighted and weighted.
        `smd_before`, `smd_after`; for numbers `variance_ratio_before` and `_after` (missing where
        the comparator arm does not vary); `ks_before`, `ks_after`, the largest distance between
        the arms' distributions; `left_out`, people of each arm whose weight is 0.
    sample_size
        One row per arm: `people`, `effective` (Kish), `largest_share` of one person's weight,
        those `trimmed`, `one_armed` and `unmatched`; of those neither trimmed nor one-armed, how
        many have a preference score between 0.3 and 0.7 (`in_equipoise`, and their share
        `equipoise`), and by how much the arms' distributions of the propensity score overlap
        (`overlap_before`, `overlap_after`).
    propensity
        One row per arm and bin of the propensity score: `people`, those of them who weigh
        something, and their share of the weight.
    plan
        One row per choice that made the weights: its `key` in `analysis` and its `value`, and the
        `strength` of the propensity model's penalty, given or chosen; 0 without one.
    seal
        One row per condition of the seal; see `seal_table`.
    clusters
        One row per cluster of the analysis; see `cluster_balance`. Names facilities.
    """

    weights: pd.DataFrame
    balance: pd.DataFrame
    sample_size: pd.DataFrame
    propensity: pd.DataFrame
    plan: pd.DataFrame
    seal: pd.DataFrame
    clusters: pd.DataFrame


def weight_cohort(persons: pd.DataFrame, protocol: Protocol) -> Weighting:
    """Weight `Cohort.persons` to the protocol's estimand on the protocol's covariates.

    Raises
    ------
    PositivityError
        Some kinds of people only ever enter one arm, or the weights rest on one person.
    ProtocolError, CohortError
        The covariates cannot be used (see `design`), or nobody finds a match.
    """
    covariates = design(persons, protocol.analysis.covariates)
    model = with_cluster_terms(covariates, persons, protocol.analysis)
    score = propensity_score(model, protocol.analysis)
    made = arm_weights(persons, model, score, protocol)
    propensity, weight = score.probability, made.weight
    in_arm = {Arm.INTERVENTION: model.treated, Arm.COMPARATOR: ~model.treated}
    balance = balance_table(persons, model.covariates, in_arm, weight)
    sizes = sample_size_table(in_arm, weight, propensity, score.kept, score.one_armed)
    _require_many(sizes, protocol)
    return Weighting(
        weights=weights_table(persons, score, made),
        balance=balance,
        sample_size=sizes,
        propensity=propensity_table(in_arm, weight, propensity),
        plan=plan_table(protocol, score.strength),
        seal=seal_table(balance, sizes, protocol.analysis.seal),
        clusters=cluster_balance(persons, covariates, weight, protocol.analysis),
    )


def _require_many(sizes: pd.DataFrame, protocol: Protocol) -> None:
    """Refuse weights that rest on one person: no interval holds for them, and all would see whom.

    Arms of a few people, where one is a large share without any weighting, are let pass.
    """
    for size in sizes.itertuples():
        if size.people >= FEW and size.largest_share > ONE_PERSON:
            other = protocol.estimand is not Estimand.ATO
            raise PositivityError(
                f"the weights of the {size.arm} arm rest on few of its {size.people} people: one "
                f"carries {size.largest_share:.0%} of them (effective number {size.effective:.1f})"
                f"; {f'write `estimand: {Estimand.ATO}`, ' * other}set protocol.analysis.limits, "
                "or narrow eligibility to people who could have entered either"
            )


def weights_table(persons: pd.DataFrame, score: PropensityScore, made: ArmWeights) -> pd.DataFrame:
    """One row per person; see `Weighting.weights`."""
    sets = pd.Series(-1 if made.matched_set is None else made.matched_set, persons.index, "Int64")
    return pd.DataFrame(
        {
            "person_id": persons["person_id"],
            "propensity": score.probability,
            "weight": made.weight,
            "trimmed": ~score.kept & ~score.one_armed,
            "one_armed": score.one_armed,
            "matched_set": sets.mask(sets < 0),
        }
    )
