"""Where each artefact lies under data/: the only file names in the code."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TypeVar

import pandas as pd
import pyarrow as pa

from iop_outcomes.errors import WorkspaceError

T = TypeVar("T")


@dataclass(frozen=True)
class Workspace:
    """The data folder: one subfolder per stage, one file per table, one table per attribute.

    Every file is written beside its place and then moved there, so that a broken run leaves the
    old file whole and a file that DVC keeps as a hard link of its cache is never written into.
    """

    root: Path = Path("data")

    @property
    def raw(self) -> Path:
        """Folder of the raw extracts."""
        return self.root / "raw"

    def write(self, stage: str, artefact: object) -> None:
        """Write every table of `artefact`, a dataclass of data frames, side by side."""
        with ThreadPoolExecutor() as writers:
            for done in [
                writers.submit(self._write_table, stage, *item) for item in vars(artefact).items()
            ]:
                done.result()

    def _write_table(self, stage: str, name: str, table: pd.DataFrame) -> None:
        # Smallest and largest values of each block would help nobody: tables are read whole.
        self._replace(
            self.root / stage / f"{name}.parquet",
            lambda path: table.to_parquet(path, index=False, write_statistics=False),
        )

    def read(self, stage: str, kind: type[T]) -> T:
        """Read back what `write` wrote, as `kind`."""
        return kind(**{field.name: self.table(stage, field.name) for field in fields(kind)})

    def table(self, stage: str, name: str) -> pd.DataFrame:
        """One table alone: a stage that must not see the rest reads just this."""
        path = self.root / stage / f"{name}.parquet"
        try:
            return pd.read_parquet(path)
        except FileNotFoundError:
            raise WorkspaceError(
                f"{path} is not there yet; run `iop-outcomes {stage}` (or `dvc repro`) first"
            ) from None
        except pa.ArrowInvalid:
            raise WorkspaceError(
                f"{path} is damaged; run `iop-outcomes {stage}` (or `dvc repro -f {stage}`) again"
            ) from None

    def write_text(self, stage: str, name: str, text: str) -> None:
        """Write a document for people; `name` may hold a subfolder."""
        self._replace(
            self.root / stage / name, lambda path: path.write_text(text, "utf-8", newline="\n")
        )

    @staticmethod
    def _replace(path: Path, write: Callable[[Path], object]) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part")
        try:
            write(beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
