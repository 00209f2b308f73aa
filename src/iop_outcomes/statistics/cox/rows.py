"""Rows of a Cox model or a log-rank test, checked before anything is computed from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError


@dataclass(frozen=True)
class SurvivalRows:
    """Intervals at risk, (entry, day], in the caller's order.

    Attributes
    ----------
    day, event, covariates, entry, weight, offset
        As given, or filled in; `entry` is None if all are at risk from the start.
    stratum, strata
        Code of each row's stratum, and the labels by code.
    """

    day: NDArray
    event: NDArray
    covariates: NDArray
    entry: NDArray | None
    weight: NDArray
    offset: NDArray
    stratum: NDArray
    strata: NDArray


def survival_rows(
    day: ArrayLike,
    event: ArrayLike,
    covariates: ArrayLike,
    *,
    entry: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    stratum: ArrayLike | None = None,
    offset: ArrayLike | None = None,
) -> SurvivalRows:
    """Check the rows, and fill in what was left out. Parameters as in `cox.fit_cox`.

    Raises
    ------
    CohortError
        The arrays do not fit together, hold what cannot be, or hold no event.

    Examples
    --------
    >>> survival_rows([3, 4], [1, 0], [[0.5], [1.5]], entry=[3, 0])
    Traceback (most recent call last):
    ...
    iop_outcomes.errors.CohortError: rows end on or before their day of entry; mend or drop them
    """
    x = np.asarray(covariates, float)
    if x.ndim != 2 or 0 in x.shape:
        raise CohortError("the covariates must be a table with at least one row and one column")
    if not np.isfinite(x).all():
        raise CohortError("some covariates are missing or infinite; impute them or drop the rows")
    size = x.shape[0]
    day, mark = _numbers(day, size, "days"), _numbers(event, size, "events")
    weight = np.ones(size) if weight is None else _numbers(weight, size, "weights")
    offset = np.zeros(size) if offset is None else _numbers(offset, size, "offsets")
    entry = None if entry is None else _numbers(entry, size, "days of entry")
    labels = np.zeros(size, int) if stratum is None else np.asarray(stratum)
    if labels.shape != (size,):
        raise CohortError(f"strata must be one label for each of the {size} rows")
    if not np.isin(mark, (0, 1)).all():
        raise CohortError("events must be True or False; a competing event ends a row without one")
    if (day < 0).any():
        raise CohortError("some rows end before day 0; days count from time zero")
    if entry is not None and (entry >= day).any():
        raise CohortError("rows end on or before their day of entry; mend or drop them")
    if (weight < 0).any() or not weight.any():
        raise CohortError("weights must be 0 or more, and some of them more")
    if not weight[mark == 1].any():
        raise CohortError("nobody has the event, so hazards cannot be compared")
    strata, code = np.unique(labels, return_inverse=True)
    return SurvivalRows(day, mark == 1, x, entry, weight, offset, code, strata)


def _numbers(values: ArrayLike, size: int, name: str) -> NDArray:
    try:
        numbers = np.asarray(values, float)
    except (TypeError, ValueError):
        raise CohortError(f"{name} must be numbers, none of them missing") from None
    if numbers.shape != (size,):
        raise CohortError(f"{name} must be one number for each of the {size} rows")
    if not np.isfinite(numbers).all():
        raise CohortError(f"some {name} are missing or infinite; mend them or drop the rows")
    return numbers
