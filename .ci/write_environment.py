"""Write environment.yml from requirements.lock: the same packages for people who use conda."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# The same environment for conda users, made from requirements.lock by `make lock`:
#   conda env create -f environment.yml && conda activate iop_outcomes && dvc repro
name: iop_outcomes
channels: [conda-forge]
dependencies:
  - python>=3.11,<3.14
  - pip
  - git
  - make
  - pip:
"""


def pins(lock: str) -> list[str]:
    """The requirements of a lock without their hashes, as written: name==version ; marker."""
    return [line.removesuffix("\\").strip() for line in lock.splitlines() if re.match(r"\w", line)]


def environment(lock: str) -> str:
    """The text of environment.yml."""
    return HEADER + "".join(f'      - "{pin}"\n' for pin in [*pins(lock), "-e ."])


if __name__ == "__main__":
    lock = (ROOT / "requirements.lock").read_text("utf-8")
    (ROOT / "environment.yml").write_text(environment(lock), "utf-8")
