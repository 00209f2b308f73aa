"""Episodes of a million stays: wall time and memory.

    python benchmarks/episodes.py [stays [people]]

Makes stays of people who come and go between all levels of care at 40 facilities, some of them at
two levels at once, and builds their episodes and readmissions in a process of its own: wall time of
each step, and the largest resident memory beyond that of the stays.
"""

import json
import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

from iop_outcomes.cohort.episodes import build_episodes, link_episodes
from iop_outcomes.cohort.readmission import readmissions, readmitted_within
from iop_outcomes.vocabulary import ExitReason, LevelOfCare

STAYS = 1_000_000
PEOPLE = 300_000
OPEN = 0.03  # share of stays that have not ended
LEVEL_SHARES = (0.15, 0.10, 0.12, 0.08, 0.05, 0.25, 0.20, 0.05)


def main() -> None:
    """Measure in a fresh process, and say what was measured."""
    asked = [int(word) for word in sys.argv[1:3]]
    stays, people = [*asked, *(STAYS, PEOPLE)[len(asked) :]]
    out = subprocess.run(
        [sys.executable, __file__, "measure", str(stays), str(people)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(out.stdout)
    sys.stdout.write("\n".join(f"{name}: {value}" for name, value in found.items()) + "\n")


def make_stays(size: int, people: int, seed: int = 1) -> pd.DataFrame:
    """Stays whose people, levels of care and days are drawn at random, in no order."""
    random = np.random.default_rng(seed)
    names = np.array([f"P{n:07d}" for n in range(people)])
    start = random.integers(0, 1825, size)
    end = start + random.geometric(1 / 35, size) - 1
    return pd.DataFrame(
        {
            "person_id": pd.array(random.choice(names, size), dtype="str"),
            "facility_id": pd.array(random.choice([f"F{n}" for n in range(40)], size), dtype="str"),
            "level_of_care": pd.array(
                random.choice([str(level) for level in LevelOfCare], size, p=LEVEL_SHARES),
                dtype="str",
            ),
            "start_day": pd.array(start, dtype="Int64"),
            "end_day": pd.arrays.IntegerArray(end, random.random(size) < OPEN),
            "exit_reason": pd.array(
                random.choice([str(reason) for reason in ExitReason], size), dtype="str"
            ),
        }
    )


def measure(size: int, people: int) -> dict:
    """Seconds of each step, MiB, and how much was made."""
    stays = make_stays(size, people)
    before = _peak()
    clock = [_now()]
    built = build_episodes(stays)
    clock.append(_now())
    at_peak = _peak()
    index = built.episodes[built.episodes["episode"] == 1]
    found = readmissions(built, index[["person_id", "episode"]])
    back = readmitted_within(found, 30, pd.Series(2000, found.index))
    clock.append(_now())
    link_episodes(stays, 7)
    clock.append(_now())
    wall, busy = np.diff(clock, axis=0).round(2).T.tolist()
    return {
        "stays": size,
        "people": people,
        "segments": len(built.segments),
        "episodes": len(built.episodes),
        "segments beside another stay": int(built.segments["concurrent"].sum()),
        "index episodes readmitted within 30 days": int(back.fillna(False).sum()),
        "build_episodes, seconds": f"{wall[0]}, of which computing {busy[0]}",
        "readmissions, seconds": f"{wall[1]}, of which computing {busy[1]}",
        "link_episodes, seconds": f"{wall[2]}, of which computing {busy[2]}",
        "memory of the stays' process before, MiB": round(before),
        "largest memory while building, MiB": round(at_peak),
    }


def _now() -> tuple[float, float]:
    """Wall time, and the time this process had the processor: they differ on a busy machine."""
    return time.perf_counter(), time.process_time()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    if sys.argv[1:2] == ["measure"]:
        sys.stdout.write(json.dumps(measure(int(sys.argv[2]), int(sys.argv[3]))))
    else:
        main()
