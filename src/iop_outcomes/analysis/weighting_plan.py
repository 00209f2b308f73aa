"""The choices that made some weights, kept with them, and held against a protocol."""

from dataclasses import asdict

import pandas as pd

from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.analysis_plan import ClusterTerms
from iop_outcomes.protocol.specification import Protocol

MAKES_WEIGHTS = ("covariates", "propensity", "weighting", "matching", "subclasses", "limits")
STRENGTH = "strength"


def plan_table(protocol: Protocol, strength: float) -> pd.DataFrame:
    """One row per choice: `key`, `value`; see `Weighting.plan`."""
    told = {**_choices(protocol), STRENGTH: repr(float(strength))}
    return pd.DataFrame({"key": list(told), "value": list(told.values())}, dtype="str")


def _choices(protocol: Protocol) -> dict[str, str]:
    plan = asdict(protocol.analysis)
    inside = protocol.analysis.propensity.clusters is not ClusterTerms.NONE
    return {key: str(plan[key]) for key in (*MAKES_WEIGHTS, *(("cluster",) if inside else ()))}


def strength_of(plan: pd.DataFrame, protocol: Protocol) -> float:
    """The strength of the penalty with which weights of this very protocol were made.

    Raises
    ------
    CohortError
        A choice that made them is not that of the protocol.
    """
    made = dict(zip(plan["key"], plan["value"], strict=True))
    for key, value in _choices(protocol).items():
        if made.get(key) != value:
            raise CohortError(
                f"the weights were made under another `analysis.{key}`; weight the cohort again "
                "under this protocol"
            )
    return float(made[STRENGTH])
