"""Curves of a million people with robust errors on every day: this package against R's survfit.

    python benchmarks/curves.py [people]

Draws people with weights, days up to two years and two causes of leaving, and estimates from the
same file, in processes of their own: weighted Kaplan-Meier and weighted Aalen-Johansen, each with
the infinitesimal jackknife's standard error on all days. Reading the file is not counted. Beside
the times it says by how much the numbers differ. Needs Rscript with the package survival.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from iop_outcomes.statistics.survival.competing_risks import cause_curves
from iop_outcomes.statistics.survival.curve_influence import event_free_influence
from iop_outcomes.statistics.survival.curves import event_free_curve
from iop_outcomes.statistics.survival.risk_sets import risk_sets

PEOPLE = 1_000_000
LAST_DAY = 730
RUNS = 2  # of each; the fastest counts, since a busy machine only adds

IN_R = """
suppressMessages(library(survival))
folder <- commandArgs(TRUE)[1]
people <- scan(file.path(folder, "people.txt"), list(day = 0, cause = 0, weight = 0), quiet = TRUE)
event <- as.integer(people$cause == 1)
state <- factor(people$cause, 0:2, c("none", "event", "competing"))
seconds <- function(f) {
  took <- NULL
  for (run in seq_len(as.integer(commandArgs(TRUE)[2]))) {
    start <- proc.time(); made <- f(); now <- proc.time() - start
    took <- rbind(took, c(now[["elapsed"]], sum(now[1:2])))
  }
  list(made, apply(took, 2, min))
}
km <- seconds(function() {
  survfit(Surv(people$day, event) ~ 1, weights = people$weight, robust = TRUE)
})
error <- km[[1]]$std.err * if (km[[1]]$logse) km[[1]]$surv else 1
write.table(cbind(km[[1]]$time, km[[1]]$surv, error),
            file.path(folder, "km.txt"), row.names = FALSE, col.names = FALSE)
aj <- seconds(function() survfit(Surv(people$day, state) ~ 1, weights = people$weight))
write.table(cbind(aj[[1]]$time, aj[[1]]$pstate[, 2], aj[[1]]$std.err[, 2]),
            file.path(folder, "aj.txt"), row.names = FALSE, col.names = FALSE)
peak <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
peak <- as.numeric(gsub("[^0-9]", "", peak))
cat(km[[2]], aj[[2]], peak / 1024)
"""


def main() -> None:
    """Draw the people, measure both, and say how they compare."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else PEOPLE
    with tempfile.TemporaryDirectory() as folder:
        draw_people(Path(folder), size)
        ours = json.loads(_run(sys.executable, __file__, "measure", folder))
        (Path(folder) / "curves.R").write_text(IN_R, encoding="utf-8")
        said = _run("Rscript", f"{folder}/curves.R", folder, str(RUNS))
        theirs = [float(word) for word in said.split()]
        apart = {name: _apart(Path(folder), name) for name in ("km", "aj")}
    found = {"people": size, "days": LAST_DAY}
    for k, (name, title) in enumerate((("km", "Kaplan-Meier"), ("aj", "Aalen-Johansen"))):
        wall, busy = theirs[2 * k : 2 * k + 2]
        found |= {
            f"{title}, seconds": f"{ours[name][0]:.2f}, of which computing {ours[name][1]:.2f}",
            f"{title} in R, seconds": f"{wall:.2f}, of which computing {busy:.2f}",
            f"{title}, times as fast": round(busy / ours[name][1], 1),
            f"{title}, largest difference of curve and error": apart[name],
        }
    found["largest memory, MiB"] = round(ours["memory"])
    found["largest memory in R, MiB"] = round(theirs[4])
    sys.stdout.write("\n".join(f"{name}: {value}" for name, value in found.items()) + "\n")


def draw_people(folder: Path, size: int, seed: int = 1) -> None:
    """Write days, causes and weights, in no order."""
    random = np.random.default_rng(seed)
    latent = np.ceil(random.exponential(300, size))
    censored = random.integers(30, LAST_DAY + 1, size)
    cause = np.where(latent <= censored, random.choice([1, 2], size, p=[0.7, 0.3]), 0)
    weight = random.gamma(4, 0.25, size).round(4) + 0.05
    table = np.column_stack([np.minimum(latent, censored), cause, weight])
    np.savetxt(folder / "people.txt", table, fmt=["%d", "%d", "%.4f"])


def measure(folder: Path) -> dict:
    """Seconds by the clock and of computing, and MiB beyond the people themselves."""
    day, cause, weight = np.loadtxt(folder / "people.txt", unpack=True)
    before = _peak()

    def kaplan_meier():
        sets = risk_sets(day, cause == 1, weight)
        variance = event_free_influence(sets, weight).variance()
        return sets.day, event_free_curve(sets).value, np.sqrt(variance)

    def aalen_johansen():
        curves = cause_curves(day, cause, weight)
        variance = curves.incidence_influence(1).variance()
        return curves.event_free.day, curves.incidence[1].value, np.sqrt(variance)

    found = {}
    for name, estimate in (("km", kaplan_meier), ("aj", aalen_johansen)):
        times = []
        for _ in range(RUNS):
            start = time.perf_counter(), time.process_time()
            curve = estimate()
            times.append((time.perf_counter() - start[0], time.process_time() - start[1]))
        found[name] = np.min(times, axis=0).tolist()
        np.savetxt(folder / f"{name}_ours.txt", np.column_stack(curve), fmt="%.17g")
    return found | {"memory": _peak() - before}


def _apart(folder: Path, name: str) -> str:
    ours, theirs = (np.loadtxt(folder / f"{name}{end}.txt") for end in ("_ours", ""))
    curve, error = np.abs(ours[:, 1:] - theirs[:, 1:]).max(axis=0)
    return f"{curve:.1e} and {error:.1e}"


def _run(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        sys.stdout.write(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main()
