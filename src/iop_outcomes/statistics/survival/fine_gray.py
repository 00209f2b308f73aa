r"""Fine-Gray regression: how covariates move the cumulative incidence of one event of several.

The subdistribution hazard is that of an event among those who have not had it, whoever had a
competing event among them; see `fine_gray_weights` for how these are carried on. Ties are
Breslow's.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from iop_outcomes.errors import CohortError
from iop_outcomes.statistics.survival.contrasts import Estimate
from iop_outcomes.statistics.survival.fine_gray_weights import (
    CensoringRiskSet,
    Subdistribution,
    observation_probability,
)
from iop_outcomes.statistics.survival.risk_sets import EVENT, risk_sets
from iop_outcomes.statistics.weighting.propensity import dependent_columns

MOST_STEPS = 50
TOLERANCE = 1e-10
INFINITE_LOG_RATIO = 25.0  # per standard deviation of a covariate


@dataclass(frozen=True)
class FineGrayFit:
    """A fitted subdistribution hazard.

    Attributes
    ----------
    coefficients
        Log subdistribution hazard ratios. Shape (columns,).
    influence
        Of each person on them, the estimated censoring (and entry) distribution included. Shape
        (n, columns).
    influence_weights_known
        The same with these distributions taken as known, as R's coxph on finegray data. Shape (n,
        columns).
    information
        Minus the second derivative of the log pseudo-likelihood. Shape (columns, columns).
    log_likelihood
        Log pseudo-likelihood at the maximum.
    hazard
        Baseline subdistribution hazard of each day, at `centre`. Shape (days,).
    centre
        Covariates of the baseline. Shape (columns,).
    follow_up
        What it was fitted to.
    mean
        Covariates' mean in the risk set of each day. Shape (days, columns).
    """

    coefficients: NDArray
    influence: NDArray
    influence_weights_known: NDArray
    information: NDArray
    log_likelihood: float
    hazard: NDArray
    centre: NDArray
    follow_up: Subdistribution
    mean: NDArray

    def covariance(self, cluster: ArrayLike | None = None) -> NDArray:
        """Sandwich covariance; with clusters summed within them and times G / (G - 1)."""
        if cluster is None:
            return self.influence.T @ self.influence
        label, member = np.unique(np.asarray(cluster), return_inverse=True)
        if label.size < 2:
            raise CohortError(
                "everyone belongs to one cluster, so the spread between clusters cannot be seen; "
                "leave the cluster out"
            )
        sums = np.zeros((label.size, self.coefficients.size))
        np.add.at(sums, member, self.influence)
        return sums.T @ sums * label.size / (label.size - 1)

    def incidence(self, covariates: ArrayLike, until: float) -> Estimate:
        r"""Cumulative incidence by day `until` of someone with these covariates.

        :math:`1 - \exp(-\hat\Lambda_0(t) e^{z^\top \hat\beta})`, and each person's influence on it.
        """
        return self._mean_incidence(np.atleast_2d(np.asarray(covariates, float)), until, None)

    def standardised_incidence(self, covariates: ArrayLike, until: float) -> Estimate:
        """Mean cumulative incidence by day `until` if the fitted people had these covariates.

        The g-formula: their own covariates with the arm set to one of its values. The influence
        counts the people as a sample of a population, with their weights.

        Parameters
        ----------
        covariates
            Shape (n, columns), in the order of the people fitted.
        """
        return self._mean_incidence(np.asarray(covariates, float), until, self.follow_up.weight)

    def _mean_incidence(
        self, covariates: NDArray, until: float, weight: NDArray | None
    ) -> Estimate:
        away = covariates - self.centre
        ratio = np.exp(away @ self.coefficients)
        counted = np.where(self.follow_up.sets.day <= until, self.hazard, 0.0)
        total = float(counted.sum())
        each = -np.expm1(-total * ratio)
        share = np.ones(1) if weight is None else weight / weight.sum()
        slope = share * (1 - each) * ratio
        mean = float(share @ each)
        moved = slope.sum() * _hazard_influence(self, counted)
        moved = moved + total * (self.influence @ (away.T @ slope))
        drawn = 0.0 if weight is None else share * (each - mean)
        return Estimate(mean, moved + drawn)


def fit_fine_gray(
    day: ArrayLike,
    cause: ArrayLike,
    covariates: ArrayLike,
    weight: ArrayLike | None = None,
    entry: ArrayLike | None = None,
    censoring_group: ArrayLike | None = None,
    convention: CensoringRiskSet = CensoringRiskSet.AFTER_EVENTS,
) -> FineGrayFit:
    """Log subdistribution hazard ratios by maximum pseudo-likelihood.

    Parameters
    ----------
    day
        Days from time zero to the end of follow-up, >= 0. Shape (n,).
    cause
        CENSORED, EVENT or COMPETING. Shape (n,).
    covariates
        Columns; no intercept. Shape (n, columns).
    weight
        Balancing weights, >= 0, which count in the censoring distribution too; all one if absent.
        Shape (n,).
    entry
        Day at whose end each person came under observation, one row a person. Shape (n,).
    censoring_group
        Labels of groups with a censoring distribution each; one for all if absent. Shape (n,).
    convention
        Whom a censoring on a day of events could have met.

    Raises
    ------
    CohortError
        Nobody has the event; a covariate follows from the others, or tells exactly who has it.

    References
    ----------
    Fine & Gray (1999), Journal of the American Statistical Association 94:496-509. Geskus (2011),
    Biometrics 67:39-49.

    Examples
    --------
    >>> fit = fit_fine_gray([1, 2, 3, 4, 5, 6], [1, 2, 1, 0, 1, 0], [[1], [1], [0], [0], [1], [0]])
    >>> fit.coefficients.round(4).tolist()
    [0.6818]
    """
    x = np.asarray(covariates, float)
    sets = risk_sets(day, cause, weight, entry)
    weight = np.ones(len(x)) if weight is None else np.asarray(weight, float)
    if not (sets.events > 0).any():
        raise CohortError("nobody had the event, so no covariate can be said to move it")
    if dependent_columns(np.column_stack([np.ones(len(x)), x])):
        raise CohortError(
            "a covariate is the same for everyone or follows from the others; leave it out"
        )
    groups = np.zeros(len(x), int)
    if censoring_group is not None:
        groups = np.unique(np.asarray(censoring_group), return_inverse=True)[1]
    centre = np.average(x, axis=0, weights=weight)
    scale = np.sqrt(np.average((x - centre) ** 2, axis=0, weights=weight))
    seen = observation_probability(sets, weight, groups, convention)
    scaled = Subdistribution(sets, weight, (x - centre) / scale, seen)
    beta = _maximise(scaled) / scale
    return _describe(Subdistribution(sets, weight, x - centre, seen), beta, centre)


@dataclass(frozen=True)
class _State:
    """The pseudo-likelihood and what its derivatives are made of, at some coefficients."""

    log_likelihood: float
    score: NDArray
    information: NDArray
    risk: NDArray
    hazard: NDArray
    mean: NDArray


def _state(data: Subdistribution, beta: NDArray) -> _State:
    predictor = data.design @ beta
    risk = data.weight * np.exp(predictor)
    total, events = data.total(risk), data.sets.events
    share = np.divide(1.0, total, out=np.zeros_like(total), where=events > 0)
    hazard = events * share
    mean = np.column_stack([data.total(risk * z) for z in data.design.T]) * share[:, None]
    has_event = data.weight * (data.sets.cause == EVENT)
    borne = risk * data.borne(hazard)
    logs = np.log(total, out=np.zeros_like(total), where=events > 0)
    return _State(
        log_likelihood=float(has_event @ predictor - events @ logs),
        score=data.design.T @ (has_event - borne),
        information=(data.design.T * borne) @ data.design - (mean.T * events) @ mean,
        risk=risk,
        hazard=hazard,
        mean=mean,
    )


def _maximise(data: Subdistribution) -> NDArray:
    """Newton's method with halved steps, on covariates of unit spread."""
    beta = np.zeros(data.design.shape[1])
    now = _state(data, beta)
    for _ in range(MOST_STEPS):
        smallest = np.linalg.eigvalsh(now.information)[0]
        if np.abs(beta).max() > INFINITE_LOG_RATIO or smallest < 1e-10 * data.weight.sum():
            break
        step = np.linalg.solve(now.information, now.score)
        following = _state(data, beta + step)
        while following.log_likelihood < now.log_likelihood - 1e-9 * abs(now.log_likelihood):
            step = step / 2
            following = _state(data, beta + step)
        beta, now = beta + step, following
        if np.abs(step).max() < TOLERANCE:
            return beta
    raise CohortError(
        "a subdistribution hazard ratio is infinite or zero: a covariate tells exactly who has the "
        "event; leave it out or merge its categories"
    )


