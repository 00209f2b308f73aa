"""Write docs/definitions.md from the files of definitions."""

from pathlib import Path

from iop_outcomes.protocol.definitions.page import definitions_page
from iop_outcomes.protocol.definitions.reading import read_definitions

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    (ROOT / "docs/definitions.md").write_text(definitions_page(read_definitions()), "utf-8")
