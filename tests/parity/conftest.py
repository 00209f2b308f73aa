"""Every row of a reference file is compared, or listed with the reason why not."""

import logging
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from iop_outcomes.statistics.effects.risks import (
    Propensity,
    estimated_propensity,
    known_propensity,
)
from iop_outcomes.statistics.weighting.propensity import PropensityFit, fit_propensity
from iop_outcomes.statistics.weighting.trimming import winsorize_weights
from iop_outcomes.statistics.weighting.weights import balancing_weights, stabilized_weights
from iop_outcomes.vocabulary import Estimand

CELLS = ("estimate", "std_error", "ci_low", "ci_high", "p_value")
CLOSED, ITERATED = 1e-8, 1e-6  # relative: what has a formula, what some program iterates to
Cells = dict[str, object]
ABSENT = 3  # exit status of R where a package is not installed
# Where several modules share a file, these parts of its estimators leave nothing between them.
PARTS = {
    "all": ".*",
    "curves": "(Kaplan-Meier|log-rank|RMST).*",
    "Cox": "Cox.*",
    "others": "(?!Kaplan-Meier|log-rank|RMST|Cox).*",
}


@dataclass(frozen=True)
class Numbers:
    """Our cells of the rows that a pattern matches; its named groups are the arguments.

    A cell that R gives and we do not is a disagreement, unless a sentence stands in its place.
    `estimate` and `std_error` imply normal limits and p, on the log scale where `exp` is true.
    `why` says why the estimate (`rel`) or the other cells (`rel_error`) may differ by more than
    rounding and convergence make of them.
    """

    of_row: Callable[..., Cells]
    rel: float = CLOSED
    rel_error: float = ITERATED
    why: str = ""

    def __post_init__(self) -> None:
        assert self.why or max(self.rel, self.rel_error) <= ITERATED


@dataclass(frozen=True)
class Account:
    """What became of the rows of a file.

    `listed` counts rows, `left_cells` cells, `largest` is the relative difference by cell, and
    `apart` by reason where there is one to be.
    """

    rows: int
    compared: int
    listed: dict[str, int]
    left_cells: dict[str, int]
    largest: dict[str, float]
    apart: dict[str, float]
    wrong: list[str]


def completed(cells: Cells) -> Cells:
    """Normal limits and p-value of a number with its error."""
    if "std_error" not in cells or isinstance(cells["std_error"], str):
        return cells
    middle, error = cells["estimate"], cells["std_error"]
    half = stats.norm.ppf(0.975) * error
    z = (middle - cells.get("null", 0.0)) / error if error else np.nan
    given = {
        "ci_low": middle - half,
        "ci_high": middle + half,
        "p_value": 2 * stats.norm.sf(abs(z)),
    }
    if cells.get("exp"):
        scaled = {key: np.exp(value) for key, value in given.items() if key != "p_value"}
        given |= scaled | {"estimate": np.exp(middle), "std_error": np.nan}
        return cells | given
    return given | cells


def apart(ours: object, row: pd.Series, cell: str, numbers: Numbers) -> tuple[float, bool]:
    """Relative difference of a cell, and whether it is close enough."""
    theirs, rel = row[cell], numbers.rel if cell == "estimate" else numbers.rel_error
    if cell == "p_value":
        rel *= 10  # a p-value moves by z squared times as much as z does
    if ours is None or ours != ours:
        return np.inf, False
    scale = abs(theirs)
    if cell in ("ci_low", "ci_high") and np.isfinite(row["ci_high"] - row["ci_low"]):
        scale = max(scale, row["ci_high"] - row["ci_low"])  # a limit may lie near zero
    if ours == theirs:  # infinite limits too
        return 0.0, True
    size = abs(ours - theirs)
    return float(size / max(scale, 1e-6)), size <= max(rel * scale, 1e-12)


def account(table: pd.DataFrame, compared: dict, listed: dict[str, str]) -> Account:
    """Walk every row of a file.

    `compared` holds Numbers and `listed` reasons, by patterns of 'estimator : estimand : term'.
    """
    wrong, largest, count = [], dict.fromkeys(CELLS, 0.0), 0
    left, left_cells, used, differ = dict.fromkeys(listed, 0), {}, set(), {}
    for _, row in table.iterrows():
        name = " : ".join(row[part] for part in ("estimator", "estimand", "term"))
        found = [(p, m) for p in (*compared, *listed) if (m := re.fullmatch(p, name))]
        if len(found) != 1:
            wrong.append(f"{name}: {len(found)} patterns match, one has to")
            continue
        ((pattern, match),) = found
        used.add(pattern)
        if pattern in listed:
            left[pattern] += 1
            continue
        count += 1
        ours = completed(compared[pattern].of_row(**match.groupdict()))
        for cell in CELLS:
            if pd.isna(row[cell]):
                continue
            if isinstance(ours.get(cell), str):
                left_cells[ours[cell]] = left_cells.get(ours[cell], 0) + 1
                continue
            size, close = apart(ours.get(cell), row, cell, compared[pattern])
            why = compared[pattern].why
            if close and why and size > ITERATED:
                differ[why] = max(differ.get(why, 0.0), 0.0 if cell == "p_value" else size)
            elif close:
                largest[cell] = max(largest[cell], size)
            else:
                wrong.append(f"{name}: {cell} ours {ours.get(cell)}, theirs {row[cell]!r}")
    wrong += [f"no row is like {pattern!r}" for pattern in {**compared, **listed}.keys() - used]
    reasons = {reason: 0 for reason in listed.values()}
    for pattern, times in left.items():
        reasons[listed[pattern]] += times
    return Account(len(table), count, reasons, left_cells, largest, differ, wrong)


