"""People who are alike in every column, counted once: millions of rows become thousands.

A sum over people is a sum over patterns times how many people have each, so any estimator that
takes a `frequency` gives the same answer from patterns as from people.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError

ROWS_AT_ONCE = 8192  # what fits into the processor's cache beside its products
LOOK_AT = 20_000  # people whose rows tell whether patterns repeat often enough to be worth it


@dataclass(frozen=True)
class CovariatePatterns:
    """Distinct rows, in the order in which they first appear.

    Attributes
    ----------
    first
        First row of each pattern: `design[first]` are the patterns. Shape (patterns,).
    frequency
        People of each pattern. Shape (patterns,).
    member
        Pattern of each person. Shape (n,).
    """

    first: NDArray
    frequency: NDArray
    member: NDArray

    def expand(self, values: NDArray) -> NDArray:
        """What belongs to each pattern, given to each of its people. Shape (n, ...)."""
        return values[self.member]

    def total(self, values: ArrayLike) -> NDArray:
        """Sum over the people of each pattern. Shape (patterns,)."""
        return np.bincount(self.member, values, minlength=self.first.size)


def covariate_patterns(*columns: ArrayLike) -> CovariatePatterns:
    """Find the distinct rows of one or more arrays side by side.

    Rows are told apart by a 64-bit sum of their mixed bits, a sort of one number a row, and the
    result is compared with every row afterwards; only if two unlike rows ever share a sum are
    the rows themselves sorted.

    Parameters
    ----------
    columns
        Arrays with one row per person, of shape (n,) or (n, columns). To fit a propensity score
        give the arm and the design, so that a pattern never mixes the arms.

    Raises
    ------
    CohortError
        The arrays do not have the same number of rows, or hold what is no number.

    Examples
    --------
    >>> patterns = covariate_patterns([1, 0, 1, 1], [[5], [5], [5], [6]])
    >>> patterns.first, patterns.frequency, patterns.member
    (array([0, 1, 3]), array([2, 1, 1]), array([0, 1, 0, 2]))
    """
    tables = [_table(values) for values in columns]
    if len({len(table) for table in tables}) != 1:
        raise CohortError(
            "the arrays whose patterns are sought differ in length; give one row per person in each"
        )
    found = _group(_keys(tables))
    if not all(_alike(table, found) for table in tables):
        rows = np.column_stack(tables) + 0.0  # 0.0 and -0.0 are one value
        found = _in_order(*np.unique(rows, axis=0, return_index=True, return_inverse=True)[1:])
    return found


def patterns_are_worth_it(design: NDArray) -> bool:
    """Whether rows repeat so often that finding the patterns costs less than it saves.

    Looks at evenly spaced rows only, among which repetitions are rarer than among all.

    Examples
    --------
    >>> patterns_are_worth_it(np.ones((100_000, 3))), patterns_are_worth_it(np.eye(50))
    (True, False)
    """
    if len(design) < 2 * LOOK_AT:
        return False
    some = design[:: len(design) // LOOK_AT]
    return covariate_patterns(some).first.size < len(some) / 2


def _table(values: ArrayLike) -> NDArray:
    table = np.asarray(values)
    table = table[:, None] if table.ndim == 1 else table
    with np.errstate(invalid="ignore", over="ignore"):
        sound = table.dtype.kind in "biuf" and np.isfinite(table.sum(dtype=float))
    if not sound:
        raise CohortError(
            "a pattern is made of finite numbers; give words as whole numbers, and what is "
            "missing as a level of its own"
        )
    return table


def _keys(tables: list[NDArray]) -> NDArray:
    """One number a row, the same for equal rows; whole-number arithmetic, so exactly the same."""
    random = np.random.default_rng(20)
    keys = np.zeros(len(tables[0]), np.uint64)
    for table in tables:
        odd = random.integers(0, 2**63, table.shape[1], dtype=np.uint64) * np.uint64(2)
        odd += np.uint64(1)
        for start in range(0, len(table), ROWS_AT_ONCE):
            block = slice(start, start + ROWS_AT_ONCE)
            bits = (table[block].astype(np.float64) + 0.0).view(np.uint64)
            # Small whole numbers have their bits at the top, where a product would lose them.
            bits = bits ^ (bits >> np.uint64(52)) ^ (bits >> np.uint64(27))
            keys[block] += (bits * odd).sum(axis=1, dtype=np.uint64)
    return keys


def _group(keys: NDArray) -> CovariatePatterns:
    return _in_order(*np.unique(keys, return_index=True, return_inverse=True)[1:])


def _in_order(first: NDArray, member: NDArray) -> CovariatePatterns:
    """Patterns numbered by their first appearance."""
    order = np.argsort(first)
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    member = rank[member.ravel()]
    return CovariatePatterns(first[order], np.bincount(member, minlength=order.size), member)


def _alike(table: NDArray, found: CovariatePatterns) -> bool:
    leader = found.first[found.member]
    return all(
        np.array_equal(
            table[start : start + ROWS_AT_ONCE], table[leader[start : start + ROWS_AT_ONCE]]
        )
        for start in range(0, len(table), ROWS_AT_ONCE)
    )
