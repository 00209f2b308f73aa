"""What a comparison returns."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import pandas as pd

from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.protocol.strategies import StrategyKind
from iop_outcomes.vocabulary import Estimand, Measure, Method, Verdict

AS_ENROLLED = "as enrolled"  # the population of an unadjusted comparison: each arm its own


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One number about the arms, with its interval and what it rests on.

    Attributes
    ----------
    estimand
        Whose effect; `as enrolled` if nothing was adjusted.
    horizon_days
        Day at which risks are read, or to which time is restricted; None if read at exit.
    estimate, conf_low, conf_high
        On the scale of `measure`: probability, difference of probabilities, ratio, or days.
    std_error
        Of the estimate; of its logarithm for a ratio.
    se_method
        Where the standard error comes from.
    n, effective_n
        People with the outcome known, and the size of an unweighted sample of like precision.
    clusters
        Clusters whose spread the standard error shows; None if persons are independent.
    verdict
        Against the margin, from this very interval; None where there is no margin.
    smallest_cell
        The fewest people, with or without the event in an arm, that the number gives away.
    fewest_missing
        The fewest people of an arm whose outcome is not known, 0 aside, that n gives away.
    """

    outcome: str
    measure: Measure
    method: Method
    estimand: Estimand | str
    horizon_days: int | None
    estimate: float
    std_error: float
    conf_low: float
    conf_high: float
    se_method: str
    n: int
    effective_n: float
    clusters: int | None
    verdict: Verdict | None
    smallest_cell: int
    fewest_missing: int


def main_rows(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of the method that answers the question; those beside it are left out.

    Methods come in the order in which they ask more of the data, and the last that an outcome (of
    an alternative) has is the one its strategy asks for.

    Parameters
    ----------
    table
        With `outcome` and `method`, and `alternative` if there are any.
    """
    order = {str(method): rank for rank, method in enumerate(Method)}
    rank = table["method"].map(order)
    keys = [table[name] for name in ("alternative", "outcome") if name in table]
    return table[rank == rank.groupby(keys).transform("max")]


def main_method(protocol: Protocol) -> Method:
    """The method that answers the protocol's question; the others stand beside it."""
    starts = protocol.strategies.kind is StrategyKind.INITIATE
    return Method.IPTW if starts else Method.PER_PROTOCOL


def clustered_words(base: str, clusters: int | None, by: str | None) -> str:
    """A standard error's origin, and within what influences were summed.

    Parameters
    ----------
    clusters
        How many; None if people are independent.
    by
        What they are; None for matched sets, whose number would be one of people.
    """
    if clusters is None:
        return base
    if by is None:
        return f"{base}, clustered by matched set (CR1, t)"
    return f"{base}, clustered by {by} (CR1, t with {clusters - 1} df)"


def tidy(estimates: Iterable[Estimate]) -> pd.DataFrame:
    """One row per estimate, one column per attribute."""
    table = pd.DataFrame([asdict(e) for e in estimates], columns=[f.name for f in fields(Estimate)])
    words = ["outcome", "measure", "method", "estimand", "se_method", "verdict"]
    whole = ["horizon_days", "n", "clusters", "smallest_cell", "fewest_missing"]
    return table.astype(dict.fromkeys(words, "str") | dict.fromkeys(whole, "Int64"))
