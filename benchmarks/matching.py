"""Matching of a million people: wall time and memory.

    python benchmarks/matching.py [people [people for optimal matching]]

Draws a propensity for everyone, matches them by every rule in a process of its own, and says wall
time, pairs and the largest resident memory beyond that of the people. The optimal rules weigh every
pair within the caliper, so they get fewer people.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
from scipy.special import expit

from iop_outcomes.statistics.matching.matching_sample import Caliper
from iop_outcomes.statistics.matching.nearest_neighbour import (
    MatchingOrder,
    nearest_neighbour_matching,
)
from iop_outcomes.statistics.matching.optimal_matching import full_matching, optimal_pair_matching
from iop_outcomes.statistics.matching.subclassification import subclassification
from iop_outcomes.vocabulary import Estimand

PEOPLE = 1_000_000
FEWER = 5_000
STRATA = 200
CALIPER = Caliper(0.2)


def main() -> None:
    """Measure each rule in a fresh process, and say what was measured."""
    asked = [int(word) for word in sys.argv[1:3]]
    people, fewer = [*asked, *(PEOPLE, FEWER)[len(asked) :]]
    for rule in RULES:
        size = fewer if rule.startswith("optimal") else people
        out = subprocess.run(
            [sys.executable, __file__, "measure", rule, str(size)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = json.loads(out.stdout)
        sys.stdout.write(f"{rule}: " + ", ".join(f"{v} {k}" for k, v in found.items()) + "\n")


def make_people(size: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Arms, logits of the propensity with two decimals so that many tie, and facilities."""
    random = np.random.default_rng(seed)
    logit = random.normal(-0.5, 1, size).round(2)
    return random.random(size) < expit(logit), logit, random.integers(0, STRATA, size)


RULES = {
    "largest first": lambda t, x, s: nearest_neighbour_matching(t, x, caliper=CALIPER),
    "closest first": lambda t, x, s: nearest_neighbour_matching(
        t, x, caliper=CALIPER, order=MatchingOrder.CLOSEST
    ),
    "largest first, exact strata": lambda t, x, s: nearest_neighbour_matching(
        t, x, caliper=CALIPER, stratum=s
    ),
    "three each, with replacement": lambda t, x, s: nearest_neighbour_matching(
        t, x, caliper=CALIPER, ratio=3, replacement=True
    ),
    "subclasses": lambda t, x, s: subclassification(t, x, Estimand.ATT, 10),
    "optimal pairs": lambda t, x, s: optimal_pair_matching(t, x, caliper=CALIPER),
    "optimal full matching": lambda t, x, s: full_matching(t, x, caliper=CALIPER),
}


def measure(rule: str, size: int) -> dict:
    """Seconds, pairs and MiB of one rule."""
    people = make_people(size)
    before, clock = _peak(), time.perf_counter()
    found = RULES[rule](*people)
    wall = time.perf_counter() - clock
    return {
        "people": size,
        "pairs": len(found.treated) if rule != "subclasses" else 0,
        "seconds": round(wall, 2),
        "MiB more": round(_peak() - before),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        sys.stdout.write(json.dumps(measure(sys.argv[2], int(sys.argv[3]))))
    else:
        main()
