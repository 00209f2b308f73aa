"""The propensity score that the protocol asks for, and who stays when it is trimmed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
        False for those trimmed; their probability is that of the model which had them trimmed.
        Shape (people,).
    strength
        Of the penalty, given or chosen; 0 without one.
    """

    probability: NDArray
    kept: NDArray
    strength: float


def propensity_score(model: Design, plan: AnalysisPlan) -> PropensityScore:
    """Fit the propensity score; where it is trimmed, again to those who stay.

    Raises
    ------
    PositivityError
        Some kinds of people only ever enter one arm, or trimming leaves an arm empty.
    """
    try:
        fit = learner(plan.propensity).fit(model.treated, model.columns)
    except PositivityError as error:
        raise _named(error, model) from None
    kept = np.ones(model.treated.size, bool)
    if plan.limits.trim is None:
        return PropensityScore(fit.probability, kept, fit.strength)
    kept = trim_symmetrically(model.treated, fit.probability, plan.limits.trim).kept
    again = _fit_among(model, kept, plan.propensity)
    probability = fit.probability.copy()
    probability[kept] = again.probability
    return PropensityScore(probability, kept, again.strength)


def _named(error: PositivityError, model: Design) -> PositivityError:
    """The same error, saying which covariates separate the arms where single ones do."""
    columns = separating_columns(model.treated, model.columns)
    alone = sorted({model.names[column] for column in columns})
    if not alone:
        return error
    return PositivityError(
        f"{WHERE}: {alone} separate the arms: some kinds of people only ever enter one of them; "
        "narrow eligibility to people who could have entered either, or drop the covariate"
    )


def _fit_among(model: Design, kept: NDArray, plan: PropensityPlan) -> PropensityFit:
    return learner(plan).fit(model.treated[kept], columns_among(model, kept))


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
