"""What stands below Table 1: who weighs, and where the arms are farthest from alike."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.figures import balance_rows
from iop_outcomes.report.wording import count, number, percent
from iop_outcomes.vocabulary import Arm

LEFT_OUT = {
    "trimmed": "trimmed",
    "one_armed": "with nobody of the other arm in the same cluster",
    "unmatched": "without a match",
}


def who_weighs(size: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Who could have entered either arm, and who does not count in the weighted columns."""
    said = ""
    for kind, why in LEFT_OUT.items():
        if kind in size and not size[kind].eq(0).fillna(False).all():
            people = [
                f"{'some' if pd.isna(n) else count(n)} of {names[Arm(arm)]}"
                for arm, n in size[kind].items()
                if pd.isna(n) or n
            ]
            said += f"Left out of the weighted columns, {why}: {', '.join(people)}. "
    few = [names[Arm(arm)] for arm in size.index[size["effective"] < size["people"] / 3]]
    if few:
        said += (
            f"Few people carry much of the weight in {' and in '.join(few)} (effective n below a "
            "third): intervals may be too narrow. "
        )
    if "equipoise" in size and size["equipoise"].notna().all():
        shares = " and ".join(
            f"{percent(size.loc[arm, 'equipoise'], 0)}% of {names[arm]}" for arm in Arm
        )
        said += f"Equipoise (preference score 0.3 to 0.7): {shares}. "
    return said


def farthest_note(balance: Released, names: Mapping[str, str]) -> str:
    """The variance ratio farthest from 1 and the largest KS distance after weighting, as shown."""
    if "ks_after" not in balance.table or "variance_ratio_after" not in balance.table:
        return ""
    rows = balance_rows(balance, names, largest=len(balance.table) + 1)
    said = []
    ratio = rows["variance_ratio_after"].astype("float64")
    ratio = ratio[ratio > 0]
    if len(ratio):
        worst = np.log(ratio).abs().idxmax()
        said.append(f"variance ratio {number(ratio[worst], 2)} ({rows.loc[worst, 'label']})")
    distance = rows["ks_after"].astype("float64").dropna()
    if len(distance):
        worst = distance.idxmax()
        said.append(
            f"Kolmogorov-Smirnov distance {number(distance[worst], 2)} ({rows.loc[worst, 'label']})"
        )
    return f"Farthest from alike after weighting: {' and '.join(said)}. " if said else ""