@pytest.fixture
def account_of() -> Callable[..., Account]:
    """Walk the rows of a table in hand."""
    return account


@pytest.fixture
def every_row(shared):
    """Compare a file of the reference results, and fail with the first rows that disagree.

    `pytest --log-cli-level=INFO` shows how many rows were compared, and how closely they agree.
    """

    def check(
        file: str, compared: dict, listed: dict[str, str] | None = None, part: str = "all"
    ) -> None:
        path = shared / "reference" / "results" / f"{file}.csv"
        table = pd.read_csv(path, dtype={"term": "str"}).fillna({"term": "", "estimand": ""})
        table = table[table["estimator"].str.fullmatch(PARTS[part])]
        found = account(table, compared, listed or {})
        logging.getLogger("parity").info(
            "%s: %d rows, %d compared, largest %s; listed %s; cells left %s; apart %s",
            file, found.rows, found.compared,
            {cell: f"{size:.0e}" for cell, size in found.largest.items()},
            found.listed, found.left_cells, found.apart,
        )  # fmt: skip
        assert not found.wrong, "\n".join(
            [f"{len(found.wrong)} of {file} are neither compared nor listed", *found.wrong[:15]]
        )
        assert found.compared + sum(found.listed.values()) == found.rows

    return check


@dataclass(frozen=True)
class Exposure:
    """575 people of UIS and one exposure of theirs: a05 the programme, a06 the site."""

    name: str
    table: pd.DataFrame

    @property
    def other(self) -> str:
        return {"treat": "site", "site": "treat"}[self.name]

    @property
    def case(self) -> str:
        return {"treat": "a05", "site": "a06"}[self.name]

    @cached_property
    def treated(self) -> NDArray:
        return self.table[self.name].to_numpy(bool)

    @cached_property
    def columns(self) -> dict[str, NDArray]:
        """Covariates as R's model matrix names them."""
        names = ["age", "beck", "ndrugtx", "ivhx2", "ivhx3", "race", self.other]
        intercept = {"(Intercept)": np.ones(len(self.table))}
        return intercept | {name: self.table[name].to_numpy(float) for name in names}

    @cached_property
    def design(self) -> NDArray:
        return np.column_stack(list(self.columns.values()))

    @cached_property
    def covariates(self) -> NDArray:
        """The design without the intercept."""
        return self.design[:, 1:]

    @cached_property
    def fit(self) -> PropensityFit:
        return fit_propensity(self.treated, self.design)

    @cached_property
    def estimated(self) -> Propensity:
        return estimated_propensity(self.treated, self.fit.probability, self.design)

    @cached_property
    def known(self) -> Propensity:
        return known_propensity(self.fit.probability)

    def values(self, outcome: str) -> NDArray:
        """Outcome y180 or y365, or the days in care."""
        return self.table[outcome].to_numpy(float)

    def weight(self, kind: str) -> NDArray:
        """Weights as R's reference names them."""
        e = self.fit.probability
        if kind == "ATEstab":
            return stabilized_weights(self.treated, e, Estimand.ATE)
        if kind.startswith("ATEtrim"):
            plain = balancing_weights(self.treated, e, Estimand.ATE)
            return winsorize_weights(plain, 0.99, both_tails=kind == "ATEtrim01_99").weight
        return balancing_weights(self.treated, e, Estimand(kind))


def people_of_uis(folder: Path) -> pd.DataFrame:
    """UIS as the reference prepares it (its README)."""
    raw = pd.read_csv(folder / "uis.csv")
    people = raw.rename(columns=str.lower).rename(
        columns={"ndt": "ndrugtx", "len.t": "los", "censor": "event"}
    )
    for level in (1, 2, 3):
        people[f"ivhx{level}"] = (people["iv"] == level).astype(float)
    for day in (180, 365):
        people[f"y{day}"] = ((people["time"] <= day) & (people["event"] == 1)).astype(int)
    for name in ("age", "race"):
        people[f"{name}:site"] = people[name] * people["site"]
    people["cl10"] = (people["id"] - 1) // 10
    people["planned"] = np.where(people["treat"] == 1, 180, 90)
    people["completed"] = (people["los"] >= people["planned"]).astype(int)
    people["dropout"] = 1 - people["completed"]
    people["ret_time"] = np.minimum(people["los"], people["planned"])
    people["ret90"] = (people["los"] >= 90).astype(int)
    return people


@pytest.fixture(scope="session")
def data_of_r():
    """Data that belong to R packages and are not copied here; skips where R or the package lack."""

    def read(package: str, name: str) -> pd.DataFrame:
        rscript = shutil.which("Rscript")
        if rscript is None:
            pytest.skip("Rscript is not here")
        absent = f"if (!requireNamespace('{package}', quietly = TRUE)) quit(status = {ABSENT})"
        code = f"{absent}; write.csv({package}::{name}, row.names = FALSE)"
        run = subprocess.run([rscript, "-e", code], capture_output=True, text=True, check=False)
        if run.returncode == ABSENT:
            pytest.skip(f"the R package {package} is not here")
        assert not run.returncode, run.stderr
        return pd.read_csv(StringIO(run.stdout))

    return read


@pytest.fixture(scope="session")
def uis_people(shared) -> pd.DataFrame:
    return people_of_uis(shared / "reference" / "data")


@pytest.fixture(scope="session", params=["treat", "site"])
def uis_exposure(request, uis_people) -> Exposure:
    return Exposure(request.param, uis_people)


@pytest.fixture(scope="session")
def numbers() -> type[Numbers]:
    """Our cells of the rows that a pattern matches."""
    return Numbers
