"""Hazards of leaving in each band of days by each cause, and what covariates do to them."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.errors import PositivityError
from iop_outcomes.statistics.coarse_time.grouped_time import GroupedExits


class Link(StrEnum):
    """How the probabilities of leaving in a band hang on the log hazards eta of the causes.

    PROPORTIONAL_HAZARDS: with hazards in a constant ratio within the band,
    (1 - exp(-L)) exp(eta_k) / L, L being the sum of exp(eta); with one cause the complementary
    log-log link. exp(coefficient) is the cause-specific hazard ratio in continuous time.
    LOGIT: exp(eta_k) / (1 + sum of exp(eta)); exp(coefficient) is a ratio of the odds of leaving in
    the band against staying.
    """

    PROPORTIONAL_HAZARDS = "proportional_hazards"
    LOGIT = "logit"


@dataclass(frozen=True)
class ExitHazards:
    """Fitted hazards of every cause in every band.

    Attributes
    ----------
    log_hazard
        For a person whose covariates are all zero; -inf where nobody leaves. (bands, causes).
    coefficients
        Log ratios per unit of each covariate. Shape (causes, columns).
    link
        What the ratios are of.
    inverse_information
        Of the finite log hazards, band by band, then the coefficients, cause by cause; zero for
        what is not estimated. Shape (parameters, parameters).
    exits
        What was fitted.
    """

    log_hazard: NDArray
    coefficients: NDArray
    link: Link
    inverse_information: NDArray
    exits: GroupedExits

    def probability(self, design: NDArray) -> NDArray:
        """Of leaving in each band by each cause, once there. Shape (n, bands, causes)."""
        return probability(self._predictor(design), self.link)

    def pulled_back(self, design: NDArray, by_probability: NDArray) -> NDArray:
        """Slopes in the log hazards from slopes in the probabilities; both (n, bands, causes)."""
        predictor = self._predictor(design)
        chance = probability(predictor, self.link)
        along = (by_probability * chance).sum(axis=2, keepdims=True)
        if self.link is Link.LOGIT:
            return chance * (by_probability - along)
        hazard = np.exp(predictor)
        first, _ = _log_ratio_slopes(hazard.sum(axis=2, keepdims=True))
        return chance * by_probability + hazard * first * along

    def derivative(self, by_log_hazard: NDArray, by_coefficients: NDArray) -> NDArray:
        """Derivative by one person's weight of a number, given its slopes in the parameters.

        Parameters
        ----------
        by_log_hazard
            Shape (bands, causes).
        by_coefficients
            Shape (causes, columns).

        Returns
        -------
        NDArray
            Shape (patterns,). Times the weight it is the influence of each person of a pattern.
        """
        slope = np.concatenate([by_log_hazard.ravel(), by_coefficients.ravel()])
        toward = self.inverse_information @ slope
        split = self.log_hazard.size
        baseline = toward[:split].reshape(self.log_hazard.shape)
        ratios = toward[split:].reshape(self.coefficients.shape)
        profiles, profile = self.exits.profiles
        along = baseline + (profiles @ ratios.T)[:, None, :]
        staying, leaving = _scores_along(self._predictor(profiles), along, self.link)
        band, cause = self.exits.band, self.exits.cause
        passed = np.hstack([np.zeros((len(profiles), 1)), np.cumsum(staying, axis=1)])
        each = passed[profile, band]
        inside = np.flatnonzero(band < self.exits.bands)
        who, where, how = profile[inside], band[inside], cause[inside]
        left = leaving[who, where, np.maximum(how - 1, 0)]
        each[inside] += np.where(how > 0, left, staying[who, where])
        return each

    def coefficient_derivative(self, cause: int, column: int) -> NDArray:
        """Derivative of one coefficient by one person's weight. Shape (patterns,)."""
        slope = np.zeros_like(self.coefficients)
        slope[cause - 1, column] = 1
        return self.derivative(np.zeros_like(self.log_hazard), slope)

    def _predictor(self, design: NDArray) -> NDArray:
        shift = np.asarray(design, float) @ self.coefficients.T
        return self.log_hazard[None] + shift[:, None, :]


