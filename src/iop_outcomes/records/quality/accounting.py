"""Everything the records say of themselves, once their rows are sorted."""

import numpy as np
import pandas as pd

from iop_outcomes.records.anonymity import quasi_identifier_risk
from iop_outcomes.records.quality.missingness import missingness_of
from iop_outcomes.records.quality.sorting import Sorted
from iop_outcomes.records.schema import empty_table

# What a stranger could know of somebody, in the words of the sources read here, and of domain
# practice: Safe Harbor leaves state and year, and a facility's random code can be looked through.
QUASI_IDENTIFIERS = (
    "age_band",
    "sex",
    "gender",
    "race",
    "ethnicity",
    "race_ethnicity",
    "state",
    "facility_id",
    "admission_year",
    "discharge_year",
)
# First years of the age bands of TEDS, below 12 apart.
AGE_BANDS = (0, 12, 15, 18, 21, 25, 30, 35, 40, 45, 50, 55, 65)


def accounts(found: Sorted) -> dict[str, pd.DataFrame]:
    """The tables `quarantine`, `ledger`, `broken_rules`, `missingness` and `anonymity`."""
    return {
        "quarantine": found.quarantine,
        "ledger": found.ledger,
        "broken_rules": found.broken_rules,
        "missingness": missingness_of(found.tables),
        "anonymity": anonymity_of(found.tables["persons"], found.tables["stays"]),
    }


def anonymity_of(persons: pd.DataFrame, stays: pd.DataFrame) -> pd.DataFrame:
    """The k-anonymity of people in the quasi-identifiers that are recorded, at their first stay.

    Returns
    -------
    DataFrame
        As of `quasi_identifier_risk`; without rows if no quasi-identifier is recorded of anybody.

    Examples
    --------
    >>> persons = pd.DataFrame({"person_id": ["P", "Q"]})
    >>> stays = pd.DataFrame({"person_id": ["P", "Q"], "start_day": 0, "sex": ["male", "female"]})
    >>> anonymity_of(persons, stays)["smallest_group"].tolist()
    [1, 2]
    """
    first = stays
    if stays["person_id"].duplicated().any():
        order = [column for column in ("start_day", "stay_id") if column in stays.columns]
        first = stays.sort_values(order, kind="stable").drop_duplicates("person_id")
    known = [name for name in QUASI_IDENTIFIERS if name in persons.columns]
    if known:
        beside = first.columns.difference([*known, "person_id"], sort=False)
        first = first[["person_id", *beside]].merge(persons[["person_id", *known]], on="person_id")
    return anonymity_of_rows(first)


def anonymity_of_rows(first: pd.DataFrame) -> pd.DataFrame:
    """The same, of people with one row each, in which everything stands side by side."""
    if "age_years" in first.columns and "age_band" not in first.columns:
        first = first.assign(age_band=_age_band(first["age_years"]))
    told = [name for name in QUASI_IDENTIFIERS if name in first and first[name].notna().any()]
    return quasi_identifier_risk(first, told) if told else empty_table("anonymity")


def _age_band(age_years: pd.Series) -> pd.Series:
    """The first year of each age's band, missing where the age is."""
    band = np.searchsorted(AGE_BANDS, age_years.fillna(-1).to_numpy("int64"), side="right") - 1
    return pd.Series(np.array(AGE_BANDS)[band], age_years.index, "Int64").mask(age_years.isna())
