"""The propensity score that the protocol asks for, and who stays when it is trimmed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from iop_outcomes.analysis.cluster_terms import compared
from iop_outcomes.analysis.design import WHERE, Design
from iop_outcomes.errors import PositivityError
from iop_outcomes.protocol.analysis_plan import AnalysisPlan, PropensityModel, PropensityPlan
from iop_outcomes.statistics.weighting.propensity import (
    MaximumLikelihood,
    PropensityFit,
    dependent_columns,
)
from iop_outcomes.statistics.weighting.propensity import PropensityModel as Learner
from iop_outcomes.statistics.weighting.propensity_models import BoostedTrees, Lasso, Ridge
from iop_outcomes.statistics.weighting.regression_design import separating_columns
from iop_outcomes.statistics.weighting.trimming import trim_symmetrically


@dataclass(frozen=True)
class PropensityScore:
    """Probability of entering the intervention.

    Attributes
    ----------
    probability
        Shape (people,).
    kept
        False for those left out: trimmed, whose probability is that of the model which had them
        trimmed; or without anyone of the other arm to be compared with. Shape (people,).
    one_armed
        True for those left out because nobody of their cluster entered the other arm; their
        probability is 0 or 1. Shape (people,).
    strength
        Of the penalty, given or chosen; 0 without one.
    """

    probability: NDArray
    kept: NDArray
    one_armed: NDArray
    strength: float


def propensity_score(model: Design, plan: AnalysisPlan) -> PropensityScore:
    """Fit the propensity score to all who can be compared; where trimmed, again to who stays.

    Raises
    ------
    PositivityError
        Some kinds of people only ever enter one arm, or trimming leaves an arm empty.
    """
    among = compared(model, np.ones(model.treated.size, bool))
    fit = _fit_among(model, among, plan.propensity)
    probability = model.treated.astype(float)
    probability[among] = fit.probability
    if plan.limits.trim is None:
        return PropensityScore(probability, among, ~among, fit.strength)
    stays = among.copy()
    stays[among] = trim_symmetrically(model.treated[among], fit.probability, plan.limits.trim).kept
    kept = compared(model, stays)  # trimming may have left a cluster with one arm
    if not kept.any():
        raise PositivityError(
            "protocol.analysis.limits.trim leaves no cluster with people in both arms; trim less"
        )
    again = _fit_among(model, kept, plan.propensity)
    alone = ~among | (stays & ~kept)
    probability[kept], probability[alone] = again.probability, model.treated[alone]
    return PropensityScore(probability, kept, alone, again.strength)


def _fit_among(model: Design, kept: NDArray, plan: PropensityPlan) -> PropensityFit:
    try:
        return learner(plan).fit(model.treated[kept], columns_among(model, kept))
    except PositivityError as error:
        raise _named(error, model, kept) from None


def _named(error: PositivityError, model: Design, among: NDArray) -> PositivityError:
    """The same error, saying which covariates separate the arms where single ones do."""
    covariates = model.columns[among, : len(model.names)]  # terms of clusters come after
    alone = {model.names[column] for column in separating_columns(model.treated[among], covariates)}
    if not alone:
        return error
    return PositivityError(
        f"{WHERE}: {sorted(alone)} separate the arms: some kinds of people only ever enter one of "
        "them; narrow eligibility to people who could have entered either, or drop the covariate"
    )


def learner(plan: PropensityPlan, strength: float | None = None) -> Learner:
    """The model of the propensity score; `strength` if that of its penalty is known already."""
    strength = plan.penalty if strength is None else strength
    if plan.model is PropensityModel.RIDGE:
        return Ridge(strength, plan.folds, plan.seed)
    if plan.model is PropensityModel.LASSO:
        return Lasso(strength, plan.folds, plan.seed)
    if plan.model is PropensityModel.BOOSTED_TREES:
        return BoostedTrees(folds=plan.folds, seed=plan.seed)
    return MaximumLikelihood()


def columns_among(model: Design, kept: NDArray) -> NDArray:
    """Columns of the model for some of the people, without those that say nothing among them.

    A rare level may have left with those who were trimmed.
    """
    if kept.all():
        return model.columns
    x = model.columns[kept]
    varies = np.ptp(x, axis=0) > 0
    varies[0] = True  # the intercept
    x = x[:, varies]
    repeats = dependent_columns(x[:, 1:] - x[:, 1:].mean(axis=0)) if x.shape[1] > 1 else []
    return np.delete(x, [column + 1 for column in repeats], axis=1)
