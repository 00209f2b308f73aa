"""Bring a public file here: resumed where it broke off, checked, and never half in place."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from zipfile import BadZipFile, ZipFile

import requests

from iop_outcomes.errors import RecordsError

CHUNK_BYTES = 1 << 16
TIMEOUT_SECONDS = 60
TABLES = (".csv", ".tsv", ".txt", ".sav", ".dta", ".parquet")
HTML = (b"<!doctype html", b"<html", b"<head")

Watch = Callable[[Iterable[bytes], int, int | None], Iterable[bytes]]


@dataclass(frozen=True)
class Expected:
    """What is known of a file beforehand; None where it is not.

    Attributes
    ----------
    size_bytes, sha256
        Of the file as downloaded.
    """

    size_bytes: int | None = None
    sha256: str | None = None


def _unwatched(chunks: Iterable[bytes], _done: int, _total: int | None) -> Iterable[bytes]:
    return chunks


def download(
    url: str, path: Path, expected: Expected | None = None, watch: Watch = _unwatched
) -> Path:
    """Download `url` to `path`; what a broken download left beside it is continued.

    Parameters
    ----------
    url
        Where the file is.
    path
        Where it shall lie. The part downloaded so far lies beside it as `.NAME.part`.
    expected
        Size and SHA-256 to check; a file that is already there and fits is not downloaded again.
    watch
        Given the chunks, the bytes there already and the total (None if the server does not say);
        yields the chunks, and may show progress.

    Raises
    ------
    RecordsError
        The server refuses or breaks off, sends a web page instead of a file, or the file is not
        the one expected (it is then removed).
    """
    expected = expected or Expected()
    if path.is_file() and _fits(path, expected):
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    _continue(url, part, watch)
    _refuse_a_page(part, url)
    if not _fits(part, expected):
        part.unlink()
        raise RecordsError(
            f"{url} is not the file expected (its size or SHA-256 differs); ask for the right "
            "address, or give the year it is of"
        )
    part.replace(path)
    return path


def check_inside(path: Path, expected: Expected) -> None:
    """Hold the one table inside a zip file to what is known of it; a wrong one does not stay.

    Raises
    ------
    RecordsError
        The file is no zip, holds no table or several, or another one than expected.
    """
    try:
        with ZipFile(path) as archive:
            tables = [name for name in archive.namelist() if name.lower().endswith(TABLES)]
            if len(tables) == 1:
                with archive.open(tables[0]) as table:
                    fits = expected.sha256 in (None, file_digest(table, "sha256").hexdigest())
    except BadZipFile:
        path.unlink()
        raise RecordsError(f"{path} is no zip file; it was removed, fetch it again") from None
    if len(tables) != 1:
        raise RecordsError(f"{path} holds {len(tables)} tables, not one; unpack the one you need")
    if not fits:
        path.unlink()
        raise RecordsError(
            f"{path} holds another table than that year's (its SHA-256 differs); it was removed"
        )


def _continue(url: str, part: Path, watch: Watch) -> None:
    done = part.stat().st_size if part.is_file() else 0
    headers = {"Range": f"bytes={done}-"} if done else {}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT_SECONDS) as answer:
            if answer.status_code == requests.codes.requested_range_not_satisfiable:
                return  # everything is here already
            if answer.status_code not in (requests.codes.ok, requests.codes.partial_content):
                raise RecordsError(
                    f"{url} answers {answer.status_code} {answer.reason}; check the address"
                )
            resumed = answer.status_code == requests.codes.partial_content
            done = done if resumed else 0
            length = answer.headers.get("Content-Length")
            total = done + int(length) if length else None
            with part.open("ab" if resumed else "wb") as file:
                for chunk in watch(answer.iter_content(CHUNK_BYTES), done, total):
                    file.write(chunk)
    except requests.exceptions.MissingSchema:
        raise RecordsError(f"{url} is no address; write it with https://") from None
    except requests.exceptions.RequestException as error:
        raise RecordsError(
            f"{url}: the connection broke ({type(error).__name__}); run the same command again to "
            "go on where it stopped"
        ) from None
    if total is not None and part.stat().st_size < total:
        raise RecordsError(
            f"{url}: the connection broke after {part.stat().st_size} of {total} bytes; run the "
            "same command again to go on where it stopped"
        )


def _refuse_a_page(part: Path, url: str) -> None:
    with part.open("rb") as file:
        start = file.read(512).lstrip().lower()
    if start.startswith(HTML):
        part.unlink()
        raise RecordsError(
            f"{url} is a web page and not a file; open it in a browser and take the address of the "
            "file itself"
        )


def _fits(path: Path, expected: Expected) -> bool:
    if expected.size_bytes is not None and path.stat().st_size != expected.size_bytes:
        return False
    if expected.sha256 is None:
        return True
    with path.open("rb") as file:
        return file_digest(file, "sha256").hexdigest() == expected.sha256
