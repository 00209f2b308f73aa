"""Effects in subgroups: do they differ, and how much of the difference is luck."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, stats

from iop_outcomes.errors import CohortError, StudyError
from iop_outcomes.statistics.effects.effect_measures import Scale
from iop_outcomes.statistics.effects.multiplicity import influence_covariance
from iop_outcomes.statistics.effects.risks import Risks


@dataclass(frozen=True)
class SubgroupEffects:
    """One effect a subgroup, with their influences.

    Attributes
    ----------
    label
        Subgroups, sorted. Shape (subgroups,).
    people
        How many people each has. Shape (subgroups,).
    estimate
        Risk difference, or log risk ratio. Shape (subgroups,).
    influence
        Influence of everyone, also through models fitted to all. Shape (n, subgroups).
    """

    label: NDArray
    people: NDArray
    estimate: NDArray
    influence: NDArray


def subgroup_effects(
    group: ArrayLike, risks_among: Callable[[NDArray], Risks], scale: Scale = Scale.IDENTITY
) -> SubgroupEffects:
    """Average the effect over each subgroup in turn.

    Parameters
    ----------
    group
        Subgroup of each person, known at time zero. Shape (n,).
    risks_among
        Given membership (0 or 1, shape (n,)), the risks among members: any estimator of this
        package with membership as its `weight`, its models fitted to everyone.
    scale
        Identity for risk differences, log for log risk ratios.

    Raises
    ------
    CohortError, PositivityError
        A subgroup cannot be estimated.

    Examples
    --------
    >>> from iop_outcomes.statistics.effects.weighted_risks import unadjusted_risks
    >>> outcome = np.array([1, 0, 1, 0, 1, 0, 0, 0, 1, 0, 1, 0])
    >>> treated = np.array([1, 1, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0], bool)
    >>> group = np.repeat(["A", "B"], [4, 8])
    >>> subgroup_effects(group, lambda who: unadjusted_risks(outcome, treated, who)).estimate
    array([ 0.  , -0.25])
    """
    labels, member = np.unique(group, return_inverse=True)
    estimates, influences = [], []
    for g in range(labels.size):
        try:
            risks = risks_among((member == g).astype(float))
        except StudyError as error:
            place = f"subgroup {g + 1} of {labels.size} in order"
            raise type(error)(f"{place}: {error}; or merge it with another") from error
        one, other = risks.intervention, risks.comparator
        if scale is Scale.LOG:
            if min(one, other) <= 0:
                raise CohortError(
                    "a subgroup's risk is not above 0 and has no ratio; use differences"
                )
            estimates.append(np.log(one / other))
            change = risks.influence_intervention / one - risks.influence_comparator / other
        else:
            estimates.append(one - other)
            change = risks.influence_intervention - risks.influence_comparator
        influences.append(change)
    people = np.bincount(member)
    return SubgroupEffects(labels, people, np.array(estimates), np.column_stack(influences))


@dataclass(frozen=True)
class InteractionTest:
    """Wald test that all subgroups have one effect.

    Attributes
    ----------
    statistic
        Chi-square, or F with clusters.
    degrees_of_freedom
        Subgroups - 1, and clusters - 1 (infinite without clusters).
    p_value
        Of the null of one effect.
    """

    statistic: float
    degrees_of_freedom: tuple[int, float]
    p_value: float


def interaction_test(effects: SubgroupEffects, cluster: ArrayLike | None = None) -> InteractionTest:
    """Test that the effect is the same in all subgroups.

    Parameters
    ----------
    effects
        From `subgroup_effects`.
    cluster
        Any labels; the statistic over its degrees is then compared with F(q, G - 1).

    Raises
    ------
    CohortError
        There is one subgroup, or no more clusters than contrasts.

    Examples
    --------
    >>> two = SubgroupEffects(np.array([1, 2]), np.array([2, 2]), np.array([0.0, 0.3]),
    ...                       np.array([[0.1, 0], [-0.1, 0], [0, 0.05], [0, -0.05]]))
    >>> round(interaction_test(two).statistic, 6)
    3.6
    """
    covariance, clusters = influence_covariance(effects.influence, cluster)
    degrees = effects.estimate.size - 1
    if degrees < 1:
        raise CohortError("there is one subgroup only, so nothing can differ; give two or more")
    if clusters is not None and clusters - 1 < degrees:
        raise CohortError(
            f"{clusters} clusters cannot test {degrees} differences between subgroups; merge "
            "subgroups"
        )
    contrast = np.column_stack([-np.ones(degrees), np.eye(degrees)])
    difference = contrast @ effects.estimate
    wald = float(difference @ np.linalg.solve(contrast @ covariance @ contrast.T, difference))
    if clusters is None:
        return InteractionTest(wald, (degrees, np.inf), float(stats.chi2.sf(wald, degrees)))
    f = wald / degrees
    p_value = float(stats.f.sf(f, degrees, clusters - 1))
    return InteractionTest(f, (degrees, clusters - 1.0), p_value)


@dataclass(frozen=True)
class ShrunkenEffects:
    """Subgroup effects drawn toward their mean by as much as luck explains their spread.

    Attributes
    ----------
    estimate, std_error
        Shape (subgroups,).
    mean
        What they are drawn toward.
    between_variance
        Variance of the true effects between subgroups.
    """

    estimate: NDArray
    std_error: NDArray
    mean: float
    between_variance: float


def empirical_bayes(estimate: ArrayLike, std_error: ArrayLike) -> ShrunkenEffects:
    r"""Shrink effects toward their mean, :math:`\tau^2` by Paule & Mandel.

    .. math::
        \tilde\theta_g = \hat\mu + (1 - B_g)(\hat\theta_g - \hat\mu),
        \qquad B_g = s_g^2 / (s_g^2 + \hat\tau^2)

    The standard errors hold the mean's uncertainty but not that of :math:`\tau^2`. Subgroups are
    taken as independent, which people fitted by shared models are to a good approximation only.

    Parameters
    ----------
    estimate, std_error
        Shape (subgroups,).

    References
    ----------
    Morris (1983), JASA 78:47-55. Paule & Mandel (1982), Journal of Research of the National
    Bureau of Standards 87:377-385.

    Examples
    --------
    Effects no further apart than luck puts them are all their mean:

    >>> empirical_bayes([0.1, 0.2], [0.1, 0.1]).estimate.round(12)
    array([0.15, 0.15])
    """
    theta, variance = np.asarray(estimate, float), np.asarray(std_error, float) ** 2
    if theta.size < 2 or not (variance > 0).all():
        raise CohortError("shrinkage needs two or more effects, each with a standard error above 0")

    def pooled(between: float) -> tuple[float, float]:
        w = 1 / (variance + between)
        mean = float(w @ theta / w.sum())
        return mean, float(w @ (theta - mean) ** 2) - (theta.size - 1)

    between = 0.0
    if pooled(0.0)[1] > 0:
        most = theta.size * np.ptp(theta) ** 2  # here Q is below its expectation for certain
        between = float(optimize.brentq(lambda value: pooled(value)[1], 0, most, xtol=1e-16))
    mean = pooled(between)[0]
    shrinkage = variance / (variance + between)
    mean_variance = 1 / np.sum(1 / (variance + between))
    spread = np.sqrt((1 - shrinkage) * variance + shrinkage**2 * mean_variance)
    return ShrunkenEffects(mean + (1 - shrinkage) * (theta - mean), spread, mean, between)