def probability(predictor: NDArray, link: Link) -> NDArray:
    """Probabilities of leaving by each cause from log hazards, causes on the last axis.

    Examples
    --------
    >>> probability(np.log([[1.0, 1.0]]), Link.LOGIT).round(6).tolist()
    [[0.333333, 0.333333]]
    >>> probability(np.log([[1.0, 1.0]]), Link.PROPORTIONAL_HAZARDS).round(6).tolist()
    [[0.432332, 0.432332]]
    """
    hazard = np.exp(predictor)
    total = hazard.sum(axis=-1, keepdims=True)
    if link is Link.LOGIT:
        return hazard / (1 + total)
    # (1 - exp(-L)) / L, which is 1 for hazards too small to matter.
    ratio = np.divide(-np.expm1(-total), total, out=np.ones_like(total), where=total > 0)
    return hazard * ratio


def fit_exit_hazards(exits: GroupedExits, link: Link = Link.PROPORTIONAL_HAZARDS) -> ExitHazards:
    r"""Maximum-likelihood hazards by Newton's method, on counts of patterns.

    Every band and cause has its own baseline, and every cause one log ratio per covariate:
    :math:`\eta_{bk}(x) = \alpha_{bk} + x^\top \beta_k`. Where nobody leaves by a cause in a band
    the hazard is zero, which is where the likelihood's maximum lies.

    Raises
    ------
    PositivityError
        The covariates separate those who leave by a cause from the others.

    References
    ----------
    Prentice & Gloeckler (1978), Biometrics 34:57-67. Jenkins (1995), Oxford Bulletin of Economics
    and Statistics 57:129-138.

    Examples
    --------
    Of 10 people 4 leave in the first band and 3 of the other 6 in the second:

    >>> from iop_outcomes.statistics.coarse_time.grouped_time import grouped_exits
    >>> exits = grouped_exits(np.empty((3, 0)), [0, 1, 2], [1, 1, 0], 2, frequency=[4, 3, 3])
    >>> fit_exit_hazards(exits).probability(np.empty((1, 0))).ravel().round(12).tolist()
    [0.4, 0.5]
    """
    centre = np.average(exits.design, axis=0, weights=exits.total)
    spread = np.sqrt(np.average((exits.design - centre) ** 2, axis=0, weights=exits.total))
    fitted = _newton(exits, (exits.profiles[0] - centre) / spread, link)
    baseline, ratios = fitted[0], fitted[1] / spread
    moved = _unscaling(exits, centre, spread)
    return ExitHazards(
        log_hazard=baseline - (ratios @ centre)[None, :],
        coefficients=ratios,
        link=link,
        inverse_information=moved @ fitted[2] @ moved.T,
        exits=exits,
    )


def _unscaling(exits: GroupedExits, centre: NDArray, spread: NDArray) -> NDArray:
    """Parameters as asked from those of centred and scaled covariates."""
    bands, causes, columns = exits.bands, exits.causes, centre.size
    moved = np.eye(bands * causes + causes * columns)
    ratios = np.kron(np.eye(causes), np.diag(1 / spread))
    moved[bands * causes :, bands * causes :] = ratios
    shift = np.kron(np.eye(causes), centre[None, :] / spread)
    moved[: bands * causes, bands * causes :] = -np.tile(shift, (bands, 1))
    return moved


def _newton(exits: GroupedExits, x: NDArray, link: Link) -> tuple[NDArray, NDArray, NDArray]:
    leaves, at_risk = exits.leaves, exits.at_risk
    left = leaves.sum(axis=0)
    share = left / at_risk.sum(axis=0)[:, None]
    with np.errstate(divide="ignore"):
        baseline = np.log(share)
    free = np.concatenate([left.ravel() > 0, np.ones(exits.causes * x.shape[1], bool)])
    ratios = np.zeros((exits.causes, x.shape[1]))
    best = -np.inf
    step, fraction = np.zeros(free.size), 1.0
    for _ in range(100):
        moved = fraction * step
        tried = baseline + moved[: left.size].reshape(left.shape)
        turned = ratios + moved[left.size :].reshape(ratios.shape)
        predictor = tried[None] + (x @ turned.T)[:, None, :]
        height = _log_likelihood(predictor, at_risk, leaves, link)
        if not height >= best - 1e-12 * abs(best):
            fraction /= 2
            continue
        baseline, ratios, best, fraction = tried, turned, height, 1.0
        gradient, information = _totals(predictor, at_risk, leaves, x, link)
        try:
            inverse = np.linalg.inv(information[np.ix_(free, free)])
        except np.linalg.LinAlgError:
            break
        step = np.zeros(free.size)
        step[free] = inverse @ gradient[free]
        if np.abs(step).max() < 1e-9:
            step_in = baseline + step[: left.size].reshape(left.shape)
            whole = np.zeros((free.size, free.size))
            whole[np.ix_(free, free)] = inverse
            return step_in, ratios + step[left.size :].reshape(ratios.shape), whole
        if np.abs(x @ ratios.T).max(initial=0) > 40:
            break
    raise PositivityError(
        "the covariates separate those who leave by a cause from the others; join bands or causes, "
        "or drop that covariate"
    )


