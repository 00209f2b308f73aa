"""Weights for outcomes that are not known: one over the probability of being known.

Whoever is known stands in, on every day, for those with the same covariates at time zero of whom
nothing is.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.survival.loss_to_follow_up import (
    TOO_MUCH_IS_TOLD,
    independent,
    orthogonal_among,
)
from iop_outcomes.statistics.weighting.propensity import fit_propensity


@dataclass(frozen=True)
class KnownWeights:
    """Weights of those of whom something is known: the same on every day.

    Attributes
    ----------
    weight
        Shape (people, 1).
    stabilised
        The same times the share known, before any cap. Shape (people, 1).
    share
        What all weights are times: the share known, or 1. Shape (1,).
    unknown
        Probability of not being known; 0 where the weight is capped. Shape (people,).
    basis, influence_on_model
        As in `loss_to_follow_up.LossModel`.
    first_day
        0 alone. Shape (1,).
    """

    weight: NDArray
    stabilised: NDArray
    share: NDArray
    unknown: NDArray
    basis: NDArray
    influence_on_model: NDArray
    first_day: NDArray

    def of_the_model(self, moved: NDArray) -> NDArray:
        """As `loss_to_follow_up.LossWeights.of_the_model`."""
        return self.influence_on_model @ (self.basis.T @ (self.unknown * moved[:, 0]))


def known_weights(
    known: ArrayLike,
    design: ArrayLike,
    who: ArrayLike | None = None,
    stabilised: bool = True,
    truncate: float | None = None,
) -> KnownWeights:
    """One over the probability of the outcome being known, by a logistic model.

    Parameters
    ----------
    known
        True for those of whom something is known. Shape (people,).
    design, who, stabilised, truncate
        As in `loss_to_follow_up.fit_losses` and `loss_weights`.

    Raises
    ------
    CohortError
        Fewer are unknown than the model has columns.
    PositivityError
        The covariates tell exactly who is known.

    Examples
    --------
    >>> known_weights([True, True, True, False], np.ones((4, 1)), stabilised=False).weight[0]
    array([1.33333333])
    """
    known, design = np.asarray(known, bool), np.asarray(design, float)
    some = np.ones(known.size, bool) if who is None else np.asarray(who, bool)
    kept = independent(design, some)
    x, unknown = design[:, kept], np.zeros(known.size)
    gone = some & ~known
    found = KnownWeights(
        *np.ones((2, known.size, 1)), np.ones(1), unknown, x, np.zeros_like(x), np.zeros(1)
    )
    if not gone.any():
        return found
    if gone.sum() < len(kept):
        raise CohortError(
            f"fewer outcomes are unknown ({gone.sum()}) than the model of it has columns "
            f"({len(kept)}); name fewer covariates"
        )
    basis = orthogonal_among(some, x)
    try:
        fit = fit_propensity(gone[some], basis[some])
    except PositivityError as error:
        raise PositivityError(TOO_MUCH_IS_TOLD) from error
    unknown[some] = fit.probability
    plain = 1 / (1 - unknown)
    share = known[some].mean()
    stable = plain * np.where(some, share, 1.0)
    weight = stable if stabilised else plain
    capped = np.minimum(weight, np.inf if truncate is None else truncate)
    influence = np.where(some, gone - unknown, 0.0)[:, None] * basis @ fit.covariance
    return replace(
        found,
        weight=capped[:, None],
        stabilised=stable[:, None],
        share=np.full(1, share if stabilised else 1.0),
        unknown=np.where(weight == capped, unknown, 0.0),
        basis=basis,
        influence_on_model=influence,
    )
