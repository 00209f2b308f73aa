"""What a weighting has to show before an estimate may be seen."""

import numpy as np
import pandas as pd

from iop_outcomes.errors import CohortError
from iop_outcomes.protocol.analysis_plan import Seal
from iop_outcomes.protocol.specification import Protocol

SEAL = {
    **dict.fromkeys(("condition", "where"), "str"),
    **dict.fromkeys(("limit", "found"), "float64"),
    "holds": "bool",
    "smallest_cell": "int64",
}
# Limits are met when rounding alone is between: 0.1 is 0.1 however it was computed.
ROUNDING = 1e-12
MEND = {
    "largest_smd": "add terms to `covariates` or balance their squares",
    "smallest_effective_share": "choose overlap weights (ATO), or narrow eligibility",
    "smallest_equipoise": "narrow eligibility to people who could have entered either arm",
}
WORDS = {
    "largest_smd": "the largest standardised mean difference after weighting is {found} ({where}) "
    "and may be {limit}",
    "smallest_effective_share": "the effective number of people of the {where} arm is {found} of "
    "its people and has to be {limit}",
    "smallest_equipoise": "the share of people in equipoise is {found} and has to be {limit}",
}


def seal_table(balance: pd.DataFrame, sample_size: pd.DataFrame, seal: Seal | None) -> pd.DataFrame:
    """One row per condition of the seal; without rows if there is none.

    Returns
    -------
    pd.DataFrame
        `condition` and its `limit`, what was `found` and `where`, whether it `holds`, and
        `smallest_cell`, the fewest people that the number gives away.
    """
    rows = (
        []
        if seal is None
        else [
            _largest_smd(balance, seal.largest_smd),
            _effective(sample_size, seal.smallest_effective_share),
            _equipoise(sample_size, seal.smallest_equipoise),
        ]
    )
    return pd.DataFrame([row for row in rows if row], columns=list(SEAL)).astype(SEAL)


def unsealed() -> pd.DataFrame:
    """The table of a weighting without a seal."""
    return pd.DataFrame(columns=list(SEAL)).astype(SEAL)


def _largest_smd(balance: pd.DataFrame, limit: float | None) -> dict | None:
    if limit is None:
        return None
    size = balance["smd_after"].abs()
    worst = balance.loc[size.idxmax()]
    where = worst["covariate"] + ("" if pd.isna(worst["level"]) else f": {worst['level']}")
    return _row("largest_smd", where, limit, size.max(), size.max() <= limit + ROUNDING)


def _effective(sample_size: pd.DataFrame, limit: float | None) -> dict | None:
    if limit is None:
        return None
    share = (sample_size["effective"] / sample_size["people"]).set_axis(sample_size["arm"])
    holds = share.min() >= limit - ROUNDING
    # Matched people weigh alike: their effective number is a number of people.
    left_out = sample_size[["trimmed", "one_armed", "unmatched"]].sum(axis=1)
    few = min((n for n in left_out if n), default=0)
    return _row("smallest_effective_share", share.idxmin(), limit, share.min(), holds, few)


def _equipoise(sample_size: pd.DataFrame, limit: float | None) -> dict | None:
    if limit is None:
        return None
    gone = sample_size["trimmed"] + sample_size["one_armed"]
    people, within = sample_size["people"] - gone, sample_size["in_equipoise"]
    share = within.sum() / people.sum()
    few = min((n for n in (within.sum(), people.sum() - within.sum()) if n), default=0)
    return _row("smallest_equipoise", "", limit, share, share >= limit - ROUNDING, few)


def _row(condition: str, where: str, limit: float, found: float, holds: bool, few: int = 0) -> dict:
    return dict(zip(SEAL, (condition, where, limit, found, bool(holds), few), strict=True))


def require_seal(balance: pd.DataFrame, sample_size: pd.DataFrame, protocol: Protocol) -> None:
    """Refuse to estimate anything where the seal does not hold.

    The seal is that of the protocol at hand, whatever the weights were made under.

    Raises
    ------
    CohortError
        Says which conditions fail, by how much, and how to mend it.
    """
    seal = protocol.analysis.seal
    if seal is None or seal.broken_because is not None:
        return
    failed = seal_table(balance, sample_size, seal).query("not holds").to_dict("records")
    if failed:
        sentences = "; ".join(
            WORDS[row["condition"]].format(
                where=row["where"], found=_rounded(row), limit=_limit(row)
            )
            for row in failed
        )
        mend = "; ".join(dict.fromkeys(MEND[row["condition"]] for row in failed))
        raise CohortError(
            f"protocol.analysis.seal does not hold, so no outcome is read: {sentences}; {mend}, or "
            "say in seal.broken_because why the estimates may be seen"
        )


def _limit(row: dict) -> str:
    most = row["condition"] == "largest_smd"
    return f"{'at most' if most else 'at least'} {row['limit']:g}"


def _rounded(row: dict) -> str:
    """Towards the worse, so that what failed never reads like the limit."""
    up = np.ceil if row["condition"] == "largest_smd" else np.floor
    return f"{up(1000 * row['found'] - ROUNDING) / 1000:.3f}"
