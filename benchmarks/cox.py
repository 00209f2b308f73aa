"""Cox regression of a million rows: wall time, memory, and who else can do it.

    python benchmarks/cox.py [rows] [python]

Ten covariates, follow-up in whole days up to 1000, weights, 50 clusters. Every tool fits in a
process of its own: wall and processor seconds, memory of the data + what fitting added. R's
survival takes part if Rscript is found. Before 3.8, with weights and a robust error, its time under
Efron's ties grows with the square of the events a day (72 s at 100,000 rows on 3.5-3), so it is
asked for these at 100,000 rows at most; every line tells at how many. statsmodels' PHReg has no
case weights: unweighted, Breslow. lifelines (Efron alone, weights, clusters) and scikit-survival
(no weights) take part if `python` is an interpreter that has them: they cannot live beside this
package's pinned pandas.
"""

import json
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

ROWS, COLUMNS, SITES = 1_000_000, 10, 50
MOST_FOR_R_EFRON = 100_000
OTHERS = 250_000  # rows of PHReg, at most
PATIENCE = 600  # seconds for a tool
PEERS = (
    ("lifelines", "unweighted", "efron"),
    ("lifelines", "weighted, clustered", "efron"),
    ("scikit-survival", "unweighted", "efron"),
    ("scikit-survival", "unweighted", "breslow"),
)
R = """
suppressPackageStartupMessages(library(survival))
args <- commandArgs(TRUE); n <- as.integer(args[2])
values <- matrix(readBin(args[1], "double", n * 14), nrow = n)
d <- list(day = values[, 1], event = values[, 2], weight = values[, 3], site = values[, 4])
x <- values[, 5:14]; spent <- proc.time()
fit <- switch(args[3],
  "unweighted" = coxph(Surv(d$day, d$event) ~ x, ties = args[4]),
  "weighted, clustered" = coxph(Surv(d$day, d$event) ~ x, weights = d$weight, cluster = d$site,
                                ties = args[4]))
spent <- proc.time() - spent
cat(sprintf("%.3f %.3f %.15g %.15g", spent[["elapsed"]], sum(spent[c("user.self", "sys.self")]),
            coef(fit)[1], sqrt(fit$var[1, 1])))
"""


def main() -> None:
    """Measure each tool, and print a line for each."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    sys.stdout.write("tool | ties | rows | seconds (busy) | MiB | first coefficient (error)\n")
    for ties in ("efron", "breslow"):
        for what in ("unweighted", "weighted, clustered"):
            _say(f"iop_outcomes, {what}", ties, rows, _fresh("ours", what, ties, rows))
    if shutil.which("Rscript"):
        version = _version_of_survival()
        sys.stdout.write(f"R survival {'.'.join(map(str, version))}\n")
        for ties in ("efron", "breslow"):
            for what in ("unweighted", "weighted, clustered"):
                slow = ties == "efron" and what != "unweighted"
                size = min(rows, MOST_FOR_R_EFRON) if slow and version < (3, 8) else rows
                if size < rows:
                    _say(f"iop_outcomes, {what}", ties, size, _fresh("ours", what, ties, size))
                _say(f"R survival, {what}", ties, size, _in_r(what, ties, size))
    for peer, what, ties in PEERS if len(sys.argv) > 2 else ():
        try:
            _say(f"{peer}, {what}", ties, rows, _fresh(peer, what, ties, rows, sys.argv[2]))
        except subprocess.TimeoutExpired:
            sys.stdout.write(f"{peer}, {what} | {ties} | {rows} | not done in {PATIENCE} s\n")
    size = min(rows, OTHERS)
    _say("statsmodels PHReg, unweighted", "breslow", size, _fresh("phreg", "", "breslow", size))


def simulated(rows: int) -> dict[str, np.ndarray]:
    """Days up to 1000, two thirds of them with the event."""
    random = np.random.default_rng(1)
    x = random.normal(size=(rows, COLUMNS))
    x[:, 0] = x[:, 0] > 0
    time_to_event = random.exponential(300 * np.exp(-x @ np.linspace(-0.3, 0.3, COLUMNS)))
    limit = random.uniform(0, 1000, rows)
    return {
        "day": np.ceil(np.minimum(time_to_event, limit)),
        "event": (time_to_event <= limit).astype(float),
        "weight": random.gamma(4, 0.25, rows),
        "site": random.integers(0, SITES, rows).astype(float),
        "x": x,
    }


def measure(tool: str, what: str, ties: str, rows: int) -> dict:
    """Seconds, MiB beyond the data's, and what was found."""
    data = simulated(rows)
    fit = {"ours": _ours, "lifelines": _lifelines, "scikit-survival": _sksurv}.get(tool, _phreg)
    fit({name: column[:1000] for name, column in data.items()}, what, ties)  # imports
    before, clock, busy = _peak(), time.perf_counter(), time.process_time()
    coefficient, error = fit(data, what, ties)
    return {
        "seconds": time.perf_counter() - clock,
        "busy": time.process_time() - busy,
        "memory": f"{before:.0f} + {_peak() - before:.0f}",
        "found": [coefficient, error],
    }


