"""What cannot be so is set aside and accounted for; what is missing is counted."""

from iop_outcomes.records.quality.catalogue import RULES
from iop_outcomes.records.quality.policy import LARGEST_SHARE, Policy, Quality, Treatment
from iop_outcomes.records.quality.rule import Severity
from iop_outcomes.records.quality.sorting import Sorted, set_aside

__all__ = [
    "LARGEST_SHARE",
    "RULES",
    "Policy",
    "Quality",
    "Severity",
    "Sorted",
    "Treatment",
    "set_aside",
]
