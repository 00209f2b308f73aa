"""The folder of a new study: nothing that is there is ever overwritten."""

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from iop_outcomes.errors import ProtocolError


def refuse_if_taken(folder: Path, raw: Iterable[Path], targets: Iterable[Path]) -> None:
    """Refuse a folder that holds anything but the export itself and hidden files (git's, DVC's).

    Parameters
    ----------
    raw
        The files of the export, which may lie in the folder.
    targets
        What is about to be written.

    Raises
    ------
    ProtocolError
        The folder holds something else, or one of the targets.
    """
    if folder.exists() and not folder.is_dir():
        raise ProtocolError(f"{folder} is a file; name a folder with --into")
    exported = [path.resolve() for path in raw]
    other = [
        each.name
        for each in (sorted(folder.iterdir()) if folder.is_dir() else [])
        if not each.name.startswith(".")
        and not any(path.is_relative_to(each.resolve()) for path in exported)
    ]
    there = [path for path in targets if path.exists() and path.resolve() not in exported]
    if other or there:
        seen = there[0] if there else folder / other[0]
        raise ProtocolError(
            f"{seen} is there already, and nothing is overwritten; name an empty or a new folder "
            "with --into"
        )


def write_study(folder: Path, texts: Mapping[str, str], copies: Mapping[Path, Path]) -> None:
    """Write the texts below the folder and copy the raw files, the copies first.

    Parameters
    ----------
    texts
        By path below the folder.
    copies
        Where each file of the export goes; one that lies there already stays as it is.
    """
    for source, target in copies.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.resolve() != target.resolve():
            shutil.copyfile(source, target)
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8", newline="\n") as stream:
            stream.write(text)