def _ours(data: dict, what: str, ties: str) -> tuple[float, float]:
    from iop_outcomes.statistics.cox.regression import fit_cox
    from iop_outcomes.statistics.cox.risk_sets import Ties
    from iop_outcomes.statistics.cox.variance import Sandwich, coefficient_derivative

    weight = None if what == "unweighted" else data["weight"]
    fit = fit_cox(data["day"], data["event"], data["x"], weight=weight, ties=Ties(ties))
    covariance = fit.covariance
    if weight is not None:
        sandwich = Sandwich(cluster=data["site"])
        covariance = sandwich.covariance(coefficient_derivative(fit), fit.weight)
    return float(fit.coefficients[0]), float(np.sqrt(covariance[0, 0]))


def _phreg(data: dict, what: str, ties: str) -> tuple[float, float]:
    from statsmodels.duration.hazard_regression import PHReg

    fit = PHReg(data["day"], data["x"], status=data["event"], ties=ties).fit(disp=0)
    return float(fit.params[0]), float(fit.bse[0])


def _lifelines(data: dict, what: str, ties: str) -> tuple[float, float]:
    import pandas as pd
    from lifelines import CoxPHFitter

    table = pd.DataFrame(data["x"]).rename(columns=str)
    table = table.assign(**{name: data[name] for name in ("day", "event", "weight", "site")})
    asked = {"weights_col": "weight", "cluster_col": "site", "robust": True}
    if what == "unweighted":
        table, asked = table.drop(columns=["weight", "site"]), {}
    fit = CoxPHFitter().fit(table, "day", "event", **asked)
    return float(fit.params_.iloc[0]), float(fit.standard_errors_.iloc[0])


def _sksurv(data: dict, what: str, ties: str) -> tuple[float, float]:
    from sksurv.linear_model import CoxPHSurvivalAnalysis
    from sksurv.util import Surv

    outcome = Surv.from_arrays(data["event"] > 0, data["day"])
    fit = CoxPHSurvivalAnalysis(ties=ties, tol=1e-9).fit(data["x"], outcome)
    return float(fit.coef_[0]), float("nan")


def _version_of_survival() -> tuple[int, ...]:
    code = 'cat(as.character(packageVersion("survival")))'
    out = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True)
    return tuple(map(int, out.stdout.split("\n")[-1].replace("-", ".").split(".")))


def _fresh(tool: str, what: str, ties: str, rows: int, python: str = sys.executable) -> dict:
    command = [python, __file__, "measure", tool, what, ties, str(rows)]
    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return json.loads(out.stdout)


def _in_r(what: str, ties: str, rows: int) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        values, script = Path(folder) / "values.bin", Path(folder) / "cox.R"
        data = simulated(rows)
        columns = [data[name] for name in ("day", "event", "weight", "site")]
        np.column_stack([*columns, data["x"]]).T.tofile(values)
        script.write_text(R)
        out = subprocess.run(
            ["Rscript", str(script), str(values), str(rows), what, ties],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    seconds, busy, *found = (float(word) for word in out.stdout.split())
    return {"seconds": seconds, "busy": busy, "memory": "", "found": found}


def _say(tool: str, ties: str, rows: int, found: dict) -> None:
    coefficient, error = found["found"]
    sys.stdout.write(
        f"{tool} | {ties} | {rows} | {found['seconds']:.2f} ({found['busy']:.2f}) | "
        f"{found['memory']} | {coefficient:.12g} ({error:.12g})\n"
    )
    sys.stdout.flush()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        *words, size = sys.argv[2:6]
        sys.stdout.write(json.dumps(measure(*words, int(size))))
    else:
        main()