def _log_likelihood(predictor: NDArray, at_risk: NDArray, leaves: NDArray, link: Link) -> float:
    chance = probability(predictor, link)
    stays = at_risk - leaves.sum(axis=2)
    with np.errstate(divide="ignore", invalid="ignore"):
        exits = np.where(leaves > 0, leaves * np.log(chance), 0.0).sum(axis=2)
        staying = np.where(stays > 0, stays * np.log1p(-chance.sum(axis=2)), 0.0)
    return float((exits + staying).sum())


def _scores_along(predictor: NDArray, along: NDArray, link: Link) -> tuple[NDArray, NDArray]:
    """Slope of one person's log-likelihood of a band in a direction of the log hazards.

    Of staying, shape (n, bands), and of leaving by each cause, (n, bands, causes).
    """
    if link is Link.LOGIT:
        staying = -(probability(predictor, link) * along).sum(axis=2)
        return staying, along + staying[:, :, None]
    hazard = np.exp(predictor)
    pull = (hazard * along).sum(axis=2)
    first, _ = _log_ratio_slopes(hazard.sum(axis=2, keepdims=True))
    return -pull, along + first * pull[:, :, None]


def _slopes(
    predictor: NDArray, at_risk: NDArray, leaves: NDArray, link: Link
) -> tuple[NDArray, tuple[NDArray, NDArray, NDArray]]:
    """First derivative of each log-likelihood by the log hazards, and minus the second.

    The second is diag(a) - c u u', given as (a, c, u).
    """
    left = leaves.sum(axis=2, keepdims=True)
    if link is Link.LOGIT:
        chance = probability(predictor, link)
        expected = at_risk[:, :, None] * chance
        return leaves - expected, (expected, at_risk[:, :, None], chance)
    # log-likelihood = sum of leaves * eta + left * g(L) - stays * L, g(L) = log((1-exp(-L))/L)
    hazard = np.exp(predictor)
    total = hazard.sum(axis=2, keepdims=True)
    first, second = _log_ratio_slopes(total)
    drift = hazard * (left * first - (at_risk[:, :, None] - left))
    return leaves + drift, (-drift, left * second, hazard)


def _log_ratio_slopes(total: NDArray) -> tuple[NDArray, NDArray]:
    """Derivatives of log((1 - exp(-L)) / L); by series where the closed form cancels."""
    small = total < 0.02
    safe = np.clip(np.where(small, 1.0, total), None, 700.0)
    grown = np.expm1(safe)
    first = np.where(small, -1 / 2 + total / 12 - total**3 / 720, 1 / grown - 1 / safe)
    second = np.where(
        small, 1 / 12 - total**2 / 240 + total**4 / 6048, 1 / safe**2 - (grown + 1) / grown / grown
    )
    return first, second


def _totals(
    predictor: NDArray, at_risk: NDArray, leaves: NDArray, x: NDArray, link: Link
) -> tuple[NDArray, NDArray]:
    """Gradient and information of the whole log-likelihood in all parameters."""
    score, (plain, scale, outer) = _slopes(predictor, at_risk, leaves, link)
    causes, bands = score.shape[2], score.shape[1]
    # minus the second derivative, band by band: (patterns, bands, causes, causes)
    second = -scale[..., None] * outer[..., :, None] * outer[..., None, :]
    second[:, :, np.arange(causes), np.arange(causes)] += plain
    columns, split = x.shape[1], bands * causes
    gradient = np.concatenate([score.sum(axis=0).ravel(), (score.sum(axis=1).T @ x).ravel()])
    information = np.zeros((gradient.size, gradient.size))
    by_band = second.sum(axis=0)
    for band in range(bands):
        rows = slice(band * causes, (band + 1) * causes)
        information[rows, rows] = by_band[band]
    cross = np.einsum("pbkl,pc->bklc", second, x).reshape(split, causes * columns)
    information[:split, split:], information[split:, :split] = cross, cross.T
    both = np.einsum("pkl,pc,pd->kcld", second.sum(axis=1), x, x, optimize=True)
    information[split:, split:] = both.reshape(causes * columns, causes * columns)
    return gradient, information
