"""The levels of a covariate within which an effect is told."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from iop_outcomes.analysis.design import recorded
from iop_outcomes.errors import ProtocolError

WHERE = "protocol.analysis.subgroups"
MOST_LEVELS = 10  # more are no subgroups that anybody can read, and few clusters can test them


@dataclass(frozen=True)
class Subgroups:
    """The levels of a covariate, and who is in which.

    Attributes
    ----------
    covariate
        Its name.
    levels
        Names of the levels, in their order.
    member
        Index of each person's level. Shape (people,).
    """

    covariate: str
    levels: tuple[str, ...]
    member: NDArray


def subgroup_levels(values: pd.Series) -> Subgroups:
    """Levels of a covariate: words as they are, 0 and 1 as no and yes, numbers by quartiles.

    Quartiles are those of everyone in the study, each a value that was seen, rounded to four
    digits; a value that is a quartile belongs below it.

    Raises
    ------
    CohortError
        A number is not recorded for everyone.
    ProtocolError
        There is one level only, or there are more than ten.

    Examples
    --------
    >>> subgroup_levels(pd.Series([20.0, 30, 40, 50], name="age_years")).levels
    ('up to 20', 'over 20 to 30', 'over 30 to 40', 'over 40')
    """
    name, values = str(values.name), recorded(values)
    if not pd.api.types.is_numeric_dtype(values):
        levels, member = np.unique(values.to_numpy(str), return_inverse=True)
        words = [str(level) for level in levels]
    elif values.isin((0.0, 1.0)).all():
        present, member = np.unique(values.to_numpy(), return_inverse=True)
        words = ["yes" if value else "no" for value in present]
    else:
        words, member = _quartiles(values.to_numpy(float))
    if not 2 <= len(words) <= MOST_LEVELS:
        raise ProtocolError(
            f"{WHERE}: `{name}` has {len(words)} level(s) in the cohort; name a covariate with 2 "
            f"to {MOST_LEVELS}"
        )
    return Subgroups(name, tuple(words), member)


def _quartiles(values: NDArray) -> tuple[list[str], NDArray]:
    seen = np.quantile(values, (0.25, 0.5, 0.75), method="inverted_cdf")
    edges = np.unique([float(f"{edge:.4g}") for edge in seen])
    taken, member = np.unique(np.searchsorted(edges, values), return_inverse=True)
    names = [f"up to {edges[0]:g}"]
    names += [f"over {low:g} to {high:g}" for low, high in pairwise(edges)]
    names.append(f"over {edges[-1]:g}")
    return [names[place] for place in taken], member
