"""Relapse seen at scheduled tests: proportional hazards between visits, some of which are missed.

The hazard between two visits of the schedule has its own level, and covariates multiply it. Whoever
misses visits is known to have relapsed somewhere between the last clean test and the first positive
one; nothing is put at its middle.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError, PositivityError
from iop_outcomes.statistics.weighting.propensity import dependent_columns

# Below this a cumulative hazard between visits is nothing: the likelihood's maximum is at zero.
NO_HAZARD = 1e-10
# Above this nobody is left: one in three million would be.
MOST_HAZARD = 15.0


@dataclass(frozen=True)
class ScheduledHazards:
    """Fitted hazards between the visits of a schedule.

    Attributes
    ----------
    visit
        Days of the visits after day 0, ascending. Shape (visits,).
    hazard
        Cumulative hazard from each visit's forerunner to it, covariates zero. Shape (visits,).
    coefficients
        Log hazard ratios. Shape (columns,).
    parameter_derivative
        Of log hazards (zero where the hazard is) and coefficients, by each person's weight.
        Shape (n, visits + columns).
    """

    visit: NDArray
    hazard: NDArray
    coefficients: NDArray
    parameter_derivative: NDArray

    @property
    def coefficient_derivative(self) -> NDArray:
        """Derivative of each log hazard ratio by each person's weight. Shape (n, columns)."""
        return self.parameter_derivative[:, self.visit.size :]

    def risk(self, visit: int, design: ArrayLike) -> tuple[NDArray, NDArray]:
        """Probability of relapse by a visit (index from 0), and its derivatives by the weights.

        Parameters
        ----------
        design
            Covariates for which the risk is told. Shape (k, columns).

        Returns
        -------
        risk
            Shape (k,).
        derivative
            By each person's weight. Shape (n, k).
        """
        x = np.atleast_2d(np.asarray(design, float))
        each = np.exp(x @ self.coefficients)[:, None] * self.hazard
        total = each[:, : visit + 1].sum(axis=1)
        clean = np.exp(-total)
        by_log_hazard = np.where(np.arange(self.visit.size) <= visit, each, 0.0)
        slope = clean[:, None] * np.hstack([by_log_hazard, total[:, None] * x])
        return 1 - clean, self.parameter_derivative @ slope.T


def fit_scheduled_hazards(
    visit: ArrayLike,
    clean_until: ArrayLike,
    positive_at: ArrayLike,
    design: ArrayLike,
    weight: ArrayLike | None = None,
) -> ScheduledHazards:
    r"""Maximum-likelihood proportional hazards of a relapse seen at scheduled visits.

    With :math:`H` the cumulative hazard at visits, a person clean until visit a and positive at b
    adds :math:`\log(e^{-H(a)} - e^{-H(b)})`; one never positive adds :math:`-H(a)`. Where no visit
    is missed this is the complementary log-log model of each visit's result.

    Parameters
    ----------
    visit
        Days of the visits after day 0, ascending. Shape (visits,).
    clean_until
        Number of visits by which the person was last seen clean, 0 for none. Shape (n,).
    positive_at
        Number, from 1, of the first visit with a positive test; 0 if none was. Shape (n,).
    design
        Covariates, without an intercept. Shape (n, columns).
    weight
        Weights, >= 0; all one if absent. Shape (n,).

    Raises
    ------
    CohortError
        A positive test does not come after the last clean one, nobody relapses, everyone seen at
        a visit has relapsed by it, or a covariate follows from the others.
    PositivityError
        The covariates separate those who relapse from the others.

    References
    ----------
    Prentice & Gloeckler (1978), Biometrics 34:57-67. Finkelstein (1986), Biometrics 42:845-854.

    Examples
    --------
    Of four people one is positive at the first visit and one, of three, at the second:

    >>> fit = fit_scheduled_hazards([7, 14], [0, 1, 2, 2], [1, 2, 0, 0], np.empty((4, 0)))
    >>> (1 - np.exp(-fit.hazard)).round(9).tolist()
    [0.25, 0.333333333]
    """
    data = _checked(visit, clean_until, positive_at, design, weight)
    centre = np.average(data.x, axis=0, weights=data.weight)
    spread = np.sqrt(np.average((data.x - centre) ** 2, axis=0, weights=data.weight))
    scaled = (data.x - centre) / spread
    parameters, free, information = _newton(data, scaled)
    inverse = np.zeros_like(information)
    inverse[np.ix_(free, free)] = np.linalg.inv(information[np.ix_(free, free)])
    score = _scores(data, scaled, parameters)[0]
    visits = data.visit.size
    moved = np.eye(parameters.size)
    moved[visits:, visits:] = np.diag(1 / spread)
    moved[:visits, visits:] = -(centre / spread)[None, :]
    moved[:visits][~free[:visits]] = 0.0
    whole = moved @ np.where(np.isfinite(parameters), parameters, 0.0)
    derivative = np.zeros((data.size, parameters.size))
    derivative[data.counted] = score @ inverse @ moved.T
    hazard = np.where(free[:visits], np.exp(whole[:visits]), 0.0)
    return ScheduledHazards(data.visit, hazard, whole[visits:], derivative)


@dataclass(frozen=True)
class _Seen:
    """People with any weight, and the visits between which each relapsed or stayed clean."""

    visit: NDArray
    x: NDArray
    weight: NDArray
    passed: NDArray  # 1 for steps of the schedule seen clean
    within: NDArray  # 1 for steps in which the relapse may lie
    counted: NDArray
    size: int


