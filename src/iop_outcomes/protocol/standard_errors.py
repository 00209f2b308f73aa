"""Where standard errors come from: what they know of the weights, and of clusters."""

from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, model_validator
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.values import STRICT

WILD_REPEATS, WILD_SEED = 9999, 1


class WeightsTakenAs(StrEnum):
    """What standard errors know of the weights."""

    ESTIMATED = "estimated"  # estimating equations of weights and risks, stacked
    KNOWN = "known"  # to compare with others


class ClusterErrors(StrEnum):
    """How the spread between clusters becomes an interval."""

    CR1 = "CR1"  # influences summed within clusters, times G/(G - 1); t with G - 1
    CR2 = "CR2"  # Bell & McCaffrey, with Satterthwaite's degrees of freedom
    JACKKNIFE = "jackknife"  # each cluster left out in turn, weights made anew; t with G - 1
    WILD_BOOTSTRAP = "wild bootstrap"  # signs of clusters redrawn; interval by inverting the test


@dataclass(frozen=True, kw_only=True, config=STRICT)
class StandardErrors:
    """Standard errors of the main method; those beside it are summed within clusters (CR1).

    Attributes
    ----------
    weights
        `estimated`, or taken as `known`: by every weighted method and curve.
    clusters
        What is done within `analysis.cluster`; see docs/methods.md for when to use which.
    repeats, seed
        Of the wild bootstrap; 9999 draws with seed 1 unless told.
    """

    weights: WeightsTakenAs = WeightsTakenAs.ESTIMATED
    clusters: ClusterErrors = ClusterErrors.CR1
    repeats: Annotated[int, Field(ge=199, le=99_999)] | None = None
    seed: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _drawn(self) -> Self:
        for name, given in (("repeats", self.repeats), ("seed", self.seed)):
            if given is not None and self.clusters is not ClusterErrors.WILD_BOOTSTRAP:
                raise ValueError(
                    f"`{name}` belongs to `clusters: {ClusterErrors.WILD_BOOTSTRAP}`, and it is "
                    f"`{self.clusters}`; leave it out"
                )
        return self
