"""The people as arrays: who is in which arm, and the columns of the propensity model."""

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from formulaic import Formula
from formulaic.errors import FormulaicError
from numpy.typing import NDArray

from iop_outcomes.errors import CohortError, ProtocolError
from iop_outcomes.statistics.weighting.propensity import dependent_columns
from iop_outcomes.vocabulary import Arm

NOT_RECORDED = "not recorded"
WHERE = "protocol.analysis.covariates"
_NO_TERMS = "not a list of terms; write names, or e.g. bs(age_years, df=3)"


@dataclass(frozen=True)
class Design:
    """Arms and model columns, row for row with the persons they were made from.

    Attributes
    ----------
    treated
        True in the intervention arm. Shape (n,).
    columns
        Columns of the propensity model with its intercept. Shape (n, columns).
    covariates
        The recorded variables that the model uses, in its order.
    names
        What each column is made of, without its levels: a level that few have tells of them.
    compared_within
        Clusters within which people are compared; None if across all. Shape (n,).
    """

    treated: NDArray
    columns: NDArray
    covariates: tuple[str, ...]
    names: tuple[str, ...]
    compared_within: NDArray | None = None


def design(persons: pd.DataFrame, terms: Sequence[str], where: str = WHERE) -> Design:
    """Expand the terms of the propensity model (or of an outcome's) on `Cohort.persons`.

    Words become indicators against their first level in the alphabet; an unrecorded word is a
    level of its own, an unrecorded number an error.

    Parameters
    ----------
    where
        Place of the terms in the protocol, for what is said of them.

    Raises
    ------
    ProtocolError
        A term cannot be read, names an unknown covariate, or repeats what others say.
    CohortError
        A number is not recorded for everyone.
    """
    formula = _formula(terms, where)
    try:
        covariates = _covariates(formula)
    except SyntaxError:
        raise ProtocolError(f"{where}: {_NO_TERMS}") from None
    unknown = [name for name in covariates if name not in persons.columns]
    if unknown:
        known = [column for column in persons.columns if column not in {"person_id", "arm"}]
        raise ProtocolError(f"{where}: the cohort has no {unknown}; it has {known}")
    values = pd.DataFrame({name: recorded(persons[name]) for name in covariates})
    constant = [name for name in covariates if values[name].nunique() < 2]
    if constant:
        raise ProtocolError(f"{where}: {constant} never vary in the cohort; drop them")
    try:
        matrix = formula.get_model_matrix(values, output="pandas", na_action="raise")
    except (FormulaicError, ValueError, TypeError) as error:
        raise ProtocolError(
            f"{where}: a term cannot be computed ({type(error).__name__})"
        ) from None
    columns = matrix.to_numpy(float)
    # Less their means, the columns know nothing of the intercept, which is nobody's covariate.
    others = columns[:, 1:] - columns[:, 1:].mean(axis=0)
    names = tuple(re.sub(r"\[[^]]*\]", "", str(name)) for name in matrix.columns)
    repeated = sorted({names[column + 1] for column in dependent_columns(others)})
    if repeated:
        raise ProtocolError(f"{where}: {repeated} follow from the other terms; drop what repeats")
    treated = persons["arm"].eq(str(Arm.INTERVENTION)).to_numpy(bool)
    return Design(treated, columns, covariates, names)


def recorded(values: pd.Series) -> pd.Series:
    """A covariate as the model and Table 1 see it: numbers, or words without gaps."""
    if not pd.api.types.is_numeric_dtype(values):
        return values.astype("str").fillna(NOT_RECORDED)
    missing = int(values.isna().sum())
    if missing:
        raise CohortError(
            f"{values.name} is not recorded for {missing} of {len(values)} people; add it to "
            "protocol.eligibility.recorded to leave them out, or drop the covariate"
        )
    return values.astype("float64")


def _formula(terms: Sequence[str], where: str) -> Formula:
    try:
        return Formula(" + ".join(f"({term})" for term in terms))
    except (FormulaicError, SyntaxError):
        raise ProtocolError(f"{where}: {_NO_TERMS}") from None


def _covariates(formula: Formula) -> tuple[str, ...]:
    """Variables of the formula, in its order; what is called in it is a function, not one."""
    names = {}
    for term in formula:
        for factor in term.factors:
            tree = ast.parse(str(factor), mode="eval")
            calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
            called = {id(part) for function in calls for part in ast.walk(function)}
            for node in ast.walk(tree):
                if isinstance(node, ast.Name) and id(node) not in called:
                    names[node.id] = None
    return tuple(names)
