"""How curves and their intervals are told, and hazard ratios for those who ask."""

from enum import StrEnum

from pydantic.dataclasses import dataclass

from iop_outcomes.protocol.values import STRICT


class Bands(StrEnum):
    """What the interval around a curve holds."""

    POINTWISE = "pointwise"  # each day by itself
    SIMULTANEOUS = "simultaneous"  # all days up to the horizon at once


class RiskInterval(StrEnum):
    """The scale on which the share without the outcome is taken to be normal."""

    LOG_LOG = "log-log"  # log(-log S): stays within 0 and 1
    LOG = "log"
    PLAIN = "plain"


class HazardRatio(StrEnum):
    """Whose hazards are compared."""

    CAUSE_SPECIFIC = "cause-specific"  # of those who had neither the outcome nor what competes
    SUBDISTRIBUTION = "subdistribution"  # of those who had not the outcome (Fine-Gray)
    BOTH = "both"


class HazardTies(StrEnum):
    """How Cox's likelihood counts events that share a day."""

    EFRON = "efron"
    BRESLOW = "breslow"


@dataclass(frozen=True, kw_only=True, config=STRICT)
class HazardPlan:
    """Hazard ratios beside the risks, with a test of proportional hazards.

    They are told only when asked for and no verdict rests on them: a hazard ratio is not
    collapsible (it differs from those within strata without any confounding), and after time zero
    it compares people whom the arms themselves have selected.

    Attributes
    ----------
    ratio
        `cause-specific` (Cox), `subdistribution` (Fine-Gray) or `both`.
    ties
        Of the cause-specific ones. Those of Fine-Gray are Breslow's.
    """

    ratio: HazardRatio
    ties: HazardTies = HazardTies.EFRON

    @property
    def kinds(self) -> tuple[HazardRatio, ...]:
        """The one asked for, or both."""
        if self.ratio is HazardRatio.BOTH:
            return HazardRatio.CAUSE_SPECIFIC, HazardRatio.SUBDISTRIBUTION
        return (self.ratio,)
