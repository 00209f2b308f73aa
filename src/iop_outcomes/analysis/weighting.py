"""The stage `weighting`: make the arms alike at time zero, and show how alike they became.

Design before analysis: nothing here can see an outcome.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.design import design, recorded
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.statistics.weighting.balance import standardized_mean_difference
from iop_outcomes.statistics.weighting.propensity import fit_propensity
from iop_outcomes.statistics.weighting.weights import balancing_weights, effective_sample_size
from iop_outcomes.vocabulary import Arm

BINS = 20


@dataclass(frozen=True)
class Weighting:
    """Weights and the evidence that they work.

    Attributes
    ----------
    weights
        One row per person: `person_id`, `propensity`, `weight`.
    balance
        One row per number or level of a covariate. For a level (or a number that is 0 or 1) the
        `people` in each arm who have it and their shares; for a number its means and standard
        deviations; unweighted and weighted; `smd_before`, `smd_after`.
    sample_size
        One row per arm: `people`, `effective` (Kish), `largest_share` of one person's weight.
    propensity
        One row per arm and bin of the propensity score: `people` and their share of the weight.
    """

    weights: pd.DataFrame
    balance: pd.DataFrame
    sample_size: pd.DataFrame
    propensity: pd.DataFrame


def weight_cohort(persons: pd.DataFrame, protocol: Protocol) -> Weighting:
    """Weight `Cohort.persons` to the protocol's estimand on the protocol's covariates.

    Raises
    ------
    PositivityError
        Some kinds of people only ever enter one arm.
    ProtocolError, CohortError
        The covariates cannot be used; see `design`.
    """
    model = design(persons, protocol.analysis.covariates)
    propensity = fit_propensity(model.treated, model.columns).probability
    weight = balancing_weights(model.treated, propensity, protocol.estimand)
    in_arm = {Arm.INTERVENTION: model.treated, Arm.COMPARATOR: ~model.treated}
    return Weighting(
        weights=pd.DataFrame(
            {"person_id": persons["person_id"], "propensity": propensity, "weight": weight}
        ),
        balance=pd.concat(
            [_balance(recorded(persons[name]), in_arm, weight) for name in model.covariates],
            ignore_index=True,
        ),
        sample_size=pd.DataFrame(
            {
                "arm": str(arm),
                "people": int(who.sum()),
                "effective": effective_sample_size(weight[who]),
                "largest_share": float(weight[who].max() / weight[who].sum()),
            }
            for arm, who in in_arm.items()
        ),
        propensity=pd.concat(
            [_overlap(propensity[who], weight[who], arm) for arm, who in in_arm.items()],
            ignore_index=True,
        ),
    )


def _balance(values: pd.Series, in_arm: dict[Arm, NDArray], weight: NDArray) -> pd.DataFrame:
    if not pd.api.types.is_numeric_dtype(values):
        levels = {level: values.eq(level).to_numpy(float) for level in sorted(values.unique())}
        rows = [_level(values.name, level, has, in_arm, weight) for level, has in levels.items()]
    elif values.isin((0.0, 1.0)).all():
        rows = [_level(values.name, "yes", values.to_numpy(), in_arm, weight)]
    else:
        rows = [_number(values.name, values.to_numpy(), in_arm, weight)]
    return pd.DataFrame(rows).astype(
        {"level": "str", "people_intervention": "Int64", "people_comparator": "Int64"}
    )


def _level(
    covariate: str, level: str, has: NDArray, in_arm: dict[Arm, NDArray], weight: NDArray
) -> dict:
    row = {"covariate": covariate, "level": level}
    for arm, who in in_arm.items():
        row |= {
            f"people_{arm}": int(has[who].sum()),
            f"value_{arm}": float(has[who].mean()),
            f"spread_{arm}": np.nan,
            f"weighted_value_{arm}": float(np.average(has[who], weights=weight[who])),
            f"weighted_spread_{arm}": np.nan,
        }
    return row | _smd(has, in_arm, weight)


def _number(covariate: str, value: NDArray, in_arm: dict[Arm, NDArray], weight: NDArray) -> dict:
    row = {"covariate": covariate, "level": None}
    for arm, who in in_arm.items():
        mean = float(np.average(value[who], weights=weight[who]))
        variance = np.average((value[who] - mean) ** 2, weights=weight[who])
        row |= {
            f"people_{arm}": None,
            f"value_{arm}": float(value[who].mean()),
            f"spread_{arm}": float(value[who].std(ddof=1)) if who.sum() > 1 else np.nan,
            f"weighted_value_{arm}": mean,
            f"weighted_spread_{arm}": float(np.sqrt(variance)),
        }
    return row | _smd(value, in_arm, weight)


def _smd(value: NDArray, in_arm: dict[Arm, NDArray], weight: NDArray) -> dict[str, float]:
    treated = in_arm[Arm.INTERVENTION]
    return {
        "smd_before": standardized_mean_difference(value, treated),
        "smd_after": standardized_mean_difference(value, treated, weight),
    }


def _overlap(propensity: NDArray, weight: NDArray, arm: Arm) -> pd.DataFrame:
    edges = np.linspace(0, 1, BINS + 1)
    people, _ = np.histogram(propensity, edges)
    weighted, _ = np.histogram(propensity, edges, weights=weight)
    return pd.DataFrame(
        {
            "arm": str(arm),
            "low": edges[:-1],
            "high": edges[1:],
            "people": people,
            "weighted_share": weighted / weighted.sum(),
        }
    )
