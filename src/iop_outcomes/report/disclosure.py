"""The gate out: nothing is drawn, printed or written for release but what passes here.

Every table of results has a rule, found by its columns; a table without one does not pass. Counts
of people from 1 to one less than the smallest count are hidden, with enough of their neighbours
that no shown total gives them away, and so is what can be computed back to them: shares, means,
differences, steps of curves. Zero may be shown. Numbers leave as precise as the report prints them,
because a risk with all its digits, times n, is a count.

Each table is safe by itself. What two tables tell together (a risk times its n less a shown count,
this release less the last) is not yet worked out here.
"""

from dataclasses import InitVar, dataclass

import pandas as pd

from iop_outcomes.errors import DisclosureError
from iop_outcomes.report.suppression import RULES
from iop_outcomes.report.suppression_of_means import rounded_means
from iop_outcomes.vocabulary import Measure

SMALLEST_COUNT = 11  # the rule of the US Centers for Medicare & Medicaid Services
OF_CLUSTERS = ("median", "ninth_decile", "alike")
_SEAL = object()


@dataclass(frozen=True)
class Released:
    """A table that may be shown; only `release` makes one.

    Attributes
    ----------
    table
        Hidden cells are missing values.
    suppressed
        Cells hidden, and rows merged or left out.
    """

    table: pd.DataFrame
    suppressed: int
    _seal: InitVar[object] = None  # not kept, so that no copy with another table inherits it

    def __post_init__(self, _seal: object):
        if _seal is not _SEAL:
            raise DisclosureError("only release() makes a Released table; pass the table to it")


def release(
    table: pd.DataFrame,
    smallest_count: int = SMALLEST_COUNT,
    beside: pd.DataFrame | None = None,
) -> Released:
    """Hide what may not be shown of a table of results.

    Parameters
    ----------
    table
        One of the tables of `Cohort.attrition`, `Weighting`, `Comparison` or `Robustness`,
        `numbers_at_risk`, or what records say of themselves (`ledger`, `broken_rules`,
        `missingness`, `anonymity`); never one with a row per person.
    smallest_count
        The smallest count of people, 0 aside, that may be shown.
    beside
        Estimates published together with these (the planned ones, for alternatives): numbers of
        people that differ from theirs by a small count are hidden.

    Raises
    ------
    DisclosureError
        No rule is known for a table with these columns.
    """
    for columns, rule in RULES:
        if columns <= set(table.columns) and "person_id" not in table.columns:
            whole = table if beside is None else pd.concat([beside, table])
            shown = _as_printed(rule(whole.reset_index(drop=True).copy(), smallest_count))
            shown = shown if beside is None else shown[len(beside) :].reset_index(drop=True)
            return Released(shown, _hidden_cells(table, shown), _SEAL)
    raise DisclosureError(
        "no disclosure rule is known for a table with these columns; release the tables of a "
        "cohort's attrition, a weighting, a comparison or a robustness analysis"
    )


# Decimals that leave: shares and risks in tenths of a per cent, days in tenths.
DECIMALS = {
    **dict.fromkeys(("risk", "estimate", "conf_low", "conf_high", "std_error"), 3),
    **dict.fromkeys(("share", "weighted_share", "largest_share"), 3),
    **dict.fromkeys(("share_missing", "share_not_collected"), 3),
    **dict.fromkeys(("smd_before", "smd_after", "kappa"), 2),
    **dict.fromkeys(("variance_ratio_before", "variance_ratio_after", "ks_before", "ks_after"), 2),
    **dict.fromkeys(("equipoise", "overlap_before", "overlap_after"), 2),
    "found": 3,
    **dict.fromkeys(("restricted_mean_days", "restricted_mean_error", "effective"), 1),
    **dict.fromkeys(("risk_intervention", "risk_comparator", "shrunken"), 3),
    **dict.fromkeys(("interaction_p", "interaction_p_holm"), 3),
    **dict.fromkeys(("lowest", "highest", "largest_move"), 3),
    **dict.fromkeys(("prognostic_smd_before", "prognostic_smd_after"), 2),
    **dict.fromkeys((f"{n}_{w}" for n in OF_CLUSTERS for w in ("before", "after")), 2),
    **{"coefficient": 4, "joint_p": 3},
    **{"largest_smd": 2, "effective_clusters": 1},
    **{"chi_squared": 2, "p_value": 3, "equality_p": 3},
    "effective_n": 1,
    **dict.fromkeys(("mean_weight", "largest_smd_before", "largest_smd_after"), 2),
    "largest_weight": 1,
    **{"days_lower": 1, "days_upper": 1, "mean": 3, "days": 1, "probability": 3},
    "median_shift": 0,
}


def _as_printed(table: pd.DataFrame) -> pd.DataFrame:
    exact = [name for name in ("coefficient", "conf_low", "conf_high") if name in table.columns]
    change = table[exact].astype("float64").round(4)
    table = table.round({name: n for name, n in DECIMALS.items() if name in table.columns})
    if "coefficient" in table.columns:  # per unit of a number it can be small
        table[exact] = change
    if "measure" in table.columns and "estimate" in table.columns:
        numbers = ["estimate", "conf_low", "conf_high"]
        for measure, decimals in (
            (Measure.RISK_RATIO, 2),
            (Measure.ODDS_RATIO, 2),
            (Measure.RMST_DIFFERENCE, 1),
            (Measure.RMTL_RATIO, 2),
            (Measure.HAZARD_RATIO, 2),
            (Measure.SUBDISTRIBUTION_HAZARD_RATIO, 2),
        ):
            rows = table["measure"] == str(measure)
            table.loc[rows, numbers] = table.loc[rows, numbers].round(decimals)
        table = rounded_means(table)
    for column in table.columns[table.columns.str.contains(r"^(?:weighted_)?(?:value|spread)_")]:
        # A level's share in tenths of a per cent, a number's mean in tenths.
        table[column] = table[column].round(3).where(table["level"].notna(), table[column].round(1))
    return table


def _hidden_cells(before: pd.DataFrame, after: pd.DataFrame) -> int:
    """Cells hidden; where rows were merged, the rows that are gone."""
    if len(before) != len(after):
        return len(before) - len(after)
    common = [column for column in after.columns if column in before.columns]
    return int(after[common].isna().sum().sum() - before[common].isna().sum().sum())
