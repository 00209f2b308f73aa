"""Probability of treatment given covariates."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import qr
from scipy.special import expit

from iop_outcomes.errors import PositivityError

# Beyond this log-odds a fitted probability is 0 or 1 to 7 digits: the likelihood has no maximum.
SEPARATED_LOG_ODDS = 16.0


@dataclass(frozen=True)
class PropensityFit:
    """A logistic regression, and what later steps need to know about its uncertainty.

    Attributes
    ----------
    coefficients
        Log odds per unit of each column of the design. Shape (columns,).
    probability
        Fitted probability of treatment, in (0, 1). Shape (n,).
    covariance
        Inverse of the expected information. Shape (columns, columns).
    """

    coefficients: NDArray
    probability: NDArray
    covariance: NDArray


def fit_propensity(treated: ArrayLike, design: ArrayLike) -> PropensityFit:
    r"""Maximum-likelihood logistic regression by Newton's method.

    .. math:: \sum_i x_i (a_i - e_i) = 0, \qquad e_i = 1 / (1 + \exp(-x_i^\top \gamma))

    Parameters
    ----------
    treated
        True in the intervention arm. Shape (n,).
    design
        Columns of the model, the intercept among them. Shape (n, columns). Any units
        will do. No column may follow from the others: see `dependent_columns`.

    Raises
    ------
    PositivityError
        The columns separate the arms, so that some patterns never meet one of them.

    Examples
    --------
    With an intercept alone the probability is the share treated:

    >>> fit_propensity([1, 0, 0, 0], np.ones((4, 1))).probability.round(12)
    array([0.25, 0.25, 0.25, 0.25])
    """
    a, x = np.asarray(treated, float), np.asarray(design, float)
    # On an orthogonal basis of the same columns neither units nor origins can matter.
    basis, mixing = np.linalg.qr(x)
    beta = np.zeros(x.shape[1])
    for _ in range(50):
        e = expit(basis @ beta)
        information = (basis * (e * (1 - e))[:, None]).T @ basis
        try:
            step = np.linalg.solve(information, basis.T @ (a - e))
        except np.linalg.LinAlgError:
            break
        beta = beta + step
        log_odds = basis @ beta
        if np.abs(log_odds).max() > SEPARATED_LOG_ODDS:
            break
        if np.abs(basis @ step).max() < 1e-11:
            e = expit(log_odds)
            information = (basis * (e * (1 - e))[:, None]).T @ basis
            unmixing = np.linalg.inv(mixing)
            covariance = unmixing @ np.linalg.inv(information) @ unmixing.T
            return PropensityFit(unmixing @ beta, e, covariance)
    raise PositivityError(
        "the covariates separate the arms: some kinds of people only ever enter one of them; "
        "narrow eligibility to people who could have entered either, or drop that covariate"
    )


def dependent_columns(design: NDArray) -> list[int]:
    """Columns that are linear combinations of the others (pivoted QR).

    Examples
    --------
    >>> len(dependent_columns(np.array([[1.0, 0, 1], [1, 1, 2], [1, 2, 3]])))
    1
    """
    size = np.sqrt((design**2).sum(axis=0))
    if not size.all():
        return [int(column) for column in np.flatnonzero(size == 0)]
    r, pivot = qr(design / size, mode="r", pivoting=True)
    diagonal = np.abs(np.diag(r))
    rank = int((diagonal > diagonal[0] * 1e-9).sum())
    return sorted(int(column) for column in pivot[rank:])
