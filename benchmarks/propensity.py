"""Propensity scores of millions: our fit against glum, statsmodels and R's glm, in one run.

    python benchmarks/propensity.py [people [repeats]]

Makes people with 14 categorical covariates (60 dummy columns and an intercept; hardly two people
alike) and, beside them, people with 6 of them (a few thousand patterns); fits the propensity score
with every program in a process of its own on one thread; and prints the processor's time, its
ratio to ours, the wall time, the largest resident memory beyond what making the data took (twice
the design), and how far the coefficients differ from ours.
R's glm is left out where Rscript is not here.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

PEOPLE, REPEATS = 1_700_000, 1
LEVELS = {
    "14 covariates": (2, 2, 2, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 8),
    "6 covariates": (2, 2, 4, 5, 6, 7),
}
PROGRAMS = ("ours", "glum", "statsmodels", "R")
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
IN_R = """
args <- commandArgs(TRUE); n <- as.integer(args[2]); k <- as.integer(args[3])
x <- matrix(readBin(args[1], "double", n * k), n, k); a <- readBin(args[4], "double", n)
clock <- proc.time()
fit <- glm.fit(x, a, family = binomial())
took <- proc.time() - clock
cat(took[["user.self"]] + took[["sys.self"]], took[["elapsed"]], coef(fit), sep = "\\n")
"""


def main() -> None:
    """Time every program on every design, and say what was found."""
    asked = [int(word) for word in sys.argv[1:3]]
    people, repeats = [*asked, *(PEOPLE, REPEATS)[len(asked) :]]
    for name in LEVELS:
        sys.stdout.write(f"{people} people, {name}\n")
        ours = None
        for program in PROGRAMS:
            found = run(program, name, people, repeats)
            ours = ours or found
            sys.stdout.write(f"  {program:12} {line(found, ours)}\n")
            sys.stdout.flush()


def line(found: dict | None, ours: dict) -> str:
    """What one program took, beside ours."""
    if found is None:
        return "not here"
    apart = np.abs(np.subtract(found["coefficients"], ours["coefficients"])).max()
    return (
        f"{found['seconds']:8.2f} s  {found['seconds'] / ours['seconds']:7.2f} times ours  "
        f"wall {found['wall']:8.2f} s  {found['mebibytes']:7.0f} MiB  "
        f"coefficients differ by {apart:.1e}"
    )


def run(program: str, name: str, people: int, repeats: int) -> dict | None:
    """Median of a program's time, with its memory and coefficients; None if it is not here."""
    if program == "R" and shutil.which("Rscript") is None:
        return None
    outs = [
        json.loads(
            subprocess.run(
                [sys.executable, __file__, "measure", program, name, str(people)],
                capture_output=True, text=True, check=True, env=os.environ | ONE_THREAD,
            ).stdout
        )
        for _ in range(repeats)
    ]  # fmt: skip
    outs.sort(key=lambda out: out["seconds"])
    return outs[len(outs) // 2]


def make_people(name: str, size: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Arms and dummies of independent categorical covariates with uneven levels."""
    random = np.random.default_rng(seed)
    columns = [np.ones(size)]
    for levels in LEVELS[name]:
        code = random.choice(levels, size, p=random.dirichlet(np.full(levels, 2.0)))
        columns.extend((code == level).astype(float) for level in range(1, levels))
    design = np.column_stack(columns)
    truth = random.normal(0, 0.3, design.shape[1])
    truth[0] = -0.5
    return random.random(size) < 1 / (1 + np.exp(-design @ truth)), design


def measure(program: str, name: str, size: int) -> dict:
    """One fit: the processor's and wall seconds without imports, MiB, coefficients."""
    treated, design = make_people(name, size)
    if program == "R":
        return in_r(treated, design)
    fit = {"ours": ours, "glum": by_glum, "statsmodels": by_statsmodels}[program]
    fit(treated[:5000], design[:5000])  # imports and warms up
    before, wall, clock = peak(), time.perf_counter(), time.process_time()
    coefficients = fit(treated, design)
    return {
        "seconds": time.process_time() - clock,
        "wall": time.perf_counter() - wall,
        "mebibytes": peak() - before,
        "coefficients": list(coefficients),
    }


def ours(treated: np.ndarray, design: np.ndarray) -> np.ndarray:
    """`fit_propensity`, covariance and probabilities included."""
    from iop_outcomes.statistics.weighting.propensity import fit_propensity

    return fit_propensity(treated, design).coefficients


def by_glum(treated: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Glum without penalty; its default gradient tolerance leaves an error of 1e-6."""
    from glum import GeneralizedLinearRegressor

    machine = GeneralizedLinearRegressor(family="binomial", alpha=0, gradient_tol=1e-6)
    machine.fit(np.asfortranarray(design[:, 1:]), treated.astype(float))
    return np.array([machine.intercept_, *machine.coef_])


def by_statsmodels(treated: np.ndarray, design: np.ndarray) -> np.ndarray:
    """Logit by Newton's method, statsmodels' fastest way."""
    import statsmodels.api as sm

    return sm.Logit(treated.astype(float), design).fit(disp=0).params


def in_r(treated: np.ndarray, design: np.ndarray) -> dict:
    """R's glm.fit, the part of glm that computes; reading the data is not counted."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder) / name for name in ("design", "arm", "fit.R")]
        design.T.tofile(paths[0])
        treated.astype(float).tofile(paths[1])
        paths[2].write_text(IN_R, "utf-8")
        size, columns = map(str, design.shape)
        out = subprocess.run(
            ["Rscript", paths[2], paths[0], size, columns, paths[1]],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    seconds, wall, *coefficients = map(float, out.stdout.split())
    used = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "seconds": seconds,
        "wall": wall,
        "mebibytes": used - 2 * design.nbytes / 2**20,
        "coefficients": coefficients,
    }


def peak() -> float:
    """Largest resident memory of this process so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        sys.stdout.write(json.dumps(measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
    else:
        main()
