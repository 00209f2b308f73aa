"""The gate in: refuse files that hold direct identifiers."""

from iop_outcomes.records.deidentification.gate import refuse_identifiers
from iop_outcomes.records.deidentification.profiles import SAFE_HARBOR, Method, Profile

__all__ = ["SAFE_HARBOR", "Method", "Profile", "refuse_identifiers"]
