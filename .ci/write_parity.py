"""Write docs/parity.md from the ledgers beside the tests of parity."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LEDGERS = {
    "propensity": "Propensity, weights, balance",
    "matching": "Matching and subclassification",
    "effects": "Effects and clusters",
    "curves": "Curves and competing risks",
    "cox": "Proportional hazards",
    "time": "Repeated events, coarse time, states",
}
OPENING = """\
# Parity: what each number was checked against, and where tools differ

Written by `.ci/write_parity.py` from the ledgers in `tests/parity/ledger`; the tests of
`tests/parity` and `tests/statistics` hold the numbers to what stands here. Where a reference is
wrong the formula was kept, and a test shows both. R scripts lie in `tests/parity/scripts`, what
they printed in `tests/parity/expected`; the data beside them are simulated and tied on purpose.
Names such as a05 or S3 are of reference results and golden numbers on public data.
"""


def parity_page() -> str:
    """The page as it should be."""
    parts = [OPENING]
    for name, title in LEDGERS.items():
        rows = (ROOT / f"tests/parity/ledger/{name}.md").read_text("utf-8").strip()
        parts.append(f"## {title}\n\n{rows}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    (ROOT / "docs/parity.md").write_text(parity_page(), "utf-8")
