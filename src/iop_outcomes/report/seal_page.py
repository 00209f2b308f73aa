"""What is said of a seal that was broken, beside the verdicts and in the summary."""

import pandas as pd

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.report.disclosure import Released
from iop_outcomes.report.wording import HIDDEN, number, percent

CONDITION = {
    "largest_smd": "the largest standardised mean difference after weighting is {found} and was to "
    "be at most {limit}",
    "smallest_effective_share": "the effective number of people of an arm is {found}% of its "
    "people and was to be at least {limit}%",
    "smallest_equipoise": "{found}% of the people are in equipoise and at least {limit}% were to "
    "be",
}


def seal_sentences(seal: Released, protocol: Protocol) -> list[str]:
    """Why estimates are seen although the arms did not become as alike as was asked.

    Returns
    -------
    list of str
        One sentence with the conditions that fail and one with the reason given; nothing where
        there is no seal, or it holds.
    """
    failed = seal.table[~seal.table["holds"].astype(bool)].to_dict("records")
    if protocol.analysis.seal is None or not failed:
        return []
    told = "; ".join(
        CONDITION[row["condition"]].format(
            found=_said(row["condition"], row["found"]), limit=_said(row["condition"], row["limit"])
        )
        for row in failed
    )
    reason = (protocol.analysis.seal.broken_because or "").strip().rstrip(".")
    return [f"The seal on the estimates was broken: {told}. The reason given: {reason}."]


def _said(condition: str, value: float) -> str:
    if pd.isna(value):
        return HIDDEN
    return number(value, 3) if condition == "largest_smd" else percent(value)
