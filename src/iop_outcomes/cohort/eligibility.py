"""Criteria applied one after another, each loss counted and named."""

from collections.abc import Mapping

import pandas as pd

from iop_outcomes.errors import CohortError
from iop_outcomes.vocabulary import Arm


def apply_criteria(
    candidates: pd.DataFrame,
    criteria: Mapping[str, pd.Series],
    first: str = "admitted to either strategy",
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Keep the candidates that meet every criterion, and say at which the others left.

    Parameters
    ----------
    candidates
        One row per candidate; `arm` is required.
    criteria
        Criterion in plain words to a boolean Series on the index of `candidates`, in the order
        of the flow diagram.
    first
        What being a candidate means.

    Returns
    -------
    eligible
        The rows of `candidates` that remain.
    attrition
        One row per criterion and arm: `criterion`, `arm`, `remaining`, `excluded`. The first
        criterion is being a candidate.

    Raises
    ------
    CohortError
        A criterion leaves nobody in an arm.
    """
    left, flow = candidates, []
    met_by_all = pd.Series(True, index=candidates.index)
    for criterion, met in {first: met_by_all, **criteria}.items():
        kept = left[met.loc[left.index].astype(bool)]
        for arm in Arm:
            before, after = (int(table["arm"].eq(arm).sum()) for table in (left, kept))
            flow.append((criterion, str(arm), after, before - after))
            if not after:
                raise CohortError(
                    f"nobody is left in the {arm} arm after the criterion `{criterion}`; widen "
                    "protocol.eligibility, or check protocol.strategies and the records"
                )
        left = kept
    return left, pd.DataFrame(flow, columns=["criterion", "arm", "remaining", "excluded"])