def _describe(data: Subdistribution, beta: NDArray, centre: NDArray) -> FineGrayFit:
    now = _state(data, beta)
    position = data.sets.position
    has_event = data.weight * (data.sets.cause == EVENT)
    onto_mean = np.column_stack([data.borne(now.hazard * mean) for mean in now.mean.T])
    own = (
        has_event[:, None] * (data.design - now.mean[position])
        - (now.risk * data.borne(now.hazard))[:, None] * data.design
        + now.risk[:, None] * onto_mean
    )
    gone = data.carried_on(now.risk)
    steps = [
        data.carried_on(now.risk * z) * data.later(now.hazard)
        - gone * data.later(now.hazard * mean)
        for z, mean in zip(data.design.T, now.mean.T, strict=True)
    ]
    estimated = np.column_stack([data.of_observation(step) for step in steps])
    inverse = np.linalg.inv(now.information)
    return FineGrayFit(
        coefficients=beta,
        influence=(own + estimated) @ inverse,
        influence_weights_known=own @ inverse,
        information=now.information,
        log_likelihood=now.log_likelihood,
        hazard=now.hazard,
        centre=centre,
        follow_up=data,
        mean=now.mean,
    )


def _hazard_influence(fit: FineGrayFit, counted: NDArray) -> NDArray:
    """Influence of each person on the sum of the baseline hazard over the days counted."""
    data = fit.follow_up
    risk = data.weight * np.exp(data.design @ fit.coefficients)
    events = data.sets.events
    share = np.divide(fit.hazard, events, out=np.zeros_like(events), where=events > 0)
    has_event = data.weight * (data.sets.cause == EVENT)
    own = has_event * (share * (counted > 0))[data.sets.position] - risk * data.borne(
        counted * share
    )
    censoring = data.of_observation(data.carried_on(risk) * data.later(counted * share))
    return own + censoring - fit.influence @ (counted @ fit.mean)
