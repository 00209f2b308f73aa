"""A design that can be fitted: checked, put on one scale, and told where it cannot be."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import solve_triangular

from iop_outcomes.errors import CohortError, PositivityError

# A column whose part not explained by the columns before it is smaller than this says nothing new.
DEPENDENT = 1e-9
# Below this, Cholesky's factor of the products is too blunt to tell dependence from likeness.
BLUNT = 1e-4
FAR = 10.0  # a column further than this from 0, in standard deviations, is counted from its mean
ROWS_AT_ONCE = 2048  # standardized rows that stay in the processor's cache


@dataclass(frozen=True)
class Standardization:
    """Means and standard deviations that put all columns on one scale.

    Attributes
    ----------
    intercept
        Which column is the same for everyone; None if there is none, and then no means are taken.
    shift
        Mean of each column that lies far from 0, as calendar years do; 0 for the others, whose
        mean the intercept takes up. Shape (columns,).
    scale
        Standard deviation (over n) of each other column, the intercept's own value; without an
        intercept the root mean square. 0 for another column that never varies. Shape (columns,).
    """

    intercept: int | None
    shift: NDArray
    scale: NDArray

    def apply(self, rows: NDArray) -> NDArray:
        """Standardized rows. Shape (rows, columns)."""
        return (rows - self.shift) / self.scale

    @property
    def back(self) -> NDArray:
        """Matrix that turns coefficients of standardized columns into those of the columns."""
        matrix = np.diag(1 / self.scale)
        if self.intercept is not None:
            matrix[self.intercept] -= self.shift / self.scale / self.scale[self.intercept]
        return matrix

    @property
    def slopes(self) -> NDArray:
        """1 for every column but the intercept: what a penalty may shrink. Shape (columns,)."""
        return (np.arange(self.scale.size) != self.intercept).astype(float)


def standardization(design: NDArray, frequency: NDArray) -> Standardization:
    """Means and standard deviations of the columns, weighted by frequency.

    Examples
    --------
    >>> found = standardization(np.array([[1.0, 2], [1, 4]]), np.ones(2))
    >>> found.intercept, found.shift, found.scale
    (0, array([0., 0.]), array([1., 1.]))
    """
    people = frequency.sum()
    low, high = design.min(axis=0), design.max(axis=0)
    constant = np.flatnonzero((low == high) & (low != 0))
    intercept = int(constant[0]) if constant.size else None
    shift = np.zeros(design.shape[1])
    if intercept is not None:
        shift = frequency @ design / people
        shift[intercept] = 0.0
    squares = np.zeros(design.shape[1])
    for start in range(0, len(design), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        squares += frequency[block] @ (design[block] - shift) ** 2
    scale = np.sqrt(squares / people)
    scale[scale <= 1e-12 * np.maximum(np.abs(low), np.abs(high))] = 0.0
    shift[np.abs(shift) <= FAR * scale] = 0.0
    if intercept is not None:
        scale[intercept] = low[intercept]
    return Standardization(intercept, shift, scale)


def checked(
    outcome: ArrayLike, design: ArrayLike, frequency: ArrayLike | None
) -> tuple[NDArray, NDArray, NDArray]:
    """Outcome, design and frequency as sound arrays of floats.

    Raises
    ------
    CohortError, PositivityError
        They differ in length or hold what is no number; nobody or everybody has the outcome.
    """
    a, x = np.asarray(outcome, float), np.asarray(design, float)
    f = np.ones(a.size) if frequency is None else np.asarray(frequency, float)
    if x.ndim != 2 or not len(x) == a.size == f.size:
        raise CohortError(
            "arm, design and frequency differ in their number of rows; give one row per person or "
            "pattern in each"
        )
    with np.errstate(invalid="ignore", over="ignore"):
        sound = np.isfinite(x.sum()) and np.isfinite(f.sum())
    if not sound or not np.isin(a, (0.0, 1.0)).all() or (f < 0).any():
        raise CohortError(
            "arm, design or frequency hold a missing, infinite or negative value where none can "
            "be; fill it, or leave out those rows"
        )
    if not 0 < f @ a < f.sum():
        raise PositivityError(
            "everyone is in one arm and nobody in the other, so the covariates cannot tell who "
            "enters which; look at eligibility and at the strategies"
        )
    return a, x, f


def separating_columns(outcome: NDArray, design: NDArray) -> list[int]:
    """Columns that by themselves tell the outcomes apart, except perhaps at one shared value.

    An indicator does so when all who have it, or all who lack it, are in one arm.

    Examples
    --------
    >>> design = np.array([[1, 0, 3], [1, 0, 1], [1, 0, 2], [1, 1, 2]])
    >>> separating_columns(np.array([0, 0, 1, 1]), design)
    [1]
    """
    one, other = design[outcome > 0], design[outcome <= 0]
    ends = [(arm.min(axis=0), arm.max(axis=0)) for arm in (one, other)]
    (low, high), (other_low, other_high) = ends
    varies = np.minimum(low, other_low) < np.maximum(high, other_high)
    return [int(j) for j in np.flatnonzero(varies & ((high <= other_low) | (other_high <= low)))]


def separated(outcome: NDArray, design: NDArray) -> PositivityError:
    """The error that says which columns separate the arms, where single columns do."""
    alone = separating_columns(outcome, design)
    which = f" (by themselves columns {alone} of the design, counted from 0)" if alone else ""
    return PositivityError(
        f"the covariates separate the arms{which}: some kinds of people only ever enter one of "
        "them; narrow eligibility to people who could have entered either, or drop that covariate"
    )


def all_but_separated() -> PositivityError:
    """The error for a maximum at which somebody could hardly have entered one of the arms."""
    return PositivityError(
        "the covariates all but separate the arms: somebody's fitted probability of one arm is "
        "below one in 8 million; narrow eligibility to people who could have entered either, or "
        "cap a covariate with outlying values"
    )


def orthogonal(x: NDArray, f: NDArray, ruler: Standardization) -> NDArray | None:
    """Matrix that makes nearly dependent standardized columns orthogonal; None if none are."""
    if not ruler.scale.all():
        raise dependent([int(j) for j in np.flatnonzero(ruler.scale == 0)])
    products = np.zeros((x.shape[1], x.shape[1]))
    for start in range(0, len(x), ROWS_AT_ONCE):
        block = slice(start, start + ROWS_AT_ONCE)
        rows = ruler.apply(x[block]) * np.sqrt(f[block])[:, None]
        products += rows.T @ rows
    try:
        if np.diag(np.linalg.cholesky(products / f.sum())).min() > BLUNT:
            return None
    except np.linalg.LinAlgError:
        pass
    rows = ruler.apply(x) * np.sqrt(f / f.sum())[:, None]
    r = np.zeros_like(products)
    found = np.linalg.qr(rows, mode="r")
    r[: len(found)] = found
    alike = [int(j) for j in np.flatnonzero(np.abs(np.diag(r)) < DEPENDENT)]
    if alike:
        raise dependent(alike)
    return solve_triangular(r, np.eye(len(r)))


def dependent(columns: list[int]) -> CohortError:
    """The error that says which columns say nothing new."""
    return CohortError(
        f"columns {columns} of the design (counted from 0) never vary or follow from the others, "
        "so no coefficient can be told from another; leave them out"
    )
