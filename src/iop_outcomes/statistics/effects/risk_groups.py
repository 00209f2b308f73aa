"""People grouped by the risk they would run under the comparator, predicted without their help."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.effects.cross_fitting import Learner


def comparator_risk(
    outcome: ArrayLike,
    treated: ArrayLike,
    covariates: ArrayLike,
    learner: Learner,
    fold: ArrayLike | None = None,
    known: ArrayLike | None = None,
) -> NDArray:
    """Predict everyone's outcome under the comparator: a prognostic score.

    Parameters
    ----------
    outcome
        Shape (n,); not looked at where it is not known.
    treated
        True in the intervention arm. Shape (n,).
    covariates
        Without an intercept. Shape (n, columns).
    learner
        Fitted to people of the comparator arm alone; see `Learner`.
    fold
        People are predicted by a model fitted to the other folds; None: one model for all. Groups
        of people need folds, or those of the comparator are predicted better than the others and
        the difference looks like an effect. Shape (n,).
    known
        True where the outcome is known; everywhere if absent. Shape (n,).

    Returns
    -------
    NDArray
        Shape (n,).

    Raises
    ------
    CohortError
        Nobody is left to learn from.

    References
    ----------
    Hansen (2008), Biometrika 95:481-488. Abadie, Chingos & West (2018), Review of Economics and
    Statistics 100:567-580, on groups without folds.

    Examples
    --------
    >>> mean = lambda covariates, target: lambda new: np.full(len(new), target.mean())
    >>> comparator_risk([1, 0, 1], [True, False, False], np.ones((3, 1)), mean)
    array([0.5, 0.5, 0.5])
    """
    y, a, x = np.asarray(outcome, float), np.asarray(treated, bool), np.asarray(covariates, float)
    told = ~a if known is None else ~a & np.asarray(known, bool)
    fold = None if fold is None else np.asarray(fold)
    risk = np.empty(y.size)
    for held_out in (None,) if fold is None else np.unique(fold):
        mine = np.ones(y.size, bool) if fold is None else fold == held_out
        rest = told if fold is None else told & ~mine
        if not rest.any():
            raise CohortError(
                "nobody of the comparator arm has a known outcome outside one of the folds; use "
                "fewer folds"
            )
        risk[mine] = learner(x[rest], y[rest])(x[mine])
    return risk


def risk_groups(risk: ArrayLike, groups: int) -> NDArray:
    """Groups of like size by predicted risk, the lowest first; equal risks share a group.

    Parameters
    ----------
    risk
        Shape (n,).
    groups
        How many, at least 2.

    Returns
    -------
    NDArray
        Group of each person, 0 to groups - 1. Shape (n,).

    Raises
    ------
    CohortError
        Too many people share a risk for so many groups.

    References
    ----------
    Kent et al. (2020), Annals of Internal Medicine 172:35-45 (PATH statement).

    Examples
    --------
    >>> risk_groups([0.4, 0.1, 0.2, 0.3], 2)
    array([1, 0, 0, 1])
    """
    r = np.round(np.asarray(risk, float), 12)  # the last bits of equal risks may differ
    edges = np.quantile(r, np.arange(1, groups) / groups, method="inverted_cdf")
    found, member = np.unique(np.searchsorted(edges, r), return_inverse=True)
    if found.size < groups:
        raise CohortError(
            f"too many people share a predicted risk for {groups} groups; ask for fewer, or "
            "predict from more covariates"
        )
    return member