def _checked(
    visit: ArrayLike,
    clean_until: ArrayLike,
    positive_at: ArrayLike,
    design: ArrayLike,
    weight: ArrayLike | None,
) -> _Seen:
    visit, x = np.asarray(visit, float), np.asarray(design, float)
    clean, positive = np.asarray(clean_until, int), np.asarray(positive_at, int)
    weight = np.ones(clean.size) if weight is None else np.asarray(weight, float)
    if not (np.diff(np.concatenate([[0.0], visit])) > 0).all():
        raise CohortError("the visits are not ascending days after day 0; order them")
    if not (np.isfinite(weight).all() and (weight >= 0).all()):
        raise CohortError("a weight is negative or not a number; mend the weights")
    relapsed = positive > 0
    if (clean < 0).any() or max(clean.max(), positive.max()) > visit.size:
        raise CohortError(f"a visit is not one of 0 to {visit.size}; number them as scheduled")
    if (relapsed & (positive <= clean)).any():
        raise CohortError(
            "a first positive test does not come after the last clean one; read the tests up to "
            "the first positive"
        )
    counted = weight > 0
    if not (relapsed & counted).any():
        raise CohortError("nobody relapses at any visit; choose visits by which people relapse")
    step = np.arange(1, visit.size + 1)
    clean, positive, x = clean[counted], positive[counted], x[counted]
    if x.size and dependent_columns(np.column_stack([np.ones(len(x)), x])):
        raise CohortError("a covariate follows from the others or is constant; drop it")
    return _Seen(
        visit,
        x,
        weight[counted],
        passed=(step <= clean[:, None]).astype(float),
        within=((step > clean[:, None]) & (step <= positive[:, None])).astype(float),
        counted=counted,
        size=counted.size,
    )


def _scores(data: _Seen, x: NDArray, parameters: NDArray) -> tuple[NDArray, NDArray, float]:
    """Slope of each log-likelihood, the information, and the weighted log-likelihood."""
    visits = data.visit.size
    hazard = np.exp(parameters[:visits] + (x @ parameters[visits:])[:, None])
    inside, before = hazard * data.within, hazard * data.passed
    length = inside.sum(axis=1)
    relapsed = data.within.any(axis=1)
    grown = np.expm1(np.where(relapsed, length, 1.0))
    pull = np.where(relapsed, 1 / grown, 0.0)
    bend = np.where(relapsed, (grown + 1) / grown**2, 0.0)
    step = inside * pull[:, None] - before
    score = np.hstack([step, step.sum(axis=1)[:, None] * x])
    through = np.hstack([inside, length[:, None] * x])
    w = data.weight
    information = (through * (w * bend)[:, None]).T @ through
    corner = np.diag(w @ step)
    across = (step * w[:, None]).T @ x
    block = np.block([[corner, across], [across.T, (x * (w * step.sum(axis=1))[:, None]).T @ x]])
    height = w @ (
        np.where(relapsed, np.log(-np.expm1(-length - ~relapsed)), 0) - before.sum(axis=1)
    )
    return score, information - block, float(height)


def _newton(data: _Seen, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Parameters at the maximum (-inf where no hazard is), which are free, and the information."""
    visits = data.visit.size
    expected = data.weight @ (data.within / np.maximum(data.within.sum(axis=1), 1)[:, None])
    exposed = data.weight @ (data.passed + data.within)
    free = np.concatenate([expected > 0, np.ones(x.shape[1], bool)])
    parameters = np.full(visits + x.shape[1], -np.inf)
    parameters[:visits][free[:visits]] = np.log(expected[free[:visits]] / exposed[free[:visits]])
    parameters[visits:] = 0.0
    score, information, height = _scores(data, x, parameters)
    for _ in range(200):
        gradient = data.weight @ score
        step = _ascent(information[np.ix_(free, free)], gradient[free])
        if step is None or np.abs(x @ parameters[visits:]).max(initial=0) > 40:
            break
        if np.abs(step).max() < 1e-10:
            return parameters, free, information
        fraction = min(1.0, 3.0 / np.abs(step).max())
        while fraction > 1e-10:
            tried = parameters.copy()
            tried[free] += fraction * step
            found = _scores(data, x, tried)
            if found[2] >= height - 1e-12 * abs(height):
                break
            fraction /= 2
        # A hazard that shrinks to nothing is nothing; those after it go on.
        gone = free[:visits] & (np.exp(tried[:visits]) < NO_HAZARD)
        tried[:visits][gone], free[:visits][gone] = -np.inf, False
        _check_finite(data, tried[:visits], free[:visits])
        parameters = tried
        score, information, height = _scores(data, x, parameters)
    raise _separated()


def _check_finite(data: _Seen, log_hazard: NDArray, free: NDArray) -> None:
    endless = np.flatnonzero(log_hazard > np.log(MOST_HAZARD))
    if endless.size:
        raise CohortError(
            f"everyone still seen by visit {endless[0] + 1} has relapsed by then, so the hazard is "
            "infinite; end the schedule before that visit"
        )
    if (data.within.any(axis=1) & ~data.within[:, free].any(axis=1)).any():
        raise _separated()


def _separated() -> PositivityError:
    return PositivityError(
        "the covariates separate those who relapse from the others; join visits or drop that "
        "covariate"
    )


def _ascent(information: NDArray, gradient: NDArray) -> NDArray | None:
    """Newton's step, leaning towards the gradient where the likelihood is not concave."""
    values, vectors = np.linalg.eigh(information)
    if values.max(initial=0) <= 0:
        return None
    safe = np.maximum(np.abs(values), 1e-12 * values.max())
    return vectors @ ((vectors.T @ gradient) / safe)
