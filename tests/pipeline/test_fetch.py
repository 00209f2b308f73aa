"""`iop-outcomes fetch`: a public file into data/raw, checked, from a server on this machine."""

import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from zipfile import ZipFile

import pytest


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture
def served(tmp_path):
    """Put files into `served.folder`; `served.url` is where they are served from."""
    folder = tmp_path / "served"
    folder.mkdir()
    handler = partial(Quiet, directory=folder)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.folder = folder
        running.url = f"http://127.0.0.1:{running.server_port}"
        thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_zip_of_a_year_without_a_known_hash_is_fetched_and_said_to_be_unchecked(
    served, tmp_path, command
):
    with ZipFile(served.folder / "tedsd.zip", "w") as archive:
        archive.writestr("tedsd_puf_2023.csv", "DISYR,LOS\n2023,3\n")
        archive.writestr("read me.pdf", "terms")
    url = f"{served.url}/tedsd.zip"
    result = command(tmp_path, "fetch", "teds-d", "2023", "--url", url)
    assert result.status == 0
    assert (tmp_path / "data/raw/teds_d/tedsd.zip").is_file()
    assert "no SHA-256 is known for it" in result.out
    assert "not under DVC" in result.out


@pytest.mark.parametrize(
    ("name", "complaint"), [("year.zip", "another table than"), ("year.csv", "not the file expect")]
)
def test_another_file_than_that_years_does_not_stay(served, tmp_path, command, name, complaint):
    with ZipFile(served.folder / "year.zip", "w") as archive:
        archive.writestr("tedsd_puf_2019.csv", "DISYR,LOS\n2019,3\n")
    (served.folder / "year.csv").write_text("DISYR,LOS\n2019,3\n")
    result = command(tmp_path, "fetch", "teds-d", "2019", "--url", f"{served.url}/{name}")
    assert result.status == 2
    assert complaint in result.err
    assert not (tmp_path / "data/raw/teds_d" / name).exists()


def test_a_year_that_is_not_known_is_not_fetched(tmp_path, command):
    result = command(tmp_path, "fetch", "teds-d", "1999", "--url", "http://127.0.0.1:1/x")
    assert result.status == 2
    assert "TEDS-D of 1999 is not known; known are [2006," in result.err


def test_a_zip_of_several_tables_is_not_guessed_at(served, tmp_path, command):
    with ZipFile(served.folder / "two.zip", "w") as archive:
        archive.writestr("a.csv", "A\n1\n")
        archive.writestr("b.csv", "A\n1\n")
    result = command(tmp_path, "fetch", "teds-d", "2023", "--url", f"{served.url}/two.zip")
    assert result.status == 2
    assert "holds 2 tables, not one" in result.err
