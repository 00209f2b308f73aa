"""A million stays of 300,000 people to a cohort: wall time and memory.

    python benchmarks/cohort.py [stays [people]]

The stays of benchmarks/episodes.py and one event for each second person, as records; their cohort
under three protocols (starting care, gaps by level of care, a step-down within two weeks), each in
a process of its own: wall time of `assemble_cohort`, and the largest resident memory.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd
from episodes import PEOPLE, STAYS, make_stays

from iop_outcomes.cohort.assembly import assemble_cohort
from iop_outcomes.protocol.parsing import parse_protocol
from iop_outcomes.protocol.specification import Protocol
from iop_outcomes.records.schema import Records

DAYS = 2200  # everyone is seen from day 0 to this one
RELAPSE = {
    "definition": "return to use", "events": ["return to use"], "competing": ["death"],
    "horizon_days": 180,
}  # fmt: skip
DROPOUT = {
    "definition": "dropping out", "events": ["dropped out"],
    "competing": ["completed", "transferred", "death", "incarcerated"], "horizon_days": 90,
}  # fmt: skip
STARTING = {
    "title": "A million stays",
    "question": "How long does it take?",
    "source": {"kind": "site_export"},
    "eligibility": {"minimum_age_years": 18, "washout_days": 60},
    "strategies": {
        "intervention": ["intensive outpatient"],
        "comparator": ["short-term residential", "long-term residential"],
        "intervention_name": "intensive outpatient care", "comparator_name": "residential care",
    },
    "time_zero": {"episode_gap_days": 7},
    "outcomes": {"relapse": RELAPSE, "discontinuation": DROPOUT},
    "estimand": "ATO",
    "analysis": {"covariates": ["severity"]},
}  # fmt: skip
PROTOCOLS = {
    "starting care": STARTING,
    "gaps by level of care": {**STARTING, "time_zero": {"episodes": {}}},
    "a step-down within two weeks": {
        **STARTING,
        "strategies": {
            "kind": "grace_period", "grace_days": 14, "intervention": ["intensive outpatient"],
            "after": ["short-term residential", "long-term residential"],
            "intervention_name": "stepping down", "comparator_name": "not stepping down",
        },
        "time_zero": {"at": "exit from the index stay", "episodes": {}},
        "outcomes": {"relapse": RELAPSE}, "causal_contrast": "per protocol", "estimand": "ATE",
    },
}  # fmt: skip


def main() -> None:
    """Measure each protocol in a fresh process, and say what was measured."""
    asked = [int(word) for word in sys.argv[1:3]]
    stays, people = [*asked, *(STAYS, PEOPLE)[len(asked) :]]
    for name in PROTOCOLS:
        out = subprocess.run(
            [sys.executable, __file__, "measure", str(stays), str(people), name],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = json.loads(out.stdout)
        sys.stdout.write(f"{name}: " + ", ".join(f"{k} {v}" for k, v in found.items()) + "\n")


def make_records(size: int, people: int) -> Records:
    """The drawn stays with what a site's export has beside them."""
    random = np.random.default_rng(2)
    stays = make_stays(size, people).assign(admission_year=2024, age_years=40)
    stays["stay_id"] = pd.array([f"S{n}" for n in range(size)], dtype="str")
    who = stays["person_id"].drop_duplicates().reset_index(drop=True)
    relapsed = random.random(len(who)) < 0.5
    return Records(
        persons=pd.DataFrame(
            {
                "person_id": who,
                "first_observed_day": 0,
                "last_observed_day": DAYS,
                "severity": random.normal(size=len(who)),
            }
        ),
        stays=stays,
        events=pd.DataFrame(
            {
                "person_id": who[relapsed],
                "day": random.integers(0, DAYS, int(relapsed.sum())),
                "kind": "return to use",
            }
        ),
    )


def measure(size: int, people: int, protocol: Protocol) -> dict:
    """Seconds, MiB, and how much was made."""
    records = make_records(size, people)
    before, began, busy = _peak(), time.perf_counter(), time.process_time()
    cohort = assemble_cohort(records, protocol)
    wall, computing = time.perf_counter() - began, time.process_time() - busy
    return {
        "stays": size,
        "people": people,
        "compared": len(cohort.persons),
        "seconds": round(wall, 1),
        "of which computing": round(computing, 1),
        "MiB before": round(before),
        "MiB at most": round(_peak()),
    }


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        asked = parse_protocol(PROTOCOLS[sys.argv[4]], "protocol")
        sys.stdout.write(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]), asked)))
    else:
        main()
