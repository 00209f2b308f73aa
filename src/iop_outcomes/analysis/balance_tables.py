"""How alike the arms are, and of how many people: tables of a weighting, without any person."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.design import recorded
from iop_outcomes.statistics.weighting.balance import (
    mean_difference,
    standardized_mean_difference,
    variance_ratio,
)
from iop_outcomes.statistics.weighting.overlap import (
    kolmogorov_smirnov,
    overlap_coefficient,
    preference_score,
)
from iop_outcomes.statistics.weighting.weights import effective_sample_size
from iop_outcomes.vocabulary import Arm

BINS = 20
COUNTS = [f"{kind}people_{arm}" for kind in ("", "weighted_") for arm in Arm]
InArm = dict[Arm, NDArray]


def balance_table(
    persons: pd.DataFrame, covariates: tuple[str, ...], in_arm: InArm, weight: NDArray
) -> pd.DataFrame:
    """One row per number or level of a covariate; see `Weighting.balance`."""
    tables = [_balance(recorded(persons[name]), in_arm, weight) for name in covariates]
    left_out = {f"left_out_{arm}": int((weight[who] == 0).sum()) for arm, who in in_arm.items()}
    return pd.concat(tables, ignore_index=True).assign(**left_out)


def _balance(values: pd.Series, in_arm: InArm, weight: NDArray) -> pd.DataFrame:
    if not pd.api.types.is_numeric_dtype(values):
        levels = {level: values.eq(level).to_numpy(float) for level in sorted(values.unique())}
        rows = [_level(values.name, level, has, in_arm, weight) for level, has in levels.items()]
    elif values.isin((0.0, 1.0)).all():
        rows = [_level(values.name, "yes", values.to_numpy(), in_arm, weight)]
    else:
        rows = [_number(values.name, values.to_numpy(), in_arm, weight)]
    return pd.DataFrame(rows).astype({"level": "str"} | dict.fromkeys(COUNTS, "Int64"))


def _level(covariate: str, level: str, has: NDArray, in_arm: InArm, weight: NDArray) -> dict:
    row = {"covariate": covariate, "level": level}
    for arm, who in in_arm.items():
        row |= {
            f"people_{arm}": int(has[who].sum()),
            f"value_{arm}": float(has[who].mean()),
            f"spread_{arm}": np.nan,
            f"weighted_value_{arm}": float(np.average(has[who], weights=weight[who])),
            f"weighted_spread_{arm}": np.nan,
            f"weighted_people_{arm}": int(has[who & (weight > 0)].sum()),
        }
    treated = in_arm[Arm.INTERVENTION]
    return row | {
        **_smd(has, in_arm, weight),
        "variance_ratio_before": np.nan,
        "variance_ratio_after": np.nan,
        "ks_before": abs(mean_difference(has, treated)),
        "ks_after": abs(mean_difference(has, treated, weight)),
    }


def _number(covariate: str, value: NDArray, in_arm: InArm, weight: NDArray) -> dict:
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
            f"weighted_people_{arm}": None,
        }
    treated = in_arm[Arm.INTERVENTION]
    return row | {
        **_smd(value, in_arm, weight),
        "variance_ratio_before": _variance_ratio(value, in_arm, np.ones_like(weight)),
        "variance_ratio_after": _variance_ratio(value, in_arm, weight),
        "ks_before": kolmogorov_smirnov(value, treated),
        "ks_after": kolmogorov_smirnov(value, treated, weight),
    }


def _variance_ratio(value: NDArray, in_arm: InArm, weight: NDArray) -> float:
    """Missing where the covariate is the same for everyone of the comparator arm."""
    other = in_arm[Arm.COMPARATOR] & (weight > 0)
    if np.ptp(value[other]) == 0:
        return np.nan
    return variance_ratio(value, in_arm[Arm.INTERVENTION], weight)


def _smd(value: NDArray, in_arm: InArm, weight: NDArray) -> dict[str, float]:
    treated = in_arm[Arm.INTERVENTION]
    return {
        "smd_before": standardized_mean_difference(value, treated),
        "smd_after": standardized_mean_difference(value, treated, weight),
    }


def sample_size_table(
    in_arm: InArm, weight: NDArray, propensity: NDArray, kept: NDArray, one_armed: NDArray
) -> pd.DataFrame:
    """One row per arm; see `Weighting.sample_size`. `kept` are neither trimmed nor `one_armed`."""
    treated, among = in_arm[Arm.INTERVENTION], propensity[kept]
    preference = np.full(weight.size, np.nan)
    preference[kept] = preference_score(treated[kept], among)
    either = (preference >= 0.3) & (preference <= 0.7)
    rows = []
    for arm, who in in_arm.items():
        stays = who & kept
        rows.append(
            {
                "arm": str(arm),
                "people": int(who.sum()),
                "effective": effective_sample_size(weight[who]),
                "largest_share": float(weight[who].max() / weight[who].sum()),
                "trimmed": int((who & ~kept & ~one_armed).sum()),
                "one_armed": int((who & one_armed).sum()),
                "unmatched": int((stays & (weight == 0)).sum()),
                "in_equipoise": int(either[who].sum()),
                "equipoise": float(either[stays].mean()),
            }
        )
    return pd.DataFrame(rows).assign(
        overlap_before=overlap_coefficient(among, treated[kept]),
        overlap_after=overlap_coefficient(among, treated[kept], weight[kept]),
        smallest_level=smallest_level(among, treated[kept]),
    )


def smallest_level(propensity: NDArray, treated: NDArray) -> int:
    """Of a propensity with few values, the fewest people of an arm who share one."""
    levels, member = np.unique(propensity, return_inverse=True)
    people = np.bincount(2 * member + treated) if levels.size <= 20 else np.array([treated.size])
    return int(people[people > 0].min())


def propensity_table(in_arm: InArm, weight: NDArray, propensity: NDArray) -> pd.DataFrame:
    """One row per arm and bin of the propensity score; see `Weighting.propensity`."""
    return pd.concat(
        [_bins(propensity[who], weight[who], arm) for arm, who in in_arm.items()],
        ignore_index=True,
    )


def _bins(propensity: NDArray, weight: NDArray, arm: Arm) -> pd.DataFrame:
    edges = np.linspace(0, 1, BINS + 1)
    people, _ = np.histogram(propensity, edges)
    weighing, _ = np.histogram(propensity[weight > 0], edges)
    weighted, _ = np.histogram(propensity, edges, weights=weight)
    return pd.DataFrame(
        {
            "arm": str(arm),
            "low": edges[:-1],
            "high": edges[1:],
            "people": people,
            "weighted_people": weighing,
            "weighted_share": weighted / weighted.sum(),
        }
    )
