"""Public data and what R made of them, read where they lie and never copied."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from iop_outcomes.statistics.survival.curves import (
    incidence_curve,
    incidence_derivative,
    restricted_mean,
    restricted_mean_derivative,
    risk_sets,
)
from iop_outcomes.statistics.weighting.propensity import PropensityFit, fit_propensity


@pytest.fixture(scope="session")
def reference(shared):
    """Rows of one reference case by estimator and estimand; the README there explains them."""

    def rows(case: str, estimator: str, estimand: str) -> pd.DataFrame:
        path = shared / "reference" / "results" / f"{case}.csv"
        table = pd.read_csv(path, dtype={"term": "str"}).fillna({"term": ""})
        found = table[table["estimator"].eq(estimator) & table["estimand"].eq(estimand)]
        assert len(found), f"{case} has no rows {estimator!r}, {estimand!r}"
        return found.set_index("term")

    return rows


@pytest.fixture(scope="session")
def uis(shared) -> pd.DataFrame:
    """575 people of the UMARU Impact Study; nobody is censored before day 501."""
    return pd.read_csv(shared / "data" / "uis" / "uis.csv")


@dataclass(frozen=True)
class Exposure:
    """One exposure of UIS, its propensity model, and the time to return to drug use."""

    name: str
    case: str
    treated: NDArray
    columns: dict[str, NDArray]
    fit: PropensityFit
    day: NDArray
    event: NDArray

    @property
    def design(self) -> NDArray:
        return np.column_stack(list(self.columns.values()))

    def risk(self, arm: NDArray, weight: NDArray, until: float) -> tuple[float, NDArray]:
        """Weighted risk in an arm, and its derivative by everyone's weight."""
        sets = risk_sets(self.day[arm], self.event[arm], weight[arm])
        return float(incidence_curve(sets).at(until)), self._whole(
            arm, incidence_derivative(sets, until)
        )

    def restricted_mean(self, arm: NDArray, weight: NDArray, until: float) -> tuple[float, NDArray]:
        """Weighted restricted mean in an arm, and its derivative by everyone's weight."""
        sets = risk_sets(self.day[arm], self.event[arm], weight[arm])
        return restricted_mean(sets, until), self._whole(
            arm, restricted_mean_derivative(sets, until)
        )

    def _whole(self, arm: NDArray, derivative: NDArray) -> NDArray:
        whole = np.zeros(arm.size)
        whole[arm] = derivative
        return whole


@pytest.fixture(scope="session", params=["treat", "site"])
def exposure(request, uis) -> Exposure:
    """The long programme, which was randomised (a05), and site B, which was not (a06)."""
    name, case, other = {"treat": ("treat", "a05", "site"), "site": ("site", "a06", "treat")}[
        request.param
    ]
    columns = {
        "(Intercept)": np.ones(len(uis)),
        "age": uis["AGE"],
        "beck": uis["BECK"],
        "ndrugtx": uis["NDT"],
        "ivhx2": uis["IV"] == 2,
        "ivhx3": uis["IV"] == 3,
        "race": uis["RACE"],
        other: uis[other.upper()],
    }
    columns = {name: np.asarray(column, float) for name, column in columns.items()}
    treated = uis[name.upper()].to_numpy(bool)
    return Exposure(
        name=name,
        case=case,
        treated=treated,
        columns=columns,
        fit=fit_propensity(treated, np.column_stack(list(columns.values()))),
        day=uis["TIME"].to_numpy(),
        event=uis["CENSOR"].to_numpy(),
    )
