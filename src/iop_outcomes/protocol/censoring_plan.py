"""Weighting for follow-up that ends early, and for outcomes that are not known."""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.values import STRICT


@dataclass(frozen=True, kw_only=True, config=STRICT)
class CensoringPlan:
    """People still followed stand in for those like them in their arm who no longer are.

    A pooled logistic regression on person-days, in each arm, of the end of sight before the
    horizon; and a logistic regression of nothing being known after time zero.

    Attributes
    ----------
    covariates
        Terms of both models, as for the propensity model; those of `analysis.covariates` if left
        out. What makes people be lost and also makes them have the outcome belongs here.
    interval_days
        How often weights are told anew: one weight for so many days, that of their middle.
    stabilised
        Whether weights are times the share of the arm still followed, so that their mean is about
        one. Without `truncate` no estimate depends on it.
    truncate
        No weight for censoring above this number (as it is with `stabilised`); None: no cap. Not
        the cap on the weights of entering an arm, which is `analysis.limits.truncate`.
    """

    covariates: tuple[str, ...] = ()
    interval_days: Annotated[int, Field(ge=1)] = 7
    stabilised: bool = True
    truncate: Annotated[float, Field(gt=1)] | None = None
